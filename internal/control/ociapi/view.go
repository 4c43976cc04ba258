package ociapi

import (
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// simpleView returns a load balancer as a list shows it that was asked for little (detail=simple): without its listeners, backend
// sets and other named children, the parts that grow. What Oracle leaves out is written nowhere.
func (d *document) simpleView() wire.LoadBalancer {
	out := wire.LoadBalancer{
		ID: d.ID, CompartmentID: d.CompartmentID, DisplayName: d.DisplayName, LifecycleState: d.State, TimeCreated: d.Created,
		ShapeName: d.ShapeName, ShapeDetails: d.ShapeDetails, IPMode: &d.IPMode, IsPrivate: &d.IsPrivate,
		IsDeleteProtectionEnabled: &d.DeleteProtection, IsRequestIDEnabled: &d.RequestIDEnabled, RequestIDHeader: &d.RequestIDHeader,
		SubnetIDs: d.SubnetIDs, NetworkSecurityGroupIDs: d.NetworkSecurityGroupIDs, Tags: d.Tags,
	}
	public := !d.IsPrivate
	for i, a := range d.Addresses {
		shown := wire.IPAddress{IPAddress: a.String(), IsPublic: &public}
		if i < len(d.ReservedIPs) {
			shown.ReservedIP = &d.ReservedIPs[i]
		}
		out.IPAddresses = append(out.IPAddresses, shown)
	}
	return out
}

// view returns a load balancer as reads show it.
func (d *document) view() wire.LoadBalancer {
	out := d.simpleView()
	out.Listeners, out.Hostnames, out.SSLCipherSuites = map[string]wire.Listener{}, map[string]wire.Hostname{}, map[string]wire.SSLCipherSuite{}
	out.Certificates, out.BackendSets = map[string]wire.Certificate{}, map[string]wire.BackendSet{}
	out.PathRouteSets, out.RuleSets, out.RoutingPolicies = map[string]wire.PathRouteSet{}, map[string]wire.RuleSet{}, d.RoutingPolicies
	for name, l := range d.Listeners {
		out.Listeners[name] = wire.Listener{Name: name, ListenerDetails: l}
	}
	for name, host := range d.Hostnames {
		out.Hostnames[name] = wire.Hostname{Name: name, Hostname: host}
	}
	for name, ciphers := range d.CipherSuites {
		out.SSLCipherSuites[name] = wire.SSLCipherSuite{Name: name, Ciphers: ciphers}
	}
	for name, c := range d.Certificates {
		out.Certificates[name] = certificateView(name, c)
	}
	for name, set := range d.BackendSets {
		out.BackendSets[name] = backendSetView(name, set)
	}
	for name, routes := range d.PathRouteSets {
		out.PathRouteSets[name] = wire.PathRouteSet{Name: name, PathRouteSetDetails: wire.PathRouteSetDetails{PathRoutes: routes}}
	}
	for name, items := range d.RuleSets {
		out.RuleSets[name] = wire.RuleSet{Name: name, RuleSetDetails: wire.RuleSetDetails{Items: items}}
	}
	return out
}

// certificateView returns a certificate without its secrets.
func certificateView(name string, c wire.CertificateDetails) wire.Certificate {
	return wire.Certificate{CertificateName: name, PublicCertificate: c.PublicCertificate, CACertificate: c.CACertificate}
}

// backendSetView returns a backend set.
func backendSetView(name string, d wire.BackendSetDetails) wire.BackendSet {
	out := wire.BackendSet{
		Name: name, Policy: d.Policy, HealthChecker: d.HealthChecker, BackendMaxConnections: d.BackendMaxConnections,
		SSLConfiguration: d.SSLConfiguration, Persistence: d.Persistence, Backends: make([]wire.Backend, len(d.Backends)),
	}
	for i := range d.Backends {
		out.Backends[i] = backendView(&d.Backends[i])
	}
	return out
}

// backendView returns a backend.
func backendView(d *wire.BackendDetails) wire.Backend {
	return wire.Backend{
		Name: d.Name(), IPAddress: d.IPAddress, Port: d.Port, Weight: d.Weight, Backup: d.Backup, Drain: d.Drain, Offline: d.Offline,
		MaxConnections: d.MaxConnections,
	}
}

// sorted returns the values of a map as a list, by name.
func sorted[V, W any](from map[string]V, view func(name string, v V) W) []W {
	names := make([]string, 0, len(from))
	for name := range from {
		names = append(names, name)
	}
	slices.SortFunc(names, strings.Compare)
	list := make([]W, len(names))
	for i, name := range names {
		list[i] = view(name, from[name])
	}
	return list
}
