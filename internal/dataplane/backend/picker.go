package backend

import (
	"net/netip"
	"slices"

	"lull/internal/dataplane/balance"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sticky"
	"lull/internal/dataplane/tlsio"
)

// Set is a backend set as the loops see it: fixed for a plan, with backends that outlive it.
type Set struct {
	Key      plan.SetKey
	Policy   plan.Policy
	Backends []*Backend
	Queue    *Queue        // of its load balancer
	Sessions *sticky.Table // nil without stickiness
	Faithful bool          // a session whose backend is gone is refused instead of moved
	TLS      *tlsio.Client // nil: backends are spoken to plainly
	Patient  bool          // backups wait until health checks have all others down, and not merely until no other can be had
	counts   []*stats.Set  // one for each loop
}

// backupsRest says whether nothing may go to a backup, whatever becomes of the request.
func (s *Set) backupsRest() bool {
	if !s.Patient {
		return false
	}
	for _, b := range s.Backends {
		if !b.config.Load().Backup && b.status.Load().Up {
			return true
		}
	}
	return false
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
// none. Those in tried are passed over. Backup backends are considered only when no other can be had, or only when all
// others are down (Set.Patient).
func (p *Picker) Pick(client netip.Addr, tried []*Backend) *Backend {
	for _, backups := range [...]bool{false, true} {
		if backups && p.set.backupsRest() {
			break
		}
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

// Keep counts an exchange to a backend that has begun the exchange's session (Backend.Acquire), and reports whether it can go
// on there now.
func (p *Picker) Keep(b *Backend, tried []*Backend) bool {
	return b.keeps() && !slices.Contains(tried, b) && b.Acquire()
}

// Room says whether a backend could be picked now.
func (p *Picker) Room(tried []*Backend) bool {
	rest := p.set.backupsRest()
	for _, b := range p.set.Backends {
		if b.usable() && !b.full() && !(rest && b.config.Load().Backup) && !slices.Contains(tried, b) {
			return true
		}
	}
	return false
}

// Crowded says whether a backend could be picked but for connection limits.
func (p *Picker) Crowded(tried []*Backend) bool {
	rest := p.set.backupsRest()
	for _, b := range p.set.Backends {
		if b.usable() && !(rest && b.config.Load().Backup) && !slices.Contains(tried, b) {
			return true
		}
	}
	return false
}

// Index returns the place of a backend in the set, -1 if it has left it.
func (p *Picker) Index(b *Backend) int { return slices.Index(p.set.Backends, b) }

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
