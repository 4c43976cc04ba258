package awselb

import (
	"slices"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// describedTypes asks for policy types.
func (r *rig) describedTypes(names ...string) []query.PolicyTypeDescription {
	r.t.Helper()
	body := "Action=DescribeLoadBalancerPolicyTypes"
	if len(names) > 0 {
		body += listForm("PolicyTypeNames", names...)
	}
	result, ok := r.formOK(body).(query.DescribeLoadBalancerPolicyTypesResult)
	if !ok {
		r.t.Fatal("not the result's type")
	}
	return result.PolicyTypeDescriptions
}

// TestPolicyTypes holds the types against the API reference's table.
func TestPolicyTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.describedTypes()
	want := []struct{ name, attribute, kind, cardinality, description string }{
		{"ProxyProtocolPolicyType", "ProxyProtocol", "Boolean", "ONE", "Policy that controls whether to include the IP address and port of the originating request for TCP messages. This policy operates on TCP/SSL listeners only"},
		{"PublicKeyPolicyType", "PublicKey", "String", "ONE", "Policy containing a list of public keys to accept when authenticating the back-end server(s). This policy cannot be applied directly to back-end servers or listeners but must be part of a BackendServerAuthenticationPolicyType."},
		{"AppCookieStickinessPolicyType", "CookieName", "String", "ONE", "Stickiness policy with session lifetimes controlled by the lifetime of the application-generated cookie. This policy can be associated only with HTTP/HTTPS listeners."},
		{"LBCookieStickinessPolicyType", "CookieExpirationPeriod", "Long", "ZERO_OR_ONE", "Stickiness policy with session lifetimes controlled by the browser (user-agent) or a specified expiration period. This policy can be associated only with HTTP/HTTPS listeners."},
		{"SSLNegotiationPolicyType", "Reference-Security-Policy", "String", "ZERO_OR_ONE", "Listener policy that defines the ciphers and protocols that will be accepted by the load balancer. This policy can be associated only with HTTPS/SSL listeners."},
		{"BackendServerAuthenticationPolicyType", "PublicKeyPolicyName", "PolicyName", "ONE_OR_MORE", "Policy that controls authentication to back-end server(s) and contains one or more policies, such as an instance of a PublicKeyPolicyType. This policy can be associated only with back-end servers that are using HTTPS/SSL."},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d types, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		a := g.PolicyAttributeTypeDescriptions[0]
		if g.PolicyTypeName != w.name || g.Description != w.description || a.AttributeName != w.attribute || a.AttributeType != w.kind || a.Cardinality != w.cardinality {
			t.Errorf("got %+v, want %+v", g, w)
		}
		if a.DefaultValue != nil || a.Description != nil {
			t.Errorf("%s: got default %v and description %v, want neither", w.attribute, a.DefaultValue, a.Description)
		}
		if n := len(g.PolicyAttributeTypeDescriptions); n != 1 && w.name != typeSSLNegotiation {
			t.Errorf("%s: got %d attributes, want 1", w.name, n)
		}
	}
}

func TestPolicyTypeSSL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.describedTypes(typeSSLNegotiation)
	if len(got) != 1 {
		t.Fatalf("got %d types, want the one that is named", len(got))
	}
	var names []string
	for _, a := range got[0].PolicyAttributeTypeDescriptions[1:] {
		names = append(names, a.AttributeName)
		if a.AttributeType != "Boolean" || a.Cardinality != "ONE" || a.DefaultValue == nil || *a.DefaultValue != "FALSE" {
			t.Errorf("got %+v, want a Boolean that is FALSE unless given", a)
		}
	}
	want := slices.Concat(protocolNames, []string{"Server-Defined-Cipher-Order"}, cipherNames)
	if !slices.Equal(names, want) || len(names) != 94 {
		t.Errorf("got %d attributes %v, want 94: %v", len(names), names, want)
	}
}

func TestPolicyTypesNamed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	got := r.describedTypes(typeLBCookie, typeProxyProtocol, typeLBCookie)
	if len(got) != 2 || got[0].PolicyTypeName != typeLBCookie || got[1].PolicyTypeName != typeProxyProtocol {
		t.Errorf("got %+v, want the two that are named in their order", got)
	}
}

func TestPolicyTypeUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"none", strings.Repeat("x", 5000)} {
		r.formRefused("Action=DescribeLoadBalancerPolicyTypes"+listForm("PolicyTypeNames", typeLBCookie, name), query.PolicyTypeNotFound, "There is no policy type with name "+name[:4])
	}
}
