package query

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Version is the API version that requests must name.
const Version = "2012-06-01"

// listMax is the greatest index in a list, and so the greatest length. It is ten times what a load balancer can have
// registered and far above anything else that is ever listed.
const listMax = 10_000

// listMember is the word between a list and an index in it.
const listMember = "member"

// A checker is a request, or a part of one, with more rules than tags can say. check may also bring the value into the
// form in which lull keeps it. It is called once everything below it has been read and checked.
type checker interface {
	check(field string) error
}

// Decode turns a form into the request it names, a pointer to one of the Request types. All errors are of type *Error.
func Decode(form *Form) (any, error) {
	switch {
	case form.action == "":
		return nil, refuse(MissingAction, actionName, "the parameter Action is required")
	case form.version == "":
		return nil, refuse(MissingParameter, versionName, "the parameter Version is required")
	case form.version != Version:
		return nil, refuse(InvalidParameterValue, versionName, "the Version '%s' is not supported: use %s", shown(form.version), Version)
	}
	op, ok := operations[form.action]
	if !ok {
		return nil, refuse(InvalidAction, actionName, "the Action '%s' does not exist in version %s", shown(form.action), Version)
	}
	root := node{}
	for _, p := range form.parameters {
		if err := root.insert(op.request, p, strings.Split(p.name, ".")); err != nil {
			return nil, err
		}
	}
	request := reflect.New(op.request.typ)
	if err := root.structure(request.Elem(), op.request, ""); err != nil {
		return nil, err
	}
	return request.Interface(), nil
}

// node is what a form has said about one place in a shape. There are nodes only where a shape has places.
type node struct {
	given   bool // a value stands at this very name
	value   string
	members []*node       // of a struct: one for each member, nil where nothing was said
	list    map[int]*node // of a list: by index
}

// insert puts a parameter in its place; path is the rest of its name below n.
func (n *node) insert(s *shape, p parameter, path []string) error {
	if len(path) == 0 {
		n.given, n.value = true, p.value
		return nil
	}
	switch s.kind {
	case kindStruct:
		i, ok := s.byName[path[0]]
		if !ok {
			return unknown(p)
		}
		if n.members == nil {
			n.members = make([]*node, len(s.members))
		}
		if n.members[i] == nil {
			n.members[i] = &node{}
		}
		return n.members[i].insert(s.members[i].shape, p, path[1:])
	case kindList:
		return n.insertMember(s, p, path)
	case kindString, kindInt, kindBool, kindTime:
		return unknown(p)
	}
	return unknown(p)
}

// insertMember puts a parameter into a list, below the words "member" and an index.
func (n *node) insertMember(s *shape, p parameter, path []string) error {
	if path[0] != listMember || len(path) < 2 {
		return unknown(p)
	}
	index, err := listIndex(p, path[1])
	if err != nil {
		return err
	}
	if n.list == nil {
		n.list = map[int]*node{}
	}
	if n.list[index] == nil {
		n.list[index] = &node{}
	}
	return n.list[index].insert(s.elem, p, path[2:])
}

// listIndex reads an index, of which there is one spelling each: with two, one place could be given two values.
func listIndex(p parameter, text string) (int, error) {
	index, err := strconv.Atoi(text)
	if err != nil || index < 1 || index > listMax || strconv.Itoa(index) != text {
		return 0, refuse(InvalidQueryParameter, p.name, "the index '%s' in %s is not allowed: use 1 to %d", shown(text), shown(p.name), listMax)
	}
	return index, nil
}

// unknown refuses a parameter that the operation does not have.
func unknown(p parameter) error {
	return refuse(InvalidQueryParameter, p.name, "the parameter %s does not exist in this operation", shown(p.name))
}

// structure fills a struct from what a form said about it, and checks it.
func (n *node) structure(v reflect.Value, s *shape, field string) error {
	if n.value != "" {
		return refuse(ValidationError, field, "%s must be %v: '%s' is not", field, s.kind, shown(n.value))
	}
	for i, m := range s.members {
		var sub *node
		if n.members != nil {
			sub = n.members[i]
		}
		if err := sub.member(v.Field(i), m, join(field, m.name)); err != nil {
			return err
		}
	}
	if c, ok := v.Addr().Interface().(checker); ok {
		return c.check(field)
	}
	return nil
}

// member fills one field of a struct; n is nil where the form said nothing about it.
func (n *node) member(v reflect.Value, m member, field string) error {
	switch {
	case n == nil && m.required && m.shape.kind == kindList && !m.rule.allows(0):
		return m.rule.count(field, 0) // a list that must not be empty and is not there gets the message of the empty one
	case n == nil && m.required:
		return refuse(MissingParameter, field, "the parameter %s is required", field)
	case n == nil:
		return nil
	}
	if m.optional {
		v.Set(reflect.New(m.shape.typ))
		v = v.Elem()
	}
	if m.required && m.shape.kind == kindString && n.value == "" {
		return refuse(ValidationError, field, "%s cannot be empty", field)
	}
	return n.fill(v, m.shape, m.rule, field)
}

// fill reads a value of any kind and holds it against its rule.
func (n *node) fill(v reflect.Value, s *shape, r rule, field string) error {
	switch s.kind {
	case kindString:
		v.SetString(n.value)
		return r.text(field, n.value)
	case kindInt:
		i, err := strconv.ParseInt(n.value, 10, s.typ.Bits())
		if err != nil || strings.HasPrefix(n.value, "+") {
			return n.mistyped(s, r, field)
		}
		v.SetInt(i)
		return r.number(field, i)
	case kindBool:
		if n.value != "true" && n.value != "false" {
			return n.mistyped(s, r, field)
		}
		v.SetBool(n.value == "true")
	case kindList:
		return n.fillList(v, s, r, field)
	case kindStruct:
		return n.structure(v, s, field)
	case kindTime:
		return unknown(parameter{name: field}) // no request has one
	}
	return nil
}

// fillList reads a list in the order of its indexes; gaps between them are closed. A name with an empty value and no
// members is the empty list.
func (n *node) fillList(v reflect.Value, s *shape, r rule, field string) error {
	switch {
	case n.value != "":
		return refuse(ValidationError, field, "%s must be a list: '%s' is not, use %s.%s.1", field, shown(n.value), field, listMember)
	case n.given && len(n.list) > 0:
		return refuse(InvalidQueryParameter, field, "%s is given both as an empty list and with members", field)
	}
	indexes := slices.Sorted(maps.Keys(n.list))
	if err := r.count(field, len(indexes)); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(s.typ, len(indexes), len(indexes)))
	for i, index := range indexes {
		name := field + "." + listMember + "." + strconv.Itoa(index)
		if s.elem.kind == kindString && n.list[index].value == "" {
			return refuse(ValidationError, name, "%s cannot be empty", name)
		}
		if err := n.list[index].fill(v.Index(i), s.elem, s.each, name); err != nil {
			return err
		}
	}
	return nil
}

// mistyped refuses a value that is not of its kind, with the range where there is one.
func (n *node) mistyped(s *shape, r rule, field string) error {
	if r.ranged {
		return refuse(ValidationError, field, "%s must be %v: '%s' is not, allowed is %s", field, s.kind, shown(n.value), r.span())
	}
	return refuse(ValidationError, field, "%s must be %v: '%s' is not", field, s.kind, shown(n.value))
}

// join appends a member's name to the path of its struct.
func join(field, name string) string {
	if field == "" {
		return name
	}
	return field + "." + name
}
