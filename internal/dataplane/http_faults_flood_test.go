package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestEndlessResponse: a backend that never stops talking is cut off as soon as what it says is no response, or more than
// one; the client gets a page or the response, and its connection does not wait for the backend.
func TestEndlessResponse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		begin, again string
		status       int
		how          string
	}{
		"status_line":  {"HTTP/1.1 200 ", "word ", 502, "whole"},
		"field":        {ok + "X: ", "word ", 502, "whole"},
		"fields":       {ok, "X: y\r\n", 502, "whole"},
		"interim":      {"", "HTTP/1.1 102 X\r\n\r\n", 502, "whole"},
		"interim_head": {"HTTP/1.1 102 X\r\n", "X: y\r\n", 502, "whole"},
		"extension":    {ok + chunkedLine + "\r\n5", ";a=b", 200, "cut"},
		"small_chunks": {ok + chunkedLine + "\r\n", "1;" + strings.Repeat("a", 100) + "\r\nx\r\n", 200, "cut"},
		"trailers":     {ok + chunkedLine + "\r\n5\r\nhello\r\n0\r\n", "X: y\r\n", 200, "cut"},
		"trailer":      {ok + chunkedLine + "\r\n5\r\nhello\r\n0\r\nX: ", "word ", 200, "cut"},
		"behind":       {ok + "Content-Length: 5\r\n\r\nhello", unasked, 200, "whole"},
		"behind_chunk": {ok + chunkedLine + "\r\n" + chunks, unasked, 200, "whole"},
		"behind_204":   {"HTTP/1.1 204 No Content\r\n\r\n", unasked, 204, "whole"},
		"behind_empty": {ok + "Content-Length: 0\r\n\r\n", "\r\n", 200, "whole"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopped := make(chan struct{})
			backend := lulltest.Serve(t, func(conn *net.TCPConn) {
				if _, err := lulltest.NewReader(conn).Request(); err != nil {
					return
				}
				_, err := io.WriteString(conn, c.begin)
				for err == nil {
					_, err = io.WriteString(conn, strings.Repeat(c.again, 100))
				}
				close(stopped)
			})
			e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
			client := e.DialHTTP()
			client.Get("/")
			a := client.Answer("GET")
			for a.StatusCode == 102 {
				a = client.Answer("GET")
			}
			if a.StatusCode != c.status || a.How == "whole" != (c.how == "whole") || strings.Contains(string(a.Data), "poison") {
				t.Errorf("client: got %s, %.80q, %s; want %d, %s", a.Status, a.Data, a.How, c.status, c.how)
			}
			within(t, "the backend's connection", func() { <-stopped })
			_ = client.Close()
		})
	}
}

// TestPipelineFlood: a client sends thousands of requests before it reads a response. All are answered in their order, over
// one back-end connection, and lull reads no faster than it is rid of what it has.
func TestPipelineFlood(t *testing.T) {
	busy(t)
	const requests = 3000
	s := newStand(t, asIs, naming)
	c := s.DialHTTP()
	var all strings.Builder
	for i := range requests {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&all, "GET /%d HTTP/1.1\r\nHost: test\r\n\r\n", i)
		case 1:
			fmt.Fprintf(&all, "POST /%d HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", i)
		case 2:
			fmt.Fprintf(&all, "\r\nPUT /%d HTTP/1.1\r\nHost: test\r\n%s\r\n%s", i, chunkedLine, chunks)
		}
	}
	pipe(c.Conn, all.String())
	for i := range requests {
		named(t, c, []string{"GET", "POST", "PUT"}[i%3], fmt.Sprintf("/%d", i))
	}
	_ = c.Close()
	if n := s.Stats().Backends[0].Connects; n != 1 {
		t.Errorf("back-end connections: got %d, want one", n)
	}
}

// TestUnreadFlood: clients that send one request after the other and read nothing. lull stops reading from them; it holds
// no more for each than a read each way, and ends with them.
func TestUnreadFlood(t *testing.T) {
	t.Parallel()
	const clients, bodySize = 8, 50_000
	response := lulltest.Response(strings.Repeat("x", bodySize))
	s := newStand(t, asIs, func(c net.Conn, _ lulltest.Received) bool {
		_, err := io.WriteString(c, response)
		return err == nil
	})
	var stop [clients]func()
	for i := range stop {
		c := lulltest.HTTP(lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 4<<10))
		stop[i] = pouring(c, strings.Repeat(get("/"), 100))
	}
	stuck := func() (n int) {
		for _, l := range s.Live() {
			if l.State == "response" && l.PendingDown > 0 {
				n++
			}
		}
		return n
	}
	served := func() (n int) {
		for _, l := range s.Live() {
			n += l.Exchanges
		}
		return n
	}
	// The kernel takes a few MB for each client before lull has to wait, which is dozens of responses: on a busy machine
	// that may take long, and nothing is wrong while there are ever more of them. Nobody's kernel takes enough, though.
	const enough = clients * (64 << 20) / bodySize
	for before := -1; !lulltest.Eventually(func() bool { return stuck() == clients }); {
		n := served()
		if n <= before || n > enough {
			t.Fatalf("clients that lull waits for: got %d, want %d, after %d exchanges", stuck(), clients, n)
		}
		before = n
	}
	if n := s.Held().Loans; n > 2*clients {
		t.Errorf("buffers on loan: got %d, want at most one each way for each of %d clients", n, clients)
	}
	for _, f := range stop {
		f()
	}
}
