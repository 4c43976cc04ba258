package http1

import "bytes"

// ReadRequest reads a request head at the start of b.
//
// n > 0: the head is the first n bytes, and h describes it. n == 0 and NoFault: it is not complete; offer the same bytes
// again with more behind them, and s as it was left. A fault: the bytes are no acceptable head, whatever follows; h
// knows nothing then. s is zero again whenever a head is complete.
func (h *Head) ReadRequest(b []byte, s *Scan, l *Limits) (n int, f Fault) {
	return h.read(kindRequest, b, s, l)
}

// ReadResponse is ReadRequest for a response head.
func (h *Head) ReadResponse(b []byte, s *Scan, l *Limits) (n int, f Fault) {
	return h.read(kindResponse, b, s, l)
}

// ReadTrailers is ReadRequest for what follows the last chunk: field lines and an empty line (RFC 9112 §7.1.2).
func (h *Head) ReadTrailers(b []byte, s *Scan, l *Limits) (n int, f Fault) {
	return h.read(kindTrailers, b, s, l)
}

func (h *Head) read(k kind, b []byte, s *Scan, l *Limits) (n int, f Fault) {
	if len(b) > l.Head {
		b = b[:l.Head]
	}
	if s.waiting(b, l) {
		return 0, NoFault
	}
	resumed := s.line > 0
	h.reset(k)
	n, f = h.readLines(b, s, l)
	switch {
	case f != NoFault:
		return 0, f
	case n == 0 && len(b) == l.Head:
		return 0, HeadLong
	case n == 0:
		return 0, NoFault
	}
	if resumed { // every line is well formed, but h has only the last ones: read them all at once
		*s = Scan{}
		h.reset(k)
		if n, f = h.readLines(b, s, l); f != NoFault {
			return 0, f
		}
	}
	*s = Scan{}
	h.size = uint32(n)
	if f = h.finish(b); f != NoFault {
		return 0, f
	}
	return n, NoFault
}

// waiting reports whether b says nothing that it did not say when it was last offered: the line being received has
// not come to its end, and may still.
func (s *Scan) waiting(b []byte, l *Limits) bool {
	seen := int(s.seen)
	if seen == 0 {
		return false
	}
	if seen > len(b) { // not the same bytes: begin anew
		*s = Scan{}
		return false
	}
	s.seen = uint32(len(b))
	switch {
	case len(b) == l.Head, len(b)-int(s.line) > l.Line+1: // too long, unless it has a fault before that
		return false
	case s.line == 0 && seen < MethodMax+2*blankLinesMax+2: // the start line is refused by its first bytes
		return false
	}
	return bytes.IndexByte(b[seen:], '\n') < 0
}

// readLines reads from the line that s stands at. n is 0 without fault when b ends before the empty line.
func (h *Head) readLines(b []byte, s *Scan, l *Limits) (n int, f Fault) {
	i := int(s.line)
	s.seen = uint32(len(b))
	if i == 0 && h.kind != kindTrailers {
		if h.kind == kindRequest {
			i, f = h.requestLine(b, l)
		} else {
			i, f = h.statusLine(b, l)
		}
		if i == 0 {
			return 0, f
		}
		s.line = uint32(i)
	}
	for i < len(b) {
		if b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n' {
			h.end = uint32(i)
			return i + 2, NoFault
		}
		if b[i] == '\n' { // RFC 9112 §2.2 lets a recipient take LF for CR LF
			h.flags |= flagBareLF | flagLoose
			h.end = uint32(i)
			return i + 1, NoFault
		}
		next, fault := h.fieldLine(b, i, l)
		if next == 0 {
			return 0, fault
		}
		if int(s.fields) == l.Fields || s.fields == 255 {
			return 0, FieldsMany
		}
		s.fields++
		s.line = uint32(next)
		i = next
	}
	return 0, NoFault
}

// fieldLine reads the field line at i (RFC 9112 §5) and returns where the next line begins. Zero without fault means
// that b ends before the line does; faults are only found in whole lines.
func (h *Head) fieldLine(b []byte, i int, l *Limits) (next int, f Fault) {
	colon := i
	for colon < len(b) && token(b[colon]) {
		colon++
	}
	if colon == i || colon == len(b) || b[colon] != ':' {
		return h.oddFieldLine(b, i, l)
	}
	value := colon + 1
	for value < len(b) && blank(b[value]) {
		value++
	}
	end := skipText(b, value)
	switch {
	case end+1 < len(b) && b[end] == '\r' && b[end+1] == '\n':
		next = end + 2
	case end < len(b) && b[end] == '\n':
		h.flags |= flagBareLF | flagLoose
		next = end + 1
	default:
		return h.oddFieldLine(b, i, l)
	}
	if end-i > l.Line {
		return 0, LineLong
	}
	for end > value && blank(b[end-1]) {
		end--
	}
	h.add(Field{nameStart: uint32(i), nameEnd: uint32(colon), valueStart: uint32(value), valueEnd: uint32(end), ID: lookup(b[i:colon])})
	return next, NoFault
}

// add appends a field and remembers where it is if it is a known one.
func (h *Head) add(f Field) {
	if f.ID != Other {
		switch bit := IDSet(1) << f.ID; {
		case h.present&bit != 0:
			h.repeated |= bit
		default:
			h.present |= bit
			h.first[f.ID] = uint8(len(h.fields))
		}
	}
	h.fields = append(h.fields, f)
}

// oddFieldLine is for a line that fieldLine could not read: incomplete, too long or malformed.
func (h *Head) oddFieldLine(b []byte, i int, l *Limits) (next int, f Fault) {
	line, next := cutLine(b, i)
	switch {
	case next == 0 && len(b)-i <= l.Line+1:
		return 0, NoFault
	case next == 0 || len(line) > l.Line:
		return 0, LineLong
	}
	colon := bytes.IndexByte(line, ':')
	switch {
	case blank(line[0]):
		return 0, Folded // RFC 9112 §5.2: a proxy that does not unfold must refuse
	case bytes.IndexByte(line, '\r') >= 0:
		return 0, BareCR
	case colon < 0:
		return 0, ColonMissing
	case colon == 0:
		return 0, NameMissing
	}
	name := trimRight(line[:colon])
	if f = nameFault(line[:colon]); f != NoFault && (h.kind != kindResponse || !all(name, isToken)) {
		return 0, f
	}
	if skipText(line, colon+1) < len(line) {
		return 0, valueFault(line[colon+1:])
	}
	// RFC 9112 §5.1: whitespace before the colon must be refused in a request and removed from a response.
	h.flags |= flagLoose
	value := trimRight(line)
	start := colon + 1
	for start < len(value) && blank(value[start]) {
		start++
	}
	end := max(start, len(value))
	h.add(Field{nameStart: uint32(i), nameEnd: uint32(i + len(name)), valueStart: uint32(i + start), valueEnd: uint32(i + end), ID: lookup(name)})
	return next, NoFault
}

// cutLine returns the line at i without its end, and where the next begins; 0 if it has not come to its end.
func cutLine(b []byte, i int) (line []byte, next int) {
	n := bytes.IndexByte(b[i:], '\n')
	if n < 0 {
		return nil, 0
	}
	line = b[i : i+n]
	if n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, i + n + 1
}

// nameFault says what is wrong with a field name that is not empty.
func nameFault(name []byte) Fault {
	switch trimmed := trim(name); {
	case all(name, isToken):
		return NoFault
	case bytes.IndexByte(name, 0) >= 0:
		return NameNUL
	case similar("transfer-encoding", name) != distant || similar("content-length", name) != distant:
		return NameSimilar
	case all(trimmed, isToken):
		return NameSpace
	}
	return NameBad
}

// valueFault says what is wrong with a field value that holds a byte it must not.
func valueFault(value []byte) Fault {
	if bytes.IndexByte(value, 0) >= 0 {
		return ValueNUL
	}
	return ValueControl
}

func trimRight(b []byte) []byte {
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
