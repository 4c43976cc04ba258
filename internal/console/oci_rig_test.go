package console

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

// ociRig is a rig with a real OCI Load Balancer API, of which the load balancers are in the rig's plan.
type ociRig struct {
	*rig
	oci *ociapi.Service
	id  string // OCID of web
	// hold makes work requests wait until it is closed; nil: they do not.
	hold   chan struct{}
	broken error // of every change; nil: none
}

// Change implements ociapi.Runtime.
func (r *ociRig) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	r.mu.Lock()
	hold, broken := r.hold, r.broken
	r.mu.Unlock()
	if hold != nil && commit != nil {
		<-hold
	}
	if commit != nil {
		if broken != nil {
			return broken
		}
		if err := commit(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = &plan.Plan{Revision: r.plan.Revision + 1, LoadBalancers: balancers}
	return nil
}

// Plan implements ociapi.Runtime.
func (r *ociRig) Plan() *plan.Plan { return r.inForce() }

// Results implements ociapi.Health.
func (r *ociRig) Results(plan.BackendKey) []ociapi.ProbeResult { return nil }

// Tally implements ociapi.Health.
func (r *ociRig) Tally(plan.SetKey) ociapi.Tally { return ociapi.Tally{} }

// Holder implements ociapi.Certificates.
func (r *ociRig) Holder(string) (*certs.Holder, bool) { return nil, false }

// ociWeb is what the rig begins with: HTTP on port 80 and TCP on port 90.
const ociWeb = `{"compartmentId":"ocid1.tenancy.oc1..aaaatenancy","displayName":"web","shapeName":"flexible","subnetIds":["ocid1.subnet.oc1..any"],
"shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":100},
"backendSets":{"app":{"policy":"ROUND_ROBIN","backends":[{"ipAddress":"10.0.0.3","port":8080}],"healthChecker":{"protocol":"HTTP","urlPath":"/ok"}}},
"hostnames":{"www":{"name":"www","hostname":"www.example.com"}},
"listeners":{"http":{"defaultBackendSetName":"app","port":80,"protocol":"HTTP"},"tcp":{"defaultBackendSetName":"app","port":90,"protocol":"TCP"}}}`

// newOCIRig returns a rig with the load balancer web.
func newOCIRig(t *testing.T) *ociRig {
	t.Helper()
	r := &ociRig{rig: newRig(t)}
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r.oci, err = ociapi.New(ociapi.Options{
		Store: s, Runtime: r, Health: r, Certificates: r, Region: "lull-1", Tenancy: func() string { return "ocid1.tenancy.oc1..aaaatenancy" },
		Addresses: []ociapi.AddressRange{{First: netip.MustParseAddr("127.0.0.16"), Last: netip.MustParseAddr("127.0.255.254")}},
		Now:       r.clock, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.oci.Close)
	r.console.o.OCI = r.oci
	r.change(http.MethodPost, "/loadBalancers", ociWeb)
	r.id, _ = r.oci.IDOf("web")
	return r
}

// ask makes a request of the API that must be answered, as somebody else does it.
func (r *ociRig) ask(method, target, body string) ociapi.Answer {
	r.t.Helper()
	q := &ociapi.Question{Method: method, Target: target, Caller: "ocid1.user.oc1..other"}
	if body != "" {
		q.Body = []byte(body)
	}
	answer, err := r.oci.Ask(context.Background(), q)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer
}

// change makes a change that must come to a good end.
func (r *ociRig) change(method, target, body string) {
	r.t.Helper()
	id := r.ask(method, target, body).WorkRequestID
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		w, _ := r.ask(http.MethodGet, "/loadBalancerWorkRequests/"+id, "").Result.(wire.WorkRequest)
		switch w.LifecycleState {
		case wire.WorkSucceeded:
			return
		case wire.WorkFailed:
			r.t.Fatalf("%s %s: %v", method, target, w.ErrorDetails)
		case wire.WorkAccepted, wire.WorkInProgress:
		}
	}
	r.t.Fatalf("%s %s: not done", method, target)
}

// told returns what the API tells of something of web, as JSON.
func (r *ociRig) told(path string) map[string]any {
	r.t.Helper()
	method, target := http.MethodGet, "/loadBalancers/"+r.id+path
	route, err := wire.Find(method, wire.BasePath+target)
	if err != nil {
		r.t.Fatal(err)
	}
	encoded, err := wire.Encode(route.Operation, "", r.ask(method, target, "").Result)
	if err != nil {
		r.t.Fatal(err)
	}
	body := encoded.Body
	for _, part := range encoded.More {
		body = append(body, part...)
	}
	var doc map[string]any
	if err := json.Unmarshal(body, &doc); err != nil {
		r.t.Fatal(err)
	}
	return doc
}

// balancer returns web.
func (r *ociRig) balancer() wire.LoadBalancer {
	r.t.Helper()
	lb, _ := r.ask(http.MethodGet, "/loadBalancers/"+r.id, "").Result.(wire.LoadBalancer)
	return lb
}

// listener returns a listener of web.
func (r *ociRig) listener(name string) wire.Listener {
	r.t.Helper()
	return r.balancer().Listeners[name]
}
