package acceptor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/sys"
)

// patience bounds every wait for something that should happen at once, or after the kernel's second SYN (1 s).
const patience = 10 * time.Second

//nolint:gochecknoglobals // constants, but for Go's type system
var (
	anyPort = netip.MustParseAddrPort("127.0.0.1:0")
	web     = plan.ListenerKey{LoadBalancer: "lb", Name: "web"}
	mail    = plan.ListenerKey{LoadBalancer: "lb", Name: "mail"}
)

// TestMain gives every loop a processor of the scheduler to wait on, as the engine does.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(32)
	os.Exit(m.Run())
}

// holder takes connections and holds them until the test lets go.
type holder struct {
	limit *Limit
	load  atomic.Int64

	// Guarded by mu.
	mu        sync.Mutex
	fds       []int
	peers     []netip.AddrPort
	keys      []plan.ListenerKey
	reclaimed int
	waiting   int // how many connections Reclaim may end
}

func (h *holder) Take(fd int, peer netip.AddrPort, key plan.ListenerKey) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fds, h.peers, h.keys = append(h.fds, fd), append(h.peers, peer), append(h.keys, key)
}

func (h *holder) Reclaim() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting == 0 || len(h.fds) == 0 {
		return false
	}
	h.waiting--
	h.reclaimed++
	h.dropLocked()
	return true
}

// drop closes the oldest connection.
func (h *holder) drop() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dropLocked()
}

func (h *holder) dropLocked() {
	sys.Close(h.fds[0])
	h.fds = h.fds[1:]
	h.load.Add(-1)
	h.limit.Release()
}

func (h *holder) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.fds)
}

// station is some running loops, each with an acceptor and a holder.
type station struct {
	t         *testing.T
	limit     Limit
	loops     []*loop.Loop
	acceptors []*Acceptor
	holders   []*holder
}

func newStation(t *testing.T, loops, most int) *station {
	t.Helper()
	s := &station{t: t}
	s.limit.SetMost(most)
	var peers []Peer
	for i := range loops {
		l, err := loop.New(i)
		if err != nil {
			t.Fatalf("open loop: %v", err)
		}
		h := &holder{limit: &s.limit}
		s.loops, s.holders = append(s.loops, l), append(s.holders, h)
		peers = append(peers, Peer{Loop: l, Load: &h.load, Proxy: h})
	}
	var running sync.WaitGroup
	for _, l := range s.loops {
		s.acceptors = append(s.acceptors, New(l, peers, &s.limit))
		running.Go(l.Run)
	}
	t.Cleanup(func() {
		for i := range s.loops {
			s.on(i, s.acceptors[i].CloseAll)
		}
		for i, l := range s.loops {
			s.on(i, func() {
				if n := l.Registered() + l.Wheel.Len(); n != 0 {
					t.Errorf("loop %d: %d descriptors and timers are left", i, n)
				}
			})
			l.Stop()
		}
		running.Wait()
		for _, h := range s.holders {
			for h.count() > 0 {
				h.drop()
			}
		}
		if n := s.limit.Open(); n != 0 {
			t.Errorf("the limit still counts %d connections", n)
		}
	})
	return s
}

// on has f run on a loop and waits for it.
func (s *station) on(i int, f func()) {
	s.t.Helper()
	done := make(chan struct{})
	s.loops[i].Post(func() { f(); close(done) })
	select {
	case <-done:
	case <-time.After(patience):
		s.t.Fatalf("loop %d did not answer within %v", i, patience)
	}
}

// listen opens one socket for each loop.
func (s *station) listen(key plan.ListenerKey) (fds []int, local netip.AddrPort) {
	s.t.Helper()
	fds, local, err := Open(anyPort, len(s.loops))
	if err != nil {
		s.t.Fatalf("open: %v", err)
	}
	for i, a := range s.acceptors {
		s.on(i, func() { a.Listen(fds[i], key) })
	}
	return fds, local
}

func (s *station) count() (n int) {
	for _, h := range s.holders {
		n += h.count()
	}
	return n
}

func (s *station) waitCount(n int) {
	s.t.Helper()
	deadline := time.Now().Add(patience)
	for s.count() != n {
		if time.Now().After(deadline) {
			s.t.Fatalf("connections taken: got %d, want %d", s.count(), n)
		}
		time.Sleep(time.Millisecond)
	}
}

func (s *station) turns() (n uint64) {
	for _, l := range s.loops {
		n += l.Stats.Turns.Load()
	}
	return n
}

// calm fails the test if the loops turn more than a paused listener's retries explain.
func (s *station) calm(d time.Duration) {
	s.t.Helper()
	before := s.turns()
	time.Sleep(d) // the measurement: what happens in that time
	most := uint64(len(s.loops)) * (3*uint64(d/retryAfter) + 10)
	if n := s.turns() - before; n > most {
		s.t.Errorf("the loops turned %d times in %v, want at most %d: something spins", n, d, most)
	}
}

func dial(t *testing.T, to netip.AddrPort) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", to.String(), patience)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAcceptTells(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 100)
	_, local := s.listen(web)
	c := dial(t, local)
	s.waitCount(1)
	h := s.holders[0]
	h.mu.Lock()
	defer h.mu.Unlock()
	if got := h.peers[0].String(); got != c.LocalAddr().String() || h.keys[0] != web {
		t.Errorf("taken: got %s of %v, want %s of %v", got, h.keys[0], c.LocalAddr(), web)
	}
	if v, _ := sys.GetInt(h.fds[0], unix.IPPROTO_TCP, unix.TCP_NODELAY); v == 0 {
		t.Error("an accepted connection has Nagle's algorithm on")
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 100)
	fds, local := s.listen(web)
	_, other := s.listen(web)
	s.on(0, func() { s.acceptors[0].Rename(fds[0], mail) })
	for i, to := range []netip.AddrPort{local, other} {
		dial(t, to)
		s.waitCount(i + 1)
	}
	h := s.holders[0]
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.keys[0] != mail || h.keys[1] != web {
		t.Errorf("keys: got %v, want %v and %v", h.keys, mail, web)
	}
}

// TestLimit (PR-04): the limit is exact over loops, those beyond it wait in the backlog, nothing spins meanwhile, and
// room is used as soon as there is some.
func TestLimit(t *testing.T) {
	t.Parallel()
	const most, clients = 7, 20
	s := newStation(t, 2, most)
	_, local := s.listen(web)
	for range clients {
		dial(t, local)
	}
	s.waitCount(most)
	s.calm(300 * time.Millisecond)
	if n := s.count(); n != most || s.limit.Open() > most {
		t.Fatalf("connections: got %d, counted %d, want %d", n, s.limit.Open(), most)
	}
	for taken := most; taken < clients; taken++ {
		h := s.holders[0]
		if h.count() == 0 {
			h = s.holders[1]
		}
		h.drop()
		s.waitCount(most)
	}
	if n := s.loops[0].Stats.AcceptPauses.Load() + s.loops[1].Stats.AcceptPauses.Load(); n == 0 {
		t.Error("no pause was counted")
	}
}

// TestReclaim (PR-03): near the limit, what waits is closed first.
func TestReclaim(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 10)
	s.holders[0].waiting = 5
	_, local := s.listen(web)
	for range 14 {
		dial(t, local)
	}
	deadline := time.Now().Add(patience)
	h := s.holders[0]
	taken := func() int {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.keys)
	}
	for taken() < 14 {
		if time.Now().After(deadline) {
			t.Fatalf("taken: got %d, want 14", taken())
		}
		time.Sleep(time.Millisecond)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reclaimed == 0 || h.reclaimed > 5 {
		t.Errorf("reclaimed: got %d, want 1 to 5", h.reclaimed)
	}
}

// TestAcceptErrorPauses: an error that will come again at once must not keep the loop turning.
func TestAcceptErrorPauses(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 100)
	fds, _ := s.listen(web)
	_ = unix.Shutdown(fds[0], unix.SHUT_RD) // accept now fails with EINVAL
	s.calm(300 * time.Millisecond)
	if s.loops[0].Stats.AcceptErrors.Load() == 0 {
		t.Error("no error was counted")
	}
	if errno := sys.Listen(fds[0], 16); errno != 0 {
		t.Fatalf("listen again: %v", errno)
	}
	dial(t, sys.LocalAddr(fds[0])) // on another port
	s.waitCount(1)
}

// TestUnwatched: a listening socket that epoll refuses is tried again.
func TestUnwatched(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 100)
	fds, local, err := Open(anyPort, 1)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	s.on(0, func() {
		// The same socket, watched under the same number already: EEXIST, the one refusal that a test can bring about.
		if errno := s.loops[0].Register(fds[0], loop.TCPPair, 0, loop.NoEvents); errno != 0 {
			t.Errorf("register: %v", errno)
		}
		s.acceptors[0].Listen(fds[0], web)
	})
	dial(t, local)
	s.calm(200 * time.Millisecond)
	if n := s.loops[0].Stats.AcceptPauses.Load(); n == 0 {
		t.Error("no pause was counted for a socket that cannot be watched")
	}
}

// TestBacklogFull: with room for few in the backlog and nobody accepting, the kernel drops what comes further. Those in
// the backlog are served once there is room, and those who come then at once.
func TestBacklogFull(t *testing.T) {
	t.Parallel()
	const room, clients = 4, 12
	s := newStation(t, 1, 0)
	fds, local, err := Open(anyPort, 1)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if errno := sys.Listen(fds[0], room); errno != 0 {
		t.Fatalf("shorten the backlog: %v", errno)
	}
	s.on(0, func() { s.acceptors[0].Listen(fds[0], web) })
	var dials sync.WaitGroup
	for range clients {
		dials.Go(func() {
			if c, err := net.DialTimeout("tcp", local.String(), patience); err == nil {
				t.Cleanup(func() { _ = c.Close() })
			}
		})
	}
	s.calm(200 * time.Millisecond)
	if n := s.count(); n != 0 {
		t.Errorf("taken at a limit of 0: %d", n)
	}
	s.limit.SetMost(1000)
	dials.Wait()
	deadline := time.Now().Add(patience)
	for s.count() < room+1 {
		if time.Now().After(deadline) {
			t.Fatalf("taken: got %d, want at least the %d of the backlog", s.count(), room+1)
		}
		time.Sleep(time.Millisecond)
	}
	before := s.count()
	dial(t, local)
	for s.count() == before {
		if time.Now().After(deadline) {
			t.Fatal("one that came when there was room again was not taken")
		}
		time.Sleep(time.Millisecond)
	}
}

// TestCloseServesBacklog: whoever the kernel has answered before the listener closes is served, on whichever loop.
func TestCloseServesBacklog(t *testing.T) {
	t.Parallel()
	const clients = 30
	s := newStation(t, 2, 100)
	fds, local := s.listen(web)
	held := make(chan struct{})
	for _, l := range s.loops {
		l.Post(func() { <-held })
	}
	for range clients {
		dial(t, local)
	}
	for i, l := range s.loops {
		l.Post(func() { s.acceptors[i].Close(fds[i]) })
	}
	close(held)
	s.waitCount(clients)
	if _, err := net.DialTimeout("tcp", local.String(), time.Second); err == nil {
		t.Error("the closed listener still answers")
	}
}

// TestUnlist: new clients go past an unlisted socket, to another one or to nobody; one that it has answered is served when it closes.
func TestUnlist(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.83.1.1:0", "[::1]:0"} {
		t.Run(addr[:4], func(t *testing.T) {
			t.Parallel()
			s := newStation(t, 1, 100)
			fds, local, err := Open(netip.MustParseAddrPort(addr), 1)
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			before := dial(t, local)
			if errno := sys.Unlist(fds[0]); errno == unix.EPERM || errno == unix.ENOPROTOOPT {
				CloseSockets(fds)
				t.Skipf("this kernel cannot: %v", errno)
			}
			if c, err := net.DialTimeout("tcp", local.String(), patience); !errors.Is(err, unix.ECONNREFUSED) {
				if err == nil {
					_ = c.Close()
				}
				t.Errorf("dial: got %v, want connection refused", err)
			}
			everywhere := netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port())
			if local.Addr().Is6() {
				everywhere = netip.AddrPortFrom(netip.IPv6Unspecified(), local.Port())
			}
			wide, _, err := OpenBeside(everywhere, 1)
			if err != nil {
				t.Fatalf("open beside: %v", err)
			}
			s.on(0, func() { s.acceptors[0].Listen(wide[0], mail) })
			after := dial(t, local)
			s.waitCount(1)
			s.on(0, func() { s.acceptors[0].Listen(fds[0], web); s.acceptors[0].Close(fds[0]) })
			s.waitCount(2)
			h := s.holders[0]
			h.mu.Lock()
			defer h.mu.Unlock()
			for i, want := range []net.Conn{after, before} {
				if key := []plan.ListenerKey{mail, web}[i]; h.keys[i] != key || h.peers[i].String() != want.LocalAddr().String() {
					t.Errorf("connection %d: got %v of %v, want %v of %v", i, h.peers[i], h.keys[i], want.LocalAddr(), key)
				}
			}
		})
	}
}

// TestCloseEndsListening: a closed listener answers nobody, even while somebody else holds its socket as a process does between its
// fork and its exec.
func TestCloseEndsListening(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 100)
	fds, local := s.listen(web)
	held, err := unix.FcntlInt(uintptr(fds[0]), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("dup: %v", err)
	}
	t.Cleanup(func() { sys.Close(held) })
	s.on(0, func() { s.acceptors[0].Close(fds[0]) })
	if c, err := net.DialTimeout("tcp", local.String(), patience); !errors.Is(err, unix.ECONNREFUSED) {
		if err == nil {
			_ = c.Close()
		}
		t.Errorf("dial: got %v, want connection refused", err)
	}
	again, _, err := Open(local, 1)
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	CloseSockets(again)
}

// TestResetBeforeAccept: connections that are reset while they wait in the backlog disturb nobody.
func TestResetBeforeAccept(t *testing.T) {
	t.Parallel()
	s := newStation(t, 1, 100)
	_, local := s.listen(web)
	held := make(chan struct{})
	s.loops[0].Post(func() { <-held })
	for range 20 {
		c := dial(t, local).(*net.TCPConn)
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	dial(t, local)
	close(held)
	deadline := time.Now().Add(patience)
	for s.count()+int(s.loops[0].Stats.AcceptErrors.Load()) < 21 { // Linux hands out reset connections as well
		if time.Now().After(deadline) {
			t.Fatalf("taken: got %d, %d errors, want 21 in all", s.count(), s.loops[0].Stats.AcceptErrors.Load())
		}
		time.Sleep(time.Millisecond)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0", "0.0.0.0:0", "[::]:0"} {
		t.Run(strings.Trim(addr, ":0"), func(t *testing.T) {
			t.Parallel()
			fds, local, err := Open(netip.MustParseAddrPort(addr), 3)
			if err != nil {
				t.Fatalf("open: %v", err)
			}
			defer CloseSockets(fds)
			if len(fds) != 3 || local.Port() == 0 || local.Addr() != netip.MustParseAddrPort(addr).Addr() {
				t.Errorf("got %d sockets on %v, want 3 on %s with a port", len(fds), local, addr)
			}
			for _, fd := range fds {
				if got := sys.LocalAddr(fd); got != local {
					t.Errorf("a socket is bound to %v, want %v", got, local)
				}
			}
			_, _, err = Open(local, 1)
			if err == nil || !strings.Contains(err.Error(), "address already in use") {
				t.Errorf("a second opening: got %v, want address already in use", err)
			}
		})
	}
}

// TestOpenBothFamilies: [::] and 0.0.0.0 may have the same port.
func TestOpenBothFamilies(t *testing.T) {
	t.Parallel()
	six, local, err := Open(netip.MustParseAddrPort("[::]:0"), 2)
	if err != nil {
		t.Fatalf("open [::]: %v", err)
	}
	defer CloseSockets(six)
	four, _, err := Open(netip.AddrPortFrom(netip.IPv4Unspecified(), local.Port()), 2)
	if err != nil {
		t.Fatalf("open 0.0.0.0 beside it: %v", err)
	}
	CloseSockets(four)
}

func TestOpenRefused(t *testing.T) {
	t.Parallel()
	_, _, err := Open(netip.MustParseAddrPort("192.0.2.1:80"), 2)
	if want := fmt.Sprintf("bind 192.0.2.1:80: %v", syscall.EADDRNOTAVAIL); err == nil || err.Error() != want {
		t.Errorf("an address that is not ours: got %v, want %s", err, want)
	}
}

func TestChooseLoop(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		loads []int64
		mine  int
		want  int
	}{
		{"alone", []int64{50}, 0, 0},
		{"empty", []int64{0, 0}, 1, 1},
		{"within-slack", []int64{2, 0}, 0, 0},
		{"beyond-slack", []int64{3, 0}, 0, 1},
		{"less-than-others", []int64{0, 9}, 0, 0},
		{"slack-grows", []int64{91, 80}, 0, 0},
		{"slack-has-an-end", []int64{93, 80}, 0, 1},
		{"least-of-many", []int64{90, 40, 30, 50}, 0, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			peers := make([]Peer, len(tt.loads))
			for i, n := range tt.loads {
				peers[i].Load = &atomic.Int64{}
				peers[i].Load.Store(n)
			}
			if got := chooseLoop(peers, tt.mine); got != tt.want {
				t.Errorf("chooseLoop(%v, %d) = %d, want %d", tt.loads, tt.mine, got, tt.want)
			}
		})
	}
}

// TestLimitExact has many goroutines acquire and release: never more than the limit, and all of it is usable.
func TestLimitExact(t *testing.T) {
	t.Parallel()
	const most = 5
	var l Limit
	l.SetMost(most)
	var inside, worst atomic.Int64
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for range 2000 {
				if !l.acquire() {
					continue
				}
				if n := inside.Add(1); n > worst.Load() {
					worst.Store(n)
				}
				inside.Add(-1)
				l.Release()
			}
		})
	}
	users.Wait()
	if worst.Load() > most || l.Open() != 0 {
		t.Errorf("at most %d inside at once, %d left, want %d and 0", worst.Load(), l.Open(), most)
	}
	for range most {
		if !l.acquire() {
			t.Error("the limit is not usable to the last")
		}
	}
	if l.acquire() {
		t.Error("one more than the limit was acquired")
	}
	defer func() {
		if recover() == nil {
			t.Error("more released than acquired: no panic")
		}
	}()
	for range most + 1 {
		l.Release()
	}
}
