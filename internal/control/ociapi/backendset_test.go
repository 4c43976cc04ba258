package ociapi_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// set reads a backend set.
func (r *rig) set(path, name string) wire.BackendSet {
	r.t.Helper()
	return r.must("GET", path+"/backendSets/"+name, "").Result.(wire.BackendSet)
}

// TestBackendSet_OP_03_HLT_01: a PUT replaces all of a set; its checker's defaults are the documented ones, and stickiness goes when it
// is not named.
func TestBackendSet_OP_03_HLT_01(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	r.done("POST", path+"/backendSets", `{"name":"bs","policy":"LEAST_CONNECTIONS","backendMaxConnections":256,
		"healthChecker":{"protocol":"HTTP","urlPath":"/hc","intervalInMillis":60000,"port":81,"isForcePlainText":true},
		"backends":[{"ipAddress":"10.0.0.3","port":8080}],"sessionPersistenceConfiguration":{"cookieName":"*"}}`)
	set := r.set(path, "bs")
	if set.HealthChecker.IntervalInMillis != 60000 || set.SessionPersistenceConfiguration == nil || len(set.Backends) != 1 {
		t.Fatalf("created: got %+v", set)
	}
	// A name in the body is one of the fields that are not looked at (OP-08).
	r.done("PUT", path+"/backendSets/bs", `{"name":"other","policy":"ROUND_ROBIN","healthChecker":{"protocol":"HTTP","urlPath":"/"},"backends":[]}`)
	root := "/"
	want := wire.BackendSet{Name: "bs", Policy: "ROUND_ROBIN", Backends: []wire.Backend{}, HealthChecker: wire.HealthChecker{
		Protocol: "HTTP", URLPath: &root, ReturnCode: 200, Retries: 3, TimeoutInMillis: 3000, IntervalInMillis: 10000, ResponseBodyRegex: ".*",
	}}
	if set = r.set(path, "bs"); !reflect.DeepEqual(set, want) {
		t.Errorf("replaced: got %+v, want %+v", set, want)
	}
	checker := r.must("GET", path+"/backendSets/bs/healthChecker", "").Result
	if !reflect.DeepEqual(checker, want.HealthChecker) {
		t.Errorf("GetHealthChecker: got %+v", checker)
	}
	r.done("PUT", path+"/backendSets/bs/healthChecker", `{"protocol":"TCP","port":0,"returnCode":204,"retries":1,"timeoutInMillis":1,
		"intervalInMillis":1000,"responseBodyRegex":"^((?!false).|\\s)*$"}`)
	if got := r.set(path, "bs").HealthChecker; got.Protocol != "TCP" || got.URLPath != nil || got.ReturnCode != 204 || got.ResponseBodyRegex != `^((?!false).|\s)*$` {
		t.Errorf("UpdateHealthChecker: got %+v", got)
	}
	r.done("POST", path+"/backendSets", `{"name":"a",`+plainSet+`}`)
	list := r.must("GET", path+"/backendSets", "").Result.([]wire.BackendSet)
	if len(list) != 2 || list[0].Name != "a" || list[1].Name != "bs" {
		t.Errorf("ListBackendSets: got %+v", list)
	}
	r.done("DELETE", path+"/backendSets/bs", "")
	r.restart()
	if sets := r.get(path).BackendSets; len(sets) != 1 {
		t.Errorf("deleted: got %+v", sets)
	}
}

// TestBackendSetRefusals_OP_08_OP_09_OP_10_OP_11_OP_16_OP_17_OP_25_API_08_API_09.
func TestBackendSetRefusals_OP_08_OP_09_OP_10_OP_11_OP_16_OP_17_OP_25_API_08_API_09(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`,"backends":[{"ipAddress":"10.0.0.1","port":80}]},
		"hash":{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"},"backends":[{"ipAddress":"10.0.0.1","port":80}]}},
		"listeners":{"plain":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP"}}`)
	id := strings.TrimPrefix(path, "/loadBalancers/")
	// with replaces what must be there in an update of the set.
	with := func(more string) string { return `{"policy":"ROUND_ROBIN","backends":[],` + more + `}` }
	checker := func(more string) string { return with(`"healthChecker":{"protocol":"TCP",` + more + `}`) }
	set := "/backendSets/bs"
	rows := []refusal{
		{"name-taken", wire.Conflict, "POST", "/backendSets", `{"name":"bs",` + plainSet + `}`, []string{id, "already has", "bs"}},
		{"name-long", wire.InvalidParameter, "POST", "/backendSets", `{"name":"` + strings.Repeat("a", 33) + `",` + plainSet + `}`, []string{"name", "between 1 and 32"}},
		{"name-empty", wire.InvalidParameter, "POST", "/backendSets", `{"name":"",` + plainSet + `}`, []string{"name", "between 1 and 32"}},
		{"name-dot", wire.InvalidParameter, "POST", "/backendSets", `{"name":"a.b",` + plainSet + `}`, []string{"name 'a.b'", "letters"}},
		{"get-missing", wire.NotFound, "GET", "/backendSets/none", "", []string{"Load balancer " + id + " has no backend set named 'none'"}},
		{"put-missing", wire.NotFound, "PUT", "/backendSets/none", with(`"healthChecker":{"protocol":"TCP"}`), []string{"has no backend set named 'none'"}},
		{"delete-missing", wire.NotAuthorizedOrNotFound, "DELETE", "/backendSets/none", "", []string{"Authorization failed or requested resource not found."}},
		{"checker-of-missing", wire.NotFound, "GET", "/backendSets/none/healthChecker", "", []string{"has no backend set named 'none'"}},
		{"put-without-backends", wire.MissingParameter, "PUT", set, `{` + plainSet + `}`, []string{"backends is required"}},
		{"policy", wire.InvalidParameter, "PUT", set, `{"policy":"RANDOM","backends":[],"healthChecker":{"protocol":"TCP"}}`,
			[]string{"policy 'RANDOM'", "ROUND_ROBIN, LEAST_CONNECTIONS, IP_HASH"}},
		{"both-kinds-of-stickiness", wire.InvalidParameter, "PUT", set, with(`"healthChecker":{"protocol":"TCP"},
			"sessionPersistenceConfiguration":{"cookieName":"*"},"lbCookieSessionPersistenceConfiguration":{}`),
			[]string{"lbCookieSessionPersistenceConfiguration", "together with sessionPersistenceConfiguration"}},
		{"secure-cookie-over-plain-http", wire.InvalidParameter, "PUT", set, with(`"healthChecker":{"protocol":"TCP"},
			"lbCookieSessionPersistenceConfiguration":{"isSecure":true}`), []string{"backendSets.bs.lbCookieSessionPersistenceConfiguration.isSecure true", "'plain'", "allowed is false"}},
		{"backup-in-ip-hash", wire.InvalidParameter, "PUT", "/backendSets/hash", `{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"},
			"backends":[{"ipAddress":"10.0.0.1","port":80,"backup":true}]}`, []string{"backup true", "IP_HASH"}},
		{"backup-added-to-ip-hash", wire.InvalidParameter, "POST", "/backendSets/hash/backends", `{"ipAddress":"10.0.0.2","port":80,"backup":true}`,
			[]string{"10.0.0.2:80.backup true", "IP_HASH"}},
		{"made-backup-in-ip-hash", wire.InvalidParameter, "PUT", "/backendSets/hash/backends/10.0.0.1%3A80", `{"weight":1,"backup":true,"drain":false,"offline":false}`,
			[]string{"10.0.0.1:80.backup true", "IP_HASH"}},
		{"http-without-path", wire.InvalidParameter, "PUT", set, with(`"healthChecker":{"protocol":"HTTP"}`), []string{"URL path must be provided for HTTP health checks"}},
		{"checker-http-without-path", wire.InvalidParameter, "PUT", set + "/healthChecker", `{"protocol":"HTTP","port":0,"returnCode":200,"retries":3,
			"timeoutInMillis":3000,"intervalInMillis":10000,"responseBodyRegex":".*"}`, []string{"URL path must be provided for HTTP health checks"}},
		{"back-reference", wire.InvalidParameter, "PUT", set, checker(`"responseBodyRegex":"(a)\\1"`),
			[]string{`backendSets.bs.healthChecker.responseBodyRegex '(a)\1'`, "RE2"}},
		{"max-connections-255", wire.InvalidParameter, "PUT", set, with(`"healthChecker":{"protocol":"TCP"},"backendMaxConnections":255`),
			[]string{"backendMaxConnections 255", "0 or 256 to 65535"}},
		{"max-connections-65536", wire.InvalidParameter, "PUT", set, with(`"healthChecker":{"protocol":"TCP"},"backendMaxConnections":65536`),
			[]string{"backendMaxConnections 65536", "0 or 256 to 65535"}},
		{"health-port", wire.InvalidParameter, "PUT", set, checker(`"port":65536`), []string{"healthChecker.port 65536", "0 to 65535"}},
		{"interval-short", wire.InvalidParameter, "PUT", set, checker(`"intervalInMillis":999`), []string{"intervalInMillis 999", "1000 to 1800000"}},
		{"interval-long", wire.InvalidParameter, "PUT", set, checker(`"intervalInMillis":1800001`), []string{"intervalInMillis 1800001", "1000 to 1800000"}},
		{"interval-word", wire.InvalidParameter, "PUT", set, checker(`"intervalInMillis":"ten"`), []string{"intervalInMillis", "whole number", "1000 to 1800000"}},
		{"two-alike", wire.InvalidParameter, "PUT", set, `{` + plainSet + `,"backends":[{"ipAddress":"10.0.0.1","port":80},{"ipAddress":"10.0.0.1","port":80,"weight":2}]}`,
			[]string{"backends[1]", "10.0.0.1:80"}},
		// The listener's port is wrong, so the set is not there either.
		{"one-bad-part", wire.InvalidParameter, "PUT", set, `{` + plainSet + `,"backends":[{"ipAddress":"10.0.0.2","port":80},{"ipAddress":"10.0.0.3","port":0}]}`,
			[]string{"backends[1].port 0", "1 to 65535"}},
	}
	r.refuses(path, rows)
}

// TestBackendSetUsers_OP_13: a set that something sends requests to stays, and the refusal names it in the words that clients look for.
func TestBackendSetUsers_OP_13(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"front":{`+plainSet+`},"routed":{`+plainSet+`},"pathed":{`+plainSet+`}},
		"pathRouteSets":{"paths":{"pathRoutes":[{"path":"/x","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"pathed"}]}},
		"listeners":{"web":{"defaultBackendSetName":"front","port":80,"protocol":"HTTP"}}`)
	r.done("POST", path+"/routingPolicies", `{"name":"policy","conditionLanguageVersion":"V1","rules":[{"name":"r",
		"condition":"http.request.url.path sw '/a'","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"routed"}]}]}`)
	r.refuses(path, []refusal{
		{"listener", wire.InvalidParameter, "DELETE", "/backendSets/front", "", []string{"Can't remove backend set 'front' since it is used in listener 'web'"}},
		{"routing-policy", wire.InvalidParameter, "DELETE", "/backendSets/routed", "", []string{"Can't remove backend set 'routed' since it is used in routing policy 'policy'"}},
		{"path-route-set", wire.InvalidParameter, "DELETE", "/backendSets/pathed", "", []string{"Can't remove backend set 'pathed' since it is used in path route set 'paths'"}},
	})
	for _, user := range []string{"/listeners/web", "/routingPolicies/policy", "/pathRouteSets/paths"} {
		r.done("DELETE", path+user, "")
	}
	for _, set := range []string{"front", "routed", "pathed"} {
		r.done("DELETE", path+"/backendSets/"+set, "")
	}
}

// TestBackendLimits_OP_22: 16 sets, and 512 backends in all of them.
func TestBackendLimits_OP_22(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var sets []string
	for i := range 16 {
		var backends []string
		for j := range 32 {
			backends = append(backends, fmt.Sprintf(`{"ipAddress":"10.0.%d.%d","port":80}`, i, j))
		}
		sets = append(sets, fmt.Sprintf(`"set%d":{%s,"backends":[%s]}`, i, plainSet, strings.Join(backends, ",")))
	}
	path := r.balancer("web", `"backendSets":{`+strings.Join(sets, ",")+`}`)
	r.refuses(path, []refusal{
		{"set", wire.LimitExceeded, "POST", "/backendSets", `{"name":"more",` + plainSet + `}`, []string{"17 backendSets", "at most 16"}},
		{"backend", wire.LimitExceeded, "POST", "/backendSets/set3/backends", `{"ipAddress":"10.1.1.1","port":80}`, []string{"backends", "at most 512"}},
	})
	r.done("DELETE", path+"/backendSets/set15", "")
	r.done("POST", path+"/backendSets/set3/backends", `{"ipAddress":"10.1.1.1","port":80}`)
}

// TestMaxConnections_OP_16: nothing and 0 are no bound, and both ends of the range are allowed.
func TestMaxConnections_OP_16(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}}`)
	for _, n := range []int{0, 256, 65535} {
		r.done("PUT", path+"/backendSets/bs", fmt.Sprintf(`{%s,"backends":[{"ipAddress":"10.0.0.1","port":80,"maxConnections":%d}],"backendMaxConnections":%d}`, plainSet, n, n))
		set := r.set(path, "bs")
		if set.BackendMaxConnections == nil || *set.BackendMaxConnections != n || set.Backends[0].MaxConnections == nil || *set.Backends[0].MaxConnections != n {
			t.Errorf("%d: got %+v", n, set)
		}
	}
}
