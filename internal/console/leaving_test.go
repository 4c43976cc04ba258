package console

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// standing returns the open connections of a listener of web as it goes: an HTTP one between two requests, one that has not brought its first,
// two with a request on its way, and one in the pool. between is the listener's name between requests, during that of a request.
func standing(between, during, set, backend string) []record.Live {
	ends := record.Ends{LoadBalancer: "web", Listener: between, BackendSet: set, Protocol: "http"}
	conn := func(id uint64, listener, state string, exchanges int) record.Live {
		l := live(id, time.Minute, time.Second)
		l.Ends, l.State, l.Exchanges = ends, state, exchanges
		l.Ends.Listener = listener
		return l
	}
	list := []record.Live{
		conn(1, between, "waiting", 3), conn(2, between, "waiting", 0), conn(3, during, "answer", 1), conn(4, during, "response", 2), conn(5, between, "pooled", 7),
	}
	for i := 2; i < len(list); i++ {
		list[i].Ends.Backend = backend
	}
	list[4].Pooled = true
	return list
}

// foretold returns the sentence that a page shows of what its form would do, as it is or with something typed.
func (b *browser) foretold(path string, typed map[string]string) string {
	b.r.t.Helper()
	page := b.get("/console/" + path).want(http.StatusOK)
	if typed != nil {
		page = b.do(http.MethodPost, attr(page.one("div#impact"), "hx-post"), sent(page, typed)).want(http.StatusOK)
	}
	return text(page.one("div#impact"))
}

// TestLeavingOCI: what deletes a listener, a backend or a load balancer of the OCI API, moves a listener or sets a backend offline says before
// what becomes of the connections.
func TestLeavingOCI(t *testing.T) {
	t.Parallel()
	const of = "load_balancer=web&"
	for name, c := range map[string]struct {
		page  string
		typed map[string]string
		want  string
	}{
		"http-listener":   {page: "oci-delete?what=listener&name_of=http", want: "It closes 1 of 4 open connections now, and 1 unused connection to a backend; 3 have up to 30 seconds to end."},
		"tcp-listener":    {page: "oci-delete?what=listener&name_of=tcp", want: "It closes none of 2 open connections now; 2 have up to 30 seconds to end."},
		"load-balancer":   {page: "oci-delete?", want: "It closes 1 of 6 open connections now, and 1 unused connection to a backend; 5 have up to 30 seconds to end."},
		"backend":         {page: "oci-delete?what=backend&backend_set=app&name_of=10.0.0.3:8080", want: "It closes none of 2 open connections now, and 1 unused connection to a backend; 2 have up to 7,200 seconds to end."},
		"offline":         {page: "oci-backend?backend_set=app&name_of=10.0.0.3:8080", typed: map[string]string{"offline": "on"}, want: "It closes none of 2 open connections now, and 1 unused connection to a backend; 2 have up to 7,200 seconds to end."},
		"not-offline":     {page: "oci-backend?backend_set=app&name_of=10.0.0.3:8080", typed: map[string]string{"drain": "on"}, want: ""},
		"http-port":       {page: "oci-listener?name_of=http", typed: map[string]string{ociPort: "81", ociIdle: "1"}, want: "It closes 1 of 4 open connections now, and 1 unused connection to a backend; 3 have up to 30 seconds to end."},
		"http-idle":       {page: "oci-listener?name_of=http", typed: map[string]string{ociIdle: "1"}, want: "It closes 4 of 4 open connections now, and 1 unused connection to a backend."},
		"tcp-port":        {page: "oci-listener?name_of=tcp", typed: map[string]string{ociPort: "91"}, want: "It closes none of 2 open connections now."},
		"tcp-becoming":    {page: "oci-listener?name_of=tcp", typed: map[string]string{ociProtocol: "HTTP"}, want: "It closes none of 2 open connections now; 2 have up to 30 seconds to end."},
		"tcp-wrong-value": {page: "oci-listener?name_of=tcp", typed: map[string]string{ociIdle: "0"}, want: "Idle timeout in seconds: 1 to 7,200 seconds; empty is 60 for HTTP and 300 for TCP."},
		"tcp-no-number":   {page: "oci-listener?name_of=tcp", typed: map[string]string{ociIdle: "1e3"}, want: "Idle timeout in seconds: 1 to 7,200 seconds; empty is 60 for HTTP and 300 for TCP."},
		"tcp-empty":       {page: "oci-listener?name_of=tcp", typed: map[string]string{ociIdle: ""}, want: "It closes none of 2 open connections now."},
		"new-listener":    {page: "oci-listener?", typed: map[string]string{ociIdle: "7201"}, want: "Idle timeout in seconds: 1 to 7,200 seconds; empty is 60 for HTTP and 300 for TCP."},
		"new-port":        {page: "oci-listener?", typed: map[string]string{ociPort: "0"}, want: "Port: 1 to 65535."},
		"nothing-typed":   {page: "oci-backend?backend_set=app", want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newOCIRig(t)
			all := append(standing("http:80", "http", "app", "10.0.0.3:8080"), ofListener("tcp", 2)...)
			other := live(99, time.Minute, time.Second)
			other.Ends.LoadBalancer, other.Ends.Listener = "other", "tcp"
			over := live(100, time.Minute, time.Second)
			over.Ends.Listener, over.State, over.Why = "tcp", "lingering", reason.None
			r.engine.set(func() { r.engine.conns = append(all, other, over) })
			b := r.loggedIn(adminID)
			path, query, _ := strings.Cut(c.page, "?")
			if got := b.foretold(path+"?"+of+query, c.typed); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}

// TestLeavingAWS is the same for the Classic ELB API. Without connection draining, what an instance is at ends with it.
func TestLeavingAWS(t *testing.T) {
	t.Parallel()
	const draining = "&" + drainingParam + "Enabled=true&" + drainingParam + "Timeout=20"
	for name, c := range map[string]struct{ page, attributes, want string }{
		"listener":      {"aws-listener-delete?port=80&", "", "It closes 1 of 4 open connections now, and 1 unused connection to a backend; 3 have up to 30 seconds to end."},
		"load-balancer": {"aws-delete?", "", "It closes 1 of 4 open connections now, and 1 unused connection to a backend; 3 have up to 30 seconds to end."},
		"instance":      {"aws-instance-remove?instance=10.0.0.7&", draining, "It closes none of 2 open connections now, and 1 unused connection to a backend; 2 have up to 20 seconds to end."},
		"not-draining":  {"aws-instance-remove?instance=10.0.0.7&", "", "It closes 2 of 2 open connections now, and 1 unused connection to a backend."},
		"twin":          {"aws-instance-remove?instance=i-1&", "", "No connection is open that it concerns."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newAWSRig(t)
			r.call("RegisterInstancesWithLoadBalancer", "LoadBalancerName=web&Instances.member.1.InstanceId=10.0.0.7&Instances.member.2.InstanceId=i-1&Instances.member.3.InstanceId=10.0.0.9")
			r.call("ModifyLoadBalancerAttributes", "LoadBalancerName=web"+c.attributes+"&"+idleParam+"=60")
			l := r.inForce().LoadBalancers[0].Listeners[0]
			all := standing(l.Key.Name, l.Key.Name, l.BackendSet.Key.Name, "10.0.0.7:8080")
			if name == "twin" {
				all = standing(l.Key.Name, l.Key.Name, l.BackendSet.Key.Name, "10.0.0.9:8080")
			}
			r.engine.set(func() { r.engine.conns = all })
			if got := r.loggedIn(adminID).foretold(c.page+"load_balancer=web", nil); got != c.want {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
		})
	}
}
