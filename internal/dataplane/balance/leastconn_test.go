package balance_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"lull/internal/dataplane/balance"
)

func TestLeastConnectionsPick(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		weights []int
		active  []int64
		want    string // three picks with the loads unchanged
	}{
		{"least", []int{1, 1, 1}, []int64{3, 1, 2}, "bbb"},
		{"idle_rotates", []int{1, 1, 1}, []int64{0, 0, 0}, "abc"},
		{"tied_rotate", []int{1, 1, 1}, []int64{2, 1, 1}, "bcb"},
		{"idle_heaviest", []int{1, 3, 2}, []int64{0, 0, 0}, "bbb"},
		{"weight_counts", []int{10, 1}, []int64{8, 0}, "aaa"},
		{"weighted_tie", []int{10, 1}, []int64{9, 0}, "aba"},
		{"weight_used_up", []int{10, 1}, []int64{10, 0}, "bbb"},
		{"thirds_exact", []int{3, 1, 3}, []int64{2, 0, 5}, "aba"},
		{"weightless", []int{0, 1}, []int64{0, 1000}, "bbb"},
		{"beyond_float64", []int{1, 1}, []int64{1<<40 - 1, 1<<40 - 2}, "bbb"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			cs := backends(c.weights...)
			for i := range cs {
				cs[i].Active = c.active[i]
			}
			var l balance.LeastConnections
			if got := sequence(3, func() int { return l.Pick(cs) }); got != c.want {
				t.Errorf("weights %v, active %v: got %s, want %s", c.weights, c.active, got, c.want)
			}
		})
	}
}

func TestLeastConnectionsUnusable(t *testing.T) {
	t.Parallel()
	cs := equal(3)
	cs[0].Usable, cs[1].Active, cs[2].Active = false, 7, 5
	l := balance.NewLeastConnections(2)
	if got := sequence(3, func() int { return l.Pick(cs) }); got != "ccc" {
		t.Errorf("got %s, want ccc", got)
	}
	if got := sequence(2, func() int { return l.Pick(cs[:2]) }); got != "bb" {
		t.Errorf("after the set shrank: got %s, want bb", got)
	}
}

// TestLeastConnectionsIdle checks that a service so quiet that all backends are idle at each connection uses them all
// alike, and that the loops begin apart.
func TestLeastConnectionsIdle(t *testing.T) {
	t.Parallel()
	cs := equal(5)
	for offset, want := range []string{"abcdeabcde", "bcdeabcdea", "cdeabcdeab"} {
		l := balance.NewLeastConnections(offset)
		if got := sequence(10, func() int { return l.Pick(cs) }); got != want {
			t.Errorf("offset %d: got %s, want %s", offset, got, want)
		}
	}
}

// TestLeastConnectionsFills checks that connections which stay open fill the backends by weight, whatever the order in
// which others end.
func TestLeastConnectionsFills(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 6))
	cs := backends(4, 2, 1, 1)
	var l balance.LeastConnections
	for range 800 {
		cs[l.Pick(cs)].Active++
	}
	for range 2000 {
		if i := rng.IntN(len(cs)); cs[i].Active > 0 {
			cs[i].Active--
			cs[l.Pick(cs)].Active++
		}
	}
	got := []int64{cs[0].Active, cs[1].Active, cs[2].Active, cs[3].Active}
	if want := []int64{400, 200, 100, 100}; !slices.Equal(got, want) {
		t.Errorf("got %v open connections, want %v", got, want)
	}
}
