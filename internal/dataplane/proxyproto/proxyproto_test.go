package proxyproto_test

import (
	"bytes"
	"errors"
	"hash/crc32"
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/proxyproto"
)

// signature is that of version 2.
const signature = "\r\n\r\n\x00\r\nQUIT\n"

// relayed returns the header expected of a relayed connection.
func relayed(version uint8, source, dest string) proxyproto.Header {
	return proxyproto.Header{Version: version, Source: netip.MustParseAddrPort(source), Dest: netip.MustParseAddrPort(dest)}
}

// local returns the header expected where the socket's own addresses count.
func local(version uint8) proxyproto.Header { return proxyproto.Header{Version: version, Local: true} }

// block returns a version 2 header with that command, family and body, and the body's length in its place.
func block(command, family byte, body string) string {
	return signature + string([]byte{0x20 | command, family, byte(len(body) >> 8), byte(len(body))}) + body
}

// tlv returns one TLV.
func tlv(kind byte, value string) string {
	return string([]byte{kind, byte(len(value) >> 8), byte(len(value))}) + value
}

// summed fills in the first checksum TLV of header, computed as §2.2.3 says.
func summed(header string) string {
	b := []byte(header)
	at := bytes.Index(b, []byte(tlv(3, "\x00\x00\x00\x00"))) + 3
	sum := crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))
	b[at], b[at+1], b[at+2], b[at+3] = byte(sum>>24), byte(sum>>16), byte(sum>>8), byte(sum)
	return string(b)
}

const (
	addresses4 = "\x0a\x00\x00\x01\x0a\x00\x00\x02\x1f\x90\x01\xbb"
	addresses6 = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\xff\xff\x00\x00"
	addressesMapped = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x01" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x02\x00\x01\x00\x02"
)

var validCases = []struct {
	name, in string
	want     proxyproto.Header
}{
	{"v1_tcp4", "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", relayed(1, "192.168.0.1:56324", "192.168.0.11:443")},
	{"v1_tcp4_extremes", "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n", relayed(1, "255.255.255.255:65535", "0.0.0.0:0")},
	{"v1_tcp6", "PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n", relayed(1, "[2001:db8::1]:1", "[2001:db8::2]:2")},
	{"v1_tcp6_longest", "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n",
		relayed(1, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535")},
	{"v1_tcp6_upper_case", "PROXY TCP6 2001:DB8::21f:5bff:febf:ce22:8a2e 2001:DB8::12f:8baa:eafc:ce29:6b2e 35646 80\r\n",
		relayed(1, "[2001:db8:0:21f:5bff:febf:ce22:8a2e]:35646", "[2001:db8:0:12f:8baa:eafc:ce29:6b2e]:80")},
	{"v1_tcp6_zeros", "PROXY TCP6 :: ::1 0 1\r\n", relayed(1, "[::]:0", "[::1]:1")},
	{"v1_tcp6_gap_ends", "PROXY TCP6 1:: 1:2:3:4:5:6:7:: 1 1\r\n", relayed(1, "[1::]:1", "[1:2:3:4:5:6:7:0]:1")},
	{"v1_tcp6_gap_begins", "PROXY TCP6 ::2:3:4:5:6:7:8 0:0:0:0:0:0:0:9 1 1\r\n", relayed(1, "[0:2:3:4:5:6:7:8]:1", "[::9]:1")},
	{"v1_tcp6_leading_zeros", "PROXY TCP6 0001:0db8::0001 ::0 1 1\r\n", relayed(1, "[1:db8::1]:1", "[::]:1")},
	{"v1_tcp6_mapped", "PROXY TCP6 ::ffff:192.0.2.1 ::FFFF:c000:202 1 2\r\n", relayed(1, "192.0.2.1:1", "192.0.2.2:2")},
	{"v1_tcp6_mapped_beside_ipv6", "PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", relayed(1, "[::ffff:192.0.2.1]:1", "[::1]:2")},
	{"v1_unknown", "PROXY UNKNOWN\r\n", local(1)},
	{"v1_unknown_text", "PROXY UNKNOWN \x00\xff TCP9 what ever\r\n", local(1)},
	{"v1_unknown_longest", "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n", local(1)},
	{"v2_tcp4", block(1, 0x11, addresses4), relayed(2, "10.0.0.1:8080", "10.0.0.2:443")},
	{"v2_tcp6", block(1, 0x21, addresses6), relayed(2, "[2001:db8::1]:65535", "[2001:db8::2]:0")},
	{"v2_tcp6_mapped", block(1, 0x21, addressesMapped), relayed(2, "192.0.2.1:1", "192.0.2.2:2")},
	{"v2_tlvs", block(1, 0x11, addresses4+tlv(2, "example.com")+tlv(4, "")+tlv(0xea, "\x01vpce-1")), relayed(2, "10.0.0.1:8080", "10.0.0.2:443")},
	{"v2_checksum", summed(block(1, 0x11, addresses4+tlv(3, "\x00\x00\x00\x00")+tlv(4, "padding"))), relayed(2, "10.0.0.1:8080", "10.0.0.2:443")},
	{"v2_longest", block(1, 0x11, addresses4+tlv(4, strings.Repeat("x", proxyproto.HeaderMax-16-12-3))), relayed(2, "10.0.0.1:8080", "10.0.0.2:443")},
	{"v2_local", block(0, 0, ""), local(2)},
	{"v2_local_ignores_block", block(0, 0xff, "whatever"), local(2)},
	{"v2_unspec", block(1, 0, ""), local(2)},
	{"v2_unspec_ignores_block", block(1, 0x01, "\x01\x02"), local(2)},
	{"v2_unspec_transport", block(1, 0x10, "\x01\x02"), local(2)},
	{"v2_udp4", block(1, 0x12, addresses4), local(2)},
	{"v2_udp6", block(1, 0x22, addresses6), local(2)},
	{"v2_unix_stream", block(1, 0x31, strings.Repeat("\x00", 216)), local(2)},
	{"v2_unix_datagram", block(1, 0x32, strings.Repeat("/", 216)+tlv(4, "x")), local(2)},
}

// TestParseValid parses each case whole, with payload behind it, and cut short at every byte.
func TestParseValid(t *testing.T) {
	t.Parallel()
	for _, c := range validCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, payload := range []string{"", "\r\n", "PROXY UNKNOWN\r\n"} {
				h, n, err := proxyproto.Parse([]byte(c.in + payload))
				if err != nil || n != len(c.in) || h != c.want {
					t.Fatalf("Parse(%q): got %+v, %d, %v; want %+v, %d", c.in+payload, h, n, err, c.want, len(c.in))
				}
			}
			for k := range len(c.in) { // also what a client sending one byte at a time lets us see
				if h, n, err := proxyproto.Parse([]byte(c.in[:k])); err != nil || n != 0 || h != (proxyproto.Header{}) {
					t.Fatalf("Parse(%q): got %+v, %d, %v; want more", c.in[:k], h, n, err)
				}
			}
		})
	}
}

var invalidCases = []struct {
	name string
	in   string // the last byte is the first wrong one
	want string // part of the error
}{
	{"http", "G", "signature"},
	{"tls", "\x16", "signature"},
	{"lower_case", "p", "signature"},
	{"post", "PO", "signature"},
	{"v1_lower_case", "PROXy", "signature"},
	{"v1_tab", "PROXY\t", "signature"},
	{"v1_two_spaces", "PROXY  ", "v1 protocol"},
	{"v1_udp4", "PROXY UD", "v1 protocol"},
	{"v1_tcp5", "PROXY TCP5", "v1 protocol"},
	{"v1_tcp", "PROXY TCP ", "v1 protocol"},
	{"v1_tcp4_end", "PROXY TCP4\r", "v1 protocol"},
	{"v1_no_addresses", "PROXY TCP4 \r", "source address"},
	{"v1_space_before_source", "PROXY TCP4  ", "source address"},
	{"v1_octet_large", "PROXY TCP4 256", "source address"},
	{"v1_octet_leading_zero", "PROXY TCP4 01", "source address"},
	{"v1_octet_zero_zero", "PROXY TCP4 1.00", "source address"},
	{"v1_octet_empty", "PROXY TCP4 1..", "source address"},
	{"v1_octets_three", "PROXY TCP4 1.2.3 ", "source address"},
	{"v1_octets_five", "PROXY TCP4 1.2.3.4.", "source address"},
	{"v1_octet_hex", "PROXY TCP4 0x", "source address"},
	{"v1_octet_sign", "PROXY TCP4 +", "source address"},
	{"v1_tcp4_with_ipv6", "PROXY TCP4 :", "source address"},
	{"v1_dest_two_spaces", "PROXY TCP4 1.2.3.4  ", "destination address"},
	{"v1_dest_large", "PROXY TCP4 1.2.3.4 1.2.3.999", "destination address"},
	{"v1_tcp6_with_ipv4", "PROXY TCP6 1.", "source address"},
	{"v1_tcp6_lone_colon", "PROXY TCP6 :1", "source address"},
	{"v1_tcp6_colon_only", "PROXY TCP6 : ", "source address"},
	{"v1_tcp6_empty", "PROXY TCP6  ", "source address"},
	{"v1_tcp6_three_colons", "PROXY TCP6 :::", "source address"},
	{"v1_tcp6_two_gaps", "PROXY TCP6 1::2::", "source address"},
	{"v1_tcp6_five_digits", "PROXY TCP6 00000", "source address"},
	{"v1_tcp6_seven_groups", "PROXY TCP6 1:2:3:4:5:6:7 ", "source address"},
	{"v1_tcp6_nine_groups", "PROXY TCP6 1:2:3:4:5:6:7:8:", "source address"},
	{"v1_tcp6_gap_of_none", "PROXY TCP6 1:2:3:4:5:6:7::8", "source address"},
	{"v1_tcp6_gap_of_none_first", "PROXY TCP6 ::1:2:3:4:5:6:7:", "source address"},
	{"v1_tcp6_colon_ends", "PROXY TCP6 1:2: ", "source address"},
	{"v1_tcp6_not_hex", "PROXY TCP6 g", "source address"},
	{"v1_tcp6_zone", "PROXY TCP6 fe80::1%", "source address"},
	{"v1_tcp6_brackets", "PROXY TCP6 [", "source address"},
	{"v1_tcp6_dotted_not_mapped", "PROXY TCP6 ::1.", "source address"},
	{"v1_tcp6_dotted_nat64", "PROXY TCP6 64:ff9b::1.", "source address"},
	{"v1_tcp6_dotted_large", "PROXY TCP6 ::ffff:256.", "source address"},
	{"v1_tcp6_dotted_zero", "PROXY TCP6 ::ffff:01.", "source address"},
	{"v1_tcp6_dotted_hex", "PROXY TCP6 ::ffff:a.", "source address"},
	{"v1_tcp6_dest", "PROXY TCP6 ::1 ::x", "destination address"},
	{"v1_port_large", "PROXY TCP4 1.2.3.4 1.2.3.4 65536", "source port"},
	{"v1_port_leading_zero", "PROXY TCP4 1.2.3.4 1.2.3.4 00", "source port"},
	{"v1_port_negative", "PROXY TCP4 1.2.3.4 1.2.3.4 -", "source port"},
	{"v1_port_two_spaces", "PROXY TCP4 1.2.3.4 1.2.3.4 1  ", "destination port"},
	{"v1_port_one", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r", "source port"},
	{"v1_dest_port_large", "PROXY TCP4 1.2.3.4 1.2.3.4 1 70000", "destination port"},
	{"v1_dest_port_empty", "PROXY TCP4 1.2.3.4 1.2.3.4 1 \r", "destination port"},
	{"v1_space_at_end", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 ", "CR LF"},
	{"v1_bare_lf", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", "CR LF"},
	{"v1_bare_cr", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rx", "CR LF"},
	{"v1_unknown_glued", "PROXY UNKNOWNS", "v1 protocol"},
	{"v1_unknown_lf", "PROXY UNKNOWN\n", "v1 protocol"},
	{"v1_unknown_bare_lf", "PROXY UNKNOWN x\n", "CR LF"},
	{"v1_unknown_bare_cr", "PROXY UNKNOWN x\rx", "CR LF"},
	{"v1_unknown_long", "PROXY UNKNOWN" + strings.Repeat(" ", 93), "107"},
	{"v2_signature_second", "\rX", "signature"},
	{"v2_signature_last", signature[:11] + "\r", "signature"},
	{"v2_version_1", signature + "\x11", "version"},
	{"v2_version_3", signature + "\x31", "version"},
	{"v2_command", signature + "\x22", "command"},
	{"v2_family", signature + "\x21\x41", "family"},
	{"v2_transport", signature + "\x21\x13", "transport"},
	{"v2_far_too_long", signature + "\x21\x11\x10", "above 4080"},
	{"v2_too_long", signature + "\x21\x11\x0f\xf1", "above 4080"},
	{"v2_local_too_long", signature + "\x20\x00\xff", "above 4080"},
	{"v2_short_tcp4", signature + "\x21\x11\x00\x0b", "less than"},
	{"v2_short_udp4", signature + "\x21\x12\x00\x00", "less than"},
	{"v2_short_tcp6", signature + "\x21\x21\x00\x23", "less than"},
	{"v2_short_unix", signature + "\x21\x31\x00\xd7", "less than"},
	{"v2_tlv_of_one_byte", signature + "\x21\x11\x00\x0d", "TLVs"},
	{"v2_tlv_of_two_bytes", signature + "\x21\x11\x00\x0e", "TLVs"},
	{"v2_tlv_far_past_end", signature + "\x21\x11\x00\x10" + addresses4 + "\x04\x01", "TLVs"},
	{"v2_tlv_past_end", signature + "\x21\x11\x00\x10" + addresses4 + "\x04\x00\x02", "TLVs"},
	{"v2_tlv_rest", signature + "\x21\x11\x00\x12" + addresses4 + "\x04\x00\x01", "TLVs"},
	{"v2_checksum_size", signature + "\x21\x11\x00\x12" + addresses4 + "\x03\x00\x03", "4 bytes"},
	{"v2_checksum_twice", signature + "\x21\x11\x00\x1a" + addresses4 + tlv(3, "abcd") + "\x03\x00\x04", "twice"},
	{"v2_checksum_wrong", block(1, 0x11, addresses4+tlv(3, "\x00\x00\x00\x00")), "match"},
	{"v2_checksum_wrong_udp", block(1, 0x12, addresses4+tlv(3, "\x00\x00\x00\x00")), "match"},
}

// TestParseInvalid checks that each case is refused at its last byte, not before and not otherwise with more behind it.
func TestParseInvalid(t *testing.T) {
	t.Parallel()
	for _, c := range invalidCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, behind := range []string{"", "\r\n", " 1.2.3.4 1.2.3.4 1 2\r\n", strings.Repeat("0", 5000)} {
				h, n, err := proxyproto.Parse([]byte(c.in + behind))
				if !errors.Is(err, proxyproto.ErrInvalid) || n != 0 || h != (proxyproto.Header{}) {
					t.Fatalf("Parse(%q): got %+v, %d, %v; want an error", c.in+behind, h, n, err)
				}
				if !strings.Contains(err.Error(), c.want) {
					t.Fatalf("Parse(%q): got error %q; want one with %q", c.in+behind, err, c.want)
				}
			}
			for k := range len(c.in) {
				if _, n, err := proxyproto.Parse([]byte(c.in[:k])); err != nil || n != 0 {
					t.Fatalf("Parse(%q): got %d, %v; want more", c.in[:k], n, err)
				}
			}
		})
	}
}

func TestParseFlippedBit(t *testing.T) {
	t.Parallel()
	good := []byte(summed(block(1, 0x21, addresses6+tlv(2, "example.com")+tlv(3, "\x00\x00\x00\x00"))))
	for i := range len(good) * 8 {
		if i/8 == len(good)-7 {
			continue // the type byte of the checksum TLV: with another type there is no checksum
		}
		bad := bytes.Clone(good)
		bad[i/8] ^= 1 << (i % 8)
		h, n, err := proxyproto.Parse(bad)
		// Flips may turn the command into LOCAL, whose block is not read, or lengthen the header.
		if err == nil && n > 0 && !h.Local {
			t.Errorf("bit %d flipped: got %+v, %d; want an error, more, or local", i, h, n)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, c := range validCases {
		in := []byte(c.in)
		if got := testing.AllocsPerRun(100, func() { _, _, _ = proxyproto.Parse(in) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", c.name, got)
		}
	}
	for _, c := range invalidCases {
		in := []byte(c.in)
		if got := testing.AllocsPerRun(100, func() { _, _, _ = proxyproto.Parse(in) }); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", c.name, got)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, name := range []string{"v1_tcp4", "v1_tcp6_longest", "v2_tcp4", "v2_tcp6", "v2_tlvs", "v2_checksum", "v2_longest"} {
		for _, c := range validCases {
			if c.name != name {
				continue
			}
			in := []byte(c.in)
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, n, err := proxyproto.Parse(in); n == 0 || err != nil {
						b.Fatal(n, err)
					}
				}
			})
		}
	}
}
