package health

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

// TestTallyNeedsNoLock: it is told while somebody has the lock, as a Report does.
func TestTallyNeedsNoLock(t *testing.T) {
	t.Parallel()
	got := make(chan Tally, 1)
	var c *Checker
	c = New(literal, func(key plan.BackendKey, _ bool, _ string) { got <- c.Tally(key.Set) })
	c.probes[plan.CheckTCP] = func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error { return nil }
	defer c.Close()
	c.Apply(testPlan(&plan.HealthCheck{Interval: time.Hour, Timeout: time.Second}, "10.0.0.1:1"))
	select {
	case tally := <-got:
		if want := (Tally{OK: 1}); tally != want {
			t.Errorf("in the report of the first result: got %+v, want %+v", tally, want)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Tally waits for the lock")
	}
}

// TestTallyIsOfOneMoment: a set that is changed from 50 backends to 20 others and back never has any other number of them.
func TestTallyIsOfOneMoment(t *testing.T) {
	t.Parallel()
	c := New(literal, func(plan.BackendKey, bool, string) {})
	c.probes[plan.CheckTCP] = func(context.Context, string, netip.AddrPort, *plan.HealthCheck) error { return nil }
	defer c.Close()
	check := &plan.HealthCheck{Interval: time.Hour, Timeout: time.Second, Probers: 2}
	var some, others []string
	for port := uint16(1); port <= 50; port++ {
		some = append(some, addrPort(port).String())
	}
	for port := uint16(41); port <= 60; port++ {
		others = append(others, addrPort(port).String())
	}
	plans := []*plan.Plan{testPlan(check, some...), testPlan(check, others...), testPlan(nil, some...)}
	key := plans[0].LoadBalancers[0].BackendSets[0].Key
	c.Apply(plans[0])
	stop := make(chan struct{})
	var reader sync.WaitGroup
	seen := map[int]int{}
	reader.Go(func() {
		for {
			n := c.Tally(key)
			seen[n.OK+n.Partly+n.Failing+n.Unknown+n.Offline]++
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for i := range 300 {
		c.Apply(plans[i%len(plans)])
	}
	close(stop)
	reader.Wait()
	for total, times := range seen {
		if total != 50 && total != 20 && total != 0 {
			t.Errorf("backends in the set: got %d, %d times; want 50, 20 or, without a check, 0", total, times)
		}
	}
}
