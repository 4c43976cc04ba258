package console

import (
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// kind is what has ended.
type kind uint8

const (
	ofConnections kind = iota // of clients
	ofRequests                // HTTP exchanges, but for those that were completed
	ofPooled                  // back-end connections that no exchange used
	kinds
)

// Names of the kinds, in their order.
//
//nolint:gochecknoglobals // names of the constants above
var kindNames = [kinds]string{"Connections of clients", "Requests that were not completed", "Unused connections to backends"}

const (
	// spansMax is how many spans of time a tally remembers.
	spansMax = 60
	// countsMax bounds what one span tells apart. What is beyond it is counted for no listener in particular.
	countsMax = 10000
)

// ending is what is counted together.
type ending struct {
	listener plan.ListenerKey
	kind     kind
	reason   reason.Reason
}

// span is the ends of some seconds.
type span struct {
	from   int64 // ms of the wall clock
	counts map[ending]uint64
}

// tally counts ends by reason over time.
type tally struct {
	width time.Duration
	spans []span // the oldest first; one without any end is there as well
}

// at returns the span of a moment, and forgets the oldest.
func (t *tally) at(ms int64) *span {
	from := ms - ms%t.width.Milliseconds()
	if n := len(t.spans); n > 0 && t.spans[n-1].from >= from { // also when the clock was set back
		return &t.spans[n-1]
	}
	if len(t.spans) == spansMax {
		t.spans = append(t.spans[:0], t.spans[1:]...)
	}
	t.spans = append(t.spans, span{from, map[ending]uint64{}})
	return &t.spans[len(t.spans)-1]
}

func (s *span) add(e ending, n uint64) {
	if _, known := s.counts[e]; !known && len(s.counts) >= countsMax {
		e.listener = plan.ListenerKey{}
	}
	s.counts[e] += n
}

// addBetween counts what has ended at a listener from one reading to the next.
func (s *span) addBetween(before, now *stats.ListenerTotals) {
	for r := range now.Closes {
		e := ending{listener: now.Key, reason: reason.Reason(r)}
		s.addGained(e, ofConnections, before.Closes[r], now.Closes[r])
		if e.reason != reason.Completed {
			s.addGained(e, ofRequests, before.Ends[r], now.Ends[r])
		}
		s.addGained(e, ofPooled, before.PoolCloses[r], now.PoolCloses[r])
	}
}

func (s *span) addGained(e ending, k kind, was, is uint64) {
	if is > was {
		e.kind = k
		s.add(e, is-was)
	}
}
