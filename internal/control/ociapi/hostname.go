package ociapi

import (
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/rules"
)

//nolint:gochecknoglobals // a table
var hostnameReads = map[string]read{
	"ListHostnames": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return sorted(b.Hostnames, hostnameView), nil }),
	"GetHostname": ofBalancer(func(b *balancer, r *wire.Request) (any, error) {
		return child(b.document, "hostname", b.Hostnames, r.Parameters[wire.ChildName], hostnameView)
	}),
}

//nolint:gochecknoglobals // a table
var hostnameChanges = map[string]change{
	"CreateHostname": createHostname,
	"UpdateHostname": updateHostname,
	"DeleteHostname": deleteHostname,
}

func hostnameView(name, host string) wire.Hostname { return wire.Hostname{Name: name, Hostname: host} }

func createHostname(d *document, r *wire.Request) error {
	body := r.Body.(*wire.Hostname)
	return add(d, "hostname", d.Hostnames, body.Name, body.Hostname)
}

func updateHostname(d *document, r *wire.Request) error {
	return replace(d, "hostname", d.Hostnames, r.Parameters[wire.ChildName], r.Body.(*wire.UpdateHostnameDetails).Hostname)
}

func deleteHostname(d *document, r *wire.Request) error {
	name := r.Parameters[wire.ChildName]
	for listener, l := range ordered(d.Listeners) {
		if slices.Contains(l.HostnameNames, name) {
			return inUse("hostname", name, "listener", listener)
		}
	}
	return drop(d, "hostname", d.Hostnames, name)
}

// checkHostnames wants hosts that a request can ask for.
func checkHostnames(_ *Service, d *document) error {
	if n := len(d.Hostnames); n > hostnamesMax {
		return refuse(wire.LimitExceeded, "hostnames", "Load balancer %s would have %d hostnames, at most %d are allowed", d.ID, n, hostnamesMax)
	}
	for name, host := range ordered(d.Hostnames) {
		if _, err := rules.NewHosts([]rules.HostName{{Name: host}}); err != nil {
			return invalid("hostname", "Hostname '%s': %s", name, err)
		}
	}
	return nil
}

// checkListenerHosts wants each host to lead to one listener of a port. Which takes the requests for it would be chance otherwise.
func checkListenerHosts(_ *Service, d *document) error {
	type place struct {
		port int
		host string
	}
	taken := map[place]string{}
	for name, l := range ordered(d.Listeners) {
		for _, hostname := range l.HostnameNames {
			at := place{l.Port, strings.ToLower(d.Hostnames[hostname])}
			if other, found := taken[at]; found && other != name && at.host != "" {
				return invalid("hostnameNames", "Listeners '%s' and '%s' on port %d both have host '%s' (hostname '%s'): a host belongs to one listener of a port",
					other, name, l.Port, at.host, hostname)
			}
			taken[at] = name
		}
	}
	return nil
}
