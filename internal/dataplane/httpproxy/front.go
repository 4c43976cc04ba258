package httpproxy

import (
	"net/netip"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/wheel"
)

// state is where a client's connection is in its life. Each line says what it waits for and which timer is armed.
//
//	free ──Take──▶ waiting ──first byte──▶ reading ──whole head──▶ connecting ──writable──▶ exchanging
//	  │              ▲  ▲                                │  │  ▲                                │ │
//	  └▶ awaitingHeader │                    no room: queued┘  └──refused, timed out: next ─────┘ │
//	     ▶ securing ────┤                                                                         │
//	                    └────────────────── response delivered, connection kept ──────────────────┘
//	any ──closed by lull with bytes under way either way──▶ lingering ──taken, timer──▶ free
//
// A pooled connection takes a request from reading to exchanging in one step, and one that came whole never stays in reading.
type state uint8

const (
	free           state = iota // nothing; no timer
	awaitingHeader              // the client's PROXY header; handshake
	securing                    // the client's TLS handshake; handshake
	waiting                     // a request; idle or front_keepalive, connection_age_max
	reading                     // the rest of a request's head; idle, request_head
	queued                      // a backend with room; idle
	connecting                  // the backend's answer to the connect, then its TLS handshake; connect
	exchanging                  // bytes of the request or of the response; idle
	lingering                   // that the client takes the last bytes and closes; relay.LingerTime
)

// front is a client's connection: some 200 bytes, which is all that one costs between requests.
type front struct {
	node      wheel.Node // Ref is the front's index
	listener  *Listener
	x         *exchange        // from the first byte of a request until its response is delivered; while lingering, what is left of it
	header    *proxyproto.Ends // what the client's PROXY header said; nil without one
	held      *buf.Buffer      // bytes of the client that nobody has used: part of a head, a request for later
	id        uint64
	opened    int64 // when the client was accepted
	since     int64 // when the state began
	conn      relay.Conn
	peer      relay.Address       // of the client's socket
	clients   *acceptor.Addresses // where it is counted for the client's address; nil: it is not
	exchanges uint32              // begun so far
	index     uint32
	prev      uint32 // neighbours in the list of those that wait for a request, or in the queue; 0 = none, else index+1
	next      uint32
	state     state
}

// client returns the client's address as backends and logs should see it.
func (f *front) client() netip.AddrPort {
	if f.header != nil && f.header.Source.IsValid() {
		return f.header.Source
	}
	return f.peer.Unpack()
}

// word returns what `lull conns` calls the state. One that exchanges is told by what it waits for.
func (f *front) word() string {
	switch f.state {
	case awaitingHeader:
		return "proxy-header"
	case securing:
		return "handshake"
	case waiting:
		return "waiting"
	case reading:
		return "head"
	case queued:
		return "queued"
	case connecting:
		return "connecting"
	case lingering:
		return "lingering"
	case exchanging:
		switch {
		case f.x.status != 0:
			return "response"
		case f.x.request.Done():
			return "answer"
		}
		return "request"
	case free:
	}
	return "free"
}

// list is a list of fronts, oldest first. A front is in the list of its state, or in none.
type list struct {
	head, tail uint32 // 0 = none, else index+1
	count      int
}

func (l *list) add(t *relay.Table[front], f *front) {
	f.prev, f.next = l.tail, 0
	if l.tail != 0 {
		t.At(l.tail - 1).next = f.index + 1
	} else {
		l.head = f.index + 1
	}
	l.tail = f.index + 1
	l.count++
}

// insert adds a front before the one that next tells, or at the end if that is 0.
func (l *list) insert(t *relay.Table[front], f *front, next uint32) {
	if next == 0 {
		l.add(t, f)
		return
	}
	after := t.At(next - 1)
	f.prev, f.next = after.prev, next
	if f.prev != 0 {
		t.At(f.prev - 1).next = f.index + 1
	} else {
		l.head = f.index + 1
	}
	after.prev = f.index + 1
	l.count++
}

func (l *list) remove(t *relay.Table[front], f *front) {
	if f.prev != 0 {
		t.At(f.prev - 1).next = f.next
	} else {
		l.head = f.next
	}
	if f.next != 0 {
		t.At(f.next - 1).prev = f.prev
	} else {
		l.tail = f.prev
	}
	f.prev, f.next = 0, 0
	l.count--
}

// enter is the one place where a front's state changes.
func (p *Proxy) enter(f *front, s state) {
	switch f.state {
	case waiting, awaitingHeader, securing:
		p.waiters.remove(&p.fronts, f)
	case queued:
		p.leaveQueue(f)
	case free, reading, connecting, exchanging, lingering:
	}
	f.state = s
	f.since = p.loop.Now()
	switch s {
	case waiting, awaitingHeader, securing:
		p.waiters.add(&p.fronts, f)
	case queued:
		p.queue.add(&p.fronts, f)
	case free, reading, connecting, exchanging, lingering:
	}
	p.rearm(f)
}

// rearm makes the front's timer fire no later than it must. One that is early already is left: it costs less to let it fire
// once in vain than to move it with every request.
func (p *Proxy) rearm(f *front) {
	if d := p.deadline(f); !f.node.Armed() || d.At < f.node.When() {
		p.loop.Wheel.Arm(&f.node, d.At)
	}
}

// firstRequestGrace is what a drain leaves to a connection that has not brought its first request: it was accepted a moment
// ago, and the request is on its way.
const firstRequestGrace = int64(1e9)

// deadline returns when the front must end, or its state must, as things stand.
func (p *Proxy) deadline(f *front) timeout.Deadline {
	var d timeout.Deadline
	s := f.timeouts()
	switch f.state {
	case awaitingHeader, securing:
		d = s.HandshakeDeadline(f.since)
	case waiting:
		d = s.WaitDeadline(f.since, f.opened)
		if e := f.listener.closing; e != nil {
			began := e.At - int64(s.Drain)
			d = d.Earlier(timeout.Deadline{At: min(e.At, began+firstRequestGrace), Why: reason.Drained, Timer: "drain", Setting: s.Drain})
		}
		return d
	case reading, exchanging:
		t := f.x.times()
		d = s.ExchangeDeadline(&t)
	case queued:
		d = s.QueueDeadline(f.since - f.x.queuedNS) // it may have left its place in vain
	case connecting:
		d = s.ConnectDeadline(f.since)
	case lingering:
		return timeout.Deadline{At: f.since + int64(relay.LingerTime), Timer: "linger", Setting: relay.LingerTime}
	case free:
		return timeout.Deadline{At: timeout.Never}
	}
	if e := f.listener.closing; e != nil {
		d = d.Earlier(timeout.Deadline{At: e.At, Why: e.Why, Timer: "drain", Setting: s.Drain})
	}
	if f.x != nil && f.x.backend != nil {
		if e := f.x.backend.Closing(); e != nil {
			d = d.Earlier(timeout.Deadline{At: e.At, Why: e.Why, Timer: "drain", Setting: s.Drain})
		}
	}
	return d
}
