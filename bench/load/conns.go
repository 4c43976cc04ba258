package load

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// windowMax is how many connections a client opens, or how many messages it has under way, at once where the scenario
// does not say: well below the accept queue of every balancer (nginx's default is 511).
const windowMax = 64

// conns is a client's set of long-lived connections. Events of its poller carry an index into fds.
type conns struct {
	poll *poller
	fds  []int
}

// openConns connects n times and, unless p is nil, makes one exchange of p on each connection.
func openConns(targets []Address, n int, p protocol) (*conns, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	c := &conns{poll: poll, fds: make([]int, 0, n)}
	if err := c.open(targets, n, p); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *conns) close() {
	for _, fd := range c.fds {
		unix.Close(fd)
	}
	c.poll.close()
}

func (c *conns) open(targets []Address, n int, p protocol) error {
	greeted, ended := make([]bool, n), make([]bool, n)
	for done := 0; done < n; {
		for len(c.fds) < n && len(c.fds)-done < windowMax {
			if err := c.dialNext(targets); err != nil {
				return err
			}
		}
		events, err := c.poll.mustWait()
		if err != nil {
			return fmt.Errorf("open connections, %d of %d done: %w", done, n, err)
		}
		for i := range events {
			at := int(events[i].Fd)
			if !greeted[at] {
				greeted[at] = true
				if err = greet(c.fds[at], at, p); err != nil {
					return err
				}
			} else if ended[at] {
				continue
			}
			if ended[at] = p == nil; p != nil {
				if ended[at], err = p.receive(c.fds[at], at); err != nil {
					return err
				}
			}
			if ended[at] {
				done++
			}
		}
	}
	return nil
}

func (c *conns) dialNext(targets []Address) error {
	at := len(c.fds)
	fd, err := dial(targets[at%len(targets)], at)
	if err != nil {
		return err
	}
	c.fds = append(c.fds, fd)
	return c.poll.add(fd, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP, at)
}

// greet completes a connect and begins the first exchange, if there is to be one.
func greet(fd, at int, p protocol) error {
	if err := connected(fd); err != nil || p == nil {
		return err
	}
	return p.begin(fd, at)
}

// send writes a message that is far smaller than the socket's buffer.
func send(fd int, message []byte) error {
	return sendAll(bare{}, fd, 0, message)
}

// receive reads what there is: 0 bytes when there is nothing yet, an error at the connection's end.
func receive(fd int, buf []byte) (int, error) {
	n, errno := read(fd, buf)
	return received(n, errno)
}
