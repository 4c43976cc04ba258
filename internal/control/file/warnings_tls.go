package file

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// certificateWarnings says what is wrong with files that can be used all the same: permissions, expiry. Files that are named
// several times are complained of once.
func (c *Config) certificateWarnings() []string {
	var out []string
	for _, source := range c.Certificates {
		for _, w := range source.Warnings() {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

// serverTLSWarnings finds clients who are let in too easily, or not at all.
func serverTLSWarnings(l *plan.Listener) []string {
	if l.TLS == nil {
		return nil
	}
	out := weakPolicy(l.Key.String(), l.TLS.Policy)
	if versions := unserved(l.TLS); len(versions) > 0 {
		out = append(out, fmt.Sprintf("%s: no client can use %s of policy %s: the kind of key of its certificates does not serve that",
			l.Key, strings.Join(versions, ", "), l.TLS.Policy.Name))
	}
	return out
}

// unserved returns the versions of the policy in which no certificate of a listener can be used.
func unserved(t *plan.ServerTLS) []string {
	versions := t.Policy.Versions()
	for _, c := range t.Certificates.Set().All() {
		served := t.Policy.VersionsFor(c.Leaf().PublicKeyAlgorithm)
		versions = slices.DeleteFunc(versions, func(v string) bool { return slices.Contains(served, v) })
	}
	return versions
}

// clientTLSWarnings finds backends that anybody could pretend to be.
func clientTLSWarnings(set *plan.BackendSet) []string {
	t := set.TLS
	if t == nil {
		return nil
	}
	out := weakPolicy(set.Key.String(), t.Policy)
	if !t.Verify && len(t.PublicKeys) == 0 {
		out = append(out, set.Key.String()+": tls.verify is false: any certificate passes, so whoever gets between lull and a backend "+
			"can read and change everything")
	}
	return out
}

// probeWarnings finds probes that speak plain to a port that speaks TLS, or the other way round. One that only connects is none
// of them, and the port may well be another.
func probeWarnings(set *plan.BackendSet) []string {
	hc := set.HealthCheck
	if hc == nil || hc.Port != 0 || (hc.TLS != nil) == (set.TLS != nil) || hc.TLS == nil && hc.Protocol == plan.CheckTCP {
		return nil
	}
	probe, port := "in plain", "in TLS"
	if hc.TLS != nil {
		probe, port = port, probe
	}
	return []string{fmt.Sprintf("%s: health_check speaks %s to a port that is spoken to %s: give it another protocol, or a port of its own",
		set.Key, probe, port)}
}

// weakPolicy warns of versions that nobody should speak any more and of ciphers that are broken. What is merely dated is left to
// the list that `lull check` prints.
func weakPolicy(who string, p *tlspolicy.Policy) []string {
	broken := slices.ContainsFunc(p.Suites, func(id uint16) bool {
		name := tlspolicy.SuiteName(id)
		return strings.Contains(name, "RC4") || strings.Contains(name, "DES-CBC3")
	})
	if p.Min >= tls.VersionTLS12 && !broken {
		return nil
	}
	return []string{fmt.Sprintf("%s: policy %s is weak: %s", who, p.Name, strings.Join(p.Weaknesses(), ", "))}
}
