package console

import (
	"net/http"
	"net/url"
	"slices"

	"lull/internal/control/awselb/query"
)

const (
	tagKeyParam   = "Tags.member.1.Key"
	tagValueParam = "Tags.member.1.Value"
)

// awsTagList returns the tags of a load balancer.
func awsTagList(v *visit, name string) ([]query.Tag, error) {
	found, err := awsAsk[query.DescribeTagsResult](v, &query.DescribeTagsRequest{LoadBalancerNames: []string{name}})
	if err != nil {
		return nil, err
	}
	return found.TagDescriptions[0].Tags, nil
}

// awsTag returns the tag that names are of.
func awsTag(v *visit, names url.Values) (balancer, key, value string, err error) {
	balancer, key = names.Get("load_balancer"), names.Get("key")
	tags, err := awsTagList(v, balancer)
	if err != nil {
		return balancer, key, "", err
	}
	i := slices.IndexFunc(tags, func(t query.Tag) bool { return t.Key == key })
	if i < 0 {
		return balancer, key, "", refusal(http.StatusNotFound, "load balancer %s has no tag %q, or it has been removed", balancer, shortened(key))
	}
	return balancer, key, told(tags[i].Value), nil
}

// awsTagsTab is the tab Tags.
func awsTagsTab(v *visit, d query.LoadBalancerDescription) ([]section, error) {
	name := d.LoadBalancerName
	tags, err := awsTagList(v, name)
	if err != nil {
		return nil, err
	}
	t := &table{Caption: "Tags", Head: []string{"Key", "Value"}}
	for _, one := range tags {
		t.Rows = append(t.Rows, tableRow{Cells: []string{one.Key, told(one.Value)}, Actions: []action{
			{Label: "Edit", Of: "Edit tag " + one.Key, Link: to("aws-tag-edit", "load_balancer", name, "key", one.Key)},
			{Label: "Remove", Of: "Remove tag " + one.Key, Danger: true, Link: to("aws-tag-remove", "load_balancer", name, "key", one.Key)},
		}})
	}
	return []section{{Heading: "Tags", Table: t, Actions: []action{{Label: "Add tag", Link: to("aws-tag-add", "load_balancer", name)}}}}, nil
}

// awsTagAdd is the form that adds a tag. The API would overwrite one that there is, which the form does not: who adds has not seen it.
func awsTagAdd(v *visit, names url.Values) (*awsEdit, error) {
	name := names.Get("load_balancer")
	tags, err := awsTagList(v, name)
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Add tag", Balancer: name, Tab: tabTags,
			Form: &form{Submit: "Add", Fields: []*field{
				{Name: tagKeyParam, Label: "Key", Hint: "1 to 128 letters, digits, spaces and + - = . _ : / @"}, {Name: tagValueParam, Label: "Value", Optional: true},
			}},
			done: "The tag has been added.",
		},
		action: "AddTags",
		params: func(_ *form, params url.Values) { ofOne(params, name) },
		check: func(f *form) {
			key := f.field(tagKeyParam)
			for _, t := range tags {
				if t.Key == key.Value {
					key.Error = "There is a tag with this key, and its value is '" + told(t.Value) + "': edit that one."
				}
			}
		},
	}, nil
}

// awsTagEdit is the form for a tag's value.
func awsTagEdit(v *visit, names url.Values) (*awsEdit, error) {
	name, key, value, err := awsTag(v, names)
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Tag " + key, Balancer: name, Tab: tabTags,
			Form: &form{Submit: "Save", Keep: []kept{{"key", key}}, Fields: []*field{{Name: tagValueParam, Label: "Value", Value: value, Optional: true}}},
			done: "The tag has been saved.",
		},
		action: "AddTags",
		params: func(_ *form, params url.Values) {
			ofOne(params, name)
			params.Set(tagKeyParam, key)
		},
	}, nil
}

// awsTagRemove is the form that removes a tag.
func awsTagRemove(v *visit, names url.Values) (*awsEdit, error) {
	name, key, value, err := awsTag(v, names)
	if err != nil {
		return nil, err
	}
	return &awsEdit{
		edit: edit{
			Heading: "Remove tag " + key, About: []string{"Its value is: " + value}, Balancer: name, Tab: tabTags, seen: "value " + value,
			Form: &form{Submit: "Remove", Danger: true, Keep: []kept{{"key", key}}},
			done: "The tag has been removed.",
		},
		action: "RemoveTags",
		params: func(_ *form, params url.Values) {
			ofOne(params, name)
			params.Set(tagKeyParam, key)
		},
	}, nil
}

// ofOne names the load balancer in a list, as the calls about tags have it.
func ofOne(params url.Values, name string) {
	params.Del("LoadBalancerName")
	params.Set("LoadBalancerNames.member.1", name)
}
