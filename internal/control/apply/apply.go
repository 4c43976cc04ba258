// Package apply provides the one way from the front doors' load balancers to what runs: the data plane, name resolution and
// health checks.
//
// A front door calls Change on any goroutine with all load balancers that it has; those of the others stay. Changes are made one
// at a time, in the order in which they come. The data plane goes first, since it is the one that can refuse (a port that cannot be
// bound); then the door makes its documents safe; what follows cannot fail. To commit first and apply then would acknowledge
// changes that cannot be done, or need documents that say they are not in force.
//
// Nothing is called back with the lock held but commit, which must not call Change.
//
// Follows no specification.
package apply

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"sync/atomic"

	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
	"lull/internal/health"
	"lull/internal/resolver"
)

// Door names a front door.
type Door string

// The front doors, in the order in which their load balancers stand in a plan.
const (
	File   Door = "file"   // lull.yaml
	AWSELB Door = "awselb" // the Classic ELB API
	OCI    Door = "ociapi" // the OCI Load Balancer API
)

// Applier publishes plans to one engine.
type Applier struct {
	// Fixed after New.
	engine   *dataplane.Engine
	resolver *resolver.Resolver
	checker  *health.Checker

	current atomic.Pointer[plan.Plan] // never nil

	// Guarded by mu.
	mu    sync.Mutex
	doors map[Door][]*plan.LoadBalancer
}

// New returns an applier for an engine. Close ends it, the engine's own Close is left to its owner.
func New(engine *dataplane.Engine) *Applier {
	a := &Applier{engine: engine, doors: map[Door][]*plan.LoadBalancer{}}
	a.current.Store(&plan.Plan{})
	a.resolver = resolver.New(a.resolved)
	a.checker = health.New(engine.Addrs, a.checked)
	a.checker.OnConnectFailed(engine.ProbeFailed)
	return a
}

// Change makes these all the load balancers of a front door. Once they run it calls commit, if there is one; if that fails,
// what ran before runs again. On an error nothing has changed.
//
// Between a failed commit and the return to the old plan some milliseconds pass in which the new one is in force: a removed listener's
// connections may be closed then, as the price for never acknowledging what cannot be done.
func (a *Applier) Change(door Door, balancers []*plan.LoadBalancer, commit func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	doors := maps.Clone(a.doors)
	doors[door] = balancers
	old := a.current.Load()
	next, err := compose(doors, old.Revision+1)
	if err != nil {
		return err
	}
	if err := a.engine.Apply(next); err != nil {
		return err
	}
	if commit != nil {
		if err := commit(); err != nil {
			return a.restore(old, next, err)
		}
	}
	a.doors = doors
	a.publish(next)
	return nil
}

// restore puts the old plan in force again after a commit has failed, and returns why it had.
func (a *Applier) restore(old, next *plan.Plan, why error) error {
	again := *old
	again.Revision = next.Revision + 1
	if err := a.engine.Apply(&again); err != nil {
		// A port that was let go has been taken by somebody else meanwhile. The new plan stays, and the next change tries anew.
		slog.Error("a change could be neither stored nor undone: what runs differs from what is stored until the next change", "error", err)
		a.publish(next)
		return why
	}
	// A backend that the new plan did not have has begun anew in the data plane, where it may have to prove itself. Its health check
	// must begin anew, too: one that goes on has nothing new to report.
	a.checker.Apply(next)
	a.publish(&again)
	return why
}

// publish tells everybody but the engine of a plan that it has taken.
func (a *Applier) publish(p *plan.Plan) {
	a.current.Store(p)
	a.resolver.Apply(p)
	a.checker.Apply(p)
}

// compose puts the load balancers of all front doors into one plan.
func compose(doors map[Door][]*plan.LoadBalancer, revision uint64) (*plan.Plan, error) {
	p := &plan.Plan{Revision: revision}
	origins := map[string]string{}
	for _, door := range []Door{File, AWSELB, OCI} {
		for _, lb := range doors[door] {
			if origin, taken := origins[lb.Name]; taken {
				return nil, &plan.NameTaken{Name: lb.Name, Origin: origin}
			}
			origins[lb.Name] = lb.Origin
			p.LoadBalancers = append(p.LoadBalancers, lb)
		}
	}
	return p, nil
}

// Plan returns the plan in force. Callable from anywhere.
func (a *Applier) Plan() *plan.Plan { return a.current.Load() }

// Health returns what the probers of a backend found last, nil if it is not probed. Callable from anywhere, and cheap.
func (a *Applier) Health(key plan.BackendKey) []health.Result { return a.checker.Results(key) }

// Tally counts the backends of a set by what their probers found last, for those who ask about thousands of sets. Callable from anywhere.
func (a *Applier) Tally(set plan.SetKey) health.Tally { return a.checker.Tally(set) }

// Lag returns by how much health checks are behind. Callable from anywhere.
func (a *Applier) Lag() health.Lag { return a.checker.Lag() }

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
