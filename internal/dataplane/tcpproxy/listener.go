package tcpproxy

import (
	"net/netip"
	"slices"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlsio"
)

// Listener is what one loop keeps of a listener: the settings in force and the counters. Every pair points to its own,
// so a change of settings reaches open connections by being stored here (TO-06).
type Listener struct {
	// Owned by the loop.
	Addr    netip.AddrPort // where it really listens
	Stats   *stats.Listener
	plan    *plan.Listener
	tls     *tlsio.Server // nil: plain
	picker  *backend.Picker
	closing *backend.Closing // an end set for its connections, or nil
	changed int64            // when the plan came into force; no deadline could have been kept before
	applied uint64           // the last change that concerned it, by Proxy.applied
	open    int              // pairs
	sites   map[string]*site // by name; see Adopt
	clients *acceptor.Addresses
}

// Change is what the engine has a proxy take over, all at once. What it does not name stays as it is.
type Change struct {
	Listeners []ListenerChange             // all that load balancers have which are not as they were
	Sets      map[plan.SetKey]*backend.Set // of all that those listeners may lead to
	Removed   []plan.ListenerKey           // their connections end when their drain time, counted from Now, is over
	Now       int64                        // ns of clock.Now, the same on every loop
}

// Of returns the change as it concerns the listeners of one protocol. One that speaks another may have spoken that before: for those
// who know that protocol only it is removed.
func (c Change) Of(protocol plan.Protocol) Change {
	of := Change{Sets: c.Sets, Removed: slices.Clip(c.Removed), Now: c.Now}
	for _, l := range c.Listeners {
		if l.Plan.Protocol == protocol {
			of.Listeners = append(of.Listeners, l)
		} else {
			of.Removed = append(of.Removed, l.Plan.Key)
		}
	}
	return of
}

// ListenerChange is one listener as it shall be.
type ListenerChange struct {
	Plan  *plan.Listener
	Set   *backend.Set
	TLS   *tlsio.Server // nil: plain
	Addr  netip.AddrPort
	Stats *stats.Listener
	Sites []*stats.Site // in the order of the plan's sites
	// Clients counts the connections of each client's address; nil if the listener never had a bound on them.
	Clients *acceptor.Addresses
}

// Apply takes over a plan change. Open connections get the new settings at once; those already over a shortened limit
// end in this very turn, for their timers are due then. Connections of listeners that it does not concern are not looked at.
func (p *Proxy) Apply(ch Change) {
	p.applied++
	p.forgetUnused()
	for _, lc := range ch.Listeners {
		l := p.listeners[lc.Plan.Key]
		if l == nil {
			l = &Listener{picker: backend.NewPicker(lc.Set, p.loop.Index)}
			p.listeners[lc.Plan.Key] = l
		}
		delete(p.leaving, lc.Plan.Key)
		l.Addr, l.Stats, l.plan, l.tls, l.closing = lc.Addr, lc.Stats, lc.Plan, lc.TLS, nil
		l.picker.SetSet(lc.Set)
		l.applied, l.changed, l.clients = p.applied, ch.Now, lc.Clients
		l.takeSites(&lc)
	}
	for _, key := range ch.Removed {
		if l := p.listeners[key]; l != nil && l.closing == nil {
			l.closing = &backend.Closing{At: ch.Now + int64(l.plan.Timeouts.Drain), Why: reason.ListenerRemoved}
			p.leaving[key] = l
		}
	}
	for _, l := range p.leaving { // a change may have set an end for the backends of their connections
		l.applied = p.applied
	}
	p.each(func(c *pair) {
		if c.listener.applied == p.applied {
			p.lookAgain(c)
		}
	})
}

// Drain sets an end for every connection (rule: SIGTERM), unless one was set that is earlier.
func (p *Proxy) Drain(now int64) {
	for _, l := range p.listeners {
		if at := now + int64(l.plan.Timeouts.Drain); l.closing == nil || at < l.closing.At {
			l.closing = &backend.Closing{At: at, Why: reason.Shutdown}
		}
	}
	p.each(p.lookAgain)
}

// EndAll ends every connection now.
func (p *Proxy) EndAll(why reason.Reason) {
	p.each(func(c *pair) {
		if c.state != lingering {
			p.record(c, why, timeout.Deadline{})
		}
		p.release(c, withFIN)
	})
	p.TurnEnd()
}

// forgetUnused drops listeners without connections that an earlier change removed. One that this change removes may yet
// get what lies in its socket's backlog.
func (p *Proxy) forgetUnused() {
	for key, l := range p.leaving {
		if l.open == 0 {
			delete(p.listeners, key)
			delete(p.leaving, key)
		}
	}
}

// lookAgain looks at a pair's deadline again, and at where it is counted: a tenth of a microsecond.
func (p *Proxy) lookAgain(c *pair) {
	c.count()
	p.rearm(c)
}

// each calls f for every pair there is; f may end the pair.
func (p *Proxy) each(f func(*pair)) {
	for i := range p.pairs.Size() {
		if c := p.pairs.At(i); c.state != free {
			f(c)
		}
	}
}

// Protocol returns what the listener of that key speaks with its clients; known is false if there is none.
func (p *Proxy) Protocol(key plan.ListenerKey) (protocol plan.Protocol, known bool) {
	l := p.listeners[key]
	if l == nil {
		return plan.TCP, false
	}
	return l.plan.Protocol, true
}

// Listening says whether the proxy has a listener of that key that takes connections.
func (p *Proxy) Listening(key plan.ListenerKey) bool {
	l := p.listeners[key]
	return l != nil && l.closing == nil
}
