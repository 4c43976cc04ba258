package awselb

import (
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) describeAccountLimits(r *query.DescribeAccountLimitsRequest) (any, error) {
	return nil, errors.New("not written yet")
}
