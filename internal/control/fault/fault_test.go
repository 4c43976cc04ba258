package fault_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"lull/internal/control/fault"
	"lull/internal/control/store"
)

func TestCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		err  error
		kind fault.Kind
		want string
	}{
		{"conflict", &store.Conflict{Key: "keys/A", Want: 1, Have: 2}, fault.Conflict, "revoke key A: somebody else has changed it"},
		{"full", &store.Full{What: "documents", Have: 2, Max: 1}, fault.Full, "revoke key A: the store would hold 2 documents"},
		{"disk", &store.WriteError{Path: "p", Err: errors.New("no space left on device")}, fault.Unavailable, "no space left on device"},
		{"closed", store.ErrClosed, fault.Unavailable, "the store is closed"},
		{"canceled", context.Canceled, fault.Unavailable, "canceled"},
		{"deadline", context.DeadlineExceeded, fault.Unavailable, "deadline"},
		{"other", errors.New("x"), fault.Internal, "revoke key A: x"},
	} {
		err := fmt.Errorf("wrapped: %w", fault.Commit("revoke key A", c.err))
		if got := fault.KindOf(err); got != c.kind || !strings.Contains(err.Error(), c.want) || !errors.Is(err, c.err) {
			t.Errorf("%s: got kind %d, %q, want %d and %q", c.name, got, err, c.kind, c.want)
		}
	}
}

func TestField(t *testing.T) {
	t.Parallel()
	e := fault.Field("host", "%q: must be short", "x")
	if e.Kind != fault.Invalid || e.Field != "host" || e.Error() != `host: "x": must be short` {
		t.Errorf("got %+v", e)
	}
	if got := fault.KindOf(errors.New("x")); got != fault.Internal {
		t.Errorf("got %d, want Internal", got)
	}
	if n := len(fault.Kinds()); n != int(fault.Unavailable)+1 {
		t.Errorf("%d kinds, want %d", n, fault.Unavailable+1)
	}
}
