package program_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lull/internal/control/admin"
	"lull/internal/lulltest/program"
)

// exchangesOf returns the exchanges among the lines that lull events --json has printed, by their targets.
func exchangesOf(t *testing.T, p *program.Process) map[string]admin.Exchange {
	t.Helper()
	found := map[string]admin.Exchange{}
	for line := range strings.Lines(p.Stdout.String()) {
		var x admin.Exchange
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("events --json: %v: %s", err, line)
		}
		if x.Kind == "exchange" {
			found[x.Target] = x
		}
	}
	return found
}

// TestHTTPCommands asks a running lull about a request that times out and about a WebSocket that nobody uses, before their
// ends and afterwards.
func TestHTTPCommands(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	d.Serve(beforeHTTP(backend.Addr, "idle: 60s", "idle: 3s", "loops: 2", "loops: 1"))
	all, troubled := d.Start("events", "--json", "--exchanges", "--since", "all"), d.Start("events", "--json", "--since", "all")
	text := d.Start("events", "--since", "all", "--reason", "response-idle,tunnel-idle")
	silent, tunnel := answered(t, d), dialHTTP(t, d)
	silent.Get("/silent")
	tunnel.Send(handshake)
	tunnel.Head()
	backend.await(t, "/silent", 1)

	contains(t, "conns", d.Run("conns"), "answer", "response-idle (idle 3s)", "relaying", "tunnel-idle (idle 3s)", "2 connections, ")
	ids := map[string]string{}
	for _, c := range decode[[]admin.Conn](t, d.Run("conns", "--json", "--client", "127.0.0.1")) {
		ids[c.Client] = fmt.Sprint(c.ID)
	}
	one, two := ids[silent.LocalAddr().String()], ids[tunnel.LocalAddr().String()]
	contains(t, "explain an open connection", d.Run("explain", one), "Connection "+one+" is open.", "response-idle", "(idle 3s)")

	if a := silent.Answer("GET"); a.StatusCode != 504 {
		t.Fatalf("silent request: got %s, want 504", a.Status)
	}
	ends(t, "connection of the silent request", silent)
	ends(t, "tunnel", tunnel)
	for _, p := range []*program.Process{all, troubled, text} {
		p.WaitOut("response-idle", "/silent")
		p.WaitOut("tunnel-idle", two)
	}
	all.WaitOut("/ws") // the order of an exchange and of its connection in two memories is not given

	contains(t, "explain the exchange", d.Run("explain", one+"/2"), "Exchange 2 of connection "+one+" has ended.", "GET test/silent HTTP/1.1",
		"The timer `idle`, set to 3s,", "because the backend was silent for the idle time (response-idle).", "The client got 504, made by lull.",
		"raise `idle` of listener lb/web in lull.yaml above 3s")
	contains(t, "explain its connection", d.Run("explain", one), "Connection "+one+" has ended.", "2 exchanges", "(response-idle)")
	contains(t, "explain the tunnel", d.Run("explain", two), "Connection "+two+" has ended.", "GET test/ws HTTP/1.1", "tunnel", "(tunnel-idle)",
		"The timer `idle`, set to 3s,")
	e := decode[admin.Explanation](t, d.Run("explain", one+"/2", "--json"))
	if e.Open || len(e.Exchanges) != 1 || e.Exchanges[0].Status != 504 || e.Exchanges[0].Reason != "response-idle" || e.Exchanges[0].Timer != "idle" {
		t.Errorf("explain --json: got %+v, want the exchange with its 504", e)
	}

	everything, some := exchangesOf(t, all), exchangesOf(t, troubled)
	if x := everything["/hello"]; x.Status != 200 || x.Reason != "completed" || fmt.Sprint(x.ID) != one || x.Number != 1 {
		t.Errorf("events --exchanges: got %+v, want the first exchange of connection %s", x, one)
	}
	if x := everything["/ws"]; x.Status != 101 || x.Reason != "tunnel-idle" || !x.Upgraded || fmt.Sprint(x.ID) != two {
		t.Errorf("events --exchanges: got %+v, want the tunnel", x)
	}
	if _, there := some["/hello"]; there || some["/silent"].Status != 504 {
		t.Errorf("events: got %+v, want the 504 and nothing that went well", some)
	}
	if got := d.Run("explain", one+"/3"); got.Code != 1 || !strings.Contains(got.Stderr, "/3") {
		t.Errorf("explain of an exchange that never was: got %+v, want exit code 1", got)
	}
}
