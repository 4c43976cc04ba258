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

// openListeners makes the listeners that are wanted. One whose address is listened on already gets those sockets, if the listener
// that has them goes or moves; for the others new ones are opened.
func (e *Engine) openListeners(t *transition) error {
	taken := map[netip.AddrPort]*listener{} // addresses by who has got them
	for _, pl := range t.wanted {
		l := &listener{plan: pl}
		l.keep(e.known(pl.Key), len(e.workers))
		if pl.TLS != nil {
			l.tls = tlsio.NewServer(pl, e.gate, &e.tickets)
		}
		old, err := e.listeningOn(pl, t, taken)
		if err != nil {
			return fmt.Errorf("listener %s: %w", pl.Key, err)
		}
		if old != nil {
			l.fds, l.local = old.fds, old.local
			if old.plan.Key != pl.Key {
				t.renamed = append(t.renamed, l)
			}
		} else if l.fds, l.local, err = e.open(pl.Address); err != nil {
			return fmt.Errorf("listener %s: %w", pl.Key, err)
		} else {
			t.opened = append(t.opened, l)
		}
		taken[pl.Address] = l
		t.come = append(t.come, l)
	}
	return nil
}

// open opens sockets on an address. If a listener in force has the same port it may be in the way, and go with this plan.
func (e *Engine) open(addr netip.AddrPort) ([]int, netip.AddrPort, error) {
	if e.ports[addr.Port()] > 0 {
		return acceptor.OpenBeside(addr, len(e.workers))
	}
	return acceptor.Open(addr, len(e.workers))
}

// listeningOn returns the listener in force that has the address and leaves it, whatever its name; nil if there is none. Port 0 stands
// for any port, so it matches only the listener of the same name. No two listeners share sockets: each would take
// what the kernel happens to give it.
func (e *Engine) listeningOn(pl *plan.Listener, t *transition, taken map[netip.AddrPort]*listener) (*listener, error) {
	if pl.Address.Port() == 0 {
		if l := e.listeners[pl.Key]; l != nil && l.plan.Address == pl.Address {
			return l, nil
		}
		return nil, nil
	}
	l, owner := e.at[pl.Address], taken[pl.Address]
	if _, leaves := t.left[l]; l != nil && !leaves {
		owner = l
	}
	if owner != nil {
		return nil, fmt.Errorf("%s: address already in use by listener %s", pl.Address, owner.plan.Key)
	}
	return l, nil
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

// takeSockets makes the worker's acceptor listen on what is new, and close what is gone. On the worker's loop.
func (w *worker) takeSockets(t *transition, gone []*listener) {
	for _, l := range t.opened {
		w.acceptor.Listen(l.fds[w.loop.Index], l.plan.Key)
	}
	for _, l := range t.renamed {
		w.acceptor.Rename(l.fds[w.loop.Index], l.plan.Key)
	}
	for _, l := range gone {
		w.acceptor.Close(l.fds[w.loop.Index])
	}
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
