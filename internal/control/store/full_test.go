package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.etcd.io/bbolt"
)

// fillDisk fills a disk that is the process's own, and wants the store to bear it.
func fillDisk(args []string) error {
	dir := args[0]
	if err := errors.Join(
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"),
	); err != nil {
		fmt.Println("skip:", err)
		return nil
	}
	s, err := Open(filepath.Join(dir, "store.db"), Options{})
	if err != nil {
		return err
	}
	n, err := commitUntilFull(s)
	if err != nil {
		return err
	}
	// Nothing of the failed one, everything of the others; and again and again.
	for range 3 {
		if _, err := s.Commit(context.Background(), put("large", strings.Repeat("x", ValueBytesMax))); !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("on a full disk: got %w, want that there is no room", err)
		}
		if all, r := s.List(""); len(all) != n || r != Revision(n) {
			return fmt.Errorf("on a full disk: got %d documents at revision %d, want %d", len(all), r, n)
		}
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=3300k"); err != nil {
		return err
	}
	if err := largeAndSmall(s); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=12m"); err != nil {
		return err
	}
	if _, err := s.Commit(context.Background(), put("large", strings.Repeat("x", ValueBytesMax))); err != nil {
		return fmt.Errorf("with room again: %w", err)
	}
	want := contents(s)
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(s.path, Options{}); err != nil {
		return err
	}
	if contents(s) != want {
		return errors.New("opened again: it has changed")
	}
	return s.Close()
}

// commitUntilFull commits until the disk is full, and returns how many documents it took.
func commitUntilFull(s *Store) (int, error) {
	for n := range 1000 {
		_, err := s.Commit(context.Background(), put(fmt.Sprint("key", n), strings.Repeat("x", 20_000)))
		var refused *WriteError
		switch {
		case errors.As(err, &refused) && errors.Is(err, syscall.ENOSPC) && !refused.Uncertain:
			if !strings.Contains(err.Error(), "no space left on device; nothing was changed") {
				return 0, fmt.Errorf("the message does not say what is wrong: %w", err)
			}
			return n, nil
		case err != nil:
			return 0, err
		}
	}
	return 0, errors.New("the disk did not get full")
}

// largeAndSmall commits a group of which the disk can take only a part: the others must not suffer for the one that is too large.
func largeAndSmall(s *Store) error {
	large, small, conflict := put("large", strings.Repeat("x", ValueBytesMax)), put("small", "x"), put("none", "x")
	conflict.If = []Condition{{Key: "large", Revision: 0}}
	group := []*request{{txn: &large}, {txn: &small}, {txn: &conflict}}
	s.commitGroup(group) // nobody else commits
	if !errors.Is(group[0].err, syscall.ENOSPC) || group[1].err != nil || group[2].err != nil {
		return fmt.Errorf("a group on a full disk: got %w, %w and %w, want that only the first fails", group[0].err, group[1].err, group[2].err)
	}
	return nil
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	cmd := otherProcess(t, "full", t.TempDir())
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

// TestUncertain has a disk that takes everything and then says that it may not be safe.
func TestUncertain(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustCommit(t, s, put("a", "1"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	idle := reopenIdle(t, s.path)
	tries := 0
	idle.write = func(db *bbolt.DB, d *draft, schema uint32) error {
		tries++
		if err := commitDraft(db, d, schema); err != nil {
			t.Error(err)
		}
		return refusal(db, d, syscall.EIO)
	}
	for range 2 { // the second is not tried
		first, second := put("a", "2"), put("b", "3")
		second.If = []Condition{{Key: "a", Revision: 7}}
		group := []*request{{txn: &first}, {txn: &second}}
		idle.commitGroup(group)
		for _, r := range group {
			var refused *WriteError
			if !errors.As(r.err, &refused) || !refused.Uncertain || !errors.Is(r.err, syscall.EIO) || !strings.Contains(r.err.Error(), "it is not known whether") {
				t.Errorf("got %v, want an uncertain *WriteError", r.err)
			}
		}
	}
	if got := contents(idle); got != "1: a=1@1/1" || tries != 1 {
		t.Errorf("got %s after %d tries, want what is known to be safe after 1", got, tries)
	}
	if err := idle.db.Close(); err != nil {
		t.Fatal(err)
	}
	if got := contents(mustOpen(t, s.path)); got != "2: a=2@1/2" {
		t.Errorf("opened again: got %s, want what this disk has", got)
	}
}
