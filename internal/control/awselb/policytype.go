package awselb

import (
	"slices"
	"strings"

	"lull/internal/control/awselb/query"
)

// The policy types.
const (
	typeProxyProtocol         = "ProxyProtocolPolicyType"
	typePublicKey             = "PublicKeyPolicyType"
	typeAppCookie             = "AppCookieStickinessPolicyType"
	typeLBCookie              = "LBCookieStickinessPolicyType"
	typeSSLNegotiation        = "SSLNegotiationPolicyType"
	typeBackendAuthentication = "BackendServerAuthenticationPolicyType"
)

// The attributes of policies other than those for SSL negotiation.
const (
	attributeProxyProtocol   = "ProxyProtocol"
	attributePublicKey       = "PublicKey"
	attributeCookieName      = "CookieName"
	attributeCookiePeriod    = "CookieExpirationPeriod"
	attributePublicKeyPolicy = "PublicKeyPolicyName"
)

// What attributes hold.
const (
	kindBoolean    = "Boolean"
	kindString     = "String"
	kindLong       = "Long"
	kindPolicyName = "PolicyName"
)

// How often an attribute is given. One that is ONE and has a default may be left out.
const (
	one       = "ONE"
	zeroOrOne = "ZERO_OR_ONE"
	oneOrMore = "ONE_OR_MORE"
)

// policyType is what policies of a type are.
type policyType struct {
	name, description string
	attributes        []attributeType
	check             func(p *policy) error // what the types of the attributes do not say; nil: nothing
}

// attributeType is what an attribute is.
type attributeType struct{ name, kind, cardinality, byDefault string }

// policyTypes are all there are, in the order in which they are described.
//
//nolint:gochecknoglobals // a table
var policyTypes = []policyType{
	{
		typeProxyProtocol, "Policy that controls whether to include the IP address and port of the originating request for TCP messages. " +
			"This policy operates on TCP/SSL listeners only",
		[]attributeType{{attributeProxyProtocol, kindBoolean, one, ""}}, nil,
	},
	{
		typePublicKey, "Policy containing a list of public keys to accept when authenticating the back-end server(s). " +
			"This policy cannot be applied directly to back-end servers or listeners but must be part of a BackendServerAuthenticationPolicyType.",
		[]attributeType{{attributePublicKey, kindString, one, ""}}, (*policy).checkPublicKey,
	},
	{
		typeAppCookie, "Stickiness policy with session lifetimes controlled by the lifetime of the application-generated cookie. " +
			"This policy can be associated only with HTTP/HTTPS listeners.",
		[]attributeType{{attributeCookieName, kindString, one, ""}}, (*policy).checkCookieName,
	},
	{
		typeLBCookie, "Stickiness policy with session lifetimes controlled by the browser (user-agent) or a specified expiration period. " +
			"This policy can be associated only with HTTP/HTTPS listeners.",
		[]attributeType{{attributeCookiePeriod, kindLong, zeroOrOne, ""}}, nil,
	},
	{
		typeSSLNegotiation, "Listener policy that defines the ciphers and protocols that will be accepted by the load balancer. " +
			"This policy can be associated only with HTTPS/SSL listeners.",
		sslAttributes(), (*policy).checkSSL,
	},
	{
		typeBackendAuthentication, "Policy that controls authentication to back-end server(s) and contains one or more policies, " +
			"such as an instance of a PublicKeyPolicyType. This policy can be associated only with back-end servers that are using HTTPS/SSL.",
		[]attributeType{{attributePublicKeyPolicy, kindPolicyName, oneOrMore, ""}}, nil,
	},
}

// sslAttributes are the attributes of SSL negotiation policies. The API reference gives their types; how often and the default are
// what the service has been seen to answer.
func sslAttributes() []attributeType {
	list := []attributeType{{attributeReference, kindString, zeroOrOne, ""}}
	for _, name := range slices.Concat(protocolNames, []string{attributeServerOrder}, cipherNames) {
		list = append(list, attributeType{name, kindBoolean, one, "FALSE"})
	}
	return list
}

// findPolicyType returns the type of that name.
func findPolicyType(name string) (*policyType, error) {
	i := slices.IndexFunc(policyTypes, func(t policyType) bool { return t.name == name })
	if i < 0 {
		return nil, &query.Error{Code: query.PolicyTypeNotFound, Field: "PolicyTypeName",
			Message: "There is no policy type with name " + shown(name) + ": use one of " + policyTypeNames()}
	}
	return &policyTypes[i], nil
}

func policyTypeNames() string {
	names := make([]string, 0, len(policyTypes))
	for i := range policyTypes {
		names = append(names, policyTypes[i].name)
	}
	return strings.Join(names, ", ")
}

// attribute returns the attribute of that name, or nil.
func (t *policyType) attribute(name string) *attributeType {
	i := slices.IndexFunc(t.attributes, func(a attributeType) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return &t.attributes[i]
}

// describePolicyTypes answers DescribeLoadBalancerPolicyTypes: the types that are named, or all.
func (s *Service) describePolicyTypes(r *query.DescribeLoadBalancerPolicyTypesRequest) (any, error) {
	var result query.DescribeLoadBalancerPolicyTypesResult
	if len(r.PolicyTypeNames) == 0 {
		for i := range policyTypes {
			result.PolicyTypeDescriptions = append(result.PolicyTypeDescriptions, policyTypes[i].describe())
		}
		return result, nil
	}
	for _, name := range distinct(r.PolicyTypeNames) {
		t, err := findPolicyType(name)
		if err != nil {
			return nil, err
		}
		result.PolicyTypeDescriptions = append(result.PolicyTypeDescriptions, t.describe())
	}
	return result, nil
}

func (t *policyType) describe() query.PolicyTypeDescription {
	d := query.PolicyTypeDescription{PolicyTypeName: t.name, Description: t.description}
	for _, a := range t.attributes {
		described := query.PolicyAttributeTypeDescription{AttributeName: a.name, AttributeType: a.kind, Cardinality: a.cardinality}
		if a.byDefault != "" {
			described.DefaultValue = &a.byDefault
		}
		d.PolicyAttributeTypeDescriptions = append(d.PolicyAttributeTypeDescriptions, described)
	}
	return d
}
