package dataplane

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/tlsio"
)

const (
	// descriptorsSpare is what is left to everything but connections and pipes: listeners, logs, health checks, the
	// control socket, a scraper or two.
	descriptorsSpare = 256
	// pipesPerLoopMax bounds the pipes of a loop: bulk transfers beyond it are copied instead of spliced.
	pipesPerLoopMax = 128
	// pollEvery is how often a drain looks whether the last connection has ended.
	pollEvery = 10 * time.Millisecond
)

// defaultLoops is one per core.
func defaultLoops() int { return runtime.NumCPU() }

// leaveProcessors gives the scheduler processors beside those that the loops hold while they wait the short way, so
// that health checks, the control socket and the garbage collector never wait for a loop.
func leaveProcessors(loops int) {
	if want := loops + 2; runtime.GOMAXPROCS(0) < want {
		runtime.GOMAXPROCS(want)
	}
}

// descriptorBudget splits the descriptors a process may open: a pair of connections needs two, a pipe two.
func descriptorBudget(loops, descriptors int) (pipesPerLoop, connections int) {
	left := max(descriptors-descriptorsSpare, descriptors/2)
	pipesPerLoop = min(pipesPerLoopMax, left/32/loops)
	return pipesPerLoop, max((left-2*pipesPerLoop*loops)/2, 1)
}

// openListeners returns the listeners as the plan wants them. Those whose address is listened on already keep their
// sockets; the others are opened and returned in opened too.
func (e *Engine) openListeners(p *plan.Plan) (next map[plan.ListenerKey]*listener, opened []*listener, err error) {
	next = make(map[plan.ListenerKey]*listener, len(e.listeners)+1)
	at := make(map[netip.AddrPort]*listener, len(e.listeners))
	for _, l := range e.listeners {
		at[l.plan.Address] = l
	}
	for _, lb := range p.LoadBalancers {
		for _, pl := range lb.Listeners {
			l := &listener{plan: pl}
			l.keep(e.known(pl.Key), len(e.workers))
			if pl.TLS != nil {
				l.tls = tlsio.NewServer(pl, e.gate, &e.tickets)
			}
			if old := e.listeningOn(pl, at); old != nil {
				l.fds, l.local = old.fds, old.local
			} else if l.fds, l.local, err = e.open(pl.Address); err != nil {
				return nil, opened, fmt.Errorf("listener %s: %w", pl.Key, err)
			} else {
				opened = append(opened, l)
			}
			next[pl.Key] = l
		}
	}
	return next, opened, nil
}

// open opens sockets on an address. If a listener in force has the same port it may be in the way, and go with this plan.
func (e *Engine) open(addr netip.AddrPort) ([]int, netip.AddrPort, error) {
	for _, l := range e.listeners {
		if l.local.Port() == addr.Port() {
			return acceptor.OpenBeside(addr, len(e.workers))
		}
	}
	return acceptor.Open(addr, len(e.workers))
}

// listeningOn returns the listener in force with that address, whatever its name; at has those in force by address. Port 0 stands for
// any port, so it matches only the listener of the same name.
func (e *Engine) listeningOn(pl *plan.Listener, at map[netip.AddrPort]*listener) *listener {
	if pl.Address.Port() != 0 {
		return at[pl.Address]
	}
	if l := e.listeners[pl.Key]; l != nil && l.plan.Address == pl.Address {
		return l
	}
	return nil
}

// known returns the listener of that name which is in force, or was and has connections yet; nil without.
func (e *Engine) known(key plan.ListenerKey) *listener {
	if l := e.listeners[key]; l != nil {
		return l
	}
	for _, l := range e.retired {
		if l.plan.Key == key {
			return l // it stays retired until the plan is in force: this one may yet be refused
		}
	}
	return nil
}

// keep gives a listener its counts, one block for each loop: those that one of its name has already, which survive every change.
func (l *listener) keep(old *listener, loops int) {
	if old == nil {
		old = &listener{}
	}
	if l.stats = old.stats; l.stats == nil {
		l.stats = blocks[stats.Listener](loops)
	}
	l.sites = make(map[string][]*stats.Site, len(l.plan.Sites))
	for _, site := range l.plan.Sites {
		if l.sites[site.Name] = old.sites[site.Name]; l.sites[site.Name] == nil {
			l.sites[site.Name] = blocks[stats.Site](loops)
		}
	}
	if l.clients = old.clients; l.clients == nil && l.plan.Caps != nil {
		l.clients = acceptor.NewAddresses()
	}
}

// blocks returns as many blocks of counters as there are loops.
func blocks[T any](loops int) []*T {
	all := make([]*T, loops)
	for i := range all {
		all[i] = new(T)
	}
	return all
}

// goneSockets returns the listeners in force whose sockets the next plan has no use for.
func (e *Engine) goneSockets(next map[plan.ListenerKey]*listener) []*listener {
	kept := map[int]bool{} // by descriptor of the first loop
	for _, l := range next {
		kept[l.fds[0]] = true
	}
	var gone []*listener
	for _, l := range e.listeners {
		if !kept[l.fds[0]] {
			gone = append(gone, l)
		}
	}
	return gone
}

// takeSockets makes the worker's acceptor listen on what is new, under the names of the next plan, and close what is
// gone. On the worker's loop.
func (w *worker) takeSockets(next map[plan.ListenerKey]*listener, opened, gone []*listener) {
	fresh := map[int]bool{}
	for _, l := range opened {
		fd := l.fds[w.loop.Index]
		fresh[fd] = true
		w.acceptor.Listen(fd, l.plan.Key)
	}
	for key, l := range next {
		if fd := l.fds[w.loop.Index]; !fresh[fd] {
			w.acceptor.Rename(fd, key)
		}
	}
	for _, l := range gone {
		w.acceptor.Close(l.fds[w.loop.Index])
	}
}

// retire keeps the counters of removed listeners while they have connections.
func (e *Engine) retire(next map[plan.ListenerKey]*listener) {
	var kept []*listener
	for _, l := range e.retired {
		if next[l.plan.Key] == nil && l.totals().Active > 0 {
			kept = append(kept, l)
		}
	}
	for key, l := range e.listeners {
		if next[key] == nil {
			kept = append(kept, l)
		}
	}
	e.retired = kept
}

// waitEmpty returns when no connection is open.
func (e *Engine) waitEmpty(ctx context.Context) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for e.limit.Open() > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
