package awselb

import (
	"context"
	"regexp"
	"slices"

	"lull/internal/control/awselb/query"
)

// Zones and subnets are names to lull: what is behind them is the administrator's affair, so that any are taken that could be
// names in AWS, also zones that are not the region's. A load balancer is in zones or in subnets for all its life. One in zones is
// told about as in EC2-Classic, one in subnets as in a VPC.

//nolint:gochecknoglobals // compiled once, read only
var (
	zoneName   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	subnetName = regexp.MustCompile(`^subnet-[A-Za-z0-9-]+$`)
)

func (s *Service) enableZones(ctx context.Context, r *query.EnableAvailabilityZonesForLoadBalancerRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if d.InSubnets {
			return invalid("AvailabilityZones", "You cannot enable Availability Zones for ELBs in VPC")
		}
		if err := d.addZones(r.AvailabilityZones); err != nil {
			return err
		}
		return s.place(d)
	})
	if err != nil {
		return nil, err
	}
	return query.AvailabilityZonesResult{AvailabilityZones: d.zones()}, nil
}

func (s *Service) disableZones(ctx context.Context, r *query.DisableAvailabilityZonesForLoadBalancerRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if d.InSubnets {
			return invalid("AvailabilityZones", "You cannot disable Availability Zones for ELBs in VPC")
		}
		if err := notEmpty("AvailabilityZones", r.AvailabilityZones); err != nil {
			return err
		}
		return d.removeNodes("Availability Zone", func(n node) bool { return slices.Contains(r.AvailabilityZones, n.Zone) })
	})
	if err != nil {
		return nil, err
	}
	return query.AvailabilityZonesResult{AvailabilityZones: d.zones()}, nil
}

func (s *Service) attachSubnets(ctx context.Context, r *query.AttachLoadBalancerToSubnetsRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if err := d.mustBeInSubnets(); err != nil {
			return err
		}
		if err := d.addSubnets(r.Subnets); err != nil {
			return err
		}
		return s.place(d)
	})
	if err != nil {
		return nil, err
	}
	return query.SubnetsResult{Subnets: d.subnets()}, nil
}

func (s *Service) detachSubnets(ctx context.Context, r *query.DetachLoadBalancerFromSubnetsRequest) (any, error) {
	d, err := s.change(ctx, r.LoadBalancerName, func(d *document) error {
		if err := d.mustBeInSubnets(); err != nil {
			return err
		}
		if err := notEmpty("Subnets", r.Subnets); err != nil {
			return err
		}
		return d.removeNodes("subnet", func(n node) bool { return slices.Contains(r.Subnets, n.Subnet) })
	})
	if err != nil {
		return nil, err
	}
	return query.SubnetsResult{Subnets: d.subnets()}, nil
}

// mustBeInSubnets refuses subnets to a load balancer in zones.
func (d *document) mustBeInSubnets() error {
	if d.InSubnets {
		return nil
	}
	return conflict("The load balancer '%s' was created with Availability Zones and cannot be attached to subnets: create another one with subnets", d.Name)
}

// addZones adds nodes, without addresses yet, in the zones where there are none.
func (d *document) addZones(zones []string) error {
	if err := notEmpty("AvailabilityZones", zones); err != nil {
		return err
	}
	for _, zone := range zones {
		if !zoneName.MatchString(zone) {
			return invalid("AvailabilityZones", "Invalid Availability Zone: %q: use letters, digits, dots, hyphens and underscores", zone)
		}
		if d.hasZone(zone) {
			continue
		}
		if len(d.Nodes) == zonesMax {
			return conflict("A load balancer has at most %d Availability Zones", zonesMax)
		}
		d.Nodes = append(d.Nodes, node{Zone: zone})
	}
	return nil
}

// addSubnets adds nodes, without zones and addresses yet, for the subnets that have none.
func (d *document) addSubnets(subnets []string) error {
	if err := notEmpty("Subnets", subnets); err != nil {
		return err
	}
	for _, subnet := range subnets {
		if !subnetName.MatchString(subnet) {
			return &query.Error{Code: query.SubnetNotFound, Field: "Subnets", Message: "The subnet ID '" + subnet +
				"' does not exist: ids have the form subnet-0123456789abcdef0"}
		}
		if slices.ContainsFunc(d.Nodes, func(n node) bool { return n.Subnet == subnet }) {
			continue
		}
		if len(d.Nodes) == zonesMax {
			return conflict("A load balancer has at most %d subnets", zonesMax)
		}
		d.Nodes = append(d.Nodes, node{Subnet: subnet})
	}
	return nil
}

// removeNodes removes nodes, but not the last.
func (d *document) removeNodes(kind string, gone func(n node) bool) error {
	d.Nodes = slices.DeleteFunc(d.Nodes, gone)
	if len(d.Nodes) == 0 {
		return conflict("The load balancer '%s' must keep at least one %s", d.Name, kind)
	}
	return nil
}

// place gives new nodes what they lack: a zone, an address, and their place in the order. REQUIRES: mu is held.
func (s *Service) place(d *document) error {
	if err := s.giveZones(d); err != nil {
		return err
	}
	if err := s.giveAddresses(d); err != nil {
		return err
	}
	d.sortNodes()
	return nil
}

// giveZones gives the nodes of new subnets zones that the load balancer does not have yet. A subnet is in one zone in AWS, so that
// the one comes first that it has with another load balancer; there it may have come to another all the same.
func (s *Service) giveZones(d *document) error {
	var known map[string]string
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.Zone == "" {
			if known == nil {
				known = s.subnetZones()
			}
			if zone := known[n.Subnet]; !d.hasZone(zone) {
				n.Zone = zone
			}
		}
	}
	for i := range d.Nodes {
		if n := &d.Nodes[i]; n.Zone == "" {
			free := slices.IndexFunc(s.o.Zones, func(zone string) bool { return !d.hasZone(zone) })
			if free < 0 {
				return conflict("The load balancer '%s' cannot be attached to multiple subnets in the same AZ: there are %d zones, and each has a subnet already",
					d.Name, len(s.o.Zones))
			}
			n.Zone = s.o.Zones[free]
		}
	}
	return nil
}

// subnetZones returns the zone of every subnet that is in use; where there are several, that of the first load balancer by name.
func (s *Service) subnetZones() map[string]string {
	zones := map[string]string{}
	state := s.state.Load()
	for _, name := range state.names {
		for _, n := range state.balancers[name].Nodes {
			if _, found := zones[n.Subnet]; !found && n.Subnet != "" {
				zones[n.Subnet] = n.Zone
			}
		}
	}
	return zones
}

func (d *document) hasZone(zone string) bool {
	return slices.ContainsFunc(d.Nodes, func(n node) bool { return n.Zone == zone })
}

// zones returns the zones in order, those of its subnets too.
func (d *document) zones() []string {
	zones := make([]string, len(d.Nodes))
	for i, n := range d.Nodes {
		zones[i] = n.Zone
	}
	return zones
}

// subnets returns the subnets in the order of their zones.
func (d *document) subnets() []string {
	var subnets []string
	for _, n := range d.Nodes {
		if n.Subnet != "" {
			subnets = append(subnets, n.Subnet)
		}
	}
	return subnets
}

// notEmpty refuses an empty list to an operation that would have nothing to do.
func notEmpty(field string, list []string) error {
	if len(list) == 0 {
		return invalid(field, "%s cannot be empty", field)
	}
	return nil
}
