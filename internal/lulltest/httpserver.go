package lulltest

import (
	"io"
	"slices"
	"sync"
	"testing"
	"time"
)

// HTTPServer is a backend that answers requests by a rule and knows what it got.
type HTTPServer struct {
	*Server
	t     testing.TB
	reply func(c *HTTPConn, s Seen) bool

	// Guarded by mu.
	mu    sync.Mutex
	conns int
	seen  []Seen
	ended []ConnEnd
}

// Seen is a request that an HTTPServer got.
type Seen struct {
	Received
	Conn   int // 1 for the first connection that was accepted
	Number int // 1 for the first request on it
}

// ConnEnd is how a connection of an HTTPServer ended: by lull, or by the server itself.
type ConnEnd struct {
	Conn int
	How  string // "eof", "reset", "cut" within a request; "own" if reply ended it
	At   time.Time
	Last time.Time // before the reply to its last request was begun
}

// ServeHTTP starts a backend that calls reply for each request that has come whole, one after the other on each
// connection, and closes a connection when reply returns false. A connection lasts no longer than the test.
func ServeHTTP(t testing.TB, reply func(c *HTTPConn, s Seen) bool) *HTTPServer {
	t.Helper()
	s := &HTTPServer{t: t, reply: reply}
	s.Server = ServeConn(t, s.handle)
	return s
}

// Greeter returns a backend that answers every request with "hello".
func Greeter(t testing.TB) *HTTPServer {
	t.Helper()
	return ServeHTTP(t, func(c *HTTPConn, _ Seen) bool { return c.Reply(Response("hello")) })
}

// Reply sends s, and reports whether it could: a backend's connection may be closed at any time.
func (c *HTTPConn) Reply(s string) bool {
	_, err := io.WriteString(c.Conn, s)
	return err == nil
}

func (s *HTTPServer) handle(conn *Conn) {
	s.t.Cleanup(func() { // which runs before the engine is looked at for leaks
		s.Stop() // or lull might try its luck here again with a request that ends so
		_ = conn.TCPConn.Close()
	})
	c := HTTP(conn)
	s.mu.Lock()
	s.conns++
	end := ConnEnd{Conn: s.conns, How: "own"}
	s.mu.Unlock()
	for number := 1; ; number++ {
		r, err := c.readRequest(10 * Patience)
		if err != nil {
			end.How = broken(err)
			break
		}
		got := Seen{r, end.Conn, number}
		s.mu.Lock()
		s.seen = append(s.seen, got)
		s.mu.Unlock()
		end.Last = time.Now()
		if !s.reply(c, got) {
			break
		}
	}
	end.At = time.Now()
	_ = c.Close()
	s.mu.Lock()
	s.ended = append(s.ended, end)
	s.mu.Unlock()
}

// Seen returns the requests in the order in which they came.
func (s *HTTPServer) Seen() []Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

// Ends returns how connections ended, once there are so many that did.
func (s *HTTPServer) Ends(n int) (all []ConnEnd) {
	s.t.Helper()
	if !Eventually(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		all = slices.Clone(s.ended)
		return len(all) >= n
	}) {
		s.t.Fatalf("ends of the backend's connections: got %d, want %d", len(all), n)
	}
	return all
}
