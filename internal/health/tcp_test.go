package health

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
)

// listenTCP listens on a loopback port and returns its address and the connections that it accepts.
func listenTCP(t *testing.T) (netip.AddrPort, <-chan net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns, stop := make(chan net.Conn), make(chan struct{})
	go func() {
		defer close(conns)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			select {
			case conns <- c:
			case <-stop:
				_ = c.Close()
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		_ = ln.Close()
	})
	return netip.MustParseAddrPort(ln.Addr().String()), conns
}

// deadPort returns an address at which nobody listens, and where nobody will: the port is bound, but not listening.
func deadPort(t *testing.T) netip.AddrPort {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	in4, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		t.Fatalf("getsockname: got a %T", name)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(in4.Addr), uint16(in4.Port))
}

func TestProbeTCPEndsWithFIN(t *testing.T) {
	t.Parallel()
	addr, conns := listenTCP(t)
	check := plan.HealthCheck{Timeout: 5 * time.Second}
	if err := probeTCP(t.Context(), "", addr, &check); err != nil {
		t.Fatalf("probe of a listener: got %v, want nil", err)
	}
	c := <-conns
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil || err.Error() != "EOF" {
		t.Errorf("what the backend sees: got %d bytes, error %v, want EOF", n, err)
	}
}

func TestProbeTCPRefused(t *testing.T) {
	t.Parallel()
	err := probeTCP(t.Context(), "", deadPort(t), &plan.HealthCheck{Timeout: 5 * time.Second})
	if err == nil || err.Error() != "connect refused" {
		t.Errorf("probe of a dead port: got %v, want connect refused", err)
	}
}

// No address is sure to answer nothing on every machine, so the time is over before the probe begins.
func TestProbeTCPTimesOut(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	addr, _ := listenTCP(t)
	err := probeTCP(ctx, "", addr, &plan.HealthCheck{Timeout: 5 * time.Second})
	if err == nil || err.Error() != "connect timed out after 5s" {
		t.Errorf("probe with its time over: got %v, want connect timed out after 5s", err)
	}
}

func TestConnectError(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, tc := range []struct {
		name    string
		err     error
		want    string
		notMade bool
	}{
		{"refused", dial(syscall.ECONNREFUSED), "connect refused", false},
		{"reset", dial(syscall.ECONNRESET), "connect reset", false},
		{"host", dial(syscall.EHOSTUNREACH), "connect: host unreachable", false},
		{"network", dial(syscall.ENETUNREACH), "connect: network unreachable", false},
		{"ports", dial(syscall.EADDRNOTAVAIL), "connect: no local address or port free", false},
		{"kernel_timeout", dial(syscall.ETIMEDOUT), "connect timed out after 3s", false},
		{"deadline", dial(context.DeadlineExceeded), "connect timed out after 3s", false},
		{"firewall", dial(syscall.EPERM), "connect: operation not permitted", false},
		{"other", dial(errors.New("no such thing")), "connect: dial tcp: no such thing", false},
		{"process_descriptors", dial(syscall.EMFILE), "connect: probe not made: too many open files", true},
		{"system_descriptors", dial(syscall.ENFILE), "connect: probe not made: too many open files in system", true},
		{"memory", dial(syscall.ENOMEM), "connect: probe not made: cannot allocate memory", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := connectError(tc.err, &plan.HealthCheck{Timeout: 3 * time.Second})
			if got.Error() != tc.want || errors.Is(got, errNotMade) != tc.notMade {
				t.Errorf("connectError(%v): got %q, not made %v; want %q, %v",
					tc.err, got, errors.Is(got, errNotMade), tc.want, tc.notMade)
			}
		})
	}
}

func TestFailure(t *testing.T) {
	t.Parallel()
	at := []netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:80"), netip.MustParseAddrPort("10.0.0.2:80")}
	refused, slow := errors.New("connect refused"), errors.New("connect timed out after 5s")
	for _, tc := range []struct {
		name string
		errs []error
		want string
	}{
		{"one", []error{refused}, "down connect refused"},
		{"two", []error{slow, refused}, "down connect timed out after 5s at 10.0.0.1:80, and 1 more of its addresses failed"},
		{"one_not_made", []error{errNotMade, refused}, "down connect refused"},
		{"none_made", []error{errNotMade, errNotMade}, "unknown "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res := failure(at[:len(tc.errs)], tc.errs)
			if got := res.verdict.String() + " " + res.outcome.detail; got != tc.want {
				t.Errorf("failure(%v): got %q, want %q", tc.errs, got, tc.want)
			}
		})
	}
}

// The whole checker on real sockets: a backend goes away and comes back.
func TestCheckerOnSockets(t *testing.T) {
	t.Parallel()
	alive, conns := listenTCP(t)
	go func() {
		for c := range conns {
			_ = c.Close()
		}
	}()
	dead := deadPort(t)
	reports := make(chan string, 100)
	c := New(literal,
		func(key plan.BackendKey, isUp bool, detail string) {
			reports <- strings.Join([]string{key.Endpoint(), map[bool]string{true: "up", false: "down"}[isUp], detail}, " ")
		})
	check := plan.HealthCheck{Interval: 20 * time.Millisecond, Timeout: 5 * time.Second, Healthy: 2, Unhealthy: 2}
	p := testPlan(&check, alive.String(), dead.String())
	c.Apply(p)
	want := map[string]bool{alive.String() + " up connected": true, dead.String() + " down connect refused": true}
	for range 2 {
		if got := next(t, reports); !want[got] {
			t.Errorf("first reports: got %q, want one of %v", got, want)
		}
	}
	moved := check
	moved.Port = dead.Port()
	c.Apply(testPlan(&moved, alive.String()))
	if got, want := next(t, reports), alive.String()+" down connect refused"; got != want {
		t.Errorf("after the check's port is another: got %q, want %q", got, want)
	}
	c.Apply(testPlan(&check, alive.String()))
	if got, want := next(t, reports), alive.String()+" up connected"; got != want {
		t.Errorf("after the check's port is its own again: got %q, want %q", got, want)
	}
	c.Close()
	select {
	case got := <-reports:
		t.Errorf("after Close: got report %q, want none", got)
	default:
	}
}

// next returns the next report.
func next(t *testing.T, reports <-chan string) string {
	t.Helper()
	select {
	case r := <-reports:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("no report within 10 s")
		return ""
	}
}
