package dataplane

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/httpproxy"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// showMost is how many places of a loop's table one look at it covers: some 50 µs, during which the loop does
// nothing else.
const showMost = 256

// ErrStopped is returned when the engine has been closed.
var ErrStopped = errors.New("the data plane has stopped")

// Log returns the connections that have ended.
func (e *Engine) Log() *record.Log { return &e.log }

// Exchanges returns the HTTP exchanges that have ended.
func (e *Engine) Exchanges() *record.Exchanges { return &e.requests }

// HealthChanges returns the backends that health checks have taken out of service and brought back.
func (e *Engine) HealthChanges() *record.Ring[record.HealthChange] { return &e.health }

// Conns calls each with the open connections, loop by loop and batch by batch; a batch is valid until each returns. It
// is no snapshot: connections come and go meanwhile. The loops go on working between batches.
func (e *Engine) Conns(ctx context.Context, each func([]record.Live) error) error {
	e.mu.Lock()
	workers := e.workers
	e.mu.Unlock()
	for _, w := range workers {
		if err := w.conns(ctx, each); err != nil {
			return err
		}
	}
	return nil
}

type batch struct {
	list []record.Live
	next uint32
	more bool
	http bool // the TCP proxy's are through
}

func (w *worker) conns(ctx context.Context, each func([]record.Live) error) error {
	answer := make(chan batch, 1) // with room, so that the loop never waits for a reader that has gone
	b := batch{more: true}
	for b.more {
		w.loop.Post(func() {
			answer <- w.show(b)
		})
		select {
		case b = <-answer:
		case <-ctx.Done():
			return ctx.Err()
		case <-w.stopped:
			return ErrStopped
		}
		if err := each(b.list); err != nil {
			return err
		}
	}
	return nil
}

// show returns the batch after b. On the worker's loop.
func (w *worker) show(b batch) batch {
	if b.http {
		b.list, b.next, b.more = w.http.Show(b.list[:0], b.next, showMost)
		return b
	}
	b.list, b.next, b.more = w.tcp.Show(b.list[:0], b.next, showMost)
	if !b.more {
		b.next, b.more, b.http = 0, true, true
	}
	return b
}

// Stats returns every counter. Those that there are very many of are read without the engine's lock: a change of the plan does not wait
// for them.
func (e *Engine) Stats() stats.Snapshot {
	s, listeners := e.overview()
	for _, l := range listeners {
		s.Listeners = append(s.Listeners, l.totals())
	}
	slices.SortFunc(s.Listeners, func(a, b stats.ListenerTotals) int { return a.Key.Compare(b.Key) })
	backends := e.registry.All()
	s.Backends = make([]stats.BackendTotals, len(backends))
	for i, b := range backends {
		s.Backends[i] = backendTotals(b)
	}
	s.Sets = e.registry.Sets()
	slices.SortFunc(s.Sets, func(a, b stats.SetTotals) int {
		return cmp.Or(cmp.Compare(a.Key.LoadBalancer, b.Key.LoadBalancer), cmp.Compare(a.Key.Name, b.Key.Name))
	})
	return s
}

// overview returns what there is one of, and the listeners.
func (e *Engine) overview() (stats.Snapshot, []*listener) {
	e.mu.Lock()
	defer e.mu.Unlock()
	s := stats.Snapshot{ConnectionsMax: e.limit.Most(), Connections: e.limit.Open(), PlanRevision: e.plan.Revision,
		RecordsAppended: e.log.Next()}
	for _, w := range e.workers {
		s.Pooled += w.http.Pooled()
		s.Loops = append(s.Loops, loopTotals(w.loop, w.load.Load()))
	}
	return s, slices.AppendSeq(slices.Clone(e.retired), maps.Values(e.listeners))
}

// Origin returns where a load balancer of the plan in force is defined; "" if there is none of that name. Callable from anywhere.
func (e *Engine) Origin(loadBalancer string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, lb := range e.plan.LoadBalancers {
		if lb.Name == loadBalancer {
			return lb.Origin
		}
	}
	return ""
}

// Backend returns what is counted of one backend: one of the plan in force, or one that has left it and still has connections.
// Callable from anywhere.
func (e *Engine) Backend(key plan.BackendKey) (t stats.BackendTotals, found bool) {
	b := e.registry.Find(key)
	if b == nil {
		return stats.BackendTotals{}, false
	}
	return backendTotals(b), true
}

func backendTotals(b *backend.Backend) stats.BackendTotals {
	ok, failed := b.Connects()
	status := b.Status()
	return stats.BackendTotals{Key: b.Key, Up: status.Up, Detail: status.Detail, Proven: b.Proven(), Withheld: b.Withheld(), Active: b.Active(), Conns: b.Conns(),
		ClosedIdle: b.ClosingsIdle(), Connects: ok, ConnectFails: failed,
		ProbeFails: b.ProbeFails()}
}

func (l *listener) totals() stats.ListenerTotals {
	t := stats.ListenerTotals{Key: l.plan.Key, Protocol: l.plan.Protocol, Secure: l.plan.TLS != nil, Address: l.local.String(), Set: l.plan.Sets()[0].Key}
	if t.Secure {
		t.Policy = l.plan.TLS.Policy
	}
	for _, block := range l.stats {
		t.AddFrom(block)
	}
	for _, site := range l.plan.Sites {
		total := stats.SiteTotals{Name: site.Name}
		for _, block := range l.sites[site.Name] {
			total.AddFrom(block)
		}
		t.Sites = append(t.Sites, total)
	}
	return t
}

func loopTotals(l *loop.Loop, active int64) stats.LoopTotals {
	c := l.Stats
	return stats.LoopTotals{Loop: l.Index, Active: active, AcceptPauses: c.AcceptPauses.Load(),
		AcceptErrors: c.AcceptErrors.Load(), HandedToOthers: c.HandedToOthers.Load(), Turns: c.Turns.Load()}
}

// Held is what an engine holds at a moment: after the last connection has ended, only listening sockets and what
// belongs to them.
type Held struct {
	Connections int // counted in the limit
	Pairs       int // in the loops' tables
	HTTP        httpproxy.Counts
	Timers      int // armed in the wheels
	Loans       int // buffers and pipes out on loan
	Descriptors int // watched by the loops
	Listening   int // of those, listening sockets
}

// Idle says whether nothing is held but listening sockets.
func (h Held) Idle() bool {
	return h.Connections == 0 && h.Pairs == 0 && h.HTTP == httpproxy.Counts{} && h.Timers == 0 && h.Loans == 0 && h.Descriptors == h.Listening
}

// Held counts what the engine holds, for tests that look for leaks.
func (e *Engine) Held() Held {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := Held{Connections: e.limit.Open()}
	if !e.closed {
		h.Listening = len(e.listeners) * len(e.workers)
	}
	var mu sync.Mutex
	e.onEveryLoop(func(w *worker) {
		mu.Lock()
		defer mu.Unlock()
		h.Pairs += w.tcp.Pairs()
		h.HTTP.Add(w.http.Counts())
		h.Timers += w.loop.Wheel.Len()
		h.Loans += w.pool.Lent()
		h.Descriptors += w.loop.Registered()
	})
	return h
}
