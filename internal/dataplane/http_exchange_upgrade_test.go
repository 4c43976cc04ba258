package dataplane_test

import (
	"fmt"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

const (
	upgrading = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
	switching = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"
)

// TestUpgrade: an upgraded connection carries whatever both sides say, from the first byte on, even if that came together
// with the request or with the 101; and everything that came is counted.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, upgradeBody)
}

func upgradeBody(t *testing.T) {
	for name, c := range map[string]struct {
		up, down string // sent together with the heads
		reused   bool
		interim  string
	}{
		"plain":               {},
		"behind_101":          {down: "first frame"},
		"behind_request":      {up: "first frame"},
		"behind_both":         {up: "first frame", down: "another frame"},
		"over_a_pooled":       {up: "first frame", down: "another frame", reused: true},
		"after_interim":       {interim: earlyHints + continuing},
		"after_interim_bytes": {interim: earlyHints, up: "first frame", down: "another frame"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := counter(t, 1, m, nil)
				var client, backend *lulltest.HTTPConn
				number := 1
				if c.reused {
					number = 2
					client, backend = s.meet(lulltest.Request("GET", "/", ""))
					backend.Request()
					backend.Send(lulltest.Response("hello"))
					client.ExpectAnswer("hello")
					client.Send(upgrading + c.up)
				} else {
					client, backend = s.meet(upgrading + c.up)
				}
				head := readHead(t, backend)
				if !strings.Contains(head, "\r\nUpgrade: websocket\r\n") || !strings.Contains(head, "\r\nConnection: Upgrade\r\n") ||
					strings.Count(head, "Connection") != 1 || !strings.Contains(head, "\r\nSec-WebSocket-Version: 13\r\n") {
					t.Errorf("backend: got %q, want the upgrade", head)
				}
				nothing(t, s, backend) // what came with the request is for nobody until the backend has agreed
				backend.Send(c.interim + switching + c.down)
				client.Expect(c.interim + "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\n\r\n" + c.down)
				backend.Expect(c.up)
				for range 3 {
					client.Send("ping")
					backend.Expect("ping")
					backend.Send("GET / HTTP/1.1\r\n\r\n") // is nothing that lull understands any more
					client.Expect("GET / HTTP/1.1\r\n\r\n")
				}
				_ = client.CloseWrite()
				closed(t, "backend", backend)
				backend.Send("bye")
				_ = backend.Close()
				client.Expect("bye")
				closed(t, "client", client)
				up, down := uint64(len(c.up)+3*4), uint64(len(c.down)+3*18+3)
				x := s.ExchangeOf(client, number)
				if x.Status != 101 || x.BackendStatus != 101 || !x.Upgraded || x.Reason != reason.ClientClosed || x.BytesUp != up || x.BytesDown != down {
					t.Errorf("exchange: got %d, upgraded %v, %v, %d bytes up and %d down; want 101, upgraded, client-closed, %d and %d",
						x.Status, x.Upgraded, x.Reason, x.BytesUp, x.BytesDown, up, down)
				}
				r := s.CloseOf(client)
				if !r.Upgraded || r.Reason != reason.ClientClosed || r.Exchanges != number || r.BytesUp != up || r.BytesDown != down {
					t.Errorf("connection: got upgraded %v, %v after %d exchanges, %d bytes up and %d down; want upgraded, client-closed, %d, %d and %d",
						r.Upgraded, r.Reason, r.Exchanges, r.BytesUp, r.BytesDown, number, up, down)
				}
			})
		})
	}
}

// TestUpgradeRefused: a backend that does not want the other protocol answers in this one, and both connections go on.
func TestUpgradeRefused(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"ignored":  lulltest.Response("hello"),
		"required": "HTTP/1.1 426 Upgrade Required\r\nUpgrade: other\r\nConnection: upgrade\r\nContent-Length: 5\r\n\r\nhello",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := counter(t, 1, m, nil)
				client, backend := s.meet(upgrading)
				for range 3 {
					backend.Request()
					backend.Send(answer)
					if a := client.Answer("GET"); string(a.Data) != "hello" || a.Close {
						t.Errorf("client: got %s, %q, close %v; want hello and that it goes on", a.Status, a.Data, a.Close)
					}
					client.Send(upgrading)
				}
				backend.Request()
				backend.Send(switching) // at last
				client.Answer("GET")
				client.Send("ping")
				backend.Expect("ping")
				if s.backend.Accepted() != 1 {
					t.Errorf("back-end connections: got %d, want 1", s.backend.Accepted())
				}
			})
		})
	}
}

// TestUpgradeNotOffered: an offer that HTTP/1.0 cannot make, one without its Connection option, and one for HTTP/2, whose
// requests nobody here would see, do not reach a backend; who agrees all the same is not believed.
func TestUpgradeNotOffered(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"http10":     "GET / HTTP/1.0\r\nConnection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n",
		"not_listed": "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n",
		"h2c":        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: H2C\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"h2c_too":    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Shared, nil)
			client, backend := s.meet(sent)
			if head := readHead(t, backend); strings.Contains(head, "Upgrade") || strings.Contains(head, "HTTP2") || strings.Contains(head, "\r\nConnection:") {
				t.Errorf("backend: got %q, want no offer", head)
			}
			backend.Send(lulltest.Response("hello"))
			client.ExpectAnswer("hello")
			client.Send(sent)
			readHead(t, backend)
			backend.Send(switching)
			checkOwn(t, client.Answer("GET"), "GET", 502)
			if x := s.ExchangeOf(client, 2); x.Reason != reason.BadResponse || x.Upgraded {
				t.Errorf("exchange: got %v, upgraded %v; want bad-response", x.Reason, x.Upgraded)
			}
		})
	}
}

// TestUpgradeWithBody: an offer may come with a body, which belongs to the request.
func TestUpgradeWithBody(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, upgradeWithBody)
}

func upgradeWithBody(t *testing.T) {
	s := counter(t, 1, timeout.Directional, nil)
	client, backend := s.meet(strings.Replace(upgrading, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n", 1))
	readHead(t, backend)
	client.Send("hello")
	backend.Expect("hello")
	backend.Send(switching)
	client.Answer("GET")
	client.Send("ping")
	backend.Expect("ping")
	client.Reset()
	if how, _ := backend.End(); how != "reset" {
		t.Errorf("backend: ended with %s, want the client's reset", how)
	}
	if x := s.ExchangeOf(client, 1); x.Reason != reason.ClientReset || x.BytesUp != uint64(len("helloping")) {
		t.Errorf("exchange: got %v with %d bytes up, want client-reset with %d", x.Reason, x.BytesUp, len("helloping"))
	}
}

// TestUpgradeTooEarly: a backend that agrees before it has the whole request is not believed.
func TestUpgradeTooEarly(t *testing.T) {
	t.Parallel()
	s := counter(t, 1, timeout.Shared, nil)
	client, backend := s.meet(strings.Replace(upgrading, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\nhell", 1))
	readHead(t, backend)
	backend.Send(switching)
	checkOwn(t, client.Answer("GET"), "GET", 502)
}

// TestTunnelsPlace: a tunnel takes up its backend as an exchange and a connection do, and the place that it leaves is for a
// request that waits.
func TestTunnelsPlace(t *testing.T) {
	t.Parallel()
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			s := counter(t, loops, timeout.Shared, func(p *plan.Plan) { lulltest.Set(p).Backends[0].ConnectionsMax = 1 })
			client, backend := s.meet(upgrading)
			backend.Request()
			backend.Send(switching)
			client.Answer("GET")
			s.WaitState(client, "relaying")
			if b := s.Stats().Backends[0]; b.Active != 1 || b.Conns != 1 {
				t.Errorf("backend: got %d exchanges and %d connections, want 1 and 1", b.Active, b.Conns)
			}
			waiting := s.DialHTTP()
			waiting.Get("/")
			s.WaitState(waiting, "queued")
			_ = client.Close()
			_ = backend.Close()
			next := lulltest.TakeHTTP(t, s.accepted)
			next.Request()
			next.Send(lulltest.Response("hello"))
			waiting.ExpectAnswer("hello")
			s.WaitPooled(1)
			if b := s.Stats().Backends[0]; b.Active != 0 || b.Conns != 1 {
				t.Errorf("backend: got %d exchanges and %d connections, want none and the pooled one", b.Active, b.Conns)
			}
		})
	}
}

// TestTunnelBulk: megabytes both ways at once through an upgraded connection.
func TestTunnelBulk(t *testing.T) {
	busy(t)
	lulltest.OnWires(t, tunnelBulk)
}

func tunnelBulk(t *testing.T) {
	const size = 8 << 20
	s := counter(t, 2, timeout.Shared, nil)
	client, backend := s.meet(upgrading)
	backend.Request()
	backend.Send(switching)
	client.Answer("GET")
	flow := func(from, to *lulltest.HTTPConn, seed byte) {
		sent := make(chan error, 1)
		go func() { sent <- sendPattern(from.Conn, size, seed) }()
		if err := checkPattern(to, size, seed); err != nil {
			t.Error(err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
	}
	inParallel(2, func(i int) {
		flow([]*lulltest.HTTPConn{client, backend}[i], []*lulltest.HTTPConn{backend, client}[i], byte(i))
	})
	_ = client.Close()
	_ = backend.Close()
	if r := s.CloseOf(client); r.BytesUp != size || r.BytesDown != size {
		t.Errorf("connection: got %d bytes up and %d down, want %d", r.BytesUp, r.BytesDown, size)
	}
}
