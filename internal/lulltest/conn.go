package lulltest

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Conn is either end of a connection in a test. Methods fail the test where a working connection would not fail. Over TLS
// (tls.go) it is used as any other.
type Conn struct {
	*net.TCPConn
	over *tls.Conn // nil: plain
	t    testing.TB
}

// Dial connects; the connection is closed when the test ends.
func Dial(t testing.TB, to netip.AddrPort) *Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", to.String(), Patience)
	if err != nil {
		t.Fatalf("dial %s: %v", to, err)
	}
	return WireOf(t).connected(t, c, to)
}

// Send writes all of s.
func (c *Conn) Send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatalf("send %d bytes: %v", len(s), err)
	}
}

// Expect reads exactly want.
func (c *Conn) Expect(want string) {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		c.t.Fatalf("read: got %q, %v; want %q", clip(got[:n]), err, clip([]byte(want)))
	}
}

// Ask sends s and expects it back, as from Echo.
func (c *Conn) Ask(s string) {
	c.t.Helper()
	c.Send(s)
	c.Expect(s)
}

// End reads until the connection ends and returns how ("eof", "reset", "timeout") and what came before.
func (c *Conn) End() (how string, data []byte) {
	return c.EndWithin(Patience)
}

// EndWithin is End with a limit of its own.
func (c *Conn) EndWithin(d time.Duration) (how string, data []byte) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	data, err := io.ReadAll(c)
	if err == nil {
		return "eof", data
	}
	return Closed(err), data
}

// Reset closes the connection with an RST.
func (c *Conn) Reset() {
	_ = c.SetLinger(0)
	_ = c.TCPConn.Close()
}

func clip(b []byte) []byte { return b[:min(len(b), 80)] }

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func asNetError(err error, target *net.Error) bool { return errors.As(err, target) }

// Server is a backend in a test.
type Server struct {
	Addr     netip.AddrPort
	accepted atomic.Int64
	listener *net.TCPListener
}

// Serve starts a backend on 127.0.0.1 that handles each connection on a goroutine of its own and closes it afterwards. The
// connections are plain ones, whatever the test's wire.
func Serve(t testing.TB, handle func(*net.TCPConn)) *Server {
	t.Helper()
	return ServeOn(t, "127.0.0.1:0", handle)
}

// ServeOn is Serve at an address.
func ServeOn(t testing.TB, addr string, handle func(*net.TCPConn)) *Server {
	t.Helper()
	s := listen(t, addr)
	go s.serve(handle)
	return s
}

// ServeConn is Serve for a backend that speaks as the test's wire wants.
func ServeConn(t testing.TB, handle func(*Conn)) *Server {
	t.Helper()
	return ServeConnOn(t, "127.0.0.1:0", handle)
}

// ServeConnOn is ServeConn at an address.
func ServeConnOn(t testing.TB, addr string, handle func(*Conn)) *Server {
	t.Helper()
	s, w := listen(t, addr), WireOf(t)
	w.serves(t, s.Addr)
	go s.serve(func(raw *net.TCPConn) {
		if c := w.accepted(t, raw); c != nil {
			handle(c)
			_ = c.Close()
		}
	})
	return s
}

func listen(t testing.TB, addr string) *Server {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	s := &Server{Addr: netip.MustParseAddrPort(l.Addr().String()), listener: l.(*net.TCPListener)}
	t.Cleanup(s.Stop)
	return s
}

func (s *Server) serve(handle func(*net.TCPConn)) {
	for {
		c, err := s.listener.AcceptTCP()
		if err != nil {
			return
		}
		s.accepted.Add(1)
		go func() {
			defer func() { _ = c.Close() }()
			handle(c)
		}()
	}
}

// Stop stops accepting: further connects are refused.
func (s *Server) Stop() { _ = s.listener.Close() }

// Accepted returns the number of connections accepted so far.
func (s *Server) Accepted() int { return int(s.accepted.Load()) }

// Echo returns a backend that sends back what it gets, and its FIN after the client's.
func Echo(t testing.TB) *Server {
	t.Helper()
	return ServeConn(t, func(c *Conn) { _, _ = io.Copy(c, c) })
}

// Sink returns a backend that reads and never answers, until its peer closes.
func Sink(t testing.TB) *Server {
	t.Helper()
	return ServeConn(t, func(c *Conn) { _, _ = io.Copy(io.Discard, c) })
}

// Named returns a backend that sends its name to each client and then holds the connection until the client closes.
func Named(t testing.TB, name string) *Server {
	t.Helper()
	return ServeConn(t, func(c *Conn) {
		if _, err := io.WriteString(c, name); err == nil {
			_, _ = io.Copy(io.Discard, c)
		}
	})
}
