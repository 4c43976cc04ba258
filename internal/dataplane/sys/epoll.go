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
	Edge  = unix.EPOLLET & 0xffffffff
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

// EpollWaitRaw waits without telling the scheduler, so it must not wait long: the runtime cannot stop the thread
// meanwhile, and a garbage collection would wait for it. timeoutMillis is 0 or 1.
func EpollWaitRaw(epfd int, events []Event, timeoutMillis int) (n int, errno Errno) {
	r, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(timeoutMillis), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}

// EpollWait waits and hands the processor back to the scheduler meanwhile. timeoutMillis -1 waits for ever.
func EpollWait(epfd int, events []Event, timeoutMillis int) (n int, errno Errno) {
	r, _, e := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(timeoutMillis), 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}
