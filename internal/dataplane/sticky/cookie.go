package sticky

import "bytes"

// nextPart takes the first of several parts between semicolons off a list, without the whitespace around it. A quoted
// semicolon ends a part too, as it does for clients (RFC 6265 §5.2).
func nextPart(list []byte) (part, rest []byte) {
	if i := bytes.IndexByte(list, ';'); i >= 0 {
		return trim(list[:i]), list[i+1:]
	}
	return trim(list), nil
}

// cutPair cuts a part at its first "="; ok is false without one.
func cutPair(part []byte) (name, value []byte, ok bool) {
	i := bytes.IndexByte(part, '=')
	if i < 0 {
		return part, nil, false
	}
	return trim(part[:i]), trim(part[i+1:]), true
}

// nextCookie takes the first cookie off the value of a Cookie field (RFC 6265 §4.2.1). The name is empty if it is none.
// Quotes round the value are taken off: they belong to it by §4.1.1, but not to what lull has set.
func nextCookie(list []byte) (name, value, rest []byte) {
	part, rest := nextPart(list)
	name, value, ok := cutPair(part)
	if !ok {
		return nil, nil, rest
	}
	if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
		value = value[1 : n-1]
	}
	return name, value, rest
}

// cutSetCookie cuts the value of a Set-Cookie field into the cookie's name and its attributes (RFC 6265 §5.2). The name is
// empty if clients set no cookie by it.
func cutSetCookie(value []byte) (name, attributes []byte) {
	pair, attributes := nextPart(value)
	name, _, ok := cutPair(pair)
	if !ok {
		return nil, attributes
	}
	return name, attributes
}

// longAgo is the year before which no cookie expires but one that is to be deleted. Nearly all of those say 1970.
const longAgo = 2000

// deletes reports whether attributes delete the cookie: a Max-Age that is not positive, which outranks Expires
// (RFC 6265 §5.3), or an Expires of long ago. It does without the time of day. Where only that could tell, the client
// judges for itself, because the attributes reach it as they are.
func deletes(attributes []byte) bool {
	gone, aged := false, false
	for len(attributes) > 0 {
		var a []byte
		a, attributes = nextPart(attributes)
		switch name, value, _ := cutPair(a); {
		case equalFold(name, "max-age"):
			if over, ok := ageOver(value); ok { // the last that is valid counts
				gone, aged = over, true
			}
		case equalFold(name, "expires") && !aged:
			gone = yearOf(value) < longAgo
		}
	}
	return gone
}

// ageOver reports whether a Max-Age is zero or below. ok is false if it is none (RFC 6265 §5.2.2).
func ageOver(value []byte) (over, ok bool) {
	digits := bytes.TrimPrefix(value, []byte("-"))
	zero := true
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false, false
		}
		zero = zero && c == '0'
	}
	return zero || len(digits) < len(value), len(digits) > 0
}

// yearOf returns the first number of exactly four digits in a date, which in all formats of RFC 6265 §5.1.1 is the year.
// Without one it is longAgo: a date that cannot be read is none (§5.2.1).
func yearOf(date []byte) int {
	year, digits := 0, 0
	for _, c := range date {
		switch {
		case c >= '0' && c <= '9':
			year = (year*10 + int(c-'0')) % 10000
			digits++
		case digits == 4:
			return year
		default:
			digits = 0
		}
	}
	if digits == 4 {
		return year
	}
	return longAgo
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}

// equalFold reports whether b is lower, which holds small letters and "-" only, when its capital letters are made small.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
