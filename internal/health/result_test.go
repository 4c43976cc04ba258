package health

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lull/internal/dataplane/plan"
)

// results returns what the probers of testPlan's backend found, as "code up streak".
func results(c *Checker, backend string) []string {
	at := netip.MustParseAddrPort(backend)
	var out []string
	for _, r := range c.Results(plan.BackendKey{Set: plan.SetKey{LoadBalancer: "lb", Name: "s"}, Host: at.Addr().String(), Port: at.Port()}) {
		word := "down"
		if r.Up {
			word = "up"
		}
		out = append(out, fmt.Sprintf("%v %s %d", r.Code, word, r.Streak))
	}
	return out
}

// wantResults fails the test unless these are the results about port 1.
func (b *bench) wantResults(t *testing.T, what string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := results(b.Checker, "10.0.0.1:1"); !slices.Equal(got, want) {
		t.Errorf("%s: results: got %q, want %q", what, got, want)
	}
}

// TestHLT04Thresholds: N failures in a row take a backend out, N successes in a row bring it back, and each step of that can be seen.
func TestHLT04Thresholds(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 4; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				defer b.Close()
				check := tenSeconds()
				check.Healthy, check.Unhealthy = n, n
				b.Apply(testPlan(check, "10.0.0.1:1"))
				b.wantResults(t, "first probe", "ok up 1")
				b.fail(1, "connect refused")
				for i := 1; i <= n; i++ {
					b.step(t, 1, 1+i)
					want := "up"
					if i == n {
						want = "down"
					}
					b.wantResults(t, "failure", fmt.Sprintf("i/o error %s %d", want, i))
				}
				b.fail(1, "")
				for i := 1; i <= n; i++ {
					b.step(t, 1, 1+n+i)
					want := "down"
					if i == n {
						want = "up"
					}
					b.wantResults(t, "success", fmt.Sprintf("ok %s %d", want, i))
				}
				b.want(t, "reports", "1 up connected", "1 down connect refused", "1 up connected")
			})
		})
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.wantResults(t, "not in the plan")
		b.Apply(testPlan(nil, "10.0.0.1:1"))
		b.wantResults(t, "no check")
		b.delay[addrPort(1)] = time.Second
		b.Apply(testPlan(tenSeconds(), "10.0.0.1:1"))
		b.wantResults(t, "none yet", "unknown up 0")
		proving := *tenSeconds()
		proving.StartsDown = true
		b.Apply(testPlan(&proving, "10.0.0.1:1"))
		b.wantResults(t, "none yet, and has to prove itself", "unknown down 0")
		time.Sleep(time.Second)
		b.wantResults(t, "first", "ok up 1")
		key := testPlan(nil, "10.0.0.1:1").LoadBalancers[0].BackendSets[0].Backends[0].Key
		if r := b.Results(key)[0]; r.Detail != "connected" || !r.At.Equal(b.start.Add(time.Second)) {
			t.Errorf("first: got %q at %v, want connected at %v", r.Detail, r.At, b.start.Add(time.Second))
		}
		slow := proving
		slow.Interval, slow.Timeout, slow.Healthy = 20*time.Second, 9*time.Second, 7
		b.Apply(testPlan(&slow, "10.0.0.1:1"))
		b.wantResults(t, "other times and thresholds", "ok up 1")
		slow.Path = "/other"
		b.Apply(testPlan(&slow, "10.0.0.1:1"))
		b.wantResults(t, "another question", "unknown down 0")
		b.Apply(testPlan(&slow))
		b.wantResults(t, "left the plan")
	})
}

// TestHLT06SecondProber: it probes half an interval later and for itself; the data plane does not hear of it.
func TestHLT06SecondProber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		check := tenSeconds()
		check.Probers = 2
		b.Apply(testPlan(check, "10.0.0.1:1"))
		b.wantResults(t, "at once", "ok up 1", "unknown up 0")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := results(b.Checker, "10.0.0.1:1")[1]; got == "unknown up 0" {
			t.Errorf("second prober after half an interval: got %q, want a result", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		at := b.times(1)
		at = at[len(at)-2:]
		if gap := at[1] - at[0]; gap != 5*time.Second {
			t.Errorf("between the probers: got %v, want half an interval", gap)
		}

		// From here on the backend fails for the second prober alone, which is the one whose probe comes next after
		// one of the first.
		b.want(t, "so far", "1 up connected")
		first := func() string { return results(b.Checker, "10.0.0.1:1")[0] }
		before := first()
		for first() == before {
			time.Sleep(time.Millisecond)
			synctest.Wait()
		}
		for range 3 {
			b.fail(1, "connect refused")
			time.Sleep(5 * time.Second)
			synctest.Wait()
			b.fail(1, "")
			time.Sleep(5 * time.Second)
			synctest.Wait()
		}
		if got := results(b.Checker, "10.0.0.1:1"); !strings.HasPrefix(got[0], "ok up ") || got[1] != "i/o error down 3" {
			t.Errorf("failing for the second prober: got %q, want ok up and i/o error down 3", got)
		}
		b.want(t, "what the second prober finds")

		other := *check
		other.Path = "/other"
		b.Apply(testPlan(&other, "10.0.0.1:1"))
		b.wantResults(t, "another question", "ok up 1", "unknown up 0")
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := results(b.Checker, "10.0.0.1:1")[1]; !strings.HasPrefix(got, "ok up ") {
			t.Errorf("half an interval later: got %q of the second prober, want ok", got)
		}

		check = tenSeconds()
		b.Apply(testPlan(check, "10.0.0.1:1"))
		if got := results(b.Checker, "10.0.0.1:1"); len(got) != 1 {
			t.Errorf("one prober again: got %q, want one result", got)
		}
		synctest.Wait()
		seen := len(b.times(1))
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := len(b.times(1)) - seen; got != 6 {
			t.Errorf("probes in a minute: got %d, want 6", got)
		}
	})
}

// TestHLT05Codes: each code by a backend that earns it.
func TestHLT05Codes(t *testing.T) { inBoth(t, testHLT05Codes) }

func testHLT05Codes(t *testing.T, w *world) {
	answering := func(answer string, then func(net.Conn)) func(*testing.T) netip.AddrPort {
		return func(t *testing.T) netip.AddrPort {
			return w.serveHTTP(t, func(c net.Conn, _ string) {
				_, _ = io.WriteString(c, answer)
				then(c)
			})
		}
	}
	const short = 50 * time.Millisecond
	for _, tc := range []struct {
		name    string
		backend func(*testing.T) netip.AddrPort
		timeout time.Duration
		body    string
		want    Code
	}{
		{"ok", answering(okHead+"Content-Length: 2\r\n\r\nok", hold), 0, "", OK},
		{"ok-body", answering(okHead+"Content-Length: 2\r\n\r\nok", hold), 0, "^ok$", OK},
		{"redirect", answering("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", hold), 0, "", InvalidStatus},
		{"status-before-body", answering("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", hold), 0, "ok", InvalidStatus},
		{"mismatch", answering(okHead+"Content-Length: 2\r\n\r\nno", hold), 0, "ok", RegexMismatch},
		{"silent", answering("", hold), short, "", TimedOut},
		{"half", answering(okHead+"Content-Length: 9\r\n\r\nok", hold), short, "ok", TimedOut},
		{"refused", deadPort, 0, "", ConnectFailed},
		{"reset", answering("", reset), 0, "", IOError},
		{"closed", answering("", hangUp), 0, "", IOError},
		{"malformed", answering("SSH-2.0-x\r\n", hold), 0, "", IOError},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			check := plan.HealthCheck{
				Protocol: plan.CheckHTTP, Path: "/", Status: 200, TLS: w.client,
				Interval: time.Hour, Timeout: tc.timeout, Healthy: 1, Unhealthy: 1,
			}
			if check.Timeout == 0 {
				check.Timeout = 30 * time.Second
			}
			if tc.body != "" {
				check.Body = regexp.MustCompile(tc.body)
			}
			reports := make(chan string, 8)
			c := New(literal, func(_ plan.BackendKey, isUp bool, detail string) { reports <- fmt.Sprint(isUp, " ", detail) })
			t.Cleanup(c.Close)
			at := tc.backend(t).String()
			c.Apply(testPlan(&check, at))
			said := <-reports
			want := fmt.Sprintf("%v down 1", tc.want)
			if tc.want == OK {
				want = "ok up 1"
			}
			if got := results(c, at); len(got) != 1 || got[0] != want {
				t.Errorf("result (%s): got %q, want %q", said, got, want)
			}
		})
	}
}

// TestHLT02Body holds expressions against bodies of every framing, whole or in pieces.
func TestHLT02Body(t *testing.T) { inBoth(t, testHLT02Body) }

func testHLT02Body(t *testing.T, w *world) {
	long := strings.Repeat("x", matchMax)
	for _, tc := range []struct{ name, answer, expr, want string }{
		{"length", okHead + "Content-Length: 7\r\n\r\nall fit", "fit$", ""},
		{"chunks", okHead + "Transfer-Encoding: chunked\r\n\r\n4\r\nall \r\n1;a=b\r\nf\r\n2\r\nit\r\n0\r\n\r\n", "^all fit$", ""},
		{"until_close", okHead + "\r\nall fit", "^all fit$", ""},
		{"empty", okHead + "Content-Length: 0\r\n\r\n", "^$", ""},
		{"anything", okHead + "Content-Length: 0\r\n\r\n", ".*", ""},
		{"somewhere", okHead + "Content-Length: 7\r\n\r\nall fit", "l f", ""},
		{"within_the_start", okHead + "\r\n" + long[:matchMax-3] + "fit", "fit$", ""},
		{"behind_the_start", okHead + "\r\n" + long[:matchMax-2] + "fit", "fit", "answered 200, with a body that does not match fit"},
		{"not_the_head", okHead + "X: fit\r\nContent-Length: 2\r\n\r\nno", "fit", "answered 200, with a body that does not match fit"},
		{"not_the_framing", okHead + "Transfer-Encoding: chunked\r\n\r\n2;fit\r\nno\r\n0\r\nfit: fit\r\n\r\n", "fit", "answered 200, with a body that does not match fit"},
		{"cut", okHead + "Content-Length: 8\r\n\r\nall fit", "fit", "closed in the middle of its answer"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := w.serveHTTP(t, func(c net.Conn, _ string) { _, _ = io.WriteString(c, tc.answer) })
			got := w.ask(t, addr, plan.HealthCheck{Path: "/", Status: 200, Timeout: 30 * time.Second, Body: regexp.MustCompile(tc.expr)})
			if got != tc.want {
				t.Errorf("verdict: got %q, want %q", got, tc.want)
			}
		})
	}
}

// TestHLT02TCPIsTheHandshakeOnly: nothing is asked of a backend that never says a word.
func TestHLT02TCPIsTheHandshakeOnly(t *testing.T) {
	t.Parallel()
	addr, conns := listenTCP(t)
	if err := probeTCP(within(t, 30*time.Second), "", addr, &plan.HealthCheck{Timeout: 30 * time.Second}); err != nil {
		t.Fatalf("got %v, want that it passes", err)
	}
	if sent, err := io.ReadAll(<-conns); len(sent) > 0 || err != nil {
		t.Errorf("got %q and %v, want nothing and the end", sent, err)
	}
}

// TestHLT03TLS: the probe is over TLS if the check has settings for it, and plain otherwise, whatever the traffic is.
func TestHLT03TLS(t *testing.T) {
	t.Parallel()
	for _, w := range worlds(t) {
		for _, probe := range worlds(t)[:1] {
			addr := w.serveHTTP(t, func(c net.Conn, _ string) { _, _ = io.WriteString(c, okHead+"Content-Length: 0\r\n\r\n") })
			got := probe.ask(t, addr, plan.HealthCheck{Path: "/", Status: 200, Timeout: 30 * time.Second})
			if passed := got == ""; passed != (w.server == nil) {
				t.Errorf("plain probe of a backend that speaks %s: got %q", w.name, got)
			}
		}
		addr := w.serveHTTP(t, func(c net.Conn, _ string) { _, _ = io.WriteString(c, okHead+"Content-Length: 0\r\n\r\n") })
		if got := w.ask(t, addr, plan.HealthCheck{Path: "/", Status: 200, Timeout: 30 * time.Second}); got != "" {
			t.Errorf("probe in the manner of the backend, %s: got %q, want that it passes", w.name, got)
		}
	}
}

// TestNewcomersAreSpread: a start-up with very many backends is no storm, and those known before are not kept waiting.
func TestNewcomersAreSpread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.probes[plan.CheckTCP] = func(ctx context.Context, _ string, to netip.AddrPort, _ *plan.HealthCheck) error {
			b.mu.Lock()
			b.probed[to] = append(b.probed[to], time.Since(b.start))
			b.mu.Unlock()
			<-ctx.Done()
			return coded(TimedOut, ctx.Err())
		}
		check := &plan.HealthCheck{Interval: 30 * time.Second, Timeout: 3 * time.Second, Healthy: 1, Unhealthy: 1}
		b.Apply(testPlan(check, "10.0.0.1:1"))
		time.Sleep(time.Minute)
		before := len(b.times(1))
		list := []string{"10.0.0.1:1"}
		for i := range 2000 {
			list = append(list, fmt.Sprintf("10.0.1.1:%d", i+1))
		}
		quiet := *check
		quiet.Interval = 10 * time.Hour
		p, others := testPlan(check, list[:1]...), testPlan(&quiet, list[1:]...)
		others.LoadBalancers[0].BackendSets[0].Key.Name = "others"
		p.LoadBalancers = append(p.LoadBalancers, others.LoadBalancers...)
		b.Apply(p)
		synctest.Wait()
		b.mu.Lock()
		if begun := len(b.probed) - 1; begun > probesMax+2001/probersPerWorker {
			t.Errorf("probes at once: got %d, want at most %d", begun, probesMax+2001/probersPerWorker)
		}
		b.mu.Unlock()
		time.Sleep(time.Minute)
		if got := len(b.times(1)) - before; got != 2 {
			t.Errorf("probes within a minute of a backend known before, behind 2000 that do not answer: got %d, want 2", got)
		}
	})
}

// TestFirstProbesArePaced: a thousand at once, the others at 2,000 a second.
func TestFirstProbesArePaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		var list []string
		for i := range 3000 {
			list = append(list, fmt.Sprintf("10.0.1.1:%d", i+1))
		}
		b.Apply(testPlan(&plan.HealthCheck{Interval: 30 * time.Minute, Timeout: time.Second}, list...))
		for _, want := range []int{firstBurst, 2000, 3000} {
			synctest.Wait()
			if got := b.count(); got < want || got > want+20 { // some have their place in the interval so early
				t.Errorf("verdicts after %v: got %d, want %d", time.Since(b.start), got, want)
			}
			time.Sleep(500 * time.Millisecond)
		}
	})
}

// TestTally follows a set through everything that changes what its backends count as, with the results themselves beside it.
func TestTally(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		check := tenSeconds()
		check.Probers = 2
		key := plan.SetKey{LoadBalancer: "lb", Name: "s"}
		want := func(what string, want Tally) {
			t.Helper()
			synctest.Wait()
			if got := b.Tally(key); got != want {
				t.Errorf("%s: got %+v, want %+v", what, got, want)
			}
		}
		all := []string{"10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"}
		want("not in the plan", Tally{})
		b.fail(2, "connect refused")
		b.Apply(testPlan(check, all...))
		want("one prober has looked", Tally{Unknown: 3})
		time.Sleep(20 * time.Second)
		want("both have", Tally{OK: 2, Failing: 1})
		b.fail(1, "connect refused")
		b.step(t, 1, len(b.times(1))+1)
		want("one of them finds a failure", Tally{OK: 1, Partly: 1, Failing: 1})
		time.Sleep(20 * time.Second)
		want("both do", Tally{OK: 1, Failing: 2})
		p := testPlan(check, all...)
		p.LoadBalancers[0].BackendSets[0].Backends[2].Offline = true
		b.Apply(p)
		want("the well one offline", Tally{Failing: 2, Offline: 1})
		time.Sleep(20 * time.Second)
		want("whatever is found", Tally{Failing: 2, Offline: 1})
		one := *check
		one.Probers = 1
		b.Apply(testPlan(&one, all...))
		want("one prober, none offline", Tally{OK: 1, Failing: 2})
		b.Apply(testPlan(check, all...))
		want("a second prober, which is new", Tally{Unknown: 3})
		other := *check
		other.Path = "/other"
		time.Sleep(20 * time.Second)
		b.Apply(testPlan(&other, all...))
		want("another question", Tally{Unknown: 3})
		time.Sleep(20 * time.Second)
		b.Apply(testPlan(&other, all[1:]...))
		want("one has left", Tally{OK: 1, Failing: 1})
		b.Apply(testPlan(nil, all...))
		want("no check", Tally{})
		if kept := *b.tallies.Load(); len(kept) > 0 {
			t.Errorf("counts that are kept: got %d, want none", len(kept))
		}
	})
}
