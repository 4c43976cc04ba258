package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"lull/internal/dataplane/plan"
)

// How long an answer is believed. A TTL of 0 would otherwise mean a lookup per connection; an operator who moved a
// backend should not wait longer than half a minute whatever the TTL was.
const (
	refreshMin = time.Second
	refreshMax = 30 * time.Second
)

// How long to wait after a failed lookup: from the first to the second, doubling for each failure in a row.
const (
	retryMin = time.Second
	retryMax = 30 * time.Second
)

// name is one host name and the backends that go by it.
//
//	asking ── answer ──> waiting refreshAfter(TTL) ──> asking
//	asking ── failure ─> waiting retryAfter(n) ──────> asking
//	either ── cancel ──> gone
type name struct {
	// Fixed after start.
	host      string
	resolver  *Resolver
	cancel    context.CancelFunc
	first     <-chan struct{} // closed by the first answer or failure, and by the end of run
	markFirst func()          // closes first, once

	// Owned by run.
	failures int // in a row

	// Guarded by Resolver.mu.
	keys  keySet
	known bool         // there has been an outcome
	addrs []netip.Addr // the last good answer, in a stable order
	err   error        // why the last lookup failed; nil if it did not
}

// run looks the name up again and again until ctx ends.
func (n *name) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer n.markFirst()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		ans, err := n.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		n.settle(ctx, ans, err)
		n.markFirst()
		timer.Reset(n.wait(ans, err))
	}
}

// ask makes one lookup when it is its turn.
func (n *name) ask(ctx context.Context) (answer, error) {
	select {
	case n.resolver.slots <- struct{}{}:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	defer func() { <-n.resolver.slots }()
	ctx, cancel := context.WithTimeout(ctx, n.resolver.lookupTimeout)
	defer cancel()
	return n.resolver.lookup(ctx, n.host)
}

// wait returns how long to leave the name alone after that outcome.
func (n *name) wait(ans answer, err error) time.Duration {
	if err != nil {
		n.failures++
		return retryAfter(n.failures)
	}
	n.failures = 0
	return refreshAfter(ans.ttl)
}

// settle stores an outcome and reports it if it is news.
func (n *name) settle(ctx context.Context, ans answer, err error) {
	n.resolver.mu.Lock()
	defer n.resolver.mu.Unlock()
	// Apply and Close cancel under the lock: once they have, this outcome is nobody's.
	if ctx.Err() != nil {
		return
	}
	var news bool
	if err != nil {
		news = !n.known || n.err == nil || kindOf(err) != kindOf(n.err)
	} else {
		addrs := merge(n.addrs, ans.addrs)
		news = !n.known || n.err != nil || !slices.Equal(addrs, n.addrs)
		n.addrs = addrs
	}
	n.known, n.err = true, err
	if !news {
		return
	}
	for key := range n.keys {
		if err != nil {
			n.resolver.report(key, nil, err)
		} else {
			n.resolver.report(key, n.endpointsLocked(key.Port), nil)
		}
	}
}

// subscribeLocked adds a backend that goes by this name and, if it is new, tells it what is known. One that arrives
// while the name fails still gets the addresses that the others keep.
func (n *name) subscribeLocked(key plan.BackendKey, applied uint64) {
	_, known := n.keys[key]
	n.keys[key] = applied
	if known {
		return
	}
	if len(n.addrs) > 0 {
		n.resolver.report(key, n.endpointsLocked(key.Port), nil)
	}
	if n.err != nil {
		n.resolver.report(key, nil, n.err)
	}
}

// endpointsLocked returns the addresses with a port, in a slice of the caller's own.
func (n *name) endpointsLocked(port uint16) []netip.AddrPort {
	endpoints := make([]netip.AddrPort, len(n.addrs))
	for i, addr := range n.addrs {
		endpoints[i] = netip.AddrPortFrom(addr, port)
	}
	return endpoints
}

// refreshAfter returns how long an answer with that TTL is believed.
func refreshAfter(ttl time.Duration) time.Duration { return min(max(ttl, refreshMin), refreshMax) }

// retryAfter returns how long to wait after that many failures in a row.
func retryAfter(failures int) time.Duration {
	wait := retryMin
	for range failures - 1 {
		if wait *= 2; wait >= retryMax {
			return retryMax
		}
	}
	return wait
}

// kind sorts failures coarsely. Their texts differ at every try (they hold ephemeral ports), their kinds do not.
type kind uint8

const (
	kindOther    kind = iota
	kindNotFound      // the name does not exist, or has no address
	kindTimeout       // nobody answered in time
)

// kindOf returns the kind of a failed lookup's error.
func kindOf(err error) kind {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return kindOther
	case dns.IsNotFound:
		return kindNotFound
	case dns.IsTimeout:
		return kindTimeout
	default:
		return kindOther
	}
}
