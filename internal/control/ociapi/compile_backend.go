package ociapi

import (
	"time"

	"lull/internal/control/ociapi/wire"
	"lull/internal/dataplane/lookahead"
	"lull/internal/dataplane/plan"
	"lull/internal/dataplane/timeout"
)

// policies are the API's load balancing policies in the data plane.
//
//nolint:gochecknoglobals // a table
var policies = map[string]plan.Policy{
	"ROUND_ROBIN":       plan.RoundRobin,
	"LEAST_CONNECTIONS": plan.LeastConnections,
	"IP_HASH":           plan.SourceIPHash,
}

// probers is how many probe each backend: Oracle's load balancers are pairs, and backend health is told by both.
const probers = 2

// anyBody is the expression that every body matches.
const anyBody = ".*"

// backendSet compiles a backend set.
func (s *Service) backendSet(d *document, name string) (*plan.BackendSet, error) {
	from := d.BackendSets[name]
	tls, err := s.clientTLS(d, name, &from)
	if err != nil {
		return nil, err
	}
	check, err := healthCheck(name, &from, tls)
	if err != nil {
		return nil, err
	}
	set := &plan.BackendSet{
		Key: d.setKey(name), Policy: policies[from.Policy], Backends: make([]plan.Backend, len(from.Backends)),
		HealthCheck: check, Stickiness: stickiness(&from.Persistence), TLS: tls,
		Drain: &removedDrain, BackupWhenDown: true,
	}
	for i := range from.Backends {
		b := &from.Backends[i]
		set.Backends[i] = plan.Backend{
			Key: d.backendKey(name, b), Weight: b.Weight, ConnectionsMax: connectionsMax(b.MaxConnections, from.BackendMaxConnections),
			Backup: b.Backup, Drain: b.Drain, Offline: b.Offline,
		}
	}
	return set, nil
}

// removedDrain is how long the open connections of a backend may go on that is removed or set offline. Oracle names no end, and says
// that changes of backends disturb no connection: what is silent has ended by then, whatever its listener's idle timeout.
//
//nolint:gochecknoglobals // a constant
var removedDrain = timeout.IdleRange(timeout.Directional).Max

func (d *document) setKey(name string) plan.SetKey {
	return plan.SetKey{LoadBalancer: d.PlanName, Name: name}
}

func (d *document) backendKey(set string, b *wire.BackendDetails) plan.BackendKey {
	return plan.BackendKey{Set: d.setKey(set), Host: b.IPAddress, Port: uint16(b.Port)} // the API allows 1 to 65535
}

// connectionsMax returns a backend's own bound, or that of its set; 0 is none.
func connectionsMax(own, set *int) int {
	switch {
	case own != nil:
		return *own
	case set != nil:
		return *set
	}
	return 0
}

// stickiness compiles how clients are kept on their backends; nil is not at all.
func stickiness(p *wire.Persistence) *plan.Stickiness {
	if a := p.SessionPersistenceConfiguration; a != nil {
		return &plan.Stickiness{Cookie: routeCookie, Follow: a.CookieName, NoFallback: a.DisableFallback}
	}
	c := p.LBCookieSessionPersistenceConfiguration
	if c == nil {
		return nil
	}
	out := &plan.Stickiness{
		Cookie: c.CookieName, NoFallback: c.DisableFallback, Path: c.Path,
		Secure: c.IsSecure != nil && *c.IsSecure, HTTPOnly: c.IsHTTPOnly != nil && *c.IsHTTPOnly,
	}
	if c.Domain != nil {
		out.Domain = *c.Domain
	}
	if c.MaxAgeInSeconds != nil {
		out.Duration = time.Duration(*c.MaxAgeInSeconds) * time.Second
	}
	return out
}

// routeCookie is the load balancer's own cookie where clients cannot name it: that of the other kind of stickiness, for Oracle does
// not tell what it is called when a cookie of the application is followed.
const routeCookie = "X-Oracle-BMC-LBS-Route"

// healthCheck compiles how a set's backends are probed. What the application answers is read by RE2, which bounds the time that a body
// takes; expressions that need more are refused.
func healthCheck(name string, set *wire.BackendSetDetails, tls *plan.ClientTLS) (*plan.HealthCheck, error) {
	from := &set.HealthChecker
	h := &plan.HealthCheck{
		Port: uint16(from.Port), Interval: millis(from.IntervalInMillis), Timeout: millis(from.TimeoutInMillis), // 0 to 65535
		Healthy: from.Retries, Unhealthy: from.Retries, Probers: probers,
	}
	if tls != nil && !from.IsForcePlainText {
		probe := *tls
		probe.ALPN = nil
		h.TLS = &probe
	}
	if from.Protocol != wire.ProtocolHTTP {
		return h, nil
	}
	h.Protocol, h.Path, h.Status = plan.CheckHTTP, "/", from.ReturnCode
	if from.URLPath != nil && *from.URLPath != "" {
		h.Path = *from.URLPath
	}
	if h.TLS != nil {
		h.TLS.ALPN = alpnHTTP
	}
	if from.ResponseBodyRegex == anyBody {
		return h, nil
	}
	body, err := lookahead.Compile(from.ResponseBodyRegex)
	if err != nil {
		return nil, wrongExpression("backendSets."+name+".healthChecker.responseBodyRegex", from.ResponseBodyRegex, err)
	}
	h.Body = body
	return h, nil
}

func millis(n int) time.Duration { return time.Duration(n) * time.Millisecond }
