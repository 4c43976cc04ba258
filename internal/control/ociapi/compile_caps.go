package ociapi

import (
	"net/netip"

	"lull/internal/dataplane/rules"
)

// jointCaps returns the bound where several are in force: for each address the smallest of what they say. Several rules of a
// listener come together so, and the listeners of one port: a connection is counted before its first request tells which it is for.
// nil bounds nothing.
func jointCaps(all ...*rules.Caps) *rules.Caps {
	var joint *rules.Caps
	for _, c := range all {
		switch {
		case c == nil:
		case joint == nil:
			joint = c
		default:
			joint = bothCaps(joint, c)
		}
	}
	return joint
}

// bothCaps joins two. What they say changes only at their blocks; an address belongs to the smallest block that holds it, and every
// other that holds it holds all of that one too.
func bothCaps(a, b *rules.Caps) *rules.Caps {
	out := &rules.Caps{Default: smaller(a.Default, b.Default)}
	for _, c := range []*rules.Caps{a, b} {
		for _, g := range c.Groups {
			for _, block := range g.Blocks {
				out.Groups = append(out.Groups, rules.CapGroup{
					Blocks: []netip.Prefix{block}, Connections: smaller(capOf(a, block), capOf(b, block)),
				})
			}
		}
	}
	return out
}

// capOf returns how many connections an address may have that is in no smaller block than this.
func capOf(c *rules.Caps, of netip.Prefix) int {
	limit, bits := c.Default, -1
	for _, g := range c.Groups {
		for _, block := range g.Blocks {
			if block.Bits() > bits && block.Bits() <= of.Bits() && block.Contains(of.Addr()) {
				limit, bits = g.Connections, block.Bits()
			}
		}
	}
	return limit
}

// smaller returns the smaller of two bounds, of which 0 is none.
func smaller(a, b int) int {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
