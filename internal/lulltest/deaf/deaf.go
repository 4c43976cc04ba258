// Package deaf provides a backend that answers no connect, until a test has it answer or refuse.
//
// Tests only; each test's goroutine calls it. It is apart from lulltest because that one imports the packages whose inner
// tests need it.
//
// The kernel drops every SYN to a listening socket whose backlog is full. A backlog of 0 holds one connection, and the backend
// makes that one itself. The client's kernel sends its SYN again after a second, so whatever the backend does shows up to a
// second later. Nobody else is given the port before the test has ended: another's listener would take that SYN.
package deaf

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for something that the kernel does at once.
const patience = 10 * time.Second

// Backend is a deaf backend.
type Backend struct {
	Addr netip.AddrPort
	t    testing.TB
	fd   int // the listening socket
	fill int // the client's end of the connection in its backlog
}

// New returns a backend at a port of 127.0.0.1 that answers no SYN.
func New(t testing.TB) *Backend {
	t.Helper()
	at := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	keeper := socket(t) // keeps the port: it is bound, and never listens
	t.Cleanup(func() { _ = unix.Close(keeper) })
	bind(t, keeper, at)
	name, err := unix.Getsockname(keeper)
	if err != nil {
		t.Fatalf("look up the port: %v", err)
	}
	at.Port = name.(*unix.SockaddrInet4).Port
	b := &Backend{Addr: netip.AddrPortFrom(netip.AddrFrom4(at.Addr), uint16(at.Port)), t: t, fd: socket(t), fill: socket(t)}
	t.Cleanup(b.Refuse)
	bind(t, b.fd, at)
	if err = unix.Listen(b.fd, 0); err != nil {
		t.Fatalf("listen on %s: %v", b.Addr, err)
	}
	if err = unix.Connect(b.fill, at); err != nil {
		t.Fatalf("fill the backlog of %s: %v", b.Addr, err)
	}
	b.awaitFull()
	return b
}

func socket(t testing.TB) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open a socket: %v", err)
	}
	return fd
}

// bind has a socket share its port with those alone that ask for it, too.
func bind(t testing.TB, fd int, at unix.Sockaddr) {
	t.Helper()
	if err := errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1), unix.Bind(fd, at)); err != nil {
		t.Fatalf("bind: %v", err)
	}
}

// awaitFull returns when the connection is in the backlog. On a busy machine that is some time after its client has got it, and
// the next SYN would yet be answered.
func (b *Backend) awaitFull() {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(b.fd), Events: unix.POLLIN}}, int(time.Until(deadline).Milliseconds()))
		switch {
		case n > 0:
			return
		case err != nil && !errors.Is(err, unix.EINTR), !time.Now().Before(deadline):
			b.t.Fatalf("%s has nothing to accept within %v: %v", b.Addr, patience, err)
		}
	}
}

// Answer takes the connection out of the backlog, so that the next SYN is answered.
func (b *Backend) Answer() {
	b.t.Helper()
	conn, _, err := unix.Accept(b.fd)
	if err != nil {
		b.t.Fatalf("accept: %v", err)
	}
	_ = unix.Close(conn)
}

// Refuse has the next SYN, and every one after it, refused.
func (b *Backend) Refuse() {
	for _, fd := range []*int{&b.fd, &b.fill} {
		if *fd >= 0 {
			_ = unix.Shutdown(*fd, unix.SHUT_RDWR) // a process that was just forked may hold it, too
			_ = unix.Close(*fd)
			*fd = -1
		}
	}
}
