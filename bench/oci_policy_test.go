package main

import (
	"testing"

	"lull/internal/dataplane/rules"
)

// TestPolicyListeners wants policies as long as the report says, of conditions that lull takes. Which of them hold, the trial finds out.
func TestPolicyListeners(t *testing.T) {
	t.Parallel()
	for i, l := range policyListeners() {
		want := policyRules
		if i == 0 {
			want = 0 // what the others are compared with
		}
		if len(l.conditions) != want || (l.byRule != "") != (want > 0) {
			t.Errorf("%s: %d conditions, leading to %q, want %d", l.name, len(l.conditions), l.byRule, want)
		}
		for _, text := range l.conditions {
			if _, err := rules.ParseCondition(text); err != nil {
				t.Errorf("%s: %s: %v", l.name, text, err)
			}
		}
	}
}
