package dataplane_test

import (
	"bytes"
	"io"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// TestFlushBeforeFINTO_08: an idle close delivers to a slow reader every byte that was taken for it, and then the end;
// also to one that has sent what nobody has read, where a plain close would make the kernel reset the connection and
// destroy what is still on its way.
func TestFlushBeforeFINTO_08(t *testing.T) {
	busy(t)
	lulltest.OnWires(t, flushBeforeFIN)
}

func flushBeforeFIN(t *testing.T) {
	for name, c := range map[string]struct {
		answer int  // what the backend sends at once
		upload bool // the client sends more than anybody takes
	}{
		"small":               {100, false},
		"small_unread":        {100, true},
		"in_kernel":           {300 << 10, false},
		"in_kernel_unread":    {300 << 10, true},
		"held_by_lull":        {64 << 20, false},
		"held_by_lull_unread": {64 << 20, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flushed(t, c.answer, c.upload)
		})
	}
}

// lingers is how long lull waits for a peer to take its last bytes.
const lingers = 2 * time.Second

func flushed(t *testing.T, answer int, upload bool) {
	backend, accepted := lulltest.Hands(t)
	p := lulltest.Plan(backend.Addr)
	e := start(t, 1, p)
	pair := ends{client: lulltest.DialSized(t, e.Addr(), 32<<10), backend: lulltest.Take(t, accepted)}
	go func() { _, _ = io.CopyN(pair.backend, new(counting), int64(answer)) }()
	if upload {
		fillUp(t, pair.client)
	}
	held := answer > 32<<20 // more than any kernel takes
	waitTaken(t, e, uint64(answer), held)
	changed := time.Now()
	e.Changed(p, setIdle(100*time.Millisecond))
	r := e.NextClose()
	if r.Reason != reason.TunnelIdle {
		t.Fatalf("record: got %v, want tunnel-idle", r.Reason)
	}
	if held != (r.PendingDown > 0) {
		t.Errorf("held by lull for the client: got %d bytes of %d", r.PendingDown, r.BytesDown)
	}
	how, data := pair.client.End()
	if took := time.Since(changed); took > lingers {
		t.Skipf("the machine is too busy: the client took %v to read what lull grants %v for", took, lingers)
	}
	if how != "eof" || uint64(len(data)) != r.BytesDown {
		t.Errorf("client: got %d bytes and %s, want the %d that lull took and eof", len(data), how, r.BytesDown)
	}
	want := make([]byte, len(data))
	_, _ = new(counting).Read(want)
	if !bytes.Equal(data, want) {
		t.Errorf("client: the bytes are not those that the backend sent")
	}
	if !lulltest.Eventually(func() bool { return e.Held().Idle() }) { // although the client has not closed its side
		t.Errorf("the engine still holds %+v", e.Held())
	}
}

// waitTaken waits until the one connection there is has taken what it can of the backend's answer: all, or as much as
// lull holds for a client that does not read.
func waitTaken(t *testing.T, e *lulltest.Engine, answer uint64, held bool) {
	t.Helper()
	if !lulltest.Eventually(func() bool {
		live := e.Live()
		if len(live) != 1 {
			return false
		}
		return live[0].BytesDown == answer || held && live[0].PendingDown > 0 && live[0].QuietDown > 100*time.Millisecond
	}) {
		t.Fatalf("open connections: got %+v, want one that has taken an answer of %d bytes", e.Live(), answer)
	}
}

// counting reads as bytes whose values depend on their places; no byte is lost or doubled without notice. The period is a
// prime near 256.
type counting int

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(*c % 251)
		*c++
	}
	return len(b), nil
}

// TestResetOnIdleTO_08: a listener with rst resets both connections on an idle close, and on no other.
func TestResetOnIdleTO_08(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, resetOnIdle)
}

func resetOnIdle(t *testing.T) {
	onLoops(t, func(t *testing.T, loops int) {
		const idle = 500 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		lulltest.Listener(p).Timeouts.Idle = idle
		lulltest.Listener(p).ResetOnIdle = true
		e := start(t, loops, p)
		closed := open(t, e, accepted, idle)
		closed.move(closed.client, closed.backend)
		server := watch(closed.backend)
		_ = closed.client.Close()
		if got := <-server; got.how != "eof" {
			t.Errorf("backend, after the client's FIN: ended with %s, want eof", got.how)
		}
		_ = closed.backend.Close()
		if r := e.NextClose(); r.Reason != reason.ClientClosed {
			t.Errorf("record: got %v, want client-closed", r.Reason)
		}
		pair := open(t, e, accepted, idle)
		pair.move(pair.client, pair.backend)
		client, server := watch(pair.client), watch(pair.backend)
		(<-client).within(t, "client", "reset", pair.last, idle)
		(<-server).within(t, "backend", "reset", pair.last, idle)
		pair.judge(e, reason.TunnelIdle, idle)
	})
}

// sides runs a test for each side as the one that does something first.
func sides(t *testing.T, body func(t *testing.T, loops int, swap bool)) {
	t.Helper()
	for name, swap := range map[string]bool{"client": false, "backend": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onLoops(t, func(t *testing.T, loops int) { body(t, loops, swap) })
		})
	}
}

// TestHalfClosedTO_09: after a FIN from one side the other direction goes on for as long as it has bytes, and then ends
// at the idle time like any other connection.
func TestHalfClosedTO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, halfClosed)
}

func halfClosed(t *testing.T) {
	sides(t, func(t *testing.T, loops int, swap bool) {
		const idle = 1200 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		lulltest.Listener(p).Timeouts.Idle = idle
		e := start(t, loops, p)
		pair := open(t, e, accepted, idle)
		closing, going := pair.order(swap)
		closing.Send("question")
		_ = closing.CloseWrite()
		going.Expect("question")
		if got := <-watch(going); got.how != "eof" || len(got.data) != 0 {
			t.Fatalf("after the FIN: got %s and %d bytes, want eof at once", got.how, len(got.data))
		}
		for range 6 { // 3 idle times
			pair.move(going, closing)
			let(idle / 2)
		}
		(<-watch(closing)).within(t, "the side that closed", "eof", pair.last, idle)
		half := map[bool]string{false: "client", true: "backend"}[swap]
		if r := pair.judge(e, reason.TunnelIdle, idle); r.HalfClosed != half {
			t.Errorf("record: half closed by %q, want %q", r.HalfClosed, half)
		}
	})
}

// TestFINRearmsNothingTO_09: a FIN is no byte.
func TestFINRearmsNothingTO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, finRearmsNothing)
}

func finRearmsNothing(t *testing.T) {
	sides(t, func(t *testing.T, loops int, swap bool) {
		const idle = 1200 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		lulltest.Listener(p).Timeouts.Idle = idle
		e := start(t, loops, p)
		pair := open(t, e, accepted, idle)
		closing, going := pair.order(swap)
		pair.move(closing, going)
		let(idle * 6 / 10)
		end, closed := watch(closing), now()
		_ = closing.CloseWrite()
		if got := <-watch(going); got.how != "eof" || got.at.Sub(closed.at) > closed.allowed(lateMax) {
			t.Errorf("the other side: got %s after %v, want the FIN passed on at once", got.how, got.at.Sub(closed.at))
		}
		(<-end).within(t, "the side that closed", "eof", pair.last, idle)
		r := pair.judge(e, reason.TunnelIdle, idle)
		checkIdleTimes(t, &r)
	})
}

// TestFINAfterLastByteTO_09: the FIN follows the last byte however slowly the other side reads, through lull's buffers
// and pipes, and the end of the second direction ends the pair. It moves so much that it runs before the parallel tests.
func TestFINAfterLastByteTO_09(t *testing.T) {
	lulltest.OnWires(t, finAfterLastByte)
}

func finAfterLastByte(t *testing.T) {
	sides(t, func(t *testing.T, loops int, swap bool) {
		const size = 6 << 20
		backend, accepted := lulltest.Hands(t)
		e := start(t, loops, lulltest.Plan(backend.Addr))
		closing, going := open(t, e, accepted, time.Minute).order(swap)
		go func() {
			_, _ = io.CopyN(closing, zeros{}, size)
			_ = closing.CloseWrite()
		}()
		let(200 * time.Millisecond) // everything between the two fills up
		if got := <-watch(going); got.how != "eof" || len(got.data) != size {
			t.Fatalf("got %d bytes and %s, want %d and eof", len(got.data), got.how, size)
		}
		going.Send("thanks")
		closing.Expect("thanks")
		_ = going.CloseWrite()
		if got := <-watch(closing); got.how != "eof" {
			t.Errorf("the side that closed first: ended with %s, want eof", got.how)
		}
		want := map[bool]reason.Reason{false: reason.ClientClosed, true: reason.BackendClosed}[swap]
		if r := e.NextClose(); r.Reason != want || r.BytesUp+r.BytesDown != size+6 {
			t.Errorf("record: got %v and %d bytes, want %v and %d", r.Reason, r.BytesUp+r.BytesDown, want, size+6)
		}
	})
}
