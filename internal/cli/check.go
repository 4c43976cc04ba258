package cli

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"lull/internal/clock"
	"lull/internal/control/file"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

func newCheck(e *env) *cobra.Command {
	return &cobra.Command{
		Use:   "check lull.yaml",
		Short: "Validate a lull.yaml and print what would listen where, with every effective timeout",
		Long: "Validates a lull.yaml and prints what would listen where, with every effective timeout, the versions,\n" +
			"ciphers and certificates of TLS, the backends, policies and health checks. Nothing is started and no name is looked up. Exit code 2 and every fault on\n" +
			"standard error when the file is wrong; warnings there, too, but they leave the exit code 0.",
		Args: between(1, 1, "the file to check"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := file.Load(args[0])
			if err != nil {
				return err
			}
			for _, w := range c.Warnings() {
				fmt.Fprintf(e.stderr, "warning: %s\n", w)
			}
			return showConfig(e.stdout, c, clock.Wall(clock.Now()))
		},
	}
}

// column is where the values of a line begin: past the longest names, active_transfer_rearms and
// desync_mitigation_mode, at their indent of 4.
const column = 28

// page is text being laid out in lines of name, value and remark.
type page struct{ bytes.Buffer }

func (p *page) head(indent int, format string, args ...any) {
	fmt.Fprintf(p, "%*s%s\n", indent, "", fmt.Sprintf(format, args...))
}

func (p *page) line(indent int, name, value, remark string) {
	fmt.Fprintf(p, "%*s%-*s", indent, "", column-indent, name)
	if remark != "" {
		value = fmt.Sprintf("%-8s  %s", value, remark)
	}
	p.WriteString(value + "\n")
}

// showConfig writes a whole configuration for people, as it is at the time of now.
func showConfig(w io.Writer, c *file.Config, now time.Time) error {
	var p page
	files := sources{all: c.Certificates, now: now}
	p.head(0, "%s is valid", c.Path)
	p.head(0, "")
	p.head(0, "process")
	p.line(2, "control socket", c.AdminSocket, "")
	p.line(2, "metrics", orElse(c.Metrics, "off"), "")
	p.line(2, "access log", accessLog(c.AccessLog), "")
	p.line(2, "loops", countOr(c.Loops, "one per core"), "")
	p.line(2, "connections", countOr(c.ConnectionsMax, "as many as the descriptor limit allows"), "")
	p.api(c, files)
	for _, lb := range c.Plan.LoadBalancers {
		p.balancer(lb, c, files)
	}
	_, err := w.Write(p.Bytes())
	return err
}

func (p *page) balancer(lb *plan.LoadBalancer, c *file.Config, files sources) {
	p.head(0, "")
	p.head(0, "load balancer %s", lb.Name)
	for _, l := range lb.Listeners {
		p.head(2, "listener %s: %s on %s to backend set %s", l.Key.Name, l.Speaks(), l.Address, l.BackendSet.Key.Name)
		if l.Protocol == plan.HTTP {
			p.timeoutsHTTP(l)
		} else {
			p.timeoutsTCP(l)
		}
		p.behaviour(l)
		p.serverTLS(l, files)
	}
	for _, set := range lb.BackendSets {
		p.backendSet(set, c, files)
	}
}

// timeoutsTCP shows each timer with the value that counts, and says of those that never run why.
func (p *page) timeoutsTCP(l *plan.Listener) {
	t := &l.Timeouts
	p.line(4, "model", t.Model.String(), "")
	p.line(4, "idle", file.FormatDuration(t.Idle), "")
	p.connecting(l)
	p.line(4, "connection_age_max", durationOr(t.AgeMax, "off"), "")
	p.line(4, "drain", file.FormatDuration(t.Drain), "")

	onlyHTTP := "not used: " + l.Speaks() + " has no requests"
	p.line(4, "request_head", durationOr(t.RequestHead, "off"), onlyHTTP)
	if t.Model == timeout.Directional {
		p.line(4, "front_keepalive", file.FormatDuration(t.FrontKeepalive), onlyHTTP)
		p.line(4, "front_requests_max", strconv.Itoa(t.FrontRequestsMax), onlyHTTP)
		p.line(4, "back_keepalive", file.FormatDuration(t.BackKeepalive), onlyHTTP)
		p.line(4, "active_transfer_rearms", strconv.FormatBool(t.ActiveTransferRearm), onlyHTTP)
	}
}

// timeoutsHTTP shows what bounds a connection and an exchange, in the order in which a connection meets it. What only one
// model has as a setting of its own, the other has as well in effect.
func (p *page) timeoutsHTTP(l *plan.Listener) {
	t := l.Timeouts
	t.AgeMax = 0 // has a line of its own
	front, back := t.WaitDeadline(0, 0), t.PoolDeadline(0)
	requests := "no limit"
	if t.Model == timeout.Directional {
		requests = strconv.Itoa(t.FrontRequestsMax)
	}
	p.line(4, "model", t.Model.String(), "")
	p.line(4, "idle", file.FormatDuration(t.Idle), "")
	p.line(4, "front_keepalive", file.FormatDuration(front.Setting), sameAs(front.Timer))
	p.line(4, "front_requests_max", requests, "")
	p.line(4, "back_keepalive", file.FormatDuration(back.Setting), sameAs(back.Timer))
	if t.Model == timeout.Directional {
		p.line(4, "active_transfer_rearms", strconv.FormatBool(t.ActiveTransferRearm), "")
	}
	p.connecting(l)
	p.line(4, "request_head", durationOr(t.RequestHead, "off"), "")
	p.line(4, "stale_retry", strconv.FormatBool(l.StaleRetry), "")
	p.line(4, "connection_age_max", durationOr(l.Timeouts.AgeMax, "off"), "")
	p.line(4, "drain", file.FormatDuration(t.Drain), "")
	p.line(4, "desync_mitigation_mode", l.Desync.String(), "")
	p.line(4, "head_bytes", strconv.Itoa(l.HeadMax), "")
	if l.QueueMax == 0 {
		p.line(4, "queue", "off", "")
	} else {
		p.line(4, "queue", strconv.Itoa(l.QueueMax), "requests of the load balancer that wait for a backend with room")
	}
}

// sameAs says which timer does the work of the one on the line; nothing if it is its own.
func sameAs(timer string) string {
	if timer != "idle" {
		return ""
	}
	return "idle itself, as the model is shared"
}

// connecting shows the timers before the first byte.
func (p *page) connecting(l *plan.Listener) {
	t := &l.Timeouts
	capped := ""
	if t.ConnectLimit() < t.Connect {
		capped = "connect " + file.FormatDuration(t.Connect) + ", cut to idle"
	}
	p.line(4, "connect", file.FormatDuration(t.ConnectLimit()), capped)
	unused := ""
	if !l.ProxyAccept && l.TLS == nil {
		unused = fmt.Sprintf("not used: %s has no TLS and no PROXY header is accepted", l.Protocol)
	}
	p.line(4, "handshake", file.FormatDuration(t.Handshake), unused)
}

// behaviour shows the listener's switches that are not off.
func (p *page) behaviour(l *plan.Listener) {
	if l.ProxyAccept {
		p.line(4, "PROXY from clients", "required", "")
	}
	if l.ProxySend != 0 {
		p.line(4, "PROXY to backends", "version "+strconv.Itoa(int(l.ProxySend)), "")
	}
	if l.ResetOnIdle {
		p.line(4, "idle close", "RST", "")
	}
}

func (p *page) backendSet(set *plan.BackendSet, c *file.Config, files sources) {
	p.head(2, "backend set %s", set.Key.Name)
	p.line(4, "policy", set.Policy.String(), "")
	p.clientTLS(set, c, files)
	p.line(4, "health check", healthCheck(set.HealthCheck), "")
	if set.Stickiness != nil {
		p.line(4, "stickiness", stickiness(set.Stickiness), "")
	}
	if len(set.Backends) == 0 {
		p.line(4, "backends", "none", "")
	}
	for i := range set.Backends {
		p.line(4, "backend", backend(&set.Backends[i]), "")
	}
}

func healthCheck(hc *plan.HealthCheck) string {
	if hc == nil {
		return "none: every backend counts as healthy"
	}
	asks := checkWord(hc)
	if hc.Port != 0 {
		asks += " on port " + strconv.Itoa(int(hc.Port))
	}
	if hc.Protocol == plan.CheckHTTP {
		asks += fmt.Sprintf(" for %s, wants status %d", hc.Path, hc.Status)
		if hc.Body != nil {
			asks += " and a body that matches " + hc.Body.String()
		}
		asks += ","
	}
	return fmt.Sprintf("%s every %s, timeout %s, healthy after %d, unhealthy after %d", asks,
		file.FormatDuration(hc.Interval), file.FormatDuration(hc.Timeout), hc.Healthy, hc.Unhealthy)
}

func stickiness(st *plan.Stickiness) string {
	out := "cookie " + st.Cookie
	switch {
	case st.Follow == "*":
		out += ", follows any cookie of the application"
	case st.Follow != "":
		out += ", follows the application's " + st.Follow
	case st.Duration != 0:
		out += " for " + file.FormatDuration(st.Duration)
	default:
		out += " for as long as the browser runs"
	}
	if st.Domain != "" {
		out += ", domain " + st.Domain
	}
	out += ", path " + st.Path
	for _, flag := range []struct {
		name string
		set  bool
	}{{"secure", st.Secure}, {"http_only", st.HTTPOnly}, {"no fallback: 502 while its backend is gone", st.NoFallback}} {
		if flag.set {
			out += ", " + flag.name
		}
	}
	return out
}

func backend(b *plan.Backend) string {
	out := b.Key.Endpoint() + ", weight " + strconv.Itoa(b.Weight)
	if b.ConnectionsMax != 0 {
		out += ", at most " + strconv.Itoa(b.ConnectionsMax) + " connections"
	}
	for _, flag := range []struct {
		name string
		set  bool
	}{{"backup", b.Backup}, {"drain", b.Drain}, {"offline", b.Offline}} {
		if flag.set {
			out += ", " + flag.name
		}
	}
	return out
}

func accessLog(a file.AccessLog) string {
	if a.Path == "" {
		return "off"
	}
	return a.Path + ", " + a.Format
}

func orElse(v, otherwise string) string {
	if v == "" {
		return otherwise
	}
	return v
}

func countOr(n int, zero string) string {
	if n == 0 {
		return zero
	}
	return strconv.Itoa(n)
}

func durationOr(d time.Duration, zero string) string {
	if d == 0 {
		return zero
	}
	return file.FormatDuration(d)
}
