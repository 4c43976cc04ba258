package ociapi_test

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// lateMost is how late a timer may be in these tests, on top of what the machine took from all programs meanwhile.
const lateMost = 250 * time.Millisecond

// stalls reads how long tasks of this machine have waited for a processor; 0 if the kernel does not count. Where a machine is too
// busy to run lull, lull is late and that says nothing of it.
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

// pass lets time go by, in which connections are idle.
func pass(d time.Duration) { <-time.After(d) }

// stopwatch tells how long something took that must take a certain time.
type stopwatch struct {
	t       *testing.T
	began   time.Time
	stalled time.Duration
}

func watch(t *testing.T) *stopwatch { return &stopwatch{t, time.Now(), stalls()} }

// took checks that as much has passed as must have, and no more than is allowed.
func (s *stopwatch) took(what string, want time.Duration) {
	s.t.Helper()
	if got := time.Since(s.began); got < want || got > want+lateMost+stalls()-s.stalled {
		s.t.Errorf("%s: after %v, want %v and at most %v more", what, got, want, lateMost)
	}
}

// tick writes a byte every so often until it cannot or the test ends. It returns what stops it.
func tick(t *testing.T, to io.Writer, every time.Duration, what string) (stop func()) {
	t.Helper()
	end := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-end:
				return
			case <-time.After(every):
			}
			if _, err := io.WriteString(to, what); err != nil {
				return
			}
		}
	}()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			close(end)
			<-done
		}
	}
	t.Cleanup(stop)
	return stop
}

// handed returns a load balancer "web" before a backend in the test's hands, with an idle timeout in seconds.
func handed(t *testing.T, seconds int) (w *world, path string, conns <-chan *lulltest.Conn) {
	t.Helper()
	w = newWorld(t)
	s, accepted := lulltest.Hands(t)
	return w, w.web(w.set(s.Addr), idle(seconds)), accepted
}

// TestSilentBackend_TMO_03_TMO_24: a backend that does not answer costs the client the idle timeout and a 504, and then both their
// connections; that is recorded and counted.
func TestSilentBackend_TMO_03_TMO_24(t *testing.T) {
	t.Parallel()
	w, path, conns := handed(t, 1)
	w.engine.FollowExchanges()
	client := w.dialHTTP(path)
	clock := watch(t)
	client.Get("/")
	backend := lulltest.TakeHTTP(t, conns)
	backend.Request()
	a := client.Answer("GET")
	clock.took("504", time.Second)
	if how, rest := client.End(); a.StatusCode != 504 || how != "eof" || len(rest) != 0 {
		t.Errorf("got %d and then %q %q, want 504 and the end", a.StatusCode, how, rest)
	}
	if how, _ := backend.End(); how == "timeout" {
		t.Error("the backend's connection is left open")
	}
	x := w.engine.ExchangeOf(client, 1)
	if x.Reason != reason.ResponseIdle || x.Status != 504 || x.BackendStatus != 0 || x.Setting != time.Second {
		t.Errorf("recorded: got %v with %d and %d after %v, want response-idle with 504 and 0 after 1s", x.Reason, x.Status, x.BackendStatus, x.Setting)
	}
	for _, l := range w.engine.Stats().Listeners {
		if len(l.Sites) == 0 {
			continue
		}
		if s := l.Sites[0]; s.Name != "http" || s.Timeout != 1 || s.OwnStatus[5] != 1 || s.BackendStatus[5] != 0 || s.Ends[reason.ResponseIdle] != 1 {
			t.Errorf("counted for %s: got %+v, want one 504 of lull's own", l.Key, s)
		}
	}
}

// TestOneByteKeepsAlive_TMO_04_TMO_19: a byte within each idle timeout, whichever way, keeps a connection of a TCP listener for ever,
// and without any it ends after the idle timeout.
func TestOneByteKeepsAlive_TMO_04_TMO_19(t *testing.T) {
	t.Parallel()
	for name, down := range map[string]bool{"client": false, "backend": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, path, conns := handed(t, 1)
			client := w.dial(path, portTCP)
			backend := lulltest.Take(t, conns)
			from, to := client, backend
			if down {
				from, to = backend, client
			}
			stop := tick(t, from, 600*time.Millisecond, "x")
			to.Expect("xxxxx") // 3 s
			stop()
			clock := watch(t)
			if how, _ := to.End(); how != "eof" {
				t.Errorf("got %s, want the end", how)
			}
			if got := time.Since(clock.began); got > time.Second+lateMost+stalls()-clock.stalled {
				t.Errorf("the end came %v after the last byte, want at most 1s", got)
			}
			if r := w.closeOf(client); r.Reason != reason.TunnelIdle {
				t.Errorf("recorded: got %v, want tunnel-idle", r.Reason)
			}
		})
	}
}

// TestOneWayTransfer_TMO_05_TMO_06: however steadily bytes flow one way, the silence of the other side ends the exchange.
func TestOneWayTransfer_TMO_05_TMO_06(t *testing.T) {
	t.Parallel()
	t.Run("upload", func(t *testing.T) {
		t.Parallel()
		w, path, conns := handed(t, 1)
		client := w.dialHTTP(path)
		clock := watch(t)
		client.Send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n")
		lulltest.TakeHTTP(t, conns).RequestHead()
		tick(t, client.TCPConn, 200*time.Millisecond, "x")
		a := client.Answer("POST")
		clock.took("the end", time.Second)
		if a.StatusCode != 408 {
			t.Errorf("got %d, want 408", a.StatusCode)
		}
		if r := w.engine.CloseOf(client); r.Reason != reason.UploadUnanswered {
			t.Errorf("recorded: got %v, want upload-unanswered", r.Reason)
		}
	})
	t.Run("download", func(t *testing.T) {
		t.Parallel()
		w, path, conns := handed(t, 1)
		client := w.dialHTTP(path)
		clock := watch(t)
		client.Get("/")
		backend := lulltest.TakeHTTP(t, conns)
		backend.Request()
		backend.Send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
		tick(t, backend.TCPConn, 200*time.Millisecond, "x")
		a := client.Answer("GET")
		clock.took("the end", time.Second)
		if a.StatusCode != 200 || a.How == "whole" || len(a.Data) == 0 {
			t.Errorf("got %d, %s, %d bytes: want some of the 1000 and then the end", a.StatusCode, a.How, len(a.Data))
		}
		if r := w.engine.CloseOf(client); r.Reason != reason.DownloadUnasked {
			t.Errorf("recorded: got %v, want download-unasked", r.Reason)
		}
	})
}

// upgraded returns both ends of a WebSocket.
func upgraded(t *testing.T, w *world, path string, conns <-chan *lulltest.Conn) (client, backend *lulltest.HTTPConn) {
	t.Helper()
	client = w.dialHTTP(path)
	client.Send("GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	backend = lulltest.TakeHTTP(t, conns)
	backend.Request()
	backend.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
	if head := client.Head(); head.StatusCode != 101 {
		t.Fatalf("got %d, want 101", head.StatusCode)
	}
	return client, backend
}

// TestWebSocket_TMO_07_TMO_08_TMO_09: a WebSocket on which only one side talks ends after the idle timeout; while both do it does not.
func TestWebSocket_TMO_07_TMO_08_TMO_09(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ up, down bool }{"client_talks": {up: true}, "backend_talks": {down: true}, "both_talk": {true, true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, path, conns := handed(t, 1)
			clock := watch(t)
			client, backend := upgraded(t, w, path, conns)
			if c.up {
				tick(t, client.TCPConn, 300*time.Millisecond, "u")
			}
			if c.down {
				tick(t, backend.TCPConn, 300*time.Millisecond, "d")
			}
			if c.up && c.down {
				backend.Expect(strings.Repeat("u", 10)) // 3 s
				client.Expect(strings.Repeat("d", 10))
				return
			}
			if how, _ := client.End(); how == "timeout" {
				t.Error("the connection is not cut")
			}
			clock.took("the end", time.Second)
			flow := "down" // what was missing
			if c.down {
				flow = "up"
			}
			if r := w.engine.CloseOf(client); r.Reason != reason.TunnelIdle || r.TimerFlow != flow {
				t.Errorf("recorded: got %v %s, want tunnel-idle %s", r.Reason, r.TimerFlow, flow)
			}
		})
	}
}

// TestDirections_TMO_10: the timers of a listener's exchanges: what moves one way does not put off the other's.
func TestDirections_TMO_10(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.balancer("web", `"backendSets":{"a":`+set()+`},"listeners":{"l":`+listenerTo("a", 80)+`}`)
	s := listenerOn(t, r.compiled(), 80).Timeouts
	const second = int64(time.Second)
	for name, c := range map[string]struct {
		up, down int64
		flow     string
		at       int64
	}{
		"none":      {0, 0, "", 61},
		"up_late":   {50, 10, "down", 70},
		"down_late": {10, 50, "up", 70},
		"up_only":   {50, 0, "down", 61},
		"down_only": {0, 50, "up", 61},
	} {
		d := s.ExchangeDeadline(&timeout.Exchange{
			Began: second, LastUp: c.up * second, LastDown: c.down * second, HeadDone: true, RequestDone: true, Answered: c.down > 0,
		})
		if d.At != c.at*second || c.flow != "" && d.Flow != c.flow {
			t.Errorf("%s: got %d s %s, want %d s %s", name, d.At/second, d.Flow, c.at, c.flow)
		}
	}
}

// TestBetweenRequests_TMO_11: the idle timeout does not run while a client has nothing to ask.
func TestBetweenRequests_TMO_11(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	servers, at := w.named(1)
	path := w.web(w.set(at...), idle(1))
	client := w.dialHTTP(path)
	for range 2 {
		client.Get("/")
		client.ExpectAnswer("b0")
		pass(2500 * time.Millisecond)
	}
	client.Get("/")
	client.ExpectAnswer("b0")
	if got := len(servers[0].Seen()); got != 3 {
		t.Errorf("got %d requests, want 3", got)
	}
}

// longVariable asks for the tests that take more than a minute because they wait for what nobody can set.
const longVariable = "LULL_LONG_TESTS"

// TestKeepAlive_TMO_12_TMO_13: a client that asks nothing more is closed after 65 seconds, be the idle timeout shorter or longer. It
// waits that long only if it is asked to; that the plan says so is TestCompileListeners_TMO_02_TMO_13.
func TestKeepAlive_TMO_12_TMO_13(t *testing.T) {
	if os.Getenv(longVariable) == "" {
		t.Skipf("it takes 65 s: set %s to run it", longVariable)
	}
	t.Parallel()
	for _, seconds := range []int{2, 7200} {
		t.Run(fmt.Sprintf("idle_%d", seconds), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, at := w.named(1)
			client := w.dialHTTP(w.web(w.set(at...), idle(seconds)))
			client.Get("/")
			client.ExpectAnswer("b0")
			clock := watch(t)
			if how, _ := client.EndWithin(70 * time.Second); how != "eof" {
				t.Errorf("got %s, want the end", how)
			}
			clock.took("the end", 65*time.Second)
			if r := w.engine.CloseOf(client); r.Reason != reason.ClientIdle {
				t.Errorf("recorded: got %v, want client-idle", r.Reason)
			}
		})
	}
}

// TestTransactions_TMO_14: a client's connection carries 10,000 transactions; the last one's answer says so.
func TestTransactions_TMO_14(t *testing.T) {
	t.Parallel()
	const most, atATime = 10_000, 100
	w := newWorld(t)
	_, at := w.named(1)
	client := w.dialHTTP(w.web(w.set(at...)))
	for n := 0; n < most; n += atATime {
		client.Send(strings.Repeat(lulltest.Request("GET", "/", ""), atATime))
		for i := range atATime {
			a := client.Answer("GET")
			if last := n+i+1 == most; a.StatusCode != 200 || string(a.Data) != "b0" || a.Close != last {
				t.Fatalf("transaction %d: got %d %q, to be closed %v", n+i+1, a.StatusCode, a.Data, a.Close)
			}
		}
	}
	if how, rest := client.End(); how != "eof" || len(rest) != 0 {
		t.Errorf("behind the last: got %s and %q, want the end", how, rest)
	}
	if r := w.engine.CloseOf(client); r.Reason != reason.RequestCap || r.Exchanges != most {
		t.Errorf("recorded: got %v after %d, want request-cap after %d", r.Reason, r.Exchanges, most)
	}
	if a := w.asked("/loadBalancers/" + w.onlyID()); a.StatusCode != 200 {
		t.Errorf("on another connection: got %d", a.StatusCode)
	}
}

// onlyID returns the OCID of the only load balancer.
func (w *world) onlyID() string {
	w.t.Helper()
	list := w.must("GET", "/loadBalancerHealths?compartmentId="+compartment, "")
	return list.Result.([]wire.LoadBalancerHealthSummary)[0].LoadBalancerID
}

// TestPool_TMO_15_TMO_16_TMO_17: clients' requests share back-end connections, which stay as long as Oracle keeps them, whatever a
// backend says of its own time.
func TestPool_TMO_15_TMO_16_TMO_17(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
		return c.Reply(lulltest.Response("hello", "Keep-Alive: timeout=1", "Connection: keep-alive"))
	})
	path := w.web(w.set(s.Addr))
	for range 3 {
		w.asked(path)
	}
	pass(2500 * time.Millisecond)
	w.asked(path)
	if seen := s.Seen(); len(seen) != 4 || seen[3].Conn != 1 {
		t.Errorf("got %d requests, the last over connection %d, want 4 over one", len(seen), seen[len(seen)-1].Conn)
	}
	now := time.Now().UnixNano()
	settings := listenerOn(t, w.Plan().LoadBalancers[0], portHTTP).Timeouts
	if d := settings.PoolDeadline(now); d.At-now != int64(300*time.Second) {
		t.Errorf("an unused back-end connection ends after %v, want 5m0s", time.Duration(d.At-now))
	}
}

// TestPoolTime_TMO_16: a back-end connection that nobody uses is closed after 300 seconds and not before.
func TestPoolTime_TMO_16(t *testing.T) {
	if os.Getenv(longVariable) == "" {
		t.Skipf("it takes 300 s: set %s to run it", longVariable)
	}
	t.Parallel()
	w, path, conns := handed(t, 1)
	client := w.dialHTTP(path)
	client.Get("/")
	backend := lulltest.TakeHTTP(t, conns)
	backend.Request()
	backend.Send(lulltest.Response("hello"))
	clock := watch(t)
	client.ExpectAnswer("hello")
	if how, _ := backend.EndWithin(305 * time.Second); how != "eof" {
		t.Errorf("got %s, want the end", how)
	}
	clock.took("the end", 300*time.Second)
}

// TestBackendCloses_TMO_18_RSP_01: a backend that closes instead of answering costs the client a 502; what it has closed while it was
// unused does not.
func TestBackendCloses_TMO_18_RSP_01(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
		if s.URL.Path == "/close" {
			return false
		}
		c.Reply(lulltest.Response("hello"))
		return s.URL.Path != "/once"
	})
	path := w.web(w.set(s.Addr))
	client := w.dialHTTP(path)
	for _, c := range []struct {
		request string
		status  int
	}{
		{lulltest.Request("POST", "/close", "x"), 502},
		{lulltest.Request("GET", "/once", ""), 200},
		{lulltest.Request("POST", "/", "x"), 200},
	} {
		client.Send(c.request)
		a := client.Answer("GET")
		if a.StatusCode != c.status {
			t.Errorf("%q: got %d, want %d", c.request[:12], a.StatusCode, c.status)
		}
		if a.Close {
			_ = client.Close()
			client = w.dialHTTP(path)
		}
		w.engine.WaitPooled(map[string]int{"GET /once HT": 0, "POST /close ": 0, "POST / HTTP/": 1}[c.request[:12]])
	}
}

// TestKeepAliveProbes_TMO_20: the kernel's keep-alive probes are no bytes.
func TestKeepAliveProbes_TMO_20(t *testing.T) {
	t.Parallel()
	w, path, conns := handed(t, 2)
	clock := watch(t)
	client := w.dial(path, portTCP)
	if err := client.SetKeepAlive(true); err != nil {
		t.Fatal(err)
	}
	if err := client.SetKeepAlivePeriod(time.Second); err != nil {
		t.Fatal(err)
	}
	lulltest.Take(t, conns)
	if how, _ := client.End(); how != "eof" {
		t.Errorf("got %s, want the end", how)
	}
	clock.took("the end", 2*time.Second)
}

// TestStalledRequest_TMO_21: a client that stops in its request gets a 408 after the idle timeout.
func TestStalledRequest_TMO_21(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]string{
		"head": "GET / HTTP/1.1\r\nHo",
		"body": "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, path, conns := handed(t, 1)
			client := w.dialHTTP(path)
			clock := watch(t)
			client.Send(begun)
			if name == "body" {
				lulltest.Take(t, conns)
			}
			a := client.Answer("GET")
			clock.took("408", time.Second)
			if how, _ := client.End(); a.StatusCode != 408 || how != "eof" {
				t.Errorf("got %d and then %s, want 408 and the end", a.StatusCode, how)
			}
		})
	}
}

// TestStalledResponse_TMO_22: a response that stops never looks complete.
func TestStalledResponse_TMO_22(t *testing.T) {
	t.Parallel()
	for name, begun := range map[string]string{
		"length":  "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
		"chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		"close":   "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, path, conns := handed(t, 1)
			client := w.dialHTTP(path)
			client.Get("/")
			backend := lulltest.TakeHTTP(t, conns)
			backend.Request()
			clock := watch(t)
			backend.Send(begun)
			a := client.Answer("GET")
			if a.StatusCode != 200 || a.How == "whole" || string(a.Data) != "abc" {
				t.Errorf("got %d %q, %s: want abc and not the end of it", a.StatusCode, a.Data, a.How)
			}
			if got := time.Since(clock.began); got > time.Second+lateMost+stalls()-clock.stalled {
				t.Errorf("cut after %v, want 1s at most", got)
			}
		})
	}
}

// changeLate is what TO-06 allows between a change and what follows from it.
const changeLate = 100 * time.Millisecond

// TestIdleTimeoutChanged_TMO_23_TO_06: another idle timeout is in force at once for connections that are open: those already over it
// end, others when they have been idle for the new time, and none is dropped merely because of the change.
func TestIdleTimeoutChanged_TMO_23_TO_06(t *testing.T) {
	t.Parallel()
	w, path, conns := handed(t, 30)
	tunnel := func() (client, backend *lulltest.Conn) { return w.dial(path, portTCP), lulltest.Take(t, conns) }
	aged, _ := tunnel()
	waiting := w.dialHTTP(path)
	waiting.Get("/")
	answering := lulltest.TakeHTTP(t, conns)
	answering.Request()
	pass(1200 * time.Millisecond)
	fresh, other := tunnel()
	moved := time.Now()
	fresh.Send("x")
	other.Expect("x")

	stalled, asked := stalls(), time.Now()
	for name, l := range map[string]fields{"tcp": listener("TCP", portTCP, "set"), "http": listener("HTTP", portHTTP, "set")} {
		w.put(path, "listeners/"+name, l.with(idle(1)))
	}
	if took := time.Unix(0, w.applied.Load()).Sub(asked); took > 2*changeLate+stalls()-stalled {
		t.Errorf("both changes in force after %v, want %v each", took, changeLate)
	}
	if how, _ := aged.End(); how != "eof" {
		t.Errorf("idle for longer than the new time: got %s, want the end", how)
	}
	if a := waiting.Answer("GET"); a.StatusCode != 504 {
		t.Errorf("an answer that is waited for: got %d, want 504", a.StatusCode)
	}
	if took := time.Since(time.Unix(0, w.applied.Load())); took > changeLate+stalls()-stalled {
		t.Errorf("those over the new time ended %v after the change, want at most %v", took, changeLate)
	}
	if how, _ := fresh.End(); how != "eof" {
		t.Errorf("idle for less: got %s, want the end", how)
	}
	if took := time.Since(moved); took < time.Second || took > time.Second+lateMost+stalls()-stalled {
		t.Errorf("idle for less: ended after %v, want 1s", took)
	}
}

// TestIdleTimeoutOfEach_TMO_23_TO_06: listeners that share a port have each their own idle timeout, for whatever connection a request
// comes over, and a change of one's reaches its exchanges that are open and nobody else's.
func TestIdleTimeoutOfEach_TMO_23_TO_06(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s, conns := lulltest.Hands(t)
	first, second := listener("HTTP", portHTTP, "set"), listener("HTTP", portHTTP, "set").with(fields{"hostnameNames": []string{"h"}})
	path := w.make("web", fields{
		"backendSets": fields{"set": w.set(s.Addr)}, "hostnames": fields{"h": fields{"name": "h", "hostname": "two.test"}},
		"listeners": fields{"one": first.with(idle(30)), "two": second.with(idle(1))},
	})
	asks := func(host string) *lulltest.HTTPConn {
		c := w.dialHTTP(path)
		c.Send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		lulltest.TakeHTTP(t, conns).Request()
		return c
	}
	one := asks("one.test")
	clock := watch(t)
	if a := asks("two.test").Answer("GET"); a.StatusCode != 504 {
		t.Errorf("with 1 s: got %d, want 504", a.StatusCode)
	}
	clock.took("504", time.Second)
	w.put(path, "listeners/two", second.with(idle(30)))
	two := asks("two.test")
	pass(1200 * time.Millisecond)
	asked := time.Now()
	w.put(path, "listeners/one", first.with(idle(1)))
	if a := one.Answer("GET"); a.StatusCode != 504 {
		t.Errorf("with 1 s since a moment ago: got %d, want 504", a.StatusCode)
	}
	if took := time.Since(asked); took > lateMost+stalls()-clock.stalled {
		t.Errorf("the exchange that was over the new time ended after %v", took)
	}
	_ = two.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	if n, err := two.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("the other listener's exchange: got %d bytes and %v, want it to go on", n, err)
	}
}

// TestIdleTimeoutRaised_TMO_23_TO_06: connections live as long as a longer idle timeout lets them.
func TestIdleTimeoutRaised_TMO_23_TO_06(t *testing.T) {
	t.Parallel()
	w, path, conns := handed(t, 2)
	client := w.dial(path, portTCP)
	backend := lulltest.Take(t, conns)
	w.put(path, "listeners/tcp", listener("TCP", portTCP, "set").with(idle(300)))
	pass(2500 * time.Millisecond)
	client.Send("x")
	backend.Expect("x")
}

// TestIdleTimeoutReset_OP_05: a listener that is replaced without a connection configuration has the default again.
func TestIdleTimeoutReset_OP_05(t *testing.T) {
	t.Parallel()
	w, path, _ := handed(t, 2)
	w.put(path, "listeners/http", listener("HTTP", portHTTP, "set"))
	w.put(path, "listeners/tcp", listener("TCP", portTCP, "set"))
	lb := w.Plan().LoadBalancers[0]
	if h, c := listenerOn(t, lb, portHTTP).Timeouts.Idle, listenerOn(t, lb, portTCP).Timeouts.Idle; h != time.Minute || c != 5*time.Minute {
		t.Errorf("got %v and %v, want 1m0s and 5m0s", h, c)
	}
}

// TestTimerAccuracy_TMO_25: of many connections none ends early and none late.
func TestTimerAccuracy_TMO_25(t *testing.T) {
	t.Parallel()
	const many = 200
	w := newWorld(t)
	path := w.web(w.set(lulltest.Sink(t).Addr), idle(1))
	clients, began := make([]*lulltest.Conn, many), make([]time.Time, many)
	stalled := stalls()
	at := w.at(path, portTCP)
	for i := range clients {
		began[i] = time.Now()
		clients[i] = lulltest.Dial(t, at)
	}
	ends := make(chan time.Duration, many)
	for i, c := range clients {
		go func() {
			_, _ = c.End()
			ends <- time.Since(began[i])
		}()
	}
	for range clients {
		if took := <-ends; took < time.Second || took > time.Second+time.Second+stalls()-stalled {
			t.Errorf("a connection ended after %v, want 1s and at most 1s more", took)
		}
	}
}

// TestCheckTimeout_TMO_26: health checks have their own time, however short the idle timeout of the listener is.
func TestCheckTimeout_TMO_26(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
		if s.URL.Path == "/well" {
			pass(1500 * time.Millisecond)
		}
		return c.Reply(lulltest.Response("hello"))
	})
	set := w.set(slow.Addr).with(fields{"healthChecker": fields{"protocol": "HTTP", "urlPath": "/well", "intervalInMillis": 3000, "timeoutInMillis": 3000}})
	path := w.web(set, idle(1))
	w.awaitResults(path, "set", slow.Addr, "OK")
	if a := w.asked(path); a.StatusCode != 200 {
		t.Errorf("got %d, want 200", a.StatusCode)
	}
}

// awaitResults waits until both probers have found the same of a backend.
func (w *world) awaitResults(path, set string, at netip.AddrPort, want string) {
	w.t.Helper()
	target := fmt.Sprintf("%s/backendSets/%s/backends/%s%%3A%d/health", path, set, at.Addr(), at.Port())
	var got []string
	if !lulltest.Eventually(func() bool {
		got = nil
		for _, r := range w.must("GET", target, "").Result.(wire.BackendHealth).HealthCheckResults {
			got = append(got, r.HealthCheckStatus)
		}
		return len(got) == 2 && got[0] == want && got[1] == want
	}) {
		w.t.Fatalf("got %v, want two %s", got, want)
	}
	w.agree(path, set)
}

// agree wants the count of a set's backends, which the load balancer's health is made of, to say what its own health says, which is made
// of the results of each.
func (w *world) agree(path, set string) {
	w.t.Helper()
	of := w.must("GET", path+"/backendSets/"+set+"/health", "").Result.(wire.BackendSetHealth)
	all := w.must("GET", path+"/health", "").Result.(wire.LoadBalancerHealth)
	for status, names := range map[string][]string{
		wire.HealthWarning: all.WarningStateBackendSetNames, wire.HealthCritical: all.CriticalStateBackendSetNames, wire.HealthUnknown: all.UnknownStateBackendSetNames,
	} {
		if slices.Contains(names, set) != (status == of.Status) {
			w.t.Errorf("set %s is %s, but among the sets that are %s there are %v", set, of.Status, status, names)
		}
	}
}
