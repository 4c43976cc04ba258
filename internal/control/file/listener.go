package file

import (
	"net/netip"
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// listener compiles one listener of a load balancer.
func (s *section) listener(b *balancer, names taken) *plan.Listener {
	speaks, known := s.speech()
	l := &plan.Listener{
		Key:         plan.ListenerKey{LoadBalancer: b.name, Name: s.name("name")},
		Protocol:    speaks.protocol,
		Timeouts:    s.listenerTimeouts(b, speaks.protocol),
		ResetOnIdle: s.boolean("rst"),
	}
	names.claimName(s, l.Key.Name)
	proxy := s.sub("proxy_protocol")
	l.ProxyAccept = proxy.boolean("accept")
	l.ProxySend = uint8(proxy.integer("send")) // the table allows 0..2
	l.Desync, _ = plan.ParseDesync(s.word("desync_mitigation_mode"))
	switch {
	case speaks.protocol == plan.HTTP:
		l.HeadMax, l.StaleRetry = b.headMax, b.staleRetry
		if b.timeouts.Model == timeout.Shared {
			l.QueueMax = plan.QueueMaxShared
		}
		proxy.refuseSend(l.ProxySend)
	case known:
		s.refuseHTTPOnly(speaks)
	}
	l.TLS = s.listenerTLS(speaks, known)
	l.Address = s.socket(b, l.Key)
	if set := s.backendSetOf(b); set != nil {
		l.BackendSet = set.BackendSet
		if known {
			s.agree(set, speaks)
		}
	}
	return l
}

// refuseHTTPOnly refuses the keys that mean nothing to another protocol.
func (s *section) refuseHTTPOnly(speaks speech) {
	for _, key := range children[s.schema] {
		if s.row(key).onlyHTTP && s.has(key) {
			s.fault(key, "is for http and https listeners only: the protocol here is %s", speaks)
		}
	}
}

// refuseSend refuses PROXY headers towards HTTP backends. Their connections carry the requests of many clients, so a
// header at the start of one could name only the first of them.
func (s *section) refuseSend(version uint8) {
	if version != 0 {
		s.fault("send", "is for tcp and ssl listeners only, as in both clouds: the requests of many clients share a back-end "+
			"connection here, and backends are told each one's address in X-Forwarded-For")
	}
}

// listenerTimeouts returns the load balancer's timeouts with the listener's own idle timeout, or the default, in them.
func (s *section) listenerTimeouts(b *balancer, p plan.Protocol) timeout.Settings {
	t := b.timeouts
	if own := s.idle(t.Model); own != 0 {
		t.Idle = own
	}
	if t.Idle == 0 {
		t.Idle = idleDefault(t.Model, p)
	}
	return t
}

// socket returns where the listener binds, and makes sure that nothing else of the file does.
func (s *section) socket(b *balancer, key plan.ListenerKey) netip.AddrPort {
	at := netip.AddrPortFrom(b.address, uint16(s.integer("port"))) // the table allows 1..65535
	if !s.has("port") {
		return at
	}
	if other, clash := b.ports.take(at, key.String(), s.at("port").Line); clash {
		s.fault("port", "cannot be bound: %s overlaps with %s of %s in line %d", at, other.at, shorten(other.owner), other.line)
	}
	return at
}

// backendSetOf returns the set that the listener names, which must be the load balancer's own.
func (s *section) backendSetOf(b *balancer) *openSet {
	name := s.name("backend_set")
	set := b.sets[name]
	switch {
	case set != nil || !s.has("backend_set"):
	case len(b.setNames) == 0:
		s.fault("backend_set", "does not exist: this load balancer has no backend_sets")
	default:
		s.fault("backend_set", "does not exist: this load balancer has %s", strings.Join(b.setNames, ", "))
	}
	return set
}

// sockets knows which addresses the file has given away. A wildcard address takes its port from all of its family,
// as bind(2) would have it.
type sockets struct {
	exact map[netip.AddrPort]socket
	first map[netip.AddrPort]socket // by wildcard address and port: the first of that family to take the port
}

// socket is one taken address.
type socket struct {
	at    netip.AddrPort
	owner string
	line  int
}

func newSockets() *sockets {
	return &sockets{exact: make(map[netip.AddrPort]socket), first: make(map[netip.AddrPort]socket)}
}

// served reads "host:port", where this process itself is to answer, and takes the socket so that no other may. What a host name
// stands for is not known here.
func (s *section) served(ports *sockets, owner string) string {
	const key = "address"
	line := s.at(key).Line
	v := s.endpoint(key)
	at, err := netip.ParseAddrPort(v)
	if err != nil {
		return v
	}
	if other, clash := ports.take(at, owner, line); clash {
		s.fault(key, "cannot be bound: it overlaps with %s of %s in line %d", other.at, shorten(other.owner), other.line)
	}
	return v
}

// take gives an address to owner, or returns who has it, or part of it, already.
func (t *sockets) take(at netip.AddrPort, owner string, line int) (other socket, clash bool) {
	any4or6 := netip.IPv4Unspecified()
	if at.Addr().Is6() {
		any4or6 = netip.IPv6Unspecified()
	}
	wildcard := netip.AddrPortFrom(any4or6, at.Port())
	if other, clash = t.exact[at]; clash {
		return other, true
	}
	if other, clash = t.exact[wildcard]; clash {
		return other, true
	}
	if other, clash = t.first[wildcard]; clash && at == wildcard {
		return other, true
	}
	mine := socket{at, owner, line}
	t.exact[at] = mine
	if _, later := t.first[wildcard]; !later {
		t.first[wildcard] = mine
	}
	return socket{}, false
}
