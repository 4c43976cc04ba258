package http1

import (
	"bytes"
	"strings"
	"testing"
)

// checkAppended compares what was written with want, and with the size that was promised.
func checkAppended(t *testing.T, h *Head, e *Edit, got []byte, want string) {
	t.Helper()
	if string(got) != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(got) > h.SizeMax(e) {
		t.Errorf("got %d bytes, promised at most %d", len(got), h.SizeMax(e))
	}
}

func TestAppendRequest(t *testing.T) {
	t.Parallel()
	client := []byte("192.0.2.1")
	cases := []struct {
		name, in string
		edit     Edit
		want     string
	}{
		{"as-is", "GET /a HTTP/1.1\r\nhOST: a\r\nX:1\r\ny:   2 \r\n\r\n", Edit{},
			"GET /a HTTP/1.1\r\nhOST: a\r\nX:1\r\ny:   2 \r\n\r\n"},
		{"old", "GET /a HTTP/1.0\r\nX: 1\r\n\r\n", Edit{Host: []byte("10.0.0.1")},
			"GET /a HTTP/1.1\r\nX: 1\r\nHost: 10.0.0.1\r\n\r\n"},
		{"old-host", "GET /a HTTP/1.0\r\nHost: a\r\n\r\n", Edit{Host: []byte("10.0.0.1")},
			"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"blank-lines", "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", Edit{}, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"hop-by-hop", "GET / HTTP/1.1\r\nConnection: keep-alive, foo\r\nHost: a\r\nKeep-Alive: 5\r\nTE: trailers\r\nFoo: 1\r\nBar: 2\r\n" +
			"Upgrade: h2c\r\nHTTP2-Settings: x\r\nProxy-Connection: close\r\nProxy-Authorization: y\r\nBaz: 3\r\n\r\n", Edit{},
			"GET / HTTP/1.1\r\nHost: a\r\nBar: 2\r\nBaz: 3\r\n\r\n"},
		{"nominated-kept", "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1\r\nConnection: host, x-forwarded-for, close\r\n\r\n", Edit{},
			"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1\r\n\r\n"},
		{"connection", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", Edit{Connection: "keep-alive"},
			"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"},
		{"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade:websocket\r\nX: 1\r\n\r\n", Edit{Upgrade: true},
			"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nX: 1\r\nConnection: Upgrade\r\n\r\n"},
		{"drop", "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: ftp\r\nExpect: 100-continue\r\nA: b\r\n\r\n",
			Edit{Drop: Set(XForwardedProto, Expect), Lines: []byte("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n")},
			"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n\r\n"},
		{"forwarded-new", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", Edit{ForwardedFor: client},
			"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"},
		{"forwarded-add", "GET / HTTP/1.1\r\nHost: a\r\nx-forwarded-FOR:  10.0.0.1 \r\nA: b\r\n\r\n", Edit{ForwardedFor: client},
			"GET / HTTP/1.1\r\nHost: a\r\nx-forwarded-FOR: 10.0.0.1, 192.0.2.1\r\nA: b\r\n\r\n"},
		{"forwarded-lines", "GET / HTTP/1.1\r\nX-Forwarded-For: 1\r\nHost: a\r\nX-Forwarded-For:\r\nX-Forwarded-For:2, 3\r\n\r\n", Edit{ForwardedFor: client},
			"GET / HTTP/1.1\r\nX-Forwarded-For: 1, 2, 3, 192.0.2.1\r\nHost: a\r\n\r\n"},
		{"forwarded-empty", "GET / HTTP/1.1\r\nX-Forwarded-For:\r\nHost: a\r\n\r\n", Edit{ForwardedFor: client},
			"GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.1\r\nHost: a\r\n\r\n"},
		{"forwarded-replace", "GET / HTTP/1.1\r\nX-Forwarded-For: 1\r\nHost: a\r\n\r\n", Edit{ForwardedFor: client, Drop: Set(XForwardedFor)},
			"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"},
		{"forwarded-drop", "GET / HTTP/1.1\r\nX-Forwarded-For: 1\r\nHost: a\r\n\r\n", Edit{Drop: Set(XForwardedFor)},
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"absolute", "GET http://b:81/x?y HTTP/1.1\r\nA: b\r\nHost: a\r\nC: d\r\n\r\n", Edit{},
			"GET /x?y HTTP/1.1\r\nA: b\r\nHost: b:81\r\nC: d\r\n\r\n"},
		{"absolute-no-host", "GET http://b:81 HTTP/1.0\r\nA: b\r\n\r\n", Edit{Host: []byte("no")}, "GET / HTTP/1.1\r\nA: b\r\nHost: b:81\r\n\r\n"},
		{"absolute-query", "GET http://b?y HTTP/1.1\r\nHost:\r\n\r\n", Edit{}, "GET /?y HTTP/1.1\r\nHost: b\r\n\r\n"},
		{"absolute-options", "OPTIONS http://b HTTP/1.1\r\nHost: b\r\n\r\n", Edit{}, "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n"},
		{"star", "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n", Edit{}, "OPTIONS * HTTP/1.1\r\nHost: b\r\n\r\n"},
		{"length", "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:5\r\n\r\n", Edit{Framing: Framing{Length, 5}}, "POST / HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:5\r\n\r\n"},
		{"length-0", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", Edit{}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
		{"length-zeros", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\nA: b\r\n\r\n", Edit{Framing: Framing{Length, 5}},
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nA: b\r\n\r\n"},
		{"length-twice", "POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\nContent-Length: 5\r\n\r\n", Edit{Framing: Framing{Length, 5}},
			"POST / HTTP/1.1\r\nContent-Length: 5\r\nHost: a\r\n\r\n"},
		{"chunked", "POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding:CHUNKED\r\nA: b\r\n\r\n", Edit{Framing: Framing{Kind: Chunked}},
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"},
		{"both", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", Edit{Framing: Framing{Kind: Chunked}},
			"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n"},
		{"chunked-to-length", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", Edit{Framing: Framing{Length, 7}},
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n"},
		{"bare-lf", "GET / HTTP/1.1\nHost:a\nX:  1\r\n\n", Edit{Connection: "close"}, "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nConnection: close\r\n\r\n"},
		{"bare-lf-start", "GET / HTTP/1.1\nHost:a\r\n\r\n", Edit{}, "GET / HTTP/1.1\r\nHost:a\r\n\r\n"},
		{"no-fields", "GET / HTTP/1.0\r\n\r\n", Edit{}, "GET / HTTP/1.1\r\n\r\n"},
		{"all-at-once", "GET http://" + strings.Repeat("b", 99) + "/ HTTP/1.0\nx-forwarded-for:1\nx-forwarded-for:2\nA:b\nTransfer_Encoding:x\ncontent-length:0\ncontent-length:00\n\n",
			Edit{ForwardedFor: client, Connection: "keep-alive", Lines: []byte("X-Forwarded-Proto: https\r\n"), Drop: Set(XForwardedProto)},
			"GET / HTTP/1.1\r\nx-forwarded-for: 1, 2, 192.0.2.1\r\nA: b\r\nTransfer_Encoding: x\r\nContent-Length: 0\r\nHost: " + strings.Repeat("b", 99) +
				"\r\nConnection: keep-alive\r\nX-Forwarded-Proto: https\r\n\r\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, b := mustRequest(t, c.in)
			b = newGuard(t, len(b)).put(b)
			checkAppended(t, h, &c.edit, h.AppendRequest(nil, b, &c.edit), c.want)
			if c.name == "no-fields" { // HTTP/1.1 needs a Host, so a proxy gives one
				return
			}
			again, b := mustRequest(t, c.want) // what is written is compliant framing, and nothing is left to change
			if got := again.flags & (flagBareLF | flagLoose | flagOddLength); got != 0 {
				t.Errorf("%q: got flags %x", c.want, got)
			}
			e := Edit{Framing: again.RequestFraming()}
			if again.Has(Connection) {
				return
			}
			if got := again.AppendRequest(nil, b, &e); string(got) != c.want {
				t.Errorf("again: got  %q\nwant %q", got, c.want)
			}
		})
	}
}

func TestAppendResponse(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, in string
		edit     Edit
		want     string
	}{
		{"length", "HTTP/1.1 200 Fine thing\r\nA:b\r\nContent-Length: 5\r\nConnection: close\r\nKeep-Alive: x\r\n\r\n", Edit{Framing: Framing{Length, 5}},
			"HTTP/1.1 200 Fine thing\r\nA:b\r\nContent-Length: 5\r\n\r\n"},
		{"old", "HTTP/1.0 200 OK\r\nA: b\r\n\r\n", Edit{Framing: Framing{Kind: Chunked}, Connection: "keep-alive"},
			"HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"},
		{"to-old", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\n\r\n", Edit{Framing: Framing{Kind: UntilClose}, Connection: "close"},
			"HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n"},
		{"until-close", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", Edit{Framing: Framing{Kind: UntilClose}}, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n"},
		{"no-reason", "HTTP/1.1 200\r\n\r\n", Edit{}, "HTTP/1.1 200 \r\n\r\n"},
		{"head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Edit{}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
		{"head-twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Edit{}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"},
		{"head-chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Edit{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"304", "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n", Edit{}, "HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n"},
		{"204", "HTTP/1.1 204 None\r\nContent-Length: 5\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n", Edit{}, "HTTP/1.1 204 None\r\nA: b\r\n\r\n"},
		{"100", "HTTP/1.1 100 Go\r\nContent-Length: 0\r\n\r\n", Edit{}, "HTTP/1.1 100 Go\r\n\r\n"},
		{"101", "HTTP/1.1 101 Switch\r\nUpgrade: websocket\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n", Edit{Upgrade: true, Framing: Framing{Kind: Tunnel}},
			"HTTP/1.1 101 Switch\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"},
		{"name-space", "HTTP/1.1 200 OK\r\nA : b\r\nC:d\r\nTransfer-Encoding\t: chunked\r\n\r\n", Edit{Framing: Framing{Kind: Chunked}},
			"HTTP/1.1 200 OK\r\nA: b\r\nC: d\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"cookies", "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", Edit{Lines: []byte("Set-Cookie: LB=3\r\n")},
			"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nSet-Cookie: LB=3\r\n\r\n"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var h Head
			var s Scan
			b := newGuard(t, len(c.in)).put([]byte(c.in))
			if n, f := h.ReadResponse(b, &s, &ResponseLimits); n != len(b) {
				t.Fatalf("%q: got %d, %v", b, n, f)
			}
			checkAppended(t, &h, &c.edit, h.AppendResponse(nil, b, &c.edit), c.want)
		})
	}
}

func TestAppendTrailers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"\r\n":                  "\r\n",
		"A:b\r\nC: d\r\n\r\n":   "A:b\r\nC: d\r\n\r\n",
		"A:b\nC: d\n\n":         "A: b\r\nC: d\r\n\r\n",
		"Set-Cookie: x\r\n\r\n": "\r\n",
		"A: b\r\nCookie: x\r\nVia: y\r\nC: d\r\n\r\n":   "A: b\r\nC: d\r\n\r\n",
		"X-Forwarded-For: x\r\nA: b\r\n\r\n":            "A: b\r\n\r\n",
		"A: b\r\nX-Subject: x\r\nx_subject: y\r\n\r\n":  "A: b\r\n\r\n",
		"Server: x\r\nA: b\r\nX-B: y\r\nX-C: z\r\n\r\n": "A: b\r\nX-C: z\r\n\r\n",
	} {
		var h Head
		var s Scan
		b := []byte(in)
		if n, f := h.ReadTrailers(b, &s, &TrailerLimits); n != len(b) {
			t.Fatalf("%q: got %d, %v", in, n, f)
		}
		if got := h.AppendTrailers(nil, b, Set(Server), []string{"x-subject", "x-b"}); string(got) != want || len(got) > h.SizeMax(&Edit{}) {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestAppendRoom: with the room that SizeMax asks for, nothing is allocated anew.
func TestAppendRoom(t *testing.T) {
	t.Parallel()
	h, b := mustRequest(t, browserRequest)
	e := Edit{ForwardedFor: []byte("192.0.2.1"), Lines: []byte("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 80\r\n")}
	dst := make([]byte, 0, h.SizeMax(&e))
	if got := h.AppendRequest(dst, b, &e); &got[0] != &dst[:1][0] || !bytes.HasPrefix(got, []byte("GET ")) {
		t.Errorf("got other room, %q", got)
	}
}
