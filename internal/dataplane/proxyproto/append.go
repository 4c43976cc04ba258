package proxyproto

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// AppendV1 appends a version 1 header, at most 104 bytes. Pairs that are or map to IPv4 become TCP4, other pairs of
// IPv6 TCP6; an IPv4 address beside an IPv6 one, or an invalid one, can only be told as UNKNOWN. Zones are left out:
// they mean nothing on another machine.
func AppendV1(dst []byte, source, dest netip.AddrPort) []byte {
	s, d, ok := oneFamily(source.Addr(), dest.Addr())
	if !ok {
		return append(dst, "PROXY UNKNOWN\r\n"...)
	}
	if s.Is4() {
		dst = append(dst, "PROXY TCP4 "...)
	} else {
		dst = append(dst, "PROXY TCP6 "...)
	}
	dst = append(appendText(dst, s), ' ')
	dst = append(appendText(dst, d), ' ')
	dst = append(strconv.AppendUint(dst, uint64(source.Port()), 10), ' ')
	dst = strconv.AppendUint(dst, uint64(dest.Port()), 10)
	return append(dst, "\r\n"...)
}

// AppendV2 appends a version 2 header without TLVs, at most 52 bytes. Families are told as by AppendV1; what that calls
// UNKNOWN is LOCAL and UNSPEC here.
func AppendV2(dst []byte, source, dest netip.AddrPort) []byte {
	return AppendV2Name(dst, source, dest, "")
}

// AuthorityMax is the longest name that DNS has. AppendV2Name leaves out what is longer: cut short it would be the name of another.
const AuthorityMax = 253

// AppendV2Name is AppendV2 with the host name that the client asked for in TLS, if there was one (PP2_TYPE_AUTHORITY, §2.2.2). It appends
// at most 3 + AuthorityMax bytes more. LOCAL has no name: receivers discard what is behind it.
func AppendV2Name(dst []byte, source, dest netip.AddrPort, authority string) []byte {
	dst = append(dst, signatureV2...)
	s, d, ok := oneFamily(source.Addr(), dest.Addr())
	if !ok {
		return append(dst, version2<<4|commandLocal, 0, 0, 0)
	}
	extra := 0
	if authority != "" && len(authority) <= AuthorityMax {
		extra = tlvHeadBytes + len(authority)
	}
	if s.Is4() {
		dst = append(dst, version2<<4|commandProxy, tcp4)
		dst = binary.BigEndian.AppendUint16(dst, uint16(addressBytes4+extra))
		s4, d4 := s.As4(), d.As4()
		dst = append(append(dst, s4[:]...), d4[:]...)
	} else {
		dst = append(dst, version2<<4|commandProxy, tcp6)
		dst = binary.BigEndian.AppendUint16(dst, uint16(addressBytes6+extra))
		s16, d16 := s.As16(), d.As16()
		dst = append(append(dst, s16[:]...), d16[:]...)
	}
	dst = binary.BigEndian.AppendUint16(dst, source.Port())
	dst = binary.BigEndian.AppendUint16(dst, dest.Port())
	if extra == 0 {
		return dst
	}
	dst = append(dst, tlvAuthority)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(authority)))
	return append(dst, authority...)
}

// oneFamily returns the two addresses as IPv4 if both can be, else as IPv6 if both are; ok is false otherwise. A
// v4-mapped address beside an IPv6 one passes as IPv6, so that what Parse reads can be passed on.
func oneFamily(source, dest netip.Addr) (s, d netip.Addr, ok bool) {
	if s, d = source.Unmap(), dest.Unmap(); s.Is4() && d.Is4() {
		return s, d, true
	}
	return source.WithZone(""), dest.WithZone(""), source.Is6() && dest.Is6()
}

// appendText appends an address in the text form of §2.1. That knows hexadecimal groups only, so a v4-mapped address is
// not written with the dotted tail that netip gives it.
func appendText(dst []byte, a netip.Addr) []byte {
	if !a.Is4In6() {
		return a.AppendTo(dst)
	}
	b := a.As16()
	dst = append(dst, "::ffff:"...)
	dst = append(strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(b[12:])), 16), ':')
	return strconv.AppendUint(dst, uint64(binary.BigEndian.Uint16(b[14:])), 16)
}
