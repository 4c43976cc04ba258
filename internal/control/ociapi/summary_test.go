package ociapi_test

import (
	"reflect"
	"testing"

	"lull/internal/control/ociapi"
)

// TestSummaries: what is known of a load balancer follows its display name, and goes with it.
func TestSummaries(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if got := r.Summaries(); len(got) != 0 {
		t.Fatalf("got %+v without any load balancer", got)
	}
	path := r.balancer("web", "")
	lb := r.get(path)
	name := r.Summaries()[0].PlanName
	if name == "" {
		t.Error("no name in the plan")
	}
	r.done("PUT", path, `{"displayName":"shop"}`)
	want := []ociapi.Summary{{ID: lb.ID, DisplayName: "shop", PlanName: name, CompartmentID: compartment}}
	if got := r.Summaries(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	r.done("DELETE", path, "")
	if got := r.Summaries(); len(got) != 0 {
		t.Errorf("got %+v after it was deleted", got)
	}
}
