package query

// Instance names a back-end.
type Instance struct {
	InstanceID string `wire:"InstanceId,required" range:"1-255"`
}

// RegisterInstancesWithLoadBalancerRequest asks for more instances.
type RegisterInstancesWithLoadBalancerRequest struct {
	LoadBalancerName string     `wire:"LoadBalancerName,required"`
	Instances        []Instance `wire:"Instances,required"`
}

// DeregisterInstancesFromLoadBalancerRequest asks for fewer instances.
type DeregisterInstancesFromLoadBalancerRequest struct {
	LoadBalancerName string     `wire:"LoadBalancerName,required"`
	Instances        []Instance `wire:"Instances,required"`
}

// InstancesResult is all instances that are registered now.
type InstancesResult struct {
	Instances []Instance `wire:"Instances"`
}

// DescribeInstanceHealthRequest asks about some instances, or about all when none is named.
type DescribeInstanceHealthRequest struct {
	LoadBalancerName string     `wire:"LoadBalancerName,required"`
	Instances        []Instance `wire:"Instances"`
}

// DescribeInstanceHealthResult is the health of the instances asked about.
type DescribeInstanceHealthResult struct {
	InstanceStates []InstanceState `wire:"InstanceStates"`
}

// InstanceState is the health of one instance.
type InstanceState struct {
	InstanceID  string `wire:"InstanceId"`
	State       string `wire:"State"`
	ReasonCode  string `wire:"ReasonCode"`
	Description string `wire:"Description"`
}
