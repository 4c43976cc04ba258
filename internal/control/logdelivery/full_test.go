package logdelivery

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fullVariable has the test program fill a disk of its own, in the directory of its first argument.
const fullVariable = "LULL_LOGDELIVERY_TEST_FULL"

func TestMain(m *testing.M) {
	if os.Getenv(fullVariable) == "" {
		os.Exit(m.Run())
	}
	if err := onFullDisk(os.Args[1]); err != nil {
		_, _ = os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Exit(0)
}

// TestFullDisk has a disk of a megabyte for a directory of logs and for a spool.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, t.TempDir())
	cmd.Env = append(os.Environ(), fullVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	switch {
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.ENOSPC), strings.HasPrefix(string(out), "skip:"):
		t.Skipf("no disk of its own to fill: %v %s", err, out)
	case err != nil:
		t.Errorf("%v: %s", err, out)
	}
}

func onFullDisk(dir string) error {
	if err := errors.Join(
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"),
	); err != nil {
		fmt.Println("skip:", err)
		return nil
	}
	if err := fullDirectory(dir); err != nil {
		return err
	}
	return fullSpool(dir)
}

// fullDirectory wants a file that has no room to be refused and to leave nothing behind.
func fullDirectory(dir string) error {
	root := filepath.Join(dir, "logs")
	d, err := NewDirectory(root)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := d.Put(ctx, "logs", "a/x.log", text("small")); err != nil {
		return err
	}
	for range 3 {
		err := d.Put(ctx, "logs", "a/x.log", text(strings.Repeat("x", 2<<20)))
		if _, refused := errors.AsType[*RefusedError](err); refused || !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("got %w, want that there is no room", err)
		}
	}
	if err := d.Put(ctx, "logs", "a/y.log", text(strings.Repeat("x", 512<<10))); err != nil {
		return fmt.Errorf("what failed has left something behind: %w", err)
	}
	if x, err := os.ReadFile(filepath.Join(root, "logs/a/x.log")); string(x) != "small" {
		return fmt.Errorf("a file that was there has %d bytes, %w", len(x), err)
	}
	return os.RemoveAll(root)
}

// fullSpool fills the disk, makes room, and wants whole lines and a right count.
func fullSpool(dir string) error {
	s, _, err := openSpool(filepath.Join(dir, "spool"), owner{account, region}, SpoolBytesDefault, rand.Reader)
	if err != nil {
		return err
	}
	now := time.Unix(0, 0)
	at := slot{target("my-lb").destination(), nodeIPv4(), 300}
	line := strings.Repeat("x", 999) + "\n"
	write := func(lines int) {
		for range lines {
			s.addLocked(at, []byte(line), now)
		}
		s.flushLocked()
	}
	write(500)
	if s.lost.Load() != 0 || s.lines.Load() != 500 {
		return fmt.Errorf("with room: %d lines, %d lost", s.lines.Load(), s.lost.Load())
	}
	write(1000)
	if s.lost.Load() == 0 || s.lines.Load()+s.lost.Load() != 1500 || !errors.Is(s.reason, syscall.ENOSPC) {
		return fmt.Errorf("without room: %d lines, %d lost: %w", s.lines.Load(), s.lost.Load(), s.reason)
	}
	write(1000)
	lost := s.lost.Load()
	if err := onlyWholeLines(s, at); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"); err != nil {
		return err
	}
	write(1000)
	if s.lost.Load() != lost || s.lines.Load()+s.lost.Load() != 3500 {
		return fmt.Errorf("with room again: %d lines, %d lost", s.lines.Load(), s.lost.Load())
	}
	if err := onlyWholeLines(s, at); err != nil {
		return err
	}
	s.shutWhere(func(slot) bool { return true })
	f, _ := s.take(now)
	got, err := os.ReadFile(filepath.Join(s.dir, f.name))
	if err != nil {
		return err
	}
	if want := strings.Repeat(line, int(s.lines.Load())); string(got[f.start:f.size]) != want || int64(len(got)) != f.size {
		return fmt.Errorf("the file has %d bytes of %d for %d lines, or not those", f.size-f.start, len(want), s.lines.Load())
	}
	again, odd, err := openSpool(s.dir, s.owner, SpoolBytesDefault, rand.Reader)
	if err != nil || odd != nil || len(again.shut) != 1 || again.shut[0].size != f.size || again.shut[0].start != f.start {
		return fmt.Errorf("taken up again: %v %v: %w", again.shut, odd, err)
	}
	return nil
}

// onlyWholeLines wants the spool to hold the slot's file alone, and in it only what was written.
func onlyWholeLines(s *spool, at slot) error {
	other := at
	other.end += 300
	lost := s.lost.Load()
	s.addLocked(other, bytes.Repeat([]byte("x"), 8<<20), time.Unix(0, 0)) // more than there is room for
	s.flushLocked()
	if s.lost.Load() != lost+1 || s.open[other] != nil || s.pending != 0 {
		return fmt.Errorf("a file of its own for a line that has no room: %d lost, %v, %d pending", s.lost.Load()-lost, s.open[other], s.pending)
	}
	s.lost.Store(lost)
	all, err := os.ReadDir(s.dir)
	if err != nil || len(all) != 1 {
		return fmt.Errorf("%v in the spool: %w", all, err)
	}
	info, err := all[0].Info()
	if err != nil || info.Name() != s.open[at].name || info.Size() != s.open[at].size {
		return fmt.Errorf("%s has %d bytes, want %d: %w", info.Name(), info.Size(), s.open[at].size, err)
	}
	return nil
}
