// Package apply provides the one way from a front door's plan to what runs: the data plane, name resolution and
// health checks.
//
// A front door calls Apply on any goroutine; plans are applied one at a time, in the order in which they come. The data
// plane goes first, since it is the one that can refuse (a port that cannot be bound); what follows cannot fail.
package apply

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"

	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/health"
	"lull/internal/resolver"
)

// Applier publishes plans to one engine.
type Applier struct {
	// Fixed after New.
	engine   *dataplane.Engine
	resolver *resolver.Resolver
	checker  *health.Checker

	// Guarded by mu.
	mu       sync.Mutex
	revision uint64
}

// New returns an applier for an engine. Close ends it, the engine's own Close is left to its owner.
func New(engine *dataplane.Engine) *Applier {
	a := &Applier{engine: engine}
	a.resolver = resolver.New(a.resolved)
	a.checker = health.New(engine.Addrs, a.checked)
	return a
}

// Apply makes p the plan in force and gives it the next revision. On an error nothing has changed.
func (a *Applier) Apply(p *plan.Plan) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	p.Revision = a.revision + 1
	if err := a.engine.Apply(p); err != nil {
		return err
	}
	a.revision = p.Revision
	a.resolver.Apply(p)
	a.checker.Apply(p)
	return nil
}

// WaitResolved returns when every backend name has had its first answer, or ctx is over.
func (a *Applier) WaitResolved(ctx context.Context) error { return a.resolver.WaitFirst(ctx) }

// Close stops name resolution and health checks.
func (a *Applier) Close() {
	a.checker.Close()
	a.resolver.Close()
}

func (a *Applier) resolved(key plan.BackendKey, addrs []netip.AddrPort, err error) {
	if err != nil {
		slog.Warn("backend name not resolved", "backend", key.String(), "error", err)
		return // the addresses known so far stay in use
	}
	a.engine.SetAddrs(key, addrs)
}

func (a *Applier) checked(key plan.BackendKey, up bool, detail string) {
	a.engine.SetStatus(key, up, detail)
	switch {
	case !up:
		slog.Warn("backend is down", "backend", key.String(), "detail", detail)
	case detail != health.Unchecked: // nobody has looked, so there is nothing to tell
		slog.Info("backend is up", "backend", key.String())
	}
}
