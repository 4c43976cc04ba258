package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) createLoadBalancer(ctx context.Context, r *query.CreateLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) deleteLoadBalancer(ctx context.Context, r *query.DeleteLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) describeLoadBalancers(r *query.DescribeLoadBalancersRequest) (any, error) {
	return nil, errors.New("not written yet")
}
