package admin

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/accesslog"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/stats"
)

// object decodes JSON into a map.
func object(t *testing.T, text []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return m
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// fullClose has every field set, so that every key is in its line.
func fullClose() record.Close {
	c := admintest.Close(12)
	c.HalfClosed, c.PendingUp, c.PendingDown, c.Exchanges, c.Upgraded = "client", 3, 4, 5, true
	c.TimerFlow, c.PoolTimer, c.PoolSetting = "up", "idle", time.Minute
	c.TLS = admintest.Secured()
	return c
}

// fullExchange has every field set.
func fullExchange() record.Exchange {
	x := admintest.TimedOut(12, 3)
	x.AnswerTook, x.FirstAfter, x.QuietDown, x.ConnectTook, x.QueueTook = time.Second, time.Second, time.Second, time.Second, time.Second
	x.BackendStatus, x.Upgraded, x.Retried, x.TimerFlow = 200, true, true, "down"
	x.Fault, x.Desync, x.TLS = http1.LengthBad, http1.WhyBadContentLength, admintest.Secured()
	return x
}

func closeLine(c *record.Close) []byte { return accesslog.JSON.Append(nil, record.Entry{Close: c}) }

func exchangeLine(x *record.Exchange) []byte {
	return accesslog.JSON.Append(nil, record.Entry{Exchange: x})
}

// wantSameKeys decodes a line of the log into a document, which must know every key and lose none.
func wantSameKeys(t *testing.T, line []byte, into any) {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	got, want := object(t, marshal(t, into)), object(t, line)
	for _, key := range []string{"time", "opened", "started"} { // the same instants with fewer zeros
		delete(got, key)
		delete(want, key)
	}
	if !maps.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

// TestEventDecodesTheLogLine keeps the two descriptions of an event together: no key of the line is unknown to Event,
// and none changes on the way through it.
func TestEventDecodesTheLogLine(t *testing.T) {
	t.Parallel()
	full, never, pooled := fullClose(), admintest.Close(13), admintest.PooledClose(14)
	unreached(&never, 2)
	endedBy(&never, reason.ConnectRefused)
	for _, c := range []record.Close{full, never, pooled} {
		var e Event
		wantSameKeys(t, closeLine(&c), &e)
		if !e.Time.Equal(c.Closed) || !e.Opened.Equal(c.Opened) {
			t.Errorf("times %v and %v, want %v and %v", e.Time, e.Opened, c.Closed, c.Opened)
		}
	}
	var lost Event
	if err := json.Unmarshal(accesslog.JSON.AppendLost(nil, time.Now(), 7), &lost); err != nil || lost.Lost != 7 {
		t.Errorf("a lost line decodes to %+v, %v, want 7 lost", lost, err)
	}
}

func TestExchangeDecodesTheLogLine(t *testing.T) {
	t.Parallel()
	headless := admintest.Exchange(12, 1)
	headless.Method, headless.Scheme, headless.Host, headless.Target, headless.UserAgent, headless.Forwarded = "", "", "", "", "", ""
	headless.Status, headless.HeadTook = 0, -1
	for _, x := range []record.Exchange{fullExchange(), admintest.Exchange(12, 2), headless} {
		var e Exchange
		wantSameKeys(t, exchangeLine(&x), &e)
		if !e.Time.Equal(x.Ended) || !e.Started.Equal(x.Started) {
			t.Errorf("times %v and %v, want %v and %v", e.Time, e.Started, x.Ended, x.Started)
		}
	}
}

// TestConnSharesTheKeysOfEvent: what a live connection and an ended one both have is called and written alike.
func TestConnSharesTheKeysOfEvent(t *testing.T) {
	t.Parallel()
	c := fullClose()
	l := record.Live{ID: c.ID, Ends: c.Ends, State: "relaying", TLS: c.TLS, Age: c.Age, Traffic: c.Traffic,
		Timer: c.Timer, TimerFlow: c.TimerFlow, Setting: c.Setting, Why: c.Reason, FiresIn: 1500 * time.Millisecond}
	conn := connOf(&l)
	got, want := object(t, marshal(t, &conn)), object(t, closeLine(&c))
	for key, value := range map[string]any{"state": "relaying", "closes_as": "tunnel-idle", "closes_in_s": 1.5} {
		if got[key] != value {
			t.Errorf("%s is %v, want %v", key, got[key], value)
		}
		delete(got, key)
	}
	for _, key := range []string{"time", "opened", "reason", "side", "error", "armed_at_s", "late_s", "pool_timer", "pool_setting_s"} {
		delete(want, key)
	}
	if !maps.Equal(got, want) {
		t.Errorf("\n got %v\nwant %v", got, want)
	}
}

func TestConnLeavesOutWhatNeverHappened(t *testing.T) {
	t.Parallel()
	l := admintest.Live(3)
	l.Traffic, l.State = admintest.Never(0), "lingering"
	l.Ends.Backend, l.Timer, l.Why = "", "linger", reason.None
	conn := connOf(&l)
	m := object(t, marshal(t, &conn))
	for _, key := range []string{"quiet_up_s", "quiet_down_s", "first_up_s", "first_down_s", "connect_s", "connected_at_s", "backend",
		"closes_as", "half_closed", "tls_version", "tls_cipher", "tls_resumed", "tls_handshake_s", "tls_server_name", "tls_client_subject",
		"backend_tls_version", "backend_tls_cipher", "backend_tls_resumed", "backend_tls_handshake_s", "backend_tls_server_name",
		"backend_tls_subject", "tls_fault"} {
		if v, ok := m[key]; ok {
			t.Errorf("%s is %v, want it absent", key, v)
		}
	}
	l.Timer = ""
	conn = connOf(&l)
	m = object(t, marshal(t, &conn))
	for _, key := range []string{"timer", "setting_s", "closes_in_s"} {
		if v, ok := m[key]; ok {
			t.Errorf("without a timer %s is %v, want it absent", key, v)
		}
	}
}

func TestSecondsDuration(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{0, time.Microsecond, 412 * time.Microsecond, 12400 * time.Millisecond, 3*time.Hour + time.Millisecond} {
		if got := secondsOf(d, time.Microsecond).Duration(); got != d {
			t.Errorf("%v came back as %v", d, got)
		}
	}
}

func sampleStats() stats.Snapshot {
	l := stats.ListenerTotals{
		Key: plan.ListenerKey{LoadBalancer: "web", Name: "pg"}, Address: "192.0.2.10:5432",
		Accepted: 9, Active: 4, BytesUp: 10, BytesDown: 20,
	}
	l.Closes[reason.TunnelIdle] = 3
	l.Closes[reason.ClientClosed] = 2
	web := stats.ListenerTotals{Key: plan.ListenerKey{LoadBalancer: "web", Name: "front"}, Protocol: plan.HTTP, Address: "192.0.2.10:8000"}
	web.HTTPTotals = stats.HTTPTotals{Requests: 7, Reused: 5, Retries: 2, RetriesRefused: 1, Noncompliant: 3, Queued: 4}
	web.Ends[reason.Completed], web.PoolCloses[reason.BackendClosedIdle] = 6, 2
	web.BackendStatus[2], web.OwnStatus[5] = 6, 1
	web.Secure = true
	web.TLSTotals = stats.TLSTotals{Handshakes: 5, Resumed: 4, Untrusted: 6, BackHandshakes: 3, BackResumed: 2, BackFailed: 1}
	return stats.Snapshot{
		Listeners: []stats.ListenerTotals{l, web},
		Backends: []stats.BackendTotals{{
			Key:    plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: "app"}, Host: "2001:db8::1", Port: 5432},
			Detail: "connection refused", Active: 4, Conns: 6, ClosedIdle: 2, Connects: 9, ConnectFails: 1,
		}},
		Loops:          []stats.LoopTotals{{Loop: 1, Active: 4, AcceptPauses: 5, AcceptErrors: 6, HandedToOthers: 7, Turns: 8}},
		ConnectionsMax: 1000, Connections: 4, PlanRevision: 2, RecordsAppended: 5, Pooled: 3,
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	s := sampleStats()
	const want = `{"connections":4,"connections_max":1000,"ended":5,"pooled":3,"plan_revision":2,` +
		`"listeners":[{"load_balancer":"web","listener":"pg","address":"192.0.2.10:5432","accepted":9,"active":4,"bytes_up":10,"bytes_down":20,"closes":{"client-closed":2,"tunnel-idle":3}},` +
		`{"load_balancer":"web","listener":"front","address":"192.0.2.10:8000","accepted":0,"active":0,"bytes_up":0,"bytes_down":0,"closes":{},"http":{"requests":7,"ends":{"completed":6},` +
		`"backend_responses":{"2xx":6},"own_responses":{"5xx":1},"reused":5,"retries":2,"retries_refused":1,"noncompliant":3,"queued":4,"pool_closes":{"backend-closed-idle":2}},` +
		`"tls":{"handshakes":5,"resumed":4,"untrusted":6,"backend_handshakes":3,"backend_resumed":2,"backend_failed":1}}],` +
		`"backends":[{"load_balancer":"web","backend_set":"app","backend":"[2001:db8::1]:5432","up":false,"detail":"connection refused","active":4,"http_connections":6,"closed_idle":2,"connects":9,"connect_failures":1}],` +
		`"loops":[{"loop":1,"active":4,"accept_pauses":5,"accept_errors":6,"handed_to_others":7,"turns":8}]}`
	if got := string(marshal(t, statsOf(&s))); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	empty := stats.Snapshot{}
	for _, key := range []string{"listeners", "backends", "loops"} {
		if list, ok := object(t, marshal(t, statsOf(&empty)))[key].([]any); !ok || len(list) != 0 {
			t.Errorf("%s of nothing is %v, want an empty list", key, list)
		}
	}
}
