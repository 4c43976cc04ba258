package dataplane_test

import (
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// speaking has the listener speak a protocol.
func speaking(protocol plan.Protocol) func(*plan.Plan) {
	return func(p *plan.Plan) { lulltest.Listener(p).Protocol = protocol }
}

// TestListenerTurnsTCP: a listener that speaks TCP from now on takes new connections so. Exchanges under way are answered,
// tunnels go on, and connections without a request end in order.
func TestListenerTurnsTCP(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, listenerTurnsTCP)
}

func listenerTurnsTCP(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 2, m, nil)
		tunnel, far := s.meet(upgrading)
		far.Request()
		far.Send(switching)
		tunnel.Answer("GET")
		asked, second := s.meet(post + "Content-Length: 5\r\n\r\nhe")
		readHead(t, second)
		idle, first := s.meet(lulltest.Request("GET", "/", ""))
		serve(t, idle, first, "/")
		s.WaitPooled(1)
		reading := s.DialHTTP()
		reading.Send("GET /read HTTP/1.1\r\n")
		s.WaitState(reading, "head")

		p := s.Changed(s.plan, speaking(plan.TCP))
		closed(t, "client without a request", idle)
		closed(t, "unused back-end connection", first)
		if r := s.CloseOf(idle); r.Reason != reason.Drained {
			t.Errorf("connection: got %v, want drained", r.Reason)
		}
		raw := lulltest.Dial(t, s.Local(lulltest.HTTPKey))
		end := lulltest.Take(t, s.accepted)
		raw.Send("GET or anything else")
		end.Expect("GET or anything else")
		end.Send("HELLO")
		raw.Expect("HELLO")
		tunnel.Send("ping")
		far.Expect("ping")
		asked.Send("llo")
		second.Expect("hello") // two of it had come before
		second.Send(lulltest.Response("hello"))
		if a := asked.ExpectAnswer("hello"); !a.Close {
			t.Error("client: got no Connection: close, want one")
		}
		closed(t, "client", asked)
		reading.Send("Host: a\r\n\r\n")
		third := lulltest.TakeHTTP(t, s.accepted)
		serve(t, reading, third, "/read")
		closed(t, "client", reading)

		s.Changed(p, speaking(plan.HTTP)) // and back
		again := s.DialHTTP()
		again.Get("/again")
		fourth := lulltest.TakeHTTP(t, s.accepted)
		serve(t, again, fourth, "/again")
		raw.Send("still")
		end.Expect("still")
		far.Send("pong")
		tunnel.Expect("pong")
		again.Get("/kept")
		serve(t, again, fourth, "/kept")
	})
}

// TestListenerTurnsBack: a listener that spoke TCP for a moment only ends none of its exchanges' connections.
func TestListenerTurnsBack(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, listenerTurnsBack)
}

func listenerTurnsBack(t *testing.T) {
	s := counter(t, 1, timeout.Shared, nil)
	client, backend := s.meet(lulltest.Request("GET", "/1", ""))
	p := s.Changed(s.plan, speaking(plan.TCP))
	s.Changed(p, speaking(plan.HTTP))
	serve(t, client, backend, "/1")
	client.Get("/2")
	serve(t, client, backend, "/2")
	if r, ok := s.StateOf(client); !ok || r.Exchanges != 2 {
		t.Errorf("connection: got %+v, want it open after 2 exchanges", r)
	}
}
