package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// stampsMax is how long the kernel may take to begin with stamps: a kernel thread has to run for that, which on a busy
// machine waits its turn.
const stampsMax = 10 * time.Second

// stampArrivals asks for the time at which what a socket receives reached it.
func stampArrivals(fd int) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for receive timestamps: %w", err)
	}
	return nil
}

// startStamps returns once the kernel stamps packets, and a function that has it stop when no other socket wants any. The
// kernel begins some time after the first socket asks, so a connection of this thread with itself tries until it does.
func startStamps() (stop func(), err error) {
	var fds []int
	stop = func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	defer func() {
		if err != nil {
			stop()
		}
	}()
	listener, err := listen(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0))
	if err != nil {
		return nil, err
	}
	fds = append(fds, listener)
	address, err := unix.Getsockname(listener)
	if err != nil {
		return nil, fmt.Errorf("read own address: %w", err)
	}
	from, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	fds = append(fds, from)
	if err = unix.Connect(from, address); err != nil {
		return nil, fmt.Errorf("connect to itself: %w", err)
	}
	to, ok, err := accept(listener)
	if err != nil || !ok {
		return nil, fmt.Errorf("connection to itself: accepted is %t, %w", ok, err)
	}
	fds = append(fds, to)
	return stop, awaitStamp(from, to)
}

// awaitStamp sends a byte every millisecond until one comes with a stamp.
func awaitStamp(from, to int) error {
	if err := stampArrivals(to); err != nil {
		return err
	}
	for until := clock.Now() + int64(stampsMax); clock.Now() < until; {
		if err := send(from, []byte{1}); err != nil {
			return err
		}
		var buf [1]byte
		var control [64]byte
		_, n, _, _, err := unix.Recvmsg(to, buf[:], control[:], unix.MSG_DONTWAIT)
		if err == nil {
			if _, err = arrival(control[:n]); err == nil {
				return nil
			}
		} else if !errors.Is(err, unix.EAGAIN) {
			return fmt.Errorf("receive: %w", err)
		}
		if _, err := unix.Poll(nil, 1); err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait: %w", err)
		}
	}
	return fmt.Errorf("the kernel stamped no time of arrival within %v", stampsMax)
}

// arrival returns the wall-clock time in a control message of SO_TIMESTAMPNS.
func arrival(control []byte) (int64, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return 0, fmt.Errorf("parse control message: %w", err)
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS &&
			len(m.Data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			return (*unix.Timespec)(unsafe.Pointer(&m.Data[0])).Nano(), nil
		}
	}
	return 0, errors.New("the kernel stamped no time of arrival")
}
