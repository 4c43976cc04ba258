package sys

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Event is what epoll tells of a descriptor. The kernel's struct is packed on amd64 (12 bytes) and not elsewhere;
// unix.EpollEvent knows, and Fd and Pad together are the 64 bits of user data.
type Event = unix.EpollEvent

// The bits of Event.Events.
const (
	In    = unix.EPOLLIN
	Out   = unix.EPOLLOUT
	RdHup = unix.EPOLLRDHUP // the peer sent its FIN
	Hup   = unix.EPOLLHUP   // both directions are over
	Err   = unix.EPOLLERR
	Pri   = unix.EPOLLPRI // there is urgent data
	Edge  = unix.EPOLLET & 0xffffffff
	Once  = unix.EPOLLONESHOT // one event, and then none, not even a hang-up, until EpollChange
)

// EpollCreate opens an epoll instance.
func EpollCreate() (fd int, errno Errno) {
	r, _, e := syscall.RawSyscall(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}

// EpollAdd registers a descriptor. It needs no removal: closing the descriptor removes it, and no descriptor here is
// ever duplicated.
func EpollAdd(epfd, fd int, events, generation uint32) Errno {
	return epollControl(epfd, unix.EPOLL_CTL_ADD, fd, events, generation)
}

// EpollChange registers other events for a descriptor.
func EpollChange(epfd, fd int, events, generation uint32) Errno {
	return epollControl(epfd, unix.EPOLL_CTL_MOD, fd, events, generation)
}

func epollControl(epfd, op, fd int, events, generation uint32) Errno {
	ev := Event{Events: events, Fd: int32(fd), Pad: int32(generation)}
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

// exactWait says whether the kernel has epoll_pwait2 (Linux 5.11, and no seccomp filter older than that); without it
// waits are rounded up to whole milliseconds.
//
//nolint:gochecknoglobals // a fact about the kernel, found once
var exactWait = hasExactWait()

func hasExactWait() bool {
	epfd, errno := EpollCreate()
	if errno != 0 {
		return false
	}
	defer Close(epfd)
	var events [1]Event
	var ts unix.Timespec
	_, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])), 1,
		uintptr(unsafe.Pointer(&ts)), 0, 0)
	return e == 0
}

// EpollWaitRaw waits without telling the scheduler, so it must not wait long: the runtime cannot stop the thread
// meanwhile, and a garbage collection would wait for it.
func EpollWaitRaw(epfd int, events []Event, nanoseconds int64) (n int, errno Errno) {
	var r uintptr
	if exactWait {
		ts := unix.NsecToTimespec(nanoseconds)
		r, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
			uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0)
	} else {
		r, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
			uintptr(len(events)), wholeMillis(nanoseconds), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// EpollWait waits and hands the processor back to the scheduler meanwhile. A negative time waits for ever.
func EpollWait(epfd int, events []Event, nanoseconds int64) (n int, errno Errno) {
	var r uintptr
	if exactWait {
		var timeout *unix.Timespec
		if nanoseconds >= 0 {
			ts := unix.NsecToTimespec(nanoseconds)
			timeout = &ts
		}
		r, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
			uintptr(len(events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
	} else {
		r, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
			uintptr(len(events)), wholeMillis(nanoseconds), 0, 0)
	}
	if errno != 0 {
		return 0, errno
	}
	return int(r), 0
}

// wholeMillis returns a time as epoll_pwait takes it, rounded up so that what is due then is due; -1 is for ever.
func wholeMillis(nanoseconds int64) uintptr {
	const millisecond, most = 1e6, 1<<31 - 1
	if nanoseconds < 0 {
		return ^uintptr(0)
	}
	return uintptr(min((nanoseconds+millisecond-1)/millisecond, most))
}
