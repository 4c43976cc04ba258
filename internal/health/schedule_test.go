package health

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

// TestScheduleOrder holds the heap against a list that is sorted, through anything that may be done to it.
func TestScheduleOrder(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	var s schedule
	probers := make([]*prober, 100)
	for i := range probers {
		probers[i] = &prober{}
	}
	at := map[*prober]int64{}
	for step := range 20_000 {
		p := probers[random.IntN(len(probers))]
		if _, in := at[p]; in && random.IntN(3) == 0 {
			s.remove(p)
			delete(at, p)
		} else {
			at[p] = random.Int64N(500)
			s.set(p, at[p])
		}
		want := int64(never)
		for _, due := range at {
			want = min(want, due)
		}
		if got := s.first(); got != want {
			t.Fatalf("seed %d, step %d: first: got %d, want %d", seed, step, got, want)
		}
		if len(s.entries) != len(at) {
			t.Fatalf("seed %d, step %d: entries: got %d, want %d", seed, step, len(s.entries), len(at))
		}
	}
	for i, e := range s.entries {
		if e.at != at[e.prober] || int(e.prober.slot) != i+1 {
			t.Fatalf("seed %d: entry %d: got %d in slot %d, want %d", seed, i, e.at, e.prober.slot, at[e.prober])
		}
	}
}

// jam is a checker whose lock a test has for some time.
type jam struct {
	*Checker
	asked func() // called with the lock held, by the Apply of ask
}

// asker is the address of a backend without a check, by which the test hears that Apply has the lock.
const asker = "10.9.9.2:1"

// newJam returns one with backends that have been probed once, and the plan that has them. Until the test ends, goroutines have one core: on
// two, when a goroutine gets to run would be for the operating system to say, and who has the lock would hang on that.
func newJam(t *testing.T, backends int, interval time.Duration, probe func()) (*jam, *plan.Plan) {
	t.Helper()
	t.Cleanup(func(n int) func() { return func() { runtime.GOMAXPROCS(n) } }(runtime.GOMAXPROCS(1)))
	j := &jam{}
	verdicts := make(chan struct{}, backends)
	j.Checker = New(literal, func(key plan.BackendKey, _ bool, detail string) {
		switch {
		case key.Endpoint() == asker:
			j.asked()
		case detail != Unchecked:
			verdicts <- struct{}{}
		}
	})
	j.probes[plan.CheckTCP] = func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error {
		probe()
		return nil
	}
	t.Cleanup(j.Close)
	list := make([]string, backends)
	for i := range list {
		list[i] = fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1)
	}
	p := testPlan(&plan.HealthCheck{Interval: interval, Timeout: time.Minute}, list...)
	j.Apply(p)
	for range backends {
		<-verdicts
	}
	return j, p
}

// hold takes the lock at a moment at which there are so many workers.
func (j *jam) hold(t *testing.T, workers int) {
	t.Helper()
	until(t, "the workers are idle", func() bool {
		j.mu.Lock()
		if j.turns.workers == workers {
			return true
		}
		j.mu.Unlock()
		return false
	})
}

// ask gives the lock back when an Apply waits for it behind everybody else, and returns what count says when that has it.
func (j *jam) ask(t *testing.T, p *plan.Plan, count func() int) int {
	t.Helper()
	counted := make(chan int, 1)
	j.asked = func() { counted <- count() }
	more := testPlan(nil, asker).LoadBalancers[0]
	more.Name = "asker"
	go j.Apply(&plan.Plan{LoadBalancers: append(slices.Clone(p.LoadBalancers), more)})
	until(t, "Apply waits", func() bool { return waiting("health.(*Checker).Apply") == 1 })
	<-time.After(10 * time.Millisecond) // for one millisecond a mutex goes to whoever runs, however many wait
	j.mu.Unlock()
	return <-counted
}

// waiting counts the goroutines that wait for a mutex in a function.
func waiting(function string) int {
	buf := make([]byte, 16<<20)
	n := 0
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		head, _, _ := strings.Cut(stack, "\n")
		if strings.Contains(head, "Mutex.Lock") && strings.Contains(stack, function) {
			n++
		}
	}
	return n
}

// until fails the test unless something comes to hold.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("%s: not within 30 s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// TestDueProbersDoNotPileUp: while somebody holds the lock a thousand probers become due. That is one goroutine that waits, and it lets
// others in between. Not parallel: it counts goroutines.
func TestDueProbersDoNotPileUp(t *testing.T) {
	const backends, interval = 1000, 200 * time.Millisecond
	j, p := newJam(t, backends, interval, func() {})
	j.hold(t, 0)
	busy := func() (n int) { // with the lock held
		for _, b := range j.checked {
			if b.first.stage != idle {
				n++
			}
		}
		return n
	}
	before := busy()
	<-time.After(2 * interval)
	if got := waiting("health.(*Checker)") + waiting("health.(*prober)"); got > 1 {
		t.Errorf("goroutines that wait for the lock after all probers have become due: got %d, want one", got)
	}
	if got := j.ask(t, p, busy) - before; got > 2*wakeMax {
		t.Errorf("of %d probers that were due, those that went before a change: got %d, want some %d", backends, got, wakeMax)
	}
}

// TestWorkersLetOthersGoFirst: more than a hundred workers wait for the lock, and a change that comes after them does not wait for them
// all. Not parallel, like the one above.
func TestWorkersLetOthersGoFirst(t *testing.T) {
	gate, stop := make(chan struct{}), make(chan struct{})
	defer close(stop)
	var slow atomic.Bool
	var probes atomic.Int64
	j, p := newJam(t, probesMax, 50*time.Millisecond, func() {
		switch {
		case !slow.Load():
		case probes.Add(1) <= probesMax:
			<-gate
		default:
			<-stop
		}
	})
	slow.Store(true)
	until(t, "every worker probes", func() bool { return probes.Load() == probesMax })
	j.hold(t, probesMax)
	results := func() (n int) { // with the lock held
		for _, b := range j.checked {
			n += int(b.first.streak)
		}
		return n
	}
	before := results()
	close(gate)
	until(t, "every worker waits", func() bool { return waiting("health.(*Checker).next") == probesMax })
	if got := j.ask(t, p, results) - before; got > 8 {
		t.Errorf("of the results of %d workers, those that were taken before a change: got %d, want one or two", probesMax, got)
	}
}
