package wire

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// kind is what a value is on the wire.
type kind uint8

const (
	kindString kind = iota
	kindInt
	kindBool
	kindTime   // in results only
	kindScalar // a string, a number, or true or false: the value of a defined tag
	kindList
	kindMap
	kindStruct
)

// String returns the kind as a message for people calls it.
func (k kind) String() string {
	return [...]string{
		"a string", "a whole number", "true or false", "a time", "a string, a number, or true or false", "a list", "an object", "an object",
	}[k]
}

// Secret is a string that only its owner may see: no message and no printed struct shows it, and no result has one.
type Secret string

// String returns something else than the secret.
func (Secret) String() string { return "(secret)" }

// GoString returns something else than the secret.
func (Secret) GoString() string { return "(secret)" }

// schema is a Go type as the wire sees it. Schemas are made once, when the program starts, and only read after that.
//
// What a struct field's type says: a pointer may be absent, in both directions; a slice or a map may be absent in a
// request, where it is nil then, and is an empty one in a result; anything else is always there in a result. An embedded
// struct lends its fields.
//
// What its tags say:
//
//	wire:"name"            the name of the field; every one has it
//	wire:"name,required"   a request without it is refused
//	wire:"name,notempty"   an empty string is refused in the words that Oracle has for some fields
//	wire:"name,omitempty"  a slice or a map that is left out of a result when it is nil
//	default:"60"           what stands there when a request does not say
//	range:"1-65535"        least and greatest number; of a string: characters, of a list or map: members; "0,256-" is 0 too
//	enum:"TCP HTTP"        the values that are allowed, in any case; the one given is changed to this spelling
//	match:"name"           the pattern (rule.go) of a string
//	eachrange, eachenum,   the same, but of each member of a list
//	eachmatch
//	keyrange, keymatch     the same, but of each key of a map
type schema struct {
	kind    kind
	typ     reflect.Type
	secret  bool
	elem    *schema // of a list or map
	each    rule    // of each member of a list or map
	key     rule    // of each key of a map
	members []member
	byName  map[string]int // index in members
}

// member is one field of a struct. Members are in the order of their names, which is the one they are encoded in.
type member struct {
	name      string
	index     []int
	schema    *schema
	optional  bool // it is a pointer
	required  bool
	notEmpty  bool
	omitEmpty bool
	fallback  *string // the default, as a query would have it
	rule      rule
}

// schemaOf compiles a type. It panics where a type or a tag is none of the above, which the first test to run would see.
func schemaOf(t reflect.Type) *schema {
	s := &schema{typ: t}
	switch {
	case t == reflect.TypeFor[time.Time]():
		s.kind = kindTime
	case t.Kind() == reflect.String:
		s.kind, s.secret = kindString, t == reflect.TypeFor[Secret]()
	case t.Kind() == reflect.Int:
		s.kind = kindInt
	case t.Kind() == reflect.Bool:
		s.kind = kindBool
	case t.Kind() == reflect.Interface && t.NumMethod() == 0:
		s.kind = kindScalar
	case t.Kind() == reflect.Slice:
		s.kind, s.elem = kindList, schemaOf(t.Elem())
	case t.Kind() == reflect.Map && t.Key().Kind() == reflect.String:
		s.kind, s.elem = kindMap, schemaOf(t.Elem())
	case t.Kind() == reflect.Struct:
		s.kind = kindStruct
		s.addMembers()
	default:
		panic(fmt.Sprintf("wire: %v has no form on the wire", t))
	}
	return s
}

// boundElements gives the members of lists and maps that have no rule, at any depth, that of their kind.
func (s *schema) boundElements() {
	for ; s.elem != nil; s = s.elem {
		s.key.bound(kindString)
		s.each.bound(s.elem.kind)
	}
}

// of compiles a type by its name.
func of[T any]() *schema { return schemaOf(reflect.TypeFor[T]()) }

// addMembers compiles the fields of a struct, and those of the structs embedded in it.
func (s *schema) addMembers() {
	for _, f := range reflect.VisibleFields(s.typ) {
		if !f.Anonymous {
			s.members = append(s.members, memberOf(f))
		}
	}
	slices.SortFunc(s.members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	s.byName = map[string]int{}
	for i, m := range s.members {
		if _, twice := s.byName[m.name]; twice || m.name == "" {
			panic(fmt.Sprintf("wire: every field of %v needs a wire name of its own: %q", s.typ, m.name))
		}
		s.byName[m.name] = i
	}
}

// memberOf compiles one field.
func memberOf(f reflect.StructField) member {
	words := strings.Split(f.Tag.Get("wire"), ",")
	t := f.Type
	optional := t.Kind() == reflect.Pointer
	if optional {
		t = t.Elem()
	}
	m := member{
		name: words[0], index: f.Index, schema: schemaOf(t), optional: optional,
		required: slices.Contains(words, "required"), notEmpty: slices.Contains(words, "notempty"), omitEmpty: slices.Contains(words, "omitempty"),
		rule: ruleOf(f.Tag, ""),
	}
	if fallback, ok := f.Tag.Lookup("default"); ok {
		m.fallback = &fallback
	}
	m.rule.bound(m.schema.kind)
	m.schema.each, m.schema.key = ruleOf(f.Tag, "each"), ruleOf(f.Tag, "key")
	m.schema.boundElements()
	return m
}
