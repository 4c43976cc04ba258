package awselb

import (
	"context"
	"errors"

	"lull/internal/control/awselb/query"
)

func (s *Service) addTags(ctx context.Context, r *query.AddTagsRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) removeTags(ctx context.Context, r *query.RemoveTagsRequest) (any, error) {
	return nil, errors.New("not written yet")
}

func (s *Service) describeTags(r *query.DescribeTagsRequest) (any, error) {
	return nil, errors.New("not written yet")
}
