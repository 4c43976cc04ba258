package ociapi

import (
	"sync/atomic"

	"lull/internal/control/ociapi/wire"
)

// looks is a load balancer's JSON as lists show it, made when it is first asked for and kept until the load balancer changes: a page
// of large ones is tens of megabytes, which only copying has the time for.
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
