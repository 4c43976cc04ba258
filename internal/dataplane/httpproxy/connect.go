package httpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// noSlot says that the backend has as many connections as it may, some of them unused in the pools of other loops.
const noSlot = unix.EBUSY

// connect begins to open a connection to the exchange's backend.
func (p *Proxy) connect(f *front) sys.Errno {
	x := f.x
	b := x.backend
	if !b.OpenConn() && !(p.dropIdle(b) && b.OpenConn()) {
		return noSlot
	}
	to, ok := b.NextAddr()
	if !ok {
		b.CloseConn()
		return unix.EHOSTUNREACH // its addresses went between the choice and now
	}
	fd, errno := sys.SocketTCP(to.Addr())
	if (errno == unix.EMFILE || errno == unix.ENFILE) && p.closeOldest() {
		fd, errno = sys.SocketTCP(to.Addr())
	}
	if errno != 0 {
		b.CloseConn()
		return errno
	}
	c, index := p.backs.Take()
	if errno = sys.Connect(fd, to); errno == unix.EINPROGRESS || errno == 0 {
		errno = p.loop.Register(fd, loop.HTTPBack, index, loop.ConnEvents)
	}
	if errno != 0 {
		sys.Close(fd)
		p.backs.GiveBack(index)
		b.CloseConn()
		return errno
	}
	c.index, c.id, c.backend, c.listener = index, p.ids.Next(), b, f.listener
	c.conn = relay.Conn{FD: int32(fd), Marks: relay.Watched}
	c.target = relay.Pack(to)
	c.opened = p.loop.Touch()
	c.since, c.state = c.opened, backConnecting
	c.node.Ref, c.node.Kind = index, uint8(loop.HTTPBack)
	c.x, x.back = x, c
	return 0
}

// whileConnecting handles an event on a connection that is being opened.
func (p *Proxy) whileConnecting(f *front, c *back, events uint32) {
	if events&(sys.Err|sys.Hup) == 0 {
		if events&sys.Out != 0 {
			p.connected(f)
		}
		return
	}
	switch errno := sys.SocketError(int(c.conn.FD)); errno {
	case 0, unix.ECONNRESET, unix.EPIPE: // a reset after it was accepted: a SYN answered by RST is ECONNREFUSED
		if errno != 0 {
			c.conn.Broke(errno)
		}
		p.connected(f)
	default:
		p.connectFailed(f, failureOf(errno), timeout.Deadline{})
	}
}

// connected goes on with a connection that the backend has accepted: with the TLS handshake if its set wants one.
func (p *Proxy) connected(f *front) {
	x := f.x
	x.connect = p.loop.Touch() - x.asked
	x.back.conn.Set(relay.Writable)
	if set := x.to.picker.Set(); set.TLS != nil {
		p.secureBack(f, set.TLS)
		return
	}
	p.begun(f)
}

// begun sends the request over the connection that is ready for it.
func (p *Proxy) begun(f *front) {
	x := f.x
	x.waited += p.loop.Touch() - x.asked
	x.backend.Connected()
	p.assign(f, x.back)
	if n, size, ok := p.readAgain(f); ok {
		p.forward(f, n, size)
	}
}

// connectFailed gives up on this backend and tries the next. The deadline is the one that passed, if one did.
func (p *Proxy) connectFailed(f *front, why reason.Reason, d timeout.Deadline) {
	x := f.x
	x.waited += p.loop.Touch() - x.asked
	p.failed(x, why, d)
	p.closeBack(x)
	if n, size, ok := p.readAgain(f); ok {
		p.route(f, n, size)
	}
}

// readAgain brings a request that is held back to p.in and p.head.
func (p *Proxy) readAgain(f *front) (n, size int, ok bool) {
	n = p.unhold(&f.held, 0)
	size, ok = p.reread(f, n)
	return n, size, ok
}

// reread reads the head of the request in p.in[:n], which was whole before, and returns its size.
func (p *Proxy) reread(f *front, n int) (size int, ok bool) {
	x := f.x
	x.request.Request()
	s := x.request.Next(p.in[:n], &p.head, &f.listener.requestLimits)
	if s.Event != http1.EventHead { // the limits have become narrower meanwhile
		p.refuse(f, 400, reason.TooLarge)
		return 0, false
	}
	return s.Skip, true
}

// assign gives the exchange a connection that is open.
func (p *Proxy) assign(f *front, c *back) {
	c.x, f.x.back = f.x, c
	c.state = backBusy
	c.listener = f.listener
	c.exchanges++
	c.sentBefore = c.sent
	f.x.target = c.target
	f.x.secured = c.conn.TLS.Info()
	f.x.response.Response(f.x.method)
}
