package backend

import (
	"maps"
	"slices"
	"sync"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sticky"
	"lull/internal/dataplane/tlsio"
)

// Registry holds every backend that a plan names or a connection may still use.
type Registry struct {
	// Fixed before the first plan.
	gate  *tlsio.Gate
	loops int // that have a block of counters for each set

	// Guarded by mu.
	mu       sync.Mutex
	plan     *plan.Plan // applied last; never nil
	backends map[plan.BackendKey]*Backend
	left     []*Backend                   // those that the plan does not name
	applied  uint64                       // counts the plans
	sets     map[string]sets              // by load balancer; those of the plan
	queues   map[string]*Queue            // the same
	counts   map[plan.SetKey][]*stats.Set // of the plan's sets, one block for each loop
	sorted   map[string][]*Backend        // of load balancers of the plan about which somebody has asked since they changed
}

// sets are the sets of a load balancer, by what they were made from.
type sets map[*plan.BackendSet]*Set

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{plan: &plan.Plan{}, backends: map[plan.BackendKey]*Backend{}, sets: map[string]sets{}, queues: map[string]*Queue{},
		counts: map[plan.SetKey][]*stats.Set{}, sorted: map[string][]*Backend{}}
}

// SetGate tells what bounds the handshakes with backends. Before a plan with TLS is applied.
func (r *Registry) SetGate(g *tlsio.Gate) { r.gate = g }

// Apply takes over a plan at the time now and returns the sets of those of its load balancers that are not as they were; a set that is
// as it was is the same one. Backends that the plan names keep their state; those it no longer names, or names as offline, get an end
// for their open connections. The loops must look at their connections' deadlines afterwards.
func (r *Registry) Apply(p *plan.Plan, now int64) map[plan.SetKey]*Set {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.applied++
	before, changed := r.left, map[plan.SetKey]*Set{}
	r.left = nil
	for _, c := range p.Since(r.plan) {
		r.change(&c, now, changed)
	}
	for _, b := range before {
		switch {
		case b.named:
		case b.Active() == 0 && b.Conns() == 0:
			delete(r.backends, b.Key)
		default:
			r.left = append(r.left, b)
		}
	}
	r.plan = p
	return changed
}

// change takes over a load balancer, and adds its sets to changed.
func (r *Registry) change(c *plan.Change, now int64, changed map[plan.SetKey]*Set) {
	left, _ := c.Sets()
	if c.New == nil {
		r.retire(c.Old, left, now)
		r.forgetCounts(left, changed)
		delete(r.sets, c.Old.Name)
		delete(r.queues, c.Old.Name)
		delete(r.sorted, c.Old.Name)
		return
	}
	queue := r.queues[c.New.Name]
	if queue == nil {
		queue = &Queue{}
		r.queues[c.New.Name] = queue
	}
	known, next, drains := r.sets[c.New.Name], make(sets, len(c.New.BackendSets)), drainTimes(c.New)
	for _, ps := range c.New.BackendSets {
		set := known[ps]
		if set == nil {
			set = r.makeSet(c.New, ps, queue, now+int64(drains[ps.Key]))
		}
		next[ps], changed[ps.Key] = set, set
	}
	r.sets[c.New.Name] = next
	delete(r.sorted, c.New.Name)
	r.forgetCounts(left, changed)
	if c.Old != nil {
		r.retire(c.Old, left, now)
	}
}

// makeSet makes a set of a load balancer. The open connections of backends that are offline end at the time end.
func (r *Registry) makeSet(lb *plan.LoadBalancer, ps *plan.BackendSet, queue *Queue, end int64) *Set {
	set := &Set{Key: ps.Key, Policy: ps.Policy, Queue: queue, Patient: ps.BackupWhenDown, Backends: make([]*Backend, 0, len(ps.Backends)),
		counts: r.count(ps.Key)}
	for i := range ps.Backends {
		c := &ps.Backends[i]
		b := r.get(c.Key)
		if !b.named && ps.HealthCheck != nil && ps.HealthCheck.StartsDown {
			r.begin(b, lb, ps)
		}
		b.config.Store(c)
		b.named, b.applied = true, r.applied
		b.schedule(c.Offline, reason.BackendOffline, end)
		set.Backends = append(set.Backends, b)
	}
	set.stick(ps)
	if ps.TLS != nil {
		set.TLS = tlsio.NewClient(ps.TLS, r.gate)
	}
	return set
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
			if key.Host != b.Key.Host || known == nil || !known.named {
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

// retire sets an end for the connections of backends that some sets of a load balancer had, and that are in none any more.
func (r *Registry) retire(lb *plan.LoadBalancer, left []*plan.BackendSet, now int64) {
	if len(left) == 0 {
		return
	}
	drains := drainTimes(lb)
	for _, ps := range left {
		for i := range ps.Backends {
			b := r.backends[ps.Backends[i].Key]
			if b == nil || !b.named || b.applied == r.applied {
				continue
			}
			b.named = false
			b.schedule(true, reason.DrainTimeout, now+int64(drains[ps.Key]))
			r.left = append(r.left, b)
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

// All returns the backends that the plan names, in the order of their keys. It is asked every second: of many load balancers a few at
// most have changed by then.
func (r *Registry) All() []*Backend {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]*Backend, 0, len(r.backends))
	for _, name := range slices.Sorted(maps.Keys(r.sets)) {
		if _, known := r.sorted[name]; !known {
			r.sorted[name] = r.sets[name].sorted()
		}
		all = append(all, r.sorted[name]...)
	}
	return all
}

// sorted returns the backends of all sets.
func (s sets) sorted() []*Backend {
	var all []*Backend
	for _, set := range s {
		all = append(all, set.Backends...)
	}
	slices.SortFunc(all, func(a, b *Backend) int { return a.Key.Compare(b.Key) })
	return all
}
