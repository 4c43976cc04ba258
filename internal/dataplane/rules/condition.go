package rules

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Condition is an expression over a request. The zero value is one that never holds.
type Condition struct {
	nodes []node
	code  program
}

// newCondition returns the condition of a tree.
func newCondition(nodes []node) Condition {
	return Condition{nodes: nodes, code: compile(&places{}, nodes)}
}

// operator is what a node does.
type operator uint8

const (
	opAll    operator = iota // every child holds
	opAny                    // a child holds
	opEqual                  // a left value equals a right one
	opPrefix                 // the left value starts with the right one
	opSuffix                 // the left value ends with the right one
	opHas                    // the left side's map has the key
	opFrom                   // the client's address is in the block
	opWithin                 // the client belongs to the network
)

// source is where an operand's values come from.
type source uint8

const (
	fromText   source = iota // a constant
	fromPath                 // the target's path
	fromHost                 // the authority without port
	fromMethod               // the method
	fromHeader               // the fields of a name
	fromQuery                // the parameters of a name
	fromCookie               // the cookies of a name
)

// everyValue as an operand's index stands for all values of the key.
const everyValue = -1

// operand is one side of a comparison.
type operand struct {
	source source
	fold   bool   // of fromText, and of a key: letters are the same in both cases
	index  int16  // which value of the key, or everyValue
	text   []byte // the constant, or the key; small letters if fold
	shown  string // text as it was given
}

// many reports whether the operand may have more than one value.
func (o *operand) many() bool { return o.mapped() && o.index == everyValue }

// mapped reports whether the operand is one of a map.
func (o *operand) mapped() bool { return o.source >= fromHeader }

// node is one operation of a tree.
type node struct {
	op          operator
	not         bool
	fold        bool  // letters are the same in both cases
	next        int32 // the node behind this one and all below it
	left, right operand
	block       *netip.Prefix // of opFrom; the network of opWithin is left.text
}

func constant(text string, fold bool) operand {
	o := operand{source: fromText, fold: fold, text: []byte(text), shown: text}
	if fold {
		return o.folded()
	}
	return o
}

func leaf(n node) Condition {
	n.next = 1
	return newCondition([]node{n})
}

// All holds if every one of the conditions does, and so without any.
func All(conditions ...Condition) Condition { return combine(opAll, conditions) }

// Any holds if one of the conditions does.
func Any(conditions ...Condition) Condition { return combine(opAny, conditions) }

// Not holds if the condition does not.
func Not(c Condition) Condition {
	if len(c.nodes) == 0 {
		return All()
	}
	nodes := append([]node(nil), c.nodes...)
	nodes[0].not = !nodes[0].not
	return newCondition(nodes)
}

// PathIs holds if the path is that one; fold makes letters the same in both cases.
func PathIs(path string, fold bool) Condition { return compare(opEqual, fromPath, path, fold) }

// PathStarts holds if the path starts with that.
func PathStarts(prefix string, fold bool) Condition { return compare(opPrefix, fromPath, prefix, fold) }

// PathEnds holds if the path ends with that.
func PathEnds(suffix string, fold bool) Condition { return compare(opSuffix, fromPath, suffix, fold) }

// HostIs holds if the authority, without its port, is that host in either case.
func HostIs(host string) Condition { return compare(opEqual, fromHost, host, true) }

// MethodIs holds if the method is that one; methods are case-sensitive.
func MethodIs(method string) Condition { return compare(opEqual, fromMethod, method, false) }

// From holds if the client's address is in the block. A block of IPv4 addresses does not hold mapped ones, but the
// client's is taken for IPv4 if it is such.
func From(block netip.Prefix) Condition {
	block = block.Masked()
	return leaf(node{op: opFrom, block: &block})
}

// Within holds if the client belongs to the network.
func Within(network string) Condition {
	return leaf(node{op: opWithin, left: constant(network, false)})
}

func compare(op operator, from source, text string, fold bool) Condition {
	return leaf(node{op: op, fold: fold, left: operand{source: from, index: everyValue}, right: constant(text, fold)})
}

func combine(op operator, conditions []Condition) Condition {
	nodes := []node{{op: op}}
	for _, c := range conditions {
		if len(c.nodes) == 0 { // never holds, which is said by a combinator without children
			c = Any()
		}
		base := int32(len(nodes)) //nolint:gosec // bounded by the limits on terms
		for _, n := range c.nodes {
			n.next += base
			nodes = append(nodes, n)
		}
	}
	nodes[0].next = int32(len(nodes)) //nolint:gosec // as above
	return newCondition(nodes)
}

// Terms returns how many operations the condition has.
func (c Condition) Terms() int { return len(c.nodes) }

// String returns the condition as ParseCondition reads it. What the language cannot say is written in its manner.
func (c Condition) String() string {
	if len(c.nodes) == 0 {
		return "any()"
	}
	var b strings.Builder
	c.write(&b, 0)
	return b.String()
}

func (c Condition) write(b *strings.Builder, at int32) {
	n := &c.nodes[at]
	switch n.op {
	case opAll, opAny:
		c.writeCombined(b, at)
	case opEqual, opPrefix, opSuffix:
		word := map[operator]string{opEqual: "eq", opPrefix: "sw", opSuffix: "ew"}[n.op]
		b.WriteString(n.left.String() + negation(n.not) + " " + word + " " + n.right.String())
	case opHas:
		key := constant(n.left.shown, n.left.fold)
		b.WriteString(key.String() + negation(n.not) + " in (" + mapNames[n.left.source] + ")")
	case opFrom:
		fmt.Fprintf(b, "client.address%s in (%s)", negation(n.not), n.block)
	case opWithin:
		b.WriteString("client.network" + negation(n.not) + " eq " + n.left.String())
	}
}

func (c Condition) writeCombined(b *strings.Builder, at int32) {
	n := &c.nodes[at]
	if n.not {
		b.WriteString("not ")
	}
	if n.op == opAll {
		b.WriteString("all(")
	} else {
		b.WriteString("any(")
	}
	for child := at + 1; child < n.next; child = c.nodes[child].next {
		if child > at+1 {
			b.WriteString(", ")
		}
		c.write(b, child)
	}
	b.WriteByte(')')
}

func negation(not bool) string {
	if not {
		return " not"
	}
	return ""
}

// mapNames are the names of sources in the language.
//
//nolint:gochecknoglobals // a table
var mapNames = [...]string{
	fromText: "", fromPath: "http.request.url.path", fromHost: "http.request.host", fromMethod: "http.request.method",
	fromHeader: "http.request.headers", fromQuery: "http.request.url.query", fromCookie: "http.request.cookies",
}

// String returns the operand in the language.
func (o *operand) String() string {
	quoted := "'" + o.shown + "'"
	if o.fold {
		quoted = "(i " + quoted + ")"
	}
	if o.source == fromText {
		return quoted
	}
	text := mapNames[o.source]
	if o.mapped() {
		text += "[" + quoted + "]"
	}
	if o.index != everyValue {
		text += "[" + strconv.Itoa(int(o.index)) + "]"
	}
	return text
}
