package file

import (
	"strings"
	"time"

	"lull/internal/dataplane/plan"
)

// backendSet compiles one backend set of a load balancer.
func (s *section) backendSet(balancer string, names taken) *plan.BackendSet {
	set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: balancer, Name: s.name("name")}}
	names.claimName(s, set.Key.Name)
	set.Policy, _ = plan.ParsePolicy(s.word("policy"))
	s.word("protocol") // tcp, or a fault
	endpoints := make(taken)
	for _, below := range s.sections("backends") {
		set.Backends = append(set.Backends, below.backend(set.Key, endpoints))
	}
	if s.has("health_check") {
		set.HealthCheck = s.sub("health_check").healthCheck()
	}
	return set
}

// backend compiles one backend of a set.
func (s *section) backend(set plan.SetKey, endpoints taken) plan.Backend {
	b := plan.Backend{
		Key: plan.BackendKey{
			Set:  set,
			Host: s.host("address"),
			Port: uint16(s.integer("port")), // the table allows 1..65535
		},
		Weight:         s.integer("weight"),
		ConnectionsMax: s.integer("connections_max"),
		Backup:         s.boolean("backup"),
		Drain:          s.boolean("drain"),
		Offline:        s.boolean("offline"),
	}
	if !s.has("port") {
		return b
	}
	same := b.Key
	same.Host = strings.ToLower(same.Host) // DNS knows no case
	if line, twice := endpoints.claim(s, "address", same.Endpoint()); twice {
		s.fault("address", "with port %d is already in the set, in line %d", b.Key.Port, line)
	}
	return b
}

// healthCheck compiles a set's health check.
func (s *section) healthCheck() *plan.HealthCheck {
	s.word("protocol") // tcp, or a fault
	hc := &plan.HealthCheck{
		Protocol:  plan.CheckTCP,
		Port:      uint16(s.integer("port")), // the table allows 0..65535
		Healthy:   s.integer("healthy"),
		Unhealthy: s.integer("unhealthy"),
	}
	given := s.has("interval")
	hc.Interval = s.duration("interval")
	sound := given == s.has("interval")
	hc.Timeout = s.duration("timeout")
	switch {
	case hc.Timeout == 0:
		hc.Timeout = min(probeTimeoutDefault, hc.Interval)
	case sound && hc.Timeout > hc.Interval:
		s.fault("timeout", "is longer than the interval: allowed %s..%s here",
			FormatDuration(probeMin), FormatDuration(min(hc.Interval, time.Duration(s.row("timeout").max))))
	}
	return hc
}
