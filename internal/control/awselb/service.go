package awselb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/control/store"
	"lull/internal/dataplane/plan"
)

// AddressRange is addresses from First to Last, both included and of one family.
type AddressRange struct{ First, Last netip.Addr }

// Options are what a Service is made with. All are required but AccessLogs and Log.
type Options struct {
	Store        *store.Store
	Runtime      Runtime
	Instances    Instances
	Certificates Certificates
	AccessLogs   AccessLogs // nil: access logs cannot be enabled
	Region       string
	Account      string   // 12 digits
	Zones        []string // of the region; a load balancer that is made with subnets gets one of them for each subnet
	Addresses    []AddressRange
	HeadMax      int              // bytes of an HTTP head; 0: plan.HeadMaxDefault
	Now          func() time.Time // the wall clock
	Random       io.Reader        // crypto/rand's, but for tests
	Log          *slog.Logger     // nil: nothing is logged
}

// Service answers the API. See New.
type Service struct {
	// Fixed after New, but for HeadMax, which mu guards.
	o Options

	// Atomic.
	state atomic.Pointer[state]

	mu sync.Mutex // held by changes
}

// state is all load balancers at a moment. It never changes.
type state struct {
	balancers map[string]*balancer
	names     []string             // sorted
	byDNSName map[string]*balancer // in lower case
}

// balancer is a load balancer with what was made of it.
type balancer struct {
	*document
	revision store.Revision
	compiled *plan.LoadBalancer
}

// New returns a Service with the load balancers of the store, and puts them in force.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.HeadMax == 0 {
		o.HeadMax = plan.HeadMaxDefault
	}
	s := &Service{o: o}
	next := map[string]*balancer{}
	entries, _ := o.Store.List(keyPrefix)
	for _, e := range entries {
		d, err := decode(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		b := &balancer{document: d, revision: e.Revision}
		if b.compiled, err = s.compile(d); err != nil {
			return nil, fmt.Errorf("load balancer %s: %w", d.Name, err)
		}
		next[d.Name] = b
	}
	if err := o.Runtime.Change(compiled(next), nil); err != nil {
		return nil, fmt.Errorf("load balancers of the Classic ELB API: %w", err)
	}
	s.show(next)
	return s, nil
}

// show makes load balancers the state in force.
func (s *Service) show(balancers map[string]*balancer) {
	next := &state{balancers: balancers, names: slices.Sorted(maps.Keys(balancers)), byDNSName: make(map[string]*balancer, len(balancers))}
	for _, b := range balancers {
		next.byDNSName[strings.ToLower(b.DNSName)] = b
	}
	s.state.Store(next)
	if s.o.AccessLogs != nil {
		s.o.AccessLogs.SetTargets(logTargets(balancers))
	}
}

func compiled(balancers map[string]*balancer) []*plan.LoadBalancer {
	var list []*plan.LoadBalancer
	for _, name := range slices.Sorted(maps.Keys(balancers)) {
		list = append(list, balancers[name].compiled)
	}
	return list
}

func logTargets(balancers map[string]*balancer) map[string]LogTarget {
	targets := map[string]LogTarget{}
	for _, b := range balancers {
		if b.Attributes.AccessLog {
			targets[b.planName()] = b.logTarget()
		}
	}
	return targets
}

// logTarget returns where the access logs go that the attributes ask for.
func (d *document) logTarget() LogTarget {
	a := &d.Attributes
	return LogTarget{Name: d.Name, Bucket: a.S3BucketName, Prefix: a.S3BucketPrefix, IntervalMinutes: int(a.EmitInterval)}
}

// find returns the load balancer of a name as it is now.
func (s *Service) find(name string) (*balancer, error) {
	if b := s.state.Load().balancers[name]; b != nil {
		return b, nil
	}
	return nil, s.notFound(name)
}

// change changes a load balancer: f changes a clone of its document. A document that is the same afterwards is no change.
// What it returns never changes.
func (s *Service) change(ctx context.Context, name string, f func(d *document) error) (*document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(name)
	if err != nil {
		return nil, err
	}
	d := old.clone()
	d.forgetDrained(s.o.Now())
	if err := f(d); err != nil {
		return nil, err
	}
	if reflect.DeepEqual(d, old.document) {
		return d, nil
	}
	return d, s.put(ctx, d, old)
}

// forgetDrained drops the instances whose connections have all ended by now.
func (d *document) forgetDrained(now time.Time) {
	d.Draining = slices.DeleteFunc(d.Draining, func(x draining) bool { return !now.Before(x.Until) })
}

// put puts a document in force and stores it. REQUIRES: mu is held; old is nil if there was none.
func (s *Service) put(ctx context.Context, d *document, old *balancer) error {
	lb, err := s.compile(d)
	if err != nil {
		return err
	}
	value, err := d.encode()
	if err != nil {
		return err
	}
	b := &balancer{document: d, compiled: lb}
	next := maps.Clone(s.state.Load().balancers)
	next[d.Name] = b
	condition := store.Condition{Key: keyPrefix + d.Name}
	if old != nil {
		condition.Revision = old.revision
	}
	return s.enforce(next, func() (err error) {
		b.revision, err = s.o.Store.Commit(ctx, store.Txn{
			If: []store.Condition{condition}, Puts: []store.Put{{Key: condition.Key, Value: value}},
		})
		return err
	})
}

// remove takes a load balancer out of force and out of the store. REQUIRES: mu is held.
func (s *Service) remove(ctx context.Context, old *balancer) error {
	next := maps.Clone(s.state.Load().balancers)
	delete(next, old.Name)
	key := keyPrefix + old.Name
	return s.enforce(next, func() error {
		_, err := s.o.Store.Commit(ctx, store.Txn{If: []store.Condition{{Key: key, Revision: old.revision}}, Deletes: []string{key}})
		return err
	})
}

// enforce puts load balancers in force, commits, and shows them.
func (s *Service) enforce(next map[string]*balancer, commit func() error) error {
	committing := false
	err := s.o.Runtime.Change(compiled(next), func() error {
		committing = true
		return commit()
	})
	if err != nil {
		return refused(err, committing)
	}
	s.show(next)
	return nil
}

// refused turns what the data plane or the store has said into an answer. What the data plane refuses is the client's to mend: a
// port that something else has, or that lull may not bind. What the store refuses is not.
func refused(err error, committing bool) error {
	var taken *plan.NameTaken
	switch {
	case errors.As(err, &taken):
		return &query.Error{Code: query.DuplicateLoadBalancerName, Message: fmt.Sprintf(
			"The specified load balancer name already exists for this account: %s (it is defined in %s)", taken.Name, taken.Origin), Err: err}
	case committing:
		return &query.Error{Code: query.ServiceUnavailable, Message: "The change could not be stored; nothing was changed: " + err.Error(), Err: err}
	}
	return &query.Error{Code: query.InvalidConfigurationRequest, Message: "The listeners cannot be opened; nothing was changed: " + err.Error(), Err: err}
}

// Refresh compiles everything anew, after instances or certificates have changed.
func (s *Service) Refresh() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refresh()
}

// SetHeadMax sets how large an HTTP head may be, in bytes, and compiles everything anew if it was another size.
func (s *Service) SetHeadMax(size int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.o.HeadMax
	if size == old {
		return nil
	}
	s.o.HeadMax = size
	err := s.refresh()
	if err != nil {
		s.o.HeadMax = old
	}
	return err
}

// refresh compiles everything anew. REQUIRES: mu is held.
func (s *Service) refresh() error {
	next := map[string]*balancer{}
	for name, b := range s.state.Load().balancers {
		lb, err := s.compile(b.document)
		if err != nil {
			return fmt.Errorf("load balancer %s: %w", name, err)
		}
		next[name] = &balancer{document: b.document, revision: b.revision, compiled: lb}
	}
	return s.enforce(next, func() error { return nil })
}
