package ociapi

import (
	"maps"
	"slices"
	"strings"

	"lull/internal/control/ociapi/wire"
)

//nolint:gochecknoglobals // a table
var healthReads = map[string]read{
	"GetLoadBalancerHealth":   ofHealth(func(s *Service, b *balancer, _ *wire.Request) (any, error) { return s.balancerHealth(b), nil }),
	"ListLoadBalancerHealths": listLoadBalancerHealths,
	"GetBackendSetHealth":     ofHealth(getBackendSetHealth),
	"GetBackendHealth":        ofHealth(getBackendHealth),
}

// ofHealth makes a read of one load balancer's health, which is as of this moment: Oracle's is up to three minutes old.
func ofHealth(f func(s *Service, b *balancer, r *wire.Request) (any, error)) read {
	return func(s *Service, r *wire.Request) (Answer, error) {
		return ofBalancer(func(b *balancer, r *wire.Request) (any, error) { return f(s, b, r) })(s, r)
	}
}

func getBackendSetHealth(s *Service, b *balancer, r *wire.Request) (any, error) {
	name := r.Parameters[wire.BackendSetName]
	return child(b.document, "backend set", b.BackendSets, name, func(string, wire.BackendSetDetails) wire.BackendSetHealth {
		return s.setHealth(b.document, name, b.attached())
	})
}

func getBackendHealth(s *Service, b *balancer, r *wire.Request) (any, error) {
	set, name := r.Parameters[wire.BackendSetName], r.Parameters[wire.BackendName]
	details, found := b.BackendSets[set]
	if !found {
		return nil, wire.NoSuchChild(b.ID, "backend set", set)
	}
	i := slices.IndexFunc(details.Backends, func(d wire.BackendDetails) bool { return d.Name() == name })
	if i < 0 {
		return nil, wire.NoSuchChild(b.ID, "backend", name)
	}
	results := s.backendResults(b.document, set, &details.Backends[i])
	return wire.BackendHealth{Status: backendStatus(results), HealthCheckResults: results}, nil
}

// listLoadBalancerHealths tells the state of each load balancer of a compartment, by OCID.
func listLoadBalancerHealths(s *Service, r *wire.Request) (Answer, error) {
	query := r.Query.(*wire.CompartmentQuery)
	all := s.state.Load().balancers
	var list []*balancer
	for _, id := range slices.Sorted(maps.Keys(all)) {
		if b := all[id]; b.CompartmentID == query.CompartmentID {
			list = append(list, b)
		}
	}
	order := wire.Order[*balancer]{
		Scope: "ListLoadBalancerHealths " + query.CompartmentID, Key: func(b *balancer) string { return b.ID }, Compare: strings.Compare,
	}
	page, next, err := wire.Paginate(order, list, query.PageQuery)
	if err != nil {
		return Answer{}, err
	}
	healths := make([]wire.LoadBalancerHealthSummary, len(page))
	for i, b := range page {
		healths[i] = wire.LoadBalancerHealthSummary{LoadBalancerID: b.ID, Status: s.balancerHealth(b).Status}
	}
	return Answer{Result: healths, NextPage: next}, nil
}

// The results of probes that mean something to the roll-up.
const (
	resultOK      = "OK"
	resultUnknown = "UNKNOWN"
	resultOffline = "OFFLINE"
)

// backendResults returns the last result of each prober, none before the first.
func (s *Service) backendResults(d *document, set string, b *wire.BackendDetails) []wire.HealthCheckResult {
	if b.Offline {
		return s.offlineResults(d)
	}
	found := s.o.Health.Results(d.backendKey(set, b))
	list := make([]wire.HealthCheckResult, 0, len(found))
	for _, f := range found {
		if f.At.IsZero() {
			continue // that prober has not looked yet
		}
		r := wire.HealthCheckResult{Timestamp: f.At, HealthCheckStatus: f.Code, SourceIPAddress: d.source()}
		if f.Source.IsValid() {
			r.SourceIPAddress = f.Source.String()
		}
		list = append(list, r)
	}
	return list
}

// offlineResults are those of a backend that is offline. It may be well, but that is not what matters.
func (s *Service) offlineResults(d *document) []wire.HealthCheckResult {
	r := wire.HealthCheckResult{Timestamp: s.o.Now().UTC(), HealthCheckStatus: resultOffline, SourceIPAddress: d.source()}
	return slices.Repeat([]wire.HealthCheckResult{r}, probers)
}

// source is where probes come from as far as anybody outside can tell, where the prober itself does not know.
func (d *document) source() string {
	if len(d.Addresses) == 0 {
		return ""
	}
	return d.Addresses[0].String()
}

// backendStatus is the state of a backend by what its probers have found.
func backendStatus(results []wire.HealthCheckResult) string {
	well := 0
	for i := range results {
		switch results[i].HealthCheckStatus {
		case resultOK:
			well++
		case resultUnknown:
			return wire.HealthUnknown
		}
	}
	switch {
	case len(results) < probers: // one of them has nothing to say yet
		return wire.HealthUnknown
	case well == len(results):
		return wire.HealthOK
	case well == 0:
		return wire.HealthCritical
	}
	return wire.HealthWarning
}

// tally counts states and names those that are not OK, in the order in which they come.
type tally struct {
	total                      int
	warning, critical, unknown []string
}

func (t *tally) add(name, status string) {
	t.total++
	switch status {
	case wire.HealthWarning:
		t.warning = append(t.warning, name)
	case wire.HealthCritical:
		t.critical = append(t.critical, name)
	case wire.HealthUnknown:
		t.unknown = append(t.unknown, name)
	}
}

// ok counts those that are.
func (t *tally) ok() int { return t.total - len(t.warning) - len(t.critical) - len(t.unknown) }

// mostlyUnknown reports whether more than half are unknown, or whether there is nothing.
func mostlyUnknown(total, unknown int) bool { return total == 0 || 2*unknown > total }

// setHealth rolls up the backends of a set. That most are unknown comes before that few are well, as recorded of new sets.
func (s *Service) setHealth(d *document, name string, attached map[string]bool) wire.BackendSetHealth {
	var t tally
	backends := d.BackendSets[name].Backends
	for i := range backends {
		t.add(backends[i].Name(), backendStatus(s.backendResults(d, name, &backends[i])))
	}
	out := wire.BackendSetHealth{
		WarningStateBackendNames: t.warning, CriticalStateBackendNames: t.critical, UnknownStateBackendNames: t.unknown, TotalBackendCount: t.total,
	}
	out.Status = setStatus(attached[name], t.total, t.ok(), len(t.unknown))
	return out
}

// setStatus is the state of a set of which so many backends are well and unknown.
func setStatus(attached bool, total, ok, unknown int) string {
	switch {
	case !attached || mostlyUnknown(total, unknown):
		return wire.HealthUnknown
	case ok >= total:
		return wire.HealthOK
	case 2*ok < total:
		return wire.HealthCritical
	}
	return wire.HealthWarning
}

// attached returns the backend sets that get traffic from a listener, by default or by what routes its requests.
func (d *document) attached() map[string]bool {
	sets := map[string]bool{}
	for _, l := range d.Listeners {
		sets[l.DefaultBackendSetName] = true
		if l.PathRouteSetName != nil {
			for _, route := range d.PathRouteSets[*l.PathRouteSetName] {
				sets[route.BackendSetName] = true
			}
		}
		if l.RoutingPolicyName == nil {
			continue
		}
		for _, rule := range d.RoutingPolicies[*l.RoutingPolicyName].Rules {
			for _, action := range rule.Actions {
				sets[action.BackendSetName] = true
			}
		}
	}
	return sets
}

// balancerHealth rolls up the backend sets of a load balancer. Here one that is not well comes before that most are unknown. A few
// unknown ones among others that are well change nothing: the API's text has no other state for that, though the Console shows a warning.
// The backends are counted already: a compartment has hundreds of thousands.
func (s *Service) balancerHealth(b *balancer) wire.LoadBalancerHealth {
	var t tally
	attached := b.attached()
	for name := range ordered(b.BackendSets) {
		n, total := s.o.Health.Tally(b.setKey(name)), len(b.BackendSets[name].Backends)
		t.add(name, setStatus(attached[name], total, n.OK, total-n.OK-n.NotOK))
	}
	out := wire.LoadBalancerHealth{
		WarningStateBackendSetNames: t.warning, CriticalStateBackendSetNames: t.critical, UnknownStateBackendSetNames: t.unknown, TotalBackendSetCount: t.total,
	}
	switch {
	case b.State != stateActive || t.total == 0:
		out.Status = wire.HealthUnknown
	case len(t.critical) > 0:
		out.Status = wire.HealthCritical
	case len(t.warning) > 0:
		out.Status = wire.HealthWarning
	case mostlyUnknown(t.total, len(t.unknown)):
		out.Status = wire.HealthUnknown
	default:
		out.Status = wire.HealthOK
	}
	return out
}
