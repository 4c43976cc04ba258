package dataplane_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"lull/internal/dataplane/http1"
	"lull/internal/lulltest"
)

// hostLine completes a request of which only the start line matters.
const hostLine = "Host: test\r\n\r\n"

// unreadable are heads that lull reads in no mode. All get 400 but methods that are too long.
//
//nolint:gochecknoglobals // a constant table
var unreadable = map[string]string{
	"cl_differ":       post + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
	"cl_differ_third": post + "Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 0\r\n\r\nhello",
	"cl_list":         post + "Content-Length: 5, 5\r\n\r\nhello",
	"cl_empty":        post + "Content-Length:\r\n\r\n",
	"cl_plus":         post + "Content-Length: +5\r\n\r\nhello",
	"cl_minus":        post + "Content-Length: -5\r\n\r\nhello",
	"cl_hex":          post + "Content-Length: 0x5\r\n\r\nhello",
	"cl_octal":        post + "Content-Length: 0o5\r\n\r\nhello",
	"cl_underscore":   post + "Content-Length: 1_0\r\n\r\nhellohello",
	"cl_fraction":     post + "Content-Length: 5.0\r\n\r\nhello",
	"cl_two_numbers":  post + "Content-Length: 5 6\r\n\r\nhello",
	"cl_too_large":    post + "Content-Length: 9223372036854775808\r\n\r\nhello",
	"cl_wraps":        post + "Content-Length: 18446744073709551621\r\n\r\nhello",
	"cl_absurd":       post + "Content-Length: " + strings.Repeat("9", 1000) + "\r\n\r\nhello",
	"cl_nul":          post + "Content-Length: 5\x00\r\n\r\nhello",
	"cl_vt":           post + "Content-Length: \x0b5\r\n\r\nhello",
	"cl_folded":       post + "Content-Length:\r\n 5\r\n\r\nhello",
	"cl_space_colon":  post + "Content-Length : 5\r\n\r\nhello",
	"cl_tab_colon":    post + "Content-Length\t: 5\r\n\r\nhello",
	"cl_bad_te":       post + "Content-Length: x\r\n" + chunkedLine + "\r\n" + chunks,

	"te_identity_too":   post + chunkedLine + "Transfer-Encoding: identity\r\n\r\n" + chunks,
	"te_cow_too":        post + chunkedLine + "Transfer-encoding: cow\r\n\r\n" + chunks,
	"te_twice":          post + chunkedLine + chunkedLine + "\r\n" + chunks,
	"te_twice_in_line":  post + "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunks,
	"te_x":              post + "Transfer-Encoding: xchunked\r\n\r\n" + chunks,
	"te_quoted":         post + "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunks,
	"te_parameter":      post + "Transfer-Encoding: chunked;q=1\r\n\r\n" + chunks,
	"te_comma":          post + "Transfer-Encoding: chunked,\r\n\r\n" + chunks,
	"te_comma_first":    post + "Transfer-Encoding: ,chunked\r\n\r\n" + chunks,
	"te_empty":          post + "Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello",
	"te_identity":       post + "Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello",
	"te_gzip":           post + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunks,
	"te_last_gzip":      post + "Transfer-Encoding: chunked, gzip\r\n\r\n" + chunks,
	"te_old":            "POST / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n" + chunkedLine + "\r\n" + chunks,
	"te_old_cl":         "POST / HTTP/1.0\r\nHost: test\r\nContent-Length: 5\r\n" + chunkedLine + "\r\nhello",
	"te_vt":             post + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunks,
	"te_nul":            post + "Transfer-Encoding: chunked\x00\r\n\r\n" + chunks,
	"te_folded":         post + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunks,
	"te_folded_name":    post + " Transfer-Encoding: chunked\r\n\r\n" + chunks,
	"te_behind_cr":      post + "X: y\r" + chunkedLine + "\r\n" + chunks,
	"te_behind_nul":     post + "X: y\x00" + chunkedLine + "\r\n" + chunks,
	"te_space_colon":    post + "Transfer-Encoding : chunked\r\n\r\n" + chunks,
	"te_two_colons":     post + "Transfer-Encoding:: chunked\r\n\r\n" + chunks,
	"te_long_s":         post + "Tran\u017ffer-Encoding: chunked\r\n\r\n" + chunks,
	"te_space_for_dash": post + "Transfer Encoding: chunked\r\n\r\n" + chunks,
	"te_control_first":  post + "\x01Transfer-Encoding: chunked\r\n\r\n" + chunks,
	"te_name_nul":       post + "Transfer-Encoding\x00: chunked\r\n\r\n" + chunks,

	"folded":           "GET / HTTP/1.1\r\nHost: test\r\nX: y\r\n z\r\n\r\n",
	"first_line_blank": "GET / HTTP/1.1\r\n Host: test\r\nHost: test\r\n\r\n",
	"cr_in_value":      "GET / HTTP/1.1\r\nHost: test\r\nX: a\rb\r\n\r\n",
	"split_by_cr":      "GET / HTTP/1.1\r\nHost: test\r\nX: a\r\rGET /split HTTP/1.1\r\n\r\n",
	"nul_in_value":     "GET / HTTP/1.1\r\nHost: test\r\nX: a\x00b\r\n\r\n",
	"delete_in_value":  "GET / HTTP/1.1\r\nHost: test\r\nX: a\x7fb\r\n\r\n",
	"colon_missing":    "GET / HTTP/1.1\r\nHost: test\r\nGET /split HTTP/1.1\r\n\r\n",
	"name_missing":     "GET / HTTP/1.1\r\nHost: test\r\n: y\r\n\r\n",
	"name_blank":       "GET / HTTP/1.1\r\nHost: test\r\nX Y: z\r\n\r\n",
	"options_many":     "GET / HTTP/1.1\r\nHost: test\r\nConnection: " + strings.Repeat("x, ", 20) + "\r\n\r\n",

	"host_twice":        "GET / HTTP/1.1\r\nHost: test\r\nHost: test\r\n\r\n",
	"host_missing":      "GET / HTTP/1.1\r\n\r\n",
	"host_blank":        "GET / HTTP/1.1\r\nHost: te st\r\n\r\n",
	"host_user":         "GET / HTTP/1.1\r\nHost: user@test\r\n\r\n",
	"host_path":         "GET / HTTP/1.1\r\nHost: test/path\r\n\r\n",
	"host_list":         "GET / HTTP/1.1\r\nHost: test, other\x00\r\n\r\n",
	"host_port":         "GET / HTTP/1.1\r\nHost: test:65536\r\n\r\n",
	"host_literal":      "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
	"absolute_bad_host": "GET http://other/ HTTP/1.1\r\nHost: te st\r\n\r\n",

	"no_version":       "GET /\r\n\r\n",
	"no_target":        "GET HTTP/1.1\r\n" + hostLine,
	"two_blanks":       "GET  / HTTP/1.1\r\n" + hostLine,
	"blank_in_target":  "GET /a /b HTTP/1.1\r\n" + hostLine,
	"tabs":             "GET\t/\tHTTP/1.1\r\n" + hostLine,
	"cr_in_target":     "GET /\r HTTP/1.1\r\n" + hostLine,
	"nul_in_target":    "GET /\x00 HTTP/1.1\r\n" + hostLine,
	"line_in_target":   "GET /\x0bHTTP/1.1\x0bX:y HTTP/1.1\r\n" + hostLine,
	"fragment":         "GET /#a HTTP/1.1\r\n" + hostLine,
	"user_in_target":   "GET http://test@other/ HTTP/1.1\r\n" + hostLine,
	"backslash_target": "GET \\ HTTP/1.1\r\n" + hostLine,
	"other_scheme":     "GET ftp://test/ HTTP/1.1\r\n" + hostLine,
	"asterisk":         "GET * HTTP/1.1\r\n" + hostLine,
	"version_small":    "GET / http/1.1\r\n" + hostLine,
	"version_12":       "GET / HTTP/1.2\r\n" + hostLine,
	"version_long":     "GET / HTTP/1.10\r\n" + hostLine,
	"version_blank":    "GET / HTTP/1.1 \r\n" + hostLine,
	"http_2":           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"rtsp":             "OPTIONS rtsp://test/ RTSP/1.0\r\n\r\n",
	"method_bad":       "GE(T / HTTP/1.1\r\n" + hostLine,
	"method_blank":     " GET / HTTP/1.1\r\n" + hostLine,
	"connect":          "CONNECT test:443 HTTP/1.1\r\n" + hostLine,
	"connect_target":   "CONNECT / HTTP/1.1\r\n" + hostLine,
	"empty_lines":      "\r\n\r\n\r\n" + get("/"),
	"lf_first":         "\n" + get("/"),
	"tls":              "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x5a", 500),
	"proxy_header_1":   "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get("/"),
	"proxy_header_2":   "\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c" + "aaaabbbbccdd" + get("/"),
	"nothing_like_it":  "\x00\xff\xfe\x80",
	"ssh":              "SSH-2.0-x\r\n",
	"method_long":      strings.Repeat("M", http1.MethodMax+1) + " / HTTP/1.1\r\n" + hostLine,
	"method_endless":   strings.Repeat("M", 100_000),
}

// TestRefused sends what lull reads in no way, whole and in pieces and with a request behind it: the client is told so,
// whatever it goes on to send, and no backend learns of it.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []http1.Mode{http1.Monitor, http1.Defensive, http1.Strictest} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			s := newStand(t, inMode(mode), naming)
			for name, send := range unreadable {
				s.refuse(name, send+next, false, random)
				s.refuse(name, send+next, true, random)
			}
			if n := s.Stats().Backends[0].Connects; n != 0 {
				t.Errorf("back-end connections: got %d, want none", n)
			}
		})
	}
}

func (s *stand) refuse(name, send string, cut bool, random *rand.Rand) {
	s.t.Helper()
	defer s.blame(name)
	c := s.DialHTTP()
	if cut {
		sendCut(c, random, send)
	} else {
		c.Send(send)
	}
	status := 400
	if strings.HasPrefix(name, "method_long") || name == "method_endless" {
		status = 405
	}
	page(s.t, c, "GET", status)
	_ = c.Close()
}

// brokenChunks are bodies that are no chunks, with the next request behind them.
//
//nolint:gochecknoglobals // a constant table
var brokenChunks = map[string]string{
	"size_missing":        "\r\nhello\r\n0\r\n\r\n",
	"size_no_number":      "x\r\nhello\r\n0\r\n\r\n",
	"size_prefix":         "0x5\r\nhello\r\n0\r\n\r\n",
	"size_minus":          "-5\r\nhello\r\n0\r\n\r\n",
	"size_plus":           "+5\r\nhello\r\n0\r\n\r\n",
	"size_blank_first":    " 5\r\nhello\r\n0\r\n\r\n",
	"size_blank_behind":   "5 \r\nhello\r\n0\r\n\r\n",
	"size_wraps_64":       "10000000000000005\r\nhello\r\n0\r\n\r\n",
	"size_negative":       "fffffffffffffffb\r\nhello\r\n0\r\n\r\n",
	"size_digits":         strings.Repeat("0", 17) + "5\r\nhello\r\n0\r\n\r\n",
	"size_line_lf":        "5\nhello\r\n0\r\n\r\n",
	"size_line_cr":        "5\rhello\r\n0\r\n\r\n",
	"size_line_cr_x":      "5\rX\nhello\r\n0\r\n\r\n",
	"extension_lf":        "5;a\nhello\r\n0\r\n\r\n",
	"extension_cr":        "5;a\rb\r\nhello\r\n0\r\n\r\n",
	"extension_nul":       "5;a\x00\r\nhello\r\n0\r\n\r\n",
	"extension_endless":   "5;" + strings.Repeat("a", 5000) + "\r\nhello\r\n0\r\n\r\n",
	"data_short":          "6\r\nhello\r\n0\r\n\r\n",
	"data_long":           "4\r\nhello\r\n0\r\n\r\n",
	"data_lf":             "5\r\nhello\n0\r\n\r\n",
	"data_no_line_end":    "5\r\nhello0\r\n\r\n",
	"second_size":         "5\r\nhello\r\nx\r\n\r\n",
	"last_line_lf":        "5\r\nhello\r\n0\n\r\n",
	"last_cr_x":           "5\r\nhello\r\n0\r\n\rX",
	"trailer_length":      "5\r\nhello\r\n0\r\nContent-Length: 5\r\n\r\n",
	"trailer_coding":      "5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
	"trailer_host":        "5\r\nhello\r\n0\r\nHost: other\r\n\r\n",
	"trailer_folded":      "5\r\nhello\r\n0\r\nX: y\r\n z\r\n\r\n",
	"trailer_blank_colon": "5\r\nhello\r\n0\r\nX : y\r\n\r\n",
	"trailer_endless":     "5\r\nhello\r\n0\r\n" + strings.Repeat("X: y\r\n", 33) + "\r\n",
	"trailer_long":        "5\r\nhello\r\n0\r\nX: " + strings.Repeat("y", 9000) + "\r\n\r\n",
	"many_small":          strings.Repeat("1;"+strings.Repeat("a", 100)+"\r\nx\r\n", 300) + "0\r\n\r\n",
}

// TestBrokenChunks: a body that stops being chunks never becomes a whole request at the backend, what follows it is never
// taken for one, and the client is told.
func TestBrokenChunks(t *testing.T) {
	t.Parallel()
	for _, mode := range []http1.Mode{http1.Monitor, http1.Defensive, http1.Strictest} {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			s := newStand(t, inMode(mode), naming)
			for name, body := range brokenChunks {
				s.breakChunks(name, body, false, random)
				s.breakChunks(name, body, true, random)
			}
		})
	}
}

// breakChunks sends a body that breaks. lull must end the back-end connection; WaitEnded waits for that.
func (s *stand) breakChunks(name, body string, cut bool, random *rand.Rand) {
	s.t.Helper()
	defer s.blame(name)
	c := s.DialHTTP()
	head := post + chunkedLine
	if cut { // so that the head is forwarded before the fault
		c.Send(head + "\r\n5\r\nhello\r\n")
		sendCut(c, random, body+next)
		body = "5\r\nhello\r\n" + body
	} else {
		c.Send(head + "\r\n" + body + next)
	}
	page(s.t, c, "POST", 400)
	_ = c.Close()
	s.backend.WaitEnded(1)
	got := s.tapes()
	if len(got) != 1 {
		s.t.Fatalf("backend: got %q, want one connection", got)
	}
	if !strings.HasPrefix(s.forwarded(head, body), got[0].Bytes) || whole(got[0].Bytes) {
		s.t.Errorf("backend: got %q, want a part of the request", got[0].Bytes)
	}
	if !cut && got[0].Bytes != "" {
		s.t.Errorf("backend: got %q of a request that was known to be broken, want nothing", got[0].Bytes)
	}
}

// TestAbsurdSizes: a body of a size that nobody can send is only a body. What stands behind a wrapped reading of the number
// is part of it, and the request never becomes whole.
func TestAbsurdSizes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ head, body string }{
		"length_63_bits": {post + "Content-Length: 9223372036854775807\r\n", "hello"},
		"length_32_bits": {post + "Content-Length: 4294967301\r\n", "hello"},
		"chunk_32_bits":  {post + chunkedLine, "100000005\r\nhello\r\n0\r\n\r\n"},
		"chunk_63_bits":  {post + chunkedLine, "7fffffffffffffff\r\nhello\r\n0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, inMode(http1.Monitor), naming)
			client := s.DialHTTP()
			client.Send(c.head + "\r\n" + c.body + next)
			_ = client.CloseWrite()
			page(t, client, "POST", 408)
			s.backend.WaitEnded(1)
			if got := s.tapes(); len(got) != 1 || got[0].Bytes != s.forwarded(c.head, c.body+next) {
				t.Errorf("backend: got %q, want all that came, as one request", got)
			}
		})
	}
}

// whole reports whether net/http takes what came for at least one whole request.
func whole(s string) bool {
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(s)))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil
}

// TestEndlessHead: a head that never ends is refused as soon as it is longer than allowed, also where its lines are short.
func TestEndlessHead(t *testing.T) {
	t.Parallel()
	s := newStand(t, inMode(http1.Defensive), naming)
	for name, part := range map[string]string{"fields": "X: y\r\n", "value": strings.Repeat("y", 1000), "target": "/aaaaaaaaaaaaaaa"} {
		start := "GET / HTTP/1.1\r\nHost: test\r\nX: "
		if name == "target" {
			start = "GET "
		}
		c := s.DialHTTP()
		c.Send(start)
		stop := pouring(c, part)
		page(t, c, "GET", 400)
		stop()
		s.blame(name)
	}
}

// pouring sends s again and again, in the background, until the connection or the returned function ends it.
func pouring(c *lulltest.HTTPConn, s string) (stop func()) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			if _, err := io.WriteString(c.Conn, s); err != nil {
				return
			}
		}
	}()
	return func() {
		_ = c.Close()
		<-ended
	}
}
