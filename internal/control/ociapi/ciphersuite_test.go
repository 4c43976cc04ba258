package ociapi_test

import (
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/tlspolicy"
)

// TestPredefinedSuites_TLS_03: every predefined suite is listed, can be read, and can be used with some protocol.
func TestPredefinedSuites_TLS_03(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"sslCipherSuites":{"mine":{"name":"mine","ciphers":["ECDHE-RSA-AES128-GCM-SHA256"]}},
		"backendSets":{"bs":{`+plainSet+`}}`)
	list := r.must("GET", path+"/sslCipherSuites", "").Result.([]wire.SSLCipherSuite)
	var names []string
	for _, name := range tlspolicy.Names() {
		if d, _ := tlspolicy.DefinitionOf(name); d.Origin == tlspolicy.OCI {
			names = append(names, name)
		}
	}
	if len(list) != len(names)+1 || list[len(list)-1].Name != "mine" {
		t.Fatalf("listed: got %d suites, want %d and mine: %+v", len(list), len(names), list)
	}
	for _, name := range names {
		suite, ok := r.must("GET", path+"/sslCipherSuites/"+name, "").Result.(wire.SSLCipherSuite)
		if d, _ := tlspolicy.DefinitionOf(name); !ok || suite.Name != name || !sameMembers(suite.Ciphers, d.Ciphers) {
			t.Errorf("%s: got %+v, want %v", name, suite, d.Ciphers)
		}
		protocols := `["TLSv1.2"]`
		if strings.Contains(name, "tls-13") {
			protocols = `["TLSv1.3"]`
		}
		r.done("PUT", path+"/backendSets/bs", `{`+plainSet+`,"backends":[],"sslConfiguration":{"cipherSuiteName":"`+name+`","protocols":`+protocols+`}}`)
	}
	if got := r.get(path).SSLCipherSuites; len(got) != 1 {
		t.Errorf("suites of the load balancer itself: got %+v", got)
	}
}

// sameMembers compares two lists as sets; that of the wider suite has one cipher under two names.
func sameMembers(a, b []string) bool {
	set := func(list []string) map[string]bool {
		m := map[string]bool{}
		for _, v := range list {
			m[strings.TrimSuffix(v, "v")] = true
		}
		return m
	}
	return reflect.DeepEqual(set(a), set(b))
}

// TestCipherSuite: a suite of one's own is made, changed, used and, when nobody uses it any more, deleted.
func TestCipherSuite(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}}`)
	suites := path + "/sslCipherSuites"
	r.done("POST", suites, `{"name":"mine","ciphers":["ECDHE-RSA-AES128-GCM-SHA256"]}`)
	r.done("PUT", suites+"/mine", `{"ciphers":["AES128-SHA","ECDHE-RSA-AES256-GCM-SHA384"]}`)
	if got := r.must("GET", suites+"/mine", "").Result.(wire.SSLCipherSuite); !reflect.DeepEqual(got.Ciphers, []string{"AES128-SHA", "ECDHE-RSA-AES256-GCM-SHA384"}) {
		t.Errorf("got %+v", got)
	}
	r.done("PUT", path+"/backendSets/bs", `{`+plainSet+`,"backends":[],"sslConfiguration":{"cipherSuiteName":"mine"}}`)
	r.refuses(path, []refusal{
		{"in-use", wire.InvalidParameter, "DELETE", "/sslCipherSuites/mine", "", []string{"Can't remove SSL cipher suite 'mine' since it is used in backend set 'bs'"}},
		{"nothing-left-for-its-user", wire.InvalidParameter, "PUT", "/sslCipherSuites/mine", `{"ciphers":["TLS_AES_128_GCM_SHA256"]}`,
			[]string{"backendSets.bs.sslConfiguration.cipherSuiteName 'mine'", "TLSv1.2"}},
	})
	r.done("PUT", path+"/backendSets/bs", `{`+plainSet+`,"backends":[]}`)
	r.done("DELETE", suites+"/mine", "")
	r.refused(wire.NotFound, "GET", suites+"/mine", "")
}

// TestCipherSuiteRefusals_OP_20_API_08_API_09.
func TestCipherSuiteRefusals_OP_20_API_08_API_09(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`}},"sslCipherSuites":{"mine":{"name":"mine","ciphers":["AES128-SHA"]}}`)
	const all = "/sslCipherSuites"
	back := func(ssl string) string { return `{` + plainSet + `,"backends":[],"sslConfiguration":{` + ssl + `}}` }
	rows := []refusal{
		{"taken", wire.Conflict, "POST", all, `{"name":"mine","ciphers":["AES128-SHA"]}`, []string{"already has a SSL cipher suite named 'mine'"}},
		{"get-missing", wire.NotFound, "GET", all + "/none", "", []string{"has no SSL cipher suite named 'none'"}},
		{"put-missing", wire.NotFound, "PUT", all + "/none", `{"ciphers":["AES128-SHA"]}`, []string{"has no SSL cipher suite named 'none'"}},
		{"delete-missing", wire.NotAuthorizedOrNotFound, "DELETE", all + "/none", "", nil},
		{"empty", wire.InvalidParameter, "POST", all, `{"name":"x","ciphers":[]}`, []string{"ciphers size must be between 1 and 128"}},
		{"unknown-cipher", wire.InvalidParameter, "POST", all, `{"name":"x","ciphers":["AES128-SHA","ROT13"]}`, []string{"ciphers[1] 'ROT13'"}},
		{"not-for-own-suites", wire.InvalidParameter, "POST", all, `{"name":"x","ciphers":["ECDHE-RSA-CHACHA20-POLY1305"]}`, []string{"ECDHE-RSA-CHACHA20-POLY1305"}},
		{"none-that-lull-can-do", wire.InvalidParameter, "POST", all, `{"name":"x","ciphers":["CAMELLIA128-SHA","DHE-RSA-AES128-SHA"]}`, []string{"sslCipherSuites.x.ciphers", "lull can do none"}},
		{"customized", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"cipherSuiteName":"oci-customized-ssl-cipher-suite"`), []string{"cipherSuiteName 'oci-customized-ssl-cipher-suite'"}},
		{"of-aws", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"cipherSuiteName":"ELBSecurityPolicy-2016-08"`), []string{"has no SSL cipher suite named"}},
		{"suite-without-protocol", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"cipherSuiteName":"oci-tls-13-recommended-ssl-cipher-suite-v1"`),
			[]string{"backendSets.bs.sslConfiguration.cipherSuiteName 'oci-tls-13-recommended-ssl-cipher-suite-v1'", "TLSv1.2"}},
		{"gap", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"cipherSuiteName":"oci-compatible-ssl-cipher-suite-v1","protocols":["TLSv1","TLSv1.2"]`), []string{"TLSv1", "gap"}},
		{"protocol", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"protocols":["SSLv3"]`), []string{"protocols[0] 'SSLv3'", "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3"}},
		{"depth", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"verifyDepth":101`), []string{"verifyDepth 101", "0 to 100"}},
		{"no-depth", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"verifyPeerCertificate":true,"verifyDepth":0`), []string{"verifyDepth 0", "1 to 100"}},
		{"order", wire.InvalidParameter, "PUT", "/backendSets/bs", back(`"serverOrderPreference":"MAYBE"`), []string{"serverOrderPreference 'MAYBE'", "ENABLED, DISABLED"}},
	}
	for _, name := range []string{"oci-customized-ssl-cipher-suite", "oci-default-ssl-cipher-suite-v1", "oci-tls-13-ssl-cipher-suite-v3"} {
		rows = append(rows,
			refusal{"create-" + name, wire.InvalidParameter, "POST", all, `{"name":"` + name + `","ciphers":["AES128-SHA"]}`, []string{name, "reserved"}},
			refusal{"update-" + name, wire.InvalidParameter, "PUT", all + "/" + name, `{"ciphers":["AES128-SHA"]}`, []string{name, "cannot be changed"}},
			refusal{"delete-" + name, wire.InvalidParameter, "DELETE", all + "/" + name, "", []string{name, "cannot be changed or deleted"}})
	}
	r.refuses(path, rows)
}

// TestTLSDefaults_TLS_02_TLS_04: what holds where nothing is said, and the preference as it was given.
func TestTLSDefaults_TLS_02_TLS_04(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`,"sslConfiguration":{"serverOrderPreference":"DISABLED"}}},
		"certificates":{"c":`+issued(t).json("c", "")+`},
		"listeners":{"l":{"defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{"certificateName":"c","serverOrderPreference":"ENABLED"}}}`)
	for what, ssl := range map[string]*wire.SSLConfiguration{"ENABLED": r.listener(path, "l").SSLConfiguration, "DISABLED": r.set(path, "bs").SSLConfiguration} {
		if ssl.CipherSuiteName != "oci-default-ssl-cipher-suite-v1" || !reflect.DeepEqual(ssl.Protocols, []string{"TLSv1.2"}) || *ssl.ServerOrderPreference != what {
			t.Errorf("%s: got %+v", what, ssl)
		}
	}
}

// TestTLS13_TLS_09: while anything of a load balancer has TLSv1.3, nothing of it has the oldest ciphers.
func TestTLS13_TLS_09(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const wider, modern = `"oci-wider-compatible-ssl-cipher-suite-v1"`, `"oci-tls-12-13-wider-ssl-cipher-suite-v1","protocols":["TLSv1.2","TLSv1.3"]`
	path := r.balancer("web", `"backendSets":{"bs":{`+plainSet+`,"sslConfiguration":{"cipherSuiteName":`+modern+`}},"other":{`+plainSet+`}},
		"certificates":{"c":`+issued(t).json("c", "")+`},
		"sslCipherSuites":{"old":{"name":"old","ciphers":["AES128-SHA","IDEA-CBC-SHA"]},"fine":{"name":"fine","ciphers":["AES128-SHA"]}},
		"listeners":{"fine":{"defaultBackendSetName":"bs","port":444,"protocol":"HTTP","sslConfiguration":{"certificateName":"c","cipherSuiteName":"fine"}}}`)
	listener := func(suite string) string {
		return `{"name":"l","defaultBackendSetName":"bs","port":443,"protocol":"HTTP","sslConfiguration":{"certificateName":"c","cipherSuiteName":` + suite + `}}`
	}
	back := func(suite string) string {
		return `{` + plainSet + `,"backends":[],"sslConfiguration":{"cipherSuiteName":` + suite + `}}`
	}
	r.refuses(path, []refusal{
		{"wider-on-listener", wire.InvalidParameter, "POST", "/listeners", listener(wider),
			[]string{"listeners.l.sslConfiguration.cipherSuiteName 'oci-wider-compatible-ssl-cipher-suite-v1'", "TLSv1.3", "backend set 'bs'"}},
		{"wider-on-set", wire.InvalidParameter, "PUT", "/backendSets/other", back(wider), []string{"backendSets.other.sslConfiguration.cipherSuiteName", "TLSv1.3"}},
		{"own-with-old-cipher", wire.InvalidParameter, "POST", "/listeners", listener(`"old"`), []string{"'old'", "IDEA-CBC-SHA", "TLSv1.3"}},
		{"own-made-old", wire.InvalidParameter, "PUT", "/sslCipherSuites/fine", `{"ciphers":["AES128-SHA","RC4-SHA"]}`, []string{"'fine'", "RC4-SHA"}},
	})
	r.done("PUT", path+"/backendSets/bs", `{`+plainSet+`,"backends":[]}`)
	r.done("POST", path+"/listeners", listener(wider))
	r.refuses(path, []refusal{{"tls-13-beside-wider", wire.InvalidParameter, "PUT", "/backendSets/other", back(modern), []string{"listeners.l.", "TLSv1.3", "backend set 'other'"}}})
}
