package awselb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"lull/internal/control/awselb/query"
)

// The number in a DNS name has nine or ten digits, as in all of AWS's.
const (
	dnsNumberMin = 100_000_000
	dnsNumberEnd = 10_000_000_000
)

// dnsAttempts is how many numbers are tried: two load balancers share a name before the number only where their own names differ in
// the case of letters or by "internal-", so a second try is rare, and a tenth means that the random numbers are none.
const dnsAttempts = 10

// newDNSName returns a name in the documented form that no load balancer has. A name that was given once is not given
// to the next load balancer of that name: what still asks for the old one would reach the new one. REQUIRES: mu is held.
func (s *Service) newDNSName(name, scheme string) (string, error) {
	prefix := ""
	if scheme == query.SchemeInternal {
		prefix = "internal-"
	}
	for range dnsAttempts {
		var raw [8]byte
		if _, err := io.ReadFull(s.o.Random, raw[:]); err != nil {
			return "", fmt.Errorf("DNS name for load balancer %s: %w", name, err)
		}
		number := dnsNumberMin + binary.BigEndian.Uint64(raw[:])%(dnsNumberEnd-dnsNumberMin)
		dnsName := fmt.Sprintf("%s%s-%d.%s.elb.amazonaws.com", prefix, name, number, s.o.Region)
		if s.state.Load().byDNSName[strings.ToLower(dnsName)] == nil {
			return dnsName, nil
		}
	}
	return "", errors.New("DNS name for load balancer " + name + ": the random numbers repeat themselves")
}

// LookupDNS returns the addresses of the load balancer with a DNS name, one for each of its zones. The name is in lower case and
// without a final dot. Callable from anywhere.
func (s *Service) LookupDNS(name string) (addresses []netip.Addr, found bool) {
	b := s.state.Load().byDNSName[name]
	if b == nil {
		return nil, false
	}
	for _, n := range b.Nodes {
		addresses = append(addresses, n.Address)
	}
	return addresses, true
}
