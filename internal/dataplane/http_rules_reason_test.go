package dataplane_test

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// httpFates is a crowd of clients whose exchanges and connections end in many ways.
type httpFates struct {
	t    *testing.T
	e    *lulltest.Engine
	plan *plan.Plan
}

// fate is what becomes of a client that sends something to a listener: how its exchange ends, if it has one, and its
// connection. A status of 0 is no response; None for a reason leaves open which.
type fate struct {
	name, listener, sends string
	status                int
	exchange, conn        reason.Reason
}

//nolint:gochecknoglobals // a table
var httpFateTable = []fate{
	{"left", "http", "", 0, reason.None, reason.ClientClosed},
	{"served", "http", ask("/hello", ""), 200, reason.Completed, reason.ClientClosed},
	{"served_last", "http", ask("/hello", "Connection: close\r\n"), 200, reason.Completed, reason.CloseAgreed},
	{"served_old", "http", "GET /hello HTTP/1.0\r\n\r\n", 200, reason.Completed, reason.CloseAgreed},
	{"served_capped", "cap", ask("/hello", ""), 200, reason.Completed, reason.RequestCap},
	{"bad_request", "http", "GET\r\n\r\n", 400, reason.BadRequest, reason.BadRequest},
	{"bad_length", "http", ask("/hello", "Content-Length: five\r\n"), 400, reason.BadRequest, reason.BadRequest},
	{"backend_closed", "http", ask("/close", ""), 504, reason.BackendClosed, reason.None},
	{"bad_response", "http", ask("/bad", ""), 502, reason.BadResponse, reason.None},
	{"no_backend", "none", ask("/hello", ""), 503, reason.NoBackend, reason.None},
	{"refused", "refused", ask("/hello", ""), 503, reason.ConnectRefused, reason.None},
	{"connect_timeout", "silent", ask("/hello", ""), 504, reason.ConnectTimeout, reason.None},
	{"unasked", "idle", "", 0, reason.None, reason.ClientIdle},
	{"asked_once", "idle", ask("/hello", ""), 200, reason.Completed, reason.ClientIdle},
	{"half_head", "idle", "GET / HT", 408, reason.RequestIdle, reason.RequestIdle},
	{"half_body", "idle", ask("/hello", "Content-Length: 5\r\n") + "hel", 408, reason.RequestIdle, reason.RequestIdle},
	{"unanswered", "idle", ask("/silent", ""), 504, reason.ResponseIdle, reason.ResponseIdle},
	{"half_answered", "idle", ask("/half", ""), 200, reason.ResponseIdle, reason.ResponseIdle},
	{"quiet_tunnel", "idle", ask("/upgrade", "Connection: Upgrade\r\nUpgrade: chat\r\n"), 101, reason.TunnelIdle, reason.TunnelIdle},
	{"slow_head", "head", "GET / HT", 408, reason.HeadTooSlow, reason.HeadTooSlow},
	{"aged", "aged", ask("/hello", ""), 200, reason.Completed, reason.AgeCap},
	{"uploads_only", "apart", ask("/silent", "Content-Length: 5\r\n") + "hel", 408, reason.None, reason.None},
	{"downloads_only", "apart", ask("/half", ""), 200, reason.DownloadUnasked, reason.DownloadUnasked},
	{"unheard", "apart", ask("/silent", ""), 504, reason.ResponseIdle, reason.ResponseIdle},
	{"waits_apart", "apart", ask("/hello", ""), 200, reason.Completed, reason.ClientIdle},
}

func ask(path, lines string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" + lines + "\r\n"
}

// behave is a backend with a manner for each path.
func behave(c *lulltest.HTTPConn, s lulltest.Seen) bool {
	switch s.URL.Path {
	case "/close":
		return false
	case "/bad":
		c.Reply("hello world\r\n\r\n")
	case "/half":
		c.Reply(begun["length"])
	case "/upgrade":
		c.Reply("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n")
	case "/hello":
		return c.Reply(lulltest.Response("hello"))
	}
	_, _ = io.Copy(io.Discard, c)
	return false
}

func httpFatesPlan(t *testing.T) *plan.Plan {
	const short = 800 * time.Millisecond
	backend := lulltest.ServeHTTP(t, behave).Addr
	p := lulltest.HTTPPlan(timeout.Shared, backend)
	lulltest.AddHTTPListener(p, "idle", backend).Timeouts.Idle = short
	lulltest.AddHTTPListener(p, "head", backend).Timeouts.RequestHead = short
	lulltest.AddHTTPListener(p, "aged", backend).Timeouts.AgeMax = short + time.Second // an exchange that outlasts it ends otherwise
	lulltest.AddHTTPListener(p, "none")
	lulltest.AddHTTPListener(p, "refused", lulltest.Refused(t))
	lulltest.AddHTTPListener(p, "silent", lulltest.Silent(t)).Timeouts.Connect = short
	capped, apart := lulltest.AddHTTPListener(p, "cap", backend), lulltest.AddHTTPListener(p, "apart", backend)
	capped.Timeouts, apart.Timeouts = lulltest.HTTPTimeouts(timeout.Directional), lulltest.HTTPTimeouts(timeout.Directional)
	capped.Timeouts.FrontRequestsMax = 1
	everyIdle(short)(&apart.Timeouts)
	for _, l := range p.LoadBalancers[0].Listeners {
		l.Timeouts.Drain = short
	}
	return p
}

// TestEveryEndHTTP_TO_07: every exchange and every connection has ended for exactly one reason, and records and counters
// agree about which.
func TestEveryEndHTTP_TO_07(t *testing.T) {
	t.Parallel()
	onLoops(t, func(t *testing.T, loops int) {
		p := httpFatesPlan(t)
		f := &httpFates{t, startHTTP(t, loops, p), p}
		inParallel(len(httpFateTable)*2, func(i int) { f.meets(httpFateTable[i/2]) })
		f.resets()
		f.drains()
		f.check()
	})
}

// meets has a client meet its fate and checks the records of it.
func (f *httpFates) meets(want fate) {
	c := lulltest.HTTP(lulltest.Dial(f.t, f.e.Local(lulltest.ListenerNamed(f.t, f.plan, want.listener).Key)))
	if want.sends != "" {
		c.Send(want.sends)
	}
	leaves := want.conn == reason.ClientClosed
	if want.status != 0 {
		a := c.Answer("GET")
		if a.StatusCode != want.status {
			f.t.Errorf("%s: got %s, want %d", want.name, a.Status, want.status)
		}
		leaves = leaves || want.conn == reason.None && !a.Close
	}
	if leaves {
		_ = c.Close()
	} else if how, _ := c.End(); how != "eof" {
		f.t.Errorf("%s: ended with %s, want eof", want.name, how)
	}
	if r := f.e.CloseOf(c); want.conn != reason.None && r.Reason != want.conn {
		f.t.Errorf("%s: record: got %v, want %v", want.name, r.Reason, want.conn)
	}
	if want.sends == "" {
		return
	}
	if x := f.e.ExchangeOf(c, 1); want.exchange != reason.None && x.Reason != want.exchange || x.Status != want.status {
		f.t.Errorf("%s: exchange: got %v with %d, want %v with %d", want.name, x.Reason, x.Status, want.exchange, want.status)
	}
}

// resets has clients reset their connections in the middle of an exchange.
func (f *httpFates) resets() {
	for path, status := range map[string]int{"/silent": 0, "/half": 200} {
		c := f.e.DialHTTP()
		c.Send(ask(path, ""))
		f.e.WaitState(c, map[int]string{0: "answer", 200: "response"}[status])
		c.Reset()
		if x := f.e.ExchangeOf(c, 1); x.Reason != reason.ClientReset || x.Status != status {
			f.t.Errorf("%s: exchange: got %v with %d, want client-reset with %d", path, x.Reason, x.Status, status)
		}
		if r := f.e.CloseOf(c); r.Reason != reason.ClientReset {
			f.t.Errorf("%s: record: got %v, want client-reset", path, r.Reason)
		}
	}
}

// drains stops the engine while one connection waits for a request and another for its answer.
func (f *httpFates) drains() {
	waiting, asked := f.e.DialHTTP(), f.e.DialHTTP()
	waiting.Send(ask("/hello", ""))
	waiting.ExpectAnswer("hello")
	asked.Send(ask("/silent", ""))
	f.e.WaitState(asked, "answer")
	ctx, cancel := context.WithTimeout(context.Background(), lulltest.Patience)
	defer cancel()
	if err := f.e.Drain(ctx); err != nil {
		f.t.Fatalf("drain: %v, with %d connections left", err, f.e.Stats().Connections)
	}
	if r := f.e.CloseOf(waiting); r.Reason != reason.Drained && r.Reason != reason.Shutdown {
		f.t.Errorf("waiting: record: got %v, want drained or shutdown", r.Reason)
	}
	if r, x := f.e.CloseOf(asked), f.e.ExchangeOf(asked, 1); r.Reason != reason.Shutdown || x.Reason != reason.Shutdown {
		f.t.Errorf("asked: record: got %v and exchange %v, want shutdown", r.Reason, x.Reason)
	}
}

func (f *httpFates) check() {
	f.t.Helper()
	closes, exchanges := lulltest.Recorded(&f.e.Log().Ring), lulltest.Recorded(&f.e.Exchanges().Ring)
	ofConn := f.checkExchanges(exchanges)
	fronts, pools := map[reason.Reason]uint64{}, map[reason.Reason]uint64{}
	seen := map[uint64]bool{}
	for i := range closes {
		r := &closes[i]
		if seen[r.ID] {
			f.t.Errorf("connection %d: has two records", r.ID)
		}
		seen[r.ID] = true
		if timed := r.Reason.Info().Timer; r.Reason == reason.None || timed != (r.Timer != "") || timed && (r.Late < 0 || r.Setting <= 0) {
			f.t.Errorf("connection %d: %v by %q=%v, %v late", r.ID, r.Reason, r.Timer, r.Setting, r.Late)
		}
		if r.Pooled {
			pools[r.Reason]++
			continue
		}
		fronts[r.Reason]++
		if r.Exchanges != ofConn[r.ID] {
			f.t.Errorf("connection %d, %v: counts %d exchanges and has records of %d", r.ID, r.Reason, r.Exchanges, ofConn[r.ID])
		}
	}
	f.checkCounters(exchanges, fronts, pools)
}

// checkExchanges checks each record by itself, and returns how many each connection has.
func (f *httpFates) checkExchanges(list []record.Exchange) (ofConn map[uint64]int) {
	f.t.Helper()
	ofConn = map[uint64]int{}
	for i := range list {
		x := &list[i]
		if ofConn[x.Conn]++; x.Number != ofConn[x.Conn] {
			f.t.Errorf("connection %d: exchange %d follows %d others", x.Conn, x.Number, ofConn[x.Conn]-1)
		}
		if x.Took < 0 || x.Ended.Sub(x.Started) != x.Took || x.Reason == reason.None || x.Ends.Listener == "" {
			f.t.Errorf("exchange %d of %d: got %+v, want its times to fit", x.Number, x.Conn, x)
		}
		if timed := x.Reason.Info().Timer; timed != (x.Timer != "") || timed && (x.Late < 0 || x.Setting <= 0) {
			f.t.Errorf("exchange %d of %d: %v by %q=%v, %v late", x.Number, x.Conn, x.Reason, x.Timer, x.Setting, x.Late)
		}
	}
	return ofConn
}

// checkCounters checks that the counters say the same as the records.
func (f *httpFates) checkCounters(list []record.Exchange, fronts, pools map[reason.Reason]uint64) {
	f.t.Helper()
	ends := map[reason.Reason]uint64{}
	whole := uint64(0)
	for i := range list {
		if ends[list[i].Reason]++; list[i].Method != "" {
			whole++
		}
	}
	gotEnds, gotFronts, gotPools := map[reason.Reason]uint64{}, map[reason.Reason]uint64{}, map[reason.Reason]uint64{}
	requests, accepted := uint64(0), uint64(0)
	for _, l := range f.e.Stats().Listeners {
		requests += l.Requests
		accepted += l.Accepted
		if l.Active != 0 {
			f.t.Errorf("%v: got %d active, want none", l.Key, l.Active)
		}
		for into, from := range map[*map[reason.Reason]uint64][reason.Count]uint64{&gotEnds: l.Ends, &gotFronts: l.Closes, &gotPools: l.PoolCloses} {
			for why, n := range from {
				if n > 0 {
					(*into)[reason.Reason(why)] += n
				}
			}
		}
	}
	for what, c := range map[string][2]map[reason.Reason]uint64{
		"exchanges": {gotEnds, ends}, "connections": {gotFronts, fronts}, "pooled connections": {gotPools, pools},
	} {
		if !maps.Equal(c[0], c[1]) {
			f.t.Errorf("ends of %s by counters: got %v, want %v as recorded", what, c[0], c[1])
		}
	}
	total := uint64(0)
	for _, n := range slices.Collect(maps.Values(fronts)) {
		total += n
	}
	if accepted != total || requests != whole {
		f.t.Errorf("accepted %d, ended %d; %d requests, %d records of whole ones; want these equal", accepted, total, requests, whole)
	}
	for _, b := range f.e.Stats().Backends {
		if b.Active != 0 || b.Conns != 0 {
			f.t.Errorf("%v: got %d exchanges, %d connections; want none", b.Key, b.Active, b.Conns)
		}
	}
}
