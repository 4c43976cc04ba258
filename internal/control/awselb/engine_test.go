package awselb

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/lulltest"
)

func TestEngineTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1", "i-2")
	w.create(b, "us-west-2a")
	node := w.node(0)
	if status, _ := w.get(node, "/"); status != http.StatusServiceUnavailable {
		t.Errorf("without instances: got %d, want 503", status)
	}
	if c := w.dial(node); c.host != "" {
		t.Errorf("without instances: got a connection to %q", c.host)
	}
	w.register("i-1", "i-2")
	w.wantHosts(node, "i-1", "i-2")
	w.do(deregistration("i-2"))
	w.wantHosts(node, "i-1")
	w.checkListeners(2)
	w.asks("Action=DeleteLoadBalancer&LoadBalancerName=web")
	if _, _, err := fetch(node, "/"); err == nil {
		t.Error("a deleted load balancer answers")
	}
}

// TestEngineZones: with cross-zone load balancing off a node's new connections go to its own zone; with it on, to all. Open ones
// stay in either case. A zone without a healthy instance answers 503 by itself.
func TestEngineZones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1", "i-2", "i-3")
	w.create(b, "us-west-2a", "us-west-2b")
	w.register("i-1", "i-2")
	zoneA, zoneB := w.node(0), w.node(1)
	w.wantHosts(zoneA, "i-1", "i-2")
	if status, _ := w.get(zoneB, "/"); status != http.StatusServiceUnavailable {
		t.Errorf("a zone without instances: got %d, want 503", status)
	}
	w.register("i-3")
	w.wantHosts(zoneB, "i-3")
	w.wantHosts(zoneA, "i-1", "i-2")
	own := w.dial(zoneB)
	w.modify("CrossZoneLoadBalancing.Enabled=true")
	w.wantHosts(zoneA, "i-1", "i-2", "i-3")
	w.wantHosts(zoneB, "i-1", "i-2", "i-3")
	crossing := w.dial(zoneB)
	for crossing.host == "i-3" {
		crossing = w.dial(zoneB)
	}
	w.modify("CrossZoneLoadBalancing.Enabled=false")
	w.wantHosts(zoneB, "i-3")
	own.echo()
	crossing.echo()
	w.asks("Action=DisableAvailabilityZonesForLoadBalancer&LoadBalancerName=web&AvailabilityZones.member.1=us-west-2b")
	if got := w.health("i-3"); !slices.Equal(got, []string{"i-3" + saysZone}) {
		t.Errorf("its zone is off: got %q", got)
	}
	w.wantHosts(zoneA, "i-1", "i-2")
}

// TestEngineSessions: a session is kept on every node of a listener, for as long as the instance's zone may be used.
func TestEngineSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1", "i-2", "i-3")
	w.create(b, "us-west-2a", "us-west-2b")
	w.modify("CrossZoneLoadBalancing.Enabled=true")
	w.register("i-1", "i-2", "i-3")
	w.asks("Action=CreateLBCookieStickinessPolicy&LoadBalancerName=web&PolicyName=sticky")
	w.asks("Action=SetLoadBalancerPoliciesOfListener&LoadBalancerName=web&LoadBalancerPort=%d&PolicyNames.member.1=sticky", portHTTP)
	var cookie *http.Cookie
	ask := func(node netip.Addr) string {
		request, _ := http.NewRequest(http.MethodGet, fmt.Sprintf("http://%s:%d/", node, portHTTP), nil)
		if cookie != nil {
			request.AddCookie(cookie)
		}
		client := http.Client{Timeout: lulltest.Patience, Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		for _, c := range response.Cookies() {
			cookie = c
		}
		body, _ := io.ReadAll(response.Body)
		return string(body)
	}
	for cookie = nil; ask(w.node(0)) != "i-3"; cookie = nil {
		t.Log("another session, until one is with i-3")
	}
	for i := range 12 {
		if got := ask(w.node(i % 2)); got != "i-3" {
			t.Fatalf("node %d: got %s, want the session's i-3", i%2, got)
		}
	}
	w.modify("CrossZoneLoadBalancing.Enabled=false")
	if got := ask(w.node(0)); got == "i-3" {
		t.Error("without cross-zone load balancing a session goes on in another zone")
	}
}

// TestEngineRestart: what was made is there again, with another process's data plane.
func TestEngineRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1", "i-2")
	w.create(b, "us-west-2a")
	w.register("i-1", "i-2")
	node := w.node(0)
	w.applier.Close()
	w.engine.Close()
	if _, _, err := fetch(node, "/"); err == nil {
		t.Fatal("the old data plane still answers")
	}
	w.run(t)
	w.reopen()
	w.awaitHealth(nil, " InService N/A: N/A")
	if w.node(0) != node {
		t.Errorf("the node is at %s, want %s", w.node(0), node)
	}
	w.wantHosts(node, "i-1", "i-2")
}

// TestEngineTaken: a port that somebody else has is an answer, and nothing has changed. Once it is free the same call works.
func TestEngineTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1")
	w.create(b, "us-west-2a")
	w.register("i-1")
	node, before := w.node(0), w.Plan()
	taken := listenAt(t, node.String(), 8082)
	const more = "Action=CreateLoadBalancerListeners&LoadBalancerName=web&Listeners.member.1.Protocol=TCP&Listeners.member.1.LoadBalancerPort=8082&Listeners.member.1.InstancePort=%d"
	request, err := w.form(fmt.Sprintf(more, b.tcp))
	if err != nil {
		t.Fatal(err)
	}
	refusal := w.refused(request, query.InvalidConfigurationRequest)
	if !strings.Contains(refusal.Message, netip.AddrPortFrom(node, 8082).String()) {
		t.Errorf("the message does not say which port: %s", refusal.Message)
	}
	if w.Plan() != before {
		t.Error("the plan in force has changed")
	}
	w.wantHosts(node, "i-1")
	_ = taken.Close()
	w.do(request)
	if got := len(w.Plan().LoadBalancers[0].Listeners); got != 3 {
		t.Errorf("%d listeners run, want 3", got)
	}
	w.awaitHealth(nil, " InService N/A: N/A")
	w.checkListeners(3)
}

// TestEngineNotStored: what cannot be stored is not in force, and those who were served still are.
func TestEngineNotStored(t *testing.T) {
	t.Parallel()
	idle := query.Attributes{ConnectionSettings: &query.ConnectionSettings{IdleTimeout: 1}}
	for name, c := range map[string]struct {
		request any
		removes bool // backends: they have to prove themselves again
	}{
		"register":   {registration("i-2"), false},
		"modify":     {&query.ModifyLoadBalancerAttributesRequest{LoadBalancerName: "web", LoadBalancerAttributes: idle}, false},
		"deregister": {deregistration("i-1"), true},
		"delete":     {&query.DeleteLoadBalancerRequest{LoadBalancerName: "web"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.create(w.newBackends("i-1", "i-2"), "us-west-2a")
			w.register("i-1")
			if err := w.store.Close(); err != nil {
				t.Fatal(err)
			}
			_ = w.refused(c.request, query.ServiceUnavailable)
			l := w.Plan().LoadBalancers[0].Listeners[0]
			if l.Timeouts.Idle != time.Minute || len(l.BackendSet.Backends) != 1 || len(w.document("web").Instances) != 1 {
				t.Errorf("got the idle timeout %v and %d backends, want a minute and 1", l.Timeouts.Idle, len(l.BackendSet.Backends))
			}
			if !c.removes {
				w.wantHosts(w.node(0), "i-1")
			}
		})
	}
}

// TestEngineUnproven: an instance that has never passed a health check gets nothing.
func TestEngineUnproven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1")
	host, _, _ := w.instances.Lookup("i-2")
	_ = w.serveHTTP(b, "i-2", host) // but nothing where it is probed
	w.create(b, "us-west-2a")
	w.do(registration("i-1", "i-2"))
	w.awaitHealth([]string{"i-1"}, saysUp)
	w.awaitHealth([]string{"i-2"}, saysNeverUp)
	w.wantHosts(w.node(0), "i-1")
}

// TestEngineRegistering: an instance gets nothing while its first health check has not been answered.
func TestEngineRegistering(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.newBackends("i-1")
	w.create(b, "us-west-2a")
	w.asks("Action=ConfigureHealthCheck&LoadBalancerName=web&HealthCheck.Target=HTTP:%d/slow&HealthCheck.Interval=300&HealthCheck.Timeout=60"+
		"&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=10", b.http)
	w.do(registration("i-1"))
	b.await(t) // a probe for each listener
	b.await(t)
	w.awaitHealth(nil, saysNew)
	if http, tcp := w.httpHosts(w.node(0)), w.tcpHosts(w.node(0)); !slices.Equal(http, []string{"503"}) || !slices.Equal(tcp, []string{""}) {
		t.Errorf("got %q and %q, want 503 and nobody", http, tcp)
	}
	close(b.answer)
	w.awaitHealth(nil, saysUp)
	w.wantHosts(w.node(0), "i-1")
}
