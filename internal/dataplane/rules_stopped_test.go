package dataplane_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// engineRole is what a helper process that runs an engine is told first. It answers with the port it listens on.
type engineRole struct {
	Backend uint16
	Idle    time.Duration
	Loops   int
	Spare   int // descriptors left to the process after the engine has started; 0 = as many as it gets

	HTTP    bool
	Another uint16 // backend; 0 = there is one
}

// engineState is what it answers to anything else; an end of its input ends it.
type engineState struct {
	Records []record.Close
	Stats   stats.Snapshot
	Held    dataplane.Held
}

// startEngine starts a helper process with an engine in front of a backend.
func startEngine(t *testing.T, role engineRole) (h *helper, port uint16) {
	t.Helper()
	h = startHelper(t, "engine")
	h.tell(role)
	h.hear(&port)
	return h, port
}

// state asks a helper process of startEngine for what happened until now.
func (h *helper) state() (s engineState) {
	h.t.Helper()
	h.tell("state")
	h.hear(&s)
	return s
}

func playEngine(in *json.Decoder, out *json.Encoder) error {
	var role engineRole
	if err := in.Decode(&role); err != nil {
		return err
	}
	e, err := dataplane.New(dataplane.Options{Loops: role.Loops})
	if err != nil {
		return err
	}
	p, key := role.plan()
	setIdle(role.Idle)(p)
	if err := e.Apply(p); err != nil {
		return err
	}
	if role.Spare > 0 {
		if err := spareDescriptors(role.Spare); err != nil {
			return err
		}
	}
	for answer := any(e.Local(key).Port()); ; {
		if err := out.Encode(answer); err != nil {
			return err
		}
		var word string
		if err := in.Decode(&word); err != nil {
			return nil // the test is over
		}
		records := make([]record.Close, record.Remembered)
		n, _, _ := e.Log().Read(0, records)
		answer = engineState{records[:n], e.Stats(), e.Held()}
	}
}

// plan returns the plan that it asks for, and its listener.
func (r *engineRole) plan() (*plan.Plan, plan.ListenerKey) {
	backends := []netip.AddrPort{lulltest.Loopback(r.Backend)}
	if r.Another != 0 {
		backends = append(backends, lulltest.Loopback(r.Another))
	}
	if r.HTTP {
		return lulltest.HTTPPlan(timeout.Shared, backends...), lulltest.HTTPKey
	}
	return lulltest.Plan(backends...), lulltest.Key
}

// spareDescriptors leaves the process so many descriptors to open. All others are taken, for there may be open ones above the limit,
// which it does not count.
func spareDescriptors(spare int) error {
	open, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return err
	}
	most := uint64(len(open) + spare)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: most, Max: most}); err != nil {
		return os.NewSyscallError("setrlimit", err)
	}
	var taken []int
	for fd, err := unix.Dup(0); err == nil; fd, err = unix.Dup(0) {
		taken = append(taken, fd)
	}
	if len(taken) < spare {
		return fmt.Errorf("spare descriptors: there are %d, want %d", len(taken), spare)
	}
	for _, fd := range taken[len(taken)-spare:] {
		_ = unix.Close(fd)
	}
	return nil
}

// TestStoppedTO_10: in a process that was stopped, what came due meanwhile fires once, when it goes on; what has had a
// byte meanwhile lives on, although the byte came after its timer was due.
func TestStoppedTO_10(t *testing.T) {
	t.Parallel()
	onLoops(t, func(t *testing.T, loops int) {
		const idle = time.Second
		backend, accepted := lulltest.Hands(t)
		h, port := startEngine(t, engineRole{Backend: backend.Addr.Port(), Idle: idle, Loops: loops})
		dial := func() *ends {
			last := now()
			c := lulltest.Dial(t, lulltest.Loopback(port))
			return &ends{t: t, idle: idle, last: last, client: c, backend: lulltest.Take(t, accepted)}
		}
		silent, up, down := dial(), dial(), dial()
		silent.move(silent.client, silent.backend)
		h.signal(syscall.SIGSTOP)
		let(idle * 14 / 10)
		up.client.Send("x")
		down.backend.Send("x")
		gone := watch(silent.client)
		continued := now()
		h.signal(syscall.SIGCONT)
		(<-gone).within(t, "silent", "eof", continued, 0)
		up.backend.Expect("x")
		down.client.Expect("x")
		(<-watch(up.client)).within(t, "with a byte up", "eof", continued, idle)
		(<-watch(down.client)).within(t, "with a byte down", "eof", continued, idle)
		var s engineState
		lulltest.Eventually(func() bool { s = h.state(); return len(s.Records) >= 3 })
		if len(s.Records) != 3 || s.Stats.Listeners[0].Closes[reason.TunnelIdle] != 3 {
			t.Errorf("got %d records and %d closes as tunnel-idle, want 3", len(s.Records), s.Stats.Listeners[0].Closes[reason.TunnelIdle])
		}
	})
}

// TestStoppedCrowdTO_10: the same with more connections than a loop takes notice of at a time, and the byte of each
// behind those of all whose timers come later. It takes thousands of descriptors, so it runs before the parallel tests.
func TestStoppedCrowdTO_10(t *testing.T) {
	const idle = 3 * time.Second
	const size = 2000
	backend := lulltest.Serve(t, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	h, port := startEngine(t, engineRole{Backend: backend.Addr.Port(), Idle: idle, Loops: 1})
	clients := make([]*lulltest.Conn, size)
	begun := time.Now()
	for i := range clients {
		clients[i] = lulltest.Dial(t, lulltest.Loopback(port))
	}
	if !lulltest.Eventually(func() bool { return backend.Accepted() == size }) {
		t.Fatalf("accepted by the backend: got %d, want %d", backend.Accepted(), size)
	}
	h.signal(syscall.SIGSTOP)
	if took := time.Since(begun); took > idle {
		t.Skipf("the machine is too busy: %d connections took %v to open", size, took)
	}
	let(idle + 200*time.Millisecond)
	for i := range clients {
		clients[size-1-i].Send("x")
	}
	h.signal(syscall.SIGCONT)
	cut := 0
	for _, c := range clients {
		_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
		if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
			cut++
		}
	}
	if cut > 0 {
		t.Errorf("cut although a byte lay in its socket: %d of %d", cut, size)
	}
	_ = h.Kill()
}

// TestWallClockTO_10 is the pure half: every instant that rules are given comes from a reading of the monotonic clock,
// which setting the wall clock does not move. Go marks times that carry such a reading.
func TestWallClockTO_10(t *testing.T) {
	t.Parallel()
	var before, after unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &before)
	first := clock.Now()
	let(20 * time.Millisecond)
	second := clock.Now()
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &after)
	if gone := after.Nano() - before.Nano(); second-first < int64(20*time.Millisecond) || second-first > gone {
		t.Errorf("clock: %d ns went by between two readings within %d ns of the monotonic clock", second-first, gone)
	}
	if w := clock.Wall(first).String(); !strings.Contains(w, " m=") {
		t.Errorf("clock: got %s for a reading, want a time that carries a monotonic reading", w)
	}
}

func (h *helper) signal(s os.Signal) {
	h.t.Helper()
	if err := h.Signal(s); err != nil {
		h.t.Fatalf("signal the helper: %v", err)
	}
}
