package admin

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// exchanged returns the story of the sample exchange after change.
func exchanged(change func(*record.Exchange)) []string {
	x := admintest.Exchange(12, 3)
	change(&x)
	return storyOfExchange(&x)
}

// timedOut returns the story of the sample exchange that timed out after change.
func timedOut(change func(*record.Exchange)) []string {
	x := admintest.TimedOut(12, 3)
	change(&x)
	return storyOfExchange(&x)
}

// cutBy makes x an exchange that ended in another way.
func cutBy(x *record.Exchange, why reason.Reason, status int) {
	x.Reason, x.Side, x.Status, x.BackendStatus = why, why.Info().Side, status, 0
	if !why.Info().Timer {
		x.Timer, x.TimerFlow = "", ""
	}
}

// unsent makes x an exchange that never was on its way to a backend.
func unsent(x *record.Exchange) {
	x.SentAfter, x.AnswerTook, x.FirstAfter, x.ConnectTook, x.Reused, x.Tries = -1, -1, -1, -1, false, 0
	x.PoolTimer, x.PoolUnused, x.BytesDown = "", 0, 0
	x.Ends.Backend, x.Ends.BackendAddr = "", netip.AddrPort{}
}

// httpClosed returns the story of the sample HTTP connection after change, with the exchanges.
func httpClosed(exchanges int, change func(*record.Close), carried ...record.Exchange) []string {
	c := admintest.HTTPClose(12, exchanges)
	change(&c)
	return storyOfClose(&c, carried, nil)
}

// tunnelled makes c a connection that became a tunnel and met the timer of one direction.
func tunnelled(c *record.Close, flow string) {
	c.Traffic = admintest.Close(12).Traffic
	c.Reason, c.Side, c.Exchanges, c.Upgraded, c.TimerFlow = reason.TunnelIdle, reason.Inside, 1, true, flow
}

// httpLive returns the story of the sample open HTTP connection in that state.
func httpLive(state string, why reason.Reason, flow string, carried ...record.Exchange) []string {
	l := admintest.HTTPLive(12, 3)
	l.State, l.Why, l.TimerFlow = state, why, flow
	if state != "waiting" { // then it shows the traffic of the exchange under way
		t := admintest.Live(12).Traffic
		t.Exchanges = 3
		l.Traffic = t
	}
	return storyOfLive(&l, carried, admintest.Opened.Add(l.Age))
}

func httpStories() []told {
	return append(append(exchangeStories(), connectionStories()...), pooledStories()...)
}

func exchangeStories() []told {
	return []told{
		{"exchange completed", exchanged(func(*record.Exchange) {})},
		{"exchange completed, upload on a fresh connection, after the queue, behind a PROXY header", exchanged(func(x *record.Exchange) {
			x.Reused, x.PoolTimer, x.PoolUnused, x.ConnectTook, x.QueueTook = false, "", 0, 310*time.Microsecond, 1500*time.Millisecond
			x.BytesUp, x.Ends.Peer = 1048576, netip.MustParseAddrPort("10.9.9.9:555")
		})},
		{"exchange retried (SH-09)", exchanged(func(x *record.Exchange) {
			x.Reused, x.Retried, x.Tries, x.ConnectTook, x.PoolUnused = false, true, 2, 310*time.Microsecond, 5*time.Second
		})},
		{"exchange upgraded", exchanged(func(x *record.Exchange) { x.Upgraded, x.Status, x.BackendStatus = true, 101, 101 })},
		{"response-idle (SH-04)", timedOut(func(*record.Exchange) {})},
		{"response-idle, the client has got lull's response by then", timedOut(func(x *record.Exchange) { x.QuietDown = 0 })},
		{"response-idle in the middle of the answer (SH-05)", timedOut(func(x *record.Exchange) {
			x.Status, x.BackendStatus, x.AnswerTook, x.BytesDown, x.QuietDown = 200, 200, 51*time.Millisecond, 4096, x.QuietUp-time.Second
		})},
		{"request-idle (SH-03)", timedOut(func(x *record.Exchange) { cutBy(x, reason.RequestIdle, 408); x.BytesUp = 100 })},
		{"send-idle", timedOut(func(x *record.Exchange) {
			cutBy(x, reason.SendIdle, 200)
			x.BackendStatus, x.AnswerTook, x.BytesDown, x.QuietDown = 200, 51*time.Millisecond, 4096, x.QuietUp
		})},
		{"upload-unanswered (DI-04)", timedOut(func(x *record.Exchange) {
			cutBy(x, reason.UploadUnanswered, 408)
			x.TimerFlow, x.QuietUp, x.BytesUp = "down", 3*time.Millisecond, 61440
		})},
		{"download-unasked (DI-05)", timedOut(func(x *record.Exchange) {
			cutBy(x, reason.DownloadUnasked, 200)
			x.BackendStatus, x.TimerFlow, x.AnswerTook, x.BytesDown, x.QuietDown = 200, "up", 51*time.Millisecond, 1048576, time.Millisecond
		})},
		{"head-too-slow, never whole (PR-01)", timedOut(func(x *record.Exchange) {
			cutBy(x, reason.HeadTooSlow, 408)
			unsent(x)
			x.Method, x.Host, x.Target, x.HeadTook, x.BytesUp, x.QuietUp, x.Timer, x.ArmedAt = "", "", "", -1, 0, 400*time.Millisecond, "request_head", 0
		})},
		{"backend-closed on a pooled connection (SH-09, A6)", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BackendClosed, 504)
			x.Method, x.Took, x.AnswerTook, x.QuietDown, x.BytesDown, x.PoolUnused = "POST", 300*time.Microsecond, -1, -1, 0, 5*time.Second
		})},
		{"backend-closed on a pooled connection of OCI's model (O7)", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BackendClosed, 502)
			x.Method, x.Took, x.AnswerTook, x.QuietDown, x.BytesDown = "POST", 300*time.Microsecond, -1, -1, 0
			x.PoolTimer, x.PoolSetting, x.PoolUnused = "back_keepalive", 300*time.Second, 75*time.Second
		})},
		{"backend-closed on a fresh connection (SH-12)", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BackendClosed, 504)
			x.Reused, x.PoolUnused, x.ConnectTook, x.AnswerTook, x.QuietDown, x.BytesDown = false, 0, 310*time.Microsecond, -1, -1, 0
		})},
		{"backend-reset in the middle of the answer", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BackendReset, 200)
			x.BackendStatus = 200
		})},
		{"client-closed before the answer", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.ClientClosed, 0)
			x.Took, x.AnswerTook, x.QuietUp, x.QuietDown, x.BytesDown = 29*time.Second, -1, 29*time.Second, -1, 0
		})},
		{"connect-refused (TO-11)", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.ConnectRefused, 503)
			x.SentAfter, x.AnswerTook, x.QuietDown, x.BytesDown, x.Reused, x.Tries = -1, -1, -1, 0, false, 3
		})},
		{"no-backend", exchanged(func(x *record.Exchange) { cutBy(x, reason.NoBackend, 503); unsent(x) })},
		{"queue-timeout", timedOut(func(x *record.Exchange) {
			cutBy(x, reason.QueueTimeout, 503)
			unsent(x)
			x.QueueTook = time.Minute
		})},
		{"bad-request by a fault", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BadRequest, 400)
			unsent(x)
			x.Method, x.Host, x.Target, x.Fault, x.Desync = "", "", "", http1.LengthBad, http1.WhyBadContentLength
		})},
		{"bad-request by the desync mode", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BadRequest, 400)
			unsent(x)
			x.Desync = http1.WhyBothPresent
		})},
		{"bad-response", exchanged(func(x *record.Exchange) {
			cutBy(x, reason.BadResponse, 502)
			x.Fault, x.BytesDown = http1.StatusBad, 0
		})},
		{"shutdown before the answer", timedOut(func(x *record.Exchange) {
			cutBy(x, reason.Shutdown, 0)
			x.Timer, x.Setting = "drain", 30*time.Second
		})},
		{"a target as long as a page", exchanged(func(x *record.Exchange) { x.Target = "/" + strings.Repeat("a", 4096) })},
		{"a target that tries to speak to the terminal", exchanged(func(x *record.Exchange) { x.Target = "/\x1b[31m\xc2\x9b\"\n" })},
	}
}

func connectionStories() []told {
	first, second, slow := admintest.Exchange(12, 1), admintest.Exchange(12, 2), admintest.TimedOut(12, 3)
	refused := first
	cutBy(&refused, reason.NoBackend, 503)
	unsent(&refused)
	left := second
	cutBy(&left, reason.ClientClosed, 0)
	left.AnswerTook, left.BytesDown = -1, 0
	firstRequest := admintest.HTTPLive(12, 1)
	firstRequest.State, firstRequest.Why, firstRequest.QuietUp = "answer", reason.ResponseIdle, 47600*time.Millisecond
	many := []record.Exchange{}
	for n := 1; n <= 5; n++ {
		x := refused
		x.Number = n
		many = append(many, x)
	}
	return []told{
		{"connection, client-idle, all exchanges remembered", httpClosed(2, func(*record.Close) {}, first, second)},
		{"connection, client-idle in OCI's model (DI-09), none remembered", httpClosed(7, func(c *record.Close) {
			c.Timer, c.Setting = "front_keepalive", 65*time.Second
		})},
		{"connection, no request", httpClosed(0, func(*record.Close) {})},
		{"connection, ended by its last exchange", httpClosed(3, func(c *record.Close) {
			c.Reason, c.Side = reason.ResponseIdle, reason.BackEnd
		}, first, slow)},
		{"connection, ended by its last exchange, which is not remembered", httpClosed(4, func(c *record.Close) {
			c.Reason, c.Side = reason.ResponseIdle, reason.BackEnd
		}, slow)},
		{"connection, its last exchange went wrong, but it ended later", httpClosed(3, func(*record.Close) {}, second, slow)},
		{"connection, only the last of many wrong ones in full", httpClosed(5, func(c *record.Close) {
			endedBy(c, reason.ClientClosed)
		}, many...)},
		{"connection, client gone before the answer", httpClosed(2, func(c *record.Close) {
			endedBy(c, reason.ClientClosed)
		}, first, left)},
		{"connection, request-cap (DI-10)", httpClosed(10000, func(c *record.Close) { endedBy(c, reason.RequestCap) })},
		{"connection, close-agreed, response not taken", httpClosed(1, func(c *record.Close) {
			endedBy(c, reason.CloseAgreed)
			c.PendingDown = 4096
		}, first)},
		{"connection, ambiguous-request", httpClosed(1, func(c *record.Close) { endedBy(c, reason.AmbiguousRequest) })},
		{"connection forgotten", storyOfForgotten([]record.Exchange{slow})},
		{"websocket, backend silent (DI-06, O17)", httpClosed(1, func(c *record.Close) {
			tunnelled(c, "down")
			c.QuietUp = time.Second
		})},
		{"websocket, client silent (DI-07, O18)", httpClosed(1, func(c *record.Close) {
			tunnelled(c, "up")
			c.QuietDown = time.Second
		})},
		{"live, waiting", httpLive("waiting", reason.ClientIdle, "", first)},
		{"live, first request", storyOfLive(&firstRequest, nil, admintest.Opened.Add(firstRequest.Age))},
		{"live, head", httpLive("head", reason.HeadTooSlow, "")},
		{"live, queued", httpLive("queued", reason.QueueTimeout, "")},
		{"live, connecting", httpLive("connecting", reason.ConnectTimeout, "")},
		{"live, request", httpLive("request", reason.RequestIdle, "up")},
		{"live, answer", httpLive("answer", reason.ResponseIdle, "")},
		{"live, response", httpLive("response", reason.DownloadUnasked, "up")},
		{"live, websocket", httpLive("relaying", reason.TunnelIdle, "down")},
	}
}

func pooledStories() []told {
	pooled := func(change func(*record.Close)) []string {
		c := admintest.PooledClose(77)
		change(&c)
		return storyOfClose(&c, nil, nil)
	}
	l := admintest.PooledLive(77)
	return []told{
		{"pooled, backend-closed-idle (SH-08, A6)", pooled(func(*record.Close) {})},
		{"pooled, backend-closed-idle in OCI's model (O7)", pooled(func(c *record.Close) {
			c.PoolTimer, c.PoolSetting, c.QuietUp, c.QuietDown = "back_keepalive", 300*time.Second, 75*time.Second, 75*time.Second
		})},
		{"pooled, backend-closed-idle, setting unknown, never used", pooled(func(c *record.Close) {
			c.PoolTimer, c.PoolSetting, c.Exchanges = "", 0, 0
			c.Age, c.QuietUp, c.QuietDown = 20*time.Second, -1, -1
		})},
		{"pooled, pool-idle (SH-07)", pooled(func(c *record.Close) {
			c.QuietUp, c.QuietDown = time.Minute+20*time.Millisecond, time.Minute
			firedBy(c, reason.PoolIdle, "idle", time.Minute)
			c.ArmedAt, c.Late = 9052*time.Millisecond, 300*time.Microsecond
		})},
		{"pooled, live", storyOfLive(&l, nil, admintest.Opened.Add(l.Age))},
	}
}

// TestKeepaliveAdvice: what the two clouds ask of backends (A6, O7), as a number.
func TestKeepaliveAdvice(t *testing.T) {
	t.Parallel()
	e := admintest.PooledClose(1).Ends
	for _, tt := range []struct {
		timer   string
		setting time.Duration
		want    string
	}{
		{"idle", time.Minute, "of backend app1:8080 above 60s"},
		{"back_keepalive", 300 * time.Second, "of backend app1:8080 to 310s or more"},
		{"", 0, "of backend app1:8080 above lull's own"},
	} {
		if got := keepaliveAdvice(&e, tt.timer, tt.setting); !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q in it", tt.timer, got, tt.want)
		}
	}
}

// TestStoriesSayNothingToTheTerminal: what a client made up is shown in printable ASCII.
func TestStoriesSayNothingToTheTerminal(t *testing.T) {
	t.Parallel()
	x := admintest.TimedOut(12, 1)
	x.Method, x.Host, x.Target, x.UserAgent = "G\x1b[2J", "h\r\n", "/\xc2\x9b31m\x07", "\x1b]0;x\x07"
	c := admintest.HTTPClose(12, 1)
	for _, sentence := range append(storyOfExchange(&x), storyOfClose(&c, []record.Exchange{x}, nil)...) {
		if odd := strings.IndexFunc(sentence, func(r rune) bool { return r < ' ' || r > '~' }); odd >= 0 {
			t.Errorf("%q has something unprintable at %d", sentence, odd)
		}
	}
}
