package timeout_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
)

const second = int64(time.Second)

// TestTunnelDeadlineSH_01_DI_13_PR_02 covers when a tunnel ends, and why, in both models. Instants are seconds; the clock of these
// tests is whatever they say, so nothing here could depend on a wall clock (TO-10).
func TestTunnelDeadlineSH_01_DI_13_PR_02(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name                       string
		opened, relaying, up, down int64
		idle, age                  time.Duration
		at                         int64
		why                        reason.Reason
		timer                      string
		setting                    time.Duration
	}{
		{"no_byte", 10, 12, 0, 0, time.Minute, 0, 72, reason.TunnelIdle, "idle", time.Minute},
		{"up", 10, 12, 20, 0, time.Minute, 0, 80, reason.TunnelIdle, "idle", time.Minute},
		{"down", 10, 12, 0, 20, time.Minute, 0, 80, reason.TunnelIdle, "idle", time.Minute},
		{"up_last", 10, 12, 30, 20, time.Minute, 0, 90, reason.TunnelIdle, "idle", time.Minute},
		{"down_last", 10, 12, 20, 30, time.Minute, 0, 90, reason.TunnelIdle, "idle", time.Minute},
		{"least_idle", 10, 12, 20, 30, time.Second, 0, 31, reason.TunnelIdle, "idle", time.Second},
		{"most_idle_shared", 10, 12, 20, 30, 4000 * time.Second, 0, 4030, reason.TunnelIdle, "idle", 4000 * time.Second},
		{"most_idle_directional", 10, 12, 20, 30, 7200 * time.Second, 0, 7230, reason.TunnelIdle, "idle", 7200 * time.Second},
		{"age_after_idle", 10, 12, 20, 30, time.Minute, time.Hour, 90, reason.TunnelIdle, "idle", time.Minute},
		{"age_before_idle", 10, 12, 20, 30, time.Minute, 50 * time.Second, 60, reason.AgeCap, "connection_age_max", 50 * time.Second},
		{"age_waits_for_quiet", 10, 12, 20, 30, time.Minute, 20 * time.Second, 31, reason.AgeCap, "connection_age_max", 20 * time.Second},
		{"age_at_quiet", 10, 12, 20, 30, time.Minute, 21 * time.Second, 31, reason.AgeCap, "connection_age_max", 21 * time.Second},
		{"age_counts_from_accept", 10, 50, 0, 0, time.Minute, 45 * time.Second, 55, reason.AgeCap, "connection_age_max", 45 * time.Second},
		{"age_and_idle_at_once", 10, 12, 20, 30, time.Minute, 80 * time.Second, 90, reason.TunnelIdle, "idle", time.Minute},
		{"idle_shorter_than_quiet", 10, 12, 20, 30, 500 * time.Millisecond, time.Second, 30, reason.TunnelIdle, "idle", 500 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, model := range []timeout.Model{timeout.Shared, timeout.Directional} {
				s := timeout.Settings{Model: model, Idle: c.idle, AgeMax: c.age,
					FrontKeepalive: time.Second, BackKeepalive: time.Second, FrontRequestsMax: 1} // for HTTP only
				tunnel := timeout.Tunnel{Opened: c.opened * second, Relaying: c.relaying * second, LastUp: c.up * second, LastDown: c.down * second}
				want := timeout.Deadline{At: c.at * second, Why: c.why, Timer: c.timer, Setting: c.setting}
				if c.name == "idle_shorter_than_quiet" {
					want.At += int64(500 * time.Millisecond)
				}
				if got := s.TunnelDeadline(&tunnel); got != want {
					t.Errorf("%v: got %+v, want %+v", model, got, want)
				}
			}
		})
	}
}

// TestByteRearmsTO_01_TO_12: whatever a tunnel has done, a byte at any instant, either way, puts its deadline one idle time
// behind it: never earlier. Without an age limit that is the only deadline there is.
func TestByteRearmsTO_01_TO_12(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		s := timeout.Settings{Idle: time.Duration(1 + r.Int64N(7200*second))}
		opened := 1 + r.Int64N(1000*second)
		relaying := opened + r.Int64N(10*second)
		tunnel := timeout.Tunnel{Opened: opened, Relaying: relaying}
		now := relaying
		for range r.IntN(6) {
			now += r.Int64N(int64(s.Idle))
			if r.IntN(2) == 0 {
				tunnel.LastUp = now
			} else {
				tunnel.LastDown = now
			}
			if d := s.TunnelDeadline(&tunnel); d.At != now+int64(s.Idle) || d.Why != reason.TunnelIdle {
				t.Fatalf("%+v with idle %v: got %+v, want tunnel-idle at %d", tunnel, s.Idle, d, now+int64(s.Idle))
			}
		}
	}
}

// TestAgeNeverEarlyPR_02: an age limit only ever makes a deadline earlier, never earlier than the age, and never within
// the quiet time after a byte.
func TestAgeNeverEarlyPR_02(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 10_000 {
		s := timeout.Settings{Idle: time.Duration(1 + r.Int64N(100*second))}
		relaying := 1 + r.Int64N(100*second)
		tunnel := timeout.Tunnel{Opened: 1 + r.Int64N(relaying), Relaying: relaying, LastUp: relaying + r.Int64N(100*second)}
		without := s.TunnelDeadline(&tunnel)
		s.AgeMax = time.Duration(1 + r.Int64N(300*second))
		d := s.TunnelDeadline(&tunnel)
		switch {
		case d.At > without.At:
			t.Fatalf("%+v, %+v: an age limit moved the deadline from %d to %d", s, tunnel, without.At, d.At)
		case d.Why == reason.AgeCap && d.At < tunnel.Opened+int64(s.AgeMax):
			t.Fatalf("%+v, %+v: ended at %d before its age", s, tunnel, d.At)
		case d.Why == reason.AgeCap && d.At < tunnel.LastByte()+int64(timeout.AgeQuiet):
			t.Fatalf("%+v, %+v: ended at %d, not quiet yet", s, tunnel, d.At)
		case d.Why != reason.AgeCap && d != without:
			t.Fatalf("%+v, %+v: got %+v, want %+v", s, tunnel, d, without)
		}
	}
}

// TestConnectDeadlineTO_11: a connect may take its own limit, and never more than the idle timeout.
func TestConnectDeadlineTO_11(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name          string
		connect, idle time.Duration
		limit         time.Duration
		timer         string
	}{
		{"default", timeout.ConnectDefault, timeout.IdleDefaultShared, 10 * time.Second, "connect"},
		{"idle_shorter", 10 * time.Second, 3 * time.Second, 3 * time.Second, "idle"},
		{"equal", 5 * time.Second, 5 * time.Second, 5 * time.Second, "connect"},
		{"connect_shorter", time.Second, time.Hour, time.Second, "connect"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := timeout.Settings{Connect: c.connect, Idle: c.idle}
			want := timeout.Deadline{At: 7*second + int64(c.limit), Why: reason.ConnectTimeout, Timer: c.timer, Setting: c.limit}
			if got := s.ConnectDeadline(7 * second); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if got := s.ConnectLimit(); got != c.limit {
				t.Errorf("limit: got %v, want %v", got, c.limit)
			}
		})
	}
}

// TestHandshakeDeadlineTO_05: a header or handshake has its own limit, whatever the idle timeout.
func TestHandshakeDeadlineTO_05(t *testing.T) {
	t.Parallel()
	for _, idle := range []time.Duration{time.Second, time.Hour} {
		s := timeout.Settings{Handshake: 10 * time.Second, Idle: idle}
		want := timeout.Deadline{At: 17 * second, Why: reason.HandshakeTimeout, Timer: "handshake", Setting: 10 * time.Second}
		if got := s.HandshakeDeadline(7 * second); got != want {
			t.Errorf("idle %v: got %+v, want %+v", idle, got, want)
		}
	}
}

// TestChangedSettingsTO_06: a deadline is a function of what happened and of the settings in force, so a changed setting
// moves it as if it had been in force all along.
func TestChangedSettingsTO_06(t *testing.T) {
	t.Parallel()
	tunnel := timeout.Tunnel{Opened: second, Relaying: second, LastUp: 100 * second}
	for _, idle := range []time.Duration{time.Second, time.Minute, 7200 * time.Second, time.Second} {
		s := timeout.Settings{Idle: idle}
		if got, want := s.TunnelDeadline(&tunnel).At, 100*second+int64(idle); got != want {
			t.Errorf("idle %v: got %d, want %d", idle, got, want)
		}
	}
}

func TestEarlier(t *testing.T) {
	t.Parallel()
	early := timeout.Deadline{At: 1, Why: reason.TunnelIdle}
	late := timeout.Deadline{At: 2, Why: reason.AgeCap}
	never := timeout.Deadline{At: timeout.Never}
	same := timeout.Deadline{At: 1, Why: reason.Shutdown}
	cases := []struct {
		name       string
		d, o, want timeout.Deadline
	}{
		{"first", early, late, early}, {"second", late, early, early}, {"equal", early, same, early},
		{"equal_swapped", same, early, same}, {"never", never, late, late}, {"never_swapped", late, never, late},
	}
	for _, c := range cases {
		if got := c.d.Earlier(c.o); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestRangesSH_10_DI_14 covers what the front doors refuse: the numbers stand in spec/timeouts.md.
func TestRangesSH_10_DI_14(t *testing.T) {
	t.Parallel()
	cases := []struct {
		model timeout.Model
		word  string
		most  time.Duration
	}{{timeout.Shared, "shared", 4000 * time.Second}, {timeout.Directional, "directional", 7200 * time.Second}}
	for _, c := range cases {
		if got, want := timeout.IdleRange(c.model), (timeout.Range{Min: time.Second, Max: c.most}); got != want {
			t.Errorf("%v: got %v, want %v", c.model, got, want)
		}
		if got := c.model.String(); got != c.word {
			t.Errorf("model %d: got %q, want %q", c.model, got, c.word)
		}
	}
	defaults := []struct{ got, want time.Duration }{
		{timeout.IdleDefaultShared, time.Minute}, {timeout.IdleDefaultDirectionalHTTP, time.Minute},
		{timeout.IdleDefaultDirectionalTCP, 300 * time.Second}, {timeout.FrontKeepaliveDefault, 65 * time.Second},
		{timeout.BackKeepaliveDefault, 300 * time.Second}, {timeout.ConnectDefault, 10 * time.Second},
		{timeout.HandshakeDefault, 10 * time.Second}, {timeout.RequestHeadDefault, time.Minute},
	}
	for i, d := range defaults {
		if d.got != d.want {
			t.Errorf("default %d: got %v, want %v", i, d.got, d.want)
		}
	}
	if timeout.FrontRequestsMaxDefault != 10_000 {
		t.Errorf("transactions: got %d, want 10000", timeout.FrontRequestsMaxDefault)
	}
}
