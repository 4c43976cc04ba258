package console

import "testing"

// TestCounted: one is one, and more have commas.
func TestCounted(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 open connections", 1: "1 open connection", 2: "2 open connections", 1204: "1,204 open connections"} {
		if got := counted(n, "open connection"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
