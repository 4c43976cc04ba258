package ociapi_test

import (
	"fmt"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// twoSets is two backend sets for a load balancer that is made.
const twoSets = `"backendSets":{"a":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}},"b":{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}}}`

// withListeners is two backend sets and listeners, each a name and its fields behind port, protocol and default set.
func withListeners(listeners ...string) string {
	var list []string
	for i := 0; i < len(listeners); i += 2 {
		list = append(list, `"`+listeners[i]+`":{"defaultBackendSetName":"a","port":80,"protocol":"HTTP"`+listeners[i+1]+`}`)
	}
	return twoSets + `,"listeners":{` + strings.Join(list, ",") + `}`
}

// children is the four kinds of children of this file's neighbours, with which every operation on them is tried.
var children = []struct {
	path, name, kind string
	make, change     string // body of creation and of update
	use              string // what a listener has to say to use it
	made, changed    string // what reads show, in fmt's words
}{
	{
		path: "/hostnames", name: "h", kind: "hostname", make: `{"name":"h","hostname":"a.test"}`, change: `{"hostname":"*.b.test"}`,
		use: `"hostnameNames":["h"]`, made: "{h a.test}", changed: "{h *.b.test}",
	},
	{
		path: "/pathRouteSets", name: "p", kind: "path route set", use: `"pathRouteSetName":"p"`,
		make:   `{"name":"p","pathRoutes":[{"path":"/x","pathMatchType":{"matchType":"exact_match"},"backendSetName":"a"},{"path":"/y","pathMatchType":{"matchType":"SUFFIX_MATCH"},"backendSetName":"b"}]}`,
		change: `{"pathRoutes":[{"path":"/z","pathMatchType":{"matchType":"PREFIX_MATCH"},"backendSetName":"b"}]}`,
		made:   "{p {[{/x {EXACT_MATCH} a} {/y {SUFFIX_MATCH} b}]}}", changed: "{p {[{/z {PREFIX_MATCH} b}]}}",
	},
	{
		path: "/routingPolicies", name: "r", kind: "routing policy", use: `"routingPolicyName":"r"`,
		make:   `{"name":"r","conditionLanguageVersion":"V1","rules":[{"name":"one","condition":"http.request.url.path sw '/x'","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"b"}]}]}`,
		change: `{"rules":[{"name":"two","condition":"any(http.request.url.path ew '/y')","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"a"}]}]}`,
		made:   "{r V1 [{one http.request.url.path sw '/x' [{FORWARD_TO_BACKENDSET b}]}]}", changed: "{r V1 [{two any(http.request.url.path ew '/y') [{FORWARD_TO_BACKENDSET a}]}]}",
	},
	{
		path: "/ruleSets", name: "s", kind: "rule set", make: `{"name":"s","items":[{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X"}]}`,
		change: `{"items":[{"action":"REMOVE_HTTP_RESPONSE_HEADER","header":"Y"},{"action":"REMOVE_HTTP_RESPONSE_HEADER","header":"Z"}]}`,
		use:    `"ruleSetNames":["s"]`, made: "REMOVE_HTTP_REQUEST_HEADER X", changed: "REMOVE_HTTP_RESPONSE_HEADER Y REMOVE_HTTP_RESPONSE_HEADER Z",
	},
}

// told writes a child in a word.
func told(t *testing.T, v any) string {
	t.Helper()
	set, ok := v.(wire.RuleSet)
	if !ok {
		return fmt.Sprint(v)
	}
	var words []string
	for _, item := range set.Items {
		words = append(words, item.Action, *item.Header)
	}
	return strings.Join(words, " ")
}

// TestChildren: every operation on hostnames, path route sets, routing policies and rule sets, well and badly.
func TestChildren_API_08_API_09_OP_08(t *testing.T) {
	t.Parallel()
	for _, c := range children {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			lb := r.balancer("web", twoSets)
			one := lb + c.path + "/" + c.name
			if got := r.refused(wire.NotFound, "GET", one, ""); !strings.Contains(got, "has no "+c.kind+" named '"+c.name+"'") {
				t.Errorf("read of one that is not there: got %q", got)
			}
			r.refused(wire.NotFound, "PUT", one, c.change)
			r.refused(wire.NotAuthorizedOrNotFound, "DELETE", one, "")
			r.done("POST", lb+c.path, c.make)
			before := r.must("GET", one, "")
			if got := told(t, before.Result); got != c.made || before.ETag == "" {
				t.Errorf("made: got %s under etag %q, want %s", got, before.ETag, c.made)
			}
			r.refused(wire.Conflict, "POST", lb+c.path, c.make)
			r.refused(wire.NoEtagMatch, "PUT", one, c.change, "if-match", "other")
			r.done("PUT", one, c.change, "if-match", before.ETag)
			after := r.must("GET", one, "")
			if got := told(t, after.Result); got != c.changed || after.ETag == before.ETag {
				t.Errorf("changed: got %s under etag %q, want %s under another than before", got, after.ETag, c.changed)
			}
			if got := fmt.Sprint(r.must("GET", lb+c.path, "").Result); !strings.Contains(got, c.name) {
				t.Errorf("list: got %s", got)
			}
			r.done("DELETE", one, "")
			r.refused(wire.NotFound, "GET", one, "")
		})
	}
}

// TestChildInUse: what a listener needs stays.
func TestChildInUse_OP_13(t *testing.T) {
	t.Parallel()
	for _, c := range children {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			lb := r.balancer("web", withListeners("l", ""))
			r.done("POST", lb+c.path, c.make)
			r.done("PUT", lb+"/listeners/l", `{"defaultBackendSetName":"a","port":80,"protocol":"HTTP",`+c.use+`}`)
			before := r.get(lb)
			got := r.refused(wire.InvalidParameter, "DELETE", lb+c.path+"/"+c.name, "")
			if want := "Can't remove " + c.kind + " '" + c.name + "' since it is used in listener 'l'"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			if after := r.get(lb); fmt.Sprint(after) == "" || len(after.Listeners) != len(before.Listeners) {
				t.Errorf("afterwards: got %+v", after)
			}
			r.done("DELETE", lb+"/listeners/l", "")
			r.done("DELETE", lb+c.path+"/"+c.name, "")
		})
	}
}

// TestListRoutingPolicies: the one list of children in pages.
func TestListRoutingPolicies_API_12_API_15(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", twoSets)
	for _, name := range []string{"c", "a", "b"} {
		r.must("POST", lb+"/routingPolicies", strings.Replace(children[2].make, `"r"`, `"`+name+`"`, 1))
	}
	r.done("DELETE", lb+"/routingPolicies/c", "")
	first := r.must("GET", lb+"/routingPolicies?limit=1", "")
	second := r.must("GET", lb+"/routingPolicies?limit=1&page="+first.NextPage, "")
	a, b := first.Result.([]wire.RoutingPolicy), second.Result.([]wire.RoutingPolicy)
	if len(a) != 1 || len(b) != 1 || a[0].Name != "a" || b[0].Name != "b" || second.NextPage != "" || first.ETag == "" {
		t.Errorf("got %v with etag %q, then %v with next page %q", a, first.ETag, b, second.NextPage)
	}
	r.refused(wire.InvalidParameter, "GET", lb+"/routingPolicies?page=x", "")
	r.refused(wire.NoEtagMatch, "GET", lb+"/routingPolicies", "", "if-match", "other")
}

// TestListListenerRules: rules are told in the order of their effect, with the set they come from.
func TestListListenerRules_RUL_08(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", twoSets+`,"ruleSets":{
		"s1":{"items":[{"action":"REMOVE_HTTP_RESPONSE_HEADER","header":"A"},{"action":"IP_BASED_MAX_CONNECTIONS","defaultMaxConnections":9},
			{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"B"},{"action":"HTTP_HEADER"},
			{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"]}]},
		"s2":{"items":[{"action":"ADD_HTTP_REQUEST_HEADER","header":"C","value":"1"},
			{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"/","operator":"EXACT_MATCH"}],"redirectUri":{"protocol":"HTTPS"}},
			{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.0/8"}]}]}},
		"listeners":{"l":{"defaultBackendSetName":"a","port":80,"protocol":"HTTP","ruleSetNames":["s2","s1"]},"t":{"defaultBackendSetName":"a","port":81,"protocol":"TCP"}}`)
	var got []string
	for _, item := range r.must("GET", lb+"/listeners/l/rules", "").Result.([]wire.ListenerRuleSummary) {
		got = append(got, item.RuleSetName+" "+item.Rule.Action)
	}
	want := []string{
		"s2 ALLOW", "s1 CONTROL_ACCESS_USING_HTTP_METHODS", "s2 REDIRECT", "s2 ADD_HTTP_REQUEST_HEADER", "s1 REMOVE_HTTP_REQUEST_HEADER",
		"s1 REMOVE_HTTP_RESPONSE_HEADER", "s1 HTTP_HEADER", "s1 IP_BASED_MAX_CONNECTIONS",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if list := r.must("GET", lb+"/listeners/t/rules", "").Result.([]wire.ListenerRuleSummary); list == nil || len(list) != 0 {
		t.Errorf("a listener without rules: got %v", list)
	}
	if got := r.refused(wire.NotFound, "GET", lb+"/listeners/x/rules", ""); !strings.Contains(got, "has no listener named 'x'") {
		t.Errorf("a listener that is not there: got %q", got)
	}
}

// TestBackendSetInUse: a backend set that routes lead to stays.
func TestBackendSetInUse_OP_13(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lb := r.balancer("web", twoSets)
	for _, c := range children[1:3] {
		r.done("POST", lb+c.path, c.make)
		got := r.refused(wire.InvalidParameter, "DELETE", lb+"/backendSets/b", "")
		if want := "Can't remove backend set 'b' since it is used in " + c.kind + " '" + c.name + "'"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		r.done("DELETE", lb+c.path+"/"+c.name, "")
	}
	r.done("DELETE", lb+"/backendSets/b", "")
}
