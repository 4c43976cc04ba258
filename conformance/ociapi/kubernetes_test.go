package ociapi

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"
)

// controller does what Oracle's controllers for Kubernetes do, by Oracle's Go SDK: the cloud controller manager makes load balancers and
// their parts one after another and waits for each work request; the native ingress controller sends the load balancer's etag along.
type controller struct {
	*life
}

// newController returns one without a load balancer.
func newController(t *testing.T) *controller {
	t.Helper()
	l := &life{client: serve(t).client(), ctx: t.Context(), called: called{}}
	l.t = t
	return &controller{l}
}

// find looks for a load balancer by its name, page after page.
func (c *controller) find(name string) (found []loadbalancer.LoadBalancer) {
	c.t.Helper()
	var page *string
	for {
		r, err := c.ListLoadBalancers(c.ctx, loadbalancer.ListLoadBalancersRequest{CompartmentId: &c.tenancy, DisplayName: &name, Page: page, Limit: common.Int64(1)})
		c.fine("ListLoadBalancers", err)
		found = append(found, r.Items...)
		if page = r.OpcNextPage; page == nil {
			return found
		}
	}
}

// tcp is what the cloud controller manager makes of a port of a Service: a set that is checked at the node's health port.
func (c *controller) tcp(nodes ...string) loadbalancer.BackendSetDetails {
	set := loadbalancer.BackendSetDetails{
		Policy: common.String("ROUND_ROBIN"), Backends: []loadbalancer.BackendDetails{},
		HealthChecker: &loadbalancer.HealthCheckerDetails{
			Protocol: common.String("HTTP"), Port: common.Int(10256), UrlPath: common.String("/healthz"), ReturnCode: common.Int(200), Retries: common.Int(3),
			TimeoutInMillis: common.Int(3000), IntervalInMillis: common.Int(10000),
		},
	}
	for _, n := range nodes {
		set.Backends = append(set.Backends, loadbalancer.BackendDetails{IpAddress: common.String(n), Port: common.Int(30080), Weight: common.Int(1)})
	}
	return set
}

// TestCloudController_K8S_01: a Service of type LoadBalancer comes, gets another port and other nodes, and goes.
func TestCloudController_K8S_01(t *testing.T) {
	t.Parallel()
	c := newController(t)
	if found := c.find("service"); len(found) != 0 {
		t.Errorf("before: got %v", found)
	}
	node := func(n int) string { return fmt.Sprintf("%s.%d", c.Net(1), n) }
	request := loadbalancer.CreateLoadBalancerRequest{
		OpcRetryToken: common.String("kubernetes-uid-1"),
		CreateLoadBalancerDetails: loadbalancer.CreateLoadBalancerDetails{
			CompartmentId: &c.tenancy, DisplayName: common.String("service"), ShapeName: common.String("flexible"), IsPrivate: common.Bool(true),
			ShapeDetails: &loadbalancer.ShapeDetails{MinimumBandwidthInMbps: common.Int(10), MaximumBandwidthInMbps: common.Int(10)},
			SubnetIds:    []string{"ocid1.subnet.oc1.phx.a"}, NetworkSecurityGroupIds: []string{},
			BackendSets: map[string]loadbalancer.BackendSetDetails{"TCP-80": c.tcp(node(1), node(2))},
			Listeners: map[string]loadbalancer.ListenerDetails{"TCP-80": {
				DefaultBackendSetName: common.String("TCP-80"), Port: common.Int(18080), Protocol: common.String("TCP"),
				ConnectionConfiguration: &loadbalancer.ConnectionConfiguration{IdleTimeout: common.Int64(300)}, RuleSetNames: []string{},
			}},
			FreeformTags: map[string]string{"kubernetes": "yes"},
		},
	}
	first, err := c.CreateLoadBalancer(c.ctx, request)
	c.fine("CreateLoadBalancer", err)
	// The controller has restarted, and does it again before it looks at what there is.
	again, err := c.CreateLoadBalancer(c.ctx, request)
	if err != nil || *again.OpcWorkRequestId != *first.OpcWorkRequestId {
		t.Errorf("again with its token: got %v, %v", again.OpcWorkRequestId, err)
	}
	c.id = c.done("CreateLoadBalancer", err, first.OpcWorkRequestId).LoadBalancerId
	found := c.find("service")
	if len(found) != 1 || *found[0].Id != *c.id || found[0].LifecycleState != loadbalancer.LoadBalancerLifecycleStateActive || len(found[0].IpAddresses) != 1 || *found[0].IpAddresses[0].IsPublic {
		t.Fatalf("got %v, want one, active and private", found)
	}

	// Other nodes: the set as a whole, with what was read of it.
	had := found[0].BackendSets["TCP-80"]
	if len(had.Backends) != 2 || *had.HealthChecker.Port != 10256 || had.HealthChecker.ReturnCode == nil {
		t.Errorf("got the set %v", had)
	}
	other := c.tcp(node(2), node(3), node(4))
	u, err := c.UpdateBackendSet(c.ctx, loadbalancer.UpdateBackendSetRequest{LoadBalancerId: c.id, BackendSetName: common.String("TCP-80"),
		UpdateBackendSetDetails: loadbalancer.UpdateBackendSetDetails{Policy: other.Policy, Backends: other.Backends, HealthChecker: other.HealthChecker}})
	c.done("UpdateBackendSet", err, u.OpcWorkRequestId)

	// Another port: a set, then its listener; the old ones go the other way round.
	set := c.tcp(node(2))
	s, err := c.CreateBackendSet(c.ctx, loadbalancer.CreateBackendSetRequest{LoadBalancerId: c.id, CreateBackendSetDetails: loadbalancer.CreateBackendSetDetails{
		Name: common.String("TCP-443"), Policy: set.Policy, Backends: set.Backends, HealthChecker: set.HealthChecker}})
	c.done("CreateBackendSet", err, s.OpcWorkRequestId)
	l, err := c.CreateListener(c.ctx, loadbalancer.CreateListenerRequest{LoadBalancerId: c.id, CreateListenerDetails: loadbalancer.CreateListenerDetails{
		Name: common.String("TCP-443"), DefaultBackendSetName: common.String("TCP-443"), Port: common.Int(18443), Protocol: common.String("TCP"),
		ConnectionConfiguration: &loadbalancer.ConnectionConfiguration{IdleTimeout: common.Int64(300), BackendTcpProxyProtocolVersion: common.Int(2)}}})
	c.done("CreateListener", err, l.OpcWorkRequestId)
	_, err = c.DeleteBackendSet(c.ctx, loadbalancer.DeleteBackendSetRequest{LoadBalancerId: c.id, BackendSetName: common.String("TCP-80")})
	c.refused("DeleteBackendSet", err, 400, "InvalidParameter", "Can't remove backend set", "since it is used in")
	d, err := c.DeleteListener(c.ctx, loadbalancer.DeleteListenerRequest{LoadBalancerId: c.id, ListenerName: common.String("TCP-80")})
	c.done("DeleteListener", err, d.OpcWorkRequestId)
	b, err := c.DeleteBackendSet(c.ctx, loadbalancer.DeleteBackendSetRequest{LoadBalancerId: c.id, BackendSetName: common.String("TCP-80")})
	c.done("DeleteBackendSet", err, b.OpcWorkRequestId)
	// What is gone already is 404, which it takes for done.
	_, err = c.DeleteListener(c.ctx, loadbalancer.DeleteListenerRequest{LoadBalancerId: c.id, ListenerName: common.String("TCP-80")})
	c.refused("DeleteListener", err, 404, "NotAuthorizedOrNotFound")

	lb := c.balancer()
	if len(lb.Listeners) != 1 || *lb.Listeners["TCP-443"].ConnectionConfiguration.BackendTcpProxyProtocolVersion != 2 || len(lb.BackendSets) != 1 {
		t.Errorf("got %v", lb)
	}
	requests, err := c.ListWorkRequests(c.ctx, loadbalancer.ListWorkRequestsRequest{LoadBalancerId: c.id})
	c.fine("ListWorkRequests", err)
	for _, w := range requests.Items {
		if w.LifecycleState != loadbalancer.WorkRequestLifecycleStateSucceeded {
			t.Errorf("got the work request %v", w)
		}
	}
	end, err := c.DeleteLoadBalancer(c.ctx, loadbalancer.DeleteLoadBalancerRequest{LoadBalancerId: c.id})
	c.done("DeleteLoadBalancer", err, end.OpcWorkRequestId)
	if found := c.find("service"); len(found) != 0 {
		t.Errorf("afterwards: got %v", found)
	}
	_, err = c.CreateLoadBalancer(c.ctx, request)
	c.refused("CreateLoadBalancer with the token of what was deleted", err, 409, "InvalidatedRetryToken")
}

// TestIngressController_K8S_01: whoever has read an older state is told so by 412, reads again and succeeds; the etag of the load balancer
// serves for all in it. Refusals have the words that the controller looks for.
func TestIngressController_K8S_01(t *testing.T) {
	t.Parallel()
	c := newController(t)
	w := c.caller()
	c.id = common.String(strings.TrimPrefix(w.make("ingress", fields{"backendSets": fields{"bs": plainSet()}}), "/loadBalancers/"))
	c.balancer()
	stale := c.etag
	create := func(etag string) (loadbalancer.CreateBackendSetResponse, error) {
		return c.CreateBackendSet(c.ctx, loadbalancer.CreateBackendSetRequest{LoadBalancerId: c.id, IfMatch: &etag, CreateBackendSetDetails: loadbalancer.CreateBackendSetDetails{
			Name: common.String("route"), Policy: common.String("LEAST_CONNECTIONS"), HealthChecker: &loadbalancer.HealthCheckerDetails{Protocol: common.String("TCP")}}})
	}
	made, err := create(stale)
	c.done("CreateBackendSet", err, made.OpcWorkRequestId)
	listen := func(etag string) (loadbalancer.CreateListenerResponse, error) {
		return c.CreateListener(c.ctx, loadbalancer.CreateListenerRequest{LoadBalancerId: c.id, IfMatch: &etag, CreateListenerDetails: loadbalancer.CreateListenerDetails{
			Name: common.String("route_80"), DefaultBackendSetName: common.String("bs"), Port: common.Int(18080), Protocol: common.String("HTTP")}})
	}
	_, err = listen(stale)
	c.refused("CreateListener", err, 412, "NoEtagMatch")
	c.balancer()
	l, err := listen(c.etag)
	c.done("CreateListener", err, l.OpcWorkRequestId)
	_, err = listen(c.etag)
	c.refused("CreateListener", err, 412, "NoEtagMatch")
	c.balancer()
	_, err = listen(c.etag)
	c.refused("CreateListener", err, 409, "Conflict")
	policy := func(set string) (loadbalancer.CreateRoutingPolicyResponse, error) {
		return c.CreateRoutingPolicy(c.ctx, loadbalancer.CreateRoutingPolicyRequest{LoadBalancerId: c.id, IfMatch: &c.etag, CreateRoutingPolicyDetails: loadbalancer.CreateRoutingPolicyDetails{
			Name: common.String("route_80"), ConditionLanguageVersion: loadbalancer.CreateRoutingPolicyDetailsConditionLanguageVersionV1,
			Rules: []loadbalancer.RoutingRule{{Name: common.String("k8s_1"), Condition: common.String(`all(any(http.request.headers[(i 'Host')] eq 'foo.bar.com', http.request.headers[(i 'Host')] eq 'foo.bar.com:80') , http.request.url.path sw '/')`),
				Actions: []loadbalancer.Action{loadbalancer.ForwardToBackendSet{BackendSetName: &set}}}}}})
	}
	_, err = policy("none")
	c.refused("CreateRoutingPolicy", err, 400, "InvalidParameter", "contains a rule referencing BackendSet", "which does not exist in load balancer")
	p, err := policy("route")
	c.done("CreateRoutingPolicy", err, p.OpcWorkRequestId)
	c.balancer()
	u, err := c.UpdateListener(c.ctx, loadbalancer.UpdateListenerRequest{LoadBalancerId: c.id, ListenerName: common.String("route_80"), IfMatch: &c.etag,
		UpdateListenerDetails: loadbalancer.UpdateListenerDetails{DefaultBackendSetName: common.String("bs"), Port: common.Int(18080), Protocol: common.String("HTTP"), RoutingPolicyName: common.String("route_80")}})
	c.done("UpdateListener", err, u.OpcWorkRequestId)
	_, err = c.DeleteBackendSet(c.ctx, loadbalancer.DeleteBackendSetRequest{LoadBalancerId: c.id, BackendSetName: common.String("route")})
	c.refused("DeleteBackendSet", err, 400, "InvalidParameter", "Can't remove backend set", "since it is used in routing policy")
	// The etag of any child is as good as the load balancer's.
	r, err := c.GetRoutingPolicy(c.ctx, loadbalancer.GetRoutingPolicyRequest{LoadBalancerId: c.id, RoutingPolicyName: common.String("route_80")})
	c.fine("GetRoutingPolicy", err)
	g, err := c.UpdateNetworkSecurityGroups(c.ctx, loadbalancer.UpdateNetworkSecurityGroupsRequest{LoadBalancerId: c.id, IfMatch: r.ETag,
		UpdateNetworkSecurityGroupsDetails: loadbalancer.UpdateNetworkSecurityGroupsDetails{NetworkSecurityGroupIds: []string{"ocid1.networksecuritygroup.oc1.phx.a"}}})
	c.done("UpdateNetworkSecurityGroups", err, g.OpcWorkRequestId)
	_, err = c.UpdateLoadBalancerShape(c.ctx, loadbalancer.UpdateLoadBalancerShapeRequest{LoadBalancerId: c.id, IfMatch: r.ETag,
		UpdateLoadBalancerShapeDetails: loadbalancer.UpdateLoadBalancerShapeDetails{ShapeName: common.String("100Mbps")}})
	c.refused("UpdateLoadBalancerShape", err, 412, "NoEtagMatch")
	c.names(w)
}

// names are refusals whose words the controllers compare.
func (c *controller) names(w *caller) {
	c.t.Helper()
	path := "/loadBalancers/" + *c.id
	for _, name := range []string{"", strings.Repeat("a", 33)} {
		a := w.ask("POST", path+"/listeners", listener("HTTP", 18081).with(fields{"name": "l", "defaultBackendSetName": name}).String())
		w.refused("a set called "+cmp.Or(name, "nothing"), a, http.StatusBadRequest, "InvalidParameter", "defaultBackendSetName size must be between 1 and 32")
	}
	a := w.ask("POST", path+"/backendSets", fields{"name": "x", "policy": "ROUND_ROBIN", "healthChecker": fields{"protocol": "HTTP"}}.String())
	w.refused("a checker without a path", a, http.StatusBadRequest, "InvalidParameter", "URL path must be provided for HTTP health checks")
	missing := w.ask("GET", path+"/backendSets/none", "")
	w.refused("no such set", missing, http.StatusNotFound, "NotFound", "Load balancer "+*c.id+" has no backend set named 'none'")
	a = w.ask("POST", path+"/listeners", listener("GRPC", 18081).with(fields{"name": "l", "defaultBackendSetName": "bs"}).String())
	w.refused("gRPC without TLS", a, http.StatusBadRequest, "MissingParameter", "sslConfiguration")
	c.late(w, path)
}

// late has a listener fail that was accepted, and what was accepted counting on it.
func (c *controller) late(w *caller, path string) {
	c.t.Helper()
	lb := c.balancer()
	taken, err := net.Listen("tcp", *lb.IpAddresses[0].IpAddress+":18083")
	if err != nil {
		c.t.Fatal(err)
	}
	defer taken.Close()
	made := w.ask("POST", path+"/listeners", listener("HTTP", 18083).with(fields{"name": "late", "defaultBackendSetName": "bs"}).String())
	after := w.ask("DELETE", path+"/listeners/late", "")
	failed := w.over("a listener on a port that is taken", made)
	if failed.LifecycleState != "FAILED" || len(failed.ErrorDetails) != 1 || failed.ErrorDetails[0].ErrorCode != "BAD_INPUT" || !strings.Contains(failed.ErrorDetails[0].Message, "18083") {
		c.t.Errorf("a listener on a port that is taken: got %+v", failed)
	}
	if after.status == http.StatusNotFound { // it had failed by then
		return
	}
	failed = w.over("the deletion of what could not be made", after)
	if failed.LifecycleState != "FAILED" || len(failed.ErrorDetails) != 1 || failed.ErrorDetails[0].ErrorCode != "BAD_INPUT" || !strings.Contains(failed.ErrorDetails[0].Message, "has no listener") {
		c.t.Errorf("the deletion of what could not be made: got %+v", failed)
	}
}
