package stats

import (
	"math/bits"
	"sync/atomic"
	"time"

	"lull/internal/dataplane/plan"
)

// Phase is what a connection is in the middle of when nothing moves on it.
type Phase uint8

// The phases. Each has a timer of its own, in one model or the other, which its gaps help to choose.
const (
	InTunnel   Phase = iota // relaying: a TCP connection, or what an Upgrade has made of one
	InExchange              // from a request's first byte to its response's last
	Waiting                 // of a client's connection for its next request
	phases
)

// Phases is the number of phases: the length of an array indexed by Phase.
const Phases = int(phases)

//nolint:gochecknoglobals // names of the constants above, in their order
var phaseNames = [Phases]string{"tunnel", "exchange", "waiting"}

// String returns the word that metrics use.
func (p Phase) String() string { return phaseNames[p] }

// GapBuckets is how many buckets a histogram of gaps has. Bucket i holds those of up to 2^i ms, the last one what is longer.
const GapBuckets = 24

// GapLimit returns the longest gap of a bucket but the last.
func GapLimit(bucket int) time.Duration { return time.Millisecond << bucket }

// Gaps is a histogram of how long nothing moved, until something did. With every read there is an observation: it costs two
// counters and nothing else.
type Gaps struct {
	buckets [GapBuckets]Counter
	sum     Counter // ns
}

// Observe counts a gap of ns. Only the owning loop may call it.
func (g *Gaps) Observe(ns int64) {
	ns = max(ns, 1)
	i := bits.Len64(uint64(ns-1) / uint64(time.Millisecond))
	g.buckets[min(i, GapBuckets-1)].Add(1)
	g.sum.Add(uint64(ns))
}

// GapTotals is Gaps summed over the loops.
type GapTotals struct {
	Counts [GapBuckets]uint64 // by bucket
	Sum    time.Duration
}

func (t *GapTotals) addFrom(g *Gaps) {
	for i := range g.buckets {
		t.Counts[i] += g.buckets[i].Load()
	}
	t.Sum += time.Duration(g.sum.Load())
}

// Add adds other totals.
func (t *GapTotals) Add(other *GapTotals) {
	for i, n := range other.Counts {
		t.Counts[i] += n
	}
	t.Sum += other.Sum
}

// Latencies fall into buckets of microseconds: one for each of the first four, then four for each doubling, so that a
// quantile is known to within a quarter. The last bucket takes what lasted longer than 2^32 µs, which is 71 minutes and
// more than any timeout of the Classic Load Balancer.
const (
	latencyDoublings = 32
	// LatencyBuckets is how many buckets a histogram of latencies has.
	LatencyBuckets = 4*(latencyDoublings-1) + 1
)

// LatencyBucket returns the bucket of a latency of ns.
func LatencyBucket(ns int64) int {
	us := min(uint64(max(ns, 1)-1)/uint64(time.Microsecond), 1<<latencyDoublings)
	if us < 4 {
		return int(us)
	}
	doublings := bits.Len64(us) - 3
	return doublings<<2 + int(us>>doublings)
}

// LatencyLimit returns the longest latency of a bucket but the last.
func LatencyLimit(bucket int) time.Duration {
	if bucket < 4 {
		return time.Duration(bucket+1) * time.Microsecond
	}
	doublings := bucket>>2 - 1
	return time.Duration(bucket&3+5) << doublings * time.Microsecond
}

// Latency is a histogram of how long backends took to answer, and the longest since somebody asked.
type Latency struct {
	buckets [LatencyBuckets]Counter
	sum     Counter // ns
	peak    atomic.Int64
}

// Observe counts a latency of ns. Only the owning loop may call it.
func (l *Latency) Observe(ns int64) {
	ns = max(ns, 1)
	l.buckets[LatencyBucket(ns)].Add(1)
	l.sum.Add(uint64(ns))
	if ns > l.peak.Load() {
		l.peak.Store(ns) // one that TakePeak takes at the same time may be told twice, or be told of the time after
	}
}

// TakePeak returns the longest latency since it was called last, 0 if there was none. For one reader.
func (l *Latency) TakePeak() time.Duration { return time.Duration(l.peak.Swap(0)) }

// LatencyTotals is Latency summed over the loops.
type LatencyTotals struct {
	Counts [LatencyBuckets]uint64 // by bucket
	Sum    time.Duration
}

func (t *LatencyTotals) addFrom(l *Latency) {
	for i := range l.buckets {
		t.Counts[i] += l.buckets[i].Load()
	}
	t.Sum += time.Duration(l.sum.Load())
}

// Add adds other totals.
func (t *LatencyTotals) Add(other *LatencyTotals) {
	for i, n := range other.Counts {
		t.Counts[i] += n
	}
	t.Sum += other.Sum
}

// Count returns how many latencies there are.
func (t *LatencyTotals) Count() uint64 {
	var n uint64
	for _, c := range t.Counts {
		n += c
	}
	return n
}

// Quantile returns what the share q of the latencies does not exceed, as well as the buckets tell; 0 if there are none.
func (t *LatencyTotals) Quantile(q float64) time.Duration {
	wanted := q * float64(t.Count())
	var before float64
	for i, n := range t.Counts {
		if n == 0 || before+float64(n) < wanted {
			before += float64(n)
			continue
		}
		if i == LatencyBuckets-1 {
			return LatencyLimit(i - 1)
		}
		var from time.Duration
		if i > 0 {
			from = LatencyLimit(i - 1)
		}
		return from + time.Duration((wanted-before)/float64(n)*float64(LatencyLimit(i)-from))
	}
	return 0
}

// Peaks is the most of what goes up and down, since somebody asked.
type Peaks struct {
	Latency map[plan.ListenerKey]time.Duration // those that had any
	Queued  map[string]int                     // requests that waited for a backend with room, by load balancer
}
