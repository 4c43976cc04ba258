package ociapi

import (
	"fmt"
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
)

//nolint:gochecknoglobals // a table
var workReads = map[string]read{
	"GetWorkRequest":   getWorkRequest,
	"ListWorkRequests": listWorkRequests,
}

func getWorkRequest(s *Service, r *wire.Request) (Answer, error) {
	w := s.state.Load().work.byID.get(r.Parameters[wire.WorkRequestID])
	if w == nil {
		return Answer{}, wire.Hidden()
	}
	return Answer{Result: w.view(), ETag: w.etag()}, nil
}

// listWorkRequests answers with a page of a load balancer's work requests. The API leaves their order open: it is the newest first,
// for which a client asks more often than for what was long ago.
func listWorkRequests(s *Service, r *wire.Request) (Answer, error) {
	st := s.state.Load()
	id := r.Parameters[wire.LoadBalancerID]
	if st.balancers[id] == nil {
		return Answer{}, wire.Hidden()
	}
	list := slices.Clone(st.work.byBalancer.get(id))
	slices.Reverse(list)
	order := wire.Order[*workRequest]{
		Scope:   "ListWorkRequests\x00" + id,
		Key:     func(w *workRequest) string { return fmt.Sprintf("%020d", w.Sequence) },
		Compare: func(a, b string) int { return strings.Compare(b, a) },
	}
	page, next, err := wire.Paginate(order, list, *r.Query.(*wire.PageQuery))
	if err != nil {
		return Answer{}, err
	}
	views := make([]wire.WorkRequest, len(page))
	for i, w := range page {
		views[i] = w.view()
	}
	return Answer{Result: views, NextPage: next}, nil
}

// view returns a work request as reads show it.
func (w *workRequest) view() wire.WorkRequest {
	out := wire.WorkRequest{
		ID: w.ID, LoadBalancerID: w.LoadBalancerID, CompartmentID: &w.CompartmentID, Type: w.Operation, LifecycleState: w.State,
		TimeAccepted: w.Accepted, ErrorDetails: w.Errors,
	}
	if w.done() {
		out.TimeFinished = &w.Finished
	}
	if w.Message != "" {
		out.Message = &w.Message
	}
	return out
}
