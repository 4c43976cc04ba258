package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// timeLayout is RFC 3339 with milliseconds, in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// encoder writes a document in one of the two looks that the API has: compact, or with each name on a line of its own
// and its lists running on. No client cares; who compares with a recording does.
type encoder struct {
	bytes.Buffer
	compact bool
	depth   int
}

// encode returns a value as JSON.
func encode(v reflect.Value, s *schema, compact bool) []byte {
	e := &encoder{compact: compact}
	e.value(v, s)
	return e.Bytes()
}

// value writes a value of any kind.
func (e *encoder) value(v reflect.Value, s *schema) {
	switch s.kind {
	case kindString:
		e.text(v.String())
	case kindInt:
		e.WriteString(strconv.FormatInt(v.Int(), 10))
	case kindBool:
		e.WriteString(strconv.FormatBool(v.Bool()))
	case kindTime:
		t, _ := v.Interface().(time.Time)
		e.text(t.UTC().Format(timeLayout))
	case kindScalar:
		e.scalar(v.Interface())
	case kindList:
		e.list(v, s)
	case kindMap:
		e.table(v, s)
	case kindStruct:
		e.structure(v, s)
	}
}

// text writes a string. What HTML would need escaped stays as it is: this is no HTML.
func (e *encoder) text(value string) {
	if unescaped(value) { // nearly every one: a list of load balancers has a million
		e.WriteByte('"')
		e.WriteString(value)
		e.WriteByte('"')
		return
	}
	enc := json.NewEncoder(&e.Buffer)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(value)   // a string cannot fail, nor can a buffer
	e.Truncate(e.Len() - 1) // the end of the line
}

// unescaped reports whether a string has nothing to be escaped.
func unescaped(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// scalar writes the value of a defined tag.
func (e *encoder) scalar(value any) {
	switch value := value.(type) {
	case string:
		e.text(value)
	case json.Number:
		e.WriteString(value.String())
	case bool:
		e.WriteString(strconv.FormatBool(value))
	default:
		e.WriteString("null")
	}
}

// list writes a list.
func (e *encoder) list(v reflect.Value, s *schema) {
	e.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			e.WriteByte(',')
		}
		e.space()
		e.value(v.Index(i), s.elem)
	}
	e.space()
	e.WriteByte(']')
}

// space separates the members of a list.
func (e *encoder) space() {
	if !e.compact {
		e.WriteByte(' ')
	}
}

// structure writes what is there of a struct.
func (e *encoder) structure(v reflect.Value, s *schema) {
	o := e.open()
	for i := range s.members {
		m := &s.members[i]
		field := v.FieldByIndex(m.index)
		if (m.optional || m.omitEmpty) && field.IsNil() {
			continue
		}
		if m.optional {
			field = field.Elem()
		}
		o.name(m.name)
		e.value(field, m.schema)
	}
	o.shut()
}

// table writes a map in the order of its keys.
func (e *encoder) table(v reflect.Value, s *schema) {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(a.String(), b.String()) })
	o := e.open()
	for _, key := range keys {
		o.name(key.String())
		e.value(v.MapIndex(key), s.elem)
	}
	o.shut()
}

// object is an object that is being written.
type object struct {
	*encoder
	count int
}

// open begins an object.
func (e *encoder) open() *object {
	e.WriteByte('{')
	e.depth++
	return &object{encoder: e}
}

// name writes a name, after which its value is due.
func (o *object) name(name string) {
	if o.count > 0 {
		o.WriteByte(',')
	}
	o.count++
	o.line()
	o.text(name)
	if o.compact {
		o.WriteByte(':')
	} else {
		o.WriteString(" : ")
	}
}

// shut ends an object.
func (o *object) shut() {
	o.depth--
	if o.count > 0 {
		o.line()
	} else {
		o.space()
	}
	o.WriteByte('}')
}

// line begins a line.
func (e *encoder) line() {
	if e.compact {
		return
	}
	e.WriteByte('\n')
	for range e.depth {
		e.WriteString("  ")
	}
}

// Encoded is one member of a list as JSON: made once, of what is listed often and changes seldom.
type Encoded []byte

// EncodeMember returns one member of what an operation lists, in the look of its answers. Encode takes a list of them.
func EncodeMember(op *Operation, member any) (Encoded, error) {
	v := reflect.Indirect(reflect.ValueOf(member))
	if op.result == nil || op.result.kind != kindList || !v.IsValid() || v.Type() != op.result.elem.typ {
		return nil, fmt.Errorf("encode a member of %s: a %T is none", op.Name, member)
	}
	return slices.Clip(encode(v, op.result.elem, op.Compact)), nil
}

// parts returns a list of members that are JSON already. They are not copied together: a page of large load balancers is tens of
// megabytes, and takes longer to copy than to send.
func parts(op *Operation, members []Encoded) [][]byte {
	first, next, last := []byte("[ "), []byte(", "), []byte(" ]")
	if op.Compact {
		first, next, last = []byte("["), []byte(","), []byte("]")
	}
	list := make([][]byte, 0, 2*len(members)+2)
	for _, m := range members {
		list = append(list, first, m)
		first = next
	}
	if len(members) == 0 {
		list = append(list, first[:1])
	}
	return append(list, last)
}

// encodeResult returns what an operation answers; result is the operation's result type or a pointer to it, or a list of what
// EncodeMember has made.
func encodeResult(op *Operation, result any) ([][]byte, error) {
	if members, ok := result.([]Encoded); ok && op.result != nil && op.result.kind == kindList {
		return parts(op, members), nil
	}
	v := reflect.Indirect(reflect.ValueOf(result))
	if op.result == nil || !v.IsValid() || v.Type() != op.result.typ {
		return nil, fmt.Errorf("encode a result of %s: a %T is none", op.Name, result)
	}
	return [][]byte{encode(v, op.result, op.Compact)}, nil
}
