package tlsio

import (
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

// patience is how long a test waits for what should happen at once.
const patience = 10 * time.Second

// testServer is what a listener with a certificate needs.
func testServer(t testing.TB) *plan.ServerTLS {
	t.Helper()
	issued := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"web.example"}})
	return &plan.ServerTLS{Certificates: certs.NewHolder(certs.NewSet([]*certs.Certificate{{TLS: issued.TLS}})), Policy: tlspolicy.Default}
}

// peer is a client, without a loop and without a socket: what it says is fed to its Conn.
type peer struct {
	*Conn
	told chan struct{}
}

// clients is a listener of which a test is the loop.
type clients struct {
	gate   *Gate
	server *Server
}

func newClients(t testing.TB, most, computing int) *clients {
	t.Helper()
	c := &clients{gate: newGate(most, computing)}
	c.server = NewServer(&plan.Listener{TLS: testServer(t)}, c.gate, &Tickets{})
	t.Cleanup(func() { c.wait(t, 0, 0) })
	return c
}

// begin begins the handshake of another client, which has said nothing yet.
func (c *clients) begin() *peer {
	p := &peer{told: make(chan struct{}, 100)}
	p.Conn = c.server.New(NewArea(), func() { p.told <- struct{}{} })
	p.Begin()
	return p
}

// wait waits until so many handshakes have a goroutine, and so many wait for one.
func (c *clients) wait(t testing.TB, running, waiting int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		r, w := c.gate.Counts()
		if r == running && w == waiting {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("handshakes: got %d with a goroutine and %d waiting, want %d and %d", r, w, running, waiting)
		}
	}
}

// fails shows that a handshake has been given its goroutine: it takes what it is fed, and answers nonsense by an alert.
func (p *peer) fails(t *testing.T) {
	t.Helper()
	p.Feed([]byte("\x16\x03\x01\x00\x04\x63\x00\x00\x00"))
	select {
	case <-p.told:
	case <-time.After(patience):
		t.Fatal("the handshake has not ended")
	}
	if o := p.Outcome(); o != Failed || p.Fault() == "" || len(p.Unsent()) == 0 {
		t.Errorf("outcome: got %d, fault %q, %d bytes to send; want it failed with an alert", o, p.Fault(), len(p.Unsent()))
	}
}

// TestGateOrder: those beyond the limit wait, and are let in first come, first served; those given up are passed over.
func TestGateOrder(t *testing.T) {
	t.Parallel()
	c := newClients(t, 2, 1)
	var all []*peer
	for range 8 {
		all = append(all, c.begin())
	}
	c.wait(t, 2, 6)
	for _, i := range []int{3, 4, 7} { // while they wait
		all[i].Drop()
	}
	all[0].fails(t)
	all[2].fails(t) // it was next
	all[1].Drop()   // while it runs
	all[5].fails(t) // 3 and 4 have gone
	all[6].fails(t)
	c.wait(t, 0, 0)
	for _, i := range []int{3, 4, 7} {
		if len(all[i].told) > 0 {
			t.Errorf("handshake %d was given up, and yet its loop was told", i)
		}
	}
}

// TestGateQueueBounded: however long there is somebody waiting, the queue is no longer than those who do.
func TestGateQueueBounded(t *testing.T) {
	t.Parallel()
	c := newClients(t, 1, 1)
	last := c.begin()
	for range 5000 {
		next := c.begin()
		last.fails(t)
		last = next
	}
	c.gate.mu.Lock()
	kept := cap(c.gate.queue)
	c.gate.mu.Unlock()
	if kept > 500 {
		t.Errorf("queue: got room for %d, with never more than two waiting", kept)
	}
	last.fails(t)
}

// TestGateComputing: a handshake that waits for its peer keeps no processor from the others.
func TestGateComputing(t *testing.T) {
	t.Parallel()
	c := newClients(t, 100, 1)
	var idle []*peer
	for range 99 {
		idle = append(idle, c.begin())
	}
	c.wait(t, 99, 0)
	c.begin().fails(t)
	for _, p := range idle {
		p.Drop()
	}
}

// TestGateCrowd: handshakes of many goroutines, half of which are given up at some moment, all end.
func TestGateCrowd(t *testing.T) {
	t.Parallel()
	c := newClients(t, 8, 2)
	hello := []byte("\x16\x03\x01\x00\x04\x63\x00\x00\x00")
	var loops sync.WaitGroup
	for n := range 8 {
		loops.Go(func() {
			for i := range 200 {
				p := c.begin()
				switch (i + n) % 4 {
				case 0:
					p.Drop()
				case 1:
					p.Feed(hello[:3])
					p.Drop()
				case 2:
					p.Feed(hello)
					p.Drop()
				case 3:
					p.Feed(hello)
					<-p.told
				}
			}
		})
	}
	loops.Wait()
	c.wait(t, 0, 0)
}

// FuzzHandshake feeds a handshake what a fuzzer thinks of, in pieces, and then the end of the stream: it ends, with an outcome,
// and nothing of it stays.
func FuzzHandshake(f *testing.F) {
	var m mute
	_ = tls.Client(&m, &tls.Config{ServerName: "web.example"}).Handshake()
	f.Add(m.said, uint8(7))
	f.Add([]byte("\x16\x03\x01\x00\x04\x01\x00\x00\x00"), uint8(0))
	f.Add(slices.Concat(m.said, []byte("\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x05hello")), uint8(200))
	f.Add([]byte("\x15\x03\x03\x00\x02\x01\x00"), uint8(1))
	c := newClients(f, 4, 2)
	f.Fuzz(func(t *testing.T, b []byte, piece uint8) {
		p := c.begin()
		for len(b) > 0 {
			n := min(len(b), int(piece)+1, p.Room())
			if n == 0 {
				break // it has ended, or it will be told
			}
			p.Feed(b[:n])
			b = b[n:]
		}
		p.End()
		deadline := time.After(patience)
		for p.Outcome() == Going {
			select {
			case <-p.told:
			case <-deadline:
				t.Fatal("the handshake has not ended")
			}
		}
		if o := p.Outcome(); o != Failed && o != Ended || p.Fault() == "" {
			t.Errorf("outcome: got %d, fault %q; want a failure in words", o, p.Fault())
		}
		p.Drop()
		c.wait(t, 0, 0)
	})
}

// mute is a connection that keeps what is written, and has nothing to read.
type mute struct {
	net.Conn
	said []byte
}

func (m *mute) Read([]byte) (int, error) { return 0, io.EOF }
func (m *mute) Close() error             { return nil }
func (m *mute) Write(b []byte) (int, error) {
	m.said = append(m.said, b...)
	return len(b), nil
}

// waitStalled waits until so many handshakes wait for their peers.
func (c *clients) waitStalled(t *testing.T, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		c.gate.mu.Lock()
		got := c.gate.stalled.Len()
		c.gate.mu.Unlock()
		if got == n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("handshakes that wait for their peers: got %d, want %d", got, n)
		}
	}
}

// TestGateGivesWay: who leaves a handshake waiting loses its place to others that have none, after stallGrace and no sooner; and
// only then. A handshake with a backend needs no place.
func TestGateGivesWay(t *testing.T) {
	t.Parallel()
	c := newClients(t, 2, 1)
	began := time.Now()
	stalled := []*peer{c.begin()}
	c.waitStalled(t, 1)
	stalled = append(stalled, c.begin())
	c.waitStalled(t, 2)
	backend := &peer{told: make(chan struct{}, 100)}
	backend.Conn = NewClient(&plan.ClientTLS{Policy: tlspolicy.Default}, c.gate).New(plan.BackendKey{Host: "b.example"}, NewArea(),
		func() { backend.told <- struct{}{} })
	backend.Begin()
	select {
	case <-backend.told:
	case <-time.After(patience):
		t.Fatal("the handshake with a backend waits for a place")
	}
	if len(backend.Unsent()) == 0 {
		t.Error("the handshake with a backend has nothing to say")
	}
	late := c.begin()
	select {
	case <-stalled[0].told:
	case <-time.After(patience):
		t.Fatal("the first that stalled has kept its place")
	}
	if took := time.Since(began); took < stallGrace {
		t.Errorf("it gave way after %v, want %v at least", took, stallGrace)
	}
	if o := stalled[0].Outcome(); o != Failed || stalled[0].Fault() != errYield.Error() {
		t.Errorf("it: got outcome %d, fault %q; want it failed, %q", o, stalled[0].Fault(), errYield)
	}
	late.fails(t)       // it has the place
	stalled[1].fails(t) // and this one has kept its own, though it stalled as long: one was enough
	backend.Drop()
}
