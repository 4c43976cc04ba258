package load

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestGet(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"empty": 0, "small": 128, "large": 64 << 10, "several-periods": 5*bodyPeriod + 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, targets := startBackend(t, Options{Role: "server", Bytes: size})
			c := start(t, Options{Role: "get", Targets: targets, Conns: 8, Warm: 20, Count: 100})
			c.next(StageReady)
			c.goOn()
			if r := c.next(StageDone); r.Count != 100 || r.Nanos == 0 || r.LatencyP50Nanos == 0 {
				t.Errorf("report: got %+v, want 100 exchanges and their times", r)
			}
			b.goOn()
			if r := b.next(StageCount); r.Accepted != 8 || r.Count < 120 {
				t.Errorf("backend: got %d connections and %d requests, want 8 and at least 120", r.Accepted, r.Count)
			}
		})
	}
}

func TestGetChurn(t *testing.T) {
	t.Parallel()
	b, targets := startBackend(t, Options{Role: "server", Bytes: 128})
	c := start(t, Options{Role: "get-churn", Targets: targets, Conns: 8, Count: 100})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 100 || r.LatencyP50Nanos == 0 {
		t.Errorf("report: got %+v, want 100 connections and their times", r)
	}
	b.goOn()
	if r := b.next(StageCount); r.Accepted != 100 || r.Count != 100 {
		t.Errorf("backend: got %d connections and %d requests, want 100 of each", r.Accepted, r.Count)
	}
}

func TestGetHoldAndWait(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"get-hold", "post-hold", "wait"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			b, targets := startBackend(t, Options{Role: "server", Bytes: 128})
			c := start(t, Options{Role: role, Targets: targets, Conns: 100, Bytes: 1000})
			if r := c.next(StageReady); r.Count != 100 {
				t.Errorf("open: got %d, want 100", r.Count)
			}
			b.await(func(r Report) bool { return r.Accepted == 100 && r.Count == 100 })
			c.goOn()
			if r := c.next(StageCount); r.Count != 100 || r.Errors != 0 {
				t.Errorf("held: got %d, and %d ended; want 100 and none", r.Count, r.Errors)
			}
			c.in.Close()
			if err := <-c.done; err != nil {
				t.Error(err)
			}
		})
	}
}

// TestHoldCountsEnds has a server close some of the connections that a client holds.
func TestHoldCountsEnds(t *testing.T) {
	t.Parallel()
	last := make(chan bool)
	target := scripted(t, func(conn net.Conn) {
		if r := bufio.NewReader(conn); readHead(r) == nil {
			_, _ = io.WriteString(conn, responseHead(0, "")) // the client may have given up
		}
		<-last
	})
	c := start(t, Options{Role: "get-hold", Targets: []Address{target}, Conns: 5})
	c.next(StageReady)
	last <- true
	last <- true
	c.await(func(r Report) bool { return r.Errors == 2 && r.Count == 3 })
	close(last)
	c.await(func(r Report) bool { return r.Errors == 5 && r.Count == 0 })
}

// await asks a child until its numbers are as wanted.
func (c *child) await(done func(Report) bool) {
	c.t.Helper()
	var r Report
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		c.goOn()
		if r = c.next(StageCount); done(r) {
			return
		}
	}
	c.t.Fatalf("got %+v after 10 s", r)
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	b, targets := startBackend(t, Options{Role: "server", Bytes: 128})
	c := start(t, Options{Role: "upgrade", Targets: targets, Conns: 4, Bytes: 100, Warm: 10, Count: 50})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 50 {
		t.Errorf("report: got %+v, want 50 exchanges", r)
	}
	b.goOn()
	if r := b.next(StageCount); r.Count != 4 {
		t.Errorf("backend: got %d requests, want 4, one for each tunnel", r.Count)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	const rate, count = 2000, 400
	_, targets := startBackend(t, Options{Role: "server", Bytes: 128})
	c := start(t, Options{Role: "pace", Targets: targets, Conns: 4, Warm: 10, Count: count, Rate: rate})
	c.next(StageReady)
	c.goOn()
	r := c.next(StageDone)
	if r.Count != count || r.LatencyP50Nanos == 0 || r.LatencyP99Nanos < r.LatencyP50Nanos {
		t.Errorf("report: got %+v, want %d exchanges and their times", r, count)
	}
	if took, least := time.Duration(r.Nanos), count*time.Second/rate*3/4; took < least {
		t.Errorf("%d exchanges at %d/s: took %v, want at least %v", count, rate, took, least)
	}
}

// TestPaceCountsFromWhenDue has a server that answers one request at a time, too slowly for the rate: what a request
// waited before it could be sent belongs to its latency.
func TestPaceCountsFromWhenDue(t *testing.T) {
	t.Parallel()
	const count, each = 50, 4 * time.Millisecond
	target := scripted(t, func(conn net.Conn) {
		for r := bufio.NewReader(conn); readHead(r) == nil; {
			<-time.NewTimer(each).C
			if _, err := io.WriteString(conn, responseHead(0, "")); err != nil {
				return
			}
		}
	})
	c := start(t, Options{Role: "pace", Targets: []Address{target}, Conns: 1, Warm: 1, Count: count, Rate: 10_000})
	c.next(StageReady)
	c.goOn()
	r := c.next(StageDone)
	if got, want := time.Duration(r.LatencyP50Nanos), each*count/2-50*time.Millisecond; got < want {
		t.Errorf("median latency of %d requests due at once, %v each: got %v, want at least %v", count, each, got, want)
	}
	if got := time.Duration(r.LateP99Nanos); got <= 0 || got > each*count/2 {
		t.Errorf("lateness of the client: got %v, want none of the server's %v", got, each*count)
	}
}

// scripted is a server whose connections are served by f, each on a goroutine.
func scripted(t *testing.T, f func(net.Conn)) Address {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	return netip.MustParseAddrPort(l.Addr().String())
}

// readHead reads up to an empty line.
func readHead(r *bufio.Reader) error {
	for {
		line, err := r.ReadString('\n')
		if err != nil || line == "\r\n" {
			return err
		}
	}
}

// TestGetRefuses wants whatever a balancer might answer instead of the backend's response to end the run.
func TestGetRefuses(t *testing.T) {
	t.Parallel()
	body := string(newBody()[:128])
	ok := responseHead(128, "")
	for name, c := range map[string]struct{ response, want string }{
		"status":      {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "503"},
		"no-length":   {"HTTP/1.1 200 OK\r\n\r\n" + body, "without Content-Length"},
		"bad-length":  {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n" + body, "parsing"},
		"chunked":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "without Content-Length"},
		"short-body":  {ok + body[:127], "closed after 127 of 128"},
		"long-body":   {ok + body + "x", "129 bytes for a body of 128"},
		"other-body":  {ok + body[:127] + "\x00", "other bytes"},
		"cut-head":    {ok[:20], "closed by the balancer"},
		"other-later": {responseHead(8<<10, "") + strings.Repeat("x", 8<<10), "other bytes"},
		"no-end":      {"HTTP/1.1 200 " + strings.Repeat("x", headMax), "more than 4096"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := scripted(t, func(conn net.Conn) {
				if r := bufio.NewReader(conn); readHead(r) == nil {
					_, _ = io.WriteString(conn, c.response) // the client may have given up
				}
			})
			c1 := start(t, Options{Role: "get", Targets: []Address{target}, Conns: 1, Warm: 1})
			if c1.out.Scan() {
				t.Fatalf("report: got %s, want none", c1.out.Text())
			}
			if err := <-c1.done; err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

// TestGetComparesSamples sends wrong bytes where a body is not copied to the client: among enough of them one is looked
// at.
func TestGetComparesSamples(t *testing.T) {
	t.Parallel()
	const size = 32 << 10
	right := string(newBody()[:size])
	wrong := right[:size-1] + "\x00"
	responses := 0 // of one connection, so of one goroutine
	target := scripted(t, func(conn net.Conn) {
		for r := bufio.NewReader(conn); readHead(r) == nil; {
			body := right
			if responses++; responses > 1 {
				body = wrong
			}
			if _, err := io.WriteString(conn, responseHead(size, "")+body); err != nil {
				return
			}
		}
	})
	c := start(t, Options{Role: "get", Targets: []Address{target}, Conns: 1, Warm: 1, Count: 2 * compareEvery})
	c.next(StageReady)
	c.goOn()
	if c.out.Scan() {
		t.Fatalf("report: got %s, want none", c.out.Text())
	}
	if err := <-c.done; err == nil || !strings.Contains(err.Error(), "other bytes") {
		t.Errorf("got %v, want an error for the wrong byte", err)
	}
}

// TestGetSplit has the response come one byte at a time.
func TestGetSplit(t *testing.T) {
	t.Parallel()
	target := scripted(t, func(conn net.Conn) {
		for r := bufio.NewReader(conn); readHead(r) == nil; {
			for _, b := range []byte(responseHead(10, "") + string(newBody()[:10])) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
			}
		}
	})
	c := start(t, Options{Role: "get", Targets: []Address{target}, Conns: 2, Warm: 2, Count: 10})
	c.next(StageReady)
	c.goOn()
	if r := c.next(StageDone); r.Count != 10 {
		t.Errorf("report: got %+v, want 10 exchanges", r)
	}
}

func TestUpgradeRefuses(t *testing.T) {
	t.Parallel()
	for name, response := range map[string]string{
		"status": responseHead(0, ""), "early-data": string(switchingResponse) + "x", "cut": string(switchingResponse[:20]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := scripted(t, func(conn net.Conn) {
				if readHead(bufio.NewReader(conn)) == nil {
					_, _ = io.WriteString(conn, response) // the client may have given up
				}
			})
			c := start(t, Options{Role: "upgrade", Targets: []Address{target}, Conns: 1, Bytes: 1})
			if c.out.Scan() {
				t.Fatalf("report: got %s, want none", c.out.Text())
			}
			if err := <-c.done; err == nil {
				t.Error("got no error")
			}
		})
	}
}

// TestServer speaks to the backend as balancers do.
func TestServer(t *testing.T) {
	t.Parallel()
	const fields = "x-forwarded-for: 127.0.3.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n"
	upgrade := "Upgrade: WebSocket\r\nConnection: upgrade\r\n"
	upload := strings.Replace(string(uploadRequest(100)), "\r\n", "\r\n"+fields, 1)
	for name, c := range map[string]struct{ request, want string }{
		"bytes":         {string(request("/bytes", fields)), "HTTP/1.1 200 "},
		"not-forwarded": {string(request("/bytes", "X-Forwarded-For: 127.0.3.1\r\nX-Forwarded-Proto: http\r\n")), "HTTP/1.1 400 "},
		"other-scheme":  {string(request("/bytes", strings.Replace(fields, "http\r", "https\r", 1))), "HTTP/1.1 400 "},
		"other-path":    {string(request("/byte", fields)), "HTTP/1.1 400 "},
		"upgrade":       {string(request("/upgrade", fields+upgrade)), "HTTP/1.1 101 "},
		"no-upgrade":    {string(request("/upgrade", fields)), "HTTP/1.1 400 "},
		"upload":        {upload, "HTTP/1.1 200 "},
		"other-upload":  {upload[:len(upload)-1] + "\x00", "HTTP/1.1 400 "},
		"no-length":     {string(requestOf("POST", "/upload", fields)), "HTTP/1.1 400 "},
		"no-bytes":      {string(requestOf("POST", "/upload", fields+"Content-Length: 0\r\n")), "HTTP/1.1 400 "},
		"large-upload":  {string(requestOf("POST", "/upload", fields+"Content-Length: 262145\r\n")), "HTTP/1.1 400 "},
		"other-post":    {string(requestOf("POST", "/bytes", fields)), "HTTP/1.1 400 "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, targets := startBackend(t, Options{Role: "server", Bytes: 3, Forwarded: "http"})
			conn, err := net.Dial("tcp4", targets[0].String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			for _, b := range []byte(c.request) { // in as many pieces as can be
				if _, err := conn.Write([]byte{b}); err != nil {
					t.Fatal(err)
				}
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			if err != nil || !strings.HasPrefix(line, c.want) {
				t.Errorf("response: got %q, %v; want %s", line, err, c.want)
			}
		})
	}
}

// TestServerUploads has whole requests, and what must not follow one, come in one piece.
func TestServerUploads(t *testing.T) {
	t.Parallel()
	upload := string(uploadRequest(100))
	for name, c := range map[string]struct{ request, want string }{
		"one": {upload, "200"}, "two": {upload + upload, "400"}, "more": {upload + string(newBody()[100:101]), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, targets := startBackend(t, Options{Role: "server", Bytes: 3})
			conn, err := net.Dial("tcp4", targets[0].String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, c.request); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, c.want) {
				t.Errorf("response: got %q, %v; want %s", line, err, c.want)
			}
		})
	}
}

// TestUploadTooLong wants no more than the backend can compare.
func TestUploadTooLong(t *testing.T) {
	t.Parallel()
	target := freeAddress(t)
	if err := Main(Options{Role: "post-hold", Targets: []Address{target}, Conns: 1, Bytes: uploadMax + 1}.Args(), strings.NewReader(""), io.Discard); err == nil {
		t.Error("got no error")
	}
}

func TestContentLength(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]int64{
		responseHead(7, ""): 7,
		"HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 128\r\n\r\n":      128,
		"HTTP/1.1 200 OK\r\nCONTENT-LENGTH:0\r\nConnection: close\r\n\r\n": 0,
	} {
		if got, err := contentLength([]byte(head)); err != nil || got != want {
			t.Errorf("contentLength(%q): got %d, %v; want %d", head, got, err, want)
		}
	}
}

// TestGetUnasked has the server say more than it was asked for.
func TestGetUnasked(t *testing.T) {
	t.Parallel()
	target := scripted(t, func(conn net.Conn) {
		if r := bufio.NewReader(conn); readHead(r) == nil {
			_, _ = io.WriteString(conn, responseHead(0, "")) // the client may have given up
			_ = readHead(r)
			_, _ = io.WriteString(conn, responseHead(0, "")+responseHead(0, ""))
		}
	})
	c := start(t, Options{Role: "get", Targets: []Address{target}, Conns: 1, Warm: 3})
	if c.out.Scan() {
		t.Fatalf("report: got %s, want none", c.out.Text())
	}
	if err := <-c.done; err == nil {
		t.Error("got no error")
	}
}
