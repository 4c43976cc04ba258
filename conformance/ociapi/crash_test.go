package ociapi

import (
	"fmt"
	"net/http"
	"syscall"
	"testing"
)

// TestCrash: what was accepted when the process died is done after the next start, once, and what had been done is still there; the same
// retry token still stands for the same work request.
func TestCrash(t *testing.T) {
	t.Parallel()
	const hosts = 12
	c := serve(t).caller()
	path := c.make("web", fields{"backendSets": fields{"app": plainSet()}})
	c.done("POST", path+"/hostnames", `{"name":"before","hostname":"before.example.com"}`)
	requests := make([]*http.Request, hosts)
	for i := range requests {
		requests[i] = c.asking("POST", path+"/hostnames", fmt.Sprintf(`{"name":"h%d","hostname":"h%d.example.com"}`, i, i), fmt.Sprint("Opc-Retry-Token: crash", i))
	}
	answers := sendAll(t, append(requests, c.asking("POST", "/loadBalancers", c.details("other", nil).String()), c.asking("DELETE", path+"/hostnames/before", "")))
	c.again(syscall.SIGKILL)
	for i, a := range answers {
		if w := c.over(fmt.Sprint("accepted ", i), a); w.LifecycleState != "SUCCEEDED" {
			t.Errorf("accepted %d: got %+v", i, w)
		}
	}
	var names []struct{ Name string }
	if c.read(path+"/hostnames", &names); len(names) != hosts {
		t.Errorf("got %v, want %d hostnames and not the one that was deleted", names, hosts)
	}
	var balancers, done []struct{ ID string }
	if c.read("/loadBalancers?compartmentId="+c.tenancy, &balancers); len(balancers) != 2 {
		t.Errorf("got %v, want two load balancers", balancers)
	}
	if c.read(path+"/workRequests", &done); len(done) != hosts+3 {
		t.Errorf("got %d work requests, want %d", len(done), hosts+3)
	}
	again := c.ask("POST", path+"/hostnames", `{"name":"h0","hostname":"h0.example.com"}`, "Opc-Retry-Token: crash0")
	if got, want := again.header.Get("Opc-Work-Request-Id"), answers[0].header.Get("Opc-Work-Request-Id"); got != want {
		t.Errorf("again with its token: got %d %s, want work request %s", again.status, again.body, want)
	}
}

// TestCrashTraffic: after a crash the load balancer serves at its old address with its old settings.
func TestCrashTraffic(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, at := named(t, 1)
	w.web(w.set(at...), idle(7))
	where := w.at(portHTTP)
	before := w.snapshot(w.path)
	w.again(syscall.SIGKILL)
	if now := w.at(portHTTP); now != where {
		t.Errorf("it is at %v, was at %v", now, where)
	}
	c := w.dial()
	c.Get("/")
	c.ExpectAnswer("b0")
	if after := w.snapshot(w.path); after != before {
		t.Errorf("got %s, before %s", after, before)
	}
}
