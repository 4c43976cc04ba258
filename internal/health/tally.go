package health

import (
	"maps"
	"sync/atomic"

	"lull/internal/dataplane/plan"
)

// Tally counts the backends of a set by what their probers have found last.
type Tally struct {
	OK      int // by every prober
	Partly  int // by some
	Failing int // by none
	Unknown int // a prober has not looked yet
	Offline int // by the plan, whatever their probers find
}

// Tally returns the count of a backend set; it is zero for a set that has no health check. It is as of one moment, before or after an
// Apply and not in the middle of it. It is kept while results come in and read without a lock, so that a front door can tell the health of
// thousands of sets at once, however busy the probers are. Callable from anywhere.
func (c *Checker) Tally(set plan.SetKey) Tally {
	s := (*c.tallies.Load()).find(set)
	if s == nil {
		return Tally{}
	}
	return *s.tally.Load()
}

// class is what a backend counts as.
type class uint8

const (
	isNone class = iota // not yet, or not any more
	isUnknown
	isOK
	isPartly
	isFailing
	isOffline
	classCount
)

// set counts the backends of a backend set.
type set struct {
	// Guarded by Checker.mu.
	count   [classCount]int
	changed bool // is in Checker.changed

	// Atomic.
	tally atomic.Pointer[Tally] // what count was when it was last shown; not nil in a set that can be found
}

// recountLocked has the backend count as what it is now. It is called whenever that may have changed.
func (b *backend) recountLocked() { b.countLocked(b.classLocked()) }

func (b *backend) countLocked(as class) {
	if as == b.class {
		return
	}
	b.set.count[b.class]--
	b.set.count[as]++
	b.class = as
	if !b.set.changed {
		b.set.changed = true
		b.checker.changed = append(b.checker.changed, b.set)
	}
}

// showLocked has Tally tell the counts as they are now. It is called when a change is complete.
func (c *Checker) showLocked() {
	for _, s := range c.changed {
		n := &s.count
		s.tally.Store(&Tally{OK: n[isOK], Partly: n[isPartly], Failing: n[isFailing], Unknown: n[isUnknown], Offline: n[isOffline]})
		s.changed = false
	}
	c.changed = c.changed[:0]
	if draft := c.draft; draft != nil {
		c.draft, c.copied = nil, nil
		c.tallies.Store(&draft)
	}
}

func (b *backend) classLocked() class {
	if b.offline {
		return isOffline
	}
	probers, well, unknown := 0, 0, 0
	b.each(func(p *prober) {
		probers++
		switch p.last.code {
		case OK:
			well++
		case Unknown:
			unknown++
		case InvalidStatus, TimedOut, RegexMismatch, ConnectFailed, IOError:
		}
	})
	switch {
	case unknown > 0:
		return isUnknown
	case well == probers:
		return isOK
	case well > 0:
		return isPartly
	}
	return isFailing
}

// sets are the counts of backend sets, by load balancer and by name. One that can be read is not changed any more, nor is a map in it.
// Two levels are for changes, which copy what they touch: a load balancer is some sets, a plan thousands.
type sets map[string]map[string]*set

func (s sets) find(key plan.SetKey) *set { return s[key.LoadBalancer][key.Name] }

// setLocked returns the count of a set, a new one for a set that is new.
func (c *Checker) setLocked(key plan.SetKey) *set {
	s := c.setsLocked().find(key)
	if s == nil {
		s = &set{}
		c.editLocked(key.LoadBalancer)[key.Name] = s
	}
	return s
}

// dropLocked forgets the count of a set without backends.
func (c *Checker) dropLocked(key plan.SetKey) {
	if s := c.setsLocked().find(key); s == nil || !s.empty() {
		return
	}
	of := c.editLocked(key.LoadBalancer)
	if delete(of, key.Name); len(of) == 0 {
		delete(c.draft, key.LoadBalancer)
		delete(c.copied, key.LoadBalancer)
	}
}

// setsLocked returns the sets as they are at this point of a change.
func (c *Checker) setsLocked() sets {
	if c.draft != nil {
		return c.draft
	}
	return *c.tallies.Load()
}

// editLocked returns the sets of a load balancer to add some to or take some away: copies, made once for a change. Readers, who are many, have
// no lock and nothing to wait for in return.
func (c *Checker) editLocked(loadBalancer string) map[string]*set {
	if c.draft == nil {
		c.draft, c.copied = maps.Clone(*c.tallies.Load()), map[string]struct{}{}
	}
	if _, ok := c.copied[loadBalancer]; !ok {
		c.copied[loadBalancer] = struct{}{}
		if c.draft[loadBalancer] = maps.Clone(c.draft[loadBalancer]); c.draft[loadBalancer] == nil {
			c.draft[loadBalancer] = map[string]*set{}
		}
	}
	return c.draft[loadBalancer]
}

// empty says whether no backend is in the set any more.
func (s *set) empty() bool { return s.count == [classCount]int{isNone: s.count[isNone]} }
