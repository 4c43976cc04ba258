package demo

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// backendConnsMax bounds the connections of one backend, and with them its goroutines: far more than a person opens by
// hand, and few enough to leave lull most of the descriptors that the two share.
const backendConnsMax = 2000

// acceptRetry is the pause after a failed accept, so that a lasting fault cannot make a backend spin.
const acceptRetry = 20 * time.Millisecond

//nolint:gochecknoglobals // a constant, but for Go's type system
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Backend greets each client with its name, so that a person sees which backend was chosen, and then echoes.
type Backend struct {
	// Fixed after Serve.
	listener *net.TCPListener
	greeting string
	running  sync.WaitGroup

	// Guarded by mu.
	mu     sync.Mutex
	open   map[*net.TCPConn]struct{}
	closed bool
}

// Serve starts a backend on a listener, which is the backend's own from now on.
func Serve(l *net.TCPListener, name string) *Backend {
	b := &Backend{listener: l, greeting: "hello from " + name + "\n", open: make(map[*net.TCPConn]struct{})}
	b.running.Go(b.accept)
	return b
}

// Addr returns where the backend listens.
func (b *Backend) Addr() string { return b.listener.Addr().String() }

// Close ends every connection of the backend, and waits until it has.
func (b *Backend) Close() {
	_ = b.listener.Close()
	b.mu.Lock()
	b.closed = true
	for c := range b.open {
		_ = c.Close()
	}
	b.mu.Unlock()
	b.running.Wait()
}

func (b *Backend) accept() {
	retry := time.NewTicker(acceptRetry)
	defer retry.Stop()
	for {
		c, err := b.listener.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely: lull has as many of them as it can get
			<-retry.C
			continue
		}
		if !b.take(c) {
			_ = c.Close()
			continue
		}
		b.running.Go(func() { b.echo(c) })
	}
}

// take counts a connection unless there are too many, or the backend has been closed.
func (b *Backend) take(c *net.TCPConn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || len(b.open) >= backendConnsMax {
		return false
	}
	b.open[c] = struct{}{}
	return true
}

// echo serves one connection. Its end reaches the client after the client's own, as the last byte has.
func (b *Backend) echo(c *net.TCPConn) {
	defer func() {
		_ = c.Close()
		b.mu.Lock()
		delete(b.open, c)
		b.mu.Unlock()
	}()
	if _, err := io.WriteString(c, b.greeting); err != nil {
		return
	}
	_, _ = io.Copy(c, c) // fails when the peer leaves, which is no news
}
