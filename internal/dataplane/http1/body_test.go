package http1

import (
	"fmt"
	"strings"
	"testing"
)

// decoded is what a body came to.
type decoded struct {
	payload string
	used    int // bytes that belong to the message
	event   Event
	fault   Fault
}

// decode feeds b to a body in pieces of size bytes, and keeps what a step does not take for the next one, as a proxy does.
func decode(t testing.TB, g *guard, f Framing, b []byte, size int, raw bool) decoded {
	t.Helper()
	var y Body
	y.Start(f)
	var d decoded
	var payload strings.Builder
	for end := 0; end < len(b); {
		end = min(len(b), end+size)
		for steps := 0; ; steps++ {
			if steps > len(b)+2 {
				t.Fatalf("%q: no end of steps at %d", b, d.used)
			}
			in := g.put(b[d.used:end])
			var s Step
			if raw {
				s = y.NextRaw(in)
			} else {
				s = y.Next(in)
				payload.Write(in[s.Skip : s.Skip+s.Data])
			}
			d.used += s.Skip + s.Data
			if raw {
				payload.WriteString(strings.Repeat("r", s.Data))
			}
			if s.End || s.Event == EventReset || s.Event == EventTrailers {
				d.event, d.fault, d.payload = s.Event, s.Fault, payload.String()
				if s.End {
					d.event = EventEnd
				}
				return d
			}
			if s.Skip+s.Data == 0 || d.used == end {
				break
			}
		}
	}
	d.payload = payload.String()
	return d
}

type bodyCase struct {
	name, in string
	framing  Framing
	payload  string
	rest     string // what is left of in
	event    Event
	fault    Fault
}

//nolint:gochecknoglobals // a constant table
var bodyCases = []bodyCase{
	{"none", "GET", Framing{}, "", "GET", EventEnd, NoFault},
	{"length", "helloGET", Framing{Length, 5}, "hello", "GET", EventEnd, NoFault},
	{"length-exact", "hello", Framing{Length, 5}, "hello", "", EventEnd, NoFault},
	{"length-short", "hel", Framing{Length, 5}, "hel", "", EventNone, NoFault},
	{"until-close", "hello", Framing{Kind: UntilClose}, "hello", "", EventNone, NoFault},
	{"tunnel", "hello", Framing{Kind: Tunnel}, "hello", "", EventNone, NoFault},
	{"chunk", "5\r\nhello\r\n0\r\n\r\nGET", Framing{Kind: Chunked}, "hello", "GET", EventEnd, NoFault},
	{"chunk-none", "0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventEnd, NoFault},
	{"chunks", "5\r\nhello\r\n00b\r\n, wide and \r\n5\r\nworld\r\n000\r\n\r\n", Framing{Kind: Chunked}, "hello, wide and world", "", EventEnd, NoFault},
	{"chunk-hex", "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n", Framing{Kind: Chunked}, "abcdefghijklmnopqrstuvwxyz", "", EventEnd, NoFault},
	{"chunk-crlf-data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", Framing{Kind: Chunked}, "\r\n\r\n", "", EventEnd, NoFault},
	{"chunk-short", "5\r\nhel", Framing{Kind: Chunked}, "hel", "", EventNone, NoFault},
	{"chunk-no-last", "5\r\nhello\r\n", Framing{Kind: Chunked}, "hello", "", EventNone, NoFault},
	{"chunk-last-cut", "0\r\n\r", Framing{Kind: Chunked}, "", "", EventNone, NoFault},
	{"extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventEnd, NoFault},
	{"extension-quoted", "5;\ta = \"b;\"\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventEnd, NoFault},
	{"extension-blank", "5 ;a\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"extension-long", "5;" + strings.Repeat("x", chunkLineMax-2) + "\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineLong},
	{"extension-longest", "5;" + strings.Repeat("x", chunkLineMax-3) + "\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventEnd, NoFault},
	{"extension-lf", "5;a\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineEnd},
	{"extension-cr", "5;a\rb\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineEnd},
	{"extension-nul", "5;\x00\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineEnd},
	{"blank-behind", "5 \r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"blank-before", " 5\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-empty", "\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-only-extension", ";a\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-sign", "+5\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-minus", "-5\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-0x", "0x5\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-underscore", "0_5\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-letter", "g\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeBad},
	{"size-lf", "5\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineEnd},
	{"size-cr-cr", "5\r\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineEnd},
	{"size-cr", "5\rXhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkLineEnd},
	{"size-zeros-16", "0000000000000005\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventEnd, NoFault},
	{"size-zeros-17", "00000000000000005\r\nhello\r\n0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeLarge},
	{"size-max", "7fffffffffffffff\r\nhello", Framing{Kind: Chunked}, "hello", "", EventNone, NoFault},
	{"size-over", "8000000000000000\r\nhello", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeLarge},
	{"size-wraps", "10000000000000005\r\nhello", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeLarge},
	{"size-all-ones", "ffffffffffffffff\r\nhello", Framing{Kind: Chunked}, "", "", EventReset, ChunkSizeLarge},
	{"data-long", "5\r\nhelloo\r\n0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventReset, ChunkDataEnd},
	{"data-lf", "5\r\nhello\n0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventReset, ChunkDataEnd},
	{"data-cr", "5\r\nhello\rX0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventReset, ChunkDataEnd},
	{"data-no-end", "5\r\nhello0\r\n\r\n", Framing{Kind: Chunked}, "hello", "", EventReset, ChunkDataEnd},
	{"last-lf", "0\r\n\nGET", Framing{Kind: Chunked}, "", "\nGET", EventTrailers, NoFault},
	{"last-cr", "0\r\n\rX", Framing{Kind: Chunked}, "", "", EventReset, ChunkDataEnd},
	{"trailers", "5\r\nhello\r\n0\r\nA: b\r\n\r\n", Framing{Kind: Chunked}, "hello", "A: b\r\n\r\n", EventTrailers, NoFault},
	{"one-byte-chunks", strings.Repeat("1\r\nx\r\n", 5000) + "0\r\n\r\n", Framing{Kind: Chunked}, strings.Repeat("x", 5000), "", EventEnd, NoFault},
	{"one-byte-chunks-padded", strings.Repeat("1;"+strings.Repeat("e", 200)+"\r\nx\r\n", 200) + "0\r\n\r\n", Framing{Kind: Chunked}, "", "", EventReset, ChunkOverhead},
	{"large-chunks-padded", strings.Repeat("100;"+strings.Repeat("e", 200)+"\r\n"+strings.Repeat("x", 256)+"\r\n", 200) + "0\r\n\r\n", Framing{Kind: Chunked}, strings.Repeat("x", 256*200), "", EventEnd, NoFault},
}

func TestBody(t *testing.T) {
	t.Parallel()
	for _, c := range bodyCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(c.in)
			g := newGuard(t, len(in))
			whole := decode(t, g, c.framing, in, len(in), false)
			if whole.event != c.event || whole.fault != c.fault {
				t.Fatalf("%.80q: got %v, %v, want %v, %v", in, whole.event, whole.fault, c.event, c.fault)
			}
			if c.fault != ChunkOverhead && c.fault == NoFault && (whole.payload != c.payload || c.in[whole.used:] != c.rest) {
				t.Fatalf("%.80q: got %.80q and %.80q left, want %.80q and %.80q", in, whole.payload, c.in[whole.used:], c.payload, c.rest)
			}
			checkPieces(t, g, &c, whole)
		})
	}
}

// checkPieces decodes in pieces of other sizes, and as a caller does that passes chunks on as they are.
func checkPieces(t *testing.T, g *guard, c *bodyCase, whole decoded) {
	t.Helper()
	in := []byte(c.in)
	most := min(len(in), 40)
	for size := 1; size <= most; size++ {
		if got := decode(t, g, c.framing, in, size, false); got != whole {
			t.Fatalf("%.80q in pieces of %d: got %+v, want %+v", in, size, got, whole)
		}
		if size > 3 && len(in) > 1000 {
			break
		}
	}
	whole.payload = strings.Repeat("r", len(whole.payload))
	for size := 1; size <= most; size++ {
		if got := decode(t, g, c.framing, in, size, true); got != whole {
			t.Fatalf("%.80q raw in pieces of %d: got %+v, want %+v", in, size, got, whole)
		}
		if size > 3 && len(in) > 1000 {
			break
		}
	}
	if got := decode(t, g, c.framing, in, len(in), true); got != whole {
		t.Fatalf("%.80q raw: got %+v, want %+v", in, got, whole)
	}
}

func TestBodyEOF(t *testing.T) {
	t.Parallel()
	for _, c := range bodyCases {
		var y Body
		y.Start(c.framing)
		b := []byte(c.in)
		var s Step
		for {
			s = y.Next(b)
			b = b[s.Skip+s.Data:]
			if s.End || s.Event == EventReset || s.Event == EventTrailers || s.Skip+s.Data == 0 || len(b) == 0 {
				break
			}
		}
		want := Step{Event: EventReset, Fault: Truncated}
		if y.Ended() || c.framing.Kind == UntilClose || c.framing.Kind == Tunnel {
			want = Step{Event: EventEnd, End: true}
		}
		if got := y.EOF(); got != want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, want)
		}
	}
}

func TestLeft(t *testing.T) {
	t.Parallel()
	for f, want := range map[Framing]int64{{}: 0, {Length, 9}: 7, {Kind: Chunked}: -1, {Kind: UntilClose}: -1} {
		var y Body
		y.Start(f)
		y.Next([]byte("1\r"))
		if got := y.Left(); got != want {
			t.Errorf("%v: got %d, want %d", f, got, want)
		}
	}
}

func TestAppendChunkLine(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65536, 1<<31 - 1, 1 << 62, 1<<63 - 1} {
		got := string(AppendChunkLine(nil, size))
		if want := fmt.Sprintf("%x\r\n", size); got != want || len(got) > ChunkLineSize {
			t.Errorf("%d: got %q, want %q", size, got, want)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("0: got no panic")
		}
	}()
	AppendChunkLine(nil, 0)
}
