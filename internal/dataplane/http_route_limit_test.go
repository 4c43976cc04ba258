package dataplane_test

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// census is a backend that knows how many connections to it are open: all that it has accepted and that have seen no FIN.
type census struct {
	*lulltest.HTTPServer
	reply func(c *lulltest.HTTPConn, s lulltest.Seen) bool

	// Guarded by mu.
	mu   sync.Mutex
	open map[*net.TCPConn]bool
	most int
}

func newCensus(t *testing.T, reply func(c *lulltest.HTTPConn, s lulltest.Seen) bool) *census {
	t.Helper()
	c := &census{reply: reply, open: map[*net.TCPConn]bool{}}
	c.HTTPServer = lulltest.ServeHTTP(t, c.handle)
	return c
}

func (c *census) handle(conn *lulltest.HTTPConn, s lulltest.Seen) bool {
	if s.Number == 1 {
		c.count(conn.TCPConn)
	}
	return c.reply(conn, s)
}

// count counts a connection that has come, and those that are there still. A FIN that one processor has sent before another sent the SYN
// may be looked at after it where both are busy; so what seems to be one more than ever before is looked at again, until it has had the
// time to come.
func (c *census) count(conn *net.TCPConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[conn] = true
	const late = 20 * time.Millisecond
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(late); ; <-tick.C {
		for conn := range c.open {
			if !established(conn) {
				delete(c.open, conn)
			}
		}
		if len(c.open) <= max(c.most, 1) || time.Now().After(end) {
			break
		}
	}
	c.most = max(c.most, len(c.open))
}

func established(c *net.TCPConn) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	const tcpEstablished = 1
	var info *unix.TCPInfo
	ctrl := raw.Control(func(fd uintptr) { info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) })
	return ctrl == nil && err == nil && info.State == tcpEstablished
}

// mostOpen returns how many there were at most.
func (c *census) mostOpen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// limited sets the backends' connection limit and the queue's.
func limited(connections, queue int) func(*plan.Plan) {
	return func(p *plan.Plan) {
		lulltest.Listener(p).QueueMax = queue
		for i := range lulltest.Set(p).Backends {
			lulltest.Set(p).Backends[i].ConnectionsMax = connections
		}
	}
}

// TestBackendConnectionsMax: a backend never sees more connections than it may have, unused ones included, and every request gets
// its turn all the same.
func TestBackendConnectionsMax(t *testing.T) {
	t.Parallel()
	for _, loops := range []int{1, 2} {
		for _, most := range []int{1, 3} {
			t.Run(fmt.Sprintf("loops_%d_most_%d", loops, most), func(t *testing.T) {
				t.Parallel()
				const clients, rounds = 16, 12
				backend := newCensus(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
					if s.Number%5 == 4 { // so that connections come and go
						c.Reply(lulltest.Response(s.URL.Path, "Connection: close"))
						return false
					}
					return c.Reply(lulltest.Response(s.URL.Path))
				})
				p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
				limited(most, clients)(p)
				e := startHTTP(t, loops, p)
				conns := make([]*lulltest.HTTPConn, clients)
				for i := range conns {
					conns[i] = e.DialHTTP()
				}
				inParallel(clients, func(i int) {
					in := lulltest.NewReader(conns[i])
					for n := range rounds {
						path := fmt.Sprintf("/%d/%d", i, n)
						_ = conns[i].SetReadDeadline(time.Now().Add(lulltest.Patience))
						if _, err := conns[i].Write([]byte(lulltest.Request("GET", path, ""))); err != nil {
							t.Error(err)
							return
						}
						if a, err := in.Answer("GET"); err != nil || a.StatusCode != 200 || string(a.Data) != path {
							t.Errorf("client %d, request %d: got %+v, %v; want 200 and %s", i, n, a, err, path)
							return
						}
					}
				})
				if got := backend.mostOpen(); got > most || got == 0 {
					t.Errorf("connections at the backend: got %d at a time, want at most %d", got, most)
				}
				if !lulltest.Eventually(func() bool { b := e.Stats().Backends[0]; return b.Conns <= int64(most) && b.Active == 0 }) {
					t.Errorf("afterwards: got %+v, want at most %d connections and no exchange", e.Stats().Backends[0], most)
				}
				l, _ := totalsOf(e, lulltest.HTTPKey)
				if l.Queued == 0 || l.OwnStatus != [6]uint64{} || l.Ends[reason.Completed] != clients*rounds {
					t.Errorf("counters: got %d queued, %v of its own, %d completed; want some, none, %d", l.Queued, l.OwnStatus, l.Ends[reason.Completed], clients*rounds)
				}
			})
		}
	}
}

// TestIdleGivenUp: an unused connection that another loop keeps is given up for a request that needs its place, at once.
func TestIdleGivenUp(t *testing.T) {
	t.Parallel()
	backend := newCensus(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(lulltest.Response("hello")) })
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
	limited(1, 1)(p)
	e := startHTTP(t, 2, p)
	var conns []*lulltest.HTTPConn
	for range 16 { // they are on both loops
		conns = append(conns, e.DialHTTP())
	}
	for range 3 {
		for _, c := range conns {
			c.Get("/")
			c.ExpectAnswer("hello")
		}
	}
	if backend.Accepted() < 2 || backend.mostOpen() != 1 {
		t.Errorf("connections: got %d, %d at a time; want several, one at a time", backend.Accepted(), backend.mostOpen())
	}
	given := 0
	for _, r := range e.PoolCloses(backend.Accepted() - 1) {
		if r.Reason == reason.Reclaimed {
			given++
		}
	}
	if given == 0 {
		t.Error("no unused connection was given up, so nothing was tested")
	}
}

// queueSite is a site with one backend that has room for one connection, and clients that wait for it in their order.
func queueSite(t *testing.T, m timeout.Model, queue, waiting int, change func(*plan.Plan)) (s *site, busy, backend *lulltest.HTTPConn, queued []*lulltest.HTTPConn) {
	t.Helper()
	s = counter(t, 1, m, func(p *plan.Plan) {
		limited(1, queue)(p)
		if change != nil {
			change(p)
		}
	})
	busy, backend = s.meet(lulltest.Request("GET", "/busy", ""))
	backend.Request()
	for i := range waiting {
		c := s.DialHTTP()
		c.Send(lulltest.Request("POST", fmt.Sprintf("/%d", i), "hello"))
		s.WaitState(c, "queued")
		queued = append(queued, c)
	}
	return s, busy, backend, queued
}

// answerNext takes so many back-end connections, whichever comes first, and answers the request on each.
func (s *site) answerNext(n int, response string) {
	s.t.Helper()
	for range n {
		b := lulltest.TakeHTTP(s.t, s.accepted)
		b.Request()
		b.Send(response)
	}
}

// serve answers the request with that path, which must be the next that the backend gets, at the client.
func serve(t *testing.T, client, backend *lulltest.HTTPConn, path string) {
	t.Helper()
	if got := backend.Request(); got.URL.Path != path {
		t.Fatalf("backend: got %q, want %s", got.URL, path)
	}
	backend.Send(lulltest.Response(path))
	client.ExpectAnswer(path)
}

// TestQueueOrder: requests that wait are served in the order in which they came, with their bodies, as room comes.
func TestQueueOrder(t *testing.T) {
	t.Parallel()
	s, busy, backend, queued := queueSite(t, timeout.Shared, 10, 5, nil)
	backend.Send(lulltest.Response("hello"))
	busy.ExpectAnswer("hello")
	busy.Get("/again") // which is the last in the queue now
	for i, c := range queued {
		serve(t, c, backend, fmt.Sprintf("/%d", i))
	}
	serve(t, busy, backend, "/again")
	s.WaitPooled(1)
	for _, c := range queued {
		if x := s.ExchangeOf(c, 1); x.QueueTook <= 0 || x.QueueTook > x.Took || x.Reason != reason.Completed || x.BytesUp != 5 {
			t.Errorf("exchange: got %v, %v of %v in the queue, %d bytes up; want completed after some time there, and 5", x.Reason, x.QueueTook, x.Took, x.BytesUp)
		}
	}
	if l, _ := totalsOf(s.Engine, lulltest.HTTPKey); l.Queued != 6 {
		t.Errorf("queued: got %d, want 6", l.Queued)
	}
}

// TestQueueNotJumped: a client that sends its requests without waiting has no better claim than those that wait.
func TestQueueNotJumped(t *testing.T) {
	t.Parallel()
	s, busy, backend, queued := queueSite(t, timeout.Shared, 10, 2, nil)
	busy.Get("/next")
	busy.Get("/last")
	for range 4 {
		s.Held() // it has come
	}
	backend.Send(lulltest.Response("hello"))
	busy.ExpectAnswer("hello")
	for i, c := range queued {
		serve(t, c, backend, fmt.Sprintf("/%d", i))
	}
	serve(t, busy, backend, "/next")
	serve(t, busy, backend, "/last")
}

// TestQueueFull: what does not fit into the queue of its load balancer gets 503 at once, whichever listener it came to.
func TestQueueFull(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		model timeout.Model
		queue int
	}{"shared": {timeout.Shared, 2}, "none": {timeout.Shared, 0}, "directional": {timeout.Directional, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var other *plan.Listener
			s, busy, backend, queued := queueSite(t, c.model, c.queue, c.queue, func(p *plan.Plan) {
				other = lulltest.AddHTTPListener(p, "other", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 9))
				other.BackendSet = lulltest.Set(p)
			})
			for _, to := range []plan.ListenerKey{lulltest.HTTPKey, other.Key} {
				refused := lulltest.HTTP(lulltest.Dial(t, s.Local(to)))
				refused.Get("/")
				checkOwn(t, refused.Answer("GET"), "GET", 503)
				closed(t, "client", refused)
				if x := s.ExchangeOf(refused, 1); x.Reason != reason.QueueFull || x.Status != 503 || x.BackendStatus != 0 {
					t.Errorf("exchange: got %v with %d, want queue-full with 503", x.Reason, x.Status)
				}
			}
			backend.Send(lulltest.Response("hello"))
			busy.ExpectAnswer("hello")
			for i, c := range queued {
				serve(t, c, backend, fmt.Sprintf("/%d", i))
			}
			if l, _ := totalsOf(s.Engine, lulltest.HTTPKey); l.Queued != uint64(c.queue) || l.Ends[reason.QueueFull] != 1 || l.OwnStatus[5] != 1 {
				t.Errorf("counters: got %d queued, %d found it full, %v of its own; want %d, 1 and one 5xx", l.Queued, l.Ends[reason.QueueFull], l.OwnStatus, c.queue)
			}
		})
	}
}

// TestQueueTimeout: a request that waits for the idle time gets 504, and no later for others that come and go.
func TestQueueTimeout(t *testing.T) {
	t.Parallel()
	const idle = time.Second
	s, busy, backend, queued := queueSite(t, timeout.Shared, 10, 2, func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Idle = idle })
	began, answered := now(), make(chan struct{})
	t.Cleanup(func() { close(answered) })
	go func() { // the exchange that they wait for is not idle
		for backend.Reply(earlyHints) {
			select {
			case <-answered:
				return
			case <-time.After(idle / 10):
			}
		}
	}()
	for _, c := range queued {
		checkOwn(t, c.Answer("POST"), "POST", 504)
		closed(t, "client", c)
		x := s.ExchangeOf(c, 1)
		if x.Reason != reason.QueueTimeout || x.Status != 504 || x.Timer != "idle" || x.Setting != idle || x.QueueTook < idle || x.Late < 0 {
			t.Errorf("exchange: got %v with %d by %s=%v after %v in the queue; want queue-timeout, 504, idle=%v", x.Reason, x.Status, x.Timer, x.Setting, x.QueueTook, idle)
		}
	}
	if took := time.Since(began.at); took > idle+began.allowed(lateMax) {
		t.Errorf("the last came after %v, want %v", took, idle)
	}
	s.WaitState(busy, "answer")
}

// TestQueueVanished: a client that gives up while it waits leaves its place to the next.
func TestQueueVanished(t *testing.T) {
	t.Parallel()
	s, busy, backend, queued := queueSite(t, timeout.Shared, 3, 3, nil)
	queued[0].Reset()
	if x := s.ExchangeOf(queued[0], 1); x.Reason != reason.ClientReset || x.Status != 0 || x.QueueTook <= 0 {
		t.Errorf("exchange: got %v with %d after %v in the queue, want client-reset with nothing", x.Reason, x.Status, x.QueueTook)
	}
	late := s.DialHTTP() // there is room in the queue again
	late.Get("/late")
	s.WaitState(late, "queued")
	_ = queued[1].CloseWrite() // is no reason not to answer
	backend.Send(lulltest.Response("hello"))
	busy.ExpectAnswer("hello")
	serve(t, queued[1], backend, "/1")
	closed(t, "half closed", queued[1])
	serve(t, queued[2], backend, "/2")
	serve(t, late, backend, "/late")
}

// TestQueueChanges: what changes for those that wait takes effect at once.
func TestQueueChanges(t *testing.T) {
	t.Parallel()
	const waiting = 3
	for name, c := range map[string]struct {
		change func(s *site, extra *lulltest.Server)
		served int // of those that wait, at once
		status int // that the others get at once; 0: they wait on
	}{
		"limit_raised":  {func(s *site, _ *lulltest.Server) { s.Changed(s.plan, limited(3, 10)) }, 2, 0},
		"limit_lifted":  {func(s *site, _ *lulltest.Server) { s.Changed(s.plan, limited(0, 10)) }, waiting, 0},
		"queue_shorter": {func(s *site, _ *lulltest.Server) { s.Changed(s.plan, limited(1, 0)) }, 0, 0},
		"backend_added": {func(s *site, extra *lulltest.Server) {
			s.Changed(s.plan, func(p *plan.Plan) {
				added := lulltest.Set(lulltest.HTTPPlan(timeout.Shared, extra.Addr)).Backends[0]
				lulltest.Set(p).Backends = append(lulltest.Set(p).Backends, added)
			})
		}, waiting, 0},
		"backend_removed": {func(s *site, _ *lulltest.Server) {
			s.Changed(s.plan, func(p *plan.Plan) { lulltest.Set(p).Backends = nil })
		}, 0, 503},
		"backend_drains": {func(s *site, _ *lulltest.Server) {
			s.Changed(s.plan, func(p *plan.Plan) { lulltest.Set(p).Backends[0].Drain = true })
		}, 0, 503},
		"backend_down": {func(s *site, _ *lulltest.Server) { s.SetStatus(lulltest.Set(s.plan).Backends[0].Key, false, "refused") }, 0, 503},
		"listener_removed": {func(s *site, _ *lulltest.Server) {
			s.Changed(s.plan, func(p *plan.Plan) { p.LoadBalancers[0].Listeners = nil })
		}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			extra := namer(t)
			s, busy, backend, queued := queueSite(t, timeout.Shared, 10, waiting, nil)
			c.change(s, extra.Server)
			if name != "backend_added" {
				s.answerNext(c.served, lulltest.Response("now"))
			}
			for i, client := range queued {
				path := fmt.Sprintf("/%d", i)
				switch {
				case i < c.served && name == "backend_added":
					client.ExpectAnswer(path + "hello")
				case i < c.served:
					client.ExpectAnswer("now")
				case c.status != 0:
					checkOwn(t, client.Answer("POST"), "POST", c.status)
					if x := s.ExchangeOf(client, 1); x.Reason != reason.NoBackend {
						t.Errorf("exchange: got %v, want no-backend", x.Reason)
					}
				case name == "limit_raised": // by one of the connections that there are now
					s.WaitState(client, "answer")
				default:
					s.WaitState(client, "queued")
				}
			}
			backend.Send(lulltest.Response("hello"))
			busy.ExpectAnswer("hello")
			if name != "queue_shorter" && name != "listener_removed" {
				t.Cleanup(s.backend.Stop) // or those that wait still would go on when the test has ended
				return
			}
			for i, client := range queued { // who is in it is not driven out
				if name == "listener_removed" {
					backend = lulltest.TakeHTTP(t, s.accepted) // as it keeps no unused connections
				}
				serve(t, client, backend, fmt.Sprintf("/%d", i))
			}
		})
	}
}

// TestQueueOfTwoLoops: a crowd of clients on two loops before a backend with little room. Nobody is refused, as the queue has
// room for all of them; nobody is forgotten; and nobody waits while others are served again and again.
func TestQueueOfTwoLoops(t *testing.T) {
	busy(t)
	for _, most := range []int{1, 2} {
		t.Run(fmt.Sprintf("most_%d", most), func(t *testing.T) {
			t.Parallel()
			const clients = 24
			backend := newCensus(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(lulltest.Response("hello")) })
			p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
			limited(most, clients)(p)
			e := startHTTP(t, 2, p)
			conns := make([]*lulltest.HTTPConn, clients)
			for i := range conns {
				conns[i] = e.DialHTTP()
			}
			var served [clients]int
			var all atomic.Int64
			const enough = 60 * clients
			inParallel(clients, func(i int) {
				in := lulltest.NewReader(conns[i])
				for all.Load() < enough {
					_ = conns[i].SetReadDeadline(time.Now().Add(lulltest.Patience))
					if _, err := conns[i].Write([]byte(lulltest.Request("POST", "/", "hello"))); err != nil {
						t.Error(err)
						return
					}
					if a, err := in.Answer("POST"); err != nil || a.StatusCode != 200 {
						t.Errorf("client %d, after %d answers: got %+v, %v; want 200", i, served[i], a, err)
						return
					}
					served[i]++
					all.Add(1)
				}
			})
			for i, n := range served {
				if n < enough/clients/3 {
					t.Errorf("client %d: got %d answers of %d, want about %d", i, n, all.Load(), enough/clients)
				}
			}
			if got := backend.mostOpen(); got > most {
				t.Errorf("connections at the backend: got %d, want at most %d", got, most)
			}
		})
	}
}
