package console

import (
	"fmt"
	"net/netip"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
)

// settings are the timeouts of made-up listeners.
func settings(m timeout.Model, idle time.Duration) timeout.Settings {
	return timeout.Settings{
		Model: m, Idle: idle, FrontKeepalive: 65 * time.Second, FrontRequestsMax: 10000, BackKeepalive: 300 * time.Second,
		Connect: 10 * time.Second, Handshake: 10 * time.Second, RequestHead: 60 * time.Second, Drain: 30 * time.Second,
	}
}

// balancer returns a load balancer with an HTTP listener, a TCP listener and two backends in one set.
func balancer(name string) *plan.LoadBalancer {
	set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: name, Name: "app"}, HealthCheck: &plan.HealthCheck{
		Protocol: plan.CheckHTTP, Path: "/healthz", Interval: 10 * time.Second, Timeout: 5 * time.Second, Healthy: 3, Unhealthy: 2,
	}}
	for port := range uint16(2) {
		set.Backends = append(set.Backends, plan.Backend{Key: plan.BackendKey{Set: set.Key, Host: "10.0.0.1", Port: 9001 + port}, Weight: 1})
	}
	listener := func(kind string, p plan.Protocol, port uint16, t timeout.Settings) *plan.Listener {
		return &plan.Listener{
			Key: plan.ListenerKey{LoadBalancer: name, Name: kind}, Protocol: p, Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port),
			BackendSet: set, Timeouts: t,
		}
	}
	return &plan.LoadBalancer{
		Name: name, Origin: "lull.yaml", BackendSets: []*plan.BackendSet{set},
		Listeners: []*plan.Listener{listener("web", plan.HTTP, 80, settings(timeout.Shared, 60*time.Second)), listener("echo", plan.TCP, 81, settings(timeout.Directional, 300*time.Second))},
	}
}

// populate gives the rig load balancers, with counters of their listeners and backends.
func (r *rig) populate(names ...string) {
	p := &plan.Plan{Revision: r.plan.Revision + 1}
	var s stats.Snapshot
	for _, name := range names {
		lb := balancer(name)
		p.LoadBalancers = append(p.LoadBalancers, lb)
		for _, l := range lb.Listeners {
			s.Listeners = append(s.Listeners, stats.ListenerTotals{Key: l.Key, Protocol: l.Protocol, Address: l.Address.String()})
		}
		for i, b := range lb.BackendSets[0].Backends {
			t := stats.BackendTotals{Key: b.Key, Up: i == 0, Proven: true, Detail: "answered 200"}
			if !t.Up {
				t.Detail = "connection refused"
			}
			s.Backends = append(s.Backends, t)
		}
	}
	s.ConnectionsMax = 9000
	r.engine.set(func() { r.engine.stats = s })
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = p
}

// count changes the counters of one listener, in a copy as the engine makes one for each reader.
func (r *rig) count(key plan.ListenerKey, f func(*stats.ListenerTotals)) {
	r.engine.set(func() {
		list := append([]stats.ListenerTotals(nil), r.engine.stats.Listeners...)
		for i := range list {
			if list[i].Key == key {
				f(&list[i])
			}
		}
		r.engine.stats.Listeners = list
	})
}

// crowd returns open connections of listener web/echo: one that is quieter than the one before, by a second each.
func crowd(n int) []record.Live {
	list := make([]record.Live, n)
	for i := range list {
		l := live(uint64(i+1), 300*time.Second, time.Duration(i%300)*time.Second)
		l.Ends.Listener, l.Ends.BackendSet = "echo", "app"
		l.Ends.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), uint16(1024+i%60000))
		l.Ends.Backend = fmt.Sprintf("10.0.0.1:%d", 9001+i%2)
		list[i] = l
	}
	return list
}

// ended returns the record of a connection.
func ended(id uint64, why reason.Reason, at time.Time) record.Close {
	l := live(id, 60*time.Second, 60*time.Second)
	l.Ends.BackendSet, l.Ends.Client = "app", netip.MustParseAddrPort("192.0.2.7:4711")
	c := record.Close{ID: id, Ends: l.Ends, Reason: why, Side: why.Info().Side, Opened: at.Add(-time.Minute), Closed: at, Age: time.Minute, Traffic: l.Traffic}
	if why.Info().Timer {
		c.Timer, c.Setting = "idle", 60*time.Second
	}
	return c
}

// closedFirst returns the record of a pooled connection that its backend closed after so long.
func closedFirst(id uint64, backend string, unused time.Duration, at time.Time) record.Close {
	c := ended(id, reason.BackendClosedIdle, at)
	c.Pooled, c.Ends.Backend, c.Ends.Listener = true, backend, "web"
	c.QuietUp, c.QuietDown, c.Age = unused, unused, unused+time.Second
	c.PoolTimer, c.PoolSetting = "idle", 60*time.Second
	return c
}
