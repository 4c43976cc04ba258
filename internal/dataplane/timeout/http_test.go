package timeout_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
)

// TestWaitDeadlineSH_02_DI_09_PR_02: a client that waits is held to the idle timeout in the shared model and to the client
// keep-alive in the directional one, however short or long the idle timeout is.
func TestWaitDeadlineSH_02_DI_09_PR_02(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name      string
		model     timeout.Model
		idle, age time.Duration
		at        int64
		why       reason.Reason
		timer     string
	}{
		{"shared", timeout.Shared, time.Minute, 0, 160, reason.ClientIdle, "idle"},
		{"shared_long", timeout.Shared, 4000 * time.Second, 0, 4100, reason.ClientIdle, "idle"},
		{"directional_short_idle", timeout.Directional, time.Second, 0, 165, reason.ClientIdle, "front_keepalive"},
		{"directional_long_idle", timeout.Directional, 7200 * time.Second, 0, 165, reason.ClientIdle, "front_keepalive"},
		{"aged_first", timeout.Shared, time.Minute, 100 * time.Second, 150, reason.AgeCap, "connection_age_max"},
		{"aged_later", timeout.Directional, time.Minute, 120 * time.Second, 165, reason.ClientIdle, "front_keepalive"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := timeout.Settings{Model: c.model, Idle: c.idle, FrontKeepalive: timeout.FrontKeepaliveDefault, AgeMax: c.age}
			d := s.WaitDeadline(100*second, 50*second)
			if d.At != c.at*second || d.Why != c.why || d.Timer != c.timer {
				t.Errorf("got %d s, %v by %s; want %d s, %v by %s", d.At/second, d.Why, d.Timer, c.at, c.why, c.timer)
			}
		})
	}
}

// TestPoolDeadlineSH_07_DI_11: an unused back-end connection ends by the idle timeout or by the back-end keep-alive.
func TestPoolDeadlineSH_07_DI_11(t *testing.T) {
	t.Parallel()
	s := timeout.Settings{Idle: 60 * time.Second, BackKeepalive: 300 * time.Second}
	if d := s.PoolDeadline(10 * second); d.At != 70*second || d.Why != reason.PoolIdle || d.Timer != "idle" {
		t.Errorf("shared: got %+v, want 70 s by idle", d)
	}
	s.Model = timeout.Directional
	if d := s.PoolDeadline(10 * second); d.At != 310*second || d.Why != reason.PoolIdle || d.Timer != "back_keepalive" {
		t.Errorf("directional: got %+v, want 310 s by back_keepalive", d)
	}
}

// TestExchangeDeadlineSH_03_SH_04_SH_05_SH_06_DI_02_DI_03_DI_04_DI_05_DI_16_PR_01: which of an exchange's timers fires first, when, and what it means. Instants are seconds; the request
// began at 100.
func TestExchangeDeadlineSH_03_SH_04_SH_05_SH_06_DI_02_DI_03_DI_04_DI_05_DI_16_PR_01(t *testing.T) {
	t.Parallel()
	type x = timeout.Exchange
	const idle, head = 60 * time.Second, 90 * time.Second
	cases := []struct {
		name            string
		x               timeout.Exchange // instants in seconds
		sharedAt        int64
		sharedWhy       reason.Reason
		directionalAt   int64
		directionalWhy  reason.Reason
		directionalFlow string
		rearmedAt       int64 // directional with active_transfer_rearms
	}{
		{"head_stalls", x{LastUp: 100}, 160, reason.RequestIdle, 160, reason.RequestIdle, "down", 160},
		{"head_drips", x{LastUp: 150}, 190, reason.HeadTooSlow, 160, reason.UploadUnanswered, "down", 190},
		{"body_stalls_at_once", x{HeadDone: true, LastUp: 100}, 160, reason.RequestIdle, 160, reason.RequestIdle, "down", 160},
		{"body_stalls_later", x{HeadDone: true, LastUp: 130, LastDown: 140}, 200, reason.RequestIdle, 190, reason.RequestIdle, "up", 200},
		{"upload_active", x{HeadDone: true, LastUp: 155}, 215, reason.RequestIdle, 160, reason.UploadUnanswered, "down", 215},
		{"backend_reads_not", x{HeadDone: true, LastUp: 120, UpHeld: true}, 180, reason.ResponseIdle, 160, reason.ResponseIdle, "down", 180},
		{"backend_silent", x{HeadDone: true, RequestDone: true, LastUp: 120}, 180, reason.ResponseIdle, 160, reason.ResponseIdle, "down", 180},
		{"hints_only", x{HeadDone: true, RequestDone: true, LastUp: 100, LastDown: 150}, 210, reason.ResponseIdle, 160, reason.DownloadUnasked, "up", 210},
		{"download_active", x{HeadDone: true, RequestDone: true, Answered: true, LastUp: 100, LastDown: 159}, 219, reason.ResponseIdle, 160, reason.DownloadUnasked, "up", 219},
		{"download_stalls", x{HeadDone: true, RequestDone: true, Answered: true, LastUp: 130, LastDown: 110}, 190, reason.ResponseIdle, 170, reason.ResponseIdle, "down", 190},
		{"client_reads_not", x{HeadDone: true, RequestDone: true, Answered: true, LastUp: 130, LastDown: 110, DownHeld: true}, 190, reason.SendIdle, 170, reason.SendIdle, "down", 190},
		{"own_wait", x{HeadDone: true, RequestDone: true, LastUp: 100, Waited: 40}, 200, reason.ResponseIdle, 200, reason.ResponseIdle, "down", 200},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := c.x
			v.Began, v.LastUp, v.LastDown, v.Waited = 100*second, v.LastUp*second, v.LastDown*second, v.Waited*second
			s := timeout.Settings{Idle: idle, RequestHead: head}
			check(t, "shared", s.ExchangeDeadline(&v), c.sharedAt, c.sharedWhy, "")
			s.Model = timeout.Directional
			check(t, "directional", s.ExchangeDeadline(&v), c.directionalAt, c.directionalWhy, c.directionalFlow)
			s.ActiveTransferRearm = true
			check(t, "active_transfer_rearms", s.ExchangeDeadline(&v), c.rearmedAt, c.sharedWhy, "")
		})
	}
}

func check(t *testing.T, what string, d timeout.Deadline, at int64, why reason.Reason, flow string) {
	t.Helper()
	if d.At != at*second || d.Why != why || d.Flow != flow {
		t.Errorf("%s: got %d s, %v, flow %q; want %d s, %v, flow %q", what, d.At/second, d.Why, d.Flow, at, why, flow)
	}
}

// TestDirectionsApartDI_02_DI_08: whatever happens, a byte in one direction never moves the other direction's timer, and the
// exchange ends when the first of the two does.
func TestDirectionsApartDI_02_DI_08(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		s := timeout.Settings{Model: timeout.Directional, Idle: time.Duration(1+random.IntN(100)) * time.Second}
		x := timeout.Exchange{Began: int64(random.IntN(1000)) * second, HeadDone: true, RequestDone: true, Answered: random.IntN(2) == 0}
		x.LastUp, x.LastDown = x.Began+int64(random.IntN(100))*second, x.Began+int64(random.IntN(100))*second
		want := min(x.LastUp, x.LastDown) + int64(s.Idle)
		if got := s.ExchangeDeadline(&x); got.At != want {
			t.Fatalf("seed %d: %+v: got %d s, want %d s", seed, x, got.At/second, want/second)
		}
		tunnel := timeout.Tunnel{Opened: x.Began, Relaying: x.Began, LastUp: x.LastUp, LastDown: x.LastDown, Upgraded: true}
		if got := s.TunnelDeadline(&tunnel); got.At != want || got.Why != reason.TunnelIdle {
			t.Fatalf("seed %d: tunnel %+v: got %d s as %v, want %d s", seed, tunnel, got.At/second, got.Why, want/second)
		}
		tunnel.Upgraded = false
		if got := s.TunnelDeadline(&tunnel); got.At != max(x.LastUp, x.LastDown)+int64(s.Idle) {
			t.Fatalf("seed %d: TCP %+v: got %d s, want one timer for both directions", seed, tunnel, got.At/second)
		}
	}
}
