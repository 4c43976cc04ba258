package lulltest

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// Recorder is a backend that keeps every byte it gets, and how each of its connections ended. It answers what net/http
// takes for a request; what follows something else on a connection is kept, and nothing more.
type Recorder struct {
	*Server
	t     testing.TB
	reply func(c net.Conn, r Received) bool

	// Guarded by mu.
	mu    sync.Mutex
	tapes []*tape
	conns int
}

// Tape is what came over one connection.
type Tape struct {
	Bytes string
	// How it ended: "eof" or "reset" by lull, "own" by the reply, "kept" if it had not.
	How string
}

// tape is a Tape while it is made: the reader of a connection that keeps what it reads.
type tape struct {
	net.Conn // a *Conn, whose ReadFrom and WriteTo would pass this one by
	owner    *Recorder

	// Guarded by the owner's mu.
	bytes strings.Builder
	how   string
}

// Record starts a backend that calls reply for each request that has come whole, and closes a connection when it returns
// false.
func Record(t testing.TB, reply func(c net.Conn, r Received) bool) *Recorder {
	t.Helper()
	r := &Recorder{t: t, reply: reply}
	r.Server = ServeConn(t, r.handle)
	return r
}

func (r *Recorder) handle(c *Conn) {
	r.t.Cleanup(func() { // which runs before the engine is looked at for leaks
		r.Stop()
		_ = c.TCPConn.Close()
	})
	p := &tape{Conn: c, owner: r}
	r.mu.Lock()
	r.tapes = append(r.tapes, p)
	r.conns++
	r.mu.Unlock()
	in := Reader{bufio.NewReader(p)}
	for {
		got, err := in.Request()
		if err != nil {
			break
		}
		if !r.reply(c, got) {
			p.end("own")
			return
		}
	}
	_, _ = io.Copy(io.Discard, in)
}

// Read keeps what it reads.
func (p *tape) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.owner.mu.Lock()
	p.bytes.Write(b[:n])
	p.owner.mu.Unlock()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		p.end(Closed(err))
	}
	return n, err
}

func (p *tape) end(how string) {
	p.owner.mu.Lock()
	defer p.owner.mu.Unlock()
	if p.how == "" {
		p.how = how
	}
}

// WaitEnded waits until that many connections have ended since the last Take.
func (r *Recorder) WaitEnded(n int) {
	r.t.Helper()
	var ended int
	if !Eventually(func() bool {
		ended = 0
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, p := range r.tapes {
			if p.how != "" {
				ended++
			}
		}
		return ended >= n
	}) {
		r.t.Fatalf("the backend's connections: %d have ended, want %d", ended, n)
	}
}

// Take waits until conns connections in all have come, ends those that are left with a FIN, waits until lull has ended them
// too, and returns what came over each there was since the last call, in the order in which they came.
func (r *Recorder) Take(conns int) (all []Tape) {
	r.t.Helper()
	count := func() int {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.conns
	}
	if !Eventually(func() bool { return count() == conns }) {
		r.t.Fatalf("the backend's connections: got %d, want %d", count(), conns)
	}
	r.mu.Lock()
	tapes := r.tapes
	kept := make([]bool, len(tapes))
	for i, p := range tapes {
		if kept[i] = p.how == ""; kept[i] {
			_ = p.Conn.(*Conn).CloseWrite()
		}
	}
	r.mu.Unlock()
	r.WaitEnded(len(tapes))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range tapes {
		one := Tape{p.bytes.String(), p.how}
		if kept[i] {
			one.How = "kept"
		}
		all = append(all, one)
	}
	r.tapes = nil
	return all
}
