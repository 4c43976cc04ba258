package dataplane_test

import (
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/rules"
	"lull/internal/lulltest"
)

// The idle time of a site rules its exchanges and their tunnels. In these tests the listener's own is far from it, either way: what
// ends by the wrong one, or does not, shows.

const (
	siteIdle  = 1200 * time.Millisecond
	otherIdle = 30 * time.Second
)

// idleSite is a listener with that idle time and a site with another one.
func idleSite(t *testing.T, listener, own time.Duration) *site {
	t.Helper()
	hand, accepted := lulltest.Hands(t)
	p := ociPlan()
	lulltest.Listener(p).Timeouts.Idle = listener
	addSite(t, p, "web", &rules.Config{}, addSet(p, "set", hand.Addr)).Idle = own
	return &site{startHTTP(t, 2, p), t, p, hand, accepted}
}

// TestSiteAnswer: a backend that is silent for the site's idle time, in front of a listener whose own is another.
func TestSiteAnswer_TMO_03(t *testing.T) {
	t.Parallel()
	for name, listener := range map[string]time.Duration{"longer": otherIdle, "shorter": siteIdle / 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := idleSite(t, listener, siteIdle)
			d := s.dial(siteIdle)
			d.ask("GET", "")
			d.refused("GET", 504, siteIdle)
			x, r := d.judged(1, verdict{reason.ResponseIdle, "idle", siteIdle, 504})
			if x.Ends.Listener != "web" || r.Ends.Listener != "web" {
				t.Errorf("the records name %q and %q", x.Ends.Listener, r.Ends.Listener)
			}
		})
	}
}

// TestSiteBeforeHead: until a request's head has come, nobody knows whose it is, and the listener's idle time holds.
func TestSiteBeforeHead_TMO_03(t *testing.T) {
	t.Parallel()
	s := idleSite(t, siteIdle, otherIdle)
	d := s.dial(siteIdle)
	d.say("GET / HTTP/1.1\r\nHost: ")
	d.refused("GET", 408, siteIdle)
	d.judged(1, verdict{reason.RequestIdle, "idle", siteIdle, 408})
}

// TestSiteDrip: a byte before each idle period is over keeps an exchange, for several of them, where both directions have theirs.
func TestSiteDrip_TMO_04_TMO_09(t *testing.T) {
	t.Parallel()
	s := idleSite(t, siteIdle/4, siteIdle)
	d := s.dial(2 * siteIdle)
	d.upgrade()
	d.idle = siteIdle
	for range talkSteps {
		let(siteIdle / 2)
		d.pass(d.c, d.b)
		d.pass(d.b, d.c)
	}
	if live, ok := s.StateOf(d.c); !ok || live.Setting != siteIdle || live.Ends.Listener != "web" || live.Ends.BackendSet != "set" {
		t.Errorf("the list of connections: %+v", live)
	}
	client, server := watchHTTP(d.c), watchHTTP(d.b)
	if (<-client).how != "eof" || (<-server).how != "eof" {
		t.Error("the tunnel did not end orderly")
	}
	if x := s.ExchangeOf(d.c, 1); x.Reason != reason.TunnelIdle || x.Setting != siteIdle || x.Ends.Listener != "web" || x.Took < talkSteps*siteIdle/2 {
		t.Errorf("the record: %v by %v at %s after %v", x.Reason, x.Setting, x.Ends.Listener, x.Took)
	}
	if n := totalsOfSite(t, s.Engine, "web"); n.Ends[reason.TunnelIdle] != 1 || n.BackendStatus[1] != 1 {
		t.Errorf("the site counted %+v", n)
	}
}

// TestSiteResponseDrip: the backend's direction alone re-arms its own timer, and the client's ends the exchange.
func TestSiteTransfers_TMO_05_TMO_06_TMO_10(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]struct {
		begin  func(*dialog, int)
		talker func(*dialog) *lulltest.HTTPConn
		why    reason.Reason
		flow   string
		status int
	}{
		"upload":   {beginUpload, func(d *dialog) *lulltest.HTTPConn { return d.c }, reason.UploadUnanswered, "down", 408},
		"download": {beginDownload, func(d *dialog) *lulltest.HTTPConn { return d.b }, reason.DownloadUnasked, "up", 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := idleSite(t, otherIdle, siteIdle)
			d := s.dial(siteIdle)
			began := now()
			q.begin(d, 1000)
			stop := drip(q.talker(d), siteIdle/6)
			defer stop()
			x := s.ExchangeOf(d.c, 1)
			if x.Reason != q.why || x.TimerFlow != q.flow || x.Setting != siteIdle || x.Status != q.status {
				t.Errorf("got %v by %s %v with %d, want %v by %s %v with %d", x.Reason, x.TimerFlow, x.Setting, x.Status, q.why, q.flow, siteIdle, q.status)
			}
			if due := x.Ended.Add(-x.Late); due.Before(began.at.Add(siteIdle)) {
				t.Errorf("was due %v after its begin, want %v", due.Sub(began.at), siteIdle)
			}
		})
	}
}

// TestSiteTunnels: in a tunnel each direction must have bytes within the site's idle time.
func TestSiteTunnels_TMO_07_TMO_08(t *testing.T) {
	t.Parallel()
	for name, up := range map[string]bool{"client_talks": true, "backend_talks": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := idleSite(t, otherIdle, siteIdle)
			d := s.dial(siteIdle)
			asked := now()
			d.upgrade()
			talker, flow := d.c, "down"
			if !up {
				talker, flow, d.last = d.b, "up", asked
			}
			defer drip(talker, siteIdle/6)()
			if r := d.tunnelEnds(siteIdle); r.TimerFlow != flow || r.Ends.Listener != "web" || r.Ends.BackendSet != "set" {
				t.Errorf("the record: by the timer for %q, at %s, set %s", r.TimerFlow, r.Ends.Listener, r.Ends.BackendSet)
			}
		})
	}
}

// TestSiteChange: an idle time that is shortened ends at once what is over it already, and one that is made longer lets live, in
// each phase of an exchange (TO-06); another site's change touches nothing.
func TestSiteChangeTO_06(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*dialog){
		"answer":  func(d *dialog) { d.ask("GET", "") },
		"tunnel":  func(d *dialog) { d.upgrade() },
		"request": func(d *dialog) { d.say(post + "Content-Length: 5\r\n\r\nhel"); d.meet().RequestHead() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := idleSite(t, otherIdle, otherIdle)
			d := s.dial(otherIdle)
			begin(d)
			let(siteIdle / 2)
			s.plan = s.Changed(s.plan, func(p *plan.Plan) {
				addSite(t, p, "other", &rules.Config{}, addSet(p, "other")).Idle = time.Millisecond
				lulltest.Listener(p).Timeouts.Idle = time.Millisecond
			})
			let(siteIdle / 2)
			if _, ok := s.StateOf(d.c); !ok {
				t.Fatal("the change of another site ended the connection")
			}
			changed := now()
			s.Changed(s.plan, func(p *plan.Plan) { lulltest.Listener(p).Sites[0].Idle = siteIdle / 4 })
			<-watchHTTP(d.c)
			ending{"eof", nil, time.Now()}.within(t, "client", "eof", changed, 0)
			if x := s.ExchangeOf(d.c, 1); x.Setting != siteIdle/4 || x.Timer != "idle" {
				t.Errorf("the record: %v by %s=%v", x.Reason, x.Timer, x.Setting)
			}
		})
	}
}

// TestSiteLengthened: what would have ended by now lives on.
func TestSiteLengthenedTO_06(t *testing.T) {
	t.Parallel()
	s := idleSite(t, otherIdle, siteIdle)
	d := s.dial(otherIdle)
	d.ask("GET", "")
	s.Changed(s.plan, func(p *plan.Plan) { lulltest.Listener(p).Sites[0].Idle = otherIdle })
	d.punctual(d.last, siteIdle)
	let(2 * siteIdle)
	d.answer()
	d.completed(1)
}

// TestSiteGone: a tunnel and an exchange of a site that leaves the plan keep its idle time.
func TestSiteGone(t *testing.T) {
	t.Parallel()
	s := idleSite(t, otherIdle, siteIdle)
	d := s.dial(siteIdle)
	d.upgrade()
	s.Changed(s.plan, func(p *plan.Plan) {
		l := lulltest.Listener(p)
		l.BackendSet, l.Sites, l.Timeouts.Idle = l.Sites[0].Sets[0], nil, otherIdle
	})
	if r := d.tunnelEnds(siteIdle); r.Ends.Listener != "web" {
		t.Errorf("the record names %s", r.Ends.Listener)
	}
}

// TestSiteConnect: the time for a connect is never more than the site's idle time, and a silent backend makes a 504 (RSP-02).
func TestSiteConnect_RSP_02(t *testing.T) {
	t.Parallel()
	p := ociPlan()
	addSite(t, p, "web", &rules.Config{}, addSet(p, "set", lulltest.Silent(t))).Idle = time.Second
	e := startHTTP(t, 1, p)
	c := e.DialHTTP()
	if got := led(c, "a", "/"); got != "504" {
		t.Errorf("got %s", got)
	}
	if x := e.ExchangeOf(c, 1); x.Reason != reason.ConnectTimeout || x.Setting != time.Second || !strings.HasPrefix(x.Timer, "idle") || x.BackendStatus != 0 {
		t.Errorf("the record: %v by %s=%v, backend %d", x.Reason, x.Timer, x.Setting, x.BackendStatus)
	}
}
