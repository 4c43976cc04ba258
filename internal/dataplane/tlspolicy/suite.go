package tlspolicy

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
)

// suite is a cipher suite that crypto/tls has.
type suite struct {
	id    uint16
	name  string // OpenSSL's
	min   uint16 // oldest version that has it; the newest is TLS 1.2, or 1.3 for the suites of that version
	key   x509.PublicKeyAlgorithm
	flaws flaw
}

// flaw is what is wrong with a suite or a policy: bits, the worst first.
type flaw uint8

// The flaws. Whatever crypto/tls calls insecure has one of them.
const (
	rc4       flaw = 1 << iota
	tripleDES      // blocks of 64 bits
	obsolete       // versions before TLS 1.2
	cbcSHA256      // crypto/tls has no defence against Lucky 13 in these
	noSecrecy      // key exchange by RSA
)

// flawPhrases describe the flaws, in their order.
//
//nolint:gochecknoglobals // a table
var flawPhrases = []string{
	"RC4 (forbidden by RFC 7465)",
	"3DES (Sweet32)",
	"versions before TLSv1.2 (deprecated by RFC 8996)",
	"CBC with SHA-256 (Lucky 13: crypto/tls has no defence in these suites)",
	"RSA key exchange (no forward secrecy)",
}

// phrases returns the descriptions of the flaws.
func (f flaw) phrases() []string {
	var found []string
	for i, phrase := range flawPhrases {
		if f&(1<<i) != 0 {
			found = append(found, phrase)
		}
	}
	return found
}

// The columns of the table below, in short.
const (
	v10, v12, v13 = tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13
	anyKey        = x509.UnknownPublicKeyAlgorithm
)

// suites is every suite that crypto/tls has, in the order in which it prefers them where both sides have AES in hardware.
//
//nolint:gochecknoglobals // a table
var suites = []suite{
	{tls.TLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", v13, anyKey, 0},
	{tls.TLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", v13, anyKey, 0},
	{tls.TLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", v13, anyKey, 0},

	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "ECDHE-ECDSA-AES128-GCM-SHA256", v12, x509.ECDSA, 0},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, "ECDHE-RSA-AES128-GCM-SHA256", v12, x509.RSA, 0},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, "ECDHE-ECDSA-AES256-GCM-SHA384", v12, x509.ECDSA, 0},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "ECDHE-RSA-AES256-GCM-SHA384", v12, x509.RSA, 0},
	{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-ECDSA-CHACHA20-POLY1305", v12, x509.ECDSA, 0},
	{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, "ECDHE-RSA-CHACHA20-POLY1305", v12, x509.RSA, 0},

	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, "ECDHE-ECDSA-AES128-SHA", v10, x509.ECDSA, 0},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, "ECDHE-RSA-AES128-SHA", v10, x509.RSA, 0},
	{tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, "ECDHE-ECDSA-AES256-SHA", v10, x509.ECDSA, 0},
	{tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA, "ECDHE-RSA-AES256-SHA", v10, x509.RSA, 0},

	{tls.TLS_RSA_WITH_AES_128_GCM_SHA256, "AES128-GCM-SHA256", v12, x509.RSA, noSecrecy},
	{tls.TLS_RSA_WITH_AES_256_GCM_SHA384, "AES256-GCM-SHA384", v12, x509.RSA, noSecrecy},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA, "AES128-SHA", v10, x509.RSA, noSecrecy},
	{tls.TLS_RSA_WITH_AES_256_CBC_SHA, "AES256-SHA", v10, x509.RSA, noSecrecy},

	{tls.TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA, "ECDHE-RSA-DES-CBC3-SHA", v10, x509.RSA, tripleDES},
	{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA, "DES-CBC3-SHA", v10, x509.RSA, tripleDES | noSecrecy},

	{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, "ECDHE-ECDSA-AES128-SHA256", v12, x509.ECDSA, cbcSHA256},
	{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256, "ECDHE-RSA-AES128-SHA256", v12, x509.RSA, cbcSHA256},
	{tls.TLS_RSA_WITH_AES_128_CBC_SHA256, "AES128-SHA256", v12, x509.RSA, cbcSHA256 | noSecrecy},

	{tls.TLS_ECDHE_ECDSA_WITH_RC4_128_SHA, "ECDHE-ECDSA-RC4-SHA", v10, x509.ECDSA, rc4},
	{tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA, "ECDHE-RSA-RC4-SHA", v10, x509.RSA, rc4},
	{tls.TLS_RSA_WITH_RC4_128_SHA, "RC4-SHA", v10, x509.RSA, rc4 | noSecrecy},
}

// suitesTLS13 are the suites of TLS 1.3, which are on wherever that version is.
//
//nolint:gochecknoglobals // part of the table above
var suitesTLS13 = suites[:3]

// SuiteName returns the name of a cipher suite as OpenSSL writes it, for example "ECDHE-RSA-AES128-GCM-SHA256"; for a suite
// that crypto/tls does not have, its number as "0x1234".
func SuiteName(id uint16) string {
	if s, ok := suiteByID(id); ok {
		return s.name
	}
	return tls.CipherSuiteName(id)
}

// SuiteID returns the suite with that OpenSSL name, if crypto/tls has it.
func SuiteID(name string) (id uint16, ok bool) {
	s, ok := suiteByName(name)
	return s.id, ok
}

// Supported returns the OpenSSL names of every suite that a policy can offer, in the order in which crypto/tls prefers them
// where both sides have AES in hardware. Where one has not, ChaCha20 comes before AES in its group.
func Supported() []string { return namesOf(suites) }

// in reports whether a version has the suite.
func (s suite) in(version uint16) bool {
	if s.min == tls.VersionTLS13 {
		return version == tls.VersionTLS13
	}
	return s.min <= version && version <= tls.VersionTLS12
}

func suiteByID(id uint16) (s suite, ok bool) {
	for i := range suites {
		if suites[i].id == id {
			return suites[i], true
		}
	}
	return suite{}, false
}

func suiteByName(name string) (s suite, ok bool) {
	if i := slices.IndexFunc(suites, func(s suite) bool { return s.name == name }); i >= 0 {
		return suites[i], true
	}
	return suite{}, false
}

// namesOf returns the OpenSSL names of suites.
func namesOf(list []suite) []string {
	names := make([]string, 0, len(list))
	for _, s := range list {
		names = append(names, s.name)
	}
	return names
}
