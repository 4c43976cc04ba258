package health

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

// TestCheckerOverTLS: what in a check's TLS settings begins anew, and what does not.
func TestCheckerOverTLS(t *testing.T) {
	t.Parallel()
	ca, foreign := testca.NewFor(t), testca.NewFor(t)
	cert := ca.IssueFor(t, testca.Request{Names: []string{"127.0.0.1"}}).TLS
	var handshakes atomic.Int64
	addr := accept(t, func(c net.Conn) {
		handshakes.Add(1)
		hold(tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}}))
	})
	reports := make(chan string, 100)
	c := New(literal, func(_ plan.BackendKey, isUp bool, detail string) { reports <- fmt.Sprint(isUp, " ", detail) })
	defer c.Close()
	expect := func(what, want string) {
		t.Helper()
		if got := next(t, reports); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	apply := func(interval time.Duration, settings plan.ClientTLS) {
		if settings.Policy == nil {
			settings.Policy = tlspolicy.Default
		}
		c.Apply(testPlan(&plan.HealthCheck{TLS: &settings, Interval: interval, Timeout: 10 * time.Second, Healthy: 2, Unhealthy: 2}, addr.String()))
	}
	roots := certs.NewRoots(ca.Pool())
	apply(time.Hour, plan.ClientTLS{Verify: true, Roots: roots})
	expect("first probe", "true connected over TLS")
	apply(time.Hour, plan.ClientTLS{Verify: true, Roots: roots, ServerName: "x.example"})
	expect("another name begins anew", "false certificate is for 127.0.0.1, not x.example")
	apply(time.Hour, plan.ClientTLS{Verify: true, Roots: roots})
	expect("and its own again", "true connected over TLS")

	before := handshakes.Load()
	policy := *tlspolicy.Default
	apply(time.Hour, plan.ClientTLS{Verify: true, Roots: certs.NewRoots(ca.Pool())}) // the same, compiled again
	apply(time.Hour, plan.ClientTLS{Verify: true, Roots: roots})
	roots.Replace(foreign.Pool())
	if got := handshakes.Load() - before; got != 0 {
		t.Errorf("after settings that say the same, and authorities replaced: got %d probes, want none before the next is due", got)
	}
	apply(20*time.Millisecond, plan.ClientTLS{Verify: true, Roots: roots}) // an interval is no question: it takes two failures
	expect("authorities replaced", "false certificate is signed by an unknown authority: lull test root")
	roots.Replace(ca.Pool())
	expect("authorities as before", "true connected over TLS")
	apply(time.Hour, plan.ClientTLS{Verify: true, Roots: certs.NewRoots(foreign.Pool()), Policy: &policy})
	expect("other authorities begin anew", "false certificate is signed by an unknown authority: lull test root")
}

// TestMemoryPerBackendOverTLS: between probes nothing is left of a handshake. Not parallel, as the other one.
func TestMemoryPerBackendOverTLS(t *testing.T) {
	const backends, bytesMax = 500, 10 << 10 // as without TLS
	w := worlds(t)[1]
	var held atomic.Int64
	at := accept(t, func(c net.Conn) {
		held.Add(1)
		defer held.Add(-1)
		hold(tls.Server(c, w.server))
	})
	var list []string
	for i := range backends {
		list = append(list, fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1))
	}
	var verdicts atomic.Int64
	settings := *w.client
	settings.ServerName = "app.internal"
	check := plan.HealthCheck{Interval: time.Hour, Timeout: 30 * time.Second, TLS: &settings}
	c := New(func(plan.BackendKey) []netip.AddrPort { return []netip.AddrPort{at} }, func(_ plan.BackendKey, isUp bool, detail string) {
		if verdicts.Add(1); !isUp {
			t.Errorf("got %s, want up", detail)
		}
	})
	defer c.Close()
	before := inUse()
	c.Apply(testPlan(&check, list...))
	for deadline := time.Now().Add(time.Minute); verdicts.Load() < backends || held.Load() > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("verdicts within a minute: got %d, want %d; %d connections are open", verdicts.Load(), backends, held.Load())
		}
		time.Sleep(time.Millisecond)
	}
	got := (inUse() - before) / backends
	t.Logf("%d bytes per backend", got)
	if got > bytesMax {
		t.Errorf("memory per sleeping backend: got %d bytes, want at most %d", got, bytesMax)
	}
}
