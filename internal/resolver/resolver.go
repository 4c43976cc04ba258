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
	names    map[string]*name           // by host, lower case
	applied  uint64                     // counts the plans
	literals map[plan.BackendKey]uint64 // backends by address, which are reported once; with the last plan that had them
}

// keySet is a set of backends.
type keySet map[plan.BackendKey]struct{}

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
		names:         make(map[string]*name),
		literals:      make(map[plan.BackendKey]uint64),
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
	named := r.literalsLocked(p)
	for host, n := range r.names {
		if _, ok := named[host]; !ok {
			n.cancel()
			delete(r.names, host)
		}
	}
	for host, keys := range named {
		if n, ok := r.names[host]; ok {
			n.subscribeLocked(keys)
		} else {
			r.startLocked(host, keys)
		}
	}
}

// literalsLocked reports the backends given by IP address that the last plan did not have, and returns the others by their names.
func (r *Resolver) literalsLocked(p *plan.Plan) (named map[string]keySet) {
	named = make(map[string]keySet)
	for _, lb := range p.LoadBalancers {
		for _, set := range lb.BackendSets {
			for i := range set.Backends {
				key := set.Backends[i].Key
				if !r.literalLocked(key) {
					host := strings.ToLower(key.Host)
					if named[host] == nil {
						named[host] = make(keySet)
					}
					named[host][key] = struct{}{}
				}
			}
		}
	}
	for key, applied := range r.literals {
		if applied != r.applied {
			delete(r.literals, key)
		}
	}
	return named
}

// literalLocked says whether a backend is given by an IP address, and reports it if it is new.
func (r *Resolver) literalLocked(key plan.BackendKey) bool {
	if _, known := r.literals[key]; !known {
		addr, err := netip.ParseAddr(key.Host)
		if err != nil {
			return false
		}
		r.report(key, []netip.AddrPort{netip.AddrPortFrom(addr, key.Port)}, nil)
	}
	r.literals[key] = r.applied
	return true
}

// startLocked begins to resolve a host.
func (r *Resolver) startLocked(host string, keys keySet) {
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan struct{})
	n := &name{
		host: host, resolver: r, cancel: cancel,
		first: first, markFirst: sync.OnceFunc(func() { close(first) }),
		keys: keys,
	}
	r.names[host] = n
	r.running.Go(func() { n.run(ctx) })
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
