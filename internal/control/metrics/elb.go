package metrics

import (
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A ClassicLoadBalancer is one that was made through the Classic ELB API.
type ClassicLoadBalancer struct {
	Name      string // which is its name in the plan, too
	CrossZone bool   // its addresses use the instances of every zone
	// Zone returns the zone of the address that a listener is on, and its backend set with it, by their name in the plan. nil
	// stands for what follows the first dot: us-east-1a of http-80.us-east-1a.
	Zone func(name string) string
}

// Classic is who knows them. Its method may be called from any goroutine.
type Classic interface {
	LoadBalancers() []ClassicLoadBalancer
}

// zone returns the zone of a listener or backend set.
func (c *ClassicLoadBalancer) zone(name string) string {
	if c.Zone != nil {
		return c.Zone(name)
	}
	_, zone, _ := strings.Cut(name, ".")
	return zone
}

const (
	// elbPeriod is that of CloudWatch for load balancers.
	elbPeriod = time.Minute
	// elbLook is how often the sampler looks at what goes up and down within a period.
	elbLook = 15 * time.Second
)

// elbMetric is a statistic of a CloudWatch metric under the name that prometheus/cloudwatch_exporter gives it: an underscore
// before each capital letter that follows a small one or a digit, all in small letters, and the statistic at the end. All are
// gauges there.
func elbMetric(name, help string) metric {
	return metric{prometheus.NewDesc("aws_elb_"+name, help, []string{"load_balancer_name", "availability_zone"}, nil), prometheus.GaugeValue}
}

// The metrics of CloudWatch; docs/reference/metrics.md lists them, and a test holds the two together.
//
//nolint:gochecknoglobals // a table
var (
	elbRequests     = elbMetric("request_count_sum", "Requests sent to instances, or connections made to them.")
	elbNoncompliant = elbMetric("desync_mitigation_mode_non_compliant_request_count_sum", "Requests that do not follow RFC 7230.")
	elbErrors       = elbMetric("backend_connection_errors_sum", "Connections to instances that failed, retries and health checks included.")
	elbSpillover    = elbMetric("spillover_count_sum", "Requests rejected because the surge queue was full.")
	elbSurge        = elbMetric("surge_queue_length_maximum", "Requests that waited for an instance with room, at most at a time.")
	elbBackend      = [...]metric{
		2: elbMetric("httpcode_backend_2_xx_sum", "Responses of instances with a code of 200 to 299."),
		3: elbMetric("httpcode_backend_3_xx_sum", "Responses of instances with a code of 300 to 399."),
		4: elbMetric("httpcode_backend_4_xx_sum", "Responses of instances with a code of 400 to 499."),
		5: elbMetric("httpcode_backend_5_xx_sum", "Responses of instances with a code of 500 to 599."),
	}
	elbOwn = [...]metric{
		4: elbMetric("httpcode_elb_4_xx_sum", "Responses of the load balancer itself with a code of 400 to 499."),
		5: elbMetric("httpcode_elb_5_xx_sum", "Responses of the load balancer itself with a code of 500 to 599."),
	}

	elbLatencyAverage = elbMetric("latency_average", "Seconds from a request sent to the answer's beginning, or to connect, on average.")
	elbLatencyMaximum = elbMetric("latency_maximum", "The longest of these latencies in seconds.")
	elbLatencyP50     = elbMetric("latency_p50", "The latency in seconds that 50 % of them do not exceed.")
	elbLatencyP90     = elbMetric("latency_p90", "The latency in seconds that 90 % of them do not exceed.")
	elbLatencyP99     = elbMetric("latency_p99", "The latency in seconds that 99 % of them do not exceed.")

	elbHealthy = [...]metric{
		elbMetric("healthy_host_count_average", "Healthy instances on average."),
		elbMetric("healthy_host_count_minimum", "Healthy instances when they were fewest."),
		elbMetric("healthy_host_count_maximum", "Healthy instances when they were most."),
	}
	elbUnhealthy = [...]metric{
		elbMetric("un_healthy_host_count_average", "Unhealthy instances on average."),
		elbMetric("un_healthy_host_count_minimum", "Unhealthy instances when they were fewest."),
		elbMetric("un_healthy_host_count_maximum", "Unhealthy instances when they were most."),
	}
)

// elbDescribed lists every one of them.
//
//nolint:gochecknoglobals // a table
var elbDescribed = func() []metric {
	list := []metric{
		elbRequests, elbNoncompliant, elbErrors, elbSpillover, elbSurge,
		elbLatencyAverage, elbLatencyMaximum, elbLatencyP50, elbLatencyP90, elbLatencyP99,
	}
	list = append(append(append(list, elbBackend[2:]...), elbOwn[4:]...), elbHealthy[:]...)
	return append(list, elbUnhealthy[:]...)
}()

// elbPeriods is what the sampler and the scrapes share.
type elbPeriods struct {
	// Atomic.
	classic atomic.Pointer[Classic]
	last    atomic.Pointer[[]elbValue] // of the last whole period, never changed once it is here
}

// elbValue is one series of a period.
type elbValue struct {
	metric     metric
	name, zone string
	value      float64
}

// elb sends the last whole period, if there was one.
func (w writer) elb(period *[]elbValue) {
	if period == nil {
		return
	}
	for _, v := range *period {
		w.put(v.metric, v.value, v.name, v.zone)
	}
}
