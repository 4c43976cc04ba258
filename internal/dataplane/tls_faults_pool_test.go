package dataplane_test

import (
	"bytes"
	"crypto/tls"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// keeper is a backend's end of a TLS connection, what it says made by hand.
type keeper struct {
	*keyed
	tls *tls.Conn // for what it hears
}

// stock is a fort whose https listener has one backend, the connections of which the test holds.
type stock struct {
	*fort
	t        *testing.T
	server   *lulltest.Server
	accepted <-chan *lulltest.Conn
	config   *tls.Config
	secrets  bytes.Buffer
}

func newStock(t *testing.T, key plan.ListenerKey, change func(*plan.Listener)) *stock {
	t.Helper()
	s := &stock{t: t}
	s.server, s.accepted = lulltest.Hands(t)
	s.fort = newFort(t, 1, func(f *fort) {
		f.before(key, s.server.Addr)
		f.listener(key).BackendSet.TLS = clientTLS(f.ca)
		if change != nil {
			change(f.listener(key))
		}
		s.config = certified(t, f.ca, local())
	})
	s.config.MinVersion, s.config.SessionTicketsDisabled, s.config.KeyLogWriter = tls.VersionTLS13, true, &s.secrets
	return s
}

// take does the handshake with lull on its next connection to the backend.
func (s *stock) take() *keeper {
	s.t.Helper()
	raw := lulltest.Take(s.t, s.accepted)
	s.secrets.Reset()
	k := &keeper{&keyed{raw: lulltest.HTTP(raw), f: s.fort, version: tls.VersionTLS13}, tls.Server(raw, s.config)}
	_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
	if err := k.tls.Handshake(); err != nil {
		s.t.Fatalf("handshake of the backend: %v", err)
	}
	if k.tls.ConnectionState().CipherSuite != tls.TLS_AES_128_GCM_SHA256 {
		s.t.Skip("this machine prefers another cipher suite")
	}
	k.secret = logged(s.t, s.secrets.String(), "SERVER_TRAFFIC_SECRET_0")
	k.out = half13(s.t, k.secret)
	s.t.Cleanup(s.server.Stop) // or lull would try its luck there again when this connection ends with the test
	return k
}

// asked reads a request.
func (k *keeper) asked(method, body string) {
	k.f.t.Helper()
	got, err := lulltest.NewReader(k.tls).Request()
	if err != nil || got.Method != method || string(got.Data) != body {
		k.f.t.Fatalf("backend: got %+v with %q, %v; want %s with %q", got.Request, got.Data, err, method, body)
	}
}

// ticket is a NewSessionTicket of nobody's (RFC 8446 §4.6.1).
func (k *keeper) ticket() []byte {
	body := slices.Concat([]byte{0, 0, 14, 16, 0, 0, 0, 1, 1, 0, 0, 16}, make([]byte, 16), []byte{0, 0})
	return k.seal(typeHandshake, append([]byte{4, 0, 0, byte(len(body))}, body...))
}

func (k *keeper) closeNotify() []byte { return k.seal(typeAlert, []byte{1, 0}) }

// pooled returns a client's connection and one to the backend that has served it once.
func (s *stock) pooled() (*guest, *keeper) {
	s.t.Helper()
	g := s.enter(lulltest.HTTPKey, s.trust(tls.VersionTLS13))
	g.say(lulltest.Request("GET", "/", ""))
	k := s.take()
	k.asked("GET", "")
	k.send(k.data(lulltest.Response("hello")))
	g.answered(200)
	s.WaitPooled(1)
	return g, k
}

// answered reads a response of that status.
func (g *guest) answered(status int) {
	g.f.t.Helper()
	a := g.answer("GET")
	if a.StatusCode != status || a.How != "whole" || status == 200 && string(a.Data) != "hello" {
		g.f.t.Fatalf("client: got %s, %q, %s; want %d, whole", a.Status, a.Data, a.How, status)
	}
}

// again asks once more over the same connection.
func (s *stock) again(g *guest, k *keeper) {
	s.t.Helper()
	g.say(lulltest.Request("POST", "/", "form"))
	k.asked("POST", "form")
	k.send(k.data(lulltest.Response("hello")))
	g.answered(200)
	if n := s.server.Accepted(); n != 1 {
		s.t.Errorf("backend: got %d connections, want the first alone", n)
	}
}

// TestTLSLateTickets: what TLS has to say for itself on a pooled connection is no reason to part with it, whenever it comes.
func TestTLSLateTickets(t *testing.T) {
	t.Parallel()
	for name, say := range map[string]func(s *stock, g *guest, k *keeper){
		"pause": func(_ *stock, _ *guest, k *keeper) { k.send(k.ticket()) },
		"twice": func(_ *stock, _ *guest, k *keeper) {
			k.send(k.ticket())
			k.send(k.ticket(), k.ticket())
		},
		"in-pieces": func(_ *stock, _ *guest, k *keeper) {
			b := k.ticket()
			k.send(b[:30])
			k.send(b[30:])
		},
		"update": func(_ *stock, _ *guest, k *keeper) { k.send(k.update(true)) },
		"with-request": func(s *stock, g *guest, k *keeper) {
			release := s.Hold()
			g.say(lulltest.Request("GET", "/", ""))
			k.send(k.ticket()) // the loop hears of the request first
			release()
			k.asked("GET", "")
			k.send(k.data(lulltest.Response("hello")))
			g.answered(200)
		},
		"with-answer": func(_ *stock, g *guest, k *keeper) {
			g.say(lulltest.Request("GET", "/", ""))
			k.asked("GET", "")
			k.send(k.ticket(), k.data(lulltest.Response("hello")), k.ticket())
			g.answered(200)
		},
		"before-answer": func(_ *stock, g *guest, k *keeper) {
			g.say(lulltest.Request("GET", "/", ""))
			k.asked("GET", "")
			k.send(k.ticket())
			k.send(k.data(lulltest.Response("hello")))
			g.answered(200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStock(t, lulltest.HTTPKey, nil)
			g, k := s.pooled()
			say(s, g, k)
			s.WaitPooled(1)
			s.again(g, k)
		})
	}
}

// TestTLSPooledEndSH_08: a backend that ends a pooled connection is counted, however it says so, and the next request does
// not notice, be it already under way to the loop.
func TestTLSPooledEndSH_08(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end func(k *keeper)
		why reason.Reason
	}{
		"close-notify":     {func(k *keeper) { k.send(k.closeNotify()) }, reason.BackendClosedIdle},
		"close-notify-fin": {func(k *keeper) { k.send(k.closeNotify()); _ = k.raw.CloseWrite() }, reason.BackendClosedIdle},
		"ticket-and-close": {func(k *keeper) { k.send(k.ticket(), k.closeNotify()); _ = k.raw.Close() }, reason.BackendClosedIdle},
		"fin":              {func(k *keeper) { _ = k.raw.CloseWrite() }, reason.BackendClosedIdle},
		"reset":            {func(k *keeper) { k.raw.Reset() }, reason.BackendClosedIdle},
		"data":             {func(k *keeper) { k.send(k.data("HTTP/1.1 200 OK\r\n\r\n")) }, reason.BadResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, crossing := range []bool{false, true} {
				t.Run(map[bool]string{false: "before", true: "with-request"}[crossing], func(t *testing.T) {
					t.Parallel()
					s := newStock(t, lulltest.HTTPKey, nil)
					g, k := s.pooled()
					release := func() {}
					if crossing {
						release = s.Hold()
						g.say(lulltest.Request("POST", "/", "form"))
					}
					tt.end(k)
					release()
					r := s.PoolCloses(1)[0]
					if r.Reason != tt.why || r.TLS.Back.Version != tls.VersionTLS13 {
						t.Errorf("pooled: got %v, %+v; want %v", r.Reason, r.TLS.Back, tt.why)
					}
					if !crossing {
						g.say(lulltest.Request("POST", "/", "form"))
					}
					next := s.take()
					next.asked("POST", "form")
					next.send(next.data(lulltest.Response("hello")))
					g.answered(200)
					if counted := s.closedIdle(); (counted == 1) != (tt.why == reason.BackendClosedIdle) {
						t.Errorf("backend: %d closes are counted against it", counted)
					}
				})
			}
		})
	}
}

// TestTLSPooledEndWithinTurnSH_08: a backend ends its connection behind a response, in the turn in which the connection is
// pooled and given to a request that has waited for it: no event has told of that.
func TestTLSPooledEndWithinTurnSH_08(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end func(k *keeper)
		why reason.Reason
	}{
		"close-notify": {func(k *keeper) { k.send(k.closeNotify()) }, reason.BackendClosedIdle},
		"ticket":       {func(k *keeper) { k.send(k.ticket()) }, reason.None},
		"nonsense":     {func(k *keeper) { k.send(k.seal(typeHandshake, []byte{77, 0, 0, 0})) }, reason.BackendTLSViolation},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStock(t, lulltest.HTTPKey, func(l *plan.Listener) { l.BackendSet.Backends[0].ConnectionsMax = 1 })
			g, other := s.enter(lulltest.HTTPKey, s.trust(tls.VersionTLS13)), s.enter(lulltest.HTTPKey, s.trust(tls.VersionTLS13))
			g.say(lulltest.Request("GET", "/", ""))
			k := s.take()
			k.asked("GET", "")
			other.say(lulltest.Request("POST", "/", "form"))
			s.WaitState(other.raw, "queued")
			next, release := s.HoldTwice()
			k.send(k.data(lulltest.Response("hello")))
			next()
			g.answered(200)
			tt.end(k)
			release()
			if tt.why != reason.None {
				k = s.take()
				if r := s.PoolCloses(1)[0]; r.Reason != tt.why {
					t.Errorf("pooled: got %v, want %v", r.Reason, tt.why)
				}
			}
			k.asked("POST", "form")
			k.send(k.data(lulltest.Response("hello")))
			other.answered(200)
			if counted := s.closedIdle(); (counted == 1) != (tt.why == reason.BackendClosedIdle) {
				t.Errorf("backend: %d closes are counted against it", counted)
			}
		})
	}
}

// closedIdle returns how many closes of pooled connections are counted against the backend.
func (s *stock) closedIdle() uint64 {
	for _, b := range s.Stats().Backends {
		if b.Key.Port == s.server.Addr.Port() {
			return b.ClosedIdle
		}
	}
	return 0
}

// crosses has a POST on its way to the backend, which does not get it.
func (s *stock) crosses() (*guest, *keeper) {
	s.t.Helper()
	g, k := s.pooled()
	k.raw.Deafen()
	g.say(lulltest.Request("POST", "/", "form"))
	s.WaitState(g.raw, "answer")
	return g, k
}

// sentAgain shows that the POST goes to a fresh connection, and well.
func (s *stock) sentAgain(g *guest) record.Exchange {
	s.t.Helper()
	next := s.take()
	next.asked("POST", "form")
	next.send(next.data(lulltest.Response("hello")))
	g.answered(200)
	x := s.ExchangeOf(g.raw, 2)
	if x.Reason != reason.Completed || !x.Retried || x.Tries != 2 {
		s.t.Errorf("exchange: got %v after %d tries, retried %v; want it completed by the second", x.Reason, x.Tries, x.Retried)
	}
	return x
}

// TestTLSCrossingSH_09: a close_notify and a FIN cross a POST: that the FIN acknowledges nothing of it is proof that nobody
// has seen it, and it goes to a fresh connection.
func TestTLSCrossingSH_09(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *stock, g *guest, k *keeper){
		"one-segment": func(s *stock, _ *guest, k *keeper) {
			release := s.Hold()
			k.send(k.closeNotify())
			_ = k.raw.Close()
			release()
		},
		"fin-alone": func(_ *stock, _ *guest, k *keeper) { _ = k.raw.Close() },
		"fin-later": func(s *stock, g *guest, k *keeper) {
			sent := now()
			k.send(k.closeNotify())
			s.WaitState(g.raw, "answer")
			let(60 * time.Millisecond) // the close_notify alone is no proof: its sender may go on to read
			if n := s.server.Accepted(); n != 1 {
				s.t.Errorf("backend: got %d connections behind a close_notify, want none before the FIN", n)
			}
			_ = k.raw.Close()
			if took := time.Since(sent.at); took > 150*time.Millisecond { // a deaf kernel gets no ACK, and sends nothing new after 200 ms
				g.raw.Reset() // ends what waits for the backend, which hears nothing
				s.t.Skipf("the machine is too busy: a FIN meant to come at once came after %v", took)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStock(t, lulltest.HTTPKey, nil)
			g, k := s.crosses()
			end(s, g, k)
			s.sentAgain(g)
			if r := s.PoolCloses(1)[0]; r.Reason != reason.BackendClosedIdle {
				t.Errorf("pooled: got %v, want backend-closed-idle", r.Reason)
			}
		})
	}
}

// TestTLSNoProofSH_09: a POST that may have been seen is not sent again.
func TestTLSNoProofSH_09(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(s *stock, k *keeper){
		"acknowledged": func(_ *stock, k *keeper) {
			k.asked("POST", "form")
			k.send(k.closeNotify())
			_ = k.raw.Close()
		},
		"acknowledged-fin-later": func(_ *stock, k *keeper) {
			k.asked("POST", "form")
			k.send(k.closeNotify())
			let(100 * time.Millisecond)
			_ = k.raw.Close()
		},
		"no-close-notify": func(_ *stock, k *keeper) {
			k.asked("POST", "form")
			_ = k.raw.Close()
		},
		"reset": func(_ *stock, k *keeper) {
			k.send(k.closeNotify())
			let(100 * time.Millisecond)
			k.raw.Reset()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStock(t, lulltest.HTTPKey, nil)
			g, k := s.pooled()
			if name == "reset" {
				k.raw.Deafen()
			}
			g.say(lulltest.Request("POST", "/", "form"))
			s.WaitState(g.raw, "answer")
			end(s, k)
			g.answered(504)
			if x := s.ExchangeOf(g.raw, 2); x.Retried || x.Tries != 1 || x.Reason != reason.BackendClosed && x.Reason != reason.BackendReset {
				t.Errorf("exchange: got %v after %d tries, want it given up", x.Reason, x.Tries)
			}
			if n := s.server.Accepted(); n != 1 {
				t.Errorf("backend: got %d connections, want one", n)
			}
		})
	}
}

// TestTLSWaitForFIN: the wait for the FIN behind a close_notify is one for the response, and ends as that does.
func TestTLSWaitForFIN(t *testing.T) {
	t.Parallel()
	s := newStock(t, lulltest.HTTPKey, func(l *plan.Listener) { l.Timeouts.Idle = time.Second })
	g, k := s.crosses()
	k.send(k.closeNotify())
	g.answered(504)
	if x := s.ExchangeOf(g.raw, 2); x.Reason != reason.ResponseIdle || x.Retried {
		t.Errorf("exchange: got %v, retried %v; want response-idle", x.Reason, x.Retried)
	}
}
