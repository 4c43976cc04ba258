package query

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
)

// decode reads the body of a POST the way the API's handler does.
func decode(body string) (any, error) {
	read, err := ReadBody(strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	form, err := ParseForm(http.MethodPost, "", "application/x-www-form-urlencoded; charset=utf-8", read)
	if err != nil {
		return nil, err
	}
	return Decode(form)
}

// head begins the form of an action.
func head(action string) string { return "Action=" + action + "&Version=2012-06-01" }

func TestDecode(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:acm:region:123456789012:certificate/12345678-1234-1234-1234-123456789012"
	secure := Listener{"HTTPS", 443, new("HTTP"), 80, new(arn)}
	for _, c := range []struct {
		name, form string
		want       any
	}{
		{"idle-timeout", head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=my-loadbalancer&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=30",
			&ModifyLoadBalancerAttributesRequest{"my-loadbalancer", Attributes{ConnectionSettings: &ConnectionSettings{30}}}},
		{"attributes", head("ModifyLoadBalancerAttributes") + "&LoadBalancerAttributes.AdditionalAttributes.member.1.Value=strictest&LoadBalancerAttributes.ConnectionDraining.Enabled=false&LoadBalancerAttributes.ConnectionDraining.Timeout=300&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=30&LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled=true&LoadBalancerAttributes.AccessLog.S3BucketPrefix=my-app&LoadBalancerAttributes.AccessLog.EmitInterval=60&LoadBalancerAttributes.AccessLog.S3BucketName=my-loadbalancer-logs&LoadBalancerAttributes.AccessLog.Enabled=true&LoadBalancerName=my-loadbalancer&LoadBalancerAttributes.AdditionalAttributes.member.1.Key=elb.http.desyncmitigationmode",
			&ModifyLoadBalancerAttributesRequest{"my-loadbalancer", sampleAttributes()}},
		{"attributes-empty", head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=a&LoadBalancerAttributes=", &ModifyLoadBalancerAttributesRequest{LoadBalancerName: "a"}},
		{"health-check", head("ConfigureHealthCheck") + "&LoadBalancerName=a&HealthCheck.Target=HTTP%3A80%2Fpath&HealthCheck.Interval=30&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=3&HealthCheck.Timeout=4",
			&ConfigureHealthCheckRequest{"a", HealthCheck{"HTTP:80/path", 30, 4, 2, 3}}},
		{"empty-list", head("SetLoadBalancerPoliciesForBackendServer") + "&LoadBalancerName=a&InstancePort=80&PolicyNames=",
			&SetLoadBalancerPoliciesForBackendServerRequest{"a", 80, []string{}}},
		{"bare-name", head("SetLoadBalancerPoliciesForBackendServer") + "&LoadBalancerName=a&InstancePort=80&PolicyNames",
			&SetLoadBalancerPoliciesForBackendServerRequest{"a", 80, []string{}}},
		{"order-and-gaps", head("SetLoadBalancerPoliciesOfListener") + "&PolicyNames.member.9999=c&LoadBalancerPort=443&PolicyNames.member.10=b&LoadBalancerName=a&PolicyNames.member.2=a",
			&SetLoadBalancerPoliciesOfListenerRequest{"a", 443, []string{"a", "b", "c"}}},
		{"absent", "Version=2012-06-01&&Action=DescribeLoadBalancers&", &DescribeLoadBalancersRequest{}},
		{"paging", head("DescribeLoadBalancers") + "&LoadBalancerNames.member.1=a&Marker=&PageSize=400", &DescribeLoadBalancersRequest{[]string{"a"}, new(""), new(int32(400))}},
		{"limits", head("DescribeAccountLimits") + "&PageSize=1&Marker=x", &DescribeAccountLimitsRequest{new("x"), new(int32(1))}},
		{"create", head("CreateLoadBalancer") + "&LoadBalancerName=my-load-balancer&Listeners.member.1.Protocol=https&Listeners.member.1.LoadBalancerPort=443&Listeners.member.1.InstanceProtocol=http&Listeners.member.1.InstancePort=80&Listeners.member.1.SSLCertificateId=" + arn + "&Listeners.member.2.Protocol=Tcp&Listeners.member.2.LoadBalancerPort=25&Listeners.member.2.InstancePort=65535&Subnets.member.1=subnet-15aaab61&SecurityGroups.member.1=sg-1&Scheme=internal&Tags.member.1.Key=k&Tags.member.1.Value=a+b&Tags.member.2.Key=K",
			&CreateLoadBalancerRequest{"my-load-balancer", []Listener{secure, {"TCP", 25, new("TCP"), 65535, nil}}, nil, []string{"subnet-15aaab61"}, []string{"sg-1"}, new("internal"), []Tag{{"k", new("a b")}, {"K", nil}}}},
		{"zones", head("CreateLoadBalancer") + "&LoadBalancerName=a&Listeners.member.1.Protocol=SSL&Listeners.member.1.LoadBalancerPort=1&Listeners.member.1.InstancePort=1&Listeners.member.1.SSLCertificateId=x&AvailabilityZones.member.1=us-west-2a&AvailabilityZones.member.2=us-west-2b",
			&CreateLoadBalancerRequest{LoadBalancerName: "a", Listeners: []Listener{{"SSL", 1, new("TCP"), 1, new("x")}}, AvailabilityZones: []string{"us-west-2a", "us-west-2b"}}},
		{"certificate-dropped", head("CreateLoadBalancerListeners") + "&LoadBalancerName=a&Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=80&Listeners.member.1.SSLCertificateId=x",
			&CreateLoadBalancerListenersRequest{"a", []Listener{{"HTTP", 80, new("HTTP"), 80, nil}}}},
		{"ports", head("DeleteLoadBalancerListeners") + "&LoadBalancerName=a&LoadBalancerPorts.member.1=80&LoadBalancerPorts.member.2=443", &DeleteLoadBalancerListenersRequest{"a", []int32{80, 443}}},
		{"certificate", head("SetLoadBalancerListenerSSLCertificate") + "&LoadBalancerName=a&LoadBalancerPort=443&SSLCertificateId=" + arn, &SetLoadBalancerListenerSSLCertificateRequest{"a", 443, arn}},
		{"period", head("CreateLBCookieStickinessPolicy") + "&LoadBalancerName=a&PolicyName=p-1&CookieExpirationPeriod=9223372036854775807", &CreateLBCookieStickinessPolicyRequest{"a", "p-1", new(int64(1<<63 - 1))}},
		{"session", head("CreateLBCookieStickinessPolicy") + "&LoadBalancerName=a&PolicyName=p-1", &CreateLBCookieStickinessPolicyRequest{"a", "p-1", nil}},
		{"cookie", head("CreateAppCookieStickinessPolicy") + "&LoadBalancerName=a&PolicyName=p-1&CookieName=my-app-cookie", &CreateAppCookieStickinessPolicyRequest{"a", "p-1", "my-app-cookie"}},
		{"policy", head("CreateLoadBalancerPolicy") + "&LoadBalancerName=a&PolicyName=p&PolicyTypeName=SSLNegotiationPolicyType&PolicyAttributes.member.1.AttributeName=Protocol-TLSv1.2&PolicyAttributes.member.1.AttributeValue=true",
			&CreateLoadBalancerPolicyRequest{"a", "p", "SSLNegotiationPolicyType", []PolicyAttribute{{new("Protocol-TLSv1.2"), new("true")}}}},
		{"predefined", head("DescribeLoadBalancerPolicies") + "&PolicyNames.member.1=ELBSecurityPolicy-2016-08", &DescribeLoadBalancerPoliciesRequest{nil, []string{"ELBSecurityPolicy-2016-08"}}},
		{"policy-delete", head("DeleteLoadBalancerPolicy") + "&LoadBalancerName=a&PolicyName=ELBSecurityPolicy-x", &DeleteLoadBalancerPolicyRequest{"a", "ELBSecurityPolicy-x"}},
		{"policy-types", head("DescribeLoadBalancerPolicyTypes"), &DescribeLoadBalancerPolicyTypesRequest{}},
		{"delete-odd-name", head("DeleteLoadBalancer") + "&LoadBalancerName=no_such%3Cname%3E", &DeleteLoadBalancerRequest{"no_such<name>"}},
		{"literal-id", head("DescribeInstanceHealth") + "&LoadBalancerName=a&Instances.member.1.InstanceId=InstanceId%3Di-1", &DescribeInstanceHealthRequest{"a", []Instance{{"InstanceId=i-1"}}}},
		{"register", head("RegisterInstancesWithLoadBalancer") + "&LoadBalancerName=a&Instances.member.1.InstanceId=i-1&Instances.member.2.InstanceId=%5B2001%3Adb8%3A%3A1%5D", &RegisterInstancesWithLoadBalancerRequest{"a", []Instance{{"i-1"}, {"[2001:db8::1]"}}}},
		{"tags", head("AddTags") + "&LoadBalancerNames.member.1=a&Tags.member.1.Key=project&Tags.member.1.Value=", &AddTagsRequest{[]string{"a"}, []Tag{{"project", new("")}}}},
		{"untag", head("RemoveTags") + "&LoadBalancerNames.member.1=a&Tags.member.1.Key=project", &RemoveTagsRequest{[]string{"a"}, []TagKeyOnly{{"project"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(c.form)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

// Where a form may come from, and the parts of a signature that do not belong to it.
func TestParseForm(t *testing.T) {
	t.Parallel()
	const media = "application/x-www-form-urlencoded"
	query := head("DeleteLoadBalancer") + "&LoadBalancerName=a"
	for _, c := range []struct{ name, method, query, media, body string }{
		{"get", "GET", query, "", ""},
		{"presigned", "GET", "X-Amz-Signature=1&" + query + "&X-Amz-Security-Token=a%2Fb&X-Amz-Expires=60", "", ""},
		{"post", "POST", "", media, query},
		{"post-query", "POST", query, "", ""},
		{"post-both", "POST", "X-Amz-Signature=1&LoadBalancerName=a", media + ";charset=UTF-8", head("DeleteLoadBalancer")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			form, err := ParseForm(c.method, c.query, c.media, []byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if form.Action() != "DeleteLoadBalancer" {
				t.Errorf("got action %q", form.Action())
			}
			if got, err := Decode(form); err != nil || !reflect.DeepEqual(got, &DeleteLoadBalancerRequest{"a"}) {
				t.Errorf("got %+v and %v, want the request for a", got, err)
			}
		})
	}
	for _, c := range []struct{ name, method, query, media, body, want string }{
		{"method", "PUT", query, "", "", "InvalidQueryParameter: the method PUT is not supported: use GET or POST"},
		{"get-body", "GET", query, media, "a=b", "InvalidQueryParameter: a GET request has no body: put the parameters into the query, or use POST"},
		{"json", "POST", "", "application/json", "{}", "InvalidQueryParameter: the Content-Type 'application/json' is not supported: use application/x-www-form-urlencoded"},
		{"no-type", "POST", "", "", query, "InvalidQueryParameter: the Content-Type '' is not supported: use application/x-www-form-urlencoded"},
		{"both", "POST", query, media, "LoadBalancerName=b", "InvalidQueryParameter: LoadBalancerName is given more than once"},
		{"long", "POST", "", media, strings.Repeat("&", bodyBytesMax+1), "RequestEntityTooLarge: the body of the request is too long: at most 1048576 bytes are allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := ParseForm(c.method, c.query, c.media, []byte(c.body)); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

// refused is a form, and how it is answered.
type refused struct{ name, form, want string }

// refuses runs the cases.
func refuses(t *testing.T, cases []refused) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(c.form)
			if err == nil {
				t.Fatalf("got %+v, want %s", got, c.want)
			}
			var refusal *Error
			if !errors.As(err, &refusal) {
				t.Fatalf("got a %T, want an *Error", err)
			}
			if said := string(refusal.Code) + ": " + refusal.Message; said != c.want {
				t.Errorf("got  %s\nwant %s", said, c.want)
			}
		})
	}
}

func TestDecodeMalformed(t *testing.T) {
	t.Parallel()
	set := head("SetLoadBalancerPoliciesOfListener") + "&LoadBalancerName=a&LoadBalancerPort=80"
	modify := head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=a&LoadBalancerAttributes"
	long := strings.Repeat("é", 150)
	refuses(t, []refused{
		{"nothing", "", "MissingAction: the parameter Action is required"},
		{"no-action", "Version=2012-06-01&Action=", "MissingAction: the parameter Action is required"},
		{"no-version", "Action=AddTags", "MissingParameter: the parameter Version is required"},
		{"other-version", "Action=AddTags&Version=2015-12-01", "InvalidParameterValue: the Version '2015-12-01' is not supported: use 2012-06-01"},
		{"no-such-action", head("addTags"), "InvalidAction: the Action 'addTags' does not exist in version 2012-06-01"},
		{"action-twice", head("AddTags") + "&Action=AddTags", "InvalidQueryParameter: Action is given more than once"},
		{"escape-name", "A%zz=1", "MalformedQueryString: the name of a parameter is empty or wrongly escaped"},
		{"escape-value", "A=%2", "MalformedQueryString: A is wrongly escaped"},
		{"empty-name", "=1", "MalformedQueryString: the name of a parameter is empty or wrongly escaped"},
		{"long-name", strings.Repeat("a", nameBytesMax+1), "InvalidQueryParameter: the name of a parameter is too long: at most 256 bytes are allowed"},
		{"long-value", "a=" + strings.Repeat("a", valueBytesMax+1), "ValidationError: a is too long: at most 16384 bytes are allowed"},
		{"name-bytes", "a%ff=1", "InvalidQueryParameter: the name of a parameter holds bytes that are not text"},
		{"value-bytes", "a=%ff", "ValidationError: a holds bytes that are not text"},
		{"value-control", "a=%00", "ValidationError: a holds bytes that are not text"},
		{"body", strings.Repeat("&", bodyBytesMax+1), "RequestEntityTooLarge: the body of the request is too long: at most 1048576 bytes are allowed"},
		{"unknown", set + "&Policies=", "InvalidQueryParameter: the parameter Policies does not exist in this operation"},
		{"unknown-long", set + "&" + url.QueryEscape(strings.Repeat("é", 120)), "InvalidQueryParameter: the parameter " + long[:200] + "… does not exist in this operation"},
		{"unknown-case", set + "&policyNames=", "InvalidQueryParameter: the parameter policyNames does not exist in this operation"},
		{"unknown-below", set + "&PolicyNames.member.1.Name=x", "InvalidQueryParameter: the parameter PolicyNames.member.1.Name does not exist in this operation"},
		{"unknown-nested", modify + ".ConectionSettings.IdleTimeout=30", "InvalidQueryParameter: the parameter LoadBalancerAttributes.ConectionSettings.IdleTimeout does not exist in this operation"},
		{"trailing-dot", set + "&PolicyNames.=", "InvalidQueryParameter: the parameter PolicyNames. does not exist in this operation"},
		{"scalar-dot", head("DeleteLoadBalancer") + "&LoadBalancerName.=a", "InvalidQueryParameter: the parameter LoadBalancerName. does not exist in this operation"},
		{"flat-list", set + "&PolicyNames.1=a", "InvalidQueryParameter: the parameter PolicyNames.1 does not exist in this operation"},
		{"no-index", set + "&PolicyNames.member=a", "InvalidQueryParameter: the parameter PolicyNames.member does not exist in this operation"},
		{"index-zero", set + "&PolicyNames.member.0=a", "InvalidQueryParameter: the index '0' in PolicyNames.member.0 is not allowed: use 1 to 10000"},
		{"index-high", set + "&PolicyNames.member.10001=a", "InvalidQueryParameter: the index '10001' in PolicyNames.member.10001 is not allowed: use 1 to 10000"},
		{"index-spelling", set + "&PolicyNames.member.01=a", "InvalidQueryParameter: the index '01' in PolicyNames.member.01 is not allowed: use 1 to 10000"},
		{"index-plus", set + "&PolicyNames.member.%2B1=a", "InvalidQueryParameter: the index '+1' in PolicyNames.member.+1 is not allowed: use 1 to 10000"},
		{"index-word", set + "&PolicyNames.member.x=a", "InvalidQueryParameter: the index 'x' in PolicyNames.member.x is not allowed: use 1 to 10000"},
		{"index-huge", set + "&PolicyNames.member.99999999999999999999=a", "InvalidQueryParameter: the index '99999999999999999999' in PolicyNames.member.99999999999999999999 is not allowed: use 1 to 10000"},
		{"list-twice", set + "&PolicyNames.member.1=a&PolicyNames.member.1=b", "InvalidQueryParameter: PolicyNames.member.1 is given more than once"},
		{"list-both", set + "&PolicyNames.member.1=a&PolicyNames=", "InvalidQueryParameter: PolicyNames is given both as an empty list and with members"},
		{"list-value", set + "&PolicyNames=a", "ValidationError: PolicyNames must be a list: 'a' is not, use PolicyNames.member.1"},
		{"list-empty-member", set + "&PolicyNames.member.1=", "ValidationError: PolicyNames.member.1 cannot be empty"},
		{"list-missing", set, "MissingParameter: the parameter PolicyNames is required"},
		{"struct-value", modify + "=a", "ValidationError: LoadBalancerAttributes must be a structure: 'a' is not"},
		{"struct-member-value", head("RegisterInstancesWithLoadBalancer") + "&LoadBalancerName=a&Instances.member.3=i-1", "ValidationError: Instances.member.3 must be a structure: 'i-1' is not"},
		{"struct-missing", head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=a", "MissingParameter: the parameter LoadBalancerAttributes is required"},
		{"string-missing", head("DeleteLoadBalancer"), "MissingParameter: the parameter LoadBalancerName is required"},
		{"string-empty", head("DeleteLoadBalancer") + "&LoadBalancerName=", "ValidationError: LoadBalancerName cannot be empty"},
		{"member-missing", head("ConfigureHealthCheck") + "&LoadBalancerName=a&HealthCheck.Target=TCP:80", "MissingParameter: the parameter HealthCheck.Interval is required"},
		{"number", modify + ".ConnectionSettings.IdleTimeout=abc", "ValidationError: LoadBalancerAttributes.ConnectionSettings.IdleTimeout must be a whole number: 'abc' is not, allowed is 1 to 4000"},
		{"number-plus", modify + ".ConnectionSettings.IdleTimeout=%2B1", "ValidationError: LoadBalancerAttributes.ConnectionSettings.IdleTimeout must be a whole number: '+1' is not, allowed is 1 to 4000"},
		{"number-empty", modify + ".ConnectionSettings.IdleTimeout=", "ValidationError: LoadBalancerAttributes.ConnectionSettings.IdleTimeout must be a whole number: '' is not, allowed is 1 to 4000"},
		{"number-wide", modify + ".ConnectionSettings.IdleTimeout=4294967326", "ValidationError: LoadBalancerAttributes.ConnectionSettings.IdleTimeout must be a whole number: '4294967326' is not, allowed is 1 to 4000"},
		{"number-unranged", modify + ".AccessLog.Enabled=true&LoadBalancerAttributes.AccessLog.EmitInterval=5m", "ValidationError: LoadBalancerAttributes.AccessLog.EmitInterval must be a whole number: '5m' is not"},
		{"boolean", modify + ".CrossZoneLoadBalancing.Enabled=True", "ValidationError: LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled must be true or false: 'True' is not"},
	})
}

func TestDecodeInvalid(t *testing.T) {
	t.Parallel()
	modify := head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=a&LoadBalancerAttributes."
	check := func(target string, interval, timeout, unhealthy, healthy int) string {
		return head("ConfigureHealthCheck") + "&LoadBalancerName=a" + fmt.Sprintf("&HealthCheck.Target=%s&HealthCheck.Interval=%d&HealthCheck.Timeout=%d&HealthCheck.UnhealthyThreshold=%d&HealthCheck.HealthyThreshold=%d", url.QueryEscape(target), interval, timeout, unhealthy, healthy)
	}
	listener := func(protocol, port, back, backPort string) string {
		return head("CreateLoadBalancerListeners") + "&LoadBalancerName=a&Listeners.member.1.Protocol=" + protocol + "&Listeners.member.1.LoadBalancerPort=" + port + "&Listeners.member.1.InstanceProtocol=" + back + "&Listeners.member.1.InstancePort=" + backPort
	}
	create := func(name string) string {
		return head("CreateLoadBalancer") + "&LoadBalancerName=" + name + "&Listeners.member.1.Protocol=TCP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=80"
	}
	badName := func(name string) string {
		return "ValidationError: LoadBalancerName '" + name + "' is not allowed: use at most 32 letters, digits and hyphens, not beginning or ending with a hyphen"
	}
	policy := func(name string) string {
		return head("CreateLBCookieStickinessPolicy") + "&LoadBalancerName=a&PolicyName=" + name
	}
	tags := head("AddTags") + "&LoadBalancerNames.member.1=a&Tags.member.1.Key="
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "&LoadBalancerNames.member.%d=lb", i+1)
		}
		return b.String()
	}
	const idle = "ConnectionSettings.IdleTimeout"
	refuses(t, []refused{
		{"idle-0", modify + idle + "=0", "ValidationError: LoadBalancerAttributes." + idle + " 0 is out of range: allowed is 1 to 4000"},
		{"idle-4001", modify + idle + "=4001", "ValidationError: LoadBalancerAttributes." + idle + " 4001 is out of range: allowed is 1 to 4000"},
		{"idle-negative", modify + idle + "=-1", "ValidationError: LoadBalancerAttributes." + idle + " -1 is out of range: allowed is 1 to 4000"},
		{"draining", modify + "ConnectionDraining.Enabled=true&LoadBalancerAttributes.ConnectionDraining.Timeout=3601", "ValidationError: LoadBalancerAttributes.ConnectionDraining.Timeout 3601 is out of range: allowed is 1 to 3600"},
		{"draining-enabled", modify + "ConnectionDraining.Timeout=300", "MissingParameter: the parameter LoadBalancerAttributes.ConnectionDraining.Enabled is required"},
		{"emit-interval", modify + "AccessLog.Enabled=true&LoadBalancerAttributes.AccessLog.EmitInterval=10", "ValidationError: LoadBalancerAttributes.AccessLog.EmitInterval 10 is not allowed: use 5 or 60"},
		{"log-prefix", modify + "AccessLog.Enabled=true&LoadBalancerAttributes.AccessLog.S3BucketPrefix=a/AWSLogs", "ValidationError: LoadBalancerAttributes.AccessLog.S3BucketPrefix 'a/AWSLogs' is not allowed: it must not contain AWSLogs"},
		{"desync", modify + "AdditionalAttributes.member.1.Key=elb.http.desyncmitigationmode&LoadBalancerAttributes.AdditionalAttributes.member.1.Value=foo", "ValidationError: elb.http.desyncmitigationmode 'foo' is not allowed: use monitor, defensive or strictest"},
		{"attribute", modify + "AdditionalAttributes.member.1.Key=elb.http2&LoadBalancerAttributes.AdditionalAttributes.member.1.Value=foo", "LoadBalancerAttributeNotFound: there is no attribute named 'elb.http2': the only additional one is elb.http.desyncmitigationmode"},
		{"attribute-pattern", modify + "AdditionalAttributes.member.1.Key=a-b", "ValidationError: LoadBalancerAttributes.AdditionalAttributes.member.1.Key 'a-b' is not allowed: use letters, digits and dots"},
		{"attribute-keyless", modify + "AdditionalAttributes.member.1.Value=monitor", "MissingParameter: the parameter LoadBalancerAttributes.AdditionalAttributes.member.1.Key is required"},
		{"attribute-valueless", modify + "AdditionalAttributes.member.1.Key=elb.http.desyncmitigationmode", "MissingParameter: the parameter LoadBalancerAttributes.AdditionalAttributes.member.1.Value is required"},
		{"interval", check("TCP:80", 301, 5, 2, 2), "ValidationError: HealthCheck.Interval 301 is out of range: allowed is 5 to 300"},
		{"timeout", check("TCP:80", 30, 61, 2, 2), "ValidationError: HealthCheck.Timeout 61 is out of range: allowed is 2 to 60"},
		{"timeout-interval", check("TCP:80", 30, 30, 2, 2), "ValidationError: HealthCheck Timeout 30 must be less than the Interval, which is 30"},
		{"unhealthy", check("TCP:80", 30, 5, 1, 2), "ValidationError: HealthCheck.UnhealthyThreshold 1 is out of range: allowed is 2 to 10"},
		{"healthy", check("TCP:80", 30, 5, 2, 11), "ValidationError: HealthCheck.HealthyThreshold 11 is out of range: allowed is 2 to 10"},
		{"target", check("foo:80/", 30, 5, 2, 2), "ValidationError: HealthCheck Target must begin with one of HTTP, TCP, HTTPS, SSL"},
		{"port-high", listener("TCP", "99999", "TCP", "80"), "ValidationError: Listeners.member.1.LoadBalancerPort 99999 is out of range: allowed is 1 to 65535"},
		{"port-0", listener("TCP", "80", "TCP", "0"), "ValidationError: Listeners.member.1.InstancePort 0 is out of range: allowed is 1 to 65535"},
		{"protocol", listener("UDP", "80", "TCP", "80"), "UnsupportedProtocol: Listeners.member.1.Protocol 'UDP' is not supported: use HTTP, HTTPS, TCP or SSL"},
		{"protocol-back", listener("TCP", "80", "", "80"), "UnsupportedProtocol: Listeners.member.1.InstanceProtocol '' is not supported: use HTTP, HTTPS, TCP or SSL"},
		{"layers", listener("http", "80", "tcp", "80"), "ValidationError: Listeners.member.1.InstanceProtocol TCP does not go with the Protocol HTTP: use HTTP or HTTPS on both sides, or TCP or SSL on both"},
		{"certificate", listener("HTTPS", "443", "HTTP", "80"), "ValidationError: Secure Listeners need to specify a SSLCertificateId"},
		{"certificate-empty", listener("SSL", "443", "SSL", "80") + "&Listeners.member.1.SSLCertificateId=", "ValidationError: Secure Listeners need to specify a SSLCertificateId"},
		{"no-listeners", head("CreateLoadBalancer") + "&LoadBalancerName=a", "ValidationError: Listeners cannot be empty"},
		{"empty-listeners", head("CreateLoadBalancer") + "&LoadBalancerName=a&Listeners=", "ValidationError: Listeners cannot be empty"},
		{"listener-port", head("DeleteLoadBalancerListeners") + "&LoadBalancerName=a&LoadBalancerPorts.member.2=0", "ValidationError: LoadBalancerPorts.member.2 0 is out of range: allowed is 1 to 65535"},
		{"name-hyphen", create("a-"), badName("a-")},
		{"name-underscore", create("a_b"), badName("a_b")},
		{"name-long", create(strings.Repeat("a", 33)), badName(strings.Repeat("a", 33))},
		{"name-newline", create("a%0A"), badName("a\n")},
		{"zones-and-subnets", create("a") + "&Subnets.member.1=s&AvailabilityZones.member.1=z", "ValidationError: Only one of SubnetIds or AvailabilityZones may be specified"},
		{"subnet-long", create("a") + "&Subnets.member.1=" + strings.Repeat("s", 256), "ValidationError: Subnets.member.1 has 256 characters: allowed is 1 to 255"},
		{"scheme", create("a") + "&Scheme=Internal", "InvalidScheme: Scheme 'Internal' is not allowed: use internet-facing or internal"},
		{"create-tags", create("a") + "&Tags=", "ValidationError: Tags cannot be empty"},
		{"create-tag-twice", create("a") + "&Tags.member.1.Key=k&Tags.member.2.Key=k", "DuplicateTagKeys: Tag key was specified more than once: k"},
		{"policy-reserved", policy("ELBSecurityPolicy-x"), "InvalidConfigurationRequest: PolicyName 'ELBSecurityPolicy-x' is not allowed: names that begin with ELBSecurityPolicy- are those of predefined policies"},
		{"policy-sample", policy("ELBSample-x"), "InvalidConfigurationRequest: PolicyName 'ELBSample-x' is not allowed: names that begin with ELBSample- are those of predefined policies"},
		{"policy-name", policy("a_b"), "ValidationError: PolicyName 'a_b' is not allowed: use letters, digits and hyphens"},
		{"policy-long", policy(strings.Repeat("a", 129)), "ValidationError: PolicyName has 129 characters: allowed is 1 to 128"},
		{"period", policy("a") + "&CookieExpirationPeriod=-1", "ValidationError: CookieExpirationPeriod -1 is out of range: allowed is at least 0"},
		{"page-0", head("DescribeLoadBalancers") + "&PageSize=0", "ValidationError: PageSize 0 is out of range: allowed is 1 to 400"},
		{"page-401", head("DescribeAccountLimits") + "&PageSize=401", "ValidationError: PageSize 401 is out of range: allowed is 1 to 400"},
		{"tag-key-long", tags + strings.Repeat("%C3%A9", 129), "ValidationError: Tags.member.1.Key has 129 characters: allowed is 1 to 128"},
		{"tag-value-long", tags + "k&Tags.member.1.Value=" + strings.Repeat("v", 257), "ValidationError: Tags.member.1.Value has 257 characters: allowed is 0 to 256"},
		{"tag-key-character", tags + "%3Ck%3E", "ValidationError: Tags.member.1.Key '<k>' is not allowed: use letters, digits, spaces and + - = . _ : / @"},
		{"tag-reserved", tags + "aws:k", "ValidationError: Tags.member.1.Key 'aws:k' is not allowed: keys that begin with aws: are reserved"},
		{"tag-space", tags + "k+", "ValidationError: Tags.member.1 begins or ends with a space, in its key or its value: neither is allowed"},
		{"tag-twice", tags + "k&Tags.member.2.Key=k", "DuplicateTagKeys: Tag key was specified more than once: k"},
		{"tags-none", head("RemoveTags") + "&LoadBalancerNames.member.1=a", "ValidationError: Tags cannot be empty"},
		{"tags-of-two", head("AddTags") + names(2) + "&Tags.member.1.Key=k", "ValidationError: LoadBalancerNames has 2 members: allowed is exactly 1"},
		{"tags-of-none", head("DescribeTags"), "ValidationError: LoadBalancerNames cannot be empty"},
		{"tags-of-21", head("DescribeTags") + names(21), "ValidationError: LoadBalancerNames has 21 members: allowed is 1 to 20"},
	})
}

// The bounds of every range are allowed themselves.
func TestDecodeBounds(t *testing.T) {
	t.Parallel()
	modify := head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=a&LoadBalancerAttributes."
	for _, form := range []string{
		modify + "ConnectionSettings.IdleTimeout=1", modify + "ConnectionSettings.IdleTimeout=4000",
		modify + "ConnectionDraining.Enabled=true&LoadBalancerAttributes.ConnectionDraining.Timeout=3600",
		modify + "AccessLog.Enabled=true&LoadBalancerAttributes.AccessLog.EmitInterval=5",
		head("ConfigureHealthCheck") + "&LoadBalancerName=a&HealthCheck.Target=tcp:65535&HealthCheck.Interval=5&HealthCheck.Timeout=2&HealthCheck.UnhealthyThreshold=10&HealthCheck.HealthyThreshold=2",
		head("ConfigureHealthCheck") + "&LoadBalancerName=a&HealthCheck.Target=tcp:1&HealthCheck.Interval=300&HealthCheck.Timeout=60&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=10",
		head("CreateLBCookieStickinessPolicy") + "&LoadBalancerName=a&CookieExpirationPeriod=0&PolicyName=" + strings.Repeat("a", 128),
		head("AddTags") + "&LoadBalancerNames.member.1=a&Tags.member.1.Key=" + strings.Repeat("%C3%A9", 128) + "&Tags.member.1.Value=" + strings.Repeat("v", 256),
		head("CreateLoadBalancer") + "&Listeners.member.10000.Protocol=TCP&Listeners.member.10000.LoadBalancerPort=1&Listeners.member.10000.InstancePort=65535&LoadBalancerName=" + strings.Repeat("a", 32),
	} {
		if _, err := decode(form); err != nil {
			t.Errorf("%.120s: %v", form, err)
		}
	}
}

func TestDecodeLargeLists(t *testing.T) {
	t.Parallel()
	var form strings.Builder
	form.WriteString(head("RegisterInstancesWithLoadBalancer") + "&LoadBalancerName=a")
	for i := range listMax {
		fmt.Fprintf(&form, "&Instances.member.%d.InstanceId=i-%017x", listMax-i, i)
	}
	got, err := decode(form.String())
	if err != nil {
		t.Fatal(err)
	}
	instances := got.(*RegisterInstancesWithLoadBalancerRequest).Instances
	if last := instances[listMax-1].InstanceID; len(instances) != listMax || last != "i-00000000000000000" {
		t.Errorf("got %d instances ending in %s, want %d ending in the first one sent", len(instances), last, listMax)
	}
	var many strings.Builder
	many.WriteString(head("DescribeLoadBalancers"))
	for i := range parametersMax {
		fmt.Fprintf(&many, "&X-Amz-%d", i)
	}
	refuses(t, []refused{{"parameters", many.String(), "InvalidQueryParameter: the request has too many parameters: at most 32768 are allowed"}})
}

// failing is a body that breaks off.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, os.ErrDeadlineExceeded }

func TestReadBodyBreaksOff(t *testing.T) {
	t.Parallel()
	_, err := ReadBody(failing{})
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code != InvalidQueryParameter || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want InvalidQueryParameter for a deadline", err)
	}
}

// What a request holds must be able to tell an absent value from an empty one.
func TestShapesOfRequests(t *testing.T) {
	t.Parallel()
	if len(operations) != 29 {
		t.Errorf("got %d operations, want 29", len(operations))
	}
	var walk func(t *testing.T, s *shape)
	walk = func(t *testing.T, s *shape) {
		t.Helper()
		for _, m := range s.members {
			if !m.required && !m.optional && m.shape.kind != kindList {
				t.Errorf("%v.%s is neither required nor a pointer", s.typ, m.name)
			}
			if m.shape.kind == kindTime {
				t.Errorf("%v.%s is a time, which no request has", s.typ, m.name)
			}
			walk(t, m.shape)
		}
		if s.elem != nil {
			walk(t, s.elem)
		}
	}
	for action, op := range operations {
		if want := action + "Request"; op.request.typ.Name() != want {
			t.Errorf("%s is asked with %s, want %s", action, op.request.typ.Name(), want)
		}
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			walk(t, op.request)
		})
	}
}

func TestShapeOfMistakes(t *testing.T) {
	t.Parallel()
	type nameless struct{ A string }
	type twice struct {
		A string `wire:"A"`
		B string `wire:"A"`
	}
	type floating struct {
		A float64 `wire:"A"`
	}
	type unranged struct {
		A int32 `wire:"A" range:"x"`
	}
	type unending struct {
		A int32 `wire:"A" range:"1-x"`
	}
	type unmatched struct {
		A string `wire:"A" match:"nothing"`
	}
	for _, c := range []reflect.Type{
		reflect.TypeFor[nameless](), reflect.TypeFor[twice](), reflect.TypeFor[floating](),
		reflect.TypeFor[unranged](), reflect.TypeFor[unending](), reflect.TypeFor[unmatched](),
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v: got a shape, want a panic", c)
				}
			}()
			shapeOf(c)
		}()
	}
}

// FuzzDecode wants every body to end in a request or in an *Error of the sender's, and what is accepted to be within
// its bounds and to be carried by XML.
func FuzzDecode(f *testing.F) {
	for _, form := range []string{
		"", "Action", head("DescribeLoadBalancers") + "&PageSize=1&LoadBalancerNames.member.3=a",
		head("ModifyLoadBalancerAttributes") + "&LoadBalancerName=a&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=30&LoadBalancerAttributes.AdditionalAttributes.member.1.Key=elb.http.desyncmitigationmode&LoadBalancerAttributes.AdditionalAttributes.member.1.Value=monitor",
		head("CreateLoadBalancer") + "&LoadBalancerName=a&Listeners.member.1.Protocol=https&Listeners.member.1.LoadBalancerPort=443&Listeners.member.1.InstancePort=80&Listeners.member.1.SSLCertificateId=x&Tags.member.1.Key=k",
		head("SetLoadBalancerPoliciesOfListener") + "&LoadBalancerName=a&LoadBalancerPort=80&PolicyNames=",
	} {
		f.Add(form)
	}
	f.Fuzz(func(t *testing.T, body string) {
		got, err := decode(body)
		var refusal *Error
		if err != nil {
			if !errors.As(err, &refusal) || refusal.Code.fault() != "Sender" || refusal.Message == "" {
				t.Fatalf("%q: got %v, want a refusal of the sender", body, err)
			}
			return
		}
		switch r := got.(type) {
		case *ModifyLoadBalancerAttributesRequest:
			if s := r.LoadBalancerAttributes.ConnectionSettings; s != nil && (s.IdleTimeout < 1 || s.IdleTimeout > 4000) {
				t.Errorf("%q: got the idle timeout %d", body, s.IdleTimeout)
			}
		case *DescribeLoadBalancersRequest:
			for _, name := range r.LoadBalancerNames {
				if !presentable(name) || name == "" {
					t.Errorf("%q: got the name %q", body, name)
				}
			}
		}
	})
}
