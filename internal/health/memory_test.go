package health

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

// A backend that is probed costs a timer and what is known of it. Not parallel: it reads the whole process's
// figures.
func TestMemoryPerBackend(t *testing.T) {
	const backends, bytesMax = 5000, 1 << 10
	var list []string
	for i := range backends {
		list = append(list, fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1))
	}
	check := plan.HealthCheck{Interval: time.Hour, Timeout: 5 * time.Second}
	p := testPlan(&check, list...)
	var verdicts atomic.Int64
	c := New(
		func(plan.BackendKey) []netip.AddrPort { return []netip.AddrPort{addrPort(80)} },
		func(plan.BackendKey, bool, string) { verdicts.Add(1) })
	c.probes[plan.CheckTCP] = func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error { return nil }
	defer c.Close()
	before := inUse()
	c.Apply(p)
	for deadline := time.Now().Add(time.Minute); verdicts.Load() < backends; {
		if time.Now().After(deadline) {
			t.Fatalf("verdicts within a minute: got %d, want %d", verdicts.Load(), backends)
		}
		time.Sleep(time.Millisecond)
	}
	got := (inUse() - before) / backends
	t.Logf("%d bytes per backend", got)
	if got > bytesMax {
		t.Errorf("memory per sleeping backend: got %d bytes, want at most %d", got, bytesMax)
	}
}

// BenchmarkApply is a start with as many backends as the OCI API allows 500 load balancers, each with two probers, and the plan after
// that, which changes nothing. Whether they are up does not matter here.
func BenchmarkApply(b *testing.B) {
	const backends = 256_000
	list := make([]string, backends)
	for i := range list {
		list[i] = fmt.Sprintf("10.%d.%d.%d:80", i>>16, i>>8&255, i&255)
	}
	p := testPlan(&plan.HealthCheck{Interval: 30 * time.Minute, Timeout: 3 * time.Second, Probers: 2}, list...)
	var verdicts atomic.Int64
	ask := func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error { return nil }
	start := func() *Checker {
		c := New(
			func(plan.BackendKey) []netip.AddrPort { return []netip.AddrPort{addrPort(80)} },
			func(plan.BackendKey, bool, string) { verdicts.Add(1) })
		c.probes[plan.CheckTCP] = ask
		return c
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			before := inUse()
			c := start()
			began := time.Now()
			c.Apply(p)
			b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/apply")
			b.ReportMetric(float64(inUse()-before)/backends, "B/backend")
			c.Close()
		}
	})
	b.Run("again", func(b *testing.B) {
		c := start()
		defer c.Close()
		c.Apply(p)
		for b.Loop() {
			c.Apply(p)
		}
	})
	b.Run("results", func(b *testing.B) {
		c := start()
		defer c.Close()
		c.Apply(p)
		key := p.LoadBalancers[0].BackendSets[0].Backends[77].Key
		b.ReportAllocs()
		for b.Loop() {
			if len(c.Results(key)) != 2 {
				b.Fatal("want the results of both probers")
			}
		}
	})
}

// inUse returns the bytes of heap and stacks in use after garbage has been collected.
func inUse() int {
	runtime.GC()
	runtime.GC() // the first one may only have begun to shrink the stacks
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}
