package wire

import (
	"regexp"
	"slices"
	"strings"
)

// RedirectURI is where a redirect goes. What is nil is kept of the request; an empty path or query is dropped.
type RedirectURI struct {
	Protocol *string `wire:"protocol" enum:"HTTP HTTPS {protocol}"`
	Host     *string `wire:"host" match:"visible"`
	Port     *int    `wire:"port" range:"1-65535"`
	Path     *string `wire:"path" range:"0-2048" match:"visible"`
	Query    *string `wire:"query" range:"0-2048" match:"visible"`
}

// redirectTokens are what can stand in braces.
//
//nolint:gochecknoglobals // a table
var redirectTokens = []string{"protocol", "host", "port", "path", "query"}

//nolint:gochecknoglobals // compiled once, read only
var redirectHost = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]*$`)

func (u *RedirectURI) check(field string) error {
	if u.Host != nil {
		name := join(field, "host")
		plain, ok := withoutTokens(*u.Host, false)
		if !ok || !redirectHost.MatchString(plain) {
			return invalid(name, "%s '%s' is not allowed: use a host name or address, and of braces only %s", name, shown(*u.Host), tokenList())
		}
	}
	if u.Path != nil && *u.Path != "" {
		name := join(field, "path")
		if !strings.HasPrefix(*u.Path, "/") && !strings.HasPrefix(*u.Path, "{path}") {
			return invalid(name, "%s '%s' is not allowed: it must begin with / or {path}", name, shown(*u.Path))
		}
		if err := checkTemplate(name, *u.Path); err != nil {
			return err
		}
	}
	if u.Query != nil {
		return checkTemplate(join(field, "query"), *u.Query)
	}
	return nil
}

// checkTemplate refuses braces and backslashes that mean nothing.
func checkTemplate(field, text string) error {
	if _, ok := withoutTokens(text, true); ok {
		return nil
	}
	return invalid(field, `%s '%s' is not allowed: braces are for %s, and \\, \{ and \} stand for themselves`, field, shown(text), tokenList())
}

// tokenList returns the tokens for people.
func tokenList() string { return "{" + strings.Join(redirectTokens, "}, {") + "}" }

// withoutTokens returns what is left of a text without its tokens, and whether its braces and escapes make sense.
func withoutTokens(text string, escapes bool) (string, bool) {
	var plain strings.Builder
	for text != "" {
		switch c := text[0]; {
		case c == '\\' && escapes:
			if len(text) < 2 || !strings.ContainsRune(`\{}`, rune(text[1])) {
				return "", false
			}
			plain.WriteByte(text[1])
			text = text[2:]
		case c == '{':
			token, rest, closed := strings.Cut(text[1:], "}")
			if !closed || !slices.Contains(redirectTokens, token) {
				return "", false
			}
			text = rest
		case c == '}':
			return "", false
		default:
			plain.WriteByte(c)
			text = text[1:]
		}
	}
	return plain.String(), true
}
