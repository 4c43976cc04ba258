package dataplane_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

func setField(name, value string) rules.HeaderEdit {
	return rules.HeaderEdit{Kind: rules.SetField, Name: name, Value: value}
}

func extendField(name, prefix, suffix string) rules.HeaderEdit {
	return rules.HeaderEdit{Kind: rules.ExtendField, Name: name, Prefix: prefix, Suffix: suffix}
}

func removeField(name string) rules.HeaderEdit {
	return rules.HeaderEdit{Kind: rules.RemoveField, Name: name}
}

// siteBefore is a listener with one site, before a backend whose connections the test holds.
func siteBefore(t *testing.T, change func(*plan.Site)) *site {
	t.Helper()
	hand, accepted := lulltest.Hands(t)
	p := ociPlan()
	s := addSite(t, p, "web", &rules.Config{}, addSet(p, "set", hand.Addr))
	change(s)
	return &site{startHTTP(t, 1, p), t, p, hand, accepted}
}

// fieldsOf cuts a head to its field lines.
func fieldsOf(head string) []string {
	all := strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n")
	return all[1:]
}

// TestHeadEdits: fields are added, extended and removed in both heads, and in trailers no more than in heads. What lull tells of the
// client is neither removed nor replaced, nor is Host.
func TestHeadEdits_RUL_01_HDR_01_HDR_02(t *testing.T) {
	t.Parallel()
	s := siteBefore(t, func(site *plan.Site) {
		site.Request = editing(t, setField("X-Tenant", "t1"), extendField("user-agent", "<", ">"), removeField("x_secret"), removeField("Cookie"),
			removeField("X-Forwarded-For"), setField("X-Forwarded-Proto", "wss"), removeField("x_real_ip"), removeField("Host"), setField("Host", "b"),
			removeField("x-forwarded-host"), extendField("X-Forwarded-Port", "1", ""))
		site.Response = editing(t, setField("Strict-Transport-Security", "max-age=1"), removeField("Server"), removeField("x-powered_by"), extendField("Via", "a, ", ""))
	})
	client, backend := s.meet("POST /x HTTP/1.1\r\nHost: a:1\r\nX-Tenant: t2\r\nx_tenant: t3\r\nUser-Agent: u\r\nX-Secret: 1\r\nX-Forwarded-For: 192.0.2.1\r\n" +
		"X-Real-IP: 192.0.2.2\r\nCookie: a=b\r\nTransfer-Encoding: chunked\r\nX_Secret: 2\r\nAccept: *\r\n\r\n0\r\nX-Secret: 3\r\nUser-Agent: v\r\nX-Sum: 1\r\n\r\n")
	want := []string{
		"Host: a:1", "X-Forwarded-For: 192.0.2.1, 127.0.0.1", "Transfer-Encoding: chunked", "Accept: *",
		"X-Forwarded-Proto: http", fmt.Sprintf("X-Forwarded-Port: %d", s.Local(lulltest.HTTPKey).Port()), "X-Real-IP: 127.0.0.1", "X-Forwarded-Host: a:1",
		"X-Tenant: t1", "User-Agent: <u>", "X-Forwarded-Proto: wss",
	}
	if got := fieldsOf(readHead(t, backend)); !slices.Equal(got, want) {
		t.Errorf("backend: got %q, want %q", got, want)
	}
	backend.Expect("0\r\nX-Sum: 1\r\n\r\n")
	backend.Send("HTTP/1.1 103 Early Hints\r\nServer: x\r\nLink: y\r\n\r\n" +
		"HTTP/1.1 200 OK\r\nServer: x\r\nX-Powered-By: y\r\nVia: b\r\nTransfer-Encoding: chunked\r\nX_Powered-by: z\r\n\r\n0\r\nServer: x\r\nX-Sum: 2\r\n\r\n")
	client.Expect("HTTP/1.1 103 Early Hints\r\nLink: y\r\n\r\n")
	want = []string{"Transfer-Encoding: chunked", "Strict-Transport-Security: max-age=1", "Via: a, b"}
	if got := fieldsOf(readHead(t, client)); !slices.Equal(got, want) {
		t.Errorf("client: got %q, want %q", got, want)
	}
	client.Expect("0\r\nX-Sum: 2\r\n\r\n")
}

// TestTwins: what lull tells of the client cannot be told by the client in its place, to an application that knows no underscores from
// hyphens; nor can a field that such an application would frame the body by reach it past a site's rules.
func TestTwins_HDR_01(t *testing.T) {
	t.Parallel()
	shared := "X_Forwarded_For: 192.0.2.1\r\nx_forwarded-proto: https\r\nX-Forwarded_Port: 1\r\n"
	told := shared + "X_Real_IP: 192.0.2.2\r\nX-Forwarded_Host: b\r\n"
	framing := "transfer_encoding: chunked\r\n" // beside a Content_Length it would be refused
	for name, c := range map[string]struct {
		on   *site
		sent string
	}{
		"shared":      {counter(t, 1, timeout.Shared, func(*plan.Plan) {}), shared},
		"directional": {counter(t, 1, timeout.Directional, func(*plan.Plan) {}), told},
		"site":        {siteBefore(t, func(*plan.Site) {}), told + framing},
		"edited": {siteBefore(t, func(site *plan.Site) {
			site.RequestID, site.Request = "X-Request-Id", editing(t, setField("X-A", "b"), removeField("X-Forwarded-For"))
		}), told + framing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			head := "POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.3\r\n" + c.sent + "Content-Length: 5\r\n\r\n"
			_, backend := c.on.meet(head + "hello")
			got := readHead(t, backend)
			if strings.Contains(got, "_") || !strings.Contains(got, "\r\nX-Forwarded-For: 192.0.2.3, 127.0.0.1\r\n") || !strings.Contains(got, "\r\nContent-Length: 5\r\n") {
				t.Errorf("sent %q, the backend got %q", head, got)
			}
			backend.Expect("hello")
		})
	}
}

// TestUpgradeEdits: the head that begins a tunnel is edited like any other.
func TestUpgradeEdits_RUL_01(t *testing.T) {
	t.Parallel()
	s := siteBefore(t, func(site *plan.Site) {
		site.Request, site.Response = editing(t, removeField("Origin")), editing(t, removeField("Server"), setField("X-A", "b"))
	})
	client, backend := s.meet("GET / HTTP/1.1\r\nHost: a\r\nOrigin: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
	if head := readHead(t, backend); strings.Contains(head, "Origin") || !strings.Contains(head, "Upgrade: chat") {
		t.Errorf("backend: got %q", head)
	}
	backend.Send("HTTP/1.1 101 Switching Protocols\r\nServer: x\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello")
	want := []string{"Upgrade: chat", "Connection: Upgrade", "X-A: b"}
	if got := fieldsOf(readHead(t, client)); !slices.Equal(got, want) {
		t.Errorf("client: got %q, want %q", got, want)
	}
	client.Expect("hello")
}

// TestRequestID: without the setting nothing is added; with it a request that brings an id keeps it, others get one that no other
// has, and the client is told, whoever answers.
func TestRequestID_HDR_03(t *testing.T) {
	t.Parallel()
	made := regexp.MustCompile(`^[0-9a-f]{32}$`)
	for _, q := range []struct {
		name, field, sent, answered string
		want                        string // empty: one that lull has made
	}{
		{"none", "X-Request-Id", "", "", ""},
		{"brought", "X-Request-Id", "x-request-id: abc\r\n", "", "abc"},
		{"brought_twice", "X-Request-Id", "X-Request-Id: abc\r\nx_request_id: def\r\n", "", "abc"},
		{"brought_with_twin", "X-Request-Id", "x_request_id: abc\r\nX-Request-Id: def\r\n", "", "abc"},
		{"empty", "X-Request-Id", "X-Request-Id:\r\n", "", ""},
		{"long", "X-Request-Id", "X-Request-Id: " + strings.Repeat("x", 8<<10-14) + "\r\n", "", strings.Repeat("x", 8<<10-14)},
		{"hidden", "X-Request-Id", "Connection: X-Request-Id\r\nX-Request-Id: abc\r\n", "", ""},
		{"backends_own", "X-Request-Id", "", "X-Request-Id: backend\r\n", ""},
		{"other_name", "X-Trace_No", "x-request-id: abc\r\nX-Trace-No: def\r\n", "", "def"},
	} {
		t.Run(q.name, func(t *testing.T) {
			t.Parallel()
			s := siteBefore(t, func(site *plan.Site) { site.RequestID = q.field })
			client, backend := s.meet("GET / HTTP/1.1\r\nHost: a\r\n" + q.sent + "\r\n")
			r := backend.Request()
			name := strings.ReplaceAll(q.field, "_", "-")
			var got []string
			for field, values := range r.Header {
				if strings.EqualFold(strings.ReplaceAll(field, "_", "-"), name) {
					got = append(got, values...)
				}
			}
			backend.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + q.answered + "\r\n")
			told := client.Answer("GET").Header.Values(q.field)
			if len(got) != 1 || len(told) != 1 || got[0] != told[0] {
				t.Fatalf("the backend got %q, the client %q", got, told)
			}
			if q.want != "" && got[0] != q.want || q.want == "" && !made.MatchString(got[0]) {
				t.Errorf("got %q, want %q", got[0], q.want)
			}
		})
	}
}

// TestRequestIDInTrailers: an id behind the body is not told beside the one in the head.
func TestRequestIDInTrailers_HDR_03(t *testing.T) {
	t.Parallel()
	s := siteBefore(t, func(site *plan.Site) { site.RequestID = "X-Request-Id" })
	_, backend := s.meet("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Request-Id: a\r\nX_Request_Id: b\r\nX-Sum: 1\r\n\r\n")
	readHead(t, backend)
	backend.Expect("0\r\nX-Sum: 1\r\n\r\n")
}

// TestRequestIDs: no two requests have the same id, on one connection or on several loops, and lull's own answers have one too.
func TestRequestIDs_HDR_03(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	site := addSite(t, p, "web", &rules.Config{Methods: &rules.Methods{Allowed: []string{"GET"}}}, addNamed(t, p, "a"))
	site.RequestID = "X-Request-Id"
	e := startHTTP(t, 4, p)
	seen := map[string]bool{}
	for i := range 40 {
		c := e.DialHTTP()
		for _, method := range []string{"GET", "PUT", "GET"} {
			c.Send(lulltest.Request(method, "/", ""))
			a := c.Answer(method)
			id := a.Header.Get("X-Request-Id")
			if (a.StatusCode == 405) != (method == "PUT") || id == "" || seen[id] {
				t.Fatalf("connection %d, %s: got %s and the id %q", i, method, a.Status, id)
			}
			seen[id] = true
		}
	}
}

// TestNoRequestID: it is off unless it is asked for, and a field of that name is one like any other.
func TestNoRequestID_HDR_03(t *testing.T) {
	t.Parallel()
	s := siteBefore(t, func(*plan.Site) {})
	client, backend := s.meet("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	r := backend.Request()
	backend.Send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Request-Id: b\r\n\r\n")
	if got := client.Answer("GET").Header.Get("X-Request-Id"); got != "b" || r.Header.Get("X-Request-Id") != "" {
		t.Errorf("the client got %q, the backend %q", got, r.Header.Get("X-Request-Id"))
	}
}

// TestEditsOnRetry: a request that goes to a fresh connection after a dead one is the same one, with the same id.
func TestEditsOnRetry(t *testing.T) {
	t.Parallel()
	s := siteBefore(t, func(site *plan.Site) {
		site.RequestID, site.Request = "X-Request-Id", editing(t, setField("X-A", "b"))
	})
	client, backend := s.meet(lulltest.Request("GET", "/", ""))
	backend.Request()
	backend.Send(lulltest.Response("first"))
	client.ExpectAnswer("first")
	client.Get("/again")
	first := backend.Request().Header
	_ = backend.Close()
	fresh := lulltest.TakeHTTP(t, s.accepted)
	second := fresh.Request().Header
	fresh.Send(lulltest.Response("second"))
	if a := client.ExpectAnswer("second"); a.Header.Get("X-Request-Id") != first.Get("X-Request-Id") {
		t.Errorf("the client got %q, want %q", a.Header, first)
	}
	if second.Get("X-Request-Id") != first.Get("X-Request-Id") || len(second["X-Request-Id"]) != 1 || second.Get("X-A") != "b" {
		t.Errorf("first %q, then %q", first, second)
	}
}

// TestEditsWithoutSites: a listener without sites changes no head that it did not change before.
func TestEditsWithoutSites(t *testing.T) {
	t.Parallel()
	s := counter(t, 1, timeout.Directional, nil)
	_, backend := s.meet("GET / HTTP/1.1\r\nHost: a\r\nX_Tenant: t\r\n\r\n")
	want := append([]string{"Host: a", "X_Tenant: t", forwardedFor}, added(s, timeout.Directional, "a")...)
	if got := fieldsOf(readHead(t, backend)); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
