package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) modifyAttributes(ctx context.Context, r *query.ModifyLoadBalancerAttributesRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) describeAttributes(r *query.DescribeLoadBalancerAttributesRequest) (any, error) {
	return nil, errors.New("not written yet")
}
