package instances

import (
	"net/netip"
	"regexp"
	"strings"

	"lull/internal/control/fault"
)

const (
	idBytesMax   = 255
	zoneBytesMax = 255
	hostBytesMax = 253 // RFC 1035 §2.3.4, as text and without the root
)

//nolint:gochecknoglobals // compiled once
var (
	zoneChars = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
	hostLabel = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$`)
	digits    = regexp.MustCompile(`^[0-9]+$`)
)

// Check says what is wrong with an instance; nil if nothing is.
func Check(instance Instance) error {
	_, err := canonical(instance)
	return err
}

// canonical returns an instance with its address in the one form that everybody writes it in.
func canonical(instance Instance) (Instance, error) {
	if err := checkID(instance.ID); err != nil {
		return instance, err
	}
	if err := checkZone(instance.Zone); err != nil {
		return instance, err
	}
	addr, err := netip.ParseAddr(instance.Host)
	if err != nil {
		return instance, checkName(instance.Host)
	}
	instance.Host = addr.String()
	return instance, checkAddress(addr)
}

// checkID refuses ids that cannot be a name in a path or a line. The two that are directories never reach a handler: HTTP
// servers resolve them. An address stands for itself wherever an instance is named, so as an id it would never be looked for.
func checkID(id string) error {
	if id == "" || len(id) > idBytesMax {
		return fault.Field("id", "has %d bytes, 1 to %d are allowed", len(id), idBytesMax)
	}
	bad := strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' })
	if bad >= 0 || id == "." || id == ".." {
		return fault.Field("id", "%q: must be printable ASCII without spaces and slashes, such as i-0abc123, and neither . nor ..", fault.Shortened(id))
	}
	if _, err := netip.ParseAddr(strings.Trim(id, "[]")); err == nil {
		return fault.Field("id", "%q: is an address, which stands for itself; register it as it is", fault.Shortened(id))
	}
	return nil
}

func checkZone(zone string) error {
	if zone != "" && (len(zone) > zoneBytesMax || !zoneChars.MatchString(zone)) {
		return fault.Field("zone", "%q: must be 1 to %d letters, digits, dots, hyphens or underscores, such as us-east-1a, or empty for none", fault.Shortened(zone), zoneBytesMax)
	}
	return nil
}

// checkAddress refuses addresses that cannot be connected to.
func checkAddress(addr netip.Addr) error {
	const host = "host"
	switch {
	case addr.Zone() != "":
		return fault.Field(host, "%q: has a zone; link-local addresses with one are not supported", fault.Shortened(addr.String()))
	case addr.Is4In6():
		return fault.Field(host, "%s: is an IPv4 address in IPv6 form; write %s", addr, addr.Unmap())
	case addr.IsMulticast():
		return fault.Field(host, "%s: is a multicast address, which TCP cannot use", addr)
	case addr.IsUnspecified():
		return fault.Field(host, "%s: stands for every address; it can be listened at but not connected to", addr)
	}
	return nil
}

// checkName accepts what a resolver can be asked for: labels of letters, digits, hyphens and, because container networks use them,
// underscores. A last label of digits is a mistyped IPv4 address.
func checkName(host string) error {
	refused := fault.Field("host", "%q: must be an IP address, such as 10.0.0.5 or 2001:db8::1 (no brackets, no port), or a DNS host name", fault.Shortened(host))
	name := strings.TrimSuffix(host, ".")
	if len(name) > hostBytesMax {
		return refused
	}
	labels := strings.Split(name, ".")
	for _, l := range labels {
		if !hostLabel.MatchString(l) {
			return refused
		}
	}
	if digits.MatchString(labels[len(labels)-1]) {
		return refused
	}
	return nil
}
