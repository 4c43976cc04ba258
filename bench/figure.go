package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// take says which of a figure's samples stands for all of them.
type take uint8

const (
	takeMedian take = iota
	takeLeast       // for "never below": the worst sample is the smallest
	takeMost        // for "never above"
)

// figure is one row of a scenario's table: what was measured, of which balancer, and what it ought to be.
type figure struct {
	variant string // which variant of the scenario, such as "2 threads"
	name    string
	unit    string
	digits  int  // after the decimal point
	higher  bool // a higher value is the better one
	take    take
	alone   bool // a ratio to the peers would say nothing
	aim     aim

	samples map[string][]float64 // by balancer, in the order of the rounds
}

// aim is what the first balancer ought to reach. Nil parts are not asked for; a figure without any is for information.
type aim struct {
	atMost       *float64
	atLeast      *float64
	ratioAtMost  *float64 // to the better peer, or to the one that is named
	ratioAtLeast *float64
	to           string // kind of the peer that the ratio is to; empty = the better one
}

// limit returns a bound for an aim.
func limit(v float64) *float64 { return &v }

func (f *figure) add(balancer string, v float64) {
	if f.samples == nil {
		f.samples = map[string][]float64{}
	}
	f.samples[balancer] = append(f.samples[balancer], v)
}

// value returns what the table shows for a balancer; ok is false when it was not measured.
func (f *figure) value(balancer string) (v float64, ok bool) {
	s := f.samples[balancer]
	if len(s) == 0 {
		return 0, false
	}
	switch f.take {
	case takeMedian:
		return median(s), true
	case takeLeast:
		return slices.Min(s), true
	case takeMost:
		return slices.Max(s), true
	}
	panic("figure: unknown take")
}

// extremes returns the least and the greatest sample of a balancer, which must have some.
func (f *figure) extremes(balancer string) (least, most float64) {
	s := f.samples[balancer]
	return slices.Min(s), slices.Max(s)
}

// rival returns the peer that the ratio is to, and its value; ok is false when it was not measured.
func (f *figure) rival(peers []string) (name string, v float64, ok bool) {
	for _, p := range peers {
		if kind, _, _ := strings.Cut(p, "#"); f.aim.to != "" && kind != f.aim.to {
			continue
		}
		w, measured := f.value(p)
		if measured && (!ok || (w > v) == f.higher) {
			name, v, ok = p, w, true
		}
	}
	return name, v, ok
}

// ratio divides the subject's value by the rival's; ok is false when there is none to divide by. Where the rival's is
// zero, as processor time can be, an equal is 1 and anything more infinite.
func (f *figure) ratio(subject string, peers []string) (r float64, ok bool) {
	v, ok := f.value(subject)
	_, w, compared := f.rival(peers)
	switch {
	case !ok || !compared || f.alone || w < 0 || v < 0:
		return 0, false
	case v == w:
		return 1, true
	}
	return v / w, true
}

// ratioExtremes returns the least and the greatest ratio within a round; ok is false where the rounds cannot be paired.
// A round's trials follow each other closely, so this tells how sure the ratio is on a machine whose speed drifts.
func (f *figure) ratioExtremes(subject string, peers []string) (least, most float64, ok bool) {
	rival, _, _ := f.rival(peers)
	s, r := f.samples[subject], f.samples[rival]
	if f.take != takeMedian || len(s) < 2 || len(s) != len(r) {
		return 0, 0, false
	}
	least, most = math.Inf(1), math.Inf(-1)
	for i := range s {
		if r[i] <= 0 {
			return 0, 0, false
		}
		least, most = min(least, s[i]/r[i]), max(most, s[i]/r[i])
	}
	return least, most, true
}

// verdict judges the subject: "pass", "miss", or "" where nothing is asked or nothing was measured.
func (f *figure) verdict(subject string, peers []string) string {
	v, measured := f.value(subject)
	r, compared := f.ratio(subject, peers)
	asked, missed := false, false
	check := func(bound *float64, known bool, ok func(bound float64) bool) {
		if bound != nil && known {
			asked = true
			missed = missed || !ok(*bound)
		}
	}
	check(f.aim.atMost, measured, func(b float64) bool { return v <= b })
	check(f.aim.atLeast, measured, func(b float64) bool { return v >= b })
	check(f.aim.ratioAtMost, compared, func(b float64) bool { return r <= b })
	check(f.aim.ratioAtLeast, compared, func(b float64) bool { return r >= b })
	switch {
	case !asked:
		return ""
	case missed:
		return "miss"
	}
	return "pass"
}

// String puts an aim in words.
func (a aim) String() string {
	text := ""
	part := func(bound *float64, format string) {
		if bound == nil {
			return
		}
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf(format, *bound)
	}
	part(a.atMost, "≤ %g")
	part(a.atLeast, "≥ %g")
	ratio := "ratio"
	if a.to != "" {
		ratio += " to " + a.to
	}
	part(a.ratioAtMost, ratio+" ≤ %g")
	part(a.ratioAtLeast, ratio+" ≥ %g")
	return text
}

// median returns the middle of vs, which must not be empty, or the mean of the two middle ones.
func median(vs []float64) float64 {
	s := slices.Sorted(slices.Values(vs))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

// percentile returns the value that q of the sorted values (0 to 1) do not exceed, by nearest rank: it is always one
// that was measured. sorted must not be empty.
func percentile(sorted []int64, q float64) int64 {
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}
