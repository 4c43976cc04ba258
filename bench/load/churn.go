package load

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// churnState is what one of the churn client's slots waits for.
type churnState uint8

const (
	churnIdle       churnState = iota // nothing: the slot has no connection
	churnConnecting                   // the connect to finish
	churnReplying                     // the rest of the reply
	churnEnding                       // the balancer's FIN
)

// churner makes connections one after another in each of its slots: connect, one exchange, FIN unless the balancer is to
// close first, wait for the balancer's FIN, close. The orderly end is on purpose: an RST would leave fewer closed
// connections lingering in the client, but it takes balancers down another path than the one that well-behaved clients do.
type churner struct {
	o        Options
	wire     wire
	protocol protocol
	fin      bool // the client's FIN comes first
	poll     *poller
	fds      []int
	state    []churnState
	begunAt  []int64
	goal     int // how many connections to make
	begun    int
	latency  []int64
	buf      []byte
}

func runChurn(o Options, p *parent) error {
	return churn(o, p, &churner{wire: bare{}, protocol: newEchoes(o.Conns, o.Bytes), fin: true})
}

// runGetChurn is runChurn for HTTP: the request says that the connection ends with the response.
func runGetChurn(o Options, p *parent) error {
	w, err := wireOf(o)
	if err != nil {
		return err
	}
	return churn(o, p, &churner{wire: w, protocol: opening(w, newGets(o.Conns, closingRequest, w))})
}

func churn(o Options, p *parent, c *churner) error {
	runtime.LockOSThread()
	poll, err := newPoller()
	if err != nil {
		return err
	}
	defer poll.close()
	c.o, c.poll, c.buf = o, poll, make([]byte, 1)
	c.fds, c.state, c.begunAt = make([]int, o.Conns), make([]churnState, o.Conns), make([]int64, o.Conns)
	c.latency = make([]int64, 0, max(o.Warm, o.Count))
	if err := c.run(o.Warm); err != nil {
		return err
	}
	if err := p.tell(Report{Stage: StageReady}); err != nil || !p.wait() {
		return err
	}
	before, start := cpuNanos(), clock.Now()
	if err := c.run(o.Count); err != nil {
		return err
	}
	nanos, used := clock.Now()-start, cpuNanos()-before
	slices.Sort(c.latency)
	n := len(c.latency)
	return p.tell(Report{
		Stage: StageDone, Nanos: nanos, Count: int64(n), CPUNanos: used,
		LatencyP50Nanos: c.latency[n/2], LatencyP99Nanos: c.latency[n*99/100],
	})
}

// run makes count connections. If there are as many slots or more, each makes one at most.
func (c *churner) run(count int) error {
	c.goal, c.begun, c.latency = count, 0, c.latency[:0]
	for at := range c.fds {
		if err := c.begin(at); err != nil {
			return err
		}
	}
	for len(c.latency) < c.begun {
		events, err := c.poll.mustWait()
		if err != nil {
			return fmt.Errorf("connection %d of %d: %w", len(c.latency), count, err)
		}
		for i := range events {
			if err := c.advance(int(events[i].Fd)); err != nil {
				return fmt.Errorf("connection %d of %d: %w", len(c.latency), count, err)
			}
		}
	}
	return nil
}

// begin starts the slot's next connection, if there are any left to make.
func (c *churner) begin(at int) error {
	if c.begun == c.goal {
		return nil
	}
	c.begunAt[at] = clock.Now()
	fd, err := dial(c.o.Targets[c.begun%len(c.o.Targets)], c.begun)
	if err != nil {
		return err
	}
	c.begun++
	c.fds[at], c.state[at] = fd, churnConnecting
	return c.poll.add(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, at)
}

// advance takes the slot on. Each step leaves nothing to read behind, so what comes later makes an event of its own, and a
// poller never names a descriptor twice in one look.
func (c *churner) advance(at int) error {
	fd := c.fds[at]
	switch c.state[at] {
	case churnIdle:
		return nil
	case churnConnecting:
		c.state[at] = churnReplying
		return greet(fd, at, c.protocol)
	case churnReplying:
		ended, err := c.protocol.receive(fd, at)
		if err != nil || !ended {
			return err
		}
		c.state[at] = churnEnding
		if c.fin {
			return unix.Shutdown(fd, unix.SHUT_WR)
		}
		return c.end(at) // the balancer's FIN may have come with its response
	case churnEnding:
		return c.end(at)
	}
	panic("churn: unknown state")
}

// end closes the connection once the balancer has, and begins the next.
func (c *churner) end(at int) error {
	fd := c.fds[at]
	n, err := c.wire.receive(fd, at, c.buf)
	if n == 0 && err == nil {
		return nil
	}
	if !errors.Is(err, errClosed) {
		return fmt.Errorf("end of connection: %d bytes, %w", n, err)
	}
	c.latency = append(c.latency, clock.Now()-c.begunAt[at])
	c.state[at] = churnIdle
	unix.Close(fd)
	return c.begin(at)
}
