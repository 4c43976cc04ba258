package certs_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/lulltest/testca"
)

// authority issues what needs no special key or form.
//
//nolint:gochecknoglobals // made once, read only
var authority = sync.OnceValues(testca.New)

// issue returns a certificate as a client would meet it.
func issue(t testing.TB, r testca.Request) *testca.Issued {
	t.Helper()
	a, err := authority()
	if err != nil {
		t.Fatalf("make an authority: %v", err)
	}
	return a.IssueFor(t, r)
}

// parsed returns what Parse makes of a new certificate.
func parsed(t testing.TB, r testca.Request) *certs.Certificate {
	t.Helper()
	i := issue(t, r)
	c, err := certs.Parse(i.Chain, i.Key)
	if err != nil {
		t.Fatalf("parse a certificate for %q: %v", r.Names, err)
	}
	return c
}

// armour returns a PEM block.
func armour(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// selfSigned returns a certificate for a key, signed by that key. The zero template is one for self.example.
func selfSigned(t testing.TB, key crypto.Signer, template x509.Certificate) []byte {
	t.Helper()
	template.SerialNumber = big.NewInt(1)
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = time.Unix(1.7e9, 0), time.Unix(1.9e9, 0)
	}
	if template.Subject.CommonName == "" && template.DNSNames == nil {
		template.Subject, template.DNSNames = pkix.Name{CommonName: "self.example"}, []string{"self.example"}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatalf("sign a certificate: %v", err)
	}
	return armour("CERTIFICATE", der)
}

func ecdsaKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func ed25519Key(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	return armour("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatalf("encode a key: %v", err)
	}
	return armour("EC PRIVATE KEY", der)
}

func pkcs1(key *rsa.PrivateKey) []byte {
	return armour("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}
