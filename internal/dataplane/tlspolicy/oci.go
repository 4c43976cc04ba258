package tlspolicy

// The groups of ciphers that OCI's suites are made of, as Oracle orders them.
const (
	ociTLS13   = `TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 `
	ociDefault = `
DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES128-SHA256 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA256
ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-SHA384 `
	ociModern = `
AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256 ` + ociDefault + `
ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 `
	ociCompatible = ociModern + `
AES128-SHA AES256-SHA ECDHE-ECDSA-AES128-SHA ECDHE-ECDSA-AES256-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA `
	ociHTTP2 = `
ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-GCM-SHA256
DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES128-GCM-SHA256 `
	ociWider1213 = ociTLS13 + `
ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384
AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256 `
	ociWider111213 = ociWider1213 + `
ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA AES128-SHA AES256-SHA `
	ociV3TLS12 = `
ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-CCM ECDHE-ECDSA-AES128-CCM ECDHE-RSA-AES256-GCM-SHA384 `
	ociV3FIPSTLS12 = `
ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
ECDHE-ECDSA-AES256-CCM ECDHE-ECDSA-AES128-CCM ECDHE-RSA-AES256-GCM-SHA384 `
	ociV3TLS13 = `
TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_CCM_SHA256 `
	ociV3FIPSTLS13 = `TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_CCM_SHA256 `

	// ociOwnTLS13 are the suites of TLS 1.3 that a user's own cipher suite may name. Of the older ones it may name those of the
	// wider compatible suite.
	ociOwnTLS13 = ociTLS13 + `TLS_AES_128_CCM_SHA256 TLS_AES_128_CCM_8_SHA256 `
)

// ociWider returns the ciphers of the wider compatible suite. One name is printed with a letter too many there; that is how
// the API spells it.
func ociWider() string {
	const (
		aes128, aes256 = `AES128-GCM-SHA256 AES128-SHA AES128-SHA256 `, `AES256-GCM-SHA384 AES256-SHA `
		camellia       = `CAMELLIA128-SHA CAMELLIA256-SHA `
	)
	return ociCompatible + camellia + `DES-CBC3-SHA ` +
		every("DH-DSS DH-RSA DHE-DSS", aes128+aes256+`AES256-SHA256 `+camellia+`SEED-SHA`) +
		`DH-DSS-DES-CBC3-SHAv DH-RSA-DES-CBC3-SHA DHE-DSS-DES-CBC3-SHA ` +
		every("DHE-RSA", `AES128-SHA AES256-SHA `+camellia+`DES-CBC3-SHA SEED-SHA`) +
		every("ECDH-ECDSA ECDH-RSA", aes128+aes256+`AES256-SHA384 DES-CBC3-SHA RC4-SHA`) +
		every("ECDHE-ECDSA ECDHE-RSA", `DES-CBC3-SHA RC4-SHA`) +
		`IDEA-CBC-SHA ` +
		every("KRB5", `DES-CBC3-MD5 DES-CBC3-SHA IDEA-CBC-MD5 IDEA-CBC-SHA RC4-MD5 RC4-SHA`) +
		every("PSK", `3DES-EDE-CBC-SHA AES128-CBC-SHA AES256-CBC-SHA RC4-SHA`) +
		`RC4-MD5 RC4-SHA SEED-SHA`
}

// every joins each key exchange with each cipher.
func every(exchanges, ciphers string) string {
	var all string
	for _, e := range words(exchanges) {
		for _, c := range words(ciphers) {
			all += e + "-" + c + " "
		}
	}
	return all
}

// ociDefinitions returns OCI's predefined cipher suites. There a listener names its versions beside the suite; these have the
// versions of the suite's name or, where the name has none, those of OCI's default, TLS 1.2 alone.
func ociDefinitions() []Definition {
	const (
		v12, v13, v1213, v111213 = "TLSv1.2", "TLSv1.3", "TLSv1.2 TLSv1.3", "TLSv1.1 TLSv1.2 TLSv1.3"

		guessed = "Oracle's list is not known in full: that it is "
	)
	list := []struct{ name, versions, ciphers, note string }{
		{"oci-default-ssl-cipher-suite-v1", v12, ociDefault, ""},
		{"oci-modern-ssl-cipher-suite-v1", v12, ociModern, ""},
		{"oci-compatible-ssl-cipher-suite-v1", v12, ociCompatible, ""},
		{"oci-wider-compatible-ssl-cipher-suite-v1", v12, ociWider(), ""},
		{"oci-default-http2-ssl-cipher-suite-v1", v12, ociHTTP2, ""},
		{"oci-default-http2-tls-13-ssl-cipher-suite-v1", v13, ociTLS13, ""},
		{"oci-default-http2-tls-12-13-ssl-cipher-suite-v1", v1213, ociHTTP2 + ociTLS13, ""},
		{"oci-tls-13-recommended-ssl-cipher-suite-v1", v13, ociTLS13, ""},
		{"oci-tls-12-13-wider-ssl-cipher-suite-v1", v1213, ociWider1213, ""},
		{"oci-tls-11-12-13-wider-ssl-cipher-suite-v1", v111213, ociWider111213, ""},
		{"oci-tls-12-ssl-cipher-suite-v3", v12, ociV3TLS12, ""},
		{"oci-fips-tls-12-ssl-cipher-suite-v3", v12, ociV3FIPSTLS12, ""},
		{"oci-tls-13-ssl-cipher-suite-v3", v13, ociV3TLS13, ""},
		{"oci-fips-tls-13-ssl-cipher-suite-v3", v13, ociV3FIPSTLS13, guessed + "oci-tls-13-ssl-cipher-suite-v3 without ChaCha20 is inferred."},
		{"oci-tls-12-13-ssl-cipher-suite-v3", v1213, ociV3TLS12 + ociV3TLS13,
			guessed + "oci-tls-12-ssl-cipher-suite-v3 and oci-tls-13-ssl-cipher-suite-v3 together is inferred."},
	}
	defs := make([]Definition, 0, len(list))
	for _, l := range list {
		defs = append(defs, Definition{Name: l.name, Origin: OCI, Versions: words(l.versions), Ciphers: words(l.ciphers), Note: l.note})
	}
	return defs
}
