package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// sized returns a head of exactly that many bytes, with lines of at most lineMax.
func sized(start string, size, lineMax int) string {
	const shortest = len("X: \r\n")
	var b strings.Builder
	b.WriteString(start)
	for size -= len(start) + len("\r\n"); size > 0; {
		n := min(size, lineMax)
		if rest := size - n; rest > 0 && rest < shortest {
			n -= shortest
		}
		b.WriteString("X: " + strings.Repeat("y", n-shortest) + "\r\n")
		size -= n
	}
	return b.String() + "\r\n"
}

// TestHeadSizes: heads up to the limit pass in both directions, over fresh connections and pooled ones; a byte more does not.
func TestHeadSizes(t *testing.T) {
	busy(t)
	for name, headMax := range map[string]int{"least": 4 << 10, "default": plan.HeadMaxDefault, "most": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lineMax := max(http1.RequestLimits.Line, headMax/4)
			s := newStand(t, func(l *plan.Listener) { l.HeadMax = headMax }, func(c net.Conn, r lulltest.Received) bool {
				size := headMax
				if r.URL.Path == "/large" {
					size++
				}
				_, err := io.WriteString(c, sized(ok+"Content-Length: 5\r\n", size, lineMax)+"hello")
				return err == nil
			})
			for range 3 {
				c := s.DialHTTP()
				pipe(c.Conn, sized(post+"Content-Length: 5\r\n", headMax, lineMax)+"hello")
				c.ExpectAnswer("hello")
				_ = c.Close()
			}
			c := s.DialHTTP()
			pipe(c.Conn, sized(post+"Content-Length: 5\r\n", headMax+1, lineMax)+"hello")
			page(t, c, "POST", 400)
			c = s.DialHTTP()
			c.Get("/large")
			page(t, c, "GET", 502)
		})
	}
}

// pipe sends s in the background, as far as its reader takes it.
func pipe(c net.Conn, s string) {
	go func() {
		_ = c.SetWriteDeadline(time.Now().Add(lulltest.Patience))
		_, _ = io.WriteString(c, s)
	}()
}

// TestCounts: the largest line, method and numbers of fields pass; one more does not.
func TestCounts(t *testing.T) {
	t.Parallel()
	s, set := scripted(t)
	line, fields := http1.RequestLimits.Line, http1.RequestLimits.Fields
	target := func(size int) string { return "/" + strings.Repeat("a", size-len("GET / HTTP/1.1")) }
	field := func(size int) string { return "X: " + strings.Repeat("y", size-len("X: ")) + "\r\n" }
	for name, c := range map[string]struct {
		request, response string
		status            int
	}{
		"request_line":          {get(target(line)), "", 200},
		"request_line_more":     {get(target(line + 1)), "", 400},
		"request_field":         {post + field(line) + "\r\n", "", 200},
		"request_field_more":    {post + field(line+1) + "\r\n", "", 400},
		"request_fields":        {post + strings.Repeat("X: y\r\n", fields-1) + "\r\n", "", 200},
		"request_fields_more":   {post + strings.Repeat("X: y\r\n", fields) + "\r\n", "", 400},
		"method":                {strings.Repeat("M", http1.MethodMax) + " / HTTP/1.1\r\n" + hostLine, "", 200},
		"method_more":           {strings.Repeat("M", http1.MethodMax+1) + " / HTTP/1.1\r\n" + hostLine, "", 405},
		"response_field":        {get("/"), field(line), 200},
		"response_field_more":   {get("/"), field(line + 1), 502},
		"response_fields":       {get("/"), strings.Repeat("X: y\r\n", fields-1), 200},
		"response_fields_more":  {get("/"), strings.Repeat("X: y\r\n", fields), 502},
		"trailers":              {post + chunkedLine + "\r\n0\r\n" + strings.Repeat("X: y\r\n", http1.TrailerLimits.Fields) + "\r\n", "", 200},
		"trailers_more":         {post + chunkedLine + "\r\n0\r\n" + strings.Repeat("X: y\r\n", http1.TrailerLimits.Fields+1) + "\r\n", "", 400},
		"connection_names":      {post + "Connection: " + strings.Repeat("x,", 16) + "\r\n\r\n", "", 200},
		"connection_names_more": {post + "Connection: " + strings.Repeat("x,", 17) + "\r\n\r\n", "", 400},
	} {
		s.answerOdd(name, func() {
			set(ok+c.response+"Content-Length: 5\r\n\r\nhello", "")
			client := s.DialHTTP()
			client.Send(c.request)
			if c.status == 200 {
				client.ExpectAnswer("hello")
			} else {
				page(t, client, "GET", c.status)
			}
			_ = client.Close()
		})
	}
}

// TestPages: a response that lull makes itself is short, has all that a client needs and tells nobody what made it. It
// reaches a client that goes on sending, without an RST behind it.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status  int
		request string
		backend func(c net.Conn)
	}{
		"bad_request":  {400, "GET\r\n\r\n", nil},
		"bad_chunk":    {400, post + chunkedLine + "\r\nx\r\n", nil},
		"long_method":  {405, strings.Repeat("M", 200), nil},
		"too_large":    {400, "GET / HTTP/1.1\r\nHost: test\r\nX: ", nil},
		"too_slow":     {408, "GET / HTTP/1.1\r\nHost: test\r\n", nil},
		"bad_response": {502, post + "Content-Length: 1000000000\r\n\r\n", func(c net.Conn) { _, _ = io.WriteString(c, "nonsense\r\n") }},
		"no_backend":   {503, post + "Content-Length: 1000000000\r\n\r\n", nil},
		"no_answer":    {504, post + "Content-Length: 1000000000\r\n\r\n", func(c net.Conn) { _ = c.Close() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				backend := lulltest.Serve(t, func(conn *net.TCPConn) {
					if c.backend != nil {
						c.backend(conn)
					}
					_ = conn.SetReadDeadline(time.Now().Add(lulltest.Patience))
					_, _ = io.Copy(io.Discard, conn)
				})
				to := backend.Addr
				if name == "no_backend" {
					to = lulltest.Refused(t)
				}
				p := lulltest.HTTPPlan(m, to)
				if name == "too_slow" {
					lulltest.Listener(p).Timeouts.RequestHead = 200 * time.Millisecond
				}
				e := startHTTP(t, 2, p)
				client := e.DialHTTP()
				client.Send(c.request)
				begin := ""
				if name == "too_slow" {
					begin = "H"
					client.Expect(begin) // so that it is sending while lull closes
				}
				stop := pouring(client, "X: y\r\n")
				want := c.status
				if want == 504 && m == timeout.Directional {
					want = 502
				}
				checkPage(t, client, begin, want)
				stop()
			})
		})
	}
}

// TestPageForHEAD: the answer to HEAD has the head of the page and not a byte of the page itself (RFC 9110 §9.3.2), which a client
// would take for its next response.
func TestPageForHEAD(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		e := startHTTP(t, 1, lulltest.HTTPPlan(m, lulltest.Refused(t)))
		client := e.DialHTTP()
		client.Send(lulltest.Request("HEAD", "/", ""))
		how, data := client.End()
		head, rest, _ := strings.Cut(string(data), "\r\n\r\n")
		if how != "eof" || !strings.HasPrefix(head, "HTTP/1.1 503 ") || !strings.Contains(head, "\r\nContent-Length: ") || rest != "" {
			t.Errorf("client: got %q and %s, want the head of a 503, nothing behind it, and a FIN", data, how)
		}
	})
}

// checkPage reads a page, of which begin has been read, and checks every part of it.
func checkPage(t *testing.T, c *lulltest.HTTPConn, begin string, status int) {
	t.Helper()
	how, data := c.End()
	data = append([]byte(begin), data...)
	a := lulltest.Parse(t, "GET", data, how)
	checkOwn(t, a, "GET", status)
	if how != "eof" || len(data) > 1000 || a.ContentLength != int64(len(a.Data)) {
		t.Errorf("client: got %d bytes with a length of %d for %d, and %s; want a short page, its length, and a FIN", len(data), a.ContentLength, len(a.Data), how)
	}
	if _, err := time.Parse(time.RFC1123, a.Header.Get("Date")); err != nil || !strings.Contains(string(a.Data), fmt.Sprint(status)) {
		t.Errorf("client: got %v and %q, want a date and the status", a.Header, a.Data)
	}
	if text := strings.ToLower(string(data)); strings.Contains(text, "lull") || strings.Contains(text, "server:") || strings.Contains(text, "via:") {
		t.Errorf("client: got %q, which says what made it", data)
	}
}

// TestConnectionsMaxHTTP: with as many connections as there may be, all at work, further clients wait and are served in their
// turn.
func TestConnectionsMaxHTTP(t *testing.T) {
	t.Parallel()
	const most, clients = 4, 20
	answer := make(chan struct{})
	backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
		<-answer
		return c.Reply(lulltest.Response("hello"))
	})
	e := lulltest.StartWith(t, dataplane.Options{Loops: 2, ConnectionsMax: most}, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
	var conns [clients]*lulltest.HTTPConn
	for i := range conns {
		conns[i] = e.DialHTTP() // the kernel answers
		conns[i].Get("/")
	}
	if !lulltest.Eventually(func() bool { return len(backend.Seen()) == most }) {
		t.Fatalf("requests under way: got %d, want %d", len(backend.Seen()), most)
	}
	if n := e.Stats().Connections; n != most {
		t.Errorf("connections: got %d, want %d", n, most)
	}
	close(answer)
	for _, c := range conns {
		c.ExpectAnswer("hello")
	}
}
