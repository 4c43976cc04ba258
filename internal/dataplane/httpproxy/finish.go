package httpproxy

import (
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

const doomed = relay.Doomed

// complete ends an exchange whose response has been delivered. It reports whether the client's connection may have another
// request already.
func (p *Proxy) complete(f *front) (more bool) {
	x := f.x
	p.closeBack(x) // what still has it is not fit for another exchange
	p.letGo(x)
	p.recordExchange(f, x.outcome(), timeout.Deadline{})
	if x.last == reason.None && !x.request.Done() {
		x.last = reason.CloseAgreed
	}
	if x.last != reason.None {
		p.closeFront(f, x.last, p.agedAt(f, x.last))
		return false
	}
	p.free(f)
	if f.conn.TLS != nil {
		f.conn.TLS.Idle()
	}
	p.enter(f, waiting)
	return f.held != nil || f.conn.Is(relay.Readable|relay.Ended)
}

// agedAt returns the deadline of a connection that was too old and has fallen idle now (PR-02); none if it ends for another
// reason.
func (p *Proxy) agedAt(f *front, why reason.Reason) timeout.Deadline {
	if why != reason.AgeCap {
		return timeout.Deadline{}
	}
	most := f.listener.plan.Timeouts.AgeMax
	return timeout.Deadline{At: max(f.opened+int64(most), p.loop.Now()), Why: why, Timer: "connection_age_max", Setting: most}
}

// closeFront ends a client's connection. What is held for it is sent first, then a FIN (TO-08). A socket that is closed with
// bytes unread, or that gets some afterwards, answers with an RST, which could destroy what its peer has not read yet: a
// client that may be sending is listened to until it closes too.
func (p *Proxy) closeFront(f *front, why reason.Reason, d timeout.Deadline) {
	p.record(f, why, d)
	switch {
	case f.conn.Is(relay.Violated):
		p.dismiss(f)
	case f.conn.Is(relay.Failed):
		p.release(f, false)
		return
	case why == reason.ClientIdle && f.listener.plan.ResetOnIdle:
		p.release(f, true)
		return
	}
	if f.talking() {
		f.conn.Set(relay.Talking | relay.Readable)
	}
	if f.held != nil {
		p.pool.Return(f.held)
		f.held = nil
	}
	p.enter(f, lingering)
	p.linger(f)
}

// dismiss prepares the end of a client's connection that broke the rules of TLS: nothing but the alert that says so is sent, and the
// client may be in the middle of sending.
func (p *Proxy) dismiss(f *front) {
	if f.x != nil && f.x.down.Pending() > 0 {
		f.conn.Set(relay.Parted) // an alert in the middle of a record would be none
		f.x.down.LetGo(p.pool)
	}
	f.conn.Clear(relay.Failed)
	f.conn.Set(relay.Talking | relay.Readable)
}

// talking says whether the client may be in the middle of sending, or about to, while it has not read everything: it has not
// ended its stream, and has bytes under way to lull or from it, or a response that did not have to be its last.
func (f *front) talking() bool {
	switch x := f.x; {
	case f.conn.Is(relay.Ended):
		return false
	case f.held != nil, x != nil && (!x.request.Done() || !x.is(lastAsked)):
		return true
	}
	return sys.Unread(int(f.conn.FD)) > 0 || sys.Unacknowledged(int(f.conn.FD)) > 0
}

// linger does what can be done for a client's connection that is being closed.
func (p *Proxy) linger(f *front) {
	c := &f.conn
	if f.x != nil && !f.x.down.Flush(c, p.loop, p.pool) && !c.Is(relay.Failed) {
		return // it does not take the rest yet
	}
	if f.x != nil && !c.Is(doomed) && !c.Part(&relay.Conn{}, &f.x.down, p.loop, p.pool) {
		return // nor the close_notify behind it
	}
	switch {
	case c.Is(relay.Failed):
	case c.Is(doomed):
		if sys.Unacknowledged(int(c.FD)) > 0 {
			p.loop.Wheel.Arm(&f.node, min(p.loop.Now()+int64(relay.LookEvery), f.since+int64(relay.LingerTime)))
			return
		}
	case c.Is(relay.Talking) && !c.Is(relay.Ended):
		if !c.Is(relay.Finished) {
			c.ShutdownWrite()
		}
		if !c.Discard(p.loop) {
			return
		}
	}
	p.release(f, false)
}

// giveUp ends a linger whose time is over. A client for which bytes are still held sees an RST: a FIN would make what it got
// look whole.
func (p *Proxy) giveUp(f *front) {
	p.release(f, f.x != nil && f.x.down.Pending() > 0)
}

// release closes a client's connection, gives back all that it holds and frees it.
func (p *Proxy) release(f *front, withRST bool) {
	switch f.state {
	case waiting, awaitingHeader, securing:
		p.waiters.remove(&p.fronts, f)
	case queued:
		p.leaveQueue(f)
	case free, reading, connecting, exchanging, lingering:
	}
	p.loop.Wheel.Cancel(&f.node)
	if f.x != nil && f.x.down.Pending() > 0 {
		f.conn.Set(relay.Parted) // a close_notify in the middle of a record would be none
	}
	f.conn.Close(p.loop, withRST || f.conn.Is(doomed))
	f.listener.Stats.Ended.Add(1)
	f.uncount()
	p.forget(f)
	p.load.Add(-1)
	p.limit.Release()
}

// forget frees a front; its connection is closed, or another's.
func (p *Proxy) forget(f *front) {
	if f.held != nil {
		p.pool.Return(f.held)
		f.held = nil
	}
	if x := f.x; x != nil {
		p.closeBack(x)
		p.letGo(x)
		p.free(f)
	}
	f.listener.open--
	p.fronts.GiveBack(f.index)
}

// reclaimLooks bounds how many connections are looked at for one to reclaim.
const reclaimLooks = 16

// Reclaim ends the connection that has waited longest for a request, and reports whether there was one (PR-03). The room is
// there at once: nothing was written to it that an RST could destroy.
func (p *Proxy) Reclaim() bool {
	next := p.waiters.head
	for range min(p.waiters.count, reclaimLooks) {
		f := p.fronts.At(next - 1)
		next = f.next
		if f.asked() {
			continue
		}
		p.record(f, reason.Reclaimed, timeout.Deadline{})
		f.conn.Discard(p.loop) // so that it is a FIN that ends it
		p.release(f, false)
		return true
	}
	return false
}

// asked reports whether a connection that waits for a request has one, or a part, that the loop has not come to. A part of a
// PROXY header stays in the socket, and is marked once it has been looked at.
func (f *front) asked() bool {
	switch {
	case f.held != nil && !emptyLines(f.held.Bytes()):
		return true
	case f.state == awaitingHeader && f.conn.Is(relay.Readable), f.state == securing:
		return false
	}
	return sys.Unread(int(f.conn.FD)) > 0
}
