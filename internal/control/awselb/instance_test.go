package awselb

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/awselb/query"
)

// instancesOf makes the list that requests and results have of instances.
func instancesOf(ids ...string) []query.Instance {
	list := make([]query.Instance, len(ids))
	for i, id := range ids {
		list[i].InstanceID = id
	}
	return list
}

// idsOf is the reverse.
func idsOf(r query.InstancesResult) []string {
	ids := make([]string, len(r.Instances))
	for i := range r.Instances {
		ids[i] = r.Instances[i].InstanceID
	}
	return ids
}

func registration(ids ...string) *query.RegisterInstancesWithLoadBalancerRequest {
	return &query.RegisterInstancesWithLoadBalancerRequest{LoadBalancerName: "web", Instances: instancesOf(ids...)}
}

func deregistration(ids ...string) *query.DeregisterInstancesFromLoadBalancerRequest {
	return &query.DeregisterInstancesFromLoadBalancerRequest{LoadBalancerName: "web", Instances: instancesOf(ids...)}
}

// registers makes a request that must succeed, and checks its answer, what is stored and what runs.
func (r *rig) registers(request any, want ...string) {
	r.t.Helper()
	if got := idsOf(must[query.InstancesResult](r, request)); !slices.Equal(got, want) {
		r.t.Errorf("answered %q, want %q", got, want)
	}
	if got := len(r.running("web").BackendSets[0].Backends); got != len(want) {
		r.t.Errorf("%d backends run, want %d", got, len(want))
	}
	r.checkStored()
}

func TestRegister(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	r.registers(registration("i-2"), "i-2")
	r.registers(registration("i-1", "10.0.0.9", "[2001:db8::1]", "app1.internal", "i-1"), "i-2", "i-1", "10.0.0.9", "[2001:db8::1]", "app1.internal")
	plan := r.runtime.Plan()
	r.registers(registration("i-1", "app1.internal"), "i-2", "i-1", "10.0.0.9", "[2001:db8::1]", "app1.internal")
	r.registers(registration(), "i-2", "i-1", "10.0.0.9", "[2001:db8::1]", "app1.internal")
	if r.runtime.Plan() != plan {
		t.Error("registering what is registered changed what runs")
	}
	r.instances.remove("i-1")
	r.reopen()
	if got := must[query.InstancesResult](r, registration("i-1")); len(got.Instances) != 5 {
		t.Errorf("a registered instance that has vanished: got %d, want it still registered", len(got.Instances))
	}
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", members("i-1"))
	_ = r.refused(&query.RegisterInstancesWithLoadBalancerRequest{LoadBalancerName: "none", Instances: instancesOf("i-1")}, query.LoadBalancerNotFound)
	for _, id := range []string{"i-9", "I-1", "i-app.internal", "10.0.0.5:80", "10.0.0.256", "2001:db8::1", "[10.0.0.5]", "[fe80::1%eth0]", "0.0.0.0", "a b", "-", "http://x"} {
		if e := r.refused(registration("i-2", id, "i-3"), query.InvalidInstance); !strings.Contains(e.Message, "'"+id+"'") {
			t.Errorf("%s: the message does not name it: %s", id, e.Message)
		}
	}
	if e := r.refused(registration(strings.Repeat("x.", 10000)+"1"), query.InvalidInstance); len(e.Message) > 400 {
		t.Errorf("the message has %d bytes, want the value shortened", len(e.Message))
	}
}

// TestRegisterQuota: 1,000 instances and no more, however many are asked for at a time.
func TestRegisterQuota(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("10.1.%d.%d", i/250, 1+i%250)
	}
	_ = r.refused(registration(ids...), query.ValidationError)
	_ = r.refused(registration(ids[:1001]...), query.ValidationError)
	r.registers(registration(ids[:999]...), ids[:999]...)
	_ = r.refused(registration(ids[999:1001]...), query.ValidationError)
	r.registers(registration(ids[500:1000]...), ids[:1000]...)
	r.registers(registration(ids[:1000]...), ids[:1000]...)
}

func TestDeregister(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", members("i-1", "i-2", "i-3"))
	_ = r.refused(deregistration("i-4"), query.InvalidInstance)
	_ = r.refused(deregistration("i-1", "i-9"), query.InvalidInstance)
	_ = r.refused(&query.DeregisterInstancesFromLoadBalancerRequest{LoadBalancerName: "none", Instances: instancesOf("i-1")}, query.LoadBalancerNotFound)
	r.registers(deregistration("i-2", "i-2"), "i-1", "i-3")
	_ = r.refused(deregistration("i-2"), query.InvalidInstance)
	r.instances.remove("i-3")
	r.registers(deregistration("i-3"), "i-1")
	r.registers(deregistration(), "i-1")
	if d := r.document("web"); len(d.Draining) != 0 {
		t.Errorf("without draining, got %v", d.Draining)
	}
}

// TestDeregisterDraining: an instance that was deregistered is remembered for its time, unless it is wanted again.
func TestDeregisterDraining(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", all(members("i-1", "i-2", "i-3"), func(d *document) { d.Attributes.Draining, d.Attributes.DrainingTimeout = true, 120 }))
	r.registers(deregistration("i-2", "i-1", "i-2"), "i-3")
	until := r.clock.Now().Add(2 * time.Minute)
	if got, want := r.document("web").Draining, []draining{{"i-2", until}, {"i-1", until}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	r.registers(registration("i-1"), "i-3", "i-1")
	if got, want := r.document("web").Draining, []draining{{"i-2", until}}; !slices.Equal(got, want) {
		t.Errorf("registered again: got %v, want %v", got, want)
	}
	r.reopen()
	r.clock.advance(2 * time.Minute)
	r.registers(deregistration("i-1"), "i-3")
	if got := r.document("web").Draining; len(got) != 1 || got[0].ID != "i-1" {
		t.Errorf("after its time: got %v, want i-1 alone", got)
	}
}

// TestRegisterRefusedByOthers: what the data plane or the store refuses has not happened.
func TestRegisterRefusedByOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", members("i-1"))
	r.runtime.refuse(errors.New("address in use"))
	_ = r.refused(registration("i-2"), query.InvalidConfigurationRequest)
	r.runtime.refuse(nil)
	if err := r.store.Close(); err != nil {
		t.Fatal(err)
	}
	_ = r.refused(registration("i-2"), query.ServiceUnavailable)
	_ = r.refused(deregistration("i-1"), query.ServiceUnavailable)
}

// TestRegisterForms: requests as they come in, 10,000 names among them, are answered or refused by package query's rules and these.
func TestRegisterForms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	const action = "Action=RegisterInstancesWithLoadBalancer&LoadBalancerName=web"
	for form, code := range map[string]query.Code{
		action: query.MissingParameter, action + "&Instances.member.1.InstanceId=i-1": "", action + "&Instances.member.1.InstanceId=": query.ValidationError,
		action + "&Instances.member.1.InstanceId=" + strings.Repeat("x", 256): query.ValidationError,
	} {
		_, err := r.doForm(form)
		var refusal *query.Error
		if errors.As(err, &refusal) != (code != "") || refusal != nil && refusal.Code != code {
			t.Errorf("%.100s: got %v, want %q", form, err, code)
		}
	}
}
