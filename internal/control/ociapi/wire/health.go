package wire

import "time"

// The states of health.
const (
	HealthOK       = "OK"
	HealthWarning  = "WARNING"
	HealthCritical = "CRITICAL"
	HealthUnknown  = "UNKNOWN"
)

// BackendHealth is what the probes of one backend have found.
type BackendHealth struct {
	Status             string              `wire:"status"`
	HealthCheckResults []HealthCheckResult `wire:"healthCheckResults"`
}

// HealthCheckResult is the last result of one prober.
type HealthCheckResult struct {
	SubnetID          *string   `wire:"subnetId"`
	SourceIPAddress   string    `wire:"sourceIpAddress"`
	Timestamp         time.Time `wire:"timestamp"`
	HealthCheckStatus string    `wire:"healthCheckStatus"`
}

// BackendSetHealth names the backends that are not well.
type BackendSetHealth struct {
	Status                    string   `wire:"status"`
	WarningStateBackendNames  []string `wire:"warningStateBackendNames"`
	CriticalStateBackendNames []string `wire:"criticalStateBackendNames"`
	UnknownStateBackendNames  []string `wire:"unknownStateBackendNames"`
	TotalBackendCount         int      `wire:"totalBackendCount"`
}

// LoadBalancerHealth names the backend sets that are not well.
type LoadBalancerHealth struct {
	Status                       string   `wire:"status"`
	WarningStateBackendSetNames  []string `wire:"warningStateBackendSetNames"`
	CriticalStateBackendSetNames []string `wire:"criticalStateBackendSetNames"`
	UnknownStateBackendSetNames  []string `wire:"unknownStateBackendSetNames"`
	TotalBackendSetCount         int      `wire:"totalBackendSetCount"`
}

// LoadBalancerHealthSummary is the state of one load balancer among those of its compartment.
type LoadBalancerHealthSummary struct {
	LoadBalancerID string `wire:"loadBalancerId"`
	Status         string `wire:"status"`
}
