package cli

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"lull/internal/control/certfile"
	"lull/internal/control/file"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// policiesPage says what each policy holds, and why lull leaves a part of it out.
const policiesPage = "docs/reference/tls-policies.md"

// widest is where lists of words are broken: two such lines stand beside each other on most screens.
const widest = 110

// more goes on with the value of the line before.
func (p *page) more(value string) { fmt.Fprintf(p, "%*s%s\n", column, "", value) }

// list shows words, with commas between them, on as many lines as they need.
func (p *page) list(indent int, name string, words []string) {
	var lines []string
	line := ""
	for i, w := range words {
		if i < len(words)-1 {
			w += ","
		}
		switch {
		case line == "":
			line = w
		case column+len(line)+1+len(w) > widest:
			lines = append(lines, line)
			line = w
		default:
			line += " " + w
		}
	}
	p.line(indent, name, strings.Join(append(lines, line), "\n"+strings.Repeat(" ", column)), "")
}

// sources finds the files behind a plan's certificates and authorities.
type sources struct {
	all []*certfile.Source
	now time.Time
}

// of returns what is known of the files behind a holder of certificates, or behind authorities.
func (s sources) of(holder any) []certfile.Status {
	for _, one := range s.all {
		if any(one.Holder) == holder || any(one.Roots) == holder {
			return one.Status(s.now)
		}
	}
	return nil
}

// serverTLS shows what TLS a listener speaks, and by which certificates.
func (p *page) serverTLS(l *plan.Listener, files sources) {
	t := l.TLS
	if t == nil {
		return
	}
	p.policy(t.Policy, keysOf(t.Certificates))
	for _, s := range files.of(t.Certificates) {
		p.certificate(s, files.now)
	}
	p.clientCertificates(t, files)
	p.line(4, "ALPN", orElse(strings.Join(t.ALPN, ", "), "none"), "")
	p.line(4, "resumption", onOff(!t.NoResumption), "")
}

// keysOf returns the types of the keys of a listener's certificates, as cipher suites know them.
func keysOf(h *certs.Holder) []x509.PublicKeyAlgorithm {
	var keys []x509.PublicKeyAlgorithm
	for _, c := range h.Set().All() {
		key := c.TLS.Leaf.PublicKeyAlgorithm
		if key == x509.Ed25519 {
			key = x509.ECDSA
		}
		keys = append(keys, key)
	}
	return keys
}

// needs says what a cipher lacks to be of use with certificates that have these keys; nothing if it lacks nothing.
func needs(cipher string, keys []x509.PublicKeyAlgorithm) string {
	key := tlspolicy.SuiteKey(cipher)
	if keys == nil || key == x509.UnknownPublicKeyAlgorithm || slices.Contains(keys, key) {
		return ""
	}
	return "  (needs an " + key.String() + " certificate)"
}

// policy shows what a policy comes to, a cipher to a line so that two outputs can be compared. keys are those of the
// certificates that it is used with; nil: they are not ours.
func (p *page) policy(t *tlspolicy.Policy, keys []x509.PublicKeyAlgorithm) {
	p.line(4, "TLS policy", t.Name, "")
	p.line(4, "TLS versions", strings.Join(t.Versions(), ", "), "")
	for i, name := range t.Ciphers() {
		name += needs(name, keys)
		if i == 0 {
			p.line(4, "TLS ciphers", name, "")
			continue
		}
		p.more(name)
	}
	if len(t.LeftOut) > 0 {
		p.list(4, "TLS left out", t.LeftOut)
		p.more("which the policy names and lull does not do: see " + policiesPage)
	}
	if len(t.Added) > 0 {
		p.list(4, "TLS added", t.Added)
		p.more("which the policy does not name, but crypto/tls has in TLS 1.3 whatever a policy says: see " + policiesPage)
	}
	if weak := t.Weaknesses(); len(weak) > 0 {
		p.list(4, "TLS weaknesses", weak)
	}
}

// certificate shows one certificate of a listener.
func (p *page) certificate(s certfile.Status, now time.Time) {
	p.line(4, "certificate", fmt.Sprintf("%s: %s%s", s.Files[0], s.Description, inDays(s.NotAfter, now)), "")
	if len(s.Names) > 0 {
		p.more("for " + strings.Join(s.Names, ", "))
	}
	p.more("key " + s.Files[1])
}

// inDays puts a date into relation to now, unless it is more than a year away.
func inDays(t, now time.Time) string {
	const day = 24 * time.Hour
	days := int(t.Sub(now) / day)
	switch {
	case t.Before(now) && days == 0:
		return ", which was within the last 24 hours"
	case t.Before(now):
		return ", which was " + number(-days, "day") + " ago"
	case days == 0:
		return ", within 24 hours"
	case days > 365:
		return ""
	}
	return ", in " + number(days, "day")
}

// clientCertificates shows what is asked of clients.
func (p *page) clientCertificates(t *plan.ServerTLS, files sources) {
	const name = "client certificates"
	if t.ClientAuth == plan.ClientCertNone {
		p.line(4, name, "not asked for", "")
		return
	}
	p.line(4, name, t.ClientAuth.String()+", against "+authorities(files.of(t.ClientRoots), files.now), "")
	if t.SubjectHeader != "" {
		p.more("backends are told the subject in " + t.SubjectHeader)
	}
}

// authorities names those that were read from a file, or the system's.
func authorities(status []certfile.Status, now time.Time) string {
	if len(status) == 0 {
		return "the system's authorities"
	}
	s := status[0]
	return s.Files[0] + ": " + s.Description + ", next to expire " + s.NotAfter.UTC().Format(time.DateOnly) + inDays(s.NotAfter, now)
}

// clientTLS shows how backends are spoken to over TLS.
func (p *page) clientTLS(set *plan.BackendSet, c *file.Config, files sources) {
	t := set.TLS
	if t == nil {
		return
	}
	p.line(4, "TLS to backends", t.Policy.Name+": "+strings.Join(t.Policy.Versions(), ", "), "")
	name := orElse(t.ServerName, "the backend's address")
	keys := fmt.Sprintf("one of %s in %s", number(len(t.PublicKeys), "public key"), strings.Join(c.PublicKeys[set.Key], ", "))
	if len(t.PublicKeys) == 1 {
		keys = "the public key in " + c.PublicKeys[set.Key][0]
	}
	switch pinned := len(t.PublicKeys) > 0; {
	case t.Verify:
		p.line(4, "verification", "certificate valid for "+name, "")
		p.more("against " + verifiedBy(t, files))
		if pinned {
			p.more("and with " + keys)
		}
	case pinned:
		p.line(4, "verification", keys+", and nothing else of the certificate", "")
	default:
		p.line(4, "verification", "off: any certificate passes", "")
	}
	if !t.Verify && t.ServerName != "" {
		p.more("asked for " + name)
	}
}

func verifiedBy(t *plan.ClientTLS, files sources) string {
	if t.Roots == nil {
		return authorities(nil, files.now)
	}
	return authorities(files.of(t.Roots), files.now)
}

// checkWord is the word of lull.yaml for what a probe speaks, with a word on verification where there is none.
func checkWord(hc *plan.HealthCheck) string {
	layer := plan.TCP
	if hc.Protocol == plan.CheckHTTP {
		layer = plan.HTTP
	}
	word := layer.Over(hc.TLS != nil)
	if hc.TLS != nil && !hc.TLS.Verify && len(hc.TLS.PublicKeys) == 0 {
		word += " without verification"
	}
	return word
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
