package program_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"lull/internal/control/admin"
	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// decode reads what a command printed with --json.
func decode[T any](t *testing.T, r program.Result) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.Stdout), &v); err != nil || r.Code != 0 || r.Stderr != "" {
		t.Fatalf("got %+v, %v, want JSON and exit code 0", r, err)
	}
	return v
}

// contains wants a command to have gone well and to have printed all the words.
func contains(t *testing.T, what string, r program.Result, words ...string) {
	t.Helper()
	if r.Code != 0 || r.Stderr != "" {
		t.Errorf("%s: got %+v, want exit code 0 and nothing on standard error", what, r)
	}
	for _, w := range words {
		if !strings.Contains(r.Stdout, w) {
			t.Errorf("%s: got %q, want %q in it", what, r.Stdout, w)
		}
	}
}

// TestCommands asks a running lull, from another directory, about a connection while it is open and after it has ended.
func TestCommands(t *testing.T) {
	t.Parallel()
	d, elsewhere := program.NewDir(t), program.NewDir(t)
	p := d.Serve(before(lulltest.Echo(t).Addr, "access_log:", "admin: {socket: a.sock}\naccess_log:"))
	elsewhere.LinkTo(d, "a.sock")
	ask := func(args ...string) program.Result { return elsewhere.Run(append(args, "--socket", "a.sock")...) }

	follow := elsewhere.Start("events", "--json", "--since", "10m", "--socket", "a.sock")
	followText := elsewhere.Start("events", "--socket", "a.sock", "--since", "all")
	c := greeted(t, d)
	client := c.LocalAddr().String()

	contains(t, "conns", ask("conns"), "NEXT", client, "lb/echo", "relaying", "tunnel-idle (idle 60s)", "1 connection, 5 B up, 5 B down")
	list := decode[[]admin.Conn](t, ask("conns", "--json"))
	if len(list) != 1 || list[0].Client != client || list[0].BytesUp != 5 || list[0].ClosesAs != "tunnel-idle" {
		t.Fatalf("conns --json: got %+v, want the one connection", list)
	}
	id := fmt.Sprint(list[0].ID)
	contains(t, "explain open", ask("explain", id), "Connection "+id+" is open.", client, "tunnel-idle (idle 60s)", "`idle` of listener lb/echo")
	if e := decode[admin.Explanation](t, ask("explain", id, "--json")); !e.Open || e.Conn.Client != client || len(e.Story) == 0 {
		t.Errorf("explain --json: got %+v, want the open connection", e)
	}

	contains(t, "version", ask("version"), "lull ", runtime.Version(), "\n  process  ", fmt.Sprint(p.PID()))
	if v := decode[admin.Version](t, ask("version", "--json")); v.PID != p.PID() || v.Go != runtime.Version() {
		t.Errorf("version --json: got %+v, want process %d", v, p.PID())
	}

	c.Close()
	for _, f := range []*program.Process{follow, followText} {
		f.WaitOut("client-closed")
	}
	var event admin.Event
	if err := json.Unmarshal([]byte(follow.Stdout.String()), &event); err != nil || event.Client != client || event.Reason != "client-closed" {
		t.Errorf("events --json: got %q, %v, want the end of the connection", follow.Stdout.String(), err)
	}
	if got := followText.Stdout.String(); !lulltest.Eventually(func() bool { return d.Read("access.log") == got }) {
		t.Errorf("events: got %q, want the line of the access log, %q", got, d.Read("access.log"))
	}
	contains(t, "explain ended", ask("explain", id), "Connection "+id+" has ended.", "the client closed its side first (client-closed)")
	if e := decode[admin.Explanation](t, ask("explain", id, "--json")); e.Open || e.Event == nil || e.Event.Reason != "client-closed" {
		t.Errorf("explain --json: got %+v, want the ended connection", e)
	}
	contains(t, "conns", ask("conns"), "0 connections")
	if got := ask("explain", "999"); got.Code != 1 || !strings.Contains(got.Stderr, "no connection 999") {
		t.Errorf("explain of nobody: got %+v, want exit code 1", got)
	}

	follow.Signal(syscall.SIGINT) // Ctrl-C
	if code := follow.Exit(); code != 0 {
		t.Errorf("events interrupted: exit code %d, want 0", code)
	}
	p.Signal(syscall.SIGTERM)
	if code := followText.Exit(); code != 0 {
		t.Errorf("events of a lull that stops: exit code %d, want 0\n%s", code, followText.Stderr.String())
	}
	if got := ask("conns"); got.Code != 1 || !strings.Contains(got.Stderr, "no lull answers on a.sock") {
		t.Errorf("conns of a lull that stopped: got %+v, want exit code 1 and that nobody answers", got)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	contains(t, "version", d.Run("version"), "lull ", runtime.Version(), "epoll")
	v := decode[map[string]any](t, d.Run("version", "--json"))
	if v["go"] != runtime.Version() {
		t.Errorf("version --json: got %v, want go %s", v, runtime.Version())
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	d.Write("lull.yaml", before(lulltest.Refused(t)))
	contains(t, "check", d.Run("check", "lull.yaml"), "lull.yaml is valid", d.At(port).String(), "idle                    60s")
	d.Write("lull.yaml", before(lulltest.Refused(t), "idle: 60s", "idle: 4001s"))
	if got := d.Run("check", "lull.yaml"); got.Code != 2 || !strings.Contains(got.Stderr, "lull.yaml:7: ") {
		t.Errorf("check of a faulty file: got %+v, want exit code 2 and its line", got)
	}
}
