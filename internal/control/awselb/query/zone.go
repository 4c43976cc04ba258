package query

// EnableAvailabilityZonesForLoadBalancerRequest asks for more zones.
type EnableAvailabilityZonesForLoadBalancerRequest struct {
	LoadBalancerName  string   `wire:"LoadBalancerName,required"`
	AvailabilityZones []string `wire:"AvailabilityZones,required" each:"1-255"`
}

// DisableAvailabilityZonesForLoadBalancerRequest asks for fewer zones.
type DisableAvailabilityZonesForLoadBalancerRequest struct {
	LoadBalancerName  string   `wire:"LoadBalancerName,required"`
	AvailabilityZones []string `wire:"AvailabilityZones,required" each:"1-255"`
}

// AvailabilityZonesResult is all zones that are enabled now.
type AvailabilityZonesResult struct {
	AvailabilityZones []string `wire:"AvailabilityZones"`
}

// AttachLoadBalancerToSubnetsRequest asks for more subnets.
type AttachLoadBalancerToSubnetsRequest struct {
	LoadBalancerName string   `wire:"LoadBalancerName,required"`
	Subnets          []string `wire:"Subnets,required" each:"1-255"`
}

// DetachLoadBalancerFromSubnetsRequest asks for fewer subnets.
type DetachLoadBalancerFromSubnetsRequest struct {
	LoadBalancerName string   `wire:"LoadBalancerName,required"`
	Subnets          []string `wire:"Subnets,required" each:"1-255"`
}

// SubnetsResult is all subnets that are attached now.
type SubnetsResult struct {
	Subnets []string `wire:"Subnets"`
}

// ApplySecurityGroupsToLoadBalancerRequest asks for other security groups in place of the old ones.
type ApplySecurityGroupsToLoadBalancerRequest struct {
	LoadBalancerName string   `wire:"LoadBalancerName,required"`
	SecurityGroups   []string `wire:"SecurityGroups,required" each:"1-255"`
}

// SecurityGroupsResult is all security groups that apply now.
type SecurityGroupsResult struct {
	SecurityGroups []string `wire:"SecurityGroups"`
}
