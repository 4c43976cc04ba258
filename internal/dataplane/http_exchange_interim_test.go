package dataplane_test

import (
	"fmt"
	"strings"
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

const (
	expecting   = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	continuing  = "HTTP/1.1 100 Continue\r\n\r\n"
	earlyHints  = "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nlink:  </b>\r\n\r\n"
	expecting10 = "POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
)

// TestExpectAnsweredByLull (shared): the Classic Load Balancer answers an expectation by itself, at once. The backend does not
// see it, and if it says 100 all the same, the client does not see that.
func TestExpectAnsweredByLull(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, expectAnsweredByLull)
}

func expectAnsweredByLull(t *testing.T) {
	for name, together := range map[string]bool{"client_waits": false, "body_came_with_it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Shared, nil)
			client := s.DialHTTP()
			if together {
				client.Send(expecting + "hello")
			} else {
				client.Send(expecting)
				client.Expect(continuing) // nobody has looked at the backend yet
				client.Send("hello")
			}
			backend := lulltest.TakeHTTP(t, s.accepted)
			if got := backend.Request(); got.Header.Get("Expect") != "" || string(got.Data) != "hello" {
				t.Errorf("backend: got Expect %q and %q, want none and hello", got.Header.Get("Expect"), got.Data)
			}
			backend.Send(continuing + earlyHints + lulltest.Response("hello"))
			client.Expect(earlyHints)
			client.ExpectAnswer("hello")
			client.Get("/") // a connection that has taken no harm, nor any further 100
			backend.Request()
			backend.Send(lulltest.Response("again"))
			client.ExpectAnswer("again")
		})
	}
}

// TestExpectRefusedByLull (shared): a client that was told to go on, for a backend that does not exist.
func TestExpectRefusedByLull(t *testing.T) {
	t.Parallel()
	e := startHTTP(t, 1, lulltest.HTTPPlan(timeout.Shared, lulltest.Refused(t)))
	client := e.DialHTTP()
	client.Send(expecting)
	client.Expect(continuing)
	checkOwn(t, client.Answer("POST"), "POST", 503)
	client.Send("hello") // is no next request
	closed(t, "client", client)
	if x := e.ExchangeOf(client, 1); x.Reason != reason.ConnectRefused || x.Status != 503 {
		t.Errorf("exchange: got %v with %d, want connect-refused with 503", x.Reason, x.Status)
	}
}

// TestExpectPassed (directional): the expectation goes to the backend, and its 100 to the client.
func TestExpectPassed(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, expectPassed)
}

func expectPassed(t *testing.T) {
	s := counter(t, 1, timeout.Directional, nil)
	client, backend := s.meet(expecting)
	if head := readHead(t, backend); !strings.Contains(head, "\r\nExpect: 100-continue\r\n") {
		t.Errorf("backend: got %q, want the expectation", head)
	}
	nothing(t, s, client)
	backend.Send(continuing)
	client.Expect(continuing)
	client.Send("hello")
	backend.Expect("hello")
	backend.Send(lulltest.Response("hello"))
	if a := client.ExpectAnswer("hello"); a.Close {
		t.Errorf("client: got Connection %q, want it to go on", a.Header.Get("Connection"))
	}
	client.Get("/")
	backend.Request()
	backend.Send(lulltest.Response("again"))
	client.ExpectAnswer("again")
}

// TestExpectDeclined (directional): a backend that has made up its mind without the body answers at once. The client gets
// that, and an end: whether it still sends the body nobody can know.
func TestExpectDeclined(t *testing.T) {
	t.Parallel()
	for name, sends := range map[string]bool{"client_obeys": false, "client_sends_all_the_same": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Directional, nil)
			client, backend := s.meet(expecting)
			readHead(t, backend)
			backend.Send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 5\r\n\r\nhello")
			if sends {
				client.Send("hello")
				client.Get("/never")
			}
			a := client.Answer("POST")
			if a.StatusCode != 417 || string(a.Data) != "hello" || !a.Close {
				t.Errorf("client: got %s, %q, close %v; want 417, hello and close", a.Status, a.Data, a.Close)
			}
			closed(t, "client", client)
			how, data := backend.End()
			if sent := strings.TrimPrefix(string(data), "hello"); sent != "" {
				t.Errorf("backend: got %q and %s, want no further request", data, how)
			}
			s.WaitPooled(0)
		})
	}
}

// TestExpectHTTP10: an HTTP/1.0 client cannot wait for a 100, whatever it sends (RFC 9110 §10.1.1), and gets none.
func TestExpectHTTP10(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		client, backend := s.meet(expecting10)
		readHead(t, backend)
		nothing(t, s, client)
		backend.Send(continuing)
		client.Send("hello")
		backend.Expect("hello")
		backend.Send(lulltest.Response("hello"))
		client.ExpectAnswer("hello")
		closed(t, "client", client)
	})
}

// TestInterim: responses that precede the final one go to the client as they are, in their order, each at once; not to
// HTTP/1.0, which knows no such thing (RFC 9110 §15.2).
func TestInterim(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, interimBody)
}

func interimBody(t *testing.T) {
	const inner = "HTTP/1.1 102 Processing\r\nConnection: x-inner\r\nX-Inner: 1\r\nKeep-Alive: x\r\nA: b\r\n\r\n"
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		client, backend := s.meet(lulltest.Request("GET", "/", ""))
		backend.Request()
		for range 3 { // while nothing else is there
			backend.Send(earlyHints)
			client.Expect(earlyHints)
		}
		backend.Send(inner + continuing + earlyHints[:20])
		client.Expect("HTTP/1.1 102 Processing\r\nA: b\r\n\r\n" + continuing)
		backend.Send(earlyHints[20:] + lulltest.Response("hello"))
		client.Expect(earlyHints)
		client.ExpectAnswer("hello")
		x := s.ExchangeOf(client, 1)
		if x.Status != 200 || x.BackendStatus != 200 || x.BytesDown != 5 || x.FirstAfter < 0 {
			t.Errorf("exchange: got %d from %d, %d bytes, first byte after %v; want 200 from 200 and 5 bytes", x.Status, x.BackendStatus, x.BytesDown, x.FirstAfter)
		}
		if l, _ := totalsOf(s.Engine, lulltest.HTTPKey); l.BackendStatus != [6]uint64{2: 1} {
			t.Errorf("responses of backends: got %v, want one 2xx", l.BackendStatus)
		}
		_ = backend.Close()
	})
	t.Run("http10", func(t *testing.T) {
		t.Parallel()
		s := counter(t, 1, timeout.Shared, nil)
		client, backend := s.meet(get10Keep)
		backend.Request()
		backend.Send(strings.Repeat(earlyHints+continuing+inner, 20))
		nothing(t, s, client)
		backend.Send(inner + lulltest.Response("hello"))
		client.Expect("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nhello")
	})
}

// TestManyInterim: hours of work may be told of by thousands of responses.
func TestManyInterim(t *testing.T) {
	t.Parallel()
	const many = 3000
	s := counter(t, 2, timeout.Directional, nil)
	client, backend := s.meet(lulltest.Request("GET", "/", ""))
	backend.Request()
	sent := make(chan bool, 1)
	go func() {
		for i := range many {
			backend.Reply(fmt.Sprintf("HTTP/1.1 102 Processing\r\nX-Number: %d\r\n\r\n", i))
		}
		sent <- backend.Reply(lulltest.Response("hello"))
	}()
	for i := range many {
		if a := client.Answer("GET"); a.StatusCode != 102 || a.Header.Get("X-Number") != fmt.Sprint(i) {
			t.Fatalf("client: got %s with number %s, want 102 with %d", a.Status, a.Header.Get("X-Number"), i)
		}
	}
	client.ExpectAnswer("hello")
	<-sent
}
