package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// The http_exchange_*_test.go files hold what an exchange is to its two parties: heads, framing, order, tunnels, what is
// recorded. The http_route_*_test.go files hold which backend gets it, when, and over which connection. Both are against real
// sockets and in both timeout models where these differ. No timer fires in them unless a test says so.

// counter is a site before a backend whose connections the test holds, with the plan as change has changed it.
func counter(t *testing.T, loops int, m timeout.Model, change func(*plan.Plan)) *site {
	t.Helper()
	backend, accepted := lulltest.Hands(t)
	p := lulltest.HTTPPlan(m, backend.Addr)
	if change != nil {
		change(p)
	}
	return &site{startHTTP(t, loops, p), t, p, backend, accepted}
}

// meet dials a client, has it send something and takes the back-end connection that this opens.
func (s *site) meet(sent string) (client, backend *lulltest.HTTPConn) {
	s.t.Helper()
	client = s.DialHTTP()
	client.Send(sent)
	return client, lulltest.TakeHTTP(s.t, s.accepted)
}

// readHead reads the head of a message as it was sent, its last line included.
func readHead(t *testing.T, c *lulltest.HTTPConn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	var head strings.Builder
	for b := make([]byte, 1); !strings.HasSuffix(head.String(), "\r\n\r\n"); {
		if _, err := c.Read(b); err != nil {
			t.Fatalf("read a head: got %q, %v", head.String(), err)
		}
		head.Write(b)
	}
	return head.String()
}

// closed checks that a connection ends with a FIN and nothing before it.
func closed(t *testing.T, who string, c *lulltest.HTTPConn) {
	t.Helper()
	if how, data := c.End(); how != "eof" || len(data) > 0 {
		t.Errorf("%s: got %q and %s, want nothing and eof", who, data, how)
	}
}

// lines joins lines as a head has them, and ends it.
func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n\r\n" }

// bodyEnd reads a body to its end and returns how that came: "whole", "cut" by a FIN, "reset" or "timeout".
func bodyEnd(body io.Reader) string {
	_, err := io.Copy(io.Discard, body)
	switch {
	case err == nil:
		return "whole"
	case strings.Contains(err.Error(), io.ErrUnexpectedEOF.Error()):
		return "cut"
	}
	return lulltest.Closed(err)
}

// nothing checks that nothing comes on a connection, once lull has done all that there is to do now.
func nothing(t *testing.T, s *site, c *lulltest.HTTPConn) {
	t.Helper()
	for range 4 {
		s.Held()
	}
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	var b [1000]byte
	n, err := c.Read(b[:])
	if lulltest.Closed(err) != "timeout" {
		t.Errorf("%v: got %q, %v; want nothing for now", c.LocalAddr(), b[:n], err)
	}
}

// patternPeriod is prime, and so no multiple of any buffer's size.
const patternPeriod = 65_521

//nolint:gochecknoglobals // a constant table
var patternBytes = func() []byte {
	b := make([]byte, 2*patternPeriod)
	for i := range b {
		b[i] = byte(uint32(i%patternPeriod) * 2_654_435_761 >> 24)
	}
	return b
}()

// pattern fills b with bytes that tell their place at in a stream: one that is lost, or comes twice, shows.
func pattern(b []byte, at int, seed byte) {
	for len(b) > 0 {
		n := copy(b, patternBytes[(at+int(seed)*257)%patternPeriod:])
		b, at = b[n:], at+n
	}
}

// sendPattern writes so many bytes of a pattern.
func sendPattern(to io.Writer, size int, seed byte) error {
	b := make([]byte, 32<<10)
	for at := 0; at < size; at += len(b) {
		b = b[:min(len(b), size-at)]
		pattern(b, at, seed)
		if _, err := to.Write(b); err != nil {
			return fmt.Errorf("send, after %d of %d bytes: %w", at, size, err)
		}
	}
	return nil
}

// checkPattern reads so many bytes and checks that they are the pattern's.
func checkPattern(from io.Reader, size int, seed byte) error {
	got, want := make([]byte, 32<<10), make([]byte, 32<<10)
	for at := 0; at < size; {
		n, err := from.Read(got[:min(len(got), size-at)])
		pattern(want[:n], at, seed)
		if !bytes.Equal(got[:n], want[:n]) {
			return fmt.Errorf("read, after %d of %d bytes: got others than were sent", at, size)
		}
		if at += n; err != nil && at < size {
			return fmt.Errorf("read, after %d of %d bytes: %w", at, size, err)
		}
	}
	return nil
}
