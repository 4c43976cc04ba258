package dataplane_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

func TestRelayBothWays(t *testing.T) {
	t.Parallel()
	e := lulltest.Start(t, lulltest.Plan(lulltest.Echo(t).Addr))
	c := e.Dial()
	c.Ask("hello")
	c.Ask(strings.Repeat("x", 100_000))
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if how, rest := c.End(); how != "eof" || len(rest) != 0 {
		t.Errorf("after FIN: got %s and %d bytes, want eof and none", how, len(rest))
	}
	r := e.NextClose()
	if r.Reason != reason.ClientClosed || r.BytesUp != 100_005 || r.BytesDown != 100_005 {
		t.Errorf("record: got %v, %d up, %d down; want client-closed, 100005 each", r.Reason, r.BytesUp, r.BytesDown)
	}
}

func TestIdleCloseSH_01(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Echo(t).Addr)
	lulltest.Listener(p).Timeouts.Idle = time.Second
	e := lulltest.Start(t, p)
	c := e.Dial()
	last := now() // before the last byte: this process may be slow to notice an answer
	c.Ask("hello")
	(<-watch(c)).within(t, "client", "eof", last, time.Second)
	r := e.NextClose()
	if r.Reason != reason.TunnelIdle || r.Timer != "idle" || r.Setting != time.Second {
		t.Errorf("record: got %v by %s=%v", r.Reason, r.Timer, r.Setting)
	}
}

func TestBulkBothWays(t *testing.T) {
	t.Parallel()
	const size = 16 << 20
	backend := lulltest.Serve(t, func(c *net.TCPConn) {
		go func() { _, _ = io.CopyN(io.Discard, c, size); _ = c.CloseRead() }()
		_, _ = io.CopyN(c, zeros{}, size)
		_ = c.CloseWrite()
		time.Sleep(100 * time.Millisecond)
		_, _ = io.Copy(io.Discard, c)
	})
	e := lulltest.Start(t, lulltest.Plan(backend.Addr))
	c := e.Dial()
	go func() { _, _ = io.CopyN(c, zeros{}, size); _ = c.CloseWrite() }()
	how, data := c.End()
	if how != "eof" || len(data) != size {
		t.Errorf("got %s, %d bytes", how, len(data))
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
