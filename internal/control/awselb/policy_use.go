package awselb

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// cookieSession is the name of the cookie of both kinds of stickiness.
const cookieSession = "AWSELB"

// sslPolicy returns what a listener's clients may negotiate; nil for a listener without TLS. One that has no SSL negotiation policy
// enabled has the default one: whoever enables a cookie policy alone replaces the SSL policy by nothing, and the API reference does not
// say what holds then. A listener that refuses everybody, or takes anything, would be worse than either.
func (d *document) sslPolicy(l *listener) (*tlspolicy.Policy, error) {
	if !l.secure() {
		return nil, nil
	}
	if p := d.enabled(l.Policies, typeSSLNegotiation); p != nil {
		return p.negotiation()
	}
	return negotiationOf(defaultSSLPolicy)
}

// stickiness returns how a listener keeps clients with an instance; nil: not at all.
func (d *document) stickiness(l *listener) *plan.Stickiness {
	if !l.http() {
		return nil
	}
	if p := d.enabled(l.Policies, typeAppCookie); p != nil {
		return &plan.Stickiness{Cookie: cookieSession, Follow: p.value(attributeCookieName)}
	}
	if p := d.enabled(l.Policies, typeLBCookie); p != nil {
		return &plan.Stickiness{Cookie: cookieSession, Duration: cookieLifetime(p.value(attributeCookiePeriod))}
	}
	return nil
}

// cookieLifetime returns a period of seconds, shortened to what a Duration holds. Those are 292 years, and browsers keep no cookie for
// longer than 400 days (RFC 6265bis §5.5).
func cookieLifetime(period string) time.Duration {
	const longest = int64(1<<63-1)/int64(time.Second) - 1
	seconds, err := strconv.ParseInt(period, 10, 64)
	if err != nil {
		return 0 // no period
	}
	return time.Duration(min(seconds, longest)) * time.Second
}

// publicKeys returns the keys (SubjectPublicKeyInfo in DER) of which an instance must show one on a port that is spoken to by TLS;
// none: instances are not authenticated.
func (d *document) publicKeys(port int32) [][]byte {
	var keys [][]byte
	for _, name := range d.BackendPolicies[port] {
		p := d.policy(name)
		if p == nil || p.Type != typeBackendAuthentication {
			continue
		}
		for _, named := range p.values(attributePublicKeyPolicy) {
			keys = append(keys, d.publicKeysOf(named)...)
		}
	}
	slices.SortFunc(keys, func(a, b []byte) int { return strings.Compare(string(a), string(b)) })
	return slices.CompactFunc(keys, slices.Equal)
}

// publicKeysOf returns the keys of a public key policy.
func (d *document) publicKeysOf(name string) [][]byte {
	p := d.policy(name)
	if p == nil {
		return nil
	}
	keys, err := certs.ParsePublicKeys([]byte(p.value(attributePublicKey)))
	if err != nil {
		return nil // no such policy was ever created, see checkPublicKey
	}
	return keys
}

// proxyProtocol says whether connections to a port of the instances begin with a PROXY header. It is for those that TCP and SSL listeners
// make without TLS. The port may be one of HTTP listeners as well, which send none; and policies stay enabled on a port whose listeners
// are replaced by such as cannot have them.
func (d *document) proxyProtocol(port int32) bool {
	return slices.ContainsFunc(d.BackendPolicies[port], func(name string) bool {
		p := d.policy(name)
		return p != nil && p.Type == typeProxyProtocol && p.isTrue(attributeProxyProtocol)
	})
}

// enabled returns the policy of a type that is among those named; nil if there is none. There is never more than one.
func (d *document) enabled(names []string, kind string) *policy {
	for _, name := range names {
		if p := d.policy(name); p != nil && p.Type == kind {
			return p
		}
	}
	return nil
}

// value returns the value of an attribute; empty if it has none.
func (p *policy) value(name string) string {
	for _, a := range p.Attributes {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// values returns all values of an attribute.
func (p *policy) values(name string) []string {
	var all []string
	for _, a := range p.Attributes {
		if a.Name == name {
			all = append(all, a.Value)
		}
	}
	return all
}

// isTrue says whether a Boolean is on; the case does not matter.
func (p *policy) isTrue(name string) bool { return strings.EqualFold(p.value(name), "true") }
