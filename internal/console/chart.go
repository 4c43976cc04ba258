package console

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// The coordinates of charts, which the style stretches to the room that there is.
const (
	sparkWidth  = 120
	sparkHeight = 28
	sparkSpan   = 2 * time.Minute // from the left to the right
)

// spark is a small chart of one number over the last minutes.
type spark struct {
	Label string // for those who do not see it
	Now   string
	Line  string // points of a polyline
}

// sparkOf draws what pick takes of each point. what names it: "open connections".
func sparkOf(points []point, nowMS int64, what string, pick func(point) float32) spark {
	var most, last float32
	for _, p := range points {
		most, last = max(most, pick(p)), pick(p)
	}
	var line strings.Builder
	for _, p := range points {
		x := sparkWidth * (1 - float64(nowMS-p.at)/float64(sparkSpan.Milliseconds()))
		if x < 0 {
			continue
		}
		y := float64(sparkHeight - 1)
		if most > 0 {
			y -= float64(pick(p)/most) * (sparkHeight - 2)
		}
		fmt.Fprintf(&line, "%.1f,%.1f ", x, y)
	}
	return spark{
		Label: fmt.Sprintf("%s in the last two minutes: %s now, %s at most", what, rate(float64(last)), rate(float64(most))),
		Now:   rate(float64(last)), Line: strings.TrimSuffix(line.String(), " "),
	}
}

// trio is the three charts that load balancers and listeners have.
type trio struct{ Open, Requests, Closes spark }

func trioOf(points []point, now time.Time) trio {
	ms := now.UnixMilli()
	t := trio{
		Open:     sparkOf(points, ms, "Open connections", func(p point) float32 { return p.open }),
		Requests: sparkOf(points, ms, "Requests per second", func(p point) float32 { return p.requests }),
		Closes:   sparkOf(points, ms, "Closes per second", func(p point) float32 { return p.closes }),
	}
	if len(points) > 0 {
		t.Open.Now = number(uint64(points[len(points)-1].open))
	}
	return t
}

// bar is a rectangle of a chart.
type bar struct {
	X, Y, W, H float64
	Class      string
	Title      string
}

// The coordinates of the larger charts.
const (
	chartWidth  = 720
	chartHeight = 120
)

// onLog places a duration on a logarithmic axis of powers of two of a millisecond, as the buckets of gaps are.
func onLog(d time.Duration, buckets int) float64 {
	ms := max(float64(d)/float64(time.Millisecond), 0.5)
	return math.Round((math.Log2(ms)+1)/float64(buckets)*chartWidth*10) / 10
}

// tick is a mark on an axis.
type tick struct {
	X    float64
	Text string
}
