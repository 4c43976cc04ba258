package dataplane_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/control/file"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/timeout"
	"lull/internal/health"
	"lull/internal/lulltest"
)

// TestAnyByteRearmsSH_01_TO_01: a byte from either side re-arms the one timer of the pair, and when it fires both
// connections are closed, never early.
func TestAnyByteRearmsSH_01_TO_01(t *testing.T) {
	t.Parallel()
	lulltest.OnEveryWire(t, func(t *testing.T) {
		onLoops(t, func(t *testing.T, loops int) { anyByteRearms(t, loops, lulltest.Timeouts(1200*time.Millisecond)) })
	})
}

// TestAnyByteRearmsDI_13: the directional model's TCP listeners do the same, and neither the keep-alive nor the cap on
// transactions of its HTTP listeners applies to them.
func TestAnyByteRearmsDI_13(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, anyByteRearmsDI)
}

func anyByteRearmsDI(t *testing.T) {
	s := lulltest.Timeouts(1200 * time.Millisecond)
	s.Model, s.FrontKeepalive, s.BackKeepalive, s.FrontRequestsMax = timeout.Directional, 200*time.Millisecond, 200*time.Millisecond, 2
	onLoops(t, func(t *testing.T, loops int) { anyByteRearms(t, loops, s) })
}

func anyByteRearms(t *testing.T, loops int, s timeout.Settings) {
	backend, accepted := lulltest.Hands(t)
	p := lulltest.Plan(backend.Addr)
	lulltest.Listener(p).Timeouts = s
	e := start(t, loops, p)
	cases := []struct {
		name  string
		bytes string // u: client to backend, d: backend to client, . neither; one every half of the idle time
	}{
		{"none", ""}, {"up", ".u"}, {"down", ".d"}, {"up_then_down", ".ud"}, {"down_then_up", ".du"}, {"many", "uudd"},
	}
	seen := make([][2]<-chan ending, len(cases))
	pairs := make([]*ends, len(cases))
	for i := range cases {
		pairs[i] = open(t, e, accepted, s.Idle)
	}
	for round := range 5 {
		for i, c := range cases {
			switch p := pairs[i]; {
			case round < len(c.bytes) && c.bytes[round] == 'u':
				p.move(p.client, p.backend)
			case round < len(c.bytes) && c.bytes[round] == 'd':
				p.move(p.backend, p.client)
			case round == len(c.bytes):
				seen[i] = [2]<-chan ending{watch(p.client), watch(p.backend)}
			}
		}
		let(s.Idle / 2)
	}
	for i, c := range cases {
		(<-seen[i][0]).within(t, c.name+", client", "eof", pairs[i].last, s.Idle)
		(<-seen[i][1]).within(t, c.name+", backend", "eof", pairs[i].last, s.Idle)
	}
	for _, p := range pairs {
		if r := p.judge(e, reason.TunnelIdle, s.Idle); r.Timer != "idle" {
			t.Errorf("record: ended by %q, want idle", r.Timer)
		}
	}
}

// TestDefaultsDI_13: lull.yaml gives a TCP listener of the directional model 300 seconds, and the timers that the model
// has for HTTP never make its deadline earlier.
func TestDefaultsDI_13(t *testing.T) {
	t.Parallel()
	c, err := file.Parse("lull.yaml", []byte(`
load_balancers:
  - name: lb
    address: 127.0.0.1
    timeouts: {model: directional}
    listeners: [{name: tcp, protocol: tcp, port: 1234, backend_set: set}]
    backend_sets: [{name: set, backends: [{address: 127.0.0.1, port: 9001}]}]
`))
	if err != nil {
		t.Fatal(err)
	}
	s := c.Plan.LoadBalancers[0].Listeners[0].Timeouts
	if s.Model != timeout.Directional || s.Idle != 300*time.Second {
		t.Fatalf("settings: got model %v, idle %v; want directional, 300 s", s.Model, s.Idle)
	}
	echo := lulltest.Echo(t)
	p := lulltest.Plan(echo.Addr)
	lulltest.Listener(p).Timeouts = s
	e := start(t, 1, p)
	e.Dial().Ask("hello")
	live := e.Live()
	if len(live) != 1 || live[0].Why != reason.TunnelIdle || live[0].Setting != 300*time.Second {
		t.Fatalf("open connections: got %+v; want one that ends as tunnel-idle by 300 s", live)
	}
	if left := live[0].FiresIn; left > 300*time.Second || left < 300*time.Second-lulltest.Patience {
		t.Errorf("closes in: got %v, want just below 300 s", left)
	}
}

// TestOneByteEachPeriodTO_12: an upload, a download, and a conversation of single bytes, each before the idle time is
// over, outlive any number of idle periods, and end one idle time after their last byte.
func TestOneByteEachPeriodTO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, oneByteEachPeriod)
}

func oneByteEachPeriod(t *testing.T) {
	const idle = 1200 * time.Millisecond
	for name, way := range map[string]func(*ends, int){
		"upload":   func(p *ends, _ int) { p.move(p.client, p.backend) },
		"download": func(p *ends, _ int) { p.move(p.backend, p.client) },
		"in_turn": func(p *ends, i int) {
			from, to := p.order(i%2 == 1)
			p.move(from, to)
		},
		"unread": func(p *ends, _ int) { p.send(p.client) }, // by the backend: a byte taken is a byte moved
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onLoops(t, func(t *testing.T, loops int) {
				backend, accepted := lulltest.Hands(t)
				p := lulltest.Plan(backend.Addr)
				lulltest.Listener(p).Timeouts.Idle = idle
				e := start(t, loops, p)
				pair := open(t, e, accepted, idle)
				for i := range 7 { // 3.5 idle times
					way(pair, i)
					let(idle / 2)
				}
				(<-watch(pair.client)).within(t, "client", "eof", pair.last, idle)
				pair.judge(e, reason.TunnelIdle, idle)
			})
		})
	}
}

// TestTakenIsMovedSH_01_TO_12: bytes that lull takes from one side re-arm the timer although the other side takes none of
// them. Reading and writing are dated together; where bytes are spliced they are two steps, so that is what is tried.
func TestTakenIsMovedSH_01_TO_12(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, takenIsMovedSH)
}

func takenIsMovedSH(t *testing.T) {
	const tries = 8
	first := 512 << 10 // enough to be taken for bulk
	for range tries {
		passed := takenIsMoved(t, first)
		if passed == 0 {
			return
		}
		first += passed // the same buffers will be full between two chunks
	}
	t.Skipf("in none of %d connections did the kernel refuse a chunk as a whole", tries)
}

// takenIsMoved sends chunk after chunk to a backend that reads none, until lull holds some, and returns how much of the
// last one was passed on. If nothing of it was, the time of its arrival must count.
func takenIsMoved(t *testing.T, first int) (passed int) {
	const chunk = 16 << 10
	backend, accepted := lulltest.Hands(t)
	e := start(t, 1, lulltest.Plan(backend.Addr))
	p := open(t, e, accepted, time.Minute)
	total := uint64(first)
	p.client.Send(string(make([]byte, first)))
	for {
		var live record.Live
		if !lulltest.Eventually(func() bool {
			all := e.Live()
			live = all[0]
			return live.BytesUp == total || live.PendingUp > 0
		}) {
			t.Fatalf("taken: got %d bytes, want %d", live.BytesUp, total)
		}
		if live.PendingUp > 0 {
			if sent := time.Since(p.last.at); live.PendingUp == chunk && live.QuietUp > sent {
				t.Errorf("%d bytes sent %v ago and taken since: quiet for %v, want no longer", chunk, sent, live.QuietUp)
			}
			return chunk - live.PendingUp
		}
		let(5 * time.Millisecond)
		p.last = now()
		p.client.Send(string(make([]byte, chunk)))
		total += chunk
	}
}

// TestNoPayloadTO_03: what the kernels tell each other without payload re-arms nothing.
func TestNoPayloadTO_03(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, noPayload)
}

func noPayload(t *testing.T) {
	const idle = 2300 * time.Millisecond // longer than two keep-alive probes, which come once a second at most
	begin := func(t *testing.T) (e *lulltest.Engine, accepted <-chan *lulltest.Conn) {
		t.Parallel()
		backend, accepted := lulltest.Hands(t)
		p := lulltest.Plan(backend.Addr)
		lulltest.Listener(p).Timeouts.Idle = idle
		return start(t, 1, p), accepted
	}
	t.Run("keepalive_probes", func(t *testing.T) {
		e, accepted := begin(t)
		pair := open(t, e, accepted, idle)
		every := net.KeepAliveConfig{Enable: true, Idle: time.Second, Interval: time.Second, Count: 9}
		for _, c := range []*lulltest.Conn{pair.client, pair.backend} {
			if err := c.SetKeepAliveConfig(every); err != nil {
				t.Fatal(err)
			}
		}
		pair.move(pair.client, pair.backend)
		client, backend := watch(pair.client), watch(pair.backend)
		let(time.Until(pair.last.at.Add(idle - 150*time.Millisecond)))
		for who, c := range map[string]*lulltest.Conn{"client": pair.client, "backend": pair.backend} {
			quiet := sinceLastACK(t, c)
			if quiet > 1500*time.Millisecond && time.Since(pair.last.at) < idle {
				t.Errorf("%s: last ACK %v ago: no keep-alive probe was answered, so nothing was tested", who, quiet)
			}
		}
		(<-client).within(t, "client", "eof", pair.last, idle)
		(<-backend).within(t, "backend", "eof", pair.last, idle)
		pair.judge(e, reason.TunnelIdle, idle)
	})
	t.Run("window_updates", func(t *testing.T) {
		e, accepted := begin(t)
		const size = 60 << 10 // more than the client's window, less than lull's kernel takes at once
		p := &ends{t: t, client: dialNarrow(t, e.Addr()), backend: lulltest.Take(t, accepted)}
		p.last = now()
		p.backend.Send(string(make([]byte, size)))
		passed := func() bool { l := e.Live(); return len(l) == 1 && l[0].BytesDown == size && l[0].PendingDown == 0 }
		if !lulltest.Eventually(passed) {
			t.Fatalf("open connections: got %+v, want one that has passed on everything, so that only ACKs follow", e.Live())
		}
		p.heard = time.Now()
		let(idle / 2)
		p.client.Expect(string(make([]byte, size))) // its kernel announces room, lull's sends what it still had
		(<-watch(p.client)).within(t, "client", "eof", p.last, idle)
		p.judge(e, reason.TunnelIdle, idle)
	})
	t.Run("zero_window_probes", func(t *testing.T) {
		e, accepted := begin(t)
		p := &ends{t: t, client: dialNarrow(t, e.Addr()), backend: lulltest.Take(t, accepted)}
		begun := now()
		last := fillUp(t, p.backend)
		got := <-watch(p.backend)
		if gap := got.at.Sub(last.at); gap > idle+last.allowed(lateMax) || got.how != "eof" {
			t.Errorf("backend: ended with %s %v after the last byte that anyone took; want eof after %v", got.how, gap, idle)
		}
		p.last = begun // lull's last byte lies somewhere behind it, and before the last that its kernel took
		p.heard = last.at
		p.judge(e, reason.TunnelIdle, idle)
		_ = p.client.Close()
	})
}

// dialNarrow connects with the smallest receive window there is.
func dialNarrow(t *testing.T, to netip.AddrPort) *lulltest.Conn {
	t.Helper()
	return lulltest.DialSized(t, to, 4<<10)
}

// fillUp writes until nobody takes any more, and returns when the last byte was taken from it.
func fillUp(t *testing.T, c *lulltest.Conn) (last instant) {
	t.Helper()
	chunk := make([]byte, 16<<10)
	for {
		_ = c.SetWriteDeadline(time.Now().Add(400 * time.Millisecond))
		n, err := c.Write(chunk)
		if n > 0 && err == nil {
			last = now()
		}
		if err != nil {
			_ = c.SetWriteDeadline(time.Time{})
			return last
		}
	}
}

func sinceLastACK(t *testing.T, c *lulltest.Conn) (since time.Duration) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var info *unix.TCPInfo
	if ctrl := raw.Control(func(fd uintptr) {
		info, err = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
	}); ctrl != nil || err != nil {
		t.Fatalf("tcp info: %v, %v", ctrl, err)
	}
	return time.Duration(info.Last_ack_recv) * time.Millisecond
}

// TestOthersRearmNothingTO_04: a silent connection ends on time while its backend is probed, while its backend's state
// changes, and while others talk to the same backend, through lull and past it.
func TestOthersRearmNothingTO_04(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, othersRearmNothing)
}

func othersRearmNothing(t *testing.T) {
	onLoops(t, func(t *testing.T, loops int) {
		const idle = time.Second
		backend := lulltest.Echo(t)
		p := lulltest.Plan(backend.Addr)
		lulltest.Listener(p).Timeouts.Idle = idle
		lulltest.Set(p).HealthCheck = &plan.HealthCheck{Interval: 100 * time.Millisecond, Timeout: time.Second, Healthy: 1, Unhealthy: 1}
		e := start(t, loops, p)
		checks := health.New(e.Addrs, e.SetStatus)
		t.Cleanup(checks.Close)
		checks.Apply(p)
		silent := &ends{t: t, client: e.Dial()}
		busy, direct := e.Dial(), lulltest.Dial(t, backend.Addr)
		silent.last = now()
		silent.client.Ask("hello")
		silent.heard = time.Now()
		probes := backend.Accepted()
		end := watch(silent.client)
		for ended := false; !ended; {
			busy.Ask("x")
			direct.Ask("x")
			e.SetStatus(lulltest.Set(p).Backends[0].Key, true, "told again")
			select {
			case got := <-end:
				got.within(t, "silent", "eof", silent.last, idle)
				ended = true
			case <-time.After(100 * time.Millisecond):
			}
		}
		if backend.Accepted() == probes {
			t.Errorf("the backend was not probed meanwhile, so nothing was tested")
		}
		busy.Ask("x")
		silent.judge(e, reason.TunnelIdle, idle)
	})
}
