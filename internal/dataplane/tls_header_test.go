package dataplane_test

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"lull/internal/dataplane/proxyproto"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// herald is a backend that tells the PROXY header with which a connection begins, of version 2 if it has two, and then goes on.
func herald(t *testing.T, addr string, told chan<- string, then func(*net.TCPConn)) *lulltest.Server {
	t.Helper()
	return lulltest.ServeOn(t, addr, func(c *net.TCPConn) {
		header := make([]byte, 16, proxyproto.HeaderMax)
		if _, err := io.ReadFull(c, header); err != nil {
			told <- err.Error()
			return
		}
		if header[0] == 'P' {
			for header[len(header)-1] != '\n' {
				one := header[len(header) : len(header)+1]
				if _, err := io.ReadFull(c, one); err != nil {
					break
				}
				header = header[:len(header)+1]
			}
		} else {
			rest := header[16 : 16+int(binary.BigEndian.Uint16(header[14:]))]
			_, _ = io.ReadFull(c, rest)
			header = header[:16+len(rest)]
		}
		told <- string(header)
		then(c)
	})
}

func echo(c *net.TCPConn) { _, _ = io.Copy(c, c) }

// TestTLS10Header: a listener that ends the client's TLS tells the backend of the client, and by which name it was called, at once and
// before anything else: the client says nothing meanwhile. To a backend over TLS that is in plain text, before the handshake.
func TestTLS10Header(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		listen  string
		version uint8
		told    bool   // plan.Listener.ProxyName
		sni     string // what the client asks for; empty: nothing
		want    string // the name for the backend
		back    bool   // the backend speaks TLS
	}{
		{"v1", "127.0.0.1:0", 1, false, "web.example", "", false},
		{"v1-has-no-name", "127.0.0.1:0", 1, true, "web.example", "", false},
		{"v2", "127.0.0.1:0", 2, true, "web.example", "web.example", false},
		{"v2-6", "[::1]:0", 2, true, "web.example", "web.example", false},
		{"v2-untold", "127.0.0.1:0", 2, false, "web.example", "", false},
		{"v2-nothing-asked", "127.0.0.1:0", 2, true, "", "", false},
		{"v2-to-tls", "127.0.0.1:0", 2, true, "web.example", "web.example", true},
		{"v1-to-tls", "127.0.0.1:0", 1, true, "web.example", "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothVersions(t, func(t *testing.T, version uint16) {
				ca, told, then := testca.NewFor(t), make(chan string, 1), echo
				if tt.back {
					config := certified(t, ca, local())
					then = func(c *net.TCPConn) { echoAll(tls.Server(c, config)) }
				}
				p := lulltest.Plan(herald(t, "127.0.0.1:0", told, then).Addr)
				l := lulltest.Listener(p)
				l.Address = netip.MustParseAddrPort(tt.listen)
				l.TLS, l.ProxySend, l.ProxyName = serverTLS(t, ca, "web.example"), tt.version, tt.told
				if tt.back {
					lulltest.Set(p).TLS = clientTLS(ca)
				}
				e := lulltest.Start(t, p)
				raw := lulltest.Dial(t, e.Addr())
				_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
				config := &tls.Config{RootCAs: ca.Pool(), ServerName: tt.sni, MinVersion: version, MaxVersion: version}
				config.InsecureSkipVerify = tt.sni == ""
				c := tls.Client(raw, config)
				if err := c.Handshake(); err != nil {
					t.Fatalf("handshake: %v", err)
				}
				source, dest := netip.MustParseAddrPort(c.LocalAddr().String()), e.Addr()
				want := string(proxyproto.AppendV1(nil, source, dest))
				if tt.version == 2 {
					want = string(proxyproto.AppendV2Name(nil, source, dest, tt.want))
				}
				if got := <-told; got != want {
					t.Errorf("header: got %q, want %q", got, want)
				}
				if _, err := io.WriteString(c, "hello"); err != nil {
					t.Fatalf("send: %v", err)
				}
				got := make([]byte, 5)
				if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
					t.Errorf("echo: got %q, %v, want hello", got, err)
				}
				_ = c.Close()
			})
		})
	}
}

// TestTLS10HeaderOfTunnel: what the client and the backend say to each other is theirs, the name as well.
func TestTLS10HeaderOfTunnel(t *testing.T) {
	t.Parallel()
	ca, told := testca.NewFor(t), make(chan string, 1)
	config := certified(t, ca, testca.Request{Names: []string{"web.example"}})
	p := lulltest.Plan(herald(t, "127.0.0.1:0", told, func(c *net.TCPConn) { echoAll(tls.Server(c, config)) }).Addr)
	l := lulltest.Listener(p)
	l.ProxySend, l.ProxyName = 2, true
	e := lulltest.Start(t, p)
	raw := e.Dial()
	_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
	source := netip.MustParseAddrPort(raw.LocalAddr().String())
	if got, want := <-told, string(proxyproto.AppendV2(nil, source, e.Addr())); got != want {
		t.Errorf("header: got %q, want %q", got, want)
	}
	c := tls.Client(raw, &tls.Config{RootCAs: ca.Pool(), ServerName: "web.example"})
	if err := c.Handshake(); err != nil {
		t.Errorf("handshake behind the header: %v", err)
	}
	_ = c.Close()
}
