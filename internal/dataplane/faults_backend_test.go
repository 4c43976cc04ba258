package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// namedSet returns a plan whose backends send the names "0", "1", …
func namedSet(t *testing.T, n int) (*plan.Plan, []plan.BackendKey) {
	t.Helper()
	var addrs []netip.AddrPort
	for i := range n {
		addrs = append(addrs, lulltest.Named(t, fmt.Sprint(i)).Addr)
	}
	p := lulltest.Plan(addrs...)
	var keys []plan.BackendKey
	for _, b := range lulltest.Set(p).Backends {
		keys = append(keys, b.Key)
	}
	return p, keys
}

// spread makes n connections, one after the other, and returns how many each name got. They stay open.
func spread(t *testing.T, e *lulltest.Engine, n int) map[string]int {
	t.Helper()
	got := map[string]int{}
	for range n {
		name, _ := nameOf(t, e.Addr())
		got[name]++
	}
	return got
}

// TestNoBackend: when no backend can be had, the client is closed at once, with the reason.
func TestNoBackend(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*lulltest.Engine, *plan.BackendSet)
		want   reason.Reason
	}{
		{"none", func(_ *lulltest.Engine, s *plan.BackendSet) { s.Backends = nil }, reason.NoBackend},
		{"all-drain", func(_ *lulltest.Engine, s *plan.BackendSet) { s.Backends[0].Drain, s.Backends[1].Drain = true, true }, reason.NoBackend},
		{"all-offline", func(_ *lulltest.Engine, s *plan.BackendSet) {
			s.Backends[0].Offline, s.Backends[1].Offline = true, true
		}, reason.NoBackend},
		{"all-down", func(e *lulltest.Engine, s *plan.BackendSet) {
			e.SetStatus(s.Backends[0].Key, false, "test")
			e.SetStatus(s.Backends[1].Key, false, "test")
		}, reason.NoBackend},
		{"unresolved", func(_ *lulltest.Engine, s *plan.BackendSet) {
			s.Backends = s.Backends[:1]
			s.Backends[0].Key.Host = "name.invalid"
		}, reason.NoBackend},
		{"all-refuse", func(_ *lulltest.Engine, s *plan.BackendSet) {
			for i := range s.Backends {
				s.Backends[i].Key.Port = 1 // nobody listens there
			}
		}, reason.ConnectRefused},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, _ := namedSet(t, 2)
			e := lulltest.Start(t, p)
			e.Changed(p, func(p *plan.Plan) { tt.change(e, lulltest.Set(p)) })
			for range 4 {
				if how, _ := e.Dial().End(); how != "eof" {
					t.Errorf("the client saw %s, want eof", how)
				}
				if r := e.NextClose(); r.Reason != tt.want {
					t.Errorf("reason: got %v, want %v", r.Reason, tt.want)
				}
			}
			// A client that has sent something is told no worse: an RST would look like a fault of the network.
			c := e.Dial()
			c.Send("hello")
			if how, _ := c.End(); how != "eof" {
				t.Errorf("a client that had sent something saw %s, want eof", how)
			}
		})
	}
}

// TestBackup: a backup takes connections only when no other backend can.
func TestBackup(t *testing.T) {
	t.Parallel()
	p, keys := namedSet(t, 3)
	lulltest.Set(p).Backends[2].Backup = true
	e := lulltest.Start(t, p)
	if got := spread(t, e, 10); got["0"]+got["1"] != 10 {
		t.Errorf("with others up: got %v, want none to the backup", got)
	}
	e.SetStatus(keys[0], false, "test")
	if got := spread(t, e, 5); got["1"] != 5 {
		t.Errorf("with one other up: got %v, want all to it", got)
	}
	e.SetStatus(keys[1], false, "test")
	if got := spread(t, e, 5); got["2"] != 5 {
		t.Errorf("with all others down: got %v, want all to the backup", got)
	}
	e.SetStatus(keys[0], true, "")
	if got := spread(t, e, 5); got["0"] != 5 {
		t.Errorf("with another up again: got %v, want all to it", got)
	}
}

// TestBackupWhenFullOrRefused: full, or refusing the connect, counts as cannot.
func TestBackupWhenFullOrRefused(t *testing.T) {
	t.Parallel()
	p, _ := namedSet(t, 2)
	lulltest.Set(p).Backends[0].ConnectionsMax = 3
	lulltest.Set(p).Backends[1].Backup = true
	e := lulltest.Start(t, p)
	if got := spread(t, e, 8); got["0"] != 3 || got["1"] != 5 {
		t.Errorf("a backend with room for 3: got %v, want 3 and 5", got)
	}
	e.Changed(p, func(p *plan.Plan) { lulltest.Set(p).Backends[0].Key.Port = 1 })
	if got := spread(t, e, 5); got["1"] != 5 {
		t.Errorf("a backend that refuses: got %v, want all to the backup", got)
	}
}

// TestConnectionsMax has many clients at once, over both loops, at a backend with room for few.
func TestConnectionsMax(t *testing.T) {
	t.Parallel()
	const most, clients, rounds = 5, 30, 4
	var now, worst atomic.Int64
	server := lulltest.Serve(t, func(c *net.TCPConn) {
		if n := now.Add(1); n > worst.Load() {
			worst.Store(n)
		}
		_, _ = c.Write([]byte("x"))
		_, _ = io.Copy(io.Discard, c)
		now.Add(-1)
	})
	p := lulltest.Plan(server.Addr)
	lulltest.Set(p).Backends[0].ConnectionsMax = most
	e := lulltest.Start(t, p)
	key, to := lulltest.Set(p).Backends[0].Key, e.Addr()
	for round := range rounds {
		served := make([]net.Conn, clients)
		inParallel(clients, func(i int) {
			c, err := net.DialTimeout("tcp", to.String(), lulltest.Patience)
			if err != nil {
				t.Errorf("dial: %v", err)
				return
			}
			_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
			if _, err := c.Read(make([]byte, 1)); err == nil {
				served[i] = c
			} else {
				_ = c.Close()
			}
		})
		served = slices.DeleteFunc(served, func(c net.Conn) bool { return c == nil })
		if len(served) != most || worst.Load() > most {
			t.Errorf("round %d: %d served, at most %d at once, want %d", round, len(served), worst.Load(), most)
		}
		for _, c := range served {
			_ = c.Close()
		}
		if !lulltest.Eventually(func() bool { return activeOf(e, key) == 0 && now.Load() == 0 }) {
			t.Fatalf("round %d: the backend still counts %d", round, activeOf(e, key))
		}
	}
}

// TestAcquireExact takes and gives back from many goroutines at once: loops share a backend's count.
func TestAcquireExact(t *testing.T) {
	t.Parallel()
	const most = 4
	p := lulltest.Plan(netip.MustParseAddrPort("192.0.2.1:80"))
	lulltest.Set(p).Backends[0].ConnectionsMax = most
	r := backend.NewRegistry()
	r.Apply(p, 1)
	b := r.Find(lulltest.Set(p).Backends[0].Key)
	var inside, worst, taken atomic.Int64
	inParallel(8, func(int) {
		for range 5000 {
			if !b.Acquire() {
				continue
			}
			taken.Add(1)
			for n := inside.Add(1); n > worst.Load(); {
				worst.Store(n)
			}
			runtime.Gosched()
			inside.Add(-1)
			b.Release()
		}
	})
	if worst.Load() > most || b.Active() != 0 || taken.Load() == 0 {
		t.Errorf("%d at once of %d in all, %d left, want at most %d, none left", worst.Load(), taken.Load(), b.Active(), most)
	}
}

// TestWeights: each loop keeps the proportion, so all do.
func TestWeights(t *testing.T) {
	t.Parallel()
	p, _ := namedSet(t, 3)
	for i, weight := range []int{5, 3, 1} {
		lulltest.Set(p).Backends[i].Weight = weight
	}
	e := lulltest.Start(t, p)
	got := spread(t, e, 90)
	for i, want := range []int{50, 30, 10} {
		if n := got[fmt.Sprint(i)]; n < want-2 || n > want+2 { // a loop may be in the middle of a round
			t.Errorf("weights 5, 3, 1: got %v, want 50, 30, 10 or nearly", got)
			break
		}
	}
}

// TestLeastConnections: connections made one after the other are even, and gaps are filled first.
func TestLeastConnections(t *testing.T) {
	t.Parallel()
	p, keys := namedSet(t, 3)
	lulltest.Set(p).Policy = plan.LeastConnections
	e := lulltest.Start(t, p)
	byName := map[string][]*lulltest.Conn{}
	for range 15 {
		name, c := nameOf(t, e.Addr())
		byName[name] = append(byName[name], c)
	}
	for name, conns := range byName {
		if len(conns) != 5 {
			t.Errorf("backend %s: got %d of 15, want 5", name, len(conns))
		}
	}
	for _, c := range byName["1"][:4] {
		_ = c.Close()
	}
	if !lulltest.Eventually(func() bool { return activeOf(e, keys[1]) == 1 }) {
		t.Fatalf("backend 1 still counts %d", activeOf(e, keys[1]))
	}
	if got := spread(t, e, 4); got["1"] != 4 {
		t.Errorf("with room at one: got %v, want all four to it", got)
	}
}

// TestSourceIPHash: a client meets one backend, whichever loop takes it, and clients are spread.
func TestSourceIPHash(t *testing.T) {
	t.Parallel()
	const clients, each = 24, 6
	p, keys := namedSet(t, 4)
	lulltest.Set(p).Policy = plan.SourceIPHash
	e := lulltest.Start(t, p)
	meet := func(client int) string {
		d := net.Dialer{Timeout: lulltest.Patience,
			LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 82, 0, byte(1+client))}}
		c, err := d.Dial("tcp", e.Addr().String())
		if err != nil {
			t.Errorf("dial: %v", err)
			return ""
		}
		defer func() { _ = c.Close() }()
		var b [1]byte
		_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
		if _, err := c.Read(b[:]); err != nil {
			t.Errorf("client %d: %v", client, err)
		}
		return string(b[:])
	}
	first := map[int]string{}
	met := map[string]int{}
	for client := range clients {
		first[client] = meet(client)
		met[first[client]]++
		for range each {
			if again := meet(client); again != first[client] {
				t.Errorf("client %d met %s and then %s", client, first[client], again)
			}
		}
	}
	if len(met) < 3 {
		t.Errorf("24 clients met only %v of 4 backends", met)
	}
	// A backend that leaves moves only its own clients.
	e.SetStatus(keys[0], false, "test")
	for client := range clients {
		if again := meet(client); first[client] != "0" && again != first[client] {
			t.Errorf("client %d moved from %s to %s, though its backend stayed", client, first[client], again)
		}
	}
}

// TestHealthDuringTraffic: a backend that goes down takes no new connections and keeps those it has.
func TestHealthDuringTraffic(t *testing.T) {
	t.Parallel()
	p, keys := namedSet(t, 2)
	e := lulltest.Start(t, p)
	name, c := nameOf(t, e.Addr())
	down := keys[int(name[0]-'0')]
	e.SetStatus(down, false, "test")
	if got := spread(t, e, 6); got[name] != 0 {
		t.Errorf("a backend that is down got %d of 6", got[name])
	}
	if how, _ := c.EndWithin(50 * time.Millisecond); how != "timeout" {
		t.Errorf("its open connection: %s, want it open", how)
	}
	e.SetStatus(down, true, "")
	if got := spread(t, e, 6); got[name] == 0 {
		t.Errorf("a backend that is up again got none of 6: %v", got)
	}
}
