package console

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// patience is for what must happen; nothing waits so long unless it fails.
const patience = 10 * time.Second

// watcher is a browser that has a live page open.
type watcher struct {
	t    testing.TB
	body *bufio.Reader
	end  func()
}

// watch opens a stream of the rig's console at a server, as somebody who is logged in.
func (r *rig) watch(s *httptest.Server, who *browser, query string) *watcher {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/console/live?"+query, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	c := *who.cookie
	c.Name = cookieNameFor(&http.Request{Host: strings.TrimPrefix(s.URL, "http://")})
	q.AddCookie(&c)
	resp, err := s.Client().Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		r.t.Fatalf("got %d %v", resp.StatusCode, resp.Header)
	}
	w := &watcher{t: r.t, body: bufio.NewReader(resp.Body), end: func() { cancel(); _ = resp.Body.Close() }}
	r.t.Cleanup(w.end)
	return w
}

// next returns the HTML of the next part; empty when the stream has ended.
func (w *watcher) next() string {
	w.t.Helper()
	for {
		line, err := w.body.ReadString('\n')
		if err != nil {
			return ""
		}
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			var part string
			if err := json.Unmarshal([]byte(data), &part); err != nil {
				w.t.Fatal(err)
			}
			return part
		}
	}
}

// served returns a rig whose console answers on a socket.
func served(t testing.TB) (*rig, *httptest.Server) {
	t.Helper()
	r := newRig(t)
	r.populate("alpha")
	s := httptest.NewServer(r.console)
	t.Cleanup(func() { r.console.Close(); s.Close() })
	return r, s
}

// entered waits until so many streams are open.
func (r *rig) entered(n int) {
	r.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		r.console.hub.mu.Lock()
		open := r.console.hub.open
		r.console.hub.mu.Unlock()
		if open == n {
			return
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("got %d streams, want %d", open, n)
		}
	}
}

// TestLive: the moving part comes at once, and again when it has changed.
func TestLive(t *testing.T) {
	t.Parallel()
	r, s := served(t)
	w := r.watch(s, r.loggedIn(readerID), "page=overview")
	r.entered(1)
	r.console.beat()
	if got := w.next(); !strings.Contains(got, ">alpha</a>") || strings.Contains(got, "<html") || strings.Contains(got, "csrf") {
		t.Errorf("got %q", got)
	}
	r.console.beat() // nothing has changed, nothing is sent
	r.count(plan.ListenerKey{LoadBalancer: "alpha", Name: "web"}, func(l *stats.ListenerTotals) { l.Active = 42 })
	r.pass(time.Second)
	r.console.beat()
	if got := w.next(); !strings.Contains(got, ">42<") {
		t.Errorf("got %q", got)
	}
	r.populate() // all are deleted
	r.pass(time.Second)
	r.console.beat()
	if got := w.next(); !strings.Contains(got, "There is no load balancer yet") {
		t.Errorf("got %q", got)
	}
}

// TestLivePages: every page that moves has a stream, and its part is what the page itself shows.
func TestLivePages(t *testing.T) {
	t.Parallel()
	r, s := served(t)
	r.engine.conns = crowd(3)
	r.engine.exchanges.Append([]record.Exchange{failed(7, 3, reason.ResponseIdle, r.clock())})
	b := r.loggedIn(readerID)
	paths := map[string]string{
		"overview": "", "balancer": "load-balancer?load_balancer=alpha", "listener": "listener?load_balancer=alpha&listener=web",
		"backend": "backend?load_balancer=alpha&backend_set=app&backend=10.0.0.1:9001", "connections": "connections", "connection": "connection?id=2", "requests": "requests", "reasons": "reasons", "keepalive": "keepalive",
	}
	for name := range livePages() {
		path, known := paths[name]
		if !known {
			t.Errorf("page %s is not tried", name)
			continue
		}
		page := b.get("/console/" + path).want(http.StatusOK)
		part := page.one("div#live")
		stream, _ := url.Parse(attr(part, "data-stream"))
		if stream.Query().Get("page") != name {
			t.Errorf("%s streams %s", name, stream)
		}
		w := r.watch(s, b, stream.RawQuery)
		r.entered(1)
		r.console.beat()
		if got := plainly(w.next()); got == "" || !strings.Contains(plainly(page.Body.String()), got) {
			t.Errorf("%s: the stream has %.300q", name, got)
		}
		w.end()
		r.entered(0)
	}
}

// opened matches the instant at which a connection was opened, which is computed from its age and differs by the moment of asking.
//
//nolint:gochecknoglobals // compiled once
var opened = regexp.MustCompile(`on \S+ \S+ UTC`)

// plainly returns HTML in a form that can be compared.
func plainly(page string) string {
	return opened.ReplaceAllString(strings.Join(strings.Fields(page), " "), "")
}

// TestLiveEnds: a stream ends with its session and with lull, and does not keep the session from falling idle.
func TestLiveEnds(t *testing.T) {
	t.Parallel()
	cases := map[string]func(*rig, *browser){
		"idle":    func(r *rig, _ *browser) { r.pass(sessionIdle + time.Second) },
		"revoked": func(r *rig, _ *browser) { r.keys.revoke(readerID) },
		"logout":  func(_ *rig, b *browser) { b.do(http.MethodPost, "/console/logout", url.Values{"csrf": {b.csrf()}}) },
		"closed":  func(r *rig, _ *browser) { r.console.Close() },
	}
	for name, end := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, s := served(t)
			b := r.loggedIn(readerID)
			w := r.watch(s, b, "page=overview")
			r.entered(1)
			r.console.beat()
			if w.next() == "" {
				t.Fatal("got nothing")
			}
			r.pass(sessionIdle - time.Second)
			r.console.beat()
			end(r, b)
			r.count(plan.ListenerKey{LoadBalancer: "alpha", Name: "web"}, func(l *stats.ListenerTotals) { l.Active = 42 }) // which would be sent
			r.pass(time.Second)
			r.console.beat()
			if got := w.next(); got != "" {
				t.Errorf("it goes on: %q", got)
			}
			r.entered(0)
		})
	}
}

// TestLiveLimit: there are never more streams than that, one key never has all of them, and one that ends makes room.
func TestLiveLimit(t *testing.T) {
	t.Parallel()
	r, s := served(t)
	b := r.loggedIn(readerID)
	var first *watcher
	for range streamsOfKeyMax {
		w := r.watch(s, b, "page=overview")
		if first == nil {
			first = w
		}
	}
	b.get("/console/live?page=overview").want(http.StatusServiceUnavailable)
	other := r.loggedIn(adminID)
	for range streamsMax - streamsOfKeyMax {
		r.watch(s, other, "page=overview")
	}
	other.get("/console/live?page=overview").want(http.StatusServiceUnavailable)
	b.get("/console/live-ready?page=overview").want(http.StatusOK)
	b.get("/console/live?page=none").want(http.StatusNotFound)
	(&browser{r: r}).do(http.MethodGet, "/console/live-ready?page=overview", nil, func(q *http.Request) { q.Header.Set("Sec-Fetch-Dest", "empty") }).want(http.StatusUnauthorized)
	first.end()
	r.entered(streamsMax - 1)
	r.watch(s, b, "page=overview")
	if len(r.console.hub.feeds) != 1 {
		t.Errorf("got %d feeds for one page", len(r.console.hub.feeds))
	}
}

// TestLiveCost: how many look on makes no difference to the data plane: the counters are read once a round, the open connections are
// looked at once every two.
func TestLiveCost(t *testing.T) {
	t.Parallel()
	var costs []string
	for _, watchers := range []int{1, 50} {
		r, s := served(t)
		r.engine.conns = crowd(3)
		b := r.loggedIn(readerID)
		for i := range watchers {
			r.watch(s, b, fmt.Sprintf("page=connections&idle=%d", i))
		}
		r.entered(watchers)
		r.pass(time.Second)
		r.console.beat() // which finds them all new
		r.engine.set(func() { r.engine.walks, r.engine.reads = 0, 0 })
		for range 10 {
			r.pass(time.Second)
			r.console.beat()
		}
		costs = append(costs, fmt.Sprintf("%d reads, %d walks", r.engine.reads, r.engine.walks))
	}
	if costs[0] != "10 reads, 5 walks" || costs[1] != costs[0] {
		t.Errorf("got %q for 1 and for 50 who look on", costs)
	}
}

// TestLiveDeleted: a page whose subject is deleted says so, and shows it again when it is back.
func TestLiveDeleted(t *testing.T) {
	t.Parallel()
	r, s := served(t)
	w := r.watch(s, r.loggedIn(readerID), "page=balancer&load_balancer=alpha")
	r.entered(1)
	for _, step := range []struct {
		names []string
		want  string
	}{{[]string{"alpha"}, "Backend set app"}, {nil, `there is no load balancer &#34;alpha&#34;, or it has been deleted`}, {[]string{"alpha"}, "Backend set app"}} {
		r.populate(step.names...)
		r.pass(time.Second)
		r.console.beat()
		if got := w.next(); !strings.Contains(got, step.want) {
			t.Errorf("with %v: got %.200q", step.names, got)
		}
	}
}

// TestLiveFault: a fault in a page costs that page its part, and nothing else.
func TestLiveFault(t *testing.T) {
	t.Parallel()
	r, s := served(t)
	f, err := r.console.hub.enter(adminID, "overview", livePage{data: func(*Console, *sample, url.Values, finder) (any, error) { panic("a fault") }}, url.Values{"x": {"y"}})
	if err != nil {
		t.Fatal(err)
	}
	w := r.watch(s, r.loggedIn(readerID), "page=overview")
	r.entered(2)
	r.console.beat()
	if got := w.next(); !strings.Contains(got, "alpha") || f.err == nil || !strings.HasPrefix(f.err.Error(), "panic: a fault") {
		t.Errorf("got %q, %v", got, f.err)
	}
}

// TestLiveFinal: a connection that has ended is told of once, and one that nobody knows costs no look of its own at the open ones.
func TestLiveFinal(t *testing.T) {
	t.Parallel()
	r, s := served(t)
	b := r.loggedIn(readerID)
	r.engine.log.Append([]record.Close{ended(1000, reason.TunnelIdle, r.clock())})
	for query, want := range map[string]int{"page=connection&id=1000": 0, "page=connection&id=5000": 5} {
		w := r.watch(s, b, query)
		r.entered(1)
		r.console.beat()
		if w.next() == "" {
			t.Fatal("got nothing")
		}
		r.engine.set(func() { r.engine.walks = 0 })
		for range 10 {
			r.pass(time.Second)
			r.console.beat()
		}
		if r.engine.walks != want {
			t.Errorf("%s: got %d walks in 10 rounds, want %d", query, r.engine.walks, want)
		}
		w.end()
		r.entered(0)
	}
}

// TestRest: with nobody there, lull is read every ten seconds.
func TestRest(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha")
	r.loggedIn(readerID).get("/console/").want(http.StatusOK)
	count := func(beats int) int {
		r.engine.set(func() { r.engine.reads = 0 })
		for range beats {
			r.pass(time.Second)
			r.console.beat()
		}
		return r.engine.reads
	}
	if got := count(60); got != 60 {
		t.Errorf("in the minute after a visit: got %d samples, want 60", got)
	}
	if got := count(100); got != 10 {
		t.Errorf("in the next 100 s: got %d samples, want 10", got)
	}
}

// TestRuns: a console made by New moves by itself.
func TestRuns(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("alpha")
	c, err := New(r.console.o)
	if err != nil {
		t.Fatal(err)
	}
	r.console = c
	s := httptest.NewServer(c)
	defer s.Close()
	defer c.Close()
	if got := r.watch(s, r.loggedIn(readerID), "page=overview").next(); !strings.Contains(got, "alpha") {
		t.Errorf("got %q", got)
	}
}
