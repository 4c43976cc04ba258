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

// size is how much the benchmarks' front door has.
type size struct{ balancers, sets, backends int }

// BenchmarkChange changes one load balancer of many: what an API call waits for besides the disk. Beside the size of what an
// administrator of each cloud may have stands one with nothing but the load balancer that changes.
func BenchmarkChange(b *testing.B) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // nobody answers the probes, which is not the question here
	for _, s := range []size{{1, 1, 10}, {1000, 1, 10}, {1, 16, 32}, {500, 16, 32}} {
		b.Run(fmt.Sprintf("%dx%dx%d", s.balancers, s.sets, s.backends), func(b *testing.B) { benchmarkChange(b, s) })
	}
}

func benchmarkChange(b *testing.B, s size) {
	a, _ := start(b)
	var all []*plan.LoadBalancer
	for i := range s.balancers {
		all = append(all, s.balancer(i, time.Minute))
	}
	if err := a.Change(apply.OCI, all, nil); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		next := append([]*plan.LoadBalancer(nil), all...)
		next[i%s.balancers] = s.balancer(i%s.balancers, time.Minute+time.Duration(i+1))
		all = next
		if err := a.Change(apply.OCI, next, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// balancer compiles one load balancer, which has one listener with a site for each set.
func (s size) balancer(i int, idle time.Duration) *plan.LoadBalancer {
	name := fmt.Sprintf("lb-%04d", i)
	l := &plan.Listener{
		Key: plan.ListenerKey{LoadBalancer: name, Name: "http-80"}, Protocol: plan.HTTP, HeadMax: plan.HeadMaxDefault,
		Address:  netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 8, byte(i / 250), byte(i%250 + 1)}), 18080),
		Timeouts: timeout.Settings{Idle: idle, Connect: time.Second, Handshake: time.Second},
	}
	lb := &plan.LoadBalancer{Name: name, Listeners: []*plan.Listener{l}}
	for n := range s.sets {
		set := &plan.BackendSet{
			Key:         plan.SetKey{LoadBalancer: name, Name: fmt.Sprintf("set-%d", n)},
			HealthCheck: &plan.HealthCheck{Interval: 30 * time.Minute, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 2, StartsDown: true},
		}
		for m := range s.backends {
			key := plan.BackendKey{Set: set.Key, Host: fmt.Sprintf("127.9.%d.%d", i/250, m+1), Port: 9}
			set.Backends = append(set.Backends, plan.Backend{Key: key, Weight: 1})
		}
		lb.BackendSets = append(lb.BackendSets, set)
		l.Sites = append(l.Sites, &plan.Site{Name: set.Key.Name, Sets: []*plan.BackendSet{set}})
	}
	return lb
}
