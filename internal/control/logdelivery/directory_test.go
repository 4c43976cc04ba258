package logdelivery

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// text returns a body.
func text(s string) *io.SectionReader {
	return io.NewSectionReader(strings.NewReader(s), 0, int64(len(s)))
}

func newDirectory(t *testing.T) (*Directory, string) {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	d, err := NewDirectory(root)
	if err != nil {
		t.Fatal(err)
	}
	return d, root
}

// TestDirectoryReplaces: a file is there in one piece, also where there was one before or a part of one.
func TestDirectoryReplaces(t *testing.T) {
	t.Parallel()
	d, root := newDirectory(t)
	for _, want := range []string{"first", "second", ""} {
		if err := d.Put(t.Context(), "logs", "a/b/c.log", text(want)); err != nil {
			t.Fatal(err)
		}
		if got := read(t, filepath.Join(root, "logs/a/b/c.log")); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := os.WriteFile(filepath.Join(root, "logs/a/b/.c.log.part"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Put(t.Context(), "logs", "a/b/c.log", text("last")); err != nil {
		t.Fatal(err)
	}
	wantList(t, "files", files(t, root), "logs/a/b/c.log")
}

// TestNamesThatEscape: no name leads out of the root, nor to a place that a Target cannot name.
func TestNamesThatEscape(t *testing.T) {
	t.Parallel()
	d, root := newDirectory(t)
	s3, err := NewS3(S3Options{Endpoint: "http://127.0.0.1:1", Region: region, AccessKeyID: "id", SecretKey: "key"})
	if err != nil {
		t.Fatal(err)
	}
	for _, bucket := range []string{"", ".", "..", "ab", "../x", "/etc", "a/b", "a..b", ".abc", "abc.", "-abc", "ABC", "a\x00b", "a b", "été", "a\nb", strings.Repeat("a", 64)} {
		bad := target("my-lb")
		bad.Bucket = bucket
		if _, ok := errors.AsType[*InvalidError](bad.Validate()); !ok {
			t.Errorf("bucket %q is valid", bucket)
		}
		for _, store := range []Store{d, s3} {
			if err := store.Put(t.Context(), bucket, "key", text("x")); err == nil || !strings.Contains(err.Error(), "not names that access logs have") {
				t.Errorf("bucket %q: %v", bucket, err)
			}
		}
	}
	for _, key := range []string{
		".", "..", "/", "/etc/passwd", "../x", "a/../../x", "a/..", "a/./b", "a//b", "a/", "/a", `a\b`, "a\x00b", "a b", "a%2e%2e", "a?b", "a#b", "a\nb", "é", "a\u202eb",
		strings.Repeat("a", 256), strings.Repeat("a/", 300) + "a",
	} {
		bad := target("my-lb")
		bad.Prefix = key
		if _, ok := errors.AsType[*InvalidError](bad.Validate()); !ok {
			t.Errorf("prefix %q is valid", key)
		}
		if len(key) > prefixMax {
			continue // a key may be longer than a prefix
		}
		for _, store := range []Store{d, s3} {
			if err := store.Put(t.Context(), "logs", key, text("x")); err == nil || !strings.Contains(err.Error(), "not names that access logs have") {
				t.Errorf("key %q: %v", key, err)
			}
		}
	}
	for _, name := range []string{"", "a/b", "..", "a_b", "a.b", strings.Repeat("a", 33), "é", "a\n"} {
		bad := target(name)
		if _, ok := errors.AsType[*InvalidError](bad.Validate()); !ok {
			t.Errorf("name %q is valid", name)
		}
	}
	for _, prefix := range []string{"AWSLogs", "a/AWSLogs/b", "xAWSLogs"} {
		bad := target("my-lb")
		bad.Prefix = prefix
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), `access log prefix "`+prefix+`": must be`) {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
	for _, prefix := range []string{"", "a", "my-app", "a/b.c/d_e", "lb=web/year=2026", "...", "a..b", "!-_.*'()+=,@:~$&"} {
		good := target("my-lb")
		good.Prefix = prefix
		if err := good.Validate(); err != nil {
			t.Error(err)
		}
	}
	wantList(t, "root", files(t, root))
}

// TestLinksThatEscape: a symbolic link below the root is not followed, wherever it leads.
func TestLinksThatEscape(t *testing.T) {
	t.Parallel()
	d, root := newDirectory(t)
	outside := filepath.Join(filepath.Dir(root), "outside")
	for _, dir := range []string{outside, filepath.Join(root, "inside"), filepath.Join(root, "logs/dir")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{
		"outer": outside, "inner": filepath.Join(root, "inside"), "relative": "../outside", "near": "inside", "dangling": "nowhere", "file": victim,
		"logs/outer": outside, "logs/inner": "../inside", "logs/end.log": victim, "logs/.part.log.part": victim,
	} {
		if err := os.Symlink(to, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, bucket := range []string{"outer", "inner", "relative", "near", "dangling", "file"} {
		err := d.Put(t.Context(), bucket, "x.log", text("x"))
		if _, ok := errors.AsType[*RefusedError](err); !ok {
			t.Errorf("bucket %s: %v", bucket, err)
		}
	}
	for _, key := range []string{"outer/x.log", "inner/x.log"} {
		err := d.Put(t.Context(), "logs", key, text("x"))
		if _, ok := errors.AsType[*RefusedError](err); !ok {
			t.Errorf("key %s: %v", key, err)
		}
	}
	for _, key := range []string{"end.log", "part.log"} { // the link itself gives way
		if err := d.Put(t.Context(), "logs", key, text("new")); err != nil {
			t.Errorf("key %s: %v", key, err)
		}
		if info, err := os.Lstat(filepath.Join(root, "logs", key)); err != nil || !info.Mode().IsRegular() {
			t.Errorf("key %s: %v, %v", key, info, err)
		}
	}
	if err := d.Put(t.Context(), "logs", "dir", text("x")); err == nil {
		t.Error("a directory was replaced by a file")
	}
	if got := read(t, victim); got != "precious" {
		t.Errorf("the file outside holds %q", got)
	}
	wantList(t, "outside", files(t, outside), "victim")
	wantList(t, "inside", files(t, filepath.Join(root, "inside")))
}

// TestDirectoryErrors: who has to change something is told so as the API says it, and what passes is told as it is.
func TestDirectoryErrors(t *testing.T) {
	t.Parallel()
	d, root := newDirectory(t)
	for err, want := range map[error]bool{
		fs.ErrPermission: true, syscall.EACCES: true, syscall.EPERM: true, syscall.EROFS: true, syscall.ENOTDIR: true, syscall.ELOOP: true,
		syscall.ENOSPC: false, syscall.EIO: false, syscall.EDQUOT: false, context.DeadlineExceeded: false,
	} {
		if got := refusal(&fs.PathError{Op: "open", Path: "x", Err: err}); got != want {
			t.Errorf("refusal(%v) = %t, want %t", err, got, want)
		}
	}
	d.turn <- struct{}{} // as while another file is being written, to a disk that is dead
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := d.Put(ctx, "logs", "x.log", text("x")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	<-d.turn
	if err := os.RemoveAll(root); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), "logs", "x.log", text("x")); !errors.Is(err, fs.ErrNotExist) { // it may have been unmounted
		t.Errorf("without a root: %v", err)
	}
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewDirectory(root); err == nil || !strings.Contains(err.Error(), root+": not a directory") {
		t.Errorf("a root that is a file: %v", err)
	}
}
