package demo

import (
	"net"
	"sync"
)

// backendConnsMax bounds the connections of one kind that a backend holds, and with them its goroutines: far more than a
// person opens by hand, and few enough to leave lull most of the descriptors that the two share.
const backendConnsMax = 1000

// crowd is the open connections of a backend. Callable from anywhere.
type crowd struct {
	present sync.WaitGroup // as many as are in open

	// Guarded by mu.
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

// take counts a connection unless there are too many, or the backend has been closed.
func (c *crowd) take(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.open) >= backendConnsMax {
		return false
	}
	if c.open == nil {
		c.open = map[net.Conn]struct{}{}
	}
	c.open[conn] = struct{}{}
	c.present.Add(1)
	return true
}

// drop forgets a connection that nobody serves any more.
func (c *crowd) drop(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, here := c.open[conn]; here {
		delete(c.open, conn)
		c.present.Done()
	}
}

// close closes every connection, lets none in any more, and waits until the last has been dropped.
func (c *crowd) close() {
	c.mu.Lock()
	c.closed = true
	for conn := range c.open {
		_ = conn.Close()
	}
	c.mu.Unlock()
	c.present.Wait()
}
