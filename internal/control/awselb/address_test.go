package awselb

import (
	"fmt"
	"net/netip"
	"reflect"
	"testing"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
)

// addrs reads addresses.
func addrs(texts ...string) []netip.Addr {
	list := []netip.Addr{}
	for _, text := range texts {
		list = append(list, netip.MustParseAddr(text))
	}
	return list
}

func TestFreeAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ranges [][2]string
		taken  []netip.Addr
		n      int // at most so many
		want   []netip.Addr
	}{
		"none":           {nil, nil, 3, addrs()},
		"first":          {[][2]string{{"127.0.0.16", "127.255.255.254"}}, nil, 2, addrs("127.0.0.16", "127.0.0.17")},
		"gaps":           {[][2]string{{"10.0.0.1", "10.0.0.9"}}, addrs("10.0.0.1", "10.0.0.3"), 3, addrs("10.0.0.2", "10.0.0.4", "10.0.0.5")},
		"skips":          {[][2]string{{"10.0.0.254", "10.0.1.1"}}, nil, 9, addrs("10.0.0.254", "10.0.1.1")},
		"only-skipped":   {[][2]string{{"10.0.0.255", "10.0.1.0"}}, nil, 9, addrs()},
		"one":            {[][2]string{{"10.0.0.7", "10.0.0.7"}}, nil, 9, addrs("10.0.0.7")},
		"one-taken":      {[][2]string{{"10.0.0.7", "10.0.0.7"}}, addrs("10.0.0.7"), 9, addrs()},
		"end-of-ipv4":    {[][2]string{{"255.255.255.253", "255.255.255.255"}}, nil, 9, addrs("255.255.255.253", "255.255.255.254")},
		"ipv6":           {[][2]string{{"2001:db8::", "2001:db8::ffff:ffff:ffff"}}, addrs("2001:db8::1"), 3, addrs("2001:db8::", "2001:db8::2", "2001:db8::3")},
		"end-of-ipv6":    {[][2]string{{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}}, nil, 9, addrs("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")},
		"several-ranges": {[][2]string{{"10.0.0.8", "10.0.0.9"}, {"10.0.0.1", "10.0.0.2"}}, addrs("10.0.0.9"), 9, addrs("10.0.0.8", "10.0.0.1", "10.0.0.2")},
	} {
		var ranges []AddressRange
		for _, r := range c.ranges {
			ranges = append(ranges, AddressRange{netip.MustParseAddr(r[0]), netip.MustParseAddr(r[1])})
		}
		taken := map[netip.Addr]bool{}
		for _, a := range c.taken {
			taken[a] = true
		}
		got := []netip.Addr{}
		for a := range freeAddresses(ranges, taken) {
			if got = append(got, a); len(got) == c.n {
				break
			}
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestAddressesOfOthers leaves out what the load balancers of a file listen on.
func TestAddressesOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := &plan.LoadBalancer{Name: "of-the-file", Origin: "lull.yaml"}
	for _, address := range []string{"127.0.0.16:80", "127.0.0.17:443", "[::ffff:127.0.0.19]:80", "0.0.0.0:8080", "[::]:8081"} {
		other.Listeners = append(other.Listeners, &plan.Listener{Address: netip.MustParseAddrPort(address)})
	}
	r.runtime.setOthers(other)
	made[query.CreateLoadBalancerResult](r, create("web")+"&AvailabilityZones.member.2=us-west-2b")
	if got := r.addresses("web"); got["us-west-2a"] != "127.0.0.18" || got["us-west-2b"] != "127.0.0.20" {
		t.Errorf("got %v, want 127.0.0.18 and 127.0.0.20", got)
	}
}

// TestAddressesStay has a load balancer keep its address whatever becomes of others and of the pool.
func TestAddressesStay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 3 {
		made[query.CreateLoadBalancerResult](r, create(fmt.Sprintf("lb-%d", i)))
	}
	made[query.Empty](r, "Action=DeleteLoadBalancer&LoadBalancerName=lb-0")
	r.options.Addresses = []AddressRange{{netip.MustParseAddr("127.0.9.1"), netip.MustParseAddr("127.0.9.9")}}
	r.reopen()
	made[query.CreateLoadBalancerResult](r, create("lb-3"))
	for name, want := range map[string]string{"lb-1": "127.0.0.17", "lb-2": "127.0.0.18", "lb-3": "127.0.9.1"} {
		if got := r.addresses(name)["us-west-2a"]; got != want {
			t.Errorf("%s has %s, want %s", name, got, want)
		}
	}
}

// BenchmarkGiveAddresses measures what the addresses of a load balancer in three zones cost when 1,000 others are there.
func BenchmarkGiveAddresses(b *testing.B) {
	s := &Service{o: Options{
		Runtime:   &fakeRuntime{},
		Addresses: []AddressRange{{netip.MustParseAddr("127.0.0.16"), netip.MustParseAddr("127.255.255.254")}},
	}}
	s.show(map[string]*balancer{})
	zones := []node{{Zone: "a"}, {Zone: "b"}, {Zone: "c"}}
	all := map[string]*balancer{}
	for i := range 1000 {
		d := newDocument(fmt.Sprintf("lb-%d", i))
		d.Nodes = append([]node{}, zones...)
		if err := s.giveAddresses(d); err != nil {
			b.Fatal(err)
		}
		all[d.Name] = &balancer{document: d}
		s.show(all)
	}
	b.ReportAllocs()
	for b.Loop() {
		d := newDocument("web")
		d.Nodes = append([]node{}, zones...)
		if err := s.giveAddresses(d); err != nil {
			b.Fatal(err)
		}
	}
}
