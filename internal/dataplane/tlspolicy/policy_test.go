package tlspolicy_test

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/tlspolicy"
)

// TestSuitesAreThoseOfCryptoTLS fails when a toolchain has a suite more or less, has one in other versions, or judges one otherwise.
func TestSuitesAreThoseOfCryptoTLS(t *testing.T) {
	t.Parallel()
	all := slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites())
	if got := tlspolicy.Supported(); len(got) != len(all) {
		t.Errorf("got %d suites, want %d", len(got), len(all))
	}
	for _, s := range all {
		name := tlspolicy.SuiteName(s.ID)
		if id, ok := tlspolicy.SuiteID(name); !ok || id != s.ID {
			t.Errorf("%s: got %x and %t for %s, want %x", s.Name, id, ok, name, s.ID)
			continue
		}
		for _, v := range versions {
			p, err := tlspolicy.Custom("one", []string{tlspolicy.VersionName(v)}, []string{name})
			if got, want := err == nil, slices.Contains(s.SupportedVersions, v); got != want {
				t.Errorf("%s in %s: got %t, want %t", name, tls.VersionName(v), got, want)
			}
			if v == tls.VersionTLS12 && err == nil && (len(p.Weaknesses()) > 0) != s.Insecure {
				t.Errorf("%s: got weaknesses %q, crypto/tls says %t", name, p.Weaknesses(), s.Insecure)
			}
		}
	}
}

func TestSuiteName(t *testing.T) {
	t.Parallel()
	for id, want := range map[uint16]string{
		0x1301: "TLS_AES_128_GCM_SHA256", 0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
		0xc02b: "ECDHE-ECDSA-AES128-GCM-SHA256", 0xc02f: "ECDHE-RSA-AES128-GCM-SHA256", 0xc02c: "ECDHE-ECDSA-AES256-GCM-SHA384",
		0xc030: "ECDHE-RSA-AES256-GCM-SHA384", 0xcca9: "ECDHE-ECDSA-CHACHA20-POLY1305", 0xcca8: "ECDHE-RSA-CHACHA20-POLY1305",
		0xc009: "ECDHE-ECDSA-AES128-SHA", 0xc013: "ECDHE-RSA-AES128-SHA", 0xc00a: "ECDHE-ECDSA-AES256-SHA", 0xc014: "ECDHE-RSA-AES256-SHA",
		0xc023: "ECDHE-ECDSA-AES128-SHA256", 0xc027: "ECDHE-RSA-AES128-SHA256", 0x009c: "AES128-GCM-SHA256", 0x009d: "AES256-GCM-SHA384",
		0x003c: "AES128-SHA256", 0x002f: "AES128-SHA", 0x0035: "AES256-SHA", 0xc012: "ECDHE-RSA-DES-CBC3-SHA", 0x000a: "DES-CBC3-SHA",
		0xc007: "ECDHE-ECDSA-RC4-SHA", 0xc011: "ECDHE-RSA-RC4-SHA", 0x0005: "RC4-SHA",
		0x0033: "0x0033", // DHE-RSA-AES128-SHA, which crypto/tls does not have
	} {
		if got := tlspolicy.SuiteName(id); got != want {
			t.Errorf("%04x: got %s, want %s", id, got, want)
		}
	}
	if id, ok := tlspolicy.SuiteID("DHE-RSA-AES128-SHA"); ok {
		t.Errorf("got %x for a suite that is not there", id)
	}
}

func TestVersionName(t *testing.T) {
	t.Parallel()
	for v, want := range map[uint16]string{
		tls.VersionTLS10: "TLSv1", tls.VersionTLS11: "TLSv1.1", tls.VersionTLS12: "TLSv1.2", tls.VersionTLS13: "TLSv1.3", 0x0300: "", 0: "",
	} {
		if got := tlspolicy.VersionName(v); got != want {
			t.Errorf("%x: got %q, want %q", v, got, want)
		}
	}
}

func TestCustom(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, versions, ciphers           string
		allowed, offered, leftOut, extras string
	}{
		{"plain", "TLSv1.2", "AES128-SHA ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", "AES128-SHA ECDHE-RSA-AES128-GCM-SHA256", "", ""},
		{"any-order-of-versions", "TLSv1.2 TLSv1 TLSv1.1 TLSv1", "AES128-SHA", "TLSv1 TLSv1.1 TLSv1.2", "AES128-SHA", "", ""},
		{"cipher-twice", "TLSv1.2", "AES128-SHA AES128-SHA RC4-MD5 RC4-MD5", "TLSv1.2", "AES128-SHA", "RC4-MD5", ""},
		{"impossible-left-out", "TLSv1.2", "DHE-RSA-AES128-SHA AES128-SHA EXP-RC4-MD5", "TLSv1.2", "AES128-SHA", "DHE-RSA-AES128-SHA EXP-RC4-MD5", ""},
		{"ssl-left-out", "SSLv3 TLSv1 SSLv2", "AES128-SHA", "TLSv1", "AES128-SHA", "SSLv2 SSLv3", ""},
		{"gap-below-tls", "SSLv3 TLSv1.2", "AES128-SHA", "TLSv1.2", "AES128-SHA", "SSLv3", ""},
		{"version-without-cipher", "TLSv1 TLSv1.1 TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", "TLSv1 TLSv1.1", ""},
		{"gap-that-does-not-matter", "TLSv1 TLSv1.2", "AES128-GCM-SHA256", "TLSv1.2", "AES128-GCM-SHA256", "TLSv1", ""},
		{"cipher-without-version", "TLSv1.1", "AES128-GCM-SHA256 AES128-SHA", "TLSv1.1", "AES128-SHA", "AES128-GCM-SHA256", ""},
		{"no-1.3-cipher", "TLSv1.2 TLSv1.3", "AES128-SHA", "TLSv1.2", "AES128-SHA", "TLSv1.3", ""},
		{"1.3-cipher-without-1.3", "TLSv1.2", "TLS_AES_128_GCM_SHA256 AES128-SHA", "TLSv1.2", "AES128-SHA", "TLS_AES_128_GCM_SHA256", ""},
		{"1.3-alone", "TLSv1.2 TLSv1.3", "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3",
			"TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256", "TLSv1.2", ""},
		{"1.3-in-part", "TLSv1.2 TLSv1.3", "AES128-SHA TLS_AES_256_GCM_SHA384 TLS_AES_128_CCM_8_SHA256", "TLSv1.2 TLSv1.3",
			"TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 AES128-SHA", "TLS_AES_128_CCM_8_SHA256",
			"TLS_AES_128_GCM_SHA256 TLS_CHACHA20_POLY1305_SHA256"},
		{"oracles-misprint", "TLSv1.2", "DH-DSS-DES-CBC3-SHAv AES128-SHA", "TLSv1.2", "AES128-SHA", "DH-DSS-DES-CBC3-SHA", ""},
		{"back-ends-of-aws", "TLSv1 TLSv1.1 TLSv1.2", backEndsOfAWS, "TLSv1 TLSv1.1 TLSv1.2",
			"AES256-GCM-SHA384 AES256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA RC4-SHA DES-CBC3-SHA",
			"AES256-SHA256 CAMELLIA256-SHA CAMELLIA128-SHA DES-CBC-SHA " + backEndsOfAWSDH, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := tlspolicy.Custom(c.name, strings.Fields(c.versions), strings.Fields(c.ciphers))
			if err != nil {
				t.Fatal(err)
			}
			for what, pair := range map[string][2]string{
				"name":     {p.Name, c.name},
				"origin":   {string(p.Origin), ""},
				"versions": {strings.Join(p.Versions(), " "), c.allowed},
				"ciphers":  {strings.Join(p.Ciphers(), " "), c.offered},
				"left out": {strings.Join(p.LeftOut, " "), strings.Join(strings.Fields(c.leftOut), " ")},
				"added":    {strings.Join(p.Added, " "), c.extras},
			} {
				if pair[0] != pair[1] {
					t.Errorf("%s: got %s, want %s", what, pair[0], pair[1])
				}
			}
		})
	}
}

// What the Classic Load Balancer offers to its backends: a list that cannot be changed there.
const (
	backEndsOfAWS = `AES256-GCM-SHA384 AES256-SHA256 AES256-SHA CAMELLIA256-SHA AES128-GCM-SHA256 AES128-SHA256 AES128-SHA
		CAMELLIA128-SHA RC4-SHA DES-CBC3-SHA DES-CBC-SHA ` + backEndsOfAWSDH
	backEndsOfAWSDH = `DHE-DSS-AES256-GCM-SHA384 DHE-RSA-AES256-GCM-SHA384 DHE-RSA-AES256-SHA256 DHE-DSS-AES256-SHA256
		DHE-RSA-AES256-SHA DHE-DSS-AES256-SHA DHE-RSA-CAMELLIA256-SHA DHE-DSS-CAMELLIA256-SHA DHE-DSS-AES128-GCM-SHA256
		DHE-RSA-AES128-GCM-SHA256 DHE-RSA-AES128-SHA256 DHE-DSS-AES128-SHA256 DHE-RSA-AES128-SHA DHE-DSS-AES128-SHA
		DHE-RSA-CAMELLIA128-SHA DHE-DSS-CAMELLIA128-SHA EDH-RSA-DES-CBC3-SHA EDH-DSS-DES-CBC3-SHA EDH-RSA-DES-CBC-SHA EDH-DSS-DES-CBC-SHA`
)

func TestCustomRefuses(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, versions, ciphers, want string }{
		{"no-versions", "", "AES128-SHA", `policy "no-versions": has 0 versions and 1 ciphers: at least one of each is needed`},
		{"no-ciphers", "TLSv1.2", "", `policy "no-ciphers": has 1 versions and 0 ciphers: at least one of each is needed`},
		{"unknown-version", "TLSv1.2 TLSv1.4", "AES128-SHA",
			`policy "unknown-version": version "TLSv1.4": is unknown: allowed are SSLv2, SSLv3, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3`},
		{"small-letters", "tlsv1.2", "AES128-SHA", `version "tlsv1.2": is unknown`},
		{"unknown-cipher", "TLSv1.2", "AES128-SHA NULL-MD5", `policy "unknown-cipher": cipher "NULL-MD5": is unknown`},
		{"name-of-the-rfc", "TLSv1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", `write ECDHE-RSA-AES128-GCM-SHA256, as OpenSSL does`},
		{"nothing-possible", "TLSv1.2", "DHE-RSA-AES128-SHA RC4-MD5",
			`policy "nothing-possible": nothing can be negotiated: ciphers DHE-RSA-AES128-SHA, RC4-MD5: lull has none of them in TLSv1.2`},
		{"nothing-in-version", "TLSv1.1", "AES128-GCM-SHA256", `nothing can be negotiated`},
		{"ssl-alone", "SSLv2 SSLv3", "AES128-SHA", `nothing can be negotiated`},
		{"1.3-cipher-for-1.2", "TLSv1.2", "TLS_AES_128_GCM_SHA256", `nothing can be negotiated`},
		{"gap", "TLSv1 TLSv1.2", "AES128-SHA", `policy "gap": versions TLSv1, TLSv1.2: there is a gap`},
		{"gap-before-1.3", "TLSv1.1 TLSv1.3", "AES128-SHA TLS_AES_128_GCM_SHA256", `versions TLSv1.1, TLSv1.3: there is a gap`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, err := tlspolicy.Custom(c.name, strings.Fields(c.versions), strings.Fields(c.ciphers))
			if err == nil {
				t.Fatalf("got %+v", p)
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, policy string
		oldest       uint16
		versions     string
		suites       int
		added        int
	}{
		{"already", "default", tls.VersionTLS12, "TLSv1.2 TLSv1.3", 6, 0},
		{"below", "default", tls.VersionTLS10, "TLSv1.2 TLSv1.3", 6, 0},
		{"newest", "default", tls.VersionTLS13, "TLSv1.3", 0, 0},
		{"one-less", "ELBSecurityPolicy-2016-08", tls.VersionTLS11, "TLSv1.1 TLSv1.2", 15, 0},
		{"two-less", "ELBSecurityPolicy-2016-08", tls.VersionTLS12, "TLSv1.2", 15, 0},
		{"nothing-left", "ELBSecurityPolicy-2011-08", tls.VersionTLS12, "TLSv1.2", 4, 0},
		{"nothing-left-but-1.3", "ELBSecurityPolicy-2016-08", tls.VersionTLS13, "TLSv1.3", 0, 3},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, _ := tlspolicy.Find(c.policy)
			before := *p
			got := p.AtLeast(c.oldest)
			if (got == p) != (c.oldest <= p.Min) {
				t.Errorf("got the same policy: %t", got == p)
			}
			if v := strings.Join(got.Versions(), " "); v != c.versions || len(got.Suites) != c.suites || len(got.Added) != c.added {
				t.Errorf("got %s, %d suites, %d added; want %s, %d, %d", v, len(got.Suites), len(got.Added), c.versions, c.suites, c.added)
			}
			if p.Min != before.Min || p.Max != before.Max || len(p.Suites) != len(before.Suites) || len(p.Added) != len(before.Added) {
				t.Errorf("the policy itself has changed: %+v", p)
			}
		})
	}
}

func TestVersionsFor(t *testing.T) {
	t.Parallel()
	cases := []struct {
		policy string
		key    x509.PublicKeyAlgorithm
		want   string
	}{
		{"default", x509.RSA, "TLSv1.2 TLSv1.3"},
		{"default", x509.ECDSA, "TLSv1.2 TLSv1.3"},
		{"default", x509.Ed25519, "TLSv1.2 TLSv1.3"},
		{"default", x509.DSA, ""},
		{"ELBSecurityPolicy-2016-08", x509.ECDSA, "TLSv1 TLSv1.1 TLSv1.2"},
		{"ELBSecurityPolicy-2016-08", x509.Ed25519, "TLSv1.2"},
		{"ELBSecurityPolicy-2011-08", x509.ECDSA, ""},
		{"oci-default-ssl-cipher-suite-v1", x509.ECDSA, ""},
		{"oci-default-ssl-cipher-suite-v1", x509.RSA, "TLSv1.2"},
	}
	for _, c := range cases {
		p, _ := tlspolicy.Find(c.policy)
		if got := strings.Join(p.VersionsFor(c.key), " "); got != c.want {
			t.Errorf("%s with %s: got %q, want %q", c.policy, c.key, got, c.want)
		}
	}
	mixed, err := tlspolicy.Custom("mixed", []string{"TLSv1.2", "TLSv1.3"}, []string{"AES128-SHA", "TLS_AES_128_GCM_SHA256"})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(mixed.VersionsFor(x509.ECDSA), " "); got != "TLSv1.3" {
		t.Errorf("suites for RSA in TLSv1.2 and an ECDSA key: got %q, want TLSv1.3", got)
	}
}

func TestWhyLeftOut(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"SSLv3":                     "a version that crypto/tls does not have",
		"TLSv1.3":                   "a version with which none of the policy's ciphers can be used",
		"AES128-GCM-SHA256":         "a cipher of TLSv1.2, which",
		"AES128-SHA":                "a cipher of TLSv1 to TLSv1.2, which",
		"TLS_AES_128_GCM_SHA256":    "a cipher of TLSv1.3, which",
		"DHE-RSA-AES128-SHA":        "finite-field",
		"EDH-RSA-DES-CBC-SHA":       "finite-field",
		"DHE-DSS-AES128-SHA":        "DSS",
		"DH-RSA-AES128-SHA":         "Diffie-Hellman with the certificate's own key",
		"ECDH-RSA-AES128-SHA":       "Diffie-Hellman with the certificate's own key",
		"EXP-KRB5-RC4-MD5":          "export",
		"AES256-SHA256":             "AES-256 in CBC mode",
		"ECDHE-ECDSA-AES256-SHA384": "AES-256 in CBC mode",
		"ECDHE-ECDSA-DES-CBC3-SHA":  "3DES with ECDSA",
		"DES-CBC-SHA":               "single DES",
		"RC4-MD5":                   "MD5",
		"TLS_AES_128_CCM_SHA256":    "AES in CCM mode",
	} {
		if got := tlspolicy.WhyLeftOut(name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// FuzzCustom holds what package tlsio relies on: a policy has versions in order, a suite for each of them, and says of
// everything that was asked for whether it is offered or left out.
func FuzzCustom(f *testing.F) {
	for _, name := range tlspolicy.Names() {
		d, _ := tlspolicy.DefinitionOf(name)
		f.Add(strings.Join(d.Versions, " "), strings.Join(d.Ciphers, " "))
	}
	f.Fuzz(func(t *testing.T, versions, ciphers string) {
		asked := strings.Fields(ciphers)
		p, err := tlspolicy.Custom("fuzz", strings.Fields(versions), asked)
		if err != nil {
			return
		}
		if p.Min < tls.VersionTLS10 || p.Max < p.Min || p.Max > tls.VersionTLS13 {
			t.Fatalf("versions %x to %x", p.Min, p.Max)
		}
		if (p.Min == tls.VersionTLS13) != (len(p.Suites) == 0) {
			t.Errorf("from %x on with suites %x", p.Min, p.Suites)
		}
		if len(p.VersionsFor(x509.RSA))+len(p.VersionsFor(x509.ECDSA)) < len(p.Versions()) {
			t.Errorf("%s: not each of them has a suite", p.Versions())
		}
		for _, v := range p.Versions() {
			if !slices.Contains(strings.Fields(versions), v) {
				t.Errorf("%s: allowed and not asked for", v)
			}
		}
		offered := p.Ciphers()
		for _, c := range offered {
			if slices.Contains(asked, c) == slices.Contains(p.Added, c) {
				t.Errorf("%s: offered; asked for and added: %t", c, slices.Contains(asked, c))
			}
		}
		for _, c := range asked {
			if c == "DH-DSS-DES-CBC3-SHAv" {
				continue
			}
			if slices.Contains(offered, c) == slices.Contains(p.LeftOut, c) {
				t.Errorf("%s: offered and left out: %t", c, slices.Contains(offered, c))
			}
		}
	})
}
