package balance_test

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"testing"

	"lull/internal/dataplane/balance"
)

// clients is how many the property tests hash.
const clients = 4000

// assign returns the ID of each client's backend.
func assign(cs []balance.Candidate) []uint64 {
	ids := make([]uint64, clients)
	for i := range ids {
		if p := balance.SourceHash(cs, client(i)); p >= 0 {
			ids[i] = cs[p].ID
		}
	}
	return ids
}

// checkMoved checks that exactly the clients of gone moved between before and after, and to several backends if there
// are several.
func checkMoved(t *testing.T, what string, before, after []uint64, gone uint64) (moved int) {
	t.Helper()
	for i := range before {
		if before[i] == gone {
			moved++
		}
		if (before[i] == gone) != (before[i] != after[i]) {
			t.Fatalf("%s: client %d went from %x to %x", what, i, before[i], after[i])
		}
	}
	return moved
}

// TestSourceHashRemoval takes each one of 2..20 equal backends away, adds it again, and marks it down: just its own
// clients move, about 1/N of all, and all come back.
func TestSourceHashRemoval(t *testing.T) {
	t.Parallel()
	for n := 2; n <= 20; n++ {
		cs := equal(n)
		before := assign(cs)
		for i := range cs {
			what := fmt.Sprintf("backend %d of %d", i, n)
			without := append(append([]balance.Candidate(nil), cs[:i]...), cs[i+1:]...)
			after := assign(without)
			moved := checkMoved(t, what, before, after, cs[i].ID)
			p := 1 / float64(n)
			if off := math.Abs(float64(moved) - clients*p); off > 5*math.Sqrt(clients*p*(1-p)) {
				t.Errorf("%s: %d of %d clients moved, want about %.0f", what, moved, clients, clients*p)
			}
			if n == 2 {
				continue
			}
			// Seen the other way round this adds a backend: at the end here, so the order must not matter either.
			if again := assign(append(without, cs[i])); !slices.Equal(again, before) {
				t.Errorf("%s: added again, some clients did not come back", what)
			}
		}
	}
}

func TestSourceHashDownAndUp(t *testing.T) {
	t.Parallel()
	cs := backends(1, 5, 2, 8)
	before := assign(cs)
	for i := range cs {
		cs[i].Usable = false
		checkMoved(t, fmt.Sprintf("backend %d down", i), before, assign(cs), cs[i].ID)
		cs[i].Usable = true
		if !slices.Equal(assign(cs), before) {
			t.Errorf("backend %d up again: some clients did not come back", i)
		}
	}
}

// TestSourceHashShares checks by chi-square that weights shift the shares in proportion, among all backends and among
// those left when one is down. The bound is far out in the tail of the distribution, and the clients are fixed.
func TestSourceHashShares(t *testing.T) {
	t.Parallel()
	for _, weights := range [][]int{
		{1, 1}, {1, 1, 1, 1, 1, 1, 1}, {1, 2}, {1, 2, 3, 4}, {100, 1}, {100, 50, 25, 10, 5}, {65535, 65535, 32768}, {1, 1, 1, 97},
	} {
		cs := backends(weights...)
		checkShares(t, cs)
		if len(cs) > 2 {
			cs[1].Usable = false
			checkShares(t, cs)
		}
	}
}

func checkShares(t *testing.T, cs []balance.Candidate) {
	t.Helper()
	got := make(map[uint64]int)
	for _, id := range assign(cs) {
		got[id]++
	}
	total, degrees := 0, -1
	for _, c := range cs {
		if c.Usable {
			total += c.Weight
			degrees++
		}
	}
	chi2 := 0.0
	for _, c := range cs {
		if c.Usable {
			want := clients * float64(c.Weight) / float64(total)
			chi2 += (float64(got[c.ID]) - want) * (float64(got[c.ID]) - want) / want
		}
	}
	if limit := float64(degrees) + 5*math.Sqrt(2*float64(degrees)); chi2 > limit {
		t.Errorf("%+v: got %v clients, chi-square %.1f, want at most %.1f", cs, got, chi2, limit)
	}
}

// TestSourceHashWeightRaised checks that a raised weight only draws clients to its backend.
func TestSourceHashWeightRaised(t *testing.T) {
	t.Parallel()
	cs := backends(3, 3, 3, 3)
	before := assign(cs)
	cs[2].Weight = 6
	after := assign(cs)
	moved := 0
	for i := range before {
		if before[i] == after[i] {
			continue
		}
		moved++
		if after[i] != cs[2].ID {
			t.Fatalf("client %d went from %x to %x, want only moves to %x", i, before[i], after[i], cs[2].ID)
		}
	}
	if want := clients * (6.0/15 - 3.0/12); math.Abs(float64(moved)-want) > clients/50 {
		t.Errorf("got %d clients moved, want about %.0f", moved, want)
	}
}

// TestSourceHashIPv6Shares checks clients that differ only in the upper half, as subscribers' networks do.
func TestSourceHashIPv6Shares(t *testing.T) {
	t.Parallel()
	cs, got := equal(4), make([]int, 4)
	for i := range clients {
		got[balance.SourceHash(cs, netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 0, byte(i >> 8), byte(i), 15: 1}))]++
	}
	if slices.Min(got) < clients/4*9/10 || slices.Max(got) > clients/4*11/10 {
		t.Errorf("got %v clients, want about %d each", got, clients/4)
	}
}

func TestSourceHashSameClient(t *testing.T) {
	t.Parallel()
	cs := equal(256)
	cases := []struct{ name, a, b string }{
		{"mapped", "192.0.2.1", "::ffff:192.0.2.1"},
		{"zone", "fe80::1", "fe80::1%eth0"},
	}
	for _, c := range cases {
		a, b := balance.SourceHash(cs, netip.MustParseAddr(c.a)), balance.SourceHash(cs, netip.MustParseAddr(c.b))
		if a != b {
			t.Errorf("%s: %s went to %d, %s to %d", c.name, c.a, a, c.b, b)
		}
	}
	if got := balance.SourceHash(cs, netip.Addr{}); got < 0 {
		t.Errorf("invalid address: got %d, want a backend", got)
	}
}

// TestSourceHashSameIDs checks that two backends with one ID do no harm: the first gets what both would.
func TestSourceHashSameIDs(t *testing.T) {
	t.Parallel()
	cs := equal(2)
	cs[1].ID = cs[0].ID
	for i := range 100 {
		if got := balance.SourceHash(cs, client(i)); got != 0 {
			t.Fatalf("client %d: got %d, want 0", i, got)
		}
	}
}

// TestSourceHashFrozen holds values that must never change: another version of lull beside this one, or after it, must
// send a client to the same backend. They were computed apart, with another logarithm.
func TestSourceHashFrozen(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]uint64{
		"":                       0xc3817c016ba4ff30,
		"10.0.0.1:80":            0xdf1d561fbd00135a,
		"10.0.0.2:80":            0xd834d501ef66cc6,
		"[2001:db8::1]:443":      0x24b232c84c5d512d,
		"backend.example.com:80": 0x615fa531cd932af2,
	} {
		if got := balance.HashID(s); got != want {
			t.Errorf("HashID(%q): got %#x, want %#x", s, got, want)
		}
	}
	cs, i := backends(1, 2, 3, 4, 5, 6, 7, 8), 0
	want := "fagaehdfdgefgeheeefgccehechdgehgefbdhdgcfghdhedggehgdebefggdghgh"
	if got := sequence(64, func() int { i++; return balance.SourceHash(cs, client(i)) }); got != want {
		t.Errorf("64 clients: got %s, want %s", got, want)
	}
}
