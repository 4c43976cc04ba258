package ocisig

import (
	"crypto/sha256"
	"sync"
	"time"
)

// Memory remembers verified requests for as long as they would pass again, so that a stolen copy of one is told from the first.
// Clients sign to the second: two requests that are the same within a second are the same to everybody, and only the caller knows
// whether that may be.
//
// Only requests that were verified get in, so strangers cannot fill it. When it is full the oldest is forgotten. It may be used from
// anywhere.
type Memory struct {
	// Fixed after NewMemory.
	entriesMax int

	// Guarded by mu.
	mu    sync.Mutex
	first map[[sha256.Size]byte]sighting
	order []remembered // the oldest first, from next on
	next  int
}

// sighting is when a request was seen first, and with what beside it.
type sighting struct {
	at   time.Time
	with string
}

// remembered is one entry and when it may be forgotten.
type remembered struct {
	digest  [sha256.Size]byte
	expires time.Time
}

// NewMemory returns a memory for entriesMax requests, at least one. One takes some 150 bytes.
func NewMemory(entriesMax int) *Memory {
	return &Memory{entriesMax: max(entriesMax, 1), first: map[[sha256.Size]byte]sighting{}}
}

// Seen remembers a request that Verify has accepted just now, with something about it that is not signed. If it has been seen before
// it returns true, how long ago that was for the first time, and whether what is not signed was the same. Nothing else makes a difference,
// nor does the way in which the signature is written.
func (m *Memory) Seen(v Verified, with string, now time.Time) (ago time.Duration, same, again bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if first, known := m.first[v.digest]; known {
		return now.Sub(first.at), first.with == with, true
	}
	for m.next < len(m.order) && (m.order[m.next].expires.Before(now) || len(m.first) >= m.entriesMax) {
		delete(m.first, m.order[m.next].digest)
		m.next++
	}
	if m.next > len(m.order)/2 { // the front has been forgotten
		m.order, m.next = append(m.order[:0:0], m.order[m.next:]...), 0
	}
	m.first[v.digest] = sighting{now, with}
	m.order = append(m.order, remembered{v.digest, v.Expires})
	return 0, false, false
}
