package tcpproxy

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
)

// TestWaitingList: a client that sends its PROXY header leaves the list of those that wait for theirs, once, whatever
// becomes of it; the others stay on it in their order, so that reclaiming (PR-03) finds them.
func TestWaitingList(t *testing.T) {
	t.Parallel()
	const whole = "PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n"
	for _, tt := range []struct {
		name  string
		leave func(*testing.T, *net.TCPConn)
		why   reason.Reason
	}{
		{"no-backend", func(t *testing.T, c *net.TCPConn) { send(t, c, whole) }, reason.NoBackend},
		{"bad", func(t *testing.T, c *net.TCPConn) { send(t, c, "GET / HTTP/1.1\r\n") }, reason.BadProxyHeader},
		{"fin", func(_ *testing.T, c *net.TCPConn) { _ = c.Close() }, reason.ClientClosed},
		{"reset", func(_ *testing.T, c *net.TCPConn) { reset(c) }, reason.ClientReset},
	} {
		for who := range 3 {
			t.Run(fmt.Sprintf("%s-%d", tt.name, who), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, func(l *plan.Listener) { l.ProxyAccept = true })
				var clients []*net.TCPConn
				for n := range 3 {
					clients = append(clients, r.dial(false))
					r.waitFor("the pair", func(v look) bool { return v.pairs == n+1 })
				}
				tt.leave(t, clients[who])
				deadline := time.Now().Add(patience)
				for !slices.Equal(r.reasons(), []reason.Reason{tt.why}) {
					if time.Now().After(deadline) {
						t.Fatalf("recorded: got %v, want %v", r.reasons(), tt.why)
					}
				}
				for left := range 2 {
					r.on(func() {
						if !r.p.Reclaim() {
							t.Errorf("reclaim %d found nobody, want one of the two that wait", left)
						}
					})
				}
				r.on(func() {
					if r.p.Reclaim() {
						t.Error("a third reclaim found somebody, want nobody left")
					}
				})
				want := []reason.Reason{tt.why, reason.Reclaimed, reason.Reclaimed}
				if got := r.reasons(); !slices.Equal(got, want) {
					t.Errorf("recorded: got %v, want %v", got, want)
				}
			})
		}
	}
}
