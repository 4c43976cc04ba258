package ociapi

import (
	"context"
	"fmt"
	"testing"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/dataplane/plan"
	"lull/internal/lulltest"
)

// emptyStore has nothing and takes nothing.
type emptyStore struct{ Store }

func (emptyStore) List(string) ([]store.Entry, store.Revision) { return nil, 0 }

// anyPlan is a data plane that takes everything.
type anyPlan struct{ Runtime }

func (anyPlan) Change([]*plan.LoadBalancer, func() error) error { return nil }

// TestLookAhead: the worker makes what lists will show before anybody asks, and leaves that when there is something to do.
func TestLookAhead(t *testing.T) {
	t.Parallel()
	s, err := New(Options{Store: emptyStore{}, Runtime: anyPlan{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	balancers := map[string]*balancer{}
	for i := range 10 {
		d := newDocument(fmt.Sprint(i))
		balancers[d.ID] = newBalancer(d, d)
	}
	s.mu.Lock()
	s.show(balancers, s.state.Load().work)
	s.mu.Unlock()
	s.rouse()
	if !lulltest.Eventually(func() bool { return looked(balancers) == len(balancers) }) {
		t.Errorf("got %d of %d", looked(balancers), len(balancers))
	}
	for _, b := range balancers {
		want, err := wire.EncodeMember(listOperation, b.view())
		if got := b.looks.full.Load(); err != nil || string(*got) != string(want) {
			t.Errorf("got %s, want %s, %v", *got, want, err)
		}
	}
	busy, other := &Service{wake: make(chan struct{}, 1)}, newDocument("x")
	waiting := map[string]*balancer{other.ID: newBalancer(other, other)}
	busy.state.Store(&state{balancers: waiting})
	busy.rouse()
	if busy.lookAhead(context.Background()); looked(waiting) != 0 {
		t.Error("it looks ahead while there is something to do")
	}
}

// looked counts load balancers of which both looks are made.
func looked(balancers map[string]*balancer) (n int) {
	for _, b := range balancers {
		if b.looks.full.Load() != nil && b.looks.simple.Load() != nil {
			n++
		}
	}
	return n
}
