package load

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// discardMax is how much one call throws away at most.
const discardMax = 1 << 20

// runSink opens connections, asks the source behind the balancer for its bytes and throws them away, inside the kernel,
// until each connection has ended after o.Bytes.
func runSink(o Options, p *parent) error {
	runtime.LockOSThread()
	c, err := openConns(o.Targets, o.Conns, nil)
	if err != nil {
		return err
	}
	defer c.close()
	if err = p.tell(Report{Stage: StageReady}); err != nil || !p.wait() {
		return err
	}
	start := clock.Now()
	for _, fd := range c.fds {
		if err = send(fd, []byte{1}); err != nil {
			return err
		}
	}
	total, err := c.drain(o.Bytes)
	if err != nil {
		return err
	}
	return p.tell(Report{Stage: StageDone, Nanos: clock.Now() - start, Count: total})
}

// drain receives until every connection has ended, each after want bytes. Every byte that comes makes an event after
// the call that emptied the socket, so none is missed.
func (c *conns) drain(want int64) (int64, error) {
	buf := make([]byte, discardMax) // never touched: the kernel discards
	got, ended := make([]int64, len(c.fds)), 0
	look := func(at int) error {
		if got[at] < 0 {
			return nil
		}
		end, err := drainOne(c.fds[at], buf, &got[at])
		if err != nil || !end {
			return err
		}
		if got[at] != want {
			return fmt.Errorf("receive: closed after %d of %d bytes", got[at], want)
		}
		got[at], ended = -1, ended+1
		return nil
	}
	for ended < len(c.fds) {
		events, err := c.poll.mustWait()
		if err != nil {
			return 0, err
		}
		for i := range events {
			if err := look(int(events[i].Fd)); err != nil {
				return 0, err
			}
		}
	}
	return want * int64(len(c.fds)), nil
}

// drainOne receives until there is no more for now, or until the connection's end.
func drainOne(fd int, buf []byte, got *int64) (end bool, err error) {
	for {
		n, errno := discard(fd, buf)
		switch {
		case errno == unix.EAGAIN:
			return false, nil
		case errno != 0:
			return false, fmt.Errorf("receive: %w", errno)
		case n == 0:
			return true, nil
		}
		*got += int64(n)
	}
}
