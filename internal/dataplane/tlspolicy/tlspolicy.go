// Package tlspolicy provides TLS policies: which protocol versions and cipher suites a listener or a backend set allows.
//
// Front doors look policies up by the names that AWS and OCI give them, or compose their own with Custom; package tlsio turns
// one into settings of crypto/tls; access logs and `lull check` ask it for the names that OpenSSL and the two clouds use. It
// is pure data, safe anywhere.
//
// A Definition is what a cloud or a user wrote down, and a Policy what crypto/tls can do of it. The clouds' policies name
// suites that crypto/tls does not have (finite-field Diffie-Hellman, DSS, Camellia, export ciphers). Those are left out and
// listed in the policy, so that nobody has to find out by trying. To refuse such policies instead would refuse nearly all of
// them, the default ones included. What crypto/tls holds insecure but still has is on where a policy names it: that choice is
// the user's, and Weaknesses says what it costs. The suites of TLS 1.3 cannot be chosen there: where a policy allows that
// version, all three of them are on, and those that it does not name are listed too.
//
// Follows RFC 5246 and RFC 8446; sources of the predefined policies: the two clouds' own tables. docs/reference/tls-policies.md
// is written from the tables in aws.go, oci.go and suite.go.
package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// Policy is a set of versions and cipher suites. It never changes. There is no version between Min and Max that it does not
// allow, nor one that none of its suites serves.
type Policy struct {
	Name    string
	Origin  Origin
	Min     uint16   // version, as crypto/tls numbers them
	Max     uint16   // at least Min
	Suites  []uint16 // of TLS 1.2 and below, as crypto/tls numbers them, most wanted first; empty if Min is TLS 1.3
	LeftOut []string // what the policy names and lull does not do, by its OpenSSL name or, for a version, "SSLv3"; see WhyLeftOut
	Added   []string // suites of TLS 1.3 that are on although the policy does not name them
}

// Default is what holds where nothing is said: TLS 1.2 and 1.3 with forward secrecy and authenticated encryption.
//
//nolint:gochecknoglobals // a constant
var Default = predefined[0]

//nolint:gochecknoglobals // a constant, compiled from the tables
var predefined = compileAll(definitions)

// Find returns the predefined policy of that name; found is false if there is none.
func Find(name string) (p *Policy, found bool) {
	for _, p := range predefined {
		if p.Name == name {
			return p, true
		}
	}
	return nil, false
}

// Names returns the names of the predefined policies: lull's default first, then those of AWS and those of OCI, each cloud's
// own default first.
func Names() []string {
	names := make([]string, 0, len(predefined))
	for _, p := range predefined {
		names = append(names, p.Name)
	}
	return names
}

// Same reports whether two policies come to the same, whatever they are called.
func (p *Policy) Same(o *Policy) bool {
	return p.Min == o.Min && p.Max == o.Max && slices.Equal(p.Suites, o.Suites)
}

// AtLeast returns the policy without the versions below oldest. It is p itself if there are none. Where nothing of the policy
// is left, oldest alone remains: who asks for at least a version allows that version.
func (p *Policy) AtLeast(oldest uint16) *Policy {
	if oldest <= p.Min {
		return p
	}
	q := *p
	q.Min = oldest
	if oldest == tls.VersionTLS13 {
		q.Suites = nil
		if p.Max < oldest {
			q.Added = namesOf(suitesTLS13)
		}
	}
	q.Max = max(q.Max, oldest)
	return &q
}

// Versions returns the names of the versions that the policy allows, oldest first.
func (p *Policy) Versions() []string { return versionNames(p.versions()) }

// versions returns the versions that the policy allows, oldest first.
func (p *Policy) versions() []uint16 {
	var all []uint16
	for v := p.Min; v <= p.Max; v++ {
		all = append(all, v)
	}
	return all
}

// Ciphers returns the OpenSSL names of the suites that are offered: where TLS 1.3 is allowed its three suites, and then the
// older ones, the policy's most wanted first. Which one of them is used is crypto/tls's choice; Supported has its order.
func (p *Policy) Ciphers() []string {
	var all []string
	if p.Max == tls.VersionTLS13 {
		all = namesOf(suitesTLS13)
	}
	for _, id := range p.Suites {
		all = append(all, SuiteName(id))
	}
	return all
}

// VersionsFor returns the names of the versions in which a server can use the policy with a certificate that has a key of
// that type, oldest first: x509.RSA, x509.ECDSA or x509.Ed25519. Clients of the policy's other versions cannot be served by it.
func (p *Policy) VersionsFor(key x509.PublicKeyAlgorithm) []string {
	var served []uint16
	for _, v := range p.versions() {
		if p.serves(v, key) {
			served = append(served, v)
		}
	}
	return versionNames(served)
}

// Serves reports whether a server can use the policy with a certificate that has a key of that type, in any version.
func (p *Policy) Serves(key x509.PublicKeyAlgorithm) bool { return len(p.VersionsFor(key)) > 0 }

// serves reports whether a server can use the policy in one of its versions with a key of that type.
func (p *Policy) serves(version uint16, key x509.PublicKeyAlgorithm) bool {
	if version == tls.VersionTLS13 { // RFC 8446 §4.2.3: suites say nothing about keys
		return key == x509.RSA || key == x509.ECDSA || key == x509.Ed25519
	}
	if key == x509.Ed25519 { // RFC 8422 §5.10: as if it were ECDSA, and not before TLS 1.2
		return version == tls.VersionTLS12 && p.serves(version, x509.ECDSA)
	}
	return slices.ContainsFunc(p.Suites, func(id uint16) bool {
		s, ok := suiteByID(id)
		return ok && s.key == key && s.in(version)
	})
}

// SuiteKey returns the type of key that a server's certificate must have for a suite of TLS 1.2 and below, by its OpenSSL name:
// x509.RSA or x509.ECDSA, the latter standing for Ed25519 too (RFC 8422 §5.10). Unknown for one that takes any, as all do in
// TLS 1.3.
func SuiteKey(name string) x509.PublicKeyAlgorithm {
	id, _ := SuiteID(name)
	if s, ok := suiteByID(id); ok {
		return s.key
	}
	return x509.UnknownPublicKeyAlgorithm
}

// Weaknesses says what is wrong with the policy by today's measure, in phrases for people, the worst first; nothing if it is
// good. It judges the versions by RFC 8996 and the suites as crypto/tls does, which keeps a list of insecure ones.
func (p *Policy) Weaknesses() []string {
	var flaws flaw
	for _, id := range p.Suites {
		if s, ok := suiteByID(id); ok {
			flaws |= s.flaws
		}
	}
	if p.Min < tls.VersionTLS12 {
		flaws |= obsolete
	}
	return flaws.phrases()
}
