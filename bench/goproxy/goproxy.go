// Package goproxy provides the HTTP load balancer that the standard library gives in a few lines: httputil.ReverseProxy
// behind an http.Server. The benchmark starts itself again as a child process and calls Main there.
//
// It does what the other balancers are configured to do, round robin with kept connections and three X-Forwarded fields,
// and otherwise nothing that would cost: no timeouts, no log, no copy of a response's bytes beyond ReverseProxy's own,
// whose buffers come from a pool.
package goproxy

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
)

// config is the file that Main reads.
type config struct {
	Listen   netip.AddrPort   `json:"listen"`
	Threads  int              `json:"threads"` // GOMAXPROCS
	Backends []netip.AddrPort `json:"backends"`
}

// idlePerBackend is how many idle connections to each backend are kept: more than any scenario has under way. The
// default of two would have nearly every request make a connection.
const idlePerBackend = 1024

// bufferBytes is what ReverseProxy would allocate for each response if it had no pool.
const bufferBytes = 32 << 10

// Main serves by the configuration file that args name, until the process ends. With -version it says what it is made of.
func Main(args []string, stdout io.Writer) error {
	set := flag.NewFlagSet("reverseproxy", flag.ContinueOnError)
	version := set.Bool("version", false, "say what this is made of, and end")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *version {
		_, err := fmt.Fprintln(stdout, "net/http/httputil of", runtime.Version())
		return err
	}
	if set.NArg() != 1 {
		return errors.New("want one argument, the configuration file")
	}
	text, err := os.ReadFile(set.Arg(0))
	if err != nil {
		return err
	}
	var c config
	if err = json.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("%s: %w", set.Arg(0), err)
	}
	if c.Threads < 1 || len(c.Backends) == 0 {
		return fmt.Errorf("%s: want threads and backends", set.Arg(0))
	}
	runtime.GOMAXPROCS(c.Threads)
	l, err := net.Listen("tcp4", c.Listen.String())
	if err != nil {
		return err
	}
	server := http.Server{Handler: newProxy(c)}
	return server.Serve(l)
}

func newProxy(c config) *httputil.ReverseProxy {
	var turn atomic.Uint32
	port := fmt.Sprint(c.Listen.Port())
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme = "http"
			r.Out.URL.Host = c.Backends[turn.Add(1)%uint32(len(c.Backends))].String()
			r.SetXForwarded()
			r.Out.Header.Del("X-Forwarded-Host") // the others add none
			r.Out.Header.Set("X-Forwarded-Port", port)
		},
		Transport: &http.Transport{
			MaxIdleConnsPerHost: idlePerBackend,
			DisableCompression:  true,
		},
		BufferPool: new(buffers),
	}
}

// buffers lends the buffers through which bodies are copied.
type buffers struct{ pool sync.Pool }

// Get returns a buffer.
func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[bufferBytes]byte); ok {
		return p[:]
	}
	return make([]byte, bufferBytes)
}

// Put takes a buffer back.
func (b *buffers) Put(p []byte) { b.pool.Put((*[bufferBytes]byte)(p)) }
