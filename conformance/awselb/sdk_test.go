package awselb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"
	"github.com/aws/smithy-go"
)

func idleAttributes(seconds int32) *types.LoadBalancerAttributes {
	return &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: &seconds}}
}

// step is a call of the SDK with the shape of its output, of which every field is compared; an empty list has to be there.
type step struct {
	operation string
	input     any
	want      string
}

// TestSDK calls all operations with the AWS SDK for Go, each with what the ones before have made.
func TestSDK(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.words["arn"] = certificateARN
	w.certificate(certificateARN)
	w.certificate("arn:aws:iam::123456789012:server-certificate/new-server-cert")
	w.tell("i-1", "i-2", "i-3")
	w.words["key"] = publicKeyText(t)
	seen := map[string]bool{}
	for _, s := range slices.Concat(sdkBegin(w), sdkPolicies(w), sdkPlaces(), sdkEnd()) {
		t.Run(s.operation, func(t *testing.T) {
			out, err := invoke(w.elb, s.operation, s.input)
			if err != nil {
				t.Fatal(err)
			}
			if wrong := differences(out, w.fill(s.want)); len(wrong) > 0 {
				t.Errorf("%s\nall of it: %s", strings.Join(wrong, "\n"), out)
			}
		})
		seen[s.operation] = true
	}
	if got := operations(w.elb); !slices.Equal(got, slices.Sorted(maps.Keys(seen))) || len(got) != 29 {
		t.Errorf("got calls of %v, want all of %v", slices.Sorted(maps.Keys(seen)), got)
	}
}

// invoke calls the SDK's method of an operation and returns its output as JSON, without what is absent.
func invoke(c *elb.Client, operation string, input any) (string, error) {
	out := reflect.ValueOf(c).MethodByName(operation).Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(input)})
	if err, _ := out[1].Interface().(error); err != nil {
		return "", err
	}
	b, err := json.Marshal(out[0].Interface())
	if err != nil {
		return "", err
	}
	var all any
	if err := json.Unmarshal(b, &all); err != nil {
		return "", err
	}
	delete(all.(map[string]any), "ResultMetadata")
	return text(present(all)), nil
}

// present drops the members that are nil in the SDK's types, which are those that an answer does not have.
func present(v any) any {
	switch v := v.(type) {
	case map[string]any:
		maps.DeleteFunc(v, func(_ string, m any) bool { return m == nil })
		for _, m := range v {
			present(m)
		}
	case []any:
		for _, m := range v {
			present(m)
		}
	}
	return v
}

// operations returns what the SDK's client can ask.
func operations(c *elb.Client) []string {
	var names []string
	for m := range reflect.TypeOf(c).Methods() {
		if m.Type.NumIn() == 4 && m.Type.NumOut() == 2 { // client, context, input, options
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

const sdkName = "my-load-balancer"

func ids(names ...string) []types.Instance {
	var list []types.Instance
	for _, n := range names {
		list = append(list, types.Instance{InstanceId: &n})
	}
	return list
}

// sdkBegin makes load balancers and what they have of listeners and instances.
func sdkBegin(w *world) []step {
	name := aws.String(sdkName)
	return []step{
		{"CreateLoadBalancer", &elb.CreateLoadBalancerInput{
			LoadBalancerName: name, Listeners: []types.Listener{onHTTP()}, AvailabilityZones: []string{"us-west-2a"},
			Tags: []types.Tag{{Key: aws.String("project"), Value: aws.String("lima")}},
		}, dns(sdkName)},
		{"CreateLoadBalancer", &elb.CreateLoadBalancerInput{
			LoadBalancerName: aws.String("in-subnets"), Listeners: []types.Listener{onTCP()}, Subnets: []string{"subnet-15aaab61"},
			Scheme: aws.String("internal"), SecurityGroups: []string{"sg-a61988c3"},
		}, dns("internal-in-subnets")},
		{"CreateLoadBalancerListeners", &elb.CreateLoadBalancerListenersInput{
			LoadBalancerName: name, Listeners: []types.Listener{w.onHTTPS("HTTPS", "443")},
		}, `{}`},
		{"SetLoadBalancerListenerSSLCertificate", &elb.SetLoadBalancerListenerSSLCertificateInput{
			LoadBalancerName: name, LoadBalancerPort: port("443"), SSLCertificateId: aws.String("arn:aws:iam::123456789012:server-certificate/new-server-cert"),
		}, `{}`},
		{"RegisterInstancesWithLoadBalancer", &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: name, Instances: ids("i-1", "i-2", "i-3")},
			`{"Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}, {"InstanceId": "i-3"}]}`},
		{"DeregisterInstancesFromLoadBalancer", &elb.DeregisterInstancesFromLoadBalancerInput{LoadBalancerName: name, Instances: ids("i-2", "i-3")},
			`{"Instances": [{"InstanceId": "i-1"}]}`},
		{"ConfigureHealthCheck", &elb.ConfigureHealthCheckInput{LoadBalancerName: name, HealthCheck: &types.HealthCheck{
			Target: aws.String("TCP:81"), Interval: aws.Int32(300), Timeout: aws.Int32(60), UnhealthyThreshold: aws.Int32(10), HealthyThreshold: aws.Int32(3),
		}}, `{"HealthCheck": {"Target": "TCP:81", "Interval": 300, "Timeout": 60, "UnhealthyThreshold": 10, "HealthyThreshold": 3}}`},
		{"DescribeInstanceHealth", &elb.DescribeInstanceHealthInput{LoadBalancerName: name}, `{"InstanceStates": [` + notYet + `]}`},
		{"DescribeInstanceHealth", &elb.DescribeInstanceHealthInput{LoadBalancerName: name, Instances: ids("i-3")},
			`{"InstanceStates": [{"InstanceId": "i-3", "State": "OutOfService", "ReasonCode": "*", "Description": "Instance is not currently registered with the LoadBalancer."}]}`},
		{"ModifyLoadBalancerAttributes", &elb.ModifyLoadBalancerAttributesInput{LoadBalancerName: name, LoadBalancerAttributes: &types.LoadBalancerAttributes{
			ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(4000)}, CrossZoneLoadBalancing: &types.CrossZoneLoadBalancing{Enabled: true},
			ConnectionDraining: &types.ConnectionDraining{Enabled: true, Timeout: aws.Int32(10)},
			AccessLog:          &types.AccessLog{Enabled: true, S3BucketName: aws.String("logs"), EmitInterval: aws.Int32(5)},
		}}, `{"LoadBalancerName": "my-load-balancer", "LoadBalancerAttributes": {"ConnectionSettings": {"IdleTimeout": 4000}, "CrossZoneLoadBalancing": {"Enabled": true},
			"ConnectionDraining": {"Enabled": true, "Timeout": 10}, "AccessLog": {"Enabled": true, "S3BucketName": "logs", "EmitInterval": 5, "…": "…"}}}`},
		{"DescribeLoadBalancerAttributes", &elb.DescribeLoadBalancerAttributesInput{LoadBalancerName: name},
			`{"LoadBalancerAttributes": {"ConnectionSettings": {"IdleTimeout": 4000}, "CrossZoneLoadBalancing": {"Enabled": true},
			"ConnectionDraining": {"Enabled": true, "Timeout": 10}, "AccessLog": {"Enabled": true, "S3BucketName": "logs", "EmitInterval": 5, "…": "…"},
			"AdditionalAttributes": [{"Key": "elb.http.desyncmitigationmode", "Value": "defensive"}]}}`},
	}
}

// sdkPolicies defines, enables, describes and deletes policies.
func sdkPolicies(w *world) []step {
	name := aws.String(sdkName)
	policy := func(policy, kind, attribute, value string) step {
		return step{"CreateLoadBalancerPolicy", &elb.CreateLoadBalancerPolicyInput{
			LoadBalancerName: name, PolicyName: &policy, PolicyTypeName: &kind,
			PolicyAttributes: []types.PolicyAttribute{{AttributeName: &attribute, AttributeValue: &value}},
		}, `{}`}
	}
	return []step{
		{"CreateLBCookieStickinessPolicy", &elb.CreateLBCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: aws.String("browser")}, `{}`},
		{"CreateLBCookieStickinessPolicy", &elb.CreateLBCookieStickinessPolicyInput{
			LoadBalancerName: name, PolicyName: aws.String("lasting"), CookieExpirationPeriod: aws.Int64(3000000000),
		}, `{}`},
		{"CreateAppCookieStickinessPolicy", &elb.CreateAppCookieStickinessPolicyInput{LoadBalancerName: name, PolicyName: aws.String("app"), CookieName: aws.String("SESSION")}, `{}`},
		policy("key", "PublicKeyPolicyType", "PublicKey", w.words["key"]),
		policy("authentication", "BackendServerAuthenticationPolicyType", "PublicKeyPolicyName", "key"),
		{"SetLoadBalancerPoliciesOfListener", &elb.SetLoadBalancerPoliciesOfListenerInput{LoadBalancerName: name, LoadBalancerPort: port("80"), PolicyNames: []string{"lasting"}}, `{}`},
		{"SetLoadBalancerPoliciesForBackendServer", &elb.SetLoadBalancerPoliciesForBackendServerInput{
			LoadBalancerName: name, InstancePort: aws.Int32(port("443")), PolicyNames: []string{"authentication"},
		}, `{}`},
		{"DeleteLoadBalancerPolicy", &elb.DeleteLoadBalancerPolicyInput{LoadBalancerName: name, PolicyName: aws.String("app")}, `{}`},
		{"DescribeLoadBalancerPolicies", &elb.DescribeLoadBalancerPoliciesInput{LoadBalancerName: name, PolicyNames: []string{"browser", "lasting"}},
			`{"PolicyDescriptions": ["any order",
			{"PolicyName": "browser", "PolicyTypeName": "LBCookieStickinessPolicyType", "PolicyAttributeDescriptions": [{"AttributeName": "CookieExpirationPeriod", "AttributeValue": "0"}]},
			{"PolicyName": "lasting", "PolicyTypeName": "LBCookieStickinessPolicyType", "PolicyAttributeDescriptions": [{"AttributeName": "CookieExpirationPeriod", "AttributeValue": "3000000000"}]}]}`},
		{"DescribeLoadBalancerPolicyTypes", &elb.DescribeLoadBalancerPolicyTypesInput{PolicyTypeNames: []string{"ProxyProtocolPolicyType"}},
			`{"PolicyTypeDescriptions": [{"PolicyTypeName": "ProxyProtocolPolicyType", "Description": "` + aboutProxyProtocol + `",
			"PolicyAttributeTypeDescriptions": [{"Cardinality": "ONE", "AttributeName": "ProxyProtocol", "AttributeType": "Boolean"}]}]}`},
		{"DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{sdkName}}, sdkDescription()},
	}
}

func sdkDescription() string {
	return description(sdkName, `{
		"ListenerDescriptions": ["any order",
			{"Listener": {"Protocol": "HTTP", "LoadBalancerPort": 80, "InstanceProtocol": "HTTP", "InstancePort": 80}, "PolicyNames": ["lasting"]},
			{"Listener": {"Protocol": "HTTPS", "LoadBalancerPort": 443, "InstanceProtocol": "HTTPS", "InstancePort": 443,
				"SSLCertificateId": "arn:aws:iam::123456789012:server-certificate/new-server-cert"}, "PolicyNames": ["ELBSecurityPolicy-2016-08"]}],
		"Policies": {"AppCookieStickinessPolicies": [],
			"LBCookieStickinessPolicies": ["any order", {"PolicyName": "lasting", "CookieExpirationPeriod": 3000000000}, {"PolicyName": "browser"}],
			"OtherPolicies": ["any order", "ELBSecurityPolicy-2016-08", "key", "authentication"]},
		"BackendServerDescriptions": [{"InstancePort": 443, "PolicyNames": ["authentication"]}], "Instances": [{"InstanceId": "i-1"}],
		"HealthCheck": {"Target": "TCP:81", "Interval": 300, "Timeout": 60, "UnhealthyThreshold": 10, "HealthyThreshold": 3},
		"CreatedTime": "~\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z"}`)
}

// sdkPlaces changes zones, subnets, groups and tags.
func sdkPlaces() []step {
	name, vpc := aws.String(sdkName), aws.String("in-subnets")
	return []step{
		{"EnableAvailabilityZonesForLoadBalancer", &elb.EnableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: name, AvailabilityZones: []string{"us-west-2b"}},
			`{"AvailabilityZones": ["us-west-2a", "us-west-2b"]}`},
		{"DisableAvailabilityZonesForLoadBalancer", &elb.DisableAvailabilityZonesForLoadBalancerInput{LoadBalancerName: name, AvailabilityZones: []string{"us-west-2a"}},
			`{"AvailabilityZones": ["us-west-2b"]}`},
		{"AttachLoadBalancerToSubnets", &elb.AttachLoadBalancerToSubnetsInput{LoadBalancerName: vpc, Subnets: []string{"subnet-0ecac448"}},
			`{"Subnets": ["any order", "subnet-15aaab61", "subnet-0ecac448"]}`},
		{"DetachLoadBalancerFromSubnets", &elb.DetachLoadBalancerFromSubnetsInput{LoadBalancerName: vpc, Subnets: []string{"subnet-15aaab61"}},
			`{"Subnets": ["subnet-0ecac448"]}`},
		{"ApplySecurityGroupsToLoadBalancer", &elb.ApplySecurityGroupsToLoadBalancerInput{LoadBalancerName: vpc, SecurityGroups: []string{"sg-fc448899", "sg-2"}},
			`{"SecurityGroups": ["any order", "sg-fc448899", "sg-2"]}`},
		{"AddTags", &elb.AddTagsInput{LoadBalancerNames: []string{*name}, Tags: []types.Tag{{Key: aws.String("empty")}, {Key: aws.String("project"), Value: aws.String("Größe / 1")}}}, `{}`},
		{"RemoveTags", &elb.RemoveTagsInput{LoadBalancerNames: []string{*vpc}, Tags: []types.TagKeyOnly{{Key: aws.String("none")}}}, `{}`},
		{"DescribeAccountLimits", &elb.DescribeAccountLimitsInput{},
			`{"Limits": ["any order", {"Name": "classic-load-balancers", "Max": "~\\d+"}, {"Name": "classic-listeners", "Max": "~\\d+"}, {"Name": "classic-registered-instances", "Max": "~\\d+"}]}`},
	}
}

// sdkEnd takes away what there is.
func sdkEnd() []step {
	name := aws.String(sdkName)
	return []step{
		{"DescribeTags", &elb.DescribeTagsInput{LoadBalancerNames: []string{"in-subnets"}}, `{"TagDescriptions": [{"LoadBalancerName": "in-subnets", "Tags": []}]}`},
		{"DeleteLoadBalancerListeners", &elb.DeleteLoadBalancerListenersInput{LoadBalancerName: name, LoadBalancerPorts: []int32{port("80"), port("443"), 9999}}, `{}`},
		{"DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{LoadBalancerNames: []string{sdkName}}, `{"LoadBalancerDescriptions": [{"ListenerDescriptions": [], "…": "…"}]}`},
		{"DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerName: name}, `{}`},
		{"DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerName: name}, `{}`},
		{"DeleteLoadBalancer", &elb.DeleteLoadBalancerInput{LoadBalancerName: aws.String("in-subnets")}, `{}`},
		{"DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{}, `{"LoadBalancerDescriptions": []}`},
	}
}

// TestSDKRefusals wants every operation on a load balancer that does not exist to be refused by the SDK's own type, and errors to be of
// the types that programs look for.
func TestSDKRefusals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.words["arn"] = certificateARN
	w.inZones(sdkName)
	nobody := aws.String("nobody")
	for _, s := range slices.Concat(sdkBegin(w), sdkPolicies(w), sdkPlaces()) {
		in := reflect.ValueOf(s.input).Elem()
		if f := in.FieldByName("LoadBalancerName"); f.IsValid() && s.operation != "CreateLoadBalancer" {
			f.Set(reflect.ValueOf(nobody))
		} else if f := in.FieldByName("LoadBalancerNames"); f.IsValid() {
			f.Set(reflect.ValueOf([]string{*nobody}))
		} else {
			continue
		}
		_, err := invoke(w.elb, s.operation, s.input)
		var missing *types.AccessPointNotFoundException
		if !errors.As(err, &missing) || missing.ErrorMessage() != "There is no ACTIVE Load Balancer named 'nobody'" {
			t.Errorf("%s of nobody: got %v, want LoadBalancerNotFound", s.operation, err)
		}
	}
	for _, c := range []struct {
		step
		code string
	}{
		{step{"CreateLoadBalancer", &elb.CreateLoadBalancerInput{LoadBalancerName: aws.String(sdkName), Listeners: []types.Listener{onTCP()}, AvailabilityZones: []string{"us-west-2a"}}, ""}, "DuplicateLoadBalancerName"},
		{step{"SetLoadBalancerPoliciesOfListener", &elb.SetLoadBalancerPoliciesOfListenerInput{LoadBalancerName: aws.String(sdkName), LoadBalancerPort: 9, PolicyNames: []string{}}, ""}, "ListenerNotFound"},
		{step{"RegisterInstancesWithLoadBalancer", &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: aws.String(sdkName), Instances: ids("i-0abcdef")}, ""}, "InvalidInstance"},
		{step{"DescribeLoadBalancerPolicyTypes", &elb.DescribeLoadBalancerPolicyTypesInput{PolicyTypeNames: []string{"x"}}, ""}, "PolicyTypeNotFound"},
		{step{"CreateLoadBalancerListeners", &elb.CreateLoadBalancerListenersInput{LoadBalancerName: aws.String(sdkName), Listeners: []types.Listener{{
			Protocol: aws.String("HTTPS"), LoadBalancerPort: 8443, InstancePort: aws.Int32(80), SSLCertificateId: aws.String("arn:aws:iam::123456789012:server-certificate/none"),
		}}}, ""}, "CertificateNotFound"},
		{step{"DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{Marker: aws.String("invented")}, ""}, "ValidationError"},
		{step{"DescribeLoadBalancers", &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(401)}, ""}, "ValidationError"},
	} {
		_, err := invoke(w.elb, c.operation, c.input)
		var refused smithy.APIError
		if !errors.As(err, &refused) || refused.ErrorCode() != c.code {
			t.Errorf("%s: got %v, want %s", c.operation, err, c.code)
		}
	}
}

// TestSDKPages walks through pages with the SDK's paginator.
func TestSDKPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var want, got []string
	for i := range 7 {
		want = append(want, fmt.Sprintf("lb-%d", i))
		w.inZones(want[i])
	}
	pages := elb.NewDescribeLoadBalancersPaginator(w.elb, &elb.DescribeLoadBalancersInput{PageSize: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		w.must(err)
		for _, d := range page.LoadBalancerDescriptions {
			got = append(got, *d.LoadBalancerName)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
