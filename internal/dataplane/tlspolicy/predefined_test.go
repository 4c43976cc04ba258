package tlspolicy_test

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/tlspolicy"
)

// The clouds' tables, typed here once more: what is wrong in aws.go or oci.go is unlikely to be wrong in the same way here.
// For each policy: how many ciphers it names, which versions, which of the ciphers lull offers, how many it leaves out, and
// for which keys it serves ("R", "E").
var predefined = []struct {
	name, versions string
	named          int
	offered        string
	leftOut        int
	keys           string
}{
	{"ELBSecurityPolicy-2016-08", "TLSv1 TLSv1.1 TLSv1.2", 18,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C", 3, "RE"},
	{"ELBSecurityPolicy-TLS-1-1-2017-01", "TLSv1.1 TLSv1.2", 18,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C", 3, "RE"},
	{"ELBSecurityPolicy-TLS-1-2-2017-01", "TLSv1.2", 12, "EE128G ER128G EE128C2 ER128C2 EE256G ER256G R128G R128C2 R256G", 3, "RE"},
	{"ELBSecurityPolicy-2015-05", "TLSv1 TLSv1.1 TLSv1.2", 19,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C R3", 3, "RE"},
	{"ELBSecurityPolicy-2015-03", "TLSv1 TLSv1.1 TLSv1.2", 21,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C R3", 5, "RE"},
	{"ELBSecurityPolicy-2015-02", "TLSv1 TLSv1.1 TLSv1.2", 20,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C", 5, "RE"},
	{"ELBSecurityPolicy-2014-10", "TLSv1 TLSv1.1 TLSv1.2", 22,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C ERrc4 Rrc4", 5, "RE"},
	{"ELBSecurityPolicy-2014-01", "SSLv3 TLSv1 TLSv1.1 TLSv1.2", 22,
		"EE128G ER128G EE128C2 ER128C2 EE128C ER128C EE256G ER256G ER256C EE256C R128G R128C2 R128C R256G R256C ERrc4 Rrc4", 6, "RE"},
	{"ELBSecurityPolicy-2011-08", "SSLv3 TLSv1", 16, "R128C R256C R3 Rrc4", 13, "R"},

	{"oci-default-ssl-cipher-suite-v1", "TLSv1.2", 8, "ER128G ER128C2 ER256G", 5, "R"},
	{"oci-modern-ssl-cipher-suite-v1", "TLSv1.2", 16, "R128G R128C2 R256G ER128G ER128C2 ER256G EE128G EE128C2 EE256G", 7, "RE"},
	{"oci-compatible-ssl-cipher-suite-v1", "TLSv1.2", 22,
		"R128G R128C2 R256G ER128G ER128C2 ER256G EE128G EE128C2 EE256G R128C R256C EE128C EE256C ER128C ER256C", 7, "RE"},
	{"oci-wider-compatible-ssl-cipher-suite-v1", "TLSv1.2", 95,
		"R128G R128C2 R256G ER128G ER128C2 ER256G EE128G EE128C2 EE256G R128C R256C EE128C EE256C ER128C ER256C R3 EErc4 ER3 ERrc4 Rrc4", 75, "RE"},
	{"oci-default-http2-ssl-cipher-suite-v1", "TLSv1.2", 6, "ER256G EE256G ER128G EE128G", 2, "RE"},
	{"oci-default-http2-tls-13-ssl-cipher-suite-v1", "TLSv1.3", 3, "", 0, "RE"},
	{"oci-default-http2-tls-12-13-ssl-cipher-suite-v1", "TLSv1.2 TLSv1.3", 9, "ER256G EE256G ER128G EE128G", 2, "RE"},
	{"oci-tls-13-recommended-ssl-cipher-suite-v1", "TLSv1.3", 3, "", 0, "RE"},
	{"oci-tls-12-13-wider-ssl-cipher-suite-v1", "TLSv1.2 TLSv1.3", 15, "EE128G ER128G EE128C2 ER128C2 EE256G ER256G R128G R128C2 R256G", 3, "RE"},
	{"oci-tls-11-12-13-wider-ssl-cipher-suite-v1", "TLSv1.1 TLSv1.2 TLSv1.3", 21,
		"EE128G ER128G EE128C2 ER128C2 EE256G ER256G R128G R128C2 R256G EE128C ER128C ER256C EE256C R128C R256C", 3, "RE"},
	{"oci-tls-12-ssl-cipher-suite-v3", "TLSv1.2", 8, "EEcc EE256G EE128G ER128G ERcc ER256G", 2, "RE"},
	{"oci-fips-tls-12-ssl-cipher-suite-v3", "TLSv1.2", 6, "EE256G EE128G ER128G ER256G", 2, "RE"},
	{"oci-tls-13-ssl-cipher-suite-v3", "TLSv1.3", 4, "", 1, "RE"},
	{"oci-fips-tls-13-ssl-cipher-suite-v3", "TLSv1.3", 3, "", 1, "RE"},
	{"oci-tls-12-13-ssl-cipher-suite-v3", "TLSv1.2 TLSv1.3", 12, "EEcc EE256G EE128G ER128G ERcc ER256G", 3, "RE"},
}

// short are the abbreviations used above, by IANA's numbers.
var short = map[string]uint16{
	"EE128G": 0xc02b, "ER128G": 0xc02f, "EE256G": 0xc02c, "ER256G": 0xc030, "EEcc": 0xcca9, "ERcc": 0xcca8,
	"EE128C": 0xc009, "ER128C": 0xc013, "EE256C": 0xc00a, "ER256C": 0xc014, "EE128C2": 0xc023, "ER128C2": 0xc027,
	"R128G": 0x009c, "R256G": 0x009d, "R128C": 0x002f, "R256C": 0x0035, "R128C2": 0x003c,
	"ER3": 0xc012, "R3": 0x000a, "EErc4": 0xc007, "ERrc4": 0xc011, "Rrc4": 0x0005,
}

func TestPredefined(t *testing.T) {
	t.Parallel()
	for _, c := range predefined {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, ok := tlspolicy.Find(c.name)
			d, defined := tlspolicy.DefinitionOf(c.name)
			if !ok || !defined {
				t.Fatal("not found")
			}
			if got := strings.Join(d.Versions, " "); got != c.versions {
				t.Errorf("got versions %s, want %s", got, c.versions)
			}
			alive, _ := strings.CutPrefix(c.versions, "SSLv3 ")
			if got := strings.Join(p.Versions(), " "); got != alive {
				t.Errorf("got %s allowed, want %s", got, alive)
			}
			if alive != c.versions && p.LeftOut[0] != "SSLv3" {
				t.Errorf("got %s left out, want SSLv3 among it", p.LeftOut)
			}
			if len(d.Ciphers) != c.named {
				t.Errorf("got %d ciphers, want %d", len(d.Ciphers), c.named)
			}
			var want []uint16
			for _, abbreviation := range strings.Fields(c.offered) {
				want = append(want, short[abbreviation])
			}
			if !slices.Equal(p.Suites, want) {
				t.Errorf("got suites %x, want %x", p.Suites, want)
			}
			if len(p.LeftOut) != c.leftOut {
				t.Errorf("got %d left out, want %d: %s", len(p.LeftOut), c.leftOut, p.LeftOut)
			}
			if got := p.Serves(x509.RSA); got != strings.Contains(c.keys, "R") {
				t.Errorf("got %t for RSA", got)
			}
			if got := p.Serves(x509.ECDSA); got != strings.Contains(c.keys, "E") {
				t.Errorf("got %t for ECDSA", got)
			}
		})
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	want := []string{"default"}
	for _, c := range predefined {
		want = append(want, c.name)
	}
	if got := tlspolicy.Names(); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, name := range want {
		p, ok := tlspolicy.Find(name)
		if !ok || p.Name != name {
			t.Fatalf("%s: not found", name)
		}
		origin := tlspolicy.Lull
		switch {
		case strings.HasPrefix(name, "ELBSecurityPolicy-"):
			origin = tlspolicy.AWS
		case strings.HasPrefix(name, "oci-"):
			origin = tlspolicy.OCI
		}
		if p.Origin != origin {
			t.Errorf("%s: got origin %s, want %s", name, p.Origin, origin)
		}
	}
	for _, name := range []string{"", "Default", "ELBSecurityPolicy-2016-8", "oci-customized-ssl-cipher-suite"} {
		if _, ok := tlspolicy.Find(name); ok {
			t.Errorf("%q: found", name)
		}
		if _, ok := tlspolicy.DefinitionOf(name); ok {
			t.Errorf("%q: defined", name)
		}
	}
}

// TestCiphersOfAWSDefault holds the policy that most users have against AWS's list, name by name.
func TestCiphersOfAWSDefault(t *testing.T) {
	t.Parallel()
	want := []string{
		"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256",
		"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA",
		"AES128-GCM-SHA256", "AES128-SHA256", "AES128-SHA", "AES256-GCM-SHA384", "AES256-SHA256", "AES256-SHA",
	}
	d, _ := tlspolicy.DefinitionOf("ELBSecurityPolicy-2016-08")
	if !slices.Equal(d.Ciphers, want) {
		t.Errorf("got %s, want %s", d.Ciphers, want)
	}
	p, _ := tlspolicy.Find("ELBSecurityPolicy-2016-08")
	if absent := []string{"ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384", "AES256-SHA256"}; !slices.Equal(p.LeftOut, absent) {
		t.Errorf("got %s left out, want %s", p.LeftOut, absent)
	}
}

// TestCiphersOfOldestAWS spells out the policy that has least in common with the others.
func TestCiphersOfOldestAWS(t *testing.T) {
	t.Parallel()
	d, _ := tlspolicy.DefinitionOf("ELBSecurityPolicy-2011-08")
	want := []string{
		"DHE-RSA-AES128-SHA", "AES128-SHA", "AES256-SHA", "DHE-DSS-AES128-SHA", "CAMELLIA128-SHA", "EDH-RSA-DES-CBC3-SHA",
		"DES-CBC3-SHA", "RC4-SHA", "DHE-RSA-AES256-SHA", "DHE-DSS-AES256-SHA", "DHE-RSA-CAMELLIA256-SHA", "DHE-DSS-CAMELLIA256-SHA",
		"CAMELLIA256-SHA", "EDH-DSS-DES-CBC3-SHA", "DHE-RSA-CAMELLIA128-SHA", "DHE-DSS-CAMELLIA128-SHA",
	}
	if !slices.Equal(d.Ciphers, want) {
		t.Errorf("got %s, want %s", d.Ciphers, want)
	}
	if d.ServerOrder {
		t.Error("got the server's order, which AWS gives to every policy but this one")
	}
}

func TestWiderSuiteOfOCI(t *testing.T) {
	t.Parallel()
	d, _ := tlspolicy.DefinitionOf("oci-wider-compatible-ssl-cipher-suite-v1")
	for _, c := range []string{
		"CAMELLIA128-SHA", "DH-DSS-SEED-SHA", "DH-RSA-DES-CBC3-SHA", "DH-DSS-DES-CBC3-SHAv", "DHE-DSS-AES256-SHA256", "DHE-RSA-SEED-SHA",
		"ECDH-ECDSA-AES256-SHA384", "ECDH-RSA-RC4-SHA", "ECDHE-ECDSA-DES-CBC3-SHA", "ECDHE-RSA-RC4-SHA", "IDEA-CBC-SHA",
		"KRB5-IDEA-CBC-MD5", "PSK-3DES-EDE-CBC-SHA", "RC4-MD5", "SEED-SHA", "AES128-SHA",
	} {
		if !slices.Contains(d.Ciphers, c) {
			t.Errorf("%s: not there", c)
		}
	}
	for i, c := range d.Ciphers {
		if slices.Contains(d.Ciphers[i+1:], c) {
			t.Errorf("%s: there twice", c)
		}
	}
	p, _ := tlspolicy.Find(d.Name)
	if !slices.Contains(p.LeftOut, "DH-DSS-DES-CBC3-SHA") || slices.Contains(p.LeftOut, "DH-DSS-DES-CBC3-SHAv") {
		t.Errorf("got %s left out, want OpenSSL's spelling of Oracle's DH-DSS-DES-CBC3-SHAv", p.LeftOut)
	}
}

func TestDefaultIsSafe(t *testing.T) {
	t.Parallel()
	p, ok := tlspolicy.Find("default")
	if !ok || p != tlspolicy.Default {
		t.Fatal("the default is not the policy of that name")
	}
	if p.Min != tls.VersionTLS12 || p.Max != tls.VersionTLS13 || len(p.Suites) != 6 || len(p.LeftOut)+len(p.Added) > 0 {
		t.Errorf("got %+v", p)
	}
	for _, s := range tls.InsecureCipherSuites() {
		if slices.Contains(p.Suites, s.ID) {
			t.Errorf("has %s, which crypto/tls calls insecure", s.Name)
		}
	}
	if w := p.Weaknesses(); w != nil {
		t.Errorf("got weaknesses %s", w)
	}
}

// TestAddedByTLS13 shows that a policy tells of the suites that are on without having been named.
func TestAddedByTLS13(t *testing.T) {
	t.Parallel()
	for _, name := range tlspolicy.Names() {
		p, _ := tlspolicy.Find(name)
		var want []string
		if name == "oci-fips-tls-13-ssl-cipher-suite-v3" {
			want = []string{"TLS_CHACHA20_POLY1305_SHA256"}
		}
		if !slices.Equal(p.Added, want) {
			t.Errorf("%s: got %s, want %s", name, p.Added, want)
		}
	}
}

func TestWeaknesses(t *testing.T) {
	t.Parallel()
	const old, rc4, des, cbc, rsa = "versions before TLSv1.2", "RC4", "3DES", "CBC with SHA-256", "RSA key exchange"
	cases := map[string][]string{
		"ELBSecurityPolicy-2016-08":                {old, cbc, rsa},
		"ELBSecurityPolicy-TLS-1-2-2017-01":        {cbc, rsa},
		"ELBSecurityPolicy-2015-05":                {des, old, cbc, rsa},
		"ELBSecurityPolicy-2014-10":                {rc4, old, cbc, rsa},
		"ELBSecurityPolicy-2011-08":                {rc4, des, old, rsa},
		"oci-default-ssl-cipher-suite-v1":          {cbc},
		"oci-wider-compatible-ssl-cipher-suite-v1": {rc4, des, cbc, rsa},
		"oci-default-http2-ssl-cipher-suite-v1":    nil,
		"oci-tls-12-13-ssl-cipher-suite-v3":        nil,
	}
	for name, want := range cases {
		p, _ := tlspolicy.Find(name)
		got := p.Weaknesses()
		if !slices.EqualFunc(got, want, strings.HasPrefix) {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// TestDefinitionsAreCopies shows that nobody can change a table by what it was given of it.
func TestDefinitionsAreCopies(t *testing.T) {
	t.Parallel()
	const name = "oci-tls-12-ssl-cipher-suite-v3"
	d, _ := tlspolicy.DefinitionOf(name)
	d.Ciphers[0], d.Versions[0] = "", ""
	if again, _ := tlspolicy.DefinitionOf(name); again.Ciphers[0] == "" || again.Versions[0] == "" {
		t.Error("a change went through")
	}
}
