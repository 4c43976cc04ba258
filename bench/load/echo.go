package load

import "golang.org/x/sys/unix"

// echo answers every message with itself. Messages are far smaller than a socket's buffer, so a write that does not
// take all of one means that the connection is broken, and it is closed.
type echo struct {
	limit int // answers after which a connection is left alone; 0 = none
	left  perConn[int]
	buf   []byte
}

func runEcho(o Options, p *parent) error {
	return serve(o, p, &echo{limit: o.Echoes, buf: make([]byte, 64<<10)})
}

func (e *echo) opened(fd int) uint32 {
	*e.left.at(fd) = e.limit
	return unix.EPOLLIN
}

func (e *echo) ready(b *backend, fd int) {
	for {
		n, errno := read(fd, e.buf)
		if errno == unix.EAGAIN {
			return
		}
		if errno != 0 || n == 0 {
			unix.Close(fd)
			return
		}
		if w, errno := write(fd, e.buf[:n]); errno != 0 || w < n {
			unix.Close(fd)
			return
		}
		if e.spent(b, fd) || n < len(e.buf) { // a short read has drained the socket
			return
		}
	}
}

// spent counts one answer and takes the connection out of the poller after the last. The lateness scenario asks for
// that: the ends of thousands of connections at once must not wake the backend, which would take the processor from
// the balancer just when it is timed. The socket stays open until the process ends.
func (e *echo) spent(b *backend, fd int) bool {
	if e.limit == 0 {
		return false
	}
	left := e.left.at(fd)
	if *left--; *left > 0 {
		return false
	}
	return b.poll.remove(fd) == nil
}
