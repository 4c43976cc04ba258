package ociapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/dataplane/plan"
)

// AddressRange is addresses from First to Last, both included and of one family.
type AddressRange struct{ First, Last netip.Addr }

// Options are what a Service is made with. All are required but Log.
type Options struct {
	Store        *store.Store
	Runtime      Runtime
	Health       Health
	Certificates Certificates
	Region       string
	Tenancy      func() string // lull's own; a load balancer may be in it or in any compartment
	Addresses    []AddressRange
	Now          func() time.Time // the wall clock
	Random       io.Reader        // crypto/rand's, but for tests
	Log          *slog.Logger     // nil: nothing is logged
}

// Service answers the API. See New.
type Service struct {
	o     Options
	state atomic.Pointer[state]

	wake chan struct{} // holds a token while the worker may have something to do
	stop context.CancelFunc
	done chan struct{} // closed when the worker has ended

	// Guarded by mu, which is held by acceptance and by each step of the worker.
	mu       sync.Mutex
	queue    []*workRequest       // accepted and not done, in their order
	promised map[string]*document // load balancers as they will be when the queue is done; those without anything in it are not here
	sequence uint64               // of the newest work request
	pem      pem                  // compile's
}

// state is all there is at a moment. It never changes.
type state struct {
	balancers map[string]*balancer // by OCID
	work      *workState
}

// balancer is a load balancer with what was made of it.
type balancer struct {
	*document // in force, unless it is being created or could not be
	revision  store.Revision
	compiled  *plan.LoadBalancer // nil: it is not in the plan
}

// New returns a Service with the load balancers of the store, and puts them in force. Work requests that were accepted and not done
// are done then. Its owner calls Close.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{o: o, wake: make(chan struct{}, 1), stop: stop, done: make(chan struct{}), promised: map[string]*document{}}
	if err := s.load(); err != nil {
		stop()
		return nil, err
	}
	go s.work(ctx)
	return s, nil
}

// Close ends the worker. What it has not done is done after the next start.
func (s *Service) Close() {
	s.stop()
	<-s.done
}

// load reads the store and puts what is in it in force.
func (s *Service) load() error {
	next := map[string]*balancer{}
	entries, _ := s.o.Store.List(balancerPrefix)
	for _, e := range entries {
		d, err := decodeDocument(e.Key, e.Value)
		if err != nil {
			return err
		}
		b := &balancer{document: d, revision: e.Revision}
		if d.State == stateActive {
			if b.compiled, err = s.compile(d); err != nil {
				return fmt.Errorf("load balancer %s (%s): %w", d.DisplayName, d.ID, err)
			}
		}
		next[d.ID] = b
	}
	if err := s.o.Runtime.Change(compiled(next), nil); err != nil {
		return fmt.Errorf("load balancers of the OCI API: %w", err)
	}
	work, err := s.loadWork()
	if err != nil {
		return err
	}
	s.state.Store(&state{balancers: next, work: work})
	s.resume()
	return nil
}

// compiled returns what load balancers are in the plan, in an order that does not change.
func compiled(balancers map[string]*balancer) []*plan.LoadBalancer {
	var list []*plan.LoadBalancer
	for _, id := range slices.Sorted(maps.Keys(balancers)) {
		if lb := balancers[id].compiled; lb != nil {
			list = append(list, lb)
		}
	}
	return list
}

// show makes load balancers and work requests the state that reads see. REQUIRES: mu is held.
func (s *Service) show(balancers map[string]*balancer, work *workState) {
	s.state.Store(&state{balancers: balancers, work: work})
}

// find returns a load balancer as it is now.
func (s *Service) find(id string) (*balancer, error) {
	if b := s.state.Load().balancers[id]; b != nil {
		return b, nil
	}
	return nil, wire.Hidden()
}

// newETag returns an etag that there has not been.
func (s *Service) newETag() (string, error) {
	var random [16]byte
	if _, err := io.ReadFull(s.o.Random, random[:]); err != nil {
		return "", fmt.Errorf("make an etag: %w", err)
	}
	return wire.NewETag(random), nil
}

// Refresh compiles everything anew, after certificates outside have come or gone.
func (s *Service) Refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state.Load()
	next := map[string]*balancer{}
	for id, b := range st.balancers {
		c := *b
		if b.compiled != nil {
			lb, err := s.compile(b.document)
			if err != nil {
				return fmt.Errorf("load balancer %s (%s): %w", b.DisplayName, id, err)
			}
			c.compiled = lb
		}
		next[id] = &c
	}
	if err := s.o.Runtime.Change(compiled(next), nil); err != nil {
		return err
	}
	s.show(next, st.work)
	return nil
}
