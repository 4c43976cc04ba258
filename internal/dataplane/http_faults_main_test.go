package dataplane_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// The http_faults_*_test.go files try to break the HTTP proxy and to fool it from both of its sides: messages that can be
// read in two ways, garbage, floods, and peers that leave at any byte. What a peer gets is judged by the bytes it got, and
// by net/http, which knows nothing of lull's codec. As everywhere, lulltest looks for leaks at the end of every test.

// stand is an engine with one HTTP listener before one backend that keeps what it gets.
type stand struct {
	*lulltest.Engine
	t       *testing.T
	backend *lulltest.Recorder
}

// newStand starts a stand whose listener is as set makes it, and whose backend answers by reply.
func newStand(t *testing.T, set func(*plan.Listener), reply func(net.Conn, lulltest.Received) bool) *stand {
	t.Helper()
	backend := lulltest.Record(t, reply)
	p := lulltest.HTTPPlan(timeout.Shared, backend.Addr)
	set(lulltest.Listener(p))
	return &stand{startHTTP(t, 1, p), t, backend}
}

// blame tells at the end of a case which one it was, if it is the first to go wrong, and ends the test then: what follows
// on a stand that is out of step says nothing.
func (s *stand) blame(name string) {
	if s.t.Failed() {
		s.t.Fatalf("in case %s", name)
	}
}

// inMode sets the listener's desync mode.
func inMode(m http1.Mode) func(*plan.Listener) { return func(l *plan.Listener) { l.Desync = m } }

// naming answers a request with its own method and target.
func naming(c net.Conn, r lulltest.Received) bool {
	text := r.Method + " " + r.RequestURI
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(text))
	if r.Method == "HEAD" {
		text = ""
	}
	_, err := io.WriteString(c, head+text)
	return err == nil
}

// forwarded returns a request as the backend must get it: the head, given without its empty line, has gained the lines
// that say who asked.
func (s *stand) forwarded(head, body string) string {
	return head + fmt.Sprintf("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: %d\r\n\r\n",
		s.Local(lulltest.HTTPKey).Port()) + body
}

// tapes returns what came over all back-end connections since the last call.
func (s *stand) tapes() []lulltest.Tape {
	s.t.Helper()
	return s.backend.Take(int(s.Stats().Backends[0].Connects))
}

// named reads the answer of a naming backend to a request.
func named(t *testing.T, c *lulltest.HTTPConn, method, target string) lulltest.Answer {
	t.Helper()
	want := method + " " + target
	if method == "HEAD" {
		want = ""
	}
	a := c.Answer(method)
	if a.StatusCode != 200 || a.How != "whole" || string(a.Data) != want {
		t.Fatalf("client: got %s, %q, %s; want 200, %q, whole", a.Status, a.Data, a.How, want)
	}
	return a
}

// over checks that a client's connection has ended with a FIN and nothing more before it.
func over(t *testing.T, c *lulltest.HTTPConn) {
	t.Helper()
	if how, data := c.End(); how != "eof" || len(data) > 0 {
		t.Errorf("client: got %q and %s, want nothing more and a FIN", data, how)
	}
}

// page reads a response of lull's own, and the end of the connection behind it.
func page(t *testing.T, c *lulltest.HTTPConn, method string, status int) {
	t.Helper()
	checkOwn(t, c.Answer(method), method, status)
	over(t, c)
}

// sendCut sends s in up to four pieces, cut at random.
func sendCut(c *lulltest.HTTPConn, random *rand.Rand, s string) {
	for range 3 {
		n := random.IntN(len(s) + 1)
		if n > 0 {
			if _, err := io.WriteString(c.Conn, s[:n]); err != nil {
				return // lull has refused it already
			}
		}
		s = s[n:]
	}
	_, _ = io.WriteString(c.Conn, s)
}

// firstLine returns the method and the target of a request.
func firstLine(head string) (method, target string) {
	line, _, _ := strings.Cut(head, "\r\n")
	method, rest, _ := strings.Cut(line, " ")
	target, _, _ = strings.Cut(rest, " ")
	return method, target
}
