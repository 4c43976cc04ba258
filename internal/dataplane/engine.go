package dataplane

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"

	"lull/internal/clock"
	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/httpproxy"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/tcpproxy"
	"lull/internal/dataplane/tlsio"
)

// Options are what an engine is started with; they cannot change while it runs.
type Options struct {
	Loops          int // 0: one per core
	ConnectionsMax int // 0: what the descriptor limit allows
}

// Engine is a running data plane.
type Engine struct {
	// Fixed after New.
	workers  []*worker
	queues   []*httpproxy.Proxy // of the workers
	budget   int                // connections that the descriptor limit allows
	registry *backend.Registry
	gate     *tlsio.Gate
	tickets  tlsio.Tickets
	log      record.Log
	requests record.Exchanges
	health   record.Ring[record.HealthChange]
	limit    acceptor.Limit
	running  sync.WaitGroup

	// Guarded by mu.
	mu        sync.Mutex
	plan      *plan.Plan // in force; never nil
	listeners map[plan.ListenerKey]*listener
	at        map[netip.AddrPort]*listener // the same, by the address in the plan; of those with port 0 not all
	ports     map[uint16]int               // how many of them have sockets on each port
	retired   []*listener                  // removed, but their counters are still wanted while connections are open
	closed    bool
}

// worker is a loop and what runs on it.
type worker struct {
	loop     *loop.Loop
	pool     *buf.Pool
	tcp      *tcpproxy.Proxy
	http     *httpproxy.Proxy
	acceptor *acceptor.Acceptor
	load     atomic.Int64
	stopped  chan struct{} // closed when the loop has ended
}

// listener is what the engine keeps of a listener of the plan in force.
type listener struct {
	plan  *plan.Listener
	tls   *tlsio.Server // nil: plain
	local netip.AddrPort
	fds   []int                    // one per loop
	stats []*stats.Listener        // one per loop
	sites map[string][]*stats.Site // by name, those of the plan; one per loop
	// clients counts the connections of each client's address; nil if the listener never had a bound on them.
	clients *acceptor.Addresses
}

// New starts an engine with no listeners.
func New(o Options) (*Engine, error) {
	loops := o.Loops
	if loops == 0 {
		loops = defaultLoops()
	}
	e := &Engine{registry: backend.NewRegistry(), gate: tlsio.NewGate(), plan: &plan.Plan{},
		listeners: map[plan.ListenerKey]*listener{}, at: map[netip.AddrPort]*listener{}, ports: map[uint16]int{}}
	e.registry.SetGate(e.gate)
	e.registry.SetLoops(loops)
	pipes, most := descriptorBudget(loops, sys.RaiseDescriptorLimit())
	e.budget = most
	e.SetConnectionsMax(o.ConnectionsMax)
	peers := make([]acceptor.Peer, loops)
	proxies := make([]*httpproxy.Proxy, loops)
	for i := range loops {
		w, err := e.newWorker(i, loops, pipes)
		if err != nil {
			for _, opened := range e.workers {
				opened.loop.Discard()
			}
			return nil, fmt.Errorf("start loop %d: %w", i, err)
		}
		e.workers = append(e.workers, w)
		peers[i] = acceptor.Peer{Loop: w.loop, Load: &w.load, Proxy: w}
		proxies[i] = w.http
	}
	for _, w := range e.workers {
		w.http.SetPeers(proxies)
	}
	e.queues = proxies
	leaveProcessors(loops)
	for _, w := range e.workers {
		w.acceptor = acceptor.New(w.loop, peers, &e.limit)
		e.running.Go(func() {
			w.loop.Run()
			close(w.stopped)
		})
	}
	return e, nil
}

func (e *Engine) newWorker(index, loops, pipes int) (*worker, error) {
	l, err := loop.New(index)
	if err != nil {
		return nil, err
	}
	w := &worker{loop: l, pool: buf.NewPool(pipes), stopped: make(chan struct{})}
	ids := record.NewIDs(index, loops)
	area := tlsio.NewArea()
	w.tcp = tcpproxy.New(tcpproxy.Options{Loop: l, IDs: ids, Pool: w.pool, Log: &e.log, Exchanges: &e.requests,
		Limit: &e.limit, Load: &w.load, TLS: area})
	w.http = httpproxy.New(httpproxy.Options{Loop: l, IDs: ids, Pool: w.pool, Log: &e.log, Exchanges: &e.requests,
		Limit: &e.limit, Load: &w.load, TLS: area, Tunnels: w.tcp})
	return w, nil
}

// Apply makes a plan the one in force. On an error nothing has changed. When it returns, every loop acts on the plan.
func (e *Engine) Apply(p *plan.Plan) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("apply plan: the data plane is stopping")
	}
	t := newTransition(p.Since(e.plan), e.listeners)
	if err := e.openListeners(t); err != nil {
		for _, l := range t.opened {
			acceptor.CloseSockets(l.fds)
		}
		return err
	}
	now := clock.Now()
	change := t.change(e.registry.Apply(p, now), now)
	gone := t.goneSockets()
	for _, l := range gone { // the sockets that take over from them listen already
		acceptor.Unlist(l.fds)
	}
	e.onEveryLoop(func(w *worker) {
		all := change(w.loop.Index)
		w.tcp.Apply(all) // the HTTP ones too: their tunnels
		w.http.Apply(all.Of(plan.HTTP))
		w.takeSockets(t, gone)
	})
	e.settle(t)
	e.plan = p
	return nil
}

// onEveryLoop has every loop call f on its thread, and waits until all have.
func (e *Engine) onEveryLoop(f func(*worker)) {
	var done sync.WaitGroup
	for _, w := range e.workers {
		done.Add(1)
		w.loop.Post(func() {
			f(w)
			done.Done()
		})
	}
	done.Wait()
}

// SetConnectionsMax sets the most front-end connections; 0, and whatever exceeds it, stands for what the descriptor limit
// allows. Connections above a lowered limit stay. Callable from anywhere.
func (e *Engine) SetConnectionsMax(n int) {
	if n <= 0 || n > e.budget {
		n = e.budget
	}
	e.limit.SetMost(n)
}

// SetStatus records what health checks say of a backend. Callable from anywhere.
func (e *Engine) SetStatus(key plan.BackendKey, up bool, detail string) {
	b := e.registry.Find(key)
	if b == nil {
		return
	}
	old := b.Status()
	b.SetStatus(backend.Status{Up: up, Detail: detail})
	e.pokeQueues()
	// That a backend which nobody had looked at is up is no change; that it is down is one, since nobody expects that.
	if wasUp := old.Up || old.Detail == plan.NotProbed; wasUp != up {
		e.health.Append([]record.HealthChange{{LoadBalancer: key.Set.LoadBalancer, Set: key.Set.Name, Backend: key.Endpoint(),
			Up: up, Detail: detail, At: clock.Wall(clock.Now())}})
	}
}

// ProbeFailed counts a connection of a health check to a backend that did not come about. Callable from anywhere.
func (e *Engine) ProbeFailed(key plan.BackendKey) {
	if b := e.registry.Find(key); b != nil {
		b.ProbeFailed()
	}
}

// SetAddrs replaces the addresses of a backend that is given by name. Callable from anywhere.
func (e *Engine) SetAddrs(key plan.BackendKey, addrs []netip.AddrPort) {
	if b := e.registry.Find(key); b != nil {
		b.SetAddrs(addrs)
		e.pokeQueues()
	}
}

// pokeQueues has requests that wait for a backend look again. It takes no lock: health checks come with thousands of reports while a
// plan is applied.
func (e *Engine) pokeQueues() {
	for _, p := range e.queues {
		p.Poke()
	}
}

// Addrs returns the addresses of a backend: none while its name is not resolved. Callable from anywhere.
func (e *Engine) Addrs(key plan.BackendKey) []netip.AddrPort {
	if b := e.registry.Find(key); b != nil {
		return b.Addrs()
	}
	return nil
}

// Local returns the address that a listener is bound to; invalid if there is no such listener.
func (e *Engine) Local(key plan.ListenerKey) netip.AddrPort {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.listeners[key]; l != nil {
		return l.local
	}
	return netip.AddrPort{}
}

// Drain closes the listening sockets at once and gives open connections their drain time; it returns when the last
// has ended, or with ctx's error. Close must follow.
func (e *Engine) Drain(ctx context.Context) error {
	e.mu.Lock()
	now := clock.Now()
	e.closed = true
	e.onEveryLoop(func(w *worker) {
		w.acceptor.CloseAll()
		w.tcp.Drain(now)
		w.http.Drain(now)
	})
	e.mu.Unlock()
	return e.waitEmpty(ctx)
}

// Close ends every connection that is left, and the loops. Idempotent.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	// Listening sockets first, on every loop: what they last accept may be handed to another loop, which must take it.
	e.onEveryLoop(func(w *worker) { w.acceptor.CloseAll() })
	e.onEveryLoop(func(*worker) {})
	stop := e.workers
	e.workers = nil
	e.mu.Unlock()
	for _, w := range stop {
		w.loop.Post(func() {
			w.http.EndAll(reason.Shutdown)
			w.tcp.EndAll(reason.Shutdown)
			w.pool.Close()
		})
		w.loop.Stop()
	}
	e.running.Wait()
}
