package awselb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"lull/internal/control/awselb/query"
)

// hostedZoneID stands for the Route 53 zone in which AWS has the names of a region's load balancers. lull has none; clients want an id.
const hostedZoneID = "Z0000LULLCLASSICELB"

func (s *Service) createLoadBalancer(ctx context.Context, r *query.CreateLoadBalancerRequest) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.newBalancer(r)
	if err != nil {
		return nil, err
	}
	balancers := s.state.Load().balancers
	if old := balancers[d.Name]; old != nil {
		// A repeat that asks for what there is succeeds, as a client needs whose first answer was lost.
		if !old.asCreated(d) {
			return nil, &query.Error{Code: query.DuplicateLoadBalancerName, Field: "LoadBalancerName",
				Message: "The specified load balancer name already exists for this account: " + d.Name}
		}
		return query.CreateLoadBalancerResult{DNSName: old.DNSName}, nil
	}
	if len(balancers) >= balancersMax {
		return nil, &query.Error{Code: query.TooManyLoadBalancers, Message: fmt.Sprintf(
			"The quota for the number of load balancers has been reached: %d are allowed", balancersMax)}
	}
	if err = s.place(d); err != nil {
		return nil, err
	}
	if d.DNSName, err = s.newDNSName(d.Name, d.Scheme); err != nil {
		return nil, err
	}
	if err = s.put(ctx, d, nil); err != nil {
		return nil, err
	}
	return query.CreateLoadBalancerResult{DNSName: d.DNSName}, nil
}

// newBalancer returns what a request asks for, without what does not come from it: addresses, the zones of subnets and the DNS name.
func (s *Service) newBalancer(r *query.CreateLoadBalancerRequest) (*document, error) {
	d := newDocument(r.LoadBalancerName)
	d.Created = s.o.Now().UTC().Truncate(time.Millisecond)
	d.Scheme = query.SchemeInternetFacing
	if r.Scheme != nil {
		d.Scheme = *r.Scheme
	}
	if err := d.setPlaces(r); err != nil {
		return nil, err
	}
	if err := d.setSecurityGroups(r.SecurityGroups); err != nil {
		return nil, err
	}
	if err := d.addTags(r.Tags); err != nil {
		return nil, err
	}
	if len(r.Listeners) == 0 {
		return nil, invalid("Listeners", "Listeners cannot be empty")
	}
	return d, s.addListeners(d, listenersOf(r.Listeners))
}

// setPlaces puts a new load balancer into the zones or the subnets of a request.
func (d *document) setPlaces(r *query.CreateLoadBalancerRequest) error {
	switch {
	case len(r.AvailabilityZones) > 0 && len(r.Subnets) > 0:
		return invalid("Subnets", "Only one of SubnetIds or AvailabilityZones may be specified")
	case len(r.Subnets) > 0:
		d.InSubnets = true
		return d.addSubnets(r.Subnets)
	case len(r.AvailabilityZones) > 0:
		return d.addZones(r.AvailabilityZones)
	}
	return invalid("AvailabilityZones", "Either AvailabilityZones or SubnetIds must be specified")
}

// asCreated says whether a load balancer is what a request asks for: n is what newBalancer has returned.
func (d *document) asCreated(n *document) bool {
	places := func(d *document) []string {
		if d.InSubnets {
			return slices.Sorted(slices.Values(d.subnets()))
		}
		return slices.Sorted(slices.Values(d.zones()))
	}
	return d.Scheme == n.Scheme && d.InSubnets == n.InSubnets && slices.Equal(places(d), places(n)) &&
		slices.Equal(d.SecurityGroups, n.SecurityGroups) && maps.Equal(d.Tags, n.Tags) &&
		slices.EqualFunc(d.Listeners, n.Listeners, func(a, b listener) bool { return a.same(&b) })
}

func (s *Service) deleteLoadBalancer(ctx context.Context, r *query.DeleteLoadBalancerRequest) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.find(r.LoadBalancerName)
	if err != nil {
		var refusal *query.Error
		if errors.As(err, &refusal) && refusal.Code == query.LoadBalancerNotFound {
			return query.Empty{}, nil // what should not be there is not there
		}
		return nil, err
	}
	return query.Empty{}, s.remove(ctx, old)
}

func (s *Service) describeLoadBalancers(r *query.DescribeLoadBalancersRequest) (any, error) {
	state := s.state.Load()
	names := state.names
	if len(r.LoadBalancerNames) > 0 {
		names = slices.Compact(slices.Sorted(slices.Values(r.LoadBalancerNames)))
	}
	for _, name := range names {
		if state.balancers[name] == nil {
			return nil, s.notFound(name)
		}
	}
	page, next, err := query.Paginate("DescribeLoadBalancers", names, func(name string) string { return name }, r.Marker, r.PageSize)
	if err != nil {
		return nil, err
	}
	result := query.DescribeLoadBalancersResult{NextMarker: next}
	for _, name := range page {
		result.LoadBalancerDescriptions = append(result.LoadBalancerDescriptions, state.balancers[name].describe(s.o.Account))
	}
	return result, nil
}

// describe tells all there is to tell. There is no VPCId: clients that see one ask EC2 about it.
func (d *document) describe(account string) query.LoadBalancerDescription {
	h := d.HealthCheck
	t := query.LoadBalancerDescription{
		LoadBalancerName:          d.Name,
		DNSName:                   d.DNSName,
		CanonicalHostedZoneNameID: new(hostedZoneID),
		Policies:                  d.describePolicies(),
		AvailabilityZones:         d.zones(),
		Subnets:                   d.subnets(),
		HealthCheck: query.HealthCheck{Target: h.Target, Interval: h.Interval, Timeout: h.Timeout,
			UnhealthyThreshold: h.UnhealthyThreshold, HealthyThreshold: h.HealthyThreshold},
		SourceSecurityGroup: d.sourceSecurityGroup(account),
		SecurityGroups:      d.SecurityGroups,
		CreatedTime:         d.Created,
		Scheme:              d.Scheme,
	}
	if d.Scheme != query.SchemeInternal {
		t.CanonicalHostedZoneName = new(d.DNSName)
	}
	for i := range d.Listeners {
		t.ListenerDescriptions = append(t.ListenerDescriptions, d.Listeners[i].describe())
	}
	for _, port := range slices.Sorted(maps.Keys(d.BackendPolicies)) {
		if names := d.BackendPolicies[port]; len(names) > 0 {
			t.BackendServerDescriptions = append(t.BackendServerDescriptions, query.BackendServerDescription{InstancePort: port, PolicyNames: names})
		}
	}
	for _, i := range d.Instances {
		t.Instances = append(t.Instances, query.Instance{InstanceID: i.ID})
	}
	return t
}

func (l *listener) describe() query.ListenerDescription {
	t := query.ListenerDescription{
		Listener:    query.Listener{Protocol: l.Protocol, LoadBalancerPort: l.Port, InstanceProtocol: &l.InstanceProtocol, InstancePort: l.InstancePort},
		PolicyNames: l.Policies,
	}
	if l.secure() {
		t.Listener.SSLCertificateID = &l.CertificateID
	}
	return t
}

// describePolicies returns the policies by kind. A cookie that lasts as long as the browser has no period here.
func (d *document) describePolicies() query.Policies {
	var t query.Policies
	for i := range d.Policies {
		p := &d.Policies[i]
		switch p.Type {
		case typeAppCookie:
			t.AppCookieStickinessPolicies = append(t.AppCookieStickinessPolicies,
				query.AppCookieStickinessPolicy{PolicyName: p.Name, CookieName: p.value(attributeCookieName)})
		case typeLBCookie:
			cookie := query.LBCookieStickinessPolicy{PolicyName: p.Name}
			if period, err := strconv.ParseInt(p.value(attributeCookiePeriod), 10, 64); err == nil && period > 0 {
				cookie.CookieExpirationPeriod = &period
			}
			t.LBCookieStickinessPolicies = append(t.LBCookieStickinessPolicies, cookie)
		default:
			t.OtherPolicies = append(t.OtherPolicies, p.Name)
		}
	}
	return t
}
