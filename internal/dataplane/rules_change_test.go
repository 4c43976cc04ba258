package dataplane_test

import (
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/lulltest"
)

// changeLate is what TO-06 allows between a shortened timeout and the end of the connections over it. It is checked on
// lull's own records, which no busy peer can make later.
const changeLate = 100 * time.Millisecond

func setIdle(d time.Duration) func(*plan.Plan) {
	return func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Idle = d }
}

func TestLengthenedTO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, lengthened)
}

func lengthened(t *testing.T) {
	onLoops(t, func(t *testing.T, loops int) {
		const idle = 900 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		setIdle(idle)(p)
		e := start(t, loops, p)
		pair := open(t, e, accepted, idle)
		pair.move(pair.client, pair.backend)
		let(300 * time.Millisecond)
		const longer = 1600 * time.Millisecond
		e.Changed(p, setIdle(longer))
		(<-watch(pair.client)).within(t, "client", "eof", pair.last, longer)
		pair.judge(e, reason.TunnelIdle, longer)
	})
}

// TestShortenedTO_06: with a shortened idle time, connections over the new limit end at once, the others at their new
// deadlines. From 4000 s the timers have far to come down.
func TestShortenedTO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, shortenedTO)
}

func shortenedTO(t *testing.T) {
	for name, from := range map[string]time.Duration{"from_3s": 3 * time.Second, "from_60s": time.Minute, "from_4000s": 4000 * time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onLoops(t, func(t *testing.T, loops int) { shortened(t, loops, from) })
		})
	}
}

func shortened(t *testing.T, loops int, from time.Duration) {
	const idle = 900 * time.Millisecond
	const each = 20
	backend, accepted := lulltest.Hands(t)
	p := lulltest.Plan(backend.Addr)
	setIdle(from)(p)
	e := start(t, loops, p)
	var over, within [each]*ends
	for i := range each {
		over[i], within[i] = open(t, e, accepted, from), open(t, e, accepted, from)
	}
	let(idle + 200*time.Millisecond)
	var seen [each]<-chan ending
	for i := range each {
		within[i].move(within[i].client, within[i].backend)
		seen[i] = watch(within[i].client)
	}
	let(100 * time.Millisecond)
	changed := now()
	e.Changed(p, setIdle(idle))
	for range each {
		r := e.NextClose()
		took := r.Closed.Sub(changed.at)
		if r.BytesUp != 0 || took < 0 || took > changed.allowed(changeLate) {
			t.Errorf("the first to end: one with %d bytes, %v after the change; want one over the limit, within %v", r.BytesUp, took, changeLate)
		}
		if r.Reason != reason.TunnelIdle || r.Timer != "idle" || r.Setting != idle {
			t.Errorf("record: got %v by %s=%v, want tunnel-idle by idle=%v", r.Reason, r.Timer, r.Setting, idle)
		}
	}
	for i := range each {
		if got := <-watch(over[i].client); got.how != "eof" {
			t.Errorf("over the limit: ended with %s, want eof", got.how)
		}
		(<-seen[i]).within(t, "within the limit", "eof", within[i].last, idle)
		within[i].judge(e, reason.TunnelIdle, idle)
	}
}

// TestShortenedBeforeRelayingTO_06: the limits of connections that are still being made change for those under way too.
func TestShortenedBeforeRelayingTO_06(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Silent(t))
	lulltest.AddListener(p, "header", lulltest.Refused(t)).ProxyAccept = true
	e := start(t, 2, p)
	connecting, waiting := e.Dial(), lulltest.Dial(t, e.Local(lulltest.ListenerNamed(t, p, "header").Key))
	if !lulltest.Eventually(func() bool { return len(e.Live()) == 2 }) {
		t.Fatalf("open connections: got %d, want 2", len(e.Live()))
	}
	let(300 * time.Millisecond)
	changed := now()
	e.Changed(p, func(p *plan.Plan) {
		lulltest.Listener(p).Timeouts.Connect = 200 * time.Millisecond
		lulltest.ListenerNamed(t, p, "header").Timeouts.Handshake = 250 * time.Millisecond
	})
	want := map[reason.Reason]bool{reason.ConnectTimeout: true, reason.HandshakeTimeout: true}
	for range 2 {
		r := e.NextClose()
		if took := r.Closed.Sub(changed.at); !want[r.Reason] || took > changed.allowed(changeLate) {
			t.Errorf("record: got %v %v after the change, want a connect-timeout and a handshake-timeout within %v", r.Reason, took, changeLate)
		}
		delete(want, r.Reason)
	}
	for _, c := range []*lulltest.Conn{connecting, waiting} {
		if how, _ := c.End(); how != "eof" {
			t.Errorf("client: ended with %s, want eof", how)
		}
	}
}

// TestUnconcernedTO_06: no change of a setting drops a connection, and one that is made for another listener moves no
// deadline.
func TestUnconcernedTO_06(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unconcernedTO)
}

func unconcernedTO(t *testing.T) {
	onLoops(t, func(t *testing.T, loops int) {
		const idle = 1500 * time.Millisecond
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		setIdle(idle)(p)
		lulltest.AddListener(p, "other", lulltest.Refused(t))
		e := start(t, loops, p)
		pair := open(t, e, accepted, idle)
		pair.move(pair.client, pair.backend)
		client, server := watch(pair.client), watch(pair.backend)
		for _, change := range []func(*plan.Plan){
			func(p *plan.Plan) { lulltest.ListenerNamed(t, p, "other").Timeouts.Idle = time.Second },
			func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Connect = time.Second },
			func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Handshake = time.Second },
			func(p *plan.Plan) { lulltest.Listener(p).Timeouts.Drain = time.Second },
			func(p *plan.Plan) { lulltest.Listener(p).Timeouts.AgeMax = time.Hour },
			func(p *plan.Plan) { lulltest.Listener(p).ProxySend = 2 },
			func(p *plan.Plan) { lulltest.Listener(p).ProxyAccept = true },
			func(p *plan.Plan) { lulltest.Set(p).Policy = plan.SourceIPHash },
			func(p *plan.Plan) { lulltest.Set(p).Backends[0].Weight = 7 },
			func(p *plan.Plan) { lulltest.Set(p).Backends[0].ConnectionsMax = 1 },
			func(p *plan.Plan) { lulltest.Set(p).Backends[0].Drain = true },
			setIdle(time.Hour),
			setIdle(idle), // and back: the deadline is what it was
		} {
			p = e.Changed(p, change)
			let(20 * time.Millisecond)
		}
		(<-client).within(t, "client", "eof", pair.last, idle)
		(<-server).within(t, "backend", "eof", pair.last, idle)
		pair.judge(e, reason.TunnelIdle, idle)
	})
}
