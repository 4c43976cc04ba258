package backend

import "sync/atomic"

// Queue counts the requests of a load balancer that wait for a backend with room, on all loops: the surge queue of an AWS
// Classic Load Balancer. The requests themselves stand in their loops' lists, because a connection cannot leave its loop.
type Queue struct {
	waiting atomic.Int64
	peak    atomic.Int64 // the most since TakePeak
}

// Join counts one more request unless most are waiting already. Callable from any loop, as are the others.
func (q *Queue) Join(most int) bool {
	n := q.waiting.Add(1)
	if n > int64(most) {
		q.waiting.Add(-1)
		return false
	}
	for peak := q.peak.Load(); n > peak && !q.peak.CompareAndSwap(peak, n); {
		peak = q.peak.Load()
	}
	return true
}

// Leave ends what Join began.
func (q *Queue) Leave() { q.waiting.Add(-1) }

// TakePeak returns the most requests that have waited at a time since it was called last. For one reader.
func (q *Queue) TakePeak() int {
	return int(q.peak.Swap(q.waiting.Load())) // those that wait still do so in the time that begins
}

// Waiting returns how many requests wait.
func (q *Queue) Waiting() int64 { return q.waiting.Load() }

// TakePeaks returns the most requests that have waited in each load balancer's queue at a time since it was called last. For
// one reader.
func (r *Registry) TakePeaks() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	peaks := make(map[string]int, len(r.queues))
	for name, q := range r.queues {
		peaks[name] = q.TakePeak()
	}
	return peaks
}
