package http1

import "testing"

func TestReadResponse(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in string
		method   Method
		fault    Fault
		framing  Framing
	}{
		{"one-byte", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", GET, NoFault, Framing{Length, 1}},
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", GET, NoFault, Framing{Length, 5}},
		{"length-0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", GET, NoFault, Framing{}},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", GET, NoFault, Framing{Kind: Chunked}},
		{"both", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", GET, NoFault, Framing{Kind: Chunked}},
		{"until-close", "HTTP/1.1 200 OK\r\n\r\n", GET, NoFault, Framing{Kind: UntilClose}},
		{"old", "HTTP/1.0 200 OK\r\n\r\n", GET, NoFault, Framing{Kind: UntilClose}},
		{"old-chunked", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", GET, CodingOld, Framing{}},
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HEAD, NoFault, Framing{}},
		{"head-chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HEAD, NoFault, Framing{}},
		{"head-unframed", "HTTP/1.1 200 OK\r\n\r\n", HEAD, NoFault, Framing{}},
		{"204", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", GET, NoFault, Framing{}},
		{"304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", GET, NoFault, Framing{}},
		{"100", "HTTP/1.1 100 Continue\r\n\r\n", POST, NoFault, Framing{}},
		{"103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", GET, NoFault, Framing{}},
		{"101", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", GET, NoFault, Framing{Kind: Tunnel}},
		{"connect-200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", CONNECT, NoFault, Framing{Kind: Tunnel}},
		{"connect-400", "HTTP/1.1 400 No\r\nContent-Length: 5\r\n\r\n", CONNECT, NoFault, Framing{Length, 5}},
		{"no-reason", "HTTP/1.1 200 \r\n\r\n", GET, NoFault, Framing{Kind: UntilClose}},
		{"no-space", "HTTP/1.1 200\r\n\r\n", GET, NoFault, Framing{Kind: UntilClose}},
		{"bare-lf", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", GET, NoFault, Framing{Length, 5}},
		{"status-999", "HTTP/1.1 999 Odd\r\n\r\n", GET, NoFault, Framing{Kind: UntilClose}},
		{"reason-utf8", "HTTP/1.1 200 \u00e9t\u00e9\r\n\r\n", GET, NoFault, Framing{Kind: UntilClose}},
		{"reason-control", "HTTP/1.1 200 O\x01K\r\n\r\n", GET, ReasonBad, Framing{}},
		{"reason-cr", "HTTP/1.1 200 O\rK\r\n\r\n", GET, ReasonBad, Framing{}},
		{"name-space", "HTTP/1.1 200 OK\r\nContent-Length \t:  5 \r\nX : \r\n\r\n", GET, NoFault, Framing{Length, 5}},
		{"name-space-value", "HTTP/1.1 200 OK\r\nX : \x00\r\n\r\n", GET, ValueNUL, Framing{}},
		{"name-only-space", "HTTP/1.1 200 OK\r\n : x\r\n\r\n", GET, Folded, Framing{}},
		{"folded", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", GET, Folded, Framing{}},
		{"length-bad", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n", GET, LengthBad, Framing{}},
		{"lengths-differ", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", GET, LengthsDiffer, Framing{}},
		{"coding-gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", GET, CodingOther, Framing{}},
		{"version-2", "HTTP/2 200 OK\r\n\r\n", GET, StatusLineBad, Framing{}},
		{"version-1.2", "HTTP/1.2 200 OK\r\n\r\n", GET, StatusLineBad, Framing{}},
		{"version-only", "HTTP/1.1\r\n\r\n", GET, StatusLineBad, Framing{}},
		{"blank-line", "\r\nHTTP/1.1 200 OK\r\n\r\n", GET, StatusLineBad, Framing{}},
		{"ssh", "SSH-2.0-x\r\n", GET, StatusLineBad, Framing{}},
		{"status-2", "HTTP/1.1 20 OK\r\n\r\n", GET, StatusBad, Framing{}},
		{"status-4", "HTTP/1.1 2000 OK\r\n\r\n", GET, StatusBad, Framing{}},
		{"status-099", "HTTP/1.1 099 OK\r\n\r\n", GET, StatusBad, Framing{}},
		{"status-sign", "HTTP/1.1 +20 OK\r\n\r\n", GET, StatusBad, Framing{}},
		{"two-spaces", "HTTP/1.1  200 OK\r\n\r\n", GET, StatusBad, Framing{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(c.in)
			h, n, f := readAllWays(t, newGuard(t, len(in)), kindResponse, in, &ResponseLimits)
			if f != c.fault || (f == NoFault) != (n == len(in)) {
				t.Fatalf("%q: got %d, %v, want %v", in, n, f, c.fault)
			}
			if f != NoFault {
				return
			}
			if got := h.ResponseFraming(c.method); got != c.framing {
				t.Errorf("%q: got framing %v, want %v", in, got, c.framing)
			}
		})
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for status, interim := range map[string]bool{"100": true, "101": false, "102": true, "103": true, "200": false, "503": false} {
		var h Head
		var s Scan
		if _, f := h.ReadResponse([]byte("HTTP/1.1 "+status+" x\r\n\r\n"), &s, &ResponseLimits); f != NoFault {
			t.Fatalf("%s: got %v", status, f)
		}
		if got := h.Interim(); got != interim {
			t.Errorf("%s: got interim %v, want %v", status, got, interim)
		}
	}
}

func TestReadTrailers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]Fault{
		"\r\n":                                   NoFault,
		"Checksum: abc\r\n\r\n":                  NoFault,
		"A: 1\r\nDigest: 2\r\nCookie: x\r\n\r\n": NoFault,
		"Content-Length: 5\r\n\r\n":              TrailerRefused,
		"transfer-encoding: chunked\r\n\r\n":     TrailerRefused,
		"Host: b\r\n\r\n":                        TrailerRefused,
		" a: b\r\n\r\n":                          Folded,
		"a b\r\n\r\n":                            ColonMissing,
		"GET / HTTP/1.1\r\n\r\n":                 ColonMissing,
		"a: \x00\r\n\r\n":                        ValueNUL,
	} {
		g := newGuard(t, len(in))
		if _, n, f := readAllWays(t, g, kindTrailers, []byte(in), &TrailerLimits); f != want || (f == NoFault) != (n == len(in)) {
			t.Errorf("%q: got %d, %v, want %v", in, n, f, want)
		}
	}
}
