// Package health provides the health checks: it probes the backends of a plan and reports which of them are up.
//
// The engine calls Apply with every new plan and Close at the end. Report comes back on the goroutine of the backend
// concerned, or on Apply's own. Nothing here runs on an event loop, and probes have sockets of their own that no loop
// ever sees: they cannot re-arm a timer of any connection, nor count anywhere in the data plane's figures (TO-04).
//
// A backend counts as up until its first probe says otherwise. The first probe runs at once and its verdict stands
// alone, and so does the first success of a backend that failed at first; afterwards as many failures in a row as the
// check's unhealthy threshold take the backend out, and as many successes in a row as its healthy threshold bring it back
// (threshold.go). A backend by name is up if any of its addresses answers (probe.go). A backend whose set has no check is up.
//
// A backend costs a place in the schedule, no timer and no goroutine: 256,000 of them take 120 MB, and 145 MB with two probers each, where
// a goroutine and a ticker would take almost 2 GB (schedule.go). When one is due it waits for one of the workers, which come and go with
// the work (turns.go). A machine that cannot keep up leaves probes out, and says so (lag.go). A new backend's first
// probe runs at once, unless very many come together: beyond a thousand they are begun at 2,000 a second. From the second probe on a
// backend's probes have their own place within the interval, a hash of its name, so that a thousand backends are probed
// evenly rather than at once, and at the same places after every restart.
//
// OCI's load balancers are pairs, of which each probes for itself. Where a check asks for two probers there is a second one,
// half an interval after the first, with results of its own, which Results tells. The data plane hears of the first alone.
//
// One mutex guards what is shared and is held while Report runs, so reports come one at a time and none about a backend
// follows the Apply that dropped it, or Close. In return Report must not block or call back into the Checker, and
// callers of Apply and Close must not hold a lock that Report takes. Of the workers and the schedule one at a time waits for it, so
// that whoever changes or asks something has it next, however many probes are under way.
//
// Limits: 128 connections being made or held by probes at a time, and one more for every 512 probers, of at most 64 addresses for
// a backend (which is the resolver's limit). Probes of more wait for their turn, and their timeout begins when it has come;
// first probes of new backends wait for those of others. An answer over HTTP has a head of at most 64 KiB; of its body 1 MiB is
// read, and the first 64 KiB are held against a check's expression (http.go). What crypto/tls reads of a handshake is bounded by itself
// (tls.go); nothing of TLS outlives its probe.
package health

import (
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/plan"
)

// probesMax bounds the connections of probes at a time: few of a process's 20,000 descriptors, and still 25 a second
// when every one of them takes 5 s to time out. probersPerWorker adds to them: 256,000 backends that do not answer within 3 s
// are still probed every half hour, which takes 427 at a time.
const (
	probesMax        = 128
	probersPerWorker = 512
)

// First probes beyond a burst are begun at intervals: a start-up with very many backends would otherwise keep the machine busy
// with connections, and with handshakes, for as long as it takes.
const (
	firstBurst = 1000
	firstGap   = 500 * time.Microsecond
)

// Report tells whether a backend is up, and in a few words why.
//
// It is called with the first verdict, with each change, and once when a backend begins to have no health check: with
// the plan that takes its check away, or that brings it without one.
type Report func(key plan.BackendKey, up bool, detail string)

// Unchecked is the detail of a report about a backend that counts as up because its set has no health check.
const Unchecked = "no health check"

// Checker probes the backends of a plan until it is closed.
type Checker struct {
	// Fixed before the first plan.
	connectFailed func(plan.BackendKey) // nil: nobody counts them

	// Fixed after New.
	addrs    func(plan.BackendKey) []netip.AddrPort
	report   Report
	complain func(Lag)
	probes   map[plan.CheckProtocol]probe
	running  sync.WaitGroup

	// Atomic.
	tallies atomic.Pointer[sets] // of the sets that are checked; never nil

	queue sync.Mutex // held by the one that waits for mu to do a prober's work; guards nothing

	// Guarded by mu.
	mu        sync.Mutex
	closed    bool
	plan      *plan.Plan // applied last; never nil
	applied   uint64     // counts the plans
	checked   map[plan.BackendKey]*backend
	unchecked map[plan.BackendKey]uint64 // with the plan that named it anew
	draft     sets                       // tallies as they will be, while they are being changed; nil otherwise
	copied    map[string]struct{}        // the load balancers of draft that tallies does not share
	changed   []*set                     // whose count is not what Tally tells
	probers   int
	schedule  schedule
	turns     turns
	paced     int64  // when the last of the first probes was or is to begin, not counting the burst
	missed    uint64 // probes, for Lag
	told      uint64 // how many of them people know of
	missing   int64  // since when they do not know of some
}

// New returns a Checker without backends; Apply gives it some. addrs returns where a backend is at the moment, none if
// that is not known; like a Report it is called with the lock held, and must not block.
func New(addrs func(plan.BackendKey) []netip.AddrPort, report Report) *Checker {
	c := &Checker{
		addrs:     addrs,
		report:    report,
		complain:  logLag,
		probes:    map[plan.CheckProtocol]probe{plan.CheckTCP: probeTCP, plan.CheckHTTP: probeHTTP},
		plan:      &plan.Plan{},
		checked:   make(map[plan.BackendKey]*backend),
		unchecked: make(map[plan.BackendKey]uint64),
		paced:     math.MinInt64, // long ago
	}
	c.tallies.Store(&sets{})
	return c
}

// Apply makes p's backends the ones to probe. A backend whose check did not change keeps its state and schedule. New
// thresholds, intervals and timeouts keep the state; a check that asks something else (protocol, port, path, status, body, or in
// another manner of TLS) begins anew. Callable from anywhere, and without effect after Close.
func (c *Checker) Apply(p *plan.Plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	c.applied++
	var fresh []plan.BackendKey // those that begin to have no check
	for _, change := range p.Since(c.plan) {
		left, come := change.Sets()
		for _, set := range come {
			if set.HealthCheck == nil {
				fresh = c.leaveLocked(set, fresh)
			} else {
				c.checkLocked(set)
			}
		}
		for _, set := range left {
			c.forgetLocked(set)
		}
	}
	c.plan = p
	c.showLocked()
	for _, key := range fresh {
		c.report(key, true, Unchecked)
	}
}

// leaveLocked takes over a set that has no check, and appends those of its backends to fresh that had one or were not there.
func (c *Checker) leaveLocked(set *plan.BackendSet, fresh []plan.BackendKey) []plan.BackendKey {
	for i := range set.Backends {
		key := set.Backends[i].Key
		if _, ok := c.unchecked[key]; !ok {
			fresh = append(fresh, key)
		}
		c.unchecked[key] = c.applied
	}
	return fresh
}

// forgetLocked ends what was done for those backends of a set of the last plan that are in no set of this one, or in one that has a
// check where that had none, or the other way round.
func (c *Checker) forgetLocked(set *plan.BackendSet) {
	for i := range set.Backends {
		key := set.Backends[i].Key
		if b := c.checked[key]; b != nil && b.applied != c.applied {
			b.endLocked()
			delete(c.checked, key)
		}
		if applied, ok := c.unchecked[key]; ok && applied != c.applied {
			delete(c.unchecked, key)
		}
	}
	c.dropLocked(set.Key)
}

// checkLocked takes over the check of a set's backends.
func (c *Checker) checkLocked(set *plan.BackendSet) {
	check, now := sane(*set.HealthCheck), clock.Now()
	for i := range set.Backends {
		key := set.Backends[i].Key
		b, ok := c.checked[key]
		if ok {
			b.setLocked(&check, now)
		} else {
			b = c.startLocked(key, &check, now)
		}
		b.applied, b.offline = c.applied, set.Backends[i].Offline
		b.recountLocked()
	}
}

// startLocked begins to probe a backend.
func (c *Checker) startLocked(key plan.BackendKey, check *plan.HealthCheck, now int64) *backend {
	b := &backend{key: key, checker: c, set: c.setLocked(key.Set), check: check}
	b.first.backend = b
	c.checked[key] = b
	b.first.startLocked(now, c.paceLocked(now))
	b.pairLocked(now)
	return b
}

// paceLocked returns when a first probe may begin: now, or later.
func (c *Checker) paceLocked(now int64) int64 {
	c.paced = max(c.paced, now-firstBurst*int64(firstGap)) + int64(firstGap)
	return max(c.paced, now)
}

// Close stops all probes and waits until they have ended. No report follows.
func (c *Checker) Close() {
	c.mu.Lock()
	c.closed = true
	if c.schedule.alarm != nil {
		c.schedule.alarm.Stop()
	}
	c.turns.lanes = [laneCount]fifo{}
	for key, b := range c.checked {
		b.endLocked()
		delete(c.checked, key)
	}
	c.showLocked()
	c.mu.Unlock()
	c.running.Wait()
}
