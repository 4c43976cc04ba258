package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) enableZones(ctx context.Context, r *query.EnableAvailabilityZonesForLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) disableZones(ctx context.Context, r *query.DisableAvailabilityZonesForLoadBalancerRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) attachSubnets(ctx context.Context, r *query.AttachLoadBalancerToSubnetsRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) detachSubnets(ctx context.Context, r *query.DetachLoadBalancerFromSubnetsRequest) (any, error) {
	return nil, errors.New("not written yet")
}
