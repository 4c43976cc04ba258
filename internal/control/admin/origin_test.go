package admin

import (
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// TestInTermsOf: who made a load balancer through the API is told the API's settings and commands, and never sent to a file.
func TestInTermsOf(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		end           func(c *record.Close)
		want, command string // in the advice, and in the sentence behind it
	}{
		{"idle", func(*record.Close) {}, "raise the idle timeout of load balancer ", `{"ConnectionSettings":{"IdleTimeout":SECONDS}}`},
		{
			"drain", func(c *record.Close) { firedBy(c, reason.DrainTimeout, "drain", 30*time.Second) },
			"raise the connection draining timeout of load balancer ", `{"ConnectionDraining":{"Enabled":true,"Timeout":SECONDS}}`,
		},
		{
			"connect", func(c *record.Close) { firedBy(c, reason.ConnectTimeout, "connect", 10*time.Second) },
			"raise lull's own `connect` of load balancer ", "",
		},
		{"descriptors", func(c *record.Close) { endedBy(c, reason.NoDescriptors) }, "`limits.connections` in lull.yaml", ""},
	} {
		c := admintest.Close(12)
		tt.end(&c)
		story := storyOfClose(&c, nil, nil)
		if got := inTermsOf("lull.yaml", story, &c.Ends); !slices.Equal(got, story) {
			t.Errorf("%s: of a file: got %q, want it as it was", tt.name, got)
		}
		told := strings.Join(inTermsOf(plan.OriginELB, story, &c.Ends), "\n")
		if !strings.Contains(told, tt.want) {
			t.Errorf("%s: got\n%s\nwant %q in it", tt.name, told, tt.want)
		}
		if tt.name != "descriptors" && strings.Contains(told, "lull.yaml") {
			t.Errorf("%s: got\n%s\nwant no file named", tt.name, told)
		}
		if command := strings.Contains(told, "aws elb modify-load-balancer-attributes --load-balancer-name "+c.Ends.LoadBalancer+" "); command != (tt.command != "") || !strings.Contains(told, tt.command) {
			t.Errorf("%s: got\n%s\nwant the command with %q", tt.name, told, tt.command)
		}
	}
}
