package program_test

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// quiet lets d pass, and fails the test if the connection ends or says something meanwhile.
func quiet(t *testing.T, what string, c *lulltest.HTTPConn, d time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(d))
	if n, err := c.Read(make([]byte, 1)); n != 0 || lulltest.Closed(err) != "timeout" {
		t.Fatalf("%s: got %d bytes and %v, want silence for %v", what, n, err, d)
	}
}

// TestHTTPReloadIdle is TO-06 for the whole program over HTTP: a shortened timeout ends what is over it at once, with a
// response where one is owed, and nothing else.
func TestHTTPReloadIdle(t *testing.T) {
	t.Parallel()
	for model, c := range map[string]struct{ long, short, keepalive string }{
		"shared":      {"idle: 60s", "idle: 1s", "idle:1s"},
		"directional": {"model: directional, idle: 60s", "model: directional, idle: 1s, front_keepalive: 1s", "front_keepalive:1s"},
	} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			d, backend := program.NewDir(t), serveStage(t)
			p := d.Serve(beforeHTTP(backend.Addr, "idle: 60s", c.long))
			waiting, stalled, busy := answered(t, d), dialHTTP(t, d), answered(t, d)
			stalled.Get("/silent")
			for since := time.Now(); time.Since(since) < 1200*time.Millisecond; {
				hello(busy)
				quiet(t, "the waiting connection", waiting, 10*time.Millisecond)
			}
			backend.await(t, "/silent", 1)
			reload(d, p, beforeHTTP(backend.Addr, "idle: 60s", c.short))
			reloaded := time.Now()
			if how, data := waiting.End(); how != "eof" || len(data) != 0 {
				t.Errorf("waiting connection: got %q and %s, want eof", data, how)
			}
			if a := stalled.Answer("GET"); a.StatusCode != 504 || a.How != "whole" {
				t.Errorf("stalled request: got %s, %s, want 504, whole", a.Status, a.How)
			}
			if took := time.Since(reloaded); took > 900*time.Millisecond {
				t.Errorf("what was over the new limit ended %v after the reload, want at once", took)
			}
			begun := time.Now()
			hello(busy)
			if how, _ := busy.End(); how != "eof" {
				t.Errorf("busy connection: got %s, want eof", how)
			}
			if took := time.Since(begun); took < time.Second {
				t.Errorf("busy connection: ended %v after its last request, want 1s", took)
			}
			logged(t, d, "/silent", " 504 ", " response-idle ", " timer=idle:1s ")
			for _, conn := range []*lulltest.HTTPConn{waiting, busy} {
				logged(t, d, " "+conn.LocalAddr().String()+" ", " client-idle ", " timer="+c.keepalive)
			}
		})
	}
}

// TestHTTPReloadLonger is the other half of TO-06: what is open lives on by a longer timeout.
func TestHTTPReloadLonger(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	p := d.Serve(beforeHTTP(backend.Addr, "idle: 60s", "idle: 3s"))
	waiting, held := answered(t, d), dialHTTP(t, d)
	held.Get("/held")
	backend.await(t, "/held", 1)
	reload(d, p, beforeHTTP(backend.Addr))
	quiet(t, "the held request", held, 3500*time.Millisecond)
	hello(waiting)
	backend.release()
	held.ExpectAnswer("hello")
}

// TestHTTPReloadUnderLoad reloads again and again, with other timeouts and with a backend that comes and goes, while
// clients ask. Every request must be answered, on the connection on which it was sent.
func TestHTTPReloadUnderLoad(t *testing.T) {
	t.Parallel()
	const clients, reloads = 6, 30
	d, first, second := program.NewDir(t), lulltest.Greeter(t), lulltest.Greeter(t)
	file := func(i int) string {
		changes := []string{"idle: 60s", fmt.Sprintf("idle: %ds, connection_age_max: %ds", 60-i%7, i%2*60)}
		if i%3 == 0 {
			changes = append(changes, "        backends:\n", fmt.Sprintf("        backends:\n          - {address: 127.0.0.1, port: %d}\n", second.Addr.Port()))
		}
		return beforeHTTP(first.Addr, changes...)
	}
	p := d.Serve(file(0))
	stop, done := make(chan struct{}), make(chan error, clients)
	var asked [clients]int
	for i := range clients {
		go func() { done <- keepAsking(d.At(port), stop, &asked[i]) }()
	}
	for i := range reloads {
		reload(d, p, file(i+1))
	}
	close(stop)
	sum := 0
	for range clients {
		if err := <-done; err != nil {
			t.Errorf("a request was dropped: %v", err)
		}
	}
	for _, n := range asked {
		sum += n
	}
	if sum < reloads || len(second.Seen()) == 0 {
		t.Errorf("requests: got %d, %d of them at the second backend, want more", sum, len(second.Seen()))
	}
	t.Logf("%d requests during %d reloads", sum, reloads)
}

// keepAsking asks over connections of its own, a hundred times over each, until stop is closed. Any other end of a
// connection than its own is an error.
func keepAsking(to netip.AddrPort, stop <-chan struct{}, asked *int) error {
	for {
		c, err := net.Dial("tcp", to.String())
		if err != nil {
			return err
		}
		in := lulltest.NewReader(c)
		for range 100 {
			_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
			if _, err = io.WriteString(c, lulltest.Request("GET", "/hello", "")); err != nil {
				return err
			}
			a, err := in.Answer("GET")
			if err != nil {
				return err
			}
			if a.StatusCode != 200 || string(a.Data) != "hello" || a.Close {
				return fmt.Errorf("got %s with %q, %s, close %v", a.Status, a.Data, a.How, a.Close)
			}
			*asked++
			select {
			case <-stop:
				return c.Close()
			default:
			}
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
}

// TestHTTPReloadFaulty refuses what an HTTP listener cannot be, and changes nothing.
func TestHTTPReloadFaulty(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	p := d.Serve(beforeHTTP(backend.Addr))
	waiting, held := answered(t, d), dialHTTP(t, d)
	held.Get("/held")
	for _, r := range []struct{ file, want string }{
		{beforeHTTP(backend.Addr, "protocol: http", "protocol: http2"), "lull.yaml:9: load_balancers[0].listeners[0].protocol"},
		{beforeHTTP(backend.Addr, "- name: set", "- name: set\n        protocol: tcp"), "set"},
		{beforeHTTP(backend.Addr, "idle: 60s", "idle: 60s, front_keepalive: 5s"), "lull.yaml:7: load_balancers[0].timeouts.front_keepalive"},
		{beforeHTTP(backend.Addr, "idle: 60s", "idle: 1s", "- name: set", "- name: set\n        stickiness: {cookie: \"a b\"}"), "stickiness.cookie"},
	} {
		d.Write("lull.yaml", r.file)
		p.Signal(syscall.SIGHUP)
		p.WaitLog("level=ERROR", "nothing has changed", r.want)
		hello(waiting)
	}
	quiet(t, "the held request", held, 1100*time.Millisecond)
	backend.release()
	held.ExpectAnswer("hello")
	if strings.Contains(p.Stderr.String(), "msg=reloaded") {
		t.Errorf("a faulty file was taken over:\n%s", p.Stderr.String())
	}
}
