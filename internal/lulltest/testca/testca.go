// Package testca provides a certificate authority for tests, benchmarks and demonstrations. Nothing that it issues may
// ever be trusted outside of them: its keys lie in memory and, if asked for, in files that nobody guards.
//
// Tests, package bench and demonstrations call it from any goroutine. It does not import testing, so that programs can use
// it; what can fail returns an error, and NewFor and IssueFor give that error to a test. The alternative was a set of
// certificates among the test data: they expire one day, and they would put private keys into the repository.
//
// An Authority is safe anywhere, since it does not change after New. An RSA key takes a tenth of a second or more to make
// and an ECDSA one next to nothing, so the process makes rsaKeys of the former, when they are first asked for, and uses them
// over and over.
package testca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Lifetimes. Certificates begin in the past, for machines whose clocks differ a little.
const (
	early             = time.Hour
	authorityLifetime = 10 * 365 * 24 * time.Hour
	lifetime          = 90 * 24 * time.Hour // of what is issued, unless the request says otherwise
)

// Authority issues certificates under a root of its own.
type Authority struct {
	// Fixed after New.
	root, intermediate issuer
}

// issuer is a certificate that may sign others.
type issuer struct {
	cert *x509.Certificate
	key  crypto.Signer
}

// Request says what certificate is wanted. The zero value is one for a server, for no name at all.
type Request struct {
	Names        []string  // DNS names, which may begin with "*.", and IP literals
	RSA          bool      // an RSA key of 2048 bits; otherwise ECDSA on P-256
	NotBefore    time.Time // zero: an hour ago
	NotAfter     time.Time // zero: in 90 days
	Client       bool      // a client's certificate rather than a server's
	Subject      pkix.Name // its CommonName may be left to the field below
	CommonName   string    // empty: the Subject's or, without one, the first of the names
	Intermediate bool      // signed by an intermediate authority, which is then part of the chain
}

// Issued is a certificate with its private key.
type Issued struct {
	Chain []byte          // PEM, leaf first, without the root
	Key   []byte          // PEM, PKCS #8
	TLS   tls.Certificate // the same, with its Leaf
}

// New returns an authority with a root nobody else knows.
func New() (*Authority, error) {
	root, err := newIssuer("lull test root", issuer{})
	if err != nil {
		return nil, err
	}
	intermediate, err := newIssuer("lull test intermediate", root)
	if err != nil {
		return nil, err
	}
	return &Authority{root, intermediate}, nil
}

// newIssuer returns an issuer signed by another, or by itself if that is the zero value.
func newIssuer(name string, by issuer) (issuer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return issuer{}, fmt.Errorf("make a key: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: name, Organization: []string{"for tests only"}},
		NotBefore: now.Add(-early), NotAfter: now.Add(authorityLifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if by.cert == nil {
		by = issuer{template, key}
	}
	cert, err := by.sign(template, key.Public())
	return issuer{cert, key}, err
}

// sign returns a certificate for a key.
func (by issuer) sign(template *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, error) {
	var err error
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, fmt.Errorf("choose a serial number: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, key, by.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate of %q: %w", template.Subject.CommonName, err)
	}
	return x509.ParseCertificate(der)
}

// Pool returns a pool with the root alone.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.root.cert)
	return p
}

// PEM returns the root.
func (a *Authority) PEM() []byte { return certPEM(a.root.cert) }

// Issue returns a new certificate.
func (a *Authority) Issue(r Request) (*Issued, error) {
	key, err := newKey(r.RSA)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	by := a.root
	if r.Intermediate {
		by = a.intermediate
	}
	leaf, err := by.sign(r.template(), key.Public())
	if err != nil {
		return nil, err
	}
	i := &Issued{Chain: certPEM(leaf), TLS: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: key, Leaf: leaf}}
	if r.Intermediate {
		i.Chain = append(i.Chain, certPEM(by.cert)...)
		i.TLS.Certificate = append(i.TLS.Certificate, by.cert.Raw)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	i.Key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	return i, nil
}

// template returns what is to be signed.
func (r *Request) template() *x509.Certificate {
	now := time.Now()
	t := &x509.Certificate{
		Subject: r.Subject, NotBefore: r.NotBefore, NotAfter: r.NotAfter, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if t.NotBefore.IsZero() {
		t.NotBefore = now.Add(-early)
	}
	if t.NotAfter.IsZero() {
		t.NotAfter = now.Add(lifetime)
	}
	if r.RSA {
		t.KeyUsage |= x509.KeyUsageKeyEncipherment // for suites without ephemeral keys, which older policies name
	}
	if r.Client {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	switch {
	case r.CommonName != "":
		t.Subject.CommonName = r.CommonName
	case t.Subject.CommonName == "" && len(r.Names) > 0:
		t.Subject.CommonName = r.Names[0]
	}
	for _, name := range r.Names {
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	return t
}

// rsaKeys is how many RSA keys there are: two, so that the certificates of a listener can have different ones.
const rsaKeys = 2

//nolint:gochecknoglobals // made once for the process, since that is slow
var (
	rsaNext  atomic.Uint32
	rsaCache = [rsaKeys]func() (*rsa.PrivateKey, error){sync.OnceValues(newRSA), sync.OnceValues(newRSA)}
)

func newRSA() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

// newKey returns a key; RSA keys come round again.
func newKey(rsaKey bool) (crypto.Signer, error) {
	if !rsaKey {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	return rsaCache[rsaNext.Add(1)%rsaKeys]()
}

func certPEM(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}
