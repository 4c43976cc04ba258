package apply_test

import (
	"net/netip"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/dataplane/plan"
	"lull/internal/lulltest"
)

// TestProbesThatFailAreCounted: a connection of a health check that is refused is among what is counted of its backend, beside the traffic's.
func TestProbesThatFailAreCounted(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	check := plan.HealthCheck{Interval: time.Hour, Timeout: time.Minute, Healthy: 1, Unhealthy: 1}
	lb := with(check, netip.MustParseAddrPort(lulltest.Refused(t).String()), echoes(t))
	change(t, a, apply.AWSELB, lb)
	if !lulltest.Eventually(func() bool {
		return len(codes(a, lb, 0)) == 1 && codes(a, lb, 0)[0] != 0 && codes(a, lb, 1)[0] != 0
	}) {
		t.Fatal("the first probes do not end")
	}
	for i, want := range []uint64{1, 0} {
		got, _ := e.Backend(lb.BackendSets[0].Backends[i].Key)
		if got.ProbeFails != want || got.ConnectFails != 0 {
			t.Errorf("backend %d: got %d probes and %d connections of traffic that failed, want %d and 0", i, got.ProbeFails, got.ConnectFails, want)
		}
	}
}
