package query

import "strings"

// The beginnings of names that predefined policies have and no other may.
const (
	policyPrefixPredefined = "ELBSecurityPolicy-"
	policyPrefixSample     = "ELBSample-"
)

// checkPolicyName refuses a new policy the name of a predefined one.
func checkPolicyName(name string) error {
	for _, prefix := range []string{policyPrefixPredefined, policyPrefixSample} {
		if strings.HasPrefix(name, prefix) {
			return refuse(InvalidConfigurationRequest, "PolicyName", "PolicyName '%s' is not allowed: names that begin with %s are those of predefined policies", name, prefix)
		}
	}
	return nil
}

// CreateAppCookieStickinessPolicyRequest asks for a policy that follows the application's cookie.
type CreateAppCookieStickinessPolicyRequest struct {
	LoadBalancerName string `wire:"LoadBalancerName,required"`
	PolicyName       string `wire:"PolicyName,required" range:"1-128" match:"policyName"`
	CookieName       string `wire:"CookieName,required" range:"1-256"`
}

func (r *CreateAppCookieStickinessPolicyRequest) check(string) error {
	return checkPolicyName(r.PolicyName)
}

// CreateLBCookieStickinessPolicyRequest asks for a policy with a cookie of the load balancer's own. The period is in
// seconds; without one, and with 0, the cookie lasts as long as the browser.
type CreateLBCookieStickinessPolicyRequest struct {
	LoadBalancerName       string `wire:"LoadBalancerName,required"`
	PolicyName             string `wire:"PolicyName,required" range:"1-128" match:"policyName"`
	CookieExpirationPeriod *int64 `wire:"CookieExpirationPeriod" range:"0-"`
}

func (r *CreateLBCookieStickinessPolicyRequest) check(string) error {
	return checkPolicyName(r.PolicyName)
}

// CreateLoadBalancerPolicyRequest asks for a policy of any type.
type CreateLoadBalancerPolicyRequest struct {
	LoadBalancerName string            `wire:"LoadBalancerName,required"`
	PolicyName       string            `wire:"PolicyName,required" range:"1-128" match:"policyName"`
	PolicyTypeName   string            `wire:"PolicyTypeName,required"`
	PolicyAttributes []PolicyAttribute `wire:"PolicyAttributes"`
}

func (r *CreateLoadBalancerPolicyRequest) check(string) error {
	return checkPolicyName(r.PolicyName)
}

// PolicyAttribute is one setting of a policy.
type PolicyAttribute struct {
	AttributeName  *string `wire:"AttributeName"`
	AttributeValue *string `wire:"AttributeValue"`
}

// DeleteLoadBalancerPolicyRequest asks for the end of a policy, which need not exist.
type DeleteLoadBalancerPolicyRequest struct {
	LoadBalancerName string `wire:"LoadBalancerName,required"`
	PolicyName       string `wire:"PolicyName,required"`
}

// SetLoadBalancerPoliciesOfListenerRequest asks for other policies on a listener in place of the old ones.
type SetLoadBalancerPoliciesOfListenerRequest struct {
	LoadBalancerName string   `wire:"LoadBalancerName,required"`
	LoadBalancerPort int32    `wire:"LoadBalancerPort,required" range:"1-65535"`
	PolicyNames      []string `wire:"PolicyNames,required"`
}

// SetLoadBalancerPoliciesForBackendServerRequest asks for other policies on a back-end port in place of the old ones.
type SetLoadBalancerPoliciesForBackendServerRequest struct {
	LoadBalancerName string   `wire:"LoadBalancerName,required"`
	InstancePort     int32    `wire:"InstancePort,required" range:"1-65535"`
	PolicyNames      []string `wire:"PolicyNames,required"`
}

// DescribeLoadBalancerPoliciesRequest asks for the policies of a load balancer, or for the predefined ones when none is
// named.
type DescribeLoadBalancerPoliciesRequest struct {
	LoadBalancerName *string  `wire:"LoadBalancerName"`
	PolicyNames      []string `wire:"PolicyNames"`
}

// DescribeLoadBalancerPoliciesResult is the policies asked for.
type DescribeLoadBalancerPoliciesResult struct {
	PolicyDescriptions []PolicyDescription `wire:"PolicyDescriptions"`
}

// PolicyDescription is one policy with all its attributes.
type PolicyDescription struct {
	PolicyName                  string                       `wire:"PolicyName"`
	PolicyTypeName              string                       `wire:"PolicyTypeName"`
	PolicyAttributeDescriptions []PolicyAttributeDescription `wire:"PolicyAttributeDescriptions"`
}

// PolicyAttributeDescription is one setting of a policy; numbers and booleans are strings here.
type PolicyAttributeDescription struct {
	AttributeName  string `wire:"AttributeName"`
	AttributeValue string `wire:"AttributeValue"`
}

// DescribeLoadBalancerPolicyTypesRequest asks for some policy types, or for all when none is named.
type DescribeLoadBalancerPolicyTypesRequest struct {
	PolicyTypeNames []string `wire:"PolicyTypeNames"`
}

// DescribeLoadBalancerPolicyTypesResult is the policy types asked for.
type DescribeLoadBalancerPolicyTypesResult struct {
	PolicyTypeDescriptions []PolicyTypeDescription `wire:"PolicyTypeDescriptions"`
}

// PolicyTypeDescription is one policy type.
type PolicyTypeDescription struct {
	PolicyTypeName                  string                           `wire:"PolicyTypeName"`
	Description                     string                           `wire:"Description"`
	PolicyAttributeTypeDescriptions []PolicyAttributeTypeDescription `wire:"PolicyAttributeTypeDescriptions"`
}

// PolicyAttributeTypeDescription is one setting that policies of a type can have.
type PolicyAttributeTypeDescription struct {
	AttributeName string  `wire:"AttributeName"`
	AttributeType string  `wire:"AttributeType"`
	Description   *string `wire:"Description"`
	DefaultValue  *string `wire:"DefaultValue"`
	Cardinality   string  `wire:"Cardinality"`
}

// Policies is the policies of a load balancer by kind.
type Policies struct {
	AppCookieStickinessPolicies []AppCookieStickinessPolicy `wire:"AppCookieStickinessPolicies"`
	LBCookieStickinessPolicies  []LBCookieStickinessPolicy  `wire:"LBCookieStickinessPolicies"`
	OtherPolicies               []string                    `wire:"OtherPolicies"`
}

// AppCookieStickinessPolicy is a policy that follows the application's cookie.
type AppCookieStickinessPolicy struct {
	PolicyName string `wire:"PolicyName"`
	CookieName string `wire:"CookieName"`
}

// LBCookieStickinessPolicy is a policy with a cookie of the load balancer's own; the period is nil when there is none.
type LBCookieStickinessPolicy struct {
	PolicyName             string `wire:"PolicyName"`
	CookieExpirationPeriod *int64 `wire:"CookieExpirationPeriod"`
}

// BackendServerDescription is the policies of one back-end port.
type BackendServerDescription struct {
	InstancePort int32    `wire:"InstancePort"`
	PolicyNames  []string `wire:"PolicyNames"`
}
