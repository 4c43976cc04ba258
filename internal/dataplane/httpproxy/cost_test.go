package httpproxy

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/timeout"
)

// exchangeKind is what client and backend say to each other again and again, over connections that both keep.
type exchangeKind struct {
	request  string // as the client sends it
	response string // as the backend sends it, and as the client gets it
	change   func(*plan.Listener)
}

//nolint:gochecknoglobals // the rows of a table
var exchangeKinds = map[string]exchangeKind{
	"get":         {request: get, response: hello},
	"get_browser": {request: browser, response: strings.Replace(hello, "\r\n", "\r\nServer: x\r\nContent-Type: text/html\r\nCache-Control: no-store\r\n", 1)},
	"get_length": {
		request: get, response: "HTTP/1.1 200 OK\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("x", 64<<10),
	},
	"get_chunked": {
		request:  get,
		response: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("4000\r\n"+strings.Repeat("x", 16<<10)+"\r\n", 4) + "0\r\n\r\n",
	},
	"post_chunked": {
		request: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
			strings.Repeat("1000\r\n"+strings.Repeat("x", 4<<10)+"\r\n", 4) + "0\r\nX-Sum: 1\r\n\r\n",
		response: hello,
	},
	"get_directional": {request: get, response: hello, change: func(l *plan.Listener) {
		l.Timeouts.Model, l.Timeouts.FrontKeepalive, l.Timeouts.BackKeepalive = timeout.Directional, time.Minute, time.Minute
	}},
	"get_sticky": {request: strings.Replace(get, "\r\n\r\n", "\r\nCookie: a=b\r\n\r\n", 1), response: hello, change: func(l *plan.Listener) {
		l.BackendSet.Stickiness = &plan.Stickiness{Cookie: "S", Follow: "JSESSIONID"}
	}},
	"get_site":       {request: browser, response: hello, change: withSite(0)},
	"get_policy_100": {request: browser, response: hello, change: withSite(100)},
	"get_edited": {request: browser, response: hello, change: func(l *plan.Listener) {
		withSite(0)(l)
		s := l.Sites[0]
		s.RequestID = "X-Request-Id"
		s.Request = mustEdit(rules.HeaderEdit{Name: "X-Tenant", Value: "t"}, rules.HeaderEdit{Kind: rules.RemoveField, Name: "Cookie"},
			rules.HeaderEdit{Kind: rules.ExtendField, Name: "User-Agent", Suffix: " (lull)"})
		s.Response = mustEdit(rules.HeaderEdit{Name: "Strict-Transport-Security", Value: "max-age=31536000"},
			rules.HeaderEdit{Kind: rules.RemoveField, Name: "Server"})
	}},
	"get_limited": {request: get, response: hello, change: func(l *plan.Listener) { l.BackendSet.Backends[0].ConnectionsMax = 1 }},
}

// withSite gives the listener a site, found by its host, with a policy of so many rules, of which none but the last holds.
func withSite(policy int) func(*plan.Listener) {
	return func(l *plan.Listener) {
		c := rules.Config{}
		for i := range policy {
			text := fmt.Sprintf("all(http.request.headers[(i 'Host')] eq 'app-%d', http.request.url.path sw '/service-%[1]d/')", i)
			if i == policy-1 {
				text = "http.request.url.path sw '/'"
			}
			condition, err := rules.ParseCondition(text)
			if err != nil {
				panic(err)
			}
			c.Rules = append(c.Rules, rules.Rule{Condition: condition})
		}
		table, err := rules.New(&c)
		if err != nil {
			panic(err)
		}
		l.Sites = []*plan.Site{{Name: "other", Table: table}, {Name: "site", Table: table, Idle: time.Minute}}
		if l.Hosts, err = rules.NewHosts([]rules.HostName{{Name: "*.example.com", Target: 1}}); err != nil {
			panic(err)
		}
	}
}

func mustEdit(edits ...rules.HeaderEdit) *rules.Edits {
	e, err := rules.NewEdits(edits, plan.ForwardedFields())
	if err != nil {
		panic(err)
	}
	return e
}

// browser is a request with the fields that a browser sends.
const browser = "GET /index.html?q=1 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n" +
	"Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n" +
	"Accept-Language: en-US,en;q=0.9\r\nCookie: a=1; b=2; session=0123456789abcdef0123456789abcdef\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"

// ping is a client and a backend that repeat an exchange and allocate nothing.
type ping struct {
	*rig
	kind   exchangeKind
	client *net.TCPConn
	at     []byte // what the backend reads, and what the client does
	answer []byte
}

func newPing(t testing.TB, kind exchangeKind) *ping {
	t.Helper()
	b := newPeer(t)
	p := &ping{rig: newRig(t, kind.change, b.addr), kind: kind}
	p.client = p.dial(false)
	send(t, p.client, kind.request)
	server := b.accept()
	got := make([]byte, 1<<20)
	size := 0
	last := kind.request[strings.Index(kind.request, "\r\n\r\n"):]
	for !strings.HasSuffix(string(got[:size]), last) { // how long a request is on its way to the backend
		_ = server.SetReadDeadline(time.Now().Add(patience))
		n, err := server.Read(got[size:])
		if err != nil {
			t.Fatalf("the backend read %q, %v", got[:size], err)
		}
		size += n
	}
	_ = server.SetReadDeadline(time.Time{})
	response := []byte(kind.response)
	go func() {
		for {
			if _, err := server.Write(response); err != nil {
				return // the end of the test
			}
			if _, err := io.ReadFull(server, got[:size]); err != nil {
				return
			}
		}
	}()
	p.at = []byte(kind.request)
	p.answer = make([]byte, p.answerSize())
	return p
}

// answerSize reads the first answer and returns its size, which is not the backend's if lull adds fields.
func (p *ping) answerSize() int {
	p.t.Helper()
	got := make([]byte, 1<<20)
	_ = p.client.SetReadDeadline(time.Now().Add(patience))
	defer func() { _ = p.client.SetReadDeadline(time.Time{}) }()
	tail := p.kind.response[strings.Index(p.kind.response, "\r\n\r\n"):]
	for size := 0; ; {
		n, err := p.client.Read(got[size:])
		if size += n; err != nil {
			p.t.Fatalf("the client read %q, %v", got[:size], err)
		}
		if strings.HasSuffix(string(got[:size]), tail) {
			return size
		}
	}
}

// exchange is one request and its answer.
func (p *ping) exchange() {
	if _, err := p.client.Write(p.at); err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.ReadFull(p.client, p.answer); err != nil {
		p.t.Fatal(err)
	}
}

// TestNothingAllocated: an exchange over connections that both sides keep allocates nothing, however its bodies are framed.
func TestNothingAllocated(t *testing.T) { //nolint:paralleltest // it counts what the whole process allocates
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const warm, exchanges = 200, 3000
	for name, kind := range exchangeKinds {
		t.Run(name, func(t *testing.T) {
			p := newPing(t, kind)
			for range warm { // pools and tables get their sizes
				p.exchange()
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range exchanges {
				p.exchange()
			}
			runtime.ReadMemStats(&after)
			// The runtime itself allocates now and then, so that it is not exactly none.
			if n := after.Mallocs - before.Mallocs; n > exchanges/50 {
				t.Errorf("%d exchanges: %d allocations of %d bytes, want none", exchanges, n, after.TotalAlloc-before.TotalAlloc)
			}
			if got := p.stats.Reused.Load(); got != warm+exchanges {
				t.Errorf("exchanges over a pooled connection: got %d, want %d", got, warm+exchanges)
			}
		})
	}
}

// TestNothingAllocatedForRedirects: nor does a redirect allocate anything, which is all that some listeners do.
func TestNothingAllocatedForRedirects(t *testing.T) { //nolint:paralleltest // it counts what the whole process allocates
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	const warm, requests = 200, 3000
	https := "https"
	to, err := rules.NewRedirect(&rules.RedirectTo{Protocol: &https})
	if err != nil {
		t.Fatal(err)
	}
	table, err := rules.New(&rules.Config{Redirects: []rules.Redirection{{Path: "/", Match: rules.PathPrefix, To: to}}})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(l *plan.Listener) {
		l.Sites = []*plan.Site{{Name: "site", Table: table, RequestID: "X-Request-Id"}}
	})
	c := r.dial(false)
	send(t, c, browser)
	got := make([]byte, 64<<10)
	size := 0
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for !strings.HasSuffix(string(got[:size]), "</html>\r\n") { // how long the answer is
		n, err := c.Read(got[size:])
		if size += n; err != nil {
			t.Fatalf("read %q: %v", got[:size], err)
		}
	}
	if text := string(got[:size]); !strings.Contains(text, "Location: https://www.example.com/index.html?q=1\r\n") {
		t.Fatalf("got %q", text)
	}
	request := []byte(browser)
	var before, after runtime.MemStats
	_ = c.SetReadDeadline(time.Time{})
	for i := range warm + requests {
		if i == warm {
			runtime.ReadMemStats(&before)
		}
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, got[:size]); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if n := after.Mallocs - before.Mallocs; n > requests/50 {
		t.Errorf("%d redirects: %d allocations of %d bytes, want none", requests, n, after.TotalAlloc-before.TotalAlloc)
	}
}

// BenchmarkExchange tells what an exchange costs the loop's thread, in user space ("user-ns/op") and in the kernel
// ("kernel-ns/op"); ns/op has client and backend in it. -benchtime should be seconds: the kernel samples which is which.
func BenchmarkExchange(b *testing.B) {
	for name, kind := range exchangeKinds {
		b.Run(name, func(b *testing.B) {
			p := newPing(b, kind)
			for range 100 {
				p.exchange()
			}
			user, kernel, turns := p.spent()
			b.ReportAllocs()
			for b.Loop() {
				p.exchange()
			}
			user2, kernel2, turns2 := p.spent()
			n := float64(b.N)
			b.ReportMetric(float64(user2-user)/n, "user-ns/op")
			b.ReportMetric(float64(kernel2-kernel)/n, "kernel-ns/op")
			b.ReportMetric(float64(turns2-turns)/n, "turns/op")
		})
	}
}

// BenchmarkPolicy tells what it costs to find the site of a browser's request and to decide by its table: a policy of 100 rules may add
// a microsecond to none. Beside the system calls of an exchange that does not show, so it is measured without them.
func BenchmarkPolicy(b *testing.B) {
	for _, policy := range []int{0, 1, 10, 100} {
		b.Run(strconv.Itoa(policy), func(b *testing.B) {
			r := newRig(b, withSite(policy), netip.MustParseAddrPort("127.0.0.1:1"))
			r.on(func() {
				p := r.p
				f := &front{listener: p.listeners[r.plan.Key], peer: relay.Pack(r.local)}
				f.x = &exchange{front: f}
				n := copy(p.in, browser)
				if _, ok := p.reread(f, n); !ok {
					b.Error("the request cannot be read")
				}
				b.ReportAllocs()
				for b.Loop() {
					p.enterSite(f)
					if forward, _ := p.decide(f, n, n); !forward {
						b.Error("the request is not forwarded")
					}
				}
			})
		})
	}
}

// spent returns the processor time of the loop's thread, and how often the loop has turned.
func (p *ping) spent() (user, kernel time.Duration, turns uint64) {
	p.t.Helper()
	var u unix.Rusage
	p.on(func() {
		if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
			p.t.Error(err)
		}
		turns = p.loop.Stats.Turns.Load()
	})
	return time.Duration(u.Utime.Nano()), time.Duration(u.Stime.Nano()), turns
}
