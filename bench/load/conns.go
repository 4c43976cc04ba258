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

// openConns connects n times and, if message is not empty, exchanges it once on each connection.
func openConns(targets []Address, n int, message []byte) (*conns, error) {
	poll, err := newPoller()
	if err != nil {
		return nil, err
	}
	c := &conns{poll: poll, fds: make([]int, 0, n)}
	if err := c.open(targets, n, message); err != nil {
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

func (c *conns) open(targets []Address, n int, message []byte) error {
	reply := make([]byte, 2*len(message)+1)
	got := make([]int, n)
	greeted := make([]bool, n)
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
				if err := greet(c.fds[at], message); err != nil {
					return err
				}
				if len(message) == 0 {
					done++
				}
			}
			if len(message) == 0 || got[at] == len(message) || events[i].Events&unix.EPOLLIN == 0 {
				continue
			}
			k, err := receive(c.fds[at], reply)
			if err != nil {
				return err
			}
			if got[at] += k; got[at] == len(message) {
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

// greet completes a connect and sends the first message.
func greet(fd int, message []byte) error {
	if err := connected(fd); err != nil || len(message) == 0 {
		return err
	}
	return send(fd, message)
}

// send writes a message that is far smaller than the socket's buffer.
func send(fd int, message []byte) error {
	n, errno := write(fd, message)
	if errno != 0 {
		return fmt.Errorf("send: %w", errno)
	}
	if n < len(message) {
		return fmt.Errorf("send: %d of %d bytes taken", n, len(message))
	}
	return nil
}

// receive reads what there is: 0 bytes when there is nothing yet, an error at the connection's end.
func receive(fd int, buf []byte) (int, error) {
	n, errno := read(fd, buf)
	switch {
	case errno == unix.EAGAIN:
		return 0, nil
	case errno != 0:
		return 0, fmt.Errorf("receive: %w", errno)
	case n == 0:
		return 0, fmt.Errorf("receive: closed by the balancer")
	}
	return n, nil
}
