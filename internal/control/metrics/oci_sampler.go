package metrics

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
)

// ociSampler makes Oracle's metrics of the counters, period by period. It belongs to one goroutine.
type ociSampler struct {
	// Fixed after newOCISampler.
	source Source
	out    *ociPeriods

	// Owned by the goroutine that calls look.
	begun  bool
	began  int64                  // the period
	looked int64                  // last
	before map[ociPlace]ociCounts // as they were when the period began
	moved  map[string]uint64      // bytes of each load balancer at the last look
	peaks  map[string]float64     // bits per second of this period
}

func newOCISampler(source Source, out *ociPeriods) *ociSampler {
	return &ociSampler{source: source, out: out}
}

// look takes the counters as they are now, the time in ns of clock.Now, and ends the period if it is over. As with elb's, a look may
// come a little before the minute is full.
func (s *ociSampler) look(now int64) {
	known := s.known()
	if len(known) == 0 {
		s.out.last.Store(nil)
		*s = *newOCISampler(s.source, s.out)
		return
	}
	snapshot := s.source.Stats()
	seen := seeOCI(known, &snapshot)
	s.peak(seen, now)
	switch {
	case !s.begun:
		s.begun = true
	case now-s.began < int64(ociPeriod-elbLook/2):
		return
	default:
		values := s.period(seen)
		s.out.last.Store(&values)
	}
	s.began, s.peaks = now, map[string]float64{}
	s.before = make(map[ociPlace]ociCounts, len(seen.places))
	for place, of := range seen.places {
		s.before[place] = of.ociCounts
	}
}

// known returns the load balancers by their name in the plan.
func (s *ociSampler) known() map[string]*OCILoadBalancer {
	oci := s.out.known.Load()
	if oci == nil {
		return nil
	}
	known := map[string]*OCILoadBalancer{}
	for _, lb := range (*oci).OCILoadBalancers() {
		known[lb.Name] = &lb
	}
	return known
}

// peak notes the bandwidth since the last look.
func (s *ociSampler) peak(seen *ociSight, now int64) {
	moved := map[string]uint64{}
	took := time.Duration(now - s.looked).Seconds()
	for name := range seen.known {
		of := seen.at(name, ociOfBalancer, "")
		moved[name] = of.received + of.sent
		if before, was := s.moved[name]; was && took > 0 {
			s.peaks[name] = max(s.peaks[name], float64(since(moved[name], before))*8/took)
		}
	}
	s.moved, s.looked = moved, now
}

// period returns the metrics of the period that ends.
func (s *ociSampler) period(seen *ociSight) []ociValue {
	places := slices.SortedFunc(maps.Keys(seen.places), func(a, b ociPlace) int {
		return cmp.Or(cmp.Compare(a.balancer, b.balancer), cmp.Compare(a.component, b.component), cmp.Compare(a.name, b.name))
	})
	var values []ociValue
	for _, place := range places {
		of := *seen.places[place]
		of.ociCounts = of.since(s.before[place])
		put := func(m metric, value float64) {
			values = append(values, ociValue{m, seen.known[place.balancer], place, value})
		}
		switch place.component {
		case ociOfBalancer:
			of.putBalancer(put)
			put(ociPeak, s.peaks[place.balancer])
		case ociOfSet:
			of.putSet(put)
		case ociOfListener:
			of.putResponses(put)
		}
	}
	return values
}

// ociSight is what one look sees.
type ociSight struct {
	known  map[string]*OCILoadBalancer
	places map[ociPlace]*ociState
}

// ociState is what is known of a place.
type ociState struct {
	ociCounts
	active, secure             uint64 // connections now
	servers, unhealthy, pooled uint64
	http, tcp                  bool // what leads there
}

func (s *ociSight) at(balancer, component, name string) *ociState {
	place := ociPlace{balancer, component, name}
	of := s.places[place]
	if of == nil {
		of = &ociState{}
		s.places[place] = of
	}
	return of
}

// seeOCI sums the counters of the load balancers by place. One that has no listener has its own place all the same.
func seeOCI(known map[string]*OCILoadBalancer, snapshot *stats.Snapshot) *ociSight {
	s := &ociSight{known: known, places: map[ociPlace]*ociState{}}
	for name := range known {
		s.at(name, ociOfBalancer, "")
	}
	for i := range snapshot.Listeners {
		if l := &snapshot.Listeners[i]; known[l.Key.LoadBalancer] != nil {
			s.seeListener(l)
		}
	}
	for i := range snapshot.Sets {
		if set := &snapshot.Sets[i]; known[set.Key.LoadBalancer] != nil {
			of := s.at(set.Key.LoadBalancer, ociOfSet, set.Key.Name)
			of.addSet(set)
			of.http = !of.tcp || of.requests > 0 || of.status != [6]uint64{} // it may have listeners of both kinds
		}
	}
	for i := range snapshot.Backends {
		if b := &snapshot.Backends[i]; known[b.Key.Set.LoadBalancer] != nil {
			s.at(b.Key.Set.LoadBalancer, ociOfSet, b.Key.Set.Name).seeBackend(b)
		}
	}
	return s
}

// seeListener adds a listener of the plan: to its load balancer, and to the listeners of the API that it stands for, which are its
// sites if it is for HTTP.
func (s *ociSight) seeListener(l *stats.ListenerTotals) {
	name := l.Key.LoadBalancer
	of := s.at(name, ociOfBalancer, "")
	of.addListener(l)
	of.active += l.Active
	if l.Secure {
		of.secure += l.Active
	}
	if l.Protocol != plan.HTTP {
		set := s.at(name, ociOfSet, l.Set.Name)
		set.tcp = true
		set.addTunnels(l)
		return
	}
	for i := range l.Sites {
		listener, _, _ := strings.Cut(l.Sites[i].Name, "@")
		s.at(name, ociOfListener, listener).addSite(&l.Sites[i])
	}
}

// seeBackend adds a backend. Of HTTP the connections are counted that are open, pooled ones included; of TCP those in use are all.
func (of *ociState) seeBackend(b *stats.BackendTotals) {
	active, open := uint64(max(b.Active, 0)), uint64(max(b.Conns, b.Active, 0))
	of.servers++
	if !b.Up {
		of.unhealthy++
	}
	of.active += active
	of.pooled += open - active
	of.closed += since(b.Connects, open)
}

func (of *ociState) putBalancer(put func(metric, float64)) {
	put(ociAccepted, float64(of.accepted))
	put(ociShaken, float64(of.shaken))
	put(ociActive, float64(of.active))
	put(ociActiveTLS, float64(of.secure))
	put(ociUncertified, float64(of.uncertified))
	put(ociUnshaken, float64(of.unshaken))
	put(ociHandled, float64(since(of.accepted, of.refused)))
	put(ociRequests, float64(of.requests))
	put(ociReceived, float64(of.received))
	put(ociSent, float64(of.sent))
}

func (of *ociState) putSet(put func(metric, float64)) {
	put(ociActive, float64(of.active))
	put(ociServers, float64(of.servers))
	put(ociUnhealthy, float64(of.unhealthy))
	put(ociKeptAlive, float64(of.pooled))
	put(ociClosed, float64(of.closed))
	put(ociOverdue, float64(of.overdue))
	put(ociReceived, float64(of.received))
	put(ociSent, float64(of.sent))
	if of.tcp {
		putTook(put, ociFirstTook, of.firsts, of.firstsTook)
	}
	if of.http {
		put(ociRequests, float64(of.requests))
		put(ociInvalid, float64(of.invalid))
		putTook(put, ociHeaderTook, of.answers, of.answersTook)
		of.putResponses(put)
	}
}

// putTook puts an average in milliseconds; there is none of nothing.
func putTook(put func(metric, float64), m metric, n, took uint64) {
	if n > 0 {
		put(m, time.Duration(took).Seconds()*1000/float64(n))
	}
}

func (of *ociState) putResponses(put func(metric, float64)) {
	var all uint64
	for _, n := range of.status {
		all += n
	}
	put(ociResponses, float64(all))
	put(ociResponses200, float64(of.ok))
	put(ociResponses2xx, float64(of.status[2]))
	put(ociResponses3xx, float64(of.status[3]))
	put(ociResponses4xx, float64(of.status[4]))
	put(ociResponses502, float64(of.badGateway))
	put(ociResponses504, float64(of.timeout))
	put(ociResponses5xx, float64(of.status[5]))
}
