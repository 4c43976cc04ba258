package awselb

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// weight is every backend's: the Classic Load Balancer has none.
const weight = 1

// compile makes a document's part of the plan: of each listener one on every node, with a backend set of its own, as every node of
// AWS chooses and probes by itself. All registered instances are in every set, so that what changes a node's share of them
// (zones, cross-zone load balancing) moves no open connection and no result of a health check.
//
// What is outside may have gone since the document was accepted. An instance without an address is left out, and so is a
// listener without its certificate: to refuse would keep lull from starting, and every other load balancer with it.
func (s *Service) compile(d *document) (*plan.LoadBalancer, error) {
	common, err := s.common(d)
	if err != nil {
		return nil, err
	}
	out := &plan.LoadBalancer{Name: d.planName(), Origin: plan.OriginELB}
	left := func(l *listener, why error) {
		s.o.Log.Error(notServed(why), "load_balancer", d.Name, "listener", l.name(), "port", l.Port, "certificate", l.CertificateID, "error", why)
	}
	for _, l := range s.served(d, left) {
		front := d.front(l, s.o.HeadMax)
		back := clientTLS(d, l.listener)
		for i := range d.Nodes {
			n := &d.Nodes[i]
			set := common.set(l.listener, n)
			set.TLS = back
			pl := *front
			pl.Key = plan.ListenerKey{LoadBalancer: out.Name, Name: nameOf(l.listener, n)}
			pl.Address = netip.AddrPortFrom(n.Address, uint16(l.Port)) // the API allows 1 to 65535
			pl.BackendSet = set
			out.Listeners = append(out.Listeners, &pl)
			out.BackendSets = append(out.BackendSets, set)
		}
	}
	return out, nil
}

// nameOf returns the name of a listener on a node, and of its backend set.
func nameOf(l *listener, n *node) string { return l.name() + "." + n.Zone }

// name returns the listener's name, "http-80", which is unique in its load balancer as its port is.
func (l *listener) name() string {
	return strings.ToLower(l.Protocol) + "-" + strconv.Itoa(int(l.Port))
}

// servedListener is a listener that can be served, with how it secures its clients' connections.
type servedListener struct {
	*listener
	tls *plan.ServerTLS // nil: plain
}

// served returns the listeners that can be served: all of them, unless what one needs for TLS has gone. It tells of those that
// it leaves out.
func (s *Service) served(d *document, tell func(l *listener, why error)) []servedListener {
	list := make([]servedListener, 0, len(d.Listeners))
	for i := range d.Listeners {
		l := &d.Listeners[i]
		tls, err := s.serverTLS(d, l)
		if err != nil {
			tell(l, err)
			continue
		}
		list = append(list, servedListener{l, tls})
	}
	return list
}

// notServed says of a listener that is left out what to do about it.
func notServed(err error) string {
	if errors.Is(err, errGone) {
		return "a listener is not served: import its certificate again with `lull certs import`, or give it another one"
	}
	return "a listener is not served: give it another SSL policy"
}

// errGone says that lull's store does not have a certificate any more.
var errGone = errors.New("does not exist")

// serverTLS compiles how a listener secures its clients' connections; nil is not at all.
func (s *Service) serverTLS(d *document, l *listener) (*plan.ServerTLS, error) {
	if !l.secure() {
		return nil, nil
	}
	holder, found := s.o.Certificates.Holder(l.CertificateID)
	if !found {
		return nil, fmt.Errorf("certificate %s: %w", l.CertificateID, errGone)
	}
	policy, err := d.sslPolicy(l)
	if err != nil {
		return nil, err
	}
	return &plan.ServerTLS{Certificates: holder, Policy: policy, ALPN: alpn(l.http())}, nil
}

// front compiles what is the same of a listener on every node.
func (d *document) front(l servedListener, headMax int) *plan.Listener {
	out := &plan.Listener{Timeouts: d.timeouts(), TLS: l.tls}
	switch {
	case l.http():
		out.Protocol = plan.HTTP
		out.Desync, _ = plan.ParseDesync(d.Attributes.DesyncMode) // the API allows its modes only
		out.HeadMax, out.StaleRetry, out.QueueMax = headMax, timeout.StaleRetryDefault, plan.QueueMaxShared
	case !l.secureBack() && d.proxyProtocol(l.InstancePort):
		out.ProxySend = 1 // the version; neither ssl to ssl nor HTTP has it
	}
	return out
}

// timeouts returns the one timeout that the API has, among lull's own that it does not.
func (d *document) timeouts() timeout.Settings {
	return timeout.Settings{
		Model: timeout.Shared, Idle: seconds(d.Attributes.IdleTimeout),
		Connect: timeout.ConnectDefault, Handshake: timeout.HandshakeDefault,
		RequestHead: timeout.RequestHeadDefault, Drain: timeout.DrainDefault,
	}
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }

// alpn returns what is offered in ALPN (RFC 7301) where HTTP is spoken over TLS: nothing else is spoken there.
func alpn(http bool) []string {
	if http {
		return []string{"http/1.1"}
	}
	return nil
}

// common is what all backend sets of a load balancer have in common.
type common struct {
	d     *document
	hosts []host
	check *plan.HealthCheck
	drain time.Duration
}

// common compiles it.
func (s *Service) common(d *document) (*common, error) {
	check, err := healthCheckOf(d)
	if err != nil {
		return nil, err
	}
	c := &common{d: d, hosts: s.hosts(d), check: check}
	if d.Attributes.Draining {
		c.drain = seconds(d.Attributes.DrainingTimeout)
	}
	return c, nil
}

// set compiles the backend set of a listener on a node, but for TLS.
func (c *common) set(l *listener, n *node) *plan.BackendSet {
	set := &plan.BackendSet{
		Key:      plan.SetKey{LoadBalancer: c.d.planName(), Name: nameOf(l, n)},
		Backends: make([]plan.Backend, len(c.hosts)), HealthCheck: c.check, Drain: &c.drain,
	}
	if l.http() {
		set.Policy = plan.LeastOutstanding
		set.Stickiness = sessions(c.d, l)
	}
	for i := range c.hosts {
		away := c.d.away(n, c.hosts[i].zone)
		set.Backends[i] = plan.Backend{
			Key:    plan.BackendKey{Set: set.Key, Host: c.hosts[i].name, Port: uint16(l.InstancePort)}, // 1 to 65535, too
			Weight: weight, Drain: away, DrainSessions: away,
		}
	}
	return set
}

// sessions returns a listener's stickiness. A client that the DNS sends to another node keeps its session: it is the listener's.
func sessions(d *document, l *listener) *plan.Stickiness {
	sticky := d.stickiness(l)
	if sticky == nil {
		return nil
	}
	out := *sticky
	out.Scope = l.name()
	return &out
}

// away says whether instances of a zone get nothing from a node: those of a zone that is not enabled and, without cross-zone
// load balancing, of any but the node's own. An instance without a zone is in all of them.
func (d *document) away(n *node, zone string) bool {
	switch {
	case zone == "":
		return false
	case d.Attributes.CrossZone:
		return !d.inZone(zone)
	}
	return zone != n.Zone
}

// inZone says whether the load balancer has a node in a zone.
func (d *document) inZone(zone string) bool {
	for i := range d.Nodes {
		if d.Nodes[i].Zone == zone {
			return true
		}
	}
	return false
}

// host is where a registered instance is.
type host struct{ name, zone string }

// hosts returns where the registered instances are, without those that nobody knows any more. Two instances that are one host
// are one backend, in the zone of the first: more connections than to others would be the only difference.
func (s *Service) hosts(d *document) []host {
	list := make([]host, 0, len(d.Instances))
	seen := make(map[string]bool, len(d.Instances))
	for _, i := range d.Instances {
		name, zone, found := s.locate(i.ID)
		if !found {
			s.o.Log.Warn("an instance is left out: nobody knows its address", "load_balancer", d.Name, "instance", i.ID)
			continue
		}
		if !seen[name] {
			seen[name] = true
			list = append(list, host{name, zone})
		}
	}
	return list
}
