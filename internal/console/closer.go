package console

import (
	"slices"
	"time"

	"lull/internal/dataplane/record"
)

// agesMax is how many closes of a backend are remembered: enough for a median that does not jump.
const agesMax = 64

// closer is a backend that has closed unused connections before lull did.
type closer struct {
	ages    []time.Duration // how long they had been unused; the oldest first
	timer   string          // lull's own setting for such connections
	setting time.Duration
	last    time.Time
}

// closedLocked notes such an end.
func (s *sampler) closedLocked(c *record.Close) {
	name := c.Ends.LoadBalancer + "/" + c.Ends.BackendSet + "/" + c.Ends.Backend
	one := s.closers[name]
	if one == nil {
		one = &closer{}
		s.closers[name] = one
	}
	if len(one.ages) == agesMax {
		one.ages = append(one.ages[:0], one.ages[1:]...)
	}
	one.ages = append(one.ages, c.Unused())
	one.timer, one.setting, one.last = c.PoolTimer, c.PoolSetting, c.Closed
}

// age returns the age at which the backend usually closes.
func (c *closer) age() time.Duration {
	sorted := slices.Clone(c.ages)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

// spread returns the ages between which nine in ten closes were.
func (c *closer) spread() (from, until time.Duration) {
	sorted := slices.Clone(c.ages)
	slices.Sort(sorted)
	return sorted[len(sorted)/20], sorted[len(sorted)-1-len(sorted)/20]
}
