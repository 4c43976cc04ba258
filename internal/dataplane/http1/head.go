package http1

// MethodMax is the longest method; a longer one is answered with 405, as the Classic Load Balancer does.
const MethodMax = 127

// blankLinesMax is how many empty lines may stand before a request line (RFC 9112 §2.2 wants at least one ignored:
// old clients send one after a body that they do not count).
const blankLinesMax = 2

// optionsMax bounds the unknown names in Connection fields: each is compared with each field.
const optionsMax = 16

// Limits bounds a head or a trailer section.
type Limits struct {
	Line   int // bytes of the request, status or field line without its end
	Head   int // bytes of all of it, with the empty line; at least 64
	Fields int // field lines; no more than 255 are taken in any case
}

// RequestLimits and ResponseLimits are the published figures of AWS's Application Load Balancer (none are for the
// Classic one): lines of 16 KiB, heads of 64 and 32 KiB. Trailers were made for checksums and status: 8 KiB.
// 128 fields are four times what browsers with many client hints send.
//
//nolint:gochecknoglobals // constants
var (
	RequestLimits  = Limits{Line: 16 << 10, Head: 64 << 10, Fields: 128}
	ResponseLimits = Limits{Line: 16 << 10, Head: 32 << 10, Fields: 128}
	TrailerLimits  = Limits{Line: 4 << 10, Head: 8 << 10, Fields: 32}
)

// Scan remembers how far an incomplete head was read, so that bytes offered again are not read again. The zero value
// begins a head. It belongs to the connection, beside the bytes.
type Scan struct {
	line   uint32 // where the first line begins that is not known to be well formed
	seen   uint32 // how many bytes have been searched for the end of that line
	fields uint32 // fields before that line
}

// Form is the form of a request target (RFC 9112 §3.2).
type Form uint8

// The forms.
const (
	Origin    Form = iota // a path, maybe with a query
	Absolute              // a URI
	Authority             // host:port, of CONNECT
	Asterisk              // *, of OPTIONS
)

// Method is a request method (RFC 9110 §9, RFC 5789).
type Method uint8

// The methods that matter to framing or to retries; OtherMethod is any other token.
const (
	OtherMethod Method = iota
	GET
	HEAD
	POST
	PUT
	DELETE
	CONNECT
	OPTIONS
	TRACE
	PATCH
)

// Idempotent reports whether the request may be sent twice (RFC 9110 §9.2.2).
func (m Method) Idempotent() bool {
	switch m {
	case GET, HEAD, PUT, DELETE, OPTIONS, TRACE:
		return true
	case OtherMethod, POST, CONNECT, PATCH:
		return false
	}
	return false
}

// lookupMethod is case-sensitive, as methods are.
func lookupMethod(b []byte) Method {
	switch string(b) {
	case "GET":
		return GET
	case "HEAD":
		return HEAD
	case "POST":
		return POST
	case "PUT":
		return PUT
	case "DELETE":
		return DELETE
	case "CONNECT":
		return CONNECT
	case "OPTIONS":
		return OPTIONS
	case "TRACE":
		return TRACE
	case "PATCH":
		return PATCH
	}
	return OtherMethod
}

// span is a part of the caller's bytes.
type span struct{ start, end uint32 }

func (s span) of(b []byte) []byte { return b[s.start:s.end] }

// flags are what was found in a head.
type flags uint16

const (
	flagBareLF     flags = 1 << iota // a line ends in LF alone
	flagLoose                        // a line must not be copied as it is
	flagClose                        // Connection: close
	flagKeepAlive                    // Connection: keep-alive
	flagUpgrade                      // Connection: upgrade
	flagContinue                     // Expect: 100-continue
	flagExpectElse                   // Expect: anything else
	flagChunked                      // Transfer-Encoding: chunked
	flagOddLength                    // Content-Length stands in several lines, or with leading zeros
)

// kind is what a head begins with.
type kind uint8

const (
	kindRequest  kind = iota
	kindResponse      // a status line
	kindTrailers      // no start line
)

// Head is a request head, a response head or a trailer section, as offsets into the bytes it was read from. Those must
// be given to every method that returns some of them; where they lie may have changed. One Head serves a whole loop:
// reading fills it anew. It must not be copied.
type Head struct {
	fields []Field // inline, or longer and kept
	inline [32]Field

	// Which known fields there are, which more than once, and where the first of each stands.
	present, repeated IDSet
	first             [idCount]uint8 // below the limit on fields, which is at most 255

	// Of a request. Authority and path are parts of the target.
	methodSpan, target, authority, path span
	// Of a response: status code and reason phrase.
	statusSpan span

	length int64 // Content-Length, −1 without
	start  uint32
	end    uint32 // where the empty line begins
	size   uint32 // all of it, with the empty line
	flags  flags
	status uint16
	kind   kind
	minor  uint8 // of the version
	method Method
	form   Form
}

// Size returns how many bytes the head had, its last line included.
func (h *Head) Size() int { return int(h.size) }

// Method returns the method of a request.
func (h *Head) Method() Method { return h.method }

// MethodText returns the method of a request as it was sent.
func (h *Head) MethodText(b []byte) []byte { return h.methodSpan.of(b) }

// Target returns the request target as it was sent.
func (h *Head) Target(b []byte) []byte { return h.target.of(b) }

// Form returns the form of the request target.
func (h *Head) Form() Form { return h.form }

// Path returns path and query of the target; of an absolute target without path it may be empty or begin with "?".
func (h *Head) Path(b []byte) []byte { return h.path.of(b) }

// Authority returns for which host and port the request is: from an absolute target, which outranks Host
// (RFC 9112 §3.2.2), from CONNECT's target, or else Host's value. It is empty where a request has neither.
func (h *Head) Authority(b []byte) []byte {
	if h.form == Absolute || h.form == Authority {
		return h.authority.of(b)
	}
	return h.Get(b, Host)
}

// Minor returns the version: 0 for HTTP/1.0, 1 for HTTP/1.1.
func (h *Head) Minor() int { return int(h.minor) }

// Status returns the status code of a response.
func (h *Head) Status() int { return int(h.status) }

// Interim reports whether a response precedes another for the same request (RFC 9110 §15.2). 101 does not: it is the
// last that HTTP says on the connection.
func (h *Head) Interim() bool { return h.status/100 == 1 && h.status != 101 }

// Fields returns the fields in the order they came in. The slice is valid until the next use of h.
func (h *Head) Fields() []Field { return h.fields }

// Has reports whether there is such a field.
func (h *Head) Has(id ID) bool { return h.present.Has(id) }

// Repeated reports whether there is more than one such field line.
func (h *Head) Repeated(id ID) bool { return h.repeated.Has(id) }

// Get returns the value of the first such field, and nil if there is none.
func (h *Head) Get(b []byte, id ID) []byte {
	if !h.present.Has(id) {
		return nil
	}
	return h.fields[h.first[id]].Value(b)
}

// Find returns the value of the first field of that name, which is given in small letters, and nil if there is none.
// It is for names without an ID, such as a cookie's or a configured one.
func (h *Head) Find(b []byte, name string) []byte {
	for i := range h.fields {
		if f := &h.fields[i]; equalFold(f.Name(b), name) {
			return f.Value(b)
		}
	}
	return nil
}

// ContentLength returns the value of Content-Length; ok is false without.
func (h *Head) ContentLength() (n int64, ok bool) { return h.length, h.length >= 0 }

// Chunked reports whether Transfer-Encoding says chunked.
func (h *Head) Chunked() bool { return h.flags&flagChunked != 0 }

// ExpectsContinue reports whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1). HTTP/1.0
// clients do not, whatever they send.
func (h *Head) ExpectsContinue() bool { return h.flags&flagContinue != 0 && h.minor > 0 }

// ExpectsElse reports whether Expect asks for something that nobody has defined.
func (h *Head) ExpectsElse() bool { return h.flags&flagExpectElse != 0 }

// Upgrades reports whether the message offers or takes another protocol for the connection: Upgrade, listed in
// Connection (RFC 9110 §7.8). HTTP/1.0 knows no such thing.
func (h *Head) Upgrades() bool {
	return h.flags&flagUpgrade != 0 && h.present.Has(Upgrade) && h.minor > 0
}

// KeepAlive reports whether the sender lets the connection serve another exchange (RFC 9112 §9.3). A message with both
// Content-Length and Transfer-Encoding ends its connection whatever it says (§6.1).
func (h *Head) KeepAlive() bool {
	switch {
	case h.flags&flagClose != 0, h.length >= 0 && h.Chunked():
		return false
	case h.minor == 0:
		return h.flags&flagKeepAlive != 0
	}
	return true
}

// reset makes h ready to be filled.
func (h *Head) reset(k kind) {
	if cap(h.fields) < len(h.inline) {
		h.fields = h.inline[:0]
	}
	h.fields = h.fields[:0]
	h.present, h.repeated, h.flags = 0, 0, 0
	h.length, h.kind, h.status, h.minor = -1, k, 0, 1
	h.method, h.form = OtherMethod, Origin
	h.start, h.end, h.size = 0, 0, 0
	h.methodSpan, h.target, h.authority, h.path, h.statusSpan = span{}, span{}, span{}, span{}, span{}
}

// Exceeds says what of the head in b, of a request, is too large for limits that are narrower than those it was read by:
// NoFault if nothing is.
func (h *Head) Exceeds(b []byte, l *Limits) Fault {
	switch {
	case h.Size() > l.Head:
		return HeadLong
	case len(h.fields) > l.Fields:
		return FieldsMany
	case h.lineSize(b, h.start, 0) > l.Line:
		return TargetLong
	}
	for i := range h.fields {
		if h.lineSize(b, h.fields[i].nameStart, i+1) > l.Line {
			return LineLong
		}
	}
	return NoFault
}

// lineSize returns the size of the line from start to the field of that index, or to the empty line, without its end.
func (h *Head) lineSize(b []byte, start uint32, field int) int {
	end := h.end
	if field < len(h.fields) {
		end = h.fields[field].nameStart
	}
	line, _ := cutLine(b[:end], int(start))
	return len(line)
}
