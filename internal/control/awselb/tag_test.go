package awselb

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// tags returns a form's list of tags from "key=value" and "key".
func tags(pairs ...string) string {
	form := ""
	for i, pair := range pairs {
		key, value, found := strings.Cut(pair, "=")
		form += fmt.Sprintf("&Tags.member.%d.Key=%s", i+1, key)
		if found {
			form += fmt.Sprintf("&Tags.member.%d.Value=%s", i+1, value)
		}
	}
	return form
}

// tagsOf returns a load balancer's tags as they are told, as "key=value".
func (r *rig) tagsOf(name string) []string {
	r.t.Helper()
	result := made[query.DescribeTagsResult](r, "Action=DescribeTags&LoadBalancerNames.member.1="+name)
	if len(result.TagDescriptions) != 1 || result.TagDescriptions[0].LoadBalancerName != name {
		r.t.Fatalf("got %+v, want the tags of %s", result, name)
	}
	list := []string{}
	for _, tag := range result.TagDescriptions[0].Tags {
		list = append(list, tag.Key+"="+*tag.Value)
	}
	return list
}

func TestTags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	add, remove := "Action=AddTags&LoadBalancerNames.member.1=web", "Action=RemoveTags&LoadBalancerNames.member.1=web"
	for i, step := range []struct {
		form string
		want []string
	}{
		{add + tags("project=lima", "department=digital-media"), []string{"department=digital-media", "project=lima"}},
		{add + tags("project=oslo"), []string{"department=digital-media", "project=oslo"}},
		{add + tags("Project", "a%20b=%2B-=._:/@"), []string{"Project=", "a b=+-=._:/@", "department=digital-media", "project=oslo"}},
		{remove + tags("project", "unknown"), []string{"Project=", "a b=+-=._:/@", "department=digital-media"}},
		{remove + tags("project"), []string{"Project=", "a b=+-=._:/@", "department=digital-media"}},
		{remove + tags("Project", "a%20b", "department"), []string{}},
	} {
		made[query.Empty](r, step.form)
		if got := r.tagsOf("web"); !reflect.DeepEqual(got, step.want) {
			t.Errorf("step %d: got %q, want %q", i, got, step.want)
		}
	}
	r.checkStored()
}

func TestTagsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	var fifty []string
	for i := range tagsMax {
		fifty = append(fifty, fmt.Sprintf("k%d=v", i))
	}
	add, remove := "Action=AddTags&LoadBalancerNames.member.1=web", "Action=RemoveTags&LoadBalancerNames.member.1=web"
	made[query.Empty](r, add+tags(fifty...))
	made[query.Empty](r, add+tags("k0=other", "k49=other")) // those there are may be changed
	r.checkWrong([]wrongForm{
		{"too-many", add + tags("k50"), query.TooManyTags,
			"The quota for the number of tags that can be assigned to a load balancer has been reached: it would have 51, and 50 are allowed"},
		{"duplicate", add + tags("k0=a", "k0=b"), query.DuplicateTagKeys, "Tag key was specified more than once: k0"},
		{"reserved", add + tags("aws:cloudformation:stack-name=x"), query.ValidationError, "…keys that begin with aws: are reserved"},
		{"key-characters", add + tags("a!"), query.ValidationError, "…"},
		{"key-length", add + tags(strings.Repeat("k", 129)), query.ValidationError, "…"},
		{"key-empty", add + tags(""), query.ValidationError, "…"},
		{"value-length", add + tags("k0="+strings.Repeat("v", 257)), query.ValidationError, "…"},
		{"leading-space", add + tags("%20k"), query.ValidationError, "…"},
		{"two-balancers", add + "&LoadBalancerNames.member.2=web" + tags("k0"), query.ValidationError, "…"},
		{"no-tags", add, query.ValidationError, "…"},
		{"no-balancer", "Action=AddTags" + tags("k0"), query.ValidationError, "…"},
		{"remove-none", remove, query.ValidationError, "…"},
		{"remove-two-balancers", remove + "&LoadBalancerNames.member.2=web" + tags("k0"), query.ValidationError, "…"},
		{"describe-none", "Action=DescribeTags", query.ValidationError, "…"},
		{"describe-21", "Action=DescribeTags" + listOf("LoadBalancerNames", strings.Fields(strings.Repeat("web ", 21))...), query.ValidationError, "…"},
	})
	if got := r.tagsOf("web"); len(got) != tagsMax {
		t.Errorf("got %d tags, want %d", len(got), tagsMax)
	}
}

func TestDescribeTags(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"a", "b"} {
		made[query.CreateLoadBalancerResult](r, create(name)+tags("of="+name))
	}
	got := made[query.DescribeTagsResult](r, "Action=DescribeTags"+listOf("LoadBalancerNames", "b", "a", "b"))
	want := query.DescribeTagsResult{TagDescriptions: []query.TagDescription{
		{LoadBalancerName: "b", Tags: []query.Tag{{Key: "of", Value: new("b")}}},
		{LoadBalancerName: "a", Tags: []query.Tag{{Key: "of", Value: new("a")}}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.checkWrong([]wrongForm{
		{"one-unknown", "Action=DescribeTags" + listOf("LoadBalancerNames", "a", "x"), query.LoadBalancerNotFound, "There is no ACTIVE Load Balancer named 'x'"},
	})
}

func TestLongestTag(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key, value := strings.Repeat("k", 128), strings.Repeat("v", 256)
	made[query.CreateLoadBalancerResult](r, create("web")+tags(key+"="+value))
	if got := r.tagsOf("web"); len(got) != 1 || got[0] != key+"="+value {
		t.Errorf("got %q", got)
	}
}
