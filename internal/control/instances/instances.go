// Package instances provides the registry of instances: which address an instance id stands for, and in which zone it is.
//
// The APIs' goroutines change and list it; whoever compiles load balancers calls Lookup, and is told of changes by OnChange, on
// the goroutine of the one who made the change and before he is answered. So what an answered call has changed is in force.
//
// Each instance is a document of its own in the store, so that two can be changed at once and a change costs one fsync. Besides them there are
// those of lull.yaml, which win over a document of the same id and cannot be changed here. Lookup decodes the document from the
// store's memory each time, which takes a microsecond or two (BenchmarkLookup): for 10,000 instances less than a plan takes to compile, and
// there is no second copy that could be out of date.
//
// A Registry may be used from anywhere. Its lock guards the list of listeners alone and is never held while one is called. A
// registration and a removal of the same instance at the same moment may both succeed: InUse is asked just before the
// removal. The load balancer then has an instance without an address, as it would have after a restore.
//
// Limits: Max instances, and those of the check functions. Follows no specification: ids are whatever AWS may call an instance.
package instances

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lull/internal/control/fault"
	"lull/internal/control/store"
)

// Max bounds the instances in the store: twice what 1,000 load balancers with 10 each need.
const Max = 20_000

// prefix is where the documents are.
const prefix = "instances/"

// version is that of the documents' format.
const version = 1

// Instance is what an id stands for.
type Instance struct {
	ID   string
	Host string // IP literal or DNS host name
	Zone string // availability zone; "" if it is in none
}

// Listed is an instance with where it is from.
type Listed struct {
	Instance
	File string // which holds it and is where it is changed; "" if it is in the store
}

// document is an instance in the store.
type document struct {
	Version int    `json:"version"`
	Host    string `json:"host"`
	Zone    string `json:"zone,omitempty"`
}

// Options are what a registry needs besides a store.
type Options struct {
	// InUse returns who uses an instance, as in "load balancer web", if anybody does. nil: nobody ever does.
	InUse func(id string) (by string, used bool)
	Zones []string // that an instance may be set in; nil: any
}

// Registry is the instances. See New.
type Registry struct {
	// Fixed after New.
	store *store.Store
	o     Options

	// Atomic.
	fixed atomic.Pointer[fixed]

	// Guarded by mu.
	mu        sync.Mutex
	listeners []func()
}

// fixed is the instances of a file. It never changes.
type fixed struct {
	file string
	byID map[string]Instance
}

// New returns the registry of a store. It refuses a store with instances that it cannot read.
func New(s *store.Store, o Options) (*Registry, error) {
	if o.InUse == nil {
		o.InUse = func(string) (string, bool) { return "", false }
	}
	r := &Registry{store: s, o: o}
	r.fixed.Store(&fixed{})
	entries, _ := s.List(prefix)
	for _, e := range entries {
		if _, err := decode(e); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// OnChange has a function called after each change, behind those that were given before. It may call the registry. Changes at the
// same moment call it at the same moment.
func (r *Registry) OnChange(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.listeners = append(slices.Clone(r.listeners), f) // changed may be reading the old ones
}

func (r *Registry) changed() {
	r.mu.Lock()
	listeners := r.listeners
	r.mu.Unlock()
	for _, f := range listeners {
		f()
	}
}

// SetFixed replaces the instances that a file holds. An error names the first that is wrong; nothing has changed then.
func (r *Registry) SetFixed(file string, list []Instance) error {
	next := &fixed{file: file, byID: make(map[string]Instance, len(list))}
	for i, given := range list {
		instance, err := canonical(given)
		if err != nil {
			return fmt.Errorf("%s: instance %d: %w", file, i+1, err)
		}
		if _, twice := next.byID[instance.ID]; twice {
			return fault.Field("id", "%s: instance %d: %q is there twice, once is allowed", file, i+1, instance.ID)
		}
		next.byID[instance.ID] = instance
	}
	old := r.fixed.Swap(next)
	if !old.same(next) {
		r.changed()
	}
	return nil
}

// same reports whether two files hold the same instances.
func (f *fixed) same(o *fixed) bool {
	if len(f.byID) != len(o.byID) {
		return false
	}
	for id, instance := range f.byID {
		if o.byID[id] != instance {
			return false
		}
	}
	return true
}

// Lookup returns the instance with an id, and whether there is one.
func (r *Registry) Lookup(id string) (Instance, bool) {
	l, found := r.Get(id)
	return l.Instance, found
}

// Get returns the instance with an id and where it is from.
func (r *Registry) Get(id string) (Listed, bool) {
	f := r.fixed.Load()
	if instance, found := f.byID[id]; found {
		return Listed{instance, f.file}, true
	}
	e, found := r.store.Get(prefix + id)
	if !found {
		return Listed{}, false
	}
	instance, err := decode(e)
	return Listed{Instance: instance}, err == nil // New has read them all, and Set writes none that cannot be read
}

// List returns all instances by id.
func (r *Registry) List() []Listed {
	f := r.fixed.Load()
	entries, _ := r.store.List(prefix)
	list := make([]Listed, 0, len(entries)+len(f.byID))
	for _, instance := range f.byID {
		list = append(list, Listed{instance, f.file})
	}
	for _, e := range entries {
		instance, err := decode(e)
		if _, hidden := f.byID[instance.ID]; err == nil && !hidden {
			list = append(list, Listed{Instance: instance})
		}
	}
	slices.SortFunc(list, func(a, b Listed) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Set makes an id stand for an address, be it a new one or not, and returns the instance as it is kept.
func (r *Registry) Set(ctx context.Context, instance Instance) (Instance, error) {
	instance, err := canonical(instance)
	if err != nil {
		return Instance{}, err
	}
	if zones := r.o.Zones; zones != nil && instance.Zone != "" && !slices.Contains(zones, instance.Zone) {
		return Instance{}, fault.Field("zone", "%q: must be one of %s, or empty for none", fault.Shortened(instance.Zone), strings.Join(zones, ", "))
	}
	if err = r.refuseFixed(instance.ID); err != nil {
		return Instance{}, err
	}
	return instance, r.change(ctx, "set instance "+instance.ID, instance.ID, func(e store.Entry, found bool) (*store.Txn, error) {
		old, _ := decode(e)
		switch {
		case found && old == instance:
			return nil, nil //nolint:nilnil // nothing is to be changed, which is no error
		case !found && r.full():
			return nil, fault.New(fault.Full, "there are %d instances, no more are allowed: remove some first", Max)
		}
		value, err := json.Marshal(document{version, instance.Host, instance.Zone})
		if err != nil {
			return nil, fmt.Errorf("encode instance %s: %w", instance.ID, err)
		}
		return &store.Txn{Puts: []store.Put{{Key: e.Key, Value: value}}}, nil
	})
}

// full reports whether the store holds as many instances as it may. Several changes at once may take it a few beyond that, for which
// there is room.
func (r *Registry) full() bool {
	entries, _ := r.store.List(prefix)
	return len(entries) >= Max
}

// Remove removes an instance that no load balancer uses.
func (r *Registry) Remove(ctx context.Context, id string) error {
	if err := r.refuseFixed(id); err != nil {
		return err
	}
	return r.change(ctx, "remove instance "+id, id, func(e store.Entry, found bool) (*store.Txn, error) {
		if !found {
			return nil, NotFound(id)
		}
		if by, used := r.o.InUse(id); used {
			return nil, fault.New(fault.InUse, "instance %s is used by %s: deregister it there first", id, by)
		}
		return &store.Txn{Deletes: []string{e.Key}}, nil
	})
}

// NotFound is the answer about an instance that does not exist. The id may be anything.
func NotFound(id string) error {
	return fault.New(fault.NotFound, "there is no instance %q", fault.Shortened(id))
}

// change makes the transaction that f asks for, on the condition that the document has not changed since f saw it. f returns nil if
// there is nothing to do.
func (r *Registry) change(ctx context.Context, what, id string, f func(store.Entry, bool) (*store.Txn, error)) error {
	var txn *store.Txn
	_, err := fault.Change(ctx, r.store, what, func() (_ store.Txn, err error) {
		e, found := r.store.Get(prefix + id)
		e.Key = prefix + id
		if txn, err = f(e, found); err != nil || txn == nil {
			return store.Txn{}, err // an empty transaction changes nothing
		}
		txn.If = []store.Condition{{Key: e.Key, Revision: e.Revision}}
		return *txn, nil
	})
	if err == nil && txn != nil {
		r.changed()
	}
	return err
}

// refuseFixed refuses to change what a file holds.
func (r *Registry) refuseFixed(id string) error {
	f := r.fixed.Load()
	if _, found := f.byID[id]; found {
		return fault.New(fault.Fixed, "instance %s is defined in %s and can only be changed there", id, f.file)
	}
	return nil
}

// decode reads a document.
func decode(e store.Entry) (Instance, error) {
	var d document
	if err := json.Unmarshal(e.Value, &d); err != nil {
		return Instance{}, fmt.Errorf("document %q of the store: %w", e.Key, err)
	}
	if d.Version != version {
		return Instance{}, fmt.Errorf("document %q of the store has version %d, this lull knows %d: start the lull that wrote it", e.Key, d.Version, version)
	}
	return Instance{ID: strings.TrimPrefix(e.Key, prefix), Host: d.Host, Zone: d.Zone}, nil
}
