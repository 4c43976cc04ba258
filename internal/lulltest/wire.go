package lulltest

import (
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

// Most of what lull does is the same whether its connections are plain or speak TLS, so the same test bodies show it: OnWires
// runs one on several kinds of wire. Within it everything in this package that dials, listens or starts an engine does as
// its test's wire wants: listeners and backend sets get TLS, Dial makes handshakes with them, Hands and ServeHTTP and their
// like answer those of lull. A body notices nothing of that. The wire is found by the test's name and its parents', because
// what reaches every helper there is, already, is the test; a parameter would go through all of them.

// Wire is a kind of connections.
type Wire struct {
	name        string
	front, back bool   // which side of lull speaks TLS
	version     uint16 // which, on both sides

	listeners map[plan.Protocol]*plan.ServerTLS
	sets      map[plan.Protocol]*plan.ClientTLS
	toLull    *tls.Config // of clients
	toBackend *tls.Config // of clients that pass lull by
	backend   *tls.Config

	// Guarded by mu.
	mu       sync.Mutex
	backends map[netip.AddrPort]bool // which make handshakes
	faults   []error                 // of backends' handshakes
}

// wires has the wire of each test that has one of its own, by its name.
//
//nolint:gochecknoglobals // the name of a test is all that a helper knows of it
var wires sync.Map

// papers are the certificates that all wires have, and who issued them.
//
//nolint:gochecknoglobals // made once for the process
var papers = sync.OnceValues(issue)

type certificates struct {
	ca                *testca.Authority
	listener, backend *testca.Issued
}

func issue() (c certificates, err error) {
	if c.ca, err = testca.New(); err == nil {
		c.listener, err = c.ca.Issue(testca.Request{Names: []string{listenerName}})
	}
	if err == nil {
		c.backend, err = c.ca.Issue(testca.Request{Names: []string{backendName}})
	}
	return c, err
}

// Names in the certificates of wires.
const (
	listenerName = "listener.test"
	backendName  = "backend.test"
)

// OnWires runs a test over plain connections, and over TLS 1.3 on both sides of lull. The body is run in parallel. Under the race
// detector it is run over plain connections alone: TLS costs so much there that two processors do not keep the time which
// the tests measure. Tests of TLS itself do not come this way and run under it.
func OnWires(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	run(t, &Wire{name: "plain"}, body)
	if raceDetector {
		return
	}
	run(t, &Wire{name: "tls", front: true, back: true, version: tls.VersionTLS13}, body)
}

// OnEveryWire is OnWires for those tests that are worth it: over TLS 1.2 also, and over TLS on one side.
func OnEveryWire(t *testing.T, body func(t *testing.T)) {
	t.Helper()
	OnWires(t, body)
	if raceDetector {
		return
	}
	run(t, &Wire{name: "tls12", front: true, back: true, version: tls.VersionTLS12}, body)
	run(t, &Wire{name: "tls_front", front: true, version: tls.VersionTLS13}, body)
	run(t, &Wire{name: "tls_back", back: true, version: tls.VersionTLS13}, body)
}

func run(t *testing.T, w *Wire, body func(t *testing.T)) {
	t.Helper()
	t.Run(w.name, func(t *testing.T) {
		t.Parallel()
		w.equip(t)
		name := t.Name()
		wires.Store(name, w)
		t.Cleanup(func() { wires.Delete(name) })
		body(t)
	})
}

// equip gives the wire what its kind needs.
func (w *Wire) equip(t testing.TB) {
	t.Helper()
	if !w.front && !w.back {
		return
	}
	c, err := papers()
	if err != nil {
		t.Fatalf("make certificates: %v", err)
	}
	policy := &tlspolicy.Policy{Name: "test", Min: w.version, Max: w.version, Suites: tlspolicy.Default.Suites}
	server := plan.ServerTLS{Certificates: certs.NewHolder(certs.NewSet([]*certs.Certificate{{TLS: c.listener.TLS}})), Policy: policy}
	client := plan.ClientTLS{Verify: true, ServerName: backendName, Roots: certs.NewRoots(c.ca.Pool()), Policy: policy}
	webServer, webClient := server, client
	webServer.ALPN, webClient.ALPN = []string{"http/1.1"}, []string{"http/1.1"}
	w.listeners = map[plan.Protocol]*plan.ServerTLS{plan.TCP: &server, plan.HTTP: &webServer}
	w.sets = map[plan.Protocol]*plan.ClientTLS{plan.TCP: &client, plan.HTTP: &webClient}
	w.toLull = &tls.Config{RootCAs: c.ca.Pool(), ServerName: listenerName, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	w.toBackend = &tls.Config{RootCAs: c.ca.Pool(), ServerName: backendName}
	w.backend = &tls.Config{Certificates: []tls.Certificate{c.backend.TLS}}
	w.backends = map[netip.AddrPort]bool{}
}

// WireOf returns the wire of a test; a plain one if it has been run on none.
func WireOf(t testing.TB) *Wire {
	t.Helper()
	for name := t.Name(); ; {
		if w, ok := wires.Load(name); ok {
			return w.(*Wire)
		}
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return &Wire{name: "plain"}
		}
		name = name[:i]
	}
}

// Front says whether clients speak TLS.
func (w *Wire) Front() bool { return w.front }

// Back says whether backends speak TLS.
func (w *Wire) Back() bool { return w.back }

// secure gives the listeners and backend sets of a plan TLS, as far as they have none and the wire wants it. A plan that has
// been applied once has all of it, and is left alone.
func (w *Wire) secure(p *plan.Plan) {
	for _, lb := range p.LoadBalancers {
		for _, l := range lb.Listeners {
			if w.front && l.TLS == nil {
				l.TLS = w.listeners[l.Protocol]
			}
			for _, set := range l.Sets() {
				if w.back && set.TLS == nil {
					set.TLS = w.sets[l.Protocol]
				}
			}
		}
	}
}

// serves notes that at an address there is a backend that makes handshakes, until the test ends.
func (w *Wire) serves(t testing.TB, addr netip.AddrPort) {
	t.Helper()
	if !w.back {
		return
	}
	set := func(serves bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.backends[addr] = serves
	}
	set(true)
	t.Cleanup(func() { set(false) })
}

// to returns what a client needs to speak to an address; nil for a plain one.
func (w *Wire) to(addr netip.AddrPort) *tls.Config {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.backends[addr]:
		return w.toBackend
	case w.front:
		return w.toLull
	}
	return nil
}

// connected returns the client's end of a connection that has been made, after its handshake if the wire wants one. It is
// closed when the test ends.
func (w *Wire) connected(t testing.TB, raw net.Conn, to netip.AddrPort) *Conn {
	t.Helper()
	t.Cleanup(func() { _ = raw.Close() }) // without close_notify, which might have to wait for room
	c := &Conn{TCPConn: raw.(*net.TCPConn), t: t}
	if config := w.to(to); config != nil {
		c.secure(tls.Client(cutting{raw}, config))
		if err := c.shake(); err != nil {
			t.Fatalf("handshake with %s: %v", to, err)
		}
	}
	return c
}

// accepted returns the backend's end of a connection; nil if no handshake came about.
func (w *Wire) accepted(t testing.TB, raw *net.TCPConn) *Conn {
	c := &Conn{TCPConn: raw, t: t}
	if w.back {
		c.secure(tls.Server(cutting{raw}, w.backend))
		if err := c.shake(); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.faults = append(w.faults, err)
			return nil
		}
	}
	return c
}

// failed returns why backends made no handshake, those times that they did not.
func (w *Wire) failed() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.faults
}
