package console

import (
	"sync"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

const (
	// sampleEvery is how often the counters are read while somebody looks at a page.
	sampleEvery = time.Second
	// restEvery is how often while nobody does: the charts are there when somebody comes.
	restEvery = 10 * time.Second
	// lookFor is how long somebody is taken to look at a page that was asked for.
	lookFor = time.Minute
	// gapMost is the longest time between two samples over which a rate still says something.
	gapMost = 3 * restEvery
)

// sample is every counter at one moment, and the plan in force. Nothing in it changes.
type sample struct {
	at        time.Time
	plan      *plan.Plan
	stats     stats.Snapshot
	listeners map[plan.ListenerKey]*stats.ListenerTotals
	backends  map[plan.SetKey][]*stats.BackendTotals
}

// sampler reads the data plane for all pages: how many look on costs the loops nothing. It keeps the last minutes, from which the charts
// are drawn.
type sampler struct {
	// Fixed after newSampler.
	engine  Engine
	inForce func() *plan.Plan
	now     func() time.Time

	// Guarded by mu.
	mu      sync.RWMutex
	last    *sample // never nil
	looked  time.Time
	series  map[plan.ListenerKey]*series
	recent  tally
	longer  tally
	closers map[string]*closer // by backend
	cursor  uint64             // of the records of ended connections
}

func newSampler(o *Options) *sampler {
	s := &sampler{
		engine: o.Engine, inForce: o.Plan, now: o.Now, series: map[plan.ListenerKey]*series{}, closers: map[string]*closer{},
		recent: tally{width: 10 * time.Second}, longer: tally{width: time.Minute},
	}
	s.last = s.read()
	s.cursor = o.Engine.Log().Oldest()
	return s
}

// read takes the counters.
func (s *sampler) read() *sample {
	p := &sample{at: s.now(), plan: s.inForce(), stats: s.engine.Stats()}
	p.listeners = make(map[plan.ListenerKey]*stats.ListenerTotals, len(p.stats.Listeners))
	p.backends = make(map[plan.SetKey][]*stats.BackendTotals, len(p.stats.Backends))
	for i := range p.stats.Listeners {
		// A listener that was removed and is there again is in the counters twice while old connections are open.
		l := &p.stats.Listeners[i]
		if twin := p.listeners[l.Key]; twin != nil {
			l = added(twin, l)
		}
		p.listeners[l.Key] = l
	}
	for i := range p.stats.Backends {
		b := &p.stats.Backends[i]
		p.backends[b.Key.Set] = append(p.backends[b.Key.Set], b)
	}
	return p
}

// added returns two listeners of one name as one.
func added(a, b *stats.ListenerTotals) *stats.ListenerTotals {
	out := *a
	out.Accepted, out.Active, out.Requests = a.Accepted+b.Accepted, a.Active+b.Active, a.Requests+b.Requests
	for i := range out.Closes {
		out.Closes[i] += b.Closes[i]
		out.Ends[i] += b.Ends[i]
		out.PoolCloses[i] += b.PoolCloses[i]
	}
	for i := range out.Gaps {
		out.Gaps[i].Add(&b.Gaps[i])
	}
	return &out
}

// look returns a sample that is fresh, because somebody looks at a page. Whoever has just changed something sees the plan with it.
func (s *sampler) look() *sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = s.now()
	if s.looked.Sub(s.last.at) >= sampleEvery || s.inForce() != s.last.plan {
		s.takeLocked()
	}
	return s.last
}

// due says whether it is time for another sample; watched is whether a live page is open.
func (s *sampler) due(now time.Time, watched bool) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return watched || now.Sub(s.looked) <= lookFor || now.Sub(s.last.at) >= restEvery || now.Before(s.last.at)
}

// take takes a sample, unless there is one that is nearly as young and of the plan in force.
func (s *sampler) take() *sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	if gone := s.now().Sub(s.last.at); gone < 0 || gone >= sampleEvery/2 || s.inForce() != s.last.plan {
		s.takeLocked()
	}
	return s.last
}

func (s *sampler) takeLocked() {
	before, next := s.last, s.read()
	ms, took := next.at.UnixMilli(), next.at.Sub(before.at).Milliseconds()
	recent, longer := s.recent.at(ms), s.longer.at(ms)
	for key, now := range next.listeners {
		was := before.listeners[key]
		one := s.series[key]
		if one == nil {
			one = &series{}
			s.series[key] = one
		}
		if took > gapMost.Milliseconds() {
			one.add(between(nil, now, ms, 0))
		} else {
			one.add(between(was, now, ms, took))
		}
		if was != nil {
			recent.addBetween(was, now)
			longer.addBetween(was, now)
		}
	}
	for key := range s.series {
		if next.listeners[key] == nil {
			delete(s.series, key)
		}
	}
	s.followLocked(next)
	s.last = next
}

// followLocked reads what has ended since the last sample, for the ages at which backends close. The records of a flood that are
// forgotten by now are missed: ages are examples, and the counts come from the counters.
func (s *sampler) followLocked(next *sample) {
	ring := &s.engine.Log().Ring
	until := ring.Next()
	var room [64]record.Close
	for s.cursor < until {
		n, cursor, _ := ring.Read(s.cursor, room[:])
		if n == 0 {
			break
		}
		s.cursor = cursor
		for i := range room[:n] {
			if c := &room[i]; c.Pooled && c.Reason == reason.BackendClosedIdle {
				s.closedLocked(c)
			}
		}
	}
	if len(s.closers) == 0 {
		return
	}
	known := make(map[string]bool, len(next.stats.Backends))
	for i := range next.stats.Backends {
		known[next.stats.Backends[i].Key.String()] = true
	}
	for name := range s.closers {
		if !known[name] {
			delete(s.closers, name)
		}
	}
}
