package wheel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"lull/internal/dataplane/wheel"
)

const (
	tick        = int64(wheel.Tick)
	modelNodes  = 64
	verifyEvery = 64 // a full check of the wheel's 8192 slots costs more than many operations
)

// timer is what the model knows of one node.
type timer struct {
	armed, due bool
	when       int64
}

// model is the wheel in its most naive form, side by side with a real one: an array that is searched from end to end.
type model struct {
	t      testing.TB
	real   *wheel.Wheel
	nodes  [modelNodes]wheel.Node
	timers [modelNodes]timer
	now    int64 // the furthest Advance
	ops    int
}

func newModel(t testing.TB, now int64) *model {
	m := &model{t: t, real: wheel.New(now), now: now}
	for i := range m.nodes {
		m.nodes[i].Ref, m.nodes[i].Kind = uint32(i), uint8(i)
	}
	return m
}

func (m *model) arm(i int, when int64) {
	m.real.Arm(&m.nodes[i], when)
	m.timers[i] = timer{armed: true, when: when}
}

func (m *model) cancel(i int) {
	m.real.Cancel(&m.nodes[i])
	m.timers[i] = timer{}
}

func (m *model) advance(now int64) {
	m.real.Advance(now)
	m.now = max(m.now, now)
	if now/tick < m.now/tick {
		return // a clock that went back
	}
	for i := range m.timers {
		if tm := &m.timers[i]; tm.armed && ceil(tm.when) <= now/tick {
			tm.due = true
		}
	}
}

// pop takes one node and reports whether there was one: it must be due by the model, hence once only and never early.
func (m *model) pop() bool {
	n := m.real.Pop()
	if n == nil {
		for i, tm := range m.timers {
			if tm.due {
				m.t.Fatalf("op %d: Pop() = nil while node %d, armed for %d, is due at %d", m.ops, i, tm.when, m.now)
			}
		}
		return false
	}
	tm := &m.timers[n.Ref]
	if !tm.due || n != &m.nodes[n.Ref] || n.Kind != uint8(n.Ref) || n.When() != tm.when || n.Armed() {
		m.t.Fatalf("op %d: Pop() at %d = %+v, model has %+v", m.ops, m.now, n, tm)
	}
	if m.now < tm.when {
		m.t.Fatalf("op %d: node %d popped at %d, %d ns early", m.ops, n.Ref, m.now, tm.when-m.now)
	}
	*tm = timer{}
	return true
}

// check compares what can be seen from outside, and now and then all that is inside.
func (m *model) check() {
	count, past, earliest := 0, false, int64(math.MaxInt64)
	for i, tm := range m.timers {
		if m.nodes[i].Armed() != tm.armed {
			m.t.Fatalf("op %d: node %d Armed() = %v, want %v", m.ops, i, !tm.armed, tm.armed)
		}
		if tm.armed {
			count++
			past = past || tm.due || ceil(tm.when) <= m.now/tick
			earliest = min(earliest, instant(ceil(tm.when)))
		}
	}
	if got := m.real.Len(); got != count {
		m.t.Fatalf("op %d: Len() = %d, want %d", m.ops, got, count)
	}
	next, ok := m.real.Next()
	switch {
	case ok != (count > 0):
		m.t.Fatalf("op %d: Next() ok = %v with %d nodes armed", m.ops, ok, count)
	case ok && past && next > m.now:
		m.t.Fatalf("op %d: Next() = %d at %d, want no later than now: a node is due", m.ops, next, m.now)
	case ok && !past && next > earliest:
		m.t.Fatalf("op %d: Next() = %d, want no later than the earliest tick %d", m.ops, next, earliest)
	case ok && !past && next <= m.now && next != math.MaxInt64:
		m.t.Fatalf("op %d: Next() = %d at %d with nothing due: a loop would spin", m.ops, next, m.now)
	}
	if m.ops%verifyEvery == 0 {
		m.verify()
	}
}

func (m *model) verify() {
	if err := m.real.Verify(); err != nil {
		m.t.Fatalf("op %d: %v", m.ops, err)
	}
}

// opBytes is the length of one operation: what, which node, and how far as mantissa (2 bytes) and exponent.
const opBytes = 5

// run carries out operations read from bytes, comparing after each.
func (m *model) run(program []byte) {
	for ; len(program) >= opBytes; program = program[opBytes:] {
		m.ops++
		m.step(program[0], int(program[1])%modelNodes, distance(program[2], program[3], program[4]))
		m.check()
	}
	m.verify()
	for m.pop() {
		m.ops++
	}
}

func (m *model) step(op byte, i int, d int64) {
	switch op % 8 {
	case 0, 1, 2:
		m.arm(i, add(m.now, d))
	case 3:
		m.cancel(i)
	case 4: // in the past, within the current tick, or slightly ahead
		m.arm(i, max(0, m.now+d%(3*tick)-2*tick))
	case 5:
		m.advance(add(m.now, d))
	case 6: // what a loop does: sleep until Next
		if next, ok := m.real.Next(); ok {
			m.advance(max(next, m.now))
		}
		for m.pop() {
		}
	case 7: // one pop, so that other operations fall among due nodes; or a clock that goes back
		if !m.pop() {
			m.advance(max(0, m.now-d))
		}
	}
}

// distance makes a span of up to 2^59 ns, about as often in each power of two, or one that ends near a slot's edge.
func distance(hi, lo, exp byte) int64 {
	mantissa := int64(hi)<<8 | int64(lo)
	if exp >= 128 { // a boundary between levels or slots, a few nanoseconds or ticks to either side
		unit := [...]int64{1, tick}[exp>>6&1]
		return max(0, tick<<(exp%24)+(mantissa%7-3)*unit)
	}
	return mantissa << (exp % 44)
}

// add returns a+b, or the last instant there is.
func add(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

func ceil(when int64) int64 {
	if when%tick == 0 {
		return when / tick
	}
	return when/tick + 1
}

// instant returns when a tick begins, or the last instant there is.
func instant(t int64) int64 {
	if t > math.MaxInt64/tick {
		return math.MaxInt64
	}
	return t * tick
}

// seed returns a fresh seed and has it printed if the test fails.
func seed(t *testing.T) uint64 {
	s := rand.Uint64()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", s)
		}
	})
	return s
}

// TestModel is the property test: random operations, wheel and model side by side. It shows the pure half of TO-01
// (never early) and of TO-10 (after a jump each node that is due pops, once).
func TestModel(t *testing.T) {
	t.Parallel()
	for _, ops := range []int{50, 500, 20000} {
		t.Run(fmt.Sprint(ops, "ops"), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed(t), 0))
			for range 40000 / ops {
				start := r.Int64N(1 << r.IntN(60))
				newModel(t, start).run(randomProgram(r, ops))
			}
		})
	}
}

// randomProgram returns ops random operations. Long spans are made rare, or the clock is soon at its end.
func randomProgram(r *rand.Rand, ops int) []byte {
	program := make([]byte, ops*opBytes)
	for i := range program {
		program[i] = byte(r.Uint32())
	}
	for i := opBytes - 1; i < len(program); i += opBytes {
		if r.IntN(100) > 0 {
			program[i] = program[i]&0xc0 | byte(r.IntN(22))
		}
	}
	return program
}

// FuzzWheel looks for a program of operations that the wheel carries out differently from the model.
func FuzzWheel(f *testing.F) {
	f.Fuzz(func(t *testing.T, start int64, program []byte) {
		if start < 0 {
			start = -(start + 1)
		}
		newModel(t, start).run(program)
	})
}
