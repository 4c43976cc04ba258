package http1

// Kind is how the end of a message's body is found.
type Kind uint8

// The kinds.
const (
	None       Kind = iota // there is no body
	Length                 // so many bytes
	Chunked                // chunks, the last one empty
	UntilClose             // what comes until the connection ends
	Tunnel                 // no message any more: the connection belongs to another protocol, in both directions
)

// Framing is how a message's body is delimited.
type Framing struct {
	Kind   Kind
	Length int64 // of Kind Length, above 0
}

// RequestFraming says how the body of the request in h is delimited. The numbers are those of the list in RFC 9112 §6.3;
// what the list calls an error (4 and 5) was refused when the head was read.
func (h *Head) RequestFraming() Framing {
	switch {
	case h.Chunked(): // 3, 4: Transfer-Encoding overrides Content-Length
		return Framing{Kind: Chunked}
	case h.length > 0: // 6
		return Framing{Kind: Length, Length: h.length}
	}
	return Framing{} // 7, and 6 with length 0
}

// ResponseFraming says how the body of the response in h, to a request with method m, is delimited.
func (h *Head) ResponseFraming(m Method) Framing {
	switch {
	case h.status == 101: // RFC 9110 §15.2.2: the next byte belongs to the new protocol
		return Framing{Kind: Tunnel}
	case m == HEAD, h.status/100 == 1, h.status == 204, h.status == 304: // 1
		return Framing{}
	case m == CONNECT && h.status/100 == 2: // 2
		return Framing{Kind: Tunnel}
	case h.Chunked(): // 3, 4
		return Framing{Kind: Chunked}
	case h.length > 0: // 6
		return Framing{Kind: Length, Length: h.length}
	case h.length == 0:
		return Framing{}
	}
	return Framing{Kind: UntilClose} // 8
}
