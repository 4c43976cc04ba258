package file

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	cases := []struct{ parent, key, want string }{
		{"", "admim", "admin"},
		{"", "load_balancer", "load_balancers"},
		{"load_balancers[].timeouts", "idel", "idle"},
		{"load_balancers[].timeouts", "conect", "connect"},
		{"load_balancers[].timeouts", "idle_timeout", ""},
		{"load_balancers[]", "backendsets", "backend_sets"},
		{"", "", ""},
		{"", strings.Repeat("a", 1000), ""},
	}
	for _, c := range cases {
		if got := nearest(c.parent, c.key); got != c.want {
			t.Errorf("nearest(%q, %q): got %q, want %q", c.parent, c.key, got, c.want)
		}
	}
}
