package httpproxy

import (
	"golang.org/x/sys/unix"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// route finds the request in p.in[:n], of which size bytes are the head in p.head, a back-end connection: a pooled one at
// once, a new one when it is connected, or room for one when there is some. Each backend is tried once, so the set's size
// bounds the rounds. One that has waited for a connection has its backend already.
func (p *Proxy) route(f *front, n, size int) (more bool) {
	x := f.x
	for {
		b := x.backend
		if b == nil {
			if b = p.choose(f); b == nil {
				return p.noRoute(f, n)
			}
			x.backend, x.served = b, b
			x.tries += min(1, ^x.tries)
		}
		if !x.is(retried) {
			if c := p.reuse(f, b); c != nil {
				x.set(reused)
				x.unused = p.loop.Now() - c.since
				f.listener.Stats.Reused.Add(1)
				p.assign(f, c)
				return p.forward(f, n, size)
			}
		}
		x.asked = p.loop.Now() // on one machine the handshake is over before connect returns
		switch errno := p.connect(f); errno {
		case 0:
			f.held = p.pool.Keep(p.in[:n])
			p.enter(f, connecting)
			return false
		case unix.EMFILE, unix.ENFILE:
			p.letGo(x)
			p.decline(f, reason.NoDescriptors, timeout.Deadline{})
			return false
		case noSlot:
			// It stays counted at the backend, so that nobody else can have the place of the connection that is given up for it.
			// As there are no more exchanges than connections may be, one of those is in the pool of another loop.
			p.park(f, n)
			p.dropIdleElsewhere(b)
			return false
		default:
			p.failed(x, failureOf(errno), timeout.Deadline{})
		}
	}
}

// choose returns a backend for the exchange, counted there, or nil: that of its session, or one by the set's policy.
func (p *Proxy) choose(f *front) *backend.Backend {
	x, picker := f.x, f.x.to.picker
	if x.session != nil {
		if picker.Keep(x.session, x.tried) {
			return x.session
		}
		if picker.Set().Faithful {
			return nil
		}
	}
	if x.to.queued > 0 && x.tries == 0 && !x.is(wasQueued) {
		return nil // those that wait come first
	}
	return picker.Pick(f.client().Addr(), x.tried)
}

// noRoute says what becomes of a request for which no backend could be chosen: it waits if there is one that has no room
// now, and is answered otherwise (TO-11).
func (p *Proxy) noRoute(f *front, n int) (more bool) {
	x, picker := f.x, f.x.to.picker
	switch {
	case x.session != nil && picker.Set().Faithful:
		p.answer(f, 502, reason.NoBackend, timeout.Deadline{})
	case picker.Crowded(x.tried):
		p.lineUp(f, n)
	case x.failure == reason.None:
		p.decline(f, reason.NoBackend, timeout.Deadline{})
	default:
		p.decline(f, x.failure, x.deadline)
	}
	return false
}

// failed remembers a backend that could not be reached and lets go of it. d is the deadline that passed, if one did.
func (p *Proxy) failed(x *exchange, why reason.Reason, d timeout.Deadline) {
	x.tried = append(x.tried, x.backend)
	if x.failure != reason.ConnectTimeout { // 503 is for a set whose backends all refuse (TO-11)
		x.failure, x.deadline = why, d
	}
	if x.back != nil {
		x.tlsFault = x.back.conn.TLS.Unfinished()
	}
	x.backend.ConnectFailed()
	p.letGo(x)
}

// letGo uncounts the exchange at its backend.
func (p *Proxy) letGo(x *exchange) {
	if x.backend == nil {
		return
	}
	x.backend.Release()
	p.room = p.room || x.backend.Limited()
	x.backend = nil
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
