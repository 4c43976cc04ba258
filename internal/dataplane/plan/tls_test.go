package plan_test

import (
	"crypto/tls"
	"testing"

	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
	"lull/internal/lulltest/testca"
)

func TestSameTLS(t *testing.T) {
	t.Parallel()
	pool := testca.NewFor(t).Pool()
	full := func() *plan.ClientTLS {
		policy := *tlspolicy.Default
		return &plan.ClientTLS{
			Verify: true, ServerName: "a.test", Roots: certs.NewRoots(pool), Policy: &policy,
			PublicKeys: [][]byte{{1}, {2}}, ALPN: []string{"http/1.1"},
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*plan.ClientTLS)
		want   bool
	}{
		{"nothing", func(*plan.ClientTLS) {}, true},
		{"verify", func(c *plan.ClientTLS) { c.Verify = false }, false},
		{"name", func(c *plan.ClientTLS) { c.ServerName = "b.test" }, false},
		{"roots", func(c *plan.ClientTLS) { c.Roots = certs.NewRoots(testca.NewFor(t).Pool()) }, false},
		{"no_roots", func(c *plan.ClientTLS) { c.Roots = nil }, false},
		{"keys", func(c *plan.ClientTLS) { c.PublicKeys = [][]byte{{1}, {3}} }, false},
		{"fewer_keys", func(c *plan.ClientTLS) { c.PublicKeys = c.PublicKeys[:1] }, false},
		{"policy_name", func(c *plan.ClientTLS) { c.Policy.Name = "other" }, true},
		{"policy_version", func(c *plan.ClientTLS) { c.Policy.Min = tls.VersionTLS13 }, false},
		{"policy_suites", func(c *plan.ClientTLS) { c.Policy.Suites = c.Policy.Suites[1:] }, false},
		{"alpn", func(c *plan.ClientTLS) { c.ALPN = nil }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, b := full(), full()
			tc.change(b)
			if a.Same(b) != tc.want || b.Same(a) != tc.want || !b.Same(b) {
				t.Errorf("same: got %t and %t, want %t", a.Same(b), b.Same(a), tc.want)
			}
		})
	}
	if full().Same(nil) || (*plan.ClientTLS)(nil).Same(full()) || !(*plan.ClientTLS)(nil).Same(nil) {
		t.Error("plain and TLS: got the same, or plain and plain not")
	}
}
