package sys

import (
	"math"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SocketTCP opens a non-blocking TCP socket of addr's family.
func SocketTCP(addr netip.Addr) (fd int, errno Errno) {
	family := uintptr(unix.AF_INET)
	if addr.Is6() && !addr.Is4In6() {
		family = unix.AF_INET6
	}
	r, _, e := syscall.RawSyscall(unix.SYS_SOCKET, family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}

// NoDelay turns Nagle's algorithm off: a proxy passes on what it got when it got it.
func NoDelay(fd int) { SetInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// SetInt sets an integer socket option. The options lull sets cannot fail on a TCP socket, or do no harm if they do.
func SetInt(fd, level, option, value int) Errno {
	v := int32(value)
	_, _, e := syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), 4, 0)
	return e
}

// GetInt reads an integer socket option.
func GetInt(fd, level, option int) (value int, errno Errno) {
	var v int32
	size := uint32(4)
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(option),
		uintptr(unsafe.Pointer(&v)), uintptr(unsafe.Pointer(&size)), 0)
	return int(v), e
}

// SocketError takes the error that is pending on a socket, for example a failed connect.
func SocketError(fd int) Errno {
	v, e := GetInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if e != 0 {
		return e
	}
	return Errno(v)
}

// Unread returns how many bytes wait in a socket.
func Unread(fd int) int { return queued(fd, unix.TIOCINQ) }

// Unacknowledged returns how many of the bytes written to a socket its peer's kernel has not acknowledged.
func Unacknowledged(fd int) int { return queued(fd, unix.TIOCOUTQ) }

// Acknowledged returns how many bytes written to a socket its peer's kernel has acknowledged since the connection was made,
// the SYN counted as one. It tells so of a connection that has ended, too.
func Acknowledged(fd int) (n uint64, errno Errno) {
	var info unix.TCPInfo
	size := uint32(unsafe.Sizeof(info))
	_, _, e := syscall.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	return info.Bytes_acked, e
}

func queued(fd int, request uintptr) int {
	var n int32
	_, _, e := syscall.RawSyscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&n)))
	if e != 0 {
		return 0
	}
	return int(n)
}

// Connect starts a connect; EINPROGRESS is the usual answer.
func Connect(fd int, to netip.AddrPort) Errno {
	var raw rawAddr
	size := raw.put(to)
	_, _, e := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&raw)), uintptr(size))
	return e
}

// Accept takes the next connection of a listening socket, non-blocking, and its peer's address. What the listening
// socket was set to (TCP_NODELAY) the connection inherits.
func Accept(fd int) (conn int, peer netip.AddrPort, errno Errno) {
	var raw rawAddr
	size := uint32(unsafe.Sizeof(raw))
	r, _, e := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&raw)),
		uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, netip.AddrPort{}, e
	}
	return int(r), raw.get(), 0
}

// LocalAddr returns the address a socket is bound to.
func LocalAddr(fd int) netip.AddrPort {
	var raw rawAddr
	size := uint32(unsafe.Sizeof(raw))
	_, _, e := syscall.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&raw)),
		uintptr(unsafe.Pointer(&size)))
	if e != 0 {
		return netip.AddrPort{}
	}
	return raw.get()
}

// Bind binds a socket.
func Bind(fd int, addr netip.AddrPort) Errno {
	var raw rawAddr
	size := raw.put(addr)
	_, _, e := syscall.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&raw)), uintptr(size))
	return e
}

// Listen makes a bound socket listen.
func Listen(fd, backlog int) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_LISTEN, uintptr(fd), uintptr(backlog), 0)
	return e
}

// Unlist takes a listening socket from those that the kernel chooses from: a SYN goes to another one that has the address, or is
// refused. Handshakes that have begun go on, and what waits can be accepted. To that end the socket is bound to a network interface
// that there is not. Before Linux 5.7 only the superuser may do so.
func Unlist(fd int) Errno { return SetInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, math.MaxInt32) }

// StopListening ends a listening socket at once. Closing it does so only if nobody else holds it, as a process does that was forked and
// has not come to its exec: it would go on to answer clients, and reset them when that comes.
func StopListening(fd int) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_RD, 0)
	return e
}

// rawAddr is the kernel's sockaddr_in or sockaddr_in6: both begin with the family in host order and the port in
// network order, and the longer one has room for either.
type rawAddr struct {
	family uint16
	port   [2]byte
	rest   [24]byte // IPv4: address[4]; IPv6: flow label[4], address[16], scope[4]
}

// put fills r and returns its size. A zone other than a number is not supported: backends with one are refused earlier.
func (r *rawAddr) put(a netip.AddrPort) (size uint32) {
	r.port = [2]byte{byte(a.Port() >> 8), byte(a.Port())}
	addr := a.Addr().Unmap()
	if addr.Is4() {
		r.family = unix.AF_INET
		b := addr.As4()
		copy(r.rest[:4], b[:])
		return unix.SizeofSockaddrInet4
	}
	r.family = unix.AF_INET6
	b := addr.As16()
	copy(r.rest[4:20], b[:])
	return unix.SizeofSockaddrInet6
}

// get returns the address, invalid for a family other than the two.
func (r *rawAddr) get() netip.AddrPort {
	port := uint16(r.port[0])<<8 | uint16(r.port[1])
	switch r.family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(r.rest[:4])), port)
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(r.rest[4:20])).Unmap(), port)
	}
	return netip.AddrPort{}
}
