package certs

import (
	"cmp"
	"crypto/tls"
	"slices"
	"strings"
)

// Set is the certificates of a listener. It never changes.
//
// Candidates for a name are in the order in which they are tried: those for the very name, then those with a wildcard for it;
// among them by kind of key, then in the order given.
type Set struct {
	list     []*Certificate
	exact    map[string][]*Certificate // by name
	wild     map[string][]*Certificate // by what follows the asterisk, dot included
	fallback []*Certificate            // for clients that name no host, or an unknown one
}

// NewSet returns a set; the first certificate is for clients that name no host, or an unknown one.
func NewSet(list []*Certificate) *Set {
	s := &Set{list: slices.Clone(list), exact: map[string][]*Certificate{}, wild: map[string][]*Certificate{}}
	for _, c := range s.list {
		for _, name := range c.Names() {
			if suffix, ok := strings.CutPrefix(name, "*"); ok {
				s.wild[suffix] = append(s.wild[suffix], c)
			} else {
				s.exact[name] = append(s.exact[name], c)
			}
		}
	}
	for _, found := range s.wild {
		sortByKind(found)
	}
	for name, found := range s.exact {
		sortByKind(found)
		s.exact[name] = union(found, s.wildcard(name))
	}
	s.fallback = fallback(s.list)
	return s
}

// fallback returns the first certificate, and behind it those of other kinds that have a name in common with it: where each
// name has an RSA and an ECDSA certificate, a client that names no host and can use only one of them gets that one.
func fallback(list []*Certificate) []*Certificate {
	if len(list) == 0 {
		return nil
	}
	found := list[:1:1]
	names := list[0].Names()
	for _, c := range list[1:] {
		common := slices.ContainsFunc(c.Names(), func(n string) bool { return slices.Contains(names, n) })
		if common && c.KeyKind() != list[0].KeyKind() {
			found = append(found, c)
		}
	}
	return found
}

func sortByKind(list []*Certificate) {
	slices.SortStableFunc(list, func(a, b *Certificate) int { return cmp.Compare(a.KeyKind(), b.KeyKind()) })
}

// union returns a with those of b behind it that it lacks.
func union(a, b []*Certificate) []*Certificate {
	for _, c := range b {
		if !slices.Contains(a, c) {
			a = append(a, c)
		}
	}
	return a
}

// All returns the certificates, in the order in which they were given.
func (s *Set) All() []*Certificate { return s.list }

// find returns the certificate for a client; nil if the set is empty. It does not allocate unless there are several
// candidates, which crypto/tls has to be asked about, or the client writes the name in capitals.
func (s *Set) find(hello *tls.ClientHelloInfo) *Certificate {
	found := s.candidates(hello.ServerName)
	if len(found) == 0 {
		found = s.fallback
	}
	switch len(found) {
	case 0:
		return nil
	case 1:
		return found[0]
	}
	// The name has been dealt with. SupportsCertificate would hold it against the certificate once more, and refuse any
	// for a name that none is for.
	nameless := *hello
	nameless.ServerName = ""
	for _, c := range found {
		if nameless.SupportsCertificate(&c.TLS) == nil {
			return c
		}
	}
	return found[0] // the handshake fails, with the alert that crypto/tls has for it
}

// candidates returns the certificates for a name.
func (s *Set) candidates(name string) []*Certificate {
	name = canonical(name)
	if found := s.exact[name]; found != nil {
		return found
	}
	return s.wildcard(name)
}

// wildcard returns the certificates with an asterisk in place of a name's first label. It stands for a whole label and for one
// only (RFC 6125 §6.4.3), and for no part of an address.
func (s *Set) wildcard(name string) []*Certificate {
	dot := strings.IndexByte(name, '.')
	if dot <= 0 || isAddress(name) {
		return nil
	}
	return s.wild[name[dot:]]
}

// isAddress reports whether a name is an IP address. Those end in a number or have colons, which no host name does, so there
// is no need to parse one, and to allocate an error for each name that is none.
func isAddress(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	return strings.Contains(name, ":") || last != "" && strings.Trim(last, "0123456789") == ""
}

// canonical brings a name into the form in which names are compared: in lower case, without a dot at the end.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }
