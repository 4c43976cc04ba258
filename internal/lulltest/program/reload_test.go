package program_test

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// reload writes another lull.yaml, sends SIGHUP and returns when lull has taken it over.
func reload(d *program.Dir, p *program.Process, file string) {
	n := strings.Count(p.Stderr.String(), "msg=reloaded")
	d.Write("lull.yaml", file)
	p.Signal(syscall.SIGHUP)
	p.WaitLogs(n+1, "msg=reloaded", "file=lull.yaml")
}

// TestReloadIdle is TO-06 for the whole program: a shortened timeout ends what is over it at once and nothing else.
func TestReloadIdle(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	backend := lulltest.Echo(t).Addr
	p := d.Serve(before(backend))
	silent, busy := greeted(t, d), greeted(t, d)
	for since := time.Now(); time.Since(since) < 1200*time.Millisecond; {
		busy.Ask("x")
		_ = silent.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := silent.Read(make([]byte, 1)); lulltest.Closed(err) != "timeout" {
			t.Fatalf("before the reload the silent connection ended: %v", err)
		}
	}
	reload(d, p, before(backend, "idle: 60s", "idle: 1s"))
	reloaded := time.Now()
	if how, _ := silent.EndWithin(time.Second); how != "eof" {
		t.Fatalf("silent connection: got %s, want eof", how)
	}
	if took := time.Since(reloaded); took > 500*time.Millisecond {
		t.Errorf("silent connection: ended %v after the reload, want at once", took)
	}
	asked := time.Now() // the last byte moves later than this
	busy.Ask("still here")
	if how, _ := busy.End(); how != "eof" {
		t.Errorf("busy connection: got %s, want eof", how)
	}
	if took := time.Since(asked); took < time.Second {
		t.Errorf("busy connection: ended %v after its last byte, want 1s", took)
	}
	lulltest.Eventually(func() bool { return strings.Count(d.Read("access.log"), "tunnel-idle") == 2 })
	for line := range strings.Lines(d.Read("access.log")) {
		if !strings.Contains(line, " tunnel-idle by=lull timer=idle:1s ") {
			t.Errorf("access log: got %q, want tunnel-idle by the timer idle:1s", line)
		}
	}
}

// TestReloadFaulty is TO-06's other half: what is refused changes nothing.
func TestReloadFaulty(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	backend := lulltest.Echo(t).Addr
	p := d.Serve(before(backend))
	c := greeted(t, d)
	for _, r := range []struct{ file, want string }{
		{before(backend, "idle: 60s", "idle: 0s"), "lull.yaml:7: load_balancers[0].timeouts.idle: 0s is out of range"},
		{before(backend, "port: 7001", "prot: 7001"), "lull.yaml:9: load_balancers[0].listeners[0].prot"},
		{"{", "lull.yaml:1: is not valid YAML"},
		{before(backend, "port: 7001", "port: 7002", "{address}", "192.0.2.1"), "bind 192.0.2.1:7002"},
		{before(backend, "idle: 60s", "idle: 1s", "access.log", "nowhere/access.log"), "access_log.path nowhere/access.log"},
	} {
		d.Write("lull.yaml", r.file)
		p.Signal(syscall.SIGHUP)
		p.WaitLog("level=ERROR", "nothing has changed", r.want)
		c.Ask("still here")
		greeted(t, d).Close()
	}
	if strings.Contains(p.Stderr.String(), "msg=reloaded") {
		t.Errorf("a faulty file was taken over:\n%s", p.Stderr.String())
	}
	if got := d.Run("conns", "--json"); !strings.Contains(got.Stdout, `"setting_s":60,`) {
		t.Errorf("conns: got %+v, want the idle timeout to be 60 s", got)
	}
}

func TestReloadListeners(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	backend := lulltest.Echo(t).Addr
	p := d.Serve(before(backend))
	old := greeted(t, d)

	const first = "      - {name: echo, protocol: tcp, port: 7001, backend_set: set}\n"
	const second = "      - {name: more, protocol: tcp, port: 7002, backend_set: set}\n"
	reload(d, p, before(backend, first, first+second))
	added := lulltest.Dial(t, d.At(7002))
	added.Ask("hello")
	old.Ask("still here")

	reload(d, p, before(backend, first, second))
	if c, err := net.Dial("tcp", d.At(port).String()); err == nil {
		c.Close()
		t.Error("the removed listener still accepts")
	}
	old.Ask("draining") // 30 s by default
	added.Ask("still here")

	reload(d, p, before(backend, first, second, "idle: 60s", "idle: 60s, drain: 0s"))
	reload(d, p, before(backend, "timeouts: {idle: 60s}", "timeouts: {idle: 60s, drain: 0s}"))
	if how, _ := added.End(); how != "eof" {
		t.Errorf("connection of a listener removed with a drain of 0: got %s, want eof", how)
	}
	greeted(t, d)
	if !lulltest.Eventually(func() bool { return strings.Contains(d.Read("access.log"), " -> lb/more -> ") }) ||
		!strings.Contains(d.Read("access.log"), " listener-removed by=lull timer=drain:0s ") {
		t.Errorf("access log: got %q, want listener-removed", d.Read("access.log"))
	}
}

// TestReloadRestartOnly changes what only a start can change.
func TestReloadRestartOnly(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	backend := lulltest.Echo(t).Addr
	p := d.Serve(before(backend))
	reload(d, p, before(backend, "loops: 2", "loops: 1\nadmin: {socket: other.sock}\nmetrics: {address: \"{address}:9440\"}"))
	for _, name := range []string{"loops", "admin.socket", "metrics.address"} {
		if !p.Stderr.HasLine("level=WARN", "setting="+name, "next start") {
			t.Errorf("standard error: got %q, want a warning about %s", p.Stderr.String(), name)
		}
	}
	greeted(t, d)
}
