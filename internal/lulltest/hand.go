package lulltest

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest/deaf"
)

// Hands returns a backend that does nothing by itself: it hands each connection to the test, in the order in which they
// are accepted. The test takes every one of them with Take.
func Hands(t testing.TB) (*Server, <-chan *Conn) {
	t.Helper()
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	accepted := make(chan *Conn, 1024)
	s := ServeConn(t, func(c *Conn) {
		accepted <- c
		<-ended
	})
	return s, accepted
}

// Take returns the next connection that a backend of Hands has accepted. It is closed when the test ends, before the
// engine is looked at for leaks.
func Take(t testing.TB, accepted <-chan *Conn) *Conn {
	t.Helper()
	select {
	case c := <-accepted:
		t.Cleanup(func() { _ = c.TCPConn.Close() }) // without close_notify, which might have to wait for room
		return c
	case <-time.After(Patience):
		t.Fatalf("the backend got no connection within %v; failed handshakes: %v", Patience, WireOf(t).failed())
		return nil
	}
}

// Refused returns an address at which every connect is refused. It is kept so until the test ends: a port that is only
// free may be given to somebody else at any time.
func Refused(t testing.TB) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open a socket: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatalf("bind: %v", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatalf("look up the port: %v", err)
	}
	return Loopback(uint16(name.(*syscall.SockaddrInet4).Port))
}

// Silent returns an address that answers no connect: its backlog is full, so the kernel drops every SYN.
func Silent(t testing.TB) netip.AddrPort {
	t.Helper()
	return deaf.New(t).Addr
}

// DialSized is Dial with a receive buffer of that many bytes, so that the client's window is about as small.
func DialSized(t testing.TB, to netip.AddrPort, receiveBytes int) *Conn {
	t.Helper()
	return dialWith(t, to, func(fd int) error {
		return syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBytes)
	})
}

// DialNarrow is DialSized with segments as Ethernet carries them. Loopback's carry 64 KiB, and with a few dozen of those queued lull's kernel
// takes up to 4 MB for a client that reads nothing; with these, some 100 KB.
func DialNarrow(t testing.TB, to netip.AddrPort, receiveBytes int) *Conn {
	t.Helper()
	const segmentBytes = 1460
	return dialWith(t, to, func(fd int) error {
		return errors.Join(syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_RCVBUF, receiveBytes),
			syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_MAXSEG, segmentBytes))
	})
}

// dialWith is Dial from a socket that is prepared before.
func dialWith(t testing.TB, to netip.AddrPort, prepare func(fd int) error) *Conn {
	t.Helper()
	d := net.Dialer{Timeout: Patience, Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		ctrl := raw.Control(func(fd uintptr) { err = prepare(int(fd)) })
		return errors.Join(ctrl, err)
	}}
	c, err := d.Dial("tcp", to.String())
	if err != nil {
		t.Fatalf("dial %s: %v", to, err)
	}
	return WireOf(t).connected(t, c, to)
}

// Loopback returns the address of a port of 127.0.0.1.
func Loopback(port uint16) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}
