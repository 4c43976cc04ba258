package file

import (
	"strconv"
	"strings"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// openSet is a backend set whose protocol, and what follows from it, is not settled before the listeners are read.
type openSet struct {
	*plan.BackendSet
	section  *section
	protocol plan.Protocol
	decided  string // the key that says so, as where writes it; empty: none yet
	plain    string // the key that says what its first listener without TLS speaks, likewise; empty: it has none
}

// backendSet compiles one backend set of a load balancer, but for what its protocol decides.
func (s *section) backendSet(b *balancer, names taken) *openSet {
	set := &plan.BackendSet{Key: plan.SetKey{LoadBalancer: b.name, Name: s.name("name")}}
	names.claimName(s, set.Key.Name)
	set.Policy, _ = plan.ParsePolicy(s.word("policy"))
	endpoints := make(taken)
	for _, below := range s.sections("backends") {
		set.Backends = append(set.Backends, below.backend(set.Key, endpoints))
	}
	speaks, known := s.speech()
	set.TLS = s.backendTLS(set.Key, speaks, known)
	if s.has("health_check") {
		set.HealthCheck = s.sub("health_check").healthCheck(set)
	}
	out := &openSet{BackendSet: set, section: s}
	if known {
		out.protocol, out.decided = speaks.protocol, s.where("protocol")
	}
	return out
}

// agree makes sure that a listener speaks what its backend set does but for TLS, which is each side's own affair. For a set
// that does not say, it decides.
func (s *section) agree(set *openSet, speaks speech) {
	switch {
	case set.decided == "" && set.section.lines["protocol"] > 0:
		return // what it speaks is known to be wrong already
	case set.decided == "":
		set.protocol, set.decided = speaks.protocol, s.where("protocol")+" on the same backend set"
	case set.protocol != speaks.protocol:
		s.fault("protocol", "does not go with %s: http goes with http and https, tcp with tcp and ssl", set.decided)
		return
	}
	if set.plain == "" && !speaks.tls {
		set.plain = s.where("protocol")
	}
}

// where names a key in the message about another, for example "load_balancers[0].listeners[0].protocol tcp (line 5)".
func (s *section) where(key string) string {
	n := s.at(key)
	return joinPath(s.path, key) + " " + written(n) + " (line " + strconv.Itoa(n.Line) + ")"
}

// settle decides what follows from a set's protocol, once every listener is known.
func (o *openSet) settle(m timeout.Model) {
	s := o.section
	if !s.has("policy") {
		o.Policy = policyDefault(m, o.protocol)
	}
	if !s.has("stickiness") {
		return
	}
	sticky := s.sub("stickiness")
	o.Stickiness = sticky.stickiness(m)
	switch {
	case o.protocol == plan.TCP && o.decided != "":
		s.fault("stickiness", "is for http and https backend sets only, and there is %s", o.decided)
	case o.Stickiness.Secure && o.plain != "":
		sticky.fault("secure", "does not go with %s: clients would never send the cookie over plain http", o.plain)
	}
}

// policyDefault is what the two clouds do: the Classic Load Balancer sends a request where the fewest are outstanding, and
// connections in turn; OCI does everything in turn.
func policyDefault(m timeout.Model, p plan.Protocol) plan.Policy {
	if m == timeout.Shared && p == plan.HTTP {
		return plan.LeastOutstanding
	}
	return plan.RoundRobin
}

// backend compiles one backend of a set.
func (s *section) backend(set plan.SetKey, endpoints taken) plan.Backend {
	b := plan.Backend{
		Key: plan.BackendKey{
			Set:  set,
			Host: s.host("address"),
			Port: uint16(s.integer("port")), // the table allows 1..65535
		},
		Weight:         s.integer("weight"),
		ConnectionsMax: s.integer("connections_max"),
		Backup:         s.boolean("backup"),
		Drain:          s.boolean("drain"),
		Offline:        s.boolean("offline"),
	}
	if !s.has("port") {
		return b
	}
	same := b.Key
	same.Host = strings.ToLower(same.Host) // DNS knows no case
	if line, twice := endpoints.claim(s, "address", same.Endpoint()); twice {
		s.fault("address", "with port %d is already in the set, in line %d", b.Key.Port, line)
	}
	return b
}
