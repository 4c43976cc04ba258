package ociapi

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
)

// compile makes a document's part of the plan. A port is one listener of the plan on each address, whatever the number of
// listeners that share it: these are its sites.
//
// What is outside may have gone since the document was accepted. A listener without its certificate is left out: to refuse would
// keep lull from starting, and every other load balancer with it.
//
// An error is a *wire.Error if the document cannot be, and *notYet if nothing else is wrong with it than that it asks for
// what lull does not do.
//
// REQUIRES: mu is held, or nobody else knows the service yet.
func (s *Service) compile(d *document) (*plan.LoadBalancer, error) {
	out := &plan.LoadBalancer{Name: d.PlanName, Origin: plan.OriginOCI}
	sets := map[string]*plan.BackendSet{}
	for name := range ordered(d.BackendSets) {
		set, err := s.backendSet(d, name)
		if err != nil {
			return nil, err
		}
		sets[name] = set
		out.BackendSets = append(out.BackendSets, set)
	}
	var later error
	for _, group := range d.ports() {
		switch l, err := s.listener(d, group, sets); {
		case isNotYet(err):
			later = err
		case err != nil:
			return nil, err
		case l != nil:
			out.Listeners = append(out.Listeners, d.onEachAddress(l)...)
		}
	}
	return out, later
}

func isNotYet(err error) bool {
	var later *notYet
	return errors.As(err, &later)
}

// named is a listener with its name.
type named struct {
	name string
	*wire.ListenerDetails
}

func (l *named) http() bool { return l.Protocol == wire.ProtocolHTTP }

// ports returns the listeners by port. Of those that share one the first is the one without hostnames, which takes the requests that
// are nobody else's; if each has some, the first by name does.
func (d *document) ports() [][]named {
	at := map[int]int{} // port → its place in groups
	var groups [][]named
	for name, l := range ordered(d.Listeners) {
		i, found := at[l.Port]
		if !found {
			i = len(groups)
			at[l.Port] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], named{name, &l})
	}
	for _, group := range groups {
		slices.SortStableFunc(group, func(a, b named) int { return min(len(a.HostnameNames), 1) - min(len(b.HostnameNames), 1) })
	}
	return groups
}

// onEachAddress returns a listener on each address of the load balancer. On the first it has its name.
func (d *document) onEachAddress(l *plan.Listener) []*plan.Listener {
	list := make([]*plan.Listener, len(d.Addresses))
	for i, a := range d.Addresses {
		c := *l
		c.Address = netip.AddrPortFrom(a, l.Address.Port())
		if i > 0 {
			c.Key.Name += "@" + a.String() // no name that clients can give has an @
		}
		list[i] = &c
	}
	return list
}

// listener compiles the listeners of a port, but for the address. It is nil if none of them can be served.
func (s *Service) listener(d *document, group []named, sets map[string]*plan.BackendSet) (*plan.Listener, error) {
	for i := range group {
		if err := servable(&group[i]); err != nil {
			return nil, err
		}
	}
	group, tls, err := s.secured(d, group)
	if err != nil || len(group) == 0 {
		return nil, err
	}
	first := &group[0]
	set, err := d.setOf(first, sets)
	if err != nil {
		return nil, err
	}
	out := &plan.Listener{
		Key:      plan.ListenerKey{LoadBalancer: d.PlanName, Name: first.name},
		Address:  netip.AddrPortFrom(netip.Addr{}, uint16(first.Port)), // the API allows 1 to 65535
		Timeouts: first.timeouts(), BackendSet: set, TLS: tls,
	}
	if !first.http() {
		out.ProxySend, out.ProxyName = first.proxy()
		return out, nil
	}
	out.Key.Name = portName(first.Port)
	out.Protocol, out.StaleRetry, out.Answers = plan.HTTP, timeout.StaleRetryDefault, answers
	return out, d.addSites(out, group, sets)
}

// portName is what a port for HTTP goes by in the plan. Its connections are those of all listeners that share it: were it named after
// one of them, the connections of the others would drain when that one goes, or when another becomes the first. No name that clients
// can give has a colon.
func portName(port int) string { return "http:" + strconv.Itoa(port) }

// answers are the statuses of Oracle's load balancer where they are not those of the timeout rules.
//
//nolint:gochecknoglobals // a constant
var answers = plan.Answers{NoBackend: 502, Refused: 504, TooLarge: 400, NoIdentity: 400}

// servable says whether the data plane can do a listener. Which ones can share a port has been checked by then (checkPorts).
func servable(l *named) error {
	if l.Protocol != wire.ProtocolHTTP2 && l.Protocol != wire.ProtocolGRPC {
		return nil
	}
	return &notYet{invalid("protocol", "Listener '%s' has protocol %s, which lull does not serve yet: use HTTP, or TCP, which passes everything on",
		l.name, l.Protocol)}
}

// setOf returns the backend set that a listener has when nothing else decides.
func (d *document) setOf(l *named, sets map[string]*plan.BackendSet) (*plan.BackendSet, error) {
	set := sets[l.DefaultBackendSetName]
	if set == nil {
		return nil, invalid("defaultBackendSetName", "Load balancer %s has no backend set named '%s', which listener '%s' names", d.ID, l.DefaultBackendSetName, l.name)
	}
	return set, nil
}

// timeouts returns the one timeout that the API has, among Oracle's that cannot be set and lull's own.
func (l *named) timeouts() timeout.Settings {
	return timeout.Settings{
		Model: timeout.Directional, Idle: idleOf(l.ListenerDetails),
		FrontKeepalive: timeout.FrontKeepaliveDefault, FrontRequestsMax: timeout.FrontRequestsMaxDefault, BackKeepalive: timeout.BackKeepaliveDefault,
		Connect: timeout.ConnectDefault, Handshake: timeout.HandshakeDefault, RequestHead: timeout.RequestHeadDefault, Drain: timeout.DrainDefault,
	}
}

// proxy returns the version of the PROXY header that backends get, 0 for none, and whether it tells them the name that the client
// has asked for.
func (l *named) proxy() (version uint8, authority bool) {
	c := l.ConnectionConfiguration
	if c.BackendTCPProxyProtocolVersion == nil {
		return 0, false
	}
	return uint8(*c.BackendTCPProxyProtocolVersion), len(c.BackendTCPProxyProtocolOptions) > 0 // 1 or 2; there is one option
}

// addSites compiles the listeners of a port to the sites of its listener in the plan. What holds for a connection before it is known
// for which of them its requests are is the widest head and the strictest bound of them all.
func (d *document) addSites(out *plan.Listener, group []named, sets map[string]*plan.BackendSet) error {
	var hosts []rules.HostName
	for i := range group {
		l := &group[i]
		r, err := d.ruled(l.name, l.ListenerDetails, sets)
		if err != nil {
			return err
		}
		out.Sites = append(out.Sites, r.site)
		out.HeadMax = max(out.HeadMax, r.headMax)
		out.Caps = jointCaps(out.Caps, r.caps)
		for _, host := range r.hosts {
			hosts = append(hosts, rules.HostName{Name: host, Target: i})
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	found, err := rules.NewHosts(hosts)
	if err != nil {
		return invalid("hostnameNames", "The listeners of port %d: %s", group[0].Port, err)
	}
	out.Hosts = found
	return nil
}
