package dataplane_test

import (
	"net/netip"
	"strings"
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

// TestTried: a backend that cannot be reached is passed over, and the records name all that were tried, in their order.
func TestTried_POL_09(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	set := addSet(p, "set", lulltest.Refused(t), lulltest.Refused(t), greeting(t))
	addSite(t, p, "web", &rules.Config{}, set)
	bad := addSet(p, "bad", lulltest.Refused(t), lulltest.Refused(t))
	addSite(t, p, "bad", &rules.Config{}, bad)
	setHosts(t, lulltest.Listener(p), rules.HostName{Name: "bad", Target: 1})
	tcp := lulltest.AddListener(p, "tcp")
	tcp.BackendSet = set
	e := startHTTP(t, 1, p)
	names := func(set *plan.BackendSet) (all []string) {
		for i := range set.Backends {
			all = append(all, set.Backends[i].Key.Endpoint())
		}
		return all
	}
	good, gone := names(set), names(bad)
	seen := map[string]bool{}
	for i := range 3 { // round robin begins with another each time
		c := e.DialHTTP()
		if got := led(c, "a", "/"); got != "hello" {
			t.Errorf("request %d: got %s", i, got)
		}
		x := e.ExchangeOf(c, 1)
		seen[x.Ends.Tried] = true
		if x.Ends.Backend != good[2] || x.Tries != 1+len(strings.FieldsFunc(x.Ends.Tried, func(r rune) bool { return r == ',' })) {
			t.Errorf("request %d: reached %s after %d tries, %q in vain", i, x.Ends.Backend, x.Tries, x.Ends.Tried)
		}
	}
	if !seen[good[0]+", "+good[1]] {
		t.Errorf("tried in vain: got %v, want both in their order once", seen)
	}
	c := e.DialHTTP()
	if got := led(c, "bad", "/"); got != "504" {
		t.Errorf("none can be reached: got %s", got)
	}
	if x := e.ExchangeOf(c, 1); x.Ends.Backend != gone[1] || x.Ends.Tried != gone[0] || x.Tries != 2 {
		t.Errorf("none can be reached: the last was %s, before it %q", x.Ends.Backend, x.Ends.Tried)
	}
	raw := lulltest.HTTP(lulltest.Dial(t, e.Local(tcp.Key)))
	raw.Get("/")
	raw.ExpectAnswer("hello")
	_ = raw.Close()
	if r := e.CloseOf(raw); r.Ends.Backend != good[2] || r.Ends.Tried != good[0]+", "+good[1] || r.ConnectTries != 3 {
		t.Errorf("TCP: reached %s after %d tries, %q in vain", r.Ends.Backend, r.ConnectTries, r.Ends.Tried)
	}
}
