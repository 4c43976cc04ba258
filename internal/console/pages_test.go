package console

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// rows returns the text of the cells of each row of the first table's body.
func rows(a *answer) [][]string {
	a.t.Helper()
	var out [][]string
	for _, body := range a.all("tbody")[:min(1, len(a.all("tbody")))] {
		for _, tr := range within(body, "tr") {
			var cells []string
			for n := range tr.ChildNodes() {
				if n.Type == html.ElementNode {
					cells = append(cells, text(n))
				}
			}
			out = append(out, cells)
		}
	}
	return out
}

// TestOverview: each load balancer with its listeners, health and numbers.
func TestOverview(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha", "beta")
	b := r.loggedIn(readerID)
	b.get("/console/")
	key := plan.ListenerKey{LoadBalancer: "beta", Name: "web"}
	r.count(key, func(l *stats.ListenerTotals) { l.Active, l.Requests, l.Closes[reason.ClientIdle] = 7, 50, 5 })
	r.pass(10 * time.Second)
	got := rows(b.get("/console/").want(http.StatusOK))
	want := [][]string{
		{"alpha", "1 of 2 up", "0", "0", "0", "http 127.0.0.1:80 tcp 127.0.0.1:81", "lull.yaml"},
		{"beta", "1 of 2 up", "7", "5.0", "0.5", "http 127.0.0.1:80 tcp 127.0.0.1:81", "lull.yaml"},
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	a := b.get("/console/")
	label := attr(within(a.all("tr")[2], "svg")[0], "aria-label")
	if label != "Open connections in the last two minutes: 7.0 now, 7.0 at most" {
		t.Errorf("got chart label %q", label)
	}
	if href := attr(within(a.all("tr")[2], "a")[0], "href"); href != "/console/load-balancer?load_balancer=beta" {
		t.Errorf("got link %q", href)
	}
	if got := rows(b.get("/console/?name=ALPH")); len(got) != 1 || got[0][0] != "alpha" {
		t.Errorf("search: got %q", got)
	}
	r.engine.set(func() {
		list := append([]stats.BackendTotals(nil), r.engine.stats.Backends...)
		for i := range list {
			list[i].Up = list[i].Up || list[i].Key.Set.LoadBalancer == "alpha"
		}
		r.engine.stats.Backends = list
	})
	r.pass(time.Second)
	down := b.get("/console/?down=on")
	if got := rows(down); len(got) != 1 || got[0][0] != "beta" {
		t.Errorf("those with a backend that is down: got %q", got)
	}
	if got := text(b.get("/console/").one("div#live")); !strings.Contains(got, "2 load balancers, 1 with a backend that is down .") {
		t.Errorf("got %q", got)
	}
	if got := text(b.get("/console/?name=none").one("div#live")); !strings.Contains(got, "No name contains that") {
		t.Errorf("search for nothing: got %q", got)
	}
}

// TestOverviewPages: many load balancers come in pages, each once.
func TestOverviewPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate(many(120)...)
	b := r.loggedIn(readerID)
	seen := map[string]bool{}
	next, pages := "/console/?name=lb", 0
	for ; next != "" && pages < 10; pages++ {
		a := b.get(next).want(http.StatusOK)
		for _, row := range rows(a) {
			seen[row[0]] = true
		}
		next = ""
		for _, link := range a.all("a[rel=next]") {
			next = attr(link, "href")
		}
	}
	if pages != 3 || len(seen) != 120 {
		t.Errorf("got %d load balancers on %d pages, want 120 on 3", len(seen), pages)
	}
	for _, page := range []string{"0", "-1", "x", "99999999999999999999"} {
		if got := rows(b.get("/console/?page_number=" + page).want(http.StatusOK)); len(got) == 0 {
			t.Errorf("page %s is empty", page)
		}
	}
}

func many(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("lb-%04d", i)
	}
	return names
}

// TestBalancer: a load balancer's page leads to its listeners and backends.
func TestBalancer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha")
	b := r.loggedIn(readerID)
	a := b.get("/console/load-balancer?load_balancer=alpha").want(http.StatusOK)
	var found []string
	for _, link := range a.all("a") {
		if href := attr(link, "href"); strings.Contains(href, "alpha") {
			found = append(found, text(link))
			b.get(href).want(http.StatusOK)
		}
	}
	if got := strings.Join(found, " "); got != "Show them web echo 10.0.0.1:9001 10.0.0.1:9002" {
		t.Errorf("got links %q", got)
	}
	if got := text(a.one("main")); !strings.Contains(got, "down connection refused") || !strings.Contains(got, "http every 10s") {
		t.Errorf("got %q", got)
	}
	for _, path := range []string{"load-balancer", "load-balancer?load_balancer=x", "listener?load_balancer=alpha&listener=x", "backend?load_balancer=alpha&backend_set=app&backend=x", "none"} {
		b.get("/console/" + path).want(http.StatusNotFound)
	}
}

// TestListener: the timeouts in force, and the pauses beside them.
func TestListener(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha")
	r.count(plan.ListenerKey{LoadBalancer: "alpha", Name: "echo"}, func(l *stats.ListenerTotals) {
		l.Gaps[stats.InTunnel].Counts[0], l.Gaps[stats.InTunnel].Counts[10], l.Gaps[stats.InTunnel].Counts[18] = 1000, 10, 2
	})
	b := r.loggedIn(readerID)
	a := b.get("/console/listener?load_balancer=alpha&listener=echo").want(http.StatusOK)
	svg := a.one("svg.wide")
	bars, limit := within(svg, "rect"), within(svg, "line.limit")[0]
	if len(bars) != 3 || attr(limit, "x1") != "575.8" || text(within(svg, "text.limit-name")[0]) != "idle timeout 300s" {
		t.Errorf("got %d bars, the timeout at %s", len(bars), attr(limit, "x1"))
	}
	if x := attr(bars[2], "x"); x != "540" { // up to 262 s: just left of the 300 s
		t.Errorf("the longest pause is at %s", x)
	}
	const want = "1,012 pauses ended with a byte; the longest lasted at most 4 min 22 s. 2 of them lasted for more than about a quarter of the idle timeout (300s)."
	if got := attr(svg, "aria-label"); !strings.Contains(got, want) {
		t.Errorf("got %q", got)
	}
	if got := text(within(a.one("section.chart"), "p")[0]); !strings.Contains(got, "The highest bar is 1,000 pauses; heights are logarithmic") {
		t.Errorf("the scale: got %q", got)
	}
	web := b.get("/console/listener?load_balancer=alpha&listener=web").want(http.StatusOK)
	if got := text(web.all("dl")[1]); got != "Model shared: one timer for both directions, as at AWS Idle timeout 60s Request head 60s Connect 10s Drain 30s" {
		t.Errorf("got timeouts %q", got)
	}
	if got := text(web.one("main")); !strings.Contains(got, "Its timeouts are set in lull.yaml") {
		t.Errorf("where they are set: got %q", got)
	}
	if got := len(web.all("svg.wide")); got != 2 {
		t.Errorf("got %d charts of pauses, want those in exchanges and between them", got)
	}
}

// TestSharedPort: of a port that several OCI listeners share, each can be looked at.
func TestSharedPort(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha")
	web := r.plan.LoadBalancers[0].Listeners[0]
	web.Sites = []*plan.Site{{Name: "web", Idle: 60 * time.Second}, {Name: "shop", Idle: 90 * time.Second}}
	b := r.loggedIn(readerID)
	a := b.get("/console/listener?load_balancer=alpha&listener=web").want(http.StatusOK)
	if got := text(a.one("div#live")); !strings.Contains(got, "Show them , and those of shop") || !strings.Contains(got, "Idle timeout of shop 90s") {
		t.Errorf("got %q", got)
	}
	if got := attr(b.get("/console/connections").all("datalist")[0].LastChild, "value"); got != "alpha/echo" {
		t.Errorf("got %q last", got)
	}
	if got := b.get("/console/connections").all("option[value=alpha/shop]"); len(got) != 1 {
		t.Error("the filter does not offer it")
	}
}

// TestDiagnosis: a backend that closes first is named with both numbers and with the line to change.
func TestDiagnosis(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 20 {
		r.engine.log.Append([]record.Close{closedFirst(uint64(i), "10.0.0.1:9002", 5*time.Second+time.Duration(i)*time.Millisecond, r.clock())})
	}
	r.populate("web")
	r.engine.set(func() { r.engine.stats.Backends[1].ClosedIdle = 340 })
	r.count(plan.ListenerKey{LoadBalancer: "web", Name: "web"}, func(l *stats.ListenerTotals) { l.Retries, l.RetriesRefused = 200, 12 })
	r.plan.LoadBalancers[0].Listeners = r.plan.LoadBalancers[0].Listeners[:1]
	b := r.loggedIn(readerID)
	a := b.get("/console/keepalive").want(http.StatusOK)
	const want = "Backend 10.0.0.1:9002 closes unused connections after 5.0 s; lull keeps them for 60s. Since lull was started it has been first 340 times, and 212 requests to its set met a connection that was just closing: set its keep-alive time above 60s."
	if got := text(a.one("article.diagnosis")); !strings.HasPrefix(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	var lines []string
	for _, row := range rows(a) {
		lines = append(lines, row[1])
	}
	if got := strings.Join(lines, " | "); got != `keepalive_timeout 70s; | KeepAliveTimeout 70 | server.keepAliveTimeout = 70000; | gunicorn --keep-alive 70 | uvicorn --timeout-keep-alive 70 | keepAliveTimeout="70000" | IdleTimeout: 70 * time.Second,` {
		t.Errorf("got lines %s", got)
	}
	one := b.get("/console/backend?load_balancer=web&backend_set=app&backend=10.0.0.1:9002").want(http.StatusOK)
	if got := text(one.one("article.diagnosis")); !strings.HasPrefix(got, want) {
		t.Errorf("on its page: got %q", got)
	}
	if good := b.get("/console/backend?load_balancer=web&backend_set=app&backend=10.0.0.1:9001").all("article"); len(good) != 0 {
		t.Error("a backend that closes nothing is diagnosed")
	}
}

// TestDiagnosisSoon: a backend that closes right after an answer may count requests.
func TestDiagnosisSoon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.engine.log.Append([]record.Close{closedFirst(1, "10.0.0.1:9001", 2*time.Millisecond, r.clock())})
	r.populate("web")
	r.engine.set(func() { r.engine.stats.Backends[0].ClosedIdle = 1 })
	got := text(r.loggedIn(readerID).get("/console/keepalive").one("article.diagnosis"))
	if !strings.Contains(got, "after 2 ms") || !strings.Contains(got, "MaxKeepAliveRequests") {
		t.Errorf("got %q", got)
	}
}

// TestConnections: filters and order of open connections, and the time that each has left.
func TestConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	r.engine.conns = crowd(250)
	b := r.loggedIn(readerID)
	cases := []struct {
		name, query string
		pages, all  int
		first       string // the number of the first one
	}{
		{"all", "", 3, 250, "1"},
		{"soonest", "order=soonest", 3, 250, "250"},
		{"idle", "idle=200", 1, 50, "201"},
		{"idle-minutes", "idle=4m", 1, 10, "241"},
		{"listener", "listener=web/echo", 3, 250, "1"},
		{"listener-short", "load_balancer=web&listener=echo", 3, 250, "1"},
		{"other-listener", "listener=web/web", 1, 0, ""},
		{"backend", "backend=10.0.0.1:9001", 2, 125, "1"},
		{"reason", "reason=tunnel-idle", 3, 250, "1"},
		{"other-reason", "reason=client-idle", 1, 0, ""},
		{"beyond", "page_number=99", 1, 250, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pages, seen, first := b.paged("/console/connections?" + c.query)
			if c.name == "beyond" {
				return // nothing there, and no fault
			}
			if pages != c.pages || seen != c.all || first != c.first {
				t.Errorf("got %d on %d pages, first %q; want %d on %d, first %q", seen, pages, first, c.all, c.pages, c.first)
			}
		})
	}
	a := b.get("/console/connections?order=soonest")
	if got := attr(a.one("span[data-in]"), "data-in"); got != "51000" {
		t.Errorf("got %s ms left, want 51000", got)
	}
	if got := rows(a)[0][2]; got != "in 51.0 s : tunnel-idle (idle 300s)" {
		t.Errorf("got %q", got)
	}
	for _, query := range []string{"reason=no-such", "idle=long", "idle=-3s"} {
		b.get("/console/connections?" + query).want(http.StatusBadRequest)
	}
	wrong := b.get("/console/connections?idle=long&backend=10.0.0.1:9001")
	if got := text(wrong.one("#idle-fault")); !strings.Contains(got, `"long" is no time: give seconds, such as 30`) || attr(wrong.one("#backend"), "value") != "10.0.0.1:9001" || attr(wrong.one("#idle"), "aria-invalid") != "true" {
		t.Errorf("a filter that makes no sense: got %q", got)
	}
}

// TestConnectionsHTTP: a connection of requests says how many it has had, and no bytes where they were counted with each request.
func TestConnectionsHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	l := live(1, 60*time.Second, 2*time.Second)
	l.State, l.Age, l.Exchanges = "waiting", 10*time.Minute, 70
	r.engine.conns = []record.Live{l}
	b := r.loggedIn(readerID)
	if got := rows(b.get("/console/connections")); len(got) != 1 || fmt.Sprint(got[0][6:]) != "[10 min 0 s 2.0 s 70  ]" {
		t.Errorf("got %q", got)
	}
	if got := rows(b.get("/console/connections?idle=5")); len(got) != 0 {
		t.Errorf("idle for longer than 5 s, with a request 2 s ago: got %q", got)
	}
}

// TestConnectionsEnded: what has ended comes newest first, and can be picked by its reason.
func TestConnectionsEnded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	for i := range uint64(500) {
		why := reason.TunnelIdle
		if i%5 == 0 {
			why = reason.ClientReset
		}
		r.engine.log.Append([]record.Close{ended(i+1, why, r.clock().Add(time.Duration(i)*time.Second))})
	}
	b := r.loggedIn(readerID)
	a := b.get("/console/connections?state=ended&reason=client-reset").want(http.StatusOK)
	got := rows(a)
	if len(got) != 100 || got[0][0] != "496" || got[99][0] != "1" || got[0][2] != "client-reset" {
		t.Errorf("got %d from %q to %q", len(got), got[0], got[len(got)-1])
	}
	if beyond := rows(b.get("/console/connections?state=ended&page_number=99")); len(beyond) != 100 || beyond[99][0] != "1" {
		t.Errorf("beyond the last page: got %d", len(beyond))
	}
	second := rows(b.get("/console/connections?state=ended&page_number=2"))
	if len(second) != 100 || second[0][0] != "400" || second[99][0] != "301" {
		t.Errorf("the second page: got %d from %q", len(second), second[0])
	}
}

// TestConnectionsEndedHTTP: an HTTP connection that has ended between two requests had been idle since the last one, and not since it was opened.
func TestConnectionsEndedHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	timed := ended(1, reason.ClientIdle, r.clock())
	timed.Exchanges, timed.Age, timed.ArmedAt = 70, 10*time.Minute, 9*time.Minute
	left := ended(2, reason.ClientClosed, r.clock())
	left.Exchanges, left.Age = 70, 10*time.Minute
	oneWay := ended(4, reason.ClientReset, r.clock())
	oneWay.Age, oneWay.QuietUp = 10*time.Minute, time.Second
	r.engine.log.Append([]record.Close{timed, left, ended(3, reason.TunnelIdle, r.clock()), oneWay})
	b := r.loggedIn(readerID)
	for idle, want := range map[string]string{"59": "[3 1]", "61": "[]", "": "[4 3 2 1]"} {
		numbers := []string{}
		for _, row := range rows(b.get("/console/connections?state=ended&idle=" + idle)) {
			numbers = append(numbers, row[0])
		}
		if got := fmt.Sprint(numbers); got != want {
			t.Errorf("idle longer than %q: got %s, want %s", idle, got, want)
		}
	}
}

// TestConnection: the story of one that is open, of one that has ended, and what is said of one that nobody knows.
func TestConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	r.engine.conns = crowd(300)
	r.engine.log.Append([]record.Close{ended(1000, reason.TunnelIdle, r.clock())})
	b := r.loggedIn(readerID)
	open := b.get("/console/connection?id=7").want(http.StatusOK)
	if got := text(open.one("ol.story")); !strings.Contains(got, "It is open, and has been for") || attr(open.one("strong[data-in]"), "data-in") != "294000" {
		t.Errorf("got %q", got)
	}
	closed := b.get("/console/connection?id=1000").want(http.StatusOK)
	if got := text(closed.one("ol.story")); !strings.Contains(got, "lull closed it because no byte moved for the idle time (tunnel-idle).") {
		t.Errorf("got %q", got)
	}
	if got := text(closed.one("section.advice")); !strings.HasPrefix(got, "If that was unwanted Raise idle of listener web/tcp in lull.yaml above 60s") || len(within(closed.one("section.advice"), "code")) != 1 {
		t.Errorf("what to do: got %q", got)
	}
	for id, want := range map[string]string{
		"5000": "no connection 5000 is open", "7/3": "exchange 7/3 has not ended", "x": "must be a connection's number", "": "must be a connection's number", "1/0": "must be a connection's number",
	} {
		if got := text(b.get("/console/connection?id=" + url.QueryEscape(id)).want(http.StatusOK).one("p.error")); !strings.Contains(got, want) {
			t.Errorf("%q: got %q", id, got)
		}
	}
}

// TestReasons: what has ended between two samples is counted by reason, for all and for one listener.
func TestReasons(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha", "beta")
	b := r.loggedIn(readerID)
	b.get("/console/reasons")
	for name, n := range map[string]uint64{"alpha": 3, "beta": 40} {
		r.count(plan.ListenerKey{LoadBalancer: name, Name: "web"}, func(l *stats.ListenerTotals) {
			l.Closes[reason.ClientIdle], l.Ends[reason.Completed], l.Ends[reason.ResponseIdle], l.PoolCloses[reason.PoolIdle] = n, 1000, n/3, 2*n
		})
	}
	r.pass(30 * time.Second)
	a := b.get("/console/reasons").want(http.StatusOK)
	var got []string
	for _, s := range a.all("section.chart") {
		got = append(got, text(within(s, "h3")[0])+": "+text(within(s, "tbody")[0]))
	}
	want := []string{
		"Connections of clients: client-idle 43 no request came within the idle time",
		"Requests that were not completed: response-idle 14 the backend was silent for the idle time",
		"Unused connections to backends: pool-idle 86 the pooled back-end connection was not used for its keep-alive time",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := text(within(a.all("section.chart")[2], "p")[0]); got != "Each bar is 10s; the highest is 86." {
		t.Errorf("the scale: got %q", got)
	}
	hour := b.get("/console/reasons?span=1h").want(http.StatusOK)
	if bars := within(hour.one("section.chart"), "title"); len(bars) != 1 || text(bars[0]) != "client-idle: 43" {
		t.Errorf("the last hour: got %d bars", len(bars))
	}
	one := b.get("/console/listener?load_balancer=alpha&listener=web").want(http.StatusOK)
	if got := text(one.one("div#live")); !strings.Contains(got, "client-idle 3 no request") {
		t.Errorf("of one listener: got %q", got)
	}
	whole := b.get("/console/load-balancer?load_balancer=beta").want(http.StatusOK)
	if got := text(whole.one("div.charts")); !strings.Contains(got, "client-idle 40 no request") || strings.Contains(got, "client-idle 3 ") {
		t.Errorf("of one load balancer: got %q", got)
	}
	if got := attr(within(one.all("tbody")[0], "a")[0], "href"); got != "/console/connections?listener=web&load_balancer=alpha&reason=client-idle&state=ended" {
		t.Errorf("its ended ones: got %q", got)
	}
	if got := attr(within(one.all("tbody")[1], "a")[0], "href"); got != "/console/requests?listener=web&load_balancer=alpha&reason=response-idle" {
		t.Errorf("its requests: got %q", got)
	}
	r.pass(11 * time.Minute)
	if left := b.get("/console/reasons").all("rect"); len(left) != 0 {
		t.Errorf("after 11 minutes: %d bars are left", len(left))
	}
}

// TestMarkupEverywhere: names that are markup are text on every page and in every stream.
func TestMarkupEverywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const name = `"><img src=x onerror=alert(1)>`
	r.populate(name)
	r.engine.conns = crowd(3)
	for i := range r.engine.conns {
		l := &r.engine.conns[i]
		l.Ends.LoadBalancer, l.Ends.Listener, l.Ends.Backend, l.State = name, name, name, name
	}
	c := closedFirst(9, name, time.Second, r.clock())
	c.Ends.LoadBalancer = name
	r.engine.log.Append([]record.Close{c})
	x := failed(2, 3, reason.ResponseIdle, r.clock())
	x.Ends, x.Method, x.Host, x.Target, x.UserAgent, x.Forwarded = c.Ends, name, name, name, name, name
	r.engine.exchanges.Append([]record.Exchange{x})
	r.engine.set(func() { r.engine.stats.Backends[0].ClosedIdle, r.engine.stats.Backends[0].Detail = 1, name })
	b := r.loggedIn(adminID)
	q := url.QueryEscape(name)
	for _, path := range []string{
		"", "?name=" + q, "load-balancer?load_balancer=" + q, "listener?listener=web&load_balancer=" + q, "backend?backend_set=app&backend=10.0.0.1:9001&load_balancer=" + q,
		"connections", "connections?backend=" + q + "&listener=" + q + "&load_balancer=" + q, "connections?state=ended", "connections?idle=" + q, "connections?reason=" + q, "connection?id=2", "connection?id=9",
		"connection?id=2/3", "requests", "requests?status=" + q, "requests?client=" + q, "requests?took=" + q, "requests?reason=" + q, "requests?backend=" + q + "&listener=" + q + "&load_balancer=" + q,
		"connection?id=" + q, "reasons?span=" + q, "keepalive", "listener?load_balancer=" + q, "backend?load_balancer=" + q + "&backend=" + q, "none?x=" + q, "live?page=" + q,
	} {
		a := b.get("/console/" + path)
		if a.Code >= 500 {
			t.Errorf("%s: got %d", path, a.Code)
		}
		inline(t, path, a.tree())
		if len(a.all("img")) != 0 {
			t.Errorf("%s: the name became markup", path)
		}
	}
}
