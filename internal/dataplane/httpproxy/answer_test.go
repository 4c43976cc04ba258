package httpproxy

import (
	"testing"
	"time"

	"lull/internal/clock"
)

// TestDate: the Date of lull's own responses is that of the second in which they are made.
func TestDate(t *testing.T) {
	t.Parallel()
	var d date
	begun := clock.Now()
	for _, after := range []time.Duration{0, time.Millisecond, time.Second, 90 * time.Second, 25 * time.Hour} {
		now := begun + int64(after)
		got := string(d.append(nil, now))
		at, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", got)
		if want := clock.Wall(now); err != nil || at.Sub(want).Abs() > time.Second {
			t.Errorf("after %v: got %q (%v), want %v", after, got, err, want.UTC())
		}
	}
}
