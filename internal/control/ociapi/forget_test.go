package ociapi

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"lull/internal/control/ociapi/wire"
)

// workOf returns a state of n work requests, of which those that done says are done at a time.
func workOf(n int, at time.Time, done func(i int) bool) *workState {
	ws := &workState{}
	for i := range n {
		w := &workRequest{ID: fmt.Sprint(i), Sequence: uint64(i), LoadBalancerID: fmt.Sprint(i % 7), Token: &retryToken{Token: fmt.Sprint(i)}} //nolint:gosec // small
		if w.Finished = at; !done(i) {
			w.Task = &task{}
		}
		ws.put(w)
	}
	return ws
}

// TestForgetting: the old go, and the oldest when there are too many, never what is not done.
func TestForgetting(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	all := func(int) bool { return true }
	for _, c := range []struct {
		name  string
		n     int
		at    time.Time
		done  func(int) bool
		first string // that is forgotten
		want  int
	}{
		{"new", 100, now.Add(-tokenLife), all, "", 0},
		{"old", 100, now.Add(-tokenLife - 1), all, "0", workForgetMax},
		{"few-old", 10, now.Add(-tokenLife - 1), all, "0", 10},
		{"old-undone", 100, now.Add(-tokenLife - 1), func(i int) bool { return i > 90 }, "91", 9},
		{"nearly-many", workMax - 1, now, all, "", 0},
		{"many", workMax, now, all, "0", workForgetMax},
		{"many-undone", workMax, now, func(i int) bool { return i >= workMax-2 }, fmt.Sprint(workMax - 2), 2},
	} {
		ws := workOf(c.n, c.at, c.done)
		keys := ws.forgetting(now)
		if len(keys) != c.want || c.want > 0 && keys[0] != workPrefix+c.first {
			t.Errorf("%s: got %d, want %d from %s on: %v", c.name, len(keys), c.want, c.first, keys)
		}
		listed := 0
		for _, list := range ws.byBalancer.all() {
			listed += len(list)
		}
		if left := c.n - c.want; ws.byID.len() != left || ws.byToken.len() != left || len(ws.order) != left || listed != left {
			t.Errorf("%s: got %d, %d and %d left, want %d", c.name, ws.byID.len(), ws.byToken.len(), listed, left)
		}
	}
}

// TestRoom_API_18: nothing is accepted past the bounds of what waits.
func TestRoom_API_18(t *testing.T) {
	t.Parallel()
	body := func(n int) *workRequest { return &workRequest{Task: &task{Body: make(json.RawMessage, n)}} }
	s := &Service{queue: []*workRequest{body(queueBytesMax - 1000)}}
	few := workOf(1, time.Time{}, func(int) bool { return false })
	full := workOf(workMax, time.Time{}, func(int) bool { return false })
	for _, c := range []struct {
		name string
		work *workState
		w    *workRequest
		fits bool
	}{{"fits", few, body(1000), true}, {"too-many-bytes", few, body(1001), false}, {"too-many", full, body(0), false}} {
		err := s.room(c.work, c.w)
		if refused, ok := err.(*wire.Error); c.fits && err != nil || !c.fits && (!ok || refused.Code != wire.TooManyRequests) { //nolint:errorlint // refuse's own type
			t.Errorf("%s: got %v", c.name, err)
		}
	}
}

// BenchmarkPut makes the next state of a service with as many work requests as there may be, which each change does three times.
func BenchmarkPut(b *testing.B) {
	ws := workOf(workMax-1, time.Time{}, func(int) bool { return true })
	w := *ws.byID.get("77")
	b.ReportAllocs()
	for b.Loop() {
		next := ws.clone()
		next.put(&w)
		ws = next
	}
}
