package rules

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// RedirectTo is where a redirect leads. A part that is nil stays as the request has it. In the texts {protocol}, {host},
// {port}, {path} and {query} stand for the request's parts; path and query may hold \\, \{ and \} for these three bytes.
type RedirectTo struct {
	Status   int     // 301, 302, 303, 307 or 308; 0 stands for 302
	Protocol *string // "HTTP", "HTTPS" or "{protocol}", in either case
	Host     *string // a name or an address, an IPv6 one in brackets; {host} or a part of the name must be among its tokens
	Port     *int    // 1 to 65535
	Path     *string // begins with "/" or "{path}"; an empty one leaves the path out
	Query    *string // may begin with "?"; an empty one leaves the query out
}

// redirectBytesMax bounds a part of a redirect.
const redirectBytesMax = 2048

// redirectTokensMax bounds the tokens of a part: each may stand for a whole target of the request.
const redirectTokensMax = 16

// Redirect makes the answer's Location.
type Redirect struct {
	// Fixed after NewRedirect.
	status                      int
	protocol, host, path, query template
	port                        string // empty keeps the request's
}

// template is a text with tokens.
type template []segment

// segment is a literal, or a token if that is not 0.
type segment struct {
	token   token
	literal string
}

type token uint8

const (
	noToken token = iota
	tokenProtocol
	tokenHost
	tokenPort
	tokenPath
	tokenQuery
)

//nolint:gochecknoglobals // a table
var tokenNames = map[string]token{
	"protocol": tokenProtocol, "host": tokenHost, "port": tokenPort, "path": tokenPath, "query": tokenQuery,
}

// NewRedirect returns the redirect.
func NewRedirect(to *RedirectTo) (*Redirect, error) {
	r, protocol := &Redirect{status: to.Status}, to.Protocol
	if r.status == 0 {
		r.status = 302
	}
	if !slices.Contains([]int{301, 302, 303, 307, 308}, r.status) {
		return nil, fmt.Errorf("redirect: status %d, 301, 302, 303, 307 and 308 are allowed", r.status)
	}
	if to.Port != nil {
		if *to.Port < 1 || *to.Port > 65535 {
			return nil, fmt.Errorf("redirect: port %d, 1 to 65535 are allowed", *to.Port)
		}
		r.port = strconv.Itoa(*to.Port)
	}
	if protocol != nil {
		p := string(lowered([]byte(*protocol)))
		if p != "http" && p != "https" && *protocol != "{protocol}" {
			return nil, fmt.Errorf("redirect: protocol %q, HTTP, HTTPS and {protocol} are allowed", *protocol)
		}
		protocol = &p
	}
	for _, part := range []struct {
		name  string
		text  *string
		keep  token
		where *template
	}{
		{"protocol", protocol, tokenProtocol, &r.protocol}, {"host", to.Host, tokenHost, &r.host},
		{"path", to.Path, tokenPath, &r.path}, {"query", to.Query, tokenQuery, &r.query},
	} {
		if part.text == nil {
			*part.where = template{{token: part.keep}}
			continue
		}
		t, err := parseTemplate(*part.text, part.keep == tokenPath || part.keep == tokenQuery)
		if err == nil {
			err = checkPart(part.keep, *part.text, t)
		}
		if err != nil {
			return nil, fmt.Errorf("redirect: %s %q: %w", part.name, *part.text, err)
		}
		*part.where = t
	}
	return r, nil
}

// checkPart wants a host, and a path that is one.
func checkPart(part token, text string, t template) error {
	switch {
	case part == tokenHost:
		return checkRedirectHost(text, t)
	case part == tokenPath && text != "" && text[0] != '/' && !strings.HasPrefix(text, "{path}"):
		return errors.New("want / or {path} at the beginning")
	case part == tokenPath && strings.ContainsAny(text, "?#"), part == tokenQuery && strings.Contains(text, "#"):
		return errors.New("\"?\" and \"#\" begin other parts of the URI")
	}
	return nil
}

// checkRedirectHost wants something that names a host. The client alone would choose it if there were only {path} or {query}, and {port} and {protocol}
// are no names. Brackets are for an IPv6 address (RFC 3986 §3.2.2).
func checkRedirectHost(text string, t template) error {
	switch {
	case strings.ContainsAny(text, "/?#@\\"):
		return errors.New("a host holds none of / ? # @ \\")
	case strings.ContainsAny(text, "[]"):
		inner, open := strings.CutPrefix(text, "[")
		inner, closed := strings.CutSuffix(inner, "]")
		if a, err := netip.ParseAddr(inner); !open || !closed || err != nil || !a.Is6() || a.Zone() != "" {
			return errors.New("brackets are for an IPv6 address, as in [2001:db8::1]")
		}
	case strings.Contains(text, ":"):
		return errors.New("a host has no port; that is a part of its own")
	case !slices.ContainsFunc(t, segment.namesHost):
		return errors.New("want a name, an address or {host}, with other tokens beside it at most")
	}
	return nil
}

// namesHost reports whether a segment can be the name of a host, or a part of it.
func (s segment) namesHost() bool {
	return s.token == tokenHost || strings.ContainsAny(string(lowered([]byte(s.literal))), "abcdefghijklmnopqrstuvwxyz0123456789")
}

// parseTemplate reads a text with tokens. Only what a URI and a field value can hold is taken, so that no redirect ends
// its line early.
func parseTemplate(text string, escapes bool) (template, error) {
	if len(text) > redirectBytesMax {
		return nil, fmt.Errorf("%d bytes, at most %d are allowed", len(text), redirectBytesMax)
	}
	var t template
	var literal []byte
	tokens := 0
	flush := func() {
		if len(literal) > 0 {
			t, literal = append(t, segment{literal: string(literal)}), nil
		}
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c <= ' ' || c >= 0x7f:
			return nil, fmt.Errorf("character %d is %q: write what is not printable ASCII as %%XX", i+1, c)
		case c == '\\' && escapes:
			if i++; i == len(text) || strings.IndexByte(`\{}`, text[i]) < 0 {
				return nil, fmt.Errorf(`character %d: want \, { or } behind \`, i+1)
			}
			literal = append(literal, text[i])
		case c == '{':
			name, _, closed := strings.Cut(text[i+1:], "}")
			tok, known := tokenNames[name]
			if tokens++; !closed || !known || tokens > redirectTokensMax {
				return nil, fmt.Errorf("character %d: want {protocol}, {host}, {port}, {path} or {query}, no more than %d of them", i+1, redirectTokensMax)
			}
			flush()
			t = append(t, segment{token: tok})
			i += len(name) + 1
		case c == '}':
			return nil, fmt.Errorf("character %d: no token ends here", i+1)
		default:
			literal = append(literal, c)
		}
	}
	flush()
	return t, nil
}

// Status returns the answer's status.
func (r *Redirect) Status() int { return r.status }

// AppendLocation appends the URI to which the redirect sends the client of a request. A request without host, which
// HTTP/1.0 allows, is sent to a path alone if the redirect keeps the host.
func (r *Redirect) AppendLocation(dst []byte, req *Request) []byte {
	f := filler{r: req}
	f.path, f.query = req.split()
	f.host, f.port = splitPort(req.Head.Authority(req.Bytes))
	start := len(dst)
	dst = f.fill(dst, r.protocol)
	dst = append(dst, "://"...)
	authority := len(dst)
	dst = f.fill(dst, r.host)
	if len(dst) == authority {
		dst = dst[:start]
	} else if r.port != "" {
		dst = append(append(dst, ':'), r.port...)
	} else if len(f.port) > 0 {
		dst = append(append(dst, ':'), f.port...)
	}
	path := len(dst)
	dst = f.fill(dst, r.path)
	switch {
	case path == start && bytes.HasPrefix(dst[path:], doubleSlash): // without a host the path would be taken for one
		dst = slices.Insert(dst, path, '/', '.')
	case path == start && path == len(dst), path < len(dst) && dst[path] != '/':
		dst = slices.Insert(dst, path, '/') // "*" or the nothing of CONNECT for {path}
	}
	return f.appendQuery(dst, r.query)
}

//nolint:gochecknoglobals // a constant
var doubleSlash = []byte("//")

// filler fills templates with the parts of a request.
type filler struct {
	r                       *Request
	host, port, path, query []byte
}

// appendQuery appends the query with its question mark, which the template may have or not. "&" or "?" is not left at the end.
func (f *filler) appendQuery(dst []byte, t template) []byte {
	start := len(dst)
	dst = append(dst, '?')
	dst = f.fill(dst, t)
	if len(dst) > start+1 && dst[start+1] == '?' && len(t) > 0 && t[0].token == noToken {
		dst = slices.Delete(dst, start, start+1)
	}
	if last := dst[len(dst)-1]; last == '?' || last == '&' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

func (f *filler) fill(dst []byte, t template) []byte {
	for _, s := range t {
		switch s.token {
		case noToken:
			dst = append(dst, s.literal...)
		case tokenProtocol:
			dst = append(dst, f.r.scheme()...)
		case tokenHost:
			dst = appendURI(dst, f.host)
		case tokenPort:
			dst = f.appendPort(dst)
		case tokenPath:
			dst = appendURI(dst, f.path)
		case tokenQuery:
			dst = appendURI(dst, f.query)
		}
	}
	return dst
}

// appendPort appends the port that the client asked, which may be that of its protocol.
func (f *filler) appendPort(dst []byte) []byte {
	switch {
	case len(f.port) > 0:
		return append(dst, f.port...)
	case f.r.Secure:
		return append(dst, "443"...)
	}
	return append(dst, "80"...)
}

// appendURI appends a part of the request, with an escape for each byte that no URI holds: clients send raw UTF-8, and
// nothing may end the field or begin a fragment.
func appendURI(dst, text []byte) []byte {
	const digits = "0123456789ABCDEF"
	for _, c := range text {
		if c <= ' ' || c >= 0x7f || c == '#' {
			dst = append(dst, '%', digits[c>>4], digits[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}
