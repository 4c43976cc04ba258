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

// refuses waits until nobody accepts at the listener any more.
func refuses(t *testing.T, d *program.Dir) {
	t.Helper()
	closed := lulltest.Eventually(func() bool {
		c, err := net.Dial("tcp", d.At(port).String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	if !closed {
		t.Fatal("the listener still accepts")
	}
}

func TestDrain(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	p := d.Serve(before(lulltest.Echo(t).Addr))
	c := greeted(t, d)
	p.Signal(syscall.SIGTERM)
	p.WaitLog("msg=\"draining; a second signal ends at once\"", "connections=1")
	refuses(t, d)
	c.Ask("still here")
	if got := d.Run("conns"); got.Code != 0 || !strings.Contains(got.Stdout, " s: shutdown (drain 30s)") {
		t.Errorf("conns while draining: got %+v, want a close by drain", got)
	}
	_ = c.CloseWrite()
	if how, _ := c.End(); how != "eof" {
		t.Errorf("connection: got %s, want eof", how)
	}
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
	}
	if got, want := d.Read("access.log"), " up=15 down=15 client-closed by=front-end "; !strings.Contains(got, want) {
		t.Errorf("access log: got %q, want %q in it", got, want)
	}
}

func TestDrainTimeOver(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	p := d.Serve(before(lulltest.Echo(t).Addr, "idle: 60s", "idle: 60s, drain: 1s"))
	c := greeted(t, d)
	p.Signal(syscall.SIGTERM)
	begin := time.Now()
	if how, _ := c.End(); how != "eof" {
		t.Errorf("connection: got %s, want eof", how)
	}
	if took := time.Since(begin); took < 900*time.Millisecond { // the signal was on its way meanwhile
		t.Errorf("connection: ended after %v, want 1s", took)
	}
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
	}
	if got := d.Read("access.log"); !strings.Contains(got, " shutdown by=lull timer=drain:1s ") {
		t.Errorf("access log: got %q, want shutdown by the timer drain:1s", got)
	}
}

func TestSecondSignal(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]syscall.Signal{"term": syscall.SIGTERM, "int": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := program.NewDir(t)
			p := d.Serve(before(lulltest.Echo(t).Addr))
			c := greeted(t, d)
			p.Signal(syscall.SIGTERM)
			p.WaitLog("draining")
			p.Signal(syscall.SIGHUP) // too late, and no reason to end
			c.Ask("still here")
			begin := time.Now()
			p.Signal(second)
			if how, _ := c.End(); how != "eof" {
				t.Errorf("connection: got %s, want eof", how)
			}
			if code := p.Exit(); code != 0 {
				t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
			}
			if took := time.Since(begin); took > 5*time.Second {
				t.Errorf("took %v, want it to end at once", took)
			}
			if got := d.Read("access.log"); !strings.Contains(got, " shutdown by=lull ") {
				t.Errorf("access log: got %q, want shutdown", got)
			}
		})
	}
}
