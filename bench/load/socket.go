package load

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// backlog is the accept queue asked of the kernel: as deep as the connections that a client opens at once.
const backlog = 4096

// sourceHosts is over how many loopback addresses clients spread their connections. One address has 28,000 ports
// towards one listener, and a closed connection blocks its port for a minute.
const sourceHosts = 16

// socket returns a non-blocking TCP socket that sends small messages at once.
func socket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("open socket: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("set TCP_NODELAY: %w", err)
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
}

// dial starts a connection to target, the nth of this process; it is established when the socket becomes writable.
func dial(target netip.AddrPort, n int) (int, error) {
	fd, err := socket()
	if err != nil {
		return -1, err
	}
	if err := bindSource(fd, n); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind source address: %w", err)
	}
	if err := unix.Connect(fd, sockaddr(target)); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to %v: %w", target, err)
	}
	return fd, nil
}

// bindSource gives fd the nth source address and leaves its port to connect, which knows the whole 4-tuple.
func bindSource(fd, n int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 3, byte(1 + n%sourceHosts)}})
}

// connected returns the outcome of a dial whose socket has become writable.
func connected(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return fmt.Errorf("read socket error: %w", err)
	}
	return asError("connect", unix.Errno(code))
}

func listen(a netip.AddrPort) (int, error) {
	fd, err := socket() // what it accepts inherits TCP_NODELAY
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if err == nil {
		err = unix.Bind(fd, sockaddr(a))
	}
	if err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("listen on %v: %w", a, err)
	}
	return fd, nil
}

// accept takes one connection from a listening socket; ok is false when none waits.
func accept(listener int) (fd int, ok bool, err error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case err == nil:
			return fd, true, nil
		case errors.Is(err, unix.EAGAIN):
			return -1, false, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
			continue
		default:
			return -1, false, fmt.Errorf("accept: %w", err)
		}
	}
}
