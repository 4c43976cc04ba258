package loop

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/wheel"
)

// patience bounds every wait for something that should happen at once.
const patience = 10 * time.Second

// ms is a millisecond of package clock.
const ms = int64(time.Millisecond)

// fake is a handler made of functions; those that are nil do nothing.
type fake struct {
	ready   func(ref, events uint32)
	expired func(*wheel.Node)
	turnEnd func()
}

func (f *fake) Ready(ref, events uint32) {
	if f.ready != nil {
		f.ready(ref, events)
	}
}

func (f *fake) Expired(n *wheel.Node) {
	if f.expired != nil {
		f.expired(n)
	}
}

func (f *fake) TurnEnd() {
	if f.turnEnd != nil {
		f.turnEnd()
	}
}

// newLoop returns a loop that the test itself turns.
func newLoop(t *testing.T, h Handler) *Loop {
	t.Helper()
	l, err := New(0)
	if err != nil {
		t.Fatalf("open loop: %v", err)
	}
	l.Handle(TCPPair, h)
	t.Cleanup(l.release)
	return l
}

// runLoop returns a loop that runs until the test ends, and a channel that is closed when it has ended.
func runLoop(t *testing.T, h Handler) (l *Loop, ended chan struct{}) {
	t.Helper()
	l, err := New(0)
	if err != nil {
		t.Fatalf("open loop: %v", err)
	}
	l.Handle(TCPPair, h)
	ended = make(chan struct{})
	go func() {
		l.Run()
		close(ended)
	}()
	t.Cleanup(func() {
		l.Stop()
		<-ended
	})
	return l, ended
}

// sockets returns a connected pair that is closed when the test ends, unless the test has closed it.
func sockets(t *testing.T) (fd, peer int) {
	t.Helper()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("socketpair: %v", err)
	}
	return p[0], p[1]
}

// watch registers one end of a new pair and returns both.
func watch(t *testing.T, l *Loop, ref uint32) (fd, peer int) {
	t.Helper()
	fd, peer = sockets(t)
	if errno := l.Register(fd, TCPPair, ref, sys.In|sys.Edge); errno != 0 {
		t.Fatalf("register: %v", errno)
	}
	return fd, peer
}

func write(t *testing.T, fd int) {
	t.Helper()
	if _, err := unix.Write(fd, []byte{1}); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func closeAll(t *testing.T, fds ...int) {
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	})
}

// wait fails the test if ch does not deliver in time.
func wait(t *testing.T, what string, ch <-chan struct{}) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		t.Fatalf("%s: nothing within %v", what, patience)
	}
}

// spinUntil keeps the loop busy until the clock has reached at.
func spinUntil(at int64) {
	for clock.Now() < at {
	}
}

// TestEventAfterForget has two descriptors ready in one batch; whoever is called first closes the other, as a pair
// does with its own two.
func TestEventAfterForget(t *testing.T) {
	t.Parallel()
	var l *Loop
	var fds [2]int
	calls := 0
	l = newLoop(t, &fake{ready: func(ref, _ uint32) {
		calls++
		other := fds[1-ref]
		l.Forget(other)
		_ = unix.Close(other)
	}})
	for i := range fds {
		fd, peer := watch(t, l, uint32(i))
		fds[i] = fd
		closeAll(t, peer)
		write(t, peer)
	}
	l.turn()
	if calls != 1 {
		t.Errorf("calls: got %d, want 1: the second event is for a descriptor that was closed", calls)
	}
	if n := l.Registered(); n != 1 {
		t.Errorf("registered: got %d, want 1", n)
	}
}

// TestEventAfterReuse goes further: the number of the closed descriptor is another connection's before the batch ends.
func TestEventAfterReuse(t *testing.T) {
	t.Parallel()
	const reused = 7
	var l *Loop
	var fds [2]int
	var refs []uint32
	freshFD, freshPeer := sockets(t)
	closeAll(t, freshFD, freshPeer)
	l = newLoop(t, &fake{ready: func(ref, _ uint32) {
		refs = append(refs, ref)
		if ref == reused {
			return
		}
		other := fds[1-ref]
		l.Forget(other)
		if err := unix.Dup3(freshFD, other, unix.O_CLOEXEC); err != nil { // closes it and takes its number
			t.Errorf("dup: %v", err)
		}
		if errno := l.Register(other, TCPPair, reused, sys.In|sys.Edge); errno != 0 {
			t.Errorf("register: %v", errno)
		}
	}})
	for i := range fds {
		fd, peer := watch(t, l, uint32(i))
		fds[i] = fd
		closeAll(t, fd, peer)
		write(t, peer)
	}
	l.turn()
	if len(refs) != 1 || refs[0] == reused {
		t.Fatalf("calls: got refs %v, want one, not %d: the event was of the descriptor's former use", refs, reused)
	}
	write(t, freshPeer)
	l.turn()
	if len(refs) != 2 || refs[1] != reused {
		t.Errorf("calls after a byte for the new connection: got refs %v, want the last to be %d", refs, reused)
	}
}

func TestAgainAfterReuse(t *testing.T) {
	t.Parallel()
	var refs []uint32
	l := newLoop(t, &fake{ready: func(ref, _ uint32) { refs = append(refs, ref) }})
	fd, peer := watch(t, l, 1)
	l.Again(fd)
	l.Forget(fd)
	_ = unix.Close(fd)
	closeAll(t, peer)
	l.turn()
	if len(refs) != 0 {
		t.Fatalf("Again outlived Forget: refs %v", refs)
	}
	fresh, freshPeer := sockets(t)
	closeAll(t, freshPeer)
	reused, err := unix.FcntlInt(uintptr(fresh), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("dup: %v", err)
	}
	_ = unix.Close(fresh)
	closeAll(t, reused)
	if errno := l.Register(reused, TCPPair, 2, sys.In|sys.Edge); errno != 0 {
		t.Fatalf("register: %v", errno)
	}
	l.runQueue = append(l.runQueue, again{int32(reused), l.slots[reused].generation - 1})
	l.turn()
	if len(refs) != 0 {
		t.Errorf("a run-queue entry of a former use was run: refs %v", refs)
	}
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	l := newLoop(t, &fake{})
	fd, peer := watch(t, l, 1)
	closeAll(t, fd, peer)
	if errno := l.Register(fd, TCPPair, 2, sys.In|sys.Edge); errno != unix.EEXIST {
		t.Errorf("second registration: got %v, want EEXIST", errno)
	}
	if errno := l.Register(1<<16-1, TCPPair, 3, sys.In|sys.Edge); errno != unix.EBADF {
		t.Errorf("closed descriptor: got %v, want EBADF", errno)
	}
	if n := l.Registered(); n != 0 {
		t.Errorf("registered: got %d, want 0", n)
	}
}

// TestAgainFair has one descriptor that always has more to do: every turn still serves the others' events, mail and
// timers, and gives it one go.
func TestAgainFair(t *testing.T) {
	t.Parallel()
	const greedy, modest = 0, 1
	var l *Loop
	var fds [2]int
	var calls [2]int
	fired, mailed := 0, 0
	l = newLoop(t, &fake{
		ready: func(ref, _ uint32) {
			calls[ref]++
			if ref == greedy {
				l.Again(fds[greedy])
			}
		},
		expired: func(*wheel.Node) { fired++ },
	})
	var peers [2]int
	for i := range fds {
		fds[i], peers[i] = watch(t, l, uint32(i))
		closeAll(t, fds[i], peers[i])
	}
	write(t, peers[greedy])
	for turn := range 50 {
		before := calls
		write(t, peers[modest])
		l.Post(func() { mailed++ })
		node := &wheel.Node{Kind: uint8(TCPPair)}
		l.Wheel.Arm(node, clock.Now())
		l.turn()
		// The first turn has the edge and the go that was asked for; then it is one go for each turn.
		if n := calls[greedy] - before[greedy]; n != 1 && turn > 0 {
			t.Fatalf("turn %d: the greedy one had %d goes, want 1", turn, n)
		}
		if calls[modest] != turn+1 || mailed != turn+1 {
			t.Fatalf("after turn %d: events %d, mail %d, want %d each", turn, calls[modest], mailed, turn+1)
		}
	}
	for i := 0; i < 10 && fired < 50; i++ {
		spinUntil(clock.Now() + 2*int64(time.Millisecond)) // the wheel rounds up to its next tick
		l.turn()
	}
	if fired != 50 {
		t.Errorf("timers: %d fired, want 50", fired)
	}
}
