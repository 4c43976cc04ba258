package tlsio_test

import (
	"strings"
	"testing"

	"lull/internal/dataplane/tlsio"
)

func TestLook(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		b     string
		there int
		want  tlsio.Opening
	}{
		{"nothing", "", 0, tlsio.Unclear},
		{"type", "\x16", 1, tlsio.Unclear},
		{"version", "\x16\x03", 2, tlsio.Unclear},
		{"half-header", "\x16\x03\x01\x02", 4, tlsio.Unclear},
		{"header", "\x16\x03\x01\x02\x00", 5, tlsio.Unclear},
		{"all-but-one", "\x16\x03\x01\x02\x00", 5 + 511, tlsio.Unclear},
		{"whole", "\x16\x03\x01\x02\x00", 5 + 512, tlsio.Hello},
		{"more-behind", "\x16\x03\x01\x02\x00", 9999, tlsio.Hello},
		{"ssl3", "\x16\x03\x00\x00\x01", 6, tlsio.Hello},
		{"later-minor", "\x16\x03\x09\x00\x01", 6, tlsio.Hello},
		{"longest", "\x16\x03\x03\x48\x00", 5 + 0x4800, tlsio.Hello},
		{"too-long", "\x16\x03\x03\x48\x01", 5, tlsio.Nonsense},
		{"empty", "\x16\x03\x03\x00\x00", 5, tlsio.Nonsense},
		{"major", "\x16\x02", 2, tlsio.Nonsense},
		{"alert", "\x15", 1, tlsio.Nonsense},
		{"application-data", "\x17\x03\x03\x00\x01", 6, tlsio.Nonsense},
		{"sslv2", "\x80\x2e\x01\x00\x02", 48, tlsio.Nonsense},
		{"zero", "\x00", 1, tlsio.Nonsense},
		{"get", "G", 1, tlsio.PlainText},
		{"first-letter", "A", 1, tlsio.PlainText},
		{"last-letter", "Z", 1, tlsio.PlainText},
		{"before-letters", "@", 1, tlsio.Nonsense},
		{"behind-letters", "[", 1, tlsio.Nonsense},
		{"small-letter", "get /", 5, tlsio.Nonsense},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tlsio.Look([]byte(tt.b), tt.there); got != tt.want {
				t.Errorf("Look(%q, %d): got %d, want %d", tt.b, tt.there, got, tt.want)
			}
		})
	}
}

// FuzzLook: what a client begins with is known for good once it is known, however many bytes come behind, and five bytes and
// a count say all.
func FuzzLook(f *testing.F) {
	for _, s := range []string{"", "\x16\x03\x01\x00\x05hello", "\x16\x03\x01\x00\x09hello", "GET / HTTP/1.1\r\n\r\n", "\x80\x2e\x01", "\x16\x03\x03\xff\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		known := tlsio.Unclear
		for n := range len(b) + 1 {
			got := tlsio.Look(b[:n], n)
			if short := tlsio.Look(b[:min(n, tlsio.OpeningBytes)], n); short != got {
				t.Fatalf("Look(%q): got %d, and %d from its first bytes", b[:n], got, short)
			}
			if known != tlsio.Unclear && got != known {
				t.Fatalf("Look(%q): got %d, and %d before", b[:n], got, known)
			}
			if known = got; got == tlsio.Hello && n < tlsio.OpeningBytes+1 {
				t.Fatalf("Look(%q): a record in %d bytes", b[:n], n)
			}
		}
		if known == tlsio.Unclear && len(b) > tlsio.OpeningBytes+1<<15 {
			t.Fatalf("%d bytes are still unclear", len(b))
		}
		if known == tlsio.PlainText && !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ", rune(b[0])) {
			t.Fatalf("Look(%q): plain text", b)
		}
	})
}
