package console

import (
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// live returns an open TCP connection on which nothing has moved for so long.
func live(id uint64, idle, still time.Duration) record.Live {
	return record.Live{
		ID: id, State: "relaying", Age: still, Ends: record.Ends{LoadBalancer: "web", Listener: "tcp", Protocol: "tcp", Backend: "10.0.0.1:80"},
		Traffic: record.Traffic{QuietUp: record.Never, QuietDown: record.Never, ConnectedAt: 0},
		Timer:   "idle", Setting: idle, Why: reason.TunnelIdle, FiresIn: idle - still,
	}
}

// TestEndsAtOnce: what another idle timeout would end at once, by which timer rules the connection now.
func TestEndsAtOnce(t *testing.T) {
	t.Parallel()
	const s = time.Second
	aged := live(1, 60*s, 20*s)
	aged.Timer, aged.Why = "connection_age_max", reason.AgeCap
	busy := aged
	busy.QuietUp, busy.QuietDown = 5*s, 30*s
	closing := live(1, 60*s, 20*s)
	closing.Why = reason.None
	waiting := live(1, 65*s, 20*s)
	waiting.Timer = "front_keepalive"
	slow := busy
	slow.Timer, slow.Why = "request_head", reason.HeadTooSlow
	cases := []struct {
		name string
		l    record.Live
		idle time.Duration
		want bool
	}{
		{"shorter-past", live(1, 60*s, 20*s), 10 * s, true},
		{"shorter-exactly", live(1, 60*s, 20*s), 20 * s, true},
		{"shorter-not-yet", live(1, 60*s, 20*s), 21 * s, false},
		{"longer", live(1, 60*s, 20*s), 90 * s, false},
		{"aged-past", aged, 20 * s, true},
		{"aged-not-yet", aged, 21 * s, false},
		{"aged-busy", busy, 6 * s, false},
		{"aged-idle", busy, 5 * s, true},
		{"slow-head-idle", slow, 5 * s, true},
		{"slow-head-busy", slow, 6 * s, false},
		{"closing", closing, 1 * s, false},
		{"another-timer", waiting, 1 * s, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := endsAtOnce(&c.l, c.idle); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestQuiet: for how long nothing has moved, also on an HTTP connection that waits for its next request and so has no flows.
func TestQuiet(t *testing.T) {
	t.Parallel()
	const s = time.Second
	waiting := record.Live{
		State: "waiting", Age: 600 * s, Traffic: record.Traffic{QuietUp: record.Never, QuietDown: record.Never, ConnectedAt: record.Never, Exchanges: 70},
		Timer: "front_keepalive", Setting: 65 * s, Why: reason.ClientIdle, FiresIn: 62 * s,
	}
	due := waiting
	due.FiresIn = -s
	capped := waiting
	capped.Timer, capped.Setting = "connection_age_max", 610*s
	answering := waiting
	answering.QuietUp, answering.QuietDown = 8*s, 4*s
	silent := live(1, 60*s, 20*s)
	silent.Age, silent.ConnectedAt = 25*s, 5*s
	for name, c := range map[string]struct {
		l    record.Live
		want time.Duration
	}{
		"waiting": {waiting, 3 * s}, "due": {due, 66 * s}, "age": {capped, 600 * s}, "answering": {answering, 4 * s}, "tcp": {live(1, 60*s, 20*s), 20 * s}, "connected": {silent, 20 * s},
	} {
		if got := quiet(&c.l); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// TestImpactText: the sentence says how many of how many.
func TestImpactText(t *testing.T) {
	t.Parallel()
	for want, i := range map[string]impact{
		"No connection is open that it concerns.":                                                                         {},
		"It closes none of 1 open connection now.":                                                                        {Open: 1},
		"It closes 38 of 1,204 open connections now.":                                                                     {Open: 1204, Closes: 38},
		"It closes none of 2 open connections now, and 1 unused connection to a backend.":                                 {Open: 2, Pooled: 1},
		"No connection is open that it concerns, and 3 unused connections to backends.":                                   {Pooled: 3},
		"It closes none of 1 open connection now; 1 has up to 30 seconds to end.":                                         {Open: 1, Drains: 1, Within: 30 * time.Second},
		"It closes 2 of 5 open connections now, and 1 unused connection to a backend; 3 have up to 7,200 seconds to end.": {Open: 5, Closes: 2, Drains: 3, Within: 2 * time.Hour, Pooled: 1},
		"It closes 1 of 1 open connection now, and 1,000 unused connections to backends.":                                 {Open: 1, Closes: 1, Pooled: 1000},
	} {
		if got := i.Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
