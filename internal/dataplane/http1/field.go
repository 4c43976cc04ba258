package http1

// ID names a field that the codec or a proxy must understand. Other is every other field.
type ID uint8

// The known fields.
const (
	Other ID = iota
	TE
	Via
	Age
	Host
	Date
	Range
	Cookie
	Expect
	Server
	Upgrade
	Trailer
	Expires
	Referer
	XRealIP
	Forwarded
	Connection
	KeepAlive
	SetCookie
	UserAgent
	ContentType
	MaxForwards
	Authorization
	CacheControl
	ContentRange
	ContentLength
	HTTP2Settings
	XForwardedFor
	XForwardedPort
	XForwardedHost
	ProxyConnection
	ContentEncoding
	WWWAuthenticate
	TransferEncoding
	XForwardedProto
	ProxyAuthenticate
	ProxyAuthorization
	idCount
)

//nolint:gochecknoglobals // a constant table
var idNames = [idCount]string{
	Other:              "",
	TE:                 "te",
	Via:                "via",
	Age:                "age",
	Host:               "host",
	Date:               "date",
	Range:              "range",
	Cookie:             "cookie",
	Expect:             "expect",
	Server:             "server",
	Upgrade:            "upgrade",
	Trailer:            "trailer",
	Expires:            "expires",
	Referer:            "referer",
	XRealIP:            "x-real-ip",
	Forwarded:          "forwarded",
	Connection:         "connection",
	KeepAlive:          "keep-alive",
	SetCookie:          "set-cookie",
	UserAgent:          "user-agent",
	ContentType:        "content-type",
	MaxForwards:        "max-forwards",
	Authorization:      "authorization",
	CacheControl:       "cache-control",
	ContentRange:       "content-range",
	ContentLength:      "content-length",
	HTTP2Settings:      "http2-settings",
	XForwardedFor:      "x-forwarded-for",
	XForwardedPort:     "x-forwarded-port",
	XForwardedHost:     "x-forwarded-host",
	ProxyConnection:    "proxy-connection",
	ContentEncoding:    "content-encoding",
	WWWAuthenticate:    "www-authenticate",
	TransferEncoding:   "transfer-encoding",
	XForwardedProto:    "x-forwarded-proto",
	ProxyAuthenticate:  "proxy-authenticate",
	ProxyAuthorization: "proxy-authorization",
}

// idsByLength lists the known fields by the length of their names: at most six have the same.
//
//nolint:gochecknoglobals // a constant table
var idsByLength = makeIDsByLength()

func makeIDsByLength() (t [20][]ID) {
	for id := Other + 1; id < idCount; id++ {
		t[len(idNames[id])] = append(t[len(idNames[id])], id)
	}
	return t
}

// String returns the name in small letters.
func (id ID) String() string {
	if id >= idCount {
		return ""
	}
	return idNames[id]
}

// lookup returns the ID of a field name, which must be a token.
func lookup(name []byte) ID {
	if len(name) < len(idsByLength) {
		for _, id := range idsByLength[len(name)] {
			if equalFold(name, idNames[id]) {
				return id
			}
		}
	}
	return Other
}

// IDSet is a set of known fields.
type IDSet uint64

// Set returns the set of ids.
func Set(ids ...ID) (s IDSet) {
	for _, id := range ids {
		s |= 1 << id
	}
	return s
}

// IDs returns the set of those fields among the names that have an ID.
func IDs(names []string) (s IDSet) {
	for _, name := range names {
		s |= 1 << lookup([]byte(name))
	}
	return s &^ (1 << Other)
}

// Has reports whether id is in s.
//
//gcassert:inline
func (s IDSet) Has(id ID) bool { return s>>id&1 != 0 }

// The sets that forwarding works with.
//
//nolint:gochecknoglobals // constant sets
var (
	// hopByHop are the fields that concern one connection only and end there (RFC 9110 §7.6.1). The two for proxy
	// authentication concern the next proxy (§11.7), which lull is. Transfer-Encoding is written anew where it is needed.
	hopByHop = Set(Connection, KeepAlive, ProxyConnection, TE, TransferEncoding, Upgrade, HTTP2Settings, ProxyAuthenticate,
		ProxyAuthorization)
	// keptFields cannot be removed by naming them in Connection (§7.6.1 forbids a sender to do so): a client could
	// otherwise hide from the backend who it is, or take the framing away.
	keptFields = Set(Host, ContentLength, ContentType, Trailer, Cookie, SetCookie, Authorization, XForwardedFor, XForwardedPort,
		XForwardedHost, XForwardedProto, XRealIP, Forwarded, Via)
	// trailerRefused decide where a message ends or goes: in a trailer section they can only be meant for a recipient
	// that merges them into the head (§6.5.1).
	trailerRefused = Set(TransferEncoding, ContentLength, Host, Connection, KeepAlive, ProxyConnection, TE, Trailer, Upgrade, HTTP2Settings)
	// trailerDropped are the others that §6.5.1 bars from trailers: routing, authentication, request modifiers, response
	// control and content format. They do no harm when nobody sees them.
	trailerDropped = Set(Via, Age, Date, Range, Cookie, Expect, Expires, XRealIP, Forwarded, SetCookie, ContentType, MaxForwards,
		Authorization, CacheControl, ContentRange, XForwardedFor, XForwardedPort, XForwardedHost, XForwardedProto, ContentEncoding,
		WWWAuthenticate, ProxyAuthenticate, ProxyAuthorization)
)

// Field is one field line: where its name and its value lie in the bytes that the head was read from.
type Field struct {
	nameStart, nameEnd   uint32 // the line begins at nameStart
	valueStart, valueEnd uint32 // without the whitespace around it
	ID                   ID
	nominated            bool // a Connection field names it
}

// Name returns the name as it was sent. b is what the head was read from, and the result is part of it.
func (f *Field) Name(b []byte) []byte { return b[f.nameStart:f.nameEnd] }

// Value returns the value without the whitespace around it, as part of b.
func (f *Field) Value(b []byte) []byte { return b[f.valueStart:f.valueEnd] }

// Nominated reports whether a Connection field says that this one ends here (RFC 9110 §7.6.1).
func (f *Field) Nominated() bool { return f.nominated }
