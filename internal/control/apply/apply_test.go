package apply_test

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// start returns an applier of an engine that both end with the test.
func start(t testing.TB) (*apply.Applier, *dataplane.Engine) {
	t.Helper()
	e, err := dataplane.New(dataplane.Options{Loops: 1})
	if err != nil {
		t.Fatal(err)
	}
	a := apply.New(e)
	t.Cleanup(e.Close)
	t.Cleanup(a.Close)
	return a, e
}

// balancer returns a load balancer with one listener on a free port of 127.0.0.1, or on that one.
func balancer(name, origin string, port uint16) *plan.LoadBalancer {
	set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: name, Name: "set"}}
	l := &plan.Listener{
		Key: plan.ListenerKey{LoadBalancer: name, Name: "tcp"}, BackendSet: set,
		Address:  netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port),
		Timeouts: timeout.Settings{Idle: time.Minute, Connect: time.Second, Handshake: time.Second},
	}
	return &plan.LoadBalancer{Name: name, Origin: origin, Listeners: []*plan.Listener{l}, BackendSets: []*plan.BackendSet{set}}
}

// runs says whether the engine has the load balancer's listener.
func runs(e *dataplane.Engine, name string) bool {
	return e.Local(plan.ListenerKey{LoadBalancer: name, Name: "tcp"}).IsValid()
}

func change(t *testing.T, a *apply.Applier, door apply.Door, balancers ...*plan.LoadBalancer) {
	t.Helper()
	if err := a.Change(door, balancers, nil); err != nil {
		t.Fatalf("%s: %v", door, err)
	}
}

// TestDoors: what one front door changes leaves the load balancers of the other as they are.
func TestDoors(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	change(t, a, apply.File, balancer("one", "lull.yaml", 0))
	change(t, a, apply.AWSELB, balancer("two", "the API", 0), balancer("three", "the API", 0))
	before := e.Local(plan.ListenerKey{LoadBalancer: "one", Name: "tcp"})
	change(t, a, apply.AWSELB, balancer("three", "the API", 0))
	if runs(e, "two") || !runs(e, "three") {
		t.Error("want two gone and three running")
	}
	if now := e.Local(plan.ListenerKey{LoadBalancer: "one", Name: "tcp"}); now != before {
		t.Errorf("the other door's listener: got %v, want %v untouched", now, before)
	}
	if p := a.Plan(); len(p.LoadBalancers) != 2 || p.LoadBalancers[0].Name != "one" || p.Revision != 3 {
		t.Errorf("plan: got revision %d with %d load balancers, want 3 with one and three", p.Revision, len(p.LoadBalancers))
	}
}

// TestNameTaken: a name belongs to the door that has it.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	change(t, a, apply.AWSELB, balancer("one", "the API", 0))
	err := a.Change(apply.File, []*plan.LoadBalancer{balancer("other", "lull.yaml", 0), balancer("one", "lull.yaml", 0)}, func() error {
		t.Error("committed what is not in force")
		return nil
	})
	var taken *plan.NameTaken
	if !errors.As(err, &taken) || taken.Name != "one" {
		t.Fatalf("got %v, want *NameTaken of one", err)
	}
	if runs(e, "other") {
		t.Error("a part of a refused change runs")
	}
}

// TestCannotBind: a port that is taken refuses the change before anything is committed.
func TestCannotBind(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).AddrPort().Port()
	change(t, a, apply.AWSELB, balancer("one", "the API", 0))
	old := a.Plan()
	next := []*plan.LoadBalancer{balancer("two", "the API", port)}
	if err := a.Change(apply.AWSELB, next, func() error { t.Error("committed"); return nil }); err == nil {
		t.Fatal("got no error, want that the address is in use")
	}
	if !runs(e, "one") || runs(e, "two") || a.Plan() != old {
		t.Error("want everything as it was")
	}
	_ = l.Close()
	change(t, a, apply.AWSELB, next...)
}

// TestCommitFails: what cannot be stored is taken back.
func TestCommitFails(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	change(t, a, apply.AWSELB, balancer("one", "the API", 0))
	full := errors.New("no space left on device")
	err := a.Change(apply.AWSELB, []*plan.LoadBalancer{balancer("two", "the API", 0)}, func() error {
		if !runs(e, "two") {
			t.Error("asked to commit what does not run")
		}
		return full
	})
	if !errors.Is(err, full) {
		t.Fatalf("got %v, want the commit's own error", err)
	}
	if !runs(e, "one") || runs(e, "two") {
		t.Error("want the old load balancers running again")
	}
	if p := a.Plan(); p.LoadBalancers[0].Name != "one" {
		t.Errorf("plan: got %s, want one", p.LoadBalancers[0].Name)
	}
	change(t, a, apply.AWSELB, balancer("three", "the API", 0)) // of the door's old list nothing is left
	if runs(e, "one") || !runs(e, "three") {
		t.Error("the change after: want three alone")
	}
}

// TestCommitFailsBackends: a backend that has to prove itself is up again after a change without it was taken back.
func TestCommitFailsBackends(t *testing.T) {
	t.Parallel()
	a, e := start(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr).AddrPort()
	one := balancer("one", "the API", 0)
	set := one.BackendSets[0]
	key := plan.BackendKey{Set: set.Key, Host: at.Addr().String(), Port: at.Port()}
	set.Backends = []plan.Backend{{Key: key, Weight: 1}}
	set.HealthCheck = &plan.HealthCheck{Interval: time.Hour, Timeout: time.Minute, Healthy: 2, Unhealthy: 2, StartsDown: true}
	isUp := func() bool {
		totals, found := e.Backend(key)
		return found && totals.Up
	}
	change(t, a, apply.AWSELB, one)
	if !lulltest.Eventually(isUp) {
		t.Fatal("the backend does not come up")
	}
	full := errors.New("no space left on device")
	if err := a.Change(apply.AWSELB, nil, func() error { return full }); !errors.Is(err, full) {
		t.Fatalf("got %v, want the commit's own error", err)
	}
	if !lulltest.Eventually(isUp) {
		t.Error("the backend stays down after the failed commit")
	}
}
