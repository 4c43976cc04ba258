package apply_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/dataplane/plan"
	"lull/internal/health"
	"lull/internal/lulltest"
)

// echoes starts a server that sends back what it gets, and ends with the test.
func echoes(t *testing.T) netip.AddrPort {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// with returns a plan of one listener before these backends, with that check.
func with(check plan.HealthCheck, backends ...netip.AddrPort) *plan.LoadBalancer {
	lb := balancer("one", "the API", 0)
	set := lb.BackendSets[0]
	set.HealthCheck = &check
	for _, at := range backends {
		set.Backends = append(set.Backends, plan.Backend{
			Key: plan.BackendKey{Set: set.Key, Host: at.Addr().String(), Port: at.Port()}, Weight: 1,
		})
	}
	return lb
}

// codes returns the codes of what the probers have found about a backend.
func codes(a *apply.Applier, lb *plan.LoadBalancer, backend int) (list []health.Code) {
	for _, r := range a.Health(lb.BackendSets[0].Backends[backend].Key) {
		list = append(list, r.Code)
	}
	return list
}

// TestHLT10EditsDropNothing: whatever is changed about the check, and whichever backends come and go, the connections to the others go on.
func TestHLT10EditsDropNothing(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	stays, other := echoes(t), echoes(t)
	base := plan.HealthCheck{Interval: time.Hour, Timeout: time.Minute, Healthy: 3, Unhealthy: 3, Probers: 2}
	change(t, a, apply.OCI, with(base, stays))
	c, err := net.Dial("tcp", e.Local(plan.ListenerKey{LoadBalancer: "one", Name: "tcp"}).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	in := bufio.NewReader(c)
	for _, edit := range []struct {
		name     string
		change   func(*plan.HealthCheck)
		backends []netip.AddrPort
	}{
		{"interval", func(h *plan.HealthCheck) { h.Interval = 10 * time.Second }, nil},
		{"timeout", func(h *plan.HealthCheck) { h.Timeout = time.Second }, nil},
		{"thresholds", func(h *plan.HealthCheck) { h.Healthy, h.Unhealthy = 1, 1 }, nil},
		{"probers", func(h *plan.HealthCheck) { h.Probers = 1 }, nil},
		{"port-that-refuses", func(h *plan.HealthCheck) { h.Port, h.Unhealthy = 9, 1 }, nil},
		{"protocol", func(h *plan.HealthCheck) { h.Protocol, h.Path, h.Status = plan.CheckHTTP, "/", 200 }, nil},
		{"another-backend", nil, []netip.AddrPort{stays, other}},
		{"another-first", nil, []netip.AddrPort{other, stays}},
		{"alone", nil, []netip.AddrPort{stays}},
	} {
		check, backends := base, []netip.AddrPort{stays}
		if edit.change != nil {
			edit.change(&check)
		}
		if edit.backends != nil {
			backends = edit.backends
		}
		change(t, a, apply.OCI, with(check, backends...))
		if _, err := fmt.Fprintf(c, "%s\n", edit.name); err != nil {
			t.Fatalf("%s: %v", edit.name, err)
		}
		if got, err := in.ReadString('\n'); got != edit.name+"\n" || err != nil {
			t.Fatalf("%s: got %q and %v, want the connection to go on", edit.name, got, err)
		}
	}
}

// TestHealth: front doors learn what both probers have found, and what they know survives changes that ask nothing new.
func TestHealth(t *testing.T) {
	t.Parallel()
	a, _ := start(t)
	check := plan.HealthCheck{Interval: 100 * time.Millisecond, Timeout: time.Minute, Healthy: 1, Unhealthy: 1, Probers: 2}
	well, gone := echoes(t), lulltest.Refused(t)
	lb := with(check, well, gone)
	if got := codes(a, lb, 0); got != nil {
		t.Errorf("before the plan: got %v, want nothing", got)
	}
	change(t, a, apply.OCI, lb)
	want := [][]health.Code{{health.OK, health.OK}, {health.ConnectFailed, health.ConnectFailed}}
	known := func() bool {
		return slices.Equal(codes(a, lb, 0), want[0]) && slices.Equal(codes(a, lb, 1), want[1])
	}
	if !lulltest.Eventually(known) {
		t.Fatalf("got %v and %v, want %v", codes(a, lb, 0), codes(a, lb, 1), want)
	}
	check.Interval = time.Hour
	change(t, a, apply.OCI, with(check, well, gone))
	if !known() {
		t.Errorf("another interval: got %v and %v, want %v", codes(a, lb, 0), codes(a, lb, 1), want)
	}
	change(t, a, apply.OCI)
	if got := codes(a, lb, 0); got != nil {
		t.Errorf("behind the plan: got %v, want nothing", got)
	}
}
