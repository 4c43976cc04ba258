package wire

import (
	"slices"
	"strconv"
	"strings"
)

// customizedSuite is the name that the service answers for a suite that it has made itself.
const customizedSuite = "oci-customized-ssl-cipher-suite"

// SSLCipherSuite is a named list of ciphers.
type SSLCipherSuite struct {
	Name    string   `wire:"name"`
	Ciphers []string `wire:"ciphers"`
}

// CreateSSLCipherSuiteDetails asks for a suite.
type CreateSSLCipherSuiteDetails struct {
	Name string `wire:"name,required,notempty" match:"name"`
	UpdateSSLCipherSuiteDetails
}

// UpdateSSLCipherSuiteDetails is other ciphers for a suite.
type UpdateSSLCipherSuiteDetails struct {
	Ciphers []string `wire:"ciphers,required" range:"1-128"`
}

func (d *CreateSSLCipherSuiteDetails) check(field string) error {
	if ReservedSuite(d.Name) {
		field = join(field, "name")
		return invalid(field, "%s '%s' is reserved: use another", field, d.Name)
	}
	return d.UpdateSSLCipherSuiteDetails.check(field)
}

func (d *UpdateSSLCipherSuiteDetails) check(field string) error {
	field = join(field, "ciphers")
	for i, c := range d.Ciphers {
		if !customCiphers[c] {
			return invalid(field, "%s[%s] '%s' is not allowed: it is no cipher that a custom suite can have", field, strconv.Itoa(i), shown(c))
		}
	}
	return checkDistinct(field, d.Ciphers)
}

// ReservedSuite reports whether a name belongs to a suite that nobody can make, change or delete.
func ReservedSuite(name string) bool {
	return name == customizedSuite || slices.ContainsFunc(predefinedSuites, func(s SSLCipherSuite) bool { return s.Name == name })
}

// PredefinedSuites returns the suites that every load balancer has, in the order of the API's documents.
func PredefinedSuites() []SSLCipherSuite {
	suites := slices.Clone(predefinedSuites)
	for i := range suites {
		suites[i].Ciphers = slices.Clone(suites[i].Ciphers)
	}
	return suites
}

// The parts that suites are made of.
//
//nolint:gochecknoglobals // tables
var (
	defaultCiphers = strings.Fields(`DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES128-SHA256 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA256
		ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-SHA384`)
	staticCiphers = strings.Fields("AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA256")
	modernCiphers = slices.Concat(staticCiphers, defaultCiphers, crossed("ECDHE-ECDSA", "AES128-GCM-SHA256 AES128-SHA256 AES256-GCM-SHA384 AES256-SHA384"))
	shaCiphers    = strings.Fields("ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA AES128-SHA AES256-SHA")
	widerCiphers  = slices.Concat(modernCiphers, shaCiphers, oldCiphers)
	tls13Ciphers  = strings.Fields("TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256")
	http2Ciphers  = strings.Fields(`ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES128-GCM-SHA256
		ECDHE-ECDSA-AES128-GCM-SHA256 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES128-GCM-SHA256`)
	tls12WiderCiphers = slices.Concat(tls13Ciphers, strings.Fields(`ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
		ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384
		ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384`), staticCiphers)
	fipsTLS12Ciphers = strings.Fields(`ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
		ECDHE-ECDSA-AES256-CCM ECDHE-ECDSA-AES128-CCM ECDHE-RSA-AES256-GCM-SHA384`)
	tls12v3Ciphers = strings.Fields(`ECDHE-ECDSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256
		ECDHE-RSA-AES128-GCM-SHA256 ECDHE-RSA-CHACHA20-POLY1305 ECDHE-ECDSA-AES256-CCM ECDHE-ECDSA-AES128-CCM ECDHE-RSA-AES256-GCM-SHA384`)
	tls13v3Ciphers     = strings.Fields("TLS_CHACHA20_POLY1305_SHA256 TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_CCM_SHA256")
	fipsTLS13v3Ciphers = strings.Fields("TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_AES_128_CCM_SHA256")
)

// oldCiphers are what only the widest suite has. One has an odd end in Oracle's list, and is given here under both names.
//
//nolint:gochecknoglobals // a table
var oldCiphers = slices.Concat(
	strings.Fields("CAMELLIA128-SHA CAMELLIA256-SHA DES-CBC3-SHA"),
	crossed("DH-DSS DH-RSA DHE-DSS", `AES128-GCM-SHA256 AES128-SHA AES128-SHA256 AES256-GCM-SHA384 AES256-SHA AES256-SHA256
		CAMELLIA128-SHA CAMELLIA256-SHA DES-CBC3-SHA SEED-SHA`),
	[]string{"DH-DSS-DES-CBC3-SHAv"},
	crossed("DHE-RSA", "AES128-SHA AES256-SHA CAMELLIA128-SHA CAMELLIA256-SHA DES-CBC3-SHA SEED-SHA"),
	crossed("ECDH-ECDSA ECDH-RSA", `AES128-GCM-SHA256 AES128-SHA AES128-SHA256 AES256-GCM-SHA384 AES256-SHA AES256-SHA384
		DES-CBC3-SHA RC4-SHA`),
	crossed("ECDHE-ECDSA ECDHE-RSA", "DES-CBC3-SHA RC4-SHA"),
	[]string{"IDEA-CBC-SHA"},
	crossed("KRB5", "DES-CBC3-MD5 DES-CBC3-SHA IDEA-CBC-MD5 IDEA-CBC-SHA RC4-MD5 RC4-SHA"),
	crossed("PSK", "3DES-EDE-CBC-SHA AES128-CBC-SHA AES256-CBC-SHA RC4-SHA"),
	strings.Fields("RC4-MD5 RC4-SHA SEED-SHA"),
)

// crossed returns every first word with every second.
func crossed(first, second string) []string {
	var all []string
	for _, a := range strings.Fields(first) {
		for _, b := range strings.Fields(second) {
			all = append(all, a+"-"+b)
		}
	}
	return all
}

// predefinedSuites is every suite that the API has by itself. What Oracle's documents leave out of the last two is what
// their names say: the suite before without the ciphers that FIPS has not, and the union of TLS 1.2 and 1.3.
//
//nolint:gochecknoglobals // a table
var predefinedSuites = []SSLCipherSuite{
	{"oci-default-ssl-cipher-suite-v1", defaultCiphers},
	{"oci-modern-ssl-cipher-suite-v1", modernCiphers},
	{"oci-compatible-ssl-cipher-suite-v1", slices.Concat(modernCiphers, shaCiphers)},
	{"oci-wider-compatible-ssl-cipher-suite-v1", widerCiphers},
	{"oci-default-http2-ssl-cipher-suite-v1", http2Ciphers},
	{"oci-default-http2-tls-13-ssl-cipher-suite-v1", tls13Ciphers},
	{"oci-default-http2-tls-12-13-ssl-cipher-suite-v1", slices.Concat(http2Ciphers, tls13Ciphers)},
	{"oci-tls-13-recommended-ssl-cipher-suite-v1", tls13Ciphers},
	{"oci-tls-12-13-wider-ssl-cipher-suite-v1", tls12WiderCiphers},
	{"oci-tls-11-12-13-wider-ssl-cipher-suite-v1", slices.Concat(tls12WiderCiphers, shaCiphers)},
	{"oci-tls-12-ssl-cipher-suite-v3", tls12v3Ciphers},
	{"oci-fips-tls-12-ssl-cipher-suite-v3", fipsTLS12Ciphers},
	{"oci-tls-13-ssl-cipher-suite-v3", tls13v3Ciphers},
	{"oci-fips-tls-13-ssl-cipher-suite-v3", fipsTLS13v3Ciphers},
	{"oci-tls-12-13-ssl-cipher-suite-v3", slices.Concat(tls12v3Ciphers, tls13v3Ciphers)},
}

// customCiphers is what a suite of somebody's own can have.
//
//nolint:gochecknoglobals // a table
var customCiphers = setOf(widerCiphers, tls13v3Ciphers, []string{"TLS_AES_128_CCM_8_SHA256"})

// setOf returns the members of lists.
func setOf(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, member := range list {
			set[member] = true
		}
	}
	return set
}
