package file

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lull/internal/lulltest/testca"
)

// TestTLSWarnings wants each thing that is wrong told once, at what it is about.
func TestTLSWarnings(t *testing.T) {
	t.Parallel()
	dir := tlsDir(t)
	ca := testca.NewFor(t)
	old := ca.IssueFor(t, testca.Request{Names: []string{"old.example.com"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(86400, 0)})
	writePEM(t, dir, map[string][]byte{"old.pem": old.Chain, "old.key": old.Key, "loose.pem": old.Chain, "loose.key": old.Key})
	if err := os.Chmod(filepath.Join(dir, "loose.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	writeEd25519(t, dir)
	c := parseTLS(t, dir, `load_balancers:
  - name: a
    listeners:
      - {name: fine, protocol: https, port: 1, backend_set: s, tls: {certificate: cert.pem, key: key.pem}}
      - {name: dated, protocol: https, port: 2, backend_set: s, tls: {certificate: cert.pem, key: key.pem, policy: ELBSecurityPolicy-TLS-1-2-2017-01}}
      - {name: weak, protocol: https, port: 3, backend_set: s, tls: {certificate: cert.pem, key: key.pem, policy: ELBSecurityPolicy-2016-08}}
      - {name: narrowed, protocol: https, port: 4, backend_set: s, tls: {certificate: cert.pem, key: key.pem, policy: ELBSecurityPolicy-2016-08, min_version: 1.2}}
      - {name: broken, protocol: https, port: 5, backend_set: s, tls: {certificate: rsa.pem, key: rsa.key, policy: oci-wider-compatible-ssl-cipher-suite-v1}}
      - {name: old, protocol: https, port: 6, backend_set: s, tls: [{certificate: old.pem, key: old.key}, {certificate: loose.pem, key: loose.key}]}
      - {name: again, protocol: https, port: 7, backend_set: s, tls: [{certificate: old.pem, key: old.key}]}
      - {name: part, protocol: https, port: 8, backend_set: s, tls: {certificate: ed.pem, key: ed.key, policy: oci-tls-11-12-13-wider-ssl-cipher-suite-v1}}
    backend_sets:
      - {name: s, protocol: https, tls: {verify: false, ca: ca.pem}, backends: [{address: 10.0.0.1, port: 80}]}
      - {name: pinned, protocol: https, tls: {public_keys: [backend.pub], policy: ELBSecurityPolicy-2011-08}, backends: [{address: 10.0.0.1, port: 80}]}
`)
	want := `a/s: tls.ca is not used, as tls.verify is false
old.pem: certificate CN=old.example.com expired on 1970-01-02
loose.key is readable by group or others (mode 0640): chmod 600
loose.pem: certificate CN=old.example.com expired on 1970-01-02
a/weak: policy ELBSecurityPolicy-2016-08 is weak: versions before TLSv1.2 (deprecated by RFC 8996), CBC with SHA-256 (Lucky 13: crypto/tls has no defence in these suites), RSA key exchange (no forward secrecy)
a/broken: policy oci-wider-compatible-ssl-cipher-suite-v1 is weak: RC4 (forbidden by RFC 7465), 3DES (Sweet32), CBC with SHA-256 (Lucky 13: crypto/tls has no defence in these suites), RSA key exchange (no forward secrecy)
a/part: policy oci-tls-11-12-13-wider-ssl-cipher-suite-v1 is weak: versions before TLSv1.2 (deprecated by RFC 8996), CBC with SHA-256 (Lucky 13: crypto/tls has no defence in these suites), RSA key exchange (no forward secrecy)
a/part: no client can use TLSv1.1 of policy oci-tls-11-12-13-wider-ssl-cipher-suite-v1: the kind of key of its certificates does not serve that
a/s: tls.verify is false: any certificate passes, so whoever gets between lull and a backend can read and change everything
a/pinned: no listener uses this backend set
a/pinned: policy ELBSecurityPolicy-2011-08 is weak: RC4 (forbidden by RFC 7465), 3DES (Sweet32), versions before TLSv1.2 (deprecated by RFC 8996), RSA key exchange (no forward secrecy)`
	if got := strings.ReplaceAll(strings.Join(c.Warnings(), "\n"), dir+"/", ""); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// TestProbeWarnings: a probe that speaks otherwise than the backend's port does takes a healthy backend out.
func TestProbeWarnings(t *testing.T) {
	t.Parallel()
	const plain, secured = "in plain to a port that is spoken to in TLS", "in TLS to a port that is spoken to in plain"
	for check, want := range map[string][2]string{ // what is said of a plain set, and of one over TLS
		"{}":                         {"", ""},
		"{protocol: http}":           {"", plain},
		"{protocol: http, port: 81}": {"", ""},
		"{protocol: https}":          {secured, ""},
		"{protocol: ssl}":            {secured, ""},
		"{protocol: ssl, port: 81}":  {"", ""},
	} {
		for i, protocol := range []string{"http", "https"} {
			c := parse(t, "load_balancers: [{name: a, listeners: [{name: l, protocol: http, port: 1, backend_set: s}], backend_sets: [{name: s, protocol: "+
				protocol+", health_check: "+check+", backends: [{address: 127.0.0.1, port: 9001}]}]}]")
			got := strings.Join(c.Warnings(), "\n")
			if want := want[i]; want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s of %s: got %q, want %q", check, protocol, got, want)
			}
		}
	}
}

// writeEd25519 writes a certificate with a key that TLS 1.1 has no signature for.
func writeEd25519(t *testing.T, dir string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ed.example.com"}, DNSNames: []string{"ed.example.com"}, NotAfter: farAway,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, dir, map[string][]byte{
		"ed.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		"ed.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
	})
}
