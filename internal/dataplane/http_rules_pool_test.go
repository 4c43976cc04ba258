package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/health"
	"lull/internal/lulltest"
)

// TestReuseSH_07_DI_11: requests that follow each other, of whichever clients, go over one back-end connection of a loop.
func TestReuseSH_07_DI_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, reuse)
}

func reuse(t *testing.T) {
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				const clients, rounds = 8, 3
				backend := lulltest.Greeter(t)
				e := startHTTP(t, loops, lulltest.HTTPPlan(m, backend.Addr))
				for range 2 { // the second time, with nobody left of the first
					var conns [clients]*lulltest.HTTPConn
					for i := range conns {
						conns[i] = e.DialHTTP()
					}
					for range rounds {
						for _, c := range conns {
							c.Get("/")
							c.ExpectAnswer("hello")
						}
					}
					for _, c := range conns {
						_ = c.Close()
						e.CloseOf(c)
					}
				}
				const requests = 2 * clients * rounds
				used, got := backend.Accepted(), httpTotals(e)
				if used > loops || got.Reused != requests-uint64(used) || got.Requests != requests || len(backend.Seen()) != requests {
					t.Errorf("back-end connections: got %d, %d of %d requests reused one, %d came; want at most %d and all to come",
						used, got.Reused, got.Requests, len(backend.Seen()), loops)
				}
				e.WaitPooled(used)
			})
		})
	}
}

// TestPoolIdleSH_07_DI_11_TO_01: a pooled connection is there until its time is over, and lull closes it then: by the idle
// time in the shared model, by the back-end keep-alive alone in the directional one.
func TestPoolIdleSH_07_DI_11_TO_01(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, poolIdle)
}

func poolIdle(t *testing.T) {
	const keep = 1200 * time.Millisecond
	for name, c := range map[string]struct {
		model timeout.Model
		idle  time.Duration
		timer string
	}{
		"shared":       {timeout.Shared, keep, "idle"},
		"idle_shorter": {timeout.Directional, 600 * time.Millisecond, "back_keepalive"},
		"idle_longest": {timeout.Directional, 7200 * time.Second, "back_keepalive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, c.model, func(set *timeout.Settings) { set.Idle, set.BackKeepalive = c.idle, keep })
			first := s.dial(keep)
			first.exchange()
			let(keep * 6 / 10)
			d := s.dial(keep)
			d.b = first.b
			first.punctual(first.last, keep)
			d.exchange()
			got := <-watchHTTP(d.b)
			got.within(t, "backend", "eof", d.last, keep)
			if len(got.data) > 0 {
				t.Errorf("backend: got %q, want nothing", got.data)
			}
			r := s.PoolCloses(1)[0]
			d.judgePooled(r, reason.PoolIdle)
			if r.Timer != c.timer || r.Setting != keep || r.Late < 0 {
				t.Errorf("record: got %q=%v, %v late; want %q=%v", r.Timer, r.Setting, r.Late, c.timer, keep)
			}
			if due := r.Closed.Add(-r.Late); due.Before(d.last.at.Add(keep)) || due.After(d.heard.Add(keep+keep/4)) {
				t.Errorf("record: was due %v after the last byte, want %v", due.Sub(d.last.at), keep)
			}
			s.WaitPooled(0)
		})
	}
}

// judgePooled checks the record and the count of a back-end connection that has ended in the pool.
func (d *dialog) judgePooled(r record.Close, why reason.Reason) {
	d.t.Helper()
	if r.Reason != why || r.Ends.Client.IsValid() || r.Ends.Listener != "http" || r.Ends.Backend == "" || r.Exchanges == 0 {
		d.t.Errorf("record: got %v of %+v after %d exchanges, want %v of a back-end connection of the listener", r.Reason, r.Ends, r.Exchanges, why)
	}
	if l, _ := totalsOf(d.s.Engine, lulltest.HTTPKey); l.PoolCloses[why] != 1 {
		d.t.Errorf("ends of pooled connections as %v: got %d, want 1", why, l.PoolCloses[why])
	}
}

// TestBackendClosesIdleSH_08: a backend that closes a pooled connection first is counted, with the connection's idle age,
// and the client notices nothing.
func TestBackendClosesIdleSH_08(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, backendClosesIdle)
}

func backendClosesIdle(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const age = 400 * time.Millisecond
		s := newSite(t, 1, m, func(*timeout.Settings) {})
		d := s.dial(lulltest.Patience)
		d.exchange()
		s.WaitPooled(1) // the client may have its answer a moment before
		let(age)
		_ = d.b.Close()
		r := s.PoolCloses(1)[0]
		d.judgePooled(r, reason.BackendClosedIdle)
		if r.Timer != "" || r.QuietDown < age || r.QuietDown > age+d.last.allowed(lateMax) {
			t.Errorf("record: got %q, quiet for %v; want no timer, quiet for %v", r.Timer, r.QuietDown, age)
		}
		if b := s.Stats().Backends[0]; b.ClosedIdle != 1 || b.Conns != 0 {
			t.Errorf("%v: got %d closed idle, %d connections; want 1, none", b.Key, b.ClosedIdle, b.Conns)
		}
		d.b = nil
		d.exchange()
		if got := httpTotals(s.Engine); got.Retries != 0 || got.Refused != 0 {
			t.Errorf("stale connections: got %+v, want none: it was known to be closed", got)
		}
	})
}

// TestHintIgnoredDI_12: what a backend says of its keep-alive is no reason to close earlier, and no client's business.
func TestHintIgnoredDI_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, hintIgnored)
}

func hintIgnored(t *testing.T) {
	const keep = 2200 * time.Millisecond
	s := newSite(t, 1, timeout.Directional, func(set *timeout.Settings) { set.BackKeepalive = keep })
	d := s.dial(keep)
	d.ask("GET", "")
	if a := d.answer("Keep-Alive: timeout=1, max=1"); a.Header.Get("Keep-Alive") != "" || a.Close {
		t.Errorf("client: got %v, want nothing of keep-alive", a.Header)
	}
	let(1500 * time.Millisecond)
	d.ask("GET", "")
	d.answer("Keep-Alive: timeout=1, max=1", "Connection: keep-alive")
	(<-watchHTTP(d.b)).within(t, "backend", "eof", d.last, keep)
	d.judgePooled(s.PoolCloses(1)[0], reason.PoolIdle)
}

// TestCloseObeyedDI_12: a backend that says that its connection ends is obeyed at once; the client's connection goes on.
func TestCloseObeyedDI_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, closeObeyed)
}

func closeObeyed(t *testing.T) {
	for name, response := range map[string]string{
		"close":  lulltest.Response("hello", "Connection: close"),
		"listed": lulltest.Response("hello", "Connection: x-one, Close"),
		"http10": "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 1, m, func(*timeout.Settings) {})
				d := s.dial(lulltest.Patience)
				for range 2 {
					d.b = nil
					d.ask("GET", "")
					d.tell(response)
					if a := d.c.ExpectAnswer("hello"); a.Close {
						t.Errorf("client: got Connection %q, want its own connection to go on", a.Header.Get("Connection"))
					}
					(<-watchHTTP(d.b)).within(t, "backend", "eof", d.last, 0)
				}
				s.WaitPooled(0)
				if got := httpTotals(s.Engine); got.Reused != 0 || got.Requests != 2 {
					t.Errorf("exchanges: got %+v, want 2 and none over a pooled connection", got)
				}
			})
		})
	}
}

// TestOthersRearmNothingHTTP_TO_04: while health checks and other clients use the same backend, over the same loop, a
// silent exchange and a silent client end on time. Nor do they keep each other alive.
func TestOthersRearmNothingHTTP_TO_04(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, othersRearmNothingHTTP)
}

func othersRearmNothingHTTP(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = time.Second
		backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
			if s.URL.Path == "/silent" {
				_, _ = io.Copy(io.Discard, c)
				return false
			}
			return c.Reply(lulltest.Response("hello"))
		})
		p := lulltest.HTTPPlan(m, backend.Addr)
		everyIdle(idle)(&lulltest.Listener(p).Timeouts)
		lulltest.Set(p).HealthCheck = &plan.HealthCheck{Interval: 100 * time.Millisecond, Timeout: time.Second, Healthy: 1, Unhealthy: 1}
		s := &site{Engine: startHTTP(t, 1, p), t: t, plan: p}
		checks := health.New(s.Addrs, s.SetStatus)
		t.Cleanup(checks.Close)
		checks.Apply(p)
		busy, direct := s.dial(idle), lulltest.HTTP(lulltest.Dial(t, backend.Addr))
		silent, unheard := s.dial(idle), s.dial(idle)
		silent.say(lulltest.Request("GET", "/silent", ""))
		waiting, ended := watchHTTP(unheard.c), make(chan struct{})
		go func() {
			defer close(ended)
			silent.refused("GET", 504, idle)
		}()
		probes := backend.Accepted()
		for open := true; open; {
			for _, c := range []*lulltest.HTTPConn{busy.c, direct} {
				c.Get("/")
				c.ExpectAnswer("hello")
			}
			s.SetStatus(lulltest.Set(p).Backends[0].Key, true, "told again")
			select {
			case <-ended:
				open = false
			case <-time.After(100 * time.Millisecond):
			}
		}
		(<-waiting).within(t, "waiting", "eof", unheard.last, idle)
		if backend.Accepted() <= probes {
			t.Errorf("the backend was not probed meanwhile, so nothing was tested")
		}
		silent.judgedExchange(1, verdict{reason.ResponseIdle, "idle", idle, 504})
		unheard.judge(s.Engine, reason.ClientIdle, idle)
	})
}

// TestProbesHTTP_TO_03: keep-alive probes that the peers' kernels send and lull's answers re-arm nothing.
func TestProbesHTTP_TO_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, probesHTTP)
}

func probesHTTP(t *testing.T) {
	const idle = 2300 * time.Millisecond // longer than two probes, which come once a second at most
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	asked, waiting := s.dial(idle), s.dial(idle)
	asked.ask("GET", "")
	every := net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 9}
	for _, c := range []*lulltest.HTTPConn{asked.c, asked.b, waiting.c} {
		if err := c.SetKeepAliveConfig(every); err != nil {
			t.Fatal(err)
		}
	}
	seen := watchHTTP(waiting.c)
	let(time.Until(waiting.last.at.Add(idle - 150*time.Millisecond)))
	for who, c := range map[string]*lulltest.HTTPConn{"client": asked.c, "backend": asked.b, "waiting": waiting.c} {
		if quiet := sinceLastACK(t, c.Conn); quiet > 1500*time.Millisecond && time.Since(waiting.last.at) < idle {
			t.Errorf("%s: last ACK %v ago: no keep-alive probe was answered, so nothing was tested", who, quiet)
		}
	}
	asked.refused("GET", 504, idle)
	(<-seen).within(t, "waiting", "eof", waiting.last, idle)
	asked.judged(1, verdict{reason.ResponseIdle, "idle", idle, 504})
	waiting.judge(s.Engine, reason.ClientIdle, idle)
}
