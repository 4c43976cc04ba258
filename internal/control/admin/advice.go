package admin

import (
	"fmt"
	"strings"
	"time"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/record"
)

// advice says for each reason what to change if an end like that was unwanted. It names the setting that was in force,
// so that nobody has to find out which of a dozen timeouts it was:
//
//	{where}     the setting and where it stands: "`idle` of listener web/pg in lull.yaml"
//	{setting}   its value
//	{listener}  {set}  {balancer}  names of the connection's ends
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
	reason.UploadUnanswered:   "raise {where} above {setting}, have the backend send something during an upload, or set `active_transfer_rearms: true`.",
	reason.DownloadUnasked:    "raise {where} above {setting}, have the client send something during a download, or set `active_transfer_rearms: true`.",
	reason.TunnelIdle:         "raise {where} above {setting}, or have either side send a byte more often than every {setting} (TCP keep-alive probes are no bytes).",
	reason.PoolIdle:           "raise {where} above {setting}; a pooled connection that is closed costs the next request one connect.",
	reason.BackendClosedIdle:  "raise the backend's own keep-alive time above lull's for it.",
	reason.RequestCap:         "raise `timeouts.front_requests_max` of load balancer {balancer} in lull.yaml.",
	reason.AgeCap:             "raise {where} above {setting}, or set it to 0 to let connections grow as old as they like.",
	reason.HeadTooSlow:        "raise {where} above {setting}, or find out why the client sends its request so slowly.",
	reason.HandshakeTimeout:   "raise {where} above {setting}, or find out why the client, or the proxy before it, did not begin in time.",
	reason.ConnectTimeout:     "see whether the backends of set {set} can be reached from here (a firewall that drops packets looks like this), or raise {where} above {setting}.",
	reason.ConnectRefused:     "start what should listen on the backends of set {set}, or mend their ports in lull.yaml; with a health check lull would know before a client does.",
	reason.NoBackend:          "see why no backend of set {set} is up: lull's log and the metric lull_backend_up tell; `backup: true` marks one for such times.",
	reason.QueueFull:          "add backends to set {set}.",
	reason.BadRequest:         "look at what the client sends.",
	reason.BadResponse:        "look at what the backend sends.",
	reason.TooLarge:           "raise `limits.head_bytes` in lull.yaml, or have the client send less.",
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
}

// adviceOf fills in the advice for an end with that timer; it is empty if there is none.
func adviceOf(r reason.Reason, e *record.Ends, timer string, setting time.Duration) string {
	if int(r) >= len(advice) {
		r = reason.Internal
	}
	return strings.NewReplacer(
		"{where}", whereIs(timer, e),
		"{setting}", Setting(setting),
		"{listener}", e.LoadBalancer+"/"+e.Listener,
		"{set}", e.BackendSet,
		"{balancer}", e.LoadBalancer,
	).Replace(advice[r])
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
