package program_test

import (
	"io"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// beforeHTTP is before, with an HTTP listener named web.
func beforeHTTP(backend netip.AddrPort, replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(before(backend, "name: echo, protocol: tcp", "name: web, protocol: http"))
}

// dialHTTP connects to the one listener.
func dialHTTP(t *testing.T, d *program.Dir) *lulltest.HTTPConn {
	t.Helper()
	return lulltest.HTTP(lulltest.Dial(t, d.At(port)))
}

// answered dials and has a first request answered with "hello": the connection is then one that waits for the next.
func answered(t *testing.T, d *program.Dir) *lulltest.HTTPConn {
	t.Helper()
	c := dialHTTP(t, d)
	hello(c)
	return c
}

// hello asks for /hello and expects it.
func hello(c *lulltest.HTTPConn) lulltest.Answer {
	c.Get("/hello")
	return c.ExpectAnswer("hello")
}

// stage is a backend that does what its requests ask for: /hello says hello, /ws becomes a tunnel that echoes, /held says
// hello when release is called, and /silent never answers.
type stage struct {
	*lulltest.HTTPServer
	held chan struct{}
}

func serveStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{held: make(chan struct{})}
	s.HTTPServer = lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, r lulltest.Seen) bool {
		switch r.URL.Path {
		case "/ws":
			c.Reply("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_ = c.SetReadDeadline(time.Now().Add(10 * lulltest.Patience))
			_, _ = io.Copy(c.Conn, c)
			return false
		case "/silent":
			_ = c.SetReadDeadline(time.Now().Add(10 * lulltest.Patience))
			_, _ = c.Read(make([]byte, 1))
			return false
		case "/held":
			select {
			case <-s.held:
			case <-t.Context().Done():
				return false
			}
		}
		return c.Reply(lulltest.Response("hello"))
	})
	return s
}

// release answers every request for /held.
func (s *stage) release() { close(s.held) }

// await returns when the backend has been asked for a target that often.
func (s *stage) await(t *testing.T, target string, times int) {
	t.Helper()
	count := func() (n int) {
		for _, r := range s.Seen() {
			if r.RequestURI == target {
				n++
			}
		}
		return n
	}
	if !lulltest.Eventually(func() bool { return count() == times }) {
		t.Fatalf("requests for %s at the backend: got %d, want %d", target, count(), times)
	}
}

// logged returns when the access log has a line with all the words, and returns that line.
func logged(t *testing.T, d *program.Dir, words ...string) (line string) {
	t.Helper()
	if !lulltest.Eventually(func() bool {
		line = lineWith(d.Read("access.log"), words...)
		return line != ""
	}) {
		t.Fatalf("access log: got\n%s\nwant a line with all of %q", d.Read("access.log"), words)
	}
	return line
}

// lineWith returns the first line that contains all the words; empty if none does.
func lineWith(text string, words ...string) string {
next:
	for line := range strings.Lines(text) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return line
	}
	return ""
}

// TestHTTPServe serves HTTP from a file: what the backend is told of the client, and that both sides' connections are kept.
func TestHTTPServe(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	backend := lulltest.Greeter(t)
	d.Serve(beforeHTTP(backend.Addr, "loops: 2", "loops: 1"))
	c := dialHTTP(t, d)
	for range 3 {
		if a := hello(c); a.Close {
			t.Error("the response ends the connection")
		}
	}
	answered(t, d)
	seen := backend.Seen()
	if len(seen) != 4 || seen[3].Conn != 1 {
		t.Fatalf("backend: got %d requests, the last on connection %d; want 4 on the first", len(seen), seen[len(seen)-1].Conn)
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Port": strconv.Itoa(port), "X-Forwarded-Proto": "http",
	} {
		if got := seen[0].Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	logged(t, d, " 1/3 ", " -> lb/web -> ", `"GET test/hello HTTP/1.1" 200 `, " up=0 down=5 completed ")
}
