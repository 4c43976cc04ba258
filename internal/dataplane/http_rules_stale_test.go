package dataplane_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// stale returns a conversation whose next request goes over the pooled connection b.
func stale(t *testing.T, m timeout.Model, retry bool) *dialog {
	t.Helper()
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(m, backend.Addr)
	lulltest.Listener(p).StaleRetry = retry
	s := &site{startHTTP(t, 1, p), t, p, backend, accepted}
	d := s.dial(lulltest.Patience)
	d.exchange()
	s.WaitPooled(1)
	return d
}

// replayed answers the request that comes over a fresh connection, which must be the one that was sent.
func (d *dialog) replayed(method, body string) {
	d.t.Helper()
	d.b = nil
	if got := d.meet().Request(); got.Method != method || string(got.Data) != body {
		d.t.Errorf("backend: got %s with %q the second time, want %s with %q", got.Method, got.Data, method, body)
	}
	d.tell(lulltest.Response("hello"))
	if a := d.c.Answer(method); a.StatusCode != 200 || a.How != "whole" {
		d.t.Errorf("client: got %s and %s, want 200, whole", a.Status, a.How)
	}
	x := d.completed(2)
	if !x.Retried || x.Reused || x.Tries != 2 {
		d.t.Errorf("exchange: got %d tries, retried %v, reused %v; want 2, retried over a connection of its own", x.Tries, x.Retried, x.Reused)
	}
	if got := httpTotals(d.s.Engine); got.Retries != 1 || got.Refused != 0 {
		d.t.Errorf("stale connections: got %+v, want one retry", got)
	}
}

// notReplayed checks that the client gets the status for a failed backend, and that no backend gets the request again.
func (d *dialog) notReplayed(method string, status int) {
	d.t.Helper()
	d.failed(method, status)
	x := d.s.ExchangeOf(d.c, 2)
	if x.Reason != reason.BackendClosed && x.Reason != reason.BackendReset || x.Retried || !x.Reused || x.Tries != 1 || x.Status != status {
		d.t.Errorf("exchange: got %v with %d after %d tries, retried %v; want backend-closed with %d after one", x.Reason, x.Status, x.Tries, x.Retried, status)
	}
	asked := lulltest.Listener(d.s.plan).StaleRetry
	if got := httpTotals(d.s.Engine); got.Retries != 0 || asked && got.Refused != 1 {
		d.t.Errorf("stale connections: got %+v, want no retry and one refused", got)
	}
	d.b = nil
	other := d.s.dial(lulltest.Patience)
	other.c.Get("/other")
	if got := other.meet().Request(); got.URL.Path != "/other" {
		d.t.Errorf("backend: got %s %s once more, want the next client's request", got.Method, got.URL.Path)
	}
	other.answer()
}

// TestCrossingFINSH_09: the backend's FIN crosses a request on a pooled connection. Nothing of the request was
// acknowledged, so nobody can have seen it, and it goes to a fresh connection whatever its method.
func TestCrossingFINSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, crossingFIN)
}

func crossingFIN(t *testing.T) {
	for name, c := range map[string]struct{ method, body, request string }{
		"get":     {"GET", "", lulltest.Request("GET", "/", "")},
		"post":    {"POST", "hello", lulltest.Request("POST", "/", "hello")},
		"chunked": {"POST", "hello", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"},
		"patch":   {"PATCH", "hello", lulltest.Request("PATCH", "/", "hello")},
		"odd":     {"ODD", "hello", lulltest.Request("ODD", "/", "hello")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				d := stale(t, m, true)
				d.b.Deafen() // what lull sends from now on is on its way for ever
				d.say(c.request)
				d.s.WaitState(d.c, "answer")
				_ = d.b.Close()
				d.replayed(c.method, c.body)
			})
		})
	}
}

// TestCrossingFINInUploadSH_09: the same before the whole request has come: what was sent, in however many pieces, is all
// held, and the rest follows it to the fresh connection.
func TestCrossingFINInUploadSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, crossingFINInUpload)
}

func crossingFINInUpload(t *testing.T) {
	for name, pieces := range map[string][3]string{
		"length":  {post + "Content-Length: 5\r\n\r\nh", "e", "llo"},
		"chunked": {post + "Transfer-Encoding: chunked\r\n\r\n1\r\nh\r\n", "1\r\ne\r\n", "3\r\nllo\r\n0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				d := stale(t, m, true)
				d.b.Deafen()
				for i, piece := range pieces[:2] {
					d.say(piece)
					if !lulltest.Eventually(func() bool { live, _ := d.s.StateOf(d.c); return live.BytesUp == uint64(i+1) }) {
						t.Fatalf("lull has not taken piece %d", i+1)
					}
				}
				_ = d.b.Close()
				d.b = nil
				fresh := d.meet()
				d.say(pieces[2])
				d.b, d.s.accepted = nil, one(fresh.Conn)
				d.replayed("POST", "hello")
			})
		})
	}
}

// one offers a connection that was taken once more.
func one(c *lulltest.Conn) <-chan *lulltest.Conn {
	again := make(chan *lulltest.Conn, 1)
	again <- c
	return again
}

// TestCrossing408SH_09: some servers send a 408 before they close a connection that has been idle for too long. One that
// crosses a request is no answer to it; one that follows it is.
func TestCrossing408SH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, crossing408)
}

func crossing408(t *testing.T) {
	const timedOut = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
	for name, crosses := range map[string]bool{"crosses": true, "follows": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				d := stale(t, m, true)
				if crosses {
					d.b.Deafen()
				}
				d.say(lulltest.Request("POST", "/", "hello"))
				d.s.WaitState(d.c, "answer")
				if !crosses {
					d.b.Request()
				}
				d.tell(timedOut)
				_ = d.b.Close()
				if crosses {
					d.replayed("POST", "hello")
					return
				}
				if a := d.c.Answer("POST"); a.StatusCode != 408 || string(a.Data) != "hello" {
					t.Errorf("client: got %s and %q, want the backend's 408", a.Status, a.Data)
				}
				if x := d.s.ExchangeOf(d.c, 2); x.Retried || x.BackendStatus != 408 {
					t.Errorf("exchange: got %d from the backend, retried %v; want 408, once", x.BackendStatus, x.Retried)
				}
			})
		})
	}
}

// TestCrossingFINSwitchedOffSH_09: without stale_retry there is no second time.
func TestCrossingFINSwitchedOffSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, crossingFINSwitchedOff)
}

func crossingFINSwitchedOff(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		d := stale(t, m, false)
		d.b.Deafen()
		d.say(lulltest.Request("POST", "/", "hello"))
		d.s.WaitState(d.c, "answer")
		d.last = now()
		_ = d.b.Close()
		a := d.c.Answer("POST")
		a.Close = true
		checkOwn(t, a, "POST", failed(m))
		if x := d.s.ExchangeOf(d.c, 2); x.Reason != reason.BackendClosed || x.Retried || x.Tries != 1 {
			t.Errorf("exchange: got %v after %d tries, want backend-closed after one", x.Reason, x.Tries)
		}
	})
}

// TestSeenThenClosedSH_09: a backend that got the request on a pooled connection, and then ended it, may have acted on it.
// Only what is idempotent, and all still held, is sent once more.
func TestSeenThenClosedSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, seenThenClosed)
}

func seenThenClosed(t *testing.T) {
	long := strings.Repeat("x", 8<<20) // more than anybody holds
	closed, reset := func(c *lulltest.Conn) { _ = c.Close() }, (*lulltest.Conn).Reset
	for name, c := range map[string]struct {
		method, body string
		end          func(*lulltest.Conn)
		off          bool
		again        bool
	}{
		"get":        {"GET", "", closed, false, true},
		"head":       {"HEAD", "", closed, false, true},
		"options":    {"OPTIONS", "", closed, false, true},
		"delete":     {"DELETE", "", closed, false, true},
		"put":        {"PUT", "hello", closed, false, true},
		"put_long":   {"PUT", long, closed, false, false},
		"post":       {"POST", "hello", closed, false, false},
		"post_empty": {"POST", "", closed, false, false},
		"patch":      {"PATCH", "hello", closed, false, false},
		"odd":        {"ODD", "", closed, false, false},
		"get_reset":  {"GET", "", reset, false, true},
		"post_reset": {"POST", "hello", reset, false, false},
		"get_off":    {"GET", "", closed, true, false},
		"post_off":   {"POST", "hello", closed, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				d := stale(t, m, !c.off)
				sent := make(chan struct{})
				go func() {
					_, _ = d.c.Write([]byte(lulltest.Request(c.method, "/", c.body)))
					close(sent)
				}()
				if got := d.b.Request(); got.Method != c.method || len(got.Data) != len(c.body) {
					t.Errorf("backend: got %s with %d bytes, want %s with %d", got.Method, len(got.Data), c.method, len(c.body))
				}
				<-sent
				d.last = now()
				c.end(d.b.Conn)
				if c.again {
					d.replayed(c.method, c.body)
				} else {
					d.notReplayed(c.method, failed(m))
				}
			})
		})
	}
}

// TestUnreadThenClosedSH_09: a backend that closes without having read a request that its kernel had acknowledged ends the
// connection with an RST: that is no crossing, and a POST is not sent again.
func TestUnreadThenClosedSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unreadThenClosed)
}

func unreadThenClosed(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		d := stale(t, m, true)
		d.say(lulltest.Request("POST", "/", "hello"))
		d.s.WaitState(d.c, "answer")
		d.last = now()
		_ = d.b.Close()
		d.notReplayed("POST", failed(m))
	})
}

// TestHalfClosedBackendSH_09: a backend that has the request when it sends its FIN may still act on it.
func TestHalfClosedBackendSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, halfClosedBackend)
}

func halfClosedBackend(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		d := stale(t, m, true)
		d.say(lulltest.Request("POST", "/", "hello"))
		d.b.Request()
		d.last = now()
		_ = d.b.CloseWrite()
		d.notReplayed("POST", failed(m))
	})
}

// TestAnsweredInPartSH_09: with the first byte of a response it is too late for another try.
func TestAnsweredInPartSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, answeredInPart)
}

func answeredInPart(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		d := stale(t, m, true)
		d.ask("GET", "")
		d.tell("HTTP/1.1 20")
		d.last = now()
		_ = d.b.Close()
		d.failed("GET", 502)
		if x := d.s.ExchangeOf(d.c, 2); x.Reason != reason.BadResponse || x.Retried || x.Tries != 1 {
			t.Errorf("exchange: got %v after %d tries, want bad-response after one", x.Reason, x.Tries)
		}
	})
}

// TestStaleOnceSH_09: a request is sent once more, not again and again; and to a fresh connection, not to another that has
// lain in the pool for as long.
func TestStaleOnceSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, staleOnce)
}

func staleOnce(t *testing.T) {
	for name, lasting := range map[string]bool{"fresh_one_works": true, "fresh_one_fails": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				const pooled = 3
				var first sync.WaitGroup
				first.Add(pooled)
				backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
					if s.Conn <= pooled && s.Number == 1 {
						first.Done()
						first.Wait() // so that each takes a connection of its own
						return c.Reply(lulltest.Response("hello"))
					}
					return s.Conn > pooled && lasting && c.Reply(lulltest.Response("hello"))
				})
				s := &site{Engine: startHTTP(t, 1, lulltest.HTTPPlan(m, backend.Addr)), t: t}
				var conns [pooled]*lulltest.HTTPConn
				for i := range conns {
					conns[i] = s.DialHTTP()
					conns[i].Get("/first")
				}
				for _, c := range conns {
					c.ExpectAnswer("hello")
				}
				s.WaitPooled(pooled)
				d := s.dial(lulltest.Patience)
				d.say(lulltest.Request("GET", "/second", ""))
				if lasting {
					d.c.ExpectAnswer("hello")
				} else {
					d.failed("GET", failed(m))
				}
				x := s.ExchangeOf(d.c, 1)
				if !x.Retried || x.Tries != 2 || backend.Accepted() != pooled+1 || len(backend.Seen()) != pooled+2 {
					t.Errorf("exchange: got %d tries, %d connections, %d requests at the backend; want 2, %d, %d",
						x.Tries, backend.Accepted(), len(backend.Seen()), pooled+1, pooled+2)
				}
				if got := httpTotals(s.Engine); got.Retries != 1 {
					t.Errorf("stale connections: got %+v, want one retry", got)
				}
			})
		})
	}
}

// TestUnseenFINSH_09: the FIN is in lull's socket already when the request is to be sent, but lull has not seen it: the
// loop is busy. Whether it looks first or finds out afterwards, the client gets its answer and no backend a second request.
func TestUnseenFINSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unseenFIN)
}

func unseenFIN(t *testing.T) {
	for name, finFirst := range map[string]bool{"fin_first": true, "request_first": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				d := stale(t, m, true)
				release := d.s.Hold()
				t.Cleanup(release)
				if finFirst {
					_ = d.b.Close()
				}
				d.say(lulltest.Request("POST", "/", "hello"))
				_ = d.b.Close()
				release()
				d.b = nil
				if got := d.meet().Request(); got.Method != "POST" || string(got.Data) != "hello" {
					t.Errorf("backend: got %s with %q, want POST with hello", got.Method, got.Data)
				}
				d.answer()
				x, l := d.completed(2), httpTotals(d.s.Engine)
				if known := d.s.Stats().Backends[0].ClosedIdle; x.Reused || l.Retries+known == 0 || x.Retried != (l.Retries == 1) {
					t.Errorf("exchange: retried %v, %d retries, %d closed idle; want it counted", x.Retried, l.Retries, known)
				}
				if len(d.s.accepted) > 0 {
					t.Errorf("backend: got %d more connections, want none", len(d.s.accepted))
				}
			})
		})
	}
}

// TestStaleAtOnceSH_09: what is not sent again is refused at once, not when something else times out.
func TestStaleAtOnceSH_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, staleAtOnce)
}

func staleAtOnce(t *testing.T) {
	d := stale(t, timeout.Shared, true)
	d.say(lulltest.Request("POST", "/", "hello"))
	d.b.Request()
	begun := now()
	_ = d.b.Close()
	d.c.Answer("POST")
	if took := time.Since(begun.at); took > begun.allowed(lateMax) {
		t.Errorf("client: refused after %v, want at once", took)
	}
}
