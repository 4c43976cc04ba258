package load

import (
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
	churnEnding                       // the balancer's FIN, after ours
)

// churner makes connections one after another in each of its slots: connect, one exchange, FIN, wait for the balancer's
// FIN, close. The orderly end is on purpose: an RST would leave fewer closed connections lingering in the client, but
// it takes balancers down another path than the one that well-behaved clients do.
type churner struct {
	o       Options
	poll    *poller
	fds     []int
	state   []churnState
	got     []int
	begunAt []int64
	begun   int
	latency []int64
	message []byte
	buf     []byte
}

func runChurn(o Options, p *parent) error {
	runtime.LockOSThread()
	poll, err := newPoller()
	if err != nil {
		return err
	}
	defer poll.close()
	c := &churner{
		o: o, poll: poll, fds: make([]int, o.Conns), state: make([]churnState, o.Conns), got: make([]int, o.Conns),
		begunAt: make([]int64, o.Conns), latency: make([]int64, 0, o.Count),
		message: make([]byte, o.Bytes), buf: make([]byte, 2*o.Bytes),
	}
	if err := p.tell(Report{Stage: StageReady}); err != nil || !p.wait() {
		return err
	}
	start := clock.Now()
	if err := c.run(); err != nil {
		return err
	}
	nanos := clock.Now() - start
	slices.Sort(c.latency)
	n := len(c.latency)
	return p.tell(Report{
		Stage: StageDone, Nanos: nanos, Count: int64(n),
		LatencyP50Nanos: c.latency[n/2], LatencyP99Nanos: c.latency[n*99/100],
	})
}

func (c *churner) run() error {
	for at := range c.fds {
		if err := c.begin(at); err != nil {
			return err
		}
	}
	for len(c.latency) < c.begun {
		events, err := c.poll.mustWait()
		if err != nil {
			return fmt.Errorf("connection %d of %d: %w", len(c.latency), c.o.Count, err)
		}
		for i := range events {
			if err := c.advance(int(events[i].Fd)); err != nil {
				return fmt.Errorf("connection %d of %d: %w", len(c.latency), c.o.Count, err)
			}
		}
	}
	return nil
}

// begin starts the slot's next connection, if there are any left to make.
func (c *churner) begin(at int) error {
	if c.begun == c.o.Count {
		return nil
	}
	c.begunAt[at] = clock.Now()
	fd, err := dial(c.o.Targets[c.begun%len(c.o.Targets)], c.begun)
	if err != nil {
		return err
	}
	c.begun++
	c.fds[at], c.state[at], c.got[at] = fd, churnConnecting, 0
	return c.poll.add(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, at)
}

// advance takes the slot one step on. One event is one step: each step leaves nothing to read behind, so what comes
// later makes an event of its own, and a poller never names a descriptor twice in one look.
func (c *churner) advance(at int) error {
	fd := c.fds[at]
	switch c.state[at] {
	case churnIdle:
		return nil
	case churnConnecting:
		c.state[at] = churnReplying
		return greet(fd, c.message)
	case churnReplying:
		n, err := receive(fd, c.buf)
		if c.got[at] += n; err != nil || c.got[at] < len(c.message) {
			return err
		}
		c.state[at] = churnEnding
		return unix.Shutdown(fd, unix.SHUT_WR)
	case churnEnding:
		n, errno := read(fd, c.buf)
		if errno == unix.EAGAIN {
			return nil
		}
		if errno != 0 || n != 0 {
			return fmt.Errorf("end of connection: %d bytes, %w", n, errno)
		}
		c.latency = append(c.latency, clock.Now()-c.begunAt[at])
		c.state[at] = churnIdle
		unix.Close(fd)
		return c.begin(at)
	}
	panic("churn: unknown state")
}
