package awselb

import (
	"slices"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// FuzzPolicy gives policies any attributes, a line "Name=Value" each. One that is taken can be described, its description makes the same
// policy again, and an SSL negotiation policy negotiates something.
func FuzzPolicy(f *testing.F) {
	for _, seed := range []struct{ kind, text string }{
		{typeProxyProtocol, "ProxyProtocol=TRUE"},
		{typeAppCookie, "CookieName=my-app-cookie"},
		{typeAppCookie, "CookieName=a;b"},
		{typeLBCookie, "CookieExpirationPeriod=60"},
		{typeLBCookie, "CookieExpirationPeriod=+60"},
		{typeLBCookie, ""},
		{typePublicKey, "PublicKey=MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEpTrDfFPh5hlL4eQ="},
		{typeBackendAuthentication, "PublicKeyPolicyName=a\nPublicKeyPolicyName=b"},
		{typeSSLNegotiation, strings.Join(guidePolicy(), "\n")},
		{typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-2016-08\nAES128-SHA=true"},
		{typeSSLNegotiation, "Protocol-TLSv1=true\nProtocol-TLSv1.2=true\nAES128-SHA=true"},
		{"NoSuchType", "=\n\n="},
	} {
		f.Add(seed.kind, seed.text)
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		var given []query.PolicyAttribute
		for line := range strings.Lines(text) {
			name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			a := query.PolicyAttribute{AttributeName: &name}
			if found {
				a.AttributeValue = &value
			}
			given = append(given, a)
		}
		p, err := readPolicy("p", kind, given)
		if err != nil {
			return
		}
		given = nil
		for _, a := range p.describe() {
			given = append(given, query.PolicyAttribute{AttributeName: &a.AttributeName, AttributeValue: &a.AttributeValue})
		}
		again, err := readPolicy("p", kind, given)
		if err != nil || !p.same(&again) {
			t.Errorf("%+v: got %+v and %v of its description", p, again, err)
		}
		checkFuzzed(t, &p)
	})
}

// checkFuzzed holds a policy that was taken against what others rely on.
func checkFuzzed(t *testing.T, p *policy) {
	t.Helper()
	switch p.Type {
	case typeSSLNegotiation:
		if compiled, err := p.negotiation(); err != nil || len(compiled.Ciphers()) == 0 || compiled.Min > compiled.Max {
			t.Errorf("%+v: negotiates %+v, %v", p, compiled, err)
		}
	case typeAppCookie:
		if name := p.value(attributeCookieName); name == "" || strings.ContainsAny(name, " \t\r\n;,=\"\\") {
			t.Errorf("%+v: is no cookie's name", p)
		}
	case typeLBCookie:
		if d := cookieLifetime(p.value(attributeCookiePeriod)); d < 0 {
			t.Errorf("%+v: lasts %s", p, d)
		}
	case typePublicKey:
		d := newDocument("web")
		d.Policies = []policy{*p}
		if keys := d.publicKeysOf(p.Name); len(keys) != 1 {
			t.Errorf("%+v: has %d keys, want one", p, len(keys))
		}
	case typeBackendAuthentication:
		if names := p.values(attributePublicKeyPolicy); len(names) == 0 || slices.Contains(names, "") {
			t.Errorf("%+v: refers to %q", p, names)
		}
	}
}
