package console

import (
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// pointsMax is how many moments a series remembers: two minutes while somebody looks on.
const pointsMax = 120

// point is a listener at one moment.
type point struct {
	at       int64 // ms of the wall clock
	open     float32
	requests float32 // per second, since the point before
	closes   float32
}

// series is the last moments of a listener.
type series struct {
	points []point // the oldest first
}

func (s *series) add(p point) {
	if len(s.points) == pointsMax {
		s.points = append(s.points[:0], s.points[1:]...)
	}
	s.points = append(s.points, p)
}

// between returns what has happened from one reading of a listener to the next; before is nil for the first.
func between(before, now *stats.ListenerTotals, atMS, tookMS int64) point {
	p := point{at: atMS, open: float32(now.Active)}
	if before == nil || tookMS <= 0 {
		return p
	}
	perSecond := func(was, is uint64) float32 {
		if is < was { // another listener of the same name
			return 0
		}
		return float32(is-was) * 1000 / float32(tookMS)
	}
	p.requests = perSecond(before.Requests, now.Requests)
	p.closes = perSecond(total(&before.Closes), total(&now.Closes))
	return p
}

func total(counts *[reason.Count]uint64) (sum uint64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// sum adds series up. All were sampled at the same moments; one that is younger has its points at the end.
func sum(all []*series) []point {
	var out []point
	for _, s := range all {
		for len(out) < len(s.points) {
			out = append([]point{{}}, out...)
		}
		shift := len(out) - len(s.points)
		for i, p := range s.points {
			o := &out[shift+i]
			o.at, o.open, o.requests, o.closes = p.at, o.open+p.open, o.requests+p.requests, o.closes+p.closes
		}
	}
	return out
}
