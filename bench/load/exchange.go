package load

import (
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// exchanger keeps one request under way on every connection: a closed loop.
type exchanger struct {
	conns   *conns
	message []byte
	reply   []byte
	got     []int   // bytes of the reply under way
	sentAt  []int64 // when the request under way was sent
	latency []int64 // of every exchange that ended, in the order of ending
}

// runExchange makes o.Warm exchanges, waits for the parent, makes o.Count more and reports how they went.
func runExchange(o Options, p *parent) error {
	runtime.LockOSThread()
	message := make([]byte, o.Bytes)
	c, err := openConns(o.Targets, o.Conns, message)
	if err != nil {
		return err
	}
	defer c.close()
	x := &exchanger{
		conns: c, message: message, reply: make([]byte, 2*len(message)),
		got: make([]int, o.Conns), sentAt: make([]int64, o.Conns),
		latency: make([]int64, 0, max(o.Count, o.Warm)+o.Conns),
	}
	if _, err = x.run(o.Warm); err != nil {
		return err
	}
	if err = p.tell(Report{Stage: StageReady}); err != nil || !p.wait() {
		return err
	}
	nanos, err := x.run(o.Count)
	if err != nil {
		return err
	}
	slices.Sort(x.latency)
	n := len(x.latency)
	return p.tell(Report{
		Stage: StageDone, Nanos: nanos, Count: int64(n),
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
			ended, err := x.receive(at, now)
			if err != nil {
				return 0, err
			}
			switch {
			case !ended:
			case len(x.latency)+under <= count:
				if err := x.send(at, now); err != nil {
					return 0, err
				}
			default:
				under--
			}
		}
	}
	return clock.Now() - start, nil
}

func (x *exchanger) send(at int, now int64) error {
	x.got[at], x.sentAt[at] = 0, now
	return send(x.conns.fds[at], x.message)
}

// receive takes what has come of a reply; true when that completes it.
func (x *exchanger) receive(at int, now int64) (bool, error) {
	n, err := receive(x.conns.fds[at], x.reply)
	if err != nil || n == 0 {
		return false, err
	}
	if x.got[at] += n; x.got[at] < len(x.message) {
		return false, nil
	}
	if x.got[at] > len(x.message) {
		return false, fmt.Errorf("exchange: %d bytes for a message of %d", x.got[at], len(x.message))
	}
	x.latency = append(x.latency, now-x.sentAt[at])
	return true, nil
}
