package httpproxy

import (
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
)

// pooledMax bounds the unused connections of a loop. They share the descriptors of the process with those at work; beyond
// this many the oldest goes for each that comes.
const pooledMax = 2048

// reuse returns a pooled connection to b, the one used last, or nil. A name may have come to mean other addresses since. A
// backend may have said more than it was asked for, and the next client would take that for its response: to ask the socket
// costs half a microsecond for each exchange, and nothing else tells of what came within this turn.
func (p *Proxy) reuse(f *front, b *backend.Backend) *back {
	for {
		index, ok := p.idle.Take(b)
		if !ok {
			return nil
		}
		c := p.backs.At(index)
		switch {
		case p.hasSpoken(c): // since the loop last asked for events, however short a time that is
			why := reason.BadResponse
			if c.conn.Is(relay.Ended | relay.Failed) {
				why = endedIdle(c)
			}
			p.endPooled(c, why)
		case b.Serves(c.target.Unpack()) && c.tls.Same(f.x.to.picker.Set().TLS):
			return c
		default:
			p.endPooled(c, reason.Drained)
		}
	}
}

// hasSpoken reports whether a connection of which no event has told has something to say. What TLS has to say for itself,
// a session ticket for example, is heard and forgotten.
func (p *Proxy) hasSpoken(c *back) bool {
	switch {
	case !c.conn.Unread():
		return false
	case c.conn.TLS == nil:
		return true
	}
	return p.read(&c.conn, p.loop.Scratch) > 0 || c.conn.Is(relay.Ended|relay.Failed)
}

// giveBack ends the exchange's use of its connection, which goes into the pool if it is fit for another exchange.
func (p *Proxy) giveBack(x *exchange) {
	c := x.back
	if c.conn.Is(relay.Readable) && p.hasSpoken(c) { // the last read filled its room, and there was more
		x.set(closeBack)
	}
	if x.is(closeBack) || c.held != nil || c.conn.Is(relay.Ended|relay.Ending|relay.Failed) || !c.backend.Poolable() ||
		c.listener.closing != nil {
		p.closeBack(x)
		p.letGo(x)
		return
	}
	p.letGo(x)
	x.back, c.x = nil, nil
	c.state = backPooled
	c.since = p.loop.Now()
	p.idle.Put(c.backend, c.index)
	if d := c.listener.plan.Timeouts.PoolDeadline(c.since); !c.node.Armed() || d.At < c.node.When() {
		p.loop.Wheel.Arm(&c.node, d.At)
	}
	if p.idle.Len() > pooledMax {
		p.closeOldest()
	}
}

// spoken looks at a pooled connection of which the loop has told. Nothing may come on it but its end: a backend that closes
// first (SH-08), or says something that nobody asked for. It reports whether the connection is still there.
func (p *Proxy) spoken(c *back) bool {
	if !c.conn.Is(relay.Readable) {
		return true
	}
	n := p.read(&c.conn, p.in[:readBytes])
	switch {
	case c.conn.Is(relay.Ended | relay.Failed):
		p.closePooled(c, endedIdle(c), timeout.Deadline{})
	case n > 0:
		p.closePooled(c, reason.BadResponse, timeout.Deadline{})
	default:
		return true
	}
	return false
}

// endedIdle says why a pooled connection has ended, and counts that against its backend (SH-08).
func endedIdle(c *back) reason.Reason {
	if c.conn.Is(relay.Violated) {
		return reason.BackendTLSViolation
	}
	c.backend.ClosedIdle()
	return reason.BackendClosedIdle
}

// closeOldest closes the pooled connection that has been unused for longest, and reports whether there was one.
func (p *Proxy) closeOldest() bool {
	index, ok := p.idle.Oldest()
	if ok {
		p.closePooled(p.backs.At(index), reason.Reclaimed, timeout.Deadline{})
	}
	return ok
}

func (p *Proxy) closePooled(c *back, why reason.Reason, d timeout.Deadline) {
	p.idle.Remove(c.index)
	p.recordPooled(c, why, d, p.loop.Now())
	p.closeConn(c)
}

// endPooled is closePooled for a connection that was taken out of the pool.
func (p *Proxy) endPooled(c *back, why reason.Reason) {
	p.recordPooled(c, why, timeout.Deadline{}, p.loop.Now())
	p.closeConn(c)
}

// closeBack closes the connection of an exchange, if it has one.
func (p *Proxy) closeBack(x *exchange) {
	if c := x.back; c != nil {
		x.back = nil
		if x.up.Pending() > 0 {
			c.conn.Set(relay.Parted) // a close_notify in the middle of a record would be none
		}
		p.closeConn(c)
	}
}

// closeConn closes a back-end connection and frees it.
func (p *Proxy) closeConn(c *back) {
	b := c.backend
	p.loop.Wheel.Cancel(&c.node)
	c.conn.Close(p.loop, false)
	p.forgetBack(c)
	b.CloseConn()
	p.room = p.room || b.Limited()
}

// forgetBack frees a back-end connection, which is closed or another's.
func (p *Proxy) forgetBack(c *back) {
	if c.held != nil {
		p.pool.Return(c.held)
	}
	p.backs.GiveBack(c.index)
}
