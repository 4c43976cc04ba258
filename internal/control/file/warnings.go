package file

import (
	"fmt"
	"slices"
	"time"

	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// Warnings returns what is allowed but hardly meant: timers that can never fire because another one always does
// first, parts of the file that no connection can reach, and what makes TLS worth less than it looks. Each is one sentence
// that begins with what it is about.
func (c *Config) Warnings() []string {
	out := append(slices.Clone(c.unused), c.certificateWarnings()...)
	out = append(out, c.apiWarnings()...)
	for _, l := range c.Plan.LoadBalancers {
		if len(l.Listeners) == 0 {
			out = append(out, shorten(l.Name)+": has no listeners, so nothing can connect to it")
		}
		used := make(map[*plan.BackendSet]plan.Protocol)
		for _, li := range l.Listeners {
			used[li.BackendSet] = li.Protocol // the same for all
			out = append(out, timerWarnings(li)...)
			out = append(out, serverTLSWarnings(li)...)
		}
		for _, set := range l.BackendSets {
			protocol, isUsed := used[set]
			if !isUsed {
				out = append(out, set.Key.String()+": no listener uses this backend set")
			}
			out = append(out, backendWarnings(set, protocol)...)
			out = append(out, stickinessWarnings(set)...)
			out = append(out, clientTLSWarnings(set)...)
			out = append(out, probeWarnings(set)...)
		}
	}
	return out
}

// apiWarnings finds what is given away by serving the APIs like this, and what nobody can use as they are not served.
func (c *Config) apiWarnings() []string {
	switch a := c.API; {
	case a == nil && len(c.Instances) > 0:
		return []string{"instances: not used, as there is no api"}
	case a != nil && a.Certificate == nil && !isLoopback(a.Address):
		return []string{"api.address " + a.Address + ": other machines can reach it, and without TLS they can read along"}
	case a != nil && a.Certificate == nil && a.Insecure:
		return []string{"api.insecure: not needed, as only this machine can reach " + a.Address}
	case a != nil && a.Certificate != nil && a.Insecure:
		return []string{"api.insecure: not used, as api.tls is given"}
	}
	return nil
}

// timerWarnings finds timers of a listener that another one always beats.
func timerWarnings(l *plan.Listener) []string {
	var out []string
	warn := func(format string, args ...any) {
		out = append(out, l.Key.String()+": "+fmt.Sprintf(format, args...))
	}
	t := &l.Timeouts
	idle := FormatDuration(t.Idle)
	if t.Connect >= t.Idle {
		warn("connect %s is not below idle %s: an attempt to connect ends after %s", FormatDuration(t.Connect), idle,
			FormatDuration(t.ConnectLimit()))
	}
	if quiet, does := quietTimer(l), "ends quiet connections"; t.AgeMax > 0 && t.AgeMax <= quiet.Setting {
		if l.Protocol == plan.HTTP {
			does = "ends connections that wait for a request"
		}
		warn("connection_age_max %s is not above %s %s: the age %s before %s can", FormatDuration(t.AgeMax),
			quiet.Timer, FormatDuration(quiet.Setting), does, quiet.Timer)
	}
	switch hc := l.BackendSet.HealthCheck; {
	case hc == nil:
	case hc.Protocol == plan.CheckTCP && hc.Timeout > t.ConnectLimit():
		warn("health_check.timeout %s of backend set %s is above connect %s: a backend this slow passes its probes and yet gets no connection",
			FormatDuration(hc.Timeout), l.BackendSet.Key.Name, FormatDuration(t.ConnectLimit()))
	case hc.Protocol == plan.CheckHTTP && l.Protocol == plan.HTTP && hc.Timeout > t.Idle:
		warn("health_check.timeout %s of backend set %s is above idle %s: a backend this slow passes its probes and yet its requests end in 504",
			FormatDuration(hc.Timeout), l.BackendSet.Key.Name, idle)
	}
	return out
}

// quietTimer returns the timer that ends a connection on which nothing is under way.
func quietTimer(l *plan.Listener) timeout.Deadline {
	t := l.Timeouts
	t.AgeMax = 0
	if l.Protocol == plan.HTTP {
		return t.WaitDeadline(0, 0)
	}
	return t.TunnelDeadline(&timeout.Tunnel{})
}

// backendWarnings finds sets that can take no connection, or notice late that they cannot.
func backendWarnings(set *plan.BackendSet, p plan.Protocol) []string {
	var out []string
	so := "so its connections are closed at once"
	if p == plan.HTTP {
		so = "so its requests are answered with 503"
	}
	if len(set.Backends) == 0 {
		out = append(out, set.Key.String()+": has no backends, "+so)
	} else if !anyOpen(set.Backends) {
		out = append(out, set.Key.String()+": every backend is drain or offline, "+so)
	}
	if hc := set.HealthCheck; hc != nil {
		if down := hc.Interval * time.Duration(hc.Unhealthy); down > noticeMax {
			out = append(out, fmt.Sprintf("%s: a backend that fails is noticed after %s (interval %s, unhealthy %d)",
				set.Key, FormatDuration(down), FormatDuration(hc.Interval), hc.Unhealthy))
		}
	}
	return out
}

// noticeMax is how long a dead backend may go unnoticed without a warning. Both clouds' defaults stay well below.
const noticeMax = 10 * time.Minute

// lockedOutMax is how long a client may be answered 502 for want of its backend without a warning.
const lockedOutMax = 24 * time.Hour

// stickinessWarnings finds sessions that outlive their backend.
func stickinessWarnings(set *plan.BackendSet) []string {
	st := set.Stickiness
	if st == nil || !st.NoFallback || st.Duration <= lockedOutMax {
		return nil
	}
	return []string{fmt.Sprintf("%s: without stickiness.fallback, a client whose backend is gone is answered 502 for up to %s, its duration",
		set.Key, FormatDuration(st.Duration))}
}

func anyOpen(backends []plan.Backend) bool {
	for i := range backends {
		if b := &backends[i]; !b.Drain && !b.Offline {
			return true
		}
	}
	return false
}
