package dataplane_test

import (
	"net/netip"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/lulltest"
)

// TestNextBackendTO_11: a backend that refuses, or does not answer within the connect limit, is followed by the next,
// in whatever order they are tried.
func TestNextBackendTO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, nextBackend)
}

func nextBackend(t *testing.T) {
	limit := connectTime(t)
	for name, bad := range map[string]func(testing.TB) netip.AddrPort{"refused": lulltest.Refused, "silent": lulltest.Silent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onLoops(t, func(t *testing.T, loops int) {
				p := lulltest.Plan(bad(t), lulltest.Named(t, "good").Addr, bad(t))
				lulltest.Listener(p).Timeouts.Connect = limit
				e := start(t, loops, p)
				const clients = 6
				var conns [clients]*lulltest.Conn
				for i := range conns {
					conns[i] = e.Dial()
				}
				for _, c := range conns {
					c.Expect("good")
					_ = c.Close()
				}
				tried := 0
				for range clients {
					r := e.NextClose()
					tried += r.ConnectTries
					least := time.Duration(0)
					if name == "silent" {
						least = time.Duration(r.ConnectTries-1) * limit
					}
					if r.Reason != reason.ClientClosed || r.ConnectTries < 1 || r.ConnectTries > 3 || r.ConnectedAt < least {
						t.Errorf("record: got %v, connected after %v at try %d; want client-closed, 1 to 3 tries, each failed one for %v",
							r.Reason, r.ConnectedAt, r.ConnectTries, limit)
					}
				}
				if tried == clients {
					t.Errorf("no connection met a bad backend first, so nothing was tested")
				}
				checkConnects(t, e, tried-clients)
			})
		})
	}
}

// checkConnects checks the backends' own counts: no connection is still counted there, and the failures are those seen.
func checkConnects(t *testing.T, e *lulltest.Engine, failed int) {
	t.Helper()
	got := uint64(0)
	for _, b := range e.Stats().Backends {
		got += b.ConnectFails
		if b.Active != 0 {
			t.Errorf("%v: got %d connections, want none", b.Key, b.Active)
		}
	}
	if got != uint64(failed) {
		t.Errorf("failed connects: got %d, want %d", got, failed)
	}
}

// TestNoneLeftTO_11: where no backend can be had the client's connection is closed, with a FIN even if it has sent
// bytes already, and the record says why.
func TestNoneLeftTO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, noneLeft)
}

func noneLeft(t *testing.T) {
	const limit = 400 * time.Millisecond
	shortIdle := func(p *plan.Plan) {
		lulltest.Listener(p).Timeouts.Idle, lulltest.Listener(p).Timeouts.Connect = limit, 4*time.Second
	}
	unreachable := func(testing.TB) netip.AddrPort { return netip.MustParseAddrPort("255.255.255.255:9") }
	for name, c := range map[string]struct {
		backends []func(testing.TB) netip.AddrPort
		change   func(*plan.Plan)
		why      reason.Reason
		timer    string
		after    time.Duration
	}{
		"none":          {nil, nil, reason.NoBackend, "", 0},
		"drained":       {list(lulltest.Refused), func(p *plan.Plan) { lulltest.Set(p).Backends[0].Drain = true }, reason.NoBackend, "", 0},
		"refused":       {list(lulltest.Refused), nil, reason.ConnectRefused, "", 0},
		"all_refused":   {list(lulltest.Refused, lulltest.Refused, lulltest.Refused), nil, reason.ConnectRefused, "", 0},
		"unreachable":   {list(unreachable), nil, reason.ConnectUnreachable, "", 0},
		"silent":        {list(lulltest.Silent), nil, reason.ConnectTimeout, "connect", limit},
		"all_silent":    {list(lulltest.Silent, lulltest.Silent), nil, reason.ConnectTimeout, "connect", 2 * limit},
		"limit_is_idle": {list(lulltest.Silent), shortIdle, reason.ConnectTimeout, "idle", limit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onLoops(t, func(t *testing.T, loops int) {
				var backends []netip.AddrPort
				for _, b := range c.backends {
					backends = append(backends, b(t))
				}
				p := lulltest.Plan(backends...)
				lulltest.Listener(p).Timeouts.Connect = limit
				if c.change != nil {
					c.change(p)
				}
				e := start(t, loops, p)
				for _, hello := range []string{"", "hello"} {
					begun := now()
					client := e.Dial()
					_, _ = client.Write([]byte(hello)) // it may have been closed already
					(<-watch(client)).within(t, "client", "eof", begun, c.after)
					_ = client.Close()
					checkFailed(t, e.NextClose(), c.why, c.timer, len(backends))
				}
			})
		})
	}
}

func list[T any](all ...T) []T { return all }

func checkFailed(t *testing.T, r record.Close, why reason.Reason, timer string, backends int) {
	t.Helper()
	tries := backends
	if why == reason.NoBackend {
		tries = 0
	}
	if r.Reason != why || r.Timer != timer || r.ConnectTries != tries || r.ConnectedAt >= 0 {
		t.Errorf("record: got %v by %q after %d tries, connected after %v; want %v by %q after %d, never",
			r.Reason, r.Timer, r.ConnectTries, r.ConnectedAt, why, timer, tries)
	}
	if timer != "" && r.Late < 0 {
		t.Errorf("record: %v late, want 0 or more", r.Late)
	}
}

// TestUnhealthyTO_11: backends that health checks have taken out are not tried, and one that came back is.
func TestUnhealthyTO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, unhealthy)
}

func unhealthy(t *testing.T) {
	p := lulltest.Plan(lulltest.Named(t, "one").Addr, lulltest.Named(t, "two").Addr)
	e := start(t, 2, p)
	one, two := lulltest.Set(p).Backends[0].Key, lulltest.Set(p).Backends[1].Key
	for _, c := range []struct {
		name     string
		one, two bool
		want     string // "" = closed
	}{
		{"one", true, false, "one"}, {"two", false, true, "two"}, {"neither", false, false, ""}, {"one_again", true, false, "one"},
	} {
		e.SetStatus(one, c.one, "test")
		e.SetStatus(two, c.two, "test")
		for range 3 {
			client := e.Dial()
			if c.want != "" {
				client.Expect(c.want)
			} else if how, _ := client.End(); how != "eof" {
				t.Errorf("%s: client ended with %s, want eof", c.name, how)
			}
			_ = client.Close()
			want := map[bool]reason.Reason{true: reason.NoBackend, false: reason.ClientClosed}[c.want == ""]
			if r := e.NextClose(); r.Reason != want {
				t.Errorf("%s: record: got %v, want %v", c.name, r.Reason, want)
			}
		}
	}
}

// TestBytesWaitTO_11: what a client sends, and its FIN, wait while its backend is being found.
func TestBytesWaitTO_11(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, bytesWait)
}

func bytesWait(t *testing.T) {
	limit := connectTime(t)
	echo := lulltest.Echo(t)
	p := lulltest.Plan(lulltest.Silent(t))
	second := lulltest.Plan(echo.Addr)
	backup := lulltest.Set(second).Backends[0]
	backup.Backup = true
	set := lulltest.Set(p)
	set.Backends = append(set.Backends, backup)
	lulltest.Listener(p).Timeouts.Connect = limit
	e := start(t, 1, p)
	begun := now()
	client := e.Dial()
	client.Send("hello")
	_ = client.CloseWrite()
	got := <-watch(client)
	got.within(t, "client", "eof", begun, limit)
	if string(got.data) != "hello" {
		t.Errorf("client: got %q back, want hello", got.data)
	}
	if r := e.NextClose(); r.Reason != reason.ClientClosed || r.ConnectTries != 2 {
		t.Errorf("record: got %v at try %d, want client-closed at try 2", r.Reason, r.ConnectTries)
	}
}
