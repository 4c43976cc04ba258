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
	churnEnding                       // the balancer's FIN
)

// churner makes connections one after another in each of its slots: connect, one exchange, FIN unless the balancer is to
// close first, wait for the balancer's FIN, close. The orderly end is on purpose: an RST would leave fewer closed
// connections lingering in the client, but it takes balancers down another path than the one that well-behaved clients do.
type churner struct {
	o        Options
	protocol protocol
	fin      bool // the client's FIN comes first
	poll     *poller
	fds      []int
	state    []churnState
	begunAt  []int64
	begun    int
	latency  []int64
	buf      []byte
}

func runChurn(o Options, p *parent) error {
	return churn(o, p, &churner{protocol: newEchoes(o.Conns, o.Bytes), fin: true})
}

// runGetChurn is runChurn for HTTP: the request says that the connection ends with the response.
func runGetChurn(o Options, p *parent) error {
	return churn(o, p, &churner{protocol: newGets(o.Conns, closingRequest)})
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
	c.latency = make([]int64, 0, o.Count)
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
