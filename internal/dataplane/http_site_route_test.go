package dataplane_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/rules"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// led asks for a target of a host over the connection, and returns who answered, or the status if lull did.
func led(c *lulltest.HTTPConn, host, target string, lines ...string) string {
	c.Send("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + strings.Join(append(lines, "", ""), "\r\n"))
	a := c.Answer("GET")
	if a.StatusCode != 200 {
		return fmt.Sprint(a.StatusCode)
	}
	return string(a.Data)
}

// TestHosts_HST_01: the site is that of the host: exact, then the longest star in front, then the longest star behind, then the first.
// It is found anew for each request of a connection, and by the authority that the backend is told.
func TestHosts_HST_01(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	for _, name := range []string{"default", "exact", "leading", "longer", "behind"} {
		addSite(t, p, name, &rules.Config{}, addNamed(t, p, name+"-set"))
	}
	setHosts(t, lulltest.Listener(p), rules.HostName{Name: "app.*", Target: 4}, rules.HostName{Name: "*.example.com", Target: 2},
		rules.HostName{Name: "app.example.com", Target: 1}, rules.HostName{Name: "*.b.example.com", Target: 3})
	e := startHTTP(t, 2, p)
	c := e.DialHTTP()
	asked := 0
	for _, q := range []struct{ host, want string }{
		{"app.example.com", "exact"}, {"APP.Example.com:8080", "exact"}, {"app.example.com.", "exact"}, {"x.example.com", "leading"},
		{"a.b.example.com", "longer"}, {"app.example.org", "behind"}, {"example.com", "default"}, {"192.0.2.1", "default"}, {"app", "default"},
	} {
		asked++
		if got := led(c, q.host, "/"); got != q.want+"-set" {
			t.Errorf("%s: got %s, want that of %s", q.host, got, q.want)
		}
		if x := e.ExchangeOf(c, asked); x.Ends.Listener != q.want || x.Ends.BackendSet != q.want+"-set" || x.Reason != reason.Completed {
			t.Errorf("%s: the record names %s, %s and %v", q.host, x.Ends.Listener, x.Ends.BackendSet, x.Reason)
		}
	}
	if got := led(c, "x.example.com", "http://app.example.com/"); got != "exact-set" {
		t.Errorf("an absolute target: got %s, want that of its own host", got)
	}
	old := e.DialHTTP()
	old.Send("GET / HTTP/1.0\r\n\r\n")
	if a := old.Answer("GET"); string(a.Data) != "default-set" {
		t.Errorf("HTTP/1.0 without a host: got %q", a.Data)
	}
	if s := totalsOfSite(t, e, "exact"); s.Requests != 4 || s.BackendStatus[2] != 4 || s.OK != 4 || s.Ends[reason.Completed] != 4 {
		t.Errorf("the site exact: counted %+v", s)
	}
	if l, _ := totalsOf(e, lulltest.HTTPKey); l.Requests != 11 {
		t.Errorf("the listener: counted %d requests", l.Requests)
	}
}

// TestRoutes: path routes and the rules of a policy choose the set for each request of a connection.
func TestRoutes_RTE_01_RTE_04(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	names := []string{"rest", "exact", "longest", "prefix", "suffix", "hr", "mobile"}
	var sets []*plan.BackendSet
	for _, name := range names {
		sets = append(sets, addNamed(t, p, name))
	}
	addSite(t, p, "web", &rules.Config{
		Rules: []rules.Rule{
			{Condition: condition(t, `http.request.url.query['department'] eq 'HR'`), Set: 5},
			{Condition: condition(t, `http.request.headers[(i 'user-agent')] eq (i 'mobile')`), Set: 6},
			{Condition: condition(t, `http.request.url.path sw '/none'`), Set: rules.NoSet},
		},
		Paths: []rules.PathRoute{
			{Path: "/a/b", Match: rules.PathExact, Target: 1}, {Path: "/a/", Match: rules.PathLongest, Target: 2},
			{Path: "/c", Match: rules.PathPrefix, Target: 3}, {Path: ".png", Match: rules.PathSuffix, Target: 4},
		},
	}, sets...)
	e := startHTTP(t, 2, p)
	c := e.DialHTTP()
	for _, q := range []struct{ target, line, want string }{
		{"/", "", "rest"}, {"/a/b", "", "exact"}, {"/A/B?x=y", "", "exact"}, {"/a/b/", "", "longest"}, {"/a/x.png", "", "longest"},
		{"/c.png", "", "prefix"}, {"/x.PNG", "", "suffix"}, {"/a/b?department=HR", "", "hr"}, {"/a/b?department=HR", "User-Agent: mobile", "hr"},
		{"/c", "User-Agent: Mobile", "mobile"}, {"/c", "User-Agent: mobile1", "prefix"},
	} {
		lines := []string{q.line}
		if q.line == "" {
			lines = nil
		}
		if got := led(c, "a", q.target, lines...); got != q.want {
			t.Errorf("%s, %s: got %s, want %s", q.target, q.line, got, q.want)
		}
	}
	if got := led(c, "a", "/none/x"); got != "502" {
		t.Errorf("a rule that leads to no set: got %s", got)
	}
	if x := e.ExchangeOf(c, 12); x.Reason != reason.NoBackend || x.Ends.BackendSet != "" || x.Ends.Listener != "web" {
		t.Errorf("the record: got %v of %s, set %q", x.Reason, x.Ends.Listener, x.Ends.BackendSet)
	}
}

// TestSessionInItsSet_STK_05: the set is chosen first, and the cookie is looked for among its sessions alone.
func TestSessionInItsSet_STK_05(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	sets := make([]*plan.BackendSet, 2)
	for i, name := range []string{"a", "b"} {
		sets[i] = addSet(p, name, answering(t, name+"1").Addr, answering(t, name+"2").Addr)
		sets[i].Stickiness = &plan.Stickiness{Cookie: "S"}
	}
	addSite(t, p, "web", &rules.Config{Paths: []rules.PathRoute{{Path: "/b", Match: rules.PathPrefix, Target: 1}}}, sets...)
	e := startHTTP(t, 1, p)
	ask := func(target, cookie string) (name, pair string) {
		c := e.DialHTTP()
		c.Send("GET " + target + " HTTP/1.1\r\nHost: a\r\nCookie: " + cookie + "\r\nConnection: close\r\n\r\n")
		a := c.Answer("GET")
		return string(a.Data), pairOf(a.Header.Get("Set-Cookie"))
	}
	first, inA := ask("/a", "x=y")
	for range 4 {
		if got, set := ask("/a", inA); got != first || set != "" {
			t.Errorf("in its set: got %s and %q, want %s and no cookie", got, set, first)
		}
		got, set := ask("/b", inA)
		if !strings.HasPrefix(got, "b") || set == "" || set == inA {
			t.Errorf("with the cookie of another set: got %s and %q, want a session of its own", got, set)
		}
		if again, _ := ask("/b", inA+"; "+set); again != got {
			t.Errorf("with both cookies: got %s, want %s", again, got)
		}
	}
}

// TestSetsOfBothKinds: a request speaks as its own set wants, TLS or not, over new and pooled connections.
func TestSetsOfBothKinds(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	ca := testca.NewFor(t)
	secret := addSet(p, "secret", secureServer(t, certified(t, ca, local()), greetAll).Addr)
	secret.TLS = clientTLS(ca)
	addSite(t, p, "web", &rules.Config{Paths: []rules.PathRoute{{Path: "/secret", Match: rules.PathExact, Target: 1}}}, addNamed(t, p, "plain"), secret)
	e := startHTTP(t, 1, p)
	c := e.DialHTTP()
	for range 3 {
		if got := led(c, "a", "/"); got != "plain" {
			t.Errorf("got %s, want plain", got)
		}
		if got := led(c, "a", "/secret"); got != "hello" {
			t.Errorf("got %s, want hello", got)
		}
	}
	e.WaitPooled(2)
	if got := httpTotals(e).Reused; got != 4 {
		t.Errorf("%d of 6 requests went over a pooled connection, want 4", got)
	}
}

// TestSitesChange: a plan with other sites, sets and rules is in force from the next request on, on open connections too, and what
// waits for an answer gets it.
func TestSitesChange(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	hand, accepted := lulltest.Hands(t)
	addSite(t, p, "one", &rules.Config{}, addNamed(t, p, "a"))
	slow := addSet(p, "slow", hand.Addr)
	addSite(t, p, "two", &rules.Config{}, slow)
	setHosts(t, lulltest.Listener(p), rules.HostName{Name: "two", Target: 1})
	e := startHTTP(t, 1, p)
	c, waits := e.DialHTTP(), e.DialHTTP()
	if got := led(c, "one", "/"); got != "a" {
		t.Errorf("before: got %s", got)
	}
	waits.Send("GET / HTTP/1.1\r\nHost: two\r\n\r\n")
	b := lulltest.TakeHTTP(t, accepted)
	b.Request()
	other := answering(t, "b").Addr
	p = e.Changed(p, func(p *plan.Plan) { // the second site is gone, but not its set; the first leads elsewhere
		l := lulltest.Listener(p)
		l.Sites, l.Hosts = l.Sites[:1], nil
		l.Sites[0].Sets = []*plan.BackendSet{addSet(p, "b", other)}
	})
	if got := led(c, "two", "/"); got != "b" {
		t.Errorf("after the change: got %s", got)
	}
	b.Send(lulltest.Response("late"))
	waits.ExpectAnswer("late")
	if x := e.ExchangeOf(waits, 1); x.Ends.Listener != "two" || x.Ends.BackendSet != "slow" {
		t.Errorf("the record of what waited: %+v", x.Ends)
	}
	e.Changed(p, func(p *plan.Plan) { // no sites at all
		l := lulltest.Listener(p)
		l.Sites, l.BackendSet = nil, p.LoadBalancers[0].BackendSets[0]
	})
	if got := led(c, "two", "/"); got != "a" {
		t.Errorf("without sites: got %s", got)
	}
}

// TestSiteSetDrains: a backend that leaves a set to which only a site leads has the listener's drain time, too.
func TestSiteSetDrains(t *testing.T) {
	t.Parallel()
	const drain = time.Second
	hand, accepted := lulltest.Hands(t)
	p := ociPlan()
	lulltest.Listener(p).Timeouts.Drain = drain
	addSite(t, p, "web", &rules.Config{Default: 1}, addSet(p, "other"), addSet(p, "set", hand.Addr))
	s := &site{startHTTP(t, 1, p), t, p, hand, accepted}
	client, backend := s.meet("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	backend.Request()
	changed := time.Now()
	s.Changed(p, func(p *plan.Plan) { p.LoadBalancers[0].BackendSets[1].Backends = nil })
	if a := client.Answer("GET"); a.StatusCode != 503 || time.Since(changed) < drain {
		t.Errorf("got %s after %v, want 503 after %v", a.Status, time.Since(changed), drain)
	}
	if x := s.ExchangeOf(client, 1); x.Reason != reason.DrainTimeout || x.Setting != drain {
		t.Errorf("the record: %v by %v", x.Reason, x.Setting)
	}
}

// TestSiteNames: on a port with one site, a connection has its name between two requests, too, and so has what is pooled. Where sites share
// a port, no request says which of them a connection is of that waits.
func TestSiteNames(t *testing.T) {
	t.Parallel()
	for name, others := range map[string][]string{"web": nil, lulltest.HTTPKey.Name: {"other"}} {
		p := ociPlan()
		addSite(t, p, "web", &rules.Config{}, addNamed(t, p, "set"))
		for _, other := range others {
			addSite(t, p, other, &rules.Config{}, addNamed(t, p, other+"-set"))
		}
		setHosts(t, lulltest.Listener(p))
		e := startHTTP(t, 1, p)
		c := e.DialHTTP()
		if got := led(c, "x", "/"); got != "set" {
			t.Fatalf("got %q", got)
		}
		if x := e.ExchangeOf(c, 1); x.Ends.Listener != "web" {
			t.Errorf("%d others: the exchange is of %q", len(others), x.Ends.Listener)
		}
		if l := e.WaitState(c, "waiting"); l.Ends.Listener != name {
			t.Errorf("%d others: between requests, the connection is of %q, want %q", len(others), l.Ends.Listener, name)
		}
		for _, l := range e.Live() {
			if l.Pooled && l.Ends.Listener != name {
				t.Errorf("%d others: the pooled connection is of %q, want %q", len(others), l.Ends.Listener, name)
			}
		}
		c.Close()
		if r := e.CloseOf(c); r.Ends.Listener != name {
			t.Errorf("%d others: the connection has ended as of %q, want %q", len(others), r.Ends.Listener, name)
		}
	}
}
