package load

import (
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// exchanger keeps one exchange under way on every connection: a closed loop.
type exchanger struct {
	conns    *conns
	protocol protocol
	sentAt   []int64 // when the request under way was sent
	latency  []int64 // of every exchange that ended, in the order of ending
}

// runExchange makes o.Warm exchanges, waits for the parent, makes o.Count more and reports how they went.
func runExchange(o Options, p *parent) error {
	return exchange(o, p, nil, newEchoes(o.Conns, o.Bytes))
}

// runGet is runExchange for HTTP.
func runGet(o Options, p *parent) error {
	w, err := wireOf(o)
	if err != nil {
		return err
	}
	return exchange(o, p, opening(w, nil), newGets(o.Conns, getRequest, w))
}

// runUpgrade is runExchange on connections that began as HTTP and were upgraded.
func runUpgrade(o Options, p *parent) error {
	return exchange(o, p, newUpgrades(o.Conns), newEchoes(o.Conns, o.Bytes))
}

// exchange makes one exchange of first on each connection, if that is not nil, and all others of then.
func exchange(o Options, p *parent, first, then protocol) error {
	runtime.LockOSThread()
	c, err := openConns(o.Targets, o.Conns, first)
	if err != nil {
		return err
	}
	defer c.close()
	x := &exchanger{
		conns: c, protocol: then,
		sentAt: make([]int64, o.Conns), latency: make([]int64, 0, max(o.Count, o.Warm)+o.Conns),
	}
	if o.Warm > 0 {
		if _, err = x.run(o.Warm); err != nil {
			return err
		}
	}
	if err = p.tell(Report{Stage: StageReady}); err != nil || !p.wait() {
		return err
	}
	before := cpuNanos()
	nanos, err := x.run(o.Count)
	if err != nil {
		return err
	}
	used := cpuNanos() - before
	slices.Sort(x.latency)
	n := len(x.latency)
	return p.tell(Report{
		Stage: StageDone, Nanos: nanos, Count: int64(n), CPUNanos: used,
		LatencyP50Nanos: x.latency[n/2], LatencyP99Nanos: x.latency[n*99/100],
	})
}

// run makes at least count exchanges and returns how long they took. Requests under way when the count is reached are
// awaited and counted too, so that none is left on the wire.
func (x *exchanger) run(count int) (int64, error) {
	x.latency = x.latency[:0]
	start := clock.Now()
	for at := range x.conns.fds {
		if err := x.send(at, start); err != nil {
			return 0, err
		}
	}
	under := len(x.conns.fds)
	for under > 0 {
		events, err := x.conns.poll.mustWait()
		if err != nil {
			return 0, fmt.Errorf("exchange %d of %d: %w", len(x.latency), count, err)
		}
		now := clock.Now()
		for i := range events {
			at := int(events[i].Fd)
			if events[i].Events&^unix.EPOLLOUT == 0 {
				continue
			}
			ended, err := x.protocol.receive(x.conns.fds[at], at)
			if err != nil {
				return 0, fmt.Errorf("exchange %d of %d: %w", len(x.latency), count, err)
			}
			if !ended {
				continue
			}
			x.latency = append(x.latency, now-x.sentAt[at])
			if len(x.latency)+under > count {
				under--
			} else if err := x.send(at, now); err != nil {
				return 0, err
			}
		}
	}
	return clock.Now() - start, nil
}

func (x *exchanger) send(at int, now int64) error {
	x.sentAt[at] = now
	return x.protocol.begin(x.conns.fds[at], at)
}
