package awselb

import (
	"reflect"
	"testing"

	"lull/internal/control/awselb/query"
)

func TestDescribeAccountLimits(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	all := []query.Limit{
		{Name: "classic-load-balancers", Max: "2000"}, {Name: "classic-listeners", Max: "100"}, {Name: "classic-registered-instances", Max: "1000"},
	}
	for form, size := range map[string]int{"": 3, "&PageSize=400": 3, "&PageSize=3": 3, "&PageSize=2": 2, "&PageSize=1": 1} {
		var got []query.Limit
		marker := ""
		for range len(all) {
			page := made[query.DescribeAccountLimitsResult](r, "Action=DescribeAccountLimits"+form+marker)
			if len(page.Limits) > size {
				t.Errorf("%q: got a page of %d", form, len(page.Limits))
			}
			got = append(got, page.Limits...)
			if page.NextMarker == nil {
				break
			}
			marker = "&Marker=" + *page.NextMarker
		}
		if !reflect.DeepEqual(got, all) {
			t.Errorf("%q: got %+v, want %+v", form, got, all)
		}
	}
	r.checkWrong([]wrongForm{
		{"page-size-0", "Action=DescribeAccountLimits&PageSize=0", query.ValidationError, "…"},
		{"page-size-401", "Action=DescribeAccountLimits&PageSize=401", query.ValidationError, "…"},
		{"marker", "Action=DescribeAccountLimits&Marker=AAAA", query.ValidationError, "…"},
	})
}
