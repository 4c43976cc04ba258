package query

import "time"

// CreateLoadBalancerRequest asks for a new load balancer, in zones or in subnets.
type CreateLoadBalancerRequest struct {
	LoadBalancerName  string     `wire:"LoadBalancerName,required" match:"loadBalancerName"`
	Listeners         []Listener `wire:"Listeners,required" range:"1-"`
	AvailabilityZones []string   `wire:"AvailabilityZones" each:"1-255"`
	Subnets           []string   `wire:"Subnets" each:"1-255"`
	SecurityGroups    []string   `wire:"SecurityGroups" each:"1-255"`
	Scheme            *string    `wire:"Scheme"`
	Tags              []Tag      `wire:"Tags" range:"1-"`
}

// The values of Scheme.
const (
	SchemeInternetFacing = "internet-facing"
	SchemeInternal       = "internal"
)

func (r *CreateLoadBalancerRequest) check(string) error {
	if len(r.AvailabilityZones) > 0 && len(r.Subnets) > 0 {
		return refuse(ValidationError, "Subnets", "Only one of SubnetIds or AvailabilityZones may be specified")
	}
	if r.Scheme != nil && *r.Scheme != SchemeInternetFacing && *r.Scheme != SchemeInternal {
		return refuse(InvalidScheme, "Scheme", "Scheme '%s' is not allowed: use %s or %s", shown(*r.Scheme), SchemeInternetFacing, SchemeInternal)
	}
	return checkTagKeys("Tags", r.Tags)
}

// CreateLoadBalancerResult names the new load balancer.
type CreateLoadBalancerResult struct {
	DNSName string `wire:"DNSName"`
}

// DeleteLoadBalancerRequest asks for the end of a load balancer, which need not exist.
type DeleteLoadBalancerRequest struct {
	LoadBalancerName string `wire:"LoadBalancerName,required"`
}

// DescribeLoadBalancersRequest asks about some load balancers, or about all when none is named, in pages.
type DescribeLoadBalancersRequest struct {
	LoadBalancerNames []string `wire:"LoadBalancerNames"`
	Marker            *string  `wire:"Marker"`
	PageSize          *int32   `wire:"PageSize" range:"1-400"`
}

// DescribeLoadBalancersResult is one page; NextMarker is there when another follows.
type DescribeLoadBalancersResult struct {
	LoadBalancerDescriptions []LoadBalancerDescription `wire:"LoadBalancerDescriptions"`
	NextMarker               *string                   `wire:"NextMarker"`
}

// LoadBalancerDescription is all there is to say about one load balancer. HealthCheck is no pointer because several
// clients crash without one.
type LoadBalancerDescription struct {
	LoadBalancerName          string                     `wire:"LoadBalancerName"`
	DNSName                   string                     `wire:"DNSName"`
	CanonicalHostedZoneName   *string                    `wire:"CanonicalHostedZoneName"` // nil on an internal one
	CanonicalHostedZoneNameID *string                    `wire:"CanonicalHostedZoneNameID"`
	ListenerDescriptions      []ListenerDescription      `wire:"ListenerDescriptions"`
	Policies                  Policies                   `wire:"Policies"`
	BackendServerDescriptions []BackendServerDescription `wire:"BackendServerDescriptions"` // only ports with a policy
	AvailabilityZones         []string                   `wire:"AvailabilityZones"`
	Subnets                   []string                   `wire:"Subnets"`
	VPCID                     *string                    `wire:"VPCId"`
	Instances                 []Instance                 `wire:"Instances"`
	HealthCheck               HealthCheck                `wire:"HealthCheck"`
	SourceSecurityGroup       *SourceSecurityGroup       `wire:"SourceSecurityGroup"`
	SecurityGroups            []string                   `wire:"SecurityGroups"`
	CreatedTime               time.Time                  `wire:"CreatedTime"`
	Scheme                    string                     `wire:"Scheme"`
}

// SourceSecurityGroup is what back-ends let in to be reached by a load balancer.
type SourceSecurityGroup struct {
	OwnerAlias string `wire:"OwnerAlias"`
	GroupName  string `wire:"GroupName"`
}
