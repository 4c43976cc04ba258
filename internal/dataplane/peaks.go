package dataplane

import (
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/stats"
)

// TakePeaks returns the most of what goes up and down since it was called last. For one reader; callable from any goroutine.
func (e *Engine) TakePeaks() stats.Peaks {
	e.mu.Lock()
	defer e.mu.Unlock()
	peaks := stats.Peaks{Latency: make(map[plan.ListenerKey]time.Duration), Queued: e.registry.TakePeaks()}
	for _, l := range e.listeners {
		l.takePeak(peaks.Latency)
	}
	for _, l := range e.retired {
		l.takePeak(peaks.Latency)
	}
	return peaks
}

// takePeak adds the listener's longest latency to those of all, if it had any.
func (l *listener) takePeak(all map[plan.ListenerKey]time.Duration) {
	for _, block := range l.stats {
		if longest := block.Latency.TakePeak(); longest > all[l.plan.Key] {
			all[l.plan.Key] = longest
		}
	}
}
