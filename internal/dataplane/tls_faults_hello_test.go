package dataplane_test

import (
	"crypto/tls"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// TestTLSNonsense: what is no ClientHello ends the connection at once, with its reason.
func TestTLSNonsense(t *testing.T) {
	t.Parallel()
	hello := helloOf(t, &tls.Config{ServerName: "web.example"})
	long := append([]byte{22, 3, 1, 0x48, 1}, make([]byte, 0x4801)...)
	body := strings.Repeat("x", 300<<10)
	for _, tt := range []struct {
		name string
		said string
	}{
		{"zeroes", string(make([]byte, 512))},
		{"sslv2", "\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00\x80\x07\x00\xc0\x06\x00\x40\x02\x00\x80\x04\x00\x80" + strings.Repeat("c", 16)},
		{"application-data", "\x17\x03\x03\x00\x05hello"},
		{"alert", "\x15\x03\x03\x00\x02\x02\x28"},
		{"change-cipher-spec", "\x14\x03\x03\x00\x01\x01"},
		{"heartbeat", "\x18\x03\x02\x00\x03\x01\x40\x00"},
		{"version-major", "\x16\x02" + string(hello[2:])},
		{"empty-record", "\x16\x03\x01\x00\x00" + string(hello)},
		{"too-long", string(long)},
		{"lower-case", "get / http/1.1\r\n\r\n"},
		{"no-hello", "\x16\x03\x01\x00\x04\x02\x00\x00\x00"},
		{"hello-garbled", string(hello[:9]) + strings.Repeat("\xff", len(hello)-9)},
		{"hello-too-long", "\x16\x03\x01\x00\x04\x01\xff\xff\xff"},
		{"hello-twice", string(hello) + string(hello)},
		{"hello-then-data", string(hello) + "\x17\x03\x03\x00\x05hello"},
		{"much-behind", "\x17\x03\x03\x00\x05hello" + body},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				f := newFort(t, 1, nil)
				c := f.knock(key)
				_, _ = io.WriteString(c.Conn, tt.said)
				if how, data := c.End(); how != "eof" || strings.HasPrefix(string(data), "HTTP") {
					t.Errorf("client: got %s after %q, want a FIN", how, data)
				}
				r := f.ended(c, reason.HandshakeFailed)
				if r.TLS.Front.Version != 0 || r.Timer != "" || !r.Ends.Secure() {
					t.Errorf("record: got %+v by %q of %s, want no version, no timer", r.TLS, r.Timer, r.Ends.Protocol)
				}
				f.fares()
			})
		})
	}
}

// TestTLSPlainHTTP: a client that speaks plain HTTP to an https listener is told so, whatever it has sent.
func TestTLSPlainHTTP(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, said string }{
		{"get", lulltest.Request("GET", "/", "")},
		{"one-letter", "G"},
		{"part", "POST /form HT"},
		{"body", lulltest.Request("POST", "/", strings.Repeat("x", 200<<10))},
		{"pipelined", strings.Repeat(lulltest.Request("GET", "/", ""), 100)},
		{"unknown-method", "BREW /pot HTTP/1.1\r\nHost: test\r\n\r\n"},
		{"http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFort(t, 1, nil)
			c := f.knock(lulltest.HTTPKey)
			c.Send(tt.said)
			a := c.Answer("GET")
			checkOwn(t, a, "GET", 400)
			if !strings.Contains(string(a.Data), "HTTPS") {
				t.Errorf("page: got %q, want it to name HTTPS", a.Data)
			}
			over(t, c)
			_ = c.Close()
			r := f.ended(c, reason.PlainHTTP)
			x := f.ExchangeOf(c, 1)
			if x.Reason != reason.PlainHTTP || x.Status != 400 || x.BackendStatus != 0 || r.Exchanges != 1 || x.TLS.Front.Version != 0 {
				t.Errorf("exchange: got %v with %d (backend %d), TLS %+v; want plain-http with 400", x.Reason, x.Status, x.BackendStatus, x.TLS)
			}
			f.fares()
		})
	}
}

// TestTLSPlainText: there is nothing to tell a client that does not speak HTTP.
func TestTLSPlainText(t *testing.T) {
	t.Parallel()
	f := newFort(t, 1, nil)
	c := f.knock(secretKey)
	c.Send("EHLO mail.example\r\n")
	if how, data := c.End(); how != "eof" || len(data) > 0 {
		t.Errorf("client: got %q and %s, want a FIN", data, how)
	}
	f.ended(c, reason.HandshakeFailed)
	f.fares()
}

// bytewise cuts what is written into single bytes.
func bytewise(b []byte) (pieces [][]byte) {
	for i := range b {
		pieces = append(pieces, b[i:i+1])
	}
	return pieces
}

// recordwise puts what the first record holds into records of n bytes, and sends them in one segment or one by one.
func recordwise(n int, apart bool) func([]byte) [][]byte {
	first := true
	return func(b []byte) (pieces [][]byte) {
		if !first {
			return [][]byte{b}
		}
		first = false
		size := int(b[3])<<8 | int(b[4])
		content, rest := b[5:5+size], b[5+size:]
		var joined []byte
		for len(content) > 0 {
			m := min(n, len(content))
			one := append([]byte{b[0], b[1], b[2], byte(m >> 8), byte(m)}, content[:m]...)
			content = content[m:]
			pieces = append(pieces, one)
			joined = append(joined, one...)
		}
		if !apart {
			pieces = [][]byte{joined}
		}
		if len(rest) > 0 {
			pieces = append(pieces, rest)
		}
		return pieces
	}
}

// TestTLSPieces: a handshake may come in any pieces, of segments or of records.
func TestTLSPieces(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cut  func() func([]byte) [][]byte
	}{
		{"bytes", func() func([]byte) [][]byte { return bytewise }},
		{"records", func() func([]byte) [][]byte { return recordwise(100, false) }},
		{"records-apart", func() func([]byte) [][]byte { return recordwise(37, true) }},
		{"tiny-records", func() func([]byte) [][]byte { return recordwise(5, true) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				bothVersions(t, func(t *testing.T, version uint16) {
					f := newFort(t, 1, nil)
					raw := f.knock(key)
					g := f.shake(raw, &valve{HTTPConn: raw, open: -1, cut: tt.cut()}, f.trust(version))
					g.works(key)
					_ = g.CloseWrite()
					if how, data := g.end(); how != "closed" || len(data) > 0 {
						t.Errorf("client: got %q and %s, want a close_notify", data, how)
					}
					_ = raw.Close()
					if r := f.ended(raw, reason.ClientClosed); r.TLS.Front.Version != version {
						t.Errorf("record: got %+v, want version %x", r.TLS.Front, version)
					}
				})
			})
		})
	}
}

// TestTLSSlowHelloTO_05: a ClientHello that drips is served as long as the handshake keeps to its limit, and the idle timeout
// has no say in it.
func TestTLSSlowHelloTO_05(t *testing.T) {
	t.Parallel()
	const idle, limit = 400 * time.Millisecond, 5 * time.Second
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 1, func(f *fort) {
			f.each(func(l *plan.Listener) { l.Timeouts.Idle, l.Timeouts.Handshake = idle, limit })
		})
		raw := f.knock(key)
		began := now()
		pauses := 0
		g := f.shake(raw, &valve{HTTPConn: raw, open: -1, cut: func(b []byte) [][]byte {
			if pauses++; pauses > 1 {
				return [][]byte{b}
			}
			for i := range 3 { // the rest is written by the valve
				_, _ = raw.Write(b[:2])
				b = b[2:]
				let(idle - time.Duration(i)*idle/10)
			}
			return [][]byte{b}
		}}, f.trust(tls.VersionTLS13))
		if took := time.Since(began.at); took < idle {
			t.Fatalf("the handshake took %v, want more than the idle timeout", took)
		}
		g.works(key)
	})
}

// TestTLSEarly: what a client sends behind its Finished in the same segment is served, be it only half a record.
func TestTLSEarly(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]int{"whole": 0, "half": 10, "all-but-header": 40, "much": 0, "much-half": 10_000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gates(t, func(t *testing.T, key plan.ListenerKey) {
				f := newFort(t, 1, nil)
				raw := f.knock(key)
				v := &valve{HTTPConn: raw, open: 1}
				g := f.shake(raw, v, f.trust(tls.VersionTLS13)) // the client is done with its Finished, which is held
				text := lulltest.Request("GET", "/", "")
				if strings.HasPrefix(name, "much") { // more than crypto/tls takes at once
					text = lulltest.Request("POST", "/", strings.Repeat("x", 40_000))
				}
				g.say(text)
				v.release(keep)
				if keep > 0 && len(text) < 1000 {
					f.WaitState(raw, map[plan.ListenerKey]string{lulltest.HTTPKey: "waiting", secretKey: "relaying"}[key])
				}
				v.release(0)
				if key == secretKey {
					g.hear(text)
				} else if a := g.answer("GET"); string(a.Data) != "hello" {
					t.Errorf("answer: got %s, %q; want hello", a.Status, a.Data)
				}
			})
		})
	}
}

// TestTLSEarlyResumed12: in a resumed handshake of TLS 1.2 too the client's Finished is the last.
func TestTLSEarlyResumed12(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 1, nil)
		config := f.trust(tls.VersionTLS12)
		config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		f.enter(key, config).works(key)
		raw := f.knock(key)
		v := &valve{HTTPConn: raw, open: 1}
		g := f.shake(raw, v, config)
		if !g.ConnectionState().DidResume {
			t.Fatal("the session was not resumed")
		}
		text := lulltest.Request("GET", "/", "")
		g.say(text)
		v.release(7)
		v.release(0)
		if key == secretKey {
			g.hear(text)
		} else if a := g.answer("GET"); string(a.Data) != "hello" {
			t.Errorf("answer: got %s, %q; want hello", a.Status, a.Data)
		}
	})
}

// TestTLSBehindProxyHeader: the ClientHello may come in one segment with the PROXY header.
func TestTLSBehindProxyHeader(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		f := newFort(t, 1, func(f *fort) { f.each(func(l *plan.Listener) { l.ProxyAccept = true }) })
		raw := f.knock(key)
		source := netip.MustParseAddrPort("198.51.100.7:4321")
		v := &valve{HTTPConn: raw, open: -1, first: []byte(proxyHeader(source))}
		g := f.shake(raw, v, f.trust(tls.VersionTLS13))
		g.works(key)
		_ = g.Close()
		if r := f.ended(raw, reason.ClientClosed); r.Ends.Client != source {
			t.Errorf("record: got client %v, want %v", r.Ends.Client, source)
		}
		plain := f.knock(key)
		plain.Send(proxyHeader(source) + "GET / HTTP/1.1\r\n\r\n")
		if how, data := plain.End(); how != "eof" || (len(data) > 0) != (key == lulltest.HTTPKey) {
			t.Errorf("plain HTTP behind a PROXY header: got %q and %s", data, how)
		}
	})
}

// TestTLSManyRecords: two records of the client in one segment, and one record in two, are what they are one by one.
func TestTLSManyRecords(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		bothVersions(t, func(t *testing.T, version uint16) {
			f := newFort(t, 1, nil)
			raw := f.knock(key)
			v := &valve{HTTPConn: raw, open: -1}
			g := f.shake(raw, v, f.trust(version))
			g.works(key)
			v.mu.Lock()
			v.open = 0
			v.mu.Unlock()
			text := lulltest.Request("GET", "/", "")
			g.say(text[:8])
			g.say(text[8:])
			g.say(text[:9])
			v.release(5)
			if key == secretKey {
				g.hear(text)
			} else if a := g.answer("GET"); string(a.Data) != "hello" {
				t.Errorf("answer: got %s, %q; want hello", a.Status, a.Data)
			}
			v.release(0)
			g.say(text[9:])
			if key == secretKey {
				g.hear(text)
			} else if a := g.answer("GET"); string(a.Data) != "hello" {
				t.Errorf("answer: got %s, %q; want hello", a.Status, a.Data)
			}
		})
	})
}

// TestTLSDisagree: handshakes that come to nothing because the two do not agree, or the client does not trust.
func TestTLSDisagree(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		for _, tt := range []struct {
			name   string
			change func(*tls.Config)
			fault  string
			https  bool // only there
		}{
			{"stranger", func(c *tls.Config) { c.RootCAs = testca.NewFor(t).Pool() }, "certificate", false},
			{"old-version", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, "version", false},
			{"suite", func(c *tls.Config) {
				c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
				c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
			}, "cipher suite", false},
			{"http2-only", func(c *tls.Config) { c.NextProtos = []string{"h2"} }, "protocol", true},
		} {
			t.Run(tt.name, func(t *testing.T) {
				t.Parallel()
				if tt.https && key != lulltest.HTTPKey {
					t.Skip("nothing is offered in ALPN there")
				}
				f := newFort(t, 1, nil)
				raw := f.knock(key)
				config := f.trust(0)
				tt.change(config)
				if g := f.client(raw, raw, config); g.Handshake() == nil {
					t.Fatal("handshake: got no error")
				}
				if how, _ := raw.End(); how != "eof" {
					t.Errorf("client: got %s, want a FIN", how)
				}
				_ = raw.Close()
				if r := f.ended(raw, reason.HandshakeFailed); !strings.Contains(r.TLS.Fault, tt.fault) {
					t.Errorf("record: got fault %q, want it to name the %s", r.TLS.Fault, tt.fault)
				}
			})
		}
	})
}

// TestTLSUnknownName: a client that asks for a name there is no certificate for gets another, and may judge for itself.
func TestTLSUnknownName(t *testing.T) {
	t.Parallel()
	gates(t, func(t *testing.T, key plan.ListenerKey) {
		for _, name := range []string{"", "other.example", "127.0.0.1", strings.Repeat("a.", 120) + "example"} {
			f := newFort(t, 1, nil)
			config := f.trust(0)
			config.ServerName, config.InsecureSkipVerify = name, true
			g := f.enter(key, config)
			g.works(key)
			_ = g.Close()
			if r := f.ended(g.raw, reason.ClientClosed); r.TLS.Front.ServerName != strings.TrimPrefix(name, "127.0.0.1") {
				t.Errorf("record: got name %q, want %q", r.TLS.Front.ServerName, name)
			}
		}
	})
}
