package awselb

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

func TestDNSNames(t *testing.T) {
	t.Parallel()
	// The numbers at both ends of what there can be.
	numbers := &bytes.Buffer{}
	for _, n := range []uint64{0, dnsNumberEnd - dnsNumberMin - 1, dnsNumberEnd - dnsNumberMin} {
		numbers.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	r := newRig(t, func(o *Options) { o.Random = numbers })
	for _, c := range []struct{ form, want string }{
		{create("web"), "web-100000000.us-west-2.elb.amazonaws.com"},
		{create("Web") + "&Scheme=internal", "internal-Web-9999999999.us-west-2.elb.amazonaws.com"},
		{create(strings.Repeat("a", 32)) + "&Scheme=internal", "internal-" + strings.Repeat("a", 32) + "-100000000.us-west-2.elb.amazonaws.com"},
	} {
		if got := made[query.CreateLoadBalancerResult](r, c.form).DNSName; got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if _, err := r.doForm(create("more")); err == nil || r.running("more") != nil {
		t.Errorf("got %v, want an error when there are no random numbers", err)
	}
}

// TestDNSNameTaken has the random numbers repeat themselves: names are told apart without regard to case, as DNS does.
func TestDNSNameTaken(t *testing.T) {
	t.Parallel()
	numbers := &bytes.Buffer{}
	for _, n := range []uint64{7, 7, 8} {
		numbers.Write(binary.BigEndian.AppendUint64(nil, n))
	}
	numbers.Write(make([]byte, 8*dnsAttempts))
	r := newRig(t, func(o *Options) { o.Random = numbers })
	made[query.CreateLoadBalancerResult](r, create("web"))
	if got := made[query.CreateLoadBalancerResult](r, create("Web")).DNSName; got != "Web-100000008.us-west-2.elb.amazonaws.com" {
		t.Errorf("got %s", got)
	}
	r.have("WEB", func(d *document) { d.DNSName = "weB-100000000.us-west-2.elb.amazonaws.com" })
	if _, err := r.doForm(create("weB")); err == nil {
		t.Error("got no error where all random numbers give a name that is taken")
	}
	r.checkStored()
}

func TestDNSNameForm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	form := regexp.MustCompile(`^web-[1-9][0-9]{8,9}\.us-west-2\.elb\.amazonaws\.com$`)
	seen := map[string]bool{}
	for range 1000 {
		name, err := r.newDNSName("web", query.SchemeInternetFacing)
		if err != nil || !form.MatchString(name) || seen[name] {
			t.Fatalf("got %q and %v", name, err)
		}
		seen[name] = true
	}
}

func TestLookupDNS(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	name := strings.ToLower(made[query.CreateLoadBalancerResult](r, create("MyWeb")).DNSName)
	check := func(want ...string) {
		t.Helper()
		if got, found := r.LookupDNS(name); !found || !reflect.DeepEqual(got, addrs(want...)) {
			t.Errorf("got %v, want %v", got, want)
		}
	}
	check("127.0.0.16")
	made[query.AvailabilityZonesResult](r, "Action=EnableAvailabilityZonesForLoadBalancer&LoadBalancerName=MyWeb"+listOf("AvailabilityZones", "us-west-2b"))
	check("127.0.0.16", "127.0.0.17")
	made[query.AvailabilityZonesResult](r, "Action=DisableAvailabilityZonesForLoadBalancer&LoadBalancerName=MyWeb"+inZoneA)
	check("127.0.0.17")
	r.reopen()
	check("127.0.0.17")
	for _, other := range []string{"", ".", "myweb", "us-west-2.elb.amazonaws.com", "x" + name, name + ".", strings.ToUpper(name)} {
		if got, found := r.LookupDNS(other); found {
			t.Errorf("%q: got %v", other, got)
		}
	}
	made[query.Empty](r, "Action=DeleteLoadBalancer&LoadBalancerName=MyWeb")
	if got, found := r.LookupDNS(name); found {
		t.Errorf("got %v for one that is deleted", got)
	}
}
