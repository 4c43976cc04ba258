package dataplane_test

import (
	"crypto/tls"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// backCrimes returns those of the crimes that are some for a backend too.
func backCrimes() []crime {
	return slices.DeleteFunc(slices.Clone(crimes), func(c crime) bool {
		return !slices.Contains([]string{
			"bad-mac", "length-too-large", "content-too-large", "type-unknown", "handshake-nonsense", "empty-10000", "updates-20",
			"fatal-alert", "renegotiation", "plain-http",
		}, c.name)
	})
}

// TestTLSBackendViolation: what a backend has said of its response before it breaks the rules never looks whole.
func TestTLSBackendViolation(t *testing.T) {
	busy(t)
	for _, tt := range []struct {
		name, said string
		status     int
	}{
		{"nothing", "", 502},
		{"half-head", "HTTP/1.1 200 OK\r\nContent-", 502},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 200},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 200},
		{"until-close", "HTTP/1.1 200 OK\r\n\r\nhello", 200},
	} {
		for _, c := range backCrimes() {
			t.Run(tt.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				for _, proto := range []string{"1.0", "1.1"} {
					for _, apart := range []bool{false, true} {
						s := newStock(t, lulltest.HTTPKey, nil)
						g := s.enter(lulltest.HTTPKey, s.trust(tls.VersionTLS13))
						g.say("GET / HTTP/" + proto + "\r\nHost: test\r\n\r\n")
						k := s.take()
						k.asked("GET", "")
						said := [][]byte{}
						if tt.said != "" {
							said = append(said, k.data(tt.said))
						}
						if apart && len(said) > 0 {
							k.send(said...)
							said = nil
						}
						k.send(append(said, c.does(k.keyed))...)
						a := g.answer("GET")
						if a.StatusCode != tt.status || (a.How == "whole") != (tt.status == 502) {
							if how, _ := g.end(); how == "closed" || a.StatusCode != tt.status {
								t.Errorf("HTTP/%s: got %s, %q, %s, and then %s; want %d", proto, a.Status, a.Data, a.How, how, tt.status)
							}
						}
						x := s.ExchangeOf(g.raw, 1)
						if x.Reason != reason.BackendTLSViolation || x.Status != tt.status || x.TLS.Fault == "" {
							t.Errorf("exchange: got %v with %d, fault %q; want backend-tls-violation with %d", x.Reason, x.Status, x.TLS.Fault, tt.status)
						}
					}
				}
			})
		}
	}
}

// TestTLSBackendViolationTunnel: the client of a tunnel gets what came before the crime, and no close_notify.
func TestTLSBackendViolationTunnel(t *testing.T) {
	t.Parallel()
	for _, c := range backCrimes() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStock(t, secretKey, nil)
			g := s.enter(secretKey, s.trust(tls.VersionTLS13))
			k := s.take()
			k.send(k.data("before"), c.does(k.keyed))
			if how, data := g.end(); how == "closed" || string(data) != "before" {
				t.Errorf("client: got %q and %s, want what came before and no close_notify", data, how)
			}
			_ = g.raw.Close()
			if r := s.ended(g.raw, reason.BackendTLSViolation); r.TLS.Fault == "" {
				t.Error("record: got no fault, want it in words")
			}
			if how, _ := k.raw.End(); how == "timeout" {
				t.Error("backend: its connection is still open")
			}
		})
	}
}

// chat is an upgrade to WebSocket, and what follows it at once.
const chat = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// TestTLSUpgrade: an upgrade over TLS on both sides, with what stands behind it in the same records.
func TestTLSUpgrade(t *testing.T) {
	t.Parallel()
	const switched = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	for name, size := range map[string]int{"little": 5, "much": 40_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			more := strings.Repeat("m", size)
			s := newStock(t, lulltest.HTTPKey, nil)
			g := s.enter(lulltest.HTTPKey, s.trust(tls.VersionTLS13))
			g.say(chat + more)
			k := s.take()
			head := make([]byte, 0, 1024)
			for !strings.HasSuffix(string(head), "\r\n\r\n") {
				var b [1]byte
				if _, err := k.tls.Read(b[:]); err != nil {
					t.Fatalf("backend: %v behind %q", err, head)
				}
				head = append(head, b[0])
			}
			k.send(k.data(switched + "at once"))
			g.hear("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nat once")
			b := &guest{Conn: k.tls, raw: k.raw, f: s.fort}
			b.hear(more)
			g.say("ping")
			b.hear("ping")
			k.send(k.data("po"), k.data("ng"), k.closeNotify())
			g.hear("pong")
			if how, data := g.end(); how != "closed" || len(data) > 0 {
				t.Errorf("client: got %q and %s, want a close_notify", data, how)
			}
			g.say("still here")
			b.hear("still here")
			_ = g.Close()
			r := s.ended(g.raw, reason.BackendClosed)
			if !r.Upgraded || r.TLS.Front.Version != tls.VersionTLS13 || r.TLS.Back.Version != tls.VersionTLS13 {
				t.Errorf("record: got %+v, upgraded %v; want TLS on both sides of an upgraded connection", r.TLS, r.Upgraded)
			}
		})
	}
}

// TestTLSUpgradeViolation: a violation in what was an HTTP connection ends it as it ends a tunnel, and both records say so.
func TestTLSUpgradeViolation(t *testing.T) {
	t.Parallel()
	s := newStock(t, lulltest.HTTPKey, nil)
	k := s.enterKeyed(lulltest.HTTPKey, tls.VersionTLS13)
	k.send(k.data(chat))
	b := s.take()
	b.asked("GET", "")
	b.send(b.data("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
	s.WaitState(k.raw, "relaying")
	k.send(k.data("before"), k.seal(typeHandshake, []byte{77, 0, 0, 0}))
	g := &guest{Conn: b.tls, raw: b.raw, f: s.fort}
	g.hear("before")
	if _, err := g.Read(make([]byte, 1)); lulltest.Closed(err) != "reset" {
		t.Errorf("backend: got %v, want an RST", err)
	}
	_, alerts, _, _ := k.listen()
	if !slices.Equal(alerts, []string{"alert 10"}) {
		t.Errorf("client: got %v, want an alert 10", alerts)
	}
	s.ended(k.raw, reason.TLSViolation)
	if x := s.ExchangeOf(k.raw, 1); x.Reason != reason.TLSViolation || x.TLS.Fault == "" {
		t.Errorf("exchange: got %v, fault %q; want tls-violation", x.Reason, x.TLS.Fault)
	}
}

// TestTLSControlRecordsTO_05: what TLS says for itself keeps no connection from being idle.
func TestTLSControlRecordsTO_05(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		for name, says := range map[string]func(k *keyed) []byte{
			"updates": func(k *keyed) []byte { return k.update(true) },
			"empty":   func(k *keyed) []byte { return k.data("") },
			"warning": func(k *keyed) []byte { return k.seal(typeAlert, []byte{1, 90}) },
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				const idle = 900 * time.Millisecond
				f := newFort(t, 1, func(f *fort) { f.each(func(l *plan.Listener) { l.Timeouts.Idle = idle }) })
				k := f.enterKeyed(key, tls.VersionTLS13)
				began := now()
				text := lulltest.Request("GET", "/", "")
				k.send(k.data(text))
				stop := make(chan struct{})
				done := make(chan struct{})
				go func() {
					defer close(done)
					for range 10 {
						let(idle / 6)
						select {
						case <-stop:
							return
						default:
						}
						if _, err := k.raw.Write(says(k)); err != nil {
							return
						}
					}
				}()
				_, _, _, err := k.listen()
				close(stop)
				<-done
				why := map[plan.ListenerKey]reason.Reason{lulltest.HTTPKey: reason.ClientIdle, secretKey: reason.TunnelIdle}[key]
				r := f.ended(k.raw, why)
				if due := r.Closed.Add(-r.Late); due.After(began.at.Add(idle + began.allowed(idle/4))) {
					t.Errorf("record: was due %v behind the last byte, want %v (%v)", due.Sub(began.at), idle, err)
				}
			})
		}
	})
}
