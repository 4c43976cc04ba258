package dataplane_test

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// fates is a crowd of connections that end in every way there is for TCP, several in each.
type fates struct {
	t        *testing.T
	e        *lulltest.Engine
	accepted <-chan *lulltest.Conn // by the backend of the listener "tcp"
	want     map[reason.Reason]uint64
	records  int
}

// each is how many connections take each end.
const each = 3

// TestEveryEndTO_07: every connection that was accepted has ended for exactly one reason, and records and counters agree
// about which.
func TestEveryEndTO_07(t *testing.T) {
	t.Parallel()
	onLoops(t, func(t *testing.T, loops int) {
		backend, accepted := lulltest.Hands(t)
		p := fatesPlan(t, backend.Addr)
		f := &fates{t: t, e: start(t, loops, p), accepted: accepted, want: map[reason.Reason]uint64{}}
		f.byPeers()
		f.byHeader(p)
		f.byBackends(p)
		f.byTimers(p)
		f.byChange(p)
		if loops == 1 { // each loop makes room among its own
			f.byReclaim(p)
		}
		f.byShutdown()
		f.check()
	})
}

func fatesPlan(t *testing.T, backend netip.AddrPort) *plan.Plan {
	sink := lulltest.Sink(t).Addr
	p := lulltest.Plan(backend)
	lulltest.Listener(p).Timeouts.Drain = 200 * time.Millisecond
	lulltest.AddListener(p, "idle", sink).Timeouts.Idle = 300 * time.Millisecond
	rst := lulltest.AddListener(p, "rst", sink)
	rst.Timeouts.Idle, rst.ResetOnIdle = 300*time.Millisecond, true
	lulltest.AddListener(p, "aged", sink).Timeouts.AgeMax = 100 * time.Millisecond
	header := lulltest.AddListener(p, "header", sink)
	header.ProxyAccept, header.Timeouts.Handshake = true, time.Second
	lulltest.AddListener(p, "none")
	lulltest.AddListener(p, "refused", lulltest.Refused(t))
	lulltest.AddListener(p, "unreachable", netip.MustParseAddrPort("255.255.255.255:9"))
	lulltest.AddListener(p, "silent", lulltest.Silent(t)).Timeouts.Connect = 300 * time.Millisecond
	for _, name := range []string{"removed", "offline", "dropped"} {
		lulltest.AddListener(p, name, sink)
	}
	return p
}

// dial connects to the listener of that name, which shall end the connection, or have it ended, for that reason.
func (f *fates) dial(p *plan.Plan, name string, why reason.Reason) *lulltest.Conn {
	f.t.Helper()
	f.want[why]++
	f.records++
	return lulltest.Dial(f.t, f.e.Local(lulltest.ListenerNamed(f.t, p, name).Key))
}

// ended waits until all that were to end so far have.
func (f *fates) ended() {
	f.t.Helper()
	if !lulltest.Eventually(func() bool { return f.e.Log().Next() >= uint64(f.records) }) {
		f.t.Fatalf("records: got %d, want %d", f.e.Log().Next(), f.records)
	}
}

func (f *fates) byPeers() {
	pair := func(why reason.Reason) *ends {
		f.want[why]++
		f.records++
		return open(f.t, f.e, f.accepted, time.Minute)
	}
	for range each {
		for swap, why := range map[bool]reason.Reason{false: reason.ClientClosed, true: reason.BackendClosed} {
			first, second := pair(why).order(swap)
			_ = first.CloseWrite()
			if got := <-watch(second); got.how != "eof" {
				f.t.Errorf("%v: the other side got %s, want eof", why, got.how)
			}
			_ = second.Close()
		}
		for swap, why := range map[bool]reason.Reason{false: reason.ClientReset, true: reason.BackendReset} {
			p := pair(why)
			p.move(p.client, p.backend)
			first, second := p.order(swap)
			first.Reset()
			if got := <-watch(second); got.how != "reset" {
				f.t.Errorf("%v: the other side got %s, want reset", why, got.how)
			}
		}
	}
	f.ended()
}

func (f *fates) byHeader(p *plan.Plan) {
	for range each {
		f.dial(p, "header", reason.BadProxyHeader).Send("GET / HTTP/1.1\r\n")
		c := f.dial(p, "header", reason.ClientClosed)
		c.Send("PROXY")
		_ = c.CloseWrite()
		_ = f.dial(p, "header", reason.ClientClosed).CloseWrite()
		f.dial(p, "header", reason.ClientReset).Reset()
		c = f.dial(p, "header", reason.ClientReset)
		c.Send("PROXY")
		c.Reset()
		f.dial(p, "header", reason.HandshakeTimeout).Send("PROXY")
		f.dial(p, "header", reason.HandshakeTimeout)
	}
}

func (f *fates) byBackends(p *plan.Plan) {
	for range each {
		f.dial(p, "none", reason.NoBackend)
		f.dial(p, "refused", reason.ConnectRefused)
		f.dial(p, "unreachable", reason.ConnectUnreachable)
		f.dial(p, "silent", reason.ConnectTimeout)
		f.dial(p, "silent", reason.ClientReset).Reset() // while its backend is being waited for
	}
}

func (f *fates) byTimers(p *plan.Plan) {
	for range each {
		f.dial(p, "idle", reason.TunnelIdle)
		half := f.dial(p, "idle", reason.TunnelIdle)
		half.Send("x")
		f.dial(p, "rst", reason.TunnelIdle)
		f.dial(p, "aged", reason.AgeCap)
	}
	f.ended()
}

func (f *fates) byChange(p *plan.Plan) {
	for range each {
		f.dial(p, "removed", reason.ListenerRemoved)
		f.dial(p, "offline", reason.BackendOffline)
		f.dial(p, "dropped", reason.DrainTimeout)
	}
	f.e.WaitOpen(3 * each)
	f.e.Changed(p, func(p *plan.Plan) {
		lb := p.LoadBalancers[0]
		lb.Listeners = slices.DeleteFunc(lb.Listeners, func(l *plan.Listener) bool { return l.Key.Name == "removed" })
		for _, l := range lb.Listeners {
			switch l.Key.Name {
			case "offline":
				l.BackendSet.Backends[0].Offline = true
			case "dropped":
				l.BackendSet.Backends = nil
			}
		}
	})
	f.ended()
}

func (f *fates) byReclaim(p *plan.Plan) {
	if !lulltest.Eventually(func() bool { return len(f.e.Live()) == 0 }) {
		f.t.Fatalf("open connections: got %d, want none", len(f.e.Live()))
	}
	for range each {
		f.dial(p, "header", reason.Reclaimed)
	}
	if !lulltest.Eventually(func() bool { return len(f.e.Live()) == each }) {
		f.t.Fatalf("open connections: got %d, want %d", len(f.e.Live()), each)
	}
	f.e.SetConnectionsMax(each)
	f.open()
	f.ended()
	f.e.SetConnectionsMax(0)
}

// open opens connections that stay until the end of all.
func (f *fates) open() {
	for range each {
		open(f.t, f.e, f.accepted, time.Minute)
		f.want[reason.Shutdown]++
	}
}

func (f *fates) byShutdown() {
	f.open()
	f.records += int(f.want[reason.Shutdown])
	ctx, cancel := context.WithTimeout(context.Background(), lulltest.Patience)
	defer cancel()
	if err := f.e.Drain(ctx); err != nil {
		f.t.Fatalf("drain: %v, with %d connections left", err, f.e.Stats().Connections)
	}
	f.ended()
}

func (f *fates) check() {
	f.t.Helper()
	s := f.e.Stats()
	if s.RecordsAppended != uint64(f.records) || s.Connections != 0 {
		f.t.Errorf("records: got %d, %d connections left; want %d, none", s.RecordsAppended, s.Connections, f.records)
	}
	records := make([]record.Close, f.records)
	n, _, lost := f.e.Log().Read(0, records)
	if n != f.records || lost != 0 {
		f.t.Fatalf("read %d records, %d lost; want %d, none", n, lost, f.records)
	}
	f.checkRecords(records)
	byReason := map[reason.Reason]uint64{}
	for _, l := range s.Listeners {
		ends := uint64(0)
		for why, count := range l.Closes {
			ends += count
			if count > 0 {
				byReason[reason.Reason(why)] += count
			}
		}
		if l.Accepted != ends || l.Active != 0 {
			f.t.Errorf("%v: accepted %d, ended %d, active %d; want as many ended as accepted", l.Key, l.Accepted, ends, l.Active)
		}
	}
	if !maps.Equal(byReason, f.want) {
		f.t.Errorf("ends by counters: got %v, want %v", byReason, f.want)
	}
	for _, b := range s.Backends {
		if b.Active != 0 {
			f.t.Errorf("%v: got %d connections counted, want none", b.Key, b.Active)
		}
	}
}

// checkRecords checks each record by itself and the reasons of all of them.
func (f *fates) checkRecords(records []record.Close) {
	f.t.Helper()
	byReason := map[reason.Reason]uint64{}
	seen := map[uint64]bool{}
	for i := range records {
		r := &records[i]
		byReason[r.Reason]++
		if seen[r.ID] {
			f.t.Errorf("connection %d: has two records", r.ID)
		}
		seen[r.ID] = true
		if r.Age < 0 || r.Closed.Sub(r.Opened) != r.Age || r.Side != r.Reason.Info().Side || r.Ends.Listener == "" {
			f.t.Errorf("connection %d: got %+v, want its times and sides to fit", r.ID, r)
		}
		if timed := r.Reason.Info().Timer; timed != (r.Timer != "") || timed && (r.Late < 0 || r.Setting <= 0) {
			f.t.Errorf("connection %d: %v by %q=%v, %v late", r.ID, r.Reason, r.Timer, r.Setting, r.Late)
		}
	}
	if !maps.Equal(byReason, f.want) {
		f.t.Errorf("ends by records: got %v, want %v", byReason, f.want)
	}
}

// TestResetTogetherTO_07: where both peers reset their connections at once, with bytes still to be passed on, one of the
// two resets is the reason and the pair does not stay. Stopping the process makes both come at once.
func TestResetTogetherTO_07(t *testing.T) {
	t.Parallel()
	const pairs = 20
	backend, accepted := lulltest.Hands(t)
	h, port := startEngine(t, engineRole{Backend: backend.Addr.Port(), Idle: time.Minute, Loops: 1})
	var all [pairs]ends
	for i := range all {
		all[i].client = lulltest.Dial(t, lulltest.Loopback(port))
		all[i].client.Send("x")
		all[i].backend = lulltest.Take(t, accepted)
		all[i].backend.Expect("x")
	}
	h.signal(syscall.SIGSTOP)
	for i := range all {
		first, second := all[i].order(i%2 == 1)
		first.Send("unread")
		if i%4 > 1 {
			second.Send("unread")
		}
		first.Reset()
		second.Reset()
	}
	h.signal(syscall.SIGCONT)
	var s engineState
	if !lulltest.Eventually(func() bool { s = h.state(); return s.Held.Idle() && len(s.Records) >= pairs }) {
		t.Errorf("the engine still holds %+v", s.Held)
	}
	for i := range s.Records {
		if r := &s.Records[i]; r.Reason != reason.ClientReset && r.Reason != reason.BackendReset {
			t.Errorf("connection %d: got %v, want client-reset or backend-reset", r.ID, r.Reason)
		}
	}
	if len(s.Records) != pairs {
		t.Errorf("records: got %d, want %d", len(s.Records), pairs)
	}
}
