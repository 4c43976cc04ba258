package http1

// statusLine reads version SP status-code SP [reason] (RFC 9112 §4) and returns where the next line begins. Zero
// without fault means that b ends before the line does. The space in front of an absent reason may be absent too:
// the grammar wants it, many servers leave it out, and nothing hangs on it.
func (h *Head) statusLine(b []byte, l *Limits) (next int, f Fault) {
	const begin = "HTTP/1."
	for i := range min(len(begin), len(b)) {
		if b[i] != begin[i] {
			return 0, StatusLineBad
		}
	}
	line, next := cutLine(b, 0)
	switch {
	case next == 0 && len(b) <= l.Line+1:
		return 0, NoFault
	case next == 0 || len(line) > l.Line:
		return 0, LineLong
	case len(line) < len("HTTP/1.1 ") || line[7]-'0' > 1 || line[8] != ' ':
		return 0, StatusLineBad
	case len(line) < 12 || line[9]-'1' > 8 || line[10]-'0' > 9 || line[11]-'0' > 9 || (len(line) > 12 && line[12] != ' '):
		return 0, StatusBad
	case skipText(line, 12) < len(line):
		return 0, ReasonBad
	}
	h.minor = line[7] - '0'
	h.status = uint16(line[9]-'0')*100 + uint16(line[10]-'0')*10 + uint16(line[11]-'0')
	h.statusSpan = span{9, uint32(len(line))}
	if b[next-2] != '\r' {
		h.flags |= flagBareLF
	}
	return next, NoFault
}
