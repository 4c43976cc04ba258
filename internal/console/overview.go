package console

import (
	"net/url"
	"strconv"
	"strings"

	"lull/internal/dataplane/plan"
)

// rowsMax is how many rows of a list a page has.
const rowsMax = 50

// overviewPage is the list of the load balancers.
type overviewPage struct {
	Connections, ConnectionsMax int
	All                         int // load balancers there are
	Search                      string
	Down                        bool // only those with a backend that is down
	Troubled                    int  // load balancers with one
	Balancers                   []balancerRow
	Pages                       pages
	Creations                   []action // what can be made
}

// balancerRow is a load balancer in the list.
type balancerRow struct {
	Name, Origin string
	Listeners    []string // "https 127.0.0.1:443"
	Up, Backends int
	Trio         trio
}

// pages is where a reader is in a long list.
type pages struct {
	From, Until, Of int // rows, from 1
	Prev, Next      string
}

// pagesOf returns the rows of the page that a query asks for.
func pagesOf(name string, q url.Values, of, perPage int) (p pages, from, until int) {
	page, _ := strconv.Atoi(q.Get("page_number")) // what is no number is the first page
	page = max(1, min(page, (of+perPage-1)/perPage))
	from = min((page-1)*perPage, of)
	until = min(from+perPage, of)
	p = pages{From: from + 1, Until: until, Of: of}
	at := func(n int) string {
		other := url.Values{}
		for key := range q {
			other.Set(key, q.Get(key))
		}
		other.Set("page_number", strconv.Itoa(n))
		return link(name, other)
	}
	if from > 0 {
		p.Prev = at(page - 1)
	}
	if until < of {
		p.Next = at(page + 1)
	}
	return p, from, until
}

// overview lists the load balancers.
func (v *visit) overview() error { return v.moving("overview", "overview", "Load Balancers") }

// overviewData returns what the list shows.
func overviewData(c *Console, s *sample, q url.Values, _ finder) (any, error) {
	p := overviewPage{Connections: s.stats.Connections, ConnectionsMax: s.stats.ConnectionsMax, All: len(s.plan.LoadBalancers), Search: q.Get("name"), Down: q.Get("down") != "", Creations: append(c.awsCreations(), c.ociCreations()...)}
	found := make([]*plan.LoadBalancer, 0, len(s.plan.LoadBalancers))
	for _, lb := range s.plan.LoadBalancers {
		up, backends := s.health(lb)
		if up < backends {
			p.Troubled++
		}
		if strings.Contains(strings.ToLower(lb.Name), strings.ToLower(p.Search)) && (up < backends || !p.Down) {
			found = append(found, lb)
		}
	}
	var from, until int
	p.Pages, from, until = pagesOf("", q, len(found), rowsMax)
	for _, lb := range found[from:until] {
		p.Balancers = append(p.Balancers, c.balancerRow(s, lb))
	}
	return p, nil
}

func (c *Console) balancerRow(s *sample, lb *plan.LoadBalancer) balancerRow {
	row := balancerRow{Name: lb.Name, Origin: lb.Origin, Trio: c.trioOf(s, lb.Listeners)}
	for _, l := range lb.Listeners {
		row.Listeners = append(row.Listeners, l.Speaks()+" "+s.address(l))
	}
	row.Up, row.Backends = s.health(lb)
	return row
}

// health counts the backends of a load balancer.
func (s *sample) health(lb *plan.LoadBalancer) (up, all int) {
	for _, set := range lb.BackendSets {
		for _, b := range s.backends[set.Key] {
			all++
			if b.Up {
				up++
			}
		}
	}
	return up, all
}

// trioOf draws the charts of some listeners together.
func (c *Console) trioOf(s *sample, listeners []*plan.Listener) trio {
	c.sampler.mu.RLock()
	defer c.sampler.mu.RUnlock()
	all := make([]*series, 0, len(listeners))
	for _, l := range listeners {
		if one := c.sampler.series[l.Key]; one != nil {
			all = append(all, one)
		}
	}
	return trioOf(sum(all), s.at)
}

// address returns where a listener is bound, which for port 0 the plan does not know.
func (s *sample) address(l *plan.Listener) string {
	if t := s.listeners[l.Key]; t != nil && t.Address != "" {
		return t.Address
	}
	return l.Address.String()
}
