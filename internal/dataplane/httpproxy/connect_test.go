package httpproxy

import (
	"testing"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// TestResetOnAccept: a backend accepts and resets before the loop has learnt that it accepted. That is no backend that cannot be
// reached, for which another would be tried: it went away without a word (SH-12).
func TestResetOnAccept(t *testing.T) {
	t.Parallel()
	p := newPeer(t)
	r := newRig(t, nil, p.addr)
	client := r.dial(false)
	r.waitState(waiting)
	first := r.hold()
	held, second := make(chan struct{}), make(chan struct{})
	r.loop.Post(func() { // the turn after the one in which the request comes
		close(held)
		<-second
	})
	send(t, client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	waitSent(t, client)
	first()
	<-held
	reset(p.accept())
	close(second)
	expect(t, client, "HTTP/1.1 504 ")
	r.settle()
	if connected, failed := r.backend().Connects(); connected != 1 || failed != 0 {
		t.Errorf("connects: got %d and %d that failed, want one that succeeded", connected, failed)
	}
	var all [10]record.Exchange
	if n, _, _ := r.exchanges.Troubled().Read(0, all[:]); n != 1 || all[0].Reason != reason.BackendClosed || all[0].Tries != 1 {
		t.Errorf("exchanges: got %d, the first %v after %d tries; want one, backend-closed, after one", n, all[0].Reason, all[0].Tries)
	}
}
