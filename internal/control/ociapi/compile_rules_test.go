package ociapi

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
)

// decoded returns the body of an operation as the service gets it.
func decoded(t testing.TB, operation, body string) *wire.Request {
	t.Helper()
	r, err := wire.Decode(wire.Route{Operation: operationNamed(operation), Parameters: map[string]string{}}, "",
		http.Header{"Content-Type": {"application/json"}}, []byte(body))
	if err != nil {
		t.Fatalf("%s %s: %v", operation, body, err)
	}
	return r
}

// balancerOf returns the document of a load balancer with sets a, b and c, one listener "l" with some fields, and more parts.
func balancerOf(t testing.TB, listener, more string, policies ...string) *document {
	t.Helper()
	if listener != "" {
		listener = "," + listener
	}
	if more != "" {
		more = "," + more
	}
	set := `{"policy":"ROUND_ROBIN","healthChecker":{"protocol":"TCP"}}`
	d := newDocument("ocid1.loadbalancer.oc1.lull-1.a")
	r := decoded(t, createOperation, `{"compartmentId":"c","displayName":"web","shapeName":"100Mbps","subnetIds":["s"],
		"backendSets":{"a":`+set+`,"b":`+set+`,"c":`+set+`},
		"listeners":{"l":{"defaultBackendSetName":"a","port":80,"protocol":"HTTP"`+listener+`}}`+more+`}`)
	if err := createLoadBalancer(d, r); err != nil {
		t.Fatal(err)
	}
	for _, p := range policies {
		if err := createRoutingPolicy(d, decoded(t, "CreateRoutingPolicy", p)); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// ruledOf compiles the listener of such a load balancer.
func ruledOf(t testing.TB, d *document) *ruled {
	t.Helper()
	for _, f := range []func(*Service, *document) error{
		checkHostnames, checkPathRouteSets, checkRoutingPolicies, checkRuleSets, checkListenerHosts, checkListenerRules,
	} {
		if err := f(nil, d); err != nil {
			t.Fatal(err)
		}
	}
	sets := map[string]*plan.BackendSet{}
	for name := range d.BackendSets {
		sets[name] = &plan.BackendSet{Key: plan.SetKey{LoadBalancer: "web", Name: name}}
	}
	l := d.Listeners["l"]
	out, err := d.ruled("l", &l, sets)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// ruleSet is the fields of a listener and of its load balancer that put rules in force.
func ruleSet(items ...string) (listener, more string) {
	return `"ruleSetNames":["s"]`, `"ruleSets":{"s":{"items":[` + strings.Join(items, ",") + `]}}`
}

// asked reads a request as the data plane does. Its head may say "client address", which is no field of it, and "secure".
func asked(t testing.TB, head string) *rules.Request {
	t.Helper()
	r := &rules.Request{Head: new(http1.Head), Client: netip.MustParseAddr("192.0.2.1")}
	var lines []string
	for line := range strings.SplitSeq(head, "|") {
		switch name, value, _ := strings.Cut(line, " "); name {
		case "client":
			r.Client = netip.MustParseAddr(value)
		case "secure":
			r.Secure = true
		default:
			lines = append(lines, line)
		}
	}
	r.Bytes = []byte(strings.Join(append(lines, "", ""), "\r\n"))
	var s http1.Scan
	if n, f := r.Head.ReadRequest(r.Bytes, &s, &http1.RequestLimits); n != len(r.Bytes) {
		t.Fatalf("read %q: got %d, %v", r.Bytes, n, f)
	}
	return r
}

// answer writes what becomes of a request: the set that it goes to, or the status of the answer with what belongs to it.
func answer(site *plan.Site, r *rules.Request) string {
	d := site.Table.Decide(r)
	switch {
	case d.Action == rules.Forward && d.Set == rules.NoSet:
		return "none"
	case d.Action == rules.Forward:
		return site.Sets[d.Set].Key.Name
	case d.Redirect != nil:
		return fmt.Sprintf("%d %s", d.Status, d.Redirect.AppendLocation(nil, r))
	case d.Allow != "":
		return fmt.Sprintf("%d allow %s", d.Status, d.Allow)
	}
	return fmt.Sprint(d.Status)
}

const plainGet = "GET / HTTP/1.1|Host: example.com"

// TestAccess: without ALLOW everybody, with one only whom one allows. lull knows no VCN: a condition on one lets nobody in.
func TestAccess_RUL_03(t *testing.T) {
	t.Parallel()
	ip := func(block string) string {
		return `{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"` + block + `"}]}`
	}
	const vcn = `{"attributeName":"SOURCE_VCN_ID","attributeValue":"ocid1.vcn.oc1.lull-1.v"}`
	const anything = `{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X"}`
	for _, c := range []struct {
		name   string
		rules  []string
		client string
		want   string
	}{
		{"none", []string{anything}, "192.0.2.1", "a"},
		{"in", []string{ip("192.0.2.0/24")}, "192.0.2.1", "a"},
		{"out", []string{ip("192.0.3.0/24")}, "192.0.2.1", "403"},
		{"one-of-two", []string{ip("10.0.0.0/8"), ip("192.0.2.1/32")}, "192.0.2.1", "a"},
		{"none-of-two", []string{ip("10.0.0.0/8"), ip("192.0.2.2/32")}, "192.0.2.1", "403"},
		{"host-bits", []string{ip("192.0.2.99/24")}, "192.0.2.1", "a"},
		{"all-four", []string{ip("0.0.0.0/0")}, "192.0.2.1", "a"},
		{"all-four-no-six", []string{ip("0.0.0.0/0")}, "2001:db8::1", "403"},
		{"all-six", []string{ip("::/0")}, "2001:db8::1", "a"},
		{"all-six-no-four", []string{ip("::/0")}, "192.0.2.1", "403"},
		{"six-in", []string{ip("2001:db8::/32")}, "2001:db8:1::1", "a"},
		{"six-out", []string{ip("2001:db8::/32")}, "2001:db9::1", "403"},
		{"mapped-client", []string{ip("192.0.2.0/24")}, "::ffff:192.0.2.1", "a"},
		{"mapped-block", []string{ip("::ffff:192.0.2.0/120")}, "192.0.2.1", "a"},
		{"vcn", []string{`{"action":"ALLOW","conditions":[` + vcn + `]}`}, "10.0.0.1", "403"},
		{"vcn-and-block", []string{`{"action":"ALLOW","conditions":[` + vcn + `,{"attributeName":"SOURCE_VCN_IP_ADDRESS","attributeValue":"0.0.0.0/0"}]}`}, "10.0.0.1", "403"},
		{"vcn-or-ip", []string{`{"action":"ALLOW","conditions":[` + vcn + `]}`, ip("10.0.0.0/8")}, "10.0.0.1", "a"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := ruledOf(t, balancerOf(t, `"ruleSetNames":["s"]`, `"ruleSets":{"s":{"items":[`+strings.Join(c.rules, ",")+`]}}`)).site
			if got := answer(site, asked(t, plainGet+"|client "+c.client)); got != c.want {
				t.Errorf("%s: got %s, want %s", c.client, got, c.want)
			}
		})
	}
}

// TestMethods: other methods are answered, with Allow where the status is 405.
func TestMethods_RUL_04(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, rule, method, want string }{
		{"allowed", `"allowedMethods":["GET","POST"]`, "POST", "a"},
		{"other", `"allowedMethods":["GET","POST"]`, "PUT", "405 allow GET, POST"},
		{"said-405", `"allowedMethods":["GET"],"statusCode":405`, "PUT", "405 allow GET"},
		{"other-status", `"allowedMethods":["GET"],"statusCode":403`, "PUT", "403"},
		{"case", `"allowedMethods":["get"]`, "GET", "405 allow get"},
		{"own", `"allowedMethods":["PURGE"]`, "PURGE", "a"},
		{"head-is-its-own", `"allowedMethods":["GET"]`, "HEAD", "405 allow GET"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := ruledOf(t, balancerOf(t, `"ruleSetNames":["s"]`, `"ruleSets":{"s":{"items":[{"action":"CONTROL_ACCESS_USING_HTTP_METHODS",`+c.rule+`}]}}`)).site
			if got := answer(site, asked(t, c.method+" / HTTP/1.1|Host: example.com")); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// redirectItem is a redirect of a path to somewhere.
func redirectItem(path, operator, uri string) string {
	return `{"action":"REDIRECT","conditions":[{"attributeName":"PATH","attributeValue":"` + path + `","operator":"` + operator + `"}],"redirectUri":` + uri + `}`
}

// RedirectCases are the examples of Oracle's documentation and what follows from its rules. The tests at sockets (package ociapi_test) use them too.
var RedirectCases = []struct{ Name, URI, Host, Target, Want string }{
	{"path-and-escapes", `{"path":"/example{path}123\\{path\\}"}`, "example.com", "/video", "http://example.com/example/video123{path}"},
	{"query-of-none", `{"query":"?lang=en&{query}"}`, "example.com", "/video", "http://example.com/video?lang=en"},
	{"query-of-some", `{"query":"?lang=en&{query}"}`, "example.com", "/video?x=1", "http://example.com/video?lang=en&x=1"},
	{"query-bare", `{"query":"a=b"}`, "example.com", "/video?x=1", "http://example.com/video?a=b"},
	{"query-token", `{"query":"{query}"}`, "example.com", "/video?x=1", "http://example.com/video?x=1"},
	{"query-empty", `{"query":""}`, "example.com", "/video?x=1", "http://example.com/video"},
	{"query-only-mark", `{"query":"?{query}"}`, "example.com", "/video", "http://example.com/video"},
	{"query-kept", `{"host":"b.test"}`, "example.com", "/video?x=1", "http://b.test/video?x=1"},
	{"query-all-tokens", `{"query":"?{protocol}-{host}-{port}-{path}-{query}"}`, "example.com", "/video?x=1", "http://example.com/video?http-example.com-80-/video-x=1"},
	{"query-backslash", `{"query":"?a=\\\\b"}`, "example.com", "/video", `http://example.com/video?a=\b`},
	{"host-token", `{"host":"in{host}"}`, "example.com", "/video", "http://inexample.com/video"},
	{"host-twice", `{"host":"{host}.{host}"}`, "example.com", "/video", "http://example.com.example.com/video"},
	{"path-empty", `{"path":""}`, "example.com", "/video", "http://example.com"},
	{"path-token-first", `{"path":"{path}/more"}`, "example.com", "/video", "http://example.com/video/more"},
	{"protocol-keeps-port", `{"protocol":"HTTPS"}`, "example.com:8080", "/video", "https://example.com:8080/video"},
	{"protocol-token", `{"protocol":"{protocol}"}`, "example.com", "/video", "http://example.com/video"},
	{"protocol-and-port", `{"protocol":"HTTPS","port":443}`, "example.com:8080", "/video", "https://example.com:443/video"},
	{"all", `{"protocol":"https","host":"b.test","port":8443,"path":"/p{path}","query":"?q={query}"}`, "example.com:80", "/video?x", "https://b.test:8443/p/video?q=x"},
	{"case-of-path", `{"path":"/new"}`, "example.com", "/VIDEO", "http://example.com/new"},
}

func TestRedirect_RUL_05(t *testing.T) {
	t.Parallel()
	for _, c := range RedirectCases {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			site := ruledOf(t, balancerOf(t, `"ruleSetNames":["s"]`, `"ruleSets":{"s":{"items":[`+redirectItem("/video", "EXACT_MATCH", c.URI)+`]}}`)).site
			if got, want := answer(site, asked(t, "GET "+c.Target+" HTTP/1.1|Host: "+c.Host)), "302 "+c.Want; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if got := answer(site, asked(t, "GET /other HTTP/1.1|Host: "+c.Host)); got != "a" {
				t.Errorf("another path: got %s, want a", got)
			}
		})
	}
}

// TestRedirectOrder: of several redirects the one whose path is nearest counts, and a refusal comes first.
func TestRedirectOrder_RUL_05(t *testing.T) {
	t.Parallel()
	listener, more := ruleSet(
		strings.Replace(redirectItem("/a", "PREFIX_MATCH", `{"path":"/1"}`), `"action"`, `"responseCode":301,"action"`, 1),
		strings.Replace(redirectItem("/a/b", "FORCE_LONGEST_PREFIX_MATCH", `{"path":"/2"}`), `"action"`, `"responseCode":307,"action"`, 1),
		strings.Replace(redirectItem("/a/b/c", "EXACT_MATCH", `{"path":"/3"}`), `"action"`, `"responseCode":308,"action"`, 1),
		strings.Replace(redirectItem(".png", "SUFFIX_MATCH", `{"path":"/4"}`), `"action"`, `"responseCode":303,"action"`, 1),
		`{"action":"CONTROL_ACCESS_USING_HTTP_METHODS","allowedMethods":["GET"]}`,
		`{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"192.0.2.0/24"}]}`)
	site := ruledOf(t, balancerOf(t, listener, more)).site
	for head, want := range map[string]string{
		"GET /a HTTP/1.1": "301 http://h/1", "GET /a/x.png HTTP/1.1": "301 http://h/1", "GET /a/b HTTP/1.1": "307 http://h/2",
		"GET /a/b/c/d HTTP/1.1": "307 http://h/2", "GET /a/b/c HTTP/1.1": "308 http://h/3", "GET /x.png HTTP/1.1": "303 http://h/4",
		"GET /x HTTP/1.1": "a", "PUT /a HTTP/1.1": "405 allow GET", "PUT /a HTTP/1.1|client 10.0.0.1": "403", "GET /a HTTP/1.1|client 10.0.0.1": "403",
	} {
		if got := answer(site, asked(t, head+"|Host: h")); got != want {
			t.Errorf("%s: got %s, want %s", head, got, want)
		}
	}
}

// TestHeadForm: four buffers of the size that a rule says, or of 8 KB; other characters in names only where a rule allows them.
func TestHeadForm_RUL_06(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]struct {
		headMax int
		dotted  string
	}{
		``:                         {32 << 10, "400"},
		`{"action":"HTTP_HEADER"}`: {32 << 10, "400"},
		`{"action":"HTTP_HEADER","httpLargeHeaderSizeInKB":8}`:        {32 << 10, "400"},
		`{"action":"HTTP_HEADER","httpLargeHeaderSizeInKB":16}`:       {64 << 10, "400"},
		`{"action":"HTTP_HEADER","httpLargeHeaderSizeInKB":32}`:       {128 << 10, "400"},
		`{"action":"HTTP_HEADER","httpLargeHeaderSizeInKB":64}`:       {256 << 10, "400"},
		`{"action":"HTTP_HEADER","areInvalidCharactersAllowed":true}`: {32 << 10, "a"},
	} {
		listener, more := ruleSet(rule)
		if rule == "" {
			listener, more = "", ""
		}
		out := ruledOf(t, balancerOf(t, listener, more))
		if got := answer(out.site, asked(t, plainGet+"|x.y: 1")); got != want.dotted || out.headMax != want.headMax {
			t.Errorf("rule %s: got %d bytes and %s for a name with a dot, want %d and %s", rule, out.headMax, got, want.headMax, want.dotted)
		}
		if got := answer(out.site, asked(t, plainGet+"|x_y-1: 1")); got != "a" {
			t.Errorf("rule %s: a name with underscore and hyphen: got %s", rule, got)
		}
	}
}

// TestCaps: default and overrides; of several rules the strictest counts.
func TestCaps_RUL_07(t *testing.T) {
	t.Parallel()
	const one = `{"action":"IP_BASED_MAX_CONNECTIONS","defaultMaxConnections":10,"ipMaxConnections":[
		{"ipAddresses":["10.0.0.0/8","2001:db8::/32"],"maxConnections":20},{"ipAddresses":["10.1.0.0/16"],"maxConnections":5},{"ipAddresses":["::ffff:10.2.0.1/128"],"maxConnections":3}]}`
	const two = `{"action":"IP_BASED_MAX_CONNECTIONS","ipMaxConnections":[{"ipAddresses":["10.1.2.0/24"],"maxConnections":30},{"ipAddresses":["10.2.0.0/16"],"maxConnections":2}]}`
	const three = `{"action":"IP_BASED_MAX_CONNECTIONS","defaultMaxConnections":4}`
	clients := []string{"192.0.2.1", "10.0.0.1", "10.1.0.1", "10.1.2.3", "10.2.0.1", "10.2.0.2", "2001:db8::1"}
	for _, c := range []struct {
		rules []string
		want  []int
	}{
		{[]string{one}, []int{10, 20, 5, 5, 3, 20, 20}},
		{[]string{two}, []int{0, 0, 0, 30, 2, 2, 0}},
		{[]string{one, two}, []int{10, 20, 5, 5, 2, 2, 20}},
		{[]string{two, one}, []int{10, 20, 5, 5, 2, 2, 20}},
		{[]string{one, two, three}, []int{4, 4, 4, 4, 2, 2, 4}},
		{[]string{three}, []int{4, 4, 4, 4, 4, 4, 4}},
	} {
		listener, more := ruleSet(c.rules...)
		caps := ruledOf(t, balancerOf(t, listener, more)).caps
		var got []int
		for _, client := range clients {
			got = append(got, caps.For(netip.MustParseAddr(client)))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v for %v, want %v", c.rules, got, clients, c.want)
		}
	}
	if caps := ruledOf(t, balancerOf(t, "", "")).caps; caps != nil {
		t.Errorf("without a rule: got %+v", caps)
	}
}

// editedHead returns a head as it is sent on, fields joined by "|".
func editedHead(e *rules.Edits, r *rules.Request) string {
	edit := http1.Edit{}
	if e != nil {
		edit = http1.Edit{Drop: http1.IDs(e.Dropped()), DropNames: e.Dropped(), Lines: e.Append(nil, r.Head, r.Bytes)}
	}
	out := string(r.Head.AppendRequest(nil, r.Bytes, &edit))
	return strings.ReplaceAll(strings.TrimSuffix(out, "\r\n\r\n"), "\r\n", "|")
}

// TestHeaders: rules of several sets in the order in which the listener names them; what the load balancer writes itself stays.
func TestHeaders_RUL_01_HDR_02_HDR_03(t *testing.T) {
	t.Parallel()
	d := balancerOf(t, `"ruleSetNames":["two","one"]`, `"isRequestIdEnabled":true,"ruleSets":{
		"one":{"items":[{"action":"EXTEND_HTTP_REQUEST_HEADER_VALUE","header":"x-a","prefix":"<","suffix":">"},{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"Cookie"},
			{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X-Request-ID"},{"action":"REMOVE_HTTP_RESPONSE_HEADER","header":"X-Request-ID"},
			{"action":"REMOVE_HTTP_RESPONSE_HEADER","header":"server"},{"action":"EXTEND_HTTP_RESPONSE_HEADER_VALUE","header":"X-B","suffix":"!"}]},
		"two":{"items":[{"action":"ADD_HTTP_REQUEST_HEADER","header":"X_A","value":"1"},{"action":"REMOVE_HTTP_REQUEST_HEADER","header":"X-Forwarded-For"},
			{"action":"ADD_HTTP_REQUEST_HEADER","header":"x-real-ip","value":"1.1.1.1"},{"action":"ADD_HTTP_REQUEST_HEADER","header":"host","value":"evil"},
			{"action":"ADD_HTTP_RESPONSE_HEADER","header":"X-Frame-Options","value":"DENY"}]}}`)
	site := ruledOf(t, d).site
	r := asked(t, "GET / HTTP/1.1|Host: h|X-A: 0|x-a: 2|Cookie: c|X-Forwarded-For: 1|X-Real-IP: 2|X-Request-Id: id")
	const want = "GET / HTTP/1.1|Host: h|X-Forwarded-For: 1|X-Real-IP: 2|X-Request-Id: id|X_A: <1>|x-real-ip: 1.1.1.1"
	if got := editedHead(site.Request, r); got != want {
		t.Errorf("request: got %s, want %s", got, want)
	}
	if got, want := site.Response.Dropped(), []string{"x-frame-options", "server", "x-b"}; !slices.Equal(got, want) {
		t.Errorf("response: got %q left out, want %q", got, want)
	}
	if site.RequestID != "X-Request-Id" {
		t.Errorf("field of the request's id: got %q", site.RequestID)
	}
}

func TestRequestIDField_HDR_03(t *testing.T) {
	t.Parallel()
	for more, want := range map[string]string{
		``: "", `"requestIdHeader":"X-Trace"`: "", `"isRequestIdEnabled":true,"requestIdHeader":"X-Trace"`: "X-Trace",
		`"isRequestIdEnabled":true,"requestIdHeader":""`: "X-Request-Id", `"isRequestIdEnabled":true`: "X-Request-Id",
	} {
		site := ruledOf(t, balancerOf(t, "", more)).site
		if site.RequestID != want || site.Request != nil || site.Response != nil {
			t.Errorf("%s: got field %q and edits %v, %v, want %q and none", more, site.RequestID, site.Request, site.Response, want)
		}
	}
}

// TestPathRoutes: exact, then the longest of the forced, then the first of the others; small and capital letters are the same.
func TestPathRoutes_RTE_01(t *testing.T) {
	t.Parallel()
	route := func(path, match, set string) string {
		return `{"path":"` + path + `","pathMatchType":{"matchType":"` + match + `"},"backendSetName":"` + set + `"}`
	}
	exact, longest, prefix, suffix := "EXACT_MATCH", "FORCE_LONGEST_PREFIX_MATCH", "PREFIX_MATCH", "SUFFIX_MATCH"
	for _, c := range []struct {
		name   string
		routes []string
		want   map[string]string
	}{
		{"exact-wins", []string{route("/x", prefix, "b"), route("/x", longest, "b"), route("/x", exact, "c")}, map[string]string{"/x": "c", "/X?q": "c", "/x/": "b", "/y": "a"}},
		{"longest-wins", []string{route("/x/y/z", prefix, "c"), route("/x", longest, "c"), route("/x/y", longest, "b")}, map[string]string{"/x/y/z": "b", "/x/a": "c", "/X/Y": "b"}},
		{"listed-in-order", []string{route("/x", prefix, "b"), route(".png", suffix, "c")}, map[string]string{"/x.png": "b", "/y.PNG": "c", "/y.png?a": "c", "/y.png/": "a"}},
		{"listed-the-other-way", []string{route(".png", suffix, "c"), route("/x", prefix, "b")}, map[string]string{"/x.png": "c", "/x": "b"}},
		{"slash-counts", []string{route("/admin", exact, "b"), route("/admin/", exact, "c")}, map[string]string{"/admin": "b", "/admin/": "c", "/admin/x": "a"}},
		{"empty", nil, map[string]string{"/": "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := ruledOf(t, balancerOf(t, `"pathRouteSetName":"p"`, `"pathRouteSets":{"p":{"pathRoutes":[`+strings.Join(c.routes, ",")+`]}}`)).site
			for path, want := range c.want {
				if got := answer(site, asked(t, "GET "+path+" HTTP/1.1|Host: h")); got != want {
					t.Errorf("%s: got %s, want %s", path, got, want)
				}
			}
		})
	}
}

// policyOf is a routing policy of conditions and the sets they lead to.
func policyOf(rules ...string) string {
	var list []string
	for i := 0; i < len(rules); i += 2 {
		list = append(list, fmt.Sprintf(`{"name":"r%d","condition":%q,"actions":[{"name":"FORWARD_TO_BACKENDSET","backendSetName":"%s"}]}`, i/2, rules[i], rules[i+1]))
	}
	return `{"name":"p","conditionLanguageVersion":"V1","rules":[` + strings.Join(list, ",") + `]}`
}

// TestRoutingPolicy: the documented conditions; the first rule that holds wins, and without one the default set.
func TestRoutingPolicy_RTE_02_RTE_03_RTE_04(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		rules []string
		want  map[string]string // head behind the method → set
	}{
		{"first-wins", []string{"any(http.request.url.path eq (i '/documents'))", "b", "http.request.url.path sw '/'", "c"}, map[string]string{"/Documents": "b", "/documents/": "c"}},
		{"miss", []string{"http.request.url.path eq '/x'", "b"}, map[string]string{"/X": "a", "/x": "b"}},
		{"all", []string{"all(http.request.headers[(i 'user-agent')] eq (i 'mobile'), http.request.url.query['department'] eq 'HR')", "b"},
			map[string]string{"/?department=HR HTTP/1.1|User-Agent: Mobile": "b", "/?department=hr HTTP/1.1|User-Agent: Mobile": "a", "/?department=HR": "a"}},
		{"cookie", []string{"http.request.cookies['cookie-name'] not eq 'cookie-value'", "b"}, map[string]string{"/ HTTP/1.1|Cookie: cookie-name=cookie-value": "a", "/ HTTP/1.1|Cookie: cookie-name=x": "b", "/": "b"}},
		{"nested-host", []string{"all(any(http.request.headers[(i 'Host')] eq 'h', http.request.headers[(i 'Host')] eq 'h:80'), http.request.url.path sw '/')", "b"}, map[string]string{"/": "b"}},
		{"indexed", []string{"http.request.headers[(i 'X')][0] ew '.x.com'", "b"}, map[string]string{"/ HTTP/1.1|X: a.x.com": "b", "/ HTTP/1.1|X: b|X: a.x.com": "a"}},
		{"same-set-twice", []string{"http.request.url.path eq '/1'", "b", "http.request.url.path eq '/2'", "b", "http.request.url.path eq '/3'", "a"}, map[string]string{"/1": "b", "/2": "b", "/3": "a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			site := ruledOf(t, balancerOf(t, "", "", policyOf(c.rules...))).site
			if len(site.Sets) != 1 {
				t.Errorf("a policy that no listener names: got %d sets", len(site.Sets))
			}
			d := balancerOf(t, "", "", policyOf(c.rules...))
			l, name := d.Listeners["l"], "p"
			l.RoutingPolicyName = &name
			d.Listeners["l"] = l
			site = ruledOf(t, d).site
			for head, want := range c.want {
				target, rest, more := strings.Cut(head, " ")
				if !more {
					rest = "HTTP/1.1"
				}
				if got := answer(site, asked(t, "GET "+target+" "+rest+"|Host: h")); got != want {
					t.Errorf("%s: got %s, want %s", head, got, want)
				}
			}
		})
	}
}

// TestSite: what a listener without rules comes to.
func TestSite(t *testing.T) {
	t.Parallel()
	d := balancerOf(t, `"connectionConfiguration":{"idleTimeout":1200},"hostnameNames":["x","y","z"]`,
		`"hostnames":{"x":{"name":"x","hostname":"A.test"},"y":{"name":"y","hostname":"a.TEST"},"z":{"name":"z","hostname":"*.b.test"}}`)
	out := ruledOf(t, d)
	if out.site.Name != "l" || out.site.Idle != 1200*time.Second || len(out.site.Sets) != 1 || out.site.Sets[0].Key.Name != "a" || !slices.Equal(out.hosts, []string{"a.test", "*.b.test"}) {
		t.Errorf("got %+v with hosts %q", out.site, out.hosts)
	}
}
