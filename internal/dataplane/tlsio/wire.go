package tlsio

import (
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/sys"
)

// again is the error after which crypto/tls may be asked once more: it remembers only those that are not temporary.
type again struct{}

func (again) Error() string   { return "nothing to read now" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

//nolint:gochecknoglobals // constants
var (
	errAgain  error = again{}
	errSocket       = errors.New("the socket failed")
)

// wire is a Conn as crypto/tls sees it: its transport. While the handshake runs it is called on that goroutine, afterwards
// on the loop.
type wire Conn

// Read gives what has been read from the socket, reading once for each call of Conn.Read.
func (w *wire) Read(b []byte) (int, error) {
	if w.hs != nil {
		return w.hs.read(b)
	}
	if len(w.rest) > 0 {
		n := copy(b, w.rest)
		if w.rest = w.rest[n:]; len(w.rest) == 0 {
			w.rest = nil
		}
		return n, nil
	}
	a := w.area
	if a.from == a.to {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, a.in[a.from:a.to])
	a.from += n
	return n, nil
}

// fill reads from the socket. A read that brings less than there is room for has emptied it.
func (w *wire) fill() error {
	a := w.area
	switch {
	case w.errno != 0:
		return errSocket
	case w.rawEnd:
		return io.EOF
	case a.spent:
		return errAgain
	}
	n, errno := sys.Read(int(w.fd), a.in)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		a.spent, w.drained, w.empty = true, errno == unix.EAGAIN, errno == unix.EAGAIN
		return errAgain
	case errno != 0:
		w.errno = errno
		return errSocket
	case n == 0:
		w.rawEnd = true
		return io.EOF
	}
	a.from, a.to, a.spent, w.drained = 0, n, true, n < len(a.in)
	return nil
}

// Write takes all of b.
func (w *wire) Write(b []byte) (int, error) {
	if w.hs != nil {
		return w.hs.write(b)
	}
	w.area.out = append(w.area.out, b...)
	return len(b), nil
}

// Close does nothing: descriptors are the proxies'.
func (w *wire) Close() error { return nil }

// LocalAddr returns an address that says nothing; crypto/tls hands it to callbacks at most.
func (w *wire) LocalAddr() net.Addr { return noAddr }

// RemoteAddr is like LocalAddr.
func (w *wire) RemoteAddr() net.Addr { return noAddr }

//nolint:gochecknoglobals // a constant
var noAddr = &net.TCPAddr{}

// SetDeadline does nothing: the loop has the timers.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is like SetDeadline.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline is like SetDeadline.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
