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
// error is what people read as the backend's state, and it has a code (coded). A probe that could not be made for want of
// something on this machine returns an error that wraps errNotMade.
type probe func(ctx context.Context, host string, to netip.AddrPort, check *plan.HealthCheck) error

// errNotMade marks a probe that says nothing about the backend. To count it as a failure would take every backend out
// at the moment at which this process has run out of descriptors.
var errNotMade = errors.New("probe not made")

// result is what the probes of a backend's addresses came to.
type result struct {
	verdict state // unknown: no probe could be made
	outcome outcome
}

// round is the probes of all addresses of a backend, each with the whole timeout. It goes by the first that
// answers; the others are then given up. One address after the other would divide the timeout among them, and a first
// address that does not answer would make the rest look slow.
type round struct {
	// Fixed after newRound.
	check     *plan.HealthCheck
	endpoints []netip.AddrPort
	ctx       context.Context // ends with the round, and with the interest in it
	cancel    context.CancelFunc

	// Guarded by Checker.mu.
	errs []error // of those that are done
	left int     // that are not; none outlives Close
	isUp bool
}

// newRound returns a round of which nothing is done.
func newRound(check *plan.HealthCheck, endpoints []netip.AddrPort) *round {
	ctx, cancel := context.WithCancel(context.Background())
	return &round{
		check: check, endpoints: endpoints, ctx: ctx, cancel: cancel,
		errs: make([]error, len(endpoints)), left: len(endpoints),
	}
}

// doneLocked takes the result of an address and says whether it is the last.
func (r *round) doneLocked(index int, err error) bool {
	r.errs[index] = err
	r.left--
	if err == nil {
		r.isUp = true
	}
	if r.isUp || r.left == 0 {
		r.cancel()
	}
	return r.left == 0
}

// result sums up a round that is done.
func (r *round) result() result {
	if r.isUp {
		return result{up, outcome{code: OK, detail: passed(r.check)}}
	}
	return failure(r.endpoints, r.errs)
}

// OnConnectFailed has a function called for each probe whose connection did not come about, within its timeout or at all, its TLS
// handshake included. It is called on the probes' own goroutines, several at once, and must not block. It is to be given before the first plan.
func (c *Checker) OnConnectFailed(f func(plan.BackendKey)) { c.connectFailed = f }

// probeOne probes one address of a round.
func (c *Checker) probeOne(r *round, index int, key plan.BackendKey) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.ctx, r.check.Timeout)
	defer cancel()
	err := c.probes[r.check.Protocol](ctx, key.Host, r.endpoints[index], r.check)
	if c.connectFailed != nil && noConnection(err) && r.ctx.Err() == nil { // one that was given up says nothing
		c.connectFailed(key)
	}
	return err
}

// unconnected is why there was no connection to ask the backend on.
type unconnected struct{ error }

// Unwrap returns the cause.
func (u unconnected) Unwrap() error { return u.error }

// noConnection reports whether the backend is why there was none.
func noConnection(err error) bool {
	var u unconnected
	return errors.As(err, &u) && !errors.Is(err, errNotMade)
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
	if failed == 0 {
		return result{verdict: unknown}
	}
	detail := errs[first].Error()
	if failed > 1 {
		detail = fmt.Sprintf("%s at %s, and %d more of its addresses failed", detail, endpoints[first], failed-1)
	}
	return result{down, outcome{code: codeOf(errs[first]), detail: detail}}
}
