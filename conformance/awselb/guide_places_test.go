package awselb

func guidePlaces() []section {
	return []section{
		{name: "enable-disable-az", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{
				id: "17", line: `aws elb enable-availability-zones-for-load-balancer --load-balancer-name my-loadbalancer --availability-zones us-west-2b`,
				want: `{"AvailabilityZones": ["us-west-2a", "us-west-2b"]}`,
			},
			{
				id: "18", line: `aws elb disable-availability-zones-for-load-balancer --load-balancer-name my-loadbalancer --availability-zones us-west-2a`,
				want: `{"AvailabilityZones": ["us-west-2b"]}`,
			},
		}},
		{name: "elb-manage-subnets", setup: func(w *world) {
			w.inSubnets("my-load-balancer", "subnet-5c11033e")
			w.inSubnets("my-loadbalancer", "subnet-15aaab61", "subnet-450f5127")
		}, rows: []row{
			{
				id: "19", line: `aws elb attach-load-balancer-to-subnets --load-balancer-name my-load-balancer --subnets subnet-dea770a9 subnet-fb14f6a2`,
				want: `{"Subnets": ["any order", "subnet-5c11033e", "subnet-dea770a9", "subnet-fb14f6a2"]}`,
			},
			{
				id: "20", line: `aws elb detach-load-balancer-from-subnets --load-balancer-name my-loadbalancer --subnets subnet-450f5127`,
				want: `{"Subnets": ["subnet-15aaab61"]}`,
			},
		}},
		{name: "elb-security-groups", setup: func(w *world) { w.inSubnets("my-loadbalancer", "subnet-15aaab61") }, rows: []row{
			{
				id: "21", line: `aws elb apply-security-groups-to-load-balancer --load-balancer-name my-loadbalancer --security-groups sg-53fae93f`,
				want: `{"SecurityGroups": ["sg-53fae93f"]}`,
			},
		}},
		{name: "elb-security-groups-classic", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{
				id: "22", line: `aws elb describe-load-balancers --load-balancer-name my-loadbalancer`,
				want: description("my-loadbalancer", `{"SourceSecurityGroup": {"OwnerAlias": "amazon-elb", "GroupName": "amazon-elb-sg"}}`),
			},
		}},
		{name: "add-remove-tags", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{
				id: "23", line: `aws elb add-tags --load-balancer-name my-loadbalancer --tag "Key=project,Value=lima"`,
				wire: []string{"LoadBalancerNames.member.1=my-loadbalancer", "Tags.member.1.Key=project", "Tags.member.1.Value=lima"},
			},
			{
				id: "24", line: `aws elb remove-tags --load-balancer-name my-loadbalancer --tag project`,
				wire: []string{"Tags.member.1.Key=project"},
			},
		}},
		{name: "elb-create-internal-load-balancer", setup: func(w *world) { w.tell("i-4f8cf126", "i-0bb7ca62") }, rows: []row{
			{
				id:   "25",
				line: `aws elb create-load-balancer --load-balancer-name my-internal-loadbalancer --listeners Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=80 --subnets subnet-4e05f721 --scheme internal --security-groups sg-b9ffedd5`,
				want: dns("internal-my-internal-loadbalancer"),
				wire: []string{"Listeners.member.1.Protocol=HTTP", "Listeners.member.1.LoadBalancerPort=80", "Subnets.member.1=subnet-4e05f721", "Scheme=internal"},
			},
			{
				id: "26", line: `aws elb register-instances-with-load-balancer --load-balancer-name my-internal-loadbalancer --instances i-4f8cf126 i-0bb7ca62`,
				want: `{"Instances": [{"InstanceId": "i-4f8cf126"}, {"InstanceId": "i-0bb7ca62"}]}`,
				wire: []string{"Instances.member.1.InstanceId=i-4f8cf126", "Instances.member.2.InstanceId=i-0bb7ca62"},
			},
			{
				id: "27", line: `aws elb describe-load-balancers --load-balancer-name my-internal-loadbalancer`,
				want: description("my-internal-loadbalancer", `{
					"DNSName": "~internal-my-internal-loadbalancer-\\d{9,10}\\.{region}\\.elb\\.amazonaws\\.com", "CanonicalHostedZoneName": null,
					"ListenerDescriptions": [{"Listener": {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}, "PolicyNames": []}],
					"AvailabilityZones": ["*"], "Subnets": ["subnet-4e05f721"], "SecurityGroups": ["sg-b9ffedd5"], "Scheme": "internal",
					"Instances": [{"InstanceId": "i-4f8cf126"}, {"InstanceId": "i-0bb7ca62"}],
					"SourceSecurityGroup": {"OwnerAlias": "~\\d{12}", "GroupName": "*"}, "…": "…"}`),
				answer: `<CreatedTime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z</CreatedTime>`,
			},
		}},
	}
}
