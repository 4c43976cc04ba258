package httpproxy

import (
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
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/tcpproxy"
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

// rig is one running loop with an HTTP proxy and a listener on it, whose insides a test may look at and move between turns.
type rig struct {
	t         testing.TB
	loop      *loop.Loop
	pool      *buf.Pool
	limit     acceptor.Limit
	load      atomic.Int64
	log       record.Log
	exchanges record.Exchanges
	tunnels   *tcpproxy.Proxy
	p         *Proxy
	acceptor  *acceptor.Acceptor
	registry  *backend.Registry
	plan      plan.Listener
	local     netip.AddrPort
	stats     stats.Listener
	kept      map[uint64]bool // connections whose linger has been prolonged
}

// newRig starts a loop with one listener of the shared model in front of the backends. Its timeouts are a minute and more: no
// timer fires in a test unless the test makes it due.
func newRig(t testing.TB, change func(*plan.Listener), backends ...netip.AddrPort) *rig {
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
	r := &rig{t: t, loop: l, pool: buf.NewPool(8), registry: backend.NewRegistry(), kept: map[uint64]bool{}, plan: plan.Listener{
		Key: plan.ListenerKey{LoadBalancer: "lb", Name: "http"}, Protocol: plan.HTTP, BackendSet: set,
		Desync: http1.Defensive, HeadMax: plan.HeadMaxDefault, StaleRetry: true, QueueMax: 10,
		Timeouts: timeout.Settings{Idle: time.Minute, Connect: time.Minute, Handshake: time.Minute, RequestHead: time.Minute, Drain: time.Minute},
	}}
	if change != nil {
		change(&r.plan)
	}
	r.limit.SetMost(1000)
	ids := record.NewIDs(0, 1)
	r.tunnels = tcpproxy.New(tcpproxy.Options{Loop: l, IDs: ids, Pool: r.pool, Log: &r.log, Exchanges: &r.exchanges,
		Limit: &r.limit, Load: &r.load})
	r.p = New(Options{Loop: l, IDs: ids, Pool: r.pool, Log: &r.log, Exchanges: &r.exchanges, Limit: &r.limit, Load: &r.load,
		Tunnels: r.tunnels})
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
		r.tunnels.EndAll(reason.Shutdown)
		timers, loans, open := r.loop.Wheel.Len(), r.pool.Lent(), r.limit.Open()
		queued := r.p.queue.count + int(r.p.queuedHere.Load())
		if counts := r.p.Counts(); counts != (Counts{}) || r.p.waiters.count+queued+r.tunnels.Pairs() != 0 {
			r.t.Errorf("leak: %+v, %d waiting, %d queued, %d tunnels", counts, r.p.waiters.count, queued, r.tunnels.Pairs())
		}
		if timers+loans+open+r.loop.Registered() != 0 || r.load.Load() != 0 {
			r.t.Errorf("leak: %d timers, %d loans, %d counted, %d watched, load %d", timers, loans, open, r.loop.Registered(), r.load.Load())
		}
		for _, b := range r.registry.All() {
			if b.Active() != 0 || b.Conns() != 0 {
				r.t.Errorf("leak: backend %s has %d exchanges and %d connections", b.Endpoint, b.Active(), b.Conns())
			}
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

// apply has the proxies take over the plan as it stands in r.plan; with drain times of nothing, what it ends is due now.
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
	lc := tcpproxy.ListenerChange{Plan: &lp, Set: sets[set.Key], Addr: r.local, Stats: &r.stats}
	lp.Sites = slices.Clone(lp.Sites)
	for i, s := range lp.Sites { // all of them lead to the one set
		own := *s
		own.Sets = []*plan.BackendSet{&set}
		lp.Sites[i], lc.Sites = &own, append(lc.Sites, &stats.Site{})
	}
	r.take(tcpproxy.Change{Now: now, Sets: sets, Listeners: []tcpproxy.ListenerChange{lc}})
}

// remove has the proxies take over a plan without the listener.
func (r *rig) remove() {
	r.t.Helper()
	r.take(tcpproxy.Change{Now: clock.Now(), Removed: []plan.ListenerKey{r.plan.Key}})
}

func (r *rig) take(ch tcpproxy.Change) {
	r.on(func() {
		r.tunnels.Apply(ch)
		r.p.Apply(ch.Of(plan.HTTP))
	})
}

// backend returns the live state of the first backend.
func (r *rig) backend() *backend.Backend { return r.registry.Find(r.plan.BackendSet.Backends[0].Key) }

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

// each calls f for every client's connection that has not been freed, on the loop.
func (r *rig) each(f func(*front)) {
	r.on(func() { r.p.each(f) })
}

// look is what a test sees of the one client's connection of a rig, and of the first back-end connection.
type look struct {
	state    state
	back     backState
	up, down int // pending bytes
	failed   bool
	fronts   int
}

// look looks, and gives a connection that lingers a minute more for that, once: a busy machine may be slow.
func (r *rig) look() (v look) {
	r.t.Helper()
	r.on(func() {
		v.fronts = r.p.fronts.Used()
		r.p.each(func(f *front) {
			if v.state = f.state; f.state == lingering && !r.kept[f.id] {
				r.kept[f.id] = true
				f.since += int64(time.Minute)
			}
			if f.x != nil {
				v.up, v.down = f.x.up.Pending(), f.x.down.Pending()
			}
		})
		r.p.eachBack(func(c *back) {
			v.back = max(v.back, c.state)
			v.failed = v.failed || c.conn.Is(relay.Failed)
		})
	})
	return v
}

// waitFor polls until the connection looks as told.
func (r *rig) waitFor(what string, f func(look) bool) look {
	r.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		v := r.look()
		if f(v) {
			return v
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("waiting for %s: the connection is %+v", what, v)
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *rig) waitState(s state) look {
	r.t.Helper()
	return r.waitFor(stateNames[s], func(v look) bool { return v.state == s })
}

//nolint:gochecknoglobals // names of the constants, in their order
var (
	stateNames = [...]string{"free", "header", "handshake", "waiting", "reading", "queued", "connecting", "exchanging", "lingering"}
	backNames  = [...]string{"none", "opening", "securing", "busy", "pooled"}
)

// waitStill waits until bytes are held and none has moved for a while: the sockets' buffers grow at first.
func (r *rig) waitStill() {
	r.t.Helper()
	const while = 30 * time.Millisecond
	var last look
	var moved uint64
	since, over := time.Now(), false // whether the while was over before the look was made that is at hand
	r.waitFor("back-pressure", func(v look) bool {
		if now := r.stats.BytesUp.Load() + r.stats.BytesDown.Load(); v != last || now != moved || v.up+v.down == 0 {
			last, moved, since, over = v, now, time.Now(), false
		}
		still := over
		over = time.Since(since) > while
		return still
	})
}

// due makes the timer of the client's connection due now: bytes that must move get an idle time of nothing, what waits began
// long ago.
func (r *rig) due() {
	r.t.Helper()
	r.each(func(f *front) {
		switch f.state {
		case reading, exchanging:
			lp := *f.listener.plan
			lp.Timeouts.Idle = 1
			f.listener.plan = &lp
			if s := f.x.site; s != nil {
				s.timeouts.Idle = 1
			}
		case lingering:
			f.since = clock.Now() - int64(relay.LingerTime)
			r.kept[f.id] = true
		case free, awaitingHeader, securing, waiting, queued, connecting:
			f.since = clock.Now() - int64(time.Minute)
		}
		r.p.rearm(f)
	})
}

// early fires the timer of the client's connection before its deadline, as happens to every connection that was active.
func (r *rig) early() {
	r.t.Helper()
	r.each(func(f *front) {
		r.loop.Wheel.Cancel(&f.node)
		fronts{r.p}.Expired(&f.node)
	})
}

// poolDue makes the time of pooled connections in the pool be over; poolEarly fires their timers before that.
func (r *rig) poolDue() {
	r.t.Helper()
	r.on(func() {
		r.p.eachBack(func(c *back) {
			if c.state == backPooled {
				c.since = clock.Now() - int64(time.Minute)
				r.loop.Wheel.Arm(&c.node, clock.Now())
			}
		})
	})
}

func (r *rig) poolEarly() {
	r.t.Helper()
	r.on(func() {
		r.p.eachBack(func(c *back) {
			r.loop.Wheel.Cancel(&c.node)
			backs{r.p}.Expired(&c.node)
		})
	})
}

// peer is a backend whose connections the test handles itself.
type peer struct {
	t    testing.TB
	addr netip.AddrPort
	l    *net.TCPListener
}

func newPeer(t testing.TB) *peer {
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

func send(t testing.TB, c *net.TCPConn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatalf("send %q: %v", s, err)
	}
}

// waitSent waits until the peer's kernel has acknowledged all that was written to c.
func waitSent(t testing.TB, c *net.TCPConn) {
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

// expect reads what is to come, as far as want is long.
func expect(t testing.TB, c *net.TCPConn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if n, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read: got %q, %v; want %q", got[:n], err, want)
	}
}
