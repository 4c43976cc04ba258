package program_test

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// TestBuilt: the program that LULL names serves, dies as in a crash and serves again. Here it is the test binary after all, told by
// its environment to be lull.
func TestBuilt(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("LULL", exe)
	t.Setenv("LULL_PROGRAM_UNDER_TEST", "1")
	d := program.Built(t)
	if other := program.Built(t); d.Net(0) == d.Net(1) || d.Net(0) == other.Net(0) || d.Address == other.Address {
		t.Errorf("addresses: got %s.0, %s.0 and %s, another directory has %s.0 and %s", d.Net(0), d.Net(1), d.Address, other.Net(0), other.Address)
	}
	p := d.Serve(before(lulltest.Echo(t).Addr))
	greeted(t, d)
	p.Signal(syscall.SIGKILL)
	p.Exit()
	p = d.Start("serve", "lull.yaml")
	p.WaitReady()
	if got := d.Do("check", "lull.yaml"); !strings.Contains(got, "listener echo") {
		t.Errorf("lull check: got %q", got)
	}
	if got := p.Said(); !strings.Contains(got, "ready\n") {
		t.Errorf("it has said %q", got)
	}
}

// TestBuiltMissing: without a program the outside suites do nothing.
func TestBuiltMissing(t *testing.T) {
	t.Setenv("LULL", "")
	skipped := t.Run("part", func(t *testing.T) {
		program.Built(t)
		t.Error("it goes on")
	})
	if !skipped {
		t.Error("the part was not skipped")
	}
}
