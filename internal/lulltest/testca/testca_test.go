package testca_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"os"
	"testing"
	"time"

	"lull/internal/lulltest/testca"
)

func TestIssue(t *testing.T) {
	t.Parallel()
	ca := testca.NewFor(t)
	now := time.Now()
	cases := []struct {
		name    string
		request testca.Request
		asked   string // name that is verified
		usage   x509.ExtKeyUsage
		subject string
		chain   int
		fails   bool
	}{
		{"dns", testca.Request{Names: []string{"a.test", "b.test"}}, "b.test", x509.ExtKeyUsageServerAuth, "CN=a.test", 1, false},
		{"other-dns", testca.Request{Names: []string{"a.test"}}, "b.test", x509.ExtKeyUsageServerAuth, "CN=a.test", 1, true},
		{"wildcard", testca.Request{Names: []string{"*.a.test"}}, "x.a.test", x509.ExtKeyUsageServerAuth, "CN=*.a.test", 1, false},
		{"ip4", testca.Request{Names: []string{"127.0.0.1"}}, "127.0.0.1", x509.ExtKeyUsageServerAuth, "CN=127.0.0.1", 1, false},
		{"ip6", testca.Request{Names: []string{"a.test", "::1"}}, "::1", x509.ExtKeyUsageServerAuth, "CN=a.test", 1, false},
		{"rsa", testca.Request{Names: []string{"a.test"}, RSA: true}, "a.test", x509.ExtKeyUsageServerAuth, "CN=a.test", 1, false},
		{"intermediate", testca.Request{Names: []string{"a.test"}, Intermediate: true}, "a.test", x509.ExtKeyUsageServerAuth, "CN=a.test", 2, false},
		{"client", testca.Request{Client: true, CommonName: "ann"}, "", x509.ExtKeyUsageClientAuth, "CN=ann", 1, false},
		{
			"subject", testca.Request{Client: true, Subject: pkix.Name{CommonName: "ann", Organization: []string{"ops"}}},
			"", x509.ExtKeyUsageClientAuth, "CN=ann,O=ops", 1, false,
		},
		{"server-as-client", testca.Request{Names: []string{"a.test"}}, "", x509.ExtKeyUsageClientAuth, "CN=a.test", 1, true},
		{"expired", testca.Request{Names: []string{"a.test"}, NotBefore: now.Add(-2 * time.Hour), NotAfter: now.Add(-time.Hour)}, "a.test", x509.ExtKeyUsageServerAuth, "CN=a.test", 1, true},
		{"not-yet", testca.Request{Names: []string{"a.test"}, NotBefore: now.Add(time.Hour)}, "a.test", x509.ExtKeyUsageServerAuth, "CN=a.test", 1, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := ca.IssueFor(t, c.request)
			pair, err := tls.X509KeyPair(got.Chain, got.Key)
			if err != nil {
				t.Fatalf("chain and key: %v", err)
			}
			if len(pair.Certificate) != c.chain || len(got.TLS.Certificate) != c.chain || !bytes.Equal(pair.Certificate[0], got.TLS.Leaf.Raw) {
				t.Errorf("chain: got %d in PEM and %d for TLS, want %d", len(pair.Certificate), len(got.TLS.Certificate), c.chain)
			}
			if s := pair.Leaf.Subject.String(); s != c.subject {
				t.Errorf("subject: got %s, want %s", s, c.subject)
			}
			verify := x509.VerifyOptions{Roots: ca.Pool(), DNSName: c.asked, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{c.usage}}
			for _, der := range pair.Certificate[1:] {
				between, err := x509.ParseCertificate(der)
				if err != nil {
					t.Fatal(err)
				}
				verify.Intermediates.AddCert(between)
			}
			if _, err = pair.Leaf.Verify(verify); (err != nil) != c.fails {
				t.Errorf("verify: got %v, want failure: %t", err, c.fails)
			}
			_, isRSA := pair.PrivateKey.(*rsa.PrivateKey)
			_, isECDSA := pair.PrivateKey.(*ecdsa.PrivateKey)
			if isRSA != c.request.RSA || isECDSA == c.request.RSA {
				t.Errorf("key: got a %T", pair.PrivateKey)
			}
		})
	}
}

// Two authorities do not know each other, though their roots have the same name.
func TestForeign(t *testing.T) {
	t.Parallel()
	leaf := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"a.test"}}).TLS.Leaf
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: testca.NewFor(t).Pool(), DNSName: "a.test"}); err == nil {
		t.Error("a certificate of another authority: got no error")
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	ca, dir := testca.NewFor(t), t.TempDir()
	for range 2 { // the second replaces the first
		issued := ca.IssueFor(t, testca.Request{Names: []string{"a.test"}})
		chain, key, err := issued.Write(dir, "a")
		if err != nil {
			t.Fatal(err)
		}
		root, err := ca.Write(dir, "root")
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string][]byte{chain: issued.Chain, key: issued.Key, root: ca.PEM()} {
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("read a written file: got %d bytes, %v; want %d", len(got), err, len(want))
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode: got %v, %v; want 0600", info.Mode(), err)
			}
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("files: got %v, %v; want three", left, err)
	}
}
