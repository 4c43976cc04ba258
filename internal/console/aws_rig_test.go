package console

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"lull/internal/control/awselb"
	"lull/internal/control/store"
	"lull/internal/dataplane/certs"
	"lull/internal/dataplane/plan"
)

const awsCertificate = "arn:aws:iam::123456789012:server-certificate/web"

// awsRig is a rig with a real Classic ELB API, of which the load balancers are in the rig's plan.
type awsRig struct {
	*rig
	elb *awselb.Service
}

// Change implements awselb.Runtime.
func (r *awsRig) Change(balancers []*plan.LoadBalancer, commit func() error) error {
	if commit != nil {
		if err := commit(); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = &plan.Plan{Revision: r.plan.Revision + 1, LoadBalancers: balancers}
	return nil
}

// Plan implements awselb.Runtime.
func (r *awsRig) Plan() *plan.Plan { return r.inForce() }

// Backend implements awselb.Runtime.
func (r *awsRig) Backend(plan.BackendKey) (awselb.BackendState, bool) {
	return awselb.BackendState{}, false
}

// Lookup implements awselb.Instances.
func (r *awsRig) Lookup(id string) (host, zone string, found bool) {
	return "10.0.0.9", "us-west-2a", strings.HasPrefix(id, "i-")
}

// Holder implements awselb.Certificates.
func (r *awsRig) Holder(arn string) (*certs.Holder, bool) {
	return certs.NewHolder(certs.NewSet(nil)), arn == awsCertificate || arn == awsCertificate+"-2"
}

// Check implements awselb.AccessLogs: of all buckets one can be written to.
func (r *awsRig) Check(_ context.Context, to awselb.LogTarget) error {
	if to.Bucket != "logs" {
		return errors.New("no such bucket")
	}
	return nil
}

// SetTargets implements awselb.AccessLogs.
func (r *awsRig) SetTargets(map[string]awselb.LogTarget) {}

// newAWSRig returns a rig with the load balancer web: HTTP on port 80 and HTTPS on port 443.
func newAWSRig(t testing.TB) *awsRig {
	t.Helper()
	r := &awsRig{rig: newRig(t)}
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r.elb, err = awselb.New(awselb.Options{
		Store: s, Runtime: r, Instances: r, Certificates: r, AccessLogs: r, Region: "us-west-2", Account: "123456789012", Zones: []string{"us-west-2a", "us-west-2b"},
		Addresses: []awselb.AddressRange{{First: netip.MustParseAddr("127.0.0.16"), Last: netip.MustParseAddr("127.0.255.254")}},
		Now:       r.clock, Random: rand.NewChaCha8([32]byte{}), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	r.console.o.ELB, r.console.o.InstanceHost = r.elb.Do, r.elb.InstanceHost
	r.call("CreateLoadBalancer", "LoadBalancerName=web&AvailabilityZones.member.1=us-west-2a&Listeners.member.1.Protocol=HTTP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=8080"+
		"&Listeners.member.2.Protocol=HTTPS&Listeners.member.2.LoadBalancerPort=443&Listeners.member.2.InstancePort=8080&Listeners.member.2.SSLCertificateId="+url.QueryEscape(awsCertificate))
	return r
}

// call makes a call of the API that must succeed, as somebody else does it.
func (r *awsRig) call(action, params string) any {
	r.t.Helper()
	values, err := url.ParseQuery(params)
	if err != nil {
		r.t.Fatal(err)
	}
	request, err := awsRequest(action, values)
	if err != nil {
		r.t.Fatalf("%s: %v", action, err)
	}
	result, err := r.elb.Do(r.t.Context(), request)
	if err != nil {
		r.t.Fatalf("%s: %v", action, err)
	}
	return result
}

// linkTo returns where the link with a text leads.
func (a *answer) linkTo(label string) string {
	a.t.Helper()
	for _, n := range a.all("a") {
		if text(n) == label {
			return attr(n, "href")
		}
	}
	a.t.Fatalf("no link %q in\n%s", label, a.Body)
	return ""
}

// links returns what the links of a page say.
func (a *answer) links() (labels []string) {
	for _, n := range a.all("a") {
		labels = append(labels, text(n))
	}
	return labels
}

// fieldOf returns the element of a field.
func (a *answer) fieldOf(name string) *html.Node {
	a.t.Helper()
	return a.one("[name=" + name + "]")
}
