package httpproxy

import (
	"testing"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
)

// TestPooledMax: of more unused connections than a loop keeps, those go that have been unused for longest.
func TestPooledMax(t *testing.T) {
	t.Parallel()
	const beyond = 3
	b := newPeer(t)
	r := newRig(t, nil, b.addr)
	var ends []int
	t.Cleanup(func() {
		for _, fd := range ends {
			_ = unix.Close(fd)
		}
	})
	put := func() {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Error(err)
			return
		}
		ends = append(ends, pair[1])
		c, index := r.p.backs.Take()
		c.index, c.id, c.backend, c.listener, c.state = index, r.p.ids.Next(), r.backend(), r.p.listeners[r.plan.Key], backBusy
		c.conn = relay.Conn{FD: int32(pair[0]), Marks: relay.Watched | relay.Writable}
		c.node.Ref, c.node.Kind = index, uint8(loop.HTTPBack)
		if errno := r.loop.Register(pair[0], loop.HTTPBack, index, loop.ConnEvents); errno != 0 {
			t.Error(errno)
		}
		c.backend.OpenConn()
		c.backend.Acquire()
		x := &exchange{back: c, backend: c.backend}
		c.x = x
		r.p.giveBack(x)
	}
	first := uint64(0)
	for i := range pooledMax + beyond {
		r.on(put)
		if i == 0 {
			r.on(func() { first = r.p.backs.At(0).id })
		}
	}
	r.settle()
	r.on(func() {
		if got := r.p.idle.Len(); got != pooledMax || r.p.Pooled() != pooledMax {
			t.Errorf("pooled: got %d, told as %d; want %d", got, r.p.Pooled(), pooledMax)
		}
	})
	var closes [16]record.Close
	n, _, _ := r.log.Read(0, closes[:])
	if n != beyond {
		t.Fatalf("closed: got %d, want %d", n, beyond)
	}
	for i, c := range closes[:n] {
		if !c.Pooled || c.Reason != reason.Reclaimed || c.ID != first+uint64(i) {
			t.Errorf("closed: got connection %d, pooled %v, as %v; want %d, reclaimed", c.ID, c.Pooled, c.Reason, first+uint64(i))
		}
	}
}
