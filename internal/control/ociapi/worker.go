package ociapi

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
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
			if !sleep(ctx, pause) {
				return
			}
			pause = min(2*pause, retryMost)
		case more:
			pause = retryFirst
		default:
			select {
			case <-s.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

// sleep waits, and reports whether ctx still goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// step does the oldest work request of the queue. It is an error if the store does not take the outcome: then all is as before.
func (s *Service) step(ctx context.Context) (more bool, err error) {
	w := s.begin()
	if w == nil {
		return false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var refused *refusal
	switch err := s.carryOut(ctx, w); {
	case err == nil:
	case !errors.As(err, &refused):
		return false, err
	default:
		s.o.Log.Warn("a work request has failed", "operation", w.Operation, "load_balancer", w.LoadBalancerID, "work_request", w.ID, "error", refused.why)
		if err := s.fail(ctx, w, refused.why); err != nil {
			return false, err
		}
	}
	s.queue = s.queue[1:]
	if refused != nil || !slices.ContainsFunc(s.queue, func(o *workRequest) bool { return o.LoadBalancerID == w.LoadBalancerID }) {
		s.promiseAnew(w.LoadBalancerID)
	}
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

// carryOut does a work request: the plan, the documents and its own end, or nothing. REQUIRES: mu is held.
func (s *Service) carryOut(ctx context.Context, w *workRequest) error {
	st := s.state.Load()
	old := st.balancers[w.LoadBalancerID]
	b, err := s.outcome(w, old)
	if err != nil {
		return &refusal{err}
	}
	next := maps.Clone(st.balancers)
	if b == nil {
		delete(next, w.LoadBalancerID)
	} else {
		next[w.LoadBalancerID] = b
	}
	ended, err := s.succeeded(w)
	if err != nil {
		return err
	}
	committing := false
	err = s.o.Runtime.Change(compiled(next), func() error {
		committing = true
		return s.commit(ctx, ended, b, old)
	})
	if err != nil {
		if committing {
			return err
		}
		return &refusal{cannotBe(err)}
	}
	s.showEnd(next, ended)
	return nil
}

// outcome returns the load balancer that a work request makes; nil is none.
func (s *Service) outcome(w *workRequest, old *balancer) (*balancer, error) {
	var base *document
	switch {
	case w.Task.Seed != nil:
		base = w.Task.Seed
	case old == nil:
		return nil, wire.Hidden()
	default:
		base = old.document
	}
	if w.Operation == deleteOperation {
		return nil, nil //nolint:nilnil // none is what is left
	}
	d, err := s.changed(base, w.Task.request, changes[w.Operation])
	if err != nil {
		return nil, err
	}
	d.ETag = w.Task.Promised
	if d.State == stateCreating {
		d.State = stateActive
	}
	b := &balancer{document: d}
	b.compiled, err = s.compile(d)
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
	value, err := b.encode()
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

// fail ends a work request that cannot be done. A load balancer that could not be created stays, to be looked at and deleted.
func (s *Service) fail(ctx context.Context, w *workRequest, why error) error {
	st := s.state.Load()
	ended := *w
	ended.State, ended.Finished, ended.Task = wire.WorkFailed, s.o.Now().UTC().Truncate(time.Millisecond), nil
	ended.Errors = []wire.WorkRequestError{workError(why)}
	next := st.balancers
	old := st.balancers[w.LoadBalancerID]
	if old == nil {
		return s.storeEnd(ctx, next, &ended, nil, nil)
	}
	b := *old
	switch w.Operation {
	case createOperation:
		b.document = old.inState(stateFailed)
	case deleteOperation:
		b.document = old.inState(stateActive)
	default:
		return s.storeEnd(ctx, next, &ended, nil, nil)
	}
	next = maps.Clone(st.balancers)
	next[w.LoadBalancerID] = &b
	return s.storeEnd(ctx, next, &ended, &b, old)
}

// storeEnd stores the end of a work request, and a load balancer if there is one, and shows both.
func (s *Service) storeEnd(ctx context.Context, next map[string]*balancer, ended *workRequest, b, old *balancer) error {
	if b != nil {
		if err := s.commit(ctx, ended, b, old); err != nil {
			return err
		}
	} else {
		txn, err := ended.txn(nil)
		if err != nil {
			return err
		}
		if _, err := s.o.Store.Commit(ctx, txn); err != nil {
			return err
		}
	}
	s.showEnd(next, ended)
	return nil
}

// workError is why a work request failed, as clients are told.
func workError(why error) wire.WorkRequestError {
	var known *wire.Error
	if errors.As(why, &known) {
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
	if ended.ETag, err = s.newETag(); err != nil {
		return nil, err
	}
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

// showEnd shows load balancers and the end of a work request.
func (s *Service) showEnd(next map[string]*balancer, ended *workRequest) {
	work := s.state.Load().work.clone()
	work.put(ended)
	s.show(next, work)
}

// promiseAnew works out what a load balancer will be after one of its work requests has failed or the last one is done.
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
