package ociapi

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// naive reads a document as Oracle's documentation is written, rule by rule and with regular expressions, without anything of what
// lull does with it.
type naive struct {
	d *document
	l wire.ListenerDetails
	// holds is what the conditions of the policy mean, by the name of their rule.
	holds map[string]func(*naiveRequest) bool
}

// naiveRequest is a request in parts.
type naiveRequest struct {
	method, path, query, host string // the query with its question mark; the host with its port
	client                    netip.Addr
	secure                    bool
	fields                    [][2]string
}

func (r *naiveRequest) String() string {
	text := r.method + " " + r.path + r.query + " HTTP/1.1|Host: " + r.host
	for _, f := range r.fields {
		text += "|" + f[0] + ": " + f[1]
	}
	if r.secure {
		text += "|secure"
	}
	return text + "|client " + r.client.String()
}

// rulesOf returns the listener's rules of some actions in their order.
func (n *naive) rulesOf(actions ...string) (list []wire.Rule) {
	for _, name := range n.l.RuleSetNames {
		for _, r := range n.d.RuleSets[name] {
			if slices.Contains(actions, r.Action) {
				list = append(list, r)
			}
		}
	}
	return list
}

// answer is what the function of the same name tells of a compiled site.
func (n *naive) answer(r *naiveRequest) string {
	if status := n.refusal(r); status != "" {
		return status
	}
	var paths []naivePath
	redirects := n.rulesOf(wire.Redirect)
	for i, rule := range redirects {
		paths = append(paths, naivePath{rule.Conditions[0].AttributeValue, *rule.Conditions[0].Operator, i})
	}
	if i := findPath(paths, r.path); i >= 0 {
		return strconv.Itoa(*redirects[i].ResponseCode) + " " + n.location(redirects[i].RedirectURI, r)
	}
	if n.l.RoutingPolicyName != nil {
		for _, rule := range n.d.RoutingPolicies[*n.l.RoutingPolicyName].Rules {
			if n.holds[rule.Name](r) {
				return rule.Actions[0].BackendSetName
			}
		}
	}
	if n.l.PathRouteSetName != nil {
		routes := n.d.PathRouteSets[*n.l.PathRouteSetName]
		paths = nil
		for i, route := range routes {
			paths = append(paths, naivePath{route.Path, route.PathMatchType.MatchType, i})
		}
		if i := findPath(paths, r.path); i >= 0 {
			return routes[i].BackendSetName
		}
	}
	return n.l.DefaultBackendSetName
}

var usualName = regexp.MustCompile(`^[A-Za-z0-9_-]+$`) //nolint:gochecknoglobals // compiled once

// refusal is the status of a request that is not let through, or nothing.
func (n *naive) refusal(r *naiveRequest) string {
	head := n.rulesOf(wire.HTTPHeader)
	for _, f := range r.fields {
		if !usualName.MatchString(f[0]) && (len(head) == 0 || !*head[0].AreInvalidCharactersAllowed) {
			return "400"
		}
	}
	list := n.rulesOf(wire.Allow)
	if len(list) > 0 && !slices.ContainsFunc(list, func(rule wire.Rule) bool { return allowed(&rule, r) }) {
		return "403"
	}
	if m := n.rulesOf(wire.ControlMethods); len(m) > 0 && !slices.Contains(m[0].AllowedMethods, r.method) {
		if *m[0].StatusCode == 405 {
			return "405 allow " + strings.Join(m[0].AllowedMethods, ", ")
		}
		return strconv.Itoa(*m[0].StatusCode)
	}
	return ""
}

func allowed(rule *wire.Rule, r *naiveRequest) bool {
	for _, c := range rule.Conditions {
		if c.AttributeName == wire.AttributeVCN || !netip.MustParsePrefix(c.AttributeValue).Masked().Contains(r.client) {
			return false
		}
	}
	return true
}

// naivePath is a path of a rule, how it matches, and the rule's number.
type naivePath struct {
	path, match string
	i           int
}

// findPath returns the number of the rule that has a path, by the expressions of Oracle's table; -1 is none.
func findPath(list []naivePath, path string) int {
	matches := func(form, quoted string) bool {
		return regexp.MustCompile("(?i)" + fmt.Sprintf(form, regexp.QuoteMeta(quoted))).MatchString(path)
	}
	for _, p := range list {
		if p.match == "EXACT_MATCH" && matches(`^%s$`, p.path) {
			return p.i
		}
	}
	found, length := -1, 0
	for _, p := range list {
		if p.match == "FORCE_LONGEST_PREFIX_MATCH" && len(p.path) > length && matches(`^%s.*`, p.path) {
			found, length = p.i, len(p.path)
		}
	}
	if found >= 0 {
		return found
	}
	for _, p := range list {
		if p.match == "PREFIX_MATCH" && matches(`^%s.*`, p.path) || p.match == "SUFFIX_MATCH" && matches(`.*%s$`, p.path) {
			return p.i
		}
	}
	return -1
}

// location is where a redirect leads.
func (n *naive) location(u *wire.RedirectURI, r *naiveRequest) string {
	if u == nil {
		u = &wire.RedirectURI{}
	}
	protocol := "http"
	if r.secure {
		protocol = "https"
	}
	host, port, _ := strings.Cut(r.host, ":")
	tokenPort := port
	if port == "" {
		tokenPort = map[string]string{"http": "80", "https": "443"}[protocol]
	}
	hidden := strings.NewReplacer(`\\`, "\x01", `\{`, "\x02", `\}`, "\x03")
	tokens := strings.NewReplacer("{protocol}", protocol, "{host}", host, "{port}", tokenPort, "{path}", r.path, "{query}", strings.TrimPrefix(r.query, "?"))
	shown := strings.NewReplacer("\x01", `\`, "\x02", "{", "\x03", "}")
	fill := func(part *string, kept string) string {
		if part == nil {
			part = &kept
		}
		return shown.Replace(tokens.Replace(hidden.Replace(*part)))
	}
	out := strings.ToLower(fill(u.Protocol, "{protocol}")) + "://" + fill(u.Host, "{host}")
	if u.Port != nil {
		port = strconv.Itoa(*u.Port)
	}
	if port != "" {
		out += ":" + port
	}
	out += fill(u.Path, "{path}")
	query := "?" + strings.TrimPrefix(fill(u.Query, "{query}"), "?")
	if last := query[len(query)-1]; last == '?' || last == '&' {
		query = query[:len(query)-1]
	}
	return out + query
}

// edited returns the fields of a request as the rules leave them, sorted.
func (n *naive) edited(r *naiveRequest, protected []string, actions ...string) []string {
	type field struct {
		name, value string
		own         bool // written by a rule
	}
	var fields []field
	for _, f := range r.fields {
		fields = append(fields, field{f[0], f[1], false})
	}
	key := func(name string) string { return strings.ReplaceAll(strings.ToLower(name), "_", "-") }
	for _, rule := range n.rulesOf(actions...) {
		name := key(*rule.Header)
		fixed := slices.Contains(protected, name)
		switch {
		case name == "host":
		case strings.HasPrefix(rule.Action, "ADD"):
			fields = slices.DeleteFunc(fields, func(f field) bool { return key(f.name) == name && (f.own || !fixed) })
			fields = append(fields, field{*rule.Header, *rule.Value, true})
		case fixed:
		case strings.HasPrefix(rule.Action, "REMOVE"):
			fields = slices.DeleteFunc(fields, func(f field) bool { return key(f.name) == name })
		default:
			if i := slices.IndexFunc(fields, func(f field) bool { return key(f.name) == name }); i >= 0 {
				fields[i].value = text(rule.Prefix) + fields[i].value + text(rule.Suffix)
			}
		}
	}
	list := []string{"Host: " + r.host}
	for _, f := range fields {
		list = append(list, f.name+": "+f.value)
	}
	slices.Sort(list)
	return list
}

// connections is how many connections a client may have, 0 for any number.
func (n *naive) connections(client netip.Addr) int {
	strictest := 0
	for _, rule := range n.rulesOf(wire.IPMaxConnections) {
		limit, bits := 0, -1
		if rule.DefaultMaxConnections != nil {
			limit = *rule.DefaultMaxConnections
		}
		for _, entry := range rule.IPMaxConnections {
			for _, block := range entry.IPAddresses {
				if p := netip.MustParsePrefix(block); p.Masked().Contains(client) && p.Bits() > bits {
					limit, bits = entry.MaxConnections, p.Bits()
				}
			}
		}
		if limit != 0 && (strictest == 0 || limit < strictest) {
			strictest = limit
		}
	}
	return strictest
}
