package awselb

import (
	"reflect"
	"slices"
	"testing"

	"lull/internal/control/awselb/query"
)

// The commands of the user guide and of the aws command's examples, in their order and by their numbers in the list of commands that
// lull is held against, as the command puts them on the wire. They are run for real in conformance/awselb.

// step is one command; want is what then holds, nil: nothing that another step does not show.
type step struct {
	row, body string
	want      func(r *rig) (got, want any)
}

// take takes steps in a row.
func (r *rig) take(steps []step) {
	r.t.Helper()
	for _, s := range steps {
		result := r.formOK(s.body)
		if s.want == nil {
			if result != (query.Empty{}) {
				r.t.Errorf("row %s: got %+v, want nothing", s.row, result)
			}
			continue
		}
		if got, want := s.want(r); !reflect.DeepEqual(got, want) {
			r.t.Errorf("row %s: got %+v, want %+v", s.row, got, want)
		}
	}
	r.checkStored()
}

const describeWeb = "Action=DescribeLoadBalancers&LoadBalancerNames.member.1=web"

// web describes the load balancer web.
func (r *rig) web() query.LoadBalancerDescription {
	r.t.Helper()
	result, ok := r.formOK(describeWeb).(query.DescribeLoadBalancersResult)
	if !ok || len(result.LoadBalancerDescriptions) != 1 {
		r.t.Fatalf("got %+v, want one load balancer", result)
	}
	return result.LoadBalancerDescriptions[0]
}

// policiesOn wants a listener to have policies, and the load balancer others by kind.
func policiesOn(port int32, names []string, all query.Policies) func(r *rig) (got, want any) {
	type answer struct {
		names []string
		all   query.Policies
	}
	return func(r *rig) (got, want any) {
		web := r.web()
		i := slices.IndexFunc(web.ListenerDescriptions, func(l query.ListenerDescription) bool { return l.Listener.LoadBalancerPort == port })
		return answer{web.ListenerDescriptions[i].PolicyNames, web.Policies}, answer{names, all}
	}
}

// describedAs wants a policy to have these attributes and no others.
func describedAs(name string, attributes map[string]string) func(r *rig) (got, want any) {
	return func(r *rig) (got, want any) { return r.describedPolicy(name), attributes }
}

// trueOnly wants an SSL negotiation policy to have these attributes on, and 94 in all besides a reference.
func trueOnly(name, reference string, names ...string) func(r *rig) (got, want any) {
	type answer struct {
		reference string
		on        []string
		count     int
	}
	return func(r *rig) (any, any) {
		described := r.describedPolicy(name)
		got := answer{reference: described[attributeReference]}
		delete(described, attributeReference)
		got.count = len(described)
		for attribute, value := range described {
			if value == valueTrue {
				got.on = append(got.on, attribute)
			}
		}
		slices.Sort(got.on)
		slices.Sort(names)
		return got, answer{reference, names, 94}
	}
}

// secureWeb is the load balancer web with an HTTPS listener, and with another.
func secureWeb(t *testing.T, instancePort int32, instanceProtocol string, other listener) *rig {
	t.Helper()
	r := newRig(t)
	r.have("web", func(d *document) {
		d.Listeners = []listener{
			other,
			{Protocol: "HTTPS", Port: 443, InstanceProtocol: instanceProtocol, InstancePort: instancePort, CertificateID: rigARN, Policies: []string{defaultSSLPolicy}},
		}
		d.usePredefined(defaultSSLPolicy)
	})
	return r
}

const describeSSL = "Action=DescribeLoadBalancerPolicies&LoadBalancerName=web&PolicyNames.member.1=my-SSLNegotiation-policy"

func TestChecklistPredefined(t *testing.T) {
	t.Parallel()
	http := listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80}
	secureWeb(t, 80, "HTTP", http).take([]step{
		{"32", createForm("my-SSLNegotiation-policy", typeSSLNegotiation, "Reference-Security-Policy=ELBSecurityPolicy-TLS-1-2-2017-01"), nil},
		{"33", describeSSL, trueOnly("my-SSLNegotiation-policy", "ELBSecurityPolicy-TLS-1-2-2017-01", "Protocol-TLSv1.2", "Server-Defined-Cipher-Order",
			"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256",
			"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384",
			"AES128-GCM-SHA256", "AES128-SHA256", "AES256-GCM-SHA384", "AES256-SHA256")},
		{"34", enableForm(443, "my-SSLNegotiation-policy"), nil},
		{"35", describeWeb, policiesOn(443, []string{"my-SSLNegotiation-policy"}, query.Policies{OtherPolicies: []string{defaultSSLPolicy, "my-SSLNegotiation-policy"}})},
		{"35", describeWeb, policiesOn(80, nil, query.Policies{OtherPolicies: []string{defaultSSLPolicy, "my-SSLNegotiation-policy"}})},
		{"C32", enableForm(443), nil},
		{"C32", describeWeb, policiesOn(443, nil, query.Policies{OtherPolicies: []string{defaultSSLPolicy, "my-SSLNegotiation-policy"}})},
		{"C14", deleteForm("my-SSLNegotiation-policy"), nil},
		{"C14", deleteForm("my-SSLNegotiation-policy"), nil},
	})
}

// TestChecklistCustom has one cipher more than the guide, whose only one is not in lull: see TestSSLPolicyRefusals.
func TestChecklistCustom(t *testing.T) {
	t.Parallel()
	http := listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80}
	secureWeb(t, 443, "HTTPS", http).take([]step{
		{"36", createForm("my-SSLNegotiation-policy", typeSSLNegotiation, append(guidePolicy(), "AES256-SHA=true")...), nil},
		{"37", describeSSL, trueOnly("my-SSLNegotiation-policy", "", "Protocol-TLSv1.1", "Protocol-TLSv1.2", "Server-Defined-Cipher-Order", "DHE-RSA-AES256-SHA256", "AES256-SHA")},
		{"38", enableForm(443, "my-SSLNegotiation-policy"), nil},
		{"39", describeWeb, policiesOn(443, []string{"my-SSLNegotiation-policy"}, query.Policies{OtherPolicies: []string{defaultSSLPolicy, "my-SSLNegotiation-policy"}})},
		{"60", createForm("other", typeSSLNegotiation, append(guidePolicy(), "AES256-SHA=true")...), nil},
		{"62", enableForm(443, "other"), nil},
		{"C14", deleteForm("my-SSLNegotiation-policy"), nil},
	})
}

func TestChecklistBackendAuthentication(t *testing.T) {
	t.Parallel()
	key, _ := newPublicKey(t)
	r := secureWeb(t, 443, "HTTPS", listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80})
	r.take([]step{
		{"40", createForm("my-PublicKey-policy", typePublicKey, "PublicKey="+key), nil},
		{"41", createForm("my-authentication-policy", typeBackendAuthentication, "PublicKeyPolicyName=my-PublicKey-policy"), nil},
		{"42", backendForm(443, "my-authentication-policy"), nil},
		{"43", "Action=DescribeLoadBalancerPolicies&LoadBalancerName=web", describedAs("my-PublicKey-policy", map[string]string{"PublicKey": key})},
		{"44", "Action=DescribeLoadBalancerPolicies&LoadBalancerName=web&PolicyNames.member.1=my-authentication-policy",
			describedAs("my-authentication-policy", map[string]string{"PublicKeyPolicyName": "my-PublicKey-policy"})},
		{"45", healthForm("HTTP:80/ping", 30, 3, 2, 2), func(r *rig) (got, want any) {
			return r.web().HealthCheck, query.HealthCheck{Target: "HTTP:80/ping", Interval: 30, Timeout: 3, UnhealthyThreshold: 2, HealthyThreshold: 2}
		}},
	})
}

func TestChecklistStickiness(t *testing.T) {
	t.Parallel()
	tcp := listener{Protocol: "TCP", Port: 80, InstanceProtocol: "TCP", InstancePort: 80}
	own := []query.LBCookieStickinessPolicy{{PolicyName: "my-duration-cookie-policy", CookieExpirationPeriod: new(int64(60))}}
	app := []query.AppCookieStickinessPolicy{{PolicyName: "my-app-cookie-policy", CookieName: "my-app-cookie"}}
	other := []string{defaultSSLPolicy}
	r := secureWeb(t, 443, "HTTPS", tcp)
	r.take([]step{
		{"64", "Action=CreateLBCookieStickinessPolicy&LoadBalancerName=web&PolicyName=my-duration-cookie-policy&CookieExpirationPeriod=60", nil},
		{"65", enableForm(443, "my-duration-cookie-policy"), nil},
		{"66", describeWeb, policiesOn(443, []string{"my-duration-cookie-policy"}, query.Policies{LBCookieStickinessPolicies: own, OtherPolicies: other})},
		{"66", enableForm(443, "my-duration-cookie-policy", defaultSSLPolicy), nil},
		{"66", describeWeb, policiesOn(443, []string{"my-duration-cookie-policy", defaultSSLPolicy}, query.Policies{LBCookieStickinessPolicies: own, OtherPolicies: other})},
		{"67", "Action=CreateAppCookieStickinessPolicy&LoadBalancerName=web&PolicyName=my-app-cookie-policy&CookieName=my-app-cookie", nil},
		{"68", enableForm(443, "my-app-cookie-policy"), nil},
		{"C14", deleteForm("my-duration-cookie-policy"), nil},
		{"69", describeWeb, policiesOn(443, []string{"my-app-cookie-policy"}, query.Policies{AppCookieStickinessPolicies: app, OtherPolicies: other})},
		{"69", describeWeb, policiesOn(80, nil, query.Policies{AppCookieStickinessPolicies: app, OtherPolicies: other})},
		{"C21", describeWeb, describedAs("my-app-cookie-policy", map[string]string{"CookieName": "my-app-cookie"})},
	})
	d := r.document("web")
	if p, err := d.sslPolicy(d.listener(443)); err != nil || p.Name != defaultSSLPolicy {
		t.Errorf("got %v and %v: TLS goes on by the default policy", p, err)
	}
}

func TestChecklistProxyProtocol(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", func(d *document) {
		d.Listeners = []listener{{Protocol: "TCP", Port: 80, InstanceProtocol: "TCP", InstancePort: 80}}
	})
	backends := func(want ...query.BackendServerDescription) func(r *rig) (any, any) {
		return func(r *rig) (any, any) { return r.web().BackendServerDescriptions, want }
	}
	r.take([]step{
		{"72", createForm("my-existing-policy", typeProxyProtocol, "ProxyProtocol=false"), nil},
		{"71", createForm("my-ProxyProtocol-policy", typeProxyProtocol, "ProxyProtocol=true"), nil},
		{"C21", describeWeb, describedAs("my-ProxyProtocol-policy", map[string]string{"ProxyProtocol": "true"})},
		{"C31", backendForm(80, "my-ProxyProtocol-policy"), nil},
		{"73", describeWeb, backends(query.BackendServerDescription{InstancePort: 80, PolicyNames: []string{"my-ProxyProtocol-policy"}})},
		{"72", backendForm(80, "my-ProxyProtocol-policy", "my-existing-policy"), nil},
		{"73", describeWeb, backends(query.BackendServerDescription{InstancePort: 80, PolicyNames: []string{"my-ProxyProtocol-policy", "my-existing-policy"}})},
		{"74", backendForm(80, "my-existing-policy"), nil},
		{"75", backendForm(80), nil},
		{"76", describeWeb, backends()},
	})
}

func TestChecklistAttributes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	for _, c := range []struct {
		row      string
		settings []string
		want     query.Attributes
	}{
		{"1", []string{"ConnectionSettings.IdleTimeout=30"}, query.Attributes{ConnectionSettings: &query.ConnectionSettings{IdleTimeout: 30}}},
		{"2", []string{"ConnectionDraining.Enabled=true", "ConnectionDraining.Timeout=300"}, query.Attributes{ConnectionDraining: &query.ConnectionDraining{Enabled: true, Timeout: new(int32(300))}}},
		{"3", []string{"ConnectionDraining.Enabled=false"}, query.Attributes{ConnectionDraining: &query.ConnectionDraining{Timeout: new(int32(300))}}},
		{"4", []string{"CrossZoneLoadBalancing.Enabled=true"}, query.Attributes{CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{Enabled: true}}},
		{"6", []string{"CrossZoneLoadBalancing.Enabled=false"}, query.Attributes{CrossZoneLoadBalancing: &query.CrossZoneLoadBalancing{}}},
		{
			"8", []string{"AccessLog.Enabled=true", "AccessLog.S3BucketName=my-loadbalancer-logs", "AccessLog.EmitInterval=60", "AccessLog.S3BucketPrefix=my-app"},
			query.Attributes{AccessLog: &query.AccessLog{Enabled: true, S3BucketName: new("my-loadbalancer-logs"), EmitInterval: new(int32(60)), S3BucketPrefix: new("my-app")}},
		},
		{
			"9", []string{"AccessLog.Enabled=false"},
			query.Attributes{AccessLog: &query.AccessLog{S3BucketName: new("my-loadbalancer-logs"), EmitInterval: new(int32(60)), S3BucketPrefix: new("my-app")}},
		},
		{"10", desyncForm("strictest"), query.Attributes{AdditionalAttributes: []query.AdditionalAttribute{{Key: new(query.DesyncMitigationMode), Value: new("strictest")}}}},
	} {
		got := r.formOK(modifyForm(c.settings...))
		if want := (query.ModifyLoadBalancerAttributesResult{LoadBalancerName: "web", LoadBalancerAttributes: c.want}); !reflect.DeepEqual(got, want) {
			t.Errorf("row %s: got %+v, want %+v", c.row, got, want)
		}
	}
}
