package dataplane_test

import (
	"fmt"
	"testing"

	"lull/internal/dataplane"
	"lull/internal/dataplane/plan"
)

// BenchmarkStats is a scrape of 500 load balancers of 512 backends: after a change of one of them, and when nothing has changed.
func BenchmarkStats(b *testing.B) {
	e, err := dataplane.New(dataplane.Options{Loops: 1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Close)
	crowd := func(name string) *plan.LoadBalancer {
		set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: name, Name: "set"}}
		for i := range 512 {
			set.Backends = append(set.Backends, plan.Backend{Key: plan.BackendKey{Set: set.Key, Host: fmt.Sprintf("10.0.%d.%d", i/256, i%256), Port: 80}, Weight: 1})
		}
		return &plan.LoadBalancer{Name: name, BackendSets: []*plan.BackendSet{set}}
	}
	p := &plan.Plan{Revision: 1}
	for i := range 500 {
		p.LoadBalancers = append(p.LoadBalancers, crowd(fmt.Sprint("lb-", i)))
	}
	for _, changes := range []bool{true, false} {
		b.Run(map[bool]string{true: "changed", false: "unchanged"}[changes], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if changes || p.Revision == 1 {
					b.StopTimer()
					next := &plan.Plan{Revision: p.Revision + 1, LoadBalancers: append([]*plan.LoadBalancer{crowd("lb-0")}, p.LoadBalancers[1:]...)}
					if err := e.Apply(next); err != nil {
						b.Fatal(err)
					}
					p = next
					b.StartTimer()
				}
				if n := len(e.Stats().Backends); n != 500*512 {
					b.Fatalf("%d backends", n)
				}
			}
		})
	}
}
