package query

import "time"

// sampleRequestID is the one in the API reference's sample answers.
const sampleRequestID = "83c88b9d-12b7-11e3-8b82-87b12EXAMPLE"

// sampleListeners are one plain and one secure listener, as answers have them.
func sampleListeners() []ListenerDescription {
	return []ListenerDescription{
		{
			Listener: Listener{
				Protocol: "HTTPS", LoadBalancerPort: 443, InstanceProtocol: new("HTTP"), InstancePort: 80,
				SSLCertificateID: new("arn:aws:iam::123456789012:server-certificate/my-server-cert"),
			},
			PolicyNames: []string{"my-duration-cookie-policy", "ELBSecurityPolicy-2016-08"},
		},
		{Listener: Listener{Protocol: "TCP", LoadBalancerPort: 80, InstanceProtocol: new("TCP"), InstancePort: 80}},
	}
}

// sampleDescription has every member of its type.
func sampleDescription() LoadBalancerDescription {
	return LoadBalancerDescription{
		LoadBalancerName:          "my-load-balancer",
		DNSName:                   "my-load-balancer-1234567890.us-west-2.elb.amazonaws.com",
		CanonicalHostedZoneName:   new("my-load-balancer-1234567890.us-west-2.elb.amazonaws.com"),
		CanonicalHostedZoneNameID: new("Z3DZXE0EXAMPLE"),
		ListenerDescriptions:      sampleListeners(),
		Policies: Policies{
			AppCookieStickinessPolicies: []AppCookieStickinessPolicy{{"my-app-cookie-policy", "my-app-cookie"}},
			LBCookieStickinessPolicies:  []LBCookieStickinessPolicy{{"my-duration-cookie-policy", new(int64(60))}, {"session", nil}},
			OtherPolicies:               []string{"ELBSecurityPolicy-2016-08"},
		},
		BackendServerDescriptions: []BackendServerDescription{{80, []string{"my-ProxyProtocol-policy"}}},
		AvailabilityZones:         []string{"us-west-2a", "us-west-2b"},
		Subnets:                   []string{"subnet-15aaab61"},
		VPCID:                     new("vpc-a01106c2"),
		Instances:                 []Instance{{"i-7299c809"}, {"10.0.0.5"}},
		HealthCheck:               HealthCheck{"HTTP:80/png", 30, 3, 2, 2},
		SourceSecurityGroup:       &SourceSecurityGroup{"123456789012", "my-elb-sg"},
		SecurityGroups:            []string{"sg-a61988c3"},
		CreatedTime:               time.Date(2013, 5, 24, 23, 15, 31, 280_999_999, time.FixedZone("", 2*3600)),
		Scheme:                    "internet-facing",
	}
}

// sampleAttributes has every member of its type.
func sampleAttributes() Attributes {
	return Attributes{
		CrossZoneLoadBalancing: &CrossZoneLoadBalancing{true},
		AccessLog:              &AccessLog{true, new("my-loadbalancer-logs"), new(int32(60)), new("my-app")},
		ConnectionDraining:     &ConnectionDraining{false, new(int32(300))},
		ConnectionSettings:     &ConnectionSettings{30},
		AdditionalAttributes:   []AdditionalAttribute{{new(DesyncMitigationMode), new("strictest")}},
	}
}

// sampleResults is an answer of every action; "Action/case" is a further one.
func sampleResults() map[string]any {
	return map[string]any{
		"AddTags":                                 Empty{},
		"ApplySecurityGroupsToLoadBalancer":       SecurityGroupsResult{[]string{"sg-fc448899"}},
		"AttachLoadBalancerToSubnets":             SubnetsResult{[]string{"subnet-15aaab61", "subnet-0ecac448"}},
		"ConfigureHealthCheck":                    ConfigureHealthCheckResult{HealthCheck{"HTTP:80/path?a=1&b=<2>", 30, 3, 2, 2}},
		"CreateAppCookieStickinessPolicy":         Empty{},
		"CreateLBCookieStickinessPolicy":          Empty{},
		"CreateLoadBalancer":                      CreateLoadBalancerResult{"my-load-balancer-1234567890.us-west-2.elb.amazonaws.com"},
		"CreateLoadBalancerListeners":             Empty{},
		"CreateLoadBalancerPolicy":                Empty{},
		"DeleteLoadBalancer":                      Empty{},
		"DeleteLoadBalancerListeners":             Empty{},
		"DeleteLoadBalancerPolicy":                Empty{},
		"DeregisterInstancesFromLoadBalancer":     InstancesResult{},
		"DescribeAccountLimits":                   DescribeAccountLimitsResult{[]Limit{{"classic-listeners", "100"}, {"classic-load-balancers", "20"}}, new("opaque==")},
		"DescribeInstanceHealth":                  DescribeInstanceHealthResult{[]InstanceState{{"i-7299c809", "OutOfService", "ELB", "Instance registration is still in progress."}, {"i-d6f6fae3", "InService", "N/A", "N/A"}}},
		"DescribeLoadBalancerAttributes":          DescribeLoadBalancerAttributesResult{sampleAttributes()},
		"DescribeLoadBalancerPolicies":            DescribeLoadBalancerPoliciesResult{[]PolicyDescription{{"my-authentication-policy", "BackendServerAuthenticationPolicyType", []PolicyAttributeDescription{{"PublicKeyPolicyName", "my-PublicKey-policy"}}}, {PolicyName: "none"}}},
		"DescribeLoadBalancerPolicyTypes":         DescribeLoadBalancerPolicyTypesResult{[]PolicyTypeDescription{{"ProxyProtocolPolicyType", "Policy that controls whether to include the IP address and port of the originating request for TCP messages. This policy operates on TCP/SSL listeners only", []PolicyAttributeTypeDescription{{AttributeName: "ProxyProtocol", AttributeType: "Boolean", Cardinality: "ONE"}, {"Any", "String", new(""), new("FALSE"), "ZERO_OR_ONE"}}}}},
		"DescribeLoadBalancers":                   DescribeLoadBalancersResult{[]LoadBalancerDescription{sampleDescription(), {LoadBalancerName: "bare", DNSName: "internal-bare-1.us-west-2.elb.amazonaws.com", HealthCheck: HealthCheck{"TCP:80", 30, 5, 2, 10}, CreatedTime: time.Unix(0, 0), Scheme: "internal"}}, new("next")},
		"DescribeLoadBalancers/none":              &DescribeLoadBalancersResult{},
		"DescribeTags":                            DescribeTagsResult{[]TagDescription{{"my-load-balancer", []Tag{{"project", new("lima")}, {"empty", new("")}, {"none", nil}}}}},
		"DetachLoadBalancerFromSubnets":           SubnetsResult{[]string{"subnet-15aaab61"}},
		"DisableAvailabilityZonesForLoadBalancer": AvailabilityZonesResult{[]string{"us-west-2b"}},
		"EnableAvailabilityZonesForLoadBalancer":  AvailabilityZonesResult{[]string{"us-west-2a", "us-west-2b"}},
		"ModifyLoadBalancerAttributes":            ModifyLoadBalancerAttributesResult{"my-loadbalancer", Attributes{ConnectionSettings: &ConnectionSettings{30}}},
		"ModifyLoadBalancerAttributes/all":        ModifyLoadBalancerAttributesResult{"my-loadbalancer", sampleAttributes()},
		"RegisterInstancesWithLoadBalancer":       InstancesResult{[]Instance{{"i-315b7e51"}, {"i-4e05f721"}}},
		"RemoveTags":                              Empty{},
		"SetLoadBalancerListenerSSLCertificate":   Empty{},
		"SetLoadBalancerPoliciesForBackendServer": Empty{},
		"SetLoadBalancerPoliciesOfListener":       Empty{},
	}
}
