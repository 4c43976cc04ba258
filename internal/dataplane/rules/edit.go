package rules

import (
	"fmt"
	"strings"

	"lull/internal/dataplane/http1"
)

// EditKind is what a header edit does.
type EditKind uint8

// The kinds.
const (
	SetField    EditKind = iota // leave out what is there and add one
	ExtendField                 // put Prefix and Suffix around the value of the first; nothing if there is none
	RemoveField                 // leave out all
)

// HeaderEdit changes the fields of one name. Letters are the same in both cases, and "_" is the same as "-".
type HeaderEdit struct {
	Kind           EditKind
	Name           string
	Value          string // of SetField
	Prefix, Suffix string // of ExtendField; one may be empty
}

// The limits on edits: a field of a name, and a value of the size of a line.
const (
	editNameMax  = 256
	editValueMax = 8 << 10
)

// Edits are header edits made ready: what becomes of each name when all were applied in their order.
type Edits struct {
	// Fixed after NewEdits.
	names   []nameEdit
	dropped []string
}

// nameEdit is what becomes of the fields of one name.
type nameEdit struct {
	twin           string // the name in small letters with hyphens
	name           string // as it is sent
	keep           bool   // what is there is sent, the first between prefix and suffix
	protected      bool   // what is there stays as it is, and value is sent behind it
	send           bool   // value is sent
	value          string
	prefix, suffix string
}

// framing are the fields that say how a message is delimited and where it ends, which http1 writes. To edit them
// would let a rule make a message that two recipients read differently.
//
//nolint:gochecknoglobals // a table
var framing = []string{
	"connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
	"proxy-authenticate", "proxy-authorization", "http2-settings", "expect",
}

// NewEdits returns the edits in their order. Fields of protected names can be added to but not changed or left out; host
// is always protected, and is not added to either, as a second would make the request invalid (RFC 9112 §3.2).
func NewEdits(edits []HeaderEdit, protected []string) (*Edits, error) {
	if len(edits) > RulesMax {
		return nil, fmt.Errorf("header edits: %d, at most %d are allowed", len(edits), RulesMax)
	}
	e := &Edits{}
	for i := range edits {
		if err := checkEdit(&edits[i]); err != nil {
			return nil, fmt.Errorf("header edit %d: %w", i+1, err)
		}
		if n := e.named(edits[i].Name, protected); n.twin != "host" {
			n.apply(&edits[i])
		}
	}
	for i := range e.names {
		if n := &e.names[i]; n.drops() {
			e.dropped = append(e.dropped, n.twin)
		}
	}
	return e, nil
}

func checkEdit(e *HeaderEdit) error {
	if !isToken(e.Name) || len(e.Name) > editNameMax {
		return fmt.Errorf("name %q is no token of at most %d characters (RFC 9110 §5.6.2)", e.Name, editNameMax)
	}
	for _, name := range framing {
		if onlyLetters(name) == onlyLetters(e.Name) {
			return fmt.Errorf("field %s belongs to the connection, and is written by the load balancer alone", e.Name)
		}
	}
	for _, text := range []string{e.Value, e.Prefix, e.Suffix} {
		if len(text) > editValueMax {
			return fmt.Errorf("field %s: a text of %d bytes, at most %d are allowed", e.Name, len(text), editValueMax)
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
			return fmt.Errorf("field %s: character %d of the value is a control character (RFC 9110 §5.5)", e.Name, i+1)
		}
	}
	if e.Kind > RemoveField {
		return fmt.Errorf("field %s: kind %d is none of the three", e.Name, e.Kind)
	}
	if e.Kind == ExtendField && e.Prefix == "" && e.Suffix == "" {
		return fmt.Errorf("field %s: set a prefix, a suffix, or both", e.Name)
	}
	return nil
}

// CheckPlain refuses what looks like a variable in a value: "$", and a name in braces. Values are sent as they are; were
// such ones accepted, they could never be given a meaning.
func CheckPlain(value string) error {
	if i := strings.IndexByte(value, '$'); i >= 0 {
		return fmt.Errorf("value %q: character %d is \"$\", which is not allowed", value, i+1)
	}
	for i := strings.IndexByte(value, '{'); i >= 0 && i < len(value); i++ {
		if value[i] == '{' && strings.IndexByte(value[i:], '}') > 1 {
			return fmt.Errorf("value %q: character %d begins a name in braces, which is not allowed", value, i+1)
		}
	}
	return nil
}

// onlyLetters returns what is left of a name for a recipient that skips the characters between letters: some do.
func onlyLetters(name string) string {
	return strings.Map(func(r rune) rune {
		if !plainName[byte(r)] || r == '-' || r == '_' { //nolint:gosec // tokens are ASCII
			return -1
		}
		return r
	}, string(lowered([]byte(name))))
}

// twin returns the name by which fields are known that many applications cannot tell from each other.
func twin(name string) string {
	return strings.ReplaceAll(string(lowered([]byte(name))), "_", "-")
}

// named returns the edit of the name, which is new if there was none.
func (e *Edits) named(name string, protected []string) *nameEdit {
	key := twin(name)
	for i := range e.names {
		if e.names[i].twin == key {
			return &e.names[i]
		}
	}
	n := nameEdit{twin: key, name: name, keep: true}
	for _, p := range protected {
		n.protected = n.protected || twin(p) == key
	}
	e.names = append(e.names, n)
	return &e.names[len(e.names)-1]
}

// apply adds an edit to those before it.
func (n *nameEdit) apply(e *HeaderEdit) {
	switch {
	case e.Kind == SetField:
		n.keep, n.send = n.protected, true
		n.name, n.value = e.Name, strings.Trim(e.Value, " \t")
	case n.protected:
	case e.Kind == RemoveField:
		n.keep, n.send = false, false
	case n.send:
		n.value = strings.Trim(e.Prefix+n.value+e.Suffix, " \t")
	default:
		n.prefix, n.suffix = e.Prefix+n.prefix, n.suffix+e.Suffix
	}
}

// drops reports whether what is there of the name is left out, to be sent anew or not at all.
func (n *nameEdit) drops() bool { return !n.keep || n.prefix != "" || n.suffix != "" }

// Dropped returns the names, in small letters with hyphens, of the fields that are left out where a head is copied. What
// replaces them is in the lines that Append appends.
func (e *Edits) Dropped() []string { return e.dropped }

// equalTwin reports whether a field's name is that one or its twin.
func equalTwin(name []byte, twin string) bool {
	if len(name) != len(twin) {
		return false
	}
	for i, c := range name {
		if c == '_' {
			c = '-'
		}
		if lower(c) != twin[i] {
			return false
		}
	}
	return true
}

// Append appends the field lines that the edits add to the head in h, which was read from b: the values that are set, and
// the fields that are extended. They belong at the end of a head from which all that Dropped names was left out.
func (e *Edits) Append(dst []byte, h *http1.Head, b []byte) []byte {
	for i := range e.names {
		n := &e.names[i]
		if n.keep && n.drops() {
			dst = n.appendExtended(dst, h, b)
		}
		if n.send {
			dst = append(append(dst, n.name...), ':', ' ')
			dst = append(append(dst, n.value...), '\r', '\n')
		}
	}
	return dst
}

// appendExtended appends the fields of the name, the first of them with prefix and suffix.
func (n *nameEdit) appendExtended(dst []byte, h *http1.Head, b []byte) []byte {
	first := true
	fields := h.Fields()
	for i := range fields {
		f := &fields[i]
		name := f.Name(b)
		if f.Nominated() || !equalTwin(name, n.twin) {
			continue
		}
		dst = append(append(dst, name...), ':', ' ')
		if first {
			dst = append(append(append(dst, n.prefix...), f.Value(b)...), n.suffix...)
			first = false
		} else {
			dst = append(dst, f.Value(b)...)
		}
		dst = append(dst, '\r', '\n')
	}
	return dst
}
