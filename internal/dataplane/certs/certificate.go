package certs

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
)

// ExpirySoon is how long before its end a certificate is worth a warning. The usual ones run for 90 days and are renewed 30
// days before their end, so by then a renewal has failed.
const ExpirySoon = 30 * 24 * time.Hour

// rsaBitsMin is what a key should have (NIST SP 800-57), rsaBitsTLS what crypto/rsa wants at the least.
const (
	rsaBitsMin = 2048
	rsaBitsTLS = 1024
)

// KeyKind is the kind of a certificate's key.
type KeyKind uint8

// The kinds, the most wanted first: an ECDSA signature costs a server a tenth of an RSA one, and few clients know Ed25519.
const (
	KeyUnknown KeyKind = iota
	ECDSA
	Ed25519
	RSA
)

//nolint:gochecknoglobals // names of the constants above, in their order
var keyKindNames = [...]string{"unknown", "ECDSA", "Ed25519", "RSA"}

// String returns the name of the kind.
func (k KeyKind) String() string { return keyKindNames[k] }

// Certificate is a chain with its private key. It never changes, and prints as its description.
type Certificate struct {
	TLS tls.Certificate // Leaf is set

	chain []*x509.Certificate // leaf first; nil if it was not parsed here
}

// Leaf returns the certificate itself, without those behind it.
func (c *Certificate) Leaf() *x509.Certificate { return c.TLS.Leaf }

// NotAfter returns when the certificate expires.
func (c *Certificate) NotAfter() time.Time { return c.TLS.Leaf.NotAfter }

// ChainNotAfter returns when the certificate expires, or one of those that clients need behind it if that is sooner.
func (c *Certificate) ChainNotAfter() time.Time {
	end := c.NotAfter()
	for _, x := range c.behind() {
		if x.NotAfter.Before(end) {
			end = x.NotAfter
		}
	}
	return end
}

// behind returns the certificates behind the leaf that clients need. A root is none of them: they have it, and believe their
// own copy only.
func (c *Certificate) behind() []*x509.Certificate {
	var list []*x509.Certificate
	for i, x := range c.chain {
		if i > 0 && !selfIssued(x) {
			list = append(list, x)
		}
	}
	return list
}

// selfIssued reports whether a certificate is its own issuer, as roots are.
func selfIssued(x *x509.Certificate) bool { return string(x.RawIssuer) == string(x.RawSubject) }

// KeyKind returns the kind of key.
func (c *Certificate) KeyKind() KeyKind { return keyKind(c.TLS.Leaf.PublicKey) }

// Names returns the DNS names that the certificate is for, in lower case. The common name is none of them: where there are no
// alternative names, crypto/x509 and the browsers match nothing (RFC 6125 §6.4.4 has it as a last resort, RFC 9525 no more).
func (c *Certificate) Names() []string {
	var names []string
	for _, n := range c.TLS.Leaf.DNSNames {
		if n = canonical(n); n != "" && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	return names
}

// String describes the certificate in a line, for example "CN=www.example.com, RSA 2048, expires 2027-01-02".
func (c *Certificate) String() string {
	return fmt.Sprintf("%s, %s, expires %s", subject(c.TLS.Leaf), keyName(c.TLS.Leaf.PublicKey), day(c.TLS.Leaf.NotAfter))
}

// Format prints the description whatever the verb: without it, %v would print the private key.
func (c Certificate) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.String()) }

// MarshalText encodes the description, for JSON and for logs as well.
func (c Certificate) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// Warnings says what is wrong with the certificate or soon will be, though it can be used.
func (c *Certificate) Warnings(now time.Time) []string {
	leaf := c.TLS.Leaf
	var w []string
	add := func(format string, args ...any) { w = append(w, fmt.Sprintf(format, args...)) }
	if text := expiry(leaf, now); text != "" {
		add("certificate %s %s", subject(leaf), text)
	}
	for _, x := range c.behind() {
		if text := expiry(x, now); text != "" {
			add("certificate %s in the chain of %s %s", subject(x), subject(leaf), text)
		}
	}
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); ok && key.N.BitLen() < rsaBitsMin {
		add("certificate %s has a weak key, %s: want at least %d bits", subject(leaf), keyName(key), rsaBitsMin)
	}
	if weakSignature(leaf) {
		add("certificate %s is signed with %s: clients refuse it", subject(leaf), leaf.SignatureAlgorithm)
	}
	if len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 {
		add("certificate %s has no subject alternative name: clients refuse it", subject(leaf))
	}
	return w
}

// expiry says that a certificate is not valid, or not for much longer. It is "" otherwise.
func expiry(x *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(x.NotBefore):
		return "is not valid before " + day(x.NotBefore)
	case now.After(x.NotAfter):
		return "expired on " + day(x.NotAfter)
	case now.Add(ExpirySoon).After(x.NotAfter):
		return "expires on " + day(x.NotAfter) + ", within 30 days"
	}
	return ""
}

// weakSignature reports whether no client would trust the signature. That of a certificate on itself is never looked at.
func weakSignature(x *x509.Certificate) bool {
	switch x.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return !selfIssued(x)
	}
	return false
}

// subject names a certificate for people. It holds nothing that could not be printed.
func subject(x *x509.Certificate) string {
	switch {
	case x.Subject.CommonName != "":
		return "CN=" + printable(x.Subject.CommonName)
	case len(x.DNSNames) > 0:
		return printable(x.DNSNames[0])
	case len(x.IPAddresses) > 0:
		return x.IPAddresses[0].String()
	case len(x.Subject.Organization) > 0:
		return "O=" + printable(x.Subject.Organization[0])
	}
	return "without a name"
}

// printable bounds a name to what X.520 allows for a common name, and takes control characters out of it.
func printable(s string) string {
	const runesMax = 64
	out := []rune(strings.ToValidUTF8(s, "?"))
	for i, r := range out {
		if !unicode.IsPrint(r) {
			out[i] = '?'
		}
	}
	if len(out) > runesMax {
		return string(out[:runesMax]) + "…"
	}
	return string(out)
}

// keyKind returns the kind of a public key.
func keyKind(public any) KeyKind {
	switch public.(type) {
	case *rsa.PublicKey:
		return RSA
	case *ecdsa.PublicKey:
		return ECDSA
	case ed25519.PublicKey:
		return Ed25519
	}
	return KeyUnknown
}

// keyName describes a public key, for example "RSA 2048" or "ECDSA P-256".
func keyName(public any) string {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return "a key of an unknown kind"
}

// usable reports whether crypto/tls can sign for a public key. P-224 parses, but no version of TLS has it any more.
func usable(public any) bool {
	switch k := public.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= rsaBitsTLS
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return true
	}
	return false
}

// day formats a date for people.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
