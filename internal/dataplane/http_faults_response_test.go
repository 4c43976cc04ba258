package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/lulltest"
)

// ok begins a response; its field lines follow.
const ok = "HTTP/1.1 200 OK\r\n"

// scripted starts a stand whose backend answers every request with what the latest call of the returned function has set,
// in one piece, and then goes on, closes (fin) or resets the connection.
func scripted(t *testing.T) (s *stand, set func(send, end string)) {
	t.Helper()
	type script struct{ send, end string }
	var latest atomic.Pointer[script]
	s = newStand(t, inMode(http1.Defensive), func(c net.Conn, _ lulltest.Received) bool {
		now := latest.Load()
		if now.end == "reset" {
			_ = c.(*lulltest.Conn).SetLinger(0)
		}
		_, err := io.WriteString(c, now.send)
		return err == nil && now.end == ""
	})
	return s, func(send, end string) { latest.Store(&script{send, end}) }
}

// answers are whole responses that are odd. The client must get the one reading, and nothing that stands behind it.
//
//nolint:gochecknoglobals // a constant table
var answers = []struct {
	name   string
	ask    string // method and version
	send   string
	end    string // of the backend's connection: "" it goes on, "fin", "reset"
	status int
	data   string
	pooled bool // the back-end connection serves on
	ends   bool // the client's connection ends with the response
}{
	{"length", "GET 1", ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"chunked", "GET 1", ok + chunkedLine + "\r\n" + chunks, "", 200, "hello", true, false},
	{"no_reason", "GET 1", "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"lines_end_in_lf", "GET 1", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "", 200, "hello", true, false},
	{"space_before_colon", "GET 1", ok + "Content-Length : 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"until_close", "GET 1", ok + "\r\nhello", "fin", 200, "hello", false, false},
	{"until_close_for_old", "GET 0", ok + "\r\nhello", "fin", 200, "hello", false, true},
	{"chunked_for_old", "GET 0", ok + chunkedLine + "\r\n" + chunks, "", 200, "hello", true, true},
	{"trailers_for_old", "GET 0", ok + chunkedLine + "\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", "", 200, "hello", true, true},
	{"length_for_old", "GET 0", ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, true},

	{"old", "GET 1", "HTTP/1.0 200 OK\r\n\r\nhello", "fin", 200, "hello", false, false},
	{"old_length", "GET 1", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "", 200, "hello", false, false},
	{"old_kept_alive", "GET 1", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"close", "GET 1", ok + "Connection: close\r\nContent-Length: 5\r\n\r\nhello", "", 200, "hello", false, false},
	{"close_in_list", "GET 1", ok + "Connection: X, Close\r\nX: y\r\nContent-Length: 5\r\n\r\nhello", "", 200, "hello", false, false},

	{"length_twice", "GET 1", ok + "Content-Length: 5\r\nContent-Length: 005\r\n\r\nhello", "", 200, "hello", true, false},
	{"length_and_chunked", "GET 1", ok + "Content-Length: 3\r\n" + chunkedLine + "\r\n" + chunks, "", 200, "hello", false, false},
	{"chunked_and_length", "GET 1", ok + chunkedLine + "Content-Length: 30\r\n\r\n" + chunks, "", 200, "hello", false, false},
	{"reset_behind_it", "GET 1", ok + "Content-Length: 5\r\n\r\nhello", "reset", 200, "hello", false, false},

	{"more_than_length", "GET 1", ok + "Content-Length: 5\r\n\r\nhello world", "", 200, "hello", false, false},
	{"more_than_chunks", "GET 1", ok + chunkedLine + "\r\n" + chunks + "0\r\n\r\n", "", 200, "hello", false, false},
	{"two", "GET 1", ok + "Content-Length: 5\r\n\r\nhello" + unasked, "", 200, "hello", false, false},
	{"three", "GET 1", ok + chunkedLine + "\r\n" + chunks + unasked + unasked, "fin", 200, "hello", false, false},
	{"line_behind", "GET 1", ok + "Content-Length: 5\r\n\r\nhello\r\n", "", 200, "hello", false, false},
	{"interim_behind", "GET 1", ok + "Content-Length: 5\r\n\r\nhelloHTTP/1.1 100 Continue\r\n\r\n", "", 200, "hello", false, false},
	{"two_after_empty", "GET 1", ok + "Content-Length: 0\r\n\r\n" + unasked, "", 200, "", false, false},

	{"head", "HEAD 1", ok + "Content-Length: 5\r\n\r\n", "", 200, "", true, false},
	{"head_with_body", "HEAD 1", ok + "Content-Length: 5\r\n\r\nhello", "", 200, "", false, false},
	{"head_chunked", "HEAD 1", ok + chunkedLine + "\r\n", "", 200, "", true, false},
	{"head_with_chunks", "HEAD 1", ok + chunkedLine + "\r\n" + chunks, "", 200, "", false, false},
	{"head_chunked_for_old", "HEAD 0", ok + chunkedLine + "\r\n", "", 200, "", true, true},
	{"head_unframed", "HEAD 1", ok + "\r\n", "", 200, "", true, false},
	{"204", "GET 1", "HTTP/1.1 204 No Content\r\n\r\n", "", 204, "", true, false},
	{"204_with_length", "GET 1", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", "", 204, "", true, false},
	{"204_with_body", "GET 1", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "", 204, "", false, false},
	{"204_with_chunks", "GET 1", "HTTP/1.1 204 No Content\r\n" + chunkedLine + "\r\n" + chunks, "", 204, "", false, false},
	{"204_with_response", "GET 1", "HTTP/1.1 204 No Content\r\n\r\n" + unasked, "", 204, "", false, false},
	{"304_with_length", "GET 1", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "", 304, "", true, false},
	{"304_with_body", "GET 1", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", "", 304, "", false, false},
	{"304_with_chunks", "GET 1", "HTTP/1.1 304 Not Modified\r\n" + chunkedLine + "\r\n" + chunks, "", 304, "", false, false},
	{"odd_status", "GET 1", "HTTP/1.1 999 Odd\r\nContent-Length: 5\r\n\r\nhello", "", 999, "hello", true, false},

	{"interim_first", "GET 1", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"interim_for_old", "GET 0", "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, true},
	{"interim_with_length", "GET 1", "HTTP/1.1 199 X\r\nContent-Length: 5\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"interim_with_coding", "GET 1", "HTTP/1.1 100 Continue\r\n" + chunkedLine + "\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"interim_that_closes", "GET 1", "HTTP/1.1 102 X\r\nConnection: close\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"interim_flood", "GET 1", strings.Repeat("HTTP/1.1 102 X\r\n\r\n", 10_000) + ok + "Content-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"upgrade_unasked_in_200", "GET 1", ok + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello", "", 200, "hello", true, false},
	{"connection_specific", "GET 1", ok + "Connection: X-A\r\nX-A: 1\r\nKeep-Alive: timeout=1\r\nProxy-Connection: y\r\nContent-Length: 5\r\n\r\nhello", "",
		200, "hello", true, false},
	{"large", "GET 1", ok + "Content-Length: 300000\r\n\r\n" + strings.Repeat("hello ", 50_000), "", 200, strings.Repeat("hello ", 50_000), true, false},
	{"large_until_close", "GET 1", ok + "\r\n" + strings.Repeat("hello ", 50_000), "fin", 200, strings.Repeat("hello ", 50_000), false, false},
	{"large_until_close_for_old", "GET 0", ok + "\r\n" + strings.Repeat("hello ", 50_000), "fin", 200, strings.Repeat("hello ", 50_000), false, true},
	{"large_chunks_for_old", "GET 0", ok + chunkedLine + "\r\n" + strings.Repeat("6;x=y\r\nhello \r\n", 50_000) + "0\r\n\r\n", "", 200,
		strings.Repeat("hello ", 50_000), true, true},
}

// TestOddResponses: each is delivered in its one reading; what stands behind it reaches nobody, neither this client with
// its next request nor another.
func TestOddResponses(t *testing.T) {
	t.Parallel()
	s, set := scripted(t)
	for _, c := range answers {
		s.answerOdd(c.name, func() {
			method, minor, _ := strings.Cut(c.ask, " ")
			set(c.send, c.end)
			client := s.DialHTTP()
			client.Send(fmt.Sprintf("%s / HTTP/1.%s\r\nHost: test\r\n\r\n", method, minor))
			a := client.Answer(method)
			for a.StatusCode < 200 {
				checkInterim(t, a, minor)
				a = client.Answer(method)
			}
			if a.StatusCode != c.status || a.How != "whole" || string(a.Data) != c.data || a.Proto != "HTTP/1.1" {
				t.Errorf("client: got %s %s, %d bytes (%.80q), %s; want HTTP/1.1 %d, %d bytes (%.80q), whole",
					a.Proto, a.Status, len(a.Data), a.Data, a.How, c.status, len(c.data), c.data)
			}
			checkFields(t, a, minor)
			if c.ends {
				over(t, client)
			}
			if c.pooled {
				s.WaitPooled(1)
			} else {
				s.backend.WaitEnded(1)
				s.WaitPooled(0)
			}
			set(ok+"Content-Length: 4\r\n\r\nnext", "")
			if c.ends {
				client = s.DialHTTP()
			}
			client.Get("/")
			client.ExpectAnswer("next")
			_ = client.Close()
			if got := len(s.tapes()); c.pooled != (got == 1) {
				t.Errorf("backend: got %d connections for the two requests; the first can serve again: %v", got, c.pooled)
			}
		})
	}
}

func (s *stand) answerOdd(name string, run func()) {
	defer s.blame(name)
	run()
}

// checkInterim checks an interim response, which only new clients get and which frames nothing.
func checkInterim(t *testing.T, a lulltest.Answer, minor string) {
	t.Helper()
	if minor == "0" || len(a.Header["Content-Length"])+len(a.TransferEncoding) > 0 || a.Header.Get("Connection") != "" {
		t.Errorf("client: got %s with %v, want none for HTTP/1.0 and no framing", a.Status, a.Header)
	}
}

// checkFields checks that nothing of a response concerns the back-end connection, and that an old client gets no chunks.
func checkFields(t *testing.T, a lulltest.Answer, minor string) {
	t.Helper()
	for _, name := range []string{"X-A", "Keep-Alive", "Proxy-Connection", "Upgrade"} {
		if v := a.Header.Get(name); v != "" {
			t.Errorf("client: got %s: %s, which concerns the back-end connection", name, v)
		}
	}
	if minor == "0" && len(a.TransferEncoding) > 0 {
		t.Errorf("client: got Transfer-Encoding %q for HTTP/1.0", a.TransferEncoding)
	}
	if a.StatusCode == 204 && len(a.Header["Content-Length"]) > 0 {
		t.Errorf("client: got a length with 204")
	}
}

// nonsense is what no client should see.
//
//nolint:gochecknoglobals // a constant table
var nonsense = map[string]string{
	"words":             "hello\r\n\r\n",
	"bytes":             "\x00\xff\xfe",
	"tls_alert":         "\x15\x03\x01\x00\x02\x02\x28",
	"ssh":               "SSH-2.0-x\r\n",
	"line_first":        "\r\n" + ok + "Content-Length: 0\r\n\r\n",
	"http_2":            "HTTP/2 200 OK\r\n\r\n",
	"http_12":           "HTTP/1.2 200 OK\r\n\r\n",
	"small":             "http/1.1 200 OK\r\n\r\n",
	"icy":               "ICY 200 OK\r\n\r\n",
	"two_blanks":        "HTTP/1.1  200 OK\r\n\r\n",
	"status_short":      "HTTP/1.1 20 OK\r\n\r\n",
	"status_long":       "HTTP/1.1 2000 OK\r\n\r\n",
	"status_low":        "HTTP/1.1 099 OK\r\n\r\n",
	"status_words":      "HTTP/1.1 OK\r\n\r\n",
	"reason_nul":        "HTTP/1.1 200 O\x00K\r\n\r\n",
	"reason_cr":         "HTTP/1.1 200 O\rK\r\n\r\n",
	"lengths_differ":    ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	"length_list":       ok + "Content-Length: 5, 5\r\n\r\nhello",
	"length_minus":      ok + "Content-Length: -5\r\n\r\nhello",
	"length_words":      ok + "Content-Length: five\r\n\r\nhello",
	"length_empty":      ok + "Content-Length:\r\n\r\nhello",
	"length_large":      ok + "Content-Length: 9223372036854775808\r\n\r\nhello",
	"coding_twice":      ok + chunkedLine + chunkedLine + "\r\n" + chunks,
	"coding_gzip":       ok + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks,
	"coding_identity":   ok + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
	"coding_x":          ok + "Transfer-Encoding: xchunked\r\n\r\n" + chunks,
	"coding_old":        "HTTP/1.0 200 OK\r\n" + chunkedLine + "\r\n" + chunks,
	"folded":            ok + "X: y\r\n z\r\nContent-Length: 0\r\n\r\n",
	"split_by_cr":       ok + "X: y\rSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n",
	"nul":               ok + "X: y\x00\r\nContent-Length: 0\r\n\r\n",
	"colon_missing":     ok + "Content-Length 5\r\n\r\nhello",
	"name_missing":      ok + ": y\r\n\r\n",
	"name_blank":        ok + "X Y: z\r\n\r\n",
	"fields_many":       ok + strings.Repeat("X: y\r\n", 200) + "\r\n",
	"head_long":         ok + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 70) + "\r\n",
	"line_long":         ok + "X: " + strings.Repeat("y", 20_000) + "\r\n\r\n",
	"start_line_long":   "HTTP/1.1 200 " + strings.Repeat("y", 100_000),
	"switched_unasked":  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	"interim_then_101":  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
	"interim_and_words": "HTTP/1.1 100 Continue\r\n\r\nhello\r\n\r\n",
	"interim_too_many":  strings.Repeat("HTTP/1.1 102 X\r\n\r\n", 10_001),
	"chunks_at_once":    chunks,
}

// TestNonsense: a response that lull cannot read becomes a 502 of its own, and the connection it came on is closed.
func TestNonsense(t *testing.T) {
	t.Parallel()
	s, set := scripted(t)
	for name, send := range nonsense {
		for _, method := range []string{"GET", "HEAD"} {
			s.answerOdd(name, func() {
				set(send, "")
				c := s.DialHTTP()
				c.Send(lulltest.Request(method, "/", ""))
				a := c.Answer(method)
				for a.StatusCode == 100 || a.StatusCode == 102 {
					a = c.Answer(method)
				}
				checkOwn(t, a, method, 502)
				over(t, c)
				s.backend.WaitEnded(1)
				s.WaitPooled(0)
				_ = c.Close()
				s.tapes()
			})
		}
	}
}

// TestBrokenChunksDown: a response that stops being chunks is cut for the client, whatever version it speaks.
func TestBrokenChunksDown(t *testing.T) {
	t.Parallel()
	s, set := scripted(t)
	for name, body := range brokenChunks {
		for minor := range 2 {
			s.answerOdd(name, func() {
				set(ok+chunkedLine+"\r\n5\r\nfirst\r\n"+body+unasked, "")
				c := s.DialHTTP()
				c.Send(fmt.Sprintf("GET / HTTP/1.%d\r\nHost: test\r\n\r\n", minor))
				a := c.Answer("GET")
				if want := [...]string{"reset", "cut"}[minor]; a.How == "whole" || a.How != want && minor == 0 || a.StatusCode != 200 {
					t.Errorf("client: got %s, %q, %s; want 200 and %s", a.Status, a.Data, a.How, want)
				}
				if how, data := c.End(); strings.Contains(string(data), "poison") {
					t.Errorf("client: got %q and %s behind the response", data, how)
				}
				_ = c.Close()
				s.backend.WaitEnded(1)
				s.tapes()
			})
		}
	}
}
