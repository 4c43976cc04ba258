package dataplane_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// answering returns a backend that answers with its name.
func answering(t *testing.T, name string) *lulltest.HTTPServer {
	t.Helper()
	return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(lulltest.Response(name)) })
}

// fleet is an engine before backends that answer with their names: a, b, c …
func fleet(t *testing.T, loops, backends int, change func(*plan.Plan)) (e *lulltest.Engine, p *plan.Plan, servers []*lulltest.HTTPServer) {
	t.Helper()
	var addrs []netip.AddrPort
	for i := range backends {
		servers = append(servers, answering(t, string(rune('a'+i))))
		addrs = append(addrs, servers[i].Addr)
	}
	p = lulltest.HTTPPlan(timeout.Shared, addrs...)
	if change != nil {
		change(p)
	}
	return startHTTP(t, loops, p), p, servers
}

// who asks and returns the name of the backend that answered, or the status if lull did.
func who(c *lulltest.HTTPConn) string {
	c.Get("/")
	a := c.Answer("GET")
	if a.StatusCode != 200 {
		return fmt.Sprint(a.StatusCode)
	}
	return string(a.Data)
}

// dealt returns how many of n requests each backend answered, as "a 3, b 3".
func dealt(c *lulltest.HTTPConn, n int) string {
	counts := map[string]int{}
	for range n {
		counts[who(c)]++
	}
	var all []string
	for name, count := range counts {
		all = append(all, fmt.Sprintf("%s %d", name, count))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestRoundRobin: requests, not connections, are dealt out, by weight.
func TestRoundRobin(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		weights []int
		want    string
	}{
		"even":     {[]int{1, 1, 1}, "a 8, b 8, c 8"},
		"weighted": {[]int{1, 2, 3}, "a 4, b 8, c 12"},
		"one_of":   {[]int{1, 0, 1}, "a 12, c 12"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, policy := range []plan.Policy{plan.RoundRobin, plan.LeastOutstanding} {
				e, _, _ := fleet(t, 1, 3, func(p *plan.Plan) {
					lulltest.Set(p).Policy = policy
					for i := range c.weights {
						lulltest.Set(p).Backends[i].Weight = c.weights[i]
					}
				})
				if policy == plan.LeastOutstanding && name == "weighted" {
					continue // weights say how much more each may have at a time
				}
				if got := dealt(e.DialHTTP(), 24); got != c.want {
					t.Errorf("%v: got %s, want %s", policy, got, c.want)
				}
			}
		})
	}
}

// TestLeastOutstanding: a request goes where the fewest are under way, on all loops together; unused connections count for
// nothing.
func TestLeastOutstanding(t *testing.T) {
	t.Parallel()
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			const each = 4
			var held [2]atomic.Int64
			hold, letGo := make(chan struct{}), make(chan struct{})
			var addrs []netip.AddrPort
			for i := range held {
				addrs = append(addrs, lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
					held[i].Add(1)
					defer held[i].Add(-1)
					if s.URL.Path == "/first" {
						<-hold
					} else if s.URL.Path == "/second" {
						<-letGo
					}
					return c.Reply(lulltest.Response("hello"))
				}).Addr)
			}
			p := lulltest.HTTPPlan(timeout.Shared, addrs...)
			lulltest.Set(p).Policy = plan.LeastOutstanding
			lulltest.Set(p).Backends[1].Drain = true
			e := startHTTP(t, loops, p)
			var clients []*lulltest.HTTPConn
			for range 2 * each { // so that the first backend has many pooled connections and the other none
				c := e.DialHTTP()
				c.Get("/first")
				clients = append(clients, c)
			}
			if !lulltest.Eventually(func() bool { return held[0].Load() == 2*each }) {
				t.Fatalf("under way: got %d, want %d", held[0].Load(), 2*each)
			}
			close(hold)
			for _, c := range clients {
				c.ExpectAnswer("hello")
			}
			e.WaitPooled(2 * each)
			e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[1].Drain = false })
			for i, c := range clients {
				c.Get("/second")
				if !lulltest.Eventually(func() bool { return held[0].Load()+held[1].Load() == int64(i+1) }) {
					t.Fatalf("request %d has not come", i)
				}
				if a, b := held[0].Load(), held[1].Load(); a-b > 1 || b-a > 1 {
					t.Errorf("after %d requests: got %d and %d under way, want as many at each", i+1, a, b)
				}
			}
			close(letGo)
			for _, c := range clients {
				c.ExpectAnswer("hello")
			}
		})
	}
}

// TestSourceHash: all requests from one address go to one backend, over whichever connection and loop, and stay there when
// another backend comes or goes.
func TestSourceHash(t *testing.T) {
	t.Parallel()
	const sources = 40
	e, p, _ := fleet(t, 2, 4, func(p *plan.Plan) {
		lulltest.Set(p).Policy = plan.SourceIPHash
		lulltest.Set(p).Backends[3].Offline = true
	})
	source := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 1, byte(i + 1)}) }
	dial := func(i int) *lulltest.HTTPConn {
		return lulltest.HTTP(lulltest.DialFrom(t, source(i), e.Local(lulltest.HTTPKey)))
	}
	of, used := make([]string, sources), map[string]bool{}
	for i := range of {
		of[i] = who(dial(i))
		used[of[i]] = true
		for range 3 {
			if got := dealt(dial(i), 2); got != of[i]+" 2" {
				t.Errorf("%s: got %s, want only %s", source(i), got, of[i])
			}
		}
	}
	if len(used) != 3 {
		t.Errorf("backends used by %d addresses: got %v, want all three", sources, used)
	}
	p = e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[0].Drain = true })
	for i := range of {
		if got := who(dial(i)); got != of[i] && of[i] != "a" || got == "a" {
			t.Errorf("%s: got %s without backend a, want %s", source(i), got, of[i])
		}
	}
	e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[0].Drain = false })
	for i := range of {
		if got := who(dial(i)); got != of[i] {
			t.Errorf("%s: got %s with backend a back, want %s", source(i), got, of[i])
		}
	}
}

// TestBackupBackend: backups get requests while no other backend can have them, and only then.
func TestBackupBackend(t *testing.T) {
	t.Parallel()
	e, p, _ := fleet(t, 2, 3, func(p *plan.Plan) { lulltest.Set(p).Backends[1].Backup = true })
	c := e.DialHTTP()
	if got := dealt(c, 10); got != "a 5, c 5" {
		t.Errorf("all well: got %s, want a and c", got)
	}
	e.SetStatus(lulltest.Set(p).Backends[0].Key, false, "refused")
	if got := dealt(c, 4); got != "c 4" {
		t.Errorf("a down: got %s, want only c", got)
	}
	p = e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[2].Drain = true })
	if got := dealt(c, 4); got != "b 4" {
		t.Errorf("a down and c draining: got %s, want the backup", got)
	}
	e.SetStatus(lulltest.Set(p).Backends[0].Key, true, "")
	if got := dealt(c, 4); got != "a 4" {
		t.Errorf("a up again: got %s, want only a", got)
	}
	e.SetStatus(lulltest.Set(p).Backends[0].Key, false, "refused")
	e.SetStatus(lulltest.Set(p).Backends[1].Key, false, "refused")
	if got := who(c); got != "503" {
		t.Errorf("nobody left: got %s, want 503", got)
	}
}

// TestNextBackend: a backend that cannot be reached is passed over, with the whole request kept for the next, and each is
// tried once.
func TestNextBackend(t *testing.T) {
	t.Parallel()
	unreachable := netip.MustParseAddrPort("255.255.255.255:9")
	for name, c := range map[string]struct {
		bad    []func(testing.TB) netip.AddrPort
		status int
		why    reason.Reason
	}{
		"refused":         {list(lulltest.Refused), 200, reason.Completed},
		"unreachable":     {list(func(testing.TB) netip.AddrPort { return unreachable }), 200, reason.Completed},
		"all_unreachable": {list(func(testing.TB) netip.AddrPort { return unreachable }), 503, reason.ConnectUnreachable},
		"all_of_two":      {list(lulltest.Refused, func(testing.TB) netip.AddrPort { return unreachable }), 503, reason.None},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var addrs []netip.AddrPort
			for _, bad := range c.bad {
				addrs = append(addrs, bad(t))
			}
			if c.status == 200 {
				addrs = append(addrs, namer(t).Addr)
			}
			e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Shared, addrs...))
			for i := range 2 * len(addrs) { // whichever comes first
				client := e.DialHTTP()
				client.Send(lulltest.Request("POST", "/x", strings.Repeat("x", 40_000)))
				a := client.Answer("POST")
				if a.StatusCode != c.status || c.status == 200 && string(a.Data) != "/x"+strings.Repeat("x", 40_000) {
					t.Errorf("request %d: got %s with %d bytes, want %d and all that was sent", i, a.Status, len(a.Data), c.status)
				}
				x := e.ExchangeOf(client, 1)
				if x.Reason != c.why && c.why != reason.None || x.Tries > len(addrs) || c.status != 200 && x.Tries != len(addrs) || x.Retried {
					t.Errorf("exchange %d: got %v after %d tries, want %v and each of %d tried once at most", i, x.Reason, x.Tries, c.why, len(addrs))
				}
			}
		})
	}
}

// TestDrainedBackend: a backend that drains gets no further request, finishes what it has, and keeps its unused connections to
// their own end; one that is offline has the drain time for what is under way and loses the others at once.
func TestDrainedBackend(t *testing.T) {
	t.Parallel()
	for _, offline := range []bool{false, true} {
		t.Run(map[bool]string{false: "drain", true: "offline"}[offline], func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Shared, nil)
			one, backend := s.meet(lulltest.Request("GET", "/1", ""))
			two, other := s.meet(lulltest.Request("GET", "/2", ""))
			backend.Request()
			other.Request()
			backend.Send(lulltest.Response("hello"))
			one.ExpectAnswer("hello")
			s.WaitPooled(1)
			p := s.Changed(s.plan, func(p *plan.Plan) {
				b := &lulltest.Set(p).Backends[0]
				b.Drain, b.Offline = !offline, offline
			})
			if offline {
				closed(t, "backend, unused", backend)
				if r := s.PoolCloses(1)[0]; r.Reason != reason.Drained {
					t.Errorf("unused connection: got %v, want drained", r.Reason)
				}
			} else {
				nothing(t, s, backend)
			}
			if got := who(one); got != "503" {
				t.Errorf("a request meanwhile: got %s, want 503", got)
			}
			other.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
			live := s.WaitState(two, "response")
			if offline != (live.Timer == "drain") {
				t.Errorf("under way: got a deadline by %q, want one by the drain time only if it is offline", live.Timer)
			}
			other.Send("lo")
			two.ExpectAnswer("hello")
			pooled := 2
			if offline {
				pooled = 0
			}
			s.WaitPooled(pooled)
			s.Changed(p, func(p *plan.Plan) {
				lulltest.Set(p).Backends[0].Drain, lulltest.Set(p).Backends[0].Offline = false, false
			})
			two.Get("/3")
			if offline {
				other = lulltest.TakeHTTP(t, s.accepted)
			}
			other.Request() // the connection that was used last
			other.Send(lulltest.Response("again"))
			two.ExpectAnswer("again")
		})
	}
}

// TestBackendCutOff: a response that is not there when a backend's drain time is over becomes a 503; one under way is cut.
func TestBackendCutOff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*plan.Plan)
		why    reason.Reason
	}{
		"offline": {func(p *plan.Plan) { lulltest.Set(p).Backends[0].Offline = true }, reason.BackendOffline},
		"removed": {func(p *plan.Plan) { lulltest.Set(p).Backends = nil }, reason.DrainTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 2, timeout.Directional, func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Drain = 0 })
			waiting, backend := s.meet(lulltest.Request("GET", "/1", ""))
			reading, other := s.meet(lulltest.Request("GET", "/2", ""))
			backend.Request()
			other.Request()
			other.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
			s.WaitState(reading, "response")
			s.Changed(s.plan, c.change)
			checkOwn(t, waiting.Answer("GET"), "GET", 503)
			if a := reading.Answer("GET"); a.How != "cut" || string(a.Data) != "hel" {
				t.Errorf("client: got %q and %s, want hel and cut", a.Data, a.How)
			}
			for client, status := range map[*lulltest.HTTPConn]int{waiting: 503, reading: 200} {
				if x := s.ExchangeOf(client, 1); x.Reason != c.why || x.Status != status || x.Timer != "drain" {
					t.Errorf("exchange: got %v with %d by %q, want %v with %d by drain", x.Reason, x.Status, x.Timer, c.why, status)
				}
			}
			for _, b := range []*lulltest.HTTPConn{backend, other} {
				if how, _ := b.End(); how == "timeout" {
					t.Error("backend: its connection is still there")
				}
			}
		})
	}
}

// TestBackendsComeAndGo: while backends are added and removed under load, every request is answered, by a backend that was
// there.
func TestBackendsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			const clients, changes = 8, 30
			e, p, servers := fleet(t, loops, 4, nil)
			stop := make(chan struct{})
			var answered atomic.Int64
			failures := make(chan error, clients)
			for range clients {
				c := e.DialHTTP()
				go func() {
					in := lulltest.NewReader(c)
					for failed := error(nil); ; {
						select {
						case <-stop:
							failures <- failed
							return
						default:
						}
						_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
						if _, err := c.Write([]byte(lulltest.Request("POST", "/", "hello"))); err != nil && failed == nil {
							failed = err
						}
						a, err := in.Answer("POST")
						switch {
						case failed != nil:
						case err != nil:
							failed = err
						case a.StatusCode != 200 || a.How != "whole":
							failed = fmt.Errorf("%s, %s", a.Status, a.How)
						}
						if failed != nil {
							<-stop
							continue
						}
						answered.Add(1)
					}
				}()
			}
			all := slices.Clone(lulltest.Set(p).Backends)
			for i := range changes {
				was := answered.Load()
				p = e.Changed(p, func(p *plan.Plan) {
					list := slices.Clone(all)
					list = slices.Delete(list, i%4, i%4+1)
					if i%3 == 0 {
						list = slices.Delete(list, i%3, i%3+1)
					}
					lulltest.Set(p).Backends = list
				})
				lulltest.Eventually(func() bool { return answered.Load() > was+clients })
			}
			close(stop)
			for range clients {
				if err := <-failures; err != nil {
					t.Errorf("a request failed: %v", err)
				}
			}
			for i, s := range servers {
				if len(s.Seen()) == 0 {
					t.Errorf("backend %d was never asked, so nothing was tested", i)
				}
			}
		})
	}
}
