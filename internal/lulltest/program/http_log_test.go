package program_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// logMixture has lull log, in a format, an exchange that went well, one for each response that lull makes of a fault, and a
// WebSocket, each on a connection of its own and with an idle time of 1 s. It returns the log.
func logMixture(t *testing.T, format string) string {
	t.Helper()
	d, backend := program.NewDir(t), serveStage(t)
	p := d.Serve(beforeHTTP(backend.Addr, "format: text", "format: "+format, "idle: 60s", "idle: 1s", "loops: 2", "loops: 1"))
	send := func(text string) *lulltest.HTTPConn {
		c := dialHTTP(t, d)
		c.Send(text)
		return c
	}
	silent := send(lulltest.Request("GET", "/silent", ""))
	stalled := send("POST /stalled HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\n123")
	bad := send("GET /bad HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	tunnel := send(handshake)
	if !lulltest.Eventually(func() bool { return backend.Accepted() == 3 }) { // none of them is left a pooled connection
		t.Fatalf("back-end connections: got %d, want 3", backend.Accepted())
	}
	good := send("GET /hello?a=b HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: a \"client\"\r\nConnection: close\r\n\r\n")
	for want, c := range map[int]*lulltest.HTTPConn{
		http.StatusOK: good, http.StatusGatewayTimeout: silent, http.StatusRequestTimeout: stalled, http.StatusBadRequest: bad,
	} {
		if a := c.Answer("GET"); a.StatusCode != want || a.How != "whole" {
			t.Errorf("got %s, %s, want %d", a.Status, a.How, want)
		}
		ends(t, "its connection", c)
	}
	if r := tunnel.Head(); r.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("upgrade: got %s, want 101", r.Status)
	}
	ends(t, "tunnel", tunnel)
	backend.Ends(4) // that of the pooled connection is one of them
	p.Signal(syscall.SIGTERM)
	p.Exit()
	return d.Read("access.log")
}

// awsLine is what programs that read the logs of Classic load balancers take a line apart with.
//
//nolint:gochecknoglobals // compiled once
var awsLine = regexp.MustCompile(`^(\S+) (\S+) (\S+):(\d+) (?:-|(\S+):(\d+)) (-1|[\d.]+) (-1|[\d.]+) (-1|[\d.]+) (-|\d{3}) (-|\d{1,3}) ` +
	`(\d+) (\d+) "(.*)" "(.*)" ([A-Z0-9-]+) (\S+)$`)

// TestHTTPAccessLog is TestAccessLog for HTTP: each exchange has a line in each format, and in text and JSON each
// connection, with what the format has a place for.
func TestHTTPAccessLog(t *testing.T) {
	t.Parallel()
	const fields, tail = `-1 -1 -1`, ` - -\n`
	for format, want := range map[string][]string{
		"text": {
			` \d+/1 .* "GET www\.example\.com/hello\?a=b HTTP/1\.1" 200 [0-9.]+s up=0 down=5 completed by=lull connect=`,
			` \d+/1 .* "GET test/silent HTTP/1\.1" 504 1(\.\d+)?s up=0 down=0 response-idle by=back-end timer=idle:1s late=0\.\d+s backend_status=- `,
			` \d+/1 .* "POST test/stalled HTTP/1\.1" 408 1(\.\d+)?s up=3 down=0 request-idle by=front-end timer=idle:1s late=0\.\d+s backend_status=- `,
			` \d+/1 .* -> - "- - -" 400 0[0-9.]*s up=0 down=0 bad-request by=front-end backend_status=- fault=host-twice `,
			` \d+/1 .* "GET test/ws HTTP/1\.1" 101 1(\.\d+)?s up=0 down=0 tunnel-idle by=lull timer=idle:1s .* upgraded=yes\n`,
			` \d+ 127\.\S+ .* exchanges=1 close-agreed by=lull `,
			` \d+ 127\.\S+ .* exchanges=1 tunnel-idle by=lull timer=idle:1s .* upgraded=yes\n`,
			` pooled -> lb/web -> 127\.\S+ .* exchanges=1 pool-idle by=lull timer=idle:1s .* pool=idle:1s\n`,
		},
		"json": {
			`,"kind":"exchange",.*"reason":"completed",.*"target":"/hello\?a=b",.*"user_agent":"a \\"client\\"","status":200,"backend_status":200,`,
			`,"kind":"exchange",.*"reason":"response-idle",.*"target":"/silent",.*"status":504,.*"timer":"idle","setting_s":1,`,
			`,"kind":"exchange",.*"reason":"request-idle",.*"target":"/stalled",.*"status":408,"bytes_up":3,.*"timer":"idle","setting_s":1,`,
			`,"kind":"exchange",.*"reason":"bad-request",.*"fault":"host-twice","status":400,`,
			`,"kind":"exchange",.*"reason":"tunnel-idle",.*"target":"/ws",.*"status":101,"backend_status":101,"upgraded":true,.*"timer":"idle",`,
			`,"kind":"connection",.*"reason":"close-agreed",.*"exchanges":1,`,
			`,"kind":"pooled",.*"reason":"pool-idle",.*"pool_timer":"idle","pool_setting_s":1\}`,
		},
		"aws": {
			`^\S+Z lb 127\.0\.0\.1:\d+ 127\.0\.0\.1:\d+ 0\.\d+ 0\.\d+ 0[.\d]* 200 200 0 5 "GET http://www\.example\.com:80/hello\?a=b HTTP/1\.1" "a \\x22client\\x22"` + tail,
			` - ` + fields + ` 504 0 0 0 "GET http://test:80/silent HTTP/1\.1" "-"` + tail,
			` - ` + fields + ` 408 0 3 0 "POST http://test:80/stalled HTTP/1\.1" "-"` + tail,
			` - ` + fields + ` 400 0 0 0 "- - - " "-"` + tail,
			` 127\.0\.0\.1:\d+ 0\.\d+ 0\.\d+ 0[.\d]* 101 101 0 0 "GET http://test:80/ws HTTP/1\.1" "-"` + tail,
		},
	} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			got := logMixture(t, format)
			for _, w := range want {
				if n := len(regexp.MustCompile("(?m)"+w).FindAllString(got, -1)); n != 1 {
					t.Errorf("got\n%s\nwith %d lines like %s, want one", got, n, w)
				}
			}
			checkLines(t, format, got)
		})
	}
}

// checkLines looks whether programs can read every line.
func checkLines(t *testing.T, format, log string) {
	t.Helper()
	for line := range strings.Lines(log) {
		switch format {
		case "json":
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %s", line)
			}
		case "aws":
			if !awsLine.MatchString(strings.TrimSuffix(line, "\n")) {
				t.Errorf("not in the format of AWS: %s", line)
			}
		}
	}
	if n := strings.Count(log, "\n"); format == "aws" && n != 5 {
		t.Errorf("got %d lines, want one for each of 5 exchanges:\n%s", n, log)
	}
}

// TestHTTPMetrics is TestMetrics for HTTP.
func TestHTTPMetrics(t *testing.T) {
	t.Parallel()
	d, backend := program.NewDir(t), serveStage(t)
	p := d.Serve(beforeHTTP(backend.Addr, "access_log:", "metrics: {address: \"{address}:9440\"}\naccess_log:", "idle: 60s", "idle: 3s",
		"loops: 2", "loops: 1"))
	silent, tunnel := dialHTTP(t, d), dialHTTP(t, d)
	silent.Get("/silent")
	tunnel.Send(handshake)
	tunnel.Head()
	kept := answered(t, d)
	hello(kept)
	metric := func(want string) {
		t.Helper()
		var body string
		if !lulltest.Eventually(func() bool { _, body = get(t, d, "/metrics"); return strings.Contains(body, want+"\n") }) {
			t.Errorf("metrics: want %s in\n%s", want, body)
		}
	}
	metric(`lull_pooled_connections 1`)
	if a := silent.Answer("GET"); a.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("silent request: got %s, want 504", a.Status)
	}
	ends(t, "connection of the silent request", silent)
	ends(t, "tunnel", tunnel)
	ends(t, "kept connection", kept)
	for _, want := range []string{
		`lull_requests_total{listener="lb/web"} 4`,
		`lull_requests_reused_total{listener="lb/web"} 1`,
		`lull_exchange_ends_total{listener="lb/web",reason="completed",side="lull"} 2`,
		`lull_exchange_ends_total{listener="lb/web",reason="response-idle",side="back-end"} 1`,
		`lull_exchange_ends_total{listener="lb/web",reason="tunnel-idle",side="lull"} 1`,
		`lull_responses_total{by="backend",class="1xx",listener="lb/web"} 1`,
		`lull_responses_total{by="backend",class="2xx",listener="lb/web"} 2`,
		`lull_responses_total{by="lull",class="5xx",listener="lb/web"} 1`,
		`lull_closes_total{listener="lb/web",reason="client-idle",side="front-end"} 1`,
		`lull_closes_total{listener="lb/web",reason="response-idle",side="back-end"} 1`,
		`lull_closes_total{listener="lb/web",reason="tunnel-idle",side="lull"} 1`,
		`lull_pool_closes_total{listener="lb/web",reason="pool-idle",side="lull"} 1`,
		`lull_pooled_connections 0`,
		`lull_backend_http_connections_open{backend="` + backend.Addr.String() + `",backend_set="lb/set"} 0`,
	} {
		metric(want)
	}
	p.Signal(syscall.SIGTERM)
	if code := p.Exit(); code != 0 {
		t.Errorf("exit code: got %d, want 0", code)
	}
}
