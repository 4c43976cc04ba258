// Package admin provides the control socket: a running lull answers on it what is open, what has ended and why, and the
// lull commands ask it through Client.
//
// `lull serve` calls Serve once; each request runs on a goroutine of net/http and reads the data plane through Engine,
// whose methods may be called from anywhere. The API is HTTP with JSON below /lull/v1/, so that curl can be used where
// the commands do not reach; a binary protocol would have saved little, as the longest answer, 9,000 connections, is
// built in a fraction of a second. Events are the access log's lines: one formatter writes both. Explanations are
// sentences built here, from a table of advice per reason, so that commands and console tell the same story. What clients
// made up reaches a terminal only in the printable form that the access log gives it.
//
// What the socket answers itself changes nothing. A process that keeps documents mounts their handler beside it: the mode of the
// socket file (0600) is then what makes its user the administrator. Where none is mounted, the paths that it would have say so.
//
// Nothing here keeps state between requests except the socket file, which is this process's own from before
// it can be connected to until Close. Limits: connectionsMax connections, streamsMax answers under way at once,
// headerBytesMax of request, writeLimit for a reader that takes nothing, and mountLimit for a request to a mounted handler, which
// bounds bodies itself. spec/timeouts.md §5 and §6 say what is shown.
package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

const (
	// connectionsMax bounds the descriptors that the control socket may take from the data plane's.
	connectionsMax = 128
	// streamsMax is how many answers of any length may be under way at once. It leaves half the connections to short
	// questions, so that a hundred forgotten `lull events` cannot lock out `lull explain`.
	streamsMax = 64
	// headerBytesMax is far above any request of Client; net/http adds 4 KiB of slack.
	headerBytesMax = 8 << 10
	headerLimit    = 5 * time.Second  // for the request to arrive
	idleLimit      = 30 * time.Second // for the next request on the same connection
	writeLimit     = 10 * time.Second // for one batch of an answer to be taken
	closeLimit     = 2 * time.Second  // for answers under way when the socket closes
	// mountLimit is for a request of a mounted handler, from the head to the end of the answer: a disk that takes this long to keep a
	// document is broken.
	mountLimit = 30 * time.Second
)

// Engine is the data plane as seen from here. Its methods may be called from any goroutine.
type Engine interface {
	// Conns hands over the open connections in batches, loop by loop, until each returns an error. A batch is valid
	// until each returns.
	Conns(ctx context.Context, each func([]record.Live) error) error
	// Log returns the memory of the connections that ended last.
	Log() *record.Log
	// Exchanges returns the memory of the HTTP exchanges that ended last.
	Exchanges() *record.Exchanges
	// Stats returns every counter.
	Stats() stats.Snapshot
	// Origin returns where a load balancer is defined, as its plan says; "" if there is none of that name.
	Origin(loadBalancer string) string
}

// Version says which lull answers.
type Version struct {
	Version  string    `json:"version"`
	Commit   string    `json:"commit"`
	Go       string    `json:"go"`
	Features []string  `json:"features,omitempty"` // kernel features in use
	PID      int       `json:"pid"`
	Started  time.Time `json:"started"`
}

// Server is an open control socket.
type Server struct {
	// Fixed after Serve.
	http   *http.Server
	socket *socket
	cancel context.CancelFunc // ends the answers under way
	done   chan error         // takes what ended the accepting
}

// Mount is a handler for more than what the socket answers itself.
type Mount struct {
	Names   []string // below /lull/v1/, each with all that is below it
	Handler http.Handler
}

// Serve opens the control socket at path and answers on it until Close.
func Serve(path string, engine Engine, version Version, logger *slog.Logger, mounts ...Mount) (*Server, error) {
	sock, err := listen(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &Server{
		http: &http.Server{
			Handler:           NewHandler(engine, version, mounts...),
			ReadHeaderTimeout: headerLimit,
			IdleTimeout:       idleLimit,
			MaxHeaderBytes:    headerBytesMax,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug), // hurried readers are no news
			BaseContext:       func(net.Listener) context.Context { return ctx },
			// No ReadTimeout: net/http would take its expiry for the reader's leaving and cut streams short. No
			// WriteTimeout: streams last; each batch gets writeLimit instead.
		},
		socket: sock,
		cancel: cancel,
		done:   make(chan error, 1),
	}
	go func() { s.done <- s.http.Serve(netutil.LimitListener(sock.Listener, connectionsMax)) }()
	return s, nil
}

// Close removes the socket file and ends every answer; event streams first send what has ended so far. It may be called
// once.
func (s *Server) Close() error {
	removed := s.socket.remove()
	s.cancel()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if s.http.Shutdown(ctx) != nil { // a reader was too slow
		_ = s.http.Close()
	}
	if err := <-s.done; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket %s stopped answering: %w", s.socket.path, err)
	}
	return removed
}
