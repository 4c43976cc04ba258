package backend

import (
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
)

// SetLoops tells how many loops count what they do with sets. Before the first plan is applied; without, nothing is counted.
func (r *Registry) SetLoops(n int) { r.loops = n }

// Counts returns the block of counters that a loop writes; nil if nobody counts what becomes of the set.
func (s *Set) Counts(loop int) *stats.Set {
	if loop < len(s.counts) {
		return s.counts[loop]
	}
	return nil
}

// count returns the blocks of a set: those that one of its name has already, which survive every change, or new ones.
//
// REQUIRES: mu is held.
func (r *Registry) count(key plan.SetKey) []*stats.Set {
	if blocks := r.counts[key]; blocks != nil {
		return blocks
	}
	blocks := make([]*stats.Set, r.loops)
	for i := range blocks {
		blocks[i] = new(stats.Set)
	}
	r.counts[key] = blocks
	return blocks
}

// forgetCounts forgets the blocks of sets that have left the plan, unless there are others of their names.
//
// REQUIRES: mu is held.
func (r *Registry) forgetCounts(left []*plan.BackendSet, named map[plan.SetKey]*Set) {
	for _, ps := range left {
		if named[ps.Key] == nil {
			delete(r.counts, ps.Key)
		}
	}
}

// Sets returns the counters of the sets of the plan, in no order. Callable from anywhere.
func (r *Registry) Sets() []stats.SetTotals {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]stats.SetTotals, 0, len(r.counts))
	for key, blocks := range r.counts {
		t := stats.SetTotals{Key: key}
		for _, block := range blocks {
			t.AddFrom(block)
		}
		all = append(all, t)
	}
	return all
}
