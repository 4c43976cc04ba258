package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/rules"
	"lull/internal/lulltest"
)

// text is a part of a redirect.
func text(s string) *string { return &s }

// refusing is an engine whose sites allow some clients, some methods, and redirect.
func refusing(t *testing.T, loops int) *lulltest.Engine {
	t.Helper()
	p := ociPlan()
	set := addNamed(t, p, "set")
	addSite(t, p, "guarded", &rules.Config{Allow: []rules.Condition{rules.From(netip.MustParsePrefix("192.0.2.0/24"))}}, set)
	addSite(t, p, "methods", &rules.Config{
		Methods: &rules.Methods{Allowed: []string{"GET", "HEAD"}},
		Redirects: []rules.Redirection{
			{Path: "/old", Match: rules.PathExact, To: redirect(t, &rules.RedirectTo{Status: 301, Protocol: text("HTTPS"), Path: text("/new")})},
			{Path: "/many", Match: rules.PathPrefix, To: redirect(t, &rules.RedirectTo{Path: text(strings.Repeat("{path}", 16))})},
		},
	}, set)
	addSite(t, p, "hidden", &rules.Config{Methods: &rules.Methods{Allowed: []string{"GET"}, Status: 403}}, set)
	setHosts(t, lulltest.Listener(p), rules.HostName{Name: "methods", Target: 1}, rules.HostName{Name: "hidden", Target: 2})
	lulltest.Listener(p).Timeouts.FrontRequestsMax = 0
	return startHTTP(t, loops, p)
}

// refusal is a request that lull answers by a rule.
type refusal struct {
	name, request, host string // what stands behind the line of Host, the empty line included
	method              string
	status              int
	why                 reason.Reason
	allow, location     string
	kept                bool // the connection goes on
}

//nolint:gochecknoglobals // the rows of a table
var refusals = []refusal{
	{"denied", "GET / HTTP/1.1\r\nHost: guarded\r\n\r\n", "guarded", "GET", 403, reason.AccessDenied, "", "", true},
	{"denied_head", "HEAD / HTTP/1.1\r\nHost: guarded\r\n\r\n", "guarded", "HEAD", 403, reason.AccessDenied, "", "", true},
	{"denied_last", "GET / HTTP/1.1\r\nHost: guarded\r\nConnection: close\r\n\r\n", "guarded", "GET", 403, reason.AccessDenied, "", "", false},
	{"denied_old", "GET / HTTP/1.0\r\n\r\n", "guarded", "GET", 403, reason.AccessDenied, "", "", false},
	{"denied_old_kept", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "guarded", "GET", 403, reason.AccessDenied, "", "", true},
	{"denied_whole_body", "POST / HTTP/1.1\r\nHost: guarded\r\nContent-Length: 5\r\n\r\nhello", "guarded", "POST", 403, reason.AccessDenied, "", "", true},
	{"denied_chunks", "POST / HTTP/1.1\r\nHost: guarded\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", "guarded", "POST", 403, reason.AccessDenied, "", "", true},
	{"denied_part", "POST / HTTP/1.1\r\nHost: guarded\r\nContent-Length: 5\r\n\r\nhel", "guarded", "POST", 403, reason.AccessDenied, "", "", false},
	{"denied_expecting", "POST / HTTP/1.1\r\nHost: guarded\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "guarded", "POST", 403, reason.AccessDenied, "", "", false},
	{"bad_chunks", "POST / HTTP/1.1\r\nHost: guarded\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "guarded", "POST", 400, reason.BadRequest, "", "", false},
	{"method", "DELETE / HTTP/1.1\r\nHost: methods\r\n\r\n", "methods", "DELETE", 405, reason.MethodRefused, "GET, HEAD", "", true},
	{"method_case", "get / HTTP/1.1\r\nHost: methods\r\n\r\n", "methods", "get", 405, reason.MethodRefused, "GET, HEAD", "", true},
	{"method_status", "POST / HTTP/1.1\r\nHost: hidden\r\nContent-Length: 0\r\n\r\n", "hidden", "POST", 403, reason.MethodRefused, "", "", true},
	{"moved", "GET /old?a=b HTTP/1.1\r\nHost: methods:8080\r\n\r\n", "methods", "GET", 301, reason.Redirected, "", "https://methods:8080/new?a=b", true},
	{"moved_head", "HEAD /OLD HTTP/1.1\r\nHost: methods\r\n\r\n", "methods", "HEAD", 301, reason.Redirected, "", "https://methods/new", true},
	{"moved_method", "POST /old HTTP/1.1\r\nHost: methods\r\nContent-Length: 0\r\n\r\n", "methods", "POST", 405, reason.MethodRefused, "GET, HEAD", "", true},
	{"moved_too_far", "GET /many" + strings.Repeat("x", 1000) + " HTTP/1.1\r\nHost: methods\r\n\r\n", "methods", "GET", 400, reason.TooLarge, "", "", false},
	{"field_name", "GET / HTTP/1.1\r\nHost: methods\r\nA.b: c\r\n\r\n", "methods", "GET", 400, reason.BadRequest, "", "", true},
}

// TestRefusals: what lull answers by a rule is a whole response with its own status and reason; the connection goes on where the
// request had come whole and nobody asked for its end.
func TestRefusals_RUL_03_RUL_04_RUL_05(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, func(t *testing.T) {
		e := refusing(t, 2)
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.check(t, e)
			})
		}
	})
}

func (r *refusal) check(t *testing.T, e *lulltest.Engine) {
	c := e.DialHTTP()
	c.Send(r.request)
	a := c.Answer(r.method)
	location := strings.Replace(a.Header.Get("Location"), "http://", "https://", 1)
	if a.StatusCode != r.status || a.Header.Get("Allow") != r.allow || location != r.location || a.How != "whole" {
		t.Errorf("got %s, Allow %q, Location %q, %s; want %d, %q, %q, whole", a.Status, a.Header.Get("Allow"), location, a.How, r.status, r.allow, r.location)
	}
	if a.Header.Get("Content-Type") == "" || (len(a.Data) == 0) != (r.method == "HEAD") || a.Status == fmt.Sprint(r.status) || a.Close == r.kept {
		t.Errorf("got %q, %q and %q, close %v; want a type, a body unless for HEAD, a phrase, and close %v", a.Status, a.Header, a.Data, a.Close, !r.kept)
	}
	if r.kept {
		if got := led(c, "methods", "/"); got != "set" {
			t.Errorf("the next request: got %s", got)
		}
	} else if how, data := c.End(); how != "eof" || len(data) > 0 {
		t.Errorf("then: got %q and %s, want the end", data, how)
	}
	x := e.ExchangeOf(c, 1)
	if x.Reason != r.why || x.Status != r.status || x.BackendStatus != 0 || x.Ends.Listener != r.host || x.Tries != 0 {
		t.Errorf("the record: got %v with %d at %s after %d tries", x.Reason, x.Status, x.Ends.Listener, x.Tries)
	}
}

// TestRefusalsPipelined: requests that lull answers itself and others that it forwards are answered in their order, however they come.
func TestRefusalsPipelined(t *testing.T) {
	t.Parallel()
	e := refusing(t, 1)
	const denied = "POST / HTTP/1.1\r\nHost: guarded\r\nContent-Length: 5\r\n\r\nhello"
	const served, moved = "GET / HTTP/1.1\r\nHost: methods\r\n\r\n", "GET /old HTTP/1.1\r\nHost: methods\r\n\r\n"
	c := e.DialHTTP()
	c.Send(strings.Repeat(denied+served+moved, 30)) // more than a turn's steps
	for range 30 {
		if a := c.Answer("POST"); a.StatusCode != 403 || a.Close {
			t.Fatalf("got %s, %v", a.Status, a.Close)
		}
		c.ExpectAnswer("set")
		if a := c.Answer("GET"); a.StatusCode != 301 {
			t.Fatalf("got %s", a.Status)
		}
	}
	s := totalsOfSite(t, e, "methods")
	if s.OwnStatus[3] != 30 || s.BackendStatus[2] != 30 || s.Ends[reason.Redirected] != 30 || s.Ends[reason.Completed] != 30 {
		t.Errorf("counted %+v", s)
	}
}

// TestRefusalsNotTaken: a client that sends requests and reads no answers is not served on until it does.
func TestRefusalsNotTaken(t *testing.T) {
	t.Parallel()
	e := refusing(t, 1)
	c := lulltest.HTTP(lulltest.DialNarrow(t, e.Local(lulltest.HTTPKey), 4096))
	const count = 600 // some 2 MB of answers, which repeat the query: far more than the kernel takes for this client
	request := "GET /old?" + strings.Repeat("q", 3000) + " HTTP/1.1\r\nHost: methods\r\n\r\n"
	go func() { _, _ = c.Write([]byte(strings.Repeat(request, count))) }()
	e.WaitState(c, "response")
	for i := range count {
		if a := c.Answer("GET"); a.StatusCode != 301 || a.Close || a.How != "whole" || len(a.Header.Get("Location")) < 3000 {
			t.Fatalf("answer %d: got %s, %v, %s", i, a.Status, a.Close, a.How)
		}
	}
	if got := led(c, "methods", "/"); got != "set" {
		t.Errorf("then: got %s", got)
	}
}

// TestRedirectsAreNoTrouble: without anybody who follows, redirects are counted and not remembered; refusals are remembered.
func TestRedirectsAreNoTrouble(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	addSite(t, p, "web", &rules.Config{
		Methods:   &rules.Methods{Allowed: []string{"GET"}},
		Redirects: []rules.Redirection{{Path: "/", Match: rules.PathPrefix, To: redirect(t, &rules.RedirectTo{Protocol: text("https")})}},
	}, addSet(p, "set"))
	e := start(t, 1, p)
	c := e.DialHTTP()
	for _, method := range []string{"GET", "PUT"} {
		c.Send(method + " / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
		c.Answer(method)
	}
	if x := e.NextExchange(); x.Reason != reason.MethodRefused {
		t.Errorf("the first that is remembered: got %v", x.Reason)
	}
	if s := totalsOfSite(t, e, "web"); s.OwnStatus[3] != 1 || s.OwnStatus[4] != 1 || s.Ends[reason.Redirected] != 1 {
		t.Errorf("counted %+v", s)
	}
}

// TestHeadSizes: lines of 8 KB, and heads of four such, unless the site has a rule; what is larger gets the status of the cloud,
// and each site has its own bounds on a port that they share. They hold for backends as well.
func TestHeadSizes_RUL_06(t *testing.T) {
	t.Parallel()
	for _, q := range []struct {
		name, host string
		bytes      int
		lines      int
		want       string
		fault      string
	}{
		{"default_line", "a", 8000, 1, "200", "none"},
		{"default_line_over", "a", 8200, 1, "400", "line-long"},
		{"default_head", "a", 8000, 4, "200", "none"},
		{"default_head_over", "a", 7000, 5, "400", "head-long"},
		{"large_line", "large", 16000, 1, "200", "none"},
		{"large_line_over", "large", 17000, 1, "400", "line-long"},
		{"large_head", "large", 15000, 4, "200", "none"},
		{"large_head_over", "large", 15000, 5, "400", "head-long"},
		{"largest_head", "largest", 65000, 4, "200", "none"},
		{"largest_line_over", "largest", 66000, 1, "400", "line-long"},
	} {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			p := ociPlan()
			set := addNamed(t, p, "set")
			addSite(t, p, "small", &rules.Config{}, set)
			addSite(t, p, "large", &rules.Config{Head: rules.HeadForm{BufferBytes: 16 << 10}}, set)
			addSite(t, p, "largest", &rules.Config{Head: rules.HeadForm{BufferBytes: 64 << 10}}, set)
			setHosts(t, lulltest.Listener(p), rules.HostName{Name: "large", Target: 1}, rules.HostName{Name: "largest", Target: 2})
			e := startHTTP(t, 1, p)
			c := e.DialHTTP()
			c.Send("GET / HTTP/1.1\r\nHost: " + q.host + "\r\n" + strings.Repeat("X: "+strings.Repeat("x", q.bytes)+"\r\n", q.lines) + "\r\n")
			if a := c.Answer("GET"); a.Status[:3] != q.want {
				t.Errorf("got %s, want %s", a.Status, q.want)
			}
			if x := e.ExchangeOf(c, 1); x.Fault.String() != q.fault || (q.want == "400") != (x.Reason == reason.TooLarge) {
				t.Errorf("the record: got %v, %v", x.Reason, x.Fault)
			}
		})
	}
}

// TestResponseHeadSizes: a backend's head has the bounds of the site.
func TestResponseHeadSizes_RUL_06(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	long := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
		return c.Reply(lulltest.Response("long", "X: "+strings.Repeat("x", 10000)))
	})
	set := addSet(p, "set", long.Addr)
	addSite(t, p, "small", &rules.Config{}, set)
	addSite(t, p, "large", &rules.Config{Head: rules.HeadForm{BufferBytes: 64 << 10}}, set)
	setHosts(t, lulltest.Listener(p), rules.HostName{Name: "large", Target: 1})
	e := startHTTP(t, 1, p)
	for host, want := range map[string]string{"small": "502", "large": "long"} {
		if got := led(e.DialHTTP(), host, "/"); got != want {
			t.Errorf("%s: got %s, want %s", host, got, want)
		}
	}
}

// TestTooLarge: the status of a head that is too large is the listener's to choose, with sites and without.
func TestTooLargeStatus_RUL_06(t *testing.T) {
	t.Parallel()
	for want, own := range map[string]int{"400": 0, "431": 431} {
		p := lulltest.HTTPPlan(0, answering(t, "a").Addr)
		lulltest.Listener(p).Answers = plan.Answers{TooLarge: own}
		e := startHTTP(t, 1, p)
		if got := led(e.DialHTTP(), "a", "/", "X: "+strings.Repeat("x", 20<<10)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		c := e.DialHTTP()
		c.Send(strings.Repeat("M", 200) + " / HTTP/1.1\r\nHost: a\r\n\r\n")
		if a := c.Answer("GET"); a.StatusCode != 405 {
			t.Errorf("a long method: got %s, want 405", a.Status)
		}
	}
}
