package dataplane_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

const post = "POST / HTTP/1.1\r\nHost: test\r\n"

// parts are requests that stall: what came first, and what came half an idle time later.
//
//nolint:gochecknoglobals // a table
var parts = map[string]struct{ first, second string }{
	"line":           {"G", "ET /"},
	"head":           {"GET / HTTP/1.1\r\n", "Host: test\r\n"},
	"no_body":        {"POST / HTTP/1.1\r\n", "Host: test\r\nContent-Length: 10\r\n\r\n"},
	"length":         {post + "Content-Length: 10\r\n\r\nab", "cdefghi"},
	"chunk":          {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel", "l"},
	"between_chunks": {post + "Transfer-Encoding: chunked\r\n\r\n5\r\n", "hello\r\n"},
	"trailers":       {post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "0\r\nX-Sum: 1\r\n"},
}

// TestStalledRequestSH_03: a request that stalls for the idle time is answered with 408 and the connection ends; a
// back-end connection that carries part of it ends too, and is not pooled.
func TestStalledRequestSH_03(t *testing.T) {
	t.Parallel()
	lulltest.OnEveryWire(t, stalledRequest)
}

func stalledRequest(t *testing.T) {
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const idle = 900 * time.Millisecond
			s := newSite(t, 1, timeout.Shared, idleOf(idle))
			d := s.dial(idle)
			d.say(part.first)
			let(idle / 2)
			d.say(part.second)
			var server <-chan ending
			if strings.Contains(part.first+part.second, "\r\n\r\n") {
				d.meet().RequestHead()
				server = watchHTTP(d.b)
			}
			d.refused("GET", 408, idle)
			x, _ := d.judged(1, verdict{reason.RequestIdle, "idle", idle, 408})
			if headless := server == nil; x.BackendStatus != 0 || headless != (x.Method == "") {
				t.Errorf("exchange: got method %q and %d from the backend, want none from it", x.Method, x.BackendStatus)
			}
			if server != nil {
				d.gone(server, idle)
				s.WaitPooled(0)
			}
			s.dial(idle).exchange() // over a connection of its own
		})
	}
}

// TestStalledRequestDI_03: the same in the directional model. There the backend's silence is as old as the request, so
// either of the two timers may be the one that fires.
func TestStalledRequestDI_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, stalledRequestDI)
}

func stalledRequestDI(t *testing.T) {
	for name, part := range parts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const idle = 900 * time.Millisecond
			s := newSite(t, 1, timeout.Directional, idleOf(idle))
			d := s.dial(idle)
			d.say(part.first + part.second)
			var server <-chan ending
			if strings.Contains(part.first+part.second, "\r\n\r\n") {
				d.meet().RequestHead()
				server = watchHTTP(d.b)
			}
			d.refused("GET", 408, idle)
			x := s.ExchangeOf(d.c, 1)
			if x.Reason != reason.RequestIdle && x.Reason != reason.UploadUnanswered || x.Timer != "idle" || x.Status != 408 {
				t.Errorf("exchange: got %v by %q with %d, want request-idle or upload-unanswered by idle with 408", x.Reason, x.Timer, x.Status)
			}
			d.judge(s.Engine, x.Reason, idle)
			if server != nil {
				d.gone(server, idle)
				s.WaitPooled(0)
			}
			s.dial(idle).exchange()
		})
	}
}

// TestStalledUploadDI_02_DI_03: where the backend has said something later than the client, it is the client's silence
// that ends the exchange.
func TestStalledUploadDI_02_DI_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, stalledUpload)
}

func stalledUpload(t *testing.T) {
	const idle = 1200 * time.Millisecond
	s := newSite(t, 1, timeout.Directional, idleOf(idle))
	d := s.dial(idle)
	d.say(post + "Content-Length: 10\r\n\r\nabc")
	client := d.last
	d.meet().RequestHead()
	let(idle / 2)
	d.tell("HTTP/1.1 103 Early Hints\r\n\r\n")
	d.last = client
	server := watchHTTP(d.b)
	d.refused("GET", 408, idle)
	d.gone(server, idle)
	d.judged(1, verdict{reason.RequestIdle, "idle", idle, 408})
}

// TestSilentBackendSH_04_DI_03: a backend that is silent for the idle time makes a 504, and both connections end. In the
// shared model anything it says, short of a response, counts; in the directional one the client has been silent since. As
// long as nothing of a response has been sent on, it is not too late for a 504.
func TestSilentBackendSH_04_DI_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, silentBackend)
}

func silentBackend(t *testing.T) {
	for name, c := range map[string]struct{ method, body, says string }{
		"get":       {"GET", "", ""},
		"head":      {"HEAD", "", ""},
		"post":      {"POST", "hello", ""},
		"half_line": {"GET", "", "HTTP/1"},
		"half_head": {"GET", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				const idle = 900 * time.Millisecond
				s := newSite(t, 1, m, idleOf(idle))
				d := s.dial(idle)
				d.ask(c.method, c.body)
				asked := d.ends
				if c.says != "" {
					let(idle / 2)
					d.tell(c.says)
				}
				why := reason.ResponseIdle
				if m == timeout.Directional && c.says != "" {
					d.ends, why = asked, reason.DownloadUnasked
				}
				server := watchHTTP(d.b)
				d.refused(c.method, 504, idle)
				d.gone(server, idle)
				d.judged(1, verdict{why, "idle", idle, 504})
				s.WaitPooled(0)
				s.dial(idle).exchange()
			})
		})
	}
}

// TestInterimSH_04: an interim response is a byte like any other; if the response proper does not follow it is missed.
func TestInterimSH_04(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, interimSH)
}

func interimSH(t *testing.T) {
	const idle = 900 * time.Millisecond
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	d := s.dial(idle)
	d.ask("GET", "")
	for range 3 {
		let(idle / 2)
		d.tell("HTTP/1.1 103 Early Hints\r\n\r\n")
	}
	d.refused("GET", 504, idle)
	d.judged(1, verdict{reason.ResponseIdle, "idle", idle, 504})
}

// TestOldClientSH_04: a client of HTTP/1.0 gets the same response.
func TestOldClientSH_04(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, oldClient)
}

func oldClient(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = 500 * time.Millisecond
		s := newSite(t, 1, m, idleOf(idle))
		d := s.dial(idle)
		d.say("GET / HTTP/1.0\r\n\r\n")
		d.meet().Request()
		d.hear()
		d.refused("GET", 504, idle)
		d.judged(1, verdict{reason.ResponseIdle, "idle", idle, 504})
	})
}

// TestBothQuietSH_13: with both sides quiet equally long, on many connections at once, each client gets its 504 whole
// before anything is closed.
func TestBothQuietSH_13(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, bothQuiet)
}

func bothQuiet(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		const idle = 1500 * time.Millisecond // so long that all of them come in time
		clients := 100
		if lulltest.WireOf(t).Front() {
			clients = 30 // handshakes take their time
		}
		backend := lulltest.Sink(t)
		p := lulltest.HTTPPlan(m, backend.Addr)
		lulltest.Listener(p).Timeouts.Idle = idle
		s := &site{Engine: startHTTP(t, 2, p), t: t, plan: p}
		var all sync.WaitGroup
		for range clients {
			d := s.dial(idle)
			d.say(lulltest.Request("GET", "/", ""))
			all.Go(func() {
				a := d.c.Answer("GET")
				checkOwn(t, a, "GET", 504)
				if how, data := d.c.End(); how != "eof" || len(data) > 0 {
					t.Errorf("client: got %q and %s behind the 504, want nothing and eof", data, how)
				}
			})
		}
		all.Wait()
		for range clients {
			if x := s.NextExchange(); x.Reason != reason.ResponseIdle || x.Status != 504 || x.Late < 0 {
				t.Errorf("exchange: got %v with %d, want response-idle with 504", x.Reason, x.Status)
			}
		}
	})
}

// TestOneSettingSH_11: a load balancer's listeners share its idle timeout, and a change changes all of them.
func TestOneSettingSH_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, oneSetting)
}

func oneSetting(t *testing.T) {
	const idle = 900 * time.Millisecond
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
	lulltest.AddHTTPListener(p, "other", backend.Addr)
	lulltest.AddListener(p, "tcp", backend.Addr)
	e := startHTTP(t, 2, p)
	var seen []<-chan ending
	begun := now()
	for _, l := range p.LoadBalancers[0].Listeners {
		seen = append(seen, watch(lulltest.Dial(t, e.Local(l.Key))))
	}
	lulltest.Take(t, accepted) // of the TCP listener
	let(300 * time.Millisecond)
	e.Changed(p, func(p *plan.Plan) {
		for _, l := range p.LoadBalancers[0].Listeners {
			l.Timeouts.Idle = idle
		}
	})
	for i, l := range p.LoadBalancers[0].Listeners {
		(<-seen[i]).within(t, l.Key.Name, "eof", begun, idle)
	}
}
