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

// A backend that is probed costs a goroutine, and this is what that costs. Not parallel: it reads the whole process's
// figures.
func TestMemoryPerBackend(t *testing.T) {
	const backends, bytesMax = 5000, 10 << 10
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

// inUse returns the bytes of heap and stacks in use after garbage has been collected.
func inUse() int {
	runtime.GC()
	runtime.GC() // the first one may only have begun to shrink the stacks
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapInuse + m.StackInuse)
}
