package health

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
)

// The size of an installation of OCI's load balancers, half full.
const (
	loadBalancers = 500
	loadSets      = 16 // of a load balancer
	loadBackends  = 16 // of a set
)

// loadBalancer returns one of that size, of which the first set has a backend less if that is wanted.
func loadBalancer(n int, check *plan.HealthCheck, less bool) *plan.LoadBalancer {
	lb := &plan.LoadBalancer{Name: fmt.Sprint("lb", n)}
	for s := range loadSets {
		set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: lb.Name, Name: fmt.Sprint("s", s)}, HealthCheck: check}
		for i := range loadBackends {
			set.Backends = append(set.Backends, plan.Backend{
				Key: plan.BackendKey{Set: set.Key, Host: fmt.Sprintf("10.%d.%d.%d", n>>8, n&255, s*loadBackends+i), Port: 80},
			})
		}
		lb.BackendSets = append(lb.BackendSets, set)
	}
	if less {
		lb.BackendSets[0].Backends = lb.BackendSets[0].Backends[1:]
	}
	return lb
}

// loadChanges returns plans of which each follows the one before with a change to one backend; the first follows the last.
func loadChanges(check *plan.HealthCheck) []*plan.Plan {
	all := &plan.Plan{}
	for n := range loadBalancers {
		all.LoadBalancers = append(all.LoadBalancers, loadBalancer(n, check, false))
	}
	less := &plan.Plan{LoadBalancers: slices.Clone(all.LoadBalancers)}
	less.LoadBalancers[77] = loadBalancer(77, check, true)
	return []*plan.Plan{all, less}
}

// spin keeps a core busy for about as long as the connection of a probe does.
func spin(cost time.Duration) {
	for began := time.Now(); time.Since(began) < cost; {
	}
}

// quantiles reports what the slowest calls took.
func quantiles(b *testing.B, took []time.Duration) {
	b.Helper()
	slices.Sort(took)
	for _, q := range []struct {
		name string
		at   int
	}{{"p50-ms", len(took) / 2}, {"p99-ms", len(took) * 99 / 100}, {"max-ms", len(took) - 1}} {
		b.ReportMetric(float64(took[q.at].Microseconds())/1000, q.name)
	}
}

// BenchmarkLoad changes and reads 128,000 backends with two probers each: with nothing else to do but to begin with them, and on a machine
// that cannot keep up with a probe of each every ten seconds, 25,600 a second of 100 µs.
func BenchmarkLoad(b *testing.B) {
	for _, load := range []struct {
		name     string
		interval time.Duration
		cost     time.Duration
	}{{"idle", 30 * time.Minute, 0}, {"behind", 10 * time.Second, 100 * time.Microsecond}} {
		b.Run(load.name, func(b *testing.B) { benchmarkLoad(b, load.interval, load.cost) })
	}
}

func benchmarkLoad(b *testing.B, interval, cost time.Duration) {
	plans := loadChanges(&plan.HealthCheck{Interval: interval, Timeout: 3 * time.Second, Probers: 2})
	to := []netip.AddrPort{addrPort(80)}
	c := New(func(plan.BackendKey) []netip.AddrPort { return to }, func(plan.BackendKey, bool, string) {})
	c.probes[plan.CheckTCP] = func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error {
		spin(cost)
		return nil
	}
	b.Cleanup(c.Close)
	c.Apply(plans[0])
	if cost > 0 {
		time.Sleep(interval + time.Second) // every one of them has its place in the first interval
	}
	var keys []plan.SetKey
	for _, lb := range plans[0].LoadBalancers {
		for _, set := range lb.BackendSets {
			keys = append(keys, set.Key)
		}
	}
	timed := func(do func(i int)) func(*testing.B) {
		return func(b *testing.B) {
			var took []time.Duration
			goroutines, i := 0, 0
			b.ReportAllocs()
			for b.Loop() {
				i++
				began := time.Now()
				do(i)
				took = append(took, time.Since(began))
				goroutines = max(goroutines, runtime.NumGoroutine())
			}
			quantiles(b, took)
			b.ReportMetric(float64(goroutines), "goroutines")
		}
	}
	tallies := func(int) {
		for _, key := range keys {
			c.Tally(key)
		}
	}
	b.Run("apply", timed(func(i int) { c.Apply(plans[i%2]) }))
	b.Run("results", timed(func(i int) { c.Results(plans[0].LoadBalancers[i%loadBalancers].BackendSets[3].Backends[3].Key) }))
	b.Run("tallies", timed(tallies))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
				c.Apply(plans[i%2])
			}
		}
	}()
	b.Run("tallies_while_applying", timed(tallies))
	close(stop)
	<-stopped
}

// BenchmarkSchedule sets one of 512,000 probers anew, as each probe does.
func BenchmarkSchedule(b *testing.B) {
	const probers, interval = 512_000, int64(10 * time.Second)
	var s schedule
	list := make([]prober, probers)
	for i := range list {
		s.set(&list[i], int64(balance.HashID(fmt.Sprint(i))%uint64(interval)))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.set(s.entries[0].prober, s.first()+interval)
	}
}

// BenchmarkComeAndGo takes a set away and brings it back, which changes the table of all sets.
func BenchmarkComeAndGo(b *testing.B) {
	plans := loadChanges(&plan.HealthCheck{Interval: 30 * time.Minute, Timeout: 3 * time.Second, Probers: 2})
	to := []netip.AddrPort{addrPort(80)}
	c := New(func(plan.BackendKey) []netip.AddrPort { return to }, func(plan.BackendKey, bool, string) {})
	c.probes[plan.CheckTCP] = func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error { return nil }
	b.Cleanup(c.Close)
	c.Apply(plans[0])
	fewer := *plans[0].LoadBalancers[77]
	fewer.BackendSets = fewer.BackendSets[1:]
	plans[1].LoadBalancers[77] = &fewer
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		c.Apply(plans[i%2])
	}
}
