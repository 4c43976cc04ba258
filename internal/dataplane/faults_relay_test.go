package dataplane_test

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// pour writes size random bytes in pieces of random sizes.
func pour(c net.Conn, seed uint64, size int) error {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	sizes := rand.New(rand.NewPCG(seed, 0))
	piece := make([]byte, 256<<10)
	for size > 0 {
		most := 1 << sizes.IntN(19) // 1 to 256 KiB
		b := piece[:min(size, 1+sizes.IntN(most))]
		_, _ = source.Read(b)
		if _, err := c.Write(b); err != nil {
			return fmt.Errorf("with %d left to write: %w", size, err)
		}
		size -= len(b)
	}
	return nil
}

// drink reads size bytes and compares them with what pour writes for that seed.
func drink(c net.Conn, seed uint64, size int) error {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	got, want := make([]byte, 128<<10), make([]byte, 128<<10)
	for at := 0; at < size; {
		_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
		n, err := c.Read(got[:min(len(got), size-at)])
		if err != nil {
			return fmt.Errorf("after %d of %d bytes: %w", at, size, err)
		}
		_, _ = source.Read(want[:n])
		if !bytes.Equal(got[:n], want[:n]) {
			return fmt.Errorf("the bytes from %d on are not what was sent", at)
		}
		at += n
	}
	return nil
}

// TestBothWaysAtOnce moves 32 MiB each way at the same time, in pieces of all sizes.
func TestBothWaysAtOnce(t *testing.T) {
	busy(t)
	lulltest.OnWires(t, bothWaysAtOnce)
}

func bothWaysAtOnce(t *testing.T) {
	const size = 32 << 20
	seed := seeded(t).Uint64()
	hands, accepted := lulltest.Hands(t)
	e := lulltest.Start(t, lulltest.Plan(hands.Addr))
	c := e.Dial()
	b := lulltest.Take(t, accepted)
	inParallel(4, func(i int) {
		var err error
		switch i {
		case 0:
			err = pour(c, seed, size)
		case 1:
			err = drink(b, seed, size)
		case 2:
			err = pour(b, seed+1, size)
		case 3:
			err = drink(c, seed+1, size)
		}
		if err != nil {
			t.Errorf("part %d: %v", i, err)
		}
	})
	_ = c.Close()
	_ = b.Close()
	if r := e.NextClose(); r.BytesUp != size || r.BytesDown != size {
		t.Errorf("record: %d up, %d down, want %d each", r.BytesUp, r.BytesDown, size)
	}
}

// TestSingleBytes: segments of one byte go through one by one, in order.
func TestSingleBytes(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, singleBytes)
}

func singleBytes(t *testing.T) {
	const n = 3000
	e := lulltest.Start(t, lulltest.Plan(lulltest.Echo(t).Addr))
	c := e.Dial()
	_ = c.SetNoDelay(true)
	want := make([]byte, n)
	for i := range want {
		want[i] = byte(i * 7)
	}
	go func() {
		for i := range want {
			if _, err := c.Write(want[i : i+1]); err != nil {
				return
			}
		}
		_ = c.CloseWrite()
	}()
	how, got := c.End()
	if how != "eof" || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes and %s, want the %d that were sent and eof", len(got), how, n)
	}
}

// TestHalfCloseOrders: FINs in every order, with bytes before and after them.
func TestHalfCloseOrders(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, halfCloseOrders)
}

func halfCloseOrders(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 40_000) // 640 kB: more than one turn's worth
	type step func(t *testing.T, c, b *lulltest.Conn)
	clientSends := func(t *testing.T, c, b *lulltest.Conn) { t.Helper(); go c.Send(string(big)); b.Expect(string(big)) }
	backendSends := func(t *testing.T, c, b *lulltest.Conn) { t.Helper(); go b.Send(string(big)); c.Expect(string(big)) }
	clientFIN := func(t *testing.T, c, b *lulltest.Conn) {
		t.Helper()
		_ = c.CloseWrite()
		if how, rest := b.End(); how != "eof" || len(rest) > 0 {
			t.Errorf("after the client's FIN the backend saw %s, %d bytes", how, len(rest))
		}
	}
	backendFIN := func(t *testing.T, c, b *lulltest.Conn) {
		t.Helper()
		_ = b.CloseWrite()
		if how, rest := c.End(); how != "eof" || len(rest) > 0 {
			t.Errorf("after the backend's FIN the client saw %s, %d bytes", how, len(rest))
		}
	}
	both := func(t *testing.T, c, b *lulltest.Conn) {
		t.Helper()
		_ = c.CloseWrite()
		_ = b.CloseWrite()
		for _, x := range []*lulltest.Conn{c, b} {
			if how, rest := x.End(); how != "eof" || len(rest) > 0 {
				t.Errorf("after both FINs: %s, %d bytes", how, len(rest))
			}
		}
	}
	finBehindBytes := func(t *testing.T, c, b *lulltest.Conn) { // the FIN waits behind bytes that are held back
		t.Helper()
		go func() { _, _ = c.Write(big); _ = c.CloseWrite() }()
		if how, got := b.End(); how != "eof" || !bytes.Equal(got, big) {
			t.Errorf("a FIN behind %d bytes: %s after %d", len(big), how, len(got))
		}
	}
	tests := []struct {
		name  string
		steps []step
		why   []reason.Reason
	}{
		{"client-first", []step{clientFIN, backendFIN}, []reason.Reason{reason.ClientClosed}},
		{"backend-first", []step{backendFIN, clientFIN}, []reason.Reason{reason.BackendClosed}},
		{"both", []step{both}, []reason.Reason{reason.ClientClosed, reason.BackendClosed}},
		{"answer-after-fin", []step{clientSends, clientFIN, backendSends, backendFIN}, []reason.Reason{reason.ClientClosed}},
		{"upload-after-fin", []step{backendSends, backendFIN, clientSends, clientFIN}, []reason.Reason{reason.BackendClosed}},
		{"fin-behind-bytes", []step{finBehindBytes, backendSends, backendFIN}, []reason.Reason{reason.ClientClosed}},
		{"twice-each", []step{clientSends, backendSends, clientSends, backendFIN, clientSends, clientFIN}, []reason.Reason{reason.BackendClosed}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			hands, accepted := lulltest.Hands(t)
			e := lulltest.Start(t, lulltest.Plan(hands.Addr))
			c := e.Dial()
			b := lulltest.Take(t, accepted)
			for _, step := range tt.steps {
				step(t, c, b)
			}
			if r := e.NextClose(); !slices.Contains(tt.why, r.Reason) {
				t.Errorf("reason: got %v, want one of %v", r.Reason, tt.why)
			}
		})
	}
}

// TestEarlyFIN: FINs before the other side is there at all.
func TestEarlyFIN(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, earlyFIN)
}

func earlyFIN(t *testing.T) {
	// The backend answers and closes as soon as it is connected to; the client has sent its FIN by then.
	backend := lulltest.ServeConn(t, func(c *lulltest.Conn) { _, _ = c.Write([]byte("answer")) })
	e := lulltest.Start(t, lulltest.Plan(backend.Addr))
	for range 20 {
		c := e.Dial()
		_ = c.CloseWrite()
		if how, data := c.End(); how != "eof" || string(data) != "answer" {
			t.Errorf("the client saw %q and %s, want the answer and eof", data, how)
		}
	}
}

// TestResetAnyTime (a property) resets either side, or closes it, at a random moment of a random conversation, many
// times. Nothing leaks (lulltest.Start), every end has one record with a reason that fits, and the survivor is told.
func TestResetAnyTime(t *testing.T) {
	t.Parallel()
	const conns, workers = 400, 8
	random := seeded(t)
	var mu sync.Mutex
	clients := map[string]int{} // how many had that address: ports come round again
	backend := lulltest.Serve(t, func(c *net.TCPConn) {
		// The first byte says what to do: echo, flood, or nothing; 'r' resets after some bytes.
		var b [1]byte
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return
		}
		switch b[0] {
		case 'e':
			_, _ = io.Copy(c, c)
		case 'f':
			_, _ = c.Write(make([]byte, 8<<20))
		case 'r':
			_, _ = c.Write(make([]byte, 30_000))
			_ = c.SetLinger(0)
		case 'u': // answers and closes with the rest unread
			_, _ = c.Write([]byte("answer"))
		}
	})
	p := lulltest.Plan(backend.Addr)
	lulltest.Listener(p).Timeouts = lulltest.Timeouts(5 * time.Second)
	e := lulltest.Start(t, p)
	to := e.Addr().String()
	seeds := make([]uint64, workers)
	for i := range seeds {
		seeds[i] = random.Uint64()
	}
	inParallel(workers, func(w int) {
		r := rand.New(rand.NewPCG(seeds[w], 0))
		for range conns / workers {
			raw, err := net.DialTimeout("tcp", to, lulltest.Patience)
			if err != nil {
				t.Errorf("dial: %v", err)
				return
			}
			c := raw.(*net.TCPConn)
			mu.Lock()
			clients[c.LocalAddr().String()]++
			mu.Unlock()
			if r.IntN(4) == 0 {
				_ = c.SetReadBuffer(4096)
			}
			if r.IntN(8) > 0 {
				_, _ = c.Write([]byte{"efru"[r.IntN(4)]})
			}
			_ = c.SetDeadline(time.Now().Add(time.Duration(r.IntN(4)) * time.Millisecond))
			if r.IntN(2) == 0 {
				_, _ = c.Write(make([]byte, r.IntN(300_000)))
			}
			if r.IntN(3) == 0 {
				_ = c.CloseWrite()
			}
			_, _ = io.CopyN(io.Discard, c, int64(r.IntN(100_000)))
			if r.IntN(2) == 0 {
				_ = c.SetLinger(0)
			}
			_ = c.Close()
		}
	})
	allowed := []reason.Reason{reason.ClientClosed, reason.BackendClosed, reason.ClientReset, reason.BackendReset}
	seen := map[reason.Reason]int{}
	for _, r := range closes(e, conns) {
		seen[r.Reason]++
		if clients[r.Ends.Client.String()]--; clients[r.Ends.Client.String()] < 0 {
			t.Errorf("a record too many of %v", r.Ends.Client)
		}
		if !slices.Contains(allowed, r.Reason) {
			t.Errorf("reason %v, want one of %v", r.Reason, allowed)
		}
	}
	t.Logf("ends: %v", seen)
}

// TestResetWhileConnecting: a client that gives up while its backend has not answered frees everything at once.
func TestResetWhileConnecting(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, resetWhileConnecting)
}

func resetWhileConnecting(t *testing.T) {
	p := lulltest.Plan(lulltest.Silent(t))
	e := lulltest.Start(t, p)
	key := lulltest.Set(p).Backends[0].Key
	for range 5 {
		c := e.Dial()
		c.Send("hello")
		if !lulltest.Eventually(func() bool { return activeOf(e, key) == 1 }) {
			t.Fatalf("the backend counts %d connections, want 1", activeOf(e, key))
		}
		c.Reset()
		r := e.NextClose()
		if r.Reason != reason.ClientReset || r.ConnectTook != -1 || r.ConnectTries != 1 {
			t.Errorf("record: got %v, connect %v, %d tries, want client-reset, -1, 1", r.Reason, r.ConnectTook, r.ConnectTries)
		}
		if !lulltest.Eventually(func() bool { return activeOf(e, key) == 0 }) {
			t.Fatalf("the backend still counts %d connections", activeOf(e, key))
		}
	}
}

// TestResetPassedOn at each moment of a connection's life, from either side: the other side sees a reset.
func TestResetPassedOn(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, resetPassedOn)
}

func resetPassedOn(t *testing.T) {
	moments := map[string]func(c, b *lulltest.Conn){
		"before-any-byte":     func(_, _ *lulltest.Conn) {},
		"after-an-exchange":   func(c, b *lulltest.Conn) { c.Send("up"); b.Expect("up"); b.Send("down"); c.Expect("down") },
		"client-half-closed":  func(c, b *lulltest.Conn) { _ = c.CloseWrite(); _, _ = b.End() },
		"backend-half-closed": func(c, b *lulltest.Conn) { _ = b.CloseWrite(); _, _ = c.End() },
	}
	for moment, come := range moments {
		for _, who := range []string{"client", "backend"} {
			t.Run(moment+"-"+who, func(t *testing.T) {
				t.Parallel()
				hands, accepted := lulltest.Hands(t)
				p := lulltest.Plan(hands.Addr)
				e := lulltest.Start(t, p)
				c := e.Dial()
				b := lulltest.Take(t, accepted)
				come(c, b)
				from, to, why := c, b, reason.ClientReset
				if who == "backend" {
					from, to, why = b, c, reason.BackendReset
				}
				from.Reset()
				r := e.NextClose()
				if r.Reason != why {
					t.Errorf("reason: got %v, want %v", r.Reason, why)
				}
				// One that has been told of the end of the stream already reads no reset behind it; writing tells.
				_ = to.SetDeadline(time.Now().Add(lulltest.Patience))
				if !lulltest.Eventually(func() bool {
					_, err := to.TCPConn.Write([]byte("x")) // for the kernel to say: over TLS, one that has said goodbye writes no more
					return err != nil && lulltest.Closed(err) == "reset"
				}) {
					t.Errorf("the other side can still write")
				}
			})
		}
	}
}

// TestLingerEndsTruthfully: a client that does not read is cut at the idle timeout, and what lull still held for it is
// lost when it has not taken that either within the linger. It must see a reset: a FIN would make a part look whole.
func TestLingerEndsTruthfully(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, lingerEndsTruthfully)
}

func lingerEndsTruthfully(t *testing.T) {
	const size = 32 << 20
	flood := lulltest.ServeConn(t, func(c *lulltest.Conn) { _, _ = c.Write(make([]byte, size)) })
	p := lulltest.Plan(flood.Addr)
	e := lulltest.Start(t, p)
	c := e.Dial()
	stuck := func() bool {
		l := e.Live()
		return len(l) == 1 && l[0].PendingDown > 0 && l[0].QuietDown > 100*time.Millisecond
	}
	if !lulltest.Eventually(stuck) {
		t.Fatalf("lull holds nothing for a client that does not read: %+v", e.Live())
	}
	e.Changed(p, func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Idle = 300 * time.Millisecond })
	if r := e.NextClose(); r.Reason != reason.TunnelIdle || r.PendingDown == 0 {
		t.Fatalf("ended by %v with %d bytes held, want tunnel-idle with some", r.Reason, r.PendingDown)
	}
	if !lulltest.Eventually(func() bool { return e.Held().Idle() }) {
		t.Fatalf("the linger never ended: %+v", e.Held())
	}
	if how, data := c.End(); how != "reset" || len(data) >= size {
		t.Errorf("the client saw %s after %d of %d bytes, want a reset before the end", how, len(data), size)
	}
}
