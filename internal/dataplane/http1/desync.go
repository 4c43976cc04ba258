package http1

// Mode is what is done about requests that two parsers might read differently: the desync mitigation modes of AWS's
// Classic Load Balancer.
type Mode uint8

// The modes. The zero value is the default one.
const (
	Defensive Mode = iota
	Monitor
	Strictest
	modeCount
)

// String returns the mode's name in the API.
func (m Mode) String() string {
	switch m {
	case Defensive:
		return "defensive"
	case Monitor:
		return "monitor"
	case Strictest:
		return "strictest"
	}
	return "defensive"
}

// ParseMode returns the mode of that name; ok is false if there is none.
func ParseMode(name string) (m Mode, ok bool) {
	for m = range modeCount {
		if m.String() == name {
			return m, true
		}
	}
	return Defensive, false
}

// Class is how suspicious a request is.
type Class uint8

// The classes, each worse than the one before.
const (
	Compliant  Class = iota // by the RFCs, as far as framing goes
	Acceptable              // not by the RFCs, but no known risk
	Ambiguous               // some servers and proxies read it differently
	Severe                  // made to be read differently
	classCount
)

// String returns the class's name in logs.
func (c Class) String() string {
	switch c {
	case Compliant:
		return "Compliant"
	case Acceptable:
		return "Acceptable"
	case Ambiguous:
		return "Ambiguous"
	case Severe:
		return "Severe"
	}
	return "Severe"
}

// Action is what becomes of a request.
type Action uint8

// The actions.
const (
	Forward      Action = iota
	ForwardClose        // forward it, then close both connections: what a misread message leaves behind reaches nobody
	Block               // answer 400 and close; nothing reaches a backend
)

//nolint:gochecknoglobals // a constant table
var decisions = [modeCount][classCount]Action{
	Monitor:   {Forward, Forward, Forward, Forward},
	Defensive: {Forward, Forward, ForwardClose, Block},
	Strictest: {Forward, Block, Block, Block},
}

// Decide returns what the mode does with a request of the class that has no fault. One with a fault is blocked in every
// mode, Monitor too: lull does not forward what it cannot read.
func Decide(m Mode, c Class) Action {
	if m >= modeCount || c >= classCount {
		return Block
	}
	return decisions[m][c]
}

// Why is a reason for a class, by the names in AWS's documentation and access logs. They are in the order in which they
// are looked for: of several in the worst class that applies, the first is reported.
type Why uint8

// The reasons. WhyNone goes with Compliant.
const (
	WhyNone Why = iota
	WhyBareLF
	WhyMissingURI
	WhyMissingHeaderColon
	WhyMultilineHeader
	WhyBadHeader
	WhyNonCompliantHeader
	WhyEmptyHeader
	WhySuspiciousHeader
	WhyUndefinedTransferEncoding
	WhyUndefinedContentLength
	WhyBadTransferEncoding
	WhyMultipleChunked
	WhyBadContentLength
	WhyMultipleContentLength
	WhyDuplicateContentLength
	WhyGetHeadZeroContentLength
	WhyBothPresent
	WhyBadMethod
	WhyNonCompliantVersion
	WhyBadVersion
	WhyBadURI
	WhySpaceInURI
	WhyAmbiguousURI
	whyCount
)

//nolint:gochecknoglobals // the table of reasons
var whys = [whyCount]struct {
	code  string
	class Class
}{
	WhyNone:                      {"None", Compliant},
	WhyBareLF:                    {"NonCrLfLineTermination", Acceptable},
	WhyMissingURI:                {"MissingUri", Ambiguous},
	WhyMissingHeaderColon:        {"MissingHeaderColon", Ambiguous},
	WhyMultilineHeader:           {"MultilineHeader", Ambiguous},
	WhyBadHeader:                 {"BadHeader", Severe},
	WhyNonCompliantHeader:        {"NonCompliantHeader", Acceptable},
	WhyEmptyHeader:               {"EmptyHeader", Ambiguous},
	WhySuspiciousHeader:          {"SuspiciousHeader", Ambiguous},
	WhyUndefinedTransferEncoding: {"UndefinedTransferEncodingSemantics", Ambiguous},
	WhyUndefinedContentLength:    {"UndefinedContentLengthSemantics", Ambiguous},
	WhyBadTransferEncoding:       {"BadTransferEncoding", Severe},
	WhyMultipleChunked:           {"MultipleTransferEncodingChunked", Severe},
	WhyBadContentLength:          {"BadContentLength", Severe},
	WhyMultipleContentLength:     {"MultipleContentLength", Severe},
	WhyDuplicateContentLength:    {"DuplicateContentLength", Ambiguous},
	WhyGetHeadZeroContentLength:  {"GetHeadZeroContentLength", Acceptable},
	WhyBothPresent:               {"BothTeClPresent", Ambiguous},
	WhyBadMethod:                 {"BadMethod", Severe},
	WhyNonCompliantVersion:       {"NonCompliantVersion", Acceptable},
	WhyBadVersion:                {"BadVersion", Severe},
	WhyBadURI:                    {"BadUri", Severe},
	WhySpaceInURI:                {"SpaceInUri", Acceptable},
	WhyAmbiguousURI:              {"AmbiguousUri", Ambiguous},
}

// String returns the code.
func (w Why) String() string {
	if w >= whyCount {
		return "None"
	}
	return whys[w].code
}

// Class returns the class that the reason puts a request in.
func (w Why) Class() Class {
	if w >= whyCount {
		return Compliant
	}
	return whys[w].class
}

// Classify says why the request in h, which was read from b, is not compliant, and WhyNone if it is. Of a request that
// was refused, the fault's row of the table says it.
func (h *Head) Classify(b []byte) Why {
	var v verdict
	if h.flags&flagBareLF != 0 {
		v.add(WhyBareLF)
	}
	if h.present&(1<<TransferEncoding|1<<ContentLength) != 0 || h.suspicious(b) {
		h.classifyFraming(b, &v)
	}
	return v.worst
}

// verdict keeps the first reason of the worst class.
type verdict struct{ worst Why }

func (v *verdict) add(w Why) {
	if w.Class() > v.worst.Class() {
		v.worst = w
	}
}

// suspicious reports whether a name resembles one of the two that frame, without being it.
func (h *Head) suspicious(b []byte) bool {
	for i := range h.fields {
		if f := &h.fields[i]; f.ID == Other && f.nameEnd-f.nameStart >= 14 && lookalike(f.Name(b)) != Other {
			return true
		}
	}
	return false
}

// classifyFraming looks at all fields that frame or that a careless server could take for one that does.
func (h *Head) classifyFraming(b []byte, v *verdict) {
	var codings codingList
	var hasCoding, hasLength bool
	var length int64
	lengthWhy := WhyNone
	for i := range h.fields {
		f := &h.fields[i]
		id := f.ID
		if id == Other {
			if id = lookalike(f.Name(b)); id != Other {
				v.add(WhySuspiciousHeader)
			}
		}
		switch {
		case id == TransferEncoding:
			codings.add(f.Value(b))
			hasCoding = true
		case id == ContentLength:
			n, ok := lengthOrZero(f.Value(b))
			switch {
			case !ok:
				lengthWhy = WhyBadContentLength
			case !hasLength:
				hasLength, length = true, n
			case lengthWhy == WhyBadContentLength:
			case n != length:
				lengthWhy = WhyMultipleContentLength
			case lengthWhy == WhyNone:
				lengthWhy = WhyDuplicateContentLength
			}
		}
	}
	if hasCoding && h.minor == 0 {
		v.add(WhyUndefinedTransferEncoding)
		return
	}
	v.add(codings.worst)
	v.add(lengthWhy)
	if h.method == GET || h.method == HEAD {
		v.addBodyOfGet(hasCoding, hasLength, length)
	}
	if hasCoding && hasLength {
		v.add(WhyBothPresent)
	}
}

// addBodyOfGet: content in GET and HEAD has no meaning (RFC 9110 §9.3.1), so that servers ignore it, and its framing.
func (v *verdict) addBodyOfGet(hasCoding, hasLength bool, length int64) {
	switch {
	case hasCoding:
		v.add(WhyUndefinedTransferEncoding)
	case hasLength && length > 0:
		v.add(WhyUndefinedContentLength)
	case hasLength:
		v.add(WhyGetHeadZeroContentLength)
	}
}

// lengthOrZero is parseLength that takes an empty value for 0, as some servers do.
func lengthOrZero(b []byte) (int64, bool) {
	if len(b) == 0 {
		return 0, true
	}
	return parseLength(b)
}

// codingList judges the transfer codings of all lines together.
type codingList struct {
	chunked bool // the last one was
	worst   Why
}

//nolint:gochecknoglobals // a constant table
var codingNames = [...]string{"chunked", "compress", "deflate", "gzip", "identity"}

// add judges one line's list. An empty list item is no coding, nor is an empty list.
func (c *codingList) add(list []byte) {
	for list != nil {
		var item []byte
		item, list = nextItem(list)
		for i, ch := range item {
			if ch == ';' {
				item = trim(item[:i])
				break
			}
		}
		known := false
		for _, name := range codingNames {
			known = known || equalFold(item, name)
		}
		chunked := equalFold(item, "chunked")
		switch {
		case !known:
			c.worst = WhyBadTransferEncoding
		case chunked && c.chunked && c.worst == WhyNone:
			c.worst = WhyMultipleChunked
		}
		c.chunked = chunked
	}
}
