package rules

import (
	"bytes"
	"net/netip"

	"lull/internal/dataplane/http1"
)

// known is what is known of an operand of the request.
type known struct {
	value value // the first
	state knownState
}

type knownState uint8

const (
	notLooked knownState = iota
	absent
	single  // and the same in either form
	escaped // single, and value is to be unescaped
	several
)

// view is a request being looked at.
type view struct {
	r           *Request
	path, query []byte
	client      netip.Addr
	known       [placesMax + 1]known // the first is not used, as place 0 means none
}

// Match reports whether the condition holds.
func (c Condition) Match(r *Request) bool {
	if len(c.nodes) == 0 {
		return false
	}
	v := view{r: r, client: r.Client.Unmap()}
	v.path, v.query = r.split()
	return v.run(&c.code) >= 0
}

// run returns which of the program's conditions holds first, or -1. This is the hot loop of a decision: most steps are
// settled by the length of a value and one byte of it, without looking at the constant, which is elsewhere in memory.
func (v *view) run(p *program) int {
	at := p.start
	for at >= 0 {
		s := &p.steps[at]
		k := &v.known[s.place]
		held := false
		switch {
		case s.quick && k.state == single:
			if x, n := k.value.text, int(s.size); len(x) == n || len(x) > n && s.op != opEqual {
				i := n - 1
				if s.op == opSuffix {
					i = len(x) - 1
				}
				if n == 0 || x[i] == s.final || s.fold && lower(x[i]) == s.final {
					held = s.fits(x)
				}
			}
		case s.quick && k.state == absent:
		default:
			held = v.holds(s)
		}
		if held {
			at = s.yes
		} else {
			at = s.no
		}
	}
	return int(nothing - 1 - at)
}

// fits compares a value, which is long enough, with the step's constant.
func (s *step) fits(x []byte) bool {
	if s.op == opSuffix {
		x = x[len(x)-len(s.text):]
	} else {
		x = x[:len(s.text)]
	}
	if s.fold {
		return hasPrefixFold(x, s.text)
	}
	return string(x) == string(s.text)
}

// holds evaluates a step that run does not itself.
func (v *view) holds(s *step) bool {
	if !s.quick {
		return v.holdsOdd(s)
	}
	k := &v.known[s.place]
	if k.state == notLooked {
		v.look(k, s.left)
	}
	switch k.state {
	case single:
		return related(s.op, s.fold, k.value, value{text: s.text})
	case escaped:
		return relatedEscaped(s.op, s.fold, k.value, value{text: s.text})
	case several:
		return v.compares(s)
	case notLooked, absent:
	}
	return false
}

// holdsOdd evaluates what is not a variable compared with a constant.
func (v *view) holdsOdd(s *step) bool {
	switch s.op {
	case opEqual, opPrefix, opSuffix:
		return v.compares(s)
	case opHas:
		if s.place == 0 {
			_, found := v.one(s.left)
			return found
		}
		k := &v.known[s.place]
		if k.state == notLooked {
			v.look(k, s.left)
		}
		return k.state != absent
	case opFrom:
		return s.block.Contains(v.client)
	case opWithin:
		return v.r.Network != "" && v.r.Network == string(s.left.text)
	case opAll, opAny: // compiled to jumps
	}
	return false
}

// look fills the place of an operand.
func (v *view) look(k *known, o *operand) {
	k.state = absent
	first, ok := v.one(o)
	if !ok {
		return
	}
	k.value, k.state = first, single
	if first.escaped {
		k.state = escaped
	}
	if !o.many() {
		return
	}
	it := v.values(o)
	it.next()
	if _, ok = it.next(); ok {
		k.state = several
	}
}

// compares reports whether a value of the left side stands in the operator's relation to that of the right.
func (v *view) compares(s *step) bool {
	other, ok := v.one(s.right)
	if !ok {
		return false
	}
	if !s.left.many() {
		a, ok := v.one(s.left)
		return ok && related(s.op, s.fold, a, other)
	}
	it := v.values(s.left)
	for a, ok := it.next(); ok; a, ok = it.next() {
		if related(s.op, s.fold, a, other) {
			return true
		}
	}
	return false
}

// one returns the only value of an operand, or the one of its index, or the first.
func (v *view) one(o *operand) (value, bool) {
	switch o.source {
	case fromText:
		return value{text: o.text}, true
	case fromPath:
		return value{text: v.path}, true
	case fromHost:
		host, _ := splitPort(v.r.Head.Authority(v.r.Bytes))
		return value{text: host}, true
	case fromMethod:
		return value{text: v.r.Head.MethodText(v.r.Bytes)}, true
	case fromHeader, fromQuery, fromCookie:
	}
	it := v.values(o)
	a, ok := it.next()
	for i := int16(0); ok && i < o.index; i++ {
		a, ok = it.next()
	}
	return a, ok
}

// iterator goes through the values of a map's key.
type iterator struct {
	r     *Request
	o     *operand
	field int    // the next field to look at; past all of them if there are no more
	rest  []byte // of the query, or of the Cookie field before that one
}

// values returns an iterator over the values of o, which is of a map.
func (v *view) values(o *operand) iterator {
	it := iterator{r: v.r, o: o}
	if o.source == fromQuery {
		it.rest = v.query
	}
	return it
}

func (it *iterator) next() (value, bool) {
	switch it.o.source {
	case fromHeader:
		return it.nextField()
	case fromQuery:
		return it.nextParameter()
	case fromCookie:
		return it.nextCookie()
	case fromText, fromPath, fromHost, fromMethod:
	}
	return value{}, false
}

// nextField returns the next field of the name. Host is what will be sent as such.
func (it *iterator) nextField() (value, bool) {
	r := it.r
	fields := r.Head.Fields()
	if it.field == 0 && string(it.o.text) == "host" {
		it.field = len(fields) + 1
		host := r.Head.Authority(r.Bytes)
		return value{text: host}, host != nil
	}
	for it.field < len(fields) {
		f := &fields[it.field]
		it.field++
		if equalFold(f.Name(r.Bytes), it.o.text) {
			return value{text: f.Value(r.Bytes)}, true
		}
	}
	return value{}, false
}

// nextParameter returns the next query parameter of the name. Those without "=" and those without a name are none.
func (it *iterator) nextParameter() (value, bool) {
	for len(it.rest) > 0 {
		pair := it.rest
		if end := bytes.IndexByte(pair, '&'); end >= 0 {
			pair, it.rest = pair[:end], pair[end+1:]
		} else {
			it.rest = nil
		}
		equals := bytes.IndexByte(pair, '=')
		if equals <= 0 {
			continue
		}
		key := query(pair[:equals])
		if related(opEqual, it.o.fold, key, value{text: it.o.text}) {
			return query(pair[equals+1:]), true
		}
	}
	return value{}, false
}

// nextCookie returns the next cookie of the name (RFC 6265 §4.2). A quoted value keeps its quotes, which are part of it.
func (it *iterator) nextCookie() (value, bool) {
	for {
		for len(it.rest) > 0 {
			pair := it.rest
			if end := bytes.IndexByte(pair, ';'); end >= 0 {
				pair, it.rest = pair[:end], pair[end+1:]
			} else {
				it.rest = nil
			}
			name, text, ok := bytes.Cut(pair, equalsSign)
			if ok && related(opEqual, it.o.fold, value{text: trim(name)}, value{text: it.o.text}) {
				return value{text: trim(text)}, true
			}
		}
		if !it.nextCookieField() {
			return value{}, false
		}
	}
}

//nolint:gochecknoglobals // a constant
var equalsSign = []byte("=")

// nextCookieField makes rest the value of the next Cookie field.
func (it *iterator) nextCookieField() bool {
	r := it.r
	fields := r.Head.Fields()
	if !r.Head.Has(http1.Cookie) {
		return false
	}
	for it.field < len(fields) {
		f := &fields[it.field]
		it.field++
		if f.ID == http1.Cookie {
			it.rest = f.Value(r.Bytes)
			return true
		}
	}
	return false
}

// trim returns b without blanks around it.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
