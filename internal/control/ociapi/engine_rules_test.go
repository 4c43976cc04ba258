package ociapi_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/ociapi"
	"lull/internal/lulltest"
)

// ruledWorld is a world with a load balancer "web" whose sets a, b and c have one backend each, which answers with the set's name.
type ruledWorld struct {
	*world
	path     string
	backends map[string]*lulltest.HTTPServer
}

// newRuledWorld makes one with listeners, fields of which are added to those that every listener has, and with more parts.
func newRuledWorld(t *testing.T, listeners, more fields) *ruledWorld {
	t.Helper()
	w := &ruledWorld{world: newWorld(t), backends: map[string]*lulltest.HTTPServer{}}
	sets := fields{}
	for _, name := range []string{"a", "b", "c"} {
		s := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
			return c.Reply(lulltest.Response(name, "Server: "+name, "X-Old: 1"))
		})
		w.backends[name], sets[name] = s, w.set(s.Addr)
	}
	all := fields{}
	for name, l := range listeners {
		all[name] = listener("HTTP", portHTTP, "a").with(l.(fields))
	}
	w.path = w.make("web", fields{"backendSets": sets, "listeners": all}.with(more))
	return w
}

// rule is a rule of an action with more fields.
func rule(action string, more fields) fields { return fields{"action": action}.with(more) }

// itemsOf is the items of a rule set.
func itemsOf(rules ...fields) fields { return fields{"items": rules} }

// ruleSetS is a rule set "s", and useS what has a listener use it.
func ruleSetS(rules ...fields) fields { return fields{"ruleSets": fields{"s": itemsOf(rules...)}} }

var useS = fields{"ruleSetNames": []string{"s"}}

// onPath is the condition of a redirect.
func onPath(path, operator string) fields {
	return fields{"conditions": []fields{{"attributeName": "PATH", "attributeValue": path, "operator": operator}}}
}

// fromBlock is the condition of an access rule.
func fromBlock(block string) fields {
	return fields{"conditions": []fields{{"attributeName": "SOURCE_IP_ADDRESS", "attributeValue": block}}}
}

// ask sends a head, lines joined by "|", on a connection and returns the answer.
func ask(c *lulltest.HTTPConn, head string) lulltest.Answer {
	c.Send(strings.ReplaceAll(head, "|", "\r\n") + "\r\n\r\n")
	method, _, _ := strings.Cut(head, " ")
	return c.Answer(method)
}

// wants asks for a target and wants the answer of a set.
func (w *ruledWorld) wants(c *lulltest.HTTPConn, head, set string) {
	w.t.Helper()
	if got := ask(c, head); got.StatusCode != 200 || string(got.Data) != set {
		w.t.Errorf("%s: got %d %q, want set %s", head, got.StatusCode, got.Data, set)
	}
}

// TestEngineRedirects: the examples of Oracle's documentation as a client gets them, each of a rule set that was just changed, all on
// one connection.
func TestEngineRedirects_RUL_05(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(rule("HTTP_HEADER", nil)))
	c := w.dialHTTP(w.path)
	w.wants(c, "GET /video HTTP/1.1|Host: h", "a")
	for _, example := range ociapi.RedirectCases {
		w.done("PUT", w.path+"/ruleSets/s", `{"items":[{"action":"REDIRECT","responseCode":308,"redirectUri":`+example.URI+`,
			"conditions":[{"attributeName":"PATH","attributeValue":"/video","operator":"EXACT_MATCH"}]}]}`)
		got := ask(c, "GET "+example.Target+" HTTP/1.1|Host: "+example.Host)
		if got.StatusCode != 308 || got.Header.Get("Location") != example.Want || got.How != "whole" {
			t.Errorf("%s: got %d to %q, %s, want 308 to %q", example.Name, got.StatusCode, got.Header.Get("Location"), got.How, example.Want)
		}
		w.wants(c, "GET /other HTTP/1.1|Host: h", "a")
	}
	if n := len(w.backends["a"].Seen()); n != len(ociapi.RedirectCases)+1 {
		t.Errorf("the backend saw %d requests, want %d", n, len(ociapi.RedirectCases)+1)
	}
}

// TestEngineRedirectStatuses: each status, and the nearest path.
func TestEngineRedirectStatuses_RUL_05(t *testing.T) {
	t.Parallel()
	var rules []fields
	for _, status := range []int{301, 302, 303, 307, 308} {
		rules = append(rules, rule("REDIRECT", onPath(fmt.Sprintf("/%d", status), "FORCE_LONGEST_PREFIX_MATCH")).with(
			fields{"responseCode": status, "redirectUri": fields{"protocol": "HTTPS", "port": 443}}))
	}
	rules = append(rules, rule("REDIRECT", onPath("/301/x", "EXACT_MATCH")).with(fields{"redirectUri": fields{"path": "/y"}}))
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(rules...))
	c := w.dialHTTP(w.path)
	for _, status := range []int{301, 302, 303, 307, 308} {
		got := ask(c, fmt.Sprintf("GET /%d/a?b HTTP/1.1|Host: h:80", status))
		if want := fmt.Sprintf("https://h:443/%d/a?b", status); got.StatusCode != status || got.Header.Get("Location") != want {
			t.Errorf("got %d to %q, want %d to %q", got.StatusCode, got.Header.Get("Location"), status, want)
		}
	}
	if got := ask(c, "GET /301/x HTTP/1.1|Host: h"); got.StatusCode != 302 || got.Header.Get("Location") != "http://h/y" {
		t.Errorf("exact before longest: got %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
}

// TestEngineAccess: who is not allowed gets 403, and a change of the rule set is in force for the next request of an open connection.
func TestEngineAccess_RUL_03(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(rule("ALLOW", fromBlock("127.0.0.5/32"))))
	at := w.at(w.path, portHTTP)
	in, out := lulltest.HTTP(lulltest.DialFrom(t, netip.MustParseAddr("127.0.0.5"), at)), lulltest.HTTP(lulltest.DialFrom(t, netip.MustParseAddr("127.0.0.6"), at))
	w.wants(in, "GET / HTTP/1.1|Host: h", "a")
	if got := ask(out, "GET / HTTP/1.1|Host: h"); got.StatusCode != 403 {
		t.Errorf("not allowed: got %d, want 403", got.StatusCode)
	}
	w.put(w.path, "ruleSets/s", itemsOf(rule("ALLOW", fromBlock("127.0.0.6/32")),
		rule("ALLOW", fields{"conditions": []fields{{"attributeName": "SOURCE_VCN_ID", "attributeValue": "ocid1.vcn.oc1.lull-1.v"}}})))
	w.wants(out, "GET / HTTP/1.1|Host: h", "a")
	if got := ask(in, "GET / HTTP/1.1|Host: h"); got.StatusCode != 403 {
		t.Errorf("not allowed any more: got %d, want 403", got.StatusCode)
	}
	w.put(w.path, "ruleSets/s", itemsOf(rule("HTTP_HEADER", nil)))
	w.wants(in, "GET / HTTP/1.1|Host: h", "a")
}

// TestEngineMethods: other methods get 405 with Allow, or another status without.
func TestEngineMethods_RUL_04(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(rule("CONTROL_ACCESS_USING_HTTP_METHODS", fields{"allowedMethods": []string{"GET", "PURGE"}})))
	c := w.dialHTTP(w.path)
	w.wants(c, "PURGE / HTTP/1.1|Host: h", "a")
	if got := ask(c, "PUT / HTTP/1.1|Host: h|Content-Length: 0"); got.StatusCode != 405 || got.Header.Get("Allow") != "GET, PURGE" {
		t.Errorf("got %d with Allow %q, want 405 with GET, PURGE", got.StatusCode, got.Header.Get("Allow"))
	}
	w.put(w.path, "ruleSets/s", itemsOf(rule("CONTROL_ACCESS_USING_HTTP_METHODS", fields{"allowedMethods": []string{"GET"}, "statusCode": 404})))
	if got := ask(c, "PURGE / HTTP/1.1|Host: h"); got.StatusCode != 404 || got.Header["Allow"] != nil {
		t.Errorf("got %d with Allow %q, want 404 without", got.StatusCode, got.Header["Allow"])
	}
	w.wants(c, "GET / HTTP/1.1|Host: h", "a")
}

// TestEngineRoutingPolicy: each request of a connection is led by itself.
func TestEngineRoutingPolicy_RTE_02_RTE_04(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": fields{}}, nil)
	to := func(name, condition, set string) fields {
		return fields{"name": name, "condition": condition, "actions": []fields{{"name": "FORWARD_TO_BACKENDSET", "backendSetName": set}}}
	}
	w.done("POST", w.path+"/routingPolicies", fields{"name": "p", "conditionLanguageVersion": "V1", "rules": []fields{
		to("one", "all(http.request.headers[(i 'user-agent')] eq (i 'mobile'), http.request.url.query['department'] eq 'HR')", "b"),
		to("two", "any(http.request.url.path sw '/category', http.request.url.path ew '/id')", "c"),
		to("three", "http.request.cookies['group'] eq 'b'", "b"),
	}}.String())
	c := w.dialHTTP(w.path)
	w.wants(c, "GET /category HTTP/1.1|Host: h", "a")
	w.put(w.path, "listeners/l", listener("HTTP", portHTTP, "a").with(fields{"routingPolicyName": "p"}))
	for head, set := range map[string]string{
		"GET /category HTTP/1.1|Host: h": "c", "GET /x/id?id HTTP/1.1|Host: h": "c", "GET /Category HTTP/1.1|Host: h": "a",
		"GET /?department=HR HTTP/1.1|Host: h|User-Agent: MOBILE": "b", "GET /?department=%48%52 HTTP/1.1|Host: h|User-Agent: mobile": "b",
		"GET / HTTP/1.1|Host: h|Cookie: x=1; group=b": "b", "GET / HTTP/1.1|Host: h": "a",
	} {
		w.wants(c, head, set)
	}
	w.put(w.path, "routingPolicies/p", fields{"rules": []fields{to("other", "http.request.url.path eq '/'", "c")}})
	w.wants(c, "GET / HTTP/1.1|Host: h", "c")
}

// TestEnginePathRoutes: path routes lead in the order of their kinds.
func TestEnginePathRoutes_RTE_01(t *testing.T) {
	t.Parallel()
	route := func(path, match, set string) fields {
		return fields{"path": path, "pathMatchType": fields{"matchType": match}, "backendSetName": set}
	}
	w := newRuledWorld(t, fields{"l": fields{"pathRouteSetName": "p"}}, fields{"pathRouteSets": fields{"p": fields{"pathRoutes": []fields{
		route("/v", "PREFIX_MATCH", "b"), route(".png", "SUFFIX_MATCH", "c"), route("/v/x", "FORCE_LONGEST_PREFIX_MATCH", "a"), route("/v/x/y", "EXACT_MATCH", "c"),
	}}}})
	c := w.dialHTTP(w.path)
	for target, set := range map[string]string{
		"/video": "b", "/V/1.png": "b", "/1.PNG?a": "c", "/v/x/1": "a", "/v/x/y": "c", "/v/x/y/": "a", "/": "a",
	} {
		w.wants(c, "GET "+target+" HTTP/1.1|Host: h", set)
	}
}

// TestEngineHostnames: the host that fits best decides, in whatever order the listeners came to be.
func TestEngineHostnames_HST_01(t *testing.T) {
	t.Parallel()
	kinds := []struct{ listener, host, set string }{{"all", "", "a"}, {"exact", "app.example.com", "b"}, {"front", "*.example.com", "c"}, {"behind", "app.example.*", "b"}}
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}} {
		t.Run(strings.Trim(fmt.Sprint(order), "[]"), func(t *testing.T) {
			t.Parallel()
			w := newRuledWorld(t, nil, nil)
			for _, i := range order {
				k := kinds[i]
				l := listener("HTTP", portHTTP, k.set).with(fields{"name": k.listener})
				if k.host != "" {
					w.done("POST", w.path+"/hostnames", fields{"name": k.listener, "hostname": k.host}.String())
					l["hostnameNames"] = []string{k.listener}
				}
				w.done("POST", w.path+"/listeners", l.String())
			}
			c := w.dialHTTP(w.path)
			hosts := func(want map[string]string) {
				t.Helper()
				for host, set := range want {
					w.wants(c, "GET / HTTP/1.1|Host: "+host, set)
				}
			}
			hosts(map[string]string{
				"app.example.com": "b", "APP.Example.com:8080": "b", "www.example.com": "c", "a.b.example.com": "c", "example.com": "a",
				"app.example.org": "b", "app.example.co.uk": "b", "other.test": "a", "127.0.0.1": "a",
			})
			w.done("DELETE", w.path+"/listeners/exact", "")
			hosts(map[string]string{"app.example.com": "c", "app.example.org": "b"})
			w.done("DELETE", w.path+"/listeners/front", "")
			hosts(map[string]string{"app.example.com": "b", "www.example.com": "a"})
		})
	}
}

// TestEngineHeaders: header rules both ways, in order; what the load balancer writes stays.
func TestEngineHeaders_RUL_01_HDR_01_HDR_02(t *testing.T) {
	t.Parallel()
	name := func(n string) fields { return fields{"header": n} }
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(
		rule("ADD_HTTP_REQUEST_HEADER", name("X-New")).with(fields{"value": "v"}),
		rule("EXTEND_HTTP_REQUEST_HEADER_VALUE", name("x_new")).with(fields{"prefix": "<", "suffix": ">"}),
		rule("EXTEND_HTTP_REQUEST_HEADER_VALUE", name("X-There")).with(fields{"suffix": "!"}),
		rule("REMOVE_HTTP_REQUEST_HEADER", name("x-gone")), rule("REMOVE_HTTP_REQUEST_HEADER", name("x-forwarded-for")),
		rule("REMOVE_HTTP_REQUEST_HEADER", name("X-Real-IP")), rule("ADD_HTTP_REQUEST_HEADER", name("Host")).with(fields{"value": "evil"}),
		rule("ADD_HTTP_RESPONSE_HEADER", name("X_Old")).with(fields{"value": "2"}), rule("REMOVE_HTTP_RESPONSE_HEADER", name("server")),
	))
	from := netip.MustParseAddr("127.0.0.7")
	c := lulltest.HTTP(lulltest.DialFrom(t, from, w.at(w.path, portHTTP)))
	got := ask(c, "GET / HTTP/1.1|Host: h:1234|X_New: 0|x-new: 1|X-There: t|X-Gone: 1|x_gone: 2|X-Forwarded-For: 1.2.3.4")
	if got.StatusCode != 200 || !slices.Equal(got.Header["X_old"], []string{"2"}) || got.Header["X-Old"] != nil || got.Header["Server"] != nil {
		t.Errorf("answer: got %d with %v", got.StatusCode, got.Header)
	}
	seen := w.backends["a"].Seen()[0]
	want := map[string]string{
		"X-New": "<v>", "X-There": "t!", "X-Gone": "", "X-Forwarded-For": "1.2.3.4, 127.0.0.7", "X-Real-Ip": "127.0.0.7",
		"X-Forwarded-Host": "h:1234", "X-Forwarded-Port": fmt.Sprint(portHTTP), "X-Forwarded-Proto": "http",
	}
	for field, value := range want {
		if got := strings.Join(seen.Header[field], "|"); got != value {
			t.Errorf("request: got %s %q, want %q", field, got, value)
		}
	}
	if seen.Host != "h:1234" || seen.Header["X_new"] != nil || seen.Header["X_gone"] != nil {
		t.Errorf("request: got host %q and %v", seen.Host, seen.Header)
	}
}

// TestEngineHeadSize: a line may be as long as the buffer, 8 KB unless a rule says more.
func TestEngineHeadSize_RUL_06(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(rule("REMOVE_HTTP_REQUEST_HEADER", fields{"header": "None"})))
	status := func(head string) int {
		c := w.dialHTTP(w.path)
		defer func() { _ = c.Close() }()
		return ask(c, head).StatusCode
	}
	line := func(kilobytes, short int) string {
		return "GET / HTTP/1.1|Host: h|X-Long: " + strings.Repeat("x", kilobytes<<10-short)
	}
	for _, c := range []struct {
		kilobytes int
		rule      fields
	}{{8, nil}, {8, fields{}}, {16, fields{"httpLargeHeaderSizeInKB": 16}}, {32, fields{"httpLargeHeaderSizeInKB": 32}}, {64, fields{"httpLargeHeaderSizeInKB": 64}}} {
		if c.rule != nil {
			w.put(w.path, "ruleSets/s", itemsOf(rule("HTTP_HEADER", c.rule)))
		}
		if got := status(line(c.kilobytes, 100)); got != 200 {
			t.Errorf("%d KB: a shorter line got %d, want 200", c.kilobytes, got)
		}
		if got := status(line(c.kilobytes, 0)); got != 400 {
			t.Errorf("%d KB: a longer line got %d, want 400", c.kilobytes, got)
		}
		half := "|X-Half: " + strings.Repeat("x", c.kilobytes<<9)
		if got := status("GET / HTTP/1.1|Host: h" + strings.Repeat(half, 9)); got != 400 {
			t.Errorf("%d KB: a head of nine half lines got %d, want 400", c.kilobytes, got)
		}
		if got := status("GET / HTTP/1.1|Host: h|x.y: 1"); got != 400 {
			t.Errorf("a name with a dot got %d, want 400", got)
		}
	}
	w.put(w.path, "ruleSets/s", itemsOf(rule("HTTP_HEADER", fields{"areInvalidCharactersAllowed": true})))
	if got := status("GET / HTTP/1.1|Host: h|x.y: 1"); got != 200 {
		t.Errorf("a name with a dot where that is allowed got %d, want 200", got)
	}
}

// TestEngineRequestID: off at first; then the backend and the client get the same, an incoming one is kept, and no rule removes it.
func TestEngineRequestID_HDR_03(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": useS}, fields{"isRequestIdEnabled": true}.with(ruleSetS(
		rule("REMOVE_HTTP_REQUEST_HEADER", fields{"header": "X-Request-Id"}), rule("REMOVE_HTTP_RESPONSE_HEADER", fields{"header": "x_request_id"}))))
	c := w.dialHTTP(w.path)
	ids := map[string]bool{}
	for i, line := range []string{"", "", "|X-Request-Id: mine"} {
		got := ask(c, "GET / HTTP/1.1|Host: h"+line)
		id := strings.Join(got.Header["X-Request-Id"], "|")
		seen := strings.Join(w.backends["a"].Seen()[i].Header["X-Request-Id"], "|")
		if id == "" || id != seen || ids[id] || line != "" && id != "mine" {
			t.Errorf("request %d: the client got %q and the backend %q", i+1, id, seen)
		}
		ids[id] = true
	}
}

// TestEngineCaps: an address may have so many connections; one too many is closed at once, and there is room when one has gone.
func TestEngineCaps_RUL_07(t *testing.T) {
	t.Parallel()
	w := newRuledWorld(t, fields{"l": useS}, ruleSetS(rule("IP_BASED_MAX_CONNECTIONS", fields{"defaultMaxConnections": 2, "ipMaxConnections": []fields{
		{"ipAddresses": []string{"127.0.0.8/32"}, "maxConnections": 1}, {"ipAddresses": []string{"127.0.1.0/24"}, "maxConnections": 3}}})))
	at := w.at(w.path, portHTTP)
	for from, most := range map[string]int{"127.0.0.9": 2, "127.0.0.8": 1, "127.0.1.1": 3} {
		addr := netip.MustParseAddr(from)
		var open []*lulltest.HTTPConn
		for range most {
			c := lulltest.HTTP(lulltest.DialFrom(t, addr, at))
			w.wants(c, "GET / HTTP/1.1|Host: h", "a")
			open = append(open, c)
		}
		if how, data := lulltest.DialFrom(t, addr, at).End(); how == "timeout" || len(data) > 0 {
			t.Errorf("%s: connection %d ended by %s with %q, want it closed at once", from, most+1, how, data)
		}
		for _, c := range open {
			w.wants(c, "GET / HTTP/1.1|Host: h", "a")
		}
		_ = open[0].Close()
		if !lulltest.Eventually(func() bool {
			c := lulltest.DialFrom(t, addr, at)
			defer func() { _ = c.Close() }()
			_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"))
			n, _ := c.Read(make([]byte, 1))
			return n == 1
		}) {
			t.Errorf("%s: there is no room after one has gone", from)
		}
	}
}
