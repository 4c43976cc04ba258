// Package loop provides the event loop: one thread with its poller, its timer wheel, its run queue and its mailbox.
//
// The engine starts one loop per core and each runs on a thread of its own. Proxies and acceptors register descriptors
// and timers with it and are called back, always on that thread; nothing they own needs a lock. The only way in from
// another goroutine is Post.
//
// A turn is: wait, handle descriptors, mail, the run queue, then what is due. Three decisions shape it.
//
// Connections are registered once, for edges: no epoll_ctl on the hot path. Whoever is told of an edge must remember it,
// and work until EAGAIN or a short read; whoever stops earlier to let others have a turn calls Again.
//
// The wait has two steps: a raw one of at most a millisecond (rawWaitMax), which keeps the processor, and only after an idle
// millisecond the ordinary one, which gives it back. See sys.EpollWaitRaw for what each costs.
//
// Before timers run, the loop polls once more without waiting. So a byte that lay in a socket when a timer's instant
// passed has been taken first, and counts (TO-01, TO-10), at the price of one system call for a whole batch of
// timers; reading both sockets of each pair on expiry would be two for each.
//
// Not chosen: goroutines on the runtime's poller (13 KiB and two wake-ups per connection), level triggering
// (an epoll_ctl on every change of interest), one loop for all cores (locks).
package loop

import (
	"runtime"
	"sync"
	"time"

	"lull/internal/clock"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/wheel"
)

const (
	// eventsMax bounds the descriptors handled between two looks at the clock and the mailbox.
	eventsMax = 256
	// expiriesMax bounds the timers run in one turn, so that thousands due together leave room for traffic between.
	expiriesMax = 128
	// scratchBytes is the size of the buffer that every read of a loop goes into: what a fast peer can have sent since
	// the last turn, and small enough to stay in the second-level cache.
	scratchBytes = 64 << 10
	// rawWaitMax is how long a wait may keep the processor.
	rawWaitMax = int64(time.Millisecond)
	// forever is the time until a timer is due when there is none.
	forever = int64(1<<63 - 1)
)

// dealtWith is the generation of an event that has been handled. Generations begin at 1 and would need four thousand million
// uses of one descriptor to come here again.
const dealtWith = 0

// What a descriptor registers for.
const (
	ConnEvents   = ReadEvents | sys.Out                    // a connection: everything
	ReadEvents   = sys.In | sys.RdHup | sys.Pri | sys.Edge // a connection that nobody waits to write to yet
	ListenEvents = sys.In                                  // a listening socket: as long as its backlog is not empty
	NoEvents     = sys.Once                                // one that is paused: at most that it has hung up, once
)

// Kind tells a loop which Handler a descriptor or timer belongs to.
type Kind uint8

// The kinds. Zero is nobody's, so that a forgotten slot is recognised.
const (
	kindNone Kind = iota
	Acceptor
	TCPPair
	HTTPFront // a client of the HTTP proxy
	HTTPBack  // a backend of the HTTP proxy
	kindsMax
)

// Handler is called on the loop's thread. An indirect call costs about 2 ns of an event's several thousand; the
// alternative is a loop that knows every proxy.
type Handler interface {
	// Ready tells of epoll events on the descriptor registered with ref; events is 0 when Again asked for the call.
	Ready(ref uint32, events uint32)
	// Expired tells that the timer with n.Ref has fired; it is no longer armed.
	Expired(n *wheel.Node)
	// TurnEnd is called once at the end of every turn.
	TurnEnd()
}

// slot is what the loop knows of a descriptor number.
type slot struct {
	generation uint32 // counts the uses of this descriptor number; see Loop.lookup
	ref        uint32
	kind       Kind
}

// again is an entry of the run queue.
type again struct {
	fd         int32
	generation uint32
}

// Loop is one event loop.
type Loop struct {
	// Fixed after New.
	Index int
	Stats *stats.Loop
	epfd  int
	wake  int // eventfd: readable when there is mail

	// Owned by the loop.
	Wheel    *wheel.Wheel
	Scratch  []byte // what was read last; valid until the next read on any descriptor of this loop
	now      int64
	handlers [kindsMax]Handler
	slots    []slot // by descriptor
	runQueue []again
	spare    []again
	events   [eventsMax]sys.Event
	due      bool // timers that are due were left for the next turn
	behind   bool // events that came before the timers of this turn may have been left for the next
	mailed   bool // the eventfd has been signalled and cleared, and the mail not read since
	stopped  bool

	// Guarded by mu.
	mu    sync.Mutex
	mail  []func()
	empty []func() // the other of two slices that take turns
	ended bool     // Run has returned: wake is no longer this loop's
}

// New opens a loop. Run starts it.
func New(index int) (*Loop, error) {
	epfd, errno := sys.EpollCreate()
	if errno != 0 {
		return nil, errno
	}
	wake, errno := sys.Eventfd()
	if errno != 0 {
		sys.Close(epfd)
		return nil, errno
	}
	now := clock.Now()
	l := &Loop{Index: index, Stats: &stats.Loop{}, epfd: epfd, wake: wake, Wheel: wheel.New(now), now: now,
		Scratch: make([]byte, scratchBytes)}
	if errno := sys.EpollAdd(epfd, wake, sys.In|sys.Edge, 0); errno != 0 {
		l.release()
		return nil, errno
	}
	return l, nil
}

// Handle sets who is called for a kind. Before Run.
func (l *Loop) Handle(k Kind, h Handler) { l.handlers[k] = h }

// Run turns the loop until Stop. It takes a thread for itself.
func (l *Loop) Run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.stopped {
		l.turn()
	}
	l.release()
}

// Stop ends Run after the current turn. Descriptors that are still registered are their owners' to close.
// Callable from anywhere.
func (l *Loop) Stop() { l.Post(func() { l.stopped = true }) }

// Discard closes a loop that was never run.
func (l *Loop) Discard() { l.release() }

func (l *Loop) release() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	sys.Close(l.wake)
	sys.Close(l.epfd)
}

// Post has f called on the loop's thread, after what was posted before. Callable from anywhere, the loop included.
// Mail posted to a loop that has stopped is never run.
func (l *Loop) Post(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.mail = append(l.mail, f)
	if len(l.mail) == 1 {
		sys.Signal(l.wake) // under the lock: when the loop has ended, the descriptor's number may be another's
	}
}

// Now returns the time at which the current turn began, or of the last Touch.
func (l *Loop) Now() int64 { return l.now }

// Touch reads the clock again. Whoever records that a byte moved calls it after the system call that moved the byte:
// a turn may last milliseconds, and a byte dated at its beginning would let a timer fire early (TO-01).
func (l *Loop) Touch() int64 {
	l.now = clock.Now()
	return l.now
}

// Register watches a descriptor for events until Forget or its close.
func (l *Loop) Register(fd int, k Kind, ref uint32, events uint32) sys.Errno {
	for fd >= len(l.slots) {
		l.slots = append(l.slots, make([]slot, max(256, len(l.slots)))...)
	}
	s := &l.slots[fd]
	s.generation++
	s.kind, s.ref = k, ref
	errno := sys.EpollAdd(l.epfd, fd, events, s.generation)
	if errno != 0 {
		s.kind = kindNone
	}
	return errno
}

// Change watches a registered descriptor for other events.
func (l *Loop) Change(fd int, events uint32) sys.Errno {
	return sys.EpollChange(l.epfd, fd, events, l.slots[fd].generation)
}

// Forget makes the loop drop whatever it still holds of a descriptor. Call it before closing the descriptor.
func (l *Loop) Forget(fd int) {
	s := &l.slots[fd]
	s.generation++
	s.kind = kindNone
}

// Rebind gives a registered descriptor to another handler, which gets its events from now on. What this turn's batch
// still holds for it goes there too.
func (l *Loop) Rebind(fd int, k Kind, ref uint32) { l.slots[fd].kind, l.slots[fd].ref = k, ref }

// Again has the handler of fd called once more, with no events, after the others have had their turn.
func (l *Loop) Again(fd int) {
	l.runQueue = append(l.runQueue, again{int32(fd), l.slots[fd].generation})
}

// lookup returns the slot of an event, or nil for a stale one. An event is stale when an earlier event of the same
// batch made its handler close this descriptor too (a pair closes both of its own); the number may even be in use again
// already, by a connection accepted in between. This is the one place where such events are dropped.
func (l *Loop) lookup(fd int32, generation uint32) *slot {
	s := &l.slots[fd]
	if s.generation != generation || s.kind == kindNone {
		return nil
	}
	return s
}

func (l *Loop) turn() {
	n := l.wait()
	l.Stats.Turns.Add(1)
	l.now = clock.Now()
	l.dispatch(n)
	l.readMail()
	l.runAgain()
	l.expire()
	for _, h := range l.handlers {
		if h != nil {
			h.TurnEnd()
		}
	}
}

// wait returns how many events there are; it returns early, perhaps with none, when something else needs a turn.
func (l *Loop) wait() int {
	left := l.untilDue()
	n, _ := sys.EpollWaitRaw(l.epfd, l.events[:], min(left, rawWaitMax))
	if n > 0 || left <= rawWaitMax {
		return n
	}
	n, _ = sys.EpollWait(l.epfd, l.events[:], sleep(l.untilDue())) // EINTR is an empty turn
	return n
}

// untilDue returns how long the loop has nothing to do, as far as it knows: forever without a timer.
func (l *Loop) untilDue() int64 {
	if len(l.runQueue) > 0 || l.due || l.mailed {
		return 0
	}
	next, ok := l.Wheel.Next()
	if !ok {
		return forever
	}
	return max(next-clock.Now(), 0)
}

// sleep returns how long to ask the kernel to sleep, when left is the time until a timer is due. The kernel allows itself
// to wake a sleeper late by a thousandth of the time it asked for (select_estimate_accuracy: 60 ms for an idle timeout of a
// minute). So a long sleep is asked for a little short, and the rest, a five-hundredth of it, is slept exactly.
func sleep(left int64) int64 {
	if left == forever {
		return -1
	}
	return left - left/500
}

// dispatch handles a batch of events. Those of back-end connections of the HTTP proxy come first: what lies in one that is
// about to be used again, be it only its end, must be seen before a client's request is sent over it.
func (l *Loop) dispatch(n int) {
	if n > 1 {
		l.dispatchBacks(n)
	}
	for i := range l.events[:n] {
		ev := &l.events[i]
		if int(ev.Fd) == l.wake {
			sys.Clear(l.wake)
			l.mailed = true
			continue
		}
		if s := l.lookup(ev.Fd, uint32(ev.Pad)); s != nil {
			l.handlers[s.kind].Ready(s.ref, ev.Events)
		}
	}
}

func (l *Loop) dispatchBacks(n int) {
	for i := range l.events[:n] {
		ev := &l.events[i]
		if int(ev.Fd) == l.wake {
			continue
		}
		if s := l.lookup(ev.Fd, uint32(ev.Pad)); s != nil && s.kind == HTTPBack {
			l.handlers[HTTPBack].Ready(s.ref, ev.Events)
			ev.Pad = dealtWith
		}
	}
}

func (l *Loop) readMail() {
	if !l.mailed {
		return // the lock is not worth taking in every turn
	}
	l.mailed = false
	l.mu.Lock()
	mail := l.mail
	l.mail, l.empty = l.empty[:0], nil
	l.mu.Unlock()
	for i, f := range mail {
		f()
		mail[i] = nil
	}
	l.mu.Lock()
	l.empty = mail[:0]
	l.mu.Unlock()
}

// runAgain gives those who stopped early another go; those who stop early again are for the next turn.
func (l *Loop) runAgain() {
	queue := l.runQueue
	l.runQueue, l.spare = l.spare[:0], nil
	for _, a := range queue {
		if s := l.lookup(a.fd, a.generation); s != nil {
			l.handlers[s.kind].Ready(s.ref, 0)
		}
	}
	l.spare = queue[:0]
}

// expire runs the timers that are due. The clock is read before the sockets are polled once more, so whatever came
// before that reading is handled before a timer of that reading fires.
func (l *Loop) expire() {
	now := clock.Now()
	if next, ok := l.Wheel.Next(); !l.due && (!ok || next > now) {
		return
	}
	l.pollBefore()
	l.Wheel.Advance(now)
	l.due = true
	for range expiriesMax {
		n := l.Wheel.Pop()
		if n == nil {
			l.due = false
			return
		}
		l.handlers[n.Kind].Expired(n)
	}
}

// pollBefore handles the events that are there now. A full batch may hide further events, so it asks again, but not
// for ever: under a load that keeps filling batches, timers may not starve. Where it gives up, the loop is behind.
func (l *Loop) pollBefore() {
	const batchesMax = 4
	l.behind = false
	for range batchesMax {
		n, _ := sys.EpollWaitRaw(l.epfd, l.events[:], 0)
		l.now = clock.Now()
		l.dispatch(n)
		if n < len(l.events) {
			return
		}
	}
	l.behind = true
}

// Behind tells a timer that is due that bytes may lie in its sockets of which the loop has not told: it must look there
// itself before it ends anything. Thousands of events at once are needed for that, as after a stop of the process.
func (l *Loop) Behind() bool { return l.behind }

// Registered returns the number of descriptors that the loop watches. On the loop.
func (l *Loop) Registered() int {
	n := 0
	for i := range l.slots {
		if l.slots[i].kind != kindNone {
			n++
		}
	}
	return n
}
