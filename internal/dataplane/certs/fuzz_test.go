package certs_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// FuzzParse wants what it takes to be usable, tls.X509KeyPair to take it as well, and what it refuses to be refused without
// an echo of the key.
func FuzzParse(f *testing.F) {
	ec, rsa := ecdsaKey(f, elliptic.P256()), rsaKey(f, 1024)
	leaf := selfSigned(f, ec, x509.Certificate{})
	f.Add(leaf, pkcs8(f, ec))
	f.Add(leaf, sec1(f, ec))
	f.Add(selfSigned(f, rsa, x509.Certificate{}), pkcs1(rsa))
	f.Add(pkcs8(f, ec), leaf)
	f.Add(slices.Concat(leaf, sec1(f, ec)), slices.Concat(leaf, sec1(f, ec)))
	i := issue(f, testca.Request{Names: []string{"a.example", "*.b.example"}, Intermediate: true})
	f.Add(i.Chain, i.Key)
	f.Fuzz(func(t *testing.T, chain, key []byte) {
		c, err := certs.Parse(chain, key)
		if err != nil {
			wantNoEcho(t, err, key)
			return
		}
		mark := []byte("\xef\xbb\xbf") // which crypto/tls does not know
		if _, err := tls.X509KeyPair(bytes.TrimPrefix(chain, mark), bytes.TrimPrefix(key, mark)); err != nil {
			t.Errorf("crypto/tls refuses what Parse has taken: %v", err)
		}
		if c.String() == "" || c.KeyKind() == certs.KeyUnknown {
			t.Errorf("got %q of kind %v, want a description and a kind", c, c.KeyKind())
		}
		s := certs.NewSet([]*certs.Certificate{c})
		for _, name := range c.Names() {
			if got, err := certs.NewHolder(s).For(&tls.ClientHelloInfo{ServerName: name}); got != &c.TLS || err != nil {
				t.Errorf("%q: got %v, error %v, want the certificate", name, got, err)
			}
		}
	})
}

func FuzzParseBundle(f *testing.F) {
	now := time.Unix(1.8e9, 0)
	f.Add(root(f, now))
	f.Add(slices.Concat(root(f, now), root(f, now.AddDate(1, 0, 0))))
	f.Add(pkcs8(f, ecdsaKey(f, elliptic.P256())))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := certs.ParseBundle(data)
		if err != nil {
			wantNoEcho(t, err, data)
			return
		}
		if b.Count < 1 || b.String() == "" {
			t.Errorf("got %d authorities, %q, want some", b.Count, b)
		}
		for _, w := range b.Warnings(b.NotAfter(now)) {
			if w == "" {
				t.Error("got an empty warning")
			}
		}
	})
}

func FuzzParsePublicKeys(f *testing.F) {
	key := ecdsaKey(f, elliptic.P256())
	public := spki(f, key.Public())
	f.Add(armour("PUBLIC KEY", public))
	f.Add([]byte(base64.StdEncoding.EncodeToString(public)))
	f.Add(selfSigned(f, key, x509.Certificate{}))
	f.Add(pkcs8(f, key))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := certs.ParsePublicKeys(data)
		if err != nil {
			wantNoEcho(t, err, data)
			return
		}
		for _, k := range keys {
			if _, err := x509.ParsePKIXPublicKey(k); err != nil {
				t.Errorf("got key %x, which is none: %v", k, err)
			}
		}
		if len(keys) == 0 {
			t.Error("got neither a key nor an error")
		}
	})
}
