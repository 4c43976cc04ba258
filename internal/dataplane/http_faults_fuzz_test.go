package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// drama is what the peers of one connection do: the client sends its bytes and ends its stream; the backend answers one
// request after the other with the parts of its bytes, and then leaves.
type drama struct {
	part chan []byte // of the backend; closed behind the last
	how  setup

	// Guarded by mu.
	mu    sync.Mutex
	conns []net.Conn
	tapes []*bytes.Buffer
	over  bool
}

// setup is how a drama is played: its bits are taken from a fuzzer's number.
type setup uint16

func (s setup) listener() int       { return int(s) % 8 }  // mode and timeout model; the last two have sites
func (s setup) early() bool         { return s>>4&1 != 0 } // the backend speaks before it is asked
func (s setup) backendResets() bool { return s>>5&1 != 0 } // and does not send a FIN
func (s setup) clientResets() bool  { return s>>6&1 != 0 } // likewise
func (s setup) clientDrips() bool   { return s>>7&1 != 0 } // byte by byte
func (s setup) backendDrips() bool  { return s>>8&1 != 0 } // likewise
func (s setup) String() string      { return fmt.Sprintf("%#x", uint16(s)) }
func dramaOf(b []byte, s setup) *drama {
	parts := bytes.Split(b, []byte("\n--\n"))
	d := &drama{part: make(chan []byte, len(parts)), how: s}
	for _, p := range parts {
		d.part <- p
	}
	close(d.part)
	return d
}

// patienceOfBackend is how long a backend waits for a request, or for lull to wait for the rest of its response.
const patienceOfBackend = 20 * time.Millisecond

// theatre is an engine with a listener for each mode and model, and two with sites, each before a backend of its own.
type theatre struct {
	*lulltest.Engine
	now atomic.Pointer[drama] // the drama that is played
}

func newTheatre(t testing.TB) *theatre {
	h := &theatre{}
	h.now.Store(dramaOf(nil, 0))
	var p *plan.Plan
	for i := range 8 {
		model := timeout.Model(i % 2)
		backend := lulltest.Serve(t, func(c *net.TCPConn) { h.now.Load().play(c) })
		if p == nil {
			p = lulltest.HTTPPlan(model, backend.Addr)
		} else {
			lulltest.AddHTTPListener(p, fmt.Sprint(i), backend.Addr)
		}
		l := p.LoadBalancers[0].Listeners[i]
		l.Desync, l.HeadMax = http1.Mode(i/2%3), 4096
		if i >= 6 {
			buildSites(t, l)
		}
		l.Timeouts = lulltest.HTTPTimeouts(model)
		if model == timeout.Shared {
			l.QueueMax = plan.QueueMaxShared
		}
	}
	h.Engine = lulltest.StartWith(t, dataplane.Options{Loops: 1}, p)
	return h
}

// buildSites gives a listener sites that refuse, redirect and edit.
func buildSites(t testing.TB, l *plan.Listener) {
	t.Helper()
	set := []*plan.BackendSet{l.BackendSet}
	to := redirect(t, &rules.RedirectTo{Path: text("/{path}{path}"), Query: text("{query}&{host}")})
	l.Sites = []*plan.Site{
		{Name: "default", Sets: set, RequestID: "X-Request-Id", Table: tableOf(t, &rules.Config{
			Methods: &rules.Methods{Allowed: []string{"GET", "POST", "HEAD"}}, Redirects: []rules.Redirection{{Path: "/a", To: to}},
		}), Request: editing(t, removeField("Cookie"), setField("X-A", "b"), extendField("X", "<", ">")), Response: editing(t, removeField("Link"), setField("X-B", "c"))},
		{Name: "closed", Sets: set, Table: tableOf(t, &rules.Config{Allow: []rules.Condition{rules.Any()}})},
		{Name: "wide", Sets: set, Table: tableOf(t, &rules.Config{Head: rules.HeadForm{BufferBytes: 16 << 10}})},
	}
	setHosts(t, l, rules.HostName{Name: "other", Target: 1}, rules.HostName{Name: "wide", Target: 2})
}

// address returns where the listener of that number listens.
func (h *theatre) address(i int) string {
	key := lulltest.HTTPKey
	if i > 0 {
		key.Name = fmt.Sprint(i)
	}
	return h.Local(key).String()
}

// play is the backend's part on one connection.
func (d *drama) play(c *net.TCPConn) {
	tape := &bytes.Buffer{}
	d.mu.Lock()
	if d.over {
		d.mu.Unlock()
		return
	}
	d.conns, d.tapes = append(d.conns, c), append(d.tapes, tape)
	d.mu.Unlock()
	kept := taped{c, tape, &d.mu}
	in := lulltest.NewReader(kept)
	more := true
	if d.how.early() {
		more = d.answer(c)
	}
	for more {
		if _, err := in.Request(); err != nil {
			break
		}
		more = d.answer(c)
	}
	_, _ = io.Copy(io.Discard, in)
	if d.how.backendResets() {
		_ = c.SetLinger(0)
	}
}

// taped keeps what it reads.
type taped struct {
	net.Conn
	tape *bytes.Buffer
	mu   *sync.Mutex
}

func (k taped) Read(b []byte) (int, error) {
	n, err := k.Conn.Read(b)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tape.Write(b[:n])
	return n, err
}

// answer sends the next part, and reports whether there may be another. Behind an empty part there is none: whoever waits for
// an answer would wait for ever.
func (d *drama) answer(c *net.TCPConn) bool {
	p := <-d.part
	say(c, p, d.how.backendDrips())
	if len(d.part) > 0 && len(p) > 0 {
		return true
	}
	if d.how.backendResets() {
		_ = c.SetLinger(0)
		_ = c.Close()
	} else {
		_ = c.CloseWrite()
	}
	return false
}

// say sends b, in pieces of a byte if drips is set.
func say(c net.Conn, b []byte, drips bool) {
	_ = c.SetWriteDeadline(time.Now().Add(lulltest.Patience))
	for drips && len(b) > 1 {
		if _, err := c.Write(b[:1]); err != nil {
			return
		}
		b = b[1:]
	}
	_, _ = c.Write(b)
}

// finish ends what is left of a drama and returns what the backend got, connection by connection.
func (d *drama) finish() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	var got [][]byte
	for i, c := range d.conns {
		_ = c.Close()
		got = append(got, bytes.Clone(d.tapes[i].Bytes()))
	}
	return got
}

// perform has the client send its bytes, and judges what both got.
func (h *theatre) perform(t testing.TB, client, backend []byte, s setup) {
	t.Helper()
	d := dramaOf(backend, s)
	h.now.Store(d)
	defer d.finish()
	raw, err := net.DialTimeout("tcp", h.address(s.listener()), lulltest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	c := raw.(*net.TCPConn)
	defer func() { _ = c.Close() }()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		say(c, client, s.clientDrips())
		if s.clientResets() {
			_ = c.SetLinger(0)
			_ = c.Close()
			return
		}
		_ = c.CloseWrite()
	}()
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	enough := time.AfterFunc(patienceOfBackend, func() { d.finish() })
	got, err := io.ReadAll(c)
	enough.Stop()
	<-sent
	if err != nil && lulltest.Closed(err) == "timeout" {
		t.Fatalf("%v: the client waits, and got %q", s, got)
	}
	_ = c.Close()
	for _, b := range d.finish() {
		if _, err := checkRequests(b); err != nil {
			t.Fatalf("%v: the backend got %q: %v", s, b, err)
		}
	}
	if err := checkResponses(got, bytes.Contains(client, []byte("HEAD"))); err != nil {
		t.Fatalf("%v: the client got %q: %v", s, got, err)
	}
	if !lulltest.Eventually(func() bool { return h.Held().Idle() }) {
		t.Fatalf("%v: the engine still holds %+v", s, h.Held())
	}
}

// FuzzProxy sends arbitrary bytes through a running engine from both sides. Whatever they are, the backend gets well-formed
// requests, the client well-formed responses or the end of its connection, nobody waits, and nothing is left behind.
func FuzzProxy(f *testing.F) {
	for _, client := range fuzzClients {
		for i, backend := range fuzzBackends {
			f.Add([]byte(client), []byte(backend), uint16(i))
		}
	}
	h := newTheatre(f)
	f.Fuzz(func(t *testing.T, client, backend []byte, how uint16) {
		if len(client) > 1<<14 || len(backend) > 1<<14 {
			t.Skip()
		}
		h.perform(t, client, backend, setup(how))
	})
}

// The seeds of FuzzProxy: every client meets every backend.
//
//nolint:gochecknoglobals // constant tables
var (
	fuzzClients = []string{
		get("/"),
		get("/a") + get("/b"),
		lulltest.Request("HEAD", "/", "") + lulltest.Request("POST", "/", "hello"),
		post + chunkedLine + "\r\n" + chunks + get("/"),
		post + chunkedLine + "Content-Length: 3\r\n\r\n" + chunks + get("/"),
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + get("/"),
		"GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello",
		post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
		"GET http://other/ HTTP/1.1\nHost: test\nConnection: close, X\nX: y\n\n",
		"OPTIONS * HTTP/1.1\r\nHost: test\r\nX-Forwarded-For: 192.0.2.1\r\nCookie: a=b\r\n\r\n",
		post + "Content-Length: 100\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: other\r\nContent-Length: 5\r\n\r\nhello" + get("/a?b") + "PUT / HTTP/1.1\r\nHost: wide\r\nX: y\r\nx_request-id: z\r\n\r\n",
	}
	fuzzBackends = []string{
		ok + "Content-Length: 5\r\n\r\nhello\n--\n" + ok + "Content-Length: 5\r\n\r\nhello",
		ok + chunkedLine + "\r\n" + chunks + "\n--\n" + ok + "\r\nuntil close",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\n--\nHTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello\n--\n",
		ok + "Content-Length: 5\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello" + unasked,
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n\n--\n\n--\nhello",
		ok + chunkedLine + "Trailer: X\r\n\r\n5;a\r\nhello\r\n0\r\nX: y\r\n\r\n",
		strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n", 3) + ok + "Content-Length: 50\r\n\r\nhello",
	}
)
