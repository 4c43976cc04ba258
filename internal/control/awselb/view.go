package awselb

import (
	"fmt"
	"slices"
)

// Summary is what metrics tell a load balancer by.
type Summary struct {
	Name     string
	PlanName string   // in the plan, in commands and in counters
	Zones    []string // sorted
	// CrossZone says that the addresses of each zone use the instances of all.
	CrossZone bool
}

// Summaries returns all load balancers by name. Callable from anywhere.
func (s *Service) Summaries() []Summary {
	state := s.state.Load()
	list := make([]Summary, 0, len(state.names))
	for _, name := range state.names {
		b := state.balancers[name]
		list = append(list, Summary{Name: name, PlanName: b.planName(), Zones: b.zones(), CrossZone: b.Attributes.CrossZone})
	}
	return list
}

// CertificateUser says who uses a certificate, "listener 443 of load balancer web", if anybody does. Callable from anywhere.
func (s *Service) CertificateUser(arn string) (by string, used bool) {
	state := s.state.Load()
	for _, name := range state.names {
		for _, l := range state.balancers[name].Listeners {
			if l.CertificateID == arn && l.secure() {
				return fmt.Sprintf("listener %d of load balancer %s", l.Port, name), true
			}
		}
	}
	return "", false
}

// InstanceHost returns the host, as the plan's backends have it, that stands for an instance; found is false if nobody knows where it is.
func (s *Service) InstanceHost(id string) (host string, found bool) {
	host, _, found = s.locate(id)
	return host, found
}

// InstanceUser says which load balancer an instance is registered with, "load balancer web", if one it is. Callable from anywhere.
//
// One that is draining counts as long as it does: where it is must be known until its connections have ended.
func (s *Service) InstanceUser(id string) (by string, used bool) {
	state := s.state.Load()
	now := s.o.Now()
	for _, name := range state.names {
		b := state.balancers[name]
		if b.registered(id) || slices.ContainsFunc(b.Draining, func(x draining) bool { return x.ID == id && now.Before(x.Until) }) {
			return "load balancer " + name, true
		}
	}
	return "", false
}
