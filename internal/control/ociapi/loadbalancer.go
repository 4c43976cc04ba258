package ociapi

import "lull/internal/control/ociapi/wire"

//nolint:gochecknoglobals // a table
var balancerReads = map[string]read{
	"GetLoadBalancer": ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return b.view(), nil }),
}

//nolint:gochecknoglobals // a table
var balancerChanges = map[string]change{
	createOperation: createLoadBalancer,
	deleteOperation: deleteLoadBalancer,
}

func createLoadBalancer(d *document, r *wire.Request) error {
	body := r.Body.(*wire.CreateLoadBalancerDetails)
	d.CompartmentID, d.DisplayName = body.CompartmentID, body.DisplayName
	d.ShapeName, d.ShapeDetails = body.ShapeName, body.ShapeDetails
	d.SubnetIDs, d.NetworkSecurityGroupIDs = body.SubnetIDs, body.NetworkSecurityGroupIDs
	d.IsPrivate, d.DeleteProtection = body.IsPrivate, body.IsDeleteProtectionEnabled
	d.RequestIDEnabled = body.IsRequestIDEnabled
	if body.RequestIDHeader != nil {
		d.RequestIDHeader = *body.RequestIDHeader
	}
	d.IPMode, d.ReservedIPs, d.Tags = body.IPMode, body.ReservedIPs, body.Tags
	for name, l := range body.Listeners {
		d.Listeners[name] = l
	}
	for name, set := range body.BackendSets {
		d.BackendSets[name] = set
	}
	for name, h := range body.Hostnames {
		d.Hostnames[name] = h.Hostname
	}
	for name, c := range ordered(body.Certificates) {
		kept, err := keptCertificate("certificates."+name+".", c)
		if err != nil {
			return err
		}
		d.Certificates[name] = kept
	}
	for name, suite := range body.SSLCipherSuites {
		d.CipherSuites[name] = suite.Ciphers
	}
	for name, set := range body.PathRouteSets {
		d.PathRouteSets[name] = set.PathRoutes
	}
	for name, set := range body.RuleSets {
		d.RuleSets[name] = set.Items
	}
	return nil
}

// deleteLoadBalancer says whether a load balancer may go; the worker takes it away.
func deleteLoadBalancer(*document, *wire.Request) error { return nil }
