// Package resolver provides the addresses of backends that a plan names by host name, and keeps them fresh.
//
// The engine calls Apply with every new plan and Close at the end; Report comes back on the goroutine of the name
// concerned, or on Apply's own. Nothing here runs on an event loop.
//
// One goroutine per distinct host name sleeps until the name's TTL or 30 s have passed, whichever is sooner, and asks
// again. The asking is left to package net's own resolver, so that the hosts file, search domains, several servers,
// retries and the fallback to TCP behave as they do everywhere else; it hides the TTL, therefore the connections it
// dials are wrapped and the answers read on their way past (ttl.go). A client of our own, or a DNS library, would see
// the TTL directly but would have to rebuild all of the above; looking up every few seconds without regard to the TTL
// would be late for short TTLs and a nuisance to servers for long ones.
//
// A name that fails keeps the addresses it had: an outage of DNS must not become an outage of the backends.
//
// One mutex guards all state and is held while Report runs, so reports come one at a time, those about a backend in
// the order of the answers, and none about a backend follows the Apply that dropped it, or Close. In return Report
// must not block or call back into the Resolver, and callers of Apply and Close must not hold a lock that Report takes.
//
// Limits: 32 lookups at a time, 5 s for one of them, 64 addresses for a name, no name asked more than once a second.
// TTLs are read as RFC 1035 §3.2.1 and RFC 2181 §8 say.
package resolver

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"lull/internal/dataplane/plan"
)

// lookupsMax bounds the lookups in flight. Each holds two sockets (A and AAAA): 64 descriptors of a process's 20,000,
// and still 32 names a second when every lookup needs a whole second.
const lookupsMax = 32

// Report tells what became of a backend's address: the whole set of its addresses, or why there is no answer.
//
// It is called when the outcome changes: a first answer, a different set, a first failure or another kind of failure,
// a recovery. The same addresses in another order are no change. With an error addrs is nil, and the receiver keeps
// what it has. addrs belongs to the receiver.
type Report func(key plan.BackendKey, addrs []netip.AddrPort, err error)

// Resolver resolves the host names of a plan's backends until it is closed.
type Resolver struct {
	// Fixed after New.
	report        Report
	server        string // asked instead of the system's DNS servers if not empty
	lookupTimeout time.Duration
	lookup        func(ctx context.Context, host string) (answer, error)
	slots         chan struct{} // holds one value per lookup in flight
	running       sync.WaitGroup

	// Guarded by mu.
	mu       sync.Mutex
	closed   bool
	plan     *plan.Plan       // applied last; never nil
	names    map[string]*name // by host, lower case
	applied  uint64           // counts the plans
	literals keySet           // backends by address, which are reported once
}

// keySet is a set of backends, each with the number of the plan that named it anew.
type keySet map[plan.BackendKey]uint64

// Option changes how a Resolver works.
type Option func(*Resolver)

// WithServer makes the resolver ask the DNS server at addr, by UDP and TCP, instead of those the system is configured
// with. The hosts file still comes first.
func WithServer(addr netip.AddrPort) Option {
	return func(r *Resolver) { r.server = addr.String() }
}

// New returns a Resolver without names; Apply gives it some.
func New(report Report, opts ...Option) *Resolver {
	r := &Resolver{
		report:        report,
		lookupTimeout: 5 * time.Second,
		slots:         make(chan struct{}, lookupsMax),
		plan:          &plan.Plan{},
		names:         make(map[string]*name),
		literals:      make(keySet),
	}
	r.lookup = r.lookupNet
	for _, opt := range opts {
		opt(r)
	}
	return r
}

// Apply makes p's backends the ones to resolve. A name that both plans have goes on undisturbed, a new one is looked up
// at once, one that is gone is forgotten. Before Apply returns it has reported the backends given by IP address that
// are new, and those new ones whose name is known already. Callable from anywhere, and without effect after Close.
func (r *Resolver) Apply(p *plan.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.applied++
	var left []*name
	for _, change := range p.Since(r.plan) {
		old, come := change.Sets()
		for _, set := range come {
			for i := range set.Backends {
				r.addLocked(set.Backends[i].Key)
			}
		}
		for _, set := range old {
			for i := range set.Backends {
				if n := r.dropLocked(set.Backends[i].Key); n != nil {
					left = append(left, n)
				}
			}
		}
	}
	for _, n := range left { // only now: another load balancer may have come to use the name
		if len(n.keys) == 0 {
			n.cancel()
			delete(r.names, n.host)
		}
	}
	r.plan = p
}

// addLocked takes over a backend. One that is given by an IP address is reported if it is new.
func (r *Resolver) addLocked(key plan.BackendKey) {
	if _, known := r.literals[key]; known {
		r.literals[key] = r.applied
		return
	}
	if addr, err := netip.ParseAddr(key.Host); err == nil {
		r.report(key, []netip.AddrPort{netip.AddrPortFrom(addr, key.Port)}, nil)
		r.literals[key] = r.applied
		return
	}
	host := strings.ToLower(key.Host)
	n := r.names[host]
	if n == nil {
		n = r.startLocked(host)
	}
	n.subscribeLocked(key, r.applied)
}

// dropLocked forgets a backend of the last plan, unless this one has named it anew. It returns the name that it has gone by.
func (r *Resolver) dropLocked(key plan.BackendKey) *name {
	if applied, known := r.literals[key]; known {
		if applied != r.applied {
			delete(r.literals, key)
		}
		return nil
	}
	n := r.names[strings.ToLower(key.Host)]
	if n == nil || n.keys[key] == r.applied {
		return nil
	}
	delete(n.keys, key)
	return n
}

// startLocked begins to resolve a host.
func (r *Resolver) startLocked(host string) *name {
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan struct{})
	n := &name{
		host: host, resolver: r, cancel: cancel,
		first: first, markFirst: sync.OnceFunc(func() { close(first) }),
		keys: keySet{},
	}
	r.names[host] = n
	r.running.Go(func() { n.run(ctx) })
	return n
}

// WaitFirst returns when every name of the plan applied last has had its first answer or failure, or is no longer
// wanted; or else with ctx's error.
func (r *Resolver) WaitFirst(ctx context.Context) error {
	r.mu.Lock()
	waiting := make([]*name, 0, len(r.names))
	for _, n := range r.names {
		waiting = append(waiting, n)
	}
	r.mu.Unlock()
	for _, n := range waiting {
		select {
		case <-n.first:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Close stops all lookups and waits until they have ended. No report follows.
func (r *Resolver) Close() {
	r.mu.Lock()
	r.closed = true
	for host, n := range r.names {
		n.cancel()
		delete(r.names, host)
	}
	r.mu.Unlock()
	r.running.Wait()
}
