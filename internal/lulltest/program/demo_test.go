package program_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// demonstration is a running `lull demo`. Its ports are 7001, 7002, 8001 and 8002 if those were free.
type demonstration struct {
	*program.Process
	dir              *program.Dir
	aws, oci         netip.AddrPort // over TCP
	awsHTTP, ociHTTP netip.AddrPort
	commands         []string
}

func startDemo(t *testing.T, d *program.Dir) *demonstration {
	t.Helper()
	p := d.Start("demo")
	p.WaitReady()
	p.WaitOut("Below: ") // the two streams come by pipes of their own
	out := p.Stdout.String()
	at := func(name string) (tcp, http netip.AddrPort) {
		m := regexp.MustCompile(`  ` + name + `, .* http://(127\.0\.0\.1:\d+)/ .* port (\d+)\n`).FindStringSubmatch(out)
		if m == nil {
			t.Fatalf("demo: got\n%s\nwant it to say where %s listens", out, name)
		}
		return netip.MustParseAddrPort("127.0.0.1:" + m[2]), netip.MustParseAddrPort(m[1])
	}
	demo := &demonstration{Process: p, dir: d}
	demo.aws, demo.awsHTTP = at("aws")
	demo.oci, demo.ociHTTP = at("oci")
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

// TestDemo does what the demonstration tells people to do over TCP, and changes its idle time over HTTP.
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

	// The longer timeout holds for a request that is under way; it is not waited for here.
	waiting := lulltest.HTTP(lulltest.Dial(t, demo.awsHTTP))
	waiting.Get("/slow?s=30")
	listed := func(words ...string) bool {
		out := demo.ask(t, "conns").Stdout
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(out, w) })
	}
	if !lulltest.Eventually(func() bool { return listed("answer", "response-idle (idle 5s)") }) {
		t.Errorf("conns: got\n%s\nwant a request that waits for its answer", demo.ask(t, "conns").Stdout)
	}
	if out, err := exec.Command("sh", "-c", demo.command(t, "kill -HUP")).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", demo.command(t, "kill -HUP"), err, out)
	}
	demo.WaitLog("msg=reloaded")
	contains(t, "conns", demo.ask(t, "conns"), "response-idle (idle 30s)", "(idle 10s)", "(idle 20s)")

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

// TestDemoHTTP does the same over HTTP: it waits for the closes that the demonstration promises, all at the same time.
func TestDemoHTTP(t *testing.T) {
	t.Parallel()
	demo := startDemo(t, program.NewDir(t))
	for _, want := range []string{"hello from backend-1\n", "hello from backend-2\n"} {
		if _, body := fetch(t, demo.awsHTTP, "/"); !strings.HasPrefix(body, want) || !strings.Contains(body, "X-Forwarded-For: 127.0.0.1\n") {
			t.Errorf("aws: got %q, want it to begin with %q, and to know the client", body, want)
		}
	}
	first, body := fetch(t, demo.ociHTTP, "/")
	cookie, _, _ := strings.Cut(first.Header.Get("Set-Cookie"), ";")
	for range 3 {
		if r, again := fetch(t, demo.ociHTTP, "/", "Cookie: "+cookie); again != body || r.Header.Get("Set-Cookie") != "" {
			t.Errorf("oci: got %q with the cookie %q, want %q as before", again, cookie, body)
		}
	}

	demo.closes(t)
	for _, words := range [][]string{
		{"/slow?s=9 ", " 504 ", " response-idle ", "timer=idle:5s"}, {"/ws ", " 101 ", " tunnel-idle ", "timer=idle:5s"},
		{"/stream ", " download-unasked ", "timer=idle:5s flow=up"},
	} {
		demo.WaitOut(words...)
	}
}

// closes waits for a 504, for the end of a WebSocket, and for the cut of a stream.
func (d *demonstration) closes(t *testing.T) {
	t.Helper()
	const idle = 5 * time.Second
	began := time.Now()
	slow, socket, stream := lulltest.Dial(t, d.awsHTTP), lulltest.Dial(t, d.awsHTTP), lulltest.Dial(t, d.ociHTTP)
	slow.Send(lulltest.Request("GET", "/slow?s=9", ""))
	socket.Send(handshake + "\x81\x82\x00\x00\x00\x00hi") // masked by a key that changes nothing
	stream.Send(lulltest.Request("GET", "/stream", ""))
	var reading sync.WaitGroup
	reading.Go(func() {
		a, err := lulltest.NewReader(slow).Answer("GET")
		if took := time.Since(began); err != nil || a.StatusCode != http.StatusGatewayTimeout || took < idle {
			t.Errorf("slow: got %v, %v after %v, want 504 after 5 s", a.Response, err, took)
		}
	})
	reading.Go(func() {
		in := lulltest.NewReader(socket)
		a, err := in.Answer("GET")
		got, end := io.ReadAll(in)
		if took := time.Since(began); err != nil || a.StatusCode != http.StatusSwitchingProtocols || end != nil ||
			!strings.HasSuffix(string(got), "\x81\x02hi") || took < idle {
			t.Errorf("WebSocket: got %v, %v, %q and %v after %v, want 101, the echo, and the end after 5 s", a.Response, err, got, end, took)
		}
	})
	reading.Go(func() {
		a, err := lulltest.NewReader(stream).Answer("GET")
		if took := time.Since(began); err != nil || a.How != "cut" || strings.Count(string(a.Data), "\n") < 5 || took < idle {
			t.Errorf("stream: got %q, %s, %v after %v, want a line each second, cut after 5 s", a.Data, a.How, err, took)
		}
	})
	reading.Wait()
}

// fetch asks with header fields, each "Name: value", over a connection of its own, and returns the response with its body.
func fetch(t *testing.T, at netip.AddrPort, target string, fields ...string) (lulltest.Answer, string) {
	t.Helper()
	c := lulltest.HTTP(lulltest.Dial(t, at))
	defer c.Close()
	c.Send("GET " + target + " HTTP/1.1\r\nHost: test\r\n")
	for _, f := range fields {
		c.Send(f + "\r\n")
	}
	c.Send("\r\n")
	a := c.Answer("GET")
	return a, string(a.Data)
}

// handshake opens a WebSocket. The key is that of RFC 6455 §1.3.
const handshake = "GET /ws HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// TestDemoBeside starts a second demonstration in the same directory: it must find other ports and another socket.
func TestDemoBeside(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	one, two := startDemo(t, d), startDemo(t, d)
	if one.aws == two.aws || one.oci == two.oci || one.awsHTTP == two.awsHTTP || one.ociHTTP == two.ociHTTP {
		t.Errorf("both listen at the same ports: %+v, %+v", one, two)
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
