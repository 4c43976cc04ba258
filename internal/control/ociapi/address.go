package ociapi

import (
	"fmt"
	"net/netip"
	"strings"

	"lull/internal/control/ociapi/wire"
)

// freeAddresses returns an address for a new load balancer: the highest that is free of its family. The Classic ELB API takes from
// the other end of the same ranges, so that the two front doors, which do not see each other's documents, do not meet; what each has
// in force is in the plan, which both see.
func (s *Service) freeAddresses(mode string, st *state) ([]netip.Addr, error) {
	taken := s.takenAddresses(st)
	for i := len(s.o.Addresses) - 1; i >= 0; i-- {
		r := s.o.Addresses[i]
		if r.Last.Is4() != (mode != modeIPv6) {
			continue
		}
		// Prev returns the zero address before the first of a family, which is not valid.
		for a := r.Last; a.IsValid() && a.Compare(r.First) >= 0; a = a.Prev() {
			if !taken[a] && !reserved(a) {
				return []netip.Addr{a}, nil
			}
		}
	}
	// Not ServiceUnavailable, which SDKs repeat by themselves: only an administrator can help.
	return nil, refuse(wire.LimitExceeded, "", "There is no free %s address for a load balancer: give api.addresses (%s) a wider range, or delete load balancers",
		mode, describeRanges(s.o.Addresses))
}

// modeIPv6 is the mode of a load balancer that has an IPv6 address; the other one is IPV4.
const modeIPv6 = "IPV6"

// takenAddresses returns the addresses of all load balancers of the API, and those that other front doors listen on.
func (s *Service) takenAddresses(st *state) map[netip.Addr]bool {
	taken := map[netip.Addr]bool{}
	for _, b := range st.balancers {
		for _, a := range b.Addresses {
			taken[a] = true
		}
	}
	for _, lb := range s.o.Runtime.Plan().LoadBalancers {
		for _, l := range lb.Listeners {
			taken[l.Address.Addr().Unmap()] = true
		}
	}
	return taken
}

// reserved says whether an address looks like that of a network or a broadcast, which do not work where networks are small.
func reserved(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	last := a.As4()[3]
	return last == 0 || last == 255
}

// describeRanges returns ranges for people.
func describeRanges(ranges []AddressRange) string {
	texts := make([]string, len(ranges))
	for i, r := range ranges {
		texts[i] = fmt.Sprintf("%s-%s", r.First, r.Last)
	}
	return strings.Join(texts, ", ")
}

// planName returns a load balancer's name in the plan: its display name where that is as simple as lull's commands and metrics want
// it and nobody has it yet, and otherwise one with the end of its OCID, for display names need not be unique.
func (s *Service) planName(displayName, id string, st *state) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, displayName)
	name = strings.TrimLeft(name, "-._") // no command takes it for a flag
	name = name[:min(len(name), planNameMax)]
	taken := map[string]bool{"": true}
	for _, b := range st.balancers {
		taken[b.PlanName] = true
	}
	for _, lb := range s.o.Runtime.Plan().LoadBalancers {
		taken[lb.Name] = true
	}
	if !taken[name] {
		return name
	}
	return longName(name, id)
}

const (
	planNameMax  = 64
	nameEndBytes = 8 // of an OCID: 40 random bits
)

// longName returns a name with the end of an OCID, which tells it from all others.
func longName(name, id string) string {
	return strings.TrimPrefix(name+"-"+id[len(id)-nameEndBytes:], "-")
}
