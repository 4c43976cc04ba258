package proxyproto_test

import (
	"bytes"
	"net/netip"
	"testing"

	"lull/internal/dataplane/proxyproto"
)

// FuzzParse checks what Parse promises of any bytes; seeds lie in testdata/fuzz.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := proxyproto.Parse(b)
		if n < 0 || n > len(b) || n > proxyproto.HeaderMax {
			t.Fatalf("got n = %d of %d bytes", n, len(b))
		}
		checkPrefixes(t, b, h, n, err)
		switch {
		case err != nil:
		case n == 0:
			checkCompletable(t, b)
		default:
			checkHeader(t, b[:n], h)
		}
	})
}

// checkPrefixes checks that every beginning of b says "more" or what all of b says.
func checkPrefixes(t *testing.T, b []byte, h proxyproto.Header, n int, err error) {
	t.Helper()
	decided := false
	for k := range len(b) {
		h2, n2, err2 := proxyproto.Parse(b[:k])
		if n2 == 0 && err2 == nil && !decided && (n == 0 || k < n) {
			continue
		}
		decided = true
		if h2 != h || n2 != n || err2 != err { //nolint:errorlint // faults are values, and sameness is the point
			t.Fatalf("first %d bytes: got %+v, %d, %v; all %d: %+v, %d, %v", k, h2, n2, err2, len(b), h, n, err)
		}
	}
}

// checkCompletable checks that "more" is never said of bytes that nothing can complete: whichever byte that is not
// refused comes next, the header comes to an end. A wrong checksum shows only with the last byte, so it excuses.
func checkCompletable(t *testing.T, b []byte) {
	t.Helper()
	grown := bytes.Clone(b)
	const preferred = "\n\r .:0\x00" // bytes that end a field first, so that a line ends soon
	for len(grown) < proxyproto.HeaderMax {
		var n int
		var err error
		next := append(grown, 0)
		for i := range len(preferred) + 256 {
			c := byte(i - len(preferred))
			if i < len(preferred) {
				c = preferred[i]
			}
			next[len(grown)] = c
			if _, n, err = proxyproto.Parse(next); err == nil {
				break
			}
		}
		switch {
		case n > 0:
			return
		case err != nil && len(grown) > 16 && bytes.IndexByte(grown[16:], 3) >= 0:
			return
		case err != nil:
			t.Fatalf("%q is said to need more, but no byte can follow %q: %v", b, grown, err)
		}
		grown = next
	}
	t.Fatalf("%q is said to need more, but was not complete after %d bytes", b, len(grown))
}

// checkHeader checks a header that was read: against netip where it is text, and by writing it again.
func checkHeader(t *testing.T, b []byte, h proxyproto.Header) {
	t.Helper()
	if h.Local {
		if h.Source.IsValid() || h.Dest.IsValid() {
			t.Fatalf("%q: got addresses %v, %v in a local header", b, h.Source, h.Dest)
		}
		return
	}
	if h.Source.Addr().Is4() != h.Dest.Addr().Is4() {
		t.Fatalf("%q: got %v and %v, of two families", b, h.Source, h.Dest)
	}
	if h.Version == 1 {
		fields := bytes.Split(bytes.TrimSuffix(b, []byte("\r\n")), []byte(" "))
		source, err1 := netip.ParseAddr(string(fields[2]))
		dest, err2 := netip.ParseAddr(string(fields[3]))
		if err1 != nil || err2 != nil || source.Unmap() != h.Source.Addr().Unmap() || dest.Unmap() != h.Dest.Addr().Unmap() {
			t.Fatalf("%q: got %v, %v; netip says %v, %v, %v, %v", b, h.Source, h.Dest, source, dest, err1, err2)
		}
	}
	checkRoundTrip(t, h)
}

// checkRoundTrip writes h in both versions and reads it back.
func checkRoundTrip(t *testing.T, h proxyproto.Header) {
	t.Helper()
	for i, b := range [][]byte{
		proxyproto.AppendV1(nil, h.Source, h.Dest),
		proxyproto.AppendV2(nil, h.Source, h.Dest),
		proxyproto.AppendV2Name(nil, h.Source, h.Dest, "web.example"),
	} {
		h.Version = uint8(min(i+1, 2))
		got, n, err := proxyproto.Parse(b)
		if got != h || n != len(b) || err != nil {
			t.Fatalf("%q: got %+v, %d, %v; want %+v, %d", b, got, n, err, h, len(b))
		}
	}
}

// FuzzAppend checks that what is written for any two addresses is read back as the same.
func FuzzAppend(f *testing.F) {
	f.Fuzz(func(t *testing.T, s, d []byte, sourcePort, destPort uint16) {
		source, _ := netip.AddrFromSlice(s)
		dest, _ := netip.AddrFromSlice(d)
		want := proxyproto.Header{Source: netip.AddrPortFrom(source, sourcePort), Dest: netip.AddrPortFrom(dest, destPort)}
		s4, d4 := source.Unmap(), dest.Unmap()
		switch {
		case s4.Is4() && d4.Is4():
			want.Source, want.Dest = netip.AddrPortFrom(s4, sourcePort), netip.AddrPortFrom(d4, destPort)
		case !source.Is6() || !dest.Is6():
			want = proxyproto.Header{Local: true}
		}
		checkRoundTrip(t, want)
	})
}
