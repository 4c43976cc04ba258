package backend_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
)

// picked applies backends and returns a picker with the live ones in the plan's order.
func picked(t *testing.T, policy plan.Policy, backends ...plan.Backend) (*backend.Picker, *backend.Set) {
	t.Helper()
	p := planOf(time.Second, backends...)
	p.LoadBalancers[0].BackendSets[0].Policy = policy
	sets := backend.NewRegistry().Apply(p, second)
	set := sets[setKey]
	return backend.NewPicker(set, 0), set
}

func client(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }

func with(host string, change func(*plan.Backend)) plan.Backend {
	b := one(host)
	change(&b)
	return b
}

// TestPick: which backends can take a new connection.
func TestPick(t *testing.T) {
	t.Parallel()
	const a, b, c = "10.0.0.1", "10.0.0.2", "10.0.0.3"
	backup := func(x *plan.Backend) { x.Backup = true }
	cases := []struct {
		name     string
		backends []plan.Backend
		change   func([]*backend.Backend)
		tried    []int
		want     []string // in any order, by as many picks; none = nothing can be picked
	}{
		{"all", []plan.Backend{one(a), one(b)}, nil, nil, []string{a, b}},
		{"empty", nil, nil, nil, nil},
		{"drained", []plan.Backend{with(a, func(x *plan.Backend) { x.Drain = true }), one(b)}, nil, nil, []string{b, b}},
		{"offline", []plan.Backend{offline(a), one(b)}, nil, nil, []string{b, b}},
		{"weightless", []plan.Backend{with(a, func(x *plan.Backend) { x.Weight = 0 }), one(b)}, nil, nil, []string{b, b}},
		{"down", []plan.Backend{one(a), one(b)}, func(bs []*backend.Backend) { bs[0].SetStatus(backend.Status{}) }, nil, []string{b, b}},
		{"all_down", []plan.Backend{one(a)}, func(bs []*backend.Backend) { bs[0].SetStatus(backend.Status{}) }, nil, nil},
		{"no_address", []plan.Backend{one("backend.example"), one(b)}, nil, nil, []string{b, b}},
		{"tried", []plan.Backend{one(a), one(b), one(c)}, nil, []int{0, 2}, []string{b, b}},
		{"all_tried", []plan.Backend{one(a), one(b)}, nil, []int{0, 1}, nil},
		{"backup_rests", []plan.Backend{with(a, backup), one(b)}, nil, nil, []string{b, b, b}},
		{"backup_helps", []plan.Backend{with(a, backup), one(b)}, func(bs []*backend.Backend) { bs[1].SetStatus(backend.Status{}) }, nil, []string{a, a}},
		{"backup_after_tried", []plan.Backend{with(a, backup), one(b)}, nil, []int{1}, []string{a, a}},
		{"full", []plan.Backend{with(a, func(x *plan.Backend) { x.ConnectionsMax = 1 }), one(b)}, nil, nil, []string{a, b, b, b}},
		{"all_full", []plan.Backend{with(a, func(x *plan.Backend) { x.ConnectionsMax = 1 })},
			func(bs []*backend.Backend) { bs[0].Acquire() }, nil, nil},
		{"backup_when_full", []plan.Backend{with(a, backup), with(b, func(x *plan.Backend) { x.ConnectionsMax = 1 })}, nil, nil, []string{b, a, a}},
	}
	for _, c := range cases {
		for _, policy := range []plan.Policy{plan.RoundRobin, plan.LeastConnections, plan.LeastOutstanding} {
			t.Run(c.name+"/"+policy.String(), func(t *testing.T) {
				t.Parallel()
				p, set := picked(t, policy, c.backends...)
				if c.change != nil {
					c.change(set.Backends)
				}
				var tried []*backend.Backend
				for _, i := range c.tried {
					tried = append(tried, set.Backends[i])
				}
				checkPicks(t, p, tried, c.want)
			})
		}
	}
}

func checkPicks(t *testing.T, p *backend.Picker, tried []*backend.Backend, want []string) {
	t.Helper()
	left := map[string]int{}
	for _, host := range want {
		left[host]++
	}
	for i := range want {
		b := p.Pick(client(i), tried)
		if b == nil {
			t.Fatalf("pick %d: got none, want one of %v", i, left)
		}
		if left[b.Key.Host]--; left[b.Key.Host] < 0 {
			t.Errorf("pick %d: got %s, want one of %v", i, b.Key.Host, want)
		}
		if b.Active() < 1 {
			t.Errorf("pick %d: not counted", i)
		}
	}
	if len(want) == 0 {
		if b := p.Pick(client(0), tried); b != nil {
			t.Errorf("got %s, want none", b.Key.Host)
		}
	}
}

// TestSetSet: a plan change gives a picker another set; the policy goes with it.
func TestSetSet(t *testing.T) {
	t.Parallel()
	p, _ := picked(t, plan.RoundRobin, one("10.0.0.1"), one("10.0.0.2"))
	_, hash := picked(t, plan.SourceIPHash, one("10.0.0.3"), one("10.0.0.4"), one("10.0.0.5"))
	p.SetSet(hash)
	if p.Set() != hash {
		t.Fatal("set: got another one")
	}
	first := p.Pick(client(7), nil)
	for range 10 {
		if b := p.Pick(client(7), nil); b != first {
			t.Fatalf("by source address: got %s after %s for the same client", b.Endpoint, first.Endpoint)
		}
	}
	if first == nil || first.Key.Host < "10.0.0.3" {
		t.Errorf("got %+v, want a backend of the new set", first)
	}
}

// TestLimitExactOverLoops: a backend's connection limit holds over all loops together, and what is released can be had
// again.
func TestLimitExactOverLoops(t *testing.T) {
	t.Parallel()
	const most, loops, picks = 5, 4, 2000
	_, set := picked(t, plan.RoundRobin, with("10.0.0.1", func(b *plan.Backend) { b.ConnectionsMax = most }))
	b := set.Backends[0]
	var running sync.WaitGroup
	var held atomic.Int64
	release := func() {
		held.Add(-1)
		b.Release()
	}
	for i := range loops {
		running.Go(func() {
			p := backend.NewPicker(set, i)
			mine := 0
			for range picks {
				if p.Pick(client(i), nil) == nil {
					continue
				}
				if n := held.Add(1); n > most {
					t.Errorf("held: got %d, want at most %d", n, most)
				}
				if mine++; mine == 3 { // hold two, so that the loops compete
					release()
					mine--
				}
			}
			for range mine {
				release()
			}
		})
	}
	running.Wait()
	if n := b.Active(); n != 0 {
		t.Errorf("connections: got %d, want none left", n)
	}
	granted := 0
	for b.Acquire() {
		granted++
	}
	if granted != most {
		t.Errorf("granted: got %d, want %d", granted, most)
	}
}

// TestReleaseTwice: an end counted twice would let a backend have more connections than it may.
func TestReleaseTwice(t *testing.T) {
	t.Parallel()
	_, set := picked(t, plan.RoundRobin, one("10.0.0.1"))
	defer func() {
		if recover() == nil {
			t.Error("released more often than acquired: no panic")
		}
	}()
	set.Backends[0].Release()
}
