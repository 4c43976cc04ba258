package dataplane_test

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

func TestRelayBothWays(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, relayBothWays)
}

func relayBothWays(t *testing.T) {
	e := lulltest.Start(t, lulltest.Plan(lulltest.Echo(t).Addr))
	c := e.Dial()
	c.Ask("hello")
	c.Ask(strings.Repeat("x", 100_000))
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if how, rest := c.End(); how != "eof" || len(rest) != 0 {
		t.Errorf("after FIN: got %s and %d bytes, want eof and none", how, len(rest))
	}
	r := e.NextClose()
	if r.Reason != reason.ClientClosed || r.BytesUp != 100_005 || r.BytesDown != 100_005 {
		t.Errorf("record: got %v, %d up, %d down; want client-closed, 100005 each", r.Reason, r.BytesUp, r.BytesDown)
	}
}

// TestIdleCloseSH_01: a pair on which nothing moves is closed one idle time after its last byte. The idle time becomes
// short only when the bytes have come through: this process may be too busy to move them within a second.
func TestIdleCloseSH_01(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	e := lulltest.Start(t, p)
	c := e.Dial()
	last := now() // before the last byte
	c.Ask("hello")
	e.Changed(p, func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Idle = time.Second })
	changed := now()
	got := <-watch(c)
	if gap := got.at.Sub(last.at); got.how != "eof" || gap < time.Second {
		t.Errorf("client: got %s %v after the last byte, want eof after 1s", got.how, gap)
	}
	if gap, most := got.at.Sub(changed.at), changed.allowed(time.Second+lateMax); gap > most {
		t.Errorf("client: closed %v after the change of the idle time, want %v at most", gap, most)
	}
	r := e.NextClose()
	if r.Reason != reason.TunnelIdle || r.Timer != "idle" || r.Setting != time.Second {
		t.Errorf("record: got %v by %s=%v", r.Reason, r.Timer, r.Setting)
	}
}

func TestBulkBothWays(t *testing.T) {
	busy(t)
	lulltest.OnWires(t, bulkBothWays)
}

func bulkBothWays(t *testing.T) {
	size := int64(16 << 20)
	if lulltest.WireOf(t).Front() {
		size = 4 << 20
	}
	// It reads to the end: over TLS that is more than the client's bytes. Where a backend has shut down both directions, its kernel answers
	// a closure alert with an RST, and drops what it has still to send.
	received := make(chan int64, 1)
	backend := lulltest.ServeConn(t, func(c *lulltest.Conn) {
		all := make(chan struct{})
		go func() {
			defer close(all)
			n, _ := io.Copy(io.Discard, c)
			received <- n
		}()
		_, _ = io.CopyN(c, zeros{}, size)
		_ = c.CloseWrite()
		<-all
	})
	e := lulltest.Start(t, lulltest.Plan(backend.Addr))
	c := e.Dial()
	go func() { _, _ = io.CopyN(c, zeros{}, size); _ = c.CloseWrite() }()
	how, data := c.End()
	if how != "eof" || int64(len(data)) != size {
		t.Errorf("client: got %s, %d bytes", how, len(data))
	}
	if n := <-received; n != size {
		t.Errorf("backend: got %d bytes", n)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestHealthChangesAreRemembered: each change of what health checks say is, what they say again is not, and neither is what they say of a
// backend that the plan does not have.
func TestHealthChangesAreRemembered(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	lulltest.Set(p).HealthCheck = &plan.HealthCheck{StartsDown: true} // nobody looks
	e := lulltest.Start(t, p)
	key := lulltest.Set(p).Backends[0].Key
	other := key
	other.Host = "192.0.2.1"
	for _, said := range []struct {
		key plan.BackendKey
		up  bool
	}{{key, true}, {key, false}, {other, false}, {key, false}, {key, true}} {
		e.SetStatus(said.key, said.up, "said")
	}
	var got []bool
	for _, c := range lulltest.Recorded(e.HealthChanges()) {
		if got = append(got, c.Up); c.LoadBalancer != key.Set.LoadBalancer || c.Set != key.Set.Name || c.Backend != key.Endpoint() || c.Detail != "said" || c.At.IsZero() {
			t.Errorf("got %+v", c)
		}
	}
	if want := []bool{false, true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
