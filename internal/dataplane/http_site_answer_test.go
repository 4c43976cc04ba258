package dataplane_test

import (
	"net/netip"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestAllFull: with every backend at its limit a request gets a 502 at once, as there is no queue; whoever is served is not harmed.
func TestAllFull_POL_08(t *testing.T) {
	t.Parallel()
	hand, accepted := lulltest.Hands(t)
	p := ociPlan()
	set := addSet(p, "set", hand.Addr)
	set.Backends[0].ConnectionsMax = 1
	addSite(t, p, "web", &rules.Config{}, set)
	s := &site{startHTTP(t, 1, p), t, p, hand, accepted}
	client, backend := s.meet("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	backend.Request()
	c := s.DialHTTP()
	if got := led(c, "a", "/"); got != "502" {
		t.Errorf("got %s, want 502", got)
	}
	if x := s.ExchangeOf(c, 1); x.Reason != reason.QueueFull || x.BackendStatus != 0 || x.Ends.BackendSet != "set" {
		t.Errorf("the record: %v, set %s", x.Reason, x.Ends.BackendSet)
	}
	backend.Send(lulltest.Response("served"))
	client.ExpectAnswer("served")
	if n := totalsOfSite(t, s.Engine, "web"); n.BadGateway != 1 || n.OK != 1 || n.OwnStatus[5] != 1 {
		t.Errorf("counted %+v", n)
	}
}

// TestBadGateway: each cause of a 502 that lull makes, and of a 504.
func TestBadGateway_RSP_01_RSP_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, func(t *testing.T) {
		for name, q := range map[string]struct {
			backend func(t *testing.T) netip.AddrPort
			change  func(*plan.BackendSet)
			want    string
			why     reason.Reason
		}{
			"empty":     {nil, nil, "502", reason.NoBackend},
			"drained":   {greeting, func(s *plan.BackendSet) { s.Backends[0].Drain = true }, "502", reason.NoBackend},
			"offline":   {greeting, func(s *plan.BackendSet) { s.Backends[0].Offline = true }, "502", reason.NoBackend},
			"unhealthy": {greeting, func(s *plan.BackendSet) { s.HealthCheck = &plan.HealthCheck{StartsDown: true} }, "502", reason.NoBackend},
			"closes": {func(t *testing.T) netip.AddrPort {
				return lulltest.ServeHTTP(t, func(*lulltest.HTTPConn, lulltest.Seen) bool { return false }).Addr
			}, nil, "502", reason.BackendClosed},
			"bad": {func(t *testing.T) netip.AddrPort {
				return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply("hello world\r\n\r\n") }).Addr
			}, nil, "502", reason.BadResponse},
			"refuses": {func(t *testing.T) netip.AddrPort { return lulltest.Refused(t) }, nil, "504", reason.ConnectRefused},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				p := ociPlan()
				var addrs []netip.AddrPort
				if q.backend != nil {
					addrs = append(addrs, q.backend(t))
				}
				set := addSet(p, "set", addrs...)
				if q.change != nil {
					q.change(set)
				}
				addSite(t, p, "web", &rules.Config{}, set)
				e := startHTTP(t, 1, p)
				c := e.DialHTTP()
				if got := led(c, "a", "/"); got != q.want {
					t.Errorf("got %s, want %s", got, q.want)
				}
				if x := e.ExchangeOf(c, 1); x.Reason != q.why || x.BackendStatus != 0 || x.Ends.Listener != "web" || x.Ends.BackendSet != "set" {
					t.Errorf("the record: %v, %d from the backend, %s, %s", x.Reason, x.BackendStatus, x.Ends.Listener, x.Ends.BackendSet)
				}
			})
		}
	})
}

func greeting(t *testing.T) netip.AddrPort { return lulltest.Greeter(t).Addr }

// TestSessionGone: a session whose backend is gone gets a 502 where its set does not let it go elsewhere.
func TestSessionGone_RSP_01(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	set := addSet(p, "set", answering(t, "a").Addr, answering(t, "b").Addr)
	set.Stickiness = &plan.Stickiness{Cookie: "AWSELB", NoFallback: true}
	addSite(t, p, "web", &rules.Config{}, set)
	e := startHTTP(t, 1, p)
	name, cookie := visit(t, e, "")
	i := map[string]int{"a": 0, "b": 1}[name]
	e.SetStatus(set.Backends[i].Key, false, "test")
	if got, _ := visit(t, e, pairOf(cookie)); got != "502" {
		t.Errorf("with the cookie of a backend that is down: got %s", got)
	}
	if got, _ := visit(t, e, ""); got == name || got == "502" {
		t.Errorf("without: got %s", got)
	}
}

// TestOwnAnswersOfTheModel: without other statuses those of the timeout rules hold.
func TestOwnAnswersOfTheModel(t *testing.T) {
	t.Parallel()
	p := lulltest.HTTPPlan(timeout.Directional, lulltest.Refused(t))
	e := startHTTP(t, 1, p)
	if got := led(e.DialHTTP(), "a", "/"); got != "503" {
		t.Errorf("refused: got %s, want 503", got)
	}
	e.Changed(p, func(p *plan.Plan) { lulltest.AddHTTPListener(p, "none") })
	c := lulltest.HTTP(lulltest.Dial(t, e.Local(plan.ListenerKey{LoadBalancer: "lb", Name: "none"})))
	if got := led(c, "a", "/"); got != "503" {
		t.Errorf("no backend: got %s, want 503", got)
	}
}
