package ociapi_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
)

// TestDeletion_API_10: a load balancer that is being deleted is shown so and takes nothing more; what was accepted before is done.
func TestDeletion_API_10(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	release := r.holdUp()
	first := r.must("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`)
	gone := r.must("DELETE", path, "")
	if lb := r.get(path); lb.LifecycleState != "DELETING" {
		t.Errorf("while it waits: got %s", lb.LifecycleState)
	}
	if list, _ := r.listed("compartmentId=" + compartment + "&lifecycleState=DELETING"); len(list) != 1 || list[0]["lifecycleState"] != "DELETING" {
		t.Errorf("in the list: got %v", list)
	}
	for _, c := range [][3]string{{"DELETE", "", ""}, {"PUT", "", `{}`}, {"POST", "/hostnames", `{"name":"i","hostname":"i.test"}`}} {
		if m := r.refused(wire.IncorrectState, c[0], path+c[1], c[2]); !strings.Contains(m, "being deleted") {
			t.Errorf("%v: got %q", c, m)
		}
	}
	release()
	if w := r.await(first.WorkRequestID); w.LifecycleState != wire.WorkSucceeded {
		t.Errorf("what was accepted before: got %+v", w)
	}
	w := r.await(gone.WorkRequestID)
	if w.LifecycleState != wire.WorkSucceeded || w.Type != "DeleteLoadBalancer" {
		t.Errorf("got %+v", w)
	}
	r.refused(wire.NotAuthorizedOrNotFound, "GET", path, "")
	r.refused(wire.NotAuthorizedOrNotFound, "DELETE", path, "")
	r.refused(wire.NotAuthorizedOrNotFound, "GET", path+"/workRequests", "")
	r.work(gone.WorkRequestID) // it can still be asked for
	if p := r.run.Plan(); len(p.LoadBalancers) != 0 {
		t.Errorf("in the plan: got %v", p.LoadBalancers)
	}
}

// TestStateDuringDeletion: a change that ends while a deletion waits does not bring the load balancer back, neither for readers nor
// for writers nor in the store.
func TestStateDuringDeletion(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	release := r.holdUp()
	first := r.must("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`)
	gone := r.must("DELETE", path, "")
	release = r.step(release, first.WorkRequestID)
	if lb := r.get(path); lb.LifecycleState != "DELETING" || len(lb.Hostnames) != 1 {
		t.Errorf("got %s", show(t, lb))
	}
	r.refused(wire.IncorrectState, "PUT", path, "{}")
	r.run.refuseNext("no", 1)
	release()
	if w := r.await(gone.WorkRequestID); w.LifecycleState != wire.WorkFailed {
		t.Fatalf("got %+v", w)
	}
	if lb := r.get(path); lb.LifecycleState != "ACTIVE" || len(lb.Hostnames) != 1 {
		t.Errorf("after the deletion has failed: got %s", show(t, lb))
	}
	r.done("PUT", path, `{"displayName":"still"}`)
	r.restart()
	if lb := r.get(path); lb.LifecycleState != "ACTIVE" || len(lb.Hostnames) != 1 || lb.DisplayName != "still" {
		t.Errorf("after a restart: got %s", show(t, lb))
	}
	r.done("DELETE", path, "")
}

// TestVanished_K8S_01: the deletion of a child whose creation fails was accepted, so its work request says what there is not, in the words
// that clients look for; whoever asks afterwards is told nothing.
func TestVanished_K8S_01(t *testing.T) {
	t.Parallel()
	for kind, c := range map[string]struct{ all, body, one string }{
		"listener":    {"/listeners", `{"name":"x","protocol":"HTTP","port":80,"defaultBackendSetName":"a"}`, "/listeners/x"},
		"backend set": {"/backendSets", `{"name":"x","policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}}`, "/backendSets/x"},
		"backend":     {"/backendSets/a/backends", `{"ipAddress":"10.0.0.1","port":80}`, "/backendSets/a/backends/10.0.0.1%3A80"},
	} {
		t.Run(strings.ReplaceAll(kind, " ", "_"), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			path := r.balancer("web", `"backendSets":{"a":`+set()+`}`)
			release := r.holdUp()
			r.run.refuseNext("address not available", 1)
			made, gone := r.must("POST", path+c.all, c.body), r.must("DELETE", path+c.one, "")
			release()
			for id, word := range map[string]string{made.WorkRequestID: "address not available", gone.WorkRequestID: " has no " + kind + " named '"} {
				w := r.await(id)
				if w.LifecycleState != wire.WorkFailed || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput || !strings.Contains(w.ErrorDetails[0].Message, word) {
					t.Errorf("got %+v, want %q in it", w, word)
				}
			}
			if e := r.refused(wire.NotAuthorizedOrNotFound, "DELETE", path+c.one, ""); strings.Contains(e, "has no") {
				t.Errorf("got %q", e)
			}
		})
	}
}

// TestFailedCreation: a load balancer that could not be created is FAILED with all that built on it, is not in the plan, and can be
// deleted.
func TestFailedCreation(t *testing.T) {
	t.Parallel()
	for _, deleted := range []bool{false, true} {
		t.Run(fmt.Sprint("deleted-meanwhile-", deleted), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			release := r.holdUp()
			r.run.refuseNext("address not available", 1)
			create := r.must("POST", "/loadBalancers", newBody("web", `"isDeleteProtectionEnabled":true`))
			path := r.path(r.work(create.WorkRequestID))
			child := r.must("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`)
			var gone string
			if deleted {
				gone = r.must("DELETE", path, "").WorkRequestID
			}
			release()
			for _, id := range []string{create.WorkRequestID, child.WorkRequestID} {
				w := r.await(id)
				if w.LifecycleState != wire.WorkFailed || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput || w.Message != nil || w.TimeFinished == nil {
					t.Errorf("got %+v", w)
				}
			}
			if deleted {
				if w := r.await(gone); w.LifecycleState != wire.WorkSucceeded {
					t.Errorf("deletion: got %+v", w)
				}
				r.refused(wire.NotAuthorizedOrNotFound, "GET", path, "")
				return
			}
			for range 2 {
				if lb := r.get(path); lb.LifecycleState != "FAILED" || lb.DisplayName != "web" {
					t.Errorf("got %s", show(t, lb))
				}
				if p := r.run.Plan(); len(p.LoadBalancers) != 0 {
					t.Errorf("in the plan: got %v", p.LoadBalancers)
				}
				r.refused(wire.IncorrectState, "PUT", path, "{}")
				r.restart()
			}
			r.run.refuseNext("no", 1)
			if w := r.await(r.must("DELETE", path, "").WorkRequestID); w.LifecycleState != wire.WorkFailed {
				t.Errorf("a deletion that fails: got %+v", w)
			}
			if lb := r.get(path); lb.LifecycleState != "FAILED" {
				t.Errorf("after it: got %s", lb.LifecycleState)
			}
			r.done("DELETE", path, "")
			r.refused(wire.NotAuthorizedOrNotFound, "GET", path, "")
		})
	}
}

// TestNames: the name in the plan is the display name, or one with the end of the OCID where that is taken or says nothing.
func TestNames(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run.others = []*plan.LoadBalancer{{Name: "file", Origin: "lull.yaml"}}
	for _, c := range []struct {
		display, want string
		exact         bool
	}{
		{"web", "web", true}, {"web", "web-", false}, {"file", "file-", false}, {"a b/c", "a-b-c", true}, {"-flag", "flag", true}, {"日本", "", false},
		{strings.Repeat("x", 1024), strings.Repeat("x", 64), true}, {strings.Repeat("x", 1000), strings.Repeat("x", 64) + "-", false}, {"...", "", false},
	} {
		id := r.work(r.must("POST", "/loadBalancers", newBody(c.display, "")).WorkRequestID).LoadBalancerID
		r.done("PUT", "/loadBalancers/"+id, "{}")
		want := c.want
		if !c.exact {
			want += id[len(id)-8:]
		}
		if !r.inPlan(want) {
			t.Errorf("%s: want %s in the plan %v", c.display, want, r.run.Plan().LoadBalancers)
		}
	}
}

func (r *rig) inPlan(name string) bool {
	for _, lb := range r.run.Plan().LoadBalancers {
		if lb.Name == name {
			return true
		}
	}
	return false
}

// TestNameTaken: a name that another front door has taken meanwhile, before the change or before a start, is no failure.
func TestNameTaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	release := r.holdUp()
	first := r.must("POST", "/loadBalancers", newBody("web", ""))
	r.run.mu.Lock()
	r.run.others = []*plan.LoadBalancer{{Name: "web", Origin: "lull.yaml"}}
	r.run.mu.Unlock()
	release()
	w := r.await(first.WorkRequestID)
	if w.LifecycleState != wire.WorkSucceeded {
		t.Fatalf("got %+v", w)
	}
	path, long := r.path(w), "web-"+w.LoadBalancerID[len(w.LoadBalancerID)-8:]
	if !r.inPlan(long) || r.get(path).DisplayName != "web" {
		t.Errorf("got %v and display name %s", r.run.Plan().LoadBalancers, r.get(path).DisplayName)
	}
	second := r.done("POST", "/loadBalancers", newBody("api", ""))
	r.run.mu.Lock()
	r.run.others = append(r.run.others, &plan.LoadBalancer{Name: "api", Origin: plan.OriginELB})
	r.run.mu.Unlock()
	r.restart()
	r.done("PUT", r.path(second), `{"displayName":"still api"}`)
	if !r.inPlan(long) || !r.inPlan("api-"+second.LoadBalancerID[len(second.LoadBalancerID)-8:]) {
		t.Errorf("after a restart: got %v", r.run.Plan().LoadBalancers)
	}
	// Nobody but a mistake of lull's has such a name twice: it is told, and nothing goes round for ever.
	r.run.mu.Lock()
	r.run.others = append(r.run.others, &plan.LoadBalancer{Name: long, Origin: plan.OriginELB})
	r.run.mu.Unlock()
	if w := r.await(r.must("PUT", path, `{}`).WorkRequestID); w.LifecycleState != wire.WorkFailed || !strings.Contains(w.ErrorDetails[0].Message, long) {
		t.Errorf("got %+v", w)
	}
}

// TestTooLarge_OP_22: what the store could not take is refused before it is accepted, and changes nothing.
func TestTooLarge_OP_22(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP","port":80}}}`)
	rules := make([]string, 100)
	for i := range rules {
		rules[i] = fmt.Sprintf(`{"name":"r%d","condition":"http.request.url.path eq '/%s'","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"bs"}]}`, i, strings.Repeat("x", 3900))
	}
	policy := func(name string) string {
		return `{"name":"` + name + `","conditionLanguageVersion":"V1","rules":[` + strings.Join(rules, ",") + `]}`
	}
	r.done("POST", path+"/routingPolicies", policy("a"))
	r.done("POST", path+"/routingPolicies", policy("b"))
	before := show(t, r.get(path))
	if m := r.refused(wire.LimitExceeded, "POST", path+"/routingPolicies", policy("c")); !strings.Contains(m, "1048576") {
		t.Errorf("got %q", m)
	}
	if got := show(t, r.get(path)); got != before {
		t.Error("after the refusal the load balancer has changed")
	}
	r.done("DELETE", path+"/routingPolicies/a", "")
	r.done("POST", path+"/routingPolicies", policy("c"))
}

// TestMany: a thousand changes that nobody waits for are all done, in their order.
func TestMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.inMemory()
	var paths, last [5]string
	for i := range paths {
		paths[i] = r.balancer(fmt.Sprint("lb", i), "")
	}
	release := r.holdUp()
	for n := range 200 {
		for i, path := range paths {
			last[i] = r.must("PUT", path, fmt.Sprintf(`{"displayName":"%d"}`, n)).WorkRequestID
		}
	}
	list := r.must("GET", paths[0]+"/workRequests?limit=3", "")
	if views := list.Result.([]wire.WorkRequest); len(views) != 3 || views[0].ID != last[0] || list.NextPage == "" {
		t.Errorf("work requests: got %+v", views)
	}
	release()
	for i, path := range paths {
		r.await(last[i])
		if got := r.get(path).DisplayName; got != "199" {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

// TestPendingBound_API_18: a load balancer with too many work requests that wait takes no more until they are done.
func TestPendingBound_API_18(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.inMemory()
	path := r.balancer("web", "")
	release := r.holdUp()
	var last string
	for range 256 {
		last = r.must("PUT", path, `{}`).WorkRequestID
	}
	r.refused(wire.TooManyRequests, "PUT", path, `{}`)
	r.must("POST", "/loadBalancers", newBody("other", ""))
	release()
	r.await(last)
	r.done("PUT", path, `{}`)
}

// TestOneBadPart_OP_25: of a creation with one part that is wrong nothing is there afterwards.
func TestOneBadPart_OP_25(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	m := r.inMemory()
	const set = `"backendSets":{"bs":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP","port":80}}}`
	for _, more := range []string{
		set + `,"listeners":{"l":{"defaultBackendSetName":"other","port":80,"protocol":"TCP"}}`,
		set + `,"listeners":{"l":{"defaultBackendSetName":"bs","port":0,"protocol":"TCP"}}`,
		set + `,"hostnames":{"h":{"name":"i","hostname":"h.test"}}`,
		`"networkSecurityGroupIds":["x"]`, `"reservedIps":[{"id":"x"}]`, `"requestIdHeader":"Id"`, `"freeformTags":{"":"x"}`,
	} {
		if _, err := r.do("POST", "/loadBalancers", newBody("web", more)); err == nil {
			t.Errorf("%s was accepted", more)
		}
	}
	if stored, _ := m.List(""); len(stored) != 0 {
		t.Errorf("in the store: got %v", stored)
	}
	if list, _ := r.listed("compartmentId=" + compartment); len(list) != 0 {
		t.Errorf("load balancers: got %v", names(list))
	}
	if w := r.done("POST", "/loadBalancers", newBody("web", "")); !r.inPlan("web") {
		t.Errorf("the name is taken by nothing: got %+v", w)
	}
}

// TestAddresses_OP_22: each load balancer has an address that nobody else has; when there is none left it is told what to do, and the
// one of a deleted load balancer is given again.
func TestAddresses_OP_22(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.inMemory()
	first, _ := netip.ParseAddr("127.9.0.10")
	last, _ := netip.ParseAddr("127.9.0.12")
	r.o.Addresses = []ociapi.AddressRange{{First: first, Last: last}}
	r.run.others = []*plan.LoadBalancer{{Name: "elb", Listeners: []*plan.Listener{{Address: netip.MustParseAddrPort("127.9.0.11:80")}}}}
	r.restart()
	a, b := r.balancer("a", ""), r.balancer("b", "")
	if got := r.get(a).IPAddresses[0].IPAddress + " " + r.get(b).IPAddresses[0].IPAddress; got != "127.9.0.12 127.9.0.10" {
		t.Errorf("got %s", got)
	}
	if m := r.refused(wire.LimitExceeded, "POST", "/loadBalancers", newBody("c", "")); !strings.Contains(m, "127.9.0.10-127.9.0.12") {
		t.Errorf("got %q", m)
	}
	r.refused(wire.LimitExceeded, "POST", "/loadBalancers", newBody("c", `"ipMode":"IPV6"`))
	r.done("DELETE", a, "")
	if got := r.get(r.balancer("c", "")).IPAddresses[0].IPAddress; got != "127.9.0.12" {
		t.Errorf("got %s", got)
	}
}

// TestWorkRequests_API_15: the work requests of a load balancer in pages, the newest first, with the error of a failed one and an etag
// that changes with its state.
func TestWorkRequests_API_15(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	other := r.balancer("other", "")
	release := r.holdUp()
	waiting := r.must("PUT", path, `{}`).WorkRequestID
	before := r.must("GET", "/loadBalancerWorkRequests/"+waiting, "").ETag
	release()
	r.await(waiting)
	if after := r.must("GET", "/loadBalancerWorkRequests/"+waiting, "").ETag; after == before || after == "" {
		t.Errorf("etag: got %q before and %q after", before, after)
	}
	r.run.refuseNext("port 80 is taken", 1)
	r.await(r.must("PUT", path, `{}`).WorkRequestID)
	r.done("PUT", path, `{"displayName":"x"}`)
	want := []string{"UpdateLoadBalancer SUCCEEDED", "UpdateLoadBalancer FAILED", "UpdateLoadBalancer SUCCEEDED", "CreateLoadBalancer SUCCEEDED"}
	for limit := 1; limit <= 5; limit++ {
		var got []string
		for page := "&"; page != ""; {
			a := r.must("GET", fmt.Sprint(path, "/workRequests?limit=", limit, page), "")
			for _, w := range a.Result.([]wire.WorkRequest) {
				got = append(got, w.Type+" "+string(w.LifecycleState))
				if w.LifecycleState == wire.WorkFailed && !strings.Contains(w.ErrorDetails[0].Message, "port 80 is taken") {
					t.Errorf("got %+v", w.ErrorDetails)
				}
			}
			if page = ""; a.NextPage != "" {
				page = "&page=" + a.NextPage
				r.refused(wire.InvalidParameter, "GET", other+"/workRequests?page="+a.NextPage, "")
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: got %v", limit, got)
		}
	}
}
