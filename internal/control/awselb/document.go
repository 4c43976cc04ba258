package awselb

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// documentVersion is counted up when the meaning of a field changes.
const documentVersion = 1

// keyPrefix is where the store has the load balancers.
const keyPrefix = "awselb/loadbalancers/"

// document is a load balancer as it is stored. Its lists keep the order in which they were made, but for sets of names, which are
// sorted. One that is in the state never changes: clone first.
type document struct {
	Version        int        `json:"version"`
	Name           string     `json:"name"`
	DNSName        string     `json:"dns_name"`
	Created        time.Time  `json:"created"`
	Scheme         string     `json:"scheme"`
	InSubnets      bool       `json:"in_subnets"` // made with subnets instead of zones
	Nodes          []node     `json:"nodes"`      // one a zone, by zone
	SecurityGroups []string   `json:"security_groups"`
	Listeners      []listener `json:"listeners"` // by port
	Policies       []policy   `json:"policies"`  // by name
	// BackendPolicies are the policies of back-end ports; a port without any is not in it.
	BackendPolicies map[int32][]string `json:"backend_policies"`
	Instances       []instance         `json:"instances"` // in the order of their registration
	Draining        []draining         `json:"draining"`  // instances that were deregistered and may still have connections
	HealthCheck     healthCheck        `json:"health_check"`
	Attributes      attributes         `json:"attributes"`
	Tags            map[string]string  `json:"tags"`
}

// node is a load balancer's presence in a zone.
type node struct {
	Zone    string     `json:"zone"`
	Subnet  string     `json:"subnet,omitempty"` // empty unless the load balancer is in subnets
	Address netip.Addr `json:"address"`
}

// listener is one port of a load balancer. Protocols are in upper case.
type listener struct {
	Protocol         string   `json:"protocol"`
	Port             int32    `json:"port"`
	InstanceProtocol string   `json:"instance_protocol"`
	InstancePort     int32    `json:"instance_port"`
	CertificateID    string   `json:"certificate_id,omitempty"` // exactly on HTTPS and SSL
	Policies         []string `json:"policies"`                 // enabled ones, in the order in which they were given
}

// secure says whether its clients speak TLS.
func (l *listener) secure() bool { return l.Protocol == "HTTPS" || l.Protocol == "SSL" }

// secureBack says whether its instances speak TLS.
func (l *listener) secureBack() bool {
	return l.InstanceProtocol == "HTTPS" || l.InstanceProtocol == "SSL"
}

// http says whether it is on the application layer.
func (l *listener) http() bool { return l.Protocol == "HTTP" || l.Protocol == "HTTPS" }

// policy is defined on a load balancer and may be enabled on its listeners or back-end ports. Enabled predefined policies are among
// them too, with their own name as Reference-Security-Policy.
type policy struct {
	Name       string      `json:"name"`
	Type       string      `json:"type"`
	Attributes []attribute `json:"attributes"` // as they were given
}

// attribute is a setting of a policy.
type attribute struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// instance is a registered back-end.
type instance struct {
	ID string `json:"id"` // as it was registered: an id of the registry, or an address
}

// draining is an instance whose connections may still end by themselves until then.
type draining struct {
	ID    string    `json:"id"`
	Until time.Time `json:"until"`
}

// healthCheck is how instances are probed; times in seconds.
type healthCheck struct {
	Target             string `json:"target"` // as it was sent
	Interval           int32  `json:"interval"`
	Timeout            int32  `json:"timeout"`
	UnhealthyThreshold int32  `json:"unhealthy_threshold"`
	HealthyThreshold   int32  `json:"healthy_threshold"`
}

// attributes are the settings of the whole load balancer; times in seconds, EmitInterval in minutes.
type attributes struct {
	IdleTimeout     int32  `json:"idle_timeout"`
	Draining        bool   `json:"draining"`
	DrainingTimeout int32  `json:"draining_timeout"`
	CrossZone       bool   `json:"cross_zone"`
	DesyncMode      string `json:"desync_mode"`
	AccessLog       bool   `json:"access_log"`
	// What access logs were configured with is remembered while they are off; empty and 0: never.
	S3BucketName   string `json:"s3_bucket_name,omitempty"`
	S3BucketPrefix string `json:"s3_bucket_prefix,omitempty"`
	EmitInterval   int32  `json:"emit_interval,omitempty"`
}

// newDocument returns a load balancer with the defaults of the API.
func newDocument(name string) *document {
	return &document{
		Version: documentVersion, Name: name, BackendPolicies: map[int32][]string{}, Tags: map[string]string{},
		HealthCheck: healthCheck{Target: "TCP:80", Interval: 30, Timeout: 5, UnhealthyThreshold: 2, HealthyThreshold: 10},
		Attributes:  attributes{IdleTimeout: 60, DrainingTimeout: 300, DesyncMode: "defensive"},
	}
}

// clone returns a copy that shares nothing that can be changed.
func (d *document) clone() *document {
	c := *d
	c.Nodes = slices.Clone(d.Nodes)
	c.SecurityGroups = slices.Clone(d.SecurityGroups)
	c.Listeners = slices.Clone(d.Listeners)
	for i := range c.Listeners {
		c.Listeners[i].Policies = slices.Clone(c.Listeners[i].Policies)
	}
	c.Policies = slices.Clone(d.Policies)
	for i := range c.Policies {
		c.Policies[i].Attributes = slices.Clone(c.Policies[i].Attributes)
	}
	c.BackendPolicies = make(map[int32][]string, len(d.BackendPolicies))
	for port, names := range d.BackendPolicies {
		c.BackendPolicies[port] = slices.Clone(names)
	}
	c.Instances, c.Draining = slices.Clone(d.Instances), slices.Clone(d.Draining)
	c.Tags = make(map[string]string, len(d.Tags))
	for k, v := range d.Tags {
		c.Tags[k] = v
	}
	return &c
}

// listener returns the listener of a port, or nil.
func (d *document) listener(port int32) *listener {
	i := slices.IndexFunc(d.Listeners, func(l listener) bool { return l.Port == port })
	if i < 0 {
		return nil
	}
	return &d.Listeners[i]
}

// policy returns the policy of a name, or nil.
func (d *document) policy(name string) *policy {
	i := slices.IndexFunc(d.Policies, func(p policy) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &d.Policies[i]
}

// registered says whether an instance is.
func (d *document) registered(id string) bool {
	return slices.ContainsFunc(d.Instances, func(i instance) bool { return i.ID == id })
}

// encode returns what the store keeps.
func (d *document) encode() ([]byte, error) { return json.Marshal(d) }

// decode reads what encode has written.
func decode(key string, value []byte) (*document, error) {
	d := newDocument("")
	if err := json.Unmarshal(value, d); err != nil {
		return nil, fmt.Errorf("document %s: %w", key, err)
	}
	if d.Version != documentVersion || keyPrefix+d.Name != key {
		return nil, fmt.Errorf("document %s: has version %d and name %q; this lull knows version %d", key, d.Version, d.Name, documentVersion)
	}
	return d, nil
}

// planName is the load balancer's name in the plan, in commands and in metrics.
func (d *document) planName() string { return d.Name }

// sortNodes puts the nodes in order.
func (d *document) sortNodes() {
	slices.SortFunc(d.Nodes, func(a, b node) int { return strings.Compare(a.Zone, b.Zone) })
}
