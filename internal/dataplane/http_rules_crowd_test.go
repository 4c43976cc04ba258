package dataplane_test

import (
	"io"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestSlowLoopCrowdHTTP_TO_10: after a loop has been away for longer than the idle time, with more requests in sockets than
// it takes notice of at a time, and each behind those of all whose timers come later, none of their connections is cut. It
// takes thousands of descriptors, so it runs before the parallel tests. There is no backend, so each request gets a 503.
func TestSlowLoopCrowdHTTP_TO_10(t *testing.T) {
	const idle = 2 * time.Second
	const size = 2000
	p := lulltest.HTTPPlan(timeout.Shared)
	everyIdle(idle)(&lulltest.Listener(p).Timeouts)
	e := start(t, 1, p)
	begun := time.Now()
	clients := make([]*lulltest.HTTPConn, size)
	for i := range clients {
		clients[i] = e.DialHTTP()
	}
	if !lulltest.Eventually(func() bool { return e.Stats().Connections == size }) {
		t.Fatalf("connections: got %d, want %d", e.Stats().Connections, size)
	}
	release := e.Hold()
	t.Cleanup(release)
	if took := time.Since(begun); took > idle {
		t.Skipf("the machine is too busy: %d connections took %v to open", size, took)
	}
	let(idle + 200*time.Millisecond)
	for i := range clients {
		clients[size-1-i].Get("/")
	}
	release()
	cut := 0
	for _, c := range clients {
		_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			cut++
		}
	}
	if l, _ := totalsOf(e, lulltest.HTTPKey); cut > 0 || l.Closes[reason.ClientIdle] > 0 {
		t.Errorf("cut although a request lay in its socket: %d of %d, %d as client-idle", cut, size, l.Closes[reason.ClientIdle])
	}
}
