package acceptor

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/sys"
)

// backlog asks for as many waiting connections as the system allows (net.core.somaxconn cuts it).
const backlog = 1 << 16

// Open opens one listening socket per loop on the address and returns them with the address they really have (a port
// 0 asks for any). Nothing is left open on an error. Callable from anywhere.
func Open(addr netip.AddrPort, loops int) (fds []int, local netip.AddrPort, err error) {
	if err := probe(addr); err != nil {
		return nil, local, err
	}
	return OpenBeside(addr, loops)
}

// OpenBeside is Open for an address that this process may itself still listen on, under another name for it: a listener
// that moves from 0.0.0.0 to one of the machine's addresses is open on both for a moment. A socket of somebody else
// is in its way only if that is not shared.
func OpenBeside(addr netip.AddrPort, loops int) (fds []int, local netip.AddrPort, err error) {
	local = addr
	for range loops {
		fd, err := listen(local, true)
		if err != nil {
			CloseSockets(fds)
			return nil, local, err
		}
		fds = append(fds, fd)
		local = sys.LocalAddr(fd)
	}
	return fds, local, nil
}

// Unlist has new clients go past sockets that are to be closed, while their acceptors still take those whom they have answered.
// Callable from anywhere. Where the kernel is too old for it, a client that comes in the very moment of Close may be reset.
func Unlist(fds []int) {
	for _, fd := range fds {
		sys.Unlist(fd)
	}
}

// CloseSockets closes sockets that no acceptor owns.
func CloseSockets(fds []int) {
	for _, fd := range fds {
		sys.StopListening(fd)
		sys.Close(fd)
	}
}

// probe says whether the address is free. With SO_REUSEPORT two processes of one user may share an address without
// noticing, each getting half of the connections; a second lull must find it in use instead.
func probe(addr netip.AddrPort) error {
	fd, err := listen(addr, false)
	if err == nil {
		CloseSockets([]int{fd})
	}
	return err
}

func listen(addr netip.AddrPort, shared bool) (int, error) {
	fd, errno := sys.SocketTCP(addr.Addr())
	if errno != 0 {
		return -1, fmt.Errorf("open a socket for %s: %w", addr, errno)
	}
	sys.NoDelay(fd)                                       // what it accepts inherits this,
	sys.SetInt(fd, unix.SOL_SOCKET, unix.SO_OOBINLINE, 1) // and that urgent data is data like any other (RFC 6093 §4)
	sys.SetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	if addr.Addr().Is6() {
		sys.SetInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1) // [::] beside 0.0.0.0 must be possible
	}
	if shared {
		sys.SetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if errno = sys.Bind(fd, addr); errno == 0 {
		errno = sys.Listen(fd, backlog)
	}
	if errno != 0 {
		sys.Close(fd)
		return -1, fmt.Errorf("bind %s: %w", addr, errno)
	}
	return fd, nil
}
