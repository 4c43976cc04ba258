package awselb

import (
	"context"
	"fmt"

	"lull/internal/control/awselb/query"
)

// Do answers a request that query.Decode has returned: with a result of package query, or an error, which is a *query.Error where the
// client is to be told more than that something went wrong. Callable from anywhere.
//
//nolint:cyclop,funlen // a table of the 29 operations
func (s *Service) Do(ctx context.Context, request any) (result any, err error) {
	switch r := request.(type) {
	case *query.CreateLoadBalancerRequest:
		return s.createLoadBalancer(ctx, r)
	case *query.DeleteLoadBalancerRequest:
		return s.deleteLoadBalancer(ctx, r)
	case *query.DescribeLoadBalancersRequest:
		return s.describeLoadBalancers(r)
	case *query.CreateLoadBalancerListenersRequest:
		return s.createListeners(ctx, r)
	case *query.DeleteLoadBalancerListenersRequest:
		return s.deleteListeners(ctx, r)
	case *query.SetLoadBalancerListenerSSLCertificateRequest:
		return s.setListenerCertificate(ctx, r)
	case *query.EnableAvailabilityZonesForLoadBalancerRequest:
		return s.enableZones(ctx, r)
	case *query.DisableAvailabilityZonesForLoadBalancerRequest:
		return s.disableZones(ctx, r)
	case *query.AttachLoadBalancerToSubnetsRequest:
		return s.attachSubnets(ctx, r)
	case *query.DetachLoadBalancerFromSubnetsRequest:
		return s.detachSubnets(ctx, r)
	case *query.ApplySecurityGroupsToLoadBalancerRequest:
		return s.applySecurityGroups(ctx, r)
	case *query.AddTagsRequest:
		return s.addTags(ctx, r)
	case *query.RemoveTagsRequest:
		return s.removeTags(ctx, r)
	case *query.DescribeTagsRequest:
		return s.describeTags(r)
	case *query.DescribeAccountLimitsRequest:
		return s.describeAccountLimits(r)
	case *query.CreateAppCookieStickinessPolicyRequest:
		return s.createAppCookiePolicy(ctx, r)
	case *query.CreateLBCookieStickinessPolicyRequest:
		return s.createLBCookiePolicy(ctx, r)
	case *query.CreateLoadBalancerPolicyRequest:
		return s.createPolicy(ctx, r)
	case *query.DeleteLoadBalancerPolicyRequest:
		return s.deletePolicy(ctx, r)
	case *query.DescribeLoadBalancerPoliciesRequest:
		return s.describePolicies(r)
	case *query.DescribeLoadBalancerPolicyTypesRequest:
		return s.describePolicyTypes(r)
	case *query.SetLoadBalancerPoliciesOfListenerRequest:
		return s.setListenerPolicies(ctx, r)
	case *query.SetLoadBalancerPoliciesForBackendServerRequest:
		return s.setBackendPolicies(ctx, r)
	case *query.ModifyLoadBalancerAttributesRequest:
		return s.modifyAttributes(ctx, r)
	case *query.DescribeLoadBalancerAttributesRequest:
		return s.describeAttributes(r)
	case *query.ConfigureHealthCheckRequest:
		return s.configureHealthCheck(ctx, r)
	case *query.RegisterInstancesWithLoadBalancerRequest:
		return s.registerInstances(ctx, r)
	case *query.DeregisterInstancesFromLoadBalancerRequest:
		return s.deregisterInstances(ctx, r)
	case *query.DescribeInstanceHealthRequest:
		return s.describeInstanceHealth(r)
	}
	return nil, fmt.Errorf("request of type %T: no operation takes it", request)
}
