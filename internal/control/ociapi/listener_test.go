package ociapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// listener reads a listener, which is part of its load balancer.
func (r *rig) listener(path, name string) wire.Listener {
	r.t.Helper()
	l, found := r.get(path).Listeners[name]
	if !found {
		r.t.Fatalf("%s has no listener %s", path, name)
	}
	return l
}

// TestListener_OP_04_OP_05_OP_06_TMO_01_TMO_02: a PUT replaces all of a listener. What it leaves out is off or at its default, which
// reads show, the idle timeout too.
func TestListener_OP_04_OP_05_OP_06_TMO_01_TMO_02(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"certificates":{"c":`+issued(t).json("c", "")+`}`)
	idle := func(want int) {
		t.Helper()
		if got := r.listener(path, "web").ConnectionConfiguration; got == nil || got.IdleTimeout != want {
			t.Errorf("idle timeout: got %+v, want %d", got, want)
		}
	}
	const rest = `"defaultBackendSetName":"bs","port":443`
	r.done("POST", path+"/listeners", `{"name":"web",`+rest+`,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":1},
		"sslConfiguration":{"certificateName":"c","protocols":["TLSv1.2","TLSv1.3"],"cipherSuiteName":"oci-tls-12-13-wider-ssl-cipher-suite-v1"}}`)
	idle(1)
	r.done("PUT", path+"/listeners/web", `{`+rest+`,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":7200},"sslConfiguration":{"certificateName":"c"}}`)
	idle(7200)
	if ssl := r.listener(path, "web").SSLConfiguration; !slices.Equal(ssl.Protocols, []string{"TLSv1.2"}) || ssl.CipherSuiteName != "oci-default-ssl-cipher-suite-v1" {
		t.Errorf("sslConfiguration with a certificate only: got %+v", ssl)
	}
	r.done("PUT", path+"/listeners/web", `{`+rest+`,"protocol":"HTTP"}`)
	idle(60)
	if ssl := r.listener(path, "web").SSLConfiguration; ssl != nil {
		t.Errorf("without sslConfiguration: got %+v", ssl)
	}
	r.done("PUT", path+"/listeners/web", `{`+rest+`,"protocol":"TCP"}`)
	idle(300)
	r.done("PUT", path+"/listeners/web", `{`+rest+`,"protocol":"TCP","connectionConfiguration":{"idleTimeout":1200,"backendTcpProxyProtocolVersion":2,
		"backendTcpProxyProtocolOptions":["PP2_TYPE_AUTHORITY"]}}`)
	idle(1200)
	r.restart()
	idle(1200)
	r.done("DELETE", path+"/listeners/web", "")
	if all := r.get(path).Listeners; len(all) != 0 {
		t.Errorf("deleted: got %+v", all)
	}
}

// TestListenerRefusals_OP_23_TMO_01_API_09.
func TestListenerRefusals_OP_23_TMO_01_API_09(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"listeners":{"web":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP"}}`)
	id := strings.TrimPrefix(path, "/loadBalancers/")
	put := func(more string) string { return `{"defaultBackendSetName":"bs","port":80,` + more + `}` }
	http := func(more string) string { return put(`"protocol":"HTTP",` + more) }
	rows := []refusal{
		{"taken", wire.Conflict, "POST", "/listeners", `{"name":"web","defaultBackendSetName":"bs","port":81,"protocol":"HTTP"}`, []string{"already has a listener named 'web'"}},
		{"put-missing", wire.NotFound, "PUT", "/listeners/none", put(`"protocol":"HTTP"`), []string{"has no listener named 'none'"}},
		{"delete-missing", wire.NotAuthorizedOrNotFound, "DELETE", "/listeners/none", "", nil},
		{"https", wire.InvalidParameter, "PUT", "/listeners/web", put(`"protocol":"HTTPS"`), []string{"protocol 'HTTPS'", "HTTP, HTTP2, GRPC, TCP"}},
		{"http2-plain", wire.MissingParameter, "PUT", "/listeners/web", put(`"protocol":"HTTP2"`), []string{"sslConfiguration is required", "HTTP2"}},
		{"grpc-plain", wire.MissingParameter, "PUT", "/listeners/web", put(`"protocol":"GRPC"`), []string{"sslConfiguration is required", "GRPC"}},
		{"port", wire.InvalidParameter, "PUT", "/listeners/web", `{"defaultBackendSetName":"bs","port":0,"protocol":"HTTP"}`, []string{"port 0", "1 to 65535"}},
		{"no-default-set", wire.InvalidParameter, "PUT", "/listeners/web", `{"defaultBackendSetName":"","port":80,"protocol":"HTTP"}`,
			[]string{"defaultBackendSetName size must be between 1 and 32"}},
		{"proxy-without-idle-timeout", wire.MissingParameter, "PUT", "/listeners/web", put(`"protocol":"TCP","connectionConfiguration":{"backendTcpProxyProtocolVersion":2}`),
			[]string{"idleTimeout is required"}},
		{"proxy-of-http", wire.InvalidParameter, "PUT", "/listeners/web", http(`"connectionConfiguration":{"idleTimeout":60,"backendTcpProxyProtocolVersion":1}`),
			[]string{"backendTcpProxyProtocolVersion 1", "TCP"}},
		{"proxy-3", wire.InvalidParameter, "PUT", "/listeners/web", put(`"protocol":"TCP","connectionConfiguration":{"idleTimeout":60,"backendTcpProxyProtocolVersion":3}`),
			[]string{"backendTcpProxyProtocolVersion 3", "1 to 2"}},
		{"both-routes", wire.InvalidParameter, "PUT", "/listeners/web", http(`"routingPolicyName":"a","pathRouteSetName":"b"`), []string{"routingPolicyName 'a'", "pathRouteSetName 'b'"}},
	}
	for _, missing := range []struct{ field, kind, more string }{
		{"defaultBackendSetName", "backend set", ""},
		{"hostnameNames", "hostname", `"hostnameNames":["none"]`},
		{"pathRouteSetName", "path route set", `"pathRouteSetName":"none"`},
		{"routingPolicyName", "routing policy", `"routingPolicyName":"none"`},
		{"ruleSetNames", "rule set", `"ruleSetNames":["none"]`},
		{"sslConfiguration.certificateName", "certificate", `"sslConfiguration":{"certificateName":"none"}`},
		{"sslConfiguration.cipherSuiteName", "SSL cipher suite", `"sslConfiguration":{"certificateIds":["x"],"cipherSuiteName":"none"}`},
	} {
		body := http(missing.more)
		if missing.more == "" {
			body = `{"defaultBackendSetName":"none","port":80,"protocol":"HTTP"}`
		}
		rows = append(rows, refusal{"no-" + missing.kind, wire.InvalidParameter, "PUT", "/listeners/web", body,
			[]string{"listeners.web." + missing.field + " 'none'", "Load balancer " + id + " has no " + missing.kind + " named 'none'"}})
	}
	for _, idle := range []string{"0", "-1", "7201", `"60"`, "1.5", "null"} {
		code, says := wire.InvalidParameter, []string{"connectionConfiguration.idleTimeout", "1 to 7200"}
		if idle == "null" {
			code, says = wire.MissingParameter, says[:1]
		}
		rows = append(rows, refusal{"idle-" + strings.Trim(idle, `"`), code, "PUT", "/listeners/web", http(`"connectionConfiguration":{"idleTimeout":` + idle + `}`), says})
	}
	rows = append(rows, refusal{"idle-missing", wire.MissingParameter, "PUT", "/listeners/web", http(`"connectionConfiguration":{}`), []string{"idleTimeout is required"}})
	r.refuses(path, rows)
}

// TestListenerLimit_OP_22: 16 listeners.
func TestListenerLimit_OP_22(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var listeners []string
	for i := range 16 {
		listeners = append(listeners, fmt.Sprintf(`"l%d":{"defaultBackendSetName":"bs","port":%d,"protocol":"TCP"}`, i, 1000+i))
	}
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"listeners":{`+strings.Join(listeners, ",")+`}`)
	r.refuses(path, []refusal{{"listener", wire.LimitExceeded, "POST", "/listeners", `{"name":"more","defaultBackendSetName":"bs","port":80,"protocol":"TCP"}`,
		[]string{"17 listeners", "at most 16"}}})
}

// TestSharedPort_OP_12: listeners share a port when their hostnames tell them apart and nothing else has to.
func TestSharedPort_OP_12(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := issued(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"hostnames":{"a":{"name":"a","hostname":"a.test"},"b":{"name":"b","hostname":"b.test"},
		"c":{"name":"c","hostname":"c.test"}},
		"certificates":{"one":`+c.json("one", "")+`,"two":`+issued(t).json("two", "")+`,"ca":`+c.jsonCA("ca")+`,"otherca":`+issued(t).jsonCA("otherca")+`},
		"listeners":{
		"plain":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP"},
		"plaina":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","hostnameNames":["a"]},
		"tcp":{"defaultBackendSetName":"bs","port":22,"protocol":"TCP"},
		"tls":{"defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{"certificateName":"one"}},
		"mtls":{"defaultBackendSetName":"bs","port":444,"protocol":"HTTP","sslConfiguration":{"certificateName":"ca","verifyPeerCertificate":true,"verifyDepth":2}}}`)
	post := func(name string, port int, more string) string {
		return fmt.Sprintf(`{"name":"%s","defaultBackendSetName":"bs","port":%d,%s}`, name, port, more)
	}
	tls := func(name string, port int, ssl string) string {
		return post(name, port, `"protocol":"HTTP","hostnameNames":["b"],"sslConfiguration":{"certificateName":`+ssl+`}`)
	}
	r.refuses(path, []refusal{
		{"second-default", wire.InvalidParameter, "POST", "/listeners", post("x", 80, `"protocol":"HTTP"`), []string{"'plain', 'x'", "port 80", "hostnameNames", "allowed is one"}},
		{"http-on-tcp", wire.InvalidParameter, "POST", "/listeners", post("x", 22, `"protocol":"HTTP","hostnameNames":["b"]`), []string{"port 22", "'tcp'"}},
		{"tcp-on-http", wire.InvalidParameter, "POST", "/listeners", post("x", 80, `"protocol":"TCP"`), []string{"port 80", "'plain'"}},
		{"tcp-on-tcp", wire.InvalidParameter, "PUT", "/listeners/tcp", `{"defaultBackendSetName":"bs","port":443,"protocol":"TCP"}`, []string{"port 443", "'tcp'"}},
		{"tls-on-plain", wire.InvalidParameter, "POST", "/listeners", tls("x", 80, `"one"`), []string{"'plain' and 'x'", "port 80", "sslConfiguration", "all of a port's listeners, or none"}},
		{"plain-on-tls", wire.InvalidParameter, "POST", "/listeners", post("x", 443, `"protocol":"HTTP","hostnameNames":["b"]`), []string{"'tls' and 'x'", "port 443", "sslConfiguration"}},
		{"protocols", wire.InvalidParameter, "POST", "/listeners", tls("x", 443, `"one","protocols":["TLSv1.1","TLSv1.2"],"cipherSuiteName":"oci-compatible-ssl-cipher-suite-v1"`),
			[]string{"Not all SSL virtual listeners on port 443 have the same set of SSL protocols defined."}},
		{"suite", wire.InvalidParameter, "POST", "/listeners", tls("x", 443, `"one","cipherSuiteName":"oci-modern-ssl-cipher-suite-v1"`),
			[]string{"listeners.x.sslConfiguration.cipherSuiteName", "'tls'", "port 443", "allowed is the same"}},
		{"verification", wire.InvalidParameter, "POST", "/listeners", tls("x", 443, `"ca","verifyPeerCertificate":true`), []string{"listeners.x.sslConfiguration.verifyPeerCertificate", "'tls'"}},
		{"resumption", wire.InvalidParameter, "POST", "/listeners", tls("x", 443, `"two","hasSessionResumption":false`), []string{"listeners.x.sslConfiguration.hasSessionResumption"}},
		{"no-verification", wire.InvalidParameter, "POST", "/listeners", tls("x", 444, `"one"`), []string{"listeners.x.sslConfiguration.verifyPeerCertificate"}},
		{"depth", wire.InvalidParameter, "POST", "/listeners", tls("x", 444, `"ca","verifyPeerCertificate":true,"verifyDepth":3`), []string{"listeners.x.sslConfiguration.verifyDepth"}},
		{"authorities", wire.InvalidParameter, "POST", "/listeners", tls("x", 444, `"otherca","verifyPeerCertificate":true,"verifyDepth":2`),
			[]string{"listeners.x.sslConfiguration.certificateName", "'mtls'"}},
	})
	// Another certificate is what shared ports are for, and the order of protocols says nothing.
	r.done("POST", path+"/listeners", tls("second", 443, `"two","hasSessionResumption":true`))
	r.done("POST", path+"/listeners", post("b", 80, `"protocol":"HTTP","hostnameNames":["b"]`))
}

// TestHTTP2_OP_23: a listener for HTTP/2 or gRPC is right, and its work request fails: lull does not speak them yet.
func TestHTTP2_OP_23(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"certificates":{"c":`+issued(t).json("c", "")+`}`)
	before := r.must("GET", path, "").ETag
	for _, protocol := range []string{"HTTP2", "GRPC"} {
		body := func(ssl string) string {
			return `{"name":"l","defaultBackendSetName":"bs","port":443,"protocol":"` + protocol + `","sslConfiguration":{"certificateName":"c"` + ssl + `}}`
		}
		why := r.failed("POST", path+"/listeners", body(`,"cipherSuiteName":"oci-default-http2-ssl-cipher-suite-v1"`))
		if !strings.Contains(why, "protocol "+protocol) || !strings.Contains(why, "'l'") {
			t.Errorf("%s: got %q", protocol, why)
		}
		_, err := r.do("POST", path+"/listeners", body(`,"protocols":["TLSv1.1","TLSv1.2"],"cipherSuiteName":"oci-compatible-ssl-cipher-suite-v1"`))
		wantRefusal(t, err, wire.InvalidParameter, "protocols 'TLSv1.1'", protocol, "TLSv1.2, TLSv1.3")
	}
	if after := r.must("GET", path, ""); after.ETag != before || len(after.Result.(wire.LoadBalancer).Listeners) != 0 {
		t.Errorf("something has changed: %+v", after)
	}
}

// TestSecureCookieRoutes_OP_09: a set that a plain listener's routes lead to is used by it as well, whichever of the three comes last.
func TestSecureCookieRoutes_OP_09(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`},"other":{`+plainSet+`},"safe":{`+plainSet+`,"lbCookieSessionPersistenceConfiguration":{"isSecure":true}}},
		"pathRouteSets":{"paths":{"pathRoutes":[{"path":"/x","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"safe"}]},
			"others":{"pathRoutes":[{"path":"/x","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"other"}]}},
		"listeners":{"web":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","pathRouteSetName":"others"}}`)
	r.done("POST", path+"/routingPolicies", `{"name":"policy","conditionLanguageVersion":"V1","rules":[{"name":"r",
		"condition":"http.request.url.path sw '/a'","actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"safe"}]}]}`)
	says := []string{"backendSets.safe.lbCookieSessionPersistenceConfiguration.isSecure true", "'web'"}
	put := func(more string) string {
		return `{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP",` + more + `}`
	}
	r.refuses(path, []refusal{
		{"path-route-set", wire.InvalidParameter, "PUT", "/listeners/web", put(`"pathRouteSetName":"paths"`), says},
		{"routing-policy", wire.InvalidParameter, "PUT", "/listeners/web", put(`"routingPolicyName":"policy"`), says},
		{"route", wire.InvalidParameter, "PUT", "/pathRouteSets/others", `{"pathRoutes":[{"path":"/x","pathMatchType":{"matchType":"EXACT_MATCH"},"backendSetName":"safe"}]}`, says},
		{"default", wire.InvalidParameter, "PUT", "/listeners/web", `{"defaultBackendSetName":"safe","port":80,"protocol":"HTTP"}`, says},
	})
	r.done("PUT", path+"/listeners/web", `{"defaultBackendSetName":"safe","port":80,"protocol":"TCP"}`)
}
