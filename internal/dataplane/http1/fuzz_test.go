package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// The seeds of these targets are the tables of the other tests, so that a new case is a new seed; testdata/fuzz holds
// what fuzzing found.

// message is one message as somebody read it.
type message struct {
	payload string
	used    int // bytes of it
	end     bool
}

// bodyOf reads the body that follows a head of n bytes.
func bodyOf(in []byte, n int, f Framing) (m message, fault Fault) {
	var y Body
	y.Start(f)
	var payload []byte
	m.used = n
	for {
		s := y.Next(in[m.used:])
		payload = append(payload, in[m.used+s.Skip:m.used+s.Skip+s.Data]...)
		m.used += s.Skip + s.Data
		m.payload = string(payload)
		switch {
		case s.Event == EventReset:
			return m, s.Fault
		case s.Event == EventTrailers:
			var scan Scan
			n, f := new(Head).ReadTrailers(in[m.used:], &scan, &TrailerLimits)
			m.used += n
			m.end = n > 0
			return m, f
		case s.End:
			m.end = true
			return m, NoFault
		case s.Skip+s.Data == 0:
			m.end = y.EOF().End
			return m, NoFault
		}
	}
}

// theirBody reads a body by net/http.
func theirBody(body io.Reader, src *bytes.Reader, r *bufio.Reader, size int) (m message, err error) {
	b, err := io.ReadAll(body)
	m.payload = string(b)
	m.used = size - src.Len() - r.Buffered()
	m.end = err == nil
	return m, err
}

// compareBodies fails if both read the message to its end, and not as the same. Where only this package refuses, it is
// stricter; where only net/http does, the limits on chunk framing and trailers may differ, and nothing else.
func compareBodies(t *testing.T, in []byte, ours, theirs message, fault Fault, err error) {
	t.Helper()
	switch {
	case ours.end && theirs.end:
		if ours != theirs {
			t.Fatalf("%q:\ngot  %+v\nwant %+v", in, ours, theirs)
		}
	case theirs.end && fault == NoFault:
		t.Fatalf("%q: got no end, want %+v", in, theirs)
	case ours.end && !theirLimit(err):
		t.Fatalf("%q: got %+v, want %v", in, ours, err)
	case !strings.HasPrefix(theirs.payload, ours.payload) && !strings.HasPrefix(ours.payload, theirs.payload):
		t.Fatalf("%q: got payload %q, want %q", in, ours.payload, theirs.payload)
	}
}

// theirLimit reports whether net/http refused a body for its size or for what stands in the trailers, which this
// package reads by the same rules as heads and net/http by looser or tighter ones.
func theirLimit(err error) bool {
	var protocol textproto.ProtocolError
	return errors.As(err, &protocol) || strings.Contains(err.Error(), "too much non-data") || strings.Contains(err.Error(), "too long") ||
		strings.Contains(err.Error(), "too large") || strings.Contains(err.Error(), "trailer")
}

// compareFields fails if net/http sees other fields or values. It takes some out: skip.
func compareFields(t *testing.T, h *Head, in []byte, theirs http.Header, skip IDSet) {
	t.Helper()
	ours := http.Header{}
	for i := range h.Fields() {
		if f := &h.Fields()[i]; !skip.Has(f.ID) {
			name := textproto.CanonicalMIMEHeaderKey(string(f.Name(in)))
			ours[name] = append(ours[name], string(f.Value(in)))
		}
	}
	for id := range skipped(skip) {
		theirs.Del(id.String())
	}
	for name, values := range ours {
		if !slices.Equal(values, theirs[name]) {
			t.Fatalf("%q: %s: got %q, want %q", in, name, values, theirs[name])
		}
	}
	if theirs.Get("Cache-Control") == "no-cache" && ours["Cache-Control"] == nil { // made of Pragma, RFC 9111 §5.4
		theirs.Del("Cache-Control")
	}
	if len(ours) != len(theirs) {
		t.Fatalf("%q: got fields %q, want %q", in, ours, theirs)
	}
}

func skipped(s IDSet) map[ID]bool {
	ids := map[ID]bool{}
	for id := range idCount {
		if s.Has(id) {
			ids[id] = true
		}
	}
	return ids
}

func FuzzRequest(f *testing.F) {
	for _, c := range append(requestCases, smugglingCases...) {
		f.Add([]byte(c.in + "5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n"))
	}
	for _, c := range bodyCases {
		if c.framing.Kind == Chunked && len(c.in) < 200 {
			f.Add([]byte(post + "Transfer-Encoding: chunked\r\n\r\n" + c.in))
		}
	}
	f.Add([]byte(browserRequest))
	f.Fuzz(func(t *testing.T, in []byte) {
		for range blankLinesMax { // net/http skips none
			in = bytes.TrimPrefix(in, []byte("\r\n"))
		}
		var h Head
		var s Scan
		n, _ := h.ReadRequest(in, &s, &RequestLimits)
		if n == 0 {
			return
		}
		src := bytes.NewReader(in)
		r := bufio.NewReaderSize(src, len(in)+16)
		req, err := http.ReadRequest(r)
		if err != nil {
			return // net/http is stricter about URLs, for example
		}
		if got, want := fmt.Sprintf("%s %s %d", h.MethodText(in), h.Target(in), h.Minor()), fmt.Sprintf("%s %s %d", req.Method, req.RequestURI, req.ProtoMinor); got != want {
			t.Fatalf("%q: got %s, want %s", in, got, want)
		}
		compareFields(t, &h, in, req.Header, Set(Host, TransferEncoding, ContentLength, Trailer))
		both := h.Chunked() && h.Has(ContentLength)
		if got := h.KeepAlive(); got == req.Close && !both {
			t.Fatalf("%q: got keep-alive %v, want %v", in, got, !req.Close)
		}
		if got := string(h.Authority(in)); got != req.Host && (h.Form() != Absolute || !strings.EqualFold(got, req.Host)) {
			t.Fatalf("%q: got host %q, want %q", in, got, req.Host)
		}
		ours, fault := bodyOf(in, n, h.RequestFraming())
		theirs, err := theirBody(req.Body, src, r, len(in))
		compareBodies(t, in, ours, theirs, fault, err)
	})
}

func FuzzResponse(f *testing.F) {
	for _, in := range []string{
		commonResponse, "HTTP/1.1 200\r\n\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nhello", "HTTP/1.1 204 X\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
		"HTTP/1.1 304 X\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\nhello",
	} {
		for m := range PATCH + 1 {
			f.Add([]byte(in), uint8(m))
		}
	}
	names := [...]string{GET: "GET", HEAD: "HEAD", POST: "POST", PUT: "PUT", DELETE: "DELETE", CONNECT: "CONNECT", OPTIONS: "OPTIONS", TRACE: "TRACE", PATCH: "PATCH"}
	f.Fuzz(func(t *testing.T, in []byte, method uint8) {
		m := Method(method%uint8(PATCH)) + 1
		var h Head
		var s Scan
		n, _ := h.ReadResponse(in, &s, &ResponseLimits)
		if n == 0 || h.ResponseFraming(m).Kind == Tunnel {
			return
		}
		src := bytes.NewReader(in)
		r := bufio.NewReaderSize(src, len(in)+16)
		res, err := http.ReadResponse(r, &http.Request{Method: names[m]})
		if err != nil {
			return
		}
		if h.Status() != res.StatusCode || h.Minor() != res.ProtoMinor {
			t.Fatalf("%q: got 1.%d %d, want %s %d", in, h.Minor(), h.Status(), res.Proto, res.StatusCode)
		}
		for i := range h.fields { // net/http takes the space for a part of the name; RFC 9112 §5.1 has it removed
			if in[h.fields[i].nameEnd] != ':' {
				return
			}
		}
		compareFields(t, &h, in, res.Header, Set(TransferEncoding, ContentLength, Trailer, Connection))
		ours, fault := bodyOf(in, n, h.ResponseFraming(m))
		theirs, err := theirBody(res.Body, src, r, len(in))
		compareBodies(t, in, ours, theirs, fault, err)
	})
}

func FuzzChunked(f *testing.F) {
	for _, c := range bodyCases {
		if c.framing.Kind == Chunked && len(c.in) < 5000 {
			f.Add([]byte(c.in))
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var y Body
		y.Start(Framing{Kind: Chunked})
		var payload []byte
		var last Step
		used := 0
		for {
			last = y.Next(in[used:])
			payload = append(payload, in[used+last.Skip:used+last.Skip+last.Data]...)
			used += last.Skip + last.Data
			if last.Event != EventData && last.Skip == 0 || last.Event == EventReset || last.Event == EventTrailers || last.End {
				break
			}
		}
		compareRaw(t, in, payload, used, last)
		src := bytes.NewReader(in)
		r := bufio.NewReaderSize(src, len(in)+16)
		theirs, err := io.ReadAll(httputil.NewChunkedReader(r))
		if !bytes.HasPrefix(theirs, payload) && err == nil {
			t.Fatalf("%q: got %q, want %q", in, payload, theirs)
		}
		ended := last.End || last.Event == EventTrailers
		switch {
		case ended && err == nil:
			if last.End { // theirs stops in front of the trailer section, also if that is empty
				used -= len("\r\n")
			}
			if got := len(in) - src.Len() - r.Buffered(); got != used || !bytes.Equal(payload, theirs) {
				t.Fatalf("%q: got %d bytes, %q, want %d, %q", in, used, payload, got, theirs)
			}
		case ended && !theirLimit(err):
			t.Fatalf("%q: got an end, want %v", in, err)
		}
	})
}

// compareRaw decodes again in one go, and checks that it comes to the same.
func compareRaw(t *testing.T, in, payload []byte, used int, last Step) {
	t.Helper()
	var y Body
	y.Start(Framing{Kind: Chunked})
	got, n := 0, 0
	for {
		s := y.NextRaw(in[n:])
		n += s.Skip + s.Data
		got += s.Data
		if s.End || s.Event == EventReset || s.Event == EventTrailers || s.Skip+s.Data == 0 {
			if got != len(payload) || n != used || s.End != last.End || s.Fault != last.Fault {
				t.Fatalf("%q: got %d bytes, %d used, %+v, want %d, %d, %+v", in, got, n, s, len(payload), used, last)
			}
			return
		}
	}
}

// FuzzSplit checks that it makes no difference how a head is cut.
func FuzzSplit(f *testing.F) {
	for _, c := range append(requestCases, smugglingCases...) {
		f.Add([]byte(c.in), uint8(kindRequest))
		f.Add([]byte(c.in), uint8(kindTrailers))
	}
	f.Add([]byte(commonResponse), uint8(kindResponse))
	f.Add([]byte("HTTP/1.1 200 OK\r\nA : b\r\n\r\n"), uint8(kindResponse))
	l := Limits{Line: 50, Head: 150, Fields: 5}
	g := newGuard(f, 300)
	f.Fuzz(func(t *testing.T, in []byte, k uint8) {
		readAllWays(t, g, kind(k%uint8(len(readers))), in[:min(len(in), 300)], &l)
	})
}

// FuzzForward checks that what is sent on is read in the one way that was meant, by this package and by net/http.
func FuzzForward(f *testing.F) {
	for _, c := range append(requestCases, smugglingCases...) {
		f.Add([]byte(c.in))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var h, h2 Head
		var s Scan
		n, _ := h.ReadRequest(in, &s, &RequestLimits)
		if n == 0 || h.Method() == CONNECT {
			return
		}
		e := useEdit
		e.Framing, e.Host, e.Connection = h.RequestFraming(), []byte("10.0.0.1"), "keep-alive"
		e.DropNames = []string{"a", "x-a"}
		out := h.AppendRequest(nil, in[:n], &e)
		if len(out) > h.SizeMax(&e) {
			t.Fatalf("%q: got %d bytes, promised at most %d", in, len(out), h.SizeMax(&e))
		}
		wide := Limits{Line: 1 << 20, Head: 1 << 20, Fields: 255}
		if n, f := h2.ReadRequest(out, &s, &wide); n != len(out) {
			t.Fatalf("%q became %q: got %d, %v", in, out, n, f)
		}
		if h2.RequestFraming() != e.Framing || h2.Chunked() && h2.Has(ContentLength) || !h2.KeepAlive() || h2.Form() == Absolute ||
			h2.flags&(flagLoose|flagBareLF|flagOddLength) != 0 || h2.present&hopByHop&^Set(Connection, TransferEncoding) != 0 {
			t.Fatalf("%q became %q: got %s", in, out, describe(&h2, out))
		}
		for i := range h2.Fields() {
			if name := h2.Fields()[i].Name(out); SameName(name, "a") || SameName(name, "x-a") {
				t.Fatalf("%q became %q: %q was to be left out", in, out, name)
			}
		}
		if !bytes.HasSuffix(h2.Get(out, XForwardedFor), []byte("192.0.2.1")) || h2.Repeated(XForwardedFor) || h2.Repeated(XForwardedProto) {
			t.Fatalf("%q became %q: got X-Forwarded-For %q", in, out, h2.Get(out, XForwardedFor))
		}
		req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
		if err != nil {
			return
		}
		if want := max(e.Framing.Length, 0); e.Framing.Kind != Chunked && req.ContentLength != want || e.Framing.Kind == Chunked && req.ContentLength != -1 {
			t.Fatalf("%q became %q: got length %d, want %+v", in, out, req.ContentLength, e.Framing)
		}
	})
}

// FuzzExceeds checks that a head which was read by wide limits is judged by narrow ones as if it had been read by them.
func FuzzExceeds(f *testing.F) {
	for _, c := range append(requestCases, smugglingCases...) {
		f.Add([]byte(c.in), uint8(20), uint8(80), uint8(3))
	}
	f.Add([]byte(browserRequest), uint8(100), uint8(255), uint8(9))
	f.Fuzz(func(t *testing.T, in []byte, line, head, fields uint8) {
		var h, narrowly Head
		var s Scan
		n, _ := h.ReadRequest(in, &s, &RequestLimits)
		if n == 0 {
			return
		}
		narrow := Limits{Line: int(line), Head: max(64, int(head)), Fields: int(fields)}
		s = Scan{}
		_, want := narrowly.ReadRequest(in[:n], &s, &narrow)
		if got := h.Exceeds(in, &narrow); (got == NoFault) != (want == NoFault) {
			t.Fatalf("%q by %+v: got %v, want %v", in[:n], narrow, got, want)
		}
	})
}
