package record

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// closes returns n records with the ids first, first+1, …
func closes(first, n uint64) []Close {
	cs := make([]Close, n)
	for i := range cs {
		cs[i].ID = first + uint64(i)
	}
	return cs
}

func ids(cs []Close) []uint64 {
	out := make([]uint64, len(cs))
	for i := range cs {
		out[i] = cs[i].ID
	}
	return out
}

func TestLogRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		appended uint64
		from     uint64
		room     int
		n        int
		first    uint64
		next     uint64
		lost     uint64
	}{
		{name: "empty", room: 4},
		{name: "all", appended: 3, room: 4, n: 3, first: 1, next: 3},
		{name: "room-short", appended: 9, room: 4, n: 4, first: 1, next: 4},
		{name: "from-the-middle", appended: 9, from: 7, room: 4, n: 2, first: 8, next: 9},
		{name: "nothing-new", appended: 9, from: 9, room: 4, next: 9},
		{name: "cursor-ahead", appended: 2, from: 5, room: 4, next: 5},
		{name: "no-room", appended: 2, next: 0},
		{name: "just-full", appended: logMax, room: 2, n: 2, first: 1, next: 2},
		{name: "one-forgotten", appended: logMax + 1, room: 2, n: 2, first: 2, next: 3, lost: 1},
		{name: "twice-round", appended: 2*logMax + 7, from: 5, room: 2, n: 2, first: logMax + 8, next: logMax + 9, lost: logMax + 2},
		{name: "no-room-tells-oldest", appended: logMax + 5, next: 5, lost: 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l Log
			l.Append(closes(1, tt.appended))
			dst := make([]Close, tt.room)
			n, next, lost := l.Read(tt.from, dst)
			if n != tt.n || next != tt.next || lost != tt.lost {
				t.Fatalf("Read(%d) = %d, %d, %d, want %d, %d, %d", tt.from, n, next, lost, tt.n, tt.next, tt.lost)
			}
			for i := range n {
				if want := tt.first + uint64(i); dst[i].ID != want {
					t.Errorf("record %d has id %d, want %d", i, dst[i].ID, want)
				}
			}
		})
	}
}

func TestLogFind(t *testing.T) {
	t.Parallel()
	var l Log
	l.Append(closes(1, logMax+10))
	for id, want := range map[uint64]bool{0: false, 10: false, 11: true, logMax + 10: true, logMax + 11: false} {
		c, ok := l.Find(id)
		if ok != want || ok && c.ID != id {
			t.Errorf("Find(%d) = id %d, %t, want %t", id, c.ID, ok, want)
		}
	}
}

func TestLogSeek(t *testing.T) {
	t.Parallel()
	var l Log
	if _, ok := l.Seek(func(*Close) bool { return true }); ok {
		t.Error("Seek in an empty log found something")
	}
	l.Append(closes(1, logMax+300))
	for _, id := range []uint64{301, 302, 300 + followBatch, logMax, logMax + 300} {
		cursor, ok := l.Seek(func(c *Close) bool { return c.ID >= id })
		if !ok || cursor != id-1 {
			t.Errorf("Seek(id %d) = %d, %t, want %d, true", id, cursor, ok, id-1)
		}
	}
	if cursor, ok := l.Seek(func(c *Close) bool { return c.ID == 300 }); ok {
		t.Errorf("Seek of a forgotten record = %d, want none", cursor)
	}
}

func TestLogWaitEndsWithContext(t *testing.T) {
	t.Parallel()
	var l Log
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Wait(ctx, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait = %v, want context canceled", err)
	}
	l.Append(closes(1, 1))
	if err := l.Wait(ctx, 0); err != nil {
		t.Errorf("Wait with a record there = %v, want nil", err)
	}
}

func TestLogWaitWakesEveryReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l Log
		var woken sync.WaitGroup
		for range 5 {
			woken.Go(func() {
				if err := l.Wait(t.Context(), 0); err != nil {
					t.Errorf("Wait = %v, want nil", err)
				}
			})
		}
		synctest.Wait()
		l.Append(closes(1, 1))
		woken.Wait()
	})
}

func TestFollowBatchesWhatComesTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l Log
		var calls [][]uint64
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- l.Follow(ctx, 0, func(batch []Close, _ uint64) error {
				calls = append(calls, ids(batch))
				return nil
			})
		}()
		for i := range uint64(3) { // one turn of a loop each, a millisecond apart
			synctest.Wait()
			l.Append(closes(1+2*i, 2))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(followPause)
		synctest.Wait()
		l.Append(closes(7, 1))
		cancel() // the record before the end must still arrive
		if err := <-done; err != nil {
			t.Errorf("Follow = %v, want nil", err)
		}
		want := [][]uint64{{1, 2, 3, 4, 5, 6}, {7}}
		if !slices.EqualFunc(calls, want, slices.Equal) {
			t.Errorf("batches %v, want %v", calls, want)
		}
	})
}

func TestFollowTellsLost(t *testing.T) {
	t.Parallel()
	var l Log
	l.Append(closes(1, logMax+25))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var got, lost uint64
	err := l.Follow(ctx, 5, func(batch []Close, missed uint64) error {
		if len(batch) > followBatch {
			t.Errorf("batch of %d, want at most %d", len(batch), followBatch)
		}
		got += uint64(len(batch))
		lost += missed
		return nil
	})
	if err != nil || got != logMax || lost != 20 {
		t.Errorf("Follow gave %d records, %d lost, %v, want %d, 20, nil", got, lost, err, logMax)
	}
}

func TestFollowEndsWithError(t *testing.T) {
	t.Parallel()
	var l Log
	l.Append(closes(1, 2*followBatch))
	full := errors.New("full")
	calls := 0
	err := l.Follow(t.Context(), 0, func([]Close, uint64) error { calls++; return full })
	if !errors.Is(err, full) || calls != 1 {
		t.Errorf("Follow = %v after %d calls, want %v after 1", err, calls, full)
	}
}

// TestLogConcurrent has several loops append while readers follow: every reader sees every record once, in one order.
func TestLogConcurrent(t *testing.T) {
	t.Parallel()
	const loops, each = 3, 1000
	var l Log
	ctx, cancel := context.WithCancel(t.Context())
	var writers, readers sync.WaitGroup
	seen := make([][]uint64, 3)
	for r := range seen {
		readers.Go(func() {
			err := l.Follow(ctx, 0, func(batch []Close, lost uint64) error {
				if lost > 0 {
					t.Errorf("reader %d lost %d", r, lost)
				}
				seen[r] = append(seen[r], ids(batch)...)
				return nil
			})
			if err != nil {
				t.Errorf("reader %d: %v", r, err)
			}
		})
	}
	for loop := range uint64(loops) {
		writers.Go(func() {
			for i := uint64(0); i < each; i += 10 {
				l.Append(closes(loop*each+i, 10))
			}
		})
	}
	writers.Wait()
	cancel()
	readers.Wait()
	for r := range seen {
		if !slices.Equal(seen[r], seen[0]) {
			t.Errorf("readers %d and 0 saw different orders", r)
		}
		if n := len(seen[r]); n != loops*each {
			t.Errorf("reader %d saw %d records, want %d", r, n, loops*each)
		}
	}
}

func BenchmarkLogAppend(b *testing.B) {
	var l Log
	cs := closes(1, 64)
	b.ReportAllocs()
	for b.Loop() {
		l.Append(cs)
	}
}
