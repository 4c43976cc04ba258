package proxyproto_test

import (
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/proxyproto"
)

var appendCases = []struct {
	name         string
	source, dest netip.AddrPort
	v1, v2       string
}{
	{"tcp4", netip.MustParseAddrPort("10.0.0.1:8080"), netip.MustParseAddrPort("10.0.0.2:443"),
		"PROXY TCP4 10.0.0.1 10.0.0.2 8080 443\r\n", block(1, 0x11, addresses4)},
	{"tcp6", netip.MustParseAddrPort("[2001:db8::1]:65535"), netip.MustParseAddrPort("[2001:db8::2]:0"),
		"PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n", block(1, 0x21, addresses6)},
	{"mapped", netip.MustParseAddrPort("[::ffff:10.0.0.1]:8080"), netip.MustParseAddrPort("[::ffff:10.0.0.2]:443"),
		"PROXY TCP4 10.0.0.1 10.0.0.2 8080 443\r\n", block(1, 0x11, addresses4)},
	{"mapped_beside_ipv4", netip.MustParseAddrPort("[::ffff:10.0.0.1]:8080"), netip.MustParseAddrPort("10.0.0.2:443"),
		"PROXY TCP4 10.0.0.1 10.0.0.2 8080 443\r\n", block(1, 0x11, addresses4)},
	{"mapped_beside_ipv6", netip.MustParseAddrPort("[::ffff:192.0.2.1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"),
		"PROXY TCP6 ::ffff:c000:201 2001:db8::2 1 2\r\n", block(1, 0x21, addressesMapped[:16]+addresses6[16:32]+"\x00\x01\x00\x02")},
	{"zones", netip.MustParseAddrPort("[2001:db8::1%eth0]:65535"), netip.MustParseAddrPort("[2001:db8::2%2]:0"),
		"PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n", block(1, 0x21, addresses6)},
	{"longest", netip.MustParseAddrPort("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"), netip.MustParseAddrPort("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535"),
		"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n", ""},
	{"mixed", netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("[::1]:2"), "PROXY UNKNOWN\r\n", block(0, 0, "")},
	{"no_source", netip.AddrPort{}, netip.MustParseAddrPort("[::1]:2"), "PROXY UNKNOWN\r\n", block(0, 0, "")},
	{"no_dest", netip.MustParseAddrPort("10.0.0.1:1"), netip.AddrPort{}, "PROXY UNKNOWN\r\n", block(0, 0, "")},
	{"neither", netip.AddrPort{}, netip.AddrPort{}, "PROXY UNKNOWN\r\n", block(0, 0, "")},
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for _, c := range appendCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := string(proxyproto.AppendV1([]byte("before"), c.source, c.dest)); got != "before"+c.v1 {
				t.Errorf("AppendV1: got %q, want %q", got, "before"+c.v1)
			}
			if got := string(proxyproto.AppendV2([]byte("before"), c.source, c.dest)); c.v2 != "" && got != "before"+c.v2 {
				t.Errorf("AppendV2: got %q, want %q", got, "before"+c.v2)
			}
		})
	}
}

// TestTLS10Authority: the name stands behind the addresses, in a TLV that fills the header exactly.
func TestTLS10Authority(t *testing.T) {
	t.Parallel()
	four, six, long := appendCases[0], appendCases[1], strings.Repeat("a", proxyproto.AuthorityMax)
	for _, c := range []struct {
		name         string
		source, dest netip.AddrPort
		authority    string
		want         string
	}{
		{"tcp4", four.source, four.dest, "web.example", block(1, 0x11, addresses4+tlv(2, "web.example"))},
		{"tcp6", six.source, six.dest, "web.example", block(1, 0x21, addresses6+tlv(2, "web.example"))},
		{"none", four.source, four.dest, "", block(1, 0x11, addresses4)},
		{"longest", four.source, four.dest, long, block(1, 0x11, addresses4+tlv(2, long))},
		{"too_long", four.source, four.dest, long + "a", block(1, 0x11, addresses4)},
		{"local", netip.AddrPort{}, four.dest, "web.example", block(0, 0, "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := string(proxyproto.AppendV2Name([]byte("before"), c.source, c.dest, c.authority))
			if got != "before"+c.want {
				t.Errorf("AppendV2Name: got %q, want %q", got, "before"+c.want)
			}
			if _, n, err := proxyproto.Parse([]byte(c.want)); n != len(c.want) || err != nil {
				t.Errorf("Parse: got %d, %v, want all %d bytes", n, err, len(c.want))
			}
		})
	}
}

// TestAppendSizes holds the bounds of the doc comments, which callers may size buffers by.
func TestAppendSizes(t *testing.T) {
	t.Parallel()
	for _, c := range appendCases {
		if got := len(proxyproto.AppendV1(nil, c.source, c.dest)); got > 104 {
			t.Errorf("%s: got a line of %d bytes, want at most 104", c.name, got)
		}
		if got := len(proxyproto.AppendV2(nil, c.source, c.dest)); got > 52 {
			t.Errorf("%s: got a block of %d bytes, want at most 52", c.name, got)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	room := make([]byte, 0, 128)
	for _, c := range appendCases {
		got := testing.AllocsPerRun(100, func() {
			_ = proxyproto.AppendV1(room, c.source, c.dest)
			_ = proxyproto.AppendV2(room, c.source, c.dest)
		})
		if got != 0 {
			t.Errorf("%s: got %v allocations, want 0", c.name, got)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	room := make([]byte, 0, 128)
	for _, c := range appendCases[:2] {
		b.Run("v1_"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = proxyproto.AppendV1(room, c.source, c.dest)
			}
		})
		b.Run("v2_"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = proxyproto.AppendV2(room, c.source, c.dest)
			}
		})
	}
}
