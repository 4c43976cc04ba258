package tcpproxy

import (
	"net/netip"

	"lull/internal/dataplane/acceptor"
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/proxyproto"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/stats"
	"lull/internal/dataplane/timeout"
	"lull/internal/dataplane/wheel"
)

// state is where a pair of connections is in its life. Each line says what it waits for and which timer is armed.
//
//	free ──Take──▶ awaitingHeader ──header──▶ securing ──handshake──▶ connecting ──writable, handshake──▶ relaying ──▶ free
//	  └──Take (no PROXY header wanted)───────────▲ │                    ▲ │  ▲ │ refused, timed out: next       both FINs, reset,
//	                                             └─┴─(no TLS)───────────┘ └──┴─┘                               timer
//	any of them ──closed by lull with bytes still under way──▶ lingering ──taken, timer──▶ free
type state uint8

const (
	free           state = iota // nothing; no timer
	awaitingHeader              // the client's PROXY header; handshake
	securing                    // the client's TLS handshake; handshake
	connecting                  // the backend's answer to the connect, then its TLS handshake; connect
	relaying                    // bytes, a FIN or a reset from either side; idle and connection_age_max
	lingering                   // that the peers take the last bytes and close; lingerTime
)

//nolint:gochecknoglobals // names of the constants above, in their order
var stateNames = [...]string{"free", "proxy-header", "handshake", "connecting", "relaying", "lingering"}

// String returns the word that `lull conns` shows.
func (s state) String() string { return stateNames[s] }

// waits reports whether a pair has not begun its work in this state: it may be given up for others (PR-03).
func (s state) waits() bool { return s == awaitingHeader || s == securing }

// The two legs of a pair, and the two flows: flow d runs from leg d to leg 1-d.
const (
	client = 0 // leg: the front-end connection; flow: client→backend, "up"
	server = 1 // leg: the back-end connection; flow: backend→client, "down"
)

// pair is a front-end connection and its back-end connection. About 300 bytes, which is all that an idle one costs
// lull; fields are kept small for that, and plain, so that another process can take them over one day.
type pair struct {
	node     wheel.Node // Ref is the pair's index
	listener *Listener
	backend  *backend.Backend // chosen; counted there until released
	attempts *attempts        // what failed so far; nil if nothing did
	header   *proxyproto.Ends // what the client's PROXY header said; nil without one
	id       uint64
	opened   int64 // when the client was accepted
	since    int64 // when the state began
	connect  int64 // how long the successful connect took, -1 until then
	legs     [2]relay.Conn
	flows    [2]relay.Flow
	peer     relay.Address // of the client's socket
	target   relay.Address // of the backend's socket
	state    state
	firstFIN reason.Reason // ClientClosed or BackendClosed, whichever came first
	index    uint32
	// exchanges is above 0 on what was an HTTP connection until an Upgrade; its back-end connection is counted as one of HTTP.
	exchanges uint32
	exchange  *record.Exchange // the record of what became this tunnel; nil without an Upgrade
	site      *site            // of that exchange; nil without
	set       *stats.Set       // counts for the backend set of that exchange; nil without
	clients   *acceptor.Addresses
	waitPrev  uint32 // neighbours in the list of those that wait for their PROXY header or handshake
	waitNext  uint32
}

// attempts is what a pair remembers of connects that failed.
type attempts struct {
	tried    []*backend.Backend
	last     reason.Reason
	deadline timeout.Deadline // the connect limit, if that is how the last one failed
	fault    string           // what was wrong with the last one's TLS
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

// clientAddress returns the client's address as backends and logs should see it.
func (c *pair) clientAddress() netip.AddrPort {
	if c.header != nil && c.header.Source.IsValid() {
		return c.header.Source
	}
	return c.peer.Unpack()
}
