package file

import (
	"crypto/tls"
	"path/filepath"
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// policiesPage is where messages send those who look for the name of a policy, or for what one holds.
const policiesPage = "docs/reference/tls-policies.md"

// alpnHTTP is what both sides of HTTP over TLS offer in ALPN (RFC 7301): nothing else is spoken there.
//
//nolint:gochecknoglobals // a constant in all but syntax
var alpnHTTP = []string{"http/1.1"}

// alpnOf returns a copy, so that no two plans share what one of them might write to.
func alpnOf(p plan.Protocol) []string {
	if p == plan.HTTP {
		return append([]string(nil), alpnHTTP...)
	}
	return nil
}

// policy reads the two keys that say which versions and cipher suites are spoken.
func (s *section) policy() *tlspolicy.Policy {
	name, _ := s.str("policy")
	p, found := tlspolicy.Find(name)
	if !found {
		s.fault("policy", "is not a TLS policy: %s", s.r.policyHint(name))
		p = tlspolicy.Default
	}
	oldest := map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}[s.word("min_version")]
	if found && oldest > p.Max {
		s.fault("min_version", "is above what policy %s allows: its newest version is %s", p.Name, tlspolicy.VersionName(p.Max))
		return p
	}
	return p.AtLeast(oldest)
}

// policyHint helps somebody to the name of a policy: slips of typing, wrong case, and the short names that the clouds'
// consoles and people use ("TLS-1-2-2017-01"). A hostile file may have a hundred thousand wrong ones, so nobody looks for
// more than are reported.
func (r *reader) policyHint(name string) string {
	const shortest, longest = 7, 64 // "2016-08" is the shortest that tells policies apart; the names, with room for slips
	names, low := tlspolicy.Names(), strings.ToLower(name)
	if len(r.faults) >= faultsMax || len(name) > longest {
		names = nil
	}
	for _, known := range names {
		if k := strings.ToLower(known); k == low || len(low) >= shortest && strings.HasSuffix(k, "-"+low) {
			return "did you mean " + known + "?"
		}
	}
	if near := nearestOf(names, name, longest); near != "" {
		return "did you mean " + near + "?"
	}
	return "allowed are " + tlspolicy.Default.Name + " and the predefined ones of AWS and OCI, by the names in " + policiesPage
}

// file returns the path of a file that is named by a key, or "". A relative one starts from the directory of lull.yaml, so that
// what belongs together can lie and be moved together.
func (s *section) file(key string) string {
	v := s.text(key)
	if v == "" {
		return ""
	}
	return s.r.resolvePath(v)
}

// resolvePath returns where a file is that lull.yaml names.
func (r *reader) resolvePath(v string) string {
	if filepath.IsAbs(v) {
		return v
	}
	return filepath.Join(filepath.Dir(r.file), v)
}
