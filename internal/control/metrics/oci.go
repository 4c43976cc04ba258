package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lull/internal/dataplane/reason"
	"lull/internal/dataplane/stats"
)

// An OCILoadBalancer is one that was made through the OCI Load Balancer API.
type OCILoadBalancer struct {
	Name        string // in the plan
	ID          string // OCID
	DisplayName string
	Region      string
}

// OCI is who knows them. Its method may be called from any goroutine.
type OCI interface {
	OCILoadBalancers() []OCILoadBalancer
}

// ociPeriod is how often Oracle's service tells its metrics.
const ociPeriod = time.Minute

// The values of the dimension lbComponent, in Oracle's own spelling.
const (
	ociOfSet      = "Backendset"
	ociOfBalancer = "Loadbalancer"
	ociOfListener = "Listener"
)

// ociMetric is a metric of Oracle's namespace oci_lbaas under its own name, capitals included, so that a query is found by the name
// that Oracle's pages have. Prometheus takes an empty label for none.
func ociMetric(name, help string) metric {
	return metric{prometheus.NewDesc("oci_lbaas_"+name, help,
		[]string{"resourceId", "lbName", "region", "availabilityDomain", "lbHostId", "lbComponent", "backendSetName", "listenerName"}, nil), prometheus.GaugeValue}
}

// The metrics of oci_lbaas; docs/reference/metrics.md lists them, and a test holds the two together.
//
//nolint:gochecknoglobals // a table
var (
	ociAccepted     = ociMetric("acceptedConnections", "Client connections accepted in the last whole minute.")
	ociShaken       = ociMetric("acceptedSSLHandshake", "TLS handshakes with clients that succeeded in the last whole minute.")
	ociActive       = ociMetric("activeConnections", "Connections of clients, or in use to backends, at the end of the last whole minute.")
	ociActiveTLS    = ociMetric("activeSslConnections", "Connections of clients to TLS listeners at the end of the last whole minute.")
	ociUncertified  = ociMetric("failedSSLClientCertVerify", "Clients turned away in the last whole minute for want of a valid certificate.")
	ociUnshaken     = ociMetric("FailedSslHandshake", "TLS handshakes with clients that failed in the last whole minute.")
	ociHandled      = ociMetric("handledConnections", "Client connections accepted in the last whole minute that no limit turned away.")
	ociPeak         = ociMetric("peakBandwidth", "Bits per second both ways in the busiest quarter of the last whole minute.")
	ociRequests     = ociMetric("httpRequests", "HTTP requests in the last whole minute.")
	ociReceived     = ociMetric("bytesReceived", "Bytes taken from clients in the last whole minute.")
	ociSent         = ociMetric("bytesSent", "Bytes taken from backends in the last whole minute.")
	ociServers      = ociMetric("backendServers", "Backends at the end of the last whole minute.")
	ociUnhealthy    = ociMetric("unhealthyBackendServers", "Backends that were not healthy at the end of the last whole minute.")
	ociKeptAlive    = ociMetric("keepAliveConnections", "Connections to backends that no request used at the end of the last whole minute.")
	ociClosed       = ociMetric("closedConnections", "Connections to backends that ended in the last whole minute.")
	ociOverdue      = ociMetric("backendTimeouts", "Times in the last whole minute that a backend let lull wait longer than a timeout.")
	ociInvalid      = ociMetric("invalidHeaderResponses", "Responses of backends in the last whole minute that could not be understood.")
	ociHeaderTook   = ociMetric("responseTimeHttpHeader", "Milliseconds from a request sent to a backend to the answer's beginning, on average in the last whole minute.")
	ociFirstTook    = ociMetric("responseTimeFirstByte", "Milliseconds from a connection to a backend to its first byte, on average in the last whole minute.")
	ociResponses    = ociMetric("httpResponses", "HTTP responses in the last whole minute.")
	ociResponses200 = ociMetric("httpResponses200", "Responses with the code 200.")
	ociResponses2xx = ociMetric("httpResponses2xx", "Responses with a code of 200 to 299.")
	ociResponses3xx = ociMetric("httpResponses3xx", "Responses with a code of 300 to 399.")
	ociResponses4xx = ociMetric("httpResponses4xx", "Responses with a code of 400 to 499.")
	ociResponses502 = ociMetric("httpResponses502", "Responses with the code 502.")
	ociResponses504 = ociMetric("httpResponses504", "Responses with the code 504.")
	ociResponses5xx = ociMetric("httpResponses5xx", "Responses with a code of 500 to 599.")
	ociDescribed    = []metric{
		ociAccepted, ociShaken, ociActive, ociActiveTLS, ociUncertified, ociUnshaken, ociHandled, ociPeak, ociRequests, ociReceived, ociSent,
		ociServers, ociUnhealthy, ociKeptAlive, ociClosed, ociOverdue, ociInvalid, ociHeaderTook, ociFirstTook,
		ociResponses, ociResponses200, ociResponses2xx, ociResponses3xx, ociResponses4xx, ociResponses502, ociResponses504, ociResponses5xx,
	}
)

// ociCounts are the counters of a load balancer, a listener or a backend set, since lull started or over a period. Most places use only
// some of them.
type ociCounts struct {
	accepted, shaken, uncertified, unshaken, refused uint64
	requests, received, sent                         uint64
	closed, overdue, invalid                         uint64
	answers, answersTook, firsts, firstsTook         uint64 // the times in ns
	ok, badGateway, timeout                          uint64
	status                                           [6]uint64 // responses by class
}

// fields returns each of them.
func (c *ociCounts) fields() [24]*uint64 {
	return [...]*uint64{
		&c.accepted, &c.shaken, &c.uncertified, &c.unshaken, &c.refused, &c.requests, &c.received, &c.sent, &c.closed, &c.overdue, &c.invalid,
		&c.answers, &c.answersTook, &c.firsts, &c.firstsTook, &c.ok, &c.badGateway, &c.timeout,
		&c.status[0], &c.status[1], &c.status[2], &c.status[3], &c.status[4], &c.status[5],
	}
}

// since returns by how much each has grown.
func (c ociCounts) since(before ociCounts) ociCounts {
	then := before.fields()
	for i, now := range c.fields() {
		*now = since(*now, *then[i])
	}
	return c
}

// addListener adds what a listener of the plan tells of its load balancer.
func (c *ociCounts) addListener(l *stats.ListenerTotals) {
	c.accepted += l.Accepted
	c.shaken += l.Handshakes
	c.uncertified += l.Closes[reason.NoClientCert] + l.Untrusted
	for _, why := range [...]reason.Reason{reason.HandshakeFailed, reason.HandshakeTimeout, reason.TLSViolation, reason.PlainHTTP} {
		if l.Secure {
			c.unshaken += l.Closes[why]
		}
	}
	c.refused += l.Closes[reason.AddressLimit] + l.Closes[reason.NoDescriptors]
	c.requests += l.Requests
	c.received += l.BytesUp
	c.sent += l.BytesDown
}

// addTunnels adds what a TCP listener tells of its backend set.
func (c *ociCounts) addTunnels(l *stats.ListenerTotals) {
	c.received += l.BytesUp
	c.sent += l.BytesDown
	c.overdue += l.Closes[reason.ConnectTimeout]
	c.firsts += l.Firsts
	c.firstsTook += uint64(l.FirstTook)
}

// addSet adds what is counted of a backend set.
func (c *ociCounts) addSet(s *stats.SetTotals) {
	c.requests += s.Requests
	c.received += s.BytesUp
	c.sent += s.BytesDown
	c.overdue += s.Overdue
	c.invalid += s.BadResponses
	c.answers += s.Answers
	c.answersTook += uint64(s.AnswersTook)
	c.ok += s.OK
	c.badGateway += s.BadGateway
	c.timeout += s.Timeout
	for class, n := range s.Status {
		c.status[class] += n
	}
}

// addSite adds what is counted of a listener of the API.
func (c *ociCounts) addSite(s *stats.SiteTotals) {
	c.requests += s.Requests
	c.ok += s.OK
	c.badGateway += s.BadGateway
	c.timeout += s.Timeout
	for class := range s.BackendStatus {
		c.status[class] += s.BackendStatus[class] + s.OwnStatus[class]
	}
}

// ociPeriods is what the sampler and the scrapes share.
type ociPeriods struct {
	// Atomic.
	known atomic.Pointer[OCI]
	last  atomic.Pointer[[]ociValue] // of the last whole period, never changed once it is here
}

// ociPlace is what a series is of.
type ociPlace struct {
	balancer  string // in the plan
	component string
	name      string // of the backend set or listener
}

// ociValue is one series of a period.
type ociValue struct {
	metric metric
	of     *OCILoadBalancer
	place  ociPlace
	value  float64
}

// oci sends the last whole period, if there was one.
func (w writer) oci(period *[]ociValue, host string) {
	if period == nil {
		return
	}
	for _, v := range *period {
		var set, listener string
		switch v.place.component {
		case ociOfSet:
			set = v.place.name
		case ociOfListener:
			listener = v.place.name
		}
		// lull is one host, which is one availability domain as far as its clients can tell.
		w.put(v.metric, v.value, v.of.ID, v.of.DisplayName, v.of.Region, v.of.Region+"-AD-1", host, v.place.component, set, listener)
	}
}
