package tcpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// readHeader looks whether the client's PROXY header is there. It only peeks until the header is whole, so a header in
// pieces needs no buffer of its own, and what follows it stays in the socket.
func (p *Proxy) readHeader(c *pair) {
	fd := int(c.legs[client].FD)
	n, errno := sys.Peek(fd, p.loop.Scratch[:proxyproto.HeaderMax])
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return
	case errno != 0:
		p.reset(c, client)
		return
	case n == 0:
		p.close(c, reason.ClientClosed)
		return
	}
	h, size, err := proxyproto.Parse(p.loop.Scratch[:n])
	if err != nil || (size == 0 && n == proxyproto.HeaderMax) {
		p.close(c, reason.BadProxyHeader)
		return
	}
	if size == 0 {
		switch l := &c.legs[client]; { // an end behind a part of a header: the rest will never come
		case l.Is(relay.Failed):
			p.reset(c, client)
		case l.Is(relay.Ending):
			p.close(c, reason.ClientClosed)
		}
		return
	}
	if _, errno = sys.Read(fd, p.loop.Scratch[:size]); errno != 0 {
		p.reset(c, client)
		return
	}
	if !h.Local {
		c.header = &proxyproto.Ends{Source: h.Source, Dest: h.Dest}
	}
	c.legs[client].Set(relay.Readable) // what follows the header was there before this edge and is not told again
	p.welcome(c)
}

// sendHeader writes the PROXY header that the backend wants, first and unprompted. It reports whether the pair lives on.
func (p *Proxy) sendHeader(c *pair) bool {
	if c.listener.plan.ProxySend == 0 {
		return true
	}
	dest := c.listener.Addr
	if c.header != nil && c.header.Dest.IsValid() {
		dest = c.header.Dest
	} else if a := sys.LocalAddr(int(c.legs[client].FD)); a.IsValid() {
		dest = a // a listener on 0.0.0.0 was reached at one particular address
	}
	var header []byte
	if c.listener.plan.ProxySend == 1 {
		header = proxyproto.AppendV1(p.loop.Scratch[:0], c.clientAddress(), dest)
	} else {
		header = proxyproto.AppendV2Name(p.loop.Scratch[:0], c.clientAddress(), dest, c.authority())
	}
	sys.NoDelay(int(c.legs[server].FD)) // or the first bytes would wait for the header's acknowledgement
	c.legs[server].Set(relay.Hasty)
	n, errno := sys.Write(int(c.legs[server].FD), header)
	if errno != 0 && errno != unix.EAGAIN {
		p.reset(c, server)
		return false
	}
	if n < len(header) { // a socket that is connected just now has room; but it may not be relied on
		c.flows[client].Held = p.pool.Keep(header[n:])
		c.legs[server].Blocked(p.loop)
	}
	return true
}

// authority returns the server name for the backend: that which the client asked for, if lull has ended its TLS and the listener
// is to tell.
func (c *pair) authority() string {
	if t := c.legs[client].TLS; t != nil && c.listener.plan.ProxyName {
		return t.Info().ServerName
	}
	return ""
}

// waitAppend adds a pair to the list of those that wait, as the one that waits shortest.
func (p *Proxy) waitAppend(c *pair) {
	c.waitPrev, c.waitNext = p.waitTail, 0
	if p.waitTail != 0 {
		p.pairs.At(p.waitTail - 1).waitNext = c.index + 1
	} else {
		p.waitHead = c.index + 1
	}
	p.waitTail = c.index + 1
}

func (p *Proxy) waitRemove(c *pair) {
	if c.waitPrev != 0 {
		p.pairs.At(c.waitPrev - 1).waitNext = c.waitNext
	} else {
		p.waitHead = c.waitNext
	}
	if c.waitNext != 0 {
		p.pairs.At(c.waitNext - 1).waitPrev = c.waitPrev
	} else {
		p.waitTail = c.waitPrev
	}
	c.waitPrev, c.waitNext = 0, 0
}

// Reclaim ends the connection that has waited longest without having begun its work, and reports whether there was
// one (PR-03). A tunnel is never such a one: its exchange is always under way. The room is there at once: a client that
// never ends its header may not keep it by lingering, and nothing was written to it that an RST could destroy.
func (p *Proxy) Reclaim() bool {
	if p.waitHead == 0 {
		return false
	}
	c := p.pairs.At(p.waitHead - 1)
	p.record(c, reason.Reclaimed, timeout.Deadline{})
	c.legs[client].Discard(p.loop) // so that it is a FIN that ends it
	p.release(c, withFIN)
	return true
}
