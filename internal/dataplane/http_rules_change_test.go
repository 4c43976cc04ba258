package dataplane_test

import (
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// phases are what an HTTP connection can be at when its timeouts change. Each begins with a byte, and says which end is to
// be watched and how what it reads begins when the time is over.
//
//nolint:gochecknoglobals // a table
var phases = map[string]struct {
	begin func(d *dialog)
	reads string
	why   map[timeout.Model]reason.Reason
}{
	"first":    {func(*dialog) {}, "", same(reason.ClientIdle)},
	"waiting":  {func(d *dialog) { d.exchange() }, "", same(reason.ClientIdle)},
	"head":     {func(d *dialog) { d.say("GET /") }, "HTTP/1.1 408 ", either(reason.RequestIdle, reason.UploadUnanswered)},
	"request":  {func(d *dialog) { d.say(post + "Content-Length: 5\r\n\r\nhel"); d.meet().RequestHead() }, "HTTP/1.1 408 ", either(reason.RequestIdle, reason.UploadUnanswered)},
	"answer":   {func(d *dialog) { d.ask("GET", "") }, "HTTP/1.1 504 ", same(reason.ResponseIdle)},
	"response": {func(d *dialog) { d.ask("GET", ""); d.b.Reply(begun["length"]) }, "HTTP/1.1 200 ", either(reason.ResponseIdle, reason.DownloadUnasked)},
	"tunnel":   {func(d *dialog) { d.upgrade() }, "", same(reason.TunnelIdle)},
	"pooled":   {func(d *dialog) { d.exchange() }, "", same(reason.PoolIdle)},
}

func same(why reason.Reason) map[timeout.Model]reason.Reason { return either(why, why) }

func either(shared, directional reason.Reason) map[timeout.Model]reason.Reason {
	return map[timeout.Model]reason.Reason{timeout.Shared: shared, timeout.Directional: directional}
}

// onPhases runs a test in each phase of a connection, with every time for which it may be idle set to from.
func onPhases(t *testing.T, from time.Duration, body func(t *testing.T, d *dialog, seen <-chan ending, phase string)) {
	t.Helper()
	for name, phase := range phases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onModels(t, func(t *testing.T, m timeout.Model) {
				s := newSite(t, 1, m, everyIdle(from))
				d := s.dial(from)
				phase.begin(d)
				watched := d.c
				if name == "pooled" {
					watched = d.b
				}
				body(t, d, watchHTTP(watched), name)
			})
		})
	}
}

// change sets every time of the site that a connection may be idle.
func (s *site) change(d time.Duration) {
	s.t.Helper()
	s.plan = s.Changed(s.plan, func(p *plan.Plan) { everyIdle(d)(&lulltest.Listener(p).Timeouts) })
}

// recorded checks what is recorded of a connection that ended in a phase, and returns when, and how late that was.
func (d *dialog) recorded(phase string, setting time.Duration) (ended time.Time, late time.Duration) {
	d.t.Helper()
	want := phases[phase].why[lulltest.Listener(d.s.plan).Timeouts.Model]
	if phase == "pooled" {
		r := d.s.PoolCloses(1)[0]
		if r.Reason != want || r.Setting != setting {
			d.t.Errorf("record: got %v by %v, want %v by %v", r.Reason, r.Setting, want, setting)
		}
		return r.Closed, r.Late
	}
	r := d.s.CloseOf(d.c)
	if r.Reason != want && !(want == reason.UploadUnanswered && r.Reason == reason.RequestIdle) || r.Setting != setting {
		d.t.Errorf("record: got %v by %v, want %v by %v", r.Reason, r.Setting, want, setting)
	}
	return r.Closed, r.Late
}

// endsBy checks that the watched end sees its connection end that long after its last byte.
func (d *dialog) endsBy(seen <-chan ending, phase string, setting time.Duration) {
	d.t.Helper()
	got := <-seen
	got.within(d.t, phase, "eof", d.last, setting)
	if reads := phases[phase].reads; !strings.HasPrefix(string(got.data), reads) || reads == "" && len(got.data) > 0 {
		d.t.Errorf("%s: got %q, want it to begin with %q", phase, got.data, reads)
	}
	if ended, late := d.recorded(phase, setting); ended.Add(-late).Before(d.last.at.Add(setting)) {
		d.t.Errorf("record: was due %v after the last byte, want %v", ended.Add(-late).Sub(d.last.at), setting)
	}
}

// TestLengthenedHTTP_TO_06: with a longer time, connections in every phase live that long.
func TestLengthenedHTTP_TO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, lengthenedHTTP)
}

func lengthenedHTTP(t *testing.T) {
	const from, to = 900 * time.Millisecond, 1800 * time.Millisecond
	onPhases(t, from, func(_ *testing.T, d *dialog, seen <-chan ending, phase string) {
		let(300 * time.Millisecond)
		d.s.change(to)
		d.punctual(d.last, from)
		d.endsBy(seen, phase, to)
	})
}

// TestShortenedHTTP_TO_06: with a shorter time, those not yet over it end at their new deadline.
func TestShortenedHTTP_TO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, shortenedHTTP)
}

func shortenedHTTP(t *testing.T) {
	const to = 1200 * time.Millisecond
	onPhases(t, 4000*time.Second, func(_ *testing.T, d *dialog, seen <-chan ending, phase string) {
		let(300 * time.Millisecond)
		d.s.change(to)
		d.punctual(d.last, to)
		d.endsBy(seen, phase, to)
	})
}

// TestShortenedOverHTTP_TO_06: those over the new limit end at once.
func TestShortenedOverHTTP_TO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, shortenedOverHTTP)
}

func shortenedOverHTTP(t *testing.T) {
	const to = 500 * time.Millisecond
	onPhases(t, 4000*time.Second, func(t *testing.T, d *dialog, seen <-chan ending, phase string) {
		let(to + 200*time.Millisecond)
		changed := now()
		d.s.change(to)
		if got := <-seen; got.how != "eof" || !strings.HasPrefix(string(got.data), phases[phase].reads) {
			t.Errorf("%s: got %q and %s, want %q and eof", phase, got.data, got.how, phases[phase].reads)
		}
		if ended, _ := d.recorded(phase, to); ended.Sub(changed.at) < 0 || ended.Sub(changed.at) > changed.allowed(changeLate) {
			t.Errorf("record: ended %v after the change, want within %v", ended.Sub(changed.at), changeLate)
		}
	})
}

// TestUnconcernedHTTP_TO_06: no other setting's change drops a connection or moves its deadline.
func TestUnconcernedHTTP_TO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unconcernedHTTP)
}

func unconcernedHTTP(t *testing.T) {
	const idle = 1500 * time.Millisecond
	onPhases(t, idle, func(_ *testing.T, d *dialog, seen <-chan ending, phase string) {
		for _, change := range []func(*plan.Listener){
			func(l *plan.Listener) { l.Timeouts.Connect = time.Second },
			func(l *plan.Listener) { l.Timeouts.RequestHead = 3 * time.Second },
			func(l *plan.Listener) { l.Timeouts.Drain = time.Second },
			func(l *plan.Listener) { l.Timeouts.AgeMax = time.Hour },
			func(l *plan.Listener) { l.Timeouts.FrontRequestsMax = 5 },
			func(l *plan.Listener) { l.HeadMax = 8 << 10 },
			func(l *plan.Listener) { l.StaleRetry = false },
			func(l *plan.Listener) { l.QueueMax = 3 },
			func(l *plan.Listener) { l.BackendSet.Policy = plan.LeastOutstanding },
			func(l *plan.Listener) { l.BackendSet.Backends[0].Weight = 7 },
			func(l *plan.Listener) { everyIdle(time.Hour)(&l.Timeouts) },
			func(l *plan.Listener) { everyIdle(idle)(&l.Timeouts) }, // and back: the deadline is what it was
		} {
			d.s.plan = d.s.Changed(d.s.plan, func(p *plan.Plan) { change(lulltest.Listener(p)) })
			let(20 * time.Millisecond)
		}
		d.punctual(d.last, idle)
		d.endsBy(seen, phase, idle)
	})
}

// TestShortenedConnectHTTP_TO_06_TO_05: the limits of what comes before an exchange, and of an attempt to connect for it, change
// for those under way too.
func TestShortenedConnectHTTP_TO_06_TO_05(t *testing.T) {
	t.Parallel()
	onModels(t, func(t *testing.T, m timeout.Model) {
		p := lulltest.HTTPPlan(m, lulltest.Silent(t))
		lulltest.AddHTTPListener(p, "header", lulltest.Refused(t)).ProxyAccept = true
		e := startHTTP(t, 2, p)
		connecting := e.DialHTTP()
		unnamed := lulltest.HTTP(lulltest.Dial(t, e.Local(lulltest.ListenerNamed(t, p, "header").Key)))
		connecting.Get("/")
		e.WaitState(connecting, "connecting")
		e.WaitState(unnamed, "proxy-header")
		let(300 * time.Millisecond)
		changed := now()
		e.Changed(p, func(p *plan.Plan) {
			lulltest.Listener(p).Timeouts.Connect = 200 * time.Millisecond
			lulltest.ListenerNamed(t, p, "header").Timeouts.Handshake = 250 * time.Millisecond
		})
		if a := connecting.Answer("GET"); a.StatusCode != 504 {
			t.Errorf("connecting: got %s, want 504", a.Status)
		}
		if how, data := unnamed.End(); how != "eof" || len(data) > 0 {
			t.Errorf("without a header: got %q and %s, want nothing and eof", data, how)
		}
		x, r := e.ExchangeOf(connecting, 1), e.CloseOf(unnamed)
		if took := x.Ended.Sub(changed.at); x.Reason != reason.ConnectTimeout || took > changed.allowed(changeLate) {
			t.Errorf("exchange: got %v %v after the change, want connect-timeout within %v", x.Reason, took, changeLate)
		}
		if took := r.Closed.Sub(changed.at); r.Reason != reason.HandshakeTimeout || took > changed.allowed(changeLate) {
			t.Errorf("record: got %v %v after the change, want handshake-timeout within %v", r.Reason, took, changeLate)
		}
	})
}

// TestDefaultAgainDI_15: a listener that is replaced by one without a time of its own has its protocol's default, for
// connections that are open as well.
func TestDefaultAgainDI_15(t *testing.T) {
	t.Parallel()
	s := newSite(t, 1, timeout.Directional, idleOf(2*time.Second))
	d := s.dial(2 * time.Second)
	d.ask("GET", "")
	if live := s.WaitState(d.c, "answer"); live.Setting != 2*time.Second {
		t.Errorf("before: got a deadline by %v, want 2 s", live.Setting)
	}
	s.Changed(s.plan, func(p *plan.Plan) { lulltest.Listener(p).Timeouts = lulltest.HTTPTimeouts(timeout.Directional) })
	live := s.WaitState(d.c, "answer")
	if live.Setting != time.Minute || live.FiresIn > time.Minute || live.FiresIn < time.Minute-lulltest.Patience {
		t.Errorf("after: closes in %v by %v, want just below the default of 60 s", live.FiresIn, live.Setting)
	}
	d.answer()
	d.completed(1)
}
