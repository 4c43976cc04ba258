package health

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"lull/internal/dataplane/plan"
)

// TestLag: what is left out is counted, and people are told once a minute, only if the machine or the limits are the cause.
func TestLag(t *testing.T) {
	t.Parallel()
	const backends, minutes = 300, 2
	for _, tc := range []struct {
		name              string
		delay             time.Duration // of each backend's answer
		interval, timeout time.Duration
		behind            bool
	}{
		{"keeps-up", 0, 10 * time.Second, 5 * time.Second, false},
		{"dead-backends", time.Hour, 10 * time.Second, 5 * time.Second, true}, // 128 workers manage 26 a second of 30
		{"slow-but-enough", 200 * time.Millisecond, 10 * time.Second, 5 * time.Second, false},
		{"too-often", 2500 * time.Millisecond, 5 * time.Second, 4 * time.Second, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench()
				defer b.Close()
				var complaints []Lag
				b.complain = func(l Lag) { complaints = append(complaints, l) }
				var list []string
				for port := uint16(1); port <= backends; port++ {
					list = append(list, addrPort(port).String())
					b.delay[addrPort(port)] = tc.delay
				}
				const span = minutes*time.Minute + 30*time.Second
				b.Apply(testPlan(&plan.HealthCheck{Interval: tc.interval, Timeout: tc.timeout}, list...))
				time.Sleep(span)
				synctest.Wait()
				lag := b.Lag()
				if !tc.behind {
					if len(complaints) > 0 || lag.Missed > 0 || lag.Waiting > 0 || lag.Recent > 0 {
						t.Errorf("a machine that keeps up: got %+v and complaints %+v", lag, complaints)
					}
					return
				}
				if got, want := lag.Running, probesMax+backends/probersPerWorker; got != want || lag.Waiting == 0 {
					t.Errorf("running: got %d, want %d; waiting: got %d, want some", got, want, lag.Waiting)
				}
				if len(complaints) != minutes {
					t.Errorf("complaints within %v: got %d, want %d", span, len(complaints), minutes)
				}
				told := uint64(0)
				for _, l := range complaints {
					told += l.Recent
					if l.Missed != told || l.Since < complaintEvery || l.Since > complaintEvery+tc.interval {
						t.Errorf("complaint: got %+v, want %d missed so far, %v after the first of these", l, told, complaintEvery)
					}
				}
				if lag.Missed != told+lag.Recent || lag.Recent == 0 {
					t.Errorf("at the end: got %+v, want %d and the recent ones missed", lag, told)
				}
				made := uint64(0)
				for port := uint16(1); port <= backends; port++ {
					made += uint64(len(b.times(port)))
				}
				asked := uint64(backends) * uint64(span/tc.interval)
				if sum := made + lag.Missed; sum < asked-2*backends || sum > asked+2*backends {
					t.Errorf("probes made and missed: got %d and %d, want about %d together", made, lag.Missed, asked)
				}
			})
		})
	}
}

// TestSlowBackendIsNoLag: one that takes longer than its interval delays its own probes alone.
func TestSlowBackendIsNoLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		defer b.Close()
		b.delay[addrPort(1)] = time.Hour
		b.Apply(testPlan(&plan.HealthCheck{Interval: time.Second, Timeout: 5 * time.Second}, "10.0.0.1:1"))
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := b.Lag(); got.Missed != 0 || got.Waiting != 0 || got.Running != 1 {
			t.Errorf("lag: got %+v, want one that runs and nothing missed", got)
		}
	})
}

// TestNoComplaintAfterClose: nor an alarm that goes off.
func TestNoComplaintAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench()
		b.complain = func(l Lag) { t.Errorf("after Close: got a complaint: %+v", l) }
		var list []string
		for i := range 200 {
			list = append(list, fmt.Sprintf("10.0.0.1:%d", i+1))
			b.delay[addrPort(uint16(i+1))] = time.Hour
		}
		b.Apply(testPlan(&plan.HealthCheck{Interval: 5 * time.Second, Timeout: 10 * time.Second}, list...))
		time.Sleep(50 * time.Second)
		if got := b.Lag(); got.Recent == 0 {
			t.Errorf("before Close: got %+v, want some missed", got)
		}
		b.Close()
		time.Sleep(time.Hour)
	})
}
