package certs_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

func TestNames(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		names []string
		want  []string
	}{
		{"lower-case", []string{"WWW.Example.COM", "*.Example.com"}, []string{"www.example.com", "*.example.com"}},
		{"once", []string{"a.example", "A.example"}, []string{"a.example"}},
		{"no-address", []string{"a.example", "10.0.0.1"}, []string{"a.example"}},
		{"common-name-is-none", nil, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := parsed(t, testca.Request{Names: c.names, CommonName: "cn.example"}).Names(); !slices.Equal(got, c.want) {
				t.Errorf("%q: got %q, want %q", c.names, got, c.want)
			}
		})
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	key := ecdsaKey(t, elliptic.P256())
	cases := []struct {
		name     string
		template x509.Certificate
		want     string
	}{
		{"common-name", x509.Certificate{Subject: pkix.Name{CommonName: "www.example.com"}}, "CN=www.example.com"},
		{"dns-name", x509.Certificate{DNSNames: []string{"a.example"}}, "a.example"},
		{"address", x509.Certificate{DNSNames: []string{}, IPAddresses: []net.IP{net.IPv4(10, 0, 0, 1)}}, "10.0.0.1"},
		{"organisation", x509.Certificate{DNSNames: []string{}, Subject: pkix.Name{Organization: []string{"Example"}}}, "O=Example"},
		{"nothing", x509.Certificate{DNSNames: []string{}}, "without a name"},
		{"unprintable", x509.Certificate{Subject: pkix.Name{CommonName: "a\n\x1b[31m"}}, "CN=a??[31m"},
		{"long", x509.Certificate{Subject: pkix.Name{CommonName: strings.Repeat("ü", 65)}}, "CN=" + strings.Repeat("ü", 64) + "…"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := certs.Parse(selfSigned(t, key, c.template), pkcs8(t, key))
			if err != nil {
				t.Fatal(err)
			}
			if want := c.want + ", ECDSA P-256, expires 2030-03-17"; got.String() != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestPrintsNoKey prints a certificate in every way that a careless line of code may. An ECDSA or Ed25519 key prints as
// numbers, an encoded one as base64; none of that may come out.
func TestPrintsNoKey(t *testing.T) {
	t.Parallel()
	key := ed25519Key(t)
	c, err := certs.Parse(selfSigned(t, key, x509.Certificate{}), pkcs8(t, key))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", *c)
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("x", "certificate", c, "value", *c, "list", []*certs.Certificate{c})
	}
	encoded, err := json.Marshal(map[string]any{"pointer": c, "value": *c})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(encoded)
	for _, form := range []string{"%v", "%x", "%d"} {
		secret := fmt.Sprintf(form, []byte(key[8:16]))
		if strings.Contains(out.String(), strings.Trim(secret, "[]")) {
			t.Errorf("the key is printed in form %s", form)
		}
	}
	if strings.Contains(out.String(), base64.StdEncoding.EncodeToString(key[:9])) {
		t.Error("the key is printed in base64")
	}
	if got := strings.Count(out.String(), "CN=self.example"); got < 18 {
		t.Errorf("got the description %d times, want each time: %s", got, out.String())
	}
}

func TestCertificateWarnings(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	from := now.AddDate(0, -2, 0)
	names := []string{"a.example"}
	cases := []struct {
		name string
		r    testca.Request
		want string // part of the only warning; "" for none
	}{
		{"good", testca.Request{Names: names, NotBefore: from, NotAfter: now.AddDate(0, 0, 31)}, ""},
		{"good-thirty", testca.Request{Names: names, NotBefore: from, NotAfter: now.Add(certs.ExpirySoon)}, ""},
		{"soon", testca.Request{Names: names, NotBefore: from, NotAfter: now.Add(certs.ExpirySoon - time.Second)}, "CN=a.example expires on 2026-07-01, within 30 days"},
		{"expired", testca.Request{Names: names, NotBefore: from, NotAfter: now.Add(-time.Second)}, "CN=a.example expired on 2026-06-01"},
		{"not-yet", testca.Request{Names: names, NotBefore: now.Add(time.Hour), NotAfter: now.AddDate(1, 0, 0)}, "CN=a.example is not valid before 2026-06-01"},
		{"no-names", testca.Request{CommonName: "a.example", NotBefore: from, NotAfter: now.AddDate(1, 0, 0)}, "no subject alternative name"},
		{"address-is-a-name", testca.Request{Names: []string{"10.0.0.1"}, NotBefore: from, NotAfter: now.AddDate(1, 0, 0)}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			wantWarning(t, parsed(t, c.r).Warnings(now), c.want)
		})
	}
}

func TestWarningWeakKey(t *testing.T) {
	t.Parallel()
	key := rsaKey(t, 1024)
	c, err := certs.Parse(selfSigned(t, key, x509.Certificate{}), pkcs1(key))
	if err != nil {
		t.Fatal(err)
	}
	wantWarning(t, c.Warnings(time.Unix(1.8e9, 0)), "weak key, RSA 1024: want at least 2048 bits")
}

func TestWarningSignature(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[x509.SignatureAlgorithm]string{
		x509.SHA1WithRSA: "signed with SHA1-RSA", x509.ECDSAWithSHA1: "signed with ECDSA-SHA1", x509.SHA256WithRSA: "",
	} {
		c := parsed(t, testca.Request{Names: []string{"a.example"}})
		c.TLS.Leaf.SignatureAlgorithm = algorithm // nothing signs with SHA-1 any more, tests included
		wantWarning(t, c.Warnings(time.Now()), want)
	}
}

// TestIntermediateEnds lets the intermediate of the tests, which runs for ten years, expire before the certificate, and the
// root with it. The former matters; the latter does not, since clients have a root of their own.
func TestIntermediateEnds(t *testing.T) {
	t.Parallel()
	a, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	in20Years := time.Now().AddDate(20, 0, 0)
	for name, c := range map[string]struct {
		r    testca.Request
		want string
	}{
		"intermediate": {testca.Request{Intermediate: true}, "CN=lull test intermediate in the chain of CN=a.example expired on "},
		"root":         {testca.Request{}, ""},
	} {
		c.r.Names, c.r.NotAfter = []string{"a.example"}, in20Years.AddDate(1, 0, 0)
		i := issue(t, c.r)
		got, err := certs.Parse(slices.Concat(i.Chain, a.PEM()), i.Key)
		if err != nil {
			t.Fatal(err)
		}
		wantWarning(t, got.Warnings(in20Years), c.want)
		if sooner := got.ChainNotAfter().Before(got.NotAfter()); sooner != (c.want != "") {
			t.Errorf("%s: got the end of the chain %v, that of the certificate %v", name, got.ChainNotAfter(), got.NotAfter())
		}
	}
}

// wantWarning wants one warning that says something, or none if that is "".
func wantWarning(t *testing.T, got []string, want string) {
	t.Helper()
	switch {
	case want == "" && len(got) == 0:
	case want != "" && len(got) == 1 && strings.Contains(got[0], want):
	default:
		t.Errorf("got warnings %q, want one that says %q", got, want)
	}
}
