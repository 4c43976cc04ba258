package ociapi_test

import (
	"errors"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// TestWorkRequest_OP_01_OP_02: a creation is answered with a work request from whose first look the id is known; message and time come
// at the end.
func TestWorkRequest_OP_01_OP_02(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run.hold = make(chan struct{})
	a := r.must("POST", "/loadBalancers", `{"compartmentId":"`+compartment+`","displayName":"web","shapeName":"100Mbps","subnetIds":["ocid1.subnet.oc1.lull-1.a"]}`)
	w := r.work(a.WorkRequestID)
	if w.LoadBalancerID == "" || w.Message != nil || w.TimeFinished != nil || len(w.ErrorDetails) != 0 || w.Type != "CreateLoadBalancer" {
		t.Errorf("while it runs: got %+v", w)
	}
	if lb := r.get("/loadBalancers/" + w.LoadBalancerID); lb.LifecycleState != "CREATING" {
		t.Errorf("the load balancer meanwhile: got %s", lb.LifecycleState)
	}
	close(r.run.hold)
	w = r.await(a.WorkRequestID)
	if w.LifecycleState != wire.WorkSucceeded || w.TimeFinished == nil || w.Message == nil || !strings.Contains(*w.Message, "CreateLoadBalancerWorkflow") {
		t.Errorf("at its end: got %+v", w)
	}
	lb := r.get("/loadBalancers/" + w.LoadBalancerID)
	if lb.LifecycleState != "ACTIVE" || len(lb.IPAddresses) != 1 || lb.DisplayName != "web" {
		t.Errorf("the load balancer: got %+v", lb)
	}
	r.done("DELETE", "/loadBalancers/"+w.LoadBalancerID, "")
	r.refused(wire.NotAuthorizedOrNotFound, "GET", "/loadBalancers/"+w.LoadBalancerID, "")
}

// TestQueue: changes that build on each other may be sent without waiting, survive a restart, and a failed one fails those that need it.
func TestQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	r.run.hold = make(chan struct{})
	first := r.must("POST", path+"/hostnames", `{"name":"a","hostname":"a.test"}`)
	second := r.must("PUT", path+"/hostnames/a", `{"hostname":"b.test"}`)
	r.refused(wire.Conflict, "POST", path+"/hostnames", `{"name":"a","hostname":"c.test"}`)
	close(r.run.hold)
	r.await(first.WorkRequestID)
	if w := r.await(second.WorkRequestID); w.LifecycleState != wire.WorkSucceeded {
		t.Fatalf("the second: got %+v", w)
	}
	if got := r.get(path).Hostnames["a"].Hostname; got != "b.test" {
		t.Errorf("hostname: got %s", got)
	}
	r.run.mu.Lock()
	r.run.refuse = errors.New("port taken")
	r.run.mu.Unlock()
	w := r.await(r.must("DELETE", path+"/hostnames/a", "").WorkRequestID)
	if w.LifecycleState != wire.WorkFailed || len(w.ErrorDetails) != 1 || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput {
		t.Errorf("refused by the data plane: got %+v", w)
	}
	r.run.mu.Lock()
	r.run.refuse = nil
	r.run.mu.Unlock()
	r.restart()
	if got := r.get(path).Hostnames["a"].Hostname; got != "b.test" {
		t.Errorf("after a restart: got hostname %q", got)
	}
}
