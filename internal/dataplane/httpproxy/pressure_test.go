package httpproxy

import (
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These are about what lull says or decides while a peer has not taken what came before.

// narrow keeps what the kernel takes of lull's towards a peer to a few KiB, clients' and backends' alike.
func (r *rig) narrow() {
	r.t.Helper()
	r.on(func() {
		less := func(fd int32) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) }
		r.p.each(func(f *front) { less(f.conn.FD) })
		r.p.eachBack(func(c *back) { less(c.conn.FD) })
	})
}

// TestPageBehindHeld: a backend sends many interim responses and then nonsense, all at once, to a client that reads slowly.
// The client gets every interim response, and behind the last one the page, whole.
func TestPageBehindHeld(t *testing.T) {
	t.Parallel()
	const hints = 300
	p := newPeer(t)
	r := newRig(t, nil, p.addr)
	client := r.dial(true)
	send(t, client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	b := p.accept()
	expect(t, b, "GET / HTTP/1.1\r\n")
	r.narrow()
	interim := "HTTP/1.1 103 Early Hints\r\nLink: <" + strings.Repeat("x", 90) + ">\r\n\r\n"
	resume := r.hold()
	send(t, b, strings.Repeat(interim, hints)+"nonsense\r\n\r\n")
	waitSent(t, b)
	resume()
	r.waitState(lingering)
	_ = client.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(client)
	page, whole := strings.CutPrefix(string(got), strings.Repeat(interim, hints))
	if err != nil || !whole || !strings.HasPrefix(page, "HTTP/1.1 502 ") || !strings.HasSuffix(page, "</html>\r\n") {
		t.Errorf("client: got %d bytes (%v), all hints: %t, and behind them %.200q; want a page with 502", len(got), err, whole, page)
	}
}

// TestUpgradeUnsent: a backend agrees to another protocol before it has taken the request that offers it. A tunnel would begin with a
// part of the request, so there is none.
func TestUpgradeUnsent(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	raw, err := p.l.SyscallConn()
	if err != nil {
		t.Fatalf("raw listener: %v", err)
	}
	if err := smallBuffers("", "", raw); err != nil { // for what it accepts
		t.Fatalf("set buffers: %v", err)
	}
	r := newRig(t, nil, p.addr)
	client := r.dial(false)
	send(t, client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	b := p.accept()
	expect(t, b, "GET / HTTP/1.1\r\n")
	send(t, b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	expect(t, client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	r.narrow()
	resume := r.hold()
	send(t, client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n"+
		strings.Repeat("X: "+strings.Repeat("x", 12_000)+"\r\n", 4)+"\r\n")
	waitSent(t, client)
	resume()
	r.waitFor("a request that the backend has not taken", func(v look) bool { return v.state == exchanging && v.up > 0 })
	send(t, b, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	expect(t, client, "HTTP/1.1 502 ")
}
