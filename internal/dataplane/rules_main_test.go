package dataplane_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// The rules_*_test.go files hold the timeout rules for TCP against real sockets; the id of a rule is in the name of its
// test. Times are measured at the sockets of the peers: from the instant before the call that sends a byte, which is
// before lull can have seen it, to the instant after the call that reads the end. What is shorter than the configured
// time by a nanosecond is early and fails. Nearly all of them run over plain connections and over TLS (TO-05): see lulltest.OnWires.

// lateMax is how late an end may be in a test whose subject is something else, on a machine with a processor to spare:
// see instant. Times are chosen so that a timer armed by the wrong event would be off by more.
const lateMax = 300 * time.Millisecond

// testsAtATime: these tests wait for timers and hardly compute, so many can run on few processors.
const testsAtATime = "24"

// busy marks a test that computes or moves much instead of waiting. It does not run in parallel: Go runs such tests before
// the parallel ones, each alone. Among two dozen others, under the race detector, a loop got its turn so rarely that one
// message of 1 MiB took more than lulltest.Patience.
func busy(testing.TB) {}

// loopsAtATime: a loop keeps its processor of the Go scheduler for the first millisecond of each wait. A process has one
// or two loops per core and leaves the others room; a hundred loops of parallel tests would wait for each other.
const loopsAtATime = 128

// roleVariable tells the test binary, started by one of its own tests, to be a helper process instead.
const roleVariable = "LULL_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", testsAtATime)
	}
	runtime.GOMAXPROCS(loopsAtATime)
	os.Exit(m.Run())
}

// play is a helper process: it speaks JSON with its test through standard input and output.
func play(role string) int {
	run := map[string]func(*json.Decoder, *json.Encoder) error{"crowd": playCrowd, "engine": playEngine}[role]
	if run == nil {
		fmt.Fprintf(os.Stderr, "there is no helper role %q\n", role)
		return 2
	}
	if err := run(json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)); err != nil {
		fmt.Fprintf(os.Stderr, "helper %s: %v\n", role, err)
		return 1
	}
	return 0
}

// helper is a helper process as its test sees it.
type helper struct {
	*os.Process
	t    *testing.T
	in   *json.Encoder
	out  *json.Decoder
	pipe io.Closer
}

// startHelper starts the test binary in a role. It ends when its standard input does, at the latest with the test.
func startHelper(t *testing.T, role string) *helper {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start helper %s: %v", role, err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return &helper{Process: cmd.Process, t: t, in: json.NewEncoder(in), out: json.NewDecoder(out), pipe: in}
}

func (h *helper) tell(v any) {
	h.t.Helper()
	if err := h.in.Encode(v); err != nil {
		h.t.Fatalf("tell the helper: %v", err)
	}
}

// hear waits for what the helper says next: into must be a pointer. The test's own time limit bounds the wait.
func (h *helper) hear(into any) {
	h.t.Helper()
	if err := h.out.Decode(into); err != nil {
		h.t.Fatalf("hear the helper: %v", err)
	}
}

// instant is a moment, and how long tasks of this machine had waited for a processor until then. Where a machine is too
// busy to run lull, lull is late and that says nothing of it; so that wait is granted on top of what a test allows.
// Nothing is granted to what comes early.
type instant struct {
	at     time.Time
	stalls time.Duration
}

func now() instant { return instant{stalls: stalls(), at: time.Now()} }

// stalls reads the kernel's count of the time for which some task waited for a processor; 0 if it does not count.
func stalls() time.Duration {
	text, err := os.ReadFile("/proc/pressure/cpu")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	_, total, _ := strings.Cut(line, "total=")
	micros, _ := strconv.ParseInt(total, 10, 64)
	return time.Duration(micros) * time.Microsecond
}

// allowed returns how late something of a moment ago may be, if most is what a machine with a processor to spare gets.
func (i instant) allowed(most time.Duration) time.Duration { return most + stalls() - i.stalls }

// onLoops runs a test against one loop, and against four; over TLS only against four, where one would say no more.
func onLoops(t *testing.T, body func(t *testing.T, loops int)) {
	t.Helper()
	counts := []int{1, 4}
	if w := lulltest.WireOf(t); w.Front() || w.Back() {
		counts = counts[1:]
	}
	for _, loops := range counts {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			body(t, loops)
		})
	}
}

// connectTime returns a limit for the connects of a test that waits for some of them to fail, and whose others should not.
// Over TLS a handshake is part of each, which may take a busy machine a while.
func connectTime(t *testing.T) time.Duration {
	t.Helper()
	if lulltest.WireOf(t).Back() {
		return 1500 * time.Millisecond
	}
	return 400 * time.Millisecond
}

func start(t *testing.T, loops int, p *plan.Plan) *lulltest.Engine {
	t.Helper()
	return lulltest.StartWith(t, dataplane.Options{Loops: loops}, p)
}

// ends are the peers of one pair of connections: lull is between them.
type ends struct {
	client, backend *lulltest.Conn

	t     *testing.T
	idle  time.Duration // the pair's idle time
	last  instant       // before lull can have seen the last byte, or the connection
	heard time.Time     // after the last byte had arrived on the other side; zero if it is not known when
}

// open connects through the listener of lulltest.Plan to a backend of lulltest.Hands.
func open(t *testing.T, e *lulltest.Engine, accepted <-chan *lulltest.Conn, idle time.Duration) *ends {
	t.Helper()
	p := &ends{t: t, idle: idle, last: now()}
	p.client = e.Dial()
	p.backend = lulltest.Take(t, accepted)
	return p
}

// order returns the peers with the backend first if swap is set.
func (p *ends) order(swap bool) (first, second *lulltest.Conn) {
	if swap {
		return p.backend, p.client
	}
	return p.client, p.backend
}

// move moves one byte from one peer to the other.
func (p *ends) move(from, to *lulltest.Conn) {
	p.t.Helper()
	sent := now()
	err := p.write(from)
	if err == nil {
		_ = to.SetReadDeadline(time.Now().Add(lulltest.Patience))
		_, err = io.ReadFull(to, make([]byte, 1))
	}
	p.moved(sent, err)
}

// send sends one byte that nobody reads.
func (p *ends) send(from *lulltest.Conn) {
	p.t.Helper()
	sent := now()
	p.moved(sent, p.write(from))
	p.heard = time.Time{}
}

func (p *ends) write(to *lulltest.Conn) error {
	_, err := to.Write([]byte("x"))
	return err
}

// moved notes when a byte was sent. A connection that has ended is a fault if the byte reached its socket in time; if
// the test itself came too late, there is nothing to be learned.
func (p *ends) moved(sent instant, err error) {
	p.t.Helper()
	switch took := time.Since(p.last.at); {
	case err == nil:
		p.last, p.heard = sent, time.Now()
	case took >= p.idle:
		p.t.Skipf("the machine is too busy: a byte meant to come within %v came after %v", p.idle, took)
	default:
		p.t.Fatalf("the connection ended (%v) within %v of a byte, want %v", err, took, p.idle)
	}
}

// judge checks the pair's record: it ended for that reason, and its timer was due one idle time after the pair's last
// byte was moved, which must have been between the two instants known of it. Unlike what a peer sees of an end, that
// holds however busy the machine is: whatever else had armed the timer would show.
func (p *ends) judge(e *lulltest.Engine, why reason.Reason, idle time.Duration) record.Close {
	p.t.Helper()
	r := p.record(e)
	due := r.Closed.Add(-r.Late)
	if r.Reason != why || r.Setting != idle {
		p.t.Errorf("record: got %v by %s=%v, want %v by %v", r.Reason, r.Timer, r.Setting, why, idle)
	}
	if r.Late < 0 || due.Before(p.last.at.Add(idle)) {
		p.t.Errorf("record: was due %v after the last byte was sent, want %v", due.Sub(p.last.at), idle)
	}
	// The byte may arrive before lull has dated it; what armed the timer wrongly would have done so half an idle time later.
	if !p.heard.IsZero() && due.After(p.heard.Add(idle+idle/4)) {
		p.t.Errorf("record: was due %v after the last byte had arrived, want about %v: something else armed the timer", due.Sub(p.heard), idle)
	}
	return r
}

// record waits for the pair's record.
func (p *ends) record(e *lulltest.Engine) (found record.Close) {
	p.t.Helper()
	me := p.client.LocalAddr().String()
	if !lulltest.Eventually(func() bool {
		records := make([]record.Close, e.Log().Next())
		n, _, _ := e.Log().Read(0, records)
		i := slices.IndexFunc(records[:n], func(r record.Close) bool { return r.Ends.Peer.String() == me })
		if i >= 0 {
			found = records[i]
		}
		return i >= 0
	}) {
		p.t.Fatalf("there is no record of the connection from %s", me)
	}
	return found
}

// ending is how a peer saw its connection end.
type ending struct {
	how  string // "eof", "reset"
	data []byte // what came before
	at   time.Time
}

// watch reads a connection to its end, in the background.
func watch(c *lulltest.Conn) <-chan ending {
	seen := make(chan ending, 1)
	go func() {
		how, data := c.End()
		seen <- ending{how, data, time.Now()}
	}()
	return seen
}

// within checks that an end came no sooner than want after from, and not much later.
func (got ending) within(t *testing.T, who, how string, from instant, want time.Duration) {
	t.Helper()
	if got.how != how {
		t.Errorf("%s: ended with %s, want %s", who, got.how, how)
	}
	switch gap := got.at.Sub(from.at); {
	case gap < want:
		t.Errorf("%s: ended %v early: after %v, want %v", who, want-gap, gap, want)
	case gap > want+from.allowed(lateMax):
		t.Errorf("%s: ended %v late: after %v, want %v", who, gap-want, gap, want)
	}
}

// let lets time pass on connections; it waits for nothing.
func let(d time.Duration) { time.Sleep(d) }
