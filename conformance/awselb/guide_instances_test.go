package awselb

// healthCheckEcho is the shape of ConfigureHealthCheck's answer to what the guide's examples ask.
func healthCheckEcho(target string) string {
	return `{"HealthCheck": {"HealthyThreshold": 2, "Interval": 30, "Target": "` + target + `", "Timeout": 3, "UnhealthyThreshold": 2}}`
}

// registering is the shape of an instance that has not answered its first check yet.
const registering = `{"InstanceId": "~i-[0-9a-f]+", "ReasonCode": "ELB", "State": "OutOfService", "Description": "Instance registration is still in progress."}`

// notYet is the shape of an instance that is registered where nobody listens: its first check may have failed already.
const notYet = `{"InstanceId": "~i-[0-9a-f]+", "ReasonCode": "~ELB|Instance", "State": "OutOfService",
	"Description": "~Instance registration is still in progress\\.|Instance has not passed the configured HealthyThreshold number of health checks consecutively\\."}`

const inService = `{"InstanceId": "~i-[0-9a-f]+", "ReasonCode": "N/A", "State": "InService", "Description": "N/A"}`

func guideInstances() []section {
	return []section{
		{name: "elb-healthchecks", setup: func(w *world) {
			w.web(w.at(1), "80")
			w.tell("i-315b7e51", "i-4e05f721")
			w.inZones("my-load-balancer")
			w.register("my-load-balancer", "i-315b7e51", "i-4e05f721")
		}, rows: []row{
			{
				id:   "11",
				line: `aws elb configure-health-check --load-balancer-name my-load-balancer --health-check Target=HTTP:80/path,Interval=30,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=3`,
				want: healthCheckEcho("HTTP:80/path"),
				wire: []string{"HealthCheck.Target=HTTP:80/path", "HealthCheck.Timeout=3"},
			},
			{
				id: "12", before: func(w *world) { w.inService("my-load-balancer", "i-315b7e51") },
				line: `aws elb describe-instance-health --load-balancer-name my-load-balancer`,
				want: `{"InstanceStates": ["any order", ` + inService + `, ` + notYet + `]}`,
			},
		}},
		{name: "elb-deregister-register-instances", setup: func(w *world) {
			w.tell("i-315b7e51", "i-4e05f721", "i-e905622e")
			w.inZones("my-loadbalancer")
			w.register("my-loadbalancer", "i-315b7e51")
			w.inZones("my-load-balancer")
			w.register("my-load-balancer", "i-e905622e", "i-315b7e51")
		}, rows: []row{
			{
				id: "13", line: `aws elb register-instances-with-load-balancer --load-balancer-name my-loadbalancer --instances i-4e05f721`,
				want: `{"Instances": [{"InstanceId": "i-315b7e51"}, {"InstanceId": "i-4e05f721"}]}`,
				wire: []string{"Instances.member.1.InstanceId=i-4e05f721"},
			},
			{
				id: "14", line: `aws elb describe-load-balancers --load-balancer-names my-load-balancer --output text --query "LoadBalancerDescriptions[*].Instances[*].InstanceId"`,
				text: `i-e905622e\s+i-315b7e51\s*`,
			},
			{
				id: "15", line: `aws elb describe-load-balancers --output text --query "LoadBalancerDescriptions[?Instances[?InstanceId=='i-e905622e']].[LoadBalancerName]"`,
				text: `my-load-balancer\n`,
			},
			{
				id: "16", line: `aws elb deregister-instances-from-load-balancer --load-balancer-name my-loadbalancer --instances i-4e05f721`,
				want: `{"Instances": [{"InstanceId": "i-315b7e51"}]}`,
			},
		}},
	}
}
