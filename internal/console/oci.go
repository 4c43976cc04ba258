package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
)

// OCI is the OCI Load Balancer API, as the console calls it.
type OCI interface {
	// Ask answers a request as if it had come over HTTP.
	Ask(ctx context.Context, q *ociapi.Question) (ociapi.Answer, error)
	// IDOf returns the OCID of the load balancer that has a name in the plan.
	IDOf(planName string) (id string, found bool)
}

// ociCaller is who asks for what is changed here. It tells retry tokens apart, of which the console has none.
const ociCaller = "console"

// addOCIRoutes adds the pages on which load balancers of the OCI API are changed.
func addOCIRoutes(to map[string]route) {
	addEdits(to, ociEdits(), ociSave)
	to["oci-work-request"] = route{get: (*visit).ociWorkRequest}
}

// ociEdits is the pages that change something, each with one form that makes one request.
func ociEdits() map[string]ociBuilder {
	all := map[string]ociBuilder{
		"oci-listener": ociListenerForm,
		"oci-backend":  ociBackendForm,
		"oci-delete":   ociDelete,

		"oci-load-balancer-create": ociBalancerCreate,
		"oci-load-balancer":        ociBalancerEdit,
		"oci-shape":                ociShape,
		"oci-network-groups":       ociNetworkGroups,
		"oci-compartment":          ociCompartment,
	}
	for page, kind := range ociKinds() {
		all[page] = kind.form
	}
	return all
}

// ofOCI says whether a load balancer is of the OCI API, so that it can be changed through that.
func (c *Console) ofOCI(name string) bool {
	return c.o.OCI != nil && slices.ContainsFunc(c.o.Plan().LoadBalancers, func(lb *plan.LoadBalancer) bool {
		return lb.Name == name && lb.Origin == plan.OriginOCI
	})
}

// ociNameOf returns the name in the plan of the load balancer with an OCID; empty if there is none.
func (c *Console) ociNameOf(id string) string {
	for _, lb := range c.o.Plan().LoadBalancers {
		if lb.Origin != plan.OriginOCI {
			continue
		}
		if known, found := c.o.OCI.IDOf(lb.Name); found && known == id {
			return lb.Name
		}
	}
	return ""
}

// ociBalancer is a load balancer of the OCI API as it is at a moment.
type ociBalancer struct {
	name string // in the plan
	id   string // OCID
	etag string
	wire.LoadBalancer
	doc map[string]any // the same as JSON has it, without what it does not have
}

// wantOCI refuses pages about an API that there is not.
func (v *visit) wantOCI() error {
	if v.c.o.OCI == nil {
		return refusal(http.StatusNotFound, "this lull serves no OCI Load Balancer API")
	}
	return nil
}

// ociBalancer reads the load balancer that has a name in the plan.
func (v *visit) ociBalancer(name string) (*ociBalancer, error) {
	if err := v.wantOCI(); err != nil {
		return nil, err
	}
	id, found := v.c.o.OCI.IDOf(name)
	if !found {
		return nil, refusal(http.StatusNotFound, "there is no load balancer %q of the OCI Load Balancer API, or it has been deleted", shortened(name))
	}
	b := &ociBalancer{name: name, id: id}
	answer, err := v.ociRead("/loadBalancers/"+url.PathEscape(id), &b.doc)
	if err != nil {
		return nil, err
	}
	b.LoadBalancer, _ = answer.Result.(wire.LoadBalancer)
	b.etag = answer.ETag
	return b, nil
}

// path returns where something of the load balancer is, below wire.BasePath.
func (b *ociBalancer) path(parts ...string) string {
	path := "/loadBalancers/" + url.PathEscape(b.id)
	for _, part := range parts {
		path += "/" + url.PathEscape(part)
	}
	return path
}

// child returns one of the load balancer's named things as JSON has it; nil if there is none.
func (b *ociBalancer) child(kind, name string) map[string]any {
	all, _ := b.doc[kind].(map[string]any)
	one, _ := all[name].(map[string]any)
	return one
}

// noChild refuses a page about what a load balancer does not have.
func (b *ociBalancer) noChild(kind, name string) error {
	return refusal(http.StatusNotFound, "load balancer %s has no %s %q, or it has been deleted", b.name, kind, shortened(name))
}

// ociRead asks for something to show, and writes it to doc as JSON unless that is nil. What the API refuses is shown to whoever asked.
func (v *visit) ociRead(path string, doc any) (ociapi.Answer, error) {
	answer, err := v.c.ociAsk(v.r.Context(), &ociapi.Question{Method: http.MethodGet, Target: path})
	var told *wire.Error
	if errors.As(err, &told) {
		return answer, refusal(told.StatusCode(), "%s", told.Message)
	}
	if err != nil || doc == nil {
		return answer, err
	}
	path, _, _ = strings.Cut(path, "?")
	route, err := wire.Find(http.MethodGet, wire.BasePath+path)
	if err != nil {
		return answer, err
	}
	encoded, err := wire.Encode(route.Operation, "", answer.Result)
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(slices.Concat(append([][]byte{encoded.Body}, encoded.More...)...), doc)
}

// ociAsk makes a request.
func (c *Console) ociAsk(ctx context.Context, q *ociapi.Question) (ociapi.Answer, error) {
	q.Caller = ociCaller
	return c.o.OCI.Ask(ctx, q)
}

// Work requests are a matter of milliseconds: for so long a page waits for one, and so often it looks.
const (
	ociPatience = 2 * time.Second
	ociLook     = 2 * time.Millisecond
)

// ociFollow waits a while for a work request, and returns how far it has come.
func (v *visit) ociFollow(id string) (wire.WorkRequest, error) {
	ctx, cancel := context.WithTimeout(v.r.Context(), ociPatience)
	defer cancel()
	tick := time.NewTicker(ociLook)
	defer tick.Stop()
	for {
		answer, err := v.ociRead("/loadBalancerWorkRequests/"+url.PathEscape(id), nil)
		if err != nil {
			return wire.WorkRequest{}, err
		}
		w, _ := answer.Result.(wire.WorkRequest)
		if ociEnded(&w) {
			return w, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return w, nil
		}
	}
}

// ociEnded says whether nothing will change in a work request any more.
func ociEnded(w *wire.WorkRequest) bool {
	return w.LifecycleState == wire.WorkSucceeded || w.LifecycleState == wire.WorkFailed
}

// ociFaults says why a work request has failed.
func ociFaults(w *wire.WorkRequest) string {
	texts := make([]string, len(w.ErrorDetails))
	for i, one := range w.ErrorDetails {
		texts[i] = one.Message
	}
	return strings.Join(texts, " ")
}

// ociRefuse notes what the API has refused: at the field that is at fault, at the one that it is in, or above the form.
func ociRefuse(f *form, told *wire.Error) {
	var at *field
	best := 0
	name := ruleAtFault(strings.TrimPrefix(told.Field, "a name in "), told.Message)
	for _, one := range f.all() {
		if fit := ociFit(name, one.Name); fit > best {
			best, at = fit, one
		}
	}
	if at == nil {
		f.Error = told.Message
		return
	}
	at.Error = numbered(at.labelled(told.Message))
}

// ociFit says how well a field's name fits what the API calls it: that may be a part of the field, and begin with what the field is in.
func ociFit(told, name string) int {
	switch {
	case told == "":
	case told == name:
		return 1 << 20
	case strings.HasPrefix(told, name+".") || strings.HasPrefix(told, name+"["):
		return 2*len(name) + 1
	case strings.HasSuffix(told, "."+name), strings.Contains(told, "."+name+"["):
		return 2 * len(name)
	}
	return 0
}
