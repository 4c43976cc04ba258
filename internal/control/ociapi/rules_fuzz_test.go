package ociapi

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
)

// dice makes choices of bytes, and always the first when there are no more.
type dice struct{ data []byte }

func (d *dice) below(n int) int {
	if len(d.data) == 0 {
		return 0
	}
	c := int(d.data[0])
	d.data = d.data[1:]
	return c % n
}

func (d *dice) of(words ...string) string { return words[d.below(len(words))] }

func (d *dice) yes() bool { return d.below(2) == 1 }

// maybe returns a word or nil.
func (d *dice) maybe(words ...string) *string {
	if i := d.below(len(words) + 1); i > 0 {
		return &words[i-1]
	}
	return nil
}

func (d *dice) path() string {
	return d.of("/", "/a", "/A", "/a/b", "/a/b/", "/ab", "/x.png", ".PNG", "/a/b/c", "b")
}

func (d *dice) match() string {
	return d.of("EXACT_MATCH", "FORCE_LONGEST_PREFIX_MATCH", "PREFIX_MATCH", "SUFFIX_MATCH")
}

func (d *dice) block() string {
	return d.of("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "10.1.2.3/16", "2001:db8::/32", "::/0")
}

func (d *dice) field() string {
	return d.of("X-A", "x_a", "X-B", "Via", "X-Forwarded-For", "x_real_ip", "Host", "User-Agent", "X-Id")
}

// rule makes a rule of any kind.
func (d *dice) rule() wire.Rule {
	r := wire.Rule{Action: d.of(wire.AddRequestHeader, wire.ExtendRequestHeader, wire.RemoveRequestHeader, wire.AddResponseHeader,
		wire.ExtendResponseHeader, wire.RemoveResponseHeader, wire.Allow, wire.ControlMethods, wire.Redirect, wire.HTTPHeader, wire.IPMaxConnections)}
	number := func(n int) *int { return &n }
	switch r.Action {
	case wire.Allow:
		attribute := d.of(wire.AttributeSourceIP, wire.AttributeSourceIP, wire.AttributeVCN)
		r.Conditions = []wire.RuleCondition{{AttributeName: attribute, AttributeValue: d.block()}}
		if attribute == wire.AttributeVCN && d.yes() {
			r.Conditions = append(r.Conditions, wire.RuleCondition{AttributeName: wire.AttributeVCNIP, AttributeValue: "10.0.0.0/8"})
		}
	case wire.ControlMethods:
		r.AllowedMethods, r.StatusCode = []string{"GET", d.of("POST", "PUT", "PURGE")}, number(405-2*d.below(2))
	case wire.Redirect:
		match := d.match()
		r.Conditions = []wire.RuleCondition{{AttributeName: wire.AttributePath, AttributeValue: d.path(), Operator: &match}}
		r.ResponseCode = number(301 + d.below(3))
		if d.yes() {
			r.RedirectURI = &wire.RedirectURI{
				Protocol: d.maybe("HTTP", "HTTPS", "{protocol}"), Host: d.maybe("b.test", "{host}", "in{host}"),
				Path:  d.maybe("", "/n", "{path}/x", `/\{{path}\\\}`, "/{port}/{query}"),
				Query: d.maybe("", "a=b", "?a&{query}", "{query}&", "?{protocol}{host}{port}{path}", "??"),
			}
			if d.yes() {
				r.RedirectURI.Port = number(8443)
			}
		}
	case wire.HTTPHeader:
		allowed := d.yes()
		r.AreInvalidCharactersAllowed, r.HTTPLargeHeaderSizeInKB = &allowed, number(8<<d.below(4))
	case wire.IPMaxConnections:
		if r.DefaultMaxConnections = number(1 + d.below(9)); d.yes() {
			r.DefaultMaxConnections = nil
		}
		for range 1 + d.below(3) {
			r.IPMaxConnections = append(r.IPMaxConnections, wire.IPMaxConnectionsRule{IPAddresses: []string{d.block(), d.block()}, MaxConnections: 1 + d.below(9)})
		}
	default:
		name, value := d.field(), d.of("1", "v w", "x{")
		r.Header = &name
		switch {
		case strings.HasPrefix(r.Action, "ADD"):
			r.Value = &value
		case strings.HasPrefix(r.Action, "EXTEND"):
			r.Prefix, r.Suffix = &value, d.maybe("2", "3")
		}
	}
	return r
}

// condition makes a condition and what it means.
func (d *dice) condition(depth int) (string, func(*naiveRequest) bool) {
	value := func(r *naiveRequest, name string) string {
		for _, f := range r.fields {
			if strings.EqualFold(f[0], name) {
				return f[1]
			}
		}
		return ""
	}
	path := d.path()
	switch d.below(8 - 3*depth) {
	case 0:
		return "http.request.url.path eq '" + path + "'", func(r *naiveRequest) bool { return r.path == path }
	case 1:
		return "http.request.url.path sw (i '" + path + "')", func(r *naiveRequest) bool {
			return strings.HasPrefix(strings.ToLower(r.path), strings.ToLower(path))
		}
	case 2, 3:
		return "http.request.headers[(i 'X-A')] not eq '1'", func(r *naiveRequest) bool {
			return !slices.ContainsFunc(r.fields, func(f [2]string) bool { return strings.EqualFold(f[0], "X-A") && f[1] == "1" })
		}
	case 4:
		return "(i 'user-agent') in (http.request.headers)", func(r *naiveRequest) bool { return value(r, "User-Agent") != "" }
	}
	a, holdsA := d.condition(depth + 1)
	b, holdsB := d.condition(depth + 1)
	if d.yes() {
		return "not any(" + a + ", " + b + ")", func(r *naiveRequest) bool { return !holdsA(r) && !holdsB(r) }
	}
	return "all(" + a + ", " + b + ")", func(r *naiveRequest) bool { return holdsA(r) && holdsB(r) }
}

// document makes a load balancer with everything that decides about requests.
func (d *dice) document() *naive {
	n := &naive{d: newDocument("ocid1.loadbalancer.oc1.lull-1.a"), holds: map[string]func(*naiveRequest) bool{}}
	for _, set := range []string{"a", "b", "c"} {
		n.d.BackendSets[set] = wire.BackendSetDetails{}
	}
	n.l = wire.ListenerDetails{DefaultBackendSetName: d.of("a", "b"), Port: 80, Protocol: wire.ProtocolHTTP, RuleSetNames: []string{"s2", "s1"}}
	if n.d.RequestIDEnabled = d.yes(); d.yes() {
		n.d.RequestIDHeader = "X-Id"
	}
	for _, name := range n.l.RuleSetNames {
		for range d.below(6) {
			n.d.RuleSets[name] = append(n.d.RuleSets[name], d.rule())
		}
	}
	name := "p"
	switch d.below(3) {
	case 1:
		n.l.PathRouteSetName = &name
		for range d.below(6) {
			n.d.PathRouteSets[name] = append(n.d.PathRouteSets[name],
				wire.PathRoute{Path: d.path(), PathMatchType: wire.PathMatchType{MatchType: d.match()}, BackendSetName: d.of("a", "b", "c")})
		}
	case 2:
		n.l.RoutingPolicyName = &name
		p := wire.RoutingPolicy{Name: name, ConditionLanguageVersion: "V1"}
		for i := range d.below(6) {
			text, holds := d.condition(0)
			rule := wire.RoutingRule{Name: fmt.Sprint(i), Condition: text, Actions: []wire.RoutingAction{{Name: "FORWARD_TO_BACKENDSET", BackendSetName: d.of("a", "b", "c")}}}
			p.Rules, n.holds[rule.Name] = append(p.Rules, rule), holds
		}
		n.d.RoutingPolicies[name] = p
	}
	n.d.Listeners["l"] = n.l
	return n
}

// request makes a request.
func (d *dice) request() *naiveRequest {
	r := &naiveRequest{
		method: d.of("GET", "POST", "PUT", "PURGE", "get"), path: d.of("/", "/a", "/A/b", "/a/B/c", "/AB", "/x.PNG", "/a/b/c/d", "/q"),
		query: d.of("", "?", "?a=b", "?a=b&c"), host: d.of("example.com", "example.com:8080"), secure: d.yes(),
		client: netip.MustParseAddr(d.of("10.1.2.3", "10.1.9.9", "10.9.9.9", "192.0.2.1", "2001:db8::1", "2001:db9::1")),
	}
	for range d.below(5) {
		name := d.of("X-A", "x_a", "X-B", "Via", "X-Forwarded-For", "X-Real-IP", "User-Agent", "x.dot", "X-Id")
		r.fields = append(r.fields, [2]string{name, d.of("1", "2", "v")})
	}
	return r
}

// FuzzRuled: what a document compiles to decides as the document reads.
func FuzzRuled(f *testing.F) {
	f.Add([]byte{})
	for seed := range 64 {
		data := make([]byte, 160)
		state := uint32(seed)*2654435761 + 1
		for i := range data {
			state = state*1664525 + 1013904223
			data[i] = byte(state >> 24)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &dice{data}
		n := d.document()
		for _, check := range []func(*Service, *document) error{checkPathRouteSets, checkRoutingPolicies, checkRuleSets, checkListenerRules} {
			if check(nil, n.d) != nil {
				return // two of what there can be one of
			}
		}
		if err := checkConditions("p", n.d.RoutingPolicies["p"].Rules); err != nil {
			t.Fatal(err)
		}
		sets := map[string]*plan.BackendSet{}
		for name := range n.d.BackendSets {
			sets[name] = &plan.BackendSet{Key: plan.SetKey{LoadBalancer: "web", Name: name}}
		}
		out, err := n.d.ruled("l", &n.l, sets)
		if err != nil {
			t.Fatal(err)
		}
		for range 4 {
			n.compare(t, out, d.request())
		}
	})
}

// compare holds what is compiled against what is read, for one request.
func (n *naive) compare(t *testing.T, out *ruled, r *naiveRequest) {
	t.Helper()
	in := asked(t, r.String())
	if got, want := answer(out.site, in), n.answer(r); got != want {
		t.Errorf("%s: got %s, want %s", r, got, want)
	}
	if got, want := out.caps != nil, len(n.rulesOf(wire.IPMaxConnections)) > 0; got != want {
		t.Errorf("there are caps: %t, want %t", got, want)
	}
	if out.caps != nil {
		if got, want := out.caps.For(r.client), n.connections(r.client); got != want {
			t.Errorf("connections of %s: got %d, want %d", r.client, got, want)
		}
	}
	var id []string
	if n.d.RequestIDEnabled {
		id = []string{strings.ToLower(out.site.RequestID)}
	}
	protected := append([]string{"x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip"}, id...)
	lines := strings.Split(editedHead(out.site.Request, in), "|")[1:]
	slices.Sort(lines)
	if want := n.edited(r, protected, wire.AddRequestHeader, wire.ExtendRequestHeader, wire.RemoveRequestHeader); !slices.Equal(lines, want) {
		t.Errorf("request %s: got %q, want %q", r, lines, want)
	}
	lines = strings.Split(editedHead(out.site.Response, in), "|")[1:]
	slices.Sort(lines)
	if want := n.edited(r, id, wire.AddResponseHeader, wire.ExtendResponseHeader, wire.RemoveResponseHeader); !slices.Equal(lines, want) {
		t.Errorf("response %s: got %q, want %q", r, lines, want)
	}
}
