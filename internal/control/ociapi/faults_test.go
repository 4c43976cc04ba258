package ociapi_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/store"
)

// holdUp has the data plane wait with changes until release is called.
func (r *rig) holdUp() (release func()) {
	hold := make(chan struct{})
	r.run.mu.Lock()
	r.run.hold = hold
	r.run.mu.Unlock()
	release = sync.OnceFunc(func() {
		r.run.mu.Lock()
		if r.run.hold == hold { // and not that of the next one who holds up
			r.run.hold = nil
		}
		r.run.mu.Unlock()
		close(hold)
	})
	r.t.Cleanup(release) // a test that fails must not wait for itself
	return release
}

// step lets the data plane do one change, waits for its work request, and has the next one wait again.
func (r *rig) step(release func(), id string) (next func()) {
	<-r.run.held // the worker has come to it, and will not wait for the next release
	next = r.holdUp()
	release()
	r.await(id)
	return next
}

// refuseNext has the data plane refuse the next n changes.
func (f *fakeRuntime) refuseNext(why string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse, f.refusals = errors.New(why), n
}

// as has the requests that follow come from another tenancy.
func (r *rig) as(tenancy string) { r.tenancy = tenancy }

// clock restarts the service with a clock that moves on by a second with each look at it.
func (r *rig) clock(t *testing.T) (advance func(time.Duration)) {
	t.Helper()
	var mu sync.Mutex
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.o.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}
	r.restart()
	return func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
}

// memoryStore is a store without a disk, for what takes too many commits for one.
type memoryStore struct {
	mu       sync.Mutex
	revision store.Revision
	entries  map[string]store.Entry
}

func (m *memoryStore) List(prefix string) (list []store.Entry, revision store.Revision) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(m.entries)) {
		if strings.HasPrefix(key, prefix) {
			list = append(list, m.entries[key])
		}
	}
	return list, m.revision
}

func (m *memoryStore) Commit(_ context.Context, t store.Txn) (store.Revision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range t.If {
		if have := m.entries[c.Key].Revision; have != c.Revision {
			return 0, &store.Conflict{Key: c.Key, Want: c.Revision, Have: have}
		}
	}
	m.revision++
	for _, p := range t.Puts {
		m.entries[p.Key] = store.Entry{Key: p.Key, Value: slices.Clone(p.Value), Revision: m.revision}
	}
	for _, key := range t.Deletes {
		delete(m.entries, key)
	}
	return m.revision, nil
}

// inMemory restarts the service with nothing in a store without a disk.
func (r *rig) inMemory() *memoryStore {
	r.t.Helper()
	m := &memoryStore{entries: map[string]store.Entry{}}
	r.o.Store = m
	r.restart()
	return m
}

// faultyStore is a store whose commits can be made to fail, before or after the disk has them.
type faultyStore struct {
	ociapi.Store
	mu     sync.Mutex
	before func(store.Txn) error // nil: none fails
	after  func(store.Txn) error
}

func (f *faultyStore) Commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.before != nil {
		if err := f.before(t); err != nil {
			return 0, err
		}
	}
	revision, err := f.Store.Commit(ctx, t)
	if err == nil && f.after != nil {
		err = f.after(t)
	}
	return revision, err
}

// fail sets what fails.
func (f *faultyStore) fail(before, after func(store.Txn) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}
