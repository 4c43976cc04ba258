package ociapi_test

import (
	"fmt"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// items returns so many rules that differ.
func items(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X-%d"}`, i))
	}
	return strings.Join(list, ",")
}

// redirect is a redirect of a path.
func redirect(path, operator string) string {
	return `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"` + path + `","operator":"` + operator + `"}],"redirectUri":{"host":"b.test"}}`
}

// policy is a routing policy of one condition.
func policy(condition, set string) string {
	return fmt.Sprintf(`{"name":"p","conditionLanguageVersion":"V1","rules":[{"name":"one","condition":%q,"actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"%s"}]}]}`, condition, set)
}

// refusedRules is what is wrong with rule sets by themselves. Each is tried on creation, on update and in a new load balancer.
var refusedRules = []struct{ name, items, want string }{
	{"dollar_RUL_02", `{"action":"ADD_HTTP_REQUEST_HEADER","header":"X","value":"a$b"}`, "dollar sign"},
	{"braces_RUL_02", `{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X","value":"{host}"}`, "braces"},
	{"dollar-in-prefix_RUL_02", `{"action":"EXTEND_HTTP_REQUEST_HEADER_VALUE","header":"X","prefix":"$"}`, "dollar sign"},
	{"braces-in-suffix_RUL_02", `{"action":"EXTEND_HTTP_RESPONSE_HEADER_VALUE","header":"X","suffix":"a{b}"}`, "braces"},
	{"line-end_RUL_02", `{"action":"ADD_HTTP_REQUEST_HEADER","header":"X","value":"a\r\nB: c"}`, "visible ASCII"},
	{"extend-by-nothing_RUL_01", `{"action":"EXTEND_HTTP_REQUEST_HEADER_VALUE","header":"X"}`, "prefix or suffix"},
	{"framing_RUL_01", `{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X"},{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"Content_Length"}`, "items[1] (REMOVE_HTTP_REQUEST_HEADER): header edit 1: field Content_Length belongs to the connection"},
	{"two-conditions_RUL_03", `{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.0/8"},{"attributeName":"SOURCE_VCN_ID","attributeValue":"v"}]}`, "cannot be"},
	{"vcn-block-alone_RUL_03", `{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_VCN_IP_ADDRESS","attributeValue":"10.0.0.0/8"}]}`, "cannot be"},
	{"no-block_RUL_03", `{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.1"}]}`, "CIDR"},
	{"no-method_RUL_04", `{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":[]}`, "size must be"},
	{"method-no-token_RUL_04", `{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GE T"]}`, "letters"},
	{"status-of-success_RUL_04", `{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"],"statusCode":200}`, "status 200 for other methods, 400 to 599 are allowed"},
	{"status-304_RUL_04", `{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"],"statusCode":304}`, "400 to 599"},
	{"redirect-no-path_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.0/8"}]}`, "not allowed when action is REDIRECT"},
	{"redirect-status_RUL_05", `{"action":"REDIRECT","responseCode":304,"conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}]}`, "301, 302, 303, 307, 308"},
	{"redirect-token_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"path":"/{Host}"}}`, "braces are for"},
	{"redirect-escape_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"path":"/\\n"}}`, "stand for themselves"},
	{"redirect-host-with-port_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"host":"b.test:80"}}`, "a host has no port"},
	{"redirect-host-of-client_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"host":"{query}"}}`, `host "{query}": want a name`},
	{"redirect-path_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"path":"x"}}`, "must begin with / or {path}"},
	{"redirect-fragment_RUL_05", `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"query":"?a#b"}}`, "begin other parts"},
	{"head-size_RUL_06", `{"action":"HTTP_HEADER","httpLargeHeaderSizeInKB":12}`, "8, 16, 32, 64"},
	{"caps-of-nothing_RUL_07", `{"action":"IP_BASED_MAX_CONNECTIONS"}`, "needs defaultMaxConnections or ipMaxConnections"},
	{"caps-zero_RUL_07", `{"action":"IP_BASED_MAX_CONNECTIONS","defaultMaxConnections":0}`, "defaultMaxConnections"},
	{"caps-no-block_RUL_07", `{"action":"IP_BASED_MAX_CONNECTIONS","ipMaxConnections":[{"ipAddresses":["10.0.0.0/33"],"maxConnections":1}]}`, "CIDR"},
	{"caps-four_OP_22", `{"action":"IP_BASED_MAX_CONNECTIONS","ipMaxConnections":[{"ipAddresses":["10.0.0.0/8"],"maxConnections":1},{"ipAddresses":["11.0.0.0/8"],"maxConnections":1},{"ipAddresses":["12.0.0.0/8"],"maxConnections":1},{"ipAddresses":["13.0.0.0/8"],"maxConnections":1}]}`, "ipMaxConnections size must be between 0 and 3"},
	{"rules-21_OP_22", items(21), "items size must be between 1 and 20"},
}

// TestRefusedRules: what is wrong with a rule is said with its field, and nothing is changed.
func TestRefusedRules(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", twoSets+`,"ruleSets":{"s":{"items":[{"action":"HTTP_HEADER"}]}}`)
	before := r.must("GET", lb, "")
	for _, c := range refusedRules {
		t.Run(c.name, func(t *testing.T) {
			for _, try := range []struct{ method, target, body string }{
				{"POST", lb + "/ruleSets", `{"name":"t","items":[` + c.items + `]}`},
				{"PUT", lb + "/ruleSets/s", `{"items":[` + c.items + `]}`},
				{"POST", "/loadBalancers", `{"compartmentId":"` + compartment + `","displayName":"x","shapeName":"100Mbps","subnetIds":["s"],"ruleSets":{"t":{"items":[` + c.items + `]}}}`},
			} {
				_, err := r.do(try.method, try.target, try.body)
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s %s: got %v, want %q in it", try.method, try.target, err, c.want)
				}
			}
		})
	}
	if after := r.must("GET", lb, ""); after.ETag != before.ETag {
		t.Errorf("afterwards: etag %s, want %s still", after.ETag, before.ETag)
	}
}

// TestRefusedRouting: what is wrong with path route sets, routing policies, hostnames and how listeners use them.
func TestRefusedRouting(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", withListeners("l", `,"hostnameNames":["h"]`, "m", `,"hostnameNames":["i"]`)+`,
		"hostnames":{"h":{"name":"h","hostname":"a.test"},"i":{"name":"i","hostname":"*.b.test"},"j":{"name":"j","hostname":"A.Test"}},
		"ruleSets":{"m1":{"items":[{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"]}]},"m2":{"items":[{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["PUT"]}]},
			"h1":{"items":[{"action":"HTTP_HEADER"}]},"h2":{"items":[{"action":"HTTP_HEADER"},{"action":"HTTP_HEADER"}]},
			"r1":{"items":[`+redirect("/x", "EXACT_MATCH")+`]},"r2":{"items":[`+redirect("/X", "PREFIX_MATCH")+`]},"many":{"items":[`+items(20)+`]}}`)
	r.done("POST", lb+"/listeners", `{"name":"o","defaultBackendSetName":"a","port":81,"protocol":"HTTP"}`)
	r.done("POST", lb+"/routingPolicies", strings.Replace(policy("http.request.url.path eq '/'", "a"), `"p"`, `"q"`, 1))
	before := r.must("GET", lb, "")
	listener := func(more string) string {
		return `{"defaultBackendSetName":"a","port":81,"protocol":"HTTP",` + more + `}`
	}
	routes := strings.Repeat(`{"path":"/x","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"a"},`, 20)
	for _, c := range []struct {
		name, method, path, body string
		code                     wire.Code
		want                     []string
	}{
		{"policy-of-no-set_OP_14", "POST", "/routingPolicies", policy("http.request.url.path eq '/'", "nope"), wire.InvalidParameter,
			[]string{"contains a rule referencing BackendSet", "which does not exist in load balancer", "'nope'"}},
		{"policy-changed-to-no-set_OP_14", "PUT", "/routingPolicies/q", `{"rules":[{"name":"x","condition":"http.request.url.path eq '/'","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"nope"}]}]}`, wire.InvalidParameter,
			[]string{"contains a rule referencing BackendSet", "which does not exist in load balancer"}},
		{"condition_RTE_02", "POST", "/routingPolicies", policy("http.request.url.path is '/'", "a"), wire.InvalidParameter, []string{"rules[0].condition of rule 'one'", "character 23", "is '/'"}},
		{"condition-of-update_RTE_02", "PUT", "/routingPolicies/q", `{"rules":[{"name":"x","condition":"http.request.url.path eq '/","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"a"}]}]}`, wire.InvalidParameter,
			[]string{"rules[0].condition of rule 'x'"}},
		{"header-key-with-case_RTE_02", "POST", "/routingPolicies", policy("http.request.headers['Host'] eq 'a'", "a"), wire.InvalidParameter, []string{"(i '"}},
		{"condition-too-deep_RTE_03", "POST", "/routingPolicies", policy(strings.Repeat("any(", 20)+"http.request.url.path eq '/'"+strings.Repeat(")", 20), "a"), wire.InvalidParameter, []string{"no more than 16 conditions inside each other"}},
		{"policy-name-twice", "POST", "/routingPolicies", strings.Replace(policy("http.request.url.path eq '/'", "a"), `"p"`, `"q"`, 1), wire.Conflict, []string{"already has a routing policy named 'q'"}},
		{"routes-of-no-set", "POST", "/pathRouteSets", `{"name":"p","pathRoutes":[{"path":"/x","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"nope"}]}`, wire.InvalidParameter, []string{"BackendSet 'nope' which does not exist in load balancer", "pathRoutes[0]"}},
		{"routes-with-star", "POST", "/pathRouteSets", `{"name":"p","pathRoutes":[{"path":"/x*","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"a"}]}`, wire.InvalidParameter, []string{"wildcards"}},
		{"routes-21_OP_22", "POST", "/pathRouteSets", `{"name":"p","pathRoutes":[` + routes + strings.TrimSuffix(routes[:len(routes)/20], ",") + `]}`, wire.InvalidParameter, []string{"size must be between 0 and 20"}},
		{"host-twice_HST_01", "PUT", "/listeners/m", `{"defaultBackendSetName":"a","port":80,"protocol":"HTTP","hostnameNames":["j"]}`, wire.InvalidParameter, []string{"'l' and 'm' on port 80 both have host 'a.test'"}},
		{"hostname-changed-to-another's_HST_01", "PUT", "/hostnames/i", `{"hostname":"a.TEST"}`, wire.InvalidParameter, []string{"both have host 'a.test'"}},
		{"hostname-star-inside_HST_01", "POST", "/hostnames", `{"name":"k","hostname":"a.*.test"}`, wire.InvalidParameter, []string{"use a host name"}},
		{"hostname-two-stars_HST_01", "POST", "/hostnames", `{"name":"k","hostname":"*.a.*"}`, wire.InvalidParameter, []string{"use a host name"}},
		{"hostname-too-long_HST_01", "POST", "/hostnames", `{"name":"k","hostname":"` + strings.Repeat("a.", 127) + `"}`, wire.InvalidParameter, nil},
		{"methods-twice_RUL_04", "PUT", "/listeners/o", listener(`"ruleSetNames":["m1","m2"]`), wire.InvalidParameter, []string{"only one rule with action CONTROL_ACCESS_USING_HTTP_METHODS", "'m1'", "'m2'"}},
		{"head-twice_RUL_06", "PUT", "/listeners/o", listener(`"ruleSetNames":["h2"]`), wire.InvalidParameter, []string{"only one rule with action HTTP_HEADER"}},
		{"redirect-twice_RUL_05", "PUT", "/listeners/o", listener(`"ruleSetNames":["r1","r2"]`), wire.InvalidParameter, []string{"only one rule with action REDIRECT for path '/X'"}},
		{"rule-set-on-tcp_RUL_09", "PUT", "/listeners/o", strings.Replace(listener(`"ruleSetNames":["m1"]`), "HTTP", "TCP", 1), wire.InvalidParameter, []string{"rule sets are for HTTP"}},
		{"new-tcp-with-rule-set_RUL_09", "POST", "/listeners", `{"name":"n","defaultBackendSetName":"a","port":82,"protocol":"TCP","ruleSetNames":["m1"]}`, wire.InvalidParameter, []string{"rule sets are for HTTP"}},
		{"routes-and-policy", "PUT", "/listeners/o", listener(`"routingPolicyName":"q","pathRouteSetName":"p"`), wire.InvalidParameter, []string{"cannot be given together"}},
	} {
		got := r.refused(c.code, c.method, lb+c.path, c.body)
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q in it", c.name, got, want)
			}
		}
		if after := r.must("GET", lb, ""); after.ETag != before.ETag {
			t.Errorf("%s: the load balancer has changed", c.name)
		}
	}
}

// TestOnlyOneKeptByUpdates: a rule set that several listeners use may not grow what one of them has already.
func TestOnlyOneKeptByUpdates_RUL_04_RUL_05_RUL_06(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", withListeners("l", `,"ruleSetNames":["a","b"]`)+`,"ruleSets":{"a":{"items":[{"action":"HTTP_HEADER"}]},"b":{"items":[`+redirect("/x", "EXACT_MATCH")+`]}}`)
	got := r.refused(wire.InvalidParameter, "PUT", lb+"/ruleSets/b", `{"items":[{"action":"HTTP_HEADER"}]}`)
	if !strings.Contains(got, "Listener 'l'") {
		t.Errorf("got %q", got)
	}
	r.done("PUT", lb+"/ruleSets/b", `{"items":[`+redirect("/x", "EXACT_MATCH")+`,`+redirect("/y", "EXACT_MATCH")+`]}`)
}

// TestRuleLimit: 50 rules in all rule sets, not 51.
func TestRuleLimit_OP_22(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", `"ruleSets":{"a":{"items":[`+items(20)+`]},"b":{"items":[`+items(20)+`]}}`)
	r.refused(wire.LimitExceeded, "POST", lb+"/ruleSets", `{"name":"c","items":[`+items(11)+`]}`)
	r.done("POST", lb+"/ruleSets", `{"name":"c","items":[`+items(10)+`]}`)
	if got := r.refused(wire.LimitExceeded, "PUT", lb+"/ruleSets/c", `{"items":[`+items(11)+`]}`); !strings.Contains(got, "more than 50 rules") {
		t.Errorf("got %q", got)
	}
}

// TestHostnameLimit: 16 hostnames, in one request or one by one.
func TestHostnameLimit_OP_22(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", "")
	var last string
	for i := range 16 {
		last = r.must("POST", lb+"/hostnames", fmt.Sprintf(`{"name":"h%d","hostname":"h%d.test"}`, i, i)).WorkRequestID
	}
	r.await(last)
	if got := r.refused(wire.LimitExceeded, "POST", lb+"/hostnames", `{"name":"h","hostname":"h.test"}`); !strings.Contains(got, "at most 16") {
		t.Errorf("got %q", got)
	}
}

// TestRequestIDField: the fields that tell backends of clients carry nothing else.
func TestRequestIDField_HDR_03_OP_24(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", `"isRequestIdEnabled":true`)
	for _, name := range []string{"X-Forwarded-For", "x-forwarded_for", "X-REAL-IP", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto"} {
		if got := r.refused(wire.InvalidParameter, "PUT", lb, `{"requestIdHeader":"`+name+`"}`); !strings.Contains(got, "writes X-") {
			t.Errorf("%s: got %q", name, got)
		}
	}
	r.done("PUT", lb, `{"requestIdHeader":"X-Trace"}`)
}
