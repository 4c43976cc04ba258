package rules_test

import (
	"net/url"
	"regexp"
	"strings"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/rules"
)

// naive is a request with everything decoded ahead, by other means than those of the package.
type naive struct {
	path string
	maps map[string][][2]string
}

//nolint:gochecknoglobals // compiled once, read only
var (
	naiveToken  = regexp.MustCompile(`'[^']*'|[A-Za-z0-9._]+|[()\[\],]`)
	naiveEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

func naiveOf(r *rules.Request) *naive {
	n := &naive{maps: map[string][][2]string{}}
	target := string(r.Head.Path(r.Bytes))
	switch r.Head.Form() {
	case http1.Authority:
		target = ""
	case http1.Asterisk:
		target = "*"
	case http1.Origin, http1.Absolute:
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	var query string
	n.path, query, _ = strings.Cut(target, "?")
	for _, pair := range strings.Split(query, "&") {
		if name, value, ok := strings.Cut(pair, "="); ok && name != "" {
			n.add("http.request.url.query", naiveUnescape(name), naiveUnescape(value))
		}
	}
	if host := r.Head.Authority(r.Bytes); host != nil {
		n.add("http.request.headers", "host", string(host))
	}
	fields := r.Head.Fields()
	for i := range fields {
		name, value := naiveLower(string(fields[i].Name(r.Bytes))), string(fields[i].Value(r.Bytes))
		if name != "host" {
			n.add("http.request.headers", name, value)
		}
		if name != "cookie" {
			continue
		}
		for _, pair := range strings.Split(value, ";") {
			if cookie, text, ok := strings.Cut(pair, "="); ok {
				n.add("http.request.cookies", strings.Trim(cookie, " \t"), strings.Trim(text, " \t"))
			}
		}
	}
	return n
}

func (n *naive) add(name, key, value string) {
	n.maps[name] = append(n.maps[name], [2]string{key, value})
}

func naiveUnescape(s string) string {
	return naiveEscape.ReplaceAllStringFunc(strings.ReplaceAll(s, "+", " "), func(e string) string {
		c, err := url.PathUnescape(e)
		if err != nil {
			panic(err)
		}
		return c
	})
}

func naiveLower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < 0x80 {
			b[i] = strings.ToLower(string(c))[0]
		}
	}
	return string(b)
}

// holds evaluates a condition as String writes it.
func (n *naive) holds(condition string) bool {
	e := naiveEval{n, naiveToken.FindAllString(condition, -1)}
	return e.condition()
}

type naiveEval struct {
	n      *naive
	tokens []string
}

func (e *naiveEval) next() string {
	token := e.tokens[0]
	e.tokens = e.tokens[1:]
	return token
}

func (e *naiveEval) take(token string) bool {
	if len(e.tokens) == 0 || e.tokens[0] != token {
		return false
	}
	e.next()
	return true
}

func (e *naiveEval) condition() bool {
	not := e.take("not")
	if e.tokens[0] != "any" && e.tokens[0] != "all" {
		return e.predicate()
	}
	kind, held, count := e.next(), 0, 0
	for e.next() != ")" { // "(" and "," before each
		count++
		if e.condition() {
			held++
		}
	}
	return (kind == "any" && held > 0 || kind == "all" && held == count) != not
}

func (e *naiveEval) predicate() bool {
	left, fold := e.value()
	not := e.take("not")
	op := e.next()
	if op == "in" {
		e.next()
		values := e.n.named(e.next(), left[0], fold)
		e.next()
		return (len(values) > 0) != not
	}
	right, foldRight := e.value()
	found := false
	for _, a := range left {
		for _, b := range right {
			if fold || foldRight {
				a, b = naiveLower(a), naiveLower(b)
			}
			switch op {
			case "eq":
				found = found || a == b
			case "sw":
				found = found || strings.HasPrefix(a, b)
			case "ew":
				found = found || strings.HasSuffix(a, b)
			}
		}
	}
	return found != not
}

// value returns the values of an operand, and whether it is a text without case.
func (e *naiveEval) value() (values []string, fold bool) {
	token := e.next()
	switch {
	case token == "(":
		e.next() // i
		text := e.next()
		e.next()
		return []string{strings.Trim(text, "'")}, true
	case token[0] == '\'':
		return []string{strings.Trim(token, "'")}, false
	case token == "http.request.url.path":
		return []string{e.n.path}, false
	}
	e.next() // [
	key, fold := e.value()
	e.next() // ]
	values = e.n.named(token, key[0], fold)
	if e.take("[") {
		index := 0
		for _, digit := range e.next() {
			index = 10*index + int(digit-'0')
		}
		e.next()
		if index >= len(values) {
			return nil, false
		}
		values = values[index : index+1]
	}
	return values, false
}

func (n *naive) named(name, key string, fold bool) (values []string) {
	for _, pair := range n.maps[name] {
		if pair[0] == key || fold && naiveLower(pair[0]) == naiveLower(key) {
			values = append(values, pair[1])
		}
	}
	return values
}
