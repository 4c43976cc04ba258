package admin

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// shortDir returns a directory whose path leaves room for a socket's name, which a long test name would not.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lull")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// stale leaves a socket file on which nobody answers.
func stale(t *testing.T, path string) {
	t.Helper()
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestListenMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	var loose net.ListenConfig
	s, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != fs.ModeSocket|0o600 {
		t.Errorf("mode %v, want a socket with 0600", got)
	}
	// The mode must be there when bind makes the file. That ownerOnly runs before bind is net's promise; that the
	// kernel then uses it is shown by leaving it out.
	other, err := loose.Listen(t.Context(), "unix", path+"2")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if info, err = os.Lstat(path + "2"); err != nil || info.Mode().Perm() == 0o600 {
		t.Skipf("umask makes every socket 0600 here: %v, %v", info.Mode(), err)
	}
}

func TestListenReplacesAStaleSocket(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	stale(t, path)
	s, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.remove(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket file is still there: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	file, live := filepath.Join(dir, "file"), filepath.Join(dir, "live")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("unix", live)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	for _, tt := range []struct{ name, path, want string }{
		{"empty", "", "is empty"},
		{"too-long", filepath.Join(dir, strings.Repeat("x", 100)), "a socket's path may have 1 to 107"},
		{"file", file, "exists and is not a socket"},
		{"directory", dir, "exists and is not a socket"},
		{"live", live, "another process answers on it"},
		{"no-directory", filepath.Join(dir, "no", "s"), "no such file or directory"},
	} {
		s, err := listen(tt.path)
		if err == nil {
			t.Errorf("%s: listens", tt.name)
			_ = s.Close()
			continue
		}
		if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "admin.socket") {
			t.Errorf("%s: %q, want admin.socket and %q", tt.name, err, tt.want)
		}
	}
	if conn, err := net.Dial("unix", live); err != nil {
		t.Errorf("the live socket was harmed: %v", err)
	} else {
		_ = conn.Close()
	}
}

func TestAtSignIsNoAbstractSocket(t *testing.T) {
	t.Parallel()
	if got, err := sanePath("@lull"); err != nil || got != "./@lull" {
		t.Errorf("sanePath(@lull) = %q, %v, want ./@lull", got, err)
	}
}

// TestOneOfManyStartsWins has several listen at once where a stale file lies: exactly one may get it.
func TestOneOfManyStartsWins(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	for range 20 {
		_ = os.Remove(path)
		stale(t, path)
		var won atomic.Pointer[socket]
		var wins atomic.Int32
		var starts sync.WaitGroup
		for range 4 {
			starts.Go(func() {
				if s, err := listen(path); err == nil {
					wins.Add(1)
					won.Store(s)
				}
			})
		}
		starts.Wait()
		if n := wins.Load(); n != 1 {
			t.Fatalf("%d listen on one path, want 1", n)
		}
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatalf("nobody answers on the winner's path: %v", err)
		}
		_ = conn.Close()
		_ = won.Load().Close()
	}
}

func TestListenDoesNotWaitLongForALock(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err != nil { // as `flock DIR lull serve` does
		t.Fatal(err)
	}
	begin := time.Now()
	s, err := listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if took := time.Since(begin); took < lockLimit || took > 5*lockLimit {
		t.Errorf("listened after %s, want about %s", took, lockLimit)
	}
}

func TestRemoveLeavesAnothersFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortDir(t), "s")
	mine, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer mine.Close()
	if err := os.Rename(path, path+".away"); err != nil { // keeps the inode in use
		t.Fatal(err)
	}
	theirs, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	if err := mine.remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's socket file was removed: %v", err)
	}
}
