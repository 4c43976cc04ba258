package demo

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// waitMax bounds what a visitor may ask a backend to wait for: longer than any idle timeout.
	waitMax = 2 * time.Hour
	// headLimit is how long the head of a request may take. lull sends them in one piece.
	headLimit = 10 * time.Second
	// streamEvery is the time from one line of a stream to the next.
	streamEvery = time.Second
)

// Guide is what the website tells its visitors about the demonstration around it.
type Guide struct {
	AWS, OCI uint16 // HTTP ports of the two load balancers
	Command  string // how to call lull from the directory of the demonstration
	Flags    string // what its commands need to find this lull: " --socket PATH", or nothing
}

// web is a website whose pages take their time.
type web struct {
	// Fixed after serveWeb.
	name   string
	guide  Guide
	server *http.Server
	cancel context.CancelFunc // ends whatever a handler waits for

	running sync.WaitGroup
	crowd   crowd
}

func serveWeb(l *net.TCPListener, name string, g Guide) *web {
	w := &web{name: name, guide: g}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", w.hello)
	mux.HandleFunc("GET /healthz", func(out http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(out, "ok\n") })
	mux.HandleFunc("GET /slow", w.slow)
	mux.HandleFunc("GET /stream", w.stream)
	mux.HandleFunc("POST /upload", w.upload)
	mux.HandleFunc("PUT /upload", w.upload)
	mux.HandleFunc("GET /ws", w.webSocket)
	all, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	w.server = &http.Server{ // no IdleTimeout: of a connection that is not used, lull should be the one who closes it
		Handler: mux, ReadHeaderTimeout: headLimit, ConnState: w.count, ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return all },
	}
	w.running.Go(func() { _ = w.server.Serve(l) })
	return w
}

func (w *web) close() {
	w.cancel()
	_ = w.server.Close()
	w.running.Wait()
	w.crowd.close()
}

// count follows the server's connections. One that becomes a WebSocket is dropped by its handler.
func (w *web) count(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		if !w.crowd.take(c) {
			_ = c.Close()
		}
	case http.StateClosed:
		w.crowd.drop(c)
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}

//go:embed page.html
var pageText string

// pageTemplate is parsed at start, so that a fault in it cannot wait for the first reader.
//
//nolint:gochecknoglobals // a constant in all but syntax
var pageTemplate = template.Must(template.New("page").Parse(pageText))

// visit is what the page is made of.
type visit struct {
	Guide
	Backend string
	Port    uint16   // of the load balancer that passed the request on; 0 if none did
	Lines   []string // the X-Forwarded fields of the request
}

// hello says which backend answers and what a load balancer has told it: in a page for browsers, in lines for others.
func (w *web) hello(out http.ResponseWriter, r *http.Request) {
	v := visit{Guide: w.guide, Backend: w.name, Lines: forwarded(r.Header)}
	if port, err := strconv.ParseUint(r.Header.Get("X-Forwarded-Port"), 10, 16); err == nil {
		v.Port = uint16(port)
	}
	out.Header().Set("Cache-Control", "no-store")
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		out.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = pageTemplate.Execute(out, v) // fails when the client leaves, which is no news
		return
	}
	plain(out)
	fmt.Fprintf(out, "hello from %s\n", w.name)
	for _, line := range v.Lines {
		fmt.Fprintln(out, line)
	}
}

// forwarded returns the fields that load balancers add, in the order of their names.
func forwarded(h http.Header) (lines []string) {
	for name, values := range h {
		if strings.HasPrefix(name, "X-Forwarded-") {
			for _, v := range values {
				lines = append(lines, name+": "+v)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func plain(out http.ResponseWriter) {
	out.Header().Set("Content-Type", "text/plain; charset=utf-8")
	out.Header().Set("X-Content-Type-Options", "nosniff") // a browser shows a stream as it comes
}

// slow says nothing for s seconds, and then answers.
func (w *web) slow(out http.ResponseWriter, r *http.Request) {
	d, ok := seconds(out, r, 3*time.Second)
	if !ok || !wait(r.Context(), d) {
		return
	}
	plain(out)
	fmt.Fprintf(out, "%s answers after %v\n", w.name, d)
}

// stream sends a line each second, for s seconds.
func (w *web) stream(out http.ResponseWriter, r *http.Request) {
	d, ok := seconds(out, r, waitMax)
	if !ok {
		return
	}
	plain(out)
	client := http.NewResponseController(out)
	next := time.NewTicker(streamEvery)
	defer next.Stop()
	for line := range int(d/streamEvery) + 1 {
		if _, err := fmt.Fprintf(out, "line %d from %s\n", line, w.name); err != nil || client.Flush() != nil {
			return
		}
		select {
		case <-next.C:
		case <-r.Context().Done():
			return
		}
	}
}

// upload takes what comes for as long as it comes, and answers s seconds after its end.
func (w *web) upload(out http.ResponseWriter, r *http.Request) {
	d, ok := seconds(out, r, 0)
	if !ok {
		return
	}
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil || !wait(r.Context(), d) {
		return
	}
	plain(out)
	fmt.Fprintf(out, "%s got %d bytes\n", w.name, n)
}

// webSocket is an echo over WebSocket, RFC 6455.
func (w *web) webSocket(out http.ResponseWriter, r *http.Request) {
	if !asksForWebSocket(r) {
		out.Header().Set("Upgrade", "websocket")
		out.Header().Set("Sec-WebSocket-Version", "13")
		http.Error(out, "this is a WebSocket echo", http.StatusUpgradeRequired)
		return
	}
	out.Header().Set("Upgrade", "websocket")
	out.Header().Set("Connection", "Upgrade")
	out.Header().Set("Sec-WebSocket-Accept", acceptKey(r.Header.Get("Sec-WebSocket-Key")))
	out.WriteHeader(http.StatusSwitchingProtocols)
	c, both, err := http.NewResponseController(out).Hijack()
	if err != nil {
		return
	}
	defer func() {
		_ = c.Close()
		w.crowd.drop(c)
	}()
	echoFrames(c, both.Reader, "hello from "+w.name+"\n")
}

// seconds returns the query's s, or the default without one. If it is not good, the request has been answered.
func seconds(out http.ResponseWriter, r *http.Request, absent time.Duration) (d time.Duration, ok bool) {
	given := r.URL.Query().Get("s")
	if given == "" {
		return absent, true
	}
	n, err := strconv.ParseUint(given, 10, 32)
	if d = time.Duration(n) * time.Second; err != nil || d > waitMax {
		http.Error(out, fmt.Sprintf("s is %q; allowed are whole seconds from 0 to %.0f", given, waitMax.Seconds()), http.StatusBadRequest)
		return 0, false
	}
	return d, true
}

// wait waits for so long, and reports whether the client is still there.
func wait(ctx context.Context, d time.Duration) bool {
	over := time.NewTimer(d)
	defer over.Stop()
	select {
	case <-over.C:
		return true
	case <-ctx.Done():
		return false
	}
}
