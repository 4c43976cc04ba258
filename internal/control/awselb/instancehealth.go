package awselb

import (
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// The values of an instance's state, and who is the reason of it.
const (
	stateIn, stateOut               = "InService", "OutOfService"
	reasonNone, reasonELB, reasonIt = "N/A", "ELB", "Instance"
)

// condition is what can be told of an instance: the documented states with their reason codes and descriptions, word for word.
type condition struct{ state, reason, description string }

//nolint:gochecknoglobals // a table
var (
	inService     = condition{stateIn, reasonNone, "N/A"}
	registering   = condition{stateOut, reasonELB, "Instance registration is still in progress."}
	unproven      = condition{stateOut, reasonIt, "Instance has not passed the configured HealthyThreshold number of health checks consecutively."}
	failed        = condition{stateOut, reasonIt, "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."}
	zoneOff       = condition{stateOut, reasonELB, "Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to."}
	leaving       = condition{stateIn, reasonELB, "Instance deregistration currently in progress."}
	notRegistered = condition{stateOut, reasonELB, "Instance is not currently registered with the LoadBalancer."}
	terminated    = condition{stateOut, reasonIt, "Instance is in terminated state."} // it is registered and nobody knows its address any more
)

// probed are the conditions that health checks lead to, the best first. An instance is as well as it is in the backend set where it is
// least so: a client may be sent to any node and listener.
//
//nolint:gochecknoglobals // a table
var probed = [...]condition{inService, registering, unproven, failed}

// describeInstanceHealth tells how instances are: those that are named, in that order, or all in the order of their registration.
func (s *Service) describeInstanceHealth(r *query.DescribeInstanceHealthRequest) (any, error) {
	b, err := s.find(r.LoadBalancerName)
	if err != nil {
		return nil, err
	}
	h := s.newHealthReport(b.document)
	ids := r.Instances
	if len(ids) == 0 {
		ids = b.instancesResult().Instances
	}
	states := make([]query.InstanceState, 0, len(ids))
	for _, i := range ids {
		c, known := h.conditionOf(i.InstanceID)
		if !known {
			return nil, unknownInstance(i.InstanceID)
		}
		states = append(states, query.InstanceState{InstanceID: i.InstanceID, State: c.state, ReasonCode: c.reason, Description: c.description})
	}
	return query.DescribeInstanceHealthResult{InstanceStates: states}, nil
}

// healthReport looks up conditions of one load balancer's instances.
type healthReport struct {
	s          *Service
	d          *document
	served     []servedListener
	registered map[string]bool
	now        time.Time
}

func (s *Service) newHealthReport(d *document) *healthReport {
	return &healthReport{s: s, d: d, served: s.served(d, func(*listener, error) {}), registered: d.registeredIDs(), now: s.o.Now()}
}

// conditionOf returns an instance's condition; known is false if there is no such instance.
func (h *healthReport) conditionOf(id string) (c condition, known bool) {
	name, zone, found := h.s.locate(id)
	switch {
	case h.registered[id] && !found:
		return terminated, true
	case h.registered[id] && zone != "" && !h.d.inZone(zone):
		return zoneOff, true
	case h.registered[id]:
		return h.probed(name, zone), true
	case !found:
		return condition{}, false
	case h.drains(id) && h.busy(name):
		return leaving, true
	}
	return notRegistered, true
}

// probed returns the worst of what health checks say of an instance in the sets where it may get traffic.
func (h *healthReport) probed(name, zone string) condition {
	worst, sets := 0, 0
	h.eachSet(name, func(n *node, key plan.BackendKey) {
		if !h.d.away(n, zone) {
			sets++
			worst = max(worst, h.probedIn(key))
		}
	})
	if sets == 0 {
		return registering // with no listener there is nothing that it could serve
	}
	return probed[worst]
}

// probedIn returns the index in probed of what is known of one backend.
func (h *healthReport) probedIn(key plan.BackendKey) int {
	switch t, found := h.s.o.Runtime.Backend(key); {
	case !found || !t.Up && t.Detail == plan.NotProbed:
		return 1
	case t.Up:
		return 0
	case !t.Proven:
		return 2
	}
	return 3
}

// drains says whether an instance was deregistered and its connections still have time.
func (h *healthReport) drains(id string) bool {
	for _, x := range h.d.Draining {
		if x.ID == id && h.now.Before(x.Until) {
			return true
		}
	}
	return false
}

// busy says whether a host still has connections. Unused ones of the pool do not count, and go at once.
func (h *healthReport) busy(name string) bool {
	busy := false
	h.eachSet(name, func(_ *node, key plan.BackendKey) {
		t, found := h.s.o.Runtime.Backend(key)
		busy = busy || found && t.Active > 0
	})
	return busy
}

// eachSet calls f with the node and the backend that a host is, or was, in each of the load balancer's backend sets.
func (h *healthReport) eachSet(name string, f func(n *node, key plan.BackendKey)) {
	for _, l := range h.served {
		for i := range h.d.Nodes {
			n := &h.d.Nodes[i]
			set := plan.SetKey{LoadBalancer: h.d.planName(), Name: nameOf(l.listener, n)}
			f(n, plan.BackendKey{Set: set, Host: name, Port: uint16(l.InstancePort)}) // the API allows 1 to 65535
		}
	}
}
