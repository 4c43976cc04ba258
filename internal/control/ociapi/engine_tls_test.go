package ociapi_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// certificateOf returns the fields of a certificate of the API.
func certificateOf(name string, issued *testca.Issued, ca *testca.Authority) fields {
	f := fields{"certificateName": name}
	if issued != nil {
		f["publicCertificate"], f["privateKey"] = string(issued.Chain), string(issued.Key)
	}
	if ca != nil {
		f["caCertificate"] = string(ca.PEM())
	}
	return f
}

// secure makes a load balancer with a listener over TLS for HTTP and one for TCP, whose certificate is for web.test. ssl is more of
// their configuration; clients' certificates are those of the authority.
func (w *world) secure(set, ssl fields) (path string, ca *testca.Authority) {
	w.t.Helper()
	ca = testca.NewFor(w.t)
	issued := ca.IssueFor(w.t, testca.Request{Names: []string{"web.test"}, RSA: true})
	ssl = fields{"sslConfiguration": fields{"certificateName": "c"}.with(ssl)}
	return w.make("web", fields{
		"backendSets": fields{"set": set}, "certificates": fields{"c": certificateOf("c", issued, ca)},
		"listeners": fields{"https": listener("HTTP", portHTTPS, "set").with(ssl), "ssl": listener("TCP", portSSL, "set").with(ssl)},
	}), ca
}

// dialTLS makes a TLS connection to a port as web.test.
func (w *world) dialTLS(path string, port uint16, c *tls.Config) (*tls.Conn, error) {
	w.t.Helper()
	if c.ServerName == "" {
		c.ServerName = "web.test"
	}
	ctx, cancel := context.WithTimeout(context.Background(), lulltest.Patience)
	defer cancel()
	conn, err := (&tls.Dialer{Config: c}).DialContext(ctx, "tcp", w.at(path, port).String())
	if err != nil {
		return nil, err
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	return conn.(*tls.Conn), nil
}

// over makes a request over a connection and returns the answer.
func over(c net.Conn) (lulltest.Answer, error) {
	if _, err := io.WriteString(c, lulltest.Request("GET", "/", "")); err != nil {
		return lulltest.Answer{}, err
	}
	return lulltest.NewReader(c).Answer("GET")
}

// status returns the status of the answer to a request over TLS; 0 if there is no connection or no answer.
func (w *world) status(path string, c *tls.Config) int {
	w.t.Helper()
	conn, err := w.dialTLS(path, portHTTPS, c)
	if err != nil {
		return 0
	}
	a, err := over(conn)
	if err != nil {
		return 0
	}
	return a.StatusCode
}

// TestProtocols_TLS_01: HTTP/1.0 and 1.1 come in and 1.1 goes out; TCP is bytes.
func TestProtocols_TLS_01(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := lulltest.Greeter(t)
	path := w.web(w.set(s.Addr))
	for _, version := range []string{"1.0", "1.1"} {
		c := w.dialHTTP(path)
		c.Send("GET /" + version + " HTTP/" + version + "\r\nHost: test\r\nConnection: close\r\n\r\n")
		c.ExpectAnswer("hello")
	}
	for _, seen := range s.Seen() {
		if seen.Proto != "HTTP/1.1" {
			t.Errorf("%s: the backend got %s, want HTTP/1.1", seen.URL.Path, seen.Proto)
		}
	}
	hands, accepted := lulltest.Hands(t)
	w.put(path, "backendSets/set", w.set(hands.Addr))
	client := w.dial(path, portTCP)
	backend := lulltest.Take(t, accepted)
	client.Send("\x00\xffanything\r\n\r\n")
	backend.Expect("\x00\xffanything\r\n\r\n")
	backend.Send("\x16\x03\x01")
	client.Expect("\x16\x03\x01")
}

// TestListenerTLS_TLS_02_TLS_04: without a word on it TLS 1.2 is spoken and nothing else; whose order of ciphers counts may be said.
func TestListenerTLS_TLS_02_TLS_04(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"", "ENABLED", "DISABLED"} {
		t.Run("order_"+order, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ssl := fields{}
			if order != "" {
				ssl["serverOrderPreference"] = order
			}
			path, ca := w.secure(w.set(w.port()), ssl)
			conn, err := w.dialTLS(path, portHTTPS, &tls.Config{RootCAs: ca.Pool(), NextProtos: []string{"h2", "http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			if a, err := over(conn); err != nil || a.StatusCode != 200 {
				t.Errorf("got %+v and %v, want 200", a.Response, err)
			}
			if s := conn.ConnectionState(); s.Version != tls.VersionTLS12 || s.NegotiatedProtocol != "http/1.1" {
				t.Errorf("got %s with %q, want TLS 1.2 with http/1.1", tls.VersionName(s.Version), s.NegotiatedProtocol)
			}
			for _, version := range []uint16{tls.VersionTLS11, tls.VersionTLS13} {
				if _, err := w.dialTLS(path, portHTTPS, &tls.Config{RootCAs: ca.Pool(), MinVersion: version, MaxVersion: version}); err == nil {
					t.Errorf("%s is accepted", tls.VersionName(version))
				}
			}
		})
	}
}

// TestReplacedTLS_OP_04: a listener that is replaced without TLS is plain; with another suite and other versions it speaks these, and
// connections that are open go on.
func TestReplacedTLS_OP_04(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	path, ca := w.secure(w.set(w.port()), nil)
	open, err := w.dialTLS(path, portHTTPS, &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	newer := fields{"sslConfiguration": fields{
		"certificateName": "c", "protocols": []string{"TLSv1.3"}, "cipherSuiteName": "oci-tls-13-recommended-ssl-cipher-suite-v1",
	}}
	w.put(path, "listeners/https", listener("HTTP", portHTTPS, "set").with(newer))
	conn, err := w.dialTLS(path, portHTTPS, &tls.Config{RootCAs: ca.Pool()})
	if err != nil || conn.ConnectionState().Version != tls.VersionTLS13 {
		t.Errorf("got %v, want TLS 1.3", err)
	}
	if a, err := over(open); err != nil || a.StatusCode != 200 {
		t.Errorf("over a connection from before: got %+v and %v, want 200", a.Response, err)
	}
	w.put(path, "listeners/https", listener("HTTP", portHTTPS, "set"))
	plain := lulltest.HTTP(w.dial(path, portHTTPS))
	plain.Get("/")
	plain.ExpectAnswer("hello")
}

// TestClientCertificates_TLS_05: a client without a certificate gets 400, one with a wrong one no connection; how long the chain to
// the authority may be is what verifyDepth says.
func TestClientCertificates_TLS_05(t *testing.T) {
	t.Parallel()
	for depth, chained := range map[int]int{1: 0, 2: 200} {
		t.Run(fmt.Sprintf("depth_%d", depth), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			path, ca := w.secure(w.set(w.port()), fields{"verifyPeerCertificate": true, "verifyDepth": depth})
			client := func(issued *testca.Issued) *tls.Config {
				c := &tls.Config{RootCAs: ca.Pool()}
				if issued != nil {
					c.Certificates = []tls.Certificate{issued.TLS}
				}
				return c
			}
			for name, one := range map[string]struct {
				with *testca.Issued
				want int
			}{
				"none":       {nil, 400},
				"good":       {ca.IssueFor(t, testca.Request{Client: true, CommonName: "me"}), 200},
				"by_another": {testca.NewFor(t).IssueFor(t, testca.Request{Client: true, CommonName: "me"}), 0},
				"expired":    {ca.IssueFor(t, testca.Request{Client: true, CommonName: "me", NotAfter: time.Now().Add(-time.Minute)}), 0},
				"chained":    {ca.IssueFor(t, testca.Request{Client: true, CommonName: "me", Intermediate: true}), chained},
			} {
				if got := w.status(path, client(one.with)); got != one.want {
					t.Errorf("%s: got %d, want %d", name, got, one.want)
				}
			}
			conn, err := w.dialTLS(path, portSSL, client(nil))
			if err == nil {
				if _, err = conn.Read(make([]byte, 1)); err == nil {
					t.Error("the TCP listener takes a client without a certificate")
				}
			}
		})
	}
}

// serveTLS answers HTTP over TLS with "hello" and tells how many certificates clients have shown.
func serveTLS(t *testing.T, issued *testca.Issued) (at netip.AddrPort, shown <-chan int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tell := make(chan int, 100)
	s := &http.Server{
		Handler: http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
			tell <- len(in.TLS.PeerCertificates)
			_, _ = io.WriteString(out, "hello")
		}),
		ErrorLog: log.New(io.Discard, "", 0), // handshakes that fail are wanted
	}
	go func() {
		_ = s.Serve(tls.NewListener(l, &tls.Config{Certificates: []tls.Certificate{issued.TLS}, ClientAuth: tls.RequestClientCert}))
	}()
	t.Cleanup(func() { _ = s.Close() })
	return netip.MustParseAddrPort(l.Addr().String()), tell
}

// TestBackendTLS_TLS_06: a backend's certificate must be the authority's and for the backend's address, or clients get 502; unless
// nobody asks for that. Backends are shown no certificate.
func TestBackendTLS_TLS_06(t *testing.T) {
	t.Parallel()
	ca := testca.NewFor(t)
	for name, c := range map[string]struct {
		issued *testca.Issued
		verify bool
		want   int
	}{
		"good":         {ca.IssueFor(t, testca.Request{Names: []string{"127.0.0.1"}, RSA: true}), true, 200},
		"another_name": {ca.IssueFor(t, testca.Request{Names: []string{"127.0.0.2", "web.test"}, RSA: true}), true, 502},
		"by_another":   {testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"127.0.0.1"}, RSA: true}), true, 502},
		"unverified":   {testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"web.test"}, RSA: true}), false, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at, shown := serveTLS(t, c.issued)
			path := w.make("web", fields{
				"certificates": fields{"ca": certificateOf("ca", nil, ca)},
				"backendSets": fields{"set": w.set(at).with(fields{
					"sslConfiguration": fields{"certificateName": "ca", "verifyPeerCertificate": c.verify},
					"healthChecker":    fields{"protocol": "TCP", "port": w.alive, "isForcePlainText": true},
				})},
				"listeners": fields{"http": listener("HTTP", portHTTP, "set")},
			})
			if a := w.asked(path); a.StatusCode != c.want {
				t.Fatalf("got %d, want %d", a.StatusCode, c.want)
			}
			if c.want == 200 {
				if n := <-shown; n != 0 {
					t.Errorf("the backend was shown %d certificates", n)
				}
			}
		})
	}
}

// TestTunnel_TLS_07: a TCP listener without TLS passes the handshake through to the backend.
func TestTunnel_TLS_07(t *testing.T) {
	t.Parallel()
	w, ca := newWorld(t), testca.NewFor(t)
	at, _ := serveTLS(t, ca.IssueFor(t, testca.Request{Names: []string{"web.test"}, RSA: true}))
	path := w.web(w.set(at))
	conn, err := w.dialTLS(path, portTCP, &tls.Config{RootCAs: ca.Pool()})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := over(conn); err != nil || string(a.Data) != "hello" {
		t.Errorf("got %q and %v", a.Data, err)
	}
}

// TestResumption_TLS_08: sessions are resumed, unless the listener has that off: then each handshake is a full one.
func TestResumption_TLS_08(t *testing.T) {
	t.Parallel()
	suites := map[string]string{"TLSv1.2": "oci-default-ssl-cipher-suite-v1", "TLSv1.3": "oci-tls-13-recommended-ssl-cipher-suite-v1"}
	for version, suite := range suites {
		for name, c := range map[string]struct {
			ssl  fields
			want bool
		}{"unsaid": {fields{}, true}, "on": {fields{"hasSessionResumption": true}, true}, "off": {fields{"hasSessionResumption": false}, false}} {
			t.Run(version+"_"+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				path, ca := w.secure(w.set(w.port()), c.ssl.with(fields{"protocols": []string{version}, "cipherSuiteName": suite}))
				client := &tls.Config{RootCAs: ca.Pool(), ServerName: "web.test", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
				for i := range 3 {
					conn, err := w.dialTLS(path, portHTTPS, client)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := over(conn); err != nil { // tickets come with the first answer
						t.Fatal(err)
					}
					if got, want := conn.ConnectionState().DidResume, c.want && i > 0; got != want {
						t.Errorf("connection %d: resumed %v, want %v", i+1, got, want)
					}
					_ = conn.Close()
				}
			})
		}
	}
}

// TestSharedPortTLS: of the listeners that share a port each has its certificate, for clients that ask for its name.
func TestSharedPortTLS(t *testing.T) {
	t.Parallel()
	w, ca := newWorld(t), testca.NewFor(t)
	_, at := w.named(2)
	all := fields{
		"backendSets": fields{"s0": w.set(at[0]), "s1": w.set(at[1])}, "hostnames": fields{"h": fields{"name": "h", "hostname": "one.test"}},
		"certificates": fields{
			"c0": certificateOf("c0", ca.IssueFor(t, testca.Request{Names: []string{"web.test"}, RSA: true}), nil),
			"c1": certificateOf("c1", ca.IssueFor(t, testca.Request{Names: []string{"one.test"}, RSA: true}), nil),
		},
		"listeners": fields{
			"l0": listener("HTTP", portHTTPS, "s0").with(fields{"sslConfiguration": fields{"certificateName": "c0"}}),
			"l1": listener("HTTP", portHTTPS, "s1").with(fields{"sslConfiguration": fields{"certificateName": "c1"}, "hostnameNames": []string{"h"}}),
		},
	}
	path := w.make("web", all)
	for host, want := range map[string]string{"web.test": "b0", "one.test": "b1"} {
		conn, err := w.dialTLS(path, portHTTPS, &tls.Config{RootCAs: ca.Pool(), ServerName: host})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
		if a, err := lulltest.NewReader(conn).Answer("GET"); err != nil || string(a.Data) != want {
			t.Errorf("%s: got %q and %v, want %s", host, a.Data, err, want)
		}
	}
}

// proxySignature begins a PROXY header of version 2.
const proxySignature = "\r\n\r\n\x00\r\nQUIT\n"

// TestProxyHeader_TLS_10: the header comes first and unprompted; version 2 tells the name that the client asked for if that is wanted.
func TestProxyHeader_TLS_10(t *testing.T) {
	t.Parallel()
	t.Run("version_1", func(t *testing.T) {
		t.Parallel()
		w, path, accepted := proxied(t, fields{"backendTcpProxyProtocolVersion": 1})
		client := w.dial(path, portTCP)
		from, to := client.LocalAddr().(*net.TCPAddr), client.RemoteAddr().(*net.TCPAddr)
		lulltest.Take(t, accepted).Expect(fmt.Sprintf("PROXY TCP4 %s %s %d %d\r\n", from.IP, to.IP, from.Port, to.Port))
	})
	t.Run("version_2", func(t *testing.T) {
		t.Parallel()
		w, path, accepted := proxied(t, fields{"backendTcpProxyProtocolVersion": 2})
		client := w.dial(path, portTCP)
		address, rest := readProxy(t, lulltest.Take(t, accepted))
		if address != client.LocalAddr().String()+">"+client.RemoteAddr().String() || len(rest) != 0 {
			t.Errorf("got %s and %q", address, rest)
		}
	})
	t.Run("authority", func(t *testing.T) {
		t.Parallel()
		w, path, accepted := proxied(t, fields{"backendTcpProxyProtocolVersion": 2, "backendTcpProxyProtocolOptions": []string{"PP2_TYPE_AUTHORITY"}})
		ca := testca.NewFor(t)
		w.done("POST", path+"/certificates", certificateOf("c", ca.IssueFor(t, testca.Request{Names: []string{"web.test"}, RSA: true}), nil).String())
		l := w.get(path).Listeners["tcp"]
		w.put(path, "listeners/tcp", listener("TCP", l.Port, "set").with(fields{
			"sslConfiguration": fields{"certificateName": "c"},
			"connectionConfiguration": fields{
				"idleTimeout": 30, "backendTcpProxyProtocolVersion": 2, "backendTcpProxyProtocolOptions": []string{"PP2_TYPE_AUTHORITY"},
			},
		}))
		if _, err := w.dialTLS(path, portTCP, &tls.Config{RootCAs: ca.Pool()}); err != nil {
			t.Fatal(err)
		}
		if _, rest := readProxy(t, lulltest.Take(t, accepted)); !bytes.Contains(rest, []byte("\x02\x00\x08web.test")) {
			t.Errorf("got %q, want web.test as the authority in it", rest)
		}
	})
}

// TestProxyHeaderIPv6_TLS_10: both versions tell the addresses of a client that came over IPv6.
func TestProxyHeaderIPv6_TLS_10(t *testing.T) {
	t.Parallel()
	local := netip.IPv6Loopback()
	free, err := net.Listen("tcp", netip.AddrPortFrom(local, 0).String())
	if err != nil {
		t.Skipf("there is no IPv6 here: %v", err)
	}
	one := free.Addr().(*net.TCPAddr).Port
	w := newWorld(t)
	w.o.Addresses = []ociapi.AddressRange{{First: local, Last: local}}
	w.restart()
	s, accepted := lulltest.Hands(t)
	_ = free.Close()
	path := w.make("web", fields{"ipMode": "IPV6", "backendSets": fields{"set": w.set(s.Addr)}, "listeners": fields{
		"one": listener("TCP", one, "set").with(fields{"connectionConfiguration": fields{"idleTimeout": 30, "backendTcpProxyProtocolVersion": 1}}),
	}})
	client := w.dial(path, uint16(one))
	from := client.LocalAddr().(*net.TCPAddr)
	lulltest.Take(t, accepted).Expect(fmt.Sprintf("PROXY TCP6 ::1 ::1 %d %d\r\n", from.Port, one))
	w.put(path, "listeners/one", listener("TCP", one, "set").with(fields{
		"connectionConfiguration": fields{"idleTimeout": 30, "backendTcpProxyProtocolVersion": 2},
	}))
	client = w.dial(path, uint16(one))
	from = client.LocalAddr().(*net.TCPAddr)
	ip := string(local.AsSlice())
	ports := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(from.Port)), uint16(one))
	lulltest.Take(t, accepted).Expect(proxySignature + "\x21\x21\x00\x24" + ip + ip + string(ports))
}

// proxied returns a load balancer whose TCP listener tells a backend in the test's hands who the client is.
func proxied(t *testing.T, with fields) (w *world, path string, accepted <-chan *lulltest.Conn) {
	t.Helper()
	w = newWorld(t)
	s, accepted := lulltest.Hands(t)
	return w, w.make("web", fields{
		"backendSets": fields{"set": w.set(s.Addr)},
		"listeners":   fields{"tcp": listener("TCP", portTCP, "set").with(fields{"connectionConfiguration": with.with(fields{"idleTimeout": 30})})},
	}), accepted
}

// readProxy reads a PROXY header of version 2 for TCP over IPv4 and returns "source>destination" and what it has behind the addresses.
func readProxy(t *testing.T, c *lulltest.Conn) (addresses string, rest []byte) {
	t.Helper()
	c.Expect(proxySignature + "\x21\x11")
	read := func(n int) []byte {
		b := make([]byte, n)
		_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
		if _, err := io.ReadFull(c, b); err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := read(int(binary.BigEndian.Uint16(read(2))))
	at := func(ip, port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[ip:ip+4])), binary.BigEndian.Uint16(b[port:]))
	}
	return at(0, 8).String() + ">" + at(4, 10).String(), b[12:]
}

// TestHeads_HDR_01_HDR_03: what backends are told of the client, and the id of a request if the load balancer makes one.
func TestHeads_HDR_01_HDR_03(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]fields{
		"no_id":      {},
		"default_id": {"isRequestIdEnabled": true, "requestIdHeader": ""},
		"named_id":   {"isRequestIdEnabled": true, "requestIdHeader": "X-Trace"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := lulltest.Greeter(t)
			path := w.make("web", more.with(fields{
				"backendSets": fields{"set": w.set(s.Addr)}, "listeners": fields{"http": listener("HTTP", portHTTP, "set")},
			}))
			a := w.asked(path, "X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: gopher", "X-Real-IP: 1.2.3.4")
			h := s.Seen()[0].Header
			for field, want := range map[string]string{
				"X-Forwarded-For": "1.2.3.4, 127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "http",
				"X-Forwarded-Port": fmt.Sprint(portHTTP), "X-Forwarded-Host": "test",
			} {
				if got := strings.Join(h.Values(field), "|"); !strings.HasPrefix(got, want) {
					t.Errorf("%s: got %q, want %q", field, got, want)
				}
			}
			field := map[string]string{"default_id": "X-Request-Id", "named_id": "X-Trace"}[name]
			if field == "" {
				if h.Get("X-Request-Id") != "" {
					t.Errorf("got an id %q that nobody asked for", h.Get("X-Request-Id"))
				}
				return
			}
			if id := h.Get(field); id == "" || a.Header.Get(field) != id {
				t.Errorf("the backend got %q and the client %q", id, a.Header.Get(field))
			}
			w.asked(path, field+": mine")
			if id := s.Seen()[1].Header.Get(field); id != "mine" {
				t.Errorf("the client's own id: the backend got %q", id)
			}
		})
	}
}

// TestPlainProbe_HLT_03: probes speak TLS where the set does, unless they are to be plain.
func TestPlainProbe_HLT_03(t *testing.T) {
	t.Parallel()
	ca := testca.NewFor(t)
	for name, c := range map[string]struct {
		plain bool
		want  string
	}{"as_the_set": {false, "OK"}, "plain": {true, "INVALID_STATUS_CODE"}} { // net/http answers plain requests with 400
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			at, _ := serveTLS(t, ca.IssueFor(t, testca.Request{Names: []string{"127.0.0.1"}, RSA: true}))
			path := w.make("web", fields{"backendSets": fields{"set": w.set(at).with(fields{
				"sslConfiguration": fields{"verifyPeerCertificate": false},
				"healthChecker":    fields{"protocol": "HTTP", "urlPath": "/", "isForcePlainText": c.plain, "intervalInMillis": 2000, "timeoutInMillis": 2000},
			})}})
			w.awaitResults(path, "set", at, c.want)
		})
	}
}
