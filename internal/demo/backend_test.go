package demo_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"lull/internal/demo"
)

// backend is a running backend, and where it listens.
type backend struct {
	*demo.Backend
	tcp, http string
}

func start(t *testing.T) backend {
	t.Helper()
	var listeners [2]*net.TCPListener
	for i := range listeners {
		l, err := demo.Listen(0)
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = l
	}
	guide := demo.Guide{AWS: 8001, OCI: 8002, Command: "bin/lull", Flags: " --socket <other>"}
	b := demo.Serve(listeners[0], listeners[1], "backend-1", guide)
	t.Cleanup(b.Close)
	return backend{b, listeners[0].Addr().String(), listeners[1].Addr().String()}
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.TCPConn)
}

// ask sends a request with header fields, each "Name: value", and returns the response with its whole body.
func ask(t *testing.T, b backend, method, target, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+b.http+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Set(name, value)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, "" // what follows is no body, and does not end
	}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestEcho(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t).tcp)
	if _, err := io.WriteString(c, "ping\n"); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	if got, err := io.ReadAll(c); err != nil || string(got) != "hello from backend-1\nping\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestHello(t *testing.T) {
	t.Parallel()
	b := start(t)
	resp, got := ask(t, b, "GET", "/", "", "X-Forwarded-Proto: http", "X-Forwarded-For: 192.0.2.1", "X-Other: no")
	want := "hello from backend-1\nX-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: http\n"
	if got != want || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("for curl: got %q as %s, want %q as text", got, resp.Header.Get("Content-Type"), want)
	}
	for port, want := range map[string]string{
		"8001": "<h1>backend-1, behind aws</h1>", "8002": "<h1>backend-1, behind oci</h1>", "99": "<h1>backend-1</h1>",
		"x": "No load balancer passed this request on.",
	} {
		resp, got := ask(t, b, "GET", "/", "", "Accept: text/html,*/*", "X-Forwarded-Port: "+port)
		if !strings.Contains(got, want) || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("for a browser by port %s: got %q, want %q in it", port, got, want)
		}
		if !strings.Contains(got, "<code>bin/lull explain 7 --socket &lt;other&gt;</code>") {
			t.Errorf("for a browser: got %q, want a command that finds this lull", got)
		}
	}
	for target, want := range map[string]int{"/nowhere": 404, "/healthz": 200, "/upload": 405} {
		if resp, _ := ask(t, b, "GET", target, ""); resp.StatusCode != want {
			t.Errorf("%s: got %d, want %d", target, resp.StatusCode, want)
		}
	}
}

func TestSlow(t *testing.T) {
	t.Parallel()
	b := start(t)
	begin := time.Now()
	if resp, got := ask(t, b, "GET", "/slow?s=1", ""); resp.StatusCode != 200 || got != "backend-1 answers after 1s\n" {
		t.Errorf("got %d, %q", resp.StatusCode, got)
	}
	if took := time.Since(begin); took < time.Second {
		t.Errorf("answered after %v, want 1s", took)
	}
	for _, target := range []string{"/slow?s=-1", "/slow?s=1.5", "/slow?s=7201", "/slow?s=4294967296", "/stream?s=x", "/upload?s=x"} {
		method := "GET"
		if strings.HasPrefix(target, "/upload") {
			method = "POST"
		}
		if resp, got := ask(t, b, method, target, ""); resp.StatusCode != 400 || !strings.Contains(got, "allowed are whole seconds from 0 to 7200") {
			t.Errorf("%s: got %d, %q, want 400 and what is allowed", target, resp.StatusCode, got)
		}
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	c := dial(t, start(t).http)
	if _, err := io.WriteString(c, "GET /stream?s=2 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body := bufio.NewReader(resp.Body)
	begin := time.Now()
	for _, want := range []string{"line 0 from backend-1\n", "line 1 from backend-1\n"} {
		if got, err := body.ReadString('\n'); got != want || err != nil {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	if took := time.Since(begin); took < 900*time.Millisecond {
		t.Errorf("the second line came after %v, want a second", took)
	}
	if got, err := io.ReadAll(body); string(got) != "line 2 from backend-1\n" || err != nil {
		t.Errorf("the rest: got %q, %v, want the third line and its end", got, err)
	}
}

func TestUpload(t *testing.T) {
	t.Parallel()
	b := start(t)
	for _, method := range []string{"PUT", "POST"} {
		if resp, got := ask(t, b, method, "/upload", strings.Repeat("x", 100_000)); resp.StatusCode != 200 || got != "backend-1 got 100000 bytes\n" {
			t.Errorf("%s: got %d, %q", method, resp.StatusCode, got)
		}
	}
	begin := time.Now()
	ask(t, b, "POST", "/upload?s=1", "x")
	if took := time.Since(begin); took < time.Second {
		t.Errorf("answered after %v, want 1s", took)
	}
}

// TestClose closes a backend in the middle of all that it can be doing.
func TestClose(t *testing.T) {
	t.Parallel()
	b := start(t)
	echo, idle := dial(t, b.tcp), dial(t, b.http)
	_, in := upgrade(t, b)
	slow, stream := dial(t, b.http), dial(t, b.http)
	for c, text := range map[net.Conn]string{
		slow:   "GET /slow?s=7200 HTTP/1.1\r\nHost: test\r\n\r\n",
		stream: "GET /stream HTTP/1.1\r\nHost: test\r\n\r\n",
	} {
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range []io.Reader{echo, stream} { // they are being served
		if _, err := r.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	// The server looks whether a client is still there until it has sent more: then only Close ends what it waits for.
	if _, err := io.WriteString(slow, "GET / HTTP/1.1\r\nHost: pipelined\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	go func() {
		b.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close has not returned within 10 s")
	}
	for name, r := range map[string]io.Reader{"echo": echo, "unused": idle, "WebSocket": in, "slow": slow, "stream": stream} {
		if _, err := io.Copy(io.Discard, r); isTimeout(err) {
			t.Errorf("the connection %q survived Close", name)
		}
	}
	for _, addr := range []string{b.tcp, b.http} {
		if _, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			t.Errorf("a closed backend accepts at %s", addr)
		}
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error) //nolint:errorlint // as io.Copy returns it
	return ok && e.Timeout()
}
