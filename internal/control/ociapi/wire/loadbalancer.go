package wire

import (
	"strings"
	"time"
)

// defaultRequestIDHeader is what an empty requestIdHeader stands for.
const defaultRequestIDHeader = "X-Request-Id"

// flexible is the one shape with a bandwidth of its own.
const flexible = "flexible"

// LoadBalancer is a load balancer as reads show it. A list that was asked for little leaves the children out: their maps are nil
// then.
type LoadBalancer struct {
	ID                        string                    `wire:"id"`
	CompartmentID             string                    `wire:"compartmentId"`
	DisplayName               string                    `wire:"displayName"`
	LifecycleState            string                    `wire:"lifecycleState"`
	TimeCreated               time.Time                 `wire:"timeCreated"`
	ShapeName                 string                    `wire:"shapeName"`
	ShapeDetails              *ShapeDetails             `wire:"shapeDetails"`
	IPAddresses               []IPAddress               `wire:"ipAddresses"`
	IPMode                    *string                   `wire:"ipMode"`
	IsPrivate                 *bool                     `wire:"isPrivate"`
	IsDeleteProtectionEnabled *bool                     `wire:"isDeleteProtectionEnabled"`
	IsRequestIDEnabled        *bool                     `wire:"isRequestIdEnabled"`
	RequestIDHeader           *string                   `wire:"requestIdHeader"`
	SubnetIDs                 []string                  `wire:"subnetIds"`
	NetworkSecurityGroupIDs   []string                  `wire:"networkSecurityGroupIds"`
	Listeners                 map[string]Listener       `wire:"listeners,omitempty"`
	Hostnames                 map[string]Hostname       `wire:"hostnames,omitempty"`
	SSLCipherSuites           map[string]SSLCipherSuite `wire:"sslCipherSuites,omitempty"`
	Certificates              map[string]Certificate    `wire:"certificates,omitempty"`
	BackendSets               map[string]BackendSet     `wire:"backendSets,omitempty"`
	PathRouteSets             map[string]PathRouteSet   `wire:"pathRouteSets,omitempty"`
	RoutingPolicies           map[string]RoutingPolicy  `wire:"routingPolicies,omitempty"`
	RuleSets                  map[string]RuleSet        `wire:"ruleSets,omitempty"`
	Tags
	SystemTags map[string]map[string]any `wire:"systemTags"`
}

// IPAddress is one address of a load balancer.
type IPAddress struct {
	IPAddress  string      `wire:"ipAddress"`
	IsPublic   *bool       `wire:"isPublic"`
	ReservedIP *ReservedIP `wire:"reservedIp"`
}

// ReservedIP names an address that is kept when its load balancer goes.
type ReservedIP struct {
	ID *string `wire:"id"`
}

// CreateLoadBalancerDetails asks for a load balancer with all that it begins with. Routing policies are not part of it.
// In a decoded one RequestIDHeader is set when it was given.
type CreateLoadBalancerDetails struct {
	CompartmentID             string                                 `wire:"compartmentId,required"`
	DisplayName               string                                 `wire:"displayName,required" range:"1-1024"`
	ShapeName                 string                                 `wire:"shapeName,required" enum:"10Mbps-Micro 10Mbps 100Mbps 400Mbps 8000Mbps flexible"`
	ShapeDetails              *ShapeDetails                          `wire:"shapeDetails"`
	SubnetIDs                 []string                               `wire:"subnetIds,required" range:"1-2"`
	NetworkSecurityGroupIDs   []string                               `wire:"networkSecurityGroupIds" range:"0-5"`
	IsPrivate                 bool                                   `wire:"isPrivate" default:"false"`
	IsDeleteProtectionEnabled bool                                   `wire:"isDeleteProtectionEnabled" default:"false"`
	IsRequestIDEnabled        bool                                   `wire:"isRequestIdEnabled" default:"false"`
	RequestIDHeader           *string                                `wire:"requestIdHeader" range:"0-255" match:"token"`
	IPMode                    string                                 `wire:"ipMode" enum:"IPV4 IPV6" default:"IPV4"`
	IPv6SubnetCIDR            *string                                `wire:"ipv6SubnetCidr"`
	ReservedIPs               []ReservedIP                           `wire:"reservedIps" range:"0-2"`
	Listeners                 map[string]ListenerDetails             `wire:"listeners" range:"0-16" keymatch:"name"`
	Hostnames                 map[string]Hostname                    `wire:"hostnames" range:"0-16" keymatch:"name"`
	BackendSets               map[string]BackendSetDetails           `wire:"backendSets" range:"0-16" keyrange:"1-32" keymatch:"name"`
	Certificates              map[string]CertificateDetails          `wire:"certificates" keymatch:"name"`
	SSLCipherSuites           map[string]CreateSSLCipherSuiteDetails `wire:"sslCipherSuites" keymatch:"name"`
	PathRouteSets             map[string]PathRouteSetDetails         `wire:"pathRouteSets" keymatch:"name"`
	RuleSets                  map[string]RuleSetDetails              `wire:"ruleSets" keymatch:"name"`
	Tags
}

func (d *CreateLoadBalancerDetails) check(string) error {
	if err := checkRequestIDHeader(d.RequestIDHeader); err != nil {
		return err
	}
	if err := checkShape(d.ShapeName, d.ShapeDetails); err != nil {
		return err
	}
	if err := checkPrefix("ipv6SubnetCidr", d.IPv6SubnetCIDR); err != nil {
		return err
	}
	for key, child := range d.Hostnames {
		if err := sameName("hostnames."+key+".name", child.Name, key); err != nil {
			return err
		}
	}
	for key, child := range d.Certificates {
		if err := sameName("certificates."+key+".certificateName", child.CertificateName, key); err != nil {
			return err
		}
	}
	for key, child := range d.SSLCipherSuites {
		if err := sameName("sslCipherSuites."+key+".name", child.Name, key); err != nil {
			return err
		}
	}
	return nil
}

// sameName refuses a child that calls itself something else than the map does that it is in.
func sameName(field, name, key string) error {
	if name == key {
		return nil
	}
	return invalid(field, "%s '%s' must be '%s', the name under which it is given", field, name, key)
}

// checkRequestIDHeader refuses a name that could be a header of somebody else's, and puts the default for an empty one.
func checkRequestIDHeader(name *string) error {
	switch {
	case name == nil:
	case *name == "":
		*name = defaultRequestIDHeader
	case len(*name) < 3 || !strings.EqualFold((*name)[:2], "X-"):
		return invalid("requestIdHeader", "requestIdHeader '%s' is not allowed: it must begin with X-", shown(*name))
	}
	return nil
}

// UpdateLoadBalancerDetails changes what it names and leaves the rest.
type UpdateLoadBalancerDetails struct {
	DisplayName               *string      `wire:"displayName" range:"1-1024"`
	IPMode                    *string      `wire:"ipMode" enum:"IPV4 IPV6"`
	IPv6SubnetCIDR            *string      `wire:"ipv6SubnetCidr"`
	ReservedIPs               []ReservedIP `wire:"reservedIps" range:"0-2"`
	IsDeleteProtectionEnabled *bool        `wire:"isDeleteProtectionEnabled"`
	IsRequestIDEnabled        *bool        `wire:"isRequestIdEnabled"`
	RequestIDHeader           *string      `wire:"requestIdHeader" range:"0-255" match:"token"`
	Tags
}

func (d *UpdateLoadBalancerDetails) check(string) error {
	if err := checkRequestIDHeader(d.RequestIDHeader); err != nil {
		return err
	}
	return checkPrefix("ipv6SubnetCidr", d.IPv6SubnetCIDR)
}

// ChangeLoadBalancerCompartmentDetails moves a load balancer.
type ChangeLoadBalancerCompartmentDetails struct {
	CompartmentID string `wire:"compartmentId,required"`
}

// UpdateNetworkSecurityGroupsDetails replaces the groups. An empty list takes them away; what a missing one means the API
// does not say: it is nil here, and the empty one is not.
type UpdateNetworkSecurityGroupsDetails struct {
	NetworkSecurityGroupIDs []string `wire:"networkSecurityGroupIds" range:"0-5"`
}
