package ociapi

import (
	"context"
	"sync/atomic"

	"lull/internal/control/ociapi/wire"
)

// looks is a load balancer's JSON as lists show it, made before it is asked for and kept until the load balancer changes: a page of 500
// large ones is 33 MB, which takes half a second to make. It is kept in memory as long as the load balancer, whether anybody asks or not.
type looks struct {
	// Atomic.
	full, simple atomic.Pointer[wire.Encoded]
}

// listOperation is whose look lists have.
//
//nolint:gochecknoglobals // looked up once
var listOperation = operationNamed("ListLoadBalancers")

// get returns the JSON of a document. Two that ask at the same time may both make it; it is the same.
func (l *looks) get(simple bool, d *document) (wire.Encoded, error) {
	kept, show := &l.full, (*document).view
	if simple {
		kept, show = &l.simple, (*document).simpleView
	}
	if e := kept.Load(); e != nil {
		return *e, nil
	}
	e, err := wire.EncodeMember(listOperation, show(d))
	if err != nil {
		return nil, err
	}
	kept.Store(&e)
	return e, nil
}

// lookAhead makes what lists will show of the load balancers that are new or have changed, the first list after a start included. It is
// for the worker when there is nothing to do, and ends when there is. What fails here fails for who asks, too, and is told there.
func (s *Service) lookAhead(ctx context.Context) {
	for _, b := range s.state.Load().balancers {
		if len(s.wake) > 0 || ctx.Err() != nil {
			return
		}
		for _, simple := range []bool{true, false} {
			_, _ = b.looks.get(simple, b.document)
		}
	}
}
