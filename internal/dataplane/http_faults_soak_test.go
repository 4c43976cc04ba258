package dataplane_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

const (
	soakTime    = 2 * time.Second
	soakClients = 16
)

// act is one exchange of the soak: client and backend both work it out from its number, so both know what must come.
type act struct {
	id       uint64
	method   string
	minor    int
	up, down int    // bytes of the bodies; the body of each is the id again and again
	upChunks bool   // framing of the request
	expects  bool   // a 100 before the body
	framing  string // of the response: "length", "chunked", "close"
	interims int
	fault    string // of the backend; empty: none
	cut      int    // permille of the response that is sent, for the faults that cut
}

// actOf returns the act with that number.
func actOf(id uint64) act {
	r := rand.New(rand.NewPCG(id, 7))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	a := act{id: id, method: pick("GET", "GET", "HEAD", "PUT", "POST", "POST", "ODD"), minor: 1, framing: pick("length", "length", "chunked", "close")}
	if r.IntN(8) == 0 {
		a.minor = 0
	}
	if a.method != "GET" && a.method != "HEAD" {
		a.up, a.upChunks, a.expects = soakSize(r), a.minor == 1 && r.IntN(2) == 0, r.IntN(8) == 0
	}
	a.down = soakSize(r)
	if r.IntN(6) == 0 {
		a.interims = 1 + r.IntN(3)
	}
	if r.IntN(4) == 0 {
		a.fault = pick("cut_fin", "cut_reset", "nonsense", "silent_fin", "silent_reset", "more", "early", "early_close", "switch", "close")
	}
	a.cut = r.IntN(1000)
	if a.fault == "more" { // in one segment with the end of the response: what comes later is a race that nobody can win
		a.framing, a.down, a.interims = "length", a.down%500, 0
	}
	return a
}

// soakSize returns a size: usually small, sometimes more than any buffer.
func soakSize(r *rand.Rand) int {
	switch n := r.IntN(20); {
	case n < 5:
		return 0
	case n < 15:
		return r.IntN(1000)
	case n < 19:
		return r.IntN(20_000)
	}
	return r.IntN(400_000)
}

// body returns n bytes that say to whom they belong.
func (a act) body(n int) string {
	mark := fmt.Sprintf("%016x;", a.id)
	return strings.Repeat(mark, n/len(mark)+1)[:n]
}

// chunked returns s as chunks of various sizes.
func (a act) chunked(s string) string {
	var b strings.Builder
	for i := 1; len(s) > 0; i++ {
		n := min(len(s), 1+int(a.id>>(i%40))%(1+len(s)))
		fmt.Fprintf(&b, "%x;i=%d\r\n%s\r\n", n, i, s[:n])
		s = s[n:]
	}
	return b.String() + "0\r\n\r\n"
}

func (a act) request() string {
	head := fmt.Sprintf("%s /%d HTTP/1.%d\r\nHost: test\r\nX-ID: %d\r\n", a.method, a.id, a.minor, a.id)
	if a.minor == 0 {
		head += "Connection: keep-alive\r\n"
	}
	if a.expects {
		head += "Expect: 100-continue\r\n"
	}
	body := a.body(a.up)
	switch {
	case a.upChunks:
		head += chunkedLine
		body = a.chunked(body)
	case a.method != "GET" && a.method != "HEAD":
		head += fmt.Sprintf("Content-Length: %d\r\n", a.up)
	}
	return head + "\r\n" + body
}

func (a act) response() string {
	head, body := fmt.Sprintf("HTTP/1.1 200 OK\r\nX-ID: %d\r\n", a.id), a.body(a.down)
	switch a.framing {
	case "length":
		head += fmt.Sprintf("Content-Length: %d\r\n", a.down)
	case "chunked":
		head += chunkedLine
		body = a.chunked(body)
	}
	if a.fault == "close" {
		head += "Connection: close\r\n"
	}
	if a.method == "HEAD" {
		body = ""
	}
	return strings.Repeat("HTTP/1.1 102 X\r\n\r\n", a.interims) + head + "\r\n" + body
}

// serve is the backend's part: it reads requests and answers each as its act wants.
func (k *soak) serve(c *net.TCPConn) {
	k.mu.Lock()
	k.conns = append(k.conns, c)
	k.mu.Unlock()
	in := lulltest.NewReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(10 * lulltest.Patience))
		r, err := http.ReadRequest(in.Reader)
		if err != nil {
			return
		}
		id, _ := strconv.ParseUint(strings.TrimPrefix(r.RequestURI, "/"), 10, 64)
		a := actOf(id)
		if got := r.Header.Get("X-ID"); got != fmt.Sprint(id) || r.Method != a.method {
			k.t.Errorf("backend: %s %s has X-ID %s: a head of two requests", r.Method, r.RequestURI, got)
		}
		early := strings.HasPrefix(a.fault, "early")
		if early && !a.reply(c) {
			return
		}
		data, err := io.ReadAll(r.Body)
		if !strings.HasPrefix(a.body(a.up), string(data)) || err == nil && len(data) != a.up {
			k.t.Errorf("backend: the body of %d has %d bytes (%.40q), %v; want %d of its own", id, len(data), data, err, a.up)
		}
		if err != nil || !early && !a.reply(c) {
			return
		}
		k.served.Add(1)
	}
}

// reply sends the response, and reports whether the connection goes on.
func (a act) reply(c *net.TCPConn) bool {
	if strings.HasSuffix(a.fault, "reset") {
		_ = c.SetLinger(0)
	}
	text := a.response()
	switch a.fault {
	case "cut_fin", "cut_reset":
		text = text[:len(text)*a.cut/1000]
	case "silent_fin", "silent_reset":
		return false
	case "nonsense":
		text = a.body(100)
	case "switch":
		text = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + unasked
	case "more":
		text += unasked
	}
	_ = c.SetWriteDeadline(time.Now().Add(lulltest.Patience))
	_, err := io.WriteString(c, text)
	unframed := a.framing == "close" && a.method != "HEAD"
	return err == nil && !unframed && (a.fault == "" || a.fault == "more" || a.fault == "early")
}

// soak is a run of many clients against one engine.
type soak struct {
	t              *testing.T
	e              *lulltest.Engine
	served, whole  atomic.Int64
	broken, failed atomic.Int64

	// Guarded by mu.
	mu    sync.Mutex
	conns []*net.TCPConn
}

// TestSoak has many clients at once do whatever clients do, before backends that do whatever backends do. Nobody ever gets
// a byte that belongs to somebody else, or a part for the whole, and whoever does nothing wrong gets what was asked for.
func TestSoak(t *testing.T) {
	busy(t)
	for loops, model := range map[int]timeout.Model{1: timeout.Shared, 2: timeout.Directional} {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			random := seeded(t)
			k := &soak{t: t}
			a, b := lulltest.Serve(t, k.serve), lulltest.Serve(t, k.serve)
			k.e = startHTTP(t, loops, lulltest.HTTPPlan(model, a.Addr, b.Addr))
			until := time.Now().Add(soakTime)
			var all sync.WaitGroup
			for range soakClients {
				r := rand.New(rand.NewPCG(random.Uint64(), 0))
				all.Go(func() {
					for time.Now().Before(until) && !t.Failed() {
						k.visit(r)
					}
				})
			}
			all.Wait()
			k.closeBackends()
			t.Logf("%d requests served; %d whole responses, %d broken, %d pages", k.served.Load(), k.whole.Load(), k.broken.Load(), k.failed.Load())
			if k.whole.Load() == 0 || k.broken.Load() == 0 || k.failed.Load() == 0 {
				t.Error("the soak has not seen all that it should")
			}
		})
	}
}

// closeBackends ends what lull has pooled.
func (k *soak) closeBackends() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.conns {
		_ = c.Close()
	}
}

// visit is a client's connection: some requests, one behind the other, and now and then an end in their middle.
func (k *soak) visit(r *rand.Rand) {
	raw, err := net.DialTimeout("tcp", k.e.Local(lulltest.HTTPKey).String(), lulltest.Patience)
	if err != nil {
		k.t.Error(err)
		return
	}
	c := raw.(*net.TCPConn)
	defer func() { _ = c.Close() }()
	acts := make([]act, 1+r.IntN(5))
	var text strings.Builder
	for i := range acts {
		acts[i] = actOf(r.Uint64())
		text.WriteString(acts[i].request())
	}
	all := text.String()
	leaves := r.IntN(8) // 0: with a FIN in the middle; 1: with an RST; 2: with a FIN behind everything
	if leaves < 2 {
		all = all[:r.IntN(len(all))]
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		say(c, []byte(all), false)
		switch leaves {
		case 0, 2:
			_ = c.CloseWrite()
		case 1:
			_ = c.SetLinger(0)
			_ = c.Close()
		}
	}()
	in := lulltest.NewReader(c)
	for _, a := range acts {
		_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
		if !k.read(in, a, leaves < 2) {
			break
		}
	}
	_ = c.SetWriteDeadline(time.Now())
	<-sent
}

// read reads the response to a and judges it. It reports whether the connection goes on. left says that the client has left
// in the middle.
func (k *soak) read(in lulltest.Reader, a act, left bool) (more bool) {
	got, err := in.Answer(a.method)
	if err != nil {
		if !left {
			k.t.Errorf("%+v: the client got no response: %v", a, err)
		}
		return false
	}
	unframed := a.framing == "close" && a.fault == "cut_fin" && a.method != "HEAD"
	switch id := got.Header.Get("X-ID"); {
	case got.How == "timeout":
		k.t.Errorf("%+v: the client waits behind %d bytes", a, len(got.Data))
	case id == "": // of lull itself
		k.failed.Add(1)
		if !left && !a.mayFail() || !got.Close || got.StatusCode < 400 {
			k.t.Errorf("%+v: the client got %s", a, got.Status)
		}
		return false
	case id != fmt.Sprint(a.id) || !strings.HasPrefix(a.body(a.down), string(got.Data)):
		k.t.Errorf("%+v: the client got the response to %s, with %.80q", a, id, got.Data)
	case got.How != "whole":
		k.broken.Add(1)
		if !left && a.fault != "cut_fin" && a.fault != "cut_reset" && a.fault != "early" && a.fault != "early_close" {
			k.t.Errorf("%+v: the client got %d bytes and %s", a, len(got.Data), got.How)
		}
	case len(got.Data) != a.down && a.method != "HEAD" && !unframed:
		k.t.Errorf("%+v: the client got %d bytes, and takes them for all", a, len(got.Data))
	default:
		k.whole.Add(1)
		return !got.Close
	}
	return false
}

// mayFail says whether the client may get a page of lull's instead of the response: the backend is to blame, or it closed a
// pooled connection under a request that may not be repeated or is too long to be kept.
func (a act) mayFail() bool {
	repeatable := a.method == "GET" || a.method == "HEAD" || a.method == "PUT" && len(a.request()) < 60_000
	return a.fault != "" && a.fault != "close" && a.fault != "more" || !repeatable
}
