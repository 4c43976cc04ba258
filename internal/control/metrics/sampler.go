package metrics

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// sampler makes CloudWatch's statistics of the counters, period by period. It belongs to one goroutine.
type sampler struct {
	// Fixed after newSampler.
	source Source
	out    *elbPeriods

	// Owned by the goroutine that calls look.
	begun     bool
	began     int64                           // the period
	listeners map[plan.ListenerKey]*elbTotals // as they were at its beginning, as fails
	fails     map[plan.BackendKey]uint64
	hosts     map[elbPlace]*hostCounts // of the looks of this period
}

// elbPlace is what a series is of: a load balancer in a zone. No zone stands for all of them together.
type elbPlace struct{ name, zone string }

// elbTotals is what is counted of a listener, or of all of a place.
type elbTotals struct {
	http         bool
	routed       uint64
	noncompliant uint64
	spilled      uint64
	backend      [6]uint64 // responses by class
	own          [6]uint64
	latency      stats.LatencyTotals
	longest      time.Duration
	fails        uint64 // connects
}

// hostCounts is how many instances of a place were healthy, and how many were not, at each look.
type hostCounts struct{ healthy, unhealthy tally }

// tally keeps the average and the extremes of some numbers.
type tally struct{ looks, sum, least, most int }

func (t *tally) add(n int) {
	if t.looks == 0 {
		t.least = n
	}
	t.looks++
	t.sum += n
	t.least, t.most = min(t.least, n), max(t.most, n)
}

func newSampler(source Source, out *elbPeriods) *sampler {
	return &sampler{source: source, out: out, listeners: map[plan.ListenerKey]*elbTotals{}, fails: map[plan.BackendKey]uint64{},
		hosts: map[elbPlace]*hostCounts{}}
}

// look takes what goes up and down as it is now, the time in ns of clock.Now, and ends the period if it is over. A look comes
// when a ticker says so, which may be a little before the minute is full.
func (s *sampler) look(now int64) {
	known := s.known()
	if len(known) == 0 {
		s.out.last.Store(nil)
		*s = *newSampler(s.source, s.out)
		return
	}
	snapshot := s.source.Stats()
	if !s.begun {
		s.begun, s.began = true, now
		s.source.TakePeaks() // those from before nobody knows when
	}
	s.countHosts(known, snapshot.Backends)
	if now-s.began < int64(elbPeriod-elbLook/2) {
		return
	}
	s.began = now
	values := s.period(known, &snapshot)
	s.out.last.Store(&values)
}

// known returns the load balancers by name.
func (s *sampler) known() map[string]*ClassicLoadBalancer {
	classic := s.out.classic.Load()
	if classic == nil {
		return nil
	}
	known := map[string]*ClassicLoadBalancer{}
	for _, lb := range (*classic).LoadBalancers() {
		known[lb.Name] = &lb
	}
	return known
}

// countHosts counts each instance once, by its host, however many listeners it serves: it is healthy if it is for all of
// them. Those of which the plan keeps new connections are not counted: they are of another zone, or deregistered. With
// cross-zone load balancing the zones have the same instances, and one count stands for all.
func (s *sampler) countHosts(known map[string]*ClassicLoadBalancer, backends []stats.BackendTotals) {
	up := map[elbPlace]map[string]bool{}
	for i := range backends {
		b := &backends[i]
		lb := known[b.Key.Set.LoadBalancer]
		if lb == nil || b.Withheld {
			continue
		}
		place := elbPlace{name: lb.Name}
		if !lb.CrossZone {
			place.zone = lb.zone(b.Key.Set.Name)
		}
		if up[place] == nil {
			up[place] = map[string]bool{}
		}
		before, counted := up[place][b.Key.Host]
		up[place][b.Key.Host] = b.Up && (before || !counted)
	}
	for place, hosts := range up {
		counts := s.hosts[place]
		if counts == nil {
			counts = &hostCounts{}
			s.hosts[place] = counts
		}
		healthy := 0
		for _, is := range hosts {
			if is {
				healthy++
			}
		}
		counts.healthy.add(healthy)
		counts.unhealthy.add(len(hosts) - healthy)
	}
}

// period ends the period and returns its statistics.
func (s *sampler) period(known map[string]*ClassicLoadBalancer, snapshot *stats.Snapshot) []elbValue {
	peaks := s.source.TakePeaks()
	places := map[elbPlace]*elbTotals{}
	s.countListeners(places, known, snapshot.Listeners, peaks.Latency)
	s.countFails(places, known, snapshot.Backends)
	var values []elbValue
	for _, place := range sorted(places) {
		values = places[place].values(values, place)
	}
	for name := range known {
		values = append(values, elbValue{elbSurge, name, "", float64(peaks.Queued[name])})
	}
	for _, place := range sorted(s.hosts) {
		if known[place.name] != nil {
			values = s.hosts[place].values(values, place)
		}
	}
	s.hosts = map[elbPlace]*hostCounts{}
	return values
}

// sorted returns the places in order, so that scrapes can be compared.
func sorted[T any](places map[elbPlace]T) []elbPlace {
	return slices.SortedFunc(maps.Keys(places), func(a, b elbPlace) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.zone, b.zone))
	})
}

// at returns what is counted of a place.
func at(places map[elbPlace]*elbTotals, lb *ClassicLoadBalancer, name string) *elbTotals {
	place := elbPlace{lb.Name, lb.zone(name)}
	if places[place] == nil {
		places[place] = &elbTotals{}
	}
	return places[place]
}

// countListeners adds to the places what their listeners have counted since the last period. Listeners that had the same name
// one after the other are one. While connections of one that was removed are open it counts too; when the last of them has ended its
// counters are gone, and the sum is less than it was: then nothing is counted for this once.
func (s *sampler) countListeners(places map[elbPlace]*elbTotals, known map[string]*ClassicLoadBalancer, list []stats.ListenerTotals,
	longest map[plan.ListenerKey]time.Duration) {
	sums := make(map[plan.ListenerKey]*elbTotals, len(list))
	for i := range list {
		if l := &list[i]; known[l.Key.LoadBalancer] != nil {
			if sums[l.Key] == nil {
				sums[l.Key] = &elbTotals{}
			}
			sums[l.Key].take(l)
		}
	}
	for key, sum := range sums {
		place := at(places, known[key.LoadBalancer], key.Name)
		before := s.listeners[key]
		if before == nil {
			before = &elbTotals{}
		}
		place.addSince(sum, before)
		place.longest = max(place.longest, longest[key])
	}
	s.listeners = sums
}

// countFails does so for what is counted of backends.
func (s *sampler) countFails(places map[elbPlace]*elbTotals, known map[string]*ClassicLoadBalancer, list []stats.BackendTotals) {
	fails := make(map[plan.BackendKey]uint64, len(list))
	for i := range list {
		b := &list[i]
		if lb := known[b.Key.Set.LoadBalancer]; lb != nil {
			fails[b.Key] = b.ConnectFails + b.ProbeFails
			at(places, lb, b.Key.Set.Name).fails += since(fails[b.Key], s.fails[b.Key])
		}
	}
	s.fails = fails
}

// since returns by how much a counter has grown; nothing if it began anew.
func since(now, before uint64) uint64 { return now - min(now, before) }

// take adds a listener's counters to those of its name.
func (t *elbTotals) take(l *stats.ListenerTotals) {
	t.http = t.http || l.Protocol == plan.HTTP
	t.routed += l.Routed
	t.noncompliant += l.Noncompliant
	t.spilled += l.Ends[reason.QueueFull]
	t.latency.Add(&l.Latency)
	for class := range t.backend {
		t.backend[class] += l.BackendStatus[class]
		t.own[class] += l.OwnStatus[class]
	}
	t.own[4] += l.Unheard // as in the access log: a client that went away got a 408 that it did not wait for
}

// addSince adds by how much the counters of one listener have grown.
func (t *elbTotals) addSince(now, before *elbTotals) {
	t.http = t.http || now.http
	t.routed += since(now.routed, before.routed)
	t.noncompliant += since(now.noncompliant, before.noncompliant)
	t.spilled += since(now.spilled, before.spilled)
	for class := range t.backend {
		t.backend[class] += since(now.backend[class], before.backend[class])
		t.own[class] += since(now.own[class], before.own[class])
	}
	if now.latency.Sum < before.latency.Sum {
		return
	}
	t.latency.Sum += now.latency.Sum - before.latency.Sum
	for i, n := range now.latency.Counts {
		t.latency.Counts[i] += since(n, before.latency.Counts[i])
	}
}

// values appends the statistics of a place. Sums are told even if they are 0: a dashboard that adds and divides them then has
// something to show. There is no latency of nothing.
func (t *elbTotals) values(list []elbValue, place elbPlace) []elbValue {
	put := func(m metric, value float64) { list = append(list, elbValue{m, place.name, place.zone, value}) }
	put(elbRequests, float64(t.routed))
	put(elbErrors, float64(t.fails))
	put(elbSpillover, float64(t.spilled))
	if t.http {
		put(elbNoncompliant, float64(t.noncompliant))
		for class := 2; class < len(elbBackend); class++ {
			put(elbBackend[class], float64(t.backend[class]))
		}
		for class := 4; class < len(elbOwn); class++ {
			put(elbOwn[class], float64(t.own[class]))
		}
	}
	if n := t.latency.Count(); n > 0 {
		longest := t.longest
		if longest == 0 { // its time has come between the counters and the peaks
			longest = t.latency.Quantile(1)
		}
		quantile := func(q float64) float64 { return min(t.latency.Quantile(q), longest).Seconds() }
		put(elbLatencyAverage, t.latency.Sum.Seconds()/float64(n))
		put(elbLatencyMaximum, longest.Seconds())
		put(elbLatencyP50, quantile(0.5))
		put(elbLatencyP90, quantile(0.9))
		put(elbLatencyP99, quantile(0.99))
	}
	return list
}

// values appends the statistics of a place's instances.
func (c *hostCounts) values(list []elbValue, place elbPlace) []elbValue {
	for _, of := range []struct {
		metrics [3]metric
		tally   tally
	}{{elbHealthy, c.healthy}, {elbUnhealthy, c.unhealthy}} {
		for i, value := range []float64{float64(of.tally.sum) / float64(of.tally.looks), float64(of.tally.least), float64(of.tally.most)} {
			list = append(list, elbValue{of.metrics[i], place.name, place.zone, value})
		}
	}
	return list
}
