package tcpproxy

import (
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// manner is how a connection is closed.
type manner uint8

const (
	withFIN manner = iota
	withRST
)

// timeOut ends a pair whose deadline has passed.
func (p *Proxy) timeOut(c *pair, d timeout.Deadline) {
	for side := range c.legs {
		if c.legs[side].Is(relay.Failed) { // the reset came first, but the other side has not taken what was sent before it
			p.reset(c, side)
			return
		}
	}
	p.record(c, d.Why, d)
	if d.Flow != "" { // one direction was silent; in the other there may be bytes at any moment
		c.legs[client].Set(relay.Readable)
		c.legs[server].Set(relay.Readable)
	}
	if d.Why == reason.TunnelIdle && c.listener.plan.ResetOnIdle {
		p.release(c, withRST)
		return
	}
	p.closeOrderly(c)
}

// close ends a pair by lull's own decision, other than a passed deadline.
func (p *Proxy) close(c *pair, why reason.Reason) {
	var d timeout.Deadline
	if c.attempts != nil && why == c.attempts.last {
		d = c.attempts.deadline
	}
	p.record(c, why, d)
	p.closeOrderly(c)
}

// finish ends a pair that is over in both directions.
func (p *Proxy) finish(c *pair, why reason.Reason) {
	p.record(c, why, timeout.Deadline{})
	p.release(c, withFIN)
}

// reset ends a pair because the peer on that side reset its connection; the other side sees a reset too. An RST makes
// the kernel throw away what it has not sent yet, so the other leg lingers while there is any.
func (p *Proxy) reset(c *pair, side int) {
	why := reason.ClientReset
	if side == server {
		why = reason.BackendReset
	}
	c.legs[side].Set(relay.Failed)
	p.record(c, why, timeout.Deadline{})
	other := &c.legs[1-side]
	if !other.Open() || other.Is(relay.Failed) || sys.Unacknowledged(int(other.FD)) == 0 {
		p.release(c, withRST)
		return
	}
	other.Set(relay.Doomed)
	p.enter(c, lingering)
	p.linger(c)
}

// closeOrderly sends each peer what is still held for it and then a FIN (TO-08). A socket that is closed with bytes
// unread makes the kernel send an RST, which could destroy what its peer has not read yet; such a leg lingers instead:
// FIN first, then what comes is thrown away until the peer closes too or relay.LingerTime is over.
func (p *Proxy) closeOrderly(c *pair) {
	if c.state == connecting {
		p.dropBackend(c)
	}
	if c.state != relaying {
		finishUnheard(&c.legs[client])
	}
	p.enter(c, lingering)
	p.linger(c)
}

// finishUnheard sends a FIN to a client that may be sending its first bytes in this moment. No event need have told of
// them, and a close would make an RST of them; behind the FIN that would do no harm.
func finishUnheard(l *relay.Conn) {
	l.ShutdownWrite()
	if sys.Unread(int(l.FD)) > 0 {
		l.Set(relay.Readable)
	}
}

// linger does what can be done for the legs that are still open, and frees the pair when none is.
func (p *Proxy) linger(c *pair) {
	for side := range c.legs {
		if c.legs[side].Open() {
			p.lingerLeg(c, side)
		}
	}
	if !c.legs[client].Open() && !c.legs[server].Open() {
		p.release(c, withFIN)
	}
}

func (p *Proxy) lingerLeg(c *pair, side int) {
	l, f := &c.legs[side], &c.flows[1-side]
	if !p.flush(c, 1-side) && !l.Is(relay.Failed) {
		return // its peer does not take the rest yet
	}
	f.LetGo(p.pool)
	if l.Is(relay.Doomed) && !l.Is(relay.Failed) {
		if sys.Unacknowledged(int(l.FD)) > 0 {
			p.loop.Wheel.Arm(&c.node, min(p.loop.Now()+int64(relay.LookEvery), c.since+int64(relay.LingerTime)))
			return
		}
		p.closeLeg(c, side, withRST)
		return
	}
	if !l.Is(relay.Failed) && l.Is(relay.Readable) && !l.Is(relay.Ended) {
		if !l.Is(relay.Finished) {
			l.ShutdownWrite()
		}
		if !l.Discard(p.loop) {
			return
		}
	}
	p.closeLeg(c, side, withFIN)
}

// giveUp ends a linger whose time is over. A peer for which bytes are still held sees an RST: a FIN would make what it got
// look whole.
func (p *Proxy) giveUp(c *pair) {
	for side := range c.legs {
		if c.flows[1-side].Pending() > 0 {
			p.closeLeg(c, side, withRST)
		}
	}
	p.release(c, withFIN)
}

// closeLeg closes one connection of a pair, if it is open.
func (p *Proxy) closeLeg(c *pair, side int, how manner) {
	l := &c.legs[side]
	if c.flows[1-side].Pending() > 0 {
		l.Set(relay.Parted) // a close_notify in the middle of a record would be none
	}
	l.Close(p.loop, how == withRST || l.Is(relay.Doomed))
}

// release closes what is open, gives back all that the pair holds and frees it.
func (p *Proxy) release(c *pair, how manner) {
	if c.state.waits() {
		p.waitRemove(c)
	}
	p.loop.Wheel.Cancel(&c.node)
	p.closeLeg(c, client, how)
	p.closeLeg(c, server, how)
	for d := range c.flows {
		c.flows[d].LetGo(p.pool)
	}
	if c.backend != nil {
		c.backend.Release()
		if c.exchanges > 0 {
			c.backend.CloseConn()
			*p.room = *p.room || c.backend.Limited()
		}
	}
	c.listener.open--
	c.listener.Stats.Ended.Add(1)
	if c.clients != nil {
		c.clients.Leave(c.clientAddress().Addr())
	}
	p.pairs.GiveBack(c.index)
	p.load.Add(-1)
	p.limit.Release()
}
