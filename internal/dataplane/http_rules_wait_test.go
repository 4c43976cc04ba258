package dataplane_test

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// waits are the two ways in which a client's connection waits for a request.
//
//nolint:gochecknoglobals // a table
var waits = map[string]func(*dialog){"first": func(*dialog) {}, "next": (*dialog).exchange}

// unasked checks that the connection ends without another byte, after the time for which it may wait for a request.
func (d *dialog) unasked(timer string, wait time.Duration) {
	d.t.Helper()
	got := <-watchHTTP(d.c)
	got.within(d.t, "client", "eof", d.last, wait)
	if len(got.data) > 0 {
		d.t.Errorf("client: got %q, want no response", got.data)
	}
	if r := d.judge(d.s.Engine, reason.ClientIdle, wait); r.Timer != timer {
		d.t.Errorf("record: got %q, want %q", r.Timer, timer)
	}
	for _, why := range exchangeReasons(d.s.Engine, d.c) {
		if why != reason.Completed {
			d.t.Errorf("exchange: got %v, want only completed ones", why)
		}
	}
}

// TestNoRequestSH_02_TO_01: a client's connection that waits for its first or its next request ends after the idle time,
// without a response. The settings that only the directional model has make no difference.
func TestNoRequestSH_02_TO_01(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, noRequest)
}

func noRequest(t *testing.T) {
	onLoops(t, func(t *testing.T, loops int) {
		for name, begin := range waits {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				const idle = 900 * time.Millisecond
				s := newSite(t, loops, timeout.Shared, func(set *timeout.Settings) {
					set.Idle, set.FrontKeepalive, set.BackKeepalive, set.FrontRequestsMax = idle, idle/3, idle/3, 1
				})
				d := s.dial(idle)
				begin(d)
				d.unasked("idle", idle)
			})
		}
	})
}

// TestKeepaliveDI_09: between requests, and before the first, the front-end keep-alive alone decides, whether the idle
// time is shorter or longer.
func TestKeepaliveDI_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, keepaliveDI)
}

func keepaliveDI(t *testing.T) {
	for name, idle := range map[string]time.Duration{"idle_shorter": 500 * time.Millisecond, "idle_longest": 7200 * time.Second} {
		for wait, begin := range waits {
			t.Run(name+"_"+wait, func(t *testing.T) {
				t.Parallel()
				const keepalive = 1100 * time.Millisecond
				s := newSite(t, 2, timeout.Directional, func(set *timeout.Settings) { set.Idle, set.FrontKeepalive = idle, keepalive })
				d := s.dial(keepalive)
				begin(d)
				let(keepalive * 6 / 10)
				d.exchange() // more than the shorter idle time later
				d.unasked("front_keepalive", keepalive)
			})
		}
	}
}

// TestKeepaliveEndsDI_01_DI_09: with the first byte of a request its wait is over, however long the rest takes; and the
// wait before it is no part of the time that the request has.
func TestKeepaliveEndsDI_01_DI_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, keepaliveEnds)
}

func keepaliveEnds(t *testing.T) {
	const keepalive, idle = time.Second, 2400 * time.Millisecond
	s := newSite(t, 2, timeout.Directional, func(set *timeout.Settings) { set.Idle, set.FrontKeepalive = idle, keepalive })
	d := s.dial(keepalive)
	let(keepalive * 7 / 10)
	d.say("GET /")
	begun := d.last
	d.idle = idle
	let(idle / 2) // past the keep-alive, counted from anywhere
	d.say(" HTTP/1.1\r\nHost: test\r\n\r\n")
	d.meet().Request()
	let(idle / 4) // past the idle time, counted from the connection's beginning
	d.punctual(begun, idle)
	d.answer()
	d.completed(1)
}

// TestCapDI_10: the last exchange that a client's connection may carry says so, and the connection ends with it.
func TestCapDI_10(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, capDI)
}

func capDI(t *testing.T) {
	const most = 3
	s := newSite(t, 1, timeout.Directional, func(set *timeout.Settings) { set.FrontRequestsMax = most })
	d := s.dial(lulltest.Patience)
	for i := range most {
		d.ask("GET", "")
		if a := d.answer(); a.Close != (i == most-1) {
			t.Errorf("response %d of %d: got Connection %q", i+1, most, a.Header.Get("Connection"))
		}
	}
	got := <-watchHTTP(d.c)
	got.within(t, "client", "eof", d.last, 0)
	d.capped(most)
	again := s.dial(lulltest.Patience) // the back-end connection has no part in it
	again.b = d.b
	again.exchange()
}

// capped checks the records of a connection that has carried as many exchanges as it may.
func (d *dialog) capped(most int) {
	d.t.Helper()
	if r := d.s.CloseOf(d.c); r.Reason != reason.RequestCap || r.Exchanges != most {
		d.t.Errorf("record: got %v after %d exchanges, want request-cap after %d", r.Reason, r.Exchanges, most)
	}
	if all := exchangeReasons(d.s.Engine, d.c); len(all) != most {
		d.t.Errorf("exchanges: got %v, want %d", all, most)
	}
	d.completed(most)
}

// TestPipelinedCapDI_10: requests beyond the cap, which came together with those before it, reach no backend, and their
// unread bytes do not make a reset of the orderly end.
func TestPipelinedCapDI_10(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, pipelinedCap)
}

func pipelinedCap(t *testing.T) {
	for name, beyond := range map[string]int{"one": 1, "many": 20_000} { // 20,000: far more than lull reads in advance
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const most = 3
			backend := lulltest.Greeter(t)
			p := lulltest.HTTPPlan(timeout.Directional, backend.Addr)
			lulltest.Listener(p).Timeouts.FrontRequestsMax = most
			s := &site{Engine: startHTTP(t, 1, p), t: t, plan: p}
			d := s.dial(lulltest.Patience)
			go func() { _, _ = d.c.Write([]byte(strings.Repeat(lulltest.Request("GET", "/", ""), most+beyond))) }()
			for i := range most {
				if a := d.c.ExpectAnswer("hello"); a.Close != (i == most-1) {
					t.Errorf("response %d of %d: got Connection %q", i+1, most, a.Header.Get("Connection"))
				}
			}
			if got := <-watchHTTP(d.c); got.how != "eof" || len(got.data) > 0 {
				t.Errorf("client: got %q and %s behind the last response, want nothing and eof", got.data, got.how)
			}
			if n := len(backend.Seen()); n != most {
				t.Errorf("backend: got %d requests, want %d", n, most)
			}
			d.capped(most)
		})
	}
}

// TestCapDefaultDI_10: by default the cap is 10,000, and the shared model has none.
func TestCapDefaultDI_10(t *testing.T) {
	busy(t)
	onModels(t, func(t *testing.T, m timeout.Model) {
		const most, batch = timeout.FrontRequestsMaxDefault, 100
		backend := lulltest.ServeConn(t, func(c *lulltest.Conn) {
			t.Cleanup(func() { _ = c.TCPConn.Close() }) // before the engine is looked at for leaks
			greetFast(c)
		})
		p := lulltest.HTTPPlan(m, backend.Addr)
		s := &site{Engine: start(t, 1, p), t: t, plan: p}
		d := s.dial(lulltest.Patience)
		requests := strings.Repeat(lulltest.Request("GET", "/", ""), batch)
		for i := range most {
			if i%batch == 0 {
				d.c.Send(requests)
			}
			if a := d.c.ExpectAnswer("hello"); a.Close != (m == timeout.Directional && i == most-1) {
				t.Fatalf("response %d: got Connection %q", i+1, a.Header.Get("Connection"))
			}
		}
		if m == timeout.Directional {
			if got := <-watchHTTP(d.c); got.how != "eof" {
				t.Errorf("client: ended with %s, want eof", got.how)
			}
		} else {
			d.c.Get("/")
			d.c.ExpectAnswer("hello")
		}
		_ = d.c.Close()
		if got := s.CloseOf(d.c); got.Exchanges < most {
			t.Errorf("record: got %d exchanges, want at least %d", got.Exchanges, most)
		}
	})
}

// greetFast answers whatever ends in an empty line: lull sends a backend one request at a time.
func greetFast(c net.Conn) {
	buffer, answer := make([]byte, 4096), []byte(lulltest.Response("hello"))
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if bytes.HasSuffix(buffer[:n], []byte("\r\n\r\n")) {
			_, _ = c.Write(answer)
		}
	}
}

// TestEmptyLineSH_02_DI_09: an empty line behind a body, as old clients send it, is no request: what follows is a wait like
// any other, and a request may still come behind it.
func TestEmptyLineSH_02_DI_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, emptyLine)
}

func emptyLine(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = time.Second
		s := newSite(t, 1, m, func(s *timeout.Settings) { s.Idle, s.FrontKeepalive = idle, idle })
		d := s.dial(idle)
		d.exchange()
		d.c.Send("\r\n")
		d.exchange()
		d.c.Send("\r\n\r\n")
		if got := <-watchHTTP(d.c); got.how != "eof" {
			t.Errorf("client: ended with %s, want eof and not a byte", got.how)
		}
		if c := s.CloseOf(d.c); c.Reason != reason.ClientIdle || c.Exchanges != 2 {
			t.Errorf("record: got %v after %d exchanges, want client-idle after 2", c.Reason, c.Exchanges)
		}
	})
}
