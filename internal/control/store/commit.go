package store

import (
	"context"
	"errors"
)

// Condition is what a transaction demands of a document.
type Condition struct {
	Key      string
	Revision Revision // that of its last change; 0: there must be no such document
}

// Put is a document to be written, whether there is one or not.
type Put struct {
	Key   string
	Value []byte // the store makes a copy
}

// Txn is a transaction: if all conditions hold, all changes are made as one revision, and otherwise none.
type Txn struct {
	If      []Condition
	Puts    []Put
	Deletes []string // keys; one that does not exist is no change
}

// request is a transaction on its way.
type request struct {
	txn      *Txn
	done     chan struct{} // closed when the rest is set
	revision Revision
	err      error
}

// Commit makes a transaction and returns its revision, after the disk has it. A transaction that changes nothing returns the revision at
// which that was so.
//
// Nothing was changed if it returns *Conflict, *Refused, *Full, ErrClosed, the context's error or a *WriteError, unless the last says
// that it is Uncertain. The context counts until the store takes the transaction up; from then on there is an outcome, and it is
// waited for.
func (s *Store) Commit(ctx context.Context, t Txn) (Revision, error) {
	if err := t.check(); err != nil {
		return 0, err
	}
	r := &request{txn: &t, done: make(chan struct{})}
	select {
	case s.requests <- r:
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-s.closing:
		return 0, ErrClosed
	}
	<-r.done
	return r.revision, r.err
}

// commitAll makes the transactions until the store is closed.
func (s *Store) commitAll() {
	for {
		select {
		case <-s.closing:
			return
		case r := <-s.requests:
			group := s.gather(r)
			s.commitGroup(group)
			for _, r := range group {
				close(r.done)
			}
		}
	}
}

// gather returns the first request and those that wait already. Under load they are those that came while the disk was busy, so
// nobody waits for others to come.
func (s *Store) gather(first *request) []*request {
	group := []*request{first}
	for len(group) < GroupMax {
		select {
		case r := <-s.requests:
			group = append(group, r)
		default:
			return group
		}
	}
	return group
}

// commitGroup finds the outcome of each request. If the disk refuses the group it may be for the size of one of them, and conflicts were
// found with changes that are not made, so that each is tried alone.
func (s *Store) commitGroup(group []*request) {
	err := s.try(group)
	var refused *WriteError
	if len(group) == 1 || !errors.As(err, &refused) || refused.Uncertain {
		return
	}
	for i := range group {
		_ = s.try(group[i : i+1]) // the request has it
	}
}

// try makes the transactions of a group with one fsync. If that fails, it is the outcome of each of them.
func (s *Store) try(group []*request) error {
	err := s.broken
	d := newDraft(s.current.Load())
	if err == nil {
		for _, r := range group {
			r.revision, r.err = d.apply(r.txn)
		}
		if len(d.batches) == 0 {
			return nil
		}
		err = s.write(s.db, d, s.schema)
	}
	if err == nil {
		next := d.snapshot()
		s.history.add(d.batches, func() { s.current.Store(next) })
		return nil
	}
	for _, r := range group {
		r.revision, r.err = 0, err
	}
	var refused *WriteError
	if errors.As(err, &refused) && refused.Uncertain {
		s.broken = err
	}
	return err
}
