package backend_test

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
)

// TestOpenConn: connections of the HTTP proxy are counted apart from exchanges, and the limit holds for either.
func TestOpenConn(t *testing.T) {
	t.Parallel()
	_, set := picked(t, plan.RoundRobin, with("10.0.0.1", func(b *plan.Backend) { b.ConnectionsMax = 2 }), one("10.0.0.2"))
	limited, free := set.Backends[0], set.Backends[1]
	if !limited.Limited() || free.Limited() {
		t.Errorf("limited: got %v and %v, want true and false", limited.Limited(), free.Limited())
	}
	for i, want := range []bool{true, true, false} {
		if got := limited.OpenConn(); got != want {
			t.Errorf("connection %d of a backend that may have 2: got %v, want %v", i+1, got, want)
		}
	}
	if got := limited.Conns(); got != 2 {
		t.Errorf("connections: got %d, want 2", got)
	}
	if got := limited.Active(); got != 0 {
		t.Errorf("exchanges: got %d, want none", got)
	}
	limited.CloseConn()
	if !limited.OpenConn() {
		t.Error("a place that became free: not to be had")
	}
	for range 100 {
		if !free.OpenConn() {
			t.Fatal("a backend without limit refused a connection")
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("more connections closed than opened: no panic")
		}
	}()
	for range 3 {
		limited.CloseConn()
	}
}

// TestRoomAndCrowd: whether a request that found no backend has to wait for one, or can have none.
func TestRoomAndCrowd(t *testing.T) {
	t.Parallel()
	p, set := picked(t, plan.RoundRobin, with("10.0.0.1", func(b *plan.Backend) { b.ConnectionsMax = 1 }))
	b := set.Backends[0]
	check := func(when string, tried []*backend.Backend, room, crowded bool) {
		t.Helper()
		if got := p.Room(tried); got != room {
			t.Errorf("%s: room: got %v, want %v", when, got, room)
		}
		if got := p.Crowded(tried); got != crowded {
			t.Errorf("%s: crowded: got %v, want %v", when, got, crowded)
		}
	}
	check("idle", nil, true, true)
	check("tried", set.Backends, false, false)
	if !b.Acquire() {
		t.Fatal("an idle backend refused an exchange")
	}
	check("full", nil, false, true)
	b.SetStatus(backend.Status{})
	check("full_and_down", nil, false, false)
	b.Release()
	check("down", nil, false, false)
}

// TestKeepSession: a backend that is drained keeps the sessions it has begun and begins none; one that is down, offline,
// full or tried in vain does not keep them either.
func TestKeepSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*plan.Backend)
		down   bool
		tried  bool
		want   bool
	}{
		"up":         {want: true},
		"drained":    {change: func(b *plan.Backend) { b.Drain = true }, want: true},
		"left":       {change: func(b *plan.Backend) { b.Drain, b.DrainSessions = true, true }},
		"not-left":   {change: func(b *plan.Backend) { b.DrainSessions = true }, want: true},
		"weightless": {change: func(b *plan.Backend) { b.Weight = 0 }, want: true},
		"offline":    {change: func(b *plan.Backend) { b.Offline = true }},
		"down":       {down: true},
		"tried":      {tried: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			change := c.change
			if change == nil {
				change = func(*plan.Backend) {}
			}
			p, set := picked(t, plan.RoundRobin, with("10.0.0.1", change))
			b := set.Backends[0]
			b.SetStatus(backend.Status{Up: !c.down})
			var tried []*backend.Backend
			if c.tried {
				tried = set.Backends
			}
			if got := p.Keep(b, tried); got != c.want {
				t.Errorf("keep: got %v, want %v", got, c.want)
			}
			if got := b.Active() == 1; got != c.want {
				t.Errorf("counted: got %v, want %v", got, c.want)
			}
		})
	}
}

// TestServes: a pooled connection to an address that the name no longer means is not used again.
func TestServes(t *testing.T) {
	t.Parallel()
	_, set := picked(t, plan.RoundRobin, one("backend.example"))
	b := set.Backends[0]
	old, now := netip.MustParseAddrPort("10.1.0.1:80"), netip.MustParseAddrPort("10.1.0.2:80")
	b.SetAddrs([]netip.AddrPort{old})
	if !b.Serves(old) || b.Serves(now) {
		t.Errorf("before the change: got %v and %v, want true and false", b.Serves(old), b.Serves(now))
	}
	b.SetAddrs([]netip.AddrPort{now})
	if b.Serves(old) || !b.Serves(now) {
		t.Errorf("after the change: got %v and %v, want false and true", b.Serves(old), b.Serves(now))
	}
}

// TestPoolable: unused connections to a backend that has left the plan, or is offline, are not kept.
func TestPoolable(t *testing.T) {
	t.Parallel()
	const host = "10.0.0.1"
	r := backend.NewRegistry()
	r.Apply(planOf(time.Second, one(host)), second)
	b := r.Find(keyOf(host))
	if !b.Poolable() {
		t.Error("in the plan: not poolable")
	}
	r.Apply(planOf(time.Second, offline(host)), 2*second)
	if b.Poolable() {
		t.Error("offline: poolable")
	}
	r.Apply(planOf(time.Second), 3*second)
	if b.Poolable() {
		t.Error("removed: poolable")
	}
	if !b.OpenConn() {
		t.Fatal("no connection")
	}
	r.Apply(planOf(time.Second), 4*second)
	if r.Find(keyOf(host)) != b {
		t.Error("forgotten with a connection open")
	}
}

// TestQueueExactOverLoops: no more than so many wait, on all loops together, and one queue serves all sets of a load
// balancer across plans.
func TestQueueExactOverLoops(t *testing.T) {
	t.Parallel()
	r := backend.NewRegistry()
	q := r.Apply(planOf(time.Second, one("10.0.0.1")), second)[setKey].Queue
	if again := r.Apply(planOf(time.Second, one("10.0.0.1")), 2*second)[setKey].Queue; again != q {
		t.Error("another queue after a plan change")
	}
	const most, loops = 10, 8
	var joined sync.WaitGroup
	got := make([]int, loops)
	for i := range loops {
		joined.Go(func() {
			for range most {
				if q.Join(most) {
					got[i]++
				}
			}
		})
	}
	joined.Wait()
	total := 0
	for _, n := range got {
		total += n
	}
	if total > most || total == 0 || q.Waiting() != int64(total) {
		t.Errorf("joined: got %d, waiting %d; want at most %d", total, q.Waiting(), most)
	}
	for range total {
		q.Leave()
	}
	if q.Waiting() != 0 {
		t.Errorf("waiting after all left: got %d", q.Waiting())
	}
	if q.Join(0) {
		t.Error("a queue of length 0 took one")
	}
}
