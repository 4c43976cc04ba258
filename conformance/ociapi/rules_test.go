package ociapi

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"

	"lull/internal/lulltest"
	"lull/internal/lulltest/testca"
)

// ruled makes a load balancer whose sets a, b and c have one backend each, which answers with the set's name, and whose listeners have
// more fields.
func ruled(t *testing.T, listeners, more fields) *world {
	t.Helper()
	w := newWorld(t)
	sets := fields{}
	for _, name := range []string{"a", "b", "c"} {
		sets[name] = w.set(lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
			return c.Reply(lulltest.Response(name, "X-Old: 1", "X-Seen: "+s.Header.Get("X-Given"), "X-Saw-Old: "+s.Header.Get("X-Gone")))
		}).Addr)
	}
	all := fields{}
	for name, l := range listeners {
		all[name] = listener("HTTP", portHTTP, fields{"defaultBackendSetName": "a"}, l.(fields))
	}
	w.path = w.make("web", fields{"backendSets": sets, "listeners": all}.with(more))
	return w
}

// goes wants requests of one connection to be answered by these sets.
func (w *world) goes(sets map[string]string) {
	w.t.Helper()
	c := w.dial()
	for head, set := range sets {
		if got := ask(c, head); got.StatusCode != 200 || string(got.Data) != set {
			w.t.Errorf("%s: got %d %q, want set %s", head, got.StatusCode, got.Data, set)
		}
	}
}

// TestRules_RUL_01_RUL_03_RUL_04_RUL_05: headers come and go, other methods get 405, a path is redirected, and who is not allowed gets 403.
func TestRules_RUL_01_RUL_03_RUL_04_RUL_05(t *testing.T) {
	t.Parallel()
	items := []fields{
		{"action": "ADD_HTTP_REQUEST_HEADER", "header": "X-Given", "value": "1"},
		{"action": "REMOVE_HTTP_REQUEST_HEADER", "header": "X-Gone"},
		{"action": "ADD_HTTP_RESPONSE_HEADER", "header": "X-New", "value": "2"},
		{"action": "REMOVE_HTTP_RESPONSE_HEADER", "header": "X-Old"},
		{"action": "CONTROL_ACCESS_USING_HTTP_METHODS", "allowedMethods": []string{"GET", "PURGE"}},
		{
			"action": "REDIRECT", "responseCode": 308, "redirectUri": fields{"protocol": "HTTPS", "port": 443},
			"conditions": []fields{{"attributeName": "PATH", "attributeValue": "/old", "operator": "PREFIX_MATCH"}},
		},
		{"action": "ALLOW", "conditions": []fields{{"attributeName": "SOURCE_IP_ADDRESS", "attributeValue": "127.0.0.5/32"}}},
	}
	w := ruled(t, fields{"l": fields{"ruleSetNames": []string{"s"}}}, fields{"ruleSets": fields{"s": fields{"items": items}}})
	from := func(address string) *lulltest.HTTPConn {
		return lulltest.HTTP(lulltest.DialFrom(t, netip.MustParseAddr(address), w.at(portHTTP)))
	}
	c := from("127.0.0.5")
	a := ask(c, "GET / HTTP/1.1|Host: h|X-Gone: y")
	if a.StatusCode != 200 || a.Header.Get("X-Seen") != "1" || a.Header.Get("X-Saw-Old") != "" || a.Header.Get("X-New") != "2" || a.Header.Get("X-Old") != "" {
		t.Errorf("headers: got %d %v", a.StatusCode, a.Header)
	}
	if a = ask(c, "PUT / HTTP/1.1|Host: h|Content-Length: 0"); a.StatusCode != 405 || a.Header.Get("Allow") != "GET, PURGE" {
		t.Errorf("PUT: got %d with Allow %q", a.StatusCode, a.Header.Get("Allow"))
	}
	if a = ask(c, "GET /old/x?y=z HTTP/1.1|Host: h:8080"); a.StatusCode != 308 || a.Header.Get("Location") != "https://h:443/old/x?y=z" {
		t.Errorf("redirect: got %d to %q", a.StatusCode, a.Header.Get("Location"))
	}
	if a = ask(from("127.0.0.6"), "GET / HTTP/1.1|Host: h"); a.StatusCode != 403 {
		t.Errorf("not allowed: got %d, want 403", a.StatusCode)
	}
}

// TestRoutes_RTE_01_RTE_02_RTE_04: a path route set, then a routing policy in its place, lead requests of a connection each by itself.
func TestRoutes_RTE_01_RTE_02_RTE_04(t *testing.T) {
	t.Parallel()
	route := func(path, match, set string) fields {
		return fields{"path": path, "pathMatchType": fields{"matchType": match}, "backendSetName": set}
	}
	to := func(name, condition, set string) fields {
		return fields{"name": name, "condition": condition, "actions": []fields{{"name": "FORWARD_TO_BACKENDSET", "backendSetName": set}}}
	}
	w := ruled(t, fields{"l": fields{"pathRouteSetName": "p"}}, fields{"pathRouteSets": fields{"p": fields{"pathRoutes": []fields{
		route("/v", "PREFIX_MATCH", "b"), route(".png", "SUFFIX_MATCH", "c"), route("/v/x", "FORCE_LONGEST_PREFIX_MATCH", "a"), route("/v/x/y", "EXACT_MATCH", "c"),
	}}}})
	w.goes(map[string]string{
		"GET /video HTTP/1.1|Host: h": "b", "GET /1.PNG?a HTTP/1.1|Host: h": "c", "GET /v/x/1 HTTP/1.1|Host: h": "a", "GET /v/x/y HTTP/1.1|Host: h": "c",
		"GET / HTTP/1.1|Host: h": "a",
	})
	w.done("POST", w.path+"/routingPolicies", fields{"name": "p", "conditionLanguageVersion": "V1", "rules": []fields{
		to("one", "all(http.request.headers[(i 'user-agent')] eq (i 'mobile'), http.request.url.query['department'] eq 'HR')", "b"),
		to("two", "any(http.request.url.path sw '/category', http.request.url.path ew '/id')", "c"),
		to("three", "http.request.cookies['group'] eq 'b'", "b"),
	}}.String())
	w.put("listeners/l", listener("HTTP", portHTTP, fields{"defaultBackendSetName": "a", "routingPolicyName": "p"}))
	w.goes(map[string]string{
		"GET /category HTTP/1.1|Host: h": "c", "GET /Category HTTP/1.1|Host: h": "a", "GET /?department=%48%52 HTTP/1.1|Host: h|User-Agent: MOBILE": "b",
		"GET / HTTP/1.1|Host: h|Cookie: x=1; group=b": "b", "GET /video HTTP/1.1|Host: h": "a",
	})
}

// TestHostnames_HST_01: of listeners on one port the one whose hostname fits best serves: exact, longest wildcard in front, longest
// behind, the one without.
func TestHostnames_HST_01(t *testing.T) {
	t.Parallel()
	name := func(host string) fields { return fields{"name": "x", "hostname": host} }
	serves := func(set, host string) fields {
		return fields{"defaultBackendSetName": set, "hostnameNames": []string{host}}
	}
	hosts := fields{"exact": name("a.example.com"), "front": name("*.example.com"), "behind": name("a.example.*")}
	for n := range hosts {
		hosts[n].(fields)["name"] = n
	}
	w := ruled(t, fields{"z": fields{}, "y": serves("b", "front"), "x": serves("c", "exact"), "v": serves("c", "behind")}, fields{"hostnames": hosts})
	w.goes(map[string]string{
		"GET / HTTP/1.1|Host: a.example.com": "c", "GET / HTTP/1.1|Host: B.example.com:8080": "b", "GET / HTTP/1.1|Host: a.example.org": "c",
		"GET / HTTP/1.1|Host: other.test": "a",
	})
}

// TestWeights_POL_01_POL_06: three requests of four go to a backend of weight 3, and none to one that drains, while its connections go on.
func TestWeights_POL_01_POL_06(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, at := named(t, 2)
	backends := func(drain bool) fields {
		set := w.set(at...)
		list := set["backends"].([]fields)
		list[0]["weight"], list[0]["drain"] = 3, drain
		return set
	}
	w.web(backends(false))
	count := func(c *lulltest.HTTPConn) map[string]int {
		of := map[string]int{}
		for range 40 {
			of[string(ask(c, "GET / HTTP/1.1|Host: h").Data)]++
		}
		return of
	}
	client := w.dial()
	if of := count(client); of["b0"] != 30 || of["b1"] != 10 {
		t.Errorf("3 to 1: got %v", of)
	}
	var tunnels []*lulltest.HTTPConn
	for range 4 {
		tunnels = append(tunnels, lulltest.HTTP(lulltest.Dial(t, w.at(portTCP))))
	}
	held := map[string]bool{}
	for _, c := range tunnels {
		held[string(ask(c, "GET / HTTP/1.1|Host: h").Data)] = true
	}
	w.put("backendSets/set", backends(true))
	if of := count(client); of["b1"] != 40 {
		t.Errorf("one drains: got %v", of)
	}
	for _, c := range tunnels {
		if a := ask(c, "GET / HTTP/1.1|Host: h"); a.StatusCode != 200 {
			t.Errorf("a connection from before: got %d", a.StatusCode)
		}
	}
	if !held["b0"] {
		t.Errorf("no connection was held to the one that drains: %v", held)
	}
}

// TestCookies_STK_01_STK_03_STK_06: with the load balancer's cookie or the application's, requests stay at a backend; without they move.
func TestCookies_STK_01_STK_03_STK_06(t *testing.T) {
	t.Parallel()
	for name, session := range map[string]fields{
		"own":         {"lbCookieSessionPersistenceConfiguration": fields{}},
		"application": {"sessionPersistenceConfiguration": fields{"cookieName": "app"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			var at []netip.AddrPort
			for _, b := range []string{"b0", "b1", "b2"} {
				at = append(at, lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
					return c.Reply(lulltest.Response(b, "Set-Cookie: app=1; Path=/"))
				}).Addr)
			}
			w.web(w.set(at...).with(session))
			first := ask(w.dial(), "GET / HTTP/1.1|Host: h")
			var cookies []string
			for _, c := range first.Cookies() {
				cookies = append(cookies, c.Name+"="+c.Value)
				for _, a := range at {
					if strings.Contains(c.Value, a.String()) || strings.Contains(c.Value, a.Addr().String()) {
						t.Errorf("the cookie %s tells where the backend is", c)
					}
				}
			}
			if len(cookies) != 2 {
				t.Fatalf("got the cookies %v, want the application's and lull's", cookies)
			}
			moved := map[string]bool{}
			for range 6 {
				if a := ask(w.dial(), "GET / HTTP/1.1|Host: h|Cookie: "+strings.Join(cookies, "; ")); string(a.Data) != string(first.Data) {
					t.Errorf("with its cookies: got %q, want %q", a.Data, first.Data)
				}
				moved[string(ask(w.dial(), "GET / HTTP/1.1|Host: h").Data)] = true
			}
			if len(moved) < 2 {
				t.Errorf("without cookies: got %v alone", moved)
			}
		})
	}
}

// TestTLS_TLS_02_TLS_05: a certificate and a cipher suite of the API serve a listener, and a client without the certificate that it asks
// for gets 400.
func TestTLS_TLS_02_TLS_05(t *testing.T) {
	t.Parallel()
	const only = tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
	w := newWorld(t)
	_, at := named(t, 1)
	ca := testca.NewFor(t)
	issued := ca.IssueFor(t, testca.Request{Names: []string{"web.test"}, RSA: true})
	w.path = w.make("web", fields{
		"backendSets":     fields{"set": w.set(at...)},
		"sslCipherSuites": fields{"mine": fields{"name": "mine", "ciphers": []string{"ECDHE-RSA-AES256-GCM-SHA384"}}},
		"certificates": fields{"cert": fields{
			"certificateName": "cert", "publicCertificate": string(issued.Chain), "privateKey": string(issued.Key), "caCertificate": string(ca.PEM()),
		}},
		"listeners": fields{"https": listener("HTTP", portHTTPS, fields{"sslConfiguration": fields{"certificateName": "cert", "cipherSuiteName": "mine"}})},
	})
	secured := func(c *tls.Config) (status int, state tls.ConnectionState) {
		t.Helper()
		c.RootCAs, c.ServerName = ca.Pool(), "web.test"
		conn, err := tls.Dial("tcp", w.at(portHTTPS).String(), c)
		if err != nil {
			t.Errorf("TLS: %v", err)
			return 0, state
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(lulltest.Request("GET", "/", ""))); err != nil {
			t.Errorf("TLS: %v", err)
		}
		a, err := lulltest.NewReader(conn).Answer("GET")
		if err != nil {
			t.Errorf("TLS: %v", err)
			return 0, state
		}
		return a.StatusCode, conn.ConnectionState()
	}
	if status, state := secured(&tls.Config{}); status != 200 || state.Version != tls.VersionTLS12 || state.CipherSuite != only {
		t.Errorf("got %d by %s and %s", status, tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite))
	}
	w.put("listeners/https", listener("HTTP", portHTTPS, fields{"sslConfiguration": fields{
		"certificateName": "cert", "cipherSuiteName": "mine", "verifyPeerCertificate": true, "verifyDepth": 1,
	}}))
	if status, _ := secured(&tls.Config{}); status != 400 {
		t.Errorf("without a certificate: got %d, want 400", status)
	}
	mine := ca.IssueFor(t, testca.Request{Client: true, CommonName: "me"})
	if status, _ := secured(&tls.Config{Certificates: []tls.Certificate{mine.TLS}}); status != 200 {
		t.Errorf("with one: got %d, want 200", status)
	}
	if a := w.snapshot(w.path); strings.Contains(a, "PRIVATE KEY") || strings.Contains(a, "privateKey") {
		t.Error("the API shows a private key") // OP-18
	}
}
