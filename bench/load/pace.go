package load

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// paceSeed makes the same arrivals for every balancer.
const paceSeed = 1

// pacer sends requests at times that do not depend on the answers: an open loop. Arrivals are independent of each other
// (exponential gaps), as those of many clients are. A request's latency counts from when it was due, so that a request
// that had to wait, because the balancer held up those before it or because this client was late, is not flattered
// (coordinated omission). How late the client itself was in seeing that a request was due is reported beside it.
type pacer struct {
	conns    *conns
	protocol protocol
	gaps     *rand.Rand
	mean     float64 // gap between two arrivals, ns
	due      float64 // when the next request is to be sent, ns after the start

	waiting []int64 // when the requests that found no idle connection were due
	idle    []int   // connections, the longest idle first
	dueAt   []int64 // of the request under way on each connection
	latency []int64
	late    []int64 // how long after each request was due this was seen
}

// runPace makes o.Warm exchanges in a closed loop, waits for the parent, then makes o.Count at o.Rate a second.
func runPace(o Options, p *parent) error {
	runtime.LockOSThread()
	// Sleeps may otherwise last 50 µs longer than asked for.
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set timer slack: %w", err)
	}
	c, err := openConns(o.Targets, o.Conns, nil)
	if err != nil {
		return err
	}
	defer c.close()
	gets := newGets(o.Conns, getRequest, bare{})
	warm := exchanger{conns: c, protocol: gets, sentAt: make([]int64, o.Conns)}
	if _, err = warm.run(o.Warm); err != nil {
		return err
	}
	if err = p.tell(Report{Stage: StageReady}); err != nil || !p.wait() {
		return err
	}
	x := newPacer(c, gets, o)
	before := cpuNanos()
	nanos, err := x.run(o.Count)
	used := cpuNanos() - before
	if err != nil {
		return fmt.Errorf("exchange %d of %d: %w", len(x.latency), o.Count, err)
	}
	slices.Sort(x.latency)
	slices.Sort(x.late)
	n := o.Count
	return p.tell(Report{
		Stage: StageDone, Nanos: nanos, Count: int64(n), CPUNanos: used,
		LatencyP50Nanos: x.latency[n/2], LatencyP99Nanos: x.latency[n*99/100], LateP99Nanos: x.late[n*99/100],
	})
}

func newPacer(c *conns, p protocol, o Options) *pacer {
	x := &pacer{
		conns: c, protocol: p, gaps: rand.New(rand.NewPCG(paceSeed, paceSeed)), mean: 1e9 / float64(o.Rate),
		// Both are only appended to and cut at the front, and have room for the whole run.
		waiting: make([]int64, 0, o.Count), idle: make([]int, o.Conns, o.Conns+o.Count),
		dueAt:   make([]int64, o.Conns),
		latency: make([]int64, 0, o.Count), late: make([]int64, 0, o.Count),
	}
	for at := range x.idle {
		x.idle[at] = at
	}
	return x
}

// run makes count exchanges and returns how long they took.
func (x *pacer) run(count int) (int64, error) {
	start := clock.Now()
	arrived, moved := 0, start
	for len(x.latency) < count {
		now := clock.Now()
		for arrived < count && start+int64(x.due) <= now {
			x.waiting = append(x.waiting, start+int64(x.due))
			x.late = append(x.late, now-start-int64(x.due))
			x.due += x.gaps.ExpFloat64() * x.mean
			arrived++
		}
		if err := x.sendWaiting(); err != nil {
			return 0, err
		}
		next := now + int64(time.Second)
		if arrived < count {
			next = start + int64(x.due)
		}
		events, err := x.conns.poll.waitUntil(next)
		if err != nil {
			return 0, err
		}
		now = clock.Now()
		if len(events) > 0 {
			moved = now
		} else if now-moved > int64(stallMax) {
			return 0, fmt.Errorf("nothing moved for %v", stallMax)
		}
		if err := x.receive(events, now); err != nil {
			return 0, err
		}
	}
	return clock.Now() - start, nil
}

// sendWaiting sends what is due on the connections that are idle.
func (x *pacer) sendWaiting() error {
	n := min(len(x.waiting), len(x.idle))
	for i := range n {
		at := x.idle[i]
		x.dueAt[at] = x.waiting[i]
		if err := x.protocol.begin(x.conns.fds[at], at); err != nil {
			return err
		}
	}
	x.waiting, x.idle = x.waiting[n:], x.idle[n:]
	return nil
}

func (x *pacer) receive(events []unix.EpollEvent, now int64) error {
	for i := range events {
		at := int(events[i].Fd)
		if events[i].Events&^unix.EPOLLOUT == 0 {
			continue
		}
		ended, err := x.protocol.receive(x.conns.fds[at], at)
		if err != nil {
			return err
		}
		if ended {
			x.latency = append(x.latency, now-x.dueAt[at])
			x.idle = append(x.idle, at)
		}
	}
	return nil
}
