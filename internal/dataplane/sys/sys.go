// Package sys provides the system calls of the data plane, and nothing else makes any there.
//
// The loops call it on their own threads. Every descriptor here is non-blocking, so the calls on the hot path go
// through RawSyscall: they cannot block, and the scheduler need not be told of them (measured: the ordinary way lets
// the runtime's monitor take the processor away, and a request costs 13.5 instead of 11.7 µs of system time). The one call
// that waits, EpollWait, comes in both kinds; package loop says which is used when. Results are an int and an Errno,
// never an error value: an EAGAIN must not cost an allocation. No state, no locks.
package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Errno is a system call's error number; 0 means that it succeeded.
type Errno = syscall.Errno

// Read reads from a socket into b, which must not be empty. n is 0 at the end of the stream. recvfrom takes a shorter
// way through the kernel than read does.
func Read(fd int, b []byte) (n int, errno Errno) { return receive(fd, b, 0) }

// Peek copies what waits in a socket into b without taking it.
func Peek(fd int, b []byte) (n int, errno Errno) { return receive(fd, b, unix.MSG_PEEK) }

func receive(fd int, b []byte, flags uintptr) (n int, errno Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		flags, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// Write writes b, which must not be empty, to a socket. It raises no SIGPIPE.
func Write(fd int, b []byte) (n int, errno Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// WriteBoth writes a and then b, neither of them empty, in one system call. It raises no SIGPIPE.
func WriteBoth(fd int, a, b []byte) (n int, errno Errno) {
	parts := [2]unix.Iovec{{Base: unsafe.SliceData(a), Len: uint64(len(a))}, {Base: unsafe.SliceData(b), Len: uint64(len(b))}}
	message := unix.Msghdr{Iov: &parts[0], Iovlen: 2}
	r, _, e := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&message)), unix.MSG_NOSIGNAL)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// Close closes a descriptor. On Linux the descriptor is gone whatever the result, so there is none.
func Close(fd int) {
	_, _, _ = syscall.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// CloseWithReset closes a socket so that its peer sees an RST and unsent data is discarded.
func CloseWithReset(fd int) {
	linger := unix.Linger{Onoff: 1, Linger: 0}
	_, _, _ = syscall.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_LINGER,
		uintptr(unsafe.Pointer(&linger)), unsafe.Sizeof(linger), 0)
	Close(fd)
}

// ShutdownWrite sends a FIN after what was written; the socket can still be read.
func ShutdownWrite(fd int) Errno {
	_, _, e := syscall.RawSyscall(unix.SYS_SHUTDOWN, uintptr(fd), unix.SHUT_WR, 0)
	return e
}

// Splice moves up to size bytes from one descriptor to another, one of which is a pipe, without copying them through
// user space. n is 0 at the end of the stream. SPLICE_F_MORE is not set: it lets the kernel hold a short segment back
// for up to 200 ms in case more follows, and whether it does is not known here.
func Splice(from, to, size int) (n int, errno Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_SPLICE, uintptr(from), 0, uintptr(to), 0, uintptr(size),
		unix.SPLICE_F_MOVE|unix.SPLICE_F_NONBLOCK)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// Pipe opens a non-blocking pipe that asks the kernel for room for size bytes (it may grant less: no error).
func Pipe(size int) (r, w int, errno Errno) {
	var p [2]int32
	_, _, e := syscall.RawSyscall(unix.SYS_PIPE2, uintptr(unsafe.Pointer(&p)), unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if e != 0 {
		return -1, -1, e
	}
	_, _, _ = syscall.RawSyscall(unix.SYS_FCNTL, uintptr(p[0]), unix.F_SETPIPE_SZ, uintptr(size))
	return int(p[0]), int(p[1]), 0
}

// Eventfd opens a non-blocking event counter, with which other goroutines wake a loop.
func Eventfd() (fd int, errno Errno) {
	r, _, e := syscall.RawSyscall(unix.SYS_EVENTFD2, 0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}

// Signal makes an eventfd readable. Callable from any goroutine.
func Signal(fd int) {
	one := uint64(1)
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&one)), 8)
}

// Clear takes back what Signal did.
func Clear(fd int) {
	var count uint64
	_, _, _ = syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&count)), 8)
}
