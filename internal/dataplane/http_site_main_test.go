package dataplane_test

import (
	"net/netip"
	"slices"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// The http_site_*_test.go files hold what a listener's sites do: which of them a request belongs to, where it is led, how it is refused,
// redirected and changed. The ids in their names are those of the OCI front door, whose listeners are compiled to sites.

// ociPlan is a plan with an HTTP listener of OCI's model, and nothing behind it.
func ociPlan() *plan.Plan {
	p := lulltest.HTTPPlan(timeout.Directional)
	p.LoadBalancers[0].BackendSets, lulltest.Listener(p).BackendSet = nil, nil
	lulltest.Listener(p).Answers = plan.Answers{NoBackend: 502, Refused: 504, TooLarge: 400}
	return p
}

// addSet adds a backend set.
func addSet(p *plan.Plan, name string, backends ...netip.AddrPort) *plan.BackendSet {
	lb := p.LoadBalancers[0]
	set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: lb.Name, Name: name}}
	for _, b := range backends {
		set.Backends = append(set.Backends, plan.Backend{Key: plan.BackendKey{Set: set.Key, Host: b.Addr().String(), Port: b.Port()}, Weight: 1})
	}
	lb.BackendSets = append(lb.BackendSets, set)
	return set
}

// addNamed adds a backend set with one backend, which answers with the set's name.
func addNamed(t *testing.T, p *plan.Plan, name string) *plan.BackendSet {
	t.Helper()
	return addSet(p, name, answering(t, name).Addr)
}

// addSite adds a site to the plan's listener.
func addSite(t *testing.T, p *plan.Plan, name string, c *rules.Config, sets ...*plan.BackendSet) *plan.Site {
	t.Helper()
	s := &plan.Site{Name: name, Table: tableOf(t, c), Sets: sets}
	l := lulltest.Listener(p)
	l.Sites = append(l.Sites, s)
	return s
}

func tableOf(t testing.TB, c *rules.Config) *rules.Table {
	t.Helper()
	table, err := rules.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// setHosts tells a listener by which hosts its sites are known.
func setHosts(t testing.TB, l *plan.Listener, names ...rules.HostName) {
	t.Helper()
	hosts, err := rules.NewHosts(names)
	if err != nil {
		t.Fatal(err)
	}
	l.Hosts = hosts
}

// condition reads one of the language V1.
func condition(t *testing.T, text string) rules.Condition {
	t.Helper()
	c, err := rules.ParseCondition(text)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// editing returns edits of requests or responses as the front door makes them.
func editing(t testing.TB, edits ...rules.HeaderEdit) *rules.Edits {
	t.Helper()
	e, err := rules.NewEdits(edits, plan.ForwardedFields())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// redirect returns one.
func redirect(t testing.TB, to *rules.RedirectTo) *rules.Redirect {
	t.Helper()
	r, err := rules.NewRedirect(to)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// totalsOfSite returns the counters of a site.
func totalsOfSite(t *testing.T, e *lulltest.Engine, name string) (s stats.SiteTotals) {
	t.Helper()
	counted := func() bool {
		l, _ := totalsOf(e, lulltest.HTTPKey)
		i := slices.IndexFunc(l.Sites, func(s stats.SiteTotals) bool { return s.Name == name })
		if i < 0 {
			t.Fatalf("the listener counts for no site %q", name)
		}
		s = l.Sites[i]
		ended := uint64(0)
		for _, n := range s.Ends {
			ended += n
		}
		return ended == s.Requests
	}
	lulltest.Eventually(counted) // an exchange ends a moment after the client has its answer
	return s
}
