package relay

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/tlsio"
)

// Read reads what is there into b, decrypted if the connection speaks TLS. Its results are those of sys.Read; EPROTO says that
// the peer has broken the rules of TLS.
func (c *Conn) Read(b []byte) (n int, errno sys.Errno) {
	if c.TLS == nil {
		return sys.Read(int(c.FD), b)
	}
	n, errno = c.TLS.Read(int(c.FD), b)
	for errno == unix.EAGAIN && c.Is(Ending|Urgent) && !c.TLS.Empty() {
		n, errno = c.TLS.Read(int(c.FD), b) // what is behind a part of a record makes no new edge
	}
	if errno == unix.EPROTO {
		c.Set(Violated)
	}
	return n, errno
}

// Seal returns what goes on the wire for head and body, either of which may be empty: they themselves on a plain connection,
// one piece on one that speaks TLS, valid until the next call on any connection of the loop. ok is false if nothing can be
// sent any more.
func (c *Conn) Seal(head, body []byte) (h, b []byte, ok bool) {
	if c.TLS == nil {
		return head, body, true
	}
	h = c.TLS.Seal(head, body)
	return h, nil, h != nil
}

// Unread reports whether something has come that nobody has read: bytes in the socket, be it only TLS's own, bytes that were
// decrypted with others, or the end that came with them.
func (c *Conn) Unread() bool {
	return c.TLS != nil && (c.TLS.More() || c.TLS.Over()) || sys.Unread(int(c.FD)) > 0
}

// Part sends a close_notify behind the last byte of a flow, and reports whether it is on its way or need not be. What the
// socket does not take is held by the flow. The end of a stream that was cut short is passed on as such: without one.
func (c *Conn) Part(from *Conn, f *Flow, l *loop.Loop, pool *buf.Pool) (done bool) {
	if c.TLS == nil || c.Is(Parted|Failed) {
		return true
	}
	c.Set(Parted)
	b := c.TLS.Farewell()
	if len(b) == 0 || from.Is(Truncated) {
		return true
	}
	n, errno := sys.Write(int(c.FD), b)
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		c.Broke(errno)
		return true
	}
	if n == len(b) {
		return true
	}
	f.Held = pool.Keep(b[n:])
	c.Blocked(l)
	return false
}

// FIN is what is known of the FIN of a stream that has ended.
type FIN uint8

// What may be known.
const (
	FINNever   FIN = iota // it has not come and will not: the connection was reset
	FINAwaited            // TLS: a close_notify has ended the stream, and its sender may go on to read
	FINCame
)

// FIN says whether the FIN of a stream has come that has ended in order. To ask for it once more than it has been told that
// there is none makes no sense: the kernel tells of a reset only once.
func (c *Conn) FIN() FIN {
	if c.TLS == nil || c.TLS.Truncated() {
		return FINCame
	}
	var none [1]byte
	n, errno := sys.Read(int(c.FD), none[:])
	switch {
	case n == 0 && errno == 0, errno == unix.EPIPE: // there was one before the reset
		return FINCame
	case errno == unix.EAGAIN:
		return FINAwaited
	}
	return FINNever
}

// Stage is how a handshake stands.
type Stage uint8

// The stages.
const (
	Shaking    Stage = iota // it goes on
	Secured                 // done: the connection may be read and written
	Refused                 // the two do not agree, or one of them did not keep to the rules
	Untrusted               // the peer's certificate was not accepted, or it has shown none where one is required
	HungUp                  // the peer ended its stream
	Broken                  // the peer reset the connection, or the network did
	SpokePlain              // a client that began with text
)

// await looks whether a client has brought the whole first record of its handshake, and begins it then. The bytes stay in the
// socket until they are fed: one that brings them slowly costs nothing meanwhile.
func (c *Conn) await(l *loop.Loop) (s Stage, begun bool) {
	if !c.Is(Readable) {
		return Shaking, false
	}
	n, errno := sys.Peek(int(c.FD), l.Scratch[:tlsio.OpeningBytes])
	switch {
	case errno == unix.EAGAIN:
		c.Clear(Readable)
		return Shaking, false
	case errno == unix.EINTR:
		return Shaking, false
	case errno != 0:
		return Broken, false
	case n == 0:
		return HungUp, false
	}
	switch tlsio.Look(l.Scratch[:n], sys.Unread(int(c.FD))) {
	case tlsio.PlainText:
		c.TLS.Misspoke()
		return SpokePlain, false
	case tlsio.Nonsense:
		c.TLS.Misspoke()
		return Refused, false
	case tlsio.Hello:
		c.TLS.Begin()
		return Shaking, true
	case tlsio.Unclear:
	}
	switch {
	case c.Is(Failed):
		return Broken, false
	case c.Is(Ending):
		return HungUp, false
	}
	c.Clear(Readable) // what comes next makes a new edge
	return Shaking, false
}

// Shake goes on with a handshake as far as that is possible now. The connection's own events, and the handshake itself by
// the function that it was made with, tell when there may be more to do.
func (c *Conn) Shake(l *loop.Loop) Stage {
	if !c.TLS.Begun() {
		if s, begun := c.await(l); !begun {
			return s
		}
	}
	if !c.feed(l) {
		c.TLS.Lost()
		return Broken
	}
	outcome := c.TLS.Outcome() // before what it has to say is taken: all of it is there then
	if !c.speak(l) && outcome == tlsio.Going {
		c.TLS.Lost()
		return Broken
	}
	switch outcome {
	case tlsio.Secured:
		if len(c.TLS.Unsent()) > 0 {
			return Shaking
		}
		c.TLS.Settle()
		c.Set(Readable) // what came behind the handshake is no news to the loop
		return Secured
	case tlsio.Failed:
		return Refused
	case tlsio.Untrusted:
		return Untrusted
	case tlsio.Ended:
		return HungUp
	case tlsio.Going:
	}
	return Shaking
}

// feed gives the handshake what the peer has sent, and reports whether the connection is whole.
func (c *Conn) feed(l *loop.Loop) bool {
	for c.Is(Readable) {
		room := min(c.TLS.Room(), len(l.Scratch))
		if room <= 0 {
			return true // it is fed again when it has told of its next step
		}
		n, errno := sys.Read(int(c.FD), l.Scratch[:room])
		switch {
		case errno == unix.EAGAIN:
			c.Clear(Readable)
		case errno == unix.EINTR:
		case errno != 0:
			return false
		case n == 0:
			c.TLS.End()
			c.Clear(Readable)
		default:
			c.TLS.Feed(l.Scratch[:n])
			if n < room && !c.Is(Ending|Urgent) {
				c.Clear(Readable)
			}
		}
	}
	return true
}

// speak sends what the handshake has to say, and reports whether the peer can still be reached.
func (c *Conn) speak(l *loop.Loop) bool {
	for c.Is(Writable) {
		b := c.TLS.Unsent()
		if len(b) == 0 {
			return true
		}
		n, errno := sys.Write(int(c.FD), b)
		switch {
		case errno == unix.EAGAIN:
			c.Blocked(l)
		case errno == unix.EINTR:
		case errno != 0:
			return false
		default:
			c.TLS.Sent(n)
			if n < len(b) {
				c.Blocked(l)
			}
		}
	}
	return true
}
