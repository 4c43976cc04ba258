package console

import (
	"net/http"
	"net/url"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
)

// balancerPage is one load balancer.
type balancerPage struct {
	Name, Origin string
	Tabs         []tab
	Trio         trio
	Listeners    []listenerRow
	Sets         []setRows
	Closes       []reasonChart
}

// listenerRow is a listener in a list.
type listenerRow struct {
	LoadBalancer, Name, Speaks, Address, Set, Model string
	Idle                                            time.Duration
	HTTP                                            bool // it has requests
	Trio                                            trio
}

// setRows is a backend set with its backends.
type setRows struct {
	Name, Policy, Check string
	Backends            []backendRow
}

// backendRow is a backend in a list.
type backendRow struct {
	LoadBalancer, Set, Name string
	Health                  string // "up", "down", or why it has no say: "drained"
	Detail                  string // why it is down
	Weight                  int
	Active, Conns           int64
	Connects, Fails, Closed uint64
}

// balancer shows one.
func (v *visit) balancer() error {
	return v.moving("balancer", "overview", v.r.URL.Query().Get("load_balancer"))
}

func balancerData(c *Console, s *sample, q url.Values, _ finder) (any, error) {
	lb, err := s.balancer(q)
	if err != nil {
		return nil, err
	}
	p := balancerPage{Name: lb.Name, Origin: lb.Origin, Tabs: c.tabsOf(lb.Name, tabMonitoring), Trio: c.trioOf(s, lb.Listeners)}
	for _, l := range lb.Listeners {
		p.Listeners = append(p.Listeners, c.listenerRow(s, l))
	}
	for _, set := range lb.BackendSets {
		p.Sets = append(p.Sets, s.setRows(set))
	}
	p.Closes = c.reasonCharts(s, spanOf(q), func(e ending) bool { return e.listener.LoadBalancer == lb.Name }, url.Values{"load_balancer": {lb.Name}})
	return p, nil
}

// balancer returns the load balancer that a query names.
func (s *sample) balancer(q url.Values) (*plan.LoadBalancer, error) {
	name := q.Get("load_balancer")
	for _, lb := range s.plan.LoadBalancers {
		if lb.Name == name {
			return lb, nil
		}
	}
	return nil, refusal(http.StatusNotFound, "there is no load balancer %q, or it has been deleted", shortened(name))
}

func (c *Console) listenerRow(s *sample, l *plan.Listener) listenerRow {
	return listenerRow{
		LoadBalancer: l.Key.LoadBalancer, Name: l.Key.Name, Speaks: l.Speaks(), Address: s.address(l), Set: l.BackendSet.Key.Name,
		HTTP: l.Protocol == plan.HTTP, Model: l.Timeouts.Model.String(), Idle: l.Timeouts.Idle, Trio: c.trioOf(s, []*plan.Listener{l}),
	}
}

func (s *sample) setRows(set *plan.BackendSet) setRows {
	rows := setRows{Name: set.Key.Name, Policy: set.Policy.String(), Check: "none"}
	if check := set.HealthCheck; check != nil {
		rows.Check = check.Protocol.String() + " every " + check.Interval.String()
	}
	for _, b := range s.backends[set.Key] {
		rows.Backends = append(rows.Backends, backendRowOf(set, b))
	}
	return rows
}

func backendRowOf(set *plan.BackendSet, b *stats.BackendTotals) backendRow {
	row := backendRow{
		LoadBalancer: b.Key.Set.LoadBalancer, Set: b.Key.Set.Name, Name: b.Key.Endpoint(), Health: "down", Detail: b.Detail,
		Active: b.Active, Conns: b.Conns, Connects: b.Connects, Fails: b.ConnectFails, Closed: b.ClosedIdle,
	}
	for i := range set.Backends {
		if c := &set.Backends[i]; c.Key == b.Key {
			row.Weight = c.Weight
			switch {
			case c.Offline:
				row.Health = "offline"
			case c.Drain:
				row.Health = "drained"
			case b.Up:
				row.Health = "up"
			}
		}
	}
	return row
}
