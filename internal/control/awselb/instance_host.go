package awselb

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"lull/internal/control/awselb/query"
)

// What a host name may be. AWS has no such instances, so this is lull's own rule: what a resolver can be asked for.
const (
	idPrefix    = "i-" // of ids; nothing that begins so is a host name here, or a mistyped id would be looked up in the DNS
	hostNameMax = 253  // RFC 1035 §2.3.4, as text and without the root
)

//nolint:gochecknoglobals // compiled once
var (
	hostLabel = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$`) // container networks use underscores
	allDigits = regexp.MustCompile(`^[0-9]+$`)
)

// locate returns where an instance is, in lower case, and in which zone, which is empty when it is in all. An id of the
// registry is there. What is not may be an address: `10.0.0.5`, `[2001:db8::1]` or `app1.internal`.
func (s *Service) locate(id string) (name, zone string, found bool) {
	if addr, ok := literal(id); ok {
		return addr.String(), "", connectable(addr)
	}
	if name, zone, found = s.o.Instances.Lookup(id); found {
		return strings.ToLower(name), zone, true
	}
	name = strings.ToLower(id)
	return name, "", !strings.HasPrefix(name, idPrefix) && isHostName(name)
}

// literal reads an IP address, one of version 6 in brackets: there is one way to write an instance.
func literal(id string) (addr netip.Addr, ok bool) {
	inner, bracketed := strings.CutPrefix(id, "[")
	if bracketed {
		if inner, bracketed = strings.CutSuffix(inner, "]"); !bracketed {
			return netip.Addr{}, false
		}
	}
	addr, err := netip.ParseAddr(inner)
	return addr, err == nil && addr.Is6() == bracketed
}

// connectable says whether there can be one instance at an address: not at a group's, at all of them, or at one that means
// another on each of this machine's networks.
func connectable(addr netip.Addr) bool {
	return addr.Zone() == "" && !addr.Is4In6() && !addr.IsMulticast() && !addr.IsUnspecified()
}

// isHostName says whether a text in lower case is a DNS name. A last label of digits is a mistyped IPv4 address.
func isHostName(name string) bool {
	name = strings.TrimSuffix(name, ".")
	if len(name) > hostNameMax {
		return false
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !hostLabel.MatchString(l) {
			return false
		}
	}
	return !allDigits.MatchString(labels[len(labels)-1])
}

// unknownInstance is the answer to an id that names nothing.
func unknownInstance(id string) error {
	message := "There is no instance '%s': make it known with `lull instances set %[1]s ADDRESS`, or register its address"
	if !strings.HasPrefix(strings.ToLower(id), idPrefix) {
		message = "There is no instance '%s': use an instance id that lull knows (see `lull instances`) or an address such as 10.0.0.5, [2001:db8::1] or app1.internal, without a port"
	}
	return &query.Error{Code: query.InvalidInstance, Field: "Instances", Message: fmt.Sprintf(message, shown(id))}
}
