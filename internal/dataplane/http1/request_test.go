package http1

import (
	"strings"
	"testing"
)

// requestCase is a request head and what it must be read as.
type requestCase struct {
	name, in string
	fault    Fault
	framing  Framing
	why      Why
}

//nolint:gochecknoglobals // a constant table
var requestCases = []requestCase{
	{"get", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"get-old", "GET / HTTP/1.0\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"post", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", NoFault, Framing{Length, 5}, WhyNone},
	{"post-nothing", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"post-one-byte", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", NoFault, Framing{Length, 1}, WhyNone},
	{"post-unframed", "POST /x HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"chunked", "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", NoFault, Framing{Kind: Chunked}, WhyNone},
	{"own-method", "MKCALENDAR /x HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"method-127", strings.Repeat("M", 127) + " / HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"method-128", strings.Repeat("M", 128) + " / HTTP/1.1\r\nHost: a\r\n\r\n", MethodLong, Framing{}, WhyNone},
	{"method-endless", strings.Repeat("M", 400), MethodLong, Framing{}, WhyNone},
	{"method-empty", " / HTTP/1.1\r\nHost: a\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"method-colon", "GE:T / HTTP/1.1\r\nHost: a\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"method-nul", "GET\x00 / HTTP/1.1\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"method-tab", "GET\t/ HTTP/1.1\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"tls", "\x16\x03\x01\x02\x00\x01", MethodBad, Framing{}, WhyBadMethod},
	{"blank-line", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"blank-lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"blank-lines-many", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"blank-line-bare-lf", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"blank-line-bare-cr", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", MethodBad, Framing{}, WhyBadMethod},
	{"two-lines", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\n", NoFault, Framing{}, WhyNone},

	{"target-none", "GET\r\nHost: a\r\n\r\n", TargetMissing, Framing{}, WhyMissingURI},
	{"target-blank", "GET \r\nHost: a\r\n\r\n", TargetMissing, Framing{}, WhyMissingURI},
	{"target-left-out", "GET HTTP/1.1\r\nHost: a\r\n\r\n", TargetMissing, Framing{}, WhyMissingURI},
	{"target-empty", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", TargetMissing, Framing{}, WhyMissingURI},
	{"target-space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", TargetSpace, Framing{}, WhySpaceInURI},
	{"target-space-before", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", TargetSpace, Framing{}, WhySpaceInURI},
	{"target-space-behind", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", TargetSpace, Framing{}, WhySpaceInURI},
	{"target-tab", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", TargetControl, Framing{}, WhyAmbiguousURI},
	{"target-del", "GET /a\x7fb HTTP/1.1\r\nHost: a\r\n\r\n", TargetControl, Framing{}, WhyAmbiguousURI},
	{"target-nul", "GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n", TargetNUL, Framing{}, WhyBadURI},
	{"target-cr", "GET /a\rb HTTP/1.1\r\nHost: a\r\n\r\n", TargetNUL, Framing{}, WhyBadURI},
	{"target-utf8", "GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"target-relative", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-star", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"target-star-get", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-absolute", "GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"target-absolute-tls", "GET HTTPS://b HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"target-absolute-query", "GET http://b?y HTTP/1.1\r\nHost: a\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"target-ftp", "GET ftp://b/ HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-no-host", "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-port-only", "GET http://:80/x HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-user", "GET http://u@b/x HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"target-short-scheme", "GET http:/x HTTP/1.1\r\nHost: a\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"connect", "CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"connect-no-port", "CONNECT b HTTP/1.1\r\nHost: b\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"connect-no-host", "CONNECT :443 HTTP/1.1\r\nHost: b\r\n\r\n", TargetForm, Framing{}, WhyNone},
	{"connect-path", "CONNECT / HTTP/1.1\r\nHost: b\r\n\r\n", TargetForm, Framing{}, WhyNone},

	{"version-none", "GET /\r\n", VersionMissing, Framing{}, WhyNonCompliantVersion},
	{"version-empty", "GET / \r\n\r\n", VersionBad, Framing{}, WhyBadVersion},
	{"version-small", "GET / http/1.1\r\nHost: a\r\n\r\n", VersionBad, Framing{}, WhyBadVersion},
	{"version-long", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", VersionBad, Framing{}, WhyBadVersion},
	{"version-odd", "GET / HTTP/1.a\r\nHost: a\r\n\r\n", VersionBad, Framing{}, WhyBadVersion},
	{"version-1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", VersionOther, Framing{}, WhyNonCompliantVersion},
	{"version-2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", VersionOther, Framing{}, WhyNonCompliantVersion},
	{"version-0.9", "GET / HTTP/0.9\r\n\r\n", VersionOther, Framing{}, WhyNonCompliantVersion},

	{"name-colon-first", "GET / HTTP/1.1\r\n: a\r\n\r\n", NameMissing, Framing{}, WhyEmptyHeader},
	{"name-no-colon", "GET / HTTP/1.1\r\nHost a\r\n\r\n", ColonMissing, Framing{}, WhyMissingHeaderColon},
	{"name-odd", "GET / HTTP/1.1\r\nHo(st: a\r\n\r\n", NameBad, Framing{}, WhyNonCompliantHeader},
	{"name-utf8", "GET / HTTP/1.1\r\nH\u00f6st: a\r\n\r\n", NameBad, Framing{}, WhyNonCompliantHeader},
	{"name-nul", "GET / HTTP/1.1\r\nHo\x00st: a\r\n\r\n", NameNUL, Framing{}, WhyBadHeader},
	{"name-space", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", NameSpace, Framing{}, WhyNonCompliantHeader},
	{"name-tab", "GET / HTTP/1.1\r\nHost\t: a\r\n\r\n", NameSpace, Framing{}, WhyNonCompliantHeader},
	{"name-space-within", "GET / HTTP/1.1\r\nHo st: a\r\n\r\n", NameBad, Framing{}, WhyNonCompliantHeader},
	{"name-underscore", "GET / HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"folded", "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Folded, Framing{}, WhyMultilineHeader},
	{"folded-tab", "GET / HTTP/1.1\r\nHost: a\r\n\tb: c\r\n\r\n", Folded, Framing{}, WhyMultilineHeader},
	{"folded-first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", Folded, Framing{}, WhyMultilineHeader},
	{"value-empty", "GET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t \r\n\r\n", NoFault, Framing{}, WhyNone},
	{"value-spaces", "GET / HTTP/1.1\r\nHost:\t a \t\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"value-tab-within", "GET / HTTP/1.1\r\nHost: a\r\nX: a\tb\tccccccccccccccccc\td\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"value-utf8", "GET / HTTP/1.1\r\nHost: a\r\nX: \u00e9\u00ff\u0100 long enough for words\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"value-nul", "GET / HTTP/1.1\r\nHost: a\r\nX: 123456789\x00\r\n\r\n", ValueNUL, Framing{}, WhyBadHeader},
	{"value-control", "GET / HTTP/1.1\r\nHost: a\r\nX: 12345678\x1b9\r\n\r\n", ValueControl, Framing{}, WhyNonCompliantHeader},
	{"value-del", "GET / HTTP/1.1\r\nHost: a\r\nX: 12345678\x7f9\r\n\r\n", ValueControl, Framing{}, WhyNonCompliantHeader},
	{"value-cr", "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", BareCR, Framing{}, WhyBadHeader},
	{"value-cr-cr", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\r\n\r\n", BareCR, Framing{}, WhyBadHeader},
	{"end-cr", "GET / HTTP/1.1\r\nHost: a\r\n\rX: a\r\n\r\n", BareCR, Framing{}, WhyBadHeader},
	{"bare-lf", "GET / HTTP/1.1\nHost: a\n\n", NoFault, Framing{}, WhyBareLF},
	{"bare-lf-line", "GET / HTTP/1.1\nHost: a\r\n\r\n", NoFault, Framing{}, WhyBareLF},
	{"bare-lf-field", "GET / HTTP/1.1\r\nHost: a\n\r\n", NoFault, Framing{}, WhyBareLF},
	{"bare-lf-end", "GET / HTTP/1.1\r\nHost: a\r\n\nGET /2", NoFault, Framing{}, WhyBareLF},

	{"host-missing", "GET / HTTP/1.1\r\n\r\n", HostMissing, Framing{}, WhyNone},
	{"host-twice", "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", HostTwice, Framing{}, WhyNone},
	{"host-twice-old", "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n", HostTwice, Framing{}, WhyNone},
	{"host-empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"host-port", "GET / HTTP/1.1\r\nHost: a.b_c:65535\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"host-port-empty", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"host-port-large", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-port-sign", "GET / HTTP/1.1\r\nHost: a:+1\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-v6", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"host-v6-open", "GET / HTTP/1.1\r\nHost: [::1:80\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-v6-tail", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-v6-empty", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HostBad, Framing{}, WhyNone},
	{"host-escape", "GET / HTTP/1.1\r\nHost: a%2fb\r\n\r\n", NoFault, Framing{}, WhyNone},
	{"host-escape-bad", "GET / HTTP/1.1\r\nHost: a%2\r\n\r\n", HostBad, Framing{}, WhyNone},

	{"options-17", "GET / HTTP/1.1\r\nHost: a\r\nConnection: " + strings.Repeat("x,", 17) + "\r\n\r\n", OptionsMany, Framing{}, WhyNone},
	{"expect", "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n", NoFault, Framing{Length, 2}, WhyNone},
	{"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n", NoFault, Framing{}, WhyNone},
}

func TestReadRequest(t *testing.T) {
	t.Parallel()
	for _, c := range append(requestCases, smugglingCases...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checkRequest(t, &c)
		})
	}
}

func checkRequest(t *testing.T, c *requestCase) {
	t.Helper()
	in := []byte(c.in)
	h, n, f := readAllWays(t, newGuard(t, len(in)), kindRequest, in, &RequestLimits)
	if f != c.fault {
		t.Fatalf("%q: got %v, want %v", in, f, c.fault)
	}
	if f != NoFault {
		if got := f.Info().Why; got != c.why {
			t.Errorf("%q: got %v, want %v", in, got, c.why)
		}
		return
	}
	if n == 0 {
		t.Fatalf("%q: got more, want a head", in)
	}
	if got := h.RequestFraming(); got != c.framing {
		t.Errorf("%q: got framing %v, want %v", in, got, c.framing)
	}
	if got := h.Classify(in); got != c.why {
		t.Errorf("%q: got %v, want %v", in, got, c.why)
	}
}

// TestIncomplete: every beginning of a head needs more, and no fault is found in it.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	for _, c := range requestCases {
		if c.fault != NoFault || c.name == "two-lines" || c.name == "bare-lf-end" {
			continue
		}
		var h Head
		for end := range len(c.in) {
			var s Scan
			if n, f := h.ReadRequest([]byte(c.in[:end]), &s, &RequestLimits); n != 0 || f != NoFault {
				t.Errorf("%s: %q: got %d, %v, want more", c.name, c.in[:end], n, f)
			}
		}
	}
}
