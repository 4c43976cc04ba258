package awselb

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"lull/internal/lulltest"
)

// section is rows that build on each other, with what they find.
type section struct {
	name  string // of the page in the guide
	setup func(*world)
	rows  []row
}

// row is a command and what has to come of it.
type row struct {
	id   string // number in the README; a letter more where one number stands for several commands
	line string // as the guide writes it; {arn} and other words of the world stand in braces

	want string // shape of what is printed, which is JSON; empty = nothing may be printed
	text string // in place of want: regular expression for all of it

	code    string // of the server's error; empty = the command has to succeed
	message string // regular expression for its message
	status  int    // of the answer, where it is not 200 or 400
	client  string // the client refuses it: regular expression for what it says

	unsigned bool // the request has no signature

	wire   []string // parameters that the form has to have, "Name=value"
	answer string   // regular expression for the answer as it was on the wire

	before func(*world)
	after  func(*world)
}

// world is what the rows of a section see.
type world struct {
	*lull
	*user
	relay *relay
	elb   *elb.Client
	words map[string]string // what braces in rows stand for
	t     testing.TB
}

// run runs a section as a test with a subtest for each row, which goes on after one that failed.
func (s section) run(t *testing.T) {
	t.Run(s.name, func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		if s.setup != nil {
			s.setup(w)
		}
		w.relay.take()
		for _, r := range s.rows {
			t.Run(r.id, func(t *testing.T) {
				w.use(t)
				w.do(r)
			})
		}
		w.use(t)
	})
}

// use has what fails from now on fail that test.
func (w *world) use(t testing.TB) {
	w.t, w.user.t = t, t
	w.lull.use(t)
}

func newWorld(t *testing.T) *world {
	t.Helper()
	l := serve(t)
	r := newRelay(t, l)
	return &world{
		lull: l, user: newUser(t, l, r.url), relay: r, elb: l.client(), t: t,
		words: map[string]string{"region": l.region, "account": `\d{12}`},
	}
}

// do runs a row.
func (w *world) do(r row) {
	if r.before != nil {
		r.before(w)
		w.relay.take()
	}
	line := w.fill(r.line)
	got := w.user.run(line)
	calls := w.relay.take()
	clientCode, serverCode := w.command.codes()
	switch {
	case r.client != "":
		w.expect(line, got, clientCode, r.client)
		if len(calls) > 0 {
			w.t.Errorf("%s: asked the server %q", line, calls[0].raw)
		}
	case r.code != "":
		w.expect(line, got, serverCode, `An error occurred \(`+r.code+`\) when calling the \w+ operation: .*`+w.fill(r.message))
		w.checkCalls(r, calls, http.StatusBadRequest)
	case got.code != 0 || got.stderr != "":
		w.t.Errorf("%s\ngot exit code %d: %s", line, got.code, got.stderr)
	default:
		w.checkOutput(r, line, got.stdout)
		w.checkCalls(r, calls, http.StatusOK)
	}
	if r.after != nil {
		r.after(w)
	}
}

// expect wants a command to have been refused with that code, and what it said to match.
func (w *world) expect(line string, got result, code int, said string) {
	w.t.Helper()
	if got.code != code || got.stdout != "" || !regexp.MustCompile("(?s)"+said).MatchString(got.stderr) {
		w.t.Errorf("%s\ngot exit code %d, %q, %q\nwant %d and %s", line, got.code, got.stdout, got.stderr, code, said)
	}
}

func (w *world) checkOutput(r row, line, out string) {
	w.t.Helper()
	switch {
	case r.text != "":
		if want := w.fill(r.text); !regexp.MustCompile("^(?s:" + want + ")$").MatchString(out) {
			w.t.Errorf("%s\ngot  %q\nwant %s", line, out, want)
		}
	case r.want != "":
		if wrong := differences(out, w.fill(r.want)); len(wrong) > 0 {
			w.t.Errorf("%s\n%s\nall of it: %s", line, strings.Join(wrong, "\n"), out)
		}
	case out != "":
		w.t.Errorf("%s\ngot %q, want nothing", line, out)
	}
}

// checkCalls wants one call at least, and of the last one what the row says.
func (w *world) checkCalls(r row, calls []call, status int) {
	w.t.Helper()
	if len(calls) == 0 {
		w.t.Error("the server was not asked")
		return
	}
	last := calls[len(calls)-1]
	for _, c := range calls {
		c.check(w.t, !r.unsigned)
		if c.status != last.status {
			w.t.Errorf("the client asked again after %d: %s", c.status, c.body) // which its output does not tell
		}
	}
	if r.status != 0 {
		status = r.status
	}
	if last.status != status {
		w.t.Errorf("status: got %d, want %d", last.status, status)
	}
	for _, parameter := range r.wire {
		name, value, _ := strings.Cut(w.fill(parameter), "=")
		if got := last.form[name]; len(got) != 1 || got[0] != value {
			w.t.Errorf("parameter %s: got %q, want %q in %s", name, got, value, last.raw)
		}
	}
	if r.answer != "" && !regexp.MustCompile(w.fill(r.answer)).MatchString(last.body) {
		w.t.Errorf("answer: got %s, want %s in it", last.body, w.fill(r.answer))
	}
}

//nolint:gochecknoglobals // compiled once, read only
var (
	word    = regexp.MustCompile(`\{(\w+)\}`)
	lowPort = regexp.MustCompile(`\b(80|443)\b`)
)

// fill puts in what braces stand for, and ports that may be bound.
func (w *world) fill(s string) string {
	s = word.ReplaceAllStringFunc(s, func(in string) string {
		if out, known := w.words[in[1:len(in)-1]]; known {
			return out
		}
		return in
	})
	if !lowPorts() {
		s = lowPort.ReplaceAllStringFunc(s, func(p string) string { return fmt.Sprint(port(p)) })
	}
	return s
}

// lowPorts says whether this process, and so lull, may listen on ports below 1024.
//
//nolint:gochecknoglobals // tried once
var lowPorts = sync.OnceValue(func() bool {
	for _, p := range []string{"80", "443"} {
		l, err := net.Listen("tcp4", "127.0.0.250:"+p)
		if err != nil {
			return false
		}
		_ = l.Close()
	}
	return true
})

// port returns the number of a port of the guide, 8080 and 8443 for 80 and 443 where those cannot be had.
func port(p string) int32 {
	if mapped := map[string]string{"80": "8080", "443": "8443"}[p]; mapped != "" && !lowPorts() {
		p = mapped
	}
	n, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		panic(err) // it stands in a table
	}
	return int32(n)
}

// on returns a listener; ports are written as in the guide.
func on(protocol, front, instanceProtocol, back string) types.Listener {
	return types.Listener{
		Protocol: &protocol, LoadBalancerPort: port(front), InstanceProtocol: &instanceProtocol, InstancePort: aws.Int32(port(back)),
	}
}

func onHTTP() types.Listener { return on("HTTP", "80", "HTTP", "80") }

func onTCP() types.Listener { return on("TCP", "80", "TCP", "80") }

// onHTTPS returns a listener with the certificate that {arn} stands for.
func (w *world) onHTTPS(instanceProtocol, back string) types.Listener {
	l := on("HTTPS", "443", instanceProtocol, back)
	l.SSLCertificateId = aws.String(w.words["arn"])
	return l
}

// inZones makes a load balancer in us-west-2a, with an HTTP listener if none are named.
func (w *world) inZones(name string, listeners ...types.Listener) {
	w.t.Helper()
	if listeners == nil {
		listeners = []types.Listener{onHTTP()}
	}
	_, err := w.elb.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{
		LoadBalancerName: &name, Listeners: listeners, AvailabilityZones: []string{"us-west-2a"},
	})
	w.must(err)
}

// inSubnets makes a load balancer in subnets, with an HTTP listener.
func (w *world) inSubnets(name string, subnets ...string) {
	w.t.Helper()
	_, err := w.elb.CreateLoadBalancer(context.Background(), &elb.CreateLoadBalancerInput{
		LoadBalancerName: &name, Listeners: []types.Listener{onHTTP()}, Subnets: subnets, SecurityGroups: []string{"sg-a61988c3"},
	})
	w.must(err)
}

// register registers instances with a load balancer.
func (w *world) register(name string, ids ...string) {
	w.t.Helper()
	r := &elb.RegisterInstancesWithLoadBalancerInput{LoadBalancerName: &name}
	for _, id := range ids {
		r.Instances = append(r.Instances, types.Instance{InstanceId: aws.String(id)})
	}
	_, err := w.elb.RegisterInstancesWithLoadBalancer(context.Background(), r)
	w.must(err)
}

// tell makes instances known to lull; each has an address of its own on which nobody need listen.
func (w *world) tell(ids ...string) {
	w.t.Helper()
	for i, id := range ids {
		w.Do("instances", "set", id, w.at(byte(1+i)).String())
	}
}

// inService waits until an instance of a load balancer is in service.
func (w *world) inService(name, id string) {
	w.t.Helper()
	lulltest.Within(w.t, patience, func() string {
		out, err := w.elb.DescribeInstanceHealth(context.Background(), &elb.DescribeInstanceHealthInput{
			LoadBalancerName: &name, Instances: []types.Instance{{InstanceId: &id}},
		})
		if err != nil {
			return err.Error()
		}
		if s := aws.ToString(out.InstanceStates[0].State); s != "InService" {
			return id + " is " + s
		}
		return ""
	})
}

// web serves 200 for everything on a port of the guide, until it is told to stop or the section is over.
func (w *world) web(host netip.Addr, p string) (stop func()) {
	w.t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(host, uint16(port(p))).String())
	w.must(err)
	s := &http.Server{Handler: http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		_, _ = a.Write([]byte("hello\n"))
	})}
	go func() { _ = s.Serve(l) }()
	stop = func() { _ = s.Close() }
	w.t.Cleanup(stop)
	return stop
}

// silent accepts connections on a port of the guide and says nothing.
func (w *world) silent(host netip.Addr, p string) {
	w.t.Helper()
	l, err := net.Listen("tcp4", netip.AddrPortFrom(host, uint16(port(p))).String())
	w.must(err)
	w.t.Cleanup(func() { _ = l.Close() })
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// description is the shape of DescribeLoadBalancers with one load balancer: what every one has, but for the members that are given as
// JSON; null says that a member must not be there.
func description(name, members string) string {
	// The target of the default health check is no port of ours, so it is written such that fill leaves it.
	const every = `{
		"DNSName": "~(internal-)?NAME-\\d{9,10}\\.{region}\\.elb\\.amazonaws\\.com", "LoadBalancerName": "NAME", "CanonicalHostedZoneNameID": "*",
		"CanonicalHostedZoneName": "~NAME-\\d{9,10}\\.{region}\\.elb\\.amazonaws\\.com",
		"ListenerDescriptions": "*", "Policies": {"AppCookieStickinessPolicies": [], "LBCookieStickinessPolicies": [], "OtherPolicies": []},
		"BackendServerDescriptions": [], "AvailabilityZones": ["us-west-2a"], "Subnets": [], "Instances": [], "SecurityGroups": [],
		"HealthCheck": {"Target": "~TCP:8[0]", "Interval": 30, "Timeout": 5, "UnhealthyThreshold": 2, "HealthyThreshold": 10},
		"SourceSecurityGroup": {"OwnerAlias": "amazon-elb", "GroupName": "amazon-elb-sg"},
		"CreatedTime": "~\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}(Z|000\\+00:00)", "Scheme": "internet-facing"
	}`
	all, more := map[string]any{}, map[string]any{}
	for text, into := range map[string]*map[string]any{strings.ReplaceAll(every, "NAME", name): &all, members: &more} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			panic(fmt.Sprintf("%v: %s", err, text))
		}
	}
	maps.Copy(all, more)
	maps.DeleteFunc(all, func(_ string, v any) bool { return v == nil })
	return text(map[string]any{"LoadBalancerDescriptions": []any{all}})
}

// dns is the shape of CreateLoadBalancer's answer.
func dns(name string) string {
	return `{"DNSName": "~` + name + `-\\d{9,10}\\.{region}\\.elb\\.amazonaws\\.com"}`
}

// file writes a file that a command names.
func (w *world) file(name, content string) {
	w.t.Helper()
	w.must(os.WriteFile(filepath.Join(w.user.dir, name), []byte(content), 0o600))
}
