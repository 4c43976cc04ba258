package metrics

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// ocis is who knows the load balancers of a test.
type ocis []OCILoadBalancer

func (o ocis) OCILoadBalancers() []OCILoadBalancer { return o }

// snapshots is a data plane whose counters a test sets.
type snapshots struct{ stats.Snapshot }

func (s *snapshots) Stats() stats.Snapshot { return s.Snapshot }

func (*snapshots) TakePeaks() stats.Peaks { return stats.Peaks{} }

// ociSaid returns the series of the last period as "name{component,what}".
func ociSaid(out *ociPeriods) map[string]float64 {
	name := regexp.MustCompile(`fqName: "oci_lbaas_(\w+)"`)
	said := map[string]float64{}
	if period := out.last.Load(); period != nil {
		for _, v := range *period {
			said[fmt.Sprintf("%s{%s,%s}", name.FindStringSubmatch(v.metric.desc.String())[1], v.place.component, v.place.name)] = v.value
		}
	}
	return said
}

func compareOCI(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, value := range want {
		if g, ok := got[name]; !ok || g != value {
			t.Errorf("%s: %v %t, want %v", name, g, ok, value)
		}
	}
}

// counted is a load balancer's counters after something has happened n times.
func counted(n uint64) stats.Snapshot {
	key := func(name string) plan.SetKey { return plan.SetKey{LoadBalancer: "lb", Name: name} }
	web := stats.ListenerTotals{
		Key: plan.ListenerKey{LoadBalancer: "lb", Name: "http:443"}, Protocol: plan.HTTP, Secure: true, Set: key("a"),
		Accepted: 10 * n, Active: 3, BytesUp: 100 * n, BytesDown: 1000 * n,
		Sites: []stats.SiteTotals{
			{Name: "one", Requests: 4 * n, BackendStatus: [6]uint64{2: 3 * n}, OwnStatus: [6]uint64{5: n}, OK: 2 * n, Timeout: n},
			{Name: "two", Requests: 2 * n, OwnStatus: [6]uint64{3: n, 4: n}},
		},
	}
	web.Requests, web.Handshakes, web.Untrusted = 6*n, 5*n, 3*n
	web.Closes[reason.NoClientCert], web.Closes[reason.HandshakeFailed], web.Closes[reason.HandshakeTimeout] = n, n, n
	web.Closes[reason.AddressLimit] = 2 * n
	tcp := stats.ListenerTotals{
		Key: plan.ListenerKey{LoadBalancer: "lb", Name: "tcp"}, Set: key("b"), Accepted: n, Active: 1, BytesUp: 7 * n, BytesDown: 8 * n,
		Firsts: n, FirstTook: time.Duration(n) * 3 * time.Millisecond,
	}
	tcp.Closes[reason.ConnectTimeout] = n
	other := tcp
	other.Key.LoadBalancer = "classic"
	return stats.Snapshot{
		Listeners: []stats.ListenerTotals{web, tcp, other},
		Sets: []stats.SetTotals{{
			Key: key("a"), Requests: 4 * n, Status: [6]uint64{2: 3 * n, 5: n}, OK: 2 * n, Timeout: n, Overdue: n, BadResponses: n,
			BytesUp: 50 * n, BytesDown: 500 * n, Answers: 4 * n, AnswersTook: time.Duration(n) * 10 * time.Millisecond,
		}},
		Backends: []stats.BackendTotals{
			{Key: plan.BackendKey{Set: key("a"), Host: "10.0.0.1", Port: 80}, Up: true, Active: 2, Conns: 5, Connects: 5 + 3*n},
			{Key: plan.BackendKey{Set: key("a"), Host: "10.0.0.2", Port: 80}, Connects: 2 * n},
			{Key: plan.BackendKey{Set: key("b"), Host: "10.0.0.3", Port: 80}, Up: true, Active: 1, Connects: 1 + n},
		},
	}
}

// TestOCIMetrics_MET_01: every metric of Oracle's table is there once a minute, of the component that it is of, and says what
// happened in that minute.
func TestOCIMetrics_MET_01(t *testing.T) {
	t.Parallel()
	plane, out := &snapshots{counted(1)}, &ociPeriods{}
	oci := OCI(ocis{{Name: "lb", ID: "ocid1.loadbalancer.oc1..x", DisplayName: "web", Region: "r"}})
	out.known.Store(&oci)
	s := newOCISampler(plane, out)
	s.look(1)
	plane.Snapshot = counted(2)
	s.look(1 + int64(15*time.Second))
	if out.last.Load() != nil {
		t.Error("told before a minute had passed")
	}
	plane.Snapshot = counted(3)
	s.look(1 + int64(time.Minute))
	got := ociSaid(out)
	want := map[string]float64{
		"acceptedConnections{Loadbalancer,}": 22, "handledConnections{Loadbalancer,}": 18, "activeConnections{Loadbalancer,}": 4,
		"activeSslConnections{Loadbalancer,}": 3, "acceptedSSLHandshake{Loadbalancer,}": 10, "FailedSslHandshake{Loadbalancer,}": 4,
		"failedSSLClientCertVerify{Loadbalancer,}": 8, "httpRequests{Loadbalancer,}": 12,
		"bytesReceived{Loadbalancer,}": 214, "bytesSent{Loadbalancer,}": 2016, "peakBandwidth{Loadbalancer,}": 1115 * 8. / 15,

		"httpRequests{Backendset,a}": 8, "activeConnections{Backendset,a}": 2, "backendServers{Backendset,a}": 2, "unhealthyBackendServers{Backendset,a}": 1,
		"keepAliveConnections{Backendset,a}": 3, "closedConnections{Backendset,a}": 10, "backendTimeouts{Backendset,a}": 2,
		"invalidHeaderResponses{Backendset,a}": 2, "bytesReceived{Backendset,a}": 100, "bytesSent{Backendset,a}": 1000,
		"responseTimeHttpHeader{Backendset,a}": 2.5, "httpResponses{Backendset,a}": 8, "httpResponses200{Backendset,a}": 4,
		"httpResponses2xx{Backendset,a}": 6, "httpResponses3xx{Backendset,a}": 0, "httpResponses4xx{Backendset,a}": 0,
		"httpResponses502{Backendset,a}": 0, "httpResponses504{Backendset,a}": 2, "httpResponses5xx{Backendset,a}": 2,

		"activeConnections{Backendset,b}": 1, "backendServers{Backendset,b}": 1, "unhealthyBackendServers{Backendset,b}": 0,
		"keepAliveConnections{Backendset,b}": 0, "closedConnections{Backendset,b}": 2, "backendTimeouts{Backendset,b}": 2,
		"bytesReceived{Backendset,b}": 14, "bytesSent{Backendset,b}": 16, "responseTimeFirstByte{Backendset,b}": 3,

		"httpResponses{Listener,one}": 8, "httpResponses200{Listener,one}": 4, "httpResponses2xx{Listener,one}": 6, "httpResponses3xx{Listener,one}": 0,
		"httpResponses4xx{Listener,one}": 0, "httpResponses502{Listener,one}": 0, "httpResponses504{Listener,one}": 2, "httpResponses5xx{Listener,one}": 2,
		"httpResponses{Listener,two}": 4, "httpResponses200{Listener,two}": 0, "httpResponses2xx{Listener,two}": 0, "httpResponses3xx{Listener,two}": 2,
		"httpResponses4xx{Listener,two}": 2, "httpResponses502{Listener,two}": 0, "httpResponses504{Listener,two}": 0, "httpResponses5xx{Listener,two}": 0,
	}
	compareOCI(t, got, want)
	maps.DeleteFunc(got, func(name string, _ float64) bool { _, wanted := want[name]; return wanted })
	if len(got) > 0 {
		t.Errorf("besides: %v", got)
	}
	names := map[string]bool{}
	for series := range want {
		name, _, _ := strings.Cut(series, "{")
		names[name] = true
	}
	if len(names) != len(ociDescribed) {
		t.Errorf("%d metrics were told, %v; described are %d", len(names), slices.Sorted(maps.Keys(names)), len(ociDescribed))
	}
}

// TestOCIForgets: without load balancers of the API there are no metrics of them, and the next one begins anew.
func TestOCIForgets(t *testing.T) {
	t.Parallel()
	plane, out := &snapshots{counted(1)}, &ociPeriods{}
	know := func(list ...OCILoadBalancer) { oci := OCI(ocis(list)); out.known.Store(&oci) }
	s := newOCISampler(plane, out)
	know(OCILoadBalancer{Name: "lb"})
	s.look(1)
	s.look(1 + int64(time.Minute))
	if len(ociSaid(out)) == 0 {
		t.Fatal("nothing told after a minute")
	}
	know()
	s.look(1 + int64(2*time.Minute))
	if got := ociSaid(out); len(got) != 0 {
		t.Errorf("told of nobody: %v", got)
	}
	plane.Snapshot = counted(9)
	know(OCILoadBalancer{Name: "lb"})
	s.look(1 + int64(3*time.Minute))
	if got := ociSaid(out); len(got) != 0 {
		t.Errorf("told in the middle of the first minute: %v", got)
	}
	plane.Snapshot = counted(1) // counters that began anew
	s.look(1 + int64(4*time.Minute))
	compareOCI(t, ociSaid(out), map[string]float64{"acceptedConnections{Loadbalancer,}": 0, "bytesSent{Backendset,a}": 0})
}

// TestOCIOfEngine_TMO_24: a backend that is silent for the idle timeout of its listener is a timeout of its backend set and a 504 of
// both, as a real data plane counts it.
func TestOCIOfEngine_TMO_24(t *testing.T) {
	t.Parallel()
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(timeout.Directional, backend.Addr)
	l, lb := lulltest.Listener(p), p.LoadBalancers[0].Name
	set := lulltest.Set(p)
	l.Sites = []*plan.Site{{Name: "web", Idle: 200 * time.Millisecond, Sets: []*plan.BackendSet{set}}}
	e := lulltest.Start(t, p)
	out := &ociPeriods{}
	oci := OCI(ocis{{Name: lb}})
	out.known.Store(&oci)
	s := newOCISampler(e, out)
	s.look(1)
	client := lulltest.HTTP(lulltest.Dial(t, e.Local(l.Key)))
	client.Get("/")
	server := lulltest.TakeHTTP(t, accepted)
	server.Request()
	server.Send(lulltest.Response("hello"))
	client.ExpectAnswer("hello")
	client.Get("/")
	server.Request()
	if a := client.Answer("GET"); a.StatusCode != 504 {
		t.Fatalf("got %d, want 504", a.StatusCode)
	}
	client.End()
	s.look(1 + int64(time.Minute))
	at := "{Backendset," + set.Key.Name + "}"
	compareOCI(t, ociSaid(out), map[string]float64{
		"backendTimeouts" + at: 1, "httpResponses504" + at: 1, "httpResponses200" + at: 1, "httpResponses" + at: 2, "httpRequests" + at: 2,
		"bytesSent" + at: 5, "backendServers" + at: 1,
		"httpResponses504{Listener,web}": 1, "httpResponses5xx{Listener,web}": 1, "httpResponses200{Listener,web}": 1, "httpRequests{Loadbalancer,}": 2,
	})
	if took := ociSaid(out)["responseTimeHttpHeader"+at]; took < 100 {
		t.Errorf("answers took %v ms on average, of which one was waited for in vain for 200", took)
	}
}

// TestOCIOfTunnels has a real data plane count a connection of a TCP listener for its backend set.
func TestOCIOfTunnels(t *testing.T) {
	t.Parallel()
	backend, accepted := lulltest.Hands(t)
	p := lulltest.Plan(backend.Addr)
	e := lulltest.Start(t, p)
	out := &ociPeriods{}
	oci := OCI(ocis{{Name: p.LoadBalancers[0].Name}})
	out.known.Store(&oci)
	s := newOCISampler(e, out)
	s.look(1)
	client := lulltest.Dial(t, e.Local(lulltest.Listener(p).Key))
	server := lulltest.Take(t, accepted)
	client.Send("up")
	server.Expect("up")
	server.Send("down!")
	client.Expect("down!")
	s.look(1 + int64(time.Minute))
	at := "{Backendset," + lulltest.Set(p).Key.Name + "}"
	got := ociSaid(out)
	compareOCI(t, got, map[string]float64{"bytesReceived" + at: 2, "bytesSent" + at: 5, "activeConnections" + at: 1, "closedConnections" + at: 0})
	if took := got["responseTimeFirstByte"+at]; took <= 0 || took > 10_000 {
		t.Errorf("the first byte took %v ms", took)
	}
}
