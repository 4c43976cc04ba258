package health

// threshold decides from a row of probe results whether a backend is up. The zero value has seen none.
//
//	unknown ── success ─────────────> up
//	unknown ── failure ─────────────> unproven
//	unproven ─ success ─────────────> up
//	up ─────── unhealthy failures ──> down
//	down ───── healthy successes ───> up
//
// The first result stands alone: a backend that is added and works should not wait for ten more probes, and one that
// does not work should not be given traffic until three have failed. So does the first success of one that failed at
// first, as new backends do that are still starting: the healthy threshold is for those that went down.
type threshold struct {
	healthy   int // successes in a row that bring it back; less than 1 counts as 1
	unhealthy int // failures in a row that take it out; less than 1 counts as 1
	state     state
	against   int // results in a row, up to the last one, that contradict state
}

// state is what is known of a backend. None has a timer: probes come by the ticker of the backend's goroutine.
type state uint8

const (
	unknown  state = iota // waits for a first result; counts as up
	up                    // waits for failures
	down                  // waits for successes
	unproven              // waits for its first success; down to everybody else
)

// String returns the state's name.
func (s state) String() string { return [...]string{"unknown", "up", "down", "unproven"}[s] }

// set changes the thresholds and keeps the rest; they apply from the next result on.
func (t *threshold) set(healthy, unhealthy int) { t.healthy, t.unhealthy = healthy, unhealthy }

// forget makes the next result the first.
func (t *threshold) forget() { t.state, t.against = unknown, 0 }

// Observe takes the result of a probe. It returns whether that changed the verdict, which the first one does, and
// whether the backend is up now.
func (t *threshold) Observe(ok bool) (changed, isUp bool) {
	next, needed := up, t.healthy
	if !ok {
		next, needed = down, t.unhealthy
	}
	switch t.state {
	case unknown, unproven:
		needed = 1
		if !ok {
			next = unproven
		}
	case up, down:
	}
	if t.state == next {
		t.against = 0
		return false, ok
	}
	t.against++
	if t.against < needed {
		return false, !ok
	}
	t.state, t.against = next, 0
	return true, ok
}
