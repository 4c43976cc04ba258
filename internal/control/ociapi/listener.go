package ociapi

import (
	"maps"
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// There is no operation that reads listeners: they are a part of their load balancer.
//
//nolint:gochecknoglobals // a table
var listenerChanges = map[string]change{
	"CreateListener": createListener,
	"UpdateListener": updateListener,
	"DeleteListener": deleteListener,
}

func createListener(d *document, r *wire.Request) error {
	body := r.Body.(*wire.CreateListenerDetails)
	return add(d, "listener", d.Listeners, body.Name, body.ListenerDetails)
}

// updateListener replaces a listener: what is left out goes back to its default, and TLS is off without sslConfiguration.
func updateListener(d *document, r *wire.Request) error {
	return replace(d, "listener", d.Listeners, r.Parameters[wire.ListenerName], *r.Body.(*wire.ListenerDetails))
}

func deleteListener(d *document, r *wire.Request) error {
	return drop(d, "listener", d.Listeners, r.Parameters[wire.ListenerName])
}

// checkListeners holds each listener against what it names, and those of one port against each other.
func checkListeners(_ *Service, d *document) error {
	if len(d.Listeners) > listenersMax {
		return tooMany("listeners", len(d.Listeners), listenersMax)
	}
	for name, l := range ordered(d.Listeners) {
		if err := d.checkNamed(name, &l); err != nil {
			return err
		}
		if err := d.checkCookies(name, &l); err != nil {
			return err
		}
	}
	return d.checkPorts()
}

// tooMany refuses one more than may be.
func tooMany(what string, got, most int) error {
	return refuse(wire.LimitExceeded, what, "There would be %d %s: a load balancer can have at most %d", got, what, most)
}

// absent refuses a value that names a child that there is not. Clients look for "has no".
func (d *document) absent(field, value, kind string) error {
	return invalid(field, "%s '%s' is not allowed: Load balancer %s has no %s named '%s'", field, value, d.ID, kind, value)
}

// checkNamed refuses a listener that names what is not there.
func (d *document) checkNamed(name string, l *wire.ListenerDetails) error {
	at := "listeners." + name + "."
	if _, found := d.BackendSets[l.DefaultBackendSetName]; !found {
		return d.absent(at+"defaultBackendSetName", l.DefaultBackendSetName, "backend set")
	}
	for _, h := range l.HostnameNames {
		if _, found := d.Hostnames[h]; !found {
			return d.absent(at+"hostnameNames", h, "hostname")
		}
	}
	if p := l.PathRouteSetName; p != nil {
		if _, found := d.PathRouteSets[*p]; !found {
			return d.absent(at+"pathRouteSetName", *p, "path route set")
		}
	}
	if p := l.RoutingPolicyName; p != nil {
		if _, found := d.RoutingPolicies[*p]; !found {
			return d.absent(at+"routingPolicyName", *p, "routing policy")
		}
	}
	for _, r := range l.RuleSetNames {
		if _, found := d.RuleSets[r]; !found {
			return d.absent(at+"ruleSetNames", r, "rule set")
		}
	}
	return nil
}

// reaches returns the names of the backend sets that a listener's requests can get to, each once: its default, and those of its
// routes.
func (d *document) reaches(l *wire.ListenerDetails) []string {
	names := []string{l.DefaultBackendSetName}
	if l.PathRouteSetName != nil {
		for _, route := range d.PathRouteSets[*l.PathRouteSetName] {
			names = append(names, route.BackendSetName)
		}
	}
	if l.RoutingPolicyName != nil {
		for _, rule := range d.RoutingPolicies[*l.RoutingPolicyName].Rules {
			for _, action := range rule.Actions {
				names = append(names, action.BackendSetName)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// checkCookies refuses a plain HTTP listener on backend sets whose cookie browsers send over TLS alone: no session would last for
// longer than a request.
func (d *document) checkCookies(name string, l *wire.ListenerDetails) error {
	if l.Protocol != wire.ProtocolHTTP || l.SSLConfiguration != nil {
		return nil
	}
	for _, set := range d.reaches(l) {
		cookie := d.BackendSets[set].LBCookieSessionPersistenceConfiguration
		if cookie == nil || cookie.IsSecure == nil || !*cookie.IsSecure {
			continue
		}
		field := "backendSets." + set + ".lbCookieSessionPersistenceConfiguration.isSecure"
		return invalid(field, "%s true is not allowed: listener '%s' uses backend set '%s' over plain HTTP: allowed is false, or sslConfiguration on the listener",
			field, name, set)
	}
	return nil
}

// checkPorts refuses listeners that cannot share their port.
func (d *document) checkPorts() error {
	ports := map[int][]string{}
	for name, l := range ordered(d.Listeners) {
		ports[l.Port] = append(ports[l.Port], name)
	}
	for _, port := range slices.Sorted(maps.Keys(ports)) {
		names := ports[port]
		first := names[0]
		for _, name := range names[1:] {
			if err := d.checkShared(first, name); err != nil {
				return err
			}
		}
		if err := d.checkDefault(names); err != nil {
			return err
		}
	}
	return nil
}

// checkShared refuses two listeners of one port that nothing tells apart when a connection comes, or that would have to treat it
// differently before its first request is read.
func (d *document) checkShared(first, second string) error {
	a, b := d.Listeners[first], d.Listeners[second]
	field := "listeners." + second + "."
	if a.Protocol == wire.ProtocolTCP || b.Protocol == wire.ProtocolTCP {
		return invalid(field+"port", "%sport %d is not allowed: listener '%s' is on that port, and a TCP listener shares its port with no other: use another port",
			field, b.Port, first)
	}
	if (a.SSLConfiguration == nil) != (b.SSLConfiguration == nil) {
		return invalid(field+"sslConfiguration", "Listeners '%s' and '%s' are both on port %d and only one of them has sslConfiguration: allowed is all of a port's listeners, or none",
			first, second, b.Port)
	}
	if a.SSLConfiguration == nil {
		return nil
	}
	if !sameMembers(a.SSLConfiguration.Protocols, b.SSLConfiguration.Protocols) {
		return invalid(field+"sslConfiguration.protocols", "Not all SSL virtual listeners on port %d have the same set of SSL protocols defined.", b.Port)
	}
	return d.checkSharedTLS(first, second)
}

// sameMembers reports whether two lists have the same members, each once, in whatever order.
func sameMembers(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// checkDefault refuses a second listener of a port that takes the hosts that no other one does.
func (d *document) checkDefault(names []string) error {
	var without []string
	for _, name := range names {
		if len(d.Listeners[name].HostnameNames) == 0 {
			without = append(without, name)
		}
	}
	if len(without) < 2 {
		return nil
	}
	field := "listeners." + without[1] + ".hostnameNames"
	return invalid(field, "Listeners '%s' are all on port %d without hostnameNames: allowed is one; give the others hostnames, or another port",
		strings.Join(without, "', '"), d.Listeners[without[0]].Port)
}
