package dataplane_test

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// cutResponses are responses to be cut anywhere, by how their end is told.
//
//nolint:gochecknoglobals // a constant table
var cutResponses = map[string]string{
	"length":      ok + "Content-Length: 11\r\n\r\nhello world",
	"chunked":     ok + chunkedLine + "\r\n6;a=b\r\nhello \r\n5\r\nworld\r\n0\r\nX: y\r\n\r\n",
	"until_close": ok + "\r\nhello world",
	"interim":     "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + ok + "Content-Length: 11\r\n\r\nhello world",
	"204":         "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
}

// TestResponseCutAnywhere: a backend leaves, with a FIN or an RST, behind any byte of its response; over TLS also with a FIN
// that no close_notify came before. Clients of either
// version get a page if nothing of the response has been sent, and never what looks whole and is not.
func TestResponseCutAnywhere(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, responseCutAnywhere)
}

func responseCutAnywhere(t *testing.T) {
	backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
		part := strings.Split(s.URL.Path, "/")
		var at int
		_, _ = fmt.Sscan(part[3], &at)
		_ = c.Reply(cutResponses[part[1]][:at])
		switch part[2] {
		case "reset":
			c.Reset()
		case "bare":
			_ = c.TCPConn.Close()
		}
		return false
	})
	e := startHTTP(t, 2, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
	type cut struct {
		kind, end string
		at, minor int
	}
	var cuts []cut
	ends, secure := []string{"fin", "reset"}, lulltest.WireOf(t).Back()
	if secure {
		ends = append(ends, "bare") // a FIN without close_notify ends no response that ends with its connection
	}
	for kind, response := range cutResponses {
		for at := range len(response) + 1 {
			if secure && at%8 != 0 && at != len(response) && kind != "until_close" {
				continue // each cut takes handshakes
			}
			for _, end := range ends {
				cuts = append(cuts, cut{kind, end, at, 0}, cut{kind, end, at, 1})
			}
		}
	}
	const workers = 4
	inParallel(workers, func(worker int) {
		for i := worker; i < len(cuts); i += workers {
			x := cuts[i]
			c := lulltest.Dial(t, e.Local(lulltest.HTTPKey))
			_, _ = fmt.Fprintf(c, "GET /%s/%s/%d HTTP/1.%d\r\nHost: test\r\n\r\n", x.kind, x.end, x.at, x.minor)
			if err := expectCut(c, x.kind, x.end, x.at, x.minor); err != nil {
				t.Errorf("%+v: %v", x, err)
			}
			_ = c.Close()
		}
	})
}

// expectCut reads what a client of that version gets of a response that was cut.
func expectCut(c net.Conn, kind, end string, at, minor int) error {
	response := cutResponses[kind]
	body := strings.LastIndex(response, "\r\n\r\n") + len("\r\n\r\n")
	if kind == "chunked" {
		body = strings.Index(response, "\r\n\r\n") + len("\r\n\r\n")
	}
	a, err := lulltest.NewReader(c).Answer("GET")
	if err != nil {
		return err
	}
	complete := at == len(response)
	untilClose := kind == "until_close" && at >= body
	switch {
	case at < body: // in a head
		want := 502
		if at == 0 {
			want = 504
		}
		if a.StatusCode != want || a.How != "whole" || !a.Close {
			return fmt.Errorf("got %s and %s, want %d", a.Status, a.How, want)
		}
	case kind == "204" && (a.StatusCode != 204 || a.How != "whole"):
		return fmt.Errorf("got %s and %s, want 204", a.Status, a.How)
	case kind != "204" && (a.StatusCode != 200 || !strings.HasPrefix("hello world", string(a.Data))):
		return fmt.Errorf("got %s and %q, want 200 and what came", a.Status, a.Data)
	case untilClose && (end == "fin") != (a.How == "whole"), untilClose && end == "fin" && string(a.Data) != response[body:at]:
		return fmt.Errorf("got %q, %s, for %q and %s", a.Data, a.How, response[body:at], end)
	case untilClose:
	case complete != (a.How == "whole"), complete && kind != "204" && string(a.Data) != "hello world":
		return fmt.Errorf("got %q, %s", a.Data, a.How)
	case a.How != "whole" && minor == 0 && kind == "chunked" && a.How != "reset":
		return fmt.Errorf("got %s, which an old client takes for the end", a.How)
	}
	return nil
}

// cutRequests are requests to be cut anywhere; a number stands for %d. Each is followed by a GET.
//
//nolint:gochecknoglobals // a constant table
var cutRequests = map[string]string{
	"length":    "POST /%d HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello",
	"chunked":   "POST /%d HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nX: y\r\n\r\n",
	"expecting": "POST /%d HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
}

// TestRequestCutAnywhere: a client leaves, with a FIN or an RST, behind any byte of two requests. The backend takes a
// request for whole if and only if it was, and the client that can listen is told.
func TestRequestCutAnywhere(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, requestCutAnywhere)
}

func requestCutAnywhere(t *testing.T) {
	for _, end := range []string{"fin", "reset"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			seen := map[string]int{}
			s := newStand(t, asIs, func(c net.Conn, r lulltest.Received) bool {
				mu.Lock()
				seen[r.RequestURI]++
				mu.Unlock()
				if want := map[string]string{"GET": "", "POST": "hello"}[r.Method]; string(r.Data) != want {
					t.Errorf("backend: got %s with %q, want %q", r.RequestURI, r.Data, want)
				}
				return naming(c, r)
			})
			id := 0
			var complete, never []string // targets of requests that the backend must get, and must not
			for _, format := range cutRequests {
				for at := 0; ; at++ {
					id++
					target := fmt.Sprintf("/%d", 1000+id) // of one length
					first := strings.Replace(format, "/%d", target, 1)
					both := first + strings.Replace(get("/next"), "/next", "/next"+target, 1)
					if at > len(both) {
						break
					}
					ends := []int{len(first), len(both)}
					if lulltest.WireOf(t).Front() && at%4 != 0 && !slices.Contains(ends, at) {
						continue // each cut takes a handshake
					}
					for i, name := range []string{target, "/next" + target} {
						if at < ends[i] {
							never = append(never, name)
						} else if end == "fin" {
							complete = append(complete, name)
						}
					}
					s.cutRequest(both, at, ends, end, target)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, name := range complete {
				if seen[name] != 1 {
					t.Errorf("backend: got %s %d times, want once", name, seen[name])
				}
			}
			for _, name := range never {
				if seen[name] > 0 {
					t.Errorf("backend: got %s, of which a part was sent", name)
				}
			}
		})
	}
}

// asIs leaves the listener as it is by default.
func asIs(*plan.Listener) {}

// cutRequest sends the first bytes of two requests, which end at the given places, and leaves.
func (s *stand) cutRequest(both string, at int, ends []int, end, target string) {
	s.t.Helper()
	defer s.blame(fmt.Sprintf("%q cut at %d", both, at))
	c := s.DialHTTP()
	c.Send(both[:at])
	if end == "reset" {
		c.Reset()
		return
	}
	_ = c.CloseWrite()
	if strings.Contains(both, "Expect") && at == ends[0]-len("hello") {
		if a := c.Answer("POST"); a.StatusCode != 100 {
			s.t.Errorf("client: got %s, want 100", a.Status)
		}
	}
	if at >= ends[0] {
		named(s.t, c, "POST", target)
	}
	if at >= ends[1] {
		named(s.t, c, "GET", "/next"+target)
	}
	switch at {
	case 0, ends[0], ends[1]:
		over(s.t, c)
	default:
		page(s.t, c, "GET", 408)
	}
	_ = c.Close()
}

// TestClientLeavesAnywhere: a client leaves behind any byte of its response, before the backend has sent more of it. The
// back-end connection, which cannot serve again, ends; other clients notice nothing.
func TestClientLeavesAnywhere(t *testing.T) {
	t.Parallel()
	const response = ok + "Content-Length: 5\r\n\r\nhello"
	for _, end := range []string{"close", "reset"} {
		t.Run(end, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, timeout.Shared, func(*timeout.Settings) {})
			body := strings.Index(response, "\r\n\r\n") + 4
			for at := range len(response) {
				c := s.DialHTTP()
				c.Get("/")
				b := lulltest.TakeHTTP(t, s.accepted)
				b.Request()
				b.Send(response[:at])
				if at >= body { // a head is sent on when it is whole
					c.Expect(response[:at])
				}
				if end == "reset" {
					c.Reset()
				}
				_ = c.Close()
				_ = b.Reply(response[at:] + unasked)
				if how, data := b.End(); how == "timeout" || len(data) > 0 {
					t.Fatalf("backend, cut at %d: got %q and %s, want its connection to end", at, data, how)
				}
				_ = b.Close()
			}
			d := s.dial(lulltest.Patience)
			d.exchange()
		})
	}
}

// TestNobodyThere: clients that come and go without a word, and within a word, in great numbers and at once.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	s := newStand(t, asIs, naming)
	for _, send := range []string{"", "G", "GET / HTTP/1.1\r\nHost: test\r\n\r\n"} {
		for _, reset := range []bool{false, true} {
			inParallel(8, func(int) {
				for range 50 {
					c, err := net.Dial("tcp", s.Local(lulltest.HTTPKey).String())
					if err != nil {
						t.Error(err)
						return
					}
					_, _ = io.WriteString(c, send)
					if reset {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
				}
			})
		}
	}
	c := s.DialHTTP()
	c.Get("/")
	named(t, c, "GET", "/")
}
