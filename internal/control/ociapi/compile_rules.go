package ociapi

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
)

// ruled is what a listener's hostnames, path routes, routing policy and rule sets come to.
type ruled struct {
	site    *plan.Site
	hosts   []string    // empty: it takes the requests that no other listener of the port does
	headMax int         // bytes
	caps    *rules.Caps // nil: no bound
}

// idleOf returns a listener's idle timeout. Decoding has put the default of the protocol where the client did not say; only a listener
// that was not decoded has none.
func idleOf(l *wire.ListenerDetails) time.Duration {
	if l.ConnectionConfiguration == nil {
		return 0
	}
	return time.Duration(l.ConnectionConfiguration.IdleTimeout) * time.Second
}

// ruled compiles what decides about a listener's requests, given the backend sets of its load balancer by name.
func (d *document) ruled(name string, l *wire.ListenerDetails, sets map[string]*plan.BackendSet) (*ruled, error) {
	p := &parts{}
	for _, item := range d.listenerRules(l) {
		if err := p.add(&item.Rule); err != nil {
			return nil, invalid("ruleSetNames", "Listener '%s', rule set '%s': %s", name, item.RuleSetName, err)
		}
	}
	out := &ruled{site: &plan.Site{Name: name, Idle: idleOf(l), RequestID: d.requestIDField()}, hosts: d.hosts(l), caps: jointCaps(p.caps...)}
	err := d.decide(out.site, l, p, sets)
	if err == nil {
		err = out.edit(p)
	}
	if err != nil {
		return nil, invalid("", "Listener '%s': %s", name, err)
	}
	limits, err := p.head.Limits()
	out.headMax = limits.Head
	return out, err
}

// requestIDField returns the field that carries a request's id, or nothing if none is made.
func (d *document) requestIDField() string {
	switch {
	case !d.RequestIDEnabled:
		return ""
	case d.RequestIDHeader == "":
		return defaultRequestIDHeader
	}
	return d.RequestIDHeader
}

// checkRequestIDField refuses to carry ids in a field that the load balancer has another use for: who a client is would be told by
// the client, since an id that comes is kept.
func checkRequestIDField(_ *Service, d *document) error {
	name := strings.ReplaceAll(d.RequestIDHeader, "_", "-")
	for _, taken := range plan.ForwardedFields() {
		if strings.EqualFold(name, taken) {
			return invalid("requestIdHeader", "requestIdHeader '%s' is not allowed: the load balancer writes %s itself; use another name that begins with X-", d.RequestIDHeader, taken)
		}
	}
	return nil
}

// hosts returns the hosts that a listener answers for, each once: two hostnames may stand for the same.
func (d *document) hosts(l *wire.ListenerDetails) []string {
	var list []string
	for _, name := range l.HostnameNames {
		if host := strings.ToLower(d.Hostnames[name]); host != "" && !slices.Contains(list, host) {
			list = append(list, host)
		}
	}
	return list
}

// decide makes the table of a site, and the list of the backend sets that its numbers mean.
func (d *document) decide(site *plan.Site, l *wire.ListenerDetails, p *parts, sets map[string]*plan.BackendSet) error {
	c := rules.Config{Head: p.head, Allow: p.allow, Methods: p.methods, Redirects: p.redirects}
	numbers := setNumbers{site: site, sets: sets, of: map[string]int{}}
	c.Default = numbers.number(l.DefaultBackendSetName)
	if l.RoutingPolicyName != nil {
		list := d.RoutingPolicies[*l.RoutingPolicyName].Rules
		conditions, err := parseConditions(list)
		if err != nil {
			return err
		}
		for i := range list {
			c.Rules = append(c.Rules, rules.Rule{Condition: conditions[i], Set: numbers.number(list[i].Actions[0].BackendSetName)})
		}
	}
	if l.PathRouteSetName != nil {
		routes := d.PathRouteSets[*l.PathRouteSetName]
		for i := range routes {
			c.Paths = append(c.Paths, pathRoute(&routes[i], numbers.number(routes[i].BackendSetName)))
		}
	}
	if numbers.missing != "" {
		return fmt.Errorf("there is no backend set '%s'", numbers.missing)
	}
	var err error
	site.Table, err = rules.New(&c)
	return err
}

// setNumbers gives backend sets their numbers in a site, in the order in which they are asked for.
type setNumbers struct {
	site    *plan.Site
	sets    map[string]*plan.BackendSet
	of      map[string]int
	missing string // a name that there is no backend set of
}

func (n *setNumbers) number(name string) int {
	if i, known := n.of[name]; known {
		return i
	}
	set := n.sets[name]
	if set == nil {
		n.missing = name
		return rules.NoSet
	}
	n.of[name] = len(n.site.Sets)
	n.site.Sets = append(n.site.Sets, set)
	return n.of[name]
}

// edit makes the edits of both heads. Rules can add to the fields that the load balancer writes itself, but neither remove nor
// replace what it writes; that of the request's id is one of them as long as there is one.
func (out *ruled) edit(p *parts) error {
	var own []string
	if out.site.RequestID != "" {
		own = []string{out.site.RequestID}
	}
	var err error
	if len(p.request) > 0 {
		if out.site.Request, err = rules.NewEdits(p.request, append(own, plan.ForwardedFields()...)); err != nil {
			return err
		}
	}
	if len(p.response) > 0 {
		out.site.Response, err = rules.NewEdits(p.response, own)
	}
	return err
}

// matches are the words for how paths match.
//
//nolint:gochecknoglobals // a table
var matches = map[string]rules.PathMatch{
	"EXACT_MATCH": rules.PathExact, "FORCE_LONGEST_PREFIX_MATCH": rules.PathLongest,
	"PREFIX_MATCH": rules.PathPrefix, "SUFFIX_MATCH": rules.PathSuffix,
}

func pathRoute(r *wire.PathRoute, set int) rules.PathRoute {
	return rules.PathRoute{Path: r.Path, Match: matches[r.PathMatchType.MatchType], Target: set}
}

// parts is what the rules of rule sets come to, each kind for itself.
type parts struct {
	head              rules.HeadForm
	allow             []rules.Condition
	methods           *rules.Methods
	redirects         []rules.Redirection
	request, response []rules.HeaderEdit
	caps              []*rules.Caps
}

// add compiles one rule behind those before it.
func (p *parts) add(r *wire.Rule) error {
	switch r.Action {
	case wire.AddRequestHeader, wire.ExtendRequestHeader, wire.RemoveRequestHeader:
		p.request = append(p.request, headerEdit(r))
	case wire.AddResponseHeader, wire.ExtendResponseHeader, wire.RemoveResponseHeader:
		p.response = append(p.response, headerEdit(r))
	case wire.Allow:
		return p.addAllow(r)
	case wire.ControlMethods:
		p.methods = &rules.Methods{Allowed: r.AllowedMethods, Status: *r.StatusCode}
	case wire.Redirect:
		return p.addRedirect(r)
	case wire.HTTPHeader:
		p.head = rules.HeadForm{BufferBytes: *r.HTTPLargeHeaderSizeInKB << 10, AnyCharacters: *r.AreInvalidCharactersAllowed}
	case wire.IPMaxConnections:
		return p.addCaps(r)
	default:
		return fmt.Errorf("this lull knows no action %s", r.Action)
	}
	return nil
}

// check compiles the parts as if they were all of a listener.
func (p *parts) check() error {
	if _, err := rules.New(&rules.Config{Head: p.head, Allow: p.allow, Methods: p.methods, Redirects: p.redirects}); err != nil {
		return err
	}
	for _, edits := range [][]rules.HeaderEdit{p.request, p.response} {
		if _, err := rules.NewEdits(edits, nil); err != nil {
			return err
		}
	}
	for _, c := range p.caps {
		if err := c.Check(); err != nil {
			return err
		}
	}
	return nil
}

// headerEdit returns the edit of a rule for headers.
func headerEdit(r *wire.Rule) rules.HeaderEdit {
	edit := rules.HeaderEdit{Kind: rules.RemoveField, Name: *r.Header}
	switch r.Action {
	case wire.AddRequestHeader, wire.AddResponseHeader:
		edit.Kind, edit.Value = rules.SetField, *r.Value
	case wire.ExtendRequestHeader, wire.ExtendResponseHeader:
		edit.Kind, edit.Prefix, edit.Suffix = rules.ExtendField, text(r.Prefix), text(r.Suffix)
	}
	return edit
}

// text returns what is there, or nothing.
func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// addAllow compiles a rule of the access list: all its conditions must hold. lull knows no VCNs and tells the data plane of none a
// client belongs to, so that a condition on one never holds: what asks for a network that cannot be seen lets nobody in.
func (p *parts) addAllow(r *wire.Rule) error {
	var all []rules.Condition
	for i := range r.Conditions {
		c := &r.Conditions[i]
		if c.AttributeName == wire.AttributeVCN {
			all = append(all, rules.Within(c.AttributeValue))
			continue
		}
		b, err := block(c.AttributeValue)
		if err != nil {
			return err
		}
		all = append(all, rules.From(b))
	}
	p.allow = append(p.allow, rules.All(all...))
	return nil
}

// block reads a block of addresses. One of IPv4 addresses mapped to IPv6 is what it stands for, as clients' are.
func block(text string) (netip.Prefix, error) {
	b, err := netip.ParsePrefix(text)
	const mapped = 96 // bits in front of the IPv4 address (RFC 4291 §2.5.5.2)
	if err == nil && b.Addr().Is4In6() && b.Bits() >= mapped {
		b = netip.PrefixFrom(b.Addr().Unmap(), b.Bits()-mapped)
	}
	return b.Masked(), err
}

// addRedirect compiles a redirect.
func (p *parts) addRedirect(r *wire.Rule) error {
	to := rules.RedirectTo{Status: *r.ResponseCode}
	if u := r.RedirectURI; u != nil {
		to.Protocol, to.Host, to.Port, to.Path, to.Query = u.Protocol, u.Host, u.Port, u.Path, u.Query
	}
	redirect, err := rules.NewRedirect(&to)
	if err != nil {
		return err
	}
	c := &r.Conditions[0]
	p.redirects = append(p.redirects, rules.Redirection{Path: c.AttributeValue, Match: matches[text(c.Operator)], To: redirect})
	return nil
}

// addCaps compiles a bound on the connections of each address.
func (p *parts) addCaps(r *wire.Rule) error {
	c := &rules.Caps{}
	if r.DefaultMaxConnections != nil {
		c.Default = *r.DefaultMaxConnections
	}
	for _, limit := range r.IPMaxConnections {
		g := rules.CapGroup{Connections: limit.MaxConnections}
		for _, text := range limit.IPAddresses {
			b, err := block(text)
			if err != nil {
				return err
			}
			g.Blocks = append(g.Blocks, b)
		}
		c.Groups = append(c.Groups, g)
	}
	p.caps = append(p.caps, c)
	return nil
}
