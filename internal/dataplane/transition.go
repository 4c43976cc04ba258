package dataplane

import (
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tcpproxy"
)

// transition is what becomes of the listeners from one plan to the next: of those whose load balancer changes. No loop hears of the
// others, however many there are.
type transition struct {
	wanted  []*plan.Listener // new ones, or others than before
	same    []*listener      // in force, and as they were
	left    map[*listener]struct{}
	come    []*listener // made of wanted
	opened  []*listener // those of come that have got sockets of their own
	renamed []*listener // those of come that have got the sockets of one of another name
	staying map[plan.ListenerKey]struct{}
}

// newTransition returns the transition from the listeners in force. Nothing is opened yet.
func newTransition(changes []plan.Change, inForce map[plan.ListenerKey]*listener) *transition {
	t := &transition{left: map[*listener]struct{}{}, staying: map[plan.ListenerKey]struct{}{}}
	for _, c := range changes {
		if c.Old == nil {
			continue
		}
		for _, pl := range c.Old.Listeners {
			if l := inForce[pl.Key]; l != nil {
				t.left[l] = struct{}{}
			}
		}
	}
	for _, c := range changes {
		if c.New != nil {
			t.want(c.New.Listeners, inForce)
		}
	}
	return t
}

// want takes over the listeners that a load balancer has now.
func (t *transition) want(listeners []*plan.Listener, inForce map[plan.ListenerKey]*listener) {
	for _, pl := range listeners {
		t.staying[pl.Key] = struct{}{}
		if l := inForce[pl.Key]; l != nil && l.plan == pl {
			delete(t.left, l)
			t.same = append(t.same, l)
			continue
		}
		t.wanted = append(t.wanted, pl)
	}
}

// change returns what each loop's proxy takes over.
func (t *transition) change(sets map[plan.SetKey]*backend.Set, now int64) func(loop int) tcpproxy.Change {
	var removed []plan.ListenerKey
	for l := range t.left {
		if _, stays := t.staying[l.plan.Key]; !stays {
			removed = append(removed, l.plan.Key)
		}
	}
	return func(loop int) tcpproxy.Change {
		ch := tcpproxy.Change{Sets: sets, Removed: removed, Now: now}
		for _, list := range [...][]*listener{t.same, t.come} {
			for _, l := range list {
				ch.Listeners = append(ch.Listeners, l.change(sets, loop))
			}
		}
		return ch
	}
}

// change returns the listener as the proxy of a loop takes it over.
func (l *listener) change(sets map[plan.SetKey]*backend.Set, loop int) tcpproxy.ListenerChange {
	c := tcpproxy.ListenerChange{
		Plan: l.plan, Set: sets[l.plan.Sets()[0].Key], TLS: l.tls, Addr: l.local, Stats: l.stats[loop], Clients: l.clients,
	}
	for _, site := range l.plan.Sites {
		c.Sites = append(c.Sites, l.sites[site.Name][loop])
	}
	return c
}

// goneSockets returns the listeners that were in force and whose sockets nobody has taken.
func (t *transition) goneSockets() []*listener {
	taken := map[int]struct{}{} // by descriptor of the first loop
	for _, l := range t.come {
		taken[l.fds[0]] = struct{}{}
	}
	var gone []*listener
	for l := range t.left {
		if _, ok := taken[l.fds[0]]; !ok {
			gone = append(gone, l)
		}
	}
	return gone
}

// settle makes the listeners those in force. The counters of those that were removed are kept while they have connections.
func (e *Engine) settle(t *transition) {
	for l := range t.left {
		delete(e.listeners, l.plan.Key)
		delete(e.at, l.plan.Address)
		e.ports[l.local.Port()]--
	}
	for _, l := range t.come {
		e.listeners[l.plan.Key] = l
		e.at[l.plan.Address] = l
		e.ports[l.local.Port()]++
	}
	var kept []*listener
	for _, l := range e.retired {
		if e.listeners[l.plan.Key] == nil && l.totals().Active > 0 {
			kept = append(kept, l)
		}
	}
	for l := range t.left {
		if e.listeners[l.plan.Key] == nil {
			kept = append(kept, l)
		}
	}
	e.retired = kept
}
