package lookahead

import "regexp/syntax"

// machine is a compiled expression, without the lookaheads in it, which are machines by themselves.
type machine struct {
	prog    *syntax.Prog
	takers  []uint32       // the instructions that take a character
	ends    []uint32       // those that are a match
	before  [][]uint32     // those that lead to one without taking a character
	aheads  []branch       // the lookaheads
	ofGroup map[uint32]int // the lookahead that a group stands for, by the number that the group's beginning has
}

// branch is a lookahead.
type branch struct {
	machine *machine
	not     bool
}

// compile makes the machine for a text, and of the lookaheads in it. sizeMax bounds how many instructions it may have; one that has
// more may be left unfinished.
func compile(text, flags string, sizeMax int) (m *machine, size int, err error) {
	rest, aheads := cut(text)
	parsed, err := syntax.Parse(rest, syntax.Perl)
	if err != nil {
		return nil, 0, err
	}
	m = &machine{ofGroup: map[uint32]int{}}
	for group, name := range parsed.CapNames() {
		for i := range aheads {
			if name == markName(i) {
				m.ofGroup[uint32(2*group)] = i
			}
		}
	}
	if m.prog, err = syntax.Compile(parsed.Simplify()); err != nil {
		return nil, 0, err
	}
	size = len(m.prog.Inst)
	for i := range aheads {
		if size > sizeMax {
			return nil, size, nil
		}
		sub, more, err := compile(flags+aheads[i].text, flags, sizeMax-size)
		if err != nil {
			return nil, 0, err
		}
		size += more
		m.aheads = append(m.aheads, branch{sub, aheads[i].not})
	}
	m.link()
	return m, size, nil
}

// link finds out what the instructions do, and which lead to which without taking a character.
func (m *machine) link() {
	m.before = make([][]uint32, len(m.prog.Inst))
	lead := func(from int, to uint32) { m.before[to] = append(m.before[to], uint32(from)) }
	for i := range m.prog.Inst {
		inst := &m.prog.Inst[i]
		switch inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			lead(i, inst.Out)
			lead(i, inst.Arg)
		case syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstNop:
			lead(i, inst.Out)
		case syntax.InstMatch:
			m.ends = append(m.ends, uint32(i))
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			m.takers = append(m.takers, uint32(i))
		case syntax.InstFail:
		}
	}
}

// search says whether the machine matches somewhere in a text.
func (m *machine) search(text []rune) bool {
	r := m.start()
	for at := len(text); at >= 0; at-- {
		if r.step(text, at) {
			return true
		}
	}
	return false
}

// run is a machine at work. It goes through a text from its end to its beginning.
type run struct {
	machine *machine
	aheads  []*run
	holds   []bool // whether each lookahead does, at the place of the last step

	// matches says of each instruction whether a match is reached from it at the place of the last step, and behind is
	// what it was one place further on.
	matches, behind []bool
	fresh           []uint32 // instructions from which one is reached, whose predecessors have not been looked at
}

func (m *machine) start() *run {
	n := len(m.prog.Inst)
	r := &run{machine: m, holds: make([]bool, len(m.aheads)), matches: make([]bool, n), behind: make([]bool, n)}
	for i := range m.aheads {
		r.aheads = append(r.aheads, m.aheads[i].machine.start())
	}
	return r
}

// step goes to a place, which is the one before that of the last step, and says whether the machine matches what begins there.
func (r *run) step(text []rune, at int) bool {
	for i, ahead := range r.aheads {
		r.holds[i] = ahead.step(text, at) != r.machine.aheads[i].not
	}
	r.matches, r.behind = r.behind, r.matches
	clear(r.matches)
	for _, i := range r.machine.ends {
		r.reach(i)
	}
	if at < len(text) {
		for _, i := range r.machine.takers {
			if inst := &r.machine.prog.Inst[i]; r.behind[inst.Out] && takes(inst, text[at]) {
				r.reach(i)
			}
		}
	}
	context := around(text, at)
	for len(r.fresh) > 0 {
		to := r.fresh[len(r.fresh)-1]
		r.fresh = r.fresh[:len(r.fresh)-1]
		for _, from := range r.machine.before[to] {
			if !r.matches[from] && r.passes(&r.machine.prog.Inst[from], context) {
				r.reach(from)
			}
		}
	}
	return r.matches[r.machine.prog.Start]
}

func (r *run) reach(inst uint32) {
	r.matches[inst] = true
	r.fresh = append(r.fresh, inst)
}

// takes says whether an instruction takes a character.
func takes(inst *syntax.Inst, char rune) bool {
	switch inst.Op {
	case syntax.InstRuneAny:
		return true
	case syntax.InstRuneAnyNotNL:
		return char != '\n'
	case syntax.InstRune, syntax.InstRune1:
		return inst.MatchRune(char)
	case syntax.InstMatch, syntax.InstAlt, syntax.InstAltMatch, syntax.InstCapture, syntax.InstEmptyWidth, syntax.InstFail, syntax.InstNop:
	}
	return false
}

// passes says whether an instruction that takes no character leads on.
func (r *run) passes(inst *syntax.Inst, context syntax.EmptyOp) bool {
	switch inst.Op {
	case syntax.InstEmptyWidth:
		return syntax.EmptyOp(inst.Arg)&^context == 0
	case syntax.InstCapture:
		i, is := r.machine.ofGroup[inst.Arg]
		return !is || r.holds[i]
	case syntax.InstAlt, syntax.InstAltMatch, syntax.InstNop:
		return true
	case syntax.InstMatch, syntax.InstFail, syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
	}
	return false
}

// around returns what is true between two characters: the beginning of a line, for example.
func around(text []rune, at int) syntax.EmptyOp {
	one, other := rune(-1), rune(-1)
	if at > 0 {
		one = text[at-1]
	}
	if at < len(text) {
		other = text[at]
	}
	return syntax.EmptyOpContext(one, other)
}
