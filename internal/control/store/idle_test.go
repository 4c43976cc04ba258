package store

import (
	"log/slog"
	"testing"
	"time"
)

// reopenIdle opens a store of which nothing runs, for tests that do themselves what its goroutines do.
func reopenIdle(t testing.TB, path string) *Store {
	t.Helper()
	f, err := openLocked(path)
	if err != nil {
		t.Fatal(err)
	}
	s := &Store{
		path: path, schema: schemaOf(migrations), now: time.Now, log: slog.New(slog.DiscardHandler), write: writeDraft,
		requests: make(chan *request), closing: make(chan struct{}),
	}
	if err := s.start(f, migrations); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.shut(); err != nil {
			t.Error(err)
		}
	})
	return s
}
