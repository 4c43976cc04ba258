package lulltest

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
)

// Patience is how long a test waits for something that should happen at once.
const Patience = 10 * time.Second

// Key is the key of the one listener of Plan.
//
//nolint:gochecknoglobals // a constant, but for Go's type system
var Key = plan.ListenerKey{LoadBalancer: "lb", Name: "tcp"}

// Plan returns a plan with one TCP listener on a free port of 127.0.0.1 before the backends, with defaults.
func Plan(backends ...netip.AddrPort) *plan.Plan {
	setKey := plan.SetKey{LoadBalancer: "lb", Name: "set"}
	set := &plan.BackendSet{Key: setKey}
	for _, b := range backends {
		set.Backends = append(set.Backends, plan.Backend{
			Key: plan.BackendKey{Set: setKey, Host: b.Addr().String(), Port: b.Port()}, Weight: 1,
		})
	}
	listener := &plan.Listener{
		Key: Key, Address: netip.MustParseAddrPort("127.0.0.1:0"), BackendSet: set, Timeouts: Timeouts(60 * time.Second),
	}
	return &plan.Plan{LoadBalancers: []*plan.LoadBalancer{{
		Name: "lb", Origin: "test", Listeners: []*plan.Listener{listener}, BackendSets: []*plan.BackendSet{set},
	}}}
}

// Timeouts returns default settings with that idle timeout.
func Timeouts(idle time.Duration) timeout.Settings {
	return timeout.Settings{
		Idle: idle, Connect: timeout.ConnectDefault, Handshake: timeout.HandshakeDefault,
		RequestHead: timeout.RequestHeadDefault, Drain: timeout.DrainDefault,
	}
}

// Listener returns the one listener of a plan made by Plan.
func Listener(p *plan.Plan) *plan.Listener { return p.LoadBalancers[0].Listeners[0] }

// Set returns its backend set.
func Set(p *plan.Plan) *plan.BackendSet { return p.LoadBalancers[0].BackendSets[0] }

// Engine is an engine under test.
type Engine struct {
	*dataplane.Engine
	t         testing.TB
	cursor    uint64 // of NextClose
	exchanges uint64 // of NextExchange
}

// Start starts an engine with two loops and applies the plan.
func Start(t testing.TB, p *plan.Plan) *Engine {
	t.Helper()
	return StartWith(t, dataplane.Options{Loops: 2}, p)
}

// StartWith is Start with options.
func StartWith(t testing.TB, o dataplane.Options, p *plan.Plan) *Engine {
	t.Helper()
	inner, err := dataplane.New(o)
	if err != nil {
		t.Fatalf("start engine: %v", err)
	}
	e := &Engine{Engine: inner, t: t}
	t.Cleanup(e.finish)
	if err := e.Apply(p); err != nil {
		t.Fatalf("apply plan: %v", err)
	}
	return e
}

// Apply applies a plan, secured as the test's wire wants.
func (e *Engine) Apply(p *plan.Plan) error {
	WireOf(e.t).secure(p)
	return e.Engine.Apply(p)
}

// finish waits until the engine holds nothing any more. It is registered before any client or backend, so those
// are closed first.
func (e *Engine) finish() {
	if !Eventually(func() bool { return e.Held().Idle() }) {
		e.t.Errorf("leak: the engine still holds %+v", e.Held())
	}
	e.Close()
}

// Addr returns where the listener of Plan listens.
func (e *Engine) Addr() netip.AddrPort { return e.Local(Key) }

// Dial connects to the listener of Plan.
func (e *Engine) Dial() *Conn {
	e.t.Helper()
	return Dial(e.t, e.Addr())
}

// NextClose returns the record of the next connection that ends.
func (e *Engine) NextClose() record.Close {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := e.Log().Wait(ctx, e.cursor); err != nil {
		e.t.Fatalf("no connection ended within %v", Patience)
	}
	var one [1]record.Close
	_, e.cursor, _ = e.Log().Read(e.cursor, one[:])
	return one[0]
}

// Live returns the open connections.
func (e *Engine) Live() []record.Live {
	e.t.Helper()
	var all []record.Live
	err := e.Conns(context.Background(), func(batch []record.Live) error {
		all = append(all, batch...)
		return nil
	})
	if err != nil {
		e.t.Fatalf("list connections: %v", err)
	}
	return all
}

// WaitOpen waits until that many connections relay.
func (e *Engine) WaitOpen(n int) {
	e.t.Helper()
	relaying := func() (count int) {
		for _, l := range e.Live() {
			if l.State == "relaying" {
				count++
			}
		}
		return count
	}
	if !Eventually(func() bool { return relaying() == n }) {
		e.t.Fatalf("relaying connections: got %d, want %d", relaying(), n)
	}
}

// Eventually polls until f holds, for as long as Patience; it reports whether it came to hold.
func Eventually(f func() bool) bool { return EventuallyIn(Patience, f) }

// EventuallyIn is Eventually with a limit of its own.
func EventuallyIn(limit time.Duration, f func() bool) bool {
	deadline := time.Now().Add(limit)
	for !f() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

// Within asks again and again, which may be a request each time, until there is no complaint any more.
func Within(t testing.TB, limit time.Duration, complaint func() string) {
	t.Helper()
	const pause = 10 * time.Millisecond
	for deadline := time.Now().Add(limit); ; time.Sleep(pause) {
		text := complaint()
		if text == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", limit, text)
		}
	}
}

// Closed reports whether the error is what a peer sees of a FIN ("eof"), an RST ("reset"), or something else.
func Closed(err error) string {
	switch {
	case err == nil:
		return "open"
	case isEOF(err):
		return "eof"
	case isReset(err):
		return "reset"
	}
	var timeoutError net.Error
	if asNetError(err, &timeoutError) && timeoutError.Timeout() {
		return "timeout"
	}
	return err.Error()
}
