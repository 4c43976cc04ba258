package dataplane_test

import (
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

const (
	upgradeHead = "GET /chat HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n"
	upgradeAsk  = upgradeHead + "Connection: upgrade\r\n\r\n"
	upgradeDone = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
)

// TestBehindUpgrade: what a client sends behind a request to upgrade belongs to the tunnel if there is one, byte for byte,
// and only there; the backend's words behind its 101 likewise. A request that looks like one in the tunnel is none.
func TestBehindUpgrade(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, behindUpgrade)
}

func behindUpgrade(t *testing.T) {
	for _, mode := range []http1.Mode{http1.Monitor, http1.Defensive, http1.Strictest} {
		for _, first := range []string{"fresh", "pooled"} {
			t.Run(mode.String()+"/"+first, func(t *testing.T) {
				t.Parallel()
				hands, accepted := lulltest.Hands(t)
				p := lulltest.HTTPPlan(timeout.Shared, hands.Addr)
				lulltest.Listener(p).Desync = mode
				s := &site{startHTTP(t, 1, p), t, p, hands, accepted}
				d := s.dial(lulltest.Patience)
				if first == "pooled" {
					d.exchange()
				}
				d.say(upgradeAsk + next + "\x00\xff\r\r\n\n")
				b := d.meet()
				if r := b.RequestHead(); r.Header.Get("Upgrade") != "websocket" {
					t.Fatalf("backend: got %v, want an upgrade", r.Header)
				}
				d.tell(upgradeDone + unasked)
				b.Expect(next + "\x00\xff\r\r\n\n")
				d.c.Expect(upgradeDone + unasked)
				d.say("up")
				b.Expect("up")
				d.tell("down")
				d.c.Expect("down")
				_ = d.c.CloseWrite()
				if how, data := b.End(); how != "eof" || len(data) > 0 {
					t.Errorf("backend: got %q and %s, want the client's FIN", data, how)
				}
				_ = b.Close()
				over(t, d.c)
				s.WaitPooled(0)
				if n := hands.Accepted(); n != 1 {
					t.Errorf("back-end connections: got %d, want one", n)
				}
			})
		}
	}
}

// TestUpgradeNotTaken: a 101 that does not fit what was asked makes no tunnel: what the client has sent behind its request
// reaches nobody.
func TestUpgradeNotTaken(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ request, response string }{
		"not_asked":         {get("/"), upgradeDone},
		"http2_asked":       {strings.Replace(upgradeAsk, "websocket", "h2c", 1), strings.Replace(upgradeDone, "websocket", "h2c", 1)},
		"old_client":        {strings.Replace(upgradeAsk, "HTTP/1.1", "HTTP/1.0", 1), upgradeDone},
		"body_not_all_sent": {strings.TrimSuffix(strings.Replace(upgradeAsk, "GET", "POST", 1), "\r\n") + "Content-Length: 1000\r\n\r\n", upgradeDone},
		"no_upgrade_named":  {upgradeAsk, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n"},
		"not_in_connection": {upgradeAsk, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"},
		"old_backend":       {upgradeAsk, strings.Replace(upgradeDone, "HTTP/1.1", "HTTP/1.0", 1)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, timeout.Shared, func(*timeout.Settings) {})
			d := s.dial(lulltest.Patience)
			d.say(c.request + next)
			b := d.meet()
			r := b.RequestHead()
			d.tell(c.response + unasked)
			page(t, d.c, r.Method, 502)
			how, data := b.End()
			if how == "timeout" || len(data) > 0 && name != "body_not_all_sent" {
				t.Errorf("backend: got %q and %s, want no more and an end", data, how)
			}
			_ = b.Close()
			s.WaitPooled(0)
		})
	}
}

// TestBehindRefusedUpgrade: a backend that answers an upgrade in HTTP leaves the connection HTTP, and the request behind is one.
func TestBehindRefusedUpgrade(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, timeout.Shared, func(*timeout.Settings) {})
	d := s.dial(lulltest.Patience)
	d.say(upgradeAsk + next)
	b := d.meet()
	b.RequestHead()
	d.tell("HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0\r\nContent-Length: 5\r\n\r\nhello")
	if a := d.c.Answer("GET"); a.StatusCode != 426 || string(a.Data) != "hello" || a.Close {
		t.Errorf("client: got %s, %q, close %v; want 426, hello", a.Status, a.Data, a.Close)
	}
	if r := b.Request(); r.URL.Path != "/next" {
		t.Errorf("backend: got %s, want /next", r.URL.Path)
	}
	d.answer()
}

// TestGoneWithUpgrade: peers that end their streams in the same breath as they agree on a tunnel get what was said, and the
// tunnel ends for a reason of its own.
func TestGoneWithUpgrade(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		client, backend bool // ends its stream at once
		want            reason.Reason
	}{
		"client":  {true, false, reason.ClientClosed},
		"backend": {false, true, reason.BackendClosed},
		"both":    {true, true, reason.ClientClosed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 1, timeout.Shared, func(*timeout.Settings) {})
			d := s.dial(lulltest.Patience)
			release := s.Hold()
			d.say(upgradeAsk + "up")
			if c.client {
				_ = d.c.CloseWrite()
			}
			release()
			b := d.meet()
			b.RequestHead()
			release = s.Hold()
			d.tell(upgradeDone + "down")
			if c.backend {
				_ = b.CloseWrite()
			}
			release()
			d.c.Expect(upgradeDone + "down")
			b.Expect("up")
			if !c.client {
				over(t, d.c)
				_ = d.c.Close()
			}
			if how, data := b.End(); how != "eof" || len(data) > 0 {
				t.Errorf("backend: got %q and %s, want the client's FIN", data, how)
			}
			_ = b.Close()
			if c.client {
				over(t, d.c)
			}
			if r := s.CloseOf(d.c); r.Reason != c.want {
				t.Errorf("record: got %v, want %v", r.Reason, c.want)
			}
		})
	}
}
