package health

import (
	"errors"
	"net/netip"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/plan"
)

// A new backend by name has no address for as long as its first lookup takes, usually some milliseconds. Its first
// probe waits that long, looking every addrPoll, before "no address" is a verdict.
const (
	addrWaitMax = 2 * time.Second
	addrPoll    = 50 * time.Millisecond
)

// errNoAddress is about a backend whose name has never been resolved.
var errNoAddress = coded(ConnectFailed, errors.New("no address"))

// stage is what a prober is at.
//
//	idle ────── due ─────────────────────> queued
//	queued ──── a worker takes it ───────> probing
//	queued ──── and finds no address ────> idle
//	probing ─── the last address is done > idle, or queued when it was due again meanwhile
//	any ─────── endLocked ───────────────> ended
type stage uint8

const (
	idle    stage = iota // waits for the time that the schedule has for it
	queued               // waits for its turn; the schedule has the time after
	probing              // waits for the probes of its addresses, each of which has the check's timeout
	ended                // waits for nothing
)

// String returns the stage's name.
func (s stage) String() string { return [...]string{"idle", "queued", "probing", "ended"}[s] }

// prober is what probes one backend, on its own schedule and with a verdict of its own.
//
// It has a place in the schedule, no timer and no goroutine. All of its times are of clock.Now.
type prober struct {
	// Fixed after start.
	backend *backend

	// Guarded by Checker.mu.
	place     int64 // when the next of its regular probes is due
	soon      int64 // when one out of turn is: the first, or another look for an address; never: none
	addrUntil int64 // how long the first probe may wait for an address; 0 before it is due, never once there was one
	round     *round
	threshold threshold
	last      outcome
	streak    uint32
	slot      int32 // its place in the schedule, from 1; 0: none
	stage     stage
	again     bool  // due again while probing
	passed    bool  // a place has gone by while queued
	reported  state // what the last report said, up or down; unknown before the first
}

// outcome is what is kept of a result: of so many backends that times without a location are worth it.
type outcome struct {
	code   Code
	detail string
	at     int64 // nanoseconds since 1970
}

// startLocked begins, with the first probe at the time first.
func (p *prober) startLocked(now, first int64) {
	p.place = now + int64(p.backend.offset(p))
	p.soon = first
	p.backend.checker.probers++
	if first <= now {
		p.soon = never
		p.dueLocked()
	}
	p.armLocked(now)
}

// endLocked ends it.
func (p *prober) endLocked() {
	p.stage = ended
	p.backend.checker.schedule.remove(p)
	p.backend.checker.probers--
	if p.round != nil {
		p.round.cancel()
	}
}

// armLocked has the schedule wake it for what comes first.
func (p *prober) armLocked(now int64) { p.backend.checker.armLocked(p, min(p.soon, p.place), now) }

// wakeLocked is called when it is due. A probe that takes longer than the interval delays the next one, and what is due meanwhile is
// dropped. That is the backend's doing; when a whole interval is too short for the turn to come, it is the machine's, and counted.
func (p *prober) wakeLocked(now int64) {
	if now >= p.soon {
		p.soon = never
	}
	if now >= p.place {
		late := (now - p.place) / int64(p.backend.check.Interval) // in whole intervals: the machine slept
		p.place += (late + 1) * int64(p.backend.check.Interval)
		if p.stage == queued && (p.last.code != Unknown || p.passed) {
			late++ // but a new one, which may be queued at any time, has a whole interval to begin in
		}
		p.passed = p.stage == queued
		p.backend.checker.missLocked(uint64(late), now)
	}
	p.armLocked(now)
	p.dueLocked()
}

// dueLocked has it probe when it is its turn.
func (p *prober) dueLocked() {
	switch p.stage {
	case idle:
		p.stage, p.passed = queued, false
		lane := laneRegular
		if p.last.code == Unknown {
			lane = laneFirst
		}
		p.backend.checker.queueLocked(lane, turn{prober: p})
	case probing:
		p.again = true
	case queued, ended:
	}
}

// changedLocked takes account of another check than before.
func (p *prober) changedLocked(before *plan.HealthCheck, now int64) {
	if p.backend.check.Interval != before.Interval {
		p.place = now + int64(p.backend.offset(p))
	}
	if !sameQuestion(p.backend.check, before) {
		p.forgetLocked()
		if p.round != nil {
			p.round.cancel() // nobody asks that any more
		}
		if p == &p.backend.first {
			p.dueLocked()
		} else {
			p.soon = now + int64(p.backend.lag())
		}
	}
	p.armLocked(now)
}

// forgetLocked makes the next result the first.
func (p *prober) forgetLocked() {
	p.threshold.forget()
	p.last, p.streak = outcome{}, 0
}

// beginLocked is its turn, with these addresses of the backend's. It returns nil if there is nothing to probe.
func (p *prober) beginLocked(addrs []netip.AddrPort) *round {
	switch {
	case p.stage == ended:
		return nil
	case len(addrs) == 0:
		p.stage = idle
		if !p.awaitLocked(clock.Now()) {
			p.absentLocked()
		}
		return nil
	}
	p.stage, p.addrUntil = probing, never
	p.round = newRound(p.backend.check, endpoints(addrs, p.backend.check.Port))
	return p.round
}

// awaitLocked says whether the first probe is to wait for an address still, and sees to it that it comes back to look.
func (p *prober) awaitLocked(now int64) bool {
	if p.addrUntil == 0 {
		p.addrUntil = now + int64(min(p.backend.check.Timeout, addrWaitMax))
	}
	if p.addrUntil == never || now >= p.addrUntil {
		return false
	}
	p.soon = min(now+int64(addrPoll), p.addrUntil)
	p.armLocked(now)
	return true
}

// absentLocked takes note that there is nothing to connect to: no row of failures is needed, and the first probe is still to come.
func (p *prober) absentLocked() {
	p.addrUntil = never
	p.threshold.forget()
	p.noteLocked(outcome{code: codeOf(errNoAddress), detail: errNoAddress.Error()})
	p.reportLocked(false)
}

// endedLocked takes the result of a round.
func (p *prober) endedLocked(r *round) {
	p.round = nil
	if p.stage == ended {
		return // Apply and Close end probers under the lock: once they have, this result is nobody's
	}
	p.stage = idle
	if p.again {
		p.again = false
		defer p.dueLocked()
	}
	check := p.backend.check
	if !sameQuestion(check, r.check) {
		// The question has been changed meanwhile.
		defer p.dueLocked()
		return
	}
	res := r.result()
	if res.verdict == unknown {
		return
	}
	p.noteLocked(res.outcome)
	p.threshold.set(check.Healthy, check.Unhealthy)
	if changed, isUp := p.threshold.Observe(res.verdict == up); changed {
		p.reportLocked(isUp)
	}
}

// noteLocked makes a result the last.
func (p *prober) noteLocked(o outcome) {
	if (o.code == OK) != (p.last.code == OK) || p.last.code == Unknown {
		p.streak = 0
	}
	p.streak++
	if o.detail == p.last.detail {
		o.detail = p.last.detail // one copy of it will do
	}
	o.at = clock.Real().UnixNano()
	p.last = o
	p.backend.recountLocked()
	p.backend.checker.showLocked()
}

// reportLocked reports a state, in the words of the last result, if it is news. Of the second prober nobody hears unasked.
func (p *prober) reportLocked(isUp bool) {
	now := down
	if isUp {
		now = up
	}
	if now != p.reported && p == &p.backend.first {
		p.reported = now
		p.backend.checker.report(p.backend.key, isUp, p.last.detail)
	}
}

// resultLocked returns what it has found.
func (p *prober) resultLocked() Result {
	r := Result{Code: p.last.code, Detail: p.last.detail, Streak: int(p.streak)}
	if p.last.code != Unknown {
		r.At = time.Unix(0, p.last.at)
	}
	switch p.threshold.state {
	case unknown:
		r.Up = p.last.code == Unknown && !p.backend.check.StartsDown
	case up:
		r.Up = true
	case down, unproven:
	}
	return r
}
