// Package proxyproto provides the codec of the PROXY protocol, versions 1 and 2: bytes in, values out, no I/O.
//
// The loops call Parse on what a client of a listener with proxy_protocol.accept has sent so far, and AppendV1,
// AppendV2 or AppendV2Name for the first bytes of a back-end connection. Every function is pure and may run anywhere.
//
// Parse reads from left to right and decides at the first byte that no valid header can have in its place, so a client
// that speaks something else is refused with its first byte and never waits for a timer. It keeps no state between
// calls: the caller offers the same bytes again with more behind them. A resumable parser was not taken because a
// connection would have to carry its state, and all there is to read again is 107 bytes of version 1 or the heads of
// the TLVs of version 2. Addresses are read here rather than by netip.ParseAddr, which needs the whole text and a
// string of it, and takes forms that the protocol does not.
//
// Nothing is owned and nothing locked: results do not point into the input.
//
// A header may have HeaderMax bytes, a version 1 line 107. Nothing is allocated, neither on success nor on error.
//
// It follows "The PROXY protocol, Versions 1 & 2" of HAProxy (proxy-protocol.txt, 2020/03/05), §2.1, §2.2 and §2.2.3.
// Where that leaves a choice to the receiver:
//   - UNKNOWN, LOCAL, UNSPEC, datagrams and Unix sockets are accepted as Local: the socket's own addresses count. For
//     datagrams and Unix sockets §2.2 demands this of a receiver that does not support them.
//   - The text after UNKNOWN is skipped unread, but a CR or LF in it that is not the final CRLF is refused: another
//     receiver could end the line there and take what follows for payload.
//   - The block of LOCAL is discarded unread, as §2.2 says, and so is that of UNSPEC, whose address length is unknown.
//     Everywhere else the TLVs must fill the block exactly, and a CRC32C is verified; other TLVs are not interpreted.
//   - An IPv6 address in version 1 may have a dotted tail in the one form that senders print, "::ffff:192.0.2.1".
package proxyproto

import "net/netip"

// HeaderMax is the longest header that Parse accepts; a version 2 length field that announces more is refused when it
// is seen. The specification wants headers within 536 bytes, but its own TLVs can pass that: the fixed part and IPv6
// addresses (52), host name (258), unique id (131), namespace (258), protocol name (258), TLS details (about 200), and
// up to 3 KiB for what a vendor adds, such as a client certificate. One page holds them all, and is little enough to
// keep for every client that has not finished its header.
const HeaderMax = 4096

// Header is what a PROXY protocol header says.
type Header struct {
	Version uint8 // 1 or 2
	// Local means that the header names no addresses: the socket's own are the client's and the server's. Source and
	// Dest are then invalid.
	Local bool
	// Source and Dest are the client's address and the one it connected to. Both are IPv4 or both are IPv6; a pair of
	// v4-mapped addresses is given as IPv4.
	Source, Dest netip.AddrPort
}

// Parse reads a header at the start of b.
//
// n > 0: the header is the first n bytes. n == 0 and no error: it is not complete, call again with more bytes.
// An error wraps ErrInvalid: the bytes are not a header and never will be, whatever follows. What Parse says of b it
// also says of anything that begins with b, save that "more" may turn into either of the others.
func Parse(b []byte) (h Header, n int, err error) {
	if len(b) == 0 {
		return Header{}, 0, nil
	}
	switch b[0] {
	case signatureV1[0]:
		return parseV1(b)
	case signatureV2[0]:
		return parseV2(b)
	}
	return Header{}, 0, faultSignature
}

// relayed returns the header of a relayed connection. A pair of v4-mapped addresses becomes IPv4, so that a client has
// one name whichever way it came; mapped beside IPv6 stays as sent, because the two must be of one family.
func relayed(version uint8, source, dest netip.AddrPort) Header {
	s, d := source.Addr(), dest.Addr()
	if s.Is4In6() && d.Is4In6() {
		source = netip.AddrPortFrom(s.Unmap(), source.Port())
		dest = netip.AddrPortFrom(d.Unmap(), dest.Port())
	}
	return Header{Version: version, Source: source, Dest: dest}
}
