package health

import (
	"context"
	"net/netip"
	"time"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
)

// durationMin is the least interval and timeout. Front doors allow no less than 100 ms; this keeps a plan that comes
// from elsewhere from probing without pause.
const durationMin = 10 * time.Millisecond

// A new backend by name has no address for as long as its first lookup takes, usually some milliseconds. Its first
// probe waits that long, looking every addrPoll, before "no address" is a verdict.
const (
	addrWaitMax = 2 * time.Second
	addrPoll    = 50 * time.Millisecond
)

// noAddress is the detail of a backend whose name has never been resolved.
const noAddress = "no address"

// backend is a backend that is probed.
type backend struct {
	// Fixed after start.
	key     plan.BackendKey
	checker *Checker
	cancel  context.CancelFunc
	changed chan struct{} // holds a value when check has changed

	// Owned by run.
	threshold threshold
	reported  state // what the last report said, up or down; unknown before the first

	// Guarded by Checker.mu.
	check   plan.HealthCheck
	applied uint64 // the last plan that had it, by Checker.applied
}

// setLocked changes the check of a running backend.
func (b *backend) setLocked(check plan.HealthCheck) {
	if check == b.check {
		return
	}
	b.check = check
	select {
	case b.changed <- struct{}{}:
	default: // run has not yet looked at the change before; it will see both
	}
}

// current returns the check.
func (b *backend) current() plan.HealthCheck {
	b.checker.mu.Lock()
	defer b.checker.mu.Unlock()
	return b.check
}

// run probes the backend until ctx ends.
//
// The ticker is first set to the backend's place within the interval and then, at its first tick, to the interval
// itself. A probe that takes longer than the interval delays the next one; a second tick missed is dropped.
func (b *backend) run(ctx context.Context) {
	check := b.current()
	ticker := time.NewTicker(b.offset(check.Interval))
	defer ticker.Stop()
	placed := false
	b.awaitAddr(ctx, &check)
	b.probe(ctx, &check)
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.changed:
			before := check
			check = b.current()
			if check.Interval != before.Interval {
				ticker.Reset(b.offset(check.Interval))
				placed = false
			}
			if !sameQuestion(&check, &before) {
				b.threshold.forget()
				b.probe(ctx, &check)
			}
		case <-ticker.C:
			if !placed {
				ticker.Reset(check.Interval)
				placed = true
			}
			b.probe(ctx, &check)
		}
	}
}

// awaitAddr waits until the backend has an address, within limits.
func (b *backend) awaitAddr(ctx context.Context, check *plan.HealthCheck) {
	if len(b.checker.addrs(b.key)) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(check.Timeout, addrWaitMax))
	defer cancel()
	poll := time.NewTicker(addrPoll)
	defer poll.Stop()
	for len(b.checker.addrs(b.key)) == 0 {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
	}
}

// probe probes the backend once and reports what that changed.
func (b *backend) probe(ctx context.Context, check *plan.HealthCheck) {
	endpoints := endpoints(b.checker.addrs(b.key), check.Port)
	var res result
	if len(endpoints) > 0 {
		res = b.checker.probeAny(ctx, b.key.Host, endpoints, check)
	}
	b.checker.mu.Lock()
	defer b.checker.mu.Unlock()
	// Apply and Close cancel under the lock: once they have, this result is nobody's. Neither is it when the
	// question has been changed meanwhile; then run is about to probe what counts now.
	if ctx.Err() != nil || !sameQuestion(&b.check, check) {
		return
	}
	if len(endpoints) == 0 {
		// There is nothing to connect to, so no row of failures is needed, and the first probe is still to come.
		b.threshold.forget()
		b.reportLocked(false, noAddress)
		return
	}
	if res.verdict == unknown {
		return
	}
	b.threshold.set(check.Healthy, check.Unhealthy)
	if changed, isUp := b.threshold.Observe(res.verdict == up); changed {
		b.reportLocked(isUp, res.detail)
	}
}

// reportLocked reports a state if it is news.
func (b *backend) reportLocked(isUp bool, detail string) {
	now := down
	if isUp {
		now = up
	}
	if now != b.reported {
		b.reported = now
		b.checker.report(b.key, isUp, detail)
	}
}

// offset returns the backend's place within an interval: more than zero, at most the interval, and always the same.
func (b *backend) offset(interval time.Duration) time.Duration {
	return 1 + time.Duration(balance.HashID(b.key.String())%uint64(interval))
}

// sameQuestion says whether two checks ask the same, as opposed to when and how often. When that changes, what was known
// answers another question.
func sameQuestion(a, b *plan.HealthCheck) bool {
	return a.Protocol == b.Protocol && a.Port == b.Port && a.Path == b.Path && a.Status == b.Status && a.TLS.Same(b.TLS)
}

// sane returns the check with durations that a ticker and a connection can work with.
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
