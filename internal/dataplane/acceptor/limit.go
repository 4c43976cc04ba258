package acceptor

import "sync/atomic"

// reclaimPercent: from this share of the limit on, connections that have not begun their work are closed to make
// room (PR-03).
const reclaimPercent = 90

// Limit bounds the front-end connections of all loops together (PR-04). Each is counted before it is accepted, so the
// limit is exact. Safe for use by any loop.
type Limit struct {
	// Atomic.
	most atomic.Int64
	open atomic.Int64
}

// SetMost sets the limit; connections above a lowered one stay.
func (l *Limit) SetMost(n int) { l.most.Store(int64(n)) }

// Most returns the limit.
func (l *Limit) Most() int { return int(l.most.Load()) }

// Open returns the number of connections.
func (l *Limit) Open() int { return int(l.open.Load()) }

// acquire counts a connection if there is room for it.
func (l *Limit) acquire() bool {
	if l.open.Add(1) <= l.most.Load() {
		return true
	}
	l.open.Add(-1)
	return false
}

// Release uncounts a connection that has ended.
func (l *Limit) Release() {
	if l.open.Add(-1) < 0 {
		panic("acceptor: more connections released than were accepted")
	}
}

// near says whether the limit is so near that room should be made.
func (l *Limit) near() bool { return l.open.Load()*100 >= l.most.Load()*reclaimPercent }
