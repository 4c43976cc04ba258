package dataplane_test

import (
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// tunnelEnds checks that the idle time after d's last byte ends both connections of a tunnel, orderly and on time.
func (d *dialog) tunnelEnds(idle time.Duration) record.Close {
	d.t.Helper()
	client, server := watchHTTP(d.c), watchHTTP(d.b)
	(<-client).within(d.t, "client", "eof", d.last, idle)
	(<-server).within(d.t, "backend", "eof", d.last, idle)
	x, r := d.judged(1, verdict{reason.TunnelIdle, "idle", idle, 101})
	if !x.Upgraded || !r.Upgraded || x.BackendStatus != 101 {
		d.t.Errorf("records: got %d from the backend, upgraded %v and %v; want 101, upgraded", x.BackendStatus, x.Upgraded, r.Upgraded)
	}
	return r
}

// talkSteps is for how many halves of an idle time a tunnel is kept alive.
const talkSteps = 7

// TestTunnelSH_06_TO_12: in the shared model any byte, either way, re-arms an upgraded connection.
func TestTunnelSH_06_TO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, tunnelSH)
}

func tunnelSH(t *testing.T) {
	for name, steps := range map[string]string{"up": "uuuuuuu", "down": "ddddddd", "in_turn": "udududu", "seldom": ".u.d.u."} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const idle = 1200 * time.Millisecond
			s := newSite(t, 2, timeout.Shared, idleOf(idle))
			d := s.dial(2 * idle)
			d.upgrade()
			d.idle = idle
			for _, step := range steps {
				let(idle / 2 * 9 / 10)
				d.step(step)
			}
			d.tunnelEnds(idle)
		})
	}
}

// step moves bytes: u one up, d one down, b one each way, anything else none.
func (d *dialog) step(step rune) {
	d.t.Helper()
	switch step {
	case 'u':
		d.pass(d.c, d.b)
	case 'd':
		d.pass(d.b, d.c)
	case 'b':
		d.pass(d.c, d.b)
		d.pass(d.b, d.c)
	}
}

// TestTunnelDI_06_DI_07_DI_16: in the directional model each direction must have its own bytes, and active_transfer_rearms
// makes no difference to a tunnel.
func TestTunnelDI_06_DI_07_DI_16(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, tunnelDI)
}

func tunnelDI(t *testing.T) {
	for name, up := range map[string]bool{"client_talks": true, "backend_talks": false} {
		for option, rearm := range map[string]bool{"plain": false, "active_transfer_rearms": true} {
			t.Run(name+"_"+option, func(t *testing.T) {
				t.Parallel()
				const idle = 1200 * time.Millisecond
				s := newSite(t, 2, timeout.Directional, func(set *timeout.Settings) { set.Idle, set.ActiveTransferRearm = idle, rearm })
				d := s.dial(idle)
				asked := now()
				d.upgrade()
				talker := d.c
				if !up {
					talker, d.last = d.b, asked
				}
				defer drip(talker, idle/6)()
				r := d.tunnelEnds(idle)
				talked, silent, flow := r.QuietUp, r.QuietDown, "down"
				if !up {
					talked, silent, flow = silent, talked, "up"
				}
				if silent < idle || talked >= idle || r.TimerFlow != flow {
					t.Errorf("record: ended by the timer for %q, quiet for %v up and %v down; want %q and the idle time in that", r.TimerFlow, r.QuietUp, r.QuietDown, flow)
				}
			})
		}
	}
}

// TestTunnelBothWaysDI_08_TO_12: with bytes each way before each idle period is over a tunnel lives on; pings and pongs are
// bytes. It ends the idle time after the last byte of that direction which fell silent first.
func TestTunnelBothWaysDI_08_TO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, tunnelBothWays)
}

func tunnelBothWays(t *testing.T) {
	const idle = 1200 * time.Millisecond
	for name, last := range map[string]rune{"client_first": 'd', "backend_first": 'u'} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, 2, timeout.Directional, idleOf(idle))
			d := s.dial(2 * idle)
			d.upgrade()
			d.idle = idle
			var both ends
			for range talkSteps {
				let(idle / 2)
				before := now()
				d.step('b')
				both = d.ends
				both.last = before // than which neither direction's byte was sooner
			}
			let(idle / 2)
			d.step(last)
			d.ends = both
			d.tunnelEnds(idle)
		})
	}
	t.Run("ping_pong", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, 2, timeout.Directional, idleOf(idle))
		d := s.dial(2 * idle)
		d.upgrade()
		const ping, pong = "\x89\x00", "\x8a\x80abcd" // frames without payload, the client's masked
		for range talkSteps {
			let(idle / 2)
			before := now()
			d.tell(ping)
			d.c.Expect(ping)
			d.say(pong)
			d.b.Expect(pong)
			d.hear()
			d.last = before // than which neither direction's byte was sooner
		}
		d.tunnelEnds(idle)
	})
}

// TestTunnelHalfClosedTO_09: a tunnel passes a FIN on behind the last byte, and the other direction goes on.
func TestTunnelHalfClosedTO_09(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, tunnelHalfClosed)
}

func tunnelHalfClosed(t *testing.T) {
	for name, swap := range map[string]bool{"client": false, "backend": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const idle = 1200 * time.Millisecond
			s := newSite(t, 2, timeout.Shared, idleOf(idle))
			d := s.dial(2 * idle)
			d.upgrade()
			d.idle = idle
			closing, going := d.c, d.b
			if swap {
				closing, going = d.b, d.c
			}
			closing.Send("last")
			_ = closing.CloseWrite()
			if how, data := going.End(); how != "eof" || string(data) != "last" {
				t.Fatalf("the other side: got %q and %s, want last and eof", data, how)
			}
			for range 4 { // two idle times
				d.pass(going, closing)
				let(idle / 2)
			}
			(<-watchHTTP(closing)).within(t, "the side that closed", "eof", d.last, idle)
			if _, r := d.judged(1, verdict{reason.TunnelIdle, "idle", idle, 101}); r.HalfClosed != name {
				t.Errorf("record: half closed by %q, want %q", r.HalfClosed, name)
			}
		})
	}
}

// TestTunnelTogetherSH_06: bytes that come in one piece with the 101 belong to the tunnel, as do those that the client sent
// behind its request in the hope of it.
func TestTunnelTogetherSH_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, tunnelTogether)
}

func tunnelTogether(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := newSite(t, 2, m, func(*timeout.Settings) {})
		d := s.dial(lulltest.Patience)
		d.say("GET /chat HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\nup")
		d.meet().Request()
		d.tell("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\ndown")
		if a := d.c.Answer("GET"); a.StatusCode != 101 {
			t.Fatalf("client: got %s, want 101", a.Status)
		}
		d.c.Expect("down")
		d.b.Expect("up")
		_ = d.c.Close()
		if how, _ := d.b.End(); how != "eof" {
			t.Errorf("backend: ended with %s, want eof", how)
		}
		_ = d.b.Close()
		if x := s.ExchangeOf(d.c, 1); x.Reason != reason.ClientClosed || !x.Upgraded {
			t.Errorf("exchange: got %v, want client-closed of a tunnel", x.Reason)
		}
		if r := s.CloseOf(d.c); r.BytesUp != uint64(len("up")) || r.BytesDown != uint64(len("down")) {
			t.Errorf("bytes: got %d up and %d down, want 2 and 4", r.BytesUp, r.BytesDown)
		}
	})
}
