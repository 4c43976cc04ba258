package ociapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
)

const tokenHeader = "opc-retry-token"

// TestRetryToken_API_14: a request that comes again with its token is the same work request, whatever has become of that.
func TestRetryToken_API_14(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "create")
	if again := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "create"); again != first {
		t.Errorf("at once: got %v, want %v", again, first)
	}
	path := r.path(r.await(first.WorkRequestID))
	if again := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "create"); again != first {
		t.Errorf("when it is done: got %v, want %v", again, first)
	}
	r.restart()
	if again := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "create"); again != first {
		t.Errorf("after a restart: got %v, want %v", again, first)
	}
	if list, _ := r.listed("compartmentId=" + compartment); len(list) != 1 {
		t.Errorf("got %d load balancers", len(list))
	}
	// A replay is no second change: what would be refused now is answered, and an if-match that has passed is not looked at.
	etag := r.must("GET", path, "").ETag
	one := r.must("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`, tokenHeader, "h", "if-match", etag)
	r.await(one.WorkRequestID)
	if again := r.must("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`, tokenHeader, "h", "if-match", etag); again != one {
		t.Errorf("child: got %v, want %v", again, one)
	}
	// A failed one is the same work request, too: the client learns that it failed.
	r.run.refuseNext("no", 1)
	failed := r.must("PUT", path+"/hostnames/h", `{"hostname":"x.test"}`, tokenHeader, "put")
	if w := r.await(failed.WorkRequestID); w.LifecycleState != wire.WorkFailed {
		t.Fatalf("got %+v", w)
	}
	if again := r.must("PUT", path+"/hostnames/h", `{"hostname":"x.test"}`, tokenHeader, "put"); again != failed {
		t.Errorf("failed: got %v, want %v", again, failed)
	}
}

// TestRetryTokenOfAnother_API_14: a token is one caller's and one request's.
func TestRetryTokenOfAnother_API_14(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.done("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t")
	path := r.path(first)
	for _, c := range [][3]string{
		{"POST", "/loadBalancers", newBody("web", `"isPrivate":true`)}, {"POST", "/loadBalancers", newBody("web", "") + " "},
		{"POST", path + "/hostnames", `{"name":"h","hostname":"h.test"}`}, {"PUT", path, `{}`},
	} {
		if m := r.refused(wire.InvalidatedRetryToken, c[0], c[1], c[2], tokenHeader, "t"); !strings.Contains(m, "'t'") {
			t.Errorf("%v: got %q", c, m)
		}
	}
	r.done("PUT", path, `{}`, tokenHeader, "u")
	r.refused(wire.InvalidatedRetryToken, "PUT", path+"/updateShape", `{"shapeName":"100Mbps"}`, tokenHeader, "u")
	other := r.doAs("ocid1.user.oc1..other", "POST", "/loadBalancers", newBody("web", ""), "t")
	if other == first.ID {
		t.Error("two callers with one token got one work request")
	}
	if w := r.await(other); w.LoadBalancerID == first.LoadBalancerID {
		t.Error("two callers with one token got one load balancer")
	}
}

// doAs sends a request of another user's that must be accepted.
func (r *rig) doAs(user, method, path, body, token string) string {
	r.t.Helper()
	route, err := wire.Find(method, wire.BasePath+path)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := wire.Decode(route, "", http.Header{"Content-Type": {"application/json"}, "Opc-Retry-Token": {token}}, []byte(body))
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := r.Do(context.Background(), &ociapi.Call{Request: request, Body: []byte(body), Caller: user, Target: wire.BasePath + path})
	if err != nil {
		r.t.Fatal(err)
	}
	return a.WorkRequestID
}

// TestRetryTokenAfterDeletion_API_14: a token ends with what it has made.
func TestRetryTokenAfterDeletion_API_14(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.path(r.done("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "lb"))
	const set = `{"name":"bs","policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP","port":80}}`
	const backend, hostname = `{"ipAddress":"10.0.0.1","port":80}`, `{"name":"h","hostname":"h.test"}`
	r.done("POST", path+"/backendSets", set, tokenHeader, "set")
	r.done("POST", path+"/backendSets/bs/backends", backend, tokenHeader, "backend")
	r.done("POST", path+"/hostnames", hostname, tokenHeader, "hostname")
	r.done("PUT", path+"/hostnames/h", `{"hostname":"i.test"}`, tokenHeader, "change")

	r.done("DELETE", path+"/hostnames/h", "")
	r.refused(wire.InvalidatedRetryToken, "POST", path+"/hostnames", hostname, tokenHeader, "hostname")
	r.must("PUT", path+"/hostnames/h", `{"hostname":"i.test"}`, tokenHeader, "change") // it made nothing
	r.must("POST", path+"/backendSets", set, tokenHeader, "set")                       // nothing has happened to it
	r.done("POST", path+"/hostnames", hostname)
	r.refused(wire.InvalidatedRetryToken, "POST", path+"/hostnames", hostname, tokenHeader, "hostname") // another one of that name

	r.done("DELETE", path+"/backendSets/bs", "")
	r.refused(wire.InvalidatedRetryToken, "POST", path+"/backendSets", set, tokenHeader, "set")
	r.refused(wire.InvalidatedRetryToken, "POST", path+"/backendSets/bs/backends", backend, tokenHeader, "backend")
	r.restart()
	r.refused(wire.InvalidatedRetryToken, "POST", path+"/backendSets", set, tokenHeader, "set")

	r.done("DELETE", path, "")
	r.refused(wire.InvalidatedRetryToken, "POST", "/loadBalancers", newBody("web", ""), tokenHeader, "lb")
	r.done("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "lb2")
}

// TestRetryTokenOfRefusal_API_14: a refused request is not remembered, so that it may be sent again.
func TestRetryTokenOfRefusal_API_14(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	r.refused(wire.NotFound, "PUT", path+"/hostnames/h", `{"hostname":"b.test"}`, tokenHeader, "t")
	r.done("POST", path+"/hostnames", `{"name":"h","hostname":"a.test"}`)
	r.done("PUT", path+"/hostnames/h", `{"hostname":"b.test"}`, tokenHeader, "t")
}

// TestRetryTokenLife_API_14: after 24 hours a token is as if it had not been, and the work request is forgotten with the next ones.
func TestRetryTokenLife_API_14(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	advance := r.clock(t)
	first := r.done("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t")
	advance(24*time.Hour - time.Minute)
	if again := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t"); again.WorkRequestID != first.ID {
		t.Error("before its end: got another work request")
	}
	advance(2 * time.Minute)
	second := r.done("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t")
	if second.LoadBalancerID == first.LoadBalancerID {
		t.Error("after its end: got the same load balancer")
	}
	if again := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t"); again.WorkRequestID != second.ID {
		t.Error("the second time: got another work request")
	}
	r.refused(wire.NotAuthorizedOrNotFound, "GET", "/loadBalancerWorkRequests/"+first.ID, "")
	r.restart()
	r.refused(wire.NotAuthorizedOrNotFound, "GET", "/loadBalancerWorkRequests/"+first.ID, "")
	if again := r.must("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t"); again.WorkRequestID != second.ID {
		t.Error("after a restart: got another work request")
	}
}

// TestRetryTokenAtOnce_API_14: of many who send one request with one token at the same time, all get one work request.
func TestRetryTokenAtOnce_API_14(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var group sync.WaitGroup
	answers := make([]string, 16)
	for i := range answers {
		group.Go(func() {
			a, err := r.do("POST", "/loadBalancers", newBody("web", ""), tokenHeader, "t")
			if answers[i] = a.WorkRequestID; err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, a := range answers {
		if a != answers[0] {
			t.Errorf("got %v", answers)
		}
	}
}

// TestETag_API_12_API_13: each change gives another etag, which all parts of a load balancer have; one that is not the newest is refused.
func TestETag_API_12_API_13(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP","port":80}}}`)
	other := r.balancer("other", "")
	elsewhere := r.must("GET", other, "").ETag
	seen := map[string]bool{elsewhere: true}
	for _, c := range [][3]string{
		{"POST", "/hostnames", `{"name":"h","hostname":"h.test"}`}, {"PUT", "/hostnames/h", `{"hostname":"h.test"}`},
		{"POST", "/backendSets/bs/backends", `{"ipAddress":"10.0.0.1","port":80}`}, {"PUT", "/updateShape", `{"shapeName":"400Mbps"}`},
		{"PUT", "/networkSecurityGroups", `{}`}, {"PUT", "", `{}`}, {"POST", "/changeCompartment", `{"compartmentId":"` + compartment + `"}`},
		{"DELETE", "/hostnames/h", ""},
	} {
		etag := r.must("GET", path+"/backendSets/bs/healthChecker", "").ETag
		for _, read := range []string{"", "/backendSets", "/backendSets/bs", "/hostnames", "/certificates", "/sslCipherSuites", "/backendSets/bs/backends"} {
			if got := r.must("GET", path+read, "", "if-match", etag).ETag; got != etag || got == "" {
				t.Errorf("GET %s: got etag %q, want %q", read, got, etag)
			}
		}
		if seen[etag] {
			t.Errorf("before %v: the etag has not changed", c)
		}
		for _, stale := range []string{"x", elsewhere, `"` + etag + `x"`} {
			if m := r.refused(wire.NoEtagMatch, c[0], path+c[1], c[2], "if-match", stale); !strings.Contains(m, "if-match") {
				t.Errorf("%v: got %q", c, m)
			}
			r.refused(wire.NoEtagMatch, "GET", path, "", "if-match", stale)
		}
		seen[etag] = true
		r.done(c[0], path+c[1], c[2], "if-match", etag)
		r.refused(wire.NoEtagMatch, c[0], path+c[1], c[2], "if-match", etag)
	}
	if got := r.must("GET", other, "").ETag; got != elsewhere {
		t.Error("the etag of another load balancer has changed")
	}
	r.done("DELETE", path, "", "if-match", r.must("GET", path, "").ETag)
}

// TestETagOfPromise_API_13: what was accepted counts, even before it is done; what has failed then does not.
func TestETagOfPromise_API_13(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	etag := r.must("GET", path, "").ETag
	release := r.holdUp()
	r.run.refuseNext("no", 1)
	a := r.must("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`, "if-match", etag)
	if got := r.must("GET", path, "").ETag; got != etag {
		t.Errorf("before it is done: got etag %s, want %s", got, etag)
	}
	r.refused(wire.NoEtagMatch, "PUT", path, `{}`, "if-match", etag)
	release()
	if w := r.await(a.WorkRequestID); w.LifecycleState != wire.WorkFailed {
		t.Fatalf("got %+v", w)
	}
	r.done("PUT", path, `{}`, "if-match", etag)
}

// TestWritersAtOnce_API_13: of those who change the same state at the same time with if-match, one may; without it all may, and
// nothing gets lost.
func TestWritersAtOnce_API_13(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	etag := r.must("GET", path, "").ETag
	var group sync.WaitGroup
	var mu sync.Mutex
	var accepted []string
	hosts := "abcdefghijklmnop"
	for _, h := range hosts {
		group.Go(func() {
			a, err := r.do("POST", path+"/hostnames", `{"name":"`+string(h)+`","hostname":"x.test"}`, "if-match", etag)
			var known *wire.Error
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				accepted = append(accepted, a.WorkRequestID)
			case !errors.As(err, &known) || known.Code != wire.NoEtagMatch:
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	if len(accepted) != 1 {
		t.Fatalf("with if-match: got %d accepted", len(accepted))
	}
	r.await(accepted[0])
	for name := range r.get(path).Hostnames {
		r.done("DELETE", path+"/hostnames/"+name, "")
	}
	accepted = nil
	for _, h := range hosts {
		group.Go(func() {
			a, err := r.do("POST", path+"/hostnames", `{"name":"`+string(h)+`","hostname":"`+string(h)+`.test"}`)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			accepted = append(accepted, a.WorkRequestID)
		})
	}
	group.Wait()
	for _, id := range accepted {
		r.await(id)
	}
	if got := r.get(path).Hostnames; len(got) != len(hosts) {
		t.Errorf("without if-match: got %v", got)
	}
}
