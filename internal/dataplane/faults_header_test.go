package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

//nolint:gochecknoglobals // constants, but for Go's type system
var (
	far4, near4 = netip.MustParseAddrPort("192.0.2.77:4711"), netip.MustParseAddrPort("198.51.100.9:443")
	far6, near6 = netip.MustParseAddrPort("[2001:db8::77]:4711"), netip.MustParseAddrPort("[2001:db8::9]:443")
)

// v2Local is a version 2 header with the command LOCAL, as health checks of other proxies send it.
const v2Local = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"

func accepting(l *plan.Listener) { l.ProxyAccept = true }

// TestHeaderMalformed: what is no header is refused at once, with a FIN, and reaches no backend.
func TestHeaderMalformed(t *testing.T) {
	t.Parallel()
	v2 := proxyproto.AppendV2(nil, far4, near4)
	bad := map[string]string{
		"http":          "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"one-byte":      "X",
		"tls":           "\x16\x03\x01\x02\x00\x01\x00",
		"v1-family":     "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
		"v1-address":    "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
		"v1-port":       "PROXY TCP4 1.2.3.4 5.6.7.8 1 65536\r\n",
		"v1-no-end":     "PROXY TCP4 1.2.3.4 5.6.7.8 1 2" + strings.Repeat(" ", 200),
		"v1-unknown":    "PROXY UNKNOWN " + strings.Repeat("x", 200),
		"v1-lf":         "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
		"v2-version":    string(v2[:12]) + "\x31" + string(v2[13:]),
		"v2-command":    string(v2[:12]) + "\x22" + string(v2[13:]),
		"v2-too-long":   string(v2[:14]) + "\xff\xff",
		"v2-short":      string(v2[:14]) + "\x00\x04abcd",
		"v2-tlv-beyond": string(v2[:14]) + "\x00\x10" + string(v2[16:]) + "\x03\x00\x09x",
		"zeros":         strings.Repeat("\x00", 5000),
		"flood":         "PROXY" + strings.Repeat("A", 1<<20),
	}
	for name, header := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backend := lulltest.Echo(t)
			p := lulltest.Plan(backend.Addr)
			accepting(lulltest.Listener(p))
			e := lulltest.Start(t, p)
			c := e.Dial()
			go func() { _, _ = io.WriteString(c, header) }()
			if how, data := c.End(); how != "eof" || len(data) != 0 {
				t.Errorf("the client saw %s after %d bytes, want eof", how, len(data))
			}
			expectCloses(t, e, 1, reason.BadProxyHeader)
			if n := backend.Accepted(); n != 0 {
				t.Errorf("the backend was connected to %d times, want never", n)
			}
		})
	}
}

// TestHeaderCut: every way for a header not to become whole.
func TestHeaderCut(t *testing.T) {
	t.Parallel()
	whole := string(proxyproto.AppendV1(nil, far4, near4))
	v2 := string(proxyproto.AppendV2(nil, far6, near6))
	var cuts []string
	for _, n := range []int{0, 1, 5, 6, 20, len(whole) - 1} {
		cuts = append(cuts, whole[:n])
	}
	for _, n := range []int{1, 12, 15, 16, 40, len(v2) - 1} {
		cuts = append(cuts, v2[:n])
	}
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	accepting(lulltest.Listener(p))
	e := lulltest.Start(t, p)
	for _, cut := range cuts {
		c := e.Dial()
		c.Send(cut)
		_ = c.CloseWrite()
		if how, _ := c.End(); how != "eof" {
			t.Errorf("FIN after %d bytes: the client saw %s, want eof", len(cut), how)
		}
		expectCloses(t, e, 1, reason.ClientClosed)
		c = e.Dial()
		c.Send(cut)
		c.Reset()
		expectCloses(t, e, 1, reason.ClientReset)
	}
}

// TestHeaderSlow: a client that drips bytes does not outlive the handshake timeout, and one that is whole in time does.
func TestHeaderSlow(t *testing.T) {
	t.Parallel()
	const limit = 400 * time.Millisecond
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	accepting(lulltest.Listener(p))
	lulltest.Listener(p).Timeouts.Handshake = limit
	e := lulltest.Start(t, p)
	start := time.Now()
	slow, silent := e.Dial(), e.Dial()
	go func() {
		for _, b := range proxyproto.AppendV1(nil, far4, near4) {
			if _, err := slow.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond) // the attack: more than two seconds in all
		}
	}()
	for name, c := range map[string]*lulltest.Conn{"slow": slow, "silent": silent} {
		how, _ := c.End()
		if took := time.Since(start); how != "eof" || took < limit || took > 2*limit+time.Second {
			t.Errorf("%s: ended with %s after %v, want eof after %v", name, how, took, limit)
		}
	}
	for _, r := range closes(e, 2) {
		if r.Reason != reason.HandshakeTimeout || r.Timer != "handshake" || r.Setting != limit {
			t.Errorf("record: got %v by %s=%v, want handshake-timeout", r.Reason, r.Timer, r.Setting)
		}
	}
}

// TestHeaderPieces: a header in any pieces, with payload behind it, is read as in one.
func TestHeaderPieces(t *testing.T) {
	t.Parallel()
	headers := map[string][]byte{
		"v1-4": proxyproto.AppendV1(nil, far4, near4), "v2-6": proxyproto.AppendV2(nil, far6, near6),
		"v2-local": []byte(v2Local), "v1-unknown": []byte("PROXY UNKNOWN\r\n"),
	}
	for name, header := range headers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			p := lulltest.Plan(lulltest.Echo(t).Addr)
			accepting(lulltest.Listener(p))
			e := lulltest.Start(t, p)
			text := string(header) + "hello"
			for round := range 12 {
				c := e.Dial()
				_ = c.SetNoDelay(true)
				for at := 0; at < len(text); {
					n := 1 // byte by byte at first
					if round > 0 {
						n = min(len(text)-at, 1+random.IntN(len(text)))
					}
					c.Send(text[at : at+n])
					at += n
				}
				c.Expect("hello")
				c.Ask("and more")
			}
		})
	}
}

// headed is a backend that expects a PROXY header, answers with what it said, and then echoes.
func headed(t *testing.T, addr string) *lulltest.Server {
	t.Helper()
	return lulltest.ServeOn(t, addr, func(c *net.TCPConn) {
		var got []byte
		b := make([]byte, 256)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			got = append(got, b[:n]...)
			h, size, err := proxyproto.Parse(got)
			if err != nil {
				_, _ = fmt.Fprintf(c, "bad: %v\n", err)
				return
			}
			if size > 0 {
				_, _ = fmt.Fprintf(c, "v%d %v %v %v\n", h.Version, h.Local, h.Source, h.Dest)
				_, _ = c.Write(got[size:])
				_, _ = io.Copy(c, c)
				return
			}
		}
	})
}

// readLine reads up to a line feed.
func readLine(t *testing.T, c *lulltest.Conn) string {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	var line bytes.Buffer
	var b [1]byte
	for b[0] != '\n' {
		if _, err := io.ReadFull(c, b[:]); err != nil {
			t.Fatalf("after %q: %v", line.String(), err)
		}
		line.WriteByte(b[0])
	}
	return strings.TrimSuffix(line.String(), "\n")
}

// TestHeaderPassedOn: what the backend is told, for each version, family, and what the client's own header said.
func TestHeaderPassedOn(t *testing.T) {
	t.Parallel()
	const none = "<the socket's own>"
	tests := []struct {
		name     string
		listen   string
		backend  string
		send     uint8
		client   []byte // its header; nil: proxy_accept is off
		wantAddr string // "source dest"
	}{
		{"plain-v1-4", "127.0.0.1:0", "127.0.0.1:0", 1, nil, none},
		{"plain-v2-4", "127.0.0.1:0", "127.0.0.1:0", 2, nil, none},
		{"plain-v1-6", "[::1]:0", "[::1]:0", 1, nil, none},
		{"plain-v2-6", "[::1]:0", "[::1]:0", 2, nil, none},
		{"6-to-4", "[::1]:0", "127.0.0.1:0", 2, nil, none},
		{"4-to-6", "127.0.0.1:0", "[::1]:0", 1, nil, none},
		{"any-v1", "0.0.0.0:0", "127.0.0.1:0", 1, nil, none},
		{"any-v2-6", "[::]:0", "127.0.0.1:0", 2, nil, none},
		{"claimed-v1-to-v2", "127.0.0.1:0", "127.0.0.1:0", 2, proxyproto.AppendV1(nil, far4, near4), far4.String() + " " + near4.String()},
		{"claimed-v2-to-v1", "127.0.0.1:0", "127.0.0.1:0", 1, proxyproto.AppendV2(nil, far4, near4), far4.String() + " " + near4.String()},
		{"claimed-6-over-4", "127.0.0.1:0", "127.0.0.1:0", 2, proxyproto.AppendV2(nil, far6, near6), far6.String() + " " + near6.String()},
		{"claimed-6-to-v1", "127.0.0.1:0", "[::1]:0", 1, proxyproto.AppendV1(nil, far6, near6), far6.String() + " " + near6.String()},
		{"local-v2", "127.0.0.1:0", "127.0.0.1:0", 2, []byte(v2Local), none},
		{"unknown-v1", "[::1]:0", "127.0.0.1:0", 1, []byte("PROXY UNKNOWN\r\n"), none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := lulltest.Plan(headed(t, tt.backend).Addr)
			l := lulltest.Listener(p)
			l.Address = netip.MustParseAddrPort(tt.listen)
			l.ProxySend, l.ProxyAccept = tt.send, tt.client != nil
			e := lulltest.Start(t, p)
			to := e.Addr()
			if to.Addr().IsUnspecified() {
				to = netip.AddrPortFrom(map[bool]netip.Addr{true: netip.MustParseAddr("127.0.0.1"),
					false: netip.IPv6Loopback()}[to.Addr().Is4()], to.Port())
			}
			c := lulltest.Dial(t, to)
			c.Send(string(tt.client) + "payload")
			want := tt.wantAddr
			if want == none {
				want = c.LocalAddr().String() + " " + c.RemoteAddr().String()
			}
			if got := readLine(t, c); got != fmt.Sprintf("v%d false %s", tt.send, want) {
				t.Errorf("the backend was told %q, want v%d false %s", got, tt.send, want)
			}
			c.Expect("payload")
			c.Ask("more")
			live := e.Live()
			if len(live) != 1 {
				t.Fatalf("listed: got %d connections, want 1", len(live))
			}
			if got := live[0].Ends; got.Client.String() != strings.Fields(want)[0] || got.Peer.String() != c.LocalAddr().String() {
				t.Errorf("listed: client %v, peer %v, want %s, %v", got.Client, got.Peer, strings.Fields(want)[0], c.LocalAddr())
			}
			if r := live[0]; r.BytesUp != uint64(len("payloadmore")) {
				t.Errorf("bytes up: got %d, want those of the payload, %d", r.BytesUp, len("payloadmore"))
			}
		})
	}
}
