package http1

import (
	"encoding/binary"
	"math/bits"
)

// Classes of bytes, as bits of the table charClass.
const (
	isToken   = 1 << iota // tchar, RFC 9110 §5.6.2
	isText                // what a field value or a reason may hold: HTAB, SP, VCHAR, obs-text (RFC 9110 §5.5)
	isTarget              // what a request target may hold: VCHAR, and obs-text since clients send raw UTF-8
	isRegName             // unreserved, sub-delims and "%" of a host name, RFC 3986 §3.2.2
	isLiteral             // the inside of an IP literal, RFC 3986 §3.2.2
)

//nolint:gochecknoglobals // a constant table
var charClass = makeClasses()

func makeClasses() (t [256]uint8) {
	for c := range 256 {
		if c == '\t' || (c >= ' ' && c != 0x7f) {
			t[c] |= isText
		}
		if c > ' ' && c != 0x7f {
			t[c] |= isTarget
		}
	}
	alnum := "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	mark := func(set string, class uint8) {
		for i := range len(set) {
			t[set[i]] |= class
		}
	}
	mark(alnum+"!#$%&'*+-.^_`|~", isToken)
	mark(alnum+"-._~!$&'()*+,;=%", isRegName)
	mark(alnum+"-._~!$&'()*+,;=:", isLiteral)
	return t
}

//gcassert:inline
func token(c byte) bool { return charClass[c]&isToken != 0 }

// all reports whether every byte of b is of one of the classes.
func all(b []byte, class uint8) bool {
	for _, c := range b {
		if charClass[c]&class == 0 {
			return false
		}
	}
	return true
}

// The same byte in all eight places of a word.
const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// skipText returns where the first byte at or after i is that a field value cannot hold, or len(b). Field values are
// most of a head, so this is the hottest loop of the package: it tests eight bytes at a time for c < 0x20 || c == 0x7f.
func skipText(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		// A byte below n borrows into its own high bit; higher bytes can be hit by that borrow wrongly, the first cannot.
		// For 0x7f the same is done with c^0x7f < 1; both leave bytes above 0x7f alone.
		hit := ((w - 0x20*ones) | ((w ^ 0x7f*ones) - ones)) &^ w & highs
		if hit == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(hit) / 8
		if b[i] != '\t' {
			return i
		}
		i++
	}
	for i < len(b) && charClass[b[i]]&isText != 0 {
		i++
	}
	return i
}

// skipTarget is skipText for a request target, where a space ends the run too and a tab does.
func skipTarget(b []byte, i int) int {
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		hit := ((w - 0x21*ones) | ((w ^ 0x7f*ones) - ones)) &^ w & highs
		if hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
		i += 8
	}
	for i < len(b) && charClass[b[i]]&isTarget != 0 {
		i++
	}
	return i
}

// trim returns b without the optional whitespace around it (RFC 9110 §5.6.3).
func trim(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

//gcassert:inline
func blank(c byte) bool { return c == ' ' || c == '\t' }

// equalFold reports whether b is lower when its capital letters are made small. lower holds small letters, digits and
// "-" only. Setting bit 5 makes capitals small and leaves those alone; otherwise only control characters become one.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c|0x20 != lower[i] || c < ' ' {
			return false
		}
	}
	return true
}

// nextItem takes the first item off a comma-separated list (RFC 9110 §5.6.1), trimmed; it may be empty.
func nextItem(list []byte) (item, rest []byte) {
	for i, c := range list {
		if c == ',' {
			return trim(list[:i]), list[i+1:]
		}
	}
	return trim(list), nil
}

// parseLength reads a decimal number of digits only, RFC 9110 §8.6. A number above the int64 range is none: it would be
// read as another one somewhere.
func parseLength(b []byte) (n int64, ok bool) {
	for _, c := range b {
		d := c - '0'
		if d > 9 || n > (1<<63-1-int64(d))/10 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, len(b) > 0
}
