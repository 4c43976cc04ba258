package tcpproxy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/lulltest/deaf"
)

type statsBlock = stats.Listener

// scene is a rig with one pair in the state a case begins with.
type scene struct {
	*rig
	client *net.TCPConn
	server *net.TCPConn // nil until there is a back-end connection
	deaf   *deaf.Backend
}

// backlogged is what a back-pressured scene's backend sends: more than lull, the sockets and a pipe hold together.
const backlogged = 16 << 20

//nolint:gochecknoglobals // the rows of the table: how to come into each state
var scenes = map[string]func(t *testing.T) *scene{
	"proxy-header": func(t *testing.T) *scene {
		b := newPeer(t)
		s := &scene{rig: newRig(t, func(l *plan.Listener) { l.ProxyAccept = true }, b.addr)}
		s.client = s.dial(false)
		send(t, s.client, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 ")
		s.waitState(awaitingHeader)
		return s
	},
	"connecting": func(t *testing.T) *scene {
		d := deaf.New(t)
		s := &scene{rig: newRig(t, nil, d.Addr), deaf: d}
		s.client = s.dial(false)
		s.waitState(connecting)
		return s
	},
	"relaying": func(t *testing.T) *scene {
		b := newPeer(t)
		s := &scene{rig: newRig(t, nil, b.addr)}
		s.client, s.server = s.dial(false), b.accept()
		s.waitState(relaying)
		return s
	},
	"half-closed": func(t *testing.T) *scene {
		b := newPeer(t)
		s := &scene{rig: newRig(t, nil, b.addr)}
		s.client, s.server = s.dial(false), b.accept()
		_ = s.client.CloseWrite()
		if how, _ := outcomeOf(s.server); how != "eof" {
			t.Fatalf("the client's FIN: the backend saw %q, want eof", how)
		}
		s.waitState(relaying)
		return s
	},
	"back-pressured": backPressured,
	"reset-held":     resetHeld,
	"doomed": func(t *testing.T) *scene {
		s := resetHeld(t)
		s.due()
		s.stayLingering()
		return s
	},
	"lingering": func(t *testing.T) *scene {
		s := backPressured(t)
		s.due()
		s.stayLingering()
		return s
	},
}

func backPressured(t *testing.T) *scene {
	b := newPeer(t)
	s := &scene{rig: newRig(t, nil, b.addr)}
	s.client, s.server = s.dial(true), b.accept()
	go func() { _, _ = s.server.Write(make([]byte, backlogged)) }()
	s.waitStill()
	return s
}

func resetHeld(t *testing.T) *scene {
	s := backPressured(t)
	reset(s.server)
	s.server = nil
	s.waitFor("the reset", func(look) (failing bool) {
		s.on(func() { s.each(func(c *pair) { failing = c.legs[server].Is(relay.Failed) }) })
		return failing
	})
	return s
}

//nolint:gochecknoglobals // the columns of the table: what can happen
var events = map[string]func(*scene){
	"client-bytes": func(s *scene) {
		send(s.t, s.client, "2000\r\nhello")
		if s.server != nil && !s.look().halfEnd {
			got := make([]byte, 11)
			_ = s.server.SetReadDeadline(time.Now().Add(patience))
			if n, err := io.ReadFull(s.server, got); err != nil && s.look().state == relaying {
				s.t.Errorf("the backend got %q, %v", got[:n], err)
			}
		}
	},
	"client-fin":   func(s *scene) { _ = s.client.CloseWrite() },
	"client-reset": func(s *scene) { reset(s.client) },
	"client-reads": func(s *scene) {
		go func() { _, _ = io.Copy(io.Discard, s.client) }()
	},
	"server-answers": func(s *scene) { s.deaf.Answer() },
	"server-refuses": func(s *scene) { s.deaf.Refuse() },
	"server-bytes": func(s *scene) {
		send(s.t, s.server, "hello")
		got := make([]byte, 5)
		_ = s.client.SetReadDeadline(time.Now().Add(patience))
		if n, err := io.ReadFull(s.client, got); err != nil {
			s.t.Errorf("the client got %q, %v", got[:n], err)
		}
	},
	"server-fin":      func(s *scene) { _ = s.server.CloseWrite() },
	"server-reset":    func(s *scene) { reset(s.server) },
	"timer":           func(s *scene) { s.due() },
	"timer-early":     func(s *scene) { s.early() },
	"listener-change": func(s *scene) { s.plan.Timeouts.Idle *= 2; s.apply() },
	"timeouts-shorter": func(s *scene) {
		s.plan.Timeouts.Idle, s.plan.Timeouts.Connect, s.plan.Timeouts.Handshake = 1, 1, 1
		s.apply()
	},
	"listener-removed": func(s *scene) {
		s.plan.Timeouts.Drain = 0
		s.apply()
		s.remove()
	},
	"backend-offline": func(s *scene) {
		s.plan.Timeouts.Drain = 0
		s.plan.BackendSet.Backends[0].Offline = true
		s.apply()
	},
	"backend-removed": func(s *scene) {
		s.plan.Timeouts.Drain = 0
		s.apply()
		s.plan.BackendSet.Backends = nil
		s.apply()
	},
	"end-all": func(s *scene) { s.on(func() { s.p.EndAll(reason.Shutdown) }) },
}

// TestStates drives every state with every event that can happen in it. A case's outcome is the state afterwards and
// the reason recorded, None for a pair that goes on.
func TestStates(t *testing.T) {
	t.Parallel()
	type outcome struct {
		state state
		why   reason.Reason
	}
	goesOn := func(s state) outcome { return outcome{s, reason.None} }
	ends := func(why reason.Reason) outcome { return outcome{free, why} }
	lingers := func(why reason.Reason) outcome { return outcome{lingering, why} }
	table := map[string]map[string]outcome{
		"proxy-header": {
			"client-bytes": goesOn(relaying), "client-fin": ends(reason.ClientClosed), "client-reset": ends(reason.ClientReset),
			"timer": lingers(reason.HandshakeTimeout), "timer-early": goesOn(awaitingHeader),
			"listener-change": goesOn(awaitingHeader), "timeouts-shorter": lingers(reason.HandshakeTimeout),
			"listener-removed": lingers(reason.ListenerRemoved), "backend-offline": goesOn(awaitingHeader),
			"backend-removed": goesOn(awaitingHeader), "end-all": ends(reason.Shutdown),
		},
		"connecting": {
			"client-bytes": goesOn(connecting), "client-fin": goesOn(connecting), "client-reset": ends(reason.ClientReset),
			"server-answers": goesOn(relaying), "server-refuses": ends(reason.ConnectRefused),
			"timer": ends(reason.ConnectTimeout), "timer-early": goesOn(connecting),
			"listener-change": goesOn(connecting), "timeouts-shorter": ends(reason.ConnectTimeout),
			"listener-removed": ends(reason.ListenerRemoved), "backend-offline": ends(reason.BackendOffline),
			"backend-removed": ends(reason.DrainTimeout), "end-all": ends(reason.Shutdown),
		},
		"relaying": {
			"client-bytes": goesOn(relaying), "client-fin": goesOn(relaying), "client-reset": ends(reason.ClientReset),
			"server-bytes": goesOn(relaying), "server-fin": goesOn(relaying), "server-reset": ends(reason.BackendReset),
			"timer": ends(reason.TunnelIdle), "timer-early": goesOn(relaying),
			"listener-change": goesOn(relaying), "timeouts-shorter": ends(reason.TunnelIdle),
			"listener-removed": ends(reason.ListenerRemoved), "backend-offline": ends(reason.BackendOffline),
			"backend-removed": ends(reason.DrainTimeout), "end-all": ends(reason.Shutdown),
		},
		"half-closed": {
			"client-reset": ends(reason.ClientReset),
			"server-bytes": goesOn(relaying), "server-fin": ends(reason.ClientClosed), "server-reset": ends(reason.BackendReset),
			"timer": ends(reason.TunnelIdle), "timer-early": goesOn(relaying),
			"listener-change": goesOn(relaying), "timeouts-shorter": ends(reason.TunnelIdle),
			"listener-removed": ends(reason.ListenerRemoved), "backend-offline": ends(reason.BackendOffline),
			"backend-removed": ends(reason.DrainTimeout), "end-all": ends(reason.Shutdown),
		},
		"back-pressured": {
			"client-bytes": goesOn(relaying), "client-fin": goesOn(relaying), "client-reset": ends(reason.ClientReset),
			"client-reads": goesOn(relaying), "server-reset": goesOn(relaying),
			"timer": lingers(reason.TunnelIdle), "timer-early": goesOn(relaying),
			"listener-change": goesOn(relaying), "timeouts-shorter": lingers(reason.TunnelIdle),
			"listener-removed": lingers(reason.ListenerRemoved), "backend-offline": lingers(reason.BackendOffline),
			"backend-removed": lingers(reason.DrainTimeout), "end-all": ends(reason.Shutdown),
		},
		"reset-held": { // the backend has reset; the client has not taken what it sent before
			"client-bytes": goesOn(relaying), "client-fin": goesOn(relaying), "client-reset": ends(reason.ClientReset),
			"client-reads": ends(reason.BackendReset),
			"timer":        lingers(reason.BackendReset), "timer-early": goesOn(relaying),
			"listener-change": goesOn(relaying), "timeouts-shorter": lingers(reason.BackendReset),
			"listener-removed": lingers(reason.BackendReset), "backend-offline": lingers(reason.BackendReset),
			"backend-removed": lingers(reason.BackendReset), "end-all": ends(reason.Shutdown),
		},
		"doomed": { // as lingering, but the client gets an RST after the last byte
			"client-bytes": lingers(reason.BackendReset), "client-fin": lingers(reason.BackendReset),
			"client-reads": ends(reason.BackendReset), "client-reset": ends(reason.BackendReset),
			"timer": ends(reason.BackendReset), "timer-early": lingers(reason.BackendReset),
			"listener-removed": lingers(reason.BackendReset), "end-all": ends(reason.BackendReset),
		},
		"lingering": { // how it ended is known already; nothing may record it again
			"client-bytes": lingers(reason.TunnelIdle), "client-fin": lingers(reason.TunnelIdle),
			"client-reads": lingers(reason.TunnelIdle),                                             // the backend has not closed
			"client-reset": lingers(reason.TunnelIdle), "server-reset": lingers(reason.TunnelIdle), // the other side lingers on
			"timer": ends(reason.TunnelIdle), "timer-early": lingers(reason.TunnelIdle),
			"listener-change": lingers(reason.TunnelIdle), "timeouts-shorter": lingers(reason.TunnelIdle),
			"listener-removed": lingers(reason.TunnelIdle), "backend-offline": lingers(reason.TunnelIdle),
			"backend-removed": lingers(reason.TunnelIdle), "end-all": ends(reason.TunnelIdle),
		},
	}
	for from, row := range table {
		for event, want := range row {
			t.Run(from+"/"+event, func(t *testing.T) {
				t.Parallel()
				s := scenes[from](t)
				events[event](s)
				s.waitFor(fmt.Sprintf("%v after %s", want.state, event), func(v look) bool { return v.state == want.state })
				s.settle()
				if v := s.look(); v.state != want.state {
					t.Errorf("after the event: state %v, want it to stay %v", v.state, want.state)
				}
				var why []reason.Reason
				if want.why != reason.None {
					why = append(why, want.why)
				}
				if got := s.reasons(); !slices.Equal(got, why) {
					t.Errorf("recorded: got %v, want %v", got, why)
				}
			})
		}
	}
}

// TestEventForNoPair: the loop never tells of a pair that was freed; if it does, lull must not work on another's.
func TestEventForNoPair(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.on(func() {
		defer func() {
			if recover() == nil {
				t.Error("Ready for a pair that is not there: no panic")
			}
		}()
		r.p.pairs.GiveBack(r.p.takePair().index)
		r.p.Ready(0, 0)
	})
}

// TestLingerDelivers (TO-08): a peer that reads at last gets every byte that lull held for it, and then a FIN.
func TestLingerDelivers(t *testing.T) {
	t.Parallel()
	s := scenes["lingering"](t)
	v := s.look()
	if v.down == 0 || !v.legs[client] {
		t.Fatalf("nothing is held for the client: %+v", v)
	}
	how, data := outcomeOf(s.client)
	if how != "eof" || len(data) < v.down || bytes.ContainsFunc(data, func(r rune) bool { return r != 0 }) {
		t.Errorf("the client saw %s after %d bytes, want eof after at least the %d that were held", how, len(data), v.down)
	}
	_ = s.server.Close()
	s.waitState(free)
}
