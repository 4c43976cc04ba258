package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// added are the field lines that a backend gets behind those of the client, with the host that the client asked for.
func added(s *site, m timeout.Model, host string) []string {
	all := []string{"X-Forwarded-Proto: http", fmt.Sprintf("X-Forwarded-Port: %d", s.Local(lulltest.HTTPKey).Port())}
	if m == timeout.Directional {
		all = append(all, "X-Real-IP: 127.0.0.1")
		if host != "" {
			all = append(all, "X-Forwarded-Host: "+host)
		}
	}
	return all
}

const forwardedFor = "X-Forwarded-For: 127.0.0.1"

// headCase is a request head as a client sends it, and its lines as a backend gets them, without those that lull always adds.
type headCase struct {
	sent, got []string
	host      string // as X-Forwarded-Host tells it; "a" unless it is given, "-" for none
}

//nolint:gochecknoglobals // the rows of a table
var requestHeads = map[string]headCase{
	"plain": {sent: []string{"GET /x?y=z HTTP/1.1", "Host: a"}, got: []string{"GET /x?y=z HTTP/1.1", "Host: a", forwardedFor}},
	"bytes_and_order": {
		sent: []string{"PURGE /%7Eu/../é HTTP/1.1", "x-B:  two  spaces\t", "HOST:a", "X-empty:", "accept: 1", "X-b: again", "Accept: 2", "Via: 1.1 other", "Set-Cookie: \xff\"=;"},
		got:  []string{"PURGE /%7Eu/../é HTTP/1.1", "x-B:  two  spaces\t", "HOST:a", "X-empty:", "accept: 1", "X-b: again", "Accept: 2", "Via: 1.1 other", "Set-Cookie: \xff\"=;", forwardedFor},
	},
	"forwarded_for_one": {
		sent: []string{"GET / HTTP/1.1", "X-Forwarded-For: 192.0.2.1, 192.0.2.2", "Host: a"},
		got:  []string{"GET / HTTP/1.1", "X-Forwarded-For: 192.0.2.1, 192.0.2.2, 127.0.0.1", "Host: a"},
	},
	"forwarded_for_several": {
		sent: []string{"GET / HTTP/1.1", "Host: a", "x-forwarded-for: 192.0.2.1", "A: b", "X-Forwarded-For:192.0.2.2,192.0.2.3", "X-Forwarded-For:", "C: d"},
		got:  []string{"GET / HTTP/1.1", "Host: a", "x-forwarded-for: 192.0.2.1, 192.0.2.2,192.0.2.3, 127.0.0.1", "A: b", "C: d"},
	},
	"forwarded_for_empty": {
		sent: []string{"GET / HTTP/1.1", "X-Forwarded-For:", "Host: a"},
		got:  []string{"GET / HTTP/1.1", "X-Forwarded-For: 127.0.0.1", "Host: a"},
	},
	"proto_and_port_are_not_believed": {
		sent: []string{"GET / HTTP/1.1", "X-Forwarded-Proto: https", "Host: a", "X-Forwarded-Port: 443", "x-forwarded-proto: wss"},
		got:  []string{"GET / HTTP/1.1", "Host: a", forwardedFor},
	},
	"host_with_port": {sent: []string{"GET / HTTP/1.1", "Host: a.example:8080"}, got: []string{"GET / HTTP/1.1", "Host: a.example:8080", forwardedFor}, host: "a.example:8080"},
	"hop_by_hop": {
		sent: []string{"GET / HTTP/1.1", "Connection: keep-alive, X-One", "Host: a", "Keep-Alive: timeout=5", "X-One: 1", "x-one: 2", "X-Two: 2", "TE: trailers",
			"Proxy-Connection: keep-alive", "Upgrade: h2c", "HTTP2-Settings: AAAA", "Proxy-Authorization: Basic x", "Connection: X-Three", "X-Three: 3"},
		got: []string{"GET / HTTP/1.1", "Host: a", "X-Two: 2", forwardedFor},
	},
	"nominated_but_needed": { // a client cannot hide from the backend what it must know
		sent: []string{"POST / HTTP/1.1", "Connection: Host, Content-Length, Cookie, X-Forwarded-For", "Host: a", "Content-Length: 0", "Cookie: b=c", "X-Forwarded-For: 192.0.2.1"},
		got:  []string{"POST / HTTP/1.1", "Host: a", "Content-Length: 0", "Cookie: b=c", "X-Forwarded-For: 192.0.2.1, 127.0.0.1"},
	},
	"absolute": {
		sent: []string{"GET http://b.example:81/p?q HTTP/1.1", "Accept: *", "Host: a"},
		got:  []string{"GET /p?q HTTP/1.1", "Accept: *", "Host: b.example:81", forwardedFor}, host: "b.example:81",
	},
	"absolute_without_path": {sent: []string{"GET http://b?q HTTP/1.1", "Host: a"}, got: []string{"GET /?q HTTP/1.1", "Host: b", forwardedFor}, host: "b"},
	"options_server":        {sent: []string{"OPTIONS * HTTP/1.1", "Host: a"}, got: []string{"OPTIONS * HTTP/1.1", "Host: a", forwardedFor}},
	"options_absolute":      {sent: []string{"OPTIONS http://b HTTP/1.1", "Host: b"}, got: []string{"OPTIONS * HTTP/1.1", "Host: b", forwardedFor}, host: "b"},
	"http10":                {sent: []string{"GET / HTTP/1.0", "Host: a"}, got: []string{"GET / HTTP/1.1", "Host: a", forwardedFor}},
	"http10_without_host":   {sent: []string{"GET / HTTP/1.0", "A: b"}, got: []string{"GET / HTTP/1.1", "A: b", "Host: 127.0.0.1", forwardedFor}, host: "-"},
	"http10_absolute":       {sent: []string{"GET http://b/c HTTP/1.0"}, got: []string{"GET /c HTTP/1.1", "Host: b", forwardedFor}, host: "b"},
	"length":                {sent: []string{"PUT / HTTP/1.1", "Content-Length: 0", "Host: a"}, got: []string{"PUT / HTTP/1.1", "Content-Length: 0", "Host: a", forwardedFor}},
}

// TestRequestHead: what a backend gets of a request's head. Everything that lull has no reason to change keeps its bytes and
// its place.
func TestRequestHead(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		for name, c := range requestHeads {
			t.Run(name, func(t *testing.T) {
				host := c.host
				if host == "" {
					host = "a"
				}
				client, backend := s.meet(lines(c.sent...))
				want := lines(append(c.got[:len(c.got):len(c.got)], added(s, m, strings.TrimPrefix(host, "-"))...)...)
				if got := readHead(t, backend); got != want {
					t.Errorf("backend: got\n%q, want\n%q", got, want)
				}
				backend.Send(lulltest.Response("hello", "Connection: close"))
				client.ExpectAnswer("hello")
			})
		}
	})
}

// TestClientsAddressFields: X-Real-IP and X-Forwarded-Host are OCI's. There they are set and not believed; on AWS they are
// fields like any other.
func TestClientsAddressFields(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		_, backend := s.meet(lines("GET / HTTP/1.1", "X-Real-IP: 192.0.2.9", "Host: a:1", "x-forwarded-host: evil.example", "X-Real-Ip: 192.0.2.8"))
		want := []string{"GET / HTTP/1.1", "X-Real-IP: 192.0.2.9", "Host: a:1", "x-forwarded-host: evil.example", "X-Real-Ip: 192.0.2.8", forwardedFor}
		if m == timeout.Directional {
			want = []string{"GET / HTTP/1.1", "Host: a:1", forwardedFor}
		}
		if got, want := readHead(t, backend), lines(append(want, added(s, m, "a:1")...)...); got != want {
			t.Errorf("backend: got\n%q, want\n%q", got, want)
		}
	})
}

// TestResponseHead: what a client gets of a response's head.
func TestResponseHead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ sent, got []string }{
		"plain":          {[]string{"HTTP/1.1 200 OK", "Content-Length: 0"}, []string{"HTTP/1.1 200 OK", "Content-Length: 0"}},
		"no_phrase":      {[]string{"HTTP/1.1 200", "Content-Length: 0"}, []string{"HTTP/1.1 200 ", "Content-Length: 0"}},
		"strange_phrase": {[]string{"HTTP/1.1 299 It's  \xe9\t fine", "Content-Length: 0"}, []string{"HTTP/1.1 299 It's  \xe9\t fine", "Content-Length: 0"}},
		"old_backend":    {[]string{"HTTP/1.0 404 Not Found", "Content-Length: 0"}, []string{"HTTP/1.1 404 Not Found", "Content-Length: 0"}},
		"bytes_and_order": {
			[]string{"HTTP/1.1 200 OK", "server:x/1", "SET-cookie: a=b;  Path=/", "Via: 1.0 inner", "Set-Cookie: c=d", "content-length: 0", "X-Empty:", "Date: never", "X-Forwarded-For: 192.0.2.1"},
			[]string{"HTTP/1.1 200 OK", "server:x/1", "SET-cookie: a=b;  Path=/", "Via: 1.0 inner", "Set-Cookie: c=d", "content-length: 0", "X-Empty:", "Date: never", "X-Forwarded-For: 192.0.2.1"},
		},
		"hop_by_hop": {
			[]string{"HTTP/1.1 200 OK", "Connection: keep-alive, x-inner", "Keep-Alive: timeout=1", "X-Inner: 1", "Content-Length: 0", "Proxy-Connection: close", "Upgrade: h2c", "X-Outer: 2", "X-INNER: 3"},
			[]string{"HTTP/1.1 200 OK", "Content-Length: 0", "X-Outer: 2"},
		},
		"closes_behind": {[]string{"HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0"}, []string{"HTTP/1.1 200 OK", "Content-Length: 0"}},
	}
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				client, backend := s.meet(lulltest.Request("GET", "/", ""))
				backend.Request()
				backend.Send(lines(c.sent...))
				if got, want := readHead(t, client), lines(c.got...); got != want {
					t.Errorf("client: got\n%q, want\n%q", got, want)
				}
				_ = backend.Close() // so that the next case has one of its own
				s.WaitPooled(0)
				_ = client.Close()
			})
		}
	})
}

// TestHeadIPv6: an IPv6 client's address is told without brackets, and the listener's as Host with them.
func TestHeadIPv6(t *testing.T) {
	t.Parallel()
	s := counter(t, 1, timeout.Shared, func(p *plan.Plan) { lulltest.Listener(p).Address = netip.MustParseAddrPort("[::1]:0") })
	_, backend := s.meet("GET / HTTP/1.0\r\n\r\n")
	want := lines(append([]string{"GET / HTTP/1.1", "Host: [::1]", "X-Forwarded-For: ::1"}, added(s, timeout.Shared, "")...)...)
	if got := readHead(t, backend); got != want {
		t.Errorf("backend: got\n%q, want\n%q", got, want)
	}
}

// TestHeadWildcard: a listener on every address of the machine tells, to who sends no Host, the one that the client has reached.
func TestHeadWildcard(t *testing.T) {
	t.Parallel()
	s := counter(t, 1, timeout.Shared, func(p *plan.Plan) { lulltest.Listener(p).Address = netip.MustParseAddrPort("0.0.0.0:0") })
	for _, host := range []string{"127.0.0.7", "127.0.0.8"} {
		at := netip.AddrPortFrom(netip.MustParseAddr(host), s.Local(lulltest.HTTPKey).Port())
		lulltest.HTTP(lulltest.Dial(t, at)).Send("GET / HTTP/1.0\r\n\r\n")
		backend := lulltest.TakeHTTP(t, s.accepted)
		if got := readHead(t, backend); !strings.HasPrefix(got, "GET / HTTP/1.1\r\nHost: "+host+"\r\n") {
			t.Errorf("backend: got\n%q, want Host: %s", got, host)
		}
	}
}

// TestConnectRefused: a reverse proxy opens no tunnels to wherever a client likes.
func TestConnectRefused(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		client := s.DialHTTP()
		client.Send(lines("CONNECT b:443 HTTP/1.1", "Host: b:443"))
		checkOwn(t, client.Answer("GET"), "GET", 400)
		closed(t, "client", client)
		if s.backend.Accepted() != 0 {
			t.Error("a backend was connected to, want none")
		}
	})
}
