package certs_test

import (
	"crypto/elliptic"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// root returns an authority that expires at a time.
func root(t testing.TB, end time.Time) []byte {
	t.Helper()
	return selfSigned(t, ecdsaKey(t, elliptic.P256()), x509.Certificate{IsCA: true, NotBefore: end.AddDate(-10, 0, 0), NotAfter: end})
}

func TestParseBundle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	in := func(days int) []byte { return root(t, now.AddDate(0, 0, days)) }
	past, later, latest := in(-10), in(400), in(800)
	unreadable := armour("CERTIFICATE", []byte("x"))
	cases := []struct {
		name      string
		in        []byte
		count     int
		describes string
		ends      int // days from now
		warning   string
	}{
		{"one", later, 1, "1 authority", 400, ""},
		{"several", slices.Concat(latest, []byte("# text\n"), later), 2, "2 authorities", 400, ""},
		{"twice", slices.Concat(later, later), 1, "1 authority", 400, ""},
		{"one-expired", slices.Concat(later, past), 2, "2 authorities", 400, "1 of 2 authorities have expired"},
		{"only-expired", past, 1, "1 authority", -10, "the authority expired on 2026-05-22"},
		{"all-expired", slices.Concat(past, in(-5)), 2, "2 authorities", -5, "all 2 authorities have expired, the last on 2026-05-27"},
		{"soon", in(29), 1, "1 authority", 29, "1 authority: none is valid after 2026-06-30, within 30 days"},
		{"one-soon", slices.Concat(in(29), later), 2, "2 authorities", 29, ""},
		{"unreadable", slices.Concat(unreadable, later), 1, "1 authority", 400, "1 of 2 authorities cannot be read and are not trusted; certificate 1: x509: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := certs.ParseBundle(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if b.Count != c.count || b.String() != c.describes || !b.NotAfter(now).Equal(now.AddDate(0, 0, c.ends)) {
				t.Errorf("got %d, %q, next end %v, want %d, %q, in %d days", b.Count, b, b.NotAfter(now), c.count, c.describes, c.ends)
			}
			wantWarning(t, b.Warnings(now), c.warning)
		})
	}
}

func TestParseBundleRefuses(t *testing.T) {
	t.Parallel()
	good := root(t, time.Now())
	key := pkcs8(t, ecdsaKey(t, elliptic.P256()))
	cases := []struct {
		name string
		in   []byte
		says string
	}{
		{"empty", nil, "empty: want PEM"},
		{"garbage", []byte("x"), "no -----BEGIN line"},
		{"long", make([]byte, certs.BytesMax+1), "at most 1048576 are read"},
		{"cut-off", slices.Concat(good, good[:99]), "1 of 2 PEM blocks are damaged"},
		{"key", slices.Concat(good, key), "a private key in it"},
		{"other-block", slices.Concat(good, armour("X509 CRL", []byte("x"))), "block 2 is no certificate"},
		{"unreadable", armour("CERTIFICATE", []byte("x")), "certificate 1: x509: "},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b, err := certs.ParseBundle(c.in)
			if b != nil || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, error %v, want an error that says %q", b, err, c.says)
			}
			wantNoEcho(t, err, c.in)
		})
	}
}

// TestBundleVerifies shows that the pool holds what was read.
func TestBundleVerifies(t *testing.T) {
	t.Parallel()
	a, err := authority()
	if err != nil {
		t.Fatal(err)
	}
	b, err := certs.ParseBundle(slices.Concat(root(t, time.Now()), a.PEM()))
	if err != nil {
		t.Fatal(err)
	}
	leaf := parsed(t, testca.Request{Names: []string{"a.example"}}).Leaf()
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: b.Pool, DNSName: "a.example"}); err != nil {
		t.Errorf("got %v, want the authority to be known", err)
	}
}

func TestRootsReplace(t *testing.T) {
	t.Parallel()
	first, second := x509.NewCertPool(), x509.NewCertPool()
	r := certs.NewRoots(first)
	if got := r.Pool(); got != first {
		t.Errorf("got %v, want the first pool", got)
	}
	r.Replace(second)
	if got := r.Pool(); got != second {
		t.Errorf("got %v, want the second pool", got)
	}
}
