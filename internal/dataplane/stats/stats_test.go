package stats

import (
	"reflect"
	"sync"
	"testing"

	"lull/internal/dataplane/reason"
)

func TestAddFromSumsLoops(t *testing.T) {
	t.Parallel()
	var a, b Listener
	a.Accepted.Add(5)
	a.Ended.Add(2)
	a.BytesUp.Add(100)
	a.BytesDown.Add(1000)
	a.Closes[reason.TunnelIdle].Add(2)
	b.Accepted.Add(3)
	b.Ended.Add(3)
	b.BytesUp.Add(11)
	b.BytesDown.Add(22)
	b.Closes[reason.TunnelIdle].Add(1)
	b.Closes[reason.ClientReset].Add(2)

	var got ListenerTotals
	got.AddFrom(&a)
	got.AddFrom(&b)

	want := ListenerTotals{Accepted: 8, Active: 3, BytesUp: 111, BytesDown: 1022}
	want.Closes[reason.TunnelIdle] = 3
	want.Closes[reason.ClientReset] = 2
	if !reflect.DeepEqual(got, want) {
		t.Errorf("totals %+v, want %+v", got, want)
	}
}

func TestSiteAddFromSumsLoops(t *testing.T) {
	t.Parallel()
	var a, b Site
	a.Requests.Add(4)
	a.Ends[reason.Redirected].Add(1)
	b.Requests.Add(3)
	for _, status := range []int{200, 200, 204, 502, 999} {
		a.Responded(status, false)
	}
	for _, status := range []int{301, 502, 504} {
		b.Responded(status, true)
	}
	var got SiteTotals
	got.AddFrom(&a)
	got.AddFrom(&b)
	want := SiteTotals{Requests: 7, OK: 2, BadGateway: 2, Timeout: 1, BackendStatus: [6]uint64{2: 3, 3: 1, 5: 1}, OwnStatus: [6]uint64{3: 1, 5: 2}}
	want.Ends[reason.Redirected] = 1
	if got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}
}

// TestActiveNeverBelowZero reads while a loop accepts and ends: Active is unsigned, and one below zero would show as
// 18 trillion connections.
func TestActiveNeverBelowZero(t *testing.T) {
	t.Parallel()
	const turns = 20000
	var l Listener
	var loop sync.WaitGroup
	loop.Go(func() {
		for range turns {
			l.Accepted.Add(1)
			l.Ended.Add(1)
		}
	})
	for l.Ended.Load() < turns {
		var total ListenerTotals
		total.AddFrom(&l)
		if total.Active > turns {
			t.Fatalf("Active %d, want at most %d", total.Active, turns)
		}
	}
	loop.Wait()
	var total ListenerTotals
	if total.AddFrom(&l); total.Active != 0 || total.Accepted != turns {
		t.Errorf("accepted %d, active %d, want %d, 0", total.Accepted, total.Active, turns)
	}
}

func BenchmarkCounterAdd(b *testing.B) {
	var c Counter
	b.ReportAllocs()
	for b.Loop() {
		c.Add(1)
	}
}
