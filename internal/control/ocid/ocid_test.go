package ocid_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"lull/internal/control/ocid"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for _, region := range []string{"", "lull-1"} {
		id, err := ocid.New(rand.Reader, "loadbalancer", region)
		if err != nil {
			t.Fatal(err)
		}
		if !ocid.Is("loadbalancer", id) || ocid.Is("user", id) || !strings.HasPrefix(id, "ocid1.loadbalancer.oc1."+region+".") {
			t.Errorf("in region %q: got %s", region, id)
		}
		if _, unique, _ := strings.Cut(id, "oc1."+region+"."); len(unique) != 60 {
			t.Errorf("in region %q: got %s, whose unique part has not 60 characters", region, id)
		}
	}
	if _, err := ocid.New(strings.NewReader("short"), "user", ""); err == nil {
		t.Error("from a source that ends: got no error")
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ocid1.user.oc1..aaaa":      true,
		"ocid1.user.oc1.phx.x.aaaa": true,
		"ocid1.user.oc1.aaaa":       false,
		"ocid1.user..aaaa":          false,
		"ocid2.user.oc1..aaaa":      false,
		"ocid1.user.oc1..aa aa":     false,
		"ocid1.user.oc1..aaaa\n":    false,
		"":                          false,
		"ocid1.user.oc1.." + strings.Repeat("a", ocid.BytesMax): false,
	} {
		if got := ocid.Is("user", text); got != want {
			t.Errorf("%q: got %t", text, got)
		}
	}
}
