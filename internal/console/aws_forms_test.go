package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// told returns what the API tells, as JSON.
func (r *awsRig) told(action, params string) string {
	r.t.Helper()
	text, err := json.Marshal(r.call(action, params))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// awsFormCase is one form: what is typed, the command that is shown for that, and what the API tells afterwards.
type awsFormCase struct {
	name, page string
	before     [2]string // a call that makes what the form is about
	typed      map[string]string
	command    string // without its endpoint
	asked      string // the call that tells of it; "": DescribeLoadBalancers
	want       string // in its answer
	unwanted   string
}

// TestAWSForms: every form does what it says, and shows the command that does the same.
func TestAWSForms(t *testing.T) {
	t.Parallel()
	const (
		attributes = "DescribeLoadBalancerAttributes"
		tags       = "DescribeTags"
		tagged     = "LoadBalancerNames.member.1=web&Tags.member.1.Key=team&Tags.member.1.Value=red"
		policies   = "DescribeLoadBalancerPolicies"
		cookie     = "LoadBalancerName=web&PolicyName=sticky"
	)
	cases := []awsFormCase{
		{
			name: "create", page: "aws-create?", typed: map[string]string{"LoadBalancerName": "api", "Listeners.member.1.Protocol": "TCP", "Listeners.member.1.InstanceProtocol": "TCP", "Listeners.member.1.LoadBalancerPort": "81", "AvailabilityZones": "us-west-2a, us-west-2b"},
			command: `aws elb create-load-balancer --load-balancer-name api --listeners "[{\"Protocol\":\"TCP\",\"LoadBalancerPort\":81,\"InstanceProtocol\":\"TCP\",\"InstancePort\":80}]" --availability-zones us-west-2a us-west-2b --scheme internet-facing`,
			want:    `"LoadBalancerName":"api"`,
		},
		{name: "delete", page: "aws-delete?", command: "aws elb delete-load-balancer --load-balancer-name web", unwanted: `"LoadBalancerName":"web"`},
		{
			name: "security-groups", page: "aws-security-groups?", typed: map[string]string{"SecurityGroups": "sg-1 sg-2"},
			command: "aws elb apply-security-groups-to-load-balancer --load-balancer-name web --security-groups sg-1 sg-2", want: `"SecurityGroups":["sg-1","sg-2"]`,
		},
		{
			name: "draining", page: "aws-draining?", typed: map[string]string{drainingParam + "Enabled": "on", drainingParam + "Timeout": "20"}, asked: attributes,
			command: `aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes "{\"ConnectionDraining\":{\"Enabled\":true,\"Timeout\":20}}"`,
			want:    `"ConnectionDraining":{"Enabled":true,"Timeout":20}`,
		},
		{
			name: "cross-zone", page: "aws-cross-zone?", typed: map[string]string{crossZoneParam: "on"}, asked: attributes,
			command: `aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes "{\"CrossZoneLoadBalancing\":{\"Enabled\":true}}"`,
			want:    `"CrossZoneLoadBalancing":{"Enabled":true}`,
		},
		{
			name: "desync", page: "aws-desync?", typed: map[string]string{desyncParam + "Value": "strictest"}, asked: attributes,
			command: `aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes "{\"AdditionalAttributes\":[{\"Key\":\"elb.http.desyncmitigationmode\",\"Value\":\"strictest\"}]}"`,
			want:    `"Value":"strictest"`,
		},
		{
			name: "access-logs-off", page: "aws-access-logs?", typed: map[string]string{logParam + "S3BucketName": "logs", logParam + "EmitInterval": "5"}, asked: attributes,
			command: `aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes "{\"AccessLog\":{\"Enabled\":false,\"S3BucketName\":\"logs\",\"EmitInterval\":5,\"S3BucketPrefix\":\"\"}}"`,
			want:    `"S3BucketName":"logs","EmitInterval":5`,
		},
		{
			name: "access-logs-on", page: "aws-access-logs?", typed: map[string]string{logParam + "Enabled": "on", logParam + "S3BucketName": "logs", logParam + "S3BucketPrefix": "web"}, asked: attributes,
			command: `aws elb modify-load-balancer-attributes --load-balancer-name web --load-balancer-attributes "{\"AccessLog\":{\"Enabled\":true,\"S3BucketName\":\"logs\",\"EmitInterval\":60,\"S3BucketPrefix\":\"web\"}}"`,
			want:    `"AccessLog":{"Enabled":true,"S3BucketName":"logs","EmitInterval":60,"S3BucketPrefix":"web"}`,
		},
		{
			name: "health-check", page: "aws-health-check?", typed: map[string]string{"HealthCheck.Target": "HTTP:80/ok?a=b", "HealthCheck.HealthyThreshold": "3"},
			command: `aws elb configure-health-check --load-balancer-name web --health-check "{\"Target\":\"HTTP:80/ok?a=b\",\"Interval\":30,\"Timeout\":5,\"UnhealthyThreshold\":2,\"HealthyThreshold\":3}"`,
			want:    `"HealthCheck":{"Target":"HTTP:80/ok?a=b","Interval":30,"Timeout":5,"UnhealthyThreshold":2,"HealthyThreshold":3}`,
		},
		{
			name: "instances-add", page: "aws-instances-add?", typed: map[string]string{"Instances": "i-1\r\n10.0.0.7, i-2"},
			command: `aws elb register-instances-with-load-balancer --load-balancer-name web --instances "[{\"InstanceId\":\"i-1\"},{\"InstanceId\":\"10.0.0.7\"},{\"InstanceId\":\"i-2\"}]"`,
			want:    `"Instances":[{"InstanceID":"i-1"},{"InstanceID":"10.0.0.7"},{"InstanceID":"i-2"}]`,
		},
		{
			name: "instance-remove", page: "aws-instance-remove?instance=i-1&", before: [2]string{"RegisterInstancesWithLoadBalancer", "LoadBalancerName=web&Instances.member.1.InstanceId=i-1"},
			command: `aws elb deregister-instances-from-load-balancer --load-balancer-name web --instances "[{\"InstanceId\":\"i-1\"}]"`, unwanted: "i-1",
		},
		{
			name: "zones-add", page: "aws-zones-add?", typed: map[string]string{"AvailabilityZones": "us-west-2b"},
			command: "aws elb enable-availability-zones-for-load-balancer --load-balancer-name web --availability-zones us-west-2b", want: `"AvailabilityZones":["us-west-2a","us-west-2b"]`,
		},
		{
			name: "zones-remove", page: "aws-zones-remove?", before: [2]string{"EnableAvailabilityZonesForLoadBalancer", "LoadBalancerName=web&AvailabilityZones.member.1=us-west-2b"}, typed: map[string]string{"AvailabilityZones": "us-west-2a"},
			command: "aws elb disable-availability-zones-for-load-balancer --load-balancer-name web --availability-zones us-west-2a", want: `"AvailabilityZones":["us-west-2b"]`,
		},
		{
			name: "listener-create", page: "aws-listener-create?", typed: map[string]string{"Listeners.member.1.Protocol": "SSL", "Listeners.member.1.LoadBalancerPort": "8443", "Listeners.member.1.InstanceProtocol": "TCP", "Listeners.member.1.SSLCertificateId": awsCertificate},
			command: `aws elb create-load-balancer-listeners --load-balancer-name web --listeners "[{\"Protocol\":\"SSL\",\"LoadBalancerPort\":8443,\"InstanceProtocol\":\"TCP\",\"InstancePort\":80,\"SSLCertificateId\":\"` + awsCertificate + `\"}]"`,
			want:    `"LoadBalancerPort":8443`,
		},
		{name: "listener-delete", page: "aws-listener-delete?port=80&", command: "aws elb delete-load-balancer-listeners --load-balancer-name web --load-balancer-ports 80", unwanted: `"LoadBalancerPort":80,`},
		{
			name: "certificate", page: "aws-listener-certificate?port=443&", typed: map[string]string{"SSLCertificateId": awsCertificate + "-2"},
			command: "aws elb set-load-balancer-listener-ssl-certificate --load-balancer-name web --load-balancer-port 443 --ssl-certificate-id " + awsCertificate + "-2", want: awsCertificate + `-2"`,
		},
		{
			name: "lb-cookie", page: "aws-policy-lb-cookie?", typed: map[string]string{"PolicyName": "sticky", "CookieExpirationPeriod": "60"},
			command: "aws elb create-lb-cookie-stickiness-policy --load-balancer-name web --policy-name sticky --cookie-expiration-period 60", want: `"PolicyName":"sticky","CookieExpirationPeriod":60`,
		},
		{
			name: "app-cookie", page: "aws-policy-app-cookie?", typed: map[string]string{"PolicyName": "sticky", "CookieName": "SESSION"},
			command: "aws elb create-app-cookie-stickiness-policy --load-balancer-name web --policy-name sticky --cookie-name SESSION", want: `"PolicyName":"sticky","CookieName":"SESSION"`,
		},
		{
			name: "ssl", page: "aws-policy-ssl?", typed: map[string]string{"PolicyName": "strict", "PolicyAttributes.member.1.AttributeValue": "ELBSecurityPolicy-TLS-1-2-2017-01"},
			command: `aws elb create-load-balancer-policy --load-balancer-name web --policy-name strict --policy-type-name SSLNegotiationPolicyType --policy-attributes "[{\"AttributeName\":\"Reference-Security-Policy\",\"AttributeValue\":\"ELBSecurityPolicy-TLS-1-2-2017-01\"}]"`,
			asked:   policies, want: `"PolicyName":"strict"`,
		},
		{
			name: "policy-create", page: "aws-policy-create?", typed: map[string]string{"PolicyName": "proxied", "PolicyTypeName": "ProxyProtocolPolicyType", "PolicyAttributes": " ProxyProtocol = true\r\n"},
			command: `aws elb create-load-balancer-policy --load-balancer-name web --policy-name proxied --policy-type-name ProxyProtocolPolicyType --policy-attributes "[{\"AttributeName\":\"ProxyProtocol\",\"AttributeValue\":\"true\"}]"`,
			asked:   policies, want: `"PolicyName":"proxied"`,
		},
		{
			name: "policy-delete", page: "aws-policy-delete?policy=sticky&", before: [2]string{"CreateLBCookieStickinessPolicy", cookie},
			command: "aws elb delete-load-balancer-policy --load-balancer-name web --policy-name sticky", unwanted: "sticky",
		},
		{
			name: "listener-policies", page: "aws-listener-policies?port=443&", before: [2]string{"CreateLBCookieStickinessPolicy", cookie}, typed: map[string]string{"stickiness": "sticky"},
			command: "aws elb set-load-balancer-policies-of-listener --load-balancer-name web --load-balancer-port 443 --policy-names sticky ELBSecurityPolicy-2016-08",
			want:    `"PolicyNames":["sticky","ELBSecurityPolicy-2016-08"]`,
		},
		{
			name: "stickiness-off", page: "aws-listener-policies?port=80&", command: `aws elb set-load-balancer-policies-of-listener --load-balancer-name web --load-balancer-port 80 --policy-names "[]"`, want: `"LoadBalancerPort":80`,
		},
		{
			name: "instance-port", page: "aws-instance-port?port=8080&", before: [2]string{"CreateLoadBalancerPolicy", "LoadBalancerName=web&PolicyName=keys&PolicyTypeName=ProxyProtocolPolicyType&PolicyAttributes.member.1.AttributeName=ProxyProtocol&PolicyAttributes.member.1.AttributeValue=true"},
			typed:   map[string]string{"PolicyNames": "keys"},
			command: "aws elb set-load-balancer-policies-for-backend-server --load-balancer-name web --instance-port 8080 --policy-names keys", want: `"BackendServerDescriptions":[{"InstancePort":8080,"PolicyNames":["keys"]}]`,
		},
		{
			name: "tag-add", page: "aws-tag-add?", typed: map[string]string{tagKeyParam: "team", tagValueParam: "blue"}, asked: tags,
			command: `aws elb add-tags --load-balancer-names web --tags "[{\"Key\":\"team\",\"Value\":\"blue\"}]"`, want: `"Key":"team","Value":"blue"`,
		},
		{
			name: "tag-edit", page: "aws-tag-edit?key=team&", before: [2]string{"AddTags", tagged}, typed: map[string]string{tagValueParam: "blue"}, asked: tags,
			command: `aws elb add-tags --load-balancer-names web --tags "[{\"Key\":\"team\",\"Value\":\"blue\"}]"`, want: `"Key":"team","Value":"blue"`,
		},
		{
			name: "tag-remove", page: "aws-tag-remove?key=team&", before: [2]string{"AddTags", tagged}, asked: tags,
			command: `aws elb remove-tags --load-balancer-names web --tags "[{\"Key\":\"team\"}]"`, unwanted: "team",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t) })
	}
}

func (c *awsFormCase) run(t *testing.T) {
	r := newAWSRig(t)
	if c.before[0] != "" {
		r.call(c.before[0], c.before[1])
	}
	b := r.loggedIn(adminID)
	form := b.get(Root + c.page + "load_balancer=web").want(http.StatusOK)
	page, _, _ := strings.Cut(c.page, "?")
	asked := b.do(http.MethodPost, Root+page+previewSuffix, sentAll(form, c.typed)).want(http.StatusOK)
	if got, want := text(asked.one("pre")), c.command+" --endpoint-url http://127.0.0.1:8440"; got != want {
		t.Errorf("command:\ngot  %s\nwant %s", got, want)
	}
	answer := b.do(http.MethodPost, Root+page, sentAll(form, c.typed)).want(http.StatusSeeOther)
	params := "LoadBalancerName=web"
	switch c.asked {
	case "":
		c.asked, params = "DescribeLoadBalancers", ""
	case "DescribeTags":
		params = "LoadBalancerNames.member.1=web"
	}
	if got := r.told(c.asked, params); !strings.Contains(got, c.want) || c.unwanted != "" && strings.Contains(got, c.unwanted) {
		t.Errorf("got %s\nwant %s, and not %s", got, c.want, c.unwanted)
	}
	if after := b.get(answer.Header().Get("Location")).want(http.StatusOK); text(after.one("p.flash")) == "" {
		t.Error("nothing is said of it")
	}
}

// sentAll is sent with text areas.
func sentAll(a *answer, typed map[string]string) url.Values {
	out := sent(a, nil)
	for _, n := range within(a.one("form.edit"), "textarea") {
		out.Set(attr(n, "name"), text(n))
	}
	for name, value := range typed {
		out.Set(name, value)
	}
	return out
}

// TestAWSFormFaults: what the API refuses stands at the field that it is about.
func TestAWSFormFaults(t *testing.T) {
	t.Parallel()
	const markup = `"><img src=x onerror=alert(1)>`
	cases := []struct {
		name, page  string
		typed       map[string]string
		field, want string // no field: above the form
	}{
		{"name", "aws-create?", map[string]string{"LoadBalancerName": markup}, "LoadBalancerName", "letters, digits and hyphens"},
		{"name-taken", "aws-create?", map[string]string{"LoadBalancerName": "web"}, "LoadBalancerName", "already"},
		{"port", "aws-create?", map[string]string{"LoadBalancerName": "api", "Listeners.member.1.LoadBalancerPort": "65536"}, "Listeners.member.1.LoadBalancerPort", "1 to 65535"},
		{"zone", "aws-create?", map[string]string{"LoadBalancerName": "api", "AvailabilityZones": markup}, "AvailabilityZones", ""},
		{"no-zone", "aws-create?", map[string]string{"LoadBalancerName": "api", "AvailabilityZones": ""}, "AvailabilityZones", "must be specified"},
		{"certificate", "aws-listener-create?", map[string]string{"Listeners.member.1.Protocol": "HTTPS", "Listeners.member.1.LoadBalancerPort": "444", "Listeners.member.1.SSLCertificateId": markup}, "Listeners.member.1.SSLCertificateId", "not found"},
		{"no-certificate", "aws-listener-create?", map[string]string{"Listeners.member.1.Protocol": "SSL", "Listeners.member.1.InstanceProtocol": "TCP"}, "Listeners.member.1.SSLCertificateId", "need to specify"},
		{"other-certificate", "aws-listener-certificate?port=443&", map[string]string{"SSLCertificateId": "arn:none"}, "SSLCertificateId", "not found"},
		{"taken-port", "aws-listener-create?", map[string]string{"Listeners.member.1.InstancePort": "81"}, "", "already exists"},
		{"draining", "aws-draining?", map[string]string{drainingParam + "Enabled": "on", drainingParam + "Timeout": "99999999999999999999"}, drainingParam + "Timeout", "99999"},
		{"target", "aws-health-check?", map[string]string{"HealthCheck.Target": markup}, "HealthCheck.Target", ""},
		{"timeout", "aws-health-check?", map[string]string{"HealthCheck.Timeout": "30"}, "HealthCheck.Timeout", "less than the Interval"},
		{"instance", "aws-instances-add?", map[string]string{"Instances": "i-1 " + markup}, "Instances", ""},
		{"long-instance", "aws-instances-add?", map[string]string{"Instances": strings.Repeat("i", 256)}, "Instances", "1 to 255"},
		{"no-instance", "aws-instances-add?", map[string]string{"Instances": " "}, "Instances", ""},
		{"policy", "aws-policy-lb-cookie?", map[string]string{"PolicyName": markup}, "PolicyName", "letters, digits and hyphens"},
		{"period", "aws-policy-lb-cookie?", map[string]string{"PolicyName": "a", "CookieExpirationPeriod": "-1"}, "CookieExpirationPeriod", "-1"},
		{"instance-port", "aws-instance-port?port=8080&", map[string]string{"PolicyNames": "none"}, "PolicyNames", "none"},
		{"tag", "aws-tag-add?", map[string]string{tagKeyParam: markup}, tagKeyParam, "letters, digits"},
		{"reserved-tag", "aws-tag-add?", map[string]string{tagKeyParam: "aws:x"}, tagKeyParam, "reserved"},
		{"instance-gone", "aws-instance-remove?instance=i-9&", nil, "", "not registered"},
		{"log", "aws-access-logs?", map[string]string{logParam + "Enabled": "on", logParam + "S3BucketName": ""}, logParam + "S3BucketName", "empty"},
		{"log-bucket", "aws-access-logs?", map[string]string{logParam + "Enabled": "on", logParam + "S3BucketName": "elsewhere"}, logParam + "S3BucketName", "Access Denied for bucket: elsewhere"},
		{"last-zone", "aws-zones-remove?", map[string]string{"AvailabilityZones": "us-west-2a"}, "", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newAWSRig(t)
			b := r.loggedIn(adminID)
			before := r.told("DescribeLoadBalancers", "")
			form := b.get(Root + c.page + "load_balancer=web").want(http.StatusOK)
			page, _, _ := strings.Cut(c.page, "?")
			a := b.do(http.MethodPost, Root+page, sentAll(form, c.typed)).want(http.StatusUnprocessableEntity)
			at := "form-error"
			if c.field != "" {
				at = "e-" + c.field
			} else if len(a.all("[id=form-error]")) == 0 {
				at = "e-AvailabilityZones"
			}
			if got := text(a.one("[id=" + at + "]")); !strings.Contains(got, c.want) || len(a.all("img")) != 0 {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if after := r.told("DescribeLoadBalancers", ""); after != before {
				t.Errorf("it has changed:\n%s\n%s", before, after)
			}
		})
	}
}

// TestAWSStale: what somebody else has changed meanwhile is shown, and neither overwritten nor deleted unseen.
func TestAWSStale(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	b := r.loggedIn(adminID)
	open := func(page string) url.Values { return sentAll(b.get(Root+page).want(http.StatusOK), nil) }
	send := func(page string, values url.Values, status int) *answer {
		t.Helper()
		return b.do(http.MethodPost, Root+page, values).want(status)
	}
	remove, listener := open("aws-delete?load_balancer=web"), open("aws-listener-delete?load_balancer=web&port=80")
	add := open("aws-tag-add?load_balancer=web")
	r.call("DeleteLoadBalancerListeners", "LoadBalancerName=web&LoadBalancerPorts.member.1=80")
	r.call("CreateLoadBalancerListeners", "LoadBalancerName=web&Listeners.member.1.Protocol=TCP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=9")
	r.call("AddTags", "LoadBalancerNames.member.1=web&Tags.member.1.Key=team&Tags.member.1.Value=red")
	add.Set(tagKeyParam, "team")
	add.Set(tagValueParam, "blue")
	if a := send("aws-tag-add", add, http.StatusUnprocessableEntity); !strings.Contains(text(a.one("form.edit")), "'red'") {
		t.Errorf("a tag that there is: got %s", a.Body)
	}
	shown := send("aws-listener-delete", listener, http.StatusConflict)
	if got := text(shown.one("main")); !strings.Contains(got, "You saw: HTTP 80 to HTTP 8080") || !strings.Contains(got, "Now it is: TCP 80 to TCP 9") {
		t.Errorf("a listener: got %q", got)
	}
	send("aws-delete", remove, http.StatusConflict)
	if got := r.told("DescribeLoadBalancers", ""); !strings.Contains(got, `"LoadBalancerPort":80`) || !strings.Contains(r.told("DescribeTags", "LoadBalancerNames.member.1=web"), "red") {
		t.Errorf("got %s", got)
	}
	send("aws-listener-delete", sentAll(shown, nil), http.StatusSeeOther)
	if got := r.told("DescribeLoadBalancers", ""); strings.Contains(got, `"LoadBalancerPort":80,`) {
		t.Errorf("sent again: got %s", got)
	}
	send("aws-listener-delete", sentAll(shown, nil), http.StatusNotFound)
	const strict = "LoadBalancerName=web&PolicyTypeName=SSLNegotiationPolicyType&PolicyAttributes.member.1.AttributeName=Reference-Security-Policy&PolicyAttributes.member.1.AttributeValue=ELBSecurityPolicy-"
	r.call("CreateLoadBalancerPolicy", strict+"2015-05&PolicyName=theirs")
	r.call("CreateLoadBalancerPolicy", strict+"TLS-1-2-2017-01&PolicyName=mine")
	policies := open("aws-listener-policies?load_balancer=web&port=443")
	r.call("SetLoadBalancerPoliciesOfListener", "LoadBalancerName=web&LoadBalancerPort=443&PolicyNames.member.1=theirs")
	policies.Set("negotiation", "mine")
	a := send("aws-listener-policies", policies, http.StatusConflict)
	if got := text(a.one("[id=e-negotiation]")); !strings.Contains(got, "set it to theirs") {
		t.Errorf("policies: got %q", got)
	}
}

// awsNames are names that every form finds something by, in the rig that awsEverything makes.
const awsNames = "load_balancer=web&policy=sticky&key=team&instance=i-1&port="

// awsEverything gives the load balancer something of everything.
func awsEverything(t testing.TB) *awsRig {
	t.Helper()
	r := newAWSRig(t)
	r.call("CreateLBCookieStickinessPolicy", "LoadBalancerName=web&PolicyName=sticky")
	r.call("AddTags", "LoadBalancerNames.member.1=web&Tags.member.1.Key=team&Tags.member.1.Value=red")
	r.call("RegisterInstancesWithLoadBalancer", "LoadBalancerName=web&Instances.member.1.InstanceId=i-1")
	return r
}

// TestAWSPages: every form and tab is reached by links from the list, a reader gets no button on any of them and is refused when sending it
// all the same, and without names, or with markup for names, there is an answer.
func TestAWSPages(t *testing.T) {
	t.Parallel()
	r := awsEverything(t)
	admin, reader := r.loggedIn(adminID), r.loggedIn(readerID)
	seen := map[string]string{}
	for todo := []string{"/console/"}; len(todo) > 0; todo = todo[1:] {
		a := admin.get(todo[0]).want(http.StatusOK)
		inline(t, todo[0], a.tree())
		for _, n := range a.all("a") {
			to := attr(n, "href")
			page, _, _ := strings.Cut(strings.TrimPrefix(to, Root), "?")
			if key := page + tabIn(to); (strings.HasPrefix(page, "aws-") || page == "load-balancer") && seen[key] == "" {
				seen[key] = to
				todo = append(todo, to)
			}
		}
	}
	if got := text(admin.get(to("load-balancer", "load_balancer", "web")).one("dl.facts")); !strings.Contains(got, "Addresses 127.0.0.16") {
		t.Errorf("the description has no address to connect to: %q", got)
	}
	for page := range awsEdits() {
		if seen[page] == "" && !strings.HasPrefix(page, "aws-subnets-") {
			t.Errorf("no link leads to %s", page)
		}
	}
	before := r.told("DescribeLoadBalancers", "")
	for page, to := range seen {
		a := reader.get(to).want(http.StatusOK)
		if len(a.all("a.button"))+len(a.all("form.edit"))+len(a.all("pre")) != 0 {
			t.Errorf("%s: a reader sees\n%s", page, a.Body)
		}
		if strings.HasPrefix(page, "aws-") {
			reader.do(http.MethodPost, Root+page, url.Values{"csrf": {reader.csrf()}, "load_balancer": {"web"}, "port": {"80"}}).want(http.StatusForbidden)
			admin.do(http.MethodPost, Root+page, sentAll(admin.get(to), map[string]string{"csrf": "forged"})).want(http.StatusForbidden)
		}
	}
	if after := r.told("DescribeLoadBalancers", ""); after != before {
		t.Errorf("it has changed:\n%s\n%s", before, after)
	}
	const markup = "%22%3E%3Cimg%20src%3Dx%3E"
	for page := range awsEdits() {
		for _, query := range []string{"", "?load_balancer=" + markup, "?" + strings.ReplaceAll(awsNames, "=", "="+markup), "?load_balancer=web&port=" + markup + "&policy=" + markup + "&key=" + markup + "&instance=" + markup} {
			a := admin.get(Root + page + query)
			if a.Code >= 500 || len(a.all("img")) != 0 || !slices.Contains([]int{200, 404, 400}, a.Code) {
				t.Errorf("%s%s: got %d", page, query, a.Code)
			}
			inline(t, page, a.tree())
		}
	}
}

// TestAWSSubnets: a load balancer in subnets gets and loses them; it has no forms for zones.
func TestAWSSubnets(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	r.call("CreateLoadBalancer", "LoadBalancerName=inner&Subnets.member.1=subnet-1&Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=8080")
	b := r.loggedIn(adminID)
	for _, step := range []struct{ label, page, typed, command, want string }{
		{"Attach subnets", "aws-subnets-add", "subnet-2", "attach-load-balancer-to-subnets --load-balancer-name inner --subnets subnet-2", `"Subnets":["subnet-1","subnet-2"]`},
		{"Detach subnets", "aws-subnets-remove", "subnet-1", "detach-load-balancer-from-subnets --load-balancer-name inner --subnets subnet-1", `"Subnets":["subnet-2"]`},
	} {
		tab := b.get("/console/load-balancer?load_balancer=inner&tab=instances").want(http.StatusOK)
		if slices.Contains(tab.links(), "Enable zones") {
			t.Error("there are forms for zones")
		}
		form := sent(b.get(tab.linkTo(step.label)).want(http.StatusOK), map[string]string{"Subnets": step.typed})
		asked := b.do(http.MethodPost, Root+step.page+previewSuffix, form).want(http.StatusOK)
		if got, want := text(asked.one("pre")), "aws elb "+step.command+" --endpoint-url http://127.0.0.1:8440"; got != want {
			t.Errorf("command:\ngot  %s\nwant %s", got, want)
		}
		b.do(http.MethodPost, Root+step.page, form).want(http.StatusSeeOther)
		if got := r.told("DescribeLoadBalancers", "LoadBalancerNames.member.1=inner"); !strings.Contains(got, step.want) {
			t.Errorf("got %s\nwant %s", got, step.want)
		}
	}
	a := b.do(http.MethodPost, Root+"aws-subnets-remove", sent(b.get(Root+"aws-subnets-remove?load_balancer=inner"), map[string]string{"Subnets": "subnet-2"})).want(http.StatusUnprocessableEntity)
	if got := text(a.one("form.edit")); !strings.Contains(got, "at least one subnet") || !strings.Contains(r.told("DescribeLoadBalancers", ""), `"Subnets":["subnet-2"]`) {
		t.Errorf("the last one: got %q", got)
	}
}

// TestReaderPreview: who may only read may ask what a form would do, as its command line may; no page with a button comes of it, and nothing
// changes.
func TestReaderPreview(t *testing.T) {
	t.Parallel()
	r := newAWSRig(t)
	r.engine.set(func() { r.engine.conns = others(40) })
	b := r.loggedIn(readerID)
	if b.get("/console/aws-idle-timeout?load_balancer=web").want(http.StatusOK); r.engine.walks != 0 {
		t.Error("a form without a button has cost a look at the connections")
	}
	values := url.Values{"csrf": {b.csrf()}, "load_balancer": {"web"}, idleParam: {"1"}, "was." + idleParam: {"60"}}
	page := b.do(http.MethodPost, "/console/aws-idle-timeout-preview", values).want(http.StatusOK)
	if len(page.all("form.edit"))+len(page.all("button[type=submit]"))+len(page.all("pre")) != 0 {
		t.Errorf("a reader sees\n%s", page.Body)
	}
	part := b.do(http.MethodPost, "/console/aws-idle-timeout-preview", values, func(q *http.Request) { q.Header.Set("Hx-Request", "true") }).want(http.StatusOK)
	if got := text(part.one("p")); got != "It closes 21 of 40 open connections now." || r.idleNow() != 60 {
		t.Errorf("got %q, idle timeout %d", got, r.idleNow())
	}
	values.Set("csrf", "forged")
	b.do(http.MethodPost, "/console/aws-idle-timeout-preview", values).want(http.StatusForbidden)
}

// tabIn returns the tab that an address has.
func tabIn(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Query().Get("tab")
}
