// Package record provides what lull knows of a connection, Live while it is open and Close once it has ended, and of an
// HTTP exchange once it has ended.
//
// The loops fill these values; access log, event stream, `lull conns` and `lull explain` only read them. Durations of
// -1 mean "never happened". Plain values, safe to copy anywhere. What has ended is remembered in rings, Log and
// Exchanges, to which the loops append and which any number of readers follow together as a History.
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
	Protocol     string         // of the listener: "tcp", "ssl", "http", "https"
	Client       netip.AddrPort // as accepted, or as the client's PROXY header says
	Peer         netip.AddrPort // the socket's own peer: differs from Client only behind a PROXY header
	Local        netip.AddrPort // the listener's address
	BackendAddr  netip.AddrPort // the address connected to; invalid until then
	Tried        string         // the backends that could not be reached before Backend, with ", " between them; empty usually
}

// HTTP says whether the connection was there for exchanges.
func (e *Ends) HTTP() bool { return e.Protocol == "http" || e.Protocol == "https" }

// Secure says whether clients speak TLS.
func (e *Ends) Secure() bool { return e.Protocol == "ssl" || e.Protocol == "https" }

// NameMax is where the name of a host that a stranger asked for is cut: DNS has none of more than 253 bytes, a ClientHello
// could carry one of 64 KiB. Whoever fills a record cuts.
const NameMax = 255

// TLS is what was agreed on in a handshake. The zero value stands for a plain connection, or for one whose handshake has
// not succeeded.
type TLS struct {
	Version    uint16 // as crypto/tls numbers them; package tlspolicy has the names
	Suite      uint16
	ServerName string        // that the client asked for; empty: none. At most NameMax bytes
	Subject    string        // of the peer's certificate, in the form of RFC 2253; empty: there was none. At most TextMax bytes
	Resumed    bool          // by a session ticket
	Took       time.Duration // from the start of the handshake to its end
}

// Secured is what both connections of a pair, or of an exchange, know of TLS.
type Secured struct {
	Front TLS
	Back  TLS
	// Fault says why a handshake failed, or what rule was broken, in words; empty without. It may quote what a stranger sent;
	// at most TextMax bytes.
	Fault string
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
	Exchanges    int           // HTTP exchanges begun; 0 for TCP
	Upgraded     bool          // HTTP that became a tunnel
	PendingUp    int           // bytes taken from the client that the backend has not accepted
	PendingDown  int           // bytes taken from the backend that the client has not accepted
	HalfClosed   string        // "": both open; "client" or "backend": that side has sent its FIN
	ConnectedAt  time.Duration // from accept to the back-end connection; -1 none
}

// Never is the duration of something that has not happened.
const Never = time.Duration(-1)

// Span returns the time between two instants, or Never if one of them has not come, which is then 0.
func Span(from, to int64) time.Duration {
	if from == 0 || to == 0 {
		return Never
	}
	return time.Duration(to - from)
}

// Live is a snapshot of an open connection.
type Live struct {
	ID     uint64
	Ends   Ends
	TLS    Secured
	Pooled bool // a back-end connection that no exchange uses
	// State is "proxy-header", "handshake", "connecting", "relaying" or "lingering"; of an HTTP connection also "waiting" (for a request),
	// "head", "queued", "request" (its body), "answer" (waiting for the response), "response", and of a pooled one "pooled".
	State string
	Age   time.Duration
	Traffic
	Timer   string        // the setting that rules the next deadline, as lull.yaml calls it
	Setting time.Duration // its value
	// TimerFlow is "up" (client→backend) or "down" if the timer is that of one direction.
	TimerFlow string
	Why       reason.Reason // what the close will be recorded as
	FiresIn   time.Duration // until then; negative if it is due
}

// Close is everything known of a connection that has ended. A back-end connection that ended in the pool has a record of
// its own, without a client and with the listener whose request it served last; the others end with their client's.
type Close struct {
	ID     uint64
	Pooled bool // a back-end connection that no exchange used
	Ends   Ends
	TLS    Secured
	Reason reason.Reason
	Side   reason.Side // who ended it; usually the reason's own side
	Opened time.Time
	Closed time.Time
	Age    time.Duration
	Traffic
	Timer   string        // the setting whose timer fired; empty if none did
	Setting time.Duration // its value
	// TimerFlow is "up" (client→backend) or "down" if the timer is that of one direction.
	TimerFlow   string
	ArmedAt     time.Duration // when that timer was last armed, after accept; meaningful only with Timer
	Late        time.Duration // how long after its deadline the close began; meaningful only with Timer
	PoolTimer   string        // Pooled: the setting after which lull closes it, whoever did; otherwise empty
	PoolSetting time.Duration // its value
}

// Unused returns how long a pooled connection had carried nothing when it ended.
func (c *Close) Unused() time.Duration {
	if c.QuietUp < 0 || c.QuietDown < 0 {
		return c.Age
	}
	return min(c.QuietUp, c.QuietDown)
}
