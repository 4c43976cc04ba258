package program_test

import (
	"bufio"
	"fmt"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// demonstration is a running `lull demo`. Its ports are 7001 and 7002 if those were free.
type demonstration struct {
	*program.Process
	dir      *program.Dir
	aws, oci netip.AddrPort
	commands []string
}

func startDemo(t *testing.T, d *program.Dir) *demonstration {
	t.Helper()
	p := d.Start("demo")
	p.WaitReady()
	p.WaitOut("Ctrl-C ends it.") // the two streams come by pipes of their own
	out := p.Stdout.String()
	at := func(name string) netip.AddrPort {
		m := regexp.MustCompile(`(127\.0\.0\.1:\d+) is ` + name + ` `).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("demo: got\n%s\nwant it to say where %s listens", out, name)
		}
		return netip.MustParseAddrPort(m[1])
	}
	demo := &demonstration{Process: p, dir: d, aws: at("aws"), oci: at("oci")}
	for line := range strings.Lines(out) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			demo.commands = append(demo.commands, strings.TrimSpace(command))
		}
	}
	return demo
}

// command returns the command that the demonstration tells people to try and that contains a word.
func (d *demonstration) command(t *testing.T, word string) string {
	t.Helper()
	for _, c := range d.commands {
		if strings.Contains(c, word) {
			return c
		}
	}
	t.Fatalf("demo: got commands %q, want one with %q", d.commands, word)
	return ""
}

// ask runs what the demonstration says about one of lull's commands.
func (d *demonstration) ask(t *testing.T, name string) program.Result {
	t.Helper()
	fields := strings.Fields(d.command(t, " "+name))
	return d.dir.Run(fields[1:]...)
}

// greet dials and returns the connection with the backend's greeting.
func greet(t *testing.T, to netip.AddrPort) (*lulltest.Conn, string) {
	t.Helper()
	c := lulltest.Dial(t, to)
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	line, err := bufio.NewReaderSize(c, 64).ReadString('\n')
	if err != nil {
		t.Fatalf("greeting: got %q, %v", line, err)
	}
	return c, line
}

// TestDemo does what the demonstration tells people to do.
func TestDemo(t *testing.T) {
	t.Parallel()
	demo := startDemo(t, program.NewDir(t))
	c, first := greet(t, demo.aws)
	other, second := greet(t, demo.aws)
	other.Close()
	if first != "hello from backend-1\n" || second != "hello from backend-2\n" {
		t.Errorf("greetings: got %q and %q, want backend-1 and backend-2", first, second)
	}
	c.Ask("ping\n")
	_, oci := greet(t, demo.oci)
	if oci != "hello from backend-1\n" {
		t.Errorf("greeting: got %q, want backend-1", oci)
	}
	contains(t, "conns", demo.ask(t, "conns"), "aws/echo", "(idle 10s)", "oci/echo", "(idle 20s)")
	contains(t, "explain", demo.ask(t, "explain"), "Connection 1 is open.", "listener aws/echo")

	// The longer timeout holds for the connection that is open; it is not waited for here.
	if out, err := exec.Command("sh", "-c", demo.command(t, "kill -HUP")).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", demo.command(t, "kill -HUP"), err, out)
	}
	demo.WaitLog("msg=reloaded")
	contains(t, "conns", demo.ask(t, "conns"), "(idle 30s)", "(idle 20s)")

	demo.Signal(syscall.SIGINT)
	if code := demo.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, demo.Stderr.String())
	}
	for _, want := range []string{"client-closed", "shutdown by=lull timer=drain:2s"} {
		if !demo.Stdout.HasLine(want) {
			t.Errorf("log: got\n%s\nwant a line with %s", demo.Stdout.String(), want)
		}
	}
}

// TestDemoBeside starts a second demonstration in the same directory: it must find other ports and another socket.
func TestDemoBeside(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	one, two := startDemo(t, d), startDemo(t, d)
	if one.aws == two.aws || one.oci == two.oci {
		t.Errorf("both listen at %s and %s", one.aws, one.oci)
	}
	greet(t, two.oci)
	contains(t, "conns of the first", one.ask(t, "conns"), "0 connections")
	contains(t, "conns of the second", two.ask(t, "conns"), "1 connection")
}

func TestDemoPrintConfig(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	got := d.Run("demo", "--print-config")
	contains(t, "demo --print-config", got, "model: shared", "model: directional")
	d.Write("lull.yaml", got.Stdout)
	contains(t, "check", d.Run("check", "lull.yaml"), "load balancer aws", "load balancer oci")
	if got := d.Run("demo", "please"); got.Code != 2 || !strings.Contains(got.Stderr, `"please"`) {
		t.Errorf("demo please: got %+v, want exit code 2", fmt.Sprint(got))
	}
}
