package dataplane_test

import (
	"strings"
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// bodyCase is what a client asks, what the backend answers byte for byte, and what the client gets byte for byte.
type bodyCase struct {
	ask, answer, got string
	backendCloses    bool // behind its answer
	ends             bool // lull ends the client's connection, because the end of the body could not be told otherwise
	keeps            bool // the back-end connection goes into the pool
}

const (
	get10      = "GET / HTTP/1.0\r\n\r\n"
	get10Keep  = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	chunksHead = "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nC: d\r\n\r\n"
)

//nolint:gochecknoglobals // the rows of a table
var bodies = map[string]bodyCase{
	"length": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", keeps: true,
	},
	"length_0": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", keeps: true,
	},
	"length_http10": {ask: get10, answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", ends: true, keeps: true},
	"length_http10_kept": {ask: get10Keep, answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello", keeps: true},
	"length_client_closes": {ask: "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", ends: true, keeps: true},
	"length_backend_closes": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", backendCloses: true,
	},
	"more_than_length": { // nobody knows what the rest means, so the connection is not used again
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	},
	"chunks": {
		ask: lulltest.Request("GET", "/", ""), answer: chunksHead + "5\r\nhello\r\n006;x=y\r\n world\r\n0\r\n\r\n",
		got: chunksHead + "5\r\nhello\r\n006;x=y\r\n world\r\n0\r\n\r\n", keeps: true,
	},
	"chunks_trailers": {
		ask:    lulltest.Request("GET", "/", ""),
		answer: chunksHead + "5\r\nhello\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nx-other:2\r\n\r\n",
		got:    chunksHead + "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-other:2\r\n\r\n", keeps: true,
	},
	"chunks_http10": {ask: get10, answer: chunksHead + "5\r\nhello\r\n6;x\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n",
		got: "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nConnection: close\r\n\r\nhello world", ends: true, keeps: true},
	"chunks_http10_kept": {ask: get10Keep, answer: chunksHead + "5\r\nhello\r\n0\r\n\r\n",
		got: "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nConnection: close\r\n\r\nhello", ends: true, keeps: true},
	"chunks_and_length": { // the chunks count; who sends such a thing is not trusted with another request
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		got: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	},
	"until_close": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello", backendCloses: true,
		got: "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	},
	"until_close_empty": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.0 200 OK\r\nA: b\r\n\r\n", backendCloses: true,
		got: "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	},
	"until_close_http10": {ask: get10, answer: "HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello", backendCloses: true,
		got: "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nhello", ends: true},
	"until_close_http10_kept": {ask: get10Keep, answer: "HTTP/1.1 200 OK\r\nA: b\r\n\r\nhello", backendCloses: true,
		got: "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\nhello", ends: true},
	"head_length": {
		ask: lulltest.Request("HEAD", "/", ""), answer: "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n",
		got: "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n", keeps: true,
	},
	"head_chunked": {ask: lulltest.Request("HEAD", "/", ""), answer: chunksHead, got: chunksHead, keeps: true},
	"head_nothing": {
		ask: lulltest.Request("HEAD", "/", ""), answer: "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", got: "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", keeps: true,
	},
	"head_chunked_http10": { // which knows no chunks, not even of a response that has no body here (RFC 9112 §6.1)
		ask: "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", answer: chunksHead,
		got: "HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nConnection: keep-alive\r\n\r\n", keeps: true,
	},
	"status_204": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 204 No Content\r\nA: b\r\nContent-Length: 5\r\n\r\n",
		got: "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", keeps: true,
	},
	"status_204_chunked": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n",
		got: "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", keeps: true,
	},
	"status_304": {
		ask: lulltest.Request("GET", "/", ""), answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"1\"\r\n\r\n",
		got: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"1\"\r\n\r\n", keeps: true,
	},
	"status_304_http10": {ask: get10Keep, answer: "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\nETag: \"1\"\r\n\r\n",
		got: "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nConnection: keep-alive\r\n\r\n", keeps: true},
}

// TestResponseBody: the body of a response ends for the client where it ends for the backend, however that is told, and
// what follows on either connection belongs to the next exchange.
func TestResponseBody(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, responseBody)
}

func responseBody(t *testing.T) {
	for name, c := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Shared, nil)
			client, backend := s.meet(c.ask)
			readHead(t, backend)
			backend.Send(c.answer)
			if c.backendCloses {
				_ = backend.Close()
			}
			client.Expect(c.got)
			pooled := 0
			if c.keeps {
				pooled = 1
			}
			s.WaitPooled(pooled)
			if c.ends {
				closed(t, "client", client)
				return
			}
			client.Get("/next")
			if !c.keeps {
				backend = lulltest.TakeHTTP(t, s.accepted)
			}
			if got := backend.Request(); got.URL.Path != "/next" {
				t.Errorf("backend: got %q, want the next request", got.URL)
			}
			backend.Send(lulltest.Response("again"))
			client.ExpectAnswer("again")
		})
	}
}

// TestBodyInPieces: each byte by itself, both ways, comes to the same.
func TestBodyInPieces(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, bodyInPieces)
}

func bodyInPieces(t *testing.T) {
	for name, c := range bodies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Shared, nil)
			client := s.DialHTTP()
			for i := range c.ask {
				client.Send(c.ask[i : i+1])
			}
			backend := lulltest.TakeHTTP(t, s.accepted)
			readHead(t, backend)
			for i := range c.answer {
				if !backend.Reply(c.answer[i : i+1]) {
					break // it had said more than was to come
				}
			}
			if c.backendCloses {
				_ = backend.Close()
			}
			if name == "until_close" { // each of its pieces is a chunk of its own
				a := client.ExpectAnswer("hello")
				if len(a.TransferEncoding) != 1 || a.TransferEncoding[0] != "chunked" {
					t.Errorf("client: got Transfer-Encoding %q, want chunked", a.TransferEncoding)
				}
				return
			}
			client.Expect(c.got)
			if c.ends {
				closed(t, "client", client)
			}
		})
	}
}

// TestRequestBody: the same for requests.
func TestRequestBody(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, requestBody)
}

func requestBody(t *testing.T) {
	const chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"
	for name, c := range map[string]struct{ sent, body string }{
		"length":           {lulltest.Request("POST", "/", "hello"), "hello"},
		"chunks":           {chunked + "5\r\nhello\r\n6;x=\"y z\"\r\n world\r\n0\r\n\r\n", "5\r\nhello\r\n6;x=\"y z\"\r\n world\r\n0\r\n\r\n"},
		"chunks_none":      {chunked + "0\r\n\r\n", "0\r\n\r\n"},
		"trailers":         {chunked + "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-other:2\r\n\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\nx-other:2\r\n\r\n"},
		"trailers_dropped": {chunked + "5\r\nhello\r\n0\r\nAuthorization: x\r\nX-Sum: 1\r\nCookie: a=b\r\n\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"},
	} {
		for _, pieces := range []bool{false, true} {
			t.Run(name+map[bool]string{true: "_in_pieces"}[pieces], func(t *testing.T) {
				t.Parallel()
				s := counter(t, 1, timeout.Directional, nil)
				size := len(c.sent)
				if pieces {
					size = 1
				}
				client := s.DialHTTP()
				for i := 0; i < len(c.sent); i += size {
					client.Send(c.sent[i : i+size])
				}
				client.Get("/next")
				backend := lulltest.TakeHTTP(t, s.accepted)
				head := readHead(t, backend)
				if chunks := strings.HasPrefix(c.sent, chunked); strings.Contains(head, "\r\nTransfer-Encoding: chunked\r\nA: b\r\n") != chunks ||
					strings.Contains(head, "Content-Length: 5\r\n") == chunks {
					t.Errorf("backend: got %q, want the framing of %q", head, c.sent)
				}
				backend.Expect(c.body)
				backend.Send(lulltest.Response("hello"))
				client.ExpectAnswer("hello")
				if got := backend.Request(); got.URL.Path != "/next" {
					t.Errorf("backend: got %q, want the next request", got.URL)
				}
				backend.Send(lulltest.Response("again"))
				client.ExpectAnswer("again")
				x := s.ExchangeOf(client, 1)
				if payload := uint64(strings.Count(c.body, "hello")*5 + strings.Count(c.body, " world")*6); x.BytesUp != payload || x.BytesDown != 5 {
					t.Errorf("exchange: got %d bytes up and %d down, want %d and 5", x.BytesUp, x.BytesDown, payload)
				}
			})
		}
	}
}

// TestCutResponse: a response that its backend breaks off, or that turns out to be nonsense in its middle, never looks whole.
func TestCutResponse(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, cutResponse)
}

func cutResponse(t *testing.T) {
	const length, chunks, open = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", chunksHead + "5\r\nhello\r\n", "HTTP/1.1 200 OK\r\n\r\nhello"
	for name, c := range map[string]struct {
		ask, answer string
		rest        string // when the client has what came before
		reset       bool   // instead of a FIN
		how         string // how the response ends for the client
		why         reason.Reason
	}{
		"length":            {lulltest.Request("GET", "/", ""), length, "", false, "cut", reason.BackendClosed},
		"length_reset":      {lulltest.Request("GET", "/", ""), length, "", true, "cut", reason.BackendReset},
		"chunks":            {lulltest.Request("GET", "/", ""), chunks, "", false, "cut", reason.BackendClosed},
		"chunks_in_last":    {lulltest.Request("GET", "/", ""), chunks, "0\r\n", false, "cut", reason.BackendClosed},
		"chunks_nonsense":   {lulltest.Request("GET", "/", ""), chunks, "x\r\n", false, "cut", reason.BadResponse},
		"chunks_http10":     {get10, chunks, "", false, "reset", reason.BackendClosed},
		"nonsense_http10":   {get10, chunks, "x\r\n", false, "reset", reason.BadResponse},
		"until_close_reset": {lulltest.Request("GET", "/", ""), open, "", true, "cut", reason.BackendReset},
		"http10_reset":      {get10, open, "", true, "reset", reason.BackendReset},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := counter(t, 1, m, nil)
				client, backend := s.meet(c.ask)
				readHead(t, backend)
				backend.Send(c.answer)
				r := client.Head()
				got := make([]byte, 5)
				if _, err := r.Body.Read(got); err != nil || string(got) != "hello" {
					t.Fatalf("client: got %q, %v; want hello", got, err)
				}
				backend.Send(c.rest)
				if c.reset {
					backend.Reset()
				} else {
					_ = backend.CloseWrite()
				}
				if how := bodyEnd(r.Body); how != c.how {
					t.Errorf("client: the response ended with %s, want %s", how, c.how)
				}
				if x := s.ExchangeOf(client, 1); x.Reason != c.why || x.Status != 200 || x.BytesDown != 5 || x.Troubled() != (c.why != reason.Completed) {
					t.Errorf("exchange: got %v with %d and %d bytes, troubled %t; want %v with 200 and 5, and to be remembered unless it was whole", x.Reason, x.Status, x.BytesDown, x.Troubled(), c.why)
				}
				if r := s.CloseOf(client); r.Reason != c.why {
					t.Errorf("connection: got %v, want %v", r.Reason, c.why)
				}
				s.WaitPooled(0)
			})
		})
	}
}
