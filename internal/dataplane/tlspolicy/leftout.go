package tlspolicy

import (
	"crypto/tls"
	"slices"
	"strings"
)

// misprints are the names that a cloud spells in a way that OpenSSL does not.
//
//nolint:gochecknoglobals // a table
var misprints = map[string]string{"DH-DSS-DES-CBC3-SHAv": "DH-DSS-DES-CBC3-SHA"}

// openSSLName returns OpenSSL's spelling of a cipher.
func openSSLName(cipher string) string {
	if right, ok := misprints[cipher]; ok {
		return right
	}
	return cipher
}

// known are the OpenSSL names of all ciphers that a policy may name: what the two clouds know, and what crypto/tls has.
//
//nolint:gochecknoglobals // a table
var known = knownCiphers()

func knownCiphers() map[string]bool {
	all := map[string]bool{}
	for _, c := range slices.Concat(words(awsCiphers), words(ociWider()), words(ociV3TLS12), words(ociOwnTLS13), Supported()) {
		all[openSSLName(c)] = true
	}
	return all
}

// absences say why crypto/tls does not have a cipher, by what its name begins with and contains. The first that fits counts.
//
//nolint:gochecknoglobals // a table
var absences = []struct{ prefix, part, why string }{
	{"EXP-", "", "export strength: keys of 40 bits"},
	{"ADH-", "", "anonymous: the server shows no certificate"},
	{"KRB5-", "", "Kerberos"},
	{"PSK-", "", "pre-shared keys, which lull has no place for"},
	{"DHE-DSS-", "", "DSS certificates"},
	{"EDH-DSS-", "", "DSS certificates"},
	{"DHE-RSA-", "", "finite-field Diffie-Hellman"},
	{"EDH-RSA-", "", "finite-field Diffie-Hellman"},
	{"DH-", "", "Diffie-Hellman with the certificate's own key"},
	{"ECDH-", "", "Diffie-Hellman with the certificate's own key"},
	{"", "CAMELLIA", "Camellia"},
	{"", "SEED", "SEED"},
	{"", "IDEA", "IDEA"},
	{"", "RC2", "RC2"},
	{"", "CCM", "AES in CCM mode"},
	{"", "-MD5", "MD5"},
	{"", "DES-CBC-SHA", "single DES: keys of 56 bits"},
	{"ECDHE-ECDSA-", "DES-CBC3", "3DES with ECDSA certificates"},
	{"", "AES256-SHA", "AES-256 in CBC mode with SHA-256 or SHA-384"},
}

// WhyLeftOut says why a name stands among a policy's LeftOut, in a phrase for people.
func WhyLeftOut(name string) string {
	if slices.Contains(deadVersions, name) {
		return "a version that crypto/tls does not have, forbidden by RFC 6176 and RFC 7568"
	}
	if _, ok := versionByName(name); ok {
		return "a version with which none of the policy's ciphers can be used"
	}
	if s, ok := suiteByName(name); ok {
		return "a cipher of " + s.span() + ", which the policy does not allow"
	}
	for _, a := range absences {
		if strings.HasPrefix(name, a.prefix) && strings.Contains(name, a.part) {
			return a.why
		}
	}
	return "not in crypto/tls"
}

// span returns the versions that have the suite.
func (s suite) span() string {
	switch s.min {
	case tls.VersionTLS13:
		return "TLSv1.3"
	case tls.VersionTLS12:
		return "TLSv1.2"
	}
	return "TLSv1 to TLSv1.2"
}
