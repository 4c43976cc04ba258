package record

import (
	"testing"

	"lull/internal/dataplane/reason"
)

// closes returns n records with the ids first, first+1, …
func closes(first, n uint64) []Close {
	cs := make([]Close, n)
	for i := range cs {
		cs[i].ID = first + uint64(i)
	}
	return cs
}

// exchanges returns n records of ordinary exchanges on the connections first, first+1, …
func exchanges(first, n uint64) []Exchange {
	xs := make([]Exchange, n)
	for i := range xs {
		xs[i] = Exchange{Conn: first + uint64(i), Reason: reason.Completed, Status: 200, BackendStatus: 200}
	}
	return xs
}

func TestLogRead(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		appended uint64
		from     uint64
		room     int
		n        int
		first    uint64
		next     uint64
		lost     uint64
	}{
		{name: "empty", room: 4},
		{name: "all", appended: 3, room: 4, n: 3, first: 1, next: 3},
		{name: "room-short", appended: 9, room: 4, n: 4, first: 1, next: 4},
		{name: "from-the-middle", appended: 9, from: 7, room: 4, n: 2, first: 8, next: 9},
		{name: "nothing-new", appended: 9, from: 9, room: 4, next: 9},
		{name: "cursor-ahead", appended: 2, from: 5, room: 4, next: 5},
		{name: "no-room", appended: 2, next: 0},
		{name: "just-full", appended: logMax, room: 2, n: 2, first: 1, next: 2},
		{name: "one-forgotten", appended: logMax + 1, room: 2, n: 2, first: 2, next: 3, lost: 1},
		{name: "twice-round", appended: 2*logMax + 7, from: 5, room: 2, n: 2, first: logMax + 8, next: logMax + 9, lost: logMax + 2},
		{name: "no-room-tells-oldest", appended: logMax + 5, next: 5, lost: 5},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l Log
			l.Append(closes(1, tt.appended))
			dst := make([]Close, tt.room)
			n, next, lost := l.Read(tt.from, dst)
			if n != tt.n || next != tt.next || lost != tt.lost {
				t.Fatalf("Read(%d) = %d, %d, %d, want %d, %d, %d", tt.from, n, next, lost, tt.n, tt.next, tt.lost)
			}
			for i := range n {
				if want := tt.first + uint64(i); dst[i].ID != want {
					t.Errorf("record %d has id %d, want %d", i, dst[i].ID, want)
				}
			}
		})
	}
}

func TestLogFind(t *testing.T) {
	t.Parallel()
	var l Log
	l.Append(closes(1, logMax+10))
	for id, want := range map[uint64]bool{0: false, 10: false, 11: true, logMax + 10: true, logMax + 11: false} {
		c, ok := l.Find(id)
		if ok != want || ok && c.ID != id {
			t.Errorf("Find(%d) = id %d, %t, want %t", id, c.ID, ok, want)
		}
	}
}

func TestLogSeek(t *testing.T) {
	t.Parallel()
	var l Log
	if _, ok := l.Seek(func(*Close) bool { return true }); ok {
		t.Error("Seek in an empty log found something")
	}
	l.Append(closes(1, logMax+300))
	for _, id := range []uint64{301, 302, 300 + readBatch, logMax, logMax + 300} {
		cursor, ok := l.Seek(func(c *Close) bool { return c.ID >= id })
		if !ok || cursor != id-1 {
			t.Errorf("Seek(id %d) = %d, %t, want %d, true", id, cursor, ok, id-1)
		}
	}
	if cursor, ok := l.Seek(func(c *Close) bool { return c.ID == 300 }); ok {
		t.Errorf("Seek of a forgotten record = %d, want none", cursor)
	}
}

// TestExchangesKeepTheTroubledOnes has a flood of good exchanges go by: what went wrong is still there.
func TestExchangesKeepTheTroubledOnes(t *testing.T) {
	t.Parallel()
	var e Exchanges
	bad := exchanges(7, 1)
	bad[0].Reason = reason.ResponseIdle
	own := exchanges(8, 1)
	own[0].Status, own[0].BackendStatus = 503, 0
	e.Append(append(bad, own...))
	for range 2 {
		e.Append(exchanges(100, logMax))
	}
	if _, ok := e.Seek(func(x *Exchange) bool { return x.Conn < 100 }); ok {
		t.Error("the memory of all exchanges has not gone round: the test floods it no more")
	}
	var got [3]Exchange
	n, _, _ := e.Troubled().Read(0, got[:])
	if n != 2 || got[0].Conn != 7 || got[1].Conn != 8 {
		t.Errorf("%d troubled exchanges, the first two of connections %d and %d, want 2, of 7 and 8", n, got[0].Conn, got[1].Conn)
	}
}

func TestExchangesAreFollowedUntilTheLastHasEnough(t *testing.T) {
	t.Parallel()
	var e Exchanges
	if e.Followed() {
		t.Error("followed by nobody and yet followed")
	}
	one, other := e.Want(), e.Want()
	one()
	one() // calling it twice must not let go for the other
	if !e.Followed() {
		t.Error("not followed any more, but one follower is left")
	}
	other()
	if e.Followed() {
		t.Error("still followed after the last had enough")
	}
}

func TestTroubled(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		x    Exchange
		want bool
	}{
		{"completed", Exchange{Reason: reason.Completed, Status: 200, BackendStatus: 200}, false},
		{"backend-says-500", Exchange{Reason: reason.Completed, Status: 500, BackendStatus: 500}, false},
		{"own-answer", Exchange{Reason: reason.Completed, Status: 400}, true},
		{"error", Exchange{Reason: reason.ResponseIdle, Status: 200, BackendStatus: 200}, true},
		{"client-left", Exchange{Reason: reason.ClientClosed, Method: "GET"}, false},
		{"redirected", Exchange{Reason: reason.Redirected, Method: "GET", Status: 302}, false},
		{"cut-by-backend", Exchange{Reason: reason.BackendClosed, Method: "GET", Status: 200, BackendStatus: 200}, true},
		{"cut-by-drain", Exchange{Reason: reason.DrainTimeout, Method: "GET", Status: 200, BackendStatus: 200}, true},
		{"cut-unanswered", Exchange{Reason: reason.Shutdown, Method: "GET"}, true},
		{"tunnel", Exchange{Reason: reason.BackendClosed, Method: "GET", Status: 101, BackendStatus: 101, Upgraded: true}, false},
		{"no-request", Exchange{Reason: reason.Shutdown}, false},
	} {
		if got := tt.x.Troubled(); got != tt.want {
			t.Errorf("%s: troubled %t, want %t", tt.name, got, tt.want)
		}
	}
}

func BenchmarkLogAppend(b *testing.B) {
	var l Log
	cs := closes(1, 64)
	b.ReportAllocs()
	for b.Loop() {
		l.Append(cs)
	}
}
