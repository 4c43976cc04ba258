package ociapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/loadbalancer"

	"lull/internal/lulltest/testca"

	"lull/internal/lulltest"
)

// quoted returns a text as JSON.
func quoted(text string) string {
	out, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string cannot fail
	}
	return string(out)
}

func (l *life) certificates() {
	issued := testca.NewFor(l.t).IssueFor(l.t, testca.Request{Names: []string{"shop.example.com"}})
	chain := string(issued.Chain)
	create := func(key string) (loadbalancer.CreateCertificateResponse, error) {
		return l.CreateCertificate(l.ctx, loadbalancer.CreateCertificateRequest{LoadBalancerId: l.id, CreateCertificateDetails: loadbalancer.CreateCertificateDetails{
			CertificateName: common.String("cert"), PublicCertificate: &chain, PrivateKey: &key,
		}})
	}
	_, err := create("no key")
	l.refused("CreateCertificate", err, 400, "InvalidParameter", "privateKey")
	r, err := create(string(issued.Key))
	l.done("CreateCertificate", err, r.OpcWorkRequestId)
	_, err = l.ListCertificates(l.ctx, loadbalancer.ListCertificatesRequest{LoadBalancerId: l.id})
	l.read("ListCertificates", err, `[{"certificateName":"cert","publicCertificate":`+quoted(chain)+`}]`)
	d, err := l.DeleteCertificate(l.ctx, loadbalancer.DeleteCertificateRequest{LoadBalancerId: l.id, CertificateName: common.String("cert")})
	l.done("DeleteCertificate", err, d.OpcWorkRequestId)
}

func (l *life) suites() {
	create := func(name string, ciphers ...string) (loadbalancer.CreateSSLCipherSuiteResponse, error) {
		return l.CreateSSLCipherSuite(l.ctx, loadbalancer.CreateSSLCipherSuiteRequest{LoadBalancerId: l.id,
			CreateSslCipherSuiteDetails: loadbalancer.CreateSslCipherSuiteDetails{Name: &name, Ciphers: ciphers}})
	}
	_, err := create("oci-default-ssl-cipher-suite-v1", "AES128-SHA")
	l.refused("CreateSSLCipherSuite", err, 400, "InvalidParameter")
	r, err := create("mine", "ECDHE-RSA-AES256-GCM-SHA384")
	l.done("CreateSSLCipherSuite", err, r.OpcWorkRequestId)
	u, err := l.UpdateSSLCipherSuite(l.ctx, loadbalancer.UpdateSSLCipherSuiteRequest{LoadBalancerId: l.id, Name: common.String("mine"),
		UpdateSslCipherSuiteDetails: loadbalancer.UpdateSslCipherSuiteDetails{Ciphers: []string{"ECDHE-RSA-AES128-GCM-SHA256"}}})
	l.done("UpdateSSLCipherSuite", err, u.OpcWorkRequestId)
	_, err = l.GetSSLCipherSuite(l.ctx, loadbalancer.GetSSLCipherSuiteRequest{LoadBalancerId: l.id, Name: common.String("mine")})
	l.read("GetSSLCipherSuite", err, `{"name":"mine","ciphers":["ECDHE-RSA-AES128-GCM-SHA256"]}`)
	list, err := l.ListSSLCipherSuites(l.ctx, loadbalancer.ListSSLCipherSuitesRequest{LoadBalancerId: l.id})
	l.fine("ListSSLCipherSuites", err)
	if len(list.Items) < 10 {
		l.t.Errorf("ListSSLCipherSuites: got %d, want the predefined ones, too", len(list.Items))
	}
	_, err = l.DeleteSSLCipherSuite(l.ctx, loadbalancer.DeleteSSLCipherSuiteRequest{LoadBalancerId: l.id, Name: common.String("oci-default-ssl-cipher-suite-v1")})
	if err == nil {
		l.t.Error("DeleteSSLCipherSuite of a predefined one: got no error")
	}
	d, err := l.DeleteSSLCipherSuite(l.ctx, loadbalancer.DeleteSSLCipherSuiteRequest{LoadBalancerId: l.id, Name: common.String("mine")})
	l.done("DeleteSSLCipherSuite", err, d.OpcWorkRequestId)
}

// routes makes what chooses backend sets, and leaves path route set "paths" and routing policy "policy" for the listeners.
func (l *life) routes() {
	route := func(path, set string) []loadbalancer.PathRoute {
		return []loadbalancer.PathRoute{{Path: &path, BackendSetName: &set, PathMatchType: &loadbalancer.PathMatchType{MatchType: "PREFIX_MATCH"}}}
	}
	r, err := l.CreatePathRouteSet(l.ctx, loadbalancer.CreatePathRouteSetRequest{LoadBalancerId: l.id,
		CreatePathRouteSetDetails: loadbalancer.CreatePathRouteSetDetails{Name: common.String("paths"), PathRoutes: route("/video", "app")}})
	l.done("CreatePathRouteSet", err, r.OpcWorkRequestId)
	u, err := l.UpdatePathRouteSet(l.ctx, loadbalancer.UpdatePathRouteSetRequest{LoadBalancerId: l.id, PathRouteSetName: common.String("paths"),
		UpdatePathRouteSetDetails: loadbalancer.UpdatePathRouteSetDetails{PathRoutes: route("/audio", "other")}})
	l.done("UpdatePathRouteSet", err, u.OpcWorkRequestId)
	const paths = `{"name":"paths","pathRoutes":[{"path":"/audio","pathMatchType":{"matchType":"PREFIX_MATCH"},"backendSetName":"other"}]}`
	_, err = l.GetPathRouteSet(l.ctx, loadbalancer.GetPathRouteSetRequest{LoadBalancerId: l.id, PathRouteSetName: common.String("paths")})
	l.read("GetPathRouteSet", err, paths)
	_, err = l.ListPathRouteSets(l.ctx, loadbalancer.ListPathRouteSetsRequest{LoadBalancerId: l.id})
	l.read("ListPathRouteSets", err, `[`+paths+`]`)

	rule := func(condition, set string) []loadbalancer.RoutingRule {
		return []loadbalancer.RoutingRule{{Name: common.String("r"), Condition: &condition, Actions: []loadbalancer.Action{loadbalancer.ForwardToBackendSet{BackendSetName: &set}}}}
	}
	create := func(rules []loadbalancer.RoutingRule) (loadbalancer.CreateRoutingPolicyResponse, error) {
		return l.CreateRoutingPolicy(l.ctx, loadbalancer.CreateRoutingPolicyRequest{LoadBalancerId: l.id, CreateRoutingPolicyDetails: loadbalancer.CreateRoutingPolicyDetails{
			Name: common.String("policy"), ConditionLanguageVersion: loadbalancer.CreateRoutingPolicyDetailsConditionLanguageVersionV1, Rules: rules,
		}})
	}
	_, err = create(rule(`http.request.url.path sw '/a'`, "none"))
	l.refused("CreateRoutingPolicy", err, 400, "InvalidParameter", "contains a rule referencing BackendSet", "which does not exist in load balancer")
	_, err = create(rule(`http.request.url.path like '/a'`, "app"))
	l.refused("CreateRoutingPolicy", err, 400, "InvalidParameter", "condition")
	p, err := create(rule(`http.request.url.path sw '/a'`, "app"))
	l.done("CreateRoutingPolicy", err, p.OpcWorkRequestId)
	up, err := l.UpdateRoutingPolicy(l.ctx, loadbalancer.UpdateRoutingPolicyRequest{LoadBalancerId: l.id, RoutingPolicyName: common.String("policy"),
		UpdateRoutingPolicyDetails: loadbalancer.UpdateRoutingPolicyDetails{Rules: rule(`http.request.url.path sw '/b'`, "other")}})
	l.done("UpdateRoutingPolicy", err, up.OpcWorkRequestId)
	const policy = `{"name":"policy","conditionLanguageVersion":"V1","rules":[{"name":"r","condition":"http.request.url.path sw '/b'",
		"actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"other"}]}]}`
	_, err = l.GetRoutingPolicy(l.ctx, loadbalancer.GetRoutingPolicyRequest{LoadBalancerId: l.id, RoutingPolicyName: common.String("policy")})
	l.read("GetRoutingPolicy", err, policy)
	_, err = l.ListRoutingPolicies(l.ctx, loadbalancer.ListRoutingPoliciesRequest{LoadBalancerId: l.id})
	l.read("ListRoutingPolicies", err, `[`+policy+`]`)
}

// rules makes rule set "rules" for the listeners.
func (l *life) rules() {
	items := func(value string) []loadbalancer.Rule {
		return []loadbalancer.Rule{
			loadbalancer.AddHttpResponseHeaderRule{Header: common.String("X-Made-By"), Value: &value},
			loadbalancer.AllowRule{Conditions: []loadbalancer.RuleCondition{loadbalancer.SourceIpAddressCondition{AttributeValue: common.String("127.0.0.0/8")}}},
		}
	}
	_, err := l.CreateRuleSet(l.ctx, loadbalancer.CreateRuleSetRequest{LoadBalancerId: l.id,
		CreateRuleSetDetails: loadbalancer.CreateRuleSetDetails{Name: common.String("rules"), Items: items("$host")}})
	l.refused("CreateRuleSet", err, 400, "InvalidParameter", "value")
	r, err := l.CreateRuleSet(l.ctx, loadbalancer.CreateRuleSetRequest{LoadBalancerId: l.id,
		CreateRuleSetDetails: loadbalancer.CreateRuleSetDetails{Name: common.String("rules"), Items: items("a")}})
	l.done("CreateRuleSet", err, r.OpcWorkRequestId)
	u, err := l.UpdateRuleSet(l.ctx, loadbalancer.UpdateRuleSetRequest{LoadBalancerId: l.id, RuleSetName: common.String("rules"),
		UpdateRuleSetDetails: loadbalancer.UpdateRuleSetDetails{Items: items("b")}})
	l.done("UpdateRuleSet", err, u.OpcWorkRequestId)
	const rules = `{"name":"rules","items":[{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X-Made-By","value":"b"},
		{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"127.0.0.0/8"}]}]}`
	_, err = l.GetRuleSet(l.ctx, loadbalancer.GetRuleSetRequest{LoadBalancerId: l.id, RuleSetName: common.String("rules")})
	l.read("GetRuleSet", err, rules)
	_, err = l.ListRuleSets(l.ctx, loadbalancer.ListRuleSetsRequest{LoadBalancerId: l.id})
	l.read("ListRuleSets", err, `[`+rules+`]`)
}

// listeners makes one, changes it and asks for its rules.
func (l *life) listeners() {
	create := func(idle int64, set string) (loadbalancer.CreateListenerResponse, error) {
		return l.CreateListener(l.ctx, loadbalancer.CreateListenerRequest{LoadBalancerId: l.id, CreateListenerDetails: loadbalancer.CreateListenerDetails{
			Name: common.String("web"), DefaultBackendSetName: &set, Port: common.Int(18080), Protocol: common.String("HTTP"),
			RoutingPolicyName: common.String("policy"), RuleSetNames: []string{"rules"}, ConnectionConfiguration: &loadbalancer.ConnectionConfiguration{IdleTimeout: &idle},
		}})
	}
	for _, idle := range []int64{0, 7201, -1} { // TMO-01
		_, err := create(idle, "app")
		l.refused("CreateListener", err, 400, "InvalidParameter", "idleTimeout", "1 to 7200")
	}
	_, err := create(60, "none")
	l.refused("CreateListener", err, 400, "InvalidParameter", "none")
	r, err := create(7200, "app")
	l.done("CreateListener", err, r.OpcWorkRequestId)
	form := func(idle int) string {
		return fmt.Sprintf(`{"web":{"name":"web","defaultBackendSetName":"app","port":18080,"protocol":"HTTP","hostnameNames":[],"routingPolicyName":"policy",
			"ruleSetNames":["rules"],"connectionConfiguration":{"idleTimeout":%d}}}`, idle)
	}
	l.listener(form(7200))
	_, err = l.ListListenerRules(l.ctx, loadbalancer.ListListenerRulesRequest{LoadBalancerId: l.id, ListenerName: common.String("web")})
	l.read("ListListenerRules", err, `[{"ruleSetName":"rules","rule":{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"127.0.0.0/8"}]}},
		{"ruleSetName":"rules","rule":{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X-Made-By","value":"b"}}]`) // RUL-08
	// OP-05, OP-06: without a connection configuration it has its protocol's default, and shows it.
	u, err := l.UpdateListener(l.ctx, loadbalancer.UpdateListenerRequest{LoadBalancerId: l.id, ListenerName: common.String("web"),
		UpdateListenerDetails: loadbalancer.UpdateListenerDetails{
			DefaultBackendSetName: common.String("app"), Port: common.Int(18080), Protocol: common.String("HTTP"),
			RoutingPolicyName: common.String("policy"), RuleSetNames: []string{"rules"},
		}})
	l.done("UpdateListener", err, u.OpcWorkRequestId)
	l.listener(form(60))
	_, err = l.DeleteBackendSet(l.ctx, loadbalancer.DeleteBackendSetRequest{LoadBalancerId: l.id, BackendSetName: common.String("other")})
	l.refused("DeleteBackendSet", err, 400, "InvalidParameter", "Can't remove backend set", "since it is used in") // OP-13
}

// listener wants the listeners of the load balancer to be of a form. There is no other way to read them.
func (l *life) listener(form string) {
	l.t.Helper()
	l.balancer()
	var got struct {
		Listeners json.RawMessage `json:"listeners"`
	}
	if err := json.Unmarshal(l.last.body, &got); err != nil {
		l.t.Fatal(err)
	}
	l.last.body = got.Listeners
	l.like("the listeners", form)
}

func (l *life) health() {
	_, err := l.GetLoadBalancerHealth(l.ctx, loadbalancer.GetLoadBalancerHealthRequest{LoadBalancerId: l.id})
	l.read("GetLoadBalancerHealth", err, `{"status":"UNKNOWN","warningStateBackendSetNames":[],"criticalStateBackendSetNames":[],
		"unknownStateBackendSetNames":["app","other"],"totalBackendSetCount":2}`)
	_, err = l.ListLoadBalancerHealths(l.ctx, loadbalancer.ListLoadBalancerHealthsRequest{CompartmentId: &l.tenancy})
	l.read("ListLoadBalancerHealths", err, `[{"loadBalancerId":"`+*l.id+`","status":"UNKNOWN"}]`)
	at := l.Net(1) + ".2"
	r, err := l.CreateBackend(l.ctx, loadbalancer.CreateBackendRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"),
		CreateBackendDetails: loadbalancer.CreateBackendDetails{IpAddress: &at, Port: common.Int(8080)}})
	l.done("CreateBackend", err, r.OpcWorkRequestId)
	lulltest.Within(l.t, patience, func() string { // nobody listens there; two probers find that out
		h, err := l.GetBackendHealth(l.ctx, loadbalancer.GetBackendHealthRequest{LoadBalancerId: l.id, BackendSetName: common.String("app"), BackendName: common.String(at + ":8080")})
		l.fine("GetBackendHealth", err)
		if h.Status != loadbalancer.BackendHealthStatusCritical {
			return fmt.Sprintf("GetBackendHealth: got %s", l.last.body)
		}
		return ""
	})
	_, err = l.GetBackendSetHealth(l.ctx, loadbalancer.GetBackendSetHealthRequest{LoadBalancerId: l.id, BackendSetName: common.String("app")})
	l.read("GetBackendSetHealth", err, fmt.Sprintf(`{"status":"CRITICAL","warningStateBackendNames":[],"criticalStateBackendNames":["%s:8080"],
		"unknownStateBackendNames":[],"totalBackendCount":1}`, at))
}

// itself changes what belongs to the load balancer as a whole.
func (l *life) itself() {
	before := l.balancer()
	old := l.etag
	u, err := l.UpdateLoadBalancer(l.ctx, loadbalancer.UpdateLoadBalancerRequest{LoadBalancerId: l.id, IfMatch: &old,
		UpdateLoadBalancerDetails: loadbalancer.UpdateLoadBalancerDetails{IsDeleteProtectionEnabled: common.Bool(true)}})
	l.done("UpdateLoadBalancer", err, u.OpcWorkRequestId)
	after := l.balancer() // OP-07
	if *after.DisplayName != *before.DisplayName || !reflect.DeepEqual(after.FreeformTags, before.FreeformTags) || !*after.IsDeleteProtectionEnabled || l.etag == old {
		l.t.Errorf("UpdateLoadBalancer: got %v, before %v", after, before)
	}
	_, err = l.UpdateLoadBalancer(l.ctx, loadbalancer.UpdateLoadBalancerRequest{LoadBalancerId: l.id, IfMatch: &old,
		UpdateLoadBalancerDetails: loadbalancer.UpdateLoadBalancerDetails{DisplayName: common.String("late")}})
	l.refused("UpdateLoadBalancer", err, 412, "NoEtagMatch") // API-13
	_, err = l.DeleteLoadBalancer(l.ctx, loadbalancer.DeleteLoadBalancerRequest{LoadBalancerId: l.id})
	l.refused("DeleteLoadBalancer", err, 409, "Conflict") // OP-15
	s, err := l.UpdateLoadBalancerShape(l.ctx, loadbalancer.UpdateLoadBalancerShapeRequest{LoadBalancerId: l.id,
		UpdateLoadBalancerShapeDetails: loadbalancer.UpdateLoadBalancerShapeDetails{ShapeName: common.String("400Mbps")}})
	l.done("UpdateLoadBalancerShape", err, s.OpcWorkRequestId)
	g, err := l.UpdateNetworkSecurityGroups(l.ctx, loadbalancer.UpdateNetworkSecurityGroupsRequest{LoadBalancerId: l.id,
		UpdateNetworkSecurityGroupsDetails: loadbalancer.UpdateNetworkSecurityGroupsDetails{NetworkSecurityGroupIds: []string{"ocid1.networksecuritygroup.oc1.phx.a"}}})
	l.done("UpdateNetworkSecurityGroups", err, g.OpcWorkRequestId)
	const compartment = "ocid1.compartment.oc1..aaaa"
	m, err := l.ChangeLoadBalancerCompartment(l.ctx, loadbalancer.ChangeLoadBalancerCompartmentRequest{LoadBalancerId: l.id,
		ChangeLoadBalancerCompartmentDetails: loadbalancer.ChangeLoadBalancerCompartmentDetails{CompartmentId: common.String(compartment)}})
	l.done("ChangeLoadBalancerCompartment", err, m.OpcWorkRequestId)
	now := l.balancer()
	if *now.ShapeName != "400Mbps" || now.ShapeDetails != nil || len(now.NetworkSecurityGroupIds) != 1 || *now.CompartmentId != compartment {
		l.t.Errorf("after all changes: got %v", now)
	}
}

// end takes everything away.
func (l *life) end() {
	off, err := l.UpdateLoadBalancer(l.ctx, loadbalancer.UpdateLoadBalancerRequest{LoadBalancerId: l.id,
		UpdateLoadBalancerDetails: loadbalancer.UpdateLoadBalancerDetails{IsDeleteProtectionEnabled: common.Bool(false)}})
	l.done("UpdateLoadBalancer", err, off.OpcWorkRequestId)
	r, err := l.DeleteListener(l.ctx, loadbalancer.DeleteListenerRequest{LoadBalancerId: l.id, ListenerName: common.String("web")})
	l.done("DeleteListener", err, r.OpcWorkRequestId)
	p, err := l.DeleteRoutingPolicy(l.ctx, loadbalancer.DeleteRoutingPolicyRequest{LoadBalancerId: l.id, RoutingPolicyName: common.String("policy")})
	l.done("DeleteRoutingPolicy", err, p.OpcWorkRequestId)
	s, err := l.DeletePathRouteSet(l.ctx, loadbalancer.DeletePathRouteSetRequest{LoadBalancerId: l.id, PathRouteSetName: common.String("paths")})
	l.done("DeletePathRouteSet", err, s.OpcWorkRequestId)
	u, err := l.DeleteRuleSet(l.ctx, loadbalancer.DeleteRuleSetRequest{LoadBalancerId: l.id, RuleSetName: common.String("rules")})
	l.done("DeleteRuleSet", err, u.OpcWorkRequestId)
	_, err = l.DeleteRuleSet(l.ctx, loadbalancer.DeleteRuleSetRequest{LoadBalancerId: l.id, RuleSetName: common.String("rules")})
	l.refused("DeleteRuleSet", err, 404, "NotAuthorizedOrNotFound")
	for _, name := range []string{"app", "other"} {
		b, err := l.DeleteBackendSet(l.ctx, loadbalancer.DeleteBackendSetRequest{LoadBalancerId: l.id, BackendSetName: &name})
		l.done("DeleteBackendSet", err, b.OpcWorkRequestId)
	}
	d, err := l.DeleteLoadBalancer(l.ctx, loadbalancer.DeleteLoadBalancerRequest{LoadBalancerId: l.id})
	l.done("DeleteLoadBalancer", err, d.OpcWorkRequestId)
	_, err = l.GetLoadBalancer(l.ctx, loadbalancer.GetLoadBalancerRequest{LoadBalancerId: l.id})
	l.refused("GetLoadBalancer", err, http.StatusNotFound, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")
}

// operationNames returns what the SDK's client can do.
func operationNames() []string {
	var names []string
	client := reflect.TypeFor[loadbalancer.LoadBalancerClient]()
	for i := range client.NumMethod() {
		m := client.Method(i)
		if m.Type.NumIn() == 3 && m.Type.NumOut() == 2 && strings.HasSuffix(m.Type.In(2).Name(), "Request") {
			names = append(names, m.Name)
		}
	}
	return names
}
