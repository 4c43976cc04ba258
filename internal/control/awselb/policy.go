package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) createAppCookiePolicy(ctx context.Context, r *query.CreateAppCookieStickinessPolicyRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) createLBCookiePolicy(ctx context.Context, r *query.CreateLBCookieStickinessPolicyRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) createPolicy(ctx context.Context, r *query.CreateLoadBalancerPolicyRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) deletePolicy(ctx context.Context, r *query.DeleteLoadBalancerPolicyRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) describePolicies(r *query.DescribeLoadBalancerPoliciesRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) describePolicyTypes(r *query.DescribeLoadBalancerPolicyTypesRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) setListenerPolicies(ctx context.Context, r *query.SetLoadBalancerPoliciesOfListenerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) setBackendPolicies(ctx context.Context, r *query.SetLoadBalancerPoliciesForBackendServerRequest) (any, error) {
	return nil, errors.New("not written yet")
}
