package health

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/lulltest/testca"
)

// TestConnectFailed: probes without a connection are told, each of them, by their backend; those that got one, or that this machine had no
// means for, are not.
func TestConnectFailed(t *testing.T) {
	t.Parallel()
	plain, conns := listenTCP(t)
	go func() {
		for c := range conns {
			_ = c.Close()
		}
	}()
	w := worlds(t)[1]
	foreign := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"127.0.0.1"}})
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{foreign.TLS}})
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
			_ = c.(*tls.Conn).Handshake()
			_ = c.Close()
		}
	}()
	untrusted := netip.MustParseAddrPort(l.Addr().String())
	for name, c := range map[string]struct {
		check plan.HealthCheck
		at    netip.AddrPort
		want  bool
	}{
		"connected":    {plan.HealthCheck{}, plain, false},
		"refused":      {plan.HealthCheck{}, deadPort(t), true},
		"untrusted":    {plan.HealthCheck{TLS: w.client}, untrusted, true},
		"http-refused": {plan.HealthCheck{Protocol: plan.CheckHTTP, Path: "/", Status: 200}, deadPort(t), true},
		"http-closed":  {plan.HealthCheck{Protocol: plan.CheckHTTP, Path: "/", Status: 200}, plain, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			failed := make(chan plan.BackendKey, 100)
			ended := make(chan string, 100)
			k := New(literal, func(_ plan.BackendKey, _ bool, detail string) { ended <- detail })
			defer k.Close()
			k.OnConnectFailed(func(key plan.BackendKey) { failed <- key })
			check := c.check
			check.Interval, check.Timeout, check.Healthy, check.Unhealthy = time.Hour, 10*time.Second, 1, 1
			p := testPlan(&check, c.at.String())
			k.Apply(p)
			detail := next(t, ended) // the first probe has ended, and whatever it had to tell is told
			if got := len(failed) == 1; got != c.want || len(failed) > 1 {
				t.Fatalf("%s: got %d, want one: %v", detail, len(failed), c.want)
			}
			if c.want {
				if got := <-failed; !strings.HasSuffix(got.Endpoint(), c.at.String()) {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	for _, err := range []error{errNotMade, unconnected{errNotMade}, coded(TimedOut, errNotMade), nil} {
		if noConnection(err) {
			t.Errorf("%v: counts", err)
		}
	}
}
