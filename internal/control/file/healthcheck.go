package file

import (
	"fmt"
	"strings"
	"time"

	"lull/internal/dataplane/lookahead"
	"lull/internal/dataplane/plan"
)

// probeTimeoutDefault is the health check's timeout where the interval leaves room for it.
const probeTimeoutDefault = 5 * time.Second

// healthCheck compiles a set's health check.
func (s *section) healthCheck(set *plan.BackendSet) *plan.HealthCheck {
	hc := &plan.HealthCheck{
		Port:      uint16(s.integer("port")), // the table allows 0..65535
		Healthy:   s.integer("healthy"),
		Unhealthy: s.integer("unhealthy"),
	}
	s.probe(set, hc)
	s.probeTimes(hc)
	return hc
}

// probe reads what a probe asks. What only an http probe could ask is a warning in a tcp one, not a fault: the check works,
// though perhaps not as it was meant.
func (s *section) probe(set *plan.BackendSet, hc *plan.HealthCheck) {
	asks, _ := s.speech()
	path, status, body := s.urlPath("path"), s.integer("status"), s.expression("body")
	if asks.tls {
		hc.TLS = probeTLS(set.TLS, asks)
	}
	if asks.protocol == plan.HTTP {
		hc.Protocol, hc.Path, hc.Status = plan.CheckHTTP, path, status
		if body != nil {
			hc.Body = body
		}
		return
	}
	for _, key := range children[s.schema] {
		if s.row(key).onlyHTTP && s.has(key) {
			s.r.unused = append(s.r.unused, fmt.Sprintf(
				"%s: health_check.%s is not used: %s probe asks for nothing, only one with protocol http or https does", set.Key, key, asks.a()))
		}
	}
}

// expression returns a regular expression, nil if there is none or it is faulty.
func (s *section) expression(key string) *lookahead.Expr {
	text := s.text(key)
	if text == "" {
		return nil
	}
	expr, err := lookahead.Compile(text)
	if err != nil {
		s.fault(key, "is no regular expression that lull knows: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
		return nil
	}
	return expr
}

// probeTimes reads when probes are made and how long they may take.
func (s *section) probeTimes(hc *plan.HealthCheck) {
	given := s.has("interval")
	hc.Interval = s.duration("interval")
	sound := given == s.has("interval")
	hc.Timeout = s.duration("timeout")
	switch {
	case hc.Timeout == 0:
		hc.Timeout = min(probeTimeoutDefault, hc.Interval)
	case sound && hc.Timeout > hc.Interval:
		s.fault("timeout", "is longer than the interval: allowed %s..%s here",
			FormatDuration(probeMin), FormatDuration(min(hc.Interval, time.Duration(s.row("timeout").max))))
	}
}
