package lulltest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/record"
)

// HTTPConn is either end of an HTTP connection in a test. What it sends is written out by the test, byte for byte; what it
// reads is parsed by net/http, which knows nothing of lull's codec.
type HTTPConn struct {
	*Conn
	in *bufio.Reader
}

// HTTP has a connection read as HTTP from now on.
func HTTP(c *Conn) *HTTPConn { return &HTTPConn{Conn: c, in: bufio.NewReader(c)} }

// TakeHTTP is Take for a backend that speaks HTTP.
func TakeHTTP(t testing.TB, accepted <-chan *Conn) *HTTPConn {
	t.Helper()
	return HTTP(Take(t, accepted))
}

// IsOf says whether these are the ends of a client's connection. Clients of different listeners may have the same port.
func (c *HTTPConn) IsOf(e *record.Ends) bool {
	return e.Peer.String() == c.LocalAddr().String() && e.Local.String() == c.RemoteAddr().String()
}

// Get sends a request without a body.
func (c *HTTPConn) Get(target string) { c.t.Helper(); c.Send(Request("GET", target, "")) }

// Request returns a request with that body; none if it is empty.
func Request(method, target, body string) string {
	head := method + " " + target + " HTTP/1.1\r\nHost: test\r\n"
	if body != "" {
		head += fmt.Sprintf("Content-Length: %d\r\n", len(body))
	}
	return head + "\r\n" + body
}

// Response returns a response with status 200, that body, and more field lines if any are given.
func Response(body string, lines ...string) string {
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n", len(body))
	for _, l := range lines {
		head += l + "\r\n"
	}
	return head + "\r\n" + body
}

// Received is a request as a backend got it.
type Received struct {
	*http.Request
	Data []byte // the body
}

// Request reads a whole request.
func (c *HTTPConn) Request() Received {
	c.t.Helper()
	r, err := c.readRequest(Patience)
	if err != nil {
		c.t.Fatalf("read a request: %v", err)
	}
	return r
}

func (c *HTTPConn) readRequest(limit time.Duration) (r Received, err error) {
	_ = c.SetReadDeadline(time.Now().Add(limit))
	if r.Request, err = http.ReadRequest(c.in); err != nil {
		return r, err
	}
	r.Data, err = io.ReadAll(r.Body)
	return r, err
}

// RequestHead reads the head of a request; its Body reads on.
func (c *HTTPConn) RequestHead() *http.Request {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	r, err := http.ReadRequest(c.in)
	if err != nil {
		c.t.Fatalf("read the head of a request: %v", err)
	}
	return r
}

// Answer is a response as a client got it.
type Answer struct {
	*http.Response
	Data []byte // the body, as much as came
	// How is "whole" for a response that is complete as far as a client can tell; otherwise how it broke off: "cut" by a FIN
	// in its middle, "reset", "timeout".
	How string
}

// Answer reads the response to a request with that method as far as it comes.
func (c *HTTPConn) Answer(method string) Answer {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	return answer(c.t, method, c.in)
}

func answer(t testing.TB, method string, in *bufio.Reader) (a Answer) {
	t.Helper()
	var err error
	a.Response, err = http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read a response: %v", err)
	}
	a.How = "whole"
	if a.Data, err = io.ReadAll(a.Body); err != nil {
		a.How = broken(err)
	}
	return a
}

// broken is Closed for messages, which a FIN may cut in their middle.
func broken(err error) string {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return "cut"
	}
	return Closed(err)
}

// ExpectAnswer reads a whole response to GET with that body, of status 200.
func (c *HTTPConn) ExpectAnswer(body string) Answer {
	c.t.Helper()
	a := c.Answer("GET")
	if a.StatusCode != http.StatusOK || a.How != "whole" || string(a.Data) != body {
		c.t.Fatalf("response: got %s, %q, %s; want 200, %q, whole", a.Status, clip(a.Data), a.How, clip([]byte(body)))
	}
	return a
}

// Read reads what has not been read as HTTP.
func (c *HTTPConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Expect reads exactly want.
func (c *HTTPConn) Expect(want string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c.in, got); err != nil || string(got) != want {
		c.t.Fatalf("read: got %q, %v; want %q", clip(got[:n]), err, clip([]byte(want)))
	}
}

// End is Conn.End for what has not been read as HTTP.
func (c *HTTPConn) End() (how string, data []byte) {
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	data, err := io.ReadAll(c.in)
	if err == nil {
		return "eof", data
	}
	return Closed(err), data
}

// Deafen makes the kernel drop whatever arrives on the connection from now on, and acknowledge none of it: to the other
// side that is as if its packets were still on their way. What this side sends is not affected.
func (c *Conn) Deafen() {
	c.t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		c.t.Fatal(err)
	}
	none := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0} // accept 0 bytes of each packet
	if ctrl := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &none})
	}); ctrl != nil || err != nil {
		c.t.Fatalf("attach a filter: %v, %v", ctrl, err)
	}
}

// Head reads the head of the response to a GET; its body is left to be read.
func (c *HTTPConn) Head() *http.Response {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		c.t.Fatalf("read the head of a response: %v", err)
	}
	return r
}

// Parse is Answer for bytes that came, and how their connection ended.
func Parse(t testing.TB, method string, b []byte, how string) Answer {
	t.Helper()
	in := io.Reader(bytes.NewReader(b))
	if how != "eof" {
		in = io.MultiReader(in, ended{syscall.ECONNRESET})
	}
	return answer(t, method, bufio.NewReader(in))
}

// ended reads as a connection that has ended with an error.
type ended struct{ err error }

func (e ended) Read([]byte) (int, error) { return 0, e.err }
