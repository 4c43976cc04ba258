package metrics

import (
	"net/netip"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestOfEngine has a real data plane count what the statistics are of.
func TestOfEngine(t *testing.T) {
	t.Parallel()
	const name = "http-80.us-east-1a"
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr, netip.MustParseAddrPort("127.0.0.2:1"))
	lb, set := p.LoadBalancers[0], lulltest.Set(p)
	lb.Name = "web"
	lulltest.Listener(p).Key = plan.ListenerKey{LoadBalancer: "web", Name: name}
	set.Key = plan.SetKey{LoadBalancer: "web", Name: name}
	set.Policy = plan.RoundRobin
	for i := range set.Backends {
		set.Backends[i].Key.Set = set.Key
	}
	e := lulltest.Start(t, p)
	e.SetStatus(set.Backends[1].Key, false, "connection refused")

	var out elbPeriods
	classic := Classic(classics{{Name: "web"}})
	out.classic.Store(&classic)
	s := newSampler(e, &out)
	s.look(1)
	client := lulltest.HTTP(lulltest.Dial(t, e.Local(lulltest.Listener(p).Key)))
	client.Get("/")
	server := lulltest.TakeHTTP(t, accepted)
	server.Request()
	server.Send(lulltest.Response("hello"))
	client.ExpectAnswer("hello")
	client.Get("/")
	server.Request()
	server.Send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
	client.Answer("GET")
	client.Send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
	client.Answer("CONNECT")
	s.look(1 + int64(elbPeriod))

	w := watched{out: elbPeriods{}}
	w.out.last.Store(out.last.Load())
	got := w.said()
	for series, want := range map[string]float64{
		"request_count_sum": 2, "httpcode_backend_2_xx_sum": 1, "httpcode_backend_4_xx_sum": 1, "httpcode_elb_4_xx_sum": 1, "httpcode_elb_5_xx_sum": 0,
		"healthy_host_count_average": 1, "un_healthy_host_count_average": 1, "backend_connection_errors_sum": 0,
	} {
		if got[series+"{web,us-east-1a}"] != want {
			t.Errorf("%s: %v, want %v", series, got[series+"{web,us-east-1a}"], want)
		}
	}
	average, longest := got["latency_average{web,us-east-1a}"], got["latency_maximum{web,us-east-1a}"]
	if average <= 0 || longest < average || got["latency_p99{web,us-east-1a}"] > longest {
		t.Errorf("latencies: %v", got)
	}
}
