package awselb

import (
	"context"

	"lull/internal/control/awselb/query"
)

// configureHealthCheck replaces the health check as a whole. The target is kept and told as it was sent, the protocol in lower case too:
// what else clients compare is theirs.
func (s *Service) configureHealthCheck(ctx context.Context, r *query.ConfigureHealthCheckRequest) (any, error) {
	h := r.HealthCheck
	_, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		d.HealthCheck = healthCheck{
			Target: h.Target, Interval: h.Interval, Timeout: h.Timeout, UnhealthyThreshold: h.UnhealthyThreshold, HealthyThreshold: h.HealthyThreshold,
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return query.ConfigureHealthCheckResult{HealthCheck: h}, nil
}
