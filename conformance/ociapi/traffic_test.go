package ociapi

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
)

// Where the listeners of these tests are, at addresses that each test has to itself.
const (
	portHTTP  = 8080
	portTCP   = 8081
	portHTTPS = 8443
)

// lateMost is how late a timer may be, on top of what the machine took from all programs meanwhile.
const lateMost = 400 * time.Millisecond

// world is a caller with a load balancer "web", before backends that the test plays.
type world struct {
	*caller
	path  string
	alive uint16 // a port of 127.0.0.1 that takes connections: health checks ask there
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{caller: serve(t).caller(), alive: lulltest.Sink(t).Addr.Port()}
}

// set returns a backend set whose backends are well.
func (w *world) set(at ...netip.AddrPort) fields {
	list := make([]fields, len(at))
	for i, a := range at {
		list[i] = fields{"ipAddress": a.Addr().String(), "port": a.Port()}
	}
	return fields{"policy": "ROUND_ROBIN", "backends": list, "healthChecker": fields{"protocol": "TCP", "port": w.alive}}
}

// listener returns the fields of a listener before set "set".
func listener(protocol string, port int, more ...fields) fields {
	return fields{"protocol": protocol, "port": port, "defaultBackendSetName": "set"}.with(more...)
}

// idle returns the connection configuration of an idle timeout.
func idle(seconds int) fields {
	return fields{"connectionConfiguration": fields{"idleTimeout": seconds}}
}

// web makes the load balancer with a listener for HTTP and one for TCP.
func (w *world) web(set fields, more ...fields) {
	w.t.Helper()
	w.path = w.make("web", fields{"backendSets": fields{"set": set}, "listeners": fields{
		"http": listener("HTTP", portHTTP, more...), "tcp": listener("TCP", portTCP, more...),
	}})
}

// put replaces a child, "listeners/http".
func (w *world) put(child string, with fields) {
	w.t.Helper()
	w.done("PUT", w.path+"/"+child, with.String())
}

// at returns where a port of the load balancer is.
func (w *world) at(port uint16) netip.AddrPort {
	w.t.Helper()
	var lb struct{ IPAddresses []struct{ IPAddress string } }
	w.read(w.path, &lb)
	return netip.AddrPortFrom(netip.MustParseAddr(lb.IPAddresses[0].IPAddress), port)
}

// dial connects to the port for HTTP.
func (w *world) dial() *lulltest.HTTPConn {
	w.t.Helper()
	return lulltest.HTTP(lulltest.Dial(w.t, w.at(portHTTP)))
}

// ask sends a head, lines joined by "|", on a connection and returns the answer.
func ask(c *lulltest.HTTPConn, head string) lulltest.Answer {
	c.Send(strings.ReplaceAll(head, "|", "\r\n") + "\r\n\r\n")
	method, _, _ := strings.Cut(head, " ")
	return c.Answer(method)
}

// handed returns a world before a backend in the test's hands.
func handed(t *testing.T, seconds int) (w *world, conns <-chan *lulltest.Conn) {
	t.Helper()
	w = newWorld(t)
	s, accepted := lulltest.Hands(t)
	w.web(w.set(s.Addr), idle(seconds))
	return w, accepted
}

// named returns backends that answer every request with their name, "b0", "b1", …
func named(t *testing.T, n int) (servers []*lulltest.HTTPServer, at []netip.AddrPort) {
	t.Helper()
	for i := range n {
		s := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
			return c.Reply(lulltest.Response(fmt.Sprint("b", i), "X-Old: 1"))
		})
		servers, at = append(servers, s), append(at, s.Addr)
	}
	return servers, at
}

// stalls reads how long tasks of this machine have waited for a processor; 0 if the kernel does not count. Where a machine is too busy
// to run lull, lull is late and that says nothing of it.
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

// tick writes a byte every so often until it cannot or the test ends.
func tick(t *testing.T, to io.Writer, every time.Duration, what string) {
	t.Helper()
	end, done := make(chan struct{}), make(chan struct{})
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
	t.Cleanup(func() {
		close(end)
		<-done
	})
}

// TestFirstStart: what the first start leaves for a new user is theirs alone, and is kept by the next start.
func TestFirstStart(t *testing.T) {
	t.Parallel()
	l := serve(t)
	was := map[string]string{}
	for name, mode := range map[string]os.FileMode{"": os.ModeDir | 0o700, "oci": os.ModeDir | 0o700, "oci/config": 0o600, "oci/key.pem": 0o600} {
		at := l.Path + "/lull-data/" + name
		info, err := os.Stat(at)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Mode() != mode {
			t.Errorf("%s: got mode %v, want %v", name, info.Mode(), mode)
		}
		if text, err := os.ReadFile(at); err == nil {
			was[name] = string(text)
		}
	}
	for _, want := range []string{"[DEFAULT]\n", "\nuser=ocid1.user.", "\nfingerprint=", "\ntenancy=ocid1.tenancy.", "\nregion=us-phoenix-1\n", "\nkey_file="} {
		if !strings.Contains(was["oci/config"], want) {
			t.Errorf("%q is not in the configuration", want)
		}
	}
	if strings.Contains(l.process.Said(), "PRIVATE KEY") {
		t.Error("the first start prints the private key")
	}
	l.again(syscall.SIGTERM)
	for name, before := range was {
		if now, err := os.ReadFile(l.Path + "/lull-data/" + name); err != nil || string(now) != before {
			t.Errorf("%s is another after a second start: %v", name, err)
		}
	}
	if a := l.caller().ask("GET", "/loadBalancerProtocols?compartmentId="+l.caller().tenancy, ""); a.status != 200 {
		t.Errorf("with what the first start left: got %d %s", a.status, a.body)
	}
}

// TestIdle_TMO_03_TMO_23: a silent backend costs the client the idle timeout and a 504: the one that the listener was made with, then the
// one that it was given.
func TestIdle_TMO_03_TMO_23(t *testing.T) {
	t.Parallel()
	w, conns := handed(t, 1)
	for i, seconds := range []int{1, 3} {
		if i > 0 {
			w.put("listeners/http", listener("HTTP", portHTTP, idle(seconds)))
		}
		client := w.dial()
		clock := watch(t)
		client.Get("/")
		backend := lulltest.TakeHTTP(t, conns)
		backend.Request()
		a := client.Answer("GET")
		clock.took("504", time.Duration(seconds)*time.Second)
		if how, rest := client.End(); a.StatusCode != 504 || how != "eof" || len(rest) != 0 {
			t.Errorf("got %d and then %q %q, want 504 and the end", a.StatusCode, how, rest)
		}
		if how, _ := backend.End(); how == "timeout" {
			t.Error("the backend's connection is left open")
		}
	}
	// One that is in time is not cut. Both times are of seconds: a busy machine must not add what is missing.
	client := w.dial()
	client.Get("/")
	backend := lulltest.TakeHTTP(t, conns)
	backend.Request()
	pass(1500 * time.Millisecond)
	backend.Send(lulltest.Response("hello"))
	client.ExpectAnswer("hello")
}

// TestOpenConnections_TO_06_TMO_02: another idle timeout reaches connections that are open, and lull tells which they have.
func TestOpenConnections_TO_06_TMO_02(t *testing.T) {
	t.Parallel()
	w, conns := handed(t, 30)
	tunnel := lulltest.Dial(t, w.at(portTCP))
	lulltest.Take(t, conns)
	waiting := w.dial()
	waiting.Get("/")
	lulltest.TakeHTTP(t, conns).Request()
	ids := map[string]string{}
	for _, c := range []*lulltest.Conn{tunnel, waiting.Conn} {
		ids[c.LocalAddr().String()] = w.connection(c, "idle 30s")
	}
	pass(time.Second)
	for name, l := range map[string]fields{"tcp": listener("TCP", portTCP, idle(1)), "http": listener("HTTP", portHTTP, idle(1))} {
		w.put("listeners/"+name, l)
	}
	clock := watch(t)
	if a := waiting.Answer("GET"); a.StatusCode != 504 {
		t.Errorf("got %d, want 504", a.StatusCode)
	}
	if how, _ := tunnel.End(); how != "eof" {
		t.Errorf("got %s, want the end", how)
	}
	clock.took("the end of those that were over it", 0)
	for _, c := range []*lulltest.Conn{tunnel, waiting.Conn} {
		told := w.Do("explain", ids[c.LocalAddr().String()])
		for _, want := range []string{"oci lb listener update ", " --connection-configuration-idle-timeout SECONDS"} {
			if !strings.Contains(told, want) || strings.Contains(told, "lull.yaml") {
				t.Errorf("lull explain: got\n%s\nwant %q in it and no file", told, want)
			}
		}
	}
	// OP-05: without one there is the protocol's default.
	w.put("listeners/tcp", listener("TCP", portTCP))
	w.put("listeners/http", listener("HTTP", portHTTP))
	tunnel = lulltest.Dial(t, w.at(portTCP))
	lulltest.Take(t, conns)
	w.connection(tunnel, "idle 300s")
	waiting = w.dial()
	waiting.Get("/")
	lulltest.TakeHTTP(t, conns).Request()
	w.connection(waiting.Conn, "idle 60s")
}

// connection returns the number that lull gives a client's connection, once its line in lull conns has a word.
func (w *world) connection(c *lulltest.Conn, word string) (id string) {
	w.t.Helper()
	lulltest.Within(w.t, patience, func() string {
		out := w.Do("conns")
		for line := range strings.Lines(out) {
			if strings.Contains(line, c.LocalAddr().String()) && strings.Contains(line, word) {
				id = strings.Fields(line)[0]
				return ""
			}
		}
		return fmt.Sprintf("lull conns: got %s, want %s and %q in a line", out, c.LocalAddr(), word)
	})
	return id
}

// TestOneWay_TMO_05_TMO_06: however steadily bytes flow one way, the silence of the other side ends the exchange (DI-04, DI-05).
func TestOneWay_TMO_05_TMO_06(t *testing.T) {
	t.Parallel()
	t.Run("upload", func(t *testing.T) {
		t.Parallel()
		w, conns := handed(t, 1)
		client := w.dial()
		clock := watch(t)
		client.Send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n")
		lulltest.TakeHTTP(t, conns).RequestHead()
		tick(t, client.TCPConn, 200*time.Millisecond, "x")
		a := client.Answer("POST")
		clock.took("the end", time.Second)
		if a.StatusCode != 408 {
			t.Errorf("got %d, want 408", a.StatusCode)
		}
	})
	t.Run("download", func(t *testing.T) {
		t.Parallel()
		w, conns := handed(t, 1)
		client := w.dial()
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
	})
}

// TestWebSocket_TMO_07_TMO_08_TMO_09: a WebSocket on which only one side talks ends after the idle timeout (DI-06, DI-07); while both do it
// does not (DI-08).
func TestWebSocket_TMO_07_TMO_08_TMO_09(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		up, down bool
		idle     int // s; where both talk a busy machine must not be silent for as long
	}{"client_talks": {true, false, 1}, "backend_talks": {false, true, 1}, "both_talk": {true, true, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, conns := handed(t, c.idle)
			client := w.dial()
			clock := watch(t)
			client.Send("GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			backend := lulltest.TakeHTTP(t, conns)
			backend.Request()
			backend.Send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			if head := client.Head(); head.StatusCode != 101 {
				t.Fatalf("got %d, want 101", head.StatusCode)
			}
			if c.up {
				tick(t, client.TCPConn, 300*time.Millisecond, "u")
			}
			if c.down {
				tick(t, backend.TCPConn, 300*time.Millisecond, "d")
			}
			if c.up && c.down {
				client.Expect(strings.Repeat("d", 14)) // 4.2 s
				backend.Expect(strings.Repeat("u", 14))
				return
			}
			if how, _ := client.EndWithin(patience); how == "timeout" {
				t.Errorf("got %s, want the end", how)
			}
			clock.took("the end", time.Second)
		})
	}
}

// TestBetweenRequests_TMO_11_TMO_15: between an answer and the next request the idle timeout does not run, neither before the first one;
// clients share the backend's connection.
func TestBetweenRequests_TMO_11_TMO_15(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	servers, at := named(t, 1)
	w.web(w.set(at...), idle(1))
	early, client := w.dial(), w.dial()
	client.Get("/")
	client.ExpectAnswer("b0")
	pass(2500 * time.Millisecond)
	for _, c := range []*lulltest.HTTPConn{client, early} {
		c.Get("/")
		c.ExpectAnswer("b0")
	}
	seen := servers[0].Seen()
	conns := map[int]bool{}
	for _, s := range seen {
		conns[s.Conn] = true
	}
	if len(seen) != 3 || len(conns) > 2 { // at most one for each loop
		t.Errorf("the backend got %d requests over %d connections, want 3 over at most 2", len(seen), len(conns))
	}
}

// TestTransactions_TMO_14: a client's connection carries 10,000 transactions; the last one's answer says so.
func TestTransactions_TMO_14(t *testing.T) {
	t.Parallel()
	const most, atATime = 10_000, 100
	w := newWorld(t)
	_, at := named(t, 1)
	w.web(w.set(at...))
	client := w.dial()
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
	if a := ask(w.dial(), "GET / HTTP/1.1|Host: test"); a.StatusCode != 200 {
		t.Errorf("on another connection: got %d", a.StatusCode)
	}
}

// TestTunnel_TMO_19: bytes either way keep a connection of a TCP listener.
func TestTunnel_TMO_19(t *testing.T) {
	t.Parallel()
	w, conns := handed(t, 3)
	client := lulltest.Dial(t, w.at(portTCP))
	backend := lulltest.Take(t, conns)
	for range 4 {
		pass(time.Second) // a busy machine must not make three of it
		backend.Send("x")
		client.Expect("x")
	}
	clock := watch(t)
	if how, _ := backend.End(); how != "eof" {
		t.Errorf("got %s, want the end", how)
	}
	if got := time.Since(clock.began); got > 3*time.Second+lateMost+stalls()-clock.stalled {
		t.Errorf("ended %v after the last byte, want 3s", got)
	}
}
