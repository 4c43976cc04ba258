package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
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

// TestMain fails the run when a goroutine of this package is left after all tests: each of them closes its resolver.
// The tests run in parallel, so that only here the number of goroutines means anything.
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
		ours := slices.DeleteFunc(stacks[1:], func(s string) bool {
			return !strings.Contains(s, "lull/internal/") && !strings.Contains(s, "net.(*Resolver)")
		})
		if len(ours) == 0 || time.Now().After(deadline) {
			return strings.Join(ours, "\n\n")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// recorder remembers reports as text: "set/host:port addr,addr" or "set/host:port error".
type recorder struct {
	mu   sync.Mutex
	got  []string
	last map[plan.BackendKey][]netip.AddrPort
}

func (r *recorder) report(key plan.BackendKey, addrs []netip.AddrPort, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := "error"
	if err == nil {
		var parts []string
		for _, a := range addrs {
			parts = append(parts, a.String())
		}
		text = strings.Join(parts, ",")
		if r.last == nil {
			r.last = make(map[plan.BackendKey][]netip.AddrPort)
		}
		r.last[key] = addrs
	}
	r.got = append(r.got, key.Set.Name+"/"+key.Endpoint()+" "+text)
}

// take returns the reports since the last take, sorted.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	slices.Sort(got)
	return got
}

// count returns how many reports there have been since the last take.
func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// testPlan makes a plan of one set per argument; an argument is a list of "host:port".
func testPlan(t *testing.T, sets ...string) *plan.Plan {
	t.Helper()
	lb := &plan.LoadBalancer{Name: "lb"}
	for i, hosts := range sets {
		set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: "lb", Name: fmt.Sprint("s", i)}}
		for _, hp := range strings.Fields(hosts) {
			host, port, err := net.SplitHostPort(hp)
			if err != nil {
				t.Fatal(err)
			}
			var n uint16
			if _, err := fmt.Sscan(port, &n); err != nil {
				t.Fatal(err)
			}
			set.Backends = append(set.Backends, plan.Backend{Key: plan.BackendKey{Set: set.Key, Host: host, Port: n}})
		}
		lb.BackendSets = append(lb.BackendSets, set)
	}
	return &plan.Plan{LoadBalancers: []*plan.LoadBalancer{lb}}
}

// fakeDNS answers lookups from a table and counts them.
type fakeDNS struct {
	mu      sync.Mutex
	answers map[string]answer
	asked   map[string]int
	flying  int
	most    int
	delay   time.Duration
}

func (f *fakeDNS) set(host string, ttl time.Duration, addrs ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.answers == nil {
		f.answers = make(map[string]answer)
	}
	a := answer{ttl: ttl}
	for _, s := range addrs {
		a.addrs = append(a.addrs, netip.MustParseAddr(s))
	}
	f.answers[host] = a
}

func (f *fakeDNS) lookup(ctx context.Context, host string) (answer, error) {
	f.mu.Lock()
	if f.asked == nil {
		f.asked = make(map[string]int)
	}
	f.asked[host]++
	f.flying++
	f.most = max(f.most, f.flying)
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.flying--
		f.mu.Unlock()
	}()
	if f.delay > 0 {
		select {
		case <-time.After(f.delay):
		case <-ctx.Done():
			return answer{}, &net.DNSError{Name: host, Err: "timeout", IsTimeout: true}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if a, ok := f.answers[host]; ok && len(a.addrs) > 0 {
		return a, nil
	}
	return answer{}, &net.DNSError{Name: host, Err: "no such host", IsNotFound: true}
}

// drop makes a host unknown.
func (f *fakeDNS) drop(host string) { f.set(host, 0) }

// lookups returns how often a host was asked for.
func (f *fakeDNS) lookups(host string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[host]
}

// newFake returns a resolver that asks dns, in a bubble.
func newFake(dns *fakeDNS, rec *recorder) *Resolver {
	r := New(rec.report)
	r.lookup = dns.lookup
	return r
}

func wantReports(t *testing.T, rec *recorder, what string, want ...string) {
	t.Helper()
	if got := rec.take(); !slices.Equal(got, want) {
		t.Errorf("%s: reports\ngot  %q\nwant %q", what, got, want)
	}
}

func TestLiteralsAreReportedInApply(t *testing.T) {
	t.Parallel()
	var rec recorder
	r := New(rec.report)
	defer r.Close()
	r.Apply(testPlan(t, "10.0.0.1:80 [2001:db8::1]:81"))
	wantReports(t, &rec, "first plan", "s0/10.0.0.1:80 10.0.0.1:80", "s0/[2001:db8::1]:81 [2001:db8::1]:81")
	r.Apply(testPlan(t, "10.0.0.1:80 10.0.0.2:80"))
	wantReports(t, &rec, "one replaced", "s0/10.0.0.2:80 10.0.0.2:80")
	r.Apply(testPlan(t, "10.0.0.1:80 10.0.0.2:80"))
	wantReports(t, &rec, "same again")
	r.Apply(testPlan(t, "10.0.0.1:80 [2001:db8::1]:81"))
	wantReports(t, &rec, "one back", "s0/[2001:db8::1]:81 [2001:db8::1]:81")
	if err := r.WaitFirst(t.Context()); err != nil {
		t.Errorf("WaitFirst without names: got %v, want nil", err)
	}
}

func TestOneLookupPerName(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{}
		dns.set("app.test", 10*time.Second, "10.0.0.1")
		r := newFake(dns, &rec)
		defer r.Close()
		r.Apply(testPlan(t, "app.test:80 APP.test:81", "app.test:80"))
		synctest.Wait()
		wantReports(t, &rec, "one name in three backends",
			"s0/APP.test:81 10.0.0.1:81", "s0/app.test:80 10.0.0.1:80", "s1/app.test:80 10.0.0.1:80")
		if got := dns.lookups("app.test"); got != 1 {
			t.Errorf("lookups of app.test: got %d, want 1", got)
		}
	})
}

func TestRefreshFollowsTTL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		ttl, want time.Duration
	}{
		{"zero", 0, time.Second},
		{"one", time.Second, time.Second},
		{"seven", 7 * time.Second, 7 * time.Second},
		{"thirty", 30 * time.Second, 30 * time.Second},
		{"day", 24 * time.Hour, 30 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var rec recorder
				dns := &fakeDNS{}
				dns.set("app.test", tc.ttl, "10.0.0.1")
				r := newFake(dns, &rec)
				defer r.Close()
				r.Apply(testPlan(t, "app.test:80"))
				for i := 1; i <= 3; i++ {
					synctest.Wait()
					if got := dns.lookups("app.test"); got != i {
						t.Fatalf("after %v: got %d lookups, want %d", time.Duration(i-1)*tc.want, got, i)
					}
					time.Sleep(tc.want - time.Nanosecond)
					synctest.Wait()
					if got := dns.lookups("app.test"); got != i {
						t.Fatalf("just before %v: got %d lookups, want %d", time.Duration(i)*tc.want, got, i)
					}
					time.Sleep(time.Nanosecond)
				}
			})
		})
	}
}

func TestReportsChangesOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{}
		r := newFake(dns, &rec)
		defer r.Close()
		step := func(what string, answers []string, want ...string) { // each step has one lookup, in its middle
			t.Helper()
			dns.set("app.test", time.Second, answers...)
			time.Sleep(time.Second)
			synctest.Wait()
			wantReports(t, &rec, what, want...)
		}
		dns.set("app.test", time.Second, "10.0.0.1", "10.0.0.2")
		r.Apply(testPlan(t, "app.test:80"))
		time.Sleep(500 * time.Millisecond)
		wantReports(t, &rec, "first", "s0/app.test:80 10.0.0.1:80,10.0.0.2:80")
		step("same", []string{"10.0.0.1", "10.0.0.2"})
		step("rotated", []string{"10.0.0.2", "10.0.0.1"})
		step("added", []string{"10.0.0.3", "10.0.0.2", "10.0.0.1"},
			"s0/app.test:80 10.0.0.1:80,10.0.0.2:80,10.0.0.3:80")
		step("removed", []string{"10.0.0.3", "10.0.0.2"}, "s0/app.test:80 10.0.0.2:80,10.0.0.3:80")
		step("failure", nil, "s0/app.test:80 error")
		step("recovery to the same set", []string{"10.0.0.2", "10.0.0.3"}, "s0/app.test:80 10.0.0.2:80,10.0.0.3:80")
	})
}

func TestFailureBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{}
		r := newFake(dns, &rec)
		defer r.Close()
		r.Apply(testPlan(t, "app.test:80"))
		asked := 1
		for _, wait := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
			synctest.Wait()
			if got := dns.lookups("app.test"); got != asked {
				t.Fatalf("before waiting %d s: got %d lookups, want %d", wait, got, asked)
			}
			time.Sleep(wait*time.Second - time.Nanosecond)
			synctest.Wait()
			if got := dns.lookups("app.test"); got != asked {
				t.Fatalf("just before %d s: got %d lookups, want %d", wait, got, asked)
			}
			time.Sleep(time.Nanosecond)
			asked++
		}
		synctest.Wait()
		wantReports(t, &rec, "eight failures of one kind", "s0/app.test:80 error")
		dns.set("app.test", 5*time.Second, "10.0.0.1")
		time.Sleep(31 * time.Second) // the ninth wait, and one second of the answer's five
		wantReports(t, &rec, "recovery", "s0/app.test:80 10.0.0.1:80")
		dns.drop("app.test")
		asked++
		time.Sleep(29 * time.Second) // four of which are left of the TTL
		synctest.Wait()
		if got := dns.lookups("app.test") - asked; got < 4 {
			t.Errorf("after a recovery the waits start over: got %d lookups in 29 s, want at least 4", got)
		}
	})
}

func TestKindOfFailureChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		r := New(rec.report)
		defer r.Close()
		var asked int
		r.lookup = func(context.Context, string) (answer, error) {
			asked++
			switch asked {
			case 1, 2:
				return answer{}, &net.DNSError{Err: fmt.Sprint("timeout ", asked), IsTimeout: true}
			case 3:
				return answer{}, &net.DNSError{Err: "no such host", IsNotFound: true}
			default:
				return answer{}, errors.New("something else")
			}
		}
		r.Apply(testPlan(t, "app.test:80"))
		time.Sleep(15 * time.Second)
		synctest.Wait()
		wantReports(t, &rec, "timeout, timeout, not found, other, other",
			"s0/app.test:80 error", "s0/app.test:80 error", "s0/app.test:80 error")
	})
}

func TestPlanDiff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{}
		dns.set("a.test", 30*time.Second, "10.0.0.1")
		dns.set("b.test", 30*time.Second, "10.0.0.2")
		r := newFake(dns, &rec)
		defer r.Close()
		r.Apply(testPlan(t, "a.test:80"))
		synctest.Wait()
		wantReports(t, &rec, "start", "s0/a.test:80 10.0.0.1:80")

		time.Sleep(10 * time.Second)
		r.Apply(testPlan(t, "a.test:80 a.test:81 b.test:80"))
		wantReports(t, &rec, "known name, in Apply", "s0/a.test:81 10.0.0.1:81")
		synctest.Wait()
		wantReports(t, &rec, "new name", "s0/b.test:80 10.0.0.2:80")

		time.Sleep(20*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := dns.lookups("a.test"); got != 1 {
			t.Errorf("a.test just before its 30 s: got %d lookups, want 1", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := dns.lookups("a.test"); got != 2 {
			t.Errorf("the change left a.test's schedule alone: got %d lookups, want 2", got)
		}

		r.Apply(testPlan(t, "b.test:80"))
		dns.set("a.test", 30*time.Second, "10.0.0.9")
		time.Sleep(time.Hour)
		synctest.Wait()
		wantReports(t, &rec, "a.test is gone")
		if got := dns.lookups("a.test"); got != 2 {
			t.Errorf("a.test after it is gone: got %d lookups, want 2", got)
		}

		dns.drop("b.test")
		time.Sleep(30 * time.Second)
		synctest.Wait()
		rec.take()
		r.Apply(testPlan(t, "b.test:80", "b.test:90"))
		wantReports(t, &rec, "newcomer to a failing name", "s1/b.test:90 10.0.0.2:90", "s1/b.test:90 error")

		r.Close()
		r.Apply(testPlan(t, "10.0.0.1:80 a.test:80"))
		time.Sleep(time.Hour)
		wantReports(t, &rec, "after Close")
	})
}

func TestRemovedDuringLookup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		r := New(rec.report)
		defer r.Close()
		r.lookup = func(context.Context, string) (answer, error) { // deaf to its context
			time.Sleep(time.Second)
			return answer{addrs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}, ttl: time.Second}, nil
		}
		r.Apply(testPlan(t, "a.test:80"))
		synctest.Wait()
		r.Apply(testPlan(t, ""))
		time.Sleep(10 * time.Second)
		wantReports(t, &rec, "answer after the name was dropped")
	})
}

func TestWaitFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{delay: 2 * time.Second}
		dns.set("a.test", 30*time.Second, "10.0.0.1")
		r := newFake(dns, &rec)
		defer r.Close()
		r.Apply(testPlan(t, "a.test:80 missing.test:80"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.WaitFirst(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WaitFirst for 1 s: got %v, want deadline exceeded", err)
		}
		start := time.Now()
		if err := r.WaitFirst(t.Context()); err != nil {
			t.Errorf("WaitFirst: got %v, want nil", err)
		}
		if got := time.Since(start); got != time.Second {
			t.Errorf("WaitFirst waited %v more, want 1s", got)
		}
		wantReports(t, &rec, "when WaitFirst returns", "s0/a.test:80 10.0.0.1:80", "s0/missing.test:80 error")
	})
}

func TestLookupTimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{delay: time.Hour}
		r := newFake(dns, &rec)
		defer r.Close()
		r.Apply(testPlan(t, "a.test:80"))
		time.Sleep(5*time.Second - time.Nanosecond)
		synctest.Wait()
		wantReports(t, &rec, "before 5 s")
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		wantReports(t, &rec, "at 5 s", "s0/a.test:80 error")
	})
}

func TestLookupsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var rec recorder
		dns := &fakeDNS{delay: time.Second}
		var hosts []string
		for i := range 3 * lookupsMax {
			host := fmt.Sprintf("h%d.test", i)
			dns.set(host, 30*time.Second, "10.0.0.1")
			hosts = append(hosts, host+":80")
		}
		r := newFake(dns, &rec)
		defer r.Close()
		r.Apply(testPlan(t, strings.Join(hosts, " ")))
		if err := r.WaitFirst(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := rec.count(); got != len(hosts) {
			t.Errorf("reports: got %d, want %d", got, len(hosts))
		}
		if dns.most != lookupsMax {
			t.Errorf("lookups at a time: got %d, want %d", dns.most, lookupsMax)
		}
	})
}
