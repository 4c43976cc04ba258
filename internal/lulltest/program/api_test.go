package program_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing/types"

	"lull/internal/lulltest"
	"lull/internal/lulltest/program"
)

// The API's tests drive it with AWS's own client, with the credentials that the first start has written.

// classic is the load balancer that they make.
const classic = "my-loadbalancer"

// withAPI is a lull.yaml with nothing but the API: on a port of the directory's own, with load balancers at its address.
const withAPI = `api: {address: "{address}:8440", data: state, addresses: ["{address}"]}
`

// clientOf returns a client of the API with the first administrator's key.
func clientOf(t *testing.T, d *program.Dir) *elb.Client {
	t.Helper()
	text := map[string]string{}
	for line := range strings.Lines(d.Read(filepath.Join("state", "aws", "credentials"))) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok {
			text[key] = value
		}
	}
	if text["aws_access_key_id"] == "" || text["aws_secret_access_key"] == "" {
		t.Fatalf("credentials: got %q, want a key and its secret", d.Read(filepath.Join("state", "aws", "credentials")))
	}
	return elb.New(elb.Options{
		Region: "us-east-1", BaseEndpoint: aws.String("http://" + d.At(8440).String()), Retryer: aws.NopRetryer{},
		HTTPClient: &http.Client{Transport: &http.Transport{}, Timeout: lulltest.Patience},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: text["aws_access_key_id"], SecretAccessKey: text["aws_secret_access_key"]}, nil
		}),
	})
}

// makeClassic makes a load balancer with one TCP listener before a backend on this machine, and waits until it takes connections.
func makeClassic(t *testing.T, client *elb.Client) {
	t.Helper()
	to := lulltest.Echo(t).Addr
	ctx, name, back := t.Context(), aws.String(classic), int32(to.Port())
	_, err := client.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{
		LoadBalancerName: name, AvailabilityZones: []string{"us-east-1a"},
		Listeners: []types.Listener{{Protocol: aws.String("TCP"), LoadBalancerPort: port, InstancePort: aws.Int32(back)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	check := &types.HealthCheck{
		Target: aws.String("TCP:" + strings.TrimPrefix(to.String(), "127.0.0.1:")), Interval: aws.Int32(5), Timeout: aws.Int32(2),
		HealthyThreshold: aws.Int32(2), UnhealthyThreshold: aws.Int32(2),
	}
	if _, err = client.ConfigureHealthCheck(ctx, &elb.ConfigureHealthCheckInput{LoadBalancerName: name, HealthCheck: check}); err != nil {
		t.Fatal(err)
	}
	_, err = client.RegisterInstancesWithLoadBalancer(ctx, &elb.RegisterInstancesWithLoadBalancerInput{
		LoadBalancerName: name, Instances: []types.Instance{{InstanceId: aws.String("127.0.0.1")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !lulltest.Eventually(func() bool { return inService(t, client) }) {
		t.Fatal("the instance is not in service")
	}
}

func inService(t *testing.T, client *elb.Client) bool {
	t.Helper()
	out, err := client.DescribeInstanceHealth(t.Context(), &elb.DescribeInstanceHealthInput{LoadBalancerName: aws.String(classic)})
	return err == nil && len(out.InstanceStates) == 1 && *out.InstanceStates[0].State == "InService"
}

// setIdle sets the idle timeout, in seconds.
func setIdle(t *testing.T, client *elb.Client, seconds int32) {
	t.Helper()
	out, err := client.ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerName:       aws.String(classic),
		LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(seconds)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := out.LoadBalancerAttributes; *a.ConnectionSettings.IdleTimeout != seconds || a.ConnectionDraining != nil || a.AccessLog != nil {
		t.Errorf("modify: got %+v, want the idle timeout of %d s alone", a, seconds)
	}
}

// TestClassicIdle does what the API is there for: a timeout that is changed closes a connection that is open already (TO-06), and
// lull tells why in the API's own terms.
func TestClassicIdle(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	d.Serve(withAPI)
	client := clientOf(t, d)
	makeClassic(t, client)
	c := lulltest.Dial(t, d.At(port))
	c.Ask("hello")
	_, line, _ := strings.Cut(d.Run("conns").Stdout, "\n") // the first one is the heading
	id, _, _ := strings.Cut(line, " ")
	c.Ask("still here")
	quiet := time.Now()
	setIdle(t, client, 1)
	how, _ := c.End()
	if took := time.Since(quiet); how != "eof" || took < time.Second {
		t.Errorf("the connection ended with %s %v after its last byte, want eof after 1 s and not before", how, took)
	}
	contains(t, "explain", d.Run("explain", id), "(tunnel-idle)", "raise the idle timeout of load balancer my-loadbalancer above 1s",
		"aws elb modify-load-balancer-attributes --load-balancer-name my-loadbalancer")
}

// TestClassicKilled: what was acknowledged is in force again after a crash, and so are the credentials.
func TestClassicKilled(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	p := d.Serve(withAPI)
	client := clientOf(t, d)
	makeClassic(t, client)
	setIdle(t, client, 4000)
	p.Signal(syscall.SIGKILL)
	p.Exit()
	before := d.Read(filepath.Join("state", "aws", "credentials"))
	d.Serve(withAPI)
	if after := d.Read(filepath.Join("state", "aws", "credentials")); after != before {
		t.Error("credentials: got others after the restart, want the same")
	}
	out, err := client.DescribeLoadBalancerAttributes(t.Context(), &elb.DescribeLoadBalancerAttributesInput{LoadBalancerName: aws.String(classic)})
	if err != nil {
		t.Fatal(err)
	}
	if got := *out.LoadBalancerAttributes.ConnectionSettings.IdleTimeout; got != 4000 {
		t.Errorf("idle timeout after the restart: got %d s, want 4000", got)
	}
	if !lulltest.Eventually(func() bool { return inService(t, client) }) {
		t.Fatal("the instance is not in service after the restart")
	}
	lulltest.Dial(t, d.At(port)).Ask("again")
}

// TestClassicDamaged: a state that is not what was written is refused, with the file and the way to restore it; nothing is served
// from it, nor begun anew.
func TestClassicDamaged(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	p := d.Serve(withAPI)
	makeClassic(t, clientOf(t, d))
	p.Signal(syscall.SIGTERM)
	p.Exit()
	state := filepath.Join("state", "state.db")
	whole := d.Read(state)
	d.Write(state, strings.ReplaceAll(whole, classic, "X"+classic[1:])) // in pages that are free, too: which are, only bbolt knows
	got := d.Run("serve", "lull.yaml")
	if got.Code != 1 || !strings.Contains(got.Stderr, state) || !strings.Contains(got.Stderr, "restore") {
		t.Errorf("got exit code %d and %q, want 1, the file and how to restore it", got.Code, got.Stderr)
	}
	d.Write(state, whole)
	d.Serve(withAPI)
}

// TestClassicOfFile: what lull.yaml defines is out of the API's reach, by name.
func TestClassicOfFile(t *testing.T) {
	t.Parallel()
	d := program.NewDir(t)
	d.Serve(withAPI + before(lulltest.Echo(t).Addr))
	_, err := clientOf(t, d).ModifyLoadBalancerAttributes(t.Context(), &elb.ModifyLoadBalancerAttributesInput{
		LoadBalancerName:       aws.String("lb"),
		LoadBalancerAttributes: &types.LoadBalancerAttributes{ConnectionSettings: &types.ConnectionSettings{IdleTimeout: aws.Int32(30)}},
	})
	if err == nil || !strings.Contains(err.Error(), "OperationNotPermitted") || !strings.Contains(err.Error(), "lull.yaml") {
		t.Errorf("got %v, want OperationNotPermitted that names lull.yaml", err)
	}
}
