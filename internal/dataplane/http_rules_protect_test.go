package dataplane_test

import (
	"io"
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestSlowHeadPR_01: a head must be whole within its time from its first byte, however steadily it drips.
func TestSlowHeadPR_01(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, slowHead)
}

func slowHead(t *testing.T) {
	const limit = 900 * time.Millisecond
	for name, begin := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 2, m, func(set *timeout.Settings) { set.RequestHead = limit })
				d := s.dial(lulltest.Patience)
				begin(d)
				let(limit / 2) // the wait is no part of it
				d.say("GET /")
				defer drip(d.c, limit/9)()
				d.refused("GET", 408, limit)
				number := map[string]int{"first": 1, "next": 2}[name]
				d.judged(number, verdict{reason.HeadTooSlow, "request_head", limit, 408})
			})
		})
	}
}

// TestHeadInTimePR_01: the limit ends with the head, and 0 is none.
func TestHeadInTimePR_01(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, headInTime)
}

func headInTime(t *testing.T) {
	for name, limit := range map[string]time.Duration{"limited": 800 * time.Millisecond, "off": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 2, m, func(set *timeout.Settings) { set.RequestHead = limit })
				d := s.dial(lulltest.Patience)
				d.say("POST / HTTP/1.1\r\n")
				if limit == 0 {
					let(time.Second)
				}
				if limit > 0 {
					d.punctual(d.last, limit)
				}
				d.say("Host: test\r\nContent-Length: 2\r\n\r\nh")
				d.meet().RequestHead()
				let(time.Second)
				d.say("i")
				d.b.Expect("hi")
				d.answer()
				d.completed(1)
			})
		})
	}
}

// TestAgeHTTP_PR_02: a connection that waits for a request when it reaches its age is closed then.
func TestAgeHTTP_PR_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, ageHTTP)
}

func ageHTTP(t *testing.T) {
	const age = time.Second
	for name, begin := range waits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 2, m, func(set *timeout.Settings) { set.AgeMax = age })
				d := s.dial(lulltest.Patience)
				dialed := d.last
				begin(d)
				d.punctual(dialed, age)
				got := <-watchHTTP(d.c)
				got.within(t, "client", "eof", dialed, age)
				if r := s.CloseOf(d.c); r.Reason != reason.AgeCap || r.Timer != "connection_age_max" || r.Setting != age || len(got.data) > 0 {
					t.Errorf("record: got %v by %s=%v and %q, want age-cap by connection_age_max=%v and nothing", r.Reason, r.Timer, r.Setting, got.data, age)
				}
			})
		})
	}
}

// TestAgeInExchangePR_02: an exchange is never cut for its connection's age. Its response says that the connection ends,
// if the age is reached before that response begins.
func TestAgeInExchangePR_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, ageInExchange)
}

func ageInExchange(t *testing.T) {
	const age = 800 * time.Millisecond
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := newSite(t, 1, m, func(set *timeout.Settings) { set.AgeMax = age })
		late, early := s.dial(lulltest.Patience), s.dial(lulltest.Patience)
		late.ask("GET", "")
		early.ask("GET", "")
		early.tell("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
		let(age + age/4)
		if a := late.answer(); !a.Close {
			t.Errorf("client: got Connection %q, want close", a.Header.Get("Connection"))
		}
		early.tell("llo")
		early.c.ExpectAnswer("hello")
		for _, d := range []*dialog{late, early} {
			(<-watchHTTP(d.c)).within(t, "client", "eof", d.last, 0)
			d.completed(1)
			if r := s.CloseOf(d.c); r.Reason != reason.AgeCap || r.Timer != "connection_age_max" || r.Late < 0 {
				t.Errorf("record: got %v by %q, %v late, want age-cap by connection_age_max", r.Reason, r.Timer, r.Late)
			}
		}
		s.WaitPooled(2) // the age is that of the client's connection
	})
}

// TestAgeOfTunnelPR_02: an upgraded connection has the idle moment of a tunnel: a second without a byte.
func TestAgeOfTunnelPR_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, ageOfTunnel)
}

func ageOfTunnel(t *testing.T) {
	const age = 300 * time.Millisecond
	s := newSite(t, 1, timeout.Shared, func(set *timeout.Settings) { set.AgeMax = age })
	d := s.dial(timeout.AgeQuiet)
	d.upgrade()
	for range 4 {
		let(timeout.AgeQuiet / 2)
		d.step('b')
	}
	(<-watchHTTP(d.c)).within(t, "client", "eof", d.last, timeout.AgeQuiet)
	if r := s.CloseOf(d.c); r.Reason != reason.AgeCap {
		t.Errorf("record: got %v, want age-cap", r.Reason)
	}
}

// crowded is a site with room for ten connections, and a backend that answers all but requests for /hold.
func crowded(t *testing.T, m timeout.Model, loops int) *site {
	t.Helper()
	backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
		if s.URL.Path == "/hold" {
			_, _ = io.Copy(io.Discard, c)
			return false
		}
		return c.Reply(lulltest.Response("hello"))
	})
	p := lulltest.HTTPPlan(m, backend.Addr)
	e := lulltest.StartWith(t, dataplane.Options{Loops: loops, ConnectionsMax: 10}, p)
	e.FollowExchanges()
	return &site{Engine: e, t: t, plan: p}
}

// begins are the phases of an exchange in which a connection is not closed to make room, and what the client has sent.
//
//nolint:gochecknoglobals // a table
var begins = []struct{ state, sent string }{
	{"head", "GET / HT"},
	{"request", post + "Content-Length: 10\r\n\r\nhello"},
	{"answer", "GET /hold HTTP/1.1\r\nHost: test\r\n\r\n"},
}

// serve asks for a greeting, after which the connection waits for its next request.
func (d *dialog) serve() {
	d.t.Helper()
	d.c.Get("/")
	d.c.ExpectAnswer("hello")
	d.s.WaitState(d.c, "waiting")
}

// TestReclaimHTTP_PR_03: near the limit a new connection takes the place of the one that has waited longest for a request,
// counted from its last response and not from its beginning. Those with an exchange under way are never closed for it.
func TestReclaimHTTP_PR_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, reclaimHTTP)
}

func reclaimHTTP(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := crowded(t, m, 1)
		var busy, waits []*dialog
		for i := range 5 {
			d := s.dial(lulltest.Patience)
			phase := begins[i%len(begins)]
			d.say(phase.sent)
			s.WaitState(d.c, phase.state)
			busy = append(busy, d)
		}
		for i := range 4 { // nine are open: 90 %
			d := s.dial(lulltest.Patience)
			if s.WaitState(d.c, "waiting"); i != 1 { // one never asks for anything
				d.serve()
			}
			waits = append(waits, d)
			let(5 * time.Millisecond) // so that none has waited as long as the next
		}
		waits[0].serve() // the oldest has waited for the shortest time now
		for _, i := range []int{1, 2, 3, 0} {
			newcomer := s.dial(lulltest.Patience)
			newcomer.say(begins[2].sent)
			newcomer.reclaims(waits[i])
			s.WaitState(newcomer.c, "answer")
			busy = append(busy, newcomer)
		}
		for i, d := range busy {
			if _, open := s.StateOf(d.c); !open {
				t.Errorf("connection %d was closed with an exchange under way", i)
			}
		}
		if last := s.dial(lulltest.Patience); len(busy) == 9 { // nobody is left to make room, but there is still some
			last.serve()
		}
		if l, _ := totalsOf(s.Engine, lulltest.HTTPKey); l.Closes[reason.Reclaimed] != 4 {
			t.Errorf("reclaimed: got %d, want 4", l.Closes[reason.Reclaimed])
		}
	})
}

// TestReclaimSparesAskedHTTP_PR_03: the connection that has waited longest has just sent a request, which the loop has not come
// to when it must make room. Another goes, and the request is answered.
func TestReclaimSparesAskedHTTP_PR_03(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := crowded(t, m, 1)
		var waits []*dialog
		for range 9 { // 90 %
			d := s.dial(lulltest.Patience)
			d.serve()
			waits = append(waits, d)
			let(5 * time.Millisecond) // so that none has waited as long as the next
		}
		release := s.Hold()
		newcomer := s.dial(lulltest.Patience)
		waits[0].c.Get("/")
		release()
		newcomer.reclaims(waits[1])
		waits[0].c.ExpectAnswer("hello")
		newcomer.serve()
	})
}

// reclaims checks that this connection has been closed to make room for d.
func (d *dialog) reclaims(oldest *dialog) {
	d.t.Helper()
	if got := <-watchHTTP(oldest.c); got.how != "eof" || len(got.data) > 0 {
		d.t.Errorf("reclaimed: got %q and %s, want nothing and eof", got.data, got.how)
	}
	if r := d.s.CloseOf(oldest.c); r.Reason != reason.Reclaimed {
		d.t.Errorf("record: got %v, want reclaimed", r.Reason)
	}
}

// TestReclaimAcrossLoopsHTTP_PR_03: with more loops, each of which makes room among its own, newcomers are still served.
func TestReclaimAcrossLoopsHTTP_PR_03(t *testing.T) {
	t.Parallel()
	s := crowded(t, timeout.Directional, 2)
	for range 60 {
		s.dial(lulltest.Patience).serve()
	}
}

// TestDescriptorsHTTP_PR_04: a client that is accepted with the last descriptor of the process gets a 503, since there is none for a
// back-end connection; the exchange under way beside it goes on, and so does all else afterwards.
func TestDescriptorsHTTP_PR_04(t *testing.T) {
	t.Parallel()
	backend, accepted := lulltest.Hands(t)
	h, port := startEngine(t, engineRole{Backend: backend.Addr.Port(), Idle: time.Minute, Loops: 1, Spare: 3, HTTP: true})
	first := lulltest.HTTP(lulltest.Dial(t, lulltest.Loopback(port)))
	first.Get("/")
	b := lulltest.TakeHTTP(t, accepted)
	b.Request()
	for range 3 {
		c := lulltest.HTTP(lulltest.Dial(t, lulltest.Loopback(port)))
		c.Get("/")
		checkOwn(t, c.Answer("GET"), "GET", 503)
		closed(t, "client", c)
		_ = c.Close()
	}
	b.Send(lulltest.Response("hello"))
	first.ExpectAnswer("hello")
	first.Get("/") // the back-end connection is in the pool
	b.Request()
	b.Send(lulltest.Response("again"))
	first.ExpectAnswer("again")
	if s := h.state(); s.Stats.Listeners[0].Closes[reason.NoDescriptors] != 3 {
		t.Errorf("ended for want of a descriptor: got %d, want 3", s.Stats.Listeners[0].Closes[reason.NoDescriptors])
	}
}

// TestPooledDescriptorsHTTP_PR_04: a pooled connection has the last descriptor and the request goes to another backend. The pooled
// one is given up for it.
func TestPooledDescriptorsHTTP_PR_04(t *testing.T) {
	t.Parallel()
	one, another := lulltest.Greeter(t), lulltest.Greeter(t)
	h, port := startEngine(t, engineRole{
		Backend: one.Addr.Port(), Another: another.Addr.Port(), Idle: time.Minute, Loops: 1, Spare: 2, HTTP: true,
	})
	c := lulltest.HTTP(lulltest.Dial(t, lulltest.Loopback(port)))
	const requests = 6 // round robin: each for the backend that the last was not for
	for range requests {
		c.Get("/")
		c.ExpectAnswer("hello")
	}
	reclaimed := 0
	for _, r := range h.state().Records {
		if r.Pooled && r.Reason == reason.Reclaimed {
			reclaimed++
		}
	}
	if a, b := one.Accepted(), another.Accepted(); a != requests/2 || b != requests/2 || reclaimed != requests-1 {
		t.Errorf("got %d and %d connections and %d given up, want %d each and %d", a, b, reclaimed, requests/2, requests-1)
	}
}

// TestQueueTO_07: a request that waits for a backend with room is served when there is some; it ends for reasons of its own
// where nobody makes room for the idle time, or where too many wait already.
func TestQueueTO_07(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, queueTO)
}

func queueTO(t *testing.T) {
	const idle = time.Second
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
	lulltest.Set(p).Backends[0].ConnectionsMax = 1
	lulltest.Listener(p).QueueMax, lulltest.Listener(p).Timeouts.Idle = 2, idle
	s := &site{startHTTP(t, 1, p), t, p, backend, accepted}
	first, second, third := s.dial(idle), s.dial(idle), s.dial(idle)
	first.ask("GET", "")
	for _, d := range []*dialog{second, third} {
		d.say(lulltest.Request("GET", "/", ""))
		s.WaitState(d.c, "queued")
	}
	refused := s.dial(idle)
	refused.say(lulltest.Request("GET", "/", ""))
	refused.failed("GET", 503)
	if x := s.ExchangeOf(refused.c, 1); x.Reason != reason.QueueFull || x.Timer != "" {
		t.Errorf("exchange: got %v by %q, want queue-full", x.Reason, x.Timer)
	}
	let(idle / 2)
	first.answer()
	second.b = first.b
	second.b.Request() // the third still waits, and the second keeps the only connection
	let(idle / 4)
	second.tell("HTTP/1.1 103 Early Hints\r\n\r\n") // so that its own time is not over first
	third.punctual(third.last, idle)
	a := third.c.Answer("GET")
	ending{"eof", nil, time.Now()}.within(t, "queued", "eof", third.last, idle)
	a.Close = true
	checkOwn(t, a, "GET", a.StatusCode)
	x := third.judgedExchange(1, verdict{reason.QueueTimeout, "idle", idle, a.StatusCode})
	if x.Tries != 0 || x.QueueTook < idle {
		t.Errorf("exchange: got %d tries, %v in the queue; want none, %v", x.Tries, x.QueueTook, idle)
	}
}
