package dataplane_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// paths are the targets that a backend got, in their order.
func paths(b *lulltest.HTTPServer) (all []string) {
	for _, s := range b.Seen() {
		all = append(all, s.URL.Path)
	}
	return all
}

// namer answers each request with its path and its body.
func namer(t *testing.T) *lulltest.HTTPServer {
	t.Helper()
	return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
		return c.Reply(lulltest.Response(s.URL.Path + string(s.Data)))
	})
}

// TestPipelined: requests that come without waiting are answered in their order, and none reaches a backend before the one
// before it is over, however slow that is.
func TestPipelined(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, pipelinedBody)
}

func pipelinedBody(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		client, backend := s.meet(lulltest.Request("GET", "/1", "") + lulltest.Request("POST", "/2", "hello") + lulltest.Request("GET", "/3", ""))
		if got := backend.Request(); got.URL.Path != "/1" {
			t.Errorf("backend: got %q first, want /1", got.URL)
		}
		nothing(t, s, backend)
		backend.Send(earlyHints + "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
		client.Expect(earlyHints)
		client.Head()
		nothing(t, s, backend)
		backend.Send("0\r\n")
		nothing(t, s, backend) // an empty line is still to come
		backend.Send("\r\n")
		if got := backend.Request(); got.URL.Path != "/2" || string(got.Data) != "hello" {
			t.Errorf("backend: got %q with %q, want /2 with hello", got.URL, got.Data)
		}
		nothing(t, s, backend)
		backend.Send(lulltest.Response("second"))
		if got := backend.Request(); got.URL.Path != "/3" {
			t.Errorf("backend: got %q, want /3", got.URL)
		}
		backend.Send(lulltest.Response("third"))
		client.Expect("1\r\na\r\n0\r\n\r\n")
		client.ExpectAnswer("second")
		client.ExpectAnswer("third")
		if s.backend.Accepted() != 1 {
			t.Errorf("back-end connections: got %d, want 1", s.backend.Accepted())
		}
	})
}

// TestPipelinedMany: a thousand requests of all kinds in pieces of all sizes, so that heads, bodies and chunks are cut
// anywhere.
func TestPipelinedMany(t *testing.T) {
	t.Parallel()
	const requests = 1000
	random := seeded(t)
	backend := namer(t)
	e := startHTTP(t, 2, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
	var all strings.Builder
	want := make([]string, requests)
	for i := range want {
		body := strings.Repeat("x", random.IntN(300))
		want[i] = fmt.Sprintf("/%d%s", i, body)
		if path := fmt.Sprintf("/%d", i); random.IntN(2) == 0 {
			all.WriteString(lulltest.Request("PUT", path, body))
		} else {
			fmt.Fprintf(&all, "PUT %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", path)
			if half := len(body) / 2; half > 0 {
				fmt.Fprintf(&all, "%x\r\n%s\r\n%x;x\r\n%s\r\n", half, body[:half], len(body)-half, body[half:])
			} else if body != "" {
				fmt.Fprintf(&all, "%x\r\n%s\r\n", len(body), body)
			}
			all.WriteString("0\r\n\r\n")
		}
	}
	var pieces []int
	for left := all.Len(); left > 0; left -= pieces[len(pieces)-1] {
		pieces = append(pieces, min(left, 1+random.IntN(1<<random.IntN(14))))
	}
	client := e.DialHTTP()
	go func() {
		text := all.String()
		for _, n := range pieces {
			_, _ = io.WriteString(client.Conn, text[:n])
			text = text[n:]
		}
	}()
	for i := range want {
		if a := client.Answer("GET"); string(a.Data) != want[i] {
			t.Fatalf("answer %d: got %q, want %q", i, a.Data, want[i])
		}
	}
}

// TestPipelinedError: an error in the middle is answered in its turn, and what comes behind it goes nowhere.
func TestPipelinedError(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		second string
		status int
		why    reason.Reason
	}{
		"nonsense":   {"GET / HTTP/1.1\r\nHost: a\r\n folded: x\r\n\r\n", 400, reason.BadRequest},
		"no_host":    {"GET / HTTP/1.1\r\n\r\n", 400, reason.BadRequest},
		"bad_chunks": {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, reason.BadRequest},
		"too_large":  {"GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("a", 20_000) + "\r\n\r\n", 400, reason.TooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				backend := namer(t)
				e := startHTTP(t, 1, lulltest.HTTPPlan(m, backend.Addr))
				client := e.DialHTTP()
				client.Send(lulltest.Request("GET", "/1", "") + c.second + lulltest.Request("GET", "/3", ""))
				client.ExpectAnswer("/1")
				checkOwn(t, client.Answer("GET"), "GET", c.status)
				closed(t, "client", client)
				if got := paths(backend); len(got) != 1 {
					t.Errorf("backend: got %q, want only /1", got)
				}
				if x := e.ExchangeOf(client, 2); x.Reason != c.why || x.Status != c.status || x.BackendStatus != 0 || x.Fault == 0 {
					t.Errorf("exchange: got %v with %d from %d by %v, want %v with %d from nobody", x.Reason, x.Status, x.BackendStatus, x.Fault, c.why, c.status)
				}
				if r := e.CloseOf(client); r.Reason != c.why || r.Exchanges != 2 {
					t.Errorf("connection: got %v after %d exchanges, want %v after 2", r.Reason, r.Exchanges, c.why)
				}
			})
		})
	}
}

// TestLastRequest: a client's connection ends behind the request or the response that says so; requests behind that are not
// served, and the back-end connection goes on.
func TestLastRequest(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, lastRequest)
}

func lastRequest(t *testing.T) {
	for name, first := range map[string]string{
		"close":        "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		"close_listed": "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: x-b, CLOSE\r\n\r\n",
		"http10":       "GET /1 HTTP/1.0\r\n\r\n",
		"http10_close": "GET /1 HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := namer(t)
			e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
			client := e.DialHTTP()
			client.Send(first + lulltest.Request("GET", "/2", ""))
			if a := client.ExpectAnswer("/1"); a.Header.Get("Connection") != "close" && !a.Close {
				t.Errorf("client: got %v, want Connection: close", a.Header)
			}
			closed(t, "client", client)
			e.WaitPooled(1)
			if got := paths(backend); len(got) != 1 {
				t.Errorf("backend: got %q, want only /1", got)
			}
			if r := e.CloseOf(client); r.Reason != reason.CloseAgreed || r.Exchanges != 1 {
				t.Errorf("connection: got %v after %d exchanges, want close-agreed after 1", r.Reason, r.Exchanges)
			}
		})
	}
}

// TestHTTP10Kept: HTTP/1.0 clients may keep their connection by asking for it each time, and change their mind.
func TestHTTP10Kept(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, http10Kept)
}

func http10Kept(t *testing.T) {
	backend := namer(t)
	e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Directional, backend.Addr))
	client := e.DialHTTP()
	for i := range 3 {
		client.Send(fmt.Sprintf("POST /%d HTTP/1.0\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello", i))
		if a := client.ExpectAnswer(fmt.Sprintf("/%dhello", i)); a.Header.Get("Connection") != "keep-alive" {
			t.Errorf("client: got Connection %q, want keep-alive", a.Header.Get("Connection"))
		}
	}
	client.Send(lulltest.Request("GET", "/new", "")) // the version is each request's own
	if a := client.ExpectAnswer("/new"); a.Header.Get("Connection") != "" {
		t.Errorf("client: got Connection %q, want none", a.Header.Get("Connection"))
	}
	client.Send("GET /last HTTP/1.0\r\n\r\n")
	client.ExpectAnswer("/last")
	closed(t, "client", client)
	if r := e.CloseOf(client); r.Exchanges != 5 || backend.Accepted() != 1 {
		t.Errorf("got %d exchanges over %d back-end connections, want 5 over 1", r.Exchanges, backend.Accepted())
	}
}

// TestEarlyResponse: a response that is complete before its request is delivered, and both connections end: what else the
// client sends belongs to a request that nobody waits for.
func TestEarlyResponse(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, earlyResponseBody)
}

func earlyResponseBody(t *testing.T) {
	for name, framing := range map[string]string{"length": "Content-Length: 1000000000\r\n\r\nhello", "chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := counter(t, 1, m, nil)
				client, backend := s.meet(post + framing)
				readHead(t, backend)
				backend.Send(lulltest.Response("hello"))
				if a := client.ExpectAnswer("hello"); !a.Close {
					t.Error("client: got no Connection: close")
				}
				client.Send("more, which is late")
				closed(t, "client", client)
				if how, _ := backend.End(); how == "timeout" {
					t.Error("backend: its connection is still there")
				}
				if x := s.ExchangeOf(client, 1); x.Reason != reason.Completed || x.Status != 200 || x.BytesUp != 5 {
					t.Errorf("exchange: got %v with %d and %d bytes up, want completed with 200 and 5", x.Reason, x.Status, x.BytesUp)
				}
				if r := s.CloseOf(client); r.Reason != reason.CloseAgreed {
					t.Errorf("connection: got %v, want close-agreed", r.Reason)
				}
			})
		})
	}
}

// TestBothAtOnce: a backend may answer as it reads, for as long as it likes; both bodies flow, each at its own pace.
func TestBothAtOnce(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, bothAtOnce)
}

func bothAtOnce(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		client, backend := s.meet(post + "Transfer-Encoding: chunked\r\n\r\n")
		readHead(t, backend)
		backend.Send(chunksHead)
		if a := client.Head(); !a.Close {
			t.Error("client: got no Connection: close")
		}
		for range 20 {
			client.Send("5\r\nhello\r\n")
			backend.Expect("5\r\nhello\r\n")
			backend.Send("6\r\n world\r\n")
			client.Expect("6\r\n world\r\n")
		}
		client.Send("0\r\n\r\n")
		backend.Expect("0\r\n\r\n")
		backend.Send("1\r\n!\r\n0\r\n\r\n")
		client.Expect("1\r\n!\r\n0\r\n\r\n")
		closed(t, "client", client)
		s.WaitPooled(1)
		if x := s.ExchangeOf(client, 1); x.Reason != reason.Completed || x.BytesUp != 100 || x.BytesDown != 121 {
			t.Errorf("exchange: got %v with %d bytes up and %d down, want completed with 100 and 121", x.Reason, x.BytesUp, x.BytesDown)
		}
	})
}
