package awselb

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

const (
	httpListener  = "&Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=80"
	httpsListener = "&Listeners.member.1.Protocol=https&Listeners.member.1.LoadBalancerPort=443&Listeners.member.1.InstancePort=80" +
		"&Listeners.member.1.SSLCertificateId=" + rigARN
	inZoneA = "&AvailabilityZones.member.1=us-west-2a"
)

// create returns the form that creates a load balancer with an HTTP listener in zone us-west-2a.
func create(name string) string {
	return "Action=CreateLoadBalancer&LoadBalancerName=" + name + httpListener + inZoneA
}

// made makes a request by its form, which must succeed.
func made[Result any](r *rig, form string) Result {
	r.t.Helper()
	request, err := r.form(form)
	if err != nil {
		r.t.Fatalf("%s: %v", form, err)
	}
	return must[Result](r, request)
}

// described returns what is told of a load balancer.
func (r *rig) described(name string) query.LoadBalancerDescription {
	r.t.Helper()
	list := must[query.DescribeLoadBalancersResult](r, &query.DescribeLoadBalancersRequest{LoadBalancerNames: []string{name}})
	if len(list.LoadBalancerDescriptions) != 1 {
		r.t.Fatalf("got %d descriptions of %s, want one", len(list.LoadBalancerDescriptions), name)
	}
	return list.LoadBalancerDescriptions[0]
}

func TestCreateLoadBalancerDefaults(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name := made[query.CreateLoadBalancerResult](r, create("web")).DNSName
	want := query.LoadBalancerDescription{
		LoadBalancerName: "web", DNSName: name, CanonicalHostedZoneName: &name, CanonicalHostedZoneNameID: new(hostedZoneID),
		ListenerDescriptions: []query.ListenerDescription{
			{Listener: query.Listener{Protocol: "HTTP", LoadBalancerPort: 80, InstanceProtocol: new("HTTP"), InstancePort: 80}},
		},
		AvailabilityZones: []string{"us-west-2a"},
		HealthCheck:       query.HealthCheck{Target: "TCP:80", Interval: 30, Timeout: 5, UnhealthyThreshold: 2, HealthyThreshold: 10},
		SourceSecurityGroup: &query.SourceSecurityGroup{
			OwnerAlias: "amazon-elb", GroupName: "amazon-elb-sg",
		},
		CreatedTime: time.Date(2026, 3, 1, 10, 20, 30, 123_000_000, time.UTC), Scheme: "internet-facing",
	}
	if got := r.described("web"); !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	if addresses, found := r.LookupDNS(strings.ToLower(name)); !found || len(addresses) != 1 || addresses[0] != netip.MustParseAddr("127.0.0.16") {
		t.Errorf("got %v, want the first address of the pool", addresses)
	}
	if r.running("web") == nil {
		t.Error("it does not run")
	}
	r.checkStored()
}

func TestCreateLoadBalancerInSubnets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name := made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=my-internal-loadbalancer"+httpsListener+
		"&Subnets.member.1=subnet-4e05f721&Subnets.member.2=subnet-0ecac448&Subnets.member.3=subnet-4e05f721&Scheme=internal"+
		"&SecurityGroups.member.1=sg-b9ffedd5&SecurityGroups.member.2=sg-a61988c3&SecurityGroups.member.3=sg-b9ffedd5"+
		"&Tags.member.1.Key=project&Tags.member.1.Value=lima&Tags.member.2.Key=empty").DNSName
	got := r.described("my-internal-loadbalancer")
	want := query.LoadBalancerDescription{
		LoadBalancerName: "my-internal-loadbalancer", DNSName: name, CanonicalHostedZoneNameID: new(hostedZoneID),
		ListenerDescriptions: []query.ListenerDescription{{
			Listener: query.Listener{
				Protocol: "HTTPS", LoadBalancerPort: 443, InstanceProtocol: new("HTTP"), InstancePort: 80, SSLCertificateID: new(rigARN),
			},
			PolicyNames: []string{"ELBSecurityPolicy-2016-08"},
		}},
		Policies:            query.Policies{OtherPolicies: []string{"ELBSecurityPolicy-2016-08"}},
		AvailabilityZones:   []string{"us-west-2a", "us-west-2b"},
		Subnets:             []string{"subnet-4e05f721", "subnet-0ecac448"},
		HealthCheck:         query.HealthCheck{Target: "TCP:80", Interval: 30, Timeout: 5, UnhealthyThreshold: 2, HealthyThreshold: 10},
		SourceSecurityGroup: &query.SourceSecurityGroup{OwnerAlias: rigAccount, GroupName: "sg-a61988c3"},
		SecurityGroups:      []string{"sg-a61988c3", "sg-b9ffedd5"},
		CreatedTime:         r.clock.Now(), Scheme: "internal",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v, want\n%+v", got, want)
	}
	if form := regexp.MustCompile(`^internal-my-internal-loadbalancer-[1-9][0-9]{8,9}\.us-west-2\.elb\.amazonaws\.com$`); !form.MatchString(name) {
		t.Errorf("the DNS name is %s", name)
	}
	tags := made[query.DescribeTagsResult](r, "Action=DescribeTags&LoadBalancerNames.member.1=my-internal-loadbalancer").TagDescriptions
	if len(tags) != 1 || !reflect.DeepEqual(tags[0].Tags, []query.Tag{{Key: "empty", Value: new("")}, {Key: "project", Value: new("lima")}}) {
		t.Errorf("got tags %+v", tags)
	}
	r.checkStored()
}

func TestCreateLoadBalancerRepeated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const zones = "&AvailabilityZones.member.1=us-west-2b&AvailabilityZones.member.2=us-west-2a"
	const more = "&SecurityGroups.member.1=sg-1&SecurityGroups.member.2=sg-2&Tags.member.1.Key=a&Tags.member.1.Value=b"
	base := "Action=CreateLoadBalancer&LoadBalancerName=web" + httpsListener
	name := made[query.CreateLoadBalancerResult](r, base+zones+more).DNSName
	subnets := made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=vpc"+httpListener+"&Subnets.member.1=subnet-1").DNSName
	_, revision := r.store.List("")

	for form, want := range map[string]string{
		base + zones + more: name,
		base + "&AvailabilityZones.member.1=us-west-2a&AvailabilityZones.member.2=us-west-2b&AvailabilityZones.member.3=us-west-2a" +
			"&Scheme=internet-facing&SecurityGroups.member.1=sg-2&SecurityGroups.member.2=sg-1&Tags.member.1.Key=a&Tags.member.1.Value=b": name,
		"Action=CreateLoadBalancer&LoadBalancerName=vpc" + httpListener + "&Subnets.member.1=subnet-1": subnets,
	} {
		if got := made[query.CreateLoadBalancerResult](r, form).DNSName; got != want {
			t.Errorf("%s: got %s, want %s again", form, got, want)
		}
	}
	if _, now := r.store.List(""); now != revision {
		t.Error("a repeat has changed something")
	}

	const taken = "The specified load balancer name already exists for this account: web"
	var wrong []wrongForm
	for name, form := range map[string]string{
		"scheme":            base + zones + more + "&Scheme=internal",
		"zones":             base + inZoneA + more,
		"subnets":           base + "&Subnets.member.1=subnet-1&Subnets.member.2=subnet-2" + more,
		"no-groups":         base + zones + "&Tags.member.1.Key=a&Tags.member.1.Value=b",
		"tag":               base + zones + strings.Replace(more, "Value=b", "Value=c", 1),
		"listener":          "Action=CreateLoadBalancer&LoadBalancerName=web" + httpListener + zones + more,
		"certificate":       strings.Replace(base, rigARN, rigARN2, 1) + zones + more,
		"instance-port":     strings.Replace(base, "InstancePort=80", "InstancePort=81", 1) + zones + more,
		"one-listener-more": base + zones + more + strings.ReplaceAll(httpListener, "member.1", "member.2"),
	} {
		wrong = append(wrong, wrongForm{name, form, query.DuplicateLoadBalancerName, taken})
	}
	made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=web2"+httpListener+"&AvailabilityZones.member.1=subnet-1")
	wrong = append(wrong, wrongForm{"zone-of-that-name", "Action=CreateLoadBalancer&LoadBalancerName=web2" + httpListener + "&Subnets.member.1=subnet-1",
		query.DuplicateLoadBalancerName, taken + "2"})
	r.checkWrong(wrong)
}

func TestCreateLoadBalancerWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.runtime.setOthers(&plan.LoadBalancer{Name: "of-the-file", Origin: "lull.yaml"})
	base := "Action=CreateLoadBalancer&LoadBalancerName=web"
	tags, groups, zones, listeners := "", "", "", ""
	for i := range 101 {
		listeners += fmt.Sprintf("&Listeners.member.%d.Protocol=TCP&Listeners.member.%d.LoadBalancerPort=%d&Listeners.member.%d.InstancePort=80", i+1, i+1, i+1000, i+1)
		if i <= tagsMax {
			tags += fmt.Sprintf("&Tags.member.%d.Key=k%d", i+1, i)
		}
		if i <= securityGroupsMax {
			groups += fmt.Sprintf("&SecurityGroups.member.%d=sg-%d", i+1, i)
		}
		if i <= zonesMax {
			zones += fmt.Sprintf("&AvailabilityZones.member.%d=zone-%d", i+1, i)
		}
	}
	r.checkWrong([]wrongForm{
		{"no-name", "Action=CreateLoadBalancer" + httpListener + inZoneA, query.MissingParameter, "…"},
		{"name-characters", create("my_lb"), query.ValidationError, "LoadBalancerName…"},
		{"name-hyphen", create("-web"), query.ValidationError, "LoadBalancerName…"},
		{"name-length", create(strings.Repeat("a", 33)), query.ValidationError, "LoadBalancerName…"},
		{"no-listeners", base + inZoneA, query.ValidationError, "Listeners cannot be empty"},
		{"empty-listeners", base + inZoneA + "&Listeners=", query.ValidationError, "Listeners cannot be empty"},
		{"neither", base + httpListener, query.ValidationError, "Either AvailabilityZones or SubnetIds must be specified"},
		{"both", base + httpListener + inZoneA + "&Subnets.member.1=subnet-1", query.ValidationError, "Only one of SubnetIds or AvailabilityZones may be specified"},
		{"scheme", base + httpListener + inZoneA + "&Scheme=public", query.InvalidScheme, "Scheme 'public' is not allowed…"},
		{"zone", base + httpListener + "&AvailabilityZones.member.1=%3Ca%3E", query.ValidationError, `Invalid Availability Zone: "<a>"…`},
		{"too-many-zones", base + httpListener + zones, query.InvalidConfigurationRequest, "…at most 16 Availability Zones"},
		{"subnet", base + httpListener + "&Subnets.member.1=us-west-2a", query.SubnetNotFound, "The subnet ID 'us-west-2a' does not exist…"},
		{
			"too-many-subnets", base + httpListener + "&Subnets.member.1=subnet-1&Subnets.member.2=subnet-2&Subnets.member.3=subnet-3&Subnets.member.4=subnet-4",
			query.InvalidConfigurationRequest, "The load balancer 'web' cannot be attached to multiple subnets in the same AZ…",
		},
		{"group", base + httpListener + inZoneA + "&SecurityGroups.member.1=default", query.InvalidSecurityGroup, "The security group 'default' does not exist…"},
		{"too-many-groups", base + httpListener + inZoneA + groups, query.InvalidConfigurationRequest, "A load balancer has at most 5 security groups, and these are 6"},
		{"empty-tags", base + httpListener + inZoneA + "&Tags=", query.ValidationError, "Tags cannot be empty"},
		{"duplicate-tags", base + httpListener + inZoneA + "&Tags.member.1.Key=k&Tags.member.2.Key=k", query.DuplicateTagKeys, "Tag key was specified more than once: k"},
		{"too-many-tags", base + httpListener + inZoneA + tags, query.TooManyTags, "…would have 51, and 50 are allowed"},
		{"too-many-listeners", base + listeners + inZoneA, query.InvalidConfigurationRequest, "The load balancer 'web' would have 101 listeners: 100 are allowed"},
		{"protocol", base + strings.Replace(httpListener, "HTTP", "UDP", 1) + inZoneA, query.UnsupportedProtocol, "…'UDP' is not supported: use HTTP, HTTPS, TCP or SSL"},
		{"certificate", base + strings.Replace(httpsListener, rigARN, "arn:aws:iam::1:server-certificate/x", 1) + inZoneA,
			query.CertificateNotFound, "Server Certificate not found for the key: arn:aws:iam::1:server-certificate/x"},
		{"other-door", create("of-the-file"), query.DuplicateLoadBalancerName,
			"The specified load balancer name already exists for this account: of-the-file (it is defined in lull.yaml)"},
	})
}

func TestCreateLoadBalancerRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.runtime.refuse(errors.New("bind web 127.0.0.16:80: address in use"))
	r.checkWrong([]wrongForm{{"bind", create("web"), query.InvalidConfigurationRequest, "…bind web 127.0.0.16:80: address in use"}})
	r.runtime.refuse(nil)
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	r.checkWrong([]wrongForm{{"store", create("web"), query.ServiceUnavailable, "The change could not be stored; nothing was changed: …"}})
	if _, found := r.LookupDNS("web"); found || r.running("web") != nil || len(r.Summaries()) != 0 {
		t.Error("something of it is there")
	}
}

func TestCreateLoadBalancerQuota(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	full := map[string]*balancer{}
	for i := range balancersMax {
		d := newDocument(fmt.Sprintf("lb-%d", i))
		full[d.Name] = &balancer{document: d, compiled: &plan.LoadBalancer{Name: d.Name}}
	}
	r.show(full)
	r.checkWrong([]wrongForm{{"quota", create("web"), query.TooManyLoadBalancers, "The quota for the number of load balancers has been reached: 2000 are allowed"}})
}

func TestDeleteLoadBalancer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name := made[query.CreateLoadBalancerResult](r, create("web")).DNSName
	for range 2 {
		made[query.Empty](r, "Action=DeleteLoadBalancer&LoadBalancerName=web")
	}
	if _, found := r.LookupDNS(name); found || r.running("web") != nil {
		t.Error("something of it is still there")
	}
	r.checkStored()

	// Its name is free again, and so is its address; its DNS name is not given again.
	if again := made[query.CreateLoadBalancerResult](r, create("web")).DNSName; again == name {
		t.Errorf("the DNS name %s was given again", again)
	}
	if got := r.document("web").Nodes[0].Address; got != netip.MustParseAddr("127.0.0.16") {
		t.Errorf("got the address %s, want the one that is free again", got)
	}

	r.runtime.setOthers(&plan.LoadBalancer{Name: "of-the-file", Origin: "lull.yaml"})
	r.checkWrong([]wrongForm{
		{"other-door", "Action=DeleteLoadBalancer&LoadBalancerName=of-the-file", query.OperationNotPermitted,
			"The load balancer 'of-the-file' is defined in lull.yaml and can only be changed there"},
		{"no-name", "Action=DeleteLoadBalancer", query.MissingParameter, "…"},
	})
	r.runtime.refuse(errors.New("no"))
	r.checkWrong([]wrongForm{{"runtime", "Action=DeleteLoadBalancer&LoadBalancerName=web", query.InvalidConfigurationRequest, "…"}})
}

// TestUnknownLoadBalancer asks everything here about a load balancer that there is not, but its deletion.
func TestUnknownLoadBalancer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.runtime.setOthers(&plan.LoadBalancer{Name: "of-the-file", Origin: "lull.yaml"})
	for action, rest := range map[string]string{
		"CreateLoadBalancerListeners":             "LoadBalancerName=NAME" + httpListener,
		"DeleteLoadBalancerListeners":             "LoadBalancerName=NAME&LoadBalancerPorts.member.1=80",
		"SetLoadBalancerListenerSSLCertificate":   "LoadBalancerName=NAME&LoadBalancerPort=80&SSLCertificateId=" + rigARN,
		"EnableAvailabilityZonesForLoadBalancer":  "LoadBalancerName=NAME" + inZoneA,
		"DisableAvailabilityZonesForLoadBalancer": "LoadBalancerName=NAME" + inZoneA,
		"AttachLoadBalancerToSubnets":             "LoadBalancerName=NAME&Subnets.member.1=subnet-1",
		"DetachLoadBalancerFromSubnets":           "LoadBalancerName=NAME&Subnets.member.1=subnet-1",
		"ApplySecurityGroupsToLoadBalancer":       "LoadBalancerName=NAME&SecurityGroups.member.1=sg-1",
		"AddTags":                                 "LoadBalancerNames.member.1=NAME&Tags.member.1.Key=k",
		"RemoveTags":                              "LoadBalancerNames.member.1=NAME&Tags.member.1.Key=k",
		"DescribeTags":                            "LoadBalancerNames.member.1=NAME",
		"DescribeLoadBalancers":                   "LoadBalancerNames.member.1=NAME",
	} {
		form := "Action=" + action + "&" + rest
		r.checkWrong([]wrongForm{
			{action, strings.ReplaceAll(form, "NAME", "x"), query.LoadBalancerNotFound, "There is no ACTIVE Load Balancer named 'x'"},
			{action + "/other-door", strings.ReplaceAll(form, "NAME", "of-the-file"), query.OperationNotPermitted,
				"The load balancer 'of-the-file' is defined in lull.yaml and can only be changed there"},
		})
	}
}

func TestDescribeLoadBalancersPolicies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", func(d *document) {
		d.Listeners[0].Policies = []string{"app"}
		d.Policies = []policy{
			{Name: "app", Type: "AppCookieStickinessPolicyType", Attributes: []attribute{{"CookieName", "my-app-cookie"}}},
			{Name: "browser", Type: "LBCookieStickinessPolicyType"},
			{Name: "browser-0", Type: "LBCookieStickinessPolicyType", Attributes: []attribute{{"CookieExpirationPeriod", "0"}}},
			{Name: "minute", Type: "LBCookieStickinessPolicyType", Attributes: []attribute{{"CookieExpirationPeriod", "60"}}},
			{Name: "proxy", Type: "ProxyProtocolPolicyType", Attributes: []attribute{{"ProxyProtocol", "true"}}},
		}
		d.BackendPolicies = map[int32][]string{8080: {"proxy"}, 80: {"proxy"}, 81: {}}
		d.Instances = []instance{{"i-2"}, {"i-1"}, {"10.0.0.5"}}
	})
	got := r.described("web")
	want := query.Policies{
		AppCookieStickinessPolicies: []query.AppCookieStickinessPolicy{{PolicyName: "app", CookieName: "my-app-cookie"}},
		LBCookieStickinessPolicies: []query.LBCookieStickinessPolicy{
			{PolicyName: "browser"}, {PolicyName: "browser-0"}, {PolicyName: "minute", CookieExpirationPeriod: new(int64(60))},
		},
		OtherPolicies: []string{"proxy"},
	}
	if !reflect.DeepEqual(got.Policies, want) {
		t.Errorf("got policies %+v, want %+v", got.Policies, want)
	}
	if want := []query.BackendServerDescription{{InstancePort: 80, PolicyNames: []string{"proxy"}}, {InstancePort: 8080, PolicyNames: []string{"proxy"}}}; !reflect.DeepEqual(got.BackendServerDescriptions, want) {
		t.Errorf("got %+v, want %+v", got.BackendServerDescriptions, want)
	}
	if want := []query.Instance{{InstanceID: "i-2"}, {InstanceID: "i-1"}, {InstanceID: "10.0.0.5"}}; !reflect.DeepEqual(got.Instances, want) {
		t.Errorf("got %+v, want the instances in the order of their registration", got.Instances)
	}
	if got := got.ListenerDescriptions[0].PolicyNames; !reflect.DeepEqual(got, []string{"app"}) {
		t.Errorf("got %v on the listener", got)
	}
}

func TestDescribeLoadBalancersPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, name := range []string{"c", "a", "d", "b"} {
		made[query.CreateLoadBalancerResult](r, create(name))
	}
	pages := func(form string) (got []string) {
		marker := ""
		for range 5 {
			result := made[query.DescribeLoadBalancersResult](r, "Action=DescribeLoadBalancers"+form+marker)
			var names []string
			for _, d := range result.LoadBalancerDescriptions {
				names = append(names, d.LoadBalancerName)
			}
			got = append(got, strings.Join(names, " "))
			if result.NextMarker == nil {
				break
			}
			marker = "&Marker=" + *result.NextMarker
		}
		return got
	}
	for form, want := range map[string][]string{
		"":                    {"a b c d"},
		"&LoadBalancerNames=": {"a b c d"},
		"&PageSize=3":         {"a b c", "d"},
		"&PageSize=2":         {"a b", "c d"},
		"&PageSize=400":       {"a b c d"},
		"&LoadBalancerNames.member.1=d&LoadBalancerNames.member.2=a&LoadBalancerNames.member.3=d": {"a d"},
		"&LoadBalancerNames.member.1=d&LoadBalancerNames.member.2=a&PageSize=1":                   {"a", "d"},
	} {
		if got := pages(form); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got pages %q, want %q", form, got, want)
		}
	}
	r.checkWrong([]wrongForm{
		{"one-unknown", "Action=DescribeLoadBalancers&LoadBalancerNames.member.1=a&LoadBalancerNames.member.2=x", query.LoadBalancerNotFound,
			"There is no ACTIVE Load Balancer named 'x'"},
		{"page-size-0", "Action=DescribeLoadBalancers&PageSize=0", query.ValidationError, "…"},
		{"page-size-401", "Action=DescribeLoadBalancers&PageSize=401", query.ValidationError, "…"},
		{"marker", "Action=DescribeLoadBalancers&Marker=abc", query.ValidationError, "…"},
	})
}

func TestReopened(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=vpc"+httpsListener+
		"&Subnets.member.1=subnet-1&SecurityGroups.member.1=sg-1&Tags.member.1.Key=a")
	made[query.SubnetsResult](r, "Action=AttachLoadBalancerToSubnets&LoadBalancerName=vpc&Subnets.member.1=subnet-2")
	before := []any{
		r.do(&query.DescribeLoadBalancersRequest{}), r.do(&query.DescribeTagsRequest{LoadBalancerNames: []string{"web", "vpc"}}), r.Summaries(),
	}
	r.clock.advance(time.Hour)
	r.reopen()
	after := []any{
		r.do(&query.DescribeLoadBalancersRequest{}), r.do(&query.DescribeTagsRequest{LoadBalancerNames: []string{"web", "vpc"}}), r.Summaries(),
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("got\n%+v, want what was told before:\n%+v", after, before)
	}
	r.checkStored()
	for _, name := range []string{"web", "vpc"} {
		if addresses, found := r.LookupDNS(r.document(name).DNSName); !found || len(addresses) != len(r.document(name).Nodes) {
			t.Errorf("got %v for %s", addresses, name)
		}
	}
	made[query.CreateLoadBalancerResult](r, create("web")) // still the same
	if got := made[query.CreateLoadBalancerResult](r, create("other")); r.document("other").Nodes[0].Address != netip.MustParseAddr("127.0.0.19") {
		t.Errorf("%s got the address %s, want the next", got.DNSName, r.document("other").Nodes[0].Address)
	}
}

// TestGivenUp makes requests whose client has gone: they may do nothing or all.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	request, err := r.form(create("web"))
	if err != nil {
		t.Fatal(err)
	}
	// The store may take the transaction up before it looks whether anybody still waits: then all of it is done.
	_, err = r.Do(ctx, request)
	if _, missing := r.find("web"); (err == nil) != (missing == nil) {
		t.Errorf("got error %v, and the load balancer: %v", err, missing)
	}
	r.checkStored()
}
