package load

import (
	"errors"
	"fmt"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
)

// observeMax is how long past the last deadline the observer waits for pairs that are still open.
const observeMax = 5 * time.Second

// lookEvery is the time between two looks: small beside the 5 ms that is asked of lull, large beside the cost of a look.
const lookEvery = 200 * time.Microsecond

// messageBytes is the size of a touch.
const messageBytes = 16

// observer measures when the balancer ends idle pairs.
//
// The last byte of a pair is timed by the kernel, when the balancer's write of the echo reached the client's socket
// (SO_TIMESTAMPNS); the end is timed right after the poller names it. So what this process is late by can make an end
// look later than it was, never earlier: a lateness below zero is the balancer's own. From the first end on it looks at
// the poller every lookEvery, reads and closes nothing, and reports the longest time between two looks, which bounds
// that error. Sleeping in the poller instead would be exact to a few microseconds, but then every close wakes the
// observer: measured, that cost 11 µs for each pair, taken from the balancer while it is timed. The thread asks for
// real-time priority, so that a balancer busy on every core does not hide its own lateness.
//
// Both times are of the wall clock, since the kernel stamps packets with no other; a step of that clock meanwhile is
// reported too.
type observer struct {
	conns  *conns
	o      Options
	lastAt []int64 // wall clock, when the pair's last byte came
	endAt  []int64 // wall clock, when the pair's end was seen; 0 = still open
	looked int64   // when the last look was; 0 = none yet
	gap    int64   // longest time between two looks
	resets int64
}

func runExpire(o Options, p *parent) error {
	runtime.LockOSThread()
	preferThread()
	stopStamps, err := startStamps()
	if err != nil {
		return err
	}
	defer stopStamps()
	c, err := openConns(o.Targets, o.Conns, newEchoes(o.Conns, messageBytes))
	if err != nil {
		return err
	}
	defer c.close()
	v := &observer{conns: c, o: o, lastAt: make([]int64, o.Conns), endAt: make([]int64, o.Conns)}
	step := wallOffset()
	if err = v.touchAll(); err != nil {
		return err
	}
	before := cpuNanos()
	if err = v.observe(); err != nil {
		return err
	}
	e := v.result()
	e.CPUNanos = cpuNanos() - before
	e.ClockSteps = wallOffset() - step
	return p.tell(Report{Stage: StageDone, Count: int64(o.Conns), Expiry: e})
}

// touchAll exchanges the last message on every pair, spread evenly over o.Spread.
func (v *observer) touchAll() error {
	for _, fd := range v.conns.fds {
		if err := stampArrivals(fd); err != nil {
			return err
		}
	}
	message, start := make([]byte, messageBytes), clock.Now()
	sent, answered := 0, 0
	for answered < len(v.conns.fds) {
		for sent < len(v.conns.fds) && sent-answered < windowMax && clock.Now() >= v.dueAt(start, sent) {
			if err := send(v.conns.fds[sent], message); err != nil {
				return err
			}
			sent++
		}
		limit := stallMax
		if sent < len(v.conns.fds) && sent-answered < windowMax {
			limit = time.Millisecond // the next is due within that, or nearly: the spread need not be exact
		}
		events, err := v.conns.poll.wait(limit)
		if err != nil {
			return err
		}
		if len(events) == 0 && limit == stallMax {
			return fmt.Errorf("last bytes: %d of %d answered, then nothing for %v", answered, sent, stallMax)
		}
		at := wallNanos()
		for i := range events {
			if v.ended(int(events[i].Fd), events[i].Events, at) {
				continue // far too early, which the lateness will show
			}
			n, err := v.answer(int(events[i].Fd))
			if err != nil {
				return err
			}
			answered += n
		}
	}
	return nil
}

// dueAt is when the pair at index i sends its last message.
func (v *observer) dueAt(start int64, i int) int64 {
	return start + int64(v.o.Spread)*int64(i)/int64(len(v.conns.fds))
}

// answer receives the echo with the kernel's time of its arrival; 1 when the pair now has all it waits for.
func (v *observer) answer(at int) (int, error) {
	if v.lastAt[at] != 0 {
		return 0, nil
	}
	var buf [2 * messageBytes]byte
	var control [64]byte
	n, cn, _, _, err := unix.Recvmsg(v.conns.fds[at], buf[:], control[:], unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("receive: %w", err)
	case n == 0:
		return 0, fmt.Errorf("pair %d was ended before it had its last byte: opening all took longer than %v", at, v.o.Timeout)
	case n != messageBytes:
		return 0, fmt.Errorf("receive: %d bytes for a message of %d", n, messageBytes)
	}
	v.lastAt[at], err = arrival(control[:cn])
	return 1, err
}

// observe waits until every pair has ended, or for observeMax after the last of them was due.
func (v *observer) observe() error {
	open := 0
	for _, end := range v.endAt {
		if end == 0 {
			open++
		}
	}
	giveUp := clock.Now() + int64(v.o.Timeout+observeMax)
	for open > 0 {
		now := clock.Now()
		if now >= giveUp {
			return nil
		}
		ended, full, err := v.look(time.Duration(giveUp - now + int64(time.Millisecond)))
		if err != nil {
			return err
		}
		open -= ended
		if !full {
			nap(lookEvery)
		}
	}
	return nil
}

// nap sleeps without telling the Go scheduler, which would have to find the thread a slot afterwards. A signal only ends
// it early.
func nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// look takes what the poller has: the number of pairs that have ended, and whether there may be more at once. The first
// look waits for as long as limit.
func (v *observer) look(limit time.Duration) (ended int, full bool, err error) {
	if v.looked != 0 {
		limit = 0
	}
	events, err := v.conns.poll.wait(limit)
	if err != nil || len(events) == 0 && v.looked == 0 {
		return 0, false, err
	}
	at := wallNanos()
	if v.looked != 0 {
		v.gap = max(v.gap, at-v.looked)
	}
	v.looked = at
	for i := range events {
		if v.ended(int(events[i].Fd), events[i].Events, at) {
			ended++
		}
	}
	return ended, len(events) == eventsMax, nil
}

// ended notes the end of a pair that has had its last byte; true when it is the first event to say so.
func (v *observer) ended(i int, events uint32, at int64) bool {
	if v.lastAt[i] == 0 || v.endAt[i] != 0 || events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return false
	}
	v.endAt[i] = at
	if events&unix.EPOLLERR != 0 {
		v.resets++
	}
	return true
}

func (v *observer) result() *Expiry {
	e := &Expiry{GapMaxNanos: v.gap, Resets: v.resets}
	first, last := v.lastAt[0], v.lastAt[0]
	for i, end := range v.endAt {
		first, last = min(first, v.lastAt[i]), max(last, v.lastAt[i])
		if end == 0 {
			e.Open++
			continue
		}
		e.LatenessNanos = append(e.LatenessNanos, end-v.lastAt[i]-int64(v.o.Timeout))
	}
	e.TouchNanos = last - first
	return e
}

// wallNanos reads the clock with which the kernel stamps packets.
func wallNanos() int64 { return clockNanos(unix.CLOCK_REALTIME) }

// wallOffset is the distance between the wall clock and the monotonic one; it changes only when the former is stepped.
func wallOffset() int64 { return wallNanos() - clockNanos(unix.CLOCK_MONOTONIC) }

// cpuNanos is the processor time that this process has used.
func cpuNanos() int64 { return clockNanos(unix.CLOCK_PROCESS_CPUTIME_ID) }

func clockNanos(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic(fmt.Sprintf("clock %d: %v", id, err)) // these clocks exist on every Linux
	}
	return ts.Nano()
}
