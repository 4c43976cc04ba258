package tlspolicy

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
)

//nolint:gochecknoglobals // a flag of the test binary
var update = flag.Bool("update", false, "write docs/reference/tls-policies.md from the tables")

const referencePath = "../../../docs/reference/tls-policies.md"

const referenceHead = `# TLS policies

A TLS policy says which protocol versions and ciphers a listener or a backend set allows. It has a name: lull's own
` + "`default`" + `, which holds where nothing is said, one of the predefined security policies of AWS's Classic Load Balancer, or one of
OCI's predefined cipher suites. Their names are exactly those that the clouds use.

lull speaks TLS by means of Go's ` + "`crypto/tls`" + `, which does not have all that these policies name. What it does not have is
*left out*: it is never negotiated, and the rest of the policy holds. What it has but calls insecure (RC4, 3DES, key exchange
by RSA, CBC with SHA-256) is on where a policy names it, and only there. ` + "`default`" + ` names none of it.

<!-- Written by "go test ./internal/dataplane/tlspolicy -update"; change the tables in aws.go, oci.go and suite.go, not this file. -->

## All of them

*Versions* are those that are negotiated. *Certificates* are the types of key with which a server can use the policy; with any
other, no handshake can succeed. An Ed25519 certificate counts as ECDSA, from TLSv1.2 on. *Weak* says what is wrong with the policy
by today's measure, the worst first: versions by RFC 8996, ciphers by ` + "`crypto/tls`" + `'s own list of insecure ones. A policy without an
entry there is good; the others are for clients that cannot do better. CBC with SHA-1 and ephemeral keys is not on that list,
though testing tools call it obsolete: no policy has it without having worse.

| Policy | Of | Versions | Certificates | Weak |
|---|---|---|---|---|
`

const referenceOrder = `
## What crypto/tls decides by itself

- **The order of ciphers.** Of those that the policy and the other side have, a server takes the first in the order of
  [the table below](#ciphers-that-lull-has), whatever the order in the policy or in the client's list. Therefore AWS's
  ` + "`Server-Defined-Cipher-Order`" + ` and OCI's ` + "`serverOrderPreference`" + ` have no effect. A client whose first choice is not AES-GCM, and a
  server without AES in hardware, get ChaCha20 before AES. Towards a backend, that is the order in which lull offers them, and
  the backend chooses.
- **The ciphers of TLSv1.3.** There are three, and where a policy allows TLSv1.3 all three are on. Those that the policy does
  not name are listed as *added*.
- **The key exchanges.** Policies say nothing about them. In order of preference:
  %s.
  Those with MLKEM are for TLSv1.3 alone.
- **The signatures.** None with SHA-1 in TLSv1.2 and TLSv1.3. A client of TLSv1.2 that does not say which it knows, or knows no
  better one, is refused, unless the cipher is one with RSA key exchange (RFC 9155).
- **Downgrades.** A client that has failed with a newer version and comes back with an older one and ` + "`TLS_FALLBACK_SCSV`" + ` is refused
  (RFC 7507). There is no compression, and a server refuses to renegotiate.

With FIPS 140-3 mode on in Go (` + "`GODEBUG=fips140=on`" + `), ` + "`crypto/tls`" + ` drops more than this document says, TLSv1 and TLSv1.1 among it. The
names with ` + "`fips`" + ` in them choose ciphers and nothing else: they do not switch that mode on.

## Policies composed by a user

AWS's and OCI's users may compose a policy of versions and ciphers, by the OpenSSL names that are listed at the end.

- Nothing is allowed that was not named, except the ciphers of TLSv1.3 as said above.
- A cipher that cannot be used in any of the versions is left out, and so is a version in which none of the ciphers can be used:
  TLSv1.3 without one of its three ciphers, or TLSv1 with ciphers of TLSv1.2 alone.
- If nothing remains that could be negotiated, the policy is refused. So is one with an unknown name in it.
- Versions must be neighbours, since ` + "`crypto/tls`" + ` knows only an oldest and a newest. TLSv1 and TLSv1.2 without TLSv1.1 is refused:
  to add TLSv1.1 would allow what was switched off, to drop TLSv1 would shut out clients that were to be let in. What is left out
  makes no gap.

The order in which ciphers were named is kept for display. It decides nothing.
`

const referenceAWS = `
## AWS: Classic Load Balancer

None of these has TLSv1.3. SSLv3 is left out of the two that name it. All but ` + "`ELBSecurityPolicy-2011-08`" + ` ask for the server's
order of ciphers. The ` + "`ELBSample-`" + ` policies that the API lists besides are not offered, as nobody says what is in them.
`

const referenceOCI = `
## OCI: load balancer

A cipher suite of OCI names ciphers only; a listener names its versions beside it. Here a policy is both, so each suite has been
given versions: those in its name or, where its name has none, TLSv1.2, which is what OCI's listeners have unless told otherwise.
Older clients than that need a policy of their own. ` + "`oci-customized-ssl-cipher-suite`" + ` is a reserved name and not a policy.
`

const referenceSuites = `
## Ciphers that lull has

In the order of preference of ` + "`crypto/tls`" + `, the best first, where both sides have AES in hardware.

| OpenSSL's name | The RFCs' name | Versions | Certificate | Weak |
|---|---|---|---|---|
`

const referenceAbsent = `
## Ciphers that are left out

These names may stand in a policy and are never negotiated. Oracle's ` + "`DH-DSS-DES-CBC3-SHAv`" + ` is taken for ` + "`DH-DSS-DES-CBC3-SHA`" + `.

| Why | Ciphers |
|---|---|
`

func reference(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString(referenceHead)
	for _, p := range predefined {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s | %s |\n", p.Name, strings.ToLower(p.Name), p.Origin,
			strings.Join(p.Versions(), ", "), certificates(p), strings.Join(inShort(p.Weaknesses()), ", "))
	}
	fmt.Fprintf(&b, referenceOrder, strings.Join(keyExchanges(t), ", "))
	heads := map[Origin]string{Lull: "\n## lull\n", AWS: referenceAWS, OCI: referenceOCI}
	for i, d := range definitions {
		if i == 0 || d.Origin != definitions[i-1].Origin {
			b.WriteString(heads[d.Origin])
		}
		describe(&b, d, predefined[i])
	}
	b.WriteString(referenceSuites)
	for _, s := range suites {
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", s.name, tls.CipherSuiteName(s.id), s.span(), keyName(s), strings.Join(s.flaws.phrases(), "; "))
	}
	b.WriteString(referenceAbsent)
	for _, g := range byReason(absentCiphers()) {
		fmt.Fprintf(&b, "| %s | %s |\n", g.why, code(g.names))
	}
	return b.Bytes()
}

// describe writes the section of a policy.
func describe(w io.Writer, d Definition, p *Policy) {
	fmt.Fprintf(w, "\n### %s\n\n", p.Name)
	fmt.Fprintf(w, "- Versions: %s\n", strings.Join(p.Versions(), ", "))
	fmt.Fprintf(w, "- Certificates: %s\n", certificates(p))
	fmt.Fprintf(w, "- Ciphers: %s\n", code(p.Ciphers()))
	for _, g := range byReason(p.LeftOut) {
		fmt.Fprintf(w, "- Left out (%s): %s\n", g.why, code(g.names))
	}
	if len(p.Added) > 0 {
		fmt.Fprintf(w, "- Added, as `crypto/tls` cannot switch them off: %s\n", code(p.Added))
	}
	if weak := p.Weaknesses(); len(weak) > 0 {
		fmt.Fprintf(w, "- Weak: %s\n", strings.Join(weak, "; "))
	}
	if d.Note != "" {
		fmt.Fprintf(w, "- %s\n", d.Note)
	}
}

// group is names that are left out for the same reason.
type group struct {
	why   string
	names []string
}

// byReason groups names, in the order in which the reasons come first.
func byReason(names []string) []group {
	var groups []group
	for _, name := range names {
		why := WhyLeftOut(name)
		i := slices.IndexFunc(groups, func(g group) bool { return g.why == why })
		if i < 0 {
			i = len(groups)
			groups = append(groups, group{why: why})
		}
		groups[i].names = append(groups[i].names, name)
	}
	return groups
}

// absentCiphers returns what policies may name and crypto/tls does not have.
func absentCiphers() []string {
	var absent []string
	for c := range known {
		if _, ok := suiteByName(c); !ok {
			absent = append(absent, c)
		}
	}
	slices.Sort(absent)
	return absent
}

// certificates says which types of key a policy serves, and in which versions if not in all.
func certificates(p *Policy) string {
	var all []string
	for _, key := range []x509.PublicKeyAlgorithm{x509.RSA, x509.ECDSA} {
		switch served := p.VersionsFor(key); len(served) {
		case 0:
		case len(p.Versions()):
			all = append(all, key.String())
		default:
			all = append(all, key.String()+" ("+strings.Join(served, ", ")+")")
		}
	}
	return strings.Join(all, ", ")
}

// inShort returns phrases without what they have in brackets.
func inShort(phrases []string) []string {
	var short []string
	for _, phrase := range phrases {
		head, _, _ := strings.Cut(phrase, " (")
		short = append(short, head)
	}
	return short
}

// keyName returns the type of key that a suite needs.
func keyName(s suite) string {
	if s.key == anyKey {
		return "any"
	}
	return s.key.String()
}

// code returns names as code.
func code(names []string) string {
	quoted := make([]string, 0, len(names))
	for _, name := range names {
		quoted = append(quoted, "`"+name+"`")
	}
	return strings.Join(quoted, " ")
}

// keyExchanges returns what crypto/tls offers where nothing is said about them: what a client's first words hold.
func keyExchanges(t *testing.T) []string {
	t.Helper()
	here, there := net.Pipe()
	defer here.Close()
	defer there.Close()
	go tls.Client(there, &tls.Config{ServerName: "lull.test"}).Handshake() //nolint:errcheck // it cannot succeed, and need not
	var names []string
	enough := &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		for _, id := range hello.SupportedCurves {
			names = append(names, "`"+strings.TrimPrefix(id.String(), "Curve")+"`")
		}
		return nil, io.EOF
	}}
	if err := tls.Server(here, enough).Handshake(); err == nil || len(names) == 0 {
		t.Fatalf("got %v and %s", err, names)
	}
	return names
}

func TestReferenceFollowsTheTables(t *testing.T) {
	t.Parallel()
	want := reference(t)
	if *update {
		if err := os.WriteFile(referencePath, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(referencePath)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/reference/tls-policies.md does not follow the tables: run go test ./internal/dataplane/tlspolicy -update")
	}
}

// TestEveryAbsenceHasItsReason shows that nothing is left out without a word, and that no word is there for nothing.
func TestEveryAbsenceHasItsReason(t *testing.T) {
	t.Parallel()
	absent := absentCiphers()
	for _, name := range absent {
		if WhyLeftOut(name) == "not in crypto/tls" {
			t.Errorf("%s: no reason fits", name)
		}
	}
	for _, a := range absences {
		if !slices.ContainsFunc(absent, func(name string) bool { return WhyLeftOut(name) == a.why }) {
			t.Errorf("%q: fits no cipher", a.why)
		}
	}
	if n := len(words(awsCiphers)); n != 88 {
		t.Errorf("got %d ciphers that AWS knows, want 88", n)
	}
}
