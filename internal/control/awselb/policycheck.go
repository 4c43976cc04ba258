package awselb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/certs"
)

// policyAttributesMax is the greatest number of attributes of a policy: the type with the most has 95, and one for authentication can name
// fewer than policiesMax keys.
const policyAttributesMax = 100

// readPolicy returns the policy of a request, as far as it can be judged by itself.
func readPolicy(name, kind string, given []query.PolicyAttribute) (policy, error) {
	t, err := findPolicyType(kind)
	if err != nil {
		return policy{}, err
	}
	if len(given) > policyAttributesMax {
		return policy{}, invalid("PolicyAttributes", "PolicyAttributes has %d members: allowed is at most %d", len(given), policyAttributesMax)
	}
	p := policy{Name: name, Type: kind}
	for i, g := range given {
		a, err := t.read(fmt.Sprintf("PolicyAttributes.member.%d", i+1), g)
		if err != nil {
			return policy{}, err
		}
		if !slices.Contains(p.Attributes, a) {
			p.Attributes = append(p.Attributes, a)
		}
	}
	if err := t.checkCardinalities(&p); err != nil {
		return policy{}, err
	}
	if t.check != nil {
		if err := t.check(&p); err != nil {
			return policy{}, err
		}
	}
	return p, nil
}

// read returns an attribute that policies of the type have, with a value of its kind.
func (t *policyType) read(field string, given query.PolicyAttribute) (attribute, error) {
	if given.AttributeName == nil || *given.AttributeName == "" {
		return attribute{}, &query.Error{Code: query.MissingParameter, Field: field + ".AttributeName",
			Message: "the parameter " + field + ".AttributeName is required"}
	}
	a := attribute{Name: *given.AttributeName}
	known := t.attribute(a.Name)
	if known == nil {
		return a, invalid(field+".AttributeName", "%s.AttributeName '%s' is not an attribute of %s: %s", field, shown(a.Name), t.name, t.allowed())
	}
	if given.AttributeValue != nil {
		a.Value = *given.AttributeValue
	}
	if wants := known.wants(a.Value); wants != "" {
		return a, invalid(field+".AttributeValue", "the value of the attribute %s is not allowed: use %s", a.Name, wants)
	}
	return a, nil
}

// allowed says which attributes there are.
func (t *policyType) allowed() string {
	if t.name == typeSSLNegotiation {
		return "DescribeLoadBalancerPolicyTypes lists those that there are"
	}
	return "use " + t.attributes[0].name
}

// wants says what a value should be that is not; empty if it is.
func (a *attributeType) wants(value string) string {
	switch a.kind {
	case kindBoolean:
		if !strings.EqualFold(value, valueTrue) && !strings.EqualFold(value, valueFalse) {
			return "true or false"
		}
	case kindLong:
		if n, err := strconv.ParseInt(value, 10, 64); err != nil || n < 0 {
			return "a whole number of at least 0"
		}
	case kindPolicyName:
		if value == "" {
			return "the name of a policy"
		}
	default:
		if value == "" {
			return "at least 1 character"
		}
	}
	return ""
}

// checkCardinalities refuses a policy that has an attribute too often, or lacks one.
func (t *policyType) checkCardinalities(p *policy) error {
	counts := map[string]int{}
	for _, a := range p.Attributes {
		counts[a.Name]++
	}
	for _, a := range t.attributes {
		n := counts[a.name]
		switch {
		case n == 0 && a.cardinality != zeroOrOne && a.byDefault == "":
			return invalid("PolicyAttributes", "a policy of the type %s needs the attribute %s (%s)", t.name, a.name, a.cardinality)
		case n > 1 && a.cardinality != oneOrMore:
			return invalid("PolicyAttributes", "the attribute %s is given with %d values: a policy of the type %s takes one (%s)", a.name, n, t.name, a.cardinality)
		}
	}
	return nil
}

// cookieNameMax is the longest name of a cookie, in bytes; package query has the same.
const cookieNameMax = 256

// checkCookieName refuses what cannot be a cookie's name (RFC 6265 §4.1.1: a token), and the names of the load balancer's own cookies: it
// would follow itself.
func (p *policy) checkCookieName() error {
	name := p.value(attributeCookieName)
	switch {
	case len(name) > cookieNameMax:
		return invalid(attributeCookieName, "CookieName has %d characters: allowed is 1 to %d", len(name), cookieNameMax)
	case strings.ContainsFunc(name, func(c rune) bool { return !isTokenChar(c) }):
		return invalid(attributeCookieName, "CookieName '%s' is not allowed: use letters, digits and ! # $ %% & ' * + - . ^ _ ` | ~", shown(name))
	case name == "*":
		// The data plane has another meaning for it. No application has such a cookie.
		return invalid(attributeCookieName, "CookieName '*' is not allowed: name one cookie")
	case strings.EqualFold(name, cookieSession) || strings.EqualFold(name, cookieSession+"CORS"):
		return invalid(attributeCookieName, "CookieName '%s' is not allowed: it is the load balancer's own", name)
	}
	return nil
}

// isTokenChar says whether a token may hold a character, RFC 9110 §5.6.2.
func isTokenChar(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", c)
}

// checkPublicKey refuses what is not one public key. Its message holds nothing of the value, which may be the wrong key.
func (p *policy) checkPublicKey() error {
	keys, err := certs.ParsePublicKeys([]byte(p.value(attributePublicKey)))
	if err == nil && len(keys) != 1 {
		err = errors.New("more than one key")
	}
	if err != nil {
		return invalid(attributePublicKey, "the attribute PublicKey is not allowed: %v; one key is wanted, in base64 without its first and last line", err)
	}
	return nil
}

// shownMax is how many characters of a value a message repeats.
const shownMax = 100

// shown returns a value for a message, shortened when it is long.
func shown(value string) string {
	if utf8.RuneCountInString(value) <= shownMax {
		return value
	}
	return string([]rune(value)[:shownMax]) + "…"
}

// distinct returns a list without what is named again.
func distinct(names []string) []string {
	var list []string
	seen := map[string]bool{}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			list = append(list, name)
		}
	}
	return list
}
