package rules_test

import (
	"fmt"
	"net/netip"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/rules"
)

func TestPaths_RTE_01(t *testing.T) {
	t.Parallel()
	routes := []rules.PathRoute{
		{Path: "/app", Match: rules.PathPrefix, Target: 1},
		{Path: ".JPG", Match: rules.PathSuffix, Target: 2},
		{Path: "/a", Match: rules.PathPrefix, Target: 3},
		{Path: "/video", Match: rules.PathLongest, Target: 4},
		{Path: "/video/Long", Match: rules.PathLongest, Target: 5},
		{Path: "/Admin", Match: rules.PathExact, Target: 6},
		{Path: "/video/long/exact", Match: rules.PathExact, Target: 7},
		{Path: "/admin", Match: rules.PathExact, Target: 8},
		{Path: "/app/x", Match: rules.PathPrefix, Target: 9},
	}
	tb := table(t, &rules.Config{Paths: routes, Default: 100})
	for target, want := range map[string]int{
		"/app": 1, "/APP/x.jpg": 1, "/apple": 1, "/x.jpg": 2, "/abc": 3, "/a.jpg": 2, "/vid": 100, "/video": 4, "/VIDEO/lo": 4,
		"/videos.jpg": 4, "/video/long": 5, "/video/LONG/exact/": 5, "/video/long/EXACT": 7, "/admin": 6, "/admin/": 3, "/x": 100,
		"/x?.jpg": 100, "/x.jpg?y": 2, "/": 100, "/x/app": 100,
	} {
		if got := tb.Decide(get(t, target)); got.Set != want || got.Action != rules.Forward || (got.Cause == rules.ByPathRoute) != (want != 100) {
			t.Errorf("%s: got %+v, want set %d", target, got, want)
		}
	}
}

func TestPathErrors(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"": "path has 0 bytes", "/a b": `holds ' '`, "/a?b": `holds '?'`, "/a\r\n": `holds '\r'`} {
		_, err := rules.NewPaths([]rules.PathRoute{{Path: path}})
		wantError(t, err, want)
	}
	_, err := rules.NewPaths([]rules.PathRoute{{Path: "/", Match: 4}})
	wantError(t, err, "path route 1: match 4 is none of the four")
	_, err = rules.NewPaths(make([]rules.PathRoute, rules.RulesMax+1))
	wantError(t, err, "at most 1000")
}

func TestHosts_HST_01(t *testing.T) {
	t.Parallel()
	names := []rules.HostName{
		{"App.example.com", 1}, {"*.example.com", 2}, {"*.b.example.com", 3}, {"app.example.*", 4}, {"app.*", 5}, {"[2001:DB8::1]", 6},
		{"192.0.2.1", 7},
	}
	for range len(names) { // every rotation, as the order must not matter
		names = append(names[1:], names[0])
		h, err := rules.NewHosts(names)
		if err != nil {
			t.Fatal(err)
		}
		for authority, want := range map[string]int{
			"app.example.com": 1, "APP.EXAMPLE.COM:8080": 1, "app.example.com.": 1, "app.example.com.:80": 1, "x.example.com": 2,
			"x.y.EXAMPLE.com": 2, "x.b.example.com:1": 3, "b.example.com": 2, "app.example.org": 4, "app.example.co.uk": 4, "app.other.org": 5,
			"app": 0, "app.": 0, "example.com": 0, ".example.com": 0, "xexample.com": 0, "": 0, ":80": 0, "[2001:db8::1]": 6, "[2001:db8::1]:443": 6,
			"192.0.2.1:80": 7, "app.example.com:": 1,
		} {
			if got, ok := h.Find([]byte(authority)); got != want || ok != (want != 0) {
				t.Errorf("%q: got %d, %v, want %d", authority, got, ok, want)
			}
		}
		if _, ok := h.Find(make([]byte, 300)); ok {
			t.Error("found a host of 300 bytes")
		}
	}
}

func TestHostErrors(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "has 0 bytes", "*": "has 1 bytes", "*.": "has 2 bytes", "a*.b": "holds '*'", "*a.b": "whole labels", "a.b*": "whole labels",
		"*.a.*": "holds '*'", "a..b": "an empty label", ".a": "an empty label", "*..a": "an empty label", "a b": "holds ' '", "a/b": "holds '/'",
	} {
		_, err := rules.NewHosts([]rules.HostName{{name, 1}})
		wantError(t, err, want)
	}
	_, err := rules.NewHosts([]rules.HostName{{"a.b", 1}, {"A.B", 2}})
	wantError(t, err, `"A.B" is there twice`)
}

func TestAccess_RUL_03(t *testing.T) {
	t.Parallel()
	from := func(s string) rules.Condition { return rules.From(netip.MustParsePrefix(s)) }
	allow := []rules.Condition{
		from("192.0.2.0/24"), from("2001:db8::/32"), rules.Within("net1"), rules.All(rules.Within("net2"), from("10.1.0.0/16")),
	}
	for _, c := range []struct {
		client, network string
		want            bool
	}{
		{"192.0.2.1", "", true}, {"192.0.3.1", "", false}, {"::ffff:192.0.2.1", "", true}, {"2001:db8::1", "", true}, {"2001:db9::1", "", false},
		{"10.1.0.1", "", false}, {"10.1.0.1", "net1", true}, {"10.1.0.1", "net2", true}, {"10.2.0.1", "net2", false}, {"10.2.0.1", "net3", false},
	} {
		r := get(t, "/")
		r.Client, r.Network = netip.MustParseAddr(c.client), c.network
		d := table(t, &rules.Config{Allow: allow, Default: 5}).Decide(r)
		if allowed := d == (rules.Decision{Set: 5}); allowed != c.want {
			t.Errorf("%s in %q: got %+v, want %v", c.client, c.network, d, c.want)
		}
		if !c.want && d != (rules.Decision{Action: rules.Refuse, Cause: rules.ByAccess, Set: rules.NoSet, Status: 403}) {
			t.Errorf("%s in %q: got %+v", c.client, c.network, d)
		}
		if d = table(t, &rules.Config{Default: 5}).Decide(r); d.Set != 5 || d.Action != rules.Forward {
			t.Errorf("without rules: got %+v", d)
		}
		both := []rules.Condition{from("0.0.0.0/0"), from("::/0")}
		if d = table(t, &rules.Config{Allow: both, Default: 5}).Decide(r); d.Action != rules.Forward {
			t.Errorf("all addresses: got %+v", d)
		}
	}
	r := get(t, "/")
	r.Client = netip.Addr{}
	if d := table(t, &rules.Config{Allow: allow}).Decide(r); d.Status != 403 {
		t.Errorf("unknown address: got %+v", d)
	}
}

func TestMethods_RUL_04(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		methods rules.Methods
		method  string
		status  int
		allow   string
	}{
		{rules.Methods{Allowed: []string{"GET", "VERSION-CONTROL"}}, "GET", 0, ""},
		{rules.Methods{Allowed: []string{"GET", "VERSION-CONTROL"}}, "VERSION-CONTROL", 0, ""},
		{rules.Methods{Allowed: []string{"GET", "PUT"}}, "POST", 405, "GET, PUT"},
		{rules.Methods{Allowed: []string{"GET", "PUT"}}, "get", 405, "GET, PUT"},
		{rules.Methods{Allowed: []string{"GET", "PUT"}, Status: 405}, "POST", 405, "GET, PUT"},
		{rules.Methods{Allowed: []string{"GET", "PUT"}, Status: 403}, "POST", 403, ""},
	} {
		d := table(t, &rules.Config{Methods: &c.methods}).Decide(raw(t, c.method+" / HTTP/1.1\r\nHost: a\r\n\r\n"))
		want := rules.Decision{}
		if c.status != 0 {
			want = rules.Decision{Action: rules.Refuse, Cause: rules.ByMethod, Set: rules.NoSet, Status: c.status, Allow: c.allow}
		}
		if d != want {
			t.Errorf("%s by %v: got %+v, want %+v", c.method, c.methods, d, want)
		}
	}
	for _, c := range []struct {
		methods rules.Methods
		want    string
	}{
		{rules.Methods{}, "methods: 0, 1 to 80"}, {rules.Methods{Allowed: []string{"A B"}}, `method "A B" is no token`},
		{rules.Methods{Allowed: []string{"GET\r\nX: y"}}, "no token"}, {rules.Methods{Allowed: []string{"GET"}, Status: 200}, "status 200"},
	} {
		_, err := rules.New(&rules.Config{Methods: &c.methods})
		wantError(t, err, c.want)
	}
}

func TestHeadForm_RUL_06(t *testing.T) {
	t.Parallel()
	for bytes, line := range map[int]int{0: 8, 8 << 10: 8, 16 << 10: 16, 32 << 10: 32, 64 << 10: 64} {
		limits, err := rules.HeadForm{BufferBytes: bytes}.Limits()
		if err != nil || limits.Line != line<<10 || limits.Head != 4*line<<10 {
			t.Errorf("%d: got %+v, %v", bytes, limits, err)
		}
		for extra, want := range map[int]http1.Fault{0: http1.NoFault, 1: http1.LineLong} {
			text := "GET / HTTP/1.1\r\nHost: a\r\nX: " + fmt.Sprintf("%0*d", line<<10-3+extra, 0) + "\r\n\r\n"
			var s http1.Scan
			if _, f := new(http1.Head).ReadRequest([]byte(text), &s, &limits); f != want || extra > 0 && f.Info().Cloud != 400 {
				t.Errorf("%d bytes over a line of %d KiB: got %v, want %v", extra, line, f, want)
			}
		}
	}
	for _, bytes := range []int{-1, 8, 128 << 10} {
		_, err := rules.New(&rules.Config{Head: rules.HeadForm{BufferBytes: bytes}})
		wantError(t, err, "8192, 16384, 32768 and 65536 are allowed")
	}
	for line, want := range map[string]int{"X-a_9: b": 0, "X.a: b": 400, "X!: b": 400} {
		r := get(t, "/", line)
		if d := table(t, &rules.Config{}).Decide(r); d.Status != want || (d.Cause == rules.ByHead) != (want != 0) {
			t.Errorf("%s: got %+v, want status %d", line, d, want)
		}
		if d := table(t, &rules.Config{Head: rules.HeadForm{AnyCharacters: true}}).Decide(r); d.Action != rules.Forward {
			t.Errorf("%s, with any characters: got %+v", line, d)
		}
	}
}

func TestCaps_RUL_07(t *testing.T) {
	t.Parallel()
	block := netip.MustParsePrefix
	c := rules.Caps{Default: 10, Groups: []rules.CapGroup{
		{[]netip.Prefix{block("10.0.0.0/8"), block("2001:db8::/32")}, 20},
		{[]netip.Prefix{block("10.1.0.0/16")}, 30},
		{[]netip.Prefix{block("10.1.0.0/16")}, 40},
	}}
	for client, want := range map[string]int{
		"192.0.2.1": 10, "10.9.0.1": 20, "10.1.0.1": 30, "::ffff:10.1.0.1": 30, "2001:db8::1": 20, "2001:db9::1": 10,
	} {
		if got := c.For(netip.MustParseAddr(client)); got != want {
			t.Errorf("%s: got %d, want %d", client, got, want)
		}
	}
	if err := c.Check(); err != nil {
		t.Error(err)
	}
	if got := (&rules.Caps{}).For(netip.MustParseAddr("10.0.0.1")); got != 0 {
		t.Errorf("without caps: got %d, want no bound", got)
	}
	wantError(t, (&rules.Caps{}).Check(), "set the default")
	wantError(t, (&rules.Caps{Default: -1}).Check(), "-1 connections")
	wantError(t, (&rules.Caps{Groups: []rules.CapGroup{{[]netip.Prefix{block("::/0")}, 0}}}).Check(), "entry 1: 0 connections")
}

// The parts of a table are asked in one order: what is earlier decides.
func TestTableOrder_RTE_04(t *testing.T) {
	t.Parallel()
	to, err := rules.NewRedirect(&rules.RedirectTo{})
	if err != nil {
		t.Fatal(err)
	}
	c := rules.Config{
		Allow:     []rules.Condition{rules.From(netip.MustParsePrefix("10.0.0.0/8"))},
		Methods:   &rules.Methods{Allowed: []string{"PUT"}},
		Redirects: []rules.Redirection{{"/nowhere", rules.PathExact, to}, {"/", rules.PathPrefix, to}},
		Rules: []rules.Rule{
			{rules.PathIs("/nowhere", false), 1}, {rules.PathIs("/x", false), 2}, {rules.PathStarts("/", false), 3},
		},
		Paths:   []rules.PathRoute{{Path: "/x", Target: 4}},
		Default: 5,
	}
	r := get(t, "/x", "a.b: c")
	for _, step := range []struct {
		want   rules.Decision
		remove func()
	}{
		{rules.Decision{Action: rules.Refuse, Cause: rules.ByHead, Set: rules.NoSet, Status: 400}, func() { c.Head.AnyCharacters = true }},
		{rules.Decision{Action: rules.Refuse, Cause: rules.ByAccess, Set: rules.NoSet, Status: 403}, func() { c.Allow = nil }},
		{rules.Decision{Action: rules.Refuse, Cause: rules.ByMethod, Set: rules.NoSet, Status: 405, Allow: "PUT"}, func() { c.Methods = nil }},
		{rules.Decision{Action: rules.Answer, Cause: rules.ByRedirect, Index: 1, Set: rules.NoSet, Status: 302, Redirect: to}, func() { c.Redirects = nil }},
		{rules.Decision{Cause: rules.ByRule, Index: 1, Set: 2}, func() { c.Rules = c.Rules[2:] }},
		{rules.Decision{Cause: rules.ByRule, Index: 0, Set: 3}, func() { c.Rules = nil }},
		{rules.Decision{Cause: rules.ByPathRoute, Set: 4}, func() { c.Paths = nil }},
		{rules.Decision{Set: 5}, func() { c.Default = rules.NoSet }},
		{rules.Decision{Set: rules.NoSet}, func() {}},
	} {
		if got := table(t, &c).Decide(r); got != step.want {
			t.Errorf("got %+v, want %+v", got, step.want)
		}
		step.remove()
	}
}

func TestTableErrors(t *testing.T) {
	t.Parallel()
	_, err := rules.New(&rules.Config{Redirects: []rules.Redirection{{Path: "/x"}}})
	wantError(t, err, `redirect 1 of "/x" leads nowhere`)
	_, err = rules.New(&rules.Config{Rules: make([]rules.Rule, rules.RulesMax+1)})
	wantError(t, err, "at most 1000")
	many := make([]rules.Condition, rules.ConditionTermsMax)
	wide := make([]rules.Rule, rules.TermsMax/rules.ConditionTermsMax)
	for i := range wide {
		wide[i].Condition = rules.All(many...)
	}
	_, err = rules.New(&rules.Config{Rules: wide})
	wantError(t, err, "at most 16384")
}

// More names of fields than a table keeps places for must still be found.
func TestTableManyFieldNames(t *testing.T) {
	t.Parallel()
	c := rules.Config{Default: rules.NoSet}
	const names = 60
	for i := range names {
		c.Rules = append(c.Rules, rules.Rule{Condition: parse(t, fmt.Sprintf("http.request.headers[(i 'x-%d')][1] eq 'v'", i)), Set: i})
	}
	tb := table(t, &c)
	for i := range names {
		name := fmt.Sprintf("X-%d: ", i)
		if d := tb.Decide(get(t, "/", name+"u", name+"v")); d.Set != i {
			t.Errorf("%s: got %+v", name, d)
		}
		if d := tb.Decide(get(t, "/", name+"v")); d.Set != rules.NoSet {
			t.Errorf("%s once: got %+v", name, d)
		}
	}
}

// Both lists of conditions look at one request and must not take what the other found for their own.
func TestTableConditionsOnAccessAndRules(t *testing.T) {
	t.Parallel()
	tb := table(t, &rules.Config{
		Allow: []rules.Condition{parse(t, `http.request.headers[(i 'x-a')] eq '1'`)},
		Rules: []rules.Rule{
			{parse(t, `http.request.headers[(i 'x-a')] eq '2'`), 3},
			{parse(t, `http.request.headers[(i 'x-b')] eq '1'`), 1}, {parse(t, `http.request.headers[(i 'x-b')] eq '2'`), 2},
		},
		Default: 4,
	})
	if d := tb.Decide(get(t, "/", "X-A: 1", "X-B: 2")); d.Set != 2 {
		t.Errorf("got %+v", d)
	}
	if d := tb.Decide(get(t, "/", "X-A: 1")); d.Set != 4 {
		t.Errorf("got %+v", d)
	}
	if d := tb.Decide(get(t, "/", "X-B: 1")); d.Cause != rules.ByAccess {
		t.Errorf("got %+v", d)
	}
}
