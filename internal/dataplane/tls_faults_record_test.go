package dataplane_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// crime is what a client does behind its handshake.
type crime struct {
	name  string
	only  uint16 // version; 0: both
	alert string // that the client gets; empty: none is due
	does  func(k *keyed) []byte
}

//nolint:gochecknoglobals // a constant table
var crimes = []crime{
	{"bad-mac", 0, "alert 20", func(k *keyed) []byte {
		b := k.data("hello")
		b[len(b)-1] ^= 1
		return b
	}},
	{"not-sealed", 0, "alert 20", func(*keyed) []byte { return []byte("\x17\x03\x03\x00\x20" + strings.Repeat("x", 32)) }},
	{"sealed-too-short", 0, "alert 20", func(*keyed) []byte { return []byte("\x17\x03\x03\x00\x05hello") }},
	{"replayed", 0, "alert 20", func(k *keyed) []byte {
		b := k.data("hello")
		return append(b, b...)
	}},
	{"length-too-large", 0, "alert 22", func(*keyed) []byte { return []byte{typeApplication, 3, 3, 0x48, 1} }},
	{"content-too-large", 0, "alert 22", func(k *keyed) []byte { return k.data(strings.Repeat("x", 16<<10+1)) }},
	{"type-unknown", 0, "alert 10", func(k *keyed) []byte { return k.seal(99, []byte("hello")) }},
	{"version", 0, "alert 70", func(k *keyed) []byte {
		b := k.data("hello")
		b[1] = 9
		return b
	}},
	{"plain-http", 0, "alert", func(*keyed) []byte { return []byte(lulltest.Request("GET", "/", "")) }},
	{"renegotiation", 0, "alert", func(k *keyed) []byte {
		hello := helloOf(k.f.t, k.f.trust(k.version))
		return k.seal(typeHandshake, hello[5:])
	}},
	{"finished-again", 0, "alert 10", func(k *keyed) []byte { return k.seal(typeHandshake, append([]byte{20, 0, 0, 12}, make([]byte, 12)...)) }},
	{"handshake-nonsense", 0, "alert 10", func(k *keyed) []byte { return k.seal(typeHandshake, []byte{77, 0, 0, 1, 0}) }},
	{"handshake-empty", 0, "alert 10", func(k *keyed) []byte { return k.seal(typeHandshake, nil) }},
	{"handshake-huge", 0, "alert", func(k *keyed) []byte { return k.seal(typeHandshake, []byte{24, 0xff, 0xff, 0xff}) }},
	{"ticket-of-client", tls.VersionTLS13, "alert 10", func(k *keyed) []byte {
		return k.seal(typeHandshake, []byte{4, 0, 0, 14, 0, 0, 0, 9, 0, 0, 0, 9, 0, 0, 1, 9, 0, 0})
	}},
	{"update-unknown", tls.VersionTLS13, "alert", func(k *keyed) []byte { return k.seal(typeHandshake, []byte{24, 0, 0, 1, 2}) }},
	{"update-not-last", tls.VersionTLS13, "alert 10", func(k *keyed) []byte {
		return k.seal(typeHandshake, []byte{24, 0, 0, 1, 0, 24, 0, 0, 1, 0})
	}},
	{"no-type", tls.VersionTLS13, "alert", func(k *keyed) []byte { return k.seal(0, make([]byte, 20)) }},
	{"updates-20", tls.VersionTLS13, "alert 10", func(k *keyed) []byte { return repeat(20, func() []byte { return k.update(false) }) }},
	{"updates-1000", tls.VersionTLS13, "alert 10", func(k *keyed) []byte { return repeat(1000, func() []byte { return k.update(false) }) }},
	{"empty-10000", 0, "alert 10", func(k *keyed) []byte { return repeat(10000, func() []byte { return k.data("") }) }},
	{"warnings", 0, "alert 10", func(k *keyed) []byte {
		return repeat(100, func() []byte { return k.seal(typeAlert, []byte{1, 90}) })
	}},
	{"alert-long", 0, "alert 10", func(k *keyed) []byte { return k.seal(typeAlert, []byte{1, 0, 0}) }},
	{"alert-level", tls.VersionTLS12, "alert 10", func(k *keyed) []byte { return k.seal(typeAlert, []byte{7, 10}) }},
	{"fatal-alert", 0, "", func(k *keyed) []byte { return k.seal(typeAlert, []byte{2, 40}) }},
	{"fatal-alert-bad-mac", 0, "", func(k *keyed) []byte { return k.seal(typeAlert, []byte{2, 20}) }},
}

func repeat(n int, f func() []byte) []byte {
	var all []byte
	for range n {
		all = append(all, f()...)
	}
	return all
}

// onCrimes runs a test for every crime in both versions.
func onCrimes(t *testing.T, body func(t *testing.T, version uint16, c crime)) {
	t.Helper()
	for _, c := range crimes {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for name, version := range tlsVersions {
				if c.only == 0 || c.only == version {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						body(t, version, c)
					})
				}
			}
		})
	}
}

// punished checks what a client gets for its crime: the alert, if one is due, no data and no close_notify behind it, and the
// end of its connection.
func (k *keyed) punished(t *testing.T, c crime) {
	t.Helper()
	data, alerts, _, err := k.listen()
	if len(data) > 0 {
		t.Errorf("client: got %q behind its crime, want nothing", data)
	}
	if how := lulltest.Closed(err); how != "eof" && (how != "reset" || c.name != "empty-10000") { // which may still be on its way
		t.Errorf("client: ended with %s, want a FIN", how)
	}
	switch {
	case c.alert == "" && len(alerts) > 0:
		t.Errorf("client: got %v, want no alert", alerts)
	case c.alert != "" && (len(alerts) != 1 || !strings.HasPrefix(alerts[0], c.alert)):
		t.Errorf("client: got %v, want one %s", alerts, c.alert)
	}
	r := k.f.ended(k.raw, reason.TLSViolation)
	if r.TLS.Fault == "" || r.TLS.Front.Version != k.version || r.Timer != "" {
		t.Errorf("record: got %+v and timer %q, want a fault", r.TLS, r.Timer)
	}
}

// TestTLSViolationWaiting: a client between requests that breaks the rules is told so, and gone.
func TestTLSViolationWaiting(t *testing.T) {
	t.Parallel()
	onCrimes(t, func(t *testing.T, version uint16, c crime) {
		f := newFort(t, 1, nil)
		k := f.enterKeyed(lulltest.HTTPKey, version)
		k.send(k.data(lulltest.Request("GET", "/", "")))
		k.skipAnswer(t)
		if c.name == "replayed" { // the first of the two is a part of a request
			k.send(c.does(k))
			_, alerts, _, _ := k.listen()
			if !slices.Contains(alerts, "alert 20") {
				t.Errorf("client: got %v, want an alert 20", alerts)
			}
			f.ended(k.raw, reason.TLSViolation)
			return
		}
		k.send(c.does(k))
		k.punished(t, c)
		if n := len(exchangeReasons(f.Engine, k.raw)); n != 1 {
			t.Errorf("exchanges: got %d, want the first alone", n)
		}
		f.fares()
	})
}

// skipAnswer reads the greeting.
func (k *keyed) skipAnswer(t *testing.T) {
	t.Helper()
	var data []byte
	for !bytes.HasSuffix(data, []byte("hello")) {
		h, err := k.next()
		if err != nil {
			t.Fatalf("read the answer: %v after %q", err, data)
		}
		if h.contentType == typeApplication {
			data = append(data, h.content...)
		}
	}
}

// TestTLSViolationUpload: a request whose client breaks the rules in its middle never looks whole to the backend.
func TestTLSViolationUpload(t *testing.T) {
	t.Parallel()
	onCrimes(t, func(t *testing.T, version uint16, c crime) {
		backend, accepted := lulltest.Hands(t)
		f := newFort(t, 1, func(f *fort) { f.before(lulltest.HTTPKey, backend.Addr) })
		k := f.enterKeyed(lulltest.HTTPKey, version)
		k.send(k.data("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
		b := lulltest.TakeHTTP(t, accepted)
		b.RequestHead()
		k.send(c.does(k))
		if c.name == "replayed" {
			t.Skip("the first of the two is a fault of HTTP here")
		}
		k.punished(t, c)
		if how, data := b.End(); bytes.Contains(data, []byte("0\r\n\r\n")) {
			t.Errorf("backend: got %q and %s, which ends a request of which not all had come", data, how)
		}
		if x := f.ExchangeOf(k.raw, 1); x.Reason != reason.TLSViolation || x.Status != 0 || x.TLS.Fault == "" {
			t.Errorf("exchange: got %v with %d, fault %q; want tls-violation without a status", x.Reason, x.Status, x.TLS.Fault)
		}
		backend.Stop()
	})
}

// TestTLSViolationTunnel: the backend of a tunnel gets what came before the crime, and then an RST: what it got is not whole.
func TestTLSViolationTunnel(t *testing.T) {
	t.Parallel()
	onCrimes(t, func(t *testing.T, version uint16, c crime) {
		backend, accepted := lulltest.Hands(t)
		f := newFort(t, 1, func(f *fort) { f.before(secretKey, backend.Addr) })
		k := f.enterKeyed(secretKey, version)
		b := lulltest.Take(t, accepted)
		k.send(append(k.data("before"), c.does(k)...))
		want := "before"
		if c.name == "replayed" {
			want += "hello"
		}
		if how, data := b.End(); string(data) != want || how != "reset" {
			t.Errorf("backend: got %q and %s, want %q and an RST", data, how, want)
		}
		k.punished(t, c)
	})
}

// TestTLSViolationMuchBehind: the alert reaches a client that has sent much more behind its crime.
func TestTLSViolationMuchBehind(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		bothVersions(t, func(t *testing.T, version uint16) {
			f := newFort(t, 1, nil)
			k := f.enterKeyed(key, version)
			bad := k.data("hello")
			bad[len(bad)-1] ^= 1
			release := f.Hold()
			k.send(bad, make([]byte, 150<<10))
			release()
			k.punished(t, crime{alert: "alert 20"})
		})
	})
}

// TestTLSTruncatedRecord: a client that ends its stream in the middle of a record has gone, and broken no rule but that.
func TestTLSTruncatedRecord(t *testing.T) {
	t.Parallel()
	bothVersions(t, func(t *testing.T, version uint16) {
		f := newFort(t, 1, nil)
		for name, begin := range map[string]string{"waiting": "", "head": "GET / HT", "body": "POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 9\r\n\r\nabc"} {
			k := f.enterKeyed(lulltest.HTTPKey, version)
			if begin != "" {
				k.send(k.data(begin))
				f.WaitState(k.raw, map[string]string{"head": "head", "body": "request"}[name])
			}
			rest := k.data("defghi")
			release := f.Hold() // both are there when lull looks: no second edge will tell of the end
			k.send(rest[:len(rest)-1])
			_ = k.raw.CloseWrite()
			release()
			data, alerts, _, err := k.listen()
			if !errors.Is(err, io.EOF) || (begin != "") != strings.HasPrefix(string(data), "HTTP/1.1 408") {
				t.Errorf("%s: got %q, %v, %v; want 408 if there was a request", name, data, alerts, err)
			}
			_ = k.raw.Close()
			f.ended(k.raw, reason.ClientClosed)
		}
	})
}

// TestTLSHarmless: what is allowed, odd as it is, does no harm.
func TestTLSHarmless(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		only uint16
		does func(k *keyed) []byte
	}{
		{"empty", 0, func(k *keyed) []byte { return repeat(10, func() []byte { return k.data("") }) }},
		{"user-canceled", 0, func(k *keyed) []byte { return k.seal(typeAlert, []byte{1, 90}) }},
		{"update", tls.VersionTLS13, func(k *keyed) []byte { return k.update(false) }},
		{"updates-16", tls.VersionTLS13, func(k *keyed) []byte { return repeat(16, func() []byte { return k.update(true) }) }},
		{"update-in-pieces", tls.VersionTLS13, func(k *keyed) []byte {
			b := slices.Concat(k.seal(typeHandshake, []byte{24, 0}), k.seal(typeHandshake, []byte{0, 1, 0}))
			k.secret = expand(k.f.t, k.secret, "traffic upd", 32)
			k.out = half13(k.f.t, k.secret)
			return b
		}},
		{"padding", tls.VersionTLS13, func(k *keyed) []byte { return k.seal(typeApplication, nil) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				bothVersions(t, func(t *testing.T, version uint16) {
					if tt.only != 0 && tt.only != version {
						t.Skip("not of this version")
					}
					f := newFort(t, 1, nil)
					k := f.enterKeyed(key, version)
					for _, apart := range []bool{false, true, false} {
						odd := tt.does(k)
						if apart {
							k.send(odd)
							odd = nil
						}
						k.send(odd, k.data(lulltest.Request("GET", "/", "")))
					}
					k.send(k.seal(typeAlert, []byte{1, 0}))
					data, alerts, updates, err := k.listen()
					_ = k.raw.Close()
					want := map[plan.ListenerKey]string{lulltest.HTTPKey: "hello", secretKey: "GET / HTTP/1.1"}[key]
					if n := strings.Count(string(data), want); n != 3 || !errors.Is(err, io.EOF) || !slices.Equal(alerts, []string{"alert 0"}) {
						t.Errorf("client: got %q, %v, %v; want three answers, a close_notify and a FIN", data, alerts, err)
					}
					if asked := map[string]int{"updates-16": 48, "update-in-pieces": 0}[tt.name]; updates != asked {
						t.Errorf("client: got %d key updates, want %d", updates, asked)
					}
					f.ended(k.raw, reason.ClientClosed)
				})
			})
		})
	}
}

// TestTLSUpdatesUnanswered: a client that asks for key updates with every byte of an upload cannot have lull keep its answers
// without end. They wait for the next data to the client, which RFC 8446 §4.6.3 allows.
func TestTLSUpdatesUnanswered(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		sink := lulltest.Sink(t)
		f := newFort(t, 1, func(f *fort) { f.before(key, sink.Addr) })
		k := f.enterKeyed(key, tls.VersionTLS13)
		k.send(k.data("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n"))
		for range 20000 { // lull goes on to listen for a while after it has refused them, and keeps nothing
			if _, err := k.raw.Write(append(k.data("x"), k.update(true)...)); err != nil {
				break
			}
		}
		_ = k.raw.Close()
		f.ended(k.raw, reason.TLSViolation)
	})
}
