package awselb

import (
	"context"
	"fmt"
	"slices"

	"lull/internal/control/awselb/query"
)

// registerInstances adds instances, all of them or none. One that is registered stays as it is, and one that drains ceases to: AWS
// says nothing of that, and to cut connections of an instance that is wanted again would serve nobody.
func (s *Service) registerInstances(ctx context.Context, r *query.RegisterInstancesWithLoadBalancerRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error { return s.register(d, r.Instances) })
	if err != nil {
		return nil, err
	}
	return d.instancesResult(), nil
}

// register adds instances to a document.
func (s *Service) register(d *document, wanted []query.Instance) error {
	registered := d.registeredIDs()
	for _, w := range wanted {
		if registered[w.InstanceID] {
			continue
		}
		if len(d.Instances) == instancesMax {
			return invalid("Instances", "The load balancer '%s' cannot have more than %d registered instances", d.Name, instancesMax)
		}
		if _, _, found := s.locate(w.InstanceID); !found {
			return unknownInstance(w.InstanceID)
		}
		registered[w.InstanceID] = true
		d.Instances = append(d.Instances, instance{ID: w.InstanceID})
	}
	d.Draining = slices.DeleteFunc(d.Draining, func(x draining) bool { return registered[x.ID] })
	return nil
}

// deregisterInstances takes instances away, all of them or none, and answers those that are left. It does not wait for
// connections to end.
func (s *Service) deregisterInstances(ctx context.Context, r *query.DeregisterInstancesFromLoadBalancerRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error { return s.deregister(d, r.Instances) })
	if err != nil {
		return nil, err
	}
	return d.instancesResult(), nil
}

// deregister takes instances away from a document.
func (s *Service) deregister(d *document, unwanted []query.Instance) error {
	registered, gone := d.registeredIDs(), make(map[string]bool, len(unwanted))
	for _, u := range unwanted {
		if !registered[u.InstanceID] {
			return &query.Error{Code: query.InvalidInstance, Field: "Instances", Message: fmt.Sprintf(
				"The instance '%s' is not registered with the load balancer '%s'", shown(u.InstanceID), d.Name)}
		}
		if d.Attributes.Draining && !gone[u.InstanceID] {
			d.Draining = append(d.Draining, draining{ID: u.InstanceID, Until: s.o.Now().Add(seconds(d.Attributes.DrainingTimeout)).UTC()})
		}
		gone[u.InstanceID] = true
	}
	d.Instances = slices.DeleteFunc(d.Instances, func(i instance) bool { return gone[i.ID] })
	return nil
}

// registeredIDs returns the ids of the registered instances.
func (d *document) registeredIDs() map[string]bool {
	ids := make(map[string]bool, len(d.Instances))
	for _, i := range d.Instances {
		ids[i.ID] = true
	}
	return ids
}

// instancesResult answers which instances are registered.
func (d *document) instancesResult() query.InstancesResult {
	list := make([]query.Instance, len(d.Instances))
	for i := range d.Instances {
		list[i].InstanceID = d.Instances[i].ID
	}
	return query.InstancesResult{Instances: list}
}
