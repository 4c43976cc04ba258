package dataplane_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// The tests of this file hold what the OCI API promises of its policies and of the flags of backends, each by the id that the list of
// such promises has.

// ociFleet is a fleet with OCI's timeouts and its rule for backups.
func ociFleet(t *testing.T, backends int, change func(*plan.Plan)) (*lulltest.Engine, *plan.Plan) {
	t.Helper()
	var addrs []netip.AddrPort
	for i := range backends {
		addrs = append(addrs, answering(t, string(rune('a'+i))).Addr)
	}
	p := lulltest.HTTPPlan(timeout.Directional, addrs...)
	lulltest.Set(p).BackupWhenDown = true
	if change != nil {
		change(p)
	}
	return startHTTP(t, 1, p), p
}

// weighing gives the backends weights, in their order.
func weighing(policy plan.Policy, weights ...int) func(*plan.Plan) {
	return func(p *plan.Plan) {
		lulltest.Set(p).Policy = policy
		for i, w := range weights {
			lulltest.Set(p).Backends[i].Weight = w
		}
	}
}

// TestPOL01RoundRobin: the backends take turns in the order of the list, and weights 3 and 1 share 4n requests as 3n and n, for every n.
func TestPOL01RoundRobin(t *testing.T) {
	t.Parallel()
	t.Run("order", func(t *testing.T) {
		t.Parallel()
		e, _ := ociFleet(t, 3, nil)
		c, got := e.DialHTTP(), ""
		for range 9 {
			got += who(c)
		}
		if got != "abcabcabc" {
			t.Errorf("got %s, want abcabcabc", got)
		}
	})
	for _, n := range []int{1, 2, 25} {
		t.Run(fmt.Sprintf("weights-%d", n), func(t *testing.T) {
			t.Parallel()
			e, _ := ociFleet(t, 2, weighing(plan.RoundRobin, 3, 1))
			if got, want := dealt(e.DialHTTP(), 4*n), fmt.Sprintf("a %d, b %d", 3*n, n); got != want {
				t.Errorf("%d requests: got %s, want %s", 4*n, got, want)
			}
		})
	}
}

// TestPOL02LeastConnections: of open connections a backend of weight 3 has three times as many, and what is let go is filled up first.
func TestPOL02LeastConnections(t *testing.T) {
	t.Parallel()
	p, keys := namedSet(t, 2)
	weighing(plan.LeastConnections, 3, 1)(p)
	e := lulltest.Start(t, p)
	var heavy []*lulltest.Conn
	for range 16 {
		if name, c := nameOf(t, e.Addr()); name == "0" {
			heavy = append(heavy, c)
		}
	}
	if len(heavy) != 12 {
		t.Fatalf("16 connections with weights 3 and 1: got %d, want 12", len(heavy))
	}
	for _, c := range heavy[:6] {
		_ = c.Close()
	}
	if !lulltest.Eventually(func() bool { return activeOf(e, keys[0]) == 6 }) {
		t.Fatalf("after six have ended: got %d counted, want 6", activeOf(e, keys[0]))
	}
	if got := spread(t, e, 6); got["0"] != 6 {
		t.Errorf("the next six: got %v, want all to where six have ended", got)
	}
}

// TestPOL03IPHash: an address keeps its backend over whatever connection; when another backend fails nobody else moves, when its own
// fails it goes elsewhere and returns. Weights are counted where an address is first given a backend.
func TestPOL03IPHash(t *testing.T) {
	t.Parallel()
	const sources = 120
	e, p := ociFleet(t, 3, weighing(plan.SourceIPHash, 1, 1, 4))
	homes := func() (list []string) {
		for i := range sources {
			from := netip.AddrFrom4([4]byte{127, 0, 2, byte(i + 1)})
			c := lulltest.HTTP(lulltest.DialFrom(t, from, e.Local(lulltest.HTTPKey)))
			list = append(list, who(c))
			_ = c.Close()
		}
		return list
	}
	before, count := homes(), map[string]int{}
	for _, name := range before {
		count[name]++
	}
	if heavy := count["c"]; heavy < sources/2 || heavy > sources*5/6 || count["a"] == 0 || count["b"] == 0 { // 80 expected
		t.Errorf("weights 1, 1 and 4: got %v of %d addresses, want about four in six for c", count, sources)
	}
	if again := homes(); !slices.Equal(again, before) {
		t.Errorf("asked again: got %v, want %v", again, before)
	}
	for i, b := range lulltest.Set(p).Backends {
		name := string(rune('a' + i))
		e.SetStatus(b.Key, false, "refused")
		for source, now := range homes() {
			if moved := now != before[source]; moved != (before[source] == name) || now == name {
				t.Errorf("%s down: source %d went from %s to %s", name, source, before[source], now)
			}
		}
		e.SetStatus(b.Key, true, "")
	}
	if back := homes(); !slices.Equal(back, before) {
		t.Errorf("all up again: got %v, want %v", back, before)
	}
}

// TestPOL04Granularity: over HTTP each request is decided about, over TCP each connection.
func TestPOL04Granularity(t *testing.T) {
	t.Parallel()
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		e, _ := ociFleet(t, 2, nil)
		if got := dealt(e.DialHTTP(), 8); got != "a 4, b 4" {
			t.Errorf("8 requests of one connection: got %s, want both in turn", got)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		var addrs []netip.AddrPort
		for i := range 2 {
			addrs = append(addrs, answering(t, string(rune('a'+i))).Addr)
		}
		e := lulltest.Start(t, lulltest.Plan(addrs...))
		used := map[string]bool{}
		for range 4 {
			c := lulltest.HTTP(e.Dial())
			first := who(c)
			if got := dealt(c, 7); got != first+" 7" {
				t.Errorf("7 more requests of one connection: got %s, want all where it went first, %s", got, first)
			}
			used[first] = true
		}
		if len(used) != 2 {
			t.Errorf("4 connections: got %v, want both backends", used)
		}
	})
}

// TestPOL05Backup: a backup gets traffic while health checks have all others down. That they drain, are offline, full or refuse does not
// wake it.
func TestPOL05Backup(t *testing.T) {
	t.Parallel()
	primaries := func(p *plan.Plan, change func(*plan.Backend)) {
		for i := range 2 {
			change(&lulltest.Set(p).Backends[i])
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*plan.Plan)
		down   []int
		want   string // of 8 requests
	}{
		{"all-well", nil, nil, "a 4, b 4"},
		{"one-down", nil, []int{0}, "b 8"},
		{"all-down", nil, []int{0, 1}, "c 8"},
		{"draining", func(p *plan.Plan) { primaries(p, func(b *plan.Backend) { b.Drain = true }) }, nil, "503 1"},
		{"offline", func(p *plan.Plan) { primaries(p, func(b *plan.Backend) { b.Offline = true }) }, nil, "503 1"},
		{"one-down-one-drains", func(p *plan.Plan) { lulltest.Set(p).Backends[1].Drain = true }, []int{0}, "503 1"},
		{"down-and-draining", func(p *plan.Plan) { primaries(p, func(b *plan.Backend) { b.Drain = true }) }, []int{0, 1}, "c 8"},
		{"down-and-offline", func(p *plan.Plan) { primaries(p, func(b *plan.Backend) { b.Offline = true }) }, []int{0, 1}, "c 8"},
		{"refusing", func(p *plan.Plan) {
			for i := range 2 {
				refused := lulltest.Refused(t)
				lulltest.Set(p).Backends[i].Key.Port = refused.Port()
			}
		}, nil, "503 1"},
		{"backups-alone", func(p *plan.Plan) { lulltest.Set(p).Backends = lulltest.Set(p).Backends[2:] }, nil, "c 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e, p := ociFleet(t, 3, func(p *plan.Plan) {
				lulltest.Set(p).Backends[2].Backup = true
				if tt.change != nil {
					tt.change(p)
				}
			})
			for _, i := range tt.down {
				e.SetStatus(lulltest.Set(p).Backends[i].Key, false, "refused")
			}
			n := 8
			if tt.want == "503 1" { // which ends the connection
				n = 1
			}
			if got := dealt(e.DialHTTP(), n); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			for _, i := range tt.down {
				e.SetStatus(lulltest.Set(p).Backends[i].Key, true, "")
			}
			if tt.name == "all-down" {
				if got := dealt(e.DialHTTP(), 8); got != "a 4, b 4" {
					t.Errorf("up again: got %s, want the backup asleep", got)
				}
			}
		})
	}
}

// TestPOL05BackupFull: neither does a limit on connections.
func TestPOL05BackupFull(t *testing.T) {
	t.Parallel()
	p, _ := namedSet(t, 2)
	set := lulltest.Set(p)
	set.BackupWhenDown, set.Backends[0].ConnectionsMax, set.Backends[1].Backup = true, 3, true
	e := lulltest.Start(t, p)
	if got := spread(t, e, 5); got["0"] != 3 || got["1"] != 0 {
		t.Errorf("5 connections with room for 3: got %v, want 3 and none to the backup", got)
	}
}

// TestPOL06Drain: a backend that drains gets no new connection and no new client's request; what is open goes on, and so do sessions.
func TestPOL06Drain(t *testing.T) {
	t.Parallel()
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		e, p := ociFleet(t, 2, sticking(plan.Stickiness{}))
		name, index, cookie := newSession(t, e)
		e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[index].Drain = true })
		stays(t, e, cookie, name)
		if got := dealt(e.DialHTTP(), 6); got != map[string]string{"a": "b 6", "b": "a 6"}[name] {
			t.Errorf("clients without a session: got %s while %s drains", got, name)
		}
	})
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		echo := lulltest.Echo(t)
		p := lulltest.Plan(echo.Addr, lulltest.Named(t, "other").Addr)
		lulltest.Set(p).Backends[1].Backup, lulltest.Set(p).BackupWhenDown = true, true
		e := lulltest.Start(t, p)
		c := e.Dial()
		c.Ask("hello")
		e.Changed(p, func(p *plan.Plan) {
			lulltest.Set(p).Backends[0].Drain, lulltest.Set(p).Backends[1].Backup = true, false
		})
		if got := spread(t, e, 3); got["other"] != 3 {
			t.Errorf("new connections: got %v, want all to the other", got)
		}
		c.Ask("still here")
	})
}

// TestPOL07Offline: a backend that is offline gets nothing, not even the requests of its sessions.
func TestPOL07Offline(t *testing.T) {
	t.Parallel()
	e, p := ociFleet(t, 2, sticking(plan.Stickiness{}))
	name, index, cookie := newSession(t, e)
	e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[index].Offline = true })
	other := map[string]string{"a": "b", "b": "a"}[name]
	for range 4 {
		if got, set := visit(t, e, cookie); got != other || set == "" {
			t.Errorf("its session: got %s and the cookie %q, want %s and its cookie", got, set, other)
		}
	}
	if got := dealt(e.DialHTTP(), 6); got != other+" 6" {
		t.Errorf("clients without a session: got %s, want all to %s", got, other)
	}
}

// TestPOL09Next: a backend to which no connection can be made is followed by the next, over TCP and HTTP; the record tells how many were
// tried.
func TestPOL09Next(t *testing.T) {
	t.Parallel()
	t.Run("tcp", func(t *testing.T) {
		t.Parallel()
		e := lulltest.Start(t, lulltest.Plan(lulltest.Refused(t), lulltest.Named(t, "good").Addr))
		tries := 0
		for range 2 {
			c := e.Dial()
			c.Expect("good")
			_ = c.Close()
			tries += e.NextClose().ConnectTries
		}
		if tries != 3 {
			t.Errorf("two connections: got %d backends tried, want 3", tries)
		}
	})
	t.Run("http", func(t *testing.T) {
		t.Parallel()
		e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Directional, lulltest.Refused(t), answering(t, "good").Addr))
		tries := 0
		for range 2 {
			c := e.DialHTTP()
			if got := who(c); got != "good" {
				t.Errorf("got %s, want good", got)
			}
			x := e.ExchangeOf(c, 1)
			if x.Reason != reason.Completed {
				t.Errorf("exchange: got %v, want %v", x.Reason, reason.Completed)
			}
			tries += x.Tries
		}
		if tries != 3 {
			t.Errorf("two requests: got %d backends tried, want 3", tries)
		}
	})
}
