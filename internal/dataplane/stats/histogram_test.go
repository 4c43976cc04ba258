package stats

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestGapBuckets(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		gap    time.Duration
		bucket int
	}{
		{-time.Second, 0}, {0, 0}, {1, 0}, {time.Millisecond, 0}, {time.Millisecond + 1, 1}, {2 * time.Millisecond, 1}, {2*time.Millisecond + 1, 2},
		{time.Second, 10}, {time.Minute, 16}, {GapLimit(22), 22}, {GapLimit(22) + 1, 23}, {1 << 62, 23},
	} {
		var g Gaps
		g.Observe(int64(tt.gap))
		var got GapTotals
		got.addFrom(&g)
		if got.Counts[tt.bucket] != 1 || got.Sum != max(tt.gap, 1) {
			t.Errorf("%v: counted in %v, sum %v; want bucket %d", tt.gap, got.Counts, got.Sum, tt.bucket)
		}
	}
}

// TestLatencyBuckets: every bucket takes what lies between the limit of the one before and its own, and nothing else.
func TestLatencyBuckets(t *testing.T) {
	t.Parallel()
	for i := range LatencyBuckets - 1 {
		limit := LatencyLimit(i)
		if got := [2]int{LatencyBucket(int64(limit)), LatencyBucket(int64(limit) + 1)}; got != [2]int{i, i + 1} {
			t.Errorf("%v and 1 ns more: buckets %v, want %d and %d", limit, got, i, i+1)
		}
		if i > 4 && float64(limit) > 1.26*float64(LatencyLimit(i-1)) {
			t.Errorf("bucket %d: from %v to %v, want it narrower", i, LatencyLimit(i-1), limit)
		}
	}
	for _, ns := range []int64{-1, 0, 1} {
		if got := LatencyBucket(ns); got != 0 {
			t.Errorf("%d ns: bucket %d, want 0", ns, got)
		}
	}
	if got := LatencyBucket(1 << 62); got != LatencyBuckets-1 {
		t.Errorf("140 years: bucket %d, want %d", got, LatencyBuckets-1)
	}
}

// TestQuantile compares with the quantiles of the latencies themselves.
func TestQuantile(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const n = 10000
	var l Latency
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(100+r.ExpFloat64()*2e6) * time.Microsecond / 100
		l.Observe(int64(all[i]))
	}
	slices.Sort(all)
	var got LatencyTotals
	got.addFrom(&l)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := all[max(int(q*n)-1, 0)]
		if g := got.Quantile(q); float64(g) < 0.75*float64(want) || float64(g) > 1.26*float64(want) {
			t.Errorf("quantile %v: %v, want %v within a quarter", q, g, want)
		}
	}
	if got.Count() != n || l.TakePeak() != all[n-1] || l.TakePeak() != 0 {
		t.Errorf("%d latencies, want %d, and the longest of them once", got.Count(), n)
	}
	if q := new(LatencyTotals).Quantile(0.5); q != 0 {
		t.Errorf("of none: %v, want 0", q)
	}
	var long Latency
	long.Observe(1 << 62)
	got = LatencyTotals{}
	if got.addFrom(&long); got.Quantile(0.5) != 1<<latencyDoublings*time.Microsecond {
		t.Errorf("of one that is too long: %v", got.Quantile(0.5))
	}
}

func TestHistogramsAddUp(t *testing.T) {
	t.Parallel()
	var a, b Listener
	for _, l := range []*Listener{&a, &b} {
		l.Routed.Add(1)
		l.Latency.Observe(5000)
		l.Gaps[Waiting].Observe(int64(time.Second))
	}
	var got ListenerTotals
	got.AddFrom(&a)
	got.AddFrom(&b)
	if got.Routed != 2 || got.Latency.Counts[4] != 2 || got.Latency.Sum != 10*time.Microsecond || got.Gaps[Waiting].Counts[10] != 2 ||
		got.Gaps[Waiting].Sum != 2*time.Second || got.Gaps[InTunnel] != (GapTotals{}) {
		t.Errorf("of two: %+v", got)
	}
	latency, gaps := got.Latency, got.Gaps[Waiting]
	latency.Add(&got.Latency)
	gaps.Add(&got.Gaps[Waiting])
	if latency.Count() != 4 || latency.Sum != 20*time.Microsecond || gaps.Counts[10] != 4 || gaps.Sum != 4*time.Second {
		t.Errorf("of two times two: %+v, %+v", latency, gaps)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var g Gaps
	var l Latency
	ns := int64(1)
	if n := testing.AllocsPerRun(1000, func() { g.Observe(ns); l.Observe(ns); ns += 77777 }); n != 0 {
		t.Errorf("%v allocations for two observations, want none", n)
	}
}

func BenchmarkGapsObserve(b *testing.B) {
	var g Gaps
	ns := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		g.Observe(ns & (1<<40 - 1))
		ns += 1234567
	}
}

func BenchmarkLatencyObserve(b *testing.B) {
	var l Latency
	ns := int64(1)
	b.ReportAllocs()
	for b.Loop() {
		l.Observe(ns & (1<<30 - 1))
		ns += 1234567
	}
}
