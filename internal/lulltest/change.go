package lulltest

import (
	"net/netip"
	"testing"

	"lull/internal/dataplane/plan"
)

// AddListener adds a TCP listener on a free port, with a backend set of its own, to a plan made by Plan. Its settings are
// those of the plan's first listener.
func AddListener(p *plan.Plan, name string, backends ...netip.AddrPort) *plan.Listener {
	added := Plan(backends...)
	l, set := Listener(added), Set(added)
	l.Key.Name, set.Key.Name = name, name
	for i := range set.Backends {
		set.Backends[i].Key.Set = set.Key
	}
	l.Timeouts = Listener(p).Timeouts
	lb := p.LoadBalancers[0]
	lb.Listeners = append(lb.Listeners, l)
	lb.BackendSets = append(lb.BackendSets, set)
	return l
}

// ListenerNamed returns the listener of that name in a plan made by Plan and AddListener.
func ListenerNamed(t testing.TB, p *plan.Plan, name string) *plan.Listener {
	t.Helper()
	for _, l := range p.LoadBalancers[0].Listeners {
		if l.Key.Name == name {
			return l
		}
	}
	t.Fatalf("the plan has no listener %q", name)
	return nil
}

// Copy returns a copy of a plan that may be changed: a published one may not.
func Copy(p *plan.Plan) *plan.Plan {
	c := &plan.Plan{Revision: p.Revision + 1}
	for _, lb := range p.LoadBalancers {
		c.LoadBalancers = append(c.LoadBalancers, copyLoadBalancer(lb))
	}
	return c
}

func copyLoadBalancer(from *plan.LoadBalancer) *plan.LoadBalancer {
	lb := &plan.LoadBalancer{Name: from.Name, Origin: from.Origin}
	sets := map[*plan.BackendSet]*plan.BackendSet{}
	for _, s := range from.BackendSets {
		set := *s
		set.Backends = append([]plan.Backend(nil), s.Backends...)
		sets[s] = &set
		lb.BackendSets = append(lb.BackendSets, &set)
	}
	for _, l := range from.Listeners {
		listener := *l
		listener.BackendSet = sets[l.BackendSet]
		listener.Sites = nil
		for _, s := range l.Sites {
			site := *s
			site.Sets = nil
			for _, set := range s.Sets {
				site.Sets = append(site.Sets, sets[set])
			}
			listener.Sites = append(listener.Sites, &site)
		}
		lb.Listeners = append(lb.Listeners, &listener)
	}
	return lb
}

// Changed applies a copy of the plan that change has changed, and returns it.
func (e *Engine) Changed(p *plan.Plan, change func(*plan.Plan)) *plan.Plan {
	e.t.Helper()
	next := Copy(p)
	change(next)
	if err := e.Apply(next); err != nil {
		e.t.Fatalf("apply the changed plan: %v", err)
	}
	return next
}
