package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/resolver/dnstest"
)

// heard is one report and when it came.
type heard struct {
	key   plan.BackendKey
	addrs []netip.AddrPort
	err   error
	at    time.Time
}

// listen starts a resolver that asks srv for the backends of a plan, and returns what it reports.
func listen(t *testing.T, srv *dnstest.Server, hosts string, opts ...Option) <-chan heard {
	t.Helper()
	ch := make(chan heard, 100)
	opts = append([]Option{WithServer(srv.Addr())}, opts...)
	r := New(func(key plan.BackendKey, addrs []netip.AddrPort, err error) {
		ch <- heard{key, addrs, err, time.Now()}
	}, opts...)
	t.Cleanup(r.Close)
	r.Apply(testPlan(t, hosts))
	return ch
}

// within returns the next report, or fails the test when none comes in time.
func within(t *testing.T, ch <-chan heard, d time.Duration) heard {
	t.Helper()
	select {
	case h := <-ch:
		return h
	case <-time.After(d):
		t.Fatalf("no report within %v", d)
		return heard{}
	}
}

// wantAddrs fails the test unless h brings those addresses, in any order: package net sorts them by RFC 6724.
func wantAddrs(t *testing.T, h heard, want ...string) {
	t.Helper()
	var got []string
	for _, a := range h.addrs {
		got = append(got, a.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if h.err != nil || !slices.Equal(got, want) {
		t.Fatalf("report for %s: got %q, error %v; want %q", h.key.Endpoint(), got, h.err, want)
	}
}

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

func TestTTLIsHonoured(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		answer dnstest.Answer
	}{
		{"address", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 1}},
		{"zero", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 0}},
		{"alias", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 600, Alias: "other.test", AliasTTL: 1}},
		{"by_tcp", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 1, Truncate: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := dnstest.Start(t)
			srv.Set("app.test", tc.answer)
			ch := listen(t, srv, "app.test:80")
			first := within(t, ch, 5*time.Second)
			wantAddrs(t, first, "10.0.0.1:80")

			moved := tc.answer
			moved.Addrs = addrs("10.0.0.2")
			srv.Set("app.test", moved)
			second := within(t, ch, 10*time.Second)
			wantAddrs(t, second, "10.0.0.2:80")
			// On an idle machine it is 1.0 s; the exact schedule is TestRefreshFollowsTTL's business.
			if got := second.at.Sub(first.at); got < 900*time.Millisecond || got > 5*time.Second {
				t.Errorf("a TTL of 1 s: new address after %v, want about 1 s", got)
			}
			t.Logf("new address after %v", second.at.Sub(first.at))
		})
	}
}

func TestLongTTLIsHonoured(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("app.test", dnstest.Answer{Addrs: addrs("10.0.0.1", "2001:db8::1"), TTL: 600})
	r := New(nil, WithServer(srv.Addr()))
	defer r.Close()
	ans, err := r.lookup(t.Context(), "app.test")
	if err != nil {
		t.Fatal(err)
	}
	if want := 600 * time.Second; ans.ttl != want {
		t.Errorf("TTL of 600 s: got %v, want %v", ans.ttl, want)
	}
	srv.Set("app.test", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 4, Alias: "other.test", AliasTTL: 50})
	if ans, err = r.lookup(t.Context(), "app.test"); err != nil || ans.ttl != 4*time.Second {
		t.Errorf("smallest of 4 s and 50 s: got %v, error %v, want 4s", ans.ttl, err)
	}
}

func TestHostsFileHasNoTTL(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	r := New(nil, WithServer(srv.Addr()))
	defer r.Close()
	ans, err := r.lookup(t.Context(), "localhost")
	if err != nil {
		t.Skipf("this machine's hosts file has no localhost: %v", err)
	}
	if !ans.addrs[0].IsLoopback() || ans.ttl != refreshMax {
		t.Errorf("localhost: got %v for %v, want a loopback address for %v", ans.addrs, ans.ttl, refreshMax)
	}
}

func TestBothFamilies(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("app.test", dnstest.Answer{Addrs: addrs("10.0.0.1", "2001:db8::1", "10.0.0.2", "10.0.0.1", "0.0.0.0"), TTL: 60})
	ch := listen(t, srv, "App.Test:8080")
	wantAddrs(t, within(t, ch, 5*time.Second), "10.0.0.1:8080", "10.0.0.2:8080", "[2001:db8::1]:8080")
}

func TestNoUsableAddress(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("app.test", dnstest.Answer{Addrs: addrs("0.0.0.0"), TTL: 60})
	h := within(t, listen(t, srv, "app.test:80"), 5*time.Second)
	if h.err == nil || !strings.Contains(h.err.Error(), "app.test") || !strings.Contains(h.err.Error(), "0.0.0.0") {
		t.Errorf("report for a blocked name: got %v, error %v, want an error with name and address", h.addrs, h.err)
	}
}

func TestUnknownNameKeepsTheLastAddresses(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("app.test", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 1})
	ch := listen(t, srv, "app.test:80")
	wantAddrs(t, within(t, ch, 5*time.Second), "10.0.0.1:80")

	srv.Forget("app.test")
	h := within(t, ch, 5*time.Second)
	var dns *net.DNSError
	if !errors.As(h.err, &dns) || !dns.IsNotFound || h.addrs != nil {
		t.Fatalf("report after the name is gone: got %v, error %v, want no addresses, not found", h.addrs, h.err)
	}

	srv.Set("app.test", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 60})
	wantAddrs(t, within(t, ch, 5*time.Second), "10.0.0.1:80")
}

func TestTruncatedAnswerComesByTCP(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	var many []netip.Addr
	for i := range 200 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
	}
	srv.Set("app.test", dnstest.Answer{Addrs: many, TTL: 60, Truncate: true})
	h := within(t, listen(t, srv, "app.test:80"), 5*time.Second)
	if h.err != nil || len(h.addrs) != addrsMax {
		t.Errorf("200 addresses by TCP: got %d, error %v, want %d", len(h.addrs), h.err, addrsMax)
	}
	if got := srv.Queries("tcp", "app.test"); got != 2 {
		t.Errorf("queries by TCP: got %d, want 2 (A and AAAA)", got)
	}
}

func TestSlowServer(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("slow.test", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 60, Delay: 700 * time.Millisecond})
	wantAddrs(t, within(t, listen(t, srv, "slow.test:80"), 5*time.Second), "10.0.0.1:80")
}

func TestSilentServer(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("dead.test", dnstest.Answer{Silent: true})
	short := func(r *Resolver) { r.lookupTimeout = 300 * time.Millisecond }
	h := within(t, listen(t, srv, "dead.test:80", short), 5*time.Second)
	var dns *net.DNSError
	if !errors.As(h.err, &dns) || !dns.IsTimeout {
		t.Errorf("silent server: got %v, error %v, want a timeout", h.addrs, h.err)
	}
}

// A lost datagram must cost one attempt and not the lookup.
func TestLostDatagram(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("lost.test", dnstest.Answer{Silent: true})
	start := time.Now()
	ch := listen(t, srv, "lost.test:80")
	deadline := time.Now().Add(5 * time.Second)
	for srv.Queries("udp", "lost.test") < 2 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
	}
	srv.Set("lost.test", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 60})
	h := within(t, ch, 10*time.Second)
	wantAddrs(t, h, "10.0.0.1:80")
	if got := h.at.Sub(start); got < attemptMax {
		t.Errorf("lost datagrams: answer after %v, want %v at least", got, attemptMax)
	}
}

func TestGarbageReplies(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		garbage []byte
	}{
		{"empty", []byte{}},
		{"one_byte", []byte{0x80}},
		{"zeros", make([]byte, 512)},
		{"ones", []byte(strings.Repeat("\xff", 512))},
		{"text", []byte("HTTP/1.1 400 Bad Request\r\n\r\n")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := dnstest.Start(t)
			srv.Set("app.test", dnstest.Answer{Garbage: tc.garbage})
			short := func(r *Resolver) { r.lookupTimeout = 300 * time.Millisecond }
			ch := listen(t, srv, "app.test:80", short)
			if h := within(t, ch, 5*time.Second); h.err == nil {
				t.Fatalf("garbage: got %v, want an error", h.addrs)
			}
			srv.Set("app.test", dnstest.Answer{Addrs: addrs("10.0.0.1"), TTL: 60})
			wantAddrs(t, within(t, ch, 5*time.Second), "10.0.0.1:80")
		})
	}
}

// Close must not wait for the time that a lookup may still have, and its sockets must go as well.
func TestCloseDuringLookup(t *testing.T) {
	t.Parallel()
	srv := dnstest.Start(t)
	srv.Set("dead.test", dnstest.Answer{Silent: true})
	var reports atomic.Int32
	r := New(func(plan.BackendKey, []netip.AddrPort, error) { reports.Add(1) }, WithServer(srv.Addr()))
	r.Apply(testPlan(t, "dead.test:80"))
	for deadline := time.Now().Add(5 * time.Second); srv.Queries("udp", "dead.test") == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no query within 5 s")
		}
		time.Sleep(time.Millisecond)
	}
	start := time.Now()
	r.Close()
	r.Close()
	if got := time.Since(start); got > time.Second {
		t.Errorf("Close took %v, want less than 1 s", got)
	}
	if got := reports.Load(); got != 0 {
		t.Errorf("reports: got %d, want none", got)
	}
	if err := r.WaitFirst(context.Background()); err != nil {
		t.Errorf("WaitFirst after Close: got %v, want nil", err)
	}
}
