// Package tlspolicy provides TLS policies: which protocol versions and cipher suites a listener or a backend set allows.
//
// Front doors look policies up by the names that AWS and OCI give them, or compose their own; package tlsio turns one into
// settings of crypto/tls; access logs and `lull check` ask it for the names that OpenSSL and the two clouds use. It is pure
// data, safe anywhere.
//
// The clouds' policies name suites that crypto/tls does not have (finite-field Diffie-Hellman, DSS, Camellia, export
// ciphers). Those are left out and listed in the policy, so that nobody has to find out by trying. The suites of TLS 1.3
// cannot be chosen there: where a policy allows that version, all three of them are on.
//
// Follows RFC 5246 and RFC 8446; sources of the predefined policies: the two clouds' own tables.
package tlspolicy

import "crypto/tls"

// Policy is a set of versions and cipher suites. It never changes.
type Policy struct {
	Name    string
	Min     uint16   // version, as crypto/tls numbers them
	Max     uint16   // at least Min
	Suites  []uint16 // of TLS 1.2 and below, as crypto/tls numbers them, most wanted first; empty if Min is TLS 1.3
	LeftOut []string // what the policy names and crypto/tls cannot do, by its OpenSSL name or, for a version, "SSLv3"
}

// Default is what holds where nothing is said: TLS 1.2 and 1.3 with forward secrecy and authenticated encryption.
//
//nolint:gochecknoglobals // a constant
var Default = &Policy{
	Name: "default", Min: tls.VersionTLS12, Max: tls.VersionTLS13,
	Suites: []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	},
}

// Find returns the predefined policy of that name; found is false if there is none.
func Find(name string) (p *Policy, found bool) {
	if name == Default.Name {
		return Default, true
	}
	return nil, false
}

// AtLeast returns the policy without the versions below oldest. It is p itself if there are none.
func (p *Policy) AtLeast(oldest uint16) *Policy {
	if oldest <= p.Min {
		return p
	}
	q := *p
	q.Min = oldest
	q.Max = max(q.Max, oldest)
	return &q
}

// VersionName returns the name of a protocol version as the clouds and OpenSSL write it, for example "TLSv1.2".
func VersionName(v uint16) string {
	switch v {
	case tls.VersionTLS10:
		return "TLSv1"
	case tls.VersionTLS11:
		return "TLSv1.1"
	case tls.VersionTLS12:
		return "TLSv1.2"
	case tls.VersionTLS13:
		return "TLSv1.3"
	}
	return ""
}

// SuiteName returns the name of a cipher suite as OpenSSL writes it, for example "ECDHE-RSA-AES128-GCM-SHA256".
func SuiteName(id uint16) string { return tls.CipherSuiteName(id) }
