package admin

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest/testca"
)

// shake has a client and a server shake hands and returns what either says of it, without its prefix, as package tlsio has it.
// Neither closes before both have spoken, so that each reads the other's alert.
func shake(t *testing.T, server, client *tls.Config) (front, back string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, conn := range []net.Conn{s, c} {
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	said := make(chan string, 1)
	go func() { said <- saidBy(tls.Server(s, server)) }()
	back = saidBy(tls.Client(c, client))
	return <-said, back
}

// saidBy shakes hands and then reads, as it is only by reading that a client of TLS 1.3 learns of its refusal.
func saidBy(c *tls.Conn) string {
	err := c.Handshake()
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil {
		return ""
	}
	return strings.TrimPrefix(err.Error(), "tls: ")
}

// TestRemediesKnowWhatCryptoTLSSays holds the texts that pick an advice against the errors themselves: another version of Go
// may say them in other words.
func TestRemediesKnowWhatCryptoTLSSays(t *testing.T) {
	t.Parallel()
	a, other := testca.NewFor(t), testca.NewFor(t)
	issue := func(r testca.Request) []tls.Certificate { return []tls.Certificate{a.IssueFor(t, r).TLS} }
	past := time.Now().Add(-time.Minute)
	named, expired := testca.Request{Names: []string{"app.example.com"}}, testca.Request{Names: []string{"app.example.com"}, NotBefore: past.Add(-time.Hour), NotAfter: past}
	type configs struct{ server, client *tls.Config }
	for _, tt := range []struct {
		name   string
		change func(c configs)
		why    reason.Reason
		want   string
	}{
		{"versions", func(c configs) { c.client.MaxVersion = tls.VersionTLS11; c.client.MinVersion = tls.VersionTLS10 },
			reason.HandshakeFailed, "the client offers only TLSv1.1 and TLSv1, and "},
		{"ciphers", func(c configs) {
			c.client.MaxVersion, c.client.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		}, reason.HandshakeFailed, "the client offers only ECDHE-RSA-AES256-GCM-SHA384, and "},
		{"curves", func(c configs) {
			c.server.CurvePreferences, c.client.CurvePreferences = []tls.CurveID{tls.CurveP384}, []tls.CurveID{tls.X25519}
		}, reason.HandshakeFailed, "elliptic curves"},
		{"alpn", func(c configs) { c.server.NextProtos, c.client.NextProtos = []string{"http/1.1"}, []string{"h2"} },
			reason.HandshakeFailed, "(ALPN)"},
		{"client-distrusts", func(c configs) { c.client.RootCAs = other.Pool() }, reason.HandshakeFailed, "did not accept the certificate"},
		{"client-wants-another-name", func(c configs) { c.client.ServerName = "db" }, reason.HandshakeFailed, "did not accept the certificate"},
		{"no-client-certificate", func(c configs) { c.server.ClientAuth = tls.RequireAndVerifyClientCert }, reason.HandshakeFailed, "client_certificates.mode"},
		{"client-unknown", func(c configs) {
			c.server.ClientAuth, c.server.ClientCAs = tls.RequireAndVerifyClientCert, other.Pool()
			mine := a.IssueFor(t, testca.Request{Client: true}).TLS
			c.client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &mine, nil }
		}, reason.HandshakeFailed, "client_certificates.ca"},

		{"backend-too-old", func(c configs) { c.server.MinVersion, c.server.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
			reason.BackendHandshakeFailed, "none of the versions"},
		{"backend-has-other-ciphers", func(c configs) {
			c.client.MaxVersion, c.client.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}
		}, reason.BackendHandshakeFailed, "found nothing in common"},
		{"backend-wants-a-certificate", func(c configs) { c.server.ClientAuth = tls.RequireAndVerifyClientCert }, reason.BackendHandshakeFailed, "wants a certificate of its client"},
		{"backend-unknown", func(c configs) { c.client.RootCAs = other.Pool() }, reason.BackendUntrusted, "`tls.ca`"},
		{"backend-expired", func(c configs) { c.server.Certificates = issue(expired) }, reason.BackendUntrusted, "renew the certificate"},
		{"backend-has-another-name", func(c configs) { c.client.ServerName = "db" }, reason.BackendUntrusted, "to one of the names"},
		{"backend-has-no-name", func(c configs) { c.server.Certificates = issue(testca.Request{CommonName: "app"}) }, reason.BackendUntrusted, "tls.public_keys"},
		{"backend-has-no-address", func(c configs) { c.client.ServerName = "10.0.0.1" }, reason.BackendUntrusted, "holds no addresses"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := configs{
				server: &tls.Config{Certificates: issue(named), ClientCAs: a.Pool()},
				client: &tls.Config{RootCAs: a.Pool(), ServerName: "app.example.com", MinVersion: tls.VersionTLS12},
			}
			tt.change(c)
			fault, behind := shake(t, c.server, c.client)
			if tt.why != reason.HandshakeFailed {
				fault = behind
			}
			ends := admintest.Exchange(1, 1).Ends
			if got := adviceOfTLS(tt.why, &ends, fault, nil); !strings.Contains(got, tt.want) {
				t.Errorf("%q: advice %q, want %q in it", fault, got, tt.want)
			}
		})
	}
}

// TestRemediesKnowPlainText: a backend that speaks no TLS answers the ClientHello in its own way.
func TestRemediesKnowPlainText(t *testing.T) {
	t.Parallel()
	s, c := net.Pipe()
	go func() {
		_, _ = s.Read(make([]byte, 1<<14))
		_, _ = io.WriteString(s, "HTTP/1.1 400 Bad Request\r\n\r\n")
		s.Close()
	}()
	fault := saidBy(tls.Client(c, &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "app"}))
	c.Close()
	ends := admintest.Exchange(1, 1).Ends
	if got, want := adviceOfTLS(reason.BackendHandshakeFailed, &ends, fault, nil), "speaks no TLS on that port: set `protocol: http`"; !strings.Contains(got, want) {
		t.Errorf("%q: advice %q, want %q in it", fault, got, want)
	}
}
