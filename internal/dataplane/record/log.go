package record

import (
	"context"
	"sync"
)

// logMax is how many ended connections a Log remembers: enough to explain every pair of a full process (its 20,000
// descriptors hold fewer than 10,000) after all of them were cut at once. About 7 MB when full.
const logMax = 16384

// Log remembers the connections that ended last, in the order in which they ended.
//
// The loops append, a batch a turn; any number of readers follow, each with its own cursor, and a reader that falls
// more than logMax behind is told how many it missed. No reader can hold up a loop: the lock is held for a copy.
// The alternative, a channel per reader, would cost the loops a wake-up per close.
type Log struct {
	// Guarded by mu.
	mu      sync.Mutex
	ring    []Close       // grows to logMax, then wraps
	next    uint64        // sequence number of the next record; the record n lies at ring[n%logMax]
	waiting chan struct{} // closed by the next Append; nil while nobody waits
}

// Append adds ended connections. Callable from anywhere; cs is copied.
func (l *Log) Append(cs []Close) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range cs {
		if len(l.ring) < logMax {
			l.ring = append(l.ring, cs[i])
		} else {
			l.ring[l.next%logMax] = cs[i]
		}
		l.next++
	}
	if l.waiting != nil {
		close(l.waiting)
		l.waiting = nil
	}
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
	if oldest := l.next - uint64(len(l.ring)); from < oldest {
		lost = oldest - from
		from = oldest
	}
	for n < len(dst) && from < l.next {
		dst[n] = l.ring[from%logMax]
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

// Find returns the record of the connection with that id, if it is still remembered.
func (l *Log) Find(id uint64) (Close, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.ring) - 1; i >= 0; i-- {
		if l.ring[i].ID == id {
			return l.ring[i], true
		}
	}
	return Close{}, false
}
