package query

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// namespace is that of every element of an answer.
const namespace = "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/"

// timeLayout is ISO 8601 with milliseconds, in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// encoder writes elements into a buffer. Names come from shapes and need no escaping; everything else gets it.
type encoder struct{ bytes.Buffer }

// encoders are kept from one answer to the next. A page of 400 load balancers has half a MiB, and a buffer that grows to that takes four
// times as much, which would have the garbage collector run every few dozen pages; then readers wait for it.
//
//nolint:gochecknoglobals // a pool
var encoders = sync.Pool{New: func() any { return &encoder{} }}

// finish returns what was written, with a line feed at its end, and gives the encoder back.
func (e *encoder) finish() []byte {
	e.WriteByte('\n')
	body := bytes.Clone(e.Bytes())
	e.Reset()
	encoders.Put(e)
	return body
}

// open begins an element.
func (e *encoder) open(name string) { e.WriteString("<" + name + ">") }

// shut ends an element.
func (e *encoder) shut(name string) { e.WriteString("</" + name + ">") }

// text writes character data (XML 1.0 §2.4). What XML cannot carry at all becomes U+FFFD, and so do bytes that are not
// UTF-8. Quotes stay as they are, as in the API's own answers: only attributes would need them escaped.
func (e *encoder) text(value string) {
	for _, r := range value {
		switch {
		case r == '&':
			e.WriteString("&amp;")
		case r == '<':
			e.WriteString("&lt;")
		case r == '>':
			e.WriteString("&gt;")
		case r == '\r':
			e.WriteString("&#xD;") // a reader would take a bare one for the end of a line
		case !xmlChar(r):
			e.WriteRune(utf8.RuneError)
		default:
			e.WriteRune(r)
		}
	}
}

// xmlChar reports whether XML 1.0 §2.2 has a character.
func xmlChar(r rune) bool {
	return r >= 0x20 && r != 0xFFFE && r != 0xFFFF || r == '\t' || r == '\n' || r == '\r'
}

// leaf writes an element with nothing but text in it.
func (e *encoder) leaf(name, value string) {
	e.open(name)
	e.text(value)
	e.shut(name)
}

// element writes a value of any kind.
func (e *encoder) element(name string, v reflect.Value, s *shape) {
	switch s.kind {
	case kindString:
		e.leaf(name, v.String())
	case kindInt:
		e.leaf(name, strconv.FormatInt(v.Int(), 10))
	case kindBool:
		e.leaf(name, strconv.FormatBool(v.Bool()))
	case kindTime:
		e.leaf(name, v.Interface().(time.Time).UTC().Format(timeLayout))
	case kindList:
		e.list(name, v, s)
	case kindStruct:
		e.open(name)
		e.members(v, s)
		e.shut(name)
	}
}

// list writes a list, which has an element even when it has no members.
func (e *encoder) list(name string, v reflect.Value, s *shape) {
	if v.Len() == 0 {
		e.WriteString("<" + name + "/>")
		return
	}
	e.open(name)
	for i := range v.Len() {
		e.element(listMember, v.Index(i), s.elem)
	}
	e.shut(name)
}

// members writes what is there of a struct.
func (e *encoder) members(v reflect.Value, s *shape) {
	for i, m := range s.members {
		field := v.Field(i)
		if (m.optional || m.omitempty) && field.IsNil() {
			continue
		}
		if m.optional {
			field = field.Elem()
		}
		e.element(m.name, field, m.shape)
	}
}

// encodeResult returns the answer to an action as XML; result is the action's Result type or a pointer to it.
func encodeResult(action, requestID string, result any) ([]byte, error) {
	op, ok := operations[action]
	if !ok {
		return nil, fmt.Errorf("encode a result of %s: there is no such action", action)
	}
	v := reflect.Indirect(reflect.ValueOf(result))
	if !v.IsValid() || v.Type() != op.result.typ {
		return nil, fmt.Errorf("encode a result of %s: it is a %T and must be a %v", action, result, op.result.typ)
	}
	e := encoders.Get().(*encoder)
	e.WriteString("<" + action + `Response xmlns="` + namespace + `">`)
	e.element(action+"Result", v, op.result)
	e.open("ResponseMetadata")
	e.leaf("RequestId", requestID)
	e.shut("ResponseMetadata")
	e.shut(action + "Response")
	return e.finish(), nil
}

// encodeError returns a refusal as XML. Its request id stands one level higher than that of a result.
func encodeError(err *Error, requestID string) []byte {
	e := encoders.Get().(*encoder)
	e.WriteString(`<ErrorResponse xmlns="` + namespace + `">`)
	e.open("Error")
	e.leaf("Type", err.Code.fault())
	e.leaf("Code", string(err.Code))
	e.leaf("Message", err.Message)
	e.shut("Error")
	e.leaf("RequestId", requestID)
	e.shut("ErrorResponse")
	return e.finish()
}
