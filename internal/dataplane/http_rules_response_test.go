package dataplane_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// begun are responses of which a backend has sent the beginning, up to "hello".
//
//nolint:gochecknoglobals // a table
var begun = map[string]string{
	"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	"chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nhello",
	"length":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
	"close":   "HTTP/1.1 200 OK\r\n\r\nhello",
	"close10": "HTTP/1.0 200 OK\r\n\r\nhello",
}

// versions are what clients of either version send.
//
//nolint:gochecknoglobals // a table
var versions = map[string]string{"http11": "GET / HTTP/1.1\r\nHost: test\r\n\r\n", "http10": "GET / HTTP/1.0\r\nHost: test\r\n\r\n"}

// onBegun runs a test for every response that has begun, and clients of either version.
func onBegun(t *testing.T, body func(t *testing.T, m timeout.Model, request, response string)) {
	t.Helper()
	for framing, response := range begun {
		for version, request := range versions {
			t.Run(framing+"_"+version, func(t *testing.T) {
				t.Parallel()
				onModels(t, func(t *testing.T, m timeout.Model) { body(t, m, request, response) })
			})
		}
	}
}

// cut reads a response that must not look whole, and its connection's end.
func (d *dialog) cut(body string) (at time.Time) {
	d.t.Helper()
	a := d.c.Answer("GET")
	at = time.Now()
	if a.StatusCode != 200 || a.How != "cut" && a.How != "reset" || string(a.Data) != body {
		d.t.Errorf("client: got %s, %q, %s; want 200, %q, cut or reset", a.Status, a.Data, a.How, body)
	}
	if how, rest := d.c.End(); how != "eof" && how != "reset" || len(rest) > 0 {
		d.t.Errorf("client: ended with %s after %q, want nothing more", how, rest)
	}
	return at
}

// TestStalledResponseSH_05_DI_05: a response that stalls for the idle time ends both connections, and no client can take
// it for whole. In the directional model the time runs from the request's last byte.
func TestStalledResponseSH_05_DI_05(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, stalledResponse)
}

func stalledResponse(t *testing.T) {
	onBegun(t, func(t *testing.T, m timeout.Model, request, response string) {
		const idle = time.Second
		s := newSite(t, 1, m, idleOf(idle))
		d := s.dial(idle)
		d.say(request)
		d.meet().Request()
		d.hear()
		asked := d.ends
		let(idle / 2)
		d.tell(response)
		why := reason.ResponseIdle
		if m == timeout.Directional {
			d.ends, why = asked, reason.DownloadUnasked
		}
		server := watchHTTP(d.b)
		ending{"eof", nil, d.cut("hello")}.within(t, "client", "eof", d.last, idle)
		d.gone(server, idle)
		d.judged(1, verdict{why, "idle", idle, 200})
		s.WaitPooled(0)
		s.dial(idle).exchange()
	})
}

// TestBrokenResponseSH_05: a response that the backend breaks off does not look whole either.
func TestBrokenResponseSH_05(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, brokenResponse)
}

func brokenResponse(t *testing.T) {
	onBegun(t, func(t *testing.T, m timeout.Model, request, response string) {
		untilClose := !strings.Contains(response, "Length") && !strings.Contains(response, "chunked")
		s := newSite(t, 1, m, func(*timeout.Settings) {})
		for name, c := range map[string]struct {
			breakOff func(*lulltest.Conn)
			why      reason.Reason
		}{
			"fin": {func(c *lulltest.Conn) { _ = c.Close() }, reason.BackendClosed},
			"rst": {(*lulltest.Conn).Reset, reason.BackendReset},
		} {
			d := s.dial(lulltest.Patience)
			d.say(request)
			d.meet().Request()
			d.tell(response)
			s.WaitState(d.c, "response")
			const first = "HTTP/1.1 200 "
			d.c.Expect(first) // it has begun for the client too
			c.breakOff(d.b.Conn)
			how, rest := d.c.End()
			got := append([]byte(first), rest...)
			a := lulltest.Parse(t, "GET", got, how)
			if whole := untilClose && name == "fin"; whole != (a.How == "whole") {
				t.Errorf("client, %s: got %q and %s, that is %s", name, got, how, a.How)
			}
			if !strings.Contains(string(got), "hello") {
				t.Errorf("client, %s: got %q, want the part that there is", name, got)
			}
			if x := s.ExchangeOf(d.c, 1); !(untilClose && name == "fin") && (x.Reason != c.why || x.Status != 200) {
				t.Errorf("exchange, %s: got %v with %d, want %v with 200", name, x.Reason, x.Status, c.why)
			}
			s.WaitPooled(0)
		}
	})
}

// TestUnreadResponseSH_05_TO_03: a client that takes no more of a response for the idle time ends it, whatever probes its
// window makes lull's kernel send.
func TestUnreadResponseSH_05_TO_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unreadResponse)
}

func unreadResponse(t *testing.T) {
	const idle = 1500 * time.Millisecond
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	d := &dialog{s: s, ends: ends{t: t, idle: lulltest.Patience, last: now()}}
	d.c = lulltest.HTTP(lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 4<<10))
	d.client = d.c.Conn
	d.ask("GET", "")
	d.tell("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
	first := d.last
	last := fillUp(t, d.b.Conn)
	got := <-watchHTTP(d.b)
	if gap := got.at.Sub(last.at); gap > idle+last.allowed(lateMax) || got.how != "eof" && got.how != "reset" {
		t.Errorf("backend: ended with %s %v after the last byte that anyone took, want after %v", got.how, gap, idle)
	}
	d.last, d.heard = first, last.at
	d.judged(1, verdict{reason.SendIdle, "idle", idle, 200})
	if a := d.c.Answer("GET"); a.How != "cut" && a.How != "reset" {
		t.Errorf("client: got %d bytes and %s, want cut or reset", len(a.Data), a.How)
	}
}

// TestGivenUpSH_05: a client that reads nothing at all, not in the time that lull waits for it either, sees a reset: lull holds
// bytes of its response yet, and behind the bytes that it has got a FIN would look like their end.
func TestGivenUpSH_05(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, givenUp)
}

func givenUp(t *testing.T) {
	const idle = 1500 * time.Millisecond
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	d := &dialog{s: s, ends: ends{t: t, idle: lulltest.Patience, last: now()}}
	d.c = lulltest.HTTP(lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 4<<10))
	d.client = d.c.Conn
	d.ask("GET", "")
	d.tell("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
	fillUp(t, d.b.Conn)
	s.CloseOf(d.c)
	s.WaitState(d.c, "")
	if a := d.c.Answer("GET"); a.How != "reset" {
		t.Errorf("client: got %d bytes and %s, want a reset", len(a.Data), a.How)
	}
}

// TestFailedBackendSH_12: a backend that ends before the first byte of its response makes a 504 at once in the shared
// model and a 502 in the directional one; what cannot be understood, or ends within its head, makes a 502 in both.
func TestFailedBackendSH_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, failedBackend)
}

func failedBackend(t *testing.T) {
	closed, reset := func(c *lulltest.Conn) { _ = c.Close() }, (*lulltest.Conn).Reset
	for name, c := range map[string]struct {
		says string
		ends func(*lulltest.Conn)
		why  []reason.Reason
	}{
		"closed":      {"", closed, []reason.Reason{reason.BackendClosed}},
		"reset":       {"", reset, []reason.Reason{reason.BackendClosed, reason.BackendReset}},
		"garbage":     {"hello world\r\n\r\n", nil, []reason.Reason{reason.BadResponse}},
		"status":      {"HTTP/1.1 2x0 OK\r\n\r\n", nil, []reason.Reason{reason.BadResponse}},
		"length":      {"HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", nil, []reason.Reason{reason.BadResponse}},
		"version":     {"HTTP/2.0 200 OK\r\n\r\n", nil, []reason.Reason{reason.BadResponse}},
		"half_line":   {"HTTP/1.1 20", closed, []reason.Reason{reason.BadResponse}},
		"half_head":   {"HTTP/1.1 200 OK\r\nContent-Le", closed, []reason.Reason{reason.BadResponse}},
		"reset_head":  {"HTTP/1.1 200 OK\r\nContent-Le", reset, []reason.Reason{reason.BadResponse, reason.BackendReset}},
		"no_end_line": {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n", closed, []reason.Reason{reason.BadResponse}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				status := 502
				if c.says == "" {
					status = failed(m)
				}
				s := newSite(t, 1, m, func(*timeout.Settings) {})
				d := s.dial(lulltest.Patience)
				d.ask("GET", "")
				d.tell(c.says)
				if c.ends != nil {
					d.last = now()
					c.ends(d.b.Conn)
				}
				d.failed("GET", status)
				x := s.ExchangeOf(d.c, 1)
				if !oneOf(x.Reason, c.why) || x.Status != status || x.BackendStatus != 0 || x.Tries != 1 || x.Retried {
					t.Errorf("exchange: got %v with %d from %d after %d tries, want %v with %d from 0 after one", x.Reason, x.Status, x.BackendStatus, x.Tries, c.why, status)
				}
				s.WaitPooled(0)
				s.dial(lulltest.Patience).exchange()
			})
		})
	}
}

// failed reads, at once after the last byte, a response that lull has made itself. It may leave the connection open for
// another request, for this one was understood, but must do what it says.
func (d *dialog) failed(method string, status int) {
	d.t.Helper()
	a := d.c.Answer(method)
	ending{"eof", nil, time.Now()}.within(d.t, fmt.Sprintf("client, %d", a.StatusCode), "eof", d.last, 0)
	if a.Close {
		(<-watchHTTP(d.c)).within(d.t, "client", "eof", d.last, 0)
	} else {
		a.Close = true // for the check of all the rest
	}
	checkOwn(d.t, a, method, status)
}

func oneOf(why reason.Reason, list []reason.Reason) bool {
	for _, w := range list {
		if w == why {
			return true
		}
	}
	return false
}
