// Package tcpproxy provides the TCP proxy: the state machine of a front-end connection and its back-end connection.
//
// One Proxy belongs to each loop and runs on its thread only. An acceptor gives it connections (Take), the loop calls
// it for descriptors and timers, the engine for plan changes and snapshots (through loop.Post).
//
// Bytes go from one socket's read straight to the other's write; only what the receiving side does not take is kept,
// in a buffer on loan, and the sending side is not read meanwhile: that is the back-pressure, at most 64 KiB a
// direction, or 128 KiB inside a pipe. A direction that has shown itself bulky is spliced (splice.go). Nothing is
// registered or armed on the way: activity only stores the time, and the timer, when it fires, asks package timeout
// for the deadline as it stands then.
//
// Files in the order of a connection's life: tcpproxy.go (taking over, events, timers), header.go (PROXY header), secure.go
// (TLS handshakes, with both sides), connect.go, relay.go, splice.go, finish.go (every way to end), listener.go and show.go (plan changes, views).
//
// Follows RFC 9293 §3.6 (half-close, reset); rules TO-01..TO-12, SH-01, DI-13, PR-02, PR-03 of spec/timeouts.md.
package tcpproxy

import (
	"net/netip"
	"sync/atomic"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/tlsio"
	"lull/internal/dataplane/wheel"
)

// Proxy is the TCP proxy of one loop.
type Proxy struct {
	// Fixed after New.
	loop  *loop.Loop
	pool  *buf.Pool
	log   *record.Log
	ends  *record.Exchanges // takes those that had become tunnels
	limit *acceptor.Limit
	load  *atomic.Int64 // connections of this loop; whoever brings one adds one, release takes it off
	ids   *record.IDs
	area  *tlsio.Area

	// Owned by the loop.
	pairs     relay.Table[pair]
	listeners map[plan.ListenerKey]*Listener
	leaving   map[plan.ListenerKey]*Listener // those of them that the plan does not have any more
	applied   uint64                         // counts the changes
	closed    []record.Close                 // of this turn
	ended     []record.Exchange
	room      *bool  // see TellRoom
	waitHead  uint32 // list of pairs that wait for their PROXY header or handshake, longest waiting first; 0 = none, else index+1
	waitTail  uint32
}

// Options is what a Proxy works with.
type Options struct {
	Loop      *loop.Loop
	IDs       *record.IDs
	Pool      *buf.Pool
	Log       *record.Log
	Exchanges *record.Exchanges
	Limit     *acceptor.Limit
	Load      *atomic.Int64 // connections of this loop; whoever brings one adds one, release takes it off
	TLS       *tlsio.Area   // nil: one of its own
}

// New returns the proxy of a loop.
func New(o Options) *Proxy {
	p := &Proxy{loop: o.Loop, pool: o.Pool, log: o.Log, ends: o.Exchanges, limit: o.Limit, load: o.Load, ids: o.IDs,
		area: o.TLS, listeners: map[plan.ListenerKey]*Listener{},
		leaving: map[plan.ListenerKey]*Listener{}, room: new(bool)}
	if p.area == nil {
		p.area = tlsio.NewArea()
	}
	o.Loop.Handle(loop.TCPPair, p)
	return p
}

// Take makes an accepted connection the front-end connection of a new pair. The caller has counted it in the limit
// and in the loop's load.
func (p *Proxy) Take(fd int, peer netip.AddrPort, key plan.ListenerKey) {
	now := p.loop.Touch()
	listener := p.listeners[key]
	c := p.takePair()
	if listener == nil || p.loop.Register(fd, loop.TCPPair, c.ref(client), loop.ReadEvents) != 0 {
		p.refuse(c, fd)
		return
	}
	c.id = p.ids.Next()
	c.listener = listener
	c.opened, c.since, c.connect = now, now, -1
	c.legs = [2]relay.Conn{{FD: int32(fd), Marks: relay.Writable | relay.Hasty}, {FD: -1}}
	c.peer = relay.Pack(peer)
	c.node.Ref, c.node.Kind = c.index, uint8(loop.TCPPair)
	listener.open++
	listener.Stats.Accepted.Add(1)
	if listener.plan.ProxyAccept {
		p.enter(c, awaitingHeader)
		return
	}
	p.welcome(c)
}

// welcome goes on with a client whose address is known: with the TLS handshake if its listener wants one.
func (p *Proxy) welcome(c *pair) {
	if c.listener.tls == nil {
		p.connect(c)
		return
	}
	c.legs[client].TLS = c.listener.tls.New(p.area, p.teller(c))
	c.legs[client].Set(relay.Readable) // it may have begun already
	p.enter(c, securing)
	p.shakeFront(c)
}

func (p *Proxy) takePair() *pair {
	c, index := p.pairs.Take()
	c.index = index
	return c
}

// refuse drops a connection for which there is no listener any more, or which cannot be watched.
func (p *Proxy) refuse(c *pair, fd int) {
	sys.Close(fd)
	p.pairs.GiveBack(c.index)
	p.load.Add(-1)
	p.limit.Release()
}

// ref returns the loop's reference to one leg of the pair.
func (c *pair) ref(side uint32) uint32 { return c.index<<1 | side }

// Ready handles events on a leg; see loop.Handler.
func (p *Proxy) Ready(ref, events uint32) {
	c := p.pairs.At(ref >> 1)
	c.legs[ref&1].Mark(events)
	switch c.state {
	case relaying:
		p.relay(c)
	case connecting:
		p.whileConnecting(c, ref&1, events)
	case awaitingHeader:
		p.readHeader(c)
	case securing:
		p.shakeFront(c)
	case lingering:
		p.linger(c)
	case free:
		panic("tcpproxy: an event for a pair that does not exist")
	}
}

// Expired handles the pair's timer. Activity does not move a timer, so it may have fired early; then it is armed anew.
func (p *Proxy) Expired(n *wheel.Node) {
	c := p.pairs.At(n.Ref)
	if p.loop.Behind() && !p.look(c) {
		return
	}
	d := p.deadline(c)
	now := p.loop.Touch()
	if d.At > now {
		p.loop.Wheel.Arm(n, d.At)
		c.trim()
		if c.state == lingering {
			p.linger(c) // a doomed leg
		}
		return
	}
	switch {
	case c.state == lingering:
		p.giveUp(c)
	case c.state == connecting && d.Why == reason.ConnectTimeout:
		p.connectFailed(c, reason.ConnectTimeout, d)
	default:
		p.timeOut(c, d)
	}
}

// look takes what lies in the pair's sockets, of which no event may have told yet (TO-01, TO-10). It reports whether the
// pair is still to be judged by its timer.
func (p *Proxy) look(c *pair) bool {
	id, s := c.id, c.state
	switch s {
	case relaying:
		c.legs[client].Set(relay.Readable | relay.Writable)
		c.legs[server].Set(relay.Readable | relay.Writable)
		p.relay(c)
	case awaitingHeader:
		p.readHeader(c)
	case securing:
		c.legs[client].Set(relay.Readable)
		p.shakeFront(c)
	case connecting, lingering, free:
	}
	return c.id == id && c.state == s
}

// deadline returns when the pair must end, or its state must, as things stand.
func (p *Proxy) deadline(c *pair) timeout.Deadline {
	var d timeout.Deadline
	s := c.limits()
	switch c.state {
	case awaitingHeader, securing:
		d = s.HandshakeDeadline(c.since)
	case connecting:
		d = s.ConnectDeadline(c.since)
	case relaying:
		t := c.tunnel()
		d = s.TunnelDeadline(&t)
	case lingering:
		return timeout.Deadline{At: c.since + int64(relay.LingerTime), Why: reason.None, Timer: "linger", Setting: relay.LingerTime}
	case free:
		return timeout.Deadline{At: timeout.Never}
	}
	if e := c.listener.closing; e != nil {
		d = d.Earlier(timeout.Deadline{At: e.At, Why: e.Why, Timer: "drain", Setting: s.Drain})
	}
	if c.backend != nil {
		if e := c.backend.Closing(); e != nil {
			d = d.Earlier(timeout.Deadline{At: e.At, Why: e.Why, Timer: "drain", Setting: s.Drain})
		}
	}
	return d
}

func (c *pair) tunnel() timeout.Tunnel {
	return timeout.Tunnel{Opened: c.opened, Relaying: c.since, LastUp: c.flows[client].Last, LastDown: c.flows[server].Last,
		Upgraded: c.exchanges > 0}
}

// rearm makes the pair's timer fire no later than it must. A timer that is early already is left: it costs less to let
// it fire once in vain than to move it.
func (p *Proxy) rearm(c *pair) {
	if d := p.deadline(c); !c.node.Armed() || d.At < c.node.When() {
		p.loop.Wheel.Arm(&c.node, d.At)
	}
}

// enter is the one place where a pair's state changes. The new state's timer is armed exactly: left at the connect limit,
// thousands of idle pairs would each wake the loop once in vain.
func (p *Proxy) enter(c *pair, s state) {
	if c.state.waits() {
		p.waitRemove(c)
	}
	c.state = s
	c.since = p.loop.Now()
	if s.waits() {
		p.waitAppend(c)
	}
	p.loop.Wheel.Arm(&c.node, p.deadline(c).At)
}

// TurnEnd hands over the records of the connections that ended in this turn; see loop.Handler.
func (p *Proxy) TurnEnd() {
	if len(p.closed) == 0 {
		return
	}
	if len(p.ended) > 0 { // first, as exchanges end before their connections do
		p.ends.Append(p.ended)
		clear(p.ended)
		p.ended = p.ended[:0]
	}
	p.log.Append(p.closed)
	clear(p.closed)
	p.closed = p.closed[:0]
}
