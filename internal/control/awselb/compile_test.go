package awselb

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// zones gives a document nodes in zones by their last letters, at 127.2.0.1 and so on.
func zones(letters string) func(d *document) {
	return func(d *document) {
		d.Nodes = nil
		for i, letter := range letters {
			d.Nodes = append(d.Nodes, node{Zone: rigRegion + string(letter), Address: netip.AddrFrom4([4]byte{127, 2, 0, byte(1 + i)})})
		}
	}
}

// members registers instances.
func members(ids ...string) func(d *document) {
	return func(d *document) {
		for _, id := range ids {
			d.Instances = append(d.Instances, instance{ID: id})
		}
	}
}

// listening replaces the listeners.
func listening(listeners ...listener) func(d *document) {
	return func(d *document) { d.Listeners = listeners }
}

// all makes one change of several.
func all(changes ...func(d *document)) func(d *document) {
	return func(d *document) {
		for _, change := range changes {
			change(d)
		}
	}
}

// compiled puts a load balancer there and returns what runs of it.
func (r *rig) compiled(changes ...func(d *document)) *plan.LoadBalancer {
	r.t.Helper()
	r.have("web", all(changes...))
	return r.running("web")
}

// shares returns who gets what from a set: "10.0.0.1:80", in brackets if it gets nothing new.
func shares(set *plan.BackendSet) []string {
	var all []string
	for _, b := range set.Backends {
		name := b.Key.Endpoint()
		if b.Drain != b.DrainSessions || b.Key.Set != set.Key || b.Weight != 1 {
			name += fmt.Sprintf("%+v", b)
		}
		if b.Drain {
			name = "(" + name + ")"
		}
		all = append(all, name)
	}
	return all
}

func TestCompile(t *testing.T) {
	t.Parallel()
	got := newRig(t).compiled(zones("ab"), members("i-1"), listening(
		listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 8080},
		listener{Protocol: "TCP", Port: 22, InstanceProtocol: "TCP", InstancePort: 2222},
	), func(d *document) { d.Attributes.IdleTimeout = 30 })
	var names []string
	for i, l := range got.Listeners {
		set := got.BackendSets[i]
		names = append(names, fmt.Sprintf("%s at %s", l.Key.Name, l.Address))
		if l.BackendSet != set || set.Key.Name != l.Key.Name || set.Key.LoadBalancer != "web" || l.Key.LoadBalancer != "web" {
			t.Errorf("listener %s: has the set %s, want one of its own name", l.Key, l.BackendSet.Key)
		}
		want := timeout.Settings{Model: timeout.Shared, Idle: 30 * time.Second, Connect: 10 * time.Second, Handshake: 10 * time.Second,
			RequestHead: 60 * time.Second, Drain: 30 * time.Second}
		if l.Timeouts != want || l.TLS != nil || l.ProxySend != 0 || l.ProxyAccept || l.ResetOnIdle {
			t.Errorf("listener %s: got %+v, want the timeouts %+v and nothing else", l.Key, l, want)
		}
	}
	want := []string{"http-80.us-west-2a at 127.2.0.1:80", "http-80.us-west-2b at 127.2.0.2:80", "tcp-22.us-west-2a at 127.2.0.1:22", "tcp-22.us-west-2b at 127.2.0.2:22"}
	if !slices.Equal(names, want) || got.Name != "web" || got.Origin != "the Classic ELB API" {
		t.Errorf("%s of %s:\ngot  %q\nwant %q", got.Name, got.Origin, names, want)
	}
	http, tcp := got.Listeners[0], got.Listeners[2]
	if http.Protocol != plan.HTTP || http.Desync != http1.Defensive || http.HeadMax != 65536 || !http.StaleRetry || http.QueueMax != 1024 {
		t.Errorf("http: got %+v", http)
	}
	if tcp.Protocol != plan.TCP || tcp.HeadMax != 0 || tcp.QueueMax != 0 {
		t.Errorf("tcp: got %+v", tcp)
	}
	if http.BackendSet.Policy != plan.LeastOutstanding || tcp.BackendSet.Policy != plan.RoundRobin {
		t.Errorf("policies: got %v and %v", http.BackendSet.Policy, tcp.BackendSet.Policy)
	}
}

// TestCompileShares: every set has all instances, and those of other zones get nothing new.
func TestCompileShares(t *testing.T) {
	t.Parallel()
	crossed := func(d *document) { d.Attributes.CrossZone = true }
	for name, c := range map[string]struct {
		change func(d *document)
		want   [][]string // by node
	}{
		"own_zone": {zones("ab"), [][]string{
			{"10.0.0.1:80", "(app3.internal:80)", "10.0.0.4:80", "10.0.0.9:80"}, {"(10.0.0.1:80)", "app3.internal:80", "10.0.0.4:80", "10.0.0.9:80"},
		}},
		"cross_zone": {all(zones("ab"), crossed), [][]string{
			{"10.0.0.1:80", "app3.internal:80", "10.0.0.4:80", "10.0.0.9:80"}, {"10.0.0.1:80", "app3.internal:80", "10.0.0.4:80", "10.0.0.9:80"},
		}},
		"zone_not_enabled":       {zones("a"), [][]string{{"10.0.0.1:80", "(app3.internal:80)", "10.0.0.4:80", "10.0.0.9:80"}}},
		"cross_zone_not_enabled": {all(zones("b"), crossed), [][]string{{"(10.0.0.1:80)", "app3.internal:80", "10.0.0.4:80", "10.0.0.9:80"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lb := newRig(t).compiled(c.change, members("i-1", "i-3", "i-4", "10.0.0.9"))
			if len(lb.BackendSets) != len(c.want) {
				t.Fatalf("got %d sets, want %d", len(lb.BackendSets), len(c.want))
			}
			for i, want := range c.want {
				if got := shares(lb.BackendSets[i]); !slices.Equal(got, want) {
					t.Errorf("node %d:\ngot  %q\nwant %q", i, got, want)
				}
			}
		})
	}
}

// TestCompileSameHost: no two backends of a set have one key, however they are written.
func TestCompileSameHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.instances.set("i-5", "10.0.0.1", "us-west-2b")
	r.instances.set("i-6", "APP3.internal", "")
	lb := r.compiled(zones("ab"), members("i-1", "i-5", "10.0.0.1", "i-3", "i-6", "App3.Internal", "[2001:db8::1]", "[2001:DB8:0::1]"))
	if got, want := shares(lb.BackendSets[0]), []string{"10.0.0.1:80", "(app3.internal:80)", "[2001:db8::1]:80"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestCompileGone: what has gone outside is left out, at a restart too, and comes back with a refresh.
func TestCompileGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", all(members("i-1", "i-2"), listening(
		listener{Protocol: "HTTPS", Port: 443, InstanceProtocol: "HTTP", InstancePort: 80, CertificateID: rigARN},
		listener{Protocol: "TCP", Port: 22, InstanceProtocol: "TCP", InstancePort: 22},
	)))
	r.instances.remove("i-1")
	r.certificates.mu.Lock()
	delete(r.certificates.holders, rigARN)
	r.certificates.mu.Unlock()
	r.reopen()
	lb := r.running("web")
	if len(lb.Listeners) != 1 || lb.Listeners[0].Key.Name != "tcp-22.us-west-2a" || len(lb.BackendSets) != 1 {
		t.Errorf("got %d listeners, want the TCP one", len(lb.Listeners))
	}
	if got := shares(lb.BackendSets[0]); !slices.Equal(got, []string{"10.0.0.2:22"}) {
		t.Errorf("got %q, want the instance that there is", got)
	}
	r.certificates.set(rigARN)
	r.instances.set("i-1", "10.0.0.11", "us-west-2a")
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	lb = r.running("web")
	if got := shares(lb.BackendSets[0]); len(lb.Listeners) != 2 || !slices.Equal(got, []string{"10.0.0.11:80", "10.0.0.2:80"}) {
		t.Errorf("after a refresh: got %d listeners and %q", len(lb.Listeners), got)
	}
	if got := len(r.document("web").Instances); got != 2 {
		t.Errorf("the document has %d instances, want both", got)
	}
}

func TestCompileTLS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.compiled(listening(
		listener{Protocol: "HTTPS", Port: 443, InstanceProtocol: "HTTPS", InstancePort: 443, CertificateID: rigARN},
		listener{Protocol: "SSL", Port: 465, InstanceProtocol: "SSL", InstancePort: 465, CertificateID: rigARN2},
		listener{Protocol: "HTTPS", Port: 8443, InstanceProtocol: "HTTP", InstancePort: 80, CertificateID: rigARN},
		listener{Protocol: "TCP", Port: 990, InstanceProtocol: "SSL", InstancePort: 465},
	))
	for i, want := range []struct {
		name        string
		protocol    plan.Protocol
		arn         string // empty: plain
		front, back []string
		secureBack  bool
	}{
		{"https-443.us-west-2a", plan.HTTP, rigARN, []string{"http/1.1"}, []string{"http/1.1"}, true},
		{"ssl-465.us-west-2a", plan.TCP, rigARN2, nil, nil, true},
		{"https-8443.us-west-2a", plan.HTTP, rigARN, []string{"http/1.1"}, nil, false},
		{"tcp-990.us-west-2a", plan.TCP, "", nil, nil, true},
	} {
		l := lb.Listeners[i]
		var holder *certs.Holder
		if want.arn != "" {
			holder, _ = r.certificates.Holder(want.arn)
		}
		if l.Key.Name != want.name || l.Protocol != want.protocol || (l.TLS != nil) != (holder != nil) || (l.BackendSet.TLS != nil) != want.secureBack {
			t.Errorf("%s: got %+v and back-end TLS %v", want.name, l, l.BackendSet.TLS)
			continue
		}
		if l.TLS != nil && (l.TLS.Certificates != holder || l.TLS.Policy == nil || !slices.Equal(l.TLS.ALPN, want.front) || l.TLS.NoResumption) {
			t.Errorf("%s: got front-end TLS %+v", want.name, l.TLS)
		}
		if back := l.BackendSet.TLS; back != nil && (back.Verify || back.Policy != backPolicy || !slices.Equal(back.ALPN, want.back)) {
			t.Errorf("%s: got back-end TLS %+v", want.name, back)
		}
	}
}

func TestCompileHealthCheck(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]plan.HealthCheck{
		"TCP:5000":          {Port: 5000},
		"SSL:443":           {Port: 443, TLS: &plan.ClientTLS{Policy: backPolicy}},
		"http:80/test?a=b":  {Port: 80, Protocol: plan.CheckHTTP, Path: "/test?a=b", Status: 200},
		"HTTPS:8443/":       {Port: 8443, Protocol: plan.CheckHTTP, Path: "/", Status: 200, TLS: &plan.ClientTLS{Policy: backPolicy, ALPN: []string{"http/1.1"}}},
		"https:443/a%20b;c": {Port: 443, Protocol: plan.CheckHTTP, Path: "/a%20b;c", Status: 200, TLS: &plan.ClientTLS{Policy: backPolicy, ALPN: []string{"http/1.1"}}},
	} {
		lb := newRig(t).compiled(func(d *document) {
			d.HealthCheck = healthCheck{Target: target, Interval: 20, Timeout: 4, UnhealthyThreshold: 3, HealthyThreshold: 7}
		})
		got := *lb.BackendSets[0].HealthCheck
		want.Interval, want.Timeout, want.Unhealthy, want.Healthy, want.StartsDown = 20*time.Second, 4*time.Second, 3, 7, true
		if !got.TLS.Same(want.TLS) {
			t.Errorf("%s: got TLS %+v, want %+v", target, got.TLS, want.TLS)
		}
		got.TLS, want.TLS = nil, nil
		if got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", target, got, want)
		}
	}
}

// TestCompileAttributes: attributes have their effect in the plan, the drain time above all: without draining, connections end
// at once.
func TestCompileAttributes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		attributes attributes
		drain      time.Duration
		desync     http1.Mode
	}{
		"default":   {attributes{IdleTimeout: 60, DrainingTimeout: 300, DesyncMode: "defensive"}, 0, http1.Defensive},
		"draining":  {attributes{IdleTimeout: 4000, Draining: true, DrainingTimeout: 300, DesyncMode: "monitor"}, 300 * time.Second, http1.Monitor},
		"strictest": {attributes{IdleTimeout: 1, Draining: true, DrainingTimeout: 1, DesyncMode: "strictest"}, time.Second, http1.Strictest},
	} {
		lb := newRig(t).compiled(func(d *document) { d.Attributes = c.attributes })
		l, set := lb.Listeners[0], lb.BackendSets[0]
		if set.Drain == nil || *set.Drain != c.drain || l.Desync != c.desync || l.Timeouts.Idle != time.Duration(c.attributes.IdleTimeout)*time.Second {
			t.Errorf("%s: got drain %v, desync %v, idle %v", name, set.Drain, l.Desync, l.Timeouts.Idle)
		}
	}
}

// TestCompileBadTarget: a document that this lull has not written is refused and does not run half.
func TestCompileBadTarget(t *testing.T) {
	t.Parallel()
	d := newDocument("web")
	d.HealthCheck.Target = "FTP:21"
	if lb, err := newRig(t).compile(d); err == nil {
		t.Errorf("got %+v, want an error", lb)
	}
}
