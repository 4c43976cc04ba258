package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestNextBackendHTTP_TO_11: a backend that refuses, or does not answer within the connect limit, is followed by the next,
// which gets the whole request.
func TestNextBackendHTTP_TO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, nextBackendHTTP)
}

func nextBackendHTTP(t *testing.T) {
	const clients = 4
	limit := connectTime(t)
	for name, bad := range map[string]func(testing.TB) netip.AddrPort{"refused": lulltest.Refused, "silent": lulltest.Silent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				good := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
					c.Reply(lulltest.Response(string(s.Data), "Connection: close"))
					return false // so that each request needs a connection of its own
				})
				p := lulltest.HTTPPlan(m, bad(t), good.Addr, bad(t))
				lulltest.Listener(p).Timeouts.Connect = limit
				e := startHTTP(t, 2, p)
				var conns [clients]*lulltest.HTTPConn
				for i := range conns {
					conns[i] = e.DialHTTP()
					conns[i].Send(lulltest.Request("POST", "/", "hello"))
				}
				tried := 0
				for _, c := range conns {
					c.ExpectAnswer("hello")
					x := e.ExchangeOf(c, 1)
					tried += x.Tries
					least := time.Duration(0)
					if name == "silent" {
						least = time.Duration(x.Tries-1) * limit
					}
					if x.Reason != reason.Completed || x.Tries > 3 || x.Took < least || x.Retried {
						t.Errorf("exchange: got %v after %v and %d tries; want completed, each failed try for %v", x.Reason, x.Took, x.Tries, limit)
					}
				}
				if tried == clients {
					t.Errorf("no exchange met a bad backend first, so nothing was tested")
				}
				for _, b := range e.Stats().Backends {
					if b.Active != 0 || b.Conns != 0 {
						t.Errorf("%v: got %d exchanges, %d connections; want none", b.Key, b.Active, b.Conns)
					}
				}
			})
		})
	}
}

// TestNoneLeftHTTP_TO_11: where no backend can be had the client gets 503 if none is healthy or all refuse, and 504 if none
// has answered in time.
func TestNoneLeftHTTP_TO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, noneLeftHTTP)
}

func noneLeftHTTP(t *testing.T) {
	const limit = 400 * time.Millisecond
	shortIdle := func(l *plan.Listener) { l.Timeouts.Idle, l.Timeouts.Connect = limit, 4*time.Second }
	drained := func(l *plan.Listener) { l.BackendSet.Backends[0].Drain = true }
	none := func(*plan.Listener) {}
	for name, c := range map[string]struct {
		backends []func(testing.TB) netip.AddrPort
		change   func(*plan.Listener)
		status   int
		why      reason.Reason
		timer    string
		after    time.Duration
	}{
		"none":          {nil, none, 503, reason.NoBackend, "", 0},
		"drained":       {list(lulltest.Refused), drained, 503, reason.NoBackend, "", 0},
		"refused":       {list(lulltest.Refused), none, 503, reason.ConnectRefused, "", 0},
		"all_refused":   {list(lulltest.Refused, lulltest.Refused, lulltest.Refused), none, 503, reason.ConnectRefused, "", 0},
		"refused_first": {list(lulltest.Refused, lulltest.Silent), none, 504, reason.ConnectTimeout, "connect", limit}, // not all refuse
		"silent_first":  {list(lulltest.Silent, lulltest.Refused), none, 504, reason.ConnectTimeout, "connect", limit},
		"silent":        {list(lulltest.Silent), none, 504, reason.ConnectTimeout, "connect", limit},
		"all_silent":    {list(lulltest.Silent, lulltest.Silent), none, 504, reason.ConnectTimeout, "connect", 2 * limit},
		"limit_is_idle": {list(lulltest.Silent), shortIdle, 504, reason.ConnectTimeout, "idle", limit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				var backends []netip.AddrPort
				for _, b := range c.backends {
					backends = append(backends, b(t))
				}
				p := lulltest.HTTPPlan(m, backends...)
				lulltest.Listener(p).Timeouts.Connect = limit
				c.change(lulltest.Listener(p))
				s := &site{Engine: startHTTP(t, 2, p), t: t, plan: p}
				for method, body := range map[string]string{"GET": "", "POST": "hello"} {
					d := s.dial(lulltest.Patience)
					d.say(lulltest.Request(method, "/", body))
					a := d.c.Answer(method)
					ending{"eof", nil, time.Now()}.within(t, "client", "eof", d.last, c.after)
					a.Close = true // it may keep the connection
					checkOwn(t, a, method, c.status)
					tries := len(backends)
					if c.why == reason.NoBackend {
						tries = 0
					}
					if x := s.ExchangeOf(d.c, 1); x.Reason != c.why || x.Timer != c.timer || x.Status != c.status || x.Tries != tries || x.ConnectTook >= 0 {
						t.Errorf("exchange: got %v by %q with %d after %d tries, connected in %v; want %v by %q with %d after %d, never",
							x.Reason, x.Timer, x.Status, x.Tries, x.ConnectTook, c.why, c.timer, c.status, tries)
					}
				}
			})
		})
	}
}

// TestUnhealthyHTTP_TO_11: with every backend out the client gets 503, and is served when one comes back.
func TestUnhealthyHTTP_TO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unhealthyHTTP)
}

func unhealthyHTTP(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		named := func(name string) netip.AddrPort {
			return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(lulltest.Response(name)) }).Addr
		}
		p := lulltest.HTTPPlan(m, named("one"), named("two"))
		e := startHTTP(t, 1, p)
		one, two := lulltest.Set(p).Backends[0].Key, lulltest.Set(p).Backends[1].Key
		for _, c := range []struct {
			name     string
			one, two bool
			want     string // "" = 503
		}{
			{"one", true, false, "one"}, {"two", false, true, "two"}, {"neither", false, false, ""}, {"one_again", true, false, "one"},
		} {
			e.SetStatus(one, c.one, "test")
			e.SetStatus(two, c.two, "test")
			for range 3 { // over pooled connections too
				client := e.DialHTTP()
				client.Get("/")
				if c.want != "" {
					client.ExpectAnswer(c.want)
				} else if a := client.Answer("GET"); a.StatusCode != 503 {
					t.Errorf("%s: got %s, want 503", c.name, a.Status)
				}
				_ = client.Close()
			}
		}
	})
}

// TestFINWhileConnectingTO_09_TO_11: a request and its client's FIN wait while its backend is being found.
func TestFINWhileConnectingTO_09_TO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, finWhileConnecting)
}

func finWhileConnecting(t *testing.T) {
	limit := connectTime(t)
	onModels(t, func(t *testing.T, m timeout.Model) {
		second, accepted := lulltest.Hands(t)
		p := lulltest.HTTPPlan(m, lulltest.Silent(t), second.Addr)
		lulltest.Set(p).Backends[1].Backup = true
		lulltest.Listener(p).Timeouts.Connect = limit
		s := &site{startHTTP(t, 1, p), t, p, second, accepted}
		d := s.dial(lulltest.Patience)
		begun := now()
		d.say(lulltest.Request("GET", "/", ""))
		_ = d.c.CloseWrite()
		d.meet().Request()
		if took := time.Since(begun.at); took < limit {
			t.Errorf("the second backend got it after %v, want the first to have %v", took, limit)
		}
		d.answer()
		if how, _ := d.c.End(); how != "eof" {
			t.Errorf("client: ended with %s, want eof", how)
		}
		if x := d.completed(1); x.Tries != 2 {
			t.Errorf("exchange: got %d tries, want 2", x.Tries)
		}
	})
}

// TestUnreadUploadTO_11: a backend that takes no more of an upload makes a 408 or a 504 when nothing has moved for the
// idle time.
func TestUnreadUploadTO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unreadUpload)
}

func unreadUpload(t *testing.T) {
	const idle = 1500 * time.Millisecond
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	d := s.dial(lulltest.Patience)
	d.say(post + "Content-Length: 1000000000\r\n\r\n")
	first := d.last
	d.meet()
	last := fillUp(t, d.client)
	a := d.c.Answer("POST")
	if gap := time.Since(last.at); gap > idle+last.allowed(lateMax) {
		t.Errorf("client: refused %v after the last byte that anyone took, want %v", gap, idle)
	}
	if a.StatusCode != 408 && a.StatusCode != 504 || a.How != "whole" {
		t.Errorf("client: got %s and %s, want 408 or 504, whole", a.Status, a.How)
	}
	d.last, d.heard = first, last.at
	x := s.ExchangeOf(d.c, 1)
	if !x.Reason.Info().Timer || x.Status != a.StatusCode {
		t.Errorf("exchange: got %v with %d, want a timer's reason with %d", x.Reason, x.Status, a.StatusCode)
	}
	d.judge(s.Engine, x.Reason, idle)
	if how, _ := d.b.End(); how == "timeout" {
		t.Errorf("backend: its connection is still open")
	}
}
