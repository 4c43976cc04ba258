package resolver

import (
	"net"
	"net/netip"
	"slices"
)

// addrsMax bounds the addresses of one name. No backend needs more, and an answer by TCP can hold four thousand,
// each of which the engine would keep per backend and the health checks would probe.
const addrsMax = 64

// usable returns the addresses that a backend can have, each once, in their order. A resolver that blocks a name
// often answers 0.0.0.0 or ::, and connecting there would reach this machine itself; so would forged answers.
func usable(ips []net.IPAddr) []netip.Addr {
	var out []netip.Addr
	seen := make(map[netip.Addr]struct{}, len(ips))
	for i := range ips {
		addr, ok := netip.AddrFromSlice(ips[i].IP)
		if !ok {
			continue
		}
		addr = addr.Unmap().WithZone(ips[i].Zone)
		if _, dup := seen[addr]; dup || addr.IsUnspecified() || addr.IsMulticast() || addr == broadcast {
			continue
		}
		seen[addr] = struct{}{}
		out = append(out, addr)
	}
	return out
}

// broadcast is the one IPv4 address that is neither multicast nor anybody's.
//
//nolint:gochecknoglobals // a constant in all but type
var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// merge returns the addresses of answer in an order that depends as little as possible on the answer's: those of
// before stay where they are, the others follow as they came. So the same set gives the same slice however the server
// rotates it, and a name with more than addrsMax addresses does not change with each rotation either.
func merge(before, answer []netip.Addr) []netip.Addr {
	in := make(map[netip.Addr]struct{}, len(answer))
	for _, addr := range answer {
		in[addr] = struct{}{}
	}
	out := make([]netip.Addr, 0, min(len(in), addrsMax))
	for _, addr := range slices.Concat(before, answer) {
		if len(out) == addrsMax {
			break
		}
		if _, ok := in[addr]; ok {
			out = append(out, addr)
			delete(in, addr)
		}
	}
	return out
}
