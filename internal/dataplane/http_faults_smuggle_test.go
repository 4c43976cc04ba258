package dataplane_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/lulltest"
)

// outcome is what becomes of a request and of the connections it goes over.
type outcome uint8

const (
	passes  outcome = iota // both connections serve on
	agreed                 // the client's connection ends with the response, the back-end connection serves on
	severed                // both end with the response
	refused                // the client gets 400 and the backend nothing
)

// Fates in the modes Monitor, Defensive and Strictest.
//
//nolint:gochecknoglobals // constant tables
var (
	compliant    = [3]outcome{passes, passes, passes}
	acceptable   = [3]outcome{passes, passes, refused}
	ambiguous    = [3]outcome{passes, severed, refused}
	severe       = [3]outcome{passes, refused, refused}
	contradicted = [3]outcome{agreed, severed, refused} // RFC 9112 §6.1: Content-Length and Transfer-Encoding
)

// next is the request that stands behind each of the cases, on the same connection.
const next = "GET /next HTTP/1.1\r\nHost: test\r\n\r\n"

// asked is a request as a backend must get it, without what lull adds to its head.
type asked struct{ head, body string }

// readable are requests that lull forwards at least in one mode. The backend must get what their one reading says, and
// with it next, or what the body holds if that is no body in this reading.
//
//nolint:gochecknoglobals // a constant table
var readable = []struct {
	name  string
	send  string // next follows, unless it is in want already
	fates [3]outcome
	want  []asked
}{
	{"plain", get("/"), compliant, reads(get("/"), "")},
	{"length", post + "Content-Length: 5\r\n\r\nhello", compliant, reads(post+"Content-Length: 5\r\n", "hello")},
	{"chunked", post + "Transfer-Encoding: chunked\r\n\r\n" + chunks, compliant, reads(post+chunkedLine, chunks)},
	{"chunk_extension", post + chunkedLine + "\r\n5;a=\"b\";c\r\nhello\r\n000;\r\n\r\n", compliant,
		reads(post+chunkedLine, "5;a=\"b\";c\r\nhello\r\n000;\r\n\r\n")},
	{"chunk_zeros", post + chunkedLine + "\r\n0000000000000005\r\nhello\r\n0\r\n\r\n", compliant,
		reads(post+chunkedLine, "0000000000000005\r\nhello\r\n0\r\n\r\n")},
	{"chunk_looks_like_an_end", post + chunkedLine + "\r\n9\r\n\r\n0\r\n\r\nab\r\n0\r\n\r\n", compliant,
		reads(post+chunkedLine, "9\r\n\r\n0\r\n\r\nab\r\n0\r\n\r\n")},
	{"trailers", post + chunkedLine + "Trailer: X\r\n\r\n0\r\nX: 1\r\nCookie: no=1\r\nAuthorization: no\r\n\r\n", compliant,
		reads(post+chunkedLine+"Trailer: X\r\n", "0\r\nX: 1\r\n\r\n")},
	{"empty_lines_first", "\r\n\r\n" + get("/"), compliant, reads(get("/"), "")},

	{"cl_te", post + "Content-Length: 6\r\n" + chunkedLine + "\r\n0\r\n\r\n", contradicted, reads(post+chunkedLine, "0\r\n\r\n")},
	{"te_cl", post + chunkedLine + "Content-Length: 4\r\n\r\n23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n", contradicted,
		reads(post+chunkedLine, "23\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n\r\n0\r\n\r\n")},
	{"cl_0_te", post + "Content-Length: 0\r\n" + chunkedLine + "\r\n" + chunks, contradicted, reads(post+chunkedLine, chunks)},
	{"te_cl_kept_alive", post + "Connection: keep-alive\r\n" + chunkedLine + "Content-Length: 5\r\n\r\n0\r\n\r\n", contradicted,
		reads(post+chunkedLine, "0\r\n\r\n")},
	{"cl_twice", post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", ambiguous, reads(post+"Content-Length: 5\r\n", "hello")},
	{"cl_twice_zeros", post + "Content-Length: 005\r\nX: y\r\nContent-Length: 5\r\n\r\nhello", ambiguous,
		reads(post+"Content-Length: 5\r\nX: y\r\n", "hello")},
	{"cl_zeros", post + "Content-Length: 005\r\n\r\nhello", compliant, reads(post+"Content-Length: 5\r\n", "hello")},
	{"get_cl", "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", ambiguous,
		reads("GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n", "hello")},
	{"get_cl_0", "GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n", acceptable, reads("GET / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n", "")},
	{"get_te", "GET / HTTP/1.1\r\nHost: test\r\n" + chunkedLine + "\r\n" + chunks, ambiguous, reads("GET / HTTP/1.1\r\nHost: test\r\n"+chunkedLine, chunks)},
	{"head_cl", "HEAD / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello", ambiguous,
		reads("HEAD / HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n", "hello")},
	{"te_tab", post + "Transfer-Encoding:\tchunked\r\n\r\n" + chunks, compliant, reads(post+chunkedLine, chunks)},
	{"te_capitals", post + "TRANSFER-ENCODING: CHUNKED\r\n\r\n" + chunks, compliant, reads(post+chunkedLine, chunks)},
	{"bare_lf", "POST / HTTP/1.1\nHost: test\nTransfer-Encoding: chunked\n\n" + chunks, acceptable, reads(post+chunkedLine, chunks)},
	{"te_behind_bare_lf", post + "X: y\nTransfer-Encoding: chunked\r\n\r\n" + chunks, acceptable, reads(post+"X: y\r\n"+chunkedLine, chunks)},

	// Names that some servers take for the two that frame: they are no more than names here, so there is no body.
	{"cl_underscore", post + "Content_Length: 34\r\n\r\n", ambiguous, reads(post+"Content_Length: 34\r\n", "")},
	{"te_underscore", post + "Transfer_Encoding: chunked\r\n\r\n", ambiguous, reads(post+"Transfer_Encoding: chunked\r\n", "")},
	{"te_underscore_bad", post + "Transfer_Encoding: cow\r\n\r\n", severe, reads(post+"Transfer_Encoding: cow\r\n", "")},
	{"te_underscore_cl", post + "Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", ambiguous,
		reads(post+"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n")},
	{"te_dashes", post + "Transfer--Encoding: chunked\r\n\r\n", ambiguous, reads(post+"Transfer--Encoding: chunked\r\n", "")},
	{"cl_and_like", post + "Content-Length: 5\r\nContent-Length_: 40\r\n\r\nhello", severe,
		reads(post+"Content-Length: 5\r\nContent-Length_: 40\r\n", "hello")},
	{"te_longer", post + "Transfer-EncodingX: chunked\r\n\r\n", compliant, reads(post+"Transfer-EncodingX: chunked\r\n", "")},

	// What Connection names ends here, save what would take the framing or the client's identity away.
	{"te_nominated", post + "Connection: Transfer-Encoding, Content-Length\r\n" + chunkedLine + "\r\n" + chunks, compliant, reads(post+chunkedLine, chunks)},
	{"cl_nominated", post + "Content-Length: 5\r\nConnection: content-length\r\n\r\nhello", compliant, reads(post+"Content-Length: 5\r\n", "hello")},
	{"host_nominated", "GET / HTTP/1.1\r\nHost: test\r\nConnection: Host, Cookie, Authorization\r\nCookie: a=1\r\nAuthorization: b\r\n\r\n", compliant,
		reads("GET / HTTP/1.1\r\nHost: test\r\nCookie: a=1\r\nAuthorization: b\r\n", "")},
	{"others_nominated", "GET / HTTP/1.1\r\nX-A: 1\r\nHost: test\r\nX-B: 2\r\nConnection: x-a, keep-alive\r\nConnection: ,X-c ,\r\nX-C: 3\r\n" +
		"Keep-Alive: 5\r\nTE: trailers\r\nProxy-Connection: x-b\r\nProxy-Authorization: d\r\n\r\n", compliant, reads("GET / HTTP/1.1\r\nHost: test\r\nX-B: 2\r\n", "")},
	{"forwarded_nominated", "GET / HTTP/1.1\r\nHost: test\r\nConnection: X-Forwarded-For, X-Forwarded-Proto\r\nX-Forwarded-Proto: https\r\n\r\n", compliant,
		reads("GET / HTTP/1.1\r\nHost: test\r\n", "")},

	// For whom a request is: the target outranks Host.
	{"absolute", "GET http://other:81/x?y HTTP/1.1\r\nHost: test\r\n\r\n", compliant, reads("GET /x?y HTTP/1.1\r\nHost: other:81\r\n", "")},
	{"absolute_https", "GET HTTPS://other HTTP/1.1\r\nX: y\r\nHost: test\r\n\r\n", compliant, reads("GET / HTTP/1.1\r\nX: y\r\nHost: other\r\n", "")},
	{"absolute_query", "GET http://other?q HTTP/1.1\r\nHost: test\r\n\r\n", compliant, reads("GET /?q HTTP/1.1\r\nHost: other\r\n", "")},
	{"absolute_options", "OPTIONS http://other HTTP/1.1\r\nHost: test\r\n\r\n", compliant, reads("OPTIONS * HTTP/1.1\r\nHost: other\r\n", "")},
	{"host_empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", compliant, reads("GET / HTTP/1.1\r\nHost:\r\n", "")},

	// An HTTP/2 connection inside a tunnel would carry requests that nobody sees.
	{"h2c", "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n", compliant,
		reads("GET / HTTP/1.1\r\nHost: test\r\n", "")},
	{"h2c_in_list", "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket, H2C\r\n\r\n", compliant, reads("GET / HTTP/1.1\r\nHost: test\r\n", "")},
	{"h2c_in_second_line", "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n", compliant,
		reads("GET / HTTP/1.1\r\nHost: test\r\n", "")},
	{"upgrade_unlisted", "GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\n\r\n", compliant, reads("GET / HTTP/1.1\r\nHost: test\r\n", "")},
	{"upgrade_declined", "GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", compliant,
		reads("GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n", "")},
	{"upgrade_old", "GET / HTTP/1.0\r\nHost: test\r\nConnection: Upgrade, keep-alive\r\nUpgrade: websocket\r\n\r\n", compliant,
		reads("GET / HTTP/1.1\r\nHost: test\r\n", "")},
}

const (
	chunkedLine = "Transfer-Encoding: chunked\r\n"
	chunks      = "5\r\nhello\r\n0\r\n\r\n"
)

func get(target string) string { return lulltest.Request("GET", target, "") }

// reads returns what a backend gets of a request and of next behind it.
func reads(head, body string) []asked {
	return []asked{{strings.TrimRight(head, "\r\n") + "\r\n", body}, {strings.TrimSuffix(next, "\r\n"), ""}}
}

// TestSmuggling sends requests that others have been fooled with, each with another request behind it, in the three desync
// modes: whole, and in pieces. The backend gets what the one reading says and not a byte more, and both connections end
// where they must.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	for _, mode := range []http1.Mode{http1.Monitor, http1.Defensive, http1.Strictest} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			s := newStand(t, inMode(mode), naming)
			column := map[http1.Mode]int{http1.Monitor: 0, http1.Defensive: 1, http1.Strictest: 2}[mode]
			for _, c := range readable {
				for _, cut := range []bool{false, true} {
					s.smuggle(c.name, c.send+next, cut, random, c.fates[column], c.want)
				}
			}
		})
	}
}

// smuggle sends requests and checks their outcome, which is that of the first.
func (s *stand) smuggle(name, send string, cut bool, random *rand.Rand, f outcome, want []asked) {
	s.t.Helper()
	defer s.blame(name)
	c := s.DialHTTP()
	if cut {
		sendCut(c, random, send)
	} else {
		c.Send(send)
	}
	var bytes, how string
	switch f {
	case refused:
		method, _ := firstLine(want[0].head)
		page(s.t, c, method, 400)
		if got := s.tapes(); len(got) > 0 {
			s.t.Errorf("backend: got %q, want no connection", got)
		}
		return
	case agreed, severed:
		want = want[:1]
	case passes:
	}
	for _, w := range want {
		method, target := firstLine(w.head)
		a := named(s.t, c, method, target)
		if a.Close != (f != passes) {
			s.t.Errorf("client: the response says %v of the connection's end, want %v", a.Close, f != passes)
		}
		bytes += s.forwarded(w.head, w.body)
	}
	switch f {
	case passes:
		c.Get("/last")
		named(s.t, c, "GET", "/last")
		bytes += s.forwarded("GET /last HTTP/1.1\r\nHost: test\r\n", "")
		_ = c.Close()
		how = "kept"
	case agreed:
		over(s.t, c)
		how = "kept"
	case severed:
		over(s.t, c)
		s.backend.WaitEnded(1)
		how = "eof"
	case refused:
	}
	if got := s.tapes(); len(got) != 1 || got[0].How != how || got[0].Bytes != bytes {
		s.t.Errorf("backend: got %q, want one connection that is %s, and on it %q", got, how, bytes)
	}
}
