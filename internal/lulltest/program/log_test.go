package program_test

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// TestAccessLog is TO-07 for the whole program: each end is in the log, in each format, with its reason where the format
// has a place for one.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	const times = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	for format, want := range map[string]string{
		"text": `^` + times + ` 1 {client} -> lb/echo -> {backend} [0-9.]+s up=5 down=5 client-closed by=front-end quiet_up=[0-9.]+s quiet_down=[0-9.]+s connect=[0-9.]+s half_closed=client\n` +
			times + ` 2 .* tunnel-idle by=lull timer=idle:1s late=0(\.\d+)?s .*\n$`,
		"json": `^\{"time":"[^"]+","id":1,.*"client":"{client}",.*"backend":"{backend}",.*"reason":"client-closed","side":"front-end",.*\}\n` +
			`\{"time":"[^"]+","id":2,.*"reason":"tunnel-idle",.*"timer":"idle","setting_s":1,.*\}\n$`,
		"aws": `^\S+Z lb {client} {backend} [0-9.]+ [0-9.]+ 0 - - 5 5 "- - - " "-" - -\n\S+Z lb \S+ {backend} .* 5 5 "- - - " "-" - -\n$`,
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			d := program.NewDir(t)
			backend := lulltest.Echo(t).Addr
			p := d.Serve(before(backend, "format: text", "format: "+format, "idle: 60s", "idle: 1s", "loops: 2", "loops: 1"))
			c := greeted(t, d)
			client := c.LocalAddr().String()
			_ = c.CloseWrite()
			c.End()
			greeted(t, d).End()
			p.Signal(syscall.SIGTERM)
			p.Exit()
			got := d.Read("access.log")
			full := strings.NewReplacer("{client}", regexp.QuoteMeta(client), "{backend}", regexp.QuoteMeta(backend.String())).Replace(want)
			if !regexp.MustCompile(full).MatchString(got) {
				t.Errorf("got\n%swant\n%s", got, full)
			}
			for line := range strings.Lines(got) {
				if format == "json" && !json.Valid([]byte(line)) {
					t.Errorf("not JSON: %s", line)
				}
			}
		})
	}
}

// TestAccessLogRotation renames the log and sends SIGHUP, with a file that is valid and with one that somebody is just
// editing: logs are rotated at night.
func TestAccessLogRotation(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	file := before(lulltest.Echo(t).Addr)
	p := d.Serve(file)
	rotate := func(to string) {
		greeted(t, d).Close()
		if !lulltest.Eventually(func() bool { return d.Read("access.log") != "" }) {
			t.Fatal("the access log stayed empty")
		}
		if err := os.Rename(filepath.Join(d.Path, "access.log"), filepath.Join(d.Path, to)); err != nil {
			t.Fatal(err)
		}
		p.Signal(syscall.SIGHUP)
	}
	rotate("first.log")
	p.WaitLog("msg=reloaded")
	d.Write("lull.yaml", "{")
	rotate("second.log")
	p.WaitLog("nothing has changed")
	rotate("third.log")
	for _, name := range []string{"first.log", "second.log", "third.log"} {
		if got := d.Read(name); strings.Count(got, "\n") != 1 {
			t.Errorf("%s: got %q, want one line", name, got)
		}
	}
}

// TestAccessLogReaderGone lets the reader of standard output end: lull must outlive whatever takes its log.
func TestAccessLogReaderGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	d := program.NewDir(t)
	d.Write("lull.yaml", before(lulltest.Echo(t).Addr, "path: access.log", "path: /dev/stdout"))
	p := d.StartTo(w, "serve", "lull.yaml")
	w.Close()
	p.WaitReady()
	greeted(t, d).Close()
	p.WaitLog("access log cannot be written", "broken pipe")
	greeted(t, d).Close()
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0\n%s", code, p.Stderr.String())
	}
}

// get returns what the metrics endpoint answers.
func get(t *testing.T, d *program.Dir, path string) (status int, body string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + d.At(9440).String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	p := d.Serve(before(lulltest.Echo(t).Addr, "access_log:", "metrics: {address: \"{address}:9440\"}\naccess_log:", "idle: 60s", "idle: 1s"))
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := get(t, d, path); status != http.StatusOK {
			t.Errorf("%s: got %d, %q, want 200", path, status, body)
		}
	}
	greeted(t, d).Close()
	greeted(t, d).End()
	var body string
	for _, want := range []string{
		`lull_closes_total{listener="lb/echo",reason="client-closed",side="front-end"} 1`,
		`lull_closes_total{listener="lb/echo",reason="tunnel-idle",side="lull"} 1`,
		`lull_connections_accepted_total{listener="lb/echo"} 2`,
		`lull_bytes_total{direction="up",listener="lb/echo"} 10`,
		`lull_plan_revision 1`,
		`lull_access_log_records_total 2`,
		`lull_connections_active 0`,
	} {
		if !lulltest.Eventually(func() bool { _, body = get(t, d, "/metrics"); return strings.Contains(body, want+"\n") }) {
			t.Errorf("metrics: want %s in\n%s", want, body)
		}
	}
	open := greeted(t, d)
	p.Signal(syscall.SIGTERM)
	p.WaitLog("draining")
	if status, _ := get(t, d, "/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz while draining: got %d, want 503", status)
	}
	if status, _ := get(t, d, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz while draining: got %d, want 200", status)
	}
	open.Close()
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}
