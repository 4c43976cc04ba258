package dataplane_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// TestByteByByte sends requests and responses so slowly that lull has each byte before the next one is sent: what arrives
// is what was sent, framing and trailers too, and the connections serve on.
func TestByteByByte(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, byteByByte)
}

func byteByByte(t *testing.T) {
	type message struct{ head, body string }
	for name, c := range map[string]struct {
		request  message // as the backend gets it, but for what lull adds to the head
		response message // as the client gets it
	}{
		"length":   {message{post + "Content-Length: 5\r\n", "hello"}, message{ok + "Content-Length: 5\r\n", "hello"}},
		"chunked":  {message{post + chunkedLine, "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"}, message{ok + chunkedLine, "3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"}},
		"trailers": {message{post + chunkedLine, "5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n"}, message{ok + chunkedLine, "5\r\nhello\r\n0\r\nX: y\r\nZ:\r\n\r\n"}},
		"no_body":  {message{strings.TrimSuffix(get("/"), "\r\n"), ""}, message{"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, timeout.Shared, func(*timeout.Settings) {})
			d := s.dial(lulltest.Patience)
			for round := range 2 { // over a fresh connection and over a pooled one
				s.drip(d.c, c.request.head+"\r\n"+c.request.body, true)
				d.meet().Expect(c.request.head + fmt.Sprintf("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: %s\r\nX-Forwarded-Port: %d\r\n\r\n",
					plan.HTTP.Over(lulltest.WireOf(t).Front()), s.Local(lulltest.HTTPKey).Port()) + c.request.body)
				s.drip(d.b, c.response.head+"\r\n"+c.response.body, false)
				d.c.Expect(c.response.head + "\r\n" + c.response.body)
				s.WaitPooled(1)
				if s.backend.Accepted() != 1 {
					t.Fatalf("round %d: got %d back-end connections, want one", round, s.backend.Accepted())
				}
			}
		})
	}
}

// drip sends s byte by byte: each when lull has read the one before.
func (s *site) drip(from *lulltest.HTTPConn, text string, up bool) {
	s.t.Helper()
	read := func() uint64 {
		l, _ := totalsOf(s.Engine, lulltest.HTTPKey)
		if up {
			return l.BytesUp
		}
		return l.BytesDown
	}
	before := read()
	for i := range len(text) {
		from.Send(text[i : i+1])
		if !lulltest.Eventually(func() bool { return read() == before+uint64(i)+1 }) {
			s.t.Fatalf("lull does not read byte %d of %q", i, text)
		}
	}
}

// TestAnsweredEarly: a backend answers while the request still comes. The client, who goes on sending, gets the response
// whole and the end of its connection behind it, whatever the backend does then, and nothing follows on either connection.
func TestAnsweredEarly(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, answeredEarly)
}

func answeredEarly(t *testing.T) {
	for name, response := range map[string]string{
		"length":      ok + "Content-Length: 5\r\n\r\nhello",
		"chunked":     ok + chunkedLine + "\r\n" + chunks,
		"until_close": ok + "\r\nhello",
		"twice":       ok + "Content-Length: 5\r\n\r\nhello" + unasked,
	} {
		for _, end := range []string{"reads_on", "fin", "reset"} {
			if name == "until_close" && end != "fin" {
				continue // it has no other end
			}
			t.Run(name+"/"+end, func(t *testing.T) {
				t.Parallel()
				s := newSite(t, 2, timeout.Shared, func(*timeout.Settings) {})
				d := s.dial(lulltest.Patience)
				d.say(post + "Content-Length: 1000000000\r\n\r\n")
				b := d.meet()
				b.RequestHead()
				stop := pouring(d.c, strings.Repeat("x", 10_000))
				if _, err := io.CopyN(io.Discard, b, 100_000); err != nil {
					t.Fatal(err)
				}
				b.Send(response)
				switch end {
				case "reads_on":
					go func() { _, _ = io.Copy(io.Discard, b) }()
				case "fin":
					_ = b.CloseWrite()
				case "reset":
					d.c.ExpectAnswer("hello") // or its bytes could be lost
					b.Reset()
				}
				if end != "reset" {
					if a := d.c.ExpectAnswer("hello"); !a.Close {
						t.Error("client: the response does not say that the connection ends")
					}
				}
				over(t, d.c)
				stop()
				s.WaitPooled(0)
			})
		}
	}
}

// TestSpokenTooEarly: a backend that speaks before it is asked, on a connection of its first request, has answered that
// request, or said something that cannot be read; either way nobody else gets it.
func TestSpokenTooEarly(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, spokenTooEarly)
}

func spokenTooEarly(t *testing.T) {
	for name, c := range map[string]struct {
		banner string
		status int
	}{
		"response": {ok + "Content-Length: 5\r\n\r\nhello", 200},
		"two":      {ok + "Content-Length: 5\r\n\r\nhello" + unasked, 200},
		"banner":   {"220 test ESMTP\r\n", 502},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := lulltest.ServeConn(t, func(conn *lulltest.Conn) {
				_, _ = io.WriteString(conn, c.banner)
				_, _ = lulltest.NewReader(conn).Request()
			})
			e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
			for range 10 {
				client := e.DialHTTP()
				for range 2 {
					client.Send(lulltest.Request("POST", "/", "hello"))
					a := client.Answer("POST")
					if a.StatusCode != c.status || a.How != "whole" || strings.Contains(string(a.Data), "poison") {
						t.Errorf("client: got %s, %q, %s; want %d", a.Status, a.Data, a.How, c.status)
					}
					e.WaitPooled(0)
					if a.Close {
						break
					}
				}
				_ = client.Close()
			}
		})
	}
}
