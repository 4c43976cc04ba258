package program_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// TestHTTPHealthCheck has a backend fail its health check over HTTP, and pass it again: requests keep away from it, and
// come back. Connections and clients notice nothing.
func TestHTTPHealthCheck(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	var sick atomic.Bool
	serve := func(name string) *lulltest.HTTPServer {
		return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, r lulltest.Seen) bool {
			if r.URL.Path == "/healthz" && name == "one" && sick.Load() {
				c.Reply("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
				return false
			}
			return c.Reply(lulltest.Response(name)) && r.URL.Path != "/healthz"
		})
	}
	one, two := serve("one"), serve("two")
	p := d.Serve(beforeHTTP(one.Addr, "        backends:\n", fmt.Sprintf("        policy: round_robin\n"+
		"        health_check: {protocol: http, path: /healthz, interval: 300ms, timeout: 300ms, healthy: 2, unhealthy: 2}\n"+
		"        backends:\n          - {address: 127.0.0.1, port: %d}\n", two.Addr.Port())))
	p.WaitLogs(2, "backend is up")
	c := dialHTTP(t, d)
	asks := func(n int) (names string) {
		t.Helper()
		for range n {
			c.Get("/")
			a := c.Answer("GET")
			if a.StatusCode != http.StatusOK {
				t.Fatalf("got %s, want 200", a.Status)
			}
			names += string(a.Data) + " "
		}
		return names
	}
	both := func(names string) bool { return strings.Contains(names, "one") && strings.Contains(names, "two") }
	if got := asks(4); !both(got) {
		t.Errorf("both are up: got %q, want both", got)
	}
	sick.Store(true)
	p.WaitLog("backend is down", one.Addr.String(), "answered 503, want 200")
	if got := asks(8); strings.Contains(got, "one") {
		t.Errorf("one is down: got %q, want only two", got)
	}
	sick.Store(false)
	p.WaitLogs(2, "backend is up", one.Addr.String())
	if got := asks(4); !both(got) {
		t.Errorf("both are up again: got %q, want both", got)
	}
	for _, s := range []*lulltest.HTTPServer{one, two} {
		for _, r := range s.Seen() {
			if r.URL.Path == "/healthz" && (r.UserAgent() != "ELB-HealthChecker/1.0" || r.Header.Get("X-Forwarded-For") != "") {
				t.Fatalf("health check: got %v, want lull's own request", r.Header)
			}
		}
	}
	if got := d.Read("access.log"); strings.Contains(got, "healthz") {
		t.Errorf("access log: got\n%s\nwant no health checks in it", got)
	}
}

// answerHalf is a backend that prints where it listens, and answers each request with half of what it announces.
func answerHalf() error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
				}
			}()
		}
	}()
	return nil
}

// TestHTTPBackendKilled kills a backend's process in the middle of its response. The client must not take what it got for
// the whole, and the next request goes to the backend that is left.
func TestHTTPBackendKilled(t *testing.T) {
	t.Parallel()
	d, other := program.NewDir(t), lulltest.Greeter(t)
	half := startPeer(t, "half")
	addr := netip.MustParseAddrPort(half.line())
	d.Serve(beforeHTTP(other.Addr, "          - {address", fmt.Sprintf("          - {address: 127.0.0.1, port: %d}\n          - {backup: true, address", addr.Port())))
	c := dialHTTP(t, d)
	c.Get("/big")
	r := c.Head()
	if r.StatusCode != http.StatusOK || r.ContentLength != 10 {
		t.Fatalf("got %s and %d bytes announced, want 200 and 10", r.Status, r.ContentLength)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(r.Body, got); err != nil || string(got) != "half." {
		t.Fatalf("body: got %q, %v, want its first half", got, err)
	}
	if err := half.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(r.Body); len(rest) != 0 || err == nil {
		t.Errorf("the rest of the body: got %q and no error, want the end of the connection", rest)
	}
	line := logged(t, d, "/big ", " 200 ", " down=5 ")
	if !strings.Contains(line, " backend-closed by=back-end ") && !strings.Contains(line, " backend-reset by=back-end ") {
		t.Errorf("access log: got %s, want backend-closed or backend-reset", line)
	}
	answered(t, d)
	logged(t, d, "/hello ", " 200 ", " -> "+other.Addr.String()+" ", " completed ", " tries=2 ")
}
