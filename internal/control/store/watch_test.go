package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// soon bounds what is expected to happen.
func soon(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// mustWatch begins to watch.
func mustWatch(t testing.TB, s *Store, prefix string, after Revision) *Watcher {
	t.Helper()
	w, err := s.Watch(prefix, after)
	if err != nil {
		t.Fatalf("watch: %v", err)
	}
	t.Cleanup(w.Close)
	return w
}

// batchText writes a batch out for comparison.
func batchText(b Batch) string {
	var all []string
	for _, c := range b.Changes {
		if c.Deleted {
			all = append(all, fmt.Sprintf("-%s@%d/%d", c.Key, c.Created, c.Revision))
		} else {
			all = append(all, text([]Entry{c.Entry}))
		}
	}
	return fmt.Sprint(b.Revision, ": ", strings.Join(all, " "))
}

func TestWatch(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	w := mustWatch(t, s, "a/", 0)
	mustCommit(t, s, Txn{Puts: []Put{{"a/2", []byte("y")}, {"b/1", nil}, {"a/1", []byte("x")}}})
	mustCommit(t, s, put("b/2", "other"))
	mustCommit(t, s, Txn{Deletes: []string{"a/2", "a/9"}})
	late := mustWatch(t, s, "", 2)
	for _, want := range []string{"1: a/1=x@1/1 a/2=y@1/1", "3: -a/2@1/3"} {
		if b, err := w.Next(soon(t)); err != nil || batchText(b) != want {
			t.Errorf("got %s and %v, want %s", batchText(b), err, want)
		}
	}
	if b, err := late.Next(soon(t)); err != nil || b.Revision != 3 {
		t.Errorf("late: got %s and %v, want revision 3", batchText(b), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	mustCommit(t, s, put("a/3", "z"))
	if b, err := w.Next(soon(t)); err != nil || batchText(b) != "4: a/3=z@4/4" {
		t.Errorf("after a cancelled wait: got %s and %v", batchText(b), err)
	}
}

// TestWatchWakes commits and closes while a watcher waits.
func TestWatchWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := newHistory(0)
		w := &Watcher{history: h}
		results := make(chan string)
		go func() {
			for {
				b, err := w.Next(context.Background())
				results <- fmt.Sprint(b.Revision, " ", err)
				if err != nil {
					return
				}
			}
		}()
		synctest.Wait()
		h.add([]Batch{{Revision: 1, Changes: []Change{{}}}}, func() {})
		if got := <-results; got != "1 <nil>" {
			t.Errorf("got %s, want revision 1", got)
		}
		synctest.Wait()
		h.close()
		if got := <-results; got != "0 "+ErrClosed.Error() {
			t.Errorf("got %s, want that it is closed", got)
		}
	})
}

func TestWatchBounds(t *testing.T) {
	t.Parallel()
	batches := func(from, to Revision, size int) []Batch {
		var all []Batch
		for r := from; r <= to; r++ {
			all = append(all, Batch{Revision: r, Changes: []Change{{Entry: Entry{Key: "k", Value: make([]byte, size-1)}}}})
		}
		return all
	}
	h := newHistory(10)
	w := &Watcher{history: h, after: 10}
	h.add(batches(11, 10+HistoryMax, 1), func() {})
	if b, err := w.Next(soon(t)); err != nil || b.Revision != 11 {
		t.Fatalf("got %d and %v, want everything that the history has room for", b.Revision, err)
	}
	h.add(batches(11+HistoryMax, 12+HistoryMax, 1), func() {})
	var gone *Gone
	if _, err := w.Next(soon(t)); !errors.As(err, &gone) || *gone != (Gone{After: 11, Oldest: 12, Newest: 12 + HistoryMax}) {
		t.Fatalf("got %v, want *Gone", err)
	}
	const large = 1 << 20
	h.add(batches(13+HistoryMax, 100+HistoryMax, large), func() {})
	if len(h.batches) != HistoryBytesMax/large || h.bytes != HistoryBytesMax || h.newestLocked() != 100+HistoryMax {
		t.Errorf("got %d batches of %d bytes up to %d", len(h.batches), h.bytes, h.newestLocked())
	}
}

// TestWatchSparse has a watcher look through more than it may at once.
func TestWatchSparse(t *testing.T) {
	t.Parallel()
	h := newHistory(0)
	w := &Watcher{history: h, prefix: "rare"}
	for r := Revision(1); r <= 3*scanMax; r++ {
		h.add([]Batch{{Revision: r, Changes: []Change{{Entry: Entry{Key: "often"}}}}}, func() {})
	}
	h.add([]Batch{{Revision: 3*scanMax + 1, Changes: []Change{{Entry: Entry{Key: "often"}}, {Entry: Entry{Key: "rare"}}}}}, func() {})
	if b, err := w.Next(soon(t)); err != nil || b.Revision != 3*scanMax+1 || len(b.Changes) != 1 {
		t.Errorf("got %v and %v", b, err)
	}
}

func TestWatchRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	mustCommit(t, s, put("a", "1"))
	mustCommit(t, s, put("a", "2"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, s.path)
	mustWatch(t, s, "", 2)
	for _, after := range []Revision{0, 1, 3} {
		var gone *Gone
		if _, err := s.Watch("", after); !errors.As(err, &gone) || gone.Oldest != 2 || gone.Newest != 2 {
			t.Errorf("after %d: got %v, want *Gone: the history begins anew", after, err)
		}
	}
	var all []*Watcher
	for range WatchersMax - 1 {
		all = append(all, mustWatch(t, s, "", 2))
	}
	if _, err := s.Watch("", 2); !errors.Is(err, ErrWatchers) {
		t.Errorf("got %v, want ErrWatchers", err)
	}
	all[0].Close()
	all[0].Close()
	mustWatch(t, s, "", 2)
	if _, err := s.Watch("", 2); !errors.Is(err, ErrWatchers) {
		t.Errorf("closing one twice made room for two: %v", err)
	}
}

// TestListThenWatch follows a busy store from lists taken at any time: list and changes together are what there is in the end.
func TestListThenWatch(t *testing.T) {
	t.Parallel()
	const commits = 30
	s := newStore(t)
	var wg sync.WaitGroup
	for i := range 3 {
		wg.Go(func() {
			for n := range commits {
				txn := put(fmt.Sprint("k", (n+i)%7), fmt.Sprint(i, "-", n))
				if n%5 == 4 {
					txn.Deletes = []string{fmt.Sprint("k", (n+i+1)%7)}
				}
				if _, err := s.Commit(context.Background(), txn); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			entries, at := s.List("")
			mine := map[string]string{}
			for _, e := range entries {
				mine[e.Key] = string(e.Value)
			}
			w := mustWatch(t, s, "", at)
			for at < 3*commits {
				b, err := w.Next(soon(t))
				if err != nil || b.Revision != at+1 {
					t.Errorf("got revision %d and %v after %d", b.Revision, err, at)
					return
				}
				at = b.Revision
				for _, c := range b.Changes {
					if mine[c.Key] = string(c.Value); c.Deleted {
						delete(mine, c.Key)
					}
				}
			}
			final, _ := s.List("")
			for _, e := range final {
				if mine[e.Key] != string(e.Value) {
					t.Errorf("%s: got %q, want %q", e.Key, mine[e.Key], e.Value)
				}
			}
			if len(mine) != len(final) {
				t.Errorf("got %v, want %s", mine, text(final))
			}
		})
	}
	wg.Wait()
}
