package console

import (
	"net/netip"
	"sync"
	"time"
)

// How often somebody may fail to log in: a person who mistypes does not notice. A secret has 125 random bits, so this
// saves lines of the log rather than the secrets, and whoever knows one need not be kept waiting.
const (
	attemptsBurst    = 10               // of one address
	attemptsEvery    = 10 * time.Second // after that
	attemptsAllBurst = 100              // of all addresses together
	attemptsAllEvery = time.Second
	// addressesMax bounds those that are remembered; for a stranger with more of them there is the limit for all.
	addressesMax = 4096
)

// bucket holds tokens, one for each attempt.
type bucket struct {
	tokens float64
	filled time.Time
}

// take takes a token out, if there is one.
func (b *bucket) take(now time.Time, burst float64, every time.Duration) bool {
	b.fill(now, burst, every)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (b *bucket) fill(now time.Time, burst float64, every time.Duration) {
	if gone := now.Sub(b.filled); gone > 0 {
		b.tokens = min(burst, b.tokens+float64(gone)/float64(every))
	}
	b.filled = now // also when the clock was set back
}

// attempts limits logins, for each address and for all together.
type attempts struct {
	// Guarded by mu.
	mu        sync.Mutex
	all       bucket
	byAddress map[netip.Prefix]*bucket
}

func newAttempts(now time.Time) *attempts {
	return &attempts{all: bucket{attemptsAllBurst, now}, byAddress: map[netip.Prefix]*bucket{}}
}

// take reports whether somebody at an address may try now.
func (a *attempts) take(from netip.Addr, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := network(from)
	one := a.byAddress[key]
	if one == nil {
		if len(a.byAddress) >= addressesMax {
			a.forgetLocked(now)
		}
		one = &bucket{attemptsBurst, now}
		a.byAddress[key] = one
	}
	// Its own limit first: whoever is beyond it takes nothing from the others.
	return one.take(now, attemptsBurst, attemptsEvery) && a.all.take(now, attemptsAllBurst, attemptsAllEvery)
}

// forgetLocked makes room: those that are as good as new go, and if there is none, everybody.
func (a *attempts) forgetLocked(now time.Time) {
	for key, one := range a.byAddress {
		if one.fill(now, attemptsBurst, attemptsEvery); one.tokens >= attemptsBurst {
			delete(a.byAddress, key)
		}
	}
	if len(a.byAddress) >= addressesMax {
		clear(a.byAddress)
	}
}

// network is what counts as one address: of IPv6, what one customer is given.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // never more than it has; the zero address has the zero prefix
	return p
}
