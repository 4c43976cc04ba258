package dataplane_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
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

// The tls_*_test.go files hold what TLS adds on either side: handshakes and how they fail, certificates, sessions, the ends
// of streams. That everything else is as over plain connections is for the tests that run both ways.

// serverTLS returns what a listener needs to serve a certificate of a's for the names.
func serverTLS(t *testing.T, a *testca.Authority, names ...string) *plan.ServerTLS {
	t.Helper()
	issued := a.IssueFor(t, testca.Request{Names: names})
	return &plan.ServerTLS{
		Certificates: certs.NewHolder(certs.NewSet([]*certs.Certificate{{TLS: issued.TLS}})), Policy: tlspolicy.Default,
	}
}

// clientTLS returns what a backend set needs to trust a's certificates.
func clientTLS(a *testca.Authority) *plan.ClientTLS {
	return &plan.ClientTLS{Verify: true, Roots: certs.NewRoots(a.Pool()), Policy: tlspolicy.Default}
}

// secureHTTP starts an engine with an https listener before the backends.
func secureHTTP(t *testing.T, a *testca.Authority, change func(*plan.Plan), backends ...*httptest.Server) *lulltest.Engine {
	t.Helper()
	var addrs []netip.AddrPort
	for _, b := range backends {
		addrs = append(addrs, b.Listener.Addr().(*net.TCPAddr).AddrPort())
	}
	p := lulltest.HTTPPlan(timeout.Shared, addrs...)
	l := lulltest.Listener(p)
	l.TLS = serverTLS(t, a, "web.example", "127.0.0.1")
	l.TLS.ALPN = []string{"http/1.1"}
	if change != nil {
		change(p)
	}
	e := lulltest.Start(t, p)
	e.FollowExchanges()
	for _, b := range backends {
		t.Cleanup(b.Close) // before the engine's own, which waits until it holds nothing any more
	}
	return e
}

// browser returns an HTTP client that trusts a.
func browser(t *testing.T, a *testca.Authority, change func(*tls.Config)) *http.Client {
	t.Helper()
	c := &tls.Config{RootCAs: a.Pool(), ServerName: "web.example"}
	if change != nil {
		change(c)
	}
	transport := &http.Transport{TLSClientConfig: c}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: lulltest.Patience}
}

func browse(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := c.Get(url)
	if err != nil {
		t.Fatalf("get %s: %v", url, err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatalf("read the body of %s: %v", url, err)
	}
	return r, string(body)
}

// web starts an HTTP server, for secureHTTP to close. It speaks TLS if it gets a certificate of a's for names.
func web(t *testing.T, a *testca.Authority, h http.HandlerFunc, names ...string) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if len(names) == 0 {
		s.Start()
		return s
	}
	issued := a.IssueFor(t, testca.Request{Names: names})
	s.TLS = &tls.Config{Certificates: []tls.Certificate{issued.TLS}}
	s.StartTLS()
	return s
}

func TestSecureExchange(t *testing.T) {
	t.Parallel()
	a := testca.NewFor(t)
	big := strings.Repeat("0123456789abcdef", 1<<16) // 1 MiB
	echo := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Seen-Proto", r.Header.Get("X-Forwarded-Proto"))
		if r.URL.Path == "/big" {
			_, _ = io.WriteString(w, big)
			return
		}
		_, _ = io.Copy(w, r.Body)
	}
	for _, tt := range []struct {
		name    string
		back    bool
		version uint16
	}{
		{"front-1.2", false, tls.VersionTLS12}, {"front-1.3", false, tls.VersionTLS13}, {"both-1.3", true, tls.VersionTLS13},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var names []string
			if tt.back {
				names = []string{"127.0.0.1"}
			}
			e := secureHTTP(t, a, func(p *plan.Plan) {
				if tt.back {
					lulltest.Set(p).TLS = clientTLS(a)
				}
			}, web(t, a, echo, names...))
			c := browser(t, a, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tt.version, tt.version })
			url := "https://" + e.Local(lulltest.HTTPKey).String()
			for range 3 {
				r, err := c.Post(url+"/echo", "text/plain", strings.NewReader(big))
				if err != nil {
					t.Fatalf("post: %v", err)
				}
				got, err := io.ReadAll(r.Body)
				_ = r.Body.Close()
				if err != nil || string(got) != big {
					t.Fatalf("echo: got %d bytes, %v, want the %d that were sent", len(got), err, len(big))
				}
			}
			r, body := browse(t, c, url+"/big")
			if body != big || r.Header.Get("X-Seen-Proto") != "https" {
				t.Errorf("got %d bytes and X-Forwarded-Proto %q, want %d and https", len(body), r.Header.Get("X-Seen-Proto"), len(big))
			}
			x := e.NextExchange()
			if x.TLS.Front.Version != tt.version || x.Scheme != "https" || x.TLS.Front.ServerName != "web.example" {
				t.Errorf("record: got %+v of %s, want version %x", x.TLS, x.Scheme, tt.version)
			}
			if (x.TLS.Back.Version != 0) != tt.back {
				t.Errorf("record: got back-end TLS %+v, want some: %v", x.TLS.Back, tt.back)
			}
		})
	}
}

func TestSecureTunnel(t *testing.T) {
	t.Parallel()
	a := testca.NewFor(t)
	backend := lulltest.Echo(t)
	p := lulltest.Plan(backend.Addr)
	lulltest.Listener(p).TLS = serverTLS(t, a, "web.example")
	e := lulltest.Start(t, p)
	c, err := tls.Dial("tcp", e.Addr().String(), &tls.Config{RootCAs: a.Pool(), ServerName: "web.example"})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	sent := strings.Repeat("x", 300<<10)
	go func() {
		_, _ = io.WriteString(c, sent)
		_ = c.CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || string(got) != sent {
		t.Errorf("echo: got %d bytes, %v, want %d and the close_notify", len(got), err, len(sent))
	}
	_ = c.Close()
	if r := e.NextClose(); r.BytesUp != uint64(len(sent)) || r.TLS.Front.Version != tls.VersionTLS13 {
		t.Errorf("record: got %d bytes up, %+v, want %d of plaintext", r.BytesUp, r.TLS, len(sent))
	}
}

// plainAlerts has a client say what it says after its ClientHello as OpenSSL does when it does not accept a certificate: by an
// alert in plain text, whatever the version.
type plainAlerts struct {
	net.Conn
	writes int
}

func (c *plainAlerts) Write(b []byte) (int, error) {
	if c.writes++; c.writes > 1 {
		_, err := c.Conn.Write([]byte{21, 3, 3, 0, 2, 2, 48}) // RFC 8446 §6.2: fatal, unknown_ca
		return len(b), err
	}
	return c.Conn.Write(b)
}

// TestDistrustTold: that a client does not accept the certificate is told in words, also of clients that do not encrypt their
// alert (handshake-failed).
func TestDistrustTold(t *testing.T) {
	t.Parallel()
	a := testca.NewFor(t)
	e := secureHTTP(t, a, nil, web(t, nil, http.NotFound))
	raw, err := net.Dial("tcp", e.Local(lulltest.HTTPKey).String())
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	defer raw.Close()
	_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
	c := tls.Client(&plainAlerts{Conn: raw}, &tls.Config{ServerName: "web.example", RootCAs: testca.NewFor(t).Pool()})
	if err := c.Handshake(); err == nil {
		t.Fatal("the client accepted a stranger's certificate")
	}
	r := e.NextClose()
	if want := "remote error: tls: unknown certificate authority"; r.Reason != reason.HandshakeFailed || r.TLS.Fault != want {
		t.Errorf("record: got %s, %q, want handshake-failed, %q", r.Reason, r.TLS.Fault, want)
	}
}

// corked keeps what is written to it, once told so, that it may leave in one segment.
type corked struct {
	net.Conn
	cork bool
	kept []byte
}

func (c *corked) Write(b []byte) (int, error) {
	if !c.cork {
		return c.Conn.Write(b)
	}
	c.kept = append(c.kept, b...)
	return len(b), nil
}

// SetWriteDeadline does nothing: crypto/tls sets one that has passed behind a close_notify.
func (c *corked) SetWriteDeadline(time.Time) error { return nil }

// TestGoodbyeBehindResponse: a backend that says close_notify behind its response, and leaves the rest to lull, is not asked
// again on that connection, though its socket has nothing more to tell.
func TestGoodbyeBehindResponse(t *testing.T) {
	t.Parallel()
	a := testca.NewFor(t)
	issued := a.IssueFor(t, testca.Request{Names: []string{"127.0.0.1"}})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	go func() {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer raw.Close()
				wire := &corked{Conn: raw}
				c := tls.Server(wire, &tls.Config{Certificates: []tls.Certificate{issued.TLS}})
				r, err := http.ReadRequest(bufio.NewReader(c))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				wire.cork = true
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				_ = c.CloseWrite()
				_, _ = raw.Write(wire.kept)
				_, _ = io.Copy(io.Discard, raw)
			}()
		}
	}()
	p := lulltest.HTTPPlan(timeout.Shared, l.Addr().(*net.TCPAddr).AddrPort())
	lulltest.Set(p).TLS = clientTLS(a)
	e := lulltest.Start(t, p)
	t.Cleanup(func() { _ = l.Close() })
	c := &http.Client{Timeout: lulltest.Patience}
	t.Cleanup(c.CloseIdleConnections)
	for i := range 20 {
		r, err := c.Post("http://"+e.Local(lulltest.HTTPKey).String(), "text/plain", strings.NewReader("once"))
		if err != nil {
			t.Fatalf("post %d: %v", i, err)
		}
		_ = r.Body.Close()
		if r.StatusCode != 200 {
			t.Fatalf("post %d: got %s, want 200", i, r.Status)
		}
	}
}
