package wire

// LoadBalancerPolicy is the name of a load balancing policy that there is.
type LoadBalancerPolicy struct {
	Name string `wire:"name"`
}

// LoadBalancerProtocol is the name of a listener protocol that there is.
type LoadBalancerProtocol struct {
	Name string `wire:"name"`
}
