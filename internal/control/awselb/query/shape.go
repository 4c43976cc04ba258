package query

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// kind is what a value is on the wire.
type kind uint8

const (
	kindString kind = iota
	kindInt         // int32 or int64
	kindBool
	kindTime
	kindList
	kindStruct
)

// String returns the kind as a message for people calls it.
func (k kind) String() string {
	return [...]string{"a string", "a whole number", "true or false", "a time", "a list", "a structure"}[k]
}

// shape is a Go type as the wire sees it. Shapes are made once, when the program starts, and only read after that.
//
// What a struct field's type says: a pointer may be absent, and so may a slice in a request; a slice in a result is an
// empty element when it has no members, nil or not, because clients treat a missing one as no answer to their question;
// anything else is always there.
//
// What its tags say:
//
//	wire:"Name"           the name of the member; every field has one
//	wire:"Name,required"  a request without it is refused
//	wire:"Name,omitempty" a slice that is left out of a result when it is nil
//	range:"1-4000"        least and greatest number; of a string: characters, of a list: members; "1-" has no end
//	match:"tag"           the pattern (rule.go) of a string
//	each:"1-255"          range, but of each member of a list of scalars
type shape struct {
	kind    kind
	typ     reflect.Type
	elem    *shape         // of a list's members
	each    rule           // of a list's members
	members []member       // of a struct, in the order of its fields
	byName  map[string]int // index in members
}

// member is one field of a struct.
type member struct {
	name      string
	shape     *shape
	optional  bool // it is a pointer
	required  bool
	omitempty bool
	rule      rule
}

// shapeOf compiles a type. It panics where a type or a tag is none of the above, which the first test to run would see.
func shapeOf(t reflect.Type) *shape {
	s := &shape{typ: t}
	switch {
	case t == reflect.TypeFor[time.Time]():
		s.kind = kindTime
	case t.Kind() == reflect.String:
		s.kind = kindString
	case t.Kind() == reflect.Int32, t.Kind() == reflect.Int64:
		s.kind = kindInt
	case t.Kind() == reflect.Bool:
		s.kind = kindBool
	case t.Kind() == reflect.Slice:
		s.kind, s.elem = kindList, shapeOf(t.Elem())
	case t.Kind() == reflect.Struct:
		s.kind = kindStruct
		s.addMembers()
	default:
		panic(fmt.Sprintf("query: %v has no form on the wire", t))
	}
	return s
}

// addMembers compiles the fields of a struct.
func (s *shape) addMembers() {
	s.byName = map[string]int{}
	for i := range s.typ.NumField() {
		m := memberOf(s.typ.Field(i))
		if _, twice := s.byName[m.name]; twice || m.name == "" {
			panic(fmt.Sprintf("query: field %s of %v needs a wire name of its own", s.typ.Field(i).Name, s.typ))
		}
		s.byName[m.name] = i
		s.members = append(s.members, m)
	}
}

// memberOf compiles one field.
func memberOf(f reflect.StructField) member {
	name, option, _ := strings.Cut(f.Tag.Get("wire"), ",")
	t := f.Type
	optional := t.Kind() == reflect.Pointer
	if optional {
		t = t.Elem()
	}
	m := member{
		name: name, shape: shapeOf(t), optional: optional,
		required: option == "required", omitempty: option == "omitempty", rule: ruleOf(f.Tag, "range"),
	}
	m.shape.each = ruleOf(f.Tag, "each")
	return m
}
