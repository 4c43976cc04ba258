// Package balance provides the choice of a backend: which candidate gets the next connection.
//
// A loop calls it when a client connection or a request needs a backend. There is one Picker per loop and backend set,
// used on that loop alone.
//
// One file holds one algorithm. The caller describes the backends of a set, in the plan's order, as candidates: what can
// take no connection now is not Usable, be it down, draining, at its limit, a backup that is not needed, or already
// tried. So an algorithm knows weights and load and nothing of health or plans, and a backend that is down for a while
// keeps its place. State follows a backend's ID, not its index, and survives a plan that adds or removes others.
//
// Each loop chooses for itself. One chooser for all loops would be fairer over a handful of connections, but it would be
// a lock and a contended cache line on every one; instead each loop starts at another offset.
//
// Nothing is locked; a Picker belongs to its loop. Choosing costs O(candidates) and allocates nothing, except that round
// robin makes room when a set has grown.
//
// Weights below 1 get nothing and those above 65535 count as 65535, so that no arithmetic overflows; with that, sets may
// have eight million backends. The front doors allow 1..100.
//
// It follows the balancing policies of the Classic ELB guide and of the OCI load balancer documentation; where those
// name no exact order, as for ties, the file of the algorithm says what is done.
package balance

import (
	"net/netip"

	"lull/internal/dataplane/plan"
)

// weightMax bounds what a weight counts for. It is far above what a front door accepts, and keeps every product of
// weights and counts within 63 bits.
const weightMax = 1<<16 - 1

// Candidate is what an algorithm sees of a backend. The slice's order is the plan's order.
type Candidate struct {
	Weight int    // more takes more; below 1 takes nothing
	Active int64  // open connections or outstanding requests, all loops
	ID     uint64 // stable hash of the backend's identity, from HashID
	Usable bool   // can take a connection now, and was not tried yet for this one
}

// weight returns what the candidate's weight counts for: 0..weightMax, whether it is usable or not.
func (c *Candidate) weight() int64 { return int64(min(max(c.Weight, 0), weightMax)) }

// share returns what the candidate's weight counts for, 0 if it cannot be chosen.
func (c *Candidate) share() int64 {
	if !c.Usable {
		return 0
	}
	return c.weight()
}

// Picker chooses by a plan's policy.
type Picker struct {
	// Fixed after New.
	policy plan.Policy
	// Owned by the loop.
	roundRobin RoundRobin
	least      LeastConnections
}

// NewPicker returns a picker for that policy. offset tells the loops of a process apart: 0, 1, 2 and so on.
func NewPicker(policy plan.Policy, offset int) *Picker {
	return &Picker{policy: policy, roundRobin: *NewRoundRobin(offset), least: *NewLeastConnections(offset)}
}

// Policy returns the policy it chooses by.
func (p *Picker) Policy() plan.Policy { return p.policy }

// Pick returns the index of the backend for a connection of that client, -1 if none is usable.
func (p *Picker) Pick(cs []Candidate, client netip.Addr) int {
	switch p.policy {
	case plan.LeastConnections, plan.LeastOutstanding: // they differ in what the caller counts as Active
		return p.least.Pick(cs)
	case plan.SourceIPHash:
		return SourceHash(cs, client)
	case plan.RoundRobin:
		return p.roundRobin.Pick(cs)
	}
	return p.roundRobin.Pick(cs)
}
