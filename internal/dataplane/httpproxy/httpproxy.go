package httpproxy

import (
	"math"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/connpool"
	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/loop"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/rules"
	"lull/internal/dataplane/sys"
	"lull/internal/dataplane/tcpproxy"
	"lull/internal/dataplane/tlsio"
	"lull/internal/dataplane/wheel"
)

const (
	// stepsMax bounds what one client's connection does before the others of the loop have their turn: pipelined requests
	// that lull answers itself, for example.
	stepsMax = 32
	// turnBytesMax bounds what one direction of an exchange moves in a turn: about 100 µs of copying.
	turnBytesMax = 512 << 10
	// readBytes is how much is read at once, behind what is held of a head: a response of 64 KiB with its head takes one read
	// and one write.
	readBytes = 96 << 10
)

// Options is what a Proxy works with; all of it but Tunnels is shared with the TCP proxy of the loop.
type Options struct {
	Loop      *loop.Loop
	IDs       *record.IDs
	Pool      *buf.Pool
	Log       *record.Log
	Exchanges *record.Exchanges
	Limit     *acceptor.Limit
	Load      *atomic.Int64 // connections of this loop; whoever brings one adds one, release takes it off
	TLS       *tlsio.Area   // nil: one of its own
	Tunnels   *tcpproxy.Proxy
}

// Proxy is the HTTP proxy of one loop.
type Proxy struct {
	// Fixed after New.
	loop    *loop.Loop
	ids     *record.IDs
	pool    *buf.Pool
	log     *record.Log
	records *record.Exchanges
	limit   *acceptor.Limit
	load    *atomic.Int64
	area    *tlsio.Area
	tunnels *tcpproxy.Proxy
	peers   []*Proxy // of the other loops; see SetPeers

	// Owned by the loop.
	fronts    relay.Table[front]
	backs     relay.Table[back]
	spare     []*exchange
	active    int // exchanges on loan
	listeners map[plan.ListenerKey]*Listener
	leaving   map[plan.ListenerKey]*Listener // those of them that the plan does not have any more, or not with HTTP
	applied   uint64                         // counts the changes
	idle      connpool.Pool[*backend.Backend]
	waiters   list // fronts that wait for a request, a PROXY header or a TLS handshake
	queue     list // fronts whose requests wait for a backend with room
	room      bool // something ended in this turn that the queue may have waited for
	closed    []record.Close
	ended     []record.Exchange
	in        []byte     // what is read, behind what was held of it; valid until the next read
	out       []byte     // what is about to be written
	lines     []byte     // field lines for the head that is written
	addr      [64]byte   // an address as text
	head      http1.Head // of the message at hand
	trailers  http1.Head
	edit      http1.Edit
	asked     rules.Request // the request at hand, for the table of its site
	random    *rand.ChaCha8 // what ids of requests are made of
	date      date

	// Atomic.
	queuedHere atomic.Int64 // length of queue, for the other loops
	oldest     atomic.Int64 // since when the first in the queue has waited, math.MaxInt64 without
	poked      atomic.Bool  // a look at the queue is on its way
	pooled     atomic.Int64 // length of the pool, for whoever counts
}

// New returns the proxy of a loop.
func New(o Options) *Proxy {
	p := &Proxy{loop: o.Loop, ids: o.IDs, pool: o.Pool, log: o.Log, records: o.Exchanges, limit: o.Limit, load: o.Load,
		area: o.TLS, tunnels: o.Tunnels, listeners: map[plan.ListenerKey]*Listener{},
		leaving: map[plan.ListenerKey]*Listener{}, random: newRandom()}
	if p.area == nil {
		p.area = tlsio.NewArea()
	}
	p.oldest.Store(math.MaxInt64)
	p.makeRoom(plan.HeadMaxDefault)
	o.Tunnels.TellRoom(&p.room)
	o.Loop.Handle(loop.HTTPFront, fronts{p})
	o.Loop.Handle(loop.HTTPBack, backs{p})
	return p
}

// SetPeers tells the proxy of those of the other loops. Before the loops run.
func (p *Proxy) SetPeers(all []*Proxy) {
	for _, q := range all {
		if q != p {
			p.peers = append(p.peers, q)
		}
	}
}

// makeRoom makes the areas for heads of up to headMax bytes: a read behind a part of a head, and a request that is repeated
// with what has been read behind it.
func (p *Proxy) makeRoom(headMax int) {
	if size := headMax + readBytes + replayMax; len(p.in) < size {
		p.in = make([]byte, size)
	}
}

// fronts and backs are the proxy as the loop's handler of either kind of connection.
type (
	fronts struct{ p *Proxy }
	backs  struct{ p *Proxy }
)

// Take makes an accepted connection a client's. The caller has counted it in the limit and in the loop's load.
func (p *Proxy) Take(fd int, peer netip.AddrPort, key plan.ListenerKey) {
	now := p.loop.Touch()
	listener := p.listeners[key]
	f, index := p.fronts.Take()
	if listener == nil || p.loop.Register(fd, loop.HTTPFront, index, loop.ReadEvents) != 0 {
		sys.Close(fd)
		p.fronts.GiveBack(index)
		p.load.Add(-1)
		p.limit.Release()
		return
	}
	f.index, f.listener, f.id, f.opened = index, listener, p.ids.Next(), now
	f.conn = relay.Conn{FD: int32(fd), Marks: relay.Writable}
	f.peer = relay.Pack(peer)
	f.node.Ref, f.node.Kind = index, uint8(loop.HTTPFront)
	listener.open++
	listener.Stats.Accepted.Add(1)
	if listener.plan.ProxyAccept {
		p.enter(f, awaitingHeader)
		return
	}
	if p.count(f) {
		p.welcome(f)
	}
}

// Ready handles events on a client's connection; see loop.Handler.
func (h fronts) Ready(ref, events uint32) {
	f := h.p.fronts.At(ref)
	f.conn.Mark(events)
	h.p.serve(f)
}

// serve goes on with a client's connection as far as that is possible now.
func (p *Proxy) serve(f *front) {
	for range stepsMax {
		if !p.step(f) {
			return
		}
	}
	p.loop.Again(int(f.conn.FD))
}

// step does what the state of f calls for, and reports whether there may be more to do at once.
func (p *Proxy) step(f *front) (more bool) {
	switch f.state {
	case waiting:
		return p.readFirst(f)
	case reading:
		return p.readRest(f)
	case exchanging:
		return p.exchange(f)
	case queued, connecting:
		if f.conn.Is(relay.Failed) {
			p.clientGone(f)
		}
	case awaitingHeader:
		return p.readHeader(f)
	case securing:
		return p.shakeFront(f)
	case lingering:
		p.linger(f)
	case free: // it ended in an earlier step
	}
	return false
}

// Expired handles a client's timer. Activity does not move a timer, so it may have fired early; then it is armed anew.
func (h fronts) Expired(n *wheel.Node) {
	p, f := h.p, h.p.fronts.At(n.Ref)
	if p.loop.Behind() && !p.look(f) {
		return
	}
	d := p.deadline(f)
	if d.At > p.loop.Touch() {
		p.loop.Wheel.Arm(n, d.At)
		if f.state == lingering {
			p.linger(f) // a doomed connection
		}
		return
	}
	switch f.state {
	case waiting, awaitingHeader, securing:
		p.closeFront(f, d.Why, d)
	case connecting:
		if d.Why == reason.ConnectTimeout {
			p.connectFailed(f, reason.ConnectTimeout, d)
			p.serve(f)
			return
		}
		p.timeOut(f, d)
	case reading, queued, exchanging:
		p.timeOut(f, d)
	case lingering:
		p.giveUp(f)
	case free:
		panic("httpproxy: a timer of a connection that does not exist")
	}
}

// look takes what lies in the sockets, of which no event may have told yet (TO-01, TO-10). It reports whether f is still to
// be judged by its timer.
func (p *Proxy) look(f *front) bool {
	id, s := f.id, f.state
	f.conn.Set(relay.Readable | relay.Writable)
	if f.x != nil && f.x.back != nil && f.x.back.state == backBusy {
		f.x.back.conn.Set(relay.Readable | relay.Writable)
	}
	p.serve(f)
	if f.id != id || f.state != s {
		p.rearmIfNeeded(f)
		return false
	}
	return true
}

// rearmIfNeeded arms the timer of a front that has gone on while its timer was being handled.
func (p *Proxy) rearmIfNeeded(f *front) {
	if f.state != free && !f.node.Armed() {
		p.rearm(f)
	}
}

// Ready handles events on a back-end connection; see loop.Handler.
func (h backs) Ready(ref, events uint32) {
	p, b := h.p, h.p.backs.At(ref)
	b.conn.Mark(events)
	switch b.state {
	case backBusy:
		p.serve(b.x.front)
	case backPooled:
		p.spoken(b)
	case backConnecting:
		f := b.x.front
		p.whileConnecting(f, b, events)
		p.serve(f)
	case backSecuring:
		f := b.x.front
		p.shakeBack(f)
		p.serve(f)
	case backFree:
		panic("httpproxy: an event for a back-end connection that does not exist")
	}
}

// Expired ends a stay in the pool, if it is over. A connection that works now has no use for the timer.
func (h backs) Expired(n *wheel.Node) {
	p, b := h.p, h.p.backs.At(n.Ref)
	if b.state != backPooled {
		return
	}
	if p.loop.Behind() {
		b.conn.Set(relay.Readable)
		if !p.spoken(b) {
			return
		}
	}
	d := b.listener.plan.Timeouts.PoolDeadline(b.since)
	if d.At > p.loop.Touch() {
		p.loop.Wheel.Arm(n, d.At)
		return
	}
	p.closePooled(b, reason.PoolIdle, d)
}

// TurnEnd lets waiting requests have what this turn made room for, and hands over the records of what ended; see loop.Handler.
func (h fronts) TurnEnd() {
	p := h.p
	if p.room {
		p.room = false
		if p.shareRoom(); p.room { // who had room taken away by another loop may have missed being poked
			p.Poke()
		}
	}
	if n := int64(p.idle.Len()); n != p.pooled.Load() {
		p.pooled.Store(n)
	}
	if len(p.ended) > 0 {
		p.records.Append(p.ended)
		clear(p.ended)
		p.ended = p.ended[:0]
	}
	if len(p.closed) > 0 {
		p.log.Append(p.closed)
		clear(p.closed)
		p.closed = p.closed[:0]
	}
}

// TurnEnd does nothing: the fronts' does it for both.
func (h backs) TurnEnd() {}

// read reads what is there into b. A count of 0 means that nothing came: the marks say whether nothing is there, or the
// stream has ended or failed.
func (p *Proxy) read(c *relay.Conn, b []byte) int {
	n, errno := c.Read(b)
	switch {
	case errno == unix.EINTR:
	case errno == unix.EAGAIN:
		c.Clear(relay.Readable)
	case errno != 0:
		c.Set(relay.Failed | relay.Ended)
		c.Clear(relay.Readable)
	case n == 0:
		c.AtEnd()
	case n < len(b):
		c.Short()
	}
	return n
}

// joinMax: up to this size a body is copied behind its head, which is cheaper than writing two pieces.
const joinMax = 8 << 10

// join makes a small body one piece with the head that is in p.out.
func (p *Proxy) join(head, body []byte) (h, b []byte) {
	if len(head) == 0 || len(body) == 0 || len(body) > joinMax {
		return head, body
	}
	p.out = append(head, body...)
	return p.out, nil
}

// send writes head and body to a connection, and keeps what it does not take. It returns how many bytes that makes on the
// wire. The flow holds nothing but what an earlier call of the same turn has kept.
func (p *Proxy) send(to *relay.Conn, f *relay.Flow, head, body []byte) (wire int) {
	wire = len(head) + len(body)
	if to.Is(relay.Failed) || wire == 0 {
		return wire
	}
	head, body, ok := to.Seal(head, body)
	if !ok {
		to.Broke(unix.EPIPE)
		return wire
	}
	wire = len(head) + len(body)
	p.write(to, f, head, body)
	return wire
}

// write is send for bytes as they go on the wire.
func (p *Proxy) write(to *relay.Conn, f *relay.Flow, head, body []byte) {
	if f.First != 0 {
		to.Hurry()
	}
	n, errno := 0, sys.Errno(0)
	switch {
	case f.Held != nil:
		rest := p.pool.KeepBoth(f.Held.Bytes(), head)
		p.pool.Return(f.Held)
		if f.Held = rest; len(body) > 0 {
			f.Held = p.pool.KeepBoth(rest.Bytes(), body)
			p.pool.Return(rest)
		}
		return
	case len(body) == 0:
		n, errno = sys.Write(int(to.FD), head)
	case len(head) == 0:
		n, errno = sys.Write(int(to.FD), body)
	default:
		n, errno = sys.WriteBoth(int(to.FD), head, body)
	}
	if errno != 0 && errno != unix.EAGAIN && errno != unix.EINTR {
		to.Broke(errno)
		return
	}
	switch {
	case n < len(head):
		f.Held = p.pool.KeepBoth(head[n:], body)
		to.Blocked(p.loop)
	case n < len(head)+len(body):
		f.Held = p.pool.Keep(body[n-len(head):])
		to.Blocked(p.loop)
	}
	f.Moved(p.loop)
}

// unhold copies what is held into p.in from at on, gives the buffer back and returns how many bytes there were.
func (p *Proxy) unhold(held **buf.Buffer, at int) int {
	if *held == nil {
		return 0
	}
	n := copy(p.in[at:], (*held).Bytes())
	p.pool.Return(*held)
	*held = nil
	return n
}
