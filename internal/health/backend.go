package health

import (
	"net/netip"
	"time"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
)

// durationMin is the least interval and timeout. Front doors allow no less than 100 ms; this keeps a plan that comes
// from elsewhere from probing without pause.
const durationMin = 10 * time.Millisecond

// probersMax bounds plan.HealthCheck.Probers: OCI's load balancers are pairs.
const probersMax = 2

// backend is a backend that is probed.
type backend struct {
	// Fixed after start.
	key     plan.BackendKey
	checker *Checker
	set     *set // counts it

	// Guarded by Checker.mu.
	check   *plan.HealthCheck // shared by a set's backends, never changed
	applied uint64            // the last plan that had it, by Checker.applied
	first   prober            // the data plane follows this one
	second  *prober           // nil: the check wants one
	class   class             // what it counts as in its set
	offline bool              // by the plan
}

// each calls do with the probers that there are.
func (b *backend) each(do func(*prober)) {
	do(&b.first)
	if b.second != nil {
		do(b.second)
	}
}

// setLocked changes the check.
func (b *backend) setLocked(check *plan.HealthCheck, now int64) {
	before := b.check
	b.check = check
	if before.Same(check) {
		return
	}
	b.each(func(p *prober) { p.changedLocked(before, now) })
	b.pairLocked(now)
}

// pairLocked starts or ends the second prober, as the check wants it.
func (b *backend) pairLocked(now int64) {
	switch wanted := b.check.Probers > 1; {
	case wanted && b.second == nil:
		b.second = &prober{backend: b}
		b.second.startLocked(now, b.checker.paceLocked(now)+int64(b.lag()))
	case !wanted && b.second != nil:
		b.second.endLocked()
		b.second = nil
	}
}

// endLocked ends all probes. What is under way is given up, and its result is nobody's.
func (b *backend) endLocked() {
	b.each((*prober).endLocked)
	b.countLocked(isNone)
}

// offset returns the place of a prober within an interval: more than zero, at most the interval, and always the same.
func (b *backend) offset(p *prober) time.Duration {
	interval := b.check.Interval
	place := time.Duration(balance.HashID(b.key.String()) % uint64(interval))
	if p == b.second {
		place = (place + interval/2) % interval
	}
	return 1 + place
}

// lag returns how long after the first prober the second one begins: half an interval, unless that would leave it without any
// result for longer than people watch a new backend.
func (b *backend) lag() time.Duration { return min(b.check.Interval/2, lagMax) }

// lagMax bounds lag.
const lagMax = 5 * time.Second

// sameQuestion says whether two checks ask the same, as opposed to when and how often. When that changes, what was known
// answers another question.
func sameQuestion(a, b *plan.HealthCheck) bool {
	if a == b {
		return true
	}
	one, other := *a, *b
	for _, check := range []*plan.HealthCheck{&one, &other} {
		check.Interval, check.Timeout, check.Healthy, check.Unhealthy, check.Probers, check.StartsDown = 0, 0, 0, 0, 0, false
	}
	return one.Same(&other)
}

// sane returns the check with durations that a timer and a connection can work with.
func sane(check plan.HealthCheck) plan.HealthCheck {
	check.Interval = max(check.Interval, durationMin)
	check.Timeout = max(check.Timeout, durationMin)
	return check
}

// endpoints returns the addresses to probe: a backend's own, on the check's port if it has one.
func endpoints(addrs []netip.AddrPort, port uint16) []netip.AddrPort {
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		if port != 0 {
			a = netip.AddrPortFrom(a.Addr(), port)
		}
		out[i] = a
	}
	return out
}
