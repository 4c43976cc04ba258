package tcpproxy

import (
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

const (
	// lingerTime is how long a peer may take for its last bytes after lull has decided to close: a few round trips of
	// a slow line, and short beside any idle timeout.
	lingerTime = 2 * time.Second
	// lookEvery is how often a doomed leg is looked at: the kernel does not tell when a peer has acknowledged everything.
	lookEvery = 10 * time.Millisecond
	// lingerBytesMax bounds what is read and thrown away meanwhile in one turn.
	lingerBytesMax = 256 << 10
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
		if c.legs[side].is(failed) { // the reset came first, but the other side has not taken what was sent before it
			p.reset(c, side)
			return
		}
	}
	p.record(c, d.Why, d)
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
	c.legs[side].set(failed)
	p.record(c, why, timeout.Deadline{})
	other := &c.legs[1-side]
	if !other.open() || other.is(failed) || sys.Unacknowledged(int(other.fd)) == 0 {
		p.release(c, withRST)
		return
	}
	other.set(doomed)
	p.enter(c, lingering)
	p.linger(c)
}

// closeOrderly sends each peer what is still held for it and then a FIN (TO-08). A socket that is closed with bytes
// unread makes the kernel send an RST, which could destroy what its peer has not read yet; such a leg lingers instead:
// FIN first, then what comes is thrown away until the peer closes too or lingerTime is over.
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
func finishUnheard(l *leg) {
	l.set(finished)
	sys.ShutdownWrite(int(l.fd))
	if sys.Unread(int(l.fd)) > 0 {
		l.set(readable)
	}
}

// linger does what can be done for the legs that are still open, and frees the pair when none is.
func (p *Proxy) linger(c *pair) {
	for side := range c.legs {
		if c.legs[side].open() {
			p.lingerLeg(c, side)
		}
	}
	if !c.legs[client].open() && !c.legs[server].open() {
		p.release(c, withFIN)
	}
}

func (p *Proxy) lingerLeg(c *pair, side int) {
	l, f := &c.legs[side], &c.flows[1-side]
	if !p.flush(c, 1-side) && !l.is(failed) {
		return // its peer does not take the rest yet
	}
	p.letGo(f)
	if l.is(doomed) && !l.is(failed) {
		if sys.Unacknowledged(int(l.fd)) > 0 {
			p.loop.Wheel.Arm(&c.node, min(p.loop.Now()+int64(lookEvery), c.since+int64(lingerTime)))
			return
		}
		p.closeLeg(c, side, withRST)
		return
	}
	if !l.is(failed) && l.is(readable) && !l.is(ended) {
		if !l.is(finished) {
			l.set(finished)
			sys.ShutdownWrite(int(l.fd))
		}
		if !p.discard(l) {
			return
		}
	}
	p.closeLeg(c, side, withFIN)
}

// giveUp ends a linger whose time is over. A peer for which bytes are still held sees an RST: a FIN would make what it got
// look whole.
func (p *Proxy) giveUp(c *pair) {
	for side := range c.legs {
		if c.flows[1-side].pending() > 0 {
			p.closeLeg(c, side, withRST)
		}
	}
	p.release(c, withFIN)
}

// discard reads and throws away what a peer still sends, and reports whether it has closed.
func (p *Proxy) discard(l *leg) (closed bool) {
	for range lingerBytesMax / len(p.loop.Scratch) {
		n, errno := sys.Read(int(l.fd), p.loop.Scratch)
		switch {
		case errno == unix.EAGAIN:
			return false
		case errno == unix.EINTR:
			continue
		case errno != 0 || n == 0:
			return true
		}
	}
	p.loop.Again(int(l.fd))
	return false
}

// closeLeg closes one connection of a pair, if it is open.
func (p *Proxy) closeLeg(c *pair, side int, how manner) {
	l := &c.legs[side]
	if !l.open() {
		return
	}
	p.loop.Forget(int(l.fd))
	if (how == withRST || l.is(doomed)) && !l.is(failed) { // a connection that was reset has no peer to send an RST to
		sys.CloseWithReset(int(l.fd))
	} else {
		sys.Close(int(l.fd))
	}
	*l = leg{fd: -1}
}

// release closes what is open, gives back all that the pair holds and frees it.
func (p *Proxy) release(c *pair, how manner) {
	if c.state == awaitingHeader {
		p.waitRemove(c)
	}
	p.loop.Wheel.Cancel(&c.node)
	p.closeLeg(c, client, how)
	p.closeLeg(c, server, how)
	for d := range c.flows {
		p.letGo(&c.flows[d])
	}
	if c.backend != nil {
		c.backend.Release()
	}
	c.listener.open--
	c.listener.Stats.Ended.Add(1)
	p.pairs.giveBack(c)
	p.load.Add(-1)
	p.limit.Release()
}
