package sys

import (
	"bytes"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestAddressRoundTrip(t *testing.T) {
	t.Parallel()
	addrs := []string{
		"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "10.1.2.3:256", "10.1.2.3:255", "[::1]:80", "[::]:0",
		"[2001:db8:1:2:3:4:5:6]:65535", "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1",
	}
	for _, text := range addrs {
		want := netip.MustParseAddrPort(text)
		var raw rawAddr
		size := raw.put(want)
		if got := raw.get(); got != want {
			t.Errorf("%v: got %v back", want, got)
		}
		if wantSize := map[bool]uint32{true: 16, false: 28}[want.Addr().Is4()]; size != wantSize {
			t.Errorf("%v: size %d, want %d", want, size, wantSize)
		}
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 1000 {
		var b [16]byte
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		addr := netip.AddrFrom16(b)
		if random.IntN(2) == 0 {
			addr = netip.AddrFrom4([4]byte(b[:4]))
		}
		want := netip.AddrPortFrom(addr, uint16(random.Uint32()))
		var raw rawAddr
		raw.put(want)
		if got := raw.get(); got != want {
			t.Fatalf("%v: got %v back", want, got)
		}
	}
	mapped := netip.MustParseAddrPort("[::ffff:192.0.2.7]:80")
	var raw rawAddr
	if size := raw.put(mapped); size != 16 || raw.get().String() != "192.0.2.7:80" {
		t.Errorf("a v4-mapped address: got %v in %d bytes, want 192.0.2.7:80 in 16", raw.get(), size)
	}
	raw = rawAddr{family: unix.AF_UNIX}
	if got := raw.get(); got.IsValid() {
		t.Errorf("another family: got %v, want an invalid address", got)
	}
}

// listener returns a listening socket and its address.
func listener(t *testing.T, addr string) (fd int, local netip.AddrPort) {
	t.Helper()
	at := netip.MustParseAddrPort(addr)
	fd, errno := SocketTCP(at.Addr())
	if errno != 0 {
		t.Fatalf("socket: %v", errno)
	}
	t.Cleanup(func() { Close(fd) })
	if errno := Bind(fd, at); errno != 0 {
		t.Fatalf("bind %s: %v", addr, errno)
	}
	if errno := Listen(fd, 16); errno != 0 {
		t.Fatalf("listen: %v", errno)
	}
	return fd, LocalAddr(fd)
}

// await waits until a descriptor has one of the events.
func await(t *testing.T, fd int, events int16) {
	t.Helper()
	p := []unix.PollFd{{Fd: int32(fd), Events: events}}
	for {
		n, err := unix.Poll(p, 10_000)
		if err == unix.EINTR {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("poll: %d, %v", n, err)
		}
		return
	}
}

// connected returns both ends of a TCP connection.
func connected(t *testing.T, addr string) (near, far int) {
	t.Helper()
	l, local := listener(t, addr)
	near, errno := SocketTCP(local.Addr())
	if errno != 0 {
		t.Fatalf("socket: %v", errno)
	}
	if errno := Connect(near, local); errno != 0 && errno != unix.EINPROGRESS {
		t.Fatalf("connect: %v", errno)
	}
	await(t, l, unix.POLLIN)
	far, peer, errno := Accept(l)
	if errno != 0 {
		t.Fatalf("accept: %v", errno)
	}
	if want := LocalAddr(near); peer != want {
		t.Errorf("accept told of %v, the client is %v", peer, want)
	}
	if got := LocalAddr(far); got != local {
		t.Errorf("the accepted socket is bound to %v, want %v", got, local)
	}
	await(t, near, unix.POLLOUT)
	if errno := SocketError(near); errno != 0 {
		t.Errorf("socket error after connect: %v", errno)
	}
	t.Cleanup(func() { Close(near); Close(far) })
	return near, far
}

func TestConnection(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(addr[:4], func(t *testing.T) {
			t.Parallel()
			near, far := connected(t, addr)
			b := make([]byte, 16)
			if n, errno := Read(far, b); n != 0 || errno != unix.EAGAIN {
				t.Errorf("read of nothing: got %d, %v, want EAGAIN", n, errno)
			}
			if n, errno := Write(near, []byte("hello")); n != 5 || errno != 0 {
				t.Fatalf("write: got %d, %v", n, errno)
			}
			await(t, far, unix.POLLIN)
			if n := Unread(far); n != 5 {
				t.Errorf("unread: got %d, want 5", n)
			}
			for range 2 {
				if n, errno := Peek(far, b); errno != 0 || string(b[:n]) != "hello" {
					t.Errorf("peek: got %q, %v", b[:n], errno)
				}
			}
			if n, errno := Read(far, b[:3]); errno != 0 || string(b[:n]) != "hel" {
				t.Errorf("read: got %q, %v, want hel", b[:n], errno)
			}
			if n := Unread(far); n != 2 {
				t.Errorf("unread: got %d, want 2", n)
			}
			if errno := ShutdownWrite(near); errno != 0 {
				t.Errorf("shutdown: %v", errno)
			}
			if _, errno := Write(near, []byte("x")); errno != unix.EPIPE {
				t.Errorf("write after the FIN: got %v, want EPIPE and no signal", errno)
			}
			_, _ = Read(far, b)
			await(t, far, unix.POLLIN)
			if n, errno := Read(far, b); n != 0 || errno != 0 {
				t.Errorf("read at the end: got %d, %v, want 0", n, errno)
			}
			if n, errno := Write(far, []byte("bye")); n != 3 || errno != 0 {
				t.Errorf("write towards a half-closed peer: got %d, %v", n, errno)
			}
		})
	}
}

func TestCloseWithReset(t *testing.T) {
	t.Parallel()
	near, far := connected(t, "127.0.0.1:0")
	CloseWithReset(near)
	await(t, far, unix.POLLIN)
	var b [1]byte
	if n, errno := Read(far, b[:]); errno != unix.ECONNRESET {
		t.Errorf("the peer reads %d, %v, want ECONNRESET", n, errno)
	}
}

func TestUnacknowledged(t *testing.T) {
	t.Parallel()
	near, far := connected(t, "127.0.0.1:0")
	sent := 0
	for {
		n, errno := Write(near, make([]byte, 64<<10))
		if errno == unix.EAGAIN {
			break
		}
		sent += n
	}
	if n := Unacknowledged(near); n <= 0 || n > sent {
		t.Errorf("unacknowledged with a peer that does not read: got %d of %d", n, sent)
	}
	deadline := time.Now().Add(10 * time.Second)
	for b := make([]byte, 64<<10); Unacknowledged(near) > 0; {
		if n, _ := Read(far, b); n == 0 && time.Now().After(deadline) {
			t.Fatal("the peer has read everything, and something is unacknowledged")
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	const closed = 1 << 20
	var b [1]byte
	_, read := Read(closed, b[:])
	_, write := Write(closed, b[:])
	_, peek := Peek(closed, b[:])
	_, _, accept := Accept(closed)
	_, splice := Splice(closed, closed, 1)
	_, get := GetInt(closed, unix.SOL_SOCKET, unix.SO_ERROR)
	for name, errno := range map[string]syscall.Errno{
		"read": read, "write": write, "peek": peek, "accept": accept, "splice": splice, "getsockopt": get,
		"shutdown": ShutdownWrite(closed), "listen": Listen(closed, 1), "setsockopt": SetInt(closed, 0, 0, 0),
		"socket-error": SocketError(closed), "bind": Bind(closed, netip.MustParseAddrPort("127.0.0.1:1")),
		"connect": Connect(closed, netip.MustParseAddrPort("127.0.0.1:1")), "epoll": EpollAdd(closed, closed, In, 0),
	} {
		if errno != unix.EBADF {
			t.Errorf("%s on a closed descriptor: got %v, want EBADF", name, errno)
		}
	}
	if Unread(closed) != 0 || Unacknowledged(closed) != 0 || LocalAddr(closed).IsValid() {
		t.Error("a closed descriptor has bytes or an address")
	}
}

func TestConnectRefused(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("listen: %v", err)
	}
	to := netip.MustParseAddrPort(l.Addr().String())
	_ = l.Close()
	fd, _ := SocketTCP(to.Addr())
	defer Close(fd)
	errno := Connect(fd, to)
	if errno == unix.EINPROGRESS {
		await(t, fd, unix.POLLOUT)
		errno = SocketError(fd)
	}
	if errno != unix.ECONNREFUSED {
		t.Errorf("connect to a closed port: got %v, want ECONNREFUSED", errno)
	}
}

func TestSplice(t *testing.T) {
	t.Parallel()
	near, far := connected(t, "127.0.0.1:0")
	r, w, errno := Pipe(128 << 10)
	if errno != 0 {
		t.Fatalf("pipe: %v", errno)
	}
	defer Close(r)
	defer Close(w)
	if _, errno := Splice(far, w, 1000); errno != unix.EAGAIN {
		t.Errorf("splice of nothing: got %v, want EAGAIN", errno)
	}
	want := bytes.Repeat([]byte("0123456789"), 500)
	if n, errno := Write(near, want); n != len(want) || errno != 0 {
		t.Fatalf("write: got %d, %v", n, errno)
	}
	await(t, far, unix.POLLIN)
	n, errno := Splice(far, w, 128<<10)
	if n != len(want) || errno != 0 {
		t.Fatalf("splice in: got %d, %v, want %d", n, errno, len(want))
	}
	if n, errno := Splice(r, far, n); n != len(want) || errno != 0 { // back to where it came from
		t.Fatalf("splice out: got %d, %v", n, errno)
	}
	got := make([]byte, len(want))
	await(t, near, unix.POLLIN)
	if n, errno := Read(near, got); n != len(want) || errno != 0 || !bytes.Equal(got, want) {
		t.Errorf("read back: %d bytes, %v, equal %v", n, errno, bytes.Equal(got, want))
	}
	ShutdownWrite(near)
	await(t, far, unix.POLLIN)
	if n, errno := Splice(far, w, 1000); n != 0 || errno != 0 {
		t.Errorf("splice at the end: got %d, %v, want 0", n, errno)
	}
}

// TestEpoll: an event carries the descriptor and its generation, an edge is told once, a changed interest holds.
func TestEpoll(t *testing.T) {
	t.Parallel()
	epfd, errno := EpollCreate()
	if errno != 0 {
		t.Fatalf("epoll: %v", errno)
	}
	defer Close(epfd)
	near, far := connected(t, "127.0.0.1:0")
	const generation = 1<<32 - 5
	if errno := EpollAdd(epfd, far, In|Edge, generation); errno != 0 {
		t.Fatalf("add: %v", errno)
	}
	events := make([]Event, 8)
	poll := func() int {
		n, errno := EpollWaitRaw(epfd, events, 0)
		if errno != 0 {
			t.Fatalf("wait: %v", errno)
		}
		return n
	}
	if n := poll(); n != 0 {
		t.Errorf("nothing has come: got %d events", n)
	}
	_, _ = Write(near, []byte("x"))
	await(t, far, unix.POLLIN)
	if n := poll(); n != 1 || int(events[0].Fd) != far || uint32(events[0].Pad) != generation || events[0].Events != In {
		t.Errorf("a byte: got %d events, the first %+v; want fd %d, generation %d", n, events[0], far, uint32(generation))
	}
	if n := poll(); n != 0 {
		t.Errorf("an edge was told twice")
	}
	if errno := EpollChange(epfd, far, In, 7); errno != 0 {
		t.Fatalf("change: %v", errno)
	}
	for range 2 {
		if n := poll(); n != 1 || events[0].Pad != 7 {
			t.Errorf("a level: got %d events, %+v, want one of generation 7 each time", n, events[0])
		}
	}
	if errno := EpollChange(epfd, far, Once, 8); errno != 0 {
		t.Fatalf("change: %v", errno)
	}
	if n := poll(); n != 0 {
		t.Errorf("no interest: got %d events", n)
	}
	CloseWithReset(near)
	if got := []int{poll(), poll()}; !slices.Equal(got, []int{1, 0}) {
		t.Errorf("a hang-up without interest: got %v events, want it once", got)
	}
}

func TestEventfd(t *testing.T) {
	t.Parallel()
	fd, errno := Eventfd()
	if errno != 0 {
		t.Fatalf("eventfd: %v", errno)
	}
	defer Close(fd)
	for range 3 {
		Signal(fd)
	}
	await(t, fd, unix.POLLIN)
	Clear(fd)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0); n != 0 || err != nil {
		t.Errorf("after Clear: got %d, %v, want nothing to read", n, err)
	}
	Clear(fd) // must not block
}
