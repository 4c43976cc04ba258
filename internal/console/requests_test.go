package console

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// failed returns the record of a request that went wrong for 61 s.
func failed(conn uint64, number int, why reason.Reason, at time.Time) record.Exchange {
	of := ended(conn, why, at)
	of.Ends.Listener, of.Ends.Protocol, of.Ends.Backend = "web", "http", "10.0.0.1:9001"
	x := record.Exchange{
		Conn: conn, Number: number, Ends: of.Ends, Reason: why, Side: of.Side, Started: at.Add(-61 * time.Second), Ended: at, Took: 61 * time.Second,
		Method: "GET", Scheme: "http", Host: "shop.example", Target: "/basket?item=7", Minor: 1, UserAgent: "curl/8.5.0", Status: why.Info().Status,
		QuietUp: 60 * time.Second, QuietDown: -1, HeadTook: time.Millisecond, SentAfter: 2 * time.Millisecond, AnswerTook: -1, FirstAfter: -1,
		ConnectTook: time.Millisecond, Tries: 1, Timer: of.Timer, Setting: of.Setting,
	}
	return x
}

// TestRequests: the requests that went wrong, the newest first, by what somebody knows who asks why a user got a 504.
func TestRequests(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	for i := range 250 {
		x := failed(uint64(i/2+1), i%2+1, reason.ResponseIdle, r.clock().Add(time.Duration(i)*time.Second))
		switch {
		case i%5 == 0:
			x.Reason, x.Status, x.Timer, x.Ends.Backend = reason.ConnectRefused, 503, "", "10.0.0.1:9002"
		case i == 7:
			x.Ends.Client, x.Took = netip.MustParseAddrPort("[::ffff:198.51.100.9]:5000"), 2*time.Minute
		case i == 8:
			x.Ends.LoadBalancer, x.Ends.Listener = "other", "shop"
		}
		r.engine.exchanges.Append([]record.Exchange{x})
	}
	done := failed(900, 1, reason.Completed, r.clock())
	done.Status, done.BackendStatus = 200, 200
	r.engine.exchanges.Append([]record.Exchange{done})
	b := r.loggedIn(readerID)
	cases := []struct {
		name, query string
		pages, all  int
		first       string
	}{
		{"all", "", 3, 250, "125/2"},
		{"status", "status=503", 1, 50, "123/2"},
		{"other-status", "status=200", 1, 0, ""},
		{"reason", "reason=response-idle", 2, 200, "125/2"},
		{"client", "client=198.51.100.9", 1, 1, "4/2"},
		{"client-port", "client=192.0.2.7:4711", 3, 249, "125/2"},
		{"other-port", "client=192.0.2.7:4712", 1, 0, ""},
		{"mapped", "client=::ffff:198.51.100.9", 1, 1, "4/2"},
		{"clients", "client=192.0.2.0/24", 3, 249, "125/2"},
		{"listener", "listener=other/shop", 1, 1, "5/1"},
		{"load-balancer", "load_balancer=web&listener=web", 3, 249, "125/2"},
		{"backend", "backend=10.0.0.1:9002", 1, 50, "123/2"},
		{"took", "took=90", 1, 1, "4/2"},
		{"took-all", "took=1m", 3, 250, "125/2"},
		{"several", "status=504&took=61s&backend=10.0.0.1:9001", 2, 200, "125/2"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pages, seen, first := b.paged("/console/requests?" + c.query)
			if pages != c.pages || seen != c.all || first != c.first {
				t.Errorf("got %d on %d pages, first %q; want %d on %d, first %q", seen, pages, first, c.all, c.pages, c.first)
			}
		})
	}
	a := b.get("/console/requests")
	const want = "[125/2 504 by lull 2026-11-21 12:04:09 UTC response-idle GET shop.example/basket?item=7 61.0 s idle 60s 192.0.2.7:4711 web/web 10.0.0.1:9001]"
	if got := rows(a)[0]; fmt.Sprint(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := text(within(a.one("nav"), "a[aria-current=page]")[0]); got != "Failed requests" {
		t.Errorf("the navigation says %q", got)
	}
	if got := text(a.one("div#live")); !strings.HasPrefix(got, "250 requests remembered") {
		t.Errorf("got %q", got)
	}
}

// TestRequestsWrong: a filter that makes no sense is named, and the others keep what was typed.
func TestRequestsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	b := r.loggedIn(readerID)
	for _, c := range []struct{ field, value, want string }{
		{"status", "teapot", `Status: "teapot" is no status: give a number from 100 to 599`},
		{"status", "99", `Status: "99" is no status`},
		{"status", "600", `Status: "600" is no status`},
		{"client", "my user", `Client: "my user" is no address: give one such as 192.0.2.7`},
		{"client", "192.0.2.7:99999", `is no address`},
		{"client", "192.0.2.0/33", `is no address`},
		{"took", "long", `Took longer than: "long" is no time: give seconds, such as 30`},
		{"took", "-1s", `is no time`},
	} {
		a := b.get("/console/requests?backend=10.0.0.1:9001&" + url.Values{c.field: {c.value}}.Encode()).want(http.StatusBadRequest)
		if got := text(a.one("#filter-fault")); !strings.Contains(got, c.want) {
			t.Errorf("%s %q: got %q", c.field, c.value, got)
		}
		if attr(a.one("#"+c.field), "value") != c.value || len(a.all("input[aria-invalid=true]")) != 1 || attr(a.one("#"+c.field), "aria-invalid") != "true" || attr(a.one("#backend"), "value") != "10.0.0.1:9001" {
			t.Errorf("%s %q: the form is\n%s", c.field, c.value, a.Body)
		}
	}
	b.get("/console/requests?reason=no-such").want(http.StatusBadRequest)
}

// TestRequestsNone: an empty list says whether there could be anything in it.
func TestRequestsNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	b := r.loggedIn(readerID)
	if got := text(b.get("/console/requests").one("div#live")); got != "None has gone wrong since lull was started. None." {
		t.Errorf("got %q", got)
	}
	a := b.get("/console/requests?reason=client-closed&load_balancer=web")
	if got := text(a.one("div#live")); !strings.Contains(got, "Of requests that ended as client-closed only those are remembered that were cut short, or that lull answered itself") {
		t.Errorf("got %q", got)
	}
	if got := attr(within(a.one("div#live"), "a")[0], "href"); got != "/console/connections?load_balancer=web&reason=client-closed&state=ended" {
		t.Errorf("the connections that ended so: got %q", got)
	}
}

// TestRequestsStatus: a status says who made it, and whether the response was whole.
func TestRequestsStatus(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status, ofBackend int
		upgraded          bool
		why               reason.Reason
		want              string
	}{
		{0, 0, false, reason.ClientReset, "none"},
		{504, 0, false, reason.ResponseIdle, "by lull"},
		{200, 200, false, reason.BackendClosed, "cut short"},
		{200, 200, false, reason.Completed, ""},
		{101, 101, true, reason.ClientReset, "a tunnel"},
	} {
		if got := statusKind(c.status, c.ofBackend, c.upgraded, c.why.String()); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}

// TestRequestStory: a request's page tells its story, what the client sent, and on which connection it was.
func TestRequestStory(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	r.engine.exchanges.Append([]record.Exchange{failed(12, 3, reason.ResponseIdle, r.clock())})
	c := ended(12, reason.ClientClosed, r.clock().Add(time.Minute))
	c.Ends.Protocol, c.Exchanges = "http", 4
	r.engine.log.Append([]record.Close{c})
	b := r.loggedIn(readerID)
	list := b.get("/console/requests?status=504").want(http.StatusOK)
	story := b.get(attr(within(list.one("tbody"), "a")[0], "href")).want(http.StatusOK)
	if got := text(story.one("h1")); got != "Request 12/3" {
		t.Errorf("got %q", got)
	}
	told := text(story.one("div#live"))
	for _, want := range []string{"ended as response-idle , the client got 504 by lull", "GET shop.example/basket?item=7 HTTP/1.1", "If that was unwanted", "User agent curl/8.5.0", "Target /basket?item=7"} {
		if !strings.Contains(told, want) {
			t.Errorf("got %q, want %q in it", told, want)
		}
	}
	var conn string
	for _, link := range within(story.one("main"), "a") {
		if strings.HasPrefix(text(link), "connection ") {
			conn = attr(link, "href")
		}
	}
	if conn != "/console/connection?id=12" {
		t.Fatalf("its connection: got %q", conn)
	}
	of := b.get(conn).want(http.StatusOK)
	if got := fmt.Sprint(rows(of)); got != "[[12/3 GET shop.example/basket?item=7 504 by lull response-idle 61.0 s]]" {
		t.Errorf("the connection's requests: got %s", got)
	}
	if got := attr(within(of.one("tbody"), "a")[0], "href"); got != "/console/connection?id=12%2F3" {
		t.Errorf("got %q", got)
	}
}

// TestRequestsBounded: what strangers sent is text, and takes no more room than a list has for it. All of it is on the request's own page.
func TestRequestsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.populate("web")
	long := "/" + strings.Repeat(`<b title="`, record.TextMax/10)
	for i := range requestsPerPage {
		x := failed(7, i+1, reason.BadRequest, r.clock())
		x.Method, x.Host, x.Target, x.UserAgent, x.Forwarded = long, long, long, long, long
		r.engine.exchanges.Append([]record.Exchange{x})
	}
	turned := failed(8, 1, reason.BadRequest, r.clock())
	turned.Target = "/a\u202egpj.exe\x1b[2J\xff"
	headless := failed(8, 2, reason.HeadTooSlow, r.clock())
	headless.Method, headless.Host, headless.Target = "", "", ""
	unreadable := headless
	unreadable.Number, unreadable.Fault = 3, http1.LengthBad
	r.engine.exchanges.Append([]record.Exchange{turned, headless, unreadable})
	b := r.loggedIn(readerID)
	list := b.get("/console/requests").want(http.StatusOK)
	if n := list.Body.Len(); n > 600<<10 || len(list.all("b")) != 0 {
		t.Errorf("a list of long requests has %d bytes", n)
	}
	for i, want := range []string{"unreadable: length-bad", "never came whole", `GET shop.example/a\u202egpj.exe\u001b[2J` + "\ufffd"} {
		if got := rows(list)[i][4]; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := []rune(rows(list)[3][4]); len(got) != requestCharsMax+1 || got[requestCharsMax] != '…' {
		t.Errorf("got %q", string(got))
	}
	if n := b.get("/console/connection?id=7").want(http.StatusOK).Body.Len(); n > 200<<10 {
		t.Errorf("the connection of long requests has a page of %d bytes", n)
	}
	one := b.get("/console/connection?id=7/1").want(http.StatusOK)
	facts := within(one.one("dl.facts"), "dd")
	if len(facts) != 5 || text(facts[2]) != strings.TrimSpace(long) || len(one.all("b")) != 0 {
		t.Errorf("its own page has %d facts\n%.2000s", len(facts), one.Body)
	}
}

// TestRequestAdvice: the story of a request that the idle timeout has ended leads to where that is changed, and has no command that would
// change what is in the cloud.
func TestRequestAdvice(t *testing.T) {
	t.Parallel()
	aws, oci := newAWSRig(t), newOCIRig(t)
	for _, c := range []struct {
		name, origin, listener string
		r                      *rig
		want                   string
	}{
		{"aws", plan.OriginELB, "http-80", aws.rig, "/console/aws-idle-timeout?load_balancer=web"},
		{"oci", plan.OriginOCI, "http", oci.rig, "/console/oci-listener?load_balancer=web&name_of=http"},
	} {
		c.r.engine.origin = c.origin
		x := failed(12, 3, reason.ResponseIdle, c.r.clock())
		x.Ends.Listener = c.listener
		c.r.engine.exchanges.Append([]record.Exchange{x})
		a := c.r.loggedIn(readerID).get("/console/connection?id=12/3").want(http.StatusOK)
		advice := a.one("section.advice")
		if links := within(advice, "a"); len(links) != 1 || attr(links[0], "href") != c.want {
			t.Errorf("%s: got %s", c.name, text(advice))
		}
		if strings.Contains(a.Body.String(), c.name+" elb") || strings.Contains(a.Body.String(), c.name+" lb") {
			t.Errorf("%s: there is a command in %s", c.name, text(advice))
		}
	}
}
