package query

import "strings"

// Tag is a word that people hang on a load balancer. A missing value is an empty one.
type Tag struct {
	Key   string  `wire:"Key,required" range:"1-128" match:"tag"`
	Value *string `wire:"Value" range:"0-256" match:"tag"`
}

// tagPrefixReserved begins the keys that only AWS itself gives.
const tagPrefixReserved = "aws:"

func (t *Tag) check(field string) error {
	if strings.HasPrefix(t.Key, tagPrefixReserved) {
		return refuse(ValidationError, join(field, "Key"), "%s.Key '%s' is not allowed: keys that begin with %s are reserved", field, shown(t.Key), tagPrefixReserved)
	}
	if strings.TrimSpace(t.Key) != t.Key || t.Value != nil && strings.TrimSpace(*t.Value) != *t.Value {
		return refuse(ValidationError, field, "%s begins or ends with a space, in its key or its value: neither is allowed", field)
	}
	return nil
}

// checkTagKeys refuses a list that gives the same key twice.
func checkTagKeys(field string, tags []Tag) error {
	seen := make(map[string]bool, len(tags))
	for _, tag := range tags {
		if seen[tag.Key] {
			return refuse(DuplicateTagKeys, field, "Tag key was specified more than once: %s", tag.Key)
		}
		seen[tag.Key] = true
	}
	return nil
}

// AddTagsRequest asks for tags on one load balancer, though it is named in a list.
type AddTagsRequest struct {
	LoadBalancerNames []string `wire:"LoadBalancerNames,required" range:"1-1"`
	Tags              []Tag    `wire:"Tags,required" range:"1-"`
}

func (r *AddTagsRequest) check(string) error { return checkTagKeys("Tags", r.Tags) }

// TagKeyOnly names a tag.
type TagKeyOnly struct {
	Key string `wire:"Key,required" range:"1-128" match:"tag"`
}

// RemoveTagsRequest asks for the end of tags, which need not exist.
type RemoveTagsRequest struct {
	LoadBalancerNames []string     `wire:"LoadBalancerNames,required" range:"1-1"`
	Tags              []TagKeyOnly `wire:"Tags,required" range:"1-"`
}

// DescribeTagsRequest asks for the tags of some load balancers.
type DescribeTagsRequest struct {
	LoadBalancerNames []string `wire:"LoadBalancerNames,required" range:"1-20"`
}

// DescribeTagsResult is the tags of the load balancers asked about.
type DescribeTagsResult struct {
	TagDescriptions []TagDescription `wire:"TagDescriptions"`
}

// TagDescription is the tags of one load balancer.
type TagDescription struct {
	LoadBalancerName string `wire:"LoadBalancerName"`
	Tags             []Tag  `wire:"Tags"`
}
