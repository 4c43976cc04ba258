package ociapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/ocid"
	"lull/internal/control/store"
)

// accept promises a change: it is right as far as that can be known, and stored. The answer is its work request.
func (s *Service) accept(ctx context.Context, c *Call, f change) (Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state.Load()
	if id, err := s.seen(c, st); id != "" || err != nil {
		return Answer{WorkRequestID: id}, err
	}
	base, err := s.base(c, st)
	if err != nil {
		return Answer{}, err
	}
	d, err := s.promise(base, c.Request, f)
	if err != nil {
		return Answer{}, err
	}
	w, err := s.workFor(c, d, base)
	if err != nil {
		return Answer{}, err
	}
	work := st.work.clone()
	forgotten := work.forgetting(s.o.Now())
	if err := s.room(work, w); err != nil {
		return Answer{}, err
	}
	work.put(w)
	if err := s.keep(ctx, w, forgotten); err != nil {
		return Answer{}, err
	}
	s.sequence = w.Sequence
	s.promised[d.ID] = d
	s.queue = append(s.queue, w)
	s.show(foreshadowed(st.balancers, w, d), work)
	s.rouse()
	return Answer{WorkRequestID: w.ID}, nil
}

// keep stores an accepted work request.
func (s *Service) keep(ctx context.Context, w *workRequest, forgotten []string) error {
	txn, err := w.txn(forgotten)
	if err != nil {
		return err
	}
	if size := len(txn.Puts[0].Value); size > documentBytesMax {
		return refuse(wire.LimitExceeded, "", "The request takes %d bytes of lull's store, allowed are %d: ask for less at once", size, documentBytesMax)
	}
	if _, err := s.o.Store.Commit(ctx, txn); err != nil {
		return notStored(err)
	}
	return nil
}

// notStored is the answer when the store takes nothing. SDKs repeat ServiceUnavailable by themselves, which helps when a disk is full
// for a moment; a store that has as much as it may needs an administrator.
func notStored(err error) error {
	var full *store.Full
	var write *store.WriteError
	switch {
	case errors.As(err, &full):
		return &wire.Error{Code: wire.LimitExceeded, Message: "The change could not be stored; nothing was changed: " + err.Error(), Err: err}
	case errors.As(err, &write) && write.Uncertain:
		return &wire.Error{Code: wire.ServiceUnavailable, Message: "The disk does not say whether it has the change: it is done after lull's next start, or not at all", Err: err}
	}
	return &wire.Error{Code: wire.ServiceUnavailable, Message: "The change could not be stored; nothing was changed: " + err.Error(), Err: err}
}

// room refuses a work request too many, or one too large beside those that wait.
func (s *Service) room(work *workState, w *workRequest) error {
	waiting := len(w.Task.Body)
	for _, other := range s.queue {
		waiting += len(other.Task.Body)
	}
	if work.byID.len() >= workMax || waiting > queueBytesMax {
		return refuse(wire.TooManyRequests, "", "There are %d work requests that are not done, of %d bytes together (allowed are %d and %d): wait for them",
			len(s.queue), waiting, workMax, queueBytesMax)
	}
	return nil
}

// base returns the document that a change is to be made to: as it will be when all that was accepted before is done.
func (s *Service) base(c *Call, st *state) (*document, error) {
	if c.Operation.Name == createOperation {
		return s.seed(c.Request, st)
	}
	id := c.Parameters[wire.LoadBalancerID]
	b := st.balancers[id]
	if b == nil {
		return nil, wire.Hidden()
	}
	d := b.document
	if promised := s.promised[id]; promised != nil {
		d = promised
	}
	if !wire.ETagMatches(c.IfMatch, d.ETag) {
		return nil, etagMismatch(c.IfMatch)
	}
	if err := d.takes(c.Operation.Name); err != nil {
		return nil, err
	}
	if st.work.pending(id) >= workPendingMax {
		return nil, refuse(wire.TooManyRequests, "", "Load balancer %s has %d work requests that are not done: wait for them", id, workPendingMax)
	}
	return d, nil
}

// takes refuses what a load balancer cannot have done to it in its state.
func (d *document) takes(operation string) error {
	switch {
	case d.State == stateDeleting:
		return refuse(wire.IncorrectState, "", "Load balancer %s is being deleted: nothing can be done to it any more", d.ID)
	case d.State == stateFailed && operation != deleteOperation:
		return refuse(wire.IncorrectState, "", "Load balancer %s could not be created: it can only be deleted", d.ID)
	}
	return nil
}

// seed returns an empty load balancer with what it is given before anything else: its id, its addresses and its name in the plan.
func (s *Service) seed(r *wire.Request, st *state) (*document, error) {
	details, ok := r.Body.(*wire.CreateLoadBalancerDetails)
	if !ok {
		return nil, fmt.Errorf("%s: got a body of type %T", createOperation, r.Body)
	}
	if len(st.balancers) >= balancersMax {
		return nil, refuse(wire.LimitExceeded, "", "There are %d load balancers, no more are allowed: delete some", balancersMax)
	}
	id, err := ocid.New(s.o.Random, "loadbalancer", s.o.Region)
	if err != nil {
		return nil, err
	}
	d := newDocument(id)
	d.Created = s.o.Now().UTC().Truncate(time.Millisecond)
	d.PlanName = s.planName(details.DisplayName, id, st)
	if d.Addresses, err = s.freeAddresses(details.IPMode, st); err != nil {
		return nil, err
	}
	return d, nil
}

// changed returns a document with a change made to it. What cannot be is refused.
func (s *Service) changed(base *document, r *wire.Request, f change) (*document, error) {
	d := base.clone()
	if err := f(d, r); err != nil {
		return nil, err
	}
	if err := s.check(d); err != nil {
		return nil, err
	}
	return d, nil
}

// promise returns the document that a change will make, under a new etag. What is known not to be possible is refused, but for
// what the data plane does not do yet.
func (s *Service) promise(base *document, r *wire.Request, f change) (*document, error) {
	d, err := s.changed(base, r, f)
	if err != nil {
		return nil, err
	}
	var later *notYet
	if _, err = s.compileAlone(d); err != nil && !errors.As(err, &later) {
		return nil, err
	}
	if r.Operation.Name == deleteOperation {
		d.State = stateDeleting
	}
	if err = d.fits(); err != nil {
		return nil, err
	}
	d.ETag, err = s.newETag()
	return d, err
}

// workFor returns the work request of a change that makes d of base.
func (s *Service) workFor(c *Call, d, base *document) (*workRequest, error) {
	id, err := ocid.New(s.o.Random, "loadbalancerworkrequest", s.o.Region)
	if err != nil {
		return nil, err
	}
	w := &workRequest{
		Version: workVersion, ID: id, Sequence: s.sequence + 1, LoadBalancerID: d.ID, CompartmentID: d.CompartmentID, Operation: c.Operation.Name,
		Child: childOf(c.Request), State: wire.WorkAccepted, Accepted: s.o.Now().UTC().Truncate(time.Millisecond), Token: c.token(),
		Task: &task{Parameters: c.Parameters, Promised: d.ETag, request: c.Request},
	}
	if c.Operation.HasBody() {
		w.Task.Body = c.Body
	}
	if c.Operation.Name == createOperation {
		w.Task.Seed = base
	}
	return w, nil
}

// foreshadowed returns load balancers with what can be seen of an accepted change before it is done: that one is being created
// or deleted.
func foreshadowed(balancers map[string]*balancer, w *workRequest, d *document) map[string]*balancer {
	b := balancers[d.ID]
	switch {
	case w.Operation == createOperation:
		b = newBalancer(nil, d)
	case w.Operation == deleteOperation && b != nil:
		b = b.shownAs(b.inState(stateDeleting))
	default:
		return balancers
	}
	next := maps.Clone(balancers)
	next[d.ID] = b
	return next
}

// resume takes up what was accepted before the last end. REQUIRES: nobody else knows the service yet.
func (s *Service) resume() {
	st := s.state.Load()
	balancers := st.balancers
	for _, w := range s.queue {
		d := s.foresee(w, balancers)
		if d == nil {
			continue
		}
		s.promised[d.ID] = d
		balancers = foreshadowed(balancers, w, d)
	}
	s.show(balancers, st.work)
	s.rouse()
}

// foresee returns the document that a queued work request will make of what was promised so far, or nil if it cannot be: that is
// found again, and told, when its turn comes.
func (s *Service) foresee(w *workRequest, balancers map[string]*balancer) *document {
	base := w.Task.Seed
	if base == nil {
		if base = s.promised[w.LoadBalancerID]; base == nil {
			b := balancers[w.LoadBalancerID]
			if b == nil {
				return nil
			}
			base = b.document
		}
	}
	d, err := s.promise(base, w.Task.request, changes[w.Operation])
	if err != nil {
		return nil
	}
	d.ETag = w.Task.Promised
	return d
}

// rouse has the worker look at the queue.
func (s *Service) rouse() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}
