package balance

import "math/bits"

// creditUnit divides one unit of weight, so that credits survive conversion to a small total: with one usable backend
// of weight 1 a turn is still worth 2^20.
const creditUnit = 1 << 20

// creditTurnsMax bounds the credit that is carried over when the total changes, in turns. Credits stay within two or
// three turns by themselves; the bound is there for the arithmetic.
const creditTurnsMax = 16

// RoundRobin gives each backend turns in proportion to its weight, spread out rather than in bursts: weights 5, 1, 1
// give a a b a c a a, again and again.
//
// Each choice pays every usable backend its weight; the one with most credit, the first in order among equals, gets
// the turn and pays the total of the weights for it. Example, 5:1:1 (total 7), credits before the turn is paid for:
//
//	5 1 1 → a    3 2 2 → a    1 3 3 → b    6 -3 4 → a    4 -2 5 → c    9 -1 -1 → a    7 0 0 → a    and all are 0 again
//
// A backend that is not usable neither earns nor pays. Credits are in units of the total, and the total changes whenever
// a backend comes, goes, or merely sits out one choice because it was tried already; then all credits are converted so
// that each keeps its worth in turns. Left as they are, a credit earned beside a heavy backend would be worth dozens of
// turns without it: a burst. Set back to zero, a retry would rob the light backends, which wait longest for their turn.
//
// The zero value is ready to use and starts at the first backend.
type RoundRobin struct {
	// Fixed after New.
	offset int

	// Owned by the loop.
	slots []slot // one for each candidate, in the order of the last choice
	total int64  // of the weights in the last choice: what a turn costs, in creditUnit
}

// slot is what round robin remembers of a backend.
type slot struct {
	id     uint64
	credit int64
}

// NewRoundRobin returns a round robin that starts as if offset turns had been given, so that loops with offsets 0, 1, 2
// and so on do not all send their first connections to the first backend.
func NewRoundRobin(offset int) *RoundRobin { return &RoundRobin{offset: max(offset, 0)} }

// Pick returns the index of the backend whose turn it is, -1 if none is usable.
func (r *RoundRobin) Pick(cs []Candidate) int {
	if r.align(cs) {
		r.advance(cs)
	}
	return r.turn(cs, false)
}

// align brings slots into the order of cs: known backends keep their credit, others start with none. It reports whether
// there is a new one. In the usual case, nothing changed, it only compares.
func (r *RoundRobin) align(cs []Candidate) (joined bool) {
	for i := range cs {
		if i < len(r.slots) && r.slots[i].id == cs[i].ID {
			continue
		}
		at := i
		for at < len(r.slots) && r.slots[at].id != cs[i].ID {
			at++
		}
		if at == len(r.slots) {
			r.slots = append(r.slots, slot{id: cs[i].ID})
			joined = true
		}
		r.slots[i], r.slots[at] = r.slots[at], r.slots[i]
	}
	r.slots = r.slots[:len(cs)] // what lies behind left the set
	return joined
}

// advance gives offset turns to nobody. It counts backends that are not usable too: when the first plan comes, health
// checks may not have found any up, and the loops would start in step.
func (r *RoundRobin) advance(cs []Candidate) {
	if len(cs) == 0 {
		return
	}
	for range r.offset % len(cs) {
		r.turn(cs, true)
	}
}

// turn gives a turn to one of the usable backends, or to one of all.
func (r *RoundRobin) turn(cs []Candidate, all bool) int {
	total := int64(0)
	for i := range cs {
		total += wage(&cs[i], all)
	}
	if total == 0 {
		return -1
	}
	r.convert(total)
	best := -1
	for i := range cs {
		w := wage(&cs[i], all)
		if w == 0 {
			continue
		}
		r.slots[i].credit += w * creditUnit
		if best < 0 || r.slots[i].credit > r.slots[best].credit {
			best = i
		}
	}
	r.slots[best].credit -= total * creditUnit
	return best
}

// wage returns what a candidate is paid in a turn, with all even if it is not usable.
func wage(c *Candidate, all bool) int64 {
	if all {
		return c.weight()
	}
	return c.share()
}

// convert changes the credits to a new total, keeping their worth in turns.
func (r *RoundRobin) convert(total int64) {
	if total == r.total {
		return
	}
	limit := r.total * creditUnit * creditTurnsMax
	for i := range r.slots {
		credit := min(max(r.slots[i].credit, -limit), limit)
		switch {
		case credit > 0:
			r.slots[i].credit = scale(credit, total, r.total)
		case credit < 0:
			r.slots[i].credit = -scale(-credit, total, r.total)
		}
	}
	r.total = total
}

// scale returns v·num/den without overflow on the way. REQUIRES: all positive, and a quotient below 2^63.
func scale(v, num, den int64) int64 {
	hi, lo := bits.Mul64(uint64(v), uint64(num))
	q, _ := bits.Div64(hi, lo, uint64(den))
	return int64(q)
}
