package apiserver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"lull/internal/control/ocisig"
	"lull/internal/control/sigv4"
)

const (
	// connectionsMax bounds the descriptors that the APIs may take from the data plane's. SDKs keep a few for each process.
	connectionsMax = 256
	// requestsMax is how many verified requests may be carried out at once. The next ones are told to try again, which
	// every SDK does by itself.
	requestsMax = 64
	// headerBytesMax has room for the longest query that package sigv4 takes (64 KiB); net/http adds 4 KiB of slack.
	headerBytesMax = 72 << 10
)

// limits are the times that a client is given. Tests have less patience.
type limits struct {
	header time.Duration // for the head of a request to arrive, and for the TLS handshake
	read   time.Duration // for all of a request; 1 MiB in it is 52 kB/s
	write  time.Duration // from the head of a request to the end of its answer
	idle   time.Duration // for the next request on the same connection
	close  time.Duration // for requests under way when the server closes
}

//nolint:gochecknoglobals // a constant in all but syntax
var defaultLimits = limits{
	header: 5 * time.Second, read: 20 * time.Second, write: time.Minute, idle: time.Minute, close: 5 * time.Second,
}

// ELB carries out a request of the Classic ELB API: a pointer to one of package query's Request types. An error with a
// *query.Error in it is shown to the client; any other is logged and shown as an internal one. It is called from many
// goroutines, for requests only that identity has signed and may make.
type ELB func(ctx context.Context, request any, identity sigv4.Identity) (result any, err error)

// Options are what a Server is made with. All are required but TLS, Region, Console and Insecure.
type Options struct {
	Address  string      // "host:port"; port 0 takes any
	TLS      *tls.Config // nil: plain HTTP
	Insecure bool        // plain HTTP may be served where other machines can reach it
	Keys     sigv4.Keys
	Region   string // the only one that requests may be signed for; "": any
	ELB      ELB
	OCIKeys  ocisig.Keys
	OCI      OCI
	// LullAPI answers below /lull/v1/. Its requests have a clean path and their body in memory.
	LullAPI http.Handler
	// Console answers below /console/, for browsers; nil: there is none. It knows itself who asks: nothing is verified before it.
	Console http.Handler
	Log     *slog.Logger
	Now     func() time.Time // the wall clock
}

// Server is what answers at api.address.
type Server struct {
	// Fixed after Serve.
	http     *http.Server
	listener net.Listener
	limits   limits
	done     chan error // takes what ended the accepting
}

// Serve begins to answer, until Close. It refuses an address that other machines can reach unless there is TLS or o.Insecure.
func Serve(o Options) (*Server, error) { return serve(o, defaultLimits) }

func serve(o Options, l limits) (*Server, error) {
	listener, err := listen(&o)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, limits: l, done: make(chan error, 1)}
	s.http = &http.Server{
		Handler:           newHandler(&o),
		TLSConfig:         o.TLS.Clone(),
		Protocols:         onlyHTTP1(),
		ReadHeaderTimeout: l.header,
		ReadTimeout:       l.read,
		WriteTimeout:      l.write,
		IdleTimeout:       l.idle,
		MaxHeaderBytes:    headerBytesMax,
		// What is asked of no path in particular gets no answer of net/http's own.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug), // strangers' broken handshakes are no news
	}
	limited := netutil.LimitListener(listener, connectionsMax)
	go func() {
		if o.TLS != nil {
			s.done <- s.http.ServeTLS(limited, "", "")
			return
		}
		s.done <- s.http.Serve(limited)
	}()
	return s, nil
}

func onlyHTTP1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

// listen opens the socket, if it may be open.
func listen(o *Options) (net.Listener, error) {
	if err := checkExposure(o); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", o.Address)
	if err != nil {
		return nil, fmt.Errorf("serve the APIs: %w", err)
	}
	// localhost is what the machine's resolver says it is.
	if at, ok := listener.Addr().(*net.TCPAddr); o.guarded() || ok && at.IP.IsLoopback() {
		return listener, nil
	}
	_ = listener.Close()
	return nil, exposed(listener.Addr().String())
}

// Addr returns "host:port", where it answers.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops answering. Requests under way may finish, but not for long. It may be called once.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.limits.close)
	defer cancel()
	if s.http.Shutdown(ctx) != nil { // somebody was too slow
		_ = s.http.Close() // which cancels what is under way
	}
	if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("the APIs at %s stopped answering: %w", s.Addr(), err)
	}
	return nil
}
