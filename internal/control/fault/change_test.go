package fault_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"lull/internal/control/fault"
	"lull/internal/control/store"
)

// TestChange: somebody who is faster has the change built anew, and not for ever; what build refuses is refused as it is.
func TestChange(t *testing.T) {
	t.Parallel()
	s, err := store.Open(filepath.Join(t.TempDir(), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	put := store.Put{Key: "a", Value: []byte("1")}
	stale := store.Txn{If: []store.Condition{{Key: "a", Revision: 99}}, Puts: []store.Put{put}}
	built := 0
	revision, err := fault.Change(t.Context(), s, "make a", func() (store.Txn, error) {
		if built++; built < 3 {
			return stale, nil
		}
		return store.Txn{If: []store.Condition{{Key: "a"}}, Puts: []store.Put{put}}, nil
	})
	if e, found := s.Get("a"); err != nil || built != 3 || !found || e.Revision != revision {
		t.Errorf("got revision %d after %d tries, %v; want the third to be done", revision, built, err)
	}
	built = 0
	if _, err = fault.Change(t.Context(), s, "make a", func() (store.Txn, error) { built++; return stale, nil }); fault.KindOf(err) != fault.Conflict || built != 10 {
		t.Errorf("got %v after %d tries, want a conflict after 10", err, built)
	}
	refused := errors.New("refused")
	if _, err = fault.Change(t.Context(), s, "make a", func() (store.Txn, error) { return store.Txn{}, refused }); err != refused { //nolint:errorlint // the very same
		t.Errorf("got %v, want build's own error", err)
	}
}

func TestShortened(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"short":                        "short",
		strings.Repeat("a", 64):        strings.Repeat("a", 64),
		strings.Repeat("a", 65):        strings.Repeat("a", 64) + "…",
		strings.Repeat("a", 63) + "é!": strings.Repeat("a", 63) + "…",
	} {
		if got := fault.Shortened(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
