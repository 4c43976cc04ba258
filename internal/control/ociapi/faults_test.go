package ociapi_test

import (
	"context"
	"errors"
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
	return sync.OnceFunc(func() {
		r.run.mu.Lock()
		r.run.hold = nil
		r.run.mu.Unlock()
		close(hold)
	})
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
