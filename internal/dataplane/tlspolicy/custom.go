package tlspolicy

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// Custom composes a policy of versions, as VersionName has them and "SSLv2" and "SSLv3", and of ciphers by their OpenSSL
// names, the most wanted first. The order of versions does not matter, nor does what is named twice.
//
// A policy is a list of what is allowed, so Custom never adds a version: one without a cipher that lull can use in it is left
// out, and so is a cipher without a version. What is known but not in crypto/tls is left out too. An unknown name is an error,
// and so is a policy of which nothing remains. Versions must be neighbours, as crypto/tls knows only an oldest and a newest:
// TLSv1 with TLSv1.2 and without TLSv1.1 is an error too, since adding the one between would allow what the user did not, and
// dropping the oldest would shut out clients whom the user meant to let in.
func Custom(name string, versions, ciphers []string) (*Policy, error) {
	return compile(Definition{Name: name, Versions: versions, Ciphers: ciphers})
}

// compileAll returns the policies of the tables, all of which can be compiled.
func compileAll(defs []Definition) []*Policy {
	list := make([]*Policy, 0, len(defs))
	for _, d := range defs {
		p, err := compile(d)
		if err != nil {
			panic(err)
		}
		list = append(list, p)
	}
	return list
}

// compile returns what crypto/tls can do of a definition.
func compile(d Definition) (*Policy, error) {
	if len(d.Versions) == 0 || len(d.Ciphers) == 0 {
		return nil, fmt.Errorf("policy %q: has %d versions and %d ciphers: at least one of each is needed", d.Name, len(d.Versions), len(d.Ciphers))
	}
	asked, dead, err := readVersions(d.Versions)
	if err != nil {
		return nil, fmt.Errorf("policy %q: %w", d.Name, err)
	}
	chosen, absent, err := readCiphers(d.Ciphers, asked)
	if err != nil {
		return nil, fmt.Errorf("policy %q: %w", d.Name, err)
	}
	served, unserved := splitVersions(asked, chosen)
	p := &Policy{Name: d.Name, Origin: d.Origin, LeftOut: slices.Concat(dead, versionNames(unserved), absent)}
	if len(served) == 0 {
		return nil, fmt.Errorf("policy %q: nothing can be negotiated: ciphers %s: lull has none of them in %s",
			d.Name, strings.Join(d.Ciphers, ", "), strings.Join(d.Versions, ", "))
	}
	p.Min, p.Max = served[0], served[len(served)-1]
	if got := versionNames(served); len(p.versions()) != len(got) {
		return nil, fmt.Errorf("policy %q: versions %s: there is a gap: allowed are neighbouring versions; name those between, or leave out the older ones",
			d.Name, strings.Join(got, ", "))
	}
	for _, s := range chosen {
		if s.min != tls.VersionTLS13 {
			p.Suites = append(p.Suites, s.id)
		}
	}
	if p.Max == tls.VersionTLS13 {
		p.Added = namesOf(slices.DeleteFunc(slices.Clone(suitesTLS13), func(s suite) bool { return slices.Contains(chosen, s) }))
	}
	return p, nil
}

// readVersions returns the versions of those names that crypto/tls has, and the names of those that it has not, oldest first.
func readVersions(names []string) (have []uint16, dead []string, err error) {
	for _, name := range names {
		v, ok := versionByName(name)
		switch {
		case ok:
			have = append(have, v)
		case slices.Contains(deadVersions, name):
			dead = append(dead, name)
		default:
			return nil, nil, fmt.Errorf("version %q: is unknown: allowed are %s", name,
				strings.Join(slices.Concat(deadVersions, versionNames(allVersions)), ", "))
		}
	}
	slices.Sort(have)
	slices.Sort(dead)
	return slices.Compact(have), slices.Compact(dead), nil
}

// readCiphers returns the suites of those names that can be used in one of the versions, and the OpenSSL names of the others.
func readCiphers(names []string, versions []uint16) (chosen []suite, absent []string, err error) {
	seen := map[string]bool{}
	for _, name := range names {
		cipher := openSSLName(name)
		if !known[cipher] {
			return nil, nil, unknownCipher(name)
		}
		if seen[cipher] {
			continue
		}
		seen[cipher] = true
		s, ok := suiteByName(cipher)
		if ok && slices.ContainsFunc(versions, s.in) {
			chosen = append(chosen, s)
		} else {
			absent = append(absent, cipher)
		}
	}
	return chosen, absent, nil
}

// unknownCipher returns the error for a name, which may be one of those that RFCs use.
func unknownCipher(name string) error {
	for _, s := range suites {
		if tls.CipherSuiteName(s.id) == name {
			return fmt.Errorf("cipher %q: is unknown by that name: write %s, as OpenSSL does", name, s.name)
		}
	}
	return fmt.Errorf("cipher %q: is unknown: allowed are the OpenSSL names in docs/reference/tls-policies.md", name)
}

// splitVersions tells the versions that one of the suites serves from those that none does.
func splitVersions(versions []uint16, list []suite) (served, unserved []uint16) {
	for _, v := range versions {
		if slices.ContainsFunc(list, func(s suite) bool { return s.in(v) }) {
			served = append(served, v)
		} else {
			unserved = append(unserved, v)
		}
	}
	return served, unserved
}
