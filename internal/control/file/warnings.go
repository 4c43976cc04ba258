package file

import (
	"fmt"
	"time"

	"lull/internal/dataplane/plan"
)

// Warnings returns what is allowed but hardly meant: timers that can never fire because another one always does
// first, and parts of the file that no connection can reach. Each is one sentence that begins with what it is about.
func (c *Config) Warnings() []string {
	var out []string
	for _, l := range c.Plan.LoadBalancers {
		if len(l.Listeners) == 0 {
			out = append(out, shorten(l.Name)+": has no listeners, so nothing can connect to it")
		}
		used := make(map[*plan.BackendSet]bool)
		for _, li := range l.Listeners {
			used[li.BackendSet] = true
			out = append(out, timerWarnings(li)...)
		}
		for _, set := range l.BackendSets {
			if !used[set] {
				out = append(out, set.Key.String()+": no listener uses this backend set")
			}
			out = append(out, backendWarnings(set)...)
		}
	}
	return out
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
	if t.AgeMax > 0 && t.AgeMax <= t.Idle {
		warn("connection_age_max %s is not above idle %s: the age ends quiet connections before idle can", FormatDuration(t.AgeMax), idle)
	}
	if hc := l.BackendSet.HealthCheck; hc != nil && hc.Timeout > t.ConnectLimit() {
		warn("health_check.timeout %s of backend set %s is above connect %s: a backend this slow passes its probes and yet gets no connection",
			FormatDuration(hc.Timeout), l.BackendSet.Key.Name, FormatDuration(t.ConnectLimit()))
	}
	return out
}

// backendWarnings finds sets that can take no connection, or notice late that they cannot.
func backendWarnings(set *plan.BackendSet) []string {
	var out []string
	if len(set.Backends) == 0 {
		out = append(out, set.Key.String()+": has no backends, so its connections are closed at once")
	} else if !anyOpen(set.Backends) {
		out = append(out, set.Key.String()+": every backend is drain or offline, so its connections are closed at once")
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

func anyOpen(backends []plan.Backend) bool {
	for i := range backends {
		if b := &backends[i]; !b.Drain && !b.Offline {
			return true
		}
	}
	return false
}
