package awselb

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// listOf returns a form's list.
func listOf(list string, values ...string) string {
	form := ""
	for i, value := range values {
		form += fmt.Sprintf("&%s.member.%d=%s", list, i+1, value)
	}
	return form
}

// addresses returns the addresses of a load balancer by zone.
func (r *rig) addresses(name string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	for _, n := range r.document(name).Nodes {
		all[n.Zone] = n.Address.String()
	}
	return all
}

func TestZones(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	enable := "Action=EnableAvailabilityZonesForLoadBalancer&LoadBalancerName=web"
	disable := "Action=DisableAvailabilityZonesForLoadBalancer&LoadBalancerName=web"
	for i, step := range []struct {
		form  string
		want  []string
		nodes map[string]string
	}{
		{enable + listOf("AvailabilityZones", "us-west-2b"), []string{"us-west-2a", "us-west-2b"},
			map[string]string{"us-west-2a": "127.0.0.16", "us-west-2b": "127.0.0.17"}},
		{enable + listOf("AvailabilityZones", "us-west-2b", "us-west-2a"), []string{"us-west-2a", "us-west-2b"},
			map[string]string{"us-west-2a": "127.0.0.16", "us-west-2b": "127.0.0.17"}},
		{disable + listOf("AvailabilityZones", "us-west-2a"), []string{"us-west-2b"}, map[string]string{"us-west-2b": "127.0.0.17"}},
		{disable + listOf("AvailabilityZones", "us-west-2a"), []string{"us-west-2b"}, map[string]string{"us-west-2b": "127.0.0.17"}},
		{enable + listOf("AvailabilityZones", "eu-central-1c", "eu-central-1c"), []string{"eu-central-1c", "us-west-2b"},
			map[string]string{"eu-central-1c": "127.0.0.16", "us-west-2b": "127.0.0.17"}},
		{disable + listOf("AvailabilityZones", "us-west-2b", "elsewhere"), []string{"eu-central-1c"}, map[string]string{"eu-central-1c": "127.0.0.16"}},
	} {
		got := made[query.AvailabilityZonesResult](r, step.form).AvailabilityZones
		if !reflect.DeepEqual(got, step.want) || !reflect.DeepEqual(r.described("web").AvailabilityZones, step.want) {
			t.Errorf("step %d: got zones %q, want %q", i, got, step.want)
		}
		if got := r.addresses("web"); !reflect.DeepEqual(got, step.nodes) {
			t.Errorf("step %d: got addresses %v, want %v", i, got, step.nodes)
		}
	}
	r.checkStored()
}

func TestZonesWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=vpc"+httpListener+"&Subnets.member.1=subnet-1")
	enable, disable := "Action=EnableAvailabilityZonesForLoadBalancer&LoadBalancerName=", "Action=DisableAvailabilityZonesForLoadBalancer&LoadBalancerName="
	var many []string
	for i := range zonesMax {
		many = append(many, fmt.Sprintf("zone-%d", i))
	}
	r.checkWrong([]wrongForm{
		{"last", disable + "web" + inZoneA, query.InvalidConfigurationRequest, "The load balancer 'web' must keep at least one Availability Zone"},
		{"enable-in-vpc", enable + "vpc" + inZoneA, query.ValidationError, "You cannot enable Availability Zones for ELBs in VPC"},
		{"disable-in-vpc", disable + "vpc" + inZoneA, query.ValidationError, "You cannot disable Availability Zones for ELBs in VPC"},
		{"enable-none", enable + "web", query.MissingParameter, "…"},
		{"enable-empty", enable + "web&AvailabilityZones=", query.ValidationError, "AvailabilityZones cannot be empty"},
		{"disable-empty", disable + "web&AvailabilityZones=", query.ValidationError, "AvailabilityZones cannot be empty"},
		{"name", enable + "web&AvailabilityZones.member.1=a%20b", query.ValidationError, `Invalid Availability Zone: "a b": …`},
		{"too-many", enable + "web" + listOf("AvailabilityZones", many...), query.InvalidConfigurationRequest, "A load balancer has at most 16 Availability Zones"},
		{"too-long", enable + "web" + listOf("AvailabilityZones", strings.Repeat("a", 256)), query.ValidationError, "…"},
	})
	r.runtime.refuse(errors.New("bind 127.0.0.17:80: address in use"))
	r.checkWrong([]wrongForm{
		{"bind", enable + "web" + listOf("AvailabilityZones", "us-west-2b"), query.InvalidConfigurationRequest, "…bind 127.0.0.17:80: address in use"},
	})
}

func TestSubnets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=vpc"+httpListener+listOf("Subnets", "subnet-15aaab61"))
	attach := "Action=AttachLoadBalancerToSubnets&LoadBalancerName=vpc"
	detach := "Action=DetachLoadBalancerFromSubnets&LoadBalancerName=vpc"
	for i, step := range []struct {
		form        string
		want, zones []string
	}{
		{attach + listOf("Subnets", "subnet-0ecac448", "subnet-0ecac448"), []string{"subnet-15aaab61", "subnet-0ecac448"}, []string{"us-west-2a", "us-west-2b"}},
		{attach + listOf("Subnets", "subnet-0ecac448"), []string{"subnet-15aaab61", "subnet-0ecac448"}, []string{"us-west-2a", "us-west-2b"}},
		{detach + listOf("Subnets", "subnet-15aaab61", "subnet-other"), []string{"subnet-0ecac448"}, []string{"us-west-2b"}},
		{detach + listOf("Subnets", "subnet-15aaab61"), []string{"subnet-0ecac448"}, []string{"us-west-2b"}},
		{attach + listOf("Subnets", "subnet-3", "subnet-4"), []string{"subnet-3", "subnet-0ecac448", "subnet-4"}, []string{"us-west-2a", "us-west-2b", "us-west-2c"}},
	} {
		got := made[query.SubnetsResult](r, step.form).Subnets
		d := r.described("vpc")
		if !reflect.DeepEqual(got, step.want) || !reflect.DeepEqual(d.Subnets, step.want) || !reflect.DeepEqual(d.AvailabilityZones, step.zones) {
			t.Errorf("step %d: got subnets %q in %q, want %q in %q", i, got, d.AvailabilityZones, step.want, step.zones)
		}
	}
	r.checkStored()
}

// TestSubnetZone has load balancers share a subnet: it is in one zone for all of them, as far as that is possible.
func TestSubnetZone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, c := range []struct {
		name    string
		subnets []string
		want    string // zone=subnet
	}{
		{"a", []string{"subnet-1", "subnet-2"}, "us-west-2a=subnet-1 us-west-2b=subnet-2"},
		{"b", []string{"subnet-3", "subnet-2"}, "us-west-2a=subnet-3 us-west-2b=subnet-2"},
		{"c", []string{"subnet-4", "subnet-1", "subnet-2"}, "us-west-2a=subnet-1 us-west-2b=subnet-2 us-west-2c=subnet-4"},
		{"d", []string{"subnet-1", "subnet-3"}, "us-west-2a=subnet-1 us-west-2b=subnet-3"}, // both were in the first
	} {
		made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName="+c.name+httpListener+listOf("Subnets", c.subnets...))
		var got []string
		for _, n := range r.document(c.name).Nodes {
			got = append(got, n.Zone+"="+n.Subnet)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestSubnetsMax has more zones than a load balancer can have.
func TestSubnetsMax(t *testing.T) {
	t.Parallel()
	var zones, subnets []string
	for i := range zonesMax + 1 {
		zones, subnets = append(zones, fmt.Sprintf("zone-%d", i)), append(subnets, fmt.Sprintf("subnet-%d", i))
	}
	r := newRig(t, func(o *Options) { o.Zones = zones })
	base := "Action=CreateLoadBalancer&LoadBalancerName=vpc" + httpListener
	r.checkWrong([]wrongForm{
		{"one-too-many", base + listOf("Subnets", subnets...), query.InvalidConfigurationRequest, "A load balancer has at most 16 subnets"},
	})
	made[query.CreateLoadBalancerResult](r, base+listOf("Subnets", subnets[:zonesMax]...))
}

func TestSubnetsWrong(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.CreateLoadBalancerResult](r, "Action=CreateLoadBalancer&LoadBalancerName=vpc"+httpListener+listOf("Subnets", "subnet-1", "subnet-2"))
	attach, detach := "Action=AttachLoadBalancerToSubnets&LoadBalancerName=", "Action=DetachLoadBalancerFromSubnets&LoadBalancerName="
	r.checkWrong([]wrongForm{
		{"last", detach + "vpc" + listOf("Subnets", "subnet-1", "subnet-2"), query.InvalidConfigurationRequest, "The load balancer 'vpc' must keep at least one subnet"},
		{"no-zone-left", attach + "vpc" + listOf("Subnets", "subnet-3", "subnet-4"), query.InvalidConfigurationRequest,
			"The load balancer 'vpc' cannot be attached to multiple subnets in the same AZ: there are 3 zones, and each has a subnet already"},
		{"attach-in-zones", attach + "web" + listOf("Subnets", "subnet-3"), query.InvalidConfigurationRequest, "The load balancer 'web' was created with Availability Zones…"},
		{"detach-in-zones", detach + "web" + listOf("Subnets", "subnet-3"), query.InvalidConfigurationRequest, "The load balancer 'web' was created with Availability Zones…"},
		{"attach-empty", attach + "vpc&Subnets=", query.ValidationError, "Subnets cannot be empty"},
		{"detach-empty", detach + "vpc&Subnets=", query.ValidationError, "Subnets cannot be empty"},
		{"detach-none", detach + "vpc", query.MissingParameter, "…"},
		{"no-subnet", attach + "vpc" + listOf("Subnets", "us-west-2c"), query.SubnetNotFound, "The subnet ID 'us-west-2c' does not exist: …"},
	})
	r.runtime.refuse(errors.New("no"))
	r.checkWrong([]wrongForm{{"bind", attach + "vpc" + listOf("Subnets", "subnet-3"), query.InvalidConfigurationRequest, "…"}})
}

func TestAddressesExhausted(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(o *Options) {
		o.Addresses = []AddressRange{{netip.MustParseAddr("127.0.0.254"), netip.MustParseAddr("127.0.1.2")}}
	})
	made[query.CreateLoadBalancerResult](r, create("web"))
	made[query.AvailabilityZonesResult](r, "Action=EnableAvailabilityZonesForLoadBalancer&LoadBalancerName=web"+listOf("AvailabilityZones", "us-west-2b"))
	const message = "There is no free address for the load balancer 'NAME', which needs one for each zone: all of 127.0.0.254-127.0.1.2 are in use. " +
		"Give api.addresses a wider range, or delete load balancers"
	r.checkWrong([]wrongForm{
		{"two-needed", "Action=CreateLoadBalancer&LoadBalancerName=two" + httpListener + inZoneA + "&AvailabilityZones.member.2=us-west-2b",
			query.InvalidConfigurationRequest, strings.ReplaceAll(message, "NAME", "two")},
	})
	made[query.CreateLoadBalancerResult](r, create("one"))
	r.checkWrong([]wrongForm{
		{"create", create("more"), query.InvalidConfigurationRequest, strings.ReplaceAll(message, "NAME", "more")},
		{"enable", "Action=EnableAvailabilityZonesForLoadBalancer&LoadBalancerName=web" + listOf("AvailabilityZones", "us-west-2c"),
			query.InvalidConfigurationRequest, strings.ReplaceAll(message, "NAME", "web")},
	})
	made[query.Empty](r, "Action=DeleteLoadBalancer&LoadBalancerName=one")
	made[query.CreateLoadBalancerResult](r, create("more"))
	r.checkStored()
}
