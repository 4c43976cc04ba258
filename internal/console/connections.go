package console

import (
	"container/heap"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"lull/internal/control/admin"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

const (
	// connsPerPage is how many connections a page lists.
	connsPerPage = 100
	// connPagesMax bounds the pages of open connections, which are looked for anew each time. Whoever has to look further has filters.
	connPagesMax = 100
)

// endsQuery is between whom, and why it ends. It is part of what lists of connections and of requests are asked for.
type endsQuery struct {
	Balancer string
	Listener string
	Backend  string
	Reason   reason.Reason // open connections: that they will end with; None: any
}

func endsQueryOf(q url.Values) (e endsQuery, err error) {
	e = endsQuery{Balancer: q.Get("load_balancer"), Listener: q.Get("listener"), Backend: strings.TrimSpace(q.Get("backend"))}
	if code := q.Get("reason"); code != "" {
		var ok bool
		if e.Reason, ok = reason.Parse(code); !ok {
			return e, refusal(http.StatusBadRequest, "reason %q: is not one of lull's", shortened(code))
		}
	}
	return e, nil
}

func (q *endsQuery) accepts(e *record.Ends, why reason.Reason) bool {
	return (q.Balancer == "" || q.Balancer == e.LoadBalancer) && (q.Listener == "" || q.Listener == e.Listener || q.Listener == e.LoadBalancer+"/"+e.Listener) &&
		(q.Backend == "" || q.Backend == e.Backend || e.BackendAddr.IsValid() && q.Backend == e.BackendAddr.String()) &&
		(q.Reason == reason.None || q.Reason == why)
}

// ReasonCode is what the filter shows.
func (q endsQuery) ReasonCode() string {
	if q.Reason == reason.None {
		return ""
	}
	return q.Reason.String()
}

// connQuery is which connections a page is to list.
type connQuery struct {
	endsQuery
	Ended    bool
	IdleText string        // as it was typed
	Idle     time.Duration // nothing has moved for longer
	Soonest  bool          // open ones: those first that end soonest; otherwise by their numbers
	Page     int           // of open ones, from 1
}

// connQueryOf reads a query. What can be read of it is there beside an error as well, for the filters to show.
func connQueryOf(q url.Values) (c connQuery, err error) {
	c = connQuery{Ended: q.Get("state") == "ended", IdleText: strings.TrimSpace(q.Get("idle")), Soonest: q.Get("order") == "soonest"}
	if c.endsQuery, err = endsQueryOf(q); err != nil {
		return c, err
	}
	if c.Idle, err = spanOfText(c.IdleText); err != nil {
		return c, err
	}
	c.Page, _ = strconv.Atoi(q.Get("page_number")) // what is no number is the first page
	c.Page = max(1, min(c.Page, connPagesMax))
	return c, nil
}

// spanOfText reads "30", which is seconds, or "30s" or "5m".
func spanOfText(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(n) * time.Second, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0, refusal(http.StatusBadRequest, "%q is no time: give seconds, such as 30, or a duration, such as 5m", shortened(text))
	}
	return d, nil
}

// connFinder looks for open connections, and keeps those of one page and before: at most connPagesMax pages.
type connFinder struct {
	connQuery
	all, matched int
	list         []*record.Live // copies, in a heap: the last one on top
}

// see implements finder.
func (f *connFinder) see(l *record.Live) {
	f.all++
	if !f.accepts(&l.Ends, l.Why) || f.Idle > 0 && quiet(l) < f.Idle {
		return
	}
	f.matched++
	switch {
	case len(f.list) < f.Page*connsPerPage:
		one := *l
		heap.Push(f, &one)
	case f.before(l, f.list[0]):
		*f.list[0] = *l
		heap.Fix(f, 0)
	}
}

// before says which of two connections stands first.
func (f *connFinder) before(a, b *record.Live) bool {
	if f.Soonest {
		first, second := due(a), due(b)
		if first != second {
			return first < second
		}
	}
	return a.ID < b.ID
}

// due returns for how long a connection still has; a very long time if no timer runs.
func due(l *record.Live) time.Duration {
	if l.Timer == "" {
		return 1<<63 - 1
	}
	return l.FiresIn
}

// Len, Less, Swap, Push and Pop implement heap.Interface.
func (f *connFinder) Len() int           { return len(f.list) }
func (f *connFinder) Less(i, j int) bool { return f.before(f.list[j], f.list[i]) }
func (f *connFinder) Swap(i, j int)      { f.list[i], f.list[j] = f.list[j], f.list[i] }

// Push implements heap.Interface.
func (f *connFinder) Push(x any) { f.list = append(f.list, x.(*record.Live)) }

// Pop implements heap.Interface.
func (f *connFinder) Pop() any {
	last := f.list[len(f.list)-1]
	f.list = f.list[:len(f.list)-1]
	return last
}

// page returns the connections of the page, in order.
func (f *connFinder) page() []*record.Live {
	list := slices.Clone(f.list)
	slices.SortFunc(list, func(a, b *record.Live) int {
		if f.before(a, b) {
			return -1
		}
		return 1
	})
	return list[min((f.Page-1)*connsPerPage, len(list)):]
}

// connsPage is a list of connections.
type connsPage struct {
	connQuery
	Reasons   []string // for the filter
	Listeners []string // for the filter
	All       int
	Open      []openRow
	Closed    []endedRow
	Pages     pages
	IdleFault string // what is wrong with what was typed; nothing is listed then
}

// moved is what a connection has carried. The bytes of requests are counted with each request: for a connection that has had some and
// carries none now, there is no number, and 0 would be wrong.
type moved struct {
	Requests  int
	Up, Down  uint64
	Uncounted bool
}

func movedOf(t *record.Traffic) moved {
	return moved{t.Exchanges, t.BytesUp, t.BytesDown, t.Exchanges > 0 && t.BytesUp+t.BytesDown == 0}
}

// openRow is an open connection.
type openRow struct {
	ID                                                       uint64
	Pooled                                                   bool
	State, Client, LoadBalancer, Listener, Set, Backend, Age string
	moved
	Quiet      time.Duration
	Next       string // "closes", "recorded"; "" if no timer runs
	In         time.Duration
	Why, Timer string
}

// endedRow is one that has ended.
type endedRow struct {
	ID                                                uint64
	Pooled                                            bool
	When                                              time.Time
	Client, LoadBalancer, Listener, Set, Backend, Age string
	moved
	Reason, Text, Side, Timer string
	Error                     bool
}

// connections lists them. What is wrong with a filter is said at the filter, and the others keep what they have.
func (v *visit) connections() error {
	const title = "Connections"
	query, err := connQueryOf(v.r.URL.Query())
	var told *refused
	if query.IdleText == "" || !errors.As(err, &told) {
		return v.moving("connections", "connections", title)
	}
	p := connsPage{connQuery: query, Reasons: reasonCodes(), Listeners: listenerNames(v.c.sampler.look(), anyListener), IdleFault: told.message}
	return v.showWith(told.status, frame{Page: "connections", Section: "connections", Title: title, Data: p})
}

// connectionsWanted implements livePage: a list of ended ones wants nothing of the open ones.
func connectionsWanted(q url.Values) (finder, error) {
	c, err := connQueryOf(q)
	if err != nil || c.Ended {
		return nil, err
	}
	return &connFinder{connQuery: c}, nil
}

func connectionsData(c *Console, s *sample, q url.Values, found finder) (any, error) {
	query, err := connQueryOf(q)
	if err != nil {
		return nil, err
	}
	p := connsPage{connQuery: query, Reasons: reasonCodes(), Listeners: listenerNames(s, anyListener)}
	if f, ok := found.(*connFinder); ok {
		p.All = f.all
		for _, l := range f.page() {
			p.Open = append(p.Open, openRowOf(l))
		}
		p.Pages, _, _ = pagesOf("connections", q, f.matched, connsPerPage)
		if query.Page == connPagesMax {
			p.Pages.Next = ""
		}
		return p, nil
	}
	var ended []record.Close
	ended, p.Pages, p.All = remembered(&c.o.Engine.Log().Ring, func(one *record.Close) bool {
		return query.accepts(&one.Ends, one.Reason) && (query.Idle == 0 || quietAtEnd(one) >= query.Idle)
	}, "connections", q, connsPerPage)
	for i := range ended {
		p.Closed = append(p.Closed, endedRowOf(&ended[i]))
	}
	return p, nil
}

// quietAtEnd returns for how long nothing had moved on a connection when it ended. As with quiet, the timer tells of an HTTP connection
// between two requests; of one that somebody has closed there nothing does, and it counts as used until then.
func quietAtEnd(c *record.Close) time.Duration {
	switch {
	case c.QuietUp >= 0 && c.QuietDown >= 0:
		return min(c.QuietUp, c.QuietDown)
	case c.QuietUp >= 0 || c.QuietDown >= 0:
		return max(c.QuietUp, c.QuietDown) // the one that there is
	case c.Exchanges == 0:
		return c.Age
	case c.Timer != "" && c.Timer != "connection_age_max":
		return c.Age - c.ArmedAt
	}
	return 0
}

func openRowOf(l *record.Live) openRow {
	row := openRow{
		ID: l.ID, Pooled: l.Pooled, State: l.State, LoadBalancer: l.Ends.LoadBalancer, Listener: l.Ends.Listener, Set: l.Ends.BackendSet, Backend: l.Ends.Backend,
		Age: admin.Span(l.Age), moved: movedOf(&l.Traffic), Quiet: quiet(l),
	}
	if !l.Pooled {
		row.Client = l.Ends.Client.String()
	}
	if l.Timer != "" {
		row.Next, row.In, row.Timer = "recorded", max(l.FiresIn, 0), fmt.Sprintf("%s %s", l.Timer, admin.Setting(l.Setting))
		if l.Why != reason.None {
			row.Next, row.Why = "closes", l.Why.String()
		}
	}
	return row
}

func endedRowOf(c *record.Close) endedRow {
	info := c.Reason.Info()
	row := endedRow{
		ID: c.ID, Pooled: c.Pooled, When: c.Closed, LoadBalancer: c.Ends.LoadBalancer, Listener: c.Ends.Listener, Set: c.Ends.BackendSet, Backend: c.Ends.Backend,
		Age: admin.Span(c.Age), moved: movedOf(&c.Traffic), Reason: info.Code, Text: info.Text, Side: c.Side.String(), Error: info.Error,
	}
	if !c.Pooled {
		row.Client = c.Ends.Client.String()
	}
	if c.Timer != "" {
		row.Timer = c.Timer + " " + admin.Setting(c.Setting)
	}
	return row
}

// reasonCodes lists the reasons for a filter.
func reasonCodes() []string {
	var codes []string
	for r := reason.None + 1; int(r) < reason.Count; r++ {
		codes = append(codes, r.String())
	}
	slices.Sort(codes)
	return codes
}

// listenersMost bounds the list of the filter: with more, people type.
const listenersMost = 200

func anyListener(*plan.Listener) bool { return true }

// listenerNames lists the listeners of some kind for a filter.
func listenerNames(s *sample, of func(*plan.Listener) bool) []string {
	var names []string
	for _, lb := range s.plan.LoadBalancers {
		for _, l := range lb.Listeners {
			if !of(l) {
				continue
			}
			for _, name := range recordedAs(l) {
				if len(names) < listenersMost {
					names = append(names, lb.Name+"/"+name)
				}
			}
		}
	}
	return names
}
