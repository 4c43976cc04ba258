package rules

import (
	"bytes"
	"net/netip"

	"lull/internal/dataplane/http1"
)

// Request is what conditions look at.
type Request struct {
	Head    *http1.Head
	Bytes   []byte     // what Head was read from
	Client  netip.Addr // the last peer, or whom it stands for by the PROXY protocol
	Network string     // the network the client belongs to, by the caller's names; empty if it is not known
	Secure  bool       // it came over TLS
}

// scheme returns the protocol's name in a URI.
func (r *Request) scheme() string {
	if r.Secure {
		return "https"
	}
	return "http"
}

// split returns the target's path and what follows its first question mark. A path is never empty (RFC 9112 §3.2.1)
// but where the target has none, in the authority form.
func (r *Request) split() (path, query []byte) {
	switch r.Head.Form() {
	case http1.Authority:
		return nil, nil
	case http1.Asterisk:
		return asterisk, nil
	case http1.Origin, http1.Absolute:
	}
	path, query, _ = bytes.Cut(r.Head.Path(r.Bytes), questionMark)
	if len(path) == 0 {
		path = slash
	}
	return path, query
}

//nolint:gochecknoglobals // constants
var (
	asterisk     = []byte("*")
	questionMark = []byte("?")
	slash        = []byte("/")
)

// splitPort returns host and port of an authority, which is well formed or empty. The brackets stay with the host.
func splitPort(authority []byte) (host, port []byte) {
	for i := len(authority) - 1; i >= 0; i-- {
		switch c := authority[i]; {
		case c == ':':
			return authority[:i], authority[i+1:]
		case c < '0' || c > '9':
			return authority, nil
		}
	}
	return authority, nil
}

// lower returns an ASCII letter in its small form and any other byte as it is.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// equalFold reports whether b is text in either case; text has small letters.
func equalFold(b, text []byte) bool { return len(b) == len(text) && hasPrefixFold(b, text) }

// hasPrefixFold reports whether b begins with text in either case; text has small letters.
func hasPrefixFold(b, text []byte) bool {
	if len(b) < len(text) {
		return false
	}
	for i, c := range text {
		if lower(b[i]) != c {
			return false
		}
	}
	return true
}

// lowered returns text with ASCII letters in their small form.
func lowered(text []byte) []byte {
	b := bytes.Clone(text)
	for i := range b {
		b[i] = lower(b[i])
	}
	return b
}

// isToken reports whether text is a token (RFC 9110 §5.6.2), as methods and field names are.
func isToken(text string) bool {
	if text == "" {
		return false
	}
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= lower(c) && lower(c) <= 'z'
		if !letter && (c < '0' || c > '9') && bytes.IndexByte(tokenMarks, c) < 0 {
			return false
		}
	}
	return true
}

//nolint:gochecknoglobals // a constant
var tokenMarks = []byte("!#$%&'*+-.^_`|~")
