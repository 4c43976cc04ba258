package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lull/internal/dataplane/stats"
)

// latencyLimits are the upper limits of the buckets of latencies that Prometheus sees, in powers of two of a microsecond: from
// half a millisecond to a minute, and a few beyond. The data plane's are four times as many.
//
//nolint:gochecknoglobals // a constant table
var latencyLimits = func() (limits []time.Duration) {
	for shift := 9; shift <= 26; shift++ {
		limits = append(limits, time.Microsecond<<shift)
	}
	return append(limits, time.Microsecond<<28, time.Microsecond<<30, time.Microsecond<<32)
}()

// latency sends a histogram of latencies, if there are any: most listeners of a large configuration are idle most of the time,
// and a scrape need not be ten times as large for them.
func (w writer) latency(t *stats.LatencyTotals, labels ...string) {
	all := t.Count()
	if all == 0 {
		return
	}
	buckets := make(map[float64]uint64, len(latencyLimits))
	var sum uint64
	next := 0
	for _, limit := range latencyLimits {
		for ; next < stats.LatencyBuckets-1 && stats.LatencyLimit(next) <= limit; next++ {
			sum += t.Counts[next]
		}
		buckets[limit.Seconds()] = sum
	}
	w.putHistogram(backendLatency, all, t.Sum, buckets, labels)
}

// gaps sends a histogram of gaps, if there are any.
func (w writer) gaps(t *stats.GapTotals, labels ...string) {
	buckets := make(map[float64]uint64, stats.GapBuckets)
	var sum uint64
	for i, n := range t.Counts {
		if sum += n; i < stats.GapBuckets-1 {
			buckets[stats.GapLimit(i).Seconds()] = sum
		}
	}
	if sum > 0 {
		w.putHistogram(gap, sum, t.Sum, buckets, labels)
	}
}

// putHistogram sends a histogram, of which the buckets hold what they and those below have.
func (w writer) putHistogram(m metric, count uint64, sum time.Duration, buckets map[float64]uint64, labels []string) {
	for i := range labels {
		labels[i] = valid(labels[i])
	}
	w.out <- prometheus.MustNewConstHistogram(m.desc, count, sum.Seconds(), buckets, labels...)
}
