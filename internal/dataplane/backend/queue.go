package backend

import "sync/atomic"

// Queue counts the requests of a load balancer that wait for a backend with room, on all loops: the surge queue of an AWS
// Classic Load Balancer. The requests themselves stand in their loops' lists, because a connection cannot leave its loop.
type Queue struct{ waiting atomic.Int64 }

// Join counts one more request unless most are waiting already. Callable from any loop, as are the others.
func (q *Queue) Join(most int) bool {
	if q.waiting.Add(1) > int64(most) {
		q.waiting.Add(-1)
		return false
	}
	return true
}

// Leave ends what Join began.
func (q *Queue) Leave() { q.waiting.Add(-1) }

// Waiting returns how many requests wait.
func (q *Queue) Waiting() int64 { return q.waiting.Load() }
