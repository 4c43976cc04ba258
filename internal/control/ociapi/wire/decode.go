package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of a document.
const (
	depthMax  = 32      // the deepest that a model has is 8; what is deeper can only be in a field that is tolerated
	valuesMax = 1 << 16 // 512 backends, all listeners and rules and full tags take a sixth of it
)

// A checker is a document, or a part of one, with more rules than tags can say. check may also bring the value into the
// form in which lull keeps it. It is called once everything below it has been read and checked.
type checker interface {
	check(field string) error
}

// decodeBody turns a JSON document into a new value of a struct's type and returns the pointer to it.
func decodeBody(s *schema, body []byte) (any, error) {
	if !utf8.Valid(body) {
		return nil, refuse(CannotParseRequest, "", "the body of the request is not UTF-8")
	}
	// The reader of tokens below would let some things pass that are no JSON; it also stops where the document ends.
	if !json.Valid(body) {
		return nil, &Error{Code: CannotParseRequest, Message: "the body of the request is not a JSON document", Err: syntaxOf(body)}
	}
	d := &decoder{tokens: json.NewDecoder(bytes.NewReader(body))}
	d.tokens.UseNumber()
	v := reflect.New(s.typ)
	t, err := d.next()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, refuse(CannotParseRequest, "", "the body of the request must be a JSON object")
	}
	if err := d.structure(v.Elem(), s, ""); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

// syntaxOf returns what is wrong with a document, for the log: it can quote the document.
func syntaxOf(body []byte) error {
	var document json.RawMessage
	return json.Unmarshal(body, &document)
}

// decoder reads the tokens of one document, and no more of them than an honest one has.
type decoder struct {
	tokens *json.Decoder
	values int
	depth  int
}

// next returns the next token.
func (d *decoder) next() (json.Token, error) {
	t, err := d.tokens.Token()
	if err != nil {
		return nil, &Error{Code: CannotParseRequest, Message: "the body of the request is not a JSON document", Err: err}
	}
	switch t {
	case json.Delim('{'), json.Delim('['):
		d.depth++
	case json.Delim('}'), json.Delim(']'):
		d.depth--
	}
	d.values++
	if d.depth > depthMax {
		return nil, refuse(CannotParseRequest, "", "the body of the request is nested too deeply: at most %d levels are allowed", depthMax)
	}
	if d.values > valuesMax {
		return nil, refuse(CannotParseRequest, "", "the body of the request has too many names and values: at most %d are allowed", valuesMax)
	}
	return t, nil
}

// name returns the next token where it is the name in an object.
func (d *decoder) name() (string, error) {
	t, err := d.next()
	if err != nil {
		return "", err
	}
	name, ok := t.(string)
	if !ok {
		return "", refuse(CannotParseRequest, "", "the body of the request is not a JSON document")
	}
	return name, nil
}

// skip passes over a value.
func (d *decoder) skip() error {
	depth := d.depth
	for {
		if _, err := d.next(); err != nil {
			return err
		}
		if d.depth == depth {
			return nil
		}
	}
}

// structure fills a struct from the inside of an object up to its end, and checks it.
func (d *decoder) structure(v reflect.Value, s *schema, field string) error {
	seen, given := make([]bool, len(s.members)), make([]bool, len(s.members))
	for d.tokens.More() {
		name, err := d.name()
		if err != nil {
			return err
		}
		i, ok := s.byName[name]
		if !ok {
			if err = d.skip(); err != nil {
				return err
			}
			continue
		}
		if seen[i] {
			return twice(join(field, name))
		}
		seen[i] = true
		if given[i], err = d.member(v.FieldByIndex(s.members[i].index), &s.members[i], join(field, name)); err != nil {
			return err
		}
	}
	if _, err := d.next(); err != nil {
		return err
	}
	return finish(v, s, given, field)
}

// twice refuses a name that one object has twice.
func twice(field string) error {
	return refuse(CannotParseRequest, field, "%s is given more than once", shown(field))
}

// finish fills in what was not given to a struct, and checks the whole.
func finish(v reflect.Value, s *schema, given []bool, field string) error {
	for i := range s.members {
		if given[i] {
			continue
		}
		m := &s.members[i]
		switch name := join(field, m.name); {
		case m.required:
			return missing(name)
		case m.fallback != nil:
			if err := m.setText(v.FieldByIndex(m.index), *m.fallback, name); err != nil {
				return err
			}
		}
	}
	if c, ok := v.Addr().Interface().(checker); ok {
		return c.check(field)
	}
	return nil
}

// missing refuses a request without a field.
func missing(field string) error {
	return refuse(MissingParameter, field, "%s is required", field)
}

// member fills one field of a struct, and reports whether there was a value for it.
func (d *decoder) member(v reflect.Value, m *member, field string) (bool, error) {
	t, err := d.next()
	if err != nil || t == nil {
		return false, err
	}
	if m.optional {
		v.Set(reflect.New(m.schema.typ))
		v = v.Elem()
	}
	if m.notEmpty && t == "" {
		return true, invalid(field, "[%s may not be empty]", field)
	}
	return true, d.fill(v, m.schema, m.rule, t, field)
}

// fill reads a value of any kind, whose first token is t, and holds it against its rule.
func (d *decoder) fill(v reflect.Value, s *schema, r rule, t json.Token, field string) error {
	switch s.kind {
	case kindString:
		if text, ok := t.(string); ok {
			return setString(v, s, r, text, field)
		}
	case kindInt:
		if number, ok := t.(json.Number); ok {
			return setInt(v, r, number.String(), field)
		}
	case kindBool:
		if b, ok := t.(bool); ok {
			v.SetBool(b)
			return nil
		}
	case kindScalar:
		return setScalar(v, r, t, field)
	case kindList:
		if t == json.Delim('[') {
			return d.list(v, s, r, field)
		}
	case kindMap:
		if t == json.Delim('{') {
			return d.table(v, s, r, field)
		}
	case kindStruct:
		if t == json.Delim('{') {
			return d.structure(v, s, field)
		}
	case kindTime: // no request has one
	}
	return mistyped(s, r, t, field)
}

// list reads a list up to its end. null is no member of any list.
func (d *decoder) list(v reflect.Value, s *schema, r rule, field string) error {
	v.Set(reflect.MakeSlice(s.typ, 0, 0))
	for d.tokens.More() {
		t, err := d.next()
		if err != nil {
			return err
		}
		if err := r.ceiling(field, v.Len()+1); err != nil {
			return err
		}
		e := reflect.New(s.elem.typ).Elem()
		if err := d.fill(e, s.elem, s.each, t, field+"["+strconv.Itoa(v.Len())+"]"); err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	if _, err := d.next(); err != nil {
		return err
	}
	return r.count(field, v.Len())
}

// table reads a map up to its end. A key whose value is null is refused: there would be a child with nothing in it.
func (d *decoder) table(v reflect.Value, s *schema, r rule, field string) error {
	v.Set(reflect.MakeMap(s.typ))
	for d.tokens.More() {
		key, err := d.name()
		if err != nil {
			return err
		}
		if err = checkPlain("a name in "+field, s.key, key); err != nil {
			return err
		}
		name := join(field, key)
		if v.MapIndex(reflect.ValueOf(key)).IsValid() {
			return twice(name)
		}
		if err = r.ceiling(field, v.Len()+1); err != nil {
			return err
		}
		t, err := d.next()
		if err != nil {
			return err
		}
		e := reflect.New(s.elem.typ).Elem()
		if err := d.fill(e, s.elem, s.each, t, name); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), e)
	}
	if _, err := d.next(); err != nil {
		return err
	}
	return r.count(field, v.Len())
}

// checkPlain holds a name in a map, or the value of a tag, against its rule.
func checkPlain(field string, r rule, key string) error {
	if strings.ContainsFunc(key, control) {
		return invalid(field, "%s holds control characters", field)
	}
	_, err := r.text(field, key)
	return err
}

// control reports whether a character has no place in a text. Certificates have lines.
func control(c rune) bool { return c < ' ' && c != '\n' && c != '\r' && c != '\t' || c == 0x7f }

// ceiling refuses a list or map as soon as it has too many members, before the rest of it is kept.
func (r rule) ceiling(field string, n int) error {
	if int64(n) > r.max && r.ranged {
		return r.size(field)
	}
	return nil
}

// setString holds a text against its rule and keeps it.
func setString(v reflect.Value, s *schema, r rule, text, field string) error {
	if strings.ContainsFunc(text, control) {
		return invalid(field, "%s holds control characters", field)
	}
	if s.secret {
		if !r.allows(int64(len(text))) {
			return r.size(field)
		}
		v.SetString(text)
		return nil
	}
	text, err := r.text(field, text)
	if err != nil {
		return err
	}
	v.SetString(text)
	return nil
}

// setInt reads a number. 1e2 and 80.0 are refused although they are whole: no client writes them, and a reader that
// rounds would take 80.9 as well.
func setInt(v reflect.Value, r rule, text, field string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange) && r.ranged:
		return invalid(field, "%s %s is not allowed: allowed is %s", field, shown(text), r.span())
	case err != nil || strings.HasPrefix(text, "+"):
		return mistyped(&schema{kind: kindInt}, r, json.Number(text), field)
	}
	if err := r.number(field, n); err != nil {
		return err
	}
	v.SetInt(n)
	return nil
}

// setScalar keeps the value of a defined tag as it is.
func setScalar(v reflect.Value, r rule, t json.Token, field string) error {
	switch value := t.(type) {
	case string:
		if err := checkPlain(field, r, value); err != nil {
			return err
		}
	case json.Number:
		if len(value) > stringMax {
			return r.size(field)
		}
	case bool:
	default:
		return mistyped(&schema{kind: kindScalar}, r, t, field)
	}
	v.Set(reflect.ValueOf(t))
	return nil
}

// setText fills a field from the text of a default or of a query.
func (m *member) setText(v reflect.Value, text, field string) error {
	if m.optional {
		v.Set(reflect.New(m.schema.typ))
		v = v.Elem()
	}
	switch m.schema.kind {
	case kindString:
		return setString(v, m.schema, m.rule, text, field)
	case kindInt:
		return setInt(v, m.rule, text, field)
	case kindBool:
		v.SetBool(text == "true")
	case kindList: // of strings, whose default is one of them
		v.Set(reflect.Append(reflect.MakeSlice(m.schema.typ, 0, 1), reflect.ValueOf(text)))
	case kindTime, kindScalar, kindMap, kindStruct:
		panic("wire: " + field + " has a type that has no default")
	}
	return nil
}

// mistyped refuses a value that is not of its kind, with what is allowed where that is known. A secret is not repeated.
func mistyped(s *schema, r rule, t json.Token, field string) error {
	var got string
	switch value := t.(type) {
	case nil:
		got = "null"
	case json.Delim:
		got = map[json.Delim]string{'{': "an object", '[': "a list"}[value]
	case string:
		got = "the string '" + shown(value) + "'"
	case json.Number:
		got = shown(value.String())
	case bool:
		got = strconv.FormatBool(value)
	}
	if s.secret {
		got = "something else"
	}
	if s.kind == kindInt && (r.ranged || r.enum != nil) {
		return invalid(field, "%s must be %v and is %s: allowed is %s", field, s.kind, got, r.span())
	}
	return invalid(field, "%s must be %v and is %s", field, s.kind, got)
}

// join appends a field's name to the path of its struct.
func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}
