package wheel_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/wheel"
)

// Goals: arm, cancel and expire at or below 100 ns each with 1,000,000 timers in the wheel, whose deadlines are spread
// over an hour, with no allocation; an Advance with nothing due of no account. Not a goal: a wheel that fits in the
// cache. Hence the slab is larger than the armed part, and each operation comes to nodes that were last touched
// hundreds of thousands of operations ago.
const (
	benchArmed = 1_000_000
	benchSpare = 300_000 // nodes not armed: what the armed part moves through, as a window on the order
	benchBatch = 50_000  // operations between two stops of the clock
	benchSpan  = time.Hour
)

// conn is a node the way a connection holds one: in a slab, at strides of about 300 bytes.
type conn struct {
	timer wheel.Node
	_     [304 - 32]byte
}

// field is a wheel full of timers, and the order in which they are visited.
type field struct {
	w          *wheel.Wheel
	node       func(i uint32) *wheel.Node
	order      []uint32
	delay      []int64
	head, tail int // the armed part of order, going round
}

// stopwatch runs alongside the benchmark's own clock but counts the thread's CPU time, which waits for memory and does
// not grow when other processes want the same core. It is reported as cpu-ns/op.
type stopwatch struct {
	b     *testing.B
	since int64
	total int64
}

// watch starts a stopwatch, which the caller must report when done.
func watch(b *testing.B) *stopwatch {
	runtime.LockOSThread()
	b.Cleanup(runtime.UnlockOSThread)
	s := &stopwatch{b: b}
	s.since = s.cpu()
	return s
}

func (s *stopwatch) cpu() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		s.b.Fatal(err)
	}
	return ts.Nano()
}

// without runs what is not to be measured.
func (s *stopwatch) without(op func()) {
	s.b.StopTimer()
	s.total += s.cpu() - s.since
	op()
	s.since = s.cpu()
	s.b.StartTimer()
}

func (s *stopwatch) report(perOp int) {
	s.total += s.cpu() - s.since
	s.b.ReportMetric(float64(s.total)/float64(s.b.N)/float64(perOp), "cpu-ns/op")
}

// newField makes a slab at the given stride, not armed.
func newField(stride, order string) *field {
	total := benchArmed + benchSpare
	f := &field{w: wheel.New(0), order: make([]uint32, total), delay: make([]int64, total)}
	if stride == "300B" {
		slab := make([]conn, total)
		f.node = func(i uint32) *wheel.Node { return &slab[i].timer }
	} else {
		slab := make([]wheel.Node, total)
		f.node = func(i uint32) *wheel.Node { return &slab[i] }
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range f.order {
		f.order[i] = uint32(i)
		f.delay[i] = r.Int64N(int64(benchSpan))
		f.w.Arm(f.node(uint32(i)), 1) // touches every page
		f.w.Cancel(f.node(uint32(i)))
	}
	if order == "random" {
		r.Shuffle(total, func(i, j int) { f.order[i], f.order[j] = f.order[j], f.order[i] })
	}
	return f
}

// arm arms the next node of the order.
func (f *field) arm() {
	i := f.head
	f.w.Arm(f.node(f.order[i]), f.delay[i])
	if f.head++; f.head == len(f.order) {
		f.head = 0
	}
}

// cancel cancels the node armed longest ago.
func (f *field) cancel() {
	f.w.Cancel(f.node(f.order[f.tail]))
	if f.tail++; f.tail == len(f.order) {
		f.tail = 0
	}
}

func repeat(n int, op func()) {
	for range n {
		op()
	}
}

// each runs a benchmark for both strides and both orders.
func each(b *testing.B, run func(b *testing.B, f *field)) {
	for _, stride := range []string{"32B", "300B"} {
		for _, order := range []string{"allocation", "random"} {
			b.Run(fmt.Sprintf("stride=%s/order=%s", stride, order), func(b *testing.B) {
				b.ReportAllocs()
				run(b, newField(stride, order))
			})
		}
	}
}

func BenchmarkArm(b *testing.B) {
	each(b, func(b *testing.B, f *field) {
		repeat(benchArmed+benchBatch, f.arm)
		clock := watch(b)
		for i := 0; b.Loop(); i++ {
			if i%benchBatch == 0 {
				clock.without(func() { repeat(benchBatch, f.cancel) })
			}
			f.arm()
		}
		clock.report(1)
	})
}

func BenchmarkCancel(b *testing.B) {
	each(b, func(b *testing.B, f *field) {
		repeat(benchArmed, f.arm)
		clock := watch(b)
		for i := 0; b.Loop(); i++ {
			if i%benchBatch == 0 {
				clock.without(func() { repeat(benchBatch, f.arm) })
			}
			f.cancel()
		}
		clock.report(1)
	})
}

// BenchmarkRearm moves armed nodes to another deadline: a cancel and an arm.
func BenchmarkRearm(b *testing.B) {
	each(b, func(b *testing.B, f *field) {
		repeat(benchArmed, f.arm)
		clock := watch(b)
		i := 0
		for b.Loop() {
			f.w.Arm(f.node(f.order[i]), f.delay[len(f.delay)-1-i])
			if i++; i == benchArmed {
				i = 0
			}
		}
		clock.report(1)
	})
}

// BenchmarkExpire lets time go by in steps of a tick until a node pops, cascades and empty turns included. Popped nodes
// are armed again for an hour later, a batch at a time and outside the measurement.
func BenchmarkExpire(b *testing.B) {
	each(b, func(b *testing.B, f *field) {
		repeat(benchArmed, f.arm)
		popped := make([]*wheel.Node, 0, benchBatch)
		rearm := func() {
			for _, n := range popped {
				f.w.Arm(n, n.When()+int64(benchSpan))
			}
			popped = popped[:0]
		}
		now := int64(0)
		clock := watch(b)
		for b.Loop() {
			n := f.w.Pop()
			for n == nil {
				now += int64(wheel.Tick)
				f.w.Advance(now)
				n = f.w.Pop()
			}
			if popped = append(popped, n); len(popped) == benchBatch {
				clock.without(rearm)
			}
		}
		clock.report(1)
	})
}

// BenchmarkBurst makes n nodes of one upper slot due with one Advance and pops them: the longest a loop is held up.
// Its cpu-ns/op is for one node.
func BenchmarkBurst(b *testing.B) {
	for _, n := range []int{5000, 100_000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			f := newField("300B", "random")
			now := int64(0)
			clock := watch(b)
			for b.Loop() {
				clock.without(func() {
					now += int64(time.Minute)
					for i := range n {
						f.w.Arm(f.node(f.order[i]), now+f.delay[i]%int64(time.Second))
					}
					now += int64(time.Second)
					f.evict()
				})
				f.w.Advance(now)
				for f.w.Pop() != nil {
				}
			}
			clock.report(n)
		})
	}
}

// evict touches the spare part of the slab, so that the rest leaves the cache.
func (f *field) evict() {
	for _, i := range f.order[benchArmed:] {
		f.node(i).Ref++
	}
}

// BenchmarkAdvanceIdle is a turn of a loop in which no timer is due.
func BenchmarkAdvanceIdle(b *testing.B) {
	b.ReportAllocs()
	w, n := wheel.New(0), new(wheel.Node)
	w.Arm(n, int64(300*24*time.Hour))
	now := int64(0)
	clock := watch(b)
	for b.Loop() {
		now += 1000
		w.Advance(now)
		if w.Pop() != nil {
			b.Fatal("a node popped")
		}
		if _, ok := w.Next(); !ok {
			b.Fatal("no node is armed")
		}
	}
	clock.report(1)
}
