package sys

import (
	"testing"
	"time"

	"lull/internal/clock"
)

// TestWait waits for an event that does not come and for one that is there, with and without epoll_pwait2. It runs by
// itself, because it changes what the package found out about the kernel.
func TestWait(t *testing.T) {
	found := exactWait
	t.Cleanup(func() { exactWait = found })
	epfd, errno := EpollCreate()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer Close(epfd)
	wake, errno := Eventfd()
	if errno != 0 {
		t.Fatal(errno)
	}
	defer Close(wake)
	if errno = EpollAdd(epfd, wake, In, 7); errno != 0 {
		t.Fatal(errno)
	}
	waits := map[string]func(int, []Event, int64) (int, Errno){"raw": EpollWaitRaw, "ordinary": EpollWait}
	for _, exact := range []bool{found, false} {
		exactWait = exact
		for name, wait := range waits {
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

func TestWholeMillis(t *testing.T) {
	t.Parallel()
	for ns, want := range map[int64]int32{-1: -1, 0: 0, 1: 1, 1e6: 1, 1e6 + 1: 2, 1<<63 - 1 - 1e6: 1<<31 - 1} {
		if got := int32(wholeMillis(ns)); got != want {
			t.Errorf("wholeMillis(%d): got %d, want %d", ns, got, want)
		}
	}
}
