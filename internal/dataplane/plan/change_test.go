package plan_test

import (
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
)

// TestSince: a load balancer has changed unless it is the very same one, wherever it stands; one that is gone and one that is new are
// told apart by name.
func TestSince(t *testing.T) {
	t.Parallel()
	a, b, c, d := &plan.LoadBalancer{Name: "a"}, &plan.LoadBalancer{Name: "b"}, &plan.LoadBalancer{Name: "c"}, &plan.LoadBalancer{Name: "d"}
	b2 := &plan.LoadBalancer{Name: "b"}
	type list = []*plan.LoadBalancer
	for _, tt := range []struct {
		name     string
		old, new list
		want     string
	}{
		{"nothing", nil, nil, ""},
		{"same", list{a, b, c}, list{a, b, c}, ""},
		{"moved", list{a, b, c}, list{c, a, b}, ""},
		{"first", nil, list{a, b}, "+a +b"},
		{"none-left", list{a, b}, nil, "-a -b"},
		{"come", list{a, c}, list{a, b, c}, "+b"},
		{"come-last", list{a}, list{a, b}, "+b"},
		{"gone", list{a, b, c}, list{a, c}, "-b"},
		{"gone-first", list{a, b}, list{b}, "-a"},
		{"changed", list{a, b, c}, list{a, b2, c}, "b"},
		{"changed-and-moved", list{a, b, c}, list{b2, a, c}, "b"},
		{"all-at-once", list{a, b, c}, list{d, b2, c}, "+d b -a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, ch := range (&plan.Plan{LoadBalancers: tt.new}).Since(&plan.Plan{LoadBalancers: tt.old}) {
				switch {
				case ch.Old == nil:
					got = append(got, "+"+ch.New.Name)
				case ch.New == nil:
					got = append(got, "-"+ch.Old.Name)
				case ch.Old == ch.New || ch.Old.Name != ch.New.Name:
					t.Errorf("%s has become %s", ch.Old.Name, ch.New.Name)
				default:
					got = append(got, ch.New.Name)
				}
			}
			if got := strings.Join(got, " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSetsOfChange: a set of the very same content is in neither list, one that was compiled anew in both.
func TestSetsOfChange(t *testing.T) {
	t.Parallel()
	one, two, three := &plan.BackendSet{}, &plan.BackendSet{}, &plan.BackendSet{}
	with := func(sets ...*plan.BackendSet) *plan.LoadBalancer { return &plan.LoadBalancer{BackendSets: sets} }
	type list = []*plan.BackendSet
	for _, tt := range []struct {
		name       string
		change     plan.Change
		left, come list
	}{
		{"new", plan.Change{New: with(one, two)}, nil, list{one, two}},
		{"gone", plan.Change{Old: with(one, two)}, list{one, two}, nil},
		{"one-of-two", plan.Change{Old: with(one, two), New: with(one, three)}, list{two}, list{three}},
		{"same", plan.Change{Old: with(one, two), New: with(two, one)}, nil, nil},
	} {
		if left, come := tt.change.Sets(); !slices.Equal(left, tt.left) || !slices.Equal(come, tt.come) {
			t.Errorf("%s: got %d and %d sets, want %d and %d", tt.name, len(left), len(come), len(tt.left), len(tt.come))
		}
	}
}
