package record

import (
	"testing"

	"lull/internal/dataplane/plan"
)

// TestProtocols holds what a record says of its protocol against the words that the plan has for it.
func TestProtocols(t *testing.T) {
	t.Parallel()
	for _, protocol := range []plan.Protocol{plan.TCP, plan.HTTP} {
		for _, secure := range []bool{false, true} {
			e := Ends{Protocol: protocol.Over(secure)}
			if e.HTTP() != (protocol == plan.HTTP) || e.Secure() != secure {
				t.Errorf("%s: HTTP() is %t and Secure() %t", e.Protocol, e.HTTP(), e.Secure())
			}
		}
	}
}
