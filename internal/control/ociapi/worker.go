package ociapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/dataplane/plan"
)

// How long the worker waits before it asks a store again that has refused.
const (
	retryFirst = time.Second
	retryMost  = time.Minute
)

// work does what is accepted, one after another, until ctx ends.
func (s *Service) work(ctx context.Context) {
	defer close(s.done)
	pause := retryFirst
	for {
		switch more, err := s.step(ctx); {
		case ctx.Err() != nil:
			return
		case err != nil:
			s.o.Log.Error("a work request waits: the store takes nothing", "error", err, "again_in", pause)
			if !s.pause(ctx, pause) {
				return
			}
			pause = min(2*pause, retryMost)
		case more:
			pause = retryFirst
		default:
			s.lookAhead(ctx)
			select {
			case <-s.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

// pause waits, but not when another change could be stored in the meantime, and reports whether ctx still goes on.
func (s *Service) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.wake:
		return true
	case <-ctx.Done():
		return false
	}
}

// step does the oldest work request of the queue. It is an error if the store does not take the outcome: then all is as before.
func (s *Service) step(ctx context.Context) (more bool, err error) {
	s.enforcing.Lock()
	defer s.enforcing.Unlock()
	w := s.begin()
	if w == nil {
		return false, nil
	}
	ended, b, err := s.carryOut(ctx, w)
	var refused *refusal
	if errors.As(err, &refused) {
		s.o.Log.Warn("a work request has failed", "operation", w.Operation, "load_balancer", w.LoadBalancerID, "work_request", w.ID, "error", refused.why)
		ended, b, err = s.fail(ctx, w, refused.why)
	}
	if err != nil {
		return false, err
	}
	s.settle(ended, b)
	return true, nil
}

// begin shows that the oldest work request is in progress, and returns it; nil if there is none.
func (s *Service) begin() *workRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return nil
	}
	w := s.queue[0]
	if w.State == wire.WorkInProgress {
		return w
	}
	begun := *w
	begun.State = wire.WorkInProgress
	s.queue[0] = &begun
	st := s.state.Load()
	work := st.work.clone()
	work.put(&begun)
	s.show(st.balancers, work)
	return &begun
}

// refusal says that a change cannot be, as against a store that cannot take it now.
type refusal struct{ why error }

func (r *refusal) Error() string { return r.why.Error() }

// carryOut does a work request: the plan, the documents and its own end, or nothing. It returns the end and the load balancer as it
// is afterwards, nil if there is none any more. REQUIRES: enforcing is held.
func (s *Service) carryOut(ctx context.Context, w *workRequest) (*workRequest, *balancer, error) {
	balancers := s.state.Load().balancers
	id := w.LoadBalancerID
	old := balancers[id]
	b, err := s.outcome(w, old)
	if err != nil {
		return nil, nil, &refusal{err}
	}
	next := maps.Clone(balancers)
	if b == nil {
		delete(next, id)
	} else {
		next[id] = b
	}
	ended, err := s.succeeded(w)
	if err != nil {
		return nil, nil, err
	}
	committing := false
	err = s.enforce(next, func() error {
		committing = true
		return s.commit(ctx, ended, next[id], old)
	})
	if err != nil && !committing {
		err = &refusal{cannotBe(err)}
	}
	return ended, next[id], err
}

// outcome returns the load balancer that a work request makes; nil is none.
func (s *Service) outcome(w *workRequest, old *balancer) (*balancer, error) {
	base := w.Task.Seed
	if base == nil {
		if old == nil || old.kept == nil {
			return nil, wire.Hidden()
		}
		base = old.kept
	}
	if err := base.takes(w.Operation); err != nil {
		return nil, err
	}
	d, err := s.changed(base, w.Task.request, changes[w.Operation])
	if err != nil || w.Operation == deleteOperation {
		return nil, err // none is what a deletion leaves
	}
	d.ETag, d.State = w.Task.Promised, stateActive
	b := newBalancer(d, d)
	b.compiled, err = s.compileAlone(d)
	return b, err
}

// commit stores a load balancer, or that there is none any more, with the end of its work request.
func (s *Service) commit(ctx context.Context, ended *workRequest, b, old *balancer) error {
	txn, err := ended.txn(nil)
	if err != nil {
		return err
	}
	condition := store.Condition{Key: balancerPrefix + ended.LoadBalancerID}
	if old != nil {
		condition.Revision = old.revision
	}
	txn.If = []store.Condition{condition}
	if b == nil {
		txn.Deletes = []string{condition.Key}
		if condition.Revision == 0 { // it was never stored
			txn.Deletes = nil
		}
		_, err = s.o.Store.Commit(ctx, txn)
		return err
	}
	value, err := b.kept.encode()
	if err != nil {
		return err
	}
	txn.Puts = append(txn.Puts, store.Put{Key: condition.Key, Value: value})
	b.revision, err = s.o.Store.Commit(ctx, txn)
	return err
}

// cannotBe turns what the data plane has said into a reason for people.
func cannotBe(err error) error {
	var taken *plan.NameTaken
	if errors.As(err, &taken) {
		return refuse(wire.Conflict, "", "The load balancer's name %q in lull is taken: %s has one", taken.Name, taken.Origin)
	}
	return refuse(wire.InvalidParameter, "", "The listeners cannot be opened; nothing was changed: %s", err)
}

// fail ends a work request that cannot be done, as carryOut does one that can. A load balancer that could not be created stays, to be
// looked at and deleted.
func (s *Service) fail(ctx context.Context, w *workRequest, why error) (*workRequest, *balancer, error) {
	ended := *w
	ended.State, ended.Finished, ended.Task = wire.WorkFailed, s.o.Now().UTC().Truncate(time.Millisecond), nil
	ended.Errors = []wire.WorkRequestError{workError(why)}
	old := s.state.Load().balancers[w.LoadBalancerID]
	switch {
	case w.Operation == createOperation:
		b := stillborn(w, old)
		return &ended, b, s.commit(ctx, &ended, b, old)
	case w.Operation == deleteOperation && old != nil:
		return &ended, old.shownAs(old.kept), s.commitEnd(ctx, &ended)
	}
	return &ended, old, s.commitEnd(ctx, &ended)
}

// stillborn returns the load balancer that a work request could not create. old is what was shown of it; nil if that was nothing.
func stillborn(w *workRequest, old *balancer) *balancer {
	d := w.Task.Seed
	if old != nil {
		d = old.document
	}
	d = d.inState(stateFailed)
	return newBalancer(d, d)
}

// commitEnd stores the end of a work request that changes no load balancer.
func (s *Service) commitEnd(ctx context.Context, ended *workRequest) error {
	txn, err := ended.txn(nil)
	if err != nil {
		return err
	}
	_, err = s.o.Store.Commit(ctx, txn)
	return err
}

// workError is why a work request failed, as clients are told.
func workError(why error) wire.WorkRequestError {
	var known *wire.Error
	var gone *vanished
	switch {
	case errors.As(why, &gone):
		return wire.WorkRequestError{ErrorCode: wire.WorkBadInput, Message: gone.child.Message}
	case errors.As(why, &known):
		return wire.WorkRequestError{ErrorCode: wire.WorkBadInput, Message: known.Message}
	}
	return wire.WorkRequestError{ErrorCode: wire.WorkInternalError, Message: "An internal error occurred: the log tells more"}
}

// succeeded returns a work request as it is when it is done.
func (s *Service) succeeded(w *workRequest) (*workRequest, error) {
	event, err := s.uuid()
	if err != nil {
		return nil, err
	}
	ended := *w
	ended.State, ended.Finished, ended.Task = wire.WorkSucceeded, s.o.Now().UTC().Truncate(time.Millisecond), nil
	ended.Message = wire.SuccessMessage(operationNamed(w.Operation), w.LoadBalancerID, w.ID, event)
	return &ended, nil
}

// uuid returns a random UUID (RFC 9562, version 4).
func (s *Service) uuid() (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(s.o.Random, b[:]); err != nil {
		return "", fmt.Errorf("make a UUID: %w", err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}

// settle shows the end of the oldest work request and its load balancer, nil if there is none any more, and goes on to the next one.
// A load balancer of which a deletion waits is still being deleted.
func (s *Service) settle(ended *workRequest, b *balancer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue[0] = nil // there may be secrets in it
	s.queue = s.queue[1:]
	id := ended.LoadBalancerID
	waits, deletion := false, false
	for _, w := range s.queue {
		waits = waits || w.LoadBalancerID == id
		deletion = deletion || w.LoadBalancerID == id && w.Operation == deleteOperation
	}
	st := s.state.Load()
	next := maps.Clone(st.balancers)
	switch {
	case b == nil:
		delete(next, id)
	case deletion && b.State != stateDeleting:
		next[id] = b.shownAs(b.inState(stateDeleting))
	default:
		next[id] = b
	}
	work := st.work.clone()
	work.put(ended)
	s.show(next, work)
	if ended.State == wire.WorkFailed || !waits {
		s.promiseAnew(id)
	}
}

// promiseAnew works out what a load balancer will be after one of its work requests has failed or the last one is done.
// REQUIRES: mu is held.
func (s *Service) promiseAnew(id string) {
	delete(s.promised, id)
	balancers := s.state.Load().balancers
	for _, w := range s.queue {
		if w.LoadBalancerID != id {
			continue
		}
		if d := s.foresee(w, balancers); d != nil {
			s.promised[id] = d
		}
	}
}
