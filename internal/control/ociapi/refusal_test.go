package ociapi_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
)

// refusal is a request that must be refused at once, and what its message has to say: field, value, what is allowed.
type refusal struct {
	name                 string
	code                 wire.Code
	method, target, body string // target: below the load balancer
	says                 []string
}

// refuses sends requests that must be refused, none of which may change anything (OP-25).
func (r *rig) refuses(path string, rows []refusal) {
	r.t.Helper()
	before := r.must("GET", path, "")
	for _, row := range rows {
		r.t.(*testing.T).Run(row.name, func(t *testing.T) { // a benchmark has no use for it
			_, err := r.do(row.method, path+row.target, row.body)
			wantRefusal(t, err, row.code, row.says...)
			if after := r.must("GET", path, ""); after.ETag != before.ETag || !reflect.DeepEqual(after.Result, before.Result) {
				t.Errorf("something has changed:\ngot  %+v\nwant %+v", after, before)
			}
		})
	}
}

// wantRefusal wants a refusal with a code and with words in it.
func wantRefusal(t *testing.T, err error, code wire.Code, says ...string) {
	t.Helper()
	var known *wire.Error
	if !errors.As(err, &known) || known.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, text := range says {
		if !strings.Contains(known.Message, text) {
			t.Errorf("got %q, want %q in it", known.Message, text)
		}
	}
}

// plainSet is a backend set with nothing in it.
const plainSet = `"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}`

// failed sends a change that must be accepted and fail when its turn comes, and returns why.
func (r *rig) failed(method, target, body string) string {
	r.t.Helper()
	w := r.await(r.must(method, target, body).WorkRequestID)
	if w.LifecycleState != wire.WorkFailed || len(w.ErrorDetails) != 1 || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput {
		r.t.Fatalf("%s %s: got %s %v, want FAILED and one BAD_INPUT", method, target, w.LifecycleState, w.ErrorDetails)
	}
	return w.ErrorDetails[0].Message
}

// TestCreationRefusals_OP_25: of a load balancer with one bad part nothing is made.
func TestCreationRefusals_OP_25(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const set = `"backendSets":{"bs":{` + plainSet + `}},`
	listeners := func(all string) string { return set + `"listeners":{` + all + `}` }
	for _, c := range []struct {
		name, parts string
		says        []string
	}{
		{"no-such-set", `"listeners":{"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP"}}`, []string{"listeners.l.defaultBackendSetName 'bs'", "has no backend set named 'bs'"}},
		{"port-taken", listeners(`"a":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP"},"b":{"defaultBackendSetName":"bs","port":80,"protocol":"TCP"}`),
			[]string{"port 80", "'a'"}},
		{"no-such-hostname", listeners(`"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","hostnameNames":["h"]}`), []string{"hostnameNames 'h'"}},
		{"no-such-rule-set", listeners(`"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","ruleSetNames":["r"]}`), []string{"ruleSetNames 'r'"}},
		{"no-such-certificate", listeners(`"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","sslConfiguration":{"certificateName":"c"}}`),
			[]string{"certificateName 'c'"}},
		{"idle-timeout", listeners(`"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP","connectionConfiguration":{"idleTimeout":0}}`),
			[]string{"listeners.l.connectionConfiguration.idleTimeout 0", "1 to 7200"}},
		{"secure-cookie", `"backendSets":{"bs":{` + plainSet + `,"lbCookieSessionPersistenceConfiguration":{"isSecure":true}}},
			"listeners":{"l":{"defaultBackendSetName":"bs","port":80,"protocol":"HTTP"}}`, []string{"backendSets.bs.lbCookieSessionPersistenceConfiguration.isSecure true"}},
		{"backup", `"backendSets":{"bs":{"policy":"IP_HASH","healthChecker":{"protocol":"TCP"},"backends":[{"ipAddress":"10.0.0.1","port":1,"backup":true}]}}`,
			[]string{"backendSets.bs.backends", "IP_HASH"}},
		{"suite-of-a-set", `"backendSets":{"bs":{` + plainSet + `,"sslConfiguration":{"cipherSuiteName":"mine"}}}`, []string{"has no SSL cipher suite named 'mine'"}},
		{"reserved-suite", set + `"sslCipherSuites":{"oci-modern-ssl-cipher-suite-v1":{"name":"oci-modern-ssl-cipher-suite-v1","ciphers":["AES128-SHA"]}}`, []string{"reserved"}},
		{"certificate", set + `"certificates":{"c":{"certificateName":"c","publicCertificate":"x","privateKey":"x"}}`, []string{"certificates.c."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.do("POST", "/loadBalancers", `{"compartmentId":"`+compartment+`","displayName":"web","shapeName":"100Mbps",
				"subnetIds":["ocid1.subnet.oc1.lull-1.a"],`+c.parts+`}`)
			wantRefusal(t, err, wire.InvalidParameter, c.says...)
		})
	}
	if list := r.must("GET", "/loadBalancers?compartmentId="+compartment, "").Result.([]wire.Encoded); len(list) != 0 {
		t.Errorf("there are %d load balancers", len(list))
	}
}

// TestVanished: what an accepted change builds on may fail before its turn comes. It fails then, in the words that Oracle's clients look
// for.
func TestVanished(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}}`)
	release := r.holdUp()
	r.run.refuseNext("no room", 1)
	set := r.must("POST", path+"/backendSets", `{"name":"more",`+plainSet+`}`).WorkRequestID
	made := r.must("POST", path+"/listeners", `{"name":"l","defaultBackendSetName":"more","port":80,"protocol":"TCP"}`).WorkRequestID
	edited := r.must("PUT", path+"/listeners/l", `{"defaultBackendSetName":"bs","port":80,"protocol":"TCP"}`).WorkRequestID
	backend := r.must("POST", path+"/backendSets/more/backends", `{"ipAddress":"10.0.0.1","port":80}`).WorkRequestID
	release()
	for _, c := range []struct{ id, says string }{
		{set, "no room"}, {made, "has no backend set named 'more'"}, {edited, "has no listener named 'l'"}, {backend, "has no backend set named 'more'"},
	} {
		w := r.await(c.id)
		if w.LifecycleState != wire.WorkFailed || len(w.ErrorDetails) != 1 || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput ||
			!strings.Contains(w.ErrorDetails[0].Message, c.says) {
			t.Errorf("%s: got %s %+v, want %q", w.Type, w.LifecycleState, w.ErrorDetails, c.says)
		}
	}
	if lb := r.get(path); len(lb.BackendSets) != 1 || len(lb.Listeners) != 0 {
		t.Errorf("got %+v", lb)
	}
}
