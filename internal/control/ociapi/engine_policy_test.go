package ociapi_test

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/lulltest"
)

// counts makes requests on one connection and returns how many each backend has answered, and their order.
func counts(c *lulltest.HTTPConn, requests int) (of map[string]int, order string) {
	of = map[string]int{}
	for range requests {
		c.Get("/")
		a := c.Answer("GET")
		of[string(a.Data)]++
		order += strings.TrimPrefix(string(a.Data), "b")
	}
	return of, order
}

// TestRoundRobin_POL_01_POL_04: requests of one connection go round by weight; connections to a TCP listener do, too.
func TestRoundRobin_POL_01_POL_04(t *testing.T) {
	t.Parallel()
	const n = 10
	w := newWorld(t)
	_, at := w.named(2)
	path := w.web(w.set().with(fields{"backends": []fields{backend(at[0]).with(fields{"weight": 3}), backend(at[1])}}))
	if of, _ := counts(w.dialHTTP(path), 4*n); of["b0"] != 3*n || of["b1"] != n {
		t.Errorf("3 to 1: got %v", of)
	}
	w.put(path, "backendSets/set", w.set(at...))
	if _, order := counts(w.dialHTTP(path), 8); order != "01010101" && order != "10101010" {
		t.Errorf("1 to 1: got the order %s", order)
	}
	of := map[string]int{}
	for range 6 {
		c := lulltest.HTTP(w.dial(path, portTCP))
		for range 3 { // all of a connection go to one
			more, _ := counts(c, 1)
			for name := range more {
				of[name]++
			}
		}
		_ = c.Close()
	}
	if of["b0"] != 9 || of["b1"] != 9 {
		t.Errorf("six connections to the TCP listener: got %v, want 9 requests each", of)
	}
}

// TestLeastConnections_POL_02: the backend with the fewest connections gets the next, by weight.
func TestLeastConnections_POL_02(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ weight, first, second int }{"alike": {1, 6, 6}, "weighted": {3, 9, 3}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			one, two := lulltest.Sink(t), lulltest.Sink(t)
			path := w.web(w.set().with(fields{
				"policy": "LEAST_CONNECTIONS", "backends": []fields{backend(one.Addr).with(fields{"weight": c.weight}), backend(two.Addr)},
			}))
			for i := range 12 {
				w.dial(path, portTCP)
				if !lulltest.Eventually(func() bool { return one.Accepted()+two.Accepted() == i+1 }) {
					t.Fatalf("connection %d does not arrive", i+1)
				}
			}
			if one.Accepted() != c.first || two.Accepted() != c.second {
				t.Errorf("got %d and %d connections, want %d and %d", one.Accepted(), two.Accepted(), c.first, c.second)
			}
		})
	}
}

// TestIPHash_POL_03: a client's address decides, for ever; when another backend goes, few clients move, and back again when it comes.
func TestIPHash_POL_03(t *testing.T) {
	t.Parallel()
	const clients = 60
	w := newWorld(t)
	_, at := w.named(3)
	set := w.set(at...).with(fields{"policy": "IP_HASH"})
	path := w.web(set)
	where := func() (all []string) {
		for i := range clients {
			c := lulltest.HTTP(lulltest.DialFrom(t, hostOf(w.block, byte(100+i)), w.at(path, portHTTP)))
			c.Get("/")
			all = append(all, string(c.Answer("GET").Data))
			_ = c.Close()
		}
		return all
	}
	before := where()
	if again := where(); !slices.Equal(before, again) {
		t.Error("clients move without a reason")
	}
	w.put(path, "backendSets/set", w.set(at[:2]...).with(fields{"policy": "IP_HASH"}))
	for i, now := range where() {
		if before[i] != "b2" && now != before[i] {
			t.Errorf("client %d: moved from %s to %s when b2 went", i, before[i], now)
		}
	}
	w.put(path, "backendSets/set", set)
	if again := where(); !slices.Equal(before, again) {
		t.Error("clients do not come back")
	}
}

// TestBackup_POL_05: a backup gets nothing while another backend passes its health checks, even one that drains or is offline.
func TestBackup_POL_05(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, at := w.named(2)
	primary, backup := backend(at[0]), backend(at[1]).with(fields{"backup": true})
	path := w.web(w.set().with(fields{"backends": []fields{primary, backup}}))
	child := fmt.Sprintf("backendSets/set/backends/127.0.0.1%%3A%d", at[0].Port())
	check := func(when string, status int, want string) {
		t.Helper()
		var a lulltest.Answer
		if !lulltest.Eventually(func() bool {
			a = w.asked(path)
			return a.StatusCode == status && (want == "" || string(a.Data) == want)
		}) {
			t.Errorf("%s: got %d %q, want %d %q", when, a.StatusCode, a.Data, status, want)
		}
	}
	flags := fields{"weight": 1, "backup": false, "drain": false, "offline": false}
	check("at first", 200, "b0")
	w.put(path, child, flags.with(fields{"drain": true}))
	check("while the other drains", 502, "")
	w.put(path, child, flags.with(fields{"offline": true}))
	check("while the other is offline", 502, "")
	w.put(path, child, flags)
	check("when it is back", 200, "b0")
	w.put(path, "backendSets/set", w.set().with(fields{
		"backends":      []fields{backend(netip.AddrPortFrom(at[0].Addr(), 1)), backup}, // nobody has that port
		"healthChecker": fields{"protocol": "TCP", "intervalInMillis": 1000, "retries": 1},
	}))
	check("when the other fails its health checks", 200, "b1")
}

// TestDrain_POL_06: a backend that drains gets no new connection and no request without a session; what is open goes on.
func TestDrain_POL_06(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, accepted := lulltest.Hands(t)
	two := lulltest.Greeter(t)
	path := w.web(w.set(one.Addr))
	tunnel := w.dial(path, portTCP)
	far := lulltest.Take(t, accepted)
	client := w.dialHTTP(path)
	client.Get("/")
	answering := lulltest.TakeHTTP(t, accepted)
	answering.Request()
	w.put(path, "backendSets/set", w.set().with(fields{"backends": []fields{backend(one.Addr).with(fields{"drain": true}), backend(two.Addr)}}))
	answering.Send(lulltest.Response("late"))
	client.ExpectAnswer("late")
	client.Get("/")
	client.ExpectAnswer("hello")
	tunnel.Send("x")
	far.Expect("x")
	for range 4 {
		if a := w.asked(path); string(a.Data) != "hello" {
			t.Errorf("a new connection: got %d %q", a.StatusCode, a.Data)
		}
	}
	if one.Accepted() != 2 {
		t.Errorf("the backend that drains got %d connections, want the 2 from before", one.Accepted())
	}
}

// TestOffline_POL_07: a backend that is offline gets no request, not even of a session.
func TestOffline_POL_07(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, at := w.named(2)
	sticky := fields{"lbCookieSessionPersistenceConfiguration": fields{}}
	path := w.web(w.set(at[0]).with(sticky))
	cookie := cookieOf(w.asked(path), routeCookie)
	w.put(path, "backendSets/set", w.set().with(sticky, fields{"backends": []fields{backend(at[0]).with(fields{"offline": true}), backend(at[1])}}))
	for range 4 {
		if a := w.asked(path, "Cookie: "+cookie); string(a.Data) != "b1" {
			t.Errorf("got %d %q, want b1", a.StatusCode, a.Data)
		}
	}
}

// TestMaxConnections_POL_08: with every backend at its bound clients get 502, and connections to the TCP listener end.
func TestMaxConnections_POL_08(t *testing.T) {
	t.Parallel()
	const most = 256 // the least that the API allows
	w := newWorld(t)
	sink := lulltest.Sink(t)
	path := w.web(w.set(sink.Addr).with(fields{"backendMaxConnections": 1000, "backends": []fields{backend(sink.Addr).with(fields{"maxConnections": most})}}))
	for range most {
		w.dial(path, portTCP)
	}
	if !lulltest.Eventually(func() bool { return sink.Accepted() == most }) {
		t.Fatalf("got %d connections, want %d", sink.Accepted(), most)
	}
	if a := w.asked(path); a.StatusCode != 502 {
		t.Errorf("got %d, want 502", a.StatusCode)
	}
	if how, _ := w.dial(path, portTCP).End(); how == "timeout" {
		t.Error("one connection more is left open")
	}
	if sink.Accepted() != most {
		t.Errorf("got %d connections, want %d", sink.Accepted(), most)
	}
}

// TestNextBackend_POL_09_RSP_02: a backend that refuses is passed over; if all do, clients get 504 and the backend's status is not told.
func TestNextBackend_POL_09_RSP_02(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.engine.FollowExchanges()
	_, at := w.named(1)
	path := w.web(w.set(lulltest.Refused(t), at[0]))
	for range 4 {
		if a := w.asked(path); a.StatusCode != 200 || string(a.Data) != "b0" {
			t.Errorf("got %d %q, want b0", a.StatusCode, a.Data)
		}
	}
	w.put(path, "backendSets/set", w.set(lulltest.Refused(t), lulltest.Refused(t)))
	client := w.dialHTTP(path)
	client.Get("/")
	if a := client.Answer("GET"); a.StatusCode != 504 {
		t.Errorf("with nobody else: got %d, want 504", a.StatusCode)
	}
	if x := w.engine.ExchangeOf(client, 1); x.BackendStatus != 0 || x.Tries != 2 {
		t.Errorf("recorded: got the backend's status %d after %d tries, want 0 after 2", x.BackendStatus, x.Tries)
	}
}

// TestBadGateway_RSP_01: each case leads to a 502.
func TestBadGateway_RSP_01(t *testing.T) {
	t.Parallel()
	answers := func(answer string) func(*world) fields {
		return func(w *world) fields {
			s := lulltest.ServeHTTP(w.t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { c.Reply(answer); return false })
			return w.set(s.Addr)
		}
	}
	for name, c := range map[string]func(w *world) fields{
		"no_backends": func(w *world) fields { return w.set() },
		"all_drain": func(w *world) fields {
			return w.set().with(fields{"backends": []fields{backend(w.port()).with(fields{"drain": true})}})
		},
		"all_offline": func(w *world) fields {
			return w.set().with(fields{"backends": []fields{backend(w.port()).with(fields{"offline": true})}})
		},
		"closes":          answers(""),
		"closes_in_head":  answers("HTTP/1.1 200 OK\r\nContent-"),
		"speaks_nonsense": answers("SMTP hello\r\n\r\n"),
		"speaks_plainly": func(w *world) fields {
			return w.set(w.port()).with(fields{"sslConfiguration": fields{"verifyPeerCertificate": false}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path := w.web(c(w).with(fields{"healthChecker": fields{"protocol": "TCP", "port": w.alive, "isForcePlainText": true}}))
			if a := w.asked(path); a.StatusCode != 502 {
				t.Errorf("got %d, want 502", a.StatusCode)
			}
		})
	}
	t.Run("all_unhealthy", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		at := lulltest.Refused(t)
		path := w.web(w.set(at).with(fields{"healthChecker": fields{"protocol": "TCP", "intervalInMillis": 1000}}))
		w.awaitState(false, "set", at)
		if a := w.asked(path); a.StatusCode != 502 {
			t.Errorf("got %d, want 502", a.StatusCode)
		}
	})
}

// port returns where a backend answers.
func (w *world) port() netip.AddrPort {
	w.t.Helper()
	return lulltest.Greeter(w.t).Addr
}

// awaitState waits until a backend of the load balancer "web" is up or down, as the data plane has it.
func (w *world) awaitState(up bool, set string, at netip.AddrPort) {
	w.t.Helper()
	key := plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: set}, Host: at.Addr().String(), Port: at.Port()}
	if !lulltest.Eventually(func() bool { b, found := w.engine.Backend(key); return found && b.Up == up }) {
		w.t.Fatalf("%s does not become up %v", key, up)
	}
}

// TestSharedPort: listeners that come to a port, or leave it, disturb no connection of the others.
func TestSharedPort(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, at := w.named(2)
	path := w.make("web", fields{
		"backendSets": fields{"s0": w.set(at[0]), "s1": w.set(at[1])},
		"hostnames":   fields{"h": fields{"name": "h", "hostname": "one.test"}},
		"listeners":   fields{"z": listener("HTTP", portHTTP, "s1").with(fields{"hostnameNames": []string{"h"}})},
	})
	client := w.dialHTTP(path)
	ask := func(when, host, want string) {
		t.Helper()
		client.Send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		if a := client.Answer("GET"); string(a.Data) != want || a.Close {
			t.Errorf("%s: %s got %d %q, closing %v, want %q", when, host, a.StatusCode, a.Data, a.Close, want)
		}
	}
	ask("alone", "one.test", "b1")
	ask("alone", "else.test", "b1")
	w.done("POST", path+"/listeners", listener("HTTP", portHTTP, "s0").with(fields{"name": "a"}).String())
	ask("beside another", "one.test", "b1")
	ask("beside another", "else.test", "b0")
	w.done("DELETE", path+"/listeners/a", "")
	ask("alone again", "else.test", "b1")
	w.done("POST", path+"/listeners", listener("HTTP", portHTTP, "s0").with(fields{"name": "b"}).String())
	w.done("DELETE", path+"/listeners/z", "")
	ask("when the first has gone", "one.test", "b0")
	pass(100 * time.Millisecond)
	ask("and for good", "one.test", "b0")
}

// TestMovedListener: a listener that gets another protocol or another port is served so at once, and its old port is closed.
func TestMovedListener(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hands, accepted := lulltest.Hands(t)
	path := w.make("web", fields{"backendSets": fields{"set": w.set(hands.Addr)}, "listeners": fields{"l": listener("HTTP", portHTTP, "set")}})
	answers := func() {
		t.Helper()
		c := w.dialHTTP(path)
		c.Get("/")
		b := lulltest.TakeHTTP(t, accepted)
		b.Request()
		b.Send(lulltest.Response("hello", "Connection: close"))
		c.ExpectAnswer("hello")
	}
	answers()
	w.put(path, "listeners/l", listener("TCP", portHTTP, "set"))
	client := w.dial(path, portHTTP)
	client.Send("bytes")
	lulltest.Take(t, accepted).Expect("bytes")
	w.put(path, "listeners/l", listener("HTTP", portHTTP, "set"))
	answers()
	w.put(path, "listeners/l", listener("HTTP", portTCP, "set"))
	if c, err := net.Dial("tcp", w.at(path, portHTTP).String()); err == nil {
		_ = c.Close()
		t.Error("the old port is still open")
	}
	c := lulltest.HTTP(w.dial(path, portTCP))
	c.Get("/")
	lulltest.TakeHTTP(t, accepted).Request()
}

// TestEditsDisturbNothing_HLT_10: other health checks, backends that come and one that goes disturb no open connection, not even those of
// the one that goes.
func TestEditsDisturbNothing_HLT_10(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	one, accepted := lulltest.Hands(t)
	other := lulltest.Greeter(t)
	path := w.web(w.set(one.Addr))
	tunnel := w.dial(path, portTCP)
	far := lulltest.Take(t, accepted)
	client := w.dialHTTP(path)
	client.Get("/")
	answering := lulltest.TakeHTTP(t, accepted)
	answering.Request()
	check := func() {
		t.Helper()
		pass(50 * time.Millisecond)
		tunnel.Send("x")
		far.Expect("x")
		far.Send("y")
		tunnel.Expect("y")
	}
	w.put(path, "backendSets/set/healthChecker", fields{
		"protocol": "TCP", "port": w.alive, "returnCode": 200, "retries": 5, "timeoutInMillis": 1000, "intervalInMillis": 2000, "responseBodyRegex": ".*",
	})
	check() // another health check
	w.done("POST", path+"/backendSets/set/backends", backend(other.Addr).String())
	check() // another backend
	w.done("DELETE", fmt.Sprintf("%s/backendSets/set/backends/127.0.0.1%%3A%d", path, one.Addr.Port()), "")
	check() // the backend has gone
	answering.Send(lulltest.Response("late"))
	client.ExpectAnswer("late")
	client.Get("/")
	client.ExpectAnswer("hello")
}

// TestResults_HLT_02_HLT_05: each case is what a backend does, and what its probes come to.
func TestResults_HLT_02_HLT_05(t *testing.T) {
	t.Parallel()
	reply := func(text string) func(*testing.T) netip.AddrPort {
		return func(t *testing.T) netip.AddrPort {
			return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool { return c.Reply(text) }).Addr
		}
	}
	for want, at := range map[string]func(t *testing.T) netip.AddrPort{
		"OK":                  reply(lulltest.Response("all is well")),
		"INVALID_STATUS_CODE": reply("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"),
		"REGEX_MISMATCH":      reply(lulltest.Response("all is lost")),
		"CONNECT_FAILED":      func(t *testing.T) netip.AddrPort { return lulltest.Refused(t) },
		"TIMED_OUT":           func(t *testing.T) netip.AddrPort { return lulltest.Sink(t).Addr },
		"IO_ERROR":            reply("HTTP/1.1 200 OK\r\nContent-Length: nothing\r\n\r\n"),
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			backend := at(t)
			path := w.web(w.set(backend).with(fields{"healthChecker": fields{
				"protocol": "HTTP", "urlPath": "/", "intervalInMillis": 1000, "timeoutInMillis": 500, "responseBodyRegex": "^all.*well$",
			}}))
			w.awaitResults(path, "set", backend, want)
		})
	}
}
