package awselb

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestRefusals asks for what no client stops and the server must.
func refusals() []section {
	const (
		listeners = `aws elb create-load-balancer-listeners --load-balancer-name my-loadbalancer --listeners `
		check     = `aws elb configure-health-check --load-balancer-name my-loadbalancer --health-check `
		invalid   = "ValidationError"
	)
	target := func(s string) string {
		return check + `Target=` + s + `,Interval=30,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=3`
	}
	return []section{
		{name: "attributes", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{id: "N1", line: modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":4001}}"`, code: invalid, message: `.*4000`},
			{id: "N1a", line: modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":7200}}"`, code: invalid, message: `.*4000`},
			{id: "N2", line: modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":1}}"`, want: modified(`"ConnectionSettings": {"IdleTimeout": 1}`)},
			{id: "N2a", line: modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":4000}}"`, want: modified(`"ConnectionSettings": {"IdleTimeout": 4000}`)},
			{
				id: "N3", line: `aws elb describe-load-balancer-attributes --load-balancer-name nobody`,
				code: "LoadBalancerNotFound", message: `There is no ACTIVE Load Balancer named 'nobody'`,
			},
			{id: "N12", line: modify + `"{\"AccessLog\":{\"Enabled\":true,\"S3BucketName\":\"b\",\"EmitInterval\":10}}"`, code: invalid, message: `.*EmitInterval`},
			{id: "N13", line: modify + `"{\"AdditionalAttributes\":[{\"Key\":\"elb.http.desyncmitigationmode\",\"Value\":\"foo\"}]}"`, code: invalid, message: `.*foo`},
			{
				id: "N13a", line: `aws elb describe-load-balancer-attributes --load-balancer-name my-loadbalancer`, // nothing of it has been done
				want: attributes("false", "false", "4000"),
			},
		}},
		{name: "listeners", setup: func(w *world) { w.inZones("my-loadbalancer") }, rows: []row{
			{id: "N5", line: listeners + `Protocol=HTTP,LoadBalancerPort=8088,InstanceProtocol=TCP,InstancePort=80`, code: invalid},
			{id: "N6", line: listeners + `Protocol=HTTP,LoadBalancerPort=99999,InstanceProtocol=HTTP,InstancePort=80`, code: invalid, message: `.*65535`},
			{
				id: "N11", line: listeners + `Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=8081`,
				code: "DuplicateListener", message: `A listener already exists for my-loadbalancer with LoadBalancerPort 80, but with a different InstancePort, Protocol, or SSLCertificateId`,
			},
			{id: "N11a", line: listeners + `Protocol=HTTP,LoadBalancerPort=80,InstanceProtocol=HTTP,InstancePort=80`},
			{id: "N7", line: check + `Target=TCP:80,Interval=30,UnhealthyThreshold=2,HealthyThreshold=2,Timeout=30`, code: invalid, message: `(?i).*timeout.*interval`},
			{id: "N8", line: target("TCP:1234/"), code: invalid, message: `.*HealthCheck Target must specify a port number`},
			{id: "N8a", line: target("HTTP:8080"), code: invalid},
			{id: "N8b", line: target("foo:80/"), code: invalid, message: `.*HealthCheck Target must begin with one of HTTP, TCP, HTTPS, SSL`},
			{
				id: "N8c", line: describe, // nothing of it has been done
				want: description("my-loadbalancer", `{"ListenerDescriptions": [`+described("HTTP", "80", "HTTP", "80", "")+`]}`),
			},
		}},
		{name: "places", setup: func(w *world) {
			w.inZones("my-loadbalancer")
			w.inSubnets("my-load-balancer", "subnet-15aaab61")
		}, rows: []row{
			{
				id: "N9", line: `aws elb detach-load-balancer-from-subnets --load-balancer-name my-load-balancer --subnets subnet-15aaab61`,
				code: "InvalidConfigurationRequest", status: http.StatusConflict,
			},
			{
				id: "N9a", line: `aws elb disable-availability-zones-for-load-balancer --load-balancer-name my-loadbalancer --availability-zones us-west-2a`,
				code: "InvalidConfigurationRequest", status: http.StatusConflict,
			},
			{
				id: "N10", line: `aws elb add-tags --load-balancer-name my-loadbalancer --tags Key=a,Value=1 Key=a,Value=2`,
				code: "DuplicateTagKeys", message: `Tag key was specified more than once: a`,
			},
			{
				id: "N4", line: `aws elb set-load-balancer-policies-of-listener --load-balancer-name my-loadbalancer --load-balancer-port 80 --policy-names none`,
				code: "PolicyNotFound", message: `There is no policy with name none for load balancer my-loadbalancer`,
			},
			{
				id:   "N14",
				line: `aws elb create-lb-cookie-stickiness-policy --load-balancer-name my-loadbalancer --policy-name ELBSecurityPolicy-x`,
				code: "InvalidConfigurationRequest", status: http.StatusConflict,
			},
			{
				id: "N16", line: `AWS_ACCESS_KEY_ID={id} AWS_SECRET_ACCESS_KEY=wrong aws elb describe-load-balancers`,
				before: func(w *world) { w.words["id"] = w.key },
				code:   "SignatureDoesNotMatch", status: http.StatusForbidden,
			},
			{
				id: "N16a", line: `AWS_ACCESS_KEY_ID=AKIDNOBODY AWS_SECRET_ACCESS_KEY=wrong aws elb delete-load-balancer --load-balancer-name my-loadbalancer`,
				code: `InvalidClientTokenId|UnrecognizedClientException`, status: http.StatusForbidden,
				after: func(w *world) { w.resolve("my-loadbalancer") }, // it is still there
			},
			{
				id: "N16b", line: `aws elb describe-load-balancers --no-sign-request`, unsigned: true,
				code: `MissingAuthenticationToken`, status: http.StatusForbidden,
			},
		}},
	}
}

// TestRefusedForms sends what no client does: N15.
func TestRefusedForms(t *testing.T) {
	t.Parallel()
	l := serve(t)
	for _, c := range []struct{ name, body, code string }{
		{"N15", "Version=2012-06-01", "MissingAction"},
		{"N15a", "Action=DescribeLoadBalancers&Version=2015-12-01", `\w+`},
		{"N15b", "Action=DescribeLoadBalancers&Version=2099-01-01", `\w+`},
		{"N15c", "Action=DescribeNothing&Version=2012-06-01", "InvalidAction"},
		{"N15d", "Action=DescribeLoadBalancers&Version=2012-06-01&Action=DeleteLoadBalancer", `\w+`},
		{"N15e", "Action=DescribeLoadBalancers&Version=2012-06-01&%zz", `\w+`},
		{"N15f", "Action=ModifyLoadBalancerAttributes&Version=2012-06-01&LoadBalancerName=x", "MissingParameter|ValidationError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, body := l.post(t, c.body)
			if status/100 != 4 || !regexp.MustCompile(`<Code>(`+c.code+`)</Code>`).MatchString(body) || !failure.MatchString(body) {
				t.Errorf("%s: got %d, %s, want %s", c.body, status, body, c.code)
			}
		})
	}
}

// post sends a signed form.
func (l *lull) post(t testing.TB, form string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.api+"/", strings.NewReader(form))
	if err != nil {
		t.Fatal(err)
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	hash := sha256.Sum256([]byte(form))
	who := aws.Credentials{AccessKeyID: l.key, SecretAccessKey: l.secret}
	if err := v4.NewSigner().SignHTTP(ctx, who, q, hex.EncodeToString(hash[:]), "elasticloadbalancing", l.region, time.Now()); err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// TestFacts holds the aws command itself against what the tables rely on: section 1 of the checklist, in its order.
func facts() []section {
	return []section{{name: "client", setup: func(w *world) {
		w.tell("i-1", "i-2")
		w.inZones("my-loadbalancer")
	}, rows: []row{
		{
			id: "F1", line: `aws elb describe-load-balancers --load-balancer-name my-loadbalancer --query "length(LoadBalancerDescriptions)"`, want: `1`,
			wire: []string{"LoadBalancerNames.member.1=my-loadbalancer"},
		},
		{
			id: "F3", line: `aws elb register-instances-with-load-balancer --load-balancer-name my-loadbalancer --instances i-1 i-2`,
			want: `{"Instances": [{"InstanceId": "i-1"}, {"InstanceId": "i-2"}]}`, wire: []string{"Instances.member.1.InstanceId=i-1", "Instances.member.2.InstanceId=i-2"},
		},
		{
			id: "F4", line: `aws elb describe-instance-health --load-balancer-name my-loadbalancer --instances InstanceId=i-1`,
			code: "InvalidInstance", wire: []string{"Instances.member.1.InstanceId=InstanceId=i-1"},
		},
		{
			id:   "F7",
			line: `aws elb create-load-balancer-listeners --load-balancer-name my-loadbalancer --listeners Protocol=tcp,LoadBalancerPort=8090,InstancePort=8090`,
			wire: []string{"Listeners.member.1.Protocol=tcp"},
		},
		{
			id:   "F7a",
			line: `aws elb describe-load-balancers --query "LoadBalancerDescriptions[].ListenerDescriptions[?Listener.LoadBalancerPort==\` + "`8090\\`" + `].Listener[]"`,
			want: `[{"Protocol": "TCP", "LoadBalancerPort": 8090, "InstanceProtocol": "TCP", "InstancePort": 8090}]`,
		},
		{id: "F9", line: `aws elb configure-health-check --load-balancer-name my-loadbalancer --health-check Target=TCP:80,Interval=1,Timeout=2,UnhealthyThreshold=2,HealthyThreshold=2`, client: `Parameter validation failed`},
		{id: "F9a", line: `aws elb configure-health-check --load-balancer-name my-loadbalancer --health-check Target=TCP:80`, client: `Missing required parameter|Parameter validation failed`},
		{id: "F12", line: `aws elb describe-load-balancers --page-size 1 --query "length(LoadBalancerDescriptions)"`, want: `1`, wire: []string{"PageSize=1"}},
		{id: "F14", line: modify + `"{\"ConnectionSettings\":{\"IdleTimeout\":0}}"`, client: `Parameter validation failed`},
	}}}
}

// TestPages has the client walk through pages.
func pages() []section {
	return []section{{name: "pages", setup: func(w *world) {
		for i := range 7 {
			w.inZones(fmt.Sprintf("lb-%d", i))
		}
	}, rows: []row{
		// The client takes this for a page that somebody asks for, and walks no further.
		{id: "F12a", line: `aws elb describe-load-balancers --page-size 3 --query "[length(LoadBalancerDescriptions), NextMarker]"`, want: `[3, "~.+"]`},
		{id: "F12b", line: `aws elb describe-load-balancers --no-paginate --query "length(LoadBalancerDescriptions)"`, want: `7`},
		{id: "F12c", line: `aws elb describe-load-balancers --max-items 2 --query "LoadBalancerDescriptions[].LoadBalancerName"`, text: `\[\s*"lb-\d",\s*"lb-\d"\s*\]\s*`},
	}}}
}
