package awselb

import (
	"fmt"
	"iter"
	"net/netip"
	"strings"

	"lull/internal/control/awselb/query"
)

// giveAddresses gives the nodes that have none the lowest addresses that are free. A range may be as large as 127.0.0.0/8 or an
// IPv6 network; what is walked is no longer than what is taken. REQUIRES: mu is held.
func (s *Service) giveAddresses(d *document) error {
	var without []*node
	for i := range d.Nodes {
		if n := &d.Nodes[i]; !n.Address.IsValid() {
			without = append(without, n)
		}
	}
	if len(without) == 0 {
		return nil
	}
	for address := range freeAddresses(s.o.Addresses, s.takenAddresses()) {
		without[0].Address = address
		if without = without[1:]; len(without) == 0 {
			return nil
		}
	}
	// Not ServiceUnavailable, which SDKs repeat by themselves: only an administrator can help.
	return &query.Error{Code: query.InvalidConfigurationRequest, Message: fmt.Sprintf(
		"There is no free address for the load balancer '%s', which needs one for each zone: all of %s are in use. Give api.addresses a wider range, or delete load balancers",
		d.Name, describeRanges(s.o.Addresses))}
}

// takenAddresses returns the addresses of all nodes, and those that other front doors listen on. One that listens on
// every address takes none: it stands in the way of a port only.
func (s *Service) takenAddresses() map[netip.Addr]bool {
	balancers := s.state.Load().balancers
	taken := make(map[netip.Addr]bool, 2*len(balancers))
	for _, b := range balancers {
		for _, n := range b.Nodes {
			taken[n.Address] = true
		}
	}
	for _, lb := range s.o.Runtime.Plan().LoadBalancers {
		if balancers[lb.Name] != nil {
			continue
		}
		for _, l := range lb.Listeners {
			taken[l.Address.Addr().Unmap()] = true
		}
	}
	return taken
}

// freeAddresses returns what is not taken of ranges, in their order and each from its lowest address.
func freeAddresses(ranges []AddressRange, taken map[netip.Addr]bool) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for _, r := range ranges {
			// Next returns the zero address after the last of a family, which is not valid.
			for a := r.First; a.IsValid() && a.Compare(r.Last) <= 0; a = a.Next() {
				if !taken[a] && !reserved(a) && !yield(a) {
					return
				}
			}
		}
	}
}

// reserved says whether an address looks like that of a network or a broadcast: how the networks of a range are cut is not known
// here, and where they are as small as they usually are these two do not work, or look like a mistake to everybody.
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
