package health

import "lull/internal/dataplane/plan"

// Tally counts the backends of a set by what their probers have found last.
type Tally struct {
	OK      int // by every prober
	Partly  int // by some
	Failing int // by none
	Unknown int // a prober has not looked yet
	Offline int // by the plan, whatever their probers find
}

// Tally returns the count of a backend set; it is zero for a set that has no health check. It is kept while results come in, so that a
// front door can tell the health of thousands of sets at once. Callable from anywhere but a Report.
func (c *Checker) Tally(set plan.SetKey) Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sets[set]
	if s == nil {
		return Tally{}
	}
	n := &s.count
	return Tally{OK: n[isOK], Partly: n[isPartly], Failing: n[isFailing], Unknown: n[isUnknown], Offline: n[isOffline]}
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
	count [classCount]int
}

// recountLocked has the backend count as what it is now. It is called whenever that may have changed.
func (b *backend) recountLocked() { b.countLocked(b.classLocked()) }

func (b *backend) countLocked(as class) {
	b.set.count[b.class]--
	b.set.count[as]++
	b.class = as
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

// setLocked returns the count of a set, a new one for a set that is new, and keeps it for this plan.
func (c *Checker) setLocked(key plan.SetKey) *set {
	s := c.sets[key]
	if s == nil {
		s = &set{}
		c.sets[key] = s
	}
	return s
}

// empty says whether no backend is in the set any more.
func (s *set) empty() bool { return s.count == [classCount]int{isNone: s.count[isNone]} }
