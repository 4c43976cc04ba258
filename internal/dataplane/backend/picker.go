package backend

import (
	"net/netip"
	"slices"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
)

// Set is a backend set as the loops see it: fixed for a plan, with backends that outlive it.
type Set struct {
	Key      plan.SetKey
	Policy   plan.Policy
	Backends []*Backend
}

// Picker chooses backends of one set for one loop, and keeps what its algorithm remembers from one choice to the next.
type Picker struct {
	// Owned by the loop.
	set        *Set
	offset     int
	algorithm  *balance.Picker
	candidates []balance.Candidate
}

// NewPicker returns a picker. Loops give different offsets, so that their first choices differ.
func NewPicker(set *Set, offset int) *Picker {
	return &Picker{set: set, offset: offset, algorithm: balance.NewPicker(set.Policy, offset)}
}

// SetSet replaces the set after a plan change; what the algorithm remembers stays, unless it is another one.
func (p *Picker) SetSet(set *Set) {
	p.set = set
	if p.algorithm.Policy() != set.Policy {
		p.algorithm = balance.NewPicker(set.Policy, p.offset)
	}
}

// Set returns the set chosen from.
func (p *Picker) Set() *Set { return p.set }

// Pick chooses a backend for a client, counts a connection to it (Backend.Acquire) and returns it, or nil if there is
// none. Those in tried are passed over. Backup backends are considered only when no other can be had.
func (p *Picker) Pick(client netip.Addr, tried []*Backend) *Backend {
	for _, backups := range [...]bool{false, true} {
		// A backend may fill up between the choice and Acquire; then another choice sees it full. Each round
		// excludes one more backend, so the set's size bounds the rounds.
		for range len(p.set.Backends) {
			i := p.choose(client, tried, backups)
			if i < 0 {
				break
			}
			if b := p.set.Backends[i]; b.Acquire() {
				return b
			}
		}
	}
	return nil
}

func (p *Picker) choose(client netip.Addr, tried []*Backend, backups bool) int {
	p.candidates = p.candidates[:0]
	for _, b := range p.set.Backends {
		c := b.config.Load()
		p.candidates = append(p.candidates, balance.Candidate{
			Weight: c.Weight, Active: b.Active(), ID: b.id,
			Usable: c.Backup == backups && b.usable() && !b.full() && !slices.Contains(tried, b),
		})
	}
	return p.algorithm.Pick(p.candidates, client)
}
