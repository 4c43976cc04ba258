package dataplane_test

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// storm is how many clients come at once. Each takes four descriptors of this process: both ends of both connections.
const storm = 2000

// TestStorm has very many clients connect at the same time; every one is served.
func TestStorm(t *testing.T) {
	busy(t)
	e := lulltest.Start(t, lulltest.Plan(lulltest.Echo(t).Addr))
	to := e.Addr().String()
	conns := make([]net.Conn, storm)
	inParallel(storm, func(i int) {
		c, err := net.DialTimeout("tcp", to, lulltest.Patience)
		if err != nil {
			t.Errorf("client %d: %v", i, err)
			return
		}
		conns[i] = c
		if err := echoOnce(c, "hello"); err != nil {
			t.Errorf("client %d: %v", i, err)
		}
	})
	load := e.Stats().Loops
	if low := min(load[0].Active, load[1].Active); low < storm*4/10 {
		t.Errorf("connections of the two loops: %d and %d, want 40 %% or more on each", load[0].Active, load[1].Active)
	}
	for _, c := range conns {
		if c != nil {
			_ = c.Close()
		}
	}
	if !lulltest.Eventually(func() bool { return e.Stats().RecordsAppended == storm }) {
		t.Errorf("ends: got %d, want %d", e.Stats().RecordsAppended, storm)
	}
	if l := e.Stats().Listeners[0]; l.Accepted != storm || l.Closes[reason.ClientClosed] != storm {
		t.Errorf("accepted %d, closed by clients %d, want %d each", l.Accepted, l.Closes[reason.ClientClosed], storm)
	}
}

func echoOnce(c net.Conn, s string) error {
	_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
	if _, err := c.Write([]byte(s)); err != nil {
		return err
	}
	b := make([]byte, len(s))
	for at := 0; at < len(b); {
		n, err := c.Read(b[at:])
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", at, err)
		}
		at += n
	}
	if string(b) != s {
		return fmt.Errorf("got %q back, want %q", b, s)
	}
	return nil
}

// TestConnectAndClose has clients that come and go at once, with a FIN or an RST: each is accounted for, none disturbs
// the one who works.
func TestConnectAndClose(t *testing.T) {
	busy(t)
	for _, way := range []string{"fin", "reset"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			e := lulltest.Start(t, lulltest.Plan(lulltest.Echo(t).Addr))
			to := e.Addr().String()
			worker := e.Dial()
			inParallel(8, func(int) {
				for range storm / 8 {
					c, err := net.DialTimeout("tcp", to, lulltest.Patience)
					if err != nil {
						t.Errorf("dial: %v", err)
						return
					}
					if way == "reset" {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
				}
			})
			worker.Ask("still here")
			if !lulltest.Eventually(func() bool { return e.Stats().RecordsAppended == storm }) {
				t.Errorf("ends: got %d, want %d", e.Stats().RecordsAppended, storm)
			}
			l, _ := totalsOf(e, lulltest.Key)
			if l.Accepted != storm+1 || l.Active != 1 {
				t.Errorf("accepted %d, active %d, want %d, 1", l.Accepted, l.Active, storm+1)
			}
			if n := l.Closes[reason.ClientClosed] + l.Closes[reason.ClientReset]; n != storm {
				t.Errorf("closed or reset by clients: got %d, want %d: %v", n, storm, l.Closes)
			}
		})
	}
}

// TestFloodAtTheLimit: a flood far beyond the connection limit is served in turns, never more than the limit at once.
func TestFloodAtTheLimit(t *testing.T) {
	t.Parallel()
	const most, clients = 20, 200
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	e := lulltest.StartWith(t, dataplane.Options{Loops: 2, ConnectionsMax: most}, p)
	to := e.Addr().String()
	var served, worst atomic.Int64 // clients that have been served and are open
	inParallel(clients, func(int) {
		c, err := net.DialTimeout("tcp", to, lulltest.Patience)
		if err != nil {
			t.Errorf("dial: %v", err)
			return
		}
		if err := echoOnce(c, "hello"); err != nil {
			t.Error(err)
		}
		for n := served.Add(1); n > worst.Load(); {
			worst.Store(n)
		}
		_ = echoOnce(c, "again")
		served.Add(-1)
		_ = c.Close()
	})
	if worst.Load() > most {
		t.Errorf("%d clients were served at once, want at most %d", worst.Load(), most)
	}
}

// TestEvenLoops: few long-lived connections are spread evenly, although the kernel spreads by hash.
func TestEvenLoops(t *testing.T) {
	t.Parallel()
	const trials, conns = 20, 64
	echo := lulltest.Echo(t)
	for trial := range trials {
		t.Run(fmt.Sprint(trial), func(t *testing.T) {
			t.Parallel()
			e := lulltest.Start(t, lulltest.Plan(echo.Addr))
			for range conns {
				e.Dial().Ask("x")
			}
			for _, l := range e.Stats().Loops {
				if l.Active > conns*6/10 {
					t.Errorf("loop %d holds %d of %d, want at most 60 %%", l.Loop, l.Active, conns)
				}
			}
		})
	}
}

// TestSecondEngine: an address that another lull listens on is in use, although sockets there share it.
func TestSecondEngine(t *testing.T) {
	t.Parallel()
	for _, ip := range []string{"127.0.0.1", "::1"} {
		p := lulltest.Plan(lulltest.Echo(t).Addr)
		lulltest.Listener(p).Address = freeAddress(t, ip)
		first := lulltest.Start(t, p)
		second, err := dataplane.New(dataplane.Options{Loops: 1})
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Apply(lulltest.Copy(p)); err == nil || !strings.Contains(err.Error(), "address already in use") {
			t.Errorf("%s: the second got %v, want address already in use", ip, err)
		}
		first.Dial().Ask("the first still serves")
		first.Close()
		if err := second.Apply(lulltest.Copy(p)); err != nil {
			t.Errorf("%s: after the first has closed: %v", ip, err)
		}
		second.Close()
	}
}

// TestFamilies: IPv6 clients, IPv6 backends, and each with the other.
func TestFamilies(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"127.0.0.1:0", "[::1]:0"} {
		for _, at := range []string{"127.0.0.1:0", "[::1]:0"} {
			t.Run(listen+"-to-"+at, func(t *testing.T) {
				t.Parallel()
				backend := lulltest.ServeOn(t, at, func(c *net.TCPConn) {
					b := make([]byte, 100)
					for {
						n, err := c.Read(b)
						if err != nil {
							return
						}
						_, _ = c.Write(b[:n])
					}
				})
				p := lulltest.Plan(backend.Addr)
				lulltest.Listener(p).Address = netip.MustParseAddrPort(listen)
				e := lulltest.Start(t, p)
				c := e.Dial()
				c.Ask("hello")
				live := e.Live()
				if len(live) != 1 || live[0].Ends.Client.String() != c.LocalAddr().String() || live[0].Ends.BackendAddr != backend.Addr ||
					live[0].Ends.Backend != lulltest.Set(p).Backends[0].Key.Endpoint() {
					t.Errorf("listed: %+v, want client %v, backend %v", live, c.LocalAddr(), backend.Addr)
				}
				_ = c.CloseWrite()
				if how, _ := c.End(); how != "eof" {
					t.Errorf("the client saw %s, want eof", how)
				}
				expectCloses(t, e, 1, reason.ClientClosed)
			})
		}
	}
}

// TestNameWithAddresses: the addresses of a named backend take turns, over families, and a change concerns new
// connections only.
func TestNameWithAddresses(t *testing.T) {
	t.Parallel()
	four, six := lulltest.Named(t, "4"), lulltest.ServeOn(t, "[::1]:0", func(c *net.TCPConn) {
		_, _ = c.Write([]byte("6"))
		_, _ = c.Read(make([]byte, 1))
	})
	p := lulltest.Plan(four.Addr)
	key := &lulltest.Set(p).Backends[0].Key
	key.Host = "backend.example"
	e := lulltest.Start(t, p)
	e.SetAddrs(*key, []netip.AddrPort{four.Addr, six.Addr})
	if got := spread(t, e, 10); got["4"] != 5 || got["6"] != 5 {
		t.Errorf("two addresses: got %v, want 5 each", got)
	}
	_, c := nameOf(t, e.Addr())
	e.SetAddrs(*key, []netip.AddrPort{six.Addr})
	if got := spread(t, e, 4); got["6"] != 4 {
		t.Errorf("one address left: got %v", got)
	}
	if how, _ := c.EndWithin(20 * time.Millisecond); how != "timeout" {
		t.Errorf("a connection to the other address: %s, want it open", how)
	}
}

// eatenVariable makes TestDescriptorsEaten the process that loses its descriptors.
const eatenVariable = "LULL_TEST_EATEN"

// TestDescriptorsEaten: something else takes every descriptor of the process, so that accept itself fails. Clients wait
// in the backlog, the loops rest, and service returns by itself. In a process of its own.
func TestDescriptorsEaten(t *testing.T) {
	if os.Getenv(eatenVariable) != "" {
		beEaten(t)
		return
	}
	t.Parallel()
	echo := lulltest.Echo(t)
	child := exec.Command(os.Args[0], "-test.run=^TestDescriptorsEaten$", "-test.v")
	child.Env = append(os.Environ(), eatenVariable+"="+echo.Addr.String())
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill(); _ = child.Wait() })
	lines := bufio.NewScanner(out)
	told := func(prefix string) string {
		for lines.Scan() {
			if rest, ok := strings.CutPrefix(lines.Text(), prefix+" "); ok {
				return rest
			}
			if strings.Contains(lines.Text(), "_test.go") {
				t.Error(lines.Text())
			}
		}
		t.Fatalf("the process ended before it told %q", prefix)
		return ""
	}
	at := netip.MustParseAddrPort(told("listening"))
	early := lulltest.Dial(t, at)
	early.Ask("before")
	tell := func(s string) { _, _ = fmt.Fprintln(in, s) }
	tell("eat")
	told("eaten")
	var waiting []*lulltest.Conn
	for range 10 {
		waiting = append(waiting, lulltest.Dial(t, at))
	}
	tell("rest") // it measures itself for half a second
	var turns, pauses int
	if _, err := fmt.Sscan(told("rested"), &turns, &pauses); err != nil {
		t.Fatal(err)
	}
	if turns > 400 || pauses == 0 {
		t.Errorf("without descriptors: %d turns in half a second, %d pauses; want at most 400, and a pause", turns, pauses)
	}
	early.Ask("an open connection meanwhile")
	if how, _ := waiting[0].EndWithin(10 * time.Millisecond); how != "timeout" {
		t.Errorf("a waiting client saw %s, want it to wait", how)
	}
	tell("free")
	for _, c := range waiting {
		c.Ask("after")
		_ = c.Close()
	}
	_ = early.Close()
	tell("end")
	if got := told("held"); got != "idle" {
		t.Errorf("in the end the process holds %s", got)
	}
}

// beEaten is the other process of TestDescriptorsEaten.
func beEaten(t *testing.T) {
	e, err := dataplane.New(dataplane.Options{Loops: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	p := lulltest.Plan(netip.MustParseAddrPort(os.Getenv(eatenVariable)))
	if err := e.Apply(p); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Microsecond) // has the Go runtime open its own poller while there are descriptors
	fmt.Println("\nlistening", e.Local(lulltest.Key))
	measure := func() (turns, pauses uint64) {
		for _, l := range e.Stats().Loops {
			turns, pauses = turns+l.Turns, pauses+l.AcceptPauses
		}
		return turns, pauses
	}
	var eaten []int
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		switch commands.Text() {
		case "eat":
			limit := unix.Rlimit{Cur: 256, Max: 256} // the sooner they are all gone
			if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
				t.Fatal(err)
			}
			for {
				fd, err := unix.Dup(0)
				if err != nil {
					break
				}
				eaten = append(eaten, fd)
			}
			fmt.Println("eaten", len(eaten))
		case "rest":
			turns, pauses := measure()
			time.Sleep(500 * time.Millisecond) // the measurement
			turns2, pauses2 := measure()
			fmt.Println("rested", turns2-turns, pauses2-pauses)
		case "free":
			for _, fd := range eaten {
				_ = unix.Close(fd)
			}
		case "end":
			held := "idle"
			if !lulltest.Eventually(func() bool { return e.Held().Idle() }) {
				held = fmt.Sprintf("%+v", e.Held())
			}
			fmt.Println("held", held)
			return
		}
	}
}

// TestBackendNeverReads: clients of a backend that accepts and never reads are held back, not buffered without end, and
// the others do not notice.
func TestBackendNeverReads(t *testing.T) {
	t.Parallel()
	const clients = 8
	hands, accepted := lulltest.Hands(t)
	p := lulltest.Plan(hands.Addr)
	lulltest.AddListener(p, "other", lulltest.Echo(t).Addr)
	e := lulltest.Start(t, p)
	for range clients {
		c := e.Dial()
		lulltest.Take(t, accepted)
		go func() { _, _ = c.Write(make([]byte, 64<<20)) }()
	}
	pending := func() (sum, held int) {
		for _, l := range e.Live() {
			sum += l.PendingUp
			if l.PendingUp > 128<<10 {
				t.Errorf("connection %d: %d bytes are held, want at most 131072", l.ID, l.PendingUp)
			}
			if l.PendingUp > 0 {
				held++
			}
		}
		return sum, held
	}
	if !lulltest.Eventually(func() bool { _, held := pending(); return held == clients }) {
		sum, held := pending()
		t.Fatalf("%d of %d connections hold something, %d bytes", held, clients, sum)
	}
	other := lulltest.Dial(t, e.Local(plan.ListenerKey{LoadBalancer: "lb", Name: "other"}))
	start := time.Now()
	for range 20 {
		other.Ask("prompt")
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("20 messages beside stuck connections took %v", took)
	}
}
