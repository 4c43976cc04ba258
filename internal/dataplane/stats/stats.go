// Package stats provides the data plane's counters: written by one loop each, summed by whoever reads.
//
// A loop owns one Listener block per listener and is its only writer, so an increment needs no locked instruction to be
// correct; the fields are atomic only so that a scraper on another goroutine may read them. Merging happens at the
// reader, in Snapshot's users (metrics, the admin API).
package stats

import (
	"sync/atomic"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
)

// Counter is a number with one writer and any number of readers.
type Counter struct{ v atomic.Uint64 }

// Add adds n. Only the owning loop may call it.
func (c *Counter) Add(n uint64) { c.v.Store(c.v.Load() + n) }

// Load returns the value. Callable from anywhere.
func (c *Counter) Load() uint64 { return c.v.Load() }

// Listener counts what one loop did for one listener.
type Listener struct {
	Accepted  Counter
	Ended     Counter // accepted minus ended are open
	BytesUp   Counter
	BytesDown Counter
	Closes    [reason.Count]Counter
}

// ListenerTotals is a listener's counters summed over the loops.
type ListenerTotals struct {
	Key       plan.ListenerKey
	Address   string
	Accepted  uint64
	Active    uint64
	BytesUp   uint64
	BytesDown uint64
	Closes    [reason.Count]uint64 // by reason
}

// AddFrom adds one loop's block to the totals.
func (t *ListenerTotals) AddFrom(l *Listener) {
	ended := l.Ended.Load() // before Accepted, so that Active never goes below zero
	accepted := l.Accepted.Load()
	t.Accepted += accepted
	t.Active += accepted - ended
	t.BytesUp += l.BytesUp.Load()
	t.BytesDown += l.BytesDown.Load()
	for i := range l.Closes {
		t.Closes[i] += l.Closes[i].Load()
	}
}

// BackendTotals is what is counted of one backend.
type BackendTotals struct {
	Key          plan.BackendKey
	Up           bool   // as health checks see it
	Detail       string // why it is not up
	Active       int64  // open back-end connections
	Connects     uint64 // successful connects
	ConnectFails uint64
}

// Loop counts what one loop met besides connections.
type Loop struct {
	AcceptPauses   Counter // times accepting stopped for want of descriptors or at the connection limit
	AcceptErrors   Counter // accept calls that failed otherwise
	HandedToOthers Counter // accepted connections given to a less loaded loop
	Turns          Counter
}

// LoopTotals is one loop's counters.
type LoopTotals struct {
	Loop           int
	Active         int64
	AcceptPauses   uint64
	AcceptErrors   uint64
	HandedToOthers uint64
	Turns          uint64
}

// Snapshot is every counter at one moment (each is read by itself; they are not a transaction).
type Snapshot struct {
	Listeners       []ListenerTotals
	Backends        []BackendTotals
	Loops           []LoopTotals
	ConnectionsMax  int // the limit in force
	Connections     int // open front-end connections
	PlanRevision    uint64
	RecordsAppended uint64 // connections ended since start
}
