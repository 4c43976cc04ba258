package wheel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"lull/internal/dataplane/wheel"
	"lull/internal/invariants"
)

const (
	ms  = int64(time.Millisecond)
	sec = int64(time.Second)
)

// drain pops all that is due and returns how many nodes that were.
func drain(w *wheel.Wheel) (count int) {
	for w.Pop() != nil {
		count++
	}
	return count
}

// mustNext fails unless Next returns want.
func mustNext(t *testing.T, w *wheel.Wheel, want int64) {
	t.Helper()
	if got, ok := w.Next(); !ok || got != want {
		t.Fatalf("Next() = %d, %v, want %d, true", got, ok, want)
	}
}

// Example is a loop's turn: here a connection whose idle timer fires is re-armed once and then let go.
func Example() {
	var timer wheel.Node
	w := wheel.New(0)
	w.Arm(&timer, 60*sec)
	for range 3 {
		now, ok := w.Next()
		if !ok {
			fmt.Println("nothing armed")
			return
		}
		w.Advance(now)
		for n := w.Pop(); n != nil; n = w.Pop() {
			fmt.Println("fired at", time.Duration(now))
			if now < 90*sec {
				w.Arm(n, 90*sec)
			}
		}
	}
	// Output:
	// fired at 1m0s
	// fired at 1m30s
	// nothing armed
}

// TestWorkedExample is the example of the package comment.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	for _, cancelled := range []bool{false, true} {
		t.Run(fmt.Sprintf("cancelled=%v", cancelled), func(t *testing.T) {
			t.Parallel()
			w := wheel.New(10 * sec)
			var a, b, c wheel.Node
			w.Arm(&a, 70*sec+ms/2)
			w.Arm(&b, 71*sec)
			w.Arm(&c, 71*sec)
			want := 1
			if cancelled {
				w.Advance(20 * sec)
				w.Cancel(&a)
				want = 0
			}
			mustNext(t, w, 70_001*ms)
			w.Advance(70_001 * ms)
			if got := drain(w); got != want {
				t.Fatalf("%d nodes popped at 70.001s, want %d", got, want)
			}
			mustNext(t, w, 71*sec)
			w.Advance(71 * sec)
			if got := drain(w); got != 2 {
				t.Fatalf("%d nodes popped at 71s, want b and c", got)
			}
		})
	}
}

// TestNeverEarly shows the pure half of TO-01 at the edges of a tick, and the one tick by which a timer may be late.
func TestNeverEarly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name            string
		start, when, at int64
		fires           bool
	}{
		{"one-ns-before", 0, 5 * ms, 5*ms - 1, false},
		{"on-the-tick", 0, 5 * ms, 5 * ms, true},
		{"within-a-tick", 0, 5*ms + 1, 5*ms + 1, false},
		{"within-a-tick-late", 0, 5*ms + 1, 6*ms - 1, false},
		{"next-tick", 0, 5*ms + 1, 6 * ms, true},
		{"clock-within-a-tick", 5*ms + 2, 5*ms + 3, 6*ms - 1, false},
		{"clock-within-a-tick-due", 5*ms + 2, 5*ms + 3, 6 * ms, true},
		{"already-past", 9 * ms, 5 * ms, 9 * ms, true},
		{"now-exactly", 9 * ms, 9 * ms, 9 * ms, true},
		{"clock-goes-back", 9 * ms, 9 * ms, 8 * ms, false},
		{"hour-before", 0, 3600 * sec, 3600*sec - 1, false},
		{"hour", 0, 3600 * sec, 3600 * sec, true},
		{"zero", 0, 0, 0, true},
		{"negative-clock", -3, 0, -2, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := wheel.New(tt.start)
			var n wheel.Node
			w.Arm(&n, tt.when)
			w.Advance(tt.at)
			if got := w.Pop() != nil; got != tt.fires {
				t.Errorf("armed for %d at %d: popped at %d = %v, want %v", tt.when, tt.start, tt.at, got, tt.fires)
			}
		})
	}
}

// TestLevelBoundaries arms one node at either side of each level's reach, from clocks at either side of the slots'
// edges, and follows Next: as nothing is cancelled it must name the exact tick, with no wake-up before.
func TestLevelBoundaries(t *testing.T) {
	t.Parallel()
	for level := 0; level < wheel.Levels; level++ {
		t.Run(fmt.Sprint("level", level), func(t *testing.T) {
			t.Parallel()
			edge := int64(1) << (wheel.SlotBits * level)
			for _, slot := range []int64{1, 2, 1000, 2046, 2047, 2048, 2049} {
				for off := int64(-2); off <= 2; off++ {
					for _, start := range []int64{0, edge - 1, edge, 2047*edge + 1, 2048*edge - 1} {
						from, span := start, max(1, slot*edge+off)
						if from > math.MaxInt64/tick-span {
							continue // beyond what an int64 can name
						}
						mustFireAt(t, wheel.New(from*tick), (from+span)*tick)
					}
				}
			}
		})
	}
}

// mustFireAt arms a node and follows Next to its end.
func mustFireAt(t *testing.T, w *wheel.Wheel, when int64) {
	t.Helper()
	var n wheel.Node
	w.Arm(&n, when)
	mustNext(t, w, when)
	w.Advance(when - 1)
	if w.Pop() != nil {
		t.Fatalf("armed for %d: popped one ns before", when)
	}
	w.Advance(when)
	if w.Pop() != &n {
		t.Fatalf("armed for %d: not popped then", when)
	}
	if err := w.Verify(); err != nil {
		t.Fatal(err)
	}
}

// TestCascadeThroughEveryLevel keeps company with a far node by near ones, so that it comes down level by level.
func TestCascadeThroughEveryLevel(t *testing.T) {
	t.Parallel()
	var far, near wheel.Node
	w := wheel.New(0)
	const when = 200 * 365 * 24 * 3600 * sec // level 3
	w.Arm(&far, when)
	for _, before := range []int64{40 * 24 * 3600 * sec, 24 * 3600 * sec, 60 * sec, 10 * ms, ms} {
		w.Arm(&near, when-before)
		mustNext(t, w, when-before)
		w.Advance(when - before)
		if got := w.Pop(); got != &near {
			t.Fatalf("Pop() %d before the far deadline = %+v, want the near node", before, got)
		}
		if err := w.Verify(); err != nil {
			t.Fatal(err)
		}
	}
	w.Advance(when)
	if got := w.Pop(); got != &far {
		t.Fatalf("Pop() at the far deadline = %+v", got)
	}
}

// TestJumpFiresOnce is the pure half of TO-10: after the process was stopped, everything due fires, once, and the rest
// stays armed.
func TestJumpFiresOnce(t *testing.T) {
	t.Parallel()
	const count = 20000
	for _, jump := range []time.Duration{3 * time.Second, time.Minute, 24 * time.Hour, 400 * 24 * time.Hour} {
		t.Run(jump.String(), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed(t), 0))
			w, nodes := wheel.New(sec), make([]wheel.Node, count)
			now, due := sec+int64(jump), 0
			for i := range nodes {
				when := sec + r.Int64N(2*int64(jump))
				w.Arm(&nodes[i], when)
				if ceil(when)*ms <= now {
					due++
				}
			}
			w.Advance(now)
			if got := drain(w); got != due {
				t.Fatalf("%d nodes popped after a jump of %v, want %d", got, jump, due)
			}
			w.Advance(now)
			if got := drain(w); got != 0 {
				t.Fatalf("%d nodes popped again", got)
			}
			w.Advance(now + int64(jump))
			if got := drain(w); got != count-due {
				t.Fatalf("%d nodes popped after the second jump, want %d", got, count-due)
			}
		})
	}
}

// TestClockGoesBack: a lower reading than the last changes nothing (TO-10).
func TestClockGoesBack(t *testing.T) {
	t.Parallel()
	w := wheel.New(10 * sec)
	var n wheel.Node
	w.Arm(&n, 11*sec)
	w.Advance(5 * sec)
	mustNext(t, w, 11*sec)
	w.Advance(11 * sec)
	if got := drain(w); got != 1 {
		t.Errorf("%d nodes popped, want 1", got)
	}
}

// TestRearmInThePast: handling that re-arms every node in the past ends, and they are due at the next Advance.
func TestRearmInThePast(t *testing.T) {
	t.Parallel()
	const count, rounds = 10, 5
	w, nodes := wheel.New(0), make([]wheel.Node, count)
	for i := range nodes {
		w.Arm(&nodes[i], sec)
	}
	for round := range rounds {
		w.Advance(2 * sec)
		popped := 0
		for n := w.Pop(); n != nil; n = w.Pop() {
			if popped++; popped > count {
				t.Fatalf("round %d: Pop goes on after all %d nodes", round, count)
			}
			w.Arm(n, int64(popped)) // long past
		}
		if popped != count {
			t.Fatalf("round %d: %d nodes popped, want %d", round, popped, count)
		}
		if next, ok := w.Next(); !ok || next > 2*sec {
			t.Fatalf("round %d: Next() = %d, %v, want the past", round, next, ok)
		}
	}
}

// TestChangeWhilePopping: a node's handling cancels one due node, postpones another and arms a third, not yet armed.
func TestChangeWhilePopping(t *testing.T) {
	t.Parallel()
	w := wheel.New(0)
	nodes := make([]wheel.Node, 4)
	for i := range nodes {
		nodes[i].Ref = uint32(i)
	}
	for i := range 3 {
		w.Arm(&nodes[i], sec)
	}
	w.Advance(sec)
	first := w.Pop()
	others := make([]*wheel.Node, 0, 2)
	for i := range 3 {
		if &nodes[i] != first {
			others = append(others, &nodes[i])
		}
	}
	w.Cancel(others[0])
	w.Arm(others[1], 2*sec)
	w.Arm(&nodes[3], 3*sec)
	if n := w.Pop(); n != nil {
		t.Fatalf("Pop() = node %d, want none", n.Ref)
	}
	mustNext(t, w, 2*sec)
	w.Advance(3 * sec)
	if got := drain(w); got != 2 || w.Len() != 0 {
		t.Errorf("%d nodes popped and %d left, want 2 and 0", got, w.Len())
	}
}

// TestFarthest: deadlines near the end of int64, timeout.Never among them.
func TestFarthest(t *testing.T) {
	t.Parallel()
	w := wheel.New(sec)
	var never, last wheel.Node
	w.Arm(&never, math.MaxInt64)
	mustNext(t, w, math.MaxInt64)
	lastTick := math.MaxInt64 / ms * ms
	w.Arm(&last, lastTick)
	w.Advance(lastTick - 1)
	if n := w.Pop(); n != nil {
		t.Fatalf("popped %d at %d", n.When(), lastTick-1)
	}
	w.Advance(math.MaxInt64)
	if n := w.Pop(); n != &last {
		t.Fatalf("Pop() at the end of time = %+v, want the last tick's node", n)
	}
	if w.Pop() != nil || !never.Armed() {
		t.Error("a node armed for timeout.Never fired")
	}
}

func TestZeroNodeAndEmptyWheel(t *testing.T) {
	t.Parallel()
	w := wheel.New(0)
	var n wheel.Node
	w.Cancel(&n)
	w.Advance(24 * 3600 * sec)
	if _, ok := w.Next(); ok || n.Armed() || w.Len() != 0 || w.Pop() != nil {
		t.Errorf("empty wheel: Next ok = %v, Armed = %v, Len = %d", ok, n.Armed(), w.Len())
	}
}

// TestWakesRarely follows Next with 4,500 timers around 60 s, the idle connections of a loop, and counts its turns: one
// for each tick that has a deadline. Then with a tenth of the timers cancelled, which may cost a wake-up for each slot.
func TestWakesRarely(t *testing.T) {
	t.Parallel()
	const count, cancelled = 4500, 450
	const from, spread, slotTicks = 55 * sec, 10 * sec, 2048
	r := rand.New(rand.NewPCG(seed(t), 0))
	w, nodes := wheel.New(0), make([]wheel.Node, count)
	ticks := make(map[int64]bool)
	for i := range nodes {
		w.Arm(&nodes[i], from+r.Int64N(spread))
		if i >= cancelled {
			ticks[ceil(nodes[i].When())] = true
		}
	}
	w.Advance(20 * sec)
	for i := range cancelled {
		w.Cancel(&nodes[i])
	}
	wakes, popped := 0, 0
	for next, ok := w.Next(); ok; next, ok = w.Next() {
		wakes++
		w.Advance(next)
		popped += drain(w)
	}
	if popped != count-cancelled {
		t.Fatalf("%d nodes popped, want %d", popped, count-cancelled)
	}
	slots := int(spread/(slotTicks*ms)) + 2
	if wakes < len(ticks) || wakes > len(ticks)+slots {
		t.Errorf("%d wake-ups for %d ticks with a deadline, want at most %d more", wakes, len(ticks), slots)
	}
	t.Logf("%d wake-ups, %d ticks with a deadline", wakes, len(ticks))
}

func TestAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w, nodes, now := wheel.New(0), make([]wheel.Node, 100), int64(0)
	got := testing.AllocsPerRun(1000, func() {
		for i := range nodes {
			w.Arm(&nodes[i], now+int64(i)*100*ms)
		}
		for i := 0; i < len(nodes); i += 3 {
			w.Cancel(&nodes[i])
		}
		now += 5 * sec
		w.Advance(now)
		drain(w)
		w.Next()
	})
	if got != 0 {
		t.Errorf("%v allocations for 100 timers, want 0", got)
	}
}

func TestNodeSize(t *testing.T) {
	t.Parallel()
	want := uintptr(32)
	if invariants.Enabled {
		want += unsafe.Sizeof(uintptr(0))
	}
	if got := unsafe.Sizeof(wheel.Node{}); got != want {
		t.Errorf("a Node takes %d bytes, want %d", got, want)
	}
}

// TestMisusePanics: with the checks compiled in, misuse is found where it happens.
func TestMisusePanics(t *testing.T) {
	t.Parallel()
	if !invariants.Enabled {
		t.Skip("needs the build tag invariants")
	}
	tests := []struct {
		name   string
		misuse func(w, other *wheel.Wheel, nodes []wheel.Node)
	}{
		{"arm-in-another-wheel", func(_, other *wheel.Wheel, nodes []wheel.Node) { other.Arm(&nodes[1], sec) }},
		{"cancel-in-another-wheel", func(_, other *wheel.Wheel, nodes []wheel.Node) { other.Cancel(&nodes[1]) }},
		{"arm-a-copy", func(w, _ *wheel.Wheel, nodes []wheel.Node) {
			nodes[3] = nodes[1]
			w.Arm(&nodes[3], sec)
		}},
		{"neighbour-overwritten", func(w, _ *wheel.Wheel, nodes []wheel.Node) {
			nodes[1] = wheel.Node{}
			w.Cancel(&nodes[0])
		}},
		{"overwritten-before-pop", func(w, _ *wheel.Wheel, nodes []wheel.Node) {
			nodes[1] = wheel.Node{}
			w.Advance(sec)
			drain(w)
		}},
		{"nil", func(w, _ *wheel.Wheel, _ []wheel.Node) { w.Arm(nil, sec) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, nodes := wheel.New(0), make([]wheel.Node, 4)
			for i := range 3 {
				w.Arm(&nodes[i], sec)
			}
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			tt.misuse(w, wheel.New(0), nodes)
		})
	}
}
