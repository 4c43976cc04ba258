package dataplane_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// secureServer starts a backend that does the handshake and then what it is told. Its connections last no longer than the
// test.
func secureServer(t testing.TB, config *tls.Config, then func(*tls.Conn)) *lulltest.Server {
	t.Helper()
	var s *lulltest.Server
	started := make(chan struct{})
	s = lulltest.Serve(t, func(raw *net.TCPConn) {
		<-started
		t.Cleanup(func() { // which runs before the engine is looked at for leaks
			s.Stop()
			_ = raw.Close()
		})
		c := tls.Server(raw, config)
		if c.Handshake() == nil {
			then(c)
		}
		_ = c.Close()
	})
	close(started)
	return s
}

// greetAll answers requests for as long as there are any.
func greetAll(c *tls.Conn) {
	for {
		if _, err := lulltest.NewReader(c).Request(); err != nil {
			return
		}
		if _, err := io.WriteString(c, lulltest.Response("hello")); err != nil {
			return
		}
	}
}

func echoAll(c *tls.Conn) { _, _ = io.Copy(c, c) }

// service returns what a backend behind a listener does.
func service(key plan.ListenerKey) func(*tls.Conn) {
	if key == secretKey {
		return echoAll
	}
	return greetAll
}

// certified returns a server's configuration with a certificate.
func certified(t testing.TB, ca *testca.Authority, r testca.Request) *tls.Config {
	t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{ca.IssueFor(t, r).TLS}}
}

// local is a request for the certificate that a backend needs.
func local() testca.Request { return testca.Request{Names: []string{"127.0.0.1"}} }

// bad is a backend with which no handshake succeeds.
type bad struct {
	name   string
	why    reason.Reason
	status int
	change func(*plan.ClientTLS)
	server func(t testing.TB, ca *testca.Authority) *lulltest.Server
}

// served returns a server of bad that does the handshake.
func served(config func(t testing.TB, ca *testca.Authority) *tls.Config) func(testing.TB, *testca.Authority) *lulltest.Server {
	return func(t testing.TB, ca *testca.Authority) *lulltest.Server {
		return secureServer(t, config(t, ca), func(c *tls.Conn) { _, _ = io.Copy(io.Discard, c) })
	}
}

// does returns a server of bad that does something else, behind the ClientHello.
func does(what func(c *net.TCPConn)) func(testing.TB, *testca.Authority) *lulltest.Server {
	return func(t testing.TB, _ *testca.Authority) *lulltest.Server {
		return lulltest.Serve(t, func(c *net.TCPConn) {
			_, _ = c.Read(make([]byte, 4096))
			what(c)
		})
	}
}

func bads() []bad {
	const failed, untrusted = reason.BackendHandshakeFailed, reason.BackendUntrusted
	now := time.Now()
	good := func(t testing.TB, ca *testca.Authority) *tls.Config { return certified(t, ca, local()) }
	pinned := testca.NewFor(panics{}).IssueFor(panics{}, local()).TLS
	return []bad{
		{"stranger", untrusted, 502, nil, served(func(t testing.TB, _ *testca.Authority) *tls.Config {
			return certified(t, testca.NewFor(t), local())
		})},
		{"expired", untrusted, 502, nil, served(func(t testing.TB, ca *testca.Authority) *tls.Config {
			return certified(t, ca, testca.Request{Names: []string{"127.0.0.1"}, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)})
		})},
		{"other-name", untrusted, 502, nil, served(func(t testing.TB, ca *testca.Authority) *tls.Config {
			return certified(t, ca, testca.Request{Names: []string{"other.example"}})
		})},
		{"name-asked-for", untrusted, 502, func(c *plan.ClientTLS) { c.ServerName = "web.example" }, served(good)},
		{"wrong-key", untrusted, 502, func(c *plan.ClientTLS) { c.Verify, c.PublicKeys = false, [][]byte{{1, 2, 3}} }, served(good)},
		// Whoever has seen the right certificate can send it behind its own: only the first one's key has been used.
		{"key-behind-another", untrusted, 502, func(c *plan.ClientTLS) {
			c.Verify, c.PublicKeys = false, [][]byte{pinned.Leaf.RawSubjectPublicKeyInfo}
		}, served(func(t testing.TB, ca *testca.Authority) *tls.Config {
			c := good(t, ca)
			c.Certificates[0].Certificate = append(c.Certificates[0].Certificate[:1:1], pinned.Certificate[0])
			return c
		})},
		{"version", failed, 502, nil, served(func(t testing.TB, ca *testca.Authority) *tls.Config {
			c := good(t, ca)
			c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return c
		})},
		{"wants-certificate-1.2", failed, 502, nil, served(func(t testing.TB, ca *testca.Authority) *tls.Config {
			c := good(t, ca)
			c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12
			return c
		})},
		{"plain", failed, 502, nil, does(func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })},
		{"mail", failed, 502, nil, does(func(c *net.TCPConn) { _, _ = io.WriteString(c, "220 mail.example ESMTP\r\n") })},
		{"garbage", failed, 502, nil, does(func(c *net.TCPConn) { _, _ = c.Write(make([]byte, 20000)) })},
		{"alert", failed, 502, nil, does(func(c *net.TCPConn) { _, _ = io.WriteString(c, "\x15\x03\x03\x00\x02\x02\x28") })},
		{"half-record", failed, 502, nil, does(func(c *net.TCPConn) { _, _ = io.WriteString(c, "\x16\x03\x03\x01\x00\x02") })},
		{"hangs-up", failed, 502, nil, does(func(*net.TCPConn) {})},
		{"resets", failed, 502, nil, does(func(c *net.TCPConn) { _ = c.SetLinger(0) })},
		{"stalls", reason.ConnectTimeout, 504, nil, does(func(c *net.TCPConn) { _, _ = io.Copy(io.Discard, c) })},
		{"stalls-midway", reason.ConnectTimeout, 504, nil, does(func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "\x16\x03\x03\x01\x00\x02")
			_, _ = io.Copy(io.Discard, c)
		})},
	}
}

// connectLimit is for backends that never answer; those that do answer then have to do so in this time.
const connectLimit = time.Second

// badFort is a fort one of whose listeners has bad backends: more of them, if there are addresses.
func badFort(t *testing.T, key plan.ListenerKey, b *bad, more func(f *fort) []netip.AddrPort) *fort {
	return newFort(t, 1, func(f *fort) {
		all := []netip.AddrPort{b.server(t, f.ca).Addr}
		if more != nil {
			all = append(all, more(f)...)
		}
		f.before(key, all...)
		l := f.listener(key)
		if b.why == reason.ConnectTimeout {
			l.Timeouts.Connect = connectLimit
		}
		l.BackendSet.TLS = clientTLS(f.ca)
		if b.change != nil {
			b.change(l.BackendSet.TLS)
		}
	})
}

// onBads runs a test for every bad backend behind either listener.
func onBads(t *testing.T, body func(t *testing.T, key plan.ListenerKey, b *bad)) {
	t.Helper()
	for _, b := range bads() {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) { body(t, key, &b) })
		})
	}
}

// TestTLSBackendBadTO_11: a backend with which no handshake succeeds is one that cannot be connected to, and the records say
// why in words.
func TestTLSBackendBadTO_11(t *testing.T) {
	t.Parallel()
	onBads(t, func(t *testing.T, key plan.ListenerKey, b *bad) {
		f := badFort(t, key, b, nil)
		began := now()
		g := f.enter(key, f.trust(tls.VersionTLS13))
		if key == lulltest.HTTPKey {
			g.say(lulltest.Request("POST", "/", "form"))
			a := g.answer("POST")
			checkOwn(t, a, "POST", b.status)
			x := f.ExchangeOf(g.raw, 1)
			if x.Reason != b.why || x.Status != b.status || x.BackendStatus != 0 || x.TLS.Back.Version != 0 {
				t.Errorf("exchange: got %v with %d, %+v; want %v with %d", x.Reason, x.Status, x.TLS, b.why, b.status)
			}
			if x.TLS.Fault == "" {
				t.Error("exchange: got no fault, want it in words")
			}
		}
		if how, data := g.end(); how != "closed" || len(data) > 0 {
			t.Errorf("client: got %q and %s, want a close_notify", data, how)
		}
		if took := time.Since(began.at); b.why == reason.ConnectTimeout && took < connectLimit {
			t.Errorf("the backend was given up after %v, want %v", took, connectLimit)
		}
		_ = g.Close()
		r := f.ended(g.raw, b.why)
		if r.TLS.Fault == "" {
			t.Error("record: got no fault, want it in words")
		}
		for _, s := range f.Stats().Backends {
			if s.Key.Set.Name == f.listener(key).BackendSet.Key.Name && (s.ConnectFails != 1 || s.Connects != 0 || s.Active != 0) {
				t.Errorf("backend: got %+v, want one connect, failed", s)
			}
		}
	})
}

// TestTLSBackendNextTO_11: then the next backend is tried.
func TestTLSBackendNextTO_11(t *testing.T) {
	t.Parallel()
	onBads(t, func(t *testing.T, key plan.ListenerKey, b *bad) {
		if b.name == "wrong-key" || b.name == "key-behind-another" || b.name == "name-asked-for" {
			t.Skip("there is no good backend for that setting")
		}
		f := badFort(t, key, b, func(f *fort) []netip.AddrPort {
			return []netip.AddrPort{
				lulltest.Refused(t), b.server(t, f.ca).Addr, secureServer(t, certified(t, f.ca, local()), service(key)).Addr,
			}
		})
		for range 4 { // wherever the turn begins
			g := f.enter(key, f.trust(tls.VersionTLS13))
			g.works(key)
			_ = g.Close()
			if r := f.ended(g.raw, reason.ClientClosed); key == secretKey && r.TLS.Back.Version != tls.VersionTLS13 {
				t.Errorf("record: got %+v, want TLS to the backend", r.TLS)
			}
		}
	})
}

// TestTLSBackendTrust: what makes a backend trusted.
func TestTLSBackendTrust(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		trusts func(f *fort, server *tls.Config) *plan.ClientTLS
	}{
		{"authority", func(f *fort, _ *tls.Config) *plan.ClientTLS { return clientTLS(f.ca) }},
		{"nobody", func(*fort, *tls.Config) *plan.ClientTLS { return &plan.ClientTLS{Policy: tlspolicy.Default} }},
		{"stranger-unverified", func(f *fort, s *tls.Config) *plan.ClientTLS {
			*s = *certified(f.t, testca.NewFor(f.t), testca.Request{Names: []string{"other.example"}})
			return &plan.ClientTLS{Policy: tlspolicy.Default}
		}},
		{"key", func(f *fort, s *tls.Config) *plan.ClientTLS {
			*s = *certified(f.t, testca.NewFor(f.t), testca.Request{Names: []string{"other.example"}})
			key := s.Certificates[0].Leaf.RawSubjectPublicKeyInfo
			return &plan.ClientTLS{PublicKeys: [][]byte{{9}, key}, Policy: tlspolicy.Default}
		}},
		{"name", func(f *fort, s *tls.Config) *plan.ClientTLS {
			*s = *certified(f.t, f.ca, testca.Request{Names: []string{"inside.example"}})
			c := clientTLS(f.ca)
			c.ServerName = "inside.example"
			return c
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				f := newFort(t, 1, func(f *fort) {
					server := certified(t, f.ca, local())
					f.listener(key).BackendSet.TLS = tt.trusts(f, server)
					f.before(key, secureServer(t, server, service(key)).Addr)
				})
				g := f.enter(key, f.trust(tls.VersionTLS13))
				g.works(key)
				_ = g.Close()
				f.ended(g.raw, reason.ClientClosed)
			})
		})
	}
}

// TestTLSBackendAlertBehindHandshake: in TLS 1.3 a backend can refuse only behind what is the handshake for lull. The client
// gets its 502, or sees its tunnel reset.
func TestTLSBackendAlertBehindHandshake(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 1, func(f *fort) {
			server := certified(t, f.ca, local())
			server.ClientAuth = tls.RequireAnyClientCert
			f.before(key, secureServer(t, server, service(key)).Addr)
			f.listener(key).BackendSet.TLS = clientTLS(f.ca)
		})
		g := f.enter(key, f.trust(tls.VersionTLS13))
		if key == lulltest.HTTPKey {
			g.say(lulltest.Request("GET", "/", ""))
			checkOwn(t, g.answer("GET"), "GET", 502)
			if x := f.ExchangeOf(g.raw, 1); x.Reason != reason.BackendTLSViolation || x.TLS.Fault == "" {
				t.Errorf("exchange: got %v, fault %q; want backend-tls-violation", x.Reason, x.TLS.Fault)
			}
		} else if how, data := g.end(); how == "closed" || len(data) > 0 {
			t.Errorf("client: got %q and %s, want no close_notify", data, how)
		}
		_ = g.Close()
		f.ended(g.raw, reason.BackendTLSViolation)
	})
}

// TestTLSBackendClientLeaves: a client may leave while lull shakes hands with the backend.
func TestTLSBackendClientLeaves(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		stall := bads()[slices.IndexFunc(bads(), func(b bad) bool { return b.name == "stalls-midway" })]
		f := badFort(t, key, &stall, nil)
		g := f.enter(key, f.trust(tls.VersionTLS13))
		g.say(lulltest.Request("GET", "/", ""))
		f.WaitState(g.raw, "connecting")
		g.raw.Reset()
		f.ended(g.raw, reason.ClientReset)
	})
}

// settings are plans' ways to speak to the same backend.
func settings(ca *testca.Authority) map[string]func() *plan.ClientTLS {
	old := tlspolicy.Default
	return map[string]func() *plan.ClientTLS{
		"same":       func() *plan.ClientTLS { return clientTLS(ca) },
		"plain":      func() *plan.ClientTLS { return nil },
		"unverified": func() *plan.ClientTLS { return &plan.ClientTLS{Policy: old} },
		"roots": func() *plan.ClientTLS {
			c := clientTLS(ca)
			pool := ca.Pool()
			pool.AppendCertsFromPEM(testca.NewFor(panics{}).PEM())
			c.Roots = certs.NewRoots(pool)
			return c
		},
		"name": func() *plan.ClientTLS {
			c := clientTLS(ca)
			c.ServerName = "web.example"
			return c
		},
		"alpn": func() *plan.ClientTLS {
			c := clientTLS(ca)
			c.ALPN = []string{"http/1.1"}
			return c
		},
	}
}

// panics is a test that cannot fail.
type panics struct{}

func (panics) Helper()                        {}
func (panics) Fatalf(format string, _ ...any) { panic(format) }

// TestTLSPooledSettings: a pooled connection is used only by those who would have made it as it is.
func TestTLSPooledSettings(t *testing.T) {
	t.Parallel()
	for name := range settings(nil) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var server *lulltest.Server
			f := newFort(t, 1, func(f *fort) {
				server = secureServer(t, certified(t, f.ca, testca.Request{Names: []string{"127.0.0.1", "web.example"}}), greetAll)
				f.before(lulltest.HTTPKey, server.Addr)
				f.listener(lulltest.HTTPKey).BackendSet.TLS = clientTLS(f.ca)
			})
			g := f.enter(lulltest.HTTPKey, f.trust(tls.VersionTLS13))
			g.works(lulltest.HTTPKey)
			f.WaitPooled(1)
			f.Changed(f.plan, func(p *plan.Plan) { lulltest.Set(p).TLS = settings(f.ca)[name]() })
			want, pooled := 2, 1
			switch name {
			case "plain":
				g.say(lulltest.Request("GET", "/", ""))
				if a := g.answer("GET"); a.StatusCode < 500 {
					t.Errorf("plain HTTP to a TLS backend: got %s", a.Status)
				}
			case "same":
				want, pooled = 1, 0
				fallthrough
			default:
				g.works(lulltest.HTTPKey)
			}
			if n := server.Accepted(); n != want {
				t.Errorf("backend: got %d connections, want %d", n, want)
			}
			if pooled > 0 {
				if r := f.PoolCloses(pooled)[0]; r.Reason != reason.Drained || r.TLS.Back.Version != tls.VersionTLS13 {
					t.Errorf("pooled: got %v, %+v, want drained", r.Reason, r.TLS)
				}
			}
		})
	}
}

// TestTLSConnectLimitTO_11: the handshake with a backend has no time of its own beside the connect's.
func TestTLSConnectLimitTO_11(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		stall := bads()[slices.IndexFunc(bads(), func(b bad) bool { return b.name == "stalls" })]
		f := newFort(t, 1, func(f *fort) {
			f.before(lulltest.HTTPKey, stall.server(t, f.ca).Addr, lulltest.Silent(t))
			l := f.listener(lulltest.HTTPKey)
			l.Timeouts = lulltest.HTTPTimeouts(m)
			l.Timeouts.Connect = connectLimit
			l.BackendSet.TLS = clientTLS(f.ca)
		})
		g := f.enter(lulltest.HTTPKey, f.trust(tls.VersionTLS13))
		began := now()
		g.say(lulltest.Request("GET", "/", ""))
		a := g.answer("GET")
		ending{"eof", nil, time.Now()}.within(t, "client", "eof", began, 2*connectLimit)
		if x := f.ExchangeOf(g.raw, 1); a.StatusCode != 504 || x.Reason != reason.ConnectTimeout || x.Timer != "connect" {
			t.Errorf("exchange: got %s, %v by %q; want 504, connect-timeout by connect", a.Status, x.Reason, x.Timer)
		}
	})
}
