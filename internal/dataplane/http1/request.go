package http1

import "bytes"

// requestLine reads method SP target SP version (RFC 9112 §3) and returns where the next line begins. Zero without
// fault means that b ends before the line does. A bad or long method is refused before the line is complete, so that
// a client that speaks something else, TLS for example, is refused by its first byte.
func (h *Head) requestLine(b []byte, l *Limits) (next int, f Fault) {
	start, more := skipBlankLines(b)
	end := start
	for end < len(b) && token(b[end]) {
		end++
	}
	switch {
	case more:
		return 0, NoFault
	case end-start > MethodMax:
		return 0, MethodLong
	case end == len(b):
		return 0, NoFault
	case end > start && (b[end] == '\r' || b[end] == '\n'):
		return 0, TargetMissing
	case end == start || b[end] != ' ':
		return 0, MethodBad
	}
	h.start = uint32(start)
	h.methodSpan = span{uint32(start), uint32(end)}
	h.method = lookupMethod(b[start:end])

	target := end + 1
	end = skipTarget(b, target)
	const rest = " HTTP/1.1\r\n"
	if len(b)-end < len(rest) || string(b[end:end+len(rest)]) != rest || end == target || end+len(rest)-2-start > l.Line {
		return h.oddRequestLine(b, l)
	}
	h.target = span{uint32(target), uint32(end)}
	if f = h.readTarget(b); f != NoFault {
		return 0, f
	}
	return end + len(rest), NoFault
}

// skipBlankLines returns where the request line begins; more means that this cannot be told yet.
func skipBlankLines(b []byte) (i int, more bool) {
	for range blankLinesMax {
		switch rest := b[i:]; {
		case len(rest) == 0, rest[0] != '\r':
			return i, false
		case len(rest) == 1:
			return i, true
		case rest[1] != '\n':
			return i, false
		}
		i += 2
	}
	return i, false
}

// oddRequestLine is for a line that does not end in " HTTP/1.1" and CR LF. The method was read.
func (h *Head) oddRequestLine(b []byte, l *Limits) (next int, f Fault) {
	line, next := cutLine(b, int(h.start))
	switch {
	case next == 0 && len(b)-int(h.start) <= l.Line+1:
		return 0, NoFault
	case next == 0 || len(line) > l.Line:
		return 0, TargetLong
	}
	method := int(h.methodSpan.end - h.methodSpan.start)
	space := bytes.LastIndexByte(line, ' ')
	target := trim(line[method:])
	switch {
	case len(target) == 0, space == method && bytes.HasPrefix(target, []byte("HTTP/")):
		return 0, TargetMissing
	case space == method:
		return 0, VersionMissing
	}
	if f = targetFault(line[method+1 : space]); f != NoFault {
		return 0, f
	}
	if h.minor, f = version(line[space+1:]); f != NoFault {
		return 0, f
	}
	if b[next-2] != '\r' {
		h.flags |= flagBareLF
	}
	h.target = span{h.methodSpan.end + 1, h.start + uint32(space)}
	if f = h.readTarget(b); f != NoFault {
		return 0, f
	}
	return next, NoFault
}

// targetFault says what is wrong with the bytes of a target.
func targetFault(target []byte) Fault {
	switch {
	case len(target) == 0:
		return TargetMissing
	case bytes.IndexByte(target, ' ') >= 0:
		return TargetSpace
	case all(target, isTarget):
		return NoFault
	case bytes.IndexByte(target, 0) >= 0, bytes.IndexByte(target, '\r') >= 0:
		return TargetNUL
	}
	return TargetControl
}

// version reads HTTP-version (RFC 9112 §2.3), which is case-sensitive.
func version(b []byte) (minor uint8, f Fault) {
	if len(b) != 8 || string(b[:5]) != "HTTP/" || b[5]-'0' > 9 || b[6] != '.' || b[7]-'0' > 9 {
		return 0, VersionBad
	}
	if b[5] != '1' || b[7] > '1' {
		return 0, VersionOther
	}
	return b[7] - '0', NoFault
}

// readTarget finds the form of the target and its parts (RFC 9112 §3.2).
func (h *Head) readTarget(b []byte) Fault {
	t := h.target.of(b)
	switch {
	case bytes.IndexByte(t, '#') >= 0: // §3.2 has no place for a fragment, and servers disagree where a path with one ends
		return TargetForm
	case h.method == CONNECT: // §3.2.3
		if h.form = Authority; !validAuthority(t, true) {
			return TargetForm
		}
		h.authority = h.target
	case t[0] == '/': // §3.2.1
		h.form, h.path = Origin, h.target
	case len(t) == 1 && t[0] == '*': // §3.2.4
		if h.form = Asterisk; h.method != OPTIONS {
			return TargetForm
		}
	default: // §3.2.2
		return h.absoluteTarget(t)
	}
	return NoFault
}

func (h *Head) absoluteTarget(t []byte) Fault {
	scheme := len("http://")
	if len(t) < scheme {
		return TargetForm
	}
	if !equalFold(t[:4], "http") || string(t[4:scheme]) != "://" {
		if scheme++; len(t) < scheme || !equalFold(t[:5], "https") || string(t[5:scheme]) != "://" {
			return TargetForm
		}
	}
	end := len(t)
	if i := bytes.IndexAny(t[scheme:], "/?"); i >= 0 {
		end = scheme + i
	}
	// RFC 9110 §4.2.1 wants a host; §4.2.4 calls user information an error, and "@" is no character of a host.
	if end == scheme || t[scheme] == ':' || !validAuthority(t[scheme:end], false) {
		return TargetForm
	}
	h.form = Absolute
	h.authority = span{h.target.start + uint32(scheme), h.target.start + uint32(end)}
	h.path = span{h.target.start + uint32(end), h.target.end}
	return NoFault
}

// validAuthority reports whether a is uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2). An empty one is valid, as
// RFC 9112 §3.2 lets a client send an empty Host, unless a port is needed.
func validAuthority(a []byte, portNeeded bool) bool {
	end := 0
	if len(a) > 0 && a[0] == '[' {
		end = bytes.IndexByte(a, ']') + 1
		if end < len("[::]") || !all(a[1:end-1], isLiteral) {
			return false
		}
	} else {
		if end = bytes.IndexByte(a, ':'); end < 0 {
			end = len(a)
		}
		if !validRegName(a[:end]) {
			return false
		}
	}
	if end == len(a) {
		return !portNeeded
	}
	return a[end] == ':' && validPort(a[end+1:], portNeeded) && (end > 0 || !portNeeded)
}

// validRegName also takes IPv4 addresses, which have the form of a name.
func validRegName(name []byte) bool {
	for i, c := range name {
		if charClass[c]&isRegName == 0 {
			return false
		}
		if c == '%' && (i+2 >= len(name) || hexDigit(name[i+1]) > 15 || hexDigit(name[i+2]) > 15) {
			return false
		}
	}
	return true
}

// validPort takes no number as well: "host:" means the default port (RFC 3986 §3.2.3).
func validPort(port []byte, needed bool) bool {
	if len(port) == 0 {
		return !needed
	}
	n, ok := parseLength(port)
	return ok && n <= 65535
}

// hexDigit returns the value of a hexadecimal digit, and a number above 15 for any other byte.
func hexDigit(c byte) uint8 {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}
