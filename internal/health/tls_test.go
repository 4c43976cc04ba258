package health

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

// accept has a function handle each connection that comes, which is closed afterwards.
func accept(t *testing.T, handle func(net.Conn)) netip.AddrPort {
	t.Helper()
	addr, conns := listenTCP(t)
	go func() {
		for c := range conns {
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return addr
}

// serveTLS makes the handshake with each connection and then holds it.
func serveTLS(t *testing.T, config *tls.Config) netip.AddrPort {
	t.Helper()
	return accept(t, func(c net.Conn) { hold(tls.Server(c, config)) })
}

// askTLS probes a backend of that name once, in that manner, and returns the error's text.
func askTLS(t *testing.T, host string, addr netip.AddrPort, c *plan.ClientTLS, timeout time.Duration) string {
	t.Helper()
	if c.Policy == nil {
		c.Policy = tlspolicy.Default
	}
	if err := probeTCP(within(t, timeout), host, addr, &plan.HealthCheck{TLS: c, Timeout: timeout}); err != nil {
		return err.Error()
	}
	return ""
}

// TestProbeTLSCertificates: who is let through by what a check asks of a certificate.
func TestProbeTLSCertificates(t *testing.T) {
	t.Parallel()
	ca, foreign := testca.NewFor(t), testca.NewFor(t)
	now := time.Now()
	issue := func(r testca.Request) tls.Certificate { return ca.IssueFor(t, r).TLS }
	app := issue(testca.Request{Names: []string{"app.internal", "127.0.0.1"}})
	other := issue(testca.Request{Names: []string{"other.example"}})
	alien := foreign.IssueFor(t, testca.Request{Names: []string{"app.internal"}}).TLS
	deep := issue(testca.Request{Names: []string{"app.internal"}, Intermediate: true})
	orphan := deep
	orphan.Certificate = deep.Certificate[:1]
	old := issue(testca.Request{Names: []string{"app.internal"}, NotBefore: now.Add(-2 * time.Hour), NotAfter: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	young := issue(testca.Request{Names: []string{"app.internal"}, NotBefore: time.Date(2096, 1, 2, 3, 4, 5, 0, time.UTC), NotAfter: now.AddDate(90, 0, 0)})
	many := issue(testca.Request{Names: []string{"a.example", "b.example", "10.0.0.9", "d.example", "e.example"}})
	nameless := issue(testca.Request{CommonName: "app.internal"})
	client := issue(testca.Request{Names: []string{"app.internal"}, Client: true})
	spki := func(c tls.Certificate) []byte { return c.Leaf.RawSubjectPublicKeyInfo }
	roots := certs.NewRoots(ca.Pool())
	verify := plan.ClientTLS{Verify: true, Roots: roots}
	for _, tc := range []struct {
		name string
		cert tls.Certificate
		host string
		tls  plan.ClientTLS
		want string // "": passes
	}{
		{"name", app, "app.internal", verify, ""},
		{"absolute_name", app, "app.internal.", verify, ""},
		{"address", app, "127.0.0.1", verify, ""},
		{"chain", deep, "app.internal", verify, ""},
		{"server_name", other, "app.internal", plan.ClientTLS{Verify: true, Roots: roots, ServerName: "other.example"}, ""},
		{"unverified_other_name", other, "app.internal", plan.ClientTLS{}, ""},
		{"unverified_foreign", alien, "app.internal", plan.ClientTLS{Roots: roots}, ""},
		{"unverified_expired", old, "app.internal", plan.ClientTLS{}, ""},
		{"pinned", alien, "app.internal", plan.ClientTLS{PublicKeys: [][]byte{spki(app), spki(alien)}}, ""},
		{"pinned_expired", old, "elsewhere", plan.ClientTLS{PublicKeys: [][]byte{spki(old)}}, ""},
		{"pinned_and_verified", app, "app.internal", plan.ClientTLS{Verify: true, Roots: roots, PublicKeys: [][]byte{spki(app)}}, ""},

		{"other_name", other, "app.internal", verify, "certificate is for other.example, not app.internal"},
		{"other_server_name", app, "app.internal", plan.ClientTLS{Verify: true, Roots: roots, ServerName: "x.example"}, "certificate is for app.internal, 127.0.0.1, not x.example"},
		{"other_address", other, "127.0.0.1", verify, "certificate is for other.example, not 127.0.0.1"},
		{"many_names", many, "app.internal", verify, "certificate is for a.example, b.example, d.example and 2 more, not app.internal"},
		{"no_names", nameless, "app.internal", verify, "certificate is for no host, not app.internal"},
		{"foreign", alien, "app.internal", verify, "certificate is signed by an unknown authority: lull test root"},
		{"chain_incomplete", orphan, "app.internal", verify, "certificate is signed by an unknown authority: lull test intermediate"},
		{"expired", old, "app.internal", verify, "certificate has expired on 2026-01-02T03:04:05Z"},
		{"not_yet", young, "app.internal", verify, "certificate is not valid before 2096-01-02T03:04:05Z"},
		{"for_clients", client, "app.internal", verify, "certificate refused: certificate specifies an incompatible key usage"},
		{"pinned_other", app, "app.internal", plan.ClientTLS{PublicKeys: [][]byte{spki(alien)}}, "TLS handshake: the backend's public key is none of those configured"},
		{"pinned_and_verified_other_name", other, "app.internal", plan.ClientTLS{Verify: true, Roots: roots, PublicKeys: [][]byte{spki(other)}}, "certificate is for other.example, not app.internal"},
		{"pinned_other_and_verified", app, "app.internal", plan.ClientTLS{Verify: true, Roots: roots, PublicKeys: [][]byte{spki(other)}}, "TLS handshake: the backend's public key is none of those configured"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{tc.cert}})
			if got := askTLS(t, tc.host, addr, &tc.tls, 30*time.Second); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestProbeTLSPolicy: the versions and suites of a policy are those that are offered.
func TestProbeTLSPolicy(t *testing.T) {
	t.Parallel()
	cert := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"app.internal"}}).TLS
	gcm := []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	chacha := []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}
	policy := func(lo, hi uint16, suites []uint16) *tlspolicy.Policy {
		return &tlspolicy.Policy{Min: lo, Max: hi, Suites: suites}
	}
	for _, tc := range []struct {
		name   string
		server *tls.Config
		policy *tlspolicy.Policy
		want   string
	}{
		{"default", &tls.Config{MinVersion: tls.VersionTLS13}, tlspolicy.Default, ""},
		{"old", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS10}, policy(tls.VersionTLS10, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}), ""},
		{"suite", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: gcm}, policy(tls.VersionTLS12, tls.VersionTLS12, gcm), ""},
		{"too_old", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, tlspolicy.Default, "TLS handshake refused by the backend: protocol version not supported"},
		{"too_new", &tls.Config{MinVersion: tls.VersionTLS13}, policy(tls.VersionTLS12, tls.VersionTLS12, gcm), "TLS handshake refused by the backend: protocol version not supported"},
		{"other_suite", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: gcm}, policy(tls.VersionTLS12, tls.VersionTLS12, chacha), "TLS handshake refused by the backend: handshake failure"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.server.Certificates = []tls.Certificate{cert}
			addr := serveTLS(t, tc.server)
			if got := askTLS(t, "app.internal", addr, &plan.ClientTLS{Policy: tc.policy}, 30*time.Second); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestProbeTLSHello: what a backend hears before it shows its certificate.
func TestProbeTLSHello(t *testing.T) {
	t.Parallel()
	cert := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"app.internal"}}).TLS
	for _, tc := range []struct {
		name, host string
		tls        plan.ClientTLS
		want       string
	}{
		{"name", "app.internal", plan.ClientTLS{}, "app.internal []"},
		{"absolute_name", "app.internal.", plan.ClientTLS{}, "app.internal []"},
		{"address", "127.0.0.1", plan.ClientTLS{}, " []"},
		{"server_name", "127.0.0.1", plan.ClientTLS{ServerName: "x.example"}, "x.example []"},
		{"alpn", "app.internal", plan.ClientTLS{ALPN: []string{"http/1.1"}}, "app.internal [http/1.1]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 1)
			addr := serveTLS(t, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				heard <- fmt.Sprint(h.ServerName, " ", h.SupportedProtos)
				return &cert, nil
			}})
			if got := askTLS(t, tc.host, addr, &tc.tls, 30*time.Second); got != "" {
				t.Errorf("got %q, want it to pass", got)
			}
			if got := next(t, heard); got != tc.want {
				t.Errorf("the backend heard %q, want %q", got, tc.want)
			}
		})
	}
}

// part is a server's connection that stops in the middle of its handshake: of what the server says in its first write, only
// a part gets through.
type part struct {
	net.Conn
	length func(flight []byte) int
	begun  bool
}

var errEnough = errors.New("enough")

// Write writes the part.
func (p *part) Write(b []byte) (int, error) {
	if p.begun {
		return 0, errEnough
	}
	p.begun = true
	n := p.length(b)
	if n == len(b) {
		return p.Conn.Write(b)
	}
	_, _ = p.Conn.Write(b[:n])
	return 0, errEnough
}

func half(flight []byte) int        { return len(flight) / 2 }
func all(flight []byte) int         { return len(flight) }
func firstRecord(flight []byte) int { return 5 + int(flight[3])<<8 + int(flight[4]) }

// TestProbeTLSNoHandshake asks backends with whom no handshake comes about. Each of them sees its connection closed: without
// that, the test does not end. Nothing else does it, as garbage is not collected.
func TestProbeTLSNoHandshake(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	cert := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"app.internal"}}).TLS
	say := func(text string, then func(net.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096)) // the ClientHello, which would make a reset of the close
			_, _ = io.WriteString(c, text)
			then(c)
		}
	}
	stall := func(version uint16, length func([]byte) int) func(net.Conn) {
		return func(c net.Conn) {
			err := tls.Server(&part{Conn: c, length: length}, &tls.Config{Certificates: []tls.Certificate{cert}, MaxVersion: version}).Handshake()
			if !errors.Is(err, errEnough) {
				t.Errorf("the backend's handshake: got %v, want it to stall", err)
			}
			hold(c)
		}
	}
	const ms = time.Millisecond
	for _, tc := range []struct {
		name    string
		backend func(net.Conn)
		timeout time.Duration // 0: long enough for any machine
		want    string
	}{
		{"silent", hold, 50 * ms, "TLS handshake not complete after 50ms"},
		{"half_a_header", say("\x16\x03", hold), 50 * ms, "TLS handshake not complete after 50ms"},
		{"half_a_record", say("\x16\x03\x03\x00\x40\x02\x00", hold), 50 * ms, "TLS handshake not complete after 50ms"},
		{"dripping", say("\x16\x03\x03\x40\x00\x0b\x00\x3f\xfc", drip("\x00")), 100 * ms, "TLS handshake not complete after 100ms"},
		{"stalls_in_first_flight", stall(tls.VersionTLS13, half), 200 * ms, "TLS handshake not complete after 200ms"},
		{"stalls_after_server_hello", stall(tls.VersionTLS13, firstRecord), 200 * ms, "TLS handshake not complete after 200ms"},
		{"stalls_before_finished", stall(tls.VersionTLS12, all), 200 * ms, "TLS handshake not complete after 200ms"},

		{"http", say("HTTP/1.1 400 Bad Request\r\n\r\n", hangUp), 0, "not TLS: the backend answers in plain text"},
		{"ssh", say("SSH-2.0-OpenSSH_9.2\r\n", hold), 0, "not TLS: the backend answers in plain text"},
		{"mysql", say("\x4a\x00\x00\x00\x0a8.0.33", hold), 0, "not TLS: the backend speaks another protocol"},
		{"ssl2", say("\x80\x2e\x04\x00\x01\x00\x02", hold), 0, "TLS handshake: unsupported SSLv2 handshake received"},
		{"alert", say("\x15\x03\x03\x00\x02\x02\x28", hangUp), 0, "TLS handshake refused by the backend: handshake failure"},
		{"unrecognized_name", say("\x15\x03\x03\x00\x02\x02\x70", hold), 0, "TLS handshake refused by the backend: unrecognized name"},
		{"unknown_alert", say("\x15\x03\x03\x00\x02\x02\xee", hold), 0, "TLS handshake refused by the backend: alert(238)"},
		{"close_notify", say("\x15\x03\x03\x00\x02\x01\x00", hangUp), 0, "closed during the TLS handshake"},
		{"oversize", say("\x16\x03\x03\xff\xff", hold), 0, "TLS handshake: oversized record received with length 65535"},
		{"closed", say("", hangUp), 0, "closed during the TLS handshake"},
		{"closed_in_record", say("\x16\x03\x03\x00\x40\x02\x00", hangUp), 0, "closed during the TLS handshake"},
		{"reset", say("", reset), 0, "reset during the TLS handshake"},
		{"reset_in_record", say("\x16\x03\x03\x00\x40\x02\x00", reset), 0, "reset during the TLS handshake"},
	} {
		for name, ask := range map[string]probe{"tcp": probeTCP, "http": probeHTTP} {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				ended := make(chan string, 1)
				addr := accept(t, func(c net.Conn) {
					tc.backend(c)
					ended <- ""
				})
				if tc.timeout == 0 {
					tc.timeout = 30 * time.Second
				}
				check := plan.HealthCheck{TLS: &plan.ClientTLS{Policy: tlspolicy.Default}, Path: "/", Status: 200, Timeout: tc.timeout}
				if err := ask(within(t, tc.timeout), "app.internal", addr, &check); err == nil || err.Error() != tc.want {
					t.Errorf("got %v, want %q", err, tc.want)
				}
				next(t, ended)
			})
		}
	}
}

// TestProbeTLSSaysGoodbye: a probe that has passed ends with close_notify and a FIN, in both versions, and says nothing else.
func TestProbeTLSSaysGoodbye(t *testing.T) {
	t.Parallel()
	cert := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"app.internal"}}).TLS
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tlspolicy.VersionName(version), func(t *testing.T) {
			t.Parallel()
			heard := make(chan string, 1)
			addr := accept(t, func(raw net.Conn) {
				c := tls.Server(cutting{raw}, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version})
				data, err := io.ReadAll(c)
				left, end := io.ReadAll(raw)
				heard <- fmt.Sprintf("%q %v, %q %v", data, err, left, end)
			})
			if got := askTLS(t, "app.internal", addr, &plan.ClientTLS{}, 30*time.Second); got != "" {
				t.Errorf("got %q, want it to pass", got)
			}
			if got, want := next(t, heard), `"" <nil>, "" <nil>`; got != want {
				t.Errorf("the backend saw %s, want %s", got, want)
			}
		})
	}
}

// TestProbeHTTPOverTLSCut: an answer that ends with the connection is whole only if the connection says that it ends.
func TestProbeHTTPOverTLSCut(t *testing.T) {
	t.Parallel()
	w := worlds(t)[1]
	const ended = "closed without close_notify, so its answer may have been cut short"
	for _, tc := range []struct{ name, answer, want string }{
		{"length", okHead + "Content-Length: 2\r\n\r\nok", ""},
		{"chunked", okHead + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
		{"until_close", okHead + "\r\nok", ended},
		{"until_close_empty", okHead + "\r\n", ended},
		{"in_body", okHead + "Content-Length: 3\r\n\r\nok", "closed in the middle of its answer"},
		{"nothing", "", "closed without an answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := w.serveHTTP(t, func(c net.Conn, _ string) {
				_, _ = io.WriteString(c, tc.answer)
				cut(c)
			})
			if got := w.ask(t, addr, plan.HealthCheck{Path: "/", Status: 200, Timeout: 30 * time.Second}); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestProbeHTTPOverTLSRefusedLate: with TLS 1.3 a backend that wants a certificate of us says so after our handshake is done.
func TestProbeHTTPOverTLSRefusedLate(t *testing.T) {
	t.Parallel()
	w := worlds(t)[1]
	w.server.ClientAuth = tls.RequireAnyClientCert
	addr := w.serveHTTP(t, func(c net.Conn, _ string) { hold(c) })
	got := w.ask(t, addr, plan.HealthCheck{Path: "/", Status: 200, Timeout: 30 * time.Second})
	if want := "TLS connection ended by the backend without an answer: certificate required"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestTLSWordsAreBounded: a certificate can hold anything.
func TestTLSWordsAreBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.\n\x1b[31m", 10000)
	cert := &x509.Certificate{DNSNames: []string{long, long, long, long}}
	cert.Issuer.CommonName = long
	check := &plan.HealthCheck{TLS: &plan.ClientTLS{ServerName: long}}
	for _, err := range []error{
		x509.HostnameError{Certificate: cert, Host: long},
		x509.UnknownAuthorityError{Cert: cert},
		x509.CertificateInvalidError{Cert: cert, Reason: x509.NameMismatch, Detail: long},
		errors.New(long),
	} {
		for _, err := range []error{err, &tls.CertificateVerificationError{Err: err}} {
			got := handshakeError(err, "", check).Error()
			if len(got) > 400 || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%T: got %d bytes, %q; want at most 400, all printable", err, len(got), got[:min(len(got), 500)])
			}
		}
	}
}
