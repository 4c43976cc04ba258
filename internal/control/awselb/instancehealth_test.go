package awselb

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// What health checks may have said of a backend.
//
//nolint:gochecknoglobals // constants
var (
	isUp     = BackendState{Up: true, Proven: true}
	isDown   = BackendState{Detail: "connection refused", Proven: true}
	isNew    = BackendState{Detail: plan.NotProbed}
	neverUp  = BackendState{Detail: "connection refused"}
	isInUse  = BackendState{Up: true, Proven: true, Active: 1, Conns: 2}
	isPooled = BackendState{Up: true, Proven: true, Conns: 2}
)

// is says what health checks have said of a backend of the load balancer.
func (r *rig) is(set, host string, t BackendState) {
	t.Key = plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: set}, Host: host, Port: 80}
	r.runtime.setBackend(t)
}

// health asks about instances and returns "id state reason: description" of each.
func (r *rig) health(ids ...string) []string {
	r.t.Helper()
	result := must[query.DescribeInstanceHealthResult](r, &query.DescribeInstanceHealthRequest{LoadBalancerName: "web", Instances: instancesOf(ids...)})
	all := make([]string, len(result.InstanceStates))
	for i, s := range result.InstanceStates {
		all[i] = fmt.Sprintf("%s %s %s: %s", s.InstanceID, s.State, s.ReasonCode, s.Description)
	}
	return all
}

func (r *rig) wantHealth(ids []string, want ...string) {
	r.t.Helper()
	if got := r.health(ids...); !slices.Equal(got, want) {
		r.t.Errorf("health of %q:\ngot  %q\nwant %q", ids, got, want)
	}
}

// The answers, as the API's documents have them.
const (
	saysUp         = " InService N/A: N/A"
	saysNew        = " OutOfService ELB: Instance registration is still in progress."
	saysNeverUp    = " OutOfService Instance: Instance has not passed the configured HealthyThreshold number of health checks consecutively."
	saysDown       = " OutOfService Instance: Instance has failed at least the UnhealthyThreshold number of health checks consecutively."
	saysZone       = " OutOfService ELB: Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to."
	saysLeaving    = " InService ELB: Instance deregistration currently in progress."
	saysGone       = " OutOfService ELB: Instance is not currently registered with the LoadBalancer."
	saysTerminated = " OutOfService Instance: Instance is in terminated state."
)

func TestInstanceHealth(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", members("i-2", "i-1", "i-4", "10.0.0.9", "i-3"))
	r.is("http-80.us-west-2a", "10.0.0.1", isUp)
	r.is("http-80.us-west-2a", "10.0.0.2", isDown)
	r.is("http-80.us-west-2a", "10.0.0.4", isNew)
	r.is("http-80.us-west-2a", "10.0.0.9", neverUp)
	r.is("http-80.us-west-2a", "app3.internal", isUp) // it is probed, too
	r.wantHealth(nil, "i-2"+saysDown, "i-1"+saysUp, "i-4"+saysNew, "10.0.0.9"+saysNeverUp, "i-3"+saysZone)
	r.wantHealth([]string{"i-3", "i-1", "i-3"}, "i-3"+saysZone, "i-1"+saysUp, "i-3"+saysZone)
	r.instances.set("i-5", "10.0.0.5", "us-west-2a")
	r.wantHealth([]string{"i-5", "10.0.0.10", "app9.internal"}, "i-5"+saysGone, "10.0.0.10"+saysGone, "app9.internal"+saysGone)
	_ = r.refused(&query.DescribeInstanceHealthRequest{LoadBalancerName: "web", Instances: instancesOf("i-1", "i-9")}, query.InvalidInstance)
	_ = r.refused(&query.DescribeInstanceHealthRequest{LoadBalancerName: "none"}, query.LoadBalancerNotFound)
	r.instances.remove("i-1")
	r.wantHealth([]string{"i-1"}, "i-1"+saysTerminated)
}

// TestInstanceHealthNone: no instance has an answer, not an error.
func TestInstanceHealthNone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	r.wantHealth(nil)
}

// TestInstanceHealthWorst: an instance is in service when it is so wherever it may get traffic.
func TestInstanceHealthWorst(t *testing.T) {
	t.Parallel()
	two := listening(
		listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80},
		listener{Protocol: "TCP", Port: 81, InstanceProtocol: "TCP", InstancePort: 80},
	)
	crossed := func(d *document) { d.Attributes.CrossZone = true }
	sets := []string{"http-80.us-west-2a", "http-80.us-west-2b", "tcp-81.us-west-2a", "tcp-81.us-west-2b"}
	for name, c := range map[string]struct {
		change func(d *document)
		said   [4]BackendState // by set
		want   string
	}{
		"all_up":             {crossed, [4]BackendState{isUp, isUp, isUp, isUp}, saysUp},
		"one_down":           {crossed, [4]BackendState{isUp, isUp, isUp, isDown}, saysDown},
		"one_new":            {crossed, [4]BackendState{isUp, isNew, isUp, isUp}, saysNew},
		"new_and_never_up":   {crossed, [4]BackendState{isNew, neverUp, isUp, isUp}, saysNeverUp},
		"down_and_never_up":  {crossed, [4]BackendState{neverUp, isDown, isNew, isUp}, saysDown},
		"other_zone_down":    {nil, [4]BackendState{isUp, isDown, isUp, isNew}, saysUp},
		"own_zone_down":      {nil, [4]BackendState{isUp, isUp, isDown, isUp}, saysDown},
		"no_listener":        {listening(), [4]BackendState{isUp, isUp, isUp, isUp}, saysNew},
		"unserved_counts_no": {listening(listener{Protocol: "HTTP", Port: 80, InstanceProtocol: "HTTP", InstancePort: 80}, listener{Protocol: "SSL", Port: 9, InstanceProtocol: "TCP", InstancePort: 80, CertificateID: "arn:none"}), [4]BackendState{isUp, isDown, isDown, isDown}, saysUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			change := c.change
			if change == nil {
				change = func(*document) {}
			}
			r.have("web", all(zones("ab"), members("i-1"), two, change))
			for i, set := range sets {
				r.is(set, "10.0.0.1", c.said[i])
			}
			r.wantHealth(nil, "i-1"+c.want)
		})
	}
}

// TestInstanceHealthDraining: an instance that was deregistered is in service for as long as it has connections, within its time.
func TestInstanceHealthDraining(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", all(zones("ab"), members("i-1", "i-2"), func(d *document) { d.Attributes.Draining = true }))
	r.is("http-80.us-west-2a", "10.0.0.1", isPooled)
	r.is("http-80.us-west-2b", "10.0.0.1", isInUse)
	r.is("http-80.us-west-2a", "10.0.0.2", isPooled)
	r.do(deregistration("i-1", "i-2"))
	r.wantHealth([]string{"i-1", "i-2"}, "i-1"+saysLeaving, "i-2"+saysGone)
	r.clock.advance(300*time.Second - 1)
	r.wantHealth([]string{"i-1"}, "i-1"+saysLeaving)
	r.is("http-80.us-west-2b", "10.0.0.1", isPooled)
	r.wantHealth([]string{"i-1"}, "i-1"+saysGone)
	r.is("http-80.us-west-2b", "10.0.0.1", isInUse)
	r.clock.advance(1)
	r.wantHealth([]string{"i-1"}, "i-1"+saysGone)
	r.do(registration("i-1"))
	r.wantHealth(nil, "i-1"+saysUp)
}

// TestInstanceHealthNoDraining: without draining, what is left of its connections does not count.
func TestInstanceHealthNoDraining(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", members("i-1"))
	r.is("http-80.us-west-2a", "10.0.0.1", isInUse)
	r.do(deregistration("i-1"))
	r.wantHealth([]string{"i-1"}, "i-1"+saysGone)
}
