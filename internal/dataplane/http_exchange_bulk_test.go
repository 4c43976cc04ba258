package dataplane_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// bulkBytes is more than sockets, pipes and buffers of one exchange hold together, so that flows block and go on.
const bulkBytes = 12<<20 + 12_345

// webServer is a backend of net/http. The returned function closes its connections; call it by t.Cleanup once the engine runs.
func webServer(t *testing.T, handler http.HandlerFunc) (addr netip.AddrPort, closeAll func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: lulltest.Patience}
	go func() { _ = s.Serve(l) }()
	return netip.MustParseAddrPort(l.Addr().String()), func() { _ = s.Close() }
}

// webClient returns a client of net/http for a listener.
func webClient(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 6 * lulltest.Patience}
}

// bulkHandler takes a pattern and sends one, as the request's target says: /<framing>/<bytes up>/<bytes down>/<seed>. What it
// thinks of what it got it says in a trailer, where the framing has any.
func bulkHandler(w http.ResponseWriter, r *http.Request) {
	part := strings.Split(r.URL.Path, "/")
	up, _ := strconv.Atoi(part[2])
	down, _ := strconv.Atoi(part[3])
	seed, _ := strconv.Atoi(part[4])
	err := checkPattern(r.Body, up, byte(seed))
	if n, _ := io.Copy(io.Discard, r.Body); n > 0 || err != nil {
		http.Error(w, fmt.Sprintf("%v, and %d bytes more", err, n), http.StatusTeapot)
		return
	}
	if sum := r.Trailer.Get("X-Sum"); r.ContentLength < 0 && sum != part[2] {
		http.Error(w, fmt.Sprintf("trailer %q", sum), http.StatusTeapot)
		return
	}
	switch part[1] {
	case "length":
		w.Header().Set("Content-Length", part[3])
	case "close": // of known length to nobody
		conn, _, _ := http.NewResponseController(w).Hijack()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n")
		_ = sendPattern(conn, down, byte(seed))
		_ = conn.Close()
		return
	case "chunked":
		w.Header().Set("Trailer", "X-Sum")
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
	}
	_ = sendPattern(w, down, byte(seed))
	w.Header().Set("X-Sum", part[3])
}

// patternReader reads as a pattern.
type patternReader struct {
	at, size int
	seed     byte
}

func (p *patternReader) Read(b []byte) (int, error) {
	n := min(len(b), p.size-p.at, 1+(p.at*7919)%60_000) // pieces, and so chunks, of all sizes
	pattern(b[:n], p.at, p.seed)
	if p.at += n; n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestBulk: bodies of many megabytes arrive whole, in every framing and both ways, several at once.
func TestBulk(t *testing.T) {
	busy(t)
	for _, loops := range []int{1, 2} {
		t.Run(fmt.Sprintf("loops_%d", loops), func(t *testing.T) {
			t.Parallel()
			addr, closeAll := webServer(t, bulkHandler)
			e := startHTTP(t, loops, lulltest.HTTPPlan(timeout.Directional, addr))
			t.Cleanup(closeAll)
			client := webClient(t)
			type row struct {
				framing  string // of the response
				chunked  bool   // the request
				up, down int
				old      bool // HTTP/1.0
			}
			rows := []row{
				{"length", false, bulkBytes, 10, false}, {"length", true, bulkBytes, 10, false},
				{"length", false, 0, bulkBytes, false}, {"chunked", false, 0, bulkBytes, false}, {"close", false, 0, bulkBytes, false},
				{"length", false, 0, bulkBytes, true}, {"chunked", false, 0, bulkBytes, true}, {"close", false, 0, bulkBytes, true},
				{"chunked", true, bulkBytes / 2, bulkBytes / 2, false},
			}
			inParallel(len(rows), func(i int) {
				r := rows[i]
				path := fmt.Sprintf("/%s/%d/%d/%d", r.framing, r.up, r.down, i)
				if r.old {
					if err := fetchOld(e.Local(lulltest.HTTPKey), path, r.down, byte(i)); err != nil {
						t.Errorf("%+v: %v", r, err)
					}
					return
				}
				var body io.Reader
				if r.up > 0 {
					body = &patternReader{size: r.up, seed: byte(i)}
				}
				request, err := http.NewRequestWithContext(context.Background(), http.MethodPut, "http://"+e.Local(lulltest.HTTPKey).String()+path, body)
				if err != nil {
					t.Error(err)
					return
				}
				request.ContentLength = int64(r.up)
				if r.chunked {
					request.ContentLength, request.Trailer = -1, http.Header{"X-Sum": {strconv.Itoa(r.up)}}
				}
				if err := fetch(client, request, r.framing, r.down, byte(i)); err != nil {
					t.Errorf("%+v: %v", r, err)
				}
			})
			if !lulltest.Eventually(func() bool { return e.Exchanges().Next() == uint64(len(rows)) }) {
				t.Errorf("exchanges: got records of %d, want %d", e.Exchanges().Next(), len(rows))
			}
			for _, x := range lulltest.Recorded(&e.Exchanges().Ring) {
				if x.BytesUp+x.BytesDown < bulkBytes-1 || x.Status != 200 {
					t.Errorf("exchange: got %d with %d bytes up and %d down, want 200 and %d bytes", x.Status, x.BytesUp, x.BytesDown, bulkBytes)
				}
			}
		})
	}
}

// fetch asks for a pattern and checks what comes.
func fetch(client *http.Client, request *http.Request, framing string, size int, seed byte) error {
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %q", response.Status, text)
	}
	if err := checkPattern(response.Body, size, seed); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, response.Body); n > 0 || err != nil {
		return fmt.Errorf("%d bytes more, %w", n, err)
	}
	if sum := response.Trailer.Get("X-Sum"); framing == "chunked" && sum != strconv.Itoa(size) {
		return fmt.Errorf("trailer %q, want %d", sum, size)
	}
	return nil
}

// fetchOld asks in HTTP/1.0, for which the connection's end is the body's.
func fetchOld(to netip.AddrPort, path string, size int, seed byte) error {
	conn, err := net.DialTimeout("tcp", to.String(), lulltest.Patience)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(3 * lulltest.Patience))
	if _, err := io.WriteString(conn, "PUT "+path+" HTTP/1.0\r\n\r\n"); err != nil {
		return err
	}
	in := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		if line, err = in.ReadString('\n'); err != nil {
			return err
		}
	}
	if err := checkPattern(in, size, seed); err != nil {
		return err
	}
	if n, err := io.Copy(io.Discard, in); n > 0 || err != nil {
		return fmt.Errorf("%d bytes more, %w", n, err)
	}
	return nil
}

// counted writes and counts.
type counted struct {
	to io.Writer
	n  atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n.Add(int64(n))
	return n, err
}

// stuck waits until nothing more can be written: for a fifth of a second none was, and lull holds some.
func (s *site) stuck(c *lulltest.HTTPConn, w *counted) {
	s.t.Helper()
	last, since := int64(-1), time.Now()
	if !lulltest.Eventually(func() bool {
		live, _ := s.StateOf(c)
		if n := w.n.Load(); n != last || live.PendingUp+live.PendingDown == 0 {
			last, since = n, time.Now()
		}
		return time.Since(since) > 200*time.Millisecond
	}) {
		s.t.Fatalf("still more than %d bytes can be written, want the sender to be held up", last)
	}
}

// TestBackPressure: who does not read stops who sends, with no more held in between than one piece; and when he reads at last
// everything goes on.
func TestBackPressure(t *testing.T) {
	busy(t)
	const size = 40 << 20 // more than the receiver and lull's socket to it take
	const heldMax = 128 << 10
	for _, upload := range []bool{true, false} {
		for name, framing := range map[string]string{"length": fmt.Sprintf("Content-Length: %d\r\n\r\n", size), "chunked": "Transfer-Encoding: chunked\r\n\r\n"} {
			t.Run(map[bool]string{true: "up_", false: "down_"}[upload]+name, func(t *testing.T) {
				t.Parallel()
				s := counter(t, 1, timeout.Shared, nil)
				var client, backend *lulltest.HTTPConn
				var from, to *lulltest.HTTPConn
				if upload {
					client, backend = s.meet(post + framing)
					readHead(t, backend)
					from, to = client, backend
				} else {
					client, backend = s.meet(lulltest.Request("GET", "/", ""))
					backend.Request()
					backend.Send("HTTP/1.1 200 OK\r\n" + framing)
					readHead(t, client)
					from, to = backend, client
				}
				w := &counted{to: from.Conn}
				sent := make(chan error, 1)
				go func() {
					if name == "chunked" {
						_, _ = fmt.Fprintf(w, "%x\r\n", size)
					}
					err := sendPattern(w, size, 0)
					if name == "chunked" && err == nil {
						_, err = io.WriteString(w, "\r\n0\r\n\r\n")
					}
					sent <- err
				}()
				s.stuck(client, w)
				live, _ := s.StateOf(client)
				if pending, taken := live.PendingUp+live.PendingDown, live.BytesUp+live.BytesDown; pending > heldMax || taken > size/2 {
					t.Errorf("lull holds %d bytes, and took %d; want at most %d held, and the rest left to the kernel", pending, taken, heldMax)
				}
				if held := s.Held(); held.Loans > 2 {
					t.Errorf("on loan: got %d, want at most 2", held.Loans)
				}
				if name == "chunked" {
					to.Expect(fmt.Sprintf("%x\r\n", size))
				}
				_ = to.SetReadDeadline(time.Now().Add(3 * lulltest.Patience))
				if err := checkPattern(to, size, 0); err != nil {
					t.Error(err)
				}
				if name == "chunked" {
					to.Expect("\r\n0\r\n\r\n")
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
				if upload {
					backend.Send(lulltest.Response("hello"))
					client.ExpectAnswer("hello")
				}
				s.WaitPooled(1)
				if held := s.Held(); held.Loans != 0 || held.HTTP.Exchanges != 0 {
					t.Errorf("afterwards: got %+v, want nothing on loan", held)
				}
			})
		}
	}
}

// TestBackPressureMany: slow clients do not add up to more than a piece each.
func TestBackPressureMany(t *testing.T) {
	busy(t)
	const clients, size = 12, 12 << 20
	backend := lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, _ lulltest.Seen) bool {
		c.Reply(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", size))
		return sendPattern(c.Conn, size, 0) == nil
	})
	e := startHTTP(t, 2, lulltest.HTTPPlan(timeout.Shared, backend.Addr))
	var slow []*lulltest.HTTPConn
	for range clients {
		c := lulltest.HTTP(lulltest.DialSized(t, e.Local(lulltest.HTTPKey), 8<<10))
		c.Get("/")
		slow = append(slow, c)
	}
	for _, c := range slow {
		if !lulltest.Eventually(func() bool { live, _ := e.StateOf(c); return live.PendingDown > 0 }) {
			t.Fatalf("nothing is held for a client that does not read")
		}
	}
	if held := e.Held(); held.Loans > 2*clients {
		t.Errorf("on loan: got %d, want at most %d", held.Loans, 2*clients)
	}
	quick := e.DialHTTP() // and nobody else waits for them
	quick.Get("/")
	quick.Head()
	if err := checkPattern(quick, size, 0); err != nil {
		t.Error(err)
	}
	for i, c := range slow {
		if i%2 == 0 {
			_ = c.Close()
			continue
		}
		c.Reset()
	}
}
