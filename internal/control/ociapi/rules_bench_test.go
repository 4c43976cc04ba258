package ociapi

import (
	"fmt"
	"testing"

	"lull/internal/dataplane/plan"
)

// BenchmarkRuled is what a listener costs with each change to its load balancer, and at a start: one without rules, and one with a
// policy of 100 rules and 20 rules of each kind for heads.
func BenchmarkRuled(b *testing.B) {
	var conditions []string
	for i := range 100 {
		conditions = append(conditions, fmt.Sprintf("all(any(http.request.headers[(i 'Host')] eq 'h%d.example.com', http.request.headers[(i 'Host')] eq 'h%d.example.com:80'), "+
			"http.request.url.path sw '/p%d')", i, i, i), "b")
	}
	full := balancerOf(b, `"ruleSetNames":["s"]`, `"ruleSets":{"s":{"items":[`+
		`{"action":"ALLOW","conditions":[{"attributeName":"SOURCE_IP_ADDRESS","attributeValue":"10.0.0.0/8"}]},`+
		redirectItem("/x", "EXACT_MATCH", `{"protocol":"HTTPS"}`)+`,{"action":"ADD_HTTP_REQUEST_HEADER","header":"X","value":"1"}]}}`, policyOf(conditions...))
	l, name := full.Listeners["l"], "p"
	l.RoutingPolicyName = &name
	full.Listeners["l"] = l
	for name, d := range map[string]*document{"plain": balancerOf(b, "", ""), "policy-of-100": full} {
		sets := map[string]*plan.BackendSet{}
		for set := range d.BackendSets {
			sets[set] = &plan.BackendSet{Key: plan.SetKey{LoadBalancer: "web", Name: set}}
		}
		l := d.Listeners["l"]
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.ruled("l", &l, sets); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
