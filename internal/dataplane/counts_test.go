package dataplane_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// pause is a silence that a peer keeps. What lull sees of it may be shorter on a busy machine, which sees its beginning late:
// more than least of it, mostly.
const (
	pause = 70 * time.Millisecond
	least = 30 * time.Millisecond
)

// longer returns how many gaps are in buckets that have room for one of d and more.
func longer(g *stats.GapTotals, d time.Duration) (n uint64) {
	for i := range g.Counts {
		if stats.GapLimit(i) >= d {
			n += g.Counts[i]
		}
	}
	return n
}

func gaps(g *stats.GapTotals) (n uint64) {
	for _, c := range g.Counts {
		n += c
	}
	return n
}

// once returns the counters of the TCP listener when they are as told, or after a while as they are: the last byte has
// arrived before it is counted.
func once(e *lulltest.Engine, done func(*stats.ListenerTotals) bool) (got stats.ListenerTotals) {
	lulltest.Eventually(func() bool {
		got, _ = totalsOf(e, lulltest.Key)
		return done(&got)
	})
	return got
}

// TestGapsOfTunnel: a silence is counted when it ends, for as long as it was, whichever side ends it, and all of them together
// are no longer than the connection was open.
func TestGapsOfTunnel(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, gapsOfTunnel)
}

func gapsOfTunnel(t *testing.T) {
	backend, accepted := lulltest.Hands(t)
	e := start(t, 1, lulltest.Plan(backend.Addr))
	began := time.Now()
	client := e.Dial()
	server := lulltest.Take(t, accepted)
	say := func(from, to *lulltest.Conn, text string) {
		let(pause)
		from.Send(text)
		to.Expect(text)
	}
	say(client, server, "a")
	say(server, client, "b")
	say(server, client, "c")
	lived := time.Since(began)
	got := once(e, func(l *stats.ListenerTotals) bool { return gaps(&l.Gaps[stats.InTunnel]) >= 3 })
	g := &got.Gaps[stats.InTunnel]
	if longer(g, least) < 3 || g.Sum < 3*least || g.Sum > lived {
		t.Errorf("gaps %+v in %v, want 3 of %v", g, lived, pause)
	}
	if gaps(&got.Gaps[stats.InExchange])+gaps(&got.Gaps[stats.Waiting]) != 0 {
		t.Errorf("gaps of HTTP: %+v", got.Gaps)
	}
	if got.Routed != 1 || got.Latency.Count() != 1 || got.Latency.Sum <= 0 || got.Latency.Sum > lived {
		t.Errorf("%d routed, latencies %+v; want one connect", got.Routed, got.Latency)
	}
}

// TestRoutedTCP: a client for which no backend could be had is not routed.
func TestRoutedTCP(t *testing.T) {
	t.Parallel()
	e := start(t, 1, lulltest.Plan(lulltest.Refused(t)))
	e.Dial().End()
	if got, _ := totalsOf(e, lulltest.Key); got.Accepted != 1 || got.Routed != 0 || got.Latency.Count() != 0 {
		t.Errorf("%d accepted, %d routed, %d latencies; want none but the first", got.Accepted, got.Routed, got.Latency.Count())
	}
}

// TestGapsOfExchanges: the silence of a backend and of a client count for themselves, and so do the latencies.
func TestGapsOfExchanges(t *testing.T) {
	t.Parallel()
	lulltest.OnWires(t, gapsOfExchanges)
}

func gapsOfExchanges(t *testing.T) {
	onModels(t, func(t *testing.T, m timeout.Model) {
		s := counter(t, 1, m, nil)
		began := time.Now()
		client, server := s.meet(lulltest.Request("GET", "/", ""))
		for range 2 {
			server.Request()
			let(pause)
			server.Send(lulltest.Response("hello"))
			client.ExpectAnswer("hello")
			let(pause)
			client.Get("/")
		}
		server.Request()
		server.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
		let(pause)
		server.Send("ll")
		client.Answer("GET")
		got, _ := totalsOf(s.Engine, lulltest.HTTPKey)
		lived := time.Since(began)
		exchange, waiting := &got.Gaps[stats.InExchange], &got.Gaps[stats.Waiting]
		if longer(exchange, least) < 3 || exchange.Sum < 3*least {
			t.Errorf("gaps in exchanges %+v, want 3 of %v", exchange, pause)
		}
		if gaps(waiting) != 3 || longer(waiting, least) < 2 || waiting.Sum < 2*least || exchange.Sum+waiting.Sum > lived {
			t.Errorf("gaps between exchanges %+v, want 3, two of them of %v", waiting, pause)
		}
		if got.Routed != 3 || got.Latency.Count() != 3 || got.Latency.Sum < 2*least || got.Latency.Sum > lived {
			t.Errorf("%d routed, latencies %+v; want 3, two of them of %v", got.Routed, got.Latency, pause)
		}
		peaks := s.TakePeaks()
		if peak := peaks.Latency[lulltest.HTTPKey]; peak < least || peak > lived {
			t.Errorf("longest latency %v, want at least %v", peak, pause)
		}
		if again := s.TakePeaks(); len(again.Latency) != 0 {
			t.Errorf("longest latencies %v, want those before forgotten", again.Latency)
		}
	})
}

// TestGapsOfSlowReader: bytes that a peer takes late are counted when it does.
func TestGapsOfSlowReader(t *testing.T) {
	t.Parallel()
	t.Run("tunnel", func(t *testing.T) {
		t.Parallel()
		backend, accepted := lulltest.Hands(t)
		e := start(t, 1, lulltest.Plan(backend.Addr))
		client := lulltest.DialSized(t, e.Addr(), 4096)
		slowReader(t, e, client, lulltest.Take(t, accepted), lulltest.Key, stats.InTunnel)
	})
	t.Run("exchange", func(t *testing.T) {
		t.Parallel()
		s := counter(t, 1, timeout.Shared, nil)
		client := lulltest.DialSized(t, s.Local(lulltest.HTTPKey), 4096)
		client.Send(lulltest.Request("GET", "/", ""))
		server := lulltest.TakeHTTP(t, s.accepted)
		server.Request()
		server.Send("HTTP/1.1 200 OK\r\n\r\n")
		slowReader(t, s.Engine, client, server.Conn, lulltest.HTTPKey, stats.InExchange)
	})
}

// slowReader has the server send more than the client's kernel takes, and the client read it after a while.
func slowReader(t *testing.T, e *lulltest.Engine, client, server *lulltest.Conn, key plan.ListenerKey, phase stats.Phase) {
	t.Helper()
	const size = 8 << 20
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = server.Write(make([]byte, size))
	}()
	if !lulltest.Eventually(func() bool {
		live := e.Live()
		return len(live) == 1 && live[0].PendingDown > 0 && live[0].QuietDown > pause
	}) {
		t.Fatalf("the client reads nothing, and yet nothing is held: %+v", e.Live())
	}
	before, _ := totalsOf(e, key)
	if n, err := io.CopyN(io.Discard, client, size); err != nil {
		t.Fatalf("%d of %d bytes arrived: %v", n, size, err)
	}
	<-sent
	var after stats.ListenerTotals
	b := &before.Gaps[phase]
	if !lulltest.Eventually(func() bool {
		after, _ = totalsOf(e, key)
		return longer(&after.Gaps[phase], least) > longer(b, least) && after.Gaps[phase].Sum >= b.Sum+least
	}) {
		t.Errorf("gaps %+v, and then %+v: the silence of %v is not counted", b, after.Gaps[phase], pause)
	}
}

// TestGapsOfBulk: a silence in the middle of much data counts like any other; much data goes through a pipe where that is possible.
func TestGapsOfBulk(t *testing.T) {
	t.Parallel()
	const half = 4 << 20
	check := func(t *testing.T, e *lulltest.Engine, key plan.ListenerKey, phase stats.Phase) {
		t.Helper()
		var got stats.ListenerTotals
		if !lulltest.Eventually(func() bool {
			got, _ = totalsOf(e, key)
			return longer(&got.Gaps[phase], least) > 0
		}) {
			t.Errorf("gaps %+v, want one of %v", got.Gaps[phase], pause)
		}
	}
	for _, up := range []bool{true, false} {
		name := map[bool]string{true: "up", false: "down"}[up]
		t.Run("tunnel-"+name, func(t *testing.T) {
			t.Parallel()
			backend, accepted := lulltest.Hands(t)
			e := start(t, 1, lulltest.Plan(backend.Addr))
			from, to := e.Dial(), lulltest.Take(t, accepted)
			if !up {
				from, to = to, from
			}
			halves(t, from, to, half)
			check(t, e, lulltest.Key, stats.InTunnel)
		})
		t.Run("exchange-"+name, func(t *testing.T) {
			t.Parallel()
			s := counter(t, 1, timeout.Shared, nil)
			client, server := s.meet(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", 2*half))
			server.RequestHead()
			from, to := client, server
			if !up {
				server.Send(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", 2*half))
				client.Head()
				from, to = server, client
			}
			halves(t, from, to, half)
			check(t, s.Engine, lulltest.HTTPKey, stats.InExchange)
		})
	}
}

// halves sends twice as many bytes from one peer to the other, with a pause between.
func halves(t *testing.T, from io.Writer, to io.Reader, size int64) {
	t.Helper()
	for range 2 {
		sent := make(chan error, 1)
		go func() {
			_, err := from.Write(make([]byte, size))
			sent <- err
		}()
		if n, err := io.CopyN(io.Discard, to, size); err != nil {
			t.Fatalf("%d of %d bytes arrived: %v", n, size, err)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		let(pause)
	}
}

// TestRoutedHTTP: a request counts once when it is sent to a backend, and not at all when it never is.
func TestRoutedHTTP(t *testing.T) {
	t.Parallel()
	check := func(t *testing.T, s *site, requests, routed, latencies uint64) {
		t.Helper()
		got, _ := totalsOf(s.Engine, lulltest.HTTPKey)
		if got.Requests != requests || got.Routed != routed || got.Latency.Count() != latencies {
			t.Errorf("%d requests, %d routed, %d latencies; want %d, %d, %d", got.Requests, got.Routed, got.Latency.Count(), requests, routed, latencies)
		}
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := counter(t, 1, timeout.Shared, nil)
		c := s.DialHTTP()
		c.Send("CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n")
		c.Answer("CONNECT")
		check(t, s, 1, 0, 0)
	})
	t.Run("no-backend", func(t *testing.T) {
		t.Parallel()
		p := lulltest.HTTPPlan(timeout.Shared, lulltest.Refused(t))
		s := &site{startHTTP(t, 1, p), t, p, nil, nil}
		c := s.DialHTTP()
		c.Get("/")
		c.Answer("GET")
		check(t, s, 1, 0, 0)
	})
	t.Run("repeated", func(t *testing.T) {
		t.Parallel()
		s := counter(t, 1, timeout.Shared, nil)
		client, stale := s.meet(lulltest.Request("GET", "/1", ""))
		serve(t, client, stale, "/1")
		client.Get("/2")
		stale.Request()
		stale.Close()
		serve(t, client, lulltest.TakeHTTP(t, s.accepted), "/2")
		if got, _ := totalsOf(s.Engine, lulltest.HTTPKey); got.Retries != 1 {
			t.Fatalf("%d retries, want 1", got.Retries)
		}
		check(t, s, 2, 2, 2)
	})
}

// TestUnheard: a client that goes away before there is a response is counted, one that goes away behind its head is not.
func TestUnheard(t *testing.T) {
	t.Parallel()
	s := counter(t, 1, timeout.Shared, nil)
	early, server := s.meet(lulltest.Request("GET", "/", ""))
	server.Request()
	early.Reset()
	if x := s.NextExchange(); x.Reason != reason.ClientReset || x.Status != 0 {
		t.Fatalf("the exchange ended by %v with %d, want client-reset with none", x.Reason, x.Status)
	}
	late, server := s.meet(lulltest.Request("GET", "/", ""))
	server.Request()
	server.Send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhe")
	late.Head()
	late.Reset()
	if x := s.NextExchange(); x.Reason != reason.ClientReset || x.Status != 200 {
		t.Fatalf("the exchange ended by %v with %d, want client-reset with 200", x.Reason, x.Status)
	}
	if got, _ := totalsOf(s.Engine, lulltest.HTTPKey); got.Unheard != 1 {
		t.Errorf("%d unheard, want 1", got.Unheard)
	}
}

// TestWithheld: the plan keeps new connections from a backend that it drains or sets offline.
func TestWithheld(t *testing.T) {
	t.Parallel()
	p := lulltest.Plan(lulltest.Loopback(1), lulltest.Loopback(2), lulltest.Loopback(3))
	lulltest.Set(p).Backends[1].Drain = true
	lulltest.Set(p).Backends[2].Offline = true
	e := start(t, 1, p)
	for _, b := range e.Stats().Backends {
		if want := b.Key.Port != 1; b.Withheld != want {
			t.Errorf("%s: withheld %t, want %t", b.Key, b.Withheld, want)
		}
	}
}

// TestLatencyOfSilence: a backend that does not answer within the idle timeout counts among the slow.
func TestLatencyOfSilence(t *testing.T) {
	t.Parallel()
	const idle = 300 * time.Millisecond
	s := newSite(t, 1, timeout.Shared, idleOf(idle))
	client, _ := s.meet(lulltest.Request("GET", "/", ""))
	if a := client.Answer("GET"); a.StatusCode != 504 {
		t.Fatalf("got %d, want 504", a.StatusCode)
	}
	if x := s.NextExchange(); x.Reason != reason.ResponseIdle {
		t.Errorf("the exchange ended by %v, want response-idle", x.Reason)
	}
	got, _ := totalsOf(s.Engine, lulltest.HTTPKey)
	if got.Latency.Count() != 1 || got.Latency.Sum < idle || got.Latency.Sum > idle+lulltest.Patience {
		t.Errorf("latencies %+v, want one of %v", got.Latency, idle)
	}
}

// TestQueuePeak: the most requests that waited at a time are told once, but for those that wait still.
func TestQueuePeak(t *testing.T) {
	t.Parallel()
	s := counter(t, 1, timeout.Shared, limited(1, 10))
	first, server := s.meet(lulltest.Request("GET", "/", ""))
	var waiting [3]*lulltest.HTTPConn
	for i := range waiting {
		waiting[i] = s.DialHTTP()
		waiting[i].Get("/")
		s.WaitState(waiting[i], "queued")
	}
	peak := func(want int) {
		t.Helper()
		if got := s.TakePeaks().Queued; len(got) != 1 || got["lb"] != want {
			t.Errorf("most that waited: %v, want %d", got, want)
		}
	}
	peak(3)
	peak(3)
	for range 4 {
		server.Request()
		server.Send(lulltest.Response("hello"))
	}
	for _, c := range append(waiting[:], first) {
		c.ExpectAnswer("hello")
	}
	peak(3)
	peak(0)
}
