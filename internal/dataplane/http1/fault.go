package http1

// Fault says what is wrong with a message. The zero value is NoFault. It is a value and not an error, so that refusing
// a flood of bad messages allocates nothing.
type Fault uint8

// The faults.
const (
	NoFault Fault = iota

	MethodBad
	MethodLong
	TargetMissing
	TargetSpace
	TargetControl
	TargetNUL
	TargetForm
	TargetLong
	VersionMissing
	VersionBad
	VersionOther

	StatusLineBad
	StatusBad
	ReasonBad

	NameMissing
	NameBad
	NameNUL
	NameSpace
	NameSimilar
	ColonMissing
	Folded
	ValueNUL
	ValueControl
	BareCR
	LineLong
	HeadLong
	FieldsMany

	HostMissing
	HostTwice
	HostBad
	OptionsMany
	LengthBad
	LengthsDiffer
	CodingBad
	CodingTwice
	CodingOther
	CodingOld

	ChunkSizeBad
	ChunkSizeLarge
	ChunkLineLong
	ChunkLineEnd
	ChunkDataEnd
	ChunkOverhead
	TrailerRefused
	Truncated

	faultCount
)

// FaultInfo is one row of the table of faults.
type FaultInfo struct {
	Code    string // stable name in logs and documentation
	Text    string // completes "refused: "
	Section string // of RFC 9110 or 9112
	Status  int    // answers a request by the RFCs; 0 if only a response can have the fault
	Cloud   int    // answers a request as the two clouds' load balancers do, which know neither 414, 431, 501 nor 505
	Why     Why    // what Classify says of it
}

//nolint:gochecknoglobals // the table of faults
var faults = [faultCount]FaultInfo{
	NoFault: {"none", "nothing is wrong", "", 0, 0, WhyNone},

	MethodBad:      {"method-bad", "the method is empty or holds a byte that is no token character", "9110 §9.1", 400, 400, WhyBadMethod},
	MethodLong:     {"method-long", "the method is longer than 127 bytes", "9112 §3", 405, 405, WhyNone},
	TargetMissing:  {"target-missing", "the request line has no target", "9112 §3", 400, 400, WhyMissingURI},
	TargetSpace:    {"target-space", "the request target holds a space", "9112 §3.2", 400, 400, WhySpaceInURI},
	TargetControl:  {"target-control", "the request target holds a control character", "9112 §3.2", 400, 400, WhyAmbiguousURI},
	TargetNUL:      {"target-nul", "the request target holds a NUL or CR", "9112 §3.2", 400, 400, WhyBadURI},
	TargetForm:     {"target-form", "the request target is neither a path without fragment, an http or https URI without user information and fragment, `*` for OPTIONS, nor host:port for CONNECT", "9112 §3.2", 400, 400, WhyNone},
	TargetLong:     {"target-long", "the request line is longer than allowed", "9112 §3", 414, 400, WhyNone},
	VersionMissing: {"version-missing", "the request line names no version, as in HTTP/0.9", "9112 §2.3", 505, 400, WhyNonCompliantVersion},
	VersionBad:     {"version-bad", "the version is not of the form HTTP/1.1", "9112 §2.3", 400, 400, WhyBadVersion},
	VersionOther:   {"version-other", "the version is neither HTTP/1.0 nor HTTP/1.1", "9112 §2.3", 505, 400, WhyNonCompliantVersion},

	StatusLineBad: {"status-line-bad", "the response does not begin with HTTP/1.0 or HTTP/1.1 and one space", "9112 §4", 0, 0, WhyNone},
	StatusBad:     {"status-bad", "the status code is not three digits from 100 on, followed by a space or the line's end", "9112 §4", 0, 0, WhyNone},
	ReasonBad:     {"reason-bad", "the reason phrase holds a control character", "9112 §4", 0, 0, WhyNone},

	NameMissing:  {"name-missing", "a field line begins with a colon", "9112 §5", 400, 400, WhyEmptyHeader},
	NameBad:      {"name-bad", "a field name holds a byte that is no token character", "9110 §5.1", 400, 400, WhyNonCompliantHeader},
	NameNUL:      {"name-nul", "a field name holds a NUL", "9110 §5.1", 400, 400, WhyBadHeader},
	NameSpace:    {"name-space", "there is whitespace between a field name and its colon", "9112 §5.1", 400, 400, WhyNonCompliantHeader},
	NameSimilar:  {"name-similar", "a malformed field name could be taken for Transfer-Encoding or Content-Length", "9112 §5.1", 400, 400, WhySuspiciousHeader},
	ColonMissing: {"colon-missing", "a field line has no colon", "9112 §5", 400, 400, WhyMissingHeaderColon},
	Folded:       {"folded", "a line begins with whitespace: folded fields are obsolete, and nothing may precede the first field", "9112 §5.2, §2.2", 400, 400, WhyMultilineHeader},
	ValueNUL:     {"value-nul", "a field value holds a NUL", "9110 §5.5", 400, 400, WhyBadHeader},
	ValueControl: {"value-control", "a field value holds a control character", "9110 §5.5", 400, 400, WhyNonCompliantHeader},
	BareCR:       {"bare-cr", "a CR stands alone in a line", "9112 §2.2", 400, 400, WhyBadHeader},
	LineLong:     {"line-long", "a field line is longer than allowed", "9110 §5.4", 431, 400, WhyNone},
	HeadLong:     {"head-long", "the head is longer than allowed", "9110 §5.4", 431, 400, WhyNone},
	FieldsMany:   {"fields-many", "there are more fields than allowed", "9110 §5.4", 431, 400, WhyNone},

	HostMissing:   {"host-missing", "an HTTP/1.1 request has no Host", "9112 §3.2", 400, 400, WhyNone},
	HostTwice:     {"host-twice", "a request has more than one Host", "9112 §3.2", 400, 400, WhyNone},
	HostBad:       {"host-bad", "Host is not a host name or address with an optional port up to 65535", "9110 §7.2", 400, 400, WhyNone},
	OptionsMany:   {"options-many", "Connection names more than 16 fields", "9110 §7.6.1", 400, 400, WhyNone},
	LengthBad:     {"length-bad", "Content-Length is not a number from 0 to 9223372036854775807", "9112 §6.3", 400, 400, WhyBadContentLength},
	LengthsDiffer: {"lengths-differ", "there are Content-Length fields with different values", "9112 §6.3", 400, 400, WhyMultipleContentLength},
	CodingBad:     {"coding-bad", "Transfer-Encoding holds something that is no transfer coding", "9112 §6.1", 400, 400, WhyBadTransferEncoding},
	CodingTwice:   {"coding-twice", "Transfer-Encoding says chunked twice", "9112 §6.1", 400, 400, WhyMultipleChunked},
	CodingOther:   {"coding-other", "Transfer-Encoding is not exactly chunked", "9112 §6.1", 501, 400, WhyNone},
	CodingOld:     {"coding-old", "Transfer-Encoding stands in an HTTP/1.0 message", "9112 §6.1", 400, 400, WhyUndefinedTransferEncoding},

	ChunkSizeBad:   {"chunk-size-bad", "a chunk does not begin with its size in hexadecimal digits", "9112 §7.1", 400, 400, WhyNone},
	ChunkSizeLarge: {"chunk-size-large", "a chunk size has more than 16 digits or is above 9223372036854775807", "9112 §7.1", 400, 400, WhyNone},
	ChunkLineLong:  {"chunk-line-long", "the line of a chunk size with its extensions is longer than 4096 bytes", "9112 §7.1.1", 400, 400, WhyNone},
	ChunkLineEnd:   {"chunk-line-end", "the line of a chunk size holds a control character or does not end in CR LF", "9112 §7.1", 400, 400, WhyNone},
	ChunkDataEnd:   {"chunk-data-end", "no CR LF follows the data of a chunk or the last chunk's trailers", "9112 §7.1", 400, 400, WhyNone},
	ChunkOverhead:  {"chunk-overhead", "chunk framing is far larger than what it frames", "9112 §7.1.1", 400, 400, WhyNone},
	TrailerRefused: {"trailer-refused", "a trailer field decides about framing or routing", "9110 §6.5.1", 400, 400, WhyNone},
	Truncated:      {"truncated", "the connection ended in the middle of the message", "9112 §8", 400, 400, WhyNone},
}

// Info returns f's row of the table.
func (f Fault) Info() *FaultInfo {
	if f >= faultCount {
		return &faults[NoFault]
	}
	return &faults[f]
}

// String returns the stable code, for example "length-bad".
func (f Fault) String() string { return f.Info().Code }
