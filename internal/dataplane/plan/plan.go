// Package plan provides the immutable compiled configuration that the loops read.
//
// Each front door (lull.yaml, and later the two cloud APIs) validates its own documents and compiles them to one
// Plan; control/apply publishes it. Nothing in a Plan changes after it was published: a change is a new Plan, and the
// engine compares the two by the keys below. Pure values, safe to read anywhere.
package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
)

// Plan is one revision of everything the data plane does.
type Plan struct {
	Revision      uint64
	LoadBalancers []*LoadBalancer
}

// The origins of load balancers that were made through an API.
const (
	OriginELB = "the Classic ELB API"
	OriginOCI = "the OCI Load Balancer API"
)

// LoadBalancer is a named owner of listeners and backend sets.
type LoadBalancer struct {
	Name        string
	Origin      string // where it was defined, for messages: "lull.yaml"
	Listeners   []*Listener
	BackendSets []*BackendSet
}

// NameTaken says that two front doors want a load balancer of one name. Nothing was changed.
type NameTaken struct {
	Name   string
	Origin string // where the one is defined that has the name
}

// Error names both.
func (e *NameTaken) Error() string {
	return fmt.Sprintf("the load balancer name %q is taken: %s has one", e.Name, e.Origin)
}

// Protocol is what a listener speaks with its clients.
type Protocol uint8

// The protocols.
const (
	TCP Protocol = iota
	HTTP
)

// String returns the word used in lull.yaml.
func (p Protocol) String() string {
	if p == HTTP {
		return "http"
	}
	return "tcp"
}

// Over returns the word used in lull.yaml for the protocol over TLS, or for the plain one.
func (p Protocol) Over(tls bool) string {
	switch {
	case !tls:
		return p.String()
	case p == HTTP:
		return "https"
	}
	return "ssl"
}

// ListenerKey names a listener across plans.
type ListenerKey struct{ LoadBalancer, Name string }

// String returns "loadbalancer/listener".
func (k ListenerKey) String() string { return k.LoadBalancer + "/" + k.Name }

// Compare orders listeners by load balancer and name.
func (k ListenerKey) Compare(o ListenerKey) int {
	return cmp.Or(cmp.Compare(k.LoadBalancer, o.LoadBalancer), cmp.Compare(k.Name, o.Name))
}

// Listener is an address, a protocol and where its connections go.
type Listener struct {
	Key         ListenerKey
	Protocol    Protocol
	Address     netip.AddrPort // where it binds
	BackendSet  *BackendSet    // may be nil where there are Sites
	Timeouts    timeout.Settings
	ProxyAccept bool       // the client sends a PROXY header, version 1 or 2
	ProxySend   uint8      // the PROXY header's version towards backends; 0 = none; TCP only
	ProxyName   bool       // with version 2, tell backends the server name that the client's TLS asked for (PP2_TYPE_AUTHORITY)
	ResetOnIdle bool       // RST instead of FIN on an idle close (TO-08)
	TLS         *ServerTLS // nil: plain

	// HTTP only.
	Desync     http1.Mode // what becomes of requests that two parsers might read differently
	HeadMax    int        // bytes of a request or response head; with Sites it is their tables that say how large a head may be
	StaleRetry bool       // SH-09
	QueueMax   int        // requests of the whole load balancer that may wait for a backend with room; 0 = none
	// Sites are chosen by the request's host; without any, all requests go to BackendSet.
	Sites   []*Site
	Hosts   *rules.Hosts // finds the number of a site; nil, and for a host that it does not know: the first site
	Caps    *rules.Caps  // bounds the connections of one address; nil: no bound
	Answers Answers
}

// Speaks returns the word used in lull.yaml for what the listener's clients speak: tcp, ssl, http or https.
func (l *Listener) Speaks() string { return l.Protocol.Over(l.TLS != nil) }

// ParseDesync returns the desync mode of that name.
func ParseDesync(name string) (http1.Mode, bool) { return http1.ParseMode(name) }

// QueueMaxShared is the surge queue of an AWS Classic Load Balancer; OCI has none.
const QueueMaxShared = 1024

// HeadMaxDefault is the largest HTTP head unless limits.head_bytes says otherwise.
const HeadMaxDefault = 64 << 10

// Policy is how a backend is chosen.
type Policy uint8

// The policies. LeastOutstanding counts requests in HTTP and connections in TCP.
const (
	RoundRobin Policy = iota
	LeastConnections
	LeastOutstanding
	SourceIPHash
)

//nolint:gochecknoglobals // names of the constants above, in their order
var policyNames = [...]string{"round_robin", "least_connections", "least_outstanding", "source_ip_hash"}

// String returns the word used in lull.yaml.
func (p Policy) String() string { return policyNames[p] }

// ParsePolicy returns the policy of that name.
func ParsePolicy(name string) (Policy, bool) {
	for i, n := range policyNames {
		if n == name {
			return Policy(i), true
		}
	}
	return 0, false
}

// SetKey names a backend set across plans.
type SetKey struct{ LoadBalancer, Name string }

// String returns "loadbalancer/set".
func (k SetKey) String() string { return k.LoadBalancer + "/" + k.Name }

// BackendSet is a group of backends that share policy and health check.
type BackendSet struct {
	Key         SetKey
	Policy      Policy
	Backends    []Backend
	HealthCheck *HealthCheck // nil: always healthy
	Stickiness  *Stickiness  // nil: none; HTTP only
	TLS         *ClientTLS   // nil: backends are spoken to plainly
	// Drain is what the open connections of a backend get that is removed or set offline; nil: the longest drain time of the
	// listeners that use the set. The Classic Load Balancer has its own setting for that, which may be nothing at all.
	Drain *time.Duration
	// BackupWhenDown: backups are used only while health checks have all other backends down, as in OCI, and otherwise
	// whenever no other can be had: those that drain, are offline, full or refuse a connection do not wake them.
	BackupWhenDown bool
}

// Stickiness keeps a client's requests on one backend by means of a cookie that lull makes.
type Stickiness struct {
	Cookie     string        // its name
	Follow     string        // the application's cookie whose coming begins a session; "*" any; empty: the first request does
	Duration   time.Duration // Max-Age of lull's cookie; 0 = as long as the browser runs. Not with Follow
	NoFallback bool          // the session's backend gone: 502 instead of another backend
	Domain     string        // Domain attribute; empty = none
	Path       string        // Path attribute; empty = "/"
	Secure     bool
	HTTPOnly   bool
	Scope      string // sets of a load balancer with the same one know each other's sessions; empty = the set's own name
}

// BackendKey names a backend across plans: two with one address and port in a set are refused by the front doors.
type BackendKey struct {
	Set  SetKey
	Host string // IP address or DNS name, as configured
	Port uint16
}

// String returns "loadbalancer/set/host:port".
func (k BackendKey) String() string { return k.Set.String() + "/" + k.Endpoint() }

// Compare orders backends by load balancer, set, host and port.
func (k BackendKey) Compare(o BackendKey) int {
	return cmp.Or(cmp.Compare(k.Set.LoadBalancer, o.Set.LoadBalancer), cmp.Compare(k.Set.Name, o.Set.Name),
		cmp.Compare(k.Host, o.Host), cmp.Compare(k.Port, o.Port))
}

// Endpoint returns "host:port", with brackets round an IPv6 address.
func (k BackendKey) Endpoint() string {
	port := strconv.Itoa(int(k.Port))
	if addr, err := netip.ParseAddr(k.Host); err == nil && addr.Is6() {
		return "[" + k.Host + "]:" + port
	}
	return k.Host + ":" + port
}

// Backend is one address and port that takes connections.
type Backend struct {
	Key            BackendKey
	Weight         int  // 1..100; more takes more
	ConnectionsMax int  // 0 = no limit
	Backup         bool // used only while no other backend of the set can be
	Drain          bool // no new connections; those open finish
	DrainSessions  bool // with Drain: sessions go on elsewhere, too, as with an instance whose zone a Classic Load Balancer leaves
	Offline        bool // no traffic: those open get the drain time
}

// CheckProtocol is what a health check speaks.
type CheckProtocol uint8

// The health-check protocols.
const (
	CheckTCP CheckProtocol = iota
	CheckHTTP
)

// String returns the word used in lull.yaml.
func (p CheckProtocol) String() string {
	if p == CheckHTTP {
		return "http"
	}
	return "tcp"
}

// NotProbed is the detail of the status of a backend that StartsDown and has not been probed yet.
const NotProbed = "not probed yet"

// HealthCheck is how a set's backends are probed.
type HealthCheck struct {
	Protocol  CheckProtocol
	Port      uint16 // 0 = the backend's own
	Interval  time.Duration
	Timeout   time.Duration
	Healthy   int        // successes in a row that bring a backend back
	Unhealthy int        // failures in a row that take it out
	TLS       *ClientTLS // nil: the probe is plain
	// StartsDown: a backend gets nothing before its first success, as registered instances of a Classic Load Balancer; otherwise
	// it is up until a probe says that it is not.
	StartsDown bool
	Probers    int // 2 has a second prober look for itself, for front doors that tell its results, too; 0 and 1 are one

	// HTTP only.
	Path   string     // what is asked for, with a query maybe; begins with "/"
	Status int        // the status that is a success
	Body   Expression // what the beginning of the body must match; nil: anything
}

// Expression is a regular expression: of package regexp, or of package lookahead for front doors whose users have more.
type Expression interface {
	Match(b []byte) bool
	String() string
}

// Same reports whether two checks come to the same: what one finds out holds for the other.
func (h *HealthCheck) Same(o *HealthCheck) bool {
	one, other := *h, *o
	if !one.TLS.Same(other.TLS) {
		return false
	}
	one.TLS, other.TLS = nil, nil
	if (one.Body == nil) != (other.Body == nil) || one.Body != nil && one.Body.String() != other.Body.String() {
		return false
	}
	one.Body, other.Body = nil, nil
	return one == other
}
