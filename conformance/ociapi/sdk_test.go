package ociapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"

	"lull/internal/lulltest"
)

// called counts the operations that a test has called, by name.
type called map[string]int

// life is one client on its way through the life of a load balancer.
type life struct {
	*client
	ctx    context.Context
	called called
	id     *string
	etag   string
}

func (l *life) fine(name string, err error) {
	l.t.Helper()
	l.called[name]++
	if err != nil {
		l.t.Fatalf("%s: %v", name, err)
	}
	if n := strings.Count(l.last.header.Get("Opc-Request-Id"), "/"); n != 2 {
		l.t.Errorf("%s: opc-request-id is %q", name, l.last.header.Get("Opc-Request-Id"))
	}
	if l.last.header.Get("Content-Type") != "application/json" {
		l.t.Errorf("%s: content-type is %q", name, l.last.header.Get("Content-Type"))
	}
}

// read checks a read that has been answered, against a form.
func (l *life) read(name string, err error, form string) {
	l.t.Helper()
	l.fine(name, err)
	if l.last.status != http.StatusOK {
		l.t.Errorf("%s: status %d", name, l.last.status)
	}
	l.like(name, form)
}

// done waits for the end of a change that has been accepted, which must be well.
func (l *life) done(name string, err error, id *string) loadbalancer.WorkRequest {
	l.t.Helper()
	w := l.over(name, err, id)
	if w.LifecycleState != loadbalancer.WorkRequestLifecycleStateSucceeded {
		l.t.Fatalf("%s: %s %v", name, w.LifecycleState, w.ErrorDetails)
	}
	return w
}

// over waits for the end of a change that has been accepted.
func (l *life) over(name string, err error, id *string) (w loadbalancer.WorkRequest) {
	l.t.Helper()
	l.fine(name, err)
	if l.last.status != http.StatusNoContent || len(l.last.body) != 0 || id == nil {
		l.t.Fatalf("%s: status %d with %q, work request %v", name, l.last.status, l.last.body, id)
	}
	lulltest.Within(l.t, patience, func() string {
		r, err := l.GetWorkRequest(l.ctx, loadbalancer.GetWorkRequestRequest{WorkRequestId: id})
		l.fine("GetWorkRequest", err)
		w = r.WorkRequest
		switch w.LifecycleState {
		case loadbalancer.WorkRequestLifecycleStateSucceeded, loadbalancer.WorkRequestLifecycleStateFailed:
			return ""
		case loadbalancer.WorkRequestLifecycleStateAccepted, loadbalancer.WorkRequestLifecycleStateInProgress:
			if w.LoadBalancerId == nil || w.TimeFinished != nil || w.Message != nil {
				l.t.Errorf("%s while it runs: got %+v", name, w)
			}
		default:
		}
		return fmt.Sprintf("%s: still %s", name, w.LifecycleState)
	})
	if *w.Type != name || w.TimeFinished == nil {
		l.t.Errorf("%s: got a work request of type %s, finished %v", name, *w.Type, w.TimeFinished)
	}
	return w
}

// refused wants an error of a code and a status, with words in it.
func (l *life) refused(name string, err error, status int, code string, words ...string) {
	l.t.Helper()
	l.called[name]++
	var failed common.ServiceError
	if !errors.As(err, &failed) || failed.GetHTTPStatusCode() != status || failed.GetCode() != code {
		l.t.Errorf("%s: got %v, want %d %s", name, err, status, code)
		return
	}
	for _, w := range words {
		if !strings.Contains(failed.GetMessage(), w) {
			l.t.Errorf("%s: got %q, want %q in it", name, failed.GetMessage(), w)
		}
	}
}

func (l *life) balancer() loadbalancer.LoadBalancer {
	l.t.Helper()
	r, err := l.GetLoadBalancer(l.ctx, loadbalancer.GetLoadBalancerRequest{LoadBalancerId: l.id})
	l.fine("GetLoadBalancer", err)
	if r.ETag == nil || *r.ETag == "" {
		l.t.Error("GetLoadBalancer: no etag")
	} else {
		l.etag = *r.ETag
	}
	return r.LoadBalancer
}

// TestLifeCycle_SDK_01 calls all 61 operations with Oracle's Go SDK, from the making of a load balancer to its end, and compares each
// answer as a whole.
func TestLifeCycle_SDK_01(t *testing.T) {
	t.Parallel()
	l := &life{client: serve(t).client(), ctx: t.Context(), called: called{}}
	l.t = t
	l.catalogues()
	l.create()
	l.sets()
	l.backends()
	l.hostnames()
	l.certificates()
	l.suites()
	l.routes()
	l.rules()
	l.listeners()
	l.health()
	l.itself()
	l.end()
	for _, name := range operationNames() {
		if l.called[name] == 0 {
			t.Errorf("%s: was not called", name)
		}
	}
	if len(operationNames()) != 61 {
		t.Errorf("the SDK has %d operations, want 61", len(operationNames()))
	}
}

func (l *life) catalogues() {
	_, err := l.ListShapes(l.ctx, loadbalancer.ListShapesRequest{CompartmentId: &l.tenancy})
	l.read("ListShapes", err, `[{"name":"100Mbps"},{"name":"10Mbps"},{"name":"10Mbps-Micro"},{"name":"400Mbps"},{"name":"8000Mbps"},{"name":"flexible"}]`)
	_, err = l.ListPolicies(l.ctx, loadbalancer.ListPoliciesRequest{CompartmentId: &l.tenancy})
	l.read("ListPolicies", err, `[{"name":"IP_HASH"},{"name":"LEAST_CONNECTIONS"},{"name":"ROUND_ROBIN"}]`)
	_, err = l.ListProtocols(l.ctx, loadbalancer.ListProtocolsRequest{CompartmentId: &l.tenancy})
	l.read("ListProtocols", err, `[{"name":"GRPC"},{"name":"HTTP"},{"name":"HTTP2"},{"name":"TCP"}]`)
	_, err = l.ListPolicies(l.ctx, loadbalancer.ListPoliciesRequest{CompartmentId: common.String("ocid1.tenancy.oc1..somebodyelse")})
	l.refused("ListPolicies", err, 404, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")
}

func (l *life) create() {
	details := loadbalancer.CreateLoadBalancerDetails{
		CompartmentId: &l.tenancy, DisplayName: common.String("web"), ShapeName: common.String("flexible"),
		ShapeDetails: &loadbalancer.ShapeDetails{MinimumBandwidthInMbps: common.Int(10), MaximumBandwidthInMbps: common.Int(100)},
		SubnetIds:    []string{"ocid1.subnet.oc1.phx.aaaa"}, FreeformTags: map[string]string{"team": "shop"},
	}
	bad := details
	bad.ShapeDetails = nil
	_, err := l.CreateLoadBalancer(l.ctx, loadbalancer.CreateLoadBalancerRequest{CreateLoadBalancerDetails: bad})
	l.refused("CreateLoadBalancer", err, 400, "MissingParameter", "shapeDetails")
	r, err := l.CreateLoadBalancer(l.ctx, loadbalancer.CreateLoadBalancerRequest{CreateLoadBalancerDetails: details, OpcRetryToken: common.String("once")})
	w := l.done("CreateLoadBalancer", err, r.OpcWorkRequestId)
	l.id = w.LoadBalancerId
	again, err := l.CreateLoadBalancer(l.ctx, loadbalancer.CreateLoadBalancerRequest{CreateLoadBalancerDetails: details, OpcRetryToken: common.String("once")})
	if err != nil || *again.OpcWorkRequestId != *r.OpcWorkRequestId {
		l.t.Errorf("CreateLoadBalancer again with its token: got %v, %v, want work request %s", again.OpcWorkRequestId, err, *r.OpcWorkRequestId)
	}
	_, err = l.GetWorkRequest(l.ctx, loadbalancer.GetWorkRequestRequest{WorkRequestId: r.OpcWorkRequestId})
	l.read("GetWorkRequest", err, `{"id":"ocid1.loadbalancerworkrequest.oc1.us-phoenix-1.…","loadBalancerId":"`+*l.id+`","compartmentId":"`+l.tenancy+`",
		"type":"CreateLoadBalancer","lifecycleState":"SUCCEEDED","message":"*","timeAccepted":"20…","timeFinished":"20…","errorDetails":[]}`)
	var message map[string]string
	if err := json.Unmarshal([]byte(*w.Message), &message); err != nil || message["workflowName"] != "CreateLoadBalancerWorkflow" || message["type"] != "SUCCESS" {
		l.t.Errorf("the work request's message: got %q, %v", *w.Message, err)
	}
	l.balancer()
	l.like("GetLoadBalancer", `{"id":"ocid1.loadbalancer.oc1.us-phoenix-1.…","compartmentId":"`+l.tenancy+`","displayName":"web","lifecycleState":"ACTIVE",
		"timeCreated":"20…","shapeName":"flexible","shapeDetails":{"minimumBandwidthInMbps":10,"maximumBandwidthInMbps":100},
		"ipAddresses":[{"ipAddress":"127.…","isPublic":true}],"ipMode":"IPV4","isPrivate":false,"isDeleteProtectionEnabled":false,"isRequestIdEnabled":false,
		"requestIdHeader":"X-Request-Id","subnetIds":["ocid1.subnet.oc1.phx.aaaa"],"networkSecurityGroupIds":[],"listeners":{},"hostnames":{},"sslCipherSuites":{},
		"certificates":{},"backendSets":{},"pathRouteSets":{},"routingPolicies":{},"ruleSets":{},"freeformTags":{"team":"shop"},"definedTags":{},
		"securityAttributes":{},"systemTags":{}}`)
	list, err := l.ListLoadBalancers(l.ctx, loadbalancer.ListLoadBalancersRequest{CompartmentId: &l.tenancy, DisplayName: common.String("web")})
	l.fine("ListLoadBalancers", err)
	if len(list.Items) != 1 || *list.Items[0].Id != *l.id {
		l.t.Errorf("ListLoadBalancers: got %v", list.Items)
	}
	requests, err := l.ListWorkRequests(l.ctx, loadbalancer.ListWorkRequestsRequest{LoadBalancerId: l.id})
	l.fine("ListWorkRequests", err)
	if len(requests.Items) != 1 || *requests.Items[0].Id != *r.OpcWorkRequestId {
		l.t.Errorf("ListWorkRequests: got %v", requests.Items)
	}
}

func (l *life) sets() {
	create := func(name string, checker loadbalancer.HealthCheckerDetails) (loadbalancer.CreateBackendSetResponse, error) {
		return l.CreateBackendSet(l.ctx, loadbalancer.CreateBackendSetRequest{LoadBalancerId: l.id, CreateBackendSetDetails: loadbalancer.CreateBackendSetDetails{
			Name: &name, Policy: common.String("ROUND_ROBIN"), HealthChecker: &checker,
			SessionPersistenceConfiguration: &loadbalancer.SessionPersistenceConfigurationDetails{CookieName: common.String("*")},
		}})
	}
	http := loadbalancer.HealthCheckerDetails{Protocol: common.String("HTTP"), UrlPath: common.String("/hc"), IntervalInMillis: common.Int(60000)}
	_, err := create("app", loadbalancer.HealthCheckerDetails{Protocol: common.String("HTTP")})
	l.refused("CreateBackendSet", err, 400, "InvalidParameter", "URL path must be provided for HTTP health checks")
	for _, name := range []string{"app", "other"} {
		r, err := create(name, http)
		l.done("CreateBackendSet", err, r.OpcWorkRequestId)
	}
	_, err = create("app", http)
	l.refused("CreateBackendSet", err, 409, "Conflict", "app")
	const set = `{"name":"app","policy":"ROUND_ROBIN","backends":[],"healthChecker":{"protocol":"HTTP","urlPath":"/hc","port":0,"returnCode":200,"retries":3,
		"timeoutInMillis":3000,"intervalInMillis":60000,"responseBodyRegex":".*","isForcePlainText":false},
		"sessionPersistenceConfiguration":{"cookieName":"*","disableFallback":false}}`
	_, err = l.GetBackendSet(l.ctx, loadbalancer.GetBackendSetRequest{LoadBalancerId: l.id, BackendSetName: common.String("app")})
	l.read("GetBackendSet", err, set)
	_, err = l.ListBackendSets(l.ctx, loadbalancer.ListBackendSetsRequest{LoadBalancerId: l.id})
	l.read("ListBackendSets", err, `[`+set+`,`+strings.Replace(set, `"app"`, `"other"`, 1)+`]`)
	// OP-03: what a replacing PUT does not say goes back to its default.
	u, err := l.UpdateBackendSet(l.ctx, loadbalancer.UpdateBackendSetRequest{
		LoadBalancerId: l.id, BackendSetName: common.String("app"), UpdateBackendSetDetails: loadbalancer.UpdateBackendSetDetails{
			Policy: common.String("LEAST_CONNECTIONS"), Backends: []loadbalancer.BackendDetails{},
			HealthChecker: &loadbalancer.HealthCheckerDetails{Protocol: common.String("HTTP"), UrlPath: common.String("/hc")},
		},
	})
	l.done("UpdateBackendSet", err, u.OpcWorkRequestId)
	_, err = l.GetBackendSet(l.ctx, loadbalancer.GetBackendSetRequest{LoadBalancerId: l.id, BackendSetName: common.String("app")})
	l.read("GetBackendSet", err, `{"name":"app","policy":"LEAST_CONNECTIONS","backends":[],"healthChecker":{"protocol":"HTTP","urlPath":"/hc","port":0,"returnCode":200,
		"retries":3,"timeoutInMillis":3000,"intervalInMillis":10000,"responseBodyRegex":".*","isForcePlainText":false}}`)
	_, err = l.GetBackendSet(l.ctx, loadbalancer.GetBackendSetRequest{LoadBalancerId: l.id, BackendSetName: common.String("none")})
	l.refused("GetBackendSet", err, 404, "NotFound", "Load balancer "+*l.id+" has no backend set named 'none'")
	c, err := l.UpdateHealthChecker(l.ctx, loadbalancer.UpdateHealthCheckerRequest{
		LoadBalancerId: l.id, BackendSetName: common.String("app"), UpdateHealthCheckerDetails: loadbalancer.UpdateHealthCheckerDetails{
			Protocol: common.String("TCP"), Port: common.Int(0), ReturnCode: common.Int(200), Retries: common.Int(2), TimeoutInMillis: common.Int(500),
			IntervalInMillis: common.Int(1000), ResponseBodyRegex: common.String(".*"),
		},
	})
	l.done("UpdateHealthChecker", err, c.OpcWorkRequestId)
	_, err = l.GetHealthChecker(l.ctx, loadbalancer.GetHealthCheckerRequest{LoadBalancerId: l.id, BackendSetName: common.String("app")})
	l.read("GetHealthChecker", err, `{"protocol":"TCP","port":0,"returnCode":200,"retries":2,"timeoutInMillis":500,"intervalInMillis":1000,"responseBodyRegex":".*",
		"isForcePlainText":false}`)
}

func (l *life) backends() {
	at := l.Net(1) + ".1"
	name := at + ":8080"
	r, err := l.CreateBackend(l.ctx, loadbalancer.CreateBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"),
		CreateBackendDetails: loadbalancer.CreateBackendDetails{IpAddress: &at, Port: common.Int(8080)}})
	l.done("CreateBackend", err, r.OpcWorkRequestId)
	_, err = l.CreateBackend(l.ctx, loadbalancer.CreateBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"),
		CreateBackendDetails: loadbalancer.CreateBackendDetails{IpAddress: &at, Port: common.Int(8080), Weight: common.Int(101)}})
	l.refused("CreateBackend", err, 400, "InvalidParameter", "weight", "1 to 100")
	backend := fmt.Sprintf(`{"name":"%s","ipAddress":"%s","port":8080,"weight":1,"backup":false,"drain":false,"offline":false}`, name, at)
	_, err = l.GetBackend(l.ctx, loadbalancer.GetBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"), BackendName: &name})
	l.read("GetBackend", err, backend)
	_, err = l.ListBackends(l.ctx, loadbalancer.ListBackendsRequest{LoadBalancerId: l.id, BackendSetName: common.String("app")})
	l.read("ListBackends", err, `[`+backend+`]`)
	u, err := l.UpdateBackend(l.ctx, loadbalancer.UpdateBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"), BackendName: &name,
		UpdateBackendDetails: loadbalancer.UpdateBackendDetails{
			Weight: common.Int(2), Backup: common.Bool(false), Drain: common.Bool(true), Offline: common.Bool(false), MaxConnections: common.Int(256),
		}})
	l.done("UpdateBackend", err, u.OpcWorkRequestId)
	_, err = l.GetBackend(l.ctx, loadbalancer.GetBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"), BackendName: &name})
	l.read("GetBackend", err, fmt.Sprintf(`{"name":"%s","ipAddress":"%s","port":8080,"weight":2,"backup":false,"drain":true,"offline":false,"maxConnections":256}`, name, at))
	d, err := l.DeleteBackend(l.ctx, loadbalancer.DeleteBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"), BackendName: &name})
	l.done("DeleteBackend", err, d.OpcWorkRequestId)
	_, err = l.GetBackend(l.ctx, loadbalancer.GetBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"), BackendName: &name})
	l.refused("GetBackend", err, 404, "NotFound", "has no backend named '"+name+"'")
}

func (l *life) hostnames() {
	r, err := l.CreateHostname(l.ctx, loadbalancer.CreateHostnameRequest{LoadBalancerId: l.id,
		CreateHostnameDetails: loadbalancer.CreateHostnameDetails{Name: common.String("shop"), Hostname: common.String("shop.example.com")}})
	l.done("CreateHostname", err, r.OpcWorkRequestId)
	_, err = l.CreateHostname(l.ctx, loadbalancer.CreateHostnameRequest{LoadBalancerId: l.id,
		CreateHostnameDetails: loadbalancer.CreateHostnameDetails{Name: common.String(""), Hostname: common.String("a.example.com")}})
	l.refused("CreateHostname", err, 400, "InvalidParameter", "[name may not be empty]")
	u, err := l.UpdateHostname(l.ctx, loadbalancer.UpdateHostnameRequest{LoadBalancerId: l.id, Name: common.String("shop"),
		UpdateHostnameDetails: loadbalancer.UpdateHostnameDetails{Hostname: common.String("*.example.com")}})
	l.done("UpdateHostname", err, u.OpcWorkRequestId)
	_, err = l.GetHostname(l.ctx, loadbalancer.GetHostnameRequest{LoadBalancerId: l.id, Name: common.String("shop")})
	l.read("GetHostname", err, `{"name":"shop","hostname":"*.example.com"}`)
	_, err = l.ListHostnames(l.ctx, loadbalancer.ListHostnamesRequest{LoadBalancerId: l.id})
	l.read("ListHostnames", err, `[{"name":"shop","hostname":"*.example.com"}]`)
	d, err := l.DeleteHostname(l.ctx, loadbalancer.DeleteHostnameRequest{LoadBalancerId: l.id, Name: common.String("shop")})
	l.done("DeleteHostname", err, d.OpcWorkRequestId)
	_, err = l.GetHostname(l.ctx, loadbalancer.GetHostnameRequest{LoadBalancerId: l.id, Name: common.String("shop")})
	l.refused("GetHostname", err, 404, "NotFound", "Load balancer "+*l.id+" has no hostname named 'shop'")
}
