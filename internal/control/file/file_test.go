package file

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expected texts in testdata and docs/reference")

// mark begins the lines, at the end of a file in testdata/bad, that hold the faults expected of what is before them.
const mark = "#! "

// TestBadFiles reads each file of testdata/bad and compares every fault with those noted at its end.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("testdata/bad: %v, %d files", err, len(paths))
	}
	dir := tlsDir(t)
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			t.Parallel()
			data, want := cutMarked(t, path)
			c, got := parseIn(dir, data)
			if c != nil || got == "" {
				t.Fatalf("got a configuration %+v and faults %q, want only faults", c, got)
			}
			if *update {
				rewriteMarked(t, path, data, got)
				return
			}
			if got != want {
				t.Errorf("faults of %s:\ngot:\n%s\nwant:\n%s", path, got, want)
			}
		})
	}
}

// cutMarked splits a file of testdata/bad into the configuration and the faults expected of it.
func cutMarked(t *testing.T, path string) (data []byte, want string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(append([]byte("\n"), data...), []byte("\n"+mark))
	if at < 0 {
		return data, ""
	}
	want = strings.TrimSuffix(strings.TrimPrefix(string(data[at:]), mark), "\n")
	return data[:at], strings.ReplaceAll(want, "\n"+mark, "\n")
}

func rewriteMarked(t *testing.T, path string, data []byte, faults string) {
	t.Helper()
	marked := mark + strings.ReplaceAll(faults, "\n", "\n"+mark) + "\n"
	if err := os.WriteFile(path, append(bytes.Clone(data), marked...), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestErrorFields(t *testing.T) {
	t.Parallel()
	_, err := Parse("lull.yaml", []byte("load_balancers:\n  - name: a\n    timeouts:\n      idle: 5000s\n"))
	var errs Errors
	if !errors.As(err, &errs) || len(errs) != 1 {
		t.Fatalf("got error %#v, want Errors with one in it", err)
	}
	want := Error{
		File: "lull.yaml", Line: 4, Column: 13, Key: "load_balancers[0].timeouts.idle", Value: "5000s",
		Message: "is out of range: allowed 1s..4000s (whole seconds)",
	}
	if errs[0] != want {
		t.Errorf("got %+v, want %+v", errs[0], want)
	}
	text := "lull.yaml:4: load_balancers[0].timeouts.idle: 5000s is out of range: allowed 1s..4000s (whole seconds)"
	if got := err.Error(); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/good/minimal.yaml")
	if err != nil || c.Path != "testdata/good/minimal.yaml" || len(c.Plan.LoadBalancers) != 1 {
		t.Errorf("got %+v, %v, want the one load balancer of the file", c, err)
	}
	_, err = Load("testdata/none.yaml")
	var errs Errors
	if !errors.As(err, &errs) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %#v, want Errors that say the file does not exist", err)
	}
	if got, want := err.Error(), "testdata/none.yaml: cannot be read: no such file or directory"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err = Load("testdata"); err == nil {
		t.Error("reading a directory: got no error")
	}
}

func TestLoadTooLarge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(path, bytes.Repeat([]byte("#\n"), fileBytesMax/2+1), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if want := path + ": is too large: allowed 4194304 bytes"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

// TestHostileFiles reads files that are small but try to cost much. Each must end with a fault, and soon.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		file string
		want string
	}{
		"billion-laughs": {laughs(), "aliases unfold to more than"},
		"deep-flow":      {"load_balancers: " + strings.Repeat("[", 200000), "is not valid YAML"},
		"deep-block":     {strings.Repeat("? ", 200000), "is not valid YAML"},
		"unknown-keys":   {unknownKeys(50000), "more faults are not shown"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("lull.yaml", []byte(c.file))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %.200v, want a fault with %q", err, c.want)
			}
			var errs Errors
			if errors.As(err, &errs); len(errs) > faultsMax+1 {
				t.Errorf("got %d faults, want %d at most", len(errs), faultsMax+1)
			}
		})
	}
}

// laughs returns a file of a few kilobytes whose aliases stand for 10^9 backends.
func laughs() string {
	var b strings.Builder
	b.WriteString("load_balancers:\n- name: a\n  backend_sets:\n  - {name: a, backends: &x [")
	b.WriteString(strings.Repeat("{address: a, port: 1},", 1000))
	b.WriteString("]}\n  - &s {name: b, backends: *x}\n")
	b.WriteString(strings.Repeat("  - *s\n", 1000))
	b.WriteString("- &l {name: b, backend_sets: [" + strings.Repeat("*s,", 1000) + "]}\n")
	b.WriteString(strings.Repeat("- *l\n", 1000))
	return b.String()
}

func unknownKeys(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat("k", i%40+1) + "-" + strings.Repeat("x", i/40%40) + string(rune('a'+i/1600%26)) + string(rune('a'+i/41600)) + ": 1\n")
	}
	return b.String()
}
