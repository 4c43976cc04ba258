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

// relatedEscaped compares without a place to unescape to.
func relatedEscaped(op operator, fold bool, a, b value) bool {
	at, other := 0, 0
	if op == opSuffix {
		extra := a.size() - b.size()
		if extra < 0 {
			return false
		}
		for range extra {
			_, at = a.byteAt(at)
		}
	}
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

// size returns how many bytes the value has.
func (v value) size() int {
	n := 0
	for at := 0; at < len(v.text); n++ {
		_, at = v.byteAt(at)
	}
	return n
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
