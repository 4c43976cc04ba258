package balance_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/balance"
)

func TestRoundRobinSequences(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		weights []int
		offset  int
		want    string
	}{
		{"equal", []int{1, 1, 1}, 0, "abcabcabc"},
		{"equal_heavy", []int{7, 7, 7}, 0, "abcabcabc"},
		{"five_one_one", []int{5, 1, 1}, 0, "aabacaaaabacaaaabacaa"},
		{"light_first", []int{1, 1, 5}, 0, "ccacbcc"},
		{"three_to_one", []int{3, 1}, 0, "aabaaaba"},
		{"two_one_one", []int{2, 1, 1}, 0, "abcaabca"},
		{"weightless", []int{1, 0, 1}, 0, "acacac"},
		{"one", []int{9}, 0, "aaa"},
		{"equal_second_loop", []int{1, 1, 1}, 1, "bcabca"},
		{"equal_third_loop", []int{1, 1, 1}, 2, "cabcab"},
		{"equal_fourth_loop", []int{1, 1, 1}, 3, "abcabc"},
		{"near_equal_second_loop", []int{10, 9, 9}, 1, "bcabca"},
		{"near_equal_third_loop", []int{10, 9, 9}, 2, "cabcab"},
		{"five_one_one_third_loop", []int{5, 1, 1}, 2, "bacaaaabacaaaa"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, cs := balance.NewRoundRobin(c.offset), backends(c.weights...)
			if got := sequence(len(c.want), func() int { return r.Pick(cs) }); got != c.want {
				t.Errorf("weights %v, offset %d: got %s, want %s", c.weights, c.offset, got, c.want)
			}
		})
	}
}

func TestRoundRobinZeroValue(t *testing.T) {
	t.Parallel()
	var r balance.RoundRobin
	if got := sequence(7, func() int { return r.Pick(backends(5, 1, 1)) }); got != "aabacaa" {
		t.Errorf("got %s, want aabacaa", got)
	}
}

// TestRoundRobinShares checks random weights over whole cycles: the shares are exact, and at no time is a backend more
// than two turns off.
func TestRoundRobinShares(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		weights := make([]int, 1+rng.IntN(20))
		total := 0
		for i := range weights {
			weights[i] = 1 + rng.IntN(100)
			total += weights[i]
		}
		r, cs := balance.NewRoundRobin(rng.IntN(4)), backends(weights...)
		got := make([]int, len(weights))
		for turn := 1; turn <= 3*total; turn++ {
			got[r.Pick(cs)]++
			for i, w := range weights {
				if off := got[i]*total - turn*w; off > 4*total || off < -4*total {
					t.Fatalf("weights %v: backend %d had %d of %d turns", weights, i, got[i], turn)
				}
			}
		}
		for i, w := range weights {
			if got[i] != 3*w {
				t.Errorf("weights %v: backend %d got %d turns of %d, want %d", weights, i, got[i], 3*total, 3*w)
			}
		}
	}
}

// TestRoundRobinLoopsSpread checks that a few connections over several loops reach all backends.
func TestRoundRobinLoopsSpread(t *testing.T) {
	t.Parallel()
	for _, n := range []int{2, 3, 4, 8} {
		cs := equal(n)
		got := make([]int, n)
		for loop := range n {
			r := balance.NewRoundRobin(loop)
			cs[0].Usable = false // before the first health check
			if loop%2 == 0 {
				for i := range cs {
					cs[i].Usable = false
				}
			}
			r.Pick(cs)
			for i := range cs {
				cs[i].Usable = true
			}
			for range 3 {
				got[r.Pick(cs)]++
			}
		}
		if slices.Min(got) < 2 || slices.Max(got) > 4 {
			t.Errorf("%d loops: got %v for their first 3 connections each, want about 3 each", n, got)
		}
	}
}

func TestRoundRobinSetChanges(t *testing.T) {
	t.Parallel()
	all := equal(5)
	a, b, c, d, e := all[0], all[1], all[2], all[3], all[4]
	cases := []struct {
		name          string
		before, after []balance.Candidate
		picks         int    // before the change
		want          string // after it, as letters of after
	}{
		{"last_removed", []balance.Candidate{a, b, c}, []balance.Candidate{a, b}, 1, "baba"},
		{"first_removed", []balance.Candidate{a, b, c}, []balance.Candidate{b, c}, 2, "baba"},
		{"added_behind", []balance.Candidate{a, b}, []balance.Candidate{a, b, c}, 1, "bcabca"},
		{"added_before", []balance.Candidate{a, b}, []balance.Candidate{c, a, b}, 1, "cabcab"},
		{"reordered", []balance.Candidate{a, b, c, d}, []balance.Candidate{d, c, b, a}, 2, "ababcdab"},
		{"replaced", []balance.Candidate{a, b}, []balance.Candidate{d, e}, 1, "abab"},
		{"emptied", []balance.Candidate{a, b}, nil, 1, "...."},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := balance.NewRoundRobin(0)
			sequence(tc.picks, func() int { return r.Pick(tc.before) })
			if got := sequence(len(tc.want), func() int { return r.Pick(tc.after) }); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

// TestRoundRobinWeightChanges checks that a new weight counts at once and that no burst follows: credit earned beside a
// heavy backend is not spent on a row of turns without it.
func TestRoundRobinWeightChanges(t *testing.T) {
	t.Parallel()
	for picks := range 150 { // a change at any point of the cycle
		r, cs := balance.NewRoundRobin(0), backends(100, 1, 1, 1)
		sequence(picks, func() int { return r.Pick(cs) })
		cs[0].Weight = 1
		after := sequence(400, func() int { return r.Pick(cs) })
		for i := range cs {
			letter := string('a' + rune(i))
			if strings.Contains(after, strings.Repeat(letter, 3)) {
				t.Errorf("after %d picks: got three %s in a row in %s", picks, letter, after)
			}
			if got := strings.Count(after, letter); got < 98 || got > 102 {
				t.Errorf("after %d picks: %s got %d turns of 400, want 100±2", picks, letter, got)
			}
		}
	}
}

// TestRoundRobinHeavyGoesDown is the same for a heavy backend that goes down and comes back.
func TestRoundRobinHeavyGoesDown(t *testing.T) {
	t.Parallel()
	for picks := range 150 {
		r, cs := balance.NewRoundRobin(0), backends(100, 1, 1)
		sequence(picks, func() int { return r.Pick(cs) })
		cs[0].Usable = false
		down := sequence(40, func() int { return r.Pick(cs) })
		if strings.Contains(down, "bbb") || strings.Contains(down, "ccc") || strings.Contains(down, "a") {
			t.Errorf("after %d picks: got %s, want b and c in turn", picks, down)
		}
		cs[0].Usable = true
		back := sequence(10200, func() int { return r.Pick(cs) })
		if b, c := strings.Count(back, "b"), strings.Count(back, "c"); b < 98 || b > 102 || c < 98 || c > 102 {
			t.Errorf("after %d picks and back: got %d b and %d c of 10200, want 100±2", picks, b, c)
		}
	}
}

// TestRoundRobinRetries checks that retries, each of which leaves out what was tried, rob nobody: over all choices each
// backend gets what its weight earns it among those usable at the time.
func TestRoundRobinRetries(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	r, cs := balance.NewRoundRobin(0), backends(100, 50, 2, 1)
	got, earned := make([]float64, len(cs)), make([]float64, len(cs))
	pick := func() int {
		total := 0.0
		for i := range cs {
			if cs[i].Usable {
				total += float64(cs[i].Weight)
			}
		}
		for i := range cs {
			if cs[i].Usable {
				earned[i] += float64(cs[i].Weight) / total
			}
		}
		p := r.Pick(cs)
		got[p]++
		return p
	}
	for range 50000 {
		for tries := rng.IntN(4); tries >= 0; tries-- {
			cs[pick()].Usable = false
		}
		for i := range cs {
			cs[i].Usable = true
		}
	}
	for i, c := range cs {
		if off := got[i] - earned[i]; off > 4 || off < -4 {
			t.Errorf("weight %d got %.0f turns, want %.1f±4", c.Weight, got[i], earned[i])
		}
	}
}
