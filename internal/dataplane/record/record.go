// Package record provides what lull knows of a connection: Live while it is open, Close once it has ended.
//
// The loops fill these values; access log, event stream, `lull conns` and `lull explain` only read them. Durations of
// -1 mean "never happened". Plain values, safe to copy anywhere.
package record

import (
	"net/netip"
	"time"

	"lull/internal/dataplane/reason"
)

// Ends names the parties of a pair of connections.
type Ends struct {
	LoadBalancer string
	Listener     string
	BackendSet   string
	Backend      string         // as configured, "host:port"; empty until one was chosen
	Protocol     string         // of the listener: "tcp"
	Client       netip.AddrPort // as accepted, or as the client's PROXY header says
	Peer         netip.AddrPort // the socket's own peer: differs from Client only behind a PROXY header
	Local        netip.AddrPort // the listener's address
	BackendAddr  netip.AddrPort // the address connected to; invalid until then
}

// Traffic is what moved on a pair.
type Traffic struct {
	BytesUp      uint64        // payload client→backend, as taken from the client
	BytesDown    uint64        // payload backend→client
	QuietUp      time.Duration // since the last byte client→backend; -1 none yet
	QuietDown    time.Duration // since the last byte backend→client; -1 none yet
	FirstUp      time.Duration // from accept to the first byte sent to the backend; -1 none
	FirstDown    time.Duration // from accept to the first byte from the backend; -1 none
	ConnectTook  time.Duration // time to connect to the backend that answered; -1 none did
	ConnectTries int           // backends tried
	Exchanges    int           // HTTP exchanges; 0 for TCP
	PendingUp    int           // bytes taken from the client that the backend has not accepted
	PendingDown  int           // bytes taken from the backend that the client has not accepted
	HalfClosed   string        // "": both open; "client" or "backend": that side has sent its FIN
	ConnectedAt  time.Duration // from accept to the back-end connection; -1 none
}

// Live is a snapshot of an open connection.
type Live struct {
	ID    uint64
	Ends  Ends
	State string // "proxy-header", "connecting", "relaying", "lingering"
	Age   time.Duration
	Traffic
	Timer   string        // the setting that rules the next deadline, as lull.yaml calls it
	Setting time.Duration // its value
	Why     reason.Reason // what the close will be recorded as
	FiresIn time.Duration // until then; negative if it is due
}

// Close is everything known of a connection that has ended.
type Close struct {
	ID     uint64
	Ends   Ends
	Reason reason.Reason
	Side   reason.Side // who ended it; usually the reason's own side
	Opened time.Time
	Closed time.Time
	Age    time.Duration
	Traffic
	Timer   string        // the setting whose timer fired; empty if none did
	Setting time.Duration // its value
	ArmedAt time.Duration // when that timer was last armed, after accept; meaningful only with Timer
	Late    time.Duration // how long after its deadline the close began; meaningful only with Timer
}
