package lulltest

import (
	"context"
	"net/netip"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
)

// HTTPKey is the key of the one listener of HTTPPlan.
//
//nolint:gochecknoglobals // a constant, but for Go's type system
var HTTPKey = plan.ListenerKey{LoadBalancer: "lb", Name: "http"}

// HTTPPlan returns a plan with one HTTP listener of that timeout model on a free port of 127.0.0.1 before the backends,
// with the model's defaults. No timer of them fires within a test's Patience.
func HTTPPlan(m timeout.Model, backends ...netip.AddrPort) *plan.Plan {
	p := Plan(backends...)
	l := Listener(p)
	l.Key, l.Protocol, l.Timeouts = HTTPKey, plan.HTTP, HTTPTimeouts(m)
	l.Desync, l.HeadMax, l.StaleRetry = http1.Defensive, plan.HeadMaxDefault, true
	if m == timeout.Shared {
		l.QueueMax = plan.QueueMaxShared
	}
	return p
}

// HTTPTimeouts returns the settings that an HTTP listener has by default.
func HTTPTimeouts(m timeout.Model) timeout.Settings {
	s := Timeouts(timeout.IdleDefaultShared)
	if s.Model = m; m == timeout.Directional {
		s.Idle = timeout.IdleDefaultDirectionalHTTP
		s.FrontKeepalive, s.FrontRequestsMax = timeout.FrontKeepaliveDefault, timeout.FrontRequestsMaxDefault
		s.BackKeepalive = timeout.BackKeepaliveDefault
	}
	return s
}

// AddHTTPListener adds an HTTP listener like the plan's first, with a backend set of its own, to a plan made by HTTPPlan.
func AddHTTPListener(p *plan.Plan, name string, backends ...netip.AddrPort) *plan.Listener {
	first := Listener(p)
	l := AddListener(p, name, backends...)
	l.Protocol, l.Desync, l.HeadMax, l.StaleRetry, l.QueueMax = first.Protocol, first.Desync, first.HeadMax, first.StaleRetry, first.QueueMax
	return l
}

// DialHTTP connects to the listener of HTTPPlan.
func (e *Engine) DialHTTP() *HTTPConn {
	e.t.Helper()
	return HTTP(Dial(e.t, e.Local(HTTPKey)))
}

// FollowExchanges has every exchange remembered from now on, as lull does while somebody follows.
func (e *Engine) FollowExchanges() { e.t.Cleanup(e.Exchanges().Want()) }

// NextExchange returns the record of the next exchange that ends. Without FollowExchanges only troubled ones have any.
func (e *Engine) NextExchange() record.Exchange {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := e.Exchanges().Wait(ctx, e.exchanges); err != nil {
		e.t.Fatalf("no exchange ended within %v", Patience)
	}
	var one [1]record.Exchange
	_, e.exchanges, _ = e.Exchanges().Read(e.exchanges, one[:])
	return one[0]
}

// ExchangeOf returns the record of a client connection's exchange of that number, once it has ended.
func (e *Engine) ExchangeOf(c *HTTPConn, number int) (found record.Exchange) {
	e.t.Helper()
	if !Eventually(func() bool {
		for _, x := range Recorded(&e.Exchanges().Ring) {
			if x.Number == number && c.IsOf(&x.Ends) {
				found = x
				return true
			}
		}
		return false
	}) {
		e.t.Fatalf("there is no record of exchange %d of the connection from %v", number, c.LocalAddr())
	}
	return found
}

// CloseOf returns the record of a client's connection, once it has ended.
func (e *Engine) CloseOf(c *HTTPConn) (found record.Close) {
	e.t.Helper()
	if !Eventually(func() bool {
		for _, r := range Recorded(&e.Log().Ring) {
			if c.IsOf(&r.Ends) {
				found = r
				return true
			}
		}
		return false
	}) {
		e.t.Fatalf("there is no record of the connection from %v", c.LocalAddr())
	}
	return found
}

// PoolCloses returns the records of that many back-end connections that ended in the pool, once there are so many.
func (e *Engine) PoolCloses(n int) (found []record.Close) {
	e.t.Helper()
	if !Eventually(func() bool {
		found = nil
		for _, r := range Recorded(&e.Log().Ring) {
			if r.Pooled {
				found = append(found, r)
			}
		}
		return len(found) >= n
	}) {
		e.t.Fatalf("ends of pooled connections: got %d, want %d", len(found), n)
	}
	return found
}

// Recorded returns what a ring of records remembers.
func Recorded[T any](r *record.Ring[T]) []T {
	all := make([]T, r.Next())
	n, _, _ := r.Read(0, all)
	return all[:n]
}

// StateOf returns the open connection of a client as lull lists it; ok is false if there is none.
func (e *Engine) StateOf(c *HTTPConn) (live record.Live, ok bool) {
	e.t.Helper()
	for _, l := range e.Live() {
		if c.IsOf(&l.Ends) {
			return l, true
		}
	}
	return record.Live{}, false
}

// WaitState waits until a client's connection is in that state.
func (e *Engine) WaitState(c *HTTPConn, state string) record.Live {
	e.t.Helper()
	var live record.Live
	if !Eventually(func() bool {
		live, _ = e.StateOf(c)
		return live.State == state
	}) {
		e.t.Fatalf("connection from %v: got state %q, want %q", c.LocalAddr(), live.State, state)
	}
	return live
}

// WaitPooled waits until that many back-end connections are in the pools.
func (e *Engine) WaitPooled(n int) {
	e.t.Helper()
	if !Eventually(func() bool { return e.Stats().Pooled == n }) {
		e.t.Fatalf("pooled connections: got %d, want %d", e.Stats().Pooled, n)
	}
}
