package ociapi

import "lull/internal/control/ociapi/wire"

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
		for _, used := range l.HostnameNames {
			if used == name {
				return inUse("hostname", name, "listener", listener)
			}
		}
	}
	return drop(d.Hostnames, name)
}
