package dataplane_test

import (
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestAgePR_02: a connection older than connection_age_max ends when it falls quiet, and not while bytes flow.
func TestAgePR_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, agePR)
}

func agePR(t *testing.T) {
	onLoops(t, func(t *testing.T, loops int) {
		const age = 600 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		lulltest.Listener(p).Timeouts.AgeMax = age
		e := start(t, loops, p)
		quiet := open(t, e, accepted, timeout.AgeQuiet)
		ends := [2]<-chan ending{watch(quiet.client), watch(quiet.backend)}
		busy := open(t, e, accepted, timeout.AgeQuiet)
		for i := range 6 { // to five times its age
			from, to := busy.order(i%2 == 1)
			busy.move(from, to)
			let(timeout.AgeQuiet / 2)
		}
		// Without a byte the quiet time runs from the beginning, and it is longer than the age here.
		(<-ends[0]).within(t, "quiet, client", "eof", quiet.last, timeout.AgeQuiet)
		(<-ends[1]).within(t, "quiet, backend", "eof", quiet.last, timeout.AgeQuiet)
		(<-watch(busy.client)).within(t, "busy", "eof", busy.last, timeout.AgeQuiet)
		for range 2 {
			if r := e.NextClose(); r.Reason != reason.AgeCap || r.Timer != "connection_age_max" || r.Setting != age || r.Late < 0 {
				t.Errorf("record: got %v by %s=%v, %v late; want age-cap by connection_age_max=%v", r.Reason, r.Timer, r.Setting, r.Late, age)
			}
		}
	})
}

// TestAgeLaterThanQuietPR_02: a connection that is quiet when it reaches its age ends then, no earlier; an idle timeout
// that comes first comes first.
func TestAgeLaterThanQuietPR_02(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, ageLaterThanQuiet)
}

func ageLaterThanQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		idle, age, want time.Duration
		why             reason.Reason
	}{
		"age":        {time.Minute, 1500 * time.Millisecond, 1500 * time.Millisecond, reason.AgeCap},
		"idle_first": {700 * time.Millisecond, 1500 * time.Millisecond, 700 * time.Millisecond, reason.TunnelIdle},
		"off":        {900 * time.Millisecond, 0, 900 * time.Millisecond, reason.TunnelIdle},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend, accepted := lulltest.Hands(t)
			p := lulltest.Plan(backend.Addr)
			lulltest.Listener(p).Timeouts.Idle, lulltest.Listener(p).Timeouts.AgeMax = c.idle, c.age
			e := start(t, 1, p)
			pair := open(t, e, accepted, c.idle)
			(<-watch(pair.client)).within(t, "client", "eof", pair.last, c.want)
			if r := e.NextClose(); r.Reason != c.why {
				t.Errorf("record: got %v, want %v", r.Reason, c.why)
			}
		})
	}
}

// nearLimit is an engine with room for ten connections, for whose clients a PROXY header is due.
func nearLimit(t *testing.T, loops int) *lulltest.Engine {
	t.Helper()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	lulltest.Listener(p).ProxyAccept = true
	return lulltest.StartWith(t, dataplane.Options{Loops: loops, ConnectionsMax: 10}, p)
}

const header = "PROXY UNKNOWN\r\n"

// tunnel opens a connection that has brought its header.
func tunnel(e *lulltest.Engine) *lulltest.Conn {
	c := e.Dial()
	c.Send(header + "x")
	c.Expect("x")
	return c
}

// waiting opens one that has not, and returns when lull has taken it.
func waiting(t *testing.T, e *lulltest.Engine) *lulltest.Conn {
	t.Helper()
	c := e.Dial()
	me := c.LocalAddr().String()
	if !lulltest.Eventually(func() bool {
		for _, l := range e.Live() {
			if l.Ends.Peer.String() == me {
				return l.State == "proxy-header"
			}
		}
		return false
	}) {
		t.Fatalf("%s: not taken; open connections: %d of %d", me, len(e.Live()), e.Stats().ConnectionsMax)
	}
	return c
}

// TestReclaimPR_03: near the limit, a new connection takes the place of the one that has waited longest without having
// begun its work. Connections that have begun are never closed to make room.
func TestReclaimPR_03(t *testing.T) {
	t.Parallel()
	e := nearLimit(t, 1)
	var tunnels, waits []*lulltest.Conn
	for range 6 {
		tunnels = append(tunnels, tunnel(e))
	}
	for range 3 { // nine are open: 90 %
		waits = append(waits, waiting(t, e))
	}
	for i := range 6 {
		if i%2 == 0 { // one that goes on to wait
			waits = append(waits, waiting(t, e))
		} else { // one that begins at once
			tunnels = append(tunnels, tunnel(e))
		}
		oldest := waits[0]
		waits = waits[1:]
		checkReclaimed(t, e, oldest)
	}
	if len(waits) != 0 || len(tunnels) != 9 {
		t.Fatalf("test: %d waiting and %d tunnels, want 0 and 9", len(waits), len(tunnels))
	}
	last := waiting(t, e) // nobody is left to make room, but there is still some
	last.Send(header + "y")
	last.Expect("y")
	for i, c := range append(tunnels, last) {
		c.Ask("still here")
		if n := e.Log().Next(); n != 6 {
			t.Fatalf("after connection %d: %d records, want 6", i, n)
		}
	}
}

// checkReclaimed checks that this connection, and no other, has been closed to make room.
func checkReclaimed(t *testing.T, e *lulltest.Engine, c *lulltest.Conn) {
	t.Helper()
	r := e.NextClose()
	if r.Reason != reason.Reclaimed || r.Ends.Peer.String() != c.LocalAddr().String() {
		t.Errorf("record: got %v of %v, want reclaimed of %v", r.Reason, r.Ends.Peer, c.LocalAddr())
	}
	if how, _ := c.End(); how != "eof" {
		t.Errorf("reclaimed: ended with %s, want eof", how)
	}
	_ = c.Close()
}

// TestNewcomerStaysPR_03: near the limit a connection is not reclaimed in the very moment in which it is accepted; it
// gets its time to send a header, whether or not more come with it.
func TestNewcomerStaysPR_03(t *testing.T) {
	t.Parallel()
	onLoops(t, func(t *testing.T, loops int) {
		e := nearLimit(t, loops)
		for range 9 {
			tunnel(e)
		}
		for range 20 {
			c := waiting(t, e)
			c.Send(header + "y")
			c.Expect("y")
			_ = c.Close()
			if r := e.NextClose(); r.Reason != reason.ClientClosed {
				t.Fatalf("record: got %v, want client-closed", r.Reason)
			}
		}
	})
}

// TestStalledHeadersPR_03: clients that begin a header and never end it do not keep others out.
func TestStalledHeadersPR_03(t *testing.T) {
	t.Parallel()
	e := nearLimit(t, 1)
	for range 30 {
		e.Dial().Send("PROXY")
	}
	begun := now()
	c := tunnel(e)
	if took, most := time.Since(begun.at), begun.allowed(lateMax); took > most {
		t.Errorf("served after %v, want at most %v", took, most)
	}
	c.Ask("still here")
}

// TestLimitPR_04: with the limit reached, new connections wait in the backlog, the loops rest meanwhile, and service
// returns by itself.
func TestLimitPR_04(t *testing.T) {
	t.Parallel()
	onLoops(t, func(t *testing.T, loops int) {
		const most, more = 4, 6
		echo := lulltest.Echo(t)
		e := lulltest.StartWith(t, dataplane.Options{Loops: loops, ConnectionsMax: most}, lulltest.Plan(echo.Addr))
		var served [most]*lulltest.Conn
		for i := range served {
			served[i] = e.Dial()
			served[i].Ask("hello")
		}
		var queued [more]*lulltest.Conn
		for i := range queued {
			queued[i] = e.Dial()
			queued[i].Send("hello")
		}
		begun, before := time.Now(), e.Stats()
		let(500 * time.Millisecond)
		after := e.Stats()
		checkResting(t, before.Loops, after.Loops, time.Since(begun))
		if after.Connections != most || echo.Accepted() != most {
			t.Errorf("connections: got %d, %d at the backend; want %d", after.Connections, echo.Accepted(), most)
		}
		for _, c := range served {
			c.Ask("still here")
			_ = c.Close()
		}
		answers := make(chan string, more)
		for _, c := range queued { // at once: there is room for four at a time, in an order that nobody promises
			go func() {
				answers <- answer(c)
				_ = c.Close()
			}()
		}
		for range queued {
			if got := <-answers; got != "hello" {
				t.Errorf("queued: got %q, want hello", got)
			}
		}
		for range most + more {
			if r := e.NextClose(); r.Reason != reason.ClientClosed {
				t.Errorf("record: got %v, want client-closed", r.Reason)
			}
		}
		if l := e.Stats().Listeners[0]; l.Accepted != most+more || l.Closes[reason.ClientClosed] != most+more {
			t.Errorf("accepted %d, ended %d as client-closed; want %d each", l.Accepted, l.Closes[reason.ClientClosed], most+more)
		}
	})
}

// TestDescriptorsPR_04: the same where the process runs out of descriptors before the limit: an engine that may hold
// thousands of connections, in a process with room for three pairs and a half.
func TestDescriptorsPR_04(t *testing.T) {
	t.Parallel()
	echo := lulltest.Echo(t)
	h, port := startEngine(t, engineRole{Backend: echo.Addr.Port(), Idle: time.Minute, Loops: 1, Spare: 7})
	const clients = 12
	var conns []*lulltest.Conn
	for range clients {
		c := lulltest.Dial(t, lulltest.Loopback(port))
		c.Send("hello")
		conns = append(conns, c)
	}
	var before engineState
	if !lulltest.Eventually(func() bool {
		before = h.state()
		return before.Held.Pairs >= 3 && before.Stats.Loops[0].AcceptPauses > 0
	}) {
		t.Fatalf("pairs: got %d, %d pauses; want 3 and a pause", before.Held.Pairs, before.Stats.Loops[0].AcceptPauses)
	}
	begun := time.Now()
	let(500 * time.Millisecond)
	after := h.state()
	checkResting(t, before.Stats.Loops, after.Stats.Loops, time.Since(begun))
	served := 0
	for _, c := range conns {
		switch got := answer(c); got {
		case "hello":
			served++
		case "eof":
		default:
			t.Errorf("client: got %q, want hello or eof", got)
		}
		_ = c.Close()
	}
	var end engineState
	if !lulltest.Eventually(func() bool { end = h.state(); return len(end.Records) >= clients && end.Held.Idle() }) {
		t.Fatalf("after %d of %d connections the engine still holds %+v", len(end.Records), clients, end.Held)
	}
	checkStarved(t, end.Records, served)
}

// answer reads what comes first, or how the connection ends.
func answer(c *lulltest.Conn) string {
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	b := make([]byte, 16)
	n, err := c.Read(b)
	if err != nil {
		return lulltest.Closed(err)
	}
	return string(b[:n])
}

// checkStarved checks that each client was served, or closed for want of a descriptor for its back-end connection.
func checkStarved(t *testing.T, records []record.Close, served int) {
	t.Helper()
	count := map[reason.Reason]int{}
	for i := range records {
		count[records[i].Reason]++
	}
	if count[reason.ClientClosed] != served || count[reason.ClientClosed]+count[reason.NoDescriptors] != 12 {
		t.Errorf("records: got %v, want %d client-closed and the rest of 12 no-descriptors", count, served)
	}
	if served < 3 {
		t.Errorf("served: got %d, want at least the 3 there was room for", served)
	}
}

// TestLimitLoweredPR_04: a lowered limit leaves open connections alone and keeps new ones waiting until there is room.
func TestLimitLoweredPR_04(t *testing.T) {
	t.Parallel()
	e := start(t, 2, lulltest.Plan(lulltest.Echo(t).Addr))
	var conns [6]*lulltest.Conn
	for i := range conns {
		conns[i] = e.Dial()
		conns[i].Ask("hello")
	}
	e.SetConnectionsMax(2)
	queued := e.Dial()
	queued.Send("hello")
	for i, c := range conns {
		c.Ask("still here")
		if got := e.Stats(); got.Connections != len(conns)-i {
			t.Errorf("connections: got %d, want %d", got.Connections, len(conns)-i)
		}
		_ = c.Close()
		if r := e.NextClose(); r.Reason != reason.ClientClosed {
			t.Errorf("record: got %v, want client-closed", r.Reason)
		}
		if i == len(conns)-2 {
			break // one is left, so there is room for another
		}
	}
	queued.Expect("hello")
	conns[len(conns)-1].Ask("still here")
}

// checkResting checks that loops with nothing to do but to look for room have turned no more than that takes.
func checkResting(t *testing.T, before, after []stats.LoopTotals, d time.Duration) {
	t.Helper()
	most := uint64(d/(20*time.Millisecond))*3 + 20 // the acceptor's retry, and what the test itself asks of the loops
	for i := range after {
		if turns := after[i].Turns - before[i].Turns; turns > most {
			t.Errorf("loop %d: got %d turns in %v, want at most %d", i, turns, d, most)
		}
	}
}
