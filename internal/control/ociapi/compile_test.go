package ociapi_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi"
	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

// compiled returns the load balancer in the plan; there is one.
func (r *rig) compiled() *plan.LoadBalancer {
	r.t.Helper()
	r.run.mu.Lock()
	defer r.run.mu.Unlock()
	if len(r.run.balancers) != 1 {
		r.t.Fatalf("%d load balancers in the plan, want 1", len(r.run.balancers))
	}
	return r.run.balancers[0]
}

// listener returns the one on a port.
func listenerOn(t *testing.T, lb *plan.LoadBalancer, port uint16) *plan.Listener {
	t.Helper()
	for _, l := range lb.Listeners {
		if l.Address.Port() == port {
			return l
		}
	}
	t.Fatalf("no listener on port %d", port)
	return nil
}

// TestCompileListeners_TMO_02_TMO_13: the idle timeout is that of the listener, or of its protocol; all others are the same and
// nobody can set them.
func TestCompileListeners_TMO_02_TMO_13(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.balancer("web", `"backendSets":{"a":`+set("10.0.0.1")+`},"listeners":{
		"tcp":{"protocol":"TCP","port":22,"defaultBackendSetName":"a"},
		"http":{"protocol":"HTTP","port":80,"defaultBackendSetName":"a"},
		"short":{"protocol":"TCP","port":23,"defaultBackendSetName":"a","connectionConfiguration":{"idleTimeout":1}},
		"long":{"protocol":"HTTP","port":81,"defaultBackendSetName":"a","connectionConfiguration":{"idleTimeout":7200}}}`)
	lb := r.compiled()
	if lb.Name != "web" || lb.Origin != plan.OriginOCI || len(lb.Listeners) != 4 {
		t.Errorf("got %s of %s with %d listeners", lb.Name, lb.Origin, len(lb.Listeners))
	}
	for port, c := range map[uint16]struct {
		name     string
		protocol plan.Protocol
		idle     time.Duration
	}{
		22: {"tcp", plan.TCP, 300 * time.Second},
		23: {"short", plan.TCP, time.Second},
		80: {"http:80", plan.HTTP, 60 * time.Second},
		81: {"http:81", plan.HTTP, 7200 * time.Second},
	} {
		l := listenerOn(t, lb, port)
		want := timeout.Settings{
			Model: timeout.Directional, Idle: c.idle, FrontKeepalive: 65 * time.Second, FrontRequestsMax: 10_000, BackKeepalive: 300 * time.Second,
			Connect: 10 * time.Second, Handshake: 10 * time.Second, RequestHead: 60 * time.Second, Drain: 30 * time.Second,
		}
		if l.Key.Name != c.name || l.Protocol != c.protocol || l.Timeouts != want || l.TLS != nil || l.Address.Addr() != netip.MustParseAddr("127.9.0.200") {
			t.Errorf("port %d: got %+v", port, l)
		}
		if l.Protocol != plan.HTTP {
			continue
		}
		if l.QueueMax != 0 || l.Answers != (plan.Answers{NoBackend: 502, Refused: 504, TooLarge: 400, NoIdentity: 400}) || !l.StaleRetry {
			t.Errorf("port %d: got %+v", port, l)
		}
		if len(l.Sites) != 1 || l.Sites[0].Idle != c.idle || l.Sites[0].Sets[0] != l.BackendSet {
			t.Errorf("port %d: got the sites %+v", port, l.Sites)
		}
	}
}

// TestCompileSites: listeners that share a port are sites of one, which keeps its name whatever becomes of them: the one without
// hostnames first.
func TestCompileSites(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"a":`+set("10.0.0.1")+`,"b":`+set("10.0.0.2")+`},
		"hostnames":{"h":{"name":"h","hostname":"b.test"},"g":{"name":"g","hostname":"*.c.test"}},"listeners":{
		"bb":{"protocol":"HTTP","port":80,"defaultBackendSetName":"b","hostnameNames":["h"],"connectionConfiguration":{"idleTimeout":20}},
		"cc":{"protocol":"HTTP","port":80,"defaultBackendSetName":"a","hostnameNames":["g"]}}`)
	check := func(hosts map[string]string, names ...string) {
		t.Helper()
		l := listenerOn(t, r.compiled(), 80)
		var got []string
		for _, s := range l.Sites {
			got = append(got, s.Name)
		}
		if l.Key.Name != "http:80" || !reflect.DeepEqual(got, names) {
			t.Errorf("got %s with the sites %v, want %v", l.Key.Name, got, names)
		}
		for host, want := range hosts {
			i, found := 0, false
			if l.Hosts != nil {
				i, found = l.Hosts.Find([]byte(host))
			}
			if !found {
				i = 0
			}
			if l.Sites[i].Name != want {
				t.Errorf("%s: got %s, want %s", host, l.Sites[i].Name, want)
			}
		}
	}
	check(map[string]string{"b.test": "bb", "x.c.test": "cc", "else.test": "bb"}, "bb", "cc")
	if l := listenerOn(t, r.compiled(), 80); l.Timeouts.Idle != 20*time.Second || l.Sites[1].Idle != 60*time.Second {
		t.Errorf("idle timeouts: got %v and %v", l.Timeouts.Idle, l.Sites[1].Idle)
	}
	r.done("POST", path+"/listeners", `{"name":"zz","protocol":"HTTP","port":80,"defaultBackendSetName":"a"}`)
	check(map[string]string{"b.test": "bb", "x.c.test": "cc", "else.test": "zz"}, "zz", "bb", "cc")
	r.done("DELETE", path+"/listeners/bb", "")
	check(map[string]string{"b.test": "zz", "x.c.test": "cc"}, "zz", "cc")
	r.done("DELETE", path+"/listeners/cc", "")
	check(map[string]string{"b.test": "zz", "x.c.test": "zz"}, "zz")
}

// TestCompileBackends_POL_08: what a set and its backends say is in the plan; a backend's own bound comes before that of its set.
func TestCompileBackends_POL_08(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.balancer("web", `"backendSets":{
		"a":{"policy":"ROUND_ROBIN",`+checker+`,"backendMaxConnections":300,"backends":[
			{"ipAddress":"10.0.0.1","port":80,"weight":7,"backup":true},
			{"ipAddress":"10.0.0.2","port":81,"drain":true,"maxConnections":1000},
			{"ipAddress":"10.0.0.3","port":82,"offline":true,"maxConnections":0}]},
		"b":{"policy":"LEAST_CONNECTIONS",`+checker+`,`+backends("10.0.0.1")+`},
		"c":{"policy":"IP_HASH",`+checker+`}}`)
	lb := r.compiled()
	sets := map[string]*plan.BackendSet{}
	for _, s := range lb.BackendSets {
		sets[s.Key.Name] = s
	}
	if len(sets) != 3 || sets["a"].Policy != plan.RoundRobin || sets["b"].Policy != plan.LeastConnections || sets["c"].Policy != plan.SourceIPHash {
		t.Errorf("got %+v", sets)
	}
	key := func(host string, port uint16) plan.BackendKey {
		return plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: "a"}, Host: host, Port: port}
	}
	want := []plan.Backend{
		{Key: key("10.0.0.1", 80), Weight: 7, Backup: true, ConnectionsMax: 300},
		{Key: key("10.0.0.2", 81), Weight: 1, Drain: true, ConnectionsMax: 1000},
		{Key: key("10.0.0.3", 82), Weight: 1, Offline: true},
	}
	if got := sets["a"].Backends; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := sets["b"].Backends[0].ConnectionsMax; got != 0 {
		t.Errorf("without a bound: got %d, want 0", got)
	}
}

// TestCompileStickiness_STK_03_STK_04: each case is a set's stickiness and what it comes to.
func TestCompileStickiness_STK_03_STK_04(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, c := range []struct {
		json string
		want *plan.Stickiness
	}{
		{`"policy":"ROUND_ROBIN"`, nil},
		{
			`"policy":"ROUND_ROBIN","sessionPersistenceConfiguration":{"cookieName":"app"}`,
			&plan.Stickiness{Cookie: "X-Oracle-BMC-LBS-Route", Follow: "app"},
		},
		{
			`"policy":"ROUND_ROBIN","sessionPersistenceConfiguration":{"cookieName":"*","disableFallback":true}`,
			&plan.Stickiness{Cookie: "X-Oracle-BMC-LBS-Route", Follow: "*", NoFallback: true},
		},
		{
			`"policy":"ROUND_ROBIN","lbCookieSessionPersistenceConfiguration":{}`,
			&plan.Stickiness{Cookie: "X-Oracle-BMC-LBS-Route", Path: "/"},
		},
		{
			`"policy":"ROUND_ROBIN","lbCookieSessionPersistenceConfiguration":{"cookieName":"lb","disableFallback":true,"domain":"a.test","path":"/x",
				"maxAgeInSeconds":90,"isSecure":true,"isHttpOnly":true}`,
			&plan.Stickiness{Cookie: "lb", NoFallback: true, Domain: "a.test", Path: "/x", Duration: 90 * time.Second, Secure: true, HTTPOnly: true},
		},
	} {
		path := r.balancer(fmt.Sprintf("web%d", i), `"backendSets":{"a":{`+c.json+`,`+checker+`}}`)
		if got := r.compiled().BackendSets[0].Stickiness; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.json, got, c.want)
		}
		r.done("DELETE", path, "")
	}
}

// TestCompileHealthCheck_HLT_01_HLT_03_HLT_04: each case is a set's health checker and what it comes to. The count is for both ways.
func TestCompileHealthCheck_HLT_01_HLT_03_HLT_04(t *testing.T) {
	t.Parallel()
	const tlsToBackends = `,"sslConfiguration":{"verifyPeerCertificate":false}`
	r := newRig(t)
	for i, c := range []struct {
		json string
		want plan.HealthCheck
		body string // the expression; empty: none
		tls  bool
		alpn int
	}{
		{
			json: `"healthChecker":{"protocol":"HTTP","urlPath":"/ok"}`,
			want: plan.HealthCheck{
				Protocol: plan.CheckHTTP, Path: "/ok", Status: 200, Interval: 10 * time.Second, Timeout: 3 * time.Second, Healthy: 3, Unhealthy: 3, Probers: 2,
			},
		},
		{
			json: `"healthChecker":{"protocol":"TCP","port":99,"retries":5,"timeoutInMillis":1500,"intervalInMillis":1800000}`,
			want: plan.HealthCheck{Port: 99, Interval: 30 * time.Minute, Timeout: 1500 * time.Millisecond, Healthy: 5, Unhealthy: 5, Probers: 2},
		},
		{
			json: `"healthChecker":{"protocol":"HTTP","urlPath":"/","returnCode":302,"responseBodyRegex":"^all .*well$"}` + tlsToBackends,
			want: plan.HealthCheck{
				Protocol: plan.CheckHTTP, Path: "/", Status: 302, Interval: 10 * time.Second, Timeout: 3 * time.Second, Healthy: 3, Unhealthy: 3, Probers: 2,
			},
			body: "^all .*well$", tls: true, alpn: 1,
		},
		{
			json: `"healthChecker":{"protocol":"TCP"}` + tlsToBackends,
			want: plan.HealthCheck{Interval: 10 * time.Second, Timeout: 3 * time.Second, Healthy: 3, Unhealthy: 3, Probers: 2},
			tls:  true,
		},
		{
			json: `"healthChecker":{"protocol":"HTTP","urlPath":"/","isForcePlainText":true}` + tlsToBackends,
			want: plan.HealthCheck{
				Protocol: plan.CheckHTTP, Path: "/", Status: 200, Interval: 10 * time.Second, Timeout: 3 * time.Second, Healthy: 3, Unhealthy: 3, Probers: 2,
			},
		},
	} {
		path := r.balancer(fmt.Sprintf("web%d", i), `"backendSets":{"a":{"policy":"ROUND_ROBIN",`+c.json+`}}`)
		got := *r.compiled().BackendSets[0].HealthCheck
		body, alpn := "", 0
		if got.Body != nil {
			body = got.Body.String()
		}
		if got.TLS != nil {
			alpn = len(got.TLS.ALPN)
		}
		if body != c.body || (got.TLS != nil) != c.tls || alpn != c.alpn {
			t.Errorf("%s: got the expression %q and TLS %+v", c.json, body, got.TLS)
		}
		if got.Body, got.TLS = nil, nil; got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.json, got, c.want)
		}
		r.done("DELETE", path, "")
	}
}

// TestExpressionRefused: an expression that cannot be is refused at once, with what can.
func TestExpressionRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", "")
	for _, expression := range []string{`(?<=ok)`, `(`, `a\\1`} {
		text := r.refused(wire.InvalidParameter, "POST", path+"/backendSets",
			`{"name":"a","policy":"ROUND_ROBIN","backends":[],"healthChecker":{"protocol":"HTTP","urlPath":"/","responseBodyRegex":"`+expression+`"}}`)
		if !strings.Contains(text, "responseBodyRegex") || !strings.Contains(text, "RE2") {
			t.Errorf("%s: got %q", expression, text)
		}
	}
}

// TestCompileProxyHeader_TLS_10: the PROXY header is for backends of TCP listeners.
func TestCompileProxyHeader_TLS_10(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.balancer("web", `"backendSets":{"a":`+set()+`},"listeners":{
		"none":{"protocol":"TCP","port":1,"defaultBackendSetName":"a","connectionConfiguration":{"idleTimeout":5}},
		"one":{"protocol":"TCP","port":2,"defaultBackendSetName":"a","connectionConfiguration":{"idleTimeout":5,"backendTcpProxyProtocolVersion":1}},
		"two":{"protocol":"TCP","port":3,"defaultBackendSetName":"a","connectionConfiguration":{"idleTimeout":5,"backendTcpProxyProtocolVersion":2}},
		"name":{"protocol":"TCP","port":4,"defaultBackendSetName":"a","connectionConfiguration":{"idleTimeout":5,"backendTcpProxyProtocolVersion":2,
			"backendTcpProxyProtocolOptions":["PP2_TYPE_AUTHORITY"]}}}`)
	for port, want := range map[uint16]struct {
		version uint8
		name    bool
	}{1: {0, false}, 2: {1, false}, 3: {2, false}, 4: {2, true}} {
		if l := listenerOn(t, r.compiled(), port); l.ProxySend != want.version || l.ProxyName != want.name {
			t.Errorf("port %d: got version %d, name %v; want %+v", port, l.ProxySend, l.ProxyName, want)
		}
	}
}

// TestUnserved_TLS_01: what lull does not serve yet is accepted, and its work request says why it fails; what else is wrong with
// it is found at once.
func TestUnserved_TLS_01(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"a":`+set()+`},"certificates":{"c":`+certificate(t, testca.NewFor(t), "a.test")+`}`)
	for _, protocol := range []string{"HTTP2", "GRPC"} {
		body := `{"name":"l","protocol":"` + protocol + `","port":443,"defaultBackendSetName":"a",
			"sslConfiguration":{"certificateName":"c","cipherSuiteName":"oci-default-http2-ssl-cipher-suite-v1"}}`
		w := r.await(r.must("POST", path+"/listeners", body).WorkRequestID)
		if w.LifecycleState != wire.WorkFailed || len(w.ErrorDetails) != 1 || w.ErrorDetails[0].ErrorCode != wire.WorkBadInput ||
			!strings.Contains(w.ErrorDetails[0].Message, protocol) {
			t.Errorf("%s: got %+v", protocol, w)
		}
		r.refused(wire.InvalidParameter, "POST", path+"/listeners", strings.Replace(body, `"defaultBackendSetName":"a"`, `"defaultBackendSetName":"b"`, 1))
	}
	if got := r.get(path).Listeners; len(got) != 0 {
		t.Errorf("afterwards: got %+v", got)
	}
}

// certificate returns the JSON of a new certificate for names, whose authority may vouch for clients or backends.
func certificate(t *testing.T, ca *testca.Authority, names ...string) string {
	t.Helper()
	issued := ca.IssueFor(t, testca.Request{Names: names, RSA: true})
	return certificateJSON(t, "c", issued, ca)
}

func certificateJSON(t *testing.T, name string, issued *testca.Issued, ca *testca.Authority) string {
	t.Helper()
	all := map[string]string{"certificateName": name}
	if issued != nil {
		all["publicCertificate"], all["privateKey"] = string(issued.Chain), string(issued.Key)
	}
	if ca != nil {
		all["caCertificate"] = string(ca.PEM())
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// shows returns the name in the certificate that clients get who ask for a host.
func shows(t *testing.T, l *plan.ServerTLS, host string) string {
	t.Helper()
	c, err := l.Certificates.For(&tls.ClientHelloInfo{
		ServerName: host, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, SupportedVersions: []uint16{tls.VersionTLS12},
		SignatureSchemes: []tls.SignatureScheme{tls.PSSWithSHA256}, SupportedPoints: []uint8{0}, SupportedCurves: []tls.CurveID{tls.CurveP256},
	})
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	return x.DNSNames[0]
}

// TestCompileListenerTLS_TLS_02_TLS_05_TLS_08: what a listener's TLS says is in the plan.
func TestCompileListenerTLS_TLS_02_TLS_05_TLS_08(t *testing.T) {
	t.Parallel()
	r, ca := newRig(t), testca.NewFor(t)
	path := r.balancer("web", `"backendSets":{"a":`+set()+`},"certificates":{"c":`+certificate(t, ca, "a.test")+`},
		"sslCipherSuites":{"mine":{"name":"mine","ciphers":["ECDHE-RSA-AES256-GCM-SHA384"]}}`)
	for name, c := range map[string]struct {
		ssl  string
		want plan.ServerTLS // but for the certificate and the policy
		// of the policy
		versions, ciphers []string
		roots             bool
	}{
		"defaults": {
			ssl: ``, want: plan.ServerTLS{ALPN: []string{"http/1.1"}}, versions: []string{"TLSv1.2"},
			ciphers: []string{"ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA256", "ECDHE-RSA-AES256-GCM-SHA384"},
		},
		"own_suite": {
			ssl:  `,"cipherSuiteName":"mine","protocols":["TLSv1.2"],"hasSessionResumption":true,"serverOrderPreference":"ENABLED"`,
			want: plan.ServerTLS{ALPN: []string{"http/1.1"}}, versions: []string{"TLSv1.2"}, ciphers: []string{"ECDHE-RSA-AES256-GCM-SHA384"},
		},
		"no_resumption": {
			ssl:  `,"cipherSuiteName":"oci-tls-13-recommended-ssl-cipher-suite-v1","protocols":["TLSv1.3"],"hasSessionResumption":false`,
			want: plan.ServerTLS{ALPN: []string{"http/1.1"}, NoResumption: true}, versions: []string{"TLSv1.3"},
			ciphers: []string{"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"},
		},
		"clients": {
			ssl:      `,"verifyPeerCertificate":true,"verifyDepth":2,"cipherSuiteName":"mine"`,
			want:     plan.ServerTLS{ALPN: []string{"http/1.1"}, ClientAuth: plan.ClientCertRequired, VerifyDepth: 2},
			versions: []string{"TLSv1.2"}, ciphers: []string{"ECDHE-RSA-AES256-GCM-SHA384"}, roots: true,
		},
	} {
		r.done("POST", path+"/listeners", `{"name":"l","protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c"`+c.ssl+`}}`)
		got := *listenerOn(t, r.compiled(), 443).TLS
		if host := shows(t, &got, ""); host != "a.test" {
			t.Errorf("%s: got the certificate for %s", name, host)
		}
		ciphers := got.Policy.Ciphers()
		for _, c := range c.ciphers {
			if !strings.Contains(strings.Join(ciphers, " "), c) {
				t.Errorf("%s: got the ciphers %v, want %s among them", name, ciphers, c)
			}
		}
		if !reflect.DeepEqual(got.Policy.Versions(), c.versions) {
			t.Errorf("%s: got %v, want %v", name, got.Policy.Versions(), c.versions)
		}
		if c.roots != (got.ClientRoots != nil) || c.roots && !got.ClientRoots.Pool().Equal(ca.Pool()) {
			t.Errorf("%s: the authorities are not those of the certificate", name)
		}
		if got.Certificates, got.Policy, got.ClientRoots = nil, nil, nil; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
		r.done("DELETE", path+"/listeners/l", "")
	}
}

// TestSuites_TLS_03: every predefined suite can be given to a listener with the protocols of its name.
func TestSuites_TLS_03(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := r.balancer("web", `"backendSets":{"a":`+set()+`},"certificates":{"c":`+certificate(t, testca.NewFor(t), "a.test")+`}`)
	tried := 0
	for _, name := range tlspolicy.Names() {
		d, _ := tlspolicy.DefinitionOf(name)
		if d.Origin != tlspolicy.OCI {
			continue
		}
		tried++
		protocols, _ := json.Marshal(d.Versions)
		r.done("POST", path+"/listeners", `{"name":"l","protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c",
			"cipherSuiteName":"`+name+`","protocols":`+string(protocols)+`}}`)
		want, _ := tlspolicy.Find(name)
		if got := listenerOn(t, r.compiled(), 443).TLS.Policy; !got.Same(want) {
			t.Errorf("%s: got %v in %v, want %v in %v", name, got.Ciphers(), got.Versions(), want.Ciphers(), want.Versions())
		}
		r.done("DELETE", path+"/listeners/l", "")
	}
	if tried < 10 {
		t.Errorf("tried %d suites", tried)
	}
}

// TestSameHolder: a change elsewhere leaves certificates and authorities where they are; another certificate is another holder.
func TestSameHolder(t *testing.T) {
	t.Parallel()
	r, ca := newRig(t), testca.NewFor(t)
	path := r.balancer("web", `"backendSets":{"a":`+set()+`},"certificates":{"c":`+certificate(t, ca, "a.test")+`},
		"listeners":{"l":{"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c","verifyPeerCertificate":true}}}`)
	before := listenerOn(t, r.compiled(), 443).TLS
	r.done("POST", path+"/hostnames", `{"name":"h","hostname":"h.test"}`)
	after := listenerOn(t, r.compiled(), 443).TLS
	if before == after || before.Certificates != after.Certificates || before.ClientRoots != after.ClientRoots {
		t.Errorf("after a change elsewhere: got holders %p and %p, want %p and %p", after.Certificates, after.ClientRoots, before.Certificates, before.ClientRoots)
	}
	issued := ca.IssueFor(t, testca.Request{Names: []string{"b.test"}, RSA: true})
	r.done("POST", path+"/certificates", certificateJSON(t, "d", issued, ca))
	r.done("PUT", path+"/listeners/l", `{"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"d"}}`)
	if got := listenerOn(t, r.compiled(), 443).TLS; got.Certificates == before.Certificates || shows(t, got, "") != "b.test" {
		t.Errorf("after a change of the certificate: got that for %s", shows(t, got, ""))
	}
}

// TestSharedTLS: of the listeners that share a port each gives its certificate, and they agree in all else.
func TestSharedTLS(t *testing.T) {
	t.Parallel()
	r, ca := newRig(t), testca.NewFor(t)
	one, two := ca.IssueFor(t, testca.Request{Names: []string{"a.test"}, RSA: true}), ca.IssueFor(t, testca.Request{Names: []string{"b.test"}, RSA: true})
	path := r.balancer("web", `"backendSets":{"a":`+set()+`},"certificates":{"a":`+certificateJSON(t, "a", one, ca)+`,"b":`+certificateJSON(t, "b", two, ca)+`},
		"hostnames":{"h":{"name":"h","hostname":"b.test"}},
		"listeners":{"z":{"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"a"}},
		"b":{"protocol":"HTTP","port":443,"defaultBackendSetName":"a","hostnameNames":["h"],"sslConfiguration":{"certificateName":"b"}}}`)
	l := listenerOn(t, r.compiled(), 443)
	for host, want := range map[string]string{"": "a.test", "a.test": "a.test", "b.test": "b.test", "c.test": "a.test"} {
		if got := shows(t, l.TLS, host); got != want {
			t.Errorf("asked for %q: got the certificate for %s, want %s", host, got, want)
		}
	}
	before := l.TLS.Certificates
	r.done("POST", path+"/hostnames", `{"name":"x","hostname":"x.test"}`)
	if got := listenerOn(t, r.compiled(), 443).TLS.Certificates; got != before {
		t.Errorf("after a change elsewhere: got the holder %p, want %p", got, before)
	}
	for name, ssl := range map[string]string{
		"clients":    `"verifyPeerCertificate":true`,
		"resumption": `"hasSessionResumption":false`,
		"suite":      `"cipherSuiteName":"oci-modern-ssl-cipher-suite-v1"`,
	} {
		text := r.refused(wire.InvalidParameter, "PUT", path+"/listeners/b",
			`{"protocol":"HTTP","port":443,"defaultBackendSetName":"a","hostnameNames":["h"],"sslConfiguration":{"certificateName":"b",`+ssl+`}}`)
		if !strings.Contains(text, "443") {
			t.Errorf("%s: got %q, want the port in it", name, text)
		}
	}
}

// TestCompileBackendTLS_TLS_06: backends are verified against the certificate's authority, or not at all, and are shown nothing.
func TestCompileBackendTLS_TLS_06(t *testing.T) {
	t.Parallel()
	r, ca := newRig(t), testca.NewFor(t)
	c := certificateJSON(t, "ca", nil, ca)
	r.balancer("web", `"certificates":{"ca":`+c+`},"backendSets":{
		"any":{"policy":"ROUND_ROBIN",`+checker+`,"sslConfiguration":{"verifyPeerCertificate":false}},
		"both":{"policy":"ROUND_ROBIN",`+checker+`,"sslConfiguration":{"verifyPeerCertificate":true,"verifyDepth":3,"certificateName":"ca"}},
		"system":{"policy":"ROUND_ROBIN",`+checker+`,"sslConfiguration":{"verifyPeerCertificate":true}}},
		"listeners":{"t":{"protocol":"TCP","port":22,"defaultBackendSetName":"any"},"h":{"protocol":"HTTP","port":80,"defaultBackendSetName":"both"}}`)
	sets := map[string]*plan.ClientTLS{}
	for _, s := range r.compiled().BackendSets {
		sets[s.Key.Name] = s.TLS
	}
	if got := sets["any"]; got.Verify || got.Roots != nil || len(got.ALPN) != 0 || got.VerifyDepth != 0 {
		t.Errorf("any: got %+v", got)
	}
	if got := sets["both"]; !got.Verify || !got.Roots.Pool().Equal(ca.Pool()) || len(got.ALPN) != 1 || got.VerifyDepth != 3 || got.ServerName != "" {
		t.Errorf("both: got %+v", got)
	}
	if got := sets["system"]; !got.Verify || got.Roots != nil {
		t.Errorf("system: got %+v", got)
	}
}

// outsideCertificates are certificates that lull's store has, by id.
type outsideCertificates map[string]*certs.Holder

func (o outsideCertificates) Holder(id string) (*certs.Holder, bool) {
	h, found := o[id]
	return h, found
}

// TestCertificateGone: a listener whose certificate has gone from lull's store is left out, and served again when it is back; the
// others are served all the while, and so they are after a restart.
func TestCertificateGone(t *testing.T) {
	t.Parallel()
	const id = "arn:aws:iam::123456789012:server-certificate/c"
	r, ca := newRig(t), testca.NewFor(t)
	issued := ca.IssueFor(t, testca.Request{Names: []string{"a.test"}, RSA: true})
	parsed, err := certs.Parse(issued.Chain, issued.Key)
	if err != nil {
		t.Fatal(err)
	}
	holder, outside := certs.NewHolder(certs.NewSet([]*certs.Certificate{parsed})), outsideCertificates{}
	outside[id] = holder
	r.o.Certificates = outside
	r.restart()
	r.balancer("web", `"backendSets":{"a":`+set()+`,
		"b":{"policy":"ROUND_ROBIN",`+checker+`,"sslConfiguration":{"verifyPeerCertificate":true,"trustedCertificateAuthorityIds":["`+id+`"]}}},
		"listeners":{"h":{"protocol":"HTTP","port":80,"defaultBackendSetName":"a"},
		"s":{"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateIds":["`+id+`"]}}}`)
	check := func(when string, want int) {
		t.Helper()
		lb := r.compiled()
		if len(lb.Listeners) != want || len(lb.BackendSets) != 2 {
			t.Fatalf("%s: got %d listeners and %d sets, want %d and 2", when, len(lb.Listeners), len(lb.BackendSets), want)
		}
		if want == 2 && listenerOn(t, lb, 443).TLS.Certificates != holder {
			t.Errorf("%s: the holder is not that of the store", when)
		}
		back := lb.BackendSets[1].TLS
		empty := back.Roots != nil && back.Roots.Pool().Equal(x509.NewCertPool())
		if !back.Verify || back.Roots == nil || empty != (want == 1) {
			t.Errorf("%s: backends are trusted by %+v", when, back)
		}
	}
	check("at first", 2)
	delete(outside, id)
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	check("when it has gone", 1)
	r.restart()
	check("after a restart", 1)
	outside[id] = holder
	if err := r.Refresh(); err != nil {
		t.Fatal(err)
	}
	check("when it is back", 2)
}

// TestCompileRefusals: each case cannot be compiled, and is refused with the name of what is wrong in the message.
func TestCompileRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	issued := testca.NewFor(t).IssueFor(t, testca.Request{Names: []string{"a.test"}, RSA: true})
	path := r.balancer("web", `"backendSets":{"a":`+set()+`},"certificates":{"c":`+certificateJSON(t, "c", issued, nil)+`},
		"listeners":{"l":{"protocol":"HTTP","port":80,"defaultBackendSetName":"a"}}`)
	for name, c := range map[string]struct{ json, text string }{
		"no_authority": {`"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c","verifyPeerCertificate":true}`, "verifyPeerCertificate"},
		"no_suite":     {`"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c","cipherSuiteName":"none"}`, "none"},
		"of_aws":       {`"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c","cipherSuiteName":"ELBSecurityPolicy-2016-08"}`, "ELBSecurityPolicy-2016-08"},
		"no_set":       {`"protocol":"HTTP","port":81,"defaultBackendSetName":"b"`, "'b'"},
		"no_version": {`"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"c","protocols":["TLSv1.3"],
			"cipherSuiteName":"oci-default-ssl-cipher-suite-v1"}`, "TLSv1.3"},
		"no_certificate": {`"protocol":"HTTP","port":443,"defaultBackendSetName":"a","sslConfiguration":{"certificateName":"d"}`, "'d'"},
		"shared_by_tcp":  {`"protocol":"TCP","port":80,"defaultBackendSetName":"a"`, "80"},
	} {
		if text := r.refused(wire.InvalidParameter, "POST", path+"/listeners", `{"name":"x",`+c.json+`}`); !strings.Contains(text, c.text) {
			t.Errorf("%s: got %q, want %q in it", name, text, c.text)
		}
	}
}

var _ ociapi.Certificates = outsideCertificates{}
