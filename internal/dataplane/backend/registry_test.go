package backend_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
)

const second = int64(time.Second)

//nolint:gochecknoglobals // a constant, but for Go's type system
var setKey = plan.SetKey{LoadBalancer: "lb", Name: "set"}

func keyOf(host string) plan.BackendKey { return plan.BackendKey{Set: setKey, Host: host, Port: 80} }

// planOf returns a plan with one set of the backends, and a listener with that drain time in front of it.
func planOf(drain time.Duration, backends ...plan.Backend) *plan.Plan {
	set := &plan.BackendSet{Key: setKey, Backends: backends}
	l := &plan.Listener{BackendSet: set}
	l.Timeouts.Drain = drain
	return &plan.Plan{LoadBalancers: []*plan.LoadBalancer{{
		Name: "lb", Listeners: []*plan.Listener{l}, BackendSets: []*plan.BackendSet{set},
	}}}
}

func one(host string) plan.Backend { return plan.Backend{Key: keyOf(host), Weight: 1} }

func offline(host string) plan.Backend {
	b := one(host)
	b.Offline = true
	return b
}

// step is a plan applied at a time, and the end that the backend 10.0.0.1 has then.
type step struct {
	at   int64 // seconds
	plan *plan.Plan
	ends int64 // seconds; 0 = no end
	why  reason.Reason
}

// TestEndsOfBackends: a backend that leaves the plan, or is set offline, gets an end for its open connections; it loses it
// when it comes back, and no change puts off an end that was set before.
func TestEndsOfBackends(t *testing.T) {
	t.Parallel()
	const a, b = "10.0.0.1", "10.0.0.2"
	in := planOf(30*time.Second, one(a), one(b))
	out := planOf(30*time.Second, one(b))
	off := planOf(30*time.Second, offline(a), one(b))
	cases := []struct {
		name  string
		steps []step
	}{
		{"stays", []step{{10, in, 0, 0}, {20, in, 0, 0}}},
		{"removed", []step{{10, in, 0, 0}, {20, out, 50, reason.DrainTimeout}, {30, out, 50, reason.DrainTimeout}}},
		{"returned", []step{{10, in, 0, 0}, {20, out, 50, reason.DrainTimeout}, {30, in, 0, 0}, {40, out, 70, reason.DrainTimeout}}},
		{"offline", []step{{10, in, 0, 0}, {20, off, 50, reason.BackendOffline}, {30, off, 50, reason.BackendOffline}}},
		{"online_again", []step{{10, off, 40, reason.BackendOffline}, {20, in, 0, 0}}},
		{"offline_then_removed", []step{{10, off, 40, reason.BackendOffline}, {30, out, 40, reason.DrainTimeout}}},
		{"removed_then_offline", []step{{10, in, 0, 0}, {20, out, 50, reason.DrainTimeout}, {40, off, 50, reason.BackendOffline}}},
		{"drain_time_of_its_plan", []step{{10, planOf(5*time.Second, one(a)), 0, 0}, {20, planOf(time.Hour, one(b)), 25, reason.DrainTimeout}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := backend.NewRegistry()
			var live *backend.Backend
			for i, s := range c.steps {
				r.Apply(s.plan, s.at*second)
				if live == nil {
					live = r.Find(keyOf(a))
					live.Acquire() // so that it is remembered
				}
				if r.Find(keyOf(a)) != live {
					t.Fatalf("step %d: another backend, want the one that has a connection", i)
				}
				checkEnd(t, i, live.Closing(), s)
			}
		})
	}
}

func checkEnd(t *testing.T, i int, got *backend.Closing, want step) {
	t.Helper()
	switch {
	case want.ends == 0 && got != nil:
		t.Errorf("step %d: ends at %d s as %v, want no end", i, got.At/second, got.Why)
	case want.ends == 0:
	case got == nil:
		t.Errorf("step %d: no end, want one at %d s", i, want.ends)
	case got.At != want.ends*second || got.Why != want.why:
		t.Errorf("step %d: ends at %d s as %v, want %d s as %v", i, got.At/second, got.Why, want.ends, want.why)
	}
}

// TestForgotten: a backend without connections is forgotten some time after it left the plan, one with connections never.
func TestForgotten(t *testing.T) {
	t.Parallel()
	const unused, used = "10.0.0.1", "10.0.0.2"
	r := backend.NewRegistry()
	r.Apply(planOf(time.Second, one(unused), one(used)), second)
	b := r.Find(keyOf(used))
	b.Acquire()
	empty := planOf(time.Second)
	for range 3 {
		r.Apply(empty, second)
	}
	if r.Find(keyOf(unused)) != nil {
		t.Error("unused: still there, want it forgotten")
	}
	if r.Find(keyOf(used)) != b {
		t.Error("used: forgotten, want it kept while it has a connection")
	}
	if n := len(r.All()); n != 0 {
		t.Errorf("named by the plan: got %d, want none", n)
	}
	b.Release()
	r.Apply(empty, second)
	if r.Find(keyOf(used)) != nil {
		t.Error("used: still there after its last connection, want it forgotten")
	}
}

// TestStateOutlivesPlans: health, addresses and counts belong to a backend's name and not to a plan.
func TestStateOutlivesPlans(t *testing.T) {
	t.Parallel()
	const host = "backend.example"
	r := backend.NewRegistry()
	r.Apply(planOf(time.Second, one(host)), second)
	b := r.Find(keyOf(host))
	if got := b.Status(); !got.Up {
		t.Errorf("status before the first probe: got %+v, want up", got)
	}
	if _, ok := b.NextAddr(); ok || len(b.Addrs()) != 0 {
		t.Errorf("addresses before the first lookup: got %v, want none", b.Addrs())
	}
	addrs := []netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:80"), netip.MustParseAddrPort("10.1.0.2:80")}
	b.SetAddrs(addrs)
	b.SetStatus(backend.Status{Up: false, Detail: "refused"})
	b.Connected()
	b.ConnectFailed()
	b.ConnectFailed()
	sets := r.Apply(planOf(time.Second, one(host), one("10.0.0.2")), 2*second)
	set := sets[setKey]
	if len(set.Backends) != 2 || set.Backends[0] != b || set.Key != setKey {
		t.Fatalf("set: got %+v, want the same backend first", set)
	}
	ok, failed := b.Connects()
	if got := b.Status(); got.Up || got.Detail != "refused" || ok != 1 || failed != 2 {
		t.Errorf("got %+v, %d and %d connects; want down, 1 and 2", got, ok, failed)
	}
	seen := map[netip.AddrPort]int{}
	for range 6 {
		a, _ := b.NextAddr()
		seen[a]++
	}
	if seen[addrs[0]] != 3 || seen[addrs[1]] != 3 {
		t.Errorf("addresses in turn: got %v, want each three times", seen)
	}
	if got := b.Endpoint; got != host+":80" {
		t.Errorf("endpoint: got %q", got)
	}
}

// TestLongestDrain: a set behind several listeners gets the longest of their drain times.
func TestLongestDrain(t *testing.T) {
	t.Parallel()
	p := planOf(5*time.Second, one("10.0.0.1"))
	lb := p.LoadBalancers[0]
	other := &plan.Listener{BackendSet: lb.BackendSets[0]}
	other.Timeouts.Drain = 50 * time.Second
	lb.Listeners = append(lb.Listeners, other, &plan.Listener{BackendSet: &plan.BackendSet{Key: plan.SetKey{Name: "other"}}})
	r := backend.NewRegistry()
	r.Apply(p, 10*second)
	r.Apply(planOf(time.Second), 20*second)
	if got := r.Find(keyOf("10.0.0.1")).Closing(); got == nil || got.At != 70*second {
		t.Errorf("end: got %+v, want 70 s", got)
	}
}

// TestDrainOfSet: a set's own drain time holds for its backends, shorter or longer than the listeners'.
func TestDrainOfSet(t *testing.T) {
	t.Parallel()
	for _, own := range []time.Duration{0, 5 * time.Second, 90 * time.Second} {
		in, out := planOf(30*time.Second, one("10.0.0.1"), one("10.0.0.2")), planOf(30*time.Second, one("10.0.0.2"))
		in.LoadBalancers[0].BackendSets[0].Drain, out.LoadBalancers[0].BackendSets[0].Drain = &own, &own
		r := backend.NewRegistry()
		leaving := r.Apply(in, 10*second)[setKey].Backends[0]
		r.Apply(out, 20*second)
		if end := leaving.Closing(); end == nil || end.At != 20*second+int64(own) {
			t.Errorf("set's drain time %v: got end %+v, want that long after the removal", own, end)
		}
	}
}

// TestStartsDown: a backend that has to prove itself gets nothing before its first success, and again when it comes back.
func TestStartsDown(t *testing.T) {
	t.Parallel()
	in, out := planOf(0, one("10.0.0.1")), planOf(0)
	in.LoadBalancers[0].BackendSets[0].HealthCheck = &plan.HealthCheck{StartsDown: true}
	r := backend.NewRegistry()
	b := r.Apply(in, 0)[setKey].Backends[0]
	if got := b.Status(); got.Up || got.Detail != plan.NotProbed {
		t.Fatalf("new: got %+v, want down as not probed", got)
	}
	if b.SetStatus(backend.Status{Detail: "refused"}); b.Proven() {
		t.Error("failed at first: got proven, want not")
	}
	b.SetStatus(backend.Status{Up: true})
	if r.Apply(in, 1); !b.Status().Up || !b.Proven() {
		t.Error("an unchanged plan: got down or not proven, want the probe's verdict kept")
	}
	if b.SetStatus(backend.Status{Detail: "refused"}); !b.Proven() {
		t.Error("failed after it had passed: got not proven, want proven")
	}
	b.Acquire() // so that it is remembered
	r.Apply(out, 2)
	if b := r.Apply(in, 3)[setKey].Backends[0]; b.Status().Up || b.Proven() {
		t.Error("come back: got up or proven, want down until it has proved itself again")
	}
}

// TestStartsKnown: what another set of the load balancer knows by the same probe counts for a new backend; by another probe, or of
// another host, it does not.
func TestStartsKnown(t *testing.T) {
	t.Parallel()
	check := plan.HealthCheck{StartsDown: true, Port: 80}
	otherPort := check
	otherPort.Port = 81
	own := check
	own.Port = 0
	for _, tt := range []struct {
		name  string
		check plan.HealthCheck
		host  string
		up    bool
	}{
		{"same", check, "10.0.0.1", true},
		{"another probe", otherPort, "10.0.0.1", false},
		{"each port for itself", own, "10.0.0.1", false},
		{"another host", check, "10.0.0.2", false},
	} {
		first := planOf(0, one("10.0.0.1"))
		set := first.LoadBalancers[0].BackendSets[0]
		if set.HealthCheck = &check; tt.check.Port == 0 {
			set.HealthCheck = &own
		}
		r := backend.NewRegistry()
		r.Apply(first, 0)[setKey].Backends[0].SetStatus(backend.Status{Up: true})
		second := planOf(0, one("10.0.0.1"))
		second.LoadBalancers[0].BackendSets[0].HealthCheck = set.HealthCheck
		key := plan.SetKey{LoadBalancer: "lb", Name: "new"}
		added := plan.Backend{Key: plan.BackendKey{Set: key, Host: tt.host, Port: 90}, Weight: 1}
		second.LoadBalancers[0].BackendSets = append(second.LoadBalancers[0].BackendSets,
			&plan.BackendSet{Key: key, Backends: []plan.Backend{added}, HealthCheck: &tt.check})
		if got := r.Apply(second, 1)[key].Backends[0].Status().Up; got != tt.up {
			t.Errorf("%s: got up %v, want %v", tt.name, got, tt.up)
		}
	}
}

// TestStartsForgotten: an instance that comes back while it is still draining has to prove itself in every set: what its sets knew of it
// is from before.
func TestStartsForgotten(t *testing.T) {
	t.Parallel()
	check := &plan.HealthCheck{StartsDown: true, Port: 80}
	other := plan.SetKey{LoadBalancer: "lb", Name: "other"}
	in := planOf(time.Minute, one("10.0.0.1"))
	lb := in.LoadBalancers[0]
	lb.BackendSets[0].HealthCheck = check
	second := plan.Backend{Key: plan.BackendKey{Set: other, Host: "10.0.0.1", Port: 90}, Weight: 1}
	lb.BackendSets = append(lb.BackendSets, &plan.BackendSet{Key: other, Backends: []plan.Backend{second}, HealthCheck: check})
	r := backend.NewRegistry()
	for _, set := range r.Apply(in, 0) {
		set.Backends[0].SetStatus(backend.Status{Up: true})
		set.Backends[0].Acquire() // a connection that outlives the removal
	}
	out := planOf(time.Minute)
	r.Apply(out, 1)
	r.Apply(out, 2)
	for key, set := range r.Apply(in, 3) {
		if set.Backends[0].Status().Up {
			t.Errorf("%v: got up, want down until a probe has succeeded", key)
		}
	}
}

// TestSameBesideChanged: what a plan shares with the last one is left as it is, down to the sets that loops choose from, while what is
// beside it changes; and all backends are told in the order of their keys, whatever has changed since they were told last.
func TestSameBesideChanged(t *testing.T) {
	t.Parallel()
	named := func(lb, name string, hosts ...string) *plan.BackendSet {
		set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: lb, Name: name}}
		for _, host := range hosts {
			set.Backends = append(set.Backends, plan.Backend{Key: plan.BackendKey{Set: set.Key, Host: host, Port: 80}, Weight: 1})
		}
		return set
	}
	balancer := func(sets ...*plan.BackendSet) *plan.LoadBalancer {
		return &plan.LoadBalancer{Name: sets[0].Key.LoadBalancer, BackendSets: sets}
	}
	r := backend.NewRegistry()
	kept, other := named("b", "kept", "10.0.0.2", "10.0.0.1"), balancer(named("c", "set", "10.0.0.1"))
	first := r.Apply(&plan.Plan{LoadBalancers: []*plan.LoadBalancer{other, balancer(named("b", "was", "10.0.0.3"), kept)}}, second)
	told := func() (all []string) {
		for _, b := range r.All() {
			all = append(all, b.Key.String())
		}
		return all
	}
	if got, want := told(), []string{"b/kept/10.0.0.1:80", "b/kept/10.0.0.2:80", "b/was/10.0.0.3:80", "c/set/10.0.0.1:80"}; !slices.Equal(got, want) {
		t.Errorf("before: got %v, want %v", got, want)
	}
	was := r.Find(plan.BackendKey{Set: plan.SetKey{LoadBalancer: "b", Name: "was"}, Host: "10.0.0.3", Port: 80})
	next := r.Apply(&plan.Plan{LoadBalancers: []*plan.LoadBalancer{balancer(named("a", "new", "10.0.0.9")), other,
		balancer(kept, named("b", "is", "10.0.0.3"))}}, 2*second)
	if next[kept.Key] != first[kept.Key] {
		t.Error("the set that both plans have is another one now")
	}
	if len(next) != 3 {
		t.Errorf("sets of what has changed: got %d, want the two of b and the one of a", len(next))
	}
	if was.Closing() == nil || next[kept.Key].Backends[0].Closing() != nil {
		t.Errorf("ends: got %v for what left and %v for what stays, want one and none", was.Closing(), next[kept.Key].Backends[0].Closing())
	}
	if got, want := told(), []string{"a/new/10.0.0.9:80", "b/is/10.0.0.3:80", "b/kept/10.0.0.1:80", "b/kept/10.0.0.2:80", "c/set/10.0.0.1:80"}; !slices.Equal(got, want) {
		t.Errorf("after: got %v, want %v", got, want)
	}
}
