package acceptor

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
)

func TestAddresses_RUL_07(t *testing.T) {
	t.Parallel()
	a := NewAddresses()
	v4, mapped, v6 := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("::ffff:192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	zoned := netip.MustParseAddr("fe80::1%eth0")
	for i, step := range []struct {
		client netip.Addr
		most   int
		want   bool
	}{
		{v4, 2, true}, {mapped, 2, true}, {v4, 2, false}, {mapped, 2, false}, {v6, 1, true}, {v6, 1, false},
		{v4, 3, true}, {v4, 0, true}, {v4, 4, false}, {zoned, 1, true}, {zoned.WithZone(""), 1, false},
	} {
		if got := a.Enter(step.client, step.most); got != step.want {
			t.Errorf("step %d: Enter(%v, %d) = %v, want %v", i, step.client, step.most, got, step.want)
		}
	}
	for range 4 {
		a.Leave(v4)
	}
	a.Leave(zoned)
	if a.Leave(v6); a.Len() != 0 {
		t.Errorf("%d addresses are remembered that have no connection", a.Len())
	}
	defer func() {
		if recover() == nil {
			t.Error("one that has none can leave")
		}
	}()
	a.Leave(v4)
}

// TestAddressesTogether: however many loops ask at once, no address has more than it may, and none is refused below that.
func TestAddressesTogether_RUL_07(t *testing.T) {
	t.Parallel()
	const loops, rounds, most = 8, 2000, 3
	a := NewAddresses()
	var open, entered [4]atomic.Int64
	var all sync.WaitGroup
	for i := range loops {
		all.Go(func() {
			for round := range rounds {
				which := (i + round) % len(open)
				client := netip.AddrFrom4([4]byte{192, 0, 2, byte(which)})
				if !a.Enter(client, most) {
					continue
				}
				entered[which].Add(1)
				if n := open[which].Add(1); n > most {
					t.Errorf("%v has %d connections, want at most %d", client, n, most)
				}
				open[which].Add(-1)
				a.Leave(client)
			}
		})
	}
	all.Wait()
	if a.Len() != 0 {
		t.Errorf("%d addresses are remembered that have no connection", a.Len())
	}
	for which := range entered {
		if entered[which].Load() == 0 {
			t.Errorf("address %d was never let in", which)
		}
	}
}

func BenchmarkAddresses(b *testing.B) {
	a := NewAddresses()
	client := netip.MustParseAddr("192.0.2.1")
	b.ReportAllocs()
	for b.Loop() {
		a.Enter(client, 10)
		a.Leave(client)
	}
}
