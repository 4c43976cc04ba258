package sys

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// waits are the two ways to wait.
func waits() map[string]func(int, []Event, int64) (int, Errno) {
	return map[string]func(int, []Event, int64) (int, Errno){"raw": EpollWaitRaw, "ordinary": EpollWait}
}

// TestWait waits for an event that does not come and for one that is there, with and without epoll_pwait2. It runs by
// itself, because it changes what the package found out about the kernel. No signal reaches its thread meanwhile, so
// that a wait which ends early has no excuse.
func TestWait(t *testing.T) {
	defer undisturbed(t)()
	found := exactWait
	t.Cleanup(func() { exactWait = found })
	epfd, wake := watched(t)
	for _, exact := range []bool{found, false} {
		exactWait = exact
		for name, wait := range waits() {
			var events [4]Event
			const pause = 2_300 * time.Microsecond
			began := clock.Now()
			n, errno := wait(epfd, events[:], int64(pause))
			if took := time.Duration(clock.Now() - began); n != 0 || errno != 0 || took < pause {
				t.Errorf("%s, exact %v: %d events, %v, after %v, want none after %v", name, exact, n, errno, took, pause)
			}
			Signal(wake)
			patience := int64(time.Second)
			if name == "ordinary" {
				patience = -1 // for ever
			}
			if n, errno = wait(epfd, events[:], patience); n != 1 || errno != 0 || int(events[0].Fd) != wake || events[0].Pad != 7 {
				t.Errorf("%s, exact %v: %d events, %v, %+v, want the eventfd's", name, exact, n, errno, events[0])
			}
			Clear(wake)
		}
	}
}

// TestWaitInterrupted: a signal, such as the runtime's own for preemption, ends a wait at once. To the loop, which looks
// at the number of events alone, that is a turn without any.
func TestWaitInterrupted(t *testing.T) {
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("a raw wait keeps the only processor from whoever would interrupt it")
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	epfd, _ := watched(t)
	for name, wait := range waits() {
		stop := make(chan struct{})
		go interrupt(unix.Gettid(), stop)
		var events [4]Event
		const long = 10 * time.Second
		began := clock.Now()
		n, errno := wait(epfd, events[:], int64(long))
		took := time.Duration(clock.Now() - began)
		close(stop)
		if n != 0 || errno != unix.EINTR || took >= long {
			t.Errorf("%s: %d events, %v, after %v, want none, %v, sooner than %v", name, n, errno, took, unix.EINTR, long)
		}
	}
}

// watched returns an epoll instance that watches an eventfd under generation 7. Both are closed when the test ends.
func watched(t *testing.T) (epfd, wake int) {
	t.Helper()
	epfd, errno := EpollCreate()
	if errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { Close(epfd) })
	if wake, errno = Eventfd(); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() { Close(wake) })
	if errno = EpollAdd(epfd, wake, In, 7); errno != 0 {
		t.Fatal(errno)
	}
	return epfd, wake
}

// undisturbed keeps the goroutine on its thread and all signals from that, until the returned function is called.
func undisturbed(t *testing.T) (end func()) {
	t.Helper()
	runtime.LockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		t.Fatalf("block signals: %v", err)
	}
	return func() {
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err != nil {
			t.Fatalf("let signals in: %v", err) // and the thread ends with its goroutine
		}
		runtime.UnlockOSThread()
	}
}

// interrupt sends a thread of this process the runtime's signal for preemption, which does no harm, again and again:
// it cannot know when the thread has begun to wait.
func interrupt(thread int, stop <-chan struct{}) {
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-stop:
			return
		case <-again.C:
			_ = unix.Tgkill(unix.Getpid(), thread, unix.SIGURG)
		}
	}
}

func TestWholeMillis(t *testing.T) {
	t.Parallel()
	for ns, want := range map[int64]int32{-1: -1, 0: 0, 1: 1, 1e6: 1, 1e6 + 1: 2, 1<<63 - 1 - 1e6: 1<<31 - 1} {
		if got := int32(wholeMillis(ns)); got != want {
			t.Errorf("wholeMillis(%d): got %d, want %d", ns, got, want)
		}
	}
}
