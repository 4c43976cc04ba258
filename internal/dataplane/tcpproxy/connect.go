package tcpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// connect begins a connect to the next backend; when no backend is left the pair ends (TO-11). Each backend is tried
// once, so the set's size bounds the rounds.
func (p *Proxy) connect(c *pair) {
	for {
		b := c.listener.picker.Pick(c.clientAddress().Addr(), c.tried())
		if b == nil {
			p.close(c, c.lastFailure())
			return
		}
		c.backend = b
		errno := p.startConnect(c)
		switch errno {
		case 0:
			p.enter(c, connecting)
			return
		case unix.EMFILE, unix.ENFILE:
			p.dropBackend(c)
			p.close(c, reason.NoDescriptors)
			return
		}
		p.noteFailure(c, failureOf(errno))
	}
}

// startConnect opens the back-end connection. On the same machine the handshake is over before connect returns; the
// first wait then reports the socket writable, like any other.
func (p *Proxy) startConnect(c *pair) sys.Errno {
	to, ok := c.backend.NextAddr()
	if !ok {
		return unix.EHOSTUNREACH // its addresses went between the choice and now
	}
	fd, errno := sys.SocketTCP(to.Addr())
	if errno != 0 {
		return errno
	}
	if errno = sys.Connect(fd, to); errno == unix.EINPROGRESS || errno == 0 {
		errno = p.loop.Register(fd, loop.TCPPair, c.ref(server), loop.ConnEvents)
	}
	if errno != 0 {
		sys.Close(fd)
		return errno
	}
	c.legs[server] = relay.Conn{FD: int32(fd), Marks: relay.Watched}
	c.target = relay.Pack(to)
	return 0
}

// whileConnecting handles an event on either leg of a pair that waits for its backend.
func (p *Proxy) whileConnecting(c *pair, side uint32, events uint32) {
	if side == client {
		if events&sys.Err != 0 {
			p.reset(c, client)
		}
		return // bytes and FIN wait in the socket; their marks are kept
	}
	if c.legs[server].TLS != nil {
		p.shakeBack(c)
		return
	}
	if events&(sys.Err|sys.Hup) == 0 {
		if events&sys.Out != 0 {
			p.connected(c)
		}
		return
	}
	switch errno := sys.SocketError(int(c.legs[server].FD)); errno {
	case 0:
		p.connected(c)
	case unix.ECONNRESET, unix.EPIPE: // only after it was accepted: a SYN answered by RST is ECONNREFUSED
		c.backend.Connected()
		c.connect = p.loop.Touch() - c.since
		p.reset(c, server)
	default:
		p.connectFailed(c, failureOf(errno), timeout.Deadline{})
	}
}

func (p *Proxy) connected(c *pair) {
	c.connect = p.loop.Touch() - c.since
	c.legs[server].Set(relay.Writable)
	if !p.sendHeader(c) {
		return
	}
	if set := c.listener.picker.Set(); set.TLS != nil {
		p.secureBack(c, set.TLS)
		return
	}
	p.open(c)
}

// open begins to relay: the backend is there.
func (p *Proxy) open(c *pair) {
	c.backend.Connected()
	c.listener.Stats.Routed.Add(1)
	c.listener.Stats.Latency.Observe(c.connect)
	p.enter(c, relaying)
	p.relay(c)
}

// connectFailed gives up on this backend and tries the next. The deadline is the one that passed, if one did.
func (p *Proxy) connectFailed(c *pair, why reason.Reason, d timeout.Deadline) {
	p.noteFailure(c, why)
	c.attempts.deadline = d
	p.connect(c)
}

// noteFailure remembers a backend that could not be reached and lets go of it.
func (p *Proxy) noteFailure(c *pair, why reason.Reason) {
	if c.attempts == nil {
		c.attempts = &attempts{}
	}
	c.attempts.tried = append(c.attempts.tried, c.backend)
	c.attempts.last = why
	c.attempts.deadline = timeout.Deadline{}
	c.attempts.fault = c.legs[server].TLS.Unfinished()
	c.backend.ConnectFailed()
	p.dropBackend(c)
}

// dropBackend closes the back-end connection, if it is open, and uncounts it.
func (p *Proxy) dropBackend(c *pair) {
	p.closeLeg(c, server, withFIN)
	if c.backend != nil {
		c.backend.Release()
		c.backend = nil
	}
}

// failureOf returns the reason for a connect that ended with errno.
func failureOf(errno sys.Errno) reason.Reason {
	switch errno {
	case unix.ECONNREFUSED:
		return reason.ConnectRefused
	case unix.ETIMEDOUT:
		return reason.ConnectTimeout
	}
	return reason.ConnectUnreachable
}
