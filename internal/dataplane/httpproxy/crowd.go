package httpproxy

import (
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
)

// count counts a connection for its client's address, which is known now, where the listener has a bound on that. One too many is
// closed at once: it reports whether the connection goes on.
func (p *Proxy) count(f *front) bool {
	l := f.listener
	if l.plan.Caps == nil {
		return true
	}
	client := f.client().Addr()
	if l.clients.Enter(client, l.plan.Caps.For(client)) {
		f.clients = l.clients
		return true
	}
	p.record(f, reason.AddressLimit, timeout.Deadline{})
	f.conn.Discard(p.loop) // so that it is a FIN that ends it
	p.release(f, false)
	return false
}

// countAnew counts a connection that was accepted before its listener had a bound: it stays, and others count it.
func (f *front) countAnew() {
	if l := f.listener; l.plan.Caps != nil && f.clients == nil && f.state != awaitingHeader {
		l.clients.Enter(f.client().Addr(), 0)
		f.clients = l.clients
	}
}

// uncount ends what count or countAnew began.
func (f *front) uncount() {
	if f.clients != nil {
		f.clients.Leave(f.client().Addr())
	}
}
