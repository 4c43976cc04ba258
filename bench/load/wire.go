package load

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// errClosed is what comes instead of bytes once a connection has ended in order.
var errClosed = errors.New("receive: closed by the balancer")

// wire is what requests and responses travel in: bare TCP, or TLS on it. A connection is known by its descriptor and by
// its index among those of this process. Nothing here waits, but for a send in TLS.
type wire interface {
	// send hands as much of a message over as is taken now, and says how much.
	send(fd, at int, message []byte) (int, error)
	// receive reads what has come: 0 bytes when there is nothing more for now, errClosed at the connection's end.
	receive(fd, at int, buf []byte) (int, error)
	// discard is receive for bytes that nobody looks at: what buf holds afterwards is anything.
	discard(fd, at int, buf []byte) (int, error)
}

// bare is TCP with nothing on it.
type bare struct{}

func (bare) send(fd, _ int, message []byte) (int, error) {
	n, errno := write(fd, message)
	switch errno {
	case 0:
		return n, nil
	case unix.EAGAIN:
		return 0, nil
	}
	return 0, fmt.Errorf("send: %w", errno)
}

func (bare) receive(fd, _ int, buf []byte) (int, error) {
	n, errno := read(fd, buf)
	return received(n, errno)
}

func (bare) discard(fd, _ int, buf []byte) (int, error) {
	n, errno := discard(fd, buf)
	return received(n, errno)
}

// received turns the outcome of a system call into that of a wire.
func received(n int, errno unix.Errno) (int, error) {
	switch {
	case errno == unix.EAGAIN:
		return 0, nil
	case errno != 0:
		return 0, fmt.Errorf("receive: %w", errno)
	case n == 0:
		return 0, errClosed
	}
	return n, nil
}

// sendAll sends a message that is far smaller than the socket's buffer.
func sendAll(w wire, fd, at int, message []byte) error {
	n, err := w.send(fd, at, message)
	if err == nil && n < len(message) {
		err = fmt.Errorf("send: %d of %d bytes taken", n, len(message))
	}
	return err
}
