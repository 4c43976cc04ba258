package rules_test

import (
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/rules"
)

// conditions are conditions of a request for /Shop/cart?department=HR&… with whether they hold (RTE-02, RTE-03).
//
//nolint:gochecknoglobals // a table
var conditions = []struct {
	name, text string
	want       bool
}{
	{"eq", `http.request.url.path eq '/Shop/cart'`, true},
	{"eq-case", `http.request.url.path eq '/shop/cart'`, false},
	{"sign", `http.request.url.path = '/Shop/cart'`, true},
	{"two-signs", `http.request.url.path=='/Shop/cart'`, true},
	{"equal", `http.request.url.path equal '/Shop/cart'`, true},
	{"equals", `http.request.url.path equals '/Shop/cart'`, true},
	{"not-eq", `http.request.url.path not eq '/Shop/cart'`, false},
	{"unequal", `http.request.url.path != '/Shop/cart'`, false},
	{"not-equal", `http.request.url.path not equal '/x'`, true},
	{"not-equals", `http.request.url.path not equals '/x'`, true},
	{"neq", `http.request.url.path neq '/x'`, true},
	{"sw", `http.request.url.path sw '/Shop'`, true},
	{"sw-no", `http.request.url.path sw '/cart'`, false},
	{"sw-long", `http.request.url.path sw '/Shop/cart/more'`, false},
	{"not-sw", `http.request.url.path not sw '/Shop'`, false},
	{"ew", `http.request.url.path ew 'cart'`, true},
	{"ew-no", `http.request.url.path ew '/Shop'`, false},
	{"not-ew", `http.request.url.path not ew 'x'`, true},
	{"fold-right", `http.request.url.path eq (i '/SHOP/cart')`, true},
	{"fold-left", `(i '/SHOP/cart') eq http.request.url.path`, true},
	{"fold-sw", `http.request.url.path sw (i '/SHOP')`, true},
	{"fold-ew", `http.request.url.path ew (i 'CART')`, true},
	{"constant-sw-variable", `'/Shop/cart/2' sw http.request.url.path`, true},
	{"constants", `'a' eq 'a'`, true},
	{"constants-fold", `(i 'A') eq 'a'`, true},
	{"constants-fold-other", `'A' eq (i 'a')`, true},

	{"header", `http.request.headers[(i 'User-Agent')] eq 'mobile'`, true},
	{"header-case", `http.request.headers[(i 'user-agent')] eq 'Mobile'`, false},
	{"header-fold", `http.request.headers[(i 'user-agent')] eq (i 'MOBILE')`, true},
	{"header-absent-eq", `http.request.headers[(i 'x-none')] eq ''`, false},
	{"header-absent-not-eq", `http.request.headers[(i 'x-none')] not eq 'a'`, true},
	{"header-many-eq", `http.request.headers[(i 'x-tag')] eq 'two'`, true},
	{"header-many-not-eq", `http.request.headers[(i 'x-tag')] not eq 'two'`, false},
	{"header-many-neither", `http.request.headers[(i 'x-tag')] != 'four'`, true},
	{"header-many-no-list", `http.request.headers[(i 'x-tag')] eq 'three, four'`, true},
	{"header-index", `http.request.headers[(i 'x-tag')][1] eq 'two'`, true},
	{"header-index-other", `http.request.headers[(i 'x-tag')][0] eq 'two'`, false},
	{"header-index-past", `http.request.headers[(i 'x-tag')][3] eq 'two'`, false},
	{"host", `http.request.headers[(i 'Host')] eq 'a.example:8080'`, true},
	{"host-first", `http.request.headers[(i 'Host')][0] ew '.example:8080'`, true},
	{"host-second", `http.request.headers[(i 'Host')][1] ew '8080'`, false},

	{"query", `http.request.url.query['department'] eq 'HR'`, true},
	{"query-case", `http.request.url.query['department'] eq 'hr'`, false},
	{"query-key-case", `http.request.url.query['Department'] eq 'HR'`, false},
	{"query-key-fold", `http.request.url.query[(i 'DEPARTMENT')] eq 'HR'`, true},
	{"query-key-other-case", `http.request.url.query['department'] eq 'IT'`, false},
	{"query-key-fold-many", `http.request.url.query[(i 'department')] eq 'IT'`, true},
	{"query-empty", `http.request.url.query['empty'] eq ''`, true},
	{"query-bare-dropped", `'bare' in (http.request.url.query)`, false},
	{"query-nameless-dropped", `http.request.url.query['nameless'] eq 'x'`, false},
	{"query-plus", `http.request.url.query['say'] eq 'a b'`, true},
	{"query-escape", `http.request.url.query['key'] eq 'a/b'`, true},
	{"query-escape-key", `http.request.url.query['a b'] eq '1'`, true},
	{"query-escape-fold", `http.request.url.query['key'] eq (i 'A/B')`, true},
	{"query-escape-sw", `http.request.url.query['key'][0] sw 'a/'`, true},
	{"query-escape-ew", `http.request.url.query['key'][0] ew '/b'`, true},
	{"query-escape-ew-no", `http.request.url.query['key'][0] ew '2Fb'`, false},
	{"query-escape-ew-long", `http.request.url.query['key'][0] ew 'xa/b'`, false},
	{"query-no-escape", `http.request.url.query['odd'] eq '%zz%4'`, true},
	{"query-second-equals", `http.request.url.query['eq'] eq 'b=c'`, true},
	{"query-many", `http.request.url.query['n'] eq '2'`, true},
	{"query-many-none", `http.request.url.query['n'] not eq '2'`, false},
	{"query-index", `http.request.url.query['n'][1] eq '2'`, true},
	{"query-second-mark", `http.request.url.query['q'] eq 'x?y'`, true},

	{"cookie", `http.request.cookies['c'] eq 'v'`, true},
	{"cookie-case", `http.request.cookies['C'] eq 'v'`, false},
	{"cookie-fold", `http.request.cookies[(i 'C')] eq (i 'V')`, true},
	{"cookie-other-line", `http.request.cookies['d'] eq 'w=x'`, true},
	{"cookie-many", `http.request.cookies['c'] eq 'second'`, true},
	{"cookie-index", `http.request.cookies['c'][1] eq 'second'`, true},
	{"cookie-absent", `http.request.cookies['none'] not eq 'v'`, true},
	{"cookie-quoted", `http.request.cookies['q'] eq '"x"'`, true},
	{"cookie-bare", `'bare' in (http.request.cookies)`, false},

	{"in", `'department' in (http.request.url.query)`, true},
	{"in-other-way", `http.request.url.query in ('department')`, true},
	{"not-in", `'department' not in (http.request.url.query)`, false},
	{"in-header", `(i 'USER-AGENT') in (http.request.headers)`, true},
	{"in-header-other-way", `http.request.headers not in (i 'x-none')`, true},
	{"in-header-twice", `http.request.headers in ((i 'x-tag'))`, true},
	{"in-cookie", `'c' in (http.request.cookies)`, true},

	{"any", `any('a' eq 'b', http.request.url.path sw '/Shop')`, true},
	{"all", `all('a' eq 'b', http.request.url.path sw '/Shop')`, false},
	{"not-any", `not any('a' eq 'b')`, true},
	{"not-all", `not all('a' eq 'a')`, false},
	{"nested", "all(any('a' eq 'b', all(http.request.url.path sw '/', \n http.request.url.path ew 'cart')),not any('a' eq 'b'))", true},
	{"nested-last", `all(any('a' eq 'a', 'b' eq 'b'), 'a' eq 'b')`, false},
	{"variables", `http.request.url.query['path'] eq http.request.url.path`, true},
	{"variables-several-right", `http.request.url.path eq http.request.url.query['path']`, true},
	{"variables-indexed", `http.request.cookies['c'] eq http.request.headers[(i 'x-c')][0]`, true},
}

func shopping(t testing.TB) *rules.Request {
	t.Helper()
	return get(t, "/Shop/cart?department=HR&empty=&bare&=nameless&say=a+b&key=a%2Fb&a%20b=1&odd=%zz%4&eq=b=c&n=1&n=2&q=x?y&DEPARTMENT=IT&path=%2F&path=%2FShop%2fcart",
		"User-Agent: mobile", "X-Tag: one", "x-tag: two", "X-TAG: three, four", "X-C: second", `Cookie: c=v;bare; q="x"; =z`, "Cookie: d=w=x; c = second ")
}

func TestCondition_RTE_02_RTE_03(t *testing.T) {
	t.Parallel()
	r := shopping(t)
	for _, c := range conditions {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parsed := parse(t, c.text)
			if got := parsed.Match(r); got != c.want {
				t.Errorf("%s: got %v, want %v", c.text, got, c.want)
			}
			again := parse(t, parsed.String())
			if got := again.Match(r); got != c.want || again.String() != parsed.String() {
				t.Errorf("%s: read again as %s, %v", c.text, again, got)
			}
			tb := table(t, &rules.Config{Rules: []rules.Rule{{Condition: parsed, Set: 1}, {Condition: parsed, Set: 2}}})
			if d := tb.Decide(r); d.Set == 1 != c.want {
				t.Errorf("%s: a table decides %+v", c.text, d)
			}
		})
	}
}

// What one comparison finds out about the request is kept for the next, and must not be taken for something else.
func TestConditionsTogether_RTE_02(t *testing.T) {
	t.Parallel()
	r := shopping(t)
	for _, a := range conditions {
		first := parse(t, a.text)
		for _, b := range conditions {
			second := parse(t, b.text)
			if got := rules.All(first, second, first).Match(r); got != (a.want && b.want) {
				t.Errorf("%s and %s: got %v", a.name, b.name, got)
			}
			if got := rules.Not(rules.Any(first, second, first)).Match(r); got != (!a.want && !b.want) {
				t.Errorf("neither %s nor %s: got %v", a.name, b.name, got)
			}
		}
	}
}

// What a condition sees must be what the backend is sent.
func TestConditionHostIsTheForwardedOne(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"GET http://real.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n": true,
		"GET /x HTTP/1.1\r\nHost: real.example\r\n\r\n":                     true,
		"GET /x HTTP/1.1\r\nHost: other.example\r\n\r\n":                    false,
		"GET /x HTTP/1.0\r\n\r\n":                                           false,
	} {
		r := raw(t, text)
		if got := parse(t, `http.request.headers[(i 'host')] eq 'real.example'`).Match(r); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
		if got := parse(t, `http.request.url.path eq '/x'`).Match(r); !got {
			t.Errorf("%q: the path is not /x", text)
		}
	}
}

func TestConditionOddTargets(t *testing.T) {
	t.Parallel()
	for text, path := range map[string]string{
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n":          "*",
		"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n":       "/",
		"GET http://a?x=y HTTP/1.1\r\nHost: a\r\n\r\n":   "/",
		"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n":  "",
		"GET /%2e/../x?/y HTTP/1.1\r\nHost: a\r\n\r\n":   "/%2e/../x",
		"GET //b.example/x HTTP/1.1\r\nHost: a\r\n\r\n":  "//b.example/x",
		"GET /\xc3\xa4?\xc3 HTTP/1.1\r\nHost: a\r\n\r\n": "/ä",
	} {
		if r := raw(t, text); !parse(t, "http.request.url.path eq '"+path+"'").Match(r) {
			t.Errorf("%q: the path is not %q", text, path)
		}
	}
}

func TestConditionConstructors(t *testing.T) {
	t.Parallel()
	r := get(t, "/a/b")
	r.Network = "net1"
	block := netip.MustParsePrefix
	for _, c := range []struct {
		condition rules.Condition
		text      string
		want      bool
	}{
		{rules.Condition{}, "any()", false},
		{rules.Not(rules.Condition{}), "all()", true},
		{rules.All(), "all()", true},
		{rules.Any(), "any()", false},
		{rules.All(rules.Condition{}), "all(any())", false},
		{rules.PathIs("/a/B", true), "http.request.url.path eq (i '/a/B')", true},
		{rules.PathStarts("/A", false), "http.request.url.path sw '/A'", false},
		{rules.PathEnds("/b", false), "http.request.url.path ew '/b'", true},
		{rules.HostIs("A.example"), "http.request.host eq (i 'A.example')", true},
		{rules.MethodIs("get"), "http.request.method eq 'get'", false},
		{rules.Not(rules.MethodIs("GET")), "http.request.method not eq 'GET'", false},
		{rules.From(block("192.0.2.9/24")), "client.address in (192.0.2.0/24)", true},
		{rules.From(block("::/0")), "client.address in (::/0)", false},
		{rules.Within("net1"), "client.network eq 'net1'", true},
		{rules.Within("net2"), "client.network eq 'net2'", false},
		{
			rules.All(rules.Any(rules.MethodIs("PUT"), rules.HostIs("a.example")), rules.Not(rules.All(rules.PathIs("/", false)))),
			"all(any(http.request.method eq 'PUT', http.request.host eq (i 'a.example')), not all(http.request.url.path eq '/'))", true,
		},
	} {
		mapped := *r
		mapped.Client = netip.AddrFrom16(r.Client.As16())
		if got := c.condition.Match(r); got != c.want || got != c.condition.Match(&mapped) || c.condition.String() != c.text {
			t.Errorf("%s, %v; want %s, %v", c.condition, got, c.text, c.want)
		}
	}
}

func TestParseErrors_RTE_02(t *testing.T) {
	t.Parallel()
	const path = "http.request.url.path "
	nested := strings.Repeat("any(", rules.ConditionDepthMax) + "'a' eq 'a'" + strings.Repeat(")", rules.ConditionDepthMax)
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "character 1: want a condition: any, all, not, a variable or a string, found the end"},
		{"blank", "  ", "character 3: want a condition"},
		{"word", "path eq 'a'", "character 1: want http.request.url.path, http.request.headers"},
		{"no-matcher", path, "character 23: want eq, =, ==, equal, equals, !=, neq, sw, ew or in, or not in front of one, found the end"},
		{"unknown-matcher", path + "like 'a'", `character 23: want eq`},
		{"quoted-matcher", path + "'eq' 'a'", `character 23: want eq`},
		{"twice-not", path + "not != 'a'", "character 27: want eq"},
		{"no-right", path + "eq", "character 25: want a variable or a string, found the end"},
		{"open-string", path + "eq 'abc", "want a quote (') behind the string that begins at character 26, found the end"},
		{"control", path + "eq 'a\nb'", "character 28: want no control character inside a string"},
		{"utf8", path + "eq '\xff'", "character 27: want UTF-8"},
		{"bad-fold", path + "eq (j 'a')", `character 27: want i and a string, as in (i 'text'), found "j 'a')"`},
		{"fold-open", path + "eq (i 'a'", `character 32: want ")", found the end`},
		{"trailing", path + "eq 'a' and 'b' eq 'b'", `character 30: want the end, found "and 'b' eq 'b'"`},
		{"empty-any", "any()", "character 5: want a variable or a string"},
		{"open-any", "any('a' eq 'a'", `want "," or ")", found the end`},
		{"comma", "any('a' eq 'a',)", "character 16: want a variable or a string"},
		{"no-parenthesis", "any 'a' eq 'a'", `character 5: want "("`},
		{"not-alone", "not " + path + "eq 'a'", "character 5: want any or all"},
		{"plain-header", "http.request.headers['host'] eq 'a'", "character 22: want a header's name without case, as in (i 'host')"},
		{"plain-header-in", "'host' in (http.request.headers)", "character 1: want a header's name without case"},
		{"plain-header-other-way", "http.request.headers in ('host')", "character 26: want a header's name without case"},
		{"bad-header", "http.request.headers[(i 'a b')] eq 'a'", "character 22: want a header's name, of letters"},
		{"empty-key", "http.request.url.query[''] eq 'a'", "character 24: want a key that is not empty"},
		{"no-key", "http.request.headers eq 'a'", "character 1: want a key in brackets behind the map, as in http.request.headers[(i 'host')]"},
		{"no-key-right", "'a' eq http.request.cookies", "character 8: want a key in brackets"},
		{"key-open", "http.request.cookies['a' eq 'a'", `character 26: want "]"`},
		{"key-word", "http.request.cookies[a] eq 'a'", "character 22: want a key, as in http.request.cookies['name']"},
		{"index", "http.request.cookies['a'][x] eq 'a'", "character 27: want a number from 0 to 255"},
		{"index-large", "http.request.cookies['a'][256] eq 'a'", "want a number from 0 to 255"},
		{"index-negative", "http.request.cookies['a'][-1] eq 'a'", "want a number from 0 to 255"},
		{"index-zeros", "http.request.cookies['a'][00] eq 'a'", "want a number from 0 to 255"},
		{"ew-many", "http.request.headers[(i 'Host')] ew '.x.com'", "character 1: want one value: write [0] behind the key"},
		{"sw-many-right", "'a' sw http.request.cookies['a']", "character 8: want one value"},
		{"many-many", "http.request.cookies['a'] eq http.request.url.query['b']", "character 30: want one value to compare several with"},
		{"in-open", "'a' in http.request.cookies", `character 8: want "("`},
		{"in-path", "'a' in (http.request.url.path)", "character 9: want http.request.headers"},
		{"in-keyed", "'a' in (http.request.cookies['a'])", "character 9: want http.request.headers"},
		{"path-in", path + "in (http.request.cookies)", "character 1: want a string or a map in front of in"},
		{"in-variable", "http.request.cookies in (http.request.url.path)", "character 26: want a string"},
		{"long", strings.Repeat(" ", rules.ConditionBytesMax+1), "at most 8192 bytes"},
		{"deep", nested, "want no more than 16 conditions inside each other"},
		{"many", "any('a' eq 'a'" + strings.Repeat(",'a' eq 'a'", rules.ConditionTermsMax) + ")", "want no more than 256 terms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := rules.ParseCondition(c.text)
			wantError(t, err, c.want)
			if got.Terms() != 0 || got.Match(get(t, "/")) {
				t.Errorf("got %s beside the error", got)
			}
		})
	}
	parse(t, nested[4:len(nested)-1])
	parse(t, "any('a' eq 'a'"+strings.Repeat(",'a' eq 'a'", rules.ConditionTermsMax-2)+")")
}
