package dataplane_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// occupied returns a plan like p with one more listener, on an address that somebody else has.
func occupied(t *testing.T, p *plan.Plan) *plan.Plan {
	t.Helper()
	next := lulltest.Copy(p)
	lulltest.AddListener(next, "taken", lulltest.Refused(t)).Address = lulltest.Sink(t).Addr
	return next
}

// TestPlanRefused: a plan with a port that cannot be bound changes nothing, whatever else it says.
func TestPlanRefused(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	lulltest.AddListener(p, "second", lulltest.Echo(t).Addr)
	e := lulltest.Start(t, p)
	second := plan.ListenerKey{LoadBalancer: "lb", Name: "second"}
	old := e.Local(second)
	c := e.Dial()
	c.Ask("before")
	revision, held := e.Stats().PlanRevision, e.Held()

	fresh := freeAddress(t, "127.81.4.1")
	next := lulltest.Copy(p)
	lulltest.AddListener(next, "fresh", lulltest.Refused(t)).Address = fresh // it can be bound, and comes before
	next = occupied(t, next)
	lb := next.LoadBalancers[0]
	lulltest.Listener(next).Timeouts.Idle = time.Nanosecond
	lulltest.Set(next).Backends = nil
	lb.Listeners = append(lb.Listeners[:1], lb.Listeners[2:]...) // without the second
	err := e.Apply(next)
	if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), "lb/taken") {
		t.Fatalf("apply: got %v, want an error that names lb/taken and says: address already in use", err)
	}
	if got := e.Held(); got != held {
		t.Errorf("held after the refusal: got %+v, want %+v", got, held)
	}
	if got := e.Stats().PlanRevision; got != revision {
		t.Errorf("revision: got %d, want %d", got, revision)
	}
	if n, err := net.DialTimeout("tcp", fresh.String(), time.Second); err == nil {
		_ = n.Close()
		t.Error("a new listener of the refused plan listens")
	}
	c.Ask("after")
	e.Dial().Ask("a new connection")
	if e.Local(second) != old {
		t.Errorf("the second listener is at %v, want %v", e.Local(second), old)
	}
	lulltest.Dial(t, old).Ask("the second listener")
}

// TestPlanRefusedKeepsCounters: a refused plan that brings a removed listener back leaves the counters of its open
// connections alone.
func TestPlanRefusedKeepsCounters(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	e := lulltest.Start(t, p)
	c := e.Dial()
	c.Ask("hello")
	without := lulltest.Copy(p)
	without.LoadBalancers[0].Listeners = nil
	if err := e.Apply(without); err != nil {
		t.Fatal(err)
	}
	if err := e.Apply(occupied(t, p)); err == nil {
		t.Fatal("apply: want a refusal")
	}
	if l, ok := totalsOf(e, lulltest.Key); !ok || l.Active != 1 || l.BytesUp != 5 {
		t.Errorf("counters after the refusal: got %+v, %v, want 1 active, 5 bytes up", l, ok)
	}
	if err := e.Apply(lulltest.Copy(p)); err != nil {
		t.Fatal(err)
	}
	c.Ask("again")
	if l, ok := totalsOf(e, lulltest.Key); !ok || l.Active != 1 || l.BytesUp != 10 {
		t.Errorf("counters after its return: got %+v, %v, want 1 active, 10 bytes up", l, ok)
	}
	if n := len(e.Stats().Listeners); n != 1 {
		t.Errorf("listeners counted: got %d, want 1", n)
	}
}

// keepDialing has a client for each address connect again and again until stop, and each time wants the name of a backend, one or two.
func keepDialing(t *testing.T, addresses ...netip.AddrPort) (stop func() (dials int64)) {
	t.Helper()
	over := make(chan struct{})
	var clients sync.WaitGroup
	var dials atomic.Int64
	for _, to := range addresses {
		clients.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				c, err := net.DialTimeout("tcp", to.String(), lulltest.Patience)
				if err != nil {
					t.Errorf("dial %s during changes: %v", to, err)
					return
				}
				_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
				var got [3]byte
				if _, err := c.Read(got[:]); err != nil || string(got[:]) != "one" && string(got[:]) != "two" {
					t.Errorf("during changes %s answered %q, %v", to, got, err)
				}
				_ = c.Close()
				dials.Add(1)
			}
		})
	}
	return func() int64 {
		close(over)
		clients.Wait()
		return dials.Load()
	}
}

// TestAddressSwap: two listeners exchange addresses. The sockets stay, so nobody who connects meanwhile is refused.
func TestAddressSwap(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Named(t, "one").Addr)
	two := lulltest.AddListener(p, "two", lulltest.Named(t, "two").Addr)
	a, b := freeAddress(t, "127.81.1.1"), freeAddress(t, "127.81.1.2")
	lulltest.Listener(p).Address, two.Address = a, b
	e := lulltest.Start(t, p)
	name, before := nameOf(t, a)
	if name != "one" {
		t.Fatalf("before the swap %v is %q, want one", a, name)
	}
	stop := keepDialing(t, a, b)
	current := p
	for range 21 {
		current = e.Changed(current, func(p *plan.Plan) {
			ls := p.LoadBalancers[0].Listeners
			ls[0].Address, ls[1].Address = ls[1].Address, ls[0].Address
		})
	}
	stop()
	if name, _ := nameOf(t, a); name != "two" {
		t.Errorf("after the swap %v is %q, want two", a, name)
	}
	if name, _ := nameOf(t, b); name != "one" {
		t.Errorf("after the swap %v is %q, want one", b, name)
	}
	if how, _ := before.EndWithin(20 * time.Millisecond); how != "timeout" {
		t.Errorf("a connection from before the swap: %s, want it open", how)
	}
}

// TestAddressWidened: a listener that moves between one address and all of them keeps its port, which its own old socket
// must not hold against it; afterwards only the new one is there, and no connection has noticed.
func TestAddressWidened(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Named(t, "one").Addr)
	narrow := freeAddress(t, "127.81.2.1")
	wide := netip.AddrPortFrom(netip.IPv4Unspecified(), narrow.Port())
	lulltest.Listener(p).Address = narrow
	e := lulltest.Start(t, p)
	_, before := nameOf(t, narrow)
	current := p
	for _, address := range []netip.AddrPort{wide, narrow} {
		current = e.Changed(current, func(p *plan.Plan) { lulltest.Listener(p).Address = address })
		for range 8 { // enough that a socket left behind on either loop would get one
			if name, _ := nameOf(t, narrow); name != "one" {
				t.Fatalf("listening on %v, %v is %q, want one", address, narrow, name)
			}
		}
	}
	if c, err := net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.81.2.2"), narrow.Port()).String()); err == nil {
		_ = c.Close()
		t.Errorf("back on %v it still accepts on another address", narrow)
	}
	if how, _ := before.EndWithin(20 * time.Millisecond); how != "timeout" {
		t.Errorf("a connection from before: %s, want it open", how)
	}
}

// TestAddressWidenedServes: nobody who connects while a listener moves between one address and all of them is refused or reset. The
// kernel has chosen a socket for each of them when it answers the SYN, and that one may be about to close.
func TestAddressWidenedServes(t *testing.T) {
	t.Parallel()
	const moves = 60
	p := lulltest.Plan(lulltest.Named(t, "one").Addr)
	narrow := freeAddress(t, "127.81.2.3")
	wide := netip.AddrPortFrom(netip.IPv4Unspecified(), narrow.Port())
	lulltest.Listener(p).Address = narrow
	e := lulltest.Start(t, p)
	stop := keepDialing(t, narrow, narrow, narrow, narrow)
	current := p
	for range moves / 2 {
		for _, address := range []netip.AddrPort{wide, narrow} {
			current = e.Changed(current, func(p *plan.Plan) { lulltest.Listener(p).Address = address })
		}
	}
	t.Logf("%d moves, %d connections", moves, stop())
}

// TestListenerRemoved: the socket is closed at once, open connections have their drain time.
func TestListenerRemoved(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		t.Run(fmt.Sprintf("back-%v", back), func(t *testing.T) {
			t.Parallel()
			const drain = 800 * time.Millisecond
			p := lulltest.Plan(lulltest.Echo(t).Addr)
			lulltest.Listener(p).Address = freeAddress(t, "127.81.2.1")
			lulltest.Listener(p).Timeouts.Drain = drain
			e := lulltest.Start(t, p)
			addr := e.Addr()
			c := e.Dial()
			c.Ask("before")
			start := time.Now()
			e.Changed(p, func(p *plan.Plan) { p.LoadBalancers[0].Listeners = nil })
			if n, err := net.DialTimeout("tcp", addr.String(), time.Second); err == nil {
				_ = n.Close()
				t.Error("a removed listener still accepts")
			}
			c.Ask("draining")
			if back {
				if err := e.Apply(lulltest.Copy(p)); err != nil {
					t.Fatal(err)
				}
				if how, _ := c.EndWithin(drain + 200*time.Millisecond); how != "timeout" {
					t.Fatalf("after the listener's return: %s, want the connection open", how)
				}
				c.Ask("after")
				return
			}
			how, _ := c.End()
			if took := time.Since(start); how != "eof" || took < drain || took > drain+2*time.Second {
				t.Errorf("the connection ended with %s after %v, want eof after %v", how, took, drain)
			}
			if r := e.NextClose(); r.Reason != reason.ListenerRemoved || r.Timer != "drain" || r.Setting != drain {
				t.Errorf("record: got %v by %s=%v", r.Reason, r.Timer, r.Setting)
			}
		})
	}
}

// TestBackendLeaves: what a backend that is removed, offline or draining means to its connections and to new ones.
func TestBackendLeaves(t *testing.T) {
	t.Parallel()
	const drain = time.Second
	tests := []struct {
		name   string
		change func(*plan.BackendSet)
		back   bool          // it returns before the drain time is over
		why    reason.Reason // how the open connection ends; None: it stays
	}{
		{"removed", func(s *plan.BackendSet) { s.Backends = s.Backends[1:] }, false, reason.DrainTimeout},
		{"removed-and-back", func(s *plan.BackendSet) { s.Backends = s.Backends[1:] }, true, reason.None},
		{"offline", func(s *plan.BackendSet) { s.Backends[0].Offline = true }, false, reason.BackendOffline},
		{"offline-and-back", func(s *plan.BackendSet) { s.Backends[0].Offline = true }, true, reason.None},
		{"draining", func(s *plan.BackendSet) { s.Backends[0].Drain = true }, false, reason.None},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := lulltest.Plan(lulltest.Named(t, "old").Addr, lulltest.Named(t, "new").Addr)
			lulltest.Listener(p).Timeouts.Drain = drain
			e := lulltest.Start(t, p)
			var c *lulltest.Conn
			for name := ""; name != "old"; {
				name, c = nameOf(t, e.Addr())
			}
			start := time.Now()
			e.Changed(p, func(p *plan.Plan) { tt.change(lulltest.Set(p)) })
			if tt.back {
				if err := e.Apply(lulltest.Copy(p)); err != nil {
					t.Fatal(err)
				}
			} else if got := spread(t, e, 6); got["new"] != 6 {
				t.Errorf("new connections went to %v, want all to the new one", got)
			}
			if tt.why == reason.None {
				if how, _ := c.EndWithin(drain + 300*time.Millisecond); how != "timeout" {
					t.Errorf("the open connection: %s, want it open", how)
				}
				return
			}
			how, _ := c.End()
			if took := time.Since(start); how != "eof" || took < drain || took > drain+2*time.Second {
				t.Errorf("the open connection ended with %s after %v, want eof after %v", how, took, drain)
			}
			for _, r := range closes(e, 1) {
				if r.Reason != tt.why || r.Timer != "drain" {
					t.Errorf("record: got %v by %q, want %v by drain", r.Reason, r.Timer, tt.why)
				}
			}
		})
	}
}

// TestUnaffected (a property): live connections of a listener that no change concerns notice nothing while plans come
// and go, good ones and bad ones, and new ones to it are never refused.
func TestUnaffected(t *testing.T) {
	t.Parallel()
	const clients, changes = 8, 50
	random := seeded(t)
	echo, other := lulltest.Echo(t), lulltest.Named(t, "x")
	p := lulltest.Plan(echo.Addr)
	lulltest.Listener(p).Address = freeAddress(t, "127.81.3.1")
	e := lulltest.Start(t, p)
	stop := make(chan struct{})
	var traffic sync.WaitGroup
	for range clients {
		c, seed := e.Dial(), random.Uint64()
		traffic.Go(func() {
			if err := echoing(c, seed, stop); err != nil {
				t.Errorf("an unconcerned connection: %v", err)
			}
		})
	}
	var fresh atomic.Int64
	to := e.Addr().String()
	traffic.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			c, err := net.DialTimeout("tcp", to, lulltest.Patience)
			if err != nil {
				t.Errorf("a new connection: %v", err)
				return
			}
			ended := make(chan struct{})
			time.AfterFunc(5*time.Millisecond, func() { close(ended) })
			if err := echoing(c, 1, ended); err != nil {
				t.Errorf("a new connection: %v", err)
			}
			_ = c.Close()
			fresh.Add(1)
		}
	})
	current, refused := p, 0
	for i := range changes {
		next := lulltest.Copy(current)
		mutate(random, next, echo, other)
		if random.IntN(5) == 0 {
			refused++
			if err := e.Apply(occupied(t, next)); err == nil {
				t.Fatal("a plan with an occupied port was not refused")
			}
			continue
		}
		if err := e.Apply(next); err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
		current = next
		if _, err := allConns(e); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	traffic.Wait()
	if fresh.Load() == 0 {
		t.Error("no new connection was tried")
	}
	t.Logf("%d changes, %d refused, %d new connections", changes, refused, fresh.Load())
}

// mutate changes a plan at random, but nothing that concerns open connections of its first listener.
func mutate(random *rand.Rand, p *plan.Plan, echo, other *lulltest.Server) {
	lb := p.LoadBalancers[0]
	set := lulltest.Set(p)
	switch random.IntN(7) {
	case 0: // another listener comes
		lulltest.AddListener(p, fmt.Sprintf("extra%d", random.Uint32()), other.Addr)
	case 1: // one goes
		if n := len(lb.Listeners); n > 1 {
			lb.Listeners, lb.BackendSets = lb.Listeners[:n-1], lb.BackendSets[:n-1]
		}
	case 2: // the settings of another
		lb.Listeners[len(lb.Listeners)-1].Timeouts.Drain = time.Duration(1 + random.IntN(int(time.Second)))
	case 3: // longer life
		lulltest.Listener(p).Timeouts.Idle += time.Second
	case 4: // the policy
		set.Policy = plan.Policy(random.IntN(4))
	case 5: // a second backend comes or goes: its name is another, so its key is
		if len(set.Backends) > 1 {
			set.Backends = set.Backends[:1]
			return
		}
		b := set.Backends[0]
		b.Key.Host = "localhost" // never resolved: takes nothing
		set.Backends = append(set.Backends, b)
	case 6: // limits and weights
		set.Backends[0].Weight = 1 + random.IntN(100)
		set.Backends[0].ConnectionsMax = random.IntN(2) * 1000
	}
	_ = echo
}

// TestDrainAndClose from several goroutines, with plan changes, listings and clients that come and go at the same time:
// everything returns, every client is told.
func TestDrainAndClose(t *testing.T) {
	t.Parallel()
	for _, closeSoon := range []bool{false, true} {
		t.Run(fmt.Sprintf("close-soon-%v", closeSoon), func(t *testing.T) {
			t.Parallel()
			p := lulltest.Plan(lulltest.Echo(t).Addr)
			lulltest.Listener(p).Timeouts.Drain = 200 * time.Millisecond
			e := lulltest.Start(t, p)
			addr := e.Addr().String()
			var clients []*lulltest.Conn
			for range 10 {
				c := e.Dial()
				c.Ask("hello")
				clients = append(clients, c)
			}
			within(t, "drain and close", func() {
				inParallel(10, func(i int) {
					switch i {
					case 0, 1, 2:
						ctx, cancel := context.WithTimeout(context.Background(), lulltest.Patience)
						defer cancel()
						if err := e.Drain(ctx); err != nil {
							t.Errorf("drain: %v", err)
						}
					case 3:
						for range 20 {
							_ = e.Apply(lulltest.Copy(p)) // refused from the moment the drain begins
						}
					case 4:
						for range 50 {
							if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
								_ = c.Close()
							}
						}
					case 5, 6:
						for range 20 {
							_, _ = allConns(e)
							_, _ = e.Stats(), e.Held()
						}
					case 7, 8:
						if closeSoon {
							e.Close()
						}
					}
				})
				e.Close()
			})
			for _, c := range clients {
				if how, _ := c.End(); how != "eof" {
					t.Errorf("a client saw %s, want eof", how)
				}
			}
			ends := map[reason.Reason]int{} // those of the clients that came and went are among them
			for _, r := range closes(e, int(e.Stats().RecordsAppended)) {
				ends[r.Reason]++
			}
			if ends[reason.Shutdown] < len(clients) {
				t.Errorf("ends: got %v, want at least %d of shutdown", ends, len(clients))
			}
			if _, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
				t.Error("a closed engine still accepts")
			}
			if err := e.Apply(lulltest.Copy(p)); err == nil {
				t.Error("a closed engine took a plan")
			}
			if _, err := allConns(e); err != nil {
				t.Errorf("listing a closed engine: %v", err)
			}
		})
	}
}

// TestDrainKeepsEarlierEnd: an end that was set before the drain is not put off by it.
func TestDrainKeepsEarlierEnd(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	lulltest.Listener(p).Timeouts.Drain = 2 * time.Second
	e := lulltest.Start(t, p)
	c := e.Dial()
	c.Ask("hello")
	start := time.Now()
	e.Changed(p, func(p *plan.Plan) { p.LoadBalancers[0].Listeners = nil })
	if how, _ := c.EndWithin(500 * time.Millisecond); how != "timeout" {
		t.Fatalf("the connection: %s, want it open", how)
	}
	if err := e.Drain(context.Background()); err != nil {
		t.Errorf("drain: %v", err)
	}
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("ended %v after the listener's removal, want 2 s", took)
	}
	expectCloses(t, e, 1, reason.ListenerRemoved) // a drain that put it off would end it itself
	if !e.Held().Idle() {
		t.Errorf("held after the drain: %+v", e.Held())
	}
}

// TestCloseEndsHandedOver: a connection that one loop has accepted for another while the engine closes is ended too.
func TestCloseEndsHandedOver(t *testing.T) {
	t.Parallel()
	for range 10 {
		p := lulltest.Plan(lulltest.Echo(t).Addr)
		e := lulltest.Start(t, p)
		var clients []*lulltest.Conn
		for range 40 {
			clients = append(clients, e.Dial())
		}
		e.Close()
		for _, c := range clients {
			if how, _ := c.EndWithin(2 * time.Second); how == "timeout" {
				t.Fatal("a client was left with an open connection")
			}
		}
		if n := e.Stats().Connections; n != 0 {
			t.Fatalf("connections counted after Close: %d", n)
		}
	}
}

// TestConnsDuringChurn lists connections while they come and go; nothing listed may be half made or half gone.
func TestConnsDuringChurn(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr, lulltest.Refused(t))
	e := lulltest.Start(t, p)
	to := e.Addr()
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for range 4 {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := net.DialTimeout("tcp", to.String(), lulltest.Patience)
				if err != nil {
					t.Errorf("dial: %v", err)
					return
				}
				_, _ = c.Write([]byte("hello"))
				_, _ = c.Read(make([]byte, 5))
				_ = c.Close()
			}
		})
	}
	seen := 0
	for start := time.Now(); time.Since(start) < 500*time.Millisecond || seen == 0 && time.Since(start) < lulltest.Patience; {
		list, err := allConns(e)
		if err != nil {
			t.Fatal(err)
		}
		ids := map[uint64]bool{}
		for _, l := range list {
			seen++
			if l.ID == 0 || ids[l.ID] || l.Ends.Listener != "tcp" || !l.Ends.Client.IsValid() || l.Age < 0 || l.Timer == "" {
				t.Fatalf("listed: %+v (twice: %v)", l, ids[l.ID])
			}
			if l.State == "relaying" && !l.Ends.BackendAddr.IsValid() {
				t.Fatalf("listed as relaying without a backend: %+v", l)
			}
			ids[l.ID] = true
		}
	}
	close(stop)
	churn.Wait()
	if seen == 0 {
		t.Error("no connection was ever listed")
	}
}
