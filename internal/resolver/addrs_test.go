package resolver

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func addrList(t *testing.T, text string) []netip.Addr {
	t.Helper()
	var out []netip.Addr
	for _, s := range strings.Fields(text) {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestUsable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, in, want string }{
		{"order", "10.0.0.2 10.0.0.1", "10.0.0.2 10.0.0.1"},
		{"duplicates", "10.0.0.1 10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2"},
		{"mapped", "::ffff:10.0.0.1 10.0.0.1", "10.0.0.1"},
		{"both_families", "10.0.0.1 2001:db8::1", "10.0.0.1 2001:db8::1"},
		{"sinkhole", "0.0.0.0 ::", ""},
		{"multicast", "224.0.0.1 ff02::1 10.0.0.1", "10.0.0.1"},
		{"broadcast", "255.255.255.255", ""},
		{"zones", "fe80::1%a fe80::1%b", "fe80::1%a fe80::1%b"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var ips []net.IPAddr
			for _, a := range addrList(t, tc.in) {
				ips = append(ips, net.IPAddr{IP: net.IP(a.AsSlice()), Zone: a.Zone()})
			}
			if got, want := usable(ips), addrList(t, tc.want); !slices.Equal(got, want) {
				t.Errorf("usable(%s): got %v, want %v", tc.in, got, want)
			}
		})
	}
	if got := usable([]net.IPAddr{{IP: net.IP{1, 2, 3}}}); len(got) != 0 {
		t.Errorf("usable of three bytes: got %v, want none", got)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, before, answer, want string }{
		{"first", "", "10.0.0.2 10.0.0.1", "10.0.0.2 10.0.0.1"},
		{"rotated", "10.0.0.1 10.0.0.2", "10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2"},
		{"added", "10.0.0.1 10.0.0.2", "10.0.0.3 10.0.0.2 10.0.0.1", "10.0.0.1 10.0.0.2 10.0.0.3"},
		{"removed", "10.0.0.1 10.0.0.2 10.0.0.3", "10.0.0.3 10.0.0.1", "10.0.0.1 10.0.0.3"},
		{"replaced", "10.0.0.1", "10.0.0.2", "10.0.0.2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := merge(addrList(t, tc.before), addrList(t, tc.answer))
			if want := addrList(t, tc.want); !slices.Equal(got, want) {
				t.Errorf("merge(%s; %s): got %v, want %v", tc.before, tc.answer, got, want)
			}
		})
	}
}

func TestMergeIsBoundedAndStable(t *testing.T) {
	t.Parallel()
	var all []netip.Addr
	for i := range 3 * addrsMax {
		all = append(all, netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)))
	}
	first := merge(nil, all)
	if len(first) != addrsMax {
		t.Fatalf("merge of %d addresses: got %d, want %d", len(all), len(first), addrsMax)
	}
	for i := range all {
		rotated := slices.Concat(all[i:], all[:i])
		if got := merge(first, rotated); !slices.Equal(got, first) {
			t.Fatalf("merge after rotating by %d: got %v, want %v", i, got, first)
		}
	}
}
