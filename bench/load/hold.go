package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// runHold opens connections, exchanges one message of o.Bytes on each unless that is 0, and then does nothing until the
// parent lets it go, except count those that have ended when it asks.
func runHold(o Options, p *parent) error {
	if o.Bytes == 0 {
		return hold(o, p, nil)
	}
	return hold(o, p, newEchoes(o.Conns, o.Bytes))
}

// runGetHold is runHold for HTTP: one request on each connection, answered.
func runGetHold(o Options, p *parent) error { return holdRequest(o, p, getRequest) }

// runPostHold is runGetHold with a body of o.Bytes in each request.
func runPostHold(o Options, p *parent) error {
	if o.Bytes > uploadMax {
		return fmt.Errorf("upload of %d bytes: out of range, allowed 0..%d", o.Bytes, uploadMax)
	}
	return holdRequest(o, p, uploadRequest(o.Bytes))
}

func holdRequest(o Options, p *parent, request []byte) error {
	w, err := wireOf(o)
	if err != nil {
		return err
	}
	return hold(o, p, opening(w, newGets(o.Conns, request, w)))
}

// runWait is runHold for HTTP: one request on each connection, never answered.
func runWait(o Options, p *parent) error { return hold(o, p, waits{}) }

func hold(o Options, p *parent, first protocol) error {
	c, err := openConns(o.Targets, o.Conns, first)
	if err != nil {
		return err
	}
	defer c.close()
	if err := p.tell(Report{Stage: StageReady, Count: int64(len(c.fds))}); err != nil {
		return err
	}
	for ended := int64(0); p.wait(); {
		n, err := c.ended()
		if err != nil {
			return err
		}
		ended += n
		if err := p.tell(Report{Stage: StageCount, Count: int64(len(c.fds)) - ended, Errors: ended}); err != nil {
			return err
		}
	}
	return nil
}

// ended returns how many connections have ended since it was last called. Each end is an event of its own.
func (c *conns) ended() (int64, error) {
	for ended := int64(0); ; {
		events, err := c.poll.wait(0)
		if err != nil || len(events) == 0 {
			return ended, err
		}
		for i := range events {
			if events[i].Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
				ended++
			}
		}
	}
}
