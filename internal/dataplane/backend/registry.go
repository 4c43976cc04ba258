package backend

import (
	"sync"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/sticky"
	"lull/internal/dataplane/tlsio"
)

// Registry holds every backend that a plan names or a connection may still use.
type Registry struct {
	// Fixed after SetGate.
	gate *tlsio.Gate

	// Guarded by mu.
	mu       sync.Mutex
	backends map[plan.BackendKey]*Backend
	applied  uint64            // counts the plans
	queues   map[string]*Queue // by load balancer; those of the plan
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{backends: map[plan.BackendKey]*Backend{}, queues: map[string]*Queue{}, applied: 1} // a backend's 0 is no plan
}

// SetGate tells what bounds the handshakes with backends. Before a plan with TLS is applied.
func (r *Registry) SetGate(g *tlsio.Gate) { r.gate = g }

// Apply takes over a plan at the time now and returns its sets. Backends that the plan names keep their state;
// those it no longer names, or names as offline, get an end for their open connections. The loops
// must look at their connections' deadlines afterwards.
func (r *Registry) Apply(p *plan.Plan, now int64) map[plan.SetKey]*Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	sets := make(map[plan.SetKey]*Set, len(p.LoadBalancers))
	queues := make(map[string]*Queue, len(p.LoadBalancers))
	r.applied++
	for _, lb := range p.LoadBalancers {
		drains := drainTimes(lb)
		queue := r.queues[lb.Name]
		if queue == nil {
			queue = &Queue{}
		}
		queues[lb.Name] = queue
		for _, ps := range lb.BackendSets {
			set := &Set{Key: ps.Key, Policy: ps.Policy, Queue: queue, Patient: ps.BackupWhenDown, Backends: make([]*Backend, 0, len(ps.Backends))}
			for i := range ps.Backends {
				c := &ps.Backends[i]
				b := r.get(c.Key)
				if b.applied != r.applied-1 && ps.HealthCheck != nil && ps.HealthCheck.StartsDown {
					r.begin(b, lb, ps)
				}
				b.config.Store(c)
				b.applied, b.drain = r.applied, drains[ps.Key]
				b.schedule(c.Offline, reason.BackendOffline, now+int64(b.drain))
				set.Backends = append(set.Backends, b)
			}
			set.stick(ps)
			if ps.TLS != nil {
				set.TLS = tlsio.NewClient(ps.TLS, r.gate)
			}
			sets[ps.Key] = set
		}
	}
	r.retire(now)
	r.queues = queues
	return sets
}

// begin has a backend that is new prove itself before it gets anything. What another set of the load balancer knows by the very same
// probe counts: a new listener before instances that are in service works at once.
func (r *Registry) begin(b *Backend, lb *plan.LoadBalancer, ps *plan.BackendSet) {
	b.status.Store(&Status{Detail: plan.NotProbed})
	b.proven.Store(false)
	if ps.HealthCheck.Port == 0 {
		return // each port is probed for itself
	}
	for _, other := range lb.BackendSets {
		if other == ps || other.HealthCheck == nil || !other.HealthCheck.Same(ps.HealthCheck) {
			continue
		}
		for i := range other.Backends {
			key := other.Backends[i].Key
			known := r.backends[key]
			if key.Host != b.Key.Host || known == nil || known.applied < r.applied-1 {
				continue // one that had left the plan as well, and is only draining, is known from before
			}
			if known.proven.Load() && known.Status().Up {
				b.SetStatus(known.Status())
				return
			}
		}
	}
}

// stick gives the set what it needs to tell sessions by their cookies.
func (s *Set) stick(ps *plan.BackendSet) {
	if ps.Stickiness == nil {
		return
	}
	keys := make([]plan.BackendKey, len(ps.Backends))
	for i := range ps.Backends {
		keys[i] = ps.Backends[i].Key
	}
	s.Sessions, s.Faithful = sticky.New(ps.Stickiness, ps.Key, keys), ps.Stickiness.NoFallback
}

// drainTimes returns, for each set, its own drain time, or the longest among the listeners that lead to it.
func drainTimes(lb *plan.LoadBalancer) map[plan.SetKey]time.Duration {
	drains := map[plan.SetKey]time.Duration{}
	for _, l := range lb.Listeners {
		for _, set := range l.Sets() {
			drains[set.Key] = max(drains[set.Key], l.Timeouts.Drain)
		}
	}
	for _, set := range lb.BackendSets {
		if set.Drain != nil {
			drains[set.Key] = *set.Drain
		}
	}
	return drains
}

func (r *Registry) get(key plan.BackendKey) *Backend {
	b := r.backends[key]
	if b == nil {
		b = newBackend(key)
		r.backends[key] = b
	}
	return b
}

// retire sets an end for what has left the plan, and forgets what left it and has no connection any more.
func (r *Registry) retire(now int64) {
	for key, b := range r.backends {
		switch {
		case b.applied == r.applied:
		case b.applied == r.applied-1:
			b.schedule(true, reason.DrainTimeout, now+int64(b.drain))
		case b.Active() == 0 && b.Conns() == 0:
			delete(r.backends, key)
		}
	}
}

// schedule sets or lifts the end of a backend's connections. One that was set already is not put off: a backend that is
// set offline and then removed has its drain time once.
func (b *Backend) schedule(end bool, why reason.Reason, at int64) {
	old := b.closing.Load()
	switch {
	case end && old == nil:
		b.closing.Store(&Closing{At: at, Why: why})
	case end && old.Why != why:
		b.closing.Store(&Closing{At: min(old.At, at), Why: why})
	case !end && old != nil:
		b.closing.Store(nil)
	}
}

// Find returns the backend of that key, or nil.
func (r *Registry) Find(key plan.BackendKey) *Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.backends[key]
}

// All returns the backends that the plan names.
func (r *Registry) All() []*Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Backend, 0, len(r.backends))
	for _, b := range r.backends {
		if b.applied == r.applied {
			all = append(all, b)
		}
	}
	return all
}
