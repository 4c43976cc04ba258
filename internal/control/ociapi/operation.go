package ociapi

import (
	"context"
	"fmt"
	"maps"

	"lull/internal/control/ociapi/wire"
)

// Call is a request with what belongs to it.
type Call struct {
	*wire.Request
	Body   []byte // as it came, of an operation that reads one: an accepted change is stored so
	Caller string // OCID of the user: retry tokens are his own
	// Tenancy is the OCID of the caller's tenancy, which need not be lull's own: keys may be imported under another one's.
	Tenancy string
	Target  string // the path as it came, without the query
}

// Answer is what a request gets.
type Answer struct {
	Result        any    // of a read: the result type of its operation
	ETag          string // of a read; empty for none
	NextPage      string
	WorkRequestID string // of a change
}

// Do answers a request: with an answer or an error, which is a *wire.Error where the client is to be told more than that something
// went wrong. Callable from anywhere.
func (s *Service) Do(ctx context.Context, c *Call) (Answer, error) {
	name := c.Operation.Name
	if err := s.checkCompartment(c); err != nil {
		return Answer{}, err
	}
	if answer := reads[name]; answer != nil {
		return answer(s, c.Request)
	}
	if f := changes[name]; f != nil {
		return s.accept(ctx, c, f)
	}
	return Answer{}, fmt.Errorf("operation %s: nobody does it", name)
}

// A read answers from the state as it is.
type read func(s *Service, r *wire.Request) (Answer, error)

// A change makes a request's change to a clone of a document, or says why it cannot be. It is called twice and must have no
// other effect; it sees the document of its load balancer only. What holds for every document is check's to see.
type change func(d *document, r *wire.Request) error

// reads and changes are all operations. Creation and deletion of a load balancer have more to them (accept.go, worker.go).
//
//nolint:gochecknoglobals // tables
var (
	reads = joined(balancerReads, catalogueReads, workReads, healthReads, backendSetReads, backendReads, certificateReads,
		hostnameReads, pathRouteSetReads, routingPolicyReads, ruleSetReads, cipherSuiteReads)
	changes = joined(balancerChanges, backendSetChanges, backendChanges, listenerChanges, certificateChanges,
		hostnameChanges, pathRouteSetChanges, routingPolicyChanges, ruleSetChanges, cipherSuiteChanges)
)

func joined[V any](tables ...map[string]V) map[string]V {
	all := map[string]V{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// The names of the two changes that make and end a load balancer.
const (
	createOperation = "CreateLoadBalancer"
	deleteOperation = "DeleteLoadBalancer"
)

// ofBalancer makes a read of one load balancer, whose etag goes with the answer.
func ofBalancer(f func(b *balancer, r *wire.Request) (any, error)) read {
	return func(s *Service, r *wire.Request) (Answer, error) {
		b, err := s.find(r.Parameters[wire.LoadBalancerID])
		if err != nil {
			return Answer{}, err
		}
		if !wire.ETagMatches(r.IfMatch, b.ETag) {
			return Answer{}, etagMismatch(r.IfMatch)
		}
		result, err := f(b, r)
		return Answer{Result: result, ETag: b.ETag}, err
	}
}

func etagMismatch(ifMatch string) error {
	return refuse(wire.NoEtagMatch, "if-match", "if-match '%s' is not the etag of the load balancer, which has changed since: read it again", ifMatch)
}
