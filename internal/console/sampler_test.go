package console

import (
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// TestBetween: rates over what has passed, and none from counters that began anew.
func TestBetween(t *testing.T) {
	t.Parallel()
	reading := func(active, requests, closes uint64) *stats.ListenerTotals {
		l := &stats.ListenerTotals{Active: active}
		l.Requests, l.Closes[reason.ClientIdle] = requests, closes
		return l
	}
	cases := []struct {
		name        string
		before, now *stats.ListenerTotals
		took        int64
		want        point
	}{
		{"first", nil, reading(3, 100, 10), 1000, point{at: 7, open: 3}},
		{"second", reading(1, 100, 10), reading(3, 150, 12), 1000, point{7, 3, 50, 2}},
		{"ten-seconds", reading(1, 100, 10), reading(3, 150, 12), 10000, point{7, 3, 5, 0.2}},
		{"anew", reading(1, 100, 10), reading(3, 50, 1), 1000, point{at: 7, open: 3}},
		{"no-time", reading(1, 100, 10), reading(3, 150, 12), 0, point{at: 7, open: 3}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := between(c.before, c.now, 7, c.took); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestSum: series of different ages are added by their ends.
func TestSum(t *testing.T) {
	t.Parallel()
	old, young := &series{}, &series{}
	for i := range int64(pointsMax + 10) {
		old.add(point{at: i, open: 1})
		if i >= pointsMax {
			young.add(point{at: i, open: 2})
		}
	}
	got := sum([]*series{young, old})
	if len(got) != pointsMax || got[0] != (point{at: 10, open: 1}) || got[pointsMax-1] != (point{at: pointsMax + 9, open: 3}) || got[pointsMax-11].open != 1 {
		t.Errorf("got %d points, first %v, last %v", len(got), got[0], got[len(got)-1])
	}
}

// TestForgets: what has left the plan leaves the memory, and nothing in it grows without end.
func TestForgets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha", "beta")
	r.engine.log.Append([]record.Close{closedFirst(1, "10.0.0.1:9001", time.Second, r.clock())})
	s := r.console.sampler
	for i := range uint64(3 * pointsMax) {
		r.pass(10 * time.Second)
		for _, name := range []string{"alpha", "beta"} {
			r.count(plan.ListenerKey{LoadBalancer: name, Name: "web"}, func(l *stats.ListenerTotals) { l.Closes[1+int(i)%40] += i })
		}
		for range agesMax {
			c := closedFirst(1, "10.0.0.1:9001", time.Second, r.clock())
			c.Ends.LoadBalancer = "alpha"
			r.engine.log.Append([]record.Close{c})
		}
		s.take()
	}
	if n := len(s.series); n != 4 || len(s.recent.spans) != spansMax || len(s.longer.spans) != spansMax {
		t.Errorf("got %d series, %d and %d spans", n, len(s.recent.spans), len(s.longer.spans))
	}
	if one := s.closers["alpha/app/10.0.0.1:9001"]; one == nil || len(one.ages) != agesMax || len(s.closers) != 1 {
		t.Errorf("got closers %v", s.closers)
	}
	r.populate("beta")
	r.pass(time.Second)
	s.take()
	if len(s.series) != 2 || len(s.closers) != 0 {
		t.Errorf("after a removal: got %d series, %d closers", len(s.series), len(s.closers))
	}
}

// TestTallyBound: listeners without number do not fill a span.
func TestTallyBound(t *testing.T) {
	t.Parallel()
	tally := tally{width: time.Second}
	s := tally.at(1000)
	for i := range 2 * countsMax {
		s.add(ending{listener: plan.ListenerKey{Name: string(rune(i))}, reason: reason.ClientIdle}, 1)
	}
	var sum uint64
	for _, n := range s.counts {
		sum += n
	}
	if len(s.counts) > countsMax+1 || sum != 2*countsMax {
		t.Errorf("got %d counts of %d ends", len(s.counts), sum)
	}
	if tally.at(500) != s { // the clock was set back
		t.Error("an earlier moment has a span of its own")
	}
}

// TestAge: the age at which a backend closes is that of most of its closes.
func TestAge(t *testing.T) {
	t.Parallel()
	c := &closer{ages: []time.Duration{time.Millisecond}}
	for range 38 {
		c.ages = append(c.ages, 5*time.Second)
	}
	c.ages = append(c.ages, time.Hour)
	if from, until := c.spread(); c.age() != 5*time.Second || from != 5*time.Second || until != 5*time.Second {
		t.Errorf("got %v, %v to %v", c.age(), from, until)
	}
}
