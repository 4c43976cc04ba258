package load

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// eventsMax is how many events one look at the poller returns: small enough that the last of them is handled soon
// after the kernel named it, large enough that 5,000 closes need few looks.
const eventsMax = 256

// rawWaitMillis bounds the first half of a wait, which the Go scheduler does not know about. See poller.wait.
const rawWaitMillis = 1

// poller is an epoll instance whose events carry an index chosen by the caller.
type poller struct {
	fd     int
	events [eventsMax]unix.EpollEvent
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create epoll: %w", err)
	}
	return &poller{fd: fd}, nil
}

func (p *poller) close() { unix.Close(p.fd) }

// add watches fd for events, edge-triggered; index comes back in each of them.
func (p *poller) add(fd int, events uint32, index int) error {
	e := unix.EpollEvent{Events: events | unix.EPOLLET, Fd: int32(index)}
	if err := unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &e); err != nil {
		return fmt.Errorf("watch descriptor: %w", err)
	}
	return nil
}

func (p *poller) remove(fd int) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

// wait returns the next events, or none after limit. The slice is valid until the next call. It waits in two steps: a
// raw call that keeps the thread's scheduler slot, since under load the next event is microseconds away, then an
// ordinary one that gives the slot back, since a raw call cannot be preempted.
func (p *poller) wait(limit time.Duration) ([]unix.EpollEvent, error) {
	first := min(int(limit.Milliseconds()), rawWaitMillis)
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.events[0])), eventsMax, uintptr(first), 0, 0)
	if errno == 0 && n > 0 {
		return p.events[:n], nil
	}
	rest := int(limit.Milliseconds()) - first
	if rest <= 0 || (errno != 0 && errno != unix.EINTR) {
		return nil, asError("wait for events", errno)
	}
	for until := clock.Now() + int64(rest)*int64(time.Millisecond); ; {
		n, err := unix.EpollWait(p.fd, p.events[:], rest)
		if err == nil {
			return p.events[:n], nil
		}
		if !errors.Is(err, unix.EINTR) {
			return nil, fmt.Errorf("wait for events: %w", err)
		}
		rest = max(0, int((until-clock.Now())/int64(time.Millisecond)))
	}
}

// waitUntil returns the next events, or none when the monotonic clock reaches at or after rawWaitMillis, whichever comes
// first. It is one raw call, exact to what the kernel's timer is; see wait.
func (p *poller) waitUntil(at int64) ([]unix.EpollEvent, error) {
	limit := unix.NsecToTimespec(min(max(at-clock.Now(), 0), int64(rawWaitMillis*time.Millisecond)))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.events[0])), eventsMax, uintptr(unsafe.Pointer(&limit)), 0, 0)
	if errno != 0 {
		return nil, asError("wait for events", errno)
	}
	return p.events[:n], nil
}

// mustWait is wait for a stage in which silence means that something is broken.
func (p *poller) mustWait() ([]unix.EpollEvent, error) {
	events, err := p.wait(stallMax)
	if err == nil && len(events) == 0 {
		err = fmt.Errorf("nothing moved for %v", stallMax)
	}
	return events, err
}

func asError(action string, errno unix.Errno) error {
	if errno == 0 || errno == unix.EINTR {
		return nil
	}
	return fmt.Errorf("%s: %w", action, errno)
}

// read and write are raw calls on non-blocking sockets: they never block, so the scheduler need not hear of them. A
// negative count comes with the error; buf must not be empty.
func read(fd int, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	return int(n), errno
}

func write(fd int, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)))
	return int(n), errno
}

// discard throws up to len(buf) received bytes away inside the kernel, without copying them, and returns their number.
func discard(fd int, buf []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), unix.MSG_TRUNC, 0, 0)
	return int(n), errno
}
