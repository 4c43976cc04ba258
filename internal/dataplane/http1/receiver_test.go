package http1

import (
	"fmt"
	"strings"
	"testing"
)

// story receives messages from b, given in pieces of size bytes, and tells the events; payload in one piece.
func story(t testing.TB, g *guard, r *Receiver, b []byte, size int, raw bool) string {
	t.Helper()
	var s strings.Builder
	var h Head
	limits, next := &RequestLimits, r.Next
	if r.response {
		limits = &ResponseLimits
	}
	if raw {
		next = r.NextRaw
	}
	payload, used := 0, 0
	flush := func() {
		if payload > 0 {
			fmt.Fprintf(&s, "data %d; ", payload)
		}
		payload = 0
	}
	for end := 0; end < len(b); {
		end = min(len(b), end+size)
		for {
			in := g.put(b[used:end])
			step := next(in, &h, limits)
			used += step.Skip + step.Data
			payload += step.Data
			switch step.Event {
			case EventHead:
				fmt.Fprintf(&s, "head %d; ", len(h.Fields()))
			case EventTrailers:
				flush()
				fmt.Fprintf(&s, "trailers %d; ", len(h.Fields()))
			case EventReset:
				flush()
				return s.String() + "reset " + step.Fault.String()
			case EventNone, EventData, EventEnd:
			}
			if step.End {
				flush()
				return fmt.Sprintf("%send, %d left", s.String(), len(b)-used)
			}
			if step.Skip+step.Data == 0 {
				break
			}
		}
	}
	flush()
	return s.String() + r.EOF().Event.String()
}

func TestReceiver(t *testing.T) {
	t.Parallel()
	const request, chunked = -1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	cases := []struct {
		name, in string
		method   int // of the request answered
		want     string
	}{
		{"get", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", request, "head 1; end, 3 left"},
		{"post", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET", request, "head 2; data 5; end, 3 left"},
		{"one-byte", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nhGET", request, "head 2; data 1; end, 3 left"},
		{"bad", "GET\x00", request, "reset method-bad"},
		{"nothing", "", request, "none"},
		{"head-cut", "GET / HT", request, "reset"},
		{"body-cut", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", request, "head 2; data 3; reset"},
		{"answer", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP", int(GET), "head 1; data 2; end, 4 left"},
		{"answer-head", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nHTTP", int(HEAD), "head 1; end, 4 left"},
		{"answer-close", "HTTP/1.0 200 OK\r\n\r\nhello", int(GET), "head 0; data 5; end"},
		{"answer-cut", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no", int(GET), "head 1; data 1; reset"},
		{"interim", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\nHTTP/1.1 204 Empty\r\n\r\nHTTP", int(POST), "head 0; head 1; head 0; end, 4 left"},
		{"interim-cut", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1", int(POST), "head 0; reset"},
		{"switch", "HTTP/1.1 101 Switching\r\n\r\nbytes", int(GET), "head 0; data 5; end"},
		{"connect", "HTTP/1.1 200 OK\r\n\r\nbytes", int(CONNECT), "head 0; data 5; end"},
		{"chunked", chunked + "5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\nHTTP", int(GET), "head 1; data 8; end, 4 left"},
		{"trailers", chunked + "5\r\nhello\r\n0\r\nA: b\r\nC: d\r\n\r\nHTTP", int(GET), "head 1; data 5; trailers 2; end, 4 left"},
		{"trailers-only", chunked + "0\r\nA: b\r\n\r\n", int(GET), "head 1; trailers 1; end, 0 left"},
		{"trailers-cut", chunked + "5\r\nhello\r\n0\r\nA: b\r\n", int(GET), "head 1; data 5; reset"},
		{"trailers-bad", chunked + "5\r\nhello\r\n0\r\nContent-Length: 1\r\n\r\n", int(GET), "head 1; data 5; reset trailer-refused"},
		{"trailers-long", chunked + "0\r\n" + strings.Repeat("A: "+strings.Repeat("x", 2000)+"\r\n", 5), int(GET), "head 1; reset head-long"},
		{"chunk-bad", chunked + "5\r\nhello\r\nx", int(GET), "head 1; data 5; reset chunk-size-bad"},
		{"chunk-cut", chunked + "5\r\nhello\r\n0\r\n", int(GET), "head 1; data 5; reset"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			g := newGuard(t, len(c.in)+1)
			for size := len(c.in) + 1; size > 0; size-- {
				if size > 100 && size < len(c.in) {
					continue
				}
				for _, raw := range []bool{false, true} {
					var r Receiver
					if r.Request(); c.method != request {
						r.Response(Method(c.method))
					}
					if got := story(t, g, &r, []byte(c.in), size, raw); got != c.want {
						t.Fatalf("%q in pieces of %d, raw %v: got %q, want %q", c.in, size, raw, got, c.want)
					}
				}
			}
		})
	}
}

func TestReceiverStages(t *testing.T) {
	t.Parallel()
	var r Receiver
	var h Head
	if !r.InHead() || r.Begun() || r.Done() {
		t.Error("new: got a head begun")
	}
	r.Next([]byte("PO"), &h, &RequestLimits)
	if !r.InHead() || !r.Begun() {
		t.Error("PO: got no head begun")
	}
	r.Next([]byte("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"), &h, &RequestLimits)
	if r.InHead() || !r.Begun() || r.Done() || r.Body().Left() != 2 {
		t.Errorf("head: got in head, or %d bytes left", r.Body().Left())
	}
	r.Next([]byte("ok"), &h, &RequestLimits)
	if s := r.Next([]byte("GET"), &h, &RequestLimits); !r.Done() || s != (Step{Event: EventEnd, End: true}) || r.EOF() != s {
		t.Errorf("end: got %+v", s)
	}
	if r.Request(); r != (Receiver{}) {
		t.Errorf("reset: got %+v", r)
	}
}

// TestEventNames: every event has its own.
func TestEventNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for e := EventNone; e <= EventReset; e++ {
		seen[e.String()] = true
	}
	if len(seen) != 6 || Event(99).String() != "none" {
		t.Errorf("got %v", seen)
	}
}
