package console

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"lull/internal/control/admin"
	"lull/internal/dataplane/reason"
)

// reasonsPage is why connections and requests have ended.
type reasonsPage struct {
	Span   string // "10m" or "1h"
	Charts []reasonChart
}

// reasonChart is the ends of one kind by reason, over time.
type reasonChart struct {
	Title, Label string
	Scale        string // what a bar's width and height stand for
	Bars         []bar
	Ticks        []tick
	Rows         []reasonRow
}

// reasonRow is one reason.
type reasonRow struct {
	Reason reason.Reason
	Code   string
	Text   string
	Class  string // of its colour
	Link   string // to those that are remembered
	Error  bool
	Count  uint64
}

// coloursMax is how many reasons have a colour of their own; the others share the last one.
const coloursMax = 5

// reasons shows all of them.
func (v *visit) reasons() error { return v.moving("reasons", "reasons", "Why they end") }

func reasonsData(c *Console, s *sample, q url.Values, _ finder) (any, error) {
	return reasonsPage{Span: spanOf(q), Charts: c.reasonCharts(s, spanOf(q), func(ending) bool { return true }, url.Values{})}, nil
}

// spanOf returns how far back a query looks.
func spanOf(q url.Values) string {
	if q.Get("span") == "1h" {
		return "1h"
	}
	return "10m"
}

// reasonCharts draws the ends that match, a chart for each kind that has any. filters picks the same in the lists of what has ended.
func (c *Console) reasonCharts(s *sample, back string, match func(ending) bool, filters url.Values) []reasonChart {
	c.sampler.mu.RLock()
	defer c.sampler.mu.RUnlock()
	t := &c.sampler.recent
	if back == "1h" {
		t = &c.sampler.longer
	}
	var charts []reasonChart
	for k := range kinds {
		if chart, some := t.chart(k, s.at, match); some {
			for i := range chart.Rows {
				chart.Rows[i].Link = endedLink(k, chart.Rows[i].Code, filters)
			}
			charts = append(charts, chart)
		}
	}
	return charts
}

// endedLink returns the list of what is remembered of a kind that ended for a reason. A request that went wrong is in a list of its own: its
// connection may still be open, or have ended for another reason.
func endedLink(k kind, code string, filters url.Values) string {
	query := maps.Clone(filters)
	query.Set("reason", code)
	if k == ofRequests {
		return link("requests", query)
	}
	query.Set("state", "ended")
	return link("connections", query)
}

// chart draws one kind.
func (t *tally) chart(k kind, now time.Time, match func(ending) bool) (_ reasonChart, some bool) {
	var totals [reason.Count]uint64
	sums := make([][reason.Count]uint64, len(t.spans))
	for i := range t.spans {
		if ago := t.ago(i, now); ago < 0 || ago >= spansMax {
			continue
		}
		for e, n := range t.spans[i].counts {
			if e.kind == k && match(e) {
				sums[i][e.reason] += n
				totals[e.reason] += n
			}
		}
	}
	out := reasonChart{Title: kindNames[k], Rows: reasonRows(&totals)}
	if len(out.Rows) == 0 {
		return out, false
	}
	var most uint64
	for i := range sums {
		most = max(most, total(&sums[i]))
	}
	out.Scale = fmt.Sprintf("Each bar is %s; the highest is %s.", admin.Setting(t.width), number(most))
	out.Bars = t.bars(out.Rows, sums, most, now)
	for i := 0; i <= 4; i++ {
		back := time.Duration(4-i) * t.width * spansMax / 4
		text := "now"
		if back > 0 {
			text = "−" + strings.TrimSuffix(strings.TrimSuffix(admin.Span(back), " 0 s"), " 0 min")
		}
		out.Ticks = append(out.Ticks, tick{float64(i) * chartWidth / 4, text})
	}
	out.Label = fmt.Sprintf("%s in the last %s, most often %s: %s; the table below has all", out.Title, admin.Span(t.width*spansMax), out.Rows[0].Code, number(out.Rows[0].Count))
	return out, true
}

// ago returns how many spans lie between one and now.
func (t *tally) ago(i int, now time.Time) int64 {
	width := t.width.Milliseconds()
	return (now.UnixMilli()-now.UnixMilli()%width)/width - t.spans[i].from/width
}

// reasonRows lists reasons, the most frequent first.
func reasonRows(totals *[reason.Count]uint64) []reasonRow {
	var rows []reasonRow
	for r, n := range totals {
		if n > 0 {
			info := reason.Reason(r).Info()
			rows = append(rows, reasonRow{Reason: reason.Reason(r), Code: info.Code, Text: info.Text, Error: info.Error, Count: n})
		}
	}
	slices.SortFunc(rows, func(a, b reasonRow) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code)) })
	for i := range rows {
		rows[i].Class = "c-" + string("abcdef"[min(i, coloursMax)])
	}
	return rows
}

// bars stacks the reasons of each span. The highest bar has most.
func (t *tally) bars(rows []reasonRow, sums [][reason.Count]uint64, most uint64, now time.Time) []bar {
	width := float64(chartWidth) / spansMax
	var bars []bar
	for i := range sums {
		ago := t.ago(i, now)
		y := float64(chartHeight)
		for _, row := range rows {
			n := sums[i][row.Reason]
			if n == 0 {
				continue
			}
			h := math.Round(float64(n)/float64(most)*(chartHeight-4)*10) / 10
			y -= h
			bars = append(bars, bar{X: math.Round(float64(spansMax-1-ago)*width*10) / 10, Y: y, W: width - 1, H: h, Class: row.Class, Title: row.Code + ": " + number(n)})
		}
	}
	return bars
}
