package balance

// LeastConnections chooses the backend that would have the fewest connections for its weight after taking one more:
// the lowest (Active+1)/Weight. Counting the new one makes weights matter among idle backends as well, where
// Active/Weight is zero for all.
//
// Equal backends take turns: the search begins behind the last choice. Without that a quiet service, whose backends are
// all idle when a connection comes, would only ever use its first.
//
// The zero value is ready to use and starts at the first backend.
type LeastConnections struct {
	// Owned by the loop.
	next int // where the search begins
}

// NewLeastConnections returns a LeastConnections whose first search begins at the backend with that index, so that loops
// with offsets 0, 1, 2 and so on do not all send their first connections to the first backend.
func NewLeastConnections(offset int) *LeastConnections {
	return &LeastConnections{next: max(offset, 0)}
}

// activeMax bounds what Active counts for: far more than a process has descriptors, and with it the products below stay
// within 63 bits.
const activeMax = 1 << 40

// Pick returns the index of the least loaded backend, -1 if none is usable.
func (l *LeastConnections) Pick(cs []Candidate) int {
	if len(cs) == 0 {
		return -1
	}
	best, bestLoad, bestShare := -1, int64(0), int64(0)
	at := l.next % len(cs)
	for range cs {
		if share := cs[at].share(); share > 0 {
			load := min(max(cs[at].Active, 0), activeMax) + 1
			if best < 0 || load*bestShare < bestLoad*share { // load/share < bestLoad/bestShare, exactly
				best, bestLoad, bestShare = at, load, share
			}
		}
		if at++; at == len(cs) {
			at = 0
		}
	}
	if best >= 0 {
		l.next = best + 1
	}
	return best
}
