package admin

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// end does what a loop does with exchanges that end: it appends all of them while they are wanted, otherwise only those
// that went wrong.
func end(exchanges *record.Exchanges, xs ...record.Exchange) {
	for i := range xs {
		if exchanges.Followed() || xs[i].Troubled() {
			exchanges.Append(xs[i : i+1])
		}
	}
}

// nameOf writes the id of an event as people do: "12", "12/3", and "pooled 77".
func nameOf(t *testing.T, line string) string {
	t.Helper()
	var e struct {
		Kind   string
		ID     json.Number
		Number json.Number
	}
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	switch e.Kind {
	case "exchange":
		return e.ID.String() + "/" + e.Number.String()
	case "pooled":
		return "pooled " + e.ID.String()
	}
	return e.ID.String()
}

// wantEvents fails unless the events that come first are those.
func wantEvents(t *testing.T, c *Client, name string, q EventQuery, want ...string) {
	t.Helper()
	next, stop := events(t, c, q)
	for _, w := range want {
		if got := nameOf(t, next()); got != w {
			t.Errorf("%s: event of %s, want %s", name, got, w)
		}
	}
	if err := stop(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// mixed is a data plane in which some of everything has ended, in this order: 12/3, 12, pooled 77, 21/1, 21 and the TCP
// connection 30. With every exchange remembered it begins with 12/1 and 12/2.
func mixed(every bool) *admintest.Engine {
	engine := &admintest.Engine{}
	if every {
		defer engine.Requests.Want()()
	}
	end(&engine.Requests, admintest.Exchange(12, 1), admintest.Exchange(12, 2), admintest.TimedOut(12, 3))
	conn := admintest.HTTPClose(12, 3)
	conn.Closed = admintest.Opened.Add(2 * time.Minute)
	pooled := admintest.PooledClose(77)
	pooled.Closed = conn.Closed.Add(time.Second)
	other := admintest.TimedOut(21, 1)
	other.Ends.Listener, other.Reason = "other", reason.NoBackend
	other.Ended = pooled.Closed.Add(time.Second)
	otherConn := admintest.HTTPClose(21, 1)
	otherConn.Ends.Listener, otherConn.Closed = "other", other.Ended
	tcp := admintest.Close(30)
	tcp.Closed = other.Ended.Add(time.Second)
	end(&engine.Requests, other)
	engine.Ended.Append([]record.Close{conn, pooled, otherConn, tcp})
	return engine
}

// TestEventsOfEveryKind is the event stream's part of TO-07 for exchanges.
func TestEventsOfEveryKind(t *testing.T) {
	t.Parallel()
	_, path := serve(t, mixed(true))
	c := dial(t, path)
	all := EventQuery{Since: "all"}
	wantEvents(t, c, "troubled", all, "12/3", "12", "pooled 77", "21/1", "21", "30")
	every := all
	every.Exchanges = true
	wantEvents(t, c, "every", every, "12/1", "12/2", "12/3", "12", "pooled 77", "21/1", "21", "30")
	for _, tt := range []struct {
		name string
		q    EventQuery
		want []string
	}{
		{"reason", EventQuery{Reasons: []string{"response-idle", "backend-closed-idle", "completed"}}, []string{"12/1", "12/2", "12/3", "pooled 77"}},
		{"listener", EventQuery{Filter: Filter{Listener: "web/other"}}, []string{"21/1", "21"}},
		{"backend", EventQuery{Filter: Filter{Backend: "db1"}}, []string{"30"}},
		{"client", EventQuery{Filter: Filter{Client: "198.51.100.0/24", Listener: "front"}}, []string{"12/1", "12/2", "12/3", "12"}},
		{"since-conn", EventQuery{Since: "12"}, []string{"pooled 77", "21/1", "21"}},
		{"since-other-conn", EventQuery{Since: "21"}, []string{"30"}},
		{"since-exchange", EventQuery{Since: "12/2"}, []string{"12/3", "12", "pooled 77"}},
		{"since-last-exchange", EventQuery{Since: "21/1"}, []string{"21", "30"}},
	} {
		tt.q.Exchanges = true
		if tt.q.Since == "" {
			tt.q.Since = "all"
		}
		wantEvents(t, c, tt.name, tt.q, tt.want...)
	}
	if status, body := get(t, path, "/lull/v1/events?exchanges=some"); status != http.StatusBadRequest || !strings.Contains(body, "must be all or troubled") {
		t.Errorf("exchanges=some: %d %s, want 400", status, body)
	}
}

// TestEventsThatAreAskedForAreRemembered has nobody else want every exchange.
func TestEventsThatAreAskedForAreRemembered(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	_, path := serve(t, engine)
	if engine.Requests.Followed() {
		t.Error("every exchange is remembered, and nobody asked")
	}
	end(&engine.Requests, admintest.Exchange(12, 1))
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /lull/v1/events?exchanges=all HTTP/1.1\r\nHost: lull\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	end(&engine.Requests, admintest.Exchange(12, 2)) // the head is here, so the stream's place is taken
	var e Exchange
	if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.ID != 12 || e.Number != 2 {
		t.Errorf("event of %d/%d, %v, want 12/2", e.ID, e.Number, err)
	}
	_ = conn.Close()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); engine.Requests.Followed(); <-tick.C {
		if time.Since(begin) > 5*time.Second {
			t.Fatal("every exchange is still remembered 5 s after the reader left")
		}
	}
	end(&engine.Requests, admintest.Exchange(12, 3), admintest.TimedOut(12, 4))
	wantEvents(t, dial(t, path), "troubled", EventQuery{Since: "all"}, "12/4")
}

// TestLongEventsReachTheReader: the longest line that a client can make lull write fits the reader.
func TestLongEventsReachTheReader(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	x := admintest.TimedOut(12, 1)
	worst := strings.Repeat("\xff", 4*record.TextMax)
	x.Method, x.Host, x.Target, x.UserAgent, x.Forwarded = worst, worst, worst, worst, worst
	x.TLS.Front = record.TLS{Version: tls.VersionTLS13, ServerName: worst, Subject: worst}
	x.TLS.Back, x.TLS.Fault = x.TLS.Front, worst
	end(&engine.Requests, x)
	_, path := serve(t, engine)
	wantEvents(t, dial(t, path), "long", EventQuery{Since: "all"}, "12/1")
}

func TestExplainHTTP(t *testing.T) {
	t.Parallel()
	engine := mixed(true)
	engine.Open = append(lives(3), admintest.HTTPLive(40, 2), admintest.PooledLive(41))
	end(&engine.Requests, admintest.TimedOut(40, 1), admintest.TimedOut(50, 4))
	_, path := serve(t, engine)
	c := dial(t, path)
	for _, tt := range []struct {
		name      string
		id        uint64
		number    int
		open      bool
		ended     bool
		exchanges []int
		story     string
	}{
		{"ended", 12, 0, false, true, []int{1, 2, 3}, "Exchange 2 began at 10:00:02.123: GET www.example.com/a?b=c HTTP/1.1; backend app1:8080 answered 200"},
		{"open", 40, 0, true, false, []int{1}, "It closes in 12.4 s: client-idle (idle 60s), unless a request begins before."},
		{"forgotten", 50, 0, false, false, []int{4}, "the connection itself is not remembered any more."},
		{"pooled", 77, 0, false, true, nil, "set the keep-alive time of backend app1:8080 above 60s"},
		{"pooled-open", 41, 0, true, false, nil, "It closes in 48.0 s: pool-idle (idle 60s), unless a request uses it before."},
		{"exchange", 12, 2, false, false, []int{2}, "The client got the backend's 200 with 5,120 bytes of body."},
		{"troubled-exchange", 12, 3, false, false, []int{3}, "The timer `idle`, set to 60s, was last armed 0.07 ms after the request began"},
	} {
		e, err := c.Explain(t.Context(), tt.id, tt.number)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var numbers []int
		for i := range e.Exchanges {
			numbers = append(numbers, e.Exchanges[i].Number)
		}
		if e.ID != tt.id || e.Number != tt.number || e.Open != tt.open || (e.Conn != nil) != tt.open || (e.Event != nil) != tt.ended || !slices.Equal(numbers, tt.exchanges) {
			t.Errorf("%s: %+v with exchanges %v, want %+v", tt.name, e, numbers, tt)
		}
		if !strings.Contains(strings.Join(e.Story, "\n"), tt.story) {
			t.Errorf("%s: want %q in\n%s", tt.name, tt.story, strings.Join(e.Story, "\n"))
		}
	}
}

func TestExplainRefusesUnknownExchanges(t *testing.T) {
	t.Parallel()
	_, path := serve(t, mixed(false))
	for target, want := range map[string]string{
		"12/1": "exchange 12/1 has not ended, or is not remembered: of exchanges the last 16384 are, and unless an access log",
		"99/1": "exchange 99/1 has not ended",
	} {
		if status, body := get(t, path, "/lull/v1/explain/"+target); status != http.StatusNotFound || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want 404 and %q", target, status, body, want)
		}
	}
	for _, target := range []string{"12/0", "12/-1", "12/x", "x/1", "12/99999999999"} {
		if status, body := get(t, path, "/lull/v1/explain/"+target); status != http.StatusBadRequest || !strings.Contains(body, "such as 12/3") {
			t.Errorf("%s: %d %s, want 400", target, status, body)
		}
	}
}

// TestExplainIsBounded has more exchanges remembered than anybody reads: those that went wrong are not crowded out.
func TestExplainIsBounded(t *testing.T) {
	t.Parallel()
	engine := &admintest.Engine{}
	defer engine.Requests.Want()()
	for n := 1; n <= 4*exchangesMost; n++ {
		if n <= 2 {
			end(&engine.Requests, admintest.TimedOut(12, n))
		} else {
			end(&engine.Requests, admintest.Exchange(12, n))
		}
	}
	engine.Ended.Append([]record.Close{admintest.HTTPClose(12, 4*exchangesMost)})
	_, path := serve(t, engine)
	e, err := dial(t, path).Explain(t.Context(), 12, 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(e.Exchanges); n != exchangesMost+2 || e.Exchanges[0].Number != 1 || e.Exchanges[n-1].Number != 4*exchangesMost {
		t.Errorf("%d exchanges, want the first two and the last %d", n, exchangesMost)
	}
}

func TestConnsOfHTTP(t *testing.T) {
	t.Parallel()
	_, path := serve(t, &admintest.Engine{Open: []record.Live{admintest.HTTPLive(1, 3), admintest.PooledLive(2), admintest.Live(3)}})
	var kinds []string
	err := dial(t, path).Conns(t.Context(), Filter{}, func(c *Conn) error {
		kinds = append(kinds, c.Kind)
		if c.Pooled() != (c.ID == 2) || c.ID == 1 && c.Exchanges != 3 {
			t.Errorf("connection %d: pooled %t, %d exchanges", c.ID, c.Pooled(), c.Exchanges)
		}
		return nil
	})
	if want := []string{"connection", "pooled", "connection"}; err != nil || !slices.Equal(kinds, want) {
		t.Errorf("kinds %v, %v, want %v", kinds, err, want)
	}
}
