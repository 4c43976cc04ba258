package program_test

import (
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// ends wants a connection to end with a FIN and without a byte more, and closes it: lull waits for that for a moment.
func ends(t *testing.T, what string, c *lulltest.HTTPConn) {
	t.Helper()
	if how, data := c.End(); how != "eof" || len(data) != 0 {
		t.Errorf("%s: got %q and %s, want eof", what, data, how)
	}
	_ = c.Close()
}

// TestHTTPDrain stops lull in the middle of an exchange: that one is finished, connections between two requests end at once,
// a tunnel goes on, and so does the request of a client that was slow to send it.
func TestHTTPDrain(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	p := d.Serve(beforeHTTP(backend.Addr))
	waiting, held, slow, tunnel := answered(t, d), dialHTTP(t, d), dialHTTP(t, d), dialHTTP(t, d)
	held.Get("/held")
	backend.await(t, "/held", 1)
	slow.Send("POST /hello HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\n1")
	tunnel.Send(handshake)
	if r := tunnel.Head(); r.StatusCode != 101 {
		t.Fatalf("upgrade: got %s, want 101", r.Status)
	}
	begin := time.Now()
	p.Signal(syscall.SIGTERM)
	p.WaitLog(`msg="draining; a second signal ends at once"`)
	ends(t, "connection between two requests", waiting)
	if took := time.Since(begin); took > 900*time.Millisecond {
		t.Errorf("connection between two requests: ended %v after the signal, want at once", took)
	}
	refuses(t, d)
	tunnel.Send("still here")
	tunnel.Expect("still here")
	slow.Send("23")
	backend.release()
	for name, c := range map[string]*lulltest.HTTPConn{"held": held, "slow": slow} {
		if a := c.ExpectAnswer("hello"); !a.Close {
			t.Errorf("%s request: the response does not end the connection", name)
		}
		ends(t, "connection of the "+name+" request", c)
	}
	_ = tunnel.CloseWrite()
	ends(t, "tunnel", tunnel)
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
	}
	for _, words := range [][]string{
		{" " + waiting.LocalAddr().String() + " ", " exchanges=1 ", " drained "},
		{" " + held.LocalAddr().String() + " ", "/held ", " 200 ", " completed "},
		{" " + held.LocalAddr().String() + " ", " exchanges=1 ", " drained "},
		{" " + slow.LocalAddr().String() + " ", "POST ", " 200 ", " up=3 ", " completed "},
		{" " + tunnel.LocalAddr().String() + " ", "/ws ", " 101 ", " up=10 down=10 ", " client-closed "},
	} {
		if lineWith(d.Read("access.log"), words...) == "" {
			t.Errorf("access log: got\n%s\nwant a line with all of %q", d.Read("access.log"), words)
		}
	}
}

// TestHTTPDrainTimeOver lets the drain time pass: what is still open is cut, and never looks complete.
func TestHTTPDrainTimeOver(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	p := d.Serve(beforeHTTP(backend.Addr, "idle: 60s", "idle: 60s, drain: 1s"))
	silent, tunnel := dialHTTP(t, d), dialHTTP(t, d)
	silent.Get("/silent")
	backend.await(t, "/silent", 1)
	tunnel.Send(handshake)
	tunnel.Head()
	begin := time.Now()
	p.Signal(syscall.SIGTERM)
	if a := silent.Answer("GET"); a.StatusCode != 503 || a.How != "whole" {
		t.Errorf("silent request: got %s, %s, want 503, whole", a.Status, a.How)
	}
	ends(t, "connection of the silent request", silent)
	ends(t, "tunnel", tunnel)
	if took := time.Since(begin); took < time.Second {
		t.Errorf("they ended after %v, want 1s", took)
	}
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
	}
	for _, words := range [][]string{{"/silent ", " shutdown by=lull timer=drain:1s "}, {"/ws ", " shutdown by=lull timer=drain:1s "}} {
		if got := d.Read("access.log"); lineWith(got, words...) == "" {
			t.Errorf("access log: got\n%s\nwant a line with all of %q", got, words)
		}
	}
}
