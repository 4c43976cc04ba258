package awselb

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"lull/internal/control/awselb/query"
)

func (s *Service) addTags(ctx context.Context, r *query.AddTagsRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerNames[0], func(d *document) error { return d.addTags(r.Tags) })
	return query.Empty{}, err
}

// addTags adds tags, or changes the values of those that there are.
func (d *document) addTags(tags []query.Tag) error {
	for _, tag := range tags {
		value := ""
		if tag.Value != nil {
			value = *tag.Value
		}
		d.Tags[tag.Key] = value
	}
	if len(d.Tags) > tagsMax {
		return &query.Error{Code: query.TooManyTags, Field: "Tags", Message: fmt.Sprintf(
			"The quota for the number of tags that can be assigned to a load balancer has been reached: it would have %d, and %d are allowed", len(d.Tags), tagsMax)}
	}
	return nil
}

func (s *Service) removeTags(ctx context.Context, r *query.RemoveTagsRequest) (any, error) {
	_, err := s.change(ctx, r.LoadBalancerNames[0], func(d *document) error {
		for _, tag := range r.Tags {
			delete(d.Tags, tag.Key)
		}
		return nil
	})
	return query.Empty{}, err
}

func (s *Service) describeTags(r *query.DescribeTagsRequest) (any, error) {
	var result query.DescribeTagsResult
	for i, name := range r.LoadBalancerNames {
		b, err := s.find(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(r.LoadBalancerNames[:i], name) {
			result.TagDescriptions = append(result.TagDescriptions, query.TagDescription{LoadBalancerName: name, Tags: b.tagList()})
		}
	}
	return result, nil
}

// tagList returns the tags by key.
func (d *document) tagList() []query.Tag {
	var tags []query.Tag
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		tags = append(tags, query.Tag{Key: key, Value: new(d.Tags[key])})
	}
	return tags
}
