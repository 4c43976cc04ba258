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

// TestInTermsOfOCI: the OCI API has the idle timeout of a listener, and a command that replaces the listener; nothing else can be set.
func TestInTermsOfOCI(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end  func(c *record.Close)
		want string
		name string // in the command; empty: there is none
	}{
		"idle":    {func(c *record.Close) { c.Ends.Listener = "web" }, "raise the idle timeout of the listener on port ", "web"},
		"address": {func(c *record.Close) { c.Ends.Listener = "web@127.0.0.2" }, "raise the idle timeout of the listener on port ", "web"},
		"shared":  {func(c *record.Close) { c.Ends.Listener = "http:80" }, "raise the idle timeout of the listener on port ", "NAME"},
		"drain":   {func(c *record.Close) { firedBy(c, reason.DrainTimeout, "drain", 30*time.Second) }, "raise lull's own `drain` of load balancer ", ""},
		"connect": {func(c *record.Close) { firedBy(c, reason.ConnectTimeout, "connect", 10*time.Second) }, "raise lull's own `connect` of load balancer ", ""},
	} {
		c := admintest.Close(12)
		tt.end(&c)
		told := strings.Join(inTermsOf(plan.OriginOCI, storyOfClose(&c, nil, nil), &c.Ends), "\n")
		if !strings.Contains(told, tt.want) || strings.Contains(told, "lull.yaml") || strings.Contains(told, "aws ") {
			t.Errorf("%s: got\n%s\nwant %q in it, no file and nothing of AWS", name, told, tt.want)
		}
		command := "oci lb listener update --load-balancer-id OCID --listener-name " + tt.name + " --port "
		if has := strings.Contains(told, "oci lb "); has != (tt.name != "") || has && !strings.Contains(told, command) {
			t.Errorf("%s: got\n%s\nwant the command with name %q", name, told, tt.name)
		}
	}
}
