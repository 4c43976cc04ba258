package health

import (
	"fmt"
	"strings"
	"testing"
)

func TestThreshold(t *testing.T) {
	t.Parallel()
	// In results + is a success and - a failure; in want U and D are changes to up and down, and u and d none.
	for _, tc := range []struct {
		name               string
		healthy, unhealthy int
		results, want      string
	}{
		{"first_success_stands_alone", 10, 3, "++", "Uu"},
		{"first_failure_stands_alone", 3, 10, "--", "Dd"},
		{"three_failures_take_out", 3, 3, "+---", "UuuD"},
		{"a_success_starts_the_row_anew", 3, 3, "+--+--+---", "UuuuuuuuuD"},
		{"first_success_of_a_new_one_stands_alone", 10, 3, "-+++", "DUuu"},
		{"however_late_it_comes", 10, 3, "------+", "DdddddU"},
		{"two_successes_bring_back", 2, 3, "+---++", "UuuDdU"},
		{"a_failure_starts_the_row_anew", 3, 1, "+-++-+++", "UDdddddU"},
		{"there_and_back", 2, 2, "+--++--", "UuDdUuD"},
		{"ones", 1, 1, "+-+-", "UDUD"},
		{"zeros_count_as_ones", 0, 0, "+-+-", "UDUD"},
		{"long_rows", 2, 2, "++++++--", "UuuuuuuD"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var th threshold
			th.set(tc.healthy, tc.unhealthy)
			if got := observe(&th, tc.results); got != tc.want {
				t.Errorf("healthy %d, unhealthy %d, results %s: got %s, want %s",
					tc.healthy, tc.unhealthy, tc.results, got, tc.want)
			}
		})
	}
}

// observe feeds results and returns what came of each.
func observe(th *threshold, results string) string {
	var out strings.Builder
	for _, r := range results {
		changed, isUp := th.Observe(r == '+')
		word := "d"
		if isUp {
			word = "u"
		}
		if changed {
			word = strings.ToUpper(word)
		}
		out.WriteString(word)
	}
	return out.String()
}

func TestThresholdChanges(t *testing.T) {
	t.Parallel()
	var th threshold
	th.set(3, 5)
	if got, want := observe(&th, "+---"), "Uuuu"; got != want {
		t.Fatalf("three of five failures: got %s, want %s", got, want)
	}
	th.set(3, 2)
	if th.state != up {
		t.Errorf("state after lower thresholds: got %v, want up", th.state)
	}
	if got, want := observe(&th, "-"), "D"; got != want {
		t.Errorf("the next failure counts with those before: got %s, want %s", got, want)
	}
	th.set(10, 10)
	if th.state != down {
		t.Errorf("state after higher thresholds: got %v, want down", th.state)
	}
	th.forget()
	if got, want := observe(&th, "+"), "U"; got != want {
		t.Errorf("first result after forget: got %s, want %s", got, want)
	}
}

func TestStateNames(t *testing.T) {
	t.Parallel()
	if got, want := fmt.Sprint(unknown, up, down, unproven), "unknown up down unproven"; got != want {
		t.Errorf("names: got %s, want %s", got, want)
	}
}

func FuzzThreshold(f *testing.F) {
	f.Add(uint8(3), uint8(3), "+--+---+++")
	f.Fuzz(func(t *testing.T, healthy, unhealthy uint8, results string) {
		var th threshold
		th.set(int(healthy), int(unhealthy))
		isUp := false
		for i, r := range results {
			changed, now := th.Observe(r == '+')
			if changed && now != (r == '+') {
				t.Fatalf("result %d of %q: changed against it", i, results)
			}
			if i > 0 && changed != (now != isUp) {
				t.Fatalf("result %d of %q: changed %v from %v to %v", i, results, changed, isUp, now)
			}
			isUp = now
		}
	})
}
