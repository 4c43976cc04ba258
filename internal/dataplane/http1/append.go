package http1

// Edit says how a head is changed on its way. What concerns one connection only never passes: hop-by-hop fields,
// those that Connection names, and the framing, which is written anew. Everything else keeps its bytes and its order.
type Edit struct {
	// Framing is how the body will be sent on. Kind None keeps what the head says of a body that is not there, such as the
	// length in the answer to HEAD.
	Framing Framing
	// Upgrade keeps the Upgrade fields and adds "Connection: Upgrade". Otherwise Connection is the value that is sent;
	// nothing is sent if it is empty.
	Upgrade    bool
	Connection string
	// Drop are more fields to leave out.
	Drop IDSet
	// DropNames are the names of more, in small letters. A field that differs from one by underscores for hyphens is left out as
	// well: many applications are told of both under one name. Fields that have an ID are left out by Drop alone (see IDs).
	DropNames []string
	// ForwardedFor is the client's address, to be put at the end of X-Forwarded-For: behind what is there, with several
	// lines made one, or in a line of its own. If it is empty the field passes as it is. With XForwardedFor in Drop what is
	// there is not believed, and the address stands alone.
	ForwardedFor []byte
	// Host is sent in a request that has no Host (HTTP/1.0); none if it is empty.
	Host []byte
	// Lines are whole field lines, with CR LF, to put at the end. To replace a field, name it in Drop and here.
	Lines []byte
}

// SizeMax returns a number of bytes that AppendRequest and AppendResponse do not exceed.
func (h *Head) SizeMax(e *Edit) int {
	const fixed = len(" HTTP/1.1\r\n") + len("X-Forwarded-For: , \r\n") + len("Host: \r\n") + len("Connection: Upgrade\r\n") +
		len("Transfer-Encoding: chunked\r\n") + len("Content-Length: 9223372036854775807\r\n") + len("\r\n")
	// A line that ended in LF alone grows by a byte, and one that is written anew by its ": ".
	return h.Size() + 3*len(h.fields) + fixed + len(e.Connection) + len(e.ForwardedFor) + len(e.Host) + len(e.Lines)
}

// AppendRequest appends the head of the request in h, which was read from b, as it is sent on: in HTTP/1.1
// (RFC 9110 §2.5), an absolute target in origin form with its authority as Host (RFC 9112 §3.2.1, §3.2.2).
// dst must not overlap b. It is not grown if it has room for SizeMax bytes.
func (h *Head) AppendRequest(dst, b []byte, e *Edit) []byte {
	dst = append(dst, h.MethodText(b)...)
	dst = append(dst, ' ')
	dst = h.appendTarget(dst, b)
	dst = append(dst, " HTTP/1.1\r\n"...)
	return h.appendFields(dst, b, e)
}

// AppendResponse is AppendRequest for the response in h.
func (h *Head) AppendResponse(dst, b []byte, e *Edit) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = append(dst, h.statusSpan.of(b)...)
	if h.statusSpan.end-h.statusSpan.start == 3 {
		dst = append(dst, ' ') // RFC 9112 §4 wants it even without a reason
	}
	dst = append(dst, '\r', '\n')
	return h.appendFields(dst, b, e)
}

// AppendTrailers appends the trailer fields in h and the empty line behind them. Those that RFC 9110 §6.5.1 bars from
// trailers are left out, and those that an Edit leaves out of the head (Drop and DropNames): some applications make one of both.
func (h *Head) AppendTrailers(dst, b []byte, drop IDSet, dropNames []string) []byte {
	w, e := writer{h: h, b: b, dst: dst}, Edit{DropNames: dropNames}
	drop |= trailerDropped
	for i := range h.fields {
		if drop.Has(h.fields[i].ID) || e.drops(&h.fields[i], b) {
			w.flush(i)
		}
	}
	w.flush(len(h.fields))
	return append(w.dst, '\r', '\n')
}

// AppendField appends a field line.
func AppendField(dst []byte, name string, value []byte) []byte {
	dst = append(dst, name...)
	dst = append(dst, ':', ' ')
	dst = append(dst, value...)
	return append(dst, '\r', '\n')
}

func (h *Head) appendTarget(dst, b []byte) []byte {
	if h.form != Absolute {
		return append(dst, h.target.of(b)...)
	}
	path := h.path.of(b)
	switch {
	case len(path) == 0 && h.method == OPTIONS: // RFC 9112 §3.2.4
		return append(dst, '*')
	case len(path) == 0 || path[0] == '?': // RFC 9112 §3.2.1: a path is never empty
		dst = append(dst, '/')
	}
	return append(dst, path...)
}

// writer copies fields. Those that stay as they are are copied in runs: from the field after the last one that was not
// copied up to the next that is not.
type writer struct {
	h    *Head
	b    []byte
	dst  []byte
	next int // the first field that is not settled
}

// flush copies the fields from next up to field i, and takes i as settled.
func (w *writer) flush(i int) {
	h := w.h
	if w.next < i {
		if h.flags&flagLoose == 0 {
			end := h.end
			if i < len(h.fields) {
				end = h.fields[i].nameStart
			}
			w.dst = append(w.dst, w.b[h.fields[w.next].nameStart:end]...)
		} else {
			for j := w.next; j < i; j++ {
				w.copyLine(&h.fields[j])
			}
		}
	}
	w.next = i + 1
}

// copyLine writes a field's line anew, for lines whose end or colon is not as it should be.
func (w *writer) copyLine(f *Field) {
	w.dst = append(w.dst, f.Name(w.b)...)
	w.dst = append(w.dst, ':', ' ')
	w.dst = append(w.dst, f.Value(w.b)...)
	w.dst = append(w.dst, '\r', '\n')
}

// appendFields appends the fields by e, and the empty line.
func (h *Head) appendFields(dst, b []byte, e *Edit) []byte {
	w := writer{h: h, b: b, dst: dst}
	changed := (hopByHop | e.Drop) & h.present
	needFraming := !h.framingStays(e)
	if needFraming {
		changed |= h.present & (1<<TransferEncoding | 1<<ContentLength)
	}
	if len(e.ForwardedFor) > 0 {
		changed |= h.present & (1 << XForwardedFor)
	}
	if h.form == Absolute {
		changed |= h.present & (1 << Host)
	}
	if changed != 0 || len(e.DropNames) > 0 { // changed is where fields are nominated, as Connection is among them
		for i := range h.fields {
			f := &h.fields[i]
			if !changed.Has(f.ID) && !f.nominated && !e.drops(f, b) {
				continue
			}
			w.flush(i)
			needFraming = w.replace(f, i, e, needFraming)
		}
	}
	w.flush(len(h.fields))
	if needFraming {
		w.dst = h.appendFraming(w.dst, e)
	}
	return append(w.rest(e), '\r', '\n')
}

// drops reports whether a field has one of the names that are to be left out.
func (e *Edit) drops(f *Field, b []byte) bool {
	if f.ID != Other {
		return false
	}
	for _, name := range e.DropNames {
		if SameName(f.Name(b), name) {
			return true
		}
	}
	return false
}

// SameName reports whether a field's name is that one, which is in small letters with hyphens: in any case, and with underscores
// for hyphens.
func SameName(name []byte, small string) bool {
	if len(name) != len(small) {
		return false
	}
	for i, c := range name {
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c == '_':
			c = '-'
		}
		if c != small[i] {
			return false
		}
	}
	return true
}

// framingStays reports whether the fields that frame the body are already those that e wants, once each.
func (h *Head) framingStays(e *Edit) bool {
	if h.Chunked() || h.flags&flagOddLength != 0 || h.status/100 == 1 || h.status == 204 {
		return false
	}
	switch e.Framing.Kind {
	case None:
		return true
	case Length:
		return h.length == e.Framing.Length
	case Chunked:
		return false
	case UntilClose, Tunnel:
		return h.length < 0
	}
	return false
}

// replace writes what stands in the place of field i, which is not copied as it is. It returns whether the framing is
// still to be written.
func (w *writer) replace(f *Field, i int, e *Edit, needFraming bool) bool {
	switch id := f.ID; {
	case id == TransferEncoding, id == ContentLength:
		if needFraming {
			w.dst = w.h.appendFraming(w.dst, e)
		}
		return false
	case id == XForwardedFor:
		if i == int(w.h.first[XForwardedFor]) && !e.Drop.Has(XForwardedFor) {
			w.forwardedFor(f, i, e)
		}
	case id == Host:
		if !e.Drop.Has(Host) {
			w.dst = AppendField(w.dst, "Host", w.h.authority.of(w.b))
		}
	case id == Upgrade && e.Upgrade:
		w.copyLine(f)
	}
	return needFraming
}

// forwardedFor writes the values of all X-Forwarded-For lines, of which f is the first, and the client's address.
func (w *writer) forwardedFor(f *Field, i int, e *Edit) {
	w.dst = append(w.dst, f.Name(w.b)...)
	w.dst = append(w.dst, ':', ' ')
	for j := i; j < len(w.h.fields); j++ {
		if g := &w.h.fields[j]; g.ID == XForwardedFor && g.valueStart < g.valueEnd {
			w.dst = append(w.dst, g.Value(w.b)...)
			w.dst = append(w.dst, ',', ' ')
		}
	}
	w.dst = append(w.dst, e.ForwardedFor...)
	w.dst = append(w.dst, '\r', '\n')
}

// appendFraming appends the field that frames the body by e.
func (h *Head) appendFraming(dst []byte, e *Edit) []byte {
	switch e.Framing.Kind {
	case None:
		switch {
		case h.status/100 == 1, h.status == 204: // RFC 9112 §6.1, RFC 9110 §8.6: neither field
		case h.Chunked():
			return append(dst, "Transfer-Encoding: chunked\r\n"...)
		case h.length >= 0:
			return appendLength(dst, h.length)
		}
	case Length:
		return appendLength(dst, e.Framing.Length)
	case Chunked:
		return append(dst, "Transfer-Encoding: chunked\r\n"...)
	case UntilClose, Tunnel: // RFC 9110 §8.6, §9.3.6
	}
	return dst
}

func appendLength(dst []byte, n int64) []byte {
	dst = append(dst, "Content-Length: "...)
	dst = appendNumber(dst, n)
	return append(dst, '\r', '\n')
}

func appendNumber(dst []byte, n int64) []byte {
	var digits [20]byte
	i := len(digits)
	for {
		i--
		digits[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return append(dst, digits[i:]...)
		}
	}
}

// rest appends the lines that have no place among the fields that came.
func (w *writer) rest(e *Edit) []byte {
	h, dst := w.h, w.dst
	if h.kind == kindRequest && !h.present.Has(Host) {
		switch {
		case h.form == Absolute:
			dst = AppendField(dst, "Host", h.authority.of(w.b))
		case len(e.Host) > 0:
			dst = AppendField(dst, "Host", e.Host)
		}
	}
	switch {
	case e.Upgrade:
		dst = append(dst, "Connection: Upgrade\r\n"...)
	case e.Connection != "":
		dst = append(dst, "Connection: "...)
		dst = append(dst, e.Connection...)
		dst = append(dst, '\r', '\n')
	}
	if len(e.ForwardedFor) > 0 && (!h.present.Has(XForwardedFor) || e.Drop.Has(XForwardedFor)) {
		dst = AppendField(dst, "X-Forwarded-For", e.ForwardedFor)
	}
	return append(dst, e.Lines...)
}
