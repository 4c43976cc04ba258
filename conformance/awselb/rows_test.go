package awselb

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"lull/internal/lulltest/program"
)

// sections are all tables, by what the README calls them.
func sections() map[string][]section {
	return map[string][]section{
		"guide/attributes": guideAttributes(), "guide/instances": guideInstances(), "guide/places": guidePlaces(),
		"guide/tls": guideTLS(), "guide/policies": guidePolicies(),
		"examples/places": examplesOfPlaces(), "examples/policies": examplesOfPolicies(), "examples/instances": examplesOfInstances(),
		"refusals": refusals(), "facts": facts(), "pages": pages(),
	}
}

// TestRows runs every row of every table.
func TestRows(t *testing.T) {
	program.File(t)
	t.Parallel()
	if c, err := theCommand(); err != nil {
		t.Fatalf("the aws command: %v", err)
	} else {
		t.Log(c.path, c.version)
	}
	if !lowPorts() {
		t.Log("SKIPPED: ports 80 and 443 themselves, which may not be bound here; 8080 and 8443 stand for them")
	}
	for name, list := range sections() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, s := range list {
				s.run(t)
			}
		})
	}
}

// TestNumbers wants every number of the checklist to have a row, so that none is forgotten, and none to have two.
func TestNumbers(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"N15": true} // TestRefusedForms
	for name, list := range sections() {
		for _, s := range list {
			for _, r := range s.rows {
				if seen[r.id] {
					t.Errorf("%s, %s: %s is there twice", name, s.name, r.id)
				}
				seen[r.id] = true
				if !regexp.MustCompile(`^[CNF]?\d+[a-z]?$`).MatchString(r.id) {
					t.Errorf("%s, %s: %q is no number", name, s.name, r.id)
				}
			}
		}
	}
	missing := func(prefix string, last int, except ...int) {
		for i := 1; i <= last; i++ {
			if id := fmt.Sprint(prefix, i); !seen[id] && !slices.Contains(except, i) {
				t.Errorf("no row has the number %s", id)
			}
		}
	}
	missing("", 76)
	missing("C", 35)
	missing("N", 16)
	// Of the facts about the client, 2, 5, 6, 8 and 10 are seen in rows 75, 24, 23, 4 and every refusal; 11 would take ten minutes;
	// 13 is held in every call.
	missing("F", 14, 2, 5, 6, 8, 10, 11, 13)
}
