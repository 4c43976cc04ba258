package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestRefusalArrivesTO_08: a response that lull makes itself reaches its client although that has sent, and goes on
// sending, what nobody reads. A plain close would make the kernel reset the connection and destroy it.
func TestRefusalArrivesTO_08(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, refusalArrives)
}

func refusalArrives(t *testing.T) {
	const idle = time.Second
	for name, c := range map[string]struct {
		sends  func(d *dialog)
		status int
	}{
		"408_in_head": {func(d *dialog) { d.say("GET / HTTP/1.1\r\n") }, 408},
		"504_pipelined": {func(d *dialog) {
			go func() { _, _ = d.c.Write([]byte(strings.Repeat(lulltest.Request("GET", "/", ""), 20_000))) }()
		}, 504},
		"upload_not_taken":  {func(d *dialog) { d.say(post + "Content-Length: 1000000000\r\n\r\n"); fillUp(d.t, d.client) }, 0},
		"504_after_request": {func(d *dialog) { d.say(lulltest.Request("GET", "/", "")) }, 504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 2, m, idleOf(idle))
				d := s.dial(lulltest.Patience)
				begun := d.last
				c.sends(d)
				a := d.c.Answer("GET")
				if status := c.status; status == 0 && a.StatusCode != 408 && a.StatusCode != 504 || status != 0 && a.StatusCode != status {
					t.Errorf("client: got %d, want %d (0: 408 or 504)", a.StatusCode, status)
				}
				checkOwn(t, a, "GET", a.StatusCode)
				if how, data := d.c.End(); how != "eof" || len(data) > 0 {
					t.Errorf("client: got %q and %s behind the response, want nothing and eof", data, how)
				}
				if gap := time.Since(begun.at); gap < idle {
					t.Errorf("client: closed after %v, want at least %v", gap, idle)
				}
				if x := s.ExchangeOf(d.c, 1); x.Status != a.StatusCode || !x.Reason.Info().Timer {
					t.Errorf("exchange: got %v with %d, want a timer's reason with %d", x.Reason, x.Status, a.StatusCode)
				}
			})
		})
	}
}

// TestResponseFlushedTO_08_SH_05: what has come of a response when it is cut reaches a client that is slow to read it.
func TestResponseFlushedTO_08_SH_05(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, responseFlushed)
}

func responseFlushed(t *testing.T) {
	for name, size := range map[string]int{"in_kernel": 300 << 10, "held_by_lull": 64 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 1, m, func(*timeout.Settings) {})
				d := &dialog{s: s, ends: ends{t: t, idle: lulltest.Patience, last: now()}}
				d.c = lulltest.HTTP(lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 32<<10))
				d.client = d.c.Conn
				d.ask("GET", "")
				d.tell(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size+1))
				go func() { _, _ = io.CopyN(d.b.Conn, new(counting), int64(size)) }()
				taken := d.waitTaken(size)
				changed := time.Now()
				s.change(100 * time.Millisecond)
				x := s.ExchangeOf(d.c, 1)
				if !x.Reason.Info().Timer || x.Status != 200 {
					t.Errorf("exchange: got %v with %d, want a timer's reason with 200", x.Reason, x.Status)
				}
				a := d.c.Answer("GET")
				if took := time.Since(changed); took > lingers {
					t.Skipf("the machine is too busy: the client took %v to read what lull grants %v for", took, lingers)
				}
				if a.How != "cut" || len(a.Data)+256 < taken { // the head may be counted
					t.Errorf("client: got %d bytes and %s, want the %d that lull took, cut", len(a.Data), a.How, taken)
				}
				want := make([]byte, len(a.Data))
				_, _ = new(counting).Read(want)
				if !bytes.Equal(a.Data, want) {
					t.Errorf("client: the bytes are not those that the backend sent")
				}
			})
		})
	}
}

// waitTaken waits until lull has taken a response of that size, or as much of it as it holds for a client that does not
// read, and returns how much that is.
func (d *dialog) waitTaken(size int) (taken int) {
	d.t.Helper()
	if !lulltest.Eventually(func() bool {
		live, ok := d.s.StateOf(d.c)
		taken = int(live.BytesDown)
		return ok && (taken >= size || live.PendingDown > 0 && live.QuietDown > 100*time.Millisecond)
	}) {
		d.t.Fatalf("taken of the response: got %d of %d bytes", taken, size)
	}
	return taken
}

// TestResetOnIdleHTTP_TO_08: a listener with rst resets a client's connection that is idle, but not one for which it has a
// response.
func TestResetOnIdleHTTP_TO_08(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, resetOnIdleHTTP)
}

func resetOnIdleHTTP(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = 600 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.HTTPPlan(m, backend.Addr)
		everyIdle(idle)(&lulltest.Listener(p).Timeouts)
		lulltest.Listener(p).ResetOnIdle = true
		s := &site{startHTTP(t, 2, p), t, p, backend, accepted}
		waiting, asked := s.dial(idle), s.dial(idle)
		asked.ask("GET", "")
		seen := watchHTTP(waiting.c)
		a := asked.c.Answer("GET")
		checkOwn(t, a, "GET", 504)
		(<-seen).within(t, "waiting", "reset", waiting.last, idle)
		waiting.judge(s.Engine, reason.ClientIdle, idle)
		closed := s.dial(idle)
		_ = closed.c.CloseWrite()
		(<-watchHTTP(closed.c)).within(t, "closed by the client", "eof", closed.last, 0)
	})
}

// TestRequestThenFINTO_09: a client that sends its FIN behind a request still gets the answer, however long that takes
// within the idle time, and then the end.
func TestRequestThenFINTO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, requestThenFIN)
}

func requestThenFIN(t *testing.T) {
	for name, body := range map[string]string{"get": "", "post": "hello"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				const idle = 1500 * time.Millisecond
				s := newSite(t, 1, m, idleOf(idle))
				d := s.dial(idle)
				method := strings.ToUpper(name)
				d.say(lulltest.Request(method, "/", body))
				_ = d.c.CloseWrite()
				if got := d.meet().Request(); string(got.Data) != body {
					t.Errorf("backend: got %q, want %q", got.Data, body)
				}
				let(idle / 3)
				d.tell("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
				let(idle / 3)
				d.tell("llo")
				d.c.ExpectAnswer("hello")
				(<-watchHTTP(d.c)).within(t, "client", "eof", d.last, 0)
				d.completed(1)
				if r := s.CloseOf(d.c); r.Reason != reason.ClientClosed {
					t.Errorf("record: got %v, want client-closed", r.Reason)
				}
				other := s.dial(idle)
				other.b = d.b // the back-end connection took no harm
				other.exchange()
			})
		})
	}
}

// TestPipelinedThenFINTO_09: all requests before a client's FIN are answered, one after the other.
func TestPipelinedThenFINTO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, pipelinedThenFIN)
}

func pipelinedThenFIN(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const requests = 5
		backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
			return c.Reply(lulltest.Response(s.URL.Path))
		})
		e := startHTTP(t, 2, lulltest.HTTPPlan(m, backend.Addr))
		c := e.DialHTTP()
		sent := ""
		for i := range requests {
			sent += lulltest.Request("GET", fmt.Sprintf("/%d", i), "")
		}
		c.Send(sent)
		_ = c.CloseWrite()
		for i := range requests {
			c.ExpectAnswer(fmt.Sprintf("/%d", i))
		}
		if how, data := c.End(); how != "eof" || len(data) > 0 {
			t.Errorf("client: got %q and %s behind the answers, want nothing and eof", data, how)
		}
		if r := e.CloseOf(c); r.Reason != reason.ClientClosed || r.Exchanges != requests {
			t.Errorf("record: got %v after %d exchanges, want client-closed after %d", r.Reason, r.Exchanges, requests)
		}
	})
}

// TestEarlyAnswerTO_08: a backend's response that comes before the whole request, and with which it closes, reaches a
// client that is still sending.
func TestEarlyAnswerTO_08(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, earlyAnswer)
}

func earlyAnswer(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := newSite(t, 2, m, func(*timeout.Settings) {})
		d := s.dial(lulltest.Patience)
		d.say(post + "Content-Length: 1000000000\r\n\r\n")
		d.meet().RequestHead()
		fillUp(t, d.client)
		d.tell("HTTP/1.1 413 Content Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
		_ = d.b.CloseWrite()
		a := d.c.Answer("POST")
		if a.StatusCode != 413 || a.How != "whole" || string(a.Data) != "hello" {
			t.Errorf("client: got %s, %q, %s; want 413, hello, whole", a.Status, a.Data, a.How)
		}
		if how, data := d.c.End(); how != "eof" || len(data) > 0 {
			t.Errorf("client: got %q and %s behind the response, want nothing and eof", data, how)
		}
		if x := s.ExchangeOf(d.c, 1); x.Status != 413 || x.BackendStatus != 413 || x.Timer != "" {
			t.Errorf("exchange: got %v with %d by %q, want 413 and no timer", x.Reason, x.Status, x.Timer)
		}
		s.WaitPooled(0)
	})
}

// TestFINRearmsNothingHTTP_TO_09: a client's FIN is no byte: the backend's silence counts from the request.
func TestFINRearmsNothingHTTP_TO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, finRearmsNothingHTTP)
}

func finRearmsNothingHTTP(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = 1200 * time.Millisecond
		s := newSite(t, 2, m, idleOf(idle))
		d := s.dial(idle)
		d.ask("GET", "")
		let(idle * 6 / 10)
		_ = d.c.CloseWrite()
		d.refused("GET", 504, idle)
		d.judged(1, verdict{reason.ResponseIdle, "idle", idle, 504})
	})
}

// TestFINInRequestTO_09: a request that its client's FIN cuts short never looks whole to a backend.
func TestFINInRequestTO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, finInRequest)
}

func finInRequest(t *testing.T) {
	for name, request := range map[string]string{
		"length":  post + "Content-Length: 10\r\n\r\nhello",
		"chunked": post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"head":    "GET / HTTP/1.1\r\nHost: te",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 2, m, func(*timeout.Settings) {})
				d := s.dial(lulltest.Patience)
				d.say(request)
				if name != "head" {
					d.meet().RequestHead()
				} else {
					s.WaitState(d.c, "head")
				}
				_ = d.c.CloseWrite()
				if got := <-watchHTTP(d.c); got.how != "eof" {
					t.Errorf("client: ended with %s, want eof", got.how)
				}
				if name != "head" {
					if how, data := d.b.End(); bytes.Contains(data, []byte("0\r\n\r\n")) || len(data) > len("5\r\nhello\r\n") {
						t.Errorf("backend: got %q and %s, want it cut short", data, how)
					}
				}
				if x := s.ExchangeOf(d.c, 1); x.Reason == reason.Completed || x.Timer != "" {
					t.Errorf("exchange: got %v by %q, want it not completed", x.Reason, x.Timer)
				}
				s.WaitPooled(0)
			})
		})
	}
}

// TestClientLeavesTO_07: a client that closes or resets its connection while it waits, and while it is waited for, ends its
// exchange, and the back-end connection with it.
func TestClientLeavesTO_07(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, clientLeaves)
}

func clientLeaves(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := newSite(t, 1, m, func(*timeout.Settings) {})
		waiting := s.dial(lulltest.Patience)
		waiting.exchange()
		_ = waiting.c.Close()
		if r := s.CloseOf(waiting.c); r.Reason != reason.ClientClosed {
			t.Errorf("record: got %v, want client-closed", r.Reason)
		}
		s.WaitPooled(1) // it has nothing to do with the client any more
		asked := s.dial(lulltest.Patience)
		asked.b = waiting.b
		asked.ask("GET", "")
		asked.c.Reset()
		if how, _ := asked.b.End(); how != "eof" && how != "reset" {
			t.Errorf("backend: ended with %s, want an end: nobody waits for its response", how)
		}
		if x := s.ExchangeOf(asked.c, 1); x.Reason != reason.ClientReset || x.Status != 0 {
			t.Errorf("exchange: got %v with %d, want client-reset with nothing", x.Reason, x.Status)
		}
		if r := s.CloseOf(asked.c); r.Reason != reason.ClientReset {
			t.Errorf("record: got %v, want client-reset", r.Reason)
		}
	})
}

// TestSlowLoopTO_10: after a loop has been away for longer than the idle time, what was due fires once; what had a byte in
// its socket by then lives on.
func TestSlowLoopTO_10(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, slowLoop)
}

func slowLoop(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = 900 * time.Millisecond
		s := newSite(t, 2, m, everyIdle(idle))
		silent, answered, waiting, uploading, unheard := s.dial(idle), s.dial(idle), s.dial(idle), s.dial(idle), s.dial(idle)
		silent.ask("GET", "")
		answered.ask("GET", "")
		uploading.say(post + "Content-Length: 5\r\n\r\nhel")
		uploading.meet().RequestHead()
		uploading.b.Expect("hel")
		release := s.Hold()
		t.Cleanup(release)
		silent.punctual(silent.last, idle)
		unheard.punctual(unheard.last, idle)
		let(idle * 14 / 10)
		answered.b.Reply(lulltest.Response("hello", "Connection: close")) // so that nobody else gets the connection
		waiting.c.Get("/late")
		uploading.c.Send("lo")
		if m == timeout.Directional { // its two directions both count
			uploading.b.Reply("HTTP/1.1 103 Early Hints\r\n\r\n")
		}
		continued := now()
		release()
		answered.c.ExpectAnswer("hello")
		waiting.meet().Request()
		uploading.b.Expect("lo")
		silent.last, unheard.last = continued, continued
		silent.refused("GET", 504, 0)
		(<-watchHTTP(unheard.c)).within(t, "without a request", "eof", continued, 0)
		answered.completed(1)
		for d, why := range map[*dialog]reason.Reason{silent: reason.ResponseIdle, unheard: reason.ClientIdle} {
			if r := s.CloseOf(d.c); r.Reason != why || r.Late < idle*3/10 {
				t.Errorf("record: got %v, %v late; want %v, as late as the loop was", r.Reason, r.Late, why)
			}
		}
		if all := exchangeReasons(s.Engine, silent.c); len(all) != 1 {
			t.Errorf("ends of the exchange: got %v, want one", all)
		}
	})
}
