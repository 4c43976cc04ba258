package http1

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unsafe"
)

// mustRequest reads a request head that must be good.
func mustRequest(t testing.TB, in string) (*Head, []byte) {
	t.Helper()
	h := new(Head)
	var s Scan
	if n, f := h.ReadRequest([]byte(in), &s, &RequestLimits); n == 0 || f != NoFault {
		t.Fatalf("%q: got %d, %v", in, n, f)
	}
	return h, []byte(in)
}

func TestTarget(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n":                 `0 "h" "/a?b"`,
		"GET http://x:1/a?b HTTP/1.1\r\nHost: h\r\n\r\n":       `1 "x:1" "/a?b"`,
		"GET https://[::1] HTTP/1.1\r\nHost: h\r\n\r\n":        `1 "[::1]" ""`,
		"GET http://x?q HTTP/1.1\r\nHost: h\r\n\r\n":           `1 "x" "?q"`,
		"CONNECT x:443 HTTP/1.1\r\nHost: h\r\n\r\n":            `2 "x:443" ""`,
		"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n":                `3 "h" ""`,
		"GET /a HTTP/1.0\r\n\r\n":                              `0 "" "/a"`,
		"GET /http://x/?a=http://y HTTP/1.1\r\nHost:\r\n\r\n":  `0 "" "/http://x/?a=http://y"`,
		"GET hTTp://x/ HTTP/1.1\r\nHost: h\r\n\r\n":            `1 "x" "/"`,
		"OPTIONS http://x:80 HTTP/1.1\r\nHost: h\r\n\r\n":      `1 "x:80" ""`,
		"\r\n\r\nPOST http://x:80/ HTTP/1.0\r\nA: b\r\n\r\n":   `1 "x:80" "/"`,
		"GET http://x:80/@:/[ HTTP/1.1\nHost: 1.2.3.4:8\n\r\n": `1 "x:80" "/@:/["`,
	} {
		h, b := mustRequest(t, in)
		if got := fmt.Sprintf("%d %q %q", h.Form(), h.Authority(b), h.Path(b)); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}

func TestKeepAlive(t *testing.T) {
	t.Parallel()
	cases := []struct {
		version, fields string
		want            bool
	}{
		{"1.1", "", true},
		{"1.1", "Connection: close\r\n", false},
		{"1.1", "Connection: Close\r\n", false},
		{"1.1", "Connection: keep-alive\r\n", true},
		{"1.1", "Connection: keep-alive, close\r\n", false},
		{"1.1", "Connection: keep-alive\r\nConnection: foo ,\tclose\r\n", false},
		{"1.1", "Connection: closed\r\n", true},
		{"1.1", "Connection: \"close\"\r\n", true},
		{"1.1", "Connection:\r\n", true},
		{"1.1", "Connection: , ,,close\r\n", false},
		{"1.1", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", false},
		{"1.0", "", false},
		{"1.0", "Connection: Keep-Alive\r\n", true},
		{"1.0", "Connection: keep-alive, close\r\n", false},
		{"1.0", "Keep-Alive: timeout=5\r\n", false},
		{"1.0", "Proxy-Connection: keep-alive\r\n", false},
	}
	for _, c := range cases {
		h, _ := mustRequest(t, "POST / HTTP/"+c.version+"\r\nHost: a\r\n"+c.fields+"\r\n")
		if got := h.KeepAlive(); got != c.want {
			t.Errorf("%s %q: got %v, want %v", c.version, c.fields, got, c.want)
		}
	}
}

func TestExpectAndUpgrade(t *testing.T) {
	t.Parallel()
	cases := []struct {
		version, fields        string
		proceed, odd, upgrades bool
	}{
		{"1.1", "", false, false, false},
		{"1.1", "Expect: 100-continue\r\n", true, false, false},
		{"1.0", "Expect: 100-continue\r\n", false, false, false},
		{"1.1", "Expect: 200-ok\r\n", false, true, false},
		{"1.1", "Expect: 100-continue\r\nExpect: 100-continue\r\n", false, true, false},
		{"1.1", "Upgrade: websocket\r\n", false, false, false},
		{"1.1", "Connection: upgrade\r\n", false, false, false},
		{"1.1", "Upgrade: websocket\r\nConnection: x, UPGRADE\r\n", false, false, true},
		{"1.0", "Upgrade: websocket\r\nConnection: upgrade\r\n", false, false, false},
	}
	for _, c := range cases {
		h, _ := mustRequest(t, "POST / HTTP/"+c.version+"\r\nHost: a\r\n"+c.fields+"\r\n")
		if h.ExpectsContinue() != c.proceed || h.ExpectsElse() != c.odd || h.Upgrades() != c.upgrades {
			t.Errorf("%s %q: got %v, %v, %v, want %v, %v, %v", c.version, c.fields, h.ExpectsContinue(), h.ExpectsElse(), h.Upgrades(), c.proceed, c.odd, c.upgrades)
		}
	}
}

func TestNominated(t *testing.T) {
	t.Parallel()
	h, b := mustRequest(t, "GET / HTTP/1.1\r\nHost: a\r\nFoo: 1\r\nBar: 2\r\nConnection: foo, Cache-Control, host, X-Forwarded-For, close\r\n"+
		"cache-control: no\r\nX-Forwarded-For: 1\r\nFOO: 3\r\nConnection: baz\r\nBaz: 4\r\n\r\n")
	var got []string
	for i := range h.Fields() {
		if f := &h.Fields()[i]; f.Nominated() {
			got = append(got, string(f.Name(b)))
		}
	}
	if want := "Foo cache-control FOO Baz"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestGetAndFind(t *testing.T) {
	t.Parallel()
	h, b := mustRequest(t, "GET / HTTP/1.1\r\nX-Own: 1\r\nhOST: a\r\nCookie: c=1\r\nCookie: d=2\r\nx-own: 2\r\n\r\n")
	if got := h.Get(b, Host); string(got) != "a" {
		t.Errorf("Host: got %q", got)
	}
	if got := h.Get(b, Cookie); string(got) != "c=1" || !h.Repeated(Cookie) || h.Repeated(Host) {
		t.Errorf("Cookie: got %q, repeated %v", got, h.Repeated(Cookie))
	}
	if got := h.Get(b, Upgrade); got != nil || h.Has(Upgrade) {
		t.Errorf("Upgrade: got %q", got)
	}
	if got := h.Find(b, "x-own"); string(got) != "1" {
		t.Errorf("x-own: got %q", got)
	}
	if got := h.Find(b, "x-other"); got != nil {
		t.Errorf("x-other: got %q", got)
	}
}

// TestLookup: every known name is found in any case, and no other is.
func TestLookup(t *testing.T) {
	t.Parallel()
	for id := Other + 1; id < idCount; id++ {
		for _, name := range []string{id.String(), strings.ToUpper(id.String()), strings.ToUpper(id.String()[:1]) + id.String()[1:]} {
			if got := lookup([]byte(name)); got != id {
				t.Errorf("%s: got %v", name, got)
			}
		}
		for _, name := range []string{id.String() + "x", "x" + id.String()[1:] + "-", id.String()[1:], id.String()[:len(id.String())-1] + "!"} {
			if got := lookup([]byte(name)); got != Other && got.String() != name {
				t.Errorf("%s: got %v", name, got)
			}
		}
	}
	if got := lookup([]byte("content\rlength")); got != Other {
		t.Errorf("content CR length: got %v", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	l := Limits{Line: 40, Head: 200, Fields: 4}
	const line = "GET / HTTP/1.1\r\nHost: a\r\n"
	pad := func(n int) string { return strings.Repeat("p", n) }
	fields := func(n int) string { return strings.Repeat("A: b\r\n", n) }
	cases := []struct {
		name, in string
		want     Fault
	}{
		{"line-40", "GET /" + pad(26) + " HTTP/1.1\r\nHost: a\r\n\r\n", NoFault},
		{"line-41", "GET /" + pad(27) + " HTTP/1.1\r\nHost: a\r\n\r\n", TargetLong},
		{"line-endless", "GET /" + pad(300), TargetLong},
		{"line-41-bad", "GET /" + pad(26) + "\x00 HTTP/1.1\r\nHost: a\r\n\r\n", TargetLong},
		{"field-40", line + "X: " + pad(37) + "\r\n\r\n", NoFault},
		{"field-41", line + "X: " + pad(38) + "\r\n\r\n", LineLong},
		{"field-41-lf", line + "X: " + pad(38) + "\n\r\n", LineLong},
		{"field-41-bad", line + "X: " + pad(37) + "\x00\r\n\r\n", LineLong},
		{"field-endless", line + "X: " + pad(300), LineLong},
		{"name-endless", line + pad(300), LineLong},
		{"fields-4", line + fields(3) + "\r\n", NoFault},
		{"fields-5", line + fields(4) + "\r\n", FieldsMany},
		{"fields-endless", line + fields(50), FieldsMany},
		{"field-47-last", line + "A: " + pad(37) + "\r\nB: " + pad(37) + "\r\nC: " + pad(37) + "\r\nDDDDD: " + pad(200-25-2-3*42-9) + "\r\n\r\n", LineLong},
	}
	l2 := Limits{Line: 100, Head: 100, Fields: 9}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, n, f := readAllWays(t, newGuard(t, len(c.in)), kindRequest, []byte(c.in), &l); f != c.want || (f == NoFault) != (n > 0) {
				t.Errorf("%q: got %d, %v, want %v", c.in, n, f, c.want)
			}
		})
	}
	for size, want := range map[int]Fault{99: NoFault, 100: NoFault, 101: HeadLong, 102: HeadLong, 103: HeadLong, 150: HeadLong} {
		in := line + "A: " + pad(size-len(line)-7) + "\r\n\r\n"
		if _, n, f := readAllWays(t, newGuard(t, len(in)), kindRequest, []byte(in), &l2); f != want || (f == NoFault) != (n > 0) {
			t.Errorf("%d bytes: got %d, %v, want %v", len(in), n, f, want)
		}
	}
}

// TestManyFields: more fields than a Head has room for inline, up to what a Scan can count.
func TestManyFields(t *testing.T) {
	t.Parallel()
	l := Limits{Line: 100, Head: 1 << 16, Fields: 1000}
	for n, want := range map[int]Fault{32: NoFault, 33: NoFault, 255: NoFault, 256: FieldsMany} {
		in := []byte("GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", n-1) + "Host: a\r\n\r\n")
		var h Head
		var s Scan
		_, f := h.ReadRequest(in, &s, &l)
		if f != want || (f == NoFault && (len(h.Fields()) != n || string(h.Get(in, Host)) != "a")) {
			t.Errorf("%d fields: got %v, %d fields, Host %q", n, f, len(h.Fields()), h.Get(in, Host))
		}
	}
}

// TestDripIsLinear counts how often bytes are looked at when a large head comes byte by byte: a quadratic reader would
// take minutes here.
func TestDripIsLinear(t *testing.T) {
	t.Parallel()
	in := []byte("GET / HTTP/1.1\r\nHost: a\r\n")
	for len(in) < 60<<10 {
		in = append(in, "X: "+strings.Repeat("v", 15<<10)+"\r\nY: "+strings.Repeat("w", 50)+"\r\n"...)
	}
	in = append(in, "\r\n"...)
	var h Head
	var s Scan
	for end := 1; end < len(in); end++ {
		if n, f := h.ReadRequest(in[:end], &s, &RequestLimits); n != 0 || f != NoFault {
			t.Fatalf("%d bytes: got %d, %v", end, n, f)
		}
		if int(s.line) > end || int(s.seen) != end {
			t.Fatalf("%d bytes: got %+v", end, s)
		}
	}
	if n, f := h.ReadRequest(in, &s, &RequestLimits); n != len(in) || f != NoFault || s != (Scan{}) {
		t.Fatalf("got %d, %v, %+v, want %d", n, f, s, len(in))
	}
}

// TestSizes: this state is kept for every connection.
func TestSizes(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]uintptr{
		"Scan":     {unsafe.Sizeof(Scan{}), 12},
		"Body":     {unsafe.Sizeof(Body{}), 16},
		"Receiver": {unsafe.Sizeof(Receiver{}), 40},
		"Field":    {unsafe.Sizeof(Field{}), 20},
	} {
		if size[0] > size[1] {
			t.Errorf("%s: got %d bytes, want at most %d", name, size[0], size[1])
		}
	}
}

// TestSkip compares the loops that take eight bytes at a time with the table, for every byte at every place.
func TestSkip(t *testing.T) {
	t.Parallel()
	g := newGuard(t, 64)
	for size := range 20 {
		for at := range size {
			for c := range 256 {
				b := g.put(bytes.Repeat([]byte("~"), size))
				b[at] = byte(c)
				wantText, wantTarget := size, size
				if charClass[c]&isText == 0 {
					wantText = at
				}
				if charClass[c]&isTarget == 0 {
					wantTarget = at
				}
				if got := skipText(b, 0); got != wantText {
					t.Fatalf("skipText(%q): got %d, want %d", b, got, wantText)
				}
				if got := skipTarget(b, 0); got != wantTarget {
					t.Fatalf("skipTarget(%q): got %d, want %d", b, got, wantTarget)
				}
			}
		}
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"GET": true, "HEAD": true, "POST": false, "PUT": true, "DELETE": true, "CONNECT": false, "OPTIONS": true, "TRACE": true,
		"PATCH": false, "get": false, "PROPFIND": false,
	} {
		m := lookupMethod([]byte(name))
		if m.Idempotent() != want || (m == OtherMethod) != (name == "get" || name == "PROPFIND") {
			t.Errorf("%s: got %d, idempotent %v, want %v", name, m, m.Idempotent(), want)
		}
	}
}

// TestHeadExceeds: a head that was read by wide limits is judged by narrow ones just as if it had been read by them.
func TestHeadExceeds_RUL_06(t *testing.T) {
	t.Parallel()
	line := strings.Repeat("x", 100)
	for name, text := range map[string]string{
		"small":        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"target":       "GET /" + line + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"field":        "GET / HTTP/1.1\r\nHost: a\r\nX: " + line + "\r\n\r\n",
		"last blank":   "\r\nGET / HTTP/1.1\r\nHost: a\r\nX: x" + strings.Repeat(" ", 97) + "\r\n\r\n",
		"bare LF":      "GET / HTTP/1.1\nHost: a\nX: " + line[:97] + "\n\n",
		"just fits":    "GET / HTTP/1.1\r\nX: " + line[:97] + "\r\nHost: a\r\n\r\n",
		"bare fits":    "GET / HTTP/1.1\nX: " + line[:97] + "\nHost: a\n\n",
		"many":         "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 9) + "\r\n",
		"large":        "GET / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: "+line[:90]+"\r\n", 3) + "\r\n",
		"large target": "GET http://a/" + line + " HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		narrow := Limits{Line: 100, Head: 300, Fields: 8}
		var h Head
		var s Scan
		b := []byte(text)
		if n, f := h.ReadRequest(b, &s, &RequestLimits); n != len(b) {
			t.Fatalf("%s: got %d, %v", name, n, f)
		}
		var narrowly Head
		s = Scan{}
		_, want := narrowly.ReadRequest(b, &s, &narrow)
		if got := h.Exceeds(b, &narrow); (got == NoFault) != (want == NoFault) || want != HeadLong && got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}
