package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) registerInstances(ctx context.Context, r *query.RegisterInstancesWithLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) deregisterInstances(ctx context.Context, r *query.DeregisterInstancesFromLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) describeInstanceHealth(r *query.DescribeInstanceHealthRequest) (any, error) {
	return nil, errors.New("not written yet")
}
