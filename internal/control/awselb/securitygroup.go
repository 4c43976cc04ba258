package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) applySecurityGroups(ctx context.Context, r *query.ApplySecurityGroupsToLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}
