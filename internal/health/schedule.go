package health

import (
	"math"
	"runtime"
	"time"

	"lull/internal/clock"
)

// wakeMax bounds the probers that are taken from the schedule before others may have the lock: 0.2 ms on a busy machine.
const wakeMax = 64

// never is a time that does not come.
const never = math.MaxInt64

// schedule is when each prober is due next: a binary heap, the earliest first.
//
// One timer serves all of it. A timer of its own for each prober costs 170 bytes more, and each that goes off is a goroutine that waits for
// the lock: on a machine that cannot keep up they were 100,000, and whoever wanted to change something stood behind them. Nor is it the
// wheel of the loops, which keeps time to the millisecond and moves all that are due at once, however long others wait. Here the rate is the
// probes', so the log n steps of a heap do not matter: 0.5 µs among 512,000 probers.
type schedule struct {
	// Guarded by Checker.mu.
	entries []entry
	alarm   *time.Timer // calls Checker.wake; nil before the first prober
	alarmAt int64       // what it was set to last; never: it is not set
}

// entry is a prober's place. The time stands beside the pointer, so that to compare two needs no look at either prober.
type entry struct {
	at     int64
	prober *prober
}

// set has a prober due at that time.
func (s *schedule) set(p *prober, at int64) {
	if p.slot == 0 {
		s.entries = append(s.entries, entry{})
		p.slot = int32(len(s.entries))
	}
	s.settle(int(p.slot)-1, entry{at, p})
}

// remove has a prober not due any more.
func (s *schedule) remove(p *prober) {
	last := len(s.entries) - 1
	hole, moved := int(p.slot)-1, s.entries[last]
	s.entries[last] = entry{}
	s.entries = s.entries[:last]
	p.slot = 0
	if moved.prober != p {
		s.settle(hole, moved)
	}
}

// settle puts an entry where it belongs, given a slot that is free or its own.
func (s *schedule) settle(slot int, e entry) {
	for slot > 0 {
		parent := (slot - 1) / 2
		if s.entries[parent].at <= e.at {
			break
		}
		s.put(slot, s.entries[parent])
		slot = parent
	}
	for child := 2*slot + 1; child < len(s.entries); child = 2*slot + 1 {
		if right := child + 1; right < len(s.entries) && s.entries[right].at < s.entries[child].at {
			child = right
		}
		if e.at <= s.entries[child].at {
			break
		}
		s.put(slot, s.entries[child])
		slot = child
	}
	s.put(slot, e)
}

func (s *schedule) put(slot int, e entry) {
	s.entries[slot] = e
	e.prober.slot = int32(slot + 1)
}

// first returns when the first prober is due.
func (s *schedule) first() int64 {
	if len(s.entries) == 0 {
		return never
	}
	return s.entries[0].at
}

// armLocked sets when a prober is due, and the alarm if that comes first.
func (c *Checker) armLocked(p *prober, at, now int64) {
	s := &c.schedule
	s.set(p, at)
	switch {
	case s.alarm == nil:
		s.alarm = time.AfterFunc(time.Duration(at-now), c.wake)
	case at >= s.alarmAt:
		return
	case s.alarmAt != never && !s.alarm.Stop(): // it has gone off: wake waits for the lock, and sets it anew
		return
	default:
		s.alarm.Reset(time.Duration(at - now))
	}
	s.alarmAt = at
}

// wake is called by the alarm. It is set again at the end, so there is one of it at a time.
func (c *Checker) wake() {
	for c.wakeSome() {
		runtime.Gosched() // otherwise the lock could be had again before those who wait for it get to run
	}
	if lag, ok := c.complaint(); ok {
		c.complain(lag) // to a log that may be slow: nobody waits for that but this goroutine
	}
}

// wakeSome takes up to wakeMax probers that are due. It returns whether there may be more; between two calls others have their turn.
func (c *Checker) wakeSome() bool {
	c.lockBehindOthers()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	s, now := &c.schedule, clock.Now()
	for range wakeMax {
		if s.first() > now {
			if s.alarmAt = s.first(); s.alarmAt != never {
				s.alarm.Reset(time.Duration(s.alarmAt - now))
			}
			return false
		}
		s.entries[0].prober.wakeLocked(now)
	}
	return true
}
