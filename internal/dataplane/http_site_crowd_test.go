package dataplane_test

import (
	"net/netip"
	"strings"
	"testing"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/rules"
	"lull/internal/lulltest"
)

// localhost is an address of this machine.
func localhost(last byte) netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, last}) }

// dialFrom connects to the HTTP listener from an address of this machine.
func dialFrom(t *testing.T, e *lulltest.Engine, from netip.Addr) *lulltest.HTTPConn {
	t.Helper()
	return lulltest.HTTP(lulltest.DialFrom(t, from, e.Local(lulltest.HTTPKey)))
}

// turnedAway checks that a connection ends at once, with nothing said and that reason.
func turnedAway(t *testing.T, e *lulltest.Engine, c *lulltest.HTTPConn) {
	t.Helper()
	if how, data := c.End(); how != "eof" && how != "reset" || len(data) > 0 {
		t.Errorf("one too many: got %q and %s, want nothing and the end", data, how)
	}
	if r := e.CloseOf(c); r.Reason != reason.AddressLimit || r.Exchanges != 0 {
		t.Errorf("one too many: ended by %v", r.Reason)
	}
}

// TestAddressLimit: each address has so many connections at most, on all loops together, some blocks of addresses another number, and
// an ended one makes room. Those that are there are not harmed.
func TestAddressLimit_RUL_07(t *testing.T) {
	t.Parallel()
	onLoops(t, func(t *testing.T, loops int) {
		p := ociPlan()
		addSite(t, p, "web", &rules.Config{}, addNamed(t, p, "a"))
		lulltest.Listener(p).Caps = &rules.Caps{Default: 3, Groups: []rules.CapGroup{
			{Blocks: []netip.Prefix{netip.MustParsePrefix("127.0.0.64/26"), netip.MustParsePrefix("::/0")}, Connections: 1},
		}}
		e := startHTTP(t, loops, p)
		for _, q := range []struct {
			from netip.Addr
			most int
		}{{localhost(2), 3}, {localhost(3), 3}, {localhost(70), 1}} {
			var open []*lulltest.HTTPConn
			for range q.most {
				c := dialFrom(t, e, q.from)
				if got := led(c, "a", "/"); got != "a" {
					t.Fatalf("%v: got %s", q.from, got)
				}
				open = append(open, c)
			}
			for range 5 {
				turnedAway(t, e, dialFrom(t, e, q.from))
			}
			for _, c := range open {
				if got := led(c, "a", "/"); got != "a" {
					t.Errorf("%v: one that was there got %s", q.from, got)
				}
			}
			_ = open[0].Close()
			e.CloseOf(open[0])
			if !lulltest.Eventually(func() bool { // a connection is counted for a moment after its record
				c := dialFrom(t, e, q.from)
				_, err := c.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
				how := byte(0)
				if err == nil {
					var b [1]byte
					_, _ = c.Read(b[:])
					how = b[0]
				}
				return how == 'H'
			}) {
				t.Errorf("%v: there is no room after one has ended", q.from)
			}
		}
		if l, _ := totalsOf(e, lulltest.HTTPKey); l.Closes[reason.AddressLimit] < 15 || l.Requests < 14 {
			t.Errorf("counted %d turned away and %d requests", l.Closes[reason.AddressLimit], l.Requests)
		}
	})
}

// TestAddressLimitBehindProxy: the address is the one that the PROXY header names; before it is known nobody is turned away.
func TestAddressLimitBehindProxy_RUL_07(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	addSite(t, p, "web", &rules.Config{}, addNamed(t, p, "a"))
	l := lulltest.Listener(p)
	l.ProxyAccept, l.Caps = true, &rules.Caps{Default: 1}
	e := startHTTP(t, 2, p)
	const one, other = "PROXY TCP4 192.0.2.1 192.0.2.9 1000 80\r\n", "PROXY TCP4 192.0.2.2 192.0.2.9 1000 80\r\n"
	first, second, third := e.DialHTTP(), e.DialHTTP(), e.DialHTTP()
	first.Send(one)
	if got := led(first, "a", "/"); got != "a" {
		t.Errorf("the first: got %s", got)
	}
	third.Send(other)
	if got := led(third, "a", "/"); got != "a" {
		t.Errorf("one of another address: got %s", got)
	}
	second.Send(strings.Replace(one, "1000", "1001", 1) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	turnedAway(t, e, second)
}

// TestAddressLimitChanges: a bound that comes counts those that are there, tunnels too, and harms none; one that goes is gone.
func TestAddressLimitChanges_RUL_07(t *testing.T) {
	t.Parallel()
	hand, accepted := lulltest.Hands(t)
	p := ociPlan()
	addSite(t, p, "web", &rules.Config{}, addSet(p, "set", hand.Addr))
	s := &site{startHTTP(t, 2, p), t, p, hand, accepted}
	tunnel := s.dial(lulltest.Patience)
	tunnel.upgrade()
	waits := s.DialHTTP()
	s.WaitState(waits, "waiting")
	p = s.Changed(p, func(p *plan.Plan) { lulltest.Listener(p).Caps = &rules.Caps{Default: 2} })
	turnedAway(t, s.Engine, s.DialHTTP())
	tunnel.pass(tunnel.c, tunnel.b)
	_, _ = tunnel.c.Close(), tunnel.b.Close()
	s.CloseOf(tunnel.c)
	if !lulltest.Eventually(func() bool {
		c := s.DialHTTP()
		state := ""
		lulltest.Eventually(func() bool {
			live, open := s.StateOf(c)
			state = live.State
			return open || len(closesOf(s.Engine, c)) > 0
		})
		return state == "waiting"
	}) {
		t.Error("there is no room after the tunnel has ended")
	}
	turnedAway(t, s.Engine, s.DialHTTP())
	s.Changed(p, func(p *plan.Plan) { lulltest.Listener(p).Caps = nil })
	for range 5 {
		s.WaitState(s.DialHTTP(), "waiting")
	}
}

// closesOf returns the records of a connection's end: one at most.
func closesOf(e *lulltest.Engine, c *lulltest.HTTPConn) (all []record.Close) {
	for _, r := range lulltest.Recorded(&e.Log().Ring) {
		if c.IsOf(&r.Ends) {
			all = append(all, r)
		}
	}
	return all
}
