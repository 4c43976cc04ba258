package dataplane_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/sys"
	"lull/internal/lulltest"
)

// The faults_*_test.go files try what goes wrong: hostile and dying peers, a process without descriptors, plans that
// change under live traffic. What is random prints its seed. lulltest.Start looks for leaks at the end of every test.

// seeded returns a source of random numbers whose seed is in the test's log.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// freeAddress returns an address with a port that is free and that the kernel gives to nobody by itself. Plans that keep
// or swap sockets need ports that are written out. It does not listen to find out: a process that another test forks would keep a
// socket that listens, and with it the port, up to its exec.
func freeAddress(t *testing.T, ip string) netip.AddrPort {
	t.Helper()
	for range 100 {
		addr := netip.AddrPortFrom(netip.MustParseAddr(ip), uint16(15_000+rand.IntN(15_000)))
		fd, errno := sys.SocketTCP(addr.Addr())
		if errno != 0 {
			t.Fatalf("socket: %v", errno)
		}
		sys.SetInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
		errno = sys.Bind(fd, addr)
		sys.Close(fd)
		if errno == 0 {
			return addr
		}
	}
	t.Fatalf("no free port on %s", ip)
	return netip.AddrPort{}
}

// nameOf connects and returns the name that a lulltest.Named backend sends, and the open connection.
func nameOf(t *testing.T, to netip.AddrPort) (string, *lulltest.Conn) {
	t.Helper()
	c := lulltest.Dial(t, to)
	_ = c.SetReadDeadline(time.Now().Add(lulltest.Patience))
	var b [8]byte
	n, err := c.Read(b[:])
	if err != nil {
		return lulltest.Closed(err), c
	}
	return string(b[:n]), c
}

// closes returns the next n records.
func closes(e *lulltest.Engine, n int) (list []record.Close) {
	for range n {
		list = append(list, e.NextClose())
	}
	return list
}

// expectCloses checks that the next n connections end for that reason.
func expectCloses(t *testing.T, e *lulltest.Engine, n int, why reason.Reason) {
	t.Helper()
	for i, r := range closes(e, n) {
		if r.Reason != why {
			t.Errorf("end %d of %d: got %v, want %v", i+1, n, r.Reason, why)
		}
	}
}

// activeOf returns how many connections a backend has.
func activeOf(e *lulltest.Engine, key plan.BackendKey) int64 {
	for _, b := range e.Stats().Backends {
		if b.Key == key {
			return b.Active
		}
	}
	return 0
}

// totalsOf returns a listener's counters.
func totalsOf(e *lulltest.Engine, key plan.ListenerKey) (stats.ListenerTotals, bool) {
	for _, l := range e.Stats().Listeners {
		if l.Key == key {
			return l, true
		}
	}
	return stats.ListenerTotals{}, false
}

// echoing keeps a connection busy with random messages until stop is closed, and reports the first that did not come
// back.
func echoing(c net.Conn, seed uint64, stop <-chan struct{}) error {
	random := rand.New(rand.NewPCG(seed, 1))
	message, back := make([]byte, 40_000), make([]byte, 40_000)
	for n := 0; ; n++ {
		select {
		case <-stop:
			return nil
		default:
		}
		size := 1 + random.IntN(200)
		if random.IntN(20) == 0 {
			size = len(message)
		}
		for i := range size {
			message[i] = byte(random.Uint32())
		}
		_ = c.SetDeadline(time.Now().Add(lulltest.Patience))
		if _, err := c.Write(message[:size]); err != nil {
			return fmt.Errorf("message %d: %w", n, err)
		}
		if _, err := io.ReadFull(c, back[:size]); err != nil {
			return fmt.Errorf("message %d came not back: %w", n, err)
		}
		if string(back[:size]) != string(message[:size]) {
			return fmt.Errorf("message %d came back changed", n)
		}
	}
}

// inParallel runs f n times at once and waits for all.
func inParallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// within fails the test if f takes longer than lulltest.Patience.
func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { f(); close(done) }()
	select {
	case <-done:
	case <-time.After(lulltest.Patience):
		t.Fatalf("%s: not done within %v", what, lulltest.Patience)
	}
}

// allConns lists the open connections, as lull conns does; it may be called from any goroutine.
func allConns(e *lulltest.Engine) (list []record.Live, err error) {
	err = e.Conns(context.Background(), func(batch []record.Live) error {
		list = append(list, batch...)
		return nil
	})
	return list, err
}
