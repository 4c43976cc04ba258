package dataplane_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/lulltest"
)

// moody is a backend that does what the path says.
func moody(t *testing.T) *lulltest.HTTPServer {
	t.Helper()
	const head = "HTTP/1.1 200 OK\r\n"
	return lulltest.ServeHTTP(t, func(c *lulltest.HTTPConn, s lulltest.Seen) bool {
		switch s.URL.Path {
		case "/chunks":
			return c.Reply(head + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
		case "/none":
			return c.Reply("HTTP/1.1 204 No Content\r\n\r\n")
		case "/moved":
			return c.Reply("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n")
		case "/hints":
			return c.Reply(earlyHints + continuing + lulltest.Response("hello"))
		case "/last":
			c.Reply(lulltest.Response("hello", "Connection: close"))
			return false
		case "/until_close":
			c.Reply(head + "\r\nhello")
			return false
		case "/cut":
			c.Reply(head + "Content-Length: 10\r\n\r\nhello")
			return false
		case "/nonsense":
			c.Reply("HELLO\r\n\r\n")
			return false
		case "/gone":
			return false
		case "/upgrade":
			c.Reply(switching)
			_, _ = io.CopyN(c.Conn, c, 5)
			return false
		}
		return c.Reply(lulltest.Response("hello"))
	})
}

// acts are what a client can do on its connection; each returns whether another can follow, and an error if lull behaved badly.
//
//nolint:gochecknoglobals // the rows of a table
var acts = map[string]func(c *lulltest.Conn, in lulltest.Reader) (more bool, err error){
	"get":         asking("GET /ok HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 200, true),
	"head":        asking("HEAD /ok HTTP/1.1\r\nHost: a\r\n\r\n", "HEAD", 200, true),
	"chunks":      asking("GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 200, true),
	"none":        asking("GET /none HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 204, true),
	"moved":       asking("GET /moved HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 302, true),
	"hints":       asking("GET /hints HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 200, true),
	"last":        asking("GET /last HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 200, true),
	"until_close": asking("GET /until_close HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 200, true),
	"post":        asking("POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "POST", 200, true),
	"post_chunks": asking("POST /ok HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "POST", 200, true),
	"expecting":   asking(expecting+"hello", "POST", 200, true),
	"old":         asking("GET /chunks HTTP/1.0\r\n\r\n", "GET", 200, false),
	"old_kept":    asking("GET /ok HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET", 200, true),
	"closing":     asking("GET /ok HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET", 200, false),
	"bad":         asking("GET / HTTP/1.1\r\n\r\n", "GET", 400, false),
	"bad_body":    asking("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "POST", 400, false),
	"cut":         asking("GET /cut HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 200, false),
	"nonsense":    asking("GET /nonsense HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 502, false),
	"gone":        asking("GET /gone HTTP/1.1\r\nHost: a\r\n\r\n", "GET", 504, false),
	"waiting": func(c *lulltest.Conn, in lulltest.Reader) (bool, error) { // for lull's 100
		if _, err := io.WriteString(c, expecting); err != nil {
			return false, err
		}
		got := make([]byte, len(continuing))
		if _, err := io.ReadFull(in, got); err != nil || string(got) != continuing {
			return false, fmt.Errorf("got %q, %w; want a 100", got, err)
		}
		return asking("hello", "POST", 200, true)(c, in)
	},
	"upgrade": func(c *lulltest.Conn, in lulltest.Reader) (bool, error) {
		if _, err := asking(strings.Replace(upgrading, "/chat", "/upgrade", 1)+"he", "GET", 101, true)(c, in); err != nil {
			return false, err
		}
		if _, err := io.WriteString(c, "llo"); err != nil {
			return false, err
		}
		if got, err := io.ReadAll(in); string(got) != "hello" || err != nil {
			return false, fmt.Errorf("got %q, %w through the tunnel; want hello", got, err)
		}
		return false, nil
	},
	"cancel": func(c *lulltest.Conn, _ lulltest.Reader) (bool, error) {
		_, _ = io.WriteString(c, "POST /ok HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello")
		c.Reset()
		return false, nil
	},
	"half_head": func(c *lulltest.Conn, _ lulltest.Reader) (bool, error) {
		_, _ = io.WriteString(c, "GET /ok HTTP/1.1\r\nHo")
		_ = c.CloseWrite()
		return false, nil
	},
}

// asking sends something and wants a response with that status.
func asking(text, method string, status int, more bool) func(*lulltest.Conn, lulltest.Reader) (bool, error) {
	return func(c *lulltest.Conn, in lulltest.Reader) (bool, error) {
		if _, err := io.WriteString(c, text); err != nil {
			return false, err
		}
		a, err := in.Answer(method)
		if err == nil && a.StatusCode != status {
			err = fmt.Errorf("%.40q: got %s, want %d", text, a.Status, status)
		}
		return more, err
	}
}

// TestRecordsAddUp: whatever clients and backends do, each exchange and each connection has one record with figures that can
// be true, and the counters are the sums of the records.
func TestRecordsAddUp(t *testing.T) {
	t.Parallel()
	for _, loops := range []int{1, 2} {
		for name, most := range map[string]int{"": 0, "_crowded": 2} {
			t.Run(fmt.Sprintf("loops_%d%s", loops, name), func(t *testing.T) {
				t.Parallel()
				const clients, actsEach = 60, 12
				p := lulltest.HTTPPlan(timeout.Shared, moody(t).Addr)
				limited(most, clients)(p)
				e := startHTTP(t, loops, p)
				random := seeded(t)
				names := make([]string, 0, len(acts))
				for name := range acts {
					names = append(names, name)
				}
				conns, seeds := make([]*lulltest.Conn, clients), make([]uint64, clients)
				for i := range conns {
					conns[i], seeds[i] = lulltest.Dial(t, e.Local(lulltest.HTTPKey)), random.Uint64()
				}
				inParallel(clients, func(i int) {
					random := rand.New(rand.NewPCG(seeds[i], 0))
					in := lulltest.NewReader(conns[i])
					for more, n := true, 0; more && n < actsEach; n++ {
						name := names[random.IntN(len(names))]
						var err error
						_ = conns[i].SetReadDeadline(time.Now().Add(lulltest.Patience))
						if more, err = acts[name](conns[i], in); err != nil {
							t.Errorf("client %d, %s: %v", i, name, err)
						}
					}
					_ = conns[i].Close()
				})
				if !lulltest.Eventually(func() bool { l, _ := totalsOf(e, lulltest.HTTPKey); return l.Active == 0 }) {
					t.Fatalf("connections are still open")
				}
				addUp(t, e, clients)
			})
		}
	}
}

// addUp holds the counters of the listener against the records.
func addUp(t *testing.T, e *lulltest.Engine, clients int) {
	t.Helper()
	var want stats.ListenerTotals
	exchanges := map[uint64]map[int]bool{}
	for _, x := range lulltest.Recorded(&e.Exchanges().Ring) {
		if exchanges[x.Conn] == nil {
			exchanges[x.Conn] = map[int]bool{}
		}
		if exchanges[x.Conn][x.Number] {
			t.Errorf("exchange %d of connection %d has two records", x.Number, x.Conn)
		}
		exchanges[x.Conn][x.Number] = true
		if err := plausible(&x); err != nil {
			t.Errorf("%s %s, %v with %d from %d: %v\n\t%+v", x.Method, x.Target, x.Reason, x.Status, x.BackendStatus, err, x)
		}
		tally(&want, &x)
	}
	seen := map[uint64]bool{}
	for _, r := range lulltest.Recorded(&e.Log().Ring) {
		if seen[r.ID] {
			t.Errorf("connection %d has two records", r.ID)
		}
		seen[r.ID] = true
		if r.Pooled {
			want.PoolCloses[r.Reason]++
			continue
		}
		want.Closes[r.Reason]++
		want.Accepted++
		if len(exchanges[r.ID]) != r.Exchanges || !exchanges[r.ID][r.Exchanges] && r.Exchanges > 0 {
			t.Errorf("connection %d: got %d exchanges with the records %v", r.ID, r.Exchanges, exchanges[r.ID])
		}
		if r.Age < 0 || r.Closed.Before(r.Opened) || r.Reason == reason.None || r.Side != r.Reason.Info().Side {
			t.Errorf("connection %d: got %v by %v after %v, from %v to %v", r.ID, r.Reason, r.Side, r.Age, r.Opened, r.Closed)
		}
	}
	got, _ := totalsOf(e, lulltest.HTTPKey)
	if got.BytesUp < want.BytesUp || got.BytesDown < want.BytesDown {
		t.Errorf("bytes: got %d up and %d down, want at least the bodies' %d and %d", got.BytesUp, got.BytesDown, want.BytesUp, want.BytesDown)
	}
	if got.Queued > want.Queued {
		t.Errorf("queued: got %d, want no more than the %d that waited, of which some only waited for a connection", got.Queued, want.Queued)
	}
	want.Key, want.Set, want.Protocol, want.Address, want.BytesUp, want.BytesDown = got.Key, got.Set, got.Protocol, got.Address, got.BytesUp, got.BytesDown
	want.Queued, want.Noncompliant = got.Queued, got.Noncompliant
	if got.Routed > got.Requests || got.Latency.Count() > got.Routed+got.Retries || got.Unheard > got.Ends[reason.ClientClosed]+got.Ends[reason.ClientReset] {
		t.Errorf("got %d routed of %d requests, %d of them answered, %d that nobody heard", got.Routed, got.Requests, got.Latency.Count(), got.Unheard)
	}
	want.Routed, want.Latency, want.Gaps, want.Unheard = got.Routed, got.Latency, got.Gaps, got.Unheard // times are in no record
	if !reflect.DeepEqual(got, want) || got.Accepted != uint64(clients) {
		t.Errorf("counters: got\n\t%+v, want what the records say of %d connections,\n\t%+v", got, clients, want)
	}
	s := e.Stats()
	if b := s.Backends[0]; b.Active != 0 || b.Conns != int64(s.Pooled) || s.Connections != 0 {
		t.Errorf("afterwards: got %d exchanges, %d back-end connections, %d pooled, %d clients; want only pooled ones", b.Active, b.Conns, s.Pooled, s.Connections)
	}
}

// tally counts an exchange as its listener does.
func tally(l *stats.ListenerTotals, x *record.Exchange) {
	l.Ends[x.Reason]++
	l.BytesUp += x.BytesUp
	l.BytesDown += x.BytesDown
	if x.Method != "" {
		l.Requests++
	}
	if x.BackendStatus != 0 {
		l.BackendStatus[x.BackendStatus/100]++
	} else if x.Status != 0 {
		l.OwnStatus[x.Status/100]++
	}
	if x.Reused || x.Retried { // a connection that turned out stale was one that was reused
		l.Reused++
	}
	if x.Retried {
		l.Retries++
	}
	if x.QueueTook > 0 {
		l.Queued++
	}
}

// plausible says what cannot be true of an exchange.
func plausible(x *record.Exchange) error {
	never := time.Duration(-1)
	within := func(d time.Duration) bool { return d == never || d >= 0 && d <= x.Took }
	sent, answered := x.SentAfter != never, x.AnswerTook != never
	for what, wrong := range map[string]bool{
		"its times":           x.Took < 0 || x.Ended.Sub(x.Started) != x.Took || x.Number < 1,
		"a span":              !within(x.HeadTook) || !within(x.SentAfter) || !within(x.AnswerTook) || !within(x.FirstAfter) || !within(x.ConnectTook),
		"a silence":           !within(x.QuietUp) || !within(x.QuietDown) || x.QuietUp == never,
		"the head":            (x.HeadTook == never) != (x.Method == ""),
		"the order of events": sent && x.HeadTook == never || answered && !sent || sent && x.SentAfter < x.HeadTook,
		"the sum of spans":    x.SentAfter+max(x.AnswerTook, 0)+max(x.FirstAfter, 0) > x.Took,
		"the queue":           x.QueueTook < 0 || x.QueueTook > x.Took,
		"the connection":      sent && (x.Tries < 1 || x.Reused == (x.ConnectTook != never)) || x.Reused && x.Retried,
		"the backend":         sent && !x.Ends.BackendAddr.IsValid() || (x.Tries > 0) != (x.Ends.Backend != ""),
		"the status":          x.BackendStatus != 0 && x.Status != x.BackendStatus || x.BackendStatus != 0 && !answered,
		"its end":             x.Reason == reason.None || x.Side != x.Reason.Info().Side || x.Timer != "" || x.Reason == reason.Completed && x.BackendStatus < 200,
		"an upgrade":          x.Upgraded != (x.Status == 101),
		"a body from nobody":  x.BytesDown > 0 && x.BackendStatus == 0,
		"a body to nobody":    x.Method == "" && x.BytesUp > 0,
	} {
		if wrong {
			return errors.New(what + " cannot be so")
		}
	}
	return nil
}
