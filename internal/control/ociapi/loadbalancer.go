package ociapi

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"lull/internal/control/ociapi/wire"
	"lull/internal/control/ocid"
)

//nolint:gochecknoglobals // a table
var balancerReads = map[string]read{
	"GetLoadBalancer":   ofBalancer(func(b *balancer, _ *wire.Request) (any, error) { return b.view(), nil }),
	"ListLoadBalancers": listLoadBalancers,
}

//nolint:gochecknoglobals // a table
var balancerChanges = map[string]change{
	createOperation:                 createLoadBalancer,
	deleteOperation:                 deleteLoadBalancer,
	"UpdateLoadBalancer":            updateLoadBalancer,
	"ChangeLoadBalancerCompartment": changeCompartment,
	"UpdateLoadBalancerShape":       updateShape,
	"UpdateNetworkSecurityGroups":   updateNetworkSecurityGroups,
}

// defaultRequestIDHeader is the header of request ids unless another one is asked for.
const defaultRequestIDHeader = "X-Request-Id"

func createLoadBalancer(d *document, r *wire.Request) error {
	body := r.Body.(*wire.CreateLoadBalancerDetails)
	d.CompartmentID, d.DisplayName = body.CompartmentID, body.DisplayName
	d.setShape(body.ShapeName, body.ShapeDetails)
	d.SubnetIDs, d.NetworkSecurityGroupIDs = body.SubnetIDs, body.NetworkSecurityGroupIDs
	d.IsPrivate, d.DeleteProtection = body.IsPrivate, body.IsDeleteProtectionEnabled
	d.RequestIDEnabled, d.RequestIDHeader = body.IsRequestIDEnabled, defaultRequestIDHeader
	replaceGiven(&d.RequestIDHeader, body.RequestIDHeader)
	d.IPMode, d.ReservedIPs, d.Tags = body.IPMode, body.ReservedIPs, body.Tags
	maps.Copy(d.Listeners, body.Listeners)
	maps.Copy(d.BackendSets, body.BackendSets)
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

// updateLoadBalancer changes what is given and leaves the rest. A mode needs an address of its family, which is given when the load
// balancer is made: nobody expects listeners to move by an update.
func updateLoadBalancer(d *document, r *wire.Request) error {
	body := r.Body.(*wire.UpdateLoadBalancerDetails)
	if body.IPMode != nil && *body.IPMode != d.IPMode {
		return invalid("ipMode", "ipMode '%s' is not allowed: load balancer %s has %s and keeps it; create another one", *body.IPMode, d.ID, d.IPMode)
	}
	replaceGiven(&d.DisplayName, body.DisplayName)
	replaceGiven(&d.DeleteProtection, body.IsDeleteProtectionEnabled)
	replaceGiven(&d.RequestIDEnabled, body.IsRequestIDEnabled)
	replaceGiven(&d.RequestIDHeader, body.RequestIDHeader)
	if body.ReservedIPs != nil {
		d.ReservedIPs = body.ReservedIPs
	}
	if body.FreeformTags != nil {
		d.Tags.FreeformTags = body.FreeformTags
	}
	if body.DefinedTags != nil {
		d.Tags.DefinedTags = body.DefinedTags
	}
	if body.SecurityAttributes != nil {
		d.Tags.SecurityAttributes = body.SecurityAttributes
	}
	return nil
}

// replaceGiven sets a field to what a request gives, if it does.
func replaceGiven[V any](field, given *V) {
	if given != nil {
		*field = *given
	}
}

func changeCompartment(d *document, r *wire.Request) error {
	d.CompartmentID = r.Body.(*wire.ChangeLoadBalancerCompartmentDetails).CompartmentID
	return nil
}

func updateShape(d *document, r *wire.Request) error {
	body := r.Body.(*wire.UpdateLoadBalancerShapeDetails)
	d.setShape(body.ShapeName, body.ShapeDetails)
	return nil
}

// setShape sets a shape. A fixed one has its bandwidth in its name, and what is given beside it means nothing.
func (d *document) setShape(name string, details *wire.ShapeDetails) {
	d.ShapeName, d.ShapeDetails = name, nil
	if name == shapeFlexible {
		d.ShapeDetails = details
	}
}

// updateNetworkSecurityGroups replaces the groups. A list that is not given replaces nothing: only an empty one takes them away.
func updateNetworkSecurityGroups(d *document, r *wire.Request) error {
	if groups := r.Body.(*wire.UpdateNetworkSecurityGroupsDetails).NetworkSecurityGroupIDs; groups != nil {
		d.NetworkSecurityGroupIDs = groups
	}
	return nil
}

// deleteLoadBalancer says whether a load balancer may go; the worker takes it away. Protection is for what may have traffic: one
// that could not be created has none.
func deleteLoadBalancer(d *document, _ *wire.Request) error {
	if d.DeleteProtection && len(d.Listeners) > 0 && d.State != stateFailed {
		// Not IncorrectState, which SDKs repeat by themselves: somebody has to decide.
		return refuse(wire.Conflict, "", "Load balancer %s is protected from deletion (isDeleteProtectionEnabled) and has listeners: "+
			"delete its listeners first, or switch the protection off", d.ID)
	}
	return nil
}

// checkOutside holds what a load balancer names of Oracle's network to the form of its names. lull has no registry of groups and
// reserved addresses: every name of the right kind is taken to be there. Subnets have to be named, though nobody who has no Oracle
// cloud has one: any text does.
func checkOutside(_ *Service, d *document) error {
	if err := checkOCIDs("networkSecurityGroupIds", d.NetworkSecurityGroupIDs, "networksecuritygroup"); err != nil {
		return err
	}
	for i, ip := range d.ReservedIPs {
		field := "reservedIps[" + strconv.Itoa(i) + "].id"
		switch {
		case ip.ID == nil:
			return refuse(wire.MissingParameter, field, "%s is required", field)
		case !ocid.Is("publicip", *ip.ID) && !ocid.Is("privateip", *ip.ID) && !ocid.Is("ipv6", *ip.ID):
			return invalid(field, "%s '%s' is not allowed: use the OCID of a publicip, a privateip or an ipv6", field, *ip.ID)
		}
	}
	return nil
}

// checkOCIDs refuses a list in which there is something else than OCIDs of a kind, or one twice.
func checkOCIDs(field string, ids []string, kind string) error {
	for i, id := range ids {
		at := field + "[" + strconv.Itoa(i) + "]"
		switch {
		case !ocid.Is(kind, id):
			return invalid(at, "%s '%s' is not allowed: use the OCID of a %s, such as ocid1.%s.oc1.lull-1.example", at, id, kind, kind)
		case slices.Contains(ids[:i], id):
			return invalid(at, "%s '%s' is in the list more than once", at, id)
		}
	}
	return nil
}

// checkCompartment refuses a compartment that is named in a request and cannot be the caller's. lull has no registry of compartments:
// its own tenancy, the caller's and everything that has the form of a compartment's OCID are there, and hold what was put in them.
func (s *Service) checkCompartment(c *Call) error {
	id, named := compartmentIn(c.Request)
	if !named || id == s.o.Tenancy() || id == c.Tenancy && id != "" || ocid.Is("compartment", id) {
		return nil
	}
	return wire.Hidden()
}

// compartmentIn returns the compartment that a request names, if it does.
func compartmentIn(r *wire.Request) (id string, named bool) {
	switch query := r.Query.(type) {
	case *wire.CompartmentQuery:
		return query.CompartmentID, true
	case *wire.ListLoadBalancersQuery:
		return query.CompartmentID, true
	}
	switch body := r.Body.(type) {
	case *wire.CreateLoadBalancerDetails:
		return body.CompartmentID, true
	case *wire.ChangeLoadBalancerCompartmentDetails:
		return body.CompartmentID, true
	}
	return "", false
}

// listLoadBalancers answers with a page of a compartment's load balancers, those of compartments within it left out as the API does.
func listLoadBalancers(s *Service, r *wire.Request) (Answer, error) {
	query := r.Query.(*wire.ListLoadBalancersQuery)
	order, key := balancerOrder(query)
	var list []keyed
	for _, b := range s.state.Load().balancers {
		if wanted(b, query) {
			list = append(list, keyed{key(b), b})
		}
	}
	slices.SortFunc(list, func(a, b keyed) int { return order.Compare(a.key, b.key) })
	page, next, err := wire.Paginate(order, list, query.PageQuery)
	if err != nil {
		return Answer{}, err
	}
	result := make([]wire.Encoded, len(page))
	for i, b := range page {
		if result[i], err = b.looks.get(query.Detail == "simple", b.document); err != nil {
			return Answer{}, err
		}
	}
	return Answer{Result: result, NextPage: next}, nil
}

// keyed is a load balancer with its place in a list.
type keyed struct {
	key string
	*balancer
}

// wanted reports whether a query is about a load balancer.
func wanted(b *balancer, q *wire.ListLoadBalancersQuery) bool {
	return b.CompartmentID == q.CompartmentID &&
		(q.DisplayName == nil || *q.DisplayName == b.DisplayName) &&
		(q.LifecycleState == nil || *q.LifecycleState == b.State)
}

// balancerOrder returns the order of a list and the keys in it: by time or by name, and by OCID where these are the same.
func balancerOrder(q *wire.ListLoadBalancersQuery) (order wire.Order[keyed], key func(*balancer) string) {
	parts := []string{"ListLoadBalancers", q.CompartmentID, q.SortBy, *q.SortOrder}
	for _, filter := range []*string{q.DisplayName, q.LifecycleState} {
		if filter == nil {
			parts = append(parts, "")
		} else {
			parts = append(parts, "="+*filter)
		}
	}
	order = wire.Order[keyed]{Scope: strings.Join(parts, "\x00"), Key: func(k keyed) string { return k.key }, Compare: strings.Compare}
	if *q.SortOrder == "DESC" {
		order.Compare = func(a, b string) int { return strings.Compare(b, a) }
	}
	if q.SortBy == "DISPLAYNAME" {
		return order, func(b *balancer) string { return b.DisplayName + "\x00" + b.ID }
	}
	return order, func(b *balancer) string { return b.Created.Format("20060102150405.000") + b.ID }
}
