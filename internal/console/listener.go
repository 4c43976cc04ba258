package console

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"time"

	"lull/internal/control/admin"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
)

// listenerPage is one listener.
type listenerPage struct {
	listenerRow
	Origin   string
	Show     []string // names that its connections are recorded with
	Settings []fact
	Gaps     []gapChart
	Closes   []reasonChart
	Change   *action // leads to where the idle timeout is set; nil: in lull.yaml
}

// fact is a name and a value.
type fact struct{ Name, Value string }

// listener shows one.
func (v *visit) listener() error {
	q := v.r.URL.Query()
	return v.moving("listener", "overview", q.Get("listener")+" of "+q.Get("load_balancer"))
}

func listenerData(c *Console, s *sample, q url.Values, _ finder) (any, error) {
	lb, err := s.balancer(q)
	if err != nil {
		return nil, err
	}
	for _, l := range lb.Listeners {
		if l.Key.Name != q.Get("listener") {
			continue
		}
		p := listenerPage{listenerRow: c.listenerRow(s, l), Origin: lb.Origin, Show: recordedAs(l), Settings: settingsOf(l)}
		p.Change = c.whereToChange(admin.Parties{LoadBalancer: lb.Name, Listener: p.Show[0]}, "")
		if t := s.listeners[l.Key]; t != nil {
			p.Gaps = gapCharts(l, t)
		}
		filters := url.Values{"load_balancer": {lb.Name}}
		if len(p.Show) == 1 {
			filters.Set("listener", p.Show[0])
		}
		p.Closes = c.reasonCharts(s, spanOf(q), func(e ending) bool { return e.listener == l.Key }, filters)
		return p, nil
	}
	return nil, refusal(http.StatusNotFound, "load balancer %q has no listener %q, or it has been deleted", lb.Name, shortened(q.Get("listener")))
}

// recordedAs returns the names that a listener's connections are recorded with. Of an OCI port that several listeners share by their host
// names, a connection has the listener's name that its request belongs to, and the port's between two requests, which comes first here.
func recordedAs(l *plan.Listener) []string {
	if len(l.Sites) == 1 {
		return []string{l.Sites[0].Name}
	}
	names := []string{l.Key.Name}
	for _, site := range l.Sites {
		if !slices.Contains(names, site.Name) {
			names = append(names, site.Name)
		}
	}
	return names
}

// settingsOf lists the timeouts that hold for a listener.
func settingsOf(l *plan.Listener) []fact {
	t := &l.Timeouts
	list := []fact{{"Model", modelText(t.Model)}, {"Idle timeout", admin.Setting(t.Idle)}}
	add := func(name string, d time.Duration) {
		if d > 0 {
			list = append(list, fact{name, admin.Setting(d)})
		}
	}
	if t.Model == timeout.Directional && l.Protocol == plan.HTTP {
		add("Client keep-alive", t.FrontKeepalive)
		list = append(list, fact{"Requests on a connection", number(t.FrontRequestsMax)})
		add("Back-end keep-alive", t.BackKeepalive)
	}
	if l.Protocol == plan.HTTP {
		add("Request head", t.RequestHead)
	}
	add("Connect", t.ConnectLimit())
	add("Greatest age", t.AgeMax)
	add("Drain", t.Drain)
	for _, site := range l.Sites {
		list = append(list, fact{"Idle timeout of " + site.Name, admin.Setting(site.Idle)})
	}
	return list
}

// modelText says what a timeout model means, in few words.
func modelText(m timeout.Model) string {
	if m == timeout.Directional {
		return m.String() + ": each direction has its own timer, as at OCI"
	}
	return m.String() + ": one timer for both directions, as at AWS"
}

// gapChart is how long nothing moved on connections until something did, beside the timeout that would have ended them.
type gapChart struct {
	Title   string
	Label   string // for those who do not see it
	Bars    []bar
	Ticks   []tick
	Timeout tick
	Rows    []gapRow
	Text    string
	Scale   string // what a bar's height stands for
}

// gapRow is a bucket as text.
type gapRow struct {
	Until string
	Count uint64
}

// gapCharts draws the phases that a listener has.
func gapCharts(l *plan.Listener, t *stats.ListenerTotals) []gapChart {
	s := &l.Timeouts
	waiting, named := s.Idle, "idle timeout"
	if s.Model == timeout.Directional {
		waiting, named = s.FrontKeepalive, "client keep-alive"
	}
	var charts []gapChart
	for phase := range stats.Phases {
		counts := &t.Gaps[phase]
		switch stats.Phase(phase) {
		case stats.InTunnel:
			if l.Protocol == plan.TCP || gapsIn(counts) > 0 {
				charts = append(charts, gapChartOf("Between bytes of connections", counts, s.Idle, "idle timeout"))
			}
		case stats.InExchange:
			if l.Protocol == plan.HTTP {
				charts = append(charts, gapChartOf("Between bytes of requests and responses", counts, s.Idle, "idle timeout"))
			}
		case stats.Waiting:
			if l.Protocol == plan.HTTP {
				charts = append(charts, gapChartOf("Between two requests of a client", counts, waiting, named))
			}
		}
	}
	return charts
}

func gapsIn(t *stats.GapTotals) (sum uint64) {
	for _, n := range t.Counts {
		sum += n
	}
	return sum
}

func gapChartOf(title string, t *stats.GapTotals, limit time.Duration, named string) gapChart {
	g := gapChart{Title: title, Timeout: tick{onLog(limit, stats.GapBuckets), named + " " + admin.Setting(limit)}}
	var most uint64
	for _, n := range t.Counts {
		most = max(most, n)
	}
	width := float64(chartWidth) / stats.GapBuckets
	longest := -1
	for i, n := range t.Counts {
		if n == 0 {
			continue
		}
		longest = i
		// Most gaps are short by far: on a linear scale the long ones, which matter here, could not be seen.
		h := math.Round(math.Log1p(float64(n))/math.Log1p(float64(most))*(chartHeight-4)*10) / 10
		row := gapRow{"up to " + admin.Span(stats.GapLimit(i)), n}
		if i == stats.GapBuckets-1 {
			row.Until = "longer"
		}
		g.Rows = append(g.Rows, row)
		g.Bars = append(g.Bars, bar{X: math.Round(float64(i)*width*10) / 10, Y: chartHeight - h, W: math.Round((width-1)*10) / 10, H: h, Title: row.Until + ": " + number(n)})
	}
	for _, d := range []time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second, 10 * time.Second, time.Minute, 10 * time.Minute, time.Hour} {
		g.Ticks = append(g.Ticks, tick{onLog(d, stats.GapBuckets), shortSpan(d)})
	}
	if most > 0 {
		g.Scale = "The highest bar is " + number(most) + " pauses; heights are logarithmic, so that a few long ones can be seen."
	}
	g.Text = gapText(t, longest, limit, named)
	g.Label = title + ": " + g.Text
	return g
}

// gapText says what the chart shows.
func gapText(t *stats.GapTotals, longest int, limit time.Duration, named string) string {
	all := gapsIn(t)
	if all == 0 {
		return "Nothing has moved yet after a pause."
	}
	var near uint64
	for i, n := range t.Counts {
		if i > 0 && stats.GapLimit(i-1) >= limit/4 {
			near += n
		}
	}
	some := "None"
	if near > 0 {
		some = number(near)
	}
	until := "longer than " + admin.Span(stats.GapLimit(stats.GapBuckets-2))
	if longest < stats.GapBuckets-1 {
		until = "at most " + admin.Span(stats.GapLimit(longest))
	}
	return fmt.Sprintf("%s pauses ended with a byte; the longest lasted %s. %s of them lasted for more than about a quarter of the %s (%s).",
		number(all), until, some, named, admin.Setting(limit))
}

// shortSpan writes a round duration for an axis.
func shortSpan(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}
