package loop

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
	"lull/internal/dataplane/wheel"
)

// TestByteBeforeDeadline (TO-01, TO-10): bytes that came after the turn had begun, but before the timer's instant, are
// told before the timer fires. 300 descriptors are more than one batch of events.
func TestByteBeforeDeadline(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		conns int
	}{{"one", 1}, {"more-than-a-batch", eventsMax + 44}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			told, toldBefore := 0, -1
			l := newLoop(t, &fake{
				ready:   func(uint32, uint32) { told++ },
				expired: func(*wheel.Node) { toldBefore = told },
			})
			peers := make([]int, tt.conns)
			for i := range peers {
				fd, peer := watch(t, l, uint32(i))
				closeAll(t, fd, peer)
				peers[i] = peer
			}
			at := clock.Now() + 20*ms
			node := &wheel.Node{Kind: uint8(TCPPair)}
			l.Wheel.Arm(node, at)
			l.Post(func() { // runs after the turn's events have been collected
				for _, peer := range peers {
					write(t, peer)
				}
				spinUntil(at + 2*ms)
			})
			for toldBefore < 0 {
				l.turn()
			}
			if toldBefore != tt.conns {
				t.Errorf("told of %d descriptors before the timer fired, want %d", toldBefore, tt.conns)
			}
		})
	}
}

// TestMailDuringExpiry: mail whose signal is seen by the look at the sockets before timers run must be read in the next
// turn, even if nothing else wakes the loop then.
func TestMailDuringExpiry(t *testing.T) {
	t.Parallel()
	fired, read := make(chan struct{}), make(chan struct{})
	l, _ := runLoop(t, &fake{expired: func(*wheel.Node) { close(fired) }})
	node := &wheel.Node{Kind: uint8(TCPPair)}
	l.Post(func() {
		at := clock.Now() + ms
		l.Wheel.Arm(node, at)
		l.Post(func() { close(read) })
		spinUntil(at + 2*ms)
	})
	wait(t, "timer", fired)
	wait(t, "mail", read)
}

// TestExpiriesBounded: thousands of timers due together leave room for traffic between, and none is forgotten.
func TestExpiriesBounded(t *testing.T) {
	t.Parallel()
	const timers = 5*expiriesMax + 1
	var l *Loop
	fired, told := 0, 0
	l = newLoop(t, &fake{
		ready:   func(uint32, uint32) { told++ },
		expired: func(*wheel.Node) { fired++ },
	})
	fd, peer := watch(t, l, 0)
	closeAll(t, fd, peer)
	nodes := make([]wheel.Node, timers)
	at := clock.Now() + ms
	for i := range nodes {
		nodes[i].Kind = uint8(TCPPair)
		l.Wheel.Arm(&nodes[i], at)
	}
	spinUntil(at + 2*ms)
	for turn := 1; fired < timers; turn++ {
		before := fired
		write(t, peer)
		l.turn()
		switch n := fired - before; {
		case n > expiriesMax:
			t.Fatalf("turn %d: %d timers fired, want at most %d", turn, n, expiriesMax)
		case n == 0:
			t.Fatalf("turn %d: no timer fired of %d that are due", turn, timers-fired)
		case told < turn:
			t.Fatalf("turn %d: told of %d events, want %d", turn, told, turn)
		}
	}
}

// TestTimerNeverEarly (TO-01) runs a real loop that sleeps between timers.
func TestTimerNeverEarly(t *testing.T) {
	t.Parallel()
	const timers = 60
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	nodes := make([]wheel.Node, timers)
	when := make([]int64, timers)
	done := make(chan struct{})
	var at, order []int64
	l, _ := runLoop(t, &fake{expired: func(n *wheel.Node) {
		at, order = append(at, clock.Now()), append(order, when[n.Ref])
		if len(at) == timers {
			close(done)
		}
	}})
	l.Post(func() {
		for i := range nodes {
			nodes[i].Kind, nodes[i].Ref = uint8(TCPPair), uint32(i)
			when[i] = clock.Now() + random.Int64N(300*ms)
			l.Wheel.Arm(&nodes[i], when[i])
		}
	})
	wait(t, "timers", done)
	for i := range at {
		if at[i] < order[i] {
			t.Errorf("timer %d fired %d ns early", i, order[i]-at[i])
		}
	}
	ticks := slices.Clone(order)
	for i := range ticks {
		ticks[i] /= 2 * ms // timers of one tick may fire in any order
	}
	if !slices.IsSorted(ticks) {
		t.Errorf("timers fired out of order: %v", order)
	}
}

// TestIdleLoopSleeps: a loop with nothing to do does not turn.
func TestIdleLoopSleeps(t *testing.T) {
	t.Parallel()
	l, _ := runLoop(t, &fake{})
	fd, peer := sockets(t)
	closeAll(t, fd, peer)
	settled, fired := make(chan struct{}), make(chan struct{})
	var before, after uint64
	l.Post(func() { before = l.Stats.Turns.Load(); close(settled) })
	wait(t, "mail", settled)
	var poll [1]unix.PollFd
	_, _ = unix.Poll(poll[:0], 200)
	l.Post(func() { after = l.Stats.Turns.Load(); close(fired) })
	wait(t, "mail", fired)
	if n := after - before; n > 3 {
		t.Errorf("an idle loop turned %d times, want at most 3", n)
	}
}
