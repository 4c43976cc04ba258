package health

import (
	"log/slog"
	"time"

	"lull/internal/clock"
)

// complaintEvery is how often people are told of a lag, while there is one.
const complaintEvery = time.Minute

// Lag is by how much probes are behind what the checks ask for.
type Lag struct {
	Missed  uint64        // probes not made since New, because they were due while the one before still waited for its turn
	Waiting int           // probes that wait for their turn
	Running int           // probes under way
	Recent  uint64        // of those missed, the ones since the last complaint
	Since   time.Duration // how long ago the first of them was
}

// Lag returns how far behind the probes are. A machine that keeps up misses none. Callable from anywhere but a Report.
func (c *Checker) Lag() Lag {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lagLocked(clock.Now())
}

func (c *Checker) lagLocked(now int64) Lag {
	l := Lag{Missed: c.missed, Waiting: c.turns.waiting(), Running: c.turns.workers, Recent: c.missed - c.told}
	if l.Recent > 0 {
		l.Since = time.Duration(now - c.missing)
	}
	return l
}

// missLocked counts probes that are not made.
func (c *Checker) missLocked(n uint64, now int64) {
	if c.missed == c.told {
		c.missing = now
	}
	c.missed += n
}

// complaint returns what to complain about, if it is time to.
func (c *Checker) complaint() (Lag, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lag := c.lagLocked(clock.Now())
	if c.closed || lag.Recent == 0 || lag.Since < complaintEvery {
		return lag, false
	}
	c.told = c.missed
	return lag, true
}

// logLag tells people that intervals are not what they have set, and what to do about it.
func logLag(l Lag) {
	slog.Warn("health checks are behind: probes were left out, since the ones before still waited for their turn; "+
		"longer intervals help, shorter timeouts where many backends do not answer, and more cores",
		"left_out", l.Recent, "within", l.Since.Round(time.Second).String(), "waiting", l.Waiting, "running", l.Running)
}
