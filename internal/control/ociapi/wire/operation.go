package wire

import (
	"net/http"
	"strings"
)

// Operation is one operation of the API: where it is, what it is asked with and what it answers. There is one value for
// each, which nobody changes.
type Operation struct {
	Name     string
	Method   string
	Pattern  string // its path below BasePath, with {names} for parameters
	Workflow string // the word in the message of its work request; empty for a read

	Paged      bool // its query has limit and page
	IfMatch    bool // it heeds the header if-match
	RetryToken bool // it heeds the header opc-retry-token
	ETag       bool // its answer has an etag
	Compact    bool // the look of its answer

	bodyBytesMax        int
	query, body, result *schema
}

// Write reports whether the operation changes something, which it does after it has answered.
func (o *Operation) Write() bool { return o.Method != http.MethodGet }

// HasBody reports whether the operation reads a body.
func (o *Operation) HasBody() bool { return o.body != nil }

// BodyBytesMax is the length of the longest body that the operation reads, 0 when it reads none.
func (o *Operation) BodyBytesMax() int { return o.bodyBytesMax }

// The bounds of a body. The largest honest one without certificates has 512 backends and takes a fifth of the first. A
// load balancer that comes with all its certificates has 16 of them, one for each listener, each at most of
// certificatePartMax twice and some.
const (
	bodyBytesMax            = 1 << 20
	certificateBodyBytesMax = bodyBytesMax + 16*2*certificatePartMax
)

// The paths that others begin with.
const (
	loadBalancerPath  = "/loadBalancers/{" + LoadBalancerID + "}"
	backendSetPath    = loadBalancerPath + "/backendSets/{" + BackendSetName + "}"
	backendPath       = backendSetPath + "/backends/{" + BackendName + "}"
	listenerPath      = loadBalancerPath + "/listeners/{" + ListenerName + "}"
	certificatePath   = loadBalancerPath + "/certificates/{" + CertificateName + "}"
	hostnamePath      = loadBalancerPath + "/hostnames/{" + ChildName + "}"
	pathRouteSetPath  = loadBalancerPath + "/pathRouteSets/{" + PathRouteSetName + "}"
	routingPolicyPath = loadBalancerPath + "/routingPolicies/{" + RoutingPolicyName + "}"
	ruleSetPath       = loadBalancerPath + "/ruleSets/{" + RuleSetName + "}"
	cipherSuitePath   = loadBalancerPath + "/sslCipherSuites/{" + ChildName + "}"
)

// operations is every operation of the API. There is none to list or get listeners, nor to get or update a certificate.
//
//nolint:gochecknoglobals // a table
var operations = []*Operation{
	add("CreateLoadBalancer", "/loadBalancers", of[CreateLoadBalancerDetails](), "CreateLoadBalancerWorkflow"),
	list("ListLoadBalancers", "/loadBalancers", of[[]LoadBalancer](), of[ListLoadBalancersQuery]()),
	get("GetLoadBalancer", loadBalancerPath, of[LoadBalancer]()),
	put("UpdateLoadBalancer", loadBalancerPath, of[UpdateLoadBalancerDetails](), "UpdateLoadBalancerWorkflow"),
	remove("DeleteLoadBalancer", loadBalancerPath, "DeleteLoadBalancerWorkflow"),
	add("ChangeLoadBalancerCompartment", loadBalancerPath+"/changeCompartment", of[ChangeLoadBalancerCompartmentDetails](), "ChangeLoadBalancerCompartmentWorkflow"),
	put("UpdateLoadBalancerShape", loadBalancerPath+"/updateShape", of[UpdateLoadBalancerShapeDetails](), "UpdateLoadBalancerShapeWorkflow"),
	put("UpdateNetworkSecurityGroups", loadBalancerPath+"/networkSecurityGroups", of[UpdateNetworkSecurityGroupsDetails](), "UpdateNetworkSecurityGroupsWorkflow"),
	get("GetLoadBalancerHealth", loadBalancerPath+"/health", of[LoadBalancerHealth]()),
	list("ListLoadBalancerHealths", "/loadBalancerHealths", of[[]LoadBalancerHealthSummary](), of[CompartmentQuery]()),
	list("ListShapes", "/loadBalancerShapes", of[[]LoadBalancerShape](), of[CompartmentQuery]()),
	list("ListPolicies", "/loadBalancerPolicies", of[[]LoadBalancerPolicy](), of[CompartmentQuery]()),
	list("ListProtocols", "/loadBalancerProtocols", of[[]LoadBalancerProtocol](), of[CompartmentQuery]()),
	list("ListWorkRequests", loadBalancerPath+"/workRequests", of[[]WorkRequest](), of[PageQuery]()),
	get("GetWorkRequest", "/loadBalancerWorkRequests/{"+WorkRequestID+"}", of[WorkRequest]()),

	add("CreateBackendSet", loadBalancerPath+"/backendSets", of[CreateBackendSetDetails](), "AddBackendSetWorkflow"),
	get("ListBackendSets", loadBalancerPath+"/backendSets", of[[]BackendSet]()),
	get("GetBackendSet", backendSetPath, of[BackendSet]()),
	put("UpdateBackendSet", backendSetPath, of[UpdateBackendSetDetails](), "PutBackendSetWorkflow"),
	remove("DeleteBackendSet", backendSetPath, "RemoveBackendSetWorkflow"),
	get("GetBackendSetHealth", backendSetPath+"/health", of[BackendSetHealth]()),
	get("GetHealthChecker", backendSetPath+"/healthChecker", of[HealthChecker]()),
	put("UpdateHealthChecker", backendSetPath+"/healthChecker", of[UpdateHealthCheckerDetails](), "UpdateHealthCheckerWorkflow"),
	add("CreateBackend", backendSetPath+"/backends", of[BackendDetails](), "AddBackendWorkflow"),
	get("ListBackends", backendSetPath+"/backends", of[[]Backend]()),
	get("GetBackend", backendPath, of[Backend]()),
	put("UpdateBackend", backendPath, of[UpdateBackendDetails](), "PutBackendWorkflow"),
	remove("DeleteBackend", backendPath, "RemoveBackendWorkflow"),
	get("GetBackendHealth", backendPath+"/health", of[BackendHealth]()),

	add("CreateListener", loadBalancerPath+"/listeners", of[CreateListenerDetails](), "AddListenerWorkflow"),
	put("UpdateListener", listenerPath, of[ListenerDetails](), "PutListenerWorkflow"),
	remove("DeleteListener", listenerPath, "RemoveListenerWorkflow"),
	get("ListListenerRules", listenerPath+"/rules", of[[]ListenerRuleSummary]()),
	add("CreateCertificate", loadBalancerPath+"/certificates", of[CertificateDetails](), "AddCertificateWorkflow"),
	get("ListCertificates", loadBalancerPath+"/certificates", of[[]Certificate]()),
	remove("DeleteCertificate", certificatePath, "RemoveCertificateWorkflow"),
	add("CreateHostname", loadBalancerPath+"/hostnames", of[Hostname](), "AddHostnameWorkflow"),
	get("ListHostnames", loadBalancerPath+"/hostnames", of[[]Hostname]()),
	get("GetHostname", hostnamePath, of[Hostname]()),
	put("UpdateHostname", hostnamePath, of[UpdateHostnameDetails](), "PutHostnameWorkflow"),
	remove("DeleteHostname", hostnamePath, "RemoveHostnameWorkflow"),
	add("CreatePathRouteSet", loadBalancerPath+"/pathRouteSets", of[PathRouteSet](), "AddPathRouteSetWorkflow"),
	get("ListPathRouteSets", loadBalancerPath+"/pathRouteSets", of[[]PathRouteSet]()),
	get("GetPathRouteSet", pathRouteSetPath, of[PathRouteSet]()),
	put("UpdatePathRouteSet", pathRouteSetPath, of[PathRouteSetDetails](), "PutPathRouteSetWorkflow"),
	remove("DeletePathRouteSet", pathRouteSetPath, "RemovePathRouteSetWorkflow"),
	add("CreateRoutingPolicy", loadBalancerPath+"/routingPolicies", of[RoutingPolicy](), "AddRoutingPolicyWorkflow"),
	list("ListRoutingPolicies", loadBalancerPath+"/routingPolicies", of[[]RoutingPolicy](), of[PageQuery]()),
	get("GetRoutingPolicy", routingPolicyPath, of[RoutingPolicy]()),
	put("UpdateRoutingPolicy", routingPolicyPath, of[UpdateRoutingPolicyDetails](), "PutRoutingPolicyWorkflow"),
	remove("DeleteRoutingPolicy", routingPolicyPath, "RemoveRoutingPolicyWorkflow"),
	add("CreateRuleSet", loadBalancerPath+"/ruleSets", of[RuleSet](), "AddRuleSetWorkflow"),
	get("ListRuleSets", loadBalancerPath+"/ruleSets", of[[]RuleSet]()),
	get("GetRuleSet", ruleSetPath, of[RuleSet]()),
	put("UpdateRuleSet", ruleSetPath, of[RuleSetDetails](), "PutRuleSetWorkflow"),
	remove("DeleteRuleSet", ruleSetPath, "RemoveRuleSetWorkflow"),
	add("CreateSSLCipherSuite", loadBalancerPath+"/sslCipherSuites", of[CreateSSLCipherSuiteDetails](), "AddSSLCipherSuiteWorkflow"),
	get("ListSSLCipherSuites", loadBalancerPath+"/sslCipherSuites", of[[]SSLCipherSuite]()),
	get("GetSSLCipherSuite", cipherSuitePath, of[SSLCipherSuite]()),
	put("UpdateSSLCipherSuite", cipherSuitePath, of[UpdateSSLCipherSuiteDetails](), "PutSSLCipherSuiteWorkflow"),
	remove("DeleteSSLCipherSuite", cipherSuitePath, "RemoveSSLCipherSuiteWorkflow"),
}

// add is an operation by POST.
func add(name, pattern string, body *schema, workflow string) *Operation {
	return operation(&Operation{Name: name, Method: http.MethodPost, Pattern: pattern, body: body, Workflow: workflow, RetryToken: true})
}

// put is an operation by PUT.
func put(name, pattern string, body *schema, workflow string) *Operation {
	return operation(&Operation{Name: name, Method: http.MethodPut, Pattern: pattern, body: body, Workflow: workflow, RetryToken: true})
}

// remove is an operation by DELETE.
func remove(name, pattern, workflow string) *Operation {
	return operation(&Operation{Name: name, Method: http.MethodDelete, Pattern: pattern, Workflow: workflow})
}

// get is an operation by GET without a query.
func get(name, pattern string, result *schema) *Operation {
	return operation(&Operation{Name: name, Method: http.MethodGet, Pattern: pattern, result: result})
}

// list is an operation by GET that answers in pages.
func list(name, pattern string, result, query *schema) *Operation {
	return operation(&Operation{Name: name, Method: http.MethodGet, Pattern: pattern, result: result, query: query, Paged: true})
}

// operation fills in what follows from the rest. A work request has an etag of its own and no if-match, since nothing
// can be done to it.
func operation(o *Operation) *Operation {
	inside := strings.HasPrefix(o.Pattern, loadBalancerPath)
	o.IfMatch = inside && o.Name != "ListWorkRequests"
	o.ETag = !o.Write() && o.IfMatch || o.Name == "GetWorkRequest"
	o.Compact = o.Paged && !inside
	switch {
	case o.body == nil:
	case o.Name == "CreateLoadBalancer", o.Name == "CreateCertificate":
		o.bodyBytesMax = certificateBodyBytesMax
	default:
		o.bodyBytesMax = bodyBytesMax
	}
	return o
}

// Operations returns every operation of the API.
func Operations() []*Operation { return append([]*Operation(nil), operations...) }
