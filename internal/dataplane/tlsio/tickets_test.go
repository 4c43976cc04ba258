package tlsio

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/lulltest/testca"
)

// TestTicketsRotate: a key makes tickets for its time, and opens them for three more.
func TestTicketsRotate(t *testing.T) {
	t.Parallel()
	const start = int64(5 * time.Hour)
	for _, tt := range []struct {
		name   string
		after  time.Duration
		epochs uint64 // that have passed
	}{
		{"at-once", 0, 0},
		{"just-before", 6*time.Hour - 1, 0},
		{"one", 6 * time.Hour, 1},
		{"one-and-a-half", 9 * time.Hour, 1},
		{"two", 12 * time.Hour, 2},
		{"three", 18 * time.Hour, 3},
		{"four", 24 * time.Hour, 4},
		{"a-year", 365 * 24 * time.Hour, 4}, // more are none: all keys are new
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var k Tickets
			first := k.Epoch(start)
			old := k.Keys("lb/web", plan.ClientCertNone, nil)
			now := k.Epoch(start + int64(tt.after))
			keys := k.Keys("lb/web", plan.ClientCertNone, nil)
			if now-first != tt.epochs {
				t.Errorf("epochs: got %d, want %d", now-first, tt.epochs)
			}
			for i, key := range old {
				at := i + int(tt.epochs)
				if got := slices.Index(keys, key); got != at && (at < ticketKeys || got >= 0) {
					t.Errorf("key %d: got it at %d, want it at %d of %d", i, got, at, ticketKeys)
				}
			}
		})
	}
}

// TestTicketsRotateSteadily: it makes no difference how often anybody asks.
func TestTicketsRotateSteadily(t *testing.T) {
	t.Parallel()
	var k Tickets
	first := k.Epoch(0)
	for now := int64(0); now <= int64(30*time.Hour); now += int64(7 * time.Minute) {
		if got, want := k.Epoch(now)-first, uint64(now/ticketTime); got != want {
			t.Fatalf("after %v: got %d epochs, want %d", time.Duration(now), got, want)
		}
	}
}

// TestTicketsApart: every listener has keys of its own, and others whenever it lets in others.
func TestTicketsApart(t *testing.T) {
	t.Parallel()
	var k, other Tickets
	k.Epoch(1)
	other.Epoch(1)
	one, two := testca.NewFor(t).Pool(), testca.NewFor(t).Pool()
	seen := map[[32]byte]string{}
	for name, keys := range map[string][][32]byte{
		"plain":     k.Keys("lb/web", plan.ClientCertNone, nil),
		"listener":  k.Keys("lb/other", plan.ClientCertNone, nil),
		"optional":  k.Keys("lb/web", plan.ClientCertOptional, one),
		"required":  k.Keys("lb/web", plan.ClientCertRequired, one),
		"authority": k.Keys("lb/web", plan.ClientCertRequired, two),
		"process":   other.Keys("lb/web", plan.ClientCertNone, nil),
	} {
		for _, key := range keys {
			if seen[key] != "" {
				t.Errorf("%s has a key of %s", name, seen[key])
			}
			if seen[key] = name; key == [32]byte{} {
				t.Errorf("%s has a key of zeroes", name)
			}
		}
	}
	a := k.Keys("lb/web", plan.ClientCertRequired, two)
	if b := k.Keys("lb/web", plan.ClientCertRequired, two.Clone()); !slices.Equal(a, b) {
		t.Error("the same authorities, read anew, got other keys")
	}
	k.Keys("lb/web", plan.ClientCertRequired, one)
	if b := k.Keys("lb/web", plan.ClientCertRequired, two); slices.Equal(a, b) {
		t.Error("authorities that were not trusted for a while got their old keys")
	}
}

// TestTicketsBounded: however many listeners come and go, few are remembered, and no keys come twice.
func TestTicketsBounded(t *testing.T) {
	t.Parallel()
	var k Tickets
	k.Epoch(1)
	roots := testca.NewFor(t).Pool()
	first := k.Keys("lb/0", plan.ClientCertRequired, roots)
	for i := range letInsMax {
		k.Keys("lb/"+strconv.Itoa(i+1), plan.ClientCertRequired, roots)
	}
	if n := len(k.letIn); n > letInsMax {
		t.Errorf("remembered: got %d listeners, want at most %d", n, letInsMax)
	}
	if slices.Equal(first, k.Keys("lb/0", plan.ClientCertRequired, roots)) {
		t.Error("a listener that was forgotten got its old keys")
	}
}

// TestTicketsOfServer: a listener's configuration changes with the keys, and is kept while they are the same.
func TestTicketsOfServer(t *testing.T) {
	t.Parallel()
	l := &plan.Listener{TLS: testServer(t)}
	s := NewServer(l, NewGate(), &Tickets{})
	first := s.config(1)
	if s.config(ticketTime-1) != first {
		t.Error("within the time of a key: got another configuration")
	}
	if s.config(1+ticketTime) == first {
		t.Error("behind the time of a key: got the same configuration")
	}
}
