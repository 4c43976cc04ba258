package tcpproxy

import (
	"errors"
	"flag"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
)

// patience bounds every wait for something that should happen at once, or after the kernel's second SYN (1 s).
const patience = 10 * time.Second

// TestMain gives every loop a processor of the scheduler to wait on, as the engine does: on two, a hundred loops of
// parallel tests would wait for each other.
func TestMain(m *testing.M) {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "test.parallel" })
	if !asked {
		_ = flag.Set("test.parallel", "8")
	}
	runtime.GOMAXPROCS(32)
	os.Exit(m.Run())
}

// rig is one running loop with a proxy and a listener on it, whose insides a test may look at and move between turns.
type rig struct {
	t        *testing.T
	loop     *loop.Loop
	pool     *buf.Pool
	limit    acceptor.Limit
	load     atomic.Int64
	log      record.Log
	p        *Proxy
	acceptor *acceptor.Acceptor
	registry *backend.Registry
	plan     plan.Listener
	local    netip.AddrPort
	stats    statsBlock
}

// newRig starts a loop with one listener in front of the backends. Its timeouts are a minute and more: no timer fires
// in a test unless the test makes it due.
func newRig(t *testing.T, change func(*plan.Listener), backends ...netip.AddrPort) *rig {
	t.Helper()
	l, err := loop.New(0)
	if err != nil {
		t.Fatalf("open loop: %v", err)
	}
	setKey := plan.SetKey{LoadBalancer: "lb", Name: "set"}
	set := &plan.BackendSet{Key: setKey}
	for _, b := range backends {
		key := plan.BackendKey{Set: setKey, Host: b.Addr().String(), Port: b.Port()}
		set.Backends = append(set.Backends, plan.Backend{Key: key, Weight: 1})
	}
	r := &rig{t: t, loop: l, pool: buf.NewPool(8), registry: backend.NewRegistry(), plan: plan.Listener{
		Key: plan.ListenerKey{LoadBalancer: "lb", Name: "tcp"}, BackendSet: set,
		Timeouts: timeout.Settings{Idle: time.Minute, Connect: time.Minute, Handshake: time.Minute, Drain: time.Minute},
	}}
	if change != nil {
		change(&r.plan)
	}
	r.limit.SetMost(1000)
	r.p = New(Options{Loop: l, IDs: record.NewIDs(0, 1), Pool: r.pool, Log: &r.log, Limit: &r.limit, Load: &r.load})
	r.acceptor = acceptor.New(l, []acceptor.Peer{{Loop: l, Load: &r.load, Proxy: r.p}}, &r.limit)
	fds, local, err := acceptor.Open(netip.MustParseAddrPort("127.0.0.1:0"), 1)
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	r.local = local
	ended := make(chan struct{})
	go func() { l.Run(); close(ended) }()
	t.Cleanup(func() {
		r.finish()
		<-ended
	})
	r.apply()
	r.on(func() { r.acceptor.Listen(fds[0], r.plan.Key) })
	return r
}

// finish ends what is left and checks that nothing is held afterwards. Clients and backends have been closed before.
func (r *rig) finish() {
	r.on(func() {
		r.acceptor.CloseAll()
		r.p.EndAll(reason.Shutdown)
		pairs, timers, loans, open := r.p.Pairs(), r.loop.Wheel.Len(), r.pool.Lent(), r.limit.Open()
		if pairs+timers+loans+open+r.loop.Registered() != 0 || r.load.Load() != 0 {
			r.t.Errorf("leak: %d pairs, %d timers, %d loans, %d counted, %d watched, load %d", pairs, timers, loans, open,
				r.loop.Registered(), r.load.Load())
		}
		r.pool.Close()
	})
	r.loop.Stop()
}

// on has f run on the loop and waits for it.
func (r *rig) on(f func()) {
	r.t.Helper()
	done := make(chan struct{})
	r.loop.Post(func() { f(); close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		r.t.Fatalf("the loop did not answer within %v", patience)
	}
}

// settle returns after the loop has handled what was there.
func (r *rig) settle() {
	r.t.Helper()
	for range 4 {
		r.on(func() {})
	}
}

// hold stops the loop between two turns until the returned function is called, so that everything that happens
// meanwhile meets it in one batch.
func (r *rig) hold() (resume func()) {
	held, ch := make(chan struct{}), make(chan struct{})
	r.loop.Post(func() { close(held); <-ch })
	<-held
	return func() { close(ch) }
}

// apply has the proxy take over the plan as it stands in r.plan; with drain times of nothing, what it ends is due now.
func (r *rig) apply() {
	r.t.Helper()
	lp := r.plan
	set := *r.plan.BackendSet
	set.Backends = slices.Clone(set.Backends)
	lp.BackendSet = &set
	now := clock.Now()
	sets := r.registry.Apply(&plan.Plan{LoadBalancers: []*plan.LoadBalancer{{
		Name: "lb", Listeners: []*plan.Listener{&lp}, BackendSets: []*plan.BackendSet{&set},
	}}}, now)
	ch := Change{Now: now, Listeners: []ListenerChange{{Plan: &lp, Set: sets[set.Key], Addr: r.local, Stats: &r.stats}}}
	r.on(func() { r.p.Apply(ch) })
}

// remove has the proxy take over a plan without the listener.
func (r *rig) remove() {
	r.t.Helper()
	r.on(func() { r.p.Apply(Change{Now: clock.Now(), Removed: []plan.ListenerKey{r.plan.Key}}) })
}

// dial connects a client. Its receive buffer is small when told so.
func (r *rig) dial(small bool) *net.TCPConn {
	r.t.Helper()
	d := net.Dialer{Timeout: patience}
	if small {
		d.Control = smallBuffers
	}
	c, err := d.Dial("tcp", r.local.String())
	if err != nil {
		r.t.Fatalf("dial: %v", err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// smallBuffers keeps what the kernel takes for a reader that does not read to a few KiB.
func smallBuffers(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
	})
}

// look is what a test sees of the one pair of a rig.
type look struct {
	state    state
	pairs    int
	up, down int // pending bytes
	taken    uint64
	legs     [2]bool
	halfEnd  bool
}

// look looks at the pair with the lowest index.
func (r *rig) look() (v look) {
	r.t.Helper()
	r.on(func() {
		v.pairs = r.p.Pairs()
		r.each(func(c *pair) {
			if v.state == free {
				v = look{c.state, v.pairs, c.flows[client].Pending(), c.flows[server].Pending(),
					c.flows[server].Bytes, [2]bool{c.legs[client].Open(), c.legs[server].Open()}, c.firstFIN != reason.None}
			}
		})
	})
	return v
}

func (r *rig) each(f func(*pair)) {
	for i := range r.p.pairs.Size() {
		if c := r.p.pairs.At(i); c.state != free {
			f(c)
		}
	}
}

// waitFor polls until the pair looks as told.
func (r *rig) waitFor(what string, f func(look) bool) look {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		v := r.look()
		if f(v) {
			return v
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waiting for %s: the pair is %+v (%v)", what, v, v.state)
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *rig) waitState(s state) look {
	r.t.Helper()
	return r.waitFor(s.String(), func(v look) bool { return v.state == s })
}

// waitStill waits until bytes are held for the client and none has moved for a while: the sockets' buffers grow at first.
func (r *rig) waitStill() {
	r.t.Helper()
	const while = 30 * time.Millisecond
	var last look
	since, over := time.Now(), false // whether the while was over before the look was made that is at hand
	r.waitFor("back-pressure", func(v look) bool {
		if v != last || v.down == 0 {
			last, since, over = v, time.Now(), false
		}
		still := over
		over = time.Since(since) > while
		return still
	})
}

// reasons returns the recorded reasons of the pairs that have ended.
func (r *rig) reasons() (codes []reason.Reason) {
	r.on(r.p.TurnEnd) // what this turn has ended would be told at its end
	var closes [64]record.Close
	n, _, _ := r.log.Read(0, closes[:])
	for _, c := range closes[:n] {
		codes = append(codes, c.Reason)
	}
	return codes
}

// due makes the pair's timer due now: a relaying pair gets an idle time of nothing, the others began long ago.
func (r *rig) due() {
	r.t.Helper()
	r.on(func() {
		r.each(func(c *pair) {
			switch c.state {
			case relaying:
				lp := *c.listener.plan
				lp.Timeouts.Idle = 1
				c.listener.plan = &lp
			case lingering:
				c.since = clock.Now() - int64(relay.LingerTime)
			case free, awaitingHeader, securing, connecting:
				c.since = clock.Now() - int64(time.Minute)
			}
			r.p.rearm(c)
		})
	})
}

// stayLingering waits until the pair lingers and gives it a minute more for that: a busy machine may be slow.
func (r *rig) stayLingering() {
	r.t.Helper()
	r.waitState(lingering)
	r.on(func() { r.each(func(c *pair) { c.since += int64(time.Minute) }) })
}

// early fires the pair's timer before its deadline, as happens to every pair that was active.
func (r *rig) early() {
	r.t.Helper()
	r.on(func() {
		r.each(func(c *pair) {
			r.loop.Wheel.Cancel(&c.node)
			r.p.Expired(&c.node)
		})
	})
}

// peer is a backend whose connections the test handles itself.
type peer struct {
	t    *testing.T
	addr netip.AddrPort
	l    *net.TCPListener
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &peer{t, netip.MustParseAddrPort(l.Addr().String()), l.(*net.TCPListener)}
}

func (p *peer) accept() *net.TCPConn {
	p.t.Helper()
	_ = p.l.SetDeadline(time.Now().Add(patience))
	c, err := p.l.AcceptTCP()
	if err != nil {
		p.t.Fatalf("accept: %v", err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func send(t *testing.T, c *net.TCPConn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatalf("send %q: %v", s, err)
	}
}

// waitSent waits until the peer's kernel has acknowledged all that was written to c.
func waitSent(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatalf("raw connection: %v", err)
	}
	deadline := time.Now().Add(patience)
	for left := 1; left > 0; {
		_ = raw.Control(func(fd uintptr) { left = sys.Unacknowledged(int(fd)) })
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are not taken", left)
		}
	}
}

// outcomeOf reads to the end and returns how it came ("eof", "reset") and what came before.
func outcomeOf(c *net.TCPConn) (how string, data []byte) {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	data, err := io.ReadAll(c)
	switch {
	case err == nil:
		return "eof", data
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset", data
	}
	return err.Error(), data
}
