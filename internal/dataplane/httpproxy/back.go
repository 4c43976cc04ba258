package httpproxy

import (
	"lull/internal/dataplane/backend"
	"lull/internal/dataplane/buf"
	"lull/internal/dataplane/relay"
	"lull/internal/dataplane/tlsio"
	"lull/internal/dataplane/wheel"
)

// backState is where a back-end connection is in its life.
//
//	backFree ──connect──▶ backConnecting ──writable──▶ backSecuring ──handshake──▶ backBusy ◀──put, reuse──▶ backPooled
//	                                         └──────────(no TLS)─────────────────────▲
//	any ──closed──▶ backFree
type backState uint8

const (
	backFree       backState = iota
	backConnecting           // the answer to the connect; the front's timer
	backSecuring             // the rest of its TLS handshake; the front's timer
	backBusy                 // its exchange; the front's timer
	backPooled               // a request, or its time to end; idle or back_keepalive
)

// back is a connection to a backend. It is counted there (OpenConn) for as long as it is open.
type back struct {
	node       wheel.Node // Ref is the back's index; it only ever ends a stay in the pool
	backend    *backend.Backend
	listener   *Listener // for which it worked last
	x          *exchange // nil in the pool
	held       *buf.Buffer
	id         uint64
	opened     int64
	since      int64         // when it came into the pool, or when the connect began
	tls        *tlsio.Client // that its handshake was made by; nil: plain
	sent       uint64        // bytes written in its life, as they are on the wire
	sentBefore uint64        // of these, before the exchange at hand: what SH-09 compares acknowledgements with
	conn       relay.Conn
	target     relay.Address
	exchanges  uint32
	index      uint32
	state      backState
}
