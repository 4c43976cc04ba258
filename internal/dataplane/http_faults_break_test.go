package dataplane_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestResetSeenByWriting: a backend resets a connection in the middle of a response that ends with it, and lull, busy with
// an upload, learns it from a write: a read says no more than that the stream has ended. What came must not look whole.
func TestResetSeenByWriting(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1.0", "1.1"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, timeout.Shared, func(*timeout.Settings) {})
			for range 5 { // whether lull writes before it looks depends on where it is in the upload
				s.resetInUpload(version)
			}
		})
	}
}

func (s *site) resetInUpload(version string) {
	s.t.Helper()
	d := s.dial(lulltest.Patience)
	d.say("POST / HTTP/" + version + "\r\nHost: test\r\nContent-Length: 1000000000\r\n\r\n")
	b := lulltest.TakeHTTP(s.t, s.accepted)
	b.RequestHead()
	b.Send("HTTP/1.1 200 OK\r\n\r\nhello")
	d.c.Head()
	written := make(chan struct{})
	go func() {
		_, _ = io.WriteString(d.c.Conn, strings.Repeat("x", 16<<20))
		close(written)
	}()
	if _, err := io.CopyN(io.Discard, b, 1<<20); err != nil {
		s.t.Fatalf("backend: %v", err)
	}
	release := s.Hold()
	_ = d.c.SetWriteDeadline(time.Now()) // or the client would learn of its own end from a write
	<-written
	for { // to the last byte that lull has sent, so that there is room for more
		_ = b.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		if _, err := b.Read(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	b.Send(" world")
	b.Reset()
	release()
	how, data := d.c.End()
	if strings.HasSuffix(string(data), "0\r\n\r\n") || version == "1.0" && how == "eof" {
		s.t.Errorf("client: got %q and %s, which looks whole", data, how)
	}
	_ = d.c.Close()
}

// TestClosedInResponse: an engine that is closed in the middle of a response that ends with its connection does not make
// what came look whole.
func TestClosedInResponse(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, closedInResponse)
}

func closedInResponse(t *testing.T) {
	s := newSite(t, 2, timeout.Shared, func(*timeout.Settings) {})
	d := s.dial(lulltest.Patience)
	d.say("GET / HTTP/1.0\r\n\r\n")
	d.meet().RequestHead()
	d.tell("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	d.c.Head()
	d.c.Expect("hello")
	s.Close()
	if how, data := d.c.End(); how != "reset" || len(data) > 0 {
		t.Errorf("client: got %q and %s behind a part of the response, want an RST", data, how)
	}
}

// TestResetAtOnce: a backend speaks as soon as it is connected to, and resets the connection in the middle of a response that
// ends with it, while lull has not even noticed that it is connected. What came must not look whole.
func TestResetAtOnce(t *testing.T) {
	t.Parallel()
	backend := lulltest.Serve(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello")
		_ = c.SetLinger(0)
	})
	e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
	var conns [50]*lulltest.HTTPConn
	for i := range conns {
		conns[i] = e.DialHTTP()
	}
	release := e.Hold() // so that the loop has much to do between its connects and what became of them
	for _, c := range conns {
		c.Get("/")
	}
	release()
	for _, c := range conns {
		if how, data := c.End(); strings.HasSuffix(string(data), "0\r\n\r\n") {
			t.Errorf("client: got %q and %s, which looks whole", data, how)
		}
	}
}
