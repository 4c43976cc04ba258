// Package reason provides the table of every way a connection or an exchange can end (rule TO-07).
//
// The data plane picks a Reason; access log, event stream, counters, `lull explain` and the documentation all read
// the same row of the table, so a reason means one thing everywhere. It is pure data: no sockets, no clocks. Add a
// row rather than stretch one.
package reason

// Reason says why a connection or an exchange ended. The zero value means that it has not ended.
type Reason uint8

// The reasons, in the order of spec/timeouts.md §5; the last four are additions of this implementation.
const (
	None Reason = iota
	ClientClosed
	BackendClosed
	ClientReset
	BackendReset
	ClientIdle
	RequestIdle
	ResponseIdle
	SendIdle
	UploadUnanswered
	DownloadUnasked
	TunnelIdle
	PoolIdle
	BackendClosedIdle
	RequestCap
	AgeCap
	HeadTooSlow
	HandshakeTimeout
	ConnectTimeout
	ConnectRefused
	NoBackend
	QueueFull
	BadRequest
	BadResponse
	TooLarge
	Drained
	DrainTimeout
	ListenerRemoved
	Reclaimed
	Shutdown
	HandedOver
	Internal
	ConnectUnreachable
	BadProxyHeader
	NoDescriptors
	BackendOffline
	count // the number of rows, not a reason
)

// Count is the number of reasons, None included: the length of an array indexed by Reason.
const Count = int(count)

// Side is where an end came from.
type Side uint8

// The sides of a pair of connections.
const (
	Inside   Side = iota // lull itself decided
	FrontEnd             // the client, or the connection to it
	BackEnd              // the backend, or the connection to it
)

// String returns the word used in logs and JSON.
func (s Side) String() string {
	switch s {
	case FrontEnd:
		return "front-end"
	case BackEnd:
		return "back-end"
	case Inside:
		return "lull"
	}
	return "lull"
}

// Info is one row of the table.
type Info struct {
	Code  string // stable name in logs, JSON, counters and documentation
	Side  Side   // who ended it
	Error bool   // false: an ordinary end (someone hung up, an idle timer did its work)
	Timer bool   // true: a timer of lull fired
	Text  string // completes "closed because …"
}

//nolint:gochecknoglobals // the table is the package
var table = [Count]Info{
	None:               {"none", Inside, false, false, "it has not ended"},
	ClientClosed:       {"client-closed", FrontEnd, false, false, "the client closed its side first"},
	BackendClosed:      {"backend-closed", BackEnd, false, false, "the backend closed its side first"},
	ClientReset:        {"client-reset", FrontEnd, true, false, "the client reset the connection"},
	BackendReset:       {"backend-reset", BackEnd, true, false, "the backend reset the connection"},
	ClientIdle:         {"client-idle", FrontEnd, false, true, "no request came within the idle time"},
	RequestIdle:        {"request-idle", FrontEnd, true, true, "the request stalled for the idle time"},
	ResponseIdle:       {"response-idle", BackEnd, true, true, "the backend was silent for the idle time"},
	SendIdle:           {"send-idle", FrontEnd, true, true, "the client read nothing for the idle time"},
	UploadUnanswered:   {"upload-unanswered", BackEnd, true, true, "the backend was silent during an upload for the idle time"},
	DownloadUnasked:    {"download-unasked", FrontEnd, true, true, "the client was silent during a download for the idle time"},
	TunnelIdle:         {"tunnel-idle", Inside, false, true, "no byte moved for the idle time"},
	PoolIdle:           {"pool-idle", Inside, false, true, "the pooled back-end connection was not used for its keep-alive time"},
	BackendClosedIdle:  {"backend-closed-idle", BackEnd, false, false, "the backend closed a pooled connection before lull did"},
	RequestCap:         {"request-cap", Inside, false, false, "the connection had carried as many requests as it may"},
	AgeCap:             {"age-cap", Inside, false, true, "the connection had reached its greatest age and fell quiet"},
	HeadTooSlow:        {"head-too-slow", FrontEnd, true, true, "the request head took too long to arrive"},
	HandshakeTimeout:   {"handshake-timeout", FrontEnd, true, true, "the TLS handshake or the PROXY header did not arrive in time"},
	ConnectTimeout:     {"connect-timeout", BackEnd, true, true, "no backend answered the connect in time"},
	ConnectRefused:     {"connect-refused", BackEnd, true, false, "every backend tried refused the connection"},
	NoBackend:          {"no-backend", Inside, true, false, "no backend was available"},
	QueueFull:          {"queue-full", Inside, true, false, "the queue for a backend connection was full"},
	BadRequest:         {"bad-request", FrontEnd, true, false, "the request could not be understood"},
	BadResponse:        {"bad-response", BackEnd, true, false, "the response could not be understood"},
	TooLarge:           {"too-large", FrontEnd, true, false, "the request was larger than allowed"},
	Drained:            {"drained", Inside, false, false, "it fell idle while draining"},
	DrainTimeout:       {"drain-timeout", Inside, false, true, "its backend was removed and the drain time passed"},
	ListenerRemoved:    {"listener-removed", Inside, false, true, "its listener was removed and the drain time passed"},
	Reclaimed:          {"reclaimed", Inside, false, false, "lull was near its connection limit and it had not begun its work"},
	Shutdown:           {"shutdown", Inside, false, true, "lull was stopping and the drain time passed"},
	HandedOver:         {"handed-over", Inside, false, false, "another process took it over"},
	Internal:           {"internal", Inside, true, false, "of a fault in lull: please report it"},
	ConnectUnreachable: {"connect-unreachable", BackEnd, true, false, "no backend tried could be reached"},
	BadProxyHeader:     {"bad-proxy-header", FrontEnd, true, false, "the client sent no valid PROXY protocol header"},
	NoDescriptors:      {"no-descriptors", Inside, true, false, "the process had no descriptor left for the back-end connection"},
	BackendOffline:     {"backend-offline", Inside, false, true, "its backend was set offline and the drain time passed"},
}

// Info returns r's row of the table. A value outside the table gets Internal's row.
func (r Reason) Info() *Info {
	if r >= count {
		return &table[Internal]
	}
	return &table[r]
}

// String returns the stable code, for example "tunnel-idle".
func (r Reason) String() string { return r.Info().Code }

// Parse returns the reason with that code; ok is false if there is none.
func Parse(code string) (r Reason, ok bool) {
	for i := range table {
		if table[i].Code == code {
			return Reason(i), true
		}
	}
	return None, false
}
