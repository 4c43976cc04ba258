package ociapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/dataplane/plan"
)

// AddressRange is addresses from First to Last, both included and of one family.
type AddressRange struct{ First, Last netip.Addr }

// Store is what keeps documents. *store.Store is one.
type Store interface {
	List(prefix string) ([]store.Entry, store.Revision)
	Commit(ctx context.Context, t store.Txn) (store.Revision, error)
}

// Options are what a Service is made with. All are required but Log.
type Options struct {
	Store        Store
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

	// enforcing is held by whoever changes what is in force: the worker, for each work request, and Refresh. It is locked before mu.
	enforcing sync.Mutex
	// compiling is held while something is compiled, and locked after the others.
	compiling sync.Mutex

	// Guarded by mu, which is held by acceptance and when the state changes.
	mu       sync.Mutex
	queue    []*workRequest       // accepted and not done, in their order
	promised map[string]*document // load balancers as they will be when the queue is done; those without anything in it are not here
	sequence uint64               // of the newest work request
	pem      fromPEM              // compile's
}

// state is all there is at a moment. It never changes.
type state struct {
	balancers map[string]*balancer // by OCID
	work      *workState
}

// balancer is a load balancer with what was made of it.
type balancer struct {
	*document                    // as reads show it: kept, or that it is being created or deleted
	kept      *document          // as it is stored: in force, unless it could not be created; nil while it is being created
	revision  store.Revision     // of kept
	compiled  *plan.LoadBalancer // nil: it is not in the plan
	looks     *looks             // of the document
}

// newBalancer returns a balancer that is not in the plan.
func newBalancer(kept, shown *document) *balancer {
	return &balancer{document: shown, kept: kept, looks: &looks{}}
}

// shownAs returns a copy that differs in what reads show.
func (b *balancer) shownAs(d *document) *balancer {
	c := *b
	c.document, c.looks = d, &looks{}
	return &c
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
	documents, err := decodeDocuments(entries)
	if err != nil {
		return err
	}
	for i, d := range documents {
		b := newBalancer(d, d)
		b.revision = entries[i].Revision
		if d.State == stateActive {
			if b.compiled, err = s.compileAlone(d); err != nil {
				return fmt.Errorf("load balancer %s (%s): %w", d.DisplayName, d.ID, err)
			}
		}
		next[d.ID] = b
	}
	if err = s.enforce(next, nil); err != nil {
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

// enforce puts load balancers in force and calls commit, if there is one. One whose name another front door has gets another name:
// it is lull's own, which no client of the API has chosen. A load balancer that was in force keeps its name, as the plan has it
// already. REQUIRES: enforcing is held; nobody else has next.
func (s *Service) enforce(next map[string]*balancer, commit func() error) error {
	for {
		err := s.o.Runtime.Change(compiled(next), commit)
		var taken *plan.NameTaken
		if !errors.As(err, &taken) {
			return err
		}
		renamed, renaming := s.renamed(next, taken.Name)
		if renaming != nil {
			return errors.Join(err, renaming)
		}
		s.o.Log.Warn("the name of a load balancer is taken", "load_balancer", renamed.ID, "name", taken.Name, "by", taken.Origin, "instead", renamed.kept.PlanName)
		next[renamed.ID] = renamed
	}
}

// renamed returns the one of some load balancers that has a name in the plan, under another name.
func (s *Service) renamed(balancers map[string]*balancer, name string) (*balancer, error) {
	for _, b := range balancers {
		if b.compiled == nil || b.compiled.Name != name {
			continue
		}
		d := b.kept.clone()
		if d.PlanName = longName(name, d.ID); strings.HasSuffix(name, d.PlanName[len(d.PlanName)-nameEndBytes:]) {
			break // it has that name already
		}
		lb, err := s.compileAlone(d)
		if err != nil {
			return nil, err
		}
		c := b.shownAs(d.inState(b.State))
		c.kept, c.compiled = d, lb
		return c, nil
	}
	return nil, fmt.Errorf("there is no other name for the load balancer that is called %s", name)
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
	s.enforcing.Lock()
	defer s.enforcing.Unlock()
	next := map[string]*balancer{}
	for id, b := range s.state.Load().balancers {
		c := *b
		if b.compiled != nil {
			lb, err := s.compileAlone(b.kept)
			if err != nil {
				return fmt.Errorf("load balancer %s (%s): %w", b.DisplayName, id, err)
			}
			c.compiled = lb
		}
		next[id] = &c
	}
	if err := s.enforce(next, nil); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state.Load()
	shown := maps.Clone(st.balancers)
	for id, b := range next { // what is shown of them may have changed meanwhile, but nothing else
		c := *shown[id]
		c.compiled = b.compiled
		shown[id] = &c
	}
	s.show(shown, st.work)
	return nil
}

// compileAlone compiles a document. What compile remembers is for one at a time.
func (s *Service) compileAlone(d *document) (*plan.LoadBalancer, error) {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	return s.compile(d)
}
