package awselb

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"lull/internal/control/awselb/query"
)

// healthForm asks for a health check of the load balancer web.
func healthForm(target string, interval, timeout, unhealthy, healthy int) string {
	return fmt.Sprintf("Action=ConfigureHealthCheck&LoadBalancerName=web&HealthCheck.Target=%s&HealthCheck.Interval=%d&HealthCheck.Timeout=%d"+
		"&HealthCheck.UnhealthyThreshold=%d&HealthCheck.HealthyThreshold=%d", url.QueryEscape(target), interval, timeout, unhealthy, healthy)
}

func TestHealthCheck(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	for _, c := range []query.HealthCheck{
		{Target: "HTTP:80/path", Interval: 30, Timeout: 3, UnhealthyThreshold: 2, HealthyThreshold: 2},
		{Target: "TCP:5000", Interval: 5, Timeout: 2, UnhealthyThreshold: 2, HealthyThreshold: 2},
		{Target: "SSL:443", Interval: 300, Timeout: 60, UnhealthyThreshold: 10, HealthyThreshold: 10},
		{Target: "HTTP:80/", Interval: 6, Timeout: 5, UnhealthyThreshold: 3, HealthyThreshold: 9},
		{Target: "http:80/test", Interval: 30, Timeout: 3, UnhealthyThreshold: 2, HealthyThreshold: 2},
		{Target: "HTTPS:443/a?b=c&d=%20", Interval: 30, Timeout: 29, UnhealthyThreshold: 2, HealthyThreshold: 2},
		{Target: "HTTP:65535/" + strings.Repeat("p", 1023), Interval: 30, Timeout: 3, UnhealthyThreshold: 2, HealthyThreshold: 2},
	} {
		body := healthForm(c.Target, int(c.Interval), int(c.Timeout), int(c.UnhealthyThreshold), int(c.HealthyThreshold))
		if got := r.formOK(body); got != (query.ConfigureHealthCheckResult{HealthCheck: c}) {
			t.Errorf("got %+v, want %+v repeated", got, c)
		}
		r.formOK(body)
		if got := query.HealthCheck(r.document("web").HealthCheck); got != c {
			t.Errorf("got %+v, want %+v in force", got, c)
		}
	}
	r.reopen()
	r.checkStored()
}

func TestHealthCheckRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.have("web", nil)
	for _, c := range []struct {
		body string
		code query.Code
		text string
	}{
		{healthForm("TCP:80", 30, 30, 2, 2), query.ValidationError, "Timeout 30 must be less than the Interval"},
		{healthForm("TCP:80", 30, 31, 2, 2), query.ValidationError, "less than"},
		{healthForm("TCP:80", 4, 2, 2, 2), query.ValidationError, "5 to 300"},
		{healthForm("TCP:80", 301, 2, 2, 2), query.ValidationError, "5 to 300"},
		{healthForm("TCP:80", 30, 1, 2, 2), query.ValidationError, "2 to 60"},
		{healthForm("TCP:80", 300, 61, 2, 2), query.ValidationError, "2 to 60"},
		{healthForm("TCP:80", 30, 5, 1, 2), query.ValidationError, "2 to 10"},
		{healthForm("TCP:80", 30, 5, 11, 2), query.ValidationError, "2 to 10"},
		{healthForm("TCP:80", 30, 5, 2, 1), query.ValidationError, "2 to 10"},
		{healthForm("TCP:80", 30, 5, 2, 11), query.ValidationError, "2 to 10"},
		{healthForm("", 30, 5, 2, 2), query.ValidationError, "HealthCheck.Target cannot be empty"},
		{healthForm("TCP:", 30, 5, 2, 2), query.ValidationError, "HealthCheck Target must specify a port number"},
		{healthForm("TCP:1234/", 30, 5, 2, 2), query.ValidationError, "HealthCheck Target must specify a port number"},
		{healthForm("SSL:8080/", 30, 5, 2, 2), query.ValidationError, "HealthCheck Target must specify a port number"},
		{healthForm("HTTP:8080", 30, 5, 2, 2), query.ValidationError, "path"},
		{healthForm("TCP:123456", 30, 5, 2, 2), query.ValidationError, "port"},
		{healthForm("foo:80/", 30, 5, 2, 2), query.ValidationError, "HealthCheck Target must begin with one of HTTP, TCP, HTTPS, SSL"},
		{healthForm("HTTP:80/"+strings.Repeat("p", 1024), 30, 5, 2, 2), query.ValidationError, "1024"},
		{strings.Replace(healthForm("TCP:80", 30, 5, 2, 2), "=web", "=none", 1), query.LoadBalancerNotFound, "There is no ACTIVE Load Balancer named 'none'"},
		{strings.Replace(healthForm("TCP:80", 30, 5, 2, 2), "&HealthCheck.Interval=30", "", 1), query.MissingParameter, "HealthCheck.Interval"},
	} {
		r.formRefused(c.body, c.code, c.text)
	}
}
