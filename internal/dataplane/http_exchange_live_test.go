package dataplane_test

import (
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// liveCase is how a client's connection comes into a state, and what `lull conns` says of it there.
type liveCase struct {
	make        func(t *testing.T, s *site) *lulltest.HTTPConn
	state       string
	timer       string
	directional string // the timer in that model, if it is another one
	flow        string // in the directional model
	why         reason.Reason
	exchanges   int
	backend     bool
}

//nolint:gochecknoglobals // the rows of a table
var liveCases = map[string]liveCase{
	"waiting": {
		make:  func(_ *testing.T, s *site) *lulltest.HTTPConn { return s.DialHTTP() },
		state: "waiting", timer: "idle", directional: "front_keepalive", why: reason.ClientIdle,
	},
	"waiting_again": {
		make: func(t *testing.T, s *site) *lulltest.HTTPConn {
			client, backend := s.meet(lulltest.Request("GET", "/", ""))
			serve(t, client, backend, "/")
			return client
		},
		state: "waiting", timer: "idle", directional: "front_keepalive", why: reason.ClientIdle, exchanges: 1,
	},
	"head": {
		make: func(_ *testing.T, s *site) *lulltest.HTTPConn {
			client := s.DialHTTP()
			client.Send("GET / HTTP/1.1\r\n")
			return client
		},
		state: "head", timer: "idle", flow: "down", why: reason.RequestIdle, exchanges: 1,
	},
	"connecting": {
		make: func(t *testing.T, s *site) *lulltest.HTTPConn {
			silent := lulltest.Set(lulltest.HTTPPlan(timeout.Shared, lulltest.Silent(t))).Backends
			s.Changed(s.plan, func(p *plan.Plan) { lulltest.Set(p).Backends = silent })
			client := s.DialHTTP()
			client.Get("/")
			return client
		},
		state: "connecting", timer: "connect", why: reason.ConnectTimeout, exchanges: 1, backend: true,
	},
	"queued": {
		make: func(_ *testing.T, s *site) *lulltest.HTTPConn {
			s.Changed(s.plan, limited(1, 10))
			_, backend := s.meet(lulltest.Request("GET", "/", ""))
			backend.Request()
			client := s.DialHTTP()
			client.Get("/")
			return client
		},
		state: "queued", timer: "idle", why: reason.QueueTimeout, exchanges: 1,
	},
	"request": {
		make: func(t *testing.T, s *site) *lulltest.HTTPConn {
			client, backend := s.meet(post + "Content-Length: 10\r\n\r\nhello")
			readHead(t, backend)
			return client
		},
		state: "request", timer: "idle", flow: "down", why: reason.RequestIdle, exchanges: 1, backend: true,
	},
	"answer": {
		make: func(_ *testing.T, s *site) *lulltest.HTTPConn {
			client, backend := s.meet(lulltest.Request("GET", "/", ""))
			backend.Request()
			return client
		},
		state: "answer", timer: "idle", flow: "down", why: reason.ResponseIdle, exchanges: 1, backend: true,
	},
	"response": {
		make: func(_ *testing.T, s *site) *lulltest.HTTPConn {
			client, backend := s.meet(lulltest.Request("GET", "/", ""))
			backend.Request()
			backend.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			client.Head()
			return client
		},
		state: "response", timer: "idle", flow: "up", why: reason.ResponseIdle, exchanges: 1, backend: true,
	},
	"tunnel": {
		make: func(_ *testing.T, s *site) *lulltest.HTTPConn {
			client, backend := s.meet(upgrading)
			backend.Request()
			backend.Send(switching)
			client.Answer("GET")
			return client
		},
		state: "relaying", timer: "idle", flow: "up", why: reason.TunnelIdle, exchanges: 1, backend: true,
	},
	"lingering": {
		make: func(_ *testing.T, s *site) *lulltest.HTTPConn {
			client := s.DialHTTP()
			client.Send("nonsense\r\n\r\n")
			client.Answer("GET")
			return client
		},
		state: "lingering", timer: "linger", exchanges: 1,
	},
}

// TestLive: what `lull conns` says of a connection in each of its states: which it is, whom it waits for and for how long.
func TestLive(t *testing.T) {
	t.Parallel()
	for name, c := range liveCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := counter(t, 1, m, func(p *plan.Plan) { lulltest.Listener(p).QueueMax = 10 })
				before := time.Now()
				client := c.make(t, s)
				t.Cleanup(s.backend.Stop) // nobody else is to be met when this ends
				got := s.WaitState(client, c.state)
				timer, flow, why := c.timer, "", c.why
				if m == timeout.Directional {
					if flow = c.flow; c.directional != "" {
						timer = c.directional
					}
					if name == "response" {
						why = reason.DownloadUnasked
					}
				}
				if got.Timer != timer || got.TimerFlow != flow || got.Why != why {
					t.Errorf("got a deadline by %s %q as %v, want %s %q as %v", got.Timer, got.TimerFlow, got.Why, timer, flow, why)
				}
				if got.Exchanges != c.exchanges || (got.Ends.Backend != "") != c.backend || got.Pooled {
					t.Errorf("got %d exchanges to %q, want %d, a backend %v", got.Exchanges, got.Ends.Backend, c.exchanges, c.backend)
				}
				took := time.Since(before)
				if got.FiresIn > got.Setting || got.FiresIn < got.Setting-took || got.Age > took || got.Age <= 0 || got.ID == 0 {
					t.Errorf("got a deadline in %v of %v, age %v, id %d; the test took %v", got.FiresIn, got.Setting, got.Age, got.ID, took)
				}
				if got.Ends.Protocol != "http" || got.Ends.Local != s.Local(lulltest.HTTPKey) {
					t.Errorf("got %+v, want the ends of an http connection", got.Ends)
				}
			})
		})
	}
}

// TestLivePooled: an unused back-end connection is listed by itself, without a client.
func TestLivePooled(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		client, backend := s.meet(lulltest.Request("GET", "/", ""))
		for range 3 {
			serve(t, client, backend, "/")
			s.WaitPooled(1)
			client.Get("/")
		}
		serve(t, client, backend, "/")
		_ = client.Close()
		s.CloseOf(client)
		s.WaitPooled(1)
		var all []record.Live
		if !lulltest.Eventually(func() bool { all = s.Live(); return len(all) == 1 }) {
			t.Fatalf("got %+v, want only the pooled connection", all)
		}
		got, timer := all[0], "idle"
		if m == timeout.Directional {
			timer = "back_keepalive"
		}
		if !got.Pooled || got.State != "pooled" || got.Timer != timer || got.Why != reason.PoolIdle || got.Exchanges != 4 || got.ID == 0 {
			t.Errorf("got %+v, want a pooled connection after 4 exchanges that ends by %s", got, timer)
		}
		want := record.Ends{LoadBalancer: "lb", Listener: "http", BackendSet: "set", Backend: s.backend.Addr.String(), Protocol: "http",
			Local: s.Local(lulltest.HTTPKey), BackendAddr: s.backend.Addr}
		if got.Ends != want {
			t.Errorf("got %+v, want %+v", got.Ends, want)
		}
	})
}
