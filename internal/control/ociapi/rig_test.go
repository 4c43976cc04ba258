package ociapi_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

const (
	tenancy     = "ocid1.tenancy.oc1..aaaatenancy"
	compartment = "ocid1.compartment.oc1..aaaacompartment"
	caller      = "ocid1.user.oc1..aaaauser"
)

// rig is a Service on a store of its own, with a data plane that only remembers.
type rig struct {
	*ociapi.Service
	t     testing.TB
	store *store.Store
	run   *fakeRuntime
	o     ociapi.Options

	tenancy string // of who sends requests; "" for lull's own
}

// fakeRuntime is a data plane that takes every plan, unless it is told otherwise.
type fakeRuntime struct {
	mu        sync.Mutex
	others    []*plan.LoadBalancer // of other front doors
	balancers []*plan.LoadBalancer
	refuse    error
	refusals  int           // how often yet; 0: always
	hold      chan struct{} // not nil: Change waits for it to be closed
	held      chan struct{} // has a token when one waits
}

func (f *fakeRuntime) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	f.mu.Lock()
	hold := f.hold
	f.mu.Unlock()
	if hold != nil && commit != nil {
		select {
		case f.held <- struct{}{}:
		default: // nobody counts them
		}
		<-hold
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil && commit != nil {
		err := f.refuse
		if f.refusals--; f.refusals == 0 {
			f.refuse = nil
		}
		return err
	}
	for _, lb := range balancers {
		for _, other := range f.others {
			if lb.Name == other.Name {
				return &plan.NameTaken{Name: lb.Name, Origin: other.Origin}
			}
		}
	}
	if commit != nil {
		if err := commit(); err != nil {
			return err
		}
	}
	f.balancers = balancers
	return nil
}

func (f *fakeRuntime) Plan() *plan.Plan {
	f.mu.Lock()
	defer f.mu.Unlock()
	return &plan.Plan{LoadBalancers: append(append([]*plan.LoadBalancer(nil), f.others...), f.balancers...)}
}

type noHealth struct{}

func (noHealth) Results(plan.BackendKey) []ociapi.ProbeResult { return nil }
func (noHealth) Tally(plan.SetKey) ociapi.Tally               { return ociapi.Tally{} }

type noCertificates struct{}

func (noCertificates) Holder(string) (*certs.Holder, bool) { return nil, false }

func newRig(t testing.TB) *rig {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: st, run: &fakeRuntime{held: make(chan struct{}, 1)}}
	r.o = ociapi.Options{
		Store: st, Runtime: r.run, Health: noHealth{}, Certificates: noCertificates{}, Region: "lull-1", Tenancy: func() string { return tenancy },
		Addresses: []ociapi.AddressRange{{First: netip.MustParseAddr("127.9.0.1"), Last: netip.MustParseAddr("127.9.0.200")}},
		Now:       time.Now, Random: rand.Reader, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	r.start()
	t.Cleanup(func() {
		r.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// start makes the service, as after another start of lull.
func (r *rig) start() {
	r.t.Helper()
	s, err := ociapi.New(r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.Service = s
}

// restart ends the service and makes it anew from the store.
func (r *rig) restart() {
	r.t.Helper()
	r.Close()
	r.start()
}

// do sends a request as a client does: header is pairs of names and values.
func (r *rig) do(method, target, body string, header ...string) (ociapi.Answer, error) {
	r.t.Helper()
	path, query, _ := strings.Cut(target, "?")
	route, err := wire.Find(method, wire.BasePath+path)
	if err != nil {
		return ociapi.Answer{}, err
	}
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	request, err := wire.Decode(route, query, h, []byte(body))
	if err != nil {
		return ociapi.Answer{}, err
	}
	return r.Do(context.Background(), &ociapi.Call{Request: request, Body: []byte(body), Caller: caller, Tenancy: r.tenancy, Target: wire.BasePath + path})
}

// must sends a request that must be answered.
func (r *rig) must(method, target, body string, header ...string) ociapi.Answer {
	r.t.Helper()
	a, err := r.do(method, target, body, header...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, target, err)
	}
	return a
}

// refused sends a request that must be refused with a code, and returns the message.
func (r *rig) refused(code wire.Code, method, target, body string, header ...string) string {
	r.t.Helper()
	_, err := r.do(method, target, body, header...)
	var known *wire.Error
	if !errors.As(err, &known) || known.Code != code {
		r.t.Fatalf("%s %s: got %v, want %s", method, target, err, code)
	}
	return known.Message
}

// done sends a change and waits until it is done, which it must be well.
func (r *rig) done(method, target, body string, header ...string) wire.WorkRequest {
	r.t.Helper()
	w := r.await(r.must(method, target, body, header...).WorkRequestID)
	if w.LifecycleState != wire.WorkSucceeded {
		r.t.Fatalf("%s %s: got %s %v", method, target, w.LifecycleState, w.ErrorDetails)
	}
	return w
}

// await waits for the end of a work request.
func (r *rig) await(id string) wire.WorkRequest {
	r.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		w := r.work(id)
		if w.LifecycleState == wire.WorkSucceeded || w.LifecycleState == wire.WorkFailed {
			return w
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("work request %s: still %s after 10 s", id, w.LifecycleState)
		}
		time.Sleep(time.Millisecond) // clients of the API can only ask again
	}
}

func (r *rig) work(id string) wire.WorkRequest {
	r.t.Helper()
	return r.must("GET", "/loadBalancerWorkRequests/"+id, "").Result.(wire.WorkRequest)
}

// balancer makes a load balancer of a display name, with more fields if there are some, and returns its path.
func (r *rig) balancer(name, more string) (path string) {
	r.t.Helper()
	if more != "" {
		more = "," + more
	}
	w := r.done("POST", "/loadBalancers", `{"compartmentId":"`+compartment+`","displayName":"`+name+`","shapeName":"flexible",
		"shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":100},"subnetIds":["ocid1.subnet.oc1.lull-1.aaaa"]`+more+`}`)
	return "/loadBalancers/" + w.LoadBalancerID
}

// get reads a load balancer.
func (r *rig) get(path string) wire.LoadBalancer {
	r.t.Helper()
	return r.must("GET", path, "").Result.(wire.LoadBalancer)
}
