package record

import (
	"context"
	"sync"
)

// logMax is how many ended connections a Log remembers: enough to explain every pair of a full process (its 20,000
// descriptors hold fewer than 10,000) after all of them were cut at once. About 7 MB when full.
const logMax = 16384

// pageRecords is how many records the memory of a Log grows by. It grows in pages that stay where they are: a slice that
// doubles would leave as much garbage behind as it holds, and have the collector run in the middle of the traffic.
const pageRecords = 64

// Log remembers the connections that ended last, in the order in which they ended.
//
// The loops append, a batch a turn; any number of readers follow, each with its own cursor, and a reader that falls
// more than logMax behind is told how many it missed. No reader can hold up a loop: the lock is held for a copy.
// The alternative, a channel per reader, would cost the loops a wake-up per close.
type Log struct {
	// Guarded by mu.
	mu      sync.Mutex
	pages   [logMax / pageRecords]*[pageRecords]Close // a ring; a page comes into being with its first record
	next    uint64                                    // sequence number of the next record; see at
	waiting chan struct{}                             // closed by the next Append; nil while nobody waits
}

// Append adds ended connections. Callable from anywhere; cs is copied.
func (l *Log) Append(cs []Close) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range cs {
		page := &l.pages[l.next%logMax/pageRecords]
		if *page == nil {
			*page = new([pageRecords]Close)
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
func (l *Log) atLocked(seq uint64) *Close {
	i := seq % logMax
	return &l.pages[i/pageRecords][i%pageRecords]
}

// Next returns the sequence number that the next record will have: the cursor of a reader that wants only what is new.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Read copies records from the cursor on into dst. It returns how many, the cursor to go on from, and how many
// records between the two the Log had already forgotten.
func (l *Log) Read(from uint64, dst []Close) (n int, next, lost uint64) {
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

// Wait returns when there is a record at the cursor, or with ctx's error.
func (l *Log) Wait(ctx context.Context, from uint64) error {
	for {
		l.mu.Lock()
		if l.next > from {
			l.mu.Unlock()
			return nil
		}
		if l.waiting == nil {
			l.waiting = make(chan struct{})
		}
		ch := l.waiting
		l.mu.Unlock()
		select {
		case <-ch:
		case <-ctx.Done():
			return ctx.Err()
		}
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
