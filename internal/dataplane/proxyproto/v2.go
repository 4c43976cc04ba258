package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// Specification constants of §2.2.
const (
	signatureV2 = "\r\n\r\n\x00\r\nQUIT\n"
	fixedBytes  = 16 // signature, version and command, family and transport, length

	version2     = 0x2
	commandLocal = 0x0
	commandProxy = 0x1

	tcp4 = 0x11 // family in the high half, transport in the low half
	tcp6 = 0x21

	tlvHeadBytes  = 3 // type, length
	tlvAuthority  = 0x02
	tlvCRC32C     = 0x03
	checksumBytes = 4
)

// Sizes of the address block by family, for every transport.
const (
	addressBytes4    = 2*4 + 2*2
	addressBytes6    = 2*16 + 2*2
	addressBytesUnix = 2 * 108
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	zeros      [checksumBytes]byte // never written; a local one would be moved to the heap by crc32.Update
)

// parseV2 is Parse for what begins like version 2.
func parseV2(b []byte) (Header, int, error) {
	n, addresses, f := layout(b)
	if f != faultNone {
		return Header{}, 0, f
	}
	if n == 0 {
		return Header{}, 0, nil
	}
	checksum := 0
	if addresses > 0 {
		if checksum, f = walkTLVs(b, fixedBytes+addresses, n); f != faultNone {
			return Header{}, 0, f
		}
	}
	if len(b) < n {
		return Header{}, 0, nil
	}
	if checksum > 0 && !checksumHolds(b[:n], checksum) {
		return Header{}, 0, faultChecksum
	}
	return headerV2(b), n, nil
}

// layout reads the fixed part: how long the whole header is, and how many bytes of it are addresses. addresses is 0 if
// the block is to be skipped unread; n is 0 if the fixed part is incomplete.
func layout(b []byte) (n, addresses int, f fault) {
	for i := range min(len(b), len(signatureV2)) {
		if b[i] != signatureV2[i] {
			return 0, 0, faultSignature
		}
	}
	if len(b) > 12 {
		if b[12]>>4 != version2 {
			return 0, 0, faultVersion
		}
		if b[12]&0xf > commandProxy {
			return 0, 0, faultCommand
		}
	}
	if len(b) > 13 && b[12]&0xf == commandProxy { // LOCAL: the family is ignored
		if addresses, f = addressBytes(b[13]); f != faultNone {
			return 0, 0, f
		}
	}
	if len(b) > 14 && int(b[14])<<8 > HeaderMax-fixedBytes {
		return 0, 0, faultTooLong
	}
	if len(b) < fixedBytes {
		return 0, 0, faultNone
	}
	length := int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case length > HeaderMax-fixedBytes:
		return 0, 0, faultTooLong
	case length < addresses:
		return 0, 0, faultTooShort
	}
	return fixedBytes + length, addresses, faultNone
}

// addressBytes returns how many bytes of addresses a family has, 0 if family or transport is UNSPEC.
func addressBytes(kind byte) (int, fault) {
	family, transport := kind>>4, kind&0xf
	sizes := [...]int{0, addressBytes4, addressBytes6, addressBytesUnix}
	switch {
	case int(family) >= len(sizes):
		return 0, faultFamily
	case transport > 2:
		return 0, faultTransport
	case transport == 0:
		return 0, faultNone
	}
	return sizes[family], faultNone
}

// walkTLVs checks that TLVs fill the bytes from at to n exactly, as far as b shows them. It returns where the value of
// the checksum TLV begins, 0 if there is none so far.
func walkTLVs(b []byte, at, n int) (checksum int, f fault) {
	for at < n {
		left := n - at - tlvHeadBytes
		if left < 0 {
			return 0, faultTLV
		}
		if len(b) == at+2 && int(b[at+1])<<8 > left {
			return 0, faultTLV
		}
		if len(b) < at+tlvHeadBytes {
			return checksum, faultNone
		}
		size := int(binary.BigEndian.Uint16(b[at+1:]))
		if size > left {
			return 0, faultTLV
		}
		if b[at] == tlvCRC32C {
			switch {
			case size != checksumBytes:
				return 0, faultChecksumSize
			case checksum > 0: // each would have to be computed with the other in place or without it
				return 0, faultChecksumTwice
			}
			checksum = at + tlvHeadBytes
		}
		at += tlvHeadBytes + size
	}
	return checksum, faultNone
}

// checksumHolds reports whether the CRC32C at that offset is the one of the header with zeros in its place (§2.2.3).
func checksumHolds(header []byte, at int) bool {
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, zeros[:])
	sum = crc32.Update(sum, castagnoli, header[at+checksumBytes:])
	return sum == binary.BigEndian.Uint32(header[at:])
}

// headerV2 reads the addresses of a complete and valid header.
func headerV2(b []byte) Header {
	a := b[fixedBytes:]
	if b[12]&0xf == commandProxy {
		switch b[13] {
		case tcp4:
			return relayed(2,
				netip.AddrPortFrom(netip.AddrFrom4([4]byte(a)), binary.BigEndian.Uint16(a[8:])),
				netip.AddrPortFrom(netip.AddrFrom4([4]byte(a[4:])), binary.BigEndian.Uint16(a[10:])))
		case tcp6:
			return relayed(2,
				netip.AddrPortFrom(netip.AddrFrom16([16]byte(a)), binary.BigEndian.Uint16(a[32:])),
				netip.AddrPortFrom(netip.AddrFrom16([16]byte(a[16:])), binary.BigEndian.Uint16(a[34:])))
		}
	}
	return Header{Version: 2, Local: true}
}
