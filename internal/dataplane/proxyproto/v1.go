package proxyproto

import "net/netip"

// Specification constants of §2.1.
const (
	signatureV1 = "PROXY"
	lineMax     = 107 // bytes of the longest line, CR LF included
)

// line reads a version 1 header from left to right. Its methods return false when they cannot go on: with fault set
// the header is invalid, without it more bytes are needed.
type line struct {
	b     []byte
	at    int // the next byte to read
	fault fault
}

// parseV1 is Parse for what begins like version 1.
func parseV1(b []byte) (Header, int, error) {
	l := line{b: b}
	h, ok := l.header()
	switch {
	case ok:
		return h, l.at, nil
	case l.fault != faultNone:
		return Header{}, 0, l.fault
	}
	return Header{}, 0, nil
}

// header reads the whole line.
func (l *line) header() (h Header, ok bool) {
	if !l.word(signatureV1, faultSignature) || !l.word(" ", faultSignature) || l.at == len(l.b) {
		return Header{}, false
	}
	if l.b[l.at] == 'U' {
		if !l.word("UNKNOWN", faultProtocol) || !l.skipUnknown() {
			return Header{}, false
		}
		return Header{Version: 1, Local: true}, true
	}
	if !l.word("TCP", faultProtocol) || l.at == len(l.b) {
		return Header{}, false
	}
	switch family := l.b[l.at]; family {
	case '4', '6':
		l.at++
		if !l.word(" ", faultProtocol) {
			return Header{}, false
		}
		return l.addresses(family == '6')
	}
	l.fault = faultProtocol
	return Header{}, false
}

// addresses reads what follows "PROXY TCP4 " or "PROXY TCP6 ", to the end of the line.
func (l *line) addresses(v6 bool) (h Header, ok bool) {
	var source, dest netip.Addr
	if v6 {
		if source, ok = l.ipv6(faultSource6); ok {
			dest, ok = l.ipv6(faultDest6)
		}
	} else {
		if source, ok = l.ipv4(faultSource4); ok {
			dest, ok = l.ipv4(faultDest4)
		}
	}
	if !ok {
		return Header{}, false
	}
	sourcePort, ok := l.number(65535, faultSourcePort)
	if !ok || !l.word(" ", faultSourcePort) {
		return Header{}, false
	}
	destPort, ok := l.number(65535, faultDestPort)
	if !ok || !l.word("\r\n", faultLineEnd) {
		return Header{}, false
	}
	return relayed(1, netip.AddrPortFrom(source, uint16(sourcePort)), netip.AddrPortFrom(dest, uint16(destPort))), true
}

// skipUnknown reads from behind "UNKNOWN" to the end of the line: CR LF, or a space and anything before CR LF.
func (l *line) skipUnknown() bool {
	for first := true; l.at < len(l.b); first = false {
		switch c := l.b[l.at]; {
		case c == '\r':
			return l.word("\r\n", faultLineEnd)
		case first && c != ' ':
			l.fault = faultProtocol
			return false
		case c == '\n':
			l.fault = faultLineEnd
			return false
		case l.at == lineMax-len("\r\n"): // the last place where the CR could have been
			l.fault = faultLineLong
			return false
		}
		l.at++
	}
	return false
}

// word reads exactly w.
func (l *line) word(w string, f fault) bool {
	for i := range len(w) {
		if l.at == len(l.b) {
			return false
		}
		if l.b[l.at] != w[i] {
			l.fault = f
			return false
		}
		l.at++
	}
	return true
}

// number reads a decimal number up to limit, without leading zeros, and stops before the byte behind it. Only that byte
// tells that the number is complete, so without it more bytes are needed.
func (l *line) number(limit uint32, f fault) (n uint32, ok bool) {
	for start := l.at; l.at < len(l.b); l.at++ {
		d := l.b[l.at] - '0'
		if d > 9 && l.at > start {
			return n, true
		}
		if d > 9 || (n == 0 && l.at > start) {
			l.fault = f
			return 0, false
		}
		if n = n*10 + uint32(d); n > limit {
			l.fault = f
			return 0, false
		}
	}
	return 0, false
}

// ipv4 reads an IPv4 address and the space behind it.
func (l *line) ipv4(f fault) (netip.Addr, bool) {
	var a [4]byte
	for i := range a {
		n, ok := l.number(255, f)
		if !ok {
			return netip.Addr{}, false
		}
		a[i] = byte(n)
		end := "."
		if i == len(a)-1 {
			end = " "
		}
		if !l.word(end, f) {
			return netip.Addr{}, false
		}
	}
	return netip.AddrFrom4(a), true
}
