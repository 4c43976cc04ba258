package ociapi

import (
	"context"
	"net/http"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// Question is a request of somebody within the process, who has been let in elsewhere.
type Question struct {
	Method  string
	Target  string // path below wire.BasePath and query, escaped as on the wire
	IfMatch string // empty: whatever there is
	Body    []byte // JSON
	Caller  string // stands for the OCID of a user
	Tenancy string
}

// Ask answers a question as if it had come over HTTP, so that the same is valid and the same is said of what is not.
func (s *Service) Ask(ctx context.Context, q *Question) (Answer, error) {
	path, query, _ := strings.Cut(q.Target, "?")
	route, err := wire.Find(q.Method, wire.BasePath+path)
	if err != nil {
		return Answer{}, err
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if q.IfMatch != "" {
		header.Set("If-Match", q.IfMatch)
	}
	request, err := wire.Decode(route, query, header, q.Body)
	if err != nil {
		return Answer{}, err
	}
	return s.Do(ctx, &Call{Request: request, Body: q.Body, Caller: q.Caller, Tenancy: q.Tenancy, Target: wire.BasePath + path})
}

// IDOf returns the OCID of the load balancer that has a name in the plan.
func (s *Service) IDOf(planName string) (id string, found bool) {
	for id, b := range s.state.Load().balancers {
		if b.PlanName == planName {
			return id, true
		}
	}
	return "", false
}
