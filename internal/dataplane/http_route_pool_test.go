package dataplane_test

import (
	"net/netip"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestPoolNewestFirst: of several unused connections the one used last is taken, so that the others can grow old.
func TestPoolNewestFirst(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, poolNewestFirst)
}

func poolNewestFirst(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		var clients, backends [3]*lulltest.HTTPConn
		for i := range clients {
			clients[i], backends[i] = s.meet(lulltest.Request("GET", "/", ""))
			backends[i].Request()
		}
		for n, i := range []int{1, 2, 0} {
			backends[i].Send(lulltest.Response("hello"))
			clients[i].ExpectAnswer("hello")
			s.WaitPooled(n + 1)
		}
		for range 3 { // one after the other: always the last
			clients[1].Get("/alone")
			serve(t, clients[1], backends[0], "/alone")
			s.WaitPooled(3)
		}
		for n, i := range []int{0, 2, 1} { // all at once: back through the times at which they were used
			clients[n].Get("/together")
			if got := backends[i].Request(); got.URL.Path != "/together" {
				t.Errorf("backend %d: got %q, want /together", i, got.URL)
			}
		}
		for n, i := range []int{0, 2, 1} {
			backends[i].Send(lulltest.Response("hello"))
			clients[n].ExpectAnswer("hello")
		}
		if s.backend.Accepted() != 3 {
			t.Errorf("back-end connections: got %d, want 3", s.backend.Accepted())
		}
	})
}

// TestPoolOfName: when a name comes to mean other addresses, requests go to those, and unused connections to the old ones
// serve nobody any more; what is under way goes on.
func TestPoolOfName(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		old, oldConns := lulltest.Hands(t)
		moved, newConns := lulltest.Hands(t)
		p := lulltest.HTTPPlan(m, old.Addr)
		b := &lulltest.Set(p).Backends[0]
		b.Key.Host = "backend.test"
		s := &site{startHTTP(t, 1, p), t, p, old, oldConns}
		s.SetAddrs(b.Key, []netip.AddrPort{old.Addr})
		one, first := s.meet(lulltest.Request("GET", "/1", ""))
		two, second := s.meet(lulltest.Request("GET", "/2", ""))
		serve(t, one, first, "/1")
		s.WaitPooled(1)
		s.SetAddrs(b.Key, []netip.AddrPort{moved.Addr})
		one.Get("/3")
		third := lulltest.TakeHTTP(t, newConns)
		serve(t, one, third, "/3")
		closed(t, "old address, unused", first)
		serve(t, two, second, "/2")
		two.Get("/4")
		serve(t, two, third, "/4")
		closed(t, "old address, used meanwhile", second)
		for _, r := range s.PoolCloses(2) {
			if r.Reason != reason.Drained || r.Ends.BackendAddr != old.Addr || r.Ends.Backend != b.Key.Endpoint() {
				t.Errorf("unused connection: got %v to %v of %q, want drained, to %v", r.Reason, r.Ends.BackendAddr, r.Ends.Backend, old.Addr)
			}
		}
		if x := s.ExchangeOf(one, 2); x.Ends.BackendAddr != moved.Addr || x.Reused {
			t.Errorf("exchange: got %v, reused %v; want %v over a new connection", x.Ends.BackendAddr, x.Reused, moved.Addr)
		}
	})
}

// TestPoolShared: listeners with one backend set share its connections; sets have their own, even to one address.
func TestPoolShared(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, poolShared)
}

func poolShared(t *testing.T) {
	backend := lulltest.Greeter(t)
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
	same := lulltest.AddHTTPListener(p, "same", backend.Addr)
	same.BackendSet = lulltest.Set(p)
	lulltest.AddHTTPListener(p, "other", backend.Addr)
	e := startHTTP(t, 1, p)
	want := map[string]int{"http": 1, "same": 1, "other": 2}
	for i, name := range []string{"http", "same", "other", "same", "other", "http"} {
		c := lulltest.HTTP(lulltest.Dial(t, e.Local(plan.ListenerKey{LoadBalancer: "lb", Name: name})))
		c.Get("/" + name)
		c.ExpectAnswer("hello")
		e.WaitPooled(min(1+i/2, 2))
	}
	for _, s := range backend.Seen() {
		if got := s.Conn; got != want[s.URL.Path[1:]] {
			t.Errorf("%s: got connection %d, want %d", s.URL.Path, got, want[s.URL.Path[1:]])
		}
	}
}

// TestPoolListenerGone: the unused connections of a listener that is removed, or has none of HTTP any more, are closed at once; what is
// under way finishes.
func TestPoolListenerGone(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*plan.Plan){
		"removed":    func(p *plan.Plan) { p.LoadBalancers[0].Listeners = nil },
		"speaks-tcp": func(p *plan.Plan) { lulltest.Listener(p).Protocol = plan.TCP },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testPoolListenerGone(t, change)
		})
	}
}

func testPoolListenerGone(t *testing.T, change func(*plan.Plan)) {
	t.Helper()
	s := counter(t, 1, timeout.Directional, nil)
	one, first := s.meet(lulltest.Request("GET", "/1", ""))
	two, second := s.meet(lulltest.Request("GET", "/2", ""))
	serve(t, one, first, "/1")
	s.WaitPooled(1)
	s.Changed(s.plan, change)
	closed(t, "backend", first)
	closed(t, "client", one)
	second.Request()
	second.Send(lulltest.Response("hello"))
	if a := two.ExpectAnswer("hello"); !a.Close {
		t.Error("client: got no Connection: close, want one")
	}
	closed(t, "client", two)
	closed(t, "backend", second)
	for c, why := range map[*lulltest.HTTPConn]reason.Reason{one: reason.Drained, two: reason.Drained} {
		if r := s.CloseOf(c); r.Reason != why {
			t.Errorf("connection: got %v, want %v", r.Reason, why)
		}
	}
}
