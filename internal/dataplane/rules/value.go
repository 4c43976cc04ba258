package rules

import "bytes"

// value is a text to compare.
type value struct {
	text    []byte
	escaped bool // "+" stands for a space and "%" begins an escape
}

// query returns a part of a query as a value.
func query(text []byte) value {
	for _, c := range text {
		if c == '%' || c == '+' {
			return value{text: text, escaped: true}
		}
	}
	return value{text: text}
}

// related reports whether a stands in the relation to b: is equal, starts with it, or ends with it. With fold, letters are
// the same in both cases.
func related(op operator, fold bool, a, b value) bool {
	if a.escaped || b.escaped {
		return relatedEscaped(op, fold, a, b)
	}
	x, y := a.text, b.text
	if len(x) < len(y) || op == opEqual && len(x) != len(y) {
		return false
	}
	if op == opSuffix {
		x = x[len(x)-len(y):]
	} else {
		x = x[:len(y)]
	}
	if !fold {
		return bytes.Equal(x, y)
	}
	for i, c := range y { // neither side need be in small letters: a constant has them, a variable may have any
		if d := x[i]; c != d && lower(c) != lower(d) {
			return false
		}
	}
	return true
}

// relatedEscaped compares without a place to unescape to. It costs as much as b is long, however long a is, as a client
// chooses the length of a.
func relatedEscaped(op operator, fold bool, a, b value) bool {
	if op == opSuffix {
		return endsEscaped(fold, a, b)
	}
	at, other := 0, 0
	for other < len(b.text) {
		if at >= len(a.text) {
			return false
		}
		var c, d byte
		c, at = a.byteAt(at)
		d, other = b.byteAt(other)
		if c != d && (!fold || lower(c) != lower(d)) {
			return false
		}
	}
	return op == opPrefix || at == len(a.text)
}

// endsEscaped compares from the end.
func endsEscaped(fold bool, a, b value) bool {
	at, other := len(a.text), len(b.text)
	for other > 0 {
		if at == 0 {
			return false
		}
		var c, d byte
		c, at = a.byteBefore(at)
		d, other = b.byteBefore(other)
		if c != d && (!fold || lower(c) != lower(d)) {
			return false
		}
	}
	return true
}

// byteBefore returns the byte that ends before an index of the text, and where it begins. Read from either end the text
// has the same escapes: "%" is no digit, so that none begins inside another.
func (v value) byteBefore(end int) (c byte, start int) {
	if v.escaped && end >= 3 && v.text[end-3] == '%' {
		if octet, next := v.byteAt(end - 3); next == end {
			return octet, end - 3
		}
	}
	c, _ = v.byteAt(end - 1)
	return c, end - 1
}

// byteAt returns the byte that begins at an index of the text, and where the next begins. A "%" that begins no escape
// stands for itself, as in the URL Standard.
func (v value) byteAt(at int) (c byte, next int) {
	c = v.text[at]
	if !v.escaped {
		return c, at + 1
	}
	if c == '+' {
		return ' ', at + 1
	}
	if c == '%' && at+2 < len(v.text) {
		high, low := hexDigit(v.text[at+1]), hexDigit(v.text[at+2])
		if high >= 0 && low >= 0 {
			return byte(high<<4 | low), at + 3 //nolint:gosec // both are below 16
		}
	}
	return c, at + 1
}

// hexDigit returns the value of a hexadecimal digit, or −1.
func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= lower(c) && lower(c) <= 'f':
		return int(lower(c)-'a') + 10
	}
	return -1
}
