package http1

import "bytes"

// finish judges the fields of a head whose lines are well formed.
func (h *Head) finish(b []byte) Fault {
	if h.kind == kindTrailers {
		if h.present&trailerRefused != 0 { // RFC 9110 §6.5.1
			return TrailerRefused
		}
		return NoFault
	}
	if f := h.readCoding(b); f != NoFault {
		return f
	}
	if f := h.readLength(b); f != NoFault {
		return f
	}
	if h.kind == kindRequest {
		if f := h.checkHost(b); f != NoFault {
			return f
		}
		if h.present.Has(Expect) {
			h.readExpect(b)
		}
	}
	if h.present.Has(Connection) {
		return h.readConnection(b)
	}
	return NoFault
}

// readCoding reads Transfer-Encoding (RFC 9112 §6.1). It stays strict and simple because requests are smuggled through
// disagreement on this field: one line, which says chunked and nothing else. Whoever uses other codings, which no
// browser and no common server does, gets an answer instead of a guess.
func (h *Head) readCoding(b []byte) Fault {
	if !h.present.Has(TransferEncoding) {
		return NoFault
	}
	if h.minor == 0 { // §6.1: faulty framing, even with Content-Length
		return CodingOld
	}
	if !h.repeated.Has(TransferEncoding) && equalFold(h.Get(b, TransferEncoding), "chunked") {
		h.flags |= flagChunked
		return NoFault
	}
	var codings codingList
	for i := range h.fields {
		if f := &h.fields[i]; f.ID == TransferEncoding {
			codings.add(f.Value(b))
		}
	}
	switch {
	case codings.worst == WhyBadTransferEncoding:
		return CodingBad
	case codings.worst == WhyMultipleChunked:
		return CodingTwice
	}
	return CodingOther
}

// readLength reads Content-Length (RFC 9110 §8.6). Several lines with one and the same number count as one, which the
// RFC allows and Classify marks; a list in one line does not, since it would have to be taken apart first.
func (h *Head) readLength(b []byte) Fault {
	if !h.present.Has(ContentLength) {
		return NoFault
	}
	n, ok := parseLength(h.Get(b, ContentLength))
	if !ok {
		return LengthBad
	}
	h.length = n
	if v := h.Get(b, ContentLength); h.repeated.Has(ContentLength) || (v[0] == '0' && len(v) > 1) {
		h.flags |= flagOddLength
	}
	if !h.repeated.Has(ContentLength) {
		return NoFault
	}
	for i := range h.fields {
		f := &h.fields[i]
		if f.ID != ContentLength {
			continue
		}
		switch m, ok := parseLength(f.Value(b)); {
		case !ok:
			return LengthBad
		case m != n:
			return LengthsDiffer
		}
	}
	return NoFault
}

// checkHost holds the request to RFC 9112 §3.2: exactly one valid Host, or in HTTP/1.0 none.
func (h *Head) checkHost(b []byte) Fault {
	switch {
	case h.repeated.Has(Host):
		return HostTwice
	case !h.present.Has(Host):
		if h.minor > 0 {
			return HostMissing
		}
	case !validAuthority(h.Get(b, Host), false):
		return HostBad
	}
	return NoFault
}

// readExpect reads Expect (RFC 9110 §10.1.1), which knows one expectation.
func (h *Head) readExpect(b []byte) {
	if !h.repeated.Has(Expect) && equalFold(h.Get(b, Expect), "100-continue") {
		h.flags |= flagContinue
	} else {
		h.flags |= flagExpectElse
	}
}

// readConnection reads the Connection fields (RFC 9110 §7.6.1) and marks the fields that they name. What is no token can
// name nothing and is passed over, as are empty items.
func (h *Head) readConnection(b []byte) Fault {
	var known IDSet
	others := 0
	for i := int(h.first[Connection]); i < len(h.fields); i++ {
		if h.fields[i].ID != Connection {
			continue
		}
		for item, rest := nextItem(h.fields[i].Value(b)); len(item) > 0 || rest != nil; item, rest = nextItem(rest) {
			switch id := lookup(item); {
			case len(item) == 0:
			case id != Other:
				known |= 1 << id
			case equalFold(item, "close"):
				h.flags |= flagClose
			default:
				if others++; others > optionsMax {
					return OptionsMany
				}
			}
		}
	}
	if known.Has(KeepAlive) {
		h.flags |= flagKeepAlive
	}
	if known.Has(Upgrade) {
		h.flags |= flagUpgrade
	}
	known &^= keptFields
	if known&h.present&^hopByHop == 0 && others == 0 {
		return NoFault
	}
	h.nominate(b, known, others > 0)
	return NoFault
}

// nominate marks the fields that Connection names. With others, unknown names are among them: at most optionsMax, so
// this costs little however many fields there are.
func (h *Head) nominate(b []byte, known IDSet, others bool) {
	for i := range h.fields {
		f := &h.fields[i]
		if known.Has(f.ID) || (f.ID == Other && others && h.named(b, f.Name(b))) {
			f.nominated = true
		}
	}
}

// named reports whether a Connection field lists name.
func (h *Head) named(b, name []byte) bool {
	for i := range h.fields {
		if h.fields[i].ID != Connection {
			continue
		}
		for item, rest := nextItem(h.fields[i].Value(b)); len(item) > 0 || rest != nil; item, rest = nextItem(rest) {
			if len(item) == len(name) && bytes.EqualFold(item, name) {
				return true
			}
		}
	}
	return false
}
