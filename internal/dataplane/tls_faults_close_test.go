package dataplane_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// TestTLSCloseNotify: every end that lull makes in order says so to a TLS client.
func TestTLSCloseNotify(t *testing.T) {
	t.Parallel()
	const idle = 400 * time.Millisecond
	http := lulltest.HTTPKey
	for _, tt := range []struct {
		name string
		key  plan.ListenerKey
		set  func(*plan.Listener)
		ends func(f *fort, g *guest)
		want string // what comes before the end
		why  reason.Reason
	}{
		{"idle-first", http, func(l *plan.Listener) { l.Timeouts.Idle = idle }, nil, "", reason.ClientIdle},
		{"idle-next", http, func(l *plan.Listener) { l.Timeouts.Idle = idle }, func(_ *fort, g *guest) { g.works(http) }, "", reason.ClientIdle},
		{"connection-close", http, nil, func(_ *fort, g *guest) {
			g.say("GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
		}, "hello", reason.CloseAgreed},
		{"http-1.0", http, nil, func(_ *fort, g *guest) { g.say("GET / HTTP/1.0\r\n\r\n") }, "hello", reason.CloseAgreed},
		{"bad-request", http, nil, func(_ *fort, g *guest) { g.say("GET\r\n\r\n") }, "400", reason.BadRequest},
		{"head-too-slow", http, func(l *plan.Listener) { l.Timeouts.RequestHead = idle }, func(_ *fort, g *guest) { g.say("GET / HT") }, "408", reason.HeadTooSlow},
		{"age", http, func(l *plan.Listener) { l.Timeouts.AgeMax = idle }, nil, "", reason.AgeCap},
		{"drained", http, nil, func(f *fort, g *guest) {
			g.works(http)
			go func() { _ = f.Drain(context.Background()) }()
		}, "", reason.Drained},
		{"listener-removed", http, nil, func(f *fort, g *guest) {
			g.works(http)
			f.Changed(f.plan, func(p *plan.Plan) { p.LoadBalancers[0].Listeners = nil })
		}, "", reason.Drained},
		{"client-closes", http, nil, func(_ *fort, g *guest) { _ = g.CloseWrite() }, "", reason.ClientClosed},
		{"no-backend", http, func(l *plan.Listener) { l.BackendSet.Backends = nil }, func(_ *fort, g *guest) { g.say(lulltest.Request("GET", "/", "")) }, "503", reason.NoBackend},
		{"ssl-idle", secretKey, func(l *plan.Listener) { l.Timeouts.Idle = idle }, func(_ *fort, g *guest) { g.works(secretKey) }, "", reason.TunnelIdle},
		{"ssl-drain", secretKey, func(l *plan.Listener) { l.Timeouts.Drain = idle }, func(f *fort, g *guest) {
			g.works(secretKey)
			go func() { _ = f.Drain(context.Background()) }()
		}, "", reason.Shutdown},
		{"ssl-client-closes", secretKey, nil, func(_ *fort, g *guest) { g.works(secretKey); _ = g.CloseWrite() }, "", reason.ClientClosed},
		{"ssl-no-backend", secretKey, func(l *plan.Listener) { l.BackendSet.Backends = nil }, nil, "", reason.NoBackend},
		{"engine-closes", http, nil, func(f *fort, g *guest) { g.works(http); f.Close() }, "", reason.Shutdown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothVersions(t, func(t *testing.T, version uint16) {
				f := newFort(t, 1, func(f *fort) {
					if tt.set != nil {
						tt.set(f.listener(tt.key))
					}
				})
				g := f.enter(tt.key, f.trust(version))
				if tt.ends != nil {
					tt.ends(f, g)
				}
				if how, data := g.end(); how != "closed" || !strings.Contains(string(data), tt.want) || tt.want == "" && len(data) > 0 {
					t.Errorf("client: got %q and %s, want %q and a close_notify", data, how, tt.want)
				}
				_ = g.Close()
				f.ended(g.raw, tt.why)
			})
		})
	}
}

// TestTLSCloseNotifySlowReader: the close_notify comes behind the last byte, however slowly a client reads, and whatever of
// the response its socket had taken when the rest was held.
func TestTLSCloseNotifySlowReader(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		for _, kib := range []int{1, 150, 300, 700, 1500, 3000, 6000} {
			t.Run(fmt.Sprintf("%dK", kib), func(t *testing.T) {
				t.Parallel()
				body := strings.Repeat("0123456789abcdef", kib<<6)
				web := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
					c.Reply("HTTP/1.0 200 OK\r\n\r\n" + body)
					return false
				})
				f := newFort(t, 1, func(f *fort) { f.before(key, web.Addr) })
				raw := lulltest.HTTP(lulltest.DialSized(t, f.Local(key), 8<<10))
				g := f.shake(raw, raw, f.trust(tls.VersionTLS13))
				g.say("GET / HTTP/1.0\r\nHost: test\r\n\r\n")
				var got int
				var err error
				for buffer := make([]byte, 64<<10); err == nil; let(time.Millisecond) {
					var n int
					_ = g.SetDeadline(time.Now().Add(lulltest.Patience))
					n, err = g.Read(buffer)
					got += n
				}
				if !errors.Is(err, io.EOF) || !g.trail.closed() || got < len(body) {
					t.Errorf("client: got %d bytes and %v, close_notify %v; want %d", got, err, g.trail.closed(), len(body))
				}
			})
		}
	})
}

// TestTLSHalfCloseTO_09: one side says that it has nothing more to send; the other direction goes on.
func TestTLSHalfCloseTO_09(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		for _, clientFirst := range []bool{false, true} {
			t.Run(fmt.Sprintf("secure-backend-%v/client-first-%v", back, clientFirst), func(t *testing.T) {
				t.Parallel()
				f, g, b := tunnelTo(t, back, func(l *plan.Listener) { l.Timeouts.Idle = 20 * time.Second })
				first, second := half2(g), b
				if !clientFirst {
					first, second = b, g
				}
				_ = first.CloseWrite()
				if _, err := second.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Fatalf("the other side: got %v, want the end of the stream", err)
				}
				for range 3 {
					if _, err := io.WriteString(second, "more"); err != nil {
						t.Fatalf("the other direction: %v", err)
					}
					got := make([]byte, 4)
					if _, err := io.ReadFull(first, got); err != nil || string(got) != "more" {
						t.Fatalf("the other direction: got %q, %v; want more", got, err)
					}
				}
				_ = second.CloseWrite()
				if _, err := first.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("at last: got %v, want the end of the stream", err)
				}
				why := reason.BackendClosed
				if clientFirst {
					why = reason.ClientClosed
				}
				f.ended(g.raw, why)
			})
		}
	}
}

// half2 is a connection that can end its own direction.
type half2 interface {
	io.ReadWriter
	CloseWrite() error
}

// tunnelTo returns both ends of a tunnel through a fort's ssl listener.
func tunnelTo(t *testing.T, back bool, set func(*plan.Listener)) (*fort, *guest, half2) {
	t.Helper()
	server, accepted := lulltest.Hands(t)
	var config *tls.Config
	f := newFort(t, 1, func(f *fort) {
		f.before(secretKey, server.Addr)
		if config = certified(t, f.ca, local()); back {
			f.listener(secretKey).BackendSet.TLS = clientTLS(f.ca)
		}
		if set != nil {
			set(f.listener(secretKey))
		}
	})
	g := f.enter(secretKey, f.trust(tls.VersionTLS13))
	raw := lulltest.Take(t, accepted)
	_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
	if !back {
		return f, g, raw
	}
	b := &guest{raw: lulltest.HTTP(raw), trail: &trail{Conn: raw}, f: f}
	b.Conn = tls.Server(b.trail, config)
	if err := b.Handshake(); err != nil {
		t.Fatalf("handshake of the backend: %v", err)
	}
	return f, g, b
}

// TestTLSTunnelTruncation: an end without close_notify is passed on as that, and one with as one with.
func TestTLSTunnelTruncation(t *testing.T) {
	t.Parallel()
	for _, cut := range []bool{false, true} {
		for _, byClient := range []bool{false, true} {
			t.Run(fmt.Sprintf("cut-%v/by-client-%v", cut, byClient), func(t *testing.T) {
				t.Parallel()
				f, g, b := tunnelTo(t, true, nil)
				from, to := g, b.(*guest)
				if !byClient {
					from, to = to, from
				}
				from.say("hello")
				if cut {
					_ = from.trail.CloseWrite()
				} else {
					_ = from.CloseWrite()
				}
				if how, data := to.end(); string(data) != "hello" || how != map[bool]string{true: "cut", false: "closed"}[cut] {
					t.Errorf("the other side: got %q and %s, want hello and close_notify: %v", data, how, !cut)
				}
				_ = to.CloseWrite()
				why := reason.BackendClosed
				if byClient {
					why = reason.ClientClosed
				}
				f.ended(g.raw, why)
			})
		}
	}
}

// TestTLSResponseTruncation: a response the end of which is that of its connection is whole only with a close_notify.
func TestTLSResponseTruncation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, head, body string
		cut              bool // by a FIN alone
		whole            bool
		why              reason.Reason
	}{
		{"until-close", "", "hello", false, true, reason.Completed},
		{"until-close-cut", "", "hello", true, false, reason.BackendTruncated},
		{"length", "Content-Length: 5\r\n", "hello", false, true, reason.Completed},
		{"length-cut", "Content-Length: 5\r\n", "hello", true, true, reason.Completed},
		{"length-short", "Content-Length: 9\r\n", "hello", false, false, reason.BackendClosed},
		{"length-short-cut", "Content-Length: 9\r\n", "hello", true, false, reason.BackendTruncated},
		{"chunked-cut", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n", true, true, reason.Completed},
		{"chunked-short", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", false, false, reason.BackendClosed},
		{"chunked-short-cut", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n", true, false, reason.BackendTruncated},
		{"big-cut", "", strings.Repeat("x", 3<<20), true, false, reason.BackendTruncated},
	} {
		for _, proto := range []string{"1.0", "1.1"} {
			t.Run(tt.name+"/"+proto, func(t *testing.T) {
				t.Parallel()
				f := newFort(t, 1, func(f *fort) {
					f.before(lulltest.HTTPKey, secureServer(t, certified(t, f.ca, local()), func(c *tls.Conn) {
						_, _ = lulltest.NewReader(c).Request()
						_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+tt.head+"\r\n"+tt.body)
						if tt.cut {
							_ = c.NetConn().(interface{ CloseWrite() error }).CloseWrite()
						} else {
							_ = c.CloseWrite()
						}
						_, _ = io.Copy(io.Discard, c)
					}).Addr)
					f.listener(lulltest.HTTPKey).BackendSet.TLS = clientTLS(f.ca)
				})
				g := f.enter(lulltest.HTTPKey, f.trust(tls.VersionTLS13))
				g.say("GET / HTTP/" + proto + "\r\nHost: test\r\nConnection: close\r\n\r\n")
				a := g.answer("GET")
				if (a.How == "whole") != tt.whole {
					t.Errorf("client: got %s with %d bytes, want it whole: %v", a.How, len(a.Data), tt.whole)
				}
				if x := f.ExchangeOf(g.raw, 1); x.Reason != tt.why || x.Status != 200 {
					t.Errorf("exchange: got %v with %d, want %v", x.Reason, x.Status, tt.why)
				}
			})
		}
	}
}
