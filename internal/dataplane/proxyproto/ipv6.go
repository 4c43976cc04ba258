package proxyproto

import "net/netip"

// groups collects the text of an IPv6 address byte by byte and refuses the first one that no address can have there.
type groups struct {
	value  [8]uint16 // as read, those behind the gap directly after those before it
	done   int       // how many are complete
	digits int       // read of the next one, 0..4
	colons int       // read since the last digit, 0..2
	gapped bool      // "::" has been read
	gap    int       // how many groups stand before it
}

// ipv6 reads an IPv6 address and the space behind it.
func (l *line) ipv6(f fault) (netip.Addr, bool) {
	var g groups
	for ; l.at < len(l.b); l.at++ {
		c, ok := l.b[l.at], false
		switch {
		case c == ' ':
			if g.end() {
				l.at++
				return netip.AddrFrom16(g.bytes()), true
			}
		case c == ':':
			ok = g.colon()
		case c == '.' && g.mapped():
			l.at -= g.digits
			tail, whole := l.ipv4(f)
			return netip.AddrFrom16(tail.As16()), whole
		default:
			ok = g.digit(c)
		}
		if !ok {
			l.fault = f
			return netip.Addr{}, false
		}
	}
	return netip.Addr{}, false
}

// full reports that no further group has room. A gap stands for one group at least (RFC 4291 §2.2).
func (g *groups) full() bool {
	if g.gapped {
		return g.done == len(g.value)-1
	}
	return g.done == len(g.value)
}

// digit takes a hexadecimal digit and refuses any other byte.
func (g *groups) digit(c byte) bool {
	d, ok := hexDigit(c)
	loneColon := g.colons == 1 && g.done == 0 && !g.gapped // ":1…" at the start
	if !ok || loneColon || g.digits == 4 || g.full() {
		return false
	}
	g.value[g.done] = g.value[g.done]<<4 | d
	g.digits++
	g.colons = 0
	return true
}

// colon takes a colon.
func (g *groups) colon() bool {
	g.colons++
	switch {
	case g.digits > 0:
		g.done++
		g.digits = 0
		return !g.full()
	case g.colons == 2 && !g.gapped:
		g.gapped, g.gap = true, g.done
		return true
	}
	return g.colons == 1 && g.done == 0 && !g.gapped // the first byte of all
}

// end reports whether the address may end here, and completes its last group.
func (g *groups) end() bool {
	if g.digits > 0 {
		g.done++
	} else if g.colons == 1 {
		return false
	}
	return g.gapped || g.done == len(g.value)
}

// mapped reports whether a dotted IPv4 address may have begun with the group under way: behind "::ffff:" only, the form
// of RFC 5952 §5 that senders print for v4-mapped addresses.
func (g *groups) mapped() bool {
	return g.gapped && g.gap == 0 && g.done == 1 && g.value[0] == 0xffff && g.digits > 0
}

// bytes returns the address once end has said that it is one.
func (g *groups) bytes() (a [16]byte) {
	for i := range g.done {
		at := i
		if g.gapped && i >= g.gap {
			at = len(g.value) - g.done + i
		}
		a[2*at] = byte(g.value[i] >> 8)
		a[2*at+1] = byte(g.value[i])
	}
	return a
}

// hexDigit returns the value of a hexadecimal digit of either case.
func hexDigit(c byte) (uint16, bool) {
	switch {
	case '0' <= c && c <= '9':
		return uint16(c - '0'), true
	case 'a' <= c && c <= 'f':
		return uint16(c-'a') + 10, true
	case 'A' <= c && c <= 'F':
		return uint16(c-'A') + 10, true
	}
	return 0, false
}
