package ociapi

import (
	"iter"
	"maps"
	"slices"

	"lull/internal/control/ociapi/wire"
)

// child returns one of the named children of a load balancer as reads show it. kind is Oracle's word for it, "backend set".
func child[V, W any](d *document, kind string, children map[string]V, name string, view func(string, V) W) (any, error) {
	v, found := children[name]
	if !found {
		return nil, wire.NoSuchChild(d.ID, kind, name)
	}
	return view(name, v), nil
}

// add puts a child under a name that must be free.
func add[V any](d *document, kind string, children map[string]V, name string, v V) error {
	if _, taken := children[name]; taken {
		return refuse(wire.Conflict, "name", "Load balancer %s already has a %s named '%s'", d.ID, kind, name)
	}
	children[name] = v
	return nil
}

// replace puts a child in the place of one that must be there. Its absence is told as Oracle does for writes to children of a load
// balancer that is there: clients look for "has no".
func replace[V any](d *document, kind string, children map[string]V, name string, v V) error {
	if _, found := children[name]; !found {
		return wire.NoSuchChild(d.ID, kind, name)
	}
	children[name] = v
	return nil
}

// drop takes away a child.
func drop[V any](d *document, kind string, children map[string]V, name string) error {
	if _, found := children[name]; !found {
		return &vanished{wire.NoSuchChild(d.ID, kind, name)}
	}
	delete(children, name)
	return nil
}

// vanished is why nothing can be deleted. The answer to a deletion that comes too late tells nothing, as in the recorded traffic; a work
// request for which the child went away after it was accepted tells which, since clients look for "has no" there.
type vanished struct{ child *wire.Error }

// Error implements error.
func (v *vanished) Error() string { return v.child.Error() }

// Unwrap returns the answer.
func (v *vanished) Unwrap() error { return wire.Hidden() }

// inUse refuses to remove a child that another needs.
func inUse(kind, name, userKind, user string) error {
	return invalid("", "Can't remove %s '%s' since it is used in %s '%s'", kind, name, userKind, user)
}

// ordered goes through a map by name, so that of several faults the same one is told each time.
func ordered[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			if !yield(name, m[name]) {
				return
			}
		}
	}
}
