package rules

import (
	"bytes"
	"net/netip"
)

// placesMax is for how many operands a program keeps places. Those beyond are looked up each time.
const placesMax = 20

// program is conditions compiled to comparisons, each of which says where to go on if it holds and if it does not.
// All, any and not are in these jumps and cost nothing.
type program struct {
	steps []step
	start int32
}

// nothing is where a program ends if none of its conditions holds. The others end at numbers below that.
const nothing int32 = -1

func ends(condition int) int32 { return nothing - 1 - int32(condition) } //nolint:gosec // bounded by RulesMax

// step is one comparison. It holds what nearly always settles it, so that two fit into a line of the cache.
type step struct {
	yes, no int32 // the next step, or where the program ends
	size    int32 // of text
	op      operator
	fold    bool
	quick   bool  // a variable with a place is compared with a constant
	place   uint8 // of the left side, from 1; 0 without
	final   byte  // the last of text
	*sides
}

// sides are the rest of a step.
type sides struct {
	text        []byte // of the right side if the step is quick
	left, right *operand
	block       *netip.Prefix
}

// places are the operands that have places, of all programs that look at one view.
type places []*operand

// compile returns a program that finds the first condition that holds.
func compile(shared *places, conditions ...[]node) program {
	c := &compiler{placed: shared}
	next := nothing
	for i := len(conditions) - 1; i >= 0; i-- {
		if len(conditions[i]) > 0 {
			next = c.emit(conditions[i], 0, ends(i), next)
		}
	}
	return c.reversed(next)
}

// compiler emits the last step first, as a step must know where to go on.
type compiler struct {
	steps  []step
	placed *places
}

// emit appends the steps of a node and returns the first.
func (c *compiler) emit(nodes []node, at, yes, no int32) int32 {
	n := &nodes[at]
	if n.not {
		yes, no = no, yes
	}
	if n.op != opAll && n.op != opAny {
		c.steps = append(c.steps, c.step(n, yes, no))
		return int32(len(c.steps) - 1) //nolint:gosec // bounded by TermsMax
	}
	var children []int32
	for child := at + 1; child < n.next; child = nodes[child].next {
		children = append(children, child)
	}
	next := yes
	if n.op == opAny {
		next = no
	}
	for i := len(children) - 1; i >= 0; i-- {
		if n.op == opAll {
			next = c.emit(nodes, children[i], next, no)
		} else {
			next = c.emit(nodes, children[i], yes, next)
		}
	}
	return next
}

func (c *compiler) step(n *node, yes, no int32) step {
	s := step{op: n.op, fold: n.fold, yes: yes, no: no, sides: &sides{left: &n.left, right: &n.right, block: n.block}}
	if s.op == opEqual && (s.left.source == fromText || s.right.many()) {
		s.left, s.right = s.right, s.left // it is symmetric, and the side with several values has to be the left
	}
	if s.left.source != fromText {
		s.place = c.place(s.left)
	}
	if s.op <= opSuffix && s.right.source == fromText {
		s.text, s.quick = s.right.text, s.place > 0
		if s.size = int32(len(s.text)); s.size > 0 { //nolint:gosec // bounded by the length of a condition
			s.final = s.text[s.size-1]
		}
	}
	return s
}

// place returns the place of an operand, which is the same for all that are the same.
func (c *compiler) place(o *operand) uint8 {
	for i, p := range *c.placed {
		if p.source == o.source && p.index == o.index && p.fold == o.fold && bytes.Equal(p.text, o.text) {
			return uint8(i + 1) //nolint:gosec // at most placesMax
		}
	}
	if len(*c.placed) == placesMax {
		return 0
	}
	*c.placed = append(*c.placed, o)
	return uint8(len(*c.placed)) //nolint:gosec // at most placesMax
}

// reversed returns the program in the order in which it runs, which is that in which memory is read best.
func (c *compiler) reversed(start int32) program {
	last := int32(len(c.steps) - 1) //nolint:gosec // bounded by TermsMax
	turn := func(at int32) int32 {
		if at < 0 {
			return at
		}
		return last - at
	}
	p := program{steps: make([]step, len(c.steps)), start: turn(start)}
	for i, s := range c.steps {
		s.yes, s.no = turn(s.yes), turn(s.no)
		p.steps[int(last)-i] = s
	}
	return p
}
