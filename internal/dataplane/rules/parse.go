package rules

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The limits on a condition's text. OCI publishes none. The longest conditions that its ingress controller writes, a host
// with and without port and a path, have a tenth of the bytes; the other two follow from what is readable.
const (
	ConditionBytesMax = 8192
	ConditionTermsMax = 256
	ConditionDepthMax = 16
)

// indexMax is the last value of a key that can be asked for; no head has more fields.
const indexMax = 255

// ParseError says where a condition's text is not as it should be.
type ParseError struct {
	Offset   int    // bytes in front of the place
	Expected string // what should stand there
	Found    string // what does, shortened
}

// Error names the place, counted from 1, what was expected and what was found.
func (e *ParseError) Error() string {
	return fmt.Sprintf("condition, character %d: want %s, found %s", e.Offset+1, e.Expected, e.Found)
}

// ParseCondition reads a condition in the routing policy language V1:
//
//	condition  = ["not"] ("any" | "all") "(" condition {"," condition} ")"
//	           | value matcher value
//	           | string ["not"] "in" "(" map ")"
//	           | map ["not"] "in" "(" string ")"
//	matcher    = ["not"] ("eq" | "=" | "==" | "equal" | "equals" | "sw" | "ew") | "!=" | "neq"
//	value      = string | "http.request.url.path" | map "[" string "]" [ "[" number "]" ]
//	map        = "http.request.headers" | "http.request.url.query" | "http.request.cookies"
//	string     = "'" characters "'" | "(" "i" "'" characters "'" ")"
//
// The second form of a string is the same in small and capital letters; names of headers must have it. Of several values
// of a key eq holds if one is equal and not eq if none is; sw and ew want one value. An error is a *ParseError.
func ParseCondition(text string) (Condition, error) {
	p := &parser{text: text}
	switch {
	case len(text) > ConditionBytesMax:
		p.fail(ConditionBytesMax, fmt.Sprintf("the end: a condition has at most %d bytes", ConditionBytesMax))
	case !utf8.ValidString(text):
		p.fail(invalidAt(text), "UTF-8")
	default:
		p.advance()
		p.condition(0)
		if p.kind != tokenEnd {
			p.expected("the end")
		}
	}
	if p.err != nil {
		return Condition{}, p.err
	}
	return newCondition(p.nodes), nil
}

// invalidAt returns where text stops being UTF-8.
func invalidAt(text string) int {
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				return i
			}
		}
	}
	return len(text)
}

// tokenKind is the kind of a token.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // a keyword, a variable or a number
	tokenString           // without its quotes
	tokenMark             // one of ( ) [ ] ,
	tokenSign             // one of = == !=
	tokenBad              // none of these
)

// parser reads one token ahead. After the first error it sees nothing but the end.
type parser struct {
	text  string
	nodes []node
	err   error

	kind  tokenKind
	token string
	start int // where the token begins
	next  int // what follows it
}

func (p *parser) fail(at int, want string) {
	if p.err == nil {
		p.err = &ParseError{Offset: at, Expected: want, Found: found(p.text[at:])}
	}
	p.kind, p.token = tokenEnd, ""
}

func (p *parser) expected(want string) { p.fail(p.start, want) }

// found shortens what is found to a word that helps.
func found(rest string) string {
	const shown = 20
	if rest == "" {
		return "the end"
	}
	if len(rest) > shown {
		rest = rest[:shown] + "…"
	}
	return strconv.Quote(rest)
}

// advance reads the next token.
func (p *parser) advance() {
	if p.err != nil {
		return
	}
	for p.next < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.next]) >= 0 {
		p.next++
	}
	p.start = p.next
	rest := p.text[p.start:]
	if rest == "" {
		p.kind, p.token = tokenEnd, ""
		return
	}
	size := 1
	switch c := rest[0]; {
	case c == '\'':
		p.quoted(rest)
		return
	case strings.IndexByte("()[],", c) >= 0:
		p.kind = tokenMark
	case strings.HasPrefix(rest, "==") || strings.HasPrefix(rest, "!="):
		p.kind, size = tokenSign, 2
	case c == '=':
		p.kind = tokenSign
	case wordByte(c):
		p.kind = tokenWord
		for size < len(rest) && wordByte(rest[size]) {
			size++
		}
	default:
		p.kind = tokenBad
	}
	p.token, p.next = rest[:size], p.start+size
}

// quoted reads a string. The language has no escapes, so that none can hold a quote.
func (p *parser) quoted(rest string) {
	size := 1
	for size < len(rest) && rest[size] != '\'' {
		if c := rest[size]; c < ' ' || c == 0x7f {
			p.fail(p.start+size, "no control character inside a string")
			return
		}
		size++
	}
	if size == len(rest) {
		p.fail(len(p.text), "a quote (') behind the string that begins at character "+strconv.Itoa(p.start+1))
		return
	}
	p.kind, p.token, p.next = tokenString, rest[1:size], p.start+size+1
}

func wordByte(c byte) bool {
	return 'a' <= lower(c) && lower(c) <= 'z' || '0' <= c && c <= '9' || c == '.' || c == '_' || c == '-'
}

// take reads the token if it is that one.
func (p *parser) take(kind tokenKind, token string) bool {
	if p.kind != kind || p.token != token {
		return false
	}
	p.advance()
	return true
}

func (p *parser) want(mark string) {
	if !p.take(tokenMark, mark) {
		p.expected("\"" + mark + "\"")
	}
}

// condition reads a condition and appends its nodes.
func (p *parser) condition(depth int) {
	if depth >= ConditionDepthMax {
		p.expected(fmt.Sprintf("no more than %d conditions inside each other", ConditionDepthMax))
		return
	}
	if len(p.nodes) >= ConditionTermsMax {
		p.expected(fmt.Sprintf("no more than %d terms", ConditionTermsMax))
		return
	}
	not := p.take(tokenWord, "not")
	switch {
	case p.kind == tokenWord && (p.token == "any" || p.token == "all"):
		p.combined(not, depth)
	case not:
		p.expected("any or all")
	default:
		p.predicate()
	}
}

func (p *parser) combined(not bool, depth int) {
	n := node{op: opAny, not: not}
	if p.token == "all" {
		n.op = opAll
	}
	at := len(p.nodes)
	p.nodes = append(p.nodes, n)
	p.advance()
	p.want("(")
	for p.err == nil {
		p.condition(depth + 1)
		if !p.take(tokenMark, ",") {
			break
		}
	}
	if !p.take(tokenMark, ")") {
		p.expected(`"," or ")"`)
	}
	p.close(at)
}

// close sets what follows the node.
func (p *parser) close(at int) { p.nodes[at].next = int32(len(p.nodes)) } //nolint:gosec // bounded by ConditionTermsMax

func (p *parser) predicate() {
	if p.kind == tokenEnd || p.kind == tokenSign || p.kind == tokenBad {
		p.expected("a condition: any, all, not, a variable or a string")
		return
	}
	n := node{}
	start := p.start
	left, bare := p.value()
	n.not = p.take(tokenWord, "not")
	if !p.operator(&n) {
		return
	}
	if n.op == opHas {
		n.left = p.has(start, left, bare)
	} else {
		p.compared(&n, start, left, bare)
	}
	p.nodes = append(p.nodes, n)
	p.close(len(p.nodes) - 1)
}

// operator reads the matcher, behind "not" if that was there.
func (p *parser) operator(n *node) bool {
	negated := false
	switch p.token {
	case "eq", "=", "==", "equal", "equals":
		n.op = opEqual
	case "!=", "neq":
		n.op, negated = opEqual, true
	case "sw":
		n.op = opPrefix
	case "ew":
		n.op = opSuffix
	case "in":
		n.op = opHas
	default:
		p.expected("eq, =, ==, equal, equals, !=, neq, sw, ew or in, or not in front of one")
		return false
	}
	if p.kind != tokenWord && p.kind != tokenSign || negated && n.not {
		p.expected("eq, =, ==, equal, equals, sw, ew or in")
		return false
	}
	n.not = n.not || negated
	p.advance()
	return p.err == nil
}

// compared reads the right side of a comparison.
func (p *parser) compared(n *node, start int, left operand, bare bool) {
	if bare {
		p.fail(start, "a key in brackets behind the map, as in "+left.example())
		return
	}
	at := p.start
	right, bare := p.value()
	switch {
	case p.err != nil:
		return
	case bare:
		p.fail(at, "a key in brackets behind the map, as in "+right.example())
	case n.op != opEqual && left.many():
		p.fail(start, "one value: write [0] behind the key for the first")
	case n.op != opEqual && right.many():
		p.fail(at, "one value: write [0] behind the key for the first")
	case left.many() && right.many():
		p.fail(at, "one value to compare several with: write [0] behind one of the keys")
	}
	n.left, n.right = left, right
	n.fold = left.source == fromText && left.fold || right.source == fromText && right.fold
	if n.fold { // a constant on the other side must be in small letters as well
		n.left, n.right = n.left.folded(), n.right.folded()
	}
}

// folded returns a constant with small letters to compare.
func (o operand) folded() operand {
	if o.source == fromText {
		o.text = lowered(o.text)
	}
	return o
}

// has reads the right side of "in": a map for a key, or a key for a map.
func (p *parser) has(start int, left operand, bare bool) operand {
	if !bare && left.source != fromText {
		p.fail(start, "a string or a map in front of in")
		return left
	}
	p.want("(")
	at := p.start
	if !bare {
		right, bare := p.value()
		if p.err == nil && !bare {
			p.fail(at, "http.request.headers, http.request.url.query or http.request.cookies")
		}
		p.want(")")
		return p.keyed(right, left, start)
	}
	var key operand
	if p.take(tokenWord, "i") { // the parentheses are those of the string
		key = constant(p.token, true)
		p.wantString()
	} else {
		key, _ = p.value()
	}
	if p.err == nil && key.source != fromText {
		p.fail(at, "a string")
	}
	p.want(")")
	return p.keyed(left, key, at)
}

func (p *parser) wantString() {
	if p.kind != tokenString {
		p.expected("a string in quotes (')")
		return
	}
	p.advance()
}

// value reads an operand; bare says that it is a map without a key.
func (p *parser) value() (o operand, bare bool) {
	switch {
	case p.kind == tokenString:
		o = constant(p.token, false)
		p.advance()
		return o, false
	case p.kind == tokenMark && p.token == "(":
		return p.folding(), false
	case p.kind == tokenWord:
		return p.variable()
	}
	p.expected("a variable or a string")
	return o, false
}

// folding reads (i 'text').
func (p *parser) folding() operand {
	p.advance()
	if !p.take(tokenWord, "i") {
		p.expected("i and a string, as in (i 'text')")
		return operand{}
	}
	o := constant(p.token, true)
	p.wantString()
	p.want(")")
	return o
}

func (p *parser) variable() (o operand, bare bool) {
	o.index = everyValue
	switch p.token {
	case mapNames[fromPath]:
		o.source = fromPath
		p.advance()
		return o, false
	case mapNames[fromHeader]:
		o.source = fromHeader
	case mapNames[fromQuery]:
		o.source = fromQuery
	case mapNames[fromCookie]:
		o.source = fromCookie
	default:
		p.expected("http.request.url.path, http.request.headers, http.request.url.query, http.request.cookies or a string")
		return o, false
	}
	p.advance()
	if !p.take(tokenMark, "[") {
		return o, true
	}
	return p.subscripts(o), false
}

// subscripts reads key and index of a map, behind the first bracket.
func (p *parser) subscripts(o operand) operand {
	at := p.start
	var key operand
	switch {
	case p.kind == tokenString:
		key = constant(p.token, false)
		p.advance()
	case p.kind == tokenMark && p.token == "(":
		key = p.folding()
	default:
		p.expected("a key, as in " + o.example())
		return o
	}
	p.want("]")
	o = p.keyed(o, key, at)
	if p.take(tokenMark, "[") {
		index, err := strconv.Atoi(p.token)
		if p.kind != tokenWord || err != nil || index < 0 || index > indexMax || p.token != strconv.Itoa(index) {
			p.expected("a number from 0 to " + strconv.Itoa(indexMax))
			return o
		}
		o.index = int16(index) //nolint:gosec // at most indexMax
		p.advance()
		p.want("]")
	}
	return o
}

// keyed returns the operand of a map with a key.
func (p *parser) keyed(o, key operand, at int) operand {
	switch {
	case p.err != nil:
		return o
	case len(key.text) == 0:
		p.fail(at, "a key that is not empty")
	case o.source == fromHeader && !key.fold:
		p.fail(at, "a header's name without case, as in (i 'host')")
	case o.source == fromHeader && !isToken(key.shown):
		p.fail(at, "a header's name, of letters, digits and "+string(tokenMarks))
	}
	o.text, o.shown, o.fold = key.text, key.shown, key.fold
	return o
}

// example returns the map with a key, for messages.
func (o *operand) example() string {
	if o.source == fromHeader {
		return mapNames[o.source] + "[(i 'host')]"
	}
	return mapNames[o.source] + "['name']"
}
