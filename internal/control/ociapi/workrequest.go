package ociapi

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
)

// workPrefix is where the store has the work requests.
const workPrefix = "ociapi/workrequests/"

const workVersion = 1

// The bounds of work requests. They are remembered for as long as retry tokens are, and as clients that wait for them ask.
const (
	tokenLife      = 24 * time.Hour
	workMax        = 10_000   // in all; the oldest that are done are forgotten first. A tenth of the documents that a store may have
	workPendingMax = 256      // accepted and not done of one load balancer: what a script sends that never waits
	workForgetMax  = 32       // forgotten with each that is accepted: a transaction has room for 128 changes
	queueBytesMax  = 32 << 20 // of bodies that wait: an eighth of what a store may have
)

// workRequest is one change, accepted or done, as it is stored. One that is in the state never changes.
type workRequest struct {
	Version        int
	ID             string // OCID
	Sequence       uint64 // in the order of acceptance
	LoadBalancerID string
	CompartmentID  string
	Operation      string
	State          wire.WorkRequestState
	Accepted       time.Time
	Finished       time.Time // zero until it is done
	Message        string    // of success
	Errors         []wire.WorkRequestError
	Child          string // what it makes, changes or takes away, as a path below the load balancer; empty: the load balancer itself
	Token          *retryToken
	Task           *task // what is to be done; nil when it is done, for there may be secrets in it
}

// retryToken is what tells a repeated request.
type retryToken struct {
	Token, Caller, Target string
	Body                  [sha256.Size]byte
}

// task is a change that is to be done.
type task struct {
	Parameters map[string]string
	Body       json.RawMessage // as it came, but for spaces; null if there is none
	Promised   string          // etag of the load balancer when it is done
	Seed       *document       // of a creation: an empty load balancer with what was given to it

	request *wire.Request // read from Body
}

// workState is all work requests at a moment. It never changes, and shares with the one before it what is the same.
type workState struct {
	byID       sharedMap[string, *workRequest]
	byBalancer sharedMap[string, []*workRequest] // by OCID of the load balancer, the oldest first
	byToken    sharedMap[tokenKey, string]       // id
	order      []string                          // ids, the oldest first
}

type tokenKey struct{ caller, token string }

// etag returns the work request's own etag, which changes with its state.
func (w *workRequest) etag() string {
	sum := sha256.Sum256([]byte(w.ID + " " + string(w.State)))
	return wire.NewETag([16]byte(sum[:16]))
}

// encode returns what the store keeps.
func (w *workRequest) encode() ([]byte, error) { return json.Marshal(w) }

func (w *workRequest) key() string { return workPrefix + w.ID }

// done reports whether nothing is to be done any more.
func (w *workRequest) done() bool { return w.Task == nil }

// decodeWork reads what encode has written.
func decodeWork(key string, value []byte) (*workRequest, error) {
	w := &workRequest{}
	if err := unmarshal(value, w); err != nil {
		return nil, fmt.Errorf("document %s: %w", key, err)
	}
	if w.Version != workVersion || w.key() != key {
		return nil, fmt.Errorf("document %s: has version %d and id %q; this lull knows version %d", key, w.Version, w.ID, workVersion)
	}
	if w.Task == nil {
		return w, nil
	}
	op := operationNamed(w.Operation)
	if op == nil {
		return nil, fmt.Errorf("document %s: this lull knows no operation %q", key, w.Operation)
	}
	r, err := wire.Decode(wire.Route{Operation: op, Parameters: w.Task.Parameters}, "", asJSON, w.Task.Body)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", key, err)
	}
	w.Task.request = r
	return w, nil
}

// asJSON is what decoding wants to know of a stored body.
//
//nolint:gochecknoglobals // a constant
var asJSON = map[string][]string{"Content-Type": {"application/json"}}

func operationNamed(name string) *wire.Operation {
	for _, op := range wire.Operations() {
		if op.Name == name {
			return op
		}
	}
	return nil
}

// loadWork reads the work requests of the store; those that are not done stand in the queue afterwards.
func (s *Service) loadWork() (*workState, error) {
	entries, _ := s.o.Store.List(workPrefix)
	list := make([]*workRequest, 0, len(entries))
	for _, e := range entries {
		w, err := decodeWork(e.Key, e.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	slices.SortFunc(list, func(a, b *workRequest) int { return int(a.Sequence) - int(b.Sequence) })
	work := &workState{}
	for _, w := range list {
		work.put(w)
		s.sequence = w.Sequence
		if !w.done() {
			s.queue = append(s.queue, w)
		}
	}
	return work, nil
}

// put makes a work request known, be it new or another state of one. A new one is appended to arrays that earlier states have, too, which
// do not look behind their own end. REQUIRES: nobody reads the state yet, and of all states made of one before it the last is shown or none.
func (ws *workState) put(w *workRequest) {
	list := ws.byBalancer.get(w.LoadBalancerID)
	if ws.byID.get(w.ID) == nil {
		list, ws.order = append(list, w), append(ws.order, w.ID)
	} else {
		list = slices.Clone(list)
		list[indexOf(list, w)] = w
	}
	ws.byBalancer.set(w.LoadBalancerID, list)
	ws.byID.set(w.ID, w)
	if w.Token != nil {
		ws.byToken.set(tokenKey{w.Token.Caller, w.Token.Token}, w.ID)
	}
}

// indexOf returns where a work request is among those of its load balancer.
func indexOf(list []*workRequest, w *workRequest) int {
	return slices.IndexFunc(list, func(o *workRequest) bool { return o.Sequence == w.Sequence && o.ID == w.ID })
}

// forget makes work requests unknown. REQUIRES: nobody reads the state yet.
func (ws *workState) forget(old []*workRequest) {
	for _, w := range old {
		ws.byID.remove(w.ID)
		list := ws.byBalancer.get(w.LoadBalancerID)
		i := indexOf(list, w)
		if list = slices.Concat(list[:i], list[i+1:]); len(list) == 0 {
			ws.byBalancer.remove(w.LoadBalancerID)
		} else {
			ws.byBalancer.set(w.LoadBalancerID, list)
		}
		if w.Token == nil {
			continue
		}
		if key := (tokenKey{w.Token.Caller, w.Token.Token}); ws.byToken.get(key) == w.ID {
			ws.byToken.remove(key)
		}
	}
	if len(old) > 0 {
		ws.order = slices.DeleteFunc(slices.Clone(ws.order), func(id string) bool { return ws.byID.get(id) == nil })
	}
}

// clone returns a copy that put and forget may change.
func (ws *workState) clone() *workState {
	return &workState{byID: ws.byID.clone(), byBalancer: ws.byBalancer.clone(), byToken: ws.byToken.clone(), order: ws.order}
}

// stale returns work requests that nobody needs any more: those done that are older than tokenLife and, while there are too many,
// the oldest that are done; some of them at a time. They end in the order in which they come, so none is stale behind one that is not.
func (ws *workState) stale(now time.Time) []*workRequest {
	var list []*workRequest
	for _, id := range ws.order {
		w := ws.byID.get(id)
		if !w.done() {
			continue
		}
		if now.Sub(w.Finished) <= tokenLife && ws.byID.len() < workMax || len(list) == workForgetMax {
			break
		}
		list = append(list, w)
	}
	return list
}

// pending counts what is accepted and not done for a load balancer: the newest, since it is done in its order.
func (ws *workState) pending(id string) (n int) {
	for _, w := range slices.Backward(ws.byBalancer.get(id)) {
		if w.done() {
			break
		}
		n++
	}
	return n
}

// seen returns the work request of an earlier request with the same retry token, or an error if it was another request or its
// load balancer has gone since. Requests without a token, and tokens after their life, are new.
func (s *Service) seen(c *Call, st *state) (id string, err error) {
	if c.RetryToken == "" {
		return "", nil
	}
	w := st.work.byID.get(st.work.byToken.get(tokenKey{c.Caller, c.RetryToken}))
	if w == nil || s.o.Now().Sub(w.Accepted) > tokenLife {
		return "", nil
	}
	if *w.Token != *c.token() {
		return "", refuse(wire.InvalidatedRetryToken, "opc-retry-token",
			"The retry token '%s' was used for another request (%s): use a new one", c.RetryToken, w.Operation)
	}
	if b := st.balancers[w.LoadBalancerID]; b == nil || b.State == stateDeleting || st.work.undone(w) {
		return "", refuse(wire.InvalidatedRetryToken, "opc-retry-token",
			"The retry token '%s' is no longer valid: what it was used for has been deleted since", c.RetryToken)
	}
	return w.ID, nil
}

// undone reports whether the child that a work request made has been deleted since, by itself or with what it was in. To answer
// as if it had just been made would have a client go on with what is not there.
func (ws *workState) undone(w *workRequest) bool {
	if !strings.HasPrefix(w.Operation, "Create") || w.Child == "" {
		return false
	}
	return slices.ContainsFunc(ws.byBalancer.get(w.LoadBalancerID), func(o *workRequest) bool {
		return o.Sequence > w.Sequence && o.State != wire.WorkFailed && strings.HasPrefix(o.Operation, "Delete") &&
			o.Child != "" && strings.HasPrefix(w.Child+"/", o.Child+"/")
	})
}

// childOf returns what a change is about, as a path below its load balancer: "/backendSets/bs/backends/10.0.0.3:8080".
func childOf(r *wire.Request) string {
	_, path, _ := strings.Cut(r.Operation.Pattern, "{"+wire.LoadBalancerID+"}")
	for parameter, value := range r.Parameters {
		path = strings.ReplaceAll(path, "{"+parameter+"}", value)
	}
	switch body := r.Body.(type) {
	case *wire.CreateBackendSetDetails:
		return path + "/" + body.Name
	case *wire.BackendDetails:
		return path + "/" + body.Name()
	case *wire.CreateListenerDetails:
		return path + "/" + body.Name
	case *wire.CertificateDetails:
		return path + "/" + body.CertificateName
	case *wire.Hostname:
		return path + "/" + body.Name
	case *wire.PathRouteSet:
		return path + "/" + body.Name
	case *wire.RoutingPolicy:
		return path + "/" + body.Name
	case *wire.RuleSet:
		return path + "/" + body.Name
	case *wire.CreateSSLCipherSuiteDetails:
		return path + "/" + body.Name
	}
	return path
}

// token returns what tells this request again, or nil if it has no retry token.
func (c *Call) token() *retryToken {
	if c.RetryToken == "" {
		return nil
	}
	return &retryToken{Token: c.RetryToken, Caller: c.Caller, Target: c.Operation.Method + " " + c.Target, Body: sha256.Sum256(c.Body)}
}

// forgetting returns the transaction's part that deletes stale work requests, which it takes out of the state.
func (ws *workState) forgetting(now time.Time) (keys []string) {
	old := ws.stale(now)
	ws.forget(old)
	for _, w := range old {
		keys = append(keys, w.key())
	}
	return keys
}

// txn returns the transaction that stores a work request and forgets old ones.
func (w *workRequest) txn(forgotten []string) (store.Txn, error) {
	value, err := w.encode()
	return store.Txn{Puts: []store.Put{{Key: w.key(), Value: value}}, Deletes: forgotten}, err
}
