// Package reason provides the table of every way a connection or an exchange can end (rule TO-07).
//
// The data plane picks a Reason; access log, event stream, counters, `lull explain` and the documentation all read
// the same row of the table, so a reason means one thing everywhere. It is pure data: no sockets, no clocks. Add a
// row rather than stretch one.
package reason

// Reason says why a connection or an exchange ended. The zero value means that it has not ended.
type Reason uint8

// The reasons, in the order of spec/timeouts.md §5; those from ConnectUnreachable on are additions of this implementation.
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
	Completed
	CloseAgreed
	QueueTimeout
	AmbiguousRequest
	HandshakeFailed
	TLSViolation
	PlainHTTP
	NoClientCert
	BackendHandshakeFailed
	BackendUntrusted
	BackendTLSViolation
	BackendTruncated
	AccessDenied
	MethodRefused
	Redirected
	AddressLimit
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
	// Status answers the HTTP request whose exchange ends so, if nothing of a response has reached the client; 0: it is not
	// answered. For some reasons the directional model or the request's fault has another one.
	Status int
}

//nolint:gochecknoglobals // the table is the package
var table = [Count]Info{
	None:                   {"none", Inside, false, false, "it has not ended", 0},
	ClientClosed:           {"client-closed", FrontEnd, false, false, "the client closed its side first", 0},
	BackendClosed:          {"backend-closed", BackEnd, false, false, "the backend closed its side first", 504},
	ClientReset:            {"client-reset", FrontEnd, true, false, "the client reset the connection", 0},
	BackendReset:           {"backend-reset", BackEnd, true, false, "the backend reset the connection", 0},
	ClientIdle:             {"client-idle", FrontEnd, false, true, "no request came within the idle time", 0},
	RequestIdle:            {"request-idle", FrontEnd, true, true, "the request stalled for the idle time", 408},
	ResponseIdle:           {"response-idle", BackEnd, true, true, "the backend was silent for the idle time", 504},
	SendIdle:               {"send-idle", FrontEnd, true, true, "the client read nothing for the idle time", 0},
	UploadUnanswered:       {"upload-unanswered", BackEnd, true, true, "the backend was silent during an upload for the idle time", 408},
	DownloadUnasked:        {"download-unasked", FrontEnd, true, true, "the client was silent during a download for the idle time", 504},
	TunnelIdle:             {"tunnel-idle", Inside, false, true, "no byte moved for the idle time", 0},
	PoolIdle:               {"pool-idle", Inside, false, true, "the pooled back-end connection was not used for its keep-alive time", 0},
	BackendClosedIdle:      {"backend-closed-idle", BackEnd, false, false, "the backend closed a pooled connection before lull did", 0},
	RequestCap:             {"request-cap", Inside, false, false, "the connection had carried as many requests as it may", 0},
	AgeCap:                 {"age-cap", Inside, false, true, "the connection had reached its greatest age and fell quiet", 0},
	HeadTooSlow:            {"head-too-slow", FrontEnd, true, true, "the request head took too long to arrive", 408},
	HandshakeTimeout:       {"handshake-timeout", FrontEnd, true, true, "the TLS handshake or the PROXY header did not arrive in time", 0},
	ConnectTimeout:         {"connect-timeout", BackEnd, true, true, "no backend answered the connect in time", 504},
	ConnectRefused:         {"connect-refused", BackEnd, true, false, "every backend tried refused the connection", 503},
	NoBackend:              {"no-backend", Inside, true, false, "no backend was available", 503},
	QueueFull:              {"queue-full", Inside, true, false, "the queue for a backend connection was full", 503},
	BadRequest:             {"bad-request", FrontEnd, true, false, "the request could not be understood", 400},
	BadResponse:            {"bad-response", BackEnd, true, false, "the response could not be understood", 502},
	TooLarge:               {"too-large", FrontEnd, true, false, "the request was larger than allowed", 400},
	Drained:                {"drained", Inside, false, false, "it fell idle while draining", 0},
	DrainTimeout:           {"drain-timeout", Inside, false, true, "its backend was removed and the drain time passed", 503},
	ListenerRemoved:        {"listener-removed", Inside, false, true, "its listener was removed and the drain time passed", 503},
	Reclaimed:              {"reclaimed", Inside, false, false, "lull needed room for others and it had nothing under way", 0},
	Shutdown:               {"shutdown", Inside, false, true, "lull was stopping and the drain time passed", 503},
	HandedOver:             {"handed-over", Inside, false, false, "another process took it over", 0},
	Internal:               {"internal", Inside, true, false, "of a fault in lull: please report it", 0},
	ConnectUnreachable:     {"connect-unreachable", BackEnd, true, false, "no backend tried could be reached", 503},
	BadProxyHeader:         {"bad-proxy-header", FrontEnd, true, false, "the client sent no valid PROXY protocol header", 0},
	NoDescriptors:          {"no-descriptors", Inside, true, false, "the process had no descriptor left for the back-end connection", 503},
	BackendOffline:         {"backend-offline", Inside, false, true, "its backend was set offline and the drain time passed", 503},
	Completed:              {"completed", Inside, false, false, "the response was delivered in full", 0},
	CloseAgreed:            {"close-agreed", Inside, false, false, "its last request or response said that the connection ends with it", 0},
	AmbiguousRequest:       {"ambiguous-request", FrontEnd, false, false, "its last request could be read in two ways, so that nothing may follow it", 0},
	HandshakeFailed:        {"handshake-failed", FrontEnd, true, false, "the TLS handshake with the client failed", 0},
	TLSViolation:           {"tls-violation", FrontEnd, true, false, "the client broke the rules of TLS, or gave up by an alert", 0},
	PlainHTTP:              {"plain-http", FrontEnd, true, false, "the client spoke plain HTTP to a TLS port", 400},
	NoClientCert:           {"no-client-certificate", FrontEnd, true, false, "the client sent no certificate and the listener wants one", 400},
	BackendHandshakeFailed: {"backend-handshake-failed", BackEnd, true, false, "the TLS handshake with the backend failed", 502},
	BackendUntrusted:       {"backend-untrusted", BackEnd, true, false, "the backend's certificate was not accepted", 502},
	BackendTLSViolation:    {"backend-tls-violation", BackEnd, true, false, "the backend broke the rules of TLS, or gave up by an alert", 502},
	BackendTruncated:       {"backend-truncated", BackEnd, true, false, "the backend ended its stream without the close_notify of TLS, so that it may be cut short", 504},
	AccessDenied:           {"access-denied", FrontEnd, true, false, "no rule on access allows the client", 403},
	MethodRefused:          {"method-refused", FrontEnd, true, false, "the listener does not allow the request's method", 405},
	Redirected:             {"redirected", Inside, false, false, "a rule sends the client elsewhere", 302},
	AddressLimit:           {"address-limit", Inside, true, false, "the client's address had as many connections to the listener as it may", 0},
	QueueTimeout:           {"queue-timeout", Inside, true, true, "no backend had room for the request within the idle time", 504},
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
