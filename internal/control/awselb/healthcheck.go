package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) configureHealthCheck(ctx context.Context, r *query.ConfigureHealthCheckRequest) (any, error) {
	return nil, errors.New("not written yet")
}
