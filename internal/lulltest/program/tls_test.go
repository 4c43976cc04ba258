package program_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
	"lull/internal/lulltest/testca"
)

// beforeSSL is a file with an ssl listener at port 7 before an ssl backend.
func beforeSSL(backend netip.AddrPort) string {
	return fmt.Sprintf(`load_balancers:
  - name: lb
    address: "{address}"
    listeners: [{name: ssl, protocol: ssl, port: 7, backend_set: set, tls: {certificate: cert.pem, key: key.pem}}]
    backend_sets:
      - name: set
        protocol: ssl
        tls: {ca: ca.pem, server_name: backend.example.com}
        backends: [{address: %s, port: %d}]
`, backend.Addr(), backend.Port())
}

// secureEcho is a backend that echoes over TLS.
func secureEcho(t *testing.T, ca *testca.Authority) netip.AddrPort {
	t.Helper()
	own := ca.IssueFor(t, testca.Request{Names: []string{"backend.example.com"}})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own.TLS}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// issue writes another certificate of the listener.
func issue(t *testing.T, d *program.Dir, ca *testca.Authority, name string) {
	t.Helper()
	i := ca.IssueFor(t, testca.Request{CommonName: name, Names: []string{"lull.example.com"}})
	d.Write("cert.pem", string(i.Chain))
	d.Write("key.pem", string(i.Key))
}

// shake makes a handshake and returns the connection with the common name of the certificate that it got.
func shake(t *testing.T, d *program.Dir, ca *testca.Authority) (*tls.Conn, string) {
	t.Helper()
	dialer := &tls.Dialer{
		NetDialer: &net.Dialer{Timeout: lulltest.Patience}, Config: &tls.Config{RootCAs: ca.Pool(), ServerName: "lull.example.com"},
	}
	c, err := dialer.DialContext(t.Context(), "tcp", d.At(7).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	over := c.(*tls.Conn)
	_ = over.SetDeadline(time.Now().Add(lulltest.Patience))
	return over, over.ConnectionState().PeerCertificates[0].Subject.CommonName
}

// echoed wants an echo through lull.
func echoed(t *testing.T, c net.Conn) {
	t.Helper()
	got := make([]byte, 5)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		t.Fatalf("got %q, %v, want the echo", got, err)
	}
}

// TestTLS serves TLS on both sides, and replaces the certificate twice under a connection that goes on: by writing the files,
// and by writing them and SIGHUP.
func TestTLS(t *testing.T) {
	t.Parallel()
	d, ca := program.NewDir(t), testca.NewFor(t)
	issue(t, d, ca, "first")
	d.Write("ca.pem", string(ca.PEM()))
	p := d.Serve(beforeSSL(secureEcho(t, ca)))
	open, name := shake(t, d, ca)
	if echoed(t, open); name != "first" {
		t.Errorf("got the certificate %s, want the first", name)
	}

	issue(t, d, ca, "second")
	p.WaitLog("level=INFO", "replaced", "CN=second")
	c, name := shake(t, d, ca)
	if echoed(t, c); name != "second" {
		t.Errorf("after the files have changed: got the certificate %s, want the second", name)
	}
	echoed(t, open)

	issue(t, d, ca, "third")
	p.Signal(syscall.SIGHUP)
	p.WaitLog("msg=reloaded")
	last, name := shake(t, d, ca)
	if name != "third" {
		t.Errorf("after SIGHUP: got the certificate %s, want the third", name)
	}
	echoed(t, open)

	if got := d.Run("check", "lull.yaml"); got.Code != 0 || !strings.Contains(got.Stdout, "cert.pem: CN=third, ECDSA P-256") {
		t.Errorf("check: got %+v, want the third certificate", got)
	}
	p.Signal(syscall.SIGTERM)
	for _, each := range []*tls.Conn{open, c, last} { // none is cut, so the drain lasts no longer than they do
		_ = each.Close()
	}
	if code := p.Exit(); code != 0 {
		t.Errorf("got exit code %d, want 0", code)
	}
}
