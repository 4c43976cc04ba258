package health

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lull/internal/dataplane/plan"
)

// TestMain fails the run when a goroutine of this package is left after all tests: each of them closes its checker.
// The tests run in parallel, so that only here the number of goroutines means anything; a bubble of synctest, besides,
// waits for its own.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(5 * time.Second); code == 0 && left != "" {
		fmt.Fprintf(os.Stderr, "goroutines left after the tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of the goroutines, other than this one, that still run code of ours, once patience ran out.
func leaked(patience time.Duration) string {
	deadline := time.Now().Add(patience)
	for {
		buf := make([]byte, 1<<20)
		stacks := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
		ours := slices.DeleteFunc(stacks[1:], func(s string) bool { return !strings.Contains(s, "lull/internal/") })
		if len(ours) == 0 || time.Now().After(deadline) {
			return strings.Join(ours, "\n\n")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// testPlan makes a plan of one set with a check, which may be nil, and backends given as "address:port".
func testPlan(check *plan.HealthCheck, backends ...string) *plan.Plan {
	set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: "lb", Name: "s"}, HealthCheck: check}
	for _, b := range backends {
		at := netip.MustParseAddrPort(b)
		key := plan.BackendKey{Set: set.Key, Host: at.Addr().String(), Port: at.Port()}
		set.Backends = append(set.Backends, plan.Backend{Key: key})
	}
	return &plan.Plan{LoadBalancers: []*plan.LoadBalancer{{Name: "lb", BackendSets: []*plan.BackendSet{set}}}}
}

// literal returns the address that a backend of testPlan is given by.
func literal(key plan.BackendKey) []netip.AddrPort {
	return []netip.AddrPort{netip.MustParseAddrPort(key.Endpoint())}
}

// bench is a checker in a bubble whose probes ask a table, and what it did.
type bench struct {
	*Checker
	start time.Time

	mu      sync.Mutex
	failing map[netip.AddrPort]error
	delay   map[netip.AddrPort]time.Duration
	addrs   func(plan.BackendKey) []netip.AddrPort
	probed  map[netip.AddrPort][]time.Duration // when, since the start
	reports []string
	flying  int
	most    int
}

// newBench returns a bench; the test closes it.
func newBench() *bench {
	b := &bench{
		start:   time.Now(),
		failing: map[netip.AddrPort]error{},
		delay:   map[netip.AddrPort]time.Duration{},
		probed:  map[netip.AddrPort][]time.Duration{},
		addrs:   literal,
	}
	b.Checker = New(b.where, b.took)
	b.probes = map[plan.CheckProtocol]probe{plan.CheckTCP: b.ask}
	return b
}

func (b *bench) where(key plan.BackendKey) []netip.AddrPort {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.addrs(key)
}

// took records a report as "port up detail" or "port down detail".
func (b *bench) took(key plan.BackendKey, isUp bool, detail string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	word := "down"
	if isUp {
		word = "up"
	}
	b.reports = append(b.reports, fmt.Sprintf("%d %s %s", key.Port, word, detail))
}

// ask is the probe.
func (b *bench) ask(ctx context.Context, _ string, to netip.AddrPort, check *plan.HealthCheck) error {
	b.mu.Lock()
	b.probed[to] = append(b.probed[to], time.Since(b.start))
	err, delay := b.failing[to], b.delay[to]
	b.flying++
	b.most = max(b.most, b.flying)
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		b.flying--
		b.mu.Unlock()
	}()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return fmt.Errorf("connect timed out after %v", check.Timeout)
		}
	}
	return err
}

// fail makes the probes of a port on 10.0.0.1 fail with that text, or succeed if it is empty.
func (b *bench) fail(port uint16, text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := addrPort(port)
	if text == "" {
		delete(b.failing, at)
		return
	}
	b.failing[at] = errors.New(text)
}

// times returns when a port was probed.
func (b *bench) times(port uint16) []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.probed[addrPort(port)])
}

// want fails the test unless these, in any order, were the reports since the last want.
func (b *bench) want(t *testing.T, what string, want ...string) {
	t.Helper()
	synctest.Wait()
	b.mu.Lock()
	got := b.reports
	b.reports = nil
	b.mu.Unlock()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: reports\ngot  %q\nwant %q", what, got, want)
	}
}

// count returns how many reports there have been since the last want.
func (b *bench) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.reports)
}

// step lets time pass until shortly after the nth probe of a port.
func (b *bench) step(t *testing.T, port uint16, nth int) {
	t.Helper()
	for range 100_000 {
		synctest.Wait()
		if len(b.times(port)) >= nth {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("probe %d of port %d does not come", nth, port)
}

func addrPort(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, 1}), port)
}

// tenSeconds is the check that most tests use.
func tenSeconds() *plan.HealthCheck {
	return &plan.HealthCheck{Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 3}
}

func TestFirstVerdictAndThresholds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.fail(2, "connect refused")
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1", "10.0.0.1:2"))
		b.want(t, "first probes, at once", "1 up connected", "2 down connect refused")
		if got := time.Since(b.start); got != 0 {
			t.Errorf("first verdicts after %v, want 0s", got)
		}

		b.step(t, 2, 3)
		b.want(t, "further failures of a new one")
		b.fail(2, "")
		b.step(t, 2, 4)
		b.want(t, "its first success", "2 up connected")
		before := len(b.times(1))
		b.fail(1, "connect refused")
		b.step(t, 1, before+2)
		b.want(t, "second failure")
		b.step(t, 1, before+3)
		b.want(t, "third failure", "1 down connect refused")
		b.fail(1, "something else")
		b.step(t, 1, before+6)
		b.want(t, "down is down whatever the words")
		b.fail(1, "")
		b.step(t, 1, before+7)
		b.want(t, "first success of one that went down")
		b.step(t, 1, before+8)
		b.want(t, "second success", "1 up connected")
	})
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		check := tenSeconds()
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.step(t, 1, 6)
		got := b.times(1)
		if got[0] != 0 {
			t.Errorf("first probe: got %v, want 0s", got[0])
		}
		if got[1] <= 0 || got[1] > check.Interval {
			t.Errorf("second probe: got %v, want within the first interval", got[1])
		}
		for i := 2; i < len(got); i++ {
			if gap := got[i] - got[i-1]; gap != check.Interval {
				t.Errorf("probe %d came %v after the one before, want %v", i+1, gap, check.Interval)
			}
		}
	})
}

// A thousand backends: all at once only at the start, then evenly, and at the same places in every run.
func TestProbesAreSpread(t *testing.T) {
	t.Parallel()
	const backends, slices = 1000, 10
	var list []string
	for i := range backends {
		list = append(list, fmt.Sprintf("10.0.0.1:%d", i+1))
	}
	run := func(t *testing.T) map[uint16]time.Duration {
		places := map[uint16]time.Duration{}
		synctest.Test(t, func(t *testing.T) {
			b := newBench()
			defer b.Close()
			check := tenSeconds()
			b.Apply(testPlan(check, list...))
			time.Sleep(check.Interval)
			synctest.Wait()
			var count [slices]int
			for port := uint16(1); port <= backends; port++ {
				at := b.times(port)
				if len(at) != 2 {
					t.Fatalf("port %d: got %d probes in the first interval, want 2", port, len(at))
				}
				places[port] = at[1]
				count[int((at[1]-1)*slices/check.Interval)]++
			}
			for i, n := range count { // 100 expected, standard deviation 9.5
				if n < 60 || n > 140 {
					t.Errorf("tenth %d of the interval: got %d probes, want about %d", i, n, backends/slices)
				}
			}
		})
		return places
	}
	first, second := run(t), run(t)
	for port, at := range first {
		if second[port] != at {
			t.Fatalf("port %d: got its place at %v, then at %v", port, at, second[port])
		}
	}
}

func TestSlowProbesDoNotPileUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.delay[addrPort(1)] = time.Hour
		check := &plan.HealthCheck{Interval: 2 * time.Second, Timeout: 5 * time.Second, Healthy: 1, Unhealthy: 1}
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.step(t, 1, 5)
		got := b.times(1)
		for i := 1; i < len(got); i++ {
			if gap := got[i] - got[i-1]; gap != check.Timeout {
				t.Errorf("probe %d came %v after the one before, want it at once behind that, which takes %v", i+1, gap, check.Timeout)
			}
		}
		b.want(t, "verdict", "1 down connect timed out after 5s")
	})
}

func TestProbesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		var list []string
		for port := uint16(1); port <= 3*probesMax; port++ {
			list = append(list, addrPort(port).String())
			b.delay[addrPort(port)] = time.Hour
		}
		check := &plan.HealthCheck{Interval: 1000 * time.Hour, Timeout: 5 * time.Second, Healthy: 1, Unhealthy: 1}
		b.Apply(testPlan(check, list...))
		time.Sleep(15*time.Second - time.Nanosecond)
		synctest.Wait()
		if got, want := b.count(), 2*probesMax; got != want {
			t.Errorf("verdicts just before 15 s: got %d, want %d", got, want)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got, want := b.count(), 3*probesMax; got != want {
			t.Errorf("verdicts after 15 s: got %d, want %d", got, want)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.most != probesMax {
			t.Errorf("probes at a time: got %d, want %d", b.most, probesMax)
		}
	})
}

func TestNoCheckIsUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.fail(1, "connect refused")
		b.Apply(testPlan(nil, "10.0.0.1:1"))
		b.want(t, "no check from the start", "1 up no health check")
		b.Apply(testPlan(nil, "10.0.0.1:1"))
		b.want(t, "the same again")
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		b.want(t, "a check is added", "1 down connect refused")
		b.Apply(testPlan(nil, "10.0.0.1:1"))
		b.want(t, "the check is removed", "1 up no health check")
		time.Sleep(time.Hour)
		if got := len(b.times(1)); got != 1 {
			t.Errorf("probes without a check: got %d, want 0", got-1)
		}
	})
}

func TestUnchangedCheckKeepsItsSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1", "10.0.0.1:2"))
		b.want(t, "start", "1 up connected", "2 up connected")
		b.step(t, 1, 2)
		second := b.times(1)[1]
		for i := range 20 { // others come and go, every second
			time.Sleep(time.Second)
			list := []string{"10.0.0.1:1"}
			if i%2 == 0 {
				list = append(list, "10.0.0.1:2", "10.0.0.1:3")
			}
			b.Apply(testPlan(tenSeconds(), list...))
		}
		b.step(t, 1, 4)
		if got, want := b.times(1)[2:], []time.Duration{second + 10*time.Second, second + 20*time.Second}; !slices.Equal(got, want) {
			t.Errorf("probes of the backend that stayed: got %v, want %v", got, want)
		}
		synctest.Wait()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, r := range b.reports {
			if strings.HasPrefix(r, "1 ") {
				t.Errorf("report about the backend that stayed: %q", r)
			}
		}
	})
}

func TestChangedThresholdsKeepTheState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		check := tenSeconds()
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.want(t, "start", "1 up connected")
		b.fail(1, "connect refused")
		b.step(t, 1, 4)
		b.want(t, "three failures", "1 down connect refused")
		b.fail(1, "")
		lax := *check
		lax.Healthy = 4
		b.Apply(testPlan(&lax, "10.0.0.1:1"))
		b.step(t, 1, 7)
		b.want(t, "three successes of four")
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.want(t, "a lower threshold alone changes nothing")
		b.step(t, 1, 8)
		b.want(t, "the next success", "1 up connected")
		if got, want := b.times(1)[7]-b.times(1)[6], check.Interval; got != want {
			t.Errorf("interval over a change of thresholds: got %v, want %v", got, want)
		}
	})
}

func TestChangedInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.fail(1, "connect refused")
		long := tenSeconds()
		long.Interval = 300 * time.Second
		b.Apply(testPlan(long, "10.0.0.1:1"))
		b.want(t, "start", "1 down connect refused")
		b.step(t, 1, 2)
		time.Sleep(time.Second)
		at := time.Since(b.start)
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		b.step(t, 1, 4)
		got := b.times(1)
		if wait := got[2] - at; wait <= 0 || wait > 10*time.Second {
			t.Errorf("first probe after the change: got %v later, want within the new interval", wait)
		}
		if gap := got[3] - got[2]; gap != 10*time.Second {
			t.Errorf("interval after the change: got %v, want 10s", gap)
		}
		b.want(t, "the state is kept")
	})
}

func TestChangedPortBeginsAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.fail(1, "connect refused")
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		b.want(t, "start", "1 down connect refused")
		other := tenSeconds()
		other.Port = 9000
		b.Apply(testPlan(other, "10.0.0.1:1"))
		b.want(t, "first probe of the other port, at once", "1 up connected")
		if got := b.times(9000); len(got) != 1 || got[0] != 0 {
			t.Errorf("probes of the other port: got %v, want one at 0s", got)
		}
	})
}

// The result of a probe that was under way when the port changed is an answer to a question nobody asks any more.
func TestChangedPortDuringProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.fail(1, "connect refused")
		b.delay[addrPort(1)] = 2 * time.Second
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		time.Sleep(time.Second)
		other := tenSeconds()
		other.Port = 9000
		b.Apply(testPlan(other, "10.0.0.1:1"))
		time.Sleep(2 * time.Second)
		b.want(t, "one verdict, on the new port", "1 up connected")
	})
}

func TestRemovedDuringProbe(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.delay[addrPort(1)] = time.Second
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		synctest.Wait()
		b.Apply(testPlan(tenSeconds()))
		time.Sleep(time.Hour)
		b.want(t, "a backend that left")
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		synctest.Wait()
		b.Close()
		b.Apply(testPlan(nil, "10.0.0.1:2"))
		time.Sleep(time.Hour)
		b.want(t, "after Close")
	})
}

func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.addrs = func(plan.BackendKey) []netip.AddrPort {
			return []netip.AddrPort{addrPort(101), addrPort(102), addrPort(103)}
		}
		b.delay[addrPort(101)] = time.Hour
		b.fail(102, "connect refused")
		check := tenSeconds()
		check.Unhealthy = 1
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.want(t, "one of three answers, and nobody waits for the others", "1 up connected")
		b.fail(103, "connect refused")
		b.step(t, 103, 2)
		time.Sleep(check.Timeout)
		b.want(t, "none answers",
			"1 down connect timed out after 5s at 10.0.0.1:101, and 2 more of its addresses failed")
	})
}

func TestNoAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		known := false // guarded by b.mu
		b.addrs = func(plan.BackendKey) []netip.AddrPort {
			if !known {
				return nil
			}
			return []netip.AddrPort{addrPort(1)}
		}
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		time.Sleep(addrWaitMax - time.Nanosecond)
		b.want(t, "while the first lookup may still be under way")
		time.Sleep(time.Nanosecond)
		b.want(t, "after that", "1 down no address")
		b.mu.Lock()
		known = true
		b.mu.Unlock()
		b.step(t, 1, 1)
		b.want(t, "the first probe that finds an address stands alone", "1 up connected")
	})
}

func TestAddressComesWithTheFirstLookup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.addrs = func(plan.BackendKey) []netip.AddrPort {
			if time.Since(b.start) < 30*time.Millisecond {
				return nil
			}
			return []netip.AddrPort{addrPort(1)}
		}
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		time.Sleep(100 * time.Millisecond)
		b.want(t, "100 ms after the plan", "1 up connected")
	})
}

// A machine that has run out of descriptors must not take its backends out.
func TestProbeNotMadeIsNoVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		check := tenSeconds()
		check.Unhealthy = 1
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.want(t, "start", "1 up connected")
		b.mu.Lock()
		b.failing[addrPort(1)] = fmt.Errorf("connect: %w", errNotMade)
		b.mu.Unlock()
		b.step(t, 1, 5)
		b.want(t, "four probes that could not be made")
		b.fail(1, "connect refused")
		b.step(t, 1, 6)
		b.want(t, "one that could", "1 down connect refused")
	})
}

func TestInsaneDurations(t *testing.T) {
	t.Parallel()
	got := sane(plan.HealthCheck{Interval: -1, Timeout: 0})
	if got.Interval != durationMin || got.Timeout != durationMin {
		t.Errorf("sane: got interval %v and timeout %v, want %v", got.Interval, got.Timeout, durationMin)
	}
}
