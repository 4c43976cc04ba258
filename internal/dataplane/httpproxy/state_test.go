package httpproxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"lull/internal/clock"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/sys"
	"lull/internal/lulltest/deaf"
)

// scene is a rig with one client in the state that a case begins with.
type scene struct {
	*rig
	client *net.TCPConn
	server *net.TCPConn // nil until there is a back-end connection
	deaf   *deaf.Backend
	full   *backend.Backend // counts an exchange too many; nil if it does not
	more   string           // what the client sends next

	conns, exchanges uint64 // records of earlier
}

const (
	get   = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	post  = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
	hello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

	// backlogged is what a back-pressured scene moves: more than lull and the sockets hold together.
	backlogged = 16 << 20
)

// newScene returns a scene before a backend whose connections the test handles.
func newScene(t *testing.T, change func(*plan.Listener)) (*scene, *peer) {
	b := newPeer(t)
	s := &scene{rig: newRig(t, change, b.addr), more: get}
	t.Cleanup(s.rig.exchanges.Want())
	return s, b
}

// asking is a scene in which the client has sent something that the backend has read.
func asking(t *testing.T, request string) *scene {
	s, b := newScene(t, nil)
	s.client = s.dial(false)
	send(t, s.client, request)
	s.server = b.accept()
	s.readRequest(request)
	return s
}

// readRequest reads at the backend what the client has sent, with X-Forwarded fields that lull has added.
func (s *scene) readRequest(request string) {
	s.t.Helper()
	_, body, _ := strings.Cut(request, "\r\n\r\n")
	got := ""
	_ = s.server.SetReadDeadline(time.Now().Add(patience))
	for !strings.HasSuffix(got, "\r\n\r\n"+body) {
		b := make([]byte, 4096)
		n, err := s.server.Read(b)
		if err != nil {
			s.t.Fatalf("the backend read %q, %v", got, err)
		}
		got += string(b[:n])
	}
}

// held is a scene in which lull holds bytes: either side sends more than the other reads.
func held(t *testing.T, small bool, request, response string) *scene {
	s, b := newScene(t, nil)
	s.client = s.dial(small)
	send(t, s.client, request)
	s.server = b.accept()
	if response == "" {
		go func() { _, _ = s.client.Write(make([]byte, backlogged)) }()
	} else {
		s.readRequest(request)
		send(t, s.server, response)
		go func() { _, _ = s.server.Write(make([]byte, backlogged)) }()
	}
	s.waitStill()
	s.more = "x"
	return s
}

// answered is a scene in which the client has had an answer and the back-end connection is in the pool.
func answered(t *testing.T) *scene {
	s := asking(t, get)
	send(t, s.server, hello)
	expect(t, s.client, hello)
	s.waitState(waiting)
	s.waitFor("the acknowledgement", func(look) (acked bool) { // or it could not be closed at once
		s.each(func(f *front) { acked = sys.Unacknowledged(int(f.conn.FD)) == 0 })
		return acked
	})
	return s
}

// uploading is a scene in which the request's body is still to come in part.
func uploading(t *testing.T) *scene {
	s := asking(t, post+"hello")
	s.more = "hello"
	return s
}

// downloadHeld is a scene in which the client does not read; openEnded the same, with one that knows the end of a response
// by the connection's.
func downloadHeld(t *testing.T) *scene {
	return held(t, true, get, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
}

func openEnd(t *testing.T) *scene {
	return held(t, true, "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n")
}

// replying is a scene in which lull answers by a rule, and nothing of it reaches the client: an answer is small, and the kernel would
// find room for its end with a client that merely does not read, at a time of its own.
func replying(t *testing.T) *scene {
	s, _ := newScene(t, func(l *plan.Listener) {
		to, err := rules.NewRedirect(&rules.RedirectTo{})
		if err != nil {
			t.Fatal(err)
		}
		table, err := rules.New(&rules.Config{Redirects: []rules.Redirection{{Path: "/", Match: rules.PathPrefix, To: to}}})
		if err != nil {
			t.Fatal(err)
		}
		l.Sites = []*plan.Site{{Name: "site", Table: table}}
	})
	s.client = s.dial(true)
	s.waitState(waiting)
	s.each(func(f *front) { _ = unix.SetsockoptInt(int(f.conn.FD), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) })
	s.unplug()
	far := strings.Replace(get, "/", "/"+strings.Repeat("x", 7<<10), 1)
	for asked := uint32(1); ; asked++ {
		send(t, s.client, far)
		held := false
		s.waitFor("an answer", func(look) (answered bool) {
			s.each(func(f *front) {
				answered = f.exchanges == asked && (f.x == nil || f.x.status != 0)
				held = f.x != nil && f.x.down.Pending() > 0
			})
			return answered
		})
		if held {
			return s
		}
	}
}

// unplug has the client's kernel drop all that comes for the client, so that nothing is acknowledged until plug.
func (s *scene) unplug() {
	s.t.Helper()
	nothing := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	err := s.option(func(fd int) error {
		return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &nothing[0]})
	})
	if err != nil {
		s.t.Fatalf("unplug the client: %v", err)
	}
}

// plug undoes unplug, if it was called.
func (s *scene) plug() {
	s.t.Helper()
	err := s.option(func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_FILTER, 0) })
	if err != nil && !errors.Is(err, unix.ENOENT) {
		s.t.Fatalf("plug the client in: %v", err)
	}
}

// option sets something of the client's socket.
func (s *scene) option(set func(fd int) error) error {
	raw, err := s.client.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = set(int(fd)) })
	return errors.Join(err, failed)
}

// over is a scene whose exchange a timer ends with bytes under way.
func over(s *scene) *scene {
	s.due()
	s.waitState(lingering)
	return s
}

//nolint:gochecknoglobals // the rows of the table: how to come into each state
var scenes = map[string]func(t *testing.T) *scene{
	"header": func(t *testing.T) *scene {
		s, _ := newScene(t, func(l *plan.Listener) { l.ProxyAccept = true })
		s.client = s.dial(false)
		send(t, s.client, "PROXY TCP4 192.0.2.1 192.0.2.2 1000 ")
		s.waitState(awaitingHeader)
		s.more = "2000\r\n"
		return s
	},
	"waiting": func(t *testing.T) *scene {
		s, _ := newScene(t, nil)
		s.client = s.dial(false)
		s.waitState(waiting)
		s.more = "GET / HTTP/1.1\r\n"
		return s
	},
	"waiting-again": answered,
	"reading": func(t *testing.T) *scene {
		s, _ := newScene(t, nil)
		s.client = s.dial(false)
		send(t, s.client, "GET / HTTP/1.1\r\n")
		s.waitState(reading)
		s.more = "Host: a\r\n"
		return s
	},
	"queued": func(t *testing.T) *scene {
		s, _ := newScene(t, func(l *plan.Listener) { l.BackendSet.Backends[0].ConnectionsMax = 1 })
		s.full = s.backend()
		s.full.Acquire()
		s.client = s.dial(false)
		send(t, s.client, get)
		s.waitState(queued)
		return s
	},
	"connecting": func(t *testing.T) *scene {
		d := deaf.New(t)
		s := &scene{rig: newRig(t, nil, d.Addr), deaf: d, more: get}
		t.Cleanup(s.rig.exchanges.Want())
		s.client = s.dial(false)
		send(t, s.client, get)
		s.waitState(connecting)
		return s
	},
	"request": uploading,
	"answer":  func(t *testing.T) *scene { return asking(t, get) },
	"reused": func(t *testing.T) *scene { // the answer, over a connection that served before
		s := answered(t)
		send(t, s.client, get)
		s.readRequest(get)
		return s
	},
	"draining": func(t *testing.T) *scene { // the answer, before a listener that goes
		s := asking(t, get)
		s.remove()
		return s
	},
	"leaving": func(t *testing.T) *scene { // the answer, from a backend that goes
		s := asking(t, get)
		s.plan.BackendSet.Backends = nil
		s.apply()
		return s
	},
	"response": func(t *testing.T) *scene {
		s := asking(t, get)
		send(t, s.server, hello[:len(hello)-3])
		expect(t, s.client, hello[:len(hello)-3])
		return s
	},
	"early": func(t *testing.T) *scene { // a response before the request's end
		s := asking(t, post+"hello")
		send(t, s.server, hello[:len(hello)-3])
		expect(t, s.client, "HTTP/1.1 200 OK\r\n")
		s.more = "hello"
		return s
	},
	"upload-held": func(t *testing.T) *scene {
		return held(t, false, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n", "")
	},
	"download-held": downloadHeld,
	"open-ended":    openEnd,
	"lingering":     func(t *testing.T) *scene { return over(downloadHeld(t)) },
	"doomed":        func(t *testing.T) *scene { return over(openEnd(t)) },
	"talking":       func(t *testing.T) *scene { return over(uploading(t)) }, // it is listened to until it closes
	"replying":      replying,
	"delivering": func(t *testing.T) *scene { // the response is lull's, and the client slow
		s, b := newScene(t, nil)
		s.client = s.dial(true)
		s.waitState(waiting)
		s.each(func(f *front) { _ = unix.SetsockoptInt(int(f.conn.FD), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) })
		send(t, s.client, get)
		s.server = b.accept()
		s.readRequest(get)
		resume := s.hold() // so that one read brings all of it
		send(t, s.server, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", 30_000, strings.Repeat("x", 30_000)))
		waitSent(t, s.server)
		resume()
		s.waitFor("the pool", func(v look) bool { return v.back == backPooled && v.down > 0 })
		return s
	},
}

//nolint:gochecknoglobals // the columns of the table: what can happen
var events = map[string]func(*scene){
	"client-bytes": func(s *scene) { send(s.t, s.client, s.more) },
	"client-fin":   func(s *scene) { _ = s.client.CloseWrite() },
	"client-reset": func(s *scene) { reset(s.client) },
	"client-reads": func(s *scene) {
		s.plug()
		go func() { _, _ = io.Copy(io.Discard, s.client) }()
	},
	"client-closes": func(s *scene) {
		_, _ = io.Copy(io.Discard, s.client)
		_ = s.client.Close()
	},
	"server-answers": func(s *scene) { s.deaf.Answer() },
	"server-refuses": func(s *scene) { s.deaf.Refuse() },
	"server-reads": func(s *scene) {
		go func() { _, _ = io.Copy(io.Discard, s.server) }()
	},
	"response":         func(s *scene) { send(s.t, s.server, hello) },
	"response-part":    func(s *scene) { send(s.t, s.server, "HTTP/1.1 200 OK\r\n") },
	"response-rest":    func(s *scene) { send(s.t, s.server, hello[len(hello)-3:]) },
	"response-close":   func(s *scene) { send(s.t, s.server, strings.Replace(hello, "\r\n", "\r\nConnection: close\r\n", 1)) },
	"response-unclear": func(s *scene) { send(s.t, s.server, "HELO you\r\n\r\n") },
	"upgrade-unasked": func(s *scene) {
		send(s.t, s.server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
	},
	"server-fin":   func(s *scene) { _ = s.server.CloseWrite() },
	"server-reset": func(s *scene) { reset(s.server) },
	"room": func(s *scene) {
		s.full.Release()
		s.full = nil
		s.p.Poke()
	},
	"timer":           func(s *scene) { s.due() },
	"timer-early":     func(s *scene) { s.early() },
	"pool-timer":      func(s *scene) { s.poolDue() },
	"pool-early":      func(s *scene) { s.poolEarly() },
	"listener-change": func(s *scene) { s.plan.Timeouts.Idle *= 2; s.apply() },
	"timeouts-shorter": func(s *scene) {
		s.plan.Timeouts.Idle, s.plan.Timeouts.Connect, s.plan.Timeouts.Handshake = 1, 1, 1
		s.apply()
	},
	"listener-drains": func(s *scene) { s.remove() },
	"listener-removed": func(s *scene) {
		s.plan.Timeouts.Drain = 0
		s.apply()
		s.remove()
	},
	"listener-tcp": func(s *scene) { s.plan.Protocol = plan.TCP; s.apply() },
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
	"backend-down": func(s *scene) {
		s.backend().SetStatus(backend.Status{Detail: "refused"})
		s.p.Poke()
	},
	"drain":    func(s *scene) { s.on(func() { s.p.Drain(clock.Now()) }) },
	"reclaim":  func(s *scene) { s.on(func() { s.p.Reclaim() }) },
	"shutdown": func(s *scene) { s.on(func() { s.p.EndAll(reason.Shutdown) }) },
}

// outcome tells what has become of the client's connection and of the back-end one, and what was recorded of it:
// "conn:", "pool:" and "exchange:" (with the status that the client got) for each record.
func (s *scene) outcome() string {
	v := s.look()
	s.on(fronts{s.p}.TurnEnd) // what this turn has ended would be told at its end
	told := []string{stateNames[v.state], backNames[v.back]}
	var closes [16]record.Close
	n, _, _ := s.log.Read(s.conns, closes[:])
	for _, r := range closes[:n] {
		if r.Pooled {
			told = append(told, "pool:"+r.Reason.String())
		} else {
			told = append(told, "conn:"+r.Reason.String())
		}
	}
	var ends [16]record.Exchange
	n, _, _ = s.rig.exchanges.Read(s.exchanges, ends[:])
	for i := range ends[:n] {
		told = append(told, fmt.Sprintf("exchange:%v=%d", ends[i].Reason, ends[i].Status))
	}
	slices.Sort(told[2:]) // what ends in one turn has no order
	return strings.Join(told, " ")
}

// drive makes an event happen in a scene and checks what becomes of it.
func drive(t *testing.T, from, event, want string) {
	t.Parallel()
	s := scenes[from](t)
	s.on(fronts{s.p}.TurnEnd)
	s.conns, s.exchanges = s.log.Next(), s.rig.exchanges.Next()
	if from == "lingering" || from == "doomed" || from == "talking" { // how these ended is what must not change
		s.conns, s.exchanges = s.conns-1, s.exchanges-1
	}
	events[event](s)
	got := ""
	for deadline := time.Now().Add(patience); got != want && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		got = s.outcome()
	}
	s.settle()
	if got = s.outcome(); got != want {
		t.Errorf("%s in %s: got\n\t%s, want\n\t%s", event, from, got, want)
	}
	if s.full != nil {
		s.full.Release()
	}
}
