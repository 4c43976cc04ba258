package dataplane_test

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// The tls_faults_*_test.go files hold what hostile peers and broken ones do to TLS, on both sides and at every point of a
// connection's life: each has its reason, and nothing of it stays. lulltest looks for leaks at the end of every test, and
// a fort for handshakes that are left.

// secretKey is the key of a fort's ssl listener; lulltest.HTTPKey is that of its https listener.
//
//nolint:gochecknoglobals // a constant, but for Go's type system
var secretKey = plan.ListenerKey{LoadBalancer: "lb", Name: "secret"}

// fort is an engine with two listeners that speak TLS: https before a backend that greets, ssl before one that echoes.
type fort struct {
	*lulltest.Engine
	t    testing.TB
	ca   *testca.Authority
	plan *plan.Plan
}

// newFort starts a fort; change may make something else of its plan first.
func newFort(t testing.TB, loops int, change func(*fort)) *fort {
	t.Helper()
	f := &fort{t: t, ca: testca.NewFor(t)}
	f.plan = lulltest.HTTPPlan(timeout.Shared, lulltest.Greeter(t).Addr)
	lulltest.AddListener(f.plan, secretKey.Name, lulltest.Echo(t).Addr)
	issued := f.ca.IssueFor(t, testca.Request{Names: []string{"web.example", "127.0.0.1"}})
	for _, l := range f.plan.LoadBalancers[0].Listeners {
		l.TLS = &plan.ServerTLS{
			Certificates: certs.NewHolder(certs.NewSet([]*certs.Certificate{{TLS: issued.TLS}})), Policy: tlspolicy.Default,
		}
		if l.Protocol == plan.HTTP {
			l.TLS.ALPN = []string{"http/1.1"}
		}
	}
	if change != nil {
		change(f)
	}
	f.Engine = lulltest.StartWith(t, dataplane.Options{Loops: loops}, f.plan)
	t.Cleanup(f.atRest) // after the peers have gone, and before the engine is looked at
	f.FollowExchanges()
	return f
}

// listener returns the listener of that key, for change.
func (f *fort) listener(key plan.ListenerKey) *plan.Listener {
	f.t.Helper()
	return lulltest.ListenerNamed(f.t, f.plan, key.Name)
}

// before puts a listener before other backends, for change.
func (f *fort) before(key plan.ListenerKey, backends ...netip.AddrPort) {
	f.t.Helper()
	set := f.listener(key).BackendSet
	set.Backends = nil
	for _, b := range backends {
		set.Backends = append(set.Backends, plan.Backend{
			Key: plan.BackendKey{Set: set.Key, Host: b.Addr().String(), Port: b.Port()}, Weight: 1,
		})
	}
}

// each changes both listeners.
func (f *fort) each(change func(*plan.Listener)) {
	for _, l := range f.plan.LoadBalancers[0].Listeners {
		change(l)
	}
}

// atRest waits until no handshake has a goroutine any more, nor waits for one.
func (f *fort) atRest() {
	if !lulltest.Eventually(func() bool {
		running, waiting := f.Handshakes()
		return running == 0 && waiting == 0
	}) {
		running, waiting := f.Handshakes()
		f.t.Errorf("leak: %d handshakes have a goroutine and %d wait for one", running, waiting)
	}
}

// gates runs a test for each of the two listeners.
func gates(t *testing.T, body func(t *testing.T, key plan.ListenerKey)) {
	t.Helper()
	for _, key := range []plan.ListenerKey{lulltest.HTTPKey, secretKey} {
		t.Run(map[string]string{"http": "https", "secret": "ssl"}[key.Name], func(t *testing.T) {
			t.Parallel()
			body(t, key)
		})
	}
}

//nolint:gochecknoglobals // a constant table
var tlsVersions = map[string]uint16{"1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13}

// bothVersions runs a test for TLS 1.2 and TLS 1.3.
func bothVersions(t *testing.T, body func(t *testing.T, version uint16)) {
	t.Helper()
	for name, version := range tlsVersions {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body(t, version)
		})
	}
}

// knock opens a client's connection that has said nothing yet.
func (f *fort) knock(key plan.ListenerKey) *lulltest.HTTPConn {
	f.t.Helper()
	return lulltest.HTTP(lulltest.Dial(f.t, f.Local(key)))
}

// trust returns the configuration of a client of that version.
func (f *fort) trust(version uint16) *tls.Config {
	return &tls.Config{RootCAs: f.ca.Pool(), ServerName: "web.example", MinVersion: version, MaxVersion: version}
}

// guest is a client behind its handshake.
type guest struct {
	*tls.Conn
	raw   *lulltest.HTTPConn
	trail *trail
	f     *fort
}

// enter opens a client's connection and does the handshake.
func (f *fort) enter(key plan.ListenerKey, config *tls.Config) *guest {
	f.t.Helper()
	raw := f.knock(key)
	return f.shake(raw, raw, config)
}

// shake does the handshake over w, which is raw or goes to it.
func (f *fort) shake(raw *lulltest.HTTPConn, w net.Conn, config *tls.Config) *guest {
	f.t.Helper()
	g := f.client(raw, w, config)
	if err := g.Handshake(); err != nil {
		f.t.Fatalf("handshake: %v", err)
	}
	return g
}

// client returns a client before its handshake.
func (f *fort) client(raw *lulltest.HTTPConn, w net.Conn, config *tls.Config) *guest {
	way := &trail{Conn: w}
	_ = raw.SetDeadline(time.Now().Add(lulltest.Patience))
	return &guest{tls.Client(way, config), raw, way, f}
}

// trail is a connection that remembers the last record that came over it. crypto/tls does not tell a FIN between two records
// from a close_notify.
type trail struct {
	net.Conn
	header []byte // of the last record, as far as it has come
	left   int    // bytes of it that are still to come
}

func (c *trail) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	for b = b[:n]; len(b) > 0; {
		if c.left == 0 && len(c.header) == 5 {
			c.header = c.header[:0]
		}
		if len(c.header) < 5 {
			c.header = append(c.header, b[0])
			if b = b[1:]; len(c.header) == 5 {
				c.left = int(c.header[3])<<8 | int(c.header[4])
			}
			continue
		}
		m := min(c.left, len(b))
		c.left -= m
		b = b[m:]
	}
	return n, err
}

// CloseWrite sends a FIN and nothing before it.
func (c *trail) CloseWrite() error { return c.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// closed reports whether the last record was an alert: of TLS 1.2, or one of TLS 1.3, which is told by its size.
func (c *trail) closed() bool {
	const alert13 = 2 + 1 + 16
	return len(c.header) == 5 && c.left == 0 && (c.header[0] == 21 || c.header[0] == 23 && c.header[4] == alert13 && c.header[3] == 0)
}

// say sends something.
func (g *guest) say(s string) {
	g.f.t.Helper()
	if _, err := io.WriteString(g.Conn, s); err != nil {
		g.f.t.Fatalf("send %d bytes: %v", len(s), err)
	}
}

// hear reads exactly want.
func (g *guest) hear(want string) {
	g.f.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(g.Conn, got); err != nil || string(got) != want {
		g.f.t.Fatalf("read: got %d bytes, %.80q, %v; want %.80q", n, got[:n], err, want)
	}
}

// works shows that the connection does what its listener is there for.
func (g *guest) works(key plan.ListenerKey) {
	g.f.t.Helper()
	if key == secretKey {
		g.say("hello")
		g.hear("hello")
		return
	}
	g.say(lulltest.Request("GET", "/", ""))
	a := g.answer("GET")
	if a.StatusCode != 200 || a.How != "whole" || string(a.Data) != "hello" {
		g.f.t.Fatalf("answer: got %s, %q, %s; want 200, hello, whole", a.Status, a.Data, a.How)
	}
}

// answer reads a response. Nothing may be behind it.
func (g *guest) answer(method string) lulltest.Answer {
	g.f.t.Helper()
	a, err := lulltest.NewReader(g.Conn).Answer(method)
	if err != nil {
		g.f.t.Fatalf("read a response: %v", err)
	}
	return a
}

// end reads until the connection ends and returns how: "closed" by close_notify, "cut" by a FIN without one, "reset", or the
// error's text.
func (g *guest) end() (how string, data []byte) {
	_ = g.SetReadDeadline(time.Now().Add(lulltest.Patience))
	data, err := io.ReadAll(g.Conn)
	switch {
	case err == nil && g.trail.closed():
		return "closed", data
	case err == nil:
		return "cut", data
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "cut", data
	}
	return lulltest.Closed(err), data
}

// ended waits for the record of a client's connection, which must have ended for that reason.
func (f *fort) ended(c *lulltest.HTTPConn, why reason.Reason) record.Close {
	f.t.Helper()
	r := f.CloseOf(c)
	if r.Reason != why {
		f.t.Errorf("record: got %v (%s), want %v", r.Reason, r.TLS.Fault, why)
	}
	return r
}

// fares opens a new connection to each listener, to show that the engine serves whoever behaves.
func (f *fort) fares() {
	f.t.Helper()
	for _, key := range []plan.ListenerKey{lulltest.HTTPKey, secretKey} {
		g := f.enter(key, f.trust(tls.VersionTLS13))
		g.works(key)
		_ = g.Close()
	}
}

// helloOf returns what a client of that configuration says first.
func helloOf(t testing.TB, config *tls.Config) []byte {
	t.Helper()
	m := &mute{}
	if err := tls.Client(m, config).Handshake(); err == nil {
		t.Fatal("a handshake with nobody: got no error")
	}
	return m.said.Bytes()
}

// mute is a connection that keeps what is written and has nothing to read.
type mute struct {
	net.Conn
	said bytes.Buffer
}

func (m *mute) Read([]byte) (int, error)    { return 0, io.EOF }
func (m *mute) Write(b []byte) (int, error) { return m.said.Write(b) }
func (m *mute) Close() error                { return nil }

// valve is a client's connection whose writes a test cuts, holds back or leaves out.
type valve struct {
	*lulltest.HTTPConn

	// Guarded by mu.
	mu    sync.Mutex
	first []byte                // goes before what is written first, in one segment
	cut   func([]byte) [][]byte // into what each write is cut; nil: it is not
	open  int                   // writes that go through; -1: all do
	extra int                   // bytes of the one behind them that do
	held  []byte                // what came behind that
}

func (v *valve) Write(b []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	whole := b
	if v.open == 0 {
		b = whole[:min(v.extra, len(whole))]
		v.extra -= len(b)
		v.held = append(v.held, whole[len(b):]...)
	} else if v.open > 0 {
		v.open--
	}
	if b = append(v.first, b...); len(b) == 0 {
		return len(whole), nil
	}
	v.first = nil
	pieces := [][]byte{b}
	if v.cut != nil {
		pieces = v.cut(b)
	}
	for _, p := range pieces {
		if _, err := v.HTTPConn.Write(p); err != nil {
			return 0, err
		}
	}
	return len(whole), nil
}

// release sends what was held back but for the last keep bytes, in one segment, and lets through what is written from now on.
func (v *valve) release(keep int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := len(v.held) - keep
	_, _ = v.HTTPConn.Write(v.held[:n])
	v.held = v.held[n:]
	if keep == 0 {
		v.open = -1
	}
}

// proxyHeader returns a PROXY header of version 1 from that source.
func proxyHeader(source netip.AddrPort) string {
	return "PROXY TCP4 " + source.Addr().String() + " 192.0.2.1 " + "4321 443\r\n"
}
