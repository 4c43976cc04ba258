package health

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"lull/internal/dataplane/plan"
)

// probe asks one address whether it is well, and returns nil if it is. Each kind of check is one, in a file of its own.
//
// host is the backend's address as it was configured, a name perhaps. ctx ends with the check's timeout. The text of an
// error is what people read as the backend's state. A probe that could not be made for want of something on this machine
// returns an error that wraps errNotMade.
type probe func(ctx context.Context, host string, to netip.AddrPort, check *plan.HealthCheck) error

// errNotMade marks a probe that says nothing about the backend. To count it as a failure would take every backend out
// at the moment at which this process has run out of descriptors.
var errNotMade = errors.New("probe not made")

// result is what the probes of a backend's addresses came to.
type result struct {
	verdict state // unknown: no probe could be made
	detail  string
}

// probeAny probes all addresses of a backend at the same time, each with the whole timeout, and goes by the first that
// answers; the others are then given up. One address after the other would divide the timeout among them, and a first
// address that does not answer would make the rest look slow.
func (c *Checker) probeAny(ctx context.Context, host string, endpoints []netip.AddrPort, check *plan.HealthCheck) result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type outcome struct {
		index int
		err   error
	}
	done := make(chan outcome, len(endpoints))
	for i, to := range endpoints {
		go func() { done <- outcome{i, c.probeOne(ctx, host, to, check)} }()
	}
	errs := make([]error, len(endpoints))
	isUp := false
	for range endpoints { // waits for all, so that none outlives Close
		out := <-done
		errs[out.index] = out.err
		if out.err == nil {
			isUp = true
			cancel()
		}
	}
	if isUp {
		return result{up, passed(check)}
	}
	return failure(endpoints, errs)
}

// probeOne probes one address when it is its turn.
func (c *Checker) probeOne(ctx context.Context, host string, to netip.AddrPort, check *plan.HealthCheck) error {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.slots }()
	ctx, cancel := context.WithTimeout(ctx, check.Timeout)
	defer cancel()
	return c.probes[check.Protocol](ctx, host, to, check)
}

// passed says in a word or two what a probe that passed has seen.
func passed(check *plan.HealthCheck) string {
	if check.Protocol == plan.CheckHTTP {
		return "answered " + strconv.Itoa(check.Status)
	}
	if check.TLS != nil {
		return "connected over TLS"
	}
	return "connected"
}

// failure sums up probes that all failed: in the words of the first, with a count of the others.
func failure(endpoints []netip.AddrPort, errs []error) result {
	failed, first := 0, -1
	for i, err := range errs {
		if !errors.Is(err, errNotMade) {
			failed++
			if first < 0 {
				first = i
			}
		}
	}
	switch failed {
	case 0:
		return result{verdict: unknown}
	case 1:
		return result{down, errs[first].Error()}
	default:
		return result{down, fmt.Sprintf("%v at %s, and %d more of its addresses failed",
			errs[first], endpoints[first], failed-1)}
	}
}
