package ociapi

import "lull/internal/control/ociapi/wire"

//nolint:gochecknoglobals // a table
var workReads = map[string]read{
	"GetWorkRequest": getWorkRequest,
}

func getWorkRequest(s *Service, r *wire.Request) (Answer, error) {
	w := s.state.Load().work.byID[r.Parameters[wire.WorkRequestID]]
	if w == nil {
		return Answer{}, wire.Hidden()
	}
	return Answer{Result: w.view(), ETag: w.ETag}, nil
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
