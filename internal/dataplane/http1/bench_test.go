package http1

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

const (
	smallRequest   = "GET /index.html HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: probe/1.0\r\nAccept: */*\r\n\r\n"
	browserRequest = "GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\nHost: www.kittyhell.com\r\n" +
		"User-Agent: Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: ja,en-us;q=0.7,en;q=0.3\r\n" +
		"Accept-Encoding: gzip,deflate,br\r\nConnection: keep-alive\r\n" +
		"Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; __utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; " +
		"__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.example.com|utmcct=/reader/view/|utmcmd=referral\r\n\r\n"
	commonResponse = "HTTP/1.1 200 OK\r\nServer: demo\r\nDate: Mon, 23 Mar 2026 10:00:00 GMT\r\nContent-Type: text/plain; charset=utf-8\r\n" +
		"Content-Length: 128\r\nConnection: keep-alive\r\n\r\n"
)

// useEdit is what a proxy does to every request.
//
//nolint:gochecknoglobals // a constant
var useEdit = Edit{
	ForwardedFor: []byte("192.0.2.1"),
	Drop:         Set(XForwardedProto, XForwardedPort, Expect),
	Lines:        []byte("X-Forwarded-Proto: http\r\nX-Forwarded-Port: 8080\r\n"),
}

func BenchmarkReadRequest(b *testing.B) {
	for name, in := range map[string]string{"small": smallRequest, "browser": browserRequest} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			raw := []byte(in)
			b.SetBytes(int64(len(raw)))
			var h Head
			var s Scan
			for b.Loop() {
				if n, _ := h.ReadRequest(raw, &s, &RequestLimits); n == 0 {
					b.Fatal("not read")
				}
			}
		})
		b.Run(name+"-net-http", func(b *testing.B) {
			b.ReportAllocs()
			raw := []byte(in)
			b.SetBytes(int64(len(raw)))
			src := bytes.NewReader(raw)
			r := bufio.NewReader(src)
			for b.Loop() {
				src.Reset(raw)
				r.Reset(src)
				if _, err := http.ReadRequest(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkReadResponse(b *testing.B) {
	raw := []byte(commonResponse)
	b.Run("common", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		var h Head
		var s Scan
		for b.Loop() {
			if n, _ := h.ReadResponse(raw, &s, &ResponseLimits); n == 0 {
				b.Fatal("not read")
			}
		}
	})
	b.Run("common-net-http", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(raw)))
		src := bytes.NewReader(raw)
		r := bufio.NewReader(src)
		for b.Loop() {
			src.Reset(raw)
			r.Reset(src)
			if _, err := http.ReadResponse(r, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkExchange is all that the codec does for one exchange: both heads read, classified and written.
func BenchmarkExchange(b *testing.B) {
	for name, in := range map[string]string{"small": smallRequest, "browser": browserRequest} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			x := newExchange(in, commonResponse)
			for b.Loop() {
				x.run()
			}
		})
	}
}

func BenchmarkChunks(b *testing.B) {
	b.ReportAllocs()
	raw := append(AppendChunkLine(nil, 4096), make([]byte, 4096)...)
	raw = append(raw, ChunkEnd...)
	b.SetBytes(4096)
	var y Body
	y.Start(Framing{Kind: Chunked})
	for b.Loop() {
		if s := y.NextRaw(raw); s.Data != 4096 || s.Skip != 8 {
			b.Fatalf("got %+v", s)
		}
	}
}

// exchange drives the codec as a proxy does.
type exchange struct {
	h        *Head
	up, down Receiver
	request  []byte
	response []byte
	dst      []byte
	ok       bool
}

func newExchange(request, response string) *exchange {
	return &exchange{h: new(Head), request: []byte(request), response: []byte(response), dst: make([]byte, 0, 4096)}
}

func (x *exchange) run() {
	x.up.Request()
	s := x.up.Next(x.request, x.h, &RequestLimits)
	e := useEdit
	e.Framing = x.h.RequestFraming()
	x.ok = s.Event == EventHead && Decide(Defensive, x.h.Classify(x.request).Class()) == Forward
	x.dst = x.h.AppendRequest(x.dst[:0], x.request, &e)
	x.down.Response(x.h.Method())
	s = x.down.Next(x.response, x.h, &ResponseLimits)
	x.ok = x.ok && s.Event == EventHead && x.h.KeepAlive()
	x.dst = x.h.AppendResponse(x.dst[:0], x.response, &Edit{Framing: x.h.ResponseFraming(GET)})
}

func TestNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	cases := map[string]func(){}
	for name, in := range map[string]string{
		"small": smallRequest, "browser": browserRequest, "post": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
		"odd": "GET http://a/ HTTP/1.1\nHost: a\nConnection: x, close\nX: y\nX-Forwarded-For: 1\n\n",
	} {
		x := newExchange(in, commonResponse)
		cases[name] = x.run
	}
	var h Head
	bad := []byte(post + "Transfer-Encoding: chunked, cow\r\n\r\n")
	cases["fault"] = func() {
		var s Scan
		if _, f := h.ReadRequest(bad, &s, &RequestLimits); f == NoFault || f.Info().Status == 0 {
			t.Error("not refused")
		}
	}
	chunks := []byte("5\r\nhello\r\n0\r\nA: b\r\n\r\n")
	cases["chunks"] = func() {
		r := Receiver{stage: stageBody}
		r.body.Start(Framing{Kind: Chunked})
		for in := chunks; len(in) > 0; {
			s := r.Next(in, &h, &ResponseLimits)
			in = in[s.Skip+s.Data:]
		}
		if !r.Done() {
			t.Error("not decoded")
		}
	}
	many := []byte("GET / HTTP/1.1\r\nHost: a\r\n" + string(bytes.Repeat([]byte("A: b\r\n"), 100)) + "\r\n")
	cases["many-fields-again"] = func() {
		var s Scan
		if n, _ := h.ReadRequest(many, &s, &RequestLimits); n == 0 {
			t.Error("not read")
		}
	}
	for name, run := range cases {
		run()
		if got := testing.AllocsPerRun(50, run); got != 0 {
			t.Errorf("%s: got %v allocations, want 0", name, got)
		}
	}
}
