package record

import (
	"context"
	"sync"
	"sync/atomic"
)

// logMax is how many records a Ring remembers. Of connections that is enough to explain every pair of a full process (its 20,000
// descriptors hold fewer than 10,000) after all of them were cut at once. About 10 MB when full.
const logMax = 16384

// Remembered is how many records a Ring keeps.
const Remembered = logMax

// readBatch is how many records a reader takes at a time: some 90 KB, copied in about 10 µs under the lock.
const readBatch = 128

// pageRecords is how many records the memory of a Ring grows by. It grows in pages that stay where they are: a slice that
// doubles would leave as much garbage behind as it holds, and have the collector run in the middle of the traffic.
const pageRecords = 64

// Log remembers the connections that ended last.
type Log struct{ Ring[Close] }

// Exchanges remembers the HTTP exchanges that ended last: all of them while somebody wants that, otherwise those that are
// Troubled, so that a server that is not asked about each request spends nothing on it.
//
// Those that are Troubled are in a second Ring as well. With all in one, a busy server would forget within a second what
// somebody comes to ask about a minute later.
type Exchanges struct {
	Ring[Exchange]
	troubled Ring[Exchange]

	// Atomic.
	followers atomic.Int32
}

// Append adds records: all that ended while Followed, or only those that are Troubled. Callable from anywhere; xs is
// copied.
func (e *Exchanges) Append(xs []Exchange) {
	e.Ring.Append(xs)
	for i := range xs {
		if xs[i].Troubled() {
			e.troubled.Append(xs[i : i+1])
		}
	}
}

// Troubled returns the memory that holds only those that are.
func (e *Exchanges) Troubled() *Ring[Exchange] { return &e.troubled }

// Want has every exchange remembered, from when it returns until enough is called. Callable from anywhere.
func (e *Exchanges) Want() (enough func()) {
	e.followers.Add(1)
	var once sync.Once
	return func() { once.Do(func() { e.followers.Add(-1) }) }
}

// Follow is Ring.Follow, during which every exchange is remembered.
func (e *Exchanges) Follow(ctx context.Context, from uint64, each func(batch []Exchange, lost uint64) error) error {
	defer e.Want()()
	return e.Ring.Follow(ctx, from, each)
}

// Followed says whether every exchange is to be remembered. Callable from anywhere.
func (e *Exchanges) Followed() bool { return e.followers.Load() > 0 }

// Ring remembers the last records of a kind, in the order in which what they tell of ended.
//
// The loops append, a batch a turn; any number of readers follow, each with its own cursor, and a reader that falls
// more than logMax behind is told how many it missed. No reader can hold up a loop: the lock is held for a copy.
// The alternative, a channel per reader, would cost the loops a wake-up per close.
type Ring[T any] struct {
	// Guarded by mu.
	mu      sync.Mutex
	pages   [logMax / pageRecords]*[pageRecords]T // a ring; a page comes into being with its first record
	next    uint64                                // sequence number of the next record; see atLocked
	waiting chan struct{}                         // closed by the next Append; nil while nobody waits
}

// Append adds records. Callable from anywhere; cs is copied.
func (l *Ring[T]) Append(cs []T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range cs {
		page := &l.pages[l.next%logMax/pageRecords]
		if *page == nil {
			*page = new([pageRecords]T)
		}
		*l.atLocked(l.next) = cs[i]
		l.next++
	}
	if l.waiting != nil {
		close(l.waiting)
		l.waiting = nil
	}
}

// atLocked returns the place of the record with that sequence number.
func (l *Ring[T]) atLocked(seq uint64) *T {
	i := seq % logMax
	return &l.pages[i/pageRecords][i%pageRecords]
}

// Next returns the sequence number that the next record will have: the cursor of a reader that wants only what is new.
func (l *Ring[T]) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Read copies records from the cursor on into dst. It returns how many, the cursor to go on from, and how many
// records between the two the Ring had already forgotten.
func (l *Ring[T]) Read(from uint64, dst []T) (n int, next, lost uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if oldest := l.next - min(l.next, logMax); from < oldest {
		lost = oldest - from
		from = oldest
	}
	for n < len(dst) && from < l.next {
		dst[n] = *l.atLocked(from)
		n++
		from++
	}
	return n, from, lost
}

// ready returns a channel that closes when there is a record at the cursor; nil if there is one.
func (l *Ring[T]) ready(from uint64) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next > from {
		return nil
	}
	if l.waiting == nil {
		l.waiting = make(chan struct{})
	}
	return l.waiting
}

// Wait returns when there is a record at the cursor, or with ctx's error.
func (l *Ring[T]) Wait(ctx context.Context, from uint64) error {
	come := l.ready(from)
	if come == nil {
		return nil
	}
	select {
	case <-come:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Follow calls each with the records from the cursor on, as History.Follow does with those of both kinds.
func (l *Ring[T]) Follow(ctx context.Context, from uint64, each func(batch []T, lost uint64) error) error {
	batch := make([]T, readBatch)
	for {
		_ = l.Wait(ctx, from)
		ended := ctx.Err() != nil // before Next, so that the last round covers all that came before the end
		for until := l.Next(); from < until; {
			n, next, lost := l.Read(from, batch)
			from = next
			if err := each(batch[:n], lost); err != nil {
				return err
			}
		}
		if ended {
			return nil
		}
	}
}

// Oldest returns the cursor of the oldest record that is still remembered.
func (l *Ring[T]) Oldest() uint64 {
	_, oldest, _ := l.Read(0, nil)
	return oldest
}

// Seek returns the cursor of the oldest remembered record that match accepts; ok is false if there is none. It may
// look at every record, a batch at a time, without holding up the loops.
func (l *Ring[T]) Seek(match func(*T) bool) (cursor uint64, ok bool) {
	batch := make([]T, readBatch)
	from := l.Oldest()
	for {
		n, next, _ := l.Read(from, batch)
		if n == 0 {
			return 0, false
		}
		for i := range batch[:n] {
			if match(&batch[i]) {
				return next - uint64(n-i), true
			}
		}
		from = next
	}
}

// Find returns the record of the connection with that id, if it is still remembered. It looks through the Log as Seek
// does, without holding up the loops.
func (l *Log) Find(id uint64) (Close, bool) {
	cursor, ok := l.Seek(func(c *Close) bool { return c.ID == id })
	if !ok {
		return Close{}, false
	}
	var found [1]Close
	n, _, _ := l.Read(cursor, found[:])
	return found[0], n == 1 && found[0].ID == id // it may have been forgotten in between
}
