package sigv4

import (
	"container/heap"
	"crypto/sha256"
	"sync"
	"time"
)

// Replay remembers verified requests for as long as they would pass again. Use it for calls that must not happen twice; see
// the package comment for what that costs honest clients.
//
// Only requests that were verified get in, so strangers cannot fill it. When it is full the one that ends soonest is
// forgotten, since that leaves a thief the least time.
type Replay struct {
	// Fixed after NewReplay.
	entriesMax int

	mu struct {
		sync.Mutex
		known map[[sha256.Size]byte]struct{}
		ends  ends // one for each of known
	}
}

// NewReplay returns a memory for entriesMax requests, at least one. One takes about 150 bytes.
func NewReplay(entriesMax int) *Replay {
	m := &Replay{entriesMax: max(entriesMax, 1)}
	m.mu.known = map[[sha256.Size]byte]struct{}{}
	return m
}

// First remembers a request that Verify has accepted just now and reports whether it is the first time. A repetition with
// its query in another order or with other unsigned headers is still the same request.
func (m *Replay) First(v Verified, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgetLocked(now)
	if _, known := m.mu.known[v.signature]; known {
		return false
	}
	if len(m.mu.ends) >= m.entriesMax {
		m.popLocked()
	}
	m.mu.known[v.signature] = struct{}{}
	heap.Push(&m.mu.ends, end{v.Expires, v.signature})
	return true
}

// forgetLocked drops what Verify refuses by now.
func (m *Replay) forgetLocked(now time.Time) {
	for len(m.mu.ends) > 0 && m.mu.ends[0].at.Before(now) {
		m.popLocked()
	}
}

// popLocked drops the request that ends soonest.
func (m *Replay) popLocked() {
	if e, ok := heap.Pop(&m.mu.ends).(end); ok {
		delete(m.mu.known, e.signature)
	}
}

// end is when a request passes for the last time.
type end struct {
	at        time.Time
	signature [sha256.Size]byte
}

// ends is a heap with the soonest on top.
type ends []end

// Len, Less, Swap, Push and Pop are for package heap.
func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].at.Before(e[j].at) }
func (e ends) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push appends.
func (e *ends) Push(x any) {
	if v, ok := x.(end); ok {
		*e = append(*e, v)
	}
}

// Pop takes the last.
func (e *ends) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
