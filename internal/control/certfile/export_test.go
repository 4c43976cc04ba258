package certfile

import "log/slog"

// NewIdleWatcher returns a watcher that looks only when it is told to.
func NewIdleWatcher(log *slog.Logger) *Watcher {
	w := NewWatcher(log)
	w.every = 0
	return w
}

// RestlessMax is when a watcher loses its patience.
const RestlessMax = restlessMax
