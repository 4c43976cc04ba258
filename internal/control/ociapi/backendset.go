package ociapi

import "lull/internal/control/ociapi/wire"

//nolint:gochecknoglobals // a table
var backendSetReads = map[string]read{
	"ListBackendSets": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return sorted(b.BackendSets, backendSetView), nil }),
	"GetBackendSet": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, backendSetKind, b.BackendSets, r.Parameters[wire.BackendSetName], backendSetView)
	}),
	"GetHealthChecker": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, backendSetKind, b.BackendSets, r.Parameters[wire.BackendSetName],
			func(_ string, set wire.BackendSetDetails) wire.HealthChecker { return set.HealthChecker })
	}),
}

//nolint:gochecknoglobals // a table
var backendSetChanges = map[string]change{
	"CreateBackendSet":    createBackendSet,
	"UpdateBackendSet":    updateBackendSet,
	"DeleteBackendSet":    deleteBackendSet,
	"UpdateHealthChecker": updateHealthChecker,
}

// backendSetKind is Oracle's word.
const backendSetKind = "backend set"

func createBackendSet(d *document, r *wire.Request) error {
	body := r.Body.(*wire.CreateBackendSetDetails)
	return add(d, backendSetKind, d.BackendSets, body.Name, body.BackendSetDetails)
}

// updateBackendSet replaces a backend set with all its backends. What is left out goes back to its default, stickiness and TLS
// included.
func updateBackendSet(d *document, r *wire.Request) error {
	return replace(d, backendSetKind, d.BackendSets, r.Parameters[wire.BackendSetName], r.Body.(*wire.UpdateBackendSetDetails).BackendSetDetails)
}

// deleteBackendSet refuses for the user that a client can do most about: Oracle's ingress controller looks for the policy's text.
func deleteBackendSet(d *document, r *wire.Request) error {
	name := r.Parameters[wire.BackendSetName]
	for policy, p := range ordered(d.RoutingPolicies) {
		for _, rule := range p.Rules {
			for _, action := range rule.Actions {
				if action.BackendSetName == name {
					return inUse(backendSetKind, name, "routing policy", policy)
				}
			}
		}
	}
	for set, routes := range ordered(d.PathRouteSets) {
		for _, route := range routes {
			if route.BackendSetName == name {
				return inUse(backendSetKind, name, "path route set", set)
			}
		}
	}
	for listener, l := range ordered(d.Listeners) {
		if l.DefaultBackendSetName == name {
			return inUse(backendSetKind, name, "listener", listener)
		}
	}
	return drop(d, backendSetKind, d.BackendSets, name)
}

// checkBackendSets holds each backend set by itself, and all of them against the limits.
func checkBackendSets(_ *Service, d *document) error {
	if len(d.BackendSets) > backendSetsMax {
		return tooMany("backendSets", len(d.BackendSets), backendSetsMax)
	}
	count := 0
	for name, set := range ordered(d.BackendSets) {
		if count += len(set.Backends); count > backendsMax {
			return refuse(wire.LimitExceeded, "backends", "There would be more than %d backends: a load balancer can have at most %d in all its backend sets together",
				backendsMax, backendsMax)
		}
		field := "backendSets." + name
		if err := checkHealthChecker(field+".healthChecker", &set.HealthChecker); err != nil {
			return err
		}
		if err := checkBackups(field, &set); err != nil {
			return err
		}
	}
	return nil
}
