package admin

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
	"time"

	"lull/internal/control/admin/admintest"
	"lull/internal/dataplane/accesslog"
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
	c.HalfClosed, c.PendingUp, c.PendingDown, c.Exchanges = "client", 3, 4, 5
	return c
}

// TestEventDecodesTheLogLine keeps the two descriptions of an event together: no key of the line is unknown to Event,
// and none changes on the way through it.
func TestEventDecodesTheLogLine(t *testing.T) {
	t.Parallel()
	never := admintest.Close(13)
	unreached(&never, 2)
	endedBy(&never, reason.ConnectRefused)
	for name, c := range map[string]record.Close{"full": fullClose(), "never": never} {
		line := accesslog.AppendJSON(nil, &c)
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		var e Event
		if err := dec.Decode(&e); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, want := object(t, marshal(t, &e)), object(t, line)
		delete(got, "time") // the same instant with fewer zeros
		delete(want, "time")
		delete(got, "opened")
		delete(want, "opened")
		if !maps.Equal(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, want)
		}
		if !e.Time.Equal(c.Closed) || !e.Opened.Equal(c.Opened) {
			t.Errorf("%s: times %v and %v, want %v and %v", name, e.Time, e.Opened, c.Closed, c.Opened)
		}
	}
	var lost Event
	if err := json.Unmarshal(accesslog.AppendJSONLost(nil, time.Now(), 7), &lost); err != nil || lost.Lost != 7 {
		t.Errorf("a lost line decodes to %+v, %v, want 7 lost", lost, err)
	}
}

// TestConnSharesTheKeysOfEvent: what a live connection and an ended one both have is called and written alike.
func TestConnSharesTheKeysOfEvent(t *testing.T) {
	t.Parallel()
	c := fullClose()
	l := record.Live{ID: c.ID, Ends: c.Ends, State: "relaying", Age: c.Age, Traffic: c.Traffic,
		Timer: c.Timer, Setting: c.Setting, Why: c.Reason, FiresIn: 1500 * time.Millisecond}
	conn := connOf(&l)
	got, want := object(t, marshal(t, &conn)), object(t, accesslog.AppendJSON(nil, &c))
	for key, value := range map[string]any{"state": "relaying", "closes_as": "tunnel-idle", "closes_in_s": 1.5} {
		if got[key] != value {
			t.Errorf("%s is %v, want %v", key, got[key], value)
		}
		delete(got, key)
	}
	for _, key := range []string{"time", "opened", "reason", "side", "error", "armed_at_s", "late_s"} {
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
		"closes_as", "half_closed"} {
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
	return stats.Snapshot{
		Listeners: []stats.ListenerTotals{l},
		Backends: []stats.BackendTotals{{
			Key:    plan.BackendKey{Set: plan.SetKey{LoadBalancer: "web", Name: "app"}, Host: "2001:db8::1", Port: 5432},
			Detail: "connection refused", Active: 4, Connects: 9, ConnectFails: 1,
		}},
		Loops:          []stats.LoopTotals{{Loop: 1, Active: 4, AcceptPauses: 5, AcceptErrors: 6, HandedToOthers: 7, Turns: 8}},
		ConnectionsMax: 1000, Connections: 4, PlanRevision: 2, RecordsAppended: 5,
	}
}

func TestStats(t *testing.T) {
	t.Parallel()
	s := sampleStats()
	const want = `{"connections":4,"connections_max":1000,"ended":5,"plan_revision":2,` +
		`"listeners":[{"load_balancer":"web","listener":"pg","address":"192.0.2.10:5432","accepted":9,"active":4,"bytes_up":10,"bytes_down":20,"closes":{"client-closed":2,"tunnel-idle":3}}],` +
		`"backends":[{"load_balancer":"web","backend_set":"app","backend":"[2001:db8::1]:5432","up":false,"detail":"connection refused","active":4,"connects":9,"connect_failures":1}],` +
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
