package awselb

import (
	"context"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"lull/internal/lulltest"
)

// proxyPolicy defines a policy for the PROXY protocol.
func (w *world) proxyPolicy(name, value string) {
	w.t.Helper()
	w.policy(name, "ProxyProtocolPolicyType", "ProxyProtocol", value)
}

// policy defines a policy with one attribute on my-loadbalancer, or on the other one where that is there instead.
func (w *world) policy(name, kind, attribute, value string) {
	w.t.Helper()
	out, err := w.elb.DescribeLoadBalancers(context.Background(), &elb.DescribeLoadBalancersInput{})
	w.must(err)
	_, err = w.elb.CreateLoadBalancerPolicy(context.Background(), &elb.CreateLoadBalancerPolicyInput{
		LoadBalancerName: out.LoadBalancerDescriptions[0].LoadBalancerName, PolicyName: &name, PolicyTypeName: &kind,
		PolicyAttributes: []types.PolicyAttribute{{AttributeName: &attribute, AttributeValue: &value}},
	})
	w.must(err)
}

func examplesOfPlaces() []section {
	listener := `--listeners "Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=80"`
	secure := ` "Protocol=HTTPS,LoadBalancerPort=443,InstanceProtocol=HTTP,InstancePort=80,SSLCertificateId={arn}"`
	const create = `aws elb create-load-balancer --load-balancer-name `
	return []section{
		{name: "tags", setup: func(w *world) { w.inZones("my-load-balancer") }, rows: []row{
			{
				id: "C1", line: `aws elb add-tags --load-balancer-name my-load-balancer --tags "Key=project,Value=lima" "Key=department,Value=digital-media"`,
				wire: []string{"Tags.member.2.Key=department", "Tags.member.2.Value=digital-media"},
			},
			{
				id: "C2", line: `aws elb describe-tags --load-balancer-name my-load-balancer`,
				want: `{"TagDescriptions": [{"LoadBalancerName": "my-load-balancer", "Tags": ["any order", {"Key": "project", "Value": "lima"}, {"Key": "department", "Value": "digital-media"}]}]}`,
			},
			{id: "C29", line: `aws elb remove-tags --load-balancer-name my-load-balancer --tags project`},
			{
				id: "C29a", line: `aws elb describe-tags --load-balancer-name my-load-balancer`,
				want: `{"TagDescriptions": [{"LoadBalancerName": "my-load-balancer", "Tags": [{"Key": "department", "Value": "digital-media"}]}]}`,
			},
		}},
		{name: "subnets", setup: func(w *world) { w.inSubnets("my-load-balancer", "subnet-15aaab61") }, rows: []row{
			{
				id: "C3", line: `aws elb apply-security-groups-to-load-balancer --load-balancer-name my-load-balancer --security-groups sg-fc448899`,
				want: `{"SecurityGroups": ["sg-fc448899"]}`,
			},
			{
				id: "C4", line: `aws elb attach-load-balancer-to-subnets --load-balancer-name my-load-balancer --subnets subnet-0ecac448`,
				want: `{"Subnets": ["any order", "subnet-15aaab61", "subnet-0ecac448"]}`,
			},
			{
				id: "C25", line: `aws elb detach-load-balancer-from-subnets --load-balancer-name my-load-balancer --subnets subnet-0ecac448`,
				want: `{"Subnets": ["subnet-15aaab61"]}`,
			},
			{id: "C15", line: `aws elb delete-load-balancer --load-balancer-name my-load-balancer`},
		}},
		{name: "zones", setup: func(w *world) { w.inZones("my-load-balancer") }, rows: []row{
			{
				id: "C26", line: `aws elb enable-availability-zones-for-load-balancer --load-balancer-name my-load-balancer --availability-zones us-west-2b`,
				want: `{"AvailabilityZones": ["us-west-2a", "us-west-2b"]}`,
			},
			{
				id: "C26a", line: `aws elb disable-availability-zones-for-load-balancer --load-balancer-name my-load-balancer --availability-zones us-west-2a`,
				want: `{"AvailabilityZones": ["us-west-2b"]}`,
			},
		}},
		{name: "create", setup: func(w *world) {
			w.certificate(certificateARN)
			w.words["arn"] = certificateARN
		}, rows: []row{
			{id: "C9", line: create + `my-load-balancer ` + listener + ` --subnets subnet-15aaab61 --security-groups sg-a61988c3`, want: dns("my-load-balancer")},
			{id: "C10", line: create + `in-zones ` + listener + ` --availability-zones us-west-2a us-west-2b`, want: dns("in-zones")},
			{id: "C11", line: create + `secure ` + listener + secure + ` --subnets subnet-15aaab61 --security-groups sg-a61988c3`, want: dns("secure")},
			{id: "C11a", line: create + `secure-in-zones ` + listener + secure + ` --availability-zones us-west-2a us-west-2b`, want: dns("secure-in-zones")},
			{id: "C12", line: create + `my-internal ` + listener + ` --scheme internal --subnets subnet-a85db0df --security-groups sg-a61988c3`, want: dns("internal-my-internal")},
			{
				id: "C24", line: `aws elb describe-load-balancers`,
				want: `{"LoadBalancerDescriptions": ["any order", ` + strings.Join([]string{
					inVPC("my-load-balancer", `{"Subnets": ["subnet-15aaab61"], "SecurityGroups": ["sg-a61988c3"]}`),
					`{"LoadBalancerName": "in-zones", "AvailabilityZones": ["us-west-2a", "us-west-2b"], "…": "…"}`, `{"LoadBalancerName": "secure", "…": "…"}`,
					`{"LoadBalancerName": "secure-in-zones", "…": "…"}`, `{"LoadBalancerName": "my-internal", "Scheme": "internal", "…": "…"}`,
				}, ", ") + `]}`,
			},
			{
				id: "C24a", line: `aws elb describe-load-balancers --load-balancer-name my-load-balancer`,
				want: `{"LoadBalancerDescriptions": [` + inVPC("my-load-balancer", `{"Subnets": ["subnet-15aaab61"], "SecurityGroups": ["sg-a61988c3"]}`) + `]}`,
			},
			{
				id: "C17", line: `aws elb describe-account-limits`,
				want: `{"Limits": ["any order", {"Name": "classic-load-balancers", "Max": "~[1-9]\\d*"}, {"Name": "classic-listeners", "Max": "~[1-9]\\d*"}, {"Name": "classic-registered-instances", "Max": "~[1-9]\\d*"}]}`,
			},
		}},
		{name: "listeners", setup: func(w *world) {
			w.certificate(certificateARN)
			w.certificate("arn:aws:iam::123456789012:server-certificate/new-server-cert")
			w.words["arn"] = certificateARN
			w.inZones("my-load-balancer", w.onHTTPS("HTTP", "80"))
		}, rows: []row{
			{id: "C6", line: `aws elb create-load-balancer-listeners --load-balancer-name my-load-balancer --listeners "Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=80"`},
			{
				id: "C30", line: `aws elb set-load-balancer-listener-ssl-certificate --load-balancer-name my-load-balancer --load-balancer-port 443 --ssl-certificate-id arn:aws:iam::123456789012:server-certificate/new-server-cert`,
				after: func(w *world) { w.serves("my-load-balancer", "new-server-cert") },
			},
			{id: "C13", line: `aws elb delete-load-balancer-listeners --load-balancer-name my-load-balancer --load-balancer-ports 80`},
			{
				id: "C13a", line: `aws elb describe-load-balancers --load-balancer-name my-load-balancer`,
				want: `{"LoadBalancerDescriptions": [{"ListenerDescriptions": [{"Listener": {"LoadBalancerPort": 443, "SSLCertificateId": "arn:aws:iam::123456789012:server-certificate/new-server-cert", "…": "…"}, "PolicyNames": ["ELBSecurityPolicy-2016-08"]}], "…": "…"}]}`,
			},
			{
				id: "C7", line: `aws elb create-load-balancer-listeners --load-balancer-name my-load-balancer --listeners "Protocol=HTTPS,LoadBalancerPort=8443,InstanceProtocol=HTTP,InstancePort=80"`,
				code: "ValidationError", message: `.*Secure Listeners need to specify a SSLCertificateId`,
			},
		}},
	}
}

// inVPC is the shape of one load balancer's description that was made in subnets.
func inVPC(name, members string) string {
	all := description(name, members)
	all = strings.TrimSuffix(strings.TrimPrefix(all, `{"LoadBalancerDescriptions":[`), `]}`)
	all = strings.ReplaceAll(all, `"AvailabilityZones":["us-west-2a"]`, `"AvailabilityZones":["*"]`)
	all = strings.ReplaceAll(all, `"OwnerAlias":"amazon-elb","GroupName":"amazon-elb-sg"`, `"OwnerAlias":"123456789012","GroupName":"*"`)
	return strings.ReplaceAll(all, `"GroupName":"amazon-elb-sg","OwnerAlias":"amazon-elb"`, `"OwnerAlias":"123456789012","GroupName":"*"`)
}

func examplesOfPolicies() []section {
	example := strings.NewReplacer("my-loadbalancer", "my-load-balancer").Replace
	const (
		proxy   = `{"PolicyName": "my-ProxyProtocol-policy", "PolicyTypeName": "ProxyProtocolPolicyType", "PolicyAttributeDescriptions": [{"AttributeName": "ProxyProtocol", "AttributeValue": "true"}]}`
		cookie  = `{"PolicyName": "my-app-cookie-policy", "PolicyTypeName": "AppCookieStickinessPolicyType", "PolicyAttributeDescriptions": [{"AttributeName": "CookieName", "AttributeValue": "my-app-cookie"}]}`
		lasting = `{"PolicyName": "my-duration-cookie-policy", "PolicyTypeName": "LBCookieStickinessPolicyType", "PolicyAttributeDescriptions": [{"AttributeName": "CookieExpirationPeriod", "AttributeValue": "60"}]}`
		all     = `aws elb describe-load-balancer-policies --load-balancer-name my-load-balancer`
		remove  = `aws elb delete-load-balancer-policy --load-balancer-name my-load-balancer --policy-name my-duration-cookie-policy`
	)
	return []section{
		{name: "policies", setup: func(w *world) {
			w.certificate(certificateARN)
			w.words["arn"] = certificateARN
			w.inZones("my-load-balancer", onTCP(), w.onHTTPS("HTTP", "8081"))
			w.proxyPolicy("my-ProxyProtocol-policy", "true")
			w.policy("my-app-cookie-policy", "AppCookieStickinessPolicyType", "CookieName", "my-app-cookie")
			w.policy("my-duration-cookie-policy", "LBCookieStickinessPolicyType", "CookieExpirationPeriod", "60")
		}, rows: []row{
			{id: "C8", line: example(createPolicy) + sslPolicy + `AttributeName=Protocol-SSLv3,AttributeValue=true AttributeName=Protocol-TLSv1.1,AttributeValue=true AttributeName=DHE-RSA-AES256-SHA256,AttributeValue=true AttributeName=Server-Defined-Cipher-Order,AttributeValue=true`},
			{id: "C8a", line: example(createPolicy) + `my-SSLNegotiation-policy2 --policy-type-name SSLNegotiationPolicyType --policy-attributes AttributeName=Reference-Security-Policy,AttributeValue=ELBSecurityPolicy-2015-03`},
			{id: "C21", line: all, want: policies(proxy, cookie, lasting, `{"PolicyName": "ELBSecurityPolicy-2016-08", "…": "…"}`, `{"PolicyName": "my-SSLNegotiation-policy", "…": "…"}`, `{"PolicyName": "my-SSLNegotiation-policy2", "…": "…"}`)},
			{id: "C31", line: example(forBackend) + `80 --policy-names my-ProxyProtocol-policy`},
			{id: "C31a", line: example(forBackend) + `80 --policy-names []`, wire: []string{"PolicyNames="}},
			{id: "C32", line: example(ofListener) + `my-SSLNegotiation-policy2`},
			{id: "C32a", line: example(ofListener) + `[]`, wire: []string{"PolicyNames="}},
			{
				id: "C14", before: func(w *world) {
					_, err := w.elb.SetLoadBalancerPoliciesOfListener(context.Background(), &elb.SetLoadBalancerPoliciesOfListenerInput{
						LoadBalancerName: aws.String("my-load-balancer"), LoadBalancerPort: port("443"), PolicyNames: []string{"my-duration-cookie-policy"},
					})
					w.must(err)
				},
				line: remove, code: "InvalidConfigurationRequest", status: http.StatusConflict,
				message: `You cannot delete policy \[my-duration-cookie-policy\] since it is enabled or referred by other enabled policy\.`,
			},
			{
				id: "C14a", before: func(w *world) {
					_, err := w.elb.SetLoadBalancerPoliciesOfListener(context.Background(), &elb.SetLoadBalancerPoliciesOfListenerInput{
						LoadBalancerName: aws.String("my-load-balancer"), LoadBalancerPort: port("443"), PolicyNames: []string{},
					})
					w.must(err)
				},
				line: remove,
			},
			{
				id: "C23", line: `aws elb describe-load-balancer-policy-types`,
				want: `{"PolicyTypeDescriptions": ["any order", ` + policyTypes() + `]}`,
			},
		}},
		{name: "authentication", setup: func(w *world) {
			w.words["key"] = publicKeyText(w.t)
			w.inZones("my-load-balancer", on("TCP", "80", "SSL", "443"))
			w.policy("my-PublicKey-policy", "PublicKeyPolicyType", "PublicKey", w.words["key"])
			w.policy("my-authentication-policy", "BackendServerAuthenticationPolicyType", "PublicKeyPolicyName", "my-PublicKey-policy")
		}, rows: []row{
			{
				id: "C22", line: all + ` --policy-name my-authentication-policy`,
				want: policies(`{"PolicyName": "my-authentication-policy", "PolicyTypeName": "BackendServerAuthenticationPolicyType",
					"PolicyAttributeDescriptions": [{"AttributeName": "PublicKeyPolicyName", "AttributeValue": "my-PublicKey-policy"}]}`),
			},
		}},
	}
}

// policyTypes is the shapes of the six policy types.
func policyTypes() string {
	kind := func(name, about, attribute, attributeType, cardinality string) string {
		return `{"PolicyTypeName": "` + name + `", "Description": "` + about + `", "PolicyAttributeTypeDescriptions": [{"AttributeName": "` + attribute +
			`", "AttributeType": "` + attributeType + `", "Cardinality": "` + cardinality + `"}]}`
	}
	var ssl []string
	for _, name := range sslAttributes {
		ssl = append(ssl, `{"AttributeName": "`+name+`", "AttributeType": "Boolean", "…": "…"}`)
	}
	ssl = append(ssl, `{"AttributeName": "Reference-Security-Policy", "AttributeType": "String", "…": "…"}`)
	return strings.Join([]string{
		kind("ProxyProtocolPolicyType", aboutProxyProtocol, "ProxyProtocol", "Boolean", "ONE"),
		kind("PublicKeyPolicyType", "Policy containing a list of public keys to accept when authenticating the back-end server(s). This policy cannot be applied directly to back-end servers or listeners but must be part of a BackendServerAuthenticationPolicyType.", "PublicKey", "String", "ONE"),
		kind("AppCookieStickinessPolicyType", "Stickiness policy with session lifetimes controlled by the lifetime of the application-generated cookie. This policy can be associated only with HTTP/HTTPS listeners.", "CookieName", "String", "ONE"),
		kind("LBCookieStickinessPolicyType", "Stickiness policy with session lifetimes controlled by the browser (user-agent) or a specified expiration period. This policy can be associated only with HTTP/HTTPS listeners.", "CookieExpirationPeriod", "Long", "ZERO_OR_ONE"),
		kind("BackendServerAuthenticationPolicyType", "Policy that controls authentication to back-end server(s) and contains one or more policies, such as an instance of a PublicKeyPolicyType. This policy can be associated only with back-end servers that are using HTTPS/SSL.", "PublicKeyPolicyName", "PolicyName", "ONE_OR_MORE"),
		`{"PolicyTypeName": "SSLNegotiationPolicyType", "Description": "Listener policy that defines the ciphers and protocols that will be accepted by the load balancer. This policy can be associated only with HTTPS/SSL listeners.",
			"PolicyAttributeTypeDescriptions": ["any order", ` + strings.Join(ssl, ", ") + `]}`,
	}, ", ")
}

func examplesOfInstances() []section {
	const health = `aws elb describe-instance-health --load-balancer-name my-load-balancer`
	return []section{
		{name: "attributes", setup: func(w *world) { w.inZones("my-load-balancer") }, rows: []row{
			{
				id: "C27", line: `aws elb modify-load-balancer-attributes --load-balancer-name my-load-balancer --load-balancer-attributes "{\"CrossZoneLoadBalancing\":{\"Enabled\":true}}"`,
				want: `{"LoadBalancerName": "my-load-balancer", "LoadBalancerAttributes": {"CrossZoneLoadBalancing": {"Enabled": true}}}`,
			},
			{
				id: "C27a", line: `aws elb modify-load-balancer-attributes --load-balancer-name my-load-balancer --load-balancer-attributes "{\"ConnectionDraining\":{\"Enabled\":true,\"Timeout\":300}}"`,
				want: `{"LoadBalancerName": "my-load-balancer", "LoadBalancerAttributes": {"ConnectionDraining": {"Enabled": true, "Timeout": 300}}}`,
			},
			{
				id: "C20", before: func(w *world) {
					_, err := w.elb.ModifyLoadBalancerAttributes(context.Background(), &elb.ModifyLoadBalancerAttributesInput{
						LoadBalancerName:       aws.String("my-load-balancer"),
						LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(30)}},
					})
					w.must(err)
				},
				line: `aws elb describe-load-balancer-attributes --load-balancer-name my-load-balancer`, want: attributes("true", "true", "30"),
			},
			{
				id:   "C5",
				line: `aws elb configure-health-check --load-balancer-name my-load-balancer --health-check Target=HTTP:80/png,Interval=30,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=3`,
				want: healthCheckEcho("HTTP:80/png"),
			},
		}},
		{name: "instances", setup: func(w *world) {
			w.web(w.at(1), "80")
			w.web(w.at(2), "80")
			w.tell("i-7299c809", "i-d6f6fae3", "i-315b7e51", "i-4e05f721")
			for _, name := range []string{"my-load-balancer", "my-loadbalancer"} {
				w.inZones(name)
				w.check(name, "TCP:80", 30, 5)
				w.register(name, "i-7299c809")
			}
		}, rows: []row{
			{
				id: "C28", line: `aws elb register-instances-with-load-balancer --load-balancer-name my-load-balancer --instances i-d6f6fae3`,
				want: `{"Instances": [{"InstanceId": "i-7299c809"}, {"InstanceId": "i-d6f6fae3"}]}`,
			},
			{
				id: "C18", before: func(w *world) {
					w.inService("my-load-balancer", "i-7299c809")
					w.inService("my-load-balancer", "i-d6f6fae3")
				},
				line: health, want: `{"InstanceStates": ["any order", ` + inService + `, ` + inService + `]}`,
			},
			{
				id: "C33", before: func(w *world) { w.inService("my-loadbalancer", "i-7299c809") },
				line: `aws elb wait any-instance-in-service --load-balancer-name my-loadbalancer`,
			},
			{id: "C35", line: `aws elb wait instance-in-service --load-balancer-name my-loadbalancer --instances i-7299c809`},
			{
				id: "C16", line: `aws elb deregister-instances-from-load-balancer --load-balancer-name my-load-balancer --instances i-d6f6fae3`,
				want: `{"Instances": [{"InstanceId": "i-7299c809"}]}`,
			},
			{id: "C34", line: `aws elb wait instance-deregistered --load-balancer-name my-loadbalancer --instances InstanceId=i-1234567890abcdef0`, status: http.StatusBadRequest},
			{id: "C34a", line: `aws elb wait instance-deregistered --load-balancer-name my-load-balancer --instances i-d6f6fae3`},
			{
				id: "C19", before: func(w *world) {
					w.silent(w.at(3), "80")
					w.check("my-loadbalancer", "HTTP:80/", 300, 60)
					w.register("my-loadbalancer", "i-315b7e51")
				},
				line: `aws elb describe-instance-health --load-balancer-name my-loadbalancer --instances i-315b7e51`,
				want: `{"InstanceStates": [` + registering + `]}`,
			},
			{
				id: "C19a", before: func(w *world) {
					stop := w.web(w.at(4), "80")
					w.check("my-load-balancer", "TCP:80", 5, 2)
					w.register("my-load-balancer", "i-4e05f721")
					w.inService("my-load-balancer", "i-4e05f721")
					stop()
					w.outOfService("my-load-balancer", "i-4e05f721")
				},
				line: health + ` --instances i-4e05f721`,
				want: `{"InstanceStates": [{"InstanceId": "i-4e05f721", "ReasonCode": "Instance", "State": "OutOfService", "Description": "Instance has failed at least the UnhealthyThreshold number of health checks consecutively."}]}`,
			},
		}},
	}
}

// outOfService waits until an instance's checks have failed often enough: two, of which there is one every 5 s.
func (w *world) outOfService(name, id string) {
	w.t.Helper()
	lulltest.Within(w.t, 3*patience, func() string {
		out, err := w.elb.DescribeInstanceHealth(context.Background(), &elb.DescribeInstanceHealthInput{
			LoadBalancerName: &name, Instances: []types.Instance{{InstanceId: &id}},
		})
		if err != nil {
			return err.Error()
		}
		if s := out.InstanceStates[0]; aws.ToString(s.State) != "OutOfService" {
			return id + " is " + aws.ToString(s.State)
		}
		return ""
	})
}

// check sets a health check.
func (w *world) check(name, target string, interval, timeout int32) {
	w.t.Helper()
	_, err := w.elb.ConfigureHealthCheck(context.Background(), &elb.ConfigureHealthCheckInput{LoadBalancerName: &name, HealthCheck: &types.HealthCheck{
		Target: aws.String(w.fill(target)), Interval: &interval, Timeout: &timeout, UnhealthyThreshold: aws.Int32(2), HealthyThreshold: aws.Int32(2),
	}})
	w.must(err)
}
