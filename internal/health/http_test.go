package health

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"lull/internal/dataplane/plan"
)

// serveHTTP answers each connection, once its request head has come, by calling with. The connection is closed afterwards.
func (w *world) serveHTTP(t *testing.T, with func(c net.Conn, request string)) netip.AddrPort {
	t.Helper()
	addr, conns := listenTCP(t)
	go func() {
		for raw := range conns {
			go func() {
				c := w.serverConn(raw)
				defer c.Close()
				request, in := "", bufio.NewReader(c)
				for !strings.HasSuffix(request, "\r\n\r\n") {
					line, err := in.ReadString('\n')
					if err != nil {
						return
					}
					request += line
				}
				with(c, request)
			}()
		}
	}()
	return addr
}

// hold keeps a connection open until the other side closes it.
func hold(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

// reset ends a connection with an RST, once what was written has arrived there.
func reset(c net.Conn) {
	if tcp, ok := raw(c).(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
		_ = tcp.Close()
	}
}

// hangUp ends it with a FIN, and with close_notify before that: serveHTTP does so.
func hangUp(net.Conn) {}

// cut ends it with a FIN alone.
func cut(c net.Conn) { _ = raw(c).Close() }

// repeat writes the same again and again, until the other side has had enough.
func repeat(text string) func(net.Conn) {
	return func(c net.Conn) {
		block := []byte(strings.Repeat(text, 1+4096/len(text)))
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}
}

// drip writes one byte every few milliseconds, and the same text again and again.
func drip(text string) func(net.Conn) {
	return func(c net.Conn) {
		for i := 0; ; i = (i + 1) % len(text) {
			if _, err := c.Write([]byte{text[i]}); err != nil {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

const okHead = "HTTP/1.1 200 OK\r\n"

// TestProbeHTTPAnswers asks servers of every kind. The status wanted is 200.
func TestProbeHTTPAnswers(t *testing.T) { inBoth(t, testProbeHTTPAnswers) }

func testProbeHTTPAnswers(t *testing.T, w *world) {
	const ms = time.Millisecond
	for _, tc := range []struct {
		name    string
		answer  string
		then    func(net.Conn)
		timeout time.Duration // 0: long enough for any machine
		want    string        // "": passes
	}{
		{"length", okHead + "Content-Length: 2\r\n\r\nok", hold, 0, ""},
		{"length_zero", okHead + "Content-Length: 0\r\n\r\n", hold, 0, ""},
		{"chunked", okHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", hold, 0, ""},
		{"trailers", okHead + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n\r\n", hold, 0, ""},
		{"until_close", okHead + "\r\nok", hangUp, 0, ""},
		{"until_close_empty", okHead + "\r\n", hangUp, 0, ""},
		{"old_version", "HTTP/1.0 200 OK\r\n\r\nok", hangUp, 0, ""},
		{"no_reason", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", hold, 0, ""},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + okHead + "Content-Length: 0\r\n\r\n", hold, 0, ""},
		{"more_than_its_length", okHead + "Content-Length: 2\r\n\r\nok and more", hold, 0, ""},
		{"large_head", okHead + strings.Repeat("A: "+strings.Repeat("a", 15<<10)+"\r\n", 4) + "Content-Length: 0\r\n\r\n", hold, 0, ""},
		{"endless_until_close", okHead + "\r\n", repeat("x"), 0, ""},
		{"endless_length", okHead + "Content-Length: 9223372036854775807\r\n\r\n", repeat("x"), 0, ""},
		{"endless_chunks", okHead + "Transfer-Encoding: chunked\r\n\r\n", repeat("1000\r\n" + strings.Repeat("x", 4096) + "\r\n"), 0, ""},

		{"other_status", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", hangUp, 0, "answered 503, want 200"},
		{"other_success", "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", hangUp, 0, "answered 201, want 200"},
		{"not_modified", "HTTP/1.1 304 Not Modified\r\n\r\n", hold, 0, "answered 304, want 200"},
		{"unauthorized", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", hangUp, 0, "answered 401, want 200"},
		{"switching", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", hold, 0, "answered 101, want 200"},
		{"status_before_its_body", "HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n", hold, 0, "answered 500, want 200"},
		{"unknown_status", "HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", hold, 0, "answered 999, want 200"},

		{"silent", "", hold, 50 * ms, "no answer within 50ms"},
		{"half_a_head", okHead + "Content-", hold, 50 * ms, "answer not complete after 50ms"},
		{"half_a_body", okHead + "Content-Length: 3\r\n\r\nok", hold, 50 * ms, "answer not complete after 50ms"},
		{"no_last_chunk", okHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", hold, 50 * ms, "answer not complete after 50ms"},
		{"no_length_no_close", okHead + "\r\nok", hold, 50 * ms, "answer not complete after 50ms"},
		{"interim_only", "HTTP/1.1 100 Continue\r\n\r\n", hold, 50 * ms, "answer not complete after 50ms"},
		{"dripping_head", okHead, drip("A: b\r\n"), 100 * ms, "answer not complete after 100ms"},
		{"dripping_body", okHead + "\r\n", drip("x"), 100 * ms, "answer not complete after 100ms"},

		{"closed", "", hangUp, 0, "closed without an answer"},
		{"closed_in_head", okHead + "Content-Length: 0\r\n", hangUp, 0, "closed in the middle of its answer"},
		{"closed_in_body", okHead + "Content-Length: 3\r\n\r\nok", hangUp, 0, "closed in the middle of its answer"},
		{"closed_in_chunk", okHead + "Transfer-Encoding: chunked\r\n\r\n3\r\nok", hangUp, 0, "closed in the middle of its answer"},
		{"closed_before_last_chunk", okHead + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", hangUp, 0, "closed in the middle of its answer"},
		{"closed_after_interim", "HTTP/1.1 100 Continue\r\n\r\n", hangUp, 0, "closed in the middle of its answer"},
		{"reset", "", reset, 0, "reset without an answer"},
		{"reset_in_head", okHead, reset, 0, "reset in the middle of its answer"},
		{"reset_until_close", okHead + "\r\nok", reset, 0, "reset in the middle of its answer"},

		{"another_protocol", "SSH-2.0-OpenSSH_9.2\r\n", hold, 0,
			"answer refused: the response does not begin with HTTP/1.0 or HTTP/1.1 and one space (status-line-bad)"},
		{"tls_alert", "\x15\x03\x01\x00\x02\x02\x46", hold, 0,
			"answer refused: the response does not begin with HTTP/1.0 or HTTP/1.1 and one space (status-line-bad)"},
		{"no_head", "<html>\n", hangUp, 0,
			"answer refused: the response does not begin with HTTP/1.0 or HTTP/1.1 and one space (status-line-bad)"},
		{"bad_length", okHead + "Content-Length: -1\r\n\r\n", hold, 0,
			"answer refused: Content-Length is not a number from 0 to 9223372036854775807 (length-bad)"},
		{"two_lengths", okHead + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", hold, 0,
			"answer refused: there are Content-Length fields with different values (lengths-differ)"},
		{"other_coding", okHead + "Transfer-Encoding: gzip, chunked\r\n\r\n", hold, 0,
			"answer refused: Transfer-Encoding is not exactly chunked (coding-other)"},
		{"bad_chunk", okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", hold, 0,
			"answer refused: a chunk does not begin with its size in hexadecimal digits (chunk-size-bad)"},
		{"endless_line", okHead + "A: ", repeat("a"), 0, "answer refused: a field line is longer than allowed (line-long)"},
		{"endless_head", okHead, repeat("A: " + strings.Repeat("b", 1020) + "\r\n"), 0,
			"answer refused: the head is longer than allowed (head-long)"},
		{"endless_fields", okHead, repeat("A: b\r\n"), 0, "answer refused: there are more fields than allowed (fields-many)"},
		{"endless_interim", "", repeat("HTTP/1.1 100 Continue\r\n\r\n"), 0, "answer refused: the head is longer than allowed (head-long)"},
		{"endless_extension", okHead + "Transfer-Encoding: chunked\r\n\r\n1;", repeat("a"), 0,
			"answer refused: the line of a chunk size with its extensions is longer than 4096 bytes (chunk-line-long)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			addr := w.serveHTTP(t, func(c net.Conn, _ string) {
				_, _ = io.WriteString(c, tc.answer)
				tc.then(c)
			})
			if tc.timeout == 0 {
				tc.timeout = 30 * time.Second
			}
			if got := w.askPatiently(t, addr, tc.timeout, tc.answer != ""); got != tc.want {
				t.Errorf("verdict on %.60q: got %q, want %q", tc.answer, got, tc.want)
			}
		})
	}
}

// askPatiently is ask for a case whose timeout is short because it is meant to pass. On a busy machine even a handshake may take longer, or
// the first byte of a backend that answers, and then there was no case: it is asked again with more time. The words are those of the timeout
// that the case has.
func (w *world) askPatiently(t *testing.T, addr netip.AddrPort, timeout time.Duration, answers bool) string {
	t.Helper()
	for patience := timeout; ; patience *= 4 {
		got := w.ask(t, addr, plan.HealthCheck{Path: "/", Status: 200, Timeout: patience})
		late := strings.HasPrefix(got, "TLS handshake not complete") || answers && strings.HasPrefix(got, "no answer within")
		if !late || patience > 30*time.Second {
			return strings.Replace(got, patience.String(), timeout.String(), 1)
		}
	}
}

// ask probes once, as a Checker does, and returns the error's text.
func (w *world) ask(t *testing.T, addr netip.AddrPort, check plan.HealthCheck) string {
	t.Helper()
	check.TLS = w.client
	ctx, cancel := context.WithTimeout(t.Context(), check.Timeout)
	defer cancel()
	if err := probeHTTP(ctx, addr.Addr().String(), addr, &check); err != nil {
		return err.Error()
	}
	return ""
}

// TestProbeHTTPWantsItsStatus: exactly the status that was configured, whatever it means elsewhere.
func TestProbeHTTPWantsItsStatus(t *testing.T) { inBoth(t, testProbeHTTPWantsItsStatus) }

func testProbeHTTPWantsItsStatus(t *testing.T, w *world) {
	for status, answer := range map[int]string{
		204: "HTTP/1.1 204 No Content\r\n\r\n",
		302: "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
		304: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
		503: "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			addr := w.serveHTTP(t, func(c net.Conn, _ string) {
				_, _ = io.WriteString(c, answer)
				hold(c)
			})
			check := plan.HealthCheck{Path: "/", Status: status, Timeout: 30 * time.Second}
			if got := w.ask(t, addr, check); got != "" {
				t.Errorf("got %q, want it to pass", got)
			}
			check.Status = 200
			if got, want := w.ask(t, addr, check), fmt.Sprintf("answered %d, want 200", status); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestProbeHTTPFollowsNoRedirect(t *testing.T) { inBoth(t, testProbeHTTPFollowsNoRedirect) }

func testProbeHTTPFollowsNoRedirect(t *testing.T, w *world) {
	asked := make(chan string, 10)
	var addr netip.AddrPort
	addr = w.serveHTTP(t, func(c net.Conn, request string) {
		asked <- strings.SplitN(request, "\r\n", 2)[0]
		fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: http://%s/elsewhere\r\nContent-Length: 0\r\n\r\n", addr)
	})
	got := w.ask(t, addr, plan.HealthCheck{Path: "/here", Status: 200, Timeout: 30 * time.Second})
	if want := "answered 302, want 200"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := <-asked, "GET /here HTTP/1.1"; got != want || len(asked) != 0 {
		t.Errorf("got %q and %d more, want %q alone", got, len(asked), want)
	}
}

func TestProbeHTTPConnectErrors(t *testing.T) { inBoth(t, testProbeHTTPConnectErrors) }

func testProbeHTTPConnectErrors(t *testing.T, w *world) {
	if got, want := w.ask(t, deadPort(t), plan.HealthCheck{Path: "/", Status: 200, Timeout: 5 * time.Second}), "connect refused"; got != want {
		t.Errorf("a dead port: got %q, want %q", got, want)
	}
}

// TestProbeHTTPIsGivenUp: whoever cancels does not wait for the timeout.
func TestProbeHTTPIsGivenUp(t *testing.T) { inBoth(t, testProbeHTTPIsGivenUp) }

func testProbeHTTPIsGivenUp(t *testing.T, w *world) {
	ctx, cancel := context.WithCancel(t.Context())
	addr := w.serveHTTP(t, func(c net.Conn, _ string) {
		cancel()
		hold(c)
	})
	began := time.Now()
	err := probeHTTP(ctx, "127.0.0.1", addr, &plan.HealthCheck{Path: "/", Status: 200, Timeout: time.Hour, TLS: w.client})
	if took := time.Since(began); err == nil || took > 10*time.Second {
		t.Errorf("got %v after %v, want an error at once", err, took)
	}
}

// TestProbeHTTPCloses: the probe closes its connection itself, passed or failed. Not parallel: without a collection of garbage,
// nobody else does.
func TestProbeHTTPCloses(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, w := range worlds(t) {
		t.Run(w.name, func(t *testing.T) { testProbeHTTPCloses(t, w) })
	}
}

func testProbeHTTPCloses(t *testing.T, w *world) {
	closed := make(chan string, 1)
	addr := w.serveHTTP(t, func(c net.Conn, _ string) {
		_, _ = io.WriteString(c, okHead+"Content-Length: 0\r\n\r\n")
		hold(c)
		closed <- "closed"
	})
	for _, status := range []int{200, 204} {
		got := w.ask(t, addr, plan.HealthCheck{Path: "/", Status: status, Timeout: 30 * time.Second})
		if (got == "") != (status == 200) {
			t.Errorf("status %d: got %q", status, got)
		}
		next(t, closed)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	const want = "GET /health?deep=1 HTTP/1.1\r\nHost: %s\r\nUser-Agent: ELB-HealthChecker/1.0\r\nConnection: close\r\n\r\n"
	for _, tc := range []struct {
		name, host string
		port       uint16
		tls        *plan.ClientTLS
		want       string
	}{
		{"address", "10.0.0.1", 8080, nil, "10.0.0.1:8080"},
		{"port_80", "10.0.0.1", 80, nil, "10.0.0.1"},
		{"port_443", "10.0.0.1", 443, nil, "10.0.0.1:443"},
		{"ipv6", "fd00::1", 8080, nil, "[fd00::1]:8080"},
		{"ipv6_port_80", "fd00::1", 80, nil, "[fd00::1]"},
		{"name", "app.internal", 8080, nil, "app.internal:8080"},
		{"tls", "10.0.0.1", 8443, &plan.ClientTLS{}, "10.0.0.1:8443"},
		{"tls_port_80", "10.0.0.1", 80, &plan.ClientTLS{}, "10.0.0.1:80"},
		{"tls_port_443", "10.0.0.1", 443, &plan.ClientTLS{ServerName: "other.test"}, "10.0.0.1"},
		{"absolute_name", "app.internal.", 80, nil, "app.internal"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := string(request(tc.host, tc.port, &plan.HealthCheck{Path: "/health?deep=1", TLS: tc.tls}))
			if want := fmt.Sprintf(want, tc.want); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

// TestProbesHaveConnectionsOfTheirOwnTO_04: each probe comes over a connection of its own, carries one request and closes. So
// there is no connection that it could share with an exchange, and none that it would leave in a pool.
func TestProbesHaveConnectionsOfTheirOwnTO_04(t *testing.T) {
	inBoth(t, testOwnConnections)
}

func testOwnConnections(t *testing.T, w *world) {
	const probes = 5
	heard := make(chan string, 100)
	addr := w.serveHTTP(t, func(c net.Conn, request string) {
		_, _ = io.WriteString(c, okHead+"Content-Length: 2\r\n\r\nok")
		more, err := io.ReadAll(c) // until lull closes; the server never would
		heard <- fmt.Sprintf("%s|%s|%v", request, more, err)
	})
	reports := make(chan string, 100)
	c := New(func(plan.BackendKey) []netip.AddrPort { return []netip.AddrPort{addr} },
		func(_ plan.BackendKey, isUp bool, detail string) { reports <- fmt.Sprint(isUp, " ", detail) })
	defer c.Close()
	p := testPlan(&plan.HealthCheck{
		Protocol: plan.CheckHTTP, Interval: 20 * time.Millisecond, Timeout: 10 * time.Second, Healthy: 2, Unhealthy: 2,
		Path: "/up", Status: 200, TLS: w.client,
	}, addr.String())
	p.LoadBalancers[0].BackendSets[0].Backends[0].Key.Host = "app.internal"
	c.Apply(p)
	if got, want := next(t, reports), "true answered 200"; got != want {
		t.Errorf("report: got %q, want %q", got, want)
	}
	want := fmt.Sprintf("GET /up HTTP/1.1\r\nHost: app.internal:%d\r\nUser-Agent: ELB-HealthChecker/1.0\r\nConnection: close\r\n\r\n||<nil>", addr.Port())
	for i := range probes {
		if got := next(t, heard); got != want {
			t.Errorf("connection %d: got %q, want %q", i, got, want)
		}
	}
}

// TestCheckerOverHTTP takes a real server out of service and back, and asks it for something else meanwhile.
func TestCheckerOverHTTP(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	state := make(chan int, 1)
	state <- http.StatusOK
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := <-state
		state <- status
		if r.URL.Path == "/gone" {
			status = http.StatusNotFound
		}
		w.WriteHeader(status)
	})}
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	reports := make(chan string, 100)
	c := New(literal, func(_ plan.BackendKey, isUp bool, detail string) { reports <- fmt.Sprint(isUp, " ", detail) })
	defer c.Close()
	expect := func(what, want string) {
		t.Helper()
		if got := next(t, reports); got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	check := plan.HealthCheck{
		Protocol: plan.CheckHTTP, Interval: 20 * time.Millisecond, Timeout: 10 * time.Second, Healthy: 2, Unhealthy: 2,
		Path: "/", Status: 200,
	}
	apply := func(check plan.HealthCheck) { c.Apply(testPlan(&check, ln.Addr().String())) }
	apply(check)
	expect("first probe", "true answered 200")
	<-state
	state <- http.StatusServiceUnavailable
	expect("out of service", "false answered 503, want 200")
	<-state
	state <- http.StatusOK
	expect("back in service", "true answered 200")
	other := check
	other.Path, other.Interval = "/gone", time.Hour // nothing but the change itself brings the next probe
	apply(other)
	expect("another path begins anew", "false answered 404, want 200")
	other.Status = http.StatusNotFound
	apply(other)
	expect("another status begins anew", "true answered 404")
}

func TestAnswerError(t *testing.T) {
	t.Parallel()
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	for _, tc := range []struct {
		name    string
		err     error
		begun   bool
		want    string
		notMade bool
	}{
		{"timeout", read(context.DeadlineExceeded), false, "no answer within 3s", false},
		{"timeout_begun", read(context.DeadlineExceeded), true, "answer not complete after 3s", false},
		{"reset", read(syscall.ECONNRESET), false, "reset without an answer", false},
		{"pipe", read(syscall.EPIPE), true, "reset in the middle of its answer", false},
		{"unreachable", read(syscall.EHOSTUNREACH), true, "connection failed in the middle of its answer: no route to host", false},
		{"other", errors.New("no such thing"), false, "connection failed without an answer: no such thing", false},
		{"memory", read(syscall.ENOBUFS), true, "answer: probe not made: no buffer space available", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := answerError(tc.err, tc.begun, &plan.HealthCheck{Timeout: 3 * time.Second})
			if got.Error() != tc.want || errors.Is(got, errNotMade) != tc.notMade {
				t.Errorf("answerError(%v): got %q, not made %v; want %q, %v", tc.err, got, errors.Is(got, errNotMade), tc.want, tc.notMade)
			}
		})
	}
}

// FuzzAnswer: no answer is a panic, and none is judged by how it was cut into pieces.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(okHead + "Content-Length: 2\r\n\r\nok"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\n" + okHead + "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\nA: b\r\n\r\n"))
	f.Add([]byte("HTTP/1.0 503 No\n\n"))
	f.Add([]byte(okHead + strings.Repeat("A: b\r\n", 200)))
	f.Fuzz(func(t *testing.T, b []byte) {
		plain := plan.HealthCheck{Path: "/", Status: 200, Timeout: time.Second}
		matched := plain
		matched.Body = regexp.MustCompile("^o*k?$")
		for _, check := range []*plan.HealthCheck{&plain, &matched} {
			whole, pieces := readAnswer(bytes.NewReader(b), check), readAnswer(iotest.OneByteReader(bytes.NewReader(b)), check)
			if fmt.Sprint(whole) != fmt.Sprint(pieces) {
				t.Errorf("%q: got %v at once and %v in pieces", b, whole, pieces)
			}
		}
	})
}
