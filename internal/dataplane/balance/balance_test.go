package balance_test

import (
	"math"
	"net/netip"
	"strconv"
	"testing"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
)

// backends returns usable candidates a, b, c … of those weights.
func backends(weights ...int) []balance.Candidate {
	cs := make([]balance.Candidate, len(weights))
	for i, w := range weights {
		cs[i] = balance.Candidate{Weight: w, ID: balance.HashID("10.0.0." + strconv.Itoa(i) + ":80"), Usable: true}
	}
	return cs
}

// equal returns n usable candidates of weight 1.
func equal(n int) []balance.Candidate {
	weights := make([]int, n)
	for i := range weights {
		weights[i] = 1
	}
	return backends(weights...)
}

// sequence returns n picks as letters, "." for none.
func sequence(n int, pick func() int) string {
	s := make([]byte, n)
	for i := range s {
		if p := pick(); p < 0 {
			s[i] = '.'
		} else {
			s[i] = 'a' + byte(p)
		}
	}
	return string(s)
}

// client returns the n-th of many IPv4 clients.
func client(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

var policies = []plan.Policy{plan.RoundRobin, plan.LeastConnections, plan.LeastOutstanding, plan.SourceIPHash}

func TestPickerNoneUsable(t *testing.T) {
	t.Parallel()
	down, weightless := equal(3), backends(0, -1, math.MinInt)
	for i := range down {
		down[i].Usable = false
	}
	for _, policy := range policies {
		t.Run(policy.String(), func(t *testing.T) {
			t.Parallel()
			p := balance.NewPicker(policy, 1)
			for _, cs := range [][]balance.Candidate{nil, {}, down, weightless} {
				if got := p.Pick(cs, client(1)); got != -1 {
					t.Errorf("got %d of %v, want -1", got, cs)
				}
			}
			if got := p.Pick(equal(1), client(1)); got != 0 {
				t.Errorf("one usable: got %d, want 0", got)
			}
		})
	}
}

// TestPickerPolicies checks that each policy is the algorithm of its name.
func TestPickerPolicies(t *testing.T) {
	t.Parallel()
	cs := equal(3)
	cs[0].Active, cs[1].Active = 9, 4
	hashed := sequence(6, func() int { return balance.SourceHash(cs, client(7)) })
	want := map[plan.Policy]string{
		plan.RoundRobin: "abcabc", plan.LeastConnections: "cccccc", plan.LeastOutstanding: "cccccc", plan.SourceIPHash: hashed,
	}
	for _, policy := range policies {
		p := balance.NewPicker(policy, 0)
		if got := sequence(6, func() int { return p.Pick(cs, client(7)) }); got != want[policy] {
			t.Errorf("%v: got %s, want %s", policy, got, want[policy])
		}
		if p.Policy() != policy {
			t.Errorf("got policy %v, want %v", p.Policy(), policy)
		}
	}
}

// TestPickerExtremes checks that no weight or load breaks the arithmetic.
func TestPickerExtremes(t *testing.T) {
	t.Parallel()
	cs := backends(math.MaxInt, math.MinInt, math.MaxInt, 1, 0)
	cs[0].Active, cs[2].Active, cs[3].Active = math.MaxInt64, math.MinInt64, math.MaxInt64
	for _, policy := range policies {
		p := balance.NewPicker(policy, -5)
		for i := range 200000 {
			if got := p.Pick(cs, client(i)); got != 0 && got != 2 && got != 3 {
				t.Fatalf("%v: got %d, want 0, 2 or 3", policy, got)
			}
			cs[0].Usable = i%3 != 0
		}
	}
}

func TestPickAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	cs := equal(16)
	for _, policy := range policies {
		p := balance.NewPicker(policy, 3)
		p.Pick(cs, client(0))
		i := 0
		got := testing.AllocsPerRun(1000, func() {
			i++
			cs[i%16].Usable = !cs[i%16].Usable
			cs[5].Weight = 1 + i%7
			p.Pick(cs[:8+i%9], client(i))
		})
		if got != 0 {
			t.Errorf("%v: got %v allocations, want 0", policy, got)
		}
	}
}

// FuzzPick checks that whatever the candidates, one that can be chosen is, through sets that change from pick to pick.
// Each candidate is three bytes: weight, load, and a byte whose low bit says usable and whose rest is the identity.
func FuzzPick(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte, offset int, scale int64, change uint8) {
		var cs []balance.Candidate
		for ; len(b) >= 3 && len(cs) < 64; b = b[3:] {
			cs = append(cs, balance.Candidate{
				Weight: int(int8(b[0])) * int(scale), Active: int64(int8(b[1])) * scale, ID: uint64(b[2] >> 1), Usable: b[2]&1 == 1,
			})
		}
		for _, policy := range policies {
			p := balance.NewPicker(policy, offset)
			for cut := range len(cs) + 1 { // leave out a run of candidates, another each time
				set := append(append([]balance.Candidate(nil), cs[:cut]...), cs[min(cut+int(change%8), len(cs)):]...)
				for i := range 4 {
					checkPick(t, policy, set, p.Pick(set, client(i)))
				}
			}
		}
	})
}

// checkPick checks that got can be chosen, or that nothing can.
func checkPick(t *testing.T, policy plan.Policy, cs []balance.Candidate, got int) {
	t.Helper()
	if got < -1 || got >= len(cs) {
		t.Fatalf("%v: got %d of %d candidates", policy, got, len(cs))
	}
	if got >= 0 {
		if !cs[got].Usable || cs[got].Weight <= 0 {
			t.Fatalf("%v: got %d, which is %+v", policy, got, cs[got])
		}
		return
	}
	for i, c := range cs {
		if c.Usable && c.Weight > 0 {
			t.Fatalf("%v: got none, but %d is %+v", policy, i, c)
		}
	}
}

func BenchmarkPick(b *testing.B) {
	for _, policy := range policies {
		for _, n := range []int{2, 16, 256} {
			b.Run(policy.String()+"/"+strconv.Itoa(n), func(b *testing.B) {
				b.ReportAllocs()
				cs := equal(n)
				for i := range cs {
					cs[i].Weight = 1 + i%5
				}
				p := balance.NewPicker(policy, 0)
				addr := client(1)
				for b.Loop() {
					if p.Pick(cs, addr) < 0 {
						b.Fatal("none picked")
					}
				}
			})
		}
	}
}
