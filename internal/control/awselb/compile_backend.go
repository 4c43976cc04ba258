package awselb

import (
	"fmt"

	"lull/internal/control/awselb/query"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/tlspolicy"
)

// backPolicy is what lull speaks with instances: all that crypto/tls can of the fixed list that the Classic Load Balancer offers
// them, with the suites that have forward secrecy, and TLS 1.3, in addition. The certificate is not verified anyhow, so a
// stricter list would shut out instances and protect nobody.
//
//nolint:gochecknoglobals // a constant
var backPolicy = newBackPolicy()

func newBackPolicy() *tlspolicy.Policy {
	broad, found := tlspolicy.Find("ELBSecurityPolicy-2015-05")
	if !found {
		panic("awselb: a predefined policy is missing")
	}
	p, err := tlspolicy.Custom("classic-back-end", []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}, broad.Ciphers())
	if err != nil {
		panic(err)
	}
	return p
}

// clientTLS compiles how a listener's instances are spoken to; nil is plainly. With back-end authentication on their port they
// must have one of its keys, and nothing else of their certificate is looked at.
func clientTLS(d *document, l *listener) *plan.ClientTLS {
	if !l.secureBack() {
		return nil
	}
	return &plan.ClientTLS{PublicKeys: d.publicKeys(l.InstancePort), Policy: backPolicy, ALPN: alpn(l.http())}
}

// healthCheckOf compiles the health check. What is probed over TLS must have a key of back-end authentication if that is on for the
// port that is probed.
func healthCheckOf(d *document) (*plan.HealthCheck, error) {
	target, err := query.ParseTarget(d.HealthCheck.Target)
	if err != nil {
		return nil, fmt.Errorf("health check %q: %w", d.HealthCheck.Target, err)
	}
	h := &plan.HealthCheck{
		Port: target.Port, Interval: seconds(d.HealthCheck.Interval), Timeout: seconds(d.HealthCheck.Timeout),
		Healthy: int(d.HealthCheck.HealthyThreshold), Unhealthy: int(d.HealthCheck.UnhealthyThreshold), StartsDown: true,
	}
	if target.Path != "" {
		h.Protocol, h.Path, h.Status = plan.CheckHTTP, target.Path, statusHealthy
	}
	if target.Protocol == "HTTPS" || target.Protocol == "SSL" {
		h.TLS = &plan.ClientTLS{PublicKeys: d.publicKeys(int32(target.Port)), Policy: backPolicy, ALPN: alpn(target.Path != "")}
	}
	return h, nil
}

// statusHealthy is the only status that passes a health check.
const statusHealthy = 200
