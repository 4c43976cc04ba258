package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// noon is when these tests begin.
//
//nolint:gochecknoglobals // a constant that Go has no word for
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// copyNames returns what is beside a store, without the store.
func copyNames(t *testing.T, path string) []string {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		if name, ok := strings.CutPrefix(f.Name(), filepath.Base(path)); ok && name != "" {
			names = append(names, name)
		}
	}
	return names
}

// clockedStore makes a store with one document, in which nothing runs, and a clock that the test sets.
func clockedStore(t *testing.T) (*Store, *time.Time) {
	t.Helper()
	s := newStore(t)
	if err := s.Close(); err != nil { // before there is anything to copy
		t.Fatal(err)
	}
	s = reopenIdle(t, s.path)
	txn := put("a", "1")
	s.commitGroup([]*request{{txn: &txn}})
	now := noon
	s.now = func() time.Time { return now }
	return s, &now
}

func TestCopyDue(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		have []string // times of copies that are there
		wait time.Duration
		made bool
	}{
		{"none", nil, CopyEvery, true},
		{"old", []string{"20260601T110000Z"}, CopyEvery, true},
		{"recent", []string{"20260601T113000Z"}, 30 * time.Minute, false},
		{"recent-and-old", []string{"20260601T100000Z", "20260601T115900Z"}, 59 * time.Minute, false},
		{"future", []string{"20260601T120001Z"}, CopyEvery, true},
		{"future-and-recent", []string{"20300601T120001Z", "20260601T115900Z"}, 59 * time.Minute, false},
		{"now", []string{"20260601T120000Z"}, CopyEvery, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, _ := clockedStore(t)
			for _, at := range c.have {
				if err := os.WriteFile(s.path+copyMark+at+"-r0", nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			wait := s.copyDue()
			made := slices.Contains(copyNames(t, s.path), ".copy-20260601T120000Z-r1")
			if wait != c.wait || made != c.made {
				t.Errorf("got a wait of %v and made %v, want %v and %v", wait, made, c.wait, c.made)
			}
		})
	}
}

func TestCopyOfEmptyStore(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = reopenIdle(t, s.path)
	if wait := s.copyDue(); wait != CopyEvery || len(copyNames(t, s.path)) > 0 {
		t.Errorf("got a wait of %v and %v", wait, copyNames(t, s.path))
	}
}

func TestCopyContents(t *testing.T) {
	t.Parallel()
	s, _ := clockedStore(t)
	for i := range 11 { // more than one chunk of documents
		txn := Txn{}
		for j := range 100 {
			txn.Puts = append(txn.Puts, Put{fmt.Sprint("k/", i, "/", j), []byte("v")})
		}
		s.commitGroup([]*request{{txn: &txn}})
	}
	s.copyDue()
	name := s.path + ".copy-20260601T120000Z-r12"
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("got %v and %v, want a file of mode 600", info, err)
	}
	if got := contents(mustOpen(t, name)); got != contents(s) {
		t.Error("the copy has something else")
	}
}

func TestCopiesKept(t *testing.T) {
	t.Parallel()
	s, now := clockedStore(t)
	for range CopiesMax + 3 {
		s.copyDue()
		*now = now.Add(CopyEvery)
	}
	names := copyNames(t, s.path)
	if len(names) != CopiesMax || names[0] != ".copy-20260601T150000Z-r1" || names[CopiesMax-1] != ".copy-20260602T140000Z-r1" {
		t.Errorf("got %d copies: %v", len(names), names)
	}
	*now = noon // the clock was wrong: what is made now must stay all the same
	s.copyDue()
	if names := copyNames(t, s.path); len(names) != CopiesMax || names[0] != ".copy-20260601T120000Z-r1" {
		t.Errorf("got %d copies: %v", len(names), names)
	}
}

// TestCopiesRun leaves it to the store: one when it starts, if the last is too old, and the process that was killed tidied up after.
func TestCopiesRun(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustCommit(t, s, put("a", "1"))
	if err := errors.Join(s.Close(), os.WriteFile(s.path+tempMark+"copy", []byte("half"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range copyNames(t, s.path) { // one may have been made by chance
		if strings.HasPrefix(name, copyMark) {
			if err := os.Remove(s.path + name); err != nil {
				t.Fatal(err)
			}
		}
	}
	asked := make(chan struct{}, 100)
	s, err := Open(s.path, Options{Now: func() time.Time { asked <- struct{}{}; return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // for the timer, and when it has fired
		select {
		case <-asked:
		case <-soon(t).Done():
			t.Fatal("no copy was thought of")
		}
	}
	if err := s.Close(); err != nil { // waits for the copy
		t.Fatal(err)
	}
	if got := copyNames(t, s.path); !slices.Equal(got, []string{".copy-20260601T120000Z-r1"}) {
		t.Errorf("got %v", got)
	}
}

// TestCopyFails has a directory in the way of the file's name: it is logged, tried again soon, and the store goes on.
func TestCopyFails(t *testing.T) {
	t.Parallel()
	s, _ := clockedStore(t)
	if err := os.MkdirAll(filepath.Join(s.path+tempMark+"copy", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if wait := s.copyDue(); wait != copyRetry {
		t.Errorf("got a wait of %v, want %v", wait, copyRetry)
	}
	txn := put("b", "2")
	r := &request{txn: &txn}
	s.commitGroup([]*request{r})
	if r.err != nil {
		t.Error(r.err)
	}
}
