package demo

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// acceptRetry is the pause after a failed accept, so that a lasting fault cannot make a backend spin.
const acceptRetry = 20 * time.Millisecond

// echo greets each client and sends back what it says.
type echo struct {
	// Fixed after serveEcho.
	listener *net.TCPListener
	greeting string

	running sync.WaitGroup
	crowd   crowd
}

func serveEcho(l *net.TCPListener, name string) *echo {
	e := &echo{listener: l, greeting: "hello from " + name + "\n"}
	e.running.Go(e.accept)
	return e
}

func (e *echo) close() {
	_ = e.listener.Close()
	e.crowd.close()
	e.running.Wait()
}

func (e *echo) accept() {
	retry := time.NewTicker(acceptRetry)
	defer retry.Stop()
	for {
		c, err := e.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely: lull has as many of them as it can get
			<-retry.C
			continue
		}
		if !e.crowd.take(c) {
			_ = c.Close()
			continue
		}
		e.running.Go(func() { e.serve(c) })
	}
}

// serve serves one connection. Its end reaches the client after the client's own, as the last byte has.
func (e *echo) serve(c *net.TCPConn) {
	defer func() {
		_ = c.Close()
		e.crowd.drop(c)
	}()
	if _, err := io.WriteString(c, e.greeting); err != nil {
		return
	}
	_, _ = io.Copy(c, c) // fails when the peer leaves, which is no news
}
