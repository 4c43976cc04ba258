package certfile

import (
	"log/slog"
	"sync"
	"time"

	"lull/internal/clock"
)

// lookEvery is how often files are looked at.
const lookEvery = time.Second

// Watcher keeps the sources of the plan in force up to date until it is closed.
type Watcher struct {
	// Fixed after NewWatcher.
	log   *slog.Logger
	every time.Duration // 0: only when told to
	stop  chan struct{}
	done  sync.WaitGroup

	// Guarded by mu.
	mu      sync.Mutex
	sources []*Source
	running bool
	closed  bool
}

// NewWatcher returns a watcher without sources; Apply gives it some.
func NewWatcher(log *slog.Logger) *Watcher {
	return &Watcher{log: log, every: lookEvery, stop: make(chan struct{})}
}

// Apply makes these the sources to watch, all that a plan has; those of the plan before are forgotten. It reads nothing: what
// has changed since a source was loaded is found at the next look. The goroutine starts with the first source. Without
// effect after Close.
func (w *Watcher) Apply(sources []*Source) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.sources = append([]*Source(nil), sources...)
	if len(sources) > 0 && !w.running && w.every > 0 {
		w.running = true
		w.done.Go(w.run)
	}
}

// Look reads the files that have changed. Tests call it instead of waiting a second.
func (w *Watcher) Look(now time.Time) { w.each(now, false) }

// Reload reads all files, changed or not, and logs at once what is wrong: it is for SIGHUP, when somebody wants to know.
func (w *Watcher) Reload(now time.Time) { w.each(now, true) }

func (w *Watcher) each(now time.Time, must bool) {
	for _, s := range w.current() {
		s.look(now, must, w.log)
	}
}

// current returns the sources.
func (w *Watcher) current() []*Source {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sources
}

// Close stops watching; what is in force stays there. It waits for a look that is under way.
func (w *Watcher) Close() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		w.sources = nil
		close(w.stop)
	}
	w.mu.Unlock()
	w.done.Wait()
}

func (w *Watcher) run() {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			w.Look(clock.Wall(clock.Now()))
		case <-w.stop:
			return
		}
	}
}
