package tlsio

import (
	"crypto/tls"
	"errors"
	"io"
	"strings"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/record"
	"lull/internal/dataplane/sys"
)

const (
	// areaBytes is how much is read from a socket at once. With what crypto/tls may have kept of a record it still fits into
	// what the proxies read into, which is never less than 64 KiB.
	areaBytes = 48 << 10
	// recordMax bounds the plaintext of a record (RFC 8446 §5.1).
	recordMax = 16 << 10
	// controlMax bounds what a peer may have lull say without being asked: answers to a few hundred key updates. They wait
	// for the next data, as RFC 8446 §4.6.3 allows.
	controlMax = 16 << 10
)

// Area is what the connections of a loop share while one of them is being read or written.
type Area struct {
	in       []byte
	from, to int // of in: read from the socket and not decrypted
	spent    bool
	out      []byte // for the wire
}

// NewArea returns the area of a loop.
func NewArea() *Area { return &Area{in: make([]byte, areaBytes)} }

// Conn is the TLS of a connection. It begins with a handshake; see Handshake.
type Conn struct {
	// Fixed after New.
	tls  *tls.Conn
	area *Area
	side *side

	// Owned by the loop.
	info       record.TLS
	fault      string
	identified bool
	hs         *handshake // nil once it is over
	rest       []byte     // from the socket, before what is there still; rarely anything
	control    []byte     // for the wire, before the next data
	fd         int32      // of the call under way
	wrote      uint32     // bytes of the handshake on the wire
	errno      sys.Errno  // why the socket failed
	rawEnd     bool       // the socket has ended
	over       bool       // nothing will be read any more
	empty      bool       // the last read was told by the socket that it is empty
	drained    bool       // the last read has left the socket empty
	more       bool       // the last read filled its room
	refused    bool       // the peer broke a rule, or said that we did
}

// side is what the connections to a Server, or of a Client, have in common.
type side struct {
	server bool
	gate   *Gate
}

// Info returns what was agreed on; it does not change after the handshake. Nil for no connection.
func (c *Conn) Info() *record.TLS {
	if c == nil {
		return nil
	}
	return &c.info
}

// Identified reports whether the peer has shown a certificate; a client's was verified.
func (c *Conn) Identified() bool { return c.identified }

// Fault says what went wrong, in words; empty without.
func (c *Conn) Fault() string {
	if c == nil {
		return ""
	}
	return c.fault
}

// Unfinished is Fault for a connection that is being given up: that its handshake was still going on is a fault then.
func (c *Conn) Unfinished() string {
	if c != nil && c.hs != nil && c.fault == "" {
		return "the handshake was not over"
	}
	return c.Fault()
}

// Read decrypts what the socket has for b, which holds at least 64 KiB if anything is to be gained, as much as there is.
// Its results are those of a read: a count, 0 at the end of the stream, EAGAIN if nothing is there. EPROTO says that the
// peer has broken the rules of TLS, or ended with a fatal alert; Fault says how.
func (c *Conn) Read(fd int, b []byte) (n int, errno sys.Errno) {
	if c.refused { // crypto/tls does not remember every fault
		return 0, unix.EPROTO
	}
	c.fd, c.drained, c.empty = int32(fd), false, false
	a := c.area
	a.from, a.to, a.spent, a.out = 0, 0, false, a.out[:0]
	var err error
	for n < len(b) && err == nil {
		var m int
		m, err = c.tls.Read(b[n:])
		n += m
	}
	c.more = err == nil
	c.keepRest()
	if len(a.out) > 0 && !c.sayLater(a.out) {
		err = errTooMuch
	}
	if errno = c.judge(err); n > 0 {
		return n, 0 // what the error means is told by the next read
	}
	return 0, errno
}

var errTooMuch = errors.New("too many messages that call for an answer")

// judge returns what an error of crypto/tls means to a reader.
func (c *Conn) judge(err error) sys.Errno {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errAgain) && c.drained:
		return unix.EAGAIN
	case errors.Is(err, errAgain):
		return unix.EINTR // a whole read without data, and there may be more
	case c.errno != 0:
		c.over = true
		return c.errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		c.over = true
		return 0
	}
	c.over = true
	if !c.refused {
		c.refused, c.fault = true, plainly(err)
	}
	return unix.EPROTO
}

// keepRest keeps what was read and not decrypted, because b had no room for more.
func (c *Conn) keepRest() {
	if a := c.area; a.from < a.to {
		c.rest = append(c.rest, a.in[a.from:a.to]...)
	}
}

// sayLater keeps what must go on the wire before the next data, and reports whether that is still bearable.
func (c *Conn) sayLater(b []byte) bool {
	c.control = append(c.control, b...)
	return len(c.control) <= controlMax
}

// keptIdle is how much of a buffer a connection may keep while nothing is under way: enough for small records, so that
// those need no memory each time.
const keptIdle = 4 << 10

// Idle tells that nothing is under way on the connection: what it keeps for large records is given back.
func (c *Conn) Idle() { sys.TrimTLS(c.tls, keptIdle) }

// Empty reports whether the last read has found nothing in the socket. A read of less than there was room for says so too,
// unless an end, or urgent data, is known to be there.
func (c *Conn) Empty() bool { return c.empty }

// Over reports whether nothing will be read any more, whatever the socket says.
func (c *Conn) Over() bool { return c.over }

// More reports whether there may be bytes of which no event will tell.
func (c *Conn) More() bool { return c.more || !c.drained || len(c.rest) > 0 }

// Truncated reports whether the stream ended without close_notify (RFC 8446 §6.1): somebody may have cut it short.
func (c *Conn) Truncated() bool { return c.rawEnd }

// Seal encrypts head and body, one of which may be empty, and returns what goes on the wire, valid until the next call on any
// connection of the loop; nil if nothing can be sent any more.
func (c *Conn) Seal(head, body []byte) []byte {
	a := c.area
	a.out = append(a.out[:0], c.control...)
	c.control = nil
	for _, part := range [...][]byte{head, body} {
		if len(part) == 0 {
			continue
		}
		if _, err := c.tls.Write(part); err != nil {
			return nil
		}
	}
	return a.out
}

// Farewell returns what tells the peer that the stream ends here: close_notify, and an alert before it if there is one to
// send. Valid as Seal's.
func (c *Conn) Farewell() []byte {
	if c.hs != nil {
		return nil
	}
	a := c.area
	a.out = append(a.out[:0], c.control...)
	c.control = nil
	if !c.refused {
		_ = c.tls.CloseWrite() // cannot fail: it writes to the area
	}
	return a.out
}

// plainly returns an error of crypto/tls in as few words as say it all.
func plainly(err error) string {
	const faultMax = 300
	text := strings.TrimPrefix(err.Error(), "tls: ")
	return text[:min(len(text), faultMax)]
}
