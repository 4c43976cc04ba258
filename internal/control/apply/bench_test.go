package apply_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"lull/internal/control/apply"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// BenchmarkChange changes one of 1,000 load balancers with 10 backends each: what an API call waits for besides the disk.
func BenchmarkChange(b *testing.B) {
	const balancers, backends = 1000, 10
	slog.SetDefault(slog.New(slog.DiscardHandler)) // nobody answers the probes, which is not the question here
	a, _ := start(b)
	make1 := func(i int, idle time.Duration) *plan.LoadBalancer {
		name := fmt.Sprintf("lb-%04d", i)
		set := &plan.BackendSet{
			Key:         plan.SetKey{LoadBalancer: name, Name: "http-80"},
			HealthCheck: &plan.HealthCheck{Interval: 300 * time.Second, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 2, StartsDown: true},
		}
		for n := range backends {
			key := plan.BackendKey{Set: set.Key, Host: fmt.Sprintf("127.9.%d.%d", i/250, n+1), Port: 9}
			set.Backends = append(set.Backends, plan.Backend{Key: key, Weight: 1})
		}
		l := &plan.Listener{
			Key: plan.ListenerKey{LoadBalancer: name, Name: "http-80"}, BackendSet: set,
			Address:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 8, byte(i / 250), byte(i%250 + 1)}), 18080),
			Timeouts: timeout.Settings{Idle: idle, Connect: time.Second, Handshake: time.Second},
		}
		return &plan.LoadBalancer{Name: name, Listeners: []*plan.Listener{l}, BackendSets: []*plan.BackendSet{set}}
	}
	var all []*plan.LoadBalancer
	for i := range balancers {
		all = append(all, make1(i, time.Minute))
	}
	if err := a.Change(apply.AWSELB, all, nil); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		next := append([]*plan.LoadBalancer(nil), all...)
		next[i%balancers] = make1(i%balancers, time.Minute+time.Duration(i+1))
		all = next
		if err := a.Change(apply.AWSELB, next, nil); err != nil {
			b.Fatal(err)
		}
	}
}
