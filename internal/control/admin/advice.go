package admin

import (
	"fmt"
	"strings"
	"time"

	"lull/internal/dataplane/http1"
	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
	"lull/internal/dataplane/tlspolicy"
)

// advice says for each reason what to change if an end like that was unwanted. It names the setting that was in force,
// so that nobody has to find out which of a dozen timeouts it was:
//
//	{where}     the setting and where it stands: "`idle` of listener web/pg in lull.yaml"
//	{setting}   its value
//	{listener}  {set}  {balancer}  {backend}  {protocol}  names of the connection's ends, and the listener's protocol
//
//nolint:gochecknoglobals // a table
var advice = [reason.Count]string{
	reason.ClientClosed:       "look at the client; lull only passed its close on.",
	reason.BackendClosed:      "look at the backend; lull only passed its close on.",
	reason.ClientReset:        "look at the client, and at firewalls between it and lull; lull only passed the reset on.",
	reason.BackendReset:       "look at the backend's log and at firewalls between lull and it; lull only passed the reset on.",
	reason.ClientIdle:         "raise {where} above {setting}, or have the client send its next request sooner.",
	reason.RequestIdle:        "raise {where} above {setting}, or find out why the client stopped in the middle of its request.",
	reason.ResponseIdle:       "raise {where} above {setting}, or have the backend send something sooner.",
	reason.SendIdle:           "raise {where} above {setting}, or find out why the client stopped reading.",
	reason.UploadUnanswered:   "raise {where} above {setting}, have the backend send something during an upload, or set `timeouts.active_transfer_rearms: true` of load balancer {balancer}.",
	reason.DownloadUnasked:    "raise {where} above {setting}, have the client send something during a download, or set `timeouts.active_transfer_rearms: true` of load balancer {balancer}.",
	reason.TunnelIdle:         "raise {where} above {setting}, or have either side send a byte more often than every {setting} (TCP keep-alive probes are no bytes).",
	reason.PoolIdle:           "raise {where} above {setting}; a pooled connection that is closed costs the next request one connect.",
	reason.BackendClosedIdle:  "set the keep-alive time of backend {backend} above lull's own for it, so that it is lull that closes an unused connection.",
	reason.RequestCap:         "raise `timeouts.front_requests_max` of load balancer {balancer} in lull.yaml.",
	reason.AgeCap:             "raise {where} above {setting}, or set it to 0 to let connections grow as old as they like.",
	reason.HeadTooSlow:        "raise {where} above {setting}, or find out why the client sends its request so slowly.",
	reason.HandshakeTimeout:   "raise {where} above {setting}, or find out why the client, or the proxy before it, did not begin in time.",
	reason.ConnectTimeout:     "see whether the backends of set {set} can be reached from here (a firewall that drops packets looks like this), or raise {where} above {setting}.",
	reason.ConnectRefused:     "start what should listen on the backends of set {set}, or mend their ports in lull.yaml; with a health check lull would know before a client does.",
	reason.NoBackend:          "see why no backend of set {set} is up: lull's log and the metric lull_backend_up tell; `backup: true` marks one for such times.",
	reason.QueueFull:          "add backends to set {set}, or raise the `connections_max` of those it has.",
	reason.BadRequest:         "look at what the client sends.",
	reason.BadResponse:        "look at what the backend sends.",
	reason.TooLarge:           "raise `limits.head_bytes` in lull.yaml (for the OCI API `httpLargeHeaderSizeInKB` of a rule HTTP_HEADER), or have the client send less.",
	reason.Drained:            "nothing is wrong: its listener or backend was being taken out of service.",
	reason.DrainTimeout:       "raise {where} above {setting} before a backend of set {set} is removed.",
	reason.ListenerRemoved:    "raise {where} above {setting} before listener {listener} is removed.",
	reason.Reclaimed:          "raise `limits.connections` in lull.yaml or the process's descriptor limit, or have the client begin sooner.",
	reason.Shutdown:           "raise {where} above {setting} before lull is stopped.",
	reason.HandedOver:         "nothing is wrong: it goes on in another process.",
	reason.Internal:           "send lull's log of that time with the report.",
	reason.ConnectUnreachable: "see whether there is a route from here to the backends of set {set}, and whether a firewall rejects.",
	reason.BadProxyHeader:     "have what connects to listener {listener} send a PROXY header of version 1 or 2, or set its `proxy_protocol.accept: false`.",
	reason.NoDescriptors:      "raise the process's descriptor limit (ulimit -n), or lower `limits.connections` in lull.yaml.",
	reason.BackendOffline:     "raise {where} above {setting} before a backend of set {set} is set offline.",
	reason.Completed:          "nothing is wrong: the response was delivered in full.",
	reason.CloseAgreed:        "nothing is wrong; to have connections last longer, see which side says `Connection: close` or speaks HTTP/1.0.",
	reason.AmbiguousRequest:   "have the client send requests that can be read in one way only, or choose another `desync_mitigation_mode` of listener {listener} in lull.yaml.",
	reason.QueueTimeout:       "add backends to set {set}, raise the `connections_max` of those it has, or raise {where} above {setting}.",
	reason.HandshakeFailed:    "look at what the client speaks (`openssl s_client` shows what works), and at what `lull check` says that listener {listener} allows.",
	reason.TLSViolation:       "look at the client, and at what stands between it and lull: bytes were changed, lost or made up.",
	reason.PlainHTTP:          "the port of listener {listener} is {protocol}, and the client used http://: have it use https://, or add a listener with `protocol: http` on another port for such clients.",
	reason.NoClientCert:       "give the client a certificate that one of the authorities of listener {listener} has issued, or set its `tls.client_certificates.mode` to optional in lull.yaml.",

	reason.AccessDenied:  "add a rule to listener {listener} that allows the client, or find out why it asks.",
	reason.MethodRefused: "add the method to those that listener {listener} allows, or have the client use another.",
	reason.Redirected:    "change the redirects of listener {listener}, or have the client ask there at once.",
	reason.AddressLimit:  "raise the number of connections that listener {listener} allows one address, or have the client use fewer; behind a proxy or NAT many clients are one address.",

	reason.BackendHandshakeFailed: "look at the log of backend {backend}, and try `openssl s_client -connect {backend}` from here.",
	reason.BackendUntrusted:       "see with `openssl s_client -connect {backend}` which certificate backend {backend} shows; what is accepted is up to `tls.ca`, `tls.server_name` and `tls.public_keys` of backend set {set} in lull.yaml.",
	reason.BackendTLSViolation:    "look at the log of backend {backend}, and at what stands between lull and it: bytes were changed, lost or made up.",
	reason.BackendTruncated:       "have backend {backend} send a close_notify before it closes, or say how long its responses are (Content-Length or chunks): then a whole one can be told from one that was cut short.",
}

// adviceOf fills in the advice for an end with that timer; it is empty if there is none.
func adviceOf(r reason.Reason, e *record.Ends, timer, flow string, setting time.Duration) string {
	if int(r) >= len(advice) {
		r = reason.Internal
	}
	text := advice[r]
	switch {
	case r == reason.TunnelIdle && flow != "":
		text = tunnelAdvice(flow)
	case r == reason.HandshakeTimeout && e.Secure():
		text = handshakeAdvice
	}
	return strings.NewReplacer(
		"{where}", whereIs(timer, e),
		"{setting}", Setting(setting),
		"{listener}", e.LoadBalancer+"/"+e.Listener,
		"{set}", e.BackendSet,
		"{balancer}", e.LoadBalancer,
		"{backend}", e.Backend,
		"{protocol}", e.Protocol,
	).Replace(text)
}

// adviceOfClose is adviceOf for a connection that has ended; policy is its listener's, nil if that is not known.
func adviceOfClose(c *record.Close, policy *tlspolicy.Policy) string {
	if a := adviceOfTLS(c.Reason, &c.Ends, c.TLS.Fault, policy); a != "" {
		return a
	}
	if leftInHandshake(c) {
		return leftAdvice
	}
	if c.Ends.HTTP() && !c.Upgraded {
		switch c.Reason { //nolint:exhaustive // the only ends that mean something else without exchanges
		case reason.ClientClosed:
			return "look at the client; nothing was under way on the connection."
		case reason.ClientReset:
			return "look at the client, and at firewalls between it and lull; nothing was under way on the connection."
		}
	}
	return adviceOf(c.Reason, &c.Ends, c.Timer, c.TimerFlow, c.Setting)
}

// tunnelAdvice is for a tunnel in which each direction has its own timer (DI-06, DI-07).
func tunnelAdvice(flow string) string {
	side, other := "client", "backend"
	if flow == "down" {
		side, other = other, side
	}
	return "raise {where} above {setting}, or have the " + side + " send a byte more often than every {setting} (a WebSocket " +
		"ping or pong will do): what the " + other + " sends does not count for it."
}

// keepaliveMargin is by how much a backend should keep an unused connection longer than lull does in OCI's model: OCI
// asks for 310 s where it has 300 itself.
const keepaliveMargin = 10 * time.Second

// keepaliveAdvice says what to set on a backend so that it is lull that closes unused connections, and no request meets
// one that the backend is just closing. It is in general words if the setting is not known.
func keepaliveAdvice(e *record.Ends, timer string, setting time.Duration) string {
	switch timer {
	case "":
		return adviceOf(reason.BackendClosedIdle, e, "", "", 0)
	case "back_keepalive":
		return fmt.Sprintf("set the keep-alive time of backend %s to %s or more: lull closes an unused connection after %s (%s), "+
			"and it should be the first.", e.Backend, Setting(setting+keepaliveMargin), Setting(setting), whereIs(timer, e))
	}
	return fmt.Sprintf("set the keep-alive time of backend %s above %s: lull closes an unused connection after that time (%s), "+
		"and it should be the first.", e.Backend, Setting(setting), whereIs(timer, e))
}

// adviceOfExchange is adviceOf for an exchange, of which more is known; it is empty if nothing was wrong.
func adviceOfExchange(x *record.Exchange) string {
	if a := adviceOfTLS(x.Reason, &x.Ends, x.TLS.Fault, nil); a != "" {
		return a
	}
	unanswered := x.AnswerTook < 0
	switch {
	case x.Retried, hungUp(x.Reason) && x.Side == reason.BackEnd && unanswered && x.Reused:
		return keepaliveAdvice(&x.Ends, x.PoolTimer, x.PoolSetting)
	case x.Reason == reason.Completed:
		return ""
	case hungUp(x.Reason) && x.Side == reason.BackEnd && unanswered:
		return "look at the log of backend " + x.Ends.Backend + ": it took the request and ended the connection instead of answering."
	case hungUp(x.Reason) && x.Side == reason.BackEnd:
		return "look at the log of backend " + x.Ends.Backend + ": it ended the connection in the middle of its answer."
	case hungUp(x.Reason):
		return "look at the client, and at how long it was ready to wait."
	case x.Reason == reason.BadRequest && x.Fault == http1.NoFault && x.Desync != http1.WhyNone:
		return adviceOf(reason.AmbiguousRequest, &x.Ends, "", "", 0)
	}
	return adviceOf(x.Reason, &x.Ends, x.Timer, x.TimerFlow, x.Setting)
}

// whereIs names a timer's setting and its place in lull.yaml. Only the idle timeout can be set for one listener.
func whereIs(timer string, e *record.Ends) string {
	switch timer {
	case "":
		return "the timeout"
	case "idle":
		return fmt.Sprintf("`idle` of listener %s/%s in lull.yaml", e.LoadBalancer, e.Listener)
	}
	return fmt.Sprintf("`timeouts.%s` of load balancer %s in lull.yaml", timer, e.LoadBalancer)
}
