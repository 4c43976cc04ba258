// Package stats provides the data plane's counters: written by one loop each, summed by whoever reads.
//
// A loop owns one Listener block per listener and is its only writer, so an increment needs no locked instruction to be
// correct; the fields are atomic only so that a scraper on another goroutine may read them. Merging happens at the
// reader, in Snapshot's users (metrics, the admin API).
package stats

import (
	"sync/atomic"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/tlspolicy"
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
	Routed    Counter // TCP: connections made to backends; HTTP: requests sent to one, once each
	Latency   Latency // TCP: of the connect; HTTP: from the request sent to the first byte of the answer
	Firsts    Counter // TCP: connections on which a backend has sent something
	FirstTook Counter // ns from the connection to the backend to its first byte, of these
	Gaps      [Phases]Gaps
	HTTP
	TLS
}

// Greeted counts the first byte of a backend on a TCP connection. Only the owning loop may call it.
func (l *Listener) Greeted(ns int64) {
	l.Firsts.Add(1)
	l.FirstTook.Add(uint64(max(ns, 1)))
}

// Site counts what one loop did for a site of a listener (plan.Site): requests count here and for the listener.
type Site struct {
	Requests      Counter               // whole heads
	Ends          [reason.Count]Counter // of exchanges, by reason
	BackendStatus [6]Counter            // responses of backends by first digit; 0 is not used
	OwnStatus     [6]Counter            // responses that lull made itself
	OK            Counter               // of all responses, those with 200
	BadGateway    Counter               // those with 502
	Timeout       Counter               // those with 504
}

// Responded counts a response with that status, which is a backend's or lull's own.
func (s *Site) Responded(status int, own bool) {
	class := &s.BackendStatus[status/100%10%6]
	if own {
		class = &s.OwnStatus[status/100%10%6]
	}
	class.Add(1)
	switch status {
	case 200:
		s.OK.Add(1)
	case 502:
		s.BadGateway.Add(1)
	case 504:
		s.Timeout.Add(1)
	}
}

// SiteTotals is a site's counters summed over the loops.
type SiteTotals struct {
	Name          string
	Requests      uint64
	Ends          [reason.Count]uint64
	BackendStatus [6]uint64
	OwnStatus     [6]uint64
	OK            uint64
	BadGateway    uint64
	Timeout       uint64
}

// AddFrom adds one loop's block to the totals.
func (t *SiteTotals) AddFrom(s *Site) {
	t.Requests += s.Requests.Load()
	t.OK += s.OK.Load()
	t.BadGateway += s.BadGateway.Load()
	t.Timeout += s.Timeout.Load()
	for i := range s.Ends {
		t.Ends[i] += s.Ends[i].Load()
	}
	for i := range s.BackendStatus {
		t.BackendStatus[i] += s.BackendStatus[i].Load()
		t.OwnStatus[i] += s.OwnStatus[i].Load()
	}
}

// TLS is what a listener counts of handshakes; those that fail are counted by the reasons of what ends.
type TLS struct {
	Handshakes     Counter // with clients, that succeeded
	Resumed        Counter // of these, by a session ticket
	Untrusted      Counter // with clients, that failed for want of a certificate that is accepted; they are among the reasons, too
	BackHandshakes Counter // with backends, that succeeded
	BackResumed    Counter
	BackFailed     Counter // with backends, that failed or did not end in time; another backend may have done then
}

// HTTP is what a listener counts of exchanges; nothing on TCP.
type HTTP struct {
	Requests       Counter               // whole heads
	Ends           [reason.Count]Counter // of exchanges, by reason
	BackendStatus  [6]Counter            // responses of backends by first digit; 0 is not used
	OwnStatus      [6]Counter            // responses that lull made itself
	Reused         Counter               // exchanges that went over a pooled back-end connection
	Retries        Counter               // SH-09: stale connections for which the request went to a fresh one
	RetriesRefused Counter               // SH-09: those for which it could not
	Noncompliant   Counter               // requests of any desync class but Compliant
	Queued         Counter               // exchanges that had to wait for a backend with room
	Unheard        Counter               // exchanges whose client went away before there was a response
	PoolCloses     [reason.Count]Counter // back-end connections that ended while no exchange used them
}

// ListenerTotals is a listener's counters summed over the loops.
type ListenerTotals struct {
	Key       plan.ListenerKey
	Protocol  plan.Protocol
	Address   string
	Accepted  uint64
	Active    uint64
	BytesUp   uint64
	BytesDown uint64
	Closes    [reason.Count]uint64 // by reason
	Routed    uint64
	Latency   LatencyTotals
	Firsts    uint64
	FirstTook time.Duration
	Set       plan.SetKey // its own, or the first of its sites'
	Gaps      [Phases]GapTotals
	Secure    bool              // clients speak TLS
	Policy    *tlspolicy.Policy // what they may speak now; nil if they speak no TLS
	HTTPTotals
	TLSTotals
	Sites []SiteTotals // in the plan's order; what is counted here is counted above as well
}

// TLSTotals is TLS summed over the loops.
type TLSTotals struct {
	Handshakes     uint64
	Resumed        uint64
	Untrusted      uint64
	BackHandshakes uint64
	BackResumed    uint64
	BackFailed     uint64
}

func (t *TLSTotals) addFrom(c *TLS) {
	t.Resumed += c.Resumed.Load() // before Handshakes, so that it is never more
	t.Handshakes += c.Handshakes.Load()
	t.Untrusted += c.Untrusted.Load()
	t.BackResumed += c.BackResumed.Load()
	t.BackHandshakes += c.BackHandshakes.Load()
	t.BackFailed += c.BackFailed.Load()
}

// HTTPTotals is HTTP summed over the loops.
type HTTPTotals struct {
	Requests       uint64
	Ends           [reason.Count]uint64
	BackendStatus  [6]uint64
	OwnStatus      [6]uint64
	Reused         uint64
	Retries        uint64
	RetriesRefused uint64
	Noncompliant   uint64
	Queued         uint64
	Unheard        uint64
	PoolCloses     [reason.Count]uint64
}

func (t *HTTPTotals) addFrom(h *HTTP) {
	t.Requests += h.Requests.Load()
	t.Reused += h.Reused.Load()
	t.Retries += h.Retries.Load()
	t.RetriesRefused += h.RetriesRefused.Load()
	t.Noncompliant += h.Noncompliant.Load()
	t.Queued += h.Queued.Load()
	t.Unheard += h.Unheard.Load()
	for i := range h.Ends {
		t.Ends[i] += h.Ends[i].Load()
		t.PoolCloses[i] += h.PoolCloses[i].Load()
	}
	for i := range h.BackendStatus {
		t.BackendStatus[i] += h.BackendStatus[i].Load()
		t.OwnStatus[i] += h.OwnStatus[i].Load()
	}
}

// AddFrom adds one loop's block to the totals.
func (t *ListenerTotals) AddFrom(l *Listener) {
	ended := l.Ended.Load() // before Accepted, so that Active never goes below zero
	accepted := l.Accepted.Load()
	t.Accepted += accepted
	t.Active += accepted - ended
	t.BytesUp += l.BytesUp.Load()
	t.BytesDown += l.BytesDown.Load()
	t.Routed += l.Routed.Load()
	t.Latency.addFrom(&l.Latency)
	t.Firsts += l.Firsts.Load()
	t.FirstTook += time.Duration(l.FirstTook.Load())
	for i := range l.Gaps {
		t.Gaps[i].addFrom(&l.Gaps[i])
	}
	for i := range l.Closes {
		t.Closes[i] += l.Closes[i].Load()
	}
	t.HTTPTotals.addFrom(&l.HTTP)
	t.TLSTotals.addFrom(&l.TLS)
}

// BackendTotals is what is counted of one backend.
type BackendTotals struct {
	Key          plan.BackendKey
	Up           bool   // as health checks see it
	Detail       string // why it is not up
	Proven       bool   // health checks have seen it up since it came into the plan
	Withheld     bool   // the plan keeps new connections from it: drained, or offline
	Active       int64  // TCP: open back-end connections; HTTP: exchanges under way
	Conns        int64  // open back-end connections, pooled ones included
	ClosedIdle   uint64 // pooled connections that the backend closed before lull did (SH-08)
	Connects     uint64 // successful connects
	ConnectFails uint64
	ProbeFails   uint64 // connections of health checks that failed; in none of the others
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
	Sets            []SetTotals
	Loops           []LoopTotals
	ConnectionsMax  int // the limit in force
	Connections     int // open front-end connections
	PlanRevision    uint64
	RecordsAppended uint64 // connections ended since start
	Pooled          int    // idle back-end connections
}
