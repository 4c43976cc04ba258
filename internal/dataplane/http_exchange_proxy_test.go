package dataplane_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// announcing is a site whose listener wants a PROXY header.
func announcing(t *testing.T, m timeout.Model) *site {
	t.Helper()
	return counter(t, 1, m, func(p *plan.Plan) { accepting(lulltest.Listener(p)) })
}

// TestProxyHeader: backends and records see the client that a PROXY header announces, on every request of the connection,
// however header and requests are cut.
func TestProxyHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		header string
		client string // as announced; empty: nobody, so the peer itself is the client
	}{
		"v1":         {string(proxyproto.AppendV1(nil, far4, near4)), "192.0.2.77"},
		"v1_ipv6":    {string(proxyproto.AppendV1(nil, far6, near6)), "2001:db8::77"},
		"v1_unknown": {"PROXY UNKNOWN\r\n", ""},
		"v2":         {string(proxyproto.AppendV2(nil, far4, near4)), "192.0.2.77"},
		"v2_ipv6":    {string(proxyproto.AppendV2(nil, far6, near6)), "2001:db8::77"},
		"v2_local":   {v2Local, ""},
	} {
		for _, how := range []string{"at_once", "apart", "in_pieces"} {
			t.Run(name+"_"+how, func(t *testing.T) {
				t.Parallel()
				s := announcing(t, timeout.Directional)
				client := s.DialHTTP()
				requests := "GET /1 HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\n\r\n" + lulltest.Request("POST", "/2", "hello")
				switch how {
				case "at_once":
					client.Send(c.header + requests)
				case "apart":
					client.Send(c.header)
					s.WaitState(client, "waiting")
					client.Send(requests)
				case "in_pieces":
					for _, b := range []byte(c.header + requests) {
						client.Send(string([]byte{b}))
					}
				}
				backend := lulltest.TakeHTTP(t, s.accepted)
				want := c.client
				if want == "" {
					want = "127.0.0.1"
				}
				for i, forwarded := range []string{"198.51.100.7, " + want, want} {
					got := backend.Request()
					if got.Header.Get("X-Forwarded-For") != forwarded || got.Header.Get("X-Real-Ip") != want || got.URL.Path != fmt.Sprintf("/%d", i+1) {
						t.Errorf("backend: got %s for %q and %q, want /%d for %q and %q", got.URL, got.Header.Get("X-Forwarded-For"),
							got.Header.Get("X-Real-Ip"), i+1, forwarded, want)
					}
					if port := got.Header.Get("X-Forwarded-Port"); port != fmt.Sprint(s.Local(lulltest.HTTPKey).Port()) {
						t.Errorf("backend: got port %s, want lull's own", port)
					}
					backend.Send(lulltest.Response("hello"))
					client.ExpectAnswer("hello")
				}
				x := s.ExchangeOf(client, 2)
				peer := netip.MustParseAddrPort(client.LocalAddr().String())
				if x.Ends.Client.Addr().String() != want || x.Ends.Peer != peer || (c.client == "") != (x.Ends.Client == peer) {
					t.Errorf("exchange: got client %v and peer %v, want %s and %v", x.Ends.Client, x.Ends.Peer, want, peer)
				}
			})
		}
	}
}

// TestProxyHeaderMissing: who sends no valid header gets no answer, for it may be that nobody would understand it.
func TestProxyHeaderMissing(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"request": lulltest.Request("GET", "/", ""), "endless": "PROXY TCP4 " + strings.Repeat("1", 600), "half": "PROXY TC",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := announcing(t, timeout.Shared)
			client := s.DialHTTP()
			client.Send(sent)
			why := reason.BadProxyHeader
			if name == "half" {
				s.WaitState(client, "proxy-header")
				_ = client.CloseWrite()
				why = reason.ClientClosed
			}
			closed(t, "client", client)
			if r := s.CloseOf(client); r.Reason != why || r.Exchanges != 0 {
				t.Errorf("connection: got %v after %d exchanges, want %v after none", r.Reason, r.Exchanges, why)
			}
			if s.backend.Accepted() != 0 {
				t.Error("a backend was connected to, want none")
			}
		})
	}
}

// TestProxyHeaderHash: a source address policy goes by the client that is announced.
func TestProxyHeaderHash(t *testing.T) {
	t.Parallel()
	e, _, _ := fleet(t, 2, 3, func(p *plan.Plan) {
		lulltest.Set(p).Policy = plan.SourceIPHash
		accepting(lulltest.Listener(p))
	})
	used := map[string]bool{}
	for i := range 40 {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 1000)
		first := ""
		for range 3 {
			c := e.DialHTTP()
			c.Send(string(proxyproto.AppendV2(nil, from, near4)))
			name := who(c)
			if first == "" {
				first = name
			}
			if used[name] = true; name != first {
				t.Errorf("%v: got %s, want %s as before", from, name, first)
			}
		}
	}
	if len(used) != 3 {
		t.Errorf("backends used: got %v, want all", used)
	}
}
