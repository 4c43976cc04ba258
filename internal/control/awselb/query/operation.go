package query

import "reflect"

// operation is one action: what it is asked with and what it answers.
type operation struct {
	request, result *shape
}

// operations is every action of the API.
//
//nolint:gochecknoglobals // a table
var operations = map[string]operation{
	"AddTags":                                 operationOf[AddTagsRequest, Empty](),
	"ApplySecurityGroupsToLoadBalancer":       operationOf[ApplySecurityGroupsToLoadBalancerRequest, SecurityGroupsResult](),
	"AttachLoadBalancerToSubnets":             operationOf[AttachLoadBalancerToSubnetsRequest, SubnetsResult](),
	"ConfigureHealthCheck":                    operationOf[ConfigureHealthCheckRequest, ConfigureHealthCheckResult](),
	"CreateAppCookieStickinessPolicy":         operationOf[CreateAppCookieStickinessPolicyRequest, Empty](),
	"CreateLBCookieStickinessPolicy":          operationOf[CreateLBCookieStickinessPolicyRequest, Empty](),
	"CreateLoadBalancer":                      operationOf[CreateLoadBalancerRequest, CreateLoadBalancerResult](),
	"CreateLoadBalancerListeners":             operationOf[CreateLoadBalancerListenersRequest, Empty](),
	"CreateLoadBalancerPolicy":                operationOf[CreateLoadBalancerPolicyRequest, Empty](),
	"DeleteLoadBalancer":                      operationOf[DeleteLoadBalancerRequest, Empty](),
	"DeleteLoadBalancerListeners":             operationOf[DeleteLoadBalancerListenersRequest, Empty](),
	"DeleteLoadBalancerPolicy":                operationOf[DeleteLoadBalancerPolicyRequest, Empty](),
	"DeregisterInstancesFromLoadBalancer":     operationOf[DeregisterInstancesFromLoadBalancerRequest, InstancesResult](),
	"DescribeAccountLimits":                   operationOf[DescribeAccountLimitsRequest, DescribeAccountLimitsResult](),
	"DescribeInstanceHealth":                  operationOf[DescribeInstanceHealthRequest, DescribeInstanceHealthResult](),
	"DescribeLoadBalancerAttributes":          operationOf[DescribeLoadBalancerAttributesRequest, DescribeLoadBalancerAttributesResult](),
	"DescribeLoadBalancerPolicies":            operationOf[DescribeLoadBalancerPoliciesRequest, DescribeLoadBalancerPoliciesResult](),
	"DescribeLoadBalancerPolicyTypes":         operationOf[DescribeLoadBalancerPolicyTypesRequest, DescribeLoadBalancerPolicyTypesResult](),
	"DescribeLoadBalancers":                   operationOf[DescribeLoadBalancersRequest, DescribeLoadBalancersResult](),
	"DescribeTags":                            operationOf[DescribeTagsRequest, DescribeTagsResult](),
	"DetachLoadBalancerFromSubnets":           operationOf[DetachLoadBalancerFromSubnetsRequest, SubnetsResult](),
	"DisableAvailabilityZonesForLoadBalancer": operationOf[DisableAvailabilityZonesForLoadBalancerRequest, AvailabilityZonesResult](),
	"EnableAvailabilityZonesForLoadBalancer":  operationOf[EnableAvailabilityZonesForLoadBalancerRequest, AvailabilityZonesResult](),
	"ModifyLoadBalancerAttributes":            operationOf[ModifyLoadBalancerAttributesRequest, ModifyLoadBalancerAttributesResult](),
	"RegisterInstancesWithLoadBalancer":       operationOf[RegisterInstancesWithLoadBalancerRequest, InstancesResult](),
	"RemoveTags":                              operationOf[RemoveTagsRequest, Empty](),
	"SetLoadBalancerListenerSSLCertificate":   operationOf[SetLoadBalancerListenerSSLCertificateRequest, Empty](),
	"SetLoadBalancerPoliciesForBackendServer": operationOf[SetLoadBalancerPoliciesForBackendServerRequest, Empty](),
	"SetLoadBalancerPoliciesOfListener":       operationOf[SetLoadBalancerPoliciesOfListenerRequest, Empty](),
}

// Empty is the result of the operations that answer nothing but that they are done.
type Empty struct{}

// operationOf compiles the two types of an action.
func operationOf[Request, Result any]() operation {
	return operation{shapeOf(reflect.TypeFor[Request]()), shapeOf(reflect.TypeFor[Result]())}
}
