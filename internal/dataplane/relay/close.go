package relay

import (
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/sys"
)

const (
	// LingerTime is how long a peer may take for its last bytes after lull has decided to close: a few round trips of
	// a slow line, and short beside any idle timeout.
	LingerTime = 2 * time.Second
	// LookEvery is how often a doomed connection is looked at: the kernel does not tell when a peer has acknowledged
	// everything.
	LookEvery = 10 * time.Millisecond
	// lingerBytesMax bounds what is read and thrown away meanwhile in one turn.
	lingerBytesMax = 256 << 10
)

// Discard reads and throws away what a peer still sends, and reports whether it has closed.
func (c *Conn) Discard(l *loop.Loop) (closed bool) {
	for range lingerBytesMax / len(l.Scratch) {
		n, errno := sys.Read(int(c.FD), l.Scratch)
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno == unix.EINTR:
			continue
		case errno != 0 || n == 0:
			return true
		}
	}
	l.Again(int(c.FD))
	return false
}

// Close closes a connection, if it is open, with a FIN or an RST. A connection that was reset has no peer to send an RST to.
// What is held for the peer is not sent: a TLS connection for which something is must be marked Parted.
func (c *Conn) Close(l *loop.Loop, withRST bool) {
	if !c.Open() {
		return
	}
	if c.TLS != nil {
		c.TLS.Drop()
		if !withRST && !c.Is(Finished) {
			c.part()
		}
		if !withRST && c.Is(Violated) {
			c.Discard(l) // what is unread would make the kernel send an RST, which could destroy the alert
		}
	}
	l.Forget(int(c.FD))
	if withRST && !c.Is(Failed) {
		sys.CloseWithReset(int(c.FD))
	} else {
		sys.Close(int(c.FD))
	}
	*c = Conn{FD: -1}
}

// ShutdownWrite sends a FIN, behind a close_notify if the connection speaks TLS. Nothing may be held for the peer.
func (c *Conn) ShutdownWrite() {
	if c.TLS != nil {
		c.part()
	}
	c.Set(Finished)
	sys.ShutdownWrite(int(c.FD))
}

// part sends a close_notify, once, if the socket takes it.
func (c *Conn) part() {
	if c.Is(Parted) || c.Is(Failed) && !c.Is(Violated) { // whoever broke the rules is told so
		return
	}
	c.Set(Parted)
	if b := c.TLS.Farewell(); len(b) > 0 {
		_, _ = sys.Write(int(c.FD), b)
	}
}
