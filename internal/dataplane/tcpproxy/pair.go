package tcpproxy

import (
	"net/netip"

	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/wheel"
)

// state is where a pair of connections is in its life. Each line says what it waits for and which timer is armed.
//
//	free ──Take──▶ awaitingHeader ──header──▶ connecting ──writable──▶ relaying ──both FINs, reset, timer──▶ free
//	  └────Take (no PROXY header wanted)──────────▲  │ refused, timed out: next backend                        ▲
//	                                              └──┘                                                         │
//	awaitingHeader, connecting, relaying ──closed by lull with bytes still under way──▶ lingering ──taken, timer┘
type state uint8

const (
	free           state = iota // nothing; no timer
	awaitingHeader              // the client's PROXY header; handshake
	connecting                  // the backend's answer to the connect; connect
	relaying                    // bytes, a FIN or a reset from either side; idle and connection_age_max
	lingering                   // that the peers take the last bytes and close; lingerTime
)

//nolint:gochecknoglobals // names of the constants above, in their order
var stateNames = [...]string{"free", "proxy-header", "connecting", "relaying", "lingering"}

// String returns the word that `lull conns` shows.
func (s state) String() string { return stateNames[s] }

// The two legs of a pair, and the two flows: flow d runs from leg d to leg 1-d.
const (
	client = 0 // leg: the front-end connection; flow: client→backend, "up"
	server = 1 // leg: the back-end connection; flow: backend→client, "down"
)

// leg is one of the two connections. The marks remember what edge-triggered epoll says only once.
type leg struct {
	fd    int32 // -1: not open
	marks marks
}

type marks uint16

const (
	readable marks = 1 << iota // there may be bytes, an end or an error to read
	writable                   // the socket may take bytes
	ending                     // a FIN or an error is there behind the bytes
	ended                      // the end of the stream was read
	finished                   // our FIN was sent: nothing more may be written
	failed                     // the peer reset the connection, or the network did
	hasty                      // Nagle's algorithm is off
	watched                    // its events tell when it can be written
	urgent                     // it had urgent data: a short read does not mean that nothing is left
	doomed                     // its peer gets an RST once it has acknowledged what was sent
)

func (l *leg) is(m marks) bool { return l.marks&m != 0 } // any of them
func (l *leg) set(m marks)     { l.marks |= m }
func (l *leg) clear(m marks)   { l.marks &^= m }
func (l *leg) open() bool      { return l.fd >= 0 }

// flow is one direction of a relay. It holds bytes only while the receiving side would block, and then either in held
// or in pipe.
type flow struct {
	last  int64  // when a byte last moved, 0 = never
	first int64  // when the first byte was passed on, 0 = never
	bytes uint64 // taken from the sending side
	held  *buf.Buffer
	pipe  *buf.Pipe
	bulk  uint8 // how sure we are that this is bulk; see splice.go
}

// pending returns how many bytes wait for the receiving side.
func (f *flow) pending() int {
	n := 0
	if f.held != nil {
		n = f.held.Len()
	}
	if f.pipe != nil {
		n += f.pipe.Len
	}
	return n
}

// pair is a front-end connection and its back-end connection. About 300 bytes, which is all that an idle one costs
// lull; fields are kept small for that, and plain, so that another process can take them over one day.
type pair struct {
	node     wheel.Node // Ref is the pair's index
	listener *Listener
	backend  *backend.Backend // chosen; counted there until released
	attempts *attempts        // what failed so far; nil if nothing did
	header   *proxyHeader     // what the client's PROXY header said; nil without one
	id       uint64
	opened   int64 // when the client was accepted
	since    int64 // when the state began
	connect  int64 // how long the successful connect took, -1 until then
	legs     [2]leg
	flows    [2]flow
	peer     address // of the client's socket
	target   address // of the backend's socket
	state    state
	firstFIN reason.Reason // ClientClosed or BackendClosed, whichever came first
	index    uint32
	waitPrev uint32 // neighbours in the list of those that wait for their PROXY header
	waitNext uint32
}

// attempts is what a pair remembers of connects that failed.
type attempts struct {
	tried    []*backend.Backend
	last     reason.Reason
	deadline timeout.Deadline // the connect limit, if that is how the last one failed
}

// tried returns the backends that a connect failed to.
func (c *pair) tried() []*backend.Backend {
	if c.attempts == nil {
		return nil
	}
	return c.attempts.tried
}

// lastFailure returns why there is no back-end connection: because the last connect failed, or there was none to try.
func (c *pair) lastFailure() reason.Reason {
	if c.attempts == nil {
		return reason.NoBackend
	}
	return c.attempts.last
}

// proxyHeader is what a client's PROXY header said.
type proxyHeader struct{ source, dest netip.AddrPort }

// address is a netip.AddrPort in 20 bytes without a pointer.
type address struct {
	ip   [16]byte // IPv4 as IPv4-mapped
	port uint16
	set  bool
}

func packAddress(a netip.AddrPort) address {
	if !a.IsValid() {
		return address{}
	}
	return address{a.Addr().As16(), a.Port(), true}
}

func (a *address) unpack() netip.AddrPort {
	if !a.set {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(a.ip).Unmap(), a.port)
}

// clientAddress returns the client's address as backends and logs should see it.
func (c *pair) clientAddress() netip.AddrPort {
	if c.header != nil && c.header.source.IsValid() {
		return c.header.source
	}
	return c.peer.unpack()
}

// table holds the pairs of a loop in chunks that never move, so that timer nodes may point into them.
type table struct {
	chunks []*[chunkPairs]pair
	free   []uint32
	used   int
}

// chunkPairs: a chunk of 64 pairs is about 20 KiB, little enough that a quiet lull stays small.
const chunkPairs = 64

func (t *table) at(index uint32) *pair { return &t.chunks[index/chunkPairs][index%chunkPairs] }

// size returns the number of pairs there is room for: indexes are below it.
func (t *table) size() uint32 { return uint32(len(t.chunks) * chunkPairs) }

func (t *table) take() *pair {
	if len(t.free) == 0 {
		t.grow()
	}
	index := t.free[len(t.free)-1]
	t.free = t.free[:len(t.free)-1]
	t.used++
	c := t.at(index)
	c.index = index
	return c
}

func (t *table) grow() {
	first := t.size()
	t.chunks = append(t.chunks, new([chunkPairs]pair))
	for i := range uint32(chunkPairs) {
		t.free = append(t.free, first+chunkPairs-1-i) // lowest last, so it is taken first
	}
}

// giveBack frees a pair whose timer is not armed.
func (t *table) giveBack(c *pair) {
	index := c.index
	*c = pair{}
	t.free = append(t.free, index)
	t.used--
}
