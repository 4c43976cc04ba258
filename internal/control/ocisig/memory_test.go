package ocisig

import (
	"encoding/binary"
	"testing"
	"time"
)

// TestMemory: a request is known again until it would be refused anyway, and the oldest goes when there is no room.
func TestMemory(t *testing.T) {
	t.Parallel()
	m := NewMemory(3)
	begin := time.Unix(1_700_000_000, 0)
	request := func(n uint64, expires time.Duration) Verified {
		v := Verified{Expires: begin.Add(expires)}
		binary.BigEndian.PutUint64(v.digest[:], n)
		return v
	}
	for i, step := range []struct {
		request uint64
		at      time.Duration
		again   bool
		ago     time.Duration
	}{
		{1, 0, false, 0},
		{1, time.Second, true, time.Second},
		{1, 4 * time.Minute, true, 4 * time.Minute},
		{2, 4 * time.Minute, false, 0},
		{3, 4 * time.Minute, false, 0},
		{1, 5 * time.Minute, true, 5 * time.Minute},
		{4, 5 * time.Minute, false, 0}, // no room for 1 any more
		{2, 5 * time.Minute, true, time.Minute},
		{1, 5 * time.Minute, false, 0}, // nor for 2
		{5, 30 * time.Minute, false, 0},
		{1, 30 * time.Minute, false, 0},
	} {
		ago, same, again := m.Seen(request(step.request, step.at+10*time.Minute), "token", begin.Add(step.at))
		if again != step.again || ago != step.ago || same != step.again {
			t.Errorf("step %d: got %t, the same: %t, %v ago, want %t, %v", i, again, same, ago, step.again, step.ago)
		}
	}
	if _, same, again := m.Seen(request(1, time.Hour), "another", begin.Add(30*time.Minute)); same || !again {
		t.Errorf("with another token: got the same: %t, again: %t", same, again)
	}
	for n := range uint64(100_000) {
		m.Seen(request(n+10, 0), "", begin.Add(time.Hour+time.Duration(n)))
	}
	if len(m.first) > 3 || cap(m.order) > 64 {
		t.Errorf("after many: remembers %d in room for %d", len(m.first), cap(m.order))
	}
}
