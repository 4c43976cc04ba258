package awselb

import (
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
)

func TestLocate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.instances.set("i-up", "APP.Internal", "us-west-2c")
	r.instances.set("web1", "10.0.0.21", "us-west-2b")
	r.instances.set("10.0.0.7", "10.9.9.9", "us-west-2b")
	long := strings.Repeat("a.", 126) + "a"
	for id, want := range map[string][2]string{ // host and zone; no host: refused
		"i-1":                                {"10.0.0.1", "us-west-2a"},
		"i-3":                                {"app3.internal", "us-west-2b"},
		"i-4":                                {"10.0.0.4", ""},
		"i-up":                               {"app.internal", "us-west-2c"},
		"web1":                               {"10.0.0.21", "us-west-2b"}, // any name that the registry knows
		"10.0.0.7":                           {"10.0.0.7", ""},            // but no address: that stands for itself
		"web2":                               {"web2", ""},
		"App1.Internal":                      {"app1.internal", ""},
		"app1.internal.":                     {"app1.internal.", ""},
		"my_app-1":                           {"my_app-1", ""},
		"4711.example":                       {"4711.example", ""},
		"[2001:DB8:0::1]":                    {"2001:db8::1", ""},
		"[::1]":                              {"::1", ""},
		long:                                 {long, ""},
		"i-9":                                {},
		"I-1":                                {},
		"i-app.example":                      {},
		"i-":                                 {},
		"2001:db8::1":                        {},
		"[10.0.0.1]":                         {},
		"[2001:db8::1":                       {},
		"2001:db8::1]":                       {},
		"[[2001:db8::1]]":                    {},
		"[2001:db8::1]:80":                   {},
		"[::ffff:10.0.0.1]":                  {},
		"[fe80::1%eth0]":                     {},
		"[ff02::1]":                          {},
		"[::]":                               {},
		"0.0.0.0":                            {},
		"224.0.0.1":                          {},
		"10.0.0.300":                         {},
		"10.0.0":                             {},
		"010.0.0.1":                          {},
		"10.0.0.1:80":                        {},
		"a..b":                               {},
		".":                                  {},
		"":                                   {},
		"-a":                                 {},
		"a-":                                 {},
		"a b":                                {},
		"ä.example":                          {},
		"a\x00":                              {},
		"a/b":                                {},
		long + "a":                           {},
		strings.Repeat("a", 64) + ".example": {},
	} {
		host, zone, found := r.locate(id)
		if found != (want[0] != "") || found && [2]string{host, zone} != want {
			t.Errorf("%q: got %q, %q and %v, want %q", id, host, zone, found, want)
		}
	}
}

// FuzzLocate: whatever is taken as an address names one backend in one way, which reads as itself.
func FuzzLocate(f *testing.F) {
	for _, id := range []string{"10.0.0.5", "[2001:db8::1]", "app1.internal", "i-0abc", "[::ffff:1.2.3.4]", "[fe80::1%a]", "a.-", "1.2.3", "\xff"} {
		f.Add(id)
	}
	s := &Service{o: Options{Instances: &fakeInstances{}}}
	f.Fuzz(func(t *testing.T, id string) {
		host, zone, found := s.locate(id)
		if !found {
			return
		}
		written := host
		if addr, err := netip.ParseAddr(host); err == nil {
			if addr.String() != host || addr.IsUnspecified() || addr.IsMulticast() || addr.Is4In6() {
				t.Errorf("%q: got the address %q", id, host)
			}
			if addr.Is6() {
				written = "[" + host + "]"
			}
		} else if len(host) > 254 || strings.ToLower(host) != host || strings.ContainsAny(host, " :/[]%@\r\n\x00") {
			t.Errorf("%q: got the host name %q", id, host)
		}
		if again, _, known := s.locate(written); again != host || !known || zone != "" {
			t.Errorf("%q: is %q in zone %q, which is %q, %v", id, host, zone, again, known)
		}
		if endpoint := (plan.BackendKey{Host: host, Port: 80}).Endpoint(); endpoint != written+":80" {
			t.Errorf("%q: the endpoint is %q", id, endpoint)
		}
	})
}
